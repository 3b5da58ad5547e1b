/* SPDX-License-Identifier: BSD-3-Clause */
/* Prefixes: text, the trie against a list that is searched whole, and hidden IPv4 addresses. */
#include <setjmp.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include <sallyport/common.h>

static struct addr addr_of(const char *text)
{
	struct addr a;

	if (addr_parse(text, 0, &a) != 0)
		fail_msg("'%s' was refused", text);
	return a;
}

static struct prefix prefix_of(const char *text)
{
	struct prefix p;

	if (prefix_parse(text, &p) != 0)
		fail_msg("'%s' was refused", text);
	return p;
}

static void text_comes_out_canonical(void **state)
{
	static const struct {
		const char *in, *out;
		unsigned len_bits;
	} rows[] = {
		{"10.0.0.0/8", "10.0.0.0/8", 104},
		{"0.0.0.0/0", "0.0.0.0/0", 96},
		{"192.0.2.1", "192.0.2.1/32", 128},
		{"192.0.2.1/32", "192.0.2.1/32", 128},
		{"::/0", "::/0", 0},
		{"2001:DB8::/32", "2001:db8::/32", 32},
		{"2001:db8::1", "2001:db8::1/128", 128},
		{"::ffff:10.0.0.0/104", "10.0.0.0/8", 104},
		{"::ffff:0:0/96", "0.0.0.0/0", 96},
		{"::/96", "::/96", 96},
	};
	char buf[ADDR_TEXT_LEN];

	for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
		struct prefix p = prefix_of(rows[i].in);
		assert_string_equal(prefix_format(&p, buf), rows[i].out);
		assert_int_equal(p.len_bits, rows[i].len_bits);
	}
}

static void anything_else_is_malformed(void **state)
{
	static const char *const texts[] = {"", "/", "/8", "10.0.0.0/", "10.0.0.0/33",
		"10.0.0.0/-1", "10.0.0.0/08", "10.0.0.0/ 8", "10.0.0.0/8 ", "10.0.0.0/8/8",
		"10.0.0.1/8", "11.0.0.0/7", "10.0.0.0/1000000000008", "10.0.0.0:0/8",
		"10.0.0.0:1/8", "10.0.0.0:0", "[2001:db8::]/32", "2001:db8::/129", "2001:db8::1/32",
		"::1/0", "::ffff:10.0.0.0/8", "::ffff:0:0/95", "fe80::%3/10", "name/8", "10/8"};
	struct prefix p, untouched;

	memset(&p, 0xa5, sizeof(p));
	untouched = p;
	for (size_t i = 0; i < ARRAY_LEN(texts); i++) {
		if (prefix_parse(texts[i], &p) != ERR_MALFORMED)
			fail_msg("'%s' was taken", texts[i]);
		assert_memory_equal(&p, &untouched, sizeof(p));
	}
}

static bool holds(const char *prefix, const char *addr)
{
	struct prefix p = prefix_of(prefix);
	struct addr a = addr_of(addr);

	return prefix_contains(&p, &a);
}

static void prefix_holds_its_range_and_no_more(void **state)
{
	assert_true(holds("10.0.0.0/8", "10.0.0.0"));
	assert_true(holds("10.0.0.0/8", "10.255.255.255:99"));
	assert_false(holds("10.0.0.0/8", "11.0.0.0"));
	assert_false(holds("10.0.0.0/8", "9.255.255.255"));
	assert_true(holds("172.16.0.0/12", "172.31.255.255"));
	assert_false(holds("172.16.0.0/12", "172.32.0.0"));
	assert_true(holds("192.0.2.1", "192.0.2.1"));
	assert_false(holds("192.0.2.1", "192.0.2.0"));
	assert_true(holds("fe80::/10", "febf::1%2"));
	assert_false(holds("fe80::/10", "fec0::1"));
	assert_true(holds("2001:db8::/65", "2001:db8::7fff:0:0:1"));
	assert_false(holds("2001:db8::/65", "2001:db8::8000:0:0:1"));
}

static void prefix_holds_its_own_family_only(void **state)
{
	assert_true(holds("::/0", "2001:db8::1"));
	assert_false(holds("::/0", "192.0.2.1"));
	assert_true(holds("0.0.0.0/0", "192.0.2.1"));
	assert_false(holds("0.0.0.0/0", "::192.0.2.1"));
}

static uint8_t lookup(const struct prefix_set *s, const char *addr)
{
	struct addr a = addr_of(addr);

	return prefix_set_lookup(s, &a);
}

