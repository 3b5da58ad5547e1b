/* SPDX-License-Identifier: BSD-3-Clause */
/* m1 credentials: minted, checked, and refused for each thing that can be wrong with one. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <cmocka.h>
#include "fixture.h"

static void assert_key(const struct fixture *f, const char *want)
{
	char text[2 * STUN_KEY_MAX + 1];
	hex_encode(f->grant.key.bytes, f->grant.key.len, text);
	assert_string_equal(text, want);
}

/* ---- vectors ---- */

static void minting_gives_the_published_credential(void **state)
{
	struct fixture *f = *state;
	struct auth_credential c;
	struct auth_claims claims = fixture_claims(f);
	char subject[2 * AUTH_SUBJECT_LEN + 1];
	hex_encode(claims.subject, AUTH_SUBJECT_LEN, subject);
	assert_string_equal(subject, "5b4931b013acae4ff05ec3c027766357");

	assert_int_equal(auth_mint_m1(f->snapshot, NOW, VECTOR_EXP, &claims, &c), 0);

	assert_string_equal(c.username, VECTOR_USER);
	assert_string_equal(c.password, VECTOR_PASS);
	assert_string_equal(c.kid, VECTOR_KID);
	assert_int_equal(c.expires_s, VECTOR_EXP);
}

static void published_credential_passes_with_its_claims(void **state)
{
	struct fixture *f = *state;
	struct auth_claims want = fixture_claims(f);

	assert_int_equal(fixture_check(f, VECTOR_USER, VECTOR_PASS, NOW), AUTH_OK);

	const struct auth_grant *g = &f->grant;
	assert_int_equal(g->form, AUTH_FORM_M1);
	assert_int_equal(g->claims.locations, want.locations);
	assert_int_equal(g->claims.transports, want.transports);
	assert_int_equal(g->claims.flags, 0);
	assert_int_equal(g->claims.max_allocations, 8);
	assert_int_equal(g->claims.kbps, 3000);
	assert_true(g->claims.relays == UINT64_MAX);
	assert_memory_equal(g->claims.subject, want.subject, AUTH_SUBJECT_LEN);
	assert_memory_equal(g->claims.jti, want.jti, AUTH_JTI_LEN);
	assert_int_equal(g->expires_s, VECTOR_EXP);
	assert_int_equal(g->refresh_until_s, VECTOR_EXP + 86400);
	assert_string_equal(g->kid, VECTOR_KID);
	assert_key(f, "8f867547dd8f79eb59dcdc856f78acc0");
}

/* RFC 8489 §9.2: either algorithm for the key, either attribute for the message. */
static void every_pair_of_algorithms_passes(void **state)
{
	struct fixture *f = *state;
	for (int i = 0; i < 4; i++) {
		f->query.algorithm = i & 1 ? STUN_PASSWORD_SHA256 : STUN_PASSWORD_MD5;
		f->query.integrity = i & 2 ? CRYPTO_SHA256 : CRYPTO_SHA1;
		assert_int_equal(fixture_check(f, VECTOR_USER, VECTOR_PASS, NOW), AUTH_OK);
		assert_key(f, i & 1 ? "df8c4677be6c59196d38d84148a8464c25858fae5d6863af18ea8449"
				      "9100c685"
				    : "8f867547dd8f79eb59dcdc856f78acc0");
	}
}

