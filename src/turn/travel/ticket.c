/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * Mobility tickets (RFC 8016 §3.3): what a client gets to find its allocation again.
 *
 *     maker (1)  number (4)  worker (1)  serial (2)
 *
 * sealed under a key of the process and written as text of 32 characters, because a wide-spread
 * client keeps no more than that and no NUL. The first two name the allocation, the third who has
 * it when the ticket is shown, the last one is compared with those that are still good.
 */
#include <sallyport/crypto.h>

#include "mobility.h"

#define PLAIN_LEN  8
#define SEALED_LEN (PLAIN_LEN + CRYPTO_SEAL_TAG_LEN)

_Static_assert(BASE64URL_LEN(SEALED_LEN) == TURN_TICKET_LEN, "a ticket has one length");

bool turn_ticket_write(const uint8_t key[CRYPTO_SEAL_KEY_LEN], const struct turn_ticket *t,
	char out[TURN_TICKET_LEN + 1])
{
	uint8_t plain[PLAIN_LEN], sealed[SEALED_LEN];

	plain[0] = (uint8_t)(t->name >> 32);
	be32_put(plain + 1, (uint32_t)t->name);
	plain[5] = t->worker;
	be16_put(plain + 6, t->serial);
	if (crypto_seal(key, plain, sizeof(plain), sealed) != 0)
		return false;
	(void)base64url_encode(sealed, sizeof(sealed), out); /* its length is known */
	return true;
}

bool turn_ticket_read(
	const uint8_t key[CRYPTO_SEAL_KEY_LEN], struct bytes text, struct turn_ticket *out)
{
	uint8_t plain[PLAIN_LEN], sealed[SEALED_LEN];
	size_t len;

	if (text.len != TURN_TICKET_LEN ||
		base64url_decode((const char *)text.data, text.len, sealed, sizeof(sealed), &len) !=
			0 ||
		crypto_open(key, sealed, len, plain) != 0)
		return false;
	out->name = (uint64_t)plain[0] << 32 | be32_get(plain + 1);
	out->worker = plain[5];
	out->serial = be16_get(plain + 6);
	return true;
}
