/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * Anything as an RTP packet and as a compound RTCP packet: read in every way, written again and
 * compared; as what arrives at a session of each suite, which must refuse it; and as a row of
 * packets through re-origination, each behind two bytes for the time that passes and its length.
 */
#include <stdlib.h>
#include <string.h>
#include <sallyport/mediation/rtp.h>
#include <sallyport/mediation/rtp/origin.h>
#include <sallyport/mediation/rtp/report.h>
#include <sallyport/mediation/rtp/srtp.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

/* Not assert: this must also hold where NDEBUG is set. */
static void must(bool is_true)
{
	if (!is_true)
		abort();
}

/* Every byte of what a decoder points to must be there to be read. */
static void touch(struct bytes b)
{
	volatile uint8_t sum = 0;

	for (size_t i = 0; i < b.len; i++)
		sum = (uint8_t)(sum + b.data[i]);
}

static void run_rtp(const uint8_t *data, size_t size)
{
	struct rtp_packet p, again;
	struct rtp_element e;
	size_t offset = 0, len;

	(void)rtp_kind(data, size);
	if (rtp_decode(data, size, &p) != 0)
		return;
	must(p.header_len == rtp_header_len(&p));
	must(p.header_len + p.payload.len + p.padding == size);
	touch(p.payload);
	while (rtp_element_next(&p, &offset, &e))
		touch(e.data);
	uint8_t *out = malloc(size);
	if (!out)
		return;
	must(rtp_encode(&p, out, size, &len) == 0 && len == size);
	/* All but the padding is the same. */
	must(memcmp(out, data, size - p.padding) == 0);
	must(rtp_decode(out, len, &again) == 0 && again.padding == p.padding);
	free(out);
}

static void read_items(const struct rtcp_packet *p)
{
	struct rtcp_walk w = {0};
	struct rtcp_item item;

	while (rtcp_item_next(p, &w, &item) == 1)
		touch(item.text);
}

static void run_rtcp(const uint8_t *data, size_t size)
{
	struct rtcp_packet p;
	struct rtcp_sender sender;
	struct rtcp_report report;
	struct rtcp_writer w;
	struct bytes reason;
	size_t offset = 0;
	uint32_t ssrc;
	uint8_t *out = malloc(size > 0 ? size : 1);

	if (!out || rtcp_check(data, size) != 0) {
		free(out);
		return;
	}
	rtcp_writer_init(&w, out, size);
	while (rtcp_next(bytes_of(data, size), &offset, &p)) {
		touch(p.body);
		(void)rtcp_ssrc_decode(&p, &ssrc);
		(void)rtcp_sender_decode(&p, &sender);
		for (unsigned i = 0; i < p.count; i++) {
			(void)rtcp_report_decode(&p, i, &report);
			(void)rtcp_bye_decode(&p, i, &ssrc);
		}
		if (rtcp_bye_reason(&p, &reason) == 0)
			touch(reason);
		read_items(&p);
		rtcp_write_packet(&w, &p);
	}
	must(!w.failed && w.len == size && memcmp(out, data, size) == 0);
	free(out);
}

static void run_session(enum srtp_suite suite, const uint8_t *data, size_t size)
{
	static const uint8_t master[SRTP_MASTER_MAX] = "no key that anybody has";
	struct srtp_config c = {suite, SRTP_UNPROTECT, bytes_of(master, srtp_master_len(suite)), 0};
	struct srtp_session *s;
	size_t len = size;
	uint8_t *copy = malloc(size > 0 ? size : 1);

	if (!copy || srtp_session_create(&c, &s) != 0) {
		free(copy);
		return;
	}
	memcpy(copy, data, size);
	must(srtp_session_unprotect(s, copy, &len) != SRTP_OK && len == size);
	memcpy(copy, data, size);
	must(srtp_session_unprotect_rtcp(s, copy, &len) != SRTP_OK && len == size);
	srtp_session_destroy(s);
	free(copy);
}

static void sent(void *arg, const struct rtp_packet *p)
{
	must(p->ssrc == 1 && p->payload_type < 128);
	touch(p->payload);
}

static void run_origin(const uint8_t *data, size_t size, uint8_t packet_ms)
{
	static const struct rtp_formats from = {
		4, {{8, RTP_PCMA}, {0, RTP_PCMU}, {13, RTP_NOISE}, {101, RTP_EVENT}}};
	static const struct rtp_formats to = {2, {{0, RTP_PCMU}, {96, RTP_EVENT}}};
	struct rtp_origin_config c = {
		.ssrc = 1, .clock_hz = 8000, .from = from, .to = to, .packet_ms = packet_ms};
	struct rtp_reception in;
	struct rtp_origin o;
	struct rtp_packet p;
	uint64_t now = 0;

	rtp_origin_init(&o, &c, sent, NULL);
	rtp_reception_init(&in, 8000);
	while (size >= 2) {
		size_t len = data[1] < size - 2 ? data[1] : size - 2;
		now += data[0];
		if (rtp_decode(data + 2, len, &p) == 0) {
			rtp_reception_packet(&in, &p, now);
			rtp_origin_packet(&o, &p, now);
		}
		rtp_origin_tick(&o, now);
		data += 2 + len;
		size -= 2 + len;
	}
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	if (size > 65535)
		return 0;
	run_rtp(data, size);
	run_rtcp(data, size);
	run_origin(data, size, 0);
	run_origin(data, size, 20);
	run_session(SRTP_AES_CM_128_HMAC_SHA1_80, data, size);
	run_session(SRTP_AES_CM_128_HMAC_SHA1_32, data, size);
	run_session(SRTP_AEAD_AES_128_GCM, data, size);
	return 0;
}
