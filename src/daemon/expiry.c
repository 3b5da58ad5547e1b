/* SPDX-License-Identifier: BSD-3-Clause */
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "counters.h"
#include "expiry.h"

#define HOUR_MS 3600000
#define DAY_S   86400

struct entry {
	char *used_by, *file; /* owned */
	uint64_t not_after_s;
	unsigned said; /* the nearest level that the log has */
};

struct expiry {
	struct loop *loop; /* not owned */
	metrics_cell *cells;
	struct wheel_timer timer;
	struct entry *entries;
	size_t n;
};

unsigned expiry_level(uint64_t not_after_s, uint64_t now_s)
{
	static const uint64_t days[] = {30, 7, 1};
	unsigned level = 0;

	if (not_after_s <= now_s)
		return ARRAY_LEN(days) + 1;
	while (level < ARRAY_LEN(days) && not_after_s - now_s <= days[level] * DAY_S)
		level++;
	return level;
}

static void say(struct entry *e, uint64_t now_s)
{
	unsigned level = expiry_level(e->not_after_s, now_s);

	if (level <= e->said)
		return;
	e->said = level;
	if (e->not_after_s <= now_s)
		log_error(LOG_TLS, "certificate has ended",
			"used_by=\"%s\" file=%s hint=\"put a new one in its place; it is taken by "
			"itself\"",
			e->used_by, e->file);
	else
		log_warning(LOG_TLS, "certificate ends soon",
			"used_by=\"%s\" file=%s days_left=%llu", e->used_by, e->file,
			(unsigned long long)(e->not_after_s - now_s) / DAY_S);
}

static void on_timer(struct wheel_timer *t, void *arg)
{
	struct expiry *e = CONTAINER_OF(t, struct expiry, timer);

	(void)arg;
	for (size_t i = 0; i < e->n; i++)
		say(&e->entries[i], loop_clock(e->loop)->wall_s);
	wheel_set(loop_wheel(e->loop), &e->timer, loop_clock(e->loop)->mono_ms + HOUR_MS);
}

static void free_entries(struct entry *list, size_t n)
{
	for (size_t i = 0; list && i < n; i++) {
		free(list[i].used_by);
		free(list[i].file);
	}
	free(list);
}

static unsigned said_of(const struct expiry *e, const struct api_certificate *c)
{
	for (size_t i = 0; i < e->n; i++) {
		const struct entry *old = &e->entries[i];
		if (old->not_after_s == c->not_after_s && strcmp(old->file, c->file) == 0)
			return old->said;
	}
	return 0;
}

/* The gauge has the first end of all: what a monitoring system compares with its clock. */
static void set_gauge(struct expiry *e)
{
	uint64_t first = 0;

	for (size_t i = 0; i < e->n; i++) {
		if (first == 0 || e->entries[i].not_after_s < first)
			first = e->entries[i].not_after_s;
	}
	metrics_sub(e->cells, DAEMON_C_CERTIFICATE_END,
		metrics_get(e->cells, DAEMON_C_CERTIFICATE_END));
	metrics_add(e->cells, DAEMON_C_CERTIFICATE_END, first);
}

int expiry_update(struct expiry *e, const struct api_certificate *list, size_t n)
{
	struct entry *entries = calloc(n + 1, sizeof(*entries));
	bool is_good = entries != NULL;

	for (size_t i = 0; i < n && is_good; i++) {
		entries[i] = (struct entry){strdup(list[i].used_by), strdup(list[i].file),
			list[i].not_after_s, said_of(e, &list[i])};
		is_good = entries[i].used_by && entries[i].file;
	}
	if (!is_good) {
		free_entries(entries, n);
		return -ENOMEM;
	}
	free_entries(e->entries, e->n);
	e->entries = entries;
	e->n = n;
	set_gauge(e);
	on_timer(&e->timer, NULL);
	return 0;
}

struct expiry *expiry_create(struct loop *l, metrics_cell *cells)
{
	struct expiry *e = calloc(1, sizeof(*e));

	if (!e)
		return NULL;
	e->loop = l;
	e->cells = cells;
	wheel_timer_init(&e->timer, on_timer);
	return e;
}

void expiry_destroy(struct expiry *e)
{
	if (!e)
		return;
	wheel_cancel(loop_wheel(e->loop), &e->timer);
	free_entries(e->entries, e->n);
	free(e);
}
