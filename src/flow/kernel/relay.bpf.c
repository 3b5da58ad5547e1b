/* SPDX-License-Identifier: BSD-3-Clause OR GPL-2.0-only */
/*
 * Bound channels, forwarded where their packets come in: by XDP, on drivers that can, and by TC.
 * What is in doubt is passed to user space, which does it right.
 */
#include <linux/if_packet.h>
#include <linux/pkt_cls.h>

#include "limits.bpf.h"

/* ---- XDP ---- */

/* The sum over the payload; false: too long for us. */
static __attribute__((noinline)) int sum_payload(struct xdp_md *ctx, __u32 from, __u32 len)
{
	__u32 zero = 0;
	struct scratch *s = bpf_map_lookup_elem(&scratches, &zero);
	__s64 sum = 0;

	if (!s || len > 2048)
		return -1;
	for (int i = 0; i < 5; i++) {
		__u32 n = len < 512 ? len : 512;
		if (n == 0)
			break;
		from += n;
		len -= n;
		OPAQUE(n);
		*(__u32 *)(s->bytes + ((n - 1) & 0x1fc)) = 0;
		n &= 0x3ff;
		if (n == 0 || n > 512 || bpf_xdp_load_bytes(ctx, from - n, s->bytes, n) != 0)
			return -1;
		sum = bpf_csum_diff(0, 0, (__be32 *)s->bytes, (n + 3) & 0x3fc, (__u32)sum);
		if (sum < 0)
			return -1;
	}
	return fold((__u32)sum);
}

/* The checksum of what leaves; below 0: it cannot be told. */
INLINE int check_of(struct xdp_md *ctx, const struct packet *p, const struct kernel_lane *lane,
	const struct plan *plan)
{
	__u64 sum;

	if (p->check == 0 && !plan->is_ipv6)
		return 0;
	if (p->check == 0 || p->check == p->partial) {
		int payload = sum_payload(ctx, plan->head_in, plan->payload_len);
		if (payload < 0)
			return -1;
		sum = sum_addresses(lane->src, lane->dst, plan->is_ipv6) + bpf_htons(IPPROTO_UDP) +
		      2 * (__u64)bpf_htons(plan->udp_len) + lane->sport + lane->dport +
		      (__u16)payload;
		if (!plan->is_up)
			sum += (__u64)lane->channel + bpf_htons(plan->payload_len);
	} else {
		/* The length stands in the pseudo header and in the header. */
		__u16 old_len = bpf_htons(p->udp_len), new_len = bpf_htons(plan->udp_len);
		sum = (__u64)(__u16)~p->check + lane->pseudo + lane->rest + new_len +
		      (__u16)~old_len + sum_lengths(p, plan);
	}
	__u16 check = ~fold(sum);
	return check ? check : 0xffff;
}

INLINE bool write_frame(struct xdp_md *ctx, const struct packet *p, const struct kernel_lane *lane,
	const struct kernel_path *path, const struct plan *plan, __u16 check)
{
	void *data = (void *)(long)ctx->data, *end = (void *)(long)ctx->data_end;
	struct udphdr *udp;

	if (plan->is_ipv6) {
		if (data + IPV6_FRAME + CHANNEL_HEADER > end && data + plan->head_out > end)
			return false;
		if (data + IPV6_FRAME > end)
			return false;
		udp = data + IPV6_FRAME - sizeof(*udp);
		write_ipv6(data + ETH_HLEN, lane, p, plan);
	} else {
		if (data + IPV4_FRAME > end)
			return false;
		udp = data + IPV4_FRAME - sizeof(*udp);
		write_ipv4(data + ETH_HLEN, lane, p, plan);
	}
	__builtin_memcpy(data, path->header, sizeof(path->header));
	if (!plan->is_up && (void *)(udp + 1) + CHANNEL_HEADER > end)
		return false;
	write_udp(udp, lane, plan, check);
	return true;
}

