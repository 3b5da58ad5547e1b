/* SPDX-License-Identifier: BSD-3-Clause */
/* The m1 form, "EXP:m1.KID.claims". */
#ifndef SALLYPORT_AUTH_CLAIMS_H
#define SALLYPORT_AUTH_CLAIMS_H

#include <sallyport/auth.h>
#include "key.h"

#define AUTH_M1_PASSWORD_LEN BASE64URL_LEN(CRYPTO_SHA256_LEN)

/* Does NAME, what stands behind the colon, claim to be of this form? */
bool auth_m1_is(struct bytes name);
/* False for any but the one spelling that minting gives. *KID points into NAME. */
bool auth_m1_parse(struct bytes name, const char **kid, struct auth_claims *out);
void auth_m1_password(
	const struct auth_key *k, struct bytes username, char out[AUTH_M1_PASSWORD_LEN + 1]);

#endif
