/* SPDX-License-Identifier: BSD-3-Clause */
/* What happens on legs as time passes: reports, silence, samples that are due. */
#include "rig.h"

#include <string.h>

#include <sallyport/mediation/rtp/report.h>

static void start(struct rig *r)
{
	struct media_agreement c = usual(r, MEDIA_CLIENT), g = usual(r, MEDIA_GATEWAY);

	open_session(r, true);
	agree(r, MEDIA_CLIENT, &c);
	agree(r, MEDIA_GATEWAY, &g);
}

static void talk(struct rig *r, enum media_side side)
{
	static const uint8_t samples[160];
	uint64_t before = counted(r, MEDIA_C_RX_RTP);

	peer_talk(&r->peers[side], side == MEDIA_CLIENT ? 8 : 0, samples, sizeof(samples));
	while (counted(r, MEDIA_C_RX_RTP) == before)
		event_turn(r);
}

static unsigned n_events(const struct rig *r, enum media_event_kind kind, enum media_side side)
{
	unsigned n = 0;

	for (size_t i = 0; i < r->n_events; i++)
		n += r->events[i].kind == kind && r->events[i].side == side;
	return n;
}

static void session_without_an_agreement_has_no_timer(void **state)
{
	struct rig *r = *state;

	open_session(r, true);

	assert_int_equal(r->wheel.count, 0);
}

static void silence_of_thirty_seconds_is_told_once(void **state)
{
	struct rig *r = *state;

	start(r);
	pass_ms(r, 20000);
	talk(r, MEDIA_CLIENT);
	pass_ms(r, 9900);
	assert_int_equal(r->n_events, 0);
	pass_ms(r, 200);
	assert_int_equal(n_events(r, MEDIA_SILENT, MEDIA_GATEWAY), 1);
	pass_ms(r, 19700);
	assert_int_equal(n_events(r, MEDIA_SILENT, MEDIA_CLIENT), 0);
	pass_ms(r, 300);
	assert_int_equal(n_events(r, MEDIA_SILENT, MEDIA_CLIENT), 1);
	pass_ms(r, 300000);

	assert_int_equal(r->n_events, 2);
	assert_int_equal(counted(r, MEDIA_C_SILENT), 2);
}

static void silence_is_told_until_somebody_takes_it(void **state)
{
	struct rig *r = *state;

	start(r);
	r->is_busy = true;
	pass_ms(r, 31000);
	assert_true(counted(r, MEDIA_C_EVENTS_LOST) > 0);
	assert_int_equal(counted(r, MEDIA_C_SILENT), 0);
	r->is_busy = false;
	pass_ms(r, 1000);

	assert_int_equal(r->n_events, 2);
	assert_int_equal(n_events(r, MEDIA_SILENT, MEDIA_CLIENT), 1);
	assert_int_equal(counted(r, MEDIA_C_SILENT), 2);
}

static void voice_after_silence_is_told_and_watched_again(void **state)
{
	struct rig *r = *state;

	start(r);
	pass_ms(r, 31000);
	talk(r, MEDIA_CLIENT);
	assert_int_equal(n_events(r, MEDIA_HEARD, MEDIA_CLIENT), 1);
	assert_int_equal(n_events(r, MEDIA_HEARD, MEDIA_GATEWAY), 0);
	pass_ms(r, 31000);

	assert_int_equal(n_events(r, MEDIA_SILENT, MEDIA_CLIENT), 2);
}

/* Reports alone are life enough: silence suppression sends no RTP for minutes. */
static void reports_keep_a_leg_alive(void **state)
{
	struct rig *r = *state;
	uint8_t buf[64];
	struct rtcp_writer w;

	start(r);
	for (unsigned i = 0; i < 10; i++) {
		rtcp_writer_init(&w, buf, sizeof(buf));
		rtcp_write_rr(&w, 0x1000, NULL, 0);
		peer_send_rtcp_bytes(&r->peers[MEDIA_CLIENT], false, buf, w.len);
		while (counted(r, MEDIA_C_RX_RTCP) <= i)
			event_turn(r);
		pass_ms(r, 20000);
	}

	assert_int_equal(n_events(r, MEDIA_SILENT, MEDIA_CLIENT), 0);
	assert_int_equal(n_events(r, MEDIA_SILENT, MEDIA_GATEWAY), 1);
}

