/* SPDX-License-Identifier: BSD-3-Clause */
/* Offers and answers (RFC 3264): what is agreed, what is said, and what stays when it fails. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <cmocka.h>
#include <sallyport/mediation/sdp/session.h>

#define PEER   "v=0\r\no=- 5 1 IN IP4 198.51.100.7\r\ns=-\r\nc=IN IP4 198.51.100.7\r\nt=0 0\r\n"
#define KEY30  "WVNfX19zZW1jdGwgKCkgewkyMjA7fQp9CnVubGVz"
#define KEY28  "WVNfX19zZW1jdGwgKCkgewkyMjA7fQp9CnVubA=="
#define CRYPTO "a=crypto:1 AES_CM_128_HMAC_SHA1_80 inline:" KEY30 "\r\n"

static const struct sdp_abilities gateway = {
	.codecs = {{"PCMA", 8000, 1, 8, NULL}, {"PCMU", 8000, 1, 0, NULL},
		{"telephone-event", 8000, 1, 101, "0-16"}, {"CN", 8000, 1, 13, NULL}},
	.n_codecs = 4,
	.suites = {SDP_AEAD_AES_128_GCM, SDP_AES_CM_128_HMAC_SHA1_80},
	.n_suites = 2,
	.ptime_ms = 20,
};

struct leg {
	struct sdp_abilities abilities;
	struct sdp_origin_own origin;
	struct sdp_session s;
	char text[4096];
	size_t len;
};

static void leg_init(struct leg *l, enum sdp_security security)
{
	struct sdp_session_config c = {.abilities = &l->abilities, .origin = &l->origin};
	l->origin = (struct sdp_origin_own){.id = 42};
	l->abilities = gateway;
	l->abilities.security = security;
	l->len = 0;
	assert_int_equal(addr_parse("192.0.2.1:4000", 0, &c.rtp), 0);
	memset(c.keys, 0x11, sizeof(c.keys));
	sdp_session_init(&l->s, &c);
}

static void parse(const char *text, size_t len, struct sdp *out)
{
	enum sdp_refusal r = sdp_decode(text, len, out);
	if (r != SDP_OK)
		fail_msg("%s\n%s", sdp_refusal_text(r), text);
}

static enum sdp_refusal take_offer(struct leg *l, const char *text)
{
	struct sdp s;
	parse(text, strlen(text), &s);
	return sdp_offer_take(&l->s, &s);
}

static enum sdp_refusal take_answer(struct leg *l, const char *text, bool is_final)
{
	struct sdp s;
	parse(text, strlen(text), &s);
	return sdp_answer_take(&l->s, &s, is_final);
}

/* What one writes is decoded by our own codec too, always. */
static void keep(struct leg *l, struct sdp_writer *w)
{
	struct sdp s;
	assert_int_equal(sdp_write_end(w, &l->len), 0);
	assert_true(l->len < sizeof(l->text));
	l->text[l->len] = '\0';
	parse(l->text, l->len, &s);
}

static void write_offer(struct leg *l)
{
	struct sdp_writer w;
	sdp_write_begin(&w, l->text, sizeof(l->text) - 1);
	assert_int_equal(sdp_offer_write(&l->s, &w, NULL), SDP_OK);
	keep(l, &w);
}

static void offer_again(struct leg *l, const char *said, enum sdp_refusal expected)
{
	struct sdp_writer w;
	sdp_write_begin(&w, l->text, sizeof(l->text) - 1);
	assert_int_equal(sdp_offer_again(&l->s, &w, bytes_str(said)), expected);
	if (expected == SDP_OK)
		keep(l, &w);
}

static void write_answer(struct leg *l)
{
	struct sdp_writer w;
	sdp_write_begin(&w, l->text, sizeof(l->text) - 1);
	assert_int_equal(sdp_answer_write(&l->s, &w, NULL), SDP_OK);
	keep(l, &w);
}

static void assert_has(const struct leg *l, const char *line)
{
	if (!strstr(l->text, line))
		fail_msg("no \"%s\" in\n%s", line, l->text);
}

static void assert_has_not(const struct leg *l, const char *line)
{
	if (strstr(l->text, line))
		fail_msg("\"%s\" in\n%s", line, l->text);
}

/* ---- our answers ---- */

/* RFC 3264 §10.1: an audio stream and two of video. */
static void what_we_cannot_do_is_refused_in_its_place(void **state)
{
	struct leg l;
	leg_init(&l, SDP_SRTP_NONE);
	assert_int_equal(take_offer(&l, "v=0\r\n"
					"o=alice 2890844526 2890844526 IN IP4 198.51.100.7\r\n"
					"s=\r\n"
					"c=IN IP4 198.51.100.7\r\n"
					"t=0 0\r\n"
					"m=video 51372 RTP/AVP 31\r\n"
					"a=rtpmap:31 H261/90000\r\n"
					"m=audio 49170 RTP/AVP 0\r\n"
					"a=rtpmap:0 PCMU/8000\r\n"
					"m=video 53000 RTP/AVP 32 33\r\n"
					"a=rtpmap:32 MPV/90000\r\n"),
		SDP_OK);
	write_answer(&l);
	assert_string_equal(l.text, "v=0\r\n"
				    "o=- 42 1 IN IP4 192.0.2.1\r\n"
				    "s=-\r\n"
				    "c=IN IP4 192.0.2.1\r\n"
				    "t=0 0\r\n"
				    "m=video 0 RTP/AVP 31\r\n"
				    "m=audio 4000 RTP/AVP 0\r\n"
				    "a=rtpmap:0 PCMU/8000\r\n"
				    "a=ptime:20\r\n"
				    "a=sendrecv\r\n"
				    "m=video 0 RTP/AVP 32\r\n");
	assert_int_equal(l.s.agreed.slot, 1);
	assert_int_equal(l.s.agreed.remote_rtp.port, 49170);
	assert_int_equal(l.s.agreed.remote_rtcp.port, 49171);
	assert_int_equal(l.s.state, SDP_STABLE);
}

