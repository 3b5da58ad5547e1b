/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * A DTLS server's connection over single datagrams that its owner brings and takes away. The BIO
 * here is all that OpenSSL sees of a network: it holds one datagram, or none.
 */
#include <errno.h>
#include <openssl/bio.h>
#include <openssl/err.h>
#include <openssl/ssl.h>
#include <sallyport/crypto.h>
#include "dtls.h"

#define BIO_TYPE_OURS (BIO_TYPE_SOURCE_SINK | 0x7f) /* only tells it apart from OpenSSL's own */

/* A client sends no certificate, so no message of it is long; what is announced as longer than a
 * record is refused. */
#define LONGEST_MESSAGE 4096

/* ---- the datagrams ---- */

static int wire_read(BIO *b, char *out, size_t cap, size_t *n)
{
	struct crypto_dtls_wire *w = BIO_get_data(b);

	BIO_clear_retry_flags(b);
	if (w->in.len == 0) {
		BIO_set_retry_read(b);
		return -1;
	}
	*n = w->in.len < cap ? w->in.len : cap; /* the rest is lost, as it is of any datagram */
	memcpy(out, w->in.data, *n);
	w->in = bytes_of(NULL, 0);
	return 1;
}

static int wire_write(BIO *b, const char *data, size_t len, size_t *n)
{
	struct crypto_dtls_wire *w = BIO_get_data(b);

	BIO_clear_retry_flags(b);
	w->send(w, bytes_of(data, len));
	*n = len;
	return 1;
}

static long wire_ctrl(BIO *b, int cmd, long num, void *ptr)
{
	(void)b;
	(void)num;
	(void)ptr;
	return cmd == BIO_CTRL_FLUSH;
}

static int wire_create(BIO *b)
{
	BIO_set_init(b, 1);
	return 1;
}

struct bio_method_st *crypto_dtls_method_create(void)
{
	BIO_METHOD *m = BIO_meth_new(BIO_TYPE_OURS, "datagrams");

	if (m && BIO_meth_set_read_ex(m, wire_read) == 1 &&
		BIO_meth_set_write_ex(m, wire_write) == 1 && BIO_meth_set_ctrl(m, wire_ctrl) == 1 &&
		BIO_meth_set_create(m, wire_create) == 1)
		return m;
	BIO_meth_free(m);
	return NULL;
}

void crypto_dtls_method_destroy(struct bio_method_st *m)
{
	BIO_meth_free(m);
}

/* ---- contexts ---- */

/* Only a hello whose cookie has been looked at gets as far as OpenSSL. */
static int take_cookie(SSL *ssl, const unsigned char *cookie, unsigned len)
{
	(void)ssl;
	(void)cookie;
	(void)len;
	return 1;
}

void dtls_context_set(SSL_CTX *ctx)
{
	SSL_CTX_set_cookie_verify_cb(ctx, take_cookie);
	SSL_CTX_set_options(ctx, SSL_OP_NO_QUERY_MTU);
	SSL_CTX_set_max_cert_list(ctx, LONGEST_MESSAGE);
}

/* ---- connections ---- */

/* The hello becomes the first message of a handshake that goes on where the cookie exchange ended.
 */
static int listen_to_hello(SSL *ssl)
{
	BIO_ADDR *unknown = BIO_ADDR_new();

	if (unknown == NULL)
		return -ENOMEM;
	ERR_clear_error();
	int rc = DTLSv1_listen(ssl, unknown);
	ERR_clear_error();
	BIO_ADDR_free(unknown);
	return rc == 1 ? 0 : ERR_MALFORMED;
}

int crypto_dtls_conn_create(struct ssl_ctx_st *ctx, struct bio_method_st *method,
	struct crypto_dtls_wire *wire, size_t mtu, struct ssl_st **out)
{
	SSL *ssl = SSL_new(ctx);
	BIO *bio = BIO_new(method);
	int rc = -ENOMEM;

	if (ssl == NULL || bio == NULL) {
		BIO_free(bio);
		goto out;
	}
	BIO_set_data(bio, wire);
	SSL_set_bio(ssl, bio, bio); /* one count for both */
	SSL_set_mtu(ssl, (long)mtu);
	SSL_set_accept_state(ssl);
	rc = listen_to_hello(ssl);
	if (rc != 0)
		goto out;
	*out = ssl;
	return 0;
out:
	SSL_free(ssl);
	return rc;
}

bool crypto_dtls_resend_in_ms(struct ssl_st *ssl, uint64_t *ms)
{
	struct timeval left;

	if (DTLSv1_get_timeout(ssl, &left) != 1)
		return false;
	*ms = (uint64_t)left.tv_sec * 1000 + (uint64_t)left.tv_usec / 1000;
	return true;
}

bool crypto_dtls_resend(struct ssl_st *ssl)
{
	ERR_clear_error();
	long rc = DTLSv1_handle_timeout(ssl);
	ERR_clear_error();
	return rc >= 0;
}

void crypto_dtls_rest(struct ssl_st *ssl)
{
	(void)SSL_free_buffers(ssl); /* keeps them while they hold something */
}

bool crypto_dtls_wake(struct ssl_st *ssl)
{
	ERR_clear_error();
	bool is_awake = SSL_alloc_buffers(ssl) == 1;
	ERR_clear_error();
	if (!is_awake)
		SSL_set_quiet_shutdown(ssl, 1); /* it would be written into a buffer */
	return is_awake;
}
