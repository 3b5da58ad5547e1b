/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * maps.c      what is shared with the programs, and the programs
 * attach.c    interfaces
 * features.c  what an interface's driver can
 * index.c     where a program finds the lane of a packet
 * lane.c      one direction of a flow, as a program sees it
 * limits.c    what its programs let pass of an allocation
 * offload.c   a flow becomes two lanes, and is a flow again
 * gate.c      when a lane may forward
 * watch.c     what comes up of lanes, and what their gates learn of it
 * delay.c     what came up right behind what a program has sent
 */
#ifndef FLOW_KERNEL_PRIV_H
#define FLOW_KERNEL_PRIV_H

#include <sallyport/flow/kernel.h>

#include "layout.h"

struct bpf_object;
struct bpf_link;
struct event;

/* An interface that has one of our addresses. */
struct kernel_port {
	struct flow_kernel_link shown;
	int xdp_fd, tc_fd; /* links; -1: none */
	bool has_filter;   /* a classic one, which outlives us */
	bool is_seen;
	int told; /* what the log has said of it */
};

struct flow_kernel {
	struct bpf_object *object;
	int passes_fd, xdp_fd, tc_fd;
	struct kernel_index index;       /* as the programs have it */
	struct kernel_bin *bins;         /* mapped */
	struct kernel_lane *lanes;       /* mapped: two for each flow */
	struct kernel_path *paths;       /* mapped: max_paths for each worker */
	struct kernel_account *accounts; /* mapped: one for each flow, from 1 on */
	void *buckets;                   /* mapped */
	struct flow_bucket_pool *pool;   /* in them */
	struct kernel_link *links;       /* mapped */
	struct kernel_control *control;
	size_t bins_size, lanes_size, paths_size, accounts_size, buckets_size, links_size,
		control_size;
	uint32_t flows_per_worker, max_paths;
	unsigned n_workers;
	struct addr *locals;
	size_t n_locals;
	bool no_xdp, wants_heartbeat;
	/* Descriptors of a predecessor's, owned until they are used; -1: they are. */
	struct flow_kernel_hold inherited[FLOW_KERNEL_LINKS_MAX];
	size_t n_inherited;
	struct kernel_port ports[FLOW_KERNEL_LINKS_MAX];
	size_t n_ports;
};

/* attach.c */
void kernel_attach_all(struct flow_kernel *k);
void kernel_detach_all(struct flow_kernel *k);

/* features.c */
/* Does the interface take frames that XDP redirects? False where the kernel does not say. */
bool kernel_takes_redirects(uint32_t ifindex);

/* ---- a worker ---- */

/*
 * A lane's gate as its worker knows it. SEEN packets of the flow have come here. OFFSET of them had
 * not been counted by the program as passed up, because they were on their way when the lane began;
 * or, below zero, so many were lost. What SEEN exceeds the program's count by is never more than
 * the true offset, and equals it whenever nothing is under way: so the largest of many looks is it,
 * and any that is taken while the lane rests.
 */
struct kernel_gate {
	uint64_t seen, sent; /* SENT: what was seen in turns that are over */
	int64_t offset, best;
	uint64_t since_ms; /* of the looks */
	uint32_t n_looks;
	bool is_known; /* the offset */
};

/* An allocation that has limits, while any of its flows is here. Lives in its worker's array. */
struct kernel_hold {
	struct list link; /* in the worker's list of free ones */
	uint32_t n_flows;
	uint64_t packets[KERNEL_LIMITS - 1],
		bytes[KERNEL_LIMITS - 1]; /* refused, counted already */
	uint64_t freed_ms;
};

/* What came up of a lane and waits to be sent. Lives in its slot. */
struct kernel_delay {
	struct list link; /* in the worker's, by due_ms; empty: there is none */
	struct kernel_flow *flow;
	enum flow_direction direction;
	uint64_t due_ms;
	struct net_buf *first, **last; /* owned */
};

/* A slot. Lives in its worker's array. */
struct kernel_flow {
	struct flow_kernel_worker *worker; /* not owned */
	struct flow *flow;                 /* not owned; NULL: free */
	struct list link;                  /* in the worker's list of free ones */
	struct list warm_link; /* in that of those with packets in this turn or the last */
	struct net_path_hold up_path, down_path;
	struct list unsure_link; /* in that of those with a gate that has to learn */
	struct kernel_delay delays[2];
	struct kernel_gate gates[2];
	struct kernel_key keys[2];
	struct kernel_hold *hold;      /* NULL: the node's limit only */
	bool is_in[2];                 /* is the lane in the index? */
	bool is_warm, is_unsure;       /* in a list */
	uint64_t packets[2], bytes[2]; /* counted already */
	uint64_t refused[2], refused_bytes[2];
	uint64_t freed_ms;
};