/* On hold, that is with media in neither direction, another switch decides. */
static void supervision_asks_whether_media_may_flow(void **state)
{
	static const struct {
		bool may_send, may_receive, is_supervised, is_on_hold, is_told;
	} rows[] = {
		{true, true, true, false, true},
		{true, true, false, true, false},
		{false, true, true, false, true},
		{true, false, false, true, false},
		{false, false, true, false, false},
		{false, false, false, true, true},
	};

	for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
		struct rig *r;
		rig_setup((void **)&r);
		open_session(r, true);
		struct media_agreement a = usual(r, MEDIA_CLIENT);
		a.may_send = rows[i].may_send;
		a.may_receive = rows[i].may_receive;
		a.is_supervised = rows[i].is_supervised;
		a.is_supervised_on_hold = rows[i].is_on_hold;
		agree(r, MEDIA_CLIENT, &a);
		pass_ms(r, 40000);
		assert_int_equal(r->n_events, rows[i].is_told);
		rig_teardown((void **)&r);
	}
}

static void new_agreement_begins_the_wait_anew(void **state)
{
	struct rig *r = *state;

	start(r);
	pass_ms(r, 29000);
	struct media_agreement a = usual(r, MEDIA_CLIENT);
	agree(r, MEDIA_CLIENT, &a);
	pass_ms(r, 2000);

	assert_int_equal(n_events(r, MEDIA_SILENT, MEDIA_CLIENT), 0);
	assert_int_equal(n_events(r, MEDIA_SILENT, MEDIA_GATEWAY), 1);
}

/* ---- reports ---- */

/* In any RTP_REPORT_MS each side gets one, at its port for RTCP. */
static void reports_leave_every_five_seconds_at_least(void **state)
{
	struct rig *r = *state;

	start(r);
	for (unsigned i = 1; i <= 12; i++) {
		uint64_t before = counted(r, MEDIA_C_TX_RTCP);
		pass_ms(r, RTP_REPORT_MS);
		assert_in_range(counted(r, MEDIA_C_TX_RTCP) - before, 2, 4);
	}
	run_until(r, counted(r, MEDIA_C_TX_RTCP));

	for (unsigned i = 0; i < MEDIA_SIDES; i++) {
		const struct peer *p = &r->peers[i];
		assert_in_range(p->n_got, 12, 25);
		for (size_t k = 0; k < p->n_got; k++) {
			assert_true(p->got[k].is_rtcp);
			assert_int_equal(rtcp_check(p->got[k].data, p->got[k].len), 0);
			assert_int_equal(p->got[k].data[1], RTCP_RR);
		}
	}
}

static struct rtcp_packet first_report(const struct peer *p, struct rtcp_report *report)
{
	struct rtcp_packet packet = {0};
	size_t offset = 0;

	for (size_t i = 0; i < p->n_got; i++) {
		if (rtp_kind(p->got[i].data, p->got[i].len) != RTP_KIND_RTCP)
			continue;
		assert_true(rtcp_next(bytes_of(p->got[i].data, p->got[i].len), &offset, &packet));
		if (packet.count > 0)
			assert_int_equal(rtcp_report_decode(&packet, 0, report), 0);
		return packet;
	}
	fail_msg("no report has come");
	return packet;
}

/* Who speaks gets a block on what arrived; who hears gets a sender report. */
static void reports_say_what_came_and_what_was_sent(void **state)
{
	struct rig *r = *state;
	struct rtcp_report report = {0};
	struct rtcp_packet p;
	struct rtcp_sender sender;

	start(r);
	for (unsigned i = 0; i < 10; i++) {
		if (i == 5) {
			r->peers[MEDIA_CLIENT].sequence++;
			r->peers[MEDIA_CLIENT].timestamp += 160;
		}
		talk(r, MEDIA_CLIENT);
		r->clock.mono_ms += 20;
	}
	wheel_advance(&r->wheel, r->clock.mono_ms);
	pass_ms(r, 1500);
	run_until(r, counted(r, MEDIA_C_TX_RTP) + counted(r, MEDIA_C_TX_RTCP));

	p = first_report(&r->peers[MEDIA_CLIENT], &report);
	assert_int_equal(p.type, RTCP_RR);
	assert_int_equal(report.ssrc, 0x1000);
	assert_int_equal(report.lost, 1);
	p = first_report(&r->peers[MEDIA_GATEWAY], &report);
	assert_int_equal(p.type, RTCP_SR);
	assert_int_equal(rtcp_sender_decode(&p, &sender), 0);
	assert_int_equal(sender.packets, 10);
	assert_int_equal(sender.octets, 1600);
}

