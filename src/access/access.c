/* SPDX-License-Identifier: BSD-3-Clause */
/* The door's life, what it answers itself, and what clients may send at all. */
#include <stdio.h>
#include <stdlib.h>

#include <sallyport/mras.h>

#include "access_priv.h"

#define REGISTER_S 2 /* so long it takes a client to register */

void access_count(struct access *a, enum access_counter c)
{
	metrics_add(a->config.cells, c, 1);
}

/* ---- life ---- */

struct access *access_create(const struct access_config *c)
{
	struct access *a = calloc(1, sizeof(*a));

	if (!a)
		return NULL;
	a->config = *c;
	a->rules = c->rules;
	hash_table_init(&a->flows);
	a->rates = rate_table_create(&c->hash);
	if (!a->rates) {
		access_destroy(a);
		return NULL;
	}
	return a;
}

static void drop_each(struct hash_node *n, void *arg)
{
	access_flow_drop(arg, CONTAINER_OF(n, struct flow, node));
}

void access_destroy(struct access *a)
{
	if (!a)
		return;
	hash_table_each(&a->flows, drop_each, a);
	hash_table_fini(&a->flows);
	rate_table_destroy(a->rates);
	crypto_wipe(a->config.key, sizeof(a->config.key));
	free(a);
}

void access_rules_set(struct access *a, const struct access_rules *r)
{
	a->rules = r;
}

void access_drain_set(struct access *a, bool is_on)
{
	a->is_draining = is_on;
}

/* ---- answers of our own ---- */

void access_send_back(struct access *a, const struct incoming *in, const struct sip_writer *w)
{
	const struct access_carrier *c = &a->config.carrier;
	const struct access_way way = {.flow = in->from->flow, .peer = in->from->remote};
	struct bytes message = bytes_of(w->buf, w->len);
	bool is_client = in->from->peer == NULL;

	if (w->failed || (is_client ? c->send_outside(c->arg, in->from->flow, message)
				    : c->send_inside(c->arg, &way, message)) != 0)
		access_count(a, ACCESS_C_UNSENT);
}

static void begin_answer(
	struct access *a, const struct incoming *in, unsigned status, struct sip_writer *w)
{
	char tag[17];

	/* The same for every copy of a request. */
	(void)snprintf(tag, sizeof(tag), "%016jx",
		(uintmax_t)hash_bytes(&a->config.hash, in->m->call_id.at,
			in->m->call_id.at ? in->m->call_id.len : 0));
	sip_write_begin(w, a->out, sizeof(a->out));
	sip_write_response(w, in->m, status, NULL, sip_str_c(tag), &in->from->remote);
}

static void log_refusal(struct access *a, const struct incoming *in, unsigned status)
{
	char peer[ADDR_TEXT_LEN], uri[LOG_NAME_LEN];
	uint32_t held;

	if (!log_limit_ok(&a->refusals, a->config.clock->mono_ms, ACCESS_LOG_BURST, &held))
		return;
	log_info(LOG_SIP, "request refused", "peer=%s method=%s uri=%s status=%u held=%u",
		log_addr(&in->from->remote, peer), sip_method_name(in->m->method),
		log_name(in->m->uri.at, in->m->uri.at ? in->m->uri.len : 0, uri), status, held);
}

/* 0: nothing is said of it. */
static uint32_t retry_after_s(const struct access *a, unsigned status, enum access_counter why)
{
	if (why == ACCESS_C_REFUSED_EARLY)
		return REGISTER_S;
	return status == 503 ? a->rules->retry_after_s : 0;
}

void access_refuse(
	struct access *a, const struct incoming *in, unsigned status, enum access_counter why)
{
	uint32_t later_s = retry_after_s(a, status, why);
	struct sip_writer w;

	access_count(a, why);
	log_refusal(a, in, status);
	if (!sip_msg_is_answerable(in->m))
		return;
	begin_answer(a, in, status, &w);
	if (later_s)
		sip_write_header_number(&w, SIP_HEADER_RETRY_AFTER, later_s);
	if (status == 420)
		sip_write_header(&w, SIP_HEADER_UNSUPPORTED,
			sip_header_value(in->m, SIP_HEADER_PROXY_REQUIRE));
	sip_write_body(&w, SIP_NONE, SIP_NONE);
	access_send_back(a, in, &w);
}

