/* SPDX-License-Identifier: BSD-3-Clause */
/* The cache of paths over a fake wire. */
#include "rig.h"

#include <errno.h>
#include <linux/neighbour.h>
#include <linux/rtnetlink.h>
#include <net/if.h>
#include <net/if_arp.h>
#include <stdio.h>

#define LOCAL  "192.0.2.1"
#define REMOTE "198.51.100.7"
#define GATE   "192.0.2.254"
#define UP     (IFF_UP | IFF_RUNNING)

static int setup(void **state)
{
	struct path_rig *r = path_rig_create(NET_PATHS_MIN);
	tell_link(r, 2, ARPHRD_ETHER, UP, 1500, 0x11);
	tell_done(r);
	*state = r;
	return 0;
}

static int teardown(void **state)
{
	path_rig_destroy(*state);
	return 0;
}

static const struct net_path *path_to(struct path_rig *r, const char *remote)
{
	struct addr to = ip(remote), local = ip(to.family == ADDR_IPV6 ? "2001:db8::1" : LOCAL);
	const struct net_path *p = net_path_find(&r->paths, &local, &to);
	turns(r);
	return p;
}

struct holder {
	struct net_path_hold hold;
	struct path_rig *rig;
	struct holder *releases; /* when it is told */
};

static void count_change(struct net_path_hold *h)
{
	struct holder *o = CONTAINER_OF(h, struct holder, hold);
	o->rig->n_changed++;
	if (o->releases)
		net_path_release(&o->rig->paths, &o->releases->hold);
}

static void take(struct path_rig *r, struct holder *o, const char *remote)
{
	struct addr local = ip(LOCAL), to = ip(remote);
	*o = (struct holder){.rig = r};
	assert_int_equal(net_path_take(&r->paths, &o->hold, &local, &to, count_change), 0);
	turns(r);
}

/* A path to REMOTE by way of GATE, whose MAC address ends in 0x22. */
static void make_ready(struct path_rig *r, const char *remote)
{
	answer_route(r, remote, (struct said_route){.oif = 2, .via = GATE});
	tell_neighbour(r, 2, GATE, NUD_REACHABLE, 0x22);
}

static void unknown_path_is_asked_for_once_and_becomes_ready(void **state)
{
	struct path_rig *r = *state;
	static const uint8_t header[] = {2, 0, 0, 0, 0, 0x22, 2, 0, 0, 0, 0, 0x11, 8, 0};

	const struct net_path *p = path_to(r, REMOTE);
	assert_int_equal(p->state, NET_PATH_ASKED);
	assert_ptr_equal(path_to(r, REMOTE), p);
	assert_int_equal(n_asked(r, RTM_GETROUTE, REMOTE), 1);

	answer_route(r, REMOTE, (struct said_route){.oif = 2, .via = GATE});
	assert_int_equal(n_asked(r, RTM_GETNEIGH, GATE), 1);
	assert_int_equal(p->state, NET_PATH_ASKED);
	tell_neighbour(r, 2, GATE, NUD_REACHABLE, 0x22);

	assert_true(net_path_is_ready(p));
	assert_memory_equal(p->header, header, sizeof(header));
	assert_int_equal(p->mtu, 1500);
	assert_int_equal(p->ifindex, 2);
	assert_int_equal(metrics_get(r->cells, NET_PATH_C_READY), 1);
}

static void ports_make_no_other_path(void **state)
{
	struct path_rig *r = *state;
	const struct net_path *p = path_to(r, REMOTE);

	assert_ptr_equal(path_to(r, REMOTE ":4000"), p);
	assert_int_equal(p->remote.port, 0);
}

