/* SPDX-License-Identifier: BSD-3-Clause */
/* Making, starting, telling and ending the workers. */
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

#include <sallyport/crypto.h>
#include <sallyport/flow.h>
#include <sallyport/net.h>
#include <sallyport/net/path.h>

#include "tenant_metrics.h"
#include "workers_media.h"
#include "workers_priv.h"

#define MAILBOX_LEN 4096
#define RETRY_MS    100

/* ---- sockets ---- */

static bool is_udp(const struct settings_listener *l)
{
	return l->transport == AUTH_UDP || l->transport == AUTH_DTLS;
}

static int make_socket(
	const struct settings_listener *l, bool reuseport, uint32_t rcvbuf_bytes, int *fd)
{
	if (is_udp(l))
		return net_udp_socket(&l->local, reuseport, rcvbuf_bytes, fd);
	return net_tcp_socket(&l->local, reuseport, fd);
}

/*
 * SO_REUSEPORT would let a second daemon of the same user share the port without a word. So the
 * address is bound once without it, which fails when anybody holds it, and given up again.
 */
static int probe(const struct settings_listener *l)
{
	int fd;
	int rc = make_socket(l, false, 0, &fd);

	if (rc == 0)
		close(fd);
	return rc;
}

static void say_bind(const struct settings_listener *l, int rc, char why[WORKERS_WHY_LEN])
{
	char a[ADDR_TEXT_LEN];
	const char *hint = "";

	if (rc == -EADDRINUSE)
		hint = is_udp(l) ? "; another program holds it: ss -lunp shows which"
				 : "; another program holds it: ss -ltnp shows which";
	else if (rc == -EADDRNOTAVAIL)
		hint = "; this host has no such address: ip addr shows those it has";
	else if (rc == -EACCES)
		hint = "; ports below 1024 need root or CAP_NET_BIND_SERVICE";
	snprintf(why, WORKERS_WHY_LEN, "cannot listen on %s%s for face \"%s\": %s%s",
		addr_format(&l->local, a), is_udp(l) ? "" : " (TCP)", l->face, err_text(rc), hint);
}

/* All of a listener's, or none: it is a new one then. */
static bool inherit(const struct inherited *from, const struct settings_listener *l, unsigned n,
	int *fds, size_t stride)
{
	for (unsigned w = 0; w < n; w++) {
		fds[w * stride] = from->listener(from->arg, w, l);
		if (fds[w * stride] < 0)
			return false; /* the first one, or the other process is broken */
	}
	return true;
}

/* One socket per listener and worker, but for those that share another's; FDS is n_listeners * n,
 * worker by worker. */
static int bind_all(const struct settings *s, const struct inherited *inherited, unsigned n,
	int *fds, char why[WORKERS_WHY_LEN])
{
	uint32_t rcvbuf = (uint32_t)s->options->edge.receive_buffer;

	for (size_t i = 0; i < s->n_listeners; i++) {
		if (s->listeners[i].shares_socket)
			continue;
		if (inherited && inherit(inherited, &s->listeners[i], n, fds + i, s->n_listeners))
			continue;
		int rc = probe(&s->listeners[i]);
		for (unsigned w = 0; w < n && rc == 0; w++)
			rc = make_socket(
				&s->listeners[i], true, rcvbuf, &fds[w * s->n_listeners + i]);
		if (rc != 0) {
			say_bind(&s->listeners[i], rc, why);
			return rc;
		}
	}
	return 0;
}

/* ---- making ---- */

static int make_relay(
	struct workers *ws, unsigned i, const struct settings *s, struct metrics_set *m, int *fds)
{
	const struct options_limits *limits = &s->options->edge.limits;
	const struct options_face *faces = s->options->edge.faces.items;
	struct worker *w = &ws->all[i];
	struct relay_listener *l = calloc(s->n_listeners, sizeof(*l));

