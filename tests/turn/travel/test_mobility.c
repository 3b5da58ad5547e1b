/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * Mobility, RFC 8016: two workers, whose messages are delivered when the test says so. The client
 * is on worker 0 at first and comes back on either, from another address, on UDP or on a
 * connection.
 */
#include "../client.h"

#include <string.h>

#define PEER    "198.51.100.7:5000"
#define CHANNEL 0x4001

struct node {
	struct fixture *w[2];
	struct client old, new; /* the same client, before and after */
	struct addr relayed;
	char ticket[64];
	struct request r; /* the Refresh under way */
};

static struct client at_worker(struct node *n, unsigned worker, const char *text)
{
	struct client c = n->old;
	c.f = n->w[worker];
	c.where.addr = at(text);
	c.where.port = c.f->listener4;
	c.nonce[0] = '\0';
	return c;
}

/* On a connection: any port of its own will do. */
static void use_tcp(struct client *c)
{
	c->where.port = c->f->inside4;
	c->where.transport = AUTH_TCP;
}

static void deliver(struct node *n)
{
	for (int i = 0; i < 8; i++)
		fixture_deliver(n->w[i % 2]);
}

static void keep_ticket(struct node *n, const struct stun_msg *m)
{
	struct stun_attr a;
	assert_true(stun_attr_find(m, STUN_MOBILITY_TICKET, &a));
	assert_true(a.len > 0 && a.len < sizeof(n->ticket));
	memcpy(n->ticket, a.value, a.len);
	n->ticket[a.len] = '\0';
}

static unsigned allocate_mobile(struct node *n, struct client *c)
{
	struct request r;
	struct reply reply;
	request_begin_allocate(&r);
	stun_write_bytes(&r.w, STUN_MOBILITY_TICKET, "", 0);
	unsigned code = client_ask(c, &r, &reply);
	if (code != 0)
		return code;
	assert_true(reply_address(&reply, STUN_XOR_RELAYED_ADDRESS, 0, &n->relayed));
	keep_ticket(n, &reply.msg);
	return 0;
}

static void make_with(struct node *n, unsigned worker, const struct fixture_config *config)
{
	fixture_create_joined(config, n->w, 2);
	client_init(&n->old, n->w[0], "192.0.2.1:40000");
	n->new = at_worker(n, worker, "192.0.2.2:41000");
}

/* An allocation with a channel and a permission; its client will come to WORKER. */
static void make(struct node *n, unsigned worker)
{
	struct fixture_config config;
	fixture_defaults(&config);
	make_with(n, worker, &config);
	assert_int_equal(allocate_mobile(n, &n->old), 0);
	assert_int_equal(client_bind(&n->old, CHANNEL, PEER), 0);
	assert_int_equal(client_permit(&n->old, "198.51.100.8"), 0);
}

static void destroy(struct node *n)
{
	deliver(n);
	for (int i = 0; i < 2; i++)
		fixture_destroy(n->w[i]);
}

/* The Refresh with the ticket leaves C; what comes back at once. */
static void send_ticket(struct node *n, struct client *c, uint32_t lifetime_s, struct reply *out)
{
	if (c->nonce[0] == '\0')
		client_challenge(c);
	request_begin(&n->r, STUN_REFRESH);
	if (lifetime_s != UINT32_MAX)
		stun_write_u32(&n->r.w, STUN_LIFETIME, lifetime_s);
	stun_write_bytes(&n->r.w, STUN_MOBILITY_TICKET, n->ticket, strlen(n->ticket));
	request_sign(&n->r, c);
	request_send(&n->r, c, out);
}

/* The answer to it that has come since. */
static unsigned take_answer(struct node *n, struct client *c)
{
	const struct packet *p = wire_take(c->f);
	struct stun_msg m;
	struct stun_attr a;
	struct bytes reason;
	uint16_t code = 0;
	uint32_t lifetime_s;
	assert_non_null(p);
	assert_ptr_equal(p->port, c->where.port);
	assert_true(addr_equal(&p->to, &c->where.addr));
	assert_int_equal(stun_msg_decode(p->data, p->len, &m), 0);
	assert_memory_equal(m.tid, n->r.tid, STUN_TID_LEN);
	struct crypto_hmac_key key = client_key(c);
	assert_true(stun_msg_check_integrity(&m, c->integrity, &key));
	if (m.class == STUN_ERROR) {
		assert_true(stun_attr_find(&m, STUN_ERROR_CODE, &a));
		assert_int_equal(stun_attr_error(&a, &code, &reason), 0);
		return code;
	}
	assert_true(stun_attr_find(&m, STUN_LIFETIME, &a));
	assert_int_equal(stun_attr_u32(&a, &lifetime_s), 0);
	if (lifetime_s > 0)
		keep_ticket(n, &m);
	return 0;
}

