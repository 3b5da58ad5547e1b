/* SPDX-License-Identifier: BSD-3-Clause */
/* Access tokens of third-party authorization, RFC 7635. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <cmocka.h>
#include "../crypto/seal.h"
#include "fixture.h"

/* The samples of RFC 7635, appendix A; the one for 128 bits as another implementation makes it. */
#define SERVER    "blackdow.carleon.gov"
#define LONG_TERM "HGkj32KJGiuy098sdfaqbNjOiaz71923"
#define MAC_KEY   "ZksjpweoixXmvn67534m"
#define TIMESTAMP UINT64_C(92470300704768)
#define LIFETIME  3600u
#define NONCE     "h4j3k2l2n4b5"
#define A256                                                                                       \
	"AAxoNGozazJsMm40YjVhfvE0o9XkTpoZzH3BBLDAPQOypVHY/fXNO23KbxDPt35bLd7ITSk6XFBJk1nwwuJvdg=="
#define A128                                                                                       \
	"AAxoNGozazJsMm40YjV/uemfCCe+PfHhvWUUk9MDHTbfVweXhK7l6stl+tTyf6saP5eXS2n4UbJL9a8J7aNX4A=="
/* 20 bytes of them. */
#define SAMPLE_LEN (2 + 12 + 2 + 20 + 8 + 4 + 16)

#define MADE (NOW - 60u)
#define KID  "2783466234"

static const uint8_t *key_bytes(void)
{
	return (const uint8_t *)LONG_TERM;
}

static size_t sample(const char *text, uint8_t out[SEAL_MAX])
{
	size_t len;
	assert_int_equal(base64_decode(text, strlen(text), out, SEAL_MAX, &len), 0);
	assert_int_equal(len, SAMPLE_LEN);
	return len;
}

static int decode(enum crypto_aead a, const char *server, const uint8_t *token, size_t len,
	struct auth_token *t)
{
	return auth_token_decode(a, key_bytes(), bytes_str(server), bytes_of(token, len), t);
}

/* ---- layout ---- */

static void published_samples_decode(void **state)
{
	static const struct {
		enum crypto_aead a;
		const char *text;
	} samples[] = {{CRYPTO_AES_256_GCM, A256}, {CRYPTO_AES_128_GCM, A128}};
	for (size_t i = 0; i < ARRAY_LEN(samples); i++) {
		uint8_t token[SEAL_MAX];
		struct auth_token t;
		size_t len = sample(samples[i].text, token);
		assert_int_equal(decode(samples[i].a, SERVER, token, len, &t), 0);
		assert_int_equal(t.key.len, 20);
		assert_memory_equal(t.key.bytes, MAC_KEY, 20);
		assert_true(t.made_s == TIMESTAMP >> 16);
		assert_int_equal(t.lifetime_s, LIFETIME);
	}
}

static void tokens_made_here_are_the_published_samples(void **state)
{
	uint8_t text[SEAL_MAX], token[SEAL_MAX], want[SEAL_MAX];
	size_t n = seal_fields(bytes_str(MAC_KEY), TIMESTAMP, LIFETIME, text);
	size_t len =
		seal_text(CRYPTO_AES_256_GCM, key_bytes(), NONCE, SERVER, bytes_of(text, n), token);
	assert_int_equal(len, sample(A256, want));
	assert_memory_equal(token, want, len);
}

static void every_truncated_length_is_refused(void **state)
{
	uint8_t token[SEAL_MAX];
	struct auth_token t;
	size_t len = sample(A256, token);
	for (size_t n = 0; n < len; n++) {
		uint8_t *exact = malloc(n ? n : 1); /* so that a read behind it is seen */
		memcpy(exact, token, n);
		int rc = decode(CRYPTO_AES_256_GCM, SERVER, exact, n, &t);
		assert_int_equal(rc, n < 14 + 16 ? ERR_MALFORMED : ERR_BAD_KEY);
		free(exact);
	}
	token[len] = 0;
	assert_int_equal(decode(CRYPTO_AES_256_GCM, SERVER, token, len + 1, &t), ERR_BAD_KEY);
	assert_int_equal(decode(CRYPTO_AES_256_GCM, SERVER, token, SEAL_MAX, &t), ERR_MALFORMED);
}

static void every_changed_bit_is_refused(void **state)
{
	uint8_t token[SEAL_MAX];
	struct auth_token t;
	size_t len = sample(A256, token);
	for (size_t i = 0; i < 8 * len; i++) {
		token[i / 8] ^= (uint8_t)(1u << i % 8);
		int rc = decode(CRYPTO_AES_256_GCM, SERVER, token, len, &t);
		assert_int_equal(rc, i < 16 ? ERR_MALFORMED : ERR_BAD_KEY);
		token[i / 8] ^= (uint8_t)(1u << i % 8);
	}
}

