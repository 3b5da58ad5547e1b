/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * The Allocate request, RFC 8656 §7.2: what is asked for, whether it may be had, and the answer.
 * On the way it may wait for a lease on the subject's quota and for a port reserved elsewhere.
 */
#include <netinet/in.h>
#include <stdlib.h>

#include <sallyport/crypto.h>

#include "turn_priv.h"

/* Address families as they stand in attributes (RFC 8656 §18.6). */
enum {
	RAW_IPV4 = 1,
	RAW_IPV6 = 2
};

/* ---- what is asked for ---- */

/* RFC 6062 §5.1. Ports in pairs and DF have no meaning for TCP. */
static struct stun_refusal judge_tcp(const struct turn_request *req)
{
	static const uint16_t udp_only[] = {
		STUN_DONT_FRAGMENT, STUN_EVEN_PORT, STUN_RESERVATION_TOKEN};
	const struct turn_server *s = req->server;
	enum auth_transport transport = req->origin.client.transport;
	struct stun_attr a;

	if (!s->snapshot->config.tcp_relay || !s->config.tcp)
		return turn_refuse(STUN_TRANSPORT_NOT_SUPPORTED);
	if (transport != AUTH_TCP && transport != AUTH_TLS)
		return turn_refuse(STUN_BAD_REQUEST);
	for (size_t i = 0; i < ARRAY_LEN(udp_only); i++) {
		if (stun_attr_find(&req->msg, udp_only[i], &a))
			return turn_refuse(STUN_BAD_REQUEST);
	}
	return TURN_GRANTED;
}

static struct stun_refusal read_transport(const struct turn_request *req, struct turn_wish *w)
{
	struct stun_attr a;
	uint8_t protocol;

	if (!stun_attr_find(&req->msg, STUN_REQUESTED_TRANSPORT, &a) ||
		stun_attr_transport(&a, &protocol) != 0)
		return turn_refuse(STUN_BAD_REQUEST);
	w->is_tcp = protocol == IPPROTO_TCP;
	if (w->is_tcp)
		return judge_tcp(req);
	return protocol == IPPROTO_UDP ? TURN_GRANTED : turn_refuse(STUN_TRANSPORT_NOT_SUPPORTED);
}

static struct stun_refusal read_families(const struct stun_msg *m, struct turn_wish *w)
{
	struct stun_attr requested, additional;
	bool has_requested = stun_attr_find(m, STUN_REQUESTED_ADDRESS_FAMILY, &requested);
	bool has_additional = stun_attr_find(m, STUN_ADDITIONAL_ADDRESS_FAMILY, &additional) ||
			      stun_attr_find(m, STUN_ADDITIONAL_ADDRESS_FAMILY_DRAFT, &additional);
	uint8_t family;

	if ((has_requested && has_additional) ||
		(w->has_token && (has_requested || has_additional)))
		return turn_refuse(STUN_BAD_REQUEST);
	w->families = TURN_V4;
	if (has_requested) {
		if (stun_attr_family(&requested, &family) != 0)
			return turn_refuse(STUN_BAD_REQUEST);
		if (family != RAW_IPV4 && family != RAW_IPV6)
			return turn_refuse(STUN_FAMILY_NOT_SUPPORTED);
		w->families = family == RAW_IPV6 ? TURN_V6 : TURN_V4;
	}
	if (has_additional) {
		/* Only IPv6 may be additional, and a pair of ports has no meaning then. */
		if (stun_attr_family(&additional, &family) != 0 || family != RAW_IPV6 ||
			w->reserve_next)
			return turn_refuse(STUN_BAD_REQUEST);
		w->families = TURN_V4 | TURN_V6;
		w->is_additional = true;
	}
	return TURN_GRANTED;
}

static struct stun_refusal read_ports(const struct stun_msg *m, struct turn_wish *w)
{
	struct stun_attr a;

	w->has_even_port = stun_attr_find(m, STUN_EVEN_PORT, &a);
	if (w->has_even_port && stun_attr_even_port(&a, &w->reserve_next) != 0)
		return turn_refuse(STUN_BAD_REQUEST);
	w->has_token = stun_attr_find(m, STUN_RESERVATION_TOKEN, &a);
	if (w->has_token && (w->has_even_port || stun_attr_token(&a, w->token) != 0))
		return turn_refuse(STUN_BAD_REQUEST);
	return TURN_GRANTED;
}

static struct stun_refusal read_wish(const struct turn_request *req, struct turn_wish *w)
{
	const struct turn_config *c = &req->server->snapshot->config;
	struct stun_attr a;
	struct stun_refusal r = read_transport(req, w);

