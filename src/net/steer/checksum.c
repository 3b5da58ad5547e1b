/* SPDX-License-Identifier: BSD-3-Clause */
/* The Internet checksum, eight bytes at a time. */
#include <stdbool.h>
#include <string.h>

#include "checksum.h"

static inline uint64_t load64(const uint8_t *p)
{
	uint64_t v;

	memcpy(&v, p, sizeof(v));
	return v;
}

/* One's complement addition: what overflows comes in again below. */
static inline uint64_t add(uint64_t a, uint64_t b)
{
	uint64_t sum;
	bool has_carry = __builtin_add_overflow(a, b, &sum);

	return sum + has_carry;
}

uint64_t net_checksum_add(uint64_t sum, const void *data, size_t len)
{
	const uint8_t *p = data;
	uint64_t other = 0, last = 0;

	/* Two sums, so that one addition need not wait for the carry of another. */
	for (; len >= 32; p += 32, len -= 32) {
		sum = add(add(sum, load64(p)), load64(p + 8));
		other = add(add(other, load64(p + 16)), load64(p + 24));
	}
	for (; len >= 8; p += 8, len -= 8)
		sum = add(sum, load64(p));
	memcpy(&last, p, len);
	return add(add(sum, other), last);
}

uint16_t net_checksum_fold(uint64_t sum)
{
	sum = (sum & 0xffffffff) + (sum >> 32);
	sum = (sum & 0xffffffff) + (sum >> 32);
	sum = (sum & 0xffff) + (sum >> 16);
	sum = (sum & 0xffff) + (sum >> 16);
	sum = (sum & 0xffff) + (sum >> 16);
	return (uint16_t)~sum;
}
