/* SPDX-License-Identifier: BSD-3-Clause */
/* Sessions: their ports, what passes between their legs, what is dropped, what remains. */
#include "rig.h"

#include <dirent.h>
#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <unistd.h>

#include <sallyport/mediation/rtp/g711.h>

#define ROUNDS 50

/* 20 ms of something. */
static const uint8_t quiet[160];

/* 1 kHz at 8,000 samples a second, in either law. */
static const uint8_t mu_tone[8] = {0x1e, 0x0b, 0x1e, 0x8b, 0x9e, 0x8b, 0x9e, 0x0b};

static void tone(enum g711_law law, unsigned at, uint8_t out[160])
{
	for (unsigned i = 0; i < 160; i++)
		out[i] = mu_tone[(at + i) % 8];
	g711_convert(G711_MU, law, out, out, 160);
}

static void agree_usual(struct rig *r)
{
	struct media_agreement c = usual(r, MEDIA_CLIENT), g = usual(r, MEDIA_GATEWAY);

	agree(r, MEDIA_CLIENT, &c);
	agree(r, MEDIA_GATEWAY, &g);
}

static rlim_t limit_descriptors(rlim_t n)
{
	struct rlimit r;

	assert_int_equal(getrlimit(RLIMIT_NOFILE, &r), 0);
	rlim_t was = r.rlim_cur;
	r.rlim_cur = n;
	assert_int_equal(setrlimit(RLIMIT_NOFILE, &r), 0);
	return was;
}

static size_t n_descriptors(void)
{
	DIR *d = opendir("/proc/self/fd");
	size_t n = 0;

	assert_non_null(d);
	while (readdir(d))
		n++;
	closedir(d);
	return n;
}

/* ---- opening ---- */

/* RFC 3550 §11 */
static void session_has_even_ports_and_those_next_to_them(void **state)
{
	struct rig *r = *state;

	open_session(r, true);

	assert_int_equal(r->n_ready, 1);
	assert_int_equal(r->ready.rc, 0);
	assert_int_equal(r->ready.call, 4711);
	for (unsigned i = 0; i < MEDIA_SIDES; i++) {
		assert_int_equal(r->ready.rtp[i].port % 2, 0);
		assert_int_equal(r->ready.rtcp[i].port, r->ready.rtp[i].port + 1);
	}
	assert_int_equal(counted(r, MEDIA_C_SESSIONS), 1);
}

static void session_without_ports_for_rtcp_has_one_a_leg(void **state)
{
	struct rig *r = *state;
	size_t before = n_descriptors();

	open_session(r, false);

	assert_true(addr_equal(&r->ready.rtp[0], &r->ready.rtcp[0]));
	assert_int_equal(n_descriptors(), before + 2);
}

static void closed_session_leaves_nothing(void **state)
{
	struct rig *r = *state;
	size_t before = n_descriptors();

	for (unsigned i = 0; i < 20; i++) {
		open_session(r, true);
		assert_int_equal(r->ready.rc, 0);
		struct media_agreement c = secure(r, MEDIA_CLIENT, SRTP_AES_CM_128_HMAC_SHA1_80, 1);
		agree(r, MEDIA_CLIENT, &c);
		assert_int_equal(n_descriptors(), before + 4);
		close_session(r);
		assert_int_equal(r->events[i].kind, MEDIA_CLOSED);
		assert_int_equal(r->events[i].call, 4711);
		assert_int_equal(n_descriptors(), before);
		assert_int_equal(r->wheel.count, 0);
	}
	assert_int_equal(counted(r, MEDIA_C_SESSIONS), 0);
	assert_int_equal(counted(r, MEDIA_C_OPENED), 20);
}

static void sessions_are_bounded(void **state)
{
	struct rig *r = *state;

	for (unsigned i = 0; i < 8; i++) {
		open_session(r, true);
		assert_int_equal(r->ready.rc, 0);
	}
	open_session(r, true);

	assert_int_equal(r->ready.rc, ERR_FULL);
	assert_int_equal(counted(r, MEDIA_C_REFUSED_LIMIT), 1);
	assert_int_equal(counted(r, MEDIA_C_SESSIONS), 8);
}

/* What runs goes on, and nothing is left of what does not begin. */
static void session_without_descriptors_is_refused_whole(void **state)
{
	struct rig *r = *state;
	struct peer *c = &r->peers[MEDIA_CLIENT];

	open_session(r, true);
	struct media_agreement client = usual(r, MEDIA_CLIENT), gateway = usual(r, MEDIA_GATEWAY);
	agree(r, MEDIA_CLIENT, &client);
	agree(r, MEDIA_GATEWAY, &gateway);
	size_t before = n_descriptors();

	for (rlim_t n_free = 0; n_free < 4; n_free++) {
		int first = dup(0);
		assert_true(first >= 0);
		close(first);
		rlim_t was = limit_descriptors((rlim_t)first + n_free);
		struct media_open ask = {4712, {true, true}, {0, 1}};
		struct media_ready answer;
		media_open(r->media, &ask, &answer);
		limit_descriptors(was);
		assert_int_equal(answer.rc, -EMFILE);
		assert_int_equal(n_descriptors(), before);
	}
	peer_talk(c, 8, quiet, sizeof(quiet));
	run_until(r, 1);

	assert_int_equal(r->peers[MEDIA_GATEWAY].n_got, 1);
	assert_int_equal(counted(r, MEDIA_C_REFUSED_DESCRIPTORS), 4);
	assert_int_equal(counted(r, MEDIA_C_SESSIONS), 1);
	open_session(r, true);
	assert_int_equal(r->ready.rc, 0);
}