	if (!l)
		return -ENOMEM;
	for (size_t k = 0; k < s->n_listeners; k++) {
		const struct settings_listener *from = &s->listeners[k];
		const struct options_face *face = faces + from->face_index;
		l[k] = (struct relay_listener){
			.fd = fds[k],
			.local = from->local,
			.location = from->location,
			.transport = from->transport,
			.tenant = from->tenant,
			.face = from->face_index,
			.balancers = face->proxy_protocol.items,
			.n_balancers = face->proxy_protocol.n,
			.is_header_first_only = face->proxy_protocol_udp != 0,
		};
		if (from->transport == AUTH_TLS)
			l[k].tls = s->faces_tls.by_face[from->face_index];
		if (from->transport == AUTH_DTLS)
			l[k].tls = s->faces_tls.dtls_by_face[from->face_index];
		fds[k] = -1; /* relay_create takes it */
	}
	struct relay_config c = {
		.loop = w->loop,
		.worker = i,
		.n_workers = ws->n,
		.snapshot = s->turn,
		.ticket_key = ws->ticket_key,
		.listeners = l,
		.n_listeners = s->n_listeners,
		.connections_per_client = (uint32_t)limits->connections_per_client,
		.max_connections = (uint32_t)((limits->max_connections + ws->n - 1) / ws->n),
		.connection_buffer = (uint32_t)limits->connection_buffer,
		.net_cells = metrics_set_cells(m, &net_counters, i),
		.flow_cells = metrics_set_cells(m, &flow_counters, i),
		.turn_cells = metrics_set_cells(m, &turn_counters, i),
		.tenant_cells = metrics_set_cells(m, &tenant_counters, i),
		.relay_cells = metrics_set_cells(m, &relay_counters, i),
		.lease_try = lease_clerk_try,
		.lease_ask = lease_clerk_ask,
		.lease_put = lease_clerk_put,
		.arg = w->clerk,
		.node_bucket = ledger_node_bucket(leases_ledger(ws->leases)),
		.steering = datapath_steering(ws->datapath),
		.kernel = datapath_kernel(ws->datapath),
		.kernel_cells = metrics_set_cells(m, &flow_kernel_counters, i),
		.path_cells = metrics_set_cells(m, &net_path_counters, i),
	};
	int rc = relay_create(&c, &w->relay);
	free(l);
	return rc;
}

static int make_worker(
	struct workers *ws, unsigned i, const struct settings *s, struct metrics_set *m, int *fds)
{
	struct worker *w = &ws->all[i];
	char name[24];

	snprintf(name, sizeof(name), "worker-%u", i);
	w->loop = loop_create(name, MAILBOX_LEN);
	if (!w->loop)
		return -ENOMEM;
	loop_count_in(w->loop, metrics_set_cells(m, &loop_counters, i));
	loop_busy_poll(w->loop, ws->busy_poll_us);
	w->clerk = lease_clerk_create(ws->leases, w->loop);
	if (!w->clerk)
		return -ENOMEM;
	ws->loops[i] = w->loop;
	if (!s->turn)
		return 0;
	int rc = make_relay(ws, i, s, m, fds + (size_t)i * s->n_listeners);
	if (rc != 0)
		return rc;
	ws->relays[i] = w->relay;
	ws->servers[i] = relay_turn(w->relay);
	return 0;
}

static void catch_up(struct wheel_timer *t, void *arg);

static struct workers *alloc_workers(struct loop *main, const struct datapath *datapath, unsigned n)
{
	struct flow_kernel *kernel = datapath_kernel(datapath);
	struct workers *ws = calloc(1, sizeof(*ws));

	if (!ws)
		return NULL;
	ws->main = main;
	ws->datapath = datapath;
	ws->n = n;
	crypto_random(ws->ticket_key, sizeof(ws->ticket_key));
	wheel_timer_init(&ws->retry, catch_up);
	ws->all = calloc(n, sizeof(*ws->all));
	ws->loops = calloc(n, sizeof(struct loop *));
	ws->relays = calloc(n, sizeof(struct relay *));
	ws->servers = calloc(n, sizeof(struct turn_server *));
	ws->leases = leases_create(
		main, ws->loops, ws->relays, n, kernel ? flow_kernel_buckets(kernel) : NULL);
	if (ws->all && ws->loops && ws->relays && ws->servers && ws->leases)
		return ws;
	workers_destroy(ws);
	return NULL;
}

