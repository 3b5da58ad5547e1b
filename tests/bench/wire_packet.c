/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * Whole Ethernet frames by one packet socket each way: out with sendmmsg past the queueing
 * discipline, in from a ring that the kernel fills before its own IP stack sees the frame. That
 * stack knows nothing of these flows, so the namespace has to drop UDP at ingress or it answers
 * with ICMP errors.
 */
#include <arpa/inet.h>
#include <errno.h>
#include <linux/filter.h>
#include <linux/if_ether.h>
#include <linux/if_packet.h>
#include <linux/virtio_net.h>
#include <net/if.h>
#include <netinet/in.h>
#include <stdlib.h>
#include <sys/ioctl.h>
#include <sys/mman.h>
#include <sys/socket.h>
#include <unistd.h>

#include "wire.h"

#define RING_FRAMES   8192
#define RING_FRAME    2048
#define RECEIVE_BATCH 256
#define VNET_LEN      10 /* struct virtio_net_hdr */
#define ETH_LEN       14
#define UDP_LEN       8
#define HEADERS_MAX   (ETH_LEN + 40 + UDP_LEN)

struct slot {
	uint16_t len; /* of data, all headers included */
	uint8_t data[VNET_LEN + HEADERS_MAX + WIRE_DATA_MAX];
};

struct wire_packet {
	struct wire wire;
	int send_fd;
	uint8_t mac[6];
	bool is_ipv6;
	struct addr *targets; /* for each flow */
	uint8_t *ring;
	unsigned ring_next;
	unsigned n_queued;
	struct slot queue[WIRE_BATCH];
};

static struct wire_packet *self_of(struct wire *w)
{
	return CONTAINER_OF(w, struct wire_packet, wire);
}

/* ---- the Internet checksum (RFC 1071): byte order does not matter to it ---- */

static uint64_t sum_add(uint64_t sum, const uint8_t *p, size_t len)
{
	for (; len >= 4; p += 4, len -= 4) {
		uint32_t v;
		memcpy(&v, p, 4);
		sum += v;
	}
	if (len > 0) {
		uint32_t v = 0;
		memcpy(&v, p, len);
		sum += v;
	}
	return sum;
}

static uint16_t sum_fold(uint64_t sum)
{
	while (sum >> 16)
		sum = (sum & 0xffff) + (sum >> 16);
	return (uint16_t)sum;
}

/* IP addresses at ADDRESSES, protocol and length of the UDP packet. */
static uint64_t sum_pseudo(const uint8_t *addresses, bool is_ipv6, uint16_t udp_len)
{
	uint8_t tail[4] = {0, IPPROTO_UDP, (uint8_t)(udp_len >> 8), (uint8_t)udp_len};

	return sum_add(sum_add(0, addresses, is_ipv6 ? 32 : 8), tail, sizeof(tail));
}

/* ---- sending ---- */

static size_t ip_len(const struct wire_packet *p)
{
	return p->is_ipv6 ? 40 : 20;
}

static void write_ipv4(uint8_t *ip, const struct addr *from, const struct addr *to, size_t udp_len)
{
	static const uint8_t START[12] = {0x45, 0, 0, 0, 0, 0, 0x40, 0, 64, IPPROTO_UDP};

	memcpy(ip, START, sizeof(START)); /* do not fragment, as Linux sends it */
	be16_put(ip + 2, (uint16_t)(20 + udp_len));
	memcpy(ip + 12, from->ip + 12, 4);
	memcpy(ip + 16, to->ip + 12, 4);
	uint16_t check = (uint16_t)~sum_fold(sum_add(0, ip, 20));
	memcpy(ip + 10, &check, 2);
}

static void write_ipv6(uint8_t *ip, const struct addr *from, const struct addr *to, size_t udp_len)
{
	static const uint8_t START[8] = {0x60, 0, 0, 0, 0, 0, IPPROTO_UDP, 64};

	memcpy(ip, START, sizeof(START));
	be16_put(ip + 4, (uint16_t)udp_len);
	memcpy(ip + 8, from->ip, 16);
	memcpy(ip + 24, to->ip, 16);
}

