/* SPDX-License-Identifier: BSD-3-Clause */
/* Offers and answers between two sides, with a real worker's media behind them. */
#include <errno.h>
#include <setjmp.h>
#include <signal.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include <sallyport/crypto.h>

#include "../../../src/mediation/anchor/anchor_priv.h"
#include "../../../src/mediation/media/media_priv.h"

#define LOOPBACK 0x7f000001
#define WORKERS  2

static const struct sdp_abilities plain = {
	.codecs = {{"PCMA", 8000, 1, 8, NULL}, {"PCMU", 8000, 1, 0, NULL},
		{"telephone-event", 8000, 1, 101, "0-16"}, {"CN", 8000, 1, 13, NULL}},
	.n_codecs = 4,
	.security = SDP_SRTP_NONE,
	.ptime_ms = 20,
	.has_rtcp_mux = true,
};

struct worker {
	struct loop *loop;
	struct net *net;
	struct media *media;
	metrics_cell cells[MEDIA_C_COUNT], net_cells[NET_C_COUNT];
};

struct rig {
	struct loop *loop; /* of calls */
	struct worker workers[WORKERS];
	struct media_face faces[2];
	struct anchors *anchors;
	metrics_cell cells[ANCHOR_C_COUNT];
	struct anchor *a;
	struct sdp_abilities abilities[ANCHOR_SIDES];
	struct anchor_terms terms[ANCHOR_SIDES];
	bool is_full;  /* mailboxes of workers */
	bool is_deaf;  /* workers get nothing */
	bool is_quiet; /* they say nothing */
	uint64_t ticket;
	unsigned n_ready, n_lost, n_closed;
	int rc;
	enum anchor_loss why;
	struct anchor_leg legs[ANCHOR_SIDES];
	char out[8192];
};

/* ---- the rig ---- */

static bool on_media_ready(void *arg, const struct media_ready *m)
{
	struct rig *r = arg;

	return !r->is_quiet && loop_post(r->loop, &anchor_ready_msg, r->anchors, m) == 0;
}

static bool on_media_event(void *arg, const struct media_event *e)
{
	struct rig *r = arg;

	return !r->is_quiet && loop_post(r->loop, &anchor_event_msg, r->anchors, e) == 0;
}

static int on_post(void *arg, unsigned worker, const struct msg_type *type, const void *payload)
{
	struct rig *r = arg;

	if (r->is_full)
		return ERR_FULL;
	if (r->is_deaf)
		return 0;
	return loop_post(r->workers[worker].loop, type, r->workers[worker].media, payload);
}

static void keep(struct rig *r, struct bytes sdp)
{
	assert_true(sdp.len < sizeof(r->out));
	memcpy(r->out, sdp.data, sdp.len);
	r->out[sdp.len] = '\0';
}

static void on_ready(void *arg, void *owner, uint64_t ticket, int rc, struct bytes sdp)
{
	struct rig *r = arg;

	assert_ptr_equal(owner, r);
	r->ticket = ticket;
	r->rc = rc;
	r->n_ready++;
	keep(r, sdp);
}

static void on_lost(void *arg, void *owner, enum anchor_side side, enum anchor_loss why)
{
	struct rig *r = arg;

	r->n_lost++;
	r->why = why;
}

static void on_closed(void *arg, void *owner, const struct anchor_leg legs[ANCHOR_SIDES])
{
	struct rig *r = arg;

	r->n_closed++;
	memcpy(r->legs, legs, sizeof(r->legs));
}

static void pass(struct rig *r)
{
	for (bool has_more = true; has_more;) {
		has_more = loop_deliver(r->loop);
		for (unsigned i = 0; i < WORKERS; i++)
			has_more = loop_deliver(r->workers[i].loop) || has_more;
	}
}

/* The thread of calls at so much later. */
static void wait_ms(struct rig *r, unsigned ms)
{
	uint64_t now = loop_clock(r->loop)->mono_ms;

	wheel_advance(loop_wheel(r->loop), now + ms + 2 * WHEEL_TICK_MS);
}

static void open_worker(struct rig *r, unsigned i)
{
	struct worker *w = &r->workers[i];
	struct media_config c = {
		.cells = w->cells,
		.worker = i,
		.n_workers = WORKERS,
		.max_sessions = 4,
		.n_faces = 2,
		.ready = on_media_ready,
		.event = on_media_event,
		.arg = r,
	};

	w->loop = loop_create("worker", 64);
	assert_non_null(w->loop);
	w->net = net_create(w->loop, w->net_cells);
	assert_non_null(w->net);
	c.clock = loop_clock(w->loop);
	c.wheel = loop_wheel(w->loop);
	c.net = w->net;
	memcpy(c.faces, r->faces, sizeof(r->faces));
	assert_int_equal(media_create(&c, &w->media), 0);
}

static struct anchor *open_for(struct rig *r, uint32_t who)
{
	const struct anchor_asker whose = {.address = addr_ipv4(who, 0), .place = 1};
	struct anchor *a = anchor_open(r->anchors, r, &whose, &r->terms[ANCHOR_CALLER]);

	assert_non_null(a);
	return a;
}

static int setup(void **state)
{
	struct rig *r = calloc(1, sizeof(*r));

	assert_non_null(r);
	r->loop = loop_create("call", 64);
	assert_non_null(r->loop);
	for (unsigned i = 0; i < 2; i++) {
		r->faces[i] = (struct media_face){.local = addr_ipv4(LOOPBACK + i, 0)};
		r->abilities[i] = plain;
		r->terms[i] = (struct anchor_terms){
			.abilities = &r->abilities[i], .face = (uint8_t)i, .is_passing = true};
	}
	for (unsigned i = 0; i < WORKERS; i++)
		open_worker(r, i);
	struct anchors_config c = {
		.wheel = loop_wheel(r->loop),
		.clock = loop_clock(r->loop),
		.cells = r->cells,
		.key = {1, 2},
		.n_workers = WORKERS,
		.faces = r->faces,
		.n_faces = 2,
		.user = {on_ready, on_lost, on_closed, on_post, r},
	};
	r->anchors = anchors_create(&c);
	assert_non_null(r->anchors);
	r->a = open_for(r, 1);
	*state = r;
	return 0;
}

static uint64_t sessions(const struct rig *r)
{
	return metrics_get(r->workers[0].cells, MEDIA_C_SESSIONS) +
	       metrics_get(r->workers[1].cells, MEDIA_C_SESSIONS);
}

/* Nothing is left, whatever was. */
static int teardown(void **state)
{
	struct rig *r = *state;

	r->is_full = r->is_deaf = r->is_quiet = false;
	if (r->a)
		anchor_close(r->a);
	wait_ms(r, 1000);
	pass(r);
	assert_int_equal(r->n_closed, 1);
	assert_int_equal(sessions(r), 0);
	assert_int_equal(metrics_get(r->cells, ANCHOR_C_KEPT), 0);
	assert_int_equal(loop_wheel(r->loop)->count, 0);
	for (unsigned i = 0; i < WORKERS; i++)
		assert_int_equal(r->anchors->load[i], 0);
	anchors_destroy(r->anchors);
	for (unsigned i = 0; i < WORKERS; i++) {
		media_destroy(r->workers[i].media);
		net_destroy(r->workers[i].net);
		loop_destroy(r->workers[i].loop);
	}
	loop_destroy(r->loop);
	free(r);
	return 0;
}

