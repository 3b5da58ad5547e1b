/* SPDX-License-Identifier: BSD-3-Clause */
/* ConnectionBind, RFC 6062 §5.4: on the worker that has the peer's connection, and on another. */
#include "client.h"

#include <string.h>

#define PEER "198.51.100.7:5000"

static struct client new_client(struct fixture *f, const char *text, const char *subject)
{
	struct client c;
	struct auth_claims claims = claims_of(subject);
	client_init(&c, f, text);
	c.where.transport = AUTH_TCP;
	claims.flags = AUTH_TCP_RELAY;
	client_mint(&c, &claims, f->clock.wall_s + 8 * 3600);
	return c;
}

/* A TCP allocation, and a connection with a peer that waits. */
static struct client connected(struct fixture *f, uint32_t *id)
{
	struct client c = new_client(f, "192.0.2.1:40000", "alice");
	struct addr peer = at(PEER);
	struct request r;
	struct reply reply;
	struct stun_msg m;
	struct stun_attr a;

	request_begin(&r, STUN_ALLOCATE);
	stun_write_transport(&r.w, 6);
	assert_int_equal(client_ask(&c, &r, &reply), 0);
	request_begin(&r, STUN_CONNECT);
	stun_write_xor_address(&r.w, STUN_XOR_PEER_ADDRESS, &peer);
	request_sign(&r, &c);
	request_send(&r, &c, &reply);
	assert_false(reply.is_there);
	wire_opened(f, 0);
	const struct packet *p = wire_take(f);
	assert_non_null(p);
	assert_int_equal(stun_msg_decode(p->data, p->len, &m), 0);
	assert_true(stun_attr_find(&m, STUN_CONNECTION_ID, &a));
	assert_int_equal(stun_attr_u32(&a, id), 0);
	return c;
}

/* The same user's data connection. */
static struct client data_of(const struct client *c, const char *text)
{
	struct client d = *c;
	d.where.addr = at(text);
	d.nonce[0] = '\0';
	return d;
}

static void begin_bind(struct request *r, uint32_t id)
{
	request_begin(r, STUN_CONNECTION_BIND);
	stun_write_u32(&r->w, STUN_CONNECTION_ID, id);
}

static unsigned bind_id(struct client *c, uint32_t id)
{
	struct request r;
	struct reply reply;
	begin_bind(&r, id);
	return client_ask(c, &r, &reply);
}

static void bind_joins_the_two(void **state)
{
	struct fixture *f = *state;
	uint32_t id;
	struct client c = connected(f, &id), d = data_of(&c, "192.0.2.1:40001");

	assert_int_equal(bind_id(&d, id), 0);
	assert_true(f->pipes[0]->is_joined);
	fixture_pass_s(f, 60);
	assert_int_equal(f->n_pipes, 1);
	wire_ended(f);
	assert_int_equal(bind_id(&d, id), STUN_BAD_REQUEST);
}

static void bind_serves_once(void **state)
{
	struct fixture *f = *state;
	uint32_t id;
	struct client c = connected(f, &id), d = data_of(&c, "192.0.2.1:40001"),
		      e = data_of(&c, "192.0.2.1:40002");
	assert_int_equal(bind_id(&d, id), 0);
	assert_int_equal(bind_id(&e, id), STUN_BAD_REQUEST);
}

static void unknown_ids_are_400(void **state)
{
	struct fixture *f = *state;
	struct request r;
	struct reply reply;
	uint32_t id;
	struct client c = connected(f, &id), d = data_of(&c, "192.0.2.1:40001");

	assert_int_equal(bind_id(&d, id ^ 1), STUN_BAD_REQUEST);
	assert_int_equal(bind_id(&d, id | 0x01000000), STUN_BAD_REQUEST); /* no such worker */
	request_begin(&r, STUN_CONNECTION_BIND);
	assert_int_equal(client_ask(&d, &r, &reply), STUN_BAD_REQUEST);
	assert_int_equal(bind_id(&d, id), 0);
}

