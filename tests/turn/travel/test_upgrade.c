/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * All of a server's allocations into another process: two workers that are left, two that take over
 * from them, on wires of their own.
 */
#include <sallyport/turn/handover.h>

#include "../client.h"

#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#define PEER    "198.51.100.7:5000"
#define CHANNEL 0x4001
#define WORKERS 2
#define MOST    16

struct world {
	struct fixture *old[WORKERS], *new[WORKERS];
	struct client c;
	struct addr relayed;
	/* What was packed. */
	struct turn_parcel parcels[MOST];
	size_t n_parcels;
	int refuse_after; /* parcels; negative: none */
	/* What was counted. */
	struct turn_lease leases[MOST];
	size_t n_leases;
	int count_code;
};

static void make_with(struct world *w, const struct fixture_config *c)
{
	memset(w, 0, sizeof(*w));
	w->refuse_after = -1;
	fixture_create_joined(c, w->old, WORKERS);
	fixture_create_joined(c, w->new, WORKERS);
	client_init(&w->c, w->old[0], "192.0.2.1:40000");
}

static void make(struct world *w)
{
	struct fixture_config c;
	fixture_defaults(&c);
	make_with(w, &c);
}

static void destroy(struct world *w)
{
	for (size_t i = 0; i < w->n_parcels; i++)
		turn_parcel_fini(&w->parcels[i]);
	for (int i = 0; i < WORKERS; i++) {
		fixture_destroy(w->old[i]);
		fixture_destroy(w->new[i]);
	}
}

static int keep(void *arg, const struct turn_parcel *p)
{
	struct world *w = arg;
	struct turn_parcel *to = &w->parcels[w->n_parcels];
	if (w->refuse_after >= 0 && w->n_parcels >= (size_t)w->refuse_after)
		return ERR_FULL;
	assert_true(w->n_parcels < MOST && p->len <= TURN_PARCEL_MAX);
	*to = *p;
	to->data = malloc(p->len);
	assert_non_null(to->data);
	memcpy(to->data, p->data, p->len);
	for (size_t i = 0; i < TURN_PARCEL_FDS; i++)
		to->fds[i] = p->fds[i] >= 0 ? dup(p->fds[i]) : -1;
	w->n_parcels++;
	return 0;
}

static int count(void *arg, const struct turn_lease *lease, struct turn_lease_grant *grant)
{
	struct world *w = arg;
	w->leases[w->n_leases++] = *lease;
	return w->count_code;
}

static int unpack(struct world *w, unsigned worker, size_t i)
{
	return turn_server_unpack(w->new[worker]->server, &w->parcels[i], count, w);
}

static void hand_over(struct world *w)
{
	for (unsigned i = 0; i < WORKERS; i++) {
		size_t first = w->n_parcels;
		assert_int_equal(turn_server_pack(w->old[i]->server, keep, w), 0);
		for (size_t k = first; k < w->n_parcels; k++)
			assert_int_equal(unpack(w, i, k), 0);
	}
	for (unsigned i = 0; i < WORKERS; i++)
		turn_server_leave(w->old[i]->server);
}

/* The client notices nothing. */
static void goes_on_in_the_new_one(struct client *c, struct fixture *f)
{
	c->f = f;
	c->where.port = f->listener4;
}

static void allocation_goes_on_as_if_nothing_had_been(void **state)
{
	struct world w;
	struct addr peer = at(PEER);
	uint32_t granted;
	make(&w);
	assert_int_equal(client_allocate(&w.c, &w.relayed), 0);
	assert_int_equal(client_bind(&w.c, CHANNEL, PEER), 0);
	assert_int_equal(client_permit(&w.c, "198.51.100.8"), 0);
	hand_over(&w);
	assert_int_equal(turn_server_allocations(w.old[0]->server), 0);
	assert_null(wire_find(w.old[0], &w.relayed));
	goes_on_in_the_new_one(&w.c, w.new[0]);

	client_channel(&w.c, CHANNEL, "up", 2);
	assert_to_peer(&w.c, &w.relayed, PEER, "up", 2);
	wire_from_peer(w.new[0], &w.relayed, &peer, "down", 4);
	assert_channel(&w.c, CHANNEL, "down", 4);
	client_send(&w.c, "198.51.100.8:9", "x", 1);
	assert_to_peer(&w.c, &w.relayed, "198.51.100.8:9", "x", 1);
	assert_int_equal(client_refresh(&w.c, 700, &granted), 0);
	assert_int_equal(granted, 700);
	assert_silence(w.old[0]);
	destroy(&w);
}