static uint8_t *packet_reserve(struct wire *w, uint32_t flow, size_t len)
{
	struct wire_packet *p = self_of(w);
	struct slot *slot = &p->queue[p->n_queued++];
	uint8_t *eth = slot->data + VNET_LEN, *ip = eth + ETH_LEN, *udp = ip + ip_len(p);
	struct addr from = wire_local(&w->config, flow);
	const struct addr *to = &p->targets[flow];

	memcpy(eth, w->config.next_hop, 6);
	memcpy(eth + 6, p->mac, 6);
	be16_put(eth + 12, p->is_ipv6 ? ETH_P_IPV6 : ETH_P_IP);
	if (p->is_ipv6)
		write_ipv6(ip, &from, to, UDP_LEN + len);
	else
		write_ipv4(ip, &from, to, UDP_LEN + len);
	be16_put(udp, from.port);
	be16_put(udp + 2, to->port);
	be16_put(udp + 4, (uint16_t)(UDP_LEN + len));
	be16_put(udp + 6, 0);
	slot->len = (uint16_t)(VNET_LEN + ETH_LEN + ip_len(p) + UDP_LEN + len);
	return udp + UDP_LEN;
}

static void checksum_udp(const struct wire_packet *p, struct slot *slot)
{
	uint8_t *ip = slot->data + VNET_LEN + ETH_LEN, *udp = ip + ip_len(p);
	uint16_t len = be16_get(udp + 4);
	uint64_t sum = sum_pseudo(ip + (p->is_ipv6 ? 8 : 12), p->is_ipv6, len);
	struct virtio_net_hdr vnet = {0};
	uint16_t check;

	if (p->wire.config.has_partial_checksum) {
		vnet.flags = VIRTIO_NET_HDR_F_NEEDS_CSUM;
		vnet.csum_start = (uint16_t)(ETH_LEN + ip_len(p));
		vnet.csum_offset = 6;
		check = sum_fold(sum);
	} else {
		check = (uint16_t)~sum_fold(sum_add(sum, udp, len));
		if (check == 0)
			check = 0xffff; /* RFC 768: zero says that there is none */
	}
	memcpy(udp + 6, &check, 2);
	memcpy(slot->data, &vnet, VNET_LEN);
}

static void packet_flush(struct wire *w)
{
	struct wire_packet *p = self_of(w);
	struct mmsghdr messages[WIRE_BATCH];
	struct iovec parts[WIRE_BATCH];
	unsigned n_sent = 0;

	for (unsigned i = 0; i < p->n_queued; i++) {
		checksum_udp(p, &p->queue[i]);
		parts[i] = (struct iovec){p->queue[i].data, p->queue[i].len};
		messages[i] = (struct mmsghdr){.msg_hdr = {.msg_iov = &parts[i], .msg_iovlen = 1}};
	}
	while (n_sent < p->n_queued) {
		int n = sendmmsg(p->send_fd, messages + n_sent, p->n_queued - n_sent, 0);
		if (n <= 0)
			break;
		n_sent += (unsigned)n;
	}
	w->counts.send_errors += p->n_queued - n_sent;
	p->n_queued = 0;
}

/* ---- receiving ---- */

/* A checksum that was left to the device holds the pseudo header's sum. */
static bool is_checksum_right(
	const struct wire_packet *p, const uint8_t *ip, uint16_t len, uint32_t status)
{
	const uint8_t *udp = ip + ip_len(p);
	uint64_t pseudo = sum_pseudo(ip + (p->is_ipv6 ? 8 : 12), p->is_ipv6, len);
	uint16_t check;

	memcpy(&check, udp + 6, 2);
	if (!p->is_ipv6 && sum_fold(sum_add(0, ip, 20)) != 0xffff)
		return false;
	if (status & TP_STATUS_CSUMNOTREADY)
		return check == sum_fold(pseudo);
	if (check == 0)
		return !p->is_ipv6;
	return sum_fold(sum_add(pseudo, udp, len)) == 0xffff;
}

static struct addr address_at(const struct wire_packet *p, const uint8_t *ip, uint16_t port)
{
	return p->is_ipv6 ? addr_ipv6(ip, port) : addr_ipv4(be32_get(ip), port);
}

static bool is_fragment(const struct wire_packet *p, const uint8_t *ip)
{
	return !p->is_ipv6 && (be16_get(ip + 6) & 0x3fff) != 0;
}