/* RFC 4317 §2.4 and §3.2 have such numbers: theirs hold in both directions. */
static void an_answer_has_the_numbers_and_the_order_of_the_offer(void **state)
{
	struct leg l;
	leg_init(&l, SDP_SRTP_NONE);
	assert_int_equal(take_offer(&l, PEER "m=audio 5000 RTP/AVP 97 0 18 98 8\r\n"
					     "a=rtpmap:97 iLBC/8000\r\n"
					     "a=rtpmap:98 Telephone-Event/8000\r\n"
					     "a=fmtp:98 0-15\r\na=ptime:30\r\n"),
		SDP_OK);
	write_answer(&l);
	assert_has(&l, "m=audio 4000 RTP/AVP 0 98 8\r\n");
	assert_has(&l, "a=rtpmap:98 telephone-event/8000\r\na=fmtp:98 0-16\r\n");
	const struct sdp_format *f =
		sdp_agreed_find(&l.abilities, &l.s.agreed, "telephone-event", 8000);
	assert_non_null(f);
	assert_int_equal(f->send, 98);
	assert_int_equal(f->receive, 98);
	assert_int_equal(sdp_agreed_audio(&l.abilities, &l.s.agreed)->send, 0);
	assert_int_equal(l.s.agreed.ptime_ms, 30);
}

static void codecs_agree_by_name_clock_and_channels(void **state)
{
	static const struct {
		const char *media;
		enum sdp_refusal refusal;
	} cases[] = {
		{"m=audio 5000 RTP/AVP 96\r\na=rtpmap:96 pcma/8000\r\n", SDP_OK},
		{"m=audio 5000 RTP/AVP 96\r\na=rtpmap:96 PCMA/8000/1\r\n", SDP_OK},
		{"m=audio 5000 RTP/AVP 96\r\na=rtpmap:96 PCMA/16000\r\n", SDP_NO_CODEC},
		{"m=audio 5000 RTP/AVP 96\r\na=rtpmap:96 PCMA/8000/2\r\n", SDP_NO_CODEC},
		{"m=audio 5000 RTP/AVP 96\r\n", SDP_NO_CODEC},
		{"m=audio 5000 RTP/AVP 8\r\n", SDP_OK},
		{"m=audio 5000 RTP/AVP 8\r\na=rtpmap:8 G729/8000\r\n", SDP_NO_CODEC},
		{"m=audio 5000 RTP/AVP 13 101\r\na=rtpmap:101 telephone-event/8000\r\n",
			SDP_NO_CODEC},
		{"m=audio 5000 RTP/AVP 200 x\r\n", SDP_NO_CODEC},
		{"m=audio 0 RTP/AVP 8\r\n", SDP_NO_AUDIO},
		{"m=video 5000 RTP/AVP 8\r\n", SDP_NO_AUDIO},
		{"", SDP_NO_AUDIO},
		{"m=audio 5000 udptl 8\r\n", SDP_NO_PROFILE},
		{"m=audio 5000 UDP/TLS/RTP/SAVPF 8\r\n", SDP_NO_PROFILE},
		{"m=audio 5000 RTP/AVP 8\r\nc=IN IP6 2001:db8::1\r\n", SDP_NO_ADDRESS},
		{"m=audio 5000 RTP/AVP 8\r\nc=IN IP4 gw.example.net\r\n", SDP_NO_ADDRESS},
	};
	for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
		struct leg l;
		char text[512];
		leg_init(&l, SDP_SRTP_NONE);
		(void)snprintf(text, sizeof(text), PEER "%s", cases[i].media);
		enum sdp_refusal r = take_offer(&l, text);
		if (r != cases[i].refusal)
			fail_msg("%s: %s", cases[i].media, sdp_refusal_text(r));
		assert_int_equal(l.s.state, r == SDP_OK ? SDP_ASKED : SDP_STABLE);
	}
}