/* ---- what sides say ---- */

#define CALLER_AT "c=IN IP4 127.0.0.9\r\nt=0 0\r\n"
#define CALLEE_AT "c=IN IP4 127.0.0.8\r\nt=0 0\r\n"
#define BEGIN     "v=0\r\no=x 1 1 IN IP4 127.0.0.9\r\ns=x\r\n"
static const char offer[] = BEGIN CALLER_AT
	"m=audio 40000 RTP/AVP 0 8 96 13\r\na=rtpmap:96 telephone-event/8000\r\na=fmtp:96 0-15\r\n"
	"a=ptime:30\r\na=candidate:1 1 UDP 1 127.0.0.9 40000 typ host\r\n";
static const char answer[] =
	BEGIN CALLEE_AT "m=audio 40002 RTP/AVP 8 101\r\na=rtpmap:101 telephone-event/8000\r\n";
static const char held[] = BEGIN CALLER_AT "m=audio 40000 RTP/AVP 0 96\r\n"
					   "a=rtpmap:96 telephone-event/8000\r\na=sendonly\r\n";

static int say(struct rig *r, struct anchor_message m, const char *text)
{
	struct bytes sdp = bytes_of("", 0);

	m.sdp = bytes_str(text);
	int rc = anchor_take(r->a, &m, &sdp);
	keep(r, sdp);
	return rc;
}

static int ask(struct rig *r, const char *text)
{
	return say(r,
		(struct anchor_message){.from = ANCHOR_CALLER,
			.exchange = 1,
			.ticket = 77,
			.is_final = true,
			.callee = &r->terms[ANCHOR_CALLEE]},
		text);
}

static void asked(struct rig *r, const char *text)
{
	assert_int_equal(ask(r, text), ANCHOR_LATER);
	pass(r);
	assert_int_equal(r->n_ready, 1);
	assert_true(r->ticket == 77);
	assert_int_equal(r->rc, 0);
}

static int reply(struct rig *r, uint64_t fork, bool is_accepted, const char *text)
{
	return say(r,
		(struct anchor_message){.from = ANCHOR_CALLEE,
			.exchange = 1,
			.fork = fork,
			.is_final = is_accepted,
			.is_accepted = is_accepted},
		text);
}

static void begin_call(struct rig *r)
{
	asked(r, offer);
	assert_int_equal(reply(r, 5, true, answer), 0);
	pass(r);
}

static int within(struct rig *r, enum anchor_side from, uint64_t exchange, const char *text)
{
	return say(r,
		(struct anchor_message){
			.from = from, .exchange = exchange, .fork = 5, .is_final = true},
		text);
}

static const struct media_leg *leg(const struct rig *r, enum anchor_side side)
{
	const struct media_session *s =
		media_session_find(r->workers[r->a->worker].media, r->a->id);

	assert_non_null(s);
	return &s->legs[side];
}

static bool has(const struct rig *r, const char *what)
{
	return strstr(r->out, what) != NULL;
}

static void assert_port_in_out(const struct rig *r, enum anchor_side side, const char *proto)
{
	char line[64];

	(void)snprintf(line, sizeof(line), "m=audio %u %s", leg(r, side)->rtp->local.port, proto);
	assert_non_null(strstr(r->out, line));
}

/* ---- a call ---- */

static void offer_and_answer_are_made_anew(void **state)
{
	struct rig *r = *state;
	struct sdp s;

	asked(r, offer);
	assert_int_equal(sdp_decode(r->out, strlen(r->out), &s), SDP_OK);
	assert_true(has(r, "c=IN IP4 127.0.0.2\r\n") && has(r, "\r\ns=-\r\n"));
	assert_port_in_out(r, ANCHOR_CALLEE, "RTP/AVP 8 0 101 13\r\n");
	assert_true(has(r, "a=ptime:20\r\n") && has(r, "a=rtcp-mux") && has(r, "a=sendrecv"));
	assert_false(has(r, "candidate") || has(r, "127.0.0.9") || has(r, "crypto"));

	assert_int_equal(reply(r, 5, true, answer), 0);
	assert_true(has(r, "c=IN IP4 127.0.0.1\r\n"));
	assert_port_in_out(r, ANCHOR_CALLER, "RTP/AVP 0 8 96 13\r\n");
	assert_false(has(r, "rtcp-mux") || has(r, "127.0.0.8"));

	pass(r);
	const struct media_agreement *caller = &leg(r, ANCHOR_CALLER)->agreement;
	const struct media_agreement *callee = &leg(r, ANCHOR_CALLEE)->agreement;
	struct addr at = addr_ipv4(0x7f000009, 40000);
	assert_true(addr_equal(&caller->rtp, &at));
	assert_int_equal(caller->rtcp.port, 40001);
	assert_int_equal(caller->packet_ms, 30);
	assert_int_equal(caller->to.list[0].payload_type, 0);
	assert_int_equal(rtp_format_find(&caller->from, 96)->codec, RTP_EVENT);
	assert_int_equal(rtp_format_find(&callee->from, 101)->codec, RTP_EVENT);
	assert_int_equal(callee->from.n, 2);
	assert_int_equal(callee->packet_ms, 20);
	assert_true(caller->may_send && caller->may_receive && callee->may_send);
	assert_int_equal(metrics_get(r->cells, ANCHOR_C_OFFERS), 1);
	assert_int_equal(metrics_get(r->cells, ANCHOR_C_ANSWERS), 1);
}

static void record_says_what_was_agreed(void **state)
{
	struct rig *r = *state;

	begin_call(r);
	anchor_close(r->a);
	r->a = NULL;
	assert_int_equal(r->n_closed, 0);
	pass(r);
	assert_int_equal(r->n_closed, 1);
	assert_true(r->legs[0].has_agreed && r->legs[1].has_agreed && !r->legs[0].has_srtp);
	assert_int_equal(r->legs[1].remote.port, 40002);
	assert_non_null(r->legs[1].codec);
	assert_true(r->legs[1].has_stats);
}

static void packet_times_are_kept_within_bounds(void **state)
{
	static const struct {
		const char *line;
		unsigned ms;
	} rows[] = {{"a=ptime:1\r\n", 5}, {"a=ptime:200\r\n", 60}, {"a=ptime:10\r\n", 10}};
	struct rig *r = *state;
	char text[512];

	begin_call(r);
	for (unsigned i = 0; i < ARRAY_LEN(rows); i++) {
		(void)snprintf(text, sizeof(text), "%s%s", answer, rows[i].line);
		assert_int_equal(within(r, ANCHOR_CALLEE, 10 + i, text), 0);
		assert_int_equal(within(r, ANCHOR_CALLER, 10 + i, offer), 0);
		pass(r);
		assert_int_equal(leg(r, ANCHOR_CALLEE)->agreement.packet_ms, rows[i].ms);
	}
}

static void lines_but_the_audio_are_refused_in_their_place(void **state)
{
	struct rig *r = *state;
	char text[1024];

	(void)snprintf(text, sizeof(text), "%s%s", offer,
		"m=video 40004 RTP/AVP 100\r\na=rtpmap:100 H264/90000\r\n"
		"m=application 9 TCP/X *\r\n");
	asked(r, text);
	assert_false(has(r, "video"));
	assert_int_equal(reply(r, 5, true, answer), 0);
	assert_true(has(r, "m=video 0 RTP/AVP 100\r\n") && has(r, "m=application 0 TCP/X *\r\n"));
}

