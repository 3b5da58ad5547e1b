/* SPDX-License-Identifier: BSD-3-Clause */
/* Telephones: as much of a user agent as calls through a B2BUA want. */
#include <sallyport/crypto.h>
#include <sallyport/sip/session.h>

#include "world.h"

#define OF_TIMER(t, member) CONTAINER_OF(t, struct leg, member)

static uint64_t in_ms(const struct leg *g, unsigned ms)
{
	return g->world->clock.mono_ms + ms;
}

static struct party *party_of(const struct leg *g)
{
	return &g->world->parties[g->node];
}

static void keep(char *out, size_t cap, struct sip_str s)
{
	size_t len = s.len < cap - 1 ? s.len : cap - 1;

	if (len)
		memcpy(out, s.at, len);
	out[len] = 0;
}

static void set_timer(struct leg *g, struct wheel_timer *t, unsigned ms)
{
	if (ms)
		wheel_set(&g->world->wheel, t, in_ms(g, ms));
}

static void stop(struct leg *g)
{
	struct wheel *w = &g->world->wheel;

	g->is_over = true;
	wheel_cancel(w, &g->ring);
	wheel_cancel(w, &g->answer);
	wheel_cancel(w, &g->hang_up);
	wheel_cancel(w, &g->reinvite);
	wheel_cancel(w, &g->repeat);
}

/* ---- requests within the dialog ---- */

static const char *contact_of(const struct leg *g)
{
	return g->node == NODE_CALLER ? "Contact: <sip:a@192.0.2.1>\r\n"
				      : "Contact: <sip:b@192.0.2.3>\r\n";
}

static void write_within(struct leg *g, struct sip_writer *w, enum sip_method method, uint32_t cseq)
{
	sip_dialog_write(&g->dialog, w, method, cseq);
	assert_false(w->failed);
	w->len += (size_t)snprintf(w->buf + w->len, w->cap - w->len, "%s%s", contact_of(g),
		g->fields ? g->fields : "");
	assert_true(w->len < w->cap);
}

static void send_ack(struct leg *g, uint32_t cseq, const char *body)
{
	struct transaction_hop hop = world_hop(g->world, NODE_B2BUA);
	struct transaction_request r = {.method = SIP_ACK, .uri = sip_dialog_uri(&g->dialog)};
	char buf[2048];
	struct sip_writer w;

	if (g->plan.no_ack)
		return;
	sip_write_begin(&w, buf, sizeof(buf));
	write_within(g, &w, SIP_ACK, cseq);
	r.fields = sip_str_of(w.buf, w.len);
	if (body) {
		r.content_type = sip_str_c("application/sdp");
		r.content = sip_str_c(body);
	}
	assert_int_equal(
		transactions_send_ack(party_of(g)->l, &r, &hop, g->index * 1000u + cseq), 0);
}

static void acknowledge(struct leg *g, const struct sip_msg *m);

static void on_within_response(void *arg, struct client_transaction *c, const struct sip_msg *m)
{
	struct leg *g = arg;

	(void)c;
	if (m->status < 200) {
		g->n_within_ringing += m->status > 100;
		keep(g->seen, sizeof(g->seen), m->head);
		acknowledge(g, m);
		return;
	}
	g->within_status = m->status;
	keep(g->seen, sizeof(g->seen), m->head);
	keep(g->within_body, sizeof(g->within_body), m->body);
	if (m->method == SIP_INVITE && m->status < 300)
		send_ack(g, m->cseq, NULL);
}

static void on_within_ended(void *arg, struct client_transaction *c, enum transaction_end why)
{
	struct leg *g = arg;

	(void)why;
	if (g->within == c)
		g->within = NULL;
}

static const struct client_events within_events = {on_within_response, on_within_ended};

