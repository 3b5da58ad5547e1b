/* SPDX-License-Identifier: BSD-3-Clause */
/* What must hold between the entities of the section "mediation". */
#include <string.h>

#include "../options_mediation.h"

#define COLOCATED_NODES_MAX 12

static const char name_characters[] =
	"abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789.-_";

/* ---- names ---- */

/* The names of N things that are SIZE bytes each, which begin with their name. */
static void check_names(
	struct conf_doc *doc, const struct conf_list *l, size_t size, const char *what)
{
	const uint8_t *items = l->items;

	for (size_t i = 0; i < l->n; i++) {
		const char *const *name = (const void *)(items + i * size);
		if ((*name)[strspn(*name, name_characters)] != '\0')
			conf_fail(doc, name,
				"the name of a %s has letters, digits, dots, hyphens and "
				"underscores alone",
				what);
		for (size_t k = 0; k < i; k++) {
			const char *const *other = (const void *)(items + k * size);
			if (strcmp(*other, *name) == 0) {
				conf_fail(doc, name, "two %ss are called \"%s\"; rename one", what,
					*name);
				break;
			}
		}
	}
}

static void check_usages(struct conf_doc *doc, const struct options_mediation *m)
{
	const char *const *u = m->usages.items;

	for (size_t i = 0; i < m->usages.n; i++) {
		for (size_t k = 0; k < i; k++) {
			if (strcmp(u[i], u[k]) == 0)
				conf_fail(doc, &u[i], "\"%s\" is there twice; remove one", u[i]);
		}
	}
}

/* ---- rules and patterns ---- */

static void check_rules(struct conf_doc *doc, const struct conf_list *l)
{
	const struct options_rule *r = l->items;
	char why[POLICY_WHY_LEN];

	for (size_t i = 0; i < l->n; i++) {
		struct policy_rule_text text = {r[i].match, r[i].replace};
		struct policy_rules *rules;
		size_t where;
		if (policy_rules_create(&text, 1, &rules, &where, why) == 0)
			policy_rules_destroy(rules);
		else
			conf_fail(doc, &r[i].match, "the rule cannot be used: %s", why);
	}
}

/* ---- pools ---- */

static void check_address(struct conf_doc *doc, const char *const *field)
{
	struct addr address;
	struct prefix network;

	if (*field && options_own_address(*field, &address, &network) != 0)
		conf_fail(doc, field,
			"\"%s\" is neither an address without a port nor auto/NETWORK, such as "
			"auto/10.10.0.0/24",
			*field);
}

static void check_default_trunk(
	struct conf_doc *doc, const struct options_mediation *m, const struct options_pool *p)
{
	struct options_trunk_end end;
	const struct options_trunk *t =
		p->default_trunk ? options_trunk_find(m, p->default_trunk) : NULL;

	if (!p->default_trunk)
		return;
	if (!t)
		conf_fail(doc, &p->default_trunk, "there is no trunk \"%s\" in \"trunks\"",
			p->default_trunk);
	else if (options_trunk_mediation(t, &end) == 0 && options_pool_find(m, end.name) != p)
		conf_fail(doc, &p->default_trunk, "\"%s\" is a trunk of another pool",
			p->default_trunk);
}

static void check_alone(struct conf_doc *doc, const struct addr *a)
{
	if (a->family != ADDR_NONE && (a->port != 0 || addr_is_unspecified(a)))
		conf_fail(doc, a, "an address alone belongs here, without a port");
}

static bool has_address(const char *host, const struct addr *address)
{
	return options_host_address(host, address).family != ADDR_NONE;
}

static void check_client_side(
	struct conf_doc *doc, const struct options_mediation *m, const struct options_pool *p)
{
	const struct options_next_hop *h = &p->next_hop;

	if (p->has_client_tls && options_client_pool(m) != p)
		conf_fail(doc, &p->client_tls,
			"pool \"%s\" has a \"client_tls\" already; a node has one listener for the "
			"inside",
			options_client_pool(m)->name);
	if (p->has_client_tls && !p->has_next_hop && p->client_tls.names.n == 0)
		conf_fail(doc, &p->client_tls.names,
			"nobody may call from the inside; add \"names\", or a \"next_hop\"");
	if (!p->has_next_hop)
		return;
	if (!p->has_client_tls)
		conf_fail(doc, &p->next_hop, "the front end is reached by TLS; add \"client_tls\"");
	check_alone(doc, &h->address);
}

