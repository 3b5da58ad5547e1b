/* SPDX-License-Identifier: BSD-3-Clause */
/* The box around a TURN server: keys, clock, wire. */
#include "fixture.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>
#include <event2/event.h>

struct addr at(const char *text)
{
	struct addr a;
	assert_int_equal(addr_parse(text, 0, &a), 0);
	return a;
}

static bool has_sockets = true; /* of the fixtures to come */

void fixture_without_sockets(void)
{
	has_sockets = false;
}

/* ---- the wire ---- */

struct fake_port {
	struct net_port port; /* first: a port is cast back */
	struct fixture *fixture;
	bool is_listening; /* for TCP */
};

static void fake_send(struct net_port *p, struct net_buf *b)
{
	struct fixture *f = ((struct fake_port *)p)->fixture;
	if (f->n_sent == WIRE_MAX)
		abort(); /* a test that floods takes its packets in time */
	f->sent_by[f->n_sent].port = p;
	f->sent_by[f->n_sent].local = p->local;
	f->sent[f->n_sent++] = b;
	if (f->on_sent)
		f->on_sent(f);
}

static void fake_close(struct net_port *p)
{
	struct fixture *f = ((struct fake_port *)p)->fixture;
	for (size_t i = 0; i < f->n_ports; i++) {
		if (f->ports[i] == p) {
			f->ports[i] = f->ports[--f->n_ports];
			free(p);
			return;
		}
	}
	abort(); /* closed twice */
}

static const struct net_port_ops fake_ops = {fake_send, fake_close};

static int fake_open(struct fixture *f, const struct addr *local, struct net_port **out)
{
	if (wire_find(f, local) || f->n_ports == WIRE_PORTS_MAX)
		return -EADDRINUSE;
	struct fake_port *p = calloc(1, sizeof(*p));
	if (!p)
		return -ENOMEM;
	p->port = (struct net_port){.ops = &fake_ops, .id = ++f->next_port_id, .local = *local};
	p->fixture = f;
	f->ports[f->n_ports++] = &p->port;
	*out = &p->port;
	return 0;
}

static int relay_open(void *arg, const struct addr *local, struct net_port **out)
{
	struct fixture *f = arg;
	f->n_opened++;
	if (f->fail_skip > 0) {
		f->fail_skip--;
	} else if (f->fail_n > 0) {
		f->fail_n--;
		return f->fail_code;
	}
	return fake_open(f, local, out);
}

/* What stands for the socket between two workers: any descriptor that can be owned and closed. */
static int relay_release(void *arg, struct net_port *p)
{
	const struct fixture *f = arg;
	int fds[2];
	if (!f->has_sockets) {
		net_port_close(p);
		return -1;
	}
	if (pipe(fds) != 0)
		abort();
	close(fds[1]);
	net_port_close(p);
	return fds[0];
}

static int relay_adopt(void *arg, int fd, const struct addr *local, struct net_port **out)
{
	struct fixture *f = arg;
	assert_int_equal(fd >= 0, f->has_sockets);
	if (fd >= 0)
		close(fd);
	return f->fail_adopt ? -ENOMEM : fake_open(f, local, out);
}

static int relay_copy(void *arg, struct net_port *p, int *fd)
{
	struct fixture *f = arg;
	int fds[2];
	if (f->fail_copy)
		return -EMFILE;
	*fd = -1;
	if (!f->has_sockets)
		return 0;
	if (pipe(fds) != 0)
		abort();
	close(fds[1]);
	*fd = fds[0];
	return 0;
}

static struct net_port *listener_find(void *arg, const struct addr *local)
{
	return wire_find(arg, local);
}

/* ---- TCP towards peers ---- */

static int fake_listen(void *arg, const struct addr *local, struct net_port **out)
{
	int rc = relay_open(arg, local, out);
	if (rc == 0)
		((struct fake_port *)*out)->is_listening = true;
	return rc;
}

bool wire_listens(struct fixture *f, const struct addr *local)
{
	struct net_port *p = wire_find(f, local);
	return p && ((struct fake_port *)p)->is_listening;
}

