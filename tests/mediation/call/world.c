/* SPDX-License-Identifier: BSD-3-Clause */
#include <errno.h>

#include <sallyport/crypto.h>

#include "world.h"

unsigned world_draw(struct world *w, unsigned below)
{
	w->seed = w->seed * 6364136223846793005u + 1442695040888963407u;
	return (unsigned)(w->seed >> 33) % below;
}

struct transaction_hop world_hop(const struct world *w, enum node n)
{
	return (struct transaction_hop){.flow = 1u + n,
		.remote = addr_ipv4(0xc0000201u + n, 5060),
		.is_reliable = w->is_reliable};
}

/* ---- the wire ---- */

void world_put(struct world *w, enum node from, enum node to, const void *data, size_t len)
{
	struct packet *k = calloc(1, sizeof(*k) + len); /* tests may let malloc fail */

	assert_non_null(k);
	assert_true(w->n_wire < WIRE_MAX);
	k->at_ms = w->clock.mono_ms + 1 + world_draw(w, w->delay_max_ms);
	k->to = to;
	k->from = from;
	k->len = len;
	memcpy(k->data, data, len);
	w->wire[w->n_wire++] = k;
}

static int on_send(void *arg, struct transaction_hop *to, struct bytes message)
{
	struct party *p = arg;
	struct world *w = p->world;
	enum node n = to->remote.ip[15] - 1u;

	assert_true(n < NODE_COUNT);
	if (n == NODE_CALLEE && w->is_callee_gone)
		return -ECONNREFUSED;
	if (n == NODE_CALLEE && w->is_callee_unread)
		return -ENOBUFS;
	if (n == NODE_CALLEE && w->is_full)
		return ERR_FULL;
	if (n == NODE_CALLEE && w->is_callee_deaf)
		return 0;
	if (w->drops_cancel && memcmp(message.data, "CANCEL", 6) == 0)
		return 0;
	if (world_draw(w, 100) >= w->loss_percent)
		world_put(w, p->node, n, message.data, message.len);
	if (world_draw(w, 100) < w->doubled_percent)
		world_put(w, p->node, n, message.data, message.len);
	return 0;
}

static int on_via(void *arg, const struct transaction_hop *to, struct sip_via_own *out)
{
	static const char *const hosts[] = {"192.0.2.1", "192.0.2.2", "192.0.2.3"};
	const struct party *p = arg;

	out->transport = to->is_reliable ? "TCP" : "UDP";
	out->host = (struct sip_host){sip_str_c(hosts[p->node]), SIP_HOST_IPV4};
	out->port = 5060;
	return 0;
}

static void arrive(struct world *w, struct packet *k)
{
	struct transaction_hop from = world_hop(w, k->from);
	struct sip_msg m;
	bool is_fine = sip_msg_decode(k->data, k->len, SIP_DATAGRAM, &m) == SIP_FINE;

	if (!is_fine && !(k->to == NODE_CALLER && w->is_caller_strict)) {
		print_error("%.*s\n", (int)k->len, k->data);
		fail_msg("malformed: %s", sip_refusal_text(m.refusal));
	}
	transactions_receive(w->parties[k->to].l, &m, &from);
	if (w->done)
		w->done();
	crypto_wipe_free(k, sizeof(*k) + k->len); /* as test_wipe.c looks at what is freed */
}

void world_pass(struct world *w, unsigned ms)
{
	for (unsigned i = 0; i < ms; i += 10) {
		w->clock.mono_ms += 10;
		for (size_t j = 0; j < w->n_wire;) {
			struct packet *k = w->wire[j];
			if (k->at_ms > w->clock.mono_ms) {
				j++;
				continue;
			}
			memmove(&w->wire[j], &w->wire[j + 1],
				(--w->n_wire - j) * sizeof(struct packet *));
			arrive(w, k);
		}
		wheel_advance(&w->wheel, w->clock.mono_ms);
	}
}

void world_settle(struct world *w)
{
	world_pass(w, 300000);
}

/* ---- the B2BUA ---- */

/* The callee's number is the caller's: a plan's index. All routes but the last lead nowhere. */
static unsigned on_route(void *arg, void **own, const struct sip_msg *invite,
	const struct transaction_hop *from, unsigned attempt, struct call_route *out)
{
	struct world *w = arg;
	struct sip_uri u;

	(void)from;
	assert_true((*own == NULL) == (attempt == 0));
	assert_int_equal(invite->method, SIP_INVITE);
	if (!*own)
		*own = malloc(1);
	assert_int_equal(sip_uri_decode(invite->uri, &u), 0);
	if (attempt >= w->n_routes)
		return 404;
	out->hop = world_hop(w, NODE_CALLEE);
	(void)snprintf(out->uri, sizeof(out->uri), "sip:%.*s@callee.example%s", (int)u.user.len,
		u.user.at, attempt + 1 < w->n_routes ? ";lost" : "");
	(void)snprintf(out->host, sizeof(out->host), "b2bua.example");
	out->is_anonymous = w->is_anonymous;
	out->progress_ms = w->progress_ms;
	(void)snprintf(out->routes, sizeof(out->routes), "%s", w->routes ? w->routes : "");
	return 0;
}

