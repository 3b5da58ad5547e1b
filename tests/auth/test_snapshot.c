/* SPDX-License-Identifier: BSD-3-Clause */
/* Snapshots: their options, their revocations, and sharing one between threads. */
#include <pthread.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <cmocka.h>
#include "fixture.h"

/* ---- options ---- */

static void realm_is_plain_and_bounded(void **state)
{
	struct fixture *f = *state;
	static const char *const bad[] = {NULL, "", "a\"b", "a\\b", "a\nb", "a\x7f"};
	char longest[AUTH_REALM_MAX + 2];
	memset(longest, 'r', sizeof(longest));
	for (size_t i = 0; i < ARRAY_LEN(bad); i++) {
		f->config.realm = bad[i];
		fixture_refuse(f, ERR_CONFIG, "realm");
	}
	f->config.realm = longest;
	longest[AUTH_REALM_MAX + 1] = '\0';
	fixture_refuse(f, ERR_CONFIG, "realm");
	longest[AUTH_REALM_MAX] = '\0';
	fixture_reload(f);
	assert_string_equal(auth_snapshot_realm(f->snapshot), longest);
}

static void node_number_is_a_bit_of_the_relay_bitmap(void **state)
{
	struct fixture *f = *state;
	f->config.node = 64;
	fixture_refuse(f, ERR_CONFIG, "0 to 63");
	f->config.node = 63;
	fixture_reload(f);
}

static void rest_secrets_are_bounded_and_not_empty(void **state)
{
	struct fixture *f = *state;
	const char *many[AUTH_REST_SECRETS_MAX + 1];
	for (size_t i = 0; i < ARRAY_LEN(many); i++)
		many[i] = "secret";
	f->config.rest_secrets = many;
	f->config.n_rest_secrets = ARRAY_LEN(many);
	fixture_refuse(f, ERR_CONFIG, "16 TURN REST secrets");
	f->config.n_rest_secrets = AUTH_REST_SECRETS_MAX;
	fixture_reload(f);
	many[1] = "";
	fixture_refuse(f, ERR_CONFIG, "secret 2 is empty");
}

/* ---- revocations ---- */

static struct auth_revocation revocation(
	enum auth_revocation_kind kind, const void *id, size_t len, uint64_t until_s)
{
	struct auth_revocation r = {.kind = kind, .until_s = until_s};
	memset(r.id, 0xaa, sizeof(r.id)); /* what lies behind a short id must not count */
	memcpy(r.id, id, len);
	return r;
}

static void revoke(struct fixture *f, const struct auth_revocation *r, size_t n)
{
	struct auth_snapshot *s;
	assert_int_equal(auth_snapshot_with_revocations(f->snapshot, r, n, &s), 0);
	auth_snapshot_put(f->snapshot);
	f->snapshot = s;
}

static enum auth_reason check_vector(struct fixture *f, uint64_t now_s)
{
	return fixture_check(f, VECTOR_USER, VECTOR_PASS, now_s);
}

static void each_kind_of_revocation_ends_a_credential(void **state)
{
	struct fixture *f = *state;
	struct auth_claims c = fixture_claims(f);
	const struct auth_revocation each[] = {
		revocation(AUTH_REVOKE_JTI, c.jti, AUTH_JTI_LEN, VECTOR_EXP),
		revocation(AUTH_REVOKE_SUBJECT, c.subject, AUTH_SUBJECT_LEN, VECTOR_EXP),
		revocation(AUTH_REVOKE_KID, VECTOR_KID, AUTH_KID_LEN, VECTOR_EXP),
	};
	for (size_t i = 0; i < ARRAY_LEN(each); i++) {
		revoke(f, &each[i], 1);
		assert_int_equal(check_vector(f, NOW), AUTH_REVOKED);
		assert_int_equal(f->grant.key.len, 0xff); /* nothing was written */
		assert_true(auth_grant_is_revoked(f->snapshot, c.subject, c.jti, VECTOR_KID, NOW));
		revoke(f, NULL, 0);
		assert_int_equal(check_vector(f, NOW), AUTH_OK);
		assert_false(auth_grant_is_revoked(f->snapshot, c.subject, c.jti, VECTOR_KID, NOW));
	}
}

static void configuration_may_bring_revocations(void **state)
{
	struct fixture *f = *state;
	struct auth_revocation r =
		revocation(AUTH_REVOKE_KID, VECTOR_KID, AUTH_KID_LEN, VECTOR_EXP);
	f->config.revocations = &r;
	f->config.n_revocations = 1;
	fixture_reload(f);
	assert_int_equal(check_vector(f, NOW), AUTH_REVOKED);
}

