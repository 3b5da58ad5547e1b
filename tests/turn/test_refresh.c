/* SPDX-License-Identifier: BSD-3-Clause */
/* The Refresh request, RFC 8656 §8.2, and the end of an allocation's life. One family of two is in
 * test_family.c. */
#include "client.h"

#include <string.h>

static struct client allocated(void **state, struct addr *relayed)
{
	struct client c;
	client_init(&c, *state, "192.0.2.1:40000");
	assert_int_equal(client_allocate(&c, relayed), 0);
	return c;
}

static size_t allocations(void **state)
{
	struct fixture *f = *state;
	return turn_server_allocations(f->server);
}

static void allocation_ends_at_its_lifetime(void **state)
{
	struct fixture *f = *state;
	struct addr relayed;
	struct client c = allocated(state, &relayed);
	fixture_pass_ms(f, 599900);
	assert_int_equal(allocations(state), 1);
	fixture_pass_ms(f, 100);
	assert_int_equal(allocations(state), 0);
	assert_null(wire_find(f, &relayed));
	assert_silence(f);
	assert_int_equal(fixture_count(f, TURN_C_EXPIRED), 1);
	assert_int_equal(client_refresh(&c, 600, NULL), STUN_ALLOCATION_MISMATCH);
}

/* Another client's is not touched, and a port is held exactly as long as it has allocations. */
static void allocation_ends_with_its_connection(void **state)
{
	struct fixture *f = *state;
	struct addr relayed;
	struct client c = allocated(state, &relayed), other;
	client_init(&other, f, "192.0.2.2:40000");
	assert_int_equal(client_allocate(&other, NULL), 0);
	assert_int_equal(c.where.port->n_holds, 2);

	turn_client_closed(f->server, c.where.port, &c.where.addr);
	turn_client_closed(f->server, c.where.port, &c.where.addr);
	assert_int_equal(allocations(state), 1);
	assert_null(wire_find(f, &relayed));
	assert_int_equal(c.where.port->n_holds, 1);
	assert_int_equal(fixture_count(f, TURN_C_CLOSED), 1);
}

static void refresh_sets_the_lifetime_by_the_rule_of_allocate(void **state)
{
	static const uint32_t cases[][2] = {
		{1, 600}, {600, 600}, {601, 601}, {3600, 3600}, {3601, 3600}, {UINT32_MAX, 3600}};
	struct client c = allocated(state, NULL);
	for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
		uint32_t granted = 0;
		assert_int_equal(client_refresh(&c, cases[i][0], &granted), 0);
		assert_int_equal(granted, cases[i][1]);
	}
	assert_int_equal(fixture_count(*state, TURN_C_REFRESH_OK), ARRAY_LEN(cases));
}

static void refresh_without_lifetime_grants_the_default(void **state)
{
	struct client c = allocated(state, NULL);
	struct request r;
	struct reply reply;
	request_begin(&r, STUN_REFRESH);
	assert_int_equal(client_ask(&c, &r, &reply), 0);
	assert_int_equal(reply_u32(&reply, STUN_LIFETIME), 600);
	assert_true(reply.is_signed);
	assert_true(reply_has(&reply, STUN_SOFTWARE));
}

static void refreshed_allocation_lives_from_now_on(void **state)
{
	struct fixture *f = *state;
	struct client c = allocated(state, NULL);
	for (int i = 0; i < 5; i++) {
		fixture_pass_s(f, 599);
		assert_int_equal(client_refresh(&c, 600, NULL), 0);
	}
	fixture_pass_ms(f, 599900);
	assert_int_equal(allocations(state), 1);
	fixture_pass_ms(f, 100);
	assert_int_equal(allocations(state), 0);
}

/* A later refresh may be for less than what is left. */
static void refresh_may_shorten(void **state)
{
	struct fixture *f = *state;
	struct client c = allocated(state, NULL);
	assert_int_equal(client_refresh(&c, 3600, NULL), 0);
	assert_int_equal(client_refresh(&c, 600, NULL), 0);
	fixture_pass_s(f, 600);
	assert_int_equal(allocations(state), 0);
}

static void refresh_with_zero_lifetime_deletes_allocation(void **state)
{
	struct fixture *f = *state;
	struct addr relayed;
	struct client c = allocated(state, &relayed);
	uint32_t granted = 1;
	assert_int_equal(client_refresh(&c, 0, &granted), 0);
	assert_int_equal(granted, 0);
	assert_int_equal(allocations(state), 0);
	assert_null(wire_find(f, &relayed));
	assert_int_equal(fixture_count(f, TURN_C_DELETED), 1);
}

/* §8.3: which the client takes for success */
static void deletion_sent_twice_is_437(void **state)
{
	struct client c = allocated(state, NULL);
	struct request r;
	struct reply reply;
	request_begin(&r, STUN_REFRESH);
	stun_write_u32(&r.w, STUN_LIFETIME, 0);
	assert_int_equal(client_ask(&c, &r, &reply), 0);
	request_send(&r, &c, &reply);
	assert_int_equal(reply.code, STUN_ALLOCATION_MISMATCH);
}

static void tuple_is_free_after_the_end(void **state)
{
	struct client c = allocated(state, NULL);
	assert_int_equal(client_refresh(&c, 0, NULL), 0);
	assert_int_equal(client_allocate(&c, NULL), 0);
}

static void malformed_refresh_is_400_and_changes_nothing(void **state)
{
	static const struct {
		uint16_t type, len;
	} cases[] = {{STUN_LIFETIME, 0}, {STUN_LIFETIME, 3}, {STUN_LIFETIME, 8},
		{STUN_REQUESTED_ADDRESS_FAMILY, 1}, {STUN_REQUESTED_ADDRESS_FAMILY, 8}};
	struct client c = allocated(state, NULL);
	for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
		struct request r;
		struct reply reply;
		request_begin(&r, STUN_REFRESH);
		stun_write_bytes(&r.w, cases[i].type, "\1\0\0\0\0\0\0\0", cases[i].len);
		assert_int_equal(client_ask(&c, &r, &reply), STUN_BAD_REQUEST);
	}
	assert_int_equal(allocations(state), 1);
}

