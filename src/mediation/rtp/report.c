/* SPDX-License-Identifier: BSD-3-Clause */
/* Reports of a leg: how packets arrive, what we say of it, what the peer says of ours. */
#include <assert.h>
#include <string.h>
#include <sallyport/mediation/rtp/report.h>

#define DROPOUT_MAX  3000 /* RFC 3550 §A.1 */
#define MISORDER_MAX 100
#define LOST_MAX     0x7fffff
#define LOST_MIN     (-0x800000)
#define NTP_UNIX     2208988800u /* seconds from 1900 to 1970 */

/* ---- what arrives ---- */

void rtp_reception_init(struct rtp_reception *r, uint32_t clock_hz)
{
	assert(clock_hz > 0);
	*r = (struct rtp_reception){.clock_hz = clock_hz, .wrong = -1};
}

static uint32_t expected(const struct rtp_reception *r)
{
	return r->has_source ? r->cycles + r->highest - r->base + 1 : 0;
}

static int64_t source_lost(const struct rtp_reception *r)
{
	return (int64_t)expected(r) - r->received;
}

uint64_t rtp_reception_lost(const struct rtp_reception *r)
{
	int64_t lost = source_lost(r);

	return r->past_lost + (lost > 0 ? (uint64_t)lost : 0);
}

uint32_t rtp_reception_jitter(const struct rtp_reception *r)
{
	return r->jitter_16 >> 4;
}

static void begin_source(struct rtp_reception *r, const struct rtp_packet *p)
{
	r->past_lost = rtp_reception_lost(r);
	r->has_source = true;
	r->ssrc = p->ssrc;
	r->base = r->highest = p->sequence;
	r->cycles = r->received = r->told_expected = r->told_received = 0;
	r->wrong = -1;
	r->jitter_16 = 0;
}

/* False: a jump that nothing has confirmed yet. */
static bool follow_sequence(struct rtp_reception *r, const struct rtp_packet *p)
{
	int ahead = rtp_sequence_ahead(p->sequence, r->highest);

	if (ahead > DROPOUT_MAX || ahead < -MISORDER_MAX) {
		if (p->sequence != r->wrong) {
			r->wrong = (uint16_t)(p->sequence + 1);
			return false;
		}
		begin_source(r, p);
	} else if (ahead > 0) {
		if (p->sequence < r->highest)
			r->cycles += 1 << 16;
		r->highest = p->sequence;
	}
	return true;
}

/* §A.8: the mean deviation of the time between sending and arriving. */
static void follow_jitter(struct rtp_reception *r, const struct rtp_packet *p, uint64_t now_ms)
{
	uint32_t transit = (uint32_t)(now_ms * r->clock_hz / 1000) - p->timestamp;
	int32_t d = (int32_t)(transit - r->transit);
	uint32_t distance = d < 0 ? 0 - (uint32_t)d : (uint32_t)d;

	r->transit = transit;
	/* The first packet has nothing to deviate from, and a clock that was set anew says nothing.
	 */
	if (r->received > 1 && distance < 10 * r->clock_hz)
		r->jitter_16 += distance - ((r->jitter_16 + 8) >> 4);
}

void rtp_reception_packet(struct rtp_reception *r, const struct rtp_packet *p, uint64_t now_ms)
{
	if (!r->has_source || p->ssrc != r->ssrc)
		begin_source(r, p);
	r->last_ms = now_ms;
	r->all_received++;
	r->all_octets += p->payload.len;
	if (!follow_sequence(r, p))
		return;
	r->received++;
	follow_jitter(r, p, now_ms);
}

/* ---- what we say ---- */

void rtp_reporter_init(
	struct rtp_reporter *r, uint32_t ssrc, struct bytes cname, const struct clock *now)
{
	memset(r, 0, sizeof(*r));
	r->ssrc = ssrc;
	r->ntp = (now->wall_s + NTP_UNIX) << 32;
	r->mono_ms = now->mono_ms;
	r->cname_len = cname.len < RTP_CNAME_MAX ? cname.len : RTP_CNAME_MAX;
	if (r->cname_len > 0)
		memcpy(r->cname, cname.data, r->cname_len);
}

void rtp_reporter_restart(struct rtp_reporter *r, uint32_t ssrc)
{
	r->ssrc = ssrc;
	r->told_packets = 0;
}

/* Goes on evenly from where it began, whatever is done to the clock on the wall. */
static uint64_t ntp_now(const struct rtp_reporter *r, uint64_t now_ms)
{
	uint64_t ms = now_ms - r->mono_ms;

	return r->ntp + (ms / 1000 << 32) + ((ms % 1000 << 32) / 1000);
}