static int fake_take(void *arg, int fd, struct turn_connection *owner, struct net_pipe **out)
{
	struct fixture *f = arg;
	struct fake_pipe *p =
		f->n_pipes == PIPES_MAX || f->fail_take ? NULL : calloc(1, sizeof(*p));
	if (!p) {
		close(fd);
		return -ENOMEM;
	}
	p->owner = owner;
	p->fd = fd;
	p->is_open = fd >= 0;
	f->pipes[f->n_pipes++] = p;
	*out = (struct net_pipe *)p;
	return 0;
}

static int fake_dial(void *arg, const struct addr *local, const struct addr *peer,
	struct turn_connection *owner, struct net_pipe **out)
{
	struct fixture *f = arg;
	int rc = f->dial_code ? f->dial_code : fake_take(f, -1, owner, out);
	if (rc != 0)
		return rc;
	((struct fake_pipe *)*out)->local = *local;
	((struct fake_pipe *)*out)->peer = *peer;
	return 0;
}

/* On the wire all clients of a listener share its port, so it stays. */
static int fake_join(void *arg, struct net_pipe *pipe, struct net_port *client)
{
	(void)arg;
	(void)client;
	((struct fake_pipe *)pipe)->is_joined = true;
	return 0;
}

static void fake_pipe_close(void *arg, struct net_pipe *pipe)
{
	struct fixture *f = arg;
	for (size_t i = 0; i < f->n_pipes; i++) {
		if (f->pipes[i] != (struct fake_pipe *)pipe)
			continue;
		memmove(f->pipes + i, f->pipes + i + 1,
			(--f->n_pipes - i) * sizeof(struct fake_pipe *));
		if (((struct fake_pipe *)pipe)->fd >= 0)
			close(((struct fake_pipe *)pipe)->fd);
		free(pipe);
		return;
	}
	abort(); /* closed twice */
}

static int fake_detach(
	void *arg, struct net_port *client, struct bytes again, struct turn_moved *out)
{
	(void)arg;
	(void)client;
	*out = (struct turn_moved){.parcel = {.fd = -1, .in_len = (uint32_t)again.len}};
	out->parcel.in = malloc(again.len);
	if (!out->parcel.in)
		return -ENOMEM;
	memcpy(out->parcel.in, again.data, again.len);
	return 0;
}

static void fake_adopt(void *arg, struct turn_moved *m)
{
	struct fixture *f = arg;
	f->n_adopted++;
	wire_from_client(f, &f->mover, m->parcel.in, m->parcel.in_len);
	net_parcel_drop(&m->parcel);
}

void wire_peer_connects(struct fixture *f, const struct addr *relayed, const struct addr *peer)
{
	struct net_port *p = wire_find(f, relayed);
	int fds[2];
	assert_true(wire_listens(f, relayed));
	assert_int_equal(pipe(fds), 0);
	close(fds[1]);
	turn_tcp_accepted(f->server, p, fds[0], peer);
}

void wire_opened_at(struct fixture *f, size_t i, int rc)
{
	struct fake_pipe *p = f->pipes[i];
	assert_false(p->is_open);
	p->is_open = true;
	turn_tcp_opened(p->owner, rc);
	if (rc != 0)
		fake_pipe_close(f, (struct net_pipe *)p);
}

void wire_ended_at(struct fixture *f, size_t i)
{
	struct fake_pipe *p = f->pipes[i];
	turn_tcp_ended(p->owner);
	fake_pipe_close(f, (struct net_pipe *)p);
}

struct net_port *wire_listen(struct fixture *f, const char *text)
{
	struct addr local = at(text);
	struct net_port *p = NULL;
	assert_int_equal(fake_open(f, &local, &p), 0);
	f->n_further++;
	return p;
}

void wire_opened(struct fixture *f, int rc)
{
	assert_true(f->n_pipes > 0);
	wire_opened_at(f, f->n_pipes - 1, rc);
}

void wire_ended(struct fixture *f)
{
	assert_true(f->n_pipes > 0);
	wire_ended_at(f, f->n_pipes - 1);
}

struct net_port *wire_find(struct fixture *f, const struct addr *local)
{
	for (size_t i = 0; i < f->n_ports; i++) {
		if (addr_equal(&f->ports[i]->local, local))
			return f->ports[i];
	}
	return NULL;
}

