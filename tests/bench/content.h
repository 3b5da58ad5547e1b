/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * What the load generator's packets carry, so that the receiver can tell which one it has before it
 * and whether every byte is right: sequence number (4), flow (4, first bit: from a peer), time sent
 * in ns (8), a check over these (4), then bytes that follow from flow and number. A shorter packet
 * has as much of it as fits.
 */
#ifndef TESTS_BENCH_CONTENT_H
#define TESTS_BENCH_CONTENT_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define CONTENT_HEADER_LEN  20
#define CONTENT_MAX         1472
#define CONTENT_NUMBERED    4u  /* bytes from which on a packet has its number */
#define CONTENT_TIMED       16u /* and its time */
#define CONTENT_FROM_PEER   0x80000000u
#define CONTENT_PATTERN_LEN (CONTENT_MAX + 256)

struct content {
	uint32_t number, flow;
	uint64_t time_ns;
};

void content_pattern(uint8_t pattern[CONTENT_PATTERN_LEN]);
void content_write(const uint8_t *pattern, const struct content *c, uint8_t *to, size_t len);
/* What is in DATA, from CONTENT_NUMBERED bytes on; what is too short to hold a field leaves it 0.
 * False: some byte is not what FLOW and its number want. */
bool content_read(const uint8_t *pattern, uint32_t flow, const uint8_t *data, size_t len,
	struct content *out);

#endif