/* RFC 5549: what counts is the family of the packet, not that of the gateway. */
static void ipv4_by_an_ipv6_gateway_keeps_its_ethertype(void **state)
{
	struct path_rig *r = *state;
	const struct net_path *p = path_to(r, REMOTE);

	answer_route(r, REMOTE, (struct said_route){.oif = 2, .via = "fe80::9"});
	tell_neighbour(r, 2, "fe80::9", NUD_PERMANENT, 0x33);

	assert_true(net_path_is_ready(p));
	assert_int_equal(p->header[5], 0x33);
	assert_int_equal(be16_get(p->header + 12), 0x0800);
}

static void ipv6_path_has_its_own_ethertype(void **state)
{
	struct path_rig *r = *state;
	const struct net_path *p = path_to(r, "2001:db8::2");

	answer_route(r, "2001:db8::2", (struct said_route){.oif = 2});
	tell_neighbour(r, 2, "2001:db8::2", NUD_STALE, 0x44);

	assert_true(net_path_is_ready(p));
	assert_int_equal(be16_get(p->header + 12), 0x86dd);
}

static void smallest_mtu_of_link_and_route_counts(void **state)
{
	struct path_rig *r = *state;
	const struct net_path *p = path_to(r, REMOTE);
	answer_route(r, REMOTE, (struct said_route){.oif = 2, .via = GATE, .mtu = 1280});
	tell_neighbour(r, 2, GATE, NUD_REACHABLE, 0x22);
	assert_int_equal(p->mtu, 1280);

	tell_link(r, 2, ARPHRD_ETHER, UP, 1000, 0x11);
	assert_int_equal(p->mtu, 1000);
}

static void what_is_no_ethernet_path_is_not_ready(void **state)
{
	struct path_rig *r = *state;
	static const struct {
		struct said_route said;
		enum net_path_state want;
	} cases[] = {
		{{.type = RTN_LOCAL, .oif = 1}, NET_PATH_LOCAL},
		{{.type = RTN_BROADCAST, .oif = 2}, NET_PATH_NOT_UNICAST},
		{{.type = RTN_UNREACHABLE}, NET_PATH_NO_ROUTE},
		{{.type = RTN_BLACKHOLE}, NET_PATH_NO_ROUTE},
		{{.oif = 3}, NET_PATH_NO_ETHERNET},
		{{.oif = 4}, NET_PATH_LINK_DOWN},
		{{.oif = 5}, NET_PATH_LINK_DOWN},
		{{.oif = 2, .is_encapsulated = true}, NET_PATH_ENCAPSULATED},
	};
	tell_link(r, 3, ARPHRD_NONE, UP, 1420, 0);
	tell_link(r, 4, ARPHRD_ETHER, IFF_UP, 1500, 0x12);

	for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
		char remote[32];
		snprintf(remote, sizeof(remote), "203.0.113.%zu", i + 1);
		const struct net_path *p = path_to(r, remote);
		answer_route(r, remote, cases[i].said);
		tell_neighbour(r, 2, remote, NUD_REACHABLE, 0x22);
		assert_int_equal(p->state, cases[i].want);
	}
}

static void multicast_is_never_asked_for(void **state)
{
	struct path_rig *r = *state;

	assert_int_equal(path_to(r, "224.0.0.5")->state, NET_PATH_NOT_UNICAST);
	assert_int_equal(path_to(r, "ff02::1")->state, NET_PATH_NOT_UNICAST);
	tell_address(r);

	assert_int_equal(n_asked(r, RTM_GETROUTE, NULL), 0);
}

static void error_means_no_route(void **state)
{
	struct path_rig *r = *state;
	const struct net_path *p = path_to(r, REMOTE);

	answer_error(r, REMOTE, -ENETUNREACH);

	assert_int_equal(p->state, NET_PATH_NO_ROUTE);
	assert_int_equal(metrics_get(r->cells, NET_PATH_C_FAILED), 1);
}

