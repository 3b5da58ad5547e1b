/* SPDX-License-Identifier: BSD-3-Clause */
#include <errno.h>
#include <inttypes.h>
#include <stdlib.h>

#include "../dial_plan.h"

#define FAST_FAILOVER_S 10 /* without settings, as with settings that do not say it */

static const uint16_t failover_codes[] = {408, 503, 504};

struct dial_plan {
	const struct options_mediation *options;
	struct policy_rules *dial_rules;
	struct policy_routes *routes;
	struct dial_trunk *trunks; /* as in the options */
	/* Of each set of settings. */
	struct dial_settings {
		struct policy_rules *called, *calling;
		uint16_t *codes;
		struct policy_response_map *map;
	} * settings;
	const struct dial_trunk *fallback; /* NULL: none */
	unsigned usages[OPTIONS_USAGES_MAX];
};

struct dial_state {
	struct policy_scratch *scratch;
	uint32_t turns[]; /* one for each route */
};

/* ---- making ---- */

static int compile_rules(const struct conf_list *l, struct policy_rules **out)
{
	const struct options_rule *r = l->items;
	struct policy_rule_text texts[OPTIONS_RULES_MAX] = {{NULL, NULL}};
	char why[POLICY_WHY_LEN];
	size_t where;

	for (size_t i = 0; i < l->n; i++)
		texts[i] = (struct policy_rule_text){r[i].match, r[i].replace};
	return policy_rules_create(texts, l->n, out, &where, why);
}

static int make_settings(const struct options_trunk_settings *o, struct dial_settings *out)
{
	const uint64_t *codes = o->failover_codes.items;
	const struct options_response *r = o->response_map.items;
	int rc = compile_rules(&o->called_rules, &out->called);

	if (rc == 0)
		rc = compile_rules(&o->calling_rules, &out->calling);
	if (rc != 0)
		return rc;
	out->codes = calloc(o->failover_codes.n + 1, sizeof(*out->codes));
	out->map = calloc(o->response_map.n + 1, sizeof(*out->map));
	if (!out->codes || !out->map)
		return -ENOMEM;
	for (size_t i = 0; i < o->failover_codes.n; i++)
		out->codes[i] = (uint16_t)codes[i];
	for (size_t i = 0; i < o->response_map.n; i++) {
		out->map[i].sip = (uint16_t)r[i].sip;
		out->map[i].becomes = (uint16_t)r[i].to;
		(void)options_q850(r[i].q850, &out->map[i].q850); /* checked when it was loaded */
	}
	return 0;
}

static int make_all_settings(struct dial_plan *p)
{
	const struct options_trunk_settings *o = p->options->trunk_settings.items;
	int rc = 0;

	p->settings = calloc(p->options->trunk_settings.n + 1, sizeof(*p->settings));
	if (!p->settings)
		return -ENOMEM;
	for (size_t i = 0; i < p->options->trunk_settings.n && rc == 0; i++)
		rc = make_settings(&o[i], &p->settings[i]);
	return rc;
}

static void take_settings(const struct dial_plan *p, struct dial_trunk *t)
{
	const struct options_trunk_settings *first = p->options->trunk_settings.items;
	const struct options_trunk_settings *o = options_trunk_settings_of(p->options, t->options);
	bool has_tls = t->transport == OPTIONS_SIP_TLS;

	t->srtp = has_tls ? POLICY_SRTP_REQUIRED : POLICY_SRTP_NONE;
	t->fast_failover_s = FAST_FAILOVER_S;
	t->failover = (struct policy_failover){.codes = failover_codes, ARRAY_LEN(failover_codes)};
	if (!o)
		return;
	const struct dial_settings *s = &p->settings[o - first];
	if (has_tls)
		t->srtp = (enum policy_srtp)o->srtp;
	t->fast_failover_s = o->fast_failover_s;
	t->numbering = (struct policy_numbering){s->called, s->calling, o->remove_plus};
	t->failover =
		(struct policy_failover){s->codes, o->failover_codes.n, s->map, o->response_map.n};
}

