/* SPDX-License-Identifier: BSD-3-Clause */
/* SRTP and SRTCP against published vectors, and the rules of a session. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <cmocka.h>
#include <openssl/err.h>
#include "../../../src/mediation/rtp/srtp_priv.h"
#include <sallyport/mediation/rtp.h>

#define CAP  512
#define SSRC 0xcafebabe

static size_t from_hex(const char *text, uint8_t *out)
{
	size_t len;

	assert_int_equal(hex_decode(text, strlen(text), out, CAP, &len), 0);
	return len;
}

static void check_hex(const void *data, size_t len, const char *want)
{
	uint8_t bytes[CAP];

	assert_int_equal(len, from_hex(want, bytes));
	assert_memory_equal(data, bytes, len);
}

/* A master key of any suite: 0, 1, 2 ... */
static struct srtp_session *make(
	enum srtp_suite suite, enum srtp_direction direction, uint64_t lifetime)
{
	uint8_t master[SRTP_MASTER_MAX];
	struct srtp_session *s = NULL;

	for (size_t i = 0; i < sizeof(master); i++)
		master[i] = (uint8_t)i;
	struct srtp_config c = {
		suite, direction, bytes_of(master, srtp_master_len(suite)), lifetime};
	assert_int_equal(srtp_session_create(&c, &s), 0);
	return s;
}

/* An RTP packet with ten bytes of payload. */
static size_t packet(uint8_t *out, uint32_t ssrc, uint16_t sequence)
{
	struct rtp_packet p = {
		.payload_type = 8,
		.sequence = sequence,
		.timestamp = 160u * sequence,
		.ssrc = ssrc,
		.payload = bytes_of("0123456789", 10),
	};
	size_t len;

	assert_int_equal(rtp_encode(&p, out, CAP, &len), 0);
	return len;
}

static size_t report(uint8_t *out, uint32_t ssrc)
{
	struct rtcp_writer w;

	rtcp_writer_init(&w, out, CAP);
	rtcp_write_rr(&w, ssrc, NULL, 0);
	rtcp_write_cname(&w, ssrc, bytes_str("someone"));
	return w.len;
}

/* ---- vectors ---- */

/* A session whose session keys are these, whatever its master key. */
static void set_keys(
	struct srtp_key *k, const EVP_CIPHER *cipher, const char *key, const char *salt, bool seals)
{
	uint8_t bytes[CAP];

	from_hex(key, bytes);
	assert_int_equal(EVP_CipherInit_ex(k->cipher, cipher, NULL, bytes, NULL, seals), 1);
	size_t len = from_hex(salt, bytes);
	memset(k->salt, 0, sizeof(k->salt));
	memcpy(k->salt, bytes, len);
}

/* RFC 3711 §B.2 */
static void counter_mode_has_the_key_stream_of_the_rfc(void **state)
{
	struct srtp_session *s = make(SRTP_AES_CM_128_HMAC_SHA1_80, SRTP_PROTECT, 0);
	uint8_t zeros[48] = {0};

	set_keys(&s->rtp, EVP_aes_128_ctr(), "2b7e151628aed2a6abf7158809cf4f3c",
		"f0f1f2f3f4f5f6f7f8f9fafbfcfd", true);
	assert_true(srtp_key_crypt(&s->rtp, 0, 0, zeros, sizeof(zeros)));

	check_hex(zeros, sizeof(zeros),
		"e03ead0935c95e80e166b16dd92b4eb4d23513162b02d0f72a43a2fe4a5f97ab"
		"41e95b3bb0a2e8dd477901e4fca894c0");
	srtp_session_destroy(s);
}

/* RFC 3711 §B.3 */
static void session_keys_are_derived_as_in_the_rfc(void **state)
{
	uint8_t master[CAP], mac[CAP], want[48] = {0}, got[48] = {0};
	struct srtp_config c = {.suite = SRTP_AES_CM_128_HMAC_SHA1_80};
	struct crypto_hmac_key hmac;
	struct srtp_key k;
	int n;
	c.master = bytes_of(master,
		from_hex("e1f97a0d3e018be0d64fa32c06de41390ec675ad498afeebb6960b3aabe6", master));

	assert_int_equal(srtp_key_init(&k, &c, SRTP_LABEL_RTP), 0);

	check_hex(k.salt, SRTP_SALT_LEN, "30cbbc08863d8c85d49db34a9ae1");
	from_hex("cebe321f6ff7716b6fd4ab49af256a156d38baa4", mac);
	crypto_hmac_key_init(&hmac, CRYPTO_SHA1, mac, 20);
	assert_memory_equal(&k.hmac, &hmac, sizeof(hmac));
	/* The cipher's key shows in what it makes of zeros. */
	uint8_t key[CAP];
	EVP_CIPHER_CTX *ctx = EVP_CIPHER_CTX_new();
	from_hex("c61e7a93744f39ee10734afe3ff7a087", key);
	assert_int_equal(EVP_EncryptInit_ex(ctx, EVP_aes_128_ecb(), NULL, key, NULL), 1);
	memcpy(want, k.salt, SRTP_SALT_LEN);
	assert_int_equal(EVP_EncryptUpdate(ctx, want, &n, want, 16), 1);
	assert_true(srtp_key_crypt(&k, 0, 0, got, 16));
	assert_memory_equal(got, want, 16);
	EVP_CIPHER_CTX_free(ctx);
	srtp_key_fini(&k);
}

