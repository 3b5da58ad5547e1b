/* SPDX-License-Identifier: BSD-3-Clause */
#include "counters.h"

static const struct metrics_row rows[DAEMON_C_COUNT] = {
	[DAEMON_C_CERTIFICATE_END] = {"sallyport_certificate_end_timestamp_seconds", NULL,
		METRICS_GAUGE,
		"When the first of the certificates in force ends, Unix time; 0 without any."},
	[DAEMON_C_FILES_TAKEN] = {"sallyport_changed_files_total", "result=\"taken\"",
		METRICS_COUNTER,
		"Times that keys, certificates or revocations had changed on disk."},
	[DAEMON_C_FILES_REFUSED] = {"sallyport_changed_files_total", "result=\"refused\"",
		METRICS_COUNTER, NULL},
	[DAEMON_C_CALL_LOOPS] = {"sallyport_call_loops_total", NULL, METRICS_COUNTER,
		"Calls from the telephone network that had a route back there, which was not "
		"taken."},
	[DAEMON_C_CALL_RECORDS] = {"sallyport_call_records_total", NULL, METRICS_COUNTER,
		"Call detail records that were written."},
	[DAEMON_C_CALL_RECORDS_LOST] = {"sallyport_call_records_lost_total", NULL, METRICS_COUNTER,
		"Call detail records that could not be written."},
	[DAEMON_C_CALL_PLANS] = {"sallyport_call_plans_total", NULL, METRICS_COUNTER,
		"Configurations that calls have begun to go by: the first, and one for each "
		"reload or changed file."},
};

const struct metrics_group daemon_counters = {rows, DAEMON_C_COUNT};