static void check_certificates(
	struct conf_doc *doc, const struct options_mediation *m, const struct options_pool *p)
{
	const struct options_trunk *t = m->trunks.items;
	struct options_trunk_end end;

	for (size_t i = 0; i < m->trunks.n && !options_trunk_tls(p); i++) {
		if (options_trunk_mediation(&t[i], &end) != 0 || end.transport != OPTIONS_SIP_TLS ||
			options_pool_find(m, end.name) != p)
			continue;
		conf_fail(doc, &t[i].mediation,
			"trunk \"%s\" has TLS, and pool \"%s\" no certificate; add \"trunk_tls\"",
			t[i].name, p->name);
		return;
	}
}

static void check_pool(
	struct conf_doc *doc, const struct options_mediation *m, const struct options_pool *p)
{
	check_address(doc, &p->primary_address);
	check_address(doc, &p->pstn_address);
	if (p->colocated && p->pstn_address)
		conf_fail(doc, &p->pstn_address,
			"nodes that are colocated have one address; remove it, or set "
			"\"colocated: false\"");
	if (p->colocated && p->nodes.n > COLOCATED_NODES_MAX)
		conf_fail(doc, &p->nodes, "%zu nodes; a pool of colocated ones has at most %d",
			p->nodes.n, COLOCATED_NODES_MAX);
	check_default_trunk(doc, m, p);
	check_client_side(doc, m, p);
	check_certificates(doc, m, p);
}

/* ---- trunks ---- */

static const struct conf_ports *ports_of(
	const struct options_pool *p, enum options_sip_transport transport)
{
	switch (transport) {
	case OPTIONS_SIP_TCP:
		return &p->trunk_listen.tcp;
	case OPTIONS_SIP_UDP:
		return &p->trunk_listen.udp;
	default:
		return &p->trunk_listen.tls;
	}
}

/* One address for both sides: then the inside's listener has its port alone. */
static bool is_client_port(const struct options_pool *p, const struct options_trunk_end *end)
{
	bool is_one = !p->pstn_address || strcmp(p->pstn_address, p->primary_address) == 0;

	return is_one && p->has_client_tls && end->transport != OPTIONS_SIP_UDP &&
	       end->port == p->client_port;
}

static void check_our_end(struct conf_doc *doc, const struct options_trunk *t,
	const struct options_trunk_end *end, const struct options_pool *p)
{
	const char *transport = options_sip_transport_name(end->transport);
	const struct conf_ports *ports = ports_of(p, end->transport);

	if (ports->first == 0)
		conf_fail(doc, &t->mediation,
			"pool \"%s\" has no ports for %s; name them in \"trunk_listen\"", p->name,
			transport);
	else if (end->port < ports->first || end->port > ports->last)
		conf_fail(doc, &t->mediation,
			"port %u is outside of the ports %u-%u that pool \"%s\" has for %s; take "
			"one of "
			"those, or widen \"trunk_listen\"",
			(unsigned)end->port, (unsigned)ports->first, (unsigned)ports->last, p->name,
			transport);
	else if (is_client_port(p, end))
		conf_fail(doc, &t->mediation,
			"port %u is the \"client_port\" of pool \"%s\", at the same address",
			(unsigned)end->port, p->name);
}

/* Whether media and signalling on T stay between the two. */
static void check_secrecy(struct conf_doc *doc, const struct options_mediation *m,
	const struct options_trunk *t, enum options_sip_transport transport)
{
	const struct options_trunk_settings *s = options_trunk_settings_of(m, t);
	enum options_clear clear = options_trunk_clear(m, t);
	bool has_tls = transport == OPTIONS_SIP_TLS;

	if (clear == OPTIONS_CLEAR_NOTHING)
		return;
	if (t->connection == OPTIONS_INTERNET)
		conf_fail(doc, &t->connection,
			"trunk \"%s\" is on the Internet without %s; use TLS and \"srtp: "
			"required\", or a tunnel (\"connection: vpn\")",
			t->name, has_tls ? "required SRTP" : "TLS");
	else if (clear == OPTIONS_CLEAR_ALL)
		conf_warn(doc, &t->mediation,
			"signalling and media of trunk \"%s\" are clear; protect its network and "
			"say so with \"connection\", or use TLS",
			t->name);
	else
		conf_warn(doc, &t->mediation,
			"media of trunk \"%s\" %s clear; protect its network and say so with "
			"\"connection\", or set \"srtp: required\"",
			t->name, s && s->srtp == POLICY_SRTP_NONE ? "are" : "may be");
}