/* ---- what passes ---- */

static const char rich_offer[] = BEGIN
	"c=IN IP4 127.0.0.9\r\nb=CT:1000\r\nt=0 0\r\na=group:BUNDLE v a\r\na=x-of-call:1\r\n"
	"a=ice-lite\r\n"
	"m=video 40004 RTP/AVP 100\r\na=x-of-video\r\na=mid:v\r\n"
	"m=audio 40000 RTP/AVP 96 0\r\nb=AS:80\r\nb=RR:0\r\na=rtpmap:96 opus/48000/2\r\n"
	"a=fmtp:96 useinbandfec=1\r\na=x-one:2\r\na=rtcp-fb:96 nack\r\na=mid:a\r\na=x-one:1\r\n"
	"a=ice-ufrag:abcd\r\na=ssrc:1 cname:x\r\na=x-relay:127.0.0.9\r\n";
static const char rich_answer[] =
	BEGIN CALLEE_AT "a=x-back:s\r\nm=audio 40002 RTP/AVP 0\r\nb=TIAS:64000\r\na=x-back:m\r\n"
			"a=setup:active\r\n";

/* From FROM on, R says TEXT. */
static void assert_tail(const struct rig *r, const char *from, const char *text)
{
	const char *at = strstr(r->out, from);

	assert_non_null(at);
	assert_string_equal(at, text);
}

static void what_is_not_known_passes_both_ways(void **state)
{
	struct rig *r = *state;

	asked(r, rich_offer);
	assert_true(has(r, "\r\nb=CT:1000\r\nt=0 0\r\na=x-of-call:1\r\nm=audio "));
	assert_true(has(r, " RTP/AVP 8 0 101 13\r\nb=AS:80\r\na=rtpmap:8 PCMA/8000\r\n"));
	assert_tail(r, "\r\na=sendrecv", "\r\na=sendrecv\r\na=x-one:2\r\na=x-one:1\r\n");
	/* With what stands beside it: random numbers and keys have "96" and "RR" in them, too. */
	assert_false(has(r, "opus/") || has(r, ":96 ") || has(r, ":abcd\r") ||
		     has(r, "x-of-video") || has(r, "a=ssrc") || has(r, "b=RR:") ||
		     has(r, "a=mid") || has(r, "a=group"));

	assert_int_equal(reply(r, 5, true, rich_answer), 0);
	assert_true(has(r, "\r\nt=0 0\r\na=x-back:s\r\nm=video 0 RTP/AVP 100\r\nm=audio "));
	assert_true(has(r, " RTP/AVP 0\r\nb=TIAS:64000\r\na=rtpmap:0 PCMU/8000\r\n"));
	assert_tail(r, "\r\na=sendrecv", "\r\na=sendrecv\r\na=x-back:m\r\n");
	assert_false(has(r, "setup"));
}

static void each_line_of_an_offer_has_what_passes(void **state)
{
	struct rig *r = *state;

	r->abilities[ANCHOR_CALLEE].security = SDP_SRTP_OPTIONAL;
	r->abilities[ANCHOR_CALLEE].suites[0] = SDP_AES_CM_128_HMAC_SHA1_80;
	r->abilities[ANCHOR_CALLEE].n_suites = 1;
	asked(r, rich_offer);
	const char *secret = strstr(r->out, "RTP/SAVP"), *clear = strstr(r->out, "RTP/AVP");
	assert_true(secret && clear && secret < clear);
	const char *first = strstr(r->out, "a=x-one:2\r\na=x-one:1\r\n");
	assert_true(secret < first && first < clear);
	assert_non_null(strstr(clear, "a=x-one:2\r\na=x-one:1\r\n"));
}

static void nothing_passes_to_or_from_who_is_not_for_it(void **state)
{
	struct rig *r = *state;

	r->terms[ANCHOR_CALLEE].is_passing = false;
	asked(r, rich_offer);
	assert_false(has(r, "x-one") || has(r, "x-of-call") || has(r, "b="));
	assert_int_equal(reply(r, 5, true, rich_answer), 0);
	assert_false(has(r, "x-back") || has(r, "b="));
}

static void what_passed_early_is_in_the_final_response_too(void **state)
{
	struct rig *r = *state;

	asked(r, rich_offer);
	assert_int_equal(reply(r, 5, false, rich_answer), 0);
	assert_true(has(r, "a=x-back:m"));
	assert_int_equal(reply(r, 6, false, answer), 0);
	assert_false(has(r, "x-back"));
	assert_int_equal(reply(r, 5, true, ""), 0);
	assert_true(has(r, "a=x-back:s\r\n") && has(r, "a=x-back:m\r\n"));
}

static void refused_offer_leaves_what_has_passed(void **state)
{
	struct rig *r = *state;

	asked(r, rich_offer);
	assert_int_equal(reply(r, 5, false, rich_answer), 0);
	assert_int_equal(within(r, ANCHOR_CALLEE, 2, answer), ERR_DENIED); /* one is open */
	assert_int_equal(reply(r, 5, true, ""), 0);
	assert_true(has(r, "a=x-back:m\r\n"));
}

static void each_description_has_its_own(void **state)
{
	struct rig *r = *state;

	asked(r, rich_offer);
	assert_int_equal(reply(r, 5, true, rich_answer), 0);
	assert_int_equal(within(r, ANCHOR_CALLER, 2, held), 0);
	assert_false(has(r, "x-one") || has(r, "x-of-call"));
	assert_int_equal(within(r, ANCHOR_CALLEE, 2, answer), 0);
	assert_false(has(r, "x-back"));
	assert_int_equal(within(r, ANCHOR_CALLEE, 3, rich_answer), 0);
	assert_true(has(r, "a=x-back:s\r\n") && has(r, "a=x-back:m\r\n"));
}

static void late_offer_passes_too(void **state)
{
	struct rig *r = *state;

	assert_int_equal(anchor_begin(r->a, &r->terms[ANCHOR_CALLEE]), 0);
	assert_int_equal(say(r,
				 (struct anchor_message){.from = ANCHOR_CALLEE,
					 .exchange = 1,
					 .fork = 5,
					 .ticket = 77,
					 .is_final = true,
					 .is_accepted = true},
				 rich_answer),
		ANCHOR_LATER);
	pass(r);
	assert_true(has(r, "a=x-back:s\r\n") && has(r, "a=x-back:m\r\n"));
	assert_int_equal(within(r, ANCHOR_CALLER, 1, rich_answer), 0);
	assert_true(has(r, "a=x-back:s\r\n") && has(r, "a=x-back:m\r\n"));
}

static void what_passes_has_a_bound(void **state)
{
	static char text[8192];
	struct rig *r = *state;
	size_t len = (size_t)snprintf(text, sizeof(text), "%sa=x-first\r\n", offer);

	for (unsigned i = 0; i < 200; i++)
		len += (size_t)snprintf(
			text + len, sizeof(text) - len, "a=x-more-and-more-of-it:%u\r\n", i);
	(void)snprintf(text + len, sizeof(text) - len, "a=x-last\r\n");
	asked(r, text);
	assert_true(has(r, "a=x-first\r\n") && has(r, "a=x-more-and-more-of-it:0\r\n"));
	assert_false(has(r, "x-last"));
	assert_true(strlen(r->out) < ANCHOR_PASSED_MAX + 512);
	assert_int_equal(metrics_get(r->cells, ANCHOR_C_PASSED_CUT), 1);
}

