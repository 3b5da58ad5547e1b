/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * relay: one worker of the edge. It owns the worker's listeners, looks at the first byte of each
 * datagram (RFC 7983) and brings it to the flow table or to the TURN server.
 */
#ifndef SALLYPORT_RELAY_H
#define SALLYPORT_RELAY_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sallyport/common.h>
#include <sallyport/flow/kernel.h>
#include <sallyport/loop.h>
#include <sallyport/metrics.h>
#include <sallyport/turn.h>

enum relay_counter {
	RELAY_C_NOT_TURN,
	RELAY_C_COUNT,
};
extern const struct metrics_group relay_counters;

/* One listening socket of this worker. */
struct relay_listener {
	/* Bound UDP or TCP socket; taken. -1: DTLS on the socket of an earlier AUTH_UDP listener
	 * of the same address. */
	int fd;
	struct addr local;
	enum auth_location location;
	enum auth_transport transport;
	struct ssl_ctx_st *tls; /* AUTH_TLS, AUTH_DTLS; a count is taken */
	uint32_t tenant;        /* id; the default one: or whom the server name chooses */
	unsigned face;          /* which of a relay_tls TLS comes from later */
	/* Balancers that speak the PROXY protocol here; copied. */
	const struct prefix *balancers;
	size_t n_balancers;
	bool is_header_first_only; /* on UDP: as in struct net_proxy_config */
};

struct relay_config {
	struct loop *loop;
	unsigned worker, n_workers;
	struct turn_snapshot *snapshot; /* a count is taken */
	const uint8_t *ticket_key; /* CRYPTO_SEAL_KEY_LEN bytes, copied; the same for all workers */
	const struct relay_listener *listeners;
	size_t n_listeners;
	uint32_t max_connections;        /* of this worker, TCP, TLS and DTLS together */
	uint32_t connections_per_client; /* of them; 0: no limit */
	uint32_t connection_buffer;      /* as in struct net_listener_config */
	metrics_cell *net_cells, *flow_cells, *turn_cells, *relay_cells;
	metrics_cell *tenant_cells; /* as in struct turn_server_config */
	/* As in struct turn_server_config. */
	bool (*lease_try)(
		void *arg, const struct turn_lease_ask *ask, struct turn_lease_grant *grant);
	int (*lease_ask)(void *arg, const struct turn_lease_ask *ask);
	void (*lease_put)(void *arg, const struct turn_lease *lease);
	void *arg;
	struct flow_bucket *node_bucket;
	metrics_cell *path_cells, *kernel_cells;
	struct net_steering *steering; /* relay ports are steered; NULL: sockets. Not owned */
	struct flow_kernel *kernel;    /* flows are offloaded to it; NULL: none is. Not owned */
};

struct relay;

/* Before the worker's thread runs. Takes the listeners' descriptors, also when it fails. */
int relay_create(const struct relay_config *c, struct relay **out);
/* After the worker's thread has ended. */
void relay_destroy(struct relay *r);

struct turn_server *relay_turn(struct relay *r);

/* For handing a worker to another process, while its thread does not run. A second descriptor of
 * the I-th listener, for the caller to close; ERR_NOT_FOUND if it has no socket of its own, -errno.
 */
int relay_copy_listener(struct relay *r, size_t i);
/* Of its steered relay ports: what has arrived is relayed; those open are its own again, and those
 * that came and were not taken are closed. */
void relay_drain(struct relay *r);
void relay_reclaim(struct relay *r);
void relay_settle(struct relay *r);
/* Gives up the listeners and what turn_server_leave ends. Connections on TCP and TLS go on. */
void relay_leave(struct relay *r);

/*
 * Messages to a worker, with its struct relay as context. relay_snapshot_msg carries a pointer to
 * a snapshot whose count goes with it; relay_stop_msg carries nothing and ends the loop;
 * relay_lease_msg answers a turn_lease_ask.
 */
extern const struct msg_type relay_snapshot_msg; /* struct turn_snapshot * */
extern const struct msg_type relay_stop_msg;
struct relay_lease_answer {
	struct turn_lease_ask ask;
	struct turn_lease_grant grant;
};
extern const struct msg_type relay_lease_msg; /* struct relay_lease_answer */
/* New contexts for new connections, by the faces' numbers; a count of each goes with it. NULL where
 * a face has no TLS, or no DTLS. */
#define RELAY_FACES_MAX 16
struct relay_tls {
	struct ssl_ctx_st *by_face[RELAY_FACES_MAX];
	struct ssl_ctx_st *dtls_by_face[RELAY_FACES_MAX];
};
extern const struct msg_type relay_tls_msg; /* struct relay_tls */

#endif
