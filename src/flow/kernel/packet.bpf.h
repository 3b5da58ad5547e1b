/* SPDX-License-Identifier: BSD-3-Clause OR GPL-2.0-only */
/* A frame is read, its lane found, and what leaves is written. Common to XDP and TC. */
#ifndef FLOW_KERNEL_PACKET_BPF_H
#define FLOW_KERNEL_PACKET_BPF_H

#include <stdbool.h>
#include <linux/bpf.h>
#include <linux/if_ether.h>
#include <linux/in.h>
#include <linux/ip.h>
#include <linux/ipv6.h>
#include <linux/udp.h>
#include <bpf/bpf_endian.h>
#include <bpf/bpf_helpers.h>

#include "layout.h"

#define INLINE static __attribute__((always_inline)) inline

/* The compiler forgets what it knows of X, and so keeps the check behind it that the verifier wants
 * to see. */
#define OPAQUE(x) __asm__ volatile("" : "+r"(x))

#define CHANNEL_HEADER  4
#define FRAGMENT_HEADER 8 /* of IPv6 */
#define IPV4_FRAME      (ETH_HLEN + sizeof(struct iphdr) + sizeof(struct udphdr))
#define IPV6_FRAME      (ETH_HLEN + sizeof(struct ipv6hdr) + sizeof(struct udphdr))
#define TTL             64

struct {
	__uint(type, BPF_MAP_TYPE_ARRAY);
	__uint(map_flags, BPF_F_MMAPABLE);
	__uint(max_entries, 1);
	__type(key, __u32);
	__type(value, struct kernel_bin);
} bins SEC(".maps");

/* Of the process that loads this. */
const volatile struct kernel_index table = {};

struct {
	__uint(type, BPF_MAP_TYPE_ARRAY);
	__uint(map_flags, BPF_F_MMAPABLE);
	__uint(max_entries, 2);
	__type(key, __u32);
	__type(value, struct kernel_lane);
} lanes SEC(".maps");

struct {
	__uint(type, BPF_MAP_TYPE_ARRAY);
	__uint(map_flags, BPF_F_MMAPABLE);
	__uint(max_entries, 1);
	__type(key, __u32);
	__type(value, struct kernel_path);
} paths SEC(".maps");

struct {
	__uint(type, BPF_MAP_TYPE_ARRAY);
	__uint(map_flags, BPF_F_MMAPABLE);
	__uint(max_entries, 2);
	__type(key, __u32);
	__type(value, struct kernel_account);
} accounts SEC(".maps");

struct {
	__uint(type, BPF_MAP_TYPE_ARRAY);
	__uint(map_flags, BPF_F_MMAPABLE);
	__uint(max_entries, 2);
	__type(key, __u32);
	__type(value, struct kernel_bucket);
} buckets SEC(".maps");

struct {
	__uint(type, BPF_MAP_TYPE_ARRAY);
	__uint(map_flags, BPF_F_MMAPABLE);
	__uint(max_entries, KERNEL_LINKS);
	__type(key, __u32);
	__type(value, struct kernel_link);
} links SEC(".maps");

struct {
	__uint(type, BPF_MAP_TYPE_ARRAY);
	__uint(map_flags, BPF_F_MMAPABLE);
	__uint(max_entries, 1);
	__type(key, __u32);
	__type(value, struct kernel_control);
} control SEC(".maps");

struct {
	__uint(type, BPF_MAP_TYPE_PERCPU_ARRAY);
	__uint(max_entries, KERNEL_PASS_COUNT);
	__type(key, __u32);
	__type(value, __u64);
} passes SEC(".maps");

/* A payload on its way. */
#define SCRATCH 16384
struct scratch {
	__u8 bytes[SCRATCH];
};
struct {
	__uint(type, BPF_MAP_TYPE_PERCPU_ARRAY);
	__uint(max_entries, 1);
	__type(key, __u32);
	__type(value, struct scratch);
} scratches SEC(".maps");

/* ---- sums in one's complement, over words as they lie in memory ---- */

INLINE __u16 fold(__u64 sum)
{
	sum = (sum & 0xffffffff) + (sum >> 32);
	sum = (sum & 0xffffffff) + (sum >> 32);
	sum = (sum & 0xffff) + (sum >> 16);
	sum = (sum & 0xffff) + (sum >> 16);
	return (__u16)sum;
}

