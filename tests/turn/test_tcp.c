/* SPDX-License-Identifier: BSD-3-Clause */
/* TCP allocations, RFC 6062: Allocate, Connect, peers that come. ConnectionBind: test_tcp_bind.c.
 */
#include "client.h"

#include <errno.h>
#include <string.h>

#define PEER "198.51.100.7:5000"

static void begin_tcp(struct request *r)
{
	request_begin(r, STUN_ALLOCATE);
	stun_write_transport(&r->w, 6);
}

static unsigned allocate_tcp(struct client *c, struct addr *relayed)
{
	struct request r;
	struct reply reply;
	begin_tcp(&r);
	unsigned code = client_ask(c, &r, &reply);
	if (code == 0)
		assert_true(reply_address(&reply, STUN_XOR_RELAYED_ADDRESS, 0, relayed));
	return code;
}

static void client_init_tcp(struct client *c, struct fixture *f, const char *text)
{
	struct auth_claims claims = claims_of("alice");
	client_init(c, f, text);
	c->where.transport = AUTH_TCP;
	claims.flags = AUTH_TCP_RELAY;
	client_mint(c, &claims, f->clock.wall_s + 8 * 3600);
}

/* An allocation at RELAYED. */
static struct client allocated(struct fixture *f, struct addr *relayed)
{
	struct client c;
	client_init_tcp(&c, f, "192.0.2.1:40000");
	assert_int_equal(allocate_tcp(&c, relayed), 0);
	return c;
}

static void write_peer(struct request *r, uint16_t method, const char *peer)
{
	struct addr a = at(peer);
	request_begin(r, method);
	stun_write_xor_address(&r->w, STUN_XOR_PEER_ADDRESS, &a);
}

/* The code of a Connect that is answered at once, 0 for one that waits. */
static unsigned try_connect(struct client *c, const char *peer)
{
	struct request r;
	struct reply reply;
	write_peer(&r, STUN_CONNECT, peer);
	request_sign(&r, c);
	request_send(&r, c, &reply);
	assert_true(!reply.is_there || reply.code != 0);
	return reply.code;
}

/* The answer that waits on the wire: its code; *ID when it is a success. */
static unsigned take_answer(struct fixture *f, uint32_t *id)
{
	const struct packet *p = wire_take(f);
	struct stun_msg m;
	struct stun_attr a;
	struct bytes reason;
	uint16_t code = 0;
	assert_non_null(p);
	assert_int_equal(stun_msg_decode(p->data, p->len, &m), 0);
	assert_int_equal(m.method, STUN_CONNECT);
	if (m.class == STUN_ERROR) {
		assert_true(stun_attr_find(&m, STUN_ERROR_CODE, &a));
		assert_int_equal(stun_attr_error(&a, &code, &reason), 0);
		return code;
	}
	assert_true(m.integrity != 0);
	assert_true(stun_attr_find(&m, STUN_CONNECTION_ID, &a));
	assert_int_equal(stun_attr_u32(&a, id), 0);
	return 0;
}

/* ---- Allocate, §5.1 ---- */

static void an_allocation_listens_on_a_relay_port(void **state)
{
	struct fixture *f = *state;
	struct addr relayed, local = at(RELAY4);
	struct client c = allocated(f, &relayed);
	(void)c;
	assert_true(addr_equal_ip(&relayed, &local));
	assert_true(wire_listens(f, &relayed));
}

static void tcp_over_udp_is_400(void **state)
{
	struct client c;
	struct addr relayed;
	client_init_tcp(&c, *state, "192.0.2.1:40000");
	c.where.transport = AUTH_UDP;
	assert_int_equal(allocate_tcp(&c, &relayed), STUN_BAD_REQUEST);
	c.where.transport = AUTH_DTLS;
	assert_int_equal(allocate_tcp(&c, &relayed), STUN_BAD_REQUEST);
	c.where.transport = AUTH_TLS;
	assert_int_equal(allocate_tcp(&c, &relayed), 0);
}

static void what_only_udp_has_is_400(void **state)
{
	struct client c;
	struct request r;
	struct reply reply;
	uint8_t token[8] = {0};
	client_init_tcp(&c, *state, "192.0.2.1:40000");
	for (int i = 0; i < 3; i++) {
		begin_tcp(&r);
		if (i == 0)
			stun_write_even_port(&r.w, false);
		else if (i == 1)
			stun_write_flag(&r.w, STUN_DONT_FRAGMENT);
		else
			stun_write_bytes(&r.w, STUN_RESERVATION_TOKEN, token, sizeof(token));
		assert_int_equal(client_ask(&c, &r, &reply), STUN_BAD_REQUEST);
	}
}