/* ---- hold ---- */

static void hold_passes_both_ways_and_ends(void **state)
{
	static const char take_back[] = BEGIN CALLEE_AT "m=audio 40002 RTP/AVP 8\r\na=recvonly\r\n";
	struct rig *r = *state;

	begin_call(r);
	assert_int_equal(within(r, ANCHOR_CALLER, 2, held), 0);
	assert_true(has(r, "a=sendonly\r\n") && has(r, "127.0.0.2"));
	assert_int_equal(within(r, ANCHOR_CALLEE, 2, take_back), 0);
	assert_true(has(r, "a=recvonly\r\n"));
	pass(r);
	assert_false(leg(r, ANCHOR_CALLER)->agreement.may_receive);
	assert_true(leg(r, ANCHOR_CALLER)->agreement.may_send);
	assert_false(leg(r, ANCHOR_CALLEE)->agreement.may_send);

	assert_int_equal(within(r, ANCHOR_CALLER, 3, offer), 0);
	assert_true(has(r, "a=sendrecv\r\n"));
	assert_int_equal(within(r, ANCHOR_CALLEE, 3, answer), 0);
	pass(r);
	assert_true(leg(r, ANCHOR_CALLER)->agreement.may_receive);
	assert_true(leg(r, ANCHOR_CALLEE)->agreement.may_send);
}

/* RFC 3264 §8.4: the old way. */
static void hold_by_no_address_is_said_as_a_direction(void **state)
{
	static const char none[] = "v=0\r\no=x 1 2 IN IP4 127.0.0.9\r\ns=x\r\nc=IN IP4 0.0.0.0\r\n"
				   "t=0 0\r\nm=audio 40002 RTP/AVP 8\r\n";
	struct rig *r = *state;

	begin_call(r);
	assert_int_equal(within(r, ANCHOR_CALLEE, 2, none), 0);
	assert_true(has(r, "a=sendonly\r\n") && has(r, "c=IN IP4 127.0.0.1\r\n"));
	assert_int_equal(within(r, ANCHOR_CALLER, 2, offer), 0);
	assert_true(has(r, "a=recvonly\r\n"));
	pass(r);
	assert_false(leg(r, ANCHOR_CALLEE)->agreement.may_receive);
}

static void versions_count_what_changes(void **state)
{
	struct rig *r = *state;
	char first[128], again[128];

	begin_call(r);
	assert_int_equal(within(r, ANCHOR_CALLER, 2, offer), 0);
	(void)sscanf(r->out, "v=0 %127[^\r]", first);
	assert_int_equal(within(r, ANCHOR_CALLEE, 2, answer), 0);
	assert_int_equal(within(r, ANCHOR_CALLER, 3, offer), 0);
	(void)sscanf(r->out, "v=0 %127[^\r]", again);
	assert_string_equal(first, again);
	assert_int_equal(within(r, ANCHOR_CALLEE, 3, answer), 0);
	assert_int_equal(within(r, ANCHOR_CALLER, 4, held), 0);
	(void)sscanf(r->out, "v=0 %127[^\r]", again);
	assert_string_not_equal(first, again);
}

/* ---- early media ---- */

static void last_callee_who_says_something_has_the_media(void **state)
{
	static const char early[] = BEGIN CALLEE_AT "m=audio 40100 RTP/AVP 0\r\n";
	struct rig *r = *state;
	uint16_t port;

	asked(r, offer);
	port = leg(r, ANCHOR_CALLER)->rtp->local.port;
	assert_int_equal(reply(r, 5, false, answer), 0);
	pass(r);
	assert_int_equal(leg(r, ANCHOR_CALLEE)->agreement.rtp.port, 40002);
	assert_int_equal(reply(r, 6, false, early), 0);
	assert_port_in_out(r, ANCHOR_CALLER, "RTP/AVP");
	pass(r);
	assert_int_equal(leg(r, ANCHOR_CALLEE)->agreement.rtp.port, 40100);
	assert_int_equal(leg(r, ANCHOR_CALLEE)->agreement.peer, 6);
	assert_int_equal(reply(r, 5, true, answer), 0);
	pass(r);
	assert_int_equal(leg(r, ANCHOR_CALLEE)->agreement.rtp.port, 40002);
	assert_int_equal(leg(r, ANCHOR_CALLER)->rtp->local.port, port);
	assert_int_equal(r->a->n_forks, 1);
	assert_int_equal(sessions(r), 1);
}

static void answer_that_came_early_is_in_the_final_response_too(void **state)
{
	struct rig *r = *state;

	asked(r, offer);
	assert_int_equal(reply(r, 5, false, answer), 0);
	assert_int_equal(reply(r, 5, true, ""), 0);
	assert_port_in_out(r, ANCHOR_CALLER, "RTP/AVP");
	assert_int_equal(within(r, ANCHOR_CALLEE, 2, answer), 0); /* nothing is open */
}

/* It may ring for minutes, and nobody says anything meanwhile. */
static void silence_is_none_until_the_call_is_accepted(void **state)
{
	struct rig *r = *state;
	struct anchor_message reliable = {
		.from = ANCHOR_CALLEE, .exchange = 1, .fork = 5, .is_final = true};

	r->a->legs[ANCHOR_CALLER].terms.is_supervised = true;
	r->terms[ANCHOR_CALLEE].is_supervised_on_hold = true;
	asked(r, offer);
	assert_int_equal(say(r, reliable, answer), 0);
	pass(r);
	assert_true(leg(r, ANCHOR_CALLER)->is_agreed && leg(r, ANCHOR_CALLEE)->is_agreed);
	assert_false(leg(r, ANCHOR_CALLER)->agreement.is_supervised);
	assert_false(leg(r, ANCHOR_CALLEE)->agreement.is_supervised_on_hold);
	assert_int_equal(reply(r, 5, true, ""), 0);
	pass(r);
	assert_true(leg(r, ANCHOR_CALLER)->agreement.is_supervised);
	assert_true(leg(r, ANCHOR_CALLEE)->agreement.is_supervised_on_hold);
	assert_false(leg(r, ANCHOR_CALLEE)->agreement.is_supervised);
}

static void answer_that_was_final_early_is_said_again(void **state)
{
	struct rig *r = *state;
	struct anchor_message reliable = {
		.from = ANCHOR_CALLEE, .exchange = 1, .fork = 5, .is_final = true};

	asked(r, offer);
	assert_int_equal(say(r, reliable, answer), 0);
	assert_true(has(r, "m=audio"));
	assert_int_equal(reply(r, 5, true, ""), 0);
	assert_port_in_out(r, ANCHOR_CALLER, "RTP/AVP");
}

/* Behind an UPDATE in the early dialog the 200 is not an offer, whatever it repeats. */
static void answer_behind_an_update_chooses_the_callee(void **state)
{
	struct rig *r = *state;
	struct anchor_message reliable = {
		.from = ANCHOR_CALLEE, .exchange = 1, .fork = 6, .is_final = true};

	asked(r, offer);
	assert_int_equal(say(r, reliable, answer), 0);
	reliable.fork = 5;
	assert_int_equal(say(r, reliable, answer), 0);
	assert_int_equal(within(r, ANCHOR_CALLER, 2, held), 0);
	assert_int_equal(reply(r, 5, true, answer), 0); /* nor while one is open */
	assert_string_equal(r->out, "");
	assert_int_equal(within(r, ANCHOR_CALLEE, 2, answer), 0);
	assert_int_equal(reply(r, 5, true, answer), 0);
	pass(r);
	assert_int_equal(leg(r, ANCHOR_CALLEE)->agreement.peer, 5);
	assert_int_equal(r->a->n_forks, 1);
	assert_int_equal(within(r, ANCHOR_CALLER, 3, offer), 0);
	assert_int_equal(within(r, ANCHOR_CALLEE, 3, answer), 0);
}

