/* SPDX-License-Identifier: BSD-3-Clause */
/* The quota of a subject: a lease is asked of whoever counts for the node, and the Allocate waits
 * for the answer. */
#include <errno.h>
#include "client.h"

#include <string.h>

static struct client new_client(struct fixture *f, unsigned n)
{
	struct client c;
	client_init(&c, f, "192.0.2.1:40000");
	c.where.addr.port = (uint16_t)(40000 + n);
	client_challenge(&c);
	return c;
}

static int setup(void **state)
{
	struct fixture_config config;
	fixture_defaults(&config);
	config.has_leases = true;
	config.turn.subject_allocations = 5;
	config.turn.last_port = PORT_MIN + 3;
	*state = fixture_create(&config);
	return 0;
}

/* Sends an Allocate that must wait for its lease. */
static void ask(struct client *c, struct request *r)
{
	struct reply reply;
	size_t n = c->f->n_asked;
	request_begin_allocate(r);
	request_sign(r, c);
	request_send(r, c, &reply);
	assert_false(reply.is_there);
	assert_int_equal(c->f->n_asked, n + 1);
}

/* The answer that has come for R: its code. */
static unsigned take_code(struct client *c, const struct request *r)
{
	const struct packet *p = wire_take(c->f);
	struct stun_msg m;
	struct stun_attr a;
	struct bytes reason;
	uint16_t code;
	assert_non_null(p);
	assert_true(addr_equal(&p->to, &c->where.addr));
	assert_int_equal(stun_msg_decode(p->data, p->len, &m), 0);
	assert_memory_equal(m.tid, r->tid, STUN_TID_LEN);
	assert_true(m.integrity != 0);
	if (m.class == STUN_SUCCESS)
		return 0;
	assert_true(stun_attr_find(&m, STUN_ERROR_CODE, &a));
	assert_int_equal(stun_attr_error(&a, &code, &reason), 0);
	return code;
}

static void granted(struct client *c)
{
	struct fixture *f = c->f;
	struct request r;
	ask(c, &r);
	fixture_answer(f, &f->asked[f->n_asked - 1], true);
	assert_int_equal(take_code(c, &r), 0);
}

static void lease_is_asked_for_the_subject_and_its_limit(void **state)
{
	struct fixture *f = *state;
	struct client c = new_client(f, 0), d = new_client(f, 1);
	struct auth_claims claims = claims_of("bob");
	struct request r;
	claims.max_allocations = 2;
	client_mint(&d, &claims, f->clock.wall_s + 600);
	ask(&c, &r);
	ask(&d, &r);
	assert_int_equal(f->asked[0].subject_limit, 5);
	assert_memory_equal(
		f->asked[0].lease.subject, claims_of("alice").subject, AUTH_SUBJECT_LEN);
	assert_int_equal(f->asked[0].worker, 0);
	assert_int_equal(f->asked[1].subject_limit, 2);
	assert_memory_equal(f->asked[1].lease.subject, claims.subject, AUTH_SUBJECT_LEN);
	assert_int_not_equal(f->asked[0].ticket, f->asked[1].ticket);
}

static void granted_lease_makes_the_allocation(void **state)
{
	struct fixture *f = *state;
	struct client c = new_client(f, 0);
	granted(&c);
	assert_int_equal(turn_server_allocations(f->server), 1);
	assert_int_equal(client_permit(&c, "198.51.100.7"), 0);
	assert_int_equal(f->n_put, 0);
}

static void refused_lease_is_486(void **state)
{
	struct fixture *f = *state;
	struct client c = new_client(f, 0);
	struct request r;
	ask(&c, &r);
	fixture_answer(f, &f->asked[0], false);
	assert_int_equal(take_code(&c, &r), STUN_QUOTA_REACHED);
	assert_int_equal(turn_server_allocations(f->server), 0);
	assert_int_equal(f->n_put, 0);
	assert_int_equal(fixture_count(f, TURN_C_REFUSED_486), 1);
}

static void lease_goes_back_however_the_allocation_ends(void **state)
{
	struct fixture *f = *state;
	struct client c = new_client(f, 0), d = new_client(f, 1), e = new_client(f, 2);
	granted(&c);
	granted(&d);
	granted(&e);
	assert_int_equal(client_refresh(&c, 0, NULL), 0);
	assert_int_equal(f->n_put, 1);
	assert_int_equal(client_refresh(&d, 1200, NULL), 0);
	fixture_pass_s(f, 600);
	assert_int_equal(f->n_put, 2);
	turn_server_destroy(f->server);
	assert_int_equal(f->n_put, 3);
	f->server = NULL;
}

