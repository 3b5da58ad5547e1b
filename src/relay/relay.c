/* SPDX-License-Identifier: BSD-3-Clause */
/* The worker: listeners, the look at the first byte, relay ports as sockets, messages. */
#include <assert.h>
#include <errno.h>
#include <stdlib.h>
#include <unistd.h>

#include <sallyport/crypto.h>
#include <sallyport/flow.h>
#include <sallyport/net.h>
#include <sallyport/relay.h>
#include <sallyport/stun.h>
#include <sallyport/turn/handover.h>

#include "tcp.h"

static const struct metrics_row rows[RELAY_C_COUNT] = {
	[RELAY_C_NOT_TURN] = {"sallyport_relay_unknown_datagrams_total", NULL, METRICS_COUNTER,
		"Datagrams at a listener that are neither STUN nor ChannelData; dropped."},
};
const struct metrics_group relay_counters = {rows, RELAY_C_COUNT};

struct listener {
	struct relay *relay;           /* not owned */
	struct net_port *port;         /* UDP without balancers; DTLS with a socket of its own */
	struct net_proxy *proxy;       /* UDP with them */
	struct net_listener *listener; /* TCP and TLS */
	struct net_dtls *dtls;         /* DTLS: owned. UDP: that of its socket, not owned */
	struct prefix_set *balancers;  /* owned; NULL: none */
	enum auth_location location;
	enum auth_transport transport;
	uint32_t tenant;
	unsigned face;
};

struct relay {
	struct loop *loop; /* not owned */
	struct net *net;
	struct flow_table *flows;
	struct turn_server *turn;
	struct relay_tcp tcp;
	metrics_cell *cells;
	struct net_handler listener_handler;
	struct net_handler dtls_handler;
	struct net_handler relay_port_handler;
	struct listener *listeners;
	size_t n_listeners;
	int (*lease_ask)(void *arg, const struct turn_lease_ask *ask);
	void (*lease_put)(void *arg, const struct turn_lease *lease);
	void *lease_arg;
};

/* ---- listeners ---- */

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

/* The socket itself, not a balancer's session on it. */
static struct net_port *udp_port(const struct listener *l)
{
	return l->proxy ? net_proxy_port(l->proxy) : l->port;
}