static void on_forget(void *arg, void *own)
{
	(void)arg;
	free(own);
}

static void on_peer(void *arg, const struct transaction_hop *hop, struct call_peer *out)
{
	struct world *w = arg;

	assert_null(out->account);
	assert_int_not_equal(hop->remote.ip[15], world_hop(w, NODE_B2BUA).remote.ip[15]);
	out->is_trusted = w->is_trusted;
	out->session_s = w->session_s;
	out->account = w->account.username ? &w->account : NULL;
	out->may_refer = w->may_refer;
	out->gets_refer = w->passes_refers;
}

static unsigned on_refer(void *arg, const struct call_referral *r, struct call_referred *out)
{
	struct world *w = arg;

	assert_true(r->target.len > 0 && r->referrer.len > 0);
	w->n_refers++;
	if (!w->passes_refers || !r->takes_refer)
		return 0;
	(void)snprintf(out->to, sizeof(out->to), "sip:elsewhere@callee.example");
	(void)snprintf(out->by, sizeof(out->by), "sip:referrer@b2bua.example");
	return CALL_REFER_PASS;
}

static void on_joined(void *arg, struct call *c, enum call_side side, struct call *old,
	enum call_side side_before)
{
	struct world *w = arg;

	(void)side;
	(void)side_before;
	assert_ptr_not_equal(c, old);
	w->n_joined++;
}

static int on_contact(void *arg, const struct transaction_hop *hop, char *out, size_t cap)
{
	(void)arg;
	(void)snprintf(out, cap, "sip:192.0.2.2:5060%s", hop->is_reliable ? ";transport=tcp" : "");
	return 0;
}

static int on_body(void *arg, struct call_body *b)
{
	struct world *w = arg;

	assert_true(b->content.len == 0 || b->type.len > 0);
	assert_true(b->content.len > 0 || b->route || b->is_ours || b->msg->status == 200);
	if (b->is_ours) {
		assert_true(b->goes_on || b->route);
		b->type = sip_str_c("application/sdp");
		b->content = sip_str_c("our own");
	}
	if (b->content.len == 0)
		return 0;
	assert_true(b->exchange != 0 || b->msg->status >= 300);
	if (b->is_again && b->msg->is_request) {
		w->n_said_again++;
		return w->refuses_again ? ERR_DENIED : 0;
	}
	w->n_bodies++;
	w->n_again += b->is_again && b->from == CALL_CALLEE;
	if (w->is_late && w->n_asked < ARRAY_LEN(w->asked)) {
		if (w->asking)
			w->asking(w->asking_arg);
		w->asked[w->n_asked++] = (struct asked){b->call, b->ticket, b->exchange, b->fork};
		return CALL_BODY_LATER;
	}
	if (b->from == CALL_CALLER && w->refuses_offers) {
		if (w->asking)
			w->asking(w->asking_arg);
		return ERR_MALFORMED;
	}
	return b->from == CALL_CALLEE && w->body_error ? ERR_MALFORMED : 0;
}

void world_ready(struct world *w, unsigned i, int rc, const char *content)
{
	assert_true(i < w->n_asked);
	call_body_ready(w->asked[i].call, w->asked[i].ticket, rc, sip_str_c("application/sdp"),
		sip_str_c(content));
}

static void on_off(void *arg, struct call *c, uint64_t exchange)
{
	struct world *w = arg;

	(void)c;
	w->off = exchange;
}

static void on_reached(void *arg, void *own, unsigned attempt)
{
	struct world *w = arg;

	assert_non_null(own);
	w->n_reached++;
	w->last_attempt = attempt;
}

static void on_judge(void *arg, void *own, unsigned attempt, const struct call_failure *f,
	struct call_verdict *v)
{
	struct world *w = arg;

	assert_non_null(own);
	assert_true((f->kind == CALL_FAILED_RESPONSE) == (f->response != NULL));
	w->n_failed++;
	w->last_attempt = attempt;
	w->failure = f->kind;
	if (w->verdict)
		*v = *w->verdict;
}

