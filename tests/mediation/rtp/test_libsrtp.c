/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * The same packets through our SRTP and through libsrtp2: what either protects, the other opens;
 * both make the same bytes; and both take and refuse the same packets, whatever becomes of them on
 * the way.
 */
#include <stdio.h>
#ifndef HAVE_SRTP
int main(void)
{
	puts("SKIP: built without libsrtp2 (libsrtp2-dev)");
	return 77;
}
#else
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <cmocka.h>
#include <srtp2/srtp.h>
#include <sallyport/mediation/rtp.h>
#include <sallyport/mediation/rtp/srtp.h>

#define CAP     65600
#define SSRC    0xcafebabe
#define SMALL   2048
#define PACKETS 700

struct suite {
	enum srtp_suite ours;
	void (*rtp)(srtp_crypto_policy_t *p);
	void (*rtcp)(srtp_crypto_policy_t *p);
};
static const struct suite suites[] = {
	{SRTP_AES_CM_128_HMAC_SHA1_80, srtp_crypto_policy_set_rtp_default,
		srtp_crypto_policy_set_rtp_default},
	{SRTP_AES_CM_128_HMAC_SHA1_32, srtp_crypto_policy_set_aes_cm_128_hmac_sha1_32,
		srtp_crypto_policy_set_rtp_default},
	{SRTP_AES_256_CM_HMAC_SHA1_80, srtp_crypto_policy_set_aes_cm_256_hmac_sha1_80,
		srtp_crypto_policy_set_aes_cm_256_hmac_sha1_80},
	{SRTP_AES_256_CM_HMAC_SHA1_32, srtp_crypto_policy_set_aes_cm_256_hmac_sha1_32,
		srtp_crypto_policy_set_aes_cm_256_hmac_sha1_80},
	{SRTP_AEAD_AES_128_GCM, srtp_crypto_policy_set_aes_gcm_128_16_auth,
		srtp_crypto_policy_set_aes_gcm_128_16_auth},
	{SRTP_AEAD_AES_256_GCM, srtp_crypto_policy_set_aes_gcm_256_16_auth,
		srtp_crypto_policy_set_aes_gcm_256_16_auth},
};

/* Numbers that are the same in every run. */
struct numbers {
	uint64_t x;
};
static uint32_t below(struct numbers *n, uint32_t bound)
{
	n->x = n->x * 6364136223846793005u + 1442695040888963407u;
	return (uint32_t)(n->x >> 33) % bound;
}

/* ---- a session on each side, under one master key ---- */

struct both {
	struct srtp_session *ours;
	srtp_t theirs;
};

static struct both both_of(const struct suite *s, enum srtp_direction direction, uint8_t seed)
{
	struct both b;
	uint8_t master[SRTP_MASTER_MAX];
	for (size_t i = 0; i < sizeof(master); i++)
		master[i] = (uint8_t)(seed + 7 * i);
	struct srtp_config c = {s->ours, direction, bytes_of(master, srtp_master_len(s->ours)), 0};
	srtp_policy_t p = {
		.ssrc = {.type = direction == SRTP_PROTECT ? ssrc_any_outbound : ssrc_any_inbound},
		.key = master,
		.window_size = SRTP_WINDOW,
	};

	s->rtp(&p.rtp);
	s->rtcp(&p.rtcp);
	assert_int_equal(srtp_session_create(&c, &b.ours), 0);
	assert_int_equal(srtp_create(&b.theirs, &p), srtp_err_status_ok);
	return b;
}

static void both_end(struct both *b)
{
	srtp_session_destroy(b->ours);
	assert_int_equal(srtp_dealloc(b->theirs), srtp_err_status_ok);
}

/* ---- packets of every shape ---- */

