/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * How many answers to strangers may leave for one network. A request without a right credential may
 * bear anybody's address, so what it draws is limited per source prefix: IPv4 /24, IPv6 /48.
 *
 * One table of fixed size per worker, no entry ever made or evicted. A prefix has a token bucket in
 * each of two rows, under a keyed hash; it may pass while one of them has a token, and takes one
 * from both. Alone it gets the rate exactly. Others in its buckets can only take from it when they
 * meet it in both rows: heavy prefixes do that by chance of (their number / row length)², and a
 * flood from everywhere must bring the full rate for each of the row's buckets.
 */
#ifndef TURN_REPLIES_H
#define TURN_REPLIES_H

#include <stdbool.h>
#include <stdint.h>
#include <sallyport/common.h>

enum turn_reply {
	TURN_REPLY_CHALLENGE, /* 401, 438 and other refusals before authentication */
	TURN_REPLY_BINDING,
	TURN_REPLY_KINDS,
};

struct turn_replies; /* 128 KiB */

struct turn_replies *turn_replies_create(void); /* NULL when out of memory */
void turn_replies_destroy(struct turn_replies *r);

struct prefix turn_replies_prefix(const struct addr *source);

/*
 * May one more answer of KIND leave for SOURCE's prefix? One each INTERVAL_NS, after silence a
 * second's worth at once and four at least. Takes a token if so.
 */
bool turn_replies_pass(struct turn_replies *r, enum turn_reply kind, const struct addr *source,
	uint64_t interval_ns, uint64_t now_ms);

#endif