/* On an address of 127/8 that is this process's own, so nobody else has its ports. */
static void session_without_ports_is_refused_until_some_come_back(void **state)
{
	struct rig *r = rig_create();
	uint32_t ip = 0x7f010000 + (uint32_t)getpid() % 0xfffe + 1;

	r->config.faces[0] = (struct media_face){addr_ipv4(ip, 0), 40000, 40007, 46};
	r->config.n_faces = 1;
	rig_start(r);
	open_session(r, true);
	struct media_id first = r->ready.id;
	assert_int_equal(r->ready.rc, 0);
	open_session(r, true);
	assert_int_equal(r->ready.rc, 0);
	open_session(r, true);
	assert_int_equal(r->ready.rc, ERR_FULL);
	assert_int_equal(counted(r, MEDIA_C_REFUSED_PORTS), 1);
	assert_int_equal(r->media->ports[0].n_used, 8);

	r->ready.id = first;
	close_session(r);
	assert_int_equal(r->media->ports[0].n_used, 4);
	open_session(r, true);
	assert_int_equal(r->ready.rc, 0);
	assert_in_range(r->ready.rtp[0].port, 40000, 40007);
	rig_teardown((void **)&r);
}

static void answer_that_cannot_be_passed_on_closes_the_session(void **state)
{
	struct rig *r = *state;

	r->is_deaf = true;
	open_session(r, true);

	assert_int_equal(r->n_ready, 1);
	assert_int_equal(counted(r, MEDIA_C_SESSIONS), 0);
}

static void old_ids_are_nobodys(void **state)
{
	struct rig *r = *state;
	struct media_agreement a = usual(r, MEDIA_CLIENT);

	open_session(r, true);
	struct media_id old = r->ready.id;
	close_session(r);
	open_session(r, true);
	assert_int_equal(r->ready.id.index, old.index);
	struct media_id young = r->ready.id;
	r->ready.id = old;
	agree(r, MEDIA_CLIENT, &a);
	close_session(r);
	r->ready.id = (struct media_id){1000, 1, 0};
	agree(r, MEDIA_CLIENT, &a);

	assert_int_equal(r->n_events, 1);
	assert_int_equal(counted(r, MEDIA_C_SESSIONS), 1);
	assert_false(media_session_find(r->media, young)->legs[MEDIA_CLIENT].is_agreed);
}

/* The same without a message, for a call on the same thread. */
static void session_is_opened_agreed_on_and_closed_directly(void **state)
{
	struct rig *r = *state;
	struct media_open ask = {12, {true, true}, {1, 0}}, nowhere = {13, {true, true}, {0, 2}};
	struct media_leg_stats stats[MEDIA_SIDES];
	struct media_agreement a;

	media_open(r->media, &nowhere, &r->ready);
	assert_int_equal(r->ready.rc, -EINVAL);
	media_open(r->media, &ask, &r->ready);
	assert_int_equal(r->ready.rc, 0);
	for (unsigned i = 0; i < MEDIA_SIDES; i++) {
		a = usual(r, (enum media_side)i);
		assert_int_equal(media_agree(r->media, r->ready.id, (enum media_side)i, &a), 0);
	}
	peer_talk(&r->peers[MEDIA_CLIENT], 8, quiet, sizeof(quiet));
	run_until(r, 1);
	assert_int_equal(media_stats(r->media, r->ready.id, stats), 0);
	assert_int_equal(stats[MEDIA_GATEWAY].tx_packets, 1);
	assert_int_equal(media_close(r->media, r->ready.id, stats), 0);
	assert_int_equal(stats[MEDIA_CLIENT].rx_packets, 1);

	assert_int_equal(media_close(r->media, r->ready.id, stats), ERR_NOT_FOUND);
	assert_int_equal(media_stats(r->media, r->ready.id, stats), ERR_NOT_FOUND);
	assert_int_equal(media_agree(r->media, r->ready.id, MEDIA_CLIENT, &a), ERR_NOT_FOUND);
	assert_int_equal(r->n_events, 0);
	assert_int_equal(r->n_ready, 0);
}

/* ---- what passes ---- */

/* A tone on each side; each hears the other's in its own law, evenly, from one source. */
static void check_tones(struct rig *r)
{
	struct peer *c = &r->peers[MEDIA_CLIENT], *g = &r->peers[MEDIA_GATEWAY];
	uint8_t a[160], mu[160];

	for (unsigned i = 0; i < ROUNDS; i++) {
		tone(G711_A, 160 * i, a);
		peer_talk(c, 8, a, 160);
		tone(G711_MU, 160 * i, mu);
		peer_talk(g, 0, mu, 160);
		r->clock.mono_ms += 20;
		run_until(r, 2 * (i + 1));
	}
	assert_int_equal(c->n_got, ROUNDS);
	assert_int_equal(g->n_got, ROUNDS);
	struct rtp_packet first[MEDIA_SIDES] = {opened(c, 0), opened(g, 0)};
	for (unsigned i = 0; i < ROUNDS; i++) {
		struct rtp_packet p[MEDIA_SIDES] = {
			i > 0 ? opened(c, i) : first[0], i > 0 ? opened(g, i) : first[1]};
		for (unsigned k = 0; k < MEDIA_SIDES; k++) {
			assert_int_equal(p[k].ssrc, first[k].ssrc);
			assert_int_equal(p[k].sequence, (uint16_t)(first[k].sequence + i));
			assert_int_equal(p[k].timestamp, (uint32_t)(first[k].timestamp + 160 * i));
			assert_int_equal(p[k].payload.len, 160);
		}
		tone(G711_MU, 160 * i, mu);
		tone(G711_A, 160 * i, a);
		g711_convert(G711_A, G711_MU, a, a, 160);
		assert_int_equal(p[1].payload_type, 0);
		assert_memory_equal(p[1].payload.data, a, 160);
		g711_convert(G711_MU, G711_A, mu, mu, 160);
		assert_int_equal(p[0].payload_type, 8);
		assert_memory_equal(p[0].payload.data, mu, 160);
	}
	assert_int_not_equal(first[0].ssrc, g->ssrc);
	assert_int_not_equal(first[1].ssrc, c->ssrc);
}

static void tones_pass_in_the_clear(void **state)
{
	struct rig *r = *state;

	open_session(r, true);
	agree_usual(r);

	check_tones(r);
}

