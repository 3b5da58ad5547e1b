/* SPDX-License-Identifier: BSD-3-Clause */
/* The ledger of the node: who holds how many allocations, and the buckets they share. */
#include <assert.h>
#include <pthread.h>
#include <stdlib.h>

#include <sallyport/crypto.h>
#include <sallyport/flow.h>

#include "ledger.h"

/* What leases are counted under; without padding, for it is hashed as it stands. */
enum scope {
	SCOPE_NODE,   /* TENANT and SUBJECT are zero */
	SCOPE_TENANT, /* SUBJECT is zero */
	SCOPE_SUBJECT,
};
struct key {
	uint32_t scope;
	uint32_t tenant;
	uint8_t subject[AUTH_SUBJECT_LEN];
};
_Static_assert(sizeof(struct key) == 8 + AUTH_SUBJECT_LEN, "no padding");

/* One under which at least one lease is held. */
struct entry {
	struct hash_node link;
	struct key key;
	uint32_t n;
	struct flow_bucket *bucket; /* owned; NULL while it has had no rate */
};

struct ledger {
	pthread_mutex_t lock; /* of all below, and of buckets' making; NODE stands */
	struct hash_key key;
	struct hash_table entries;
	struct turn_snapshot *snapshot; /* counted; NULL: no rates */
	struct flow_bucket *node;
	struct flow_bucket_pool *pool; /* not owned; NULL: buckets are on the heap */
};

static struct key key_of(const struct turn_lease *lease, enum scope scope)
{
	struct key k = {.scope = scope};

	if (scope != SCOPE_NODE)
		k.tenant = lease->tenant;
	if (scope == SCOPE_SUBJECT)
		memcpy(k.subject, lease->subject, sizeof(k.subject));
	return k;
}

static bool is_in(const struct turn_lease *lease, enum scope scope)
{
	switch (scope) {
	case SCOPE_NODE:
		return lease->has_node;
	case SCOPE_TENANT:
		return lease->has_tenant;
	case SCOPE_SUBJECT:
		return lease->has_subject;
	}
	return false;
}

static struct entry *find(struct ledger *l, const struct key *key, uint64_t hash)
{
	struct hash_node *n = hash_table_first(&l->entries, hash);

	for (; n; n = hash_table_next(n)) {
		struct entry *e = CONTAINER_OF(n, struct entry, link);
		if (memcmp(&e->key, key, sizeof(*key)) == 0)
			return e;
	}
	return NULL;
}

static struct entry *add(struct ledger *l, const struct key *key, uint64_t hash)
{
	struct entry *e = calloc(1, sizeof(*e));

	if (!e)
		return NULL;
	e->key = *key;
	if (hash_table_insert(&l->entries, &e->link, hash) == 0)
		return e;
	free(e);
	return NULL;
}

static void free_entry(struct hash_node *n, void *arg)
{
	struct entry *e = CONTAINER_OF(n, struct entry, link);

	(void)arg;
	flow_bucket_destroy(e->bucket);
	free(e);
}

static uint32_t kbps_of(const struct ledger *l, const struct key *key)
{
	if (!l->snapshot || key->scope == SCOPE_NODE) /* the node's rate needs no lease */
		return 0;
	return turn_snapshot_kbps(l->snapshot,
		key->scope == SCOPE_SUBJECT ? FLOW_LIMIT_SUBJECT : FLOW_LIMIT_TENANT, key->tenant);
}

/* False when there is no memory for a bucket that it needs. */
static bool has_bucket(struct ledger *l, struct entry *e)
{
	uint32_t kbps = kbps_of(l, &e->key);

	if (!e->bucket && kbps > 0)
		e->bucket = flow_bucket_create_in(l->pool, kbps);
	return e->bucket || kbps == 0;
}

/* NULL: LIMIT is reached (0: there is none), or memory is short. */
static struct entry *take_one(struct ledger *l, const struct key *key, uint32_t limit)
{
	uint64_t hash = hash_bytes(&l->key, key, sizeof(*key));
	struct entry *e = find(l, key, hash);

	if (e && limit > 0 && e->n >= limit)
		return NULL;
	if (!e)
		e = add(l, key, hash);
	if (!e)
		return NULL;
	if (!has_bucket(l, e)) {
		if (e->n == 0) {
			hash_table_remove(&l->entries, &e->link);
			free_entry(&e->link, NULL);
		}
		return NULL;
	}
	e->n++;
	if (e->bucket)
		flow_bucket_holders_set(e->bucket, e->n);
	return e;
}

static void put_one(struct ledger *l, const struct key *key)
{
	struct entry *e = find(l, key, hash_bytes(&l->key, key, sizeof(*key)));

	if (!e)
		return;
	e->n--;
	if (e->n > 0 && e->bucket)
		flow_bucket_holders_set(e->bucket, e->n);
	if (e->n > 0)
		return;
	hash_table_remove(&l->entries, &e->link);
	free_entry(&e->link, NULL);
}

