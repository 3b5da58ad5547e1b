/* SPDX-License-Identifier: BSD-3-Clause */
/* Nonces: who made one, for whom and when. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <cmocka.h>
#include "fixture.h"

static struct addr client(const char *text)
{
	struct addr a;
	assert_int_equal(addr_parse(text, 5000, &a), 0);
	return a;
}

static bool passes(struct fixture *f, const char *from, uint64_t now_s, const char *nonce)
{
	struct addr a = client(from);
	return auth_nonce_check(f->snapshot, &a, now_s, bytes_str(nonce));
}

static void make(struct fixture *f, const char *from, uint64_t now_s, char out[AUTH_NONCE_LEN + 1])
{
	struct addr a = client(from);
	auth_nonce_make(f->snapshot, &a, now_s, out);
	assert_int_equal(strlen(out), AUTH_NONCE_LEN);
}

/* RFC 8489 §9.2, and the nonce key of the published vectors. */
static void nonce_is_cookie_time_and_mac(void **state)
{
	struct fixture *f = *state;
	static const uint8_t k_nonce[32] = {0x21, 0x27, 0xd4, 0xf0, 0xed, 0x33, 0x3f, 0x6f, 0x8f,
		0xbd, 0x48, 0x6a, 0x81, 0x5d, 0x06, 0xef, 0x1a, 0x30, 0x27, 0x7c, 0x65, 0x72, 0x24,
		0x3f, 0x14, 0x68, 0x74, 0x5a, 0x56, 0x44, 0xec, 0x2b};
	struct addr a = client("192.0.2.7");
	uint8_t tail[4 + CRYPTO_SHA256_LEN];
	char want[64] = "obMatJos2AAAA", got[AUTH_NONCE_LEN + 1];
	struct crypto_hmac_key k;
	be32_put(tail, NOW);
	const struct bytes parts[] = {bytes_of(tail, 4), bytes_of(a.ip, 16)};
	crypto_hmac_key_init(&k, CRYPTO_SHA256, k_nonce, sizeof(k_nonce));
	crypto_hmac(&k, parts, 2, tail + 4);
	base64url_encode(tail, 16, want + STUN_NONCE_COOKIE_LEN);

	auth_nonce_make(f->snapshot, &a, NOW, got);
	assert_string_equal(got, want);
}

static void nonce_counts_for_its_address_on_any_port(void **state)
{
	struct fixture *f = *state;
	char nonce[AUTH_NONCE_LEN + 1];
	make(f, "192.0.2.7:5000", NOW, nonce);
	assert_true(passes(f, "192.0.2.7:5000", NOW, nonce));
	assert_true(passes(f, "192.0.2.7:6000", NOW, nonce));
	assert_false(passes(f, "192.0.2.8:5000", NOW, nonce));
	assert_false(passes(f, "[2001:db8::7]:5000", NOW, nonce));
	make(f, "2001:db8::7", NOW, nonce);
	assert_true(passes(f, "2001:db8::7", NOW, nonce));
	assert_false(passes(f, "2001:db8::8", NOW, nonce));
}

static void nonce_counts_for_its_lifetime(void **state)
{
	struct fixture *f = *state;
	char nonce[AUTH_NONCE_LEN + 1];
	make(f, "192.0.2.7", NOW, nonce);
	assert_true(passes(f, "192.0.2.7", NOW + 600, nonce));
	assert_false(passes(f, "192.0.2.7", NOW + 601, nonce));
	assert_false(passes(f, "192.0.2.7", NOW + 48 * 3600, nonce));
}

/* A member whose clock is ahead made it; more than the skew, and it is nobody's. */
static void nonce_from_the_future_counts_within_the_skew(void **state)
{
	struct fixture *f = *state;
	char nonce[AUTH_NONCE_LEN + 1];
	make(f, "192.0.2.7", NOW, nonce);
	assert_true(passes(f, "192.0.2.7", NOW - 30, nonce));
	assert_false(passes(f, "192.0.2.7", NOW - 31, nonce));
	assert_false(passes(f, "192.0.2.7", NOW - 48 * 3600, nonce));
}

