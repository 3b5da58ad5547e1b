/* SPDX-License-Identifier: BSD-3-Clause */
/* Answers an operator's question about this worker's allocations. */
#include <assert.h>
#include <stdlib.h>

#include <sallyport/turn/inspect.h>

#include "tcp.h"

/* ---- does it match? ---- */

static bool address_matches(const struct turn_address_filter *f, const struct addr *a)
{
	return prefix_contains(&f->prefix, a) && (f->port == 0 || f->port == a->port);
}

static bool relay_matches(const struct turn_address_filter *f, const struct turn_alloc *a)
{
	for (size_t i = 0; i < TURN_RELAYS_MAX; i++) {
		const struct turn_relay *r = &a->relays[i];
		if (!r->port)
			continue;
		struct addr told = turn_relay_advertised(a->server, r);
		if (address_matches(f, &told) || address_matches(f, &r->port->local))
			return true;
	}
	return false;
}

/* Peers are filtered as the client knows them, not as they stand on the wire. */
static bool peer_matches(const struct turn_address_filter *f, const struct turn_alloc *a)
{
	const struct turn_snapshot *s = a->server->snapshot;

	list_for_each (it, &a->channels) {
		const struct turn_channel *c = CONTAINER_OF(it, struct turn_channel, link);
		struct addr peer = turn_peer_from_wire(s, &c->flow.peer);
		if (address_matches(f, &peer))
			return true;
	}
	list_for_each (it, &a->connections) {
		const struct turn_connection *c = CONTAINER_OF(it, struct turn_connection, link);
		struct addr peer = turn_peer_from_wire(s, &c->peer);
		if (address_matches(f, &peer))
			return true;
	}
	if (f->port != 0)
		return false; /* a permission is for all ports */
	list_for_each (it, &a->permissions) {
		const struct turn_permission *p = CONTAINER_OF(it, struct turn_permission, link);
		struct addr peer = turn_peer_from_wire(s, &p->peer);
		if (address_matches(f, &peer))
			return true;
	}
	return false;
}

static bool listener_matches(const struct turn_filter *f, const struct turn_alloc *a)
{
	for (size_t i = 0; i < f->n_listeners; i++) {
		if (f->listeners[i].transport == a->client.transport &&
			addr_equal(&f->listeners[i].local, &a->client.port->local))
			return true;
	}
	return false;
}

static bool matches(const struct turn_filter *f, const struct turn_alloc *a)
{
	if (a->pending || (f->id != 0 && f->id != a->id))
		return false;
	if (f->has_subject && memcmp(f->subject, a->subject, sizeof(f->subject)) != 0)
		return false;
	if (f->client.is_set && !address_matches(&f->client, &a->client.addr))
		return false;
	if (f->has_listeners && !listener_matches(f, a))
		return false;
	if (f->relay.is_set && !relay_matches(&f->relay, a))
		return false;
	return !f->peer.is_set || peer_matches(&f->peer, a);
}

/* ---- the lowest ids: a heap with the highest of them on top ---- */

struct walk {
	const struct turn_question *question;
	uint64_t n_matched;
	size_t n;
	struct turn_alloc **found;
};

static void sift_down(struct turn_alloc **heap, size_t n, size_t i)
{
	for (size_t child = 2 * i + 1; child < n; i = child, child = 2 * i + 1) {
		if (child + 1 < n && heap[child + 1]->id > heap[child]->id)
			child++;
		if (heap[i]->id >= heap[child]->id)
			return;
		struct turn_alloc *swap = heap[i];
		heap[i] = heap[child];
		heap[child] = swap;
	}
}

static void keep(struct walk *w, struct turn_alloc *a)
{
	size_t limit = w->question->limit;

	if (w->n < limit) {
		w->found[w->n++] = a;
		for (size_t i = w->n / 2; w->n == limit && i-- > 0;)
			sift_down(w->found, w->n, i);
	} else if (limit > 0 && a->id < w->found[0]->id) {
		w->found[0] = a;
		sift_down(w->found, w->n, 0);
	}
}

static void look(struct hash_node *n, void *arg)
{
	struct turn_alloc *a = CONTAINER_OF(n, struct turn_alloc, by_tuple);
	struct walk *w = arg;

	if (a->id <= w->question->after || !matches(&w->question->filter, a))
		return;
	w->n_matched++;
	keep(w, a);
}

static int by_id(const void *a, const void *b)
{
	uint64_t x = (*(struct turn_alloc *const *)a)->id;
	uint64_t y = (*(struct turn_alloc *const *)b)->id;

	return (x > y) - (x < y);
}

/* ---- copies ---- */

static uint64_t left_s(const struct turn_server *s, uint64_t at_ms)
{
	uint64_t now_ms = turn_now_ms(s);

	return at_ms > now_ms ? (at_ms - now_ms) / 1000 : 0;
}

