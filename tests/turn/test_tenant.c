/* SPDX-License-Identifier: BSD-3-Clause */
/* Tenants: whose realm a client is told, whose credentials are good where, whose rules are in
 * force. */
#include "client.h"

#include <stdlib.h>
#include <string.h>

#define RED       7u
#define BLUE      9u
#define INSIDE    "10.1.2.3"
#define ELSEWHERE "192.0.2.77"

static const char *const red_hosts[] = {"red.example", "*.red.example"};
static const char *const blue_hosts[] = {"blue.example", "a.red.example"};

struct box {
	struct fixture *f;
	struct auth_snapshot *auth[2]; /* of red, of blue */
	struct turn_tenant_config tenants[2];
	struct turn_config config; /* as the fixture's, with the tenants */
	struct prefix allow, deny;
	bool has_leases;
};

static struct prefix prefix_of(const char *text)
{
	struct prefix p;
	assert_int_equal(prefix_parse(text, &p), 0);
	return p;
}

static void fill_tenants(struct box *b)
{
	b->allow = prefix_of("10.1.0.0/16");
	b->deny = prefix_of(ELSEWHERE "/32");
	b->tenants[0] = (struct turn_tenant_config){.id = RED,
		.name = "red",
		.auth = b->auth[0],
		.hosts = red_hosts,
		.n_hosts = ARRAY_LEN(red_hosts),
		.default_lifetime_s = 300,
		.max_lifetime_s = 400,
		.max_allocations = 3,
		.subject_allocations = 2,
		.allow = &b->allow,
		.n_allow = 1};
	b->tenants[1] = (struct turn_tenant_config){.id = BLUE,
		.name = "blue",
		.auth = b->auth[1],
		.is_by_key = true,
		.hosts = blue_hosts,
		.n_hosts = ARRAY_LEN(blue_hosts),
		.default_lifetime_s = 600,
		.max_lifetime_s = 3600,
		.deny = &b->deny,
		.n_deny = 1};
}

static struct box *make(bool has_leases)
{
	struct box *b = calloc(1, sizeof(*b));
	struct fixture_config c;
	assert_non_null(b);
	fixture_defaults(&c);
	c.auth.realm = "red.example";
	b->auth[0] = fixture_auth(&c.auth, "the red secret is longer than thirty-two bytes");
	c.auth.realm = "blue.example";
	b->auth[1] = fixture_auth(&c.auth, "the blue secret is longer than thirty-two bytes");
	c.auth.realm = "example.org";
	fill_tenants(b);
	c.turn.tenants = b->tenants;
	c.turn.n_tenants = ARRAY_LEN(b->tenants);
	c.has_leases = has_leases;
	b->f = fixture_create(&c);
	b->config = b->f->config.turn;
	return b;
}

static int setup(void **state)
{
	*state = make(false);
	return 0;
}

static int setup_with_leases(void **state)
{
	*state = make(true);
	return 0;
}

static int teardown(void **state)
{
	struct box *b = *state;
	fixture_destroy(b->f);
	auth_snapshot_put(b->auth[0]);
	auth_snapshot_put(b->auth[1]);
	free(b);
	return 0;
}

/* A client at the door of TENANT with a credential of OWNER's. */
static struct client client_of(struct box *b, uint32_t door, uint32_t owner)
{
	static unsigned n;
	struct client c;
	struct auth_claims claims = claims_of("alice");
	uint64_t now = b->f->clock.wall_s;
	client_init(&c, b->f, "192.0.2.1:40000");
	c.where.addr.port = (uint16_t)(40000 + n++);
	c.where.tenant = door;
	const struct auth_snapshot *auth = owner == RED    ? b->auth[0]
					   : owner == BLUE ? b->auth[1]
							   : b->f->auth;
	assert_int_equal(auth_mint_m1(auth, now, now + 3600, &claims, &c.credential), 0);
	client_challenge(&c);
	return c;
}

static void reload(struct box *b)
{
	struct turn_snapshot *s = fixture_snapshot(b->f, &b->config);
	turn_server_snapshot(b->f->server, s);
	turn_snapshot_put(s);
}

