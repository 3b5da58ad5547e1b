/* SPDX-License-Identifier: BSD-3-Clause */
/* The option table of a tenant, and the rules that tie faces and callers to tenants. */
#include <string.h>
#include <strings.h>

#include <sallyport/auth.h>

#include "rows.h"

#define NAME_CHARACTERS "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789.-_"

static const struct conf_option limits_table[] = {
	{.name = "allocations",
		.type = CONF_UINT,
		AT(options_tenant_limits, allocations),
		.max = 1000000,
		.fallback = "0",
		.flags = CONF_RELOAD,
		.text = "Allocations of the tenant at once on this node; more get 486. Those made "
			"while there was no limit are not counted. 0: no limit but that of "
			"\"edge\"."},
	OPTIONS_SUBJECT_ALLOCATIONS(options_tenant_limits),
	OPTIONS_ALLOCATION_RATE(options_tenant_limits),
	OPTIONS_SUBJECT_RATE(options_tenant_limits),
	{.name = "tenant_rate",
		.type = CONF_RATE,
		AT(options_tenant_limits, tenant_bps),
		.max = 1000000000000,
		.fallback = "0",
		.flags = CONF_RELOAD,
		.text = "Rate of all allocations of the tenant on this node together, in the same "
			"way. 0: no limit."},
	OPTIONS_DEFAULT_LIFETIME(options_tenant_limits),
	OPTIONS_MAX_LIFETIME(options_tenant_limits),
	{.name = NULL},
};

const struct conf_option options_tenant_table[] = {
	{.name = "name",
		.type = CONF_STRING,
		AT(options_tenant, name),
		.flags = CONF_REQUIRED | CONF_RELOAD,
		.min = 1,
		.max = 32,
		.example = "acme",
		.text = "Name by which faces and callers name it, and the log. A reload knows the "
			"tenant again by it."},
	{.name = "realm",
		.type = CONF_STRING,
		AT(options_tenant, realm),
		.flags = CONF_REQUIRED | CONF_RELOAD,
		.min = 1,
		.max = 127,
		.example = "acme.example",
		.text = "Realm that its clients are told."},
	{.name = "hosts",
		.type = CONF_LIST,
		.item = CONF_STRING,
		AT(options_tenant, hosts),
		.flags = CONF_RELOAD,
		.max = 32,
		.example = "[turn.acme.example, \"*.acme.example\"]",
		.text = "Host names that lead to it when a client asks for one of them by TLS "
			"(SNI), on a face that names no tenant. A leading *. stands for one label. "
			"The API hands out the first without."},
	{.name = "by_key",
		.type = CONF_BOOL,
		AT(options_tenant, by_key),
		.fallback = "false",
		.flags = CONF_RELOAD,
		.text = "Its credentials of the m1 form, which name their key, are good on faces "
			"that name no tenant too. Clients are told the default tenant's realm "
			"there."},
	{.name = "keys",
		.type = CONF_LIST,
		.item = CONF_SECTION,
		AT(options_tenant, keys),
		.children = options_key_table,
		.item_size = sizeof(struct options_key),
		.min = 1,
		.max = AUTH_KEYS_MAX,
		.flags = CONF_REQUIRED | CONF_RELOAD,
		.text = "Keys that its credentials are made from, as in \"mras\". No other tenant "
			"may have one of them."},
	{.name = "turn_rest_secrets",
		.type = CONF_LIST,
		.item = CONF_PATH,
		AT(options_tenant, turn_rest_secrets),
		.max = 16,
		.flags = CONF_RELOAD,
		.example = "[/etc/sallyport/acme-auth-secret]",
		.text = "Files with shared secrets of its back ends, as in \"mras\"."},
	{.name = "oauth_keys",
		.type = CONF_LIST,
		.item = CONF_SECTION,
		AT(options_tenant, oauth_keys),
		.children = options_oauth_key_table,
		.item_size = sizeof(struct options_oauth_key),
		.max = AUTH_TOKEN_KEYS_MAX,
		.flags = CONF_RELOAD,
		.text = "Keys of its access tokens (RFC 7635), as in \"mras\"."},
	{.name = "oauth_server_name",
		.type = CONF_STRING,
		AT(options_tenant, oauth_server_name),
		.flags = CONF_RELOAD,
		.min = 1,
		.max = AUTH_TOKEN_SERVER_MAX,
		.example = "turn.acme.example",
		.text = "Name of this server in its tokens. Without it, its realm."},
	{.name = "revocation_file",
		.type = CONF_PATH,
		AT(options_tenant, revocation_file),
		.flags = CONF_RELOAD,
		.example = "/var/lib/sallyport/acme-revocations",
		.text = "Where its revocations are kept over a restart."},
	{.name = "certificates",
		.type = CONF_LIST,
		.item = CONF_SECTION,
		AT(options_tenant, certificates),
		.children = options_certificate_table,
		.item_size = sizeof(struct options_certificate),
		.flags = CONF_RELOAD,
		.max = OPTIONS_CERTIFICATES_MAX,
		.text = "Its certificates, added to those of every face that serves it."},
	{.name = "limits",
		.type = CONF_SECTION,
		AT(options_tenant, limits),
		.children = limits_table,
		.text = "Its limits, in place of those of \"edge\"; the others are the same for "
			"all."},
	{.name = "peers",
		.type = CONF_SECTION,
		AT(options_tenant, peers),
		.children = options_peers_table,
		.text = "Where its clients may send to, in place of the rules of \"edge\"."},
	{.name = NULL},
};

