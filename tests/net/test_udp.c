/* SPDX-License-Identifier: BSD-3-Clause */
/* Batches, buffers and what of the IP header goes with a packet. */
#include <netinet/in.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>
#include "loopback.h"

/* ---- batches ---- */

static void packets_arrive_whole_and_in_order(void **state)
{
	const char *ips[2];
	size_t n_ips = loopback_ips(ips);
	for (size_t i = 0; i < n_ips; i++) {
		struct fixture *f = *state;
		struct net_port *a = open_port(f, ips[i]), *b = open_port(f, ips[i]);
		f->n_seen = 0;
		for (uint32_t n = 0; n < 100; n++)
			net_port_send(a, buffer(f, &b->local, n, 4 + n));
		run_until(f, 100);
		for (uint32_t n = 0; n < 100; n++) {
			assert_ptr_equal(f->seen[n].port, b);
			assert_true(addr_equal(&f->seen[n].from, &a->local));
			assert_int_equal(f->seen[n].number, n);
			assert_int_equal(f->seen[n].len, 4 + n);
		}
		net_port_close(a);
		net_port_close(b);
	}
}

static void batches_take_few_calls_and_are_counted(void **state)
{
	struct fixture *f = *state;
	struct net_port *a = open_port(f, "127.0.0.1"), *b = open_port(f, "127.0.0.1");
	for (uint32_t n = 0; n < 100; n++)
		send_number(a, &b->local, n);
	assert_int_equal(counted(f, NET_C_TX_CALLS), 0); /* not before the end of the turn */
	run_until(f, 100);
	assert_int_equal(counted(f, NET_C_TX_PACKETS), 100);
	assert_int_equal(counted(f, NET_C_TX_BYTES), 400);
	assert_int_equal(counted(f, NET_C_RX_PACKETS), 100);
	assert_int_equal(counted(f, NET_C_RX_BYTES), 400);
	assert_in_range(counted(f, NET_C_TX_CALLS), 1, 10);
	assert_in_range(counted(f, NET_C_RX_CALLS), 1, 20);
	assert_int_equal(counted(f, NET_C_RX_ERRORS), 0);
	net_port_close(a);
	net_port_close(b);
}

/* A port gets a bounded number of batches in a turn, however many datagrams wait. */
static void a_flood_on_one_port_leaves_the_others_their_turn(void **state)
{
	struct fixture *f = *state;
	struct net_port *a = open_port(f, "127.0.0.1"), *flooded = open_port(f, "127.0.0.1");
	struct net_port *other = open_port(f, "127.0.0.1");
	size_t at = 0;
	for (uint32_t round = 0; round < 5; round++) { /* until it asks for full batches */
		for (uint32_t n = 0; n < 40; n++)
			send_number(a, &flooded->local, n);
		run_until(f, f->n_seen + 40);
	}
	f->n_seen = 0;
	for (uint32_t n = 0; n < 220; n++)
		send_number(a, &flooded->local, n);
	send_number(a, &other->local, 7);
	run_until(f, 221);
	while (f->seen[at].port != other)
		at++;
	assert_in_range(at, 0, 4 * 32);
	net_port_close(a);
	net_port_close(flooded);
	net_port_close(other);
}

/* More are ready than one turn serves; the rest has the next one. */
static void every_ready_port_is_served(void **state)
{
	enum {
		N = 280
	};
	struct fixture *f = *state;
	struct net_port *a = open_port(f, "127.0.0.1"), *ports[N];
	for (uint32_t n = 0; n < N; n++) {
		ports[n] = open_port(f, "127.0.0.1");
		send_number(a, &ports[n]->local, n);
	}
	net_flush(f->net);
	run_until(f, N);
	for (uint32_t n = 0; n < N; n++) {
		assert_ptr_equal(f->seen[n].port, ports[f->seen[n].number]);
		net_port_close(ports[n]);
	}
	net_port_close(a);
}

