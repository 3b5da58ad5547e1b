/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * What allocations that have ended leave of the heap goes back to the host. The allocator alone
 * keeps it: something that lives longer always lies above what was freed.
 */
#ifndef DAEMON_TRIM_H
#define DAEMON_TRIM_H

#include <sallyport/loop.h>
#include <sallyport/metrics.h>

#define TRIM_LOOK_MS 1000  /* at how many there are */
#define TRIM_REST_MS 10000 /* between two */
#define TRIM_FROM    1000  /* below, it is not worth the walk */

struct trim; /* main thread */

struct trim *trim_create(struct loop *loop, const struct metrics_set *m); /* NULL: out of memory */
void trim_destroy(struct trim *t);                                        /* NULL is fine */

/* There are N now. True: at least half of the most that there were since it was last due, which is
 * *PEAK, have gone. */
bool trim_is_due(uint64_t *peak, uint64_t n);

#endif