static void lease_goes_back_when_there_is_no_port(void **state)
{
	struct fixture *f = *state;
	for (unsigned i = 0; i < 4; i++) {
		struct client c = new_client(f, i);
		granted(&c);
	}
	struct client c = new_client(f, 4);
	struct request r;
	ask(&c, &r);
	fixture_answer(f, &f->asked[4], true);
	assert_int_equal(take_code(&c, &r), STUN_INSUFFICIENT_CAPACITY);
	assert_int_equal(f->n_put, 1);
}

static void lease_granted_at_once_is_not_asked_for(void **state)
{
	struct fixture *f = *state;
	struct client c = new_client(f, 0);
	f->is_at_once = true;
	assert_int_equal(client_allocate(&c, NULL), 0);
	assert_int_equal(f->n_tried, 1);
	assert_int_equal(f->n_asked, 0);

	assert_int_equal(client_refresh(&c, 0, NULL), 0);
	assert_int_equal(f->n_put, 1);
}

static void lease_refused_at_once_is_486(void **state)
{
	struct fixture *f = *state;
	struct client c = new_client(f, 0);
	f->is_at_once = true;
	f->try_code = STUN_QUOTA_REACHED;
	assert_int_equal(client_allocate(&c, NULL), STUN_QUOTA_REACHED);
	assert_int_equal(f->n_asked, 0);
	assert_int_equal(f->n_put, 0);
	assert_int_equal(turn_server_allocations(f->server), 0);
}

static void lease_granted_at_once_goes_back_when_there_is_no_port(void **state)
{
	struct fixture *f = *state;
	struct client c = new_client(f, 0);
	f->is_at_once = true;
	f->fail_code = -EMFILE;
	f->fail_n = 1;
	assert_int_equal(client_allocate(&c, NULL), STUN_INSUFFICIENT_CAPACITY);
	assert_int_equal(f->n_put, 1);
}

static void lease_that_cannot_be_tried_is_asked_for(void **state)
{
	struct fixture *f = *state;
	struct client c = new_client(f, 0);
	granted(&c);
	assert_int_equal(f->n_tried, 1);
	assert_int_equal(f->n_asked, 1);
}

static void lease_that_cannot_be_asked_is_508(void **state)
{
	struct fixture *f = *state;
	struct client c = new_client(f, 0);
	f->ask_code = ERR_FULL;
	assert_int_equal(client_allocate(&c, NULL), STUN_INSUFFICIENT_CAPACITY);
	assert_int_equal(turn_server_allocations(f->server), 0);
	assert_int_equal(f->n_put, 0);
}

static void answers_may_come_in_any_order(void **state)
{
	struct fixture *f = *state;
	struct client c = new_client(f, 0), d = new_client(f, 1);
	struct request first, second;
	ask(&c, &first);
	ask(&d, &second);
	fixture_answer(f, &f->asked[1], true);
	assert_int_equal(take_code(&d, &second), 0);
	fixture_answer(f, &f->asked[0], false);
	assert_int_equal(take_code(&c, &first), STUN_QUOTA_REACHED);
}

static void lease_that_does_not_come_is_508_after_five_seconds(void **state)
{
	struct fixture *f = *state;
	struct client c = new_client(f, 0);
	struct request r;
	ask(&c, &r);
	fixture_pass_ms(f, 4900);
	assert_silence(f);
	fixture_pass_ms(f, 100);
	assert_int_equal(take_code(&c, &r), STUN_INSUFFICIENT_CAPACITY);
	assert_int_equal(turn_server_allocations(f->server), 0);
}

static void late_grant_goes_back_and_late_refusal_is_nothing(void **state)
{
	struct fixture *f = *state;
	struct client c = new_client(f, 0);
	struct request r;
	ask(&c, &r);
	fixture_pass_s(f, 5);
	wire_clear(f);
	fixture_answer(f, &f->asked[0], false);
	assert_int_equal(f->n_put, 0);
	fixture_answer(f, &f->asked[0], true);
	assert_int_equal(f->n_put, 1);
	assert_silence(f);
}

/* An answer to somebody's earlier request must not serve the next one on the same 5-tuple. */
static void late_grant_does_not_serve_the_next_request(void **state)
{
	struct fixture *f = *state;
	struct client c = new_client(f, 0);
	struct request first, second;
	ask(&c, &first);
	fixture_pass_s(f, 5);
	wire_clear(f);
	ask(&c, &second);
	fixture_answer(f, &f->asked[0], true);
	assert_silence(f);
	fixture_answer(f, &f->asked[1], false);
	assert_int_equal(take_code(&c, &second), STUN_QUOTA_REACHED);
	assert_int_equal(f->n_put, 1);
}

