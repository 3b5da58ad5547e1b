/* SPDX-License-Identifier: BSD-3-Clause */
/* The long-term mechanism as this server runs it: RFC 8489 §9.2.4 and RFC 8656 §5. */
#include "client.h"

#include <string.h>
#include <sallyport/crypto.h>

static const char client_text[] = "192.0.2.1:40000";

static struct client challenged(void **state)
{
	struct client c;
	client_init(&c, *state, client_text);
	client_challenge(&c);
	return c;
}

/* ---- the challenge ---- */

static void request_without_integrity_is_challenged(void **state)
{
	static const enum stun_method methods[] = {
		STUN_ALLOCATE, STUN_REFRESH, STUN_CREATE_PERMISSION, STUN_CHANNEL_BIND};
	struct fixture *f = *state;
	struct client c;
	client_init(&c, f, client_text);
	for (size_t i = 0; i < ARRAY_LEN(methods); i++) {
		struct request r;
		struct reply reply;
		struct stun_attr nonce;
		struct bytes text;
		request_begin(&r, methods[i]);

		request_send(&r, &c, &reply);

		assert_int_equal(reply.code, STUN_UNAUTHORIZED);
		assert_false(reply.is_signed);
		assert_true(reply_has(&reply, STUN_REALM));
		assert_true(stun_attr_find(&reply.msg, STUN_NONCE, &nonce));
		assert_int_equal(stun_attr_text(&nonce, &text), 0);
		assert_true(auth_nonce_check(f->auth, &c.where.addr, f->clock.wall_s, text));
	}
	assert_int_equal(fixture_count(f, TURN_C_CHALLENGE), ARRAY_LEN(methods));
	assert_int_equal(turn_server_allocations(f->server), 0);
}

/* RFC 8489 §9.2.4, §18.1: the list, and the bit that keeps anybody from taking it out */
static void challenge_offers_password_algorithms(void **state)
{
	struct client c;
	struct request r;
	struct reply reply;
	struct stun_attr a;
	struct stun_password_entry list[4];
	uint32_t features;
	size_t n;
	client_init(&c, *state, client_text);
	request_begin_allocate(&r);

	request_send(&r, &c, &reply);

	assert_true(stun_attr_find(&reply.msg, STUN_PASSWORD_ALGORITHMS, &a));
	assert_int_equal(stun_attr_password_algorithms(&a, list, ARRAY_LEN(list), &n), 0);
	assert_int_equal(n, 2);
	assert_int_equal(list[0].algorithm, STUN_PASSWORD_SHA256);
	assert_int_equal(list[1].algorithm, STUN_PASSWORD_MD5);
	assert_true(stun_attr_find(&reply.msg, STUN_NONCE, &a));
	assert_true(stun_nonce_cookie_read(bytes_of(a.value, a.len), &features));
	assert_int_equal(features, STUN_FEATURE_PASSWORD_ALGORITHMS);
}

static void algorithms_switched_off_are_not_offered(void **state)
{
	struct fixture_config config;
	fixture_defaults(&config);
	config.auth.sha256 = false;
	struct fixture *f = fixture_create(&config);
	struct client c;
	client_init(&c, f, client_text);

	client_challenge(&c);

	assert_false(c.is_offered);
	assert_int_equal(client_allocate(&c, NULL), 0);
	fixture_destroy(f);
}

/* A challenge goes to an address that may never have asked: it is no larger than three requests. */
static void challenge_is_small_and_without_software(void **state)
{
	struct client c;
	struct request r;
	struct reply reply;
	client_init(&c, *state, client_text);
	request_begin_allocate(&r);

	request_send(&r, &c, &reply);

	assert_false(reply_has(&reply, STUN_SOFTWARE));
	/* Header, code, realm, nonce, algorithms; no phrase. */
	assert_true(reply.msg.len <= 100);
}

/* ---- what a signed request must have ---- */

static void integrity_without_username_realm_or_nonce_is_400(void **state)
{
	static const uint16_t left_out[] = {STUN_USERNAME, STUN_REALM, STUN_NONCE};
	struct client c = challenged(state);
	for (size_t i = 0; i < ARRAY_LEN(left_out); i++) {
		struct crypto_hmac_key k;
		struct request r;
		struct reply reply;
		crypto_hmac_key_init(&k, CRYPTO_SHA1, "key", 3);
		request_begin_allocate(&r);
		if (left_out[i] != STUN_USERNAME)
			stun_write_bytes(&r.w, STUN_USERNAME, c.credential.username,
				strlen(c.credential.username));
		if (left_out[i] != STUN_REALM)
			stun_write_bytes(&r.w, STUN_REALM, c.realm, strlen(c.realm));
		if (left_out[i] != STUN_NONCE)
			stun_write_bytes(&r.w, STUN_NONCE, c.nonce, strlen(c.nonce));
		stun_write_integrity(&r.w, CRYPTO_SHA1, &k);

		request_send(&r, &c, &reply);

		assert_int_equal(reply.code, STUN_BAD_REQUEST);
		assert_false(reply.is_signed);
		assert_false(reply_has(&reply, STUN_REALM));
		assert_false(reply_has(&reply, STUN_NONCE));
	}
}