static void tones_pass_from_srtp_to_rtp(void **state)
{
	for (unsigned s = 0; s < SRTP_SUITES; s++) {
		struct rig *r;
		rig_setup((void **)&r);
		open_session(r, true);
		struct media_agreement c = secure(r, MEDIA_CLIENT, (enum srtp_suite)s, 9);
		struct media_agreement g = usual(r, MEDIA_GATEWAY);
		agree(r, MEDIA_CLIENT, &c);
		agree(r, MEDIA_GATEWAY, &g);
		check_tones(r);
		assert_int_equal(counted(r, MEDIA_C_SRTP + SRTP_OK), 2 * ROUNDS);
		close_session(r);
		const struct media_event *e = &r->events[r->n_events - 1];
		assert_int_equal(e->kind, MEDIA_CLOSED);
		for (unsigned k = 0; k < MEDIA_SIDES; k++) {
			assert_int_equal(e->stats[k].rx_packets, ROUNDS);
			assert_int_equal(e->stats[k].tx_packets, ROUNDS);
			assert_int_equal(e->stats[k].rx_octets, 160 * ROUNDS);
			assert_int_equal(e->stats[k].rx_lost, 0);
			assert_int_equal(e->stats[k].refused, 0);
		}
		rig_teardown((void **)&r);
	}
}

static void client_never_hears_in_the_clear(void **state)
{
	struct rig *r = *state;
	uint8_t mu[160], a[160];

	open_session(r, true);
	struct media_agreement c = secure(r, MEDIA_CLIENT, SRTP_AES_CM_128_HMAC_SHA1_80, 9);
	struct media_agreement g = usual(r, MEDIA_GATEWAY);
	agree(r, MEDIA_CLIENT, &c);
	agree(r, MEDIA_GATEWAY, &g);
	tone(G711_MU, 0, mu);
	g711_convert(G711_MU, G711_A, mu, a, 160);
	peer_talk(&r->peers[MEDIA_GATEWAY], 0, mu, 160);
	run_until(r, 1);

	const struct got *got = &r->peers[MEDIA_CLIENT].got[0];
	assert_int_equal(got->len, RTP_HEADER_LEN + 160 + 10);
	unsigned same = 0;
	for (unsigned i = 0; i < 160; i++)
		same += got->data[RTP_HEADER_LEN + i] == a[i];
	assert_true(same < 40);
	struct rtp_packet p = opened(&r->peers[MEDIA_CLIENT], 0);
	assert_memory_equal(p.payload.data, a, 160);
}

static void audio_is_marked_for_its_class(void **state)
{
	struct rig *r = rig_create();
	uint8_t a[160];

	r->config.faces[MEDIA_GATEWAY].dscp = 46;
	rig_start(r);
	open_session(r, true);
	agree_usual(r);
	tone(G711_A, 0, a);
	peer_talk(&r->peers[MEDIA_CLIENT], 8, a, 160);
	run_until(r, 1);

	assert_int_equal(r->peers[MEDIA_GATEWAY].got[0].tos, 46 << 2);
	rig_teardown((void **)&r);
}

static void keys_go_with_events_in_their_new_number(void **state)
{
	struct rig *r = *state;

	open_session(r, true);
	agree_usual(r);
	peer_talk(&r->peers[MEDIA_CLIENT], 101, "\x05\x0a\x00\xa0", 4);
	run_until(r, 1);

	struct rtp_packet p = opened(&r->peers[MEDIA_GATEWAY], 0);
	assert_int_equal(p.payload_type, 96);
	assert_memory_equal(p.payload.data, "\x05\x0a\x00\xa0", 4);
}

/* ---- what is dropped ---- */

/* Packets from one socket come in order, so when a good one is through, those before it were not.
 */
static void pass_good_one(struct rig *r, size_t n)
{
	uint8_t a[160];

	tone(G711_A, 0, a);
	peer_talk(&r->peers[MEDIA_CLIENT], 8, a, 160);
	run_until(r, n);
	assert_int_equal(r->n_got, n);
}

static void nothing_passes_before_both_sides_have_agreed(void **state)
{
	struct rig *r = *state;
	struct media_agreement c = usual(r, MEDIA_CLIENT), g = usual(r, MEDIA_GATEWAY);
	uint8_t a[160] = {0};

	open_session(r, true);
	peer_talk(&r->peers[MEDIA_CLIENT], 8, a, 160);
	while (counted(r, MEDIA_C_NOT_AGREED) == 0)
		event_turn(r);
	agree(r, MEDIA_GATEWAY, &g);
	peer_talk(&r->peers[MEDIA_GATEWAY], 0, a, 160);
	while (counted(r, MEDIA_C_RX_RTP) == 0)
		event_turn(r);
	agree(r, MEDIA_CLIENT, &c);
	pass_good_one(r, 1);

	assert_int_equal(r->peers[MEDIA_GATEWAY].n_got, 1);
}

static void other_protocols_are_counted_and_dropped(void **state)
{
	static const uint8_t stun[20] = {0, 1}, dtls[13] = {22, 254, 253}, other[20] = {0x40};
	struct rig *r = *state;
	struct peer *c = &r->peers[MEDIA_CLIENT];
	uint8_t report[8] = {0x80, 201, 0, 1}, cut[5] = {0x80, 8}, rtp[12] = {0x80, 8};

	open_session(r, true);
	agree_usual(r);
	peer_send_bytes(c, stun, sizeof(stun));
	peer_send_bytes(c, dtls, sizeof(dtls));
	peer_send_bytes(c, other, sizeof(other));
	peer_send_bytes(c, other, 0);
	peer_send_bytes(c, cut, sizeof(cut));
	peer_send_bytes(c, report, sizeof(report)); /* without mux */
	pass_good_one(r, 1);
	peer_send_rtcp_bytes(c, false, rtp, sizeof(rtp));
	peer_send_rtcp_bytes(c, false, report, sizeof(report));
	while (counted(r, MEDIA_C_RX_RTCP) == 0)
		pass_good_one(r, r->n_got + 1);

	assert_int_equal(counted(r, MEDIA_C_STUN), 1);
	assert_int_equal(counted(r, MEDIA_C_DTLS), 1);
	assert_int_equal(counted(r, MEDIA_C_MALFORMED), 1);
	assert_int_equal(counted(r, MEDIA_C_OTHER), 4);
}