/* The whole exchange; the code. */
static unsigned show_ticket(struct node *n, struct client *c)
{
	struct reply reply;
	send_ticket(n, c, UINT32_MAX, &reply);
	if (reply.is_there)
		return reply.code;
	deliver(n);
	return take_answer(n, c);
}

static size_t allocations(struct node *n)
{
	return turn_server_allocations(n->w[0]->server) + turn_server_allocations(n->w[1]->server);
}

/* The peer is heard at the new place, and from it. */
static void assert_works(struct node *n, struct client *c)
{
	struct addr peer = at(PEER);
	client_channel(c, CHANNEL, "up", 2);
	assert_to_peer(c, &n->relayed, PEER, "up", 2);
	wire_from_peer(c->f, &n->relayed, &peer, "down", 4);
	assert_channel(c, CHANNEL, "down", 4);
	client_send(c, "198.51.100.8:9", "x", 1);
	assert_to_peer(c, &n->relayed, "198.51.100.8:9", "x", 1);
}

/* ---- the ticket ---- */

/* §3.1.2 */
static void ticket_is_only_for_who_asks(void **state)
{
	struct node n;
	struct request r;
	struct reply reply;
	make(&n, 1);
	struct client other = at_worker(&n, 0, "192.0.2.9:1");

	request_begin_allocate(&r);
	assert_int_equal(client_ask(&other, &r, &reply), 0);

	assert_false(reply_has(&reply, STUN_MOBILITY_TICKET));
	destroy(&n);
}

/* §3.1.2 */
static void mobility_that_is_off_is_405(void **state)
{
	struct node n;
	struct fixture_config config;
	fixture_defaults(&config);
	config.turn.mobility = false;
	make_with(&n, 1, &config);

	assert_int_equal(allocate_mobile(&n, &n.old), STUN_MOBILITY_FORBIDDEN);

	assert_int_equal(allocations(&n), 0);
	assert_int_equal(fixture_count(n.w[0], TURN_C_REFUSED_405), 1);
	destroy(&n);
}

/* §3.2.2: the configuration has changed in between. */
static void ticket_after_mobility_was_turned_off_is_405(void **state)
{
	struct node n;
	make(&n, 1);
	struct turn_config config = n.w[1]->config.turn;
	config.mobility = false;
	struct turn_snapshot *s = fixture_snapshot(n.w[1], &config);
	turn_server_snapshot(n.w[1]->server, s);
	turn_snapshot_put(s);

	assert_int_equal(show_ticket(&n, &n.new), STUN_MOBILITY_FORBIDDEN);

	assert_works(&n, &n.old);
	destroy(&n);
}

static void allocate_with_a_ticket_that_is_not_empty_is_400(void **state)
{
	struct node n;
	struct request r;
	struct reply reply;
	make(&n, 1);
	struct client other = at_worker(&n, 0, "192.0.2.9:1");
	request_begin_allocate(&r);
	stun_write_bytes(&r.w, STUN_MOBILITY_TICKET, n.ticket, strlen(n.ticket));

	assert_int_equal(client_ask(&other, &r, &reply), STUN_BAD_REQUEST);

	destroy(&n);
}

/* turnutils_uclient keeps 32 characters and takes them for a C string. */
static void ticket_is_text_that_common_clients_can_keep(void **state)
{
	struct node n;
	make(&n, 1);
	assert_int_equal(strlen(n.ticket), 32);
	destroy(&n);
}

static void every_answer_has_another_ticket(void **state)
{
	struct node n;
	char first[64];
	struct request r;
	struct reply reply;
	make(&n, 1);
	memcpy(first, n.ticket, sizeof(first));
	request_begin(&r, STUN_REFRESH);
	assert_int_equal(client_ask(&n.old, &r, &reply), 0);
	keep_ticket(&n, &reply.msg);
	assert_string_not_equal(n.ticket, first);

	/* An answer may have been lost, so the first one is good as long as nobody has moved. */
	memcpy(n.ticket, first, sizeof(first));
	assert_int_equal(show_ticket(&n, &n.new), 0);

	assert_string_not_equal(n.ticket, first);
	destroy(&n);
}

/* §3.2.2 */
static void changed_ticket_is_400(void **state)
{
	struct node n;
	char good[64];
	make(&n, 1);
	memcpy(good, n.ticket, sizeof(good));
	for (size_t i = 0; good[i]; i++) {
		memcpy(n.ticket, good, sizeof(good));
		n.ticket[i] = n.ticket[i] == 'A' ? 'B' : 'A';
		assert_int_equal(show_ticket(&n, &n.new), STUN_BAD_REQUEST);
	}
	n.ticket[0] = '\0';
	assert_int_equal(show_ticket(&n, &n.new), STUN_BAD_REQUEST);
	assert_works(&n, &n.old);
	destroy(&n);
}

