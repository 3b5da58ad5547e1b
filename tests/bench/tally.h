/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * What became of the packets of a run: which came, which came again or out of order, and how long
 * they took. Each stream numbers its packets, so that what is missing and what is merely late are
 * told apart.
 */
#ifndef TESTS_BENCH_TALLY_H
#define TESTS_BENCH_TALLY_H

#include <stdbool.h>
#include <stdint.h>

/* One direction of a flow. */
struct stream {
	uint32_t next;  /* to be sent */
	uint32_t first; /* of this run; earlier ones are stragglers of the run before */
	uint32_t top;   /* one more than the highest that came */
	uint64_t seen;  /* bit N: top - 1 - N has come */
};

/* Log-linear: 64 buckets for each power of two, so within 1.6 %. */
#define HISTOGRAM_BUCKETS (64 * 40)
struct histogram {
	uint64_t count, sum_ns, max_ns;
	uint64_t buckets[HISTOGRAM_BUCKETS];
};

struct tally {
	uint64_t sent, received; /* received: each packet once */
	uint64_t reordered;      /* behind one that was sent later (RFC 4737) */
	uint64_t duplicate;
	uint64_t corrupt; /* content or length is not what was sent */
	uint64_t late;    /* of an earlier run */
	struct histogram latency;
};

/* A run begins: what was sent before is of no account to it. */
void stream_start(struct stream *s);
/* Counts a packet that came, by its number, which may wrap. True: it came for the first time. */
bool tally_count(struct tally *t, struct stream *s, uint32_t number);

void histogram_add(struct histogram *h, uint64_t ns);
/* In microseconds, 0 when nothing was added. */
double histogram_us(const struct histogram *h, double percent);

#endif
