/* SPDX-License-Identifier: BSD-3-Clause */
/* Frames from a packet socket, and the sums of RFC 1071. Face: wirecheck.h. */
#include <arpa/inet.h>
#include <errno.h>
#include <inttypes.h>
#include <net/if.h>
#include <netinet/in.h>
#include <stdio.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/types.h>
#include <unistd.h>

#include <linux/if_ether.h>
#include <linux/if_packet.h>

#include <sallyport/common.h>

#include "wirecheck.h"

#define FRAME_MAX  65600
#define RCVBUF     (16 << 20)
#define UDP_HEADER 8
#define IP4_HEADER 20
#define IP6_HEADER 40
#define PROTO_UDP  17

int wire_open(struct wire *w, const char *device)
{
	struct sockaddr_ll at = {.sll_family = AF_PACKET,
		.sll_protocol = htons(ETH_P_ALL),
		.sll_ifindex = (int)if_nametoindex(device)};
	int on = 1, bytes = RCVBUF;

	memset(w, 0, sizeof(*w));
	w->fd = socket(AF_PACKET, SOCK_RAW | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
	if (w->fd < 0)
		return -errno;
	/* Without the larger buffer frames are missed, which is told. */
	(void)setsockopt(w->fd, SOL_SOCKET, SO_RCVBUFFORCE, &bytes, sizeof(bytes));
	if (at.sll_ifindex != 0 &&
		setsockopt(w->fd, SOL_PACKET, PACKET_AUXDATA, &on, sizeof(on)) == 0 &&
		bind(w->fd, (struct sockaddr *)&at, sizeof(at)) == 0)
		return 0;
	int rc = -errno;
	close(w->fd);
	w->fd = -1;
	return rc;
}

void wire_close(struct wire *w)
{
	if (w->fd >= 0)
		close(w->fd);
	w->fd = -1;
}

static uint32_t sum_add(uint32_t sum, const uint8_t *p, size_t len)
{
	for (; len > 1; p += 2, len -= 2)
		sum += be16_get(p);
	return len ? sum + ((uint32_t)*p << 8) : sum;
}

static uint16_t sum_fold(uint32_t sum)
{
	while (sum >> 16)
		sum = (sum & 0xffff) + (sum >> 16);
	return (uint16_t)sum;
}

/* One datagram, ADDRESSES the source's and destination's in the order of the header. */
static void check_udp(struct wire *w, const uint8_t *addresses, size_t addresses_len,
	const uint8_t *udp, size_t len, bool is_partial)
{
	if (len < UDP_HEADER || be16_get(udp + 4) != len) {
		w->bad_length++;
		return;
	}
	w->frames++;
	uint16_t field = be16_get(udp + 6);
	uint32_t pseudo = sum_add((uint32_t)len + PROTO_UDP, addresses, addresses_len);
	if (is_partial) {
		w->partial++;
		w->bad_partial += field != sum_fold(pseudo);
	} else if (field == 0) {
		w->zero++;
		w->bad_zero += addresses_len != 8;
	} else {
		w->complete++;
		w->bad_udp += sum_fold(sum_add(pseudo, udp, len)) != 0xffff;
	}
}

static void note_ttl(struct wire *w, uint8_t ttl)
{
	if (w->ttl_min == 0 || ttl < w->ttl_min)
		w->ttl_min = ttl;
	if (ttl > w->ttl_max)
		w->ttl_max = ttl;
}

static void check_ipv4(struct wire *w, const uint8_t *ip, size_t len, bool is_partial)
{
	size_t header = (size_t)(ip[0] & 15) * 4;

	if (len < IP4_HEADER || ip[9] != PROTO_UDP)
		return;
	size_t total = be16_get(ip + 2);
	if (header < IP4_HEADER || total < header || total > len ||
		sum_fold(sum_add(0, ip, header)) != 0xffff) {
		w->bad_ip++;
		return;
	}
	note_ttl(w, ip[8]);
	w->options += header > IP4_HEADER;
	w->df += (ip[6] & 0x40) != 0;
	if ((be16_get(ip + 6) & 0x3fff) != 0) {
		w->fragments++;
		return;
	}
	check_udp(w, ip + 12, 8, ip + header, total - header, is_partial);
}

static void check_ipv6(struct wire *w, const uint8_t *ip, size_t len, bool is_partial)
{
	if (len < IP6_HEADER)
		return;
	size_t end = IP6_HEADER + (size_t)be16_get(ip + 4), at = IP6_HEADER;
	uint8_t next = ip[6];
	if (end > len) {
		w->bad_ip++;
		return;
	}
	for (; (next == IPPROTO_HOPOPTS || next == IPPROTO_DSTOPTS || next == IPPROTO_ROUTING) &&
		at + 8 <= end;
		w->options++) {
		next = ip[at];
		at += 8 + (size_t)ip[at + 1] * 8;
	}
	if (next == IPPROTO_FRAGMENT) {
		w->fragments++;
		return;
	}
	if (next != PROTO_UDP || at > end)
		return;
	note_ttl(w, ip[7]);
	check_udp(w, ip + 8, 32, ip + at, end - at, is_partial);
}

static bool has_partial_sum(struct msghdr *h)
{
	for (struct cmsghdr *c = CMSG_FIRSTHDR(h); c; c = CMSG_NXTHDR(h, c)) {
		struct tpacket_auxdata aux;
		if (c->cmsg_level != SOL_PACKET || c->cmsg_type != PACKET_AUXDATA)
			continue;
		memcpy(&aux, CMSG_DATA(c), sizeof(aux));
		return (aux.tp_status & TP_STATUS_CSUMNOTREADY) != 0;
	}
	return false;
}

void wire_read(struct wire *w)
{
	uint8_t frame[FRAME_MAX];

	for (;;) {
		struct sockaddr_ll from;
		_Alignas(struct cmsghdr)
			uint8_t control[CMSG_SPACE(sizeof(struct tpacket_auxdata))];
		struct iovec iov = {frame, sizeof(frame)};
		struct msghdr h = {.msg_name = &from,
			.msg_namelen = sizeof(from),
			.msg_iov = &iov,
			.msg_iovlen = 1,
			.msg_control = control,
			.msg_controllen = sizeof(control)};
		ssize_t n = recvmsg(w->fd, &h, 0);
		if (n < 0)
			return;
		if (n <= ETH_HLEN || from.sll_pkttype == PACKET_OUTGOING)
			continue;
		const uint8_t *ip = frame + ETH_HLEN;
		size_t len = (size_t)n - ETH_HLEN;
		if (be16_get(frame + 12) == ETH_P_IP)
			check_ipv4(w, ip, len, has_partial_sum(&h));
		else if (be16_get(frame + 12) == ETH_P_IPV6)
			check_ipv6(w, ip, len, has_partial_sum(&h));
	}
}

void wire_print(struct wire *w, const char *name)
{
	struct tpacket_stats stats = {0};
	socklen_t len = sizeof(stats);
	int fd = w->fd;

	wire_read(w);
	(void)getsockopt(fd, SOL_PACKET, PACKET_STATISTICS, &stats, &len); /* zero says none */
	printf("wire at=%s frames=%" PRIu64 " complete=%" PRIu64 " partial=%" PRIu64
	       " zero=%" PRIu64 " fragments=%" PRIu64 " options=%" PRIu64 " df=%" PRIu64
	       " ttl=%u-%u bad=%" PRIu64 " bad_ip=%" PRIu64 " bad_udp=%" PRIu64
	       " bad_partial=%" PRIu64 " bad_length=%" PRIu64 " bad_zero=%" PRIu64 " missed=%u\n",
		name, w->frames, w->complete, w->partial, w->zero, w->fragments, w->options, w->df,
		w->ttl_min, w->ttl_max,
		w->bad_ip + w->bad_udp + w->bad_partial + w->bad_length + w->bad_zero, w->bad_ip,
		w->bad_udp, w->bad_partial, w->bad_length, w->bad_zero, stats.tp_drops);
	memset(w, 0, sizeof(*w));
	w->fd = fd;
}