/* ---- the door ---- */

static void challenge_has_the_realm_of_the_door(void **state)
{
	struct box *b = *state;
	assert_string_equal(client_of(b, RED, RED).realm, "red.example");
	assert_string_equal(client_of(b, BLUE, BLUE).realm, "blue.example");
	assert_string_equal(client_of(b, TURN_TENANT_DEFAULT, RED).realm, "example.org");
}

static void credential_serves_at_its_tenants_door(void **state)
{
	struct box *b = *state;
	struct client red = client_of(b, RED, RED), blue = client_of(b, BLUE, BLUE);
	struct client first = client_of(b, TURN_TENANT_DEFAULT, TURN_TENANT_DEFAULT);
	assert_int_equal(client_allocate(&red, NULL), 0);
	assert_int_equal(client_allocate(&blue, NULL), 0);
	assert_int_equal(client_allocate(&first, NULL), 0);
	assert_int_equal(client_refresh(&red, 600, NULL), 0);
}

static void credential_of_another_tenant_is_401(void **state)
{
	static const uint32_t pairs[][2] = {{RED, BLUE}, {BLUE, RED}, {RED, TURN_TENANT_DEFAULT},
		{BLUE, TURN_TENANT_DEFAULT}, {TURN_TENANT_DEFAULT, RED}};
	struct box *b = *state;
	for (size_t i = 0; i < ARRAY_LEN(pairs); i++) {
		struct client c = client_of(b, pairs[i][0], pairs[i][1]);
		assert_int_equal(client_allocate(&c, NULL), STUN_UNAUTHORIZED);
	}
	assert_int_equal(turn_server_allocations(b->f->server), 0);
}

static void nonce_of_another_tenant_is_stale(void **state)
{
	struct box *b = *state;
	struct client red = client_of(b, RED, RED), blue = client_of(b, BLUE, BLUE);
	struct request r;
	struct reply reply;
	strcpy(red.nonce, blue.nonce);
	request_begin_allocate(&r);
	request_sign(&r, &red);
	request_send(&r, &red, &reply);
	assert_int_equal(reply.code, STUN_STALE_NONCE);
}

static void server_name_chooses_without_case(void **state)
{
	struct turn_server *s = ((struct box *)*state)->f->server;
	char much[400];
	assert_int_equal(turn_server_tenant(s, "red.example"), RED);
	assert_int_equal(turn_server_tenant(s, "Blue.Example"), BLUE);
	assert_int_equal(turn_server_tenant(s, "b.red.example"), RED);
	assert_int_equal(turn_server_tenant(s, "a.red.example"), BLUE); /* whole before wildcard */
	assert_int_equal(turn_server_tenant(s, "b.a.red.example"), TURN_TENANT_DEFAULT);
	assert_int_equal(turn_server_tenant(s, "green.example"), TURN_TENANT_DEFAULT);
	assert_int_equal(turn_server_tenant(s, ""), TURN_TENANT_DEFAULT);
	assert_int_equal(turn_server_tenant(s, ".red.example"), TURN_TENANT_DEFAULT);
	memset(much, 'a', sizeof(much));
	much[sizeof(much) - 1] = '\0';
	assert_int_equal(turn_server_tenant(s, much), TURN_TENANT_DEFAULT);
}

/* ---- by key ---- */

/* RFC 8489 §9.2.3: the realm is the one that the client was told, whoever's the password is. */
static void key_of_a_tenant_that_allows_it_serves_at_the_default_door(void **state)
{
	struct box *b = *state;
	struct client c = client_of(b, TURN_TENANT_DEFAULT, BLUE);
	struct addr relayed;
	assert_int_equal(client_allocate(&c, &relayed), 0);
	assert_string_equal(c.realm, "example.org");
	assert_int_equal(client_permit(&c, ELSEWHERE), STUN_FORBIDDEN);
	assert_int_equal(client_refresh(&c, 600, NULL), 0);
}

