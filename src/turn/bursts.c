/* SPDX-License-Identifier: BSD-3-Clause */
/* The table of bursts that go on now, and the line at the end of each. */
#include <stdio.h>
#include <string.h>

#include "bursts.h"
#include "replies.h"

#define SILENCE_MS 10000
#define LONGEST_MS 3600000
#define LOOK_MS    1000

static const struct {
	const char *name;
	enum log_level level;
} what[TURN_BURST_KINDS] = {
	[TURN_BURST_CHALLENGES] = {"challenges_dropped", LOG_LEVEL_WARNING},
	[TURN_BURST_BINDINGS] = {"bindings_dropped", LOG_LEVEL_WARNING},
	[TURN_BURST_CREDENTIALS] = {"credential_refused", LOG_LEVEL_INFO},
	[TURN_BURST_PEERS] = {"peer_denied", LOG_LEVEL_WARNING},
	[TURN_BURST_QUOTA] = {"quota_reached", LOG_LEVEL_WARNING},
};

const char *turn_burst_prefix_name(const struct addr *source, char buf[LOG_NAME_LEN])
{
	struct prefix p = turn_replies_prefix(source);
	char text[ADDR_TEXT_LEN];

	(void)prefix_format(&p, text);
	return log_name(text, strlen(text), buf);
}

/* "prefix=203.0.113.0/24" */
#define WHO_LEN (LOG_NAME_LEN + 16)
static const char *who(const struct turn_burst *b, char buf[WHO_LEN])
{
	char hex[AUTH_SUBJECT_LEN * 2 + 1], name[LOG_NAME_LEN];

	if (b->is_others)
		return "of=others";
	if (b->prefix.addr.family != ADDR_NONE) {
		(void)snprintf(
			buf, WHO_LEN, "prefix=%s", turn_burst_prefix_name(&b->prefix.addr, name));
		return buf;
	}
	hex_encode(b->id, sizeof(b->id), hex);
	(void)snprintf(buf, WHO_LEN, "subject=%s", hex);
	return buf;
}

/* The begin line has told of the first; once is no burst. */
static void end(struct turn_bursts *bursts, struct turn_burst *b)
{
	char buf[WHO_LEN];

	b->is_live = false;
	if (b->count < 2)
		return;
	log_at(what[b->kind].level, LOG_TURN, "burst over",
		"what=%s %s count=%llu seconds=%llu worker=%u", what[b->kind].name, who(b, buf),
		(unsigned long long)b->count,
		(unsigned long long)(b->last_ms - b->first_ms + 999) / 1000, bursts->worker);
}

static void look(struct wheel_timer *t, void *arg)
{
	struct turn_bursts *bursts = CONTAINER_OF(t, struct turn_bursts, timer);
	uint64_t now_ms = bursts->clock->mono_ms;
	bool is_any = false;

	(void)arg;
	for (size_t i = 0; i < ARRAY_LEN(bursts->slots); i++) {
		struct turn_burst *b = &bursts->slots[i];
		if (b->is_live &&
			(now_ms - b->last_ms >= SILENCE_MS || now_ms - b->first_ms >= LONGEST_MS))
			end(bursts, b);
		is_any = is_any || b->is_live;
	}
	if (is_any)
		wheel_set(bursts->wheel, &bursts->timer, now_ms + LOOK_MS);
}

void turn_bursts_init(
	struct turn_bursts *b, const struct clock *clock, struct wheel *wheel, unsigned worker)
{
	*b = (struct turn_bursts){.clock = clock, .wheel = wheel, .worker = worker};
	wheel_timer_init(&b->timer, look);
}

void turn_bursts_fini(struct turn_bursts *b)
{
	wheel_cancel(b->wheel, &b->timer);
	for (size_t i = 0; i < ARRAY_LEN(b->slots); i++) {
		if (b->slots[i].is_live)
			end(b, &b->slots[i]);
	}
}

/* Its slot, live or not; that of the others when the table is full. */
static struct turn_burst *slot_of(
	struct turn_bursts *bursts, enum turn_burst_kind kind, const uint8_t *id)
{
	struct turn_burst *spare = NULL;

	for (size_t i = 0; i < TURN_BURSTS_MAX; i++) {
		struct turn_burst *b = &bursts->slots[i];
		if (!b->is_live)
			spare = spare ? spare : b;
		else if (b->kind == kind && memcmp(b->id, id, sizeof(b->id)) == 0)
			return b;
	}
	return spare ? spare : &bursts->slots[TURN_BURSTS_MAX + kind];
}

static bool count(struct turn_bursts *bursts, enum turn_burst_kind kind, const uint8_t *id,
	struct prefix prefix)
{
	struct turn_burst *b = slot_of(bursts, kind, id);
	bool is_first = !b->is_live;

	if (is_first) {
		*b = (struct turn_burst){.is_live = true,
			.is_others = b >= bursts->slots + TURN_BURSTS_MAX,
			.kind = (uint8_t)kind,
			.prefix = prefix,
			.first_ms = bursts->clock->mono_ms};
		memcpy(b->id, id, sizeof(b->id));
	}
	b->count++;
	b->last_ms = bursts->clock->mono_ms;
	if (!wheel_timer_is_set(&bursts->timer))
		wheel_set(bursts->wheel, &bursts->timer, b->last_ms + LOOK_MS);
	return is_first;
}

bool turn_bursts_prefix(struct turn_bursts *b, enum turn_burst_kind kind, const struct addr *source)
{
	struct prefix prefix = turn_replies_prefix(source);

	return count(b, kind, prefix.addr.ip, prefix);
}

bool turn_bursts_subject(
	struct turn_bursts *b, enum turn_burst_kind kind, const uint8_t subject[AUTH_SUBJECT_LEN])
{
	return count(b, kind, subject, (struct prefix){.len_bits = 0});
}