static void an_offer_with_srtp_and_without_is_taken_as_we_may(void **state)
{
	static const char both[] =
		PEER "m=audio 5000 RTP/AVP 8\r\n"
		     "m=audio 5002 RTP/SAVP 8\r\n" CRYPTO "m=audio 5004 RTP/AVPF 8\r\n";
	static const char clear[] = PEER "m=audio 5000 RTP/AVP 8\r\n";
	static const char keyed[] = PEER "m=audio 5000 RTP/SAVPF 8\r\n" CRYPTO;
	static const struct {
		enum sdp_security security;
		const char *offer;
		enum sdp_refusal refusal;
		unsigned slot;
		bool has_srtp;
	} cases[] = {
		{SDP_SRTP_NONE, both, SDP_OK, 0, false},
		{SDP_SRTP_OPTIONAL, both, SDP_OK, 1, true},
		{SDP_SRTP_REQUIRED, both, SDP_OK, 1, true},
		{SDP_SRTP_NONE, clear, SDP_OK, 0, false},
		{SDP_SRTP_OPTIONAL, clear, SDP_OK, 0, false},
		{SDP_SRTP_REQUIRED, clear, SDP_NO_PROFILE, 0, false},
		{SDP_SRTP_NONE, keyed, SDP_NO_PROFILE, 0, false},
		{SDP_SRTP_OPTIONAL, keyed, SDP_OK, 0, true},
		{SDP_SRTP_REQUIRED, keyed, SDP_OK, 0, true},
	};
	for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
		struct leg l;
		leg_init(&l, cases[i].security);
		assert_int_equal(take_offer(&l, cases[i].offer), cases[i].refusal);
		if (cases[i].refusal != SDP_OK)
			continue;
		write_answer(&l);
		assert_int_equal(l.s.agreed.slot, cases[i].slot);
		assert_int_equal(l.s.agreed.has_srtp, cases[i].has_srtp);
		(cases[i].has_srtp ? assert_has : assert_has_not)(&l, "a=crypto:1 ");
	}
}

#define MKI_LINE "a=crypto:4 AES_CM_128_HMAC_SHA1_80 inline:" KEY30 "|2^31|1:4\r\n"
#define OURS     "inline:ERERERERERERERERERERERERERERERERERERERER"

/* RFC 4568 §6.1: their key has one, and so ours. */
static void an_answer_to_a_line_with_an_mki_has_it(void **state)
{
	struct leg l;
	leg_init(&l, SDP_SRTP_REQUIRED);
	assert_int_equal(
		take_offer(&l, PEER "m=audio 5000 RTP/SAVP 8\r\n" MKI_LINE CRYPTO), SDP_OK);
	write_answer(&l);
	assert_has(&l, "a=crypto:4 AES_CM_128_HMAC_SHA1_80 " OURS "|2^31|1:4\r\n");
	assert_int_equal(l.s.agreed.remote_mki.value, 1);
	assert_int_equal(l.s.agreed.remote_mki.len, 4);
	assert_int_equal(l.s.agreed.local_mki.value, 1);
	assert_int_equal(l.s.agreed.local_mki.len, 4);
	/* What packets are like does not change because something else does. */
	write_offer(&l);
	assert_has(&l, "a=crypto:2 AES_CM_128_HMAC_SHA1_80 " OURS "|2^31|1:4\r\n");
}

/* Each key is of whoever sends under it: whether its packets have an MKI is his to say. */
static void an_answer_may_have_an_mki_of_its_own(void **state)
{
	struct leg l;
	leg_init(&l, SDP_SRTP_REQUIRED);
	write_offer(&l);
	assert_has_not(&l, "|");
	assert_int_equal(
		take_answer(&l,
			PEER "m=audio 5000 RTP/SAVP 8\r\n"
			     "a=crypto:2 AES_CM_128_HMAC_SHA1_80 inline:" KEY30 "|2^31|9:1\r\n",
			true),
		SDP_OK);
	assert_int_equal(l.s.agreed.remote_mki.value, 9);
	assert_int_equal(l.s.agreed.remote_mki.len, 1);
	assert_int_equal(l.s.agreed.local_mki.len, 0);
}

static void an_offer_that_has_an_mki_may_be_answered_without(void **state)
{
	struct leg l;
	leg_init(&l, SDP_SRTP_REQUIRED);
	assert_int_equal(take_offer(&l, PEER "m=audio 5000 RTP/SAVP 8\r\n" MKI_LINE), SDP_OK);
	write_answer(&l);
	write_offer(&l);
	assert_int_equal(take_answer(&l,
				 PEER "m=audio 5000 RTP/SAVP 8\r\n"
				      "a=crypto:2 AES_CM_128_HMAC_SHA1_80 inline:" KEY30 "\r\n",
				 true),
		SDP_OK);
	assert_int_equal(l.s.agreed.remote_mki.len, 0);
	assert_int_equal(l.s.agreed.local_mki.len, 4);
}

/* RFC 4568 §5.1.2: the first line that suits, under its tag, with a key of our own. */
static void an_answer_has_the_one_crypto_line_taken(void **state)
{
	struct leg l;
	leg_init(&l, SDP_SRTP_REQUIRED);
	assert_int_equal(
		take_offer(&l, PEER
			"m=audio 5000 RTP/SAVP 8\r\n"
			"a=crypto:1 AES_256_CM_HMAC_SHA1_80 inline:" KEY30 "\r\n"
			"a=crypto:2 AES_CM_128_HMAC_SHA1_32 inline:" KEY30 "\r\n"
			"a=crypto:3 AES_CM_128_HMAC_SHA1_80 inline:" KEY30 "|2^20|1:9\r\n"
			"a=crypto:4 AES_CM_128_HMAC_SHA1_80 inline:" KEY30 " UNENCRYPTED_SRTP\r\n"
			"a=crypto:7 AES_CM_128_HMAC_SHA1_80 inline:" KEY30 "|2^31\r\n"
			"a=crypto:8 AEAD_AES_128_GCM inline:" KEY28 "\r\n"),
		SDP_OK);
	write_answer(&l);
	assert_has(&l, "a=crypto:7 AES_CM_128_HMAC_SHA1_80 "
		       "inline:ERERERERERERERERERERERERERERERERERERERER\r\n");
	assert_has_not(&l, "a=crypto:8");
	assert_int_equal(l.s.agreed.suite, SDP_AES_CM_128_HMAC_SHA1_80);
	assert_true(l.s.agreed.remote_lifetime == (uint64_t)1 << 31);
	assert_memory_equal(l.s.agreed.remote_key, "YS___semctl () {\t220;}\n}\nunles", 30);
	leg_init(&l, SDP_SRTP_REQUIRED);
	assert_int_equal(take_offer(&l, PEER "m=audio 5000 RTP/SAVP 8\r\n"), SDP_NO_KEY);
}

