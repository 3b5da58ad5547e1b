/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * net/path as its files share it. An entry's state follows from three things: the kernel's answer
 * about its route, the link the route names, and the next hop's neighbour entry. Links and hops
 * are shared by entries.
 *
 * path.c the cache, state.c what follows from what is known, ask.c what is asked and when, event.c
 * what messages mean, netlink.c the sockets.
 */
#ifndef NET_PATH_PRIV_H
#define NET_PATH_PRIV_H

#include <sallyport/net/path.h>

#include "wire.h"

/* Asked at the end of one turn at most; the rest follows in the next ones. */
#define PATH_ASK_TURN 16
/* An answer that has not come by then was lost. */
#define PATH_ANSWER_MS 2000
/* An entry in use is asked for anew: no notification tells of an MTU that ICMP has made known. */
#define PATH_RECHECK_MS (60 * 1000)
/* A doubt is followed up this often at most. */
#define PATH_DOUBT_MS 1000
/* The pool is walked in this many steps; an entry nobody wants lives for one or two walks. */
#define PATH_SWEEP_MS    1000
#define PATH_SWEEP_STEPS 16
/* Routes that change are gathered for this long, from the second change on. */
#define PATH_SETTLE_MS 100
#define PATH_STALE_MAX 4 /* more prefixes than that: everything is asked again */
/* See NET_PATH_UNCONFIRMED. */
#define PATH_REST_MS    1000
#define PATH_CONFIRM_MS (20 * 1000) /* a neighbour is used or rested this often at most */
#define PATH_LINKS_MAX  4096        /* interfaces; further ones count as no Ethernet */

struct path_link {
	struct hash_node node; /* under its index */
	struct path_msg_link is;
	bool is_seen; /* since the last dump began */
};

/* A neighbour that entries lead to. Owned by them: gone with the last. */
struct path_hop {
	struct hash_node node;
	uint32_t ifindex;
	struct addr addr;
	struct list entries;   /* path_entry.hop_link */
	struct list ask_link;  /* in hops_to_ask, or alone */
	struct list rest_link; /* in hops_resting, or alone */
	bool is_known;         /* the kernel has answered */
	bool wants_use;        /* not asked, but used */
	uint16_t nud;          /* NUD_*; 0: the kernel has no such entry */
	bool has_mac;
	uint8_t mac[6];
	uint64_t confirmed_ms; /* last used or rested */
	uint64_t rested_ms;    /* when its rest ends */
};

struct path_entry {
	struct net_path path; /* first: cast back */
	uint32_t next;        /* index + 1 in its bucket or in the free list; 0: the last */
	uint16_t generation;  /* of the last question */
	bool is_live, is_recent, is_asked, is_again;
	bool is_telling;     /* its holds are in a list of path_tell's */
	uint8_t route_state; /* enum net_path_state: READY, if the route is one */
	uint32_t oif, route_mtu;
	struct path_hop *hop; /* NULL unless route_state is READY */
	struct list hop_link;
	struct list holds;
	struct list ask_link;     /* in to_ask, or alone */
	struct list changed_link; /* in changed, or alone */
	uint64_t ask_at_ms;       /* asked anew then, or, while it is_asked, given up */
	uint64_t doubted_ms;
};

/* How messages reach the kernel; a test's own instead. */
struct path_wire {
	int (*send)(void *arg, const void *msg, size_t len); /* 0, -errno */
	/* path_ask_run is to be called at the end of the turn. */
	void (*later)(void *arg);
	void *arg;
};

struct net_paths {
	const struct path_wire *wire;
	struct wheel *wheel;
	const struct clock *clock;
	metrics_cell *cells;

	struct path_entry *entries; /* MAX of them, N_MADE were ever used */
	uint32_t *buckets;
	uint32_t max, n_made, n_buckets, free_head, hand, sweep_at;
	struct hash_key key;
	struct hash_table hops, links;
	bool has_links; /* the dump is complete */
	bool is_unprivileged;

	struct list to_ask, hops_to_ask, hops_resting, changed;
	bool wants_links;
	struct prefix stale[PATH_STALE_MAX];
	unsigned n_stale;
	bool is_all_stale;
	uint64_t settled_ms;
	struct wheel_timer sweep, settle, rest;
};

/* ---- path.c ---- */
int path_cache_init(struct net_paths *ps, const struct net_paths_config *c);
void path_cache_fini(struct net_paths *ps);
void path_forget(struct net_paths *ps, struct path_entry *e); /* that nobody holds */

/* ---- state.c ---- */
struct path_link *path_link_find(const struct net_paths *ps, uint32_t ifindex);
struct path_hop *path_hop_find(const struct net_paths *ps, uint32_t ifindex, const struct addr *a);
/* E's route leads over the neighbour A. -ENOMEM. */
int path_hop_join(struct net_paths *ps, struct path_entry *e, const struct addr *a);
void path_hop_leave(struct net_paths *ps, struct path_entry *e);
/* What the kernel says of a neighbour; N NULL: it has no such entry. */
void path_hop_set(struct net_paths *ps, struct path_hop *h, const struct path_msg_neighbour *n);
/* What follows for E from what is known now. */
void path_update(struct net_paths *ps, struct path_entry *e);
void path_update_hop(struct net_paths *ps, struct path_hop *h);
/* Calls who holds what has changed. */
void path_tell(struct net_paths *ps);

/* ---- ask.c ---- */
void path_ask_init(struct net_paths *ps);
void path_ask_fini(struct net_paths *ps);
void path_ask(struct net_paths *ps, struct path_entry *e);
void path_ask_hop(struct net_paths *ps, struct path_hop *h);
/* H, in use, has not been heard of lately. */
void path_confirm_hop(struct net_paths *ps, struct path_hop *h);
void path_rest_end(struct net_paths *ps, struct path_hop *h);
void path_ask_links(struct net_paths *ps);
/* Sends what may be sent in this turn. */
void path_ask_run(struct net_paths *ps);

/* ---- event.c ---- */
/* Messages from the kernel: answers to what was asked, or notifications. */
void path_receive(struct net_paths *ps, struct bytes messages, bool is_answer);
/* Some were lost: everything is asked again. */
void path_overrun(struct net_paths *ps);
/* Asks for what notifications have made doubtful. */
void path_settle(struct net_paths *ps);

#endif