void access_answer_options(struct access *a, const struct incoming *in)
{
	struct sip_writer w;

	begin_answer(a, in, 200, &w);
	sip_write_options(&w, SIP_HEADER_SUPPORTED,
		SIP_OPTION_BIT(SIP_OPTION_PATH) | SIP_OPTION_BIT(SIP_OPTION_OUTBOUND));
	sip_write_body(&w, SIP_NONE, SIP_NONE);
	access_send_back(a, in, &w);
}

void access_service_answer(struct access *a, const struct access_answer *r)
{
	const struct crypto_peer known = {.has_certificate = true};
	const struct access_arrival from = {
		.message = r->message, .flow = r->flow, .remote = r->remote, .peer = &known};
	struct sip_str type = r->body.len ? sip_str_c(MRAS_XML_TYPE) : SIP_NONE;
	struct sip_msg m;
	const struct incoming in = {.from = &from, .m = &m};
	struct sip_writer w;

	if (sip_msg_decode(r->message.data, r->message.len, SIP_STREAM, &m) != SIP_FINE)
		return;
	if (r->status >= 300)
		access_count(a, ACCESS_C_REFUSED_SERVICE);
	begin_answer(a, &in, r->status, &w);
	if (r->retry_after_s)
		sip_write_header_number(&w, SIP_HEADER_RETRY_AFTER, r->retry_after_s);
	sip_write_body(&w, type, sip_str_of(r->body.data, r->body.len));
	access_send_back(a, &in, &w);
}

/* ---- what has come ---- */

/* RFC 7118 §5: a WebSocket message knows its length, and so may do without Content-Length. */
static enum sip_carrier carrier_of(const struct access *a, uint32_t face)
{
	return a->config.outside[face].transport == SIP_TLS ? SIP_STREAM : SIP_DATAGRAM;
}

/* Of what is too long for a stream only the head comes up. */
static bool is_too_long(const struct access *a, const struct incoming *in)
{
	bool is_stream = in->from->peer || carrier_of(a, in->from->face) == SIP_STREAM;

	return in->m->refusal == SIP_TOO_LARGE || (is_stream && in->m->refusal == SIP_BODY_SHORT);
}

static bool is_taken(struct access *a, const struct incoming *in)
{
	if (in->m->refusal == SIP_FINE)
		return true;
	if (!sip_msg_is_answerable(in->m))
		access_count(a, ACCESS_C_DROPPED_MALFORMED);
	else if (is_too_long(a, in))
		access_refuse(a, in, 413, ACCESS_C_REFUSED_LARGE);
	else
		access_refuse(
			a, in, sip_refusal_status(in->m->refusal), ACCESS_C_REFUSED_MALFORMED);
	return false;
}

/* Responses are those we have asked for, and as many; a forged one goes nowhere. */
static bool is_within_rate(struct access *a, const struct incoming *in)
{
	uint64_t now_ms = a->config.clock->mono_ms;

	if (!in->m->is_request && in->m->refusal == SIP_FINE)
		return true;
	if (in->flow && access_flow_is_registered(in->flow))
		return rate_take(&in->flow->bucket, a->rules->client_rate, now_ms);
	return rate_take(
		rate_table_bucket(a->rates, &in->from->remote), a->rules->stranger_rate, now_ms);
}

void access_receive_outside(struct access *a, const struct access_arrival *from)
{
	struct sip_msg m;
	struct incoming in = {.from = from, .m = &m, .flow = access_flow_find(a, from->flow)};

	(void)sip_msg_decode(from->message.data, from->message.len, carrier_of(a, from->face), &m);
	if (!in.flow)
		in.flow = access_flow_make(a, from);
	if (!is_within_rate(a, &in)) {
		access_refuse(a, &in, 503, ACCESS_C_REFUSED_RATE);
		access_flow_noise(a, in.flow);
		return;
	}
	if (!is_taken(a, &in)) {
		access_flow_noise(a, in.flow);
		return;
	}
	if (in.flow)
		access_receive_from_client(a, &in);
	else if (m.is_request)
		access_refuse(a, &in, 503, ACCESS_C_REFUSED_UNAVAILABLE);
	else
		access_count(a, ACCESS_C_DROPPED_RESPONSE);
}

void access_receive_inside(struct access *a, const struct access_arrival *from)
{
	struct sip_msg m;
	const struct incoming in = {.from = from, .m = &m};

	(void)sip_msg_decode(from->message.data, from->message.len, SIP_STREAM, &m);
	if (is_taken(a, &in))
		access_receive_from_inside(a, &in);
}