static void failed_neighbour_ends_readiness_until_it_returns(void **state)
{
	struct path_rig *r = *state;
	struct holder o;
	take(r, &o, REMOTE);
	make_ready(r, REMOTE);

	r->n_changed = 0;
	tell_neighbour(r, 2, GATE, NUD_FAILED, 0);
	assert_int_equal(o.hold.path->state, NET_PATH_NO_NEIGHBOUR);
	tell_neighbour(r, 2, GATE, NUD_REACHABLE, 0x55);

	assert_true(net_path_is_ready(o.hold.path));
	assert_int_equal(o.hold.path->header[5], 0x55);
	assert_int_equal(r->n_changed, 2);
	net_path_release(&r->paths, &o.hold);
}

static void neighbour_that_does_not_exist_is_not_resolved(void **state)
{
	struct path_rig *r = *state;
	const struct net_path *p = path_to(r, REMOTE);
	answer_route(r, REMOTE, (struct said_route){.oif = 2, .via = GATE});

	refuse_neighbour(r, RTM_GETNEIGH, 2, GATE, -ENOENT);

	assert_int_equal(p->state, NET_PATH_NO_NEIGHBOUR);
}

static void same_state_told_again_is_no_change(void **state)
{
	struct path_rig *r = *state;
	struct holder o;
	take(r, &o, REMOTE);
	make_ready(r, REMOTE);
	r->n_changed = 0;

	tell_neighbour(r, 2, GATE, NUD_PROBE, 0x22);
	tell_link(r, 2, ARPHRD_ETHER, UP, 1500, 0x11);

	assert_int_equal(r->n_changed, 0);
	net_path_release(&r->paths, &o.hold);
}

static void route_change_asks_for_what_it_may_concern(void **state)
{
	struct path_rig *r = *state;
	path_to(r, REMOTE);
	make_ready(r, REMOTE);
	path_to(r, "203.0.113.1");
	answer_error(r, "203.0.113.1", -ENETUNREACH);
	forget_asked(r);

	tell_route(r, "198.51.100.0", 24);
	pass_ms(r, PATH_SETTLE_MS + WHEEL_TICK_MS);

	assert_int_equal(n_asked(r, RTM_GETROUTE, REMOTE), 1);
	assert_int_equal(n_asked(r, RTM_GETROUTE, "203.0.113.1"), 0);
	answer_route(r, REMOTE, (struct said_route){.oif = 2, .via = "192.0.2.253"});
	assert_int_equal(path_to(r, REMOTE)->state, NET_PATH_ASKED);
}

static void path_stays_ready_while_it_is_asked_again(void **state)
{
	struct path_rig *r = *state;
	const struct net_path *p = path_to(r, REMOTE);
	make_ready(r, REMOTE);

	tell_route(r, "0.0.0.0", 0);
	pass_ms(r, PATH_SETTLE_MS + WHEEL_TICK_MS);

	assert_true(net_path_is_ready(p));
}

static void many_route_changes_are_one_question(void **state)
{
	struct path_rig *r = *state;
	path_to(r, REMOTE);
	make_ready(r, REMOTE);
	tell_address(r); /* settles at once, and the rest is gathered */
	answer_route(r, REMOTE, (struct said_route){.oif = 2, .via = GATE});
	forget_asked(r);

	for (int i = 0; i < 100; i++)
		tell_route(r, "10.0.0.0", 8);
	pass_ms(r, PATH_SETTLE_MS + WHEEL_TICK_MS);

	assert_int_equal(n_asked(r, RTM_GETROUTE, REMOTE), 1);
}

static void default_route_of_one_family_says_nothing_of_the_other(void **state)
{
	struct path_rig *r = *state;
	path_to(r, REMOTE);
	make_ready(r, REMOTE);
	forget_asked(r);

	tell_route(r, "::", 0);
	pass_ms(r, PATH_SETTLE_MS + WHEEL_TICK_MS);

	assert_int_equal(n_asked(r, RTM_GETROUTE, REMOTE), 0);
}

