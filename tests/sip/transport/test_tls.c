/* SPDX-License-Identifier: BSD-3-Clause */
/* SIP over TLS: one layer dials its own listener, so that both ends are seen. */
#include "tls.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#define OPTIONS "OPTIONS sip:bob@example.com SIP/2.0\r\nContent-Length: 0\r\n\r\n"
#define ANSWER  "SIP/2.0 200 OK\r\nContent-Length: 0\r\n\r\n"

static const struct party edge = {.dns = "edge.example"};
static const struct party client = {.dns = "client.example"};

struct fixture {
	struct rig *rig;
	struct pki pki;
};

static int setup(void **state)
{
	struct fixture *f = calloc(1, sizeof(*f));

	assert_non_null(f);
	(void)rig_setup((void **)&f->rig);
	pki_init(&f->pki);
	*state = f;
	return 0;
}

static int teardown(void **state)
{
	struct fixture *f = *state;

	(void)rig_teardown((void **)&f->rig);
	pki_fini(&f->pki);
	free(f);
	return 0;
}

static void start(struct fixture *f, const struct party *listener, const struct party *dialler)
{
	struct rig *r = f->rig;
	struct ssl_ctx_st *l = pki_listener(&f->pki, listener, true);
	struct ssl_ctx_st *d = pki_dialler(&f->pki, dialler);

	rig_listen(r, SIP_TLS, l);
	r->config.client_tls = d;
	rig_start(r);
	crypto_tls_destroy(l);
	crypto_tls_destroy(d);
}

static struct sip_flow request(struct fixture *f, const char *name, uint64_t token)
{
	struct sip_target to = {
		.transport = SIP_TLS, .addr = sip_transport_local(f->rig->layer, 0)};
	struct sip_flow flow = {0, 0};

	snprintf(to.name, sizeof(to.name), "%s", name);
	assert_int_equal(
		sip_transport_request(f->rig->layer, &to, rig_bytes(OPTIONS), token, &flow), 0);
	return flow;
}

/* ---- who is who ---- */

static void both_sides_know_each_other(void **state)
{
	struct fixture *f = *state;
	struct rig *r = f->rig;
	start(f, &edge, &client);

	struct sip_flow flow = request(f, "EDGE.example", 1);
	rig_until(r, SIP_TRANSPORT_C_RX_TLS, 1);
	assert_int_equal(r->arrival.listener, 0);
	assert_true(sip_peer_is(r->arrival.peer, "client.example"));
	assert_int_equal(
		sip_transport_send(r->layer, r->arrival.flow, NULL, rig_bytes(ANSWER), 2), 0);
	rig_until(r, SIP_TRANSPORT_C_RX_TLS, 2);

	assert_string_equal(r->text, ANSWER);
	assert_true(sip_flow_equal(r->arrival.flow, flow));
	assert_true(sip_peer_is(r->arrival.peer, "edge.example"));
	assert_int_equal(r->n_failed, 0);
}

/* The client of TLS 1.3 is done before the server has looked at its certificate: what it has sent
 * by then is lost with the flow. */
static void assert_client_is_refused(struct fixture *f, const struct party *who)
{
	struct rig *r = f->rig;
	start(f, &edge, who);

	struct sip_flow flow = request(f, "edge.example", 1);
	while (r->n_closed < 2)
		rig_turn(r);

	assert_int_equal(r->n_arrived, 0);
	assert_int_equal(rig_counted(r, SIP_TRANSPORT_C_END_HANDSHAKE), 1);
	assert_true(rig_is_gone(r, flow));
}

static void client_without_certificate_is_refused(void **state)
{
	assert_client_is_refused(*state, &(struct party){.has_none = true});
}

static void client_of_another_ca_is_refused(void **state)
{
	assert_client_is_refused(
		*state, &(struct party){.dns = "client.example", .is_stranger = true});
}

static void client_with_expired_certificate_is_refused(void **state)
{
	assert_client_is_refused(
		*state, &(struct party){.dns = "client.example", .is_expired = true});
}

static void assert_server_is_refused(struct fixture *f, const struct party *who, const char *name,
	enum sip_transport_counter counter, int why)
{
	struct rig *r = f->rig;
	start(f, who, &client);

	(void)request(f, name, 5);
	rig_until(r, counter, 1);