/* A whole packet under the master key of RFC 3711 §B.3, as other implementations make it. */
static void whole_packet_is_what_others_make_of_it(void **state)
{
	uint8_t master[CAP], data[CAP];
	struct srtp_config c = {.suite = SRTP_AES_CM_128_HMAC_SHA1_80};
	struct srtp_session *s;
	c.master = bytes_of(master,
		from_hex("e1f97a0d3e018be0d64fa32c06de41390ec675ad498afeebb6960b3aabe6", master));
	assert_int_equal(srtp_session_create(&c, &s), 0);
	size_t len = from_hex("800f1234decafbadcafebabeabababababababababababababababab", data);

	assert_int_equal(srtp_session_protect(s, data, &len, CAP), SRTP_OK);

	check_hex(data, len,
		"800f1234decafbadcafebabe4e55dc4ce79978d88ca4d215949d2402b78d6acc99ea179b8dbb");
	srtp_session_destroy(s);
}

#define GCM_SALT "517569642070726f2071756f"
#define GCM_RTP                                                                                    \
	"8040f17b8041f8d35501a0b247616c6c696120657374206f6d6e69732064697669736120696e207061727465" \
	"732074726573"
#define GCM_RTCP                                                                                   \
	"81c8000d4d6172734e5450314e545032525450200000042a0000e9304c756e61deadbeefdeadbeefdeadbeef" \
	"deadbeefdeadbeef"

struct gcm_vector {
	enum srtp_suite suite;
	const char *key, *rtp, *rtcp;
};

/* RFC 7714 §16, §17 */
static const struct gcm_vector gcm_vectors[] = {
	{SRTP_AEAD_AES_128_GCM, "000102030405060708090a0b0c0d0e0f",
		"8040f17b8041f8d35501a0b2f24de3a3fb34de6cacba861c9d7e4bcabe633bd50d294e6f42a5f47a"
		"51c7d19b36de3adf8833899d7f27beb16a9152cf765ee4390cce",
		"81c8000d4d61727363e94885dcdab67ca727d7662f6b7e997ff5c0f76c06f32dc676a5f1730d6fda"
		"4ce09b4686303ded0bb9275bc84aa45896cf4d2fc5abf87245d9eade800005d4"},
	{SRTP_AEAD_AES_256_GCM, "000102030405060708090a0b0c0d0e0f101112131415161718191a1b1c1d1e1f",
		"8040f17b8041f8d35501a0b232b1de78a822fe12ef9f78fa332e33aab18012389a58e2f3b50b2a02"
		"76ffae0f1ba63799b87b7aa3db36dfffd6b0f9bb7878d7a76c13",
		NULL},
};

static void check_gcm(const struct gcm_vector *v, enum srtp_direction direction)
{
	struct srtp_session *s = make(v->suite, direction, 0);
	bool seals = direction == SRTP_PROTECT;
	const EVP_CIPHER *cipher =
		v->suite == SRTP_AEAD_AES_128_GCM ? EVP_aes_128_gcm() : EVP_aes_256_gcm();
	uint8_t data[CAP];
	size_t len = from_hex(seals ? GCM_RTP : v->rtp, data);

	set_keys(&s->rtp, cipher, v->key, GCM_SALT, seals);
	set_keys(&s->rtcp, cipher, v->key, GCM_SALT, seals);
	assert_int_equal(seals ? srtp_session_protect(s, data, &len, CAP)
			       : srtp_session_unprotect(s, data, &len),
		SRTP_OK);
	check_hex(data, len, seals ? v->rtp : GCM_RTP);
	if (v->rtcp) {
		struct srtp_stream *st = srtp_stream_heard(s, NULL, 0x4d617273);
		srtp_window_add(&st->rtcp, 0x5d3);
		len = from_hex(seals ? GCM_RTCP : v->rtcp, data);
		assert_int_equal(seals ? srtp_session_protect_rtcp(s, data, &len, CAP)
				       : srtp_session_unprotect_rtcp(s, data, &len),
			SRTP_OK);
		check_hex(data, len, seals ? v->rtcp : GCM_RTCP);
	}
	srtp_session_destroy(s);
}

