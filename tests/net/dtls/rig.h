/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * DTLS sessions over a wire of the test's: clients of OpenSSL on one side, a fake UDP port on the
 * other, and between them a list of datagrams that the test lets pass, drops, doubles or turns
 * round. Time is a number, for OpenSSL too.
 */
#ifndef TESTS_NET_DTLS_RIG_H
#define TESTS_NET_DTLS_RIG_H

#include "../rig.h"

#include <openssl/ssl.h>
#include <sallyport/crypto.h>

struct client {
	struct fixture *f;
	struct addr addr;
	struct crypto_dtls_wire wire; /* first datagrams of it go to f->to_server */
	SSL *ssl;
};

int rig_setup(void **state);
int rig_teardown(void **state);

void open_dtls(struct fixture *f, uint32_t max_connections);

/* A client at 192.0.2.1:PORT. client_fini says nothing on the wire. */
void client_init(struct client *c, struct fixture *f, uint16_t port);
void client_fini(struct client *c);
/* The client takes its next step with IN, which may be NULL. True: its handshake is done. */
bool client_step(struct client *c, const struct datagram *in);

/* Takes the oldest datagram off W. */
struct datagram wire_take(struct wire *w);
/* A datagram as the server's socket would bring it. */
void server_hears(struct fixture *f, const struct datagram *d);
void server_takes_all(struct fixture *f);
void client_takes_all(struct fixture *f, struct client *c);
/* To and fro until the client is done and nothing is under way. */
void shake_hands(struct fixture *f, struct client *c);

void client_says(struct client *c, const void *data, size_t len);
/* What comes next, whole; 0: nothing does. */
size_t client_hears(struct client *c, const struct datagram *in, void *out, size_t cap);

#endif
