/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * Steered ports with the kernel's program, on the loopback interface of a network namespace of
 * their own. Skipped where that is not allowed, or the program was built without BPF.
 */
#include <errno.h>
#include <net/if.h>
#include <netinet/in.h>
#include <sched.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/socket.h>
#include <unistd.h>

#include <sallyport/net/steer.h>

#include "../../../src/net/steer/steer_priv.h"
#include "../loopback.h"

#define WORKERS 2

struct rig {
	struct fixture *f;
	struct net_steering *steering;
	struct net_steer *steer, *other; /* of two workers, on one loop */
	struct net *other_net;
	uint16_t next;
};

static int loopback_up(void)
{
	struct ifreq r = {.ifr_name = "lo"};
	int fd = socket(AF_INET, SOCK_DGRAM | SOCK_CLOEXEC, 0);

	r.ifr_flags = IFF_UP | IFF_RUNNING;
	int rc = fd >= 0 ? ioctl(fd, SIOCSIFFLAGS, &r) : -1;
	close(fd);
	return rc;
}

static int rig_setup(void **state)
{
	struct rig *r = calloc(1, sizeof(*r));
	struct addr addresses[2];
	const char *ips[2];
	char why[256];

	assert_non_null(r);
	size_t n = loopback_ips(ips);
	for (size_t i = 0; i < n; i++)
		assert_int_equal(addr_parse(ips[i], 0, &addresses[i]), 0);
	struct net_steering_config c = {addresses, n, WORKERS, 1 << 20, .map = -1};
	if (net_steering_create(&c, &r->steering, why) != 0) {
		print_message("%s\n", why);
		fail();
	}
	loopback_setup((void **)&r->f);
	r->other_net = net_create(r->f->loop, r->f->cells);
	struct net_steer_config s = {r->f->net, r->steering, 0, NULL, &r->f->handler};
	assert_int_equal(net_steer_create(&s, &r->steer), 0);
	s.net = r->other_net;
	s.worker = 1;
	assert_int_equal(net_steer_create(&s, &r->other), 0);
	r->next = 50000;
	*state = r;
	return 0;
}

static int rig_teardown(void **state)
{
	struct rig *r = *state;

	net_steer_destroy(r->steer);
	net_steer_destroy(r->other);
	net_destroy(r->other_net);
	loopback_teardown((void **)&r->f);
	net_steering_destroy(r->steering);
	free(r);
	return 0;
}

static struct net_port *steered(struct rig *r, const char *ip)
{
	struct net_port *p;
	struct addr local;

	assert_int_equal(addr_parse(ip, r->next++, &local), 0);
	assert_int_equal(net_steer_open(r->steer, &local, &p), 0);
	assert_true(net_steer_is_port(p));
	p->owner = r->f;
	return p;
}

/* ---- packets ---- */

static void packets_arrive_whole_and_in_order(void **state)
{
	struct rig *r = *state;
	struct fixture *f = r->f;
	const char *ips[2];
	size_t n_ips = loopback_ips(ips);
	for (size_t i = 0; i < n_ips; i++) {
		struct net_port *a = steered(r, ips[i]), *b = steered(r, ips[i]);
		f->n_seen = 0;
		for (uint32_t n = 0; n < 100; n++)
			net_port_send(a, buffer(f, &b->local, n, 4 + n * 17));
		run_until(f, 100);
		for (uint32_t n = 0; n < 100; n++) {
			assert_ptr_equal(f->seen[n].port, b);
			assert_true(addr_equal(&f->seen[n].from, &a->local));
			assert_int_equal(f->seen[n].number, n);
			assert_int_equal(f->seen[n].len, 4 + n * 17);
		}
		net_port_close(a);
		net_port_close(b);
	}
	assert_int_equal(counted(f, NET_C_STEER_RAW), 100 * n_ips);
}

