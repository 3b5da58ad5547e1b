/* SPDX-License-Identifier: BSD-3-Clause */
/* Where SIP messages go, with transports that are the test's: what they are given is kept. */
#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "../../../src/daemon/call/plan.h"

#define N_TRUNKS    4
#define FRONT       N_TRUNKS
#define N_LISTENERS 5

struct fixture {
	struct call_thread thread;
	struct options_mediation options;
	struct call_plan plan;
	struct options_trunk trunk_options[N_TRUNKS];
	struct options_pool pool;
	const char *names[1];
	struct call_trunk trunks[N_TRUNKS + 1];
	struct trunk_config configs[N_TRUNKS + 1];
	metrics_cell trunk_cells[(N_TRUNKS + 1) * TRUNK_C_COUNT];
	struct sip_listener_config listeners[N_LISTENERS];
	struct call_host hosts[N_LISTENERS];
	struct clock clock;
	struct wheel wheel;
	metrics_cell cells[TRANSACTION_C_COUNT];
	size_t n_requests; /* that came through to the user of transactions */
};

/* ---- transports ---- */

static struct {
	int by_flow; /* what sending by a flow comes to */
	size_t n_sent, n_dialled;
	struct sip_target target;
} wire;

int sip_transport_send(struct sip_transport_layer *t, struct sip_flow flow, const struct addr *to,
	struct bytes m, uint64_t token)
{
	(void)t;
	(void)flow;
	(void)to;
	(void)m;
	(void)token;
	wire.n_sent++;
	return wire.by_flow;
}

int sip_transport_request(struct sip_transport_layer *t, const struct sip_target *target,
	struct bytes m, uint64_t token, struct sip_flow *flow)
{
	(void)t;
	(void)m;
	(void)token;
	wire.n_dialled++;
	wire.target = *target;
	*flow = (struct sip_flow){7, 1};
	return 0;
}

/* ---- the thread ---- */

const struct sip_account *call_gateways_account(const struct call_thread *t, uint32_t trunk)
{
	(void)t;
	(void)trunk;
	return NULL;
}

struct call_plan *call_plan_get(struct call_plan *p)
{
	return p;
}

void call_plan_put(struct call_plan *p)
{
	(void)p;
}

static struct addr address(const char *ip, uint16_t port)
{
	struct addr a;

	assert_int_equal(addr_parse(ip, port, &a), 0);
	return a;
}

static void on_request(void *arg, struct server_transaction *s, const struct sip_msg *m)
{
	struct fixture *f = arg;

	(void)m;
	f->n_requests++;
	server_transaction_leave(s);
}

static void on_ack(void *arg, const struct sip_msg *m, const struct transaction_hop *from)
{
	(void)arg;
	(void)m;
	(void)from;
}

static void listen_on(struct fixture *f, uint32_t i, enum sip_transport transport, uint16_t port)
{
	f->listeners[i].transport = transport;
	f->listeners[i].local = address("192.0.2.1", port);
}

static void listen_by_tls(struct fixture *f, uint32_t i, uint16_t port, uint32_t group)
{
	listen_on(f, i, SIP_TLS, port);
	f->listeners[i].group = group;
	f->thread.tls.pairs[group].dials = (void *)&f->listeners[i]; /* any that is not NULL */
}

static void connect_trunk(
	struct fixture *f, size_t i, uint32_t place, const char *gateway, uint16_t port)
{
	struct trunk_config *c = &f->configs[i];

	f->trunks[i] =
		(struct call_trunk){.transport = f->listeners[place - 1].transport, .place = place};
	*c = (struct trunk_config){.name = "trunk",
		.is_enabled = true,
		.fail_after = 3,
		.gateway = {.port = port, .transport = f->trunks[i].transport}};
	strcpy(c->gateway.host, gateway);
}

