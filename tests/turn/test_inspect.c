/* SPDX-License-Identifier: BSD-3-Clause */
/* An operator's look at allocations: filters, pages, copies, and the end of some. */
#include "client.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sallyport/turn/inspect.h>

#define N    5
#define BOB  "bob"
#define PEER "198.51.100.7:5000"

/* N clients, the ids of their allocations ascending; ports 40000 up. */
static void allocate_all(struct fixture *f, struct client c[N])
{
	char text[32];

	for (unsigned i = 0; i < N; i++) {
		snprintf(text, sizeof(text), "192.0.2.%u:%u", i + 1, 40000 + i);
		client_init(&c[i], f, text);
		assert_int_equal(client_allocate(&c[i], NULL), 0);
	}
}

static struct turn_address_filter address_filter(const char *prefix, uint16_t port)
{
	struct turn_address_filter f = {.is_set = true, .port = port};

	assert_int_equal(prefix_parse(prefix, &f.prefix), 0);
	return f;
}

static struct turn_page *ask(struct fixture *f, const struct turn_question *q)
{
	struct turn_page *p = turn_server_inspect(f->server, q);

	assert_non_null(p);
	return p;
}

/* How many match FILTER. */
static uint64_t count(struct fixture *f, const struct turn_filter *filter)
{
	struct turn_page *p = ask(f, &(struct turn_question){.filter = *filter});
	uint64_t n = p->n_matched;

	free(p);
	return n;
}

static void pages_go_through_all_by_id_and_each_once(void **state)
{
	struct client c[N];
	struct turn_question q = {.limit = 2};
	uint64_t seen = 0;

	allocate_all(*state, c);
	for (unsigned page = 0; page < 3; page++) {
		struct turn_page *p = ask(*state, &q);
		assert_int_equal(p->n_matched, N - seen);
		assert_int_equal(p->n_infos, page < 2 ? 2 : 1);
		for (size_t i = 0; i < p->n_infos; i++) {
			assert_true(p->infos[i].id > q.after);
			q.after = p->infos[i].id;
			seen++;
		}
		free(p);
	}

	assert_int_equal(seen, N);
	struct turn_page *p = ask(*state, &q);
	assert_int_equal(p->n_infos, 0);
	free(p);
}

static void info_says_what_the_allocation_is(void **state)
{
	struct fixture *f = *state;
	struct client c;
	struct addr relayed, client = at("192.0.2.1:40000");

	client_init(&c, f, "192.0.2.1:40000");
	assert_int_equal(client_allocate(&c, &relayed), 0);
	assert_int_equal(client_bind(&c, 0x4001, PEER), 0);
	client_channel(&c, 0x4001, "hello", 5);
	wire_clear(f);
	fixture_pass_s(f, 60);
	struct turn_page *p = ask(f, &(struct turn_question){.limit = 1, .has_peers = true});
	const struct turn_alloc_info *i = &p->infos[0];

	assert_true(addr_equal(&i->client, &client));
	assert_true(addr_equal(&i->listener, &f->listener4->local));
	assert_true(addr_equal(&i->relays[0], &relayed));
	assert_int_equal(i->relays[1].family, ADDR_NONE);
	assert_int_equal(i->age_s, 60);
	assert_int_equal(i->expires_in_s, 540);
	assert_int_equal(i->packets[FLOW_UP], 1);
	assert_int_equal(i->bytes[FLOW_UP], 5);
	assert_string_equal(i->username, c.credential.username);
	assert_string_equal(i->kid, c.credential.kid);
	assert_int_equal(i->n_channels, 1);
	assert_int_equal(p->n_peers, 2); /* the channel and its permission */
	assert_int_equal(p->peers[0].channel, 0);
	assert_int_equal(p->peers[0].expires_in_s, 240);
	assert_int_equal(p->peers[1].channel, 0x4001);
	assert_int_equal(p->peers[1].expires_in_s, 540);
	free(p);
}

static void filters_take_prefixes_and_ports(void **state)
{
	struct fixture *f = *state;
	struct client c[N];

	allocate_all(f, c);
	assert_int_equal(client_permit(&c[1], "198.51.100.9"), 0);
	assert_int_equal(client_bind(&c[2], 0x4000, PEER), 0);

	assert_int_equal(count(f, &(struct turn_filter){0}), N);
	assert_int_equal(
		count(f, &(struct turn_filter){.client = address_filter("192.0.2.0/24", 0)}), N);
	assert_int_equal(
		count(f, &(struct turn_filter){.client = address_filter("192.0.2.0/24", 40003)}),
		1);
	assert_int_equal(
		count(f, &(struct turn_filter){.client = address_filter("192.0.2.9", 0)}), 0);
	assert_int_equal(count(f, &(struct turn_filter){.relay = address_filter(RELAY4, 0)}), N);
	assert_int_equal(
		count(f, &(struct turn_filter){.peer = address_filter("198.51.100.0/24", 0)}), 2);
	assert_int_equal(
		count(f, &(struct turn_filter){.peer = address_filter("198.51.100.7", 5000)}), 1);
	assert_int_equal(
		count(f, &(struct turn_filter){.peer = address_filter("198.51.100.9", 5000)}), 0);
}