static void gcm_packets_are_those_of_the_rfc(void **state)
{
	for (size_t i = 0; i < ARRAY_LEN(gcm_vectors); i++) {
		check_gcm(&gcm_vectors[i], SRTP_PROTECT);
		check_gcm(&gcm_vectors[i], SRTP_UNPROTECT);
	}
}

/* ---- names ---- */

static void suites_have_the_names_of_sdp(void **state)
{
	enum srtp_suite got;

	for (unsigned i = 0; i < SRTP_SUITES; i++) {
		assert_int_equal(
			srtp_suite_parse(bytes_str(srtp_suite_name((enum srtp_suite)i)), &got), 0);
		assert_int_equal(got, i);
	}
	assert_int_equal(srtp_suite_parse(bytes_str("F8_128_HMAC_SHA1_80"), &got), ERR_NOT_FOUND);
}

static void master_key_of_another_length_is_refused(void **state)
{
	uint8_t master[SRTP_MASTER_MAX + 1] = {0};
	struct srtp_session *s = NULL;

	for (unsigned i = 0; i < SRTP_SUITES; i++) {
		for (size_t n = 0; n <= sizeof(master); n++) {
			struct srtp_config c = {
				(enum srtp_suite)i, SRTP_PROTECT, bytes_of(master, n), 0};
			if (n == srtp_master_len(c.suite))
				continue;
			assert_int_equal(srtp_session_create(&c, &s), ERR_BAD_KEY);
			assert_null(s);
		}
	}
}

/* ---- rules, for every suite ---- */

struct pair {
	struct srtp_session *tx, *rx;
};

static struct pair pair_of(unsigned suite)
{
	return (struct pair){make((enum srtp_suite)suite, SRTP_PROTECT, 0),
		make((enum srtp_suite)suite, SRTP_UNPROTECT, 0)};
}

static void pair_end(struct pair *p)
{
	srtp_session_destroy(p->tx);
	srtp_session_destroy(p->rx);
}

static size_t sent(struct srtp_session *tx, uint8_t *data, uint32_t ssrc, uint16_t sequence)
{
	size_t len = packet(data, ssrc, sequence);

	assert_int_equal(srtp_session_protect(tx, data, &len, CAP), SRTP_OK);
	return len;
}

static size_t sent_report(struct srtp_session *tx, uint8_t *data, uint32_t ssrc)
{
	size_t len = report(data, ssrc);

	assert_int_equal(srtp_session_protect_rtcp(tx, data, &len, CAP), SRTP_OK);
	return len;
}

static void packets_come_out_as_they_went_in(void **state)
{
	for (unsigned i = 0; i < SRTP_SUITES; i++) {
		struct pair p = pair_of(i);
		uint8_t data[CAP], want[CAP];
		size_t want_len = packet(want, SSRC, 7), len = sent(p.tx, data, SSRC, 7);

		assert_true(len <= want_len + SRTP_OVERHEAD);
		assert_memory_not_equal(data + 12, want + 12, 10);
		assert_int_equal(srtp_session_unprotect(p.rx, data, &len), SRTP_OK);
		assert_int_equal(len, want_len);
		assert_memory_equal(data, want, len);

		want_len = report(want, SSRC);
		len = sent_report(p.tx, data, SSRC);
		assert_true(len <= want_len + SRTCP_OVERHEAD);
		assert_memory_not_equal(data + 8, want + 8, want_len - 8);
		assert_int_equal(srtp_session_unprotect_rtcp(p.rx, data, &len), SRTP_OK);
		assert_int_equal(len, want_len);
		assert_memory_equal(data, want, len);
		pair_end(&p);
	}
}

static void every_changed_bit_is_noticed(void **state)
{
	for (unsigned i = 0; i < SRTP_SUITES; i++) {
		struct pair p = pair_of(i);
		uint8_t good[CAP], bad[CAP];
		size_t good_len = sent(p.tx, good, SSRC, 7), len;

		for (size_t bit = 0; bit < 8 * good_len; bit++) {
			memcpy(bad, good, good_len);
			bad[bit / 8] ^= (uint8_t)(1u << bit % 8);
			len = good_len;
			assert_int_not_equal(srtp_session_unprotect(p.rx, bad, &len), SRTP_OK);
			assert_int_equal(len, good_len);
		}
		assert_int_equal(srtp_session_unprotect(p.rx, good, &good_len), SRTP_OK);

		good_len = sent_report(p.tx, good, SSRC);
		for (size_t bit = 0; bit < 8 * good_len; bit++) {
			memcpy(bad, good, good_len);
			bad[bit / 8] ^= (uint8_t)(1u << bit % 8);
			len = good_len;
			assert_int_not_equal(srtp_session_unprotect_rtcp(p.rx, bad, &len), SRTP_OK);
			assert_int_equal(len, good_len);
		}
		assert_int_equal(srtp_session_unprotect_rtcp(p.rx, good, &good_len), SRTP_OK);
		pair_end(&p);
	}
}