static void make_running(struct fixture *f)
{
	const struct trunks_config c = {.wheel = &f->wheel,
		.clock = &f->clock,
		.trunks = f->configs,
		.n_trunks = N_TRUNKS + 1,
		.cells = f->trunk_cells,
		.random_below = crypto_random_below};

	f->thread.running = trunks_create(&c);
	assert_non_null(f->thread.running);
}

static int setup(void **state)
{
	struct fixture *f = calloc(1, sizeof(*f));

	assert_non_null(f);
	memset(&wire, 0, sizeof(wire));
	wheel_init(&f->wheel, 0, NULL);
	listen_on(f, 0, SIP_TCP, 5068);
	listen_on(f, 1, SIP_TCP, 5069);
	listen_on(f, 2, SIP_UDP, 5060);
	connect_trunk(f, 0, 1, "198.51.100.1", 5060);
	connect_trunk(f, 1, 2, "198.51.100.2", 5070);
	connect_trunk(f, 2, 2, "198.51.100.2", 5072);
	for (size_t i = 0; i < N_TRUNKS; i++)
		f->trunk_options[i].enabled = true;
	f->options.trunks = (struct conf_list){f->trunk_options, N_TRUNKS};
	f->options.pools = (struct conf_list){&f->pool, 1};
	f->pool.has_client_tls = f->pool.has_next_hop = true;
	f->pool.next_hop.host = "fe.example.net";
	f->plan.options = &f->options;
	for (uint32_t i = 0; i < N_TRUNKS; i++) {
		f->plan.numbers[i] = i;
		f->plan.places[i] = i + 1;
	}
	f->thread = (struct call_thread){.plan = &f->plan,
		.listeners = f->listeners,
		.hosts = f->hosts,
		.n_listeners = N_LISTENERS,
		.trunks = f->trunks,
		.n_trunks = N_TRUNKS,
		.n_used = N_TRUNKS,
		.client_place = 5};
	listen_by_tls(f, 3, 5067, call_tls_trunks(0));
	listen_by_tls(f, 4, 5070, call_tls_clients(0));
	connect_trunk(f, 3, 4, "198.51.100.4", 5067);
	f->trunks[3].name = "gw.example.net";
	connect_trunk(f, FRONT, 5, "192.0.2.5", 5061);
	f->trunks[FRONT].name = "fe.example.net";
	make_running(f);
	struct transactions_config c = {.wheel = &f->wheel,
		.clock = &f->clock,
		.carrier = call_ways_carrier(&f->thread),
		.user = {on_request, on_ack, f},
		.cells = f->cells,
		.timers = transaction_timers_default,
		.max_server = 16,
		.max_client = 16,
		.max_bytes = 65536};
	f->thread.transactions = transactions_create(&c);
	assert_non_null(f->thread.transactions);
	*state = f;
	return 0;
}

static int teardown(void **state)
{
	struct fixture *f = *state;

	trunks_destroy(f->thread.running);
	transactions_destroy(f->thread.transactions);
	free(f);
	return 0;
}

/* A BYE on a connection between our address and REMOTE, whose certificate PEER is. */
static void receive_from(struct fixture *f, enum sip_transport transport, uint32_t listener,
	struct addr remote, const struct crypto_peer *peer)
{
	static const char bye[] =
		"BYE sip:a@192.0.2.1 SIP/2.0\r\n"
		"Via: SIP/2.0/TCP 198.51.100.2:5070;branch=z9hG4bK1\r\n"
		"From: <sip:b@example.com>;tag=1\r\nTo: <sip:a@192.0.2.1>;tag=2\r\n"
		"Call-ID: c\r\nCSeq: 2 BYE\r\nMax-Forwards: 70\r\n"
		"Content-Length: 0\r\n\r\n";
	const struct sip_arrival a = {.message = bytes_str(bye),
		.transport = transport,
		.peer = peer,
		.flow = {9, 1},
		.local = address("192.0.2.1", 40000),
		.remote = remote,
		.listener = listener};
	struct sip_transport_user u = call_ways_transport(&f->thread);

