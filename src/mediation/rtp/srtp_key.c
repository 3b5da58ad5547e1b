/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * The suites, the derivation of session keys (RFC 3711 §4.3, RFC 7714 §11), and what session keys
 * do. An EVP context is keyed once and then given a new IV for each packet, which takes no heap.
 */
#include <assert.h>
#include <errno.h>
#include <openssl/err.h>
#include "srtp_priv.h"

static const struct srtp_suite_row suites[SRTP_SUITES] = {
	[SRTP_AES_CM_128_HMAC_SHA1_80] = {"AES_CM_128_HMAC_SHA1_80", 16, 14, false, 10, 10},
	[SRTP_AES_CM_128_HMAC_SHA1_32] = {"AES_CM_128_HMAC_SHA1_32", 16, 14, false, 4, 10},
	[SRTP_AES_256_CM_HMAC_SHA1_80] = {"AES_256_CM_HMAC_SHA1_80", 32, 14, false, 10, 10},
	[SRTP_AES_256_CM_HMAC_SHA1_32] = {"AES_256_CM_HMAC_SHA1_32", 32, 14, false, 4, 10},
	[SRTP_AEAD_AES_128_GCM] = {"AEAD_AES_128_GCM", 16, 12, true, 16, 16},
	[SRTP_AEAD_AES_256_GCM] = {"AEAD_AES_256_GCM", 32, 12, true, 16, 16},
};

const struct srtp_suite_row *srtp_suite_row(enum srtp_suite s)
{
	assert((unsigned)s < SRTP_SUITES);
	return &suites[s];
}

const char *srtp_suite_name(enum srtp_suite s)
{
	return srtp_suite_row(s)->name;
}

int srtp_suite_parse(struct bytes name, enum srtp_suite *out)
{
	for (unsigned i = 0; i < SRTP_SUITES; i++) {
		if (bytes_equal(name, bytes_str(suites[i].name))) {
			*out = (enum srtp_suite)i;
			return 0;
		}
	}
	return ERR_NOT_FOUND;
}

size_t srtp_master_len(enum srtp_suite s)
{
	return (size_t)srtp_suite_row(s)->key_len + srtp_suite_row(s)->salt_len;
}

/* ---- derivation ---- */

#define HMAC_KEY_LEN 20
#define LABEL_AT     7 /* in the salt: label and index end with it, 56 bits and a rate of 0 */

static const EVP_CIPHER *counter_cipher(const struct srtp_suite_row *row)
{
	return row->key_len == 16 ? EVP_aes_128_ctr() : EVP_aes_256_ctr();
}

static const EVP_CIPHER *gcm_cipher(const struct srtp_suite_row *row)
{
	return row->key_len == 16 ? EVP_aes_128_gcm() : EVP_aes_256_gcm();
}

/* LEN bytes of key stream under LABEL; PRF is keyed with the master key. */
static bool derive(EVP_CIPHER_CTX *prf, struct bytes salt, uint8_t label, uint8_t *out, size_t len)
{
	uint8_t iv[16] = {0};
	int n;

	memcpy(iv, salt.data, salt.len);
	iv[LABEL_AT] ^= label;
	memset(out, 0, len);
	return EVP_EncryptInit_ex(prf, NULL, NULL, NULL, iv) == 1 &&
	       EVP_EncryptUpdate(prf, out, &n, out, (int)len) == 1;
}

static bool cipher_init(
	EVP_CIPHER_CTX *ctx, const struct srtp_suite_row *row, const uint8_t *key, bool is_encrypt)
{
	const EVP_CIPHER *cipher = row->is_aead ? gcm_cipher(row) : counter_cipher(row);

	return EVP_CipherInit_ex(ctx, cipher, NULL, key, NULL, is_encrypt) == 1;
}

static bool derive_all(struct srtp_key *k, EVP_CIPHER_CTX *prf, const struct srtp_suite_row *row,
	const struct srtp_config *c, uint8_t label)
{
	uint8_t key[CRYPTO_AEAD_KEY_MAX], mac[HMAC_KEY_LEN];
	struct bytes salt = bytes_of(c->master.data + row->key_len, row->salt_len);
	bool ok = derive(prf, salt, label, key, row->key_len) &&
		  derive(prf, salt, label + 1, mac, sizeof(mac)) &&
		  derive(prf, salt, label + 2, k->salt, row->salt_len) &&
		  cipher_init(k->cipher, row, key, c->direction == SRTP_PROTECT);

	if (ok && !row->is_aead)
		crypto_hmac_key_init(&k->hmac, CRYPTO_SHA1, mac, sizeof(mac));
	crypto_wipe(key, sizeof(key));
	crypto_wipe(mac, sizeof(mac));
	return ok;
}

