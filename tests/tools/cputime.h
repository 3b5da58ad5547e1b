/* SPDX-License-Identifier: BSD-3-Clause */
/* The processor time of another process. */
#ifndef TESTS_TOOLS_CPUTIME_H
#define TESTS_TOOLS_CPUTIME_H

#include <stdint.h>

/* Of all threads of PID that live, user and system, in nanoseconds; 0 when it cannot be read. */
uint64_t cputime_ns(int pid);

#endif
