/* SPDX-License-Identifier: BSD-3-Clause */
/* A worker's media and its peers on loopback. */
#include "rig.h"

#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>
#include <event2/event.h>

#define LOOPBACK 0x7f000001

/* ---- peers ---- */

static void on_packets(void *arg, struct net_port *port, struct net_buf **bufs, size_t n)
{
	struct rig *r = arg;
	struct peer *p = port->owner;

	for (size_t i = 0; i < n; i++) {
		const struct net_buf *b = bufs[i];
		assert_true(p->n_got < GOT_MAX && b->len <= PACKET_MAX);
		struct got *g = &p->got[p->n_got++];
		*g = (struct got){b->addr, port == p->rtcp, b->tos, b->len, {0}};
		memcpy(g->data, b->data, b->len);
		net_buf_put(r->net, bufs[i]);
	}
	r->n_got += n;
	if (r->n_got >= r->stop_at)
		loop_stop(r->loop);
}

static struct net_port *open_port(struct rig *r, struct peer *p)
{
	struct addr local = addr_ipv4(LOOPBACK, 0);
	struct sockaddr_storage ss;
	socklen_t len = sizeof(ss);
	struct net_port *port;
	int fd;

	assert_int_equal(net_udp_socket(&local, false, 0, &fd), 0);
	assert_int_equal(getsockname(fd, (struct sockaddr *)&ss, &len), 0);
	assert_int_equal(addr_from_sockaddr((struct sockaddr *)&ss, len, &local), 0);
	assert_int_equal(net_udp_open(r->net, fd, &local, &r->handler, p, &port), 0);
	return port;
}

static void send_from(struct net_port *from, const struct addr *to, const void *data, size_t len)
{
	struct peer *p = from->owner;
	struct net_buf *b = net_buf_get(p->rig->net);

	assert_non_null(b);
	if (len > 0)
		memcpy(b->data, data, len);
	b->len = (uint32_t)len;
	b->addr = *to;
	net_port_send(from, b);
}

static unsigned side_of(const struct peer *p)
{
	return (unsigned)(p - p->rig->peers);
}

void peer_send_bytes(struct peer *p, const void *data, size_t len)
{
	send_from(p->rtp, &p->rig->ready.rtp[side_of(p)], data, len);
}

void peer_send_rtcp_bytes(struct peer *p, bool is_muxed, const void *data, size_t len)
{
	if (is_muxed)
		peer_send_bytes(p, data, len);
	else
		send_from(p->rtcp, &p->rig->ready.rtcp[side_of(p)], data, len);
}

size_t peer_packet(struct peer *p, uint8_t type, const void *data, size_t len, uint8_t *out)
{
	struct rtp_packet packet = {
		.payload_type = type,
		.sequence = p->sequence++,
		.timestamp = p->timestamp,
		.ssrc = p->ssrc,
		.payload = bytes_of(data, len),
	};
	size_t n;

	p->timestamp += 160;
	assert_int_equal(rtp_encode(&packet, out, PACKET_MAX, &n), 0);
	if (p->to)
		assert_int_equal(srtp_session_protect(p->to, out, &n, PACKET_MAX), SRTP_OK);
	return n;
}

void peer_talk(struct peer *p, uint8_t type, const void *data, size_t len)
{
	uint8_t out[PACKET_MAX];

	peer_send_bytes(p, out, peer_packet(p, type, data, len, out));
}

struct rtp_packet opened(struct peer *p, size_t i)
{
	struct rtp_packet packet;

	assert_true(i < p->n_got);
	struct got *g = &p->got[i];
	assert_false(g->is_rtcp);
	if (p->from)
		assert_int_equal(srtp_session_unprotect(p->from, g->data, &g->len), SRTP_OK);
	assert_int_equal(rtp_decode(g->data, g->len, &packet), 0);
	return packet;
}

/* ---- the call's side ---- */

static bool on_ready(void *arg, const struct media_ready *ready)
{
	struct rig *r = arg;

	r->ready = *ready;
	r->n_ready++;
	return !r->is_deaf;
}

static bool on_event(void *arg, const struct media_event *e)
{
	struct rig *r = arg;

	if (r->is_busy)
		return false;
	assert_true(r->n_events < EVENTS_MAX);
	r->events[r->n_events++] = *e;
	return true;
}

static void post(struct rig *r, const struct msg_type *type, const void *payload)
{
	assert_int_equal(loop_post(r->loop, type, r->media, payload), 0);
	assert_true(loop_deliver(r->loop));
}

void open_session(struct rig *r, bool has_rtcp_ports)
{
	struct media_open ask = {
		4711, {has_rtcp_ports, has_rtcp_ports}, {0, r->config.n_faces - 1}};

	post(r, &media_open_msg, &ask);
}

void close_session(struct rig *r)
{
	struct media_end ask = {r->ready.id};

	post(r, &media_end_msg, &ask);
}