/* An id counts for its own kind only, and all of it does. */
static void revocation_of_something_else_ends_nothing(void **state)
{
	struct fixture *f = *state;
	struct auth_claims c = fixture_claims(f);
	struct auth_revocation r[6] = {
		revocation(AUTH_REVOKE_SUBJECT, c.jti, AUTH_JTI_LEN, VECTOR_EXP),
		revocation(AUTH_REVOKE_JTI, c.subject, AUTH_JTI_LEN, VECTOR_EXP),
		revocation(AUTH_REVOKE_JTI, VECTOR_KID, AUTH_KID_LEN, VECTOR_EXP),
		revocation(AUTH_REVOKE_JTI, c.jti, AUTH_JTI_LEN, VECTOR_EXP),
		revocation(AUTH_REVOKE_SUBJECT, c.subject, AUTH_SUBJECT_LEN, VECTOR_EXP),
		revocation(AUTH_REVOKE_KID, "387218cc", AUTH_KID_LEN, VECTOR_EXP),
	};
	r[3].id[AUTH_JTI_LEN - 1] ^= 1;
	r[4].id[AUTH_SUBJECT_LEN - 1] ^= 1;
	revoke(f, r, ARRAY_LEN(r));
	assert_int_equal(check_vector(f, NOW), AUTH_OK);
}

/* A credential counts for the skew behind its expiry; a revocation up to that expiry does too. */
static void revocation_lasts_until_its_time_and_the_skew(void **state)
{
	struct fixture *f = *state;
	struct auth_revocation r = revocation(AUTH_REVOKE_KID, VECTOR_KID, AUTH_KID_LEN, NOW);
	revoke(f, &r, 1);
	assert_int_equal(check_vector(f, NOW + 30), AUTH_REVOKED);
	assert_int_equal(check_vector(f, NOW + 31), AUTH_OK);
}

static void rest_credential_is_revoked_by_name_and_by_key(void **state)
{
	struct fixture *f = *state;
	const char *user = "1800000000:alice", *pass = "U9L1KCdNjyQJf0FycZ4fp1iXOGQ=";
	uint8_t subject[CRYPTO_SHA256_LEN], zero[AUTH_JTI_LEN] = {0};
	struct bytes name = bytes_str("alice");
	crypto_digest(CRYPTO_SHA256, &name, 1, subject);
	struct auth_revocation r[] = {
		revocation(AUTH_REVOKE_SUBJECT, subject, AUTH_SUBJECT_LEN, VECTOR_EXP),
		revocation(AUTH_REVOKE_KID, VECTOR_KID, AUTH_KID_LEN, VECTOR_EXP),
		revocation(AUTH_REVOKE_JTI, zero, AUTH_JTI_LEN, VECTOR_EXP),
	};
	for (size_t i = 0; i < ARRAY_LEN(r); i++) {
		revoke(f, &r[i], 1);
		/* It has no jti, so the third entry means somebody else. */
		assert_int_equal(fixture_check(f, user, pass, NOW), i < 2 ? AUTH_REVOKED : AUTH_OK);
	}
}

/* The credential of a further secret has no kid, and none is not the kid of eight NULs. */
static void credential_without_kid_is_revoked_by_no_kid(void **state)
{
	struct fixture *f = *state;
	static const uint8_t zero[AUTH_JTI_LEN], subject[AUTH_SUBJECT_LEN];
	struct auth_revocation r = revocation(AUTH_REVOKE_KID, zero, AUTH_KID_LEN, VECTOR_EXP);
	revoke(f, &r, 1);
	char *kid = calloc(1, 1); /* exact, so that an over-read shows */
	assert_false(auth_grant_is_revoked(f->snapshot, subject, zero, kid, NOW));
	free(kid);
}

static void list_is_merged_and_the_longest_time_stays(void **state)
{
	struct fixture *f = *state;
	struct auth_revocation r[] = {
		revocation(AUTH_REVOKE_KID, "bbbbbbbb", AUTH_KID_LEN, 5),
		revocation(AUTH_REVOKE_JTI, "22222222", AUTH_JTI_LEN, 1),
		revocation(AUTH_REVOKE_JTI, "11111111", AUTH_JTI_LEN, 9),
		revocation(AUTH_REVOKE_JTI, "22222222", AUTH_JTI_LEN, 7),
		revocation(AUTH_REVOKE_JTI, "22222222", AUTH_JTI_LEN, 3),
	};
	r[3].id[AUTH_SUBJECT_LEN - 1] = 1; /* behind the id */
	revoke(f, r, ARRAY_LEN(r));

	struct auth_revocation got[4];
	size_t n = 0;
	while (n < ARRAY_LEN(got) && auth_snapshot_revocation(f->snapshot, n, &got[n]))
		n++;
	assert_int_equal(n, 3);
	assert_memory_equal(got[0].id, "11111111\0\0\0\0\0\0\0\0", AUTH_SUBJECT_LEN);
	assert_int_equal(got[0].until_s, 9);
	assert_memory_equal(got[1].id, "22222222", AUTH_JTI_LEN);
	assert_int_equal(got[1].until_s, 7);
	assert_int_equal(got[2].kind, AUTH_REVOKE_KID);
}

