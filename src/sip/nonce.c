/* SPDX-License-Identifier: BSD-3-Clause */
/* Nonces that are computed, not stored: time (32 bits), number (32), HMAC of both and more (128).
 */
#include "scan.h"

#define HEAD_LEN 8
#define MAC_LEN  16
#define SKEW_S   1 /* two clocks of one host */

_Static_assert(BASE64URL_LEN(HEAD_LEN + MAC_LEN) == SIP_NONCE_LEN, "nonce length");

static void make_mac(const struct crypto_hmac_key *k, const uint8_t head[HEAD_LEN],
	struct bytes bound, uint8_t out[CRYPTO_HASH_MAX])
{
	const struct bytes parts[] = {bytes_str("sip-nonce"), bytes_of(head, HEAD_LEN), bound};
	crypto_hmac(k, parts, ARRAY_LEN(parts), out);
}

void sip_nonce_make(const struct crypto_hmac_key *k, uint64_t now_s, uint32_t number,
	struct bytes bound, char out[SIP_NONCE_LEN + 1])
{
	uint8_t nonce[HEAD_LEN + CRYPTO_HASH_MAX];
	be32_put(nonce, (uint32_t)now_s);
	be32_put(nonce + 4, number);
	make_mac(k, nonce, bound, nonce + HEAD_LEN);
	base64url_encode(nonce, HEAD_LEN + MAC_LEN, out);
}

enum sip_nonce sip_nonce_check(const struct crypto_hmac_key *k, uint64_t now_s, uint32_t lifetime_s,
	struct bytes bound, struct sip_str nonce)
{
	uint8_t said[HEAD_LEN + MAC_LEN], mac[CRYPTO_HASH_MAX];
	size_t len;
	if (nonce.len != SIP_NONCE_LEN ||
		base64url_decode(nonce.at, nonce.len, said, sizeof(said), &len) != 0 ||
		len != sizeof(said))
		return SIP_NONCE_FORGED;
	make_mac(k, said, bound, mac);
	if (!crypto_equal(mac, said + HEAD_LEN, MAC_LEN))
		return SIP_NONCE_FORGED;
	uint32_t age = (uint32_t)now_s - be32_get(said);
	bool is_future = age > UINT32_MAX - SKEW_S;
	return age <= lifetime_s || is_future ? SIP_NONCE_FRESH : SIP_NONCE_STALE;
}