static void sockets_and_steered_ports_meet(void **state)
{
	struct rig *r = *state;
	struct fixture *f = r->f;
	const char *ips[2];
	size_t n_ips = loopback_ips(ips);
	for (size_t i = 0; i < n_ips; i++) {
		struct net_port *a = steered(r, ips[i]), *s = open_port(f, ips[i]);
		f->n_seen = 0;
		send_number(s, &a->local, 7);
		run_until(f, 1);
		assert_ptr_equal(f->seen[0].port, a);
		assert_true(addr_equal(&f->seen[0].from, &s->local));
		send_number(a, &s->local, 8);
		run_until(f, 2);
		assert_ptr_equal(f->seen[1].port, s);
		assert_true(addr_equal(&f->seen[1].from, &a->local));
		net_port_close(a);
		net_port_close(s);
	}
}

static void shortest_and_longest_datagrams_pass(void **state)
{
	static const size_t longest[] = {65507, 65527};
	struct rig *r = *state;
	struct fixture *f = r->f;
	const char *ips[2];
	size_t n_ips = loopback_ips(ips);
	for (size_t i = 0; i < n_ips; i++) {
		struct net_port *a = steered(r, ips[i]), *b = steered(r, ips[i]);
		f->n_seen = 0;
		net_port_send(a, buffer(f, &b->local, 0, 0));
		net_port_send(a, buffer(f, &b->local, 5, longest[i]));
		net_port_send(a, buffer(f, &b->local, 6, longest[i] + 1));
		run_until(f, 2);
		assert_int_equal(f->seen[0].len, 0);
		assert_int_equal(f->seen[1].len, longest[i]);
		assert_int_equal(counted(f, NET_C_TX_TOO_BIG), i + 1);
		net_port_close(a);
		net_port_close(b);
	}
}

static void tos_goes_with_the_packet(void **state)
{
	struct rig *r = *state;
	struct fixture *f = r->f;
	const char *ips[2];
	size_t n_ips = loopback_ips(ips);
	for (size_t i = 0; i < n_ips; i++) {
		struct net_port *a = steered(r, ips[i]), *b = steered(r, ips[i]);
		struct net_buf *marked = buffer(f, &b->local, 1, 4);
		f->n_seen = 0;
		marked->tos = 0xb8;
		net_port_send(a, marked);
		send_number(a, &b->local, 2);
		run_until(f, 2);
		assert_int_equal(f->seen[0].tos, 0xb8);
		assert_int_equal(f->seen[1].tos, 0);
		net_port_close(a);
		net_port_close(b);
	}
}

static void dont_fragment_is_for_the_packet_that_says_so(void **state)
{
	struct rig *r = *state;
	struct fixture *f = r->f;
	struct net_port *a = steered(r, "127.0.0.1"), *b = steered(r, "127.0.0.1");
	for (uint32_t n = 0; n < 4; n++) {
		struct net_buf *x = buffer(f, &b->local, n, 4);
		x->flags = n % 2 ? NET_DONT_FRAGMENT : 0;
		net_port_send(a, x);
	}
	run_until(f, 4);
	for (uint32_t n = 0; n < 4; n++)
		assert_int_equal(f->seen[n].number, n);
	net_port_close(a);
	net_port_close(b);
}

static void what_a_socket_refuses_is_counted(void **state)
{
	struct rig *r = *state;
	struct fixture *f = r->f;
	struct net_port *a = steered(r, "127.0.0.1");
	struct addr no_port, v6;
	assert_int_equal(addr_parse("127.0.0.1:0", 0, &no_port), 0);
	assert_int_equal(addr_parse("[::1]:9", 0, &v6), 0);
	send_number(a, &no_port, 1);
	send_number(a, &v6, 1);
	assert_int_equal(counted(f, NET_C_TX_ERRORS), 2);
	net_port_close(a);
}

/* ---- ICMP ---- */