static size_t random_packet(struct numbers *n, uint8_t *out, uint16_t sequence, size_t payload)
{
	uint8_t csrc[4 * RTP_CSRC_MAX], extension[64];
	static uint8_t text[CAP];
	struct rtp_packet p = {
		.has_marker = below(n, 2),
		.payload_type = (uint8_t)below(n, 64),
		.sequence = sequence,
		.timestamp = below(n, UINT32_MAX),
		.ssrc = SSRC,
		.n_csrc = (uint8_t)(below(n, 3) == 0 ? below(n, 16) : 0),
		.csrc = csrc,
		.has_extension = below(n, 3) == 0,
		.profile = RTP_PROFILE_ONE_BYTE,
		.extension = bytes_of(extension, 4 * (size_t)below(n, 17)),
		.payload = bytes_of(text, payload),
		.padding = (uint8_t)(payload > 0 && below(n, 4) == 0 ? below(n, 8) : 0),
	};
	size_t len;

	memset(csrc, 0x11, sizeof(csrc));
	memset(extension, 0x22, sizeof(extension));
	for (size_t i = 0; i < payload; i++)
		text[i] = (uint8_t)(i + sequence);
	assert_int_equal(rtp_encode(&p, out, CAP - SRTP_OVERHEAD, &len), 0);
	return len;
}

static size_t random_report(struct numbers *n, uint8_t *out)
{
	static const struct rtcp_report reports[RTCP_REPORTS_MAX];
	struct rtcp_sender sender = {.ssrc = SSRC, .timestamp = below(n, UINT32_MAX)};
	struct rtcp_writer w;

	rtcp_writer_init(&w, out, SMALL);
	if (below(n, 2))
		rtcp_write_sr(&w, &sender, reports, below(n, RTCP_REPORTS_MAX));
	else
		rtcp_write_rr(&w, SSRC, reports, below(n, RTCP_REPORTS_MAX));
	if (below(n, 2))
		rtcp_write_cname(&w, SSRC, bytes_str("someone"));
	assert_false(w.failed);
	return w.len;
}

/* ---- protecting ---- */

/* Both make the same of DATA, which becomes that. */
static size_t protect_both(struct both *tx, uint8_t *data, size_t len)
{
	static uint8_t copy[CAP + SRTP_MAX_TRAILER_LEN];
	int copy_len = (int)len;

	memcpy(copy, data, len);
	assert_int_equal(srtp_protect(tx->theirs, copy, &copy_len), srtp_err_status_ok);
	assert_int_equal(srtp_session_protect(tx->ours, data, &len, CAP), SRTP_OK);
	assert_int_equal(len, copy_len);
	assert_memory_equal(data, copy, len);
	return len;
}

static void check_protect(const struct suite *s)
{
	static uint8_t data[CAP], was[CAP];
	struct both tx = both_of(s, SRTP_PROTECT, 1), rx = both_of(s, SRTP_UNPROTECT, 1);
	struct numbers n = {s->ours};

	/* 65300 and on: over the edge, in steps of one to three. */
	uint16_t sequence = 65300;
	for (unsigned i = 0; i < PACKETS; i++, sequence += 1 + below(&n, 3)) {
		size_t payload = i % 50 == 0 ? 0 : below(&n, 1400);
		size_t plain = random_packet(&n, data, sequence, payload);
		memcpy(was, data, plain);
		size_t len = protect_both(&tx, data, plain);
		uint8_t copy[SMALL + SRTP_OVERHEAD];
		assert_true(len <= sizeof(copy));
		memcpy(copy, data, len);
		int copy_len = (int)len;
		assert_int_equal(srtp_unprotect(rx.theirs, copy, &copy_len), srtp_err_status_ok);
		assert_int_equal(srtp_session_unprotect(rx.ours, data, &len), SRTP_OK);
		assert_int_equal(len, plain);
		assert_int_equal(copy_len, plain);
		assert_memory_equal(data, was, plain);
		assert_memory_equal(copy, was, plain);
	}
	uint32_t roc;
	assert_true(srtp_session_rollover(rx.ours, SSRC, &roc));
	assert_int_equal(roc, 1);
	both_end(&tx);
	both_end(&rx);
}

static void protected_packets_are_the_same_bytes(void **state)
{
	for (size_t i = 0; i < ARRAY_LEN(suites); i++)
		check_protect(&suites[i]);
}

