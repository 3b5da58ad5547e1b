/* SPDX-License-Identifier: BSD-3-Clause */
/* Packets whose every byte is known. Face and layout: content.h. */
#include <string.h>
#include <sallyport/common.h>

#include "content.h"

void content_pattern(uint8_t pattern[CONTENT_PATTERN_LEN])
{
	uint32_t v = 1;

	for (size_t i = 0; i < CONTENT_PATTERN_LEN; i++) {
		v = v * 1664525 + 1013904223;
		pattern[i] = (uint8_t)(v >> 24);
	}
}

static const uint8_t *filler(const uint8_t *pattern, uint32_t flow, uint32_t number)
{
	return pattern + ((flow * 31 + number * 7) & 0xff);
}

static uint32_t check_of(const struct content *c)
{
	uint64_t v = c->time_ns ^ ((uint64_t)c->flow << 32 | c->number);

	v *= 0x9e3779b97f4a7c15u;
	return (uint32_t)(v >> 32);
}

void content_write(const uint8_t *pattern, const struct content *c, uint8_t *to, size_t len)
{
	uint8_t header[CONTENT_HEADER_LEN];

	be32_put(header, c->number);
	be32_put(header + 4, c->flow);
	be64_put(header + 8, c->time_ns);
	be32_put(header + 16, check_of(c));
	if (len < CONTENT_HEADER_LEN) {
		memcpy(to, header, len);
		return;
	}
	memcpy(to, header, CONTENT_HEADER_LEN);
	memcpy(to + CONTENT_HEADER_LEN, filler(pattern, c->flow, c->number),
		len - CONTENT_HEADER_LEN);
}

bool content_read(
	const uint8_t *pattern, uint32_t flow, const uint8_t *data, size_t len, struct content *out)
{
	*out = (struct content){.number = be32_get(data), .flow = flow};
	if (len >= 8 && be32_get(data + 4) != flow)
		return false;
	if (len >= CONTENT_TIMED)
		out->time_ns = be64_get(data + 8);
	if (len < CONTENT_HEADER_LEN)
		return true;
	return be32_get(data + 16) == check_of(out) &&
	       memcmp(data + CONTENT_HEADER_LEN, filler(pattern, flow, out->number),
		       len - CONTENT_HEADER_LEN) == 0;
}
