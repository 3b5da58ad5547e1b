/* SPDX-License-Identifier: BSD-3-Clause */
/* The only state there is: how much of its rate every caller has used. */
#include <stdlib.h>
#include <string.h>
#include "decide.h"
#include "service.h"

#define MILLI          1000
#define ELAPSED_MAX_MS (3600 * MILLI)

struct mras_service *mras_service_create(void)
{
	struct mras_service *s = calloc(1, sizeof(*s));
	if (s != NULL)
		list_init(&s->buckets);
	return s;
}

static void bucket_destroy(struct bucket *b)
{
	list_remove(&b->link);
	free(b->name);
	free(b);
}

void mras_service_destroy(struct mras_service *s)
{
	if (s == NULL)
		return;
	list_for_each_safe (it, &s->buckets)
		bucket_destroy(CONTAINER_OF(it, struct bucket, link));
	free(s);
}

static bool is_caller(const struct mras_config *c, const char *name)
{
	for (size_t i = 0; c != NULL && i < c->n_callers; i++) {
		if (strcmp(c->callers[i].name, name) == 0)
			return true;
	}
	return false;
}

void mras_service_config_set(struct mras_service *s, const struct mras_config *c)
{
	s->config = c;
	list_for_each_safe (it, &s->buckets) {
		struct bucket *b = CONTAINER_OF(it, struct bucket, link);
		if (!is_caller(c, b->name))
			bucket_destroy(b);
	}
}

const struct mras_config *mras_service_config(const struct mras_service *s)
{
	return s->config;
}

static struct bucket *bucket_create(
	struct mras_service *s, const struct mras_caller *c, const struct clock *now)
{
	struct bucket *b = calloc(1, sizeof(*b));
	if (b == NULL || (b->name = strdup(c->name)) == NULL) {
		free(b);
		return NULL;
	}
	b->level_milli = (int64_t)c->rate_per_s * MILLI;
	b->filled_ms = now->mono_ms;
	list_append(&s->buckets, &b->link);
	return b;
}

static struct bucket *bucket_find(
	struct mras_service *s, const struct mras_caller *c, const struct clock *now)
{
	list_for_each (it, &s->buckets) {
		struct bucket *b = CONTAINER_OF(it, struct bucket, link);
		if (strcmp(b->name, c->name) == 0)
			return b;
	}
	return bucket_create(s, c, now);
}

static void bucket_fill(struct bucket *b, uint32_t rate, const struct clock *now)
{
	uint64_t elapsed = now->mono_ms - b->filled_ms;
	if (elapsed > ELAPSED_MAX_MS)
		elapsed = ELAPSED_MAX_MS;
	b->filled_ms = now->mono_ms;
	b->level_milli += (int64_t)elapsed * rate; /* 1/1000 credential per ms and 1/s */
	if (b->level_milli > (int64_t)rate * MILLI)
		b->level_milli = (int64_t)rate * MILLI;
}

/*
 * A batch may take the level below zero, and then the caller waits it out: so a batch of any size
 * gets through at any rate, and over time nobody gets more than the rate.
 */
unsigned mras_rate_take(
	struct mras_service *s, const struct mras_caller *c, const struct clock *now, size_t n)
{
	if (c->rate_per_s == 0)
		return 0;
	struct bucket *b = bucket_find(s, c, now);
	if (b == NULL)
		return 1;
	bucket_fill(b, c->rate_per_s, now);
	if (b->level_milli < MILLI) {
		int64_t per_s = (int64_t)c->rate_per_s * MILLI;
		return (unsigned)((MILLI - b->level_milli + per_s - 1) / per_s);
	}
	b->level_milli -= (int64_t)n * MILLI;
	return 0;
}