static void retransmission_does_not_ask_twice(void **state)
{
	struct fixture *f = *state;
	struct client c = new_client(f, 0);
	struct request r;
	struct reply reply;
	ask(&c, &r);
	request_send(&r, &c, &reply);
	assert_false(reply.is_there);
	assert_int_equal(f->n_asked, 1);
	fixture_answer(f, &f->asked[0], true);
	assert_int_equal(take_code(&c, &r), 0);
	request_send(&r, &c, &reply);
	assert_int_equal(reply.code, 0);
	assert_int_equal(f->n_asked, 1);
}

/* RFC 8656 §7.2: 486 says that the user has enough, 508 that the server has. */
static void node_limit_is_a_lease_and_its_refusal_508(void **state)
{
	struct fixture_config config;
	fixture_defaults(&config);
	config.has_leases = true;
	config.turn.max_allocations = 7;
	struct fixture *f = fixture_create(&config);
	struct client c = new_client(f, 0), d = new_client(f, 1);
	struct turn_lease_grant full = {.code = STUN_INSUFFICIENT_CAPACITY};
	struct request r;
	ask(&c, &r);
	assert_true(f->asked[0].lease.has_node);
	assert_false(f->asked[0].lease.has_subject);
	assert_int_equal(f->asked[0].node_limit, 7);
	turn_lease_answer(f->server, &f->asked[0], &full);
	assert_int_equal(take_code(&c, &r), STUN_INSUFFICIENT_CAPACITY);
	assert_int_equal(f->n_put, 0);
	granted(&d);
	assert_int_equal(client_refresh(&d, 0, NULL), 0);
	assert_int_equal(f->n_put, 1);
	fixture_destroy(f);
}

/* ---- rates ---- */

static void shared_rate_asks_for_a_lease_without_a_limit(void **state)
{
	struct fixture_config config;
	fixture_defaults(&config);
	config.has_leases = true;
	config.turn.subject_kbps = 10000;
	struct fixture *f = fixture_create(&config);
	struct client c = new_client(f, 0);
	granted(&c);
	assert_true(f->asked[0].lease.has_subject);
	assert_int_equal(f->asked[0].subject_limit, 0);
	fixture_destroy(f);
}

static void bucket_of_a_lease_cuts_the_allocation(void **state)
{
	struct fixture *f = *state;
	struct flow_bucket *b = flow_bucket_create(8); /* 64 KiB at once */
	struct turn_lease_grant g = {.subject = b};
	struct client c = new_client(f, 0);
	struct request r;
	uint8_t payload[1200] = {0};
	ask(&c, &r);
	turn_lease_answer(f->server, &f->asked[0], &g);
	assert_int_equal(take_code(&c, &r), 0);
	assert_int_equal(client_permit(&c, "198.51.100.7"), 0);

	for (unsigned i = 0; i < 100; i++)
		client_send(&c, "198.51.100.7:5000", payload, sizeof(payload));

	assert_int_equal(f->n_sent, 65536 / sizeof(payload));
	assert_int_equal(fixture_flow_count(f, FLOW_C_OVER_SUBJECT), 100 - f->n_sent);
	wire_clear(f);
	assert_int_equal(client_refresh(&c, 0, NULL), 0);
	assert_int_equal(f->n_put, 1);
	flow_bucket_destroy(b);
}

static void node_bucket_is_asked_while_the_node_has_a_rate(void **state)
{
	struct fixture_config config;
	fixture_defaults(&config);
	struct flow_bucket *b = flow_bucket_create(8);
	config.node_bucket = b;
	struct fixture *f = fixture_create(&config);
	struct turn_config limited = f->config.turn;
	struct client c = new_client(f, 0);
	uint8_t payload[1200] = {0};
	limited.node_kbps = 8;
	struct turn_snapshot *with = fixture_snapshot(f, &limited);
	assert_int_equal(client_allocate(&c, NULL), 0);
	assert_int_equal(client_permit(&c, "198.51.100.7"), 0);
	for (unsigned i = 0; i < 100; i++)
		client_send(&c, "198.51.100.7:5000", payload, sizeof(payload));
	assert_int_equal(f->n_sent, 100);
	wire_clear(f);

	turn_server_snapshot(f->server, with);

	for (unsigned i = 0; i < 100; i++)
		client_send(&c, "198.51.100.7:5000", payload, sizeof(payload));
	assert_int_equal(f->n_sent, 65536 / sizeof(payload));
	assert_int_equal(fixture_flow_count(f, FLOW_C_OVER_NODE), 100 - f->n_sent);
	turn_snapshot_put(with);
	fixture_destroy(f);
	flow_bucket_destroy(b);
}