static void forged_and_replayed_packets_go_no_further(void **state)
{
	struct rig *r = *state;
	struct peer *c = &r->peers[MEDIA_CLIENT];
	uint8_t good[PACKET_MAX], bad[PACKET_MAX];

	open_session(r, true);
	struct media_agreement ca = secure(r, MEDIA_CLIENT, SRTP_AEAD_AES_128_GCM, 9);
	struct media_agreement ga = usual(r, MEDIA_GATEWAY);
	agree(r, MEDIA_CLIENT, &ca);
	agree(r, MEDIA_GATEWAY, &ga);
	size_t len = peer_packet(c, 8, quiet, sizeof(quiet), good);
	for (size_t i = 12; i < len; i++) {
		memcpy(bad, good, len);
		bad[i] ^= 1;
		peer_send_bytes(c, bad, len);
	}
	peer_send_bytes(c, good, len);
	peer_send_bytes(c, good, len);
	pass_good_one(r, 2);

	assert_int_equal(counted(r, MEDIA_C_SRTP + SRTP_AUTH_FAILED), len - 12);
	assert_int_equal(counted(r, MEDIA_C_SRTP + SRTP_REPLAYED), 1);
	close_session(r);
	assert_int_equal(r->events[0].stats[MEDIA_CLIENT].refused, len - 11);
}

static void strangers_are_not_heard(void **state)
{
	struct rig *r = *state;
	struct media_agreement c = usual(r, MEDIA_CLIENT), g = usual(r, MEDIA_GATEWAY);

	open_session(r, true);
	c.rtp = addr_ipv4(0xc0000201, 9);
	agree(r, MEDIA_GATEWAY, &g);
	agree(r, MEDIA_CLIENT, &c);
	peer_talk(&r->peers[MEDIA_CLIENT], 8, quiet, sizeof(quiet));
	c = usual(r, MEDIA_CLIENT);
	while (counted(r, MEDIA_C_SOURCE) == 0)
		event_turn(r);
	agree(r, MEDIA_CLIENT, &c);
	pass_good_one(r, 1);
	assert_int_equal(counted(r, MEDIA_C_SOURCE), 1);
}

/* Two legs that were told to send to each other: what comes back ends there. */
static void stream_of_ours_does_not_come_round(void **state)
{
	struct rig *r = *state;
	struct media_agreement c = usual(r, MEDIA_CLIENT), g = usual(r, MEDIA_GATEWAY);

	open_session(r, true);
	c.to = g.to;
	g.rtp = r->ready.rtp[MEDIA_CLIENT];
	c.from.list[0] = g.from.list[0];
	agree(r, MEDIA_GATEWAY, &g);
	agree(r, MEDIA_CLIENT, &c);
	peer_talk(&r->peers[MEDIA_CLIENT], 0, quiet, sizeof(quiet));
	while (counted(r, MEDIA_C_LOOP) == 0)
		event_turn(r);

	assert_int_equal(counted(r, MEDIA_C_TX_RTP), 1);
}

static void leg_takes_so_many_packets_a_second(void **state)
{
	struct rig *r = *state;

	open_session(r, true);
	agree_usual(r);
	for (unsigned round = 1; round <= 2; round++) {
		r->clock.mono_ms += 1000;
		for (unsigned i = 0; i < MEDIA_PACKETS_S + 20; i++) {
			peer_talk(&r->peers[MEDIA_CLIENT], 101, "\x05\x0a\x00\xa0", 4);
			if (i % 20 == 0)
				event_turn(r);
		}
		while (counted(r, MEDIA_C_RATE) < 20 * round)
			event_turn(r);
		assert_int_equal(counted(r, MEDIA_C_RX_RTP), MEDIA_PACKETS_S * round);
		r->peers[MEDIA_GATEWAY].n_got = 0;
	}
}

/* What is cut into many packets for the other side counts for several here. */
static void long_packets_count_for_several(void **state)
{
	static const uint8_t event[484] = {5};
	struct rig *r = *state;

	open_session(r, true);
	agree_usual(r);
	for (unsigned i = 0; i < MEDIA_PACKETS_S / 2 + 20; i++) {
		peer_talk(&r->peers[MEDIA_CLIENT], 101, event, sizeof(event));
		if (i % 20 == 0)
			event_turn(r);
	}
	while (counted(r, MEDIA_C_RATE) < 20)
		event_turn(r);

	assert_int_equal(counted(r, MEDIA_C_RX_RTP), MEDIA_PACKETS_S / 2);
}

/* Twelve bytes that look like RTP are easily guessed; a type that was agreed is at least one more.
 */
static void packet_of_an_unknown_type_latches_nothing(void **state)
{
	struct rig *r = *state;
	struct media_agreement c = usual(r, MEDIA_CLIENT);

	open_session(r, true);
	c.is_latching = true;
	c.rtp = addr_ipv4(0xc0000201, 9);
	agree(r, MEDIA_CLIENT, &c);
	peer_talk(&r->peers[MEDIA_CLIENT], 77, quiet, sizeof(quiet));
	while (counted(r, MEDIA_C_UNKNOWN_TYPE) == 0)
		event_turn(r);

	assert_int_equal(r->n_events, 0);
}

/* ---- hold, latching, new keys ---- */

