/* SPDX-License-Identifier: BSD-3-Clause */
/* The limits of an allocation: what may pass, and what has been dropped by which. */
#include <errno.h>
#include <stdlib.h>

#include "flow_priv.h"

#define SECOND_NS FLOW_SECOND_NS

/* ---- the allocation's own ---- */

/* The bucket holds as much as a quarter of a second: video frames leave in bursts. */
static uint32_t bucket_of(const struct flow_account *a)
{
	uint32_t quarter = a->rate_bytes_s / 4;
	return quarter > 65536 ? quarter : 65536;
}

void flow_account_init(struct flow_account *a, uint32_t kbps, uint64_t now_ms)
{
	uint64_t rate = (uint64_t)kbps * 125;

	*a = (struct flow_account){.filled_ms = now_ms};
	a->rate_bytes_s = rate > UINT32_MAX ? UINT32_MAX : (uint32_t)rate;
	a->tokens[FLOW_UP] = a->tokens[FLOW_DOWN] = bucket_of(a);
	a->is_limited = rate != 0;
}

void flow_account_fini(struct flow_account *a)
{
	free(a->limits);
	a->limits = NULL;
}

void flow_account_resume(struct flow_account *a, uint64_t now_ms)
{
	a->filled_ms = now_ms;
	a->is_limited = a->rate_bytes_s != 0;
	a->limits = NULL;
}

int flow_account_watch(struct flow_account *a)
{
	if (!a->limits)
		a->limits = calloc(1, sizeof(*a->limits));
	return a->limits ? 0 : -ENOMEM;
}

int flow_account_packets_set(struct flow_account *a, uint32_t packets_s)
{
	if (packets_s == 0)
		return 0;
	int rc = flow_account_watch(a);
	if (rc != 0)
		return rc;
	a->limits->packet_ns = SECOND_NS / packets_s;
	a->is_limited = true;
	return 0;
}

int flow_account_bucket_set(struct flow_account *a, enum flow_limit l, struct flow_bucket *b)
{
	if (!b)
		return 0;
	int rc = flow_account_watch(a);
	if (rc != 0)
		return rc;
	a->limits->shares[l - FLOW_LIMIT_SUBJECT] = (struct flow_share){.bucket = b};
	a->is_limited = true;
	return 0;
}

uint32_t flow_account_packets(const struct flow_account *a)
{
	return a->limits && a->limits->packet_ns ? (uint32_t)(SECOND_NS / a->limits->packet_ns) : 0;
}

struct flow_bucket *flow_account_bucket(const struct flow_account *a, enum flow_limit l)
{
	return a->limits ? a->limits->shares[l - FLOW_LIMIT_SUBJECT].bucket : NULL;
}

uint32_t flow_account_kbps(const struct flow_account *a, enum flow_limit l)
{
	if (l == FLOW_LIMIT_RATE)
		return a->rate_bytes_s / 125;
	const struct flow_bucket *b = flow_account_bucket(a, l);
	return b ? flow_bucket_kbps(b) : 0;
}

static void refill(struct flow_account *a, uint64_t now_ms)
{
	uint64_t thousandths = (now_ms - a->filled_ms) * a->rate_bytes_s + a->thousandths;
	uint32_t room = bucket_of(a);

	a->filled_ms = now_ms;
	a->thousandths = (uint32_t)(thousandths % 1000);
	for (int d = 0; d < 2; d++) {
		uint64_t sum = a->tokens[d] + thousandths / 1000;
		a->tokens[d] = sum > room ? room : (uint32_t)sum;
	}
}

/* A quarter of a second of packets as well, and 16 at least. The moment when they are all there
 * again, were one more taken; 0 when that is too far ahead. */
static uint64_t packets_full_after(
	const struct flow_limits *a, enum flow_direction d, uint64_t now_ms)
{
	uint64_t now_ns = now_ms * 1000000, full_ns = a->packets_full_ns[d];
	uint64_t depth_ns = SECOND_NS / 4;

	if (depth_ns < 16 * a->packet_ns)
		depth_ns = 16 * a->packet_ns;
	if (full_ns < now_ns)
		full_ns = now_ns;
	full_ns += a->packet_ns;
	return full_ns - now_ns <= depth_ns ? full_ns : 0;
}

/* ---- the same while programs keep them too ---- */

#define PACKETS_LEAST 16

void flow_account_lend(struct flow_account *a, struct flow_meter *own, uint64_t now_ms)
{
	struct flow_limits *l = a->limits;
	struct flow_meter *packets = &own[FLOW_LIMIT_PACKETS], *rate = &own[FLOW_LIMIT_RATE];

	flow_meter_set(packets, l->packet_ns ? SECOND_NS / l->packet_ns : 0, PACKETS_LEAST);
	flow_meter_set(rate, a->rate_bytes_s, 65536);
	if (a->rate_bytes_s != 0)
		refill(a, now_ms);
	for (enum flow_direction d = FLOW_UP; d <= FLOW_DOWN; d++) {
		packets->full_ns[d] = l->packets_full_ns[d];
		rate->full_ns[d] = 0;
		flow_meter_charge(rate, d, bucket_of(a) - a->tokens[d], now_ms * FLOW_MS_NS);
	}
	l->lent = own;
}

