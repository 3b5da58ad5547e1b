/* SPDX-License-Identifier: BSD-3-Clause */
/* The certificates of a server context and which of them a client gets. */
#ifndef SALLYPORT_CRYPTO_IDENTITY_H
#define SALLYPORT_CRYPTO_IDENTITY_H

#include <sallyport/crypto.h>

/*
 * Loads the certificates C names into CTX, which keeps them, and has the name in the client's hello
 * choose among several. Not bound to a transport: DTLS contexts do it the same way. ERR_TLS,
 * -ENOMEM.
 */
int tls_identities_set(struct ssl_ctx_st *ctx, const struct crypto_tls_config *c, char *why);

/* One sentence about WHAT from OpenSSL's queue, which is left empty. ERR_TLS. */
int tls_refuse(char *why, const char *path, const char *what);

#endif