static void minted_claims_come_back_at_their_extremes(void **state)
{
	struct fixture *f = *state;
	static const struct auth_claims extremes[] = {
		{.relays = 1},
		{.locations = 3,
			.transports = 15,
			.flags = 3,
			.max_allocations = UINT16_MAX,
			.kbps = UINT32_MAX,
			.relays = UINT64_MAX},
		{.locations = 1,
			.flags = AUTH_TCP_RELAY,
			.max_allocations = 1,
			.kbps = 1,
			.relays = 1 | UINT64_C(1) << 63},
	};
	for (size_t i = 0; i < ARRAY_LEN(extremes); i++) {
		struct auth_claims want = extremes[i];
		memset(want.subject, 0xff, sizeof(want.subject));
		memset(want.jti, 0xfe, sizeof(want.jti));
		struct auth_credential c;
		assert_int_equal(auth_mint_m1(f->snapshot, NOW, NOW + 60, &want, &c), 0);
		assert_int_equal(fixture_check(f, c.username, c.password, NOW), AUTH_OK);
		const struct auth_claims *got = &f->grant.claims;
		assert_int_equal(got->locations, want.locations);
		assert_int_equal(got->transports, want.transports);
		assert_int_equal(got->flags, want.flags);
		assert_int_equal(got->max_allocations, want.max_allocations);
		assert_int_equal(got->kbps, want.kbps);
		assert_true(got->relays == want.relays);
		assert_memory_equal(got->subject, want.subject, sizeof(want.subject));
		assert_memory_equal(got->jti, want.jti, sizeof(want.jti));
	}
}

/* Nothing in it that a client's string preparation or quoting could touch. */
static void credentials_use_a_plain_alphabet(void **state)
{
	struct fixture *f = *state;
	static const char alphabet[] =
		"abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789._:-";
	for (int i = 0; i < 50; i++) {
		struct auth_claims claims = {.relays = UINT64_MAX};
		struct auth_credential c;
		crypto_random(claims.subject, sizeof(claims.subject));
		crypto_random(claims.jti, sizeof(claims.jti));
		assert_int_equal(auth_mint_m1(f->snapshot, NOW, VECTOR_EXP, &claims, &c), 0);
		assert_int_equal(strspn(c.username, alphabet), strlen(c.username));
		assert_int_equal(strspn(c.password, alphabet), strlen(c.password));
		assert_int_equal(strlen(c.username), 82);
		assert_int_equal(strlen(c.password), 43);
	}
}

/* ---- form ---- */

static void assert_bad_form(struct fixture *f, const char *username)
{
	assert_int_equal(fixture_check(f, username, VECTOR_PASS, NOW), AUTH_BAD_FORM);
}

/* The password covers the whole username, so no other character anywhere passes. */
static void one_changed_character_anywhere_fails(void **state)
{
	struct fixture *f = *state;
	char name[] = VECTOR_USER;
	for (size_t i = 0; name[i] != '\0'; i++) {
		for (int c = 1; c < 256; c++) {
			if ((char)c == VECTOR_USER[i])
				continue;
			name[i] = (char)c;
			assert_int_not_equal(fixture_check(f, name, VECTOR_PASS, NOW), AUTH_OK);
		}
		name[i] = VECTOR_USER[i];
	}
	assert_int_equal(fixture_check(f, name, VECTOR_PASS, NOW), AUTH_OK);
}

static void every_truncation_and_every_tail_fails(void **state)
{
	struct fixture *f = *state;
	const size_t len = strlen(VECTOR_USER);
	uint8_t longer[sizeof(VECTOR_USER) + 1];
	f->query.now_s = NOW;
	for (size_t n = 0; n < len; n++) {
		uint8_t *shorter = malloc(n + 1); /* exact, so that an over-read shows */
		memcpy(shorter, VECTOR_USER, n);
		fixture_sign(f, shorter, n, VECTOR_PASS);
		assert_int_not_equal(auth_check(f->snapshot, &f->query, &f->grant), AUTH_OK);
		free(shorter);
	}
	for (int c = 0; c < 256; c++) {
		memcpy(longer, VECTOR_USER, len);
		longer[len] = (uint8_t)c;
		fixture_sign(f, longer, len + 1, VECTOR_PASS);
		assert_int_equal(auth_check(f->snapshot, &f->query, &f->grant), AUTH_BAD_FORM);
	}
}

