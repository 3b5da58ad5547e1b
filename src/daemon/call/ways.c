/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * Where SIP messages go: what joins transports, transactions and calls. The place of a hop is one
 * more than the index of the listener that stands for us there, in Via and Contact.
 */
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>

#include <sallyport/crypto.h>

#include "thread.h"

static uint64_t flow_number(struct sip_flow f)
{
	return (uint64_t)f.generation << 32 | f.index;
}

static struct sip_flow flow_of(uint64_t number)
{
	return (struct sip_flow){(uint32_t)number, (uint32_t)(number >> 32)};
}

static bool is_dialled_for(const struct call_thread *t, size_t i, const struct sip_arrival *a)
{
	const struct call_trunk *k = &t->trunks[i];

	return k->place != 0 && k->transport == a->transport &&
	       addr_equal_ip(&t->listeners[k->place - 1].local, &a->local) &&
	       addr_equal_ip(&k->address, &a->remote);
}

/* The listener that a connection of ours stands for: that of a trunk with its two addresses, best
 * one whose gateway has its port too. */
static uint32_t place_of(const struct call_thread *t, const struct sip_arrival *a)
{
	uint32_t place = 0;

	if (a->listener != SIP_NO_LISTENER)
		return a->listener + 1;
	for (size_t i = 0; i < t->n_trunks; i++) {
		if (!is_dialled_for(t, i, a))
			continue;
		if (t->trunks[i].address.port == a->remote.port)
			return t->trunks[i].place;
		place = place ? place : t->trunks[i].place;
	}
	return place;
}

static const struct sip_listener_config *listener_of(
	const struct call_thread *t, const struct transaction_hop *hop)
{
	return hop->place ? &t->listeners[hop->place - 1] : NULL;
}

/* A trunk's gateway is known by its address and ours, whatever its port. */
static bool is_of_trunk(const struct call_thread *t, size_t i, const struct transaction_hop *from)
{
	const struct call_trunk *k = &t->trunks[i];

	return k->place != 0 && k->place == from->place &&
	       addr_equal_ip(&k->address, &from->remote);
}

uint32_t call_ways_peer(const struct call_thread *t, const struct transaction_hop *hop)
{
	for (uint32_t i = 0; i < t->n_trunks; i++) {
		if (is_of_trunk(t, i, hop))
			return i;
	}
	return CALL_NOBODY;
}

static bool is_known(const struct call_thread *t, const struct transaction_hop *from)
{
	for (size_t i = 0; i < t->n_trunks; i++) {
		if (is_of_trunk(t, i, from))
			return true;
	}
	return false;
}

/* The trunk that a call comes in over, or SIZE_MAX: one that is not enabled ends its calls and
 * begins none. */
static size_t caller_of(const struct call_thread *t, const struct transaction_hop *from)
{
	const struct options_trunk *o = t->options->trunks.items;

	for (size_t i = 0; i < t->n_trunks; i++) {
		if (o[i].enabled && is_of_trunk(t, i, from))
			return i;
	}
	return SIZE_MAX;
}

/* ---- transports ---- */

static void on_arrived(void *arg, const struct sip_arrival *a)
{
	struct call_thread *t = arg;
	bool is_datagram = a->transport == SIP_UDP;
	struct transaction_hop from = {.flow = flow_number(a->flow),
		.remote = a->remote,
		.is_reliable = !is_datagram,
		.place = place_of(t, a)};
	struct sip_msg m;

	(void)sip_msg_decode(
		a->message.data, a->message.len, is_datagram ? SIP_DATAGRAM : SIP_STREAM, &m);
	if (is_known(t, &from))
		transactions_receive(t->transactions, &m, &from);
	else
		transactions_receive_stranger(t->transactions, &m, &from);
}

static void on_failed(void *arg, uint64_t token, struct sip_flow flow, int why)
{
	(void)token;
	(void)why;
	transactions_flow_failed(((struct call_thread *)arg)->transactions, flow_number(flow));
}

static void on_closed(void *arg, struct sip_flow flow, int why)
{
	on_failed(arg, 0, flow, why);
}

/* A datagram's sender hears by time-out: an ICMP error can be anybody's. */
static void on_unreachable(void *arg, struct sip_flow flow, const struct addr *peer)
{
	(void)arg;
	(void)flow;
	(void)peer;
}

/* By datagram a stranger hears 403; for connections there is room for gateways alone. */
static bool on_admits(void *arg, uint32_t listener, const struct addr *peer)
{
	const struct transaction_hop from = {.place = listener + 1, .remote = *peer};

	return is_known(arg, &from);
}