static void closed_ports_are_told(void **state)
{
	struct rig *r = *state;
	struct fixture *f = r->f;
	const char *ips[2];
	size_t n_ips = loopback_ips(ips);
	for (size_t i = 0; i < n_ips; i++) {
		struct net_port *a = steered(r, ips[i]);
		struct addr closed = closed_port(ips[i]);
		f->n_errors = 0;
		send_number(a, &closed, 1);
		run_until(f, 1);
		assert_true(addr_equal(&f->errors[0].peer, &closed));
		assert_int_equal(f->errors[0].type, i == 0 ? 3 : 1);
		assert_int_equal(f->errors[0].code, i == 0 ? 3 : 4);
		net_port_close(a);
	}
	assert_int_equal(counted(f, NET_C_ICMP), n_ips);
}

static void a_port_that_is_not_open_answers_with_icmp(void **state)
{
	struct rig *r = *state;
	struct fixture *f = r->f;
	struct net_port *a = steered(r, "127.0.0.1"), *b = steered(r, "127.0.0.1");
	struct addr was = b->local;
	net_port_close(b);
	send_number(a, &was, 1);
	run_until(f, 1);
	assert_true(addr_equal(&f->errors[0].peer, &was));
	net_port_close(a);
}

/* ---- whose a port is ---- */

static void a_port_that_a_socket_has_is_not_opened(void **state)
{
	struct rig *r = *state;
	struct net_port *s = open_port(r->f, "127.0.0.1"), *p;
	assert_int_equal(net_steer_open(r->steer, &s->local, &p), -EADDRINUSE);
	net_port_close(s);
}

static void a_port_is_opened_once(void **state)
{
	struct rig *r = *state;
	struct net_port *a = steered(r, "127.0.0.1"), *p;
	assert_int_equal(net_steer_open(r->steer, &a->local, &p), -EADDRINUSE);
	assert_int_equal(net_steer_open(r->other, &a->local, &p), -EADDRINUSE);
	struct addr local = a->local;
	net_port_close(a);
	assert_int_equal(net_steer_open(r->other, &local, &p), 0);
	net_port_close(p);
}

static void other_addresses_are_not_steered(void **state)
{
	struct rig *r = *state;
	struct net_port *p;
	struct addr a;
	assert_int_equal(addr_parse("127.0.0.2:50000", 0, &a), 0);
	assert_int_equal(net_steer_open(r->steer, &a, &p), ERR_NOT_FOUND);
}

static void an_adopted_port_is_the_other_workers(void **state)
{
	struct rig *r = *state;
	struct fixture *f = r->f;
	struct net_port *a = steered(r, "127.0.0.1"), *b = steered(r, "127.0.0.1"), *moved;
	struct addr local = b->local;
	net_steer_release(b);
	assert_int_equal(net_steer_adopt(r->other, &local, &moved), 0);
	send_number(a, &local, 9);
	run_until(f, 1);
	assert_ptr_equal(f->seen[0].port, moved);
	net_port_close(moved);
	net_port_close(a);
}

/* However the two workers' steps fall. */
static void releasing_late_takes_nothing_back(void **state)
{
	struct rig *r = *state;
	struct fixture *f = r->f;
	struct net_port *a = steered(r, "127.0.0.1"), *b = steered(r, "127.0.0.1"), *moved;
	struct addr local = b->local;
	assert_int_equal(net_steer_adopt(r->other, &local, &moved), 0);
	net_port_close(b);
	send_number(a, &local, 9);
	run_until(f, 1);
	assert_ptr_equal(f->seen[0].port, moved);
	net_port_close(moved);
	net_port_close(a);
}

