/* SPDX-License-Identifier: BSD-3-Clause */
/* Which calls that come in over a trunk may leave over one: what must hold, and what is unwise. */
#include <string.h>

#include "../options_mediation.h"

static bool has(const struct conf_list *usages, const char *name)
{
	const char *const *u = usages->items;

	for (size_t i = 0; i < usages->n; i++) {
		if (strcmp(u[i], name) == 0)
			return true;
	}
	return false;
}

bool options_has_usage(const struct options_mediation *m, const char *name)
{
	return has(&m->usages, name);
}

/* Whether the telephone network is behind it. */
static bool leads_to_pstn(const struct options_mediation *m, const struct options_trunk *t)
{
	struct options_trunk_end end;
	const struct options_gateway *g =
		options_trunk_gateway(t, &end) == 0 ? options_gateway_find(m, end.name) : NULL;

	return g && options_gateway_is_pstn(g);
}

/* A trunk of R to the telephone network, or NULL. */
static const struct options_trunk *pstn_of(
	const struct options_mediation *m, const struct options_route *r)
{
	const char *const *name = r->trunks.items;

	for (size_t i = 0; i < r->trunks.n; i++) {
		const struct options_trunk *t = options_trunk_find(m, name[i]);
		if (t && leads_to_pstn(m, t))
			return t;
	}
	return NULL;
}

static void warn_of_loops(struct conf_doc *doc, const struct options_mediation *m,
	const struct options_trunk *from, const char *const *usage)
{
	const struct options_route *r = m->routes.items;

	for (size_t i = 0; i < m->routes.n; i++) {
		const struct options_trunk *to =
			has(&r[i].usages, *usage) ? pstn_of(m, &r[i]) : NULL;
		if (to)
			conf_warn(doc, usage,
				"with it, calls that come from the telephone network over trunk "
				"\"%s\" may go back there over \"%s\", by route \"%s\"; "
				"that way is not taken",
				from->name, to->name, r[i].name);
	}
}

static void check_loops(
	struct conf_doc *doc, const struct options_mediation *m, const struct options_trunk *t)
{
	const struct options_trunk_settings *s = options_trunk_settings_of(m, t);
	const char *const *usage = s ? s->usages.items : NULL;

	for (size_t i = 0; s && i < s->usages.n; i++)
		warn_of_loops(doc, m, t, &usage[i]);
}

/* A trunk to the telephone network that a call with all usages may take, or NULL. */
static const struct options_trunk *costly(const struct options_mediation *m)
{
	const struct options_route *r = m->routes.items;
	const struct options_pool *p = m->pools.items;

	for (size_t i = 0; i < m->routes.n; i++) {
		const struct options_trunk *to = pstn_of(m, &r[i]);
		if (to)
			return to;
	}
	for (size_t i = 0; i < m->pools.n; i++) {
		const char *name = p[i].default_trunk;
		const struct options_trunk *to = name ? options_trunk_find(m, name) : NULL;
		if (to && leads_to_pstn(m, to))
			return to;
	}
	return NULL;
}

/* Where there is no inside, whoever names no usages has all: a stranger behind a gateway, too. */
static void warn_of_fraud(struct conf_doc *doc, const struct options_mediation *m)
{
	const struct options_trunk *t = m->trunks.items;
	const struct options_trunk *to = options_client_pool(m) ? NULL : costly(m);

	for (size_t i = 0; to && i < m->trunks.n; i++) {
		const struct options_trunk_settings *s = options_trunk_settings_of(m, &t[i]);
		if (t[i].enabled && (!s || s->usages.n == 0))
			conf_warn(doc, &t[i].name,
				"trunk \"%s\" names no usages and no pool has \"client_tls\", so "
				"whoever calls over it may call the world, as over \"%s\", at your "
				"cost; give its \"trunk_settings\" the usages it should have",
				t[i].name, to->name);
	}
}

void options_check_inter_trunk(struct conf_doc *doc, const struct options_mediation *m)
{
	const struct options_trunk_settings *s = m->trunk_settings.items;
	const struct options_trunk *t = m->trunks.items;

	for (size_t i = 0; i < m->trunk_settings.n; i++) {
		const char *const *usage = s[i].usages.items;
		for (size_t k = 0; k < s[i].usages.n; k++) {
			if (!options_has_usage(m, usage[k]))
				conf_fail(doc, &usage[k], "there is no usage \"%s\" in \"usages\"",
					usage[k]);
		}
	}
	for (size_t i = 0; i < m->trunks.n; i++) {
		if (leads_to_pstn(m, &t[i]))
			check_loops(doc, m, &t[i]);
	}
	warn_of_fraud(doc, m);
}
