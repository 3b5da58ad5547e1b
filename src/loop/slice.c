/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * Short time slices. A thread that wakes may find its core taken, and waits then for the end of a
 * slice, some milliseconds; since Linux 6.12 one that has asked for shorter slices than the other's
 * is let in at once. Older kernels take the wish and do nothing.
 */
#include <linux/sched.h>
#include <linux/sched/types.h> /* its struct sched_param may be that of <sched.h> once more */
#include <sys/syscall.h>
#include <unistd.h>

#include "slice.h"

void loop_slice_shorten(void)
{
	struct sched_attr a = {.size = sizeof(a)};

	/* With another policy somebody has thought of something else. */
	if (syscall(SYS_sched_getattr, 0, &a, sizeof(a), 0) != 0 || a.sched_policy != SCHED_NORMAL)
		return;
	a.sched_runtime = LOOP_SLICE_NS;
	(void)syscall(SYS_sched_setattr, 0, &a, 0); /* refused, it waits as others do */
}
