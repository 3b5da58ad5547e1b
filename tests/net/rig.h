/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * What the tests of connections and of DTLS sessions have in common: a worker's net with a clock
 * and a wheel of the test's, and a handler that keeps what it hears. stream_rig.h brings a listener
 * to it, dtls_rig.h a wire of datagrams.
 */
#ifndef TESTS_NET_RIG_H
#define TESTS_NET_RIG_H

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <sallyport/net.h>

#include "../crypto/pki.h"

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

struct fixture {
	struct loop *loop;
	struct net *net;
	metrics_cell cells[NET_C_COUNT];
	struct clock clock;
	struct wheel wheel;
	struct net_handler handler;
	struct net_port *port;  /* of the newest connection or session that has spoken */
	struct addr from, gone; /* who sent the last message, whose connection ended last */
	size_t n_messages, n_closed;
	uint8_t heard[20000]; /* the last message */
	size_t heard_len;
	bool is_echo, is_closing; /* what the handler does */

	/* Of stream_rig.h. */
	struct net_listener *listener;
	struct addr local;
	uint32_t per_client;          /* of the listener; 0: no limit */
	struct prefix_set *balancers; /* of the listener; NULL: none */
	int client;

	/* Of dtls_rig.h. */
	struct net_port udp; /* the fake */
	struct net_dtls *dtls;
	struct bio_method_st *method; /* of the clients */
	struct wire to_server, to_client;
	size_t longest_to_client;
};

struct fixture *fixture_create(void);
/* When all that was opened is closed; nothing may be left of it. */
void fixture_destroy(struct fixture *f);

uint64_t counted(struct fixture *f, enum net_counter row);
/* Time passes: timers of the server go off. */
void wait_ms(struct fixture *f, uint64_t ms);

#endif
