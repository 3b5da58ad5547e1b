/* SPDX-License-Identifier: BSD-3-Clause */
/* The trunks of the configuration as mediation/trunk has them: what they are made from, how their
 * requests leave, and their orderly end. */
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <unistd.h>

#include "thread.h"

#define DNS_TIMEOUT_MS 5000
#define DNS_QUESTIONS  1024
#define PING_S         60 /* without settings, as with settings that do not say it */
#define FAIL_AFTER     3

/* What trunks point to. Owned by the thread. */
struct call_gateways {
	struct dns *dns; /* NULL: all gateways are addresses */
	struct sip_locator *locator;
	struct trunk_config *trunks;
	struct trunk_registration *registrations;
	char (*passwords)[CALL_PASSWORD_MAX + 1];
	size_t n;
};

/* ---- passwords ---- */

static int refuse(char *why, const char *path, const char *text)
{
	(void)snprintf(why, CALL_THREAD_WHY_LEN, "%s: %s", path, text);
	return ERR_CONFIG;
}

static int read_first_line(int fd, const char *path, char *out, char *why)
{
	struct stat st;

	if (fstat(fd, &st) != 0 || !S_ISREG(st.st_mode))
		return refuse(why, path, "is not a regular file");
	if (st.st_mode & (S_IRWXG | S_IRWXO))
		return refuse(why, path, "is open to others than its owner; use chmod 600");
	ssize_t n = read(fd, out, CALL_PASSWORD_MAX + 1);
	if (n < 0)
		return refuse(why, path, strerror(errno));
	size_t len = 0;
	while (len < (size_t)n && out[len] != '\n' && out[len] != '\r' && out[len] != '\0')
		len++;
	if (len == 0 || len > CALL_PASSWORD_MAX)
		return refuse(why, path, "has no password of 1 to 128 bytes in its first line");
	memset(out + len, 0, CALL_PASSWORD_MAX + 1 - len);
	return 0;
}

static int read_password(const char *path, char *out, char *why)
{
	int fd = open(path, O_RDONLY | O_CLOEXEC | O_NONBLOCK);

	if (fd < 0)
		return refuse(why, path, strerror(errno));
	int rc = read_first_line(fd, path, out, why);
	close(fd);
	return rc;
}

/* ---- what they are made from ---- */

static int make_registration(struct call_gateways *g, size_t i, const struct options_trunk *o,
	const char *host, char *why)
{
	const struct options_registration *r = &o->registration;
	const char *user = r->auth_user ? r->auth_user : r->user;

	if (!o->has_registration)
		return 0;
	g->registrations[i] = (struct trunk_registration){.domain = r->domain ? r->domain : host,
		.user = r->user,
		.account = {user, g->passwords[i]},
		.expires_s = (uint32_t)r->expires_s};
	g->trunks[i].registration = &g->registrations[i];
	return read_password(r->password_file, g->passwords[i], why);
}

static void set_host(struct call_thread *t, size_t i, const char *host, const struct addr *address)
{
	struct trunk_config *c = &t->gateways->trunks[i];
	uint32_t place = t->trunks[i].place;

	c->address = *address;
	(void)snprintf(c->gateway.host, sizeof(c->gateway.host), "%s", host);
	(void)snprintf(c->gateway.domain, sizeof(c->gateway.domain), "%s", host);
	if (place != 0)
		c->gateway.local = t->listeners[place - 1].local;
}

static int make_trunk(struct call_thread *t, size_t i, char *why)
{
	struct call_gateways *g = t->gateways;
	const struct options_trunk *o = (const struct options_trunk *)t->options->trunks.items + i;
	const struct options_trunk_settings *s = options_trunk_settings_of(t->options, o);
	const struct call_trunk *k = &t->trunks[i];
	struct trunk_config *c = &g->trunks[i];
	struct options_trunk_end end;

	if (options_trunk_gateway(o, &end) != 0)
		return ERR_CONFIG;
	const struct options_gateway *of = options_gateway_find(t->options, end.name);
	const char *host = of->host;
	*c = (struct trunk_config){.name = o->name,
		.is_enabled = o->enabled && k->place != 0,
		.gateway = {.port = end.port, .transport = k->transport},
		.sends_options = s ? s->options.send : true,
		.interval_s = s ? (uint32_t)s->options.interval_s : PING_S,
		.fail_after = s ? (unsigned)s->options.fail_after : FAIL_AFTER,
		.max_calls = (uint32_t)o->max_calls};
	set_host(t, i, host, &of->address);
	return make_registration(g, i, o, host, why);
}

