/* SPDX-License-Identifier: BSD-3-Clause */
/* What follows for an entry from its route, its link and its next hop; and who is told. */
#include "path_priv.h"

#include <errno.h>
#include <linux/if_ether.h>
#include <net/if.h>
#include <net/if_arp.h>
#include <linux/neighbour.h>
#include <stdlib.h>

#define NUD_HAS_MAC (NUD_PERMANENT | NUD_NOARP | NUD_REACHABLE | NUD_PROBE | NUD_STALE | NUD_DELAY)

static const char *const state_text[NET_PATH_STATE_COUNT] = {
	[NET_PATH_ASKED] = "not known yet",
	[NET_PATH_READY] = "ready",
	[NET_PATH_LOCAL] = "an address of this host",
	[NET_PATH_NOT_UNICAST] = "broadcast or multicast",
	[NET_PATH_NO_ROUTE] = "no route",
	[NET_PATH_ENCAPSULATED] = "the route adds a header",
	[NET_PATH_LINK_DOWN] = "interface is down",
	[NET_PATH_NO_ETHERNET] = "no Ethernet interface",
	[NET_PATH_NO_NEIGHBOUR] = "next hop not resolved",
	[NET_PATH_UNCONFIRMED] = "next hop to be confirmed",
};

const char *net_path_state_text(enum net_path_state s)
{
	return state_text[s];
}

/* ---- links and hops ---- */

struct path_link *path_link_find(const struct net_paths *ps, uint32_t ifindex)
{
	for (struct hash_node *n = hash_table_first(&ps->links, ifindex); n; n = hash_table_next(n))
		return CONTAINER_OF(n, struct path_link, node);
	return NULL;
}

struct hop_key {
	uint8_t ip[16];
	uint32_t ifindex;
};

static uint64_t hash_hop(const struct net_paths *ps, uint32_t ifindex, const struct addr *a)
{
	struct hop_key k = {.ifindex = ifindex};

	memcpy(k.ip, a->ip, sizeof(k.ip));
	return hash_bytes(&ps->key, &k, sizeof(k));
}

struct path_hop *path_hop_find(const struct net_paths *ps, uint32_t ifindex, const struct addr *a)
{
	struct hash_node *n = hash_table_first(&ps->hops, hash_hop(ps, ifindex, a));

	for (; n; n = hash_table_next(n)) {
		struct path_hop *h = CONTAINER_OF(n, struct path_hop, node);
		if (h->ifindex == ifindex && memcmp(h->addr.ip, a->ip, sizeof(a->ip)) == 0)
			return h;
	}
	return NULL;
}

static struct path_hop *make_hop(struct net_paths *ps, uint32_t ifindex, const struct addr *a)
{
	struct path_hop *h = calloc(1, sizeof(*h));

	if (!h)
		return NULL;
	h->ifindex = ifindex;
	h->addr = *a;
	h->addr.port = 0;
	h->addr.scope = 0; /* IFINDEX says it */
	list_init(&h->entries);
	list_init(&h->ask_link);
	list_init(&h->rest_link);
	if (hash_table_insert(&ps->hops, &h->node, hash_hop(ps, ifindex, a)) != 0) {
		free(h);
		return NULL;
	}
	path_ask_hop(ps, h);
	return h;
}

int path_hop_join(struct net_paths *ps, struct path_entry *e, const struct addr *a)
{
	struct path_hop *h = path_hop_find(ps, e->oif, a);

	if (h && h == e->hop)
		return 0;
	if (!h)
		h = make_hop(ps, e->oif, a);
	path_hop_leave(ps, e);
	if (!h)
		return -ENOMEM;
	e->hop = h;
	list_append(&h->entries, &e->hop_link);
	return 0;
}

void path_hop_leave(struct net_paths *ps, struct path_entry *e)
{
	struct path_hop *h = e->hop;

	if (!h)
		return;
	list_remove(&e->hop_link);
	e->hop = NULL;
	if (!list_is_empty(&h->entries))
		return;
	list_remove(&h->ask_link);
	list_remove(&h->rest_link);
	hash_table_remove(&ps->hops, &h->node);
	free(h);
}

/* ---- what follows ---- */

static enum net_path_state link_state(const struct net_paths *ps, const struct path_link *l)
{
	if (!l)
		return ps->has_links ? NET_PATH_LINK_DOWN : NET_PATH_ASKED;
	if (l->is.flags & IFF_LOOPBACK)
		return NET_PATH_LOCAL;
	if (l->is.type != ARPHRD_ETHER || !l->is.has_mac || (l->is.flags & IFF_NOARP))
		return NET_PATH_NO_ETHERNET;
	return (l->is.flags & IFF_UP) && (l->is.flags & IFF_RUNNING) ? NET_PATH_READY
								     : NET_PATH_LINK_DOWN;
}

