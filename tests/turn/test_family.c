/* SPDX-License-Identifier: BSD-3-Clause */
/* Address families: what an Allocate may ask for (RFC 8656 §7.2) and what a Refresh may name
 * (§8.2). */
#include "client.h"

#include <string.h>

enum {
	IPV4 = 1,
	IPV6 = 2
};

static unsigned allocate(struct client *c, uint16_t attribute, uint8_t family, struct reply *out)
{
	struct request r;
	request_begin_allocate(&r);
	if (attribute != 0)
		stun_write_family(&r.w, attribute, family);
	return client_ask(c, &r, out);
}

static unsigned refresh(struct client *c, uint8_t family, uint32_t lifetime_s, struct reply *out)
{
	struct request r;
	request_begin(&r, STUN_REFRESH);
	stun_write_u32(&r.w, STUN_LIFETIME, lifetime_s);
	stun_write_family(&r.w, STUN_REQUESTED_ADDRESS_FAMILY, family);
	return client_ask(c, &r, out);
}

static struct client new_client(struct fixture *f)
{
	struct client c;
	client_init(&c, f, "192.0.2.1:40000");
	return c;
}

/* The families relayed, as bits, and the address that each has. */
static unsigned relayed(const struct reply *r, struct addr *v4, struct addr *v6)
{
	unsigned families = 0;
	struct addr a;
	for (unsigned n = 0; reply_address(r, STUN_XOR_RELAYED_ADDRESS, n, &a); n++) {
		families |= a.family == ADDR_IPV6 ? IPV6 : IPV4;
		*(a.family == ADDR_IPV6 ? v6 : v4) = a;
	}
	return families;
}

static void assert_address_error(const struct reply *r, uint8_t family, unsigned code)
{
	struct stun_attr a;
	struct bytes reason;
	uint8_t got_family;
	uint16_t got_code;
	assert_true(stun_attr_find(&r->msg, STUN_ADDRESS_ERROR_CODE, &a));
	assert_int_equal(stun_attr_address_error(&a, &got_family, &got_code, &reason), 0);
	assert_int_equal(got_family, family);
	assert_int_equal(got_code, code);
}

/* A node whose relay addresses are of one family only. */
static struct fixture *only(uint8_t family)
{
	struct fixture_config config;
	fixture_defaults(&config);
	config.turn.relays = &config.relays[family == IPV6];
	config.turn.n_relays = 1;
	return fixture_create(&config);
}

/* ---- Allocate ---- */

static void requested_family_decides_the_relayed_address(void **state)
{
	for (uint8_t family = IPV4; family <= IPV6; family++) {
		struct client c = new_client(*state);
		struct reply reply;
		struct addr v4, v6;
		c.where.addr.port = (uint16_t)(41000 + family);
		assert_int_equal(allocate(&c, STUN_REQUESTED_ADDRESS_FAMILY, family, &reply), 0);
		assert_int_equal(relayed(&reply, &v4, &v6), family);
		assert_false(reply_has(&reply, STUN_ADDRESS_ERROR_CODE));
	}
}

/* §7.2: without the attribute it is IPv4, also for a client on IPv6 */
static void no_requested_family_means_ipv4(void **state)
{
	struct client c;
	struct reply reply;
	struct addr v4, v6;
	client_init(&c, *state, "[2001:db8::7]:40000");
	assert_int_equal(allocate(&c, 0, 0, &reply), 0);
	assert_int_equal(relayed(&reply, &v4, &v6), IPV4);
}

static void family_that_the_node_lacks_is_440(void **state)
{
	struct reply reply;
	struct fixture *f = only(IPV4);
	struct client c = new_client(f);
	assert_int_equal(allocate(&c, STUN_REQUESTED_ADDRESS_FAMILY, IPV6, &reply),
		STUN_FAMILY_NOT_SUPPORTED);
	assert_int_equal(
		allocate(&c, STUN_REQUESTED_ADDRESS_FAMILY, 3, &reply), STUN_FAMILY_NOT_SUPPORTED);
	fixture_destroy(f);

	f = only(IPV6);
	c = new_client(f);
	assert_int_equal(allocate(&c, 0, 0, &reply), STUN_FAMILY_NOT_SUPPORTED);
	assert_int_equal(allocate(&c, STUN_REQUESTED_ADDRESS_FAMILY, IPV6, &reply), 0);
	fixture_destroy(f);
}

static void additional_family_gives_both(void **state)
{
	struct client c = new_client(*state);
	struct reply reply;
	struct addr v4, v6;
	assert_int_equal(allocate(&c, STUN_ADDITIONAL_ADDRESS_FAMILY, IPV6, &reply), 0);
	assert_int_equal(relayed(&reply, &v4, &v6), IPV4 | IPV6);
	assert_false(reply_has(&reply, STUN_ADDRESS_ERROR_CODE));
	assert_non_null(wire_find(*state, &v4));
	assert_non_null(wire_find(*state, &v6));
}