	assert_int_equal(r->n_failed, 1);
	assert_int_equal(r->failed[0], 5);
	assert_int_equal(r->failed_why, why);
	assert_int_equal(r->n_arrived, 0);
}

static void server_of_another_ca_is_refused(void **state)
{
	assert_server_is_refused(*state,
		&(struct party){.dns = "edge.example", .is_stranger = true}, "edge.example",
		SIP_TRANSPORT_C_END_HANDSHAKE, ERR_TLS);
}

static void server_with_expired_certificate_is_refused(void **state)
{
	assert_server_is_refused(*state, &(struct party){.dns = "edge.example", .is_expired = true},
		"edge.example", SIP_TRANSPORT_C_END_HANDSHAKE, ERR_TLS);
}

/* RFC 5922 §7.3 */
static void server_with_another_name_is_refused(void **state)
{
	assert_server_is_refused(
		*state, &edge, "other.example", SIP_TRANSPORT_C_END_IDENTITY, ERR_DENIED);
}

static void server_named_by_its_address_needs_it_in_its_certificate(void **state)
{
	assert_server_is_refused(
		*state, &edge, "127.0.0.1", SIP_TRANSPORT_C_END_IDENTITY, ERR_DENIED);
}

static void server_with_its_address_is_let_in(void **state)
{
	struct fixture *f = *state;
	start(f, &(struct party){.ip = "127.0.0.1"}, &client);

	(void)request(f, "127.0.0.1", 1);
	rig_until(f->rig, SIP_TRANSPORT_C_RX_TLS, 1);
}

static void owner_may_close_the_flow_and_look_at_its_peer(void **state)
{
	struct fixture *f = *state;
	f->rig->is_closing = true;
	start(f, &edge, &client);

	(void)request(f, "edge.example", 1);
	rig_until(f->rig, SIP_TRANSPORT_C_END_PEER, 1);

	assert_true(sip_peer_is(&f->rig->peer, "client.example"));
}

static void client_of_another_name_is_refused_behind_the_handshake(void **state)
{
	struct fixture *f = *state;
	struct rig *r = f->rig;
	r->trusted = "friend.example";
	start(f, &edge, &client);

	(void)request(f, "edge.example", 1);
	rig_until(r, SIP_TRANSPORT_C_END_IDENTITY, 1);
	while (r->n_closed < 2)
		rig_turn(r);

	assert_int_equal(r->n_arrived, 0);
}

static void client_of_the_right_name_is_let_in(void **state)
{
	struct fixture *f = *state;
	f->rig->trusted = "client.example";
	start(f, &edge, &client);

	(void)request(f, "edge.example", 1);

	rig_until(f->rig, SIP_TRANSPORT_C_RX_TLS, 1);
}

/* ---- groups ---- */

static struct sip_flow request_of(struct fixture *f, uint32_t group, struct ssl_ctx_st *tls)
{
	struct sip_target to = {.transport = SIP_TLS,
		.addr = sip_transport_local(f->rig->layer, 0),
		.name = "edge.example",
		.tls = tls,
		.group = group};
	struct sip_flow flow = {0, 0};

	assert_int_equal(
		sip_transport_request(f->rig->layer, &to, rig_bytes(OPTIONS), 0, &flow), 0);
	return flow;
}

static void each_group_has_its_connection_and_shows_its_certificate(void **state)
{
	struct fixture *f = *state;
	struct rig *r = f->rig;
	struct ssl_ctx_st *other = pki_dialler(&f->pki, &(struct party){.dns = "other.example"});
	start(f, &edge, &client);
	struct sip_flow first = request_of(f, 0, NULL);
	rig_until(r, SIP_TRANSPORT_C_RX_TLS, 1);
	assert_true(sip_peer_is(r->arrival.peer, "client.example"));

	struct sip_flow second = request_of(f, 1, other);
	crypto_tls_destroy(other); /* the connection has its own count */
	rig_until(r, SIP_TRANSPORT_C_RX_TLS, 2);

	assert_true(sip_peer_is(r->arrival.peer, "other.example"));
	assert_false(sip_flow_equal(first, second));
	assert_true(sip_flow_equal(first, request_of(f, 0, NULL)));
}

/* ---- reuse ---- */

