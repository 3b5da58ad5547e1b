/* SPDX-License-Identifier: BSD-3-Clause */
#include <assert.h>
#include <string.h>
#include <openssl/evp.h>
#include "seal.h"

size_t seal_text(enum crypto_aead a, const uint8_t *key, const char *nonce, const char *server,
	struct bytes text, uint8_t out[SEAL_MAX])
{
	EVP_CIPHER_CTX *ctx = EVP_CIPHER_CTX_new();
	const EVP_CIPHER *cipher = a == CRYPTO_AES_128_GCM ? EVP_aes_128_gcm() : EVP_aes_256_gcm();
	uint8_t *p = out + 2 + CRYPTO_AEAD_NONCE_LEN;
	int n;
	assert(ctx != NULL && text.len <= 256);
	be16_put(out, CRYPTO_AEAD_NONCE_LEN);
	memcpy(out + 2, nonce, CRYPTO_AEAD_NONCE_LEN);
	int ok = EVP_EncryptInit_ex(ctx, cipher, NULL, key, out + 2);
	ok &= EVP_EncryptUpdate(ctx, NULL, &n, (const uint8_t *)server, (int)strlen(server));
	ok &= EVP_EncryptUpdate(ctx, p, &n, text.data, (int)text.len);
	p += text.len;
	ok &= EVP_EncryptFinal_ex(ctx, p, &n);
	ok &= EVP_CIPHER_CTX_ctrl(ctx, EVP_CTRL_AEAD_GET_TAG, CRYPTO_AEAD_TAG_LEN, p);
	assert(ok == 1);
	EVP_CIPHER_CTX_free(ctx);
	return (size_t)(p - out) + CRYPTO_AEAD_TAG_LEN;
}

size_t seal_fields(
	struct bytes mac_key, uint64_t timestamp, uint32_t lifetime_s, uint8_t out[SEAL_MAX])
{
	be16_put(out, (uint16_t)mac_key.len);
	memcpy(out + 2, mac_key.data, mac_key.len);
	be64_put(out + 2 + mac_key.len, timestamp);
	be32_put(out + 2 + mac_key.len + 8, lifetime_s);
	return 2 + mac_key.len + 12;
}
