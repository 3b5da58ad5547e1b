/* SPDX-License-Identifier: BSD-3-Clause */
/* Re-origination, under a clock and a wire that the test moves. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <cmocka.h>
#include <sallyport/mediation/rtp/g711.h>
#include <sallyport/mediation/rtp/origin.h>

#define OURS     0x0badcafe
#define FIRST    100                 /* our first sequence number */
#define START    (UINT32_MAX - 4000) /* our clock goes round within half a second */
#define PEER     0x1111
#define PEER2    0x2222
#define GOT_MAX  40000
#define DATA_MAX 480

struct got {
	struct rtp_packet p;
	uint8_t data[DATA_MAX];
};

/* A stream and what has come out of it. */
struct wire {
	struct rtp_origin o;
	size_t n;
	struct got *got;
};

static void keep(void *arg, const struct rtp_packet *p)
{
	struct wire *w = arg;

	assert_true(w->n < GOT_MAX && p->payload.len <= DATA_MAX);
	struct got *g = &w->got[w->n++];
	g->p = *p;
	memcpy(g->data, p->payload.data, p->payload.len);
	g->p.payload.data = g->data;
}

static const struct rtp_formats a_law = {3, {{8, RTP_PCMA}, {13, RTP_NOISE}, {101, RTP_EVENT}}};
static const struct rtp_formats a_law_renumbered = {
	3, {{8, RTP_PCMA}, {13, RTP_NOISE}, {96, RTP_EVENT}}};
static const struct rtp_formats mu_law_alone = {1, {{0, RTP_PCMU}}};
static const struct rtp_formats a_law_alone = {1, {{8, RTP_PCMA}}};

static void wire_start(struct wire *w, const struct rtp_formats *from, const struct rtp_formats *to,
	uint8_t packet_ms)
{
	struct rtp_origin_config c = {
		.ssrc = OURS,
		.timestamp = START,
		.sequence = FIRST - 1,
		.clock_hz = 8000,
		.from = *from,
		.to = *to,
		.packet_ms = packet_ms,
	};

	*w = (struct wire){.got = calloc(GOT_MAX, sizeof(*w->got))};
	assert_non_null(w->got);
	rtp_origin_init(&w->o, &c, keep, w);
}

static void wire_end(struct wire *w)
{
	free(w->got);
}

/* What a source sends: samples that say where they stand in its time. */
struct source {
	uint32_t ssrc, timestamp;
	uint16_t sequence;
	unsigned samples;
	bool has_marker;
};

static uint8_t sample_at(uint32_t timestamp)
{
	return (uint8_t)(timestamp * 2654435761u >> 24);
}

/* The next packet of S; the caller puts it on the wire, or does not. */
static void next_packet(struct source *s, struct rtp_packet *p, uint8_t *data)
{
	*p = (struct rtp_packet){
		.payload_type = 8,
		.has_marker = s->has_marker,
		.ssrc = s->ssrc,
		.sequence = s->sequence++,
		.timestamp = s->timestamp,
		.payload = bytes_of(data, s->samples),
	};
	for (unsigned i = 0; i < s->samples; i++)
		data[i] = sample_at(s->timestamp + i);
	s->timestamp += s->samples;
	s->has_marker = false;
}

static void send_next(struct wire *w, struct source *s, uint64_t now_ms)
{
	uint8_t data[DATA_MAX];
	struct rtp_packet p;

	next_packet(s, &p, data);
	rtp_origin_packet(&w->o, &p, now_ms);
}

static void lose_next(struct source *s)
{
	s->sequence++;
	s->timestamp += s->samples;
}

static void send_noise(struct wire *w, struct source *s, uint64_t now_ms)
{
	struct rtp_packet p = {.payload_type = 13,
		.ssrc = s->ssrc,
		.sequence = s->sequence++,
		.timestamp = s->timestamp,
		.payload = bytes_of("\x30", 1)};

	rtp_origin_packet(&w->o, &p, now_ms);
}

static void send_event(struct wire *w, struct source *s, uint8_t event, uint16_t duration,
	bool is_first, uint64_t now_ms)
{
	uint8_t data[4] = {event, 10, (uint8_t)(duration >> 8), (uint8_t)duration};
	struct rtp_packet p = {.payload_type = 101,
		.has_marker = is_first,
		.ssrc = s->ssrc,
		.sequence = s->sequence++,
		.timestamp = s->timestamp,
		.payload = bytes_of(data, 4)};

	rtp_origin_packet(&w->o, &p, now_ms);
}

