/* SPDX-License-Identifier: BSD-3-Clause */
#include <sallyport/mediation/policy.h>

int policy_scope_parse(const char *text, enum policy_scope *out, const char **name)
{
	static const struct {
		const char *front;
		enum policy_scope scope;
	} fronts[] = {{"site:", POLICY_SITE}, {"trunk:", POLICY_TRUNK}};
	if (strcmp(text, "global") == 0) {
		*out = POLICY_GLOBAL;
		*name = text + strlen(text);
		return 0;
	}
	for (size_t i = 0; i < ARRAY_LEN(fronts); i++) {
		size_t n = strlen(fronts[i].front);
		if (strncmp(text, fronts[i].front, n) == 0 && text[n] != '\0') {
			*out = fronts[i].scope;
			*name = text + n;
			return 0;
		}
	}
	return ERR_MALFORMED;
}

size_t policy_scope_choose(const char *const *scopes, size_t n, const char *trunk, const char *site)
{
	size_t best = n;
	enum policy_scope best_scope = POLICY_GLOBAL, scope;
	const char *name;
	for (size_t i = 0; i < n; i++) {
		if (policy_scope_parse(scopes[i], &scope, &name) != 0)
			continue;
		bool fits = scope == POLICY_GLOBAL ||
			    (scope == POLICY_SITE && site && strcmp(name, site) == 0) ||
			    (scope == POLICY_TRUNK && strcmp(name, trunk) == 0);
		if (fits && (best == n || scope > best_scope)) {
			best = i;
			best_scope = scope;
		}
	}
	return best;
}