static void insert(struct prefix_set *s, const char *prefix, uint8_t verdict)
{
	struct prefix p = prefix_of(prefix);

	assert_int_equal(prefix_set_insert(s, &p, verdict), 0);
}

static void longest_prefix_decides_in_any_order_of_insertion(void **state)
{
	static const char *const prefixes[] = {
		"0.0.0.0/0", "10.0.0.0/8", "10.1.0.0/16", "10.1.2.3"};
	static const uint8_t orders[][4] = {{0, 1, 2, 3}, {3, 2, 1, 0}, {2, 0, 3, 1}, {1, 3, 0, 2}};

	for (size_t o = 0; o < ARRAY_LEN(orders); o++) {
		struct prefix_set *s = prefix_set_create();
		assert_non_null(s);
		assert_int_equal(lookup(s, "10.1.2.3"), 0);
		for (size_t i = 0; i < 4; i++)
			insert(s, prefixes[orders[o][i]], (uint8_t)(orders[o][i] + 1));

		assert_int_equal(lookup(s, "192.0.2.1"), 1);
		assert_int_equal(lookup(s, "10.2.0.0"), 2);
		assert_int_equal(lookup(s, "10.1.2.2"), 3);
		assert_int_equal(lookup(s, "10.1.2.3"), 4);
		assert_int_equal(lookup(s, "2001:db8::1"), 0);
		prefix_set_destroy(s);
	}
}

static void ipv6_default_leaves_ipv4_alone(void **state)
{
	struct prefix_set *s = prefix_set_create();

	assert_non_null(s);
	insert(s, "::/0", 9);
	assert_int_equal(lookup(s, "192.0.2.1"), 0);
	assert_int_equal(lookup(s, "::ffff:192.0.2.1"), 0);
	assert_int_equal(lookup(s, "2001:db8::1"), 9);
	insert(s, "0.0.0.0/0", 8);
	assert_int_equal(lookup(s, "192.0.2.1"), 8);
	assert_int_equal(lookup(s, "::192.0.2.1"), 9);
	prefix_set_destroy(s);
}

static void later_insert_replaces_the_verdict(void **state)
{
	struct prefix_set *s = prefix_set_create();

	assert_non_null(s);
	insert(s, "10.0.0.0/8", 1);
	insert(s, "10.0.0.0/8", 255);
	assert_int_equal(lookup(s, "10.0.0.1"), 255);
	prefix_set_destroy(s);
}

static void destroying_nothing_is_harmless(void **state)
{
	prefix_set_destroy(NULL);
}

/* xorshift64: the same sequence in every run. */
static uint64_t next_random(uint64_t *seed)
{
	*seed ^= *seed << 13;
	*seed ^= *seed >> 7;
	*seed ^= *seed << 17;
	return *seed;
}

/* Addresses whose bits repeat, so that prefixes nest and share long beginnings. */
static struct addr random_addr(uint64_t *seed)
{
	static const uint8_t bytes[] = {0x00, 0x01, 0x80, 0xff};
	uint8_t ip[16];

	for (unsigned i = 0; i < 16; i++)
		ip[i] = bytes[next_random(seed) % ARRAY_LEN(bytes)];
	if (next_random(seed) % 2 == 0)
		return addr_ipv4(be32_get(ip), 0);
	return addr_ipv6(ip, 0);
}

static struct prefix random_prefix(uint64_t *seed)
{
	struct prefix p = {.addr = random_addr(seed)};
	unsigned first = p.addr.family == ADDR_IPV4 ? 96 : 0;

	p.len_bits = (uint8_t)(first + next_random(seed) % (129 - first));
	for (unsigned i = p.len_bits; i < 128; i++)
		p.addr.ip[i / 8] &= (uint8_t) ~(0x80 >> i % 8);
	return p;
}

/* Bit by bit, so that it shares nothing with what it checks. */
static bool is_held(const struct prefix *p, const struct addr *a)
{
	if (p->addr.family != a->family)
		return false;
	for (unsigned i = 0; i < p->len_bits; i++) {
		if (((p->addr.ip[i / 8] ^ a->ip[i / 8]) & 0x80 >> i % 8) != 0)
			return false;
	}
	return true;
}

static uint8_t naive_lookup(
	const struct prefix *p, const uint8_t *verdicts, size_t n, const struct addr *a)
{
	int best_len = -1;
	uint8_t verdict = 0;

	for (size_t i = 0; i < n; i++) {
		assert_int_equal(prefix_contains(&p[i], a), is_held(&p[i], a));
		if (p[i].len_bits >= best_len && is_held(&p[i], a)) {
			best_len = p[i].len_bits;
			verdict = verdicts[i];
		}
	}
	return verdict;
}

