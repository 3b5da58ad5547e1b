/* SPDX-License-Identifier: BSD-3-Clause */
/* The counters of trunks, and what they say of each for the operator's status. */
#ifndef DAEMON_TRUNK_METRICS_H
#define DAEMON_TRUNK_METRICS_H

#include <sallyport/api.h>
#include <sallyport/metrics.h>

#include "options.h"

extern const struct metrics_group trunk_counters;
/* Numbers that trunks may have; behind them is the front end. */
#define TRUNK_NUMBERS_MAX (2 * OPTIONS_TRUNKS_MAX)
/* Shows those of the trunks of M, which have these numbers, and no others. Main thread. */
void trunk_metrics_show(const struct options_mediation *m, const uint32_t *numbers);
/* Writes at most OPTIONS_TRUNKS_MAX of them, and their number. Views of M. Main thread. */
size_t trunk_metrics_status(const struct metrics_set *set, const struct options_mediation *m,
	const uint32_t *numbers, struct api_trunk out[OPTIONS_TRUNKS_MAX]);
/* The same of the front end. False: there is none. */
bool trunk_metrics_front(
	const struct metrics_set *set, const struct options_mediation *m, struct api_trunk *out);

#endif
