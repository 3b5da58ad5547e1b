/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * A whole API on loopback for tests: four servers on one thread, a PKI, keys, and a client that
 * speaks HTTP over TLS from the test's own thread. Everything here asserts.
 */
#ifndef SALLYPORT_TESTS_API_RIG_H
#define SALLYPORT_TESTS_API_RIG_H

#include <stdatomic.h>
#include <openssl/ssl.h>
#include <sallyport/api.h>
#include "../crypto/pki.h"

enum rig_server {
	RIG_MTLS,   /* credentials; the handshake demands a certificate */
	RIG_BEARER, /* credentials; a certificate or a token */
	RIG_ADMIN,  /* plain; metrics only */
	RIG_LOCAL,  /* plain; everything, whoever asks is local */
	RIG_SERVERS
};

/* Whose certificate a client shows. */
enum rig_client {
	RIG_NOBODY,   /* none */
	RIG_FE,       /* SAN fe.example.com: may issue */
	RIG_ADMIN_FE, /* known by its key: may issue and administer */
	RIG_UNLISTED, /* of the right CA, but no caller's */
	RIG_FOREIGN,  /* fe.example.com of another CA */
	RIG_BLUE,     /* administers the tenant "blue" */
	RIG_CLIENTS
};

#define RIG_TOKEN    "a-token-for-the-web-shop"
#define RIG_BODY_MAX (512 * 1024)
#define RIG_TENANTS  2 /* the default one and "blue" */

struct rig {
	struct pki_dir dir;
	struct pki_issuer ca, other_ca;
	SSL_CTX *clients[RIG_CLIENTS];
	uint8_t admin_pin[1][CRYPTO_SHA256_LEN], token[1][CRYPTO_SHA256_LEN];

	struct loop *loop;
	struct loop_thread *thread;
	struct ssl_ctx_st *tls[RIG_SERVERS];
	struct http_server *servers[RIG_SERVERS];
	uint16_t ports[RIG_SERVERS];

	struct metrics_set *metrics;
	struct api *api;
	struct auth_snapshot *auth[RIG_TENANTS]; /* the loop's thread only, while it runs */
	struct mras_caller callers[4];
	struct addr address;
	struct mras_relay relay;
	struct mras_config config;
	atomic_bool is_ready, is_revoking_broken, is_reload_broken, is_asking_broken;
	struct api_listener listener;
	struct api_drain_order order;
	struct turn_question question; /* the last one; read it when its answer is there */
	int log_fd;
	char log_path[PKI_PATH_LEN];
};

void rig_start(struct rig *rig);
void rig_stop(struct rig *rig);

struct rig_answer {
	int status;      /* 0: there was none */
	char text[8192]; /* the whole of it */
	char *body;      /* in text */
};

/* One request on a connection of its own. TYPE and BODY may be NULL; HEADER is a whole line. */
const struct rig_answer *rig_ask(struct rig *rig, enum rig_server server, enum rig_client client,
	const char *method_and_path, const char *type, const char *header, const char *body);

/* What was logged until now; malloc'd. */
char *rig_log(struct rig *rig);

#endif