INLINE __u64 sum_ipv4_header(const struct iphdr *ip)
{
	const __u32 *w = (const __u32 *)ip;

	return (__u64)w[0] + w[1] + w[2] + w[3] + w[4];
}

INLINE __u64 sum_addresses(const __u32 src[4], const __u32 dst[4], bool is_ipv6)
{
	__u64 sum = (__u64)src[3] + dst[3];

	if (is_ipv6)
		sum += (__u64)src[0] + src[1] + src[2] + dst[0] + dst[1] + dst[2];
	return sum;
}

/* ---- what came ---- */

struct packet {
	struct kernel_key key;
	__u32 udp; /* where the UDP header is */
	__u16 udp_len;
	__u16 check;   /* on the wire */
	__u16 partial; /* what CHECK is when only the pseudo header is in it, for a device to finish
			*/
	__u16 channel_len; /* big endian */
	__u8 tos;
	bool is_ipv6;
	bool is_fragment; /* the first one: it has the ports, so user space is told of it in time */
};

INLINE bool parse_udp(void *data, void *end, __u16 ip_payload, struct packet *p)
{
	const struct udphdr *udp = data + p->udp;
	const __u16 *channel = (const void *)(udp + 1);

	if ((void *)(udp + 1) > end || ip_payload < sizeof(*udp) ||
		data + p->udp + ip_payload > end ||
		(ip_payload != bpf_ntohs(udp->len) && !p->is_fragment))
		return false;
	p->key.sport = udp->source;
	p->key.dport = udp->dest;
	p->udp_len = ip_payload;
	p->check = udp->check;
	p->partial = fold(sum_addresses(p->key.src, p->key.dst, p->is_ipv6) +
			  bpf_htons(IPPROTO_UDP) + udp->len);
	if (ip_payload >= sizeof(*udp) + CHANNEL_HEADER && (void *)(channel + 2) <= end &&
		(*(const __u8 *)channel & 0xc0) == 0x40) {
		p->key.channel = channel[0];
		p->channel_len = channel[1];
	}
	return true;
}

/* What stands behind the fragment header of a first fragment. */
INLINE bool parse_fragment(void *data, void *end, __u16 ip_payload, struct packet *p)
{
	const __u8 *f = data + p->udp;

	if ((const void *)(f + FRAGMENT_HEADER) > end || f[0] != IPPROTO_UDP ||
		(*(const __u16 *)(f + 2) & bpf_htons(0xfff8)) || ip_payload < FRAGMENT_HEADER)
		return false;
	p->udp += FRAGMENT_HEADER;
	p->is_fragment = true;
	return parse_udp(data, end, ip_payload - FRAGMENT_HEADER, p);
}

/* False: nothing for us. What the kernel would drop, or would have to put together and does not
 * begin with this frame, goes to it. */
INLINE bool parse(void *data, void *end, struct packet *p)
{
	const struct ethhdr *eth = data;

	if ((void *)(eth + 1) > end || (eth->h_dest[0] & 1))
		return false;
	if (eth->h_proto == bpf_htons(ETH_P_IP)) {
		const struct iphdr *ip = (const void *)(eth + 1);
		if ((void *)(ip + 1) > end || *(const __u8 *)ip != 0x45 ||
			ip->protocol != IPPROTO_UDP || (ip->frag_off & bpf_htons(0x1fff)) ||
			ip->ttl == 0 || fold(sum_ipv4_header(ip)) != 0xffff ||
			bpf_ntohs(ip->tot_len) < sizeof(*ip))
			return false;
		p->key.src[2] = p->key.dst[2] = bpf_htonl(0xffff);
		p->key.src[3] = ip->saddr;
		p->key.dst[3] = ip->daddr;
		p->tos = ip->tos;
		p->is_fragment = ip->frag_off & bpf_htons(0x2000);
		p->udp = ETH_HLEN + sizeof(*ip);
		return parse_udp(data, end, bpf_ntohs(ip->tot_len) - sizeof(*ip), p);
	}
	if (eth->h_proto == bpf_htons(ETH_P_IPV6)) {
		const struct ipv6hdr *ip = (const void *)(eth + 1);
		if ((void *)(ip + 1) > end || ip->version != 6 || ip->hop_limit == 0)
			return false;
		__builtin_memcpy(p->key.src, &ip->saddr, 16);
		__builtin_memcpy(p->key.dst, &ip->daddr, 16);
		p->tos = (__u8)(bpf_ntohs(*(const __u16 *)ip) >> 4);
		p->udp = ETH_HLEN + sizeof(*ip);
		p->is_ipv6 = true;
		if (ip->nexthdr == IPPROTO_FRAGMENT)
			return parse_fragment(data, end, bpf_ntohs(ip->payload_len), p);
		if (ip->nexthdr != IPPROTO_UDP ||
			!parse_udp(data, end, bpf_ntohs(ip->payload_len), p))
			return false;
		return p->check != 0; /* RFC 8200 §8.1 */
	}
	return false;
}