static int make_all(struct workers *ws, const struct settings *s, struct metrics_set *m, int *fds,
	char why[WORKERS_WHY_LEN])
{
	int rc = 0;

	for (unsigned i = 0; i < ws->n && rc == 0; i++)
		rc = make_worker(ws, i, s, m, fds);
	if (rc == ERR_FULL)
		snprintf(why, WORKERS_WHY_LEN,
			"\"edge.relay.ports\" is too small for %u workers; widen it or lower "
			"\"workers\"",
			ws->n);
	else if (rc == -EADDRINUSE && s->options->edge.relay.shared_port != 0)
		snprintf(why, WORKERS_WHY_LEN,
			"cannot bind the ports from \"edge.relay.shared_port\" on: another program "
			"holds one; ss -lunp shows which");
	else if (rc != 0)
		snprintf(why, WORKERS_WHY_LEN, "cannot make the workers: %s", err_text(rc));
	for (unsigned i = 0; i < ws->n && rc == 0 && s->turn; i++)
		turn_server_join(ws->servers[i], ws->servers, ws->loops);
	return rc;
}

int workers_create(struct loop *main, const struct settings *s, const struct datapath *datapath,
	const struct inherited *inherited, struct metrics_set *metrics, unsigned n,
	struct workers **out, char why[WORKERS_WHY_LEN])
{
	size_t n_fds = s->n_listeners * n;
	int *fds = malloc((n_fds + 1) * sizeof(*fds));
	struct workers *ws = alloc_workers(main, datapath, n);
	int rc = -ENOMEM;

	snprintf(why, WORKERS_WHY_LEN, "out of memory");
	for (size_t i = 0; fds && i < n_fds; i++)
		fds[i] = -1;
	if (fds && ws)
		rc = bind_all(s, inherited, n, fds, why);
	if (rc == 0 && inherited)
		memcpy(ws->ticket_key, inherited->ticket_key, sizeof(ws->ticket_key));
	if (rc == 0 && s->turn) {
		ledger_snapshot(leases_ledger(ws->leases), s->turn);
		ws->busy_poll_us = (uint32_t)s->options->edge.busy_poll;
	}
	if (rc == 0)
		rc = make_all(ws, s, metrics, fds, why);
	for (size_t i = 0; fds && i < n_fds; i++) {
		if (fds[i] >= 0)
			close(fds[i]);
	}
	free(fds);
	if (rc != 0) {
		workers_destroy(ws);
		return rc;
	}
	*out = ws;
	return 0;
}

int workers_start(struct workers *ws)
{
	for (unsigned i = 0; i < ws->n; i++) {
		int rc = loop_thread_start(ws->all[i].loop, &ws->all[i].thread);
		if (rc != 0)
			return rc;
	}
	return 0;
}

/* ---- snapshots ---- */

static struct relay_tls tls_get(const struct relay_tls *from)
{
	struct relay_tls t;

	for (size_t i = 0; i < RELAY_FACES_MAX; i++) {
		t.by_face[i] = crypto_tls_get(from->by_face[i]);
		t.dtls_by_face[i] = crypto_tls_get(from->dtls_by_face[i]);
	}
	return t;
}

static void tls_put(struct relay_tls *t)
{
	for (size_t i = 0; i < RELAY_FACES_MAX; i++) {
		crypto_tls_destroy(t->by_face[i]);
		crypto_tls_destroy(t->dtls_by_face[i]);
	}
}

static bool tell_tls(struct workers *ws, struct worker *w)
{
	struct relay_tls t = tls_get(&ws->newest_tls);

	if (loop_post(w->loop, &relay_tls_msg, w->relay, &t) == 0)
		return true;
	tls_put(&t);
	return false;
}

