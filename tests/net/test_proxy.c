/* SPDX-License-Identifier: BSD-3-Clause */
/* The header of the PROXY protocol: its published forms, every truncation, what is wrong. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#include "../../src/net/proxy.h"

#define SIGNATURE "\r\n\r\n\0\r\nQUIT\n"
#define IPV4                                                                                       \
	"\xc0\x00\x02\x07\xcb\x00\x71\x01\x9c\x40\x0d\x96" /* 192.0.2.7:40000 -> 203.0.113.1:3478  \
							    */
#define IP6(x) "\x20\x01\x0d\xb8\0\0\0\0\0\0\0\0\0\0\0" x
#define IPV6   IP6("\x07") IP6("\x01") "\x9c\x40\x0d\x96"

struct form {
	const char *text;
	size_t len;
	const char *client; /* NULL: the header names none */
	enum net_proxy_transport transport;
};
#define FORM(text, client, transport)                                                              \
	{                                                                                          \
		text, sizeof(text) - 1, client, transport                                          \
	}
#define BYTES(text)                                                                                \
	{                                                                                          \
		(const uint8_t *)text, sizeof(text) - 1                                            \
	}

static const struct form forms[] = {
	FORM("PROXY TCP4 192.0.2.7 203.0.113.1 40000 3478\r\n", "192.0.2.7:40000",
		NET_PROXY_UNTOLD),
	FORM("PROXY TCP4 255.255.255.255 255.255.255.255 65535 65535\r\n", "255.255.255.255:65535",
		NET_PROXY_UNTOLD),
	FORM("PROXY TCP6 2001:db8::7 2001:DB8::1 40000 0\r\n", "[2001:db8::7]:40000",
		NET_PROXY_UNTOLD),
	FORM("PROXY TCP6 ffff:ffff:ffff:ffff:ffff:ffff:ffff:ffff "
	     "ffff:ffff:ffff:ffff:ffff:ffff:ffff:ffff 65535 65535\r\n",
		"[ffff:ffff:ffff:ffff:ffff:ffff:ffff:ffff]:65535", NET_PROXY_UNTOLD),
	FORM("PROXY TCP6 ::ffff:192.0.2.7 ::1 1 2\r\n", "192.0.2.7:1", NET_PROXY_UNTOLD),
	FORM("PROXY UNKNOWN\r\n", NULL, NET_PROXY_UNTOLD),
	/* The longest line there is: 107 bytes. */
	FORM("PROXY UNKNOWN ffff:ffff:ffff:ffff:ffff:ffff:ffff:ffff "
	     "ffff:ffff:ffff:ffff:ffff:ffff:ffff:ffff 65535 65535\r\n",
		NULL, NET_PROXY_UNTOLD),
	FORM(SIGNATURE "\x21\x11\0\x0c" IPV4, "192.0.2.7:40000", NET_PROXY_STREAM),
	FORM(SIGNATURE "\x21\x12\0\x0c" IPV4, "192.0.2.7:40000", NET_PROXY_DATAGRAM),
	FORM(SIGNATURE "\x21\x21\0\x24" IPV6, "[2001:db8::7]:40000", NET_PROXY_STREAM),
	FORM(SIGNATURE "\x21\x22\0\x24" IPV6, "[2001:db8::7]:40000", NET_PROXY_DATAGRAM),
	/* An authority, a unique id and padding behind the addresses. */
	FORM(SIGNATURE "\x21\x11\0\x1f" IPV4 "\x02\0\x03"
		       "e.g\x05\0\x02id\x04\0\x05\0\0\0\0\0",
		"192.0.2.7:40000", NET_PROXY_STREAM),
	/* LOCAL: a probe of the balancer itself; what it carries does not matter. */
	FORM(SIGNATURE "\x20\0\0\0", NULL, NET_PROXY_UNTOLD),
	FORM(SIGNATURE "\x20\x11\0\x0c" IPV4, NULL, NET_PROXY_UNTOLD),
	FORM(SIGNATURE "\x20\x11\0\x03"
		       "xyz",
		NULL, NET_PROXY_UNTOLD),
	FORM(SIGNATURE "\x21\0\0\0", NULL, NET_PROXY_UNTOLD),
	FORM(SIGNATURE "\x21\x10\0\x0c" IPV4, NULL, NET_PROXY_UNTOLD),
};

static void published_forms_are_read(void **state)
{
	(void)state;
	for (size_t i = 0; i < ARRAY_LEN(forms); i++) {
		struct net_proxy_header h;
		uint8_t text[256];
		memcpy(text, forms[i].text, forms[i].len);
		memcpy(text + forms[i].len, "\r\n\r\nrest",
			8); /* the client's, and not looked at */

		assert_int_equal(net_proxy_parse(bytes_of(text, forms[i].len + 8), &h), 0);

		assert_int_equal(h.len, forms[i].len);
		assert_int_equal(h.has_client, forms[i].client != NULL);
		assert_int_equal(h.transport, forms[i].transport);
		if (forms[i].client) {
			char buf[ADDR_TEXT_LEN];
			assert_string_equal(addr_format(&h.client, buf), forms[i].client);
		}
	}
}

