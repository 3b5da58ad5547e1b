/* SPDX-License-Identifier: BSD-3-Clause */
/* Compound RTCP packets, written one packet after the other. */
#include <assert.h>
#include <string.h>
#include <sallyport/mediation/rtp.h>
#include "rtcp_wire.h"

void rtcp_writer_init(struct rtcp_writer *w, uint8_t *buf, size_t cap)
{
	*w = (struct rtcp_writer){.buf = buf, .cap = cap};
}

/* Room for a packet of LEN bytes, header written and the rest zeroed; NULL: it has failed. */
static uint8_t *begin(struct rtcp_writer *w, uint8_t type, unsigned count, size_t len)
{
	assert(len % 4 == 0 && count <= RTCP_COUNT_MASK);
	if (w->failed || w->cap - w->len < len) {
		w->failed = true;
		return NULL;
	}
	uint8_t *b = w->buf + w->len;
	memset(b, 0, len);
	b[0] = (uint8_t)(RTCP_VERSION | count);
	b[1] = type;
	be16_put(b + 2, (uint16_t)(len / 4 - 1));
	w->len += len;
	return b;
}

static void put_reports(uint8_t *b, const struct rtcp_report *reports, unsigned n)
{
	for (unsigned i = 0; i < n; i++, b += RTCP_REPORT_LEN) {
		const struct rtcp_report *r = &reports[i];

		be32_put(b, r->ssrc);
		be32_put(b + 4, (uint32_t)r->fraction << 24 | ((uint32_t)r->lost & 0xffffff));
		be32_put(b + 8, r->highest);
		be32_put(b + 12, r->jitter);
		be32_put(b + 16, r->last_sr);
		be32_put(b + 20, r->delay);
	}
}

void rtcp_write_sr(struct rtcp_writer *w, const struct rtcp_sender *s,
	const struct rtcp_report *reports, unsigned n_reports)
{
	size_t head = RTCP_HEADER_LEN + 4 + RTCP_SENDER_LEN;
	uint8_t *b = begin(w, RTCP_SR, n_reports, head + RTCP_REPORT_LEN * (size_t)n_reports);

	if (!b)
		return;
	be32_put(b + 4, s->ssrc);
	be64_put(b + 8, s->ntp);
	be32_put(b + 16, s->timestamp);
	be32_put(b + 20, s->packets);
	be32_put(b + 24, s->octets);
	put_reports(b + head, reports, n_reports);
}

void rtcp_write_rr(
	struct rtcp_writer *w, uint32_t ssrc, const struct rtcp_report *reports, unsigned n_reports)
{
	size_t head = RTCP_HEADER_LEN + 4;
	uint8_t *b = begin(w, RTCP_RR, n_reports, head + RTCP_REPORT_LEN * (size_t)n_reports);

	if (!b)
		return;
	be32_put(b + 4, ssrc);
	put_reports(b + head, reports, n_reports);
}

void rtcp_write_cname(struct rtcp_writer *w, uint32_t ssrc, struct bytes cname)
{
	assert(cname.len <= UINT8_MAX);
	/* A zero ends the items, and zeros fill the word. */
	size_t len = (RTCP_HEADER_LEN + 4 + 2 + cname.len + 1 + 3) / 4 * 4;
	uint8_t *b = begin(w, RTCP_SDES, 1, len);

	if (!b)
		return;
	be32_put(b + 4, ssrc);
	b[8] = RTCP_CNAME;
	b[9] = (uint8_t)cname.len;
	if (cname.len > 0)
		memcpy(b + 10, cname.data, cname.len);
}

void rtcp_write_bye(struct rtcp_writer *w, uint32_t ssrc)
{
	uint8_t *b = begin(w, RTCP_BYE, 1, RTCP_HEADER_LEN + 4);

	if (b)
		be32_put(b + 4, ssrc);
}

void rtcp_write_packet(struct rtcp_writer *w, const struct rtcp_packet *p)
{
	if (w->failed || w->cap - w->len < p->all.len) {
		w->failed = true;
		return;
	}
	memcpy(w->buf + w->len, p->all.data, p->all.len);
	w->len += p->all.len;
}