static void every_cut_packet_is_refused(void **state)
{
	for (unsigned i = 0; i < SRTP_SUITES; i++) {
		struct pair p = pair_of(i);
		uint8_t good[CAP];
		size_t rtp_len = sent(p.tx, good, SSRC, 7);

		for (size_t n = 0; n < rtp_len; n++) {
			uint8_t *cut = malloc(n > 0 ? n : 1);
			size_t len = n;
			memcpy(cut, good, n);
			assert_int_not_equal(srtp_session_unprotect(p.rx, cut, &len), SRTP_OK);
			free(cut);
		}
		size_t rtcp_len = sent_report(p.tx, good, SSRC);
		for (size_t n = 0; n < rtcp_len; n++) {
			uint8_t *cut = malloc(n > 0 ? n : 1);
			size_t len = n;
			memcpy(cut, good, n);
			assert_int_not_equal(srtp_session_unprotect_rtcp(p.rx, cut, &len), SRTP_OK);
			free(cut);
		}
		pair_end(&p);
	}
}

/* RFC 3711 §3.3.2 */
static void packet_passes_once(void **state)
{
	for (unsigned i = 0; i < SRTP_SUITES; i++) {
		struct pair p = pair_of(i);
		uint8_t data[CAP], copy[CAP];
		size_t len = sent(p.tx, data, SSRC, 7), again = len;

		memcpy(copy, data, len);
		assert_int_equal(srtp_session_unprotect(p.rx, data, &len), SRTP_OK);
		assert_int_equal(srtp_session_unprotect(p.rx, copy, &again), SRTP_REPLAYED);
		len = again = sent_report(p.tx, data, SSRC);
		memcpy(copy, data, len);
		assert_int_equal(srtp_session_unprotect_rtcp(p.rx, data, &len), SRTP_OK);
		assert_int_equal(srtp_session_unprotect_rtcp(p.rx, copy, &again), SRTP_REPLAYED);
		assert_int_equal(srtp_session_count(p.rx, SRTP_REPLAYED), 2);
		assert_int_equal(srtp_session_count(p.rx, SRTP_OK), 2);
		pair_end(&p);
	}
}

/* The same key stream for two texts would give both away (RFC 3711 §9.1). */
static void sequence_number_is_protected_once(void **state)
{
	struct pair p = pair_of(SRTP_AEAD_AES_128_GCM);
	uint8_t data[CAP];
	size_t len;

	sent(p.tx, data, SSRC, 7);
	len = packet(data, SSRC, 7);
	assert_int_equal(srtp_session_protect(p.tx, data, &len, CAP), SRTP_REPLAYED);
	pair_end(&p);
}

static void late_packets_pass_within_the_window_only(void **state)
{
	struct pair p = pair_of(SRTP_AES_CM_128_HMAC_SHA1_80);
	uint8_t edge[CAP], behind[CAP], data[CAP];
	size_t behind_len = sent(p.tx, behind, SSRC, 1000), edge_len = sent(p.tx, edge, SSRC, 1001);
	size_t len = sent(p.tx, data, SSRC, 1000 + SRTP_WINDOW);

	assert_int_equal(srtp_session_unprotect(p.rx, data, &len), SRTP_OK);

	assert_int_equal(srtp_session_unprotect(p.rx, behind, &behind_len), SRTP_TOO_OLD);
	assert_int_equal(srtp_session_unprotect(p.rx, edge, &edge_len), SRTP_OK);
	pair_end(&p);
}

/* RFC 3711 §3.3.1: 65535 and 0, in either order, and one that comes late. */
static void sequence_number_goes_round(void **state)
{
	static const uint16_t order[] = {65533, 65535, 0, 65534, 2, 1, 3};

	for (unsigned i = 0; i < SRTP_SUITES; i++) {
		struct pair p = pair_of(i);
		uint8_t data[8][CAP];
		size_t len[8];
		uint32_t roc;
		for (unsigned n = 0; n < 7; n++)
			len[n] = sent(p.tx, data[n], SSRC, (uint16_t)(65533 + n));
		for (unsigned n = 0; n < ARRAY_LEN(order); n++) {
			unsigned at = (uint16_t)(order[n] - 65533);
			assert_int_equal(srtp_session_unprotect(p.rx, data[at], &len[at]), SRTP_OK);
		}
		assert_true(srtp_session_rollover(p.rx, SSRC, &roc));
		assert_int_equal(roc, 1);
		pair_end(&p);
	}
}

