/* SPDX-License-Identifier: BSD-3-Clause */
/* A call that begins: the caller's INVITE, and what the attempts to reach a callee come to. */
#include <errno.h>
#include <stdlib.h>

#include "call_priv.h"

const struct call_timers call_timers_default = {.ring_ms = 180000};

/* ---- the beginning ---- */

/* Those of M's Require that we have not. One that cannot be read is none that we have. */
static void write_unsupported(struct sip_writer *w, const struct sip_msg *m)
{
	uint64_t have = m->method == SIP_INVITE  ? CALL_EXTENSIONS_INVITE
			: m->method == SIP_REFER ? CALL_EXTENSIONS_REFER
						 : CALL_EXTENSIONS;
	const struct sip_header *h = sip_header_first(m, SIP_HEADER_REQUIRE);
	struct sip_tokens t;

	if (sip_options_of(m, SIP_HEADER_REQUIRE, &t) == 0) {
		sip_write_options(w, SIP_HEADER_UNSUPPORTED, t.known & ~have);
		for (unsigned i = 0; i < t.n_unknown; i++)
			sip_write_header(w, SIP_HEADER_UNSUPPORTED, t.unknown[i]);
		return;
	}
	for (; h; h = sip_header_next(m, h))
		sip_write_header(w, SIP_HEADER_UNSUPPORTED, h->value);
}

bool invite_asks_for_extensions(
	struct calls *l, struct server_transaction *s, const struct sip_msg *m)
{
	struct transaction_reply r = {.status = 420};
	struct sip_writer w;

	fields_begin(l, &w);
	write_unsupported(&w, m);
	if (w.len == 0)
		return false;
	count(l, CALL_C_REFUSED_EXTENSION);
	r.fields = fields_done(&w);
	if (server_transaction_reply(s, &r) != 0)
		server_transaction_leave(s);
	return true;
}

/* The caller chooses both and may choose them alike: their hashes must not cancel out. */
static uint64_t caller_hash(const struct calls *l, struct sip_str id, struct sip_str tag)
{
	const uint64_t both[2] = {hash_bytes(&l->config.key, id.at, id.len),
		hash_bytes(&l->config.key, tag.at, tag.len)};

	return hash_bytes(&l->config.key, both, sizeof(both));
}

/* Has the same INVITE come by another way? Its CSeq is not compared: it would be of the dialog. */
static bool is_merged(const struct calls *l, const struct sip_msg *m)
{
	struct hash_node *n =
		hash_table_first(&l->callers, caller_hash(l, m->call_id, m->from_tag));

	for (; n; n = hash_table_next(n)) {
		const struct call *c = CONTAINER_OF(n, struct call, by_caller);
		if (!c->is_over && sip_str_equal(call_id(c), m->call_id) &&
			sip_str_equal(sip_str_of(c->caller + c->call_id_len, c->caller_tag_len),
				m->from_tag))
			return true;
	}
	return false;
}

static int remember(struct call *c, const struct sip_msg *m)
{
	c->call_id_len = m->call_id.len;
	c->caller_tag_len = m->from_tag.len;
	c->caller = malloc((size_t)c->call_id_len + c->caller_tag_len + 1);
	c->invite = kept_alloc(c, m->bytes.len);
	if (!c->caller || !c->invite)
		return -ENOMEM;
	memcpy(c->caller, m->call_id.at, c->call_id_len);
	if (c->caller_tag_len)
		memcpy(c->caller + c->call_id_len, m->from_tag.at, c->caller_tag_len);
	memcpy(c->invite, m->bytes.at, m->bytes.len);
	c->invite_len = m->bytes.len;
	return 0;
}

struct call *invite_call(struct calls *l, struct server_transaction *s, const struct sip_msg *m,
	const struct transaction_hop *from, const struct transaction_hop *rights)
{
	struct call *c = calloc(1, sizeof(*c));

	if (!c)
		return NULL;
	c->calls = l;
	list_init(&c->pairs);
	list_init(&c->exchanges);
	wheel_timer_init(&c->timer, invite_timer);
	join_init(c);
	list_append(&l->calls, &c->link);
	metrics_add(l->config.cells, CALL_C_KEPT, 1);
	c->incoming = exchange_open(c, SIP_INVITE, CALL_CALLER);
	c->share = share_take(&l->open, &rights->remote, rights->place);
	if (!c->share || !c->incoming || remember(c, m) != 0 ||
		hash_table_insert(
			&l->callers, &c->by_caller, caller_hash(l, m->call_id, m->from_tag)) != 0) {
		free(c->caller);
		c->caller = NULL; /* not in the table */
		call_free(c);
		return NULL;
	}
	c->from = *from;
	c->rights = *rights;
	c->incoming->server = s;
	c->incoming->is_virtual = !s;
	c->incoming->server_cseq = m->cseq;
	c->incoming->asked = sip_session_read(m);
	reliable_read(c->incoming, m);
	call_meet(c, CALL_CALLER, from);
	if (s) {
		server_transaction_tag(s, c->local_tag);
		server_transaction_take(s, &exchange_server_events, c->incoming);
	}
	metrics_add(l->config.cells, CALL_C_OPEN, 1);
	count(l, CALL_C_STARTED);
	return c;
}