static void feature_bits_follow_the_offer_and_bind(void **state)
{
	struct fixture *f = *state;
	char without[AUTH_NONCE_LEN + 1], with[AUTH_NONCE_LEN + 1];
	uint32_t features;
	make(f, "192.0.2.7", NOW, without);
	f->config.sha256 = true;
	fixture_reload(f);
	assert_true(auth_snapshot_sha256(f->snapshot));
	make(f, "192.0.2.7", NOW, with);

	assert_true(stun_nonce_cookie_read(bytes_str(without), &features));
	assert_int_equal(features, 0);
	assert_true(stun_nonce_cookie_read(bytes_str(with), &features));
	assert_int_equal(features, STUN_FEATURE_PASSWORD_ALGORITHMS);
	assert_true(passes(f, "192.0.2.7", NOW, with));
	assert_false(passes(f, "192.0.2.7", NOW, without));
}

static void one_changed_character_anywhere_fails(void **state)
{
	struct fixture *f = *state;
	char nonce[AUTH_NONCE_LEN + 1], changed[AUTH_NONCE_LEN + 1];
	make(f, "192.0.2.7", NOW, nonce);
	memcpy(changed, nonce, sizeof(nonce));
	for (size_t i = 0; i < AUTH_NONCE_LEN; i++) {
		for (int c = 1; c < 256; c++) {
			changed[i] = (char)c;
			assert_int_equal(passes(f, "192.0.2.7", NOW, changed), (char)c == nonce[i]);
		}
		changed[i] = nonce[i];
	}
}

static void other_lengths_fail(void **state)
{
	struct fixture *f = *state;
	struct addr a = client("192.0.2.7");
	char nonce[AUTH_NONCE_LEN + 2] = "";
	auth_nonce_make(f->snapshot, &a, NOW, nonce);
	for (size_t n = 0; n < AUTH_NONCE_LEN; n++) {
		uint8_t *part = malloc(n + 1); /* exact, so that an over-read shows */
		memcpy(part, nonce, n);
		assert_false(auth_nonce_check(f->snapshot, &a, NOW, bytes_of(part, n)));
		free(part);
	}
	assert_false(auth_nonce_check(f->snapshot, &a, NOW, bytes_of(nonce, AUTH_NONCE_LEN + 1)));
}

static void member_with_another_key_made_it_for_others(void **state)
{
	struct fixture *f = *state;
	char nonce[AUTH_NONCE_LEN + 1];
	make(f, "192.0.2.7", NOW, nonce);
	f->config.keys = f->keys + 1;
	fixture_reload(f);
	assert_false(passes(f, "192.0.2.7", NOW, nonce));
}

/* Members switch keys at slightly different times; a client may meet both. */
static void nonce_of_either_key_counts_during_a_rollover(void **state)
{
	struct fixture *f = *state;
	char before[AUTH_NONCE_LEN + 1], after[AUTH_NONCE_LEN + 1];
	f->config.n_keys = 2;
	f->keys[0].verify_until = NOW + 5;
	f->keys[1].sign_from = NOW;
	fixture_reload(f);
	make(f, "192.0.2.7", NOW - 1, before);
	make(f, "192.0.2.7", NOW, after);
	assert_memory_not_equal(before + 19, after + 19, AUTH_NONCE_LEN - 19);
	assert_true(passes(f, "192.0.2.7", NOW + 5, before));
	assert_true(passes(f, "192.0.2.7", NOW - 1, after));
}

static void challenge_is_made_while_no_key_signs(void **state)
{
	struct fixture *f = *state;
	char nonce[AUTH_NONCE_LEN + 1];
	f->keys[0].sign_from = NOW + 100;
	fixture_reload(f);
	make(f, "192.0.2.7", NOW, nonce);
	assert_true(passes(f, "192.0.2.7", NOW + 1, nonce));
}

int main(void)
{
#define T(f) cmocka_unit_test_setup_teardown(f, fixture_setup, fixture_teardown)
	const struct CMUnitTest t[] = {
		T(nonce_is_cookie_time_and_mac),
		T(nonce_counts_for_its_address_on_any_port),
		T(nonce_counts_for_its_lifetime),
		T(nonce_from_the_future_counts_within_the_skew),
		T(feature_bits_follow_the_offer_and_bind),
		T(one_changed_character_anywhere_fails),
		T(other_lengths_fail),
		T(member_with_another_key_made_it_for_others),
		T(nonce_of_either_key_counts_during_a_rollover),
		T(challenge_is_made_while_no_key_signs),
	};
#undef T
	return cmocka_run_group_tests(t, NULL, NULL) != 0;
}
