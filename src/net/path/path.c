/* SPDX-License-Identifier: BSD-3-Clause */
/* The cache: entries in a fixed pool, found by a keyed hash. It asks nobody anything itself. */
#include "path_priv.h"

#include <assert.h>
#include <errno.h>
#include <stdlib.h>

#include <sallyport/crypto.h>

#define HAND_STEPS 128 /* entries looked at when one has to go */

static const struct metrics_row rows[NET_PATH_C_COUNT] = {
	[NET_PATH_C_CACHED] = {"sallyport_net_paths", "state=\"any\"", METRICS_GAUGE,
		"Ways to clients and peers that are known, and those ready for whole frames."},
	[NET_PATH_C_READY] = {"sallyport_net_paths", "state=\"ready\"", METRICS_GAUGE, NULL},
	[NET_PATH_C_ROUTES_ASKED] = {"sallyport_net_path_questions_total", "what=\"route\"",
		METRICS_COUNTER, "Questions to the kernel about routes and neighbours."},
	[NET_PATH_C_NEIGHBOURS_ASKED] = {"sallyport_net_path_questions_total", "what=\"neighbour\"",
		METRICS_COUNTER, NULL},
	[NET_PATH_C_NEIGHBOURS_USED] = {"sallyport_net_path_confirmations_total", NULL,
		METRICS_COUNTER, "Neighbours in use that the kernel was made to confirm."},
	[NET_PATH_C_FAILED] = {"sallyport_net_path_failures_total", NULL, METRICS_COUNTER,
		"Questions that the kernel answered by an error, or not at all."},
	[NET_PATH_C_CHANGED] = {"sallyport_net_path_changes_total", NULL, METRICS_COUNTER,
		"Changes of ways that were known."},
	[NET_PATH_C_OVERRUNS] = {"sallyport_net_path_overruns_total", NULL, METRICS_COUNTER,
		"Times the kernel's notifications overran us and everything was asked again."},
	[NET_PATH_C_FORGOTTEN] = {"sallyport_net_path_forgotten_total", NULL, METRICS_COUNTER,
		"Ways forgotten to make room for others."},
	[NET_PATH_C_FULL] = {"sallyport_net_path_full_total", NULL, METRICS_COUNTER,
		"Times there was no room for a way; its packets went the ordinary one."},
};
const struct metrics_group net_path_counters = {rows, NET_PATH_C_COUNT};

struct path_key {
	uint8_t local[16], remote[16];
	uint32_t scope;
};

static uint32_t *bucket_of(
	struct net_paths *ps, const struct addr *local, const struct addr *remote)
{
	struct path_key k;

	memcpy(k.local, local->ip, sizeof(k.local));
	memcpy(k.remote, remote->ip, sizeof(k.remote));
	k.scope = remote->scope;
	return &ps->buckets[hash_bytes(&ps->key, &k, sizeof(k)) & (ps->n_buckets - 1)];
}

static bool is_of(const struct path_entry *e, const struct addr *local, const struct addr *remote)
{
	return addr_equal_ip(&e->path.remote, remote) && addr_equal_ip(&e->path.local, local);
}

static struct path_entry *find(
	struct net_paths *ps, const struct addr *local, const struct addr *remote)
{
	uint32_t i = *bucket_of(ps, local, remote);

	while (i != 0 && !is_of(&ps->entries[i - 1], local, remote))
		i = ps->entries[i - 1].next;
	return i != 0 ? &ps->entries[i - 1] : NULL;
}

void path_forget(struct net_paths *ps, struct path_entry *e)
{
	uint32_t *at = bucket_of(ps, &e->path.local, &e->path.remote);

	assert(e->is_live && list_is_empty(&e->holds));
	while (*at != e->path.index + 1)
		at = &ps->entries[*at - 1].next;
	*at = e->next;
	path_hop_leave(ps, e);
	list_remove(&e->ask_link);
	list_remove(&e->changed_link);
	metrics_sub(ps->cells, NET_PATH_C_CACHED, 1);
	if (e->path.state == NET_PATH_READY)
		metrics_sub(ps->cells, NET_PATH_C_READY, 1);
	e->is_live = false;
	e->next = ps->free_head;
	ps->free_head = e->path.index + 1;
}

/* Second chance: who was looked up since the hand passed stays for one more round. */
static bool make_room(struct net_paths *ps)
{
	for (unsigned i = 0; i < HAND_STEPS; i++) {
		struct path_entry *e = &ps->entries[ps->hand];
		ps->hand = ps->hand + 1 < ps->n_made ? ps->hand + 1 : 0;
		if (!list_is_empty(&e->holds) || e->is_telling)
			continue;
		if (!e->is_recent) {
			path_forget(ps, e);
			metrics_add(ps->cells, NET_PATH_C_FORGOTTEN, 1);
			return true;
		}
		e->is_recent = false;
	}
	metrics_add(ps->cells, NET_PATH_C_FULL, 1);
	return false;
}