static void realm_of_the_keys_tenant_is_not_the_doors(void **state)
{
	struct box *b = *state;
	struct client c = client_of(b, TURN_TENANT_DEFAULT, BLUE);
	strcpy(c.realm, "blue.example");
	struct request r;
	struct reply reply;
	request_begin_allocate(&r);
	request_sign(&r, &c);
	request_send(&r, &c, &reply);
	assert_int_equal(reply.code, STUN_UNAUTHORIZED);
}

/* ---- rules ---- */

static void peers_are_the_tenants(void **state)
{
	struct box *b = *state;
	struct client red = client_of(b, RED, RED), blue = client_of(b, BLUE, BLUE);
	struct addr relayed;
	assert_int_equal(client_allocate(&red, NULL), 0);
	assert_int_equal(client_allocate(&blue, &relayed), 0);
	assert_int_equal(client_permit(&red, INSIDE), 0);
	assert_int_equal(client_permit(&red, ELSEWHERE), 0);
	assert_int_equal(client_permit(&blue, INSIDE), STUN_FORBIDDEN);
	assert_int_equal(client_permit(&blue, ELSEWHERE), STUN_FORBIDDEN);
	assert_int_equal(client_bind(&blue, 0x4000, ELSEWHERE ":5000"), STUN_FORBIDDEN);

	client_send(&red, INSIDE ":5000", "hi", 2);
	assert_non_null(wire_take(b->f));
}

static void lifetimes_are_the_tenants(void **state)
{
	struct box *b = *state;
	struct client red = client_of(b, RED, RED), blue = client_of(b, BLUE, BLUE);
	uint32_t granted;
	assert_int_equal(client_allocate(&red, NULL), 0);
	assert_int_equal(client_allocate(&blue, NULL), 0);
	assert_int_equal(client_refresh(&red, 3000, &granted), 0);
	assert_int_equal(granted, 400);
	assert_int_equal(client_refresh(&red, 1, &granted), 0);
	assert_int_equal(granted, 300);
	assert_int_equal(client_refresh(&blue, 3000, &granted), 0);
	assert_int_equal(granted, 3000);
}

/* ---- leases ---- */

static void lease_counts_for_tenant_and_subject(void **state)
{
	struct box *b = *state;
	struct fixture *f = b->f;
	struct client red = client_of(b, RED, RED);
	struct request r;
	struct reply reply;
	request_begin_allocate(&r);
	request_sign(&r, &red);
	request_send(&r, &red, &reply);
	assert_false(reply.is_there);
	assert_int_equal(f->n_asked, 1);
	assert_int_equal(f->asked[0].lease.tenant, RED);
	assert_true(f->asked[0].lease.has_tenant);
	assert_true(f->asked[0].lease.has_subject);
	assert_int_equal(f->asked[0].tenant_limit, 3);
	assert_int_equal(f->asked[0].subject_limit, 2);

	fixture_answer(f, &f->asked[0], true);
	wire_clear(f);
	assert_int_equal(f->n_put, 0);
	assert_int_equal(client_refresh(&red, 0, NULL), 0);
	assert_int_equal(f->n_put, 1);
}

static void refused_lease_is_486_and_nothing_to_give_back(void **state)
{
	struct box *b = *state;
	struct fixture *f = b->f;
	struct client red = client_of(b, RED, RED);
	struct request r;
	struct reply reply;
	request_begin_allocate(&r);
	request_sign(&r, &red);
	request_send(&r, &red, &reply);
	fixture_answer(f, &f->asked[0], false);
	assert_int_equal(fixture_count(f, TURN_C_REFUSED_486), 1);
	wire_clear(f);
	assert_int_equal(f->n_put, 0);
	assert_int_equal(turn_server_allocations(f->server), 0);
}

static void tenant_without_limits_needs_no_lease(void **state)
{
	struct box *b = *state;
	struct client blue = client_of(b, BLUE, BLUE);
	assert_int_equal(client_allocate(&blue, NULL), 0);
	assert_int_equal(b->f->n_asked, 0);
}

/* ---- counters ---- */

static uint64_t counted(struct box *b, uint32_t id, enum turn_tenant_counter row)
{
	return metrics_get(b->f->tenants, id * TURN_T_COUNT + row);
}