/* It moves an allocation once. */
static void used_ticket_is_400(void **state)
{
	struct node n;
	char first[64];
	for (unsigned worker = 0; worker < 2; worker++) {
		make(&n, worker);
		memcpy(first, n.ticket, sizeof(first));
		assert_int_equal(show_ticket(&n, &n.new), 0);
		client_channel(&n.new, CHANNEL, "x", 1);
		deliver(&n);
		wire_clear(n.w[worker]);
		struct client third = at_worker(&n, 0, "192.0.2.3:1");
		memcpy(n.ticket, first, sizeof(first));

		unsigned code = show_ticket(&n, &third);

		/* Where it was there is no allocation of that name any more. */
		assert_int_equal(code, worker == 0 ? STUN_BAD_REQUEST : STUN_ALLOCATION_MISMATCH);
		assert_works(&n, &n.new);
		destroy(&n);
	}
}

/* §3.2.2 */
static void ticket_of_an_allocation_that_has_ended_is_437(void **state)
{
	struct node n;
	make(&n, 1);
	assert_int_equal(client_refresh(&n.old, 0, NULL), 0);
	assert_int_equal(show_ticket(&n, &n.new), STUN_ALLOCATION_MISMATCH);
	destroy(&n);
}

/* §3.2.2 */
static void ticket_of_another_user_is_441(void **state)
{
	struct node n;
	make(&n, 1);
	struct auth_claims claims = claims_of("mallory");
	client_mint(&n.new, &claims, n.new.f->clock.wall_s + 3600);

	assert_int_equal(show_ticket(&n, &n.new), STUN_WRONG_CREDENTIALS);

	assert_works(&n, &n.old);
	destroy(&n);
}

/* §3.2.2 */
static void ticket_on_its_own_tuple_is_400(void **state)
{
	struct node n;
	make(&n, 1);
	assert_int_equal(show_ticket(&n, &n.old), STUN_BAD_REQUEST);
	assert_works(&n, &n.old);
	destroy(&n);
}

static void ticket_on_the_tuple_of_another_allocation_is_437(void **state)
{
	struct node n;
	make(&n, 1);
	assert_int_equal(client_allocate(&n.new, NULL), 0);
	assert_int_equal(show_ticket(&n, &n.new), STUN_ALLOCATION_MISMATCH);
	assert_works(&n, &n.old);
	destroy(&n);
}

/* The one grace a running allocation has (as for its other requests) is that of its credential. */
static void expired_credential_may_move_until_the_grace_is_over(void **state)
{
	struct node n;
	struct fixture_config config;
	struct auth_claims claims = claims_of("alice");
	fixture_defaults(&config);
	config.turn.max_lifetime_s = 200000;
	config.turn.default_lifetime_s = 200000;
	make_with(&n, 1, &config);
	client_mint(&n.old, &claims, n.old.f->clock.wall_s + 3600);
	n.new.credential = n.old.credential;
	assert_int_equal(allocate_mobile(&n, &n.old), 0);
	for (int i = 0; i < 2; i++)
		fixture_pass_s(n.w[i], 3600 + 86400 - 1);
	assert_int_equal(show_ticket(&n, &n.new), 0);
	struct client third = at_worker(&n, 0, "192.0.2.3:1");
	for (int i = 0; i < 2; i++)
		fixture_pass_s(n.w[i], 2);

	assert_int_equal(show_ticket(&n, &third), STUN_UNAUTHORIZED);

	destroy(&n);
}

/* ---- moving ---- */

/* §3.2.2: the old 5-tuple is used until the client speaks on the new one. */
static void old_tuple_works_until_the_first_message_from_the_new_one(void **state)
{
	struct node n;
	for (unsigned worker = 0; worker < 2; worker++) {
		make(&n, worker);
		assert_int_equal(show_ticket(&n, &n.new), 0);
		assert_works(&n, &n.old);
		assert_silence(n.w[1]);

		client_channel(&n.new, CHANNEL, "first", 5);
		deliver(&n);

		assert_to_peer(&n.new, &n.relayed, PEER, "first", 5);
		assert_works(&n, &n.new);
		client_channel(&n.old, CHANNEL, "late", 4);
		assert_silence(n.w[0]);
		assert_int_equal(allocations(&n), 1);
		destroy(&n);
	}
}

static void everything_of_the_allocation_comes_along(void **state)
{
	struct node n;
	uint32_t granted;
	make(&n, 1);
	/* Time runs on both, and the permissions have half of theirs left. */
	for (int i = 0; i < 2; i++)
		fixture_pass_s(n.w[i], 150);
	assert_int_equal(show_ticket(&n, &n.new), 0);
	client_send(&n.new, PEER, "x", 1);
	deliver(&n);
	assert_to_peer(&n.new, &n.relayed, PEER, "x", 1);
	assert_int_equal(turn_server_allocations(n.w[0]->server), 0);
	assert_int_equal(n.w[0]->wheel.count, 0);
	assert_null(wire_find(n.w[0], &n.relayed));
	assert_works(&n, &n.new);
	for (int i = 0; i < 2; i++)
		fixture_pass_s(n.w[i], 151);
	client_send(&n.new, "198.51.100.8:9", "x", 1);
	assert_silence(n.w[1]); /* its permission has run out, on time */
	client_channel(&n.new, CHANNEL, "x", 1);
	assert_to_peer(&n.new, &n.relayed, PEER, "x", 1); /* the channel has not */

	assert_int_equal(client_refresh(&n.new, 700, &granted), 0);
	assert_int_equal(granted, 700);
	assert_int_equal(client_refresh(&n.new, 0, NULL), 0);

	assert_null(wire_find(n.w[1], &n.relayed));
	destroy(&n);
}