static void every_truncation_waits_for_more(void **state)
{
	(void)state;
	for (size_t i = 0; i < ARRAY_LEN(forms); i++) {
		for (size_t len = 0; len < forms[i].len; len++) {
			struct net_proxy_header h;
			assert_int_equal(
				net_proxy_parse(bytes_of(forms[i].text, len), &h), ERR_TRUNCATED);
		}
	}
}

static void a_wrong_byte_in_the_beginning_is_seen_at_once(void **state)
{
	static const size_t n_fixed[] = {6, 13}; /* "PROXY ", and signature with version */
	static const size_t which[] = {0, 7};
	(void)state;
	for (size_t k = 0; k < ARRAY_LEN(which); k++) {
		const struct form *f = &forms[which[k]];
		for (size_t i = 0; i < n_fixed[k]; i++) {
			struct net_proxy_header h;
			uint8_t text[64];
			memcpy(text, f->text, i + 1);
			text[i] ^= 0x80;
			assert_int_equal(net_proxy_parse(bytes_of(text, i + 1), &h), ERR_MALFORMED);
		}
	}
}

static void malformed_headers_are_refused(void **state)
{
	static const struct bytes bad[] = {
		BYTES("GET / HTTP/1.1\r\n"),
		BYTES("\0\x01\0\0\x21\x12\xa4\x42"),
		BYTES("PROXY \r\n"),
		BYTES("PROXY\r\n"),
		BYTES("PROXY TCP4\r\n"),
		BYTES("PROXY TCP5 192.0.2.7 203.0.113.1 40000 3478\r\n"),
		BYTES("PROXY UDP4 192.0.2.7 203.0.113.1 40000 3478\r\n"),
		BYTES("PROXY UNKNOWNS\r\n"),
		BYTES("PROXY TCP4 192.0.2.7 203.0.113.1 40000\r\n"),
		BYTES("PROXY TCP4 192.0.2.7 203.0.113.1 40000 \r\n"),
		BYTES("PROXY TCP4 192.0.2.7 203.0.113.1 40000 3478 \r\n"),
		BYTES("PROXY TCP4 192.0.2.7 203.0.113.1 40000 3478 1\r\n"),
		BYTES("PROXY TCP4  192.0.2.7 203.0.113.1 40000 3478\r\n"),
		BYTES("PROXY TCP4 192.0.2.7\t203.0.113.1 40000 3478\r\n"),
		BYTES("PROXY TCP4 192.0.2.7 203.0.113.1 65536 3478\r\n"),
		BYTES("PROXY TCP4 192.0.2.7 203.0.113.1 40000 99999\r\n"),
		BYTES("PROXY TCP4 192.0.2.7 203.0.113.1 400000 3478\r\n"),
		BYTES("PROXY TCP4 192.0.2.7 203.0.113.1 040 3478\r\n"),
		BYTES("PROXY TCP4 192.0.2.7 203.0.113.1 -1 3478\r\n"),
		BYTES("PROXY TCP4 192.0.2.7 203.0.113.1 4:0 3478\r\n"),
		BYTES("PROXY TCP4 192.0.2.07 203.0.113.1 40000 3478\r\n"),
		BYTES("PROXY TCP4 192.0.2 203.0.113.1 40000 3478\r\n"),
		BYTES("PROXY TCP4 2001:db8::7 2001:db8::1 40000 3478\r\n"),
		BYTES("PROXY TCP6 192.0.2.7 203.0.113.1 40000 3478\r\n"),
		BYTES("PROXY TCP6 fe80::1%1 fe80::2%1 40000 3478\r\n"),
		BYTES("PROXY TCP4 192.0.2.7\0 203.0.113.1 40000 3478\r\n"),
		BYTES("PROXY TCP4 192.0.2.7 203.0.113.1 40000 3478\rX"),
		BYTES("PROXY TCP4 192.0.2.7 203.0.113.1 40000 3478\nPROXY TCP4 192.0.2.7 "
		      "203.0.113.1 40000 3478\nPROXY TCP4 192.0.2.7 "),
		/* 108 bytes */
		BYTES("PROXY UNKNOWN ffff:ffff:ffff:ffff:ffff:ffff:ffff:ffff "
		      "ffff:ffff:ffff:ffff:ffff:ffff:ffff:ffff 65535 655350\r\n"),
		BYTES(SIGNATURE "\x22\x11\0\x0c" IPV4), /* command */
		BYTES(SIGNATURE "\x31\x11\0\x0c" IPV4), /* version */
		BYTES(SIGNATURE "\x21\x41\0\x0c" IPV4), /* family */
		BYTES(SIGNATURE "\x21\x13\0\x0c" IPV4), /* transport */
		BYTES(SIGNATURE "\x21\x11\0\x0b" IPV4), /* too short for the family */
		BYTES(SIGNATURE "\x21\x21\0\x23" IPV6),
		BYTES(SIGNATURE "\x21\x11\0\0"),
		/* Extensions that do not end where the header does. */
		BYTES(SIGNATURE "\x21\x11\0\x0d" IPV4 "\x04"),
		BYTES(SIGNATURE "\x21\x11\0\x0e" IPV4 "\x04\0"),
		BYTES(SIGNATURE "\x21\x11\0\x0f" IPV4 "\x04\0\x01"),
		BYTES(SIGNATURE "\x21\x11\0\x11" IPV4 "\x04\0\x01xy"),
		BYTES(SIGNATURE "\x21\x11\0\x10" IPV4 "\x04\xff\xffx"),
	};
	(void)state;
	for (size_t i = 0; i < ARRAY_LEN(bad); i++) {
		struct net_proxy_header h;
		int rc = net_proxy_parse(bad[i], &h);
		if (rc != ERR_MALFORMED)
			print_error("form %zu\n", i);
		assert_int_equal(rc, ERR_MALFORMED);
	}
}