INLINE bool is_same_ip(const __u32 a[4], const __u32 b[4])
{
	return ((a[0] ^ b[0]) | (a[1] ^ b[1]) | (a[2] ^ b[2]) | (a[3] ^ b[3])) == 0;
}

/* Is it the key of LANE, whose flow's other one is BACK? */
INLINE bool is_key_of(
	const struct kernel_key *k, const struct kernel_lane *lane, const struct kernel_lane *back)
{
	return k->sport == back->dport && k->dport == back->sport &&
	       k->channel == (lane->flags & KERNEL_UP ? lane->channel : 0) &&
	       is_same_ip(k->src, back->dst) && is_same_ip(k->dst, back->src);
}

INLINE struct kernel_lane *lane_at(const struct kernel_key *k)
{
	const __u64 seed[2] = {table.seed[0], table.seed[1]};
	__u64 hash = kernel_hash(k, seed);
	__u32 at = (__u32)hash & table.mask, tag = kernel_tag(hash), lane = 0, back;
	const struct kernel_bin *bin = bpf_map_lookup_elem(&bins, &at);
	bool is_there = false;

	if (!bin)
		return 0;
#pragma unroll
	for (int i = 0; i < KERNEL_BIN; i++) {
		__u64 entry = *(const volatile __u64 *)&bin->entries[i];
		if (entry >> 32 == tag) {
			lane = (__u32)entry;
			is_there = true;
		}
	}
	if (!is_there)
		return 0;
	back = lane ^ 1;
	struct kernel_lane *l = bpf_map_lookup_elem(&lanes, &lane);
	const struct kernel_lane *b = bpf_map_lookup_elem(&lanes, &back);

	return l && b && is_key_of(k, l, b) ? l : 0;
}

/* A peer may send what looks like ChannelData; then it is found without a channel. */
INLINE struct kernel_lane *lane_of(struct packet *p)
{
	struct kernel_lane *lane = lane_at(&p->key);

	if (lane || !p->key.channel)
		return lane;
	p->key.channel = 0;
	return lane_at(&p->key);
}

INLINE __u32 link_flags(__u32 ifindex)
{
	__u32 at = ifindex & (KERNEL_LINKS - 1);
	const struct kernel_link *l = bpf_map_lookup_elem(&links, &at);

	return l && l->ifindex == ifindex ? l->flags : 0;
}

/* Is the daemon there to count and to expire what we forward? */
INLINE bool is_alive(void)
{
	__u32 zero = 0;
	const struct kernel_control *c = bpf_map_lookup_elem(&control, &zero);

	return c && (c->alive_until_ns == 0 || bpf_ktime_get_ns() < c->alive_until_ns);
}

INLINE void count_pass(struct kernel_lane *lane, enum kernel_pass why)
{
	__u32 at = why;
	__u64 *n = bpf_map_lookup_elem(&passes, &at);

	lane->passed_ns = bpf_ktime_get_ns();
	if (lane->shut_ns == 0)
		lane->shut_ns = lane->passed_ns;
	__sync_fetch_and_add(&lane->passed, 1);
	if (n)
		(*n)++;
}

/* Has all that was passed up left, and what was sent of it had time to get away? */
INLINE bool is_open(struct kernel_lane *lane, const struct kernel_path *path)
{
	if (lane->passed != *(volatile __u64 *)&lane->done)
		return false;
	if (lane->shut_ns == 0)
		return true;
	__u64 now = bpf_ktime_get_ns(), shut = now - lane->shut_ns;
	__u64 calm = shut < KERNEL_CALM_FOR_NS ? KERNEL_CALM_NS : KERNEL_CALM_SHORT_NS;
	if (shut < KERNEL_CALM_AT_ALL_NS &&
		(now - lane->passed_ns < calm || now - path->since_ns < KERNEL_CALM_NS))
		return false;
	lane->shut_ns = 0;
	return true;
}