static void window_is_a_list_of_what_has_passed(void **state)
{
	/* Against a plain array, with jumps of every size around the two words of the list. */
	static bool passed[4096];
	struct srtp_window w = {0};
	uint64_t top = 0, x = 1;

	memset(passed, 0, sizeof(passed));
	for (unsigned i = 0; i < 20000; i++) {
		x = x * 6364136223846793005u + 1442695040888963407u;
		uint64_t index = top + 140 - (x >> 33) % 270;
		if (top < 300)
			index = 300 + i;
		if (index >= sizeof(passed))
			break;
		enum srtp_result want = SRTP_OK;
		if (index <= top && top - index >= SRTP_WINDOW)
			want = SRTP_TOO_OLD;
		else if (passed[index])
			want = SRTP_REPLAYED;
		assert_int_equal(srtp_window_check(&w, index), want);
		if (want != SRTP_OK)
			continue;
		srtp_window_add(&w, index);
		passed[index] = true;
		top = index > top ? index : top;
	}
	assert_true(top > 2000);
}

/* RFC 3711 §3.3.1, §A; a source that has not gone round has nothing before its first round. */
static void index_is_the_nearest_that_fits(void **state)
{
	static const struct {
		uint64_t top;
		uint16_t sequence;
		uint64_t want;
	} rows[] = {
		{0x10000, 0xffff, 0xffff},
		{0x17fff, 0xffff, 0x1ffff},
		{0x17fff, 0x0000, 0x10000},
		{0x18000, 0x0000, 0x10000},
		{0x18001, 0x0000, 0x20000},
		{0x1ffff, 0x7ffe, 0x27ffe},
		{0x1ffff, 0x7fff, 0x17fff},
		{0x00001, 0xffff, 0x0ffff},
		{SRTP_INDEX_MAX, 0, SRTP_INDEX_MAX + 1},
	};

	for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
		struct srtp_window w = {.top = rows[i].top, .has_any = true};
		assert_int_equal(srtp_window_estimate(&w, rows[i].sequence), rows[i].want);
	}
}

static void forged_packets_leave_no_source_behind(void **state)
{
	struct pair p = pair_of(SRTP_AES_CM_128_HMAC_SHA1_80);
	uint8_t data[CAP];
	size_t len;

	for (uint32_t i = 0; i < 1000; i++) {
		len = packet(data, i, 7) + 10;
		memset(data + len - 10, 0, 10);
		assert_int_equal(srtp_session_unprotect(p.rx, data, &len), SRTP_AUTH_FAILED);
	}
	len = sent(p.tx, data, SSRC, 7);
	assert_int_equal(srtp_session_unprotect(p.rx, data, &len), SRTP_OK);
	assert_int_equal(p.rx->n_streams, 1);
	assert_int_equal(srtp_session_count(p.rx, SRTP_AUTH_FAILED), 1000);
	pair_end(&p);
}

static void sources_are_bounded(void **state)
{
	struct pair p = pair_of(SRTP_AEAD_AES_256_GCM);
	uint8_t data[CAP];
	size_t len;
	uint32_t roc;

	for (uint32_t i = 0; i < SRTP_STREAMS_MAX; i++) {
		len = sent(p.tx, data, i, 7);
		assert_int_equal(srtp_session_unprotect(p.rx, data, &len), SRTP_OK);
	}
	len = packet(data, SSRC, 7);
	assert_int_equal(srtp_session_protect(p.tx, data, &len, CAP), SRTP_STREAMS);
	len = report(data, SSRC);
	assert_int_equal(srtp_session_protect_rtcp(p.tx, data, &len, CAP), SRTP_STREAMS);
	assert_int_equal(srtp_session_rollover_set(p.tx, SSRC, 1), SRTP_STREAMS);
	assert_false(srtp_session_rollover(p.tx, SSRC, &roc));
	len = sent(p.tx, data, 3, 8);
	assert_int_equal(srtp_session_unprotect(p.rx, data, &len), SRTP_OK);
	pair_end(&p);
}

/* Each source is sealed by a session of its own, which has forgotten the others. */
static size_t sent_anew(enum srtp_suite suite, uint8_t *data, uint32_t ssrc, uint16_t sequence)
{
	struct srtp_session *tx = make(suite, SRTP_PROTECT, 0);
	size_t len = sent(tx, data, ssrc, sequence);

	srtp_session_destroy(tx);
	return len;
}