#define SOURCE(id, at, seq)                                                                        \
	{                                                                                          \
		.ssrc = (id), .timestamp = (at), .sequence = (seq), .samples = 160                 \
	}

/* ---- numbers ---- */

static void stream_is_our_own(void **state)
{
	struct wire w;
	struct source s = SOURCE(PEER, 12345, 65530);

	wire_start(&w, &a_law, &a_law, 20);
	for (unsigned i = 0; i < 200; i++)
		send_next(&w, &s, 20 * i);

	assert_int_equal(w.n, 200);
	for (unsigned i = 0; i < 200; i++) {
		const struct rtp_packet *p = &w.got[i].p;
		assert_int_equal(p->ssrc, OURS);
		assert_int_equal(p->sequence, FIRST + i);
		assert_int_equal(p->timestamp, (uint32_t)(START + 160 * i));
		assert_int_equal(p->has_marker, i == 0);
		assert_int_equal(w.got[i].data[5], sample_at(12345 + 160 * i + 5));
	}
	assert_int_equal(w.o.counts[RTP_ORIGIN_SENT], 200);
	assert_int_equal(w.o.counts[RTP_ORIGIN_OCTETS], 200 * 160);
	wire_end(&w);
}

static void sources_and_extensions_of_the_other_side_end_here(void **state)
{
	static const uint8_t csrc[4] = {1, 2, 3, 4}, data[160];
	struct rtp_packet p = {.payload_type = 8,
		.n_csrc = 1,
		.csrc = csrc,
		.has_extension = true,
		.padding = 4,
		.payload = bytes_of(data, 160)};
	struct wire w;

	wire_start(&w, &a_law, &a_law, 0);
	rtp_origin_packet(&w.o, &p, 0);

	assert_int_equal(rtp_header_len(&w.got[0].p), RTP_HEADER_LEN);
	assert_int_equal(w.got[0].p.padding, 0);
	wire_end(&w);
}

static void loss_stays_loss_and_disorder_stays_disorder(void **state)
{
	static const uint8_t order[] = {0, 1, 3, 2, 6, 5, 7};
	static const int numbers[] = {0, 1, 3, 2, 6, 5, 7};
	struct wire w;
	struct rtp_packet p[8];
	uint8_t data[8][DATA_MAX];
	struct source s = SOURCE(PEER, 0, 65533);

	wire_start(&w, &a_law, &a_law, 20);
	for (unsigned i = 0; i < 8; i++)
		next_packet(&s, &p[i], data[i]);
	for (unsigned i = 0; i < ARRAY_LEN(order); i++)
		rtp_origin_packet(&w.o, &p[order[i]], 20 * i);

	assert_int_equal(w.n, ARRAY_LEN(order));
	for (unsigned i = 0; i < ARRAY_LEN(order); i++) {
		assert_int_equal(w.got[i].p.sequence, FIRST + numbers[i]);
		assert_int_equal(w.got[i].p.timestamp, (uint32_t)(START + 160 * numbers[i]));
	}
	wire_end(&w);
}

static void doubled_packet_passes_once(void **state)
{
	struct wire w;
	uint8_t data[DATA_MAX];
	struct rtp_packet p;
	struct source s = SOURCE(PEER, 0, 1);

	wire_start(&w, &a_law, &a_law, 20);
	next_packet(&s, &p, data);
	rtp_origin_packet(&w.o, &p, 0);
	rtp_origin_packet(&w.o, &p, 0);

	assert_int_equal(w.n, 1);
	assert_int_equal(w.o.counts[RTP_ORIGIN_LATE], 1);
	wire_end(&w);
}

static void unknown_types_are_dropped(void **state)
{
	struct wire w;
	struct rtp_packet p = {.payload_type = 77, .payload = bytes_of("x", 1)};

	wire_start(&w, &a_law, &a_law, 20);
	rtp_origin_packet(&w.o, &p, 0);

	assert_int_equal(w.n, 0);
	assert_int_equal(w.o.counts[RTP_ORIGIN_UNKNOWN], 1);
	assert_int_equal(w.o.counts[RTP_ORIGIN_SOURCES], 0);
	wire_end(&w);
}

/* ---- sources ---- */