/* What is sent before the allocation is there waits for it, in order. */
static void messages_wait_for_their_allocation(void **state)
{
	struct node n;
	struct reply reply;
	make(&n, 1);
	assert_int_equal(show_ticket(&n, &n.new), 0);

	client_channel(&n.new, CHANNEL, "1", 1);
	client_send(&n.new, PEER, "2", 1);
	client_channel(&n.new, CHANNEL, "3", 1);
	request_begin(&n.r, STUN_REFRESH);
	request_sign(&n.r, &n.new);
	request_send(&n.r, &n.new, &reply);
	assert_false(reply.is_there);
	assert_silence(n.w[1]);
	deliver(&n);

	assert_to_peer(&n.new, &n.relayed, PEER, "1", 1);
	assert_to_peer(&n.new, &n.relayed, PEER, "2", 1);
	assert_to_peer(&n.new, &n.relayed, PEER, "3", 1);
	assert_int_equal(take_answer(&n, &n.new), 0);
	assert_silence(n.w[1]);
	destroy(&n);
}

static void what_waits_is_bounded(void **state)
{
	struct node n;
	char long_one[1200] = {0};
	unsigned n_sent = 0;
	make(&n, 1);
	assert_int_equal(show_ticket(&n, &n.new), 0);
	for (int i = 0; i < 100; i++)
		client_channel(&n.new, CHANNEL, long_one, sizeof(long_one));
	deliver(&n);
	while (wire_take(n.w[1]))
		n_sent++;
	assert_int_equal(n_sent, 65536 / 1204);
	assert_int_equal(fixture_count(n.w[1], TURN_C_HELD_DROPPED), 100 - n_sent);
	destroy(&n);
}

static void request_from_the_new_tuple_moves_as_well(void **state)
{
	struct node n;
	struct addr peer = at("198.51.100.9:1");
	struct reply reply;
	make(&n, 1);
	assert_int_equal(show_ticket(&n, &n.new), 0);
	request_begin(&n.r, STUN_CHANNEL_BIND);
	stun_write_channel(&n.r.w, 0x4002);
	stun_write_xor_address(&n.r.w, STUN_XOR_PEER_ADDRESS, &peer);
	request_sign(&n.r, &n.new);
	request_send(&n.r, &n.new, &reply);
	assert_false(reply.is_there);
	deliver(&n);
	const struct packet *p = wire_take(n.w[1]);
	struct stun_msg m;
	assert_non_null(p);
	assert_int_equal(stun_msg_decode(p->data, p->len, &m), 0);
	assert_int_equal(m.class, STUN_SUCCESS);
	assert_int_equal(m.method, STUN_CHANNEL_BIND);
	assert_works(&n, &n.new);
	destroy(&n);
}

/* A Binding request keeps a mapping open and says nothing about an allocation. */
static void binding_request_moves_nothing(void **state)
{
	struct node n;
	struct reply reply;
	make(&n, 1);
	assert_int_equal(show_ticket(&n, &n.new), 0);
	request_begin(&n.r, STUN_BINDING);
	request_send(&n.r, &n.new, &reply);
	assert_int_equal(reply.code, 0);
	deliver(&n);
	assert_works(&n, &n.old);
	destroy(&n);
}

/* RFC 8489 §6.3.1: the answer to a request that comes again is the answer it had. */
static void retransmitted_ticket_is_answered_again(void **state)
{
	struct node n;
	struct reply reply;
	for (unsigned worker = 0; worker < 2; worker++) {
		make(&n, worker);
		send_ticket(&n, &n.new, UINT32_MAX, &reply);
		assert_false(reply.is_there);
		request_send(&n.r, &n.new, &reply); /* while it is being answered */
		assert_false(reply.is_there);
		deliver(&n);
		assert_int_equal(take_answer(&n, &n.new), 0);
		assert_int_equal(take_answer(&n, &n.new), 0);
		assert_silence(n.w[worker]);
		request_send(&n.r, &n.new, &reply); /* while it waits */
		assert_true(reply.is_there);
		assert_int_equal(reply.code, 0);
		assert_works(&n, &n.old); /* that was no new message */
		client_channel(&n.new, CHANNEL, "x", 1);
		deliver(&n);
		wire_clear(n.w[worker]);
		request_send(&n.r, &n.new, &reply); /* when it is all over */
		assert_true(reply.is_there);
		assert_int_equal(reply.code, 0);
		keep_ticket(&n, &reply.msg);
		assert_works(&n, &n.new);
		destroy(&n);
	}
}