static void trie_agrees_with_a_list_on_random_prefixes(void **state)
{
	struct prefix prefixes[200];
	uint8_t verdicts[200];
	uint64_t seed = 88172645463325252u;
	unsigned n_held = 0;

	for (unsigned round = 0; round < 40; round++) {
		struct prefix_set *s = prefix_set_create();
		assert_non_null(s);
		for (size_t n = 0; n < ARRAY_LEN(prefixes); n++) {
			prefixes[n] = random_prefix(&seed);
			verdicts[n] = (uint8_t)(1 + next_random(&seed) % 255);
			assert_int_equal(prefix_set_insert(s, &prefixes[n], verdicts[n]), 0);
			for (unsigned k = 0; k < 20; k++) {
				struct addr a =
					k % 2 == 0 ? random_addr(&seed)
						   : prefixes[next_random(&seed) % (n + 1)].addr;
				uint8_t want = naive_lookup(prefixes, verdicts, n + 1, &a);
				assert_int_equal(prefix_set_lookup(s, &a), want);
				n_held += want != 0;
			}
		}
		prefix_set_destroy(s);
	}
	assert_true(n_held > 10000);
}

static void assert_embedded(const char *text, unsigned n, const char *first, const char *second)
{
	struct addr a = addr_of(text), out[2];
	char buf[ADDR_TEXT_LEN];

	assert_int_equal(addr_embedded_ipv4(&a, out), n);
	if (n > 0)
		assert_string_equal(addr_format_ip(&out[0], buf), first);
	if (n > 1)
		assert_string_equal(addr_format_ip(&out[1], buf), second);
	for (unsigned i = 0; i < n; i++)
		assert_int_equal(out[i].family, ADDR_IPV4);
}

/* RFC 6052 §2.1, with its own example. */
static void nat64_carries_its_last_four_bytes(void **state)
{
	assert_embedded("64:ff9b::192.0.2.33", 1, "192.0.2.33", NULL);
	assert_embedded("64:ff9b::7f00:1", 1, "127.0.0.1", NULL);
	assert_embedded("64:ff9b::1:7f00:1", 0, NULL, NULL);
	assert_embedded("64:ff9c::7f00:1", 0, NULL, NULL);
}

/* RFC 3056 §2. */
static void six_to_four_carries_the_bytes_behind_2002(void **state)
{
	assert_embedded("2002:c000:0221::1", 1, "192.0.2.33", NULL);
	assert_embedded("2002:7f00:1:ffff:ffff:ffff:ffff:ffff", 1, "127.0.0.1", NULL);
	assert_embedded("2003:7f00:1::", 0, NULL, NULL);
}

/* RFC 4380 §4: server in the clear, client inverted. */
static void teredo_carries_server_and_inverted_client(void **state)
{
	assert_embedded("2001:0:4136:e378:8000:63bf:3fff:fdd2", 2, "65.54.227.120", "192.0.2.45");
	assert_embedded("2001::80ff:fffe", 2, "0.0.0.0", "127.0.0.1");
	assert_embedded("2001:1:4136:e378:8000:63bf:3fff:fdd2", 0, NULL, NULL);
}

static void plain_addresses_carry_nothing(void **state)
{
	assert_embedded("192.0.2.1", 0, NULL, NULL);
	assert_embedded("::ffff:192.0.2.1", 0, NULL, NULL);
	assert_embedded("2001:db8::1", 0, NULL, NULL);
	assert_embedded("::1", 0, NULL, NULL);
}

int main(void)
{
	const struct CMUnitTest t[] = {
		cmocka_unit_test(text_comes_out_canonical),
		cmocka_unit_test(anything_else_is_malformed),
		cmocka_unit_test(prefix_holds_its_range_and_no_more),
		cmocka_unit_test(prefix_holds_its_own_family_only),
		cmocka_unit_test(longest_prefix_decides_in_any_order_of_insertion),
		cmocka_unit_test(ipv6_default_leaves_ipv4_alone),
		cmocka_unit_test(later_insert_replaces_the_verdict),
		cmocka_unit_test(destroying_nothing_is_harmless),
		cmocka_unit_test(trie_agrees_with_a_list_on_random_prefixes),
		cmocka_unit_test(nat64_carries_its_last_four_bytes),
		cmocka_unit_test(six_to_four_carries_the_bytes_behind_2002),
		cmocka_unit_test(teredo_carries_server_and_inverted_client),
		cmocka_unit_test(plain_addresses_carry_nothing),
	};
	return cmocka_run_group_tests(t, NULL, NULL) != 0;
}
