/* SPDX-License-Identifier: BSD-3-Clause */
/* Binding requests and what is answered to messages that are no business of ours. */
#include "client.h"

#include <string.h>

/* RFC 8489 §6.3.1 */
static void binding_tells_the_reflexive_address(void **state)
{
	static const char *const clients[] = {"192.0.2.7:40001", "[2001:db8::7]:40002"};
	for (size_t i = 0; i < ARRAY_LEN(clients); i++) {
		struct client c;
		struct request r;
		struct reply reply;
		struct addr got;
		client_init(&c, *state, clients[i]);
		request_begin(&r, STUN_BINDING);

		request_send(&r, &c, &reply);

		assert_true(reply.is_there);
		assert_int_equal(reply.code, 0);
		assert_true(reply_address(&reply, STUN_XOR_MAPPED_ADDRESS, 0, &got));
		assert_true(addr_equal(&got, &c.where.addr));
		assert_int_equal(reply.msg.fingerprint, 0);
	}
	assert_int_equal(fixture_count(*state, TURN_C_BINDING), 2);
}

/* RFC 3489 §8.1: no cookie, 16 bytes of id, MAPPED-ADDRESS in clear */
static void classic_client_gets_mapped_address_under_its_id(void **state)
{
	struct client c;
	struct request r = {.data = {0x00, 0x01}};
	static const uint8_t mapped[] = {
		0x00, 0x01, 0x00, 0x08, 0x00, 0x01, 0x9c, 0x41, 192, 0, 2, 7};
	client_init(&c, *state, "192.0.2.7:40001");
	memset(r.data + 4, 0xa5, 16);

	wire_from_client(*state, &c.where, r.data, STUN_HEADER_LEN);

	const struct packet *p = wire_take(*state);
	assert_non_null(p);
	assert_true(addr_equal(&p->to, &c.where.addr));
	assert_int_equal(be16_get(p->data), 0x0101);
	assert_memory_equal(p->data + 4, r.data + 4, 16);
	assert_int_equal(p->len, STUN_HEADER_LEN + sizeof(mapped));
	assert_memory_equal(p->data + STUN_HEADER_LEN, mapped, sizeof(mapped));
	assert_int_equal(fixture_count(*state, TURN_C_BINDING_CLASSIC), 1);
}

/* RFC 5389 §12.2: a classic client's CHANGE-REQUEST is answered 420; its id has 16 bytes there too
 */
static void classic_client_gets_420_under_its_id(void **state)
{
	struct client c;
	struct request r = {.data = {0x00, 0x01, 0x00, 0x08}};
	static const uint8_t change_request[8] = {0x00, 0x03, 0x00, 0x04, 0, 0, 0, 6};
	client_init(&c, *state, "192.0.2.7:40001");
	memset(r.data + 4, 0xa5, 16);
	memcpy(r.data + STUN_HEADER_LEN, change_request, sizeof(change_request));

	wire_from_client(*state, &c.where, r.data, STUN_HEADER_LEN + sizeof(change_request));

	const struct packet *p = wire_take(*state);
	assert_non_null(p);
	assert_int_equal(be16_get(p->data), 0x0111);
	assert_memory_equal(p->data + 4, r.data + 4, 16);
	assert_int_equal(fixture_count(*state, TURN_C_REFUSED_420), 1);
}

/* RFC 8489 §7 */
static void fingerprint_is_answered_with_fingerprint(void **state)
{
	struct client c;
	struct request r;
	struct reply reply;
	client_init(&c, *state, "192.0.2.7:40001");
	request_begin(&r, STUN_BINDING);
	stun_write_fingerprint(&r.w);

	request_send(&r, &c, &reply);

	assert_int_equal(reply.code, 0);
	assert_int_not_equal(reply.msg.fingerprint, 0);
}

static void challenge_has_a_fingerprint_when_the_request_had(void **state)
{
	struct client c;
	struct request r;
	struct reply reply;
	client_init(&c, *state, "192.0.2.7:40001");
	request_begin_allocate(&r);
	stun_write_fingerprint(&r.w);

	request_send(&r, &c, &reply);

	assert_int_equal(reply.code, STUN_UNAUTHORIZED);
	assert_int_not_equal(reply.msg.fingerprint, 0);
}

/* RFC 8489 §6.3.1 */
static void unknown_required_attributes_are_named_in_420(void **state)
{
	struct client c;
	struct request r;
	struct reply reply;
	struct stun_attr a;
	uint16_t types[4];
	size_t n;
	client_init(&c, *state, "192.0.2.7:40001");
	request_begin(&r, STUN_BINDING);
	stun_write_u32(&r.w, 0x7abc, 0);
	stun_write_u32(&r.w, 0xfabc, 0); /* optional: ignored */
	stun_write_u32(&r.w, 0x7abd, 0);

	request_send(&r, &c, &reply);

	assert_int_equal(reply.code, STUN_UNKNOWN_ATTRIBUTE);
	assert_true(stun_attr_find(&reply.msg, STUN_UNKNOWN_ATTRIBUTES, &a));
	assert_int_equal(stun_attr_unknown(&a, types, ARRAY_LEN(types), &n), 0);
	assert_int_equal(n, 2);
	assert_int_equal(types[0], 0x7abc);
	assert_int_equal(types[1], 0x7abd);
	assert_int_equal(fixture_count(*state, TURN_C_REFUSED_420), 1);
}

