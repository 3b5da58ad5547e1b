/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * A worker's packet machinery: its buffers, and the flush at the end of a turn. The sockets that
 * use it are in udp.c, what they exchange with the kernel in udp_rx.c and udp_tx.c.
 */
#include <errno.h>
#include <poll.h>
#include <stdlib.h>
#include <sys/mman.h>

#include "net_priv.h"
#include "rx.h"

static const struct metrics_row rows[NET_C_COUNT] = {
	[NET_C_RX_PACKETS] = {"sallyport_net_packets_total", "direction=\"in\"", METRICS_COUNTER,
		"Datagrams received and sent on all sockets of the relay."},
	[NET_C_TX_PACKETS] = {"sallyport_net_packets_total", "direction=\"out\"", METRICS_COUNTER,
		NULL},
	[NET_C_RX_BYTES] = {"sallyport_net_bytes_total", "direction=\"in\"", METRICS_COUNTER,
		"Bytes of those datagrams, without IP and UDP headers."},
	[NET_C_TX_BYTES] = {"sallyport_net_bytes_total", "direction=\"out\"", METRICS_COUNTER,
		NULL},
	[NET_C_RX_CALLS] = {"sallyport_net_batches_total", "direction=\"in\"", METRICS_COUNTER,
		"System calls that moved them."},
	[NET_C_TX_CALLS] = {"sallyport_net_batches_total", "direction=\"out\"", METRICS_COUNTER,
		NULL},
	[NET_C_RX_ERRORS] = {"sallyport_net_receive_errors_total", NULL, METRICS_COUNTER,
		"Receive calls that failed, and datagrams too long to hold."},
	[NET_C_TX_FULL] = {"sallyport_net_send_drops_total", "reason=\"queue_full\"",
		METRICS_COUNTER, "Datagrams the kernel did not take."},
	[NET_C_TX_UNREACHABLE] = {"sallyport_net_send_drops_total", "reason=\"unreachable\"",
		METRICS_COUNTER, NULL},
	[NET_C_TX_TOO_BIG] = {"sallyport_net_send_drops_total", "reason=\"too_big\"",
		METRICS_COUNTER, NULL},
	[NET_C_TX_ERRORS] = {"sallyport_net_send_drops_total", "reason=\"other\"", METRICS_COUNTER,
		NULL},
	[NET_C_ICMP] = {"sallyport_net_icmp_errors_total", NULL, METRICS_COUNTER,
		"ICMP errors that relayed datagrams met."},
	[NET_C_CONNECTIONS] = {"sallyport_net_connections", NULL, METRICS_GAUGE,
		"Connections of clients that are open, DTLS sessions and those of load balancers "
		"on UDP among them."},
	[NET_C_ACCEPTED_TCP] = {"sallyport_net_connections_total", "transport=\"tcp\"",
		METRICS_COUNTER, "Connections accepted."},
	[NET_C_ACCEPTED_TLS] = {"sallyport_net_connections_total", "transport=\"tls\"",
		METRICS_COUNTER, NULL},
	[NET_C_ACCEPTED_DTLS] = {"sallyport_net_connections_total", "transport=\"dtls\"",
		METRICS_COUNTER, NULL},
	[NET_C_ACCEPTED_UDP] = {"sallyport_net_connections_total", "transport=\"udp\"",
		METRICS_COUNTER, NULL},
	[NET_C_REFUSED_LIMIT] = {"sallyport_net_connections_refused_total", "reason=\"limit\"",
		METRICS_COUNTER,
		"Connections closed at once because there were too many, and pauses for want of "
		"descriptors."},
	[NET_C_REFUSED_CLIENT] = {"sallyport_net_connections_refused_total", "reason=\"client\"",
		METRICS_COUNTER, NULL},
	[NET_C_REFUSED_DESCRIPTORS] = {"sallyport_net_connections_refused_total",
		"reason=\"descriptors\"", METRICS_COUNTER, NULL},
	[NET_C_END_CLIENT] = {"sallyport_net_connections_ended_total", "reason=\"client\"",
		METRICS_COUNTER, "Connections ended, by who or what ended them."},
	[NET_C_END_ERROR] = {"sallyport_net_connections_ended_total", "reason=\"error\"",
		METRICS_COUNTER, NULL},
	[NET_C_END_PROTOCOL] = {"sallyport_net_connections_ended_total", "reason=\"protocol\"",
		METRICS_COUNTER, NULL},
	[NET_C_END_HTTP] = {"sallyport_net_connections_ended_total", "reason=\"http\"",
		METRICS_COUNTER, NULL},
	[NET_C_END_HANDSHAKE] = {"sallyport_net_connections_ended_total", "reason=\"handshake\"",
		METRICS_COUNTER, NULL},
	[NET_C_END_PROXY] = {"sallyport_net_connections_ended_total", "reason=\"proxy_header\"",
		METRICS_COUNTER, NULL},
	[NET_C_END_SILENT] = {"sallyport_net_connections_ended_total", "reason=\"silent\"",
		METRICS_COUNTER, NULL},
	[NET_C_END_IDLE] = {"sallyport_net_connections_ended_total", "reason=\"idle\"",
		METRICS_COUNTER, NULL},
	[NET_C_END_REPLACED] = {"sallyport_net_connections_ended_total", "reason=\"replaced\"",
		METRICS_COUNTER, NULL},
	[NET_C_PROXY_DROPPED] = {"sallyport_net_proxy_drops_total", NULL, METRICS_COUNTER,
		"Datagrams of load balancers without a right header of the PROXY protocol."},
	[NET_C_RX_MESSAGES] = {"sallyport_net_stream_messages_total", "direction=\"in\"",
		METRICS_COUNTER, "STUN and ChannelData messages on connections."},
	[NET_C_TX_MESSAGES] = {"sallyport_net_stream_messages_total", "direction=\"out\"",
		METRICS_COUNTER, NULL},
	[NET_C_RX_MESSAGE_BYTES] = {"sallyport_net_stream_bytes_total", "direction=\"in\"",
		METRICS_COUNTER, "Bytes of those messages, padding included."},
	[NET_C_TX_MESSAGE_BYTES] = {"sallyport_net_stream_bytes_total", "direction=\"out\"",
		METRICS_COUNTER, NULL},
	[NET_C_STREAM_FULL] = {"sallyport_net_stream_drops_total", NULL, METRICS_COUNTER,
		"Messages for connections whose reader was too slow."},
	[NET_C_DTLS_COOKIES] = {"sallyport_net_dtls_cookies_total", NULL, METRICS_COUNTER,
		"Hellos of DTLS clients answered by a cookie; nothing is kept of them."},
	[NET_C_DTLS_MALFORMED] = {"sallyport_net_dtls_drops_total", "reason=\"malformed\"",
		METRICS_COUNTER, "Datagrams that look like DTLS and belong to no session."},
	[NET_C_DTLS_NO_SESSION] = {"sallyport_net_dtls_drops_total", "reason=\"no_session\"",
		METRICS_COUNTER, NULL},
	[NET_C_RX_OVERFLOW] = {"sallyport_net_steer_receive_drops_total", "reason=\"full\"",
		METRICS_COUNTER,
		"Datagrams for steered relay ports that found their worker's socket full, or "
		"whose port had just been closed or moved."},
	[NET_C_STEER_NO_PORT] = {"sallyport_net_steer_receive_drops_total", "reason=\"no_port\"",
		METRICS_COUNTER, NULL},
	[NET_C_STEER_FRAMES] = {"sallyport_net_steer_sent_total", "by=\"frame\"", METRICS_COUNTER,
		"Datagrams sent past the kernel's UDP: as whole frames, and by raw sockets where "
		"no path is ready or the kernel must see to them."},
	[NET_C_STEER_RAW] = {"sallyport_net_steer_sent_total", "by=\"raw\"", METRICS_COUNTER, NULL},
};
const struct metrics_group net_counters = {rows, NET_C_COUNT};

