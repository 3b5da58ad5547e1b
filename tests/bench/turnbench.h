/* SPDX-License-Identifier: BSD-3-Clause */
/* turnbench: what its two measurements share. Usage: turnbench.c. */
#ifndef TESTS_BENCH_TURNBENCH_H
#define TESTS_BENCH_TURNBENCH_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sallyport/common.h>

#include "../tools/turnclient.h"

#define BENCH_CHANNEL 0x4000

struct bench {
	struct addr server;
	struct addr peer; /* where voice peers are bound */
	const char *username, *password;
	int pid;              /* the server's */
	unsigned n;           /* allocations or calls */
	unsigned warm_up;     /* allocations before the first reading */
	unsigned seconds;     /* of voice */
	unsigned interval_ms; /* between two packets of a call in one direction */
	bool with_channel;    /* memory: bind a channel on every allocation */
};

/*
 * Opens an allocation as a client does, challenge included, and a channel to CHANNEL_PEER when that
 * is not NULL. RELAYED may be NULL. One line on stderr says why it failed.
 */
int bench_allocate(const struct bench *b, struct turnclient *c, struct addr *relayed,
	const struct addr *channel_peer);
/* Deletes the allocation and closes the client; nothing when it was never opened (all zero). */
void bench_release(struct turnclient *c);

/* The server's processor time so far, in microseconds; 0 without a pid. */
uint64_t bench_cpu_us(const struct bench *b);

int bench_memory(const struct bench *b);
int bench_voice(const struct bench *b);

#endif