static uint32_t ntp_middle(uint64_t ntp)
{
	return (uint32_t)(ntp >> 16);
}

static uint32_t ntp_delay(uint64_t ms) /* 1/65536 s */
{
	return (uint32_t)(ms * 65536 / 1000);
}

/* §A.3 */
static uint8_t fraction_lost(struct rtp_reception *in)
{
	uint32_t all = expected(in), were = all - in->told_expected;
	int64_t lost = (int64_t)were - (in->received - in->told_received);

	in->told_expected = all;
	in->told_received = in->received;
	if (were == 0 || lost <= 0)
		return 0;
	uint64_t fraction = ((uint64_t)lost << 8) / were;
	return fraction > UINT8_MAX ? UINT8_MAX : (uint8_t)fraction;
}

static struct rtcp_report report_on(
	const struct rtp_reporter *r, struct rtp_reception *in, uint64_t now_ms)
{
	int64_t lost = source_lost(in);

	lost = lost > LOST_MAX ? LOST_MAX : lost < LOST_MIN ? LOST_MIN : lost;
	return (struct rtcp_report){
		.ssrc = in->ssrc,
		.fraction = fraction_lost(in),
		.lost = (int32_t)lost,
		.highest = in->cycles + in->highest,
		.jitter = rtp_reception_jitter(in),
		.last_sr = r->last_sr,
		.delay = r->last_sr ? ntp_delay(now_ms - r->last_sr_ms) : 0,
	};
}

size_t rtp_reporter_write(struct rtp_reporter *r, struct rtp_reception *in,
	const struct rtp_sent *out, bool is_end, const struct clock *now, uint8_t *buf, size_t cap)
{
	assert(cap >= RTP_REPORT_MAX);
	struct rtcp_report report = {0};
	unsigned n_reports = 0;
	struct rtcp_writer w;

	if (in->has_source) {
		report = report_on(r, in, now->mono_ms);
		n_reports = 1;
	}
	rtcp_writer_init(&w, buf, cap);
	if (out->packets != r->told_packets) {
		struct rtcp_sender sender = {r->ssrc, ntp_now(r, now->mono_ms), out->timestamp,
			out->packets, out->octets};
		rtcp_write_sr(&w, &sender, &report, n_reports);
	} else {
		rtcp_write_rr(&w, r->ssrc, &report, n_reports);
	}
	r->told_packets = out->packets;
	rtcp_write_cname(&w, r->ssrc, bytes_of(r->cname, r->cname_len));
	if (is_end)
		rtcp_write_bye(&w, r->ssrc);
	assert(!w.failed);
	return w.len;
}

/* ---- what the peer says ---- */

/* §6.4.1: from when our report left to now, without the time it lay at the peer's. */
static void read_round_trip(
	struct rtp_reporter *r, const struct rtcp_report *report, uint64_t now_ms)
{
	if (report->last_sr == 0)
		return;
	uint32_t trip = ntp_middle(ntp_now(r, now_ms)) - report->last_sr - report->delay;
	/* What is below zero is a rounding, or made up. */
	if ((int32_t)trip < 0)
		trip = 0;
	r->quality.round_trip_ms = (uint32_t)((uint64_t)trip * 1000 / 65536);
	r->quality.has_round_trip = true;
}

static void read_reports(
	struct rtp_reporter *r, const struct rtcp_packet *p, const struct clock *now)
{
	struct rtcp_report report;

	for (unsigned i = 0; i < p->count; i++) {
		if (rtcp_report_decode(p, i, &report) != 0)
			return;
		if (report.ssrc != r->ssrc)
			continue;
		r->quality.has_any = true;
		r->quality.fraction = report.fraction;
		r->quality.lost = report.lost;
		r->quality.jitter = report.jitter;
		read_round_trip(r, &report, now->mono_ms);
	}
}

void rtp_reporter_read(struct rtp_reporter *r, struct bytes data, const struct clock *now)
{
	struct rtcp_packet p;
	struct rtcp_sender sender;
	size_t offset = 0;

	while (rtcp_next(data, &offset, &p)) {
		if (p.type == RTCP_SR && rtcp_sender_decode(&p, &sender) == 0) {
			r->last_sr = ntp_middle(sender.ntp);
			r->last_sr_ms = now->mono_ms;
		}
		if (p.type == RTCP_SR || p.type == RTCP_RR)
			read_reports(r, &p, now);
	}
}