void flow_account_return(struct flow_account *a, uint64_t now_ms)
{
	struct flow_limits *l = a->limits;
	const struct flow_meter *packets = &l->lent[FLOW_LIMIT_PACKETS];
	const struct flow_meter *rate = &l->lent[FLOW_LIMIT_RATE];

	for (enum flow_direction d = FLOW_UP; d <= FLOW_DOWN; d++) {
		l->packets_full_ns[d] = packets->full_ns[d];
		if (a->rate_bytes_s != 0)
			a->tokens[d] = (uint32_t)flow_meter_room(rate, d, now_ms * FLOW_MS_NS);
	}
	a->filled_ms = now_ms;
	a->thousandths = 0;
	l->lent = NULL;
}

static bool lent_covers(const struct flow_meter *own, enum flow_direction d, uint32_t n,
	uint64_t now_ms, enum flow_limit *by)
{
	const uint32_t wanted[] = {[FLOW_LIMIT_PACKETS] = 1, [FLOW_LIMIT_RATE] = n};

	for (enum flow_limit l = FLOW_LIMIT_PACKETS; l <= FLOW_LIMIT_RATE; l++) {
		*by = l;
		if (own[l].rate != 0 &&
			flow_meter_room(&own[l], d, now_ms * FLOW_MS_NS) < wanted[l])
			return false;
	}
	return true;
}

/* ---- what is shared ---- */

bool flow_share_covers(struct flow_share *s, enum flow_direction d, uint32_t n, uint64_t now_ms)
{
	if (s->credit[d] >= n)
		return true;
	/* Who has been refused asks once in a turn of the loop, not for each packet of it. */
	if (s->dry_ms[d] == now_ms)
		return false;
	s->credit[d] += flow_bucket_draw(s->bucket, d, n - s->credit[d], now_ms);
	if (s->credit[d] >= n)
		return true;
	s->dry_ms[d] = now_ms;
	return false;
}

/* ---- all of them ---- */

static struct flow_share *share_of(
	struct flow_account *a, struct flow_share *node, enum flow_limit l)
{
	struct flow_share *s = node;

	if (l != FLOW_LIMIT_NODE)
		s = a->limits ? &a->limits->shares[l - FLOW_LIMIT_SUBJECT] : NULL;
	return s && s->bucket ? s : NULL;
}

static bool own_covers(struct flow_account *a, enum flow_direction d, uint32_t n, uint64_t now_ms,
	enum flow_limit *by)
{
	const struct flow_limits *own = a->limits;

	if (own && own->lent)
		return lent_covers(own->lent, d, n, now_ms, by);
	*by = FLOW_LIMIT_PACKETS;
	if (own && own->packet_ns && packets_full_after(own, d, now_ms) == 0)
		return false;
	*by = FLOW_LIMIT_RATE;
	if (a->rate_bytes_s == 0)
		return true;
	if (now_ms != a->filled_ms)
		refill(a, now_ms);
	return a->tokens[d] >= n;
}

/* After own_covers. */
static void own_charge(struct flow_account *a, enum flow_direction d, uint32_t n, uint64_t now_ms)
{
	struct flow_limits *own = a->limits;

	if (own && own->lent) {
		flow_meter_charge(&own->lent[FLOW_LIMIT_PACKETS], d, 1, now_ms * FLOW_MS_NS);
		flow_meter_charge(&own->lent[FLOW_LIMIT_RATE], d, n, now_ms * FLOW_MS_NS);
		return;
	}
	if (own && own->packet_ns)
		own->packets_full_ns[d] = packets_full_after(own, d, now_ms);
	if (a->rate_bytes_s != 0)
		a->tokens[d] -= n;
}

bool flow_account_take(struct flow_account *a, struct flow_share *node, enum flow_direction d,
	uint32_t n, uint64_t now_ms, enum flow_limit *by)
{
	if (!own_covers(a, d, n, now_ms, by))
		return false;
	for (unsigned l = FLOW_LIMIT_SUBJECT; l < FLOW_LIMITS; l++) {
		struct flow_share *s = share_of(a, node, l);
		*by = l;
		if (s && !flow_share_covers(s, d, n, now_ms))
			return false;
	}
	/* Now that all agree, each is charged. */
	own_charge(a, d, n, now_ms);
	for (unsigned l = FLOW_LIMIT_SUBJECT; l < FLOW_LIMITS; l++) {
		struct flow_share *s = share_of(a, node, l);
		if (s)
			s->credit[d] -= n;
	}
	return true;
}

/* ---- streams: they ask before they read ---- */

/* So much is drawn from a shared bucket at once, if it is there: a full record of TLS. */
#define STREAM_DRAW 16384

size_t flow_account_room(
	struct flow_account *a, struct flow_share *node, enum flow_direction d, uint64_t now_ms)
{
	size_t room = SIZE_MAX;

	if (a->rate_bytes_s != 0) {
		if (now_ms != a->filled_ms)
			refill(a, now_ms);
		room = a->tokens[d];
	}
	for (unsigned l = FLOW_LIMIT_SUBJECT; l < FLOW_LIMITS && room > 0; l++) {
		struct flow_share *s = share_of(a, node, l);
		if (!s)
			continue;
		(void)flow_share_covers(s, d, STREAM_DRAW, now_ms);
		if (s->credit[d] < room)
			room = s->credit[d];
	}
	return room;
}

static void charge(uint32_t *tokens, size_t n)
{
	*tokens -= *tokens < n ? *tokens : (uint32_t)n;
}

void flow_account_charge(
	struct flow_account *a, struct flow_share *node, enum flow_direction d, size_t n)
{
	if (a->rate_bytes_s != 0)
		charge(&a->tokens[d], n);
	for (unsigned l = FLOW_LIMIT_SUBJECT; l < FLOW_LIMITS; l++) {
		struct flow_share *s = share_of(a, node, l);
		if (s)
			charge(&s->credit[d], n);
	}
}