	if (r.code == 0)
		r = read_ports(&req->msg, w);
	if (r.code == 0)
		r = read_families(&req->msg, w);
	if (r.code != 0)
		return r;
	/* DF can be had on every relay port, so DONT-FRAGMENT needs no answer; it must be
	 * well-formed. */
	if (stun_attr_find(&req->msg, STUN_DONT_FRAGMENT, &a) && stun_attr_flag(&a) != 0)
		return turn_refuse(STUN_BAD_REQUEST);
	/* RFC 8016 §3.1.2: empty, it asks for a ticket. */
	w->is_mobile = stun_attr_find(&req->msg, STUN_MOBILITY_TICKET, &a);
	if (w->is_mobile && a.len != 0)
		return turn_refuse(STUN_BAD_REQUEST);
	/* A port that all allocations of a worker share cannot go to another worker with one; the
	 * ids of TCP connections name the worker; the holder of a token has no name by which it
	 * could be known again. */
	if (w->is_mobile && (!c->mobility || c->shared_port != 0 || w->is_tcp ||
				    req->grant.form == AUTH_FORM_TOKEN))
		return turn_refuse(STUN_MOBILITY_FORBIDDEN);
	w->has_lifetime = stun_attr_find(&req->msg, STUN_LIFETIME, &a);
	if (w->has_lifetime && stun_attr_u32(&a, &w->lifetime_s) != 0)
		return turn_refuse(STUN_BAD_REQUEST);
	return TURN_GRANTED;
}

uint32_t turn_lifetime(const struct turn_alloc *a, bool has_wish, uint32_t wish_s)
{
	const struct turn_tenant *t = a->tenant;
	uint64_t lifetime = t->default_lifetime_s;
	uint64_t now = turn_now_s(a->server);
	uint64_t left = a->refresh_until_s > now ? a->refresh_until_s - now : 1;

	if (has_wish && wish_s > lifetime)
		lifetime = wish_s < t->max_lifetime_s ? wish_s : t->max_lifetime_s;
	return (uint32_t)(lifetime < left ? lifetime : left);
}

/* ---- the answer ---- */

static void answer_success(struct turn_alloc *a, const struct turn_origin *o)
{
	struct turn_answer out;

	if (!turn_answer_begin(a->server, o, STUN_SUCCESS, &out))
		return;
	for (size_t i = 0; i < TURN_RELAYS_MAX; i++) {
		if (!a->relays[i].port)
			continue;
		struct addr told = turn_relay_advertised(a->server, &a->relays[i]);
		stun_write_xor_address(&out.w, STUN_XOR_RELAYED_ADDRESS, &told);
	}
	if (a->missing_family != 0)
		stun_write_address_error(&out.w, a->missing_family, a->missing_code, NULL);
	stun_write_u32(&out.w, STUN_LIFETIME, a->granted_s);
	if (a->has_token)
		stun_write_bytes(&out.w, STUN_RESERVATION_TOKEN, a->token, sizeof(a->token));
	stun_write_xor_address(&out.w, STUN_XOR_MAPPED_ADDRESS, &a->client.addr);
	turn_mobility_write_ticket(a, &out.w);
	turn_answer_send(&out);
}

static void log_grant(const struct turn_alloc *a)
{
	char client[ADDR_TEXT_LEN], relayed[ADDR_TEXT_LEN], subject[AUTH_SUBJECT_LEN * 2 + 1];
	const struct turn_relay *r = a->relays[0].port ? &a->relays[0] : &a->relays[1];

	if (log_level_get() < LOG_LEVEL_INFO)
		return;
	struct addr told = turn_relay_advertised(a->server, r);
	hex_encode(a->subject, sizeof(a->subject), subject);
	log_info(LOG_TURN, "allocation granted",
		"id=%llx client=%s relayed=%s lifetime_s=%u subject=%s kid=%s tenant=%s kbps=%u "
		"packets_s=%u subject_kbps=%u",
		(unsigned long long)a->id, log_addr(&a->client.addr, client),
		addr_format(&told, relayed), a->granted_s, subject, a->kid, a->tenant->name,
		flow_account_kbps(&a->account, FLOW_LIMIT_RATE), flow_account_packets(&a->account),
		flow_account_kbps(&a->account, FLOW_LIMIT_SUBJECT));
}

static void own(struct turn_alloc *a, struct turn_relay *r)
{
	const struct turn_udp_wire *udp = a->server->config.udp;
	bool is_stream = a->client.transport == AUTH_TCP || a->client.transport == AUTH_TLS;

	if (!r->port || r->is_shared)
		return;
	r->port->owner = a;
	if (is_stream && !a->is_tcp && udp->for_stream)
		udp->for_stream(udp->arg, r->port);
}