/* The port is one of the pool, and goes back there. */
static void port_number_is_taken_until_the_allocation_ends(void **state)
{
	struct world w;
	struct fixture_config config;
	struct addr relayed;
	fixture_defaults(&config);
	config.turn.last_port = PORT_MIN + 3; /* two for each worker */
	make_with(&w, &config);
	assert_int_equal(client_allocate(&w.c, &w.relayed), 0);
	hand_over(&w);
	goes_on_in_the_new_one(&w.c, w.new[0]);
	struct client other = w.c;
	other.where.addr.port++;
	assert_int_equal(client_allocate(&other, &relayed), 0);
	assert_int_not_equal(relayed.port, w.relayed.port);
	other.where.addr.port++;
	assert_int_equal(client_allocate(&other, NULL), STUN_INSUFFICIENT_CAPACITY);

	assert_int_equal(client_refresh(&w.c, 0, NULL), 0);

	assert_int_equal(client_allocate(&other, &relayed), 0);
	assert_int_equal(relayed.port, w.relayed.port);
	destroy(&w);
}

/* Tickets name allocations by their ids. */
static void no_new_allocation_has_the_id_of_an_old_one(void **state)
{
	struct world w;
	struct request r;
	struct reply reply;
	struct stun_attr a;
	char ticket[33] = "";
	make(&w);
	for (int i = 0; i < 3; i++) {
		struct client c = w.c;
		c.where.addr.port = (uint16_t)(41000 + i);
		request_begin_allocate(&r);
		stun_write_bytes(&r.w, STUN_MOBILITY_TICKET, "", 0);
		assert_int_equal(client_ask(&c, &r, &reply), 0);
	}
	assert_true(stun_attr_find(&reply.msg, STUN_MOBILITY_TICKET, &a));
	memcpy(ticket, a.value, 32);
	hand_over(&w);
	goes_on_in_the_new_one(&w.c, w.new[0]);
	for (int i = 0; i < 4; i++) {
		struct client c = w.c;
		c.where.addr.port = (uint16_t)(42000 + i);
		request_begin_allocate(&r);
		stun_write_bytes(&r.w, STUN_MOBILITY_TICKET, "", 0);
		assert_int_equal(client_ask(&c, &r, &reply), 0);
	}

	/* The old ticket moves the old allocation, which is the third, and no other. */
	request_begin(&r, STUN_REFRESH);
	stun_write_u32(&r.w, STUN_LIFETIME, 0);
	stun_write_bytes(&r.w, STUN_MOBILITY_TICKET, ticket, 32);
	client_challenge(&w.c);
	request_sign(&r, &w.c);
	request_send(&r, &w.c, &reply);
	for (int i = 0; i < 4; i++)
		fixture_deliver(w.new[i % WORKERS]);
	wire_clear(w.new[0]);
	assert_int_equal(turn_server_allocations(w.new[0]->server), 3 + 4 - 1);
	struct client third = w.c;
	third.where.addr.port = 41002;
	assert_int_equal(client_refresh(&third, 0, NULL), STUN_ALLOCATION_MISMATCH);
	destroy(&w);
}

static void what_an_allocation_counts_under_is_counted_again(void **state)
{
	struct world w;
	struct fixture_config config;
	struct turn_lease_grant granted = {0};
	struct request r;
	struct reply reply;
	fixture_defaults(&config);
	config.has_leases = true;
	config.turn.subject_allocations = 1;
	make_with(&w, &config);
	client_challenge(&w.c);
	request_begin_allocate(&r);
	request_sign(&r, &w.c);
	request_send(&r, &w.c, &reply);
	turn_lease_answer(w.old[0]->server, &w.old[0]->asked[0], &granted);
	wire_clear(w.old[0]);

	hand_over(&w);

	assert_int_equal(w.n_leases, 1);
	assert_true(w.leases[0].has_subject);
	assert_memory_equal(
		w.leases[0].subject, w.old[0]->asked[0].lease.subject, AUTH_SUBJECT_LEN);
	assert_int_equal(w.old[0]->n_put, 0); /* it goes on */
	goes_on_in_the_new_one(&w.c, w.new[0]);
	assert_int_equal(client_refresh(&w.c, 0, NULL), 0);
	assert_int_equal(w.new[0]->n_put, 1);
	destroy(&w);
}

