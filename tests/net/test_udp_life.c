/* SPDX-License-Identifier: BSD-3-Clause */
/* ICMP errors, ports that close at awkward moments, sockets that move, sockets in the way. */
#include <errno.h>
#include <unistd.h>
#include "loopback.h"

/* ---- ICMP ---- */

static void closed_peer_port_is_told_by_icmp(void **state)
{
	static const struct {
		uint8_t type, code;
	} cases[] = {{3, 3}, {1, 4}};
	struct fixture *f = *state;
	const char *ips[2];
	size_t n_ips = loopback_ips(ips);
	for (size_t i = 0; i < n_ips; i++) {
		struct net_port *a = open_port(f, ips[i]);
		struct addr peer = closed_port(ips[i]);
		f->n_errors = 0;
		send_number(a, &peer, 1);
		run_until(f, 1);
		assert_true(addr_equal(&f->errors[0].peer, &peer));
		assert_int_equal(f->errors[0].type, cases[i].type);
		assert_int_equal(f->errors[0].code, cases[i].code);
		assert_int_equal(f->errors[0].info, 0);
		net_port_close(a);
	}
	assert_int_equal(counted(f, NET_C_ICMP), n_ips);
	assert_int_equal(counted(f, NET_C_RX_ERRORS), 0); /* the peer's fault, not the socket's */
}

/* The kernel reports an error on the next call, whomever that one is for. */
static void icmp_error_costs_no_other_packet(void **state)
{
	struct fixture *f = *state;
	struct net_port *a = open_port(f, "127.0.0.1"), *b = open_port(f, "127.0.0.1");
	struct addr peer = closed_port("127.0.0.1");
	send_number(a, &peer, 0);
	net_flush(f->net); /* on loopback the error is back before this returns */
	for (uint32_t n = 0; n < 3; n++)
		send_number(a, &b->local, n);
	run_until(f, 4);
	assert_int_equal(f->n_seen, 3);
	assert_int_equal(f->n_errors, 1);
	assert_int_equal(counted(f, NET_C_TX_PACKETS), 4);
	net_port_close(a);
	net_port_close(b);
}

static void port_that_asks_for_no_errors_gets_none(void **state)
{
	struct fixture *f = *state;
	f->handler.icmp = NULL;
	struct net_port *a = open_port(f, "127.0.0.1"), *b = open_port(f, "127.0.0.1");
	struct addr peer = closed_port("127.0.0.1");
	send_number(a, &peer, 0);
	net_flush(f->net);
	send_number(b, &a->local, 1);
	run_until(f, 1);
	assert_int_equal(f->n_errors, 0);
	net_port_close(a);
	net_port_close(b);
}

static void port_may_close_itself_when_told_of_an_error(void **state)
{
	struct fixture *f = *state;
	struct net_port *a = open_port(f, "127.0.0.1");
	struct addr peer = closed_port("127.0.0.1"), other = closed_port("127.0.0.1");
	f->close_on_error = a;
	send_number(a, &peer, 0);
	send_number(a, &other, 1);
	run_until(f, 1);
	assert_null(f->close_on_error);
}

/* ---- ends ---- */

static void port_may_close_itself_in_the_middle_of_a_batch(void **state)
{
	struct fixture *f = *state;
	struct net_port *a = open_port(f, "127.0.0.1"), *b = open_port(f, "127.0.0.1");
	f->close_on_packet = b;
	for (uint32_t n = 0; n < 80; n++)
		send_number(a, &b->local, n);
	net_flush(f->net);
	f->stop_at = 1;
	run_some(f);
	assert_in_range(f->n_seen, 1, 79); /* a batch, and no more */
	net_port_close(a);
}

static void port_may_close_another_that_has_packets_waiting(void **state)
{
	struct fixture *f = *state;
	struct net_port *a = open_port(f, "127.0.0.1"), *b = open_port(f, "127.0.0.1"),
			*c = open_port(f, "127.0.0.1");
	struct addr b_local = b->local, c_local = c->local;
	send_number(a, &b_local, 1);
	send_number(a, &c_local, 2);
	net_flush(f->net); /* both are readable in the first turn */
	f->close_on_packet = c;
	f->stop_at = 1;
	run_some(f);
	if (f->seen[0].number == 1) /* C was closed with its packet unread */
		assert_int_equal(f->n_seen, 1);
	net_port_close(a);
	net_port_close(b);
}