static void filters_take_subject_id_and_listener(void **state)
{
	struct fixture *f = *state;
	struct client c[N], bob;
	struct auth_claims claims = claims_of(BOB);
	struct turn_filter by_subject = {.has_subject = true};
	struct turn_filter by_listener = {.has_listeners = true, .n_listeners = 1};

	allocate_all(f, c);
	client_init(&bob, f, "[2001:db8::9]:40000");
	client_mint(&bob, &claims, START_WALL_S + 3600);
	assert_int_equal(client_allocate(&bob, NULL), 0);
	memcpy(by_subject.subject, claims.subject, AUTH_SUBJECT_LEN);
	by_listener.listeners[0] = (struct turn_listener_filter){f->listener6->local, AUTH_UDP};

	struct turn_page *p =
		ask(f, &(struct turn_question){.filter = by_subject, .limit = TURN_PAGE_MAX});
	assert_int_equal(p->n_infos, 1);
	assert_true(addr_equal(&p->infos[0].client, &bob.where.addr));
	assert_int_equal(count(f, &(struct turn_filter){.id = p->infos[0].id}), 1);
	assert_int_equal(count(f, &(struct turn_filter){.id = p->infos[0].id + 1}), 0);
	assert_int_equal(count(f, &by_listener), 1);
	by_listener.listeners[0].transport = AUTH_TCP;
	assert_int_equal(count(f, &by_listener), 0);
	free(p);
}

static void killing_ends_what_matches_and_nothing_else(void **state)
{
	struct fixture *f = *state;
	struct client c[N];
	struct turn_question q = {.limit = 1, .ends_them = true};

	allocate_all(f, c);
	q.filter.client = address_filter("192.0.2.2/31", 0); /* the second and the third */
	struct turn_page *p = ask(f, &q);
	assert_int_equal(p->n_matched, 2);
	free(p);

	assert_int_equal(turn_server_allocations(f->server), N - 2);
	assert_int_equal(fixture_count(f, TURN_C_KILLED), 2);
	assert_int_equal(client_refresh(&c[1], 600, NULL), STUN_ALLOCATION_MISMATCH);
	assert_int_equal(client_refresh(&c[0], 600, NULL), 0);
}

static void page_larger_than_what_there_is_has_all(void **state)
{
	struct client c[N];

	allocate_all(*state, c);
	struct turn_page *p = ask(*state, &(struct turn_question){.limit = TURN_PAGE_MAX});

	assert_int_equal(p->n_infos, N);
	for (size_t i = 1; i < p->n_infos; i++)
		assert_true(p->infos[i - 1].id < p->infos[i].id);
	free(p);
}

/* A connection may be without a permission: the client asked for it. */
static void connections_with_peers_are_seen_and_matched(void **state)
{
	struct fixture *f = *state;
	struct auth_claims claims = claims_of("alice");
	struct turn_question q = {.limit = 1, .has_peers = true};
	struct turn_filter other = {.peer = address_filter("198.51.100.7/32", 5001)};
	struct addr peer = at(PEER);
	struct client c;
	struct request r;
	struct reply reply;

	client_init(&c, f, "192.0.2.1:40000");
	c.where.transport = AUTH_TCP;
	claims.flags = AUTH_TCP_RELAY;
	client_mint(&c, &claims, f->clock.wall_s + 3600);
	request_begin(&r, STUN_ALLOCATE);
	stun_write_transport(&r.w, 6);
	assert_int_equal(client_ask(&c, &r, &reply), 0);
	request_begin(&r, STUN_CONNECT);
	stun_write_xor_address(&r.w, STUN_XOR_PEER_ADDRESS, &peer);
	request_sign(&r, &c);
	request_send(&r, &c, &reply);

	q.filter.peer = address_filter("198.51.100.7/32", 5000);
	struct turn_page *p = ask(f, &q);
	assert_int_equal(p->n_matched, 1);
	assert_true(p->infos[0].is_tcp);
	assert_int_equal(p->infos[0].n_connections, 1);
	assert_int_equal(p->n_peers, 1);
	assert_true(p->peers[0].is_connection);
	assert_true(addr_equal(&p->peers[0].peer, &peer));
	free(p);
	assert_int_equal(count(f, &other), 0);
}

int main(void)
{
#define T(f) cmocka_unit_test_setup_teardown(f, fixture_setup, fixture_teardown)
	const struct CMUnitTest t[] = {
		T(pages_go_through_all_by_id_and_each_once),
		T(info_says_what_the_allocation_is),
		T(filters_take_prefixes_and_ports),
		T(filters_take_subject_id_and_listener),
		T(killing_ends_what_matches_and_nothing_else),
		T(page_larger_than_what_there_is_has_all),
		T(connections_with_peers_are_seen_and_matched),
	};
#undef T
	return cmocka_run_group_tests(t, NULL, NULL) != 0;
}
