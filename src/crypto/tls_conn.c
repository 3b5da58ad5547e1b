/* SPDX-License-Identifier: BSD-3-Clause */
/* A TLS connection on a non-blocking descriptor. */
#include <openssl/err.h>
#include <openssl/ssl.h>
#include <sallyport/crypto.h>

static SSL *create(SSL_CTX *ctx, int fd)
{
	SSL *ssl = SSL_new(ctx);
	if (ssl == NULL)
		return NULL;
	if (SSL_set_fd(ssl, fd) != 1) {
		SSL_free(ssl);
		return NULL;
	}
	/* What waits is copied by the caller, so it may move and go in parts. */
	SSL_set_mode(ssl, SSL_MODE_ENABLE_PARTIAL_WRITE | SSL_MODE_ACCEPT_MOVING_WRITE_BUFFER);
	return ssl;
}

struct ssl_st *crypto_tls_conn_create(struct ssl_ctx_st *ctx, int fd)
{
	SSL *ssl = create(ctx, fd);
	if (ssl != NULL)
		SSL_set_accept_state(ssl);
	return ssl;
}

struct ssl_st *crypto_tls_conn_dial(struct ssl_ctx_st *ctx, int fd, const char *name)
{
	struct addr numeric;
	SSL *ssl = create(ctx, fd);
	if (ssl == NULL)
		return NULL;
	SSL_set_connect_state(ssl);
	/* SSL_set_tlsext_host_name is a macro that casts away const. */
	if (addr_parse(name, 0, &numeric) != 0 &&
		SSL_ctrl(ssl, SSL_CTRL_SET_TLSEXT_HOSTNAME, TLSEXT_NAMETYPE_host_name,
			(void *)(uintptr_t)name) != 1) {
		SSL_free(ssl);
		return NULL;
	}
	return ssl;
}

void crypto_tls_conn_destroy(struct ssl_st *ssl)
{
	if (ssl == NULL)
		return;
	if (SSL_is_init_finished(ssl)) {
		ERR_clear_error();
		(void)SSL_shutdown(ssl); /* a courtesy: the descriptor is closed either way */
		ERR_clear_error();
	}
	SSL_free(ssl);
}

/* Clearing looks at each of the queue's places, and there is hardly ever anything in one. */
static void forget_errors(void)
{
	if (ERR_peek_error() != 0)
		ERR_clear_error();
}

/* What came of a call that returned RC. The error queue is this thread's and left empty, but for
 * what a success may have put there: the next call looks. */
static enum crypto_tls_io result(SSL *ssl, int rc)
{
	if (rc > 0)
		return CRYPTO_TLS_DONE;
	int error = SSL_get_error(ssl, rc);

	forget_errors();
	switch (error) {
	case SSL_ERROR_WANT_READ:
		return CRYPTO_TLS_WANT_READ;
	case SSL_ERROR_WANT_WRITE:
		return CRYPTO_TLS_WANT_WRITE;
	case SSL_ERROR_ZERO_RETURN:
		return CRYPTO_TLS_CLOSED;
	default:
		/* After a fatal error nothing may be sent, a good-bye included. */
		SSL_set_quiet_shutdown(ssl, 1);
		return CRYPTO_TLS_FAILED;
	}
}

enum crypto_tls_io crypto_tls_end(struct ssl_st *ssl)
{
	forget_errors();
	int rc = SSL_shutdown(ssl);

	/* 0: ours is sent, theirs is still to come. */
	return rc >= 0 ? CRYPTO_TLS_DONE : result(ssl, rc);
}

enum crypto_tls_io crypto_tls_handshake(struct ssl_st *ssl)
{
	forget_errors();
	return result(ssl, SSL_do_handshake(ssl));
}

const char *crypto_tls_problem(const struct ssl_st *ssl)
{
	long result = SSL_get_verify_result(ssl);

	return result != X509_V_OK ? X509_verify_cert_error_string(result) : NULL;
}

void crypto_tls_read_ahead(struct ssl_st *ssl, bool on)
{
	SSL_set_read_ahead(ssl, on);
}

bool crypto_tls_holds(const struct ssl_st *ssl)
{
	return SSL_has_pending(ssl) != 0;
}

enum crypto_tls_io crypto_tls_read(struct ssl_st *ssl, void *out, size_t cap, size_t *n)
{
	*n = 0;
	forget_errors();
	return result(ssl, SSL_read_ex(ssl, out, cap, n));
}

enum crypto_tls_io crypto_tls_write(struct ssl_st *ssl, const void *data, size_t len, size_t *n)
{
	*n = 0;
	forget_errors();
	return result(ssl, SSL_write_ex(ssl, data, len, n));
}