static void on_told(void *arg, struct call *c, unsigned status, unsigned why)
{
	struct world *w = arg;
	struct sip_str id = call_callee_id(c);

	w->n_told++;
	w->told = status;
	w->why = why;
	(void)snprintf(w->callee_id, sizeof(w->callee_id), "%.*s", (int)id.len, id.at);
}

static void on_refused(void *arg, const struct transaction_hop *by, unsigned status, unsigned why)
{
	struct world *w = arg;

	assert_true(by->remote.port > 0);
	assert_true(status >= 300);
	assert_non_null(call_refusal_name(why));
	w->n_refused++;
	w->why = why;
}

static void on_parted(void *arg, struct call *c, const struct sip_msg *m)
{
	struct world *w = arg;

	assert_true(call_id(c).len > 0);
	w->parted = m->method;
}

static void on_ended(void *arg, struct call *c, enum call_end why)
{
	struct world *w = arg;

	assert_true(call_id(c).len > 0);
	w->n_calls_ended++;
	w->end = why;
}

static void open_transactions(struct party *p, struct transaction_user user)
{
	struct world *w = p->world;
	struct transactions_config c = {
		.wheel = &w->wheel,
		.clock = &w->clock,
		.carrier = {on_send, on_via, p},
		.user = user,
		.keys = {{11, p->node}, {p->node, 12}},
		.cells = p->cells,
		.timers = transaction_timers_default,
		.max_server = 20000,
		.max_client = 20000,
		.max_bytes = 100000000,
		.retry_after_s = 5,
	};

	p->l = transactions_create(&c);
	assert_non_null(p->l);
}

struct world *world_create_limited(size_t max_calls, unsigned max_early)
{
	return world_create_bounded(max_calls, max_early, max_calls * 65536);
}

struct world *world_create_bounded(size_t max_calls, unsigned max_early, size_t max_bytes)
{
	struct world *w = calloc(1, sizeof(*w));
	struct party *b2bua = &w->parties[NODE_B2BUA];
	struct calls_config c = {
		.wheel = &w->wheel,
		.clock = &w->clock,
		.user = {.route = on_route,
			.peer = on_peer,
			.refer = on_refer,
			.joined = on_joined,
			.forget = on_forget,
			.reached = on_reached,
			.judge = on_judge,
			.contact = on_contact,
			.body = on_body,
			.off = on_off,
			.told = on_told,
			.refused = on_refused,
			.parted = on_parted,
			.ended = on_ended,
			.arg = w},
		.key = {5, 6},
		.cells = w->cells,
		.timers = call_timers_default,
		.max_calls = max_calls,
		.max_bytes = max_bytes,
		.max_early = max_early,
		.retry_after_s = 9,
	};

	assert_non_null(w);
	w->progress_ms = 10000;
	w->seed = 1;
	w->delay_max_ms = 1;
	w->n_routes = 1;
	w->clock.mono_ms = 1000000;
	wheel_init(&w->wheel, w->clock.mono_ms, NULL);
	w->calls = calls_create(&c);
	assert_non_null(w->calls);
	b2bua->world = w;
	b2bua->node = NODE_B2BUA;
	open_transactions(b2bua, calls_transaction_user(w->calls));
	calls_set_transactions(w->calls, b2bua->l);
	party_open(&w->parties[NODE_CALLER], w, NODE_CALLER);
	party_open(&w->parties[NODE_CALLEE], w, NODE_CALLEE);
	open_transactions(&w->parties[NODE_CALLER], party_user(&w->parties[NODE_CALLER]));
	open_transactions(&w->parties[NODE_CALLEE], party_user(&w->parties[NODE_CALLEE]));
	return w;
}

struct world *world_create(void)
{
	return world_create_limited(1000, 20);
}

uint64_t world_count(const struct world *w, unsigned row)
{
	return metrics_get(w->cells, row);
}

void world_destroy(struct world *w)
{
	assert_int_equal(world_count(w, CALL_C_OPEN), 0);
	assert_int_equal(world_count(w, CALL_C_KEPT), 0);
	assert_int_equal(world_count(w, CALL_C_BYTES), 0);
	for (unsigned i = 0; i < NODE_COUNT; i++) {
		struct party *p = &w->parties[i];
		assert_int_equal(metrics_get(p->cells, TRANSACTION_C_SERVER), 0);
		assert_int_equal(metrics_get(p->cells, TRANSACTION_C_CLIENT), 0);
		assert_int_equal(metrics_get(p->cells, TRANSACTION_C_BYTES), 0);
		transactions_destroy(p->l);
	}
	party_close(&w->parties[NODE_CALLER]);
	party_close(&w->parties[NODE_CALLEE]);
	calls_destroy(w->calls);
	assert_int_equal(w->wheel.count, 0);
	assert_int_equal(w->n_wire, 0);
	free(w);
}
