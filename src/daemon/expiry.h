/* SPDX-License-Identifier: BSD-3-Clause */
/* Says in the log, and as a metric, when the certificates in force end. Main thread. */
#ifndef DAEMON_EXPIRY_H
#define DAEMON_EXPIRY_H

#include <sallyport/api.h>

struct expiry;

/* CELLS of daemon_counters. NULL: out of memory. */
struct expiry *expiry_create(struct loop *l, metrics_cell *cells);
void expiry_destroy(struct expiry *e);
/* These are in force from now on; copied. What was said of one is not said again. -ENOMEM. */
int expiry_update(struct expiry *e, const struct api_certificate *list, size_t n);

/* How near the end is: 0 more than 30 days; 1, 2, 3 within 30 days, 7 days, 1 day; 4 over. */
unsigned expiry_level(uint64_t not_after_s, uint64_t now_s);

#endif
