/* SPDX-License-Identifier: BSD-3-Clause */
/* The server as a whole: everything ends by itself, 5-tuples are apart, a reload, the counters'
 * tables. */
#include "client.h"

#include <string.h>

#define PEER "198.51.100.7:5000"

static struct client new_client(struct fixture *f, const char *text)
{
	struct client c;
	client_init(&c, f, text);
	return c;
}

/* Each client allocates every kind of thing and is never heard of again. */
static void everything_ends_by_itself(void **state)
{
	struct fixture_config config;
	fixture_defaults(&config);
	config.turn.last_port = PORT_MIN + 15;
	struct fixture *f = fixture_create(&config);
	for (int round = 0; round < 3; round++) {
		for (unsigned i = 0; i < 8; i++) {
			struct client c = new_client(f, "192.0.2.1:40000");
			struct addr relayed;
			uint8_t token[8];
			c.where.addr.port = (uint16_t)(40000 + i);
			/* All numbers are there again in each round. */
			assert_int_equal(client_reserve(&c, &relayed, token), 0);
			assert_int_equal(client_permit(&c, "198.51.100.9"), 0);
			assert_int_equal(client_bind(&c, 0x4000, PEER), 0);
			assert_int_equal(client_refresh(&c, 3600, NULL), 0);
		}
		assert_int_equal(fixture_count(f, TURN_C_ALLOCATIONS), 8);
		assert_int_equal(f->n_ports, 3 + 16);
		/* An allocation, a permission of either kind, a channel, a reservation each. */
		assert_int_equal(f->wheel.count, 8 * 5);
		fixture_pass_s(f, 30);
		assert_int_equal(f->wheel.count, 8 * 4);
		fixture_pass_s(f, 270);
		assert_int_equal(f->wheel.count, 8 * 2);
		fixture_pass_s(f, 300);
		assert_int_equal(f->wheel.count, 8);
		fixture_pass_s(f, 3000);
		assert_int_equal(f->wheel.count, 0);
		assert_int_equal(f->n_ports, 3);
		assert_int_equal(fixture_count(f, TURN_C_ALLOCATIONS), 0);
		assert_int_equal(turn_server_allocations(f->server), 0);
		assert_int_equal(fixture_count(f, TURN_C_EXPIRED), 8 * (round + 1));
		assert_silence(f);
	}
	fixture_destroy(f);
}

/* The clock may step far, as after a suspended night. */
static void long_step_of_the_clock_ends_everything_at_once(void **state)
{
	struct fixture *f = *state;
	struct client c = new_client(f, "192.0.2.1:40000");
	assert_int_equal(client_allocate(&c, NULL), 0);
	assert_int_equal(client_bind(&c, 0x4000, PEER), 0);
	fixture_pass_s(f, 100 * 3600);
	assert_int_equal(f->wheel.count, 0);
	assert_int_equal(f->n_ports, 3);
}

/* RFC 8656 §3: an allocation belongs to its 5-tuple; whoever differs in one part is a stranger. */
static void neighbours_of_a_tuple_have_no_part_in_it(void **state)
{
	struct fixture *f = *state;
	struct client c = new_client(f, "192.0.2.1:40000");
	struct client others[4];
	assert_int_equal(client_allocate(&c, NULL), 0);
	assert_int_equal(client_bind(&c, 0x4000, PEER), 0);
	for (size_t i = 0; i < ARRAY_LEN(others); i++)
		others[i] = c; /* the same credential, too */
	others[0].where.addr = at("192.0.2.1:40001");
	others[1].where.addr = at("192.0.2.2:40000");
	others[2].where.port = f->inside4;
	others[3].where.port = f->listener6;
	others[3].where.addr = at("[2001:db8::7]:40000");
	for (size_t i = 0; i < ARRAY_LEN(others); i++) {
		struct client *o = &others[i];
		assert_int_equal(client_refresh(o, 0, NULL), STUN_ALLOCATION_MISMATCH);
		assert_int_equal(client_permit(o, PEER), STUN_ALLOCATION_MISMATCH);
		assert_int_equal(client_bind(o, 0x4000, PEER), STUN_ALLOCATION_MISMATCH);
		client_send(o, PEER, "x", 1);
		client_channel(o, 0x4000, "x", 1);
		assert_silence(f);
	}
	assert_int_equal(turn_server_allocations(f->server), 1);
}

