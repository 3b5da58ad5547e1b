/* SPDX-License-Identifier: BSD-3-Clause */
/* The pool of relay ports: how a range is cut into shares, what is taken from a share. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>
#include <cmocka.h>
#include <sallyport/net.h>

static struct net_ports make(uint16_t first, uint16_t last)
{
	struct net_ports p;
	assert_int_equal(net_ports_init(&p, first, last, 0, 1), 0);
	return p;
}

/* ---- shares ---- */

static void assert_shares(uint16_t first, uint16_t last, unsigned n)
{
	uint32_t next = (uint32_t)first + first % 2;
	for (unsigned i = 0; i < n; i++) {
		struct net_ports p;
		assert_int_equal(net_ports_init(&p, first, last, i, n), 0);
		assert_int_equal(p.first, next); /* no gap, no overlap */
		assert_int_equal(p.first % 2, 0);
		assert_int_equal(p.count % 2, 0);
		assert_true(p.count > 0);
		assert_false(net_ports_has(&p, (uint16_t)(p.first - 1)));
		assert_true(net_ports_has(&p, p.first));
		assert_true(net_ports_has(&p, (uint16_t)(p.first + p.count - 1)));
		next = p.first + p.count;
		assert_int_equal(next <= 0xffff && net_ports_has(&p, (uint16_t)next), false);
		net_ports_fini(&p);
	}
	/* At most the odd one at either end is left over. */
	assert_in_range(next, last, (uint32_t)last + 1);
}

static void shares_cover_the_range_in_pairs(void **state)
{
	static const struct {
		uint16_t first, last;
		unsigned n;
	} cases[] = {{50000, 59999, 1}, {50000, 59999, 4}, {50001, 60000, 3}, {49152, 65535, 7},
		{1024, 65535, 64}, {50000, 50001, 1}, {50000, 50007, 4}, {50000, 50002, 1}};
	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++)
		assert_shares(cases[i].first, cases[i].last, cases[i].n);
}

static void shares_differ_by_at_most_one_pair(void **state)
{
	uint32_t least = UINT32_MAX, most = 0;
	for (unsigned i = 0; i < 7; i++) {
		struct net_ports p;
		assert_int_equal(net_ports_init(&p, 50000, 50099, i, 7), 0);
		least = p.count < least ? p.count : least;
		most = p.count > most ? p.count : most;
		net_ports_fini(&p);
	}
	assert_in_range(most - least, 0, 2);
}

static void share_without_a_pair_is_refused(void **state)
{
	struct net_ports p;
	assert_int_equal(net_ports_init(&p, 50000, 50000, 0, 1), ERR_FULL);
	assert_int_equal(net_ports_init(&p, 50001, 50002, 0, 1), ERR_FULL);
	assert_int_equal(net_ports_init(&p, 65535, 65535, 0, 1), ERR_FULL);
	assert_int_equal(net_ports_init(&p, 50000, 50003, 0, 3), ERR_FULL);
}

/* ---- taking ---- */

static void every_port_is_given_once_and_then_none(void **state)
{
	struct net_ports p = make(50000, 50199);
	bool seen[200] = {false};
	uint16_t port;
	for (int i = 0; i < 200; i++) {
		assert_int_equal(net_ports_take(&p, NET_PORT_ANY, &port), 0);
		assert_in_range(port, 50000, 50199);
		assert_false(seen[port - 50000]);
		seen[port - 50000] = true;
	}
	assert_int_equal(net_ports_take(&p, NET_PORT_ANY, &port), ERR_FULL);
	net_ports_put(&p, 50123);
	assert_int_equal(net_ports_take(&p, NET_PORT_ANY, &port), 0);
	assert_int_equal(port, 50123);
	net_ports_fini(&p);
}

static void highest_ports_are_given_too(void **state)
{
	struct net_ports p = make(65532, 65535);
	uint16_t port;
	unsigned sum = 0;
	for (int i = 0; i < 4; i++) {
		assert_int_equal(net_ports_take(&p, NET_PORT_ANY, &port), 0);
		sum += port - 65532u;
	}
	assert_int_equal(sum, 0 + 1 + 2 + 3);
	net_ports_fini(&p);
}