static void who_is_on_hold_neither_speaks_nor_hears(void **state)
{
	struct rig *r = *state;
	struct peer *g = &r->peers[MEDIA_GATEWAY];
	struct media_agreement a = usual(r, MEDIA_CLIENT);

	open_session(r, true);
	agree_usual(r);
	pass_good_one(r, 1);
	a.may_send = a.may_receive = false;
	agree(r, MEDIA_CLIENT, &a);
	peer_talk(g, 0, quiet, sizeof(quiet));
	peer_talk(&r->peers[MEDIA_CLIENT], 8, quiet, sizeof(quiet));
	while (counted(r, MEDIA_C_NO_WAY) == 0 || counted(r, MEDIA_C_NOT_AGREED) == 0)
		event_turn(r);
	a.may_send = a.may_receive = true;
	agree(r, MEDIA_CLIENT, &a);
	pass_good_one(r, 2);

	assert_int_equal(r->peers[MEDIA_CLIENT].n_got, 0);
	assert_int_equal(counted(r, MEDIA_C_NO_WAY), 1);
	assert_int_equal(counted(r, MEDIA_C_NOT_AGREED), 1);
}

/* The other side speaks on for more than half of the numbers there are. For SRTP that would be a
 * step back (RFC 3711 §3.3.1), and nothing be heard until they have come round. */
static void who_was_on_hold_for_long_hears_again(void **state)
{
	struct rig *r = *state;
	struct peer *c = &r->peers[MEDIA_CLIENT], *g = &r->peers[MEDIA_GATEWAY];

	open_session(r, true);
	struct media_agreement ca = secure(r, MEDIA_CLIENT, SRTP_AEAD_AES_128_GCM, 9);
	struct media_agreement ga = usual(r, MEDIA_GATEWAY);
	agree(r, MEDIA_CLIENT, &ca);
	agree(r, MEDIA_GATEWAY, &ga);
	peer_talk(g, 0, quiet, sizeof(quiet));
	run_until(r, 1);

	ca.may_receive = false;
	agree(r, MEDIA_CLIENT, &ca);
	for (unsigned i = 0; i < 14; i++) {
		g->sequence = (uint16_t)(g->sequence + 2900);
		peer_talk(g, 0, quiet, sizeof(quiet));
	}
	while (counted(r, MEDIA_C_NO_WAY) < 14)
		event_turn(r);
	ca.may_receive = true;
	agree(r, MEDIA_CLIENT, &ca);
	for (unsigned i = 0; i < 3; i++)
		peer_talk(g, 0, quiet, sizeof(quiet));
	run_until(r, 4);

	uint16_t first = opened(c, 0).sequence;
	for (unsigned i = 1; i < 4; i++)
		assert_int_equal(opened(c, i).sequence, (uint16_t)(first + i));
}

/* Who speaks on while he shall not is not lost by SRTP: his numbers go round meanwhile. */
static void who_has_spoken_on_hold_is_heard_again(void **state)
{
	struct rig *r = *state;
	struct peer *c = &r->peers[MEDIA_CLIENT];

	open_session(r, true);
	struct media_agreement ca = secure(r, MEDIA_CLIENT, SRTP_AEAD_AES_128_GCM, 9);
	struct media_agreement ga = usual(r, MEDIA_GATEWAY);
	agree(r, MEDIA_CLIENT, &ca);
	agree(r, MEDIA_GATEWAY, &ga);
	pass_good_one(r, 1);

	ca.may_send = false;
	agree(r, MEDIA_CLIENT, &ca);
	for (unsigned i = 0; i < 8; i++) {
		c->sequence = (uint16_t)(c->sequence + 0x4000);
		peer_talk(c, 8, quiet, sizeof(quiet));
	}
	while (counted(r, MEDIA_C_NOT_AGREED) < 8)
		event_turn(r);
	ca.may_send = true;
	agree(r, MEDIA_CLIENT, &ca);
	pass_good_one(r, 2);
	assert_int_equal(counted(r, MEDIA_C_SRTP + SRTP_AUTH_FAILED), 0);
}

/* c=0.0.0.0: the peer gets nothing; what it plays is still its own. */
static void peer_without_an_address_may_still_be_heard(void **state)
{
	struct rig *r = *state;
	struct media_agreement a = usual(r, MEDIA_CLIENT);

	open_session(r, true);
	agree_usual(r);
	a.rtp = addr_ipv4(0, 9);
	agree(r, MEDIA_CLIENT, &a);
	peer_talk(&r->peers[MEDIA_GATEWAY], 0, quiet, sizeof(quiet));
	pass_good_one(r, 1);
	while (counted(r, MEDIA_C_NO_WAY) == 0)
		event_turn(r);

	assert_int_equal(r->peers[MEDIA_GATEWAY].n_got, 1);
	assert_int_equal(r->peers[MEDIA_CLIENT].n_got, 0);
}

/* What a peer names is where packets go: not to all who listen, nor its reports. */
static void group_is_no_peer(void **state)
{
	static const uint8_t all_nodes[16] = {0xff, 0x02, [15] = 1};
	struct rig *r = *state;
	const struct addr groups[] = {addr_ipv4(0xe0000001, 9000), addr_ipv4(0xefffffff, 9000),
		addr_ipv4(0xffffffff, 9000), addr_ipv6(all_nodes, 9000)};

	open_session(r, true);
	agree_usual(r);
	for (unsigned i = 0; i < ARRAY_LEN(groups); i++) {
		struct media_agreement a = usual(r, MEDIA_CLIENT);
		a.rtp = a.rtcp = groups[i];
		agree(r, MEDIA_CLIENT, &a);
		peer_talk(&r->peers[MEDIA_GATEWAY], 0, quiet, sizeof(quiet));
		while (counted(r, MEDIA_C_RX_RTP) <= i)
			event_turn(r);
	}
	assert_int_equal(counted(r, MEDIA_C_NO_WAY), ARRAY_LEN(groups));

	struct media_agreement a = usual(r, MEDIA_CLIENT);
	a.rtcp = groups[0];
	agree(r, MEDIA_CLIENT, &a);
	peer_talk(&r->peers[MEDIA_GATEWAY], 0, quiet, sizeof(quiet));
	pass_ms(r, 6000);
	run_until(r, 1 + counted(r, MEDIA_C_TX_RTCP));
	assert_int_equal(r->peers[MEDIA_CLIENT].n_got, 1);
	assert_false(r->peers[MEDIA_CLIENT].got[0].is_rtcp);
}