static void closing_sends_what_is_queued(void **state)
{
	struct fixture *f = *state;
	struct net_port *a = open_port(f, "127.0.0.1"), *b = open_port(f, "127.0.0.1");
	for (uint32_t n = 0; n < 3; n++)
		send_number(a, &b->local, n);
	net_port_close(a);
	run_until(f, 3);
	net_port_close(b);
}

/* From one worker's net to another's: nothing that waits in the socket is lost. */
static void detached_socket_goes_on_in_another_net(void **state)
{
	struct fixture *f = *state, *g;
	struct net_port *a = open_port(f, "127.0.0.1"), *b = open_port(f, "127.0.0.1"), *c;
	struct addr b_local = b->local;
	loopback_setup((void **)&g);
	send_number(b, &a->local, 1); /* goes before the socket does */
	int fd = net_udp_detach(b);
	send_number(a, &b_local, 2);
	net_flush(f->net);
	assert_int_equal(net_udp_open(g->net, fd, &b_local, &g->handler, g, &c), 0);

	run_until(f, 1);
	run_until(g, 1);

	assert_int_equal(f->seen[0].number, 1);
	assert_true(addr_equal(&f->seen[0].from, &b_local));
	assert_int_equal(g->seen[0].number, 2);
	send_number(c, &a->local, 3);
	net_flush(g->net);
	run_until(f, 2);
	assert_int_equal(f->seen[1].number, 3);
	net_port_close(a);
	net_port_close(c);
	loopback_teardown((void **)&g);
}

static void ids_are_never_used_twice(void **state)
{
	struct fixture *f = *state;
	uint32_t last = 0;
	for (int i = 0; i < 5; i++) {
		struct net_port *p = open_port(f, "127.0.0.1");
		assert_true(p->id > last);
		last = p->id;
		net_port_close(p);
	}
}

/* ---- sockets ---- */

static void address_in_use_is_refused_unless_it_is_shared(void **state)
{
	struct addr local, shared;
	int one = make_socket("127.0.0.1", &local), two, three;
	assert_int_equal(net_udp_socket(&local, false, 0, &two), -EADDRINUSE);
	assert_int_equal(net_udp_socket(&local, true, 0, &two), -EADDRINUSE);
	close(one);
	shared = local;
	assert_int_equal(net_udp_socket(&shared, true, 1 << 20, &one), 0);
	assert_int_equal(net_udp_socket(&shared, true, 0, &two), 0);
	assert_int_equal(net_udp_socket(&shared, false, 0, &three), -EADDRINUSE);
	close(one);
	close(two);
}

static void ipv6_socket_takes_no_ipv4(void **state)
{
	struct addr v6, v4;
	const char *ips[2];
	int one, two;
	if (loopback_ips(ips) < 2)
		return;
	one = make_socket("::", &v6);
	v4 = addr_ipv4(0, v6.port);
	assert_int_equal(net_udp_socket(&v4, false, 0, &two), 0);
	close(one);
	close(two);
}

static void address_that_is_not_ours_is_refused(void **state)
{
	struct addr a = addr_ipv4(0xc0000201, 50000); /* 192.0.2.1 */
	int fd;
	assert_int_equal(net_udp_socket(&a, false, 0, &fd), -EADDRNOTAVAIL);
}

int main(void)
{
	const struct CMUnitTest t[] = {
#define T(name) cmocka_unit_test_setup_teardown(name, loopback_setup, loopback_teardown)
		T(closed_peer_port_is_told_by_icmp),
		T(icmp_error_costs_no_other_packet),
		T(port_that_asks_for_no_errors_gets_none),
		T(port_may_close_itself_when_told_of_an_error),
		T(port_may_close_itself_in_the_middle_of_a_batch),
		T(port_may_close_another_that_has_packets_waiting),
		T(closing_sends_what_is_queued),
		T(detached_socket_goes_on_in_another_net),
		T(ids_are_never_used_twice),
		cmocka_unit_test(address_in_use_is_refused_unless_it_is_shared),
		cmocka_unit_test(ipv6_socket_takes_no_ipv4),
		cmocka_unit_test(address_that_is_not_ours_is_refused),
	};
	return cmocka_run_group_tests(t, NULL, NULL) != 0;
}
