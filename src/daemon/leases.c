/* SPDX-License-Identifier: BSD-3-Clause */
/* The ledger of leases and its clerks. */
#include <stdlib.h>

#include <sallyport/crypto.h>

#include "leases.h"

/* What leases are counted under; without padding, for it is hashed as it stands. */
enum scope {
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
};

struct leases {
	struct loop *loop; /* not owned: the ledger's thread */
	struct loop *const *loops;
	struct relay *const *relays;
	struct hash_key key;
	struct hash_table entries;
};

struct lease_clerk {
	struct leases *ledger; /* not owned; an address for messages, never looked into */
	struct loop *worker;   /* not owned */
	struct list held_back; /* leases the full mailbox would not take back yet */
	struct wheel_timer retry;
};

struct held {
	struct list link;
	struct turn_lease lease;
};

#define RETRY_MS 200

/* ---- the ledger ---- */

static struct key key_of(const struct turn_lease *lease, enum scope scope)
{
	struct key k = {.scope = scope, .tenant = lease->tenant};

	if (scope == SCOPE_SUBJECT)
		memcpy(k.subject, lease->subject, sizeof(k.subject));
	return k;
}

static struct entry *find(struct leases *l, const struct key *key, uint64_t hash)
{
	struct hash_node *n = hash_table_first(&l->entries, hash);

	for (; n; n = hash_table_next(n)) {
		struct entry *e = CONTAINER_OF(n, struct entry, link);
		if (memcmp(&e->key, key, sizeof(*key)) == 0)
			return e;
	}
	return NULL;
}

static bool take_one(struct leases *l, const struct key *key, uint32_t limit)
{
	uint64_t hash = hash_bytes(&l->key, key, sizeof(*key));
	struct entry *e = find(l, key, hash);

	if (e) {
		if (e->n >= limit)
			return false;
		e->n++;
		return true;
	}
	e = calloc(1, sizeof(*e));
	if (!e)
		return false;
	e->key = *key;
	e->n = 1;
	if (hash_table_insert(&l->entries, &e->link, hash) == 0)
		return true;
	free(e);
	return false;
}

static void put_one(struct leases *l, const struct key *key)
{
	struct entry *e = find(l, key, hash_bytes(&l->key, key, sizeof(*key)));

	if (!e || --e->n > 0)
		return;
	hash_table_remove(&l->entries, &e->link);
	free(e);
}

/* Both or none: a lease that was granted in part would have to be given back in part. */
static bool take(struct leases *l, const struct turn_lease_ask *ask)
{
	struct key tenant = key_of(&ask->lease, SCOPE_TENANT);
	struct key subject = key_of(&ask->lease, SCOPE_SUBJECT);

	if (ask->lease.has_tenant && !take_one(l, &tenant, ask->tenant_limit))
		return false;
	if (!ask->lease.has_subject || take_one(l, &subject, ask->subject_limit))
		return true;
	if (ask->lease.has_tenant)
		put_one(l, &tenant);
	return false;
}

static void put(struct leases *l, const struct turn_lease *lease)
{
	struct key tenant = key_of(lease, SCOPE_TENANT), subject = key_of(lease, SCOPE_SUBJECT);

	if (lease->has_tenant)
		put_one(l, &tenant);
	if (lease->has_subject)
		put_one(l, &subject);
}

static void on_ask(void *ctx, void *payload)
{
	struct leases *l = ctx;
	struct relay_lease_answer a = {.ask = *(struct turn_lease_ask *)payload};

	a.is_granted = take(l, &a.ask);
	int rc = loop_post(l->loops[a.ask.worker], &relay_lease_msg, l->relays[a.ask.worker], &a);
	/* A worker that is so far behind lets the request time out; the lease is not left behind.
	 */
	if (rc != 0 && a.is_granted)
		put(l, &a.ask.lease);
}

static void on_put(void *ctx, void *payload)
{
	put(ctx, payload);
}

static const struct msg_type ask_msg = {"lease_ask", sizeof(struct turn_lease_ask), on_ask, NULL};
static const struct msg_type put_msg = {"lease_put", sizeof(struct turn_lease), on_put, NULL};

struct leases *leases_create(
	struct loop *own, struct loop *const *loops, struct relay *const *relays)
{
	struct leases *l = calloc(1, sizeof(*l));

	if (!l)
		return NULL;
	l->loop = own;
	l->loops = loops;
	l->relays = relays;
	crypto_random(&l->key, sizeof(l->key));
	hash_table_init(&l->entries);
	return l;
}

static void free_entry(struct hash_node *n, void *arg)
{
	(void)arg;
	free(CONTAINER_OF(n, struct entry, link));
}

void leases_destroy(struct leases *l)
{
	if (!l)
		return;
	hash_table_each(&l->entries, free_entry, NULL);
	hash_table_fini(&l->entries);
	free(l);
}

/* ---- clerks ---- */

static void try_again(struct wheel_timer *t, void *arg)
{
	struct lease_clerk *c = CONTAINER_OF(t, struct lease_clerk, retry);

	(void)arg;
	while (!list_is_empty(&c->held_back)) {
		struct held *h = CONTAINER_OF(c->held_back.next, struct held, link);
		if (loop_post(c->ledger->loop, &put_msg, c->ledger, &h->lease) != 0)
			break;
		list_remove(&h->link);
		free(h);
	}
	if (!list_is_empty(&c->held_back))
		wheel_set(loop_wheel(c->worker), &c->retry,
			loop_clock(c->worker)->mono_ms + RETRY_MS);
}

struct lease_clerk *lease_clerk_create(struct leases *l, struct loop *worker)
{
	struct lease_clerk *c = calloc(1, sizeof(*c));

	if (!c)
		return NULL;
	c->ledger = l;
	c->worker = worker;
	list_init(&c->held_back);
	wheel_timer_init(&c->retry, try_again);
	return c;
}

void lease_clerk_destroy(struct lease_clerk *c)
{
	if (!c)
		return;
	wheel_cancel(loop_wheel(c->worker), &c->retry);
	list_for_each_safe (it, &c->held_back) {
		list_remove(it);
		free(CONTAINER_OF(it, struct held, link));
	}
	free(c);
}

int lease_clerk_ask(void *arg, const struct turn_lease_ask *ask)
{
	struct lease_clerk *c = arg;

	return loop_post(c->ledger->loop, &ask_msg, c->ledger, ask);
}

void lease_clerk_put(void *arg, const struct turn_lease *lease)
{
	struct lease_clerk *c = arg;

	if (loop_post(c->ledger->loop, &put_msg, c->ledger, lease) == 0)
		return;
	struct held *h = calloc(1, sizeof(*h));
	if (!h) {
		log_error(LOG_TURN, "lease lost",
			"hint=\"out of memory; its subject's and tenant's count is one too high "
			"until "
			"restart\"");
		return;
	}
	h->lease = *lease;
	list_append(&c->held_back, &h->link);
	if (!wheel_timer_is_set(&c->retry))
		wheel_set(loop_wheel(c->worker), &c->retry,
			loop_clock(c->worker)->mono_ms + RETRY_MS);
}
