/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * MESSAGE-INTEGRITY, MESSAGE-INTEGRITY-SHA256 and FINGERPRINT, and the keys under the former
 * (RFC 8489 §9.2, §14.5 to §14.7). An integrity attribute covers all that stands before it, under a
 * header whose length field counts up to the end of the attribute itself. Who may use which key is
 * decided elsewhere.
 */
#include <assert.h>
#include "wire.h"

void stun_key_long_term(enum stun_password_algorithm alg, struct bytes username, struct bytes realm,
	struct bytes password, struct stun_key *out)
{
	const struct bytes parts[] = {username, bytes_str(":"), realm, bytes_str(":"), password};
	enum crypto_hash hash = alg == STUN_PASSWORD_SHA256 ? CRYPTO_SHA256 : CRYPTO_MD5;
	assert(alg == STUN_PASSWORD_SHA256 || alg == STUN_PASSWORD_MD5);
	*out = (struct stun_key){.len = (uint8_t)crypto_hash_len(hash)};
	crypto_digest(hash, parts, ARRAY_LEN(parts), out->bytes);
}

void stun_userhash(struct bytes username, struct bytes realm, uint8_t out[32])
{
	const struct bytes parts[] = {username, bytes_str(":"), realm};
	crypto_digest(CRYPTO_SHA256, parts, ARRAY_LEN(parts), out);
}

bool stun_msg_check_integrity(
	const struct stun_msg *m, enum crypto_hash hash, const struct crypto_hmac_key *key)
{
	assert(key->hash == hash && (hash == CRYPTO_SHA1 || hash == CRYPTO_SHA256));
	size_t offset = hash == CRYPTO_SHA1 ? m->integrity : m->integrity_sha256;
	/* RFC 3489 padded the text under the HMAC to 64 bytes and asks it of no Binding request. */
	if (offset == 0 || m->is_classic)
		return false;

	struct stun_attr a;
	size_t end = stun_attr_at(m->data, offset, &a);
	uint8_t header[STUN_HEADER_LEN];
	memcpy(header, m->data, sizeof(header));
	be16_put(header + 2, (uint16_t)(end - STUN_HEADER_LEN));
	const struct bytes parts[] = {
		bytes_of(header, sizeof(header)),
		bytes_of(m->data + STUN_HEADER_LEN, offset - STUN_HEADER_LEN),
	};
	uint8_t mac[CRYPTO_HASH_MAX];
	crypto_hmac(key, parts, ARRAY_LEN(parts), mac);
	/* The right MAC of a message that came with a wrong one must not leak. */
	bool is_right = crypto_equal(mac, a.value, a.len);
	crypto_wipe(mac, sizeof(mac));
	return is_right;
}

void stun_write_integrity(
	struct stun_writer *w, enum crypto_hash hash, const struct crypto_hmac_key *key)
{
	assert(key->hash == hash && (hash == CRYPTO_SHA1 || hash == CRYPTO_SHA256));
	size_t before = w->len;
	uint16_t type =
		hash == CRYPTO_SHA1 ? STUN_MESSAGE_INTEGRITY : STUN_MESSAGE_INTEGRITY_SHA256;
	uint8_t *p = stun_write_reserve(w, type, crypto_hash_len(hash));
	if (p == NULL)
		return;
	const struct bytes part = bytes_of(w->buf, before);
	crypto_hmac(key, &part, 1, p);
}

void stun_write_fingerprint(struct stun_writer *w)
{
	size_t before = w->len;
	uint8_t *p = stun_write_reserve(w, STUN_FINGERPRINT, STUN_FINGERPRINT_LEN);
	if (p != NULL)
		be32_put(p, stun_fingerprint(w->buf, before));
}