static void name_decides_over_the_connection(void **state)
{
	struct fixture *f = *state;
	struct rig *r = f->rig;
	start(f, &(struct party){.dns = "edge.example", .uri = "sip:edge.example"}, &client);
	struct sip_flow first = request(f, "edge.example", 1);
	rig_until(r, SIP_TRANSPORT_C_RX_TLS, 1);

	struct sip_flow second = request(f, "edge.example", 2);
	struct sip_flow third = request(f, "other.example", 3);
	rig_until(r, SIP_TRANSPORT_C_END_IDENTITY, 1);

	assert_true(sip_flow_equal(first, second));
	assert_false(sip_flow_equal(first, third));
	assert_int_equal(r->failed[0], 3);
}

/* RFC 5923 §5 */
static void alias_brings_requests_to_whom_the_certificate_names(void **state)
{
	struct fixture *f = *state;
	struct rig *r = f->rig;
	struct sip_target to = {.transport = SIP_TLS, .name = "client.example"};
	struct sip_flow flow;
	start(f, &edge, &client);
	(void)request(f, "edge.example", 1);
	rig_until(r, SIP_TRANSPORT_C_RX_TLS, 1);
	struct sip_flow accepted = r->arrival.flow;
	to.addr = r->arrival.remote;
	to.addr.port = 1; /* nobody listens there */

	assert_int_equal(sip_transport_alias(r->layer, accepted, 1), 0);
	assert_int_equal(sip_transport_request(r->layer, &to, rig_bytes(ANSWER), 2, &flow), 0);
	assert_true(sip_flow_equal(flow, accepted));
	rig_until(r, SIP_TRANSPORT_C_RX_TLS, 2);
	assert_int_equal(r->arrival.listener, SIP_NO_LISTENER);

	strcpy(to.name, "other.example");
	assert_int_equal(sip_transport_request(r->layer, &to, rig_bytes(ANSWER), 3, &flow), 0);
	assert_false(sip_flow_equal(flow, accepted));
	rig_until(r, SIP_TRANSPORT_C_END_CONNECT, 1);
}

/* ---- new certificates ---- */

static void new_certificate_is_for_new_connections(void **state)
{
	struct fixture *f = *state;
	struct rig *r = f->rig;
	start(f, &edge, &client);
	struct sip_flow old = request(f, "edge.example", 1);
	rig_until(r, SIP_TRANSPORT_C_RX_TLS, 1);
	struct ssl_ctx_st *l = pki_listener(&f->pki, &(struct party){.dns = "new.example"}, true);
	struct ssl_ctx_st *d = pki_dialler(&f->pki, &(struct party){.dns = "newer.example"});

	sip_transport_tls_set(r->layer, 0, l);
	sip_transport_client_tls_set(r->layer, d);
	crypto_tls_destroy(l);
	crypto_tls_destroy(d);
	assert_true(sip_flow_equal(request(f, "edge.example", 2), old));
	rig_until(r, SIP_TRANSPORT_C_RX_TLS, 2);
	assert_true(sip_peer_is(r->arrival.peer, "client.example"));
	assert_false(sip_flow_equal(request(f, "new.example", 3), old));
	rig_until(r, SIP_TRANSPORT_C_RX_TLS, 3);

	assert_true(sip_peer_is(r->arrival.peer, "newer.example"));
	assert_int_equal(r->n_closed, 0);
}

/* ---- bytes ---- */

static void long_messages_pass_whole(void **state)
{
	struct fixture *f = *state;
	struct rig *r = f->rig;
	static char text[60000];
	int head = snprintf(
		text, sizeof(text), "OPTIONS sip:a@b SIP/2.0\r\nContent-Length: 50000\r\n\r\n");
	for (int i = head; i < head + 50000; i++)
		text[i] = (char)('a' + i % 23);
	start(f, &edge, &client);
	struct sip_flow flow = request(f, "edge.example", 1);

	for (uint64_t n = 2; n < 22; n++)
		assert_int_equal(sip_transport_send(r->layer, flow, NULL,
					 bytes_of(text, (size_t)head + 50000), n),
			n < 7 ? 0 : ERR_FULL); /* of 256 KiB for what waits */
	rig_until(r, SIP_TRANSPORT_C_RX_TLS, 6);

	assert_memory_equal(r->text, text, (size_t)head + 50000);
}

