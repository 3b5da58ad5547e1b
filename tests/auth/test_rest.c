/* SPDX-License-Identifier: BSD-3-Clause */
/* The TURN REST form, as back ends written for other relays make it. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <cmocka.h>
#include "fixture.h"

#define REST_USER "1800000000:alice"
#define REST_PASS "U9L1KCdNjyQJf0FycZ4fp1iXOGQ="

/* What a back end that was given SECRET computes. */
static const char *password_of(const char *secret, const char *username, char out[30])
{
	struct crypto_hmac_key k;
	uint8_t mac[CRYPTO_SHA1_LEN];
	struct bytes name = bytes_str(username);
	crypto_hmac_key_init(&k, CRYPTO_SHA1, secret, strlen(secret));
	crypto_hmac(&k, &name, 1, mac);
	base64_encode(mac, sizeof(mac), out);
	return out;
}

static void minting_gives_the_published_credential(void **state)
{
	struct fixture *f = *state;
	struct auth_credential c;
	assert_int_equal(auth_mint_rest(f->snapshot, NOW, VECTOR_EXP, bytes_str("alice"), &c), 0);
	assert_string_equal(c.username, REST_USER);
	assert_string_equal(c.password, REST_PASS);
	assert_string_equal(c.kid, VECTOR_KID);
	assert_int_equal(c.expires_s, VECTOR_EXP);
}

static void published_credential_passes_with_every_right(void **state)
{
	struct fixture *f = *state;
	assert_int_equal(fixture_check(f, REST_USER, REST_PASS, NOW), AUTH_OK);

	const struct auth_grant *g = &f->grant;
	const struct auth_claims none = {.relays = UINT64_MAX};
	char subject[2 * AUTH_SUBJECT_LEN + 1];
	hex_encode(g->claims.subject, AUTH_SUBJECT_LEN, subject);
	assert_string_equal(subject, "2bd806c97f0e00af1a1fc3328fa763a9"); /* SHA-256("alice") */
	assert_int_equal(g->form, AUTH_FORM_REST);
	assert_int_equal(g->claims.locations | g->claims.transports | g->claims.flags, 0);
	assert_int_equal(g->claims.max_allocations, 0);
	assert_int_equal(g->claims.kbps, 0);
	assert_true(g->claims.relays == UINT64_MAX);
	assert_memory_equal(g->claims.jti, none.jti, AUTH_JTI_LEN);
	assert_string_equal(g->kid, VECTOR_KID);
	assert_int_equal(g->expires_s, VECTOR_EXP);
	assert_int_equal(g->refresh_until_s, VECTOR_EXP + 86400);
}

static void further_secrets_pass_without_a_kid(void **state)
{
	struct fixture *f = *state;
	char password[30];
	for (size_t i = 0; i < ARRAY_LEN(f->rest_secrets); i++) {
		password_of(f->rest_secrets[i], REST_USER, password);
		assert_int_equal(fixture_check(f, REST_USER, password, NOW), AUTH_OK);
		assert_string_equal(f->grant.kid, "");
	}
	password_of("third", REST_USER, password);
	assert_int_equal(fixture_check(f, REST_USER, password, NOW), AUTH_BAD_INTEGRITY);
}

static void any_key_of_the_ring_passes_in_its_window(void **state)
{
	struct fixture *f = *state;
	f->config.n_keys = 2;
	f->keys[0].verify_until = NOW;
	f->keys[1].sign_from = NOW - 100;
	fixture_reload(f);
	assert_int_equal(fixture_check(f, REST_USER, REST_PASS, NOW - 1), AUTH_OK);
	assert_string_equal(f->grant.kid, VECTOR_KID);
	assert_int_equal(fixture_check(f, REST_USER, REST_PASS, NOW), AUTH_BAD_INTEGRITY);

	struct auth_credential c;
	assert_int_equal(auth_mint_rest(f->snapshot, NOW, VECTOR_EXP, bytes_str("alice"), &c), 0);
	assert_string_not_equal(c.kid, VECTOR_KID);
	assert_int_equal(fixture_check(f, c.username, c.password, NOW), AUTH_OK);
	assert_string_equal(f->grant.kid, c.kid);
}

static void credential_counts_until_expiry_and_skew(void **state)
{
	struct fixture *f = *state;
	assert_int_equal(fixture_check(f, REST_USER, REST_PASS, VECTOR_EXP + 30), AUTH_OK);
	assert_int_equal(fixture_check(f, REST_USER, REST_PASS, VECTOR_EXP + 31), AUTH_EXPIRED);
}

