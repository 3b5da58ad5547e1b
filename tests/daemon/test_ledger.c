/* SPDX-License-Identifier: BSD-3-Clause */
/* The ledger: limits to the one, buckets that live as long as somebody holds them. */
#include <pthread.h>
#include <setjmp.h>
#include <stdatomic.h>
#include <stdarg.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>
#include <cmocka.h>

#include "../../src/daemon/ledger.h"

struct fixture {
	struct ledger *ledger;
	struct auth_snapshot *auth;
};

/* A key is read once, so the file need not outlive this. */
static struct auth_snapshot *make_auth(void)
{
	static const char secret[] = "a secret of more than thirty-two bytes, for tests\n";
	char path[32], why[CRYPTO_WHY_LEN];
	struct auth_snapshot *auth = NULL;
	int fd = memfd_create("secret", MFD_CLOEXEC);
	assert_true(fd >= 0);
	assert_int_equal(fchmod(fd, 0600), 0);
	assert_int_equal(write(fd, secret, sizeof(secret)), sizeof(secret));
	snprintf(path, sizeof(path), "/proc/self/fd/%d", fd);
	struct auth_key_config key = {.secret_file = path};
	struct auth_config c = {.realm = "example.org", .keys = &key, .n_keys = 1};
	assert_int_equal(auth_snapshot_create(&c, &auth, why), 0);
	close(fd);
	return auth;
}

static int setup(void **state)
{
	struct fixture *f = calloc(1, sizeof(*f));
	f->ledger = ledger_create(2, NULL);
	assert_non_null(f->ledger);
	f->auth = make_auth();
	*state = f;
	return 0;
}

static int teardown(void **state)
{
	struct fixture *f = *state;
	ledger_destroy(f->ledger);
	auth_snapshot_put(f->auth);
	free(f);
	return 0;
}

/* A snapshot with these rates takes effect. */
static void rates(
	struct fixture *f, uint32_t subject_kbps, uint32_t tenant_kbps, uint32_t node_kbps)
{
	struct turn_tenant_config t = {
		.id = 5, .name = "five", .auth = f->auth, .tenant_kbps = tenant_kbps};
	struct turn_config c = {.subject_kbps = subject_kbps,
		.node_kbps = node_kbps,
		.tenants = &t,
		.n_tenants = 1};
	struct turn_snapshot *s;
	assert_int_equal(turn_snapshot_create(&c, f->auth, &s), 0);
	ledger_snapshot(f->ledger, s);
	turn_snapshot_put(s);
}

static struct turn_lease_ask ask(uint32_t tenant, uint8_t subject)
{
	return (struct turn_lease_ask){.lease = {.tenant = tenant, .subject = {subject}}};
}

static struct turn_lease_ask of_subject(uint8_t subject, uint32_t limit)
{
	struct turn_lease_ask a = ask(TURN_TENANT_DEFAULT, subject);
	a.lease.has_subject = true;
	a.subject_limit = limit;
	return a;
}

static unsigned take(struct fixture *f, const struct turn_lease_ask *a)
{
	struct turn_lease_grant g = {.code = 999};
	ledger_take(f->ledger, a, &g);
	return g.code;
}

static void limit_holds_to_the_one(void **state)
{
	struct fixture *f = *state;
	struct turn_lease_ask alice = of_subject(1, 3), bob = of_subject(2, 3);
	for (unsigned i = 0; i < 3; i++)
		assert_int_equal(take(f, &alice), 0);
	assert_int_equal(take(f, &alice), STUN_QUOTA_REACHED);
	assert_int_equal(take(f, &bob), 0);
	ledger_put(f->ledger, &alice.lease);
	assert_int_equal(take(f, &alice), 0);
	assert_int_equal(take(f, &alice), STUN_QUOTA_REACHED);
}

static void nothing_is_kept_for_who_holds_nothing(void **state)
{
	struct fixture *f = *state;
	rates(f, 1000, 1000, 0);
	struct turn_lease_ask a = ask(5, 1);
	a.lease.has_node = a.lease.has_tenant = a.lease.has_subject = true;
	assert_int_equal(take(f, &a), 0);
	assert_int_equal(ledger_entries(f->ledger), 3);
	ledger_put(f->ledger, &a.lease);
	assert_int_equal(ledger_entries(f->ledger), 0);
	ledger_put(f->ledger, &a.lease); /* one too many does no harm */
}

