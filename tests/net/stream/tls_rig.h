/* SPDX-License-Identifier: BSD-3-Clause */
/* A TLS client of OpenSSL's beside the stream rig, turn by turn with the server on one thread. */
#ifndef TESTS_NET_TLS_RIG_H
#define TESTS_NET_TLS_RIG_H

#include "rig.h"

#include <openssl/ssl.h>

struct tls {
	struct ssl_ctx_st *server;
	SSL_CTX *context;
	SSL *client;
};

/* A client that has connected and said nothing; OPEN_TLS makes the listener too. */
void dial_tls(struct fixture *f, struct tls *t);
void open_tls(struct fixture *f, struct tls *t);
void close_tls(struct tls *t);
/* Each step again until it is done, the server's turn between. */
void shake_hands(struct fixture *f, struct tls *t);
void say_tls(struct fixture *f, struct tls *t, const void *data, size_t len);
/* N records of LEN bytes each, which go out in one piece. */
void say_records(struct fixture *f, struct tls *t, const void *data, size_t len, size_t n);
void hear_tls(struct fixture *f, struct tls *t, void *out, size_t len);

#endif