static void each_tenant_has_its_counters(void **state)
{
	struct box *b = *state;
	struct client red = client_of(b, RED, RED), blue = client_of(b, BLUE, BLUE);
	struct client by_key = client_of(b, TURN_TENANT_DEFAULT, BLUE);
	assert_int_equal(client_allocate(&red, NULL), 0);
	assert_int_equal(client_allocate(&blue, NULL), 0);
	assert_int_equal(client_allocate(&by_key, NULL), 0);
	assert_int_equal(counted(b, RED, TURN_T_ALLOCATIONS), 1);
	assert_int_equal(counted(b, BLUE, TURN_T_ALLOCATIONS), 2);
	assert_int_equal(counted(b, TURN_TENANT_DEFAULT, TURN_T_ALLOCATIONS), 0);
	/* A challenge is no refusal. */
	assert_int_equal(counted(b, BLUE, TURN_T_REFUSED), 0);

	assert_int_equal(client_permit(&by_key, ELSEWHERE), STUN_FORBIDDEN);
	assert_int_equal(client_permit(&red, INSIDE), 0);
	client_send(&red, INSIDE ":5000", "hello", 5);
	wire_clear(b->f);
	assert_int_equal(client_refresh(&red, 0, NULL), 0);
	assert_int_equal(counted(b, BLUE, TURN_T_REFUSED), 1);
	assert_int_equal(counted(b, RED, TURN_T_REFUSED), 0);
	assert_int_equal(counted(b, RED, TURN_T_ALLOCATIONS), 0);
	assert_int_equal(counted(b, RED, TURN_T_ALLOCATE_OK), 1);
	assert_int_equal(counted(b, RED, TURN_T_TO_PEER), 5);
	assert_int_equal(counted(b, RED, TURN_T_TO_CLIENT), 0);
}

static void tenants_beyond_the_cells_share_the_last(void **state)
{
	struct box *b = *state;
	b->tenants[0].id = 1000000;
	reload(b);
	struct client red = client_of(b, 1000000, RED);
	struct auth_claims claims = claims_of("alice");
	uint64_t now = b->f->clock.wall_s;
	assert_int_equal(auth_mint_m1(b->auth[0], now, now + 60, &claims, &red.credential), 0);
	assert_int_equal(client_allocate(&red, NULL), 0);
	assert_int_equal(counted(b, TURN_TENANT_CELLS_MAX - 1, TURN_T_ALLOCATIONS), 1);
}

/* ---- reload ---- */

static void removed_tenants_allocations_end_and_no_others(void **state)
{
	struct box *b = *state;
	struct client red = client_of(b, RED, RED), blue = client_of(b, BLUE, BLUE);
	struct client by_key = client_of(b, TURN_TENANT_DEFAULT, BLUE);
	assert_int_equal(client_allocate(&red, NULL), 0);
	assert_int_equal(client_allocate(&blue, NULL), 0);
	assert_int_equal(client_allocate(&by_key, NULL), 0);
	b->config.n_tenants = 1;
	reload(b);
	assert_int_equal(turn_server_allocations(b->f->server), 1);
	assert_int_equal(fixture_count(b->f, TURN_C_TENANT_REMOVED), 2);
	assert_int_equal(client_refresh(&red, 300, NULL), 0);
}

/* Ids, not places: what the file has in which order means nothing. */
static void allocation_keeps_its_tenant_when_the_order_changes(void **state)
{
	struct box *b = *state;
	struct client red = client_of(b, RED, RED);
	uint32_t granted;
	assert_int_equal(client_allocate(&red, NULL), 0);
	struct turn_tenant_config swap = b->tenants[0];
	b->tenants[0] = b->tenants[1];
	b->tenants[1] = swap;
	b->tenants[1].max_lifetime_s = 350;
	reload(b);
	assert_int_equal(client_refresh(&red, 3000, &granted), 0);
	assert_int_equal(granted, 350);
	assert_int_equal(client_permit(&red, INSIDE), 0);
	b->tenants[1].n_allow = 0;
	reload(b);
	assert_int_equal(client_permit(&red, INSIDE), STUN_FORBIDDEN);
	client_send(&red, INSIDE ":5000", "hi", 2);
	assert_silence(b->f);
}