/* RFC 8489 §6.3: attributes that are known but have no place in the message */
static void known_but_unexpected_attributes_are_ignored(void **state)
{
	static const uint16_t types[] = {STUN_MAPPED_ADDRESS, STUN_ERROR_CODE,
		STUN_UNKNOWN_ATTRIBUTES, STUN_DATA_ATTR, STUN_XOR_RELAYED_ADDRESS,
		STUN_XOR_MAPPED_ADDRESS, STUN_LIFETIME, STUN_EVEN_PORT, STUN_USERNAME};
	for (size_t i = 0; i < ARRAY_LEN(types); i++) {
		struct client c;
		struct request r;
		struct reply reply;
		client_init(&c, *state, "192.0.2.7:40001");
		request_begin(&r, STUN_BINDING);
		stun_write_bytes(&r.w, types[i], "\0\1\2\3\4\5\6\7", 8);

		request_send(&r, &c, &reply);

		assert_int_equal(reply.code, 0);
	}
}

/* RFC 8489 §6.3.2: a keep-alive */
static void binding_indication_is_not_answered(void **state)
{
	struct client c;
	struct request r;
	size_t len;
	client_init(&c, *state, "192.0.2.7:40001");
	stun_write_begin(&r.w, r.data, sizeof(r.data), STUN_INDICATION, STUN_BINDING,
		(const uint8_t *)"0123456789ab");
	assert_int_equal(stun_write_end(&r.w, &len), 0);

	wire_from_client(*state, &c.where, r.data, len);

	assert_silence(*state);
	assert_int_equal(fixture_count(*state, TURN_C_UNKNOWN_MESSAGE), 0);
}

/* RFC 8489 §6.3: errors are discarded silently; answers to nothing are too */
static void what_is_no_request_of_ours_is_counted_and_not_answered(void **state)
{
	static const struct {
		enum stun_class class;
		unsigned method;
	} cases[] = {
		{STUN_SUCCESS, STUN_BINDING},
		{STUN_ERROR, STUN_ALLOCATE},
		{STUN_REQUEST, STUN_SEND},
		{STUN_REQUEST, STUN_CONNECTION_ATTEMPT},
		{STUN_REQUEST, 0x0ff},
		{STUN_INDICATION, STUN_DATA},
		{STUN_INDICATION, STUN_ALLOCATE},
	};
	struct client c;
	client_init(&c, *state, "192.0.2.7:40001");
	for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
		struct request r;
		size_t len;
		stun_write_begin(&r.w, r.data, sizeof(r.data), cases[i].class, cases[i].method,
			(const uint8_t *)"0123456789ab");
		assert_int_equal(stun_write_end(&r.w, &len), 0);

		wire_from_client(*state, &c.where, r.data, len);

		assert_silence(*state);
		assert_int_equal(fixture_count(*state, TURN_C_UNKNOWN_MESSAGE), i + 1);
	}
}

static void every_truncation_is_counted_and_not_answered(void **state)
{
	struct client c;
	struct request r;
	size_t len;
	client_init(&c, *state, "192.0.2.7:40001");
	client_challenge(&c);
	request_begin_allocate(&r);
	request_sign(&r, &c);
	stun_write_fingerprint(&r.w);
	assert_int_equal(stun_write_end(&r.w, &len), 0);

	for (size_t n = 0; n < len; n++)
		wire_from_client(*state, &c.where, r.data, n);

	assert_silence(*state);
	assert_int_equal(fixture_count(*state, TURN_C_MALFORMED), len);
	assert_int_equal(turn_server_allocations(((struct fixture *)*state)->server), 0);
}

int main(void)
{
	const struct CMUnitTest t[] = {
#define T(name) cmocka_unit_test_setup_teardown(name, fixture_setup, fixture_teardown)
		T(binding_tells_the_reflexive_address),
		T(classic_client_gets_mapped_address_under_its_id),
		T(classic_client_gets_420_under_its_id),
		T(fingerprint_is_answered_with_fingerprint),
		T(challenge_has_a_fingerprint_when_the_request_had),
		T(unknown_required_attributes_are_named_in_420),
		T(known_but_unexpected_attributes_are_ignored),
		T(binding_indication_is_not_answered),
		T(what_is_no_request_of_ours_is_counted_and_not_answered),
		T(every_truncation_is_counted_and_not_answered),
	};
	return cmocka_run_group_tests(t, NULL, NULL) != 0;
}
