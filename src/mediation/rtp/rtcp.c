/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * Compound RTCP packets, read.
 *
 *   |V=2|P|  count  |     type      |  words behind the first       |
 */
#include <sallyport/mediation/rtp.h>
#include "rtcp_wire.h"

/* The length of the packet at B, or 0 when it does not fit into LEN or is none. */
static size_t packet_len(const uint8_t *b, size_t len)
{
	if (len < RTCP_HEADER_LEN || (b[0] & RTCP_VERSION_MASK) != RTCP_VERSION)
		return 0;
	size_t n = 4u * (be16_get(b + 2) + 1u);
	return n <= len ? n : 0;
}

static bool is_padding_right(const uint8_t *b, size_t n)
{
	return b[n - 1] > 0 && b[n - 1] % 4 == 0 && b[n - 1] <= n - RTCP_HEADER_LEN;
}

int rtcp_check(const void *data, size_t len)
{
	const uint8_t *b = data;

	if (len < RTCP_HEADER_LEN)
		return ERR_TRUNCATED;
	for (size_t at = 0; at < len;) {
		size_t n = packet_len(b + at, len - at);
		if (n == 0)
			return ERR_MALFORMED;
		if (b[at] & RTCP_PADDING_BIT && (at + n != len || !is_padding_right(b + at, n)))
			return ERR_MALFORMED;
		at += n;
	}
	return 0;
}

bool rtcp_next(struct bytes data, size_t *offset, struct rtcp_packet *out)
{
	if (*offset >= data.len)
		return false;
	const uint8_t *b = data.data + *offset;
	size_t n = packet_len(b, data.len - *offset);
	if (n == 0)
		return false;
	size_t padding = b[0] & RTCP_PADDING_BIT && is_padding_right(b, n) ? b[n - 1] : 0;
	*out = (struct rtcp_packet){
		.type = b[1],
		.count = b[0] & RTCP_COUNT_MASK,
		.all = bytes_of(b, n),
		.body = bytes_of(b + RTCP_HEADER_LEN, n - RTCP_HEADER_LEN - padding),
	};
	*offset += n;
	return true;
}

int rtcp_ssrc_decode(const struct rtcp_packet *p, uint32_t *ssrc)
{
	if (p->body.len < 4)
		return ERR_MALFORMED;
	*ssrc = be32_get(p->body.data);
	return 0;
}

int rtcp_sender_decode(const struct rtcp_packet *p, struct rtcp_sender *out)
{
	const uint8_t *b = p->body.data;

	if (p->type != RTCP_SR || p->body.len < 4 + RTCP_SENDER_LEN)
		return ERR_MALFORMED;
	*out = (struct rtcp_sender){
		.ssrc = be32_get(b),
		.ntp = be64_get(b + 4),
		.timestamp = be32_get(b + 12),
		.packets = be32_get(b + 16),
		.octets = be32_get(b + 20),
	};
	return 0;
}

static int32_t lost_decode(uint32_t word)
{
	int32_t lost = (int32_t)(word & 0xffffff);

	return lost & 0x800000 ? lost - 0x1000000 : lost;
}

int rtcp_report_decode(const struct rtcp_packet *p, unsigned i, struct rtcp_report *out)
{
	if ((p->type != RTCP_SR && p->type != RTCP_RR) || i >= p->count)
		return ERR_MALFORMED;
	size_t at = 4 + (p->type == RTCP_SR ? RTCP_SENDER_LEN : 0) + RTCP_REPORT_LEN * (size_t)i;
	if (p->body.len < at + RTCP_REPORT_LEN)
		return ERR_MALFORMED;
	const uint8_t *b = p->body.data + at;
	*out = (struct rtcp_report){
		.ssrc = be32_get(b),
		.fraction = b[4],
		.lost = lost_decode(be32_get(b + 4)),
		.highest = be32_get(b + 8),
		.jitter = be32_get(b + 12),
		.last_sr = be32_get(b + 16),
		.delay = be32_get(b + 20),
	};
	return 0;
}

/* ---- SDES (RFC 3550 §6.5): chunks of a source and items, a zero and zeros up to a word ---- */

/* Goes into the next chunk. 1, or 0 when there is none; ERR_MALFORMED. */
static int enter_chunk(const struct rtcp_packet *p, struct rtcp_walk *w)
{
	if (w->chunk == p->count)
		return 0;
	if (p->body.len < w->at + 4)
		return ERR_MALFORMED;
	w->ssrc = be32_get(p->body.data + w->at);
	w->at += 4;
	w->is_inside = true;
	return 1;
}

static void leave_chunk(struct rtcp_walk *w)
{
	w->at = w->at / 4 * 4 + 4;
	w->is_inside = false;
	w->chunk++;
}

int rtcp_item_next(const struct rtcp_packet *p, struct rtcp_walk *w, struct rtcp_item *out)
{
	const uint8_t *b = p->body.data;

	if (p->type != RTCP_SDES)
		return ERR_MALFORMED;
	for (;;) {
		if (!w->is_inside) {
			int rc = enter_chunk(p, w);
			if (rc <= 0)
				return rc;
		}
		if (w->at >= p->body.len)
			return ERR_MALFORMED;
		if (b[w->at] != 0)
			break;
		leave_chunk(w);
	}
	if (p->body.len - w->at < 2 || p->body.len - w->at - 2 < b[w->at + 1])
		return ERR_MALFORMED;
	*out = (struct rtcp_item){w->ssrc, b[w->at], bytes_of(b + w->at + 2, b[w->at + 1])};
	w->at += 2u + b[w->at + 1];
	return 1;
}

/* ---- BYE (RFC 3550 §6.6) ---- */

int rtcp_bye_decode(const struct rtcp_packet *p, unsigned i, uint32_t *ssrc)
{
	if (p->type != RTCP_BYE || i >= p->count || p->body.len < 4 * ((size_t)i + 1))
		return ERR_MALFORMED;
	*ssrc = be32_get(p->body.data + 4 * (size_t)i);
	return 0;
}

int rtcp_bye_reason(const struct rtcp_packet *p, struct bytes *out)
{
	size_t at = 4u * p->count;

	if (p->type != RTCP_BYE || p->body.len < at)
		return ERR_MALFORMED;
	if (p->body.len == at) {
		*out = bytes_of(NULL, 0);
		return 0;
	}
	if (p->body.len - at - 1 < p->body.data[at])
		return ERR_MALFORMED;
	*out = bytes_of(p->body.data + at + 1, p->body.data[at]);
	return 0;
}
