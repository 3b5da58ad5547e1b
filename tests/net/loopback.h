/* SPDX-License-Identifier: BSD-3-Clause */
/* Ports over real UDP on loopback, and a record of what arrives at them. Nothing waits for a clock;
 * an alarm ends a test whose packets do not come. */
#ifndef TESTS_NET_LOOPBACK_H
#define TESTS_NET_LOOPBACK_H

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>
#include <sallyport/net.h>

#define SEEN_MAX 300

struct seen {
	struct net_port *port;
	struct addr from;
	uint32_t len, number; /* the first four bytes, if there are that many */
	uint8_t tos;
};

struct fixture {
	struct loop *loop;
	struct net *net;
	metrics_cell cells[NET_C_COUNT];
	struct net_handler handler;
	struct seen seen[SEEN_MAX];
	size_t n_seen, stop_at; /* packets or errors after which the loop stops */
	struct net_icmp errors[8];
	size_t n_errors;
	struct net_port *close_on_packet, *close_on_error; /* NULL: closed already, or never */
};

int loopback_setup(void **state);
int loopback_teardown(void **state);

/* "127.0.0.1", and "::1" where the host has it. */
size_t loopback_ips(const char *out[2]);
/* On a port the kernel picks; the address with that port. */
int make_socket(const char *ip, struct addr *local);
struct net_port *open_port(struct fixture *f, const char *ip);
struct addr closed_port(const char *ip);

struct net_buf *buffer(struct fixture *f, const struct addr *to, uint32_t number, size_t len);
void send_number(struct net_port *p, const struct addr *to, uint32_t number);
/* Runs the loop until N packets and errors have come in all. */
void run_until(struct fixture *f, size_t n);
/* Runs it until a callback stops it, however many come then. */
void run_some(struct fixture *f);
uint64_t counted(struct fixture *f, enum net_counter row);

#endif