static void callees_have_a_bound(void **state)
{
	struct rig *r = *state;

	asked(r, offer);
	for (unsigned i = 1; i <= ANCHOR_FORKS_MAX; i++) {
		assert_int_equal(reply(r, i, false, answer), 0);
		pass(r);
	}
	assert_int_equal(reply(r, 99, false, answer), -ENOMEM);
	assert_int_equal(reply(r, 7, true, answer), 0);
	assert_int_equal(r->a->n_forks, 1);
}

/* ---- late offer ---- */

static void late_offer_goes_the_other_way(void **state)
{
	struct rig *r = *state;

	assert_int_equal(anchor_begin(r->a, &r->terms[ANCHOR_CALLEE]), 0);
	assert_int_equal(say(r,
				 (struct anchor_message){.from = ANCHOR_CALLEE,
					 .exchange = 1,
					 .fork = 5,
					 .ticket = 77,
					 .is_final = true,
					 .is_accepted = true},
				 answer),
		ANCHOR_LATER);
	pass(r);
	assert_int_equal(r->rc, 0);
	assert_true(has(r, "c=IN IP4 127.0.0.1\r\n"));
	assert_port_in_out(r, ANCHOR_CALLER, "RTP/AVP 8 0 101 13\r\n");
	assert_int_equal(within(r, ANCHOR_CALLER, 1, offer), 0);
	assert_true(has(r, "c=IN IP4 127.0.0.2\r\n"));
	assert_port_in_out(r, ANCHOR_CALLEE, "RTP/AVP 8 101\r\n");
	pass(r);
	assert_true(leg(r, ANCHOR_CALLER)->is_agreed && leg(r, ANCHOR_CALLEE)->is_agreed);
	assert_int_equal(within(r, ANCHOR_CALLER, 2, held), 0);
}

/* ---- another route ---- */

static void another_attempt_begins_anew(void **state)
{
	struct rig *r = *state;

	asked(r, offer);
	struct media_id id = r->a->id;
	r->abilities[1].security = SDP_SRTP_REQUIRED;
	r->abilities[1].suites[0] = SDP_AES_CM_128_HMAC_SHA1_80;
	r->abilities[1].n_suites = 1;
	assert_int_equal(ask(r, offer), 0);
	assert_true(has(r, "RTP/SAVP") && has(r, "a=crypto:1 AES_CM_128_HMAC_SHA1_80"));
	assert_true(r->a->id.index == id.index && sessions(r) == 1);
}

static void another_address_wants_another_session(void **state)
{
	struct rig *r = *state;

	asked(r, offer);
	r->terms[ANCHOR_CALLEE].face = 0;
	assert_int_equal(ask(r, offer), ANCHOR_LATER);
	pass(r);
	assert_int_equal(r->n_ready, 2);
	assert_true(has(r, "c=IN IP4 127.0.0.1\r\n"));
	assert_int_equal(sessions(r), 1);
	assert_int_equal(reply(r, 5, true, answer), 0);
}

static void attempt_while_the_session_is_opened_gets_its_own(void **state)
{
	struct rig *r = *state;

	assert_int_equal(ask(r, offer), ANCHOR_LATER);
	r->terms[ANCHOR_CALLEE].face = 0;
	assert_int_equal(ask(r, offer), ANCHOR_LATER);
	pass(r);
	assert_int_equal(r->n_ready, 1);
	assert_int_equal(r->rc, 0);
	assert_true(has(r, "c=IN IP4 127.0.0.1\r\n"));
	assert_int_equal(sessions(r), 1);
}

/* It could not be moved, and is where the attempt after that wants it. */
static void session_that_stays_is_said_where_it_is(void **state)
{
	struct rig *r = *state;

	assert_int_equal(ask(r, offer), ANCHOR_LATER);
	r->terms[ANCHOR_CALLEE].face = 0;
	assert_int_equal(ask(r, offer), ANCHOR_LATER);
	r->is_full = true;
	pass(r);
	assert_int_equal(r->n_ready, 1);
	assert_int_equal(r->rc, ERR_FULL);
	r->is_full = false;
	r->terms[ANCHOR_CALLEE].face = 1;
	assert_int_equal(ask(r, offer), 0);
	assert_port_in_out(r, ANCHOR_CALLEE, "RTP/AVP");
	assert_int_equal(reply(r, 5, true, answer), 0);
	assert_port_in_out(r, ANCHOR_CALLER, "RTP/AVP");
}

/* ---- refusals ---- */

static void what_cannot_be_agreed_on_is_refused(void **state)
{
	static const struct {
		const char *text;
		unsigned counter;
	} rows[] = {
		{"nonsense", ANCHOR_C_REFUSED_MALFORMED},
		{BEGIN CALLER_AT "m=video 40000 RTP/AVP 96\r\n", ANCHOR_C_REFUSED_AUDIO},
		{BEGIN CALLER_AT "m=audio 0 RTP/AVP 0\r\n", ANCHOR_C_REFUSED_AUDIO},
		{BEGIN CALLER_AT "m=audio 40000 RTP/AVP 18\r\n", ANCHOR_C_REFUSED_CODEC},
		{BEGIN CALLER_AT "m=audio 40000 RTP/SAVP 0\r\n", ANCHOR_C_REFUSED_PROFILE},
		{BEGIN "c=IN IP6 2001:db8::1\r\nt=0 0\r\nm=audio 40000 RTP/AVP 0\r\n",
			ANCHOR_C_REFUSED_ADDRESS},
	};
	struct rig *r = *state;

	for (unsigned i = 0; i < ARRAY_LEN(rows); i++) {
		assert_int_equal(ask(r, rows[i].text), ERR_DENIED);
		assert_int_equal(metrics_get(r->cells, rows[i].counter),
			rows[i].counter == ANCHOR_C_REFUSED_AUDIO ? i : 1);
	}
	assert_int_equal(sessions(r), 0);
	asked(r, offer);
}

static void long_description_is_refused(void **state)
{
	struct rig *r = *state;
	char *text = malloc(65537);

	assert_non_null(text);
	memset(text, 'x', 65536);
	text[65536] = '\0';
	memcpy(text, offer, sizeof(offer) - 1);
	assert_int_equal(ask(r, text), ERR_DENIED);
	assert_int_equal(metrics_get(r->cells, ANCHOR_C_REFUSED_SIZE), 1);
	free(text);
}