static struct net_buf *arrive(
	struct fixture *f, const struct addr *from, const void *data, size_t len)
{
	struct net_buf *b = net_buf_get(f->net);
	if (!b || len > NET_DATAGRAM_MAX)
		abort(); /* not an assertion: this may run on a worker's thread */
	if (len > 0)
		memcpy(b->data, data, len);
	b->len = (uint32_t)len;
	b->addr = *from;
	b->tos = f->tos;
	return b;
}

void wire_from_client(struct fixture *f, const struct turn_client *c, const void *data, size_t len)
{
	struct net_buf *b = arrive(f, &c->addr, data, len);
	if (len > 0 && stun_is_channel_data(b->data[0]))
		flow_from_client(f->flows, c->port, b);
	else
		turn_from_client(f->server, c, b);
}

void wire_from_peer(struct fixture *f, const struct addr *relayed, const struct addr *peer,
	const void *data, size_t len)
{
	struct net_port *p = wire_find(f, relayed);
	assert_non_null(p);
	struct net_buf *b = arrive(f, peer, data, len);
	if (!flow_from_peer(f->flows, p, b))
		turn_from_peer(f->server, p, b);
}

const struct packet *wire_take(struct fixture *f)
{
	if (f->n_sent == 0)
		return NULL;
	struct net_buf *b = f->sent[0];
	struct packet *p = &f->last;
	p->port = f->sent_by[0].port;
	p->from = f->sent_by[0].local;
	p->to = b->addr;
	p->tos = b->tos;
	p->flags = b->flags;
	p->len = b->len;
	assert_true(p->len <= sizeof(p->data));
	memcpy(p->data, b->data, p->len);
	net_buf_put(f->net, b);
	f->n_sent--;
	memmove(f->sent, f->sent + 1, f->n_sent * sizeof(f->sent[0]));
	memmove(f->sent_by, f->sent_by + 1, f->n_sent * sizeof(f->sent_by[0]));
	return p;
}

void wire_clear(struct fixture *f)
{
	while (wire_take(f))
		continue;
}

/* ---- leases ---- */

static int lease_ask(void *arg, const struct turn_lease_ask *ask)
{
	struct fixture *f = arg;
	if (f->ask_code != 0)
		return f->ask_code;
	if (f->n_asked == LEASES_MAX)
		return ERR_FULL;
	f->asked[f->n_asked++] = *ask;
	return 0;
}

static bool lease_try(void *arg, const struct turn_lease_ask *ask, struct turn_lease_grant *grant)
{
	struct fixture *f = arg;
	f->n_tried++;
	*grant = (struct turn_lease_grant){.code = f->try_code};
	return f->is_at_once;
}

static void lease_put(void *arg, const struct turn_lease *lease)
{
	struct fixture *f = arg;
	f->n_put++;
}

void fixture_answer(struct fixture *f, const struct turn_lease_ask *ask, bool is_granted)
{
	struct turn_lease_grant g = {.code = is_granted ? 0 : STUN_QUOTA_REACHED};
	turn_lease_answer(f->server, ask, &g);
}

/* ---- the box ---- */

void fixture_defaults(struct fixture_config *c)
{
	*c = (struct fixture_config){
		.turn = {.default_lifetime_s = 600,
			.max_lifetime_s = 3600,
			.max_permissions = 8,
			.max_channels = 8,
			.mobility = true,
			.icmp_errors = true,
			.max_connections = 4,
			.tcp_relay = true,
			.software = "box",
			.relays = c->relays,
			.n_relays = ARRAY_LEN(c->relays),
			.first_port = PORT_MIN,
			.last_port = PORT_MAX},
		.auth = {.realm = "example.org",
			.turn_rest = true,
			.nonce_lifetime_s = 600,
			.clock_skew_s = 30,
			.session_grace_s = 86400,
			.sha256 = true},
		.n_workers = 1,
		.relays = {{at(RELAY4), at(RELAY4)}, {at(RELAY6), at(RELAY6)}},
		.listeners = {at(LISTENER4), at(LISTENER6), at(INSIDE4)},
		.own = {at(LISTENER4), at(LISTENER6), at(INSIDE4), at("203.0.113.2")},
	};
	c->turn.peers = (struct turn_peer_config){.own = c->own,
		.n_own = ARRAY_LEN(c->own),
		.listeners = c->listeners,
		.n_listeners = ARRAY_LEN(c->listeners)};
}