static enum srtp_result taken(struct srtp_session *rx, uint32_t ssrc, uint16_t sequence)
{
	uint8_t data[CAP];
	size_t len = sent_anew(SRTP_AES_CM_128_HMAC_SHA1_80, data, ssrc, sequence);

	return srtp_session_unprotect(rx, data, &len);
}

/* A phone that takes another source at each hold. */
static void quiet_source_makes_room_for_a_new_one(void **state)
{
	struct srtp_session *rx = make(SRTP_AES_CM_128_HMAC_SHA1_80, SRTP_UNPROTECT, 0);
	uint8_t data[CAP];
	size_t len;

	for (uint32_t i = 0; i < SRTP_STREAMS_MAX + SRTP_RETIRED_MAX; i++)
		assert_int_equal(taken(rx, 100 + i, 7), SRTP_OK);
	assert_int_equal(taken(rx, 9999, 7), SRTP_STREAMS);
	/* The last ones go on; of the others nothing is taken, be it new or old. */
	for (uint32_t i = 0; i < SRTP_STREAMS_MAX; i++)
		assert_int_equal(taken(rx, 100 + SRTP_RETIRED_MAX + i, 8), SRTP_OK);
	for (uint32_t i = 0; i < SRTP_RETIRED_MAX; i++) {
		assert_int_equal(taken(rx, 100 + i, 7), SRTP_TOO_OLD);
		assert_int_equal(taken(rx, 100 + i, 8), SRTP_TOO_OLD);
	}
	struct srtp_session *tx = make(SRTP_AES_CM_128_HMAC_SHA1_80, SRTP_PROTECT, 0);
	len = sent_report(tx, data, 100);
	assert_int_equal(srtp_session_unprotect_rtcp(rx, data, &len), SRTP_TOO_OLD);
	srtp_session_destroy(tx);
	srtp_session_destroy(rx);
}

static void source_that_is_heard_keeps_its_place(void **state)
{
	struct srtp_session *rx = make(SRTP_AES_CM_128_HMAC_SHA1_80, SRTP_UNPROTECT, 0);

	for (uint16_t i = 0; i < 3 * SRTP_STREAMS_MAX; i++) {
		assert_int_equal(taken(rx, 1, i), SRTP_OK);
		assert_int_equal(taken(rx, 100u + i, 7), SRTP_OK);
	}
	assert_int_equal(taken(rx, 1, 5), SRTP_REPLAYED);
	srtp_session_destroy(rx);
}

/* Nobody without the key makes anybody leave. */
static void forged_source_takes_no_room(void **state)
{
	struct srtp_session *rx = make(SRTP_AES_CM_128_HMAC_SHA1_80, SRTP_UNPROTECT, 0);
	uint8_t data[CAP];

	for (uint32_t i = 0; i < SRTP_STREAMS_MAX; i++)
		assert_int_equal(taken(rx, i, 7), SRTP_OK);
	for (uint32_t i = 0; i < 1000; i++) {
		size_t len = sent_anew(SRTP_AES_CM_128_HMAC_SHA1_80, data, 100 + i, 7);
		data[len - 1] ^= 1;
		assert_int_equal(srtp_session_unprotect(rx, data, &len), SRTP_AUTH_FAILED);
	}
	for (uint32_t i = 0; i < SRTP_STREAMS_MAX; i++)
		assert_int_equal(taken(rx, i, 8), SRTP_OK);
	srtp_session_destroy(rx);
}

/* RFC 3711 §9.2 */
static void key_ends_with_its_lifetime(void **state)
{
	struct srtp_session *s = make(SRTP_AES_CM_128_HMAC_SHA1_80, SRTP_PROTECT, 2);
	uint8_t data[CAP];
	size_t len;

	sent(s, data, SSRC, 1);
	sent(s, data, SSRC, 2);
	len = packet(data, SSRC, 3);
	assert_int_equal(srtp_session_protect(s, data, &len, CAP), SRTP_KEY_SPENT);
	sent_report(s, data, SSRC);
	sent_report(s, data, SSRC);
	len = report(data, SSRC);
	assert_int_equal(srtp_session_protect_rtcp(s, data, &len, CAP), SRTP_KEY_SPENT);
	srtp_session_destroy(s);
}