void invite_fail(struct call *c, unsigned status, const struct sip_msg *m)
{
	exchange_reply(c->incoming, status, m, NULL);
	call_over(c, CALL_END_FAILED, -1);
}

/* His dialog begins when a callee rings: too late to see that he cannot have one. */
static int try_dialog(const struct sip_msg *m)
{
	struct sip_dialog d;
	int err = sip_dialog_of_request(&d, m, sip_str_c("t"));

	if (err == 0)
		sip_dialog_fini(&d);
	return err;
}

static void begin(struct calls *l, struct server_transaction *s, const struct sip_msg *m)
{
	const struct transaction_hop *from = server_transaction_hop(s);
	struct call *c;
	unsigned status;
	int err = try_dialog(m);

	if (err && err != -ENOMEM) {
		refuse(l, s, 400, CALL_C_REFUSED_ROUTE);
		return;
	}
	c = err ? NULL : invite_call(l, s, m, from, from);
	if (!c) {
		refuse(l, s, 503, CALL_C_REFUSED_MEMORY);
		return;
	}
	status = attempt_next(c, m, 503);
	if (status)
		invite_fail(c, status, NULL);
}

bool invite_has_room(const struct calls *l, const struct transaction_hop *from)
{
	const struct calls_config *c = &l->config;
	size_t used = (size_t)metrics_get(c->cells, CALL_C_BYTES);

	return share_is_free(&l->open, &from->remote, from->place, c->max_calls) &&
	       share_has_bytes(&l->open, &from->remote, from->place, used, c->max_bytes);
}

void invite_open(struct calls *l, struct server_transaction *s, const struct sip_msg *m)
{
	const struct transaction_hop *from = server_transaction_hop(s);

	if (m->max_forwards == 0)
		refuse(l, s, 483, CALL_C_REFUSED_HOPS);
	else if (is_merged(l, m))
		refuse(l, s, 482, CALL_C_REFUSED_MERGED);
	else if (!invite_has_room(l, from))
		refuse(l, s, 503, CALL_C_REFUSED_FULL);
	else if (invite_asks_for_extensions(l, s, m) || refresh_is_refused(l, NULL, s, m))
		return;
	else if (sip_header_first(m, SIP_HEADER_REPLACES))
		replaces_open(l, s, m);
	else
		begin(l, s, m);
}

/* ---- what an attempt comes to ---- */

/* Another route may do better, unless the caller has heard of a callee already. */
static void try_again_or_fail(struct call *c, const struct call_failure *f)
{
	struct call_verdict v;
	unsigned n_before = c->n_attempts;
	struct sip_msg invite;

	c->attempt = NULL;
	c->incoming->why = refusal_of_failure(f);
	if (join_is_wanted(c, CALL_CALLEE)) {
		join_refused(c, f);
		return;
	}
	v = failure_judge(c, f);
	if (v.tries_next && !c->is_ringing &&
		sip_msg_decode(c->invite, c->invite_len, SIP_DATAGRAM, &invite) == SIP_FINE) {
		v.status = attempt_next(c, &invite, v.status);
		if (v.status == 0)
			return;
	}
	invite_fail(c, v.status, c->n_attempts == n_before ? f->response : NULL);
}

void invite_attempt_ended(struct exchange *x, enum transaction_end why)
{
	struct call *c = x->call;
	const struct call_failure f = {
		.kind = why == TRANSACTION_TIMEOUT ? CALL_FAILED_SILENT : CALL_FAILED_UNREACHABLE};

	x->is_answered = true;
	join_heard(x, 0);
	if (invite_waits_for(c, x))
		try_again_or_fail(c, &f);
}