/* A reload changes what is granted from then on and ends nothing. */
static void reload_changes_limits_and_keeps_allocations(void **state)
{
	struct fixture *f = *state;
	struct client c = new_client(f, "192.0.2.1:40000");
	struct client d = new_client(f, "192.0.2.1:40001");
	struct turn_config config = f->config.turn;
	uint32_t granted;
	assert_int_equal(client_allocate(&c, NULL), 0);
	assert_int_equal(client_bind(&c, 0x5000, PEER), 0);
	config.default_lifetime_s = 300;
	config.max_lifetime_s = 400;
	config.max_channels = 1;
	config.strict_channels = true;
	struct turn_snapshot *s = fixture_snapshot(f, &config);
	turn_server_snapshot(f->server, s);
	turn_snapshot_put(s);

	assert_int_equal(client_allocate(&d, NULL), 0);
	assert_int_equal(client_bind(&c, 0x4000, "198.51.100.7:5001"), STUN_INSUFFICIENT_CAPACITY);
	assert_int_equal(client_bind(&c, 0x5000, PEER), STUN_BAD_REQUEST);
	client_channel(&c, 0x5000, "x", 1);
	assert_non_null(wire_take(f)); /* it was bound before */
	assert_int_equal(client_refresh(&c, 3600, &granted), 0);
	assert_int_equal(granted, 400);
}

/* Packets are the least thing to lose; each is counted. */
static void answers_without_a_buffer_are_dropped_and_counted(void **state)
{
	struct fixture *f = *state;
	struct client c = new_client(f, "192.0.2.1:40000");
	struct net_icmp e = {at(PEER), 3, 3, 0};
	struct addr relayed;
	struct request r;
	struct reply reply;
	assert_int_equal(client_allocate(&c, &relayed), 0);
	assert_int_equal(client_permit(&c, PEER), 0);
	struct net_buf *held = fixture_hold(f, 1);
	request_begin(&r, STUN_BINDING);
	request_send(&r, &c, &reply);
	assert_false(reply.is_there);
	request_begin(&r, STUN_BINDING);
	stun_write_u32(&r.w, 0x7abc, 0);
	request_send(&r, &c, &reply);
	assert_false(reply.is_there);
	/* What is relayed needs none: it goes on in the buffer it came in. */
	client_send(&c, PEER, "x", 1);
	assert_to_peer(&c, &relayed, PEER, "x", 1);
	struct net_buf *last = fixture_hold(f, 0);
	turn_icmp(f->server, wire_find(f, &relayed), &e);
	assert_silence(f);
	assert_int_equal(fixture_count(f, TURN_C_NO_BUFFER), 3);
	fixture_release(f, last);
	fixture_release(f, held);
	turn_icmp(f->server, wire_find(f, &relayed), &e);
	assert_non_null(wire_take(f));
}

/* The first row of a name brings its help; no two rows of one name are alike. */
static void assert_rows(const struct metrics_group *g)
{
	for (size_t i = 0; i < g->n_rows; i++) {
		const struct metrics_row *r = &g->rows[i];
		bool is_first = true;
		assert_non_null(r->name);
		for (size_t k = 0; k < i; k++) {
			const struct metrics_row *o = &g->rows[k];
			if (strcmp(r->name, o->name) != 0)
				continue;
			is_first = false;
			assert_non_null(r->labels);
			assert_non_null(o->labels);
			assert_string_not_equal(r->labels, o->labels);
			assert_int_equal(r->kind, o->kind);
		}
		assert_int_equal(r->help != NULL, is_first);
	}
}

static void counters_have_names_of_their_own(void **state)
{
	assert_int_equal(turn_counters.n_rows, TURN_C_COUNT);
	assert_rows(&turn_counters);
	assert_rows(&flow_counters);
	assert_rows(&net_counters);
}

int main(void)
{
	const struct CMUnitTest t[] = {
#define T(name) cmocka_unit_test_setup_teardown(name, fixture_setup, fixture_teardown)
		cmocka_unit_test(everything_ends_by_itself),
		T(long_step_of_the_clock_ends_everything_at_once),
		T(neighbours_of_a_tuple_have_no_part_in_it),
		T(reload_changes_limits_and_keeps_allocations),
		T(answers_without_a_buffer_are_dropped_and_counted),
		cmocka_unit_test(counters_have_names_of_their_own),
	};
	return cmocka_run_group_tests(t, NULL, NULL) != 0;
}