/* RFC 7635 §6.2: the server's name is associated data. */
static void token_for_another_server_or_key_is_refused(void **state)
{
	uint8_t token[SEAL_MAX];
	struct auth_token t;
	size_t len = sample(A256, token);
	assert_int_equal(
		decode(CRYPTO_AES_256_GCM, "blackdow.carleon.go", token, len, &t), ERR_BAD_KEY);
	assert_int_equal(decode(CRYPTO_AES_256_GCM, "", token, len, &t), ERR_BAD_KEY);
	assert_int_equal(decode(CRYPTO_AES_128_GCM, SERVER, token, len, &t), ERR_BAD_KEY);
	assert_int_equal(auth_token_decode(CRYPTO_AES_256_GCM,
				 (const uint8_t *)"HGkj32KJGiuy098sdfaqbNjOiaz71924",
				 bytes_str(SERVER), bytes_of(token, len), &t),
		ERR_BAD_KEY);
}

/* Rightly sealed, wrongly made: lengths that do not add up, or that no HMAC wants. */
static void sealed_nonsense_is_malformed(void **state)
{
	static const uint8_t mac_key[64] = {1};
	static const size_t bad_lens[] = {0, 1, 16, 19, 33, 64};
	uint8_t text[SEAL_MAX], token[SEAL_MAX];
	struct auth_token t;
	for (size_t i = 0; i < ARRAY_LEN(bad_lens); i++) {
		size_t n = seal_fields(bytes_of(mac_key, bad_lens[i]), TIMESTAMP, LIFETIME, text);
		size_t len = seal_text(
			CRYPTO_AES_256_GCM, key_bytes(), NONCE, SERVER, bytes_of(text, n), token);
		assert_int_equal(decode(CRYPTO_AES_256_GCM, SERVER, token, len, &t), ERR_MALFORMED);
	}
	size_t n = seal_fields(bytes_of(mac_key, 20), TIMESTAMP, LIFETIME, text);
	for (size_t cut = 0; cut <= n + 12; cut++) {
		size_t len = seal_text(
			CRYPTO_AES_256_GCM, key_bytes(), NONCE, SERVER, bytes_of(text, cut), token);
		assert_int_equal(decode(CRYPTO_AES_256_GCM, SERVER, token, len, &t),
			cut == n ? 0 : ERR_MALFORMED);
	}
	for (int d = -1; d <= 1; d += 2) {
		be16_put(text, (uint16_t)(20 + d));
		size_t len = seal_text(
			CRYPTO_AES_256_GCM, key_bytes(), NONCE, SERVER, bytes_of(text, n), token);
		assert_int_equal(decode(CRYPTO_AES_256_GCM, SERVER, token, len, &t), ERR_MALFORMED);
	}
}

static void session_keys_of_20_to_32_bytes_pass(void **state)
{
	static const uint8_t mac_key[STUN_KEY_MAX] = {1, 2, 3};
	uint8_t text[SEAL_MAX], token[SEAL_MAX];
	struct auth_token t;
	for (size_t k = 20; k <= STUN_KEY_MAX; k++) {
		size_t n = seal_fields(bytes_of(mac_key, k), UINT64_MAX, UINT32_MAX, text);
		size_t len = seal_text(
			CRYPTO_AES_256_GCM, key_bytes(), NONCE, SERVER, bytes_of(text, n), token);
		assert_int_equal(decode(CRYPTO_AES_256_GCM, SERVER, token, len, &t), 0);
		assert_int_equal(t.key.len, k);
		assert_true(t.made_s == UINT64_MAX >> 16);
		assert_int_equal(t.lifetime_s, UINT32_MAX);
	}
}

/* ---- checking ---- */

struct box {
	struct fixture *f;
	struct auth_token_key keys[2];
	uint8_t token[SEAL_MAX];
	size_t len;
};

static int setup(void **state)
{
	struct box *b = calloc(1, sizeof(*b));
	void *f = NULL;
	if (b == NULL || fixture_setup(&f) != 0)
		return -1;
	b->f = f;
	for (int i = 0; i < 2; i++) {
		strcpy(b->keys[i].kid, i == 0 ? KID : "ended");
		b->keys[i].algorithm = CRYPTO_AES_256_GCM;
		memcpy(b->keys[i].key, key_bytes(), 32);
	}
	b->keys[1].verify_until = NOW;
	b->f->config.token_keys = b->keys;
	b->f->config.n_token_keys = 2;
	b->f->config.token_server = SERVER;
	fixture_reload(b->f);
	*state = b;
	return 0;
}