static void what_cannot_be_counted_is_not_made(void **state)
{
	struct world w;
	struct fixture_config config;
	struct turn_lease_grant granted = {0};
	struct request r;
	struct reply reply;
	fixture_defaults(&config);
	config.has_leases = true;
	config.turn.subject_allocations = 1;
	make_with(&w, &config);
	client_challenge(&w.c);
	request_begin_allocate(&r);
	request_sign(&r, &w.c);
	request_send(&r, &w.c, &reply);
	turn_lease_answer(w.old[0]->server, &w.old[0]->asked[0], &granted);
	wire_clear(w.old[0]);
	assert_int_equal(turn_server_pack(w.old[0]->server, keep, &w), 0);
	w.count_code = ERR_FULL;

	assert_int_equal(unpack(&w, 0, 0), ERR_FULL);

	assert_int_equal(turn_server_allocations(w.new[0]->server), 0);
	assert_int_equal(turn_server_allocations(w.old[0]->server), 1);
	destroy(&w);
}

/* EVEN-PORT with R: the token is good in the new process, on any worker. */
static void reserved_port_goes_along(void **state)
{
	struct world w;
	struct request r;
	struct reply reply;
	struct addr relayed;
	uint8_t token[8];
	make(&w);
	assert_int_equal(client_reserve(&w.c, &w.relayed, token), 0);
	hand_over(&w);
	struct client claimer = w.c;
	goes_on_in_the_new_one(&claimer, w.new[0]);
	claimer.where.addr.port++;
	claimer.nonce[0] = '\0';

	request_claim(&r, &claimer, token);
	request_send(&r, &claimer, &reply);

	assert_int_equal(reply.code, 0);
	assert_true(reply_address(&reply, STUN_XOR_RELAYED_ADDRESS, 0, &relayed));
	assert_int_equal(relayed.port, w.relayed.port + 1);
	destroy(&w);
}

/* What is left of the thirty seconds is what is left. */
static void reserved_port_ends_on_time(void **state)
{
	struct world w;
	uint8_t token[8];
	make(&w);
	assert_int_equal(client_reserve(&w.c, &w.relayed, token), 0);
	for (int i = 0; i < WORKERS; i++)
		fixture_pass_s(w.old[i], 20);
	hand_over(&w);
	w.relayed.port++;
	fixture_pass_s(w.new[0], 9);
	assert_non_null(wire_find(w.new[0], &w.relayed));
	fixture_pass_s(w.new[0], 2);
	assert_null(wire_find(w.new[0], &w.relayed));
	destroy(&w);
}

/* Its connection cannot go, so it does not either. */
static void client_on_a_connection_stays(void **state)
{
	struct world w;
	make(&w);
	w.c.where.port = w.old[0]->inside4;
	w.c.where.transport = AUTH_TCP;
	assert_int_equal(client_allocate(&w.c, &w.relayed), 0);
	assert_int_equal(client_permit(&w.c, "198.51.100.7"), 0);

	hand_over(&w);

	assert_int_equal(w.n_parcels, 0);
	client_send(&w.c, PEER, "x", 1);
	assert_to_peer(&w.c, &w.relayed, PEER, "x", 1);
	destroy(&w);
}

/* Its connection has ended, and it waits for its client: that may come to the new process. */
static void allocation_that_waits_for_its_client_goes_along(void **state)
{
	struct world w;
	struct request r;
	struct reply reply;
	struct stun_attr a;
	char ticket[33] = "";
	make(&w);
	w.c.where.port = w.old[0]->inside4;
	w.c.where.transport = AUTH_TCP;
	request_begin_allocate(&r);
	stun_write_bytes(&r.w, STUN_MOBILITY_TICKET, "", 0);
	assert_int_equal(client_ask(&w.c, &r, &reply), 0);
	assert_true(reply_address(&reply, STUN_XOR_RELAYED_ADDRESS, 0, &w.relayed));
	assert_true(stun_attr_find(&reply.msg, STUN_MOBILITY_TICKET, &a));
	memcpy(ticket, a.value, 32);
	assert_int_equal(client_bind(&w.c, CHANNEL, PEER), 0);
	turn_client_closed(w.old[0]->server, w.c.where.port, &w.c.where.addr);

	hand_over(&w);

	assert_int_equal(turn_server_allocations(w.old[0]->server), 0);
	assert_int_equal(turn_server_allocations(w.new[0]->server), 1);
	struct client back = w.c;
	goes_on_in_the_new_one(&back, w.new[1]);
	back.where.transport = AUTH_UDP;
	request_begin(&r, STUN_REFRESH);
	stun_write_bytes(&r.w, STUN_MOBILITY_TICKET, ticket, 32);
	client_challenge(&back);
	request_sign(&r, &back);
	request_send(&r, &back, &reply);
	for (int i = 0; i < 4; i++)
		fixture_deliver(w.new[i % WORKERS]);
	wire_clear(w.new[1]);
	client_channel(&back, CHANNEL, "x", 1);
	for (int i = 0; i < 4; i++)
		fixture_deliver(w.new[i % WORKERS]);
	assert_to_peer(&back, &w.relayed, PEER, "x", 1);
	destroy(&w);
}