static struct path_entry *take_free(struct net_paths *ps)
{
	if (ps->free_head == 0 && ps->n_made < ps->max) {
		struct path_entry *e = &ps->entries[ps->n_made];
		e->path.index = ps->n_made++;
		return e;
	}
	if (ps->free_head == 0 && !make_room(ps))
		return NULL;
	struct path_entry *e = &ps->entries[ps->free_head - 1];
	ps->free_head = e->next;
	return e;
}

static bool is_multicast(const struct addr *a)
{
	if (a->family == ADDR_IPV4)
		return a->ip[12] >= 224 && a->ip[12] < 240;
	return a->ip[0] == 0xff;
}

static struct path_entry *make(
	struct net_paths *ps, const struct addr *local, const struct addr *remote)
{
	struct path_entry *e = take_free(ps);

	if (!e)
		return NULL;
	uint32_t *b = bucket_of(ps, local, remote);
	*e = (struct path_entry){
		.path = {.local = *local, .remote = *remote, .index = e->path.index},
		.next = *b,
		.generation = e->generation,
		.is_live = true,
	};
	e->path.local.port = 0;
	e->path.remote.port = 0;
	*b = e->path.index + 1;
	list_init(&e->holds);
	list_init(&e->hop_link);
	list_init(&e->ask_link);
	list_init(&e->changed_link);
	metrics_add(ps->cells, NET_PATH_C_CACHED, 1);
	if (is_multicast(remote)) {
		e->route_state = e->path.state = NET_PATH_NOT_UNICAST;
		e->ask_at_ms = UINT64_MAX;
	} else {
		path_ask(ps, e);
	}
	return e;
}

static struct path_entry *find_or_make(
	struct net_paths *ps, const struct addr *local, const struct addr *remote)
{
	struct path_entry *e = find(ps, local, remote);

	if (!e)
		e = make(ps, local, remote);
	if (e && !e->is_recent)
		e->is_recent = true;
	return e;
}

const struct net_path *net_path_find(
	struct net_paths *ps, const struct addr *local, const struct addr *remote)
{
	struct path_entry *e = find_or_make(ps, local, remote);

	return e ? &e->path : NULL;
}

int net_path_take(struct net_paths *ps, struct net_path_hold *h, const struct addr *local,
	const struct addr *remote, void (*changed)(struct net_path_hold *h))
{
	struct path_entry *e = find_or_make(ps, local, remote);

	assert(!h->path);
	if (!e)
		return ERR_FULL;
	h->path = &e->path;
	h->changed = changed;
	list_append(&e->holds, &h->link);
	return 0;
}

void net_path_release(struct net_paths *ps, struct net_path_hold *h)
{
	(void)ps;
	if (!h->path)
		return;
	list_remove(&h->link);
	h->path = NULL;
}

void net_path_doubt(struct net_paths *ps, const struct addr *local, const struct addr *remote)
{
	struct path_entry *e = find(ps, local, remote);
	uint64_t now_ms = ps->clock->mono_ms;

	if (!e || (e->doubted_ms != 0 && now_ms - e->doubted_ms < PATH_DOUBT_MS))
		return;
	e->doubted_ms = now_ms;
	path_ask(ps, e);
}

static uint32_t power_of_two(uint32_t at_least)
{
	uint32_t n = 1;

	while (n < at_least)
		n *= 2;
	return n;
}

int path_cache_init(struct net_paths *ps, const struct net_paths_config *c)
{
	ps->max = c->max ? c->max : NET_PATHS_DEFAULT;
	assert(ps->max >= NET_PATHS_MIN && ps->max <= NET_PATHS_MAX);
	ps->n_buckets = power_of_two(ps->max);
	ps->wheel = c->wheel;
	ps->clock = c->clock;
	ps->cells = c->cells;
	crypto_random(&ps->key, sizeof(ps->key));
	hash_table_init(&ps->hops);
	hash_table_init(&ps->links);
	list_init(&ps->to_ask);
	list_init(&ps->hops_to_ask);
	list_init(&ps->hops_resting);
	list_init(&ps->changed);
	/* Zeroed pages come from the kernel as they are touched. */
	ps->entries = calloc(ps->max, sizeof(*ps->entries));
	ps->buckets = calloc(ps->n_buckets, sizeof(*ps->buckets));
	if (!ps->entries || !ps->buckets)
		return -ENOMEM;
	path_ask_init(ps);
	return 0;
}

static void free_link(struct hash_node *n, void *arg)
{
	struct net_paths *ps = arg;

	hash_table_remove(&ps->links, n);
	free(CONTAINER_OF(n, struct path_link, node));
}

void path_cache_fini(struct net_paths *ps)
{
	for (uint32_t i = 0; ps->entries && i < ps->n_made; i++) {
		if (ps->entries[i].is_live)
			path_forget(ps, &ps->entries[i]);
	}
	if (ps->links.count > 0)
		hash_table_each(&ps->links, free_link, ps);
	hash_table_fini(&ps->links);
	hash_table_fini(&ps->hops);
	if (ps->entries && ps->buckets)
		path_ask_fini(ps);
	free(ps->entries);
	free(ps->buckets);
}
