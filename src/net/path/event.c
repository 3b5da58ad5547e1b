/* SPDX-License-Identifier: BSD-3-Clause */
/* What the kernel's messages mean for links, hops and entries. */
#include "path_priv.h"

#include <errno.h>
#include <linux/neighbour.h>
#include <linux/rtnetlink.h>
#include <stdlib.h>

/* ---- what has become doubtful ---- */

static bool is_stale(const struct net_paths *ps, const struct addr *remote)
{
	bool hit = ps->is_all_stale;

	for (unsigned i = 0; i < ps->n_stale && !hit; i++)
		hit = prefix_contains(&ps->stale[i], remote);
	return hit;
}

void path_settle(struct net_paths *ps)
{
	for (uint32_t i = 0; i < ps->n_made; i++) {
		struct path_entry *e = &ps->entries[i];
		if (!e->is_live || !is_stale(ps, &e->path.remote))
			continue;
		if (list_is_empty(&e->holds) && !e->is_recent)
			path_forget(ps, e);
		else
			path_ask(ps, e);
	}
	ps->n_stale = 0;
	ps->is_all_stale = false;
	ps->settled_ms = ps->clock->mono_ms;
}

/* At once when it is the first change for a while; a router that learns a table has many. */
static void settle_soon(struct net_paths *ps)
{
	uint64_t at_ms = ps->settled_ms + PATH_SETTLE_MS;

	if (wheel_timer_is_set(&ps->settle) || (ps->n_stale == 0 && !ps->is_all_stale))
		return;
	if (ps->clock->mono_ms >= at_ms)
		path_settle(ps);
	else
		wheel_set(ps->wheel, &ps->settle, at_ms);
}

static void doubt_prefix(struct net_paths *ps, const struct path_msg_route *r)
{
	if (r->dst.family == ADDR_NONE)
		return;
	if (ps->n_stale == PATH_STALE_MAX) {
		ps->is_all_stale = true;
		return;
	}
	ps->stale[ps->n_stale++] = (struct prefix){r->dst, r->len_bits};
}

/* ---- links ---- */

static void update_link(struct net_paths *ps, uint32_t ifindex)
{
	for (uint32_t i = 0; i < ps->n_made; i++) {
		struct path_entry *e = &ps->entries[i];
		if (e->is_live && e->hop && e->oif == ifindex)
			path_update(ps, e);
	}
	ps->is_all_stale = true;
}

static bool is_same_link(const struct path_msg_link *a, const struct path_msg_link *b)
{
	return a->flags == b->flags && a->type == b->type && a->mtu == b->mtu &&
	       a->mtu6 == b->mtu6 && a->has_mac == b->has_mac &&
	       memcmp(a->mac, b->mac, sizeof(a->mac)) == 0;
}

static void on_link(struct net_paths *ps, const struct path_msg_link *said)
{
	struct path_link *l = path_link_find(ps, said->ifindex);
	struct path_msg_link is = *said;

	if (!l) {
		l = ps->links.count < PATH_LINKS_MAX ? calloc(1, sizeof(*l)) : NULL;
		if (!l)
			return;
		if (hash_table_insert(&ps->links, &l->node, is.ifindex) != 0) {
			free(l);
			return;
		}
	}
	l->is_seen = true;
	/* A message about its IPv6 side alone leaves the rest out. */
	is.mtu = is.mtu ? is.mtu : l->is.mtu;
	is.mtu6 = is.mtu6 ? is.mtu6 : l->is.mtu6;
	if (l->is.ifindex != 0 && is_same_link(&is, &l->is))
		return;
	l->is = is;
	update_link(ps, is.ifindex);
}

static void forget_link(struct net_paths *ps, struct path_link *l)
{
	uint32_t ifindex = l->is.ifindex;

	hash_table_remove(&ps->links, &l->node);
	free(l);
	update_link(ps, ifindex);
}

static void on_link_gone(struct net_paths *ps, const struct path_msg_link *said)
{
	struct path_link *l = path_link_find(ps, said->ifindex);

	if (l)
		forget_link(ps, l);
}

static void unsee(struct hash_node *n, void *arg)
{
	(void)arg;
	CONTAINER_OF(n, struct path_link, node)->is_seen = false;
}

static void drop_unseen(struct hash_node *n, void *arg)
{
	struct path_link *l = CONTAINER_OF(n, struct path_link, node);

	if (!l->is_seen)
		forget_link(arg, l);
}

/* The dump is complete. */
static void on_done(struct net_paths *ps)
{
	ps->has_links = true;
	if (ps->links.count > 0)
		hash_table_each(&ps->links, drop_unseen, ps);
	for (uint32_t i = 0; i < ps->n_made; i++) {
		if (ps->entries[i].is_live)
			path_update(ps, &ps->entries[i]);
	}
}

/* ---- neighbours ---- */

static void on_neighbour(struct net_paths *ps, const struct path_msg_neighbour *n, bool is_gone)
{
	struct path_hop *h =
		n->addr.family != ADDR_NONE ? path_hop_find(ps, n->ifindex, &n->addr) : NULL;

	if (h)
		path_hop_set(ps, h, is_gone ? NULL : n);
}

/* ---- routes ---- */