/* Alone or in a burst, and beside those that stand in the set. */
static void a_port_that_stands_apart_is_served(void **state)
{
	struct fixture *f = *state;
	struct net_port *a = open_port(f, "127.0.0.1"), *b = open_port(f, "127.0.0.1");
	struct net_port *c = open_port(f, "127.0.0.1");
	net_udp_apart(b);
	net_udp_apart(b);
	send_number(a, &b->local, 0);
	run_until(f, 1);
	assert_ptr_equal(f->seen[0].port, b);
	for (uint32_t n = 0; n < 100; n++)
		send_number(a, n % 2 ? &b->local : &c->local, n);
	run_until(f, 101);
	uint32_t next[2] = {0, 1};
	for (size_t i = 1; i < 101; i++) {
		unsigned is_b = f->seen[i].port == b;
		assert_int_equal(f->seen[i].number, next[is_b]);
		next[is_b] += 2;
	}
	net_port_close(a);
	net_port_close(b);
	net_port_close(c);
}

/* By its own callback, with more of it and of others to come. */
static void a_port_that_stands_apart_may_close(void **state)
{
	struct fixture *f = *state;
	struct net_port *a = open_port(f, "127.0.0.1"), *b = open_port(f, "127.0.0.1");
	net_udp_apart(b);
	f->close_on_packet = b;
	for (uint32_t n = 0; n < 3; n++)
		send_number(a, &b->local, n);
	send_number(a, &a->local, 9);
	run_until(f, 2);
	assert_null(f->close_on_packet);
	net_port_close(a);
}

static void shortest_and_longest_datagrams_pass(void **state)
{
	static const size_t longest[] = {65507, 65527};
	struct fixture *f = *state;
	const char *ips[2];
	size_t n_ips = loopback_ips(ips);
	for (size_t i = 0; i < n_ips; i++) {
		struct net_port *a = open_port(f, ips[i]), *b = open_port(f, ips[i]);
		f->n_seen = 0;
		net_port_send(a, buffer(f, &b->local, 0, 0));
		net_port_send(a, buffer(f, &b->local, 7, longest[i]));
		run_until(f, 2);
		assert_int_equal(f->seen[0].len, 0);
		assert_int_equal(f->seen[1].len, longest[i]);
		assert_int_equal(f->seen[1].number, 7);
		net_port_close(a);
		net_port_close(b);
	}
}

/* One that cannot be sent is counted and does not hold up those behind it. */
static void packet_the_kernel_refuses_is_counted_and_passed_over(void **state)
{
	struct fixture *f = *state;
	struct net_port *a = open_port(f, "127.0.0.1"), *b = open_port(f, "127.0.0.1");
	struct addr broadcast = addr_ipv4(0xffffffff, 9); /* wants a permission of its own */
	send_number(a, &b->local, 0);
	net_port_send(a, buffer(f, &b->local, 1, 65508));
	send_number(a, &b->local, 2);
	send_number(a, &broadcast, 3);
	send_number(a, &b->local, 4);
	run_until(f, 3);
	assert_int_equal(f->seen[0].number, 0);
	assert_int_equal(f->seen[1].number, 2);
	assert_int_equal(f->seen[2].number, 4);
	assert_int_equal(counted(f, NET_C_TX_TOO_BIG), 1);
	assert_int_equal(counted(f, NET_C_TX_ERRORS) + counted(f, NET_C_TX_UNREACHABLE), 1);
	assert_int_equal(counted(f, NET_C_TX_PACKETS), 3);
	net_port_close(a);
	net_port_close(b);
}

/* ---- buffers ---- */

static void buffers_are_bounded_and_come_back(void **state)
{
	struct fixture *f = *state;
	struct net_buf *all = NULL;
	size_t n = 0;
	for (struct net_buf *b; (b = net_buf_get(f->net)); n++) {
		b->next = all;
		all = b;
	}
	assert_in_range(n, 64, 4096);
	for (struct net_buf *b = all, *next; b; b = next) {
		next = b->next;
		net_buf_put(f->net, b);
	}
	struct net_buf *b = net_buf_get(f->net);
	assert_non_null(b);
	net_buf_put(f->net, b);
}

/* Every byte of the head- and tailroom is there, and no neighbour's. */
static void buffers_have_their_room(void **state)
{
	struct fixture *f = *state;
	struct net_buf *a = net_buf_get(f->net), *b = net_buf_get(f->net);
	size_t room = NET_HEADROOM + NET_DATAGRAM_MAX + NET_TAILROOM;
	memset(a->data - NET_HEADROOM, 1, room);
	memset(b->data - NET_HEADROOM, 2, room);
	for (size_t i = 0; i < room; i++)
		assert_int_equal((a->data - NET_HEADROOM)[i], 1);
	net_buf_put(f->net, a);
	net_buf_put(f->net, b);
}