/* It has no row of its own, and no counters that are shown. */
static void make_front(struct call_thread *t)
{
	const struct options_pool *p = options_client_pool(t->options);
	uint32_t i = call_front(t);
	struct trunk_config *c = &t->gateways->trunks[i];

	*c = (struct trunk_config){.name = "front",
		.is_enabled = p && p->has_next_hop,
		.interval_s = PING_S,
		.fail_after = FAIL_AFTER,
		.gateway = {.transport = SIP_TLS}};
	if (!c->is_enabled)
		return;
	c->gateway.port = (uint16_t)p->next_hop.port;
	set_host(t, i, p->next_hop.host, &p->next_hop.address);
}

static bool has_names(const struct call_gateways *g)
{
	struct addr a;

	for (size_t i = 0; i < g->n; i++) {
		const struct trunk_config *c = &g->trunks[i];
		if (c->is_enabled && c->address.family == ADDR_NONE &&
			addr_parse(c->gateway.host, 0, &a) != 0)
			return true;
	}
	return false;
}

static int make_locator(struct call_thread *t, metrics_cell *cells, char *why)
{
	struct call_gateways *g = t->gateways;
	const struct dns_config dns = {.loop = t->loop,
		.servers = t->options->dns_servers.items,
		.n_servers = t->options->dns_servers.n,
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
		.max = (uint32_t)g->n, /* all begin at once */
		.random_below = crypto_random_below};

	if (!has_names(g))
		return 0;
	int rc = dns_create(&dns, &g->dns, why);
	if (rc != 0)
		return rc;
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

static int make_all(struct call_thread *t, metrics_cell *locator_cells, char *why)
{
	struct call_gateways *g = t->gateways;
	int rc = 0;

	g->n = (size_t)t->n_trunks + 1;
	g->trunks = calloc(g->n, sizeof(*g->trunks));
	g->registrations = calloc(g->n, sizeof(*g->registrations));
	g->passwords = calloc(g->n, sizeof(*g->passwords));
	if (!g->trunks || !g->registrations || !g->passwords)
		return -ENOMEM;
	for (size_t i = 0; i < t->n_trunks && rc == 0; i++)
		rc = make_trunk(t, i, why);
	make_front(t);
	return rc == 0 ? make_locator(t, locator_cells, why) : rc;
}

int call_gateways_create(struct call_thread *t, metrics_cell *cells, metrics_cell *locator_cells,
	char why[CALL_THREAD_WHY_LEN])
{
	struct trunks_config c = {.wheel = loop_wheel(t->loop),
		.clock = loop_clock(t->loop),
		.user = {on_hop, on_contact, t},
		.cells = cells,
		.random_below = crypto_random_below};

	t->gateways = calloc(1, sizeof(*t->gateways));
	if (!t->gateways)
		return -ENOMEM;
	int rc = make_all(t, locator_cells, why);
	if (rc != 0)
		return rc;
	c.locator = t->gateways->locator;
	c.trunks = t->gateways->trunks;
	c.n_trunks = (uint32_t)t->gateways->n;
	t->running = trunks_create(&c);
	if (!t->running)
		return -ENOMEM;
	trunks_start(t->running, t->transactions);
	return 0;
}

const struct sip_account *call_gateways_account(const struct call_thread *t, uint32_t trunk)
{
	const struct call_gateways *g = t->gateways;
	const struct trunk_registration *r = g ? g->trunks[trunk].registration : NULL;

	return r ? &r->account : NULL;
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
	if (g->passwords)
		crypto_wipe(g->passwords, g->n * sizeof(*g->passwords));
	free(g->passwords);
	free(g->registrations);
	free(g->trunks);
	free(g);
	t->gateways = NULL;
}