static void latching_leg_sends_where_packets_come_from(void **state)
{
	struct rig *r = *state;
	struct media_agreement c = usual(r, MEDIA_CLIENT), g = usual(r, MEDIA_GATEWAY);

	open_session(r, true);
	c.is_latching = true;
	c.rtp = addr_ipv4(0xc0000201, 9); /* behind a NAT */
	agree(r, MEDIA_CLIENT, &c);
	agree(r, MEDIA_GATEWAY, &g);
	pass_good_one(r, 1);
	peer_talk(&r->peers[MEDIA_GATEWAY], 0, quiet, sizeof(quiet));
	run_until(r, 2);

	assert_int_equal(r->peers[MEDIA_CLIENT].n_got, 1);
	assert_int_equal(r->n_events, 1);
	assert_int_equal(r->events[0].kind, MEDIA_LATCHED);
	assert_true(addr_equal(&r->events[0].remote, &r->peers[MEDIA_CLIENT].rtp->local));
}

/* A re-INVITE that leaves the keys alone leaves the replay list too. */
static void keys_that_stay_keep_their_state(void **state)
{
	struct rig *r = *state;
	struct peer *c = &r->peers[MEDIA_CLIENT];
	uint8_t data[PACKET_MAX];

	open_session(r, true);
	struct media_agreement a = secure(r, MEDIA_CLIENT, SRTP_AES_CM_128_HMAC_SHA1_80, 9);
	struct media_agreement g = usual(r, MEDIA_GATEWAY);
	agree(r, MEDIA_CLIENT, &a);
	agree(r, MEDIA_GATEWAY, &g);
	size_t len = peer_packet(c, 8, quiet, sizeof(quiet), data);
	peer_send_bytes(c, data, len);
	run_until(r, 1);
	agree(r, MEDIA_CLIENT, &a);
	peer_send_bytes(c, data, len);
	pass_good_one(r, 2);
	assert_int_equal(counted(r, MEDIA_C_SRTP + SRTP_REPLAYED), 1);

	a = secure(r, MEDIA_CLIENT, SRTP_AES_CM_128_HMAC_SHA1_80, 20);
	agree(r, MEDIA_CLIENT, &a);
	peer_send_bytes(c, data, len);
	pass_good_one(r, 3);
	assert_int_equal(counted(r, MEDIA_C_SRTP + SRTP_AUTH_FAILED), 1);
}

/* Nor is a key that is given another lifetime a new one, neither way: what has passed under it may
 * not pass again (RFC 3711 §9.1). */
static void lifetime_is_no_part_of_the_key(void **state)
{
	struct rig *r = *state;
	struct peer *c = &r->peers[MEDIA_CLIENT];
	uint8_t data[PACKET_MAX];

	open_session(r, true);
	struct media_agreement a = secure(r, MEDIA_CLIENT, SRTP_AEAD_AES_128_GCM, 9);
	struct media_agreement g = usual(r, MEDIA_GATEWAY);
	agree(r, MEDIA_CLIENT, &a);
	agree(r, MEDIA_GATEWAY, &g);
	size_t len = peer_packet(c, 8, quiet, sizeof(quiet), data);
	peer_send_bytes(c, data, len);
	run_until(r, 1);
	pass_ms(r, 1500); /* a report on each side */
	a.lifetime = 1 << 20;
	agree(r, MEDIA_CLIENT, &a);
	peer_send_bytes(c, data, len);
	while (counted(r, MEDIA_C_SRTP + SRTP_REPLAYED) == 0)
		event_turn(r);
	pass_ms(r, RTP_REPORT_MS);
	run_until(r, 1 + counted(r, MEDIA_C_TX_RTCP));

	assert_in_range(c->n_got, 2, 4);
	for (size_t i = 0; i < c->n_got; i++) {
		struct got *got = &c->got[i];
		assert_true(got->is_rtcp);
		assert_int_equal(
			srtp_session_unprotect_rtcp(c->from, got->data, &got->len), SRTP_OK);
	}
}

/* RFC 4568 §6.1: each side says what its own packets have. */
static void packets_have_the_mki_that_was_agreed(void **state)
{
	struct rig *r = *state;
	struct peer *c = &r->peers[MEDIA_CLIENT], *g = &r->peers[MEDIA_GATEWAY];
	uint8_t data[PACKET_MAX];

	open_session(r, true);
	struct media_agreement a = secure(r, MEDIA_CLIENT, SRTP_AES_CM_128_HMAC_SHA1_80, 9);
	struct media_agreement ga = usual(r, MEDIA_GATEWAY);
	a.mki_from = (struct srtp_mki){1, 4};
	a.mki_to = (struct srtp_mki){7, 1};
	agree(r, MEDIA_CLIENT, &a);
	agree(r, MEDIA_GATEWAY, &ga);
	srtp_session_mki_set(c->to, (struct srtp_mki){2, 4});
	peer_send_bytes(c, data, peer_packet(c, 8, quiet, sizeof(quiet), data));
	while (counted(r, MEDIA_C_SRTP + SRTP_WRONG_MKI) == 0)
		event_turn(r);
	srtp_session_mki_set(c->to, (struct srtp_mki){1, 4});
	peer_talk(c, 8, quiet, sizeof(quiet));
	run_until(r, 1);
	assert_int_equal(g->n_got, 1);

	peer_talk(g, 0, quiet, sizeof(quiet));
	run_until(r, 2);
	assert_int_equal(c->n_got, 1);
	srtp_session_mki_set(c->from, (struct srtp_mki){7, 1});
	assert_int_equal(srtp_session_unprotect(c->from, c->got[0].data, &c->got[0].len), SRTP_OK);
	assert_int_equal(counted(r, MEDIA_C_SRTP + SRTP_WRONG_MKI), 1);
}

