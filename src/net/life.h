/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * What every client's connection has in common, whatever carries it: its place under the limit and
 * the times after which it ends by itself. No I/O.
 */
#ifndef NET_LIFE_H
#define NET_LIFE_H

#include "net_priv.h"

enum net_stage {
	NET_STAGE_PROXY, /* a balancer's header comes first */
	NET_STAGE_HANDSHAKE,
	NET_STAGE_SILENT, /* no message has come */
	NET_STAGE_OPEN,
};

/* Embedded in the connection. */
struct net_life {
	struct net *net;             /* not owned */
	struct wheel *wheel;         /* not owned */
	const struct clock *clock;   /* not owned */
	const struct net_port *port; /* for its holds; not owned */
	/* A time is up. WHY is a counter; the connection is gone when it returns. */
	void (*end)(struct net_life *l, enum net_counter why);
	uint8_t stage;     /* enum net_stage */
	uint64_t heard_ms; /* when the last message came */
	struct wheel_timer timer;
	struct net_client *client; /* counted; NULL: for nobody */
};

/* Is there room below MAX for one more connection of N? */
bool net_life_has_room(const struct net *n, uint32_t max);
/*
 * One connection more for CLIENT, which may have PER_CLIENT of them; 0: any number. False: refused,
 * and not counted yet. Before net_life_begin or after it, once.
 */
bool net_life_admit(struct net_life *l, const struct addr *client, uint32_t per_client);
/* Undoes that, where there is no net_life_fini to do it. */
void net_life_dismiss(struct net_life *l);
/* Sets what is not set. From here on the connection counts. */
void net_life_begin(struct net_life *l, enum net_stage stage);
void net_life_fini(struct net_life *l);
/* The header is there; a handshake comes next, or not. */
void net_life_named(struct net_life *l, bool has_handshake);
/* The handshake is done. */
void net_life_shaken(struct net_life *l);
/* A message has come. */
void net_life_heard(struct net_life *l);

#endif
