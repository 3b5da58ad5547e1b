/* SPDX-License-Identifier: BSD-3-Clause */
/* The workers: their sockets, loops, threads, and what the main thread tells them. */
#ifndef DAEMON_WORKERS_H
#define DAEMON_WORKERS_H

#include <sallyport/crypto.h>
#include <sallyport/flow/kernel.h>
#include <sallyport/metrics.h>
#include <sallyport/relay.h>

#include "datapath.h"
#include "settings.h"

#define WORKERS_WHY_LEN 256

struct workers; /* main thread */

/* What a daemon that takes over has got from its predecessor. */
struct inherited {
	/* Its socket for L and a worker, taken; -1: it had none. */
	int (*listener)(void *arg, unsigned worker, const struct settings_listener *l);
	void *arg;
	/* Its map of steered ports, not owned, and who it was in that; -1: it has none. */
	int steered;
	unsigned generation;
	/* Its programs on interfaces; not owned. */
	struct flow_kernel_hold programs[FLOW_KERNEL_LINKS_MAX];
	size_t n_programs;
	uint8_t ticket_key[CRYPTO_SEAL_KEY_LEN];
};

/*
 * Binds every listener once per worker and makes the workers; nothing runs yet. WHY gets a
 * sentence naming what could not be bound. The set has n blocks for them, and one for MAIN.
 * INHERITED may be NULL.
 */
int workers_create(struct loop *main, const struct settings *s, const struct datapath *datapath,
	const struct inherited *inherited, struct metrics_set *metrics, unsigned n,
	struct workers **out, char why[WORKERS_WHY_LEN]);
int workers_start(struct workers *w);
/* Hands a snapshot to all; one whose mailbox is full gets it a little later. */
void workers_snapshot(struct workers *w, struct turn_snapshot *s);
/* The same with contexts for the faces' TLS; counts are taken. */
void workers_tls(struct workers *w, const struct relay_tls *tls);
/* The same with how long they poll, as loop_busy_poll. */
void workers_busy_poll(struct workers *w, uint32_t bound_us);
unsigned workers_count(const struct workers *w);
/* Do they relay? Without "edge" they carry the media of calls alone, and there are no snapshots or
 * contexts for them, and no messages. */
bool workers_relay(const struct workers *w);
/* To worker I, with its struct relay as the handler's context; as loop_post. */
int workers_post(struct workers *w, unsigned i, const struct msg_type *type, const void *payload);
/* Stops and joins the threads that run, each at the end of its turn. NULL is fine. */
void workers_stop(struct workers *w);
/* The same, and then frees all. */
void workers_destroy(struct workers *w);

#endif
