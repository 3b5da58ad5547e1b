/* SPDX-License-Identifier: BSD-3-Clause OR GPL-2.0-only */
/*
 * Brings each datagram for a relay port that is in use to the one receiving socket of the worker
 * that has it. Ports that nobody has are looked up as ever, so that they answer with ICMP.
 */
#include <linux/bpf.h>
#include <linux/in.h>
#include <bpf/bpf_endian.h>
#include <bpf/bpf_helpers.h>

#include "map.h"

#define FAMILY_IPV6 10

/* Which row of owners belongs to a relay address, IPv4 as ::ffff:a.b.c.d. */
struct {
	__uint(type, BPF_MAP_TYPE_HASH);
	__uint(max_entries, STEER_ADDRESSES_MAX);
	__type(key, struct steer_address);
	__type(value, __u32);
} addresses SEC(".maps");

/* Written by the workers through their memory. */
struct {
	__uint(type, BPF_MAP_TYPE_ARRAY);
	__uint(map_flags, BPF_F_MMAPABLE);
	__uint(max_entries, 1);
	__type(key, __u32);
	__type(value, struct steer_owners);
} owners SEC(".maps");

/* Two of each worker: IPv4, IPv6. */
struct {
	__uint(type, BPF_MAP_TYPE_SOCKMAP);
	__uint(max_entries, 2);
	__type(key, __u32);
	__type(value, __u64);
} sockets SEC(".maps");

/* Of the process that loads this. */
const volatile __u32 generation = 0;

static __always_inline void read_address(struct bpf_sk_lookup *ctx, struct steer_address *a)
{
	__u32 ip4 = ctx->local_ip4;

	/* Two loads, or the compiler makes one of a chosen address, which the verifier refuses. */
	barrier_var(ip4);
	if (ctx->family == FAMILY_IPV6) {
		a->words[0] = ctx->local_ip6[0];
		a->words[1] = ctx->local_ip6[1];
		a->words[2] = ctx->local_ip6[2];
		a->words[3] = ctx->local_ip6[3];
		return;
	}
	a->words[0] = 0;
	a->words[1] = 0;
	a->words[2] = bpf_htonl(0xffff);
	a->words[3] = ip4;
}

SEC("sk_lookup")
int steer(struct bpf_sk_lookup *ctx)
{
	struct steer_address a;

	if (ctx->protocol != IPPROTO_UDP)
		return SK_PASS;
	read_address(ctx, &a);
	__u32 *row = bpf_map_lookup_elem(&addresses, &a);
	if (!row)
		return SK_PASS;
	struct steer_owners *all = bpf_map_lookup_elem(&owners, row);
	if (!all)
		return SK_PASS;
	__u32 owner = all->by_port[ctx->local_port & 0xffff];
	if (owner == STEER_NOBODY || owner >> 8 != generation)
		return SK_PASS;
	__u32 slot = 2 * ((owner & 0xff) - 1) + (ctx->family == FAMILY_IPV6);
	struct bpf_sock *sk = bpf_map_lookup_elem(&sockets, &slot);
	if (!sk)
		return SK_PASS;
	/* What cannot be given to it goes on as if it were nobody's. */
	bpf_sk_assign(ctx, sk, 0);
	bpf_sk_release(sk);
	return SK_PASS;
}

char licence[] SEC("license") = "Dual BSD/GPL";