/*
 * Buffers stand an odd number of cache lines apart. At a power of two their first lines, the only
 * ones most packets touch, would all fall into the same few sets of the first-level cache.
 */
#define BUF_STRIDE (NET_HEADROOM + NET_DATAGRAM_MAX + 1 + NET_TAILROOM + 7 * 64)

static void flush_turn(void *arg)
{
	net_flush(arg);
}

static int make_bufs(struct net *n)
{
	/* Pages are touched as packets need them: small packets cost one page a buffer. */
	void *mem = mmap(NULL, (size_t)BUF_STRIDE * NET_BUFS, PROT_READ | PROT_WRITE,
		MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);
	if (mem == MAP_FAILED)
		return -errno;
	n->memory = mem;
	n->all_bufs = calloc(NET_BUFS, sizeof(*n->all_bufs));
	if (!n->all_bufs)
		return -ENOMEM;
	for (size_t i = 0; i < NET_BUFS; i++)
		net_buf_put(n, &n->all_bufs[i]);
	return 0;
}

struct net *net_create(struct loop *loop, metrics_cell *cells)
{
	struct net *n = calloc(1, sizeof(*n));

	if (!n)
		return NULL;
	n->loop = loop;
	n->cells = cells;
	n->dirty_tail = &n->dirty;
	list_init(&n->dirty_conns);
	net_clients_init(&n->clients);
	net_descriptors_init(n);
	loop_deferred_init(&n->flush, flush_turn, n);
	n->rx = net_rx_create();
	n->tx = net_tx_create();
	n->ready.fd = -1;
	if (!n->rx || !n->tx || make_bufs(n) != 0 || net_ready_init(&n->ready, n) != 0) {
		net_destroy(n);
		return NULL;
	}
	return n;
}