static void new_source_goes_on_where_the_time_has_come(void **state)
{
	struct wire w;
	struct source a = SOURCE(PEER, 999, 65000), b = SOURCE(PEER2, 0x80000000, 17);

	wire_start(&w, &a_law, &a_law, 20);
	send_next(&w, &a, 0);
	send_next(&w, &a, 20);
	send_next(&w, &b, 520);
	send_next(&w, &b, 540);

	assert_int_equal(w.n, 4);
	assert_int_equal(w.got[2].p.sequence, FIRST + 2);
	assert_int_equal(w.got[2].p.timestamp, (uint32_t)(START + 160 + 500 * 8));
	assert_true(w.got[2].p.has_marker);
	assert_int_equal(w.got[3].p.timestamp, (uint32_t)(START + 160 + 500 * 8 + 160));
	assert_false(w.got[3].p.has_marker);
	wire_end(&w);
}

static void new_source_at_once_begins_behind_what_was_sent(void **state)
{
	struct wire w;
	struct source a = SOURCE(PEER, 999, 65000), b = SOURCE(PEER2, 5, 17);

	wire_start(&w, &a_law, &a_law, 20);
	send_next(&w, &a, 0);
	send_next(&w, &b, 0);

	assert_int_equal(w.got[1].p.timestamp, (uint32_t)(START + 160));
	wire_end(&w);
}

static void late_packets_of_a_source_that_was_left_do_not_bring_it_back(void **state)
{
	struct wire w;
	struct source a = SOURCE(PEER, 0, 1), b = SOURCE(PEER2, 0, 1);

	wire_start(&w, &a_law, &a_law, 20);
	send_next(&w, &a, 0);
	send_next(&w, &b, 20);
	send_next(&w, &a, 30);
	send_next(&w, &b, 40);
	assert_int_equal(w.n, 3);
	assert_int_equal(w.o.counts[RTP_ORIGIN_LATE], 1);

	send_next(&w, &a, 500);
	assert_int_equal(w.n, 4);
	assert_int_equal(w.o.counts[RTP_ORIGIN_SOURCES], 3);
	wire_end(&w);
}

static void clock_that_jumps_is_followed_without_a_jump(void **state)
{
	static const uint32_t jumps[] = {0x40000000, 0xc0000000, 1000000};
	struct wire w;
	struct source s = SOURCE(PEER, 0, 1);

	wire_start(&w, &a_law, &a_law, 20);
	send_next(&w, &s, 0);
	for (unsigned i = 0; i < ARRAY_LEN(jumps); i++) {
		s.timestamp += jumps[i];
		send_next(&w, &s, 20 * (i + 1));
	}

	assert_int_equal(w.o.counts[RTP_ORIGIN_REBASED], 3);
	for (unsigned i = 0; i < 4; i++)
		assert_int_equal(w.got[i].p.timestamp, (uint32_t)(START + 160 * i));
	wire_end(&w);
}

/* A pause without noise: the source's clock has gone on, and so has ours (RFC 3550 §5.1). */
static void long_silence_keeps_the_clock(void **state)
{
	struct wire w;
	struct source s = SOURCE(PEER, 0, 1);

	wire_start(&w, &a_law, &a_law, 20);
	send_next(&w, &s, 0);
	s.timestamp += 3600 * 8000 - 160;
	s.has_marker = true;
	send_next(&w, &s, 3600 * 1000);

	assert_int_equal(w.got[1].p.timestamp, (uint32_t)(START + 3600 * 8000));
	assert_int_equal(w.got[1].p.sequence, FIRST + 1);
	assert_true(w.got[1].p.has_marker);
	assert_int_equal(w.o.counts[RTP_ORIGIN_REBASED], 0);
	wire_end(&w);
}

static void jump_of_the_sequence_is_believed_when_it_goes_on(void **state)
{
	struct wire w;
	struct source s = SOURCE(PEER, 0, 1);

	wire_start(&w, &a_law, &a_law, 20);
	send_next(&w, &s, 0);
	s.sequence = 40000;
	send_next(&w, &s, 20);
	assert_int_equal(w.n, 1);
	send_next(&w, &s, 40);
	send_next(&w, &s, 60);

	assert_int_equal(w.n, 3);
	assert_int_equal(w.got[1].p.sequence, FIRST + 1);
	assert_int_equal(w.got[1].p.timestamp, (uint32_t)(START + 40 * 8));
	assert_int_equal(w.got[2].p.sequence, FIRST + 2);
	wire_end(&w);
}