static int teardown(void **state)
{
	struct box *b = *state;
	void *f = b->f;
	fixture_teardown(&f);
	free(b);
	return 0;
}

static void make_token(struct box *b, uint64_t made_s, uint32_t lifetime_s)
{
	uint8_t text[SEAL_MAX];
	size_t n = seal_fields(bytes_str(MAC_KEY), made_s << 16, lifetime_s, text);
	b->len = seal_text(
		CRYPTO_AES_256_GCM, key_bytes(), NONCE, SERVER, bytes_of(text, n), b->token);
}

/* An Allocate signed with MAC_KEY that brings the token. */
static enum auth_reason check(struct box *b, const char *kid, const char *mac_key, uint64_t now_s)
{
	struct fixture *f = b->f;
	struct stun_writer w;
	struct crypto_hmac_key hmac;
	size_t len;
	uint8_t tid[STUN_TID_LEN] = {7};
	crypto_hmac_key_init(&hmac, CRYPTO_SHA1, mac_key, strlen(mac_key));
	stun_write_begin(&w, f->buf, sizeof(f->buf), STUN_REQUEST, STUN_ALLOCATE, tid);
	stun_write_bytes(&w, STUN_USERNAME, kid, strlen(kid));
	stun_write_bytes(&w, STUN_ACCESS_TOKEN, b->token, b->len);
	stun_write_integrity(&w, CRYPTO_SHA1, &hmac);
	assert_int_equal(stun_write_end(&w, &len), 0);
	assert_int_equal(stun_msg_decode(f->buf, len, &f->msg), 0);
	f->query = (struct auth_query){.msg = &f->msg,
		.integrity = CRYPTO_SHA1,
		.algorithm = STUN_PASSWORD_MD5,
		.username = bytes_str(kid),
		.has_token = true,
		.token = bytes_of(b->token, b->len),
		.location = AUTH_INTERNET,
		.transport = AUTH_UDP,
		.now_s = now_s};
	memset(&f->grant, 0xff, sizeof(f->grant));
	return auth_check(f->snapshot, &f->query, &f->grant);
}

static void token_passes_and_says_until_when(void **state)
{
	struct box *b = *state;
	make_token(b, MADE, 600);
	assert_int_equal(check(b, KID, MAC_KEY, NOW), AUTH_OK);
	const struct auth_grant *g = &b->f->grant;
	assert_int_equal(g->form, AUTH_FORM_TOKEN);
	assert_int_equal(g->expires_s, MADE + 600);
	assert_int_equal(g->refresh_until_s, MADE + 600);
	assert_int_equal(g->key.len, 20);
	assert_memory_equal(g->key.bytes, MAC_KEY, 20);
	assert_string_equal(g->kid, "");
	assert_true(g->claims.relays == UINT64_MAX);
}

static void two_tokens_are_two_subjects_and_one_is_one(void **state)
{
	struct box *b = *state;
	uint8_t first[AUTH_SUBJECT_LEN];
	make_token(b, MADE, 600);
	assert_int_equal(check(b, KID, MAC_KEY, NOW), AUTH_OK);
	memcpy(first, b->f->grant.claims.subject, sizeof(first));
	assert_int_equal(check(b, KID, MAC_KEY, NOW + 1), AUTH_OK);
	assert_memory_equal(first, b->f->grant.claims.subject, sizeof(first));
	make_token(b, MADE, 601);
	assert_int_equal(check(b, KID, MAC_KEY, NOW), AUTH_OK);
	assert_memory_not_equal(first, b->f->grant.claims.subject, sizeof(first));
}

static void token_counts_for_its_lifetime_and_the_skew(void **state)
{
	struct box *b = *state;
	make_token(b, NOW, 600);
	assert_int_equal(check(b, KID, MAC_KEY, NOW - 31), AUTH_EXPIRED);
	assert_int_equal(check(b, KID, MAC_KEY, NOW - 30), AUTH_OK);
	assert_int_equal(check(b, KID, MAC_KEY, NOW + 630), AUTH_OK);
	assert_int_equal(check(b, KID, MAC_KEY, NOW + 631), AUTH_EXPIRED);
	assert_int_equal(b->f->grant.key.len, 0xff); /* nothing was written */
	make_token(b, UINT64_MAX >> 16, UINT32_MAX);
	assert_int_equal(check(b, KID, MAC_KEY, NOW), AUTH_EXPIRED);
}