void leg_request(struct leg *g, enum sip_method method, const char *body)
{
	struct transaction_hop hop = world_hop(g->world, NODE_B2BUA);
	struct transaction_request r = {.method = method, .uri = sip_dialog_uri(&g->dialog)};
	char buf[2048];
	struct sip_writer w;

	if (method == SIP_INVITE)
		g->rseq = 0;
	sip_write_begin(&w, buf, sizeof(buf));
	write_within(g, &w, method, ++g->dialog.local_cseq);
	r.fields = sip_str_of(w.buf, w.len);
	if (body) {
		r.content_type = sip_str_c("application/sdp");
		r.content = sip_str_c(body);
	}
	assert_int_equal(
		client_transaction_start(party_of(g)->l, &r, &hop, &within_events, g, &g->within),
		0);
}

void leg_cancel_within(struct leg *g)
{
	if (g->within)
		(void)client_transaction_cancel(g->within, SIP_NONE);
}

void leg_hang_up(struct leg *g)
{
	if (g->is_over || !g->dialog.text)
		return;
	leg_request(g, SIP_BYE, NULL);
	stop(g);
}

static void on_hang_up(struct wheel_timer *t, void *arg)
{
	(void)arg;
	leg_hang_up(OF_TIMER(t, hang_up));
}

static void on_reinvite(struct wheel_timer *t, void *arg)
{
	(void)arg;
	leg_request(OF_TIMER(t, reinvite), SIP_INVITE, "offer again");
}

static void go_up(struct leg *g)
{
	bool is_caller = g->node == NODE_CALLER;

	g->is_up = true;
	set_timer(
		g, &g->hang_up, is_caller ? g->plan.hang_up_caller_ms : g->plan.hang_up_callee_ms);
	set_timer(g, &g->reinvite,
		is_caller ? g->plan.reinvite_caller_ms : g->plan.reinvite_callee_ms);
}

/* ---- the caller ---- */

static void see_tag(struct leg *g, struct sip_str tag)
{
	char text[64];

	keep(text, sizeof(text), tag);
	for (unsigned i = 0; i < g->n_tags; i++) {
		if (strcmp(g->tags[i], text) == 0)
			return;
	}
	assert_true(g->n_tags < 8);
	memcpy(g->tags[g->n_tags++], text, sizeof(text));
}

static void begin_dialog(struct leg *g, const struct sip_msg *m)
{
	if (g->dialog.text)
		return;
	assert_int_equal(sip_dialog_of_response(&g->dialog, m, SIP_NONE), 0);
	assert_int_equal(sip_dialogs_add(&party_of(g)->dialogs, &g->dialog), 0);
}

static void end_dialog(struct leg *g)
{
	sip_dialogs_remove(&party_of(g)->dialogs, &g->dialog);
	sip_dialog_fini(&g->dialog);
}

/* RFC 3262 §4: what comes again is not acknowledged again. */
static void acknowledge(struct leg *g, const struct sip_msg *m)
{
	const char *fields = g->fields;
	uint32_t rseq = 0;
	struct sip_writer w;
	char rack[64];

	if (sip_number_decode(sip_header_value(m, SIP_HEADER_RSEQ), &rseq) != 0 || rseq == g->rseq)
		return;
	begin_dialog(g, m);
	assert_true(g->rseq == 0 || rseq == g->rseq + 1);
	if (!g->plan.sends_prack)
		return;
	g->rseq = rseq;
	g->n_pracks++;
	sip_write_begin(&w, rack, sizeof(rack) - 1);
	sip_write_rack(&w, m);
	assert_false(w.failed);
	rack[w.len] = 0;
	g->fields = rack;
	leg_request(g, SIP_PRACK, g->plan.prack_body);
	g->fields = fields;
}

static void on_answered(struct leg *g, const struct sip_msg *m)
{
	keep(g->seen, sizeof(g->seen), m->head);
	if (!g->is_up && !sip_str_equal(g->dialog.remote_tag, m->to_tag))
		end_dialog(g); /* an early one, of another callee */
	begin_dialog(g, m);
	if (!g->is_up)
		go_up(g);
	assert_true(sip_str_equal(g->dialog.remote_tag, m->to_tag));
	send_ack(g, m->cseq, g->plan.is_late_offer ? "late answer" : NULL);
}