/* ---- G.711 ---- */

static void law_changes_where_the_other_side_has_the_other(void **state)
{
	struct wire w;
	struct source s = SOURCE(PEER, 0, 1);
	uint8_t want[160];

	wire_start(&w, &a_law, &mu_law_alone, 20);
	for (unsigned i = 0; i < 160; i++)
		want[i] = sample_at(i);
	g711_convert(G711_A, G711_MU, want, want, 160);
	send_next(&w, &s, 0);

	assert_int_equal(w.got[0].p.payload_type, 0);
	assert_int_equal(w.got[0].p.payload.len, 160);
	assert_memory_equal(w.got[0].data, want, 160);
	wire_end(&w);
}

/* Every sample comes out once, in order, under its own time, in packets of the agreed length. */
static void check_packet_time(unsigned from_ms, uint8_t to_ms)
{
	struct wire w;
	struct source s = SOURCE(PEER, 77, 65500);
	uint32_t at = START;

	s.samples = 8 * from_ms;
	wire_start(&w, &a_law, &a_law, to_ms);
	for (unsigned i = 0; i < 600; i++)
		send_next(&w, &s, from_ms * i);
	rtp_origin_tick(&w.o, from_ms * 600 + 200);

	for (size_t i = 0; i < w.n; i++) {
		const struct rtp_packet *p = &w.got[i].p;
		assert_int_equal(p->sequence, (uint16_t)(FIRST + i));
		assert_int_equal(p->timestamp, at);
		assert_true(p->payload.len == 8u * to_ms || i + 1 == w.n);
		for (size_t k = 0; k < p->payload.len; k++)
			assert_int_equal(
				w.got[i].data[k], sample_at((uint32_t)(at - START + 77 + k)));
		at += (uint32_t)p->payload.len;
	}
	assert_int_equal(at, (uint32_t)(START + 600 * 8 * from_ms));
	wire_end(&w);
}

static void packet_time_becomes_the_agreed_one(void **state)
{
	static const uint8_t times[] = {10, 20, 30, 60};

	for (size_t i = 0; i < ARRAY_LEN(times); i++)
		for (size_t k = 0; k < ARRAY_LEN(times); k++)
			check_packet_time(times[i], times[k]);
}

static void lost_samples_leave_a_gap_in_time_and_numbers(void **state)
{
	struct wire w;
	struct source s = SOURCE(PEER, 0, 1);

	wire_start(&w, &a_law, &a_law, 30);
	for (unsigned i = 0; i < 3; i++)
		send_next(&w, &s, 20 * i);
	for (unsigned i = 0; i < 6; i++)
		lose_next(&s);
	for (unsigned i = 9; i < 12; i++)
		send_next(&w, &s, 20 * i);

	/* 60 ms in two packets, 120 ms or four packets lost, two packets. */
	assert_int_equal(w.n, 4);
	assert_int_equal(w.got[1].p.sequence, FIRST + 1);
	assert_int_equal(w.got[2].p.sequence, FIRST + 6);
	assert_int_equal(w.got[2].p.timestamp, (uint32_t)(START + 9 * 160));
	wire_end(&w);
}

/* 168 s in packets of 60 ms are 33,600 of 5 ms, more than half of the numbers there are: who counts
 * their rounds would count one that was none (RFC 3711 §3.3.1). */
static void long_loss_is_no_round_of_the_numbers(void **state)
{
	struct wire w;
	struct source s = SOURCE(PEER, 0, 1);

	s.samples = 480;
	wire_start(&w, &a_law, &a_law, 5);
	send_next(&w, &s, 0);
	for (unsigned i = 0; i < 2800; i++)
		lose_next(&s);
	send_next(&w, &s, 2801 * 60);

	assert_int_equal(w.n, 24);
	assert_in_range(rtp_sequence_ahead(w.got[12].p.sequence, w.got[11].p.sequence), 2, 2999);
	assert_int_equal(w.got[12].p.timestamp, (uint32_t)(START + 2801 * 480));
	wire_end(&w);
}

