/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * What somebody does over and over is told in two lines: one when it begins, written by whoever
 * sees it, and one with the count when it has ended. A burst is one kind of event of one prefix or
 * one credential subject, up to ten seconds of silence; at the latest each hour it is told anew.
 *
 * The table is fixed: sixteen bursts at once, beyond them one "others" for each kind. So a worker
 * writes at most 40 lines in ten seconds, whatever comes.
 */
#ifndef TURN_BURSTS_H
#define TURN_BURSTS_H

#include <stdbool.h>
#include <stdint.h>
#include <sallyport/auth.h>
#include <sallyport/common.h>
#include <sallyport/loop.h>

enum turn_burst_kind {
	TURN_BURST_CHALLENGES, /* by prefix: answers not sent */
	TURN_BURST_BINDINGS,
	TURN_BURST_CREDENTIALS, /* by prefix */
	TURN_BURST_PEERS,       /* by subject */
	TURN_BURST_QUOTA,
	TURN_BURST_KINDS,
};

struct turn_burst {
	bool is_live, is_others;
	uint8_t kind;
	uint8_t id[AUTH_SUBJECT_LEN];
	struct prefix prefix; /* family NONE: of a subject */
	uint64_t first_ms, last_ms, count;
};

#define TURN_BURSTS_MAX 16
struct turn_bursts {
	const struct clock *clock; /* not owned */
	struct wheel *wheel;       /* not owned */
	unsigned worker;
	struct wheel_timer timer;
	struct turn_burst slots[TURN_BURSTS_MAX + TURN_BURST_KINDS];
};

void turn_bursts_init(
	struct turn_bursts *b, const struct clock *clock, struct wheel *wheel, unsigned worker);
void turn_bursts_fini(struct turn_bursts *b); /* tells what is still going on */

/* One more. True: it begins a burst, and the caller writes its line. */
bool turn_bursts_prefix(
	struct turn_bursts *b, enum turn_burst_kind kind, const struct addr *source);
bool turn_bursts_subject(
	struct turn_bursts *b, enum turn_burst_kind kind, const uint8_t subject[AUTH_SUBJECT_LEN]);

/* "203.0.113.0/24" for a begin line, as the privacy switch allows; returns BUF. */
const char *turn_burst_prefix_name(const struct addr *source, char buf[LOG_NAME_LEN]);

#endif
