/* SPDX-License-Identifier: BSD-3-Clause */
/* The writer: what was read comes out the same, and nothing that is passed on begins a line. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>
#include <cmocka.h>
#include <sallyport/mediation/sdp/attr.h>

static const char whole[] = "v=0\r\n"
			    "o=- 7 8 IN IP4 192.0.2.1\r\n"
			    "s=-\r\n"
			    "c=IN IP4 192.0.2.1\r\n"
			    "t=0 0\r\n"
			    "m=audio 4000 RTP/AVP 8\r\n"
			    "a=unheard-of:  \x01 two  blanks \r\n"
			    "a=sendrecv\r\n";

static void a_description_comes_back_byte_for_byte(void **state)
{
	char out[sizeof(whole)];
	struct sdp_writer w;
	struct sdp s;
	size_t len;
	assert_int_equal(sdp_decode(whole, strlen(whole), &s), SDP_OK);
	sdp_write_begin(&w, out, sizeof(out));
	sdp_write_lines(&w, s.lines);
	sdp_write_line(&w, 'm', "%.*s %u %.*s %.*s", (int)s.media[0].kind.len,
		(const char *)s.media[0].kind.data, (unsigned)s.media[0].port,
		(int)s.media[0].proto.len, (const char *)s.media[0].proto.data,
		(int)s.media[0].formats.len, (const char *)s.media[0].formats.data);
	sdp_write_lines(&w, s.media[0].lines);
	assert_int_equal(sdp_write_end(&w, &len), 0);
	assert_int_equal(len, strlen(whole));
	assert_memory_equal(out, whole, len);
}

static void write_all(struct sdp_writer *w)
{
	struct addr a;
	struct sdp_line l = {.type = 'a', .value = bytes_str("sendrecv")};
	assert_int_equal(addr_parse("192.0.2.1:4000", 0, &a), 0);
	sdp_write_line(w, 'v', "0");
	sdp_write_origin(w, 7, 8, &a);
	sdp_write_line(w, 's', "-");
	sdp_write_connection(w, &a);
	sdp_write_line(w, 't', "%d %d", 0, 0);
	sdp_write_line(w, 'm', "audio %u RTP/AVP 8", 4000u);
	sdp_write_line(w, 'a', "%s", "unheard-of:  \x01 two  blanks ");
	sdp_write_copy(w, &l);
}

static void every_buffer_too_small_is_noticed(void **state)
{
	char out[sizeof(whole)];
	struct sdp_writer w;
	size_t len;
	for (size_t cap = 0; cap <= strlen(whole); cap++) {
		memset(out, 0x55, sizeof(out));
		sdp_write_begin(&w, out, cap);
		write_all(&w);
		int err = sdp_write_end(&w, &len);
		assert_int_equal(err, cap < strlen(whole) ? ERR_NO_SPACE : 0);
		assert_int_equal((uint8_t)out[cap], 0x55);
	}
	assert_memory_equal(out, whole, len);
}

static void a_line_end_in_a_value_sticks(void **state)
{
	static const struct {
		const char *at;
		size_t len;
	} values[] = {{"x\r\na=y", 6}, {"x\n", 2}, {"\r", 1}, {"x\0y", 3}};
	for (size_t i = 0; i < ARRAY_LEN(values); i++) {
		char out[128];
		size_t len;
		struct sdp_writer w;
		struct sdp_line l = {.type = 'a', .value = bytes_of(values[i].at, values[i].len)};
		sdp_write_begin(&w, out, sizeof(out));
		sdp_write_copy(&w, &l);
		sdp_write_line(&w, 'a', "good");
		assert_int_equal(sdp_write_end(&w, &len), ERR_NO_SPACE);
		assert_int_equal(w.len, 0);
	}
	char out[128];
	size_t len;
	struct sdp_writer w;
	sdp_write_begin(&w, out, sizeof(out));
	sdp_write_line(&w, 'a', "label:%s", "x\r\nm=audio 1 RTP/AVP 0");
	assert_int_equal(sdp_write_end(&w, &len), ERR_NO_SPACE);
}

static void addresses_of_both_families_are_named(void **state)
{
	char out[128];
	size_t len;
	struct sdp_writer w;
	struct addr a;
	assert_int_equal(addr_parse("[fe80::1%3]:4000", 0, &a), 0);
	sdp_write_begin(&w, out, sizeof(out));
	sdp_write_connection(&w, &a);
	assert_int_equal(sdp_write_end(&w, &len), 0);
	assert_int_equal(len, strlen("c=IN IP6 fe80::1\r\n"));
	assert_memory_equal(out, "c=IN IP6 fe80::1\r\n", len);
}

static void a_key_that_is_written_is_read(void **state)
{
	for (unsigned suite = 0; suite < SDP_SUITES; suite++) {
		char out[256];
		size_t len, offset = 0;
		struct sdp_writer w;
		struct sdp_attr a;
		struct sdp_crypto c, wrote = {5, (enum sdp_suite)suite, {0}, 0, {0, 0}, false};
		for (size_t i = 0; i < sizeof(wrote.key); i++)
			wrote.key[i] = (uint8_t)(i * 37 + suite);
		sdp_write_begin(&w, out, sizeof(out));
		sdp_write_crypto(&w, &wrote);
		assert_int_equal(sdp_write_end(&w, &len), 0);
		assert_true(sdp_attr_next(bytes_of(out, len), &offset, &a));
		assert_int_equal(sdp_crypto_decode(a.value, &c), 0);
		assert_int_equal(c.tag, 5);
		assert_int_equal(c.suite, suite);
		assert_memory_equal(c.key, wrote.key, sdp_suite_key_len((enum sdp_suite)suite));
	}
}

static void what_a_key_is_called_and_how_long_it_lives_is_read_as_written(void **state)
{
	static const struct {
		uint64_t lifetime;
		struct sdp_mki mki;
		const char *want;
	} cases[] = {
		{0, {0, 0}, "ABCD\r\n"},
		{1 << 20, {0, 0}, "|2^20\r\n"},
		{1000, {0, 0}, "|1000\r\n"},
		{0, {255, 1}, "|255:1\r\n"},
		{UINT64_C(1) << 48, {1, 4}, "|2^48|1:4\r\n"},
		{7, {UINT64_MAX, 8}, "|7|18446744073709551615:8\r\n"},
	};
	for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
		char out[256];
		size_t len, offset = 0;
		struct sdp_writer w;
		struct sdp_attr a;
		struct sdp_crypto c,
			wrote = {.tag = 1, .lifetime = cases[i].lifetime, .mki = cases[i].mki};
		memcpy(wrote.key + 27, "\x00\x10\x83", 3); /* "ABCD" */
		sdp_write_begin(&w, out, sizeof(out));
		sdp_write_crypto(&w, &wrote);
		assert_int_equal(sdp_write_end(&w, &len), 0);
		size_t n = strlen(cases[i].want);
		assert_memory_equal(out + len - n, cases[i].want, n);
		assert_true(sdp_attr_next(bytes_of(out, len), &offset, &a));
		assert_int_equal(sdp_crypto_decode(a.value, &c), 0);
		assert_true(c.lifetime == cases[i].lifetime);
		assert_true(c.mki.value == cases[i].mki.value);
		assert_int_equal(c.mki.len, cases[i].mki.len);
	}
}

int main(void)
{
	static const struct CMUnitTest t[] = {
		cmocka_unit_test(a_description_comes_back_byte_for_byte),
		cmocka_unit_test(every_buffer_too_small_is_noticed),
		cmocka_unit_test(a_line_end_in_a_value_sticks),
		cmocka_unit_test(addresses_of_both_families_are_named),
		cmocka_unit_test(a_key_that_is_written_is_read),
		cmocka_unit_test(what_a_key_is_called_and_how_long_it_lives_is_read_as_written),
	};
	return cmocka_run_group_tests(t, NULL, NULL) != 0;
}