static void gap_ends_a_packet_early(void **state)
{
	struct wire w;
	struct source s = SOURCE(PEER, 0, 1);

	wire_start(&w, &a_law, &a_law, 60);
	send_next(&w, &s, 0);
	lose_next(&s);
	for (unsigned i = 2; i < 5; i++)
		send_next(&w, &s, 20 * i);

	assert_int_equal(w.n, 2);
	assert_int_equal(w.got[0].p.payload.len, 160);
	assert_int_equal(w.got[1].p.payload.len, 480);
	assert_int_equal(w.got[1].p.timestamp, (uint32_t)(START + 320));
	assert_int_equal(w.got[1].p.sequence, FIRST + 1);
	wire_end(&w);
}

static void samples_that_nothing_follows_are_sent_in_time(void **state)
{
	struct wire w;
	struct source s = SOURCE(PEER, 0, 1);

	wire_start(&w, &a_law, &a_law, 60);
	send_next(&w, &s, 0);
	rtp_origin_tick(&w.o, 100);
	assert_int_equal(w.n, 0);
	rtp_origin_tick(&w.o, 200);

	assert_int_equal(w.n, 1);
	assert_int_equal(w.got[0].p.payload.len, 160);
	wire_end(&w);
}

static void empty_packet_is_no_sample(void **state)
{
	struct wire w;
	struct source s = SOURCE(PEER, 0, 1);

	wire_start(&w, &a_law, &a_law, 20);
	s.samples = 0;
	send_next(&w, &s, 0);
	assert_int_equal(w.o.counts[RTP_ORIGIN_MALFORMED], 1);
	s.samples = 160;
	send_next(&w, &s, 0);

	assert_int_equal(w.got[0].p.sequence, FIRST);
	wire_end(&w);
}

static void formats_agreed_anew_keep_the_stream(void **state)
{
	struct wire w;
	struct source s = SOURCE(PEER, 0, 1);

	wire_start(&w, &a_law, &a_law, 60);
	send_next(&w, &s, 0);
	rtp_origin_formats_set(&w.o, &a_law, &mu_law_alone, 20);
	send_next(&w, &s, 20);
	send_next(&w, &s, 40);

	assert_int_equal(w.n, 3);
	for (unsigned i = 0; i < 3; i++) {
		assert_int_equal(w.got[i].p.payload_type, i == 0 ? 8 : 0);
		assert_int_equal(w.got[i].p.sequence, FIRST + i);
		assert_int_equal(w.got[i].p.timestamp, (uint32_t)(START + 160 * i));
	}
	wire_end(&w);
}

/* ---- events (RFC 4733) ---- */

static void restarted_stream_begins_behind_what_was_sent(void **state)
{
	struct wire w;
	struct rtp_packet late;
	uint8_t data[DATA_MAX];
	struct source s = SOURCE(PEER, 0, 1);

	wire_start(&w, &a_law, &a_law, 30);
	send_next(&w, &s, 0);
	next_packet(&s, &late, data);
	send_next(&w, &s, 40); /* 160 samples wait */
	rtp_origin_restart(&w.o, 0x600d, 7);
	assert_int_equal(w.n, 2);
	assert_int_equal(w.got[1].p.ssrc, OURS);
	rtp_origin_packet(&w.o, &late, 50);
	send_next(&w, &s, 60);
	send_next(&w, &s, 80);

	assert_int_equal(w.n, 3);
	assert_int_equal(w.o.counts[RTP_ORIGIN_LATE], 1);
	assert_int_equal(w.got[2].p.ssrc, 0x600d);
	assert_int_equal(w.got[2].p.sequence, 8);
	assert_int_equal(w.got[2].p.timestamp, (uint32_t)(START + 3 * 160));
	assert_true(w.got[2].p.has_marker);
	wire_end(&w);
}

static void event_keeps_its_time_and_gets_the_other_sides_number(void **state)
{
	struct wire w;
	struct source s = SOURCE(PEER, 0, 1);

	wire_start(&w, &a_law, &a_law_renumbered, 20);
	send_next(&w, &s, 0);
	for (unsigned i = 0; i < 5; i++)
		send_event(&w, &s, 11, (uint16_t)(160 * (i + 1)), i == 0, 20 * (i + 1));
	s.timestamp += 5 * 160;
	send_next(&w, &s, 120);

	assert_int_equal(w.n, 7);
	for (unsigned i = 1; i < 6; i++) {
		assert_int_equal(w.got[i].p.payload_type, 96);
		assert_int_equal(w.got[i].p.timestamp, (uint32_t)(START + 160));
		assert_int_equal(w.got[i].p.sequence, FIRST + i);
		assert_int_equal(w.got[i].p.has_marker, i == 1);
		assert_int_equal(be16_get(w.got[i].data + 2), 160 * i);
	}
	assert_int_equal(w.got[6].p.timestamp, (uint32_t)(START + 6 * 160));
	wire_end(&w);
}