static void want_of_buffers_sends_what_is_queued(void **state)
{
	struct fixture *f = *state;
	struct net_port *a = open_port(f, "127.0.0.1"), *b = open_port(f, "127.0.0.1");
	struct net_buf *held[4096];
	size_t n = 0;
	send_number(a, &b->local, 5);
	while ((held[n] = net_buf_get(f->net)))
		n++;
	assert_int_equal(counted(f, NET_C_TX_PACKETS), 1);
	while (n > 0)
		net_buf_put(f->net, held[--n]);
	run_until(f, 1);
	net_port_close(a);
	net_port_close(b);
}

/* ---- the IP header ---- */

static void tos_is_received_and_sent_packet_by_packet(void **state)
{
	const char *ips[2];
	size_t n_ips = loopback_ips(ips);
	static const uint8_t tos[] = {0xb8, 0, 0x01, 0xff, 0};
	struct fixture *f = *state;
	for (size_t i = 0; i < n_ips; i++) {
		struct net_port *a = open_port(f, ips[i]), *b = open_port(f, ips[i]);
		f->n_seen = 0;
		for (size_t n = 0; n < sizeof(tos); n++) {
			struct net_buf *p = buffer(f, &b->local, (uint32_t)n, 4);
			p->tos = tos[n];
			net_port_send(a, p);
		}
		run_until(f, sizeof(tos));
		for (size_t n = 0; n < sizeof(tos); n++)
			assert_int_equal(f->seen[n].tos, tos[n]);
		net_port_close(a);
		net_port_close(b);
	}
}

/* The DF bit of the next packet that goes to PORT, as it is on the wire. */
static bool has_df(int raw, uint16_t port)
{
	uint8_t p[256];
	for (;;) {
		ssize_t n = recv(raw, p, sizeof(p), 0);
		size_t ip = (size_t)(p[0] & 15) * 4;
		assert_true(n >= (ssize_t)ip + 8);
		if (be16_get(p + ip + 2) == port)
			return p[6] & 0x40;
	}
}

static void dont_fragment_is_set_packet_by_packet(void **state)
{
	static const uint8_t flags[] = {
		0, NET_DONT_FRAGMENT, NET_DONT_FRAGMENT, 0, NET_DONT_FRAGMENT};
	struct fixture *f = *state;
	int raw = socket(AF_INET, SOCK_RAW, IPPROTO_UDP);
	if (raw < 0) {
		print_message("no raw socket without privilege: left out\n");
		return;
	}
	struct net_port *a = open_port(f, "127.0.0.1"), *b = open_port(f, "127.0.0.1");
	for (size_t n = 0; n < sizeof(flags); n++) {
		struct net_buf *p = buffer(f, &b->local, (uint32_t)n, 4);
		p->flags = flags[n];
		net_port_send(a, p);
	}
	run_until(f, sizeof(flags));
	alarm(30);
	for (size_t n = 0; n < sizeof(flags); n++) {
		assert_int_equal(f->seen[n].number, n);
		assert_int_equal(has_df(raw, b->local.port), flags[n] != 0);
	}
	alarm(0);
	close(raw);
	net_port_close(a);
	net_port_close(b);
}

int main(void)
{
	const struct CMUnitTest t[] = {
#define T(name) cmocka_unit_test_setup_teardown(name, loopback_setup, loopback_teardown)
		T(packets_arrive_whole_and_in_order),
		T(batches_take_few_calls_and_are_counted),
		T(a_flood_on_one_port_leaves_the_others_their_turn),
		T(every_ready_port_is_served),
		T(a_port_that_stands_apart_is_served),
		T(a_port_that_stands_apart_may_close),
		T(shortest_and_longest_datagrams_pass),
		T(packet_the_kernel_refuses_is_counted_and_passed_over),
		T(buffers_are_bounded_and_come_back),
		T(buffers_have_their_room),
		T(want_of_buffers_sends_what_is_queued),
		T(tos_is_received_and_sent_packet_by_packet),
		T(dont_fragment_is_set_packet_by_packet),
	};
	return cmocka_run_group_tests(t, NULL, NULL) != 0;
}
