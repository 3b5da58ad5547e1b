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

#include "../../../src/daemon/call/thread.h"

#define N_TRUNKS    3
#define N_LISTENERS 3

struct fixture {
	struct call_thread thread;
	struct options_mediation options;
	struct options_trunk trunk_options[N_TRUNKS];
	struct call_trunk trunks[N_TRUNKS];
	struct sip_listener_config listeners[N_LISTENERS];
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

static void connect_trunk(
	struct fixture *f, size_t i, uint32_t place, const char *gateway, uint16_t port)
{
	f->trunks[i] = (struct call_trunk){.transport = f->listeners[place - 1].transport,
		.address = address(gateway, port),
		.place = place};
	f->trunk_options[i].enabled = true;
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
	f->options.trunks = (struct conf_list){f->trunk_options, N_TRUNKS};
	f->thread = (struct call_thread){.options = &f->options,
		.listeners = f->listeners,
		.n_listeners = N_LISTENERS,
		.trunks = f->trunks,
		.n_trunks = N_TRUNKS};
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

	transactions_destroy(f->thread.transactions);
	free(f);
	return 0;
}

/* A BYE on a connection between our address and REMOTE. */
static void receive(struct fixture *f, uint32_t listener, struct addr remote)
{
	static const char bye[] =
		"BYE sip:a@192.0.2.1 SIP/2.0\r\n"
		"Via: SIP/2.0/TCP 198.51.100.2:5070;branch=z9hG4bK1\r\n"
		"From: <sip:b@example.com>;tag=1\r\nTo: <sip:a@192.0.2.1>;tag=2\r\n"
		"Call-ID: c\r\nCSeq: 2 BYE\r\nMax-Forwards: 70\r\n"
		"Content-Length: 0\r\n\r\n";
	const struct sip_arrival a = {.message = bytes_str(bye),
		.transport = SIP_TCP,
		.flow = {9, 1},
		.local = address("192.0.2.1", 40000),
		.remote = remote,
		.listener = listener};
	struct sip_transport_user u = call_ways_transport(&f->thread);

	u.arrived(u.arg, &a);
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
		.place = 2,
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

static struct addr next_hop(struct fixture *f, const char *uri, uint16_t port, bool is_reliable)
{
	struct call_user u = call_ways_calls(&f->thread);
	struct transaction_hop hop = {.flow = 1,
		.place = 2,
		.remote = address("198.51.100.2", port),
		.is_reliable = is_reliable};

	u.next_hop(u.arg, sip_str_c(uri), &hop);
	assert_int_equal(hop.flow, 1);
	return hop.remote;
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
	a = next_hop(f, "sip:b@gw.example", 5072, true); /* another trunk of the gateway's */
	assert_int_equal(a.port, 5072);
	a = next_hop(f, "sip:b@gw.example", 40000, false); /* who sends from a port hears on it */
	assert_true(addr_equal(&a, &last));
}

/* Its gateway has no port for TCP that we know of. */
static void long_request_goes_by_udp_where_the_trunk_says_so(void **state)
{
	struct fixture *f = *state;
	struct transaction_hop to = {.place = 3, .remote = address("198.51.100.1", 5060)};

	assert_int_equal(send_to(f, &to, "INVITE sip:b@198.51.100.1 SIP/2.0\r\n\r\n"), 0);

	assert_int_equal(wire.target.transport, SIP_UDP);
	assert_true(wire.target.has_udp_alone);
}

/* The layer of transactions knows whether another connection will do. */
static void connection_that_is_gone_is_told_and_another_dialled_when_asked_for(void **state)
{
	struct fixture *f = *state;
	struct transaction_hop to = {.flow = 1,
		.place = 2,
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
		TEST(long_request_goes_by_udp_where_the_trunk_says_so),
		TEST(connection_that_is_gone_is_told_and_another_dialled_when_asked_for),
	};
	return cmocka_run_group_tests(t, NULL, NULL) != 0;
}
