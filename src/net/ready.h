/* SPDX-License-Identifier: BSD-3-Clause */
/* Which of a worker's UDP sockets have something: an epoll set of their own. */
#ifndef NET_READY_H
#define NET_READY_H

#include <sys/epoll.h>

#include <sallyport/net.h>

struct event;
struct net_udp;

/* Sockets served in one turn; the others have theirs in the next. */
#define NET_READY_MAX 256

struct net_ready {
	int fd;              /* -1: none */
	struct event *event; /* owned: the set itself, in the loop's */
	unsigned n_found, next;
	struct epoll_event found[NET_READY_MAX]; /* of this turn; those from NEXT on wait */
};

/* -ENOMEM, -errno. */
int net_ready_init(struct net_ready *r, struct net *n);
void net_ready_fini(struct net_ready *r);
/* From now on S is served when it has something. -errno. */
int net_ready_add(struct net_ready *r, struct net_udp *s);
/* The same, but S stands in the loop itself: for sockets that always have something, or that seldom
 * have something at the same time as others, which the set would cost a call each turn. -ENOMEM. */
int net_ready_apart(struct net_ready *r, struct net_udp *s);
/* S is not served any more, not in this turn either. */
void net_ready_remove(struct net_ready *r, struct net_udp *s);

#endif
