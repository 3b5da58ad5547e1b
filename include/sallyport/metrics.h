/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * metrics: counter tables declared once, one block per thread, summed when read.
 *
 * A module lists its counters in an enum and a row table of the same length; the daemon collects
 * the tables into one set and gives each thread a block. Writing is one relaxed store by the
 * block's only writer; reading may happen on any thread.
 */
#ifndef SALLYPORT_METRICS_H
#define SALLYPORT_METRICS_H

#include <stdatomic.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sallyport/common.h>

enum metrics_kind {
	METRICS_COUNTER,
	METRICS_GAUGE
};

struct metrics_row {
	/* "sallyport_turn_allocations_total"; NULL: not shown, for rows whose labels are not known
	 * when the set is made. Those may get a name later, on the thread that reads. */
	const char *name;
	const char *labels; /* "result=\"ok\"" or NULL */
	enum metrics_kind kind;
	const char *help; /* one sentence */
};

struct metrics_group {
	const struct metrics_row *rows;
	size_t n_rows;
};

/* One thread's cells for one group. Opaque storage: use the functions. */
typedef _Atomic uint64_t metrics_cell;

static inline void metrics_add(metrics_cell *cells, unsigned row, uint64_t n)
{
	/* One writer per cell: a plain read-modify-write is enough, and cheaper than a locked one.
	 */
	uint64_t v = atomic_load_explicit(&cells[row], memory_order_relaxed);
	atomic_store_explicit(&cells[row], v + n, memory_order_relaxed);
}

static inline void metrics_sub(metrics_cell *cells, unsigned row, uint64_t n)
{
	metrics_add(cells, row, (uint64_t)0 - n);
}

static inline uint64_t metrics_get(const metrics_cell *cells, unsigned row)
{
	return atomic_load_explicit(&cells[row], memory_order_relaxed);
}

struct metrics_set; /* opaque; created before the threads, destroyed after them */

/* GROUPS must outlive the set. N_THREADS blocks are made for every group. NULL when out of memory.
 */
struct metrics_set *metrics_set_create(
	const struct metrics_group *const *groups, size_t n_groups, unsigned n_threads);
void metrics_set_destroy(struct metrics_set *s);

/* The cells of GROUP for thread THREAD (0-based), each block on cache lines of its own. */
metrics_cell *metrics_set_cells(
	struct metrics_set *s, const struct metrics_group *group, unsigned thread);

/* Sum over all threads. */
uint64_t metrics_set_sum(
	const struct metrics_set *s, const struct metrics_group *group, unsigned row);

/* Calls FN for every row of every group, in order, with its sum over all threads. */
void metrics_set_each(const struct metrics_set *s,
	void (*fn)(void *arg, const struct metrics_row *row, uint64_t value), void *arg);

/* Prometheus text format 0.0.4; *OUT is malloc'd, NUL-terminated, the caller's. -ENOMEM. */
int metrics_set_print(const struct metrics_set *s, char **out, size_t *len);

#endif