struct flow_kernel_worker {
	struct flow_kernel *kernel; /* not owned */
	struct loop *loop;          /* not owned */
	struct net *net;            /* not owned */
	struct flow_table *flows;   /* not owned */
	struct net_paths *paths;    /* not owned */
	metrics_cell *cells;
	uint32_t first; /* its slots */
	uint32_t first_path;
	struct kernel_flow *all;
	struct kernel_hold *holds; /* as many */
	uint32_t n_holds_used;
	struct list free_holds;
	uint32_t n_all, n_used; /* those from N_USED on have never been used */
	struct list free;       /* the longest free one first */
	struct list warm;       /* slots with packets in this turn */
	struct list due;        /* in the last one, so that they are sent */
	struct loop_deferred publish;
	int is_dry; /* of this turn's end: is nothing on its way to us? Below 0: not asked yet */
	struct list unsure;
	struct event *settle;
	struct list delayed;
	uint32_t n_delayed; /* datagrams */
	struct event *release;
	struct wheel_timer timer;
	uint32_t cursor;
};

static inline uint64_t kernel_now_ms(const struct flow_kernel_worker *w)
{
	return loop_clock(w->loop)->mono_ms;
}

static inline uint32_t kernel_number_of(
	const struct flow_kernel_worker *w, const struct kernel_flow *f, enum flow_direction d)
{
	return (w->first + (uint32_t)(f - w->all)) * 2 + d;
}

static inline struct kernel_lane *kernel_lane_of(
	const struct flow_kernel_worker *w, const struct kernel_flow *f, enum flow_direction d)
{
	return &w->kernel->lanes[kernel_number_of(w, f, d)];
}

/* watch.c */
int kernel_watch_start(struct flow_kernel_worker *w);
void kernel_watch_stop(struct flow_kernel_worker *w);
/* A datagram of the lane came up, and has been sent or dropped. */
void kernel_watch_handled(
	struct flow_kernel_worker *w, struct kernel_flow *f, enum flow_direction d);
/* A lane's gate has begun. */
void kernel_watch_begin(struct flow_kernel_worker *w, struct kernel_flow *f);
void kernel_watch_end(struct flow_kernel_worker *w, struct kernel_flow *f);

/* delay.c */
int kernel_delay_start(struct flow_kernel_worker *w);
void kernel_delay_stop(struct flow_kernel_worker *w);
/* True: B is taken, and sent later. */
bool kernel_delay_take(struct flow_kernel_worker *w, struct kernel_flow *f, enum flow_direction d,
	struct net_buf *b);
bool kernel_delay_has(const struct kernel_flow *f);
/* What waits is sent now. */
void kernel_delay_end(struct flow_kernel_worker *w, struct kernel_flow *f);

/* index.c */
/* For so many lanes. */
void kernel_index_init(struct kernel_index *x, uint32_t n_lanes);
/* From now on packets with KEY find LANE; any thread. ERR_EXISTS; ERR_FULL: its bin is. */
int kernel_index_put(struct flow_kernel *k, const struct kernel_key *key, uint32_t lane);
void kernel_index_drop(struct flow_kernel *k, const struct kernel_key *key, uint32_t lane);

/* lane.c */
/* All but the path, the account and the gate. */
void kernel_lane_fill(struct kernel_lane *lane, struct kernel_key *key, const struct flow *flow,
	enum flow_direction d);

/* limits.c */
/* A slot rests before it is used again: a program that has just found its lane is done by then. */
#define KERNEL_REST_MS 1000
/* The limits of F's flow, as they are now, are those of its lanes. False: programs cannot keep
 * them. */
bool kernel_limits_follow(struct flow_kernel_worker *w, struct kernel_flow *f);
/* F's lanes are closed. */
void kernel_limits_leave(struct flow_kernel_worker *w, struct kernel_flow *f);
void kernel_limits_count(
	struct flow_kernel_worker *w, struct kernel_hold *h, struct flow_account *to);

/* gate.c */
/* The lane's program starts to count now, and forwards nothing yet. */
void kernel_gate_begin(struct kernel_gate *g, struct kernel_lane *lane, uint64_t now_ms);
/* Has all that the program passed up been sent, as far as is known? Else it is worth asking whether
 * something waits. */
bool kernel_gate_is_sure(const struct kernel_gate *g, const struct kernel_lane *lane);
/* What is in G->sent has been sent: may the lane forward? IS_DRY: nothing waits in the worker's
 * sockets. True: after a loss it may again. */
bool kernel_gate_look(
	struct kernel_gate *g, struct kernel_lane *lane, uint64_t now_ms, bool is_dry);
/*
 * Nothing waits in the worker's sockets. When the program has passed nothing up for a while either,
 * all that ever will come of what it has passed, and of what was on its way when it began, is here:
 * the offset is known. True: another one than it was.
 */
bool kernel_gate_rest(struct kernel_gate *g, struct kernel_lane *lane, uint64_t now_ms);

#endif
