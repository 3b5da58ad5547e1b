/* SPDX-License-Identifier: BSD-3-Clause */
/* What is read of DTLS before there is a session. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#include "../../../src/net/dtls/hello.h"

#define RECORD(len)  "\x16\xfe\xff\0\0\1\2\3\4\5\6\0" len
#define MESSAGE(len) "\1\0\0" len "\0\7\0\0\0\0\0" len
#define RANDOM       "0123456789abcdefghijklmnopqrstuv"
#define REST         "\0\2\xc0\x2b\1\0" /* a suite, no compression */
#define BODY(cookie) "\xfe\xfd" RANDOM "\3sid" cookie REST
#define HELLO        RECORD("\x3b") MESSAGE("\x2f") BODY("\2ck")

static int decode(const void *data, size_t len, struct net_hello *out)
{
	return net_hello_decode(bytes_of(data, len), out);
}

static void a_hello_is_read_up_to_its_cookie(void **state)
{
	struct net_hello h;

	(void)state;
	assert_int_equal(sizeof(HELLO) - 1, 13 + 12 + 47);
	assert_int_equal(decode(HELLO, sizeof(HELLO) - 1, &h), 0);
	assert_memory_equal(h.record_seq, "\1\2\3\4\5\6", 6);
	assert_int_equal(h.message_seq, 7);
	assert_true(bytes_equal(h.random, bytes_str(RANDOM)));
	assert_true(bytes_equal(h.cookie, bytes_str("ck")));
}

static void what_is_cut_is_malformed(void **state)
{
	struct net_hello h;
	uint8_t exact[sizeof(HELLO) - 1];

	(void)state;
	for (size_t len = 0; len < sizeof(exact); len++) {
		memcpy(exact, HELLO, len);
		assert_int_equal(decode(exact, len, &h), ERR_MALFORMED);
	}
}

/* In a record and a fragment that are as long as they say, all lengths inside must fit. */
static void lengths_that_do_not_fit_are_malformed(void **state)
{
	struct net_hello h;

	(void)state;
	for (size_t body = 0; body < 47; body++) {
		uint8_t hello[sizeof(HELLO)];
		memcpy(hello, HELLO, sizeof(hello));
		hello[12] = (uint8_t)(12 + body);
		hello[13 + 11] = (uint8_t)body; /* of the fragment; the message is longer */
		int rc = decode(hello, 13 + 12 + body, &h);
		assert_int_equal(rc, body < 2 + 32 + 4 + 3 ? ERR_MALFORMED : 0);
		hello[13 + 3] = (uint8_t)(body - 1); /* a fragment longer than its message */
		assert_int_equal(decode(hello, 13 + 12 + body, &h), ERR_MALFORMED);
	}
}

static void other_records_are_not_found(void **state)
{
	static const struct {
		size_t at;
		uint8_t value;
	} cases[] = {{0, 23}, {0, 21}, {3, 1}, {4, 1}, {13, 2}, {13 + 8, 1}};
	struct net_hello h;

	(void)state;
	for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
		uint8_t hello[sizeof(HELLO)];
		memcpy(hello, HELLO, sizeof(hello));
		hello[cases[i].at] = cases[i].value;
		assert_int_equal(decode(hello, sizeof(HELLO) - 1, &h), ERR_NOT_FOUND);
	}
}

/* RFC 6347 §4.2.1: the sequence number of the hello, and no more than version and cookie. */
static void the_answer_is_a_hello_verify_request(void **state)
{
	static const char want[] = "\x16\xfe\xff\0\0\1\2\3\4\5\6\0\x23"
				   "\3\0\0\x17\0\0\0\0\0\0\0\x17"
				   "\xfe\xff\x14"
				   "ABCDEFGHIJKLMNOPQRST";
	uint8_t out[NET_HELLO_VERIFY_LEN];
	struct net_hello h;

	(void)state;
	assert_int_equal(decode(HELLO, sizeof(HELLO) - 1, &h), 0);
	net_hello_verify_encode(&h, (const uint8_t *)"ABCDEFGHIJKLMNOPQRST", out);
	assert_int_equal(sizeof(out), sizeof(want) - 1);
	assert_memory_equal(out, want, sizeof(out));
}

static void it_is_shorter_than_the_shortest_hello(void **state)
{
	static const char shortest[] = RECORD("\x30") "\1\0\0\x2e\0\0\0\0\0\0\0\x24"
						      "\xfe\xfd" RANDOM "\0\0";
	struct net_hello h;

	(void)state;
	assert_int_equal(decode(shortest, sizeof(shortest) - 1, &h), 0);
	assert_int_equal(decode(shortest, sizeof(shortest) - 2, &h), ERR_MALFORMED);
	assert_true(NET_HELLO_VERIFY_LEN < sizeof(shortest) - 1);
}

static void records_of_a_session_are_whole_and_of_two_epochs(void **state)
{
	static const char records[] = "\x14\xfe\xfd\0\0\0\0\0\0\0\0\0\1"
				      "\1" /* 14 bytes */
				      "\x17\xfe\xfd\0\1\0\0\0\0\0\0\0\0"
				      "\x16\xfe\xfd\0\2\0\0\0\0\0\0\0\1"
				      "\1";
	size_t whole = 14 + 13;

	(void)state;
	for (size_t len = 0; len < sizeof(records); len++) {
		struct bytes got = net_dtls_records(bytes_of(records, len));
		assert_int_equal(got.len, len < 14 ? 0 : len < whole ? 14 : whole);
		assert_ptr_equal(got.data, records);
	}
}

int main(void)
{
	const struct CMUnitTest t[] = {
		cmocka_unit_test(a_hello_is_read_up_to_its_cookie),
		cmocka_unit_test(what_is_cut_is_malformed),
		cmocka_unit_test(lengths_that_do_not_fit_are_malformed),
		cmocka_unit_test(other_records_are_not_found),
		cmocka_unit_test(the_answer_is_a_hello_verify_request),
		cmocka_unit_test(it_is_shorter_than_the_shortest_hello),
		cmocka_unit_test(records_of_a_session_are_whole_and_of_two_epochs),
	};
	return cmocka_run_group_tests(t, NULL, NULL) != 0;
}
