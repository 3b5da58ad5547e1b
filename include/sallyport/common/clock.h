/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * Time is a value that its owner samples, once per loop turn; everything below reads the sample.
 * So a test moves hours of protocol by writing two numbers, and the packet path makes no call.
 */
#ifndef SALLYPORT_COMMON_CLOCK_H
#define SALLYPORT_COMMON_CLOCK_H

#include <stdint.h>

struct clock {
	uint64_t mono_ms; /* CLOCK_MONOTONIC: timers and lifetimes */
	uint64_t wall_s;  /* CLOCK_REALTIME, Unix seconds: credentials and nonces */
};

void clock_sample(struct clock *c);
/* CLOCK_MONOTONIC of now, for what is measured within a turn. */
uint64_t clock_mono_ns(void);

#endif
