/* SPDX-License-Identifier: BSD-3-Clause */
/* ICMP errors: which datagram they quote, and all that is no such error. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "../../../src/net/steer/checksum.h"
#include "../../../src/net/steer/headers.h"

static struct addr at(const char *text)
{
	struct addr a;
	assert_int_equal(addr_parse(text, 0, &a), 0);
	return a;
}

struct error {
	uint8_t bytes[512];
	size_t len;
};

/* Of what is behind the outer header. */
static void seal(struct error *e)
{
	e->bytes[22] = e->bytes[23] = 0;
	uint16_t c = net_checksum_fold(net_checksum_add(0, e->bytes + 20, e->len - 20));
	memcpy(e->bytes + 22, &c, 2);
}

/* An IPv4 error around the first KEPT bytes of a datagram of ours, from a router. */
static struct error ipv4_error(uint8_t type, uint8_t code, uint32_t rest, size_t kept)
{
	static const uint8_t router[] = {
		0x45, 0xc0, 0, 0, 0, 1, 0, 0, 64, 1, 0, 0, 203, 0, 113, 1, 192, 0, 2, 1};
	struct net_ip ip = {
		.from = at("192.0.2.1:50000"), .to = at("198.51.100.7:4000"), .hops = 64};
	uint8_t room[256] = {0};
	uint8_t *udp = net_headers_udp(&ip.from, &ip.to, room + 64, 40);
	const uint8_t *packet = net_headers_ip(&ip, udp, 48);
	struct error e = {.len = 28 + kept};

	memcpy(e.bytes, router, sizeof(router));
	e.bytes[20] = type;
	e.bytes[21] = code;
	be32_put(e.bytes + 24, rest);
	memcpy(e.bytes + 28, packet, kept);
	seal(&e);
	return e;
}

static struct error ipv6_error(uint8_t type, uint8_t code, uint32_t rest, size_t kept)
{
	struct net_ip ip = {
		.from = at("[2001:db8::1]:50000"), .to = at("[2001:db8::2]:4000"), .hops = 64};
	uint8_t room[256] = {0};
	uint8_t *udp = net_headers_udp(&ip.from, &ip.to, room + 64, 40);
	const uint8_t *packet = net_headers_ip(&ip, udp, 48);
	struct error e = {.bytes = {type, code}, .len = 8 + kept};

	be32_put(e.bytes + 4, rest);
	memcpy(e.bytes + 8, packet, kept);
	return e;
}

/* From a copy of just that length, so that a byte read too many is seen. */
static bool reads(bool v6, const struct error *e, size_t len, struct net_quoted *q)
{
	uint8_t *copy = malloc(len ? len : 1);
	assert_non_null(copy);
	memcpy(copy, e->bytes, len);
	bool is_read = v6 ? net_quoted_read6(bytes_of(copy, len), q)
			  : net_quoted_read4(bytes_of(copy, len), q);
	free(copy);
	return is_read;
}

static void assert_quotes(const struct net_quoted *q, const char *from, const char *to)
{
	struct addr a = at(from), b = at(to);
	assert_true(addr_equal(&q->from, &a));
	assert_true(addr_equal(&q->to, &b));
}

static void ipv4_errors_name_the_datagram(void **state)
{
	static const uint8_t types[] = {3, 11, 12};
	(void)state;
	for (size_t i = 0; i < ARRAY_LEN(types); i++) {
		struct error e = ipv4_error(types[i], 3, 0, 28);
		struct net_quoted q;
		assert_true(reads(false, &e, e.len, &q));
		assert_quotes(&q, "192.0.2.1:50000", "198.51.100.7:4000");
		assert_int_equal(q.type, types[i]);
		assert_int_equal(q.code, 3);
		assert_int_equal(q.info, 0);
	}
}

static void ipv6_errors_name_the_datagram(void **state)
{
	(void)state;
	for (uint8_t type = 1; type <= 4; type++) {
		struct error e = ipv6_error(type, 4, 1280, 48);
		struct net_quoted q;
		assert_true(reads(true, &e, e.len, &q));
		assert_quotes(&q, "[2001:db8::1]:50000", "[2001:db8::2]:4000");
		assert_int_equal(q.type, type);
		assert_int_equal(q.code, 4);
		assert_int_equal(q.info, type == 2 ? 1280 : 0);
	}
}

/* RFC 1191 §4: the lower half. */
static void fragmentation_needed_tells_the_mtu(void **state)
{
	struct error e = ipv4_error(3, 4, 0xffff0000 | 1400, 28);
	struct net_quoted q;
	(void)state;
	assert_true(reads(false, &e, e.len, &q));
	assert_int_equal(q.info, 1400);
}

static void ipv4_error_cut_short_is_none(void **state)
{
	struct net_quoted q;
	(void)state;
	/* All that is behind the ports may be missing, but then its checksum is another. */
	for (size_t kept = 0; kept <= 28; kept++) {
		struct error e = ipv4_error(3, 3, 0, kept);
		assert_int_equal(reads(false, &e, e.len, &q), kept >= 24);
		for (size_t len = 0; len < e.len; len++)
			(void)reads(false, &e, len, &q); /* reads nothing beyond */
	}
}