/* RFC 3711 §9.1: no number twice under one key, of RTP or of reports. The suite changes and changes
 * back, and so do our keys, of which there is one for each. */
static void key_that_comes_back_finds_another_source(void **state)
{
	struct rig *r = *state;
	struct peer *c = &r->peers[MEDIA_CLIENT], *g = &r->peers[MEDIA_GATEWAY];
	uint32_t ssrc[3];

	open_session(r, true);
	struct media_agreement ga = usual(r, MEDIA_GATEWAY);
	agree(r, MEDIA_GATEWAY, &ga);
	for (unsigned i = 0; i < 3; i++) {
		bool is_first = i % 2 == 0;
		struct media_agreement a = secure(r, MEDIA_CLIENT,
			is_first ? SRTP_AEAD_AES_128_GCM : SRTP_AES_CM_128_HMAC_SHA1_80,
			is_first ? 9 : 20);
		agree(r, MEDIA_CLIENT, &a);
		peer_talk(g, 0, quiet, sizeof(quiet));
		run_until(r, i + 1);
		struct rtp_packet p = opened(c, i);
		ssrc[i] = p.ssrc;
		assert_in_range(p.sequence, 1, 0x8001);
		assert_int_equal(r->media->slots[r->ready.id.index]
					 .session->legs[MEDIA_CLIENT]
					 .reporter.ssrc,
			p.ssrc);
	}

	assert_int_equal(ssrc[0], ssrc[1]);
	assert_int_not_equal(ssrc[0], ssrc[2]);
}

/* Each of several callees counts the rounds of our numbers from 0. */
static void another_callee_finds_another_source(void **state)
{
	struct rig *r = *state;
	struct peer *c = &r->peers[MEDIA_CLIENT], *g = &r->peers[MEDIA_GATEWAY];
	static const uint64_t peers[] = {7, 7, 8};
	uint32_t ssrc[3];

	open_session(r, true);
	struct media_agreement ga = usual(r, MEDIA_GATEWAY);
	agree(r, MEDIA_GATEWAY, &ga);
	for (unsigned i = 0; i < 3; i++) {
		struct media_agreement a = secure(r, MEDIA_CLIENT, SRTP_AEAD_AES_128_GCM, 9);
		a.peer = peers[i];
		agree(r, MEDIA_CLIENT, &a);
		peer_talk(g, 0, quiet, sizeof(quiet));
		run_until(r, i + 1);
		ssrc[i] = opened(c, i).ssrc;
	}
	assert_int_equal(ssrc[0], ssrc[1]);
	assert_int_not_equal(ssrc[1], ssrc[2]);
}

/* However many have rung, the one who answers hears. */
static void callees_may_be_many(void **state)
{
	struct rig *r = *state;
	struct peer *g = &r->peers[MEDIA_GATEWAY];

	open_session(r, true);
	struct media_agreement ga = usual(r, MEDIA_GATEWAY);
	agree(r, MEDIA_GATEWAY, &ga);
	for (unsigned i = 0; i < SRTP_STREAMS_MAX + 2; i++) {
		struct media_agreement a = secure(r, MEDIA_CLIENT, SRTP_AEAD_AES_128_GCM, 9);
		a.peer = i;
		agree(r, MEDIA_CLIENT, &a);
		peer_talk(g, 0, quiet, sizeof(quiet));
		while (counted(r, MEDIA_C_RX_RTP) <= i)
			event_turn(r);
	}
	assert_int_equal(counted(r, MEDIA_C_TX_RTP), SRTP_STREAMS_MAX + 2);
	assert_int_equal(counted(r, MEDIA_C_SRTP + SRTP_STREAMS), 0);
}

/* A peer with another key may be another one: after a round of our numbers he is sent a stream that
 * begins. */
static void another_key_of_the_peer_finds_another_source_after_a_round(void **state)
{
	struct rig *r = *state;
	struct peer *c = &r->peers[MEDIA_CLIENT], *g = &r->peers[MEDIA_GATEWAY];
	uint32_t ssrc[3];

	open_session(r, true);
	struct media_agreement ga = usual(r, MEDIA_GATEWAY);
	struct media_agreement a = secure(r, MEDIA_CLIENT, SRTP_AEAD_AES_128_GCM, 9);
	struct media_leg *l = &r->media->slots[r->ready.id.index].session->legs[MEDIA_CLIENT];
	agree(r, MEDIA_GATEWAY, &ga);
	for (unsigned i = 0; i < 3; i++) {
		a.master_from[0]++;
		agree(r, MEDIA_CLIENT, &a);
		peer_talk(g, 0, quiet, sizeof(quiet));
		run_until(r, i + 1);
		ssrc[i] = opened(c, i).ssrc;
		if (i == 1)
			assert_int_equal(srtp_session_rollover_set(l->to, ssrc[1], 1), SRTP_OK);
	}
	assert_int_equal(ssrc[0], ssrc[1]);
	assert_int_not_equal(ssrc[1], ssrc[2]);
}

static void agreement_that_cannot_be_kept_leaves_the_one_before(void **state)
{
	struct rig *r = *state;
	struct media_agreement a = usual(r, MEDIA_CLIENT);

	open_session(r, true);
	agree_usual(r);
	a.packet_ms = RTP_PACKET_MS_MAX + 1;
	agree(r, MEDIA_CLIENT, &a);
	a.packet_ms = MEDIA_PACKET_MS_MIN - 1;
	agree(r, MEDIA_CLIENT, &a);
	a = usual(r, MEDIA_CLIENT);
	a.from.n = RTP_FORMATS_MAX + 1;
	agree(r, MEDIA_CLIENT, &a);
	pass_good_one(r, 1);

	assert_int_equal(r->n_events, 3);
	assert_int_equal(r->events[1].kind, MEDIA_REFUSED);
	assert_int_equal(r->events[1].rc, ERR_UNSUPPORTED);
}

