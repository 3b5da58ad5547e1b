/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * Tenants: their rules in a snapshot, and which of them a client belongs to. A snapshot always has
 * the default one, which is all there is without a configuration of others.
 */
#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

#include "turn_priv.h"

/* ---- choosing ---- */

static int compare(const void *a, const void *b)
{
	const struct turn_choice *x = a, *y = b;

	return strcasecmp(x->text, y->text);
}

static const struct turn_tenant *choose(const struct turn_choice *all, size_t n, char *text)
{
	struct turn_choice wanted = {.text = text};
	const struct turn_choice *found =
		n ? bsearch(&wanted, all, n, sizeof(*all), compare) : NULL;

	return found ? found->tenant : NULL;
}

uint32_t turn_server_tenant(const struct turn_server *server, const char *host)
{
	const struct turn_snapshot *s = server->snapshot;
	const struct turn_tenant *t = NULL;
	char text[256];
	size_t len = strlen(host);

	if (s->n_hosts == 0 || len >= sizeof(text))
		return TURN_TENANT_DEFAULT;
	memcpy(text, host, len + 1);
	t = choose(s->hosts, s->n_hosts, text);
	char *rest = strchr(text, '.');
	if (!t && rest && rest != text) {
		*--rest = '*'; /* one label of any text */
		t = choose(s->hosts, s->n_hosts, rest);
	}
	return t ? t->id : TURN_TENANT_DEFAULT;
}

const struct turn_tenant *turn_tenant_of(const struct turn_tenant *door, struct bytes username)
{
	const struct turn_snapshot *s = door->snapshot;
	const struct turn_tenant *t = NULL;
	char kid[AUTH_KID_LEN + 1];

	if (door->id == TURN_TENANT_DEFAULT && s->n_kids > 0 && auth_username_kid(username, kid))
		t = choose(s->kids, s->n_kids, kid);
	return t ? t : door;
}

const struct turn_tenant *turn_tenant_find(const struct turn_snapshot *s, uint32_t id)
{
	for (size_t i = 0; i < s->n_tenants; i++) {
		if (s->tenants[i].id == id)
			return &s->tenants[i];
	}
	return NULL;
}

uint32_t turn_snapshot_kbps(const struct turn_snapshot *s, enum flow_limit l, uint32_t tenant)
{
	const struct turn_tenant *t = turn_tenant_find(s, tenant);

	if (l == FLOW_LIMIT_NODE)
		return s->config.node_kbps;
	if (!t)
		return 0;
	return l == FLOW_LIMIT_SUBJECT ? t->subject_kbps : t->tenant_kbps;
}

/* ---- making ---- */

static int init_one(
	struct turn_tenant *t, const struct turn_config *c, const struct turn_tenant_config *from)
{
	struct turn_peer_config peers = c->peers;

	*t = (struct turn_tenant){
		.snapshot = t->snapshot,
		.id = from->id,
		.name = strdup(from->name),
		.auth = auth_snapshot_get(from->auth),
		.default_lifetime_s = from->default_lifetime_s,
		.max_lifetime_s = from->max_lifetime_s,
		.max_allocations = from->max_allocations,
		.subject_allocations = from->subject_allocations,
		.allocation_kbps = from->allocation_kbps,
		.subject_kbps = from->subject_kbps,
		.tenant_kbps = from->tenant_kbps,
	};
	peers.allow = from->allow;
	peers.n_allow = from->n_allow;
	peers.deny = from->deny;
	peers.n_deny = from->n_deny;
	t->peer_rules = turn_peer_rules_create(c, &peers);
	return t->name && t->peer_rules ? 0 : -ENOMEM;
}

static int add(struct turn_choice *all, size_t *n, const char *text, const struct turn_tenant *t)
{
	char *copy = strdup(text);

	if (!copy)
		return -ENOMEM;
	all[(*n)++] = (struct turn_choice){copy, t};
	return 0;
}

static int add_choices(
	struct turn_snapshot *s, const struct turn_tenant_config *from, const struct turn_tenant *t)
{
	struct auth_key_info key;
	int rc = 0;

	for (size_t i = 0; i < from->n_hosts && rc == 0; i++)
		rc = add(s->hosts, &s->n_hosts, from->hosts[i], t);
	for (size_t i = 0; from->is_by_key && rc == 0 && auth_snapshot_key(from->auth, i, 0, &key);
		i++)
		rc = add(s->kids, &s->n_kids, key.kid, t);
	return rc;
}

static int sort(struct turn_choice *all, size_t n)
{
	if (n > 0)
		qsort(all, n, sizeof(*all), compare);
	for (size_t i = 1; i < n; i++) {
		if (compare(&all[i - 1], &all[i]) == 0)
			return ERR_EXISTS;
	}
	return 0;
}

static int init_others(struct turn_snapshot *s, const struct turn_config *c)
{
	size_t n_hosts = 0;
	int rc = 0;

	for (size_t i = 0; i < c->n_tenants; i++)
		n_hosts += c->tenants[i].n_hosts;
	s->hosts = calloc(n_hosts + 1, sizeof(*s->hosts));
	s->kids = calloc(c->n_tenants * AUTH_KEYS_MAX + 1, sizeof(*s->kids));
	if (!s->hosts || !s->kids)
		return -ENOMEM;
	for (size_t i = 0; i < c->n_tenants && rc == 0; i++) {
		struct turn_tenant *t = &s->tenants[s->n_tenants++];
		rc = init_one(t, c, &c->tenants[i]);
		if (rc == 0)
			rc = add_choices(s, &c->tenants[i], t);
	}
	if (rc == 0)
		rc = sort(s->hosts, s->n_hosts);
	return rc == 0 ? sort(s->kids, s->n_kids) : rc;
}

int turn_tenants_init(
	struct turn_snapshot *s, const struct turn_config *c, struct auth_snapshot *auth)
{
	const struct turn_tenant_config first = {
		.id = TURN_TENANT_DEFAULT,
		.name = "default",
		.auth = auth,
		.default_lifetime_s = c->default_lifetime_s,
		.max_lifetime_s = c->max_lifetime_s,
		.subject_allocations = c->subject_allocations,
		.allocation_kbps = c->allocation_kbps,
		.subject_kbps = c->subject_kbps,
		.allow = c->peers.allow,
		.n_allow = c->peers.n_allow,
		.deny = c->peers.deny,
		.n_deny = c->peers.n_deny,
	};

	s->tenants = calloc(c->n_tenants + 1, sizeof(*s->tenants));
	if (!s->tenants)
		return -ENOMEM;
	for (size_t i = 0; i < c->n_tenants + 1; i++)
		s->tenants[i].snapshot = s;
	s->n_tenants = 1;
	int rc = init_one(&s->tenants[0], c, &first);
	return rc == 0 && c->n_tenants > 0 ? init_others(s, c) : rc;
}

static void choices_free(struct turn_choice *all, size_t n)
{
	for (size_t i = 0; i < n; i++)
		free(all[i].text);
	free(all);
}

void turn_tenants_fini(struct turn_snapshot *s)
{
	for (size_t i = 0; i < s->n_tenants; i++) {
		free(s->tenants[i].name);
		prefix_set_destroy(s->tenants[i].peer_rules);
		auth_snapshot_put(s->tenants[i].auth);
	}
	free(s->tenants);
	choices_free(s->hosts, s->n_hosts);
	choices_free(s->kids, s->n_kids);
}
