/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * Two sides over a wire that loses, doubles and reorders: everything that begins ends, once, and
 * nothing is left behind.
 */
#include <stdio.h>

#include "box.h"

#define N_CALLS    600
#define WIRE_MAX   8192
#define PACKET_MAX 1024

struct packet {
	uint64_t at_ms;
	unsigned to; /* side */
	size_t len;
	char data[PACKET_MAX];
};

/* What one request came to, on both sides. */
struct call {
	struct pair *pair;
	unsigned n_begun, n_final, n_client_ended, n_server_ended, n_acks;
	unsigned status; /* what the server says */
	struct server_transaction *server;
	struct wheel_timer answer, repeat;
	bool is_invite, is_cancelled;
	struct client_transaction *client;
};

struct side {
	struct pair *pair;
	unsigned index;
	struct transactions *l;
	metrics_cell cells[TRANSACTION_C_COUNT];
};

struct pair {
	struct clock clock;
	struct wheel wheel;
	uint64_t seed;
	unsigned loss_percent, doubled_percent, delay_max_ms;
	struct side sides[2];
	struct packet *wire[WIRE_MAX];
	size_t n_wire;
	struct call calls[N_CALLS];
};

static unsigned draw(struct pair *p, unsigned below)
{
	p->seed = p->seed * 6364136223846793005u + 1442695040888963407u;
	return (unsigned)(p->seed >> 33) % below;
}

static void put_on_wire(struct pair *p, unsigned to, struct bytes message)
{
	struct packet *k = malloc(sizeof(*k));

	assert_non_null(k);
	assert_true(message.len <= sizeof(k->data) && p->n_wire < WIRE_MAX);
	k->at_ms = p->clock.mono_ms + 1 + draw(p, p->delay_max_ms);
	k->to = to;
	k->len = message.len;
	memcpy(k->data, message.data, message.len);
	p->wire[p->n_wire++] = k;
}

static int on_send(void *arg, struct transaction_hop *to, struct bytes message)
{
	struct side *s = arg;
	struct pair *p = s->pair;

	(void)to;
	if (draw(p, 100) >= p->loss_percent)
		put_on_wire(p, !s->index, message);
	if (draw(p, 100) < p->doubled_percent)
		put_on_wire(p, !s->index, message);
	return 0;
}

static int on_via(void *arg, const struct transaction_hop *to, struct sip_via_own *out)
{
	(void)arg;
	(void)to;
	out->transport = "UDP";
	out->host = (struct sip_host){sip_str_c("192.0.2.1"), SIP_HOST_IPV4};
	out->port = 5060;
	return 0;
}

static void deliver(struct pair *p)
{
	struct transaction_hop from = {.flow = 1, .remote = addr_ipv4(0xc0000201, 5060)};
	struct sip_msg m;

	for (size_t i = 0; i < p->n_wire;) {
		struct packet *k = p->wire[i];
		if (k->at_ms > p->clock.mono_ms) {
			i++;
			continue;
		}
		p->wire[i] = p->wire[--p->n_wire];
		assert_int_equal(sip_msg_decode(k->data, k->len, SIP_DATAGRAM, &m), SIP_FINE);
		transactions_receive(p->sides[k->to].l, &m, &from);
		free(k);
	}
}

static struct call *call_of(struct pair *p, const struct sip_msg *m)
{
	char number[16] = "";

	assert_true(m->call_id.len < sizeof(number));
	memcpy(number, m->call_id.at, m->call_id.len);
	return &p->calls[atoi(number)];
}

/* ---- the server's user ---- */

static void on_server_ended(void *arg, struct server_transaction *s, enum transaction_end why)
{
	struct call *c = arg;

	(void)s;
	(void)why;
	c->n_server_ended++;
	c->server = NULL;
	wheel_cancel(&c->pair->wheel, &c->answer);
	wheel_cancel(&c->pair->wheel, &c->repeat);
}

static const struct server_events server_events = {NULL, on_server_ended};

static void on_answer(struct wheel_timer *t, void *arg)
{
	struct call *c = CONTAINER_OF(t, struct call, answer);
	struct transaction_reply r = {.status = c->status};

	(void)arg;
	if (server_transaction_reply(c->server, &r) == 0 && c->is_invite && c->status == 200)
		wheel_set(&c->pair->wheel, &c->repeat, c->pair->clock.mono_ms + 500);
}

