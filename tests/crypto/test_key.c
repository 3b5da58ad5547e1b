/* SPDX-License-Identifier: BSD-3-Clause */
/* Canonical private values: one for all encodings of a key, none for what cannot have one. */
#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>
#include <sys/stat.h>
#include <cmocka.h>
#include <openssl/bn.h>
#include <openssl/core_names.h>
#include <openssl/obj_mac.h>
#include <openssl/param_build.h>
#include <openssl/pem.h>
#include <openssl/rsa.h>
#include <sallyport/crypto.h>
#include "pki.h"

struct fixture {
	struct pki_dir dir;
	char path[PKI_PATH_LEN];
	uint8_t out[CRYPTO_CANONICAL_MAX];
	size_t len;
	char why[CRYPTO_WHY_LEN];
};

static int setup(void **state)
{
	struct fixture *f = calloc(1, sizeof(*f));
	if (f == NULL)
		return -1;
	pki_dir_create(&f->dir);
	pki_path(&f->dir, "key.pem", f->path);
	*state = f;
	return 0;
}

static int teardown(void **state)
{
	struct fixture *f = *state;
	pki_dir_remove(&f->dir);
	free(f);
	return 0;
}

static int canonical(struct fixture *f)
{
	memset(f->out, 0, sizeof(f->out));
	f->len = 0;
	f->why[0] = '\0';
	return crypto_key_canonical(f->path, f->out, sizeof(f->out), &f->len, f->why);
}

/* The sentence names the file and says what is wrong. */
static void assert_refused(struct fixture *f, int rc, const char *word)
{
	assert_int_equal(canonical(f), rc);
	assert_int_equal(f->len, 0);
	assert_non_null(strstr(f->why, f->path));
	assert_non_null(strstr(f->why, word));
	assert_null(strchr(f->why, '\n'));
}

static void ec_value_is_the_scalar_in_either_encoding(void **state)
{
	struct fixture *f = *state;
	uint8_t d[32];
	memset(d, 0x5a, sizeof(d));
	EVP_PKEY *key = pki_ec_key_of(NID_X9_62_prime256v1, d, sizeof(d));

	for (int form = 0; form < 2; form++) {
		(form ? pki_write_pkcs8 : pki_write_traditional)(f->path, key);
		assert_int_equal(canonical(f), 0);
		assert_int_equal(f->len, 3 + 32);
		assert_memory_equal(f->out, "EC", 3);
		assert_memory_equal(f->out + 3, d, sizeof(d));
	}
	EVP_PKEY_free(key);
}

static void ec_value_is_padded_to_the_group_order(void **state)
{
	struct fixture *f = *state;
	static const struct {
		int nid;
		size_t len;
	} curves[] = {{NID_X9_62_prime256v1, 32}, {NID_secp384r1, 48}, {NID_secp521r1, 66},
		{NID_secp256k1, 32}, {NID_brainpoolP256r1, 32}};
	for (size_t i = 0; i < ARRAY_LEN(curves); i++) {
		EVP_PKEY *key = pki_ec_key_of(curves[i].nid, (const uint8_t *)"\x01\x02", 2);
		pki_write_pkcs8(f->path, key);
		EVP_PKEY_free(key);

		assert_int_equal(canonical(f), 0);
		assert_int_equal(f->len, 3 + curves[i].len);
		for (size_t b = 3; b < f->len - 2; b++)
			assert_int_equal(f->out[b], 0);
		assert_int_equal(f->out[f->len - 2], 1);
		assert_int_equal(f->out[f->len - 1], 2);
	}
}

static BIGNUM *number_of(EVP_PKEY *key, const char *name)
{
	BIGNUM *n = NULL;
	assert_int_equal(EVP_PKEY_get_bn_param(key, name, &n), 1);
	return n;
}