/* A change between question and answer: the answer may be older than the change. */
static void change_during_a_question_asks_again(void **state)
{
	struct path_rig *r = *state;
	path_to(r, REMOTE);
	tell_address(r);
	pass_ms(r, PATH_SETTLE_MS + WHEEL_TICK_MS);
	assert_int_equal(n_asked(r, RTM_GETROUTE, REMOTE), 1);

	answer_route(r, REMOTE, (struct said_route){.oif = 2, .via = GATE});

	assert_int_equal(n_asked(r, RTM_GETROUTE, REMOTE), 2);
}

static void link_that_goes_down_ends_readiness_at_once(void **state)
{
	struct path_rig *r = *state;
	const struct net_path *p = path_to(r, REMOTE);
	make_ready(r, REMOTE);

	tell_link(r, 2, ARPHRD_ETHER, IFF_UP, 1500, 0x11);

	assert_int_equal(p->state, NET_PATH_LINK_DOWN);
}

static void link_that_is_gone_ends_readiness_at_once(void **state)
{
	struct path_rig *r = *state;
	const struct net_path *p = path_to(r, REMOTE);
	make_ready(r, REMOTE);

	tell_link_gone(r, 2);

	assert_int_equal(p->state, NET_PATH_LINK_DOWN);
}

static void stale_neighbour_in_use_is_used(void **state)
{
	struct path_rig *r = *state;
	const struct net_path *p = path_to(r, REMOTE);
	make_ready(r, REMOTE);

	tell_neighbour(r, 2, GATE, NUD_STALE, 0x22);

	assert_int_equal(n_asked(r, RTM_NEWNEIGH, GATE), 1);
	assert_true(net_path_is_ready(p));
}

static void without_privilege_a_stale_neighbour_rests_a_second(void **state)
{
	struct path_rig *r = *state;
	const struct net_path *p = path_to(r, REMOTE);
	make_ready(r, REMOTE);
	tell_neighbour(r, 2, GATE, NUD_STALE, 0x22);

	refuse_neighbour(r, RTM_NEWNEIGH, 2, GATE, -EPERM);
	assert_int_equal(p->state, NET_PATH_UNCONFIRMED);
	pass_ms(r, PATH_REST_MS + WHEEL_TICK_MS);

	assert_true(net_path_is_ready(p));
}

static void confirmed_neighbour_ends_its_rest(void **state)
{
	struct path_rig *r = *state;
	const struct net_path *p = path_to(r, REMOTE);
	make_ready(r, REMOTE);
	tell_neighbour(r, 2, GATE, NUD_STALE, 0x22);
	refuse_neighbour(r, RTM_NEWNEIGH, 2, GATE, -EPERM);

	tell_neighbour(r, 2, GATE, NUD_REACHABLE, 0x22);

	assert_true(net_path_is_ready(p));
}

static void lost_answer_is_asked_for_again(void **state)
{
	struct path_rig *r = *state;
	struct holder o;
	take(r, &o, REMOTE);

	pass_ms(r, PATH_ANSWER_MS + PATH_SWEEP_MS * (PATH_SWEEP_STEPS + 1));

	assert_int_equal(n_asked(r, RTM_GETROUTE, REMOTE), 2);
	net_path_release(&r->paths, &o.hold);
}

static void held_path_is_asked_for_now_and_then(void **state)
{
	struct path_rig *r = *state;
	struct holder o;
	take(r, &o, REMOTE);
	make_ready(r, REMOTE);
	forget_asked(r);

	for (int i = 0; i < PATH_RECHECK_MS / PATH_SWEEP_MS + 1; i++)
		pass_ms(r, PATH_SWEEP_MS);

	assert_int_equal(n_asked(r, RTM_GETROUTE, REMOTE), 1);
	net_path_release(&r->paths, &o.hold);
}

