/* SPDX-License-Identifier: BSD-3-Clause */
/* Third-party authorization (RFC 7635): allocations by access token, and the next token for them.
 */
#include "../crypto/seal.h"
#include "client.h"

#include <stdlib.h>
#include <string.h>

#define SERVER    "blackdow.carleon.gov"
#define FIRST     "a key of thirty-two bytes, first"
#define SECOND    "a key of thirty-two bytes, other"
#define MAC_KEY   "ZksjpweoixXmvn67534m"
#define MAC_KEY_2 "another one of 20 by"
#define PEER      "192.0.2.200"

static struct auth_token_key keys[2];

static int setup(void **state)
{
	struct fixture_config c;
	fixture_defaults(&c);
	keys[0] = (struct auth_token_key){.kid = "north", .algorithm = CRYPTO_AES_256_GCM};
	keys[1] = (struct auth_token_key){
		.kid = "a-much-longer-name-than-north", .algorithm = CRYPTO_AES_128_GCM};
	memcpy(keys[0].key, FIRST, 32);
	memcpy(keys[1].key, SECOND, 32);
	c.auth.token_keys = keys;
	c.auth.n_token_keys = 2;
	c.auth.token_server = SERVER;
	*state = fixture_create(&c);
	return 0;
}

/* C holds a token under the I-th key from now on. */
static void give_token(struct client *c, int i, const char *mac_key, uint32_t lifetime_s)
{
	uint8_t text[SEAL_MAX], token[SEAL_MAX];
	const struct auth_token_key *k = &keys[i];
	size_t n = seal_fields(
		bytes_str(mac_key), (uint64_t)c->f->clock.wall_s << 16, lifetime_s, text);
	c->token_len =
		seal_text(k->algorithm, k->key, "a nonce of12", SERVER, bytes_of(text, n), token);
	memcpy(c->token, token, c->token_len);
	c->session.len = (uint8_t)strlen(mac_key);
	memcpy(c->session.bytes, mac_key, c->session.len);
	strcpy(c->credential.username, k->kid);
}

static struct client holder(void **state, uint32_t lifetime_s)
{
	struct client c;
	client_init(&c, *state, "192.0.2.1:40000");
	client_challenge(&c);
	give_token(&c, 0, MAC_KEY, lifetime_s);
	return c;
}

/* RFC 7635 §6.1 */
static void challenge_names_the_server(void **state)
{
	struct client c;
	struct request r;
	struct reply reply;
	struct stun_attr a;
	client_init(&c, *state, "192.0.2.1:40000");
	request_begin_allocate(&r);
	request_send(&r, &c, &reply);
	assert_int_equal(reply.code, STUN_UNAUTHORIZED);
	assert_true(stun_attr_find(&reply.msg, STUN_THIRD_PARTY_AUTHORIZATION, &a));
	assert_int_equal(a.len, strlen(SERVER));
	assert_memory_equal(a.value, SERVER, a.len);
}

static void token_allocates_and_its_key_goes_on_alone(void **state)
{
	struct client c = holder(state, 3600);
	struct addr relayed;
	assert_int_equal(client_allocate(&c, &relayed), 0);
	c.token_len = 0;
	assert_int_equal(client_permit(&c, PEER), 0);
	assert_int_equal(client_bind(&c, 0x4000, PEER ":5000"), 0);
	assert_int_equal(client_refresh(&c, 600, NULL), 0);
	client_channel(&c, 0x4000, "hi", 2);
	assert_to_peer(&c, &relayed, PEER ":5000", "hi", 2);
}

static void sha256_integrity_is_fine_with_a_token(void **state)
{
	struct client c = holder(state, 3600);
	give_token(&c, 0, "a session key of thirty-two byte", 3600);
	c.integrity = CRYPTO_SHA256;
	assert_int_equal(client_allocate(&c, NULL), 0);
	c.token_len = 0;
	assert_int_equal(client_refresh(&c, 600, NULL), 0);
}

/* RFC 7635 §9: no lifetime beyond that of the token */
static void lifetime_ends_with_the_token(void **state)
{
	struct client c = holder(state, 100);
	struct fixture *f = *state;
	uint32_t granted;
	assert_int_equal(client_allocate(&c, NULL), 0);
	c.token_len = 0;
	assert_int_equal(client_refresh(&c, 600, &granted), 0);
	assert_int_equal(granted, 100);
	fixture_pass_s(f, 99);
	assert_int_equal(client_permit(&c, PEER), 0);
	fixture_pass_s(f, 1);
	assert_int_equal(turn_server_allocations(f->server), 0);
}

/* RFC 7635 §9: a Refresh with the next token; its key's name may be another one. */
static void next_token_prolongs_and_replaces_the_key(void **state)
{
	struct client c = holder(state, 100);
	uint32_t granted;
	assert_int_equal(client_allocate(&c, NULL), 0);
	fixture_pass_s(*state, 50);
	struct client old = c;
	old.token_len = 0;
	give_token(&c, 1, MAC_KEY_2, 1000);
	assert_int_equal(client_refresh(&c, 800, &granted), 0);
	assert_int_equal(granted, 800);
	c.token_len = 0;
	assert_int_equal(client_permit(&c, PEER), 0);
	assert_int_equal(client_permit(&old, PEER), STUN_UNAUTHORIZED);
	fixture_pass_s(*state, 200);
	assert_int_equal(client_refresh(&c, 600, NULL), 0);
}