static void rtcp_goes_where_they_say(void **state)
{
	static const struct {
		const char *media;
		bool can_mux, has_mux;
		const char *rtcp;
	} cases[] = {
		{"m=audio 5000 RTP/AVP 8\r\n", false, false, "198.51.100.7:5001"},
		{"m=audio 5000 RTP/AVP 8\r\na=rtcp:6000\r\n", false, false, "198.51.100.7:6000"},
		{"m=audio 5000 RTP/AVP 8\r\na=rtcp:6000 IN IP4 198.51.100.9\r\n", false, false,
			"198.51.100.9:6000"},
		{"m=audio 5000 RTP/AVP 8\r\na=rtcp-mux\r\n", false, false, "198.51.100.7:5001"},
		{"m=audio 5000 RTP/AVP 8\r\na=rtcp-mux\r\na=rtcp:5001\r\n", true, true,
			"198.51.100.7:5000"},
		{"m=audio 5000 RTP/AVP 8\r\n", true, false, "198.51.100.7:5001"},
		{"m=audio 65535 RTP/AVP 8\r\n", false, false, NULL},
	};
	for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
		struct leg l;
		struct addr a;
		char text[512];
		leg_init(&l, SDP_SRTP_NONE);
		l.abilities.has_rtcp_mux = cases[i].can_mux;
		(void)snprintf(text, sizeof(text), PEER "%s", cases[i].media);
		assert_int_equal(take_offer(&l, text), SDP_OK);
		write_answer(&l);
		assert_int_equal(l.s.agreed.has_rtcp_mux, cases[i].has_mux);
		(cases[i].has_mux ? assert_has : assert_has_not)(&l, "a=rtcp-mux\r\n");
		if (cases[i].rtcp) {
			assert_int_equal(addr_parse(cases[i].rtcp, 0, &a), 0);
			assert_true(addr_equal(&l.s.agreed.remote_rtcp, &a));
		} else {
			assert_int_equal(l.s.agreed.remote_rtcp.family, ADDR_NONE);
		}
	}
}

static void ptime_is_what_they_want_within_what_they_allow(void **state)
{
	static const struct {
		const char *lines;
		unsigned ptime_ms;
	} cases[] = {{"", 20}, {"a=ptime:10\r\n", 10}, {"a=ptime:60\r\na=maxptime:40\r\n", 40},
		{"a=maxptime:10\r\n", 10}, {"a=ptime:0\r\n", 20}, {"a=ptime:soon\r\n", 20}};
	for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
		struct leg l;
		char text[512];
		leg_init(&l, SDP_SRTP_NONE);
		(void)snprintf(
			text, sizeof(text), PEER "m=audio 5000 RTP/AVP 8\r\n%s", cases[i].lines);
		assert_int_equal(take_offer(&l, text), SDP_OK);
		write_answer(&l);
		assert_int_equal(l.s.agreed.ptime_ms, cases[i].ptime_ms);
	}
}

/* RFC 3264 §6.1, §8.4. */
static void hold_and_resume_change_directions_only(void **state)
{
	static const struct {
		const char *lines;
		enum sdp_direction ours;
	} cases[] = {
		{"a=sendonly\r\n", SDP_RECVONLY},
		{"a=inactive\r\n", SDP_INACTIVE},
		{"a=recvonly\r\n", SDP_SENDONLY},
		{"c=IN IP4 0.0.0.0\r\n", SDP_RECVONLY},
		{"c=IN IP4 0.0.0.0\r\na=sendonly\r\n", SDP_RECVONLY},
		{"c=IN IP4 0.0.0.0\r\na=recvonly\r\n", SDP_INACTIVE},
		{"a=sendrecv\r\n", SDP_SENDRECV},
	};
	struct leg l;
	leg_init(&l, SDP_SRTP_NONE);
	for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
		char text[512], line[32];
		(void)snprintf(
			text, sizeof(text), PEER "m=audio 5000 RTP/AVP 8\r\n%s", cases[i].lines);
		assert_int_equal(take_offer(&l, text), SDP_OK);
		write_answer(&l);
		assert_int_equal(l.s.agreed.direction, cases[i].ours);
		(void)snprintf(line, sizeof(line), "a=%s\r\n", sdp_direction_name(cases[i].ours));
		assert_has(&l, line);
	}
	/* Both may hold. */
	l.s.direction = SDP_SENDONLY;
	assert_int_equal(take_offer(&l, PEER "m=audio 5000 RTP/AVP 8\r\na=sendonly\r\n"), SDP_OK);
	write_answer(&l);
	assert_has(&l, "a=inactive\r\n");
}