	u.arrived(u.arg, &a);
}

static void receive(struct fixture *f, uint32_t listener, struct addr remote)
{
	receive_from(f, SIP_TCP, listener, remote, NULL);
}

static struct crypto_peer named(const char *name)
{
	struct crypto_peer p = {.has_certificate = true, .n_names = 1};

	strcpy(p.names[0], name);
	return p;
}

static int send_to(struct fixture *f, struct transaction_hop *to, const char *text)
{
	struct transaction_carrier c = call_ways_carrier(&f->thread);

	return c.send(c.arg, to, bytes_str(text));
}

/* ---- tests ---- */

/* Its trunk listens on another port than the first one of our address. */
static void gateway_may_use_the_connection_that_we_have_dialled(void **state)
{
	struct fixture *f = *state;

	receive(f, SIP_NO_LISTENER, address("198.51.100.2", 5070));
	assert_int_equal(f->n_requests, 1);
	receive(f, SIP_NO_LISTENER, address("198.51.100.1", 5060));
	assert_int_equal(f->n_requests, 1); /* a repetition */

	assert_int_equal(metrics_get(f->cells, TRANSACTION_C_REFUSED_STRANGER), 0);
}

static void gateway_is_known_on_the_listener_of_its_trunk_alone(void **state)
{
	struct fixture *f = *state;

	receive(f, 0, address("198.51.100.2", 40000));
	receive(f, 0, address("198.51.100.3", 40000));
	assert_int_equal(metrics_get(f->cells, TRANSACTION_C_REFUSED_STRANGER), 2);
	receive(f, 1, address("198.51.100.2", 40000));

	assert_int_equal(metrics_get(f->cells, TRANSACTION_C_REFUSED_STRANGER), 2);
	assert_int_equal(f->n_requests, 1);
}

static void connections_are_for_gateways_alone(void **state)
{
	struct fixture *f = *state;
	struct sip_transport_user u = call_ways_transport(&f->thread);
	struct addr gateway = address("198.51.100.2", 40000);
	struct addr stranger = address("198.51.100.3", 40000);
	f->trunk_options[1].enabled = f->trunk_options[2].enabled = false; /* ends its calls */

	assert_true(u.admits(u.arg, 1, &gateway));

	assert_false(u.admits(u.arg, 0, &gateway));
	assert_false(u.admits(u.arg, 1, &stranger));
}

/* RFC 3261 §18.2.2: not to the port that the connection had. */
static void response_is_not_dialled_to_where_its_request_came_from(void **state)
{
	struct fixture *f = *state;
	struct transaction_hop to = {.flow = 1,
		.place = call_place(1, 2),
		.remote = address("198.51.100.2", 40000),
		.is_reliable = true};
	wire.by_flow = ERR_NOT_FOUND;

	assert_int_equal(send_to(f, &to, "SIP/2.0 200 OK\r\n\r\n"), ERR_NOT_FOUND);
	assert_int_equal(wire.n_dialled, 0);
	to.flow = 0;
	to.remote.port = 5070;
	assert_int_equal(send_to(f, &to, "SIP/2.0 200 OK\r\n\r\n"), 0);

	assert_int_equal(wire.n_dialled, 1);
	assert_int_equal(wire.target.addr.port, 5070);
	assert_int_equal(wire.target.transport, SIP_TCP);
}

static void answer_goes_to_the_sent_by_of_a_connection_that_is_gone(void **state)
{
	struct fixture *f = *state;
	wire.by_flow = ERR_NOT_FOUND;

	receive(f, 1, address("198.51.100.2", 40000));

	assert_int_equal(wire.n_dialled, 1);
	assert_int_equal(wire.target.addr.port, 5070);
}