static void every_one_of_many_is_found(void **state)
{
	struct fixture *f = *state;
	enum {
		N = 1000
	};
	struct auth_revocation *r = calloc(N, sizeof(*r));
	uint8_t subject[AUTH_SUBJECT_LEN] = {0}, jti[AUTH_JTI_LEN];
	for (uint64_t i = 0; i < N; i++) {
		be64_put(jti, (i * 7919 % N + 1) * 2);
		r[i] = revocation(AUTH_REVOKE_JTI, jti, sizeof(jti), VECTOR_EXP);
	}
	revoke(f, r, N);
	free(r);
	for (uint64_t i = 1; i <= 2 * N + 1; i++) {
		be64_put(jti, i);
		assert_int_equal(
			auth_grant_is_revoked(f->snapshot, subject, jti, "", NOW), i % 2 == 0);
	}
}

static void other_revocations_leave_keys_and_options_alone(void **state)
{
	struct fixture *f = *state;
	struct auth_snapshot *old = auth_snapshot_get(f->snapshot);
	struct auth_revocation r =
		revocation(AUTH_REVOKE_KID, VECTOR_KID, AUTH_KID_LEN, VECTOR_EXP);
	revoke(f, &r, 1);

	struct auth_revocation none;
	assert_false(auth_snapshot_revocation(old, 0, &none));
	auth_snapshot_put(old);
	struct auth_key_info info;
	assert_true(auth_snapshot_key(f->snapshot, 0, NOW, &info));
	assert_string_equal(info.kid, VECTOR_KID);
	assert_string_equal(auth_snapshot_realm(f->snapshot), VECTOR_REALM);
	revoke(f, NULL, 0);
	assert_int_equal(check_vector(f, NOW), AUTH_OK);
}

/* ---- sharing ---- */

#define THREADS 4
#define TURNS   2000

struct holder {
	struct auth_snapshot *s; /* counted */
	struct auth_query query;
	unsigned passed;
};

static void *hold(void *arg)
{
	struct holder *h = arg;
	for (int i = 0; i < TURNS; i++) {
		struct auth_grant g;
		struct auth_snapshot *mine = auth_snapshot_get(h->s);
		h->passed += auth_check(mine, &h->query, &g) == AUTH_OK;
		auth_snapshot_put(mine);
	}
	auth_snapshot_put(h->s);
	return NULL;
}

/* The last holder frees it, whichever that is; the sanitizers watch. */
static void threads_share_one_snapshot(void **state)
{
	struct fixture *f = *state;
	pthread_t threads[THREADS];
	struct holder holders[THREADS];
	assert_int_equal(check_vector(f, NOW), AUTH_OK);
	for (int i = 0; i < THREADS; i++) {
		holders[i] = (struct holder){auth_snapshot_get(f->snapshot), f->query, 0};
		assert_int_equal(pthread_create(&threads[i], NULL, hold, &holders[i]), 0);
	}
	auth_snapshot_put(f->snapshot);
	f->snapshot = NULL;
	for (int i = 0; i < THREADS; i++) {
		pthread_join(threads[i], NULL);
		assert_int_equal(holders[i].passed, TURNS);
	}
}

static void putting_nothing_is_fine(void **state)
{
	auth_snapshot_put(NULL);
}

int main(void)
{
#define T(f) cmocka_unit_test_setup_teardown(f, fixture_setup, fixture_teardown)
	const struct CMUnitTest t[] = {
		T(realm_is_plain_and_bounded),
		T(node_number_is_a_bit_of_the_relay_bitmap),
		T(rest_secrets_are_bounded_and_not_empty),
		T(each_kind_of_revocation_ends_a_credential),
		T(configuration_may_bring_revocations),
		T(revocation_of_something_else_ends_nothing),
		T(revocation_lasts_until_its_time_and_the_skew),
		T(rest_credential_is_revoked_by_name_and_by_key),
		T(credential_without_kid_is_revoked_by_no_kid),
		T(list_is_merged_and_the_longest_time_stays),
		T(every_one_of_many_is_found),
		T(other_revocations_leave_keys_and_options_alone),
		T(threads_share_one_snapshot),
		cmocka_unit_test(putting_nothing_is_fine),
	};
#undef T
	return cmocka_run_group_tests(t, NULL, NULL) != 0;
}