static void a_connection_that_is_being_dialled_cannot_be_bound(void **state)
{
	struct fixture *f = *state;
	uint32_t id;
	struct client c = connected(f, &id), d = data_of(&c, "192.0.2.1:40001");
	struct addr peer = at("198.51.100.7:5001");
	struct request r;
	struct reply reply;

	request_begin(&r, STUN_CONNECT);
	stun_write_xor_address(&r.w, STUN_XOR_PEER_ADDRESS, &peer);
	request_sign(&r, &c);
	request_send(&r, &c, &reply);
	/* Its id is known to nobody yet; a guess must not reach it. */
	for (uint32_t guess = 0; guess < 64; guess++)
		assert_int_equal(bind_id(&d, guess == id ? id ^ 64 : guess), STUN_BAD_REQUEST);
	assert_false(f->pipes[1]->is_joined);
}

static void another_user_is_441(void **state)
{
	struct fixture *f = *state;
	uint32_t id;
	struct client c = connected(f, &id), d = data_of(&c, "192.0.2.1:40001");
	struct client other = new_client(f, "192.0.2.2:40001", "carol");

	assert_int_equal(bind_id(&other, id), STUN_WRONG_CREDENTIALS);
	assert_int_equal(bind_id(&d, id), 0);
}

static void bind_over_udp_or_on_a_control_connection_is_400(void **state)
{
	struct fixture *f = *state;
	uint32_t id;
	struct client c = connected(f, &id), d = data_of(&c, "192.0.2.1:40001");

	d.where.transport = AUTH_UDP;
	assert_int_equal(bind_id(&d, id), STUN_BAD_REQUEST);
	assert_int_equal(bind_id(&c, id), STUN_BAD_REQUEST);
}

static void a_stranger_is_challenged(void **state)
{
	struct fixture *f = *state;
	uint32_t id;
	struct client c = connected(f, &id), d = data_of(&c, "192.0.2.1:40001");
	struct request r;
	struct reply reply;

	begin_bind(&r, id);
	request_send(&r, &d, &reply);
	assert_int_equal(reply.code, STUN_UNAUTHORIZED);
	assert_true(reply_has(&reply, STUN_NONCE));
	assert_int_equal(bind_id(&d, id), 0);
}

/* The allocation may go on after the credential has expired, and so may what belongs to it. */
static void an_expired_credential_binds_as_long_as_it_may_refresh(void **state)
{
	struct fixture *f = *state;
	uint32_t id;
	struct client c = connected(f, &id), d = data_of(&c, "192.0.2.1:40001"), fresh;
	struct request r;
	struct reply reply;
	struct addr peer = at("198.51.100.7:5001");

	assert_int_equal(bind_id(&d, id), 0);
	assert_int_equal(client_refresh(&c, 3600, NULL), 0);
	for (int i = 0; i < 9; i++) {
		fixture_pass_s(f, 3590);
		assert_int_equal(client_refresh(&c, 3600, NULL), 0);
	}
	request_begin(&r, STUN_CONNECT);
	stun_write_xor_address(&r.w, STUN_XOR_PEER_ADDRESS, &peer);
	request_sign(&r, &c);
	request_send(&r, &c, &reply);
	wire_opened(f, 0);
	const struct packet *p = wire_take(f);
	struct stun_msg m;
	struct stun_attr a;
	assert_int_equal(stun_msg_decode(p->data, p->len, &m), 0);
	assert_true(stun_attr_find(&m, STUN_CONNECTION_ID, &a));
	assert_int_equal(stun_attr_u32(&a, &id), 0);

	d = data_of(&c, "192.0.2.1:40002");
	assert_int_equal(bind_id(&d, id), 0);
	fresh = data_of(&c, "192.0.2.1:40003");
	assert_int_equal(client_allocate(&fresh, NULL), STUN_UNAUTHORIZED);
}

/* ---- between workers ---- */

struct node {
	struct fixture *w[2];
	struct client control, data; /* on worker 0, on worker 1 */
	uint32_t id;
};

static void make(struct node *n)
{
	struct fixture_config config;
	fixture_defaults(&config);
	fixture_create_joined(&config, n->w, 2);
	n->control = connected(n->w[0], &n->id);
	n->data = data_of(&n->control, "192.0.2.1:40001");
	n->data.f = n->w[1];
	n->data.where.port = n->w[1]->listener4;
	/* As the owner's listener will see it. */
	n->w[0]->mover = n->data.where;
	n->w[0]->mover.port = n->w[0]->listener4;
	client_challenge(&n->data);
}

static void destroy(struct node *n)
{
	for (int i = 0; i < 2; i++)
		fixture_destroy(n->w[i]);
}