static void media_go_to_nobodys_address(void **state)
{
	static const char *const bad[] = {"224.0.0.1", "255.255.255.255", "0.1.2.3", "240.0.0.1"};
	struct rig *r = *state;
	struct anchors *l = r->anchors;
	struct sdp_agreed g = {.remote_rtp = addr_ipv4(0x0a000001, 40000)};
	struct addr lan = addr_ipv4(0xc0a80001, 0);

	assert_true(anchor_may_send_to(l, &lan, &g));
	for (unsigned i = 0; i < ARRAY_LEN(bad); i++) {
		assert_int_equal(addr_parse(bad[i], 40000, &g.remote_rtp), 0);
		g.remote_rtp.port = 40000;
		assert_false(anchor_may_send_to(l, &lan, &g));
	}
	g.remote_rtp = addr_ipv4(0x7f000005, 40000);
	assert_false(anchor_may_send_to(l, &lan, &g));
	assert_true(anchor_may_send_to(l, &r->faces[0].local, &g));
	g.remote_rtp = addr_ipv4(0xc0a80002, 53);
	assert_false(anchor_may_send_to(l, &lan, &g));
	g.remote_rtp = addr_ipv4(0xc0a80002, 40000);
	g.remote_rtcp = addr_ipv4(0xc0a80002, 53);
	assert_false(anchor_may_send_to(l, &lan, &g));
	g.remote_rtcp.family = ADDR_NONE;
	assert_true(anchor_may_send_to(l, &lan, &g));
	r->faces[1] = (struct media_face){addr_ipv4(0xc0a80002, 0), 39000, 41000, 0};
	assert_false(anchor_may_send_to(l, &lan, &g));
	g.remote_rtp.port = 50000;
	assert_true(anchor_may_send_to(l, &lan, &g));
	g.remote_rtp = addr_ipv4(0, 40000); /* on hold */
	assert_true(anchor_may_send_to(l, &lan, &g));
}

/* A peer may have moved, or have another key, when a session is said again because of its timer. */
static void answer_to_what_is_said_again_holds(void **state)
{
	static const char moved[] = BEGIN CALLEE_AT "m=audio 40200 RTP/AVP 0 8\r\na=recvonly\r\n";
	struct rig *r = *state;
	struct anchor_message again = {.from = ANCHOR_CALLEE,
		.exchange = 9,
		.fork = 5,
		.is_final = true,
		.is_accepted = true,
		.is_again = true};

	begin_call(r);
	assert_int_equal(say(r, again, moved), 0);
	assert_string_equal(r->out, "");
	pass(r);
	assert_int_equal(leg(r, ANCHOR_CALLEE)->agreement.rtp.port, 40200);
	assert_true(leg(r, ANCHOR_CALLEE)->agreement.may_send);
	assert_int_equal(say(r, again, BEGIN CALLEE_AT "m=audio 0 RTP/AVP 8\r\n"), ERR_DENIED);
	assert_int_equal(within(r, ANCHOR_CALLER, 2, held), 0);
	assert_int_equal(say(r, again, answer), ERR_DENIED); /* something is open */
	assert_int_equal(within(r, ANCHOR_CALLEE, 2, answer), 0);
	again.from = ANCHOR_CALLER;
	assert_int_equal(say(r, again, BEGIN CALLER_AT "m=audio 40300 RTP/AVP 0\r\n"), 0);
	pass(r);
	assert_int_equal(leg(r, ANCHOR_CALLER)->agreement.rtp.port, 40300);
	assert_int_equal(leg(r, ANCHOR_CALLEE)->agreement.rtp.port, 40002);
}

static void refused_answer_leaves_all_as_it_was(void **state)
{
	static const char bad[] =
		BEGIN "c=IN IP4 224.0.0.1\r\nt=0 0\r\nm=audio 40100 RTP/AVP 8\r\n";
	struct rig *r = *state;

	begin_call(r);
	assert_int_equal(within(r, ANCHOR_CALLER, 2, held), 0);
	assert_int_equal(within(r, ANCHOR_CALLEE, 2, bad), ERR_DENIED);
	pass(r);
	assert_int_equal(leg(r, ANCHOR_CALLEE)->agreement.rtp.port, 40002);
	anchor_off(r->a, 2);
	assert_int_equal(within(r, ANCHOR_CALLEE, 3, answer), 0);
	assert_true(has(r, "a=sendrecv"));
}

static void offer_that_is_off_makes_room_for_another(void **state)
{
	struct rig *r = *state;

	begin_call(r);
	assert_int_equal(within(r, ANCHOR_CALLER, 2, held), 0);
	assert_int_equal(within(r, ANCHOR_CALLEE, 3, answer), ERR_DENIED);
	anchor_off(r->a, 3); /* another one */
	assert_int_equal(within(r, ANCHOR_CALLEE, 3, answer), ERR_DENIED);
	anchor_off(r->a, 2);
	assert_int_equal(within(r, ANCHOR_CALLEE, 3, answer), 0);
	assert_int_equal(within(r, ANCHOR_CALLER, 3, offer), 0);
	assert_int_equal(metrics_get(r->cells, ANCHOR_C_REFUSED_STATE), 2);
}

/* ---- SRTP: what the client offers, what the trunk wants ---- */

static const char other_key[] =
	BEGIN CALLER_AT "m=audio 40000 RTP/SAVP 0\r\na=crypto:3 AES_CM_128_HMAC_SHA1_80 "
			"inline:BBBBBBBBBBBBBBBBBBBBBBBBBBBBBBBBBBBBBBBB\r\n";
static const char secure_offer[] =
	BEGIN CALLER_AT "m=audio 40000 RTP/SAVP 0\r\na=crypto:3 AES_CM_128_HMAC_SHA1_80 "
			"inline:AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA\r\n";

static void set_security(struct rig *r, enum anchor_side side, enum sdp_security s)
{
	r->abilities[side].security = s;
	r->abilities[side].suites[0] = SDP_AES_CM_128_HMAC_SHA1_80;
	r->abilities[side].n_suites = s == SDP_SRTP_NONE ? 0 : 1;
}

static void each_side_has_its_own_level_of_secrecy(void **state)
{
	static const enum sdp_security levels[] = {
		SDP_SRTP_REQUIRED, SDP_SRTP_OPTIONAL, SDP_SRTP_NONE};
	static const char *const offered[] = {"RTP/SAVP", "RTP/SAVP", "RTP/AVP"};

	for (unsigned client = 0; client < 3; client++) {
		for (unsigned trunk = 0; trunk < 3; trunk++) {
			for (unsigned is_secure = 0; is_secure < 2; is_secure++) {
				struct rig *r;
				bool is_fit = is_secure ? levels[client] != SDP_SRTP_NONE
							: levels[client] != SDP_SRTP_REQUIRED;
				assert_int_equal(setup((void **)&r), 0);
				set_security(r, ANCHOR_CALLER, levels[client]);
				set_security(r, ANCHOR_CALLEE, levels[trunk]);
				int rc = ask(r, is_secure ? secure_offer : offer);
				assert_int_equal(rc, is_fit ? ANCHOR_LATER : ERR_DENIED);
				pass(r);
				if (is_fit)
					assert_port_in_out(r, ANCHOR_CALLEE, offered[trunk]);
				bool has_clear = has(r, "RTP/AVP");
				assert_true(!is_fit ||
					    has_clear == (levels[trunk] != SDP_SRTP_REQUIRED));
				assert_int_equal(teardown((void **)&r), 0);
			}
		}
	}
}

