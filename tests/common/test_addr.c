/* SPDX-License-Identifier: BSD-3-Clause */
/* Addresses: one spelling inside, strict text outside. */
#include <setjmp.h>
#include <stdarg.h>
#include <string.h>

#include <arpa/inet.h>
#include <netinet/in.h>

#include <cmocka.h>

#include <sallyport/common.h>

static struct addr parsed(const char *text)
{
	struct addr a;

	if (addr_parse(text, 7, &a) != 0)
		fail_msg("'%s' was refused", text);
	return a;
}

static void assert_text(const char *text, const char *want)
{
	struct addr a = parsed(text);
	char buf[ADDR_TEXT_LEN];

	assert_string_equal(addr_format(&a, buf), want);
}

static void text_comes_out_canonical(void **state)
{
	assert_text("192.0.2.1", "192.0.2.1:7");
	assert_text("192.0.2.1:3478", "192.0.2.1:3478");
	assert_text("192.0.2.1:0", "192.0.2.1:0");
	assert_text("192.0.2.1:65535", "192.0.2.1:65535");
	assert_text("2001:db8::1", "[2001:db8::1]:7");
	assert_text("2001:0DB8:0:0:0:0:0:1", "[2001:db8::1]:7");
	assert_text("[2001:db8::1]", "[2001:db8::1]:7");
	assert_text("[2001:db8::1]:3478", "[2001:db8::1]:3478");
	assert_text("::", "[::]:7");
	assert_text("::1", "[::1]:7");
	assert_text("fe80::1%3", "[fe80::1%3]:7");
	assert_text("[fe80::1%4294967295]:9", "[fe80::1%4294967295]:9");
	assert_text("ff02::1%2", "[ff02::1%2]:7");
}

static void mapped_text_is_ipv4(void **state)
{
	assert_text("::ffff:192.0.2.1", "192.0.2.1:7");
	assert_text("[::ffff:c000:201]:99", "192.0.2.1:99");
	assert_int_equal(parsed("::ffff:192.0.2.1").family, ADDR_IPV4);
	assert_int_equal(parsed("::192.0.2.1").family, ADDR_IPV6);
}

static void anything_else_is_malformed(void **state)
{
	static const char *const texts[] = {"", " ", "localhost", "192.0.2", "192.0.2.256",
		"192.0.2.01", "192.0.2.1 ", " 192.0.2.1", "192.0.2.1:", "192.0.2.1:65536",
		"192.0.2.1:-1", "192.0.2.1:+1", "192.0.2.1: 1", "192.0.2.1:034", "192.0.2.1:1x",
		"192.0.2.1:99999999999999999999", "192.0.2.1%3", "[192.0.2.1]", "[192.0.2.1]:3478",
		"[2001:db8::1", "2001:db8::1]", "[2001:db8::1]3478",
		"[2001:db8::1]:", "[2001:db8::1]:65536", "[]", "[]:1", ":",
		"::1::", "1:2:3:4:5:6:7:8:9", "[[2001:db8::1]]", "2001:db8::1%3", "fe80::1%",
		"fe80::1%eth0", "fe80::1%03", "fe80::1%4294967296", "::ffff:192.0.2.1%3", "0x7f.1",
		"12345678901234567890",
		"aaaa:bbbb:cccc:dddd:eeee:ffff:1111:2222:aaaa:bbbb:cccc:dddd:eeee:ffff:11"};
	struct addr a, untouched;

	memset(&a, 0xa5, sizeof(a));
	untouched = a;
	for (size_t i = 0; i < ARRAY_LEN(texts); i++) {
		if (addr_parse(texts[i], 1, &a) != ERR_MALFORMED)
			fail_msg("'%s' was taken", texts[i]);
		assert_memory_equal(&a, &untouched, sizeof(a));
	}
}

static void text_round_trips(void **state)
{
	static const char *const texts[] = {"0.0.0.0:0", "255.255.255.255:65535", "[::]:0",
		"[ffff:ffff:ffff:ffff:ffff:ffff:ffff:ffff]:65535",
		"[fe80:1111:2222:3333:4444:5555:6666:7777%4294967295]:65535", "[64:ff9b::a00:1]:1"};
	char buf[ADDR_TEXT_LEN];

	for (size_t i = 0; i < ARRAY_LEN(texts); i++) {
		struct addr a = parsed(texts[i]), b;
		assert_string_equal(addr_format(&a, buf), texts[i]);
		b = parsed(buf);
		assert_memory_equal(&a, &b, sizeof(a));
	}
}

static void ip_is_printed_without_port(void **state)
{
	char buf[ADDR_TEXT_LEN];
	struct addr a = parsed("192.0.2.1:3478"), b = parsed("[fe80::1%3]:3478"), none = {0};

	assert_string_equal(addr_format_ip(&a, buf), "192.0.2.1");
	assert_string_equal(addr_format_ip(&b, buf), "fe80::1%3");
	assert_string_equal(addr_format_ip(&none, buf), "none");
	assert_string_equal(addr_format(&none, buf), "none");
}

static void constructors_fill_every_byte(void **state)
{
	struct addr a = addr_ipv4(0xc0000201, 3478), b = parsed("192.0.2.1:3478");
	struct addr c = addr_ipv6(a.ip, 3478);

	assert_memory_equal(&a, &b, sizeof(a));
	assert_memory_equal(&a, &c, sizeof(a));
}

