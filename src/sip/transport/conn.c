/* SPDX-License-Identifier: BSD-3-Clause */
/* A connection: its place among the others, its stages, its events, its end. */
#include <errno.h>
#include <stdlib.h>
#include <unistd.h>

#include "transport_priv.h"
#include "websocket.h"

/* ---- a flow's number ---- */

static bool take_slot(struct sip_conn *c)
{
	struct sip_transport_layer *t = c->t;
	uint32_t i = t->free_slot;

	if (i >= t->n_slots)
		return false;
	t->free_slot = t->slots[i].next_free;
	t->slots[i].conn = c;
	c->flow = (struct sip_flow){i, t->slots[i].generation};
	return true;
}

static void give_slot(struct sip_conn *c)
{
	struct sip_transport_layer *t = c->t;
	struct sip_slot *s = &t->slots[c->flow.index];

	s->conn = NULL;
	if (++s->generation == 0)
		s->generation = 1;
	s->next_free = t->free_slot;
	t->free_slot = c->flow.index;
}

/* ---- the end ---- */

/* From here on nothing finds C and nothing calls it. */
static void take_out(struct sip_conn *c)
{
	struct sip_transport_layer *t = c->t;

	c->is_broken = true;
	list_remove(&c->link);
	list_remove(&c->doom);
	sip_crowd_leave(c);
	sip_known_remove(&c->known);
	sip_known_remove(&c->alias);
	wheel_cancel(t->config.wheel, &c->timer);
	event_del(&c->read_event);
	event_del(&c->write_event);
	give_slot(c);
	if (sip_conn_is_dialled(c))
		t->n_dialled--;
	else if (!c->is_evicted)
		t->n_accepted--;
	metrics_sub(t->config.cells, SIP_TRANSPORT_C_CONNECTIONS, 1);
	if (t->serving == c)
		t->serving = NULL;
}

/* Each message that was not sent is told, unless nobody asked. */
static void fail_queue(struct sip_conn *c, bool is_told, int why)
{
	const struct sip_transport_user *u = &c->t->config.user;

	while (!list_is_empty(&c->queue)) {
		struct sip_outgoing *o = CONTAINER_OF(c->queue.next, struct sip_outgoing, link);
		list_remove(&o->link);
		sip_count(c->t, SIP_TRANSPORT_C_FAILED);
		if (is_told && o->token != 0 && u->failed)
			u->failed(u->arg, o->token, c->flow, why);
		crypto_wipe_free(o, sizeof(*o) + o->len);
	}
	sip_buffer_give(c, c->queued);
	c->queued = 0;
}

void sip_conn_free(struct sip_conn *c)
{
	struct sip_transport_layer *t = c->t;

	crypto_tls_conn_destroy(c->tls);
	crypto_tls_destroy(c->dials);
	ws_destroy(c->ws);
	sip_rest_free(c, &c->rest);
	net_client_put(sip_conn_is_dialled(c) ? &t->dialled_clients : &t->clients, c->client);
	net_client_put(&t->stranger_clients, c->stranger);
	free(c->name);
	free(c->peer);
	close(c->fd);
	free(c);
}

#define LINES_PER_SECOND 5

/*
 * A connection that we could not make or keep is a matter for the operator, one that somebody else
 * has made is that for whoever looks closer. The reason is the counter's label.
 */