static void from_client(struct listener *l, struct net_port *p, struct net_buf *b)
{
	struct relay *r = l->relay;

	if (b->len > 0 && stun_is_channel_data(b->data[0])) {
		flow_from_client(r->flows, p, b);
		return;
	}
	/* Before STUN, whose first byte is any below 64 where there is no DTLS (RFC 7983 §7). */
	if (b->len > 0 && l->dtls && p == udp_port(l) && net_is_dtls(b->data[0])) {
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
	(void)arg;
	for (size_t i = 0; i < n; i++)
		from_client(p->owner, p, bufs[i]);
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

/* ---- relay ports: their owner is the TURN server's ---- */

static void on_peer_packets(void *arg, struct net_port *p, struct net_buf **bufs, size_t n)
{
	struct relay *r = arg;

	for (size_t i = 0; i < n; i++) {
		if (!flow_from_peer(r->flows, p, bufs[i]))
			turn_from_peer(r->turn, p, bufs[i]);
	}
}

static void on_icmp(void *arg, struct net_port *p, const struct net_icmp *e)
{
	struct relay *r = arg;

	turn_icmp(r->turn, p, e);
}

static int adopt_port(void *arg, int fd, const struct addr *local, struct net_port **out)
{
	struct relay *r = arg;

	return net_udp_open(r->net, fd, local, &r->relay_port_handler, NULL, out);
}

static int open_port(void *arg, const struct addr *local, struct net_port **out)
{
	int fd;
	int rc = net_udp_socket(local, false, 0, &fd);

	return rc == 0 ? adopt_port(arg, fd, local, out) : rc;
}

static int release_port(void *arg, struct net_port *p)
{
	(void)arg;
	return net_udp_detach(p);
}

static int copy_port(void *arg, struct net_port *p)
{
	(void)arg;
	return net_udp_copy(p);
}

static struct net_port *find_listener(void *arg, const struct addr *local)
{
	struct relay *r = arg;

	for (size_t i = 0; i < r->n_listeners; i++) {
		struct net_port *p = udp_port(&r->listeners[i]);
		if (p && r->listeners[i].transport == AUTH_UDP && addr_equal(&p->local, local))
			return p;
	}
	return NULL;
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

/* -ENOMEM. */
static int name_balancers(struct listener *l, const struct relay_listener *from)
{
	int rc = 0;

	if (from->n_balancers == 0)
		return 0;
	l->balancers = prefix_set_create();
	if (!l->balancers)
		return -ENOMEM;
	for (size_t i = 0; i < from->n_balancers && rc == 0; i++)
		rc = prefix_set_insert(l->balancers, &from->balancers[i], 1);
	return rc;
}

static int open_udp(struct relay *r, const struct relay_config *c,
	const struct relay_listener *from, struct listener *l)
{
	if (!l->balancers)
		return net_udp_open(
			r->net, from->fd, &from->local, &r->listener_handler, l, &l->port);
	struct net_proxy_config n = {
		.fd = from->fd,
		.local = from->local,
		.balancers = l->balancers,
		.is_first_only = from->is_header_first_only,
		.wheel = loop_wheel(c->loop),
		.clock = loop_clock(c->loop),
		.max_connections = c->max_connections,
		.per_client = c->connections_per_client,
	};
	return net_proxy_open(r->net, &n, &r->listener_handler, l, &l->proxy);
}

static struct listener *find_udp(struct relay *r, const struct addr *local)
{
	for (size_t i = 0; i < r->n_listeners; i++) {
		struct listener *l = &r->listeners[i];
		if (l->transport == AUTH_UDP && addr_equal(&udp_port(l)->local, local))
			return l;
	}
	return NULL;
}

static int open_dtls(struct relay *r, const struct relay_config *c,
	const struct relay_listener *from, struct listener *l)
{
	bool is_shared = from->fd < 0;
	struct listener *udp = is_shared ? find_udp(r, &from->local) : l;
	int rc = 0;

	assert(udp); /* whoever gives no socket names one of ours */
	if (!is_shared)
		rc = net_udp_open(r->net, from->fd, &from->local, &r->dtls_handler, l, &l->port);
	if (rc != 0)
		return rc;
	struct net_dtls_config n = {.port = udp_port(udp),
		.tls = from->tls,
		.wheel = loop_wheel(c->loop),
		.clock = loop_clock(c->loop),
		.max_connections = c->max_connections,
		.per_client = c->connections_per_client};
	rc = net_dtls_create(r->net, &n, &r->listener_handler, l, &l->dtls);
	if (rc == 0)
		udp->dtls = l->dtls;
	return rc;
}

static int open_listener(struct relay *r, const struct relay_config *c, size_t i)
{
	const struct relay_listener *from = &c->listeners[i];
	struct listener *l = &r->listeners[i];

	*l = (struct listener){.relay = r,
		.location = from->location,
		.transport = from->transport,
		.tenant = from->tenant,
		.face = from->face};
	int rc = name_balancers(l, from);
	if (rc != 0) {
		if (from->fd >= 0)
			close(from->fd);
		return rc;
	}
	if (from->transport == AUTH_DTLS)
		return open_dtls(r, c, from, l);
	if (from->transport == AUTH_UDP)
		return open_udp(r, c, from, l);
	struct net_listener_config n = {
		.fd = from->fd,
		.local = from->local,
		.tls = from->tls,
		.wheel = loop_wheel(c->loop),
		.clock = loop_clock(c->loop),
		.max_connections = c->max_connections,
		.per_client = c->connections_per_client,
		.buffer_bytes = c->connection_buffer,
		.balancers = l->balancers,
	};
	return net_listener_open(r->net, &n, &r->listener_handler, l, &l->listener);
}

/* Those from FIRST on. */
static void close_sockets(const struct relay_config *c, size_t first)
{
	for (size_t i = first; i < c->n_listeners; i++) {
		if (c->listeners[i].fd >= 0)
			close(c->listeners[i].fd);
	}
}

static int open_listeners(struct relay *r, const struct relay_config *c)
{
	for (size_t i = 0; i < c->n_listeners; i++) {
		int rc = open_listener(r, c, i);
		r->n_listeners++;
		/* It has taken this descriptor; those behind it are still ours. */
		if (rc != 0) {
			close_sockets(c, i + 1);
			return rc;
		}
	}
	return 0;
}

static int create_turn(struct relay *r, const struct relay_config *c)
{
	relay_tcp_init(&r->tcp, r, r->net, c->loop, c->connection_buffer);
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
		.relay_open = open_port,
		.relay_release = release_port,
		.relay_adopt = adopt_port,
		.relay_copy = copy_port,
		.listener_find = find_listener,
		.tcp = &r->tcp.wire,
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

static struct relay *make(const struct relay_config *c)
{
	struct relay *r = calloc(1, sizeof(*r));

	if (!r)
		return NULL;
	r->loop = c->loop;
	r->cells = c->relay_cells;
	r->lease_ask = c->lease_ask;
	r->lease_put = c->lease_put;
	r->lease_arg = c->arg;
	r->listener_handler =
		(struct net_handler){.packets = on_client_packets, .arg = r, .closed = on_closed};
	r->dtls_handler = (struct net_handler){.packets = on_dtls_packets, .arg = r};
	r->relay_port_handler =
		(struct net_handler){.packets = on_peer_packets, .icmp = on_icmp, .arg = r};
	r->listeners = calloc(c->n_listeners ? c->n_listeners : 1, sizeof(*r->listeners));
	r->net = net_create(c->loop, c->net_cells);
	if (r->net)
		r->flows = flow_table_create(loop_clock(c->loop), r->net, c->flow_cells);
	if (r->listeners && r->flows)
		return r;
	relay_destroy(r);
	return NULL;
}

int relay_create(const struct relay_config *c, struct relay **out)
{
	struct relay *r = make(c);
	int rc = r ? create_turn(r, c) : -ENOMEM;

	if (rc != 0) {
		close_sockets(c, 0);
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

/* Before the sockets: its sessions say good-bye through them. */
static void close_dtls(struct relay *r)
{
	for (size_t i = 0; i < r->n_listeners; i++) {
		struct listener *l = &r->listeners[i];
		if (l->transport == AUTH_DTLS && l->dtls)
			net_dtls_destroy(l->dtls);
	}
	for (size_t i = 0; i < r->n_listeners; i++)
		r->listeners[i].dtls = NULL;
}

static void close_listeners(struct relay *r)
{
	close_dtls(r);
	for (size_t i = 0; i < r->n_listeners; i++) {
		struct listener *l = &r->listeners[i];
		if (l->port)
			net_port_close(l->port);
		else if (l->proxy)
			net_proxy_close(l->proxy);
		else if (l->listener)
			net_listener_close(l->listener);
		prefix_set_destroy(l->balancers);
	}
}

void relay_destroy(struct relay *r)
{
	if (!r)
		return;
	turn_server_destroy(r->turn);
	close_listeners(r);
	free(r->listeners);
	flow_table_destroy(r->flows);
	net_destroy(r->net);
	free(r);
}

struct turn_server *relay_turn(struct relay *r)
{
	return r->turn;
}

unsigned relay_listener_number(struct relay *r, const struct net_port *p)
{
	const struct listener *l = p->owner;

	return (unsigned)(l - r->listeners);
}

struct net_listener *relay_listener_at(struct relay *r, unsigned number)
{
	assert(number < r->n_listeners); /* all workers have the same ones */
	return r->listeners[number].listener;
}

int relay_copy_listener(struct relay *r, size_t i)
{
	const struct listener *l = &r->listeners[i];
	struct net_port *p = udp_port(l);

	if (!p && !l->listener)
		return ERR_NOT_FOUND;
	return p ? net_udp_copy(p) : net_listener_copy(l->listener);
}

void relay_leave(struct relay *r)
{
	turn_server_leave(r->turn);
	close_dtls(r);
	for (size_t i = 0; i < r->n_listeners; i++) {
		struct listener *l = &r->listeners[i];
		if (l->port)
			net_port_close(l->port);
		if (l->proxy)
			net_proxy_close(l->proxy);
		if (l->listener)
			net_listener_stop(l->listener);
		l->port = NULL;
		l->proxy = NULL;
	}
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

	for (size_t i = 0; i < r->n_listeners; i++) {
		struct listener *l = &r->listeners[i];
		assert(l->face < RELAY_FACES_MAX);
		if (l->transport == AUTH_TLS && t->by_face[l->face])
			net_listener_tls_set(l->listener, t->by_face[l->face]);
		if (l->transport == AUTH_DTLS && l->dtls && t->dtls_by_face[l->face])
			net_dtls_tls_set(l->dtls, t->dtls_by_face[l->face]);
	}
	discard_tls(t);
}

const struct msg_type relay_tls_msg = {"relay_tls", sizeof(struct relay_tls), on_tls, discard_tls};
