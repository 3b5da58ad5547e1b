/* SPDX-License-Identifier: BSD-3-Clause */
/* Listening sockets, and accepting in bounded rounds. Whoever is over a limit is closed at once. */
#include <errno.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <sys/socket.h>
#include <unistd.h>

#include "transport_priv.h"

#define BACKLOG    512
#define PAUSE_MS   500 /* with no descriptor left: somebody must close one first */
#define UDP_BUFFER (1024 * 1024)

/*
 * Probes find a peer that is gone when nothing is sent to it, the time-out when something is and it
 * does not acknowledge: without that the kernel tries for a quarter of an hour, and requests would
 * take the connection all the while.
 */
#define DEAD_S 60

int sip_socket_set(int fd)
{
	static const struct {
		int level, name, value;
	} options[] = {
		{IPPROTO_TCP, TCP_NODELAY, 1},
		{SOL_SOCKET, SO_KEEPALIVE, 1},
		{IPPROTO_TCP, TCP_KEEPIDLE, DEAD_S / 2},
		{IPPROTO_TCP, TCP_KEEPINTVL, DEAD_S / 6},
		{IPPROTO_TCP, TCP_KEEPCNT, 3},
		{IPPROTO_TCP, TCP_USER_TIMEOUT, DEAD_S * 1000},
		/* Fixed: the kernel would grow it to megabytes. */
		{SOL_SOCKET, SO_SNDBUF, 64 * 1024},
	};

	for (size_t i = 0; i < ARRAY_LEN(options); i++) {
		if (setsockopt(fd, options[i].level, options[i].name, &options[i].value,
			    sizeof(options[i].value)) != 0)
			return -errno;
	}
	return 0;
}

/* ---- accepting ---- */

/* The event would come back at once and for ever, so it rests until a timer. */
static void pause_accepting(struct sip_listener *l)
{
	const struct sip_transport_config *c = &l->t->config;

	sip_count(l->t, SIP_TRANSPORT_C_REFUSED_DESCRIPTORS);
	event_del(&l->event);
	wheel_set(c->wheel, &l->pause, c->clock->mono_ms + PAUSE_MS);
}

static void on_pause_end(struct wheel_timer *timer, void *arg)
{
	struct sip_listener *l = CONTAINER_OF(timer, struct sip_listener, pause);
	const struct sip_transport_config *c = &l->t->config;

	(void)arg;
	if (event_add(&l->event, NULL) != 0)
		wheel_set(c->wheel, &l->pause, c->clock->mono_ms + PAUSE_MS);
}

static enum sip_stage first_stage(const struct sip_listener *l)
{
	if (sip_transport_is_secure(l->transport))
		return SIP_STAGE_HANDSHAKE;
	return l->transport == SIP_WS ? SIP_STAGE_UPGRADE : SIP_STAGE_OPEN;
}

#define LINES_PER_SECOND 5

static void log_stranger(const struct sip_listener *l, const struct addr *peer)
{
	struct sip_transport_layer *t = l->t;
	char theirs[ADDR_TEXT_LEN], ours[ADDR_TEXT_LEN];
	uint32_t held;

	if (log_level_get() >= LOG_LEVEL_INFO &&
		log_limit_ok(&t->log_strangers, sip_now(t), LINES_PER_SECOND, &held))
		log_info(LOG_SIP, "connection refused",
			"peer=%s listener=%s transport=%s reason=\"stranger\" held=%u",
			log_addr(peer, theirs), addr_format(&l->local, ours),
			sip_transport_name(l->transport), held);
}

/* Limits bound what strangers take; this leaves all of it to those who are expected. */
static bool is_admitted(const struct sip_listener *l, const struct addr *peer)
{
	const struct sip_transport_user *u = &l->t->config.user;

	if (!u->admits || u->admits(u->arg, l->index, peer))
		return true;
	sip_count(l->t, SIP_TRANSPORT_C_REFUSED_STRANGER);
	log_stranger(l, peer);
	return false;
}

static void count_refusal(struct sip_transport_layer *t, int rc)
{
	sip_count(
		t, rc == ERR_FULL ? SIP_TRANSPORT_C_REFUSED_CLIENT : SIP_TRANSPORT_C_REFUSED_LIMIT);
}

/* NULL: its client has too many, or there is no room. Takes FD. */
static struct sip_conn *make(struct sip_listener *l, int fd, const struct addr *peer)
{
	struct sip_transport_layer *t = l->t;
	struct net_client *client;
	int rc = net_client_get(&t->clients, peer, t->config.limits.per_client, &client);