/* The same key with p and q, and what hangs on them, stored the other way round. */
static EVP_PKEY *swapped(EVP_PKEY *key)
{
	BN_CTX *bn = BN_CTX_new();
	BIGNUM *p = number_of(key, OSSL_PKEY_PARAM_RSA_FACTOR1);
	BIGNUM *q = number_of(key, OSSL_PKEY_PARAM_RSA_FACTOR2);
	BIGNUM *coefficient = BN_mod_inverse(NULL, p, q, bn);
	BIGNUM *rest[] = {number_of(key, OSSL_PKEY_PARAM_RSA_N),
		number_of(key, OSSL_PKEY_PARAM_RSA_E), number_of(key, OSSL_PKEY_PARAM_RSA_D),
		number_of(key, OSSL_PKEY_PARAM_RSA_EXPONENT1),
		number_of(key, OSSL_PKEY_PARAM_RSA_EXPONENT2)};
	OSSL_PARAM_BLD *b = OSSL_PARAM_BLD_new();
	OSSL_PARAM_BLD_push_BN(b, OSSL_PKEY_PARAM_RSA_N, rest[0]);
	OSSL_PARAM_BLD_push_BN(b, OSSL_PKEY_PARAM_RSA_E, rest[1]);
	OSSL_PARAM_BLD_push_BN(b, OSSL_PKEY_PARAM_RSA_D, rest[2]);
	OSSL_PARAM_BLD_push_BN(b, OSSL_PKEY_PARAM_RSA_FACTOR1, q);
	OSSL_PARAM_BLD_push_BN(b, OSSL_PKEY_PARAM_RSA_FACTOR2, p);
	OSSL_PARAM_BLD_push_BN(b, OSSL_PKEY_PARAM_RSA_EXPONENT1, rest[4]);
	OSSL_PARAM_BLD_push_BN(b, OSSL_PKEY_PARAM_RSA_EXPONENT2, rest[3]);
	OSSL_PARAM_BLD_push_BN(b, OSSL_PKEY_PARAM_RSA_COEFFICIENT1, coefficient);
	OSSL_PARAM *params = OSSL_PARAM_BLD_to_param(b);
	EVP_PKEY_CTX *ctx = EVP_PKEY_CTX_new_from_name(NULL, "RSA", NULL);
	EVP_PKEY *out = NULL;
	assert_int_equal(EVP_PKEY_fromdata_init(ctx), 1);
	assert_int_equal(EVP_PKEY_fromdata(ctx, &out, EVP_PKEY_KEYPAIR, params), 1);

	EVP_PKEY_CTX_free(ctx);
	OSSL_PARAM_free(params);
	OSSL_PARAM_BLD_free(b);
	for (size_t i = 0; i < ARRAY_LEN(rest); i++)
		BN_free(rest[i]);
	BN_free(coefficient);
	BN_free(p);
	BN_free(q);
	BN_CTX_free(bn);
	return out;
}

static void rsa_value_is_the_sorted_primes_in_every_encoding(void **state)
{
	struct fixture *f = *state;
	EVP_PKEY *key = EVP_RSA_gen(1024);
	EVP_PKEY *other = swapped(key);
	BIGNUM *p = number_of(key, OSSL_PKEY_PARAM_RSA_FACTOR1);
	BIGNUM *q = number_of(key, OSSL_PKEY_PARAM_RSA_FACTOR2);
	uint8_t want[4 + 2 * 64] = "RSA";
	bool p_is_less = BN_cmp(p, q) < 0;
	BN_bn2binpad(p_is_less ? p : q, want + 4, 64);
	BN_bn2binpad(p_is_less ? q : p, want + 4 + 64, 64);
	BN_free(p);
	BN_free(q);

	for (int form = 0; form < 4; form++) {
		EVP_PKEY *k = form & 1 ? other : key;
		(form & 2 ? pki_write_pkcs8 : pki_write_traditional)(f->path, k);
		assert_int_equal(canonical(f), 0);
		assert_int_equal(f->len, sizeof(want));
		assert_memory_equal(f->out, want, sizeof(want));
	}
	EVP_PKEY_free(key);
	EVP_PKEY_free(other);
}

static void rsa_with_three_primes_is_refused(void **state)
{
	struct fixture *f = *state;
	EVP_PKEY_CTX *ctx = EVP_PKEY_CTX_new_from_name(NULL, "RSA", NULL);
	EVP_PKEY *key = NULL;
	assert_int_equal(EVP_PKEY_keygen_init(ctx), 1);
	assert_int_equal(EVP_PKEY_CTX_set_rsa_keygen_bits(ctx, 1024), 1);
	assert_int_equal(EVP_PKEY_CTX_set_rsa_keygen_primes(ctx, 3), 1);
	assert_int_equal(EVP_PKEY_generate(ctx, &key), 1);
	pki_write_pkcs8(f->path, key);
	EVP_PKEY_CTX_free(ctx);
	EVP_PKEY_free(key);

	assert_refused(f, ERR_UNSUPPORTED, "RSA with two primes");
}

static void ed25519_value_is_the_seed(void **state)
{
	struct fixture *f = *state;
	uint8_t seed[32];
	memset(seed, 0xed, sizeof(seed));
	EVP_PKEY *key = EVP_PKEY_new_raw_private_key(EVP_PKEY_ED25519, NULL, seed, sizeof(seed));
	pki_write_pkcs8(f->path, key);
	EVP_PKEY_free(key);

	assert_int_equal(canonical(f), 0);
	assert_int_equal(f->len, 3 + 32);
	assert_memory_equal(f->out, "ED", 3);
	assert_memory_equal(f->out + 3, seed, sizeof(seed));
}

static void other_key_types_are_refused_by_name(void **state)
{
	struct fixture *f = *state;
	static const char *const types[] = {"X25519", "ED448", "RSA-PSS"};
	for (size_t i = 0; i < ARRAY_LEN(types); i++) {
		EVP_PKEY_CTX *ctx = EVP_PKEY_CTX_new_from_name(NULL, types[i], NULL);
		EVP_PKEY *key = NULL;
		assert_int_equal(EVP_PKEY_keygen_init(ctx), 1);
		assert_int_equal(EVP_PKEY_generate(ctx, &key), 1);
		pki_write_pkcs8(f->path, key);
		EVP_PKEY_CTX_free(ctx);
		EVP_PKEY_free(key);
		assert_refused(f, ERR_UNSUPPORTED, types[i]);
	}
}