static void an_early_answer_is_repeated_byte_for_byte(void **state)
{
	struct leg l;
	char early[4096];
	leg_init(&l, SDP_SRTP_NONE);
	assert_int_equal(take_offer(&l, PEER "m=audio 5000 RTP/AVP 8\r\n"), SDP_OK);
	write_answer(&l);
	memcpy(early, l.text, l.len + 1);
	write_answer(&l);
	assert_string_equal(early, l.text);
}

static void the_version_counts_changes_alone(void **state)
{
	static const char talk[] = PEER "m=audio 5000 RTP/AVP 8\r\n";
	static const char hold[] = PEER "m=audio 5000 RTP/AVP 8\r\na=sendonly\r\n";
	struct leg l;
	struct addr moved;
	leg_init(&l, SDP_SRTP_NONE);
	for (unsigned i = 0; i < 2; i++) {
		assert_int_equal(take_offer(&l, talk), SDP_OK);
		write_answer(&l);
		assert_has(&l, "o=- 42 1 IN IP4");
	}
	assert_int_equal(take_offer(&l, hold), SDP_OK);
	write_answer(&l);
	assert_has(&l, "o=- 42 2 IN IP4");
	assert_int_equal(take_offer(&l, talk), SDP_OK);
	write_answer(&l);
	assert_has(&l, "o=- 42 3 IN IP4");
	assert_int_equal(addr_parse("192.0.2.1:4100", 0, &moved), 0);
	sdp_session_move(&l.s, &moved, 0);
	write_answer(&l);
	assert_has(&l, "o=- 42 4 IN IP4");
	assert_has(&l, "m=audio 4100 ");
}

/* Whatever was refused, or told by another session of the same dialog. */
static void what_is_said_again_is_the_newest(void **state)
{
	static const char talk[] = PEER "m=audio 5000 RTP/AVP 8\r\n";
	struct leg l, other;
	char said[4096];
	leg_init(&l, SDP_SRTP_NONE);
	assert_int_equal(take_offer(&l, talk), SDP_OK);
	write_answer(&l);
	memcpy(said, l.text, l.len + 1);
	offer_again(&l, said, SDP_OK);
	assert_string_equal(l.text, said); /* as a session timer has it */

	leg_init(&other, SDP_SRTP_NONE);
	other.s.config.origin = &l.origin;
	write_offer(&other);
	assert_has(&other, "o=- 42 2 IN IP4");
	sdp_exchange_cancel(&other.s);
	for (unsigned i = 0; i < 2; i++) {
		offer_again(&l, said, SDP_OK);
		assert_has(&l, "o=- 42 3 IN IP4");
		assert_string_equal(strstr(l.text, "s=-"), strstr(said, "s=-"));
	}
	write_offer(&l);
	assert_has(&l, "o=- 42 4 IN IP4");
	offer_again(&l, said, SDP_WRONG_STATE);
	sdp_exchange_cancel(&l.s);
	offer_again(&l, "v=0", SDP_BAD_ORIGIN);
	assert_int_equal(l.origin.version, 4);
}

/* ---- our offers ---- */

static void our_offer_names_all_that_we_can(void **state)
{
	struct leg l;
	leg_init(&l, SDP_SRTP_NONE);
	l.abilities.has_rtcp_mux = true;
	l.abilities.maxptime_ms = 60;
	l.s.config.rtcp_port = 4007;
	write_offer(&l);
	assert_string_equal(l.text, "v=0\r\n"
				    "o=- 42 1 IN IP4 192.0.2.1\r\n"
				    "s=-\r\n"
				    "c=IN IP4 192.0.2.1\r\n"
				    "t=0 0\r\n"
				    "m=audio 4000 RTP/AVP 8 0 101 13\r\n"
				    "a=rtpmap:8 PCMA/8000\r\n"
				    "a=rtpmap:0 PCMU/8000\r\n"
				    "a=rtpmap:101 telephone-event/8000\r\n"
				    "a=fmtp:101 0-16\r\n"
				    "a=rtpmap:13 CN/8000\r\n"
				    "a=ptime:20\r\n"
				    "a=maxptime:60\r\n"
				    "a=rtcp-mux\r\n"
				    "a=rtcp:4007\r\n"
				    "a=sendrecv\r\n");
	assert_int_equal(take_answer(&l,
				 PEER "m=audio 5000 RTP/AVP 0 96\r\n"
				      "a=rtpmap:96 telephone-event/8000\r\na=rtcp-mux\r\n",
				 true),
		SDP_OK);
	assert_true(l.s.agreed.has_rtcp_mux);
	/* They send what we call 101, and get what they call 96. */
	const struct sdp_format *f =
		sdp_agreed_find(&l.abilities, &l.s.agreed, "telephone-event", 8000);
	assert_int_equal(f->receive, 101);
	assert_int_equal(f->send, 96);
	assert_null(sdp_agreed_find(&l.abilities, &l.s.agreed, "PCMA", 8000));
	assert_int_equal(l.s.state, SDP_STABLE);
}

