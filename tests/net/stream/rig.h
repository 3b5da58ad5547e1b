/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * A listener on loopback and a client of it; an alarm ends a test whose bytes do not come.
 */
#ifndef TESTS_NET_STREAM_RIG_H
#define TESTS_NET_STREAM_RIG_H

#include "../rig.h"

#define BINDING                                                                                    \
	"\x00\x01\x00\x00\x21\x12\xa4\x42"                                                         \
	"abcdefghijkl"
#define CHANNEL                                                                                    \
	"\x40\x01\x00\x05"                                                                         \
	"hello"                                                                                    \
	"\0\0\0"

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
/* Rounds until the counter is N, and not more. */
void until(struct fixture *f, enum net_counter row, uint64_t n);

int dial(struct fixture *f);
int dial_from(struct fixture *f, const char *ip);
void say(struct fixture *f, const void *data, size_t len);
#define SAY(f, text) say(f, text, sizeof(text) - 1)
/* Reads LEN bytes while the server goes on. */
void hear(struct fixture *f, void *out, size_t len);
/* The server has closed the client's connection. */
void assert_ended(struct fixture *f);

#endif