static void path_that_nobody_wants_is_forgotten(void **state)
{
	struct path_rig *r = *state;
	path_to(r, REMOTE);

	for (int i = 0; i < 3 * PATH_SWEEP_STEPS; i++)
		pass_ms(r, PATH_SWEEP_MS);

	assert_int_equal(metrics_get(r->cells, NET_PATH_C_CACHED), 0);
}

static void doubt_asks_again_once_a_second(void **state)
{
	struct path_rig *r = *state;
	struct addr local = ip(LOCAL), remote = ip(REMOTE), other = ip("203.0.113.5");
	path_to(r, REMOTE);
	make_ready(r, REMOTE);
	forget_asked(r);

	net_path_doubt(&r->paths, &local, &remote);
	turns(r);
	answer_route(r, REMOTE, (struct said_route){.oif = 2, .via = GATE, .mtu = 1300});
	net_path_doubt(&r->paths, &local, &remote);
	net_path_doubt(&r->paths, &local, &other);
	turns(r);

	assert_int_equal(path_to(r, REMOTE)->mtu, 1300);
	assert_int_equal(n_asked(r, RTM_GETROUTE, NULL), 1);
}

static void full_cache_forgets_who_is_not_held(void **state)
{
	struct path_rig *r = *state;
	struct holder o;
	char remote[32];
	take(r, &o, REMOTE);
	make_ready(r, REMOTE);

	for (unsigned i = 0; i < 4 * NET_PATHS_MIN; i++) {
		snprintf(remote, sizeof(remote), "10.0.%u.%u", i / 250, i % 250);
		assert_non_null(path_to(r, remote));
	}

	assert_true(net_path_is_ready(o.hold.path));
	assert_ptr_equal(path_to(r, REMOTE), o.hold.path);
	assert_int_equal(metrics_get(r->cells, NET_PATH_C_CACHED), NET_PATHS_MIN);
	assert_int_equal(metrics_get(r->cells, NET_PATH_C_FORGOTTEN), 3 * NET_PATHS_MIN + 1);
	net_path_release(&r->paths, &o.hold);
}

static void cache_full_of_holds_has_no_room(void **state)
{
	struct path_rig *r = *state;
	struct holder o[NET_PATHS_MIN];
	struct addr local = ip(LOCAL), remote = ip(REMOTE);
	char text[32];
	for (unsigned i = 0; i < NET_PATHS_MIN; i++) {
		snprintf(text, sizeof(text), "10.0.0.%u", i);
		take(r, &o[i], text);
	}

	assert_null(net_path_find(&r->paths, &local, &remote));
	assert_int_equal(metrics_get(r->cells, NET_PATH_C_FULL), 1);

	for (unsigned i = 0; i < NET_PATHS_MIN; i++)
		net_path_release(&r->paths, &o[i].hold);
}

static void holder_that_is_told_may_release_others(void **state)
{
	struct path_rig *r = *state;
	struct holder a, b, c;
	take(r, &a, REMOTE);
	take(r, &b, REMOTE);
	take(r, &c, REMOTE);
	make_ready(r, REMOTE);
	a.releases = &b;
	c.releases = &c;
	r->n_changed = 0;

	tell_neighbour_gone(r, 2, GATE);

	assert_int_equal(r->n_changed, 2);
	assert_null(b.hold.path);
	assert_null(c.hold.path);
	net_path_release(&r->paths, &a.hold);
}

static void overrun_asks_for_everything(void **state)
{
	struct path_rig *r = *state;
	path_to(r, REMOTE);
	make_ready(r, REMOTE);
	pass_ms(r, PATH_SETTLE_MS);
	forget_asked(r);

	path_overrun(&r->paths);
	turns(r);

	assert_int_equal(n_asked(r, RTM_GETLINK, NULL), 1);
	assert_int_equal(n_asked(r, RTM_GETNEIGH, GATE), 1);
	assert_int_equal(n_asked(r, RTM_GETROUTE, REMOTE), 1);
}