static void expiry_has_one_spelling(void **state)
{
	struct fixture *f = *state;
	static const char *const bad[] = {"", "01800000000", "+1800000000", "-1800000000",
		" 1800000000", "1800000000 ", "0x6B49D200", "1.8e9", "1800000000.0",
		"18446744073709551616", "99999999999999999999", "100000000000000000000",
		"18000000000000000000000"};
	char name[AUTH_USERNAME_MAX];
	for (size_t i = 0; i < ARRAY_LEN(bad); i++) {
		snprintf(name, sizeof(name), "%s:m1." VECTOR_KID "." VECTOR_CLAIMS, bad[i]);
		assert_bad_form(f, name);
		snprintf(name, sizeof(name), "%s:alice", bad[i]);
		assert_bad_form(f, name);
	}
}

static void largest_expiry_neither_overflows_nor_ends(void **state)
{
	struct fixture *f = *state;
	struct auth_claims claims = {.relays = UINT64_MAX};
	struct auth_credential c;
	assert_int_equal(auth_mint_m1(f->snapshot, NOW, UINT64_MAX, &claims, &c), 0);
	assert_string_equal(c.username + 20, strchr(c.username, ':'));
	assert_int_equal(fixture_check(f, c.username, c.password, NOW), AUTH_OK);
	assert_true(f->grant.refresh_until_s == UINT64_MAX);
	assert_int_equal(fixture_check(f, c.username, c.password, UINT64_MAX), AUTH_OK);
}

static void kid_is_eight_lower_case_hex_digits(void **state)
{
	struct fixture *f = *state;
	assert_bad_form(f, "1800000000:m1.387218CB." VECTOR_CLAIMS);
	assert_bad_form(f, "1800000000:m1.387218cg." VECTOR_CLAIMS);
	assert_bad_form(f, "1800000000:m1.387218c." VECTOR_CLAIMS "A");
	assert_bad_form(f, "1800000000:m1.387218cb0." VECTOR_CLAIMS);
	assert_bad_form(f, "1800000000:m1.387218cb:" VECTOR_CLAIMS);
}

static void prefix_is_exact_and_never_falls_back_to_rest(void **state)
{
	struct fixture *f = *state;
	assert_bad_form(f, "1800000000:m1.");
	assert_bad_form(f, "1800000000:m1.alice");
	assert_bad_form(f, "1800000000");
	assert_bad_form(f, ":");
	f->config.turn_rest = false;
	fixture_reload(f);
	assert_bad_form(f, "1800000000:M1." VECTOR_KID "." VECTOR_CLAIMS);
	assert_bad_form(f, "1800000000:m2." VECTOR_KID "." VECTOR_CLAIMS);
}

/* Base64 has bits to spare in its last character; only zeros are right there. */
static void spare_bits_of_base64_must_be_zero(void **state)
{
	struct fixture *f = *state;
	char name[] = VECTOR_USER;
	char *last = name + strlen(name) - 1;
	assert_int_equal(*last, 'g'); /* 100000: the low two bits are spare */
	for (const char *c = "hij"; *c != '\0'; c++) {
		*last = *c;
		assert_bad_form(f, name);
	}
}

/* VECTOR_CLAIMS with byte AT replaced, and a password made for the result. */
static enum auth_reason check_with_byte(struct fixture *f, size_t at, uint8_t value)
{
	static const uint8_t k_pw[32] = {0xa7, 0xca, 0xa1, 0x72, 0x4a, 0xf0, 0xaf, 0x44, 0x28, 0xda,
		0xe8, 0xcb, 0x2a, 0x6a, 0x46, 0x57, 0x9b, 0x1e, 0x6c, 0xc5, 0xfb, 0xa7, 0xb8, 0x54,
		0xa2, 0xf6, 0xab, 0x35, 0x62, 0xe1, 0xc9, 0xed};
	uint8_t claims[44], mac[CRYPTO_SHA256_LEN];
	char name[AUTH_USERNAME_MAX], text[60], password[AUTH_PASSWORD_MAX];
	size_t len;
	assert_int_equal(base64url_decode(VECTOR_CLAIMS, 59, claims, sizeof(claims), &len), 0);
	claims[at] = value;
	base64url_encode(claims, sizeof(claims), text);
	snprintf(name, sizeof(name), "1800000000:m1." VECTOR_KID ".%s", text);

