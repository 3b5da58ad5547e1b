/* SPDX-License-Identifier: BSD-3-Clause */
/* Routes: usages before priorities, healthy trunks before demoted ones, and fair spreading. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>
#include <cmocka.h>
#include <sallyport/mediation/policy.h>

enum {
	LOCAL,
	LONG,
	EMERGENCY
};

struct rig {
	enum policy_trunk_state states[64];
	uint32_t turns[8];
	struct policy_world world;
	struct policy_scratch *scratch;
	struct policy_routes *routes;
	struct policy_choice out[POLICY_CHOICES_MAX];
	size_t n;
};

static enum policy_trunk_state state_of(void *arg, unsigned trunk)
{
	struct rig *r = arg;
	return r->states[trunk];
}

static void open_rig(struct rig *r, const struct policy_route_text *texts, size_t n)
{
	char why[POLICY_WHY_LEN];
	size_t where;
	memset(r, 0, sizeof(*r));
	r->world = (struct policy_world){.state = state_of, .arg = r, .turns = r->turns};
	r->scratch = policy_scratch_create();
	assert_non_null(r->scratch);
	assert_int_equal(policy_routes_create(texts, n, &r->routes, &where, why), 0);
}

static void close_rig(struct rig *r)
{
	policy_routes_destroy(r->routes);
	policy_scratch_destroy(r->scratch);
}

static void choose(struct rig *r, const unsigned *usages, size_t n, const char *number)
{
	r->n = policy_routes_choose(
		r->routes, r->scratch, usages, n, bytes_str(number), &r->world, r->out);
}

static void assert_trunks(const struct rig *r, const unsigned *trunks, size_t n)
{
	assert_int_equal(r->n, n);
	for (size_t i = 0; i < n; i++)
		assert_int_equal(r->out[i].trunk, trunks[i]);
}
#define ASSERT_TRUNKS(r, ...)                                                                      \
	do {                                                                                       \
		const unsigned expected[] = {__VA_ARGS__};                                         \
		assert_trunks((r), expected, ARRAY_LEN(expected));                                 \
	} while (0)

static const unsigned use_local[] = {LOCAL}, use_long[] = {LONG}, use_both[] = {LOCAL, LONG};

static void usages_come_before_priorities(void **state)
{
	static const unsigned t1[] = {1}, t2[] = {2}, t3[] = {3}, t4[] = {4};
	static const struct policy_route_text texts[] = {
		{"^\\+?\\d+$", 9, use_local, 1, t1, 1, POLICY_ORDERED},
		{"^\\+1(425|206)\\d{7}$", 1, use_local, 1, t2, 1, POLICY_ORDERED},
		{"^\\+?\\d+$", 0, use_long, 1, t3, 1, POLICY_ORDERED},
		{"^\\+1(425|206)\\d{7}$", 1, use_both, 2, t4, 1, POLICY_ORDERED},
	};
	struct rig r;
	open_rig(&r, texts, ARRAY_LEN(texts));
	choose(&r, use_both, 2, "+14255550123");
	ASSERT_TRUNKS(&r, 2, 4, 1, 3);
	assert_int_equal(r.out[1].route, 3);
	choose(&r, use_both, 2, "+442071234567");
	ASSERT_TRUNKS(&r, 1, 3);
	choose(&r, use_long, 1, "+14255550123");
	ASSERT_TRUNKS(&r, 3, 4);
	choose(&r, use_local, 0, "+14255550123");
	assert_int_equal(r.n, 0);
	choose(&r, use_both, 2, "operator");
	assert_int_equal(r.n, 0);
	close_rig(&r);
}

static void a_round_robin_goes_round_those_that_are_up(void **state)
{
	static const unsigned trunks[] = {1, 2, 3};
	static const struct policy_route_text texts[] = {
		{"^", 0, use_local, 1, trunks, 3, POLICY_ROUND_ROBIN}};
	struct rig r;
	unsigned first[4] = {0};
	open_rig(&r, texts, 1);
	choose(&r, use_local, 1, "1");
	ASSERT_TRUNKS(&r, 1, 2, 3);
	choose(&r, use_local, 1, "1");
	ASSERT_TRUNKS(&r, 2, 3, 1);
	choose(&r, use_local, 1, "1");
	ASSERT_TRUNKS(&r, 3, 1, 2);
	r.states[2] = POLICY_TRUNK_DEMOTED;
	for (unsigned i = 0; i < 100; i++) {
		choose(&r, use_local, 1, "1");
		assert_int_equal(r.n, 3);
		assert_int_equal(r.out[2].trunk, 2);
		first[r.out[0].trunk]++;
	}
	assert_int_equal(first[1], 50);
	assert_int_equal(first[3], 50);
	close_rig(&r);
}

static void a_shuffle_gives_each_the_same_share(void **state)
{
	static const unsigned trunks[] = {1, 2, 3, 4};
	static const struct policy_route_text texts[] = {
		{"^", 0, use_local, 1, trunks, 4, POLICY_SHUFFLE}};
	struct rig r;
	unsigned first[5] = {0};
	open_rig(&r, texts, 1);
	for (unsigned i = 0; i < 4000; i++) {
		bool is_seen[5] = {false};
		r.world.random = i;
		choose(&r, use_local, 1, "1");
		assert_int_equal(r.n, 4);
		for (size_t k = 0; k < 4; k++) {
			assert_false(is_seen[r.out[k].trunk]);
			is_seen[r.out[k].trunk] = true;
		}
		first[r.out[0].trunk]++;
	}
	for (unsigned t = 1; t <= 4; t++)
		assert_in_range(first[t], 850, 1150);
	close_rig(&r);
}

static void demoted_trunks_are_last_and_never_gone(void **state)
{
	static const unsigned near[] = {1, 2}, far[] = {3, 1};
	static const struct policy_route_text texts[] = {
		{"^", 0, use_local, 1, near, 2, POLICY_ORDERED},
		{"^", 1, use_local, 1, far, 2, POLICY_ORDERED},
	};
	struct rig r;
	open_rig(&r, texts, ARRAY_LEN(texts));
	choose(&r, use_local, 1, "1");
	ASSERT_TRUNKS(&r, 1, 2, 3);
	r.states[1] = POLICY_TRUNK_DEMOTED;
	choose(&r, use_local, 1, "1");
	ASSERT_TRUNKS(&r, 2, 3, 1);
	r.states[2] = r.states[3] = POLICY_TRUNK_DEMOTED;
	choose(&r, use_local, 1, "1");
	ASSERT_TRUNKS(&r, 1, 2, 3);
	r.states[2] = POLICY_TRUNK_OFF;
	choose(&r, use_local, 1, "1");
	ASSERT_TRUNKS(&r, 1, 3);
	r.states[1] = r.states[3] = POLICY_TRUNK_OFF;
	choose(&r, use_local, 1, "1");
	assert_int_equal(r.n, 0);
	close_rig(&r);
}

static void attempts_have_a_bound(void **state)
{
	unsigned trunks[64];
	for (unsigned i = 0; i < 64; i++)
		trunks[i] = i;
	const struct policy_route_text texts[] = {
		{"^", 0, use_local, 1, trunks, 64, POLICY_ROUND_ROBIN},
		{"^", 1, use_local, 1, trunks, 64, POLICY_SHUFFLE},
	};
	struct rig r;
	open_rig(&r, texts, 2);
	for (unsigned i = 0; i < 64; i++)
		r.states[i] = i % 2 ? POLICY_TRUNK_DEMOTED : POLICY_TRUNK_UP;
	for (unsigned i = 0; i < 64; i++) {
		choose(&r, use_local, 1, "1");
		assert_int_equal(r.n, POLICY_CHOICES_MAX);
	}
	close_rig(&r);
}

static void a_route_that_cannot_be_is_named(void **state)
{
	static const struct policy_route_text texts[] = {
		{"^1$", 5, use_local, 1, NULL, 0, POLICY_ORDERED},
		{"^(1$", 1, use_local, 1, NULL, 0, POLICY_ORDERED}};
	struct policy_routes *r;
	char why[POLICY_WHY_LEN];
	size_t where = 7;
	assert_int_equal(policy_routes_create(texts, 2, &r, &where, why), ERR_MALFORMED);
	assert_int_equal(where, 1);
	assert_int_equal(policy_routes_create(texts, 0, &r, &where, why), 0);
	policy_routes_destroy(r);
}

static void the_most_specific_set_counts_whole(void **state)
{
	static const char *const scopes[] = {"site:hq", "global", "trunk:sbc", "site:branch"};
	static const char *const wrong[] = {"", "globe", "site:", "trunk:", "site", "pool:x"};
	enum policy_scope scope;
	const char *name;
	assert_int_equal(policy_scope_choose(scopes, 4, "sbc", "hq"), 2);
	assert_int_equal(policy_scope_choose(scopes, 4, "gw1", "hq"), 0);
	assert_int_equal(policy_scope_choose(scopes, 4, "gw1", "branch"), 3);
	assert_int_equal(policy_scope_choose(scopes, 4, "gw1", "lon"), 1);
	assert_int_equal(policy_scope_choose(scopes, 4, "gw1", NULL), 1);
	assert_int_equal(policy_scope_choose(scopes, 1, "gw1", NULL), 1);
	assert_int_equal(policy_scope_choose(NULL, 0, "gw1", "hq"), 0);
	for (size_t i = 0; i < ARRAY_LEN(wrong); i++)
		assert_int_equal(policy_scope_parse(wrong[i], &scope, &name), ERR_MALFORMED);
	assert_int_equal(policy_scope_parse("trunk:a:b", &scope, &name), 0);
	assert_int_equal(scope, POLICY_TRUNK);
	assert_string_equal(name, "a:b");
}

int main(void)
{
	static const struct CMUnitTest t[] = {
		cmocka_unit_test(usages_come_before_priorities),
		cmocka_unit_test(a_round_robin_goes_round_those_that_are_up),
		cmocka_unit_test(a_shuffle_gives_each_the_same_share),
		cmocka_unit_test(demoted_trunks_are_last_and_never_gone),
		cmocka_unit_test(attempts_have_a_bound),
		cmocka_unit_test(a_route_that_cannot_be_is_named),
		cmocka_unit_test(the_most_specific_set_counts_whole),
	};
	return cmocka_run_group_tests(t, NULL, NULL) != 0;
}
