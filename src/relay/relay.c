/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * The worker: what it consists of, the look at the first byte of what clients send, messages to it.
 * Its listeners are in listener.c, its relay ports in ports.c, TCP towards peers in tcp.c.
 */
#include <errno.h>
#include <stdlib.h>

#include <sallyport/crypto.h>
#include <sallyport/flow.h>
#include <sallyport/net.h>
#include <sallyport/net/path.h>
#include <sallyport/relay.h>
#include <sallyport/stun.h>
#include <sallyport/turn/handover.h>

#include "listener.h"
#include "ports.h"
#include "tcp.h"

static const struct metrics_row rows[RELAY_C_COUNT] = {
	[RELAY_C_NOT_TURN] = {"sallyport_relay_unknown_datagrams_total", NULL, METRICS_COUNTER,
		"Datagrams at a listener that are neither STUN nor ChannelData; dropped."},
};
const struct metrics_group relay_counters = {rows, RELAY_C_COUNT};

struct relay {
	struct loop *loop; /* not owned */
	struct net *net;
	struct net_paths *paths; /* NULL: nothing here asks for any */
	struct flow_table *flows;
	struct flow_kernel_worker *kernel; /* NULL: no flow is offloaded */
	struct turn_server *turn;
	struct relay_listeners listeners;
	struct relay_ports ports;
	struct relay_tcp tcp;
	metrics_cell *cells;
	bool (*lease_try)(
		void *arg, const struct turn_lease_ask *ask, struct turn_lease_grant *grant);
	int (*lease_ask)(void *arg, const struct turn_lease_ask *ask);
	void (*lease_put)(void *arg, const struct turn_lease *lease);
	void *lease_arg;
};

/* ---- from clients ---- */

/* A face of its own comes before a name, which a stranger may write as he likes. */
static uint32_t tenant_of(const struct listener *l, const struct net_port *p)
{
	if (l->tenant != TURN_TENANT_DEFAULT || !p->host)
		return l->tenant;
	return turn_server_tenant(l->relay->turn, p->host);
}

static void not_turn(struct relay *r, struct net_buf *b)
{
	metrics_add(r->cells, RELAY_C_NOT_TURN, 1);
	net_buf_put(r->net, b);
}

static bool is_channel_data(const struct net_buf *b)
{
	return b->len > 0 && stun_is_channel_data(b->data[0]);
}

/* Anything else. */
static void from_client(struct listener *l, struct net_port *p, struct net_buf *b)
{
	struct relay *r = l->relay;

	/* Before STUN, whose first byte is any below 64 where there is no DTLS (RFC 7983 §7). */
	if (b->len > 0 && l->dtls && p == listener_udp_port(l) && net_is_dtls(b->data[0])) {
		net_dtls_receive(l->dtls, b);
		return;
	}
	if (b->len > 0 && stun_is_message(b->data[0])) {
		struct turn_client c = {p, b->addr, l->location, l->transport, tenant_of(l, p)};
		turn_from_client(r->turn, &c, b);
		return;
	}
	not_turn(r, b);
}

static void on_client_packets(void *arg, struct net_port *p, struct net_buf **bufs, size_t n)
{
	struct relay *r = arg;

	for (size_t i = 0, end = 0; i < n; i = end) {
		while (end < n && is_channel_data(bufs[end]))
			end++;
		if (end > i)
			flow_from_clients(r->flows, p, bufs + i, end - i);
		else
			from_client(p->owner, p, bufs[end++]);
	}
}

/* At a socket that has nothing but DTLS. */
static void on_dtls_packets(void *arg, struct net_port *p, struct net_buf **bufs, size_t n)
{
	struct listener *l = p->owner;

	for (size_t i = 0; i < n; i++) {
		/* A balancer's would be its own: no header says whose they are. */
		bool is_balanced =
			l->balancers && prefix_set_lookup(l->balancers, &bufs[i]->addr) != 0;
		if (!is_balanced && bufs[i]->len > 0 && net_is_dtls(bufs[i]->data[0]))
			net_dtls_receive(l->dtls, bufs[i]);
		else
			not_turn(arg, bufs[i]);
	}
}

