/* SPDX-License-Identifier: BSD-3-Clause */
/* The workers on their way to another process. Main thread; theirs do not run. */
#include <errno.h>

#include <sallyport/flow/kernel.h>
#include <sallyport/net/steer.h>

#include "handover.h"

#include "../workers_priv.h"

/* Messages cause messages; after so many rounds it is not the last word that is missed. */
#define ROUNDS_MAX 64

void handover_pause(struct workers *ws)
{
	bool is_quiet = false;

	workers_stop(ws);
	for (int i = 0; i < ROUNDS_MAX && !is_quiet; i++) {
		is_quiet = true;
		for (unsigned k = 0; k < ws->n; k++) {
			if (loop_deliver(ws->all[k].loop))
				is_quiet = false;
		}
	}
}

int handover_sockets(struct workers *ws, unsigned i, size_t n_listeners,
	int (*fn)(void *arg, size_t k, int fd), void *arg)
{
	int rc = 0;

	for (size_t k = 0; k < n_listeners && rc == 0; k++) {
		int fd = relay_copy_listener(ws->relays[i], k);
		if (fd == ERR_NOT_FOUND)
			continue; /* it shares another's socket */
		rc = fd < 0 ? fd : fn(arg, k, fd);
	}
	return rc;
}

const uint8_t *handover_ticket_key(const struct workers *ws)
{
	return ws->ticket_key;
}

int handover_pack(struct workers *ws, unsigned i, int (*fn)(void *arg, const struct turn_parcel *p),
	void *arg)
{
	return turn_server_pack(ws->servers[i], fn, arg);
}

/* It was granted elsewhere, so no limit can refuse it: memory can. */
static int count(void *arg, const struct turn_lease *lease, struct turn_lease_grant *grant)
{
	const struct turn_lease_ask ask = {.lease = *lease};

	ledger_take(arg, &ask, grant);
	return grant->code == 0 ? 0 : -ENOMEM;
}

int handover_unpack(struct workers *ws, unsigned i, const struct turn_parcel *p)
{
	return turn_server_unpack(ws->servers[i], p, count, leases_ledger(ws->leases));
}

int handover_steered(const struct workers *ws, unsigned *generation)
{
	const struct net_steering *s = datapath_steering(ws->datapath);

	*generation = s ? net_steering_generation(s) : 0;
	return s ? net_steering_map(s) : -1;
}

size_t handover_programs(const struct workers *ws, struct flow_kernel_hold *out, size_t cap)
{
	const struct flow_kernel *k = datapath_kernel(ws->datapath);

	return k ? flow_kernel_holds(k, out, cap) : 0;
}

void handover_reclaim_programs(struct workers *ws)
{
	if (datapath_kernel(ws->datapath))
		flow_kernel_reclaim(datapath_kernel(ws->datapath));
}

void handover_drain(struct workers *ws)
{
	for (unsigned i = 0; i < ws->n; i++)
		relay_drain(ws->relays[i]);
}

void handover_reclaim(struct workers *ws)
{
	for (unsigned i = 0; i < ws->n; i++)
		relay_reclaim(ws->relays[i]);
}

void handover_settle(struct workers *ws)
{
	for (unsigned i = 0; i < ws->n; i++)
		relay_settle(ws->relays[i]);
}

void handover_leave(struct workers *ws)
{
	for (unsigned i = 0; i < ws->n; i++)
		relay_leave(ws->relays[i]);
}