static void log_end(struct sip_conn *c, enum sip_transport_counter counter)
{
	struct sip_transport_layer *t = c->t;
	bool is_ours = sip_conn_is_dialled(c);
	bool is_usual = counter == SIP_TRANSPORT_C_END_PEER || counter == SIP_TRANSPORT_C_END_IDLE;
	enum log_level level = is_usual  ? LOG_LEVEL_DEBUG
			       : is_ours ? LOG_LEVEL_WARNING
					 : LOG_LEVEL_INFO;
	const char *problem = c->tls ? crypto_tls_problem(c->tls) : NULL;
	char peer[ADDR_TEXT_LEN], name[LOG_NAME_LEN] = "-";
	uint32_t held;

	if (level > log_level_get() || !log_limit_ok(is_ours ? &t->log_dialled : &t->log_accepted,
					       sip_now(t), LINES_PER_SECOND, &held))
		return;
	if (c->name)
		(void)log_name(c->name, strlen(c->name), name);
	log_at(level, LOG_SIP, "connection ended",
		"peer=%s transport=%s dialled=%s name=%s %s certificate=\"%s\" held=%u",
		log_addr(&c->remote, peer), sip_transport_name(c->transport),
		is_ours ? "yes" : "no", name, sip_transport_counters.rows[counter].labels,
		problem ? problem : "", held);
}

void sip_conn_end(struct sip_conn *c, enum sip_transport_counter counter, int why)
{
	const struct sip_transport_user *u = &c->t->config.user;

	sip_count(c->t, counter);
	log_end(c, counter);
	take_out(c);
	fail_queue(c, true, why ? why : -EPIPE);
	if (u->closed)
		u->closed(u->arg, c->flow, why);
	sip_conn_free(c);
}

void sip_conn_break(struct sip_conn *c, enum sip_transport_counter counter, int why)
{
	if (c->is_broken)
		return;
	c->is_broken = true;
	c->why_counter = counter;
	c->why = why;
	list_append(&c->t->doomed, &c->doom);
	loop_deferred_run(c->t->config.loop, &c->t->reap);
}

void sip_conn_drop(struct sip_conn *c)
{
	bool is_read = c->t->serving == c; /* whoever drops it may look at its message still */

	take_out(c);
	fail_queue(c, false, 0);
	if (!is_read)
		sip_conn_free(c);
}

/* ---- stages ---- */

static bool is_trusted(const struct sip_conn *c, const struct crypto_peer *peer)
{
	const struct sip_transport_user *u = &c->t->config.user;

	return !u->trusts || u->trusts(u->arg, c->listener, &c->remote, peer);
}

/* Its certificate is what the handshake has found good; whose it is, is asked here. */
static bool learn_peer(struct sip_conn *c)
{
	struct crypto_peer peer;

	crypto_tls_peer(c->tls, &peer);
	if (c->name ? !sip_peer_is(&peer, c->name) : !is_trusted(c, &peer)) {
		sip_conn_end(c, SIP_TRANSPORT_C_END_IDENTITY, ERR_DENIED);
		return false;
	}
	if (!peer.has_certificate)
		return true;
	c->peer = malloc(sizeof(peer));
	if (!c->peer) {
		sip_conn_end(c, SIP_TRANSPORT_C_END_BUFFERS, -ENOMEM);
		return false;
	}
	*c->peer = peer;
	return true;
}

/* OpenSSL's state costs more than all the rest, so that of a client is made when its first bytes
 * are there. NULL: out of memory. */
static struct ssl_st *tls_of(struct sip_conn *c)
{
	if (!c->tls)
		c->tls = crypto_tls_conn_create(c->t->listeners[c->listener].tls, c->fd);
	return c->tls;
}

static bool end_handshake(struct sip_conn *c)
{
	if (c->transport != SIP_WSS)
		return sip_conn_open(c);
	c->stage = SIP_STAGE_UPGRADE;
	c->stage_ms = sip_now(c->t);
	sip_conn_arm(c);
	return true;
}

/* True: done, C is there and may be read. */
static bool shake_hands(struct sip_conn *c)
{
	switch (tls_of(c) ? crypto_tls_handshake(c->tls) : CRYPTO_TLS_FAILED) {
	case CRYPTO_TLS_DONE:
		return learn_peer(c) && end_handshake(c);
	case CRYPTO_TLS_WANT_READ:
		return false;
	case CRYPTO_TLS_WANT_WRITE:
		if (event_add(&c->write_event, NULL) == 0)
			return false;
		/* fall through */
	case CRYPTO_TLS_CLOSED:
	case CRYPTO_TLS_FAILED:
	default:
		sip_conn_end(c, SIP_TRANSPORT_C_END_HANDSHAKE, ERR_TLS);
		return false;
	}
}