static void what_is_wrong_with_a_token_is_401_and_counted(void **state)
{
	struct fixture *f = *state;
	for (int i = 0; i < 4; i++) {
		static const enum auth_reason reasons[] = {
			AUTH_BAD_TOKEN, AUTH_UNKNOWN_KEY, AUTH_BAD_INTEGRITY, AUTH_EXPIRED};
		struct client c = holder(state, 3600);
		if (i == 0)
			c.token[30] ^= 1;
		else if (i == 1)
			strcpy(c.credential.username, "south");
		else if (i == 2)
			c.session.bytes[0] ^= 1;
		else
			give_token(&c, 0, MAC_KEY, 10);
		if (i == 3)
			fixture_pass_s(f, 41);
		assert_int_equal(client_allocate(&c, NULL), STUN_UNAUTHORIZED);
		assert_int_equal(fixture_count(f, TURN_C_AUTH_FAILURE + reasons[i] - 1), 1);
	}
	assert_int_equal(turn_server_allocations(f->server), 0);
}

static void bad_token_does_not_harm_the_allocation(void **state)
{
	struct client c = holder(state, 3600);
	assert_int_equal(client_allocate(&c, NULL), 0);
	struct client bad = c;
	bad.token[30] ^= 1;
	assert_int_equal(client_refresh(&bad, 0, NULL), STUN_UNAUTHORIZED);
	c.token_len = 0;
	assert_int_equal(client_refresh(&c, 600, NULL), 0);
}

static void other_credentials_serve_beside_tokens(void **state)
{
	struct client c;
	client_init(&c, *state, "192.0.2.1:40001");
	assert_int_equal(client_allocate(&c, NULL), 0);
	assert_int_equal(client_refresh(&c, 600, NULL), 0);
}

/* RFC 8656 §5: neither kind has a say on what the other has made. */
static void token_and_password_do_not_share_an_allocation(void **state)
{
	struct client by_token = holder(state, 3600), by_password;
	client_init(&by_password, *state, "192.0.2.1:40000");
	assert_int_equal(client_allocate(&by_token, NULL), 0);
	by_password.session.len = 0;
	client_challenge(&by_password);
	/* Without a token it is taken for the session's key, which it is not. */
	assert_int_equal(client_refresh(&by_password, 0, NULL), STUN_UNAUTHORIZED);
	assert_int_equal(client_refresh(&by_token, 0, NULL), 0);

	assert_int_equal(client_allocate(&by_password, NULL), 0);
	give_token(&by_token, 0, MAC_KEY, 3600);
	assert_int_equal(client_refresh(&by_token, 0, NULL), STUN_WRONG_CREDENTIALS);
	assert_int_equal(client_refresh(&by_password, 600, NULL), 0);
}

/* RFC 8016 §3.1.2: a ticket is shown by whoever made the allocation, and a token has no name. */
static void token_gets_no_ticket(void **state)
{
	struct fixture_config config;
	struct request r;
	struct reply reply;
	fixture_defaults(&config);
	memset(keys, 0, sizeof(keys));
	strcpy(keys[0].kid, "north");
	keys[0].algorithm = CRYPTO_AES_256_GCM;
	config.auth.token_keys = keys;
	config.auth.n_token_keys = 1;
	config.auth.token_server = SERVER;
	config.turn.mobility = true;
	struct fixture *f = fixture_create(&config);
	void *box = f;
	struct client c = holder(&box, 3600);
	request_begin_allocate(&r);
	stun_write_bytes(&r.w, STUN_MOBILITY_TICKET, "", 0);
	assert_int_equal(client_ask(&c, &r, &reply), STUN_MOBILITY_FORBIDDEN);
	assert_int_equal(client_allocate(&c, NULL), 0);
	fixture_destroy(f);
}

/* RFC 8489 §6.3: an attribute that must be understood and is not */
static void token_is_not_understood_without_keys(void **state)
{
	struct fixture_config config;
	struct client c;
	fixture_defaults(&config);
	struct fixture *f = fixture_create(&config);
	client_init(&c, f, "192.0.2.1:40000");
	memset(c.token, 7, sizeof(c.token));
	c.token_len = 60;
	assert_int_equal(client_allocate(&c, NULL), STUN_UNKNOWN_ATTRIBUTE);
	fixture_destroy(f);
}

#define T(name) cmocka_unit_test_setup_teardown(name, setup, fixture_teardown)

int main(void)
{
	const struct CMUnitTest t[] = {
		T(challenge_names_the_server),
		T(token_allocates_and_its_key_goes_on_alone),
		T(sha256_integrity_is_fine_with_a_token),
		T(lifetime_ends_with_the_token),
		T(next_token_prolongs_and_replaces_the_key),
		T(what_is_wrong_with_a_token_is_401_and_counted),
		T(bad_token_does_not_harm_the_allocation),
		T(other_credentials_serve_beside_tokens),
		T(token_and_password_do_not_share_an_allocation),
		cmocka_unit_test(token_gets_no_ticket),
		cmocka_unit_test(token_is_not_understood_without_keys),
	};
	return cmocka_run_group_tests(t, NULL, NULL) != 0;
}