static void longest_packets_are_the_same_bytes(void **state)
{
	static uint8_t data[CAP];

	for (size_t i = 0; i < ARRAY_LEN(suites); i++) {
		struct both tx = both_of(&suites[i], SRTP_PROTECT, 1);
		struct both rx = both_of(&suites[i], SRTP_UNPROTECT, 1);
		struct numbers n = {1};
		size_t most = 65535 - SRTP_OVERHEAD - 12 - 60 - 68 - 8;
		size_t plain = random_packet(&n, data, 1, most);
		size_t len = protect_both(&tx, data, plain);
		assert_int_equal(srtp_session_unprotect(rx.ours, data, &len), SRTP_OK);
		assert_int_equal(len, plain);
		both_end(&tx);
		both_end(&rx);
	}
}

/* Their index of SRTCP begins at 1, ours at 0, as RFC 3711 §3.4 says. */
static void protected_reports_are_the_same_bytes(void **state)
{
	for (size_t i = 0; i < ARRAY_LEN(suites); i++) {
		struct both tx = both_of(&suites[i], SRTP_PROTECT, 1);
		struct numbers n = {i};
		uint8_t data[SMALL], copy[SMALL];
		size_t len = random_report(&n, data);
		assert_int_equal(srtp_session_protect_rtcp(tx.ours, data, &len, SMALL), SRTP_OK);
		for (unsigned k = 0; k < 200; k++) {
			len = random_report(&n, data);
			memcpy(copy, data, len);
			int copy_len = (int)len;
			assert_int_equal(
				srtp_protect_rtcp(tx.theirs, copy, &copy_len), srtp_err_status_ok);
			assert_int_equal(
				srtp_session_protect_rtcp(tx.ours, data, &len, SMALL), SRTP_OK);
			assert_int_equal(len, copy_len);
			assert_memory_equal(data, copy, len);
		}
		both_end(&tx);
	}
}

/* ---- unprotecting what loss, doubling, reordering and change have left ---- */

struct sent {
	size_t len;
	uint8_t data[SMALL];
};

static void check_same(enum srtp_result ours, srtp_err_status_t theirs, bool is_changed)
{
	assert_int_equal(ours == SRTP_OK, theirs == srtp_err_status_ok);
	/* Of changed ones we say what is wrong with their form, they that the tag is wrong. */
	if (is_changed)
		return;
	assert_int_equal(ours == SRTP_REPLAYED, theirs == srtp_err_status_replay_fail);
	assert_int_equal(ours == SRTP_TOO_OLD, theirs == srtp_err_status_replay_old);
	assert_int_equal(ours == SRTP_AUTH_FAILED, theirs == srtp_err_status_auth_fail);
}

static void receive_both(struct both *rx, const struct sent *s, bool is_report, bool is_changed)
{
	uint8_t a[SMALL], b[SMALL];
	size_t a_len = s->len;
	int b_len = (int)s->len;
	srtp_err_status_t theirs;
	enum srtp_result ours;

	memcpy(a, s->data, s->len);
	memcpy(b, s->data, s->len);
	if (is_report) {
		theirs = srtp_unprotect_rtcp(rx->theirs, b, &b_len);
		ours = srtp_session_unprotect_rtcp(rx->ours, a, &a_len);
	} else {
		theirs = srtp_unprotect(rx->theirs, b, &b_len);
		ours = srtp_session_unprotect(rx->ours, a, &a_len);
	}
	check_same(ours, theirs, is_changed);
	if (ours == SRTP_OK) {
		assert_int_equal(a_len, b_len);
		assert_memory_equal(a, b, a_len);
	}
}