/* TLS keeps a record of it that leaves with whatever is sent next. */
static void message_that_was_begun_is_not_just_refused(void **state)
{
	struct fixture *f = *state;
	struct rig *r = f->rig;
	static const char text[8000];
	int rc;
	r->config.limits.buffer_bytes = 4096;
	start(f, &edge, &client);
	struct sip_flow flow = request(f, "edge.example", 1);
	rig_until(r, SIP_TRANSPORT_C_RX_TLS, 1);

	do
		rc = sip_transport_send(r->layer, flow, NULL, bytes_of(text, sizeof(text)), 2);
	while (rc == 0);

	assert_int_equal(rc, -EPIPE);
	rig_until(r, SIP_TRANSPORT_C_END_BUFFERS, 1);
	assert_true(rig_is_gone(r, flow));
}

static void handshake_must_be_done_in_time(void **state)
{
	struct fixture *f = *state;
	struct rig *r = f->rig;
	start(f, &edge, &client);
	int fd = rig_connect(r, 0);
	rig_until(r, SIP_TRANSPORT_C_ACCEPTED, 1);

	rig_wait(r, r->config.limits.handshake_ms - 200);
	rig_say(fd, "\x16\x03\x01"); /* the beginning of one */
	rig_turn(r);
	assert_int_equal(r->n_closed, 0);
	rig_wait(r, 400);

	assert_int_equal(rig_counted(r, SIP_TRANSPORT_C_END_SLOW), 1);
	close(fd);
}

static void of_too_many_handshakes_the_oldest_ends(void **state)
{
	struct fixture *f = *state;
	struct rig *r = f->rig;
	r->config.limits.unready = 2;
	start(f, &edge, &client);
	(void)request(f, "edge.example", 1);
	rig_until(r, SIP_TRANSPORT_C_RX_TLS, 1); /* is through, and counts no more */

	int fd[3];
	for (int i = 0; i < 3; i++)
		fd[i] = rig_connect(r, 0);
	rig_hear_end(r, fd[0]);

	assert_int_equal(rig_counted(r, SIP_TRANSPORT_C_END_CROWDED), 1);
	assert_true(rig_is_quiet(r, fd[1]));
	assert_true(rig_is_quiet(r, fd[2]));
	for (int i = 0; i < 3; i++)
		close(fd[i]);
}

static void what_is_no_handshake_ends_the_connection(void **state)
{
	struct fixture *f = *state;
	struct rig *r = f->rig;
	start(f, &edge, &client);
	int fd = rig_connect(r, 0);

	rig_say(fd, OPTIONS);
	rig_until(r, SIP_TRANSPORT_C_END_HANDSHAKE, 1);

	assert_int_equal(r->n_arrived, 0);
	close(fd);
}

int main(void)
{
	const struct CMUnitTest t[] = {
#define TEST(f) cmocka_unit_test_setup_teardown(f, setup, teardown)
		TEST(both_sides_know_each_other),
		TEST(client_without_certificate_is_refused),
		TEST(client_of_another_ca_is_refused),
		TEST(client_with_expired_certificate_is_refused),
		TEST(server_of_another_ca_is_refused),
		TEST(server_with_expired_certificate_is_refused),
		TEST(server_with_another_name_is_refused),
		TEST(server_named_by_its_address_needs_it_in_its_certificate),
		TEST(server_with_its_address_is_let_in),
		TEST(owner_may_close_the_flow_and_look_at_its_peer),
		TEST(client_of_another_name_is_refused_behind_the_handshake),
		TEST(client_of_the_right_name_is_let_in),
		TEST(each_group_has_its_connection_and_shows_its_certificate),
		TEST(name_decides_over_the_connection),
		TEST(alias_brings_requests_to_whom_the_certificate_names),
		TEST(new_certificate_is_for_new_connections),
		TEST(long_messages_pass_whole),
		TEST(message_that_was_begun_is_not_just_refused),
		TEST(handshake_must_be_done_in_time),
		TEST(of_too_many_handshakes_the_oldest_ends),
		TEST(what_is_no_handshake_ends_the_connection),
	};
	return cmocka_run_group_tests(t, NULL, NULL) != 0;
}