static void limit_lowered_below_what_is_held_refuses_until_it_fits(void **state)
{
	struct fixture *f = *state;
	struct turn_lease_ask wide = of_subject(1, 5), narrow = of_subject(1, 2);
	for (unsigned i = 0; i < 5; i++)
		assert_int_equal(take(f, &wide), 0);
	for (unsigned i = 0; i < 4; i++) {
		assert_int_equal(take(f, &narrow), STUN_QUOTA_REACHED);
		ledger_put(f->ledger, &narrow.lease);
	}
	assert_int_equal(take(f, &narrow), 0);
}

/* RFC 8656 §7.2: 486 is the user's quota, 508 the server's lack. */
static void node_refuses_with_508_and_the_others_with_486(void **state)
{
	struct fixture *f = *state;
	struct turn_lease_ask a = ask(5, 1), b = ask(5, 2), c = ask(6, 3);
	struct turn_lease_ask *all[] = {&a, &b, &c};
	for (unsigned i = 0; i < 3; i++) {
		all[i]->lease.has_node = all[i]->lease.has_tenant = true;
		all[i]->node_limit = 2;
		all[i]->tenant_limit = 1;
	}
	assert_int_equal(take(f, &a), 0);
	assert_int_equal(take(f, &b), STUN_QUOTA_REACHED);
	assert_int_equal(take(f, &c), 0);
	assert_int_equal(take(f, &c), STUN_INSUFFICIENT_CAPACITY);
}

/* Refused by the last of three, it leaves nothing in the first two. */
static void refusal_counts_nowhere(void **state)
{
	struct fixture *f = *state;
	struct turn_lease_ask a = ask(5, 1);
	a.lease.has_node = a.lease.has_tenant = a.lease.has_subject = true;
	a.node_limit = a.tenant_limit = 2;
	a.subject_limit = 1;
	assert_int_equal(take(f, &a), 0);
	for (unsigned i = 0; i < 5; i++)
		assert_int_equal(take(f, &a), STUN_QUOTA_REACHED);
	ledger_put(f->ledger, &a.lease);
	assert_int_equal(take(f, &a), 0);
	struct turn_lease_ask b = a;
	b.lease.subject[0] = 2;
	assert_int_equal(take(f, &b), 0);
	assert_int_equal(take(f, &b), STUN_INSUFFICIENT_CAPACITY);
}

/* Two tenants may have a subject of the same bytes. */
static void subjects_are_those_of_their_tenant(void **state)
{
	struct fixture *f = *state;
	struct turn_lease_ask a = of_subject(1, 1), b = of_subject(1, 1);
	b.lease.tenant = 5;
	assert_int_equal(take(f, &a), 0);
	assert_int_equal(take(f, &b), 0);
	assert_int_equal(take(f, &b), STUN_QUOTA_REACHED);
}

/* ---- rates ---- */

static void allocations_of_a_subject_share_a_bucket(void **state)
{
	struct fixture *f = *state;
	struct turn_lease_ask alice = of_subject(1, 0), bob = of_subject(2, 0);
	struct turn_lease_grant first, second, other;
	rates(f, 10000, 0, 0);
	ledger_take(f->ledger, &alice, &first);
	ledger_take(f->ledger, &alice, &second);
	ledger_take(f->ledger, &bob, &other);
	assert_non_null(first.subject);
	assert_ptr_equal(first.subject, second.subject);
	assert_ptr_not_equal(first.subject, other.subject);
	assert_null(first.tenant);
	assert_int_equal(flow_bucket_kbps(first.subject), 10000);
	ledger_put(f->ledger, &alice.lease);
	assert_int_equal(flow_bucket_kbps(first.subject), 10000); /* one holds it still */
}

static void tenant_has_a_bucket_for_all_its_subjects(void **state)
{
	struct fixture *f = *state;
	struct turn_lease_ask a = ask(5, 1), b = ask(5, 2);
	struct turn_lease_grant first, second;
	rates(f, 0, 50000, 0);
	a.lease.has_tenant = b.lease.has_tenant = true;
	ledger_take(f->ledger, &a, &first);
	ledger_take(f->ledger, &b, &second);
	assert_non_null(first.tenant);
	assert_ptr_equal(first.tenant, second.tenant);
	assert_int_equal(flow_bucket_kbps(first.tenant), 50000);
	assert_null(first.subject);
}