static void packet_rate_is_of_each_allocation(void **state)
{
	struct fixture_config config;
	fixture_defaults(&config);
	config.turn.allocation_packets = 100;
	struct fixture *f = fixture_create(&config);
	struct client c = new_client(f, 0), d = new_client(f, 1);
	struct client *both[] = {&c, &d};
	for (unsigned k = 0; k < 2; k++) {
		assert_int_equal(client_allocate(both[k], NULL), 0);
		assert_int_equal(client_permit(both[k], "198.51.100.7"), 0);
		for (unsigned i = 0; i < 100; i++)
			client_send(both[k], "198.51.100.7:5000", "x", 1);
		assert_int_equal(f->n_sent, 25);
		wire_clear(f);
	}
	assert_int_equal(fixture_flow_count(f, FLOW_C_OVER_PACKETS), 150);
	fixture_destroy(f);
}

static void no_limit_asks_for_no_lease(void **state)
{
	struct fixture_config config;
	fixture_defaults(&config);
	config.has_leases = true;
	struct fixture *f = fixture_create(&config);
	struct client c = new_client(f, 0);
	assert_int_equal(client_allocate(&c, NULL), 0);
	assert_int_equal(f->n_asked, 0);
	assert_int_equal(client_refresh(&c, 0, NULL), 0);
	assert_int_equal(f->n_put, 0);
	fixture_destroy(f);
}

static void node_that_counts_nothing_limits_nobody(void **state)
{
	struct fixture_config config;
	fixture_defaults(&config);
	config.turn.subject_allocations = 1;
	struct fixture *f = fixture_create(&config);
	for (unsigned i = 0; i < 3; i++) {
		struct client c = new_client(f, i);
		assert_int_equal(client_allocate(&c, NULL), 0);
	}
	fixture_destroy(f);
}

/* A revocation that comes while a lease is on its way */
static void credential_revoked_while_waiting_gets_nothing(void **state)
{
	struct fixture *f = *state;
	struct client c = new_client(f, 0);
	struct request r;
	ask(&c, &r);
	struct auth_revocation revoked = {.kind = AUTH_REVOKE_SUBJECT, .until_s = UINT64_MAX};
	memcpy(revoked.id, claims_of("alice").subject, AUTH_SUBJECT_LEN);
	fixture_revoke(f, &revoked);
	assert_int_equal(turn_server_allocations(f->server), 0);
	fixture_answer(f, &f->asked[0], true);
	assert_int_equal(turn_server_allocations(f->server), 0);
	assert_int_equal(f->n_put, 1);
}

/* The connection of a client on TCP breaks while its lease is on the way. */
static void connection_closed_while_waiting_gets_nothing(void **state)
{
	struct fixture *f = *state;
	struct client c = new_client(f, 0);
	struct request r;
	ask(&c, &r);
	turn_client_closed(f->server, c.where.port, &c.where.addr);
	assert_int_equal(turn_server_allocations(f->server), 0);
	fixture_answer(f, &f->asked[0], true);
	assert_int_equal(turn_server_allocations(f->server), 0);
	assert_int_equal(f->n_put, 1);
	assert_silence(f);
}

int main(void)
{
	const struct CMUnitTest t[] = {
#define T(name) cmocka_unit_test_setup_teardown(name, setup, fixture_teardown)
		T(lease_is_asked_for_the_subject_and_its_limit),
		T(granted_lease_makes_the_allocation),
		T(refused_lease_is_486),
		T(lease_goes_back_however_the_allocation_ends),
		T(lease_goes_back_when_there_is_no_port),
		T(lease_granted_at_once_is_not_asked_for),
		T(lease_refused_at_once_is_486),
		T(lease_granted_at_once_goes_back_when_there_is_no_port),
		T(lease_that_cannot_be_tried_is_asked_for),
		T(lease_that_cannot_be_asked_is_508),
		T(answers_may_come_in_any_order),
		T(lease_that_does_not_come_is_508_after_five_seconds),
		T(late_grant_goes_back_and_late_refusal_is_nothing),
		T(late_grant_does_not_serve_the_next_request),
		T(retransmission_does_not_ask_twice),
		cmocka_unit_test(node_limit_is_a_lease_and_its_refusal_508),
		cmocka_unit_test(shared_rate_asks_for_a_lease_without_a_limit),
		T(bucket_of_a_lease_cuts_the_allocation),
		cmocka_unit_test(node_bucket_is_asked_while_the_node_has_a_rate),
		cmocka_unit_test(packet_rate_is_of_each_allocation),
		cmocka_unit_test(no_limit_asks_for_no_lease),
		cmocka_unit_test(node_that_counts_nothing_limits_nobody),
		T(connection_closed_while_waiting_gets_nothing),
		T(credential_revoked_while_waiting_gets_nothing),
	};
	return cmocka_run_group_tests(t, NULL, NULL) != 0;
}
