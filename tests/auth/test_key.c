/* SPDX-License-Identifier: BSD-3-Clause */
/* The key schedule against its vectors, secret files, and which key of a ring does what when. */
#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>
#include <cmocka.h>
#include <openssl/obj_mac.h>
#include "fixture.h"

static const char *kid_of(struct fixture *f, size_t i, char kid[AUTH_KID_LEN + 1])
{
	struct auth_key_info info;
	assert_true(auth_snapshot_key(f->snapshot, i, NOW, &info));
	memcpy(kid, info.kid, sizeof(info.kid));
	return kid;
}

static void assert_expanded(const uint8_t prk[32], const char *info, const char *want)
{
	uint8_t key[32];
	char text[2 * sizeof(key) + 1];
	crypto_hkdf_expand(prk, info, key, sizeof(key));
	hex_encode(key, sizeof(key), text);
	assert_string_equal(text, want);
}

static void key_schedule_gives_the_published_numbers(void **state)
{
	uint8_t ikm[3 + 32] = "EC", prk[32], kid[4];
	char text[65];
	memcpy(ikm + 3, vector_d, sizeof(vector_d));
	crypto_hkdf_extract("edge-mras v1", 12, ikm, sizeof(ikm), prk);
	hex_encode(prk, sizeof(prk), text);
	assert_string_equal(
		text, "a2c0db25a85104feb8135547c60a0052056c98ab0d3d9247f37301ee29ed50c3");
	crypto_hkdf_expand(prk, "kid", kid, sizeof(kid));
	hex_encode(kid, sizeof(kid), text);
	assert_string_equal(text, VECTOR_KID);
	assert_expanded(prk, "m1 password",
		"a7caa1724af0af4428dae8cb2a6a46579b1e6cc5fba7b854a2f6ab3562e1c9ed");
	assert_expanded(
		prk, "subject", "fa59b6d12b6d0a340e2cabcee61688a1fd06bce91aaa30ec306306a985362cd8");
	assert_expanded(
		prk, "nonce", "2127d4f0ed333f6f8fbd486a815d06ef1a30277c6572243f1468745a5644ec2b");

	uint8_t rest[32];
	crypto_hkdf_expand(prk, "turn-rest", rest, sizeof(rest));
	base64_encode(rest, sizeof(rest), text);
	assert_string_equal(text, "ip0y5NhDg/CsHoIGfs57nN2sqxUjUBhwIdQEryTgX2c=");
}

static void every_encoding_of_a_private_key_gives_one_kid(void **state)
{
	struct fixture *f = *state;
	char kid[AUTH_KID_LEN + 1];
	assert_string_equal(kid_of(f, 0, kid), VECTOR_KID); /* PKCS#8, by the fixture */

	EVP_PKEY *key = pki_ec_key_of(NID_X9_62_prime256v1, vector_d, sizeof(vector_d));
	pki_write_traditional(f->path, key);
	EVP_PKEY_free(key);
	fixture_reload(f);
	assert_string_equal(kid_of(f, 0, kid), VECTOR_KID);
}

/* Computed with another implementation: Python's hmac and hashlib. */
static void secret_files_give_published_kids(void **state)
{
	struct fixture *f = *state;
	char kid[AUTH_KID_LEN + 1];
	f->config.keys = f->keys + 1;
	f->config.n_keys = 2;
	fixture_reload(f);
	assert_string_equal(kid_of(f, 0, kid), "457ef0dd");
	assert_string_equal(kid_of(f, 1, kid), "d7141e50");
}

static void every_byte_of_a_secret_file_counts(void **state)
{
	struct fixture *f = *state;
	char with[AUTH_KID_LEN + 1], without[AUTH_KID_LEN + 1];
	f->config.keys = f->keys + 1;
	fixture_reload(f);
	kid_of(f, 0, without);
	pki_write(f->secret[0], "0123456789abcdef0123456789abcdef\n", 33, 0600);
	fixture_reload(f);
	assert_string_not_equal(kid_of(f, 0, with), without);
}

