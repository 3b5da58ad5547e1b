/* SPDX-License-Identifier: BSD-3-Clause */
/* What an upgrade does with the workers: standing still, taken apart, put together, given up. */
#ifndef DAEMON_HANDOVER_H
#define DAEMON_HANDOVER_H

#include <sallyport/turn/handover.h>

#include "../workers.h"

/*
 * All threads stop, and what they have said to each other is delivered. Packets wait in the kernel.
 * workers_start lets them go on.
 */
void handover_pause(struct workers *w);

/* Second descriptors of worker I's listeners, in the order of the settings; FN takes each. Ends
 * with what FN returns if that is not 0. */
int handover_sockets(struct workers *w, unsigned i, size_t n_listeners,
	int (*fn)(void *arg, size_t k, int fd), void *arg);
const uint8_t *handover_ticket_key(const struct workers *w);

/* As turn_server_pack and turn_server_unpack, of worker I. A lease is counted here. */
int handover_pack(struct workers *w, unsigned i, int (*fn)(void *arg, const struct turn_parcel *p),
	void *arg);
int handover_unpack(struct workers *w, unsigned i, const struct turn_parcel *p);

/* While they stand still: the map of steered ports in use and who we are in it; -1: there is none.
 */
int handover_steered(const struct workers *w, unsigned *generation);
/* Their programs on interfaces; returns how many. */
size_t handover_programs(const struct workers *w, struct flow_kernel_hold *out, size_t cap);
/* Another process may have put its own in their place, and is none to go on. They need not stand
 * still. */
void handover_reclaim_programs(struct workers *w);
/* What has arrived for ports that another process has adopted is relayed, before it relays. */
void handover_drain(struct workers *w);
/* Ports that another process has adopted come back. */
void handover_reclaim(struct workers *w);
/* What has been unpacked is all: ports that came and were not taken are closed. */
void handover_settle(struct workers *w);

/* Another process has it all. Clients on TCP and TLS stay. */
void handover_leave(struct workers *w);

#endif