static void copy(const struct turn_alloc *a, struct turn_alloc_info *out)
{
	const struct turn_server *s = a->server;
	size_t username_len = a->username_len;

	*out = (struct turn_alloc_info){
		.id = a->id,
		.client = a->client.addr,
		.listener = a->client.port->local,
		.location = a->client.location,
		.transport = a->client.transport,
		.age_s = (turn_now_ms(s) - a->created_ms) / 1000,
		.refresh_until = a->refresh_until_s,
		.rate_bytes_s = a->account.rate_bytes_s,
		.n_permissions = a->n_permissions,
		.n_channels = a->n_channels,
		.n_connections = a->n_connections,
		.is_tcp = a->is_tcp,
	};
	for (size_t i = 0; i < TURN_RELAYS_MAX; i++) {
		const struct turn_relay *r = &a->relays[i];
		uint64_t left = r->port ? left_s(s, r->expires_ms) : 0;
		if (r->port)
			out->relays[i] = turn_relay_advertised(s, r);
		if (left > out->expires_in_s)
			out->expires_in_s = left;
	}
	memcpy(out->packets, a->account.packets, sizeof(out->packets));
	if (a->account.limits)
		memcpy(out->drops, a->account.limits->drops, sizeof(out->drops));
	memcpy(out->bytes, a->account.bytes, sizeof(out->bytes));
	memcpy(out->subject, a->subject, sizeof(out->subject));
	memcpy(out->jti, a->jti, sizeof(out->jti));
	memcpy(out->kid, a->kid, sizeof(out->kid));
	if (username_len >= sizeof(out->username))
		username_len = sizeof(out->username) - 1;
	memcpy(out->username, a->username, username_len);
}

static void copy_peers(const struct turn_alloc *a, struct turn_page *page)
{
	const struct turn_server *s = a->server;
	size_t n = 0, n_channels = 0;

	list_for_each (it, &a->permissions) {
		const struct turn_permission *p = CONTAINER_OF(it, struct turn_permission, link);
		if (n == TURN_PEERS_MAX)
			break;
		page->peers[n++] =
			(struct turn_peer_info){.peer = turn_peer_from_wire(s->snapshot, &p->peer),
				.expires_in_s = left_s(s, p->timer.at_ms)};
	}
	list_for_each (it, &a->channels) {
		const struct turn_channel *c = CONTAINER_OF(it, struct turn_channel, link);
		if (n_channels++ == TURN_PEERS_MAX)
			break;
		page->peers[n++] = (struct turn_peer_info){
			.peer = turn_peer_from_wire(s->snapshot, &c->flow.peer),
			.channel = c->flow.channel,
			.expires_in_s = left_s(s, c->timer.at_ms)};
	}
	list_for_each (it, &a->connections) { /* where there are any, there are no channels */
		const struct turn_connection *c = CONTAINER_OF(it, struct turn_connection, link);
		if (n_channels++ == TURN_PEERS_MAX)
			break;
		page->peers[n++] = (struct turn_peer_info){
			.peer = turn_peer_from_wire(s->snapshot, &c->peer), .is_connection = true};
	}
	page->n_peers = n;
}

static struct turn_page *make_page(const struct walk *w)
{
	bool has_peers = w->question->has_peers && w->n > 0;
	size_t infos_size = w->n * sizeof(struct turn_alloc_info);
	size_t n_peers = has_peers ? (size_t)2 * TURN_PEERS_MAX : 0;
	struct turn_page *p =
		calloc(1, sizeof(*p) + infos_size + n_peers * sizeof(struct turn_peer_info));

	_Static_assert(sizeof(struct turn_page) % _Alignof(struct turn_alloc_info) == 0,
		"the infos lie right behind the page");
	_Static_assert(sizeof(struct turn_alloc_info) % _Alignof(struct turn_peer_info) == 0,
		"and the peers behind the infos");
	if (!p)
		return NULL;
	p->n_matched = w->n_matched;
	p->n_infos = w->n;
	p->infos = (void *)(p + 1);
	p->peers = (void *)(p->infos + w->n);
	for (size_t i = 0; i < w->n; i++)
		copy(w->found[i], &p->infos[i]);
	if (has_peers)
		copy_peers(w->found[0], p);
	return p;
}

/* ---- the end of all that match ---- */

static void end_if_it_matches(struct hash_node *n, void *arg)
{
	struct turn_alloc *a = CONTAINER_OF(n, struct turn_alloc, by_tuple);
	const struct turn_question *q = arg;
	struct turn_server *s = a->server;

	if (a->id <= q->after || !matches(&q->filter, a))
		return;
	turn_count(s, TURN_C_KILLED);
	turn_alloc_destroy(a, "killed");
}

struct turn_page *turn_server_inspect(struct turn_server *s, const struct turn_question *q)
{
	struct walk w = {.question = q};

	assert(q->limit <= TURN_PAGE_MAX && q->filter.n_listeners <= TURN_FILTER_LISTENERS);
	w.found = calloc(q->limit + 1, sizeof(struct turn_alloc *));
	if (!w.found)
		return NULL;
	hash_table_each(&s->by_tuple, look, &w);
	qsort(w.found, w.n, sizeof(struct turn_alloc *), by_id);
	struct turn_page *p = make_page(&w);
	free(w.found);
	if (p && q->ends_them)
		hash_table_each(&s->by_tuple, end_if_it_matches, (void *)(uintptr_t)q);
	return p;
}