static void allocation_can_move_again_and_again(void **state)
{
	struct node n;
	make(&n, 1);
	struct client here = n.old;
	for (unsigned i = 0; i < 6; i++) {
		char text[32] = "192.0.2.20:1000";
		struct client there = at_worker(&n, (i + 1) / 2 % 2, text);
		there.where.addr.port = (uint16_t)(1000 + i);
		assert_int_equal(show_ticket(&n, &there), 0);
		assert_works(&n, &here);
		client_channel(&there, CHANNEL, "x", 1);
		deliver(&n);
		assert_to_peer(&there, &n.relayed, PEER, "x", 1);
		assert_works(&n, &there);
		here = there;
	}
	assert_int_equal(allocations(&n), 1);
	assert_int_equal(
		fixture_count(n.w[0], TURN_C_MOVED_HERE) + fixture_count(n.w[1], TURN_C_MOVED_HERE),
		3);
	assert_int_equal(
		fixture_count(n.w[0], TURN_C_MOVED_IN) + fixture_count(n.w[1], TURN_C_MOVED_IN), 3);
	destroy(&n);
}

/* A ticket names the worker that will have the allocation; before the client speaks there, that
 * one knows who has it. */
static void client_that_moves_on_without_a_word_keeps_its_allocation(void **state)
{
	struct node n;
	make(&n, 1);
	struct client third = at_worker(&n, 0, "192.0.2.3:1");
	assert_int_equal(show_ticket(&n, &n.new), 0);
	assert_int_equal(show_ticket(&n, &third), 0);
	deliver(&n);
	client_channel(&n.new, CHANNEL, "x", 1); /* too late: that place is forgotten */
	deliver(&n);
	assert_works(&n, &n.old);

	client_channel(&third, CHANNEL, "x", 1);
	deliver(&n);

	assert_to_peer(&third, &n.relayed, PEER, "x", 1);
	assert_works(&n, &third);
	assert_int_equal(n.w[1]->wheel.count, 0);
	destroy(&n);
}

static void lifetime_of_zero_with_a_ticket_deletes(void **state)
{
	struct node n;
	struct reply reply;
	make(&n, 1);
	send_ticket(&n, &n.new, 0, &reply);
	deliver(&n);
	assert_int_equal(take_answer(&n, &n.new), 0);
	assert_int_equal(allocations(&n), 0);
	assert_null(wire_find(n.w[0], &n.relayed));
	destroy(&n);
}

static void silent_arrival_ends_with_its_lifetime(void **state)
{
	struct node n;
	make(&n, 1);
	assert_int_equal(show_ticket(&n, &n.new), 0);
	for (int i = 0; i < 2; i++)
		fixture_pass_s(n.w[i], 600);
	assert_int_equal(n.w[1]->wheel.count, 0);
	assert_int_equal(allocations(&n), 0);
	destroy(&n);
}

/* ---- connections ---- */

static void udp_to_tcp_and_back(void **state)
{
	struct node n;
	make(&n, 1);
	use_tcp(&n.new);
	assert_int_equal(show_ticket(&n, &n.new), 0);
	client_channel(&n.new, CHANNEL, "x", 1);
	deliver(&n);
	assert_to_peer(&n.new, &n.relayed, PEER, "x", 1);
	assert_works(&n, &n.new);

	struct client back = at_worker(&n, 0, "192.0.2.3:1");
	assert_int_equal(show_ticket(&n, &back), 0);
	client_channel(&back, CHANNEL, "x", 1);
	deliver(&n);

	assert_to_peer(&back, &n.relayed, PEER, "x", 1);
	assert_works(&n, &back);
	assert_int_equal(n.w[1]->inside4->n_holds, 0);
	destroy(&n);
}

/* Break before make: the allocation waits for its client, and what comes for it is dropped. */
static void mobile_allocation_outlives_its_connection(void **state)
{
	struct node n;
	struct fixture_config config;
	struct addr peer = at(PEER);
	for (unsigned worker = 0; worker < 2; worker++) {
		fixture_defaults(&config);
		make_with(&n, worker, &config);
		use_tcp(&n.old);
		assert_int_equal(allocate_mobile(&n, &n.old), 0);
		assert_int_equal(client_bind(&n.old, CHANNEL, PEER), 0);
		assert_int_equal(client_permit(&n.old, "198.51.100.8"), 0);
		turn_client_closed(n.w[0]->server, n.old.where.port, &n.old.where.addr);
		assert_int_equal(allocations(&n), 1);
		wire_from_peer(n.w[0], &n.relayed, &peer, "x", 1);
		assert_silence(n.w[0]);
		assert_int_equal(fixture_count(n.w[0], TURN_C_NO_CLIENT), 1);

		assert_int_equal(show_ticket(&n, &n.new), 0);
		client_channel(&n.new, CHANNEL, "x", 1);
		deliver(&n);

		assert_to_peer(&n.new, &n.relayed, PEER, "x", 1);
		assert_works(&n, &n.new);
		destroy(&n);
	}
}