static void additional_family_by_its_draft_number_gives_both(void **state)
{
	struct client c = new_client(*state);
	struct reply reply;
	struct addr v4, v6;
	assert_int_equal(allocate(&c, STUN_ADDITIONAL_ADDRESS_FAMILY_DRAFT, IPV6, &reply), 0);
	assert_int_equal(relayed(&reply, &v4, &v6), IPV4 | IPV6);
}

static void family_missing_from_a_dual_allocation_is_told(void **state)
{
	for (uint8_t family = IPV4; family <= IPV6; family++) {
		struct fixture *f = only(family);
		struct client c = new_client(f);
		struct reply reply;
		struct addr v4, v6;
		assert_int_equal(allocate(&c, STUN_ADDITIONAL_ADDRESS_FAMILY, IPV6, &reply), 0);
		assert_int_equal(relayed(&reply, &v4, &v6), family);
		assert_address_error(&reply, IPV4 + IPV6 - family, STUN_FAMILY_NOT_SUPPORTED);
		fixture_destroy(f);
	}
}

static void family_without_a_port_in_a_dual_allocation_is_told(void **state)
{
	struct fixture_config config;
	fixture_defaults(&config);
	config.turn.last_port = PORT_MIN + 1;
	struct fixture *f = fixture_create(&config);
	struct client c = new_client(f);
	struct reply reply;
	struct addr v4, v6;
	for (int i = 0; i < 2; i++) { /* takes both IPv6 ports */
		c.where.addr.port++;
		assert_int_equal(allocate(&c, STUN_REQUESTED_ADDRESS_FAMILY, IPV6, &reply), 0);
	}
	for (int i = 0; i < 2; i++) {
		c.where.addr.port++;
		assert_int_equal(allocate(&c, STUN_ADDITIONAL_ADDRESS_FAMILY, IPV6, &reply), 0);
		assert_int_equal(relayed(&reply, &v4, &v6), IPV4);
		assert_address_error(&reply, IPV6, STUN_INSUFFICIENT_CAPACITY);
	}
	c.where.addr.port++;
	assert_int_equal(allocate(&c, STUN_ADDITIONAL_ADDRESS_FAMILY, IPV6, &reply),
		STUN_INSUFFICIENT_CAPACITY);
	fixture_destroy(f);
}

static void retransmission_of_a_partial_success_tells_the_same(void **state)
{
	struct fixture *f = only(IPV4);
	struct client c = new_client(f);
	struct request r;
	struct reply reply;
	client_challenge(&c);
	request_begin_allocate(&r);
	stun_write_family(&r.w, STUN_ADDITIONAL_ADDRESS_FAMILY, IPV6);
	request_sign(&r, &c);
	request_send(&r, &c, &reply);
	request_send(&r, &c, &reply);
	assert_int_equal(reply.code, 0);
	assert_address_error(&reply, IPV6, STUN_FAMILY_NOT_SUPPORTED);
	fixture_destroy(f);
}

static void credential_may_keep_its_holder_off_ipv6(void **state)
{
	struct fixture *f = *state;
	struct client c = new_client(f);
	struct auth_claims claims = claims_of("alice");
	struct reply reply;
	struct addr v4, v6;
	claims.flags = AUTH_NO_IPV6;
	client_mint(&c, &claims, f->clock.wall_s + 600);
	assert_int_equal(allocate(&c, STUN_REQUESTED_ADDRESS_FAMILY, IPV6, &reply),
		STUN_FAMILY_NOT_SUPPORTED);
	assert_int_equal(allocate(&c, STUN_ADDITIONAL_ADDRESS_FAMILY, IPV6, &reply), 0);
	assert_int_equal(relayed(&reply, &v4, &v6), IPV4);
	assert_address_error(&reply, IPV6, STUN_FAMILY_NOT_SUPPORTED);
}

/* ---- Refresh ---- */

static struct client dual_client(struct fixture *f, struct addr *v4, struct addr *v6)
{
	struct client c = new_client(f);
	struct reply reply;
	assert_int_equal(allocate(&c, STUN_ADDITIONAL_ADDRESS_FAMILY, IPV6, &reply), 0);
	assert_int_equal(relayed(&reply, v4, v6), IPV4 | IPV6);
	return c;
}

static void refresh_of_a_family_not_allocated_is_443(void **state)
{
	struct client c = new_client(*state);
	struct reply reply;
	assert_int_equal(client_allocate(&c, NULL), 0);
	assert_int_equal(refresh(&c, IPV6, 600, &reply), STUN_FAMILY_MISMATCH);
	assert_int_equal(refresh(&c, 3, 600, &reply), STUN_FAMILY_MISMATCH);
	assert_int_equal(refresh(&c, IPV6, 0, &reply), STUN_FAMILY_MISMATCH);
	assert_int_equal(refresh(&c, IPV4, 600, &reply), 0);
}