/* What it has had already does no harm. */
static bool tell(struct workers *ws, struct worker *w)
{
	if (!tell_tls(ws, w) ||
		loop_post(w->loop, &loop_busy_poll_msg, w->loop, &ws->busy_poll_us) != 0)
		return false;
	if (!ws->newest)
		return true;
	struct turn_snapshot *s = turn_snapshot_get(ws->newest);

	if (loop_post(w->loop, &relay_snapshot_msg, w->relay, &s) == 0)
		return true;
	turn_snapshot_put(s);
	return false;
}

static void catch_up(struct wheel_timer *t, void *arg)
{
	struct workers *ws = CONTAINER_OF(t, struct workers, retry);
	bool is_done = true;

	(void)arg;
	for (unsigned i = 0; i < ws->n; i++) {
		struct worker *w = &ws->all[i];
		if (w->is_behind && tell(ws, w))
			w->is_behind = false;
		is_done = is_done && !w->is_behind;
	}
	if (!is_done)
		wheel_set(
			loop_wheel(ws->main), &ws->retry, loop_clock(ws->main)->mono_ms + RETRY_MS);
}

static void tell_all(struct workers *ws)
{
	for (unsigned i = 0; i < ws->n; i++)
		ws->all[i].is_behind = true;
	catch_up(&ws->retry, NULL);
}

void workers_snapshot(struct workers *ws, struct turn_snapshot *s)
{
	turn_snapshot_put(ws->newest);
	ws->newest = turn_snapshot_get(s);
	ledger_snapshot(leases_ledger(ws->leases), s);
	tell_all(ws);
}

void workers_tls(struct workers *ws, const struct relay_tls *tls)
{
	tls_put(&ws->newest_tls);
	ws->newest_tls = tls_get(tls);
	tell_all(ws);
}

void workers_busy_poll(struct workers *ws, uint32_t bound_us)
{
	ws->busy_poll_us = bound_us;
	tell_all(ws);
}

bool workers_relay(const struct workers *ws)
{
	return ws->relays[0] != NULL;
}

unsigned workers_count(const struct workers *ws)
{
	return ws->n;
}

int workers_post(struct workers *ws, unsigned i, const struct msg_type *type, const void *payload)
{
	return loop_post(ws->all[i].loop, type, ws->all[i].relay, payload);
}

/* ---- end ---- */

static void on_stop(void *ctx, void *payload)
{
	(void)payload;
	loop_stop(ctx);
}

static const struct msg_type stop_msg = {"worker_stop", 0, on_stop, NULL};

static int post_stop(struct worker *w)
{
	return w->relay ? loop_post(w->loop, &relay_stop_msg, w->relay, NULL)
			: loop_post(w->loop, &stop_msg, w->loop, NULL);
}

/* A mailbox that is full empties as long as its thread runs. */
static void ask_to_stop(struct worker *w)
{
	while (post_stop(w) != 0)
		usleep(1000);
}

void workers_stop(struct workers *ws)
{
	if (!ws)
		return;
	for (unsigned i = 0; ws->all && i < ws->n; i++) {
		if (ws->all[i].thread)
			ask_to_stop(&ws->all[i]);
	}
	for (unsigned i = 0; ws->all && i < ws->n; i++) {
		if (ws->all[i].thread)
			(void)loop_thread_join(ws->all[i].thread);
		ws->all[i].thread = NULL;
	}
}

void workers_destroy(struct workers *ws)
{
	if (!ws)
		return;
	wheel_cancel(loop_wheel(ws->main), &ws->retry);
	workers_stop(ws);
	workers_media_destroy(ws);
	/* With all threads ended, what they still say to each other is discarded with the loops. */
	for (unsigned i = 0; ws->all && i < ws->n; i++)
		relay_destroy(ws->all[i].relay);
	for (unsigned i = 0; ws->all && i < ws->n; i++) {
		lease_clerk_destroy(ws->all[i].clerk);
		loop_destroy(ws->all[i].loop);
	}
	leases_destroy(ws->leases);
	turn_snapshot_put(ws->newest);
	tls_put(&ws->newest_tls);
	free(ws->all);
	free(ws->loops);
	free(ws->relays);
	free(ws->servers);
	crypto_wipe(ws->ticket_key, sizeof(ws->ticket_key));
	free(ws);
}