static enum net_path_state hop_state(const struct path_hop *h)
{
	if (!h->is_known)
		return NET_PATH_ASKED;
	if (!(h->nud & NUD_HAS_MAC) || !h->has_mac)
		return NET_PATH_NO_NEIGHBOUR;
	return list_is_empty(&h->rest_link) ? NET_PATH_READY : NET_PATH_UNCONFIRMED;
}

static uint16_t mtu_of(const struct path_entry *e, const struct path_link *l)
{
	uint32_t mtu = l->is.mtu;

	if (e->path.remote.family == ADDR_IPV6 && l->is.mtu6 != 0 && l->is.mtu6 < mtu)
		mtu = l->is.mtu6;
	if (e->route_mtu != 0 && e->route_mtu < mtu)
		mtu = e->route_mtu;
	return mtu > UINT16_MAX ? UINT16_MAX : (uint16_t)mtu;
}

static void write_header(const struct path_entry *e, const struct path_link *l, uint8_t *header)
{
	memcpy(header, e->hop->mac, ETH_ALEN);
	memcpy(header + ETH_ALEN, l->is.mac, ETH_ALEN);
	be16_put(header + 2 * ETH_ALEN, e->path.remote.family == ADDR_IPV4 ? ETH_P_IP : ETH_P_IPV6);
}

static bool is_same(const struct net_path *a, const struct net_path *b)
{
	return a->state == b->state && a->mtu == b->mtu && a->ifindex == b->ifindex &&
	       memcmp(a->header, b->header, sizeof(a->header)) == 0;
}

void path_update(struct net_paths *ps, struct path_entry *e)
{
	struct net_path now = {
		.local = e->path.local, .remote = e->path.remote, .index = e->path.index};
	const struct path_link *l = NULL;

	now.state = e->route_state;
	if (now.state == NET_PATH_READY) {
		l = path_link_find(ps, e->oif);
		now.state = (uint8_t)link_state(ps, l);
	}
	if (now.state == NET_PATH_READY)
		now.state = (uint8_t)hop_state(e->hop);
	if (now.state == NET_PATH_READY) {
		now.ifindex = e->oif;
		now.mtu = mtu_of(e, l);
		write_header(e, l, now.header);
	}
	if (is_same(&now, &e->path))
		return;
	if (now.state == NET_PATH_READY && e->path.state != NET_PATH_READY)
		metrics_add(ps->cells, NET_PATH_C_READY, 1);
	if (now.state != NET_PATH_READY && e->path.state == NET_PATH_READY)
		metrics_sub(ps->cells, NET_PATH_C_READY, 1);
	if (e->path.state != NET_PATH_ASKED)
		metrics_add(ps->cells, NET_PATH_C_CHANGED, 1);
	e->path = now;
	list_remove(&e->changed_link);
	list_append(&ps->changed, &e->changed_link);
}

void path_update_hop(struct net_paths *ps, struct path_hop *h)
{
	list_for_each (it, &h->entries)
		path_update(ps, CONTAINER_OF(it, struct path_entry, hop_link));
}

/*
 * Thousands of entries may lead over one gateway, and the kernel tells of each step of its asking
 * after it: they are only looked at when something follows for them.
 */
void path_hop_set(struct net_paths *ps, struct path_hop *h, const struct path_msg_neighbour *n)
{
	uint8_t mac[sizeof(h->mac)];
	enum net_path_state before = hop_state(h);
	bool was_stale = (h->nud & NUD_STALE) != 0;

	memcpy(mac, h->mac, sizeof(mac));
	h->is_known = true;
	h->nud = n ? n->nud : 0;
	h->has_mac = n && n->has_mac;
	if (h->has_mac)
		memcpy(h->mac, n->mac, sizeof(h->mac));
	if (hop_state(h) != before || memcmp(h->mac, mac, sizeof(mac)) != 0)
		path_update_hop(ps, h);
	if (!(h->nud & NUD_STALE))
		path_rest_end(ps, h);
	else if (!was_stale)
		path_confirm_hop(ps, h);
}

/* ---- who is told ---- */

/* Each hold goes back to the entry's list before it is called: it may release itself and others. */
static void tell_holds(struct path_entry *e)
{
	struct list due;

	e->is_telling = true;
	list_take(&e->holds, &due);
	while (!list_is_empty(&due)) {
		struct net_path_hold *h = CONTAINER_OF(due.next, struct net_path_hold, link);
		list_remove(&h->link);
		list_append(&e->holds, &h->link);
		if (h->changed)
			h->changed(h);
	}
	e->is_telling = false;
}

void path_tell(struct net_paths *ps)
{
	while (!list_is_empty(&ps->changed)) {
		struct path_entry *e =
			CONTAINER_OF(ps->changed.next, struct path_entry, changed_link);
		list_remove(&e->changed_link);
		tell_holds(e);
	}
}