/* RFC 3711 §3.1, RFC 7714 §8.2: the MKI is in front of the tag of HMAC, and behind that of GCM. */
static void an_mki_is_written_looked_at_and_taken_away(void **state)
{
	for (unsigned i = 0; i < SRTP_SUITES; i++) {
		struct pair p = pair_of(i), other = pair_of(i);
		bool is_aead = i >= SRTP_AEAD_AES_128_GCM;
		const struct srtp_mki mki = {0xa1b2, 2};
		uint8_t data[CAP], plain[CAP];
		size_t plain_len = packet(plain, SSRC, 7), bare_len = sent(p.tx, data, SSRC, 6);
		srtp_session_mki_set(p.tx, mki);
		size_t len = sent(p.tx, data, SSRC, 7);
		assert_int_equal(len, bare_len + 2);
		check_hex(data + (is_aead ? len - 2 : plain_len), 2, "a1b2");
		assert_int_not_equal(srtp_session_unprotect(other.rx, data, &len), SRTP_OK);
		assert_int_equal(len, bare_len + 2);

		len = sent(p.tx, data, SSRC, 8);
		srtp_session_mki_set(p.rx, (struct srtp_mki){0xa1b3, 2});
		assert_int_equal(srtp_session_unprotect(p.rx, data, &len), SRTP_WRONG_MKI);
		srtp_session_mki_set(p.rx, mki);
		assert_int_equal(srtp_session_unprotect(p.rx, data, &len), SRTP_OK);
		packet(plain, SSRC, 8);
		assert_int_equal(len, plain_len);
		assert_memory_equal(data, plain, len);
		pair_end(&p);
		pair_end(&other);
	}
}

/* Too short for its parts, and too small a room for them. */
static void an_mki_counts_in_every_length(void **state)
{
	for (unsigned i = 0; i < SRTP_SUITES; i++) {
		struct pair p = pair_of(i);
		const struct srtp_mki mki = {UINT64_MAX, SRTP_MKI_MAX};
		uint8_t data[CAP] = {0};
		size_t len = packet(data, SSRC, 1), was = len;
		srtp_session_mki_set(p.tx, mki);
		srtp_session_mki_set(p.rx, mki);
		size_t more = srtp_suite_row(i)->rtp_tag_len + (size_t)SRTP_MKI_MAX;
		assert_int_equal(
			srtp_session_protect(p.tx, data, &len, was + more - 1), SRTP_NO_SPACE);
		assert_int_equal(srtp_session_protect(p.tx, data, &len, was + more), SRTP_OK);
		assert_true(more <= SRTP_OVERHEAD);
		more = 4 + srtp_suite_row(i)->rtcp_tag_len + (size_t)SRTP_MKI_MAX;
		len = was = report(data, SSRC);
		assert_int_equal(
			srtp_session_protect_rtcp(p.tx, data, &len, was + more - 1), SRTP_NO_SPACE);
		assert_int_equal(srtp_session_protect_rtcp(p.tx, data, &len, was + more), SRTP_OK);
		assert_true(more <= SRTCP_OVERHEAD);
		for (size_t cut = 0; cut < 2 * SRTCP_OVERHEAD; cut++) {
			memset(data, 0xff, sizeof(data));
			data[0] = 0x80;
			len = cut;
			assert_int_not_equal(srtp_session_unprotect(p.rx, data, &len), SRTP_OK);
			len = cut;
			assert_int_not_equal(
				srtp_session_unprotect_rtcp(p.rx, data, &len), SRTP_OK);
		}
		pair_end(&p);
	}
}

static void lifetime_that_is_set_counts_from_the_first_packet(void **state)
{
	struct srtp_session *s = make(SRTP_AES_CM_128_HMAC_SHA1_80, SRTP_PROTECT, 0);
	uint8_t data[CAP];
	size_t len;

	sent(s, data, SSRC, 1);
	srtp_session_lifetime_set(s, 2);
	sent(s, data, SSRC, 2);
	len = packet(data, SSRC, 3);
	assert_int_equal(srtp_session_protect(s, data, &len, CAP), SRTP_KEY_SPENT);
	srtp_session_lifetime_set(s, 3);
	sent(s, data, SSRC, 3);
	srtp_session_destroy(s);
}

/* 2^48 packets of a source, and 2^31 of its reports. */
static void indices_do_not_go_round(void **state)
{
	for (unsigned i = 0; i < SRTP_SUITES; i++) {
		struct pair p = pair_of(i);
		uint8_t data[CAP];
		size_t len;
		assert_int_equal(srtp_session_rollover_set(p.tx, SSRC, UINT32_MAX), SRTP_OK);
		assert_int_equal(srtp_session_rollover_set(p.rx, SSRC, UINT32_MAX), SRTP_OK);
		len = sent(p.tx, data, SSRC, 65535);
		assert_int_equal(srtp_session_unprotect(p.rx, data, &len), SRTP_OK);
		len = packet(data, SSRC, 0);
		assert_int_equal(srtp_session_protect(p.tx, data, &len, CAP), SRTP_KEY_SPENT);

		srtp_window_add(&p.tx->streams[0].rtcp, SRTCP_INDEX_MAX - 1);
		len = sent_report(p.tx, data, SSRC);
		assert_int_equal(srtp_session_unprotect_rtcp(p.rx, data, &len), SRTP_OK);
		len = report(data, SSRC);
		assert_int_equal(srtp_session_protect_rtcp(p.tx, data, &len, CAP), SRTP_KEY_SPENT);
		pair_end(&p);
	}
}

