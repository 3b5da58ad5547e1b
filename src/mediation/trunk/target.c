/* SPDX-License-Identifier: BSD-3-Clause */
/* The addresses of a trunk's gateway, and the order in which a call tries them. */
#include <stdlib.h>

#include "trunk_priv.h"

struct target *target_open(struct trunk *k, const struct sip_target *at)
{
	struct target *t = calloc(1, sizeof(*t));

	if (!t)
		return NULL;
	t->trunk = k;
	t->at = *at;
	health_init(t);
	return t;
}

void target_close(struct target *t)
{
	health_stop(t);
	list_remove(&t->link);
	free(t);
}

static bool is_former(const struct trunk *k, const struct addr *remote)
{
	for (unsigned i = 0; i < k->n_former; i++) {
		if (addr_equal_ip(&k->former[i], remote))
			return true;
	}
	return false;
}

void target_remember(const struct target *t)
{
	struct trunk *k = t->trunk;

	if (k->n_calls == 0 || is_former(k, &t->at.addr))
		return;
	if (k->n_former == FORMER_MAX) {
		k->n_former--;
		memmove(k->former, k->former + 1, k->n_former * sizeof(k->former[0]));
	}
	k->former[k->n_former++] = t->at.addr;
}

bool target_is_up(const struct target *t)
{
	return !t->is_down && t->avoid_until_ms <= trunk_now(t->trunk);
}

struct target *target_find(const struct trunk *k, const struct addr *remote)
{
	struct target *found = NULL;

	list_for_each (it, &k->targets) {
		struct target *t = CONTAINER_OF(it, struct target, link);
		if (addr_equal(&t->at.addr, remote))
			return t;
		if (!found && addr_equal_ip(&t->at.addr, remote))
			found = t;
	}
	return found;
}

/* ---- the order ---- */

/* The addresses of the I-th one's host, which stand behind each other, among N. */
static size_t host_end(const struct target *const *all, size_t i, size_t n)
{
	size_t end = i;

	while (end < n && all[end]->at.host == all[i]->at.host)
		end++;
	return end;
}

/* RFC 2782: a host of these N, all of one priority, by lot; its first address. */
static size_t draw(const struct trunk *k, const struct target *const *all, size_t n)
{
	uint32_t sum = 0, lot;

	for (size_t i = 0; i < n; i = host_end(all, i, n))
		sum += all[i]->at.weight;
	if (sum == 0)
		return 0; /* as the locator has them */
	lot = k->all->config.random_below(sum);
	for (size_t i = 0; i < n; i = host_end(all, i, n)) {
		if (lot < all[i]->at.weight)
			return i;
		lot -= all[i]->at.weight;
	}
	return 0;
}

/* N pointers from I on go to the front of ALL, the ones before them behind. */
static void bring_forward(const struct target **all, size_t i, size_t n)
{
	const struct target *kept[SIP_TARGETS_MAX];

	memcpy(kept, all, i * sizeof(all[0]));
	memmove(all, all + i, n * sizeof(all[0]));
	memcpy(all + n, kept, i * sizeof(all[0]));
}

static void order(const struct trunk *k, const struct target **all, size_t n)
{
	for (size_t i = 0; i < n;) {
		size_t end = i;
		while (end < n && all[end]->at.priority == all[i]->at.priority)
			end++;
		size_t at = i + draw(k, all + i, end - i);
		size_t len = host_end(all, at, end) - at;
		bring_forward(all + i, at - i, len);
		i += len;
	}
}

size_t trunks_targets(const struct trunks *t, uint32_t trunk,
	const struct sip_target *out[SIP_TARGETS_MAX], size_t *n_up)
{
	const struct trunk *k = t->at[trunk];
	const struct target *all[SIP_TARGETS_MAX];
	size_t n = 0, n_out = 0;

	list_for_each (it, &k->targets)
		all[n++] = CONTAINER_OF(it, struct target, link);
	order(k, all, n);
	for (int wants_up = 1; wants_up >= 0; wants_up--) {
		for (size_t i = 0; i < n; i++) {
			if (target_is_up(all[i]) == (wants_up == 1))
				out[n_out++] = &all[i]->at;
		}
		if (wants_up == 1)
			*n_up = n_out;
	}
	return n_out;
}

/* ---- whose an address is ---- */

enum trunk_match trunks_match(const struct trunks *t, uint32_t trunk, const struct addr *remote)
{
	const struct target *target = t->at[trunk] ? target_find(t->at[trunk], remote) : NULL;

	if (!t->at[trunk])
		return TRUNK_ELSEWHERE;
	if (!target)
		return is_former(t->at[trunk], remote) ? TRUNK_FORMER : TRUNK_ELSEWHERE;
	return target->at.addr.port == remote->port ? TRUNK_SAME_PORT : TRUNK_SAME_HOST;
}

int trunks_listens(const struct trunks *t, uint32_t trunk, struct addr *remote)
{
	const struct trunk *k = t->at[trunk];
	const struct target *target = k ? target_find(k, remote) : NULL;

	if (!target && k && k->n_targets > 0)
		target = CONTAINER_OF(k->targets.next, struct target, link);
	if (!target)
		return ERR_NOT_FOUND;
	*remote = target->at.addr;
	return 0;
}