static void switched_off_it_is_442(void **state)
{
	struct fixture_config config;
	struct client c;
	struct addr relayed;
	(void)state;
	fixture_defaults(&config);
	config.turn.tcp_relay = false;
	struct fixture *f = fixture_create(&config);
	client_init_tcp(&c, f, "192.0.2.1:40000");
	assert_int_equal(allocate_tcp(&c, &relayed), STUN_TRANSPORT_NOT_SUPPORTED);
	assert_int_equal(fixture_count(f, TURN_C_REFUSED_442), 1);
	fixture_destroy(f);
}

static void a_credential_without_the_flag_is_403(void **state)
{
	struct fixture *f = *state;
	struct client c;
	struct addr relayed;
	struct auth_claims claims = claims_of("alice");
	client_init_tcp(&c, f, "192.0.2.1:40000");
	client_mint(&c, &claims, f->clock.wall_s + 3600);
	assert_int_equal(allocate_tcp(&c, &relayed), STUN_FORBIDDEN);
	assert_int_equal(auth_mint_rest(f->auth, f->clock.wall_s, f->clock.wall_s + 3600,
				 bytes_str("bob"), &c.credential),
		0);
	assert_int_equal(allocate_tcp(&c, &relayed), 0);
}

static void both_families_can_be_had(void **state)
{
	struct fixture *f = *state;
	struct client c;
	struct request r;
	struct reply reply;
	struct addr v4, v6;
	client_init_tcp(&c, f, "192.0.2.1:40000");
	begin_tcp(&r);
	stun_write_family(&r.w, STUN_ADDITIONAL_ADDRESS_FAMILY, 2);
	assert_int_equal(client_ask(&c, &r, &reply), 0);
	assert_true(reply_address(&reply, STUN_XOR_RELAYED_ADDRESS, 0, &v4));
	assert_true(reply_address(&reply, STUN_XOR_RELAYED_ADDRESS, 1, &v6));
	assert_int_equal(try_connect(&c, "[2001:db8:2::7]:5000"), 0);
	assert_true(addr_equal(&f->pipes[0]->local, &v6));

	/* One family goes, and its connections with it. */
	request_begin(&r, STUN_REFRESH);
	stun_write_u32(&r.w, STUN_LIFETIME, 0);
	stun_write_family(&r.w, STUN_REQUESTED_ADDRESS_FAMILY, 2);
	assert_int_equal(client_ask(&c, &r, &reply), 0);
	assert_int_equal(f->n_pipes, 0);
	assert_int_equal(try_connect(&c, "[2001:db8:2::7]:5000"), STUN_FAMILY_MISMATCH);
	assert_int_equal(try_connect(&c, PEER), 0);
}

/* §3: they are for the other kind. */
static void channels_and_send_indications_are_not_for_it(void **state)
{
	struct fixture *f = *state;
	struct addr relayed;
	struct client c = allocated(f, &relayed);
	assert_int_equal(client_permit(&c, "198.51.100.7"), 0);
	assert_int_equal(client_bind(&c, 0x4000, PEER), STUN_ALLOCATION_MISMATCH);
	client_send(&c, PEER, "x", 1);
	assert_silence(f);
	assert_int_equal(fixture_count(f, TURN_C_SEND_DROPPED), 1);
}

/* ---- Connect, §5.2 ---- */

static void connect_is_answered_when_the_peer_has(void **state)
{
	struct fixture *f = *state;
	struct addr relayed, peer = at(PEER);
	struct client c = allocated(f, &relayed);
	uint32_t id;

	assert_int_equal(try_connect(&c, PEER), 0);
	assert_silence(f);
	assert_true(addr_equal(&f->pipes[0]->peer, &peer));
	assert_true(addr_equal(&f->pipes[0]->local, &relayed));

	wire_opened(f, 0);
	assert_int_equal(take_answer(f, &id), 0);
	assert_int_equal(id >> 24, 0);
	assert_int_equal(fixture_count(f, TURN_C_CONNECT_OK), 1);
}

