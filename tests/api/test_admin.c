/* SPDX-License-Identifier: BSD-3-Clause */
/* Revocations, keys, health, readiness and metrics. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <jansson.h>
#include <cmocka.h>
#include "rig.h"

#define JSON    "application/json"
#define JTI     "0102030405060708"
#define SUBJECT "5b4931b013acae4ff05ec3c027766357"
#define USERNAME                                                                                   \
	"9999999999:m1.387218cb.AQEHAAAIAAAAAAu4__________9bSTGwE6yuT_Bew8AndmNXAQIDBAUGBwg"
#define DAY_S 86400

static int set_up(void **state)
{
	struct rig *rig = calloc(1, sizeof(*rig));
	rig_start(rig);
	*state = rig;
	return 0;
}

static int tear_down(void **state)
{
	rig_stop(*state);
	free(*state);
	return 0;
}

static int revoke_as(struct rig *rig, enum rig_client who, const char *entries)
{
	char body[2048];
	snprintf(body, sizeof(body), "{\"revocations\":[%s]}", entries);
	return rig_ask(rig, RIG_MTLS, who, "POST /mras/v1/revocations", JSON, NULL, body)->status;
}

static int revoke(struct rig *rig, const char *entries)
{
	return revoke_as(rig, RIG_ADMIN_FE, entries);
}

/* The list of revocations; a new reference. */
static json_t *revocations(struct rig *rig)
{
	const struct rig_answer *a =
		rig_ask(rig, RIG_MTLS, RIG_ADMIN_FE, "GET /mras/v1/revocations", NULL, NULL, NULL);
	assert_int_equal(a->status, 200);
	json_t *root = json_loads(a->body, 0, NULL);
	json_t *list = json_incref(json_object_get(root, "revocations"));
	json_decref(root);
	return list;
}

/* The "until" of the entry whose MEMBER is VALUE, 0 when there is none. */
static json_int_t until_of(struct rig *rig, const char *member, const char *value)
{
	json_t *list = revocations(rig);
	json_int_t until = 0;
	for (size_t i = 0; i < json_array_size(list); i++) {
		const json_t *e = json_array_get(list, i);
		const char *text = json_string_value(json_object_get(e, member));
		if (text != NULL && strcmp(text, value) == 0)
			until = json_integer_value(json_object_get(e, "until"));
	}
	json_decref(list);
	return until;
}

static void every_kind_of_revocation_is_taken_and_listed(void **state)
{
	struct rig *rig = *state;
	const json_int_t now = time(NULL);
	assert_int_equal(revoke(rig, "{\"jti\":\"A102030405060708\"},{\"subject\":\"" SUBJECT
				     "\"},{\"kid\":\"387218CB\"},{\"username\":\"" USERNAME "\"}"),
		200);
	json_t *list = revocations(rig);
	assert_int_equal(json_array_size(list), 4);
	json_decref(list);
	/* as long as what it revokes may still be valid, by default */
	assert_in_range(until_of(rig, "jti", "a102030405060708"), now + 8 * 3600, now + 10 * 3600);
	assert_in_range(until_of(rig, "subject", SUBJECT), now + 8 * 3600, now + 10 * 3600);
	assert_in_range(until_of(rig, "kid", "387218cb"), now + 180 * DAY_S, now + 182 * DAY_S);
	/* a user name's own expiry, but no longer than any credential can live */
	assert_in_range(until_of(rig, "jti", JTI), now + 180 * DAY_S, now + 182 * DAY_S);
}

static void until_is_taken_and_capped(void **state)
{
	struct rig *rig = *state;
	const json_int_t now = time(NULL);
	char entry[160];
	snprintf(entry, sizeof(entry), "{\"jti\":\"" JTI "\",\"until\":%lld}", (long long)now + 60);
	assert_int_equal(revoke(rig, entry), 200);
	assert_int_equal(until_of(rig, "jti", JTI), now + 60);
	assert_int_equal(
		revoke(rig, "{\"jti\":\"a102030405060708\",\"until\":9223372036854775807}"), 200);
	assert_in_range(
		until_of(rig, "jti", "a102030405060708"), now + 180 * DAY_S, now + 182 * DAY_S);
}