static unsigned usage_number(const struct options_mediation *m, const char *name)
{
	const char *const *u = m->usages.items;
	unsigned i = 0;

	while (i < m->usages.n && strcmp(u[i], name) != 0)
		i++;
	return i;
}

static int take_usages(const struct dial_plan *p, struct dial_trunk *t)
{
	const struct options_trunk_settings *o = options_trunk_settings_of(p->options, t->options);
	const char *const *names = o ? o->usages.items : NULL;
	size_t n = o ? o->usages.n : 0;

	t->has_usages = n > 0 || options_client_pool(p->options) != NULL;
	t->usages = calloc(n + 1, sizeof(*t->usages));
	if (!t->usages)
		return -ENOMEM;
	for (size_t i = 0; i < n; i++)
		t->usages[i] = usage_number(p->options, names[i]);
	t->n_usages = n;
	return 0;
}

static int make_trunk(
	const struct dial_plan *p, const struct options_trunk *o, struct dial_trunk *t)
{
	struct options_trunk_end ours, theirs;

	if (options_trunk_mediation(o, &ours) != 0 || options_trunk_gateway(o, &theirs) != 0)
		return ERR_CONFIG;
	*t = (struct dial_trunk){
		.options = o,
		.gateway = options_gateway_find(p->options, theirs.name),
		.pool = options_pool_find(p->options, ours.name),
		.local_port = ours.port,
		.remote_port = theirs.port,
		.transport = ours.transport,
	};
	if (!t->gateway || !t->pool)
		return ERR_CONFIG;
	take_settings(p, t);
	return take_usages(p, t);
}

static int make_trunks(struct dial_plan *p)
{
	const struct options_trunk *o = p->options->trunks.items;
	const struct options_pool *pool = p->options->pools.items;
	int rc = 0;

	p->trunks = calloc(p->options->trunks.n + 1, sizeof(*p->trunks));
	if (!p->trunks)
		return -ENOMEM;
	for (size_t i = 0; i < p->options->trunks.n && rc == 0; i++)
		rc = make_trunk(p, &o[i], &p->trunks[i]);
	for (size_t i = 0; i < p->options->pools.n && !p->fallback; i++) {
		const char *name = pool[i].default_trunk;
		const struct options_trunk *t = name ? options_trunk_find(p->options, name) : NULL;
		p->fallback = t ? &p->trunks[t - o] : NULL;
	}
	return rc;
}

/* The numbers of what R names, behind each other. */
static void number_names(
	const struct options_mediation *m, const struct options_route *r, unsigned *out)
{
	const struct options_trunk *first = m->trunks.items;
	const char *const *usage = r->usages.items, *const *trunk = r->trunks.items;

	for (size_t i = 0; i < r->usages.n; i++)
		*out++ = usage_number(m, usage[i]);
	for (size_t i = 0; i < r->trunks.n; i++)
		*out++ = (unsigned)(options_trunk_find(m, trunk[i]) - first);
}

static int make_routes(struct dial_plan *p)
{
	const struct options_route *r = p->options->routes.items;
	size_t n = p->options->routes.n, n_names = 0, where;
	char why[POLICY_WHY_LEN];

	for (size_t i = 0; i < n; i++)
		n_names += r[i].usages.n + r[i].trunks.n;
	unsigned *names = calloc(n_names + 1, sizeof(*names)), *at = names;
	struct policy_route_text *texts = calloc(n + 1, sizeof(*texts));
	int rc = names && texts ? 0 : -ENOMEM;
	for (size_t i = 0; i < n && rc == 0; i++) {
		number_names(p->options, &r[i], at);
		texts[i] = (struct policy_route_text){
			.match = r[i].match,
			.priority = (unsigned)r[i].priority,
			.usages = at,
			.n_usages = r[i].usages.n,
			.trunks = at + r[i].usages.n,
			.n_trunks = r[i].trunks.n,
			.spread = (enum policy_spread)r[i].spread,
		};
		at += r[i].usages.n + r[i].trunks.n;
	}
	if (rc == 0)
		rc = policy_routes_create(texts, n, &p->routes, &where, why);
	free(texts);
	free(names);
	return rc;
}

