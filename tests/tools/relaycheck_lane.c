/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * Lanes: payloads that can be made again from flow, way and number, so that what arrives is
 * compared byte by byte and put in order. From LANE_MARKED bytes on they begin so: 0 magic 2 | flow
 * 2 | way 1 | dead 1 | 0 2 | number 4 | bytes that follow from all of it Shorter ones are known by
 * their bytes alone.
 */
#include <string.h>

#include "relaycheck.h"

#define MAGIC 0x5243

enum state {
	FREE,
	SENT,
	DEAD,
	CAME
};

static uint64_t next_random(uint64_t *s)
{
	*s ^= *s << 13;
	*s ^= *s >> 7;
	*s ^= *s << 17;
	return *s;
}

static void make(const struct lane *l, uint32_t number, bool is_dead, uint8_t *out, size_t len)
{
	uint64_t seed = ((uint64_t)number << 32 | (uint64_t)l->flow << 8 | (uint64_t)l->way << 1 |
				is_dead) *
				UINT64_C(0x9e3779b97f4a7c15) +
			1;

	for (size_t i = 0; i < len; i += 8) {
		uint64_t r = next_random(&seed);
		memcpy(out + i, &r, len - i < 8 ? len - i : 8);
	}
	if (len < LANE_MARKED)
		return;
	be16_put(out, MAGIC);
	be16_put(out + 2, l->flow);
	out[4] = l->way;
	out[5] = is_dead;
	be16_put(out + 6, 0);
	be32_put(out + 8, number);
}

void lane_make(struct lane *l, uint8_t tos, uint8_t *out, size_t len, struct lane_counts *n)
{
	uint32_t number = l->sent++, slot = number % LANE_RING;

	l->size[slot] = (uint16_t)len;
	l->tos[slot] = tos;
	l->state[slot] = l->is_dead ? DEAD : SENT;
	make(l, number, l->is_dead, out, len);
	if (l->is_dead)
		n->dead++;
	else
		n->sent++;
}

static bool is_number(const struct lane *l, uint32_t number, const uint8_t *data, size_t len)
{
	uint8_t want[LANE_SIZE_MAX];
	uint32_t slot = number % LANE_RING;

	if (l->sent - number > LANE_RING || l->sent == number || l->size[slot] != len)
		return false;
	make(l, number, l->state[slot] == DEAD, want, len);
	return memcmp(want, data, len) == 0;
}

/* The number of a payload that does not say it: the next in order that looks so, then any. */
static bool find(const struct lane *l, const uint8_t *data, size_t len, uint32_t *out)
{
	uint32_t oldest = l->sent > LANE_RING ? l->sent - LANE_RING : 0;

	for (int is_older = 0; is_older < 2; is_older++) {
		uint32_t end = is_older ? l->wanted : l->sent;
		for (uint32_t i = is_older ? oldest : l->wanted; i < end; i++) {
			if (l->state[i % LANE_RING] == CAME || !is_number(l, i, data, len))
				continue;
			*out = i;
			return true;
		}
	}
	return false;
}

/* True: *OUT is the number. False: counted as what it is. */
static bool identify(
	const struct lane *l, const uint8_t *data, size_t len, uint32_t *out, struct lane_counts *n)
{
	if (len < LANE_MARKED) {
		bool found = find(l, data, len, out);
		n->wrong += !found;
		return found;
	}
	if (be16_get(data) == MAGIC && (be16_get(data + 2) != l->flow || data[4] != l->way)) {
		n->misplaced++;
		return false;
	}
	*out = be32_get(data + 8);
	if (be16_get(data) == MAGIC && is_number(l, *out, data, len))
		return true;
	n->wrong++;
	return false;
}

void lane_take(struct lane *l, const uint8_t *data, size_t len, int tos, struct lane_counts *n)
{
	uint32_t number;

	if (!identify(l, data, len, &number, n))
		return;
	uint32_t slot = number % LANE_RING;
	if (l->state[slot] == DEAD) {
		n->stale++;
		return;
	}
	if (l->state[slot] == CAME) {
		n->doubled++;
		return;
	}
	l->state[slot] = CAME;
	n->got++;
	n->tos += tos >= 0 && (uint8_t)tos != l->tos[slot];
	if (number < l->wanted)
		n->late++;
	else
		l->wanted = number + 1;
}

uint32_t lane_missing(const struct lane *l, uint32_t first)
{
	uint32_t n = 0;

	for (uint32_t i = first; i < l->sent; i++)
		n += l->state[i % LANE_RING] == SENT;
	return n;
}

int lane_missing_size(const struct lane *l, uint32_t first)
{
	for (uint32_t i = first; i < l->sent; i++) {
		if (l->state[i % LANE_RING] == SENT)
			return l->size[i % LANE_RING];
	}
	return -1;
}
