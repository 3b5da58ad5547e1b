/* SPDX-License-Identifier: BSD-3-Clause */
/* Shares of a bounded room: dynamic thresholds, as switches divide their buffers by. */
#include <stdlib.h>
#include <string.h>

#include <sallyport/common.h>

#define TIMES_THE_FREE 3

void share_table_init(struct share_table *t, struct hash_key key)
{
	*t = (struct share_table){.key = key};
	hash_table_init(&t->shares);
}

void share_table_fini(struct share_table *t)
{
	hash_table_fini(&t->shares);
}

static uint64_t hash_of(const struct share_table *t, const struct addr *who, uint64_t place)
{
	struct {
		uint8_t ip[sizeof(who->ip)];
		uint64_t scope, place;
	} text = {.scope = who->scope, .place = place};

	memcpy(text.ip, who->ip, sizeof(text.ip));
	return hash_bytes(&t->key, &text, sizeof(text));
}

static struct share *find(
	const struct share_table *t, const struct addr *who, uint64_t place, uint64_t hash)
{
	struct hash_node *n = hash_table_first(&t->shares, hash);

	for (; n; n = hash_table_next(n)) {
		struct share *s = CONTAINER_OF(n, struct share, node);
		if (s->place == place && addr_equal_ip(&s->who, who))
			return s;
	}
	return NULL;
}

bool share_allows(size_t his, size_t used, size_t max)
{
	return used < max && his / TIMES_THE_FREE < max - used;
}

bool share_is_free(const struct share_table *t, const struct addr *who, uint64_t place, size_t max)
{
	const struct share *s = find(t, who, place, hash_of(t, who, place));

	return share_allows(s ? s->n : 0, t->n, max);
}

bool share_has_bytes(const struct share_table *t, const struct addr *who, uint64_t place,
	size_t used, size_t max)
{
	const struct share *s = find(t, who, place, hash_of(t, who, place));

	return share_allows(s ? s->bytes : 0, used, max);
}

struct share *share_take(struct share_table *t, const struct addr *who, uint64_t place)
{
	uint64_t hash = hash_of(t, who, place);
	struct share *s = find(t, who, place, hash);

	if (!s) {
		s = calloc(1, sizeof(*s));
		if (!s || hash_table_insert(&t->shares, &s->node, hash) != 0) {
			free(s);
			return NULL;
		}
		s->who = *who;
		s->who.port = 0;
		s->place = place;
	}
	s->n++;
	t->n++;
	return s;
}

void share_give(struct share_table *t, struct share *s)
{
	if (!s)
		return;
	t->n--;
	if (--s->n > 0)
		return;
	hash_table_remove(&t->shares, &s->node);
	free(s);
}