/* §3.2.2: the end of the old connection says as much as a message on the new one. */
static void end_of_the_old_connection_moves(void **state)
{
	struct node n;
	struct fixture_config config;
	struct addr peer = at(PEER);
	for (unsigned worker = 0; worker < 2; worker++) {
		fixture_defaults(&config);
		make_with(&n, worker, &config);
		use_tcp(&n.old);
		assert_int_equal(allocate_mobile(&n, &n.old), 0);
		assert_int_equal(client_bind(&n.old, CHANNEL, PEER), 0);
		assert_int_equal(show_ticket(&n, &n.new), 0);

		turn_client_closed(n.w[0]->server, n.old.where.port, &n.old.where.addr);
		deliver(&n);

		wire_from_peer(n.w[worker], &n.relayed, &peer, "x", 1);
		assert_channel(&n.new, CHANNEL, "x", 1);
		destroy(&n);
	}
}

/* The ticket that came with the answer is good wherever the client turns up next. */
static void new_connection_that_ends_without_a_word_loses_nothing(void **state)
{
	struct node n;
	make(&n, 1);
	use_tcp(&n.new);
	assert_int_equal(show_ticket(&n, &n.new), 0);
	turn_client_closed(n.w[1]->server, n.new.where.port, &n.new.where.addr);
	assert_works(&n, &n.old);
	struct client third = at_worker(&n, 1, "192.0.2.3:1");

	assert_int_equal(show_ticket(&n, &third), 0);
	client_channel(&third, CHANNEL, "x", 1);
	deliver(&n);

	assert_to_peer(&third, &n.relayed, PEER, "x", 1);
	assert_works(&n, &third);
	destroy(&n);
}

static void connection_that_ends_while_asking_gets_nothing(void **state)
{
	struct node n;
	struct reply reply;
	make(&n, 1);
	use_tcp(&n.new);
	send_ticket(&n, &n.new, UINT32_MAX, &reply);
	turn_client_closed(n.w[1]->server, n.new.where.port, &n.new.where.addr);
	deliver(&n);
	assert_silence(n.w[1]);
	assert_works(&n, &n.old);
	destroy(&n);
}

/* ---- what goes wrong ---- */

/* The sockets cannot be copied: it stays, and with the next message it is tried again. */
static void allocation_that_cannot_go_stays(void **state)
{
	struct node n;
	make(&n, 1);
	assert_int_equal(show_ticket(&n, &n.new), 0);
	n.w[0]->fail_copy = true;
	client_channel(&n.new, CHANNEL, "lost", 4);
	deliver(&n);
	assert_silence(n.w[1]);
	assert_int_equal(fixture_count(n.w[0], TURN_C_MOVE_FAILED), 1);
	assert_works(&n, &n.old);

	n.w[0]->fail_copy = false;
	client_channel(&n.new, CHANNEL, "x", 1);
	deliver(&n);

	assert_to_peer(&n.new, &n.relayed, PEER, "x", 1);
	assert_works(&n, &n.new);
	destroy(&n);
}

/* The new worker has no room for it: it goes back to the old place. */
static void allocation_that_is_not_taken_comes_back(void **state)
{
	struct node n;
	make(&n, 1);
	assert_int_equal(show_ticket(&n, &n.new), 0);
	n.w[1]->fail_adopt = true;
	client_channel(&n.new, CHANNEL, "lost", 4);
	deliver(&n);
	assert_silence(n.w[1]);
	assert_int_equal(turn_server_allocations(n.w[0]->server), 1);
	assert_int_equal(fixture_count(n.w[0], TURN_C_MOVE_FAILED), 1);
	assert_works(&n, &n.old);
	n.w[1]->fail_adopt = false;

	/* The ticket it had been given is good still. */
	struct client third = at_worker(&n, 1, "192.0.2.3:1");
	assert_int_equal(show_ticket(&n, &third), 0);
	client_channel(&third, CHANNEL, "x", 1);
	deliver(&n);

	assert_to_peer(&third, &n.relayed, PEER, "x", 1);
	assert_works(&n, &third);
	destroy(&n);
}

static void allocation_that_came_back_goes_with_the_next_message(void **state)
{
	struct node n;
	make(&n, 1);
	assert_int_equal(show_ticket(&n, &n.new), 0);
	n.w[1]->fail_adopt = true;
	client_channel(&n.new, CHANNEL, "lost", 4);
	deliver(&n);
	n.w[1]->fail_adopt = false;

	client_channel(&n.new, CHANNEL, "x", 1);
	deliver(&n);

	assert_to_peer(&n.new, &n.relayed, PEER, "x", 1);
	assert_works(&n, &n.new);
	destroy(&n);
}