/* RFC 5761, RFC 3711 §3.4: over the port of RTP, and encrypted. */
static void reports_go_over_one_port_and_encrypted_where_agreed(void **state)
{
	struct rig *r = *state;
	struct peer *c = &r->peers[MEDIA_CLIENT];

	open_session(r, false);
	struct media_agreement a = secure(r, MEDIA_CLIENT, SRTP_AES_CM_128_HMAC_SHA1_32, 9);
	a.is_mux = true;
	agree(r, MEDIA_CLIENT, &a);
	pass_ms(r, 1500);
	run_until(r, 1);

	struct got *g = &c->got[0];
	assert_false(g->is_rtcp);
	assert_true(addr_equal(&g->from, &r->ready.rtp[MEDIA_CLIENT]));
	assert_int_equal(srtp_session_unprotect_rtcp(c->from, g->data, &g->len), SRTP_OK);
	assert_int_equal(rtcp_check(g->data, g->len), 0);

	uint8_t buf[128];
	struct rtcp_writer w;
	rtcp_writer_init(&w, buf, sizeof(buf));
	rtcp_write_rr(&w, c->ssrc, NULL, 0);
	size_t len = w.len;
	assert_int_equal(srtp_session_protect_rtcp(c->to, buf, &len, sizeof(buf)), SRTP_OK);
	peer_send_rtcp_bytes(c, true, buf, len);
	while (counted(r, MEDIA_C_RX_RTCP) == 0)
		event_turn(r);
	assert_int_equal(counted(r, MEDIA_C_SRTP + SRTP_OK), 2);
}

static void end_is_said_to_both(void **state)
{
	struct rig *r = *state;

	start(r);
	close_session(r);
	run_until(r, 2);

	for (unsigned i = 0; i < MEDIA_SIDES; i++) {
		const struct got *g = &r->peers[i].got[0];
		struct rtcp_packet p;
		size_t offset = 0;
		bool has_bye = false;
		while (rtcp_next(bytes_of(g->data, g->len), &offset, &p))
			has_bye = has_bye || p.type == RTCP_BYE;
		assert_true(has_bye);
	}
}

/* ---- what is due ---- */

/* The gateway has no comfort noise, so it gets ten seconds of silence, 50 packets for each. */
static void noise_becomes_silence_on_the_wheel(void **state)
{
	struct rig *r = *state;
	uint64_t before;

	start(r);
	talk(r, MEDIA_CLIENT);
	r->clock.mono_ms += 20;
	peer_talk(&r->peers[MEDIA_CLIENT], 13, "\x30", 1);
	while (counted(r, MEDIA_C_RX_RTP) == 1)
		event_turn(r);
	before = counted(r, MEDIA_C_TX_RTP);
	for (unsigned i = 0; i < 100; i++) {
		pass_ms(r, 100);
		event_turn(r);
	}

	assert_in_range(counted(r, MEDIA_C_TX_RTP) - before, 490, 501);
}

static void samples_that_nothing_follows_leave(void **state)
{
	struct rig *r = *state;

	start(r);
	struct media_agreement g = usual(r, MEDIA_GATEWAY);
	g.packet_ms = 60;
	agree(r, MEDIA_GATEWAY, &g);
	talk(r, MEDIA_CLIENT);
	assert_int_equal(counted(r, MEDIA_C_TX_RTP), 0);
	pass_ms(r, 400);

	assert_int_equal(counted(r, MEDIA_C_TX_RTP), 1);
}

int main(void)
{
	const struct CMUnitTest t[] = {
		cmocka_unit_test_setup_teardown(
			session_without_an_agreement_has_no_timer, rig_setup, rig_teardown),
		cmocka_unit_test_setup_teardown(
			silence_of_thirty_seconds_is_told_once, rig_setup, rig_teardown),
		cmocka_unit_test_setup_teardown(
			silence_is_told_until_somebody_takes_it, rig_setup, rig_teardown),
		cmocka_unit_test_setup_teardown(
			voice_after_silence_is_told_and_watched_again, rig_setup, rig_teardown),
		cmocka_unit_test_setup_teardown(reports_keep_a_leg_alive, rig_setup, rig_teardown),
		cmocka_unit_test_setup_teardown(
			supervision_asks_whether_media_may_flow, rig_setup, rig_teardown),
		cmocka_unit_test_setup_teardown(
			new_agreement_begins_the_wait_anew, rig_setup, rig_teardown),
		cmocka_unit_test_setup_teardown(
			reports_leave_every_five_seconds_at_least, rig_setup, rig_teardown),
		cmocka_unit_test_setup_teardown(
			reports_say_what_came_and_what_was_sent, rig_setup, rig_teardown),
		cmocka_unit_test_setup_teardown(reports_go_over_one_port_and_encrypted_where_agreed,
			rig_setup, rig_teardown),
		cmocka_unit_test_setup_teardown(end_is_said_to_both, rig_setup, rig_teardown),
		cmocka_unit_test_setup_teardown(
			noise_becomes_silence_on_the_wheel, rig_setup, rig_teardown),
		cmocka_unit_test_setup_teardown(
			samples_that_nothing_follows_leave, rig_setup, rig_teardown),
	};

	return cmocka_run_group_tests(t, NULL, NULL) != 0;
}