static void finish(struct turn_alloc *a, const struct turn_origin *o, const struct turn_wish *w)
{
	for (size_t i = 0; i < TURN_RELAYS_MAX; i++)
		own(a, &a->relays[i]);
	a->granted_s = turn_lifetime(a, w->has_lifetime, w->lifetime_s);
	turn_alloc_lifetime_set(a, NULL, a->granted_s);
	/* Out of memory it gets no ticket, and its client does without. */
	if (w->is_mobile)
		(void)turn_mobile_create(a);
	turn_count(a->server, TURN_C_ALLOCATE_OK);
	turn_tenant_count(a->server, a->tenant->id, TURN_T_ALLOCATE_OK, 1);
	answer_success(a, o);
	log_grant(a);
	turn_alloc_settle(a); /* O and W may be gone now */
}

static void fail(struct turn_alloc *a, const struct turn_origin *o, struct stun_refusal r)
{
	turn_origin_refuse(a->server, o, r);
	turn_alloc_destroy(a, "refused");
}

/* ---- relays ---- */

static unsigned code_of(int rc)
{
	return rc == ERR_UNSUPPORTED ? STUN_FAMILY_NOT_SUPPORTED : STUN_INSUFFICIENT_CAPACITY;
}

static enum net_ports_want ports_of(const struct turn_wish *w)
{
	if (!w->has_even_port)
		return NET_PORT_ANY;
	return w->reserve_next ? NET_PORT_EVEN_PAIR : NET_PORT_EVEN;
}

/*
 * Of two families wished for by ADDITIONAL-ADDRESS-FAMILY one may fail, which the answer then says
 * (RFC 8656 §7.2). Returns 0 or the code that refuses the whole.
 */
static unsigned open_relays(struct turn_alloc *a, const struct turn_wish *w)
{
	static const enum addr_family family[TURN_RELAYS_MAX] = {ADDR_IPV4, ADDR_IPV6};
	const struct turn_relay_want want = {.ports = ports_of(w), .is_tcp = w->is_tcp};
	unsigned opened = 0, code = 0;

	for (size_t i = 0; i < TURN_RELAYS_MAX; i++) {
		if (!(w->families & (1u << i)))
			continue;
		int rc = turn_relay_open(a->server, family[i], &want, &a->relays[i], a->token);
		if (rc == 0) {
			opened++;
			continue;
		}
		code = code_of(rc);
		a->missing_family = i == 0 ? RAW_IPV4 : RAW_IPV6;
		a->missing_code = (uint16_t)code;
	}
	a->has_token = opened > 0 && w->reserve_next;
	return opened > 0 ? 0 : code;
}

/* ---- the steps ---- */

static void wait_out(struct wheel_timer *t, void *arg)
{
	struct turn_pending *p = CONTAINER_OF(t, struct turn_pending, timer);

	(void)arg;
	turn_allocate_fail(p->alloc, turn_refuse(STUN_INSUFFICIENT_CAPACITY));
}

/* Keeps what the answer will need. False when out of memory. */
static bool wait_for_answer(
	struct turn_alloc *a, const struct turn_origin *o, const struct turn_wish *w)
{
	struct turn_server *s = a->server;
	struct turn_pending *p = a->pending;

	if (p)
		return true; /* it has waited before and everything is kept */
	p = calloc(1, sizeof(*p));
	if (!p)
		return false;
	p->ticket = a->id;
	if (hash_table_insert(&s->pending, &p->by_ticket,
		    hash_bytes(&s->key, &p->ticket, sizeof(p->ticket))) != 0) {
		free(p);
		return false;
	}
	p->alloc = a;
	p->origin = *o;
	p->wish = *w;
	wheel_timer_init(&p->timer, wait_out);
	wheel_set(s->config.wheel, &p->timer, turn_now_ms(s) + TURN_PENDING_MS);
	a->pending = p;
	return true;
}

static void take_reserved(
	struct turn_alloc *a, const struct turn_origin *o, const struct turn_wish *w)
{
	struct turn_server *s = a->server;
	unsigned worker = turn_token_worker(w->token);
	struct turn_relay r = {0};

	if (worker == s->config.worker) {
		if (turn_reservation_take(s, w->token, &r) != 0) {
			fail(a, o, turn_refuse(STUN_INSUFFICIENT_CAPACITY));
			return;
		}
		a->relays[r.port->local.family == ADDR_IPV6] = r;
		finish(a, o, w);
		return;
	}
	if (worker >= s->config.n_workers || !s->servers || !wait_for_answer(a, o, w) ||
		turn_reservation_ask(s, worker, a->id, w->token) != 0)
		fail(a, o, turn_refuse(STUN_INSUFFICIENT_CAPACITY));
}

