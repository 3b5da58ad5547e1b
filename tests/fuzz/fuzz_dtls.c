/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * A script of datagrams from four addresses to the DTLS sessions of a port, with time between them.
 * Each step is a byte (address in the two lowest bits, then what to do), a length, and so many
 * bytes:
 *
 *   0  a datagram as it stands
 *   1  a hello with these bytes behind its cookie, which is a right one
 *   2  an unencrypted handshake record with these bytes in it
 *   3  time passes, as much as the length says in half seconds
 *
 * Whatever comes, what is sent to an address without a session is shorter than what drew it, the
 * sessions stay within their limit and every buffer comes back.
 */
#include <stdlib.h>
#include <string.h>

#include <sallyport/crypto.h>
#include <sallyport/net.h>

#include "../crypto/pki.h"

#define MAX_SESSIONS 3
#define N_BUFFERS    256
#define HELLO_FRONT  (2 + 32 + 1) /* version, random, no session id */

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

struct rig {
	struct net_port udp; /* the fake, first: it is cast back */
	struct loop *loop;
	struct net *net;
	metrics_cell cells[NET_C_COUNT];
	struct clock clock;
	struct wheel wheel;
	struct net_dtls *dtls;
	uint8_t cookie[20]; /* of the last HelloVerifyRequest */
	uint8_t record_seq;
	size_t n_sent, longest; /* since the last datagram */
};

static void must(bool is_true)
{
	if (!is_true)
		abort();
}

static void on_send(struct net_port *p, struct net_buf *b)
{
	struct rig *r = (struct rig *)p;

	r->n_sent++;
	if (b->len > r->longest)
		r->longest = b->len;
	if (b->len == 48)
		memcpy(r->cookie, b->data + 28, sizeof(r->cookie));
	net_buf_put(r->net, b);
}

static const struct net_port_ops udp_ops = {on_send, NULL};

static void on_packets(void *arg, struct net_port *p, struct net_buf **bufs, size_t n)
{
	for (size_t i = 0; i < n; i++)
		net_port_send(p, bufs[i]);
	(void)arg;
}

/* Once for all inputs: keys take long. */
static struct ssl_ctx_st *context(void)
{
	static struct ssl_ctx_st *ctx;

	if (!ctx)
		ctx = pki_server(true);
	return ctx;
}

static void rig_init(struct rig *r)
{
	static const struct net_handler handler = {.packets = on_packets};
	struct net_dtls_config c = {.port = &r->udp,
		.tls = context(),
		.wheel = &r->wheel,
		.clock = &r->clock,
		.max_connections = MAX_SESSIONS,
		.per_client = MAX_SESSIONS};

	*r = (struct rig){.udp = {.ops = &udp_ops, .id = 1}, .clock = {.mono_ms = 1000000}};
	r->loop = loop_create("fuzz", 4);
	r->net = net_create(r->loop, r->cells);
	wheel_init(&r->wheel, r->clock.mono_ms, NULL);
	must(r->net && net_dtls_create(r->net, &c, &handler, NULL, &r->dtls) == 0);
}

static void rig_fini(struct rig *r)
{
	net_dtls_destroy(r->dtls);
	must(metrics_get(r->cells, NET_C_CONNECTIONS) == 0 && r->wheel.count == 0);
	for (size_t i = 0; i < N_BUFFERS; i++)
		must(net_buf_get(r->net));
	net_destroy(r->net);
	loop_destroy(r->loop);
}

static void hear(struct rig *r, unsigned who, const uint8_t *data, size_t len)
{
	struct net_buf *b = net_buf_get(r->net);
	uint64_t accepted = metrics_get(r->cells, NET_C_ACCEPTED_DTLS);
	bool is_empty = metrics_get(r->cells, NET_C_CONNECTIONS) == 0;

	must(b);
	memcpy(b->data, data, len);
	b->len = (uint32_t)len;
	b->addr = addr_ipv4(0xc0000201, (uint16_t)(1000 + who));
	r->n_sent = r->longest = 0;
	net_dtls_receive(r->dtls, b);
	if (is_empty && metrics_get(r->cells, NET_C_ACCEPTED_DTLS) == accepted)
		must(r->n_sent <= 1 && r->longest < (len ? len : 1));
	must(metrics_get(r->cells, NET_C_CONNECTIONS) <= MAX_SESSIONS);
}

/* An unencrypted handshake record around LEN bytes. */
static size_t record(struct rig *r, const uint8_t *body, size_t len, uint8_t *out)
{
	memcpy(out, "\x16\xfe\xfd\0\0\0\0\0\0\0", 10);
	out[10] = r->record_seq++;
	be16_put(out + 11, (uint16_t)len);
	memcpy(out + 13, body, len);
	return 13 + len;
}

static void send_hello(
	struct rig *r, unsigned who, const uint8_t *cookie, const uint8_t *rest, size_t rest_len)
{
	uint8_t message[12 + HELLO_FRONT + 21 + 256] = {1}, out[512];
	uint8_t *body = message + 12;
	size_t len = HELLO_FRONT;

	memcpy(body, "\xfe\xfd", 2);
	body[2] = (uint8_t)who;
	body[3] = (uint8_t)rest_len;
	body[len++] = cookie ? 20 : 0;
	if (cookie)
		memcpy(body + len, cookie, 20);
	len += cookie ? 20 : 0;
	memcpy(body + len, rest, rest_len);
	len += rest_len;
	be16_put(message + 2, (uint16_t)len);
	message[5] = cookie ? 1 : 0;
	be16_put(message + 10, (uint16_t)len);
	hear(r, who, out, record(r, message, 12 + len, out));
}

static void step(struct rig *r, uint8_t what, const uint8_t *data, size_t len)
{
	unsigned who = what & 3;
	uint8_t cookie[20], out[512];

	switch (what >> 2 & 3) {
	case 0:
		hear(r, who, data, len);
		break;
	case 1:
		send_hello(r, who, NULL, data, len);
		memcpy(cookie, r->cookie, sizeof(cookie));
		send_hello(r, who, cookie, data, len);
		break;
	case 2:
		hear(r, who, out, record(r, data, len, out));
		break;
	default:
		r->clock.mono_ms += len * 500;
		wheel_advance(&r->wheel, r->clock.mono_ms);
		break;
	}
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct rig r;

	rig_init(&r);
	for (size_t at = 0; at + 2 <= size;) {
		size_t len = data[at + 1], left = size - at - 2;
		if (len > left)
			len = left;
		step(&r, data[at], data + at + 2, len);
		at += 2 + len;
	}
	rig_fini(&r);
	return 0;
}