SEC("xdp")
int sallyport_xdp(struct xdp_md *ctx)
{
	struct packet p = {};
	struct plan plan = {};
	struct bill bill = {};

	if (!parse((void *)(long)ctx->data, (void *)(long)ctx->data_end, &p))
		return XDP_PASS;
	struct kernel_lane *lane = lane_of(&p);
	if (!lane)
		return XDP_PASS;
	struct kernel_path *path = bpf_map_lookup_elem(&paths, &lane->path);
	if (!path)
		return XDP_PASS;
	/* TC sends what XDP cannot. */
	__u32 out = path->ifindex;
	if (path->mtu != 0 && !(link_flags(out) & KERNEL_LINK_REDIRECT))
		return XDP_PASS;
	if (!is_alive())
		return XDP_PASS;
	enum kernel_pass why = plan_of(&p, lane, path, &plan);
	if (why != KERNEL_PASS_COUNT) {
		count_pass(lane, why);
		return XDP_PASS;
	}
	int check = check_of(ctx, &p, lane, &plan);
	if (check < 0) {
		count_pass(lane, KERNEL_PASS_CHECKSUM);
		return XDP_PASS;
	}
	if (!admit(lane, &plan, &bill))
		return XDP_DROP;
	if (bpf_xdp_adjust_head(ctx, (int)plan.head_in - (int)plan.head_out) != 0) {
		take_back(&bill);
		count_pass(lane, KERNEL_PASS_HEADROOM);
		return XDP_PASS;
	}
	if (!write_frame(ctx, &p, lane, path, &plan, (__u16)check))
		return XDP_ABORTED;
	count_forward(lane, &plan);
	return out == ctx->ingress_ifindex ? XDP_TX : bpf_redirect(out, 0);
}

/* ---- TC ---- */

/*
 * An skb may have its checksum left to a device (CHECKSUM_PARTIAL), and then knows where its UDP
 * header is; so headers stay where they are and the payload moves. The kernel's own function then
 * does what is right for whatever state the checksum is in.
 */
static __attribute__((noinline)) int move_payload(
	struct __sk_buff *skb, __u32 from, __u32 to, __u32 len, __u32 new_len)
{
	__u32 zero = 0;
	struct scratch *s = bpf_map_lookup_elem(&scratches, &zero);

	if (!s || len >= SCRATCH)
		return -1;
	OPAQUE(len);
	len &= SCRATCH - 1;
	if (len > 0 && bpf_skb_load_bytes(skb, from, s->bytes, len) != 0)
		return -1;
	if (bpf_skb_change_tail(skb, new_len, 0) != 0)
		return -1;
	if (len > 0 && bpf_skb_store_bytes(skb, to, s->bytes, len, 0) != 0)
		return -2;
	return 0;
}

/* A sum over the whole packet would have to follow every step. Growing makes the kernel drop it. */
INLINE bool forget_sum(struct __sk_buff *skb)
{
	if (bpf_csum_update(skb, 0) < 0)
		return true; /* there is none */
	return bpf_skb_change_tail(skb, skb->len + CHANNEL_HEADER, 0) == 0;
}

/* As in memory of the kernel's: IP headers stand at a multiple of four. */
struct frame {
	_Alignas(8) __u8 pad[2];
	__u8 bytes[IPV6_FRAME + CHANNEL_HEADER];
};

INLINE int store_frame(struct __sk_buff *skb, const struct packet *p,
	const struct kernel_lane *lane, const struct kernel_path *path, const struct plan *plan)
{
	struct frame f = {};
	struct udphdr *udp;

	__builtin_memcpy(f.bytes, path->header, sizeof(path->header));
	if (plan->is_ipv6) {
		write_ipv6((void *)(f.bytes + ETH_HLEN), lane, p, plan);
		udp = (void *)(f.bytes + IPV6_FRAME - sizeof(*udp));
		write_udp(udp, lane, plan, p->check);
		return bpf_skb_store_bytes(
			skb, 0, f.bytes, IPV6_FRAME + (plan->is_up ? 0 : CHANNEL_HEADER), 0);
	}
	write_ipv4((void *)(f.bytes + ETH_HLEN), lane, p, plan);
	udp = (void *)(f.bytes + IPV4_FRAME - sizeof(*udp));
	write_udp(udp, lane, plan, p->check);
	return bpf_skb_store_bytes(
		skb, 0, f.bytes, IPV4_FRAME + (plan->is_up ? 0 : CHANNEL_HEADER), 0);
}

