/* SPDX-License-Identifier: BSD-3-Clause */
/* Tables when memory runs out; linked with --wrap, so that the n-th allocation fails. */
#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include <sallyport/common.h>

static unsigned n_allowed;

void *__real_calloc(size_t n, size_t size);
void *__wrap_calloc(size_t n, size_t size);
void *__real_realloc(void *p, size_t size);
void *__wrap_realloc(void *p, size_t size);

void *__wrap_calloc(size_t n, size_t size)
{
	return n_allowed == 0 ? NULL : (n_allowed--, __real_calloc(n, size));
}

void *__wrap_realloc(void *p, size_t size)
{
	return n_allowed == 0 ? NULL : (n_allowed--, __real_realloc(p, size));
}

static void first_element_of_a_table_can_be_refused(void **state)
{
	struct hash_node n;
	struct hash_table t;

	hash_table_init(&t);
	n_allowed = 0;
	assert_int_equal(hash_table_insert(&t, &n, 1), -ENOMEM);
	assert_int_equal(t.count, 0);
	assert_null(hash_table_first(&t, 1));
	n_allowed = 1;
	assert_int_equal(hash_table_insert(&t, &n, 1), 0);
	hash_table_fini(&t);
}

static void table_that_cannot_grow_gets_slower_and_keeps_all(void **state)
{
	struct hash_node n[200];
	struct hash_table t;
	size_t n_buckets;

	hash_table_init(&t);
	n_allowed = 1;
	assert_int_equal(hash_table_insert(&t, &n[0], 0), 0);
	n_buckets = t.n_buckets;
	for (unsigned i = 1; i < ARRAY_LEN(n); i++)
		assert_int_equal(hash_table_insert(&t, &n[i], i), 0);
	assert_int_equal(t.n_buckets, n_buckets);
	for (unsigned i = 0; i < ARRAY_LEN(n); i++)
		assert_ptr_equal(hash_table_first(&t, i), &n[i]);
	hash_table_fini(&t);
}

static void set_is_not_made_without_memory(void **state)
{
	n_allowed = 0;
	assert_null(prefix_set_create());
}

static void refused_insert_leaves_the_set_as_it_was(void **state)
{
	struct prefix_set *s;
	unsigned n_refused = 0;

	n_allowed = 1;
	s = prefix_set_create();
	assert_non_null(s);
	for (uint32_t i = 0; i < 500; i++) {
		struct prefix p = {.addr = addr_ipv4(i, 0), .len_bits = 128};
		n_allowed = 0;
		if (prefix_set_insert(s, &p, 1) != 0) {
			assert_int_equal(prefix_set_lookup(s, &p.addr), 0);
			n_refused++;
			n_allowed = 1;
			assert_int_equal(prefix_set_insert(s, &p, 1), 0);
		}
		for (uint32_t k = 0; k <= i; k++) {
			struct addr a = addr_ipv4(k, 0);
			assert_int_equal(prefix_set_lookup(s, &a), 1);
		}
	}
	assert_in_range(n_refused, 2, 20);
	prefix_set_destroy(s);
}

int main(void)
{
	const struct CMUnitTest t[] = {
		cmocka_unit_test(first_element_of_a_table_can_be_refused),
		cmocka_unit_test(table_that_cannot_grow_gets_slower_and_keeps_all),
		cmocka_unit_test(set_is_not_made_without_memory),
		cmocka_unit_test(refused_insert_leaves_the_set_as_it_was),
	};
	n_allowed = 1000000; /* cmocka's own */
	return cmocka_run_group_tests(t, NULL, NULL) != 0;
}