static void link_missing_in_a_whole_dump_is_gone(void **state)
{
	struct path_rig *r = *state;
	const struct net_path *p = path_to(r, REMOTE);
	make_ready(r, REMOTE);

	path_overrun(&r->paths);
	tell_link(r, 7, ARPHRD_ETHER, UP, 1500, 0x77);
	tell_done(r);

	assert_int_equal(p->state, NET_PATH_LINK_DOWN);
}

static void one_turn_asks_a_bounded_number(void **state)
{
	struct path_rig *r = *state;
	struct addr local = ip(LOCAL);
	for (uint32_t i = 0; i < 2 * PATH_ASK_TURN; i++) {
		struct addr to = addr_ipv4(0x0a000001 + i, 0);
		net_path_find(&r->paths, &local, &to);
	}

	path_ask_run(&r->paths);

	assert_int_equal(n_asked(r, RTM_GETROUTE, NULL), PATH_ASK_TURN);
	assert_true(r->is_later);
}

static void wire_that_takes_nothing_is_tried_again(void **state)
{
	struct path_rig *r = *state;
	r->is_deaf = true;
	path_to(r, REMOTE);
	r->is_deaf = false;

	pass_ms(r, PATH_SWEEP_MS + WHEEL_TICK_MS);

	assert_int_equal(n_asked(r, RTM_GETROUTE, REMOTE), 1);
}

/* An entry that has another's place does not take its answer. */
static void answer_for_a_forgotten_path_is_ignored(void **state)
{
	struct path_rig *r = *state;
	const struct net_path *p = path_to(r, REMOTE);
	for (int i = 0; i < 3 * PATH_SWEEP_STEPS; i++)
		pass_ms(r, PATH_SWEEP_MS);
	assert_ptr_equal(path_to(r, "203.0.113.9"), p);

	answer_error(r, REMOTE, -ENETUNREACH);

	assert_int_equal(p->state, NET_PATH_ASKED);
}

#define T(name) cmocka_unit_test_setup_teardown(name, setup, teardown)

int main(void)
{
	const struct CMUnitTest t[] = {
		T(unknown_path_is_asked_for_once_and_becomes_ready),
		T(ports_make_no_other_path),
		T(ipv4_by_an_ipv6_gateway_keeps_its_ethertype),
		T(ipv6_path_has_its_own_ethertype),
		T(smallest_mtu_of_link_and_route_counts),
		T(what_is_no_ethernet_path_is_not_ready),
		T(multicast_is_never_asked_for),
		T(error_means_no_route),
		T(failed_neighbour_ends_readiness_until_it_returns),
		T(neighbour_that_does_not_exist_is_not_resolved),
		T(same_state_told_again_is_no_change),
		T(route_change_asks_for_what_it_may_concern),
		T(path_stays_ready_while_it_is_asked_again),
		T(many_route_changes_are_one_question),
		T(default_route_of_one_family_says_nothing_of_the_other),
		T(change_during_a_question_asks_again),
		T(link_that_goes_down_ends_readiness_at_once),
		T(link_that_is_gone_ends_readiness_at_once),
		T(stale_neighbour_in_use_is_used),
		T(without_privilege_a_stale_neighbour_rests_a_second),
		T(confirmed_neighbour_ends_its_rest),
		T(lost_answer_is_asked_for_again),
		T(held_path_is_asked_for_now_and_then),
		T(path_that_nobody_wants_is_forgotten),
		T(doubt_asks_again_once_a_second),
		T(full_cache_forgets_who_is_not_held),
		T(cache_full_of_holds_has_no_room),
		T(holder_that_is_told_may_release_others),
		T(overrun_asks_for_everything),
		T(link_missing_in_a_whole_dump_is_gone),
		T(one_turn_asks_a_bounded_number),
		T(wire_that_takes_nothing_is_tried_again),
		T(answer_for_a_forgotten_path_is_ignored),
	};

	return cmocka_run_group_tests(t, NULL, NULL) != 0;
}
