/* SPDX-License-Identifier: BSD-3-Clause */
/* SipHash-1-3 and the hash table. */
#include <setjmp.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include <sallyport/common.h>

#define N_ELEMENTS 5000

struct element {
	struct hash_node node;
	unsigned key;
	unsigned n_seen;
};

/*
 * Key 00 01 .. 0f, input of n bytes 00 01 ..: made with a second implementation, which agrees with
 * the hash of CPython 3.11 and, for the input of no bytes, with the vector in Rust's core library.
 */
static const uint64_t siphash_1_3[] = {
	0xabac0158050fc4dc,
	0xc9f49bf37d57ca93,
	0x82cb9b024dc7d44d,
	0x8bf80ab8e7ddf7fb,
	0xcf75576088d38328,
	0xdef9d52f49533b67,
	0xc50d2b50c59f22a7,
	0xd3927d989bb11140,
	0x369095118d299a8e,
	0x25a48eb36c063de4,
	0x79de85ee92ff097f,
	0x70c118c1f94dc352,
	0x78a384b157b4d9a2,
	0x306f760c1229ffa7,
	0x605aa111c0f95d34,
	0xd320d86d2a519956,
	0xcc4fdd1a7d908b66,
	0x9cf2689063dbd80c,
	0x8ffc389cb473e63e,
	0xf21f9de58d297d1c,
	0xc0dc2f46a6cce040,
	0xb992abfe2b45f844,
	0x7ffe7b9ba320872e,
	0x525a0e7fdae6c123,
	0xf464aeb267349c8c,
	0x45cd5928705b0979,
	0x3a3e35e3ca9913a5,
	0xa91dc74e4ade3b35,
	0xfb0bed02ef6cd00d,
	0x88d93cb44ab1e1f4,
	0x540f11d643c5e663,
	0x2370dd1f8c21d1bc,
	0x81157b6c16a7b60d,
};

static void hash_matches_siphash_1_3(void **state)
{
	struct hash_key key = {0x0706050403020100, 0x0f0e0d0c0b0a0908};

	for (size_t n = 0; n < ARRAY_LEN(siphash_1_3); n++) {
		uint8_t *in = malloc(n > 0 ? n : 1);
		assert_non_null(in);
		for (size_t i = 0; i < n; i++)
			in[i] = (uint8_t)i;
		assert_true(hash_bytes(&key, in, n) == siphash_1_3[n]);
		free(in);
	}
}

static void hash_depends_on_the_key(void **state)
{
	struct hash_key a = {1, 2}, b = {1, 3}, c = {0, 2};

	assert_true(hash_bytes(&a, "x", 1) != hash_bytes(&b, "x", 1));
	assert_true(hash_bytes(&a, "x", 1) != hash_bytes(&c, "x", 1));
}

static uint64_t hash_of(unsigned key)
{
	struct hash_key k = {5, 6};

	return hash_bytes(&k, &key, sizeof(key));
}

static struct element *find(const struct hash_table *t, unsigned key)
{
	struct hash_node *n = hash_table_first(t, hash_of(key));

	for (; n != NULL; n = hash_table_next(n)) {
		struct element *e = CONTAINER_OF(n, struct element, node);
		if (e->key == key)
			return e;
	}
	return NULL;
}

/* N elements with the keys 0 .. N-1. The caller frees them. */
static struct element *fill(struct hash_table *t, unsigned n)
{
	struct element *e = calloc(n, sizeof(*e));

	assert_non_null(e);
	hash_table_init(t);
	for (unsigned i = 0; i < n; i++) {
		e[i].key = i;
		assert_int_equal(hash_table_insert(t, &e[i].node, hash_of(i)), 0);
	}
	return e;
}

static void empty_table_finds_nothing(void **state)
{
	struct hash_table t;

	hash_table_init(&t);
	assert_null(hash_table_first(&t, 1));
	hash_table_fini(&t);
	assert_null(hash_table_first(&t, 1));
}

static void table_grows_and_keeps_everything(void **state)
{
	struct hash_table t;
	struct element *e = fill(&t, N_ELEMENTS);

	assert_int_equal(t.count, N_ELEMENTS);
	assert_true(t.n_buckets >= N_ELEMENTS);
	assert_int_equal(t.n_buckets & (t.n_buckets - 1), 0);
	for (unsigned i = 0; i < N_ELEMENTS; i++)
		assert_ptr_equal(find(&t, i), &e[i]);
	assert_null(find(&t, N_ELEMENTS));
	hash_table_fini(&t);
	free(e);
}