/* The same pool and gateway, with the same ports. */
static bool is_same_pair(const struct options_trunk *a, const struct options_trunk *b)
{
	struct options_trunk_end am, ag, bm, bg;

	return options_trunk_mediation(a, &am) == 0 && options_trunk_mediation(b, &bm) == 0 &&
	       options_trunk_gateway(a, &ag) == 0 && options_trunk_gateway(b, &bg) == 0 &&
	       bytes_equal(am.name, bm.name) && am.port == bm.port &&
	       bytes_equal(ag.name, bg.name) && ag.port == bg.port;
}

static void check_gateway_end(struct conf_doc *doc, const struct options_mediation *m,
	const struct options_trunk *t, bool has_tls)
{
	struct options_trunk_end end;
	const struct addr none = {.family = ADDR_NONE};
	const struct options_gateway *g;

	if (options_trunk_gateway(t, &end) != 0) {
		conf_fail(doc, &t->gateway,
			"\"%s\" is not GATEWAY:PORT, such as gw1:5067, nor a GATEWAY", t->gateway);
		return;
	}
	g = options_gateway_find(m, end.name);
	if (!g)
		conf_fail(doc, &t->gateway, "there is no gateway \"%.*s\" in \"gateways\"",
			(int)end.name.len, (const char *)end.name.data);
	else if (has_tls && has_address(g->host, &none))
		conf_fail(doc, &t->gateway,
			"trunk \"%s\" has TLS, and gateway \"%s\" is an address; name its host as "
			"its certificate does",
			t->name, g->name);
}

static void check_trunk(
	struct conf_doc *doc, const struct options_mediation *m, const struct options_trunk *t)
{
	const struct options_trunk *first = m->trunks.items;
	struct options_trunk_end end;
	const struct options_pool *p;

	if (options_trunk_mediation(t, &end) != 0) {
		conf_fail(doc, &t->mediation,
			"\"%s\" is not POOL:PORT/TRANSPORT, such as med:5067/tls", t->mediation);
		return;
	}
	p = options_pool_find(m, end.name);
	if (!p)
		conf_fail(doc, &t->mediation, "there is no pool \"%.*s\" in \"pools\"",
			(int)end.name.len, (const char *)end.name.data);
	else
		check_our_end(doc, t, &end, p);
	check_gateway_end(doc, m, t, end.transport == OPTIONS_SIP_TLS);
	for (const struct options_trunk *u = first; u < t; u++) {
		if (is_same_pair(u, t)) {
			conf_fail(doc, &t->mediation,
				"trunk \"%s\" has the same pool, gateway and ports; change a port",
				u->name);
			break;
		}
	}
	check_secrecy(doc, m, t, end.transport);
	options_check_registration(doc, t);
}

/* Each gateway has one root trunk. */
static void check_roots(struct conf_doc *doc, const struct options_mediation *m)
{
	const struct options_gateway *g = m->gateways.items;
	const struct options_trunk *t = m->trunks.items;
	struct options_trunk_end end;

	for (size_t i = 0; i < m->gateways.n; i++) {
		const struct options_trunk *root = NULL;
		for (size_t k = 0; k < m->trunks.n; k++) {
			if (!t[k].root || options_trunk_gateway(&t[k], &end) != 0 ||
				!bytes_equal(end.name, bytes_str(g[i].name)))
				continue;
			if (root)
				conf_fail(doc, &t[k].root,
					"gateway \"%s\" has the root trunk \"%s\" already",
					g[i].name, root->name);
			root = &t[k];
		}
		if (!root)
			conf_fail(doc, &g[i].name,
				"gateway \"%s\" has no root trunk; add one, with \"root: true\"",
				g[i].name);
	}
}

/* ---- what holds for trunks ---- */

static bool has_site(const struct options_mediation *m, const char *site)
{
	const struct options_trunk *t = m->trunks.items;

	for (size_t i = 0; i < m->trunks.n; i++) {
		if (t[i].site && strcmp(t[i].site, site) == 0)
			return true;
	}
	return false;
}