static void even_takes_even_ports_while_there_are_any(void **state)
{
	struct net_ports p = make(50000, 50019);
	uint16_t port;
	for (int i = 0; i < 10; i++) {
		assert_int_equal(net_ports_take(&p, NET_PORT_EVEN, &port), 0);
		assert_int_equal(port % 2, 0);
	}
	assert_int_equal(net_ports_take(&p, NET_PORT_EVEN, &port), ERR_FULL);
	assert_int_equal(net_ports_take(&p, NET_PORT_ANY, &port), 0);
	assert_int_equal(port % 2, 1);
	net_ports_fini(&p);
}

static void pair_takes_an_even_port_and_its_successor(void **state)
{
	struct net_ports p = make(50000, 50019);
	uint16_t port;
	for (int i = 0; i < 10; i++) {
		assert_int_equal(net_ports_take(&p, NET_PORT_EVEN_PAIR, &port), 0);
		assert_int_equal(port % 2, 0);
		assert_int_equal(p.n_used, 2 * (i + 1));
	}
	assert_int_equal(net_ports_take(&p, NET_PORT_ANY, &port), ERR_FULL);
	/* Half of a pair is none. */
	net_ports_put(&p, 50004);
	net_ports_put(&p, 50007);
	assert_int_equal(net_ports_take(&p, NET_PORT_EVEN_PAIR, &port), ERR_FULL);
	net_ports_put(&p, 50005);
	assert_int_equal(net_ports_take(&p, NET_PORT_EVEN_PAIR, &port), 0);
	assert_int_equal(port, 50004);
	net_ports_fini(&p);
}

/* Numbers must not be foretold (RFC 6056), so they are not handed out in a row. The bounds are wide
 * enough that chance fails this once in far more runs than there will be. */
static void numbers_are_spread_over_the_range(void **state)
{
	enum {
		PORTS = 64,
		TAKES = 6400
	};
	struct net_ports p = make(50000, 50000 + PORTS - 1);
	unsigned count[PORTS] = {0}, in_a_row = 0;
	uint16_t port, before = 0;
	for (int i = 0; i < TAKES; i++) {
		assert_int_equal(net_ports_take(&p, NET_PORT_ANY, &port), 0);
		net_ports_put(&p, port);
		count[port - 50000]++;
		in_a_row += port == before + 1;
		before = port;
	}
	for (int i = 0; i < PORTS; i++)
		assert_in_range(count[i], 30, 200); /* about 100 */
	assert_in_range(in_a_row, 0, 300);          /* about 100 */
	net_ports_fini(&p);
}

static void claimed_port_is_given_to_nobody(void **state)
{
	struct net_ports p = make(50000, 50003);
	uint16_t port;
	assert_int_equal(net_ports_claim(&p, 50002), 0);
	assert_int_equal(net_ports_claim(&p, 50002), ERR_EXISTS);
	assert_int_equal(net_ports_claim(&p, 50004), ERR_CONFIG);
	assert_int_equal(net_ports_claim(&p, 49999), ERR_CONFIG);
	for (int i = 0; i < 3; i++) {
		assert_int_equal(net_ports_take(&p, NET_PORT_ANY, &port), 0);
		assert_int_not_equal(port, 50002);
	}
	assert_int_equal(net_ports_take(&p, NET_PORT_ANY, &port), ERR_FULL);
	net_ports_put(&p, 50002);
	assert_int_equal(net_ports_take(&p, NET_PORT_ANY, &port), 0);
	assert_int_equal(port, 50002);
	net_ports_fini(&p);
}

int main(void)
{
	const struct CMUnitTest t[] = {
		cmocka_unit_test(claimed_port_is_given_to_nobody),
		cmocka_unit_test(shares_cover_the_range_in_pairs),
		cmocka_unit_test(shares_differ_by_at_most_one_pair),
		cmocka_unit_test(share_without_a_pair_is_refused),
		cmocka_unit_test(every_port_is_given_once_and_then_none),
		cmocka_unit_test(highest_ports_are_given_too),
		cmocka_unit_test(even_takes_even_ports_while_there_are_any),
		cmocka_unit_test(pair_takes_an_even_port_and_its_successor),
		cmocka_unit_test(numbers_are_spread_over_the_range),
	};
	return cmocka_run_group_tests(t, NULL, NULL) != 0;
}