static void a_peer_that_fails_is_447(void **state)
{
	struct fixture *f = *state;
	struct addr relayed;
	struct client c = allocated(f, &relayed);
	uint32_t id;

	assert_int_equal(try_connect(&c, PEER), 0);
	wire_opened(f, -ECONNREFUSED);
	assert_int_equal(take_answer(f, &id), STUN_CONNECTION_TIMEOUT);
	f->dial_code = -ENETUNREACH;
	assert_int_equal(try_connect(&c, PEER), STUN_CONNECTION_TIMEOUT);
	f->dial_code = -EMFILE;
	assert_int_equal(try_connect(&c, PEER), STUN_INSUFFICIENT_CAPACITY);
	assert_int_equal(fixture_count(f, TURN_C_CONNECTIONS), 0);
}

static void a_peer_that_is_silent_is_447_after_30_seconds(void **state)
{
	struct fixture *f = *state;
	struct addr relayed;
	struct client c = allocated(f, &relayed);
	uint32_t id;

	assert_int_equal(try_connect(&c, PEER), 0);
	fixture_pass_ms(f, 29900);
	assert_silence(f);
	fixture_pass_ms(f, 200);
	assert_int_equal(take_answer(f, &id), STUN_CONNECTION_TIMEOUT);
	assert_int_equal(f->n_pipes, 0);
}

static void a_peer_that_is_connected_is_446(void **state)
{
	struct fixture *f = *state;
	struct addr relayed, peer = at(PEER);
	struct client c = allocated(f, &relayed);

	assert_int_equal(try_connect(&c, PEER), 0);
	assert_int_equal(try_connect(&c, PEER), STUN_CONNECTION_EXISTS);
	wire_opened(f, 0);
	wire_clear(f);
	assert_int_equal(try_connect(&c, PEER), STUN_CONNECTION_EXISTS);
	wire_ended(f);
	/* One that came by itself counts as well. */
	assert_int_equal(client_permit(&c, "198.51.100.7"), 0);
	wire_peer_connects(f, &relayed, &peer);
	wire_clear(f);
	assert_int_equal(try_connect(&c, PEER), STUN_CONNECTION_EXISTS);
	assert_int_equal(try_connect(&c, "198.51.100.7:5001"), 0);
	assert_int_equal(fixture_count(f, TURN_C_REFUSED_446), 3);
}

static void peers_are_judged_as_everywhere(void **state)
{
	struct fixture *f = *state;
	struct addr relayed;
	struct client c = allocated(f, &relayed);
	struct request r;
	struct reply reply;

	assert_int_equal(try_connect(&c, "127.0.0.1:80"), STUN_FORBIDDEN);
	assert_int_equal(try_connect(&c, LISTENER4), STUN_FORBIDDEN);
	assert_int_equal(try_connect(&c, "198.51.100.7:0"), STUN_FORBIDDEN);
	assert_int_equal(try_connect(&c, "[2001:db8:2::7]:5000"), STUN_FAMILY_MISMATCH);
	request_begin(&r, STUN_CONNECT);
	assert_int_equal(client_ask(&c, &r, &reply), STUN_BAD_REQUEST);
	assert_int_equal(f->n_pipes, 0);
}

static void connect_wants_a_tcp_allocation(void **state)
{
	struct fixture *f = *state;
	struct client c;
	struct request r;
	struct reply reply;

	client_init_tcp(&c, f, "192.0.2.1:40000");
	write_peer(&r, STUN_CONNECT, PEER);
	assert_int_equal(client_ask(&c, &r, &reply), STUN_ALLOCATION_MISMATCH);
	assert_int_equal(client_allocate(&c, NULL), 0);
	assert_int_equal(try_connect(&c, PEER), STUN_ALLOCATION_MISMATCH);
}

static void connections_of_an_allocation_are_limited(void **state)
{
	struct fixture *f = *state;
	struct addr relayed, peer = at("198.51.100.7:6000");
	struct client c = allocated(f, &relayed);
	const char *peers[] = {
		"198.51.100.7:1", "198.51.100.7:2", "198.51.100.7:3", "198.51.100.7:4"};

	for (size_t i = 0; i < ARRAY_LEN(peers); i++)
		assert_int_equal(try_connect(&c, peers[i]), 0);
	assert_int_equal(try_connect(&c, "198.51.100.7:5"), STUN_INSUFFICIENT_CAPACITY);
	assert_int_equal(client_permit(&c, "198.51.100.7"), 0);
	wire_peer_connects(f, &relayed, &peer);
	assert_silence(f);
	assert_int_equal(fixture_count(f, TURN_C_CONNECTION_LIMIT), 1);
	assert_int_equal(f->n_pipes, 4);
}

