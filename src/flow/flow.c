/* SPDX-License-Identifier: BSD-3-Clause */
/* The flow table, the two rewrites, and the gate that every relayed datagram passes. */
#include <stdlib.h>

#include <sallyport/crypto.h>
#include <sallyport/stun.h>

#include "flow_priv.h"

static const struct metrics_row rows[FLOW_C_COUNT] = {
	[FLOW_C_UP_PACKETS] = {"sallyport_relay_packets_total", "direction=\"to_peer\"",
		METRICS_COUNTER, "Datagrams relayed, on channels and in indications."},
	[FLOW_C_DOWN_PACKETS] = {"sallyport_relay_packets_total", "direction=\"to_client\"",
		METRICS_COUNTER, NULL},
	[FLOW_C_UP_BYTES] = {"sallyport_relay_bytes_total", "direction=\"to_peer\"",
		METRICS_COUNTER, "Payload bytes of those datagrams."},
	[FLOW_C_DOWN_BYTES] = {"sallyport_relay_bytes_total", "direction=\"to_client\"",
		METRICS_COUNTER, NULL},
	[FLOW_C_NO_CHANNEL] = {"sallyport_relay_drops_total", "reason=\"no_channel\"",
		METRICS_COUNTER, "Datagrams not relayed."},
	[FLOW_C_BAD_LENGTH] = {"sallyport_relay_drops_total", "reason=\"bad_length\"",
		METRICS_COUNTER, NULL},
	[FLOW_C_NO_PERMISSION] = {"sallyport_relay_drops_total", "reason=\"no_permission\"",
		METRICS_COUNTER, NULL},
	[FLOW_C_OVER_PACKETS] = {"sallyport_relay_drops_total", "reason=\"over_packets\"",
		METRICS_COUNTER, NULL},
	[FLOW_C_OVER_RATE] = {"sallyport_relay_drops_total", "reason=\"over_rate\"",
		METRICS_COUNTER, NULL},
	[FLOW_C_OVER_SUBJECT] = {"sallyport_relay_drops_total", "reason=\"over_subject_rate\"",
		METRICS_COUNTER, NULL},
	[FLOW_C_OVER_TENANT] = {"sallyport_relay_drops_total", "reason=\"over_tenant_rate\"",
		METRICS_COUNTER, NULL},
	[FLOW_C_OVER_NODE] = {"sallyport_relay_drops_total", "reason=\"over_node_rate\"",
		METRICS_COUNTER, NULL},
	[FLOW_C_STREAM_UP_BYTES] = {"sallyport_relay_stream_bytes_total", "direction=\"to_peer\"",
		METRICS_COUNTER, "Bytes relayed between TCP connections (RFC 6062)."},
	[FLOW_C_STREAM_DOWN_BYTES] = {"sallyport_relay_stream_bytes_total",
		"direction=\"to_client\"", METRICS_COUNTER, NULL},
};
_Static_assert(FLOW_C_OVER_NODE - FLOW_C_OVER_PACKETS == FLOW_LIMIT_NODE, "a row for each limit");
const struct metrics_group flow_counters = {rows, FLOW_C_COUNT};

struct flow_table {
	const struct clock *clock; /* not owned */
	struct net *net;           /* not owned */
	metrics_cell *cells;
	struct flow_share node; /* this worker's hand in the node's bucket */
	struct hash_key key;
	struct hash_table up, down;
	bool (*miss)(void *arg, struct net_port *p, struct net_buf *b);
	void *miss_arg;
	const struct flow_offload_ops *offload; /* NULL: none */
	void *offload_arg;
};

/* What a packet from the outside is looked up by, without padding. */
struct flow_key {
	uint8_t ip[16];
	uint32_t scope;
	uint32_t port_id;
	uint16_t port;
	uint16_t channel; /* 0 from the peer's side */
	uint32_t zero;    /* makes the size a multiple of the hash's word */
};

static uint64_t hash_of(const struct flow_table *t, const struct net_port *p, const struct addr *a,
	uint16_t channel)
{
	struct flow_key k = {
		.scope = a->scope, .port_id = p->id, .port = a->port, .channel = channel};

	memcpy(k.ip, a->ip, sizeof(k.ip));
	return hash_bytes(&t->key, &k, sizeof(k));
}

struct flow_table *flow_table_create(
	const struct clock *clock, struct net *net, metrics_cell *cells)
{
	struct flow_table *t = calloc(1, sizeof(*t));

	if (!t)
		return NULL;
	t->clock = clock;
	t->net = net;
	t->cells = cells;
	crypto_random(&t->key, sizeof(t->key));
	hash_table_init(&t->up);
	hash_table_init(&t->down);
	return t;
}

void flow_table_destroy(struct flow_table *t)
{
	if (!t)
		return;
	hash_table_fini(&t->up);
	hash_table_fini(&t->down);
	free(t);
}

void flow_table_miss_set(struct flow_table *t,
	bool (*fn)(void *arg, struct net_port *p, struct net_buf *b), void *arg)
{
	t->miss = fn;
	t->miss_arg = arg;
}