static void ipv6_error_cut_short_is_none(void **state)
{
	struct error e = ipv6_error(1, 4, 0, 48);
	struct net_quoted q;
	(void)state;
	for (size_t len = 0; len <= e.len; len++)
		assert_int_equal(reads(true, &e, len, &q), len >= 8 + 44);
}

static void ipv4_error_with_wrong_checksum_is_none(void **state)
{
	struct net_quoted q;
	(void)state;
	for (size_t i = 20; i < 56; i++) {
		struct error e = ipv4_error(3, 3, 0, 28);
		e.bytes[i] ^= 0x10;
		assert_false(reads(false, &e, e.len, &q));
	}
}

static void what_is_no_error_is_passed_over(void **state)
{
	static const uint8_t types[] = {0, 4, 5, 8, 13};
	struct net_quoted q;
	(void)state;
	for (size_t i = 0; i < ARRAY_LEN(types); i++) {
		struct error e = ipv4_error(types[i], 0, 0, 28);
		assert_false(reads(false, &e, e.len, &q));
	}
	struct error none = ipv6_error(0, 0, 0, 48), echo = ipv6_error(128, 0, 0, 48);
	assert_false(reads(true, &none, none.len, &q));
	assert_false(reads(true, &echo, echo.len, &q));
}

static void ipv4_options_are_looked_behind(void **state)
{
	struct error e = ipv4_error(3, 3, 0, 28);
	struct net_quoted q;
	(void)state;
	/* Four bytes of them in the quoted header. */
	memmove(e.bytes + 52, e.bytes + 48, 8);
	memset(e.bytes + 48, 1, 4);
	e.bytes[28] = 0x46;
	e.len += 4;
	seal(&e);
	assert_true(reads(false, &e, e.len, &q));
	assert_quotes(&q, "192.0.2.1:50000", "198.51.100.7:4000");
	e.bytes[28] = 0x4f; /* longer than what is there */
	seal(&e);
	assert_false(reads(false, &e, e.len, &q));
	e.bytes[28] = 0x44; /* shorter than a header */
	seal(&e);
	assert_false(reads(false, &e, e.len, &q));
}

static void later_fragments_and_other_protocols_are_passed_over(void **state)
{
	struct error e = ipv4_error(3, 3, 0, 28);
	struct net_quoted q;
	(void)state;
	be16_put(e.bytes + 28 + 6, 0x2000); /* the first of several */
	seal(&e);
	assert_true(reads(false, &e, e.len, &q));
	be16_put(e.bytes + 28 + 6, 185);
	seal(&e);
	assert_false(reads(false, &e, e.len, &q));
	be16_put(e.bytes + 28 + 6, 0);
	e.bytes[28 + 9] = 6;
	seal(&e);
	assert_false(reads(false, &e, e.len, &q));
}

/* A header NEXT of LEN bytes between the quoted IPv6 header and its UDP header. */
static void insert_extension(struct error *e, uint8_t type, const uint8_t *bytes, size_t len)
{
	memmove(e->bytes + 48 + len, e->bytes + 48, e->len - 48);
	memcpy(e->bytes + 48, bytes, len);
	e->bytes[48] = e->bytes[14];
	e->bytes[14] = type;
	e->len += len;
}

static void ipv6_extension_headers_are_looked_behind(void **state)
{
	static const uint8_t first[8] = {0, 0, 0, 1, 0, 0, 0, 7};
	static const uint8_t later[8] = {0, 0, 5, 0x51, 0, 0, 0, 7};
	static const uint8_t options[16] = {0, 1, 1, 12};
	struct net_quoted q;
	(void)state;
	struct error e = ipv6_error(2, 0, 1300, 48);
	insert_extension(&e, 44, first, 8);
	assert_true(reads(true, &e, e.len, &q));
	assert_quotes(&q, "[2001:db8::1]:50000", "[2001:db8::2]:4000");
	insert_extension(&e, 60, options, 16);
	assert_true(reads(true, &e, e.len, &q));
	for (size_t len = 0; len < 8 + 40 + 24 + 4; len++)
		assert_false(reads(true, &e, len, &q));
	e = ipv6_error(2, 0, 1300, 48);
	insert_extension(&e, 44, later, 8);
	assert_false(reads(true, &e, e.len, &q));
	e = ipv6_error(2, 0, 1300, 48);
	for (int i = 0; i < 8; i++)
		insert_extension(&e, 60, options, 16);
	assert_false(reads(true, &e, e.len, &q));
}

int main(void)
{
	const struct CMUnitTest t[] = {
		cmocka_unit_test(ipv4_errors_name_the_datagram),
		cmocka_unit_test(ipv6_errors_name_the_datagram),
		cmocka_unit_test(fragmentation_needed_tells_the_mtu),
		cmocka_unit_test(ipv4_error_cut_short_is_none),
		cmocka_unit_test(ipv6_error_cut_short_is_none),
		cmocka_unit_test(ipv4_error_with_wrong_checksum_is_none),
		cmocka_unit_test(what_is_no_error_is_passed_over),
		cmocka_unit_test(ipv4_options_are_looked_behind),
		cmocka_unit_test(later_fragments_and_other_protocols_are_passed_over),
		cmocka_unit_test(ipv6_extension_headers_are_looked_behind),
	};
	return cmocka_run_group_tests(t, NULL, NULL) != 0;
}