/* Some servers keep chain and key in one file. */
static void key_behind_a_certificate_is_found(void **state)
{
	struct fixture *f = *state;
	struct pki_issuer ca;
	pki_issuer_init(&ca, "test");
	BIO *bio = BIO_new(BIO_s_mem());
	PEM_write_bio_X509(bio, ca.cert);
	PEM_write_bio_PrivateKey(bio, ca.key, NULL, NULL, 0, NULL, NULL);
	char *data;
	long len = BIO_get_mem_data(bio, &data);
	pki_write(f->path, data, (size_t)len, 0600);
	BIO_free(bio);
	pki_issuer_fini(&ca);

	assert_int_equal(canonical(f), 0);
	assert_int_equal(f->len, 35);
}

static void encrypted_key_is_refused_without_asking(void **state)
{
	struct fixture *f = *state;
	EVP_PKEY *key = pki_ec_key();
	BIO *bio = BIO_new(BIO_s_mem());
	char phrase[] = "secret";
	assert_int_equal(
		PEM_write_bio_PKCS8PrivateKey(bio, key, EVP_aes_128_cbc(), phrase, 6, NULL, NULL),
		1);
	char *data;
	long len = BIO_get_mem_data(bio, &data);
	pki_write(f->path, data, (size_t)len, 0600);
	BIO_free(bio);
	EVP_PKEY_free(key);

	assert_refused(f, ERR_BAD_KEY, "pass phrase");
}

static void files_without_a_private_key_are_refused(void **state)
{
	struct fixture *f = *state;
	pki_write(f->path, "", 0, 0600);
	assert_refused(f, ERR_BAD_KEY, "no private key");
	pki_write(f->path, "-----BEGIN PRIVATE KEY-----\nAAAA\n-----END PRIVATE KEY-----\n", 57,
		0600);
	assert_refused(f, ERR_BAD_KEY, "no private key");
	struct pki_issuer ca;
	pki_issuer_init(&ca, "test");
	pki_write_cert(f->path, ca.cert);
	pki_issuer_fini(&ca);
	assert_refused(f, ERR_BAD_KEY, "no private key");
}

static void missing_file_and_directory_are_refused(void **state)
{
	struct fixture *f = *state;
	assert_refused(f, -ENOENT, "No such file");
	strcpy(f->path, f->dir.path);
	assert_refused(f, ERR_BAD_KEY, "not a regular file");
}

static void key_open_to_others_is_refused_and_to_its_group_not(void **state)
{
	struct fixture *f = *state;
	EVP_PKEY *key = pki_ec_key();
	pki_write_pkcs8(f->path, key);
	EVP_PKEY_free(key);

	chmod(f->path, 0644);
	assert_refused(f, ERR_BAD_KEY, "chmod 600");
	chmod(f->path, 0640);
	assert_int_equal(canonical(f), 0);
}

static void short_output_is_refused_at_every_length(void **state)
{
	struct fixture *f = *state;
	EVP_PKEY *keys[] = {pki_ec_key(), EVP_RSA_gen(1024),
		EVP_PKEY_new_raw_private_key(EVP_PKEY_ED25519, NULL, f->out, 32)};
	for (size_t i = 0; i < ARRAY_LEN(keys); i++) {
		pki_write_pkcs8(f->path, keys[i]);
		EVP_PKEY_free(keys[i]);
		assert_int_equal(canonical(f), 0);
		for (size_t cap = 0; cap < f->len; cap += 3) {
			uint8_t *out = malloc(cap + 1);
			size_t len = 0;
			assert_int_equal(
				crypto_key_canonical(f->path, out, cap, &len, NULL), ERR_NO_SPACE);
			assert_int_equal(len, 0);
			free(out);
		}
	}
}

int main(void)
{
#define T(f) cmocka_unit_test_setup_teardown(f, setup, teardown)
	const struct CMUnitTest t[] = {
		T(ec_value_is_the_scalar_in_either_encoding),
		T(ec_value_is_padded_to_the_group_order),
		T(rsa_value_is_the_sorted_primes_in_every_encoding),
		T(rsa_with_three_primes_is_refused),
		T(ed25519_value_is_the_seed),
		T(other_key_types_are_refused_by_name),
		T(key_behind_a_certificate_is_found),
		T(encrypted_key_is_refused_without_asking),
		T(files_without_a_private_key_are_refused),
		T(missing_file_and_directory_are_refused),
		T(key_open_to_others_is_refused_and_to_its_group_not),
		T(short_output_is_refused_at_every_length),
	};
#undef T
	return cmocka_run_group_tests(t, NULL, NULL) != 0;
}