/* RFC 3711 §3.4: the E bit may be off where that was agreed. */
static void reports_in_the_clear_are_refused(void **state)
{
	for (unsigned i = 0; i < SRTP_SUITES; i++) {
		struct pair p = pair_of(i);
		uint8_t data[CAP];
		size_t len = sent_report(p.tx, data, SSRC);
		bool is_aead = srtp_suite_row((enum srtp_suite)i)->is_aead;

		data[len - (is_aead ? 4 : 14)] &= 0x7f;
		assert_int_equal(srtp_session_unprotect_rtcp(p.rx, data, &len), SRTP_CLEAR);
		pair_end(&p);
	}
}

static void packet_without_room_for_its_tag_is_left_as_it_is(void **state)
{
	for (unsigned i = 0; i < SRTP_SUITES; i++) {
		struct pair p = pair_of(i);
		uint8_t data[CAP], want[CAP];
		size_t tag = srtp_suite_row((enum srtp_suite)i)->rtp_tag_len;
		size_t len = packet(data, SSRC, 1), want_len = packet(want, SSRC, 1);

		assert_int_equal(
			srtp_session_protect(p.tx, data, &len, want_len + tag - 1), SRTP_NO_SPACE);
		assert_int_equal(len, want_len);
		assert_memory_equal(data, want, len);
		assert_int_equal(srtp_session_protect(p.tx, data, &len, want_len + tag), SRTP_OK);
		len = report(data, SSRC);
		assert_int_equal(
			srtp_session_protect_rtcp(p.tx, data, &len, len + 13), SRTP_NO_SPACE);
		pair_end(&p);
	}
}

/* TLS on the same thread would take what is left for an error of its own. */
static void wrong_tags_leave_no_error_for_others(void **state)
{
	struct pair p = pair_of(SRTP_AEAD_AES_128_GCM);
	uint8_t data[CAP];
	size_t len = sent(p.tx, data, SSRC, 1);

	data[len - 1] ^= 1;
	assert_int_equal(srtp_session_unprotect(p.rx, data, &len), SRTP_AUTH_FAILED);
	assert_int_equal(ERR_peek_error(), 0);
	pair_end(&p);
}

int main(void)
{
	const struct CMUnitTest t[] = {
		cmocka_unit_test(counter_mode_has_the_key_stream_of_the_rfc),
		cmocka_unit_test(session_keys_are_derived_as_in_the_rfc),
		cmocka_unit_test(whole_packet_is_what_others_make_of_it),
		cmocka_unit_test(gcm_packets_are_those_of_the_rfc),
		cmocka_unit_test(suites_have_the_names_of_sdp),
		cmocka_unit_test(master_key_of_another_length_is_refused),
		cmocka_unit_test(packets_come_out_as_they_went_in),
		cmocka_unit_test(every_changed_bit_is_noticed),
		cmocka_unit_test(every_cut_packet_is_refused),
		cmocka_unit_test(packet_passes_once),
		cmocka_unit_test(sequence_number_is_protected_once),
		cmocka_unit_test(late_packets_pass_within_the_window_only),
		cmocka_unit_test(sequence_number_goes_round),
		cmocka_unit_test(window_is_a_list_of_what_has_passed),
		cmocka_unit_test(index_is_the_nearest_that_fits),
		cmocka_unit_test(forged_packets_leave_no_source_behind),
		cmocka_unit_test(sources_are_bounded),
		cmocka_unit_test(quiet_source_makes_room_for_a_new_one),
		cmocka_unit_test(source_that_is_heard_keeps_its_place),
		cmocka_unit_test(forged_source_takes_no_room),
		cmocka_unit_test(key_ends_with_its_lifetime),
		cmocka_unit_test(an_mki_is_written_looked_at_and_taken_away),
		cmocka_unit_test(an_mki_counts_in_every_length),
		cmocka_unit_test(lifetime_that_is_set_counts_from_the_first_packet),
		cmocka_unit_test(indices_do_not_go_round),
		cmocka_unit_test(reports_in_the_clear_are_refused),
		cmocka_unit_test(packet_without_room_for_its_tag_is_left_as_it_is),
		cmocka_unit_test(wrong_tags_leave_no_error_for_others),
	};

	return cmocka_run_group_tests(t, NULL, NULL) != 0;
}