static void what_is_wrong_has_its_reason(void **state)
{
	struct box *b = *state;
	make_token(b, MADE, 600);
	assert_int_equal(check(b, "nobody", MAC_KEY, NOW), AUTH_UNKNOWN_KEY);
	assert_int_equal(check(b, "", MAC_KEY, NOW), AUTH_UNKNOWN_KEY);
	assert_int_equal(check(b, "ended", MAC_KEY, NOW - 1), AUTH_OK);
	assert_int_equal(check(b, "ended", MAC_KEY, NOW), AUTH_UNKNOWN_KEY);
	assert_int_equal(check(b, KID, "another key of 20 by", NOW), AUTH_BAD_INTEGRITY);
	b->token[20] ^= 1;
	assert_int_equal(check(b, KID, MAC_KEY, NOW), AUTH_BAD_TOKEN);
	b->len = 0;
	assert_int_equal(check(b, KID, MAC_KEY, NOW), AUTH_BAD_TOKEN);
	assert_int_equal(auth_reason_code(AUTH_BAD_TOKEN), STUN_UNAUTHORIZED);
	assert_string_equal(auth_reason_text(AUTH_BAD_TOKEN), "bad_token");
}

/* As coturn signs: with as many bytes as a password's key has. No other part of it will do. */
static void first_16_bytes_of_the_key_sign_too(void **state)
{
	struct box *b = *state;
	char part[] = MAC_KEY;
	make_token(b, MADE, 600);
	for (size_t n = strlen(MAC_KEY); n-- > 0;) {
		part[n] = '\0';
		assert_int_equal(check(b, KID, part, NOW), n == 16 ? AUTH_OK : AUTH_BAD_INTEGRITY);
		if (n == 16)
			assert_int_equal(b->f->grant.key.len, 16);
	}
}

static void revoked_token_is_refused(void **state)
{
	struct box *b = *state;
	struct auth_revocation r = {.kind = AUTH_REVOKE_SUBJECT, .until_s = NOW + 600};
	make_token(b, MADE, 600);
	assert_int_equal(check(b, KID, MAC_KEY, NOW), AUTH_OK);
	memcpy(r.id, b->f->grant.claims.subject, AUTH_SUBJECT_LEN);
	b->f->config.revocations = &r;
	b->f->config.n_revocations = 1;
	fixture_reload(b->f);
	assert_int_equal(check(b, KID, MAC_KEY, NOW), AUTH_REVOKED);
}

static void server_name_is_the_realm_unless_named(void **state)
{
	struct box *b = *state;
	assert_string_equal(auth_snapshot_token_server(b->f->snapshot), SERVER);
	b->f->config.token_server = NULL;
	fixture_reload(b->f);
	assert_string_equal(auth_snapshot_token_server(b->f->snapshot), VECTOR_REALM);
	b->f->config.n_token_keys = 0;
	fixture_reload(b->f);
	assert_null(auth_snapshot_token_server(b->f->snapshot));
}

static void two_keys_of_one_kid_are_refused(void **state)
{
	struct box *b = *state;
	strcpy(b->keys[1].kid, KID);
	fixture_refuse(b->f, ERR_CONFIG, KID);
	b->keys[1].kid[0] = '\0';
	fixture_refuse(b->f, ERR_CONFIG, "kid");
}

#define T(fn) cmocka_unit_test_setup_teardown(fn, setup, teardown)

int main(void)
{
	const struct CMUnitTest t[] = {
		cmocka_unit_test(published_samples_decode),
		cmocka_unit_test(tokens_made_here_are_the_published_samples),
		cmocka_unit_test(every_truncated_length_is_refused),
		cmocka_unit_test(every_changed_bit_is_refused),
		cmocka_unit_test(token_for_another_server_or_key_is_refused),
		cmocka_unit_test(sealed_nonsense_is_malformed),
		cmocka_unit_test(session_keys_of_20_to_32_bytes_pass),
		T(token_passes_and_says_until_when),
		T(two_tokens_are_two_subjects_and_one_is_one),
		T(token_counts_for_its_lifetime_and_the_skew),
		T(what_is_wrong_has_its_reason),
		T(first_16_bytes_of_the_key_sign_too),
		T(revoked_token_is_refused),
		T(server_name_is_the_realm_unless_named),
		T(two_keys_of_one_kid_are_refused),
	};
	return cmocka_run_group_tests(t, NULL, NULL) != 0;
}