/* A server without a list of users cannot know whose hash it is. */
static void userhash_instead_of_username_is_401(void **state)
{
	struct client c = challenged(state);
	struct crypto_hmac_key k;
	struct request r;
	struct reply reply;
	uint8_t hash[32];
	crypto_hmac_key_init(&k, CRYPTO_SHA256, "key", 3);
	stun_userhash(bytes_str(c.credential.username), bytes_str(c.realm), hash);
	request_begin_allocate(&r);
	stun_write_bytes(&r.w, STUN_USERHASH, hash, sizeof(hash));
	stun_write_bytes(&r.w, STUN_REALM, c.realm, strlen(c.realm));
	stun_write_bytes(&r.w, STUN_NONCE, c.nonce, strlen(c.nonce));
	stun_write_integrity(&r.w, CRYPTO_SHA256, &k);

	request_send(&r, &c, &reply);

	assert_int_equal(reply.code, STUN_UNAUTHORIZED);
	assert_false(reply.is_signed);
	assert_true(reply_has(&reply, STUN_NONCE));
}

static void username_that_is_no_text_is_400(void **state)
{
	struct client c = challenged(state);
	struct crypto_hmac_key k = client_key(&c);
	uint8_t name[509];
	memset(name, 'a', sizeof(name));
	for (int i = 0; i < 2; i++) {
		struct request r;
		struct reply reply;
		request_begin_allocate(&r);
		if (i == 0)
			stun_write_bytes(&r.w, STUN_USERNAME, "\xff\xfe", 2);
		else
			stun_write_bytes(&r.w, STUN_USERNAME, name, sizeof(name));
		stun_write_bytes(&r.w, STUN_REALM, c.realm, strlen(c.realm));
		stun_write_bytes(&r.w, STUN_NONCE, c.nonce, strlen(c.nonce));
		stun_write_integrity(&r.w, CRYPTO_SHA1, &k);

		request_send(&r, &c, &reply);

		assert_int_equal(reply.code, STUN_BAD_REQUEST);
	}
}

/* Though the password is right */
static void other_realm_is_401(void **state)
{
	struct client c = challenged(state);
	struct crypto_hmac_key k = client_key(&c);
	struct request r;
	struct reply reply;
	request_begin_allocate(&r);
	stun_write_bytes(&r.w, STUN_USERNAME, c.credential.username, strlen(c.credential.username));
	stun_write_bytes(&r.w, STUN_REALM, "example.com", 11);
	stun_write_bytes(&r.w, STUN_NONCE, c.nonce, strlen(c.nonce));
	stun_write_integrity(&r.w, CRYPTO_SHA1, &k);

	request_send(&r, &c, &reply);

	assert_int_equal(reply.code, STUN_UNAUTHORIZED);
	assert_false(reply.is_signed);
}

static void wrong_password_is_401_unsigned_with_a_challenge(void **state)
{
	struct client c = challenged(state);
	struct request r;
	struct reply reply;
	c.credential.password[0] ^= 1;
	request_begin_allocate(&r);

	assert_int_equal(client_ask(&c, &r, &reply), STUN_UNAUTHORIZED);

	assert_false(reply.is_signed);
	assert_true(reply_has(&reply, STUN_REALM));
	assert_true(reply_has(&reply, STUN_NONCE));
	assert_int_equal(fixture_count(*state, TURN_C_AUTH_FAILURE + AUTH_BAD_INTEGRITY - 1), 1);
	assert_int_equal(turn_server_allocations(((struct fixture *)*state)->server), 0);
}

/* RFC 8489 §14.6: shorter values are for usages that allow them, which TURN does not */
static void truncated_sha256_integrity_is_400(void **state)
{
	for (size_t len = 16; len < 32; len += 4) {
		struct client c = challenged(state);
		struct request r;
		struct reply reply;
		size_t at_mac, total;
		c.integrity = CRYPTO_SHA256;
		request_begin_allocate(&r);
		request_sign(&r, &c);
		assert_int_equal(stun_write_end(&r.w, &total), 0);
		/* The true value cut short, under a length that says so. */
		at_mac = total - 32;
		r.w.len = at_mac - 4;
		stun_write_bytes(&r.w, STUN_MESSAGE_INTEGRITY_SHA256,
			memcpy((uint8_t[32]){0}, r.data + at_mac, len), len);

		request_send(&r, &c, &reply);

		assert_int_equal(reply.code, STUN_BAD_REQUEST);
	}
	assert_int_equal(turn_server_allocations(((struct fixture *)*state)->server), 0);
}