static void check_scope(struct conf_doc *doc, const struct options_mediation *m,
	const struct options_trunk_settings *s)
{
	const struct options_trunk_settings *first = m->trunk_settings.items;
	enum policy_scope scope;
	const char *name;

	if (policy_scope_parse(s->scope, &scope, &name) != 0)
		conf_fail(
			doc, &s->scope, "\"%s\" is not global, site:NAME or trunk:NAME", s->scope);
	else if (scope == POLICY_TRUNK && !options_trunk_find(m, name))
		conf_fail(doc, &s->scope, "there is no trunk \"%s\" in \"trunks\"", name);
	else if (scope == POLICY_SITE && !has_site(m, name))
		conf_fail(doc, &s->scope, "no trunk has the site \"%s\"", name);
	for (const struct options_trunk_settings *u = first; u < s; u++) {
		if (strcmp(u->scope, s->scope) == 0) {
			conf_fail(doc, &s->scope, "the scope %s has settings already", s->scope);
			break;
		}
	}
}

static void check_responses(struct conf_doc *doc, const struct conf_list *l)
{
	const struct options_response *r = l->items;
	int16_t cause;

	for (size_t i = 0; i < l->n; i++) {
		if (r[i].sip != 0 && r[i].sip < 400)
			conf_fail(doc, &r[i].sip,
				"%u is not a response that refuses; write 400 to 699, or 0 for any",
				(unsigned)r[i].sip);
		if (options_q850(r[i].q850, &cause) != 0)
			conf_fail(doc, &r[i].q850,
				"\"%s\" is not a cause of Q.850; write 0 to 127, or any",
				r[i].q850);
	}
}

/* ---- routes ---- */

static void check_caller_id(struct conf_doc *doc, const struct options_route *r)
{
	struct policy_number out;

	if (!r->alternate_caller_id)
		return;
	if (!r->suppress_caller_id)
		conf_fail(doc, &r->alternate_caller_id,
			"it is shown with \"suppress_caller_id: true\" only");
	if (policy_rules_apply(NULL, NULL, bytes_str(r->alternate_caller_id), &out) != 0)
		conf_fail(doc, &r->alternate_caller_id, "\"%s\" cannot be a number",
			r->alternate_caller_id);
}

static void check_route(
	struct conf_doc *doc, const struct options_mediation *m, const struct options_route *r)
{
	const char *const *usage = r->usages.items, *const *trunk = r->trunks.items;
	struct policy_pattern *pattern;
	char why[POLICY_WHY_LEN];

	for (size_t i = 0; i < r->usages.n; i++) {
		if (!options_has_usage(m, usage[i]))
			conf_fail(
				doc, &usage[i], "there is no usage \"%s\" in \"usages\"", usage[i]);
	}
	for (size_t i = 0; i < r->trunks.n; i++) {
		if (!options_trunk_find(m, trunk[i]))
			conf_fail(
				doc, &trunk[i], "there is no trunk \"%s\" in \"trunks\"", trunk[i]);
	}
	check_caller_id(doc, r);
	if (policy_pattern_create(r->match, &pattern, why) == 0)
		policy_pattern_destroy(pattern);
	else
		conf_fail(doc, &r->match, "the pattern cannot be used: %s", why);
}

void options_check_mediation(struct conf_doc *doc, void *section)
{
	const struct options_mediation *m = section;
	const struct options_gateway *g = m->gateways.items;
	const struct options_pool *p = m->pools.items;
	const struct options_trunk *t = m->trunks.items;
	const struct options_trunk_settings *s = m->trunk_settings.items;
	const struct options_route *r = m->routes.items;

	check_names(doc, &m->gateways, sizeof(struct options_gateway), "gateway");
	check_names(doc, &m->pools, sizeof(struct options_pool), "pool");
	check_names(doc, &m->trunks, sizeof(struct options_trunk), "trunk");
	check_names(doc, &m->routes, sizeof(struct options_route), "route");
	check_usages(doc, m);
	for (size_t i = 0; i < m->pools.n; i++)
		check_pool(doc, m, &p[i]);
	for (size_t i = 0; i < m->trunk_settings.n; i++) {
		check_scope(doc, m, &s[i]);
		check_responses(doc, &s[i].response_map);
		check_rules(doc, &s[i].called_rules);
		check_rules(doc, &s[i].calling_rules);
	}
	for (size_t i = 0; i < m->gateways.n; i++)
		check_alone(doc, &g[i].address);
	for (size_t i = 0; i < m->trunks.n; i++)
		check_trunk(doc, m, &t[i]);
	check_roots(doc, m);
	for (size_t i = 0; i < m->routes.n; i++)
		check_route(doc, m, &r[i]);
	check_rules(doc, &m->dial_rules);
	options_check_inter_trunk(doc, m);
	options_check_scopes(doc, m);
}
