/* SPDX-License-Identifier: BSD-3-Clause */
/* What the values of the section "mediation" say: who is meant by a name, what an end's text holds.
 */
#include <stdlib.h>
#include <string.h>

#include "../options_mediation.h"

static bool is_same(const char *name, struct bytes b)
{
	return bytes_equal(bytes_str(name), b);
}

const struct options_gateway *options_gateway_find(
	const struct options_mediation *m, struct bytes name)
{
	const struct options_gateway *g = m->gateways.items;

	for (size_t i = 0; i < m->gateways.n; i++) {
		if (is_same(g[i].name, name))
			return &g[i];
	}
	return NULL;
}

const struct options_pool *options_pool_find(const struct options_mediation *m, struct bytes name)
{
	const struct options_pool *p = m->pools.items;

	for (size_t i = 0; i < m->pools.n; i++) {
		if (is_same(p[i].name, name))
			return &p[i];
	}
	return NULL;
}

const struct options_trunk *options_trunk_find(const struct options_mediation *m, const char *name)
{
	const struct options_trunk *t = m->trunks.items;

	for (size_t i = 0; i < m->trunks.n; i++) {
		if (strcmp(t[i].name, name) == 0)
			return &t[i];
	}
	return NULL;
}

const struct options_trunk_settings *options_trunk_settings_of(
	const struct options_mediation *m, const struct options_trunk *t)
{
	const struct options_trunk_settings *s = m->trunk_settings.items;
	const char *scopes[OPTIONS_TRUNKS_MAX] = {NULL};
	size_t n = m->trunk_settings.n;

	for (size_t i = 0; i < n; i++)
		scopes[i] = s[i].scope;
	size_t best = policy_scope_choose(scopes, n, t->name, t->site);
	return best < n ? &s[best] : NULL;
}

static int read_port(const char *text, size_t len, uint16_t *out)
{
	unsigned port = 0;

	for (size_t i = 0; i < len; i++) {
		if (text[i] < '0' || text[i] > '9' || port > 6553)
			return ERR_MALFORMED;
		port = port * 10 + (unsigned)(text[i] - '0');
	}
	if (port == 0 || port > 65535)
		return ERR_MALFORMED;
	*out = (uint16_t)port;
	return 0;
}

static const char *const transport_names[] = {"tls", "tcp", "udp"};

const char *options_sip_transport_name(enum options_sip_transport t)
{
	return transport_names[t];
}

int options_trunk_mediation(const struct options_trunk *t, struct options_trunk_end *out)
{
	const char *colon = strchr(t->mediation, ':');
	const char *slash = colon ? strchr(colon, '/') : NULL;

	if (!slash || colon == t->mediation ||
		read_port(colon + 1, (size_t)(slash - colon - 1), &out->port) != 0)
		return ERR_MALFORMED;
	out->name = bytes_of(t->mediation, (size_t)(colon - t->mediation));
	for (unsigned i = 0; i < ARRAY_LEN(transport_names); i++) {
		if (strcmp(slash + 1, transport_names[i]) == 0) {
			out->transport = (enum options_sip_transport)i;
			return 0;
		}
	}
	return ERR_MALFORMED;
}

int options_trunk_gateway(const struct options_trunk *t, struct options_trunk_end *out)
{
	const char *colon = strchr(t->gateway, ':');

	out->name = bytes_str(t->gateway);
	out->port = 0;
	if (!colon)
		return 0;
	if (colon == t->gateway)
		return ERR_MALFORMED;
	out->name = bytes_of(t->gateway, (size_t)(colon - t->gateway));
	return read_port(colon + 1, strlen(colon + 1), &out->port);
}

int options_q850(const char *text, int16_t *out)
{
	char *end;

	if (strcmp(text, "any") == 0) {
		*out = -1;
		return 0;
	}
	long v = strtol(text, &end, 10);
	if (text[0] < '0' || text[0] > '9' || *end != '\0' || v > 127)
		return ERR_MALFORMED;
	*out = (int16_t)v;
	return 0;
}

int options_own_address(const char *text, struct addr *address, struct prefix *network)
{
	static const char automatic[] = "auto/";
	size_t n = strlen(automatic);

	*address = (struct addr){.family = ADDR_NONE};
	if (strncmp(text, automatic, n) == 0)
		return prefix_parse(text + n, network);
	int err = addr_parse(text, 0, address);
	return err == 0 && (address->port != 0 || addr_is_unspecified(address)) ? ERR_MALFORMED
										: err;
}

const struct options_pool *options_client_pool(const struct options_mediation *m)
{
	const struct options_pool *p = m->pools.items;

	for (size_t i = 0; i < m->pools.n; i++) {
		if (p[i].has_client_tls)
			return &p[i];
	}
	return NULL;
}

const struct options_sip_tls *options_trunk_tls(const struct options_pool *p)
{
	if (p->has_trunk_tls)
		return &p->trunk_tls;
	return p->has_client_tls ? &p->client_tls.files : NULL;
}

struct addr options_host_address(const char *host, const struct addr *address)
{
	struct addr a = *address;

	if (a.family == ADDR_NONE && addr_parse(host, 0, &a) != 0)
		a = (struct addr){.family = ADDR_NONE};
	return a;
}

bool options_gateway_is_pstn(const struct options_gateway *g)
{
	return g->kind != OPTIONS_IP_PBX;
}

enum options_clear options_trunk_clear(
	const struct options_mediation *m, const struct options_trunk *t)
{
	const struct options_trunk_settings *s = options_trunk_settings_of(m, t);
	struct options_trunk_end end;

	if (t->connection != OPTIONS_LAN && t->connection != OPTIONS_INTERNET)
		return OPTIONS_CLEAR_NOTHING;
	if (options_trunk_mediation(t, &end) != 0 || end.transport != OPTIONS_SIP_TLS)
		return OPTIONS_CLEAR_ALL;
	return !s || s->srtp == POLICY_SRTP_REQUIRED ? OPTIONS_CLEAR_NOTHING : OPTIONS_CLEAR_MEDIA;
}
