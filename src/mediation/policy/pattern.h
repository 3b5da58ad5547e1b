/* SPDX-License-Identifier: BSD-3-Clause */
#ifndef POLICY_PATTERN_H
#define POLICY_PATTERN_H

#include <sallyport/mediation/policy.h>

#define POLICY_GROUPS_MAX 10 /* $0 to $9 */

/* From and to in the number; a group that took no part is empty. */
struct policy_group {
	size_t from, to;
};

/* The groups are written on success only; those that the pattern does not have are empty. */
bool policy_pattern_match(const struct policy_pattern *p, struct policy_scratch *s,
	struct bytes number, struct policy_group groups[POLICY_GROUPS_MAX]);
unsigned policy_pattern_groups(const struct policy_pattern *p); /* $0 not counted */

#endif
