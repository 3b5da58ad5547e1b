/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * A listener on loopback and a client of it. The clock is a number, the wheel is the test's; an
 * alarm ends a test whose bytes do not come.
 */
#ifndef TESTS_NET_STREAM_RIG_H
#define TESTS_NET_STREAM_RIG_H

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <sallyport/net.h>

#define BINDING                                                                                    \
	"\x00\x01\x00\x00\x21\x12\xa4\x42"                                                         \
	"abcdefghijkl"
#define CHANNEL                                                                                    \
	"\x40\x01\x00\x05"                                                                         \
	"hello"                                                                                    \
	"\0\0\0"

struct fixture {
	struct loop *loop;
	struct net *net;
	metrics_cell cells[NET_C_COUNT];
	struct clock clock;
	struct wheel wheel;
	struct net_handler handler;
	struct net_listener *listener;
	struct addr local;
	uint32_t per_client;          /* of the listener; 0: no limit */
	struct prefix_set *balancers; /* of the listener; NULL: none */
	struct net_port *port;        /* of the newest connection that has spoken */
	struct addr from, gone;       /* who sent the last message, whose connection ended last */
	size_t n_messages, n_closed;
	bool is_echo, is_closing; /* what the handler does */
	int client;
};

int rig_setup(void **state);
int rig_teardown(void **state);

/* Connections from loopback begin with a header of the PROXY protocol from here on. */
void expect_proxies(struct fixture *f);
/* TLS may be NULL. */
void open_listener(struct fixture *f, uint32_t max_connections, struct ssl_ctx_st *tls);

/* One round of events; waits for the first. */
void turn(struct fixture *f);
/* One round of those that are there. */
void turn_now(struct fixture *f);
uint64_t counted(struct fixture *f, enum net_counter row);
/* Rounds until the counter is N, and not more. */
void until(struct fixture *f, enum net_counter row, uint64_t n);
void wait_ms(struct fixture *f, uint64_t ms);

int dial(struct fixture *f);
int dial_from(struct fixture *f, const char *ip);
void say(struct fixture *f, const void *data, size_t len);
#define SAY(f, text) say(f, text, sizeof(text) - 1)
/* Reads LEN bytes while the server goes on. */
void hear(struct fixture *f, void *out, size_t len);
/* The server has closed the client's connection. */
void assert_ended(struct fixture *f);

#endif