static void sockaddr_round_trips(void **state)
{
	static const char *const texts[] = {
		"192.0.2.1:3478", "[2001:db8::1]:3478", "[fe80::1%3]:1", "0.0.0.0:0", "[::]:0"};

	for (size_t i = 0; i < ARRAY_LEN(texts); i++) {
		struct addr a = parsed(texts[i]), b;
		struct sockaddr_storage ss;
		socklen_t len = addr_to_sockaddr(&a, &ss);

		assert_int_equal(ss.ss_family, a.family == ADDR_IPV4 ? AF_INET : AF_INET6);
		assert_int_equal(len, a.family == ADDR_IPV4 ? sizeof(struct sockaddr_in)
							    : sizeof(struct sockaddr_in6));
		assert_int_equal(addr_from_sockaddr((struct sockaddr *)&ss, len, &b), 0);
		assert_memory_equal(&a, &b, sizeof(a));
		assert_int_equal(
			addr_from_sockaddr((struct sockaddr *)&ss, len - 1, &b), ERR_UNSUPPORTED);
	}
}

static void mapped_sockaddr_is_ipv4(void **state)
{
	struct sockaddr_in6 in6 = {.sin6_family = AF_INET6, .sin6_port = htons(5)};
	struct addr a, want = addr_ipv4(0xc0000201, 5);

	assert_int_equal(inet_pton(AF_INET6, "::ffff:192.0.2.1", &in6.sin6_addr), 1);
	in6.sin6_scope_id = 9;
	assert_int_equal(addr_from_sockaddr((struct sockaddr *)&in6, sizeof(in6), &a), 0);
	assert_memory_equal(&a, &want, sizeof(a));
}

static void scope_is_kept_for_link_local_only(void **state)
{
	struct sockaddr_in6 in6 = {.sin6_family = AF_INET6, .sin6_scope_id = 9};
	struct addr a;

	assert_int_equal(inet_pton(AF_INET6, "2001:db8::1", &in6.sin6_addr), 1);
	assert_int_equal(addr_from_sockaddr((struct sockaddr *)&in6, sizeof(in6), &a), 0);
	assert_int_equal(a.scope, 0);
	assert_int_equal(inet_pton(AF_INET6, "febf::1", &in6.sin6_addr), 1);
	assert_int_equal(addr_from_sockaddr((struct sockaddr *)&in6, sizeof(in6), &a), 0);
	assert_int_equal(a.scope, 9);
}

static void other_families_are_unsupported(void **state)
{
	struct sockaddr sa = {.sa_family = AF_UNIX};
	struct sockaddr_storage ss;
	struct addr a = {0};

	assert_int_equal(addr_from_sockaddr(&sa, sizeof(sa), &a), ERR_UNSUPPORTED);
	assert_int_equal(addr_from_sockaddr(&sa, 0, &a), ERR_UNSUPPORTED);
	assert_int_equal(addr_to_sockaddr(&a, &ss), 0);
	assert_int_equal(ss.ss_family, AF_UNSPEC);
}

static void equality_looks_at_port_scope_and_family(void **state)
{
	struct addr a = parsed("[fe80::1%3]:1"), b = a, none = {0}, any = parsed("[::]:0");

	assert_true(addr_equal(&a, &b));
	b.port = 2;
	assert_false(addr_equal(&a, &b));
	assert_true(addr_equal_ip(&a, &b));
	b.scope = 4;
	assert_false(addr_equal_ip(&a, &b));
	assert_false(addr_equal_ip(&none, &any));
}

static void unspecified_is_found_in_both_families(void **state)
{
	struct addr a = parsed("0.0.0.0:5"), b = parsed("[::]:5"), c = parsed("0.0.0.1"),
		    d = parsed("::1");

	assert_true(addr_is_unspecified(&a));
	assert_true(addr_is_unspecified(&b));
	assert_false(addr_is_unspecified(&c));
	assert_false(addr_is_unspecified(&d));
}

static void err_text_knows_every_code(void **state)
{
	for (int code = ERR_TRUNCATED; code >= ERR_CONFIG; code--) {
		assert_non_null(err_text(code));
		assert_string_not_equal(err_text(code), "unknown error");
		assert_null(strchr(err_text(code), '\n'));
	}
	assert_string_equal(err_text(0), "no error");
	assert_string_equal(err_text(-2), "No such file or directory");
	assert_string_equal(err_text(-999999), "unknown error");
	assert_string_equal(err_text(5), "unknown error");
}

int main(void)
{
	const struct CMUnitTest t[] = {
		cmocka_unit_test(text_comes_out_canonical),
		cmocka_unit_test(mapped_text_is_ipv4),
		cmocka_unit_test(anything_else_is_malformed),
		cmocka_unit_test(text_round_trips),
		cmocka_unit_test(ip_is_printed_without_port),
		cmocka_unit_test(constructors_fill_every_byte),
		cmocka_unit_test(sockaddr_round_trips),
		cmocka_unit_test(mapped_sockaddr_is_ipv4),
		cmocka_unit_test(scope_is_kept_for_link_local_only),
		cmocka_unit_test(other_families_are_unsupported),
		cmocka_unit_test(equality_looks_at_port_scope_and_family),
		cmocka_unit_test(unspecified_is_found_in_both_families),
		cmocka_unit_test(err_text_knows_every_code),
	};
	return cmocka_run_group_tests(t, NULL, NULL) != 0;
}