struct sip_transport_user call_ways_transport(struct call_thread *t)
{
	return (struct sip_transport_user){
		on_arrived, on_failed, on_closed, on_unreachable, on_admits, t};
}

/* ---- transactions ---- */

static int on_send(void *arg, struct transaction_hop *to, struct bytes message)
{
	struct call_thread *t = arg;
	const struct sip_listener_config *l = listener_of(t, to);
	struct sip_target target = {.addr = to->remote};
	struct sip_flow flow;
	int rc;

	if (to->flow)
		return sip_transport_send(t->transport, flow_of(to->flow), &to->remote, message, 0);
	if (!l)
		return -EADDRNOTAVAIL;
	target.transport = l->transport;
	target.local = l->local;
	target.has_udp_alone = true; /* a trunk over UDP is one by UDP: there is no other port */
	rc = sip_transport_request(t->transport, &target, message, 0, &flow);
	if (rc == 0)
		to->flow = flow_number(flow);
	return rc;
}

static int on_via(void *arg, const struct transaction_hop *to, struct sip_via_own *out)
{
	const struct call_thread *t = arg;
	const struct sip_listener_config *l = listener_of(t, to);

	if (!l)
		return -EADDRNOTAVAIL;
	out->transport = sip_transport_name(l->transport);
	out->host.text = sip_str_c(t->hosts[to->place - 1].text);
	out->host.kind = l->local.family == ADDR_IPV6 ? SIP_HOST_IPV6 : SIP_HOST_IPV4;
	out->port = l->local.port;
	out->has_rport = !to->is_reliable;
	return 0;
}

struct transaction_carrier call_ways_carrier(struct call_thread *t)
{
	return (struct transaction_carrier){on_send, on_via, t};
}

/* ---- calls ---- */

struct call_trunk *call_ways_trunk(struct call_thread *t, const struct dial_trunk *k)
{
	const struct options_trunk *first = t->options->trunks.items;

	return &t->trunks[k->options - first];
}

/* The number in a URI, without parameters; empty: none. */
static struct bytes number_in(struct sip_str text, char *buf, size_t cap)
{
	struct sip_uri u;
	size_t len = 0;

	if (sip_uri_decode(text, &u) != 0 || u.scheme == SIP_SCHEME_OTHER ||
		sip_uri_unescape(u.user, buf, cap, &len) != 0)
		return bytes_of(buf, 0);
	for (size_t i = 0; i < len; i++) {
		if (buf[i] == ';')
			len = i;
	}
	return bytes_of(buf, len);
}

/* NULL: nowhere to go, or no memory. */
static struct ways *find_ways(struct call_thread *t, size_t trunk, const struct sip_msg *invite)
{
	struct dial_attempt all[POLICY_CHOICES_MAX];
	char called[POLICY_NUMBER_MAX], calling[POLICY_NUMBER_MAX];
	struct sip_name_addr from;
	struct policy_number number;
	struct bytes caller = bytes_of(calling, 0);
	uint64_t random;
	size_t n, kept = 0;

	if (sip_name_addr_decode(sip_header_value(invite, SIP_HEADER_FROM), &from) == 0)
		caller = number_in(from.uri, calling, sizeof(calling));
	crypto_random(&random, sizeof(random));
	n = dial_plan_attempts(t->plan, t->state, trunk,
		number_in(invite->uri, called, sizeof(called)), caller, call_verdicts_state, t,
		random, &number, all);
	for (size_t i = 0; i < n; i++) {
		const struct call_trunk *k = call_ways_trunk(t, all[i].trunk);
		if (k->place != 0 && k->address.family != ADDR_NONE)
			all[kept++] = all[i];
	}
	struct ways *w = kept ? malloc(sizeof(*w) + kept * sizeof(w->at[0])) : NULL;
	if (w) {
		w->n = kept;
		memcpy(w->at, all, kept * sizeof(w->at[0]));
	}
	return w;
}

static void write_host(struct sip_writer *w, const struct addr *a)
{
	char text[ADDR_TEXT_LEN];
	const struct sip_host h = {.text = sip_str_c(addr_format_ip(a, text)),
		.kind = a->family == ADDR_IPV6 ? SIP_HOST_IPV6 : SIP_HOST_IPV4};

	sip_write_host(w, &h);
}

