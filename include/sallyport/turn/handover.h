/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * Allocations handed to another process: for a daemon that takes over from its predecessor. All of
 * this is for servers whose threads do not run.
 */
#ifndef SALLYPORT_TURN_HANDOVER_H
#define SALLYPORT_TURN_HANDOVER_H

#include <sallyport/turn.h>

/* An allocation, or a reserved port, as bytes, and its sockets beside them. */
#define TURN_PARCEL_FDS 2
struct turn_parcel {
	uint8_t *data; /* owned */
	size_t len;
	int fds[TURN_PARCEL_FDS]; /* owned; -1: none; IPv4, IPv6 */
	/* Of its lease, which goes with it between workers; not owned. NULL between processes. */
	struct flow_bucket *tenant, *subject;
};
void turn_parcel_fini(struct turn_parcel *p);

/* No parcel is longer. */
#define TURN_PARCEL_MAX (1024 * 1024)

/*
 * Gives FN a copy of each allocation that can go, and of each reserved port, with a second
 * descriptor of each socket; S is left as it was. Not given are those whose client is on a
 * connection or behind a load balancer, and those that still wait to be granted. Ends with what FN
 * returns if that is not 0, or with the failure of a copy.
 */
int turn_server_pack(
	struct turn_server *s, int (*fn)(void *arg, const struct turn_parcel *p), void *arg);
/* Ends what turn_server_pack gives, without a word and without giving back what it counts under,
 * and what can neither go nor stay: all but the clients on TCP and TLS. */
void turn_server_leave(struct turn_server *s);

/*
 * Makes of P, which the caller keeps, what it was. The servers are joined and this one is the one
 * of the same number. COUNT is told what it holds, and says its buckets; what COUNT fails with is
 * returned, and nothing has been made. ERR_EXISTS, ERR_CONFIG (tenant, listener or relay
 * address is no more), ERR_MALFORMED, ERR_UNSUPPORTED, -ENOMEM, -errno.
 */
int turn_server_unpack(struct turn_server *s, const struct turn_parcel *p,
	int (*count)(void *arg, const struct turn_lease *lease, struct turn_lease_grant *grant),
	void *arg);

#endif
