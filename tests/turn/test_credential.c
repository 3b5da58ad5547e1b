/* SPDX-License-Identifier: BSD-3-Clause */
/* Whose credential it is: what it is good for, and one user for one allocation (RFC 8656 §5). */
#include "client.h"

#include <string.h>

static const char client_text[] = "192.0.2.1:40000";

static struct client challenged(void **state)
{
	struct client c;
	client_init(&c, *state, client_text);
	client_challenge(&c);
	return c;
}

/* ---- the credential ---- */

static void expired_credential_is_401(void **state)
{
	struct fixture *f = *state;
	struct client c = challenged(state);
	struct auth_claims claims = claims_of("alice");
	client_mint(&c, &claims, f->clock.wall_s + 100);
	fixture_pass_s(f, 131);
	assert_int_equal(client_allocate(&c, NULL), STUN_UNAUTHORIZED);
	assert_int_equal(fixture_count(f, TURN_C_AUTH_FAILURE + AUTH_EXPIRED - 1), 1);
}

/* RFC 8489 §9.2.5: a client throws an unsigned refusal away, so this one must be signed. */
static void credential_for_elsewhere_is_403_signed(void **state)
{
	struct fixture *f = *state;
	for (int i = 0; i < 3; i++) {
		struct client c = challenged(state);
		struct auth_claims claims = claims_of("alice");
		struct request r;
		struct reply reply;
		if (i == 0)
			claims.locations = AUTH_INTRANET;
		else if (i == 1)
			claims.transports = AUTH_TCP | AUTH_TLS;
		else
			claims.relays = 2; /* this is node 0 */
		client_mint(&c, &claims, f->clock.wall_s + 100);
		request_begin_allocate(&r);

		assert_int_equal(client_ask(&c, &r, &reply), STUN_FORBIDDEN);

		assert_true(reply.is_signed);
		assert_int_equal(
			fixture_count(f, TURN_C_AUTH_FAILURE + AUTH_WRONG_LOCATION - 1 + i), 1);
	}
	assert_int_equal(turn_server_allocations(f->server), 0);
}

static void rest_credential_serves(void **state)
{
	struct fixture *f = *state;
	struct client c = challenged(state);
	uint64_t now = f->clock.wall_s;
	assert_int_equal(
		auth_mint_rest(f->auth, now, now + 600, bytes_str("bob"), &c.credential), 0);
	assert_int_equal(client_allocate(&c, NULL), 0);
}

/* ---- one allocation, one user (RFC 8656 §5) ---- */

static struct client other_user(const struct client *c)
{
	struct client other = *c;
	struct auth_claims claims = claims_of("mallory");
	client_mint(&other, &claims, c->f->clock.wall_s + 100);
	return other;
}

static void other_user_on_an_allocation_is_441_signed(void **state)
{
	static const enum stun_method methods[] = {
		STUN_REFRESH, STUN_CREATE_PERMISSION, STUN_CHANNEL_BIND};
	struct client c = challenged(state);
	assert_int_equal(client_allocate(&c, NULL), 0);
	struct client other = other_user(&c);
	for (size_t i = 0; i < ARRAY_LEN(methods); i++) {
		struct request r;
		struct reply reply;
		request_begin(&r, methods[i]);
		stun_write_u32(&r.w, STUN_LIFETIME, 0);

		assert_int_equal(client_ask(&other, &r, &reply), STUN_WRONG_CREDENTIALS);

		assert_true(reply.is_signed);
	}
	assert_int_equal(turn_server_allocations(((struct fixture *)*state)->server), 1);
}

/* 441 is for requests that pass authentication; a name alone tells nothing. */
static void other_user_with_a_wrong_password_is_401(void **state)
{
	struct client c = challenged(state);
	assert_int_equal(client_allocate(&c, NULL), 0);
	struct client other = other_user(&c);
	other.credential.password[0] ^= 1;

	assert_int_equal(client_refresh(&other, 0, NULL), STUN_UNAUTHORIZED);
}

/* RFC 8656 §7.2: a 5-tuple in use is 437, whoever asks */
static void allocate_of_another_user_on_a_used_tuple_is_437_signed(void **state)
{
	struct client c = challenged(state);
	assert_int_equal(client_allocate(&c, NULL), 0);
	struct client other = other_user(&c);
	struct request r;
	struct reply reply;
	request_begin_allocate(&r);

	assert_int_equal(client_ask(&other, &r, &reply), STUN_ALLOCATION_MISMATCH);

	assert_true(reply.is_signed);
}

static void wrong_password_on_an_allocation_is_401(void **state)
{
	struct client c = challenged(state);
	assert_int_equal(client_allocate(&c, NULL), 0);
	c.credential.password[0] ^= 1;
	assert_int_equal(client_refresh(&c, 0, NULL), STUN_UNAUTHORIZED);
	assert_int_equal(turn_server_allocations(((struct fixture *)*state)->server), 1);
}

/* RFC 8656 §5 */
static void request_without_an_allocation_is_437_signed(void **state)
{
	static const enum stun_method methods[] = {
		STUN_REFRESH, STUN_CREATE_PERMISSION, STUN_CHANNEL_BIND};
	struct client c = challenged(state);
	for (size_t i = 0; i < ARRAY_LEN(methods); i++) {
		struct request r;
		struct reply reply;
		request_begin(&r, methods[i]);

		assert_int_equal(client_ask(&c, &r, &reply), STUN_ALLOCATION_MISMATCH);

		assert_true(reply.is_signed);
	}
}

int main(void)
{
	const struct CMUnitTest t[] = {
#define T(name) cmocka_unit_test_setup_teardown(name, fixture_setup, fixture_teardown)
		T(expired_credential_is_401),
		T(credential_for_elsewhere_is_403_signed),
		T(rest_credential_serves),
		T(other_user_on_an_allocation_is_441_signed),
		T(other_user_with_a_wrong_password_is_401),
		T(allocate_of_another_user_on_a_used_tuple_is_437_signed),
		T(wrong_password_on_an_allocation_is_401),
		T(request_without_an_allocation_is_437_signed),
	};
	return cmocka_run_group_tests(t, NULL, NULL) != 0;
}