static void a_released_port_drops_without_a_word_until_its_worker_leaves(void **state)
{
	struct rig *r = *state;
	struct fixture *f = r->f;
	struct net_port *a = steered(r, "127.0.0.1"), *b = steered(r, "127.0.0.1");
	struct addr local = b->local;
	net_steer_release(b);
	send_number(a, &local, 1);
	send_number(a, &a->local, 2);
	run_until(f, 1);
	assert_int_equal(f->seen[0].number, 2);
	assert_int_equal(counted(f, NET_C_STEER_NO_PORT), 1);
	net_steer_leave(r->steer);
	send_number(a, &local, 3);
	run_until(f, 2);
	assert_int_equal(f->n_errors, 1);
	net_port_close(a);
}

static void a_port_can_be_reclaimed(void **state)
{
	struct rig *r = *state;
	struct fixture *f = r->f;
	struct net_port *a = steered(r, "127.0.0.1"), *b = steered(r, "127.0.0.1"), *taken;
	assert_int_equal(net_steer_adopt(r->other, &b->local, &taken), 0);
	net_steer_reclaim(r->steer);
	send_number(a, &b->local, 4);
	run_until(f, 1);
	assert_ptr_equal(f->seen[0].port, b);
	net_port_close(taken);
	send_number(a, &b->local, 5);
	run_until(f, 2);
	assert_ptr_equal(f->seen[1].port, b);
	net_port_close(b);
	net_port_close(a);
}

static void ports_close_under_their_own_callback(void **state)
{
	struct rig *r = *state;
	struct fixture *f = r->f;
	struct net_port *a = steered(r, "127.0.0.1"), *b = steered(r, "127.0.0.1");
	f->close_on_packet = b;
	for (uint32_t n = 0; n < 3; n++)
		send_number(a, &b->local, n);
	send_number(a, &a->local, 3);
	run_until(f, 2);
	assert_int_equal(f->seen[1].number, 3);
	assert_int_equal(counted(f, NET_C_STEER_NO_PORT), 2);
	net_port_close(a);
}

/* What arrived before is handed up when the worker stands still. */
static void draining_hands_up_all_that_has_arrived(void **state)
{
	struct rig *r = *state;
	struct fixture *f = r->f;
	struct net_port *a = steered(r, "127.0.0.1"), *b = steered(r, "127.0.0.1");
	f->stop_at = SIZE_MAX;
	for (uint32_t n = 0; n < 90; n++)
		send_number(a, &b->local, n);
	net_flush(f->net);
	net_steer_drain(r->steer);
	assert_int_equal(f->n_seen, 90);
	net_port_close(b);
	net_port_close(a);
}

static void a_listener_sends_from_its_own_address(void **state)
{
	struct rig *r = *state;
	struct fixture *f = r->f;
	struct net_port *l = open_port(f, "127.0.0.1"), *b = steered(r, "127.0.0.1");
	net_steer_listener(r->steer, l);
	send_number(l, &b->local, 6);
	run_until(f, 1);
	assert_true(addr_equal(&f->seen[0].from, &l->local));
	assert_int_equal(counted(f, NET_C_STEER_RAW), 1);
	net_port_close(b);
	net_port_close(l);
}

static void a_listener_is_served_and_closes_under_its_own_callback(void **state)
{
	struct rig *r = *state;
	struct fixture *f = r->f;
	struct net_port *l = open_port(f, "127.0.0.1"), *b = steered(r, "127.0.0.1");
	net_steer_listener(r->steer, l);
	for (uint32_t n = 0; n < 80; n++)
		send_number(b, &l->local, n);
	run_until(f, 80);
	for (uint32_t n = 0; n < 80; n++) {
		assert_ptr_equal(f->seen[n].port, l);
		assert_int_equal(f->seen[n].number, n);
	}
	f->close_on_packet = l;
	send_number(b, &l->local, 80);
	run_until(f, 81);
	send_number(b, &b->local, 81);
	run_until(f, 82);
	net_port_close(b);
}

/* ---- batches ---- */

#define PORTS 20

