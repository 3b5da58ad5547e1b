/* SPDX-License-Identifier: BSD-3-Clause */
/* HKDF (RFC 5869) with SHA-256. */
#include <assert.h>
#include <string.h>
#include <sallyport/crypto.h>

void crypto_hkdf_extract(
	const void *salt, size_t salt_len, const void *ikm, size_t ikm_len, uint8_t prk[32])
{
	struct crypto_hmac_key k;
	crypto_hmac_key_init(&k, CRYPTO_SHA256, salt, salt_len);
	crypto_hmac(&k, &(struct bytes){ikm, ikm_len}, 1, prk);
	crypto_wipe(&k, sizeof(k));
}

void crypto_hkdf_expand(const uint8_t prk[32], const char *info, uint8_t *out, size_t out_len)
{
	assert(out_len <= 255 * CRYPTO_SHA256_LEN);
	struct crypto_hmac_key k;
	crypto_hmac_key_init(&k, CRYPTO_SHA256, prk, 32);
	uint8_t block[CRYPTO_SHA256_LEN];
	uint8_t counter = 0;
	for (size_t done = 0; done < out_len; done += CRYPTO_SHA256_LEN) {
		struct bytes parts[] = {
			bytes_of(block, counter > 0 ? sizeof(block) : 0),
			bytes_str(info),
			bytes_of(&counter, 1),
		};
		counter++;
		crypto_hmac(&k, parts, ARRAY_LEN(parts), block);
		size_t n = out_len - done < sizeof(block) ? out_len - done : sizeof(block);
		memcpy(out + done, block, n);
	}
	crypto_wipe(block, sizeof(block));
	crypto_wipe(&k, sizeof(k));
}