static void on_refused(struct leg *g, const struct sip_msg *m)
{
	keep(g->seen, sizeof(g->seen), m->head);
	stop(g);
}

static void on_response(void *arg, struct client_transaction *c, const struct sip_msg *m)
{
	struct leg *g = arg;

	(void)c;
	if (m->status == 100)
		return;
	if (m->to_tag.len)
		see_tag(g, m->to_tag);
	if (m->body.len)
		keep(g->body, sizeof(g->body), m->body);
	keep(g->reason, sizeof(g->reason), m->reason);
	if (m->status < 200) {
		g->n_ringing++;
		acknowledge(g, m);
		keep(g->seen, sizeof(g->seen), m->head);
	} else {
		g->status = m->status;
		if (m->status < 300)
			on_answered(g, m);
		else
			on_refused(g, m);
	}
}

static void on_client_ended(void *arg, struct client_transaction *c, enum transaction_end why)
{
	struct leg *g = arg;

	(void)c;
	g->client = NULL;
	if (why != TRANSACTION_DONE) {
		g->status = 408;
		stop(g);
	}
}

static const struct client_events caller_events = {on_response, on_client_ended};

void leg_cancel(struct leg *g)
{
	if (g->client)
		(void)client_transaction_cancel(g->client, SIP_NONE);
}

static void on_cancel(struct wheel_timer *t, void *arg)
{
	(void)arg;
	leg_cancel(OF_TIMER(t, ring));
}

static struct leg *make(struct party *p, unsigned index);

struct leg *party_dial(struct world *w, const struct plan *plan)
{
	struct party *p = &w->parties[NODE_CALLER];
	unsigned i = p->n_legs;
	struct transaction_hop hop = world_hop(w, NODE_B2BUA);
	struct transaction_request r = {.method = SIP_INVITE};
	struct leg *g;
	char uri[64], fields[1024], body[32];

	w->plans[i] = *plan;
	g = make(p, i);
	wheel_timer_init(&g->ring, on_cancel);
	(void)snprintf(uri, sizeof(uri), "sip:%u@b2bua.example", i);
	(void)snprintf(fields, sizeof(fields),
		"%s%sFrom: \"Alice\" <sip:alice@caller.example>;tag=a%u\r\nTo: <%s>\r\n"
		"Call-ID: caller-%u\r\nCSeq: 1 INVITE\r\n%s",
		plan->fields && strstr(plan->fields, "Max-Forwards") ? "" : "Max-Forwards: 10\r\n",
		contact_of(g), i, uri, i, plan->fields ? plan->fields : "");
	(void)snprintf(body, sizeof(body), "offer %u", i);
	r.uri = sip_str_c(uri);
	r.fields = sip_str_c(fields);
	if (!plan->is_late_offer) {
		r.content_type = sip_str_c("application/sdp");
		r.content = sip_str_c(body);
	}
	assert_int_equal(
		client_transaction_start(p->l, &r, &hop, &caller_events, g, &g->client), 0);
	set_timer(g, &g->ring, plan->cancel_ms);
	return g;
}

/* ---- the callee ---- */

static void reply(struct leg *g, unsigned status, const char *tag, const char *body)
{
	struct transaction_reply r = {.status = status, .to_tag = sip_str_c(tag)};
	const char *reliable = "Require: 100rel\r\nRSeq: 7\r\n";
	const char *more = status < 200 && g->plan.is_reliable ? reliable
			   : g->is_up && status == 200         ? g->plan.within_fields
			   : status == 200                     ? g->plan.answer_fields
			   : status > 299                      ? g->plan.refusal_fields
							       : NULL;
	char fields[1024];

	(void)snprintf(fields, sizeof(fields), "%s%s",
		status < 200 && g->plan.is_bare_ringing ? "" : contact_of(g), more ? more : "");
	r.fields = sip_str_c(fields);
	if (body) {
		r.content_type = sip_str_c("application/sdp");
		r.content = sip_str_c(body);
	}
	if (g->server)
		(void)server_transaction_reply(g->server, &r);
}

