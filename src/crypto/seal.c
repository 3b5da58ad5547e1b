/* SPDX-License-Identifier: BSD-3-Clause */
/* Sealing small texts for ourselves: AES-SIV of RFC 5297, so no nonce has to be kept or sent. */
#include <openssl/evp.h>
#include <sallyport/crypto.h>

/* The tag is given before decryption and asked for after encryption. */
static bool run(EVP_CIPHER_CTX *c, const EVP_CIPHER *siv, const uint8_t *key, bool is_sealing,
	const uint8_t *in, size_t len, uint8_t *out, uint8_t *tag)
{
	int n;

	if (EVP_CipherInit_ex(c, siv, NULL, key, NULL, is_sealing) != 1)
		return false;
	if (!is_sealing &&
		EVP_CIPHER_CTX_ctrl(c, EVP_CTRL_AEAD_SET_TAG, CRYPTO_SEAL_TAG_LEN, tag) != 1)
		return false;
	if (EVP_CipherUpdate(c, out, &n, in, (int)len) != 1 || n != (int)len ||
		EVP_CipherFinal_ex(c, out + len, &n) != 1)
		return false;
	return !is_sealing ||
	       EVP_CIPHER_CTX_ctrl(c, EVP_CTRL_AEAD_GET_TAG, CRYPTO_SEAL_TAG_LEN, tag) == 1;
}

static bool run_once(const uint8_t *key, bool is_sealing, const uint8_t *in, size_t len,
	uint8_t *out, uint8_t *tag)
{
	EVP_CIPHER *siv = EVP_CIPHER_fetch(NULL, "AES-128-SIV", NULL);
	EVP_CIPHER_CTX *c = EVP_CIPHER_CTX_new();
	bool ok = siv && c && run(c, siv, key, is_sealing, in, len, out, tag);

	EVP_CIPHER_CTX_free(c);
	EVP_CIPHER_free(siv);
	return ok;
}

int crypto_seal(const uint8_t key[CRYPTO_SEAL_KEY_LEN], const void *in, size_t len, uint8_t *out)
{
	return run_once(key, true, in, len, out + CRYPTO_SEAL_TAG_LEN, out) ? 0 : ERR_UNSUPPORTED;
}

int crypto_open(const uint8_t key[CRYPTO_SEAL_KEY_LEN], const void *in, size_t len, uint8_t *out)
{
	uint8_t tag[CRYPTO_SEAL_TAG_LEN];

	if (len <= sizeof(tag))
		return ERR_DENIED;
	memcpy(tag, in, sizeof(tag)); /* OpenSSL wants it without const */
	return run_once(key, false, (const uint8_t *)in + sizeof(tag), len - sizeof(tag), out, tag)
		       ? 0
		       : ERR_DENIED;
}
