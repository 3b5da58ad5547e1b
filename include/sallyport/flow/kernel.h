/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * flow/kernel: flows whose packets are forwarded by programs in the kernel, where they come in:
 * native XDP on interfaces whose driver can, TC on the others.
 *
 * What is in doubt comes to user space: STUN, whatever has no flow, odd headers, what has no ready
 * path, what grew over its MTU. Nothing overtakes: what goes on in the kernel waits until what came
 * up has been sent. Firewalls of the host (nftables, conntrack) do not see what is forwarded so.
 */
#ifndef SALLYPORT_FLOW_KERNEL_H
#define SALLYPORT_FLOW_KERNEL_H

#include <sallyport/common.h>
#include <sallyport/flow.h>
#include <sallyport/loop.h>
#include <sallyport/metrics.h>
#include <sallyport/net/path.h>

enum flow_kernel_counter {
	FLOW_KERNEL_C_FLOWS, /* gauge */
	FLOW_KERNEL_C_UP_PACKETS,
	FLOW_KERNEL_C_DOWN_PACKETS,
	FLOW_KERNEL_C_LEFT_FULL,    /* flows that stay in user space: no slot is free */
	FLOW_KERNEL_C_LEFT_LIMITED, /* ... no room for its limits */
	FLOW_KERNEL_C_LEFT_OTHER,   /* ... no path entry, no room in the index */
	FLOW_KERNEL_C_RELEARNT,     /* gates that were opened after a loss */
	FLOW_KERNEL_C_DELAYED,
	FLOW_KERNEL_C_HURRIED, /* of them */
	FLOW_KERNEL_C_COUNT
};
extern const struct metrics_group flow_kernel_counters;

/* ---- the process's: maps, programs, interfaces. On main ---- */

struct flow_kernel; /* opaque */

#define FLOW_KERNEL_WHY_LEN   256
#define FLOW_KERNEL_LINKS_MAX 64

/* The XDP program of an interface, as one process gives it to the next. */
struct flow_kernel_hold {
	uint32_t ifindex;
	int fd; /* not owned */
};

struct flow_kernel_config {
	unsigned n_workers;
	uint32_t max_flows; /* of the process, 3/4 KiB each; every worker has its share */
	uint32_t max_paths; /* of a worker: net_paths_config's */
	const struct addr
		*locals; /* listeners and relay addresses: where packets come in; copied */
	size_t n_locals;
	/* Of a predecessor: the programs are exchanged, which no packet notices. Copied. */
	const struct flow_kernel_hold *inherited;
	size_t n_inherited;
	bool no_xdp; /* TC only */
};

/* Loads the programs and attaches them to the interfaces that have LOCALS. WHY gets a sentence on
 * failure. ERR_UNSUPPORTED: not in this build; -EPERM, -errno. */
int flow_kernel_create(const struct flow_kernel_config *c, struct flow_kernel **out,
	char why[FLOW_KERNEL_WHY_LEN]);
/* After its workers. Nothing stays attached. */
void flow_kernel_destroy(struct flow_kernel *k);
/*
 * Every two seconds: tells the programs that the daemon lives, attaches to interfaces that have
 * come, and forgets those that have gone.
 */
void flow_kernel_tend(struct flow_kernel *k);

/* Where buckets are made under which flows can be offloaded. All are destroyed before K is. */
struct flow_bucket_pool *flow_kernel_buckets(const struct flow_kernel *k);

/* What a successor may inherit; returns how many. And when it has not become one: our programs are
 * put back. */
size_t flow_kernel_holds(const struct flow_kernel *k, struct flow_kernel_hold *out, size_t cap);
void flow_kernel_reclaim(struct flow_kernel *k);

/* An interface, as status shows it. */
struct flow_kernel_link {
	uint32_t ifindex;
	bool has_xdp, has_tc;
	bool takes_redirects; /* XDP elsewhere can send to it */
	char why[96];         /* why it is not XDP, or not at all; "" when it is */
};
/* NULL: no program runs there. Good until the next flow_kernel_tend. */
const struct flow_kernel_link *flow_kernel_link(const struct flow_kernel *k, uint32_t ifindex);

/* ---- a worker's ---- */

struct flow_kernel_worker; /* opaque */

struct flow_kernel_worker_config {
	struct flow_kernel *kernel; /* not owned */
	unsigned worker;
	struct loop *loop;
	struct net *net;
	struct flow_table *flows;
	struct net_paths *paths;
	metrics_cell *cells;
};

/* From now on the worker's flows are offloaded. Before its thread runs. -ENOMEM. */
int flow_kernel_worker_create(
	const struct flow_kernel_worker_config *c, struct flow_kernel_worker **out);
void flow_kernel_worker_destroy(struct flow_kernel_worker *w); /* its flows are removed before */

#endif