static void secret_file_holds_32_to_4096_bytes(void **state)
{
	struct fixture *f = *state;
	uint8_t text[4097] = {1};
	f->config.keys = f->keys + 1;
	pki_write(f->secret[0], text, 0, 0600);
	fixture_refuse(f, ERR_BAD_KEY, "less than 32 bytes");
	pki_write(f->secret[0], text, 31, 0600);
	fixture_refuse(f, ERR_BAD_KEY, "less than 32 bytes");
	pki_write(f->secret[0], text, 4097, 0600);
	fixture_refuse(f, ERR_BAD_KEY, "more than 4096 bytes");
	assert_non_null(strstr(f->why, f->secret[0]));
	pki_write(f->secret[0], text, 4096, 0600);
	fixture_reload(f);
}

static void secret_file_open_to_others_is_refused(void **state)
{
	struct fixture *f = *state;
	static const mode_t modes[] = {0640, 0620, 0604, 0602, 0644};
	f->config.keys = f->keys + 1;
	for (size_t i = 0; i < ARRAY_LEN(modes); i++) {
		chmod(f->secret[0], modes[i]);
		fixture_refuse(f, ERR_BAD_KEY, "chmod 600");
	}
	chmod(f->secret[0], 0400);
	fixture_reload(f);
}

static void what_is_no_file_is_refused_without_waiting(void **state)
{
	struct fixture *f = *state;
	f->config.keys = f->keys + 1;
	unlink(f->secret[0]);
	fixture_refuse(f, -ENOENT, f->secret[0]);
	assert_int_equal(mkfifo(f->secret[0], 0600), 0);
	fixture_refuse(f, ERR_BAD_KEY, "not a regular file");
	f->keys[1].secret_file = f->dir.path;
	fixture_refuse(f, ERR_BAD_KEY, "not a regular file");
}

static void bad_private_key_is_refused_by_name(void **state)
{
	struct fixture *f = *state;
	pki_write(f->path, "x", 1, 0600);
	fixture_refuse(f, ERR_BAD_KEY, f->path);
}

static void entry_has_exactly_one_source(void **state)
{
	struct fixture *f = *state;
	f->keys[0].secret_file = f->secret[0];
	fixture_refuse(f, ERR_CONFIG, "either a secret file or a private key");
	f->keys[0].secret_file = f->keys[0].derive_from_key = NULL;
	fixture_refuse(f, ERR_CONFIG, "either a secret file or a private key");
}

static void number_of_keys_is_bounded(void **state)
{
	struct fixture *f = *state;
	struct auth_key_config many[AUTH_KEYS_MAX + 1] = {{0}};
	f->config.keys = many;
	f->config.n_keys = ARRAY_LEN(many);
	fixture_refuse(f, ERR_CONFIG, "1 to 16 keys");
	f->config.n_keys = 0;
	fixture_refuse(f, ERR_CONFIG, "1 to 16 keys");
}

static void one_key_in_two_entries_is_refused(void **state)
{
	struct fixture *f = *state;
	f->keys[2] = f->keys[0];
	f->config.n_keys = 3;
	fixture_refuse(f, ERR_EXISTS, VECTOR_KID);
}

static void window_that_ends_before_it_begins_is_refused(void **state)
{
	struct fixture *f = *state;
	f->keys[0].sign_from = f->keys[0].verify_until = NOW;
	fixture_refuse(f, ERR_CONFIG, "before it begins");
	f->keys[0].verify_until = NOW + 1;
	fixture_reload(f);
}

/* ---- which key signs ---- */

/* The kid that signs at NOW_S, also as the list of keys tells it; "" when none. */
static void signer(struct fixture *f, uint64_t now_s, char kid[AUTH_KID_LEN + 1])
{
	struct auth_credential c;
	struct auth_claims claims = {.relays = UINT64_MAX};
	int rc = auth_mint_m1(f->snapshot, now_s, now_s + 60, &claims, &c);
	kid[0] = '\0';
	if (rc == 0)
		memcpy(kid, c.kid, sizeof(c.kid));
	else
		assert_int_equal(rc, ERR_NOT_FOUND);

	struct auth_key_info info;
	unsigned n_signing = 0;
	for (size_t i = 0; auth_snapshot_key(f->snapshot, i, now_s, &info); i++) {
		n_signing += info.is_signing;
		assert_int_equal(info.is_signing, strcmp(info.kid, kid) == 0);
	}
	assert_int_equal(n_signing, rc == 0);
}

