/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * The m1 form: claims to bytes and back, its username and password.
 *
 *   0 layout = 1   1 locations   2 transports   3 flags   4 max allocations (16)   6 zero (16)
 *   8 kbit/s (32)  12 relays (64)   20 subject (16 bytes)   36 jti (8 bytes)   44 end
 */
#include <stdio.h>
#include <string.h>
#include "claims.h"
#include "snapshot.h"

#define LAYOUT     1
#define CLAIMS_LEN 44
#define PREFIX     "m1."
#define PREFIX_LEN (sizeof(PREFIX) - 1)
#define TEXT_LEN   BASE64URL_LEN(CLAIMS_LEN)
#define NAME_LEN   (PREFIX_LEN + AUTH_KID_LEN + 1 + TEXT_LEN)

_Static_assert(TEXT_LEN == 59, "docs/credentials.md says 59 characters");
_Static_assert(20 + 1 + NAME_LEN < AUTH_USERNAME_MAX, "the longest m1 username fits");
_Static_assert(AUTH_M1_PASSWORD_LEN < AUTH_PASSWORD_MAX, "and its password");

#define KNOWN_LOCATIONS  (AUTH_INTERNET | AUTH_INTRANET)
#define KNOWN_TRANSPORTS (AUTH_UDP | AUTH_TCP | AUTH_TLS | AUTH_DTLS)
#define KNOWN_FLAGS      (AUTH_NO_IPV6 | AUTH_TCP_RELAY)

/* A bit without a meaning here is a limit set by a newer minter: it must not be overlooked. */
static bool bits_are_known(const struct auth_claims *c)
{
	return (c->locations & ~KNOWN_LOCATIONS) == 0 && (c->transports & ~KNOWN_TRANSPORTS) == 0 &&
	       (c->flags & ~KNOWN_FLAGS) == 0;
}

static void encode(const struct auth_claims *c, uint8_t out[CLAIMS_LEN])
{
	memset(out, 0, CLAIMS_LEN);
	out[0] = LAYOUT;
	out[1] = c->locations;
	out[2] = c->transports;
	out[3] = c->flags;
	be16_put(out + 4, c->max_allocations);
	be32_put(out + 8, c->kbps);
	be64_put(out + 12, c->relays);
	memcpy(out + 20, c->subject, AUTH_SUBJECT_LEN);
	memcpy(out + 36, c->jti, AUTH_JTI_LEN);
}

static bool decode(const uint8_t in[CLAIMS_LEN], struct auth_claims *out)
{
	if (in[0] != LAYOUT || be16_get(in + 6) != 0)
		return false;
	*out = (struct auth_claims){
		.locations = in[1],
		.transports = in[2],
		.flags = in[3],
		.max_allocations = be16_get(in + 4),
		.kbps = be32_get(in + 8),
		.relays = be64_get(in + 12),
	};
	memcpy(out->subject, in + 20, AUTH_SUBJECT_LEN);
	memcpy(out->jti, in + 36, AUTH_JTI_LEN);
	return bits_are_known(out);
}

bool auth_m1_is(struct bytes name)
{
	return name.len >= PREFIX_LEN && memcmp(name.data, PREFIX, PREFIX_LEN) == 0;
}

static bool kid_is_canonical(const char *kid)
{
	for (size_t i = 0; i < AUTH_KID_LEN; i++)
		if (!(kid[i] >= '0' && kid[i] <= '9') && !(kid[i] >= 'a' && kid[i] <= 'f'))
			return false;
	return true;
}

bool auth_m1_parse(struct bytes name, const char **kid, struct auth_claims *out)
{
	if (name.len != NAME_LEN || !auth_m1_is(name))
		return false;
	const char *k = (const char *)name.data + PREFIX_LEN;
	if (!kid_is_canonical(k) || k[AUTH_KID_LEN] != '.')
		return false;
	uint8_t claims[CLAIMS_LEN];
	size_t len;
	if (base64url_decode(k + AUTH_KID_LEN + 1, TEXT_LEN, claims, sizeof(claims), &len) != 0 ||
		len != sizeof(claims) || !decode(claims, out))
		return false;
	*kid = k;
	return true;
}

void auth_m1_password(
	const struct auth_key *k, struct bytes username, char out[AUTH_M1_PASSWORD_LEN + 1])
{
	uint8_t mac[CRYPTO_SHA256_LEN];
	const struct bytes parts[] = {bytes_of("m1", 3), username}; /* with the NUL */
	crypto_hmac(&k->password, parts, ARRAY_LEN(parts), mac);
	base64url_encode(mac, sizeof(mac), out);
	crypto_wipe(mac, sizeof(mac));
}

int auth_subject(const struct auth_snapshot *s, uint64_t now_s, struct bytes identity,
	uint8_t out[AUTH_SUBJECT_LEN])
{
	const struct auth_key *k = auth_ring_signing(&s->rules.ring, now_s);
	if (k == NULL)
		return ERR_NOT_FOUND;
	uint8_t mac[CRYPTO_SHA256_LEN];
	crypto_hmac(&k->subject, &identity, 1, mac);
	memcpy(out, mac, AUTH_SUBJECT_LEN);
	return 0;
}

int auth_mint_m1(const struct auth_snapshot *s, uint64_t now_s, uint64_t expires_s,
	const struct auth_claims *claims, struct auth_credential *out)
{
	const struct auth_key *k = auth_ring_signing(&s->rules.ring, now_s);
	if (k == NULL)
		return ERR_NOT_FOUND;
	if (!bits_are_known(claims))
		return ERR_UNSUPPORTED;
	uint8_t binary[CLAIMS_LEN];
	char text[TEXT_LEN + 1];
	encode(claims, binary);
	base64url_encode(binary, sizeof(binary), text);

	*out = (struct auth_credential){.expires_s = expires_s};
	memcpy(out->kid, k->kid, sizeof(out->kid));
	snprintf(out->username, sizeof(out->username), "%llu:" PREFIX "%s.%s",
		(unsigned long long)expires_s, k->kid, text);
	auth_m1_password(k, bytes_str(out->username), out->password);
	return 0;
}

const char *auth_transport_name(enum auth_transport t)
{
	switch (t) {
	case AUTH_UDP:
		return "udp";
	case AUTH_TCP:
		return "tcp";
	case AUTH_TLS:
		return "tls";
	case AUTH_DTLS:
		return "dtls";
	}
	return "?";
}
