/* SPDX-License-Identifier: BSD-3-Clause */
/* The server's view of the configuration: copied whole, never changed, counted. */
#include <assert.h>
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "turn_priv.h"

static void *copy(const void *from, size_t size)
{
	void *to = malloc(size ? size : 1);

	if (to && size)
		memcpy(to, from, size);
	return to;
}

static void destroy(struct turn_snapshot *s)
{
	free(s->relays);
	free(s->behaviors);
	free(s->listeners);
	free(s->software);
	turn_tenants_fini(s);
	free(s);
}

int turn_snapshot_create(
	const struct turn_config *c, struct auth_snapshot *auth, struct turn_snapshot **out)
{
	struct turn_snapshot *s = calloc(1, sizeof(*s));

	if (!s)
		return -ENOMEM;
	s->count = 1;
	s->config = *c;
	s->relays = copy(c->relays, c->n_relays * sizeof(*c->relays));
	s->listeners = copy(c->peers.listeners, c->peers.n_listeners * sizeof(*c->peers.listeners));
	s->behaviors = copy(c->behaviors, c->n_behaviors * sizeof(*c->behaviors));
	s->software = c->software ? strdup(c->software) : NULL;
	int rc = turn_tenants_init(s, c, auth);
	if (rc == 0 &&
		(!s->relays || !s->listeners || !s->behaviors || (c->software && !s->software)))
		rc = -ENOMEM;
	if (rc != 0) {
		destroy(s);
		return rc;
	}
	s->config.relays = s->relays;
	s->config.behaviors = s->behaviors;
	s->config.software = s->software;
	s->config.tenants = NULL; /* they are the snapshot's now */
	/* The rules are in the trie; only the listeners are asked for one by one. */
	s->config.peers = (struct turn_peer_config){
		.listeners = s->listeners, .n_listeners = c->peers.n_listeners};
	*out = s;
	return 0;
}

struct turn_snapshot *turn_snapshot_get(struct turn_snapshot *s)
{
	atomic_fetch_add_explicit(&s->count, 1, memory_order_relaxed);
	return s;
}

const struct turn_config *turn_snapshot_config(const struct turn_snapshot *s)
{
	return &s->config;
}

void turn_snapshot_put(struct turn_snapshot *s)
{
	if (s && atomic_fetch_sub_explicit(&s->count, 1, memory_order_acq_rel) == 1)
		destroy(s);
}
