/* SPDX-License-Identifier: BSD-3-Clause OR GPL-2.0-only */
/* What the program in the kernel and the workers both read. */
#ifndef NET_STEER_MAP_H
#define NET_STEER_MAP_H

#include <linux/types.h>

#define STEER_ADDRESSES_MAX 64
#define STEER_PORTS         65536
#define STEER_NOBODY        0
/* Of a worker of a process; processes that share the map differ in their generation. */
#define STEER_OWNER(generation, worker) ((generation) << 8 | (1 + (worker)))
#define STEER_WORKERS_MAX               255

/* A relay address, as struct addr has it. */
struct steer_address {
	__u32 words[4];
};

/* Whose each port of a relay address is. */
struct steer_owners {
	__u16 by_port[STEER_PORTS];
};

#endif