int dial_plan_create(const struct options_mediation *m, struct dial_plan **out)
{
	struct dial_plan *p = calloc(1, sizeof(*p));

	if (!p)
		return -ENOMEM;
	p->options = m;
	for (unsigned i = 0; i < OPTIONS_USAGES_MAX; i++)
		p->usages[i] = i;
	int rc = compile_rules(&m->dial_rules, &p->dial_rules);
	if (rc == 0)
		rc = make_all_settings(p);
	if (rc == 0)
		rc = make_trunks(p);
	if (rc == 0)
		rc = make_routes(p);
	if (rc != 0) {
		dial_plan_destroy(p);
		return rc == -ENOMEM ? rc : ERR_CONFIG;
	}
	*out = p;
	return 0;
}

void dial_plan_destroy(struct dial_plan *p)
{
	if (!p)
		return;
	for (size_t i = 0; p->settings && i < p->options->trunk_settings.n; i++) {
		policy_rules_destroy(p->settings[i].called);
		policy_rules_destroy(p->settings[i].calling);
		free(p->settings[i].codes);
		free(p->settings[i].map);
	}
	for (size_t i = 0; p->trunks && i < p->options->trunks.n; i++)
		free(p->trunks[i].usages);
	free(p->settings);
	free(p->trunks);
	policy_routes_destroy(p->routes);
	policy_rules_destroy(p->dial_rules);
	free(p);
}

struct dial_state *dial_state_create(const struct dial_plan *p)
{
	struct dial_state *s =
		calloc(1, sizeof(*s) + (p->options->routes.n + 1) * sizeof(s->turns[0]));

	if (!s)
		return NULL;
	s->scratch = policy_scratch_create();
	if (!s->scratch) {
		free(s);
		return NULL;
	}
	return s;
}

void dial_state_destroy(struct dial_state *s)
{
	if (!s)
		return;
	policy_scratch_destroy(s->scratch);
	free(s);
}

/* ---- asking ---- */

struct health {
	const struct dial_plan *plan;
	dial_health_fn ask;
	void *arg;
};

static enum policy_trunk_state state_of(void *arg, unsigned trunk)
{
	const struct health *h = arg;
	const struct dial_trunk *t = &h->plan->trunks[trunk];

	if (!t->options->enabled)
		return POLICY_TRUNK_OFF;
	return h->ask ? h->ask(h->arg, t) : POLICY_TRUNK_UP;
}

static bool make_attempt(const struct dial_trunk *t, const struct options_route *r,
	struct dial_state *s, const struct policy_number *called, struct bytes calling,
	struct dial_attempt *out)
{
	struct policy_caller_id id = {.is_suppressed = r && r->suppress_caller_id,
		.alternate = r ? r->alternate_caller_id : NULL};

	out->trunk = t;
	out->route = r;
	return policy_numbers_apply(&t->numbering, &id, s->scratch,
		       bytes_of(called->text, called->len), calling, &out->numbers) == 0;
}

static bool is_loop(const struct dial_question *q, const struct dial_trunk *to)
{
	return q->from && q->from->has_usages && options_gateway_is_pstn(q->from->gateway) &&
	       options_gateway_is_pstn(to->gateway);
}

static void add_attempt(struct dial_answer *out, const struct dial_question *q,
	const struct dial_trunk *t, const struct options_route *r, struct dial_state *s)
{
	if (is_loop(q, t))
		out->is_loop = true;
	else
		out->n += make_attempt(t, r, s, &out->number, q->calling, &out->attempts[out->n]);
}

void dial_plan_ask(const struct dial_plan *p, struct dial_state *s, const struct dial_question *q,
	struct dial_answer *out)
{
	const struct options_route *r = p->options->routes.items;
	bool is_bounded = q->from && q->from->has_usages;
	const unsigned *usages = is_bounded ? q->from->usages : p->usages;
	size_t n_usages = is_bounded ? q->from->n_usages : p->options->usages.n;
	struct policy_choice choices[POLICY_CHOICES_MAX];
	struct health h = {p, q->health, q->arg};
	struct policy_world world = {state_of, &h, s->turns, q->random};

