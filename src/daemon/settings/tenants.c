/* SPDX-License-Identifier: BSD-3-Clause */
/* From options to the tenants beside the default one: ids, keys, rules, what their clients see. */
#include <errno.h>
#include <string.h>

#include "settings_priv.h"

/* ---- ids and keys ---- */

static bool add_name(struct settings *s, const char *name)
{
	size_t size = strlen(name) + 1;
	char *copy = settings_take(s, 1, size);

	if (!copy)
		return false;
	memcpy(copy, name, size);
	s->tenant_names[s->n_tenant_names++] = copy;
	return true;
}

/* Every name that this process has seen keeps its place: a tenant that comes back is the same one.
 */
static bool take_names(struct settings *s, const struct settings *old)
{
	size_t n_old = old ? old->n_tenant_names : 0;

	s->tenant_names = settings_take(s, n_old + s->options->tenants.n, sizeof(*s->tenant_names));
	for (size_t i = 0; i < n_old; i++) {
		if (!s->tenant_names || !add_name(s, old->tenant_names[i]))
			return false;
	}
	return s->tenant_names != NULL;
}

/* 0: out of memory. */
static uint32_t id_of(struct settings *s, const char *name)
{
	for (size_t i = 0; i < s->n_tenant_names; i++) {
		if (strcmp(s->tenant_names[i], name) == 0)
			return (uint32_t)i + 1;
	}
	return add_name(s, name) ? (uint32_t)s->n_tenant_names : 0;
}

static int make_one(struct settings *s, struct settings_tenant *t)
{
	const struct options_tenant *o = t->options;
	const struct settings_auth_source from = {
		.realm = o->realm,
		.keys = &o->keys,
		.rest_secrets = &o->turn_rest_secrets,
		.oauth_keys = &o->oauth_keys,
		.oauth_server = o->oauth_server_name,
		.revocation_file = &o->revocation_file,
	};

	return settings_auth_make(s, &from, &t->auth);
}

static bool has_kid(const struct auth_snapshot *auth, const char *kid)
{
	struct auth_key_info k;

	for (size_t i = 0; auth_snapshot_key(auth, i, 0, &k); i++) {
		if (strcmp(k.kid, kid) == 0)
			return true;
	}
	return false;
}

/* Whoever holds a key mints for its tenant: a shared one would let one tenant in at another's. */
static int check_kids(struct settings *s, size_t n)
{
	const struct settings_tenant *t = &s->tenants[n];
	struct auth_key_info k;

	for (size_t i = 0; auth_snapshot_key(t->auth, i, 0, &k); i++) {
		const char *other = has_kid(s->auth, k.kid) ? "default" : NULL;
		for (size_t j = 0; j < n && !other; j++) {
			if (has_kid(s->tenants[j].auth, k.kid))
				other = s->tenants[j].options->name;
		}
		if (!other)
			continue;
		conf_fail(s->doc, &t->options->keys,
			"key %s of tenant \"%s\" is one of tenant \"%s\" too; give each its own",
			k.kid, t->options->name, other);
		return ERR_CONFIG;
	}
	return 0;
}

int settings_tenants_make(struct settings *s, const struct settings *old)
{
	const struct options_tenant *o = s->options->tenants.items;
	int rc = 0;

	s->tenants = settings_take(s, s->options->tenants.n, sizeof(*s->tenants));
	if (!s->tenants || !take_names(s, old))
		return -ENOMEM;
	for (size_t i = 0; i < s->options->tenants.n && rc == 0; i++) {
		struct settings_tenant *t = &s->tenants[s->n_tenants++];
		t->options = &o[i];
		t->id = id_of(s, o[i].name);
		rc = t->id ? make_one(s, t) : -ENOMEM;
		if (rc == 0)
			rc = check_kids(s, i);
	}
	return rc;
}

void settings_tenants_fini(struct settings *s)
{
	for (size_t i = 0; i < s->n_tenants; i++)
		auth_snapshot_put(s->tenants[i].auth);
}

