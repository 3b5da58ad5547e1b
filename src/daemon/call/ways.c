/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * Where SIP messages go: what joins transports, transactions and calls.
 */
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <time.h>

#include <sallyport/crypto.h>

#include "../counters.h"
#include "plan.h"

static const struct sip_listener_config *listener_of(
	const struct call_thread *t, const struct transaction_hop *hop)
{
	uint32_t place = (uint32_t)hop->place;

	return place ? &t->listeners[place - 1] : NULL;
}

/* NULL: a stranger. */
static const struct call_trunk *peer_of(
	const struct call_thread *t, const struct transaction_hop *hop)
{
	uint32_t i = call_peer_of(hop);

	return i == CALL_NOBODY ? NULL : &t->trunks[i];
}

/* ---- transports ---- */

static struct sip_str user_of(const struct sip_msg *m)
{
	struct sip_uri u;

	return m->is_request && sip_uri_decode(m->uri, &u) == 0 ? u.user : SIP_NONE;
}

static void on_arrived(void *arg, const struct sip_arrival *a)
{
	struct call_thread *t = arg;
	bool is_datagram = a->transport == SIP_UDP;
	struct transaction_hop from = {
		.flow = sip_flow_pack(a->flow), .remote = a->remote, .is_reliable = !is_datagram};
	struct sip_msg m;

	(void)sip_msg_decode(
		a->message.data, a->message.len, is_datagram ? SIP_DATAGRAM : SIP_STREAM, &m);
	bool is_within = m.to_tag.len > 0 || m.method == SIP_CANCEL;
	from.place = call_peers_place(t, a, user_of(&m), is_within);
	if (!peer_of(t, &from)) {
		transactions_receive_stranger(t->transactions, &m, &from);
		return;
	}
	if (m.is_request)
		trunks_heard(t->running, call_peer_of(&from), &a->remote);
	transactions_receive(t->transactions, &m, &from);
}