/* Any packet up to 300 behind the newest; one in eight with a byte changed. */
static void receive_disorder(
	struct both *rx, struct numbers *n, const struct sent *all, bool is_report)
{
	for (unsigned i = 0; i < 6 * PACKETS; i++) {
		unsigned newest = i / 6, back = below(n, below(n, 8) == 0 ? 300 : 20);
		struct sent s = all[newest > back ? newest - back : 0];
		bool is_changed = below(n, 8) == 0;
		if (is_changed)
			s.data[below(n, (uint32_t)s.len)] ^= (uint8_t)(1 + below(n, 255));
		receive_both(rx, &s, is_report, is_changed);
	}
}

static void same_packets_pass_and_fail(void **state)
{
	static struct sent all[PACKETS];

	for (size_t i = 0; i < ARRAY_LEN(suites); i++) {
		struct both tx = both_of(&suites[i], SRTP_PROTECT, 1);
		struct both rx = both_of(&suites[i], SRTP_UNPROTECT, 1);
		struct numbers n = {100 + i};
		uint16_t sequence = 65300;
		for (unsigned k = 0; k < PACKETS; k++) {
			all[k].len = random_packet(&n, all[k].data, sequence, below(&n, 300));
			assert_int_equal(srtp_session_protect(tx.ours, all[k].data, &all[k].len,
						 sizeof(all[k].data)),
				SRTP_OK);
			/* Now and then a gap of many thousand. */
			sequence += below(&n, 100) == 0 ? below(&n, 30000) : 1;
		}
		receive_disorder(&rx, &n, all, false);
		assert_true(srtp_session_count(rx.ours, SRTP_OK) > PACKETS / 2);
		assert_true(srtp_session_count(rx.ours, SRTP_REPLAYED) > 0);
		assert_true(srtp_session_count(rx.ours, SRTP_TOO_OLD) > 0);
		assert_true(srtp_session_count(rx.ours, SRTP_AUTH_FAILED) > 0);
		both_end(&tx);
		both_end(&rx);
	}
}

static void same_reports_pass_and_fail(void **state)
{
	static struct sent all[PACKETS];

	for (size_t i = 0; i < ARRAY_LEN(suites); i++) {
		struct both tx = both_of(&suites[i], SRTP_PROTECT, 1);
		struct both rx = both_of(&suites[i], SRTP_UNPROTECT, 1);
		struct numbers n = {200 + i};
		for (unsigned k = 0; k < PACKETS; k++) {
			int len;
			all[k].len = random_report(&n, all[k].data);
			len = (int)all[k].len;
			assert_int_equal(srtp_protect_rtcp(tx.theirs, all[k].data, &len),
				srtp_err_status_ok);
			all[k].len = (size_t)len;
		}
		receive_disorder(&rx, &n, all, true);
		assert_true(srtp_session_count(rx.ours, SRTP_OK) > PACKETS / 2);
		assert_true(srtp_session_count(rx.ours, SRTP_REPLAYED) > 0);
		assert_true(srtp_session_count(rx.ours, SRTP_TOO_OLD) > 0);
		both_end(&tx);
		both_end(&rx);
	}
}

static void other_keys_open_nothing(void **state)
{
	for (size_t i = 0; i < ARRAY_LEN(suites); i++) {
		struct both tx = both_of(&suites[i], SRTP_PROTECT, 1);
		struct both rx = both_of(&suites[i], SRTP_UNPROTECT, 2);
		struct numbers n = {i};
		struct sent s;
		int len;
		s.len = random_packet(&n, s.data, 5, 160);
		len = (int)s.len;
		assert_int_equal(srtp_protect(tx.theirs, s.data, &len), srtp_err_status_ok);
		s.len = (size_t)len;
		receive_both(&rx, &s, false, false);
		s.len = random_report(&n, s.data);
		assert_int_equal(
			srtp_session_protect_rtcp(tx.ours, s.data, &s.len, SMALL), SRTP_OK);
		receive_both(&rx, &s, true, false);
		assert_int_equal(srtp_session_count(rx.ours, SRTP_AUTH_FAILED), 2);
		both_end(&tx);
		both_end(&rx);
	}
}