/* ---- nonces ---- */

static void nonce_is_stale_after_its_lifetime(void **state)
{
	struct client c = challenged(state);
	struct request r;
	struct reply reply;
	fixture_pass_s(*state, 600);
	request_begin_allocate(&r);
	request_sign(&r, &c);
	request_send(&r, &c, &reply);
	assert_int_equal(reply.code, 0);

	fixture_pass_s(*state, 1);
	request_begin(&r, STUN_REFRESH);
	request_sign(&r, &c);
	request_send(&r, &c, &reply);

	assert_int_equal(reply.code, STUN_STALE_NONCE);
	assert_true(reply_has(&reply, STUN_REALM));
	assert_true(reply_has(&reply, STUN_NONCE));
	assert_true(reply_has(&reply, STUN_PASSWORD_ALGORITHMS));
	assert_int_equal(fixture_count(*state, TURN_C_STALE_NONCE), 1);
	assert_int_equal(client_refresh(&c, 600, NULL), 0);
}

static void nonce_of_another_address_is_stale(void **state)
{
	struct client c = challenged(state);
	struct request r;
	struct reply reply;
	c.where.addr = at("192.0.2.2:40000");
	request_begin_allocate(&r);
	request_sign(&r, &c);

	request_send(&r, &c, &reply);

	assert_int_equal(reply.code, STUN_STALE_NONCE);
}

static void nonce_serves_every_port_of_its_address(void **state)
{
	struct client c = challenged(state);
	struct request r;
	struct reply reply;
	c.where.addr.port = 40001;
	request_begin_allocate(&r);
	request_sign(&r, &c);

	request_send(&r, &c, &reply);

	assert_int_equal(reply.code, 0);
}

static void every_altered_nonce_is_refused(void **state)
{
	struct client c = challenged(state);
	char good[sizeof(c.nonce)];
	strcpy(good, c.nonce);
	for (size_t i = 0; good[i] != '\0'; i++) {
		struct request r;
		struct reply reply;
		strcpy(c.nonce, good);
		c.nonce[i] = good[i] == 'A' ? 'Q' : 'A';
		request_begin_allocate(&r);
		request_sign(&r, &c);

		request_send(&r, &c, &reply);

		assert_int_equal(reply.code, STUN_STALE_NONCE);
	}
	assert_int_equal(turn_server_allocations(((struct fixture *)*state)->server), 0);
}

/* Another server's nonce, of whatever bytes, is told the right one. */
static void nonce_that_is_no_text_is_stale(void **state)
{
	static const char *const nonces[] = {"\xff\xfe\x80", "obMatJos2gAAA\xff"};
	struct client c = challenged(state);
	for (size_t i = 0; i < ARRAY_LEN(nonces); i++) {
		struct request r;
		struct reply reply;
		strcpy(c.nonce, nonces[i]);
		request_begin_allocate(&r);
		request_sign(&r, &c);

		request_send(&r, &c, &reply);

		assert_int_equal(reply.code, STUN_STALE_NONCE);
		assert_true(reply_has(&reply, STUN_NONCE));
	}
}

/* RFC 8489 §9.2.1: with the feature bit taken out of the cookie the nonce is none of ours. */
static void bid_down_by_the_nonce_cookie_is_refused(void **state)
{
	struct client c = challenged(state);
	struct request r;
	struct reply reply;
	stun_nonce_cookie_write(0, c.nonce);
	request_begin_allocate(&r);
	request_sign(&r, &c);

	request_send(&r, &c, &reply);

	assert_int_equal(reply.code, STUN_STALE_NONCE);
}

/* ---- password algorithms ---- */

static void each_offered_algorithm_and_integrity_serves(void **state)
{
	static const struct {
		enum stun_password_algorithm algorithm;
		enum crypto_hash integrity;
	} cases[] = {
		{0, CRYPTO_SHA1},
		{0, CRYPTO_SHA256},
		{STUN_PASSWORD_MD5, CRYPTO_SHA1},
		{STUN_PASSWORD_MD5, CRYPTO_SHA256},
		{STUN_PASSWORD_SHA256, CRYPTO_SHA1},
		{STUN_PASSWORD_SHA256, CRYPTO_SHA256},
	};
	for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
		struct client c = challenged(state);
		struct request r;
		struct reply reply;
		c.where.addr.port = (uint16_t)(41000 + i);
		c.algorithm = cases[i].algorithm;
		c.integrity = cases[i].integrity;
		request_begin_allocate(&r);

		assert_int_equal(client_ask(&c, &r, &reply), 0);

		/* The answer has the kind of integrity that the client has shown to know. */
		assert_true(reply.is_signed);
		assert_int_equal(reply.msg.integrity_sha256 != 0, c.integrity == CRYPTO_SHA256);
		assert_int_equal(reply.msg.integrity != 0, c.integrity == CRYPTO_SHA1);
		/* And the living allocation is asked in the same way. */
		assert_int_equal(client_refresh(&c, 600, NULL), 0);
	}
}