static void key_that_is_spent_is_told_once(void **state)
{
	struct rig *r = *state;

	open_session(r, true);
	struct media_agreement a = secure(r, MEDIA_CLIENT, SRTP_AES_CM_128_HMAC_SHA1_80, 9);
	struct media_agreement g = usual(r, MEDIA_GATEWAY);
	a.lifetime = 2;
	agree(r, MEDIA_CLIENT, &a);
	agree(r, MEDIA_GATEWAY, &g);
	for (unsigned i = 0; i < 5; i++)
		peer_talk(&r->peers[MEDIA_CLIENT], 8, quiet, sizeof(quiet));
	while (counted(r, MEDIA_C_SRTP + SRTP_KEY_SPENT) < 3)
		event_turn(r);
	run_until(r, 2);

	assert_int_equal(r->peers[MEDIA_GATEWAY].n_got, 2);
	assert_int_equal(r->n_events, 1);
	assert_int_equal(r->events[0].kind, MEDIA_KEY_SPENT);
	assert_int_equal(r->events[0].side, MEDIA_CLIENT);
}

int main(void)
{
	const struct CMUnitTest t[] = {
		cmocka_unit_test_setup_teardown(
			session_has_even_ports_and_those_next_to_them, rig_setup, rig_teardown),
		cmocka_unit_test_setup_teardown(
			session_without_ports_for_rtcp_has_one_a_leg, rig_setup, rig_teardown),
		cmocka_unit_test_setup_teardown(
			closed_session_leaves_nothing, rig_setup, rig_teardown),
		cmocka_unit_test_setup_teardown(sessions_are_bounded, rig_setup, rig_teardown),
		cmocka_unit_test_setup_teardown(
			session_without_descriptors_is_refused_whole, rig_setup, rig_teardown),
		cmocka_unit_test_setup_teardown(
			session_without_ports_is_refused_until_some_come_back, rig_setup,
			rig_teardown),
		cmocka_unit_test_setup_teardown(answer_that_cannot_be_passed_on_closes_the_session,
			rig_setup, rig_teardown),
		cmocka_unit_test_setup_teardown(old_ids_are_nobodys, rig_setup, rig_teardown),
		cmocka_unit_test_setup_teardown(
			session_is_opened_agreed_on_and_closed_directly, rig_setup, rig_teardown),
		cmocka_unit_test_setup_teardown(tones_pass_in_the_clear, rig_setup, rig_teardown),
		cmocka_unit_test_setup_teardown(
			tones_pass_from_srtp_to_rtp, rig_setup, rig_teardown),
		cmocka_unit_test_setup_teardown(
			client_never_hears_in_the_clear, rig_setup, rig_teardown),
		cmocka_unit_test_setup_teardown(
			audio_is_marked_for_its_class, rig_setup, rig_teardown),
		cmocka_unit_test_setup_teardown(
			keys_go_with_events_in_their_new_number, rig_setup, rig_teardown),
		cmocka_unit_test_setup_teardown(
			nothing_passes_before_both_sides_have_agreed, rig_setup, rig_teardown),
		cmocka_unit_test_setup_teardown(
			other_protocols_are_counted_and_dropped, rig_setup, rig_teardown),
		cmocka_unit_test_setup_teardown(
			forged_and_replayed_packets_go_no_further, rig_setup, rig_teardown),
		cmocka_unit_test_setup_teardown(strangers_are_not_heard, rig_setup, rig_teardown),
		cmocka_unit_test_setup_teardown(
			stream_of_ours_does_not_come_round, rig_setup, rig_teardown),
		cmocka_unit_test_setup_teardown(
			leg_takes_so_many_packets_a_second, rig_setup, rig_teardown),
		cmocka_unit_test_setup_teardown(
			long_packets_count_for_several, rig_setup, rig_teardown),
		cmocka_unit_test_setup_teardown(
			packet_of_an_unknown_type_latches_nothing, rig_setup, rig_teardown),
		cmocka_unit_test_setup_teardown(
			who_is_on_hold_neither_speaks_nor_hears, rig_setup, rig_teardown),
		cmocka_unit_test_setup_teardown(
			who_was_on_hold_for_long_hears_again, rig_setup, rig_teardown),
		cmocka_unit_test_setup_teardown(
			who_has_spoken_on_hold_is_heard_again, rig_setup, rig_teardown),
		cmocka_unit_test_setup_teardown(
			peer_without_an_address_may_still_be_heard, rig_setup, rig_teardown),
		cmocka_unit_test_setup_teardown(group_is_no_peer, rig_setup, rig_teardown),
		cmocka_unit_test_setup_teardown(
			latching_leg_sends_where_packets_come_from, rig_setup, rig_teardown),
		cmocka_unit_test_setup_teardown(
			keys_that_stay_keep_their_state, rig_setup, rig_teardown),
		cmocka_unit_test_setup_teardown(
			packets_have_the_mki_that_was_agreed, rig_setup, rig_teardown),
		cmocka_unit_test_setup_teardown(
			lifetime_is_no_part_of_the_key, rig_setup, rig_teardown),
		cmocka_unit_test_setup_teardown(
			key_that_comes_back_finds_another_source, rig_setup, rig_teardown),
		cmocka_unit_test_setup_teardown(
			another_callee_finds_another_source, rig_setup, rig_teardown),
		cmocka_unit_test_setup_teardown(callees_may_be_many, rig_setup, rig_teardown),
		cmocka_unit_test_setup_teardown(
			another_key_of_the_peer_finds_another_source_after_a_round, rig_setup,
			rig_teardown),
		cmocka_unit_test_setup_teardown(agreement_that_cannot_be_kept_leaves_the_one_before,
			rig_setup, rig_teardown),
		cmocka_unit_test_setup_teardown(
			key_that_is_spent_is_told_once, rig_setup, rig_teardown),
	};

	return cmocka_run_group_tests(t, NULL, NULL) != 0;
}