	struct crypto_hmac_key k;
	const struct bytes parts[] = {bytes_of("m1", 3), bytes_str(name)};
	crypto_hmac_key_init(&k, CRYPTO_SHA256, k_pw, sizeof(k_pw));
	crypto_hmac(&k, parts, 2, mac);
	base64url_encode(mac, sizeof(mac), password);
	return fixture_check(f, name, password, NOW);
}

static void unknown_layout_and_unknown_bits_are_refused(void **state)
{
	struct fixture *f = *state;
	assert_int_equal(check_with_byte(f, 0, 1), AUTH_OK);
	assert_int_equal(check_with_byte(f, 0, 0), AUTH_BAD_FORM);
	assert_int_equal(check_with_byte(f, 0, 2), AUTH_BAD_FORM);
	assert_int_equal(check_with_byte(f, 6, 1), AUTH_BAD_FORM);
	assert_int_equal(check_with_byte(f, 7, 1), AUTH_BAD_FORM);
	for (unsigned bit = 0; bit < 8; bit++) {
		uint8_t v = (uint8_t)(1u << bit);
		assert_int_equal(check_with_byte(f, 1, v | AUTH_INTERNET),
			bit < 2 ? AUTH_OK : AUTH_BAD_FORM);
		assert_int_equal(
			check_with_byte(f, 2, v | AUTH_UDP), bit < 4 ? AUTH_OK : AUTH_BAD_FORM);
		assert_int_equal(check_with_byte(f, 3, v), bit < 2 ? AUTH_OK : AUTH_BAD_FORM);
	}
}

static void unknown_bits_are_not_minted(void **state)
{
	struct fixture *f = *state;
	struct auth_credential c;
	struct auth_claims bad[3] = {{.locations = 4}, {.transports = 16}, {.flags = 4}};
	for (size_t i = 0; i < ARRAY_LEN(bad); i++)
		assert_int_equal(
			auth_mint_m1(f->snapshot, NOW, VECTOR_EXP, &bad[i], &c), ERR_UNSUPPORTED);
}

/* ---- expiry and integrity ---- */

static void credential_counts_until_expiry_and_skew(void **state)
{
	struct fixture *f = *state;
	assert_int_equal(fixture_check(f, VECTOR_USER, VECTOR_PASS, VECTOR_EXP + 30), AUTH_OK);
	assert_int_equal(fixture_check(f, VECTOR_USER, VECTOR_PASS, VECTOR_EXP + 31), AUTH_EXPIRED);
	f->config.clock_skew_s = 0;
	fixture_reload(f);
	assert_int_equal(fixture_check(f, VECTOR_USER, VECTOR_PASS, VECTOR_EXP), AUTH_OK);
	assert_int_equal(fixture_check(f, VECTOR_USER, VECTOR_PASS, VECTOR_EXP + 1), AUTH_EXPIRED);
}

static void wrong_password_fails_and_writes_nothing(void **state)
{
	struct fixture *f = *state;
	struct auth_grant untouched;
	memset(&untouched, 0xff, sizeof(untouched));
	assert_int_equal(fixture_check(f, VECTOR_USER, "x" VECTOR_PASS, NOW), AUTH_BAD_INTEGRITY);
	assert_memory_equal(&f->grant, &untouched, sizeof(untouched));
	assert_int_equal(fixture_check(f, VECTOR_USER, "", NOW), AUTH_BAD_INTEGRITY);
}

static void key_for_another_realm_fails(void **state)
{
	struct fixture *f = *state;
	f->config.realm = "other.example.com";
	assert_int_equal(fixture_check(f, VECTOR_USER, VECTOR_PASS, NOW), AUTH_BAD_INTEGRITY);
	assert_string_equal(auth_snapshot_realm(f->snapshot), VECTOR_REALM);
}