static void event_of_eight_seconds_is_no_jump(void **state)
{
	struct wire w;
	struct source s = SOURCE(PEER, 0, 1);

	wire_start(&w, &a_law, &a_law, 20);
	send_next(&w, &s, 0);
	for (unsigned i = 0; i < 400; i++)
		send_event(&w, &s, 5, (uint16_t)(160 * (i + 1)), i == 0, 20 * (i + 1));
	s.timestamp += 400 * 160;
	send_next(&w, &s, 20 * 401);

	assert_int_equal(w.n, 402);
	assert_int_equal(w.got[400].p.timestamp, (uint32_t)(START + 160));
	assert_int_equal(w.got[401].p.timestamp, (uint32_t)(START + 401 * 160));
	assert_int_equal(w.o.counts[RTP_ORIGIN_REBASED], 0);
	wire_end(&w);
}

static void event_sends_the_samples_before_it_first(void **state)
{
	struct wire w;
	struct source s = SOURCE(PEER, 0, 1);

	wire_start(&w, &a_law, &a_law, 60);
	send_next(&w, &s, 0);
	send_event(&w, &s, 1, 160, true, 20);

	assert_int_equal(w.n, 2);
	assert_int_equal(w.got[0].p.payload_type, 8);
	assert_int_equal(w.got[1].p.payload_type, 101);
	assert_int_equal(w.got[1].p.sequence, FIRST + 1);
	wire_end(&w);
}

static void events_that_were_not_offered_leave_no_gap(void **state)
{
	struct wire w;
	struct source s = SOURCE(PEER, 0, 1);

	wire_start(&w, &a_law, &a_law_alone, 20);
	send_next(&w, &s, 0);
	send_event(&w, &s, 1, 160, true, 20);
	send_next(&w, &s, 40);

	assert_int_equal(w.n, 2);
	assert_int_equal(w.got[1].p.sequence, FIRST + 1);
	assert_int_equal(w.o.counts[RTP_ORIGIN_NOT_OFFERED], 1);
	wire_end(&w);
}

static void events_beyond_the_telephones_are_dropped(void **state)
{
	struct wire w;
	struct source s = SOURCE(PEER, 0, 1);
	struct rtp_packet cut = {.payload_type = 101,
		.ssrc = PEER,
		.sequence = 20,
		.payload = bytes_of("\x01\x0a\x00", 3)};

	wire_start(&w, &a_law, &a_law, 20);
	for (unsigned event = 0; event < 19; event++)
		send_event(&w, &s, (uint8_t)event, 160, true, 20 * event);
	rtp_origin_packet(&w.o, &cut, 400);

	assert_int_equal(w.n, 17);
	assert_int_equal(w.o.counts[RTP_ORIGIN_MALFORMED], 3);
	wire_end(&w);
}

/* ---- noise (RFC 3389) ---- */

static void noise_passes_and_speech_behind_it_is_marked(void **state)
{
	struct wire w;
	struct source s = SOURCE(PEER, 0, 1);

	wire_start(&w, &a_law, &a_law, 20);
	send_next(&w, &s, 0);
	send_noise(&w, &s, 20);
	s.timestamp += 8000;
	send_next(&w, &s, 1020);

	assert_int_equal(w.n, 3);
	assert_int_equal(w.got[1].p.payload_type, 13);
	assert_int_equal(w.got[1].p.timestamp, (uint32_t)(START + 160));
	assert_int_equal(w.got[2].p.timestamp, (uint32_t)(START + 160 + 8000));
	assert_true(w.got[2].p.has_marker);
	wire_end(&w);
}

/* Ten seconds of noise, reported anew each second, for a side without: silence, packet by packet.
 */