static void on_failed(void *arg, uint64_t token, struct sip_flow flow, int why)
{
	(void)token;
	(void)why;
	transactions_flow_failed(((struct call_thread *)arg)->transactions, sip_flow_pack(flow));
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

struct sip_transport_user call_ways_transport(struct call_thread *t)
{
	return (struct sip_transport_user){.arrived = on_arrived,
		.failed = on_failed,
		.closed = on_closed,
		.unreachable = on_unreachable,
		.admits = call_peers_admits,
		.trusts = call_peers_trusts,
		.arg = t};
}

/* ---- transactions ---- */

/* Who does not read what he is sent has no room, not we: another one may be tried. */
static int sent(const struct transaction_hop *to, int rc)
{
	return rc == ERR_FULL && to->is_reliable ? -ENOBUFS : rc;
}

static int on_send(void *arg, struct transaction_hop *to, struct bytes message)
{
	struct call_thread *t = arg;
	const struct sip_listener_config *l = listener_of(t, to);
	const struct call_trunk *k = peer_of(t, to);
	struct sip_target target = {.addr = to->remote};
	struct sip_flow flow;
	int rc;

	if (to->flow)
		return sent(to, sip_transport_send(t->transport, sip_flow_unpack(to->flow),
					&to->remote, message, 0));
	if (!l || (l->transport == SIP_TLS && (!k || !k->name)))
		return -EADDRNOTAVAIL;
	target.transport = l->transport;
	target.local = l->local;
	target.group = l->group;
	target.has_udp_alone = true; /* a trunk over UDP is one by UDP: there is no other port */
	if (l->transport == SIP_TLS) {
		target.tls = t->tls.pairs[l->group].dials;
		(void)snprintf(target.name, sizeof(target.name), "%s", k->name);
	}
	rc = sip_transport_request(t->transport, &target, message, 0, &flow);
	if (rc == 0)
		to->flow = sip_flow_pack(flow);
	return sent(to, rc);
}

static int on_via(void *arg, const struct transaction_hop *to, struct sip_via_own *out)
{
	const struct call_thread *t = arg;
	const struct sip_listener_config *l = listener_of(t, to);

	if (!l)
		return -EADDRNOTAVAIL;
	out->transport = sip_transport_name(l->transport);
	out->host.text = sip_str_c(t->hosts[(uint32_t)to->place - 1].text);
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

static void say_loop(struct call_thread *t, const struct dial_trunk *from)
{
	uint32_t held;

	metrics_add(t->cells, DAEMON_C_CALL_LOOPS, 1);
	if (log_limit_ok(&t->log_loops, loop_clock(t->loop)->mono_ms, 5, &held))
		log_warning(LOG_CALL, "route back to the telephone network not taken",
			"trunk=%s held=%u", from->options->name, held);
}

/* The URI that was called: our own Contact, as providers call it, says only which account. */
static struct sip_str called_in(
	const struct call_thread *t, const struct sip_msg *invite, uint32_t peer)
{
	struct sip_name_addr to;

	if (trunks_is_account(t->running, peer, user_of(invite)) &&
		sip_name_addr_decode(sip_header_value(invite, SIP_HEADER_TO), &to) == 0)
		return to.uri;
	return invite->uri;
}

/* One that is not enabled ends its calls and begins none. */
static bool may_call(const struct call_thread *t, uint32_t peer)
{
	const struct options_trunk *o = call_trunk_options(t, peer);

	return peer == call_front(t) || (o && o->enabled);
}

/* Of a trunk, for records. */
static const char *peer_name(const struct call_thread *t, uint32_t peer)
{
	return peer < t->n_trunks ? t->trunks[peer].label : "inside";
}

/* The loop's clock has whole seconds of it. */
static uint64_t wall_ms(void)
{
	struct timespec now;

	(void)clock_gettime(CLOCK_REALTIME, &now); /* there is always one */
	return (uint64_t)now.tv_sec * 1000 + (uint64_t)now.tv_nsec / 1000000;
}

static struct sip_str calling_in(const struct sip_msg *invite)
{
	struct sip_name_addr from;

	return sip_name_addr_decode(sip_header_value(invite, SIP_HEADER_FROM), &from) == 0
		       ? from.uri
		       : SIP_NONE;
}

struct call_record *call_ways_record(
	struct call_thread *t, const struct sip_msg *invite, uint32_t peer)
{
	char called[POLICY_NUMBER_MAX], calling[POLICY_NUMBER_MAX];

	return call_records_begin(t->records, wall_ms(), invite->call_id, peer_name(t, peer),
		number_in(calling_in(invite), calling, sizeof(calling)),
		number_in(called_in(t, invite, peer), called, sizeof(called)));
}

void call_ways_ask(struct call_thread *t, uint32_t peer, struct sip_str called,
	struct sip_str calling, struct dial_answer *out)
{
	char to[POLICY_NUMBER_MAX], from[POLICY_NUMBER_MAX];
	const struct options_trunk *o = call_trunk_options(t, peer);
	struct dial_question q = {.called = number_in(called, to, sizeof(to)),
		.calling = number_in(calling, from, sizeof(from)),
		.health = call_verdicts_state,
		.arg = t};

	out->n = out->number.len = 0;
	out->is_loop = false;
	if (!may_call(t, peer))
		return; /* of a trunk that is gone nobody knows what it may */
	if (o)
		q.from = dial_plan_trunk(t->plan->dial, t->plan->places[peer] - 1);
	crypto_random(&q.random, sizeof(q.random));
	dial_plan_ask(t->plan->dial, t->plan->state, &q, out);
	if (out->is_loop)
		say_loop(t, q.from);
}

/* 0, or the status that refuses the call. Who asks for a transfer inside may mean somebody there,
 * to whom he has no need of us otherwise. */
static unsigned find_ways(struct call_thread *t, struct ways *w, const struct sip_msg *invite,
	const struct transaction_hop *hop)
{
	uint32_t peer = call_peer_of(hop);
	struct dial_answer a;

	w->is_unasked = false;
	if (!may_call(t, peer))
		return 403;
	call_plan_put(w->plan);
	w->plan = call_plan_get(t->plan);
	call_ways_ask(t, peer, called_in(t, invite, peer), calling_in(invite), &a);
	if (a.n == 0 && (peer != call_front(t) || w->is_transfer))
		call_attempts_in(t, w, &a.number);
	else
		call_attempts_out(t, w, &a);
	return 0;
}

static void write_host(struct sip_writer *w, const struct addr *a)
{
	char text[ADDR_TEXT_LEN];
	const struct sip_host h = {.text = sip_str_c(addr_format_ip(a, text)),
		.kind = a->family == ADDR_IPV6 ? SIP_HOST_IPV6 : SIP_HOST_IPV4};

	sip_write_host(w, &h);
}

/* Less one byte, so that the text ends; it is all zero at first. */
int call_ways_host(const struct call_thread *t, uint32_t peer, char *out, size_t cap)
{
	const struct call_trunk *k = &t->trunks[peer];
	struct sip_writer w;

	sip_write_begin(&w, out, cap - 1);
	write_host(&w, &t->listeners[k->place - 1].local);
	return w.failed ? ERR_TOO_LARGE : 0;
}

static struct transaction_hop hop_to(const struct call_thread *t, const struct way *w)
{
	const struct call_trunk *k = &t->trunks[w->peer];

	return (struct transaction_hop){.remote = w->remote,
		.is_reliable = k->transport != SIP_UDP,
		.place = call_place(w->peer, k->place)};
}

static const char *transport_param(enum sip_transport transport)
{
	return transport == SIP_UDP   ? ""
	       : transport == SIP_TLS ? ";transport=tls"
				      : ";transport=tcp";
}

static void write_trunk_uri(
	const struct call_thread *t, const struct way *way, struct sip_writer *w)
{
	const struct policy_number *called = &way->to.numbers.called;

	trunks_write_uri(t->running, way->peer, w, sip_str_of(called->text, called->len));
}

static void set_routes(const struct call_thread *t, const struct way *way, struct call_route *out)
{
	struct sip_str route = trunks_service_route(t->running, way->peer);

	_Static_assert(sizeof(out->routes) >= TRUNK_SERVICE_ROUTE_MAX, "a Service-Route fits");
	if (route.len > 0)
		(void)snprintf(out->routes, sizeof(out->routes), "%.*s", (int)route.len, route.at);
}

/* The front end knows its users by their domain. */
static void write_user_uri(const struct call_thread *t, const struct way *way, struct sip_writer *w)
{
	const struct options_next_hop *h = &options_client_pool(t->plan->options)->next_hop;
	const struct policy_number *called = &way->to.numbers.called;

	sip_write_c(w, "sip:");
	sip_write_user(w, sip_str_of(called->text, called->len));
	sip_write_c(w, "@");
	sip_write_c(w, h->domain ? h->domain : h->host);
}

/* Who calls is said to the inside as it came. */
static int write_route(struct call_thread *t, const struct way *way, struct call_route *out)
{
	const struct dial_attempt *a = &way->to;
	struct sip_writer w;

	sip_write_begin(&w, out->uri, sizeof(out->uri) - 1);
	if (a->trunk)
		write_trunk_uri(t, way, &w);
	else
		write_user_uri(t, way, &w);
	if (w.failed)
		return ERR_TOO_LARGE;
	out->trunk = way->peer;
	out->hop = hop_to(t, way);
	if (a->trunk) {
		set_routes(t, way, out);
		out->progress_ms = (unsigned)a->trunk->fast_failover_s * 1000;
		(void)snprintf(out->calling, sizeof(out->calling), "%s", a->numbers.calling.text);
		out->is_anonymous = a->numbers.is_anonymous;
	}
	return call_ways_host(t, way->peer, out->host, sizeof(out->host));
}

static unsigned refuse(struct call_route *out, unsigned status, enum call_counter why)
{
	out->why = why;
	return status;
}

static unsigned on_route(void *arg, void **own, const struct sip_msg *invite,
	const struct transaction_hop *from, unsigned attempt, struct call_route *out)
{
	struct call_thread *t = arg;
	struct ways *w = *own;
	unsigned refused = 0;

	if (!w) {
		w = *own = call_attempts_none();
		if (!w)
			return refuse(out, 503, CALL_C_REFUSED_MEMORY);
		w->record = call_ways_record(t, invite, call_peer_of(from));
		w->is_unasked = true;
	}
	if (w->is_unasked)
		refused = find_ways(t, w, invite, from);
	if (refused)
		return refuse(out, refused, CALL_C_REFUSED_TRUNK);
	if (attempt == 0 && t->is_draining)
		return refuse(out, 503, CALL_C_REFUSED_DRAINING);
	if (attempt >= w->n && w->lacks_address) /* another node may know better */
		return refuse(out, 503, CALL_C_REFUSED_ADDRESS);
	if (attempt >= w->n)
		return refuse(out, 404, CALL_C_REFUSED_ROUTE);
	if (attempt == 0 && !w->is_transfer && !call_attempts_admit(t, w, call_peer_of(from)))
		return refuse(out, 503, CALL_C_REFUSED_LIMIT_CALLER);
	if (!call_attempts_take(t, w, attempt))
		return refuse(out, 503, CALL_C_REFUSED_LIMIT_CALLEE);
	if (write_route(t, &w->at[attempt], out) != 0)
		return refuse(out, 500, CALL_C_REFUSED_SIZE);
	call_record_tried(w->record, peer_name(t, w->at[attempt].peer), &w->at[attempt].to.numbers);
	return 0;
}

static void on_forget(void *arg, void *own)
{
	struct ways *w = own;

	(void)arg;
	call_plan_put(w->plan);
	free(w->at);
	free(w);
}

static int on_contact(void *arg, const struct transaction_hop *hop, char *out, size_t cap)
{
	const struct call_thread *t = arg;
	const struct sip_listener_config *l = listener_of(t, hop);
	char a[ADDR_TEXT_LEN];
	int len;

	if (!l)
		return -EADDRNOTAVAIL;
	const char *name = t->hosts[(uint32_t)hop->place - 1].name;
	if (name)
		len = snprintf(out, cap, "sip:%s:%u%s", name, (unsigned)l->local.port,
			transport_param(l->transport));
	else
		len = snprintf(out, cap, "sip:%s%s", addr_format(&l->local, a),
			transport_param(l->transport));
	return len < 0 || (size_t)len >= cap ? ERR_NO_SPACE : 0;
}

/* A connection that the peer made says nothing of where it listens; its options do. */
static void aim_at_peer(const struct call_thread *t, struct transaction_hop *hop)
{
	if (hop->is_reliable && peer_of(t, hop))
		(void)trunks_listens(t->running, call_peer_of(hop), &hop->remote);
}

static bool is_another_of(
	const struct call_thread *t, const struct transaction_hop *hop, const struct addr *a)
{
	return peer_of(t, hop) && !addr_equal_ip(a, &hop->remote) &&
	       trunks_match(t->running, call_peer_of(hop), a) >= TRUNK_SAME_HOST;
}

/*
 * To the address that a URI has in figures. A name is not looked up: the request then goes where
 * the last one went. On a connection it stays as long as that lives, unless it is for another of
 * the gateway's addresses (RFC 3261 §12.2.1.1): what is none of them may be an address behind a
 * NAT, to which the connection is the only way.
 */
static void on_next_hop(void *arg, struct sip_str uri, struct transaction_hop *hop)
{
	const struct call_thread *t = arg;
	const struct sip_listener_config *l = listener_of(t, hop);
	uint16_t port = l && l->transport == SIP_TLS ? SIP_TLS_PORT : SIP_PORT;
	struct addr a;
	struct sip_uri u;

	if (sip_uri_decode(uri, &u) == 0 && u.scheme == SIP_SCHEME_SIP &&
		sip_host_addr(&u.host, u.port ? u.port : port, &a) == 0 &&
		a.family == hop->remote.family) {
		if (hop->is_reliable && is_another_of(t, hop, &a))
			hop->flow = 0;
		hop->remote = a;
	} else {
		aim_at_peer(t, hop);
	}
}

static void on_told(void *arg, struct call *c, unsigned status, unsigned why)
{
	struct ways *w = call_own(c);

	(void)arg;
	if (!w)
		return;
	w->status = status;
	w->why = call_refusal_name(why);
	call_record_told(w->record, status, w->why, call_callee_id(c));
}

/* No call has come of it that could have a line of its own. */
static void on_refused(void *arg, const struct transaction_hop *by, unsigned status, unsigned why)
{
	struct call_thread *t = arg;
	uint32_t held;

	if (log_limit_ok(&t->log_refused, loop_clock(t->loop)->mono_ms, CALL_LINES_PER_S, &held))
		log_info(LOG_CALL, "request refused", "trunk=%s status=%u why=%s held=%u",
			peer_name(t, call_peer_of(by)), status, call_refusal_name(why), held);
}

static void on_parted(void *arg, struct call *c, const struct sip_msg *m)
{
	const struct ways *w = call_own(c);

	(void)arg;
	if (w)
		call_record_cause(w->record, call_verdicts_q850(m));
}

static void on_ended(void *arg, struct call *c, enum call_end why)
{
	struct call_thread *t = arg;
	struct sip_str id = call_id(c);
	struct ways *w = call_own(c);
	char shown[LOG_NAME_LEN];
	uint32_t held = 0;

	if (w) {
		call_attempts_over(t, w);
		call_record_over(w->record, why);
	}
	if ((why == CALL_END_CANCELLED || why == CALL_END_FAILED) &&
		!log_limit_ok(
			&t->log_unanswered, loop_clock(t->loop)->mono_ms, CALL_LINES_PER_S, &held))
		return;
	(void)log_name(id.at, id.len, shown);
	if (w && w->why)
		log_info(LOG_CALL, "call over", "id=%s by=%s status=%u why=%s held=%u", shown,
			call_end_name(why), w->status, w->why, held);
	else
		log_info(LOG_CALL, "call over", "id=%s by=%s held=%u", shown, call_end_name(why),
			held);
}

static unsigned on_options(void *arg, const struct transaction_hop *from)
{
	const struct call_thread *t = arg;

	if (t->is_draining)
		return 503;
	return call_peer_of(from) == call_front(t)
		       ? 200
		       : trunks_options_status(t->running, call_peer_of(from));
}

struct call_user call_ways_calls(struct call_thread *t)
{
	return (struct call_user){.route = on_route,
		.forget = on_forget,
		.refer = call_transfers_refer,
		.transfer = call_transfers_begin,
		.joined = call_transfers_joined,
		.peer = call_terms,
		.reached = call_verdicts_reached,
		.judge = call_verdicts_judge,
		.contact = on_contact,
		.next_hop = on_next_hop,
		.options = on_options,
		.told = on_told,
		.refused = on_refused,
		.parted = on_parted,
		.ended = on_ended,
		.arg = t};
}
