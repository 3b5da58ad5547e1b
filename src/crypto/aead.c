/* SPDX-License-Identifier: BSD-3-Clause */
/* Authenticated decryption of short texts: AES-GCM as RFC 5116 §5 names it. */
#include <assert.h>
#include <string.h>
#include <openssl/evp.h>
#include <sallyport/crypto.h>

size_t crypto_aead_key_len(enum crypto_aead a)
{
	return a == CRYPTO_AES_128_GCM ? 16 : CRYPTO_AEAD_KEY_MAX;
}

static bool start(EVP_CIPHER_CTX *ctx, enum crypto_aead a, const uint8_t *key, const uint8_t *nonce)
{
	const EVP_CIPHER *cipher = a == CRYPTO_AES_128_GCM ? EVP_aes_128_gcm() : EVP_aes_256_gcm();
	return EVP_DecryptInit_ex(ctx, cipher, NULL, NULL, NULL) == 1 &&
	       EVP_CIPHER_CTX_ctrl(ctx, EVP_CTRL_AEAD_SET_IVLEN, CRYPTO_AEAD_NONCE_LEN, NULL) ==
		       1 &&
	       EVP_DecryptInit_ex(ctx, NULL, NULL, key, nonce) == 1;
}

static bool open_text(EVP_CIPHER_CTX *ctx, struct bytes ad, const uint8_t *text, size_t len,
	const uint8_t *tag, uint8_t *out)
{
	uint8_t expected[CRYPTO_AEAD_TAG_LEN];
	int n;
	memcpy(expected, tag, sizeof(expected)); /* OpenSSL wants it writable */
	return EVP_DecryptUpdate(ctx, NULL, &n, ad.data, (int)ad.len) == 1 &&
	       EVP_DecryptUpdate(ctx, out, &n, text, (int)len) == 1 && (size_t)n == len &&
	       EVP_CIPHER_CTX_ctrl(ctx, EVP_CTRL_AEAD_SET_TAG, sizeof(expected), expected) == 1 &&
	       EVP_DecryptFinal_ex(ctx, out + len, &n) == 1;
}

bool crypto_aead_open(enum crypto_aead a, const uint8_t *key,
	const uint8_t nonce[CRYPTO_AEAD_NONCE_LEN], struct bytes ad, struct bytes sealed,
	uint8_t *out)
{
	assert(sealed.len >= CRYPTO_AEAD_TAG_LEN && sealed.len <= CRYPTO_AEAD_TEXT_MAX &&
		ad.len <= CRYPTO_AEAD_TEXT_MAX);
	size_t len = sealed.len - CRYPTO_AEAD_TAG_LEN;
	EVP_CIPHER_CTX *ctx = EVP_CIPHER_CTX_new();
	bool ok = ctx != NULL && start(ctx, a, key, nonce) &&
		  open_text(ctx, ad, sealed.data, len, sealed.data + len, out);
	EVP_CIPHER_CTX_free(ctx);
	if (!ok)
		crypto_wipe(out, len);
	return ok;
}
