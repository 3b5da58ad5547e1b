/* SPDX-License-Identifier: BSD-3-Clause */
/* The revocation file: what is written is read, and what is not a revocation is told by its line.
 */
#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>
#include <cmocka.h>

#include "../../src/daemon/revocations.h"

struct fixture {
	char dir[64];
	char path[128];
};

static int setup(void **state)
{
	struct fixture *f = calloc(1, sizeof(*f));

	snprintf(f->dir, sizeof(f->dir), "/tmp/sallyport-test-XXXXXX");
	assert_non_null(mkdtemp(f->dir));
	snprintf(f->path, sizeof(f->path), "%s/revocations", f->dir);
	*state = f;
	return 0;
}

static int teardown(void **state)
{
	struct fixture *f = *state;

	(void)unlink(f->path);
	(void)rmdir(f->dir);
	free(f);
	return 0;
}

static void write_file(const struct fixture *f, const char *text)
{
	FILE *out = fopen(f->path, "w");

	assert_non_null(out);
	fputs(text, out);
	fclose(out);
}

static void a_missing_file_is_an_empty_one(void **state)
{
	struct fixture *f = *state;
	struct auth_revocation *list;
	char why[CRYPTO_WHY_LEN];
	size_t n = 7;

	assert_int_equal(revocations_load(f->path, &list, &n, why), 0);
	assert_int_equal(n, 0);
	free(list);
}

static void what_is_saved_is_loaded(void **state)
{
	struct fixture *f = *state;
	struct auth_revocation in[3] = {
		{AUTH_REVOKE_JTI, {1, 2, 3, 4, 5, 6, 7, 0xff}, 1800000000},
		{AUTH_REVOKE_SUBJECT, {0xa0, 0xb1}, 1800000001},
		{AUTH_REVOKE_KID, "387218cb", 1800000002},
	};
	struct auth_revocation *out;
	char why[CRYPTO_WHY_LEN];
	size_t n;

	assert_int_equal(revocations_save(f->path, in, 3), 0);

	assert_int_equal(revocations_load(f->path, &out, &n, why), 0);
	assert_int_equal(n, 3);
	for (size_t i = 0; i < 3; i++) {
		assert_int_equal(out[i].kind, in[i].kind);
		assert_int_equal(out[i].until_s, in[i].until_s);
		assert_memory_equal(out[i].id, in[i].id, sizeof(in[i].id));
	}
	free(out);
}

static void comments_and_empty_lines_are_skipped(void **state)
{
	struct fixture *f = *state;
	struct auth_revocation *list;
	char why[CRYPTO_WHY_LEN];
	size_t n;

	write_file(f, "# lost laptop\n\n  \nkid 387218cb 1800000000\n");

	assert_int_equal(revocations_load(f->path, &list, &n, why), 0);
	assert_int_equal(n, 1);
	free(list);
}

static void a_line_that_is_no_revocation_is_told_by_its_number(void **state)
{
	static const char *const bad[] = {
		"jti 0102 1800000000\n",             /* too short */
		"jti 01020304050607zz 1800000000\n", /* not hexadecimal */
		"kid 387218 1800000000\n",
		"user 0102030405060708 1800000000\n", /* no such kind */
		"kid 387218cb\n",                     /* no end */
		"kid 387218cb 1800000000 more\n",
	};
	struct fixture *f = *state;

	for (size_t i = 0; i < ARRAY_LEN(bad); i++) {
		struct auth_revocation *list;
		char why[CRYPTO_WHY_LEN], text[256];
		size_t n;

		snprintf(text, sizeof(text), "kid 387218cb 1800000000\n%s", bad[i]);
		write_file(f, text);
		assert_int_equal(revocations_load(f->path, &list, &n, why), ERR_MALFORMED);
		assert_non_null(strstr(why, "line 2"));
		assert_null(list);
	}
}

static void a_file_that_cannot_be_replaced_stays_as_it_was(void **state)
{
	struct fixture *f = *state;
	struct auth_revocation *list;
	char why[CRYPTO_WHY_LEN], nowhere[160];
	size_t n;

	write_file(f, "kid 387218cb 1800000000\n");
	snprintf(nowhere, sizeof(nowhere), "%s/none/revocations", f->dir);
	assert_int_equal(revocations_save(nowhere, NULL, 0), -ENOENT);

	assert_int_equal(revocations_load(f->path, &list, &n, why), 0);
	assert_int_equal(n, 1);
	free(list);
}

#define T(t) cmocka_unit_test_setup_teardown(t, setup, teardown)

int main(void)
{
	const struct CMUnitTest t[] = {
		T(a_missing_file_is_an_empty_one),
		T(what_is_saved_is_loaded),
		T(comments_and_empty_lines_are_skipped),
		T(a_line_that_is_no_revocation_is_told_by_its_number),
		T(a_file_that_cannot_be_replaced_stays_as_it_was),
	};
	return cmocka_run_group_tests(t, NULL, NULL) != 0;
}