/* ---- peers that come, §5.3 ---- */

static void a_permitted_peer_is_announced(void **state)
{
	struct fixture *f = *state;
	struct addr relayed, peer = at(PEER), told;
	struct client c = allocated(f, &relayed);
	struct stun_msg m;
	struct stun_attr a;
	uint32_t id;

	assert_int_equal(client_permit(&c, "198.51.100.7"), 0);
	wire_peer_connects(f, &relayed, &peer);

	const struct packet *p = wire_take(f);
	assert_non_null(p);
	assert_true(addr_equal(&p->to, &c.where.addr));
	assert_int_equal(stun_msg_decode(p->data, p->len, &m), 0);
	assert_int_equal(m.class, STUN_INDICATION);
	assert_int_equal(m.method, STUN_CONNECTION_ATTEMPT);
	assert_true(stun_attr_find(&m, STUN_XOR_PEER_ADDRESS, &a));
	assert_int_equal(stun_attr_xor_address(&m, &a, &told), 0);
	assert_true(addr_equal(&told, &peer));
	assert_true(stun_attr_find(&m, STUN_CONNECTION_ID, &a));
	assert_int_equal(stun_attr_u32(&a, &id), 0);
	assert_int_equal(fixture_count(f, TURN_C_CONNECTION_ATTEMPT), 1);
}

static void a_peer_without_permission_is_closed(void **state)
{
	struct fixture *f = *state;
	struct addr relayed, peer = at(PEER);
	struct client c = allocated(f, &relayed);

	wire_peer_connects(f, &relayed, &peer);
	assert_int_equal(client_permit(&c, "198.51.100.8"), 0);
	wire_peer_connects(f, &relayed, &peer);
	assert_silence(f);
	assert_int_equal(f->n_pipes, 0);
	assert_int_equal(fixture_count(f, TURN_C_CONNECTION_NOT_PERMITTED), 2);
}

static void a_connection_that_nobody_binds_ends_after_30_seconds(void **state)
{
	struct fixture *f = *state;
	struct addr relayed, peer = at(PEER);
	struct client c = allocated(f, &relayed);

	assert_int_equal(client_permit(&c, "198.51.100.7"), 0);
	wire_peer_connects(f, &relayed, &peer);
	wire_clear(f);
	assert_int_equal(try_connect(&c, "198.51.100.7:1"), 0);
	wire_opened(f, 0);
	fixture_pass_ms(f, 29900);
	assert_int_equal(f->n_pipes, 2);
	fixture_pass_ms(f, 200);
	assert_int_equal(f->n_pipes, 0);
	assert_int_equal(fixture_count(f, TURN_C_CONNECTION_UNBOUND), 2);
}

static void a_peer_for_whom_there_is_no_room_is_closed(void **state)
{
	struct fixture *f = *state;
	struct addr relayed, peer = at(PEER);
	struct client c = allocated(f, &relayed);

	assert_int_equal(client_permit(&c, "198.51.100.7"), 0);
	f->fail_take = true;
	wire_peer_connects(f, &relayed, &peer);
	f->fail_take = false;
	struct net_buf *held = fixture_hold(f, 0);
	wire_peer_connects(f, &relayed, &peer);
	fixture_release(f, held);
	assert_silence(f);
	assert_int_equal(f->n_pipes, 0);
	assert_int_equal(fixture_count(f, TURN_C_CONNECTION_NO_MEMORY), 1);
	assert_int_equal(fixture_count(f, TURN_C_NO_BUFFER), 1);
}

/* ---- the end ---- */

static void connections_end_with_the_allocation(void **state)
{
	struct fixture *f = *state;
	struct addr relayed, peer = at(PEER);

	for (int how = 0; how < 3; how++) {
		struct client c = allocated(f, &relayed);
		assert_int_equal(client_permit(&c, "198.51.100.7"), 0);
		wire_peer_connects(f, &relayed, &peer);
		wire_clear(f);
		assert_int_equal(try_connect(&c, "198.51.100.7:1"), 0);
		wire_clear(f);
		assert_int_equal(f->n_pipes, 2);
		if (how == 0)
			assert_int_equal(client_refresh(&c, 0, NULL), 0);
		else if (how == 1)
			turn_client_closed(f->server, c.where.port, &c.where.addr);
		else
			fixture_pass_s(f, 601);
		wire_clear(f);
		assert_int_equal(f->n_pipes, 0);
		assert_null(wire_find(f, &relayed));
	}
}