static void form_is_refused_where_it_is_off(void **state)
{
	struct fixture *f = *state;
	struct auth_credential c;
	f->config.turn_rest = false;
	fixture_reload(f);
	assert_int_equal(fixture_check(f, REST_USER, REST_PASS, NOW), AUTH_BAD_FORM);
	assert_int_equal(auth_mint_rest(f->snapshot, NOW, VECTOR_EXP, bytes_str("alice"), &c),
		ERR_UNSUPPORTED);
}

static void name_may_hold_colons_but_not_come_first(void **state)
{
	struct fixture *f = *state;
	char password[30];
	static const char *const good[] = {
		"1800000000:sip:alice@example.com", "1800000000::", "1800000000:1800000000:alice"};
	static const char *const bad[] = {
		"alice:1800000000", "1800000000", "1800000000:", "alice", ":alice", ""};
	for (size_t i = 0; i < ARRAY_LEN(good); i++) {
		password_of("first", good[i], password);
		assert_int_equal(fixture_check(f, good[i], password, NOW), AUTH_OK);
	}
	for (size_t i = 0; i < ARRAY_LEN(bad); i++) {
		password_of("first", bad[i], password);
		assert_int_equal(fixture_check(f, bad[i], password, NOW), AUTH_BAD_FORM);
	}
}

/* A back end that holds a REST secret must not be able to make m1 claims for itself. */
static void rest_password_opens_no_m1_username(void **state)
{
	struct fixture *f = *state;
	char password[30];
	password_of("first", VECTOR_USER, password);
	assert_int_equal(fixture_check(f, VECTOR_USER, password, NOW), AUTH_BAD_INTEGRITY);
}

static void names_that_no_check_would_pass_are_not_minted(void **state)
{
	struct fixture *f = *state;
	struct auth_credential c;
	const struct auth_snapshot *s = f->snapshot;
	assert_int_equal(auth_mint_rest(s, NOW, VECTOR_EXP, bytes_str(""), &c), ERR_MALFORMED);
	assert_int_equal(auth_mint_rest(s, NOW, VECTOR_EXP, bytes_str("m1.x"), &c), ERR_MALFORMED);
	assert_int_equal(
		auth_mint_rest(s, NOW, VECTOR_EXP, bytes_of("a\0b", 3), &c), ERR_MALFORMED);
}

static void longest_name_fits_and_one_more_does_not(void **state)
{
	struct fixture *f = *state;
	struct auth_credential c;
	char name[AUTH_USERNAME_MAX];
	memset(name, 'n', sizeof(name));
	size_t max = AUTH_USERNAME_MAX - 1 - strlen("1800000000:");
	assert_int_equal(auth_mint_rest(f->snapshot, NOW, VECTOR_EXP, bytes_of(name, max), &c), 0);
	assert_int_equal(strlen(c.username), AUTH_USERNAME_MAX - 1);
	assert_int_equal(fixture_check(f, c.username, c.password, NOW), AUTH_OK);
	assert_int_equal(auth_mint_rest(f->snapshot, NOW, VECTOR_EXP, bytes_of(name, max + 1), &c),
		ERR_TOO_LARGE);

	char longer[AUTH_USERNAME_MAX + 1], password[30];
	snprintf(longer, sizeof(longer), "%sn", c.username);
	password_of("first", longer, password);
	assert_int_equal(fixture_check(f, longer, password, NOW), AUTH_BAD_FORM);
}

int main(void)
{
#define T(f) cmocka_unit_test_setup_teardown(f, fixture_setup, fixture_teardown)
	const struct CMUnitTest t[] = {
		T(minting_gives_the_published_credential),
		T(published_credential_passes_with_every_right),
		T(further_secrets_pass_without_a_kid),
		T(any_key_of_the_ring_passes_in_its_window),
		T(credential_counts_until_expiry_and_skew),
		T(form_is_refused_where_it_is_off),
		T(name_may_hold_colons_but_not_come_first),
		T(rest_password_opens_no_m1_username),
		T(names_that_no_check_would_pass_are_not_minted),
		T(longest_name_fits_and_one_more_does_not),
	};
#undef T
	return cmocka_run_group_tests(t, NULL, NULL) != 0;
}