bool sip_conn_open(struct sip_conn *c)
{
	c->stage = SIP_STAGE_OPEN;
	c->stage_ms = sip_now(c->t);
	c->partial_ms = sip_conn_is_dialled(c) ? 0 : c->stage_ms;
	sip_crowd_open(c);
	sip_conn_arm(c);
	return sip_conn_drain(c);
}

/* ---- events ---- */

static void on_readable(evutil_socket_t fd, short what, void *arg)
{
	struct sip_conn *c = arg;

	(void)fd;
	(void)what;
	loop_turn(c->t->config.loop);
	if (c->is_broken)
		return; /* it ends with this turn */
	if (c->stage != SIP_STAGE_HANDSHAKE || shake_hands(c))
		sip_conn_receive(c);
}

static void on_writable(evutil_socket_t fd, short what, void *arg)
{
	struct sip_conn *c = arg;

	(void)fd;
	(void)what;
	loop_turn(c->t->config.loop);
	if (c->is_broken)
		return;
	if (c->stage == SIP_STAGE_DIALLING)
		sip_conn_dialled(c);
	else if (c->stage == SIP_STAGE_HANDSHAKE)
		(void)shake_hands(c); /* what can be read then has its own event */
	else
		(void)sip_conn_drain(c);
}

/* ---- the beginning ---- */

static struct sip_conn *make(
	struct sip_transport_layer *t, struct sip_listener *l, int fd, const struct addr *remote)
{
	struct event_base *base = loop_base(t->config.loop);
	struct sip_conn *c = calloc(1, sizeof(*c));

	if (!c)
		return NULL;
	c->t = t;
	c->listener = l ? l->index : SIP_NO_LISTENER;
	c->transport = l ? l->transport : SIP_TCP;
	c->group = l ? l->group : 0;
	c->remote = *remote;
	c->fd = fd;
	c->stream.max = t->config.limits.message_bytes;
	c->known.conn = c->alias.conn = c;
	list_init(&c->doom);
	list_init(&c->crowd);
	list_init(&c->queue);
	sip_conn_timer_init(c);
	if (event_assign(&c->read_event, base, fd, EV_READ | EV_PERSIST, on_readable, c) == 0 &&
		event_assign(&c->write_event, base, fd, EV_WRITE, on_writable, c) == 0 &&
		take_slot(c))
		return c;
	free(c);
	return NULL;
}

struct sip_conn *sip_conn_create(struct sip_transport_layer *t, struct sip_listener *l, int fd,
	const struct addr *remote, struct net_client *client)
{
	struct sip_conn *c = make(t, l, fd, remote);

	if (!c) {
		close(fd);
		return NULL;
	}
	c->client = client;
	list_append(&t->conns, &c->link);
	if (l)
		t->n_accepted++;
	else
		t->n_dialled++;
	metrics_add(t->config.cells, SIP_TRANSPORT_C_CONNECTIONS, 1);
	return c;
}

bool sip_conn_begin(struct sip_conn *c, enum sip_stage stage)
{
	struct sip_transport_layer *t = c->t;
	struct event *first = stage == SIP_STAGE_DIALLING ? &c->write_event : &c->read_event;

	c->stage = stage;
	c->stage_ms = c->active_ms = c->heard_ms = sip_now(t);
	if (!sip_conn_is_dialled(c)) {
		c->partial_ms = c->accepted_ms = c->stage_ms;
		if (stage == SIP_STAGE_OPEN)
			sip_crowd_open(c);
		else
			sip_crowd_unready(c);
	}
	(void)sip_socket_name(c->fd, &c->local); /* none is known as long as it cannot be had */
	sip_conn_arm(c);
	return event_add(first, NULL) == 0;
}
