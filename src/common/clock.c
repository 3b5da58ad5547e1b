/* SPDX-License-Identifier: BSD-3-Clause */
/* The one place that asks the kernel for the time. */
#include <time.h>

#include <sallyport/common.h>

uint64_t clock_mono_ns(void)
{
	struct timespec mono;

	(void)clock_gettime(CLOCK_MONOTONIC, &mono);
	return (uint64_t)mono.tv_sec * 1000000000 + (uint64_t)mono.tv_nsec;
}

void clock_sample(struct clock *c)
{
	struct timespec mono, wall;

	/* Neither can fail with these clocks and a valid pointer. */
	(void)clock_gettime(CLOCK_MONOTONIC, &mono);
	(void)clock_gettime(CLOCK_REALTIME, &wall);
	c->mono_ms = (uint64_t)mono.tv_sec * 1000 + (uint64_t)mono.tv_nsec / 1000000;
	c->wall_s = (uint64_t)wall.tv_sec;
}
