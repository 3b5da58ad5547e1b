/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * Paced voice through a relay, both ways: every call is one allocation with one channel and one
 * peer socket of its own. Counts what is lost and how long the rest took. Packets of a call leave
 * at the same distance; the calls are spread evenly over the interval.
 */
#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/socket.h>
#include <time.h>
#include <unistd.h>

#include "turnbench.h"

#define PAYLOAD_LEN 172 /* 20 ms of G.711 and an RTP header */
#define DRAIN_NS    500000000u

enum direction {
	UP,   /* client to peer */
	DOWN, /* peer to client */
	DIRECTIONS,
};

struct call {
	struct turnclient client;
	int fd[DIRECTIONS]; /* the sender of each direction: the client's, the peer's own */
};

struct tally {
	uint64_t sent, received;
	uint32_t *delay_us; /* CAP of them, RECEIVED filled */
	size_t cap;
};

struct voice {
	const struct bench *bench;
	struct call *calls;
	int epoll_fd;
	struct tally tally[DIRECTIONS];
};

static uint64_t now_ns(void)
{
	struct timespec ts;

	clock_gettime(CLOCK_MONOTONIC, &ts);
	return (uint64_t)ts.tv_sec * 1000000000u + (uint64_t)ts.tv_nsec;
}

static int peer_socket(const struct addr *where, struct addr *bound)
{
	struct sockaddr_storage ss;
	struct addr any_port = *where;
	any_port.port = 0;
	socklen_t len = addr_to_sockaddr(&any_port, &ss);
	int fd = socket(ss.ss_family, SOCK_DGRAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);

	if (fd < 0 || bind(fd, (struct sockaddr *)&ss, len) != 0)
		return -errno;
	len = sizeof(ss);
	if (getsockname(fd, (struct sockaddr *)&ss, &len) != 0)
		return -errno;
	(void)addr_from_sockaddr((struct sockaddr *)&ss, len, bound); /* it is what we bound */
	return fd;
}

static int call_open(struct voice *v, uint32_t i)
{
	struct call *call = &v->calls[i];
	struct addr peer, relayed;
	struct sockaddr_storage ss;

	call->fd[DOWN] = peer_socket(&v->bench->peer, &peer);
	if (call->fd[DOWN] < 0)
		return call->fd[DOWN];
	int rc = bench_allocate(v->bench, &call->client, &relayed, &peer);
	if (rc != 0)
		return rc;
	call->fd[UP] = call->client.fd;
	socklen_t len = addr_to_sockaddr(&relayed, &ss);
	if (connect(call->fd[DOWN], (struct sockaddr *)&ss, len) != 0)
		return -errno;
	for (uint32_t d = 0; d < DIRECTIONS; d++) {
		struct epoll_event e = {.events = EPOLLIN, .data.u64 = (uint64_t)i << 1 | d};
		if (epoll_ctl(v->epoll_fd, EPOLL_CTL_ADD, call->fd[d], &e) != 0)
			return -errno;
	}
	return 0;
}

static void call_send(struct voice *v, uint32_t i)
{
	uint8_t buf[STUN_CHANNEL_HEADER_LEN + PAYLOAD_LEN] = {0};
	uint8_t *payload = buf + STUN_CHANNEL_HEADER_LEN;

	be16_put(buf, BENCH_CHANNEL);
	be16_put(buf + 2, PAYLOAD_LEN);
	payload[0] = 0x80; /* RTP version 2 */
	be64_put(payload + 12, now_ns());
	v->tally[UP].sent++;
	(void)send(v->calls[i].fd[UP], buf, sizeof(buf), 0); /* a failed one counts as lost */
	be64_put(payload + 12, now_ns());
	v->tally[DOWN].sent++;
	(void)send(v->calls[i].fd[DOWN], payload, PAYLOAD_LEN, 0);
}

