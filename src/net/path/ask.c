/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * What the kernel is asked and when. Questions are queued and leave at the end of a turn, a few of
 * them in each, so that neither a burst of new destinations nor a change of all routes holds up
 * packets.
 */
#include "path_priv.h"

#include <linux/neighbour.h>

static void later(struct net_paths *ps)
{
	ps->wire->later(ps->wire->arg);
}

void path_ask(struct net_paths *ps, struct path_entry *e)
{
	if (e->is_asked) {
		e->is_again = true; /* the answer may have been true before what is new */
		return;
	}
	if (!list_is_empty(&e->ask_link) || e->route_state == NET_PATH_NOT_UNICAST)
		return;
	list_append(&ps->to_ask, &e->ask_link);
	later(ps);
}

static void queue_hop(struct net_paths *ps, struct path_hop *h)
{
	if (list_is_empty(&h->ask_link))
		list_append(&ps->hops_to_ask, &h->ask_link);
	later(ps);
}

void path_ask_hop(struct net_paths *ps, struct path_hop *h)
{
	h->wants_use = false;
	queue_hop(ps, h);
}

void path_ask_links(struct net_paths *ps)
{
	ps->wants_links = true;
	later(ps);
}

/* ---- sending ---- */

static bool send_links(struct net_paths *ps)
{
	uint8_t buf[PATH_MSG_MAX];
	int rc = ps->wire->send(ps->wire->arg, buf, path_msg_dump_links(buf, 1));

	/* One that runs already is followed by another. */
	ps->wants_links = rc != 0;
	return rc == 0;
}

static bool send_route(struct net_paths *ps, struct path_entry *e)
{
	uint8_t buf[PATH_MSG_MAX];
	uint32_t seq = (uint32_t)++e->generation << 16 | e->path.index;

	if (ps->wire->send(ps->wire->arg, buf,
		    path_msg_ask_route(buf, seq, &e->path.local, &e->path.remote)) != 0)
		return false;
	list_remove(&e->ask_link);
	e->is_asked = true;
	e->ask_at_ms = ps->clock->mono_ms + PATH_ANSWER_MS;
	metrics_add(ps->cells, NET_PATH_C_ROUTES_ASKED, 1);
	return true;
}

static bool send_hop(struct net_paths *ps, struct path_hop *h)
{
	uint8_t buf[PATH_MSG_MAX];
	size_t len = h->wants_use ? path_msg_use_neighbour(buf, 1, h->ifindex, &h->addr)
				  : path_msg_ask_neighbour(buf, 1, h->ifindex, &h->addr);

	if (ps->wire->send(ps->wire->arg, buf, len) != 0)
		return false;
	list_remove(&h->ask_link);
	metrics_add(ps->cells,
		h->wants_use ? NET_PATH_C_NEIGHBOURS_USED : NET_PATH_C_NEIGHBOURS_ASKED, 1);
	return true;
}

/* What the kernel does not take now waits for the next sweep. */
void path_ask_run(struct net_paths *ps)
{
	unsigned n = 0;

	if (ps->wants_links && !send_links(ps))
		return;
	for (; n < PATH_ASK_TURN && !list_is_empty(&ps->hops_to_ask); n++) {
		if (!send_hop(ps, CONTAINER_OF(ps->hops_to_ask.next, struct path_hop, ask_link)))
			return;
	}
	for (; n < PATH_ASK_TURN && !list_is_empty(&ps->to_ask); n++) {
		if (!send_route(ps, CONTAINER_OF(ps->to_ask.next, struct path_entry, ask_link)))
			return;
	}
	if (!list_is_empty(&ps->hops_to_ask) || !list_is_empty(&ps->to_ask))
		later(ps);
}

/* ---- neighbours in use ---- */