static void open_or_take(
	struct turn_alloc *a, const struct turn_origin *o, const struct turn_wish *w)
{
	if (w->has_token) {
		take_reserved(a, o, w);
		return;
	}
	unsigned code = open_relays(a, w);
	if (code != 0)
		fail(a, o, turn_refuse(code));
	else
		finish(a, o, w);
}

void turn_allocate_resume(struct turn_alloc *a)
{
	open_or_take(a, &a->pending->origin, &a->pending->wish);
}

void turn_allocate_fail(struct turn_alloc *a, struct stun_refusal r)
{
	fail(a, &a->pending->origin, r);
}

void turn_allocate_reserved(struct turn_alloc *a, struct turn_relay r)
{
	if (!r.port) {
		turn_allocate_fail(a, turn_refuse(STUN_INSUFFICIENT_CAPACITY));
		return;
	}
	a->relays[r.port->local.family == ADDR_IPV6] = r;
	finish(a, &a->pending->origin, &a->pending->wish);
}

/* A lease first, when anything is limited that is counted over all workers: the allocations and
 * rates of the whole node. */
static void start(struct turn_alloc *a, const struct turn_request *req, const struct turn_wish *w)
{
	struct turn_server *s = a->server;
	struct turn_lease_ask ask = {.worker = s->config.worker,
		.ticket = a->id,
		.lease = {.tenant = a->tenant->id},
		.node_limit = s->snapshot->config.max_allocations,
		.tenant_limit = a->tenant->max_allocations,
		.subject_limit = req->grant.claims.max_allocations};

	if (ask.subject_limit == 0)
		ask.subject_limit = a->tenant->subject_allocations;
	ask.lease.has_node = ask.node_limit > 0;
	ask.lease.has_tenant = ask.tenant_limit > 0 || a->tenant->tenant_kbps > 0;
	ask.lease.has_subject = ask.subject_limit > 0 || a->tenant->subject_kbps > 0;
	if (!turn_lease_is_held(&ask.lease) || !s->config.lease_ask) {
		open_or_take(a, &req->origin, w);
		return;
	}
	memcpy(ask.lease.subject, a->subject, sizeof(ask.lease.subject));
	struct turn_lease_grant grant;
	if (s->config.lease_try && s->config.lease_try(s->config.arg, &ask, &grant)) {
		struct stun_refusal r = turn_lease_hold(a, &ask.lease, &grant);
		if (r.code != 0)
			fail(a, &req->origin, r);
		else
			open_or_take(a, &req->origin, w);
		return;
	}
	if (!wait_for_answer(a, &req->origin, w) || s->config.lease_ask(s->config.arg, &ask) != 0)
		fail(a, &req->origin, turn_refuse(STUN_INSUFFICIENT_CAPACITY));
}

/* A retransmission gets the answer again; anything else finds the 5-tuple taken. */
static void answer_again(struct turn_request *req)
{
	struct turn_alloc *a = req->alloc;

	if (memcmp(a->tid, req->origin.tid, sizeof(a->tid)) != 0) {
		turn_request_refuse(req, turn_refuse(STUN_ALLOCATION_MISMATCH));
		return;
	}
	if (!a->pending)
		answer_success(a, &req->origin);
}

/* A credential may keep its holder off IPv6 relay addresses, and off TCP; the other forms say
 * nothing of either. */
static struct stun_refusal apply_claims(const struct auth_grant *g, struct turn_wish *w)
{
	if (w->is_tcp && g->form == AUTH_FORM_M1 && !(g->claims.flags & AUTH_TCP_RELAY))
		return turn_refuse(STUN_FORBIDDEN);
	if (!(g->claims.flags & AUTH_NO_IPV6) || !(w->families & TURN_V6))
		return TURN_GRANTED;
	if (!w->is_additional)
		return turn_refuse(STUN_FAMILY_NOT_SUPPORTED);
	w->families = TURN_V4;
	return TURN_GRANTED;
}

void turn_handle_allocate(struct turn_request *req)
{
	struct turn_wish w = {0};

	if (req->alloc) {
		answer_again(req);
		return;
	}
	struct stun_refusal r = read_wish(req, &w);
	if (r.code == 0)
		r = apply_claims(&req->grant, &w);
	if (r.code != 0) {
		turn_request_refuse(req, r);
		return;
	}
	if (turn_request_redirect(req, &w))
		return;
	struct turn_alloc *a = turn_alloc_create(req);
	if (!a) {
		turn_request_refuse(req, turn_refuse(STUN_INSUFFICIENT_CAPACITY));
		return;
	}
	if (w.is_additional && !(w.families & TURN_V6)) {
		a->missing_family = RAW_IPV6;
		a->missing_code = STUN_FAMILY_NOT_SUPPORTED;
	}
	a->is_tcp = w.is_tcp;
	start(a, req, &w);
}