INLINE int rewrite(struct __sk_buff *skb, const struct packet *p, const struct kernel_lane *lane,
	const struct kernel_path *path, const struct plan *plan)
{
	__u32 udp_end = p->udp + sizeof(struct udphdr);
	__u32 to = udp_end + (plan->is_up ? 0 : CHANNEL_HEADER);
	int rc = move_payload(skb, plan->head_in, to, plan->payload_len, p->udp + plan->udp_len);

	if (rc != 0)
		return rc;
	if (plan->is_ipv6 != p->is_ipv6 &&
		bpf_skb_change_proto(skb, bpf_htons(plan->is_ipv6 ? ETH_P_IPV6 : ETH_P_IP), 0) != 0)
		return -2;
	if (store_frame(skb, p, lane, path, plan) != 0)
		return -2;
	__u32 at = (plan->is_ipv6 ? IPV6_FRAME : IPV4_FRAME) - sizeof(struct udphdr) +
		   __builtin_offsetof(struct udphdr, check);
	__u16 old_len = bpf_htons(p->udp_len), new_len = bpf_htons(plan->udp_len);
	__u32 pseudo = fold((__u64)lane->pseudo + new_len + (__u16)~old_len);
	__u32 rest = fold(lane->rest + sum_lengths(p, plan));
	if (bpf_l4_csum_replace(skb, at, 0, pseudo, BPF_F_PSEUDO_HDR | BPF_F_MARK_MANGLED_0) != 0 ||
		bpf_l4_csum_replace(skb, at, 0, rest, BPF_F_MARK_MANGLED_0) != 0)
		return -2;
	return 0;
}

SEC("tc")
int sallyport_tc(struct __sk_buff *skb)
{
	struct packet p = {};
	struct plan plan = {};
	struct bill bill = {};

	if (skb->pkt_type != PACKET_HOST || skb->vlan_present || skb->gso_size)
		return TC_ACT_UNSPEC;
	if (!parse((void *)(long)skb->data, (void *)(long)skb->data_end, &p))
		return TC_ACT_UNSPEC;
	struct kernel_lane *lane = lane_of(&p);
	if (!lane)
		return TC_ACT_UNSPEC;
	struct kernel_path *path = bpf_map_lookup_elem(&paths, &lane->path);
	if (!path)
		return TC_ACT_UNSPEC;
	/* What XDP has judged is not judged again. */
	__u32 out = path->ifindex;
	if ((link_flags(skb->ifindex) & KERNEL_LINK_XDP) &&
		(path->mtu == 0 || (link_flags(out) & KERNEL_LINK_REDIRECT)))
		return TC_ACT_UNSPEC;
	if (!is_alive())
		return TC_ACT_UNSPEC;
	enum kernel_pass why = plan_of(&p, lane, path, &plan);
	if (why == KERNEL_PASS_COUNT && p.check == 0 && plan.is_ipv6)
		why = KERNEL_PASS_CHECKSUM;
	if (why == KERNEL_PASS_COUNT && !forget_sum(skb))
		why = KERNEL_PASS_HEADROOM;
	if (why != KERNEL_PASS_COUNT) {
		count_pass(lane, why);
		return TC_ACT_UNSPEC;
	}
	if (!admit(lane, &plan, &bill))
		return TC_ACT_SHOT;
	int rc = rewrite(skb, &p, lane, path, &plan);
	if (rc != 0) {
		take_back(&bill);
		count_pass(lane, KERNEL_PASS_HEADROOM);
		return rc == -1 ? TC_ACT_UNSPEC : TC_ACT_SHOT;
	}
	count_forward(lane, &plan);
	return bpf_redirect(out, 0);
}

char licence[] SEC("license") = "Dual BSD/GPL";