/* Nobody has room: it has ended, and its number and its lease are free again. */
static void allocation_that_nobody_takes_gives_everything_back(void **state)
{
	struct node n;
	struct fixture_config config;
	struct request r;
	struct reply reply;
	fixture_defaults(&config);
	config.has_leases = true;
	config.turn.subject_allocations = 1;
	config.turn.first_port = 50000;
	config.turn.last_port = 50003; /* two numbers for each worker */
	make_with(&n, 1, &config);
	client_challenge(&n.old);
	request_begin_allocate(&n.r);
	stun_write_bytes(&n.r.w, STUN_MOBILITY_TICKET, "", 0);
	request_sign(&n.r, &n.old);
	request_send(&n.r, &n.old, &reply);
	fixture_answer(n.w[0], &n.w[0]->asked[0], true);
	const struct packet *p = wire_take(n.w[0]);
	struct stun_msg m;
	assert_int_equal(stun_msg_decode(p->data, p->len, &m), 0);
	keep_ticket(&n, &m);
	assert_int_equal(show_ticket(&n, &n.new), 0);
	for (int i = 0; i < 2; i++)
		n.w[i]->fail_adopt = true;
	client_send(&n.new, PEER, "x", 1);
	deliver(&n);
	assert_int_equal(allocations(&n), 0);
	assert_int_equal(fixture_count(n.w[0], TURN_C_MOVE_LOST), 1);
	assert_int_equal(n.w[0]->n_put, 1);

	/* Both numbers can be had. */
	for (uint16_t i = 0; i < 2; i++) {
		struct client c = at_worker(&n, 0, "192.0.2.50:1");
		c.where.addr.port = (uint16_t)(100 + i);
		client_challenge(&c);
		request_begin_allocate(&r);
		request_sign(&r, &c);
		request_send(&r, &c, &reply);
		fixture_answer(n.w[0], &n.w[0]->asked[1 + i], true);
		wire_clear(n.w[0]);
	}
	assert_int_equal(turn_server_allocations(n.w[0]->server), 2);
	destroy(&n);
}

/* What an allocation may send is no more after a move, and what was dropped is not forgotten. */
static void limits_move_with_the_allocation(void **state)
{
	struct node n;
	struct fixture_config config;
	struct flow_bucket *b = flow_bucket_create(8); /* 64 KiB at once */
	struct turn_lease_grant g = {.subject = b};
	uint8_t payload[1200] = {0};
	struct reply reply;
	fixture_defaults(&config);
	config.has_leases = true;
	config.turn.subject_kbps = 8;
	config.turn.allocation_kbps = 16;
	config.turn.allocation_packets = 1000;
	make_with(&n, 1, &config);
	client_challenge(&n.old);
	request_begin_allocate(&n.r);
	stun_write_bytes(&n.r.w, STUN_MOBILITY_TICKET, "", 0);
	request_sign(&n.r, &n.old);
	request_send(&n.r, &n.old, &reply);
	turn_lease_answer(n.w[0]->server, &n.w[0]->asked[0], &g);
	const struct packet *p = wire_take(n.w[0]);
	struct stun_msg m;
	assert_int_equal(stun_msg_decode(p->data, p->len, &m), 0);
	keep_ticket(&n, &m);
	assert_int_equal(client_permit(&n.old, PEER), 0);
	for (unsigned i = 0; i < 60; i++)
		client_send(&n.old, PEER, payload, sizeof(payload));
	assert_int_equal(n.w[0]->n_sent, 65536 / sizeof(payload));
	wire_clear(n.w[0]);
	assert_int_equal(show_ticket(&n, &n.new), 0);

	for (unsigned i = 0; i < 10; i++)
		client_send(&n.new, PEER, payload, sizeof(payload));
	deliver(&n);

	assert_int_equal(n.w[1]->n_sent, 0);
	assert_int_equal(fixture_flow_count(n.w[1], FLOW_C_OVER_RATE) +
				 fixture_flow_count(n.w[1], FLOW_C_OVER_SUBJECT),
		10);
	destroy(&n);
	flow_bucket_destroy(b);
}

/* A lease belongs to the node, wherever the allocation is. */
static void lease_goes_back_once_after_a_move(void **state)
{
	struct node n;
	struct fixture_config config;
	struct reply reply;
	fixture_defaults(&config);
	config.has_leases = true;
	config.turn.subject_allocations = 1;
	make_with(&n, 1, &config);
	client_challenge(&n.old);
	request_begin_allocate(&n.r);
	stun_write_bytes(&n.r.w, STUN_MOBILITY_TICKET, "", 0);
	request_sign(&n.r, &n.old);
	request_send(&n.r, &n.old, &reply);
	fixture_answer(n.w[0], &n.w[0]->asked[0], true);
	const struct packet *p = wire_take(n.w[0]);
	struct stun_msg m;
	assert_int_equal(stun_msg_decode(p->data, p->len, &m), 0);
	keep_ticket(&n, &m);
	assert_int_equal(show_ticket(&n, &n.new), 0);
	client_send(&n.new, PEER, "x", 1);
	deliver(&n);
	assert_int_equal(n.w[0]->n_put, 0);
	assert_int_equal(client_refresh(&n.new, 0, NULL), 0);
	assert_int_equal(n.w[0]->n_put + n.w[1]->n_put, 1);
	destroy(&n);
}

