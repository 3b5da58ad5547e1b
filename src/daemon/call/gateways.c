/* SPDX-License-Identifier: BSD-3-Clause */
/* The trunks of the configuration as mediation/trunk has them: what they are made from, how their
 * requests leave, and their orderly end. */
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>

#include "plan.h"

#define DNS_TIMEOUT_MS 5000
#define DNS_QUESTIONS  1024
#define PING_S         60 /* without settings, as with settings that do not say it */
#define FAIL_AFTER     3

/* What trunks point to. Owned by the thread. */
struct call_gateways {
	struct dns *dns; /* NULL: all gateways are addresses */
	struct sip_locator *locator;
	struct call_gateway *at[CALL_TRUNKS_MAX + 1]; /* by number; NULL: none so far */
};

/* ---- what they are made from ---- */

/* The table allows no more in any of them. */
static void copy(char *out, size_t cap, const char *text)
{
	(void)snprintf(out, cap, "%s", text);
}

static int make_registration(
	struct call_gateway *g, const struct options_registration *r, const char *host, char *why)
{
	copy(g->domain, sizeof(g->domain), r->domain ? r->domain : host);
	copy(g->user, sizeof(g->user), r->user);
	copy(g->auth_user, sizeof(g->auth_user), r->auth_user ? r->auth_user : r->user);
	g->registration.expires_s = (uint32_t)r->expires_s;
	return call_password_read(r->password_file, g->password, why);
}

static void set_host(const struct call_thread *t, struct call_gateway *g,
	const struct call_trunk *k, const char *host, const struct addr *address)
{
	struct trunk_config *c = &g->config;

	c->address = *address;
	copy(c->gateway.host, sizeof(c->gateway.host), host);
	copy(c->gateway.domain, sizeof(c->gateway.domain), host);
	c->gateway.transport = k->transport;
	if (k->place != 0)
		c->gateway.local = t->listeners[k->place - 1].local;
}

int call_gateway_trunk(const struct call_thread *t, const struct options_mediation *m,
	const struct options_trunk *o, const struct call_trunk *k, struct call_gateway **out,
	char why[CALL_THREAD_WHY_LEN])
{
	const struct options_trunk_settings *s = options_trunk_settings_of(m, o);
	struct call_gateway *g = calloc(1, sizeof(*g));
	struct options_trunk_end end;

	*out = g;
	if (!g)
		return -ENOMEM;
	if (options_trunk_gateway(o, &end) != 0)
		return ERR_CONFIG;
	const struct options_gateway *of = options_gateway_find(m, end.name);
	g->config = (struct trunk_config){.is_enabled = o->enabled,
		.sends_options = s ? s->options.send : true,
		.interval_s = s ? (uint32_t)s->options.interval_s : PING_S,
		.fail_after = s ? (unsigned)s->options.fail_after : FAIL_AFTER,
		.max_calls = (uint32_t)o->max_calls};
	copy(g->name, sizeof(g->name), o->name);
	set_host(t, g, k, of->host, &of->address);
	g->config.gateway.port = end.port;
	return o->has_registration ? make_registration(g, &o->registration, of->host, why) : 0;
}

/* It is not asked by OPTIONS: calls teach whether it lives. */
int call_gateway_front(const struct call_thread *t, const struct options_mediation *m,
	const struct call_trunk *k, struct call_gateway **out)
{
	const struct options_pool *p = options_client_pool(m);
	struct call_gateway *g = calloc(1, sizeof(*g));

	*out = g;
	if (!g)
		return -ENOMEM;
	g->config = (struct trunk_config){.is_enabled = p && p->has_next_hop,
		.interval_s = PING_S,
		.fail_after = FAIL_AFTER,
		.gateway = {.transport = SIP_TLS}};
	copy(g->name, sizeof(g->name), "front");
	if (!p || !p->has_next_hop)
		return 0;
	set_host(t, g, k, p->next_hop.host, &p->next_hop.address);
	g->config.gateway.port = (uint16_t)p->next_hop.port;
	return 0;
}

void call_gateway_destroy(struct call_gateway *g)
{
	if (!g)
		return;
	crypto_wipe(g->password, sizeof(g->password));
	free(g);
}

/* Its texts are where calls and trunks have been told that they are. */
static void point(struct call_gateway *g)
{
	g->config.name = g->name;
	g->config.registration = g->user[0] ? &g->registration : NULL;
	g->registration.domain = g->domain;
	g->registration.user = g->user;
	g->registration.account = (struct sip_account){g->auth_user, g->password};
}

void call_gateways_set(
	struct call_thread *t, uint32_t number, struct call_gateway *g, struct trunk **prepared)
{
	struct call_gateway **at = &t->gateways->at[number];

	if (*at) {
		**at = *g;
		call_gateway_destroy(g);
	} else {
		*at = g;
	}
	point(*at);
	trunks_set(t->running, number, &(*at)->config, prepared);
}