static void removed_elements_are_gone_and_others_stay(void **state)
{
	struct hash_table t;
	struct element *e = fill(&t, N_ELEMENTS);

	for (unsigned i = 0; i < N_ELEMENTS; i += 3)
		hash_table_remove(&t, &e[i].node);
	for (unsigned i = 0; i < N_ELEMENTS; i++)
		assert_ptr_equal(find(&t, i), i % 3 == 0 ? NULL : &e[i]);
	assert_int_equal(t.count, N_ELEMENTS - (N_ELEMENTS + 2) / 3);
	hash_table_fini(&t);
	free(e);
}

static void equal_hashes_are_walked_and_others_of_the_bucket_skipped(void **state)
{
	struct element e[6] = {0};
	struct hash_table t;
	unsigned n = 0;

	hash_table_init(&t);
	for (unsigned i = 0; i < 6; i++) /* one bucket, two hashes */
		assert_int_equal(hash_table_insert(&t, &e[i].node, i % 2 == 0 ? 64 : 128), 0);

	for (struct hash_node *h = hash_table_first(&t, 64); h != NULL; h = hash_table_next(h)) {
		assert_int_equal(CONTAINER_OF(h, struct element, node) - e, 4 - 2 * n);
		n++;
	}
	assert_int_equal(n, 3);
	assert_null(hash_table_first(&t, 192));
	hash_table_fini(&t);
}

static void see(struct hash_node *n, void *arg)
{
	CONTAINER_OF(n, struct element, node)->n_seen++;
}

static void each_sees_every_element_once(void **state)
{
	struct hash_table t;
	struct element *e = fill(&t, N_ELEMENTS);

	hash_table_each(&t, see, NULL);
	for (unsigned i = 0; i < N_ELEMENTS; i++)
		assert_int_equal(e[i].n_seen, 1);
	hash_table_fini(&t);
	free(e);
}

static void remove_and_free(struct hash_node *n, void *arg)
{
	hash_table_remove(arg, n);
	free(CONTAINER_OF(n, struct element, node));
}

static void each_may_remove_and_free_what_it_is_given(void **state)
{
	struct hash_table t;

	hash_table_init(&t);
	hash_table_each(&t, remove_and_free, &t);
	for (unsigned i = 0; i < N_ELEMENTS; i++) {
		struct element *e = calloc(1, sizeof(*e));
		assert_non_null(e);
		assert_int_equal(hash_table_insert(&t, &e->node, hash_of(i) & 0xff), 0);
	}
	hash_table_each(&t, remove_and_free, &t);
	assert_int_equal(t.count, 0);
	hash_table_fini(&t);
}

static void taken_list_leaves_an_empty_one(void **state)
{
	struct list from, head, e[3];

	list_init(&from);
	list_take(&from, &head);
	assert_true(list_is_empty(&head));
	for (unsigned i = 0; i < 3; i++)
		list_append(&from, &e[i]);
	list_take(&from, &head);
	assert_true(list_is_empty(&from));
	for (unsigned i = 0; i < 3; i++) {
		assert_ptr_equal(head.next, &e[i]);
		list_remove(&e[i]);
		list_remove(&e[i]);
	}
	assert_true(list_is_empty(&head));
}

int main(void)
{
	const struct CMUnitTest t[] = {
		cmocka_unit_test(hash_matches_siphash_1_3),
		cmocka_unit_test(hash_depends_on_the_key),
		cmocka_unit_test(empty_table_finds_nothing),
		cmocka_unit_test(table_grows_and_keeps_everything),
		cmocka_unit_test(removed_elements_are_gone_and_others_stay),
		cmocka_unit_test(equal_hashes_are_walked_and_others_of_the_bucket_skipped),
		cmocka_unit_test(each_sees_every_element_once),
		cmocka_unit_test(each_may_remove_and_free_what_it_is_given),
		cmocka_unit_test(taken_list_leaves_an_empty_one),
	};
	return cmocka_run_group_tests(t, NULL, NULL) != 0;
}