/* The request goes to worker 1, which says nothing, and its connection to worker 0. */
static unsigned bind_elsewhere(struct node *n, uint32_t id)
{
	struct request r;
	struct reply reply;
	struct stun_msg m;
	struct stun_attr a;
	struct bytes reason;
	uint16_t code = 0;

	begin_bind(&r, id);
	request_sign(&r, &n->data);
	request_send(&r, &n->data, &reply);
	assert_false(reply.is_there);
	fixture_deliver(n->w[0]);
	const struct packet *p = wire_take(n->w[0]);
	assert_non_null(p);
	assert_int_equal(stun_msg_decode(p->data, p->len, &m), 0);
	assert_memory_equal(m.tid, r.tid, STUN_TID_LEN);
	if (m.class == STUN_ERROR) {
		assert_true(stun_attr_find(&m, STUN_ERROR_CODE, &a));
		assert_int_equal(stun_attr_error(&a, &code, &reason), 0);
	}
	return code;
}

static void a_connection_moves_to_the_worker_in_its_id(void **state)
{
	struct node n;
	(void)state;
	make(&n);
	assert_int_equal(bind_elsewhere(&n, n.id), 0);
	assert_int_equal(n.w[0]->n_adopted, 1);
	assert_true(n.w[0]->pipes[0]->is_joined);
	assert_int_equal(fixture_count(n.w[1], TURN_C_CONNECTION_MOVED), 1);
	destroy(&n);
}

static void there_it_is_judged_as_if_it_had_come_there(void **state)
{
	struct node n;
	(void)state;
	make(&n);
	assert_int_equal(bind_elsewhere(&n, n.id ^ 1), STUN_BAD_REQUEST);
	n.data.credential = new_client(n.w[1], "192.0.2.1:1", "carol").credential;
	assert_int_equal(bind_elsewhere(&n, n.id), STUN_WRONG_CREDENTIALS);
	assert_false(n.w[0]->pipes[0]->is_joined);
	destroy(&n);
}

/* Only who has authenticated can move a connection. */
static void a_strangers_connection_stays(void **state)
{
	struct node n;
	struct request r;
	struct reply reply;
	(void)state;
	make(&n);
	begin_bind(&r, n.id);
	request_send(&r, &n.data, &reply);
	assert_int_equal(reply.code, STUN_UNAUTHORIZED);
	begin_bind(&r, n.id);
	n.data.credential.password[0] ^= 1;
	request_sign(&r, &n.data);
	n.data.credential.password[0] ^= 1;
	request_send(&r, &n.data, &reply);
	assert_int_equal(reply.code, STUN_UNAUTHORIZED);
	assert_int_equal(fixture_count(n.w[1], TURN_C_CONNECTION_MOVED), 0);
	destroy(&n);
}

static void a_full_mailbox_ends_the_connection(void **state)
{
	struct node n;
	struct request r;
	struct reply reply;
	(void)state;
	make(&n);
	for (int i = 0; i < 65; i++) {
		begin_bind(&r, n.id);
		request_sign(&r, &n.data);
		request_send(&r, &n.data, &reply);
		assert_false(reply.is_there);
	}
	assert_int_equal(fixture_count(n.w[1], TURN_C_CONNECTION_LOST), 1);
	destroy(&n); /* what still waits is discarded */
}

int main(void)
{
	const struct CMUnitTest t[] = {
#define T(name) cmocka_unit_test_setup_teardown(name, fixture_setup, fixture_teardown)
		T(bind_joins_the_two),
		T(bind_serves_once),
		T(unknown_ids_are_400),
		T(a_connection_that_is_being_dialled_cannot_be_bound),
		T(another_user_is_441),
		T(bind_over_udp_or_on_a_control_connection_is_400),
		T(a_stranger_is_challenged),
		T(an_expired_credential_binds_as_long_as_it_may_refresh),
		cmocka_unit_test(a_connection_moves_to_the_worker_in_its_id),
		cmocka_unit_test(there_it_is_judged_as_if_it_had_come_there),
		cmocka_unit_test(a_strangers_connection_stays),
		cmocka_unit_test(a_full_mailbox_ends_the_connection),
	};
	return cmocka_run_group_tests(t, NULL, NULL) != 0;
}