static void srtp_that_is_optional_is_two_lines_of_which_one_is_taken(void **state)
{
	static const struct {
		const char *answer;
		enum sdp_refusal refusal;
		bool has_srtp;
	} cases[] = {
		{PEER "m=audio 5000 RTP/SAVP 8\r\na=crypto:2 AES_CM_128_HMAC_SHA1_80 inline:" KEY30
		      "\r\nm=audio 0 RTP/AVP 8\r\n",
			SDP_OK, true},
		{PEER "m=audio 0 RTP/SAVP 8\r\nm=audio 5000 RTP/AVP 8\r\n", SDP_OK, false},
		/* Some take both, and some leave out what they refuse. */
		{PEER "m=audio 5000 RTP/SAVP 8\r\na=crypto:1 AEAD_AES_128_GCM inline:" KEY28
		      "\r\nm=audio 5000 RTP/AVP 8\r\n",
			SDP_OK, true},
		{PEER "m=audio 5000 RTP/SAVP 8\r\na=crypto:1 AEAD_AES_128_GCM inline:" KEY28 "\r\n",
			SDP_OK, true},
		/* The first line refused for its key, the second is good. */
		{PEER "m=audio 5000 RTP/SAVP 8\r\nm=audio 5000 RTP/AVP 8\r\n", SDP_OK, false},
		{PEER "m=audio 5000 RTP/AVP 8\r\n", SDP_ANSWER_MISMATCH, false},
		{PEER "m=audio 0 RTP/SAVP 8\r\nm=audio 0 RTP/AVP 8\r\n", SDP_NO_AUDIO, false},
		/* A tag that stands for another suite. */
		{PEER "m=audio 5000 RTP/SAVP 8\r\na=crypto:1 AES_CM_128_HMAC_SHA1_80 inline:" KEY30
		      "\r\n",
			SDP_NO_KEY, false},
	};
	for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
		struct leg l;
		leg_init(&l, SDP_SRTP_OPTIONAL);
		write_offer(&l);
		assert_has(&l, "m=audio 4000 RTP/SAVP 8 0 101 13\r\n");
		assert_has(&l, "a=crypto:1 AEAD_AES_128_GCM inline:");
		assert_has(&l, "a=crypto:2 AES_CM_128_HMAC_SHA1_80 inline:");
		assert_has(&l, "m=audio 4000 RTP/AVP 8 0 101 13\r\n");
		enum sdp_refusal r = take_answer(&l, cases[i].answer, true);
		if (r != cases[i].refusal)
			fail_msg("%zu: %s", i, sdp_refusal_text(r));
		assert_int_equal(l.s.agreed.has_srtp, cases[i].has_srtp);
		assert_int_equal(l.s.has_agreed, r == SDP_OK);
		assert_int_equal(l.s.state, r == SDP_OK ? SDP_STABLE : SDP_OFFERED);
	}
}

static void an_answer_of_another_shape_does_not_fit(void **state)
{
	static const char *const answers[] = {
		PEER "m=audio 5000 RTP/AVP 8\r\nm=audio 5002 RTP/AVP 8\r\n",
		PEER "m=video 5000 RTP/AVP 8\r\n",
		PEER "m=audio 5000 RTP/SAVP 8\r\n" CRYPTO,
		PEER "m=audio 5000 RTP/AVPF 8\r\n",
	};
	for (size_t i = 0; i < ARRAY_LEN(answers); i++) {
		struct leg l;
		leg_init(&l, SDP_SRTP_NONE);
		write_offer(&l);
		assert_int_equal(take_answer(&l, answers[i], true), SDP_ANSWER_MISMATCH);
	}
}

static void early_answers_count_until_the_final_one(void **state)
{
	struct leg l, fork;
	leg_init(&l, SDP_SRTP_NONE);
	write_offer(&l);
	fork = l;
	fork.s.config.abilities = &fork.abilities;
	assert_int_equal(
		take_answer(&l, PEER "m=audio 5000 RTP/AVP 8\r\na=sendonly\r\n", false), SDP_OK);
	assert_true(l.s.has_agreed);
	assert_int_equal(l.s.agreed.direction, SDP_RECVONLY);
	assert_int_equal(l.s.state, SDP_OFFERED);
	assert_int_equal(take_answer(&l, PEER "m=audio 6000 RTP/AVP 0\r\n", true), SDP_OK);
	assert_int_equal(l.s.agreed.remote_rtp.port, 6000);
	assert_int_equal(take_answer(&l, PEER "m=audio 7000 RTP/AVP 0\r\n", true), SDP_WRONG_STATE);
	/* Another early dialog of the same offer goes its own way. */
	assert_false(fork.s.has_agreed);
	assert_int_equal(take_answer(&fork, PEER "m=audio 8000 RTP/AVP 8\r\n", true), SDP_OK);
	assert_int_equal(fork.s.agreed.remote_rtp.port, 8000);
}