static void on_repeat(struct wheel_timer *t, void *arg)
{
	struct call *c = CONTAINER_OF(t, struct call, repeat);

	(void)arg;
	if (c->n_acks > 0)
		return;
	server_transaction_repeat(c->server);
	wheel_set(&c->pair->wheel, t, c->pair->clock.mono_ms + 1000);
}

static void on_request(void *arg, struct server_transaction *s, const struct sip_msg *m)
{
	struct side *side = arg;
	struct call *c = call_of(side->pair, m);

	c->n_begun++;
	c->server = s;
	server_transaction_take(s, &server_events, c);
	wheel_set(&c->pair->wheel, &c->answer, c->pair->clock.mono_ms + draw(c->pair, 3000));
}

static void on_ack(void *arg, const struct sip_msg *m, const struct transaction_hop *from)
{
	struct side *side = arg;

	(void)from;
	call_of(side->pair, m)->n_acks++;
}

/* ---- the client's user ---- */

static void send_ack(struct call *c, const struct sip_msg *m)
{
	struct transaction_hop to = {.flow = 1};
	char fields[256];
	struct transaction_request r = {.method = SIP_ACK, .uri = sip_str_c("sip:b@x")};

	(void)snprintf(fields, sizeof(fields),
		"From: <sip:a@x>;tag=a\r\nTo: <sip:b@x>;tag=%.*s\r\nCall-ID: %.*s\r\n"
		"CSeq: 1 ACK\r\nMax-Forwards: 70\r\n",
		(int)m->to_tag.len, m->to_tag.at, (int)m->call_id.len, m->call_id.at);
	r.fields = sip_str_c(fields);
	assert_int_equal(transactions_send_ack(c->pair->sides[0].l, &r, &to, 1), 0);
}

static void on_response(void *arg, struct client_transaction *t, const struct sip_msg *m)
{
	struct call *c = arg;

	(void)t;
	if (m->status < 200)
		return;
	c->n_final++;
	if (c->is_invite && m->status < 300)
		send_ack(c, m);
	else
		assert_int_equal(c->n_final, 1);
}

static void on_client_ended(void *arg, struct client_transaction *t, enum transaction_end why)
{
	struct call *c = arg;

	(void)t;
	c->n_client_ended++;
	c->client = NULL;
	assert_true((why == TRANSACTION_DONE) == (c->n_final > 0));
}

static const struct client_events client_events = {on_response, on_client_ended};

static void begin(struct pair *p, unsigned i)
{
	static const unsigned statuses[] = {200, 486, 404, 200};
	struct transaction_hop to = {.flow = 1};
	struct call *c = &p->calls[i];
	char fields[256];
	struct transaction_request r = {.uri = sip_str_c("sip:b@x")};

	c->pair = p;
	c->is_invite = i % 2 == 0;
	c->status = statuses[i / 2 % 4];
	c->is_cancelled = i % 5 == 0;
	wheel_timer_init(&c->answer, on_answer);
	wheel_timer_init(&c->repeat, on_repeat);
	r.method = c->is_invite ? SIP_INVITE : SIP_OPTIONS;
	(void)snprintf(fields, sizeof(fields),
		"From: <sip:a@x>;tag=a\r\nTo: <sip:b@x>\r\nCall-ID: %u\r\nCSeq: 1 %s\r\n"
		"Max-Forwards: 70\r\n",
		i, sip_method_name(r.method));
	r.fields = sip_str_c(fields);
	assert_int_equal(
		client_transaction_start(p->sides[0].l, &r, &to, &client_events, c, &c->client), 0);
}

static void pass(struct pair *p, unsigned ms)
{
	for (unsigned i = 0; i < ms; i += 10) {
		p->clock.mono_ms += 10;
		deliver(p);
		wheel_advance(&p->wheel, p->clock.mono_ms);
	}
}

static struct pair *pair_create(uint64_t seed)
{
	struct pair *p = calloc(1, sizeof(*p));