static void revocation_is_the_tenants(void **state)
{
	struct box *b = *state;
	struct client red = client_of(b, RED, RED), blue = client_of(b, BLUE, BLUE);
	struct auth_revocation r = {
		.kind = AUTH_REVOKE_SUBJECT, .until_s = b->f->clock.wall_s + 3600};
	struct auth_snapshot *auth;
	struct auth_claims claims = claims_of("alice");
	assert_int_equal(client_allocate(&red, NULL), 0);
	assert_int_equal(client_allocate(&blue, NULL), 0);
	memcpy(r.id, claims.subject, AUTH_SUBJECT_LEN);
	assert_int_equal(auth_snapshot_with_revocations(b->auth[0], &r, 1, &auth), 0);
	b->tenants[0].auth = auth;
	reload(b);
	auth_snapshot_put(auth);
	assert_int_equal(fixture_count(b->f, TURN_C_REVOKED), 1);
	assert_int_equal(client_refresh(&blue, 600, NULL), 0);
}

static void waiting_request_of_a_removed_tenant_gives_its_lease_back(void **state)
{
	struct box *b = *state;
	struct fixture *f = b->f;
	struct client red = client_of(b, RED, RED);
	struct request r;
	struct reply reply;
	request_begin_allocate(&r);
	request_sign(&r, &red);
	request_send(&r, &red, &reply);
	b->config.tenants = &b->tenants[1];
	b->config.n_tenants = 1;
	reload(b);
	assert_int_equal(turn_server_allocations(f->server), 0);
	fixture_answer(f, &f->asked[0], true);
	assert_int_equal(f->n_put, 1);
	assert_silence(f);
}

/* ---- configurations ---- */

static void one_host_or_key_for_two_tenants_is_refused(void **state)
{
	struct box *b = *state;
	struct turn_snapshot *s = NULL;
	b->tenants[0].hosts = blue_hosts;
	assert_int_equal(turn_snapshot_create(&b->config, b->f->auth, &s), ERR_EXISTS);
	b->tenants[0].n_hosts = 0;
	b->tenants[0].auth = b->auth[1];
	b->tenants[0].is_by_key = true;
	assert_int_equal(turn_snapshot_create(&b->config, b->f->auth, &s), ERR_EXISTS);
	assert_null(s);
}

#define TEST(fn)   cmocka_unit_test_setup_teardown(fn, setup, teardown)
#define LEASES(fn) cmocka_unit_test_setup_teardown(fn, setup_with_leases, teardown)

int main(void)
{
	const struct CMUnitTest t[] = {
		TEST(challenge_has_the_realm_of_the_door),
		TEST(credential_serves_at_its_tenants_door),
		TEST(credential_of_another_tenant_is_401),
		TEST(nonce_of_another_tenant_is_stale),
		TEST(server_name_chooses_without_case),
		TEST(key_of_a_tenant_that_allows_it_serves_at_the_default_door),
		TEST(realm_of_the_keys_tenant_is_not_the_doors),
		TEST(peers_are_the_tenants),
		TEST(lifetimes_are_the_tenants),
		LEASES(lease_counts_for_tenant_and_subject),
		LEASES(refused_lease_is_486_and_nothing_to_give_back),
		LEASES(tenant_without_limits_needs_no_lease),
		TEST(each_tenant_has_its_counters),
		TEST(tenants_beyond_the_cells_share_the_last),
		TEST(removed_tenants_allocations_end_and_no_others),
		TEST(allocation_keeps_its_tenant_when_the_order_changes),
		TEST(revocation_is_the_tenants),
		LEASES(waiting_request_of_a_removed_tenant_gives_its_lease_back),
		TEST(one_host_or_key_for_two_tenants_is_refused),
	};
	return cmocka_run_group_tests(t, NULL, NULL) != 0;
}