static struct addr next_hop_of(
	struct fixture *f, uint32_t peer, const char *uri, uint16_t port, bool is_reliable)
{
	struct call_user u = call_ways_calls(&f->thread);
	struct transaction_hop hop = {.flow = 1,
		.place = call_place(peer, f->trunks[peer].place),
		.remote = address("198.51.100.2", port),
		.is_reliable = is_reliable};

	u.next_hop(u.arg, sip_str_c(uri), &hop);
	assert_int_equal(hop.flow, 1);
	return hop.remote;
}

static struct addr next_hop(struct fixture *f, const char *uri, uint16_t port, bool is_reliable)
{
	return next_hop_of(f, 1, uri, port, is_reliable);
}

static void request_goes_to_its_uri_or_to_the_trunk(void **state)
{
	struct fixture *f = *state;
	struct addr said = address("198.51.100.9", 5080), trunk = address("198.51.100.2", 5070);
	struct addr last = address("198.51.100.2", 40000), a;

	a = next_hop(f, "sip:b@198.51.100.9:5080", 40000, true);
	assert_true(addr_equal(&a, &said));
	a = next_hop(f, "sip:b@gw.example", 40000, true);
	assert_true(addr_equal(&a, &trunk));
	a = next_hop_of(f, 2, "sip:b@gw.example", 40000, true); /* another of the gateway's */
	assert_int_equal(a.port, 5072);
	a = next_hop(f, "sip:b@gw.example", 40000, false); /* who sends from a port hears on it */
	assert_true(addr_equal(&a, &last));
}

/* RFC 3261 §12.2.1.1 */
static void request_for_another_address_of_the_gateway_leaves_the_connection(void **state)
{
	struct fixture *f = *state;
	struct call_user u = call_ways_calls(&f->thread);
	struct transaction_hop hop = {.flow = 1,
		.place = call_place(1, f->trunks[1].place),
		.remote = address("198.51.100.77", 5070),
		.is_reliable = true};

	u.next_hop(u.arg, sip_str_c("sip:b@198.51.100.2:5070"), &hop);

	assert_int_equal(hop.flow, 0);
	assert_int_equal(hop.remote.port, 5070);
}

/* Its gateway has no port for TCP that we know of. */
static void long_request_goes_by_udp_where_the_trunk_says_so(void **state)
{
	struct fixture *f = *state;
	struct transaction_hop to = {
		.place = call_place(0, 3), .remote = address("198.51.100.1", 5060)};

	assert_int_equal(send_to(f, &to, "INVITE sip:b@198.51.100.1 SIP/2.0\r\n\r\n"), 0);

	assert_int_equal(wire.target.transport, SIP_UDP);
	assert_true(wire.target.has_udp_alone);
}

/* The layer of transactions knows whether another connection will do. */
static void connection_that_is_gone_is_told_and_another_dialled_when_asked_for(void **state)
{
	struct fixture *f = *state;
	struct transaction_hop to = {.flow = 1,
		.place = call_place(1, 2),
		.remote = address("198.51.100.2", 5070),
		.is_reliable = true};
	wire.by_flow = -EPIPE;

	assert_int_equal(send_to(f, &to, "BYE sip:b@198.51.100.2:5070 SIP/2.0\r\n\r\n"), -EPIPE);
	assert_int_equal(wire.n_dialled, 0);
	to.flow = 0;
	assert_int_equal(send_to(f, &to, "BYE sip:b@198.51.100.2:5070 SIP/2.0\r\n\r\n"), 0);

	assert_int_equal(wire.n_dialled, 1);
	assert_int_equal(wire.target.addr.port, 5070);
	assert_int_equal(wire.target.local.port, 5069);
	assert_true(to.flow == sip_flow_pack((struct sip_flow){7, 1}));
}

/* ---- TLS ---- */

