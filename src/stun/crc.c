/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * CRC-32 with the polynomial 0x04c11db7, bits reversed, four bytes a step.
 *
 * Four tables: TABLE[k][b] is what byte b does to the register k zero bytes later. A CRC is linear,
 * so an entry is the XOR of the entries of its single bits, and only those are written down.
 */
#include <assert.h>
#include "wire.h"

#define BIT(i, n, v) (((i) >> (n)&1) ? (v) : 0u)
#define ENTRY(i, v0, v1, v2, v3, v4, v5, v6, v7)                                                   \
	(BIT(i, 0, v0) ^ BIT(i, 1, v1) ^ BIT(i, 2, v2) ^ BIT(i, 3, v3) ^ BIT(i, 4, v4) ^           \
		BIT(i, 5, v5) ^ BIT(i, 6, v6) ^ BIT(i, 7, v7))

#define TABLE0(i)                                                                                  \
	ENTRY(i, 0x77073096, 0xee0e612c, 0x076dc419, 0x0edb8832, 0x1db71064, 0x3b6e20c8,           \
		0x76dc4190, 0xedb88320)
#define TABLE1(i)                                                                                  \
	ENTRY(i, 0x191b3141, 0x32366282, 0x646cc504, 0xc8d98a08, 0x4ac21251, 0x958424a2,           \
		0xf0794f05, 0x3b83984b)
#define TABLE2(i)                                                                                  \
	ENTRY(i, 0x01c26a37, 0x0384d46e, 0x0709a8dc, 0x0e1351b8, 0x1c26a370, 0x384d46e0,           \
		0x709a8dc0, 0xe1351b80)
#define TABLE3(i)                                                                                  \
	ENTRY(i, 0xb8bc6765, 0xaa09c88b, 0x8f629757, 0xc5b428ef, 0x5019579f, 0xa032af3e,           \
		0x9b14583d, 0xed59b63b)

#define TIMES4(t, i)  t(i), t((i) + 1), t((i) + 2), t((i) + 3)
#define TIMES16(t, i) TIMES4(t, i), TIMES4(t, (i) + 4), TIMES4(t, (i) + 8), TIMES4(t, (i) + 12)
#define TIMES64(t, i)                                                                              \
	TIMES16(t, i), TIMES16(t, (i) + 16), TIMES16(t, (i) + 32), TIMES16(t, (i) + 48)
#define TIMES256(t) TIMES64(t, 0), TIMES64(t, 64), TIMES64(t, 128), TIMES64(t, 192)

static const uint32_t table[4][256] = {
	{TIMES256(TABLE0)},
	{TIMES256(TABLE1)},
	{TIMES256(TABLE2)},
	{TIMES256(TABLE3)},
};

static uint32_t le32_get(const uint8_t *p)
{
	return (uint32_t)p[3] << 24 | (uint32_t)p[2] << 16 | (uint32_t)p[1] << 8 | p[0];
}

uint32_t stun_crc32(const uint8_t *data, size_t len)
{
	uint32_t crc = ~0u;
	assert(len % 4 == 0);
	for (size_t i = 0; i < len; i += 4) {
		crc ^= le32_get(data + i);
		crc = table[3][crc & 0xff] ^ table[2][crc >> 8 & 0xff] ^
		      table[1][crc >> 16 & 0xff] ^ table[0][crc >> 24];
	}
	return ~crc;
}