/* RFC 8489 §9.2.2: the realm in the key is the one in the challenge, whoever's the password is. */
static void realm_of_the_challenge_counts(void **state)
{
	struct fixture *f = *state;
	f->query.realm = "another.example.com";
	assert_int_equal(fixture_check(f, VECTOR_USER, VECTOR_PASS, NOW), AUTH_BAD_INTEGRITY);
	f->query.realm = VECTOR_REALM;
	assert_int_equal(fixture_check(f, VECTOR_USER, VECTOR_PASS, NOW), AUTH_OK);
}

static void kid_is_read_from_the_one_spelling_of_m1(void **state)
{
	static const char *const others[] = {"", ":", "1:", "1800000000:alice",
		"1800000000:m1.387218CB." VECTOR_CLAIMS, "1800000000:m1.387218cb.",
		"01800000000:m1.387218cb." VECTOR_CLAIMS,
		"1800000000:m1.387218cb." VECTOR_CLAIMS "A"};
	char kid[AUTH_KID_LEN + 1];
	assert_true(auth_username_kid(bytes_str(VECTOR_USER), kid));
	assert_string_equal(kid, VECTOR_KID);
	for (size_t i = 0; i < ARRAY_LEN(others); i++)
		assert_false(auth_username_kid(bytes_str(others[i]), kid));
	for (size_t len = 0; len < strlen(VECTOR_USER); len++)
		assert_false(auth_username_kid(bytes_of(VECTOR_USER, len), kid));
}

static void key_by_the_other_algorithm_fails(void **state)
{
	struct fixture *f = *state;
	fixture_sign(f, VECTOR_USER, strlen(VECTOR_USER), VECTOR_PASS);
	f->query.now_s = NOW;
	f->query.algorithm = STUN_PASSWORD_SHA256;
	assert_int_equal(auth_check(f->snapshot, &f->query, &f->grant), AUTH_BAD_INTEGRITY);
}

static void absent_integrity_fails(void **state)
{
	struct fixture *f = *state;
	fixture_sign(f, VECTOR_USER, strlen(VECTOR_USER), VECTOR_PASS);
	f->query.now_s = NOW;
	f->query.integrity = CRYPTO_SHA256; /* the message carries the other one */
	assert_int_equal(auth_check(f->snapshot, &f->query, &f->grant), AUTH_BAD_INTEGRITY);
}

static void changed_message_fails(void **state)
{
	struct fixture *f = *state;
	fixture_sign(f, VECTOR_USER, strlen(VECTOR_USER), VECTOR_PASS);
	f->query.now_s = NOW;
	f->buf[STUN_HEADER_LEN + 4] ^= 1; /* REQUESTED-TRANSPORT */
	assert_int_equal(auth_check(f->snapshot, &f->query, &f->grant), AUTH_BAD_INTEGRITY);
}

/* ---- keys and their windows ---- */

static void credential_of_an_unknown_key_fails(void **state)
{
	struct fixture *f = *state;
	f->config.keys = f->keys + 1;
	fixture_reload(f);
	assert_int_equal(fixture_check(f, VECTOR_USER, VECTOR_PASS, NOW), AUTH_UNKNOWN_KEY);
}

static void key_verifies_until_its_window_ends(void **state)
{
	struct fixture *f = *state;
	f->keys[0].verify_until = NOW;
	fixture_reload(f);
	assert_int_equal(fixture_check(f, VECTOR_USER, VECTOR_PASS, NOW - 1), AUTH_OK);
	assert_int_equal(fixture_check(f, VECTOR_USER, VECTOR_PASS, NOW), AUTH_UNKNOWN_KEY);
}

/* Another member's clock may be ahead of ours. */
static void key_verifies_before_it_signs(void **state)
{
	struct fixture *f = *state;
	f->keys[0].sign_from = VECTOR_EXP;
	fixture_reload(f);
	assert_int_equal(fixture_check(f, VECTOR_USER, VECTOR_PASS, NOW), AUTH_OK);
}

