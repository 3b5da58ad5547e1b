/* SPDX-License-Identifier: BSD-3-Clause */
/* Counters of the main thread's own work. */
#ifndef DAEMON_COUNTERS_H
#define DAEMON_COUNTERS_H

#include <sallyport/metrics.h>

enum daemon_counter {
	DAEMON_C_CERTIFICATE_END, /* gauge: Unix seconds */
	DAEMON_C_FILES_TAKEN,
	DAEMON_C_FILES_REFUSED,
	DAEMON_C_CALL_LOOPS,
	DAEMON_C_CALL_RECORDS,
	DAEMON_C_CALL_RECORDS_LOST,
	DAEMON_C_CALL_PLANS,
	DAEMON_C_COUNT,
};
extern const struct metrics_group daemon_counters;

#endif