static void put_all(struct ledger *l, const struct turn_lease *lease)
{
	for (enum scope scope = SCOPE_NODE; scope <= SCOPE_SUBJECT; scope++) {
		struct key key = key_of(lease, scope);
		if (is_in(lease, scope))
			put_one(l, &key);
	}
}

static void take_all(struct ledger *l, const struct turn_lease_ask *ask, struct turn_lease_grant *g)
{
	const uint32_t limits[] = {ask->node_limit, ask->tenant_limit, ask->subject_limit};
	struct flow_bucket **const buckets[] = {NULL, &g->tenant, &g->subject};
	struct turn_lease taken = {.tenant = ask->lease.tenant};
	bool *const marks[] = {&taken.has_node, &taken.has_tenant, &taken.has_subject};

	memcpy(taken.subject, ask->lease.subject, sizeof(taken.subject));
	*g = (struct turn_lease_grant){.code = 0};
	for (enum scope scope = SCOPE_NODE; scope <= SCOPE_SUBJECT; scope++) {
		struct key key = key_of(&ask->lease, scope);
		if (!is_in(&ask->lease, scope))
			continue;
		struct entry *e = take_one(l, &key, limits[scope]);
		if (!e) {
			put_all(l, &taken);
			/* RFC 8656 §7.2: 486 is the user's quota, 508 the server's lack. */
			g->code = scope == SCOPE_NODE ? STUN_INSUFFICIENT_CAPACITY
						      : STUN_QUOTA_REACHED;
			return;
		}
		*marks[scope] = true;
		if (buckets[scope])
			*buckets[scope] = e->bucket;
	}
}

/* ---- for any thread ---- */

static void lock(struct ledger *l)
{
	int rc = pthread_mutex_lock(&l->lock);

	assert(rc == 0);
}

static void unlock(struct ledger *l)
{
	int rc = pthread_mutex_unlock(&l->lock);

	assert(rc == 0);
}

void ledger_take(struct ledger *l, const struct turn_lease_ask *ask, struct turn_lease_grant *g)
{
	lock(l);
	take_all(l, ask, g);
	unlock(l);
}

bool ledger_try_take(struct ledger *l, const struct turn_lease_ask *ask, struct turn_lease_grant *g)
{
	if (pthread_mutex_trylock(&l->lock) != 0)
		return false;
	take_all(l, ask, g);
	unlock(l);
	return true;
}

void ledger_put(struct ledger *l, const struct turn_lease *lease)
{
	lock(l);
	put_all(l, lease);
	unlock(l);
}

bool ledger_try_put(struct ledger *l, const struct turn_lease *lease)
{
	if (pthread_mutex_trylock(&l->lock) != 0)
		return false;
	put_all(l, lease);
	unlock(l);
	return true;
}

/* A bucket that has a rate no more stays, for those who hold it; it lets everything through. */
static void set_rate(struct hash_node *n, void *arg)
{
	struct entry *e = CONTAINER_OF(n, struct entry, link);

	if (e->bucket)
		flow_bucket_rate_set(e->bucket, kbps_of(arg, &e->key));
}

void ledger_snapshot(struct ledger *l, struct turn_snapshot *s)
{
	struct turn_snapshot *old;

	lock(l);
	old = l->snapshot;
	l->snapshot = turn_snapshot_get(s);
	hash_table_each(&l->entries, set_rate, l);
	unlock(l);
	turn_snapshot_put(old);
	flow_bucket_rate_set(l->node, turn_snapshot_kbps(s, FLOW_LIMIT_NODE, TURN_TENANT_DEFAULT));
}

/* ---- life ---- */

struct ledger *ledger_create(unsigned n_workers, struct flow_bucket_pool *pool)
{
	struct ledger *l = calloc(1, sizeof(*l));

	if (!l)
		return NULL;
	l->pool = pool;
	l->node = flow_bucket_create_in(pool, 0); /* the first in it */
	if (!l->node || pthread_mutex_init(&l->lock, NULL) != 0) {
		flow_bucket_destroy(l->node);
		free(l);
		return NULL;
	}
	flow_bucket_holders_set(l->node, n_workers);
	crypto_random(&l->key, sizeof(l->key));
	hash_table_init(&l->entries);
	return l;
}

void ledger_destroy(struct ledger *l)
{
	if (!l)
		return;
	hash_table_each(&l->entries, free_entry, NULL);
	hash_table_fini(&l->entries);
	turn_snapshot_put(l->snapshot);
	flow_bucket_destroy(l->node);
	(void)pthread_mutex_destroy(&l->lock); /* nobody holds it any more */
	free(l);
}

struct flow_bucket *ledger_node_bucket(const struct ledger *l)
{
	return l->node;
}

size_t ledger_entries(const struct ledger *l)
{
	return l->entries.count;
}
