/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * The framer of a connection.
 *
 *   00...... ........ | length    | 21 12 a4 42 ...   STUN: 20 bytes and LENGTH, a multiple of 4
 *   01...... ........ | length    | payload, padding  ChannelData: 4 bytes, LENGTH, up to 3 zeros
 *
 * Whatever cannot be one of these ends the connection at the first byte that shows it: on a stream
 * there is no finding back.
 */
#include <stdlib.h>

#include "frame.h"

#define STUN_HEADER    20
#define CHANNEL_HEADER 4
#define LENGTH_END     4 /* both kinds tell their length within four bytes */

static const uint8_t cookie[] = {0x21, 0x12, 0xa4, 0x42};

static bool is_http(const uint8_t *data, size_t len)
{
	static const char methods[][5] = {"GET ", "POST", "HEAD", "OPTI", "PUT "};

	for (size_t i = 0; i < ARRAY_LEN(methods); i++) {
		if (memcmp(data, methods[i], len < 4 ? len : 4) == 0)
			return true;
	}
	return false;
}

static enum net_frame look_stun(const uint8_t *data, size_t len, size_t *total)
{
	size_t n_cookie = len < LENGTH_END ? 0 : len - LENGTH_END;

	if (n_cookie > sizeof(cookie))
		n_cookie = sizeof(cookie);
	if (len >= LENGTH_END) {
		*total = STUN_HEADER + be16_get(data + 2);
		if (*total % 4 != 0 || memcmp(data + LENGTH_END, cookie, n_cookie) != 0)
			return NET_FRAME_BAD;
	}
	return NET_FRAME_MORE;
}

static enum net_frame look_channel(const uint8_t *data, size_t len, bool is_first, size_t *total)
{
	if (is_first && !is_http(data, len))
		return NET_FRAME_BAD;
	if (len < LENGTH_END)
		return NET_FRAME_MORE;
	if (is_first)
		return NET_FRAME_HTTP;
	*total = CHANNEL_HEADER + (((size_t)be16_get(data + 2) + 3) & ~(size_t)3);
	return NET_FRAME_MORE;
}

/* What DATA begins with. *TOTAL: so many bytes are the message, or wanted for another look. */
static enum net_frame look(
	const uint8_t *data, size_t len, bool is_first, size_t limit, size_t *total)
{
	enum net_frame what;

	*total = LENGTH_END;
	if (len == 0)
		return NET_FRAME_MORE;
	if (data[0] >> 6 == 0)
		what = look_stun(data, len, total);
	else if (data[0] >> 6 == 1)
		what = look_channel(data, len, is_first, total);
	else
		what = NET_FRAME_BAD;
	if (what != NET_FRAME_MORE || len < LENGTH_END)
		return what;
	if (*total > limit)
		return NET_FRAME_BAD;
	return len < *total ? NET_FRAME_MORE : NET_FRAME_MESSAGE;
}

void net_framer_fini(struct net_framer *f)
{
	free(f->rest);
	f->rest = NULL;
	f->rest_len = 0;
	f->is_given = false;
}

/* Adds to the rest until it is a message, or the input is used up. */
static enum net_frame complete(
	struct net_framer *f, struct bytes *in, size_t limit, struct bytes *msg)
{
	for (;;) {
		size_t total;
		enum net_frame what = look(f->rest, f->rest_len, !f->has_message, limit, &total);
		if (what == NET_FRAME_MESSAGE) {
			f->is_given = true;
			*msg = bytes_of(f->rest, f->rest_len);
		}
		if (what != NET_FRAME_MORE || in->len == 0)
			return what;
		uint8_t *grown = realloc(f->rest, total);
		if (!grown)
			return NET_FRAME_NO_MEMORY;
		f->rest = grown;
		size_t n = total - f->rest_len;
		if (n > in->len)
			n = in->len;
		memcpy(f->rest + f->rest_len, in->data, n);
		f->rest_len += (uint32_t)n;
		*in = bytes_of(in->data + n, in->len - n);
	}
}

enum net_frame net_framer_next(
	struct net_framer *f, struct bytes *in, size_t limit, struct bytes *msg)
{
	enum net_frame what = NET_FRAME_MORE;
	size_t total;

	if (f->is_given)
		net_framer_fini(f);
	if (f->rest_len == 0)
		what = look(in->data, in->len, !f->has_message, limit, &total);
	if (what == NET_FRAME_MESSAGE) {
		*msg = bytes_of(in->data, total);
		*in = bytes_of(in->data + total, in->len - total);
	} else if (what == NET_FRAME_MORE) {
		what = complete(f, in, limit, msg);
	}
	if (what == NET_FRAME_MESSAGE)
		f->has_message = true;
	return what;
}