static void noise_becomes_silence_where_there_is_none(void **state)
{
	struct wire w;
	struct source s = SOURCE(PEER, 0, 1);
	uint8_t quiet[160];

	memset(quiet, g711_silence(G711_MU), sizeof(quiet));
	wire_start(&w, &a_law, &mu_law_alone, 20);
	send_next(&w, &s, 0);
	for (unsigned i = 0; i < 10; i++) {
		send_noise(&w, &s, 20 + 1000 * i);
		s.timestamp += 8000;
		for (unsigned k = 1; k <= 10; k++)
			rtp_origin_tick(&w.o, 20 + 1000 * i + 100 * k);
	}
	size_t n = w.n;
	send_next(&w, &s, 10020);
	send_next(&w, &s, 10040);

	assert_in_range(n, 500, 501);
	for (size_t i = 1; i < w.n; i++) {
		assert_int_equal(w.got[i].p.sequence, (uint16_t)(FIRST + i));
		if (i < n)
			assert_memory_equal(w.got[i].data, quiet, sizeof(quiet));
		if (i != n)
			assert_int_equal(
				w.got[i].p.timestamp, (uint32_t)(w.got[i - 1].p.timestamp + 160));
	}
	assert_in_range(w.got[n].p.timestamp - w.got[n - 1].p.timestamp, 160, 320);
	assert_true(w.got[n].p.has_marker);
	assert_int_equal(w.o.counts[RTP_ORIGIN_SILENCE], n - 1);
	wire_end(&w);
}

/* Speech that comes before silence has ended is shifted, never sent twice for one time. */
static void speech_never_overlaps_the_silence_before_it(void **state)
{
	struct wire w;
	struct source s = SOURCE(PEER, 0, 1);

	wire_start(&w, &a_law, &mu_law_alone, 20);
	send_next(&w, &s, 0);
	send_noise(&w, &s, 20);
	rtp_origin_tick(&w.o, 520);
	s.timestamp += 100 * 8;
	send_next(&w, &s, 520);

	for (size_t i = 1; i < w.n; i++)
		assert_true(
			rtp_timestamp_ahead(w.got[i].p.timestamp, w.got[i - 1].p.timestamp) >= 160);
	assert_int_equal(w.got[w.n - 1].p.timestamp, w.o.end - 160);
	wire_end(&w);
}

static void long_stall_makes_no_flood_of_silence(void **state)
{
	struct wire w;
	struct source s = SOURCE(PEER, 0, 1);

	wire_start(&w, &a_law, &mu_law_alone, 20);
	send_noise(&w, &s, 0);
	rtp_origin_tick(&w.o, 3600 * 1000);
	size_t n = w.n;
	rtp_origin_tick(&w.o, 3600 * 1000 + 100);

	assert_true(n <= 20);
	assert_in_range(w.n - n, 4, 6);
	wire_end(&w);
}

static void noise_for_a_side_without_audio_is_dropped(void **state)
{
	static const struct rtp_formats other = {1, {{96, RTP_OTHER}}};
	struct wire w;
	struct source s = SOURCE(PEER, 0, 1);

	wire_start(&w, &a_law, &other, 20);
	send_noise(&w, &s, 0);
	rtp_origin_tick(&w.o, 1000);
	send_next(&w, &s, 1000);

	assert_int_equal(w.n, 0);
	assert_int_equal(w.o.counts[RTP_ORIGIN_NOT_OFFERED], 2);
	wire_end(&w);
}

/* ---- everything at once ---- */

/*
 * Loss, doubling, disorder, noise, events, sources that change and clocks that jump, with any
 * packet time on either side: our numbers and our clock must go on as if nothing were.
 */