void leg_ring(struct leg *g, uint32_t rseq, const char *body)
{
	char fields[128] = "", reliable[64] = "";
	struct transaction_reply r = {.status = 183,
		.to_tag = sip_str_c("b0"),
		.content_type = sip_str_c("application/sdp"),
		.content = sip_str_c(body)};

	if (rseq)
		(void)snprintf(reliable, sizeof(reliable), "Require: 100rel\r\nRSeq: %u\r\n",
			(unsigned)rseq);
	(void)snprintf(fields, sizeof(fields), "%s%s", contact_of(g), reliable);
	r.fields = sip_str_c(fields);
	assert_int_equal(server_transaction_reply(g->server, &r), 0);
}

static void take_dialog(struct leg *g)
{
	struct sip_msg m;

	if (g->dialog.text)
		return;
	assert_int_equal(sip_msg_decode(g->request, g->request_len, SIP_DATAGRAM, &m), SIP_FINE);
	assert_int_equal(sip_dialog_of_request(&g->dialog, &m, sip_str_c("b0")), 0);
	assert_int_equal(sip_dialogs_add(&party_of(g)->dialogs, &g->dialog), 0);
}

/* Every 500 ms, until it is acknowledged. */
static void ring_reliably(struct leg *g)
{
	if (g->n_pracks > 0 || g->is_over || g->is_up)
		return;
	take_dialog(g);
	reply(g, 183, "b0", "early");
	set_timer(g, &g->ring, 500);
}

static void on_ring(struct wheel_timer *t, void *arg)
{
	struct leg *g = OF_TIMER(t, ring);
	unsigned n = g->plan.n_forks ? g->plan.n_forks : 1;
	char tag[16], body[32];

	(void)arg;
	if (g->plan.is_reliable) {
		ring_reliably(g);
		return;
	}
	for (unsigned i = 0; i < n; i++) {
		(void)snprintf(tag, sizeof(tag), "b%u", i);
		(void)snprintf(body, sizeof(body), "early %u", i);
		reply(g, 180, tag, body);
	}
}

/* Another callee's 2xx, as a forking proxy would let it through. */
static void answer_twice(struct leg *g, const char *tag)
{
	struct sip_msg m;
	struct sip_writer w;
	char buf[4096];

	assert_int_equal(sip_msg_decode(g->request, g->request_len, SIP_DATAGRAM, &m), SIP_FINE);
	sip_write_begin(&w, buf, sizeof(buf));
	sip_write_response(&w, &m, 200, NULL, sip_str_c(tag), NULL);
	sip_write_header_c(&w, SIP_HEADER_CONTACT, "<sip:second@192.0.2.3>");
	sip_write_body(&w, SIP_NONE, SIP_NONE);
	assert_false(w.failed);
	world_put(g->world, NODE_CALLEE, NODE_B2BUA, buf, w.len);
}

static void on_repeat(struct wheel_timer *t, void *arg)
{
	struct leg *g = OF_TIMER(t, repeat);

	(void)arg;
	if (!g->server || g->is_acked)
		return;
	server_transaction_repeat(g->server);
	g->interval_ms = g->interval_ms < 2000 ? g->interval_ms * 2 : 4000;
	set_timer(g, t, g->interval_ms);
}

static void take_call(struct leg *g, const char *body)
{
	g->is_acked = g->is_asked = false;
	reply(g, 200, "b0", body);
	g->interval_ms = 500;
	set_timer(g, &g->repeat, 500);
}

void leg_answer(struct leg *g)
{
	g->is_thinking = false;
	take_call(g, "answer again");
}