/* What arrives at the client's socket went DOWN, at the peer's UP. */
static void call_receive(struct voice *v, uint64_t where)
{
	enum direction sender = (enum direction)(where & 1);
	struct tally *t = &v->tally[sender == UP ? DOWN : UP];
	size_t header = sender == UP ? STUN_CHANNEL_HEADER_LEN : 0;
	uint8_t buf[2048];
	ssize_t n;

	while ((n = recv(v->calls[where >> 1].fd[sender], buf, sizeof(buf), MSG_DONTWAIT)) > 0) {
		if ((size_t)n < header + PAYLOAD_LEN || buf[header] != 0x80 ||
			t->received >= t->cap)
			continue;
		t->delay_us[t->received++] =
			(uint32_t)((now_ns() - be64_get(buf + header + 12)) / 1000);
	}
}

static void receive_all(struct voice *v, int timeout_ms)
{
	struct epoll_event events[256];
	int n = epoll_wait(v->epoll_fd, events, ARRAY_LEN(events), timeout_ms);

	for (int i = 0; i < n; i++)
		call_receive(v, events[i].data.u64);
}

static void talk(struct voice *v)
{
	const struct bench *b = v->bench;
	uint64_t total = (uint64_t)b->n * b->seconds * 1000 / b->interval_ms;
	uint64_t step_ns = (uint64_t)b->interval_ms * 1000000 / b->n, start = now_ns(), sent = 0;

	while (sent < total) {
		uint64_t due = (now_ns() - start) / step_ns;
		for (; sent < due && sent < total; sent++)
			call_send(v, (uint32_t)(sent % b->n));
		receive_all(v, 1);
	}
	for (uint64_t end = now_ns() + DRAIN_NS; now_ns() < end;)
		receive_all(v, 10);
}

static int compare_u32(const void *a, const void *b)
{
	uint32_t x = *(const uint32_t *)a, y = *(const uint32_t *)b;

	return x < y ? -1 : x > y;
}

static uint32_t percentile(const struct tally *t, unsigned per_mille)
{
	return t->received ? t->delay_us[(t->received - 1) * per_mille / 1000] : 0;
}

static void report(struct voice *v, uint64_t cpu_us)
{
	static const char *const NAMES[DIRECTIONS] = {"up", "down"};
	uint64_t packets = 0;

	printf("voice calls=%u seconds=%u", v->bench->n, v->bench->seconds);
	for (unsigned d = 0; d < DIRECTIONS; d++) {
		struct tally *t = &v->tally[d];
		qsort(t->delay_us, t->received, sizeof(*t->delay_us), compare_u32);
		packets += t->received;
		printf(" %s_sent=%" PRIu64 " %s_lost=%" PRIu64
		       " %s_p50_us=%u %s_p99_us=%u %s_max_us=%u",
			NAMES[d], t->sent, NAMES[d], t->sent - t->received, NAMES[d],
			percentile(t, 500), NAMES[d], percentile(t, 990), NAMES[d],
			percentile(t, 1000));
	}
	printf(" server_cpu_us_per_packet=%.2f\n",
		packets ? (double)cpu_us / (double)packets : 0.0);
}

int bench_voice(const struct bench *b)
{
	struct voice v = {.bench = b, .calls = calloc(b->n, sizeof(*v.calls))};
	size_t cap = (size_t)b->n * b->seconds * 1000 / b->interval_ms + b->n;
	int rc = -ENOMEM;

	v.epoll_fd = epoll_create1(EPOLL_CLOEXEC);
	for (unsigned d = 0; d < DIRECTIONS; d++)
		v.tally[d] = (struct tally){.delay_us = calloc(cap, sizeof(uint32_t)), .cap = cap};
	if (v.epoll_fd < 0 || !v.calls || !v.tally[UP].delay_us || !v.tally[DOWN].delay_us)
		goto out;
	for (uint32_t i = 0; i < b->n; i++) {
		rc = call_open(&v, i);
		if (rc != 0)
			goto out;
	}
	uint64_t cpu = bench_cpu_us(b);
	talk(&v);
	report(&v, bench_cpu_us(b) - cpu);
	rc = 0;
out:
	for (uint32_t i = 0; v.calls && i < b->n; i++)
		bench_release(&v.calls[i].client);
	free(v.tally[UP].delay_us);
	free(v.tally[DOWN].delay_us);
	free(v.calls);
	if (v.epoll_fd >= 0)
		(void)close(v.epoll_fd); /* the peers' sockets end with the process */
	return rc;
}