static void by_tls_the_certificate_says_whose_gateway_it_is(void **state)
{
	struct fixture *f = *state;
	struct crypto_peer gateway = named("gw.example.net"), other = named("gw2.example.net");
	struct addr any = address("198.51.100.99", 40000);

	receive_from(f, SIP_TLS, 3, any, &other);
	receive_from(f, SIP_TLS, 3, address("198.51.100.4", 5067), NULL);
	receive_from(f, SIP_TLS, 4, any, &gateway); /* the inside is not for gateways */
	assert_int_equal(metrics_get(f->cells, TRANSACTION_C_REFUSED_STRANGER), 3);
	receive_from(f, SIP_TLS, 3, any, &gateway);

	assert_int_equal(metrics_get(f->cells, TRANSACTION_C_REFUSED_STRANGER), 3);
	assert_int_equal(f->n_requests, 1);
}

static bool trusts(struct fixture *f, uint32_t listener, const char *name)
{
	struct sip_transport_user u = call_ways_transport(&f->thread);
	struct addr any = address("192.0.2.99", 40000);
	struct crypto_peer peer = named(name);

	return u.trusts(u.arg, listener, &any, &peer);
}

static void inside_is_for_the_front_end_unless_others_are_named(void **state)
{
	struct fixture *f = *state;

	assert_true(trusts(f, 4, "fe.example.net"));
	assert_false(trusts(f, 4, "phone.example.net"));
	assert_false(trusts(f, 4, "gw.example.net"));
	assert_true(trusts(f, 3, "gw.example.net"));
	assert_false(trusts(f, 3, "fe.example.net"));

	f->names[0] = "phone.example.net";
	f->pool.client_tls.names = (struct conf_list){f->names, 1};
	assert_true(trusts(f, 4, "phone.example.net"));
	assert_false(trusts(f, 4, "fe.example.net"));
}

static void each_side_is_dialled_with_its_certificate_and_name(void **state)
{
	struct fixture *f = *state;
	struct transaction_hop trunk = {.remote = address("198.51.100.4", 5067),
		.is_reliable = true,
		.place = call_place(3, 4)};
	struct transaction_hop front = {.remote = address("192.0.2.5", 5061),
		.is_reliable = true,
		.place = call_place(FRONT, 5)};

	assert_int_equal(send_to(f, &trunk, "OPTIONS sip:a SIP/2.0\r\n\r\n"), 0);
	assert_int_equal(wire.target.transport, SIP_TLS);
	assert_string_equal(wire.target.name, "gw.example.net");
	assert_int_equal(wire.target.group, call_tls_trunks(0));
	assert_ptr_equal(wire.target.tls, &f->listeners[3]);
	assert_int_equal(send_to(f, &front, "OPTIONS sip:a SIP/2.0\r\n\r\n"), 0);

	assert_string_equal(wire.target.name, "fe.example.net");
	assert_int_equal(wire.target.group, call_tls_clients(0));
	assert_ptr_equal(wire.target.tls, &f->listeners[4]);
}

/* RFC 3261 §19.1.2: the port of TLS is another. */
static void route_of_the_front_end_leads_to_it(void **state)
{
	struct fixture *f = *state;
	struct addr front = address("192.0.2.5", 5061), said = address("192.0.2.6", 5061), a;

	a = next_hop_of(f, FRONT, "sip:fe.example.net;transport=tls;lr", 40000, true);
	assert_true(addr_equal(&a, &front));
	a = next_hop_of(f, FRONT, "sip:192.0.2.6;transport=tls;lr", 40000, true);
	assert_true(addr_equal(&a, &said));
}

static void contact_has_our_name_where_they_know_us_by_it(void **state)
{
	struct fixture *f = *state;
	struct call_user u = call_ways_calls(&f->thread);
	const struct transaction_hop trunk = {.place = call_place(3, 4)},
				     front = {.place = call_place(FRONT, 5)};
	char text[64];
	f->hosts[3].name = "ms1.example.net";

	assert_int_equal(u.contact(u.arg, &trunk, text, sizeof(text)), 0);
	assert_string_equal(text, "sip:ms1.example.net:5067;transport=tls");
	assert_int_equal(u.contact(u.arg, &front, text, sizeof(text)), 0);
	assert_string_equal(text, "sip:192.0.2.1:5070;transport=tls");
	assert_int_equal(u.contact(u.arg, &trunk, text, 38), ERR_NO_SPACE);
}

