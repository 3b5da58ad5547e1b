/* SPDX-License-Identifier: BSD-3-Clause */
#include <errno.h>
#include <stdlib.h>
#include <unistd.h>
#include <event2/event.h>
#include <netinet/in.h>
#include <sys/socket.h>

#include <sallyport/crypto.h>
#include <sallyport/stun.h>

#include "health.h"

#define TICK_MS     1000
#define ASK_MS      2000
#define DOWN_MS     5000
#define MESSAGE_MAX 1500

struct server {
	struct addr addr;
	uint64_t asked_ms;
	uint64_t answered_ms; /* 0: never */
	bool is_up;
	uint8_t tid[STUN_TID_LEN]; /* of the last request */
};

struct health {
	struct loop *loop; /* not owned */
	void (*changed)(void *arg);
	void *arg;
	struct wheel_timer tick;
	int fd[2];              /* IPv4, IPv6; -1: the host has none */
	struct event *event[2]; /* NULL likewise */
	struct server *servers;
	size_t n;
};

/* ---- answers ---- */

static void take_answer(struct health *h, const struct addr *from, const uint8_t *data, size_t len)
{
	struct stun_msg m;

	if (stun_msg_decode(data, len, &m) != 0 || m.class != STUN_SUCCESS ||
		m.method != STUN_BINDING || m.is_classic)
		return;
	for (size_t i = 0; i < h->n; i++) {
		struct server *s = &h->servers[i];
		if (addr_equal(&s->addr, from) && crypto_equal(s->tid, m.tid, STUN_TID_LEN))
			s->answered_ms = loop_clock(h->loop)->mono_ms;
	}
}

static void on_readable(evutil_socket_t fd, short what, void *arg)
{
	struct health *h = arg;
	uint8_t data[MESSAGE_MAX];
	struct sockaddr_storage ss;
	struct addr from;

	(void)what;
	loop_turn(h->loop);
	/* As many as there are servers; the rest wakes us again. */
	for (size_t i = 0; i <= h->n; i++) {
		socklen_t ss_len = sizeof(ss);
		ssize_t n = recvfrom(fd, data, sizeof(data), 0, (struct sockaddr *)&ss, &ss_len);
		if (n < 0)
			return; /* none left, or an ICMP error: the silence says it too */
		if (addr_from_sockaddr((struct sockaddr *)&ss, ss_len, &from) == 0)
			take_answer(h, &from, data, (size_t)n);
	}
}

/* ---- questions ---- */

static void ask(struct health *h, struct server *s)
{
	int fd = h->fd[s->addr.family == ADDR_IPV6];
	uint8_t data[64];
	struct sockaddr_storage ss;
	struct stun_writer w;
	size_t len;

	s->asked_ms = loop_clock(h->loop)->mono_ms;
	crypto_random(s->tid, sizeof(s->tid));
	stun_write_begin(&w, data, sizeof(data), STUN_REQUEST, STUN_BINDING, s->tid);
	stun_write_fingerprint(&w);
	socklen_t ss_len = addr_to_sockaddr(&s->addr, &ss);
	if (fd < 0 || stun_write_end(&w, &len) != 0)
		return;
	/* What cannot be sent is not answered. */
	(void)sendto(fd, data, len, MSG_NOSIGNAL, (struct sockaddr *)&ss, ss_len);
}

/* True when it has come or gone. */
static bool judge(struct server *s, uint64_t now_ms)
{
	char text[ADDR_TEXT_LEN];
	bool is_up = s->answered_ms != 0 && now_ms - s->answered_ms < DOWN_MS;

	if (is_up == s->is_up)
		return false;
	s->is_up = is_up;
	if (is_up)
		log_notice(
			LOG_DAEMON, "alternate is up", "address=%s", addr_format(&s->addr, text));
	else
		log_warning(LOG_DAEMON, "alternate is down",
			"address=%s hint=\"it answers no Binding request; no client is sent "
			"there\"",
			addr_format(&s->addr, text));
	return true;
}

static void on_tick(struct wheel_timer *t, void *arg)
{
	struct health *h = CONTAINER_OF(t, struct health, tick);
	uint64_t now_ms = loop_clock(h->loop)->mono_ms;
	bool has_changed = false;

	(void)arg;
	for (size_t i = 0; i < h->n; i++) {
		struct server *s = &h->servers[i];
		has_changed = judge(s, now_ms) || has_changed;
		if (s->asked_ms == 0 || now_ms - s->asked_ms >= ASK_MS)
			ask(h, s);
	}
	if (h->n > 0)
		wheel_set(loop_wheel(h->loop), &h->tick, now_ms + TICK_MS);
	if (has_changed)
		h->changed(h->arg);
}

/* ---- life ---- */

/* A host without IPv6 can still ask over IPv4. */
static void open_socket(struct health *h, int family, size_t i)
{
	h->fd[i] = socket(family, SOCK_DGRAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
	if (h->fd[i] < 0)
		return;
	h->event[i] = event_new(loop_base(h->loop), h->fd[i], EV_READ | EV_PERSIST, on_readable, h);
	if (h->event[i])
		(void)event_add(h->event[i], NULL);
}

struct health *health_create(struct loop *l, void (*changed)(void *arg), void *arg)
{
	struct health *h = calloc(1, sizeof(*h));

	if (!h)
		return NULL;
	h->loop = l;
	h->changed = changed;
	h->arg = arg;
	wheel_timer_init(&h->tick, on_tick);
	open_socket(h, AF_INET, 0);
	open_socket(h, AF_INET6, 1);
	return h;
}

void health_destroy(struct health *h)
{
	if (!h)
		return;
	wheel_cancel(loop_wheel(h->loop), &h->tick);
	for (size_t i = 0; i < ARRAY_LEN(h->fd); i++) {
		if (h->event[i])
			event_free(h->event[i]);
		if (h->fd[i] >= 0)
			close(h->fd[i]);
	}
	free(h->servers);
	free(h);
}

int health_watch(struct health *h, const struct addr *a, size_t n)
{
	struct server *servers = calloc(n + 1, sizeof(*servers));

	if (!servers)
		return -ENOMEM;
	for (size_t i = 0; i < n; i++) {
		servers[i].addr = a[i];
		for (size_t k = 0; k < h->n; k++) {
			if (addr_equal(&h->servers[k].addr, &a[i]))
				servers[i] = h->servers[k];
		}
	}
	free(h->servers);
	h->servers = servers;
	h->n = n;
	if (n > 0 && !wheel_timer_is_set(&h->tick))
		wheel_set(loop_wheel(h->loop), &h->tick, loop_clock(h->loop)->mono_ms);
	return 0;
}

bool health_is_up(const struct health *h, size_t i)
{
	return i < h->n && h->servers[i].is_up;
}