	assert_non_null(p);
	p->seed = seed;
	p->delay_max_ms = 1;
	wheel_init(&p->wheel, 0, NULL);
	for (unsigned i = 0; i < 2; i++) {
		struct side *s = &p->sides[i];
		struct transactions_config c = {
			.wheel = &p->wheel,
			.clock = &p->clock,
			.carrier = {on_send, on_via, s},
			.user = {on_request, on_ack, s},
			.keys = {{seed, i}, {i, seed}},
			.cells = s->cells,
			.timers = transaction_timers_default,
			.max_server = 2000,
			.max_client = 2000,
			.max_bytes = 4000000,
		};
		s->pair = p;
		s->index = i;
		s->l = transactions_create(&c);
		assert_non_null(s->l);
	}
	return p;
}

static void pair_destroy(struct pair *p)
{
	for (unsigned i = 0; i < 2; i++) {
		assert_int_equal(metrics_get(p->sides[i].cells, TRANSACTION_C_SERVER), 0);
		assert_int_equal(metrics_get(p->sides[i].cells, TRANSACTION_C_CLIENT), 0);
		assert_int_equal(metrics_get(p->sides[i].cells, TRANSACTION_C_BYTES), 0);
		transactions_destroy(p->sides[i].l);
	}
	assert_int_equal(p->wheel.count, 0);
	assert_int_equal(p->n_wire, 0);
	free(p);
}

static void run(struct pair *p)
{
	for (unsigned i = 0; i < N_CALLS; i++) {
		begin(p, i);
		pass(p, 20);
		if (i >= 50 && p->calls[i - 50].is_cancelled && p->calls[i - 50].client)
			(void)client_transaction_cancel(p->calls[i - 50].client, SIP_NONE);
	}
	pass(p, 120000);
}

static void every_transaction_ends_once_over_a_good_wire(void **state)
{
	struct pair *p = pair_create(1);

	run(p);

	for (unsigned i = 0; i < N_CALLS; i++) {
		struct call *c = &p->calls[i];
		assert_int_equal(c->n_begun, 1);
		assert_int_equal(c->n_final, 1);
		assert_int_equal(c->n_client_ended, 1);
		assert_int_equal(c->n_server_ended, 1);
	}
	assert_int_equal(metrics_get(p->sides[0].cells, TRANSACTION_C_TIMEOUT_CLIENT), 0);
	assert_int_equal(metrics_get(p->sides[1].cells, TRANSACTION_C_TIMEOUT_SERVER), 0);
	pair_destroy(p);
}

/* Of ten messages three are lost and two come twice; they overtake each other by up to 0.7 s. */
static void every_transaction_ends_once_over_a_bad_wire(void **state)
{
	for (uint64_t seed = 1; seed <= 3; seed++) {
		struct pair *p = pair_create(seed);

		p->loss_percent = 30;
		p->doubled_percent = 20;
		p->delay_max_ms = 700;
		run(p);

		for (unsigned i = 0; i < N_CALLS; i++) {
			struct call *c = &p->calls[i];
			assert_int_equal(c->n_client_ended, 1);
			assert_int_equal(c->n_server_ended, c->n_begun);
			if (c->is_invite && c->n_final > 0)
				assert_true(c->n_begun > 0);
		}
		assert_true(
			metrics_get(p->sides[0].cells, TRANSACTION_C_REPEATED_OUT) > N_CALLS / 2);
		pair_destroy(p);
	}
}

static void everything_times_out_over_a_cut_wire(void **state)
{
	struct pair *p = pair_create(1);

	p->loss_percent = 100;
	run(p);

	for (unsigned i = 0; i < N_CALLS; i++)
		assert_int_equal(p->calls[i].n_client_ended, 1);
	assert_int_equal(metrics_get(p->sides[0].cells, TRANSACTION_C_TIMEOUT_CLIENT), N_CALLS);
	pair_destroy(p);
}

int main(void)
{
	const struct CMUnitTest t[] = {
		cmocka_unit_test(every_transaction_ends_once_over_a_good_wire),
		cmocka_unit_test(every_transaction_ends_once_over_a_bad_wire),
		cmocka_unit_test(everything_times_out_over_a_cut_wire),
	};

	return cmocka_run_group_tests(t, NULL, NULL) != 0;
}