void call_gateways_name(const struct call_thread *t, uint32_t number, struct call_trunk *k)
{
	const struct call_gateway *g = t->gateways->at[number];

	k->label = g->name;
	k->name = k->transport == SIP_TLS && g->config.gateway.host[0] ? g->config.gateway.host
								       : NULL;
}

/* A BYE that is challenged late, again and again, still looks at its account: that has no password
 * then, and stays until the number is another trunk's. */
static void on_gone(void *arg, uint32_t trunk)
{
	struct call_thread *t = arg;
	struct call_gateway *g = t->gateways->at[trunk];

	t->trunks[trunk] = (struct call_trunk){.place = 0};
	crypto_wipe(g->password, sizeof(g->password));
}

static bool is_looked_up(const char *host, const struct addr *address)
{
	struct addr a;

	return address->family == ADDR_NONE && addr_parse(host, 0, &a) != 0;
}

static bool has_names(const struct options_mediation *m)
{
	const struct options_gateway *g = m->gateways.items;
	const struct options_pool *p = options_client_pool(m);

	for (size_t i = 0; i < m->gateways.n; i++) {
		if (is_looked_up(g[i].host, &g[i].address))
			return true;
	}
	return p && p->has_next_hop && is_looked_up(p->next_hop.host, &p->next_hop.address);
}

bool call_gateways_can_find(const struct call_thread *t, const struct options_mediation *m)
{
	return t->gateways->locator || !has_names(m);
}

static int make_locator(struct call_thread *t, metrics_cell *cells, char *why)
{
	struct call_gateways *g = t->gateways;
	const struct options_mediation *m = t->first;
	const struct dns_config dns = {.loop = t->loop,
		.servers = m->dns_servers.items,
		.n_servers = m->dns_servers.n,
		.resolv_conf = "/etc/resolv.conf",
		.hosts = "/etc/hosts",
		.timeout_ms = DNS_TIMEOUT_MS,
		.max_questions = DNS_QUESTIONS};
	struct sip_locator_config c = {.loop = t->loop,
		.wheel = loop_wheel(t->loop),
		.clock = loop_clock(t->loop),
		.cells = cells,
		.has_udp = true,
		.has_tcp = true,
		.has_tls = true,
		.has_ipv4 = true,
		.has_ipv6 = true,
		.timeout_ms = DNS_TIMEOUT_MS,
		.max = t->n_trunks + 1, /* all begin at once */
		.random_below = crypto_random_below};

	int rc = dns_create(&dns, &g->dns, why);
	if (rc != 0)
		return has_names(m) ? rc : 0; /* a later plan may want one */
	c.dns = sip_locator_dns_of(g->dns);
	g->locator = sip_locator_create(&c);
	return g->locator ? 0 : -ENOMEM;
}

/* ---- how their requests leave ---- */

static int on_hop(
	void *arg, uint32_t trunk, const struct sip_target *target, struct transaction_hop *out)
{
	const struct call_thread *t = arg;

	if (t->trunks[trunk].place == 0)
		return -EADDRNOTAVAIL;
	*out = (struct transaction_hop){.remote = target->addr,
		.is_reliable = target->transport != SIP_UDP,
		.place = call_place(trunk, t->trunks[trunk].place)};
	return 0;
}

static int on_contact(void *arg, const struct transaction_hop *hop, char *out, size_t cap)
{
	struct call_user u = call_ways_calls(arg);

	return u.contact(u.arg, hop, out, cap);
}

/* ---- life ---- */

int call_gateways_create(struct call_thread *t, metrics_cell *cells, metrics_cell *locator_cells,
	char why[CALL_THREAD_WHY_LEN])
{
	struct trunks_config c = {.wheel = loop_wheel(t->loop),
		.clock = loop_clock(t->loop),
		.user = {on_hop, on_contact, on_gone, t},
		.n_trunks = t->n_trunks + 1,
		.cells = cells,
		.random_below = crypto_random_below};

	t->gateways = calloc(1, sizeof(*t->gateways));
	if (!t->gateways)
		return -ENOMEM;
	int rc = make_locator(t, locator_cells, why);
	if (rc != 0)
		return rc;
	c.locator = t->gateways->locator;
	t->running = trunks_create(&c);
	return t->running ? 0 : -ENOMEM;
}

const struct sip_account *call_gateways_account(const struct call_thread *t, uint32_t trunk)
{
	const struct call_gateway *g = t->gateways->at[trunk];

	return g && g->config.registration ? &g->registration.account : NULL;
}

void call_gateways_destroy(struct call_thread *t)
{
	struct call_gateways *g = t->gateways;

	trunks_destroy(t->running);
	t->running = NULL;
	if (!g)
		return;
	sip_locator_destroy(g->locator);
	dns_destroy(g->dns);
	for (uint32_t i = 0; i <= CALL_TRUNKS_MAX; i++)
		call_gateway_destroy(g->at[i]);
	free(g);
	t->gateways = NULL;
}