/* The filter let only UDP through, without IP options or extension headers. */
static bool frame_read(struct wire_packet *p, const uint8_t *ip, size_t len, uint32_t status,
	uint32_t *flow, size_t *data_len)
{
	struct wire_counts *counts = &p->wire.counts;
	const uint8_t *udp = ip + ip_len(p), *addresses = ip + (p->is_ipv6 ? 8 : 12);
	size_t n = p->is_ipv6 ? 16 : 4;

	if (len < ip_len(p) + UDP_LEN || (ip[0] >> 4) != (p->is_ipv6 ? 6 : 4))
		return false;
	if (is_fragment(p, ip)) {
		counts->fragments++;
		return false;
	}
	uint16_t udp_len = be16_get(udp + 4);
	struct addr from = address_at(p, addresses, be16_get(udp));
	struct addr to = address_at(p, addresses + n, be16_get(udp + 2));
	if (!wire_flow(&p->wire.config, &to, flow) || !addr_equal(&from, &p->targets[*flow])) {
		counts->misdirected++;
		return false;
	}
	if (udp_len < UDP_LEN || udp_len > len - ip_len(p) ||
		!is_checksum_right(p, ip, udp_len, status)) {
		counts->bad_checksum++;
		return false;
	}
	*data_len = udp_len - (size_t)UDP_LEN;
	return true;
}

static void lost_here_update(struct wire *w)
{
	struct tpacket_stats stats;
	socklen_t len = sizeof(stats);

	if (getsockopt(w->wait_fd, SOL_PACKET, PACKET_STATISTICS, &stats, &len) == 0)
		w->counts.lost_here += stats.tp_drops; /* reading resets it */
}

static unsigned packet_receive(struct wire *w, wire_receive_fn *fn, void *arg)
{
	struct wire_packet *p = self_of(w);
	unsigned n = 0;

	for (; n < RECEIVE_BATCH; n++) {
		uint8_t *at = p->ring + (size_t)p->ring_next * RING_FRAME;
		struct tpacket2_hdr *h = (struct tpacket2_hdr *)(void *)at;
		uint32_t status = __atomic_load_n(&h->tp_status, __ATOMIC_ACQUIRE), flow;
		size_t len;

		if (!(status & TP_STATUS_USER))
			break;
		if (status & TP_STATUS_LOSING)
			lost_here_update(w);
		const uint8_t *ip = at + h->tp_mac + ETH_LEN;
		if (h->tp_snaplen > ETH_LEN &&
			frame_read(p, ip, h->tp_snaplen - ETH_LEN, status, &flow, &len))
			fn(arg, flow, ip + ip_len(p) + UDP_LEN, len);
		__atomic_store_n(&h->tp_status, TP_STATUS_KERNEL, __ATOMIC_RELEASE);
		p->ring_next = (p->ring_next + 1) % RING_FRAMES;
	}
	return n;
}

static int packet_target(struct wire *w, uint32_t flow, const struct addr *to)
{
	struct wire_packet *p = self_of(w);

	if ((to->family == ADDR_IPV6) != p->is_ipv6)
		return -EAFNOSUPPORT;
	p->targets[flow] = *to;
	return 0;
}

static void packet_destroy(struct wire *w)
{
	struct wire_packet *p = self_of(w);

	if (p->ring)
		(void)munmap(p->ring, (size_t)RING_FRAMES * RING_FRAME); /* the process ends soon */
	if (p->send_fd >= 0)
		(void)close(p->send_fd); /* nothing is buffered in it */
	if (w->wait_fd >= 0)
		(void)close(w->wait_fd); /* nothing is buffered in it */
	free(p->targets);
	free(p);
}

static const struct wire_ops packet_ops = {
	.reserve = packet_reserve,
	.flush = packet_flush,
	.receive = packet_receive,
	.target = packet_target,
	.destroy = packet_destroy,
};

/* ---- opening ---- */