static void on_closed(void *arg, struct net_port *p, const struct addr *client)
{
	struct relay *r = arg;

	turn_client_closed(r->turn, p, client);
}

/* ---- for the TURN server ---- */

static struct net_port *find_listener(void *arg, const struct addr *local)
{
	struct relay *r = arg;

	return relay_listeners_find(&r->listeners, local);
}

static bool try_lease(void *arg, const struct turn_lease_ask *ask, struct turn_lease_grant *grant)
{
	struct relay *r = arg;

	return r->lease_try(r->lease_arg, ask, grant);
}

static int ask_lease(void *arg, const struct turn_lease_ask *ask)
{
	struct relay *r = arg;

	return r->lease_ask(r->lease_arg, ask);
}

static void put_lease(void *arg, const struct turn_lease *lease)
{
	struct relay *r = arg;

	r->lease_put(r->lease_arg, lease);
}

/* ---- life ---- */

static int create_turn(struct relay *r, const struct relay_config *c)
{
	relay_tcp_init(&r->tcp, r, &r->listeners, r->net, c->loop, c->connection_buffer);
	struct turn_server_config t = {
		.clock = loop_clock(c->loop),
		.wheel = loop_wheel(c->loop),
		.net = r->net,
		.flows = r->flows,
		.cells = c->turn_cells,
		.tenant_cells = c->tenant_cells,
		.worker = c->worker,
		.n_workers = c->n_workers,
		.snapshot = c->snapshot,
		.udp = &r->ports.wire,
		.listener_find = find_listener,
		.tcp = &r->tcp.wire,
		.lease_try = c->lease_try ? try_lease : NULL,
		.lease_ask = c->lease_ask ? ask_lease : NULL,
		.lease_put = c->lease_put ? put_lease : NULL,
		.arg = r,
		.node_bucket = c->node_bucket,
	};

	memcpy(t.ticket_key, c->ticket_key, sizeof(t.ticket_key));
	int rc = turn_server_create(&t, &r->turn);
	crypto_wipe(&t.ticket_key, sizeof(t.ticket_key));
	return rc;
}

static int make_paths(struct relay *r, const struct relay_config *c)
{
	struct net_paths_config p = {.loop = c->loop,
		.wheel = loop_wheel(c->loop),
		.clock = loop_clock(c->loop),
		.cells = c->path_cells};

	return c->kernel || c->steering ? net_paths_create(&p, &r->paths) : 0;
}

static int make_ports(struct relay *r, const struct relay_config *c)
{
	relay_ports_init(&r->ports, r, r->net, r->flows);
	return c->steering ? relay_ports_steer(&r->ports, c, r->paths) : 0;
}

static int make_offload(struct relay *r, const struct relay_config *c)
{
	struct flow_kernel_worker_config k = {.kernel = c->kernel,
		.worker = c->worker,
		.loop = c->loop,
		.net = r->net,
		.flows = r->flows,
		.paths = r->paths,
		.cells = c->kernel_cells};

	return c->kernel ? flow_kernel_worker_create(&k, &r->kernel) : 0;
}

static struct relay *make(const struct relay_config *c)
{
	struct relay *r = calloc(1, sizeof(*r));

	if (!r)
		return NULL;
	r->loop = c->loop;
	r->cells = c->relay_cells;
	r->lease_try = c->lease_try;
	r->lease_ask = c->lease_ask;
	r->lease_put = c->lease_put;
	r->lease_arg = c->arg;
	r->net = net_create(c->loop, c->net_cells);
	if (r->net)
		r->flows = flow_table_create(loop_clock(c->loop), r->net, c->flow_cells);
	if (r->flows && make_paths(r, c) == 0 && make_ports(r, c) == 0 && make_offload(r, c) == 0)
		return r;
	relay_destroy(r);
	return NULL;
}