static void malformed_revocations_are_refused_as_a_whole(void **state)
{
	struct rig *rig = *state;
	static const char *const bad[] = {
		"",
		"1",
		"{}",
		"{\"jti\":1}",
		"{\"jti\":\"\"}",
		"{\"jti\":\"01020304050607\"}",
		"{\"jti\":\"010203040506070g\"}",
		"{\"jti\":\"" JTI "08\"}",
		"{\"subject\":\"" JTI "\"}",
		"{\"kid\":\"387218\"}",
		"{\"kid\":\"387218cg\"}",
		"{\"jti\":\"" JTI "\",\"kid\":\"387218cb\"}",
		"{\"jti\":\"" JTI "\",\"until\":\"tomorrow\"}",
		"{\"jti\":\"" JTI "\",\"until\":1}",
		"{\"jti\":\"" JTI "\",\"until\":1.5}",
		"{\"username\":\"alice\"}",
		"{\"username\":\"1800000000:alice\"}",
		"{\"username\":\"1800000000:m1.\"}",
		"{\"username\":\"1800000000:m1.387218cb\"}",
		"{\"username\":\"1800000000:m1.387218cb.AAAA\"}",
		"{\"username\":\":m1.387218cb.AAAA\"}",
		"{\"jti\":\"" JTI "\"},{}",
	};
	for (size_t i = 0; i < ARRAY_LEN(bad); i++)
		assert_int_equal(revoke(rig, bad[i]), 400);
	static const char *const bodies[] = {"", "{", "[]", "{}", "{\"revocations\":1}"};
	for (size_t i = 0; i < ARRAY_LEN(bodies); i++)
		assert_int_equal(rig_ask(rig, RIG_MTLS, RIG_ADMIN_FE, "POST /mras/v1/revocations",
					 JSON, NULL, bodies[i])
					 ->status,
			400);
	json_t *list = revocations(rig);
	assert_int_equal(json_array_size(list), 0);
	json_decref(list);
}

static void revocation_that_cannot_be_kept_is_a_500(void **state)
{
	struct rig *rig = *state;
	atomic_store(&rig->is_revoking_broken, true);
	assert_int_equal(revoke(rig, "{\"jti\":\"" JTI "\"}"), 500);
}

static void only_an_administrator_revokes_and_sees_keys(void **state)
{
	struct rig *rig = *state;
	assert_int_equal(revoke_as(rig, RIG_FE, "{\"jti\":\"" JTI "\"}"), 403);
	assert_int_equal(revoke_as(rig, RIG_UNLISTED, "{\"jti\":\"" JTI "\"}"), 403);
	assert_int_equal(
		rig_ask(rig, RIG_MTLS, RIG_FE, "GET /mras/v1/revocations", NULL, NULL, NULL)
			->status,
		403);
	assert_int_equal(
		rig_ask(rig, RIG_MTLS, RIG_FE, "GET /mras/v1/keys", NULL, NULL, NULL)->status, 403);
	assert_int_equal(
		rig_ask(rig, RIG_BEARER, RIG_NOBODY, "GET /mras/v1/keys", NULL, NULL, NULL)->status,
		401);
}

/* The realm that the list of keys begins with; "" for none. */
static const char *realm_of_keys(
	struct rig *rig, enum rig_server server, enum rig_client who, const char *path)
{
	static char realm[64];
	const struct rig_answer *a = rig_ask(rig, server, who, path, NULL, NULL, NULL);
	json_t *root = a->status == 200 ? json_loads(a->body, 0, NULL) : NULL;
	const char *text = json_string_value(json_object_get(root, "realm"));
	snprintf(realm, sizeof(realm), "%s", text != NULL ? text : "");
	json_decref(root);
	return realm;
}

static void caller_sees_the_keys_of_its_tenant(void **state)
{
	struct rig *rig = *state;
	assert_string_equal(
		realm_of_keys(rig, RIG_MTLS, RIG_BLUE, "GET /mras/v1/keys"), "blue.example.com");
	assert_string_equal(realm_of_keys(rig, RIG_MTLS, RIG_ADMIN_FE, "GET /mras/v1/keys"),
		"edge.example.com");
	/* The query is for the local caller alone. */
	assert_string_equal(
		realm_of_keys(rig, RIG_MTLS, RIG_ADMIN_FE, "GET /mras/v1/keys?tenant=blue"),
		"edge.example.com");
}

static void local_caller_names_the_tenant(void **state)
{
	struct rig *rig = *state;
	assert_string_equal(
		realm_of_keys(rig, RIG_LOCAL, RIG_NOBODY, "GET /mras/v1/keys"), "edge.example.com");
	assert_string_equal(
		realm_of_keys(rig, RIG_LOCAL, RIG_NOBODY, "GET /mras/v1/keys?tenant=blue"),
		"blue.example.com");
	const struct rig_answer *a = rig_ask(
		rig, RIG_LOCAL, RIG_NOBODY, "GET /mras/v1/keys?tenant=green", NULL, NULL, NULL);
	assert_int_equal(a->status, 403);
}

static void revocation_is_taken_for_the_callers_tenant(void **state)
{
	struct rig *rig = *state;
	assert_int_equal(revoke_as(rig, RIG_BLUE, "{\"jti\":\"" JTI "\"}"), 200);
	assert_int_equal(until_of(rig, "jti", JTI), 0);
	const struct rig_answer *a =
		rig_ask(rig, RIG_MTLS, RIG_BLUE, "GET /mras/v1/revocations", NULL, NULL, NULL);
	assert_non_null(strstr(a->body, JTI));
}