static void copies_leave_the_original_alone(void **state)
{
	struct world w;
	make(&w);
	assert_int_equal(client_allocate(&w.c, &w.relayed), 0);
	assert_int_equal(client_bind(&w.c, CHANNEL, PEER), 0);
	assert_int_equal(turn_server_pack(w.old[0]->server, keep, &w), 0);
	assert_int_equal(w.n_parcels, 1);
	client_channel(&w.c, CHANNEL, "up", 2);
	assert_to_peer(&w.c, &w.relayed, PEER, "up", 2);
	destroy(&w);
}

static void packing_ends_with_the_first_failure(void **state)
{
	struct world w;
	make(&w);
	for (int i = 0; i < 3; i++) {
		struct client c = w.c;
		c.where.addr.port = (uint16_t)(41000 + i);
		assert_int_equal(client_allocate(&c, NULL), 0);
	}
	w.refuse_after = 1;
	assert_int_equal(turn_server_pack(w.old[0]->server, keep, &w), ERR_FULL);
	w.refuse_after = -1;
	w.old[0]->fail_copy = true;
	assert_true(turn_server_pack(w.old[0]->server, keep, &w) < 0);
	assert_int_equal(turn_server_allocations(w.old[0]->server), 3);
	destroy(&w);
}

static void same_parcel_is_taken_once(void **state)
{
	struct world w;
	make(&w);
	assert_int_equal(client_allocate(&w.c, NULL), 0);
	assert_int_equal(turn_server_pack(w.old[0]->server, keep, &w), 0);
	assert_int_equal(unpack(&w, 0, 0), 0);
	assert_int_equal(unpack(&w, 0, 0), ERR_EXISTS);
	assert_int_equal(turn_server_allocations(w.new[0]->server), 1);
	destroy(&w);
}

/* The new configuration has another range of ports. */
static void allocation_that_does_not_fit_is_refused(void **state)
{
	struct world w;
	struct fixture_config other;
	make(&w);
	assert_int_equal(client_allocate(&w.c, NULL), 0);
	assert_int_equal(turn_server_pack(w.old[0]->server, keep, &w), 0);
	for (int i = 0; i < WORKERS; i++)
		fixture_destroy(w.new[i]);
	fixture_defaults(&other);
	other.turn.first_port = 40000;
	other.turn.last_port = 40099;
	fixture_create_joined(&other, w.new, WORKERS);

	assert_int_equal(unpack(&w, 0, 0), ERR_CONFIG);

	assert_int_equal(turn_server_allocations(w.new[0]->server), 0);
	destroy(&w);
}

#define T(f) cmocka_unit_test(f)

int main(void)
{
	const struct CMUnitTest t[] = {
		T(allocation_goes_on_as_if_nothing_had_been),
		T(port_number_is_taken_until_the_allocation_ends),
		T(no_new_allocation_has_the_id_of_an_old_one),
		T(what_an_allocation_counts_under_is_counted_again),
		T(what_cannot_be_counted_is_not_made),
		T(reserved_port_goes_along),
		T(reserved_port_ends_on_time),
		T(client_on_a_connection_stays),
		T(allocation_that_waits_for_its_client_goes_along),
		T(copies_leave_the_original_alone),
		T(packing_ends_with_the_first_failure),
		T(same_parcel_is_taken_once),
		T(allocation_that_does_not_fit_is_refused),
	};
	int n_failed = cmocka_run_group_tests_name("sockets", t, NULL, NULL);
	fixture_without_sockets();
	n_failed += cmocka_run_group_tests_name("no sockets", t, NULL, NULL);
	return n_failed != 0;
}