static void a_client_on_a_unix_socket_is_refused(void **state)
{
	uint8_t text[16 + 216] = SIGNATURE "\x21\x31\0\xd8";
	struct net_proxy_header h;
	(void)state;
	assert_int_equal(net_proxy_parse(bytes_of(text, sizeof(text)), &h), ERR_UNSUPPORTED);
}

static void a_header_has_an_upper_bound(void **state)
{
	static uint8_t text[NET_PROXY_MAX] = SIGNATURE "\x21\x11\0\0" IPV4 "\x04";
	struct net_proxy_header h;
	(void)state;

	be16_put(text + 14, NET_PROXY_MAX - 16);
	be16_put(text + 29, NET_PROXY_MAX - 16 - 12 - 3);
	assert_int_equal(net_proxy_parse(bytes_of(text, NET_PROXY_MAX), &h), 0);
	assert_int_equal(h.len, NET_PROXY_MAX);
	be16_put(text + 14, NET_PROXY_MAX - 16 + 1);
	assert_int_equal(net_proxy_parse(bytes_of(text, 16), &h), ERR_TOO_LARGE);
}

/* Bit by bit, from the polynomial of RFC 3720 §12.1, as the parser's does not. */
static uint32_t slow_crc32c(const uint8_t *data, size_t len)
{
	uint32_t crc = UINT32_MAX;
	for (size_t i = 0; i < 8 * len; i++) {
		uint32_t bit = (crc ^ (uint32_t)data[i / 8] >> (i % 8)) & 1;
		crc = crc >> 1 ^ (bit ? 0x82f63b78 : 0);
	}
	return ~crc;
}

static void a_checksum_is_verified(void **state)
{
	uint8_t text[] = SIGNATURE "\x21\x11\0\x19" IPV4 "\x03\0\x04\0\0\0\0\x05\0\x03uid";
	const size_t len = sizeof(text) - 1, value = 16 + 12 + 3;
	struct net_proxy_header h;
	(void)state;
	assert_int_equal(slow_crc32c((const uint8_t *)"123456789", 9), 0xe3069283);
	be32_put(text + value, slow_crc32c(text, len));
	assert_int_equal(net_proxy_parse(bytes_of(text, len), &h), 0);
	assert_int_equal(h.len, len);

	/* From the addresses on, every bit counts. */
	for (size_t i = 16; i < len; i++) {
		for (unsigned bit = 0; bit < 8; bit++) {
			if (i == 28 || i == 29 || i == 30)
				continue; /* type and length: then it is no checksum */
			text[i] ^= (uint8_t)(1u << bit);
			assert_int_equal(net_proxy_parse(bytes_of(text, len), &h), ERR_MALFORMED);
			text[i] ^= (uint8_t)(1u << bit);
		}
	}
}

static void a_checksum_of_wrong_length_or_a_second_one_is_refused(void **state)
{
	uint8_t shorter[] = SIGNATURE "\x21\x11\0\x12" IPV4 "\x03\0\x03\0\0\0";
	uint8_t two[] = SIGNATURE "\x21\x11\0\x1a" IPV4 "\x03\0\x04\0\0\0\0\x03\0\x04\0\0\0\0";
	struct net_proxy_header h;
	(void)state;
	assert_int_equal(
		net_proxy_parse(bytes_of(shorter, sizeof(shorter) - 1), &h), ERR_MALFORMED);
	be32_put(two + 31, slow_crc32c(two, sizeof(two) - 1));
	assert_int_equal(net_proxy_parse(bytes_of(two, sizeof(two) - 1), &h), ERR_MALFORMED);
}

int main(void)
{
	const struct CMUnitTest t[] = {
		cmocka_unit_test(published_forms_are_read),
		cmocka_unit_test(every_truncation_waits_for_more),
		cmocka_unit_test(a_wrong_byte_in_the_beginning_is_seen_at_once),
		cmocka_unit_test(malformed_headers_are_refused),
		cmocka_unit_test(a_client_on_a_unix_socket_is_refused),
		cmocka_unit_test(a_header_has_an_upper_bound),
		cmocka_unit_test(a_checksum_is_verified),
		cmocka_unit_test(a_checksum_of_wrong_length_or_a_second_one_is_refused),
	};
	return cmocka_run_group_tests(t, NULL, NULL) != 0;
}