static void every_changed_byte_is_noticed_by_both(void **state)
{
	for (size_t i = 0; i < ARRAY_LEN(suites); i++) {
		struct both tx = both_of(&suites[i], SRTP_PROTECT, 1);
		struct both rx = both_of(&suites[i], SRTP_UNPROTECT, 1);
		struct numbers n = {i};
		struct sent s, bad;
		for (unsigned k = 0; k < 20; k++) {
			s.len = random_packet(&n, s.data, (uint16_t)k, 100);
			s.len = protect_both(&tx, s.data, s.len);
			for (size_t at = 0; at < s.len; at++) {
				bad = s;
				bad.data[at] ^= 0xff;
				receive_both(&rx, &bad, false, true);
			}
			receive_both(&rx, &s, false, false);
		}
		assert_int_equal(srtp_session_count(rx.ours, SRTP_OK), 20);
		both_end(&tx);
		both_end(&rx);
	}
}

/* ---- packets that say what their key is called ---- */

#define MASTER_KEYS 1

struct named {
	struct srtp_session *ours;
	srtp_t theirs;
	uint8_t master[SRTP_MASTER_MAX], mki[SRTP_MKI_MAX];
	srtp_master_key_t key;
	srtp_master_key_t *keys[MASTER_KEYS];
};

static void named_init(
	struct named *n, const struct suite *s, enum srtp_direction direction, struct srtp_mki mki)
{
	uint8_t all[SRTP_MKI_MAX];

	memset(n->master, 0x5a, sizeof(n->master));
	be64_put(all, mki.value);
	memcpy(n->mki, all + sizeof(all) - mki.len, mki.len);
	n->key = (srtp_master_key_t){n->master, n->mki, mki.len};
	n->keys[0] = &n->key;
	struct srtp_config c = {
		s->ours, direction, bytes_of(n->master, srtp_master_len(s->ours)), 0};
	srtp_policy_t p = {
		.ssrc = {.type = direction == SRTP_PROTECT ? ssrc_any_outbound : ssrc_any_inbound},
		.keys = n->keys,
		.num_master_keys = MASTER_KEYS,
		.window_size = SRTP_WINDOW,
	};
	s->rtp(&p.rtp);
	s->rtcp(&p.rtcp);
	assert_int_equal(srtp_session_create(&c, &n->ours), 0);
	srtp_session_mki_set(n->ours, mki);
	assert_int_equal(srtp_create(&n->theirs, &p), srtp_err_status_ok);
}

static void named_end(struct named *n)
{
	srtp_session_destroy(n->ours);
	assert_int_equal(srtp_dealloc(n->theirs), srtp_err_status_ok);
}

static bool has_short_tag(enum srtp_suite s)
{
	return s == SRTP_AES_CM_128_HMAC_SHA1_32 || s == SRTP_AES_256_CM_HMAC_SHA1_32;
}

/* Ours says WANT, and theirs opens it, too, or not either. libsrtp2 2.5 looks for the MKI of a
 * report in front of a tag as long as that of RTP: with the short ones it opens none. */
static void open_named(struct named *rx, enum srtp_suite suite, const struct sent *s,
	bool is_report, enum srtp_result want)
{
	uint8_t a[SMALL], b[SMALL];
	size_t a_len = s->len;
	int b_len = (int)s->len;

	memcpy(a, s->data, s->len);
	enum srtp_result ours = is_report ? srtp_session_unprotect_rtcp(rx->ours, a, &a_len)
					  : srtp_session_unprotect(rx->ours, a, &a_len);
	assert_int_equal(ours, want);
	if (is_report && has_short_tag(suite))
		return;
	memcpy(b, s->data, s->len);
	srtp_err_status_t theirs = is_report ? srtp_unprotect_rtcp_mki(rx->theirs, b, &b_len, 1)
					     : srtp_unprotect_mki(rx->theirs, b, &b_len, 1);
	assert_int_equal(theirs == srtp_err_status_ok, want == SRTP_OK);
	if (want == SRTP_OK) {
		assert_int_equal(a_len, b_len);
		assert_memory_equal(a, b, a_len);
	}
}