/* UDP over IPv4 without options, or right behind the IPv6 header. */
static int set_filter(int fd)
{
	struct sock_filter code[] = {
		BPF_STMT(BPF_LD | BPF_H | BPF_ABS, 12),
		BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, ETH_P_IPV6, 5, 0),
		BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, ETH_P_IP, 0, 6),
		BPF_STMT(BPF_LD | BPF_B | BPF_ABS, 14),
		BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, 0x45, 0, 4),
		BPF_STMT(BPF_LD | BPF_B | BPF_ABS, 23),
		BPF_JUMP(BPF_JMP | BPF_JA, 1, 0, 0),
		BPF_STMT(BPF_LD | BPF_B | BPF_ABS, 20),
		BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, IPPROTO_UDP, 1, 0),
		BPF_STMT(BPF_RET | BPF_K, 0),
		BPF_STMT(BPF_RET | BPF_K, RING_FRAME),
	};
	struct sock_fprog program = {.len = ARRAY_LEN(code), .filter = code};

	return setsockopt(fd, SOL_SOCKET, SO_ATTACH_FILTER, &program, sizeof(program));
}

static int set_ring(struct wire_packet *p)
{
	struct tpacket_req ring = {.tp_block_size = 64 * RING_FRAME,
		.tp_block_nr = RING_FRAMES / 64,
		.tp_frame_size = RING_FRAME,
		.tp_frame_nr = RING_FRAMES};
	int fd = p->wire.wait_fd, version = TPACKET_V2, yes = 1;

	if (setsockopt(fd, SOL_PACKET, PACKET_VERSION, &version, sizeof(version)) != 0 ||
		setsockopt(fd, SOL_PACKET, PACKET_IGNORE_OUTGOING, &yes, sizeof(yes)) != 0 ||
		setsockopt(fd, SOL_PACKET, PACKET_RX_RING, &ring, sizeof(ring)) != 0 ||
		set_filter(fd) != 0)
		return -errno;
	void *at = mmap(NULL, (size_t)RING_FRAMES * RING_FRAME, PROT_READ | PROT_WRITE,
		MAP_SHARED | MAP_POPULATE, fd, 0);
	if (at == MAP_FAILED)
		return -errno;
	p->ring = at;
	return 0;
}

static int open_sockets(struct wire_packet *p)
{
	struct sockaddr_ll to = {.sll_family = AF_PACKET,
		.sll_ifindex = (int)if_nametoindex(p->wire.config.interface)};
	struct ifreq request = {0};
	int yes = 1;

	if (to.sll_ifindex == 0)
		return -ENODEV;
	p->send_fd = socket(AF_PACKET, SOCK_RAW | SOCK_CLOEXEC, 0);
	p->wire.wait_fd = socket(AF_PACKET, SOCK_RAW | SOCK_CLOEXEC, 0);
	if (p->send_fd < 0 || p->wire.wait_fd < 0)
		return -errno;
	strncpy(request.ifr_name, p->wire.config.interface, IFNAMSIZ - 1);
	if (ioctl(p->send_fd, SIOCGIFHWADDR, &request) != 0 ||
		bind(p->send_fd, (struct sockaddr *)&to, sizeof(to)) != 0 ||
		setsockopt(p->send_fd, SOL_PACKET, PACKET_QDISC_BYPASS, &yes, sizeof(yes)) != 0 ||
		setsockopt(p->send_fd, SOL_PACKET, PACKET_VNET_HDR, &yes, sizeof(yes)) != 0)
		return -errno;
	memcpy(p->mac, request.ifr_hwaddr.sa_data, sizeof(p->mac));
	int rc = set_ring(p);
	if (rc != 0)
		return rc;
	to.sll_protocol = htons(ETH_P_ALL); /* from here on the ring fills */
	return bind(p->wire.wait_fd, (struct sockaddr *)&to, sizeof(to)) == 0 ? 0 : -errno;
}

int wire_packet_create(const struct wire_config *config, struct wire **out)
{
	struct wire_packet *p = calloc(1, sizeof(*p));
	int home;

	if (!p)
		return -ENOMEM;
	p->wire.ops = &packet_ops;
	p->wire.config = *config;
	p->wire.wait_fd = p->send_fd = -1;
	p->is_ipv6 = config->first.family == ADDR_IPV6;
	p->targets = calloc(config->n_flows, sizeof(*p->targets));
	int rc = p->targets ? wire_enter(config, &home) : -ENOMEM;
	if (rc == 0) {
		rc = open_sockets(p);
		wire_leave(home);
	}
	if (rc != 0) {
		packet_destroy(&p->wire);
		return rc;
	}
	*out = &p->wire;
	return 0;
}