/* Less one byte, so that the text ends. */
static int write_route(struct call_thread *t, const struct dial_attempt *a, struct call_route *out)
{
	const struct call_trunk *k = call_ways_trunk(t, a->trunk);
	struct sip_writer w;

	sip_write_begin(&w, out->uri, sizeof(out->uri) - 1);
	sip_write_c(&w, "sip:");
	sip_write_user(&w, sip_str_of(a->numbers.called.text, a->numbers.called.len));
	sip_write_c(&w, "@");
	write_host(&w, &k->address);
	sip_write_c(&w, ":");
	sip_write_u32(&w, k->address.port);
	sip_write_c(&w, k->transport == SIP_UDP ? "" : ";transport=tcp");
	if (w.failed)
		return ERR_TOO_LARGE;
	sip_write_begin(&w, out->host, sizeof(out->host) - 1);
	write_host(&w, &t->listeners[k->place - 1].local);
	(void)snprintf(out->calling, sizeof(out->calling), "%s", a->numbers.calling.text);
	out->progress_ms = (unsigned)a->trunk->fast_failover_s * 1000;
	out->is_anonymous = a->numbers.is_anonymous;
	out->hop = (struct transaction_hop){
		.remote = k->address, .is_reliable = k->transport != SIP_UDP, .place = k->place};
	return w.failed ? ERR_TOO_LARGE : 0;
}

static unsigned on_route(void *arg, void **own, const struct sip_msg *invite,
	const struct transaction_hop *from, unsigned attempt, struct call_route *out)
{
	struct call_thread *t = arg;
	const struct ways *w;
	size_t trunk = attempt == 0 ? caller_of(t, from) : SIZE_MAX;

	if (attempt == 0 && trunk == SIZE_MAX)
		return 403;
	if (attempt == 0 && !*own)
		*own = find_ways(t, trunk, invite);
	w = *own;
	if (!w || attempt >= w->n)
		return 404;
	return write_route(t, &w->at[attempt], out) == 0 ? 0 : 500;
}

static void on_forget(void *arg, void *own)
{
	(void)arg;
	free(own);
}

static int on_contact(void *arg, const struct transaction_hop *hop, char *out, size_t cap)
{
	const struct call_thread *t = arg;
	const struct sip_listener_config *l = listener_of(t, hop);
	char a[ADDR_TEXT_LEN];
	int len;

	if (!l)
		return -EADDRNOTAVAIL;
	len = snprintf(out, cap, "sip:%s%s", addr_format(&l->local, a),
		l->transport == SIP_UDP ? "" : ";transport=tcp");
	return len < 0 || (size_t)len >= cap ? ERR_NO_SPACE : 0;
}

/* A connection that the gateway made says nothing of where it listens; its trunk does. */
static void aim_at_trunk(const struct call_thread *t, struct transaction_hop *hop)
{
	const struct addr *listens = NULL;

	for (size_t i = 0; hop->is_reliable && i < t->n_trunks; i++) {
		const struct addr *a = &t->trunks[i].address;
		if (!is_of_trunk(t, i, hop))
			continue;
		if (a->port == hop->remote.port)
			return;
		listens = listens ? listens : a;
	}
	if (listens)
		hop->remote = *listens;
}

/*
 * To the address that a URI has in figures. A name is not looked up: the request then goes where
 * the last one went. On a connection it stays as long as that lives.
 */
static void on_next_hop(void *arg, struct sip_str uri, struct transaction_hop *hop)
{
	struct addr a;
	struct sip_uri u;

	if (sip_uri_decode(uri, &u) == 0 && u.scheme == SIP_SCHEME_SIP &&
		sip_host_addr(&u.host, u.port ? u.port : SIP_PORT, &a) == 0 &&
		a.family == hop->remote.family)
		hop->remote = a;
	else
		aim_at_trunk(arg, hop);
}

static void on_ended(void *arg, struct call *c, enum call_end why)
{
	struct call_thread *t = arg;
	static const char *const names[CALL_END_COUNT] = {
		"caller", "callee", "cancelled", "failed", "timeout", "lost", "expired", "media"};
	struct sip_str id = call_id(c);
	char shown[LOG_NAME_LEN];
	uint32_t held = 0;

	if ((why == CALL_END_CANCELLED || why == CALL_END_FAILED) &&
		!log_limit_ok(
			&t->log_unanswered, loop_clock(t->loop)->mono_ms, CALL_LINES_PER_S, &held))
		return;
	log_info(LOG_CALL, "call over", "id=%s by=%s held=%u", log_name(id.at, id.len, shown),
		names[why], held);
}

struct call_user call_ways_calls(struct call_thread *t)
{
	return (struct call_user){.route = on_route,
		.forget = on_forget,
		.peer = call_terms,
		.reached = call_verdicts_reached,
		.judge = call_verdicts_judge,
		.contact = on_contact,
		.next_hop = on_next_hop,
		.ended = on_ended,
		.arg = t};
}
