/* SPDX-License-Identifier: BSD-3-Clause */
/* The account of packets and their latencies. Face: tally.h. */
#include "tally.h"

#define SEEN_BITS 64

void stream_start(struct stream *s)
{
	*s = (struct stream){.next = s->next, .first = s->next, .top = s->next};
}

bool tally_count(struct tally *t, struct stream *s, uint32_t number)
{
	uint32_t ahead = number - s->top, back = s->top - 1 - number;

	if ((int32_t)(number - s->first) < 0) {
		t->late++;
		return false;
	}
	if ((int32_t)ahead >= 0) {
		s->seen = ahead + 1 < SEEN_BITS ? s->seen << (ahead + 1) : 0;
		s->seen |= 1;
		s->top = number + 1;
	} else if (back < SEEN_BITS && (s->seen >> back & 1)) {
		t->duplicate++;
		return false;
	} else {
		t->reordered++;
		s->seen |= back < SEEN_BITS ? (uint64_t)1 << back : 0;
	}
	t->received++;
	return true;
}

static unsigned bucket_of(uint64_t ns)
{
	unsigned shift = 0;

	while (ns >> shift >= 128)
		shift++;
	unsigned bucket = shift * 64 + (unsigned)(ns >> shift); /* 64..127 from the second row on */
	return bucket < HISTOGRAM_BUCKETS ? bucket : HISTOGRAM_BUCKETS - 1;
}

void histogram_add(struct histogram *h, uint64_t ns)
{
	h->count++;
	h->sum_ns += ns;
	if (ns > h->max_ns)
		h->max_ns = ns;
	h->buckets[bucket_of(ns)]++;
}

/* The middle of the bucket that the wanted one is in. */
double histogram_us(const struct histogram *h, double percent)
{
	uint64_t wanted = (uint64_t)((double)h->count * percent / 100), n = 0;

	for (unsigned i = 0; i < HISTOGRAM_BUCKETS; i++) {
		n += h->buckets[i];
		if (n > wanted || (n == h->count && n > 0)) {
			unsigned shift = i < 128 ? 0 : i / 64 - 1;
			uint64_t low = (uint64_t)(i - shift * 64) << shift;
			double ns = (double)low + (double)(((uint64_t)1 << shift) - 1) / 2;
			return ns / 1000;
		}
	}
	return 0;
}