/* docs/credentials.md, "Changing the key": nobody is cut off on either side of the switch. */
static void rollover_refuses_nobody(void **state)
{
	struct fixture *f = *state;
	const uint64_t change = NOW, drop = NOW + 28800 + 30;
	struct auth_claims claims = {.relays = UINT64_MAX};
	struct auth_credential before, after;
	f->config.n_keys = 2;
	f->keys[0].verify_until = drop;
	f->keys[1].sign_from = change;
	fixture_reload(f);

	uint64_t expires = change - 1 + 28800;
	assert_int_equal(auth_mint_m1(f->snapshot, change - 1, expires, &claims, &before), 0);
	assert_int_equal(auth_mint_m1(f->snapshot, change, drop + 60, &claims, &after), 0);
	assert_string_equal(before.kid, VECTOR_KID);
	assert_string_not_equal(after.kid, VECTOR_KID);

	assert_int_equal(fixture_check(f, before.username, before.password, change), AUTH_OK);
	assert_int_equal(fixture_check(f, before.username, before.password, expires + 30), AUTH_OK);
	assert_int_equal(fixture_check(f, before.username, before.password, drop), AUTH_EXPIRED);
	assert_int_equal(fixture_check(f, after.username, after.password, change - 5), AUTH_OK);
	assert_int_equal(fixture_check(f, after.username, after.password, drop), AUTH_OK);
}

/* ---- what a credential covers ---- */

static enum auth_reason check_claims(struct fixture *f, const struct auth_claims *claims)
{
	struct auth_credential c;
	assert_int_equal(auth_mint_m1(f->snapshot, NOW, VECTOR_EXP, claims, &c), 0);
	return fixture_check(f, c.username, c.password, NOW);
}

static void credential_counts_at_its_locations(void **state)
{
	struct fixture *f = *state;
	for (uint8_t claimed = 0; claimed < 4; claimed++) {
		struct auth_claims c = {.locations = claimed, .relays = UINT64_MAX};
		for (uint8_t here = 1; here <= 2; here++) {
			f->query.location = here;
			assert_int_equal(check_claims(f, &c),
				claimed == 0 || claimed & here ? AUTH_OK : AUTH_WRONG_LOCATION);
		}
	}
}

static void credential_counts_over_its_transports(void **state)
{
	struct fixture *f = *state;
	for (uint8_t claimed = 0; claimed < 16; claimed++) {
		struct auth_claims c = {.transports = claimed, .relays = UINT64_MAX};
		for (unsigned bit = 0; bit < 4; bit++) {
			f->query.transport = 1u << bit;
			assert_int_equal(check_claims(f, &c), claimed == 0 || claimed >> bit & 1
								      ? AUTH_OK
								      : AUTH_WRONG_TRANSPORT);
		}
	}
}

static void credential_counts_at_its_relays(void **state)
{
	struct fixture *f = *state;
	static const unsigned nodes[] = {0, 1, 31, 32, 63};
	for (size_t i = 0; i < ARRAY_LEN(nodes); i++) {
		f->config.node = nodes[i];
		fixture_reload(f);
		struct auth_claims c = {.relays = UINT64_C(1) << nodes[i]};
		assert_int_equal(check_claims(f, &c), AUTH_OK);
		c.relays = ~c.relays;
		assert_int_equal(check_claims(f, &c), AUTH_WRONG_RELAY);
		c.relays = 0;
		assert_int_equal(check_claims(f, &c), AUTH_WRONG_RELAY);
	}
}

/* RFC 8489 §9.2.4: the answer to an authenticated request carries integrity, a 403 too. */
static void refusal_of_a_right_password_yields_the_key(void **state)
{
	struct fixture *f = *state;
	f->query.location = AUTH_INTRANET;
	assert_int_equal(fixture_check(f, VECTOR_USER, VECTOR_PASS, NOW), AUTH_WRONG_LOCATION);
	assert_key(f, "8f867547dd8f79eb59dcdc856f78acc0");
	/* and of a wrong one does not, wherever it is tried */
	assert_int_equal(fixture_check(f, VECTOR_USER, "x", NOW), AUTH_BAD_INTEGRITY);
	assert_int_equal(f->grant.key.len, 0xff);
}