/* RFC 4568 §6.1 */
static void what_keys_are_called_goes_to_the_worker(void **state)
{
	static const char named[] =
		BEGIN CALLER_AT "m=audio 40000 RTP/SAVP 0\r\na=crypto:3 AES_CM_128_HMAC_SHA1_80 "
				"inline:AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA|2^31|258:2\r\n";
	struct rig *r = *state;

	set_security(r, ANCHOR_CALLER, SDP_SRTP_REQUIRED);
	asked(r, named);
	assert_int_equal(reply(r, 5, true, answer), 0);
	assert_true(has(r, "|2^31|258:2\r\n"));
	pass(r);
	const struct media_agreement *a = &leg(r, ANCHOR_CALLER)->agreement;
	assert_int_equal(a->mki_from.value, 258);
	assert_int_equal(a->mki_from.len, 2);
	assert_int_equal(a->mki_to.value, 258);
	assert_int_equal(a->mki_to.len, 2);
}

static void keys_go_to_the_worker(void **state)
{
	struct rig *r = *state;
	uint8_t zeros[30] = {0};

	set_security(r, ANCHOR_CALLER, SDP_SRTP_REQUIRED);
	asked(r, secure_offer);
	assert_int_equal(reply(r, 5, true, answer), 0);
	assert_true(has(r, "RTP/SAVP 0\r\n") && has(r, "a=crypto:3 AES_CM_128_HMAC_SHA1_80"));
	pass(r);
	const struct media_agreement *a = &leg(r, ANCHOR_CALLER)->agreement;
	assert_true(a->is_srtp && leg(r, ANCHOR_CALLER)->to && !leg(r, ANCHOR_CALLEE)->to);
	assert_memory_equal(a->master_from, zeros, 30);
	assert_memory_equal(a->master_to,
		r->a->legs[ANCHOR_CALLER].sdp.config.keys[SDP_AES_CM_128_HMAC_SHA1_80], 30);
	assert_memory_not_equal(a->master_to, zeros, 30);
	assert_true(r->a->legs[ANCHOR_CALLER].record.has_srtp);

	/* Said again, it is answered with another key. */
	assert_int_equal(
		say(r,
			(struct anchor_message){
				.from = ANCHOR_CALLER, .exchange = 9, .fork = 5, .is_again = true},
			other_key),
		0);
	pass(r);
	assert_memory_not_equal(leg(r, ANCHOR_CALLER)->agreement.master_from, zeros, 30);
}

/* ---- workers ---- */

static void workers_share_the_sessions(void **state)
{
	struct rig *r = *state;
	struct anchor *first = r->a;

	asked(r, offer);
	r->a = open_for(r, 1);
	assert_int_equal(ask(r, offer), ANCHOR_LATER);
	pass(r);
	assert_true(first->worker != r->a->worker);
	anchor_close(first);
	pass(r);
	r->n_closed = 0;
}

static void worker_that_is_full_is_not_the_last(void **state)
{
	struct rig *r = *state;
	struct media_open any = {.call = 1000};
	struct media_ready ready;

	for (unsigned i = 0; i < 4; i++)
		media_open(r->workers[0].media, &any, &ready);
	assert_int_equal(ask(r, offer), ANCHOR_LATER);
	pass(r);
	assert_int_equal(r->rc, 0);
	assert_int_equal(r->a->worker, 1);
	for (unsigned i = 0; i < 4; i++) {
		struct media_leg_stats stats[MEDIA_SIDES];
		(void)media_close(r->workers[0].media, (struct media_id){i, 1, 0}, stats);
	}
}

static void no_room_anywhere_is_said(void **state)
{
	struct rig *r = *state;
	struct media_open any = {.call = 1000};
	struct media_leg_stats stats[MEDIA_SIDES];
	struct media_ready ready;

	for (unsigned i = 0; i < 4 * WORKERS; i++)
		media_open(r->workers[i % WORKERS].media, &any, &ready);
	assert_int_equal(ask(r, offer), ANCHOR_LATER);
	pass(r);
	assert_int_equal(r->n_ready, 1);
	assert_int_equal(r->rc, ERR_FULL);
	assert_int_equal(ask(r, offer), ERR_FULL);
	for (unsigned i = 0; i < 4 * WORKERS; i++)
		(void)media_close(r->workers[i % WORKERS].media,
			(struct media_id){i / WORKERS, 1, i % WORKERS}, stats);
}

/* ---- shares (docs/decisions/0039) ---- */

/* WHO calls until he is refused; the calls that he has, in LIST. */
static unsigned call_until_refused(struct rig *r, uint32_t who, struct anchor *list[4 * WORKERS])
{
	struct anchor *mine = r->a;
	unsigned n = 0;
	int rc = ANCHOR_LATER;

	while (rc == ANCHOR_LATER) {
		assert_true(n < 4 * WORKERS);
		r->a = open_for(r, who);
		rc = ask(r, offer);
		pass(r);
		if (rc == ANCHOR_LATER)
			list[n++] = r->a;
	}
	assert_int_equal(rc, ERR_FULL);
	anchor_close(r->a);
	r->a = mine;
	r->n_ready = r->n_closed = 0;
	return n;
}

static void close_all(struct rig *r, struct anchor **list, unsigned n)
{
	for (unsigned i = 0; i < n; i++)
		anchor_close(list[i]);
	pass(r);
	r->n_closed = 0;
}

static void nobody_takes_all_ports_of_a_face(void **state)
{
	struct rig *r = *state;
	struct anchor *his[4 * WORKERS], *others[4 * WORKERS];

	r->faces[1].first = 40001; /* 8 pairs */
	r->faces[1].last = 40017;
	assert_int_equal(call_until_refused(r, 2, his), 6);
	asked(r, offer); /* by another */
	assert_int_equal(call_until_refused(r, 3, others), 1);
	assert_int_equal(metrics_get(r->cells, ANCHOR_C_REFUSED_SHARE), 2);
	assert_int_equal(metrics_get(r->cells, ANCHOR_C_REFUSED_SESSION), 0);

	close_all(r, his, 6);
	assert_int_equal(call_until_refused(r, 3, his), 5);
	close_all(r, his, 5);
	close_all(r, others, 1);
}

static void both_sides_at_one_face_take_two_places(void **state)
{
	struct rig *r = *state;
	struct anchor *his[4 * WORKERS];

	r->terms[ANCHOR_CALLEE].face = 0;
	r->faces[0].first = 40000; /* 8 pairs */
	r->faces[0].last = 40015;
	assert_int_equal(call_until_refused(r, 2, his), 3);
	asked(r, offer);
	close_all(r, his, 3);
}

static void nobody_takes_all_sessions(void **state)
{
	struct rig *r = *state;
	struct anchor *his[4 * WORKERS];

	r->anchors->config.max_sessions = 4;
	assert_int_equal(call_until_refused(r, 2, his), 3);
	asked(r, offer);
	close_all(r, his, 3);
}

/* A session that is refused, given up, moved or never there leaves nothing behind. */
static void places_come_back(void **state)
{
	struct rig *r = *state;

	r->is_full = true;
	assert_int_equal(ask(r, offer), ERR_FULL);
	assert_int_equal(r->anchors->rooms[1].n, 0);
	r->is_full = false;
	asked(r, offer);
	assert_int_equal(r->anchors->rooms[1].n, 1);
	r->terms[ANCHOR_CALLEE].face = 0;
	assert_int_equal(ask(r, offer), ANCHOR_LATER); /* another attempt, elsewhere */
	assert_int_equal(r->anchors->rooms[0].n, 2);
	assert_int_equal(r->anchors->rooms[1].n, 0);
	assert_int_equal(r->anchors->rooms[2].n, 1);
	pass(r);
	anchor_close(r->a);
	assert_int_equal(r->anchors->rooms[0].n, 2); /* until the worker has closed it */
	pass(r);
	assert_int_equal(r->anchors->rooms[0].n, 0);
	assert_int_equal(r->anchors->rooms[2].n, 0);
	r->a = NULL;
}

