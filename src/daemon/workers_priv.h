/* SPDX-License-Identifier: BSD-3-Clause */
/* The workers, as workers.c has them and handover.c hands them on. */
#ifndef DAEMON_WORKERS_PRIV_H
#define DAEMON_WORKERS_PRIV_H

#include <sallyport/crypto.h>

#include "leases.h"
#include "workers.h"

struct worker {
	struct loop *loop;
	struct relay *relay; /* NULL without "edge" */
	struct lease_clerk *clerk;
	struct worker_media *media; /* NULL: it has none */
	struct loop_thread *thread; /* NULL: not started */
	bool is_behind;             /* has not got the newest snapshot yet */
};

struct workers {
	struct loop *main;               /* not owned */
	const struct datapath *datapath; /* not owned */
	struct worker *all;
	unsigned n;
	/* What workers know each other by. */
	struct loop **loops;
	struct relay **relays;
	struct turn_server **servers;
	struct leases *leases;
	uint8_t ticket_key[CRYPTO_SEAL_KEY_LEN];
	struct turn_snapshot *newest; /* counted */
	struct relay_tls newest_tls;  /* counted; all NULL until a reload */
	uint32_t busy_poll_us;        /* as in loop_busy_poll; 0 without "edge" */
	struct wheel_timer retry;
};

#endif