/* Worker 0 never answers. */
static void question_without_an_answer_is_508(void **state)
{
	struct node n;
	struct reply reply;
	make(&n, 1);
	send_ticket(&n, &n.new, UINT32_MAX, &reply);
	request_send(&n.r, &n.new, &reply); /* once more, as over UDP */
	assert_false(reply.is_there);
	fixture_pass_s(n.w[1], 5);
	assert_int_equal(take_answer(&n, &n.new), STUN_INSUFFICIENT_CAPACITY);
	assert_int_equal(take_answer(&n, &n.new), STUN_INSUFFICIENT_CAPACITY);
	assert_int_equal(n.w[1]->wheel.count, 0);
	deliver(&n);
	assert_silence(n.w[1]);
	assert_works(&n, &n.old);
	destroy(&n);
}

/* The arrival has given up when the parcel comes. */
static void parcel_without_an_arrival_comes_back(void **state)
{
	struct node n;
	make(&n, 1);
	assert_int_equal(show_ticket(&n, &n.new), 0);
	client_channel(&n.new, CHANNEL, "x", 1);
	fixture_pass_s(n.w[1], 5);
	deliver(&n);
	assert_works(&n, &n.old);
	assert_int_equal(fixture_count(n.w[1], TURN_C_HELD_DROPPED), 1);
	destroy(&n);
}

static void full_worker_takes_no_arrival(void **state)
{
	struct node n;
	struct fixture_config config;
	fixture_defaults(&config);
	config.turn.max_allocations = 1;
	make_with(&n, 1, &config);
	assert_int_equal(allocate_mobile(&n, &n.old), 0);
	struct client other = at_worker(&n, 1, "192.0.2.9:1");
	assert_int_equal(client_allocate(&other, NULL), 0);

	assert_int_equal(show_ticket(&n, &n.new), STUN_INSUFFICIENT_CAPACITY);

	destroy(&n);
}

#define T(f) cmocka_unit_test(f)

int main(void)
{
	const struct CMUnitTest t[] = {
		T(ticket_is_only_for_who_asks),
		T(mobility_that_is_off_is_405),
		T(ticket_after_mobility_was_turned_off_is_405),
		T(allocate_with_a_ticket_that_is_not_empty_is_400),
		T(ticket_is_text_that_common_clients_can_keep),
		T(every_answer_has_another_ticket),
		T(changed_ticket_is_400),
		T(used_ticket_is_400),
		T(ticket_of_an_allocation_that_has_ended_is_437),
		T(ticket_of_another_user_is_441),
		T(ticket_on_its_own_tuple_is_400),
		T(ticket_on_the_tuple_of_another_allocation_is_437),
		T(expired_credential_may_move_until_the_grace_is_over),
		T(old_tuple_works_until_the_first_message_from_the_new_one),
		T(everything_of_the_allocation_comes_along),
		T(messages_wait_for_their_allocation),
		T(what_waits_is_bounded),
		T(request_from_the_new_tuple_moves_as_well),
		T(binding_request_moves_nothing),
		T(retransmitted_ticket_is_answered_again),
		T(allocation_can_move_again_and_again),
		T(client_that_moves_on_without_a_word_keeps_its_allocation),
		T(lifetime_of_zero_with_a_ticket_deletes),
		T(silent_arrival_ends_with_its_lifetime),
		T(udp_to_tcp_and_back),
		T(mobile_allocation_outlives_its_connection),
		T(end_of_the_old_connection_moves),
		T(new_connection_that_ends_without_a_word_loses_nothing),
		T(connection_that_ends_while_asking_gets_nothing),
		T(allocation_that_cannot_go_stays),
		T(allocation_that_is_not_taken_comes_back),
		T(allocation_that_came_back_goes_with_the_next_message),
		T(allocation_that_nobody_takes_gives_everything_back),
		T(limits_move_with_the_allocation),
		T(lease_goes_back_once_after_a_move),
		T(question_without_an_answer_is_508),
		T(parcel_without_an_arrival_comes_back),
		T(full_worker_takes_no_arrival),
	};
	int n_failed = cmocka_run_group_tests_name("sockets", t, NULL, NULL);
	fixture_without_sockets();
	n_failed += cmocka_run_group_tests_name("no sockets", t, NULL, NULL);
	return n_failed != 0;
}
