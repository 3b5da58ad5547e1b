/* SPDX-License-Identifier: BSD-3-Clause */
/* What a context for DTLS has beyond one for TLS. */
#ifndef CRYPTO_DTLS_H
#define CRYPTO_DTLS_H

#include <openssl/ssl.h>

void dtls_context_set(SSL_CTX *ctx);

#endif