int srtp_key_init(struct srtp_key *k, const struct srtp_config *c, uint8_t label)
{
	const struct srtp_suite_row *row = srtp_suite_row(c->suite);
	EVP_CIPHER_CTX *prf = EVP_CIPHER_CTX_new();
	int rc = 0;

	memset(k, 0, sizeof(*k));
	k->cipher = EVP_CIPHER_CTX_new();
	if (!prf || !k->cipher)
		rc = -ENOMEM;
	else if (EVP_EncryptInit_ex(prf, counter_cipher(row), NULL, c->master.data, NULL) != 1 ||
		 !derive_all(k, prf, row, c, label))
		rc = ERR_UNSUPPORTED;
	EVP_CIPHER_CTX_free(prf);
	return rc;
}

void srtp_key_fini(struct srtp_key *k)
{
	EVP_CIPHER_CTX_free(k->cipher);
	crypto_wipe(k, sizeof(*k));
}

/* ---- counter mode and HMAC ---- */

bool srtp_key_crypt(struct srtp_key *k, uint32_t ssrc, uint64_t index, uint8_t *data, size_t len)
{
	uint8_t iv[16] = {0};
	int n;

	if (len == 0)
		return true;
	be32_put(iv + 4, ssrc);
	be64_put(iv + 8, index << 16);
	for (size_t i = 0; i < SRTP_SALT_LEN; i++)
		iv[i] ^= k->salt[i];
	return EVP_CipherInit_ex(k->cipher, NULL, NULL, NULL, iv, -1) == 1 &&
	       EVP_CipherUpdate(k->cipher, data, &n, data, (int)len) == 1;
}

void srtp_key_mac(const struct srtp_key *k, const struct bytes parts[2], uint8_t out[20])
{
	crypto_hmac(&k->hmac, parts, 2, out);
}

/* ---- GCM ---- */

static bool gcm_start(struct srtp_key *k, const uint8_t iv[12], const struct bytes ad[2])
{
	uint8_t nonce[CRYPTO_AEAD_NONCE_LEN];
	int n;

	for (size_t i = 0; i < sizeof(nonce); i++)
		nonce[i] = iv[i] ^ k->salt[i];
	if (EVP_CipherInit_ex(k->cipher, NULL, NULL, NULL, nonce, -1) != 1)
		return false;
	for (size_t i = 0; i < 2; i++) {
		if (ad[i].len > 0 &&
			EVP_CipherUpdate(k->cipher, NULL, &n, ad[i].data, (int)ad[i].len) != 1)
			return false;
	}
	return true;
}

static bool gcm_text(struct srtp_key *k, uint8_t *data, size_t len)
{
	int n;

	return len == 0 || EVP_CipherUpdate(k->cipher, data, &n, data, (int)len) == 1;
}

bool srtp_key_seal(struct srtp_key *k, const uint8_t iv[12], const struct bytes ad[2],
	uint8_t *data, size_t len)
{
	int n;

	return gcm_start(k, iv, ad) && gcm_text(k, data, len) &&
	       EVP_CipherFinal_ex(k->cipher, data + len, &n) == 1 &&
	       EVP_CIPHER_CTX_ctrl(
		       k->cipher, EVP_CTRL_AEAD_GET_TAG, CRYPTO_AEAD_TAG_LEN, data + len) == 1;
}

enum srtp_result srtp_key_open(struct srtp_key *k, const uint8_t iv[12], const struct bytes ad[2],
	uint8_t *data, size_t len)
{
	uint8_t none[16];
	int n;

	if (!gcm_start(k, iv, ad) || !gcm_text(k, data, len) ||
		EVP_CIPHER_CTX_ctrl(
			k->cipher, EVP_CTRL_AEAD_SET_TAG, CRYPTO_AEAD_TAG_LEN, data + len) != 1) {
		ERR_clear_error();
		return SRTP_NO_CIPHER;
	}
	/* OpenSSL compares the tags in constant time. Whoever sends wrong ones leaves no trace in
	 * its list of errors, which TLS on this thread reads. */
	if (EVP_CipherFinal_ex(k->cipher, none, &n) == 1)
		return SRTP_OK;
	ERR_clear_error();
	return SRTP_AUTH_FAILED;
}