static void on_rest(struct wheel_timer *t, void *arg)
{
	struct net_paths *ps = CONTAINER_OF(t, struct net_paths, rest);

	(void)arg;
	while (!list_is_empty(&ps->hops_resting)) {
		struct path_hop *h =
			CONTAINER_OF(ps->hops_resting.next, struct path_hop, rest_link);
		if (h->rested_ms > ps->clock->mono_ms) {
			wheel_set(ps->wheel, &ps->rest, h->rested_ms);
			break;
		}
		path_rest_end(ps, h);
	}
	path_tell(ps);
}

void path_rest_end(struct net_paths *ps, struct path_hop *h)
{
	if (list_is_empty(&h->rest_link))
		return;
	list_remove(&h->rest_link);
	path_update_hop(ps, h);
}

static void rest(struct net_paths *ps, struct path_hop *h)
{
	if (!list_is_empty(&h->rest_link))
		return;
	h->rested_ms = ps->clock->mono_ms + PATH_REST_MS;
	list_append(&ps->hops_resting, &h->rest_link);
	if (!wheel_timer_is_set(&ps->rest))
		wheel_set(ps->wheel, &ps->rest, h->rested_ms);
	path_update_hop(ps, h);
}

/*
 * The kernel asks a neighbour whether it is still there when a packet goes to it by the kernel's
 * own way. Our frames do not, so one is pretended; who may not do that lets some go there.
 */
void path_confirm_hop(struct net_paths *ps, struct path_hop *h)
{
	uint64_t now_ms = ps->clock->mono_ms;

	if (!(h->nud & NUD_STALE) ||
		(h->confirmed_ms != 0 && now_ms - h->confirmed_ms < PATH_CONFIRM_MS))
		return;
	h->confirmed_ms = now_ms;
	if (ps->is_unprivileged) {
		rest(ps, h);
		return;
	}
	h->wants_use = true;
	queue_hop(ps, h);
}

/* ---- what time brings ---- */

static void look_at(struct net_paths *ps, struct path_entry *e)
{
	bool is_wanted = e->is_recent || !list_is_empty(&e->holds);

	e->is_recent = false;
	if (!is_wanted) {
		path_forget(ps, e);
		return;
	}
	if (e->hop)
		path_confirm_hop(ps, e->hop);
	if (ps->clock->mono_ms < e->ask_at_ms)
		return;
	if (e->is_asked)
		metrics_add(ps->cells, NET_PATH_C_FAILED, 1);
	e->is_asked = false;
	path_ask(ps, e);
}

static void on_sweep(struct wheel_timer *t, void *arg)
{
	struct net_paths *ps = CONTAINER_OF(t, struct net_paths, sweep);
	uint32_t n = ps->n_made / PATH_SWEEP_STEPS + 1;

	(void)arg;
	for (; n > 0 && ps->n_made > 0; n--) {
		if (ps->sweep_at >= ps->n_made)
			ps->sweep_at = 0;
		struct path_entry *e = &ps->entries[ps->sweep_at++];
		if (e->is_live)
			look_at(ps, e);
	}
	if (ps->wants_links || !list_is_empty(&ps->hops_to_ask) || !list_is_empty(&ps->to_ask))
		later(ps);
	path_tell(ps);
	wheel_set(ps->wheel, &ps->sweep, ps->clock->mono_ms + PATH_SWEEP_MS);
}

static void on_settle(struct wheel_timer *t, void *arg)
{
	struct net_paths *ps = CONTAINER_OF(t, struct net_paths, settle);

	(void)arg;
	path_settle(ps);
	path_tell(ps);
}

void path_ask_init(struct net_paths *ps)
{
	wheel_timer_init(&ps->sweep, on_sweep);
	wheel_timer_init(&ps->settle, on_settle);
	wheel_timer_init(&ps->rest, on_rest);
	wheel_set(ps->wheel, &ps->sweep, ps->clock->mono_ms + PATH_SWEEP_MS);
}

void path_ask_fini(struct net_paths *ps)
{
	wheel_cancel(ps->wheel, &ps->sweep);
	wheel_cancel(ps->wheel, &ps->settle);
	wheel_cancel(ps->wheel, &ps->rest);
}
