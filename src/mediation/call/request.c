/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * Requests of ours: the client half of an exchange. What is said anew each time (CSeq, credentials)
 * stands in front of what is the same when a request is sent again.
 */
#include <errno.h>
#include <stdlib.h>

#include "call_priv.h"

#define REPEATS_MAX 6 /* of one request: challenges, and intervals that are too short */

/* ---- what it says ---- */

static enum call_side side_to(const struct exchange *x)
{
	return x->from == CALL_CALLER ? CALL_CALLEE : CALL_CALLER;
}

/* A callee of an earlier attempt, who has answered too late, is somebody else's peer. */
static const struct sip_account *account_for(const struct exchange *x)
{
	const struct call *c = x->call;
	enum call_side side = side_to(x);

	if (side == CALL_CALLEE && x->pair && x->pair->attempt != c->callee)
		return NULL;
	return c->peers[side].account;
}

static void find_way(struct end *e)
{
	const struct call_user *u = &e->pair->call->calls->config.user;

	if (u->next_hop)
		u->next_hop(u->arg, sip_dialog_next_hop(&e->dialog), &e->hop);
}

static void append(struct sip_writer *w, struct sip_str text)
{
	if (w->failed || text.len > w->cap - w->len)
		w->failed = true;
	else if (text.len)
		memcpy(w->buf + w->len, text.at, text.len);
	w->len += w->failed ? 0 : text.len;
}

/* The ACK of an INVITE has the credentials of that (RFC 3261 §13.2.2.4). */
static int keep_credentials(struct exchange *x, struct sip_str text)
{
	if (x->method != SIP_INVITE)
		return 0;
	free(x->credentials);
	x->credentials = malloc(text.len + 1);
	if (!x->credentials)
		return -ENOMEM;
	memcpy(x->credentials, text.at, text.len);
	x->credentials[text.len] = '\0';
	return 0;
}

static int write_credentials(
	struct exchange *x, struct sip_writer *w, const struct transaction_request *r)
{
	const struct sip_account *account = account_for(x);
	struct sip_auth_sessions *auth = x->call->auth[side_to(x)];
	size_t from = w->len;

	if (!auth || !account)
		return 0;
	sip_write_auth(w, auth, account, sip_str_c(sip_method_name(r->method)), r->uri, r->content);
	return w->failed ? 0 : keep_credentials(x, sip_str_of(w->buf + from, w->len - from));
}

static void write_rack(struct sip_writer *w, const struct acknowledged *a)
{
	sip_write_open(w, SIP_HEADER_RACK);
	sip_write_u32(w, a->rseq);
	sip_write_c(w, " ");
	sip_write_u32(w, a->cseq);
	sip_write_c(w, " INVITE");
	sip_write_close(w);
}

/* R's fields end up in BUF, behind those that are said anew. */
static int complete(struct exchange *x, struct transaction_request *r, char *buf, size_t cap)
{
	struct end *e = x->pair ? end_across(x->pair, x->from) : NULL;
	struct sip_writer w;
	int err;

	sip_write_begin(&w, buf, cap);
	if (e) {
		r->uri = sip_dialog_uri(&e->dialog);
		x->client_cseq = ++e->dialog.local_cseq;
		join_count(e);
		sip_dialog_write(&e->dialog, &w, r->method, x->client_cseq);
		if (x->method == SIP_INVITE)
			e->acknowledger = (struct sip_acknowledger){0};
	} else {
		sip_write_cseq(&w, ++x->client_cseq, sip_str_c(sip_method_name(r->method)));
	}
	if (x->method == SIP_INVITE || x->method == SIP_UPDATE) {
		bool is_reliable =
			x->method == SIP_INVITE && reliable_is_offered(x, r->content.len > 0);
		sip_write_options(&w, SIP_HEADER_SUPPORTED,
			is_reliable ? CALL_EXTENSIONS_INVITE : CALL_EXTENSIONS);
		refresh_write_request(x, &w);
	}
	if (x->method == SIP_PRACK)
		write_rack(&w, &x->acknowledges);
	err = write_credentials(x, &w, r);
	append(&w, r->fields);
	if (err == 0 && w.failed)
		err = ERR_TOO_LARGE;
	r->fields = sip_str_of(w.buf, w.len);
	return err;
}

/* ---- sending it, and again ---- */

static int start(struct exchange *x, struct transaction_request *r)
{
	struct call *c = x->call;
	char buf[SIP_HEAD_MAX];
	int err = complete(x, r, buf, sizeof(buf));

	if (err)
		return err;
	if (x->pair) {
		struct end *e = end_across(x->pair, x->from);
		find_way(e);
		x->hop = e->hop;
	}
	return client_transaction_start(
		c->calls->transactions, r, &x->hop, &exchange_client_events, x, &x->client);
}

static void put(char **at, struct sip_str s)
{
	if (s.len)
		memcpy(*at, s.at, s.len);
	*at += s.len;
}

/* R, for when it is challenged. */
static int keep(struct exchange *x, const struct transaction_request *r)
{
	size_t len = (size_t)r->uri.len + r->fields.len + r->content_type.len + r->content.len;
	struct kept_request *k = kept_alloc(x->call, sizeof(*k) + len);
	char *at;

	if (!k)
		return -ENOMEM;
	*k = (struct kept_request){.uri_len = r->uri.len,
		.fields_len = r->fields.len,
		.type_len = r->content_type.len,
		.content_len = r->content.len};
	at = k->bytes;
	put(&at, r->uri);
	put(&at, r->fields);
	put(&at, r->content_type);
	put(&at, r->content);
	x->kept = k;
	return 0;
}

