/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * A pipe as the files of this folder share it.
 *
 *   pipe.c        a pipe's life: dialling, taking, joining, its end
 *   pipe_flow.c   the bytes: reading, writing, stopping, the ends of the streams
 *   acceptor.c    listening for peers
 */
#ifndef NET_PIPE_H
#define NET_PIPE_H

#include "stream_priv.h"

#define NET_WATCH_MS (60 * 1000) /* between looks at a side that has ended */

/* One of the two connections. */
struct net_side {
	struct net_pipe *pipe; /* not owned */
	int fd;                /* -1: there is none yet, or it is over */
	struct ssl_st *tls;    /* owned; NULL on plain TCP */
	struct net_ring out;
	bool is_ended;       /* nothing more comes from it */
	bool is_told;        /* it knows that nothing more goes to it */
	bool waits_for_ring; /* not read while the other one's ring is full */
	bool waits_for_rate; /* not read while the limit is reached */
	struct event read_event, write_event;
};

struct net_pipe {
	const struct net_pipe_config *config; /* not owned */
	void *owner;                          /* not owned */
	bool is_joined;
	struct net_client *client; /* counted, of the client's connection; NULL: for nobody */
	struct net_side sides[2];  /* by enum net_end */
	struct wheel_timer timer;  /* for the rate, for what is left to write, or a look */
};

static inline struct net_side *net_side_other(struct net_side *s)
{
	return &s->pipe->sides[s == &s->pipe->sides[NET_CLIENT] ? NET_PEER : NET_CLIENT];
}

/* P is gone when these return. END tells the owner. */
void net_pipe_end(struct net_pipe *p);
/* Takes S out of everything and closes it. */
void net_side_close(struct net_side *s);

/* Events of a joined pipe. */
void net_side_readable(struct net_side *s);
void net_side_writable(struct net_side *s);
/* Bytes for S that nobody has counted yet, read before the pipe was joined. False: P is gone. */
bool net_side_push(struct net_side *s, struct bytes text);
void net_pipe_timer(struct net_pipe *p);

#endif