void flow_table_bucket_set(struct flow_table *t, struct flow_bucket *node)
{
	if (t->node.bucket != node)
		t->node = (struct flow_share){.bucket = node};
}

int flow_insert(struct flow_table *t, struct flow *f)
{
	int rc = hash_table_insert(
		&t->up, &f->up_link, hash_of(t, f->client_port, &f->client, f->channel));

	if (rc != 0)
		return rc;
	rc = hash_table_insert(&t->down, &f->down_link, hash_of(t, f->relay_port, &f->peer, 0));
	if (rc != 0)
		hash_table_remove(&t->up, &f->up_link);
	else if (t->offload)
		t->offload->offer(t->offload_arg, f);
	return rc;
}

void flow_remove(struct flow_table *t, struct flow *f)
{
	flow_withdraw(t, f);
	if (f->relay_port->recent == f)
		f->relay_port->recent = NULL;
	hash_table_remove(&t->up, &f->up_link);
	hash_table_remove(&t->down, &f->down_link);
}

void flow_table_offload_set(struct flow_table *t, const struct flow_offload_ops *ops, void *arg)
{
	t->offload = ops;
	t->offload_arg = arg;
}

void flow_permit(struct flow_table *t, struct flow *f, bool on)
{
	f->is_permitted = on;
	if (t->offload)
		t->offload->offer(t->offload_arg, f);
}

void flow_withdraw(struct flow_table *t, struct flow *f)
{
	if (f->offload)
		t->offload->withdraw(t->offload_arg, f);
}

static inline void handled(struct flow_table *t, struct flow *f, enum flow_direction d)
{
	if (f->offload)
		t->offload->handled(t->offload_arg, f, d);
}

static inline void send_on(struct flow_table *t, struct flow *f, enum flow_direction d,
	struct net_port *from, struct net_buf *b)
{
	if (f->offload && t->offload->delay(t->offload_arg, f, d, b))
		return;
	net_port_send(from, b);
	handled(t, f, d);
}

static struct flow *find_up(const struct flow_table *t, const struct net_port *client_port,
	const struct addr *client, uint16_t channel, uint64_t hash)
{
	struct hash_node *n = hash_table_first(&t->up, hash);

	for (; n; n = hash_table_next(n)) {
		struct flow *f = CONTAINER_OF(n, struct flow, up_link);
		if (f->channel == channel && f->client_port == client_port &&
			addr_equal(&f->client, client))
			return f;
	}
	return NULL;
}

struct flow *flow_find_up(struct flow_table *t, const struct net_port *client_port,
	const struct addr *client, uint16_t channel)
{
	return find_up(t, client_port, client, channel, hash_of(t, client_port, client, channel));
}

struct flow *flow_find_down(
	struct flow_table *t, const struct net_port *relay_port, const struct addr *peer)
{
	struct hash_node *n = hash_table_first(&t->down, hash_of(t, relay_port, peer, 0));

	for (; n; n = hash_table_next(n)) {
		struct flow *f = CONTAINER_OF(n, struct flow, down_link);
		if (f->relay_port == relay_port && addr_equal(&f->peer, peer))
			return f;
	}
	return NULL;
}

void flow_offload_count(struct flow_table *t, struct flow_account *a, enum flow_direction d,
	uint64_t packets, uint64_t bytes)
{
	static const enum flow_counter packets_of[2] = {FLOW_C_UP_PACKETS, FLOW_C_DOWN_PACKETS};
	static const enum flow_counter bytes_of[2] = {FLOW_C_UP_BYTES, FLOW_C_DOWN_BYTES};

	a->packets[d] += packets;
	a->bytes[d] += bytes;
	metrics_add(t->cells, packets_of[d], packets);
	metrics_add(t->cells, bytes_of[d], bytes);
}

void flow_offload_refused(struct flow_table *t, struct flow_account *a, enum flow_limit by,
	uint64_t packets, uint64_t bytes)
{
	if (a->limits) {
		a->limits->drops[by].packets += packets;
		a->limits->drops[by].bytes += bytes;
	}
	metrics_add(t->cells, FLOW_C_OVER_PACKETS + by, packets);
}

struct flow_bucket *flow_table_bucket(const struct flow_table *t)
{
	return t->node.bucket;
}

/* Nearly all that comes to a relay port comes from one peer. */
static struct flow *flow_of(struct flow_table *t, struct net_port *p, const struct addr *peer)
{
	struct flow *f = p->recent;

	if (f && addr_equal(&f->peer, peer))
		return f;
	f = flow_find_down(t, p, peer);
	if (f)
		p->recent = f;
	return f;
}

static inline void count_passed(
	struct flow_table *t, struct flow_account *a, enum flow_direction d, size_t n)
{
	flow_offload_count(t, a, d, 1, n);
}

/* Apart and called last, so that who has no limits does not even save registers for it. */
static __attribute__((noinline)) bool pass_limited(
	struct flow_table *t, struct flow_account *a, enum flow_direction d, size_t n)
{
	enum flow_limit by;

