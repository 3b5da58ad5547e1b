/* SPDX-License-Identifier: BSD-3-Clause */
/* Sets of "trunk_settings" that a narrower one takes out of force, which counts whole. */
#include "../options_mediation.h"

/* The set that would count for T without OWN; NULL: none. */
static const struct options_trunk_settings *behind(const struct options_mediation *m,
	const struct options_trunk *t, const struct options_trunk_settings *own)
{
	const struct options_trunk_settings *s = m->trunk_settings.items;
	const char *scopes[OPTIONS_TRUNKS_MAX] = {NULL};
	size_t n = m->trunk_settings.n;

	for (size_t i = 0; s && i < n; i++)
		scopes[i] = &s[i] == own ? "" : s[i].scope; /* that is no scope */
	size_t best = policy_scope_choose(scopes, n, t->name, t->site);
	return best < n ? &s[best] : NULL;
}

static bool says_options(const struct conf_doc *doc, const struct options_trunk_settings *s)
{
	return conf_is_set(doc, &s->options.send) || conf_is_set(doc, &s->options.interval_s) ||
	       conf_is_set(doc, &s->options.fail_after);
}

static bool asks_alike(const struct options_ping *a, const struct options_ping *b)
{
	return a->send == b->send && (!a->send || a->interval_s == b->interval_s) &&
	       a->fail_after == b->fail_after;
}

void options_check_scopes(struct conf_doc *doc, const struct options_mediation *m)
{
	const struct options_trunk *t = m->trunks.items;

	for (size_t i = 0; i < m->trunks.n; i++) {
		const struct options_trunk_settings *own = options_trunk_settings_of(m, &t[i]);
		const struct options_trunk_settings *wider = own ? behind(m, &t[i], own) : NULL;
		if (wider && !says_options(doc, own) && says_options(doc, wider) &&
			!asks_alike(&own->options, &wider->options))
			conf_warn(doc, &own->scope,
				"\"options\" of the set for \"%s\" do not hold for trunk \"%s\", "
				"whose "
				"own set counts whole: OPTIONS are %s; say \"options\" here, too",
				wider->scope, t[i].name,
				own->options.send ? "sent to its gateway" : "not sent");
	}
}