struct media_agreement usual(const struct rig *r, enum media_side side)
{
	static const struct rtp_formats client = {
		3, {{8, RTP_PCMA}, {13, RTP_NOISE}, {101, RTP_EVENT}}};
	static const struct rtp_formats gateway = {2, {{0, RTP_PCMU}, {96, RTP_EVENT}}};
	const struct rtp_formats *f = side == MEDIA_CLIENT ? &client : &gateway;

	return (struct media_agreement){
		.rtp = r->peers[side].rtp->local,
		.rtcp = r->peers[side].rtcp->local,
		.may_send = true,
		.may_receive = true,
		.is_supervised = true,
		.is_supervised_on_hold = true,
		.from = *f,
		.to = *f,
		.packet_ms = 20,
	};
}

static struct srtp_session *session(
	const struct media_agreement *a, const uint8_t *key, enum srtp_direction d)
{
	struct srtp_config c = {a->suite, d, bytes_of(key, srtp_master_len(a->suite)), 0};
	struct srtp_session *s;

	assert_int_equal(srtp_session_create(&c, &s), 0);
	return s;
}

struct media_agreement secure(struct rig *r, enum media_side side, enum srtp_suite s, uint8_t seed)
{
	struct media_agreement a = usual(r, side);
	struct peer *p = &r->peers[side];

	a.is_srtp = true;
	a.suite = s;
	memset(a.master_from, seed, sizeof(a.master_from));
	memset(a.master_to, seed + 1, sizeof(a.master_to));
	srtp_session_destroy(p->from);
	srtp_session_destroy(p->to);
	p->to = session(&a, a.master_from, SRTP_PROTECT);
	p->from = session(&a, a.master_to, SRTP_UNPROTECT);
	return a;
}

void agree(struct rig *r, enum media_side side, const struct media_agreement *a)
{
	struct media_update u = {r->ready.id, side, malloc(sizeof(*a))};

	assert_non_null(u.agreement);
	*u.agreement = *a;
	post(r, &media_update_msg, &u);
}

/* ---- time ---- */

void run_until(struct rig *r, size_t n_got)
{
	r->stop_at = n_got;
	if (r->n_got < n_got)
		assert_int_equal(loop_run(r->loop), 0);
}

void event_turn(struct rig *r)
{
	net_flush(r->net);
	assert_true(event_base_loop(loop_base(r->loop), EVLOOP_NONBLOCK) >= 0);
	net_flush(r->net);
}

void pass_ms(struct rig *r, uint64_t ms)
{
	for (uint64_t end = r->clock.mono_ms + ms; r->clock.mono_ms < end;) {
		r->clock.mono_ms += WHEEL_TICK_MS;
		wheel_advance(&r->wheel, r->clock.mono_ms);
	}
	net_flush(r->net);
}

/* ---- life ---- */

uint64_t counted(const struct rig *r, unsigned row)
{
	return metrics_get(r->cells, row);
}

struct rig *rig_create(void)
{
	struct rig *r = calloc(1, sizeof(*r));

	assert_non_null(r);
	alarm(60);
	r->loop = loop_create("test", 16);
	r->net = net_create(r->loop, r->net_cells);
	assert_non_null(r->net);
	r->clock = (struct clock){1000000, 1700000000};
	wheel_init(&r->wheel, r->clock.mono_ms, NULL);
	r->handler = (struct net_handler){.packets = on_packets, .arg = r};
	r->config = (struct media_config){
		.clock = &r->clock,
		.wheel = &r->wheel,
		.net = r->net,
		.cells = r->cells,
		.n_workers = 1,
		.n_faces = MEDIA_SIDES,
		.max_sessions = 8,
		.ready = on_ready,
		.event = on_event,
		.arg = r,
	};
	for (unsigned i = 0; i < MEDIA_SIDES; i++) {
		struct peer *p = &r->peers[i];
		r->config.faces[i] = (struct media_face){.local = addr_ipv4(LOOPBACK, 0)};
		*p = (struct peer){.rig = r, .ssrc = 0x1000 + i, .sequence = 65530};
		p->rtp = open_port(r, p);
		p->rtcp = open_port(r, p);
	}
	return r;
}

void rig_start(struct rig *r)
{
	assert_int_equal(media_create(&r->config, &r->media), 0);
}

int rig_setup(void **state)
{
	struct rig *r = rig_create();

	rig_start(r);
	*state = r;
	return 0;
}

int rig_teardown(void **state)
{
	struct rig *r = *state;

	media_destroy(r->media);
	assert_int_equal(r->wheel.count, 0);
	assert_int_equal(counted(r, MEDIA_C_SESSIONS), 0);
	for (unsigned i = 0; i < MEDIA_SIDES; i++) {
		srtp_session_destroy(r->peers[i].from);
		srtp_session_destroy(r->peers[i].to);
		net_port_close(r->peers[i].rtp);
		net_port_close(r->peers[i].rtcp);
	}
	net_destroy(r->net);
	loop_destroy(r->loop);
	free(r);
	alarm(0);
	return 0;
}
