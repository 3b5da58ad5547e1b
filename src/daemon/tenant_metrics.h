/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * The counters of tenants, whose names a reload may change: rows for as many as there may be, which
 * are shown once they have a name. Without tenants there are none to see.
 */
#ifndef DAEMON_TENANT_METRICS_H
#define DAEMON_TENANT_METRICS_H

#include <sallyport/metrics.h>

#include "settings.h"

extern const struct metrics_group tenant_counters;
/* Shows the tenants of S too. One that was taken out is shown until the daemon ends. Main thread,
 * which is the one that reads names. */
void tenant_metrics_show(const struct settings *s);

#endif