static void a_batch_for_many_ports_reaches_each(void **state)
{
	struct rig *r = *state;
	struct fixture *f = r->f;
	struct net_port *ports[PORTS];
	for (uint32_t n = 0; n < PORTS; n++)
		ports[n] = steered(r, "127.0.0.1");
	for (uint32_t n = 0; n < PORTS; n++)
		send_number(ports[0], &ports[n]->local, n);
	net_flush(f->net);
	run_until(f, PORTS);
	assert_int_equal(counted(f, NET_C_RX_CALLS), 1);
	for (uint32_t n = 0; n < PORTS; n++) {
		assert_ptr_equal(f->seen[n].port, ports[n]);
		assert_int_equal(f->seen[n].number, n);
		net_port_close(ports[n]);
	}
}

static void what_does_not_fit_is_counted(void **state)
{
	struct rig *r = *state;
	struct fixture *f = r->f;
	struct net_port *a = steered(r, "127.0.0.1"), *b = steered(r, "127.0.0.1");
	f->stop_at = SIZE_MAX;
	for (uint32_t n = 0; n < 90; n++)
		net_port_send(a, buffer(f, &b->local, n, 60000));
	net_flush(f->net);
	net_steer_drain(r->steer);
	assert_true(counted(f, NET_C_RX_OVERFLOW) > 0);
	assert_int_equal(f->n_seen + counted(f, NET_C_RX_OVERFLOW), 90);
	net_port_close(b);
	net_port_close(a);
}

/* ---- the host ---- */

static void reserved_ports_are_read_from_the_kernels_list(void **state)
{
	(void)state;
	assert_false(net_steer_is_reserved("", 50000));
	assert_false(net_steer_is_reserved("\n", 50000));
	assert_true(net_steer_is_reserved("50000\n", 50000));
	assert_true(net_steer_is_reserved("22,49152-65535\n", 50000));
	assert_true(net_steer_is_reserved("22,49152-65535\n", 65535));
	assert_false(net_steer_is_reserved("22,49153-65535\n", 49152));
	assert_true(net_steer_is_reserved("1-2,22,80-90", 22));
	assert_false(net_steer_is_reserved("1-2,22,80-90", 91));
}

int main(void)
{
#ifndef HAVE_BPF
	return 77;
#endif
	if (unshare(CLONE_NEWNET) != 0 || loopback_up() != 0) {
		print_message("not allowed to make a network namespace\n");
		return 77;
	}
#define RIGGED(T) cmocka_unit_test_setup_teardown(T, rig_setup, rig_teardown)
	const struct CMUnitTest t[] = {
		RIGGED(packets_arrive_whole_and_in_order),
		RIGGED(sockets_and_steered_ports_meet),
		RIGGED(shortest_and_longest_datagrams_pass),
		RIGGED(tos_goes_with_the_packet),
		RIGGED(dont_fragment_is_for_the_packet_that_says_so),
		RIGGED(what_a_socket_refuses_is_counted),
		RIGGED(closed_ports_are_told),
		RIGGED(a_port_that_is_not_open_answers_with_icmp),
		RIGGED(a_port_that_a_socket_has_is_not_opened),
		RIGGED(a_port_is_opened_once),
		RIGGED(other_addresses_are_not_steered),
		RIGGED(an_adopted_port_is_the_other_workers),
		RIGGED(releasing_late_takes_nothing_back),
		RIGGED(a_released_port_drops_without_a_word_until_its_worker_leaves),
		RIGGED(a_port_can_be_reclaimed),
		RIGGED(ports_close_under_their_own_callback),
		RIGGED(draining_hands_up_all_that_has_arrived),
		RIGGED(a_listener_sends_from_its_own_address),
		RIGGED(a_listener_is_served_and_closes_under_its_own_callback),
		RIGGED(a_batch_for_many_ports_reaches_each),
		RIGGED(what_does_not_fit_is_counted),
		cmocka_unit_test(reserved_ports_are_read_from_the_kernels_list),
	};
	return cmocka_run_group_tests(t, NULL, NULL) != 0;
}