static void check_storm(uint64_t seed, uint8_t packet_ms, const struct rtp_formats *to)
{
	struct wire w;
	struct source s = SOURCE(PEER, 7, 65000);
	struct rtp_packet p, late = {0};
	uint8_t data[DATA_MAX], late_data[DATA_MAX];
	uint64_t now = 0, x = seed;
	bool has_late = false;

	wire_start(&w, &a_law, to, packet_ms);
	for (unsigned i = 0; i < 5000; i++) {
		x = x * 6364136223846793005u + 1442695040888963407u;
		unsigned dice = (unsigned)(x >> 33) % 200;
		now += s.samples / 8;
		if (dice == 0)
			s = (struct source)SOURCE(
				(uint32_t)(x >> 20), (uint32_t)x, (uint16_t)(x >> 8));
		if (dice == 1)
			s.timestamp += (uint32_t)(x >> 7);
		if (dice == 2)
			s.samples = 80u * (1 + (unsigned)(x >> 40) % 6);
		if (dice < 10) {
			lose_next(&s);
			continue;
		}
		if (dice < 14) {
			send_noise(&w, &s, now);
			s.timestamp += s.samples;
		} else if (dice < 18) {
			send_event(&w, &s, 3, 160, true, now);
			s.timestamp += s.samples;
		} else {
			next_packet(&s, &p, data);
			rtp_origin_packet(&w.o, &p, now);
		}
		if (has_late)
			rtp_origin_packet(&w.o, &late, now);
		has_late = dice > 190;
		if (has_late)
			next_packet(&s, &late, late_data);
		rtp_origin_tick(&w.o, now);
	}
	uint16_t highest = (uint16_t)(w.got[0].p.sequence - 1);
	uint32_t at = w.got[0].p.timestamp;
	for (size_t i = 0; i < w.n; i++) {
		const struct rtp_packet *g = &w.got[i].p;
		assert_int_equal(g->ssrc, OURS);
		int ahead = rtp_sequence_ahead(g->sequence, highest);
		assert_in_range(ahead + 100, 0, 200);
		assert_int_not_equal(ahead, 0);
		if (ahead < 0)
			continue;
		/* Not back by more than a packet that came with an event, not on by more than the
		 * slack of a jump. */
		assert_in_range(rtp_timestamp_ahead(g->timestamp, at) + 960, 0, 960 + 3 * 8000);
		highest = g->sequence;
		at = g->timestamp;
	}
	assert_true(w.n > 2000);
	assert_in_range((uint32_t)(at - START), now * 8 - 16000, now * 8 + 16000 + now);
	wire_end(&w);
}

static void stream_goes_on_whatever_happens(void **state)
{
	static const uint8_t times[] = {0, 10, 20, 30, 60};

	for (uint64_t seed = 1; seed <= 20; seed++) {
		for (size_t i = 0; i < ARRAY_LEN(times); i++) {
			check_storm(seed, times[i], &a_law);
			check_storm(seed, times[i], &mu_law_alone);
		}
	}
}

int main(void)
{
	const struct CMUnitTest t[] = {
		cmocka_unit_test(stream_is_our_own),
		cmocka_unit_test(sources_and_extensions_of_the_other_side_end_here),
		cmocka_unit_test(loss_stays_loss_and_disorder_stays_disorder),
		cmocka_unit_test(doubled_packet_passes_once),
		cmocka_unit_test(unknown_types_are_dropped),
		cmocka_unit_test(new_source_goes_on_where_the_time_has_come),
		cmocka_unit_test(new_source_at_once_begins_behind_what_was_sent),
		cmocka_unit_test(late_packets_of_a_source_that_was_left_do_not_bring_it_back),
		cmocka_unit_test(clock_that_jumps_is_followed_without_a_jump),
		cmocka_unit_test(long_silence_keeps_the_clock),
		cmocka_unit_test(jump_of_the_sequence_is_believed_when_it_goes_on),
		cmocka_unit_test(law_changes_where_the_other_side_has_the_other),
		cmocka_unit_test(packet_time_becomes_the_agreed_one),
		cmocka_unit_test(lost_samples_leave_a_gap_in_time_and_numbers),
		cmocka_unit_test(long_loss_is_no_round_of_the_numbers),
		cmocka_unit_test(gap_ends_a_packet_early),
		cmocka_unit_test(samples_that_nothing_follows_are_sent_in_time),
		cmocka_unit_test(empty_packet_is_no_sample),
		cmocka_unit_test(formats_agreed_anew_keep_the_stream),
		cmocka_unit_test(restarted_stream_begins_behind_what_was_sent),
		cmocka_unit_test(event_keeps_its_time_and_gets_the_other_sides_number),
		cmocka_unit_test(event_of_eight_seconds_is_no_jump),
		cmocka_unit_test(event_sends_the_samples_before_it_first),
		cmocka_unit_test(events_that_were_not_offered_leave_no_gap),
		cmocka_unit_test(events_beyond_the_telephones_are_dropped),
		cmocka_unit_test(noise_passes_and_speech_behind_it_is_marked),
		cmocka_unit_test(noise_becomes_silence_where_there_is_none),
		cmocka_unit_test(speech_never_overlaps_the_silence_before_it),
		cmocka_unit_test(long_stall_makes_no_flood_of_silence),
		cmocka_unit_test(noise_for_a_side_without_audio_is_dropped),
		cmocka_unit_test(stream_goes_on_whatever_happens),
	};

	return cmocka_run_group_tests(t, NULL, NULL) != 0;
}