unsigned settings_tenant_number(const struct settings *s, const char *name)
{
	for (size_t i = 0; name && i < s->n_tenants; i++) {
		if (strcmp(s->tenants[i].options->name, name) == 0)
			return (unsigned)i + 1;
	}
	return 0;
}

/* ---- for the TURN servers ---- */

static struct turn_tenant_config turn_of(const struct settings_tenant *t)
{
	const struct options_tenant *o = t->options;

	return (struct turn_tenant_config){
		.id = t->id,
		.name = o->name,
		.auth = t->auth,
		.is_by_key = o->by_key,
		.hosts = o->hosts.items,
		.n_hosts = o->hosts.n,
		.default_lifetime_s = o->limits.default_lifetime_s,
		.max_lifetime_s = o->limits.max_lifetime_s,
		.max_allocations = (uint32_t)o->limits.allocations,
		.subject_allocations = (uint32_t)o->limits.subject_allocations,
		.allocation_kbps = settings_kbps(o->limits.allocation_bps),
		.subject_kbps = settings_kbps(o->limits.subject_bps),
		.tenant_kbps = settings_kbps(o->limits.tenant_bps),
		.allow = o->peers.allow.items,
		.n_allow = o->peers.allow.n,
		.deny = o->peers.deny.items,
		.n_deny = o->peers.deny.n,
	};
}

int settings_tenants_turn(struct settings *s, struct turn_config *c)
{
	struct turn_tenant_config *t = settings_take(s, s->n_tenants, sizeof(*t));

	if (!t)
		return -ENOMEM;
	for (size_t i = 0; i < s->n_tenants; i++)
		t[i] = turn_of(&s->tenants[i]);
	c->tenants = t;
	c->n_tenants = s->n_tenants;
	return 0;
}

/* ---- faces ---- */

static bool serves(const struct options_face *f, const struct options_tenant *t)
{
	return !f->tenant || strcmp(f->tenant, t->name) == 0;
}

int settings_tenants_certificates(struct settings *s, const struct options_face *f,
	const struct options_certificate ***out, size_t *n_out)
{
	const struct options_certificate *own = f->certificates.items;
	const struct options_tenant *t = s->options->tenants.items;
	size_t n = f->certificates.n;

	for (size_t i = 0; i < s->options->tenants.n; i++)
		n += t[i].certificates.n;
	const struct options_certificate **list =
		settings_take(s, n, sizeof(struct options_certificate *));
	if (!list)
		return -ENOMEM;
	n = 0;
	for (size_t i = 0; i < f->certificates.n; i++)
		list[n++] = &own[i];
	for (size_t i = 0; i < s->options->tenants.n; i++) {
		const struct options_certificate *its = t[i].certificates.items;
		for (size_t k = 0; serves(f, &t[i]) && k < t[i].certificates.n; k++)
			list[n++] = &its[k];
	}
	*out = list;
	*n_out = n;
	return 0;
}

static const char *plain_host(const struct options_tenant *t)
{
	const char *const *hosts = t->hosts.items;

	for (size_t i = 0; i < t->hosts.n; i++) {
		if (hosts[i][0] != '*')
			return hosts[i];
	}
	return NULL;
}

/* False: clients of T cannot use the face. */
static bool relay_for(
	const struct options_face *face, const struct options_tenant *t, struct mras_relay *r)
{
	if (face->tenant || t->by_key)
		return serves(face, t);
	/* Only the name leads to it, and only TLS and DTLS have one. */
	r->host_name = plain_host(t);
	r->n_addresses = 0;
	r->udp_port = 0;
	r->tcp_port = 0;
	return r->host_name && (r->tls_port != 0 || r->dtls_port != 0);
}

size_t settings_tenants_relays(const struct settings *s, const struct options_face *face,
	const struct mras_relay *relay, struct mras_relay *out)
{
	size_t n = 0;

	if (!face->tenant)
		out[n++] = *relay;
	for (size_t i = 0; i < s->n_tenants; i++) {
		struct mras_relay r = *relay;
		r.tenant = (unsigned)i + 1;
		if (relay_for(face, s->tenants[i].options, &r))
			out[n++] = r;
	}
	return n;
}
