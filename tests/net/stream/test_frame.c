/* SPDX-License-Identifier: BSD-3-Clause */
/* The framer: what is a message, whatever way the bytes come. */
#include <setjmp.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "../../../src/net/stream/frame.h"

#define BINDING                                                                                    \
	"\x00\x01\x00\x00\x21\x12\xa4\x42"                                                         \
	"abcdefghijkl"
#define ALLOCATE                                                                                   \
	"\x00\x03\x00\x04\x21\x12\xa4\x42"                                                         \
	"mnopqrstuvwx"                                                                             \
	"\x00\x1a\x00\x00"
#define CHANNEL                                                                                    \
	"\x40\x01\x00\x05"                                                                         \
	"hello"                                                                                    \
	"\0\0\0"
#define EMPTY "\x7f\xff\x00\x00"

struct feed {
	struct net_framer framer;
	size_t limit;
	uint8_t out[256]; /* the messages, one behind the other */
	size_t out_len;
	size_t n;
};

/* Hands over a block of exactly LEN bytes, so that a read past it is noticed. */
static enum net_frame feed(struct feed *f, const void *data, size_t len)
{
	uint8_t *copy = malloc(len ? len : 1);
	struct bytes in = {copy, len}, msg;
	enum net_frame what;

	assert_non_null(copy);
	memcpy(copy, data, len);
	while ((what = net_framer_next(&f->framer, &in, f->limit, &msg)) == NET_FRAME_MESSAGE) {
		assert_true(f->out_len + msg.len <= sizeof(f->out));
		memcpy(f->out + f->out_len, msg.data, msg.len);
		f->out_len += msg.len;
		f->n++;
	}
	if (what == NET_FRAME_MORE)
		assert_int_equal(in.len, 0);
	free(copy);
	return what;
}

static struct feed fresh(void)
{
	return (struct feed){.limit = NET_FRAME_MAX};
}

#define FEED(f, text) feed(f, text, sizeof(text) - 1)

static void assert_text(struct feed *f, const char *text, size_t len, size_t n)
{
	assert_int_equal(f->n, n);
	assert_int_equal(f->out_len, len);
	assert_memory_equal(f->out, text, len);
	net_framer_fini(&f->framer);
}

static void messages_come_out_whole_at_every_two_split_points(void **state)
{
	static const char text[] = BINDING CHANNEL ALLOCATE EMPTY;
	size_t len = sizeof(text) - 1;

	(void)state;
	for (size_t i = 0; i <= len; i++) {
		for (size_t k = i; k <= len; k++) {
			struct feed f = fresh();
			assert_int_equal(feed(&f, text, i), NET_FRAME_MORE);
			assert_int_equal(feed(&f, text + i, k - i), NET_FRAME_MORE);
			assert_int_equal(feed(&f, text + k, len - k), NET_FRAME_MORE);
			assert_text(&f, text, len, 4);
		}
	}
}

static void messages_come_out_whole_byte_by_byte(void **state)
{
	static const char text[] = BINDING CHANNEL ALLOCATE EMPTY;
	struct feed f = fresh();

	(void)state;
	for (size_t i = 0; i < sizeof(text) - 1; i++)
		assert_int_equal(feed(&f, text + i, 1), NET_FRAME_MORE);
	assert_text(&f, text, sizeof(text) - 1, 4);
}

static void nothing_is_kept_between_whole_messages(void **state)
{
	struct feed f = fresh();

	(void)state;
	assert_int_equal(FEED(&f, BINDING CHANNEL), NET_FRAME_MORE);
	assert_null(f.framer.rest);
	assert_text(&f, BINDING CHANNEL, 32, 2);
}

/* RFC 8656 §12.5: the length field does not count the padding. */
static void channel_data_ends_with_its_padding(void **state)
{
	static const size_t padded[] = {4, 8, 8, 8, 8, 12};

	(void)state;
	for (uint8_t n = 0; n < ARRAY_LEN(padded); n++) {
		struct feed f = fresh();
		uint8_t message[16] = {0x40, 0, 0, n};

		assert_int_equal(FEED(&f, BINDING), NET_FRAME_MORE);
		assert_int_equal(feed(&f, message, padded[n]), NET_FRAME_MORE);
		assert_int_equal(f.n, 2);
		assert_null(f.framer.rest);
	}
}