	if (flow_account_take(a, &t->node, d, (uint32_t)n, t->clock->mono_ms, &by)) {
		count_passed(t, a, d, n);
		return true;
	}
	flow_offload_refused(t, a, by, 1, n);
	return false;
}

bool flow_pass(struct flow_table *t, struct flow_account *a, enum flow_direction d, size_t n)
{
	if (a->is_limited || t->node.bucket)
		return pass_limited(t, a, d, n);
	count_passed(t, a, d, n);
	return true;
}

size_t flow_stream_room(struct flow_table *t, struct flow_account *a, enum flow_direction d)
{
	if (!a->is_limited && !t->node.bucket)
		return SIZE_MAX;
	return flow_account_room(a, &t->node, d, t->clock->mono_ms);
}

void flow_stream_passed(
	struct flow_table *t, struct flow_account *a, enum flow_direction d, size_t n)
{
	static const enum flow_counter bytes[2] = {
		FLOW_C_STREAM_UP_BYTES, FLOW_C_STREAM_DOWN_BYTES};

	if (a->is_limited || t->node.bucket)
		flow_account_charge(a, &t->node, d, n);
	a->bytes[d] += n;
	metrics_add(t->cells, bytes[d], n);
}

static void drop(struct flow_table *t, struct net_buf *b, enum flow_counter why)
{
	metrics_add(t->cells, why, 1);
	net_buf_put(t->net, b);
}

/* A message of LEN bytes on CHANNEL, in B with its header. */
static void relay_up(
	struct flow_table *t, struct net_port *p, struct net_buf *b, struct flow *f, size_t len)
{
	if (!f) {
		if (!t->miss || !t->miss(t->miss_arg, p, b))
			drop(t, b, FLOW_C_NO_CHANNEL);
		return;
	}
	if (flow_pass(t, f->account, FLOW_UP, len)) {
		b->data += STUN_CHANNEL_HEADER_LEN;
		b->len = (uint32_t)len;
		b->addr = f->peer;
		send_on(t, f, FLOW_UP, f->relay_port, b);
	} else {
		net_buf_put(t->net, b);
		handled(t, f, FLOW_UP);
	}
}

/* Messages whose flows are looked up together. */
#define AT_ONCE 16

struct message {
	struct net_buf *buf;
	uint64_t hash;
	uint32_t len;
	uint16_t channel;
};

/* Takes the well-formed ones of N, at most AT_ONCE, out of BUFS; the others are dropped. */
static size_t decode(struct flow_table *t, const struct net_port *p, struct net_buf **bufs,
	size_t n, struct message *out)
{
	size_t good = 0;

	for (size_t i = 0; i < n; i++) {
		struct message *m = &out[good];
		size_t len;
		if (stun_channel_decode(bufs[i]->data, bufs[i]->len, &m->channel, &len) != 0) {
			drop(t, bufs[i], FLOW_C_BAD_LENGTH);
			continue;
		}
		m->buf = bufs[i];
		m->len = (uint32_t)len;
		m->hash = hash_of(t, p, &bufs[i]->addr, m->channel);
		hash_table_ask(&t->up, m->hash);
		good++;
	}
	return good;
}

void flow_from_clients(struct flow_table *t, struct net_port *p, struct net_buf **bufs, size_t n)
{
	struct message messages[AT_ONCE];

	while (n > 0) {
		size_t part = n < AT_ONCE ? n : AT_ONCE;
		size_t good = decode(t, p, bufs, part, messages);
		for (size_t i = 0; i < good; i++)
			hash_table_fetch(&t->up, messages[i].hash);
		for (size_t i = 0; i < good; i++) {
			const struct message *m = &messages[i];
			relay_up(t, p, m->buf, find_up(t, p, &m->buf->addr, m->channel, m->hash),
				m->len);
		}
		bufs += part;
		n -= part;
	}
}

void flow_from_client(struct flow_table *t, struct net_port *p, struct net_buf *b)
{
	flow_from_clients(t, p, &b, 1);
}

static void send_to_client(struct flow_table *t, struct flow *f, struct net_buf *b)
{
	if (!flow_pass(t, f->account, FLOW_DOWN, b->len)) {
		net_buf_put(t->net, b);
		handled(t, f, FLOW_DOWN);
		return;
	}
	/* Over UDP the padding to four bytes is left out (RFC 8656 §12.5). */
	b->data -= STUN_CHANNEL_HEADER_LEN;
	be16_put(b->data, f->channel);
	be16_put(b->data + 2, (uint16_t)b->len);
	b->len += STUN_CHANNEL_HEADER_LEN;
	b->addr = f->client;
	send_on(t, f, FLOW_DOWN, f->client_port, b);
}

bool flow_from_peer(struct flow_table *t, struct net_port *p, struct net_buf *b)
{
	struct flow *f = flow_of(t, p, &b->addr);

	if (!f)
		return false;
	if (f->is_permitted) {
		send_to_client(t, f, b);
	} else {
		drop(t, b, FLOW_C_NO_PERMISSION);
		handled(t, f, FLOW_DOWN);
	}
	return true;
}