static void newest_key_whose_time_has_come_signs(void **state)
{
	struct fixture *f = *state;
	char kid[AUTH_KID_LEN + 1], second[AUTH_KID_LEN + 1], third[AUTH_KID_LEN + 1];
	f->config.n_keys = 3; /* in the order of the list: old, newest, newer */
	f->keys[1].sign_from = NOW + 200;
	f->keys[2].sign_from = NOW + 100;
	fixture_reload(f);
	kid_of(f, 0, third);
	kid_of(f, 1, second);

	signer(f, NOW + 99, kid);
	assert_string_equal(kid, VECTOR_KID);
	signer(f, NOW + 100, kid);
	assert_string_equal(kid, second);
	signer(f, NOW + 199, kid);
	assert_string_equal(kid, second);
	signer(f, NOW + 200, kid);
	assert_string_equal(kid, third);
}

static void of_equally_new_keys_the_first_listed_signs(void **state)
{
	struct fixture *f = *state;
	char kid[AUTH_KID_LEN + 1];
	f->config.n_keys = 3;
	fixture_reload(f);
	signer(f, NOW, kid);
	assert_string_equal(kid, VECTOR_KID);
}

static void key_past_its_window_does_not_sign(void **state)
{
	struct fixture *f = *state;
	char kid[AUTH_KID_LEN + 1];
	f->keys[0].verify_until = NOW + 100;
	fixture_reload(f);
	signer(f, NOW + 99, kid);
	assert_string_equal(kid, VECTOR_KID);
	signer(f, NOW + 100, kid);
	assert_string_equal(kid, "");
}

static void nothing_is_minted_before_the_first_key_signs(void **state)
{
	struct fixture *f = *state;
	struct auth_credential c;
	uint8_t subject[AUTH_SUBJECT_LEN];
	f->keys[0].sign_from = NOW + 1;
	fixture_reload(f);
	char kid[AUTH_KID_LEN + 1];
	signer(f, NOW, kid);
	assert_string_equal(kid, "");
	assert_int_equal(auth_mint_rest(f->snapshot, NOW, VECTOR_EXP, bytes_str("alice"), &c),
		ERR_NOT_FOUND);
	assert_int_equal(
		auth_subject(f->snapshot, NOW, bytes_str("alice"), subject), ERR_NOT_FOUND);
}

static void list_of_keys_tells_windows_and_ends(void **state)
{
	struct fixture *f = *state;
	struct auth_key_info info;
	f->keys[0].sign_from = 7;
	f->keys[0].verify_until = VECTOR_EXP;
	fixture_reload(f);
	assert_true(auth_snapshot_key(f->snapshot, 0, NOW, &info));
	assert_int_equal(info.sign_from, 7);
	assert_int_equal(info.verify_until, VECTOR_EXP);
	assert_false(auth_snapshot_key(f->snapshot, 1, NOW, &info));
}

int main(void)
{
#define T(f) cmocka_unit_test_setup_teardown(f, fixture_setup, fixture_teardown)
	const struct CMUnitTest t[] = {
		T(key_schedule_gives_the_published_numbers),
		T(every_encoding_of_a_private_key_gives_one_kid),
		T(secret_files_give_published_kids),
		T(every_byte_of_a_secret_file_counts),
		T(secret_file_holds_32_to_4096_bytes),
		T(secret_file_open_to_others_is_refused),
		T(what_is_no_file_is_refused_without_waiting),
		T(bad_private_key_is_refused_by_name),
		T(entry_has_exactly_one_source),
		T(number_of_keys_is_bounded),
		T(one_key_in_two_entries_is_refused),
		T(window_that_ends_before_it_begins_is_refused),
		T(newest_key_whose_time_has_come_signs),
		T(of_equally_new_keys_the_first_listed_signs),
		T(key_past_its_window_does_not_sign),
		T(nothing_is_minted_before_the_first_key_signs),
		T(list_of_keys_tells_windows_and_ends),
	};
#undef T
	return cmocka_run_group_tests(t, NULL, NULL) != 0;
}
