/* SPDX-License-Identifier: BSD-3-Clause */
/* Processor time of another process, by its own clock. Face: cputime.h. */
#include <time.h>

#include "cputime.h"

uint64_t cputime_ns(int pid)
{
	clockid_t clock;
	struct timespec ts;

	if (pid <= 0 || clock_getcpuclockid(pid, &clock) != 0 || clock_gettime(clock, &ts) != 0)
		return 0;
	return (uint64_t)ts.tv_sec * 1000000000u + (uint64_t)ts.tv_nsec;
}