static void our_hold_is_a_new_offer_on_the_same_lines(void **state)
{
	struct leg l;
	leg_init(&l, SDP_SRTP_OPTIONAL);
	write_offer(&l);
	assert_int_equal(
		take_answer(&l, PEER "m=audio 0 RTP/SAVP 8\r\nm=audio 5000 RTP/AVP 8\r\n", true),
		SDP_OK);
	l.s.direction = SDP_SENDONLY;
	write_offer(&l);
	assert_has(&l, "o=- 42 2 ");
	assert_has(&l, "m=audio 0 RTP/SAVP 8\r\nm=audio 4000 RTP/AVP 8 0 101 13\r\n");
	assert_has(&l, "a=sendonly\r\n");
	assert_int_equal(take_answer(&l,
				 PEER "m=audio 0 RTP/SAVP 8\r\n"
				      "m=audio 5000 RTP/AVP 8\r\na=recvonly\r\n",
				 true),
		SDP_OK);
	assert_int_equal(l.s.agreed.direction, SDP_SENDONLY);
	/* An answer cannot give more than was offered. */
	write_offer(&l);
	assert_int_equal(
		take_answer(&l, PEER "m=audio 0 RTP/SAVP 8\r\nm=audio 5000 RTP/AVP 8\r\n", true),
		SDP_OK);
	assert_int_equal(l.s.agreed.direction, SDP_SENDONLY);
}

/* RFC 3264 §8.3.2. */
static void numbers_keep_their_meaning_over_the_session(void **state)
{
	struct leg l;
	leg_init(&l, SDP_SRTP_NONE);
	/* Their 101 is A-law, their 96 the events. */
	assert_int_equal(take_offer(&l, PEER "m=audio 5000 RTP/AVP 101 96\r\n"
					     "a=rtpmap:101 PCMA/8000\r\n"
					     "a=rtpmap:96 telephone-event/8000\r\n"),
		SDP_OK);
	write_answer(&l);
	write_offer(&l);
	assert_has(&l, "m=audio 4000 RTP/AVP 101 0 96 13\r\n");
	assert_int_equal(take_answer(&l, PEER "m=audio 5000 RTP/AVP 0\r\n", true), SDP_OK);
	/* The events were not agreed this time: their number stays. */
	write_offer(&l);
	assert_has(&l, "m=audio 4000 RTP/AVP 101 0 96 13\r\n");
	sdp_exchange_cancel(&l.s);
	/* A number of ours is given away: ours becomes another. */
	assert_int_equal(
		take_offer(&l, PEER "m=audio 5000 RTP/AVP 96\r\na=rtpmap:96 PCMU/8000\r\n"),
		SDP_OK);
	write_answer(&l);
	write_offer(&l);
	assert_has(&l, "m=audio 4000 RTP/AVP 101 96 97 13\r\n");
}

static void what_fails_leaves_what_was_agreed(void **state)
{
	struct leg l;
	leg_init(&l, SDP_SRTP_NONE);
	assert_int_equal(take_offer(&l, PEER "m=audio 5000 RTP/AVP 8\r\n"), SDP_OK);
	write_answer(&l);
	struct sdp_agreed before = l.s.agreed;
	/* An offer that is refused, */
	assert_int_equal(take_offer(&l, PEER "m=audio 6000 RTP/AVP 18\r\n"), SDP_NO_CODEC);
	assert_memory_equal(&l.s.agreed, &before, sizeof(before));
	/* one that SIP refused after it was taken, */
	assert_int_equal(take_offer(&l, PEER "m=audio 6000 RTP/AVP 0\r\n"), SDP_OK);
	sdp_exchange_cancel(&l.s);
	assert_memory_equal(&l.s.agreed, &before, sizeof(before));
	/* and one of ours that was refused, even after an early answer to it. */
	write_offer(&l);
	assert_int_equal(take_answer(&l, PEER "m=audio 7000 RTP/AVP 0\r\n", false), SDP_OK);
	assert_int_equal(l.s.agreed.remote_rtp.port, 7000);
	sdp_exchange_cancel(&l.s);
	assert_memory_equal(&l.s.agreed, &before, sizeof(before));
	assert_int_equal(l.s.state, SDP_STABLE);
}

static void exchanges_do_not_overlap(void **state)
{
	struct leg l;
	struct sdp_writer w;
	leg_init(&l, SDP_SRTP_NONE);
	sdp_write_begin(&w, l.text, sizeof(l.text));
	assert_int_equal(sdp_answer_write(&l.s, &w, NULL), SDP_WRONG_STATE);
	assert_int_equal(take_answer(&l, PEER "m=audio 5000 RTP/AVP 8\r\n", true), SDP_WRONG_STATE);
	write_offer(&l);
	assert_int_equal(sdp_offer_write(&l.s, &w, NULL), SDP_WRONG_STATE);
	assert_int_equal(sdp_answer_write(&l.s, &w, NULL), SDP_WRONG_STATE);
	assert_int_equal(take_offer(&l, PEER "m=audio 5000 RTP/AVP 8\r\n"), SDP_WRONG_STATE);
	sdp_exchange_cancel(&l.s);
	assert_int_equal(take_offer(&l, PEER "m=audio 5000 RTP/AVP 8\r\n"), SDP_OK);
	assert_int_equal(sdp_offer_write(&l.s, &w, NULL), SDP_WRONG_STATE);
}

static void a_buffer_too_small_changes_nothing(void **state)
{
	struct leg l;
	leg_init(&l, SDP_SRTP_NONE);
	assert_int_equal(take_offer(&l, PEER "m=audio 5000 RTP/AVP 8\r\n"), SDP_OK);
	for (size_t cap = 0;; cap++) {
		struct sdp_writer w;
		char *text = malloc(cap ? cap : 1);
		assert_non_null(text);
		sdp_write_begin(&w, text, cap);
		enum sdp_refusal r = sdp_answer_write(&l.s, &w, NULL);
		free(text);
		if (r == SDP_OK)
			break;
		assert_int_equal(r, SDP_NO_ROOM);
		assert_int_equal(l.s.state, SDP_ASKED);
		assert_int_equal(l.origin.written, 0);
	}
	assert_int_equal(l.origin.version, 1);
	assert_int_equal(l.s.state, SDP_STABLE);
}