/* ---- the credential's end ---- */

static void expired_credential_refreshes_within_its_grace(void **state)
{
	struct fixture *f = *state;
	struct client c = allocated(state, NULL);
	for (int i = 0; i < 10; i++) { /* past the eight hours */
		assert_int_equal(client_refresh(&c, 3600, NULL), 0);
		fixture_pass_s(f, 3500);
	}
	assert_int_equal(client_refresh(&c, 3600, NULL), 0);
	assert_int_equal(client_permit(&c, "198.51.100.7"), 0);
}

/* It runs out with the grace, however often it is refreshed. */
static void refresh_never_outlives_the_grace(void **state)
{
	struct fixture *f = *state;
	struct client c;
	struct auth_claims claims = claims_of("alice");
	uint32_t granted;
	client_init(&c, f, "192.0.2.1:40000");
	client_mint(&c, &claims, f->clock.wall_s + 600);
	assert_int_equal(client_allocate(&c, NULL), 0);
	uint64_t end_s = f->clock.wall_s + 600 + 86400;
	while (f->clock.wall_s + 3600 < end_s) {
		assert_int_equal(client_refresh(&c, 3600, NULL), 0);
		fixture_pass_s(f, 3000);
	}
	assert_int_equal(client_refresh(&c, 3600, &granted), 0);
	assert_int_equal(f->clock.wall_s + granted, end_s);
	fixture_pass_s(f, granted);
	assert_int_equal(allocations(state), 0);
}

/* The wall clock may be set while the monotonic one runs on: then the end comes unexpectedly. */
static void after_the_grace_only_deletion_is_served(void **state)
{
	struct fixture *f = *state;
	struct client c = allocated(state, NULL);
	f->wall_ms += (8 * 3600 + 86400 + 1) * UINT64_C(1000);
	fixture_pass_ms(f, 0);
	assert_int_equal(client_refresh(&c, 600, NULL), STUN_UNAUTHORIZED);
	assert_int_equal(client_permit(&c, "198.51.100.7"), STUN_UNAUTHORIZED);
	assert_int_equal(client_bind(&c, 0x4000, "198.51.100.7:9"), STUN_UNAUTHORIZED);
	assert_int_equal(allocations(state), 1);
	assert_int_equal(client_refresh(&c, 0, NULL), 0);
	assert_int_equal(allocations(state), 0);
}

/* ---- revocation ---- */

static void revocation_ends_what_it_names_and_no_more(void **state)
{
	static const struct {
		enum auth_revocation_kind kind;
		bool other; /* names somebody else */
	} cases[] = {{AUTH_REVOKE_JTI, false}, {AUTH_REVOKE_SUBJECT, false},
		{AUTH_REVOKE_KID, false}, {AUTH_REVOKE_JTI, true}, {AUTH_REVOKE_SUBJECT, true},
		{AUTH_REVOKE_KID, true}};
	for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
		struct fixture_config config;
		fixture_defaults(&config);
		struct fixture *f = fixture_create(&config);
		struct client c;
		struct addr relayed;
		struct auth_revocation revoked = {.kind = cases[i].kind, .until_s = UINT64_MAX};
		client_init(&c, f, "192.0.2.1:40000");
		assert_int_equal(client_allocate(&c, &relayed), 0);
		if (cases[i].kind == AUTH_REVOKE_KID)
			memcpy(revoked.id, c.credential.kid, AUTH_KID_LEN);
		else if (cases[i].kind == AUTH_REVOKE_JTI)
			memcpy(revoked.id, claims_of("alice").jti, AUTH_JTI_LEN);
		else
			memcpy(revoked.id, claims_of("alice").subject, AUTH_SUBJECT_LEN);
		if (cases[i].other)
			revoked.id[0] = cases[i].kind == AUTH_REVOKE_KID
						? (revoked.id[0] == '0' ? '1' : '0')
						: revoked.id[0] ^ 1;

		fixture_revoke(f, &revoked);

		assert_int_equal(turn_server_allocations(f->server), cases[i].other);
		assert_int_equal(fixture_count(f, TURN_C_REVOKED), !cases[i].other);
		assert_int_equal(wire_find(f, &relayed) != NULL, cases[i].other);
		if (!cases[i].other)
			assert_int_equal(client_allocate(&c, NULL), STUN_UNAUTHORIZED);
		fixture_destroy(f);
	}
}

int main(void)
{
	const struct CMUnitTest t[] = {
#define T(name) cmocka_unit_test_setup_teardown(name, fixture_setup, fixture_teardown)
		T(allocation_ends_at_its_lifetime),
		T(allocation_ends_with_its_connection),
		T(refresh_sets_the_lifetime_by_the_rule_of_allocate),
		T(refresh_without_lifetime_grants_the_default),
		T(refreshed_allocation_lives_from_now_on),
		T(refresh_may_shorten),
		T(refresh_with_zero_lifetime_deletes_allocation),
		T(deletion_sent_twice_is_437),
		T(tuple_is_free_after_the_end),
		T(malformed_refresh_is_400_and_changes_nothing),
		T(expired_credential_refreshes_within_its_grace),
		T(refresh_never_outlives_the_grace),
		T(after_the_grace_only_deletion_is_served),
		cmocka_unit_test(revocation_ends_what_it_names_and_no_more),
	};
	return cmocka_run_group_tests(t, NULL, NULL) != 0;
}
