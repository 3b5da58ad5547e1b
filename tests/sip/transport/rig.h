/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * A transport layer on loopback whose clock is the test's, its owner, who keeps what is told, and
 * peers of it as plain sockets. Nothing waits for a clock; an alarm ends a test in which what is
 * awaited does not come.
 */
#ifndef TESTS_SIP_TRANSPORT_RIG_H
#define TESTS_SIP_TRANSPORT_RIG_H

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <sallyport/sip/transport.h>

#define RIG_LISTENERS 4
#define RIG_TOKENS    64

struct rig {
	struct loop *loop;
	struct net *net;
	struct sip_transport_layer *layer;
	metrics_cell cells[SIP_TRANSPORT_C_COUNT], net_cells[NET_C_COUNT];
	struct clock clock;
	struct wheel wheel;
	struct sip_listener_config listeners[RIG_LISTENERS];
	struct sip_transport_config config;
	char why[SIP_TRANSPORT_WHY_LEN];

	/* What the owner was told, the last of each. */
	size_t n_arrived, n_closed, n_failed, n_unreachable;
	struct sip_arrival arrival; /* its message is in TEXT */
	char text[65536];
	struct crypto_peer peer;
	struct sip_flow closed;
	int closed_why, failed_why;
	uint64_t failed[RIG_TOKENS]; /* the first of them */
	struct addr unreachable;
	/* What the owner does when a message comes. */
	const char *answer; /* sends it back by the flow; NULL: nothing */
	bool is_closing;
	bool admits_nobody;
	const char *trusted; /* whose certificate is let in; NULL: any */
};

/* A cmocka setup: no layer yet. */
int rig_setup(void **state);
int rig_teardown(void **state);
/* Listens on 127.0.0.1 and a port the kernel picks. Before rig_start. */
void rig_listen(struct rig *r, enum sip_transport transport, struct ssl_ctx_st *tls);
void rig_start(struct rig *r);

/* Waits for events and handles them; handles those that are there. */
void rig_turn(struct rig *r);
void rig_turn_now(struct rig *r);
/* Turns until a counter says N. */
void rig_until(struct rig *r, enum sip_transport_counter row, uint64_t n);
uint64_t rig_counted(const struct rig *r, enum sip_transport_counter row);
/* Time passes: timers go off. */
void rig_wait(struct rig *r, uint64_t ms);

/* ---- peers ---- */

/* A connection to listener I, not blocking. */
int rig_connect(struct rig *r, uint32_t i);
int rig_connect_from(struct rig *r, uint32_t i, const char *address);
/* A socket that listens on 127.0.0.1, and its target. */
int rig_server(struct sip_target *target);
int rig_accept(struct rig *r, int server);
void rig_say(int fd, const char *text);
/* Turns until exactly TEXT has come. */
void rig_hear(struct rig *r, int fd, const char *text);
/* Turns until the other side has ended the connection; bytes before that do not matter. */
void rig_hear_end(struct rig *r, int fd);
/* Whether anything has come. */
bool rig_is_quiet(struct rig *r, int fd);

struct bytes rig_bytes(const char *text);
/* Does FLOW lead nowhere? */
bool rig_is_gone(struct rig *r, struct sip_flow flow);

#endif