static void more_lines_than_a_session_keeps_are_refused(void **state)
{
	struct leg l;
	char text[4096] = PEER;
	leg_init(&l, SDP_SRTP_NONE);
	for (unsigned i = 0; i < SDP_SLOTS_MAX; i++)
		strcat(text, "m=audio 5000 RTP/AVP 8\r\n");
	assert_int_equal(take_offer(&l, text), SDP_OK);
	write_answer(&l);
	strcat(text, "m=audio 5000 RTP/AVP 8\r\n");
	assert_int_equal(take_offer(&l, text), SDP_TOO_MANY_MEDIA);
	assert_int_equal(take_offer(&l, PEER "m=audio 5000 RTP/AVP 8\r\n"
					     "m=a-kind-that-is-longer-than-any 1 RTP/AVP 0\r\n"),
		SDP_BAD_MEDIA);
}

/* Two of ours agree with each other, whatever each may do with SRTP. */
static void two_sessions_agree(void **state)
{
	for (unsigned i = 0; i < 9; i++) {
		struct leg a, b;
		enum sdp_security sa = (enum sdp_security)(i / 3), sb = (enum sdp_security)(i % 3);
		leg_init(&a, sa);
		leg_init(&b, sb);
		write_offer(&a);
		bool is_apart = (sa == SDP_SRTP_NONE && sb == SDP_SRTP_REQUIRED) ||
				(sb == SDP_SRTP_NONE && sa == SDP_SRTP_REQUIRED);
		assert_int_equal(take_offer(&b, a.text), is_apart ? SDP_NO_PROFILE : SDP_OK);
		if (is_apart)
			continue;
		write_answer(&b);
		assert_int_equal(take_answer(&a, b.text, true), SDP_OK);
		assert_int_equal(a.s.agreed.has_srtp, b.s.agreed.has_srtp);
		assert_int_equal(a.s.agreed.has_srtp, sa != SDP_SRTP_NONE && sb != SDP_SRTP_NONE);
		assert_int_equal(a.s.agreed.suite, b.s.agreed.suite);
		assert_int_equal(a.s.agreed.n_formats, 4);
		for (unsigned k = 0; k < 4; k++) {
			assert_int_equal(a.s.agreed.formats[k].send, b.s.agreed.formats[k].receive);
			assert_int_equal(a.s.agreed.formats[k].receive, b.s.agreed.formats[k].send);
		}
	}
}

static void a_session_that_is_over_has_no_keys(void **state)
{
	static const struct sdp_session wiped;
	struct leg l;
	leg_init(&l, SDP_SRTP_REQUIRED);
	assert_int_equal(take_offer(&l, PEER "m=audio 5000 RTP/SAVP 8\r\n" CRYPTO), SDP_OK);
	write_answer(&l);
	sdp_session_fini(&l.s);
	assert_memory_equal(&l.s, &wiped, sizeof(wiped));
}

int main(void)
{
	static const struct CMUnitTest t[] = {
		cmocka_unit_test(what_we_cannot_do_is_refused_in_its_place),
		cmocka_unit_test(an_answer_has_the_numbers_and_the_order_of_the_offer),
		cmocka_unit_test(codecs_agree_by_name_clock_and_channels),
		cmocka_unit_test(an_offer_with_srtp_and_without_is_taken_as_we_may),
		cmocka_unit_test(an_answer_to_a_line_with_an_mki_has_it),
		cmocka_unit_test(an_answer_may_have_an_mki_of_its_own),
		cmocka_unit_test(an_offer_that_has_an_mki_may_be_answered_without),
		cmocka_unit_test(an_answer_has_the_one_crypto_line_taken),
		cmocka_unit_test(rtcp_goes_where_they_say),
		cmocka_unit_test(ptime_is_what_they_want_within_what_they_allow),
		cmocka_unit_test(hold_and_resume_change_directions_only),
		cmocka_unit_test(an_early_answer_is_repeated_byte_for_byte),
		cmocka_unit_test(the_version_counts_changes_alone),
		cmocka_unit_test(what_is_said_again_is_the_newest),
		cmocka_unit_test(our_offer_names_all_that_we_can),
		cmocka_unit_test(srtp_that_is_optional_is_two_lines_of_which_one_is_taken),
		cmocka_unit_test(an_answer_of_another_shape_does_not_fit),
		cmocka_unit_test(early_answers_count_until_the_final_one),
		cmocka_unit_test(our_hold_is_a_new_offer_on_the_same_lines),
		cmocka_unit_test(numbers_keep_their_meaning_over_the_session),
		cmocka_unit_test(what_fails_leaves_what_was_agreed),
		cmocka_unit_test(exchanges_do_not_overlap),
		cmocka_unit_test(a_buffer_too_small_changes_nothing),
		cmocka_unit_test(more_lines_than_a_session_keeps_are_refused),
		cmocka_unit_test(two_sessions_agree),
		cmocka_unit_test(a_session_that_is_over_has_no_keys),
	};
	return cmocka_run_group_tests(t, NULL, NULL) != 0;
}