static void keys_are_listed_by_id_alone(void **state)
{
	struct rig *rig = *state;
	const struct rig_answer *a =
		rig_ask(rig, RIG_LOCAL, RIG_NOBODY, "GET /mras/v1/keys", NULL, NULL, NULL);
	assert_int_equal(a->status, 200);
	json_t *root = json_loads(a->body, 0, NULL);
	assert_string_equal(json_string_value(json_object_get(root, "realm")), "edge.example.com");
	const json_t *key = json_array_get(json_object_get(root, "keys"), 0);
	assert_int_equal(json_object_size(key), 4);
	assert_int_equal(strlen(json_string_value(json_object_get(key, "kid"))), AUTH_KID_LEN);
	assert_true(json_is_true(json_object_get(key, "signing")));
	json_decref(root);
}

static void health_needs_no_certificate_and_says_only_ok(void **state)
{
	struct rig *rig = *state;
	for (unsigned s = RIG_BEARER; s < RIG_SERVERS; s++) {
		const struct rig_answer *a =
			rig_ask(rig, s, RIG_NOBODY, "GET /healthz", NULL, NULL, NULL);
		assert_int_equal(a->status, 200);
		assert_string_equal(a->body, "ok\n");
	}
}

static void readiness_follows_the_daemon(void **state)
{
	struct rig *rig = *state;
	assert_int_equal(
		rig_ask(rig, RIG_ADMIN, RIG_NOBODY, "GET /readyz", NULL, NULL, NULL)->status, 200);
	atomic_store(&rig->is_ready, false);
	const struct rig_answer *a =
		rig_ask(rig, RIG_ADMIN, RIG_NOBODY, "GET /readyz", NULL, NULL, NULL);
	assert_int_equal(a->status, 503);
	assert_string_equal(a->body, "not ready: no listener\n");
}

static void metrics_count_what_was_asked(void **state)
{
	struct rig *rig = *state;
	static const char body[] =
		"{\"credentials\":[{\"identity\":\"alice\"},{\"identity\":\"mallory\"}]}";
	assert_int_equal(
		rig_ask(rig, RIG_MTLS, RIG_FE, "POST /mras/v1/credentials", JSON, NULL, body)
			->status,
		200);
	assert_int_equal(revoke_as(rig, RIG_UNLISTED, "{\"jti\":\"" JTI "\"}"), 403);
	const struct rig_answer *a =
		rig_ask(rig, RIG_ADMIN, RIG_NOBODY, "GET /metrics", NULL, NULL, NULL);
	assert_int_equal(a->status, 200);
	assert_non_null(strstr(a->text, "Content-Type: text/plain; version=0.0.4"));
	static const char *const lines[] = {
		"sallyport_api_requests_total{result=\"ok\"} 1\n",
		"sallyport_api_requests_total{result=\"refused\"} 1\n",
		"sallyport_api_requests_total{result=\"failed\"} 0\n",
		"sallyport_api_callers_refused_total{reason=\"unknown\"} 1\n",
		"sallyport_api_credentials_total{form=\"json\"} 1\n",
		"sallyport_api_credentials_refused_total 1\n",
	};
	for (size_t i = 0; i < ARRAY_LEN(lines); i++)
		assert_non_null(strstr(a->body, lines[i]));
}

static void metrics_are_not_on_the_credential_listener(void **state)
{
	struct rig *rig = *state;
	assert_int_equal(
		rig_ask(rig, RIG_MTLS, RIG_FE, "GET /metrics", NULL, NULL, NULL)->status, 404);
	assert_int_equal(
		rig_ask(rig, RIG_MTLS, RIG_FE, "GET /readyz", NULL, NULL, NULL)->status, 404);
}

#define WITH_RIG(fn) cmocka_unit_test_setup_teardown(fn, set_up, tear_down)

int main(void)
{
	const struct CMUnitTest t[] = {
		WITH_RIG(every_kind_of_revocation_is_taken_and_listed),
		WITH_RIG(until_is_taken_and_capped),
		WITH_RIG(malformed_revocations_are_refused_as_a_whole),
		WITH_RIG(revocation_that_cannot_be_kept_is_a_500),
		WITH_RIG(only_an_administrator_revokes_and_sees_keys),
		WITH_RIG(caller_sees_the_keys_of_its_tenant),
		WITH_RIG(local_caller_names_the_tenant),
		WITH_RIG(revocation_is_taken_for_the_callers_tenant),
		WITH_RIG(keys_are_listed_by_id_alone),
		WITH_RIG(health_needs_no_certificate_and_says_only_ok),
		WITH_RIG(readiness_follows_the_daemon),
		WITH_RIG(metrics_count_what_was_asked),
		WITH_RIG(metrics_are_not_on_the_credential_listener),
	};
	return cmocka_run_group_tests(t, NULL, NULL) != 0;
}