static void full_mailbox_refuses_a_call(void **state)
{
	struct rig *r = *state;

	r->is_full = true;
	assert_int_equal(ask(r, offer), ERR_FULL);
	assert_int_equal(metrics_get(r->cells, ANCHOR_C_REFUSED_SESSION), 1);
	r->is_full = false;
	asked(r, offer);
}

static void agreement_waits_for_a_full_mailbox(void **state)
{
	struct rig *r = *state;

	asked(r, offer);
	r->is_full = true;
	assert_int_equal(reply(r, 5, true, answer), 0);
	wait_ms(r, 500);
	pass(r);
	assert_false(leg(r, ANCHOR_CALLER)->is_agreed);
	r->is_full = false;
	wait_ms(r, 1000);
	pass(r);
	assert_true(leg(r, ANCHOR_CALLER)->is_agreed && leg(r, ANCHOR_CALLEE)->is_agreed);
}

static void end_waits_for_a_full_mailbox(void **state)
{
	struct rig *r = *state;

	begin_call(r);
	r->is_full = true;
	anchor_close(r->a);
	r->a = NULL;
	wait_ms(r, 500);
	pass(r);
	assert_int_equal(r->n_closed, 0);
}

static void worker_that_does_not_answer_costs_the_call(void **state)
{
	struct rig *r = *state;

	r->is_deaf = true;
	assert_int_equal(ask(r, offer), ANCHOR_LATER);
	wait_ms(r, 5000);
	assert_int_equal(r->n_ready, 1);
	assert_int_equal(r->rc, ERR_FULL);
	assert_int_equal(ask(r, offer), ERR_FULL);
	anchor_close(r->a);
	r->a = NULL;
	for (unsigned i = 2; i < 14; i++)
		wait_ms(r, i * 6000);
	assert_int_equal(r->n_closed, 1);
}

static void session_that_comes_too_late_is_closed(void **state)
{
	struct rig *r = *state;

	assert_int_equal(ask(r, offer), ANCHOR_LATER);
	wait_ms(r, 5000);
	assert_int_equal(r->rc, ERR_FULL);
	anchor_close(r->a);
	r->a = NULL;
	pass(r);
	assert_int_equal(r->n_closed, 1);
	assert_int_equal(sessions(r), 0);
}

static void session_that_nobody_waits_for_is_closed(void **state)
{
	struct rig *r = *state;

	assert_int_equal(ask(r, offer), ANCHOR_LATER);
	anchor_close(r->a);
	r->a = NULL;
	for (unsigned i = 1; i < 14; i++)
		wait_ms(r, i * 6000);
	assert_int_equal(r->n_closed, 1);
	pass(r);
	assert_int_equal(sessions(r), 0);
}

static void worker_that_says_nothing_at_the_end_is_not_waited_for(void **state)
{
	struct rig *r = *state;

	begin_call(r);
	anchor_close(r->a);
	r->a = NULL;
	r->is_quiet = true;
	pass(r);
	wait_ms(r, 6000);
	assert_int_equal(r->n_closed, 1);
	assert_int_equal(metrics_get(r->cells, ANCHOR_C_TIMEOUT), 1);
}

static void silence_is_passed_on(void **state)
{
	struct rig *r = *state;
	struct media_event e = {.call = r->a->number, .kind = MEDIA_SILENT, .side = MEDIA_GATEWAY};

	begin_call(r);
	e.id = r->a->id;
	e.id.generation++; /* another session */
	assert_int_equal(loop_post(r->loop, &anchor_event_msg, r->anchors, &e), 0);
	e.id = r->a->id;
	e.id.worker++;
	assert_int_equal(loop_post(r->loop, &anchor_event_msg, r->anchors, &e), 0);
	pass(r);
	assert_int_equal(r->n_lost, 0);
	e.id = r->a->id;
	assert_int_equal(loop_post(r->loop, &anchor_event_msg, r->anchors, &e), 0);
	pass(r);
	assert_int_equal(r->n_lost, 1);
	assert_int_equal(r->why, ANCHOR_SILENT);
}

#define CASE(f) cmocka_unit_test_setup_teardown(f, setup, teardown)

int main(void)
{
	const struct CMUnitTest t[] = {
		CASE(offer_and_answer_are_made_anew),
		CASE(record_says_what_was_agreed),
		CASE(packet_times_are_kept_within_bounds),
		CASE(lines_but_the_audio_are_refused_in_their_place),
		CASE(what_is_not_known_passes_both_ways),
		CASE(each_line_of_an_offer_has_what_passes),
		CASE(nothing_passes_to_or_from_who_is_not_for_it),
		CASE(what_passed_early_is_in_the_final_response_too),
		CASE(refused_offer_leaves_what_has_passed),
		CASE(each_description_has_its_own),
		CASE(late_offer_passes_too),
		CASE(what_passes_has_a_bound),
		CASE(hold_passes_both_ways_and_ends),
		CASE(hold_by_no_address_is_said_as_a_direction),
		CASE(versions_count_what_changes),
		CASE(last_callee_who_says_something_has_the_media),
		CASE(answer_that_came_early_is_in_the_final_response_too),
		CASE(silence_is_none_until_the_call_is_accepted),
		CASE(answer_that_was_final_early_is_said_again),
		CASE(answer_behind_an_update_chooses_the_callee),
		CASE(callees_have_a_bound),
		CASE(late_offer_goes_the_other_way),
		CASE(another_attempt_begins_anew),
		CASE(another_address_wants_another_session),
		CASE(attempt_while_the_session_is_opened_gets_its_own),
		CASE(session_that_stays_is_said_where_it_is),
		CASE(what_cannot_be_agreed_on_is_refused),
		CASE(long_description_is_refused),
		CASE(media_go_to_nobodys_address),
		CASE(answer_to_what_is_said_again_holds),
		CASE(refused_answer_leaves_all_as_it_was),
		CASE(offer_that_is_off_makes_room_for_another),
		cmocka_unit_test(each_side_has_its_own_level_of_secrecy),
		CASE(what_keys_are_called_goes_to_the_worker),
		CASE(keys_go_to_the_worker),
		CASE(workers_share_the_sessions),
		CASE(worker_that_is_full_is_not_the_last),
		CASE(no_room_anywhere_is_said),
		CASE(nobody_takes_all_ports_of_a_face),
		CASE(both_sides_at_one_face_take_two_places),
		CASE(nobody_takes_all_sessions),
		CASE(places_come_back),
		CASE(full_mailbox_refuses_a_call),
		CASE(agreement_waits_for_a_full_mailbox),
		CASE(end_waits_for_a_full_mailbox),
		CASE(worker_that_does_not_answer_costs_the_call),
		CASE(session_that_comes_too_late_is_closed),
		CASE(session_that_nobody_waits_for_is_closed),
		CASE(worker_that_says_nothing_at_the_end_is_not_waited_for),
		CASE(silence_is_passed_on),
	};

	return cmocka_run_group_tests(t, NULL, NULL) != 0;
}