static enum net_path_state route_state(const struct path_msg_route *r)
{
	switch (r->type) {
	case RTN_UNICAST:
		if (r->is_encapsulated)
			return NET_PATH_ENCAPSULATED;
		return r->oif != 0 ? NET_PATH_READY : NET_PATH_NO_ROUTE;
	case RTN_LOCAL:
	case RTN_ANYCAST: /* IPv6's, of this host */
		return NET_PATH_LOCAL;
	case RTN_BROADCAST:
	case RTN_MULTICAST:
		return NET_PATH_NOT_UNICAST;
	default:
		return NET_PATH_NO_ROUTE;
	}
}

/* The entry that a question with SEQ was about, if the answer is still wanted. */
static struct path_entry *asked_entry(struct net_paths *ps, uint32_t seq)
{
	uint32_t i = seq & 0xffff;

	if (i >= ps->n_made)
		return NULL;
	struct path_entry *e = &ps->entries[i];
	return e->is_live && e->is_asked && e->generation == seq >> 16 ? e : NULL;
}

static void answered(struct net_paths *ps, struct path_entry *e, uint32_t expires_ms)
{
	uint32_t wait_ms = PATH_RECHECK_MS;

	if (expires_ms != 0 && expires_ms < wait_ms)
		wait_ms = expires_ms + 1;
	e->is_asked = false;
	e->ask_at_ms = ps->clock->mono_ms + wait_ms;
	if (e->is_again) {
		e->is_again = false;
		path_ask(ps, e);
	}
}

static void on_answer(struct net_paths *ps, uint32_t seq, const struct path_msg_route *r)
{
	struct path_entry *e = asked_entry(ps, seq);

	if (!e)
		return;
	e->route_state = (uint8_t)route_state(r);
	e->oif = r->oif;
	e->route_mtu = r->mtu;
	if (e->route_state != NET_PATH_READY)
		path_hop_leave(ps, e);
	else if (path_hop_join(ps, e, r->via.family != ADDR_NONE ? &r->via : &e->path.remote) != 0)
		e->route_state = NET_PATH_NO_NEIGHBOUR;
	answered(ps, e, r->expires_ms);
	path_update(ps, e);
}

static void on_no_route(struct net_paths *ps, uint32_t seq)
{
	struct path_entry *e = asked_entry(ps, seq);

	if (!e)
		return;
	e->route_state = NET_PATH_NO_ROUTE;
	path_hop_leave(ps, e);
	answered(ps, e, 0);
	path_update(ps, e);
}

/* ---- errors ---- */

static void on_error(struct net_paths *ps, const struct path_msg *m)
{
	const struct path_msg_neighbour *n = &m->neighbour;

	if (m->error == 0)
		return;
	metrics_add(ps->cells, NET_PATH_C_FAILED, 1);
	if (m->type == RTM_GETROUTE) {
		on_no_route(ps, m->seq);
	} else if (m->type == RTM_GETNEIGH) {
		on_neighbour(ps, n, true);
	} else if (m->type == RTM_NEWNEIGH && m->error == -EPERM) {
		struct path_hop *h = path_hop_find(ps, n->ifindex, &n->addr);
		ps->is_unprivileged = true;
		if (h)
			h->confirmed_ms = 0;
		if (h)
			path_confirm_hop(ps, h);
	} else if (m->type == RTM_GETLINK) {
		ps->wants_links = true; /* a dump that was disturbed; the sweep repeats it */
	}
}

/* ---- all of them ---- */

static void on_message(struct net_paths *ps, const struct path_msg *m, bool is_answer)
{
	switch (m->kind) {
	case PATH_MSG_LINK:
		on_link(ps, &m->link);
		break;
	case PATH_MSG_LINK_GONE:
		on_link_gone(ps, &m->link);
		break;
	case PATH_MSG_NEIGHBOUR:
	case PATH_MSG_NEIGHBOUR_GONE:
		on_neighbour(ps, &m->neighbour, m->kind == PATH_MSG_NEIGHBOUR_GONE);
		break;
	case PATH_MSG_ROUTE:
		if (is_answer)
			on_answer(ps, m->seq, &m->route);
		else
			doubt_prefix(ps, &m->route);
		break;
	case PATH_MSG_ADDRESS:
	case PATH_MSG_RULE:
		ps->is_all_stale = true;
		break;
	case PATH_MSG_ERROR:
		on_error(ps, m);
		break;
	case PATH_MSG_DONE:
		on_done(ps);
		break;
	case PATH_MSG_OTHER:
		break;
	}
}

void path_receive(struct net_paths *ps, struct bytes messages, bool is_answer)
{
	struct path_msg m;

	while (path_msg_next(&messages, &m) == 0)
		on_message(ps, &m, is_answer);
	settle_soon(ps);
	path_tell(ps);
}

static void ask_hop(struct hash_node *n, void *arg)
{
	path_ask_hop(arg, CONTAINER_OF(n, struct path_hop, node));
}

void path_overrun(struct net_paths *ps)
{
	metrics_add(ps->cells, NET_PATH_C_OVERRUNS, 1);
	if (ps->links.count > 0)
		hash_table_each(&ps->links, unsee, ps);
	if (ps->hops.count > 0)
		hash_table_each(&ps->hops, ask_hop, ps);
	path_ask_links(ps);
	ps->is_all_stale = true;
	settle_soon(ps);
	path_tell(ps);
}