static void a_revocation_ends_them(void **state)
{
	struct fixture *f = *state;
	struct addr relayed;
	struct client c = allocated(f, &relayed);
	struct auth_claims claims = claims_of("alice");
	struct auth_revocation r = {.kind = AUTH_REVOKE_SUBJECT, .until_s = UINT64_MAX};

	assert_int_equal(try_connect(&c, PEER), 0);
	memcpy(r.id, claims.subject, AUTH_SUBJECT_LEN);
	fixture_revoke(f, &r);
	assert_int_equal(f->n_pipes, 0);
	assert_int_equal(turn_server_allocations(f->server), 0);
}

static void new_rules_end_connections_with_peers_they_deny(void **state)
{
	struct fixture *f = *state;
	struct prefix deny;
	struct addr relayed;
	struct client c = allocated(f, &relayed);
	uint32_t id;

	assert_int_equal(prefix_parse("198.51.100.7/32", &deny), 0);
	assert_int_equal(try_connect(&c, PEER), 0);
	wire_opened(f, 0);
	wire_clear(f);
	assert_int_equal(try_connect(&c, "198.51.100.8:1"), 0);
	assert_int_equal(try_connect(&c, "198.51.100.7:1"), 0);
	f->config.turn.peers.deny = &deny;
	f->config.turn.peers.n_deny = 1;
	struct turn_snapshot *s = fixture_snapshot(f, &f->config.turn);
	turn_server_snapshot(f->server, s);
	turn_snapshot_put(s);
	assert_int_equal(f->n_pipes, 1);
	assert_int_equal(take_answer(f, &id), STUN_FORBIDDEN); /* the one that waited */
	assert_silence(f);
	wire_opened(f, 0);
	assert_int_equal(take_answer(f, &id), 0);
}

static void its_bytes_are_the_allocations_and_keep_to_its_rate(void **state)
{
	struct fixture *f = *state;
	struct auth_claims claims = claims_of("alice");
	struct client c;
	struct addr relayed;

	client_init_tcp(&c, f, "192.0.2.1:40000");
	claims.flags = AUTH_TCP_RELAY;
	claims.kbps = 800;
	client_mint(&c, &claims, f->clock.wall_s + 3600);
	assert_int_equal(allocate_tcp(&c, &relayed), 0);
	assert_int_equal(try_connect(&c, PEER), 0);
	wire_opened(f, 0);
	wire_clear(f);
	struct turn_connection *owner = f->pipes[0]->owner;

	size_t burst = turn_tcp_room(owner, NET_CLIENT);
	turn_tcp_passed(owner, NET_CLIENT, burst);
	assert_int_equal(turn_tcp_room(owner, NET_CLIENT), 0);
	assert_int_equal(turn_tcp_room(owner, NET_PEER), burst); /* each direction for itself */
	fixture_pass_ms(f, 100);
	assert_int_equal(turn_tcp_room(owner, NET_CLIENT), 10000);
	assert_int_equal(fixture_flow_count(f, FLOW_C_STREAM_UP_BYTES), burst);
}

int main(void)
{
	const struct CMUnitTest t[] = {
#define T(name) cmocka_unit_test_setup_teardown(name, fixture_setup, fixture_teardown)
		T(an_allocation_listens_on_a_relay_port),
		T(tcp_over_udp_is_400),
		T(what_only_udp_has_is_400),
		cmocka_unit_test(switched_off_it_is_442),
		T(a_credential_without_the_flag_is_403),
		T(both_families_can_be_had),
		T(channels_and_send_indications_are_not_for_it),
		T(connect_is_answered_when_the_peer_has),
		T(a_peer_that_fails_is_447),
		T(a_peer_that_is_silent_is_447_after_30_seconds),
		T(a_peer_that_is_connected_is_446),
		T(peers_are_judged_as_everywhere),
		T(connect_wants_a_tcp_allocation),
		T(connections_of_an_allocation_are_limited),
		T(a_permitted_peer_is_announced),
		T(a_peer_without_permission_is_closed),
		T(a_connection_that_nobody_binds_ends_after_30_seconds),
		T(a_peer_for_whom_there_is_no_room_is_closed),
		T(connections_end_with_the_allocation),
		T(a_revocation_ends_them),
		T(new_rules_end_connections_with_peers_they_deny),
		T(its_bytes_are_the_allocations_and_keep_to_its_rate),
	};
	return cmocka_run_group_tests(t, NULL, NULL) != 0;
}