static void the_longest_message_of_each_kind_is_taken(void **state)
{
	static const uint8_t starts[][8] = {
		{0, 1, 0xff, 0xfc, 0x21, 0x12, 0xa4, 0x42}, {0x40, 0, 0xff, 0xff}};
	static const size_t lens[] = {NET_FRAME_MAX, 4 + 65536};
	uint8_t *text = calloc(1, NET_FRAME_MAX);

	(void)state;
	assert_non_null(text);
	for (size_t i = 0; i < ARRAY_LEN(lens); i++) {
		struct net_framer f = {.has_message = true};
		struct bytes in = {text, lens[i]}, msg;
		memcpy(text, starts[i], sizeof(starts[i]));
		assert_int_equal(net_framer_next(&f, &in, NET_FRAME_MAX, &msg), NET_FRAME_MESSAGE);
		assert_int_equal(msg.len, lens[i]);
		net_framer_fini(&f);
	}
	free(text);
}

static void a_message_over_the_limit_is_refused_by_its_length_field(void **state)
{
	struct feed f = fresh();

	(void)state;
	f.limit = 24;
	assert_int_equal(FEED(&f, ALLOCATE), NET_FRAME_MORE);
	assert_int_equal(FEED(&f, "\x00\x01\x00\x08"), NET_FRAME_BAD);
	assert_text(&f, ALLOCATE, 24, 1);
	f = fresh();
	f.limit = 24;
	assert_int_equal(FEED(&f, BINDING "\x40\x00\x00\x15"), NET_FRAME_BAD);
	net_framer_fini(&f.framer);
}

struct bad {
	const char *text;
	size_t len;
};
#define BAD(s)                                                                                     \
	{                                                                                          \
		s, sizeof(s) - 1                                                                   \
	}

static void what_is_no_message_is_refused_at_every_split_point(void **state)
{
	static const struct bad bad[] = {
		BAD("\x80"),                             /* RTP */
		BAD("\xff\xff"),                         /* */
		BAD("\x16\x03\x01\x02\x00\x01\x00\x01"), /* a TLS ClientHello on the plain port */
		BAD("\x00\x01\x00\x02"),                 /* a length that is no multiple of 4 */
		BAD("\x00\x01\x00\x00\x21\x12\xa4\x43"), /* a wrong cookie */
		BAD("\x00\x01\x00\x00\x22"),
		BAD("\x40\x00\x00\x00"), /* ChannelData before any STUN message */
		BAD("GEX"),
		BAD("PATCH"),
		BAD("X"),
	};

	(void)state;
	for (size_t i = 0; i < ARRAY_LEN(bad); i++) {
		for (size_t k = 0; k < bad[i].len; k++) {
			struct feed f = fresh();
			enum net_frame what = feed(&f, bad[i].text, k);
			if (what == NET_FRAME_MORE)
				what = feed(&f, bad[i].text + k, bad[i].len - k);
			assert_int_equal(what, NET_FRAME_BAD);
			assert_int_equal(f.n, 0);
			net_framer_fini(&f.framer);
		}
	}
}

static void http_is_known_by_its_first_four_bytes(void **state)
{
	static const char methods[][5] = {"GET ", "POST", "HEAD", "OPTI", "PUT "};

	(void)state;
	for (size_t i = 0; i < ARRAY_LEN(methods); i++) {
		for (size_t k = 0; k < 4; k++) {
			struct feed f = fresh();
			assert_int_equal(feed(&f, methods[i], k), NET_FRAME_MORE);
			assert_int_equal(feed(&f, methods[i] + k, 4 - k), NET_FRAME_HTTP);
			net_framer_fini(&f.framer);
		}
	}
}

/* "GET " is a channel number once STUN has been spoken. */
static void http_is_not_looked_for_after_a_message(void **state)
{
	struct feed f = fresh();

	(void)state;
	assert_int_equal(FEED(&f, BINDING "GET "), NET_FRAME_MORE);
	assert_text(&f, BINDING, 20, 1);
}

int main(void)
{
	const struct CMUnitTest t[] = {
		cmocka_unit_test(messages_come_out_whole_at_every_two_split_points),
		cmocka_unit_test(messages_come_out_whole_byte_by_byte),
		cmocka_unit_test(nothing_is_kept_between_whole_messages),
		cmocka_unit_test(channel_data_ends_with_its_padding),
		cmocka_unit_test(the_longest_message_of_each_kind_is_taken),
		cmocka_unit_test(a_message_over_the_limit_is_refused_by_its_length_field),
		cmocka_unit_test(what_is_no_message_is_refused_at_every_split_point),
		cmocka_unit_test(http_is_known_by_its_first_four_bytes),
		cmocka_unit_test(http_is_not_looked_for_after_a_message),
	};
	return cmocka_run_group_tests(t, NULL, NULL) != 0;
}
