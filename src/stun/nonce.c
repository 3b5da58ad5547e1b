/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * The cookie a nonce begins with (RFC 8489 §9.2): nine fixed characters, then 24 feature bits, the
 * first of them leftmost, in base64. What follows in a nonce is its maker's affair.
 */
#include "wire.h"

static const char prefix[] = "obMatJos2";
#define PREFIX_LEN   (sizeof(prefix) - 1)
#define FEATURES_LEN 3 /* bytes */

_Static_assert(PREFIX_LEN + BASE64_LEN(FEATURES_LEN) == STUN_NONCE_COOKIE_LEN, "cookie length");

void stun_nonce_cookie_write(uint32_t features, char out[STUN_NONCE_COOKIE_LEN])
{
	const uint8_t bits[FEATURES_LEN] = {
		(uint8_t)(features >> 16), (uint8_t)(features >> 8), (uint8_t)features};
	char text[BASE64_LEN(FEATURES_LEN) + 1];
	base64_encode(bits, sizeof(bits), text);
	memcpy(out, prefix, PREFIX_LEN);
	memcpy(out + PREFIX_LEN, text, sizeof(text) - 1);
}

bool stun_nonce_cookie_read(struct bytes nonce, uint32_t *features)
{
	uint8_t bits[FEATURES_LEN];
	size_t len;
	if (nonce.len < STUN_NONCE_COOKIE_LEN || memcmp(nonce.data, prefix, PREFIX_LEN) != 0)
		return false;
	const char *text = (const char *)nonce.data + PREFIX_LEN;
	if (base64_decode(text, BASE64_LEN(FEATURES_LEN), bits, sizeof(bits), &len) != 0)
		return false;
	if (len != sizeof(bits))
		return false;
	*features = (uint32_t)bits[0] << 16 | (uint32_t)bits[1] << 8 | bits[2];
	return true;
}