int request_send(struct exchange *x, struct transaction_request *r)
{
	bool is_kept = x->method == SIP_INVITE || x->method == SIP_UPDATE || r->content.len > 0;
	int err = is_kept || account_for(x) ? keep(x, r) : 0;

	return err ? err : start(x, r);
}

static struct sip_str next(const char **at, size_t len)
{
	struct sip_str s = len ? sip_str_of(*at, len) : SIP_NONE;

	*at += len;
	return s;
}

static int send_again(struct exchange *x)
{
	const struct kept_request *k = x->kept;
	const char *at = k->bytes;
	struct transaction_request r = {.method = x->method};

	r.uri = next(&at, k->uri_len);
	r.fields = next(&at, k->fields_len);
	r.content_type = next(&at, k->type_len);
	r.content = next(&at, k->content_len);
	return start(x, &r);
}

/* Does anybody want to know still what comes of it? */
static bool is_wanted(const struct exchange *x)
{
	if (x->method == SIP_BYE)
		return true;
	if (x->peer != x)
		return invite_waits_for(x->call, x);
	return !x->call->is_over && (!x->is_replied || !x->server);
}

static bool take_challenge(struct exchange *x, const struct sip_msg *m)
{
	struct sip_auth_sessions **auth = &x->call->auth[side_to(x)];

	if ((m->status != 401 && m->status != 407) || !account_for(x))
		return false;
	if (!*auth)
		*auth = calloc(1, sizeof(**auth));
	if (*auth && x->kept->n_repeated < SIP_AUTH_TRIES && sip_auth_take(*auth, m) == 0) {
		count(x->call->calls, CALL_C_CHALLENGES_ANSWERED);
		return true;
	}
	count(x->call->calls, CALL_C_CHALLENGES_UNANSWERED);
	return false;
}

bool request_is_repeated(struct exchange *x, const struct sip_msg *m)
{
	struct client_transaction *old = x->client;

	if (!x->kept || x->kept->n_repeated >= REPEATS_MAX || !is_wanted(x) ||
		(!take_challenge(x, m) && !refresh_may_ask_again(x, m)))
		return false;
	x->kept->n_repeated++;
	if (send_again(x) != 0)
		return false;
	client_transaction_leave(old);
	return true;
}

void request_holds(struct exchange *x)
{
	const struct kept_request *k = x->kept;

	if (k && k->content_len && body_describes(x)) {
		const char *at = k->bytes + k->uri_len + k->fields_len;
		struct sip_str type = next(&at, k->type_len);
		(void)body_keep(x->call, &end_across(x->pair, x->from)->said, type,
			sip_str_of(at, k->content_len));
	}
	kept_free(x->call, x->kept);
	x->kept = NULL;
}

struct exchange *request_of_ours(struct end *e, enum sip_method method)
{
	enum call_side from = e->side == CALL_CALLER ? CALL_CALLEE : CALL_CALLER;
	struct exchange *x = exchange_open(e->pair->call, method, from);

	if (x) {
		x->pair = e->pair;
		x->peer = x;
		x->is_ours = true;
		x->is_replied = true; /* nobody has asked */
	}
	return x;
}

/* ---- BYE ---- */

/* What is answered matters to nobody: the dialog is over. An exchange of its own hears it, because
 * it may be a challenge. */
void end_bye(struct end *e)
{
	struct transaction_request r = {.method = SIP_BYE, .fields = fields_reason(e->pair->call)};
	struct exchange *x;

	e->wants_bye = false;
	x = e->dialog.text ? request_of_ours(e, SIP_BYE) : NULL;
	if (x && request_send(x, &r) != 0)
		x->is_answered = true;
}

/* ---- ACK ---- */

/* R has its body. NUMBER: one for each 2xx that is acknowledged. */
static int send_ack(struct end *e, struct transaction_request *r, uint32_t cseq, uint64_t number)
{
	struct transactions *t = e->pair->call->calls->transactions;
	char buf[SIP_HEAD_MAX];
	struct sip_writer w;

	sip_write_begin(&w, buf, sizeof(buf));
	sip_dialog_write(&e->dialog, &w, SIP_ACK, cseq);
	append(&w, r->fields);
	if (w.failed)
		return ERR_TOO_LARGE;
	r->fields = sip_str_of(w.buf, w.len);
	r->uri = sip_dialog_uri(&e->dialog);
	find_way(e);
	return transactions_send_ack(t, r, &e->hop, number);
}

static struct sip_str credentials_of(const struct exchange *x)
{
	return x->credentials ? sip_str_c(x->credentials) : SIP_NONE;
}

/* A lost ACK is asked for again by the next copy of the 2xx. */
void exchange_send_ack(struct exchange *x)
{
	struct pair *p = x->pair;
	struct transaction_request r = {.method = SIP_ACK, .fields = credentials_of(x)};

	if (!p)
		return;
	r.content_type = body_type(&x->ack_body);
	r.content = body_content(&x->ack_body);
	if (r.content.len)
		(void)body_keep(x->call, &end_across(p, x->from)->said, r.content_type, r.content);
	x->owes_ack = false;
	(void)send_ack(end_across(p, x->from), &r, x->client_cseq, x->ack_number);
}

void pair_give_up(struct pair *p, struct exchange *attempt)
{
	struct end *callee = &p->ends[CALL_CALLEE];
	struct transaction_request ack = {.method = SIP_ACK, .fields = credentials_of(attempt)};

	(void)send_ack(callee, &ack, attempt->client_cseq, p->ack_number);
	if (p->is_given_up)
		return;
	p->is_given_up = true;
	count(p->call->calls, CALL_C_FORKS_ENDED);
	end_bye(callee);
}