/* ---- calls ---- */

/* The status of a call from trunk 0 to a user inside, before anything is sent. */
static unsigned call_to_user(struct fixture *f)
{
	const struct policy_number number = {"2000", 4};
	const struct transaction_hop from = {.place = call_place(0, 1)};
	const struct sip_msg invite = {.is_request = true};
	struct call_user u = call_ways_calls(&f->thread);
	static struct call_route route;
	struct ways *w = call_attempts_none();
	void *ways = w;

	assert_non_null(w);
	call_attempts_in(&f->thread, w, &number);
	unsigned status = u.route(u.arg, &ways, &invite, &from, 0, &route);

	call_attempts_over(&f->thread, ways);
	u.forget(u.arg, ways);
	return status;
}

/* The one is nobody's number; with the other another node may have better luck. */
static void nobody_to_ask_is_404_and_a_front_end_without_address_503(void **state)
{
	struct fixture *f = *state;

	assert_int_equal(call_to_user(f), 0);
	trunks_destroy(f->thread.running);
	strcpy(f->configs[FRONT].gateway.host, "fe.example.net");
	make_running(f);
	assert_int_equal(call_to_user(f), 503);

	trunks_destroy(f->thread.running);
	f->configs[FRONT].is_enabled = false;
	make_running(f);
	assert_int_equal(call_to_user(f), 404);
}

/* Calls that have begun go on to their next attempt. */
static void node_that_drains_takes_no_new_calls(void **state)
{
	struct fixture *f = *state;
	const struct transaction_hop front = {.place = call_place(FRONT, 5)};
	const struct transaction_hop trunk = {.place = call_place(0, 1)};
	struct call_user u = call_ways_calls(&f->thread);
	f->thread.is_draining = true;

	assert_int_equal(call_to_user(f), 503);
	assert_int_equal(u.options(u.arg, &front), 503);
	assert_int_equal(u.options(u.arg, &trunk), 503);

	f->thread.is_draining = false;
	assert_int_equal(call_to_user(f), 0);
	assert_int_equal(u.options(u.arg, &front), 200);
	assert_int_equal(u.options(u.arg, &trunk), 200);
}

int main(void)
{
	const struct CMUnitTest t[] = {
#define TEST(f) cmocka_unit_test_setup_teardown(f, setup, teardown)
		TEST(gateway_may_use_the_connection_that_we_have_dialled),
		TEST(gateway_is_known_on_the_listener_of_its_trunk_alone),
		TEST(connections_are_for_gateways_alone),
		TEST(response_is_not_dialled_to_where_its_request_came_from),
		TEST(answer_goes_to_the_sent_by_of_a_connection_that_is_gone),
		TEST(request_goes_to_its_uri_or_to_the_trunk),
		TEST(request_for_another_address_of_the_gateway_leaves_the_connection),
		TEST(long_request_goes_by_udp_where_the_trunk_says_so),
		TEST(connection_that_is_gone_is_told_and_another_dialled_when_asked_for),
		TEST(by_tls_the_certificate_says_whose_gateway_it_is),
		TEST(inside_is_for_the_front_end_unless_others_are_named),
		TEST(each_side_is_dialled_with_its_certificate_and_name),
		TEST(route_of_the_front_end_leads_to_it),
		TEST(contact_has_our_name_where_they_know_us_by_it),
		TEST(nobody_to_ask_is_404_and_a_front_end_without_address_503),
		TEST(node_that_drains_takes_no_new_calls),
	};
	return cmocka_run_group_tests(t, NULL, NULL) != 0;
}
