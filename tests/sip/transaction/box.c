/* SPDX-License-Identifier: BSD-3-Clause */
#include <stdio.h>

#include "box.h"

static int on_send(void *arg, struct transaction_hop *to, struct bytes message)
{
	struct box *b = arg;
	struct box_sent *s = &b->sent[b->n_sent];

	if (b->send_error)
		return b->send_error;
	if (b->dead_flow && to->flow == b->dead_flow)
		return ERR_NOT_FOUND;
	assert_true(b->n_sent < BOX_SENT_MAX);
	assert_true(message.len < BOX_TEXT_MAX);
	if (to->is_reliable && to->flow == 0)
		to->flow = 9;
	b->n_sent++;
	s->at_ms = b->clock.mono_ms;
	s->to = *to;
	s->len = message.len;
	memcpy(s->text, message.data, message.len);
	s->text[message.len] = 0;
	return 0;
}

static int on_via(void *arg, const struct transaction_hop *to, struct sip_via_own *out)
{
	(void)arg;
	out->transport = to->is_reliable ? "TCP" : "UDP";
	out->host = (struct sip_host){sip_str_c("192.0.2.1"), SIP_HOST_IPV4};
	out->port = 5060;
	out->has_rport = !to->is_reliable;
	return 0;
}

static void on_cancelled(void *arg, struct server_transaction *s, const struct sip_msg *cancel)
{
	struct box *b = arg;

	assert_int_equal(cancel->method, SIP_CANCEL);
	assert_ptr_equal(b->server, s);
	b->n_cancelled++;
	if (b->reply_when_cancelled)
		(void)box_reply(b, b->reply_when_cancelled);
}

static void on_server_ended(void *arg, struct server_transaction *s, enum transaction_end why)
{
	struct box *b = arg;

	(void)s;
	assert_false(b->is_in_call);
	b->n_ended++;
	b->end = why;
}

static const struct server_events server_events = {on_cancelled, on_server_ended};

static void on_request(void *arg, struct server_transaction *s, const struct sip_msg *m)
{
	struct box *b = arg;

	assert_true(m->is_request);
	b->n_requests++;
	b->server = s;
	server_transaction_take(s, &server_events, b);
}

static void on_ack(void *arg, const struct sip_msg *m, const struct transaction_hop *from)
{
	struct box *b = arg;

	(void)from;
	assert_int_equal(m->method, SIP_ACK);
	b->n_acks++;
}

static void on_response(void *arg, struct client_transaction *c, const struct sip_msg *m)
{
	struct box *b = arg;

	(void)c;
	assert_false(b->is_in_call);
	b->n_responses++;
	b->last_status = m->status;
}

static void on_client_ended(void *arg, struct client_transaction *c, enum transaction_end why)
{
	on_server_ended(arg, NULL, why);
	(void)c;
}

const struct client_events box_events = {on_response, on_client_ended};

struct box *box_create_bounded(bool is_reliable, size_t max, size_t max_bytes)
{
	struct box *b = calloc(1, sizeof(*b));
	struct transactions_config c = {
		.wheel = &b->wheel,
		.clock = &b->clock,
		.carrier = {on_send, on_via, b},
		.user = {on_request, on_ack, b},
		.keys = {{1, 2}, {3, 4}},
		.cells = b->cells,
		.timers = transaction_timers_default,
		.max_server = max,
		.max_client = max,
		.max_bytes = max_bytes,
		.retry_after_s = 7,
		.strangers_per_s = BOX_STRANGERS,
	};

	b->clock.mono_ms = 1000000;
	wheel_init(&b->wheel, b->clock.mono_ms, NULL);
	b->peer = (struct transaction_hop){
		.flow = 5, .remote = addr_ipv4(0xc0000209, 6000), .is_reliable = is_reliable};
	b->l = transactions_create(&c);
	assert_non_null(b->l);
	return b;
}

struct box *box_create_small(bool is_reliable, size_t max)
{
	return box_create_bounded(is_reliable, max, max * 65536);
}

struct box *box_create(bool is_reliable)
{
	return box_create_small(is_reliable, 100);
}

void box_destroy(struct box *b)
{
	transactions_destroy(b->l);
	assert_int_equal(b->wheel.count, 0);
	assert_int_equal(box_count(b, TRANSACTION_C_BYTES), 0);
	assert_int_equal(box_count(b, TRANSACTION_C_SERVER), 0);
	assert_int_equal(box_count(b, TRANSACTION_C_CLIENT), 0);
	free(b);
}

void box_pass(struct box *b, unsigned ms)
{
	for (unsigned i = 0; i < ms; i += 20) {
		b->clock.mono_ms += 20;
		wheel_advance(&b->wheel, b->clock.mono_ms);
	}
}

void box_put(struct box *b, const char *text)
{
	char wire[BOX_TEXT_MAX];
	struct sip_msg m;
	size_t len = 0;

	for (; *text; text++) {
		assert_true(len + 2 < sizeof(wire));
		if (*text == '\n')
			wire[len++] = '\r';
		wire[len++] = *text;
	}
	(void)sip_msg_decode(wire, len, SIP_DATAGRAM, &m);
	transactions_receive(b->l, &m, &b->peer);
}

void box_putf(struct box *b, const char *format, ...)
{
	char text[BOX_TEXT_MAX];
	va_list ap;

	va_start(ap, format);
	(void)vsnprintf(text, sizeof(text), format, ap);
	va_end(ap);
	box_put(b, text);
}

unsigned box_status(const struct box *b, unsigned i)
{
	unsigned status = 0;

	assert_true(i < b->n_sent);
	(void)sscanf(b->sent[i].text, "SIP/2.0 %u", &status);
	return status;
}

bool box_has(const struct box *b, unsigned i, const char *line)
{
	char whole[BOX_TEXT_MAX];

	assert_true(i < b->n_sent);
	(void)snprintf(whole, sizeof(whole), "%s\r\n", line);
	const char *at = strstr(b->sent[i].text, whole);
	return at && (at == b->sent[i].text || at[-1] == '\n');
}

const char *box_branch(const struct box *b, unsigned i)
{
	static char branch[128];
	const char *at = strstr(b->sent[i].text, "branch=");

	assert_non_null(at);
	assert_int_equal(sscanf(at, "branch=%127[^;\r\n]", branch), 1);
	return branch;
}

uint64_t box_count(const struct box *b, enum transaction_counter row)
{
	return metrics_get(b->cells, row);
}

int box_reply(struct box *b, unsigned status)
{
	struct transaction_reply r = {.status = status};
	int err;

	b->is_in_call = true;
	err = server_transaction_reply(b->server, &r);
	b->is_in_call = false;
	return err;
}

int box_start(struct box *b, enum sip_method method, struct client_transaction **out)
{
	char fields[256];
	struct transaction_request r = {
		.method = method,
		.uri = sip_str_c("sip:bob@example.com"),
	};
	int err;

	(void)snprintf(fields, sizeof(fields),
		"Max-Forwards: 70\r\nRoute: <sip:proxy.example.com;lr>\r\n"
		"From: <sip:alice@example.com>;tag=a\r\nTo: <sip:bob@example.com>\r\n"
		"Call-ID: call\r\nCSeq: 1 %s\r\n",
		sip_method_name(method));
	r.fields = sip_str_c(fields);
	b->is_in_call = true;
	err = client_transaction_start(b->l, &r, &b->peer, &box_events, b, out);
	b->is_in_call = false;
	return err;
}