/* Nothing has come within the time for progress, or nobody has answered. */
void invite_timer(struct wheel_timer *t, void *arg)
{
	struct call *c = CONTAINER_OF(t, struct call, timer);
	const struct call_failure f = {.kind = CALL_FAILED_NO_PROGRESS};

	(void)arg;
	if (c->is_ringing) {
		c->incoming->why = CALL_C_REFUSED_RINGING;
		exchange_reply(c->incoming, 408, NULL, NULL);
		call_over(c, CALL_END_TIMEOUT, -1);
		return;
	}
	if (c->attempt && c->attempt->client)
		(void)client_transaction_cancel(c->attempt->client, SIP_NONE); /* ends by time */
	else if (c->attempt)
		body_forget(c->attempt);
	try_again_or_fail(c, &f);
}

static void on_provisional(struct exchange *x, const struct sip_msg *m)
{
	struct call *c = x->call;
	struct pair *p = NULL;

	if (m->status == 100 || !invite_waits_for(c, x))
		return;
	if (!c->is_ringing) {
		c->is_ringing = true;
		attempt_reached(c);
		attempt_timer(c, c->calls->config.timers.ring_ms);
	}
	if (m->to_tag.len)
		p = pair_of(c, x, m, c->n_early < c->calls->config.max_early);
	if (!p) { /* one more to ring, under the tag of the first */
		exchange_reply(c->incoming, m->status, NULL, NULL);
		return;
	}
	if (!p->is_dropped && reliable_is_taken(x, p, m))
		exchange_reply(c->incoming, m->status, m, p);
}

/* Routes and target are those of his answer, unless his dialog was there before. */
static int confirm(const struct exchange *x, struct end *e, const struct sip_msg *m)
{
	return x->is_joining ? sip_dialog_refresh(&e->dialog, m)
			     : sip_dialog_confirm(&e->dialog, m);
}

/* Those callees that have not been the first are not to be heard of any more. */
static void choose(struct call *c, struct exchange *x, struct pair *chosen)
{
	c->pair = x->pair = c->incoming->pair = chosen;
	chosen->ends[CALL_CALLEE].session = x->session;
	x->peer = c->incoming;
	c->incoming->peer = x;
	list_for_each (it, &c->pairs) {
		struct pair *p = CONTAINER_OF(it, struct pair, link);
		if (p != chosen)
			pair_unfile(p);
	}
	wheel_cancel(c->calls->config.wheel, &c->timer);
	kept_free(c, c->invite);
	c->invite = NULL;
	reliable_stop_all(c, chosen);
	body_go_on(c->incoming);
}

/* His routes and target are those of his answer, whatever he has said when he rang. */
static void give_up(struct pair *p, struct exchange *x, const struct sip_msg *m)
{
	if (!p->is_given_up)
		(void)sip_dialog_confirm(&p->ends[CALL_CALLEE].dialog, m); /* the old ones may do */
	pair_give_up(p, x);
}

static void on_accepted(struct exchange *x, const struct sip_msg *m)
{
	struct call *c = x->call;
	bool is_wanted = invite_waits_for(c, x);
	struct pair *p = pair_of(c, x, m, true);

	x->is_answered = true;
	join_heard(x, m->status);
	if (p && p == c->pair) {
		if (!x->owes_ack)
			exchange_send_ack(x);
	} else if (p && is_wanted && !p->is_dropped && confirm(x, &p->ends[CALL_CALLEE], m) == 0) {
		if (!c->is_ringing)
			attempt_reached(c);
		choose(c, x, p);
		refresh_accepted(x, m);
		x->owes_ack = true;
		count(c->calls, CALL_C_ANSWERED);
		exchange_reply(c->incoming, m->status, m, p);
		if (join_is_wanted(c, CALL_CALLEE) && !join_is_wanted(c, CALL_CALLER) &&
			!c->is_over)
			join_finish(c);
	} else {
		if (p && x->is_joining)
			exchange_send_ack(x); /* he goes on where he was */
		else if (p)
			give_up(p, x, m);
		if (is_wanted) {
			c->incoming->why = CALL_C_REFUSED_ANSWER;
			invite_fail(c, 503, NULL);
		}
	}
}

void invite_response(struct exchange *x, const struct sip_msg *m)
{
	struct call *c = x->call;
	const struct call_failure f = {CALL_FAILED_RESPONSE, m};

	if (m->status < 200) {
		on_provisional(x, m);
	} else if (m->status < 300) {
		on_accepted(x, m);
	} else {
		x->is_answered = true;
		join_heard(x, m->status);
		if (invite_waits_for(c, x))
			try_again_or_fail(c, &f);
	}
}