/* ---- rules ---- */

static const struct options_tenant *find(const struct options *o, const char *name)
{
	const struct options_tenant *t = o->tenants.items;

	for (size_t i = 0; i < o->tenants.n; i++) {
		if (t[i].name && strcmp(t[i].name, name) == 0)
			return &t[i];
	}
	return NULL;
}

static void check_name(struct conf_doc *doc, const struct options *o, const char *const *field)
{
	if (*field && !find(o, *field))
		conf_fail(doc, field, "there is no tenant \"%s\" in \"tenants\"", *field);
}

static bool has_face(const struct options *o, const char *name)
{
	const struct options_face *f = o->edge.faces.items;

	for (size_t i = 0; i < o->edge.faces.n; i++) {
		if (f[i].tenant && strcmp(f[i].tenant, name) == 0)
			return true;
	}
	return false;
}

/* One host to one tenant: among all names up to T's I-th. */
static bool is_taken(
	const struct options *o, const struct options_tenant *t, size_t i, const char *host)
{
	for (const struct options_tenant *u = o->tenants.items; u <= t; u++) {
		const char *const *hosts = u->hosts.items;
		for (size_t k = 0; k < (u == t ? i : u->hosts.n); k++) {
			if (strcasecmp(hosts[k], host) == 0)
				return true;
		}
	}
	return false;
}

static void check_hosts(
	struct conf_doc *doc, const struct options *o, const struct options_tenant *t)
{
	const char *const *hosts = t->hosts.items;

	for (size_t i = 0; i < t->hosts.n; i++) {
		const char *rest = hosts[i][0] == '*' ? hosts[i] + 1 : hosts[i];
		if (hosts[i][0] == '\0' || strchr(rest, '*') ||
			(rest != hosts[i] && (rest[0] != '.' || rest[1] == '\0')))
			conf_fail(doc, &hosts[i],
				"\"%s\" is not a host name, nor *. and one behind it", hosts[i]);
		else if (is_taken(o, t, i, hosts[i]))
			conf_fail(doc, &hosts[i], "\"%s\" leads to a tenant already; remove one",
				hosts[i]);
	}
}

static void check_tenant(
	struct conf_doc *doc, const struct options *o, const struct options_tenant *t)
{
	/* It stands in log lines and labels as it is. */
	if (t->name && t->name[strspn(t->name, NAME_CHARACTERS)] != '\0')
		conf_fail(doc, &t->name,
			"a tenant's name has letters, digits, dots, hyphens and underscores alone");
	options_check_keys(doc, &t->keys);
	options_check_oauth_keys(doc, &t->oauth_keys);
	check_hosts(doc, o, t);
	if (t->name && strcmp(t->name, "default") == 0)
		conf_fail(doc, &t->name,
			"\"default\" is what the sections \"edge\" and \"mras\" describe; call "
			"this one something else");
	else if (t->name && strcmp(t->name, "others") == 0)
		conf_fail(doc, &t->name,
			"\"others\" is what the counters call tenants without a row; call this one "
			"something else");
	else if (t->name && find(o, t->name) != t)
		conf_fail(doc, &t->name, "two tenants are called \"%s\"; rename one", t->name);
	else if (t->name && !t->by_key && t->hosts.n == 0 && !has_face(o, t->name))
		conf_warn(doc, &t->name,
			"no client can be of this tenant: no face names it, and it has neither "
			"\"hosts\" nor \"by_key\"");
	options_check_lifetimes(doc, &t->limits.default_lifetime_s, &t->limits.max_lifetime_s);
}

void options_check_tenants(struct conf_doc *doc, const struct options *o)
{
	const struct options_tenant *t = o->tenants.items;
	const struct options_face *f = o->edge.faces.items;
	const struct options_client *c = o->mras.clients.items;

	for (size_t i = 0; i < o->tenants.n; i++)
		check_tenant(doc, o, &t[i]);
	for (size_t i = 0; i < o->edge.faces.n; i++)
		check_name(doc, o, &f[i].tenant);
	for (size_t i = 0; i < o->mras.clients.n; i++)
		check_name(doc, o, &c[i].tenant);
}