/* The three conditions of RFC 8489 §9.2.4 */
static void algorithm_that_breaks_the_offer_is_400(void **state)
{
	static const uint16_t whole[] = {STUN_PASSWORD_SHA256, STUN_PASSWORD_MD5};
	static const uint16_t turned[] = {STUN_PASSWORD_MD5, STUN_PASSWORD_SHA256};
	static const uint16_t longer[] = {STUN_PASSWORD_SHA256, STUN_PASSWORD_MD5, 3};
	static const struct {
		const uint16_t *offer;
		size_t n;
		uint16_t choice;
	} cases[] = {
		{NULL, 0, STUN_PASSWORD_SHA256}, /* the offer is missing */
		{whole, 2, 0},                   /* the choice is */
		{turned, 2, STUN_PASSWORD_MD5}, {whole, 1, STUN_PASSWORD_SHA256},
		{turned, 1, STUN_PASSWORD_MD5},                   /* somebody took SHA-256 away */
		{longer, 3, STUN_PASSWORD_SHA256}, {whole, 2, 3}, /* not on the list */
	};
	for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
		struct client c = challenged(state);
		struct request r;
		struct reply reply;
		request_begin_allocate(&r);
		if (cases[i].offer)
			stun_write_password_algorithms(&r.w, cases[i].offer, cases[i].n);
		if (cases[i].choice)
			stun_write_password_algorithm(&r.w, cases[i].choice);

		assert_int_equal(client_ask(&c, &r, &reply), STUN_BAD_REQUEST);
	}
	assert_int_equal(turn_server_allocations(((struct fixture *)*state)->server), 0);
}

/* A client may sign with either algorithm on offer for the life of an allocation. */
static void algorithm_may_change_on_a_living_allocation(void **state)
{
	struct client c = challenged(state);
	assert_int_equal(client_allocate(&c, NULL), 0);
	c.algorithm = STUN_PASSWORD_SHA256;
	c.integrity = CRYPTO_SHA256;

	assert_int_equal(client_refresh(&c, 600, NULL), 0);
}

/* RFC 8489 §6.3: authentication comes before comprehension */
static void unknown_attribute_is_420_signed_and_only_to_who_may_know(void **state)
{
	struct client c = challenged(state);
	struct request r;
	struct reply reply;
	request_begin_allocate(&r);
	stun_write_u32(&r.w, 0x7abc, 0);
	request_send(&r, &c, &reply);
	assert_int_equal(reply.code, STUN_UNAUTHORIZED);

	request_begin_allocate(&r);
	stun_write_u32(&r.w, 0x7abc, 0);
	assert_int_equal(client_ask(&c, &r, &reply), STUN_UNKNOWN_ATTRIBUTE);

	assert_true(reply.is_signed);
	assert_int_equal(turn_server_allocations(((struct fixture *)*state)->server), 0);
}

int main(void)
{
	const struct CMUnitTest t[] = {
#define T(name) cmocka_unit_test_setup_teardown(name, fixture_setup, fixture_teardown)
		T(request_without_integrity_is_challenged),
		T(challenge_offers_password_algorithms),
		cmocka_unit_test(algorithms_switched_off_are_not_offered),
		T(challenge_is_small_and_without_software),
		T(integrity_without_username_realm_or_nonce_is_400),
		T(userhash_instead_of_username_is_401),
		T(username_that_is_no_text_is_400),
		T(other_realm_is_401),
		T(wrong_password_is_401_unsigned_with_a_challenge),
		T(truncated_sha256_integrity_is_400),
		T(nonce_is_stale_after_its_lifetime),
		T(nonce_of_another_address_is_stale),
		T(nonce_serves_every_port_of_its_address),
		T(every_altered_nonce_is_refused),
		T(nonce_that_is_no_text_is_stale),
		T(bid_down_by_the_nonce_cookie_is_refused),
		T(each_offered_algorithm_and_integrity_serves),
		T(algorithm_that_breaks_the_offer_is_400),
		T(algorithm_may_change_on_a_living_allocation),
		T(unknown_attribute_is_420_signed_and_only_to_who_may_know),
	};
	return cmocka_run_group_tests(t, NULL, NULL) != 0;
}