static void reasons_have_texts_and_codes(void **state)
{
	for (int r = 0; r < AUTH_REASON_COUNT; r++) {
		assert_string_not_equal(auth_reason_text((enum auth_reason)r), "?");
		unsigned want = r >= AUTH_WRONG_LOCATION ? 403 : 401;
		assert_int_equal(auth_reason_code((enum auth_reason)r), r == AUTH_OK ? 0 : want);
	}
}

static void explaining_agrees_with_checking(void **state)
{
	struct fixture *f = *state;
	struct auth_grant g = {.expires_s = 1};
	struct bytes user = bytes_str(VECTOR_USER);

	assert_int_equal(auth_explain(f->snapshot, user, NOW, &g), AUTH_OK);
	assert_int_equal(g.expires_s, VECTOR_EXP);
	assert_string_equal(g.kid, VECTOR_KID);
	assert_int_equal(g.key.len, 0);
	assert_int_equal(fixture_check(f, VECTOR_USER, VECTOR_PASS, NOW), AUTH_OK);
	assert_memory_equal(&g.claims, &f->grant.claims, sizeof(g.claims));

	assert_int_equal(auth_explain(f->snapshot, user, VECTOR_EXP + 86400, &g), AUTH_EXPIRED);
	user = bytes_str("1800000000:m1.00000000." VECTOR_CLAIMS);
	assert_int_equal(auth_explain(f->snapshot, user, NOW, &g), AUTH_UNKNOWN_KEY);
	assert_string_equal(g.kid, "00000000");
}

static void explaining_nonsense_writes_nothing(void **state)
{
	static const char *const names[] = {"", "alice", "18:m1.387218cb.", "x:y", ":m1.", "5:"};
	struct fixture *f = *state;
	struct auth_grant g = {.expires_s = 1};

	for (size_t i = 0; i < ARRAY_LEN(names); i++)
		assert_int_equal(
			auth_explain(f->snapshot, bytes_str(names[i]), NOW, &g), AUTH_BAD_FORM);
	assert_int_equal(g.expires_s, 1);
}

int main(void)
{
#define T(f) cmocka_unit_test_setup_teardown(f, fixture_setup, fixture_teardown)
	const struct CMUnitTest t[] = {
		T(minting_gives_the_published_credential),
		T(published_credential_passes_with_its_claims),
		T(every_pair_of_algorithms_passes),
		T(minted_claims_come_back_at_their_extremes),
		T(credentials_use_a_plain_alphabet),
		T(one_changed_character_anywhere_fails),
		T(every_truncation_and_every_tail_fails),
		T(expiry_has_one_spelling),
		T(largest_expiry_neither_overflows_nor_ends),
		T(kid_is_eight_lower_case_hex_digits),
		T(prefix_is_exact_and_never_falls_back_to_rest),
		T(spare_bits_of_base64_must_be_zero),
		T(unknown_layout_and_unknown_bits_are_refused),
		T(unknown_bits_are_not_minted),
		T(credential_counts_until_expiry_and_skew),
		T(wrong_password_fails_and_writes_nothing),
		T(key_for_another_realm_fails),
		T(realm_of_the_challenge_counts),
		cmocka_unit_test(kid_is_read_from_the_one_spelling_of_m1),
		T(key_by_the_other_algorithm_fails),
		T(absent_integrity_fails),
		T(changed_message_fails),
		T(credential_of_an_unknown_key_fails),
		T(key_verifies_until_its_window_ends),
		T(key_verifies_before_it_signs),
		T(rollover_refuses_nobody),
		T(credential_counts_at_its_locations),
		T(credential_counts_over_its_transports),
		T(credential_counts_at_its_relays),
		T(refusal_of_a_right_password_yields_the_key),
		T(explaining_agrees_with_checking),
		T(explaining_nonsense_writes_nothing),
		cmocka_unit_test(reasons_have_texts_and_codes),
	};
#undef T
	return cmocka_run_group_tests(t, NULL, NULL) != 0;
}