static void on_answer(struct wheel_timer *t, void *arg)
{
	struct leg *g = OF_TIMER(t, answer);

	(void)arg;
	if (!g->server)
		return;
	if (g->plan.status && g->plan.status != 200) {
		reply(g, g->plan.status, "b0", "no");
		stop(g);
		return;
	}
	if (g->plan.second_answers) {
		answer_twice(g, "b1");
		return;
	}
	take_dialog(g);
	take_call(g, "answer");
	go_up(g);
	if (g->plan.second_answers_too)
		answer_twice(g, "b1");
	for (unsigned i = 0; i < g->plan.n_late; i++) {
		char tag[16];
		(void)snprintf(tag, sizeof(tag), "late%u", i);
		answer_twice(g, tag);
	}
}

static void on_cancelled(void *arg, struct server_transaction *s, const struct sip_msg *cancel)
{
	struct leg *g = arg;

	(void)s;
	(void)cancel;
	g->is_asked = false;
	if (!g->is_up)
		stop(g);
	else if (g->answers_late)
		take_call(g, "answer again");
}

static void on_server_ended(void *arg, struct server_transaction *s, enum transaction_end why)
{
	struct leg *g = arg;

	(void)why;
	if (g->server == s)
		g->server = NULL;
}

static const struct server_events server_events = {on_cancelled, on_server_ended};

static void on_lost_cancelled(void *arg, struct server_transaction *s, const struct sip_msg *cancel)
{
	struct transaction_reply r = {.status = 200,
		.to_tag = sip_str_c("b0"),
		.fields = sip_str_c("Contact: <sip:lost@192.0.2.3>\r\n")};

	(void)arg;
	(void)cancel;
	assert_int_equal(server_transaction_reply(s, &r), 0);
}

static void on_lost_ended(void *arg, struct server_transaction *s, enum transaction_end why)
{
	(void)arg;
	(void)s;
	(void)why;
}

static const struct server_events lost_events = {on_lost_cancelled, on_lost_ended};

static bool refuses_for_interval(struct world *w, unsigned index, struct server_transaction *s)
{
	struct plan *plan = &w->plans[index];
	struct transaction_reply r = {.status = 422};
	char fields[32];

	if (plan->min_se == 0)
		return false;
	(void)snprintf(fields, sizeof(fields), "Min-SE: %u\r\n", plan->min_se++);
	r.fields = sip_str_c(fields);
	(void)server_transaction_reply(s, &r);
	return true;
}

static bool refuses_first(struct world *w, unsigned index, struct server_transaction *s)
{
	struct plan *plan = &w->plans[index];
	struct transaction_reply r = {.status = plan->first_status};

	if (!r.status)
		return refuses_for_interval(w, index, s);
	plan->first_status = 0;
	r.fields = sip_str_c(plan->refusal_fields);
	(void)server_transaction_reply(s, &r);
	return true;
}

static void on_invite(struct party *p, struct server_transaction *s, const struct sip_msg *m)
{
	struct sip_uri u;
	struct leg *g;

	assert_int_equal(sip_uri_decode(m->uri, &u), 0);
	if (sip_str_equal(u.params, sip_str_c(";lost"))) {
		static const struct transaction_reply nobody = {.status = 503};
		if (p->world->is_lost_late)
			server_transaction_take(s, &lost_events, NULL);
		else
			(void)server_transaction_reply(s, &nobody);
		return;
	}
	if (refuses_first(p->world, (unsigned)atoi(u.user.at), s))
		return;
	g = make(p, (unsigned)atoi(u.user.at));
	g->server = s;
	g->request_len = m->bytes.len;
	assert_true(m->bytes.len < sizeof(g->request));
	memcpy(g->request, m->bytes.at, m->bytes.len);
	keep(g->seen, sizeof(g->seen), m->head);
	keep(g->body, sizeof(g->body), m->body);
	server_transaction_take(s, &server_events, g);
	set_timer(g, &g->ring, g->plan.ring_ms);
	set_timer(g, &g->answer, g->plan.answer_ms);
}

/* ---- both ---- */

static void hear(struct leg *g, const struct sip_msg *m)
{
	assert_true(m->body.len > 12 && memcmp(m->body.at, "SIP/2.0 ", 8) == 0);
	assert_true(g->n_notified < ARRAY_LEN(g->notified));
	g->notified[g->n_notified++] = (unsigned)atoi(m->body.at + 8);
	keep(g->notify_seen, sizeof(g->notify_seen), m->head);
}