static void copy_config(struct fixture_config *to, const struct fixture_config *from)
{
	*to = *from;
	to->turn.relays = to->relays + (from->turn.relays - from->relays);
	to->turn.peers.own = to->own;
	to->turn.peers.listeners = to->listeners;
}

/* The key is read once, so the file need not outlive this. */
struct auth_snapshot *fixture_auth(const struct auth_config *c, const char *secret)
{
	char path[32], why[CRYPTO_WHY_LEN];
	struct auth_config config = *c;
	struct auth_snapshot *auth = NULL;

	int fd = memfd_create("secret", MFD_CLOEXEC);
	assert_true(fd >= 0);
	assert_int_equal(fchmod(fd, 0600), 0);
	assert_int_equal(write(fd, secret, strlen(secret)), strlen(secret));
	snprintf(path, sizeof(path), "/proc/self/fd/%d", fd);
	config.keys = &(struct auth_key_config){.secret_file = path};
	config.n_keys = 1;
	int rc = auth_snapshot_create(&config, &auth, why);
	close(fd);
	assert_int_equal(rc, 0);
	return auth;
}

/* Every box has the same key. */
static struct auth_snapshot *make_auth(const struct auth_config *c)
{
	return fixture_auth(c, "a secret of more than thirty-two bytes, for tests\n");
}

static struct net_buf *take_bufs(struct net *n, size_t most, size_t *taken)
{
	struct net_buf *all = NULL;
	*taken = 0;
	for (struct net_buf *b; *taken < most && (b = net_buf_get(n)); (*taken)++) {
		b->next = all;
		all = b;
	}
	return all;
}

static void put_bufs(struct net *n, struct net_buf *all)
{
	for (struct net_buf *b = all, *next; b; b = next) {
		next = b->next;
		net_buf_put(n, b);
	}
}

static size_t count_bufs(struct net *n)
{
	size_t count;
	put_bufs(n, take_bufs(n, SIZE_MAX, &count));
	return count;
}

struct net_buf *fixture_hold(struct fixture *f, size_t left)
{
	size_t taken;
	return take_bufs(f->net, f->n_bufs - left, &taken);
}

void fixture_release(struct fixture *f, struct net_buf *held)
{
	put_bufs(f->net, held);
}

struct turn_snapshot *fixture_snapshot(struct fixture *f, const struct turn_config *c)
{
	struct turn_snapshot *s = NULL;
	assert_int_equal(turn_snapshot_create(c, f->auth, &s), 0);
	return s;
}

void fixture_revoke(struct fixture *f, const struct auth_revocation *r)
{
	struct auth_snapshot *auth;
	struct turn_snapshot *s;
	assert_int_equal(auth_snapshot_with_revocations(f->auth, r, 1, &auth), 0);
	assert_int_equal(turn_snapshot_create(&f->config.turn, auth, &s), 0);
	turn_server_snapshot(f->server, s);
	turn_snapshot_put(s);
	auth_snapshot_put(auth);
}

static void make_server(struct fixture *f, const struct fixture_config *c)
{
	f->tcp = (struct turn_tcp_wire){.listen = fake_listen,
		.dial = fake_dial,
		.take = fake_take,
		.join = fake_join,
		.close = fake_pipe_close,
		.detach = fake_detach,
		.adopt = fake_adopt,
		.arg = f};
	f->udp = (struct turn_udp_wire){.open = relay_open,
		.release = relay_release,
		.adopt = relay_adopt,
		.copy = relay_copy,
		.arg = f};
	struct turn_server_config t = {
		.clock = &f->clock,
		.wheel = &f->wheel,
		.net = f->net,
		.flows = f->flows,
		.cells = f->turn,
		.tenant_cells = f->tenants,
		.worker = c->worker,
		.n_workers = c->n_workers,
		.snapshot = f->snapshot,
		.udp = &f->udp,
		.listener_find = listener_find,
		.ticket_key = {1, 2, 3}, /* the same for all workers */
		.tcp = &f->tcp,
		.arg = f,
		.node_bucket = c->node_bucket,
	};
	if (c->has_leases) {
		t.lease_try = lease_try;
		t.lease_ask = lease_ask;
		t.lease_put = lease_put;
	}
	assert_int_equal(turn_server_create(&t, &f->server), 0);
}

