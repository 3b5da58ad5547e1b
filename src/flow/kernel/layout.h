/* SPDX-License-Identifier: BSD-3-Clause OR GPL-2.0-only */
/*
 * What user space and the programs share: the maps' keys and values. Addresses, ports, lengths and
 * sums are as they stand on the wire; an IPv4 address is ::ffff:a.b.c.d.
 *
 * A lane is one direction of a flow. Lane 2n and 2n+1 are of flow slot n, up and down.
 */
#ifndef FLOW_KERNEL_LAYOUT_H
#define FLOW_KERNEL_LAYOUT_H

#include <linux/types.h>

/* Found by: what a packet says of itself. CHANNEL is 0 towards a relay port. */
struct kernel_key {
	__u32 src[4], dst[4];
	__u16 sport, dport;
	__u16 channel;
	__u16 zero;
};

/*
 * The index: the hash of a key says in which bin its lane is, and under which tag. An entry is the
 * tag above and the lane's number below; 0 is free, as no tag is 0. A bin is a cache line.
 */
#define KERNEL_BIN 8
struct kernel_bin {
	__u64 entries[KERNEL_BIN];
} __attribute__((aligned(64)));

/* Constant while a program is loaded. SEED is secret: nobody outside can fill a bin on purpose. */
struct kernel_index {
	__u64 seed[2];
	__u32 mask; /* number of bins less 1; they are a power of two */
	__u32 zero;
};

static inline __attribute__((always_inline)) __u64 kernel_mix(__u64 h, __u64 more, __u64 factor)
{
	h = (h ^ more) * factor;
	return h ^ h >> 32;
}

static inline __attribute__((always_inline)) __u64 kernel_hash(
	const struct kernel_key *k, const __u64 seed[2])
{
	__u64 h = seed[0], factor = seed[1] | 1;

	h = kernel_mix(h, (__u64)k->src[0] << 32 | k->src[1], factor);
	h = kernel_mix(h, (__u64)k->src[2] << 32 | k->src[3], factor);
	h = kernel_mix(h, (__u64)k->dst[0] << 32 | k->dst[1], factor);
	h = kernel_mix(h, (__u64)k->dst[2] << 32 | k->dst[3], factor);
	h = kernel_mix(h, (__u64)k->sport << 32 | (__u32)k->dport << 16 | k->channel, factor);
	return kernel_mix(h, 0, 0x9e3779b97f4a7c15ULL);
}

static inline __u32 kernel_tag(__u64 hash)
{
	return (__u32)(hash >> 32) | 1;
}

enum kernel_lane_flag {
	KERNEL_UP = 1,   /* client to peer: the ChannelData header goes */
	KERNEL_IPV6 = 2, /* what leaves is IPv6 */
};

/*
 * The first 64 bytes of a flow's two lanes are written before either is in the index and stand
 * still until both are out again. A lane has no key: what comes for it has the addresses of what
 * leaves by the other one, the other way round. The gate: a packet is forwarded only while PASSED
 * equals DONE, that is while user space has sent all that was ever passed up to it, so nothing
 * overtakes. What is passed up, for whatever reason, shuts it. User space opens it again, and then
 * it waits for a calm moment: what was sent may lie in a queue of another processor's still.
 */
struct kernel_lane {
	__u32 src[4], dst[4]; /* of the packet that leaves */
	__u16 sport, dport;
	__u16 channel;
	__u16 flags;  /* enum kernel_lane_flag */
	__u16 from;   /* source port of what comes */
	__u16 pseudo; /* added to a sum over the pseudo header: what its addresses change */
	__u16 rest;   /* the same for ports and the channel number */
	__u16 zero;
	__u32 path;    /* in the array of paths */
	__u32 account; /* in the array of accounts; 0: no limit */
	__u64 unused;
	__u64 packets, bytes;         /* forwarded; bytes of payload */
	__u64 passed;                 /* to user space */
	__u64 done;                   /* written by user space */
	__u64 passed_ns;              /* the last one; CLOCK_MONOTONIC, as the others */
	__u64 shut_ns;                /* since when it is shut, by either side; 0: open */
	__u64 refused, refused_bytes; /* by the node's limit */
};

/* So long nothing has come for a lane, and so long its path has been ready, before it opens. Who
 * sends without such a pause gets a shorter one after a while, and at last none. */
#define KERNEL_CALM_NS        1000000
#define KERNEL_CALM_SHORT_NS  100000
#define KERNEL_CALM_FOR_NS    1000000000
#define KERNEL_CALM_AT_ALL_NS 3000000000

/* struct flow_meter. */
struct kernel_meter {
	__u64 full_ns[2];
	__u64 rate;
	__u64 depth_ns;
};

/* By enum flow_limit: first an allocation's own, then those it shares, at last the node's. */
#define KERNEL_LIMITS_OWN    2
#define KERNEL_LIMITS_SHARED 2
#define KERNEL_LIMITS        (KERNEL_LIMITS_OWN + KERNEL_LIMITS_SHARED + 1)

/* The limits of an allocation. Number 0 is nobody's. */
struct kernel_account {
	struct kernel_meter own[KERNEL_LIMITS_OWN];
	__u32 shared[KERNEL_LIMITS_SHARED]; /* in the array of buckets; 0: none */
	struct kernel_refused {
		__u64 packets, bytes;
	} refused[KERNEL_LIMITS - 1];
	__u64 more[7];
};

/* Number 0 is nobody's, KERNEL_BUCKET_NODE the node's, which holds for every lane. */
#define KERNEL_BUCKET_NODE 1
struct kernel_bucket {
	struct kernel_meter meter;
	__u64 of_user_space[4];
};

struct kernel_path {
	__u8 header[14]; /* Ethernet */
	__u16 mtu;       /* of IP; 0: not ready */
	__u32 ifindex;
	__u32 zero;
	__u64 since_ns; /* when it was written */
};

/* An interface, at its index modulo KERNEL_LINKS. */
#define KERNEL_LINKS 1024
enum kernel_link_flag {
	KERNEL_LINK_XDP = 1,      /* the XDP program runs at its entrance */
	KERNEL_LINK_REDIRECT = 2, /* takes frames that XDP redirects */
};
struct kernel_link {
	__u32 ifindex;
	__u32 flags;
};

struct kernel_control {
	__u64 alive_until_ns; /* CLOCK_MONOTONIC; past it everything is passed. 0: for ever */
};

/* Why a packet of a known lane was passed up. */
enum kernel_pass {
	KERNEL_PASS_GATE,
	KERNEL_PASS_NO_PATH,
	KERNEL_PASS_TOO_BIG,
	KERNEL_PASS_LENGTH, /* of ChannelData and of its datagram disagree, or it is padded */
	KERNEL_PASS_CHECKSUM,
	KERNEL_PASS_HEADROOM, /* the driver cannot move the packet's head */
	KERNEL_PASS_FRAGMENT, /* the first of a datagram, which comes up as one */
	KERNEL_PASS_COUNT
};

#endif