/* The same plain packet from both. */
static void protect_named(struct named *tx, struct sent *s, bool is_report)
{
	uint8_t copy[SMALL];
	int len = (int)s->len;

	memcpy(copy, s->data, s->len);
	if (is_report) {
		assert_int_equal(
			srtp_protect_rtcp_mki(tx->theirs, copy, &len, 1, 0), srtp_err_status_ok);
		assert_int_equal(
			srtp_session_protect_rtcp(tx->ours, s->data, &s->len, SMALL), SRTP_OK);
	} else {
		assert_int_equal(
			srtp_protect_mki(tx->theirs, copy, &len, 1, 0), srtp_err_status_ok);
		assert_int_equal(srtp_session_protect(tx->ours, s->data, &s->len, SMALL), SRTP_OK);
	}
	assert_int_equal(s->len, len);
	assert_memory_equal(s->data, copy, s->len);
}

/* Where the MKI of S begins. */
static size_t mki_place(const struct suite *u, const struct sent *s, size_t mki_len, bool is_report)
{
	bool is_aead = u->ours >= SRTP_AEAD_AES_128_GCM;
	size_t tag_len = has_short_tag(u->ours) && !is_report ? 4 : 10;

	return s->len - mki_len - (is_aead ? 0 : tag_len);
}

static void check_named(const struct suite *u, struct srtp_mki mki)
{
	struct named tx, rx;
	struct numbers n = {u->ours + mki.len};
	struct sent skip = {0};

	named_init(&tx, u, SRTP_PROTECT, mki);
	named_init(&rx, u, SRTP_UNPROTECT, mki);
	skip.len = random_report(&n, skip.data); /* our index of SRTCP begins at 0, theirs at 1 */
	assert_int_equal(srtp_session_protect_rtcp(tx.ours, skip.data, &skip.len, SMALL), SRTP_OK);
	for (uint16_t k = 0; k < 60; k++) {
		bool is_report = k % 3 == 2;
		struct sent s, bad;
		s.len = is_report ? random_report(&n, s.data)
				  : random_packet(&n, s.data, k, below(&n, 400));
		protect_named(&tx, &s, is_report);
		bad = s;
		bad.data[mki_place(u, &s, mki.len, is_report) + below(&n, mki.len)] ^= 1;
		open_named(&rx, u->ours, &bad, is_report, SRTP_WRONG_MKI);
		open_named(&rx, u->ours, &s, is_report, SRTP_OK);
		open_named(&rx, u->ours, &s, is_report, SRTP_REPLAYED);
	}
	assert_int_equal(srtp_session_count(rx.ours, SRTP_WRONG_MKI), 60);
	named_end(&tx);
	named_end(&rx);
}

static void packets_with_an_mki_are_the_same_bytes(void **state)
{
	static const struct srtp_mki all[] = {{1, 1}, {1, 4}, {0x123456789abcdef0, 8}, {0, 2}};

	for (size_t i = 0; i < ARRAY_LEN(suites); i++)
		for (size_t k = 0; k < ARRAY_LEN(all); k++)
			check_named(&suites[i], all[k]);
}

static int start(void **state)
{
	return srtp_init() == srtp_err_status_ok ? 0 : -1;
}

static int stop(void **state)
{
	return srtp_shutdown() == srtp_err_status_ok ? 0 : -1;
}

int main(void)
{
	const struct CMUnitTest t[] = {
		cmocka_unit_test(protected_packets_are_the_same_bytes),
		cmocka_unit_test(longest_packets_are_the_same_bytes),
		cmocka_unit_test(protected_reports_are_the_same_bytes),
		cmocka_unit_test(same_packets_pass_and_fail),
		cmocka_unit_test(same_reports_pass_and_fail),
		cmocka_unit_test(other_keys_open_nothing),
		cmocka_unit_test(every_changed_byte_is_noticed_by_both),
		cmocka_unit_test(packets_with_an_mki_are_the_same_bytes),
	};

	return cmocka_run_group_tests(t, start, stop) != 0;
}
#endif