static void on_within(struct leg *g, struct server_transaction *s, const struct sip_msg *m)
{
	const char *fields = g->plan.within_fields;
	bool is_offer = m->method == SIP_PRACK && m->body.len && !g->plan.is_late_offer;
	const struct transaction_reply ok = {.status = 200,
		.fields = fields ? sip_str_c(fields) : SIP_NONE,
		.content_type = is_offer ? sip_str_c("application/sdp") : SIP_NONE,
		.content = is_offer ? sip_str_c("answer to prack") : SIP_NONE};

	g->n_requests++;
	g->n_updates += m->method == SIP_UPDATE;
	g->n_pracks += m->method == SIP_PRACK;
	keep(g->within_body, sizeof(g->within_body), m->body);
	keep(g->within_seen, sizeof(g->within_seen), m->head);
	g->n_overlaps += m->method == SIP_INVITE && g->is_asked;
	if (m->method == SIP_INVITE && (g->n_busy > 0 || g->within_refusal)) {
		const struct transaction_reply no = {
			.status = g->n_busy > 0 ? 491 : g->within_refusal};
		g->n_busy -= g->n_busy > 0;
		(void)server_transaction_reply(s, &no);
		return;
	}
	if (m->method == SIP_NOTIFY)
		hear(g, m);
	if (m->method == SIP_INVITE) {
		g->server = s;
		server_transaction_take(s, &server_events, g);
		g->is_asked = g->is_thinking;
		if (g->is_thinking)
			reply(g, 180, "", NULL);
		else
			take_call(g, "answer again");
		return;
	}
	if (m->method == SIP_BYE)
		stop(g);
	if (m->method == SIP_UPDATE && g->update_status) {
		const struct transaction_reply no = {.status = g->update_status};
		(void)server_transaction_reply(s, &no);
	} else {
		(void)server_transaction_reply(s, &ok);
	}
}

static struct leg *find(struct party *p, const struct sip_msg *m)
{
	struct sip_dialog *d = sip_dialogs_find(&p->dialogs, m);

	return d ? CONTAINER_OF(d, struct leg, dialog) : NULL;
}

/* The leg whose second callee M is for. */
static struct leg *find_second(struct party *p, const struct sip_msg *m)
{
	for (unsigned i = 0; i < p->n_legs; i++) {
		struct sip_msg invite;
		struct leg *g = p->legs[i];
		if (!g || !g->request_len || !sip_str_equal(m->to_tag, sip_str_c("b1")))
			continue;
		(void)sip_msg_decode(g->request, g->request_len, SIP_DATAGRAM, &invite);
		if (sip_str_equal(invite.call_id, m->call_id))
			return g;
	}
	return NULL;
}

/* ---- who asks for credentials ---- */

static const char password[] = "secret";

static bool is_credential_right(struct world *w, const struct sip_msg *m)
{
	struct sip_auth a;
	char secret[SIP_DIGEST_HEX], nonce[16];
	struct sip_str value = sip_header_value(
		m, w->challenge == 407 ? SIP_HEADER_PROXY_AUTHORIZATION : SIP_HEADER_AUTHORIZATION);

	if (!value.at || sip_auth_decode(value, &a) != 0 || w->takes_nobody)
		return false;
	(void)snprintf(nonce, sizeof(nonce), "n%u", w->n_challenges);
	sip_digest_secret(a.algorithm, a.username, a.realm, sip_str_c(password), secret);
	return sip_str_equal(a.nonce, sip_str_c(nonce)) &&
	       sip_digest_check(&a, secret, m->method_name, m->body);
}

