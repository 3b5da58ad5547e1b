/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * DTLS sessions over a wire of the test's: clients of OpenSSL on one side, a fake UDP port on the
 * other, and between them a list of datagrams that the test lets pass, drops, doubles or turns
 * round. Time is a number, for OpenSSL too.
 */
#ifndef TESTS_NET_DTLS_RIG_H
#define TESTS_NET_DTLS_RIG_H

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <openssl/ssl.h>
#include <sallyport/crypto.h>
#include <sallyport/net.h>

#define WIRE_MAX 64

struct datagram {
	struct addr peer; /* the client's end */
	size_t len;
	uint8_t data[2048];
};

/* What is under way in one direction, oldest first. */
struct wire {
	size_t n;
	struct datagram list[WIRE_MAX];
};

struct client {
	struct fixture *f;
	struct addr addr;
	struct crypto_dtls_wire wire; /* first datagrams of it go to f->to_server */
	SSL *ssl;
};

struct fixture {
	struct loop *loop;
	struct net *net;
	metrics_cell cells[NET_C_COUNT];
	struct clock clock;
	struct wheel wheel;
	struct net_handler handler;
	struct net_port udp; /* the fake */
	struct net_dtls *dtls;
	struct bio_method_st *method; /* of the clients */
	struct wire to_server, to_client;
	size_t longest_to_client;
	struct net_port *port; /* of the newest session that has spoken */
	size_t n_messages, n_closed;
	uint8_t heard[20000]; /* the last message */
	size_t heard_len;
	bool is_echo, is_closing; /* what the handler does */
};

int rig_setup(void **state);
int rig_teardown(void **state);

struct ssl_ctx_st *make_server(void);
void open_dtls(struct fixture *f, uint32_t max_connections);
uint64_t counted(struct fixture *f, enum net_counter row);
/* Time passes: timers of the server go off, and OpenSSL sees it. */
void wait_ms(struct fixture *f, uint64_t ms);

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