/* §8.1: what hangs on the other family is not touched */
static void refresh_with_zero_lifetime_deletes_one_family_only(void **state)
{
	struct fixture *f = *state;
	struct addr v4, v6;
	struct client c = dual_client(f, &v4, &v6);
	struct reply reply;
	assert_int_equal(client_permit(&c, "198.51.100.7:5000"), 0);
	assert_int_equal(client_bind(&c, 0x4000, "198.51.100.7:5000"), 0);
	assert_int_equal(client_permit(&c, "[2001:db8:2::7]:5000"), 0);
	assert_int_equal(client_bind(&c, 0x4001, "[2001:db8:2::7]:5000"), 0);

	assert_int_equal(refresh(&c, IPV4, 0, &reply), 0);

	assert_int_equal(reply_u32(&reply, STUN_LIFETIME), 0);
	assert_null(wire_find(f, &v4));
	client_channel(&c, 0x4000, "gone", 4);
	assert_silence(f);
	client_channel(&c, 0x4001, "here", 4);
	assert_to_peer(&c, &v6, "[2001:db8:2::7]:5000", "here", 4);
	assert_int_equal(client_permit(&c, "198.51.100.7:5000"), STUN_FAMILY_MISMATCH);
	assert_int_equal(refresh(&c, IPV4, 600, &reply), STUN_FAMILY_MISMATCH);
	assert_int_equal(refresh(&c, IPV6, 0, &reply), 0);
	assert_int_equal(turn_server_allocations(f->server), 0);
}

/* §6, §8.1: each relayed address has its own time; the attribute names whose is meant */
static void refresh_of_one_family_leaves_the_time_of_the_other(void **state)
{
	struct fixture *f = *state;
	struct addr v4, v6;
	struct client c = dual_client(f, &v4, &v6);
	struct reply reply;
	fixture_pass_s(f, 300);
	assert_int_equal(refresh(&c, IPV6, 600, &reply), 0);

	fixture_pass_s(f, 300);

	assert_null(wire_find(f, &v4));
	assert_non_null(wire_find(f, &v6));
	assert_int_equal(turn_server_allocations(f->server), 1);
	assert_int_equal(fixture_count(f, TURN_C_EXPIRED), 0);
	fixture_pass_s(f, 300);
	assert_int_equal(turn_server_allocations(f->server), 0);
	assert_int_equal(fixture_count(f, TURN_C_EXPIRED), 1);
}

/* §8.1: without the attribute both are meant */
static void refresh_without_a_family_serves_both(void **state)
{
	struct fixture *f = *state;
	struct addr v4, v6;
	struct client c = dual_client(f, &v4, &v6);
	fixture_pass_s(f, 500);
	assert_int_equal(client_refresh(&c, 600, NULL), 0);
	fixture_pass_s(f, 599);
	assert_non_null(wire_find(f, &v4));
	assert_non_null(wire_find(f, &v6));
	assert_int_equal(client_refresh(&c, 0, NULL), 0);
	assert_int_equal(turn_server_allocations(f->server), 0);
}

static void one_family_expiring_ends_its_channels_and_permissions(void **state)
{
	struct fixture *f = *state;
	struct addr v4, v6;
	struct client c = dual_client(f, &v4, &v6);
	struct reply reply;
	fixture_pass_s(f, 500);
	assert_int_equal(refresh(&c, IPV6, 600, &reply), 0);
	assert_int_equal(client_bind(&c, 0x4000, "198.51.100.7:5000"), 0);
	assert_int_equal(client_bind(&c, 0x4001, "[2001:db8:2::7]:5000"), 0);

	fixture_pass_s(f, 100);

	client_channel(&c, 0x4000, "gone", 4);
	assert_silence(f);
	client_channel(&c, 0x4001, "here", 4);
	assert_to_peer(&c, &v6, "[2001:db8:2::7]:5000", "here", 4);
}

int main(void)
{
	const struct CMUnitTest t[] = {
#define T(name) cmocka_unit_test_setup_teardown(name, fixture_setup, fixture_teardown)
		T(requested_family_decides_the_relayed_address),
		T(no_requested_family_means_ipv4),
		cmocka_unit_test(family_that_the_node_lacks_is_440),
		T(additional_family_gives_both),
		T(additional_family_by_its_draft_number_gives_both),
		cmocka_unit_test(family_missing_from_a_dual_allocation_is_told),
		cmocka_unit_test(family_without_a_port_in_a_dual_allocation_is_told),
		cmocka_unit_test(retransmission_of_a_partial_success_tells_the_same),
		T(credential_may_keep_its_holder_off_ipv6),
		T(refresh_of_a_family_not_allocated_is_443),
		T(refresh_with_zero_lifetime_deletes_one_family_only),
		T(refresh_of_one_family_leaves_the_time_of_the_other),
		T(refresh_without_a_family_serves_both),
		T(one_family_expiring_ends_its_channels_and_permissions),
	};
	return cmocka_run_group_tests(t, NULL, NULL) != 0;
}