/* ---- what leaves ---- */

struct plan {
	__u32 head_in, head_out; /* bytes before the payload */
	__u16 payload_len;
	__u16 udp_len;
	bool is_up, is_ipv6;
};

/* KERNEL_PASS_COUNT: it may go. */
INLINE enum kernel_pass plan_of(const struct packet *p, struct kernel_lane *lane,
	const struct kernel_path *path, struct plan *out)
{
	if (p->is_fragment)
		return KERNEL_PASS_FRAGMENT;
	out->is_up = lane->flags & KERNEL_UP;
	out->is_ipv6 = lane->flags & KERNEL_IPV6;
	out->head_in = p->udp + sizeof(struct udphdr);
	out->head_out = out->is_ipv6 ? IPV6_FRAME : IPV4_FRAME;
	out->payload_len = p->udp_len - sizeof(struct udphdr);
	if (out->is_up) {
		out->head_in += CHANNEL_HEADER;
		out->payload_len -= CHANNEL_HEADER;
		if (bpf_ntohs(p->channel_len) != out->payload_len)
			return KERNEL_PASS_LENGTH;
	}
	out->udp_len = out->payload_len + sizeof(struct udphdr);
	if (!out->is_up) {
		out->head_out += CHANNEL_HEADER;
		out->udp_len += CHANNEL_HEADER;
	}
	__u32 ip_len =
		out->udp_len + (out->is_ipv6 ? sizeof(struct ipv6hdr) : sizeof(struct iphdr));
	if (path->mtu == 0)
		return KERNEL_PASS_NO_PATH;
	if (ip_len > path->mtu)
		return KERNEL_PASS_TOO_BIG;
	return is_open(lane, path) ? KERNEL_PASS_COUNT : KERNEL_PASS_GATE;
}

/* The sum that ports, lengths and the ChannelData header add to, beside addresses and payload. */
INLINE __u64 sum_lengths(const struct packet *p, const struct plan *plan)
{
	__u16 old_len = bpf_htons(p->udp_len), new_len = bpf_htons(plan->udp_len);
	__u16 channel_len = bpf_htons(plan->payload_len);

	if (plan->is_up)
		channel_len = ~channel_len;
	return (__u64)new_len + (__u16)~old_len + channel_len;
}

/* The header of length HEAD_OUT before the payload, without the UDP checksum. */
INLINE void write_ipv4(struct iphdr *ip, const struct kernel_lane *lane, const struct packet *p,
	const struct plan *plan)
{
	ip->version = 4;
	ip->ihl = 5;
	ip->tos = p->tos;
	ip->tot_len = bpf_htons(sizeof(*ip) + plan->udp_len);
	/* Not DF, so it may be cut on its way: neighbours in time differ (RFC 6864). */
	ip->id = bpf_htons((__u16)lane->packets ^ lane->from);
	ip->frag_off = 0;
	ip->ttl = TTL;
	ip->protocol = IPPROTO_UDP;
	ip->check = 0;
	ip->saddr = lane->src[3];
	ip->daddr = lane->dst[3];
	ip->check = ~fold(sum_ipv4_header(ip));
}

INLINE void write_ipv6(struct ipv6hdr *ip, const struct kernel_lane *lane, const struct packet *p,
	const struct plan *plan)
{
	*(__u32 *)ip = bpf_htonl(6U << 28 | (__u32)p->tos << 20);
	ip->payload_len = bpf_htons(plan->udp_len);
	ip->nexthdr = IPPROTO_UDP;
	ip->hop_limit = TTL;
	__builtin_memcpy(&ip->saddr, lane->src, 16);
	__builtin_memcpy(&ip->daddr, lane->dst, 16);
}

INLINE void write_udp(
	struct udphdr *udp, const struct kernel_lane *lane, const struct plan *plan, __u16 check)
{
	__u16 *channel = (void *)(udp + 1);

	udp->source = lane->sport;
	udp->dest = lane->dport;
	udp->len = bpf_htons(plan->udp_len);
	udp->check = check;
	if (!plan->is_up) {
		channel[0] = lane->channel;
		channel[1] = bpf_htons(plan->payload_len);
	}
}

INLINE void count_forward(struct kernel_lane *lane, const struct plan *plan)
{
	__sync_fetch_and_add(&lane->packets, 1);
	__sync_fetch_and_add(&lane->bytes, plan->payload_len);
}

#endif
