/* SPDX-License-Identifier: BSD-3-Clause */
/* Replay lists (RFC 3711 §3.3.2) and the index of a packet (§3.3.1). Pure. */
#include "srtp_priv.h"

#define HALF 64
_Static_assert(SRTP_WINDOW == 2 * HALF, "the list of seen packets has two words");

enum srtp_result srtp_window_check(const struct srtp_window *w, uint64_t index)
{
	if (!w->has_any || index > w->top)
		return SRTP_OK;
	uint64_t behind = w->top - index;
	if (behind >= SRTP_WINDOW)
		return SRTP_TOO_OLD;
	return w->seen[behind / HALF] >> behind % HALF & 1 ? SRTP_REPLAYED : SRTP_OK;
}

/* All that has been seen is N further behind. */
static void shift(struct srtp_window *w, uint64_t n)
{
	if (n >= SRTP_WINDOW) {
		w->seen[0] = w->seen[1] = 0;
	} else if (n >= HALF) {
		w->seen[1] = w->seen[0] << (n - HALF);
		w->seen[0] = 0;
	} else if (n > 0) {
		w->seen[1] = w->seen[1] << n | w->seen[0] >> (HALF - n);
		w->seen[0] <<= n;
	}
}

void srtp_window_add(struct srtp_window *w, uint64_t index)
{
	if (!w->has_any) {
		w->has_any = true;
		w->top = index;
	}
	if (index > w->top) {
		shift(w, index - w->top);
		w->top = index;
	}
	uint64_t behind = w->top - index;
	if (behind < SRTP_WINDOW)
		w->seen[behind / HALF] |= (uint64_t)1 << behind % HALF;
}

uint64_t srtp_window_estimate(const struct srtp_window *w, uint16_t sequence)
{
	uint64_t rollover = w->top >> 16;
	int highest = (int)(w->top & 0xffff);

	if (w->has_any && highest < 0x8000 && sequence - highest > 0x8000 && rollover > 0)
		rollover--;
	else if (w->has_any && highest >= 0x8000 && highest - 0x8000 > sequence)
		rollover++;
	return rollover << 16 | sequence;
}
