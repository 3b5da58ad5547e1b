/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * The canonical private value of a PEM key. Only numbers that every encoding of one key shares go
 * in: two members with one key agree, whether their files are PKCS#8, SEC1 or PKCS#1.
 */
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>
#include <sys/stat.h>
#include <openssl/bio.h>
#include <openssl/bn.h>
#include <openssl/core_names.h>
#include <openssl/err.h>
#include <openssl/evp.h>
#include <openssl/pem.h>
#include <sallyport/crypto.h>
#include "pem.h"

#define ED25519_SEED_LEN 32

/* What is written, and where. */
struct canonical {
	uint8_t *out;
	size_t cap;
	size_t len;
};

static int put(struct canonical *c, const void *data, size_t len)
{
	if (len > c->cap - c->len)
		return ERR_NO_SPACE;
	memcpy(c->out + c->len, data, len);
	c->len += len;
	return 0;
}

static int put_number(struct canonical *c, const BIGNUM *n, size_t len)
{
	if (len > c->cap - c->len)
		return ERR_NO_SPACE;
	if (BN_bn2binpad(n, c->out + c->len, (int)len) < 0)
		return ERR_BAD_KEY;
	c->len += len;
	return 0;
}

static size_t key_len_bytes(const EVP_PKEY *pkey)
{
	return ((size_t)EVP_PKEY_get_bits(pkey) + 7) / 8;
}

static int put_ec(struct canonical *c, const EVP_PKEY *pkey)
{
	BIGNUM *d = NULL;
	if (EVP_PKEY_get_bn_param(pkey, OSSL_PKEY_PARAM_PRIV_KEY, &d) != 1)
		return ERR_BAD_KEY;
	int rc = put(c, "EC", 3);
	if (rc == 0)
		rc = put_number(c, d, key_len_bytes(pkey)); /* bits of the group order */
	BN_clear_free(d);
	return rc;
}

static bool has_third_factor(const EVP_PKEY *pkey)
{
	BIGNUM *r = NULL;
	bool found = EVP_PKEY_get_bn_param(pkey, OSSL_PKEY_PARAM_RSA_FACTOR3, &r) == 1;
	BN_clear_free(r);
	return found;
}

/* The primes, not d: d has two valid values, and p and q may be stored in either order. */
static int put_rsa(struct canonical *c, const EVP_PKEY *pkey)
{
	if (has_third_factor(pkey))
		return ERR_UNSUPPORTED;
	int rc = ERR_BAD_KEY;
	BIGNUM *p = NULL, *q = NULL;
	if (EVP_PKEY_get_bn_param(pkey, OSSL_PKEY_PARAM_RSA_FACTOR1, &p) != 1 ||
		EVP_PKEY_get_bn_param(pkey, OSSL_PKEY_PARAM_RSA_FACTOR2, &q) != 1)
		goto out;
	bool p_is_less = BN_cmp(p, q) < 0;
	size_t half = (key_len_bytes(pkey) + 1) / 2;
	rc = put(c, "RSA", 4);
	if (rc == 0)
		rc = put_number(c, p_is_less ? p : q, half);
	if (rc == 0)
		rc = put_number(c, p_is_less ? q : p, half);
out:
	BN_clear_free(p);
	BN_clear_free(q);
	return rc;
}

static int put_ed25519(struct canonical *c, const EVP_PKEY *pkey)
{
	uint8_t seed[ED25519_SEED_LEN];
	size_t len = sizeof(seed);
	if (EVP_PKEY_get_raw_private_key(pkey, seed, &len) != 1 || len != sizeof(seed))
		return ERR_BAD_KEY;
	int rc = put(c, "ED", 3);
	if (rc == 0)
		rc = put(c, seed, sizeof(seed));
	crypto_wipe(seed, sizeof(seed));
	return rc;
}

static int put_key(struct canonical *c, const EVP_PKEY *pkey)
{
	if (EVP_PKEY_is_a(pkey, "EC"))
		return put_ec(c, pkey);
	if (EVP_PKEY_is_a(pkey, "RSA"))
		return put_rsa(c, pkey);
	if (EVP_PKEY_is_a(pkey, "ED25519"))
		return put_ed25519(c, pkey);
	return ERR_UNSUPPORTED;
}

/* Everybody who can read this file can mint credentials, so "others" must not. A group may: that is
 * how distributions share TLS keys. */
static int open_key_file(const char *path, BIO **out, char *why)
{
	int fd = open(path, O_RDONLY | O_CLOEXEC | O_NONBLOCK);
	struct stat st;
	if (fd < 0 || fstat(fd, &st) < 0) {
		int rc = -errno;
		snprintf(why, CRYPTO_WHY_LEN, "%s: %s", path, strerror(-rc));
		if (fd >= 0)
			close(fd);
		return rc;
	}
	const char *wrong = NULL;
	if (!S_ISREG(st.st_mode))
		wrong = "is not a regular file";
	else if (st.st_mode & S_IRWXO)
		wrong = "is open to every user of this machine; use chmod 600";
	BIO *bio = wrong == NULL ? BIO_new_fd(fd, BIO_CLOSE) : NULL;
	if (bio == NULL) {
		snprintf(why, CRYPTO_WHY_LEN, "%s %s", path, wrong ? wrong : strerror(ENOMEM));
		close(fd);
		return wrong ? ERR_BAD_KEY : -ENOMEM;
	}
	*out = bio;
	return 0;
}

static void why_not(int rc, const char *path, const EVP_PKEY *pkey, char *why)
{
	const char *text = "its private value cannot be read";
	if (rc == ERR_NO_SPACE)
		text = "it is too large";
	if (rc == ERR_UNSUPPORTED)
		text = "only EC, RSA with two primes, and Ed25519 keys can be used";
	const char *type = EVP_PKEY_get0_type_name(pkey);
	snprintf(why, CRYPTO_WHY_LEN, "%s holds a private key of type %s: %s", path,
		type ? type : "unknown", text);
}

int crypto_key_canonical(
	const char *path, uint8_t *out, size_t cap, size_t *len, char why[CRYPTO_WHY_LEN])
{
	char unread[CRYPTO_WHY_LEN];
	if (why == NULL)
		why = unread;
	BIO *bio = NULL;
	int rc = open_key_file(path, &bio, why);
	if (rc < 0)
		return rc;
	EVP_PKEY *pkey = PEM_read_bio_PrivateKey(bio, NULL, pem_no_pass_phrase, NULL);
	BIO_free(bio);
	if (pkey == NULL) {
		snprintf(why, CRYPTO_WHY_LEN,
			"%s holds no private key in PEM that opens without a pass phrase", path);
		ERR_clear_error();
		return ERR_BAD_KEY;
	}
	struct canonical c = {.out = out, .cap = cap};
	rc = put_key(&c, pkey);
	if (rc == 0)
		*len = c.len;
	else
		why_not(rc, path, pkey, why);
	EVP_PKEY_free(pkey);
	ERR_clear_error();
	return rc;
}