static void reload_changes_the_rates_of_those_who_hold_them(void **state)
{
	struct fixture *f = *state;
	struct turn_lease_ask a = of_subject(1, 0);
	struct turn_lease_grant before, without, with;
	assert_int_equal(flow_bucket_kbps(ledger_node_bucket(f->ledger)), 0);
	ledger_take(f->ledger, &a, &without);
	assert_null(without.subject);
	rates(f, 10000, 0, 70000);
	ledger_take(f->ledger, &a, &before);
	assert_int_equal(flow_bucket_kbps(before.subject), 10000);
	assert_int_equal(flow_bucket_kbps(ledger_node_bucket(f->ledger)), 70000);

	rates(f, 20000, 0, 0);

	ledger_take(f->ledger, &a, &with);
	assert_ptr_equal(with.subject, before.subject);
	assert_int_equal(flow_bucket_kbps(with.subject), 20000);
	assert_int_equal(flow_bucket_kbps(ledger_node_bucket(f->ledger)), 0);
	rates(f, 0, 0, 0);
	assert_int_equal(flow_bucket_kbps(with.subject), 0);
}

/* ---- many threads ---- */

#define THREADS 4
#define ROUNDS  5000
#define LIMIT   3

struct counting {
	struct ledger *ledger;
	atomic_int *held;
	unsigned granted, exceeded, by_trying;
};

/* As a worker does it: what cannot be had at once goes the way on which one waits. */
static void *count_and_give_back(void *arg)
{
	struct counting *c = arg;
	struct turn_lease_ask a = of_subject(1, LIMIT);
	for (unsigned i = 0; i < ROUNDS; i++) {
		struct turn_lease_grant g = {.code = 999};
		if (ledger_try_take(c->ledger, &a, &g))
			c->by_trying++;
		else
			ledger_take(c->ledger, &a, &g);
		if (g.code != 0)
			continue;
		c->granted++;
		if (atomic_fetch_add(c->held, 1) >= LIMIT)
			c->exceeded++;
		atomic_fetch_sub(c->held, 1);
		if (!ledger_try_put(c->ledger, &a.lease))
			ledger_put(c->ledger, &a.lease);
	}
	return NULL;
}

static void limit_holds_to_the_one_among_threads(void **state)
{
	struct fixture *f = *state;
	atomic_int held = 0;
	struct counting c[THREADS];
	pthread_t threads[THREADS];
	for (unsigned i = 0; i < THREADS; i++) {
		c[i] = (struct counting){.ledger = f->ledger, .held = &held};
		assert_int_equal(pthread_create(&threads[i], NULL, count_and_give_back, &c[i]), 0);
	}
	rates(f, 1000, 0, 0); /* meanwhile a reload */
	for (unsigned i = 0; i < THREADS; i++)
		assert_int_equal(pthread_join(threads[i], NULL), 0);

	for (unsigned i = 0; i < THREADS; i++) {
		assert_int_equal(c[i].exceeded, 0);
		assert_true(c[i].granted > 0);
		assert_true(c[i].by_trying > 0);
	}
	assert_int_equal(ledger_entries(f->ledger), 0);
}

int main(void)
{
	const struct CMUnitTest t[] = {
#define T(name) cmocka_unit_test_setup_teardown(name, setup, teardown)
		T(limit_holds_to_the_one),
		T(nothing_is_kept_for_who_holds_nothing),
		T(limit_lowered_below_what_is_held_refuses_until_it_fits),
		T(node_refuses_with_508_and_the_others_with_486),
		T(refusal_counts_nowhere),
		T(subjects_are_those_of_their_tenant),
		T(allocations_of_a_subject_share_a_bucket),
		T(tenant_has_a_bucket_for_all_its_subjects),
		T(reload_changes_the_rates_of_those_who_hold_them),
		T(limit_holds_to_the_one_among_threads),
	};
	return cmocka_run_group_tests(t, NULL, NULL) != 0;
}