static void open_listener(struct fixture *f, const char *text, struct net_port **out)
{
	struct addr local = at(text);
	assert_int_equal(fake_open(f, &local, out), 0);
}

struct fixture *fixture_create(const struct fixture_config *c)
{
	struct fixture *f = calloc(1, sizeof(*f));
	assert_non_null(f);
	/* Every line is formatted, none is seen. */
	log_fd_set(-1);
	log_level_set(LOG_LEVEL_DEBUG);
	f->clock = (struct clock){.mono_ms = 1000000, .wall_s = START_WALL_S};
	f->wall_ms = START_WALL_S * UINT64_C(1000);
	wheel_init(&f->wheel, f->clock.mono_ms, NULL);
	f->loop = loop_create("test", 64);
	f->net = net_create(f->loop, f->cells);
	f->flows = flow_table_create(&f->clock, f->net, f->flow);
	assert_non_null(f->flows);
	f->n_bufs = count_bufs(f->net);
	f->auth = make_auth(&c->auth);
	f->has_sockets = has_sockets;
	copy_config(&f->config, c);
	f->snapshot = fixture_snapshot(f, &f->config.turn);
	open_listener(f, LISTENER4, &f->listener4);
	open_listener(f, LISTENER6, &f->listener6);
	open_listener(f, INSIDE4, &f->inside4);
	make_server(f, c);
	return f;
}

void fixture_create_joined(const struct fixture_config *c, struct fixture **out, unsigned n_workers)
{
	struct fixture_config config;
	assert_true(n_workers <= FIXTURES_MAX);
	copy_config(&config, c);
	config.n_workers = n_workers;
	for (unsigned i = 0; i < n_workers; i++) {
		config.worker = i;
		out[i] = fixture_create(&config);
	}
	for (unsigned i = 0; i < n_workers; i++) {
		for (unsigned k = 0; k < n_workers; k++) {
			out[i]->servers[k] = out[k]->server;
			out[i]->loops[k] = out[k]->loop;
		}
		turn_server_join(out[i]->server, out[i]->servers, out[i]->loops);
	}
}

void fixture_deliver(struct fixture *f)
{
	assert_true(event_base_loop(loop_base(f->loop), EVLOOP_NONBLOCK) >= 0);
}

void fixture_destroy(struct fixture *f)
{
	wire_clear(f);
	turn_server_destroy(f->server);
	assert_int_equal(f->n_sent, 0); /* it ends without a word */
	assert_int_equal(f->n_pipes, 0);
	assert_int_equal(f->n_ports, 3 + f->n_further);
	for (size_t i = 0; i < f->n_ports; i++)
		assert_int_equal(f->ports[i]->n_holds, 0);
	assert_int_equal(f->wheel.count, 0);
	assert_int_equal(fixture_count(f, TURN_C_ALLOCATIONS), 0);
	assert_int_equal(fixture_count(f, TURN_C_CONNECTIONS), 0);
	for (unsigned i = 0; i < TURN_TENANT_CELLS_MAX; i++)
		assert_int_equal(metrics_get(f->tenants, i * TURN_T_COUNT + TURN_T_ALLOCATIONS), 0);
	assert_int_equal(count_bufs(f->net), f->n_bufs);
	while (f->n_ports > 0)
		net_port_close(f->ports[0]);
	turn_snapshot_put(f->snapshot);
	auth_snapshot_put(f->auth);
	flow_table_destroy(f->flows);
	net_destroy(f->net);
	loop_destroy(f->loop);
	free(f);
}

int fixture_setup(void **state)
{
	struct fixture_config c;
	fixture_defaults(&c);
	*state = fixture_create(&c);
	return 0;
}

int fixture_teardown(void **state)
{
	fixture_destroy(*state);
	return 0;
}

void fixture_pass_ms(struct fixture *f, uint64_t ms)
{
	f->clock.mono_ms += ms;
	f->wall_ms += ms;
	f->clock.wall_s = f->wall_ms / 1000;
	wheel_advance(&f->wheel, f->clock.mono_ms);
}