/* The request was refused, because it does not say who sends it. */
static bool is_challenged(struct world *w, struct server_transaction *s, const struct sip_msg *m)
{
	struct transaction_reply r = {.status = w->challenge};
	struct sip_writer sw;
	char buf[512], nonce[16];

	if (!w->challenge)
		return false;
	if (is_credential_right(w, m)) {
		w->n_credentials++;
		w->n_challenges += w->is_nonce_once;
		return false;
	}
	(void)snprintf(nonce, sizeof(nonce), "n%u", ++w->n_challenges);
	sip_write_begin(&sw, buf, sizeof(buf));
	sip_write_challenge(&sw,
		w->challenge == 407 ? SIP_HEADER_PROXY_AUTHENTICATE : SIP_HEADER_WWW_AUTHENTICATE,
		sip_str_c("a realm"), sip_str_c(nonce), w->algorithm, false);
	r.fields = sip_str_of(sw.buf, sw.len);
	(void)server_transaction_reply(s, &r);
	return true;
}

static void on_request(void *arg, struct server_transaction *s, const struct sip_msg *m)
{
	static const struct transaction_reply unknown = {.status = 481}, ok = {.status = 200};
	struct party *p = arg;
	struct leg *g = m->to_tag.len ? find(p, m) : NULL;
	struct leg *second = m->to_tag.len && !g ? find_second(p, m) : NULL;

	if (is_challenged(p->world, s, m))
		return;
	if (g && !g->is_over) {
		on_within(g, s, m);
	} else if (second && m->method == SIP_BYE) {
		second->n_late_byes++;
		(void)server_transaction_reply(s, &ok);
	} else if (m->to_tag.len) {
		(void)server_transaction_reply(s, &unknown);
	} else {
		on_invite(p, s, m);
	}
}

static void on_ack(void *arg, const struct sip_msg *m, const struct transaction_hop *from)
{
	struct party *p = arg;
	struct leg *g = find(p, m);
	struct leg *second = g ? NULL : find_second(p, m);

	(void)from;
	if (second) {
		second->n_late_acks++;
		keep(second->late_uri, sizeof(second->late_uri), m->uri);
	}
	if (!g)
		return;
	g->is_acked = true;
	keep(g->ack_seen, sizeof(g->ack_seen), m->head);
	if (m->body.len)
		keep(g->ack_body, sizeof(g->ack_body), m->body);
}

struct transaction_user party_user(struct party *p)
{
	return (struct transaction_user){on_request, on_ack, p};
}

static struct leg *make(struct party *p, unsigned index)
{
	struct leg *g = calloc(1, sizeof(*g));

	assert_non_null(g);
	assert_true(index < LEGS_MAX);
	if (p->legs[index]) { /* the number is called again */
		assert_true(p->legs[index]->is_over);
		assert_null(p->legs[LEGS_MAX - 1]);
		p->legs[LEGS_MAX - 1] = p->legs[index];
		p->n_legs = LEGS_MAX;
	}
	p->legs[index] = g;
	if (index >= p->n_legs)
		p->n_legs = index + 1;
	g->world = p->world;
	g->node = p->node;
	g->index = index;
	g->plan = p->world->plans[index];
	wheel_timer_init(&g->ring, on_ring);
	wheel_timer_init(&g->answer, on_answer);
	wheel_timer_init(&g->hang_up, on_hang_up);
	wheel_timer_init(&g->reinvite, on_reinvite);
	wheel_timer_init(&g->repeat, on_repeat);
	return g;
}

struct leg *party_callee(struct world *w, const struct leg *caller)
{
	return w->parties[NODE_CALLEE].legs[caller->index];
}

void party_open(struct party *p, struct world *w, enum node n)
{
	p->world = w;
	p->node = n;
	sip_dialogs_init(&p->dialogs, (struct hash_key){1, n});
}

void party_close(struct party *p)
{
	for (unsigned i = 0; i < p->n_legs; i++) {
		struct leg *g = p->legs[i];
		if (!g)
			continue;
		stop(g);
		sip_dialogs_remove(&p->dialogs, &g->dialog);
		sip_dialog_fini(&g->dialog);
		crypto_wipe_free(g, sizeof(*g));
	}
	sip_dialogs_fini(&p->dialogs);
}