	if (rc != 0) {
		count_refusal(t, rc);
		close(fd);
		return NULL;
	}
	struct sip_conn *c = sip_conn_create(t, l, fd, peer, client);
	if (!c) {
		net_client_put(&t->clients, client);
		count_refusal(t, -ENOMEM);
		return NULL;
	}
	rc = sip_crowd_enter(c);
	if (rc != 0) {
		count_refusal(t, rc);
		sip_conn_drop(c);
		return NULL;
	}
	return c;
}

/* Takes FD. */
static void admit(struct sip_listener *l, int fd, const struct addr *peer)
{
	struct sip_transport_layer *t = l->t;

	if (!is_admitted(l, peer)) {
		close(fd);
		return;
	}
	if (t->n_accepted >= t->config.limits.accepted && !sip_crowd_give_way(t)) {
		sip_count(t, SIP_TRANSPORT_C_REFUSED_LIMIT);
		close(fd);
		return;
	}
	struct sip_conn *c = make(l, fd, peer);
	if (!c)
		return;
	sip_count(t, SIP_TRANSPORT_C_ACCEPTED);
	if (!sip_conn_begin(c, first_stage(l)))
		sip_conn_drop(c);
}

/* False: there are no more, or none can be had now. */
static bool accept_one(struct sip_listener *l)
{
	struct sockaddr_storage ss;
	socklen_t len = sizeof(ss);
	struct addr peer;
	int fd = accept4(l->fd, (struct sockaddr *)&ss, &len, SOCK_NONBLOCK | SOCK_CLOEXEC);

	if (fd < 0) {
		if (errno == EMFILE || errno == ENFILE || errno == ENOBUFS || errno == ENOMEM)
			pause_accepting(l);
		/* Any other error is that connection's; there may be others. */
		return errno != EAGAIN && !wheel_timer_is_set(&l->pause);
	}
	if (net_descriptor_admit(l->t->config.net, NET_FOR_CONNECTION, fd) != 0) {
		pause_accepting(l);
		return false;
	}
	if (addr_from_sockaddr((struct sockaddr *)&ss, len, &peer) == 0)
		admit(l, fd, &peer);
	else
		close(fd);
	return true;
}

static void on_connection(evutil_socket_t fd, short what, void *arg)
{
	struct sip_listener *l = arg;

	(void)fd;
	(void)what;
	loop_turn(l->t->config.loop);
	for (int i = 0; i < SIP_ACCEPTS_PER_ROUND && accept_one(l); i++)
		continue;
}

/* ---- life ---- */

static int listen_on(struct sip_listener *l)
{
	int rc = net_tcp_socket(&l->local, false, &l->fd);

	if (rc == 0)
		rc = sip_socket_set(l->fd);
	if (rc == 0 && listen(l->fd, BACKLOG) != 0)
		rc = -errno;
	if (rc == 0)
		rc = sip_socket_name(l->fd, &l->local);
	if (rc != 0)
		return rc;
	if (event_assign(&l->event, loop_base(l->t->config.loop), l->fd, EV_READ | EV_PERSIST,
		    on_connection, l) != 0 ||
		event_add(&l->event, NULL) != 0)
		return -ENOMEM;
	return 0;
}

static int open_udp(struct sip_listener *l)
{
	int fd, rc = net_udp_socket(&l->local, false, UDP_BUFFER, &fd);

	if (rc != 0)
		return rc;
	rc = sip_socket_name(fd, &l->local);
	if (rc != 0) {
		close(fd);
		return rc;
	}
	return net_udp_open(l->t->config.net, fd, &l->local, &l->t->udp, l, &l->port);
}

int sip_listener_open(struct sip_transport_layer *t, uint32_t i)
{
	const struct sip_listener_config *c = &t->config.listeners[i];
	struct sip_listener *l = &t->listeners[i];

	*l = (struct sip_listener){.t = t,
		.index = i,
		.transport = c->transport,
		.local = c->local,
		.group = c->group,
		.origins = c->origins,
		.n_origins = c->n_origins,
		.fd = -1};
	wheel_timer_init(&l->pause, on_pause_end);
	if (sip_transport_is_secure(c->transport) && !c->tls)
		return ERR_CONFIG;
	int rc = c->transport == SIP_UDP ? open_udp(l) : listen_on(l);
	if (rc != 0) {
		if (l->fd >= 0)
			close(l->fd);
		return rc;
	}
	l->tls = crypto_tls_get(c->tls);
	t->n_open = i + 1;
	return 0;
}

void sip_listener_close(struct sip_listener *l)
{
	wheel_cancel(l->t->config.wheel, &l->pause);
	if (l->port)
		net_port_close(l->port);
	if (l->fd >= 0) {
		event_del(&l->event);
		close(l->fd);
	}
	crypto_tls_destroy(l->tls);
}