static int open_listeners(struct relay *r, const struct relay_config *c)
{
	r->listeners.relay = r;
	r->listeners.net = r->net;
	r->listeners.steer = r->ports.steer;
	r->listeners.handler =
		(struct net_handler){.packets = on_client_packets, .arg = r, .closed = on_closed};
	r->listeners.dtls_handler = (struct net_handler){.packets = on_dtls_packets, .arg = r};
	return relay_listeners_open(&r->listeners, c);
}

int relay_create(const struct relay_config *c, struct relay **out)
{
	struct relay *r = make(c);
	int rc = r ? create_turn(r, c) : -ENOMEM;

	if (rc != 0) {
		relay_listeners_refuse(c);
		relay_destroy(r);
		return rc;
	}
	rc = open_listeners(r, c);
	if (rc != 0) {
		relay_destroy(r);
		return rc;
	}
	*out = r;
	return 0;
}

void relay_destroy(struct relay *r)
{
	if (!r)
		return;
	turn_server_destroy(r->turn);
	relay_listeners_close(&r->listeners);
	relay_ports_fini(&r->ports);
	flow_kernel_worker_destroy(r->kernel);
	net_paths_destroy(r->paths);
	flow_table_destroy(r->flows);
	net_destroy(r->net);
	free(r);
}

struct turn_server *relay_turn(struct relay *r)
{
	return r->turn;
}

int relay_copy_listener(struct relay *r, size_t i)
{
	return relay_listeners_copy(&r->listeners, i);
}

void relay_drain(struct relay *r)
{
	if (r->ports.steer)
		net_steer_drain(r->ports.steer);
}

void relay_reclaim(struct relay *r)
{
	if (r->ports.steer)
		net_steer_reclaim(r->ports.steer);
}

void relay_settle(struct relay *r)
{
	if (r->ports.steer)
		net_steer_leave(r->ports.steer);
}

void relay_leave(struct relay *r)
{
	relay_drain(r);
	turn_server_leave(r->turn);
	relay_settle(r);
	relay_listeners_leave(&r->listeners);
}

/* ---- messages ---- */

static void on_snapshot(void *ctx, void *payload)
{
	struct relay *r = ctx;
	struct turn_snapshot **s = payload;

	turn_server_snapshot(r->turn, *s);
	turn_snapshot_put(*s);
}

static void discard_snapshot(void *payload)
{
	struct turn_snapshot **s = payload;

	turn_snapshot_put(*s);
}

const struct msg_type relay_snapshot_msg = {
	"relay_snapshot", sizeof(struct turn_snapshot *), on_snapshot, discard_snapshot};

static void on_stop(void *ctx, void *payload)
{
	struct relay *r = ctx;

	(void)payload;
	loop_stop(r->loop);
}

const struct msg_type relay_stop_msg = {"relay_stop", 0, on_stop, NULL};

static void on_lease(void *ctx, void *payload)
{
	struct relay *r = ctx;
	const struct relay_lease_answer *a = payload;

	turn_lease_answer(r->turn, &a->ask, &a->grant);
}

const struct msg_type relay_lease_msg = {
	"relay_lease", sizeof(struct relay_lease_answer), on_lease, NULL};

static void discard_tls(void *payload)
{
	struct relay_tls *t = payload;

	for (size_t i = 0; i < RELAY_FACES_MAX; i++) {
		crypto_tls_destroy(t->by_face[i]);
		crypto_tls_destroy(t->dtls_by_face[i]);
	}
}

static void on_tls(void *ctx, void *payload)
{
	struct relay *r = ctx;
	struct relay_tls *t = payload;

	relay_listeners_tls_set(&r->listeners, t);
	discard_tls(t);
}

const struct msg_type relay_tls_msg = {"relay_tls", sizeof(struct relay_tls), on_tls, discard_tls};