void net_destroy(struct net *n)
{
	if (!n)
		return;
	loop_deferred_cancel(&n->flush);
	net_ready_fini(&n->ready);
	net_rx_destroy(n->rx);
	net_tx_destroy(n->tx);
	if (n->memory)
		munmap(n->memory, (size_t)BUF_STRIDE * NET_BUFS);
	net_clients_fini(&n->clients);
	free(n->all_bufs);
	free(n->scratch);
	free(n);
}

struct net_buf *net_buf_get(struct net *n)
{
	if (!n->free_bufs)
		net_flush(n);
	struct net_buf *b = n->free_bufs;
	if (!b)
		return NULL;
	n->free_bufs = b->next;
	n->n_free--;
	b->data = n->memory + (size_t)(b - n->all_bufs) * BUF_STRIDE + NET_HEADROOM;
	b->len = 0;
	b->tos = 0;
	b->flags = 0;
	b->next = NULL;
	return b;
}

void net_buf_put(struct net *n, struct net_buf *b)
{
	b->next = n->free_bufs;
	n->free_bufs = b;
	n->n_free++;
}

bool net_is_dry(const struct net *n)
{
	int steered[2] = {-1, -1}; /* poll passes over these */

	if (n->steer)
		net_steer_receivers(n->steer, steered);
	struct pollfd p[] = {
		{.fd = n->ready.fd, .events = POLLIN},
		{.fd = steered[0], .events = POLLIN},
		{.fd = steered[1], .events = POLLIN},
	};
	return poll(p, ARRAY_LEN(p), 0) == 0;
}

void net_flush(struct net *n)
{
	if (n->steer)
		net_steer_flush(n->steer);
	while (n->dirty) {
		struct net_udp *s = n->dirty;
		n->dirty = s->next_dirty;
		if (!n->dirty)
			n->dirty_tail = &n->dirty;
		s->is_dirty = false;
		net_udp_flush(s);
	}
	net_conns_flush(n);
}