	out->n = 0;
	out->is_loop = false;
	out->number.len = 0;
	if (policy_rules_apply(p->dial_rules, s->scratch, q->called, &out->number) != 0)
		return;
	size_t n = policy_routes_choose(p->routes, s->scratch, usages, n_usages,
		bytes_of(out->number.text, out->number.len), &world, choices);
	for (size_t i = 0; i < n; i++)
		add_attempt(out, q, &p->trunks[choices[i].trunk], &r[choices[i].route], s);
	if (n == 0 && !is_bounded && p->fallback &&
		state_of(&h, (unsigned)(p->fallback - p->trunks)) != POLICY_TRUNK_OFF)
		add_attempt(out, q, p->fallback, NULL, s);
}

const struct dial_trunk *dial_plan_trunk(const struct dial_plan *p, size_t i)
{
	return &p->trunks[i];
}

/* ---- showing ---- */

static void show_failover(const struct dial_trunk *t, FILE *out)
{
	fprintf(out, "     next one");
	if (t->fast_failover_s != 0)
		fprintf(out, " after %" PRIu64 " s without progress and", t->fast_failover_s);
	fprintf(out, " on");
	for (size_t i = 0; i < t->failover.n_codes; i++)
		fprintf(out, " %u", (unsigned)t->failover.codes[i]);
	fprintf(out, "%s\n", t->failover.n_codes ? "" : " no response");
	for (size_t i = 0; i < t->failover.n_map; i++) {
		const struct policy_response_map *m = &t->failover.map[i];
		fprintf(out, "     ");
		if (m->sip == 0)
			fprintf(out, "any response");
		else
			fprintf(out, "%u", (unsigned)m->sip);
		if (m->q850 >= 0)
			fprintf(out, " with cause %d", m->q850);
		fprintf(out, " counts as %u\n", (unsigned)m->becomes);
	}
}

static void show_attempt(const struct dial_attempt *a, size_t i, bool has_next, FILE *out)
{
	static const char *const srtp[] = {"RTP", "SRTP or RTP", "SRTP"};
	const struct dial_trunk *t = a->trunk;
	const struct options_pool *p = t->pool;

	fprintf(out, "%3zu. ", i + 1);
	if (a->route)
		fprintf(out, "route %s, ", a->route->name);
	else
		fprintf(out, "no route, default ");
	fprintf(out, "trunk %s: from %s port %u to %s:%u over %s, %s\n", t->options->name,
		p->pstn_address ? p->pstn_address : p->primary_address, (unsigned)t->local_port,
		t->gateway->host, (unsigned)t->remote_port,
		options_sip_transport_name(t->transport), srtp[t->srtp]);
	fprintf(out, "     calls %s as %s\n", a->numbers.called.text,
		a->numbers.is_anonymous ? "anonymous" : a->numbers.calling.text);
	if (has_next)
		show_failover(t, out);
}

int dial_plan_show(const struct dial_plan *p, const char *what, FILE *out)
{
	const char *colon = strchr(what, ':');
	const struct dial_question q = {.called = bytes_str(colon ? colon + 1 : what),
		.calling = bytes_of(what, colon ? (size_t)(colon - what) : 0)};
	struct dial_state *s = dial_state_create(p);
	struct dial_answer a;

	if (!s)
		return -ENOMEM;
	dial_plan_ask(p, s, &q, &a);
	dial_state_destroy(s);
	if (a.number.len == 0)
		fprintf(out, "it cannot be a number: that has 1 to 128 bytes, behind the dial "
			     "rules too\n");
	else
		fprintf(out, "the number is %s\n", a.number.text);
	for (size_t i = 0; i < a.n; i++)
		show_attempt(&a.attempts[i], i, i + 1 < a.n, out);
	if (a.n == 0 && a.number.len != 0)
		fprintf(out,
			"there is no route for it: the \"match\" of none fits, and no pool has a "
			"\"default_trunk\"\n");
	return a.n > 0 ? 0 : ERR_NOT_FOUND;
}
