/* SPDX-License-Identifier: BSD-3-Clause */
/* The rig of the TLS tests. */
#include "tls_rig.h"

#include <fcntl.h>

#include <sallyport/crypto.h>

#include "../crypto/pki.h"

struct ssl_ctx_st *make_server(void)
{
	char cert_path[PKI_PATH_LEN], key_path[PKI_PATH_LEN], why[CRYPTO_WHY_LEN];
	struct ssl_ctx_st *server = NULL;
	struct pki_issuer ca;
	struct pki_dir dir;

	pki_dir_create(&dir);
	pki_issuer_init(&ca, "test CA");
	EVP_PKEY *key = pki_ec_key();
	X509 *cert = pki_issue(&ca, &(struct pki_request){.name = "edge", .key = key, .serial = 2});
	struct crypto_tls_config c = {.certificate = pki_path(&dir, "cert.pem", cert_path),
		.private_key = pki_path(&dir, "key.pem", key_path),
		.has_stun_alpn = true};
	pki_write_cert(c.certificate, cert);
	pki_write_pkcs8(c.private_key, key);
	assert_int_equal(crypto_tls_server_create(&c, &server, why), 0);
	X509_free(cert);
	EVP_PKEY_free(key);
	pki_issuer_fini(&ca);
	pki_dir_remove(&dir);
	return server;
}

void dial_tls(struct fixture *f, struct tls *t)
{
	f->client = dial(f);
	assert_int_equal(fcntl(f->client, F_SETFL, O_NONBLOCK), 0);
	t->client = SSL_new(t->context);
	assert_int_equal(SSL_set_fd(t->client, f->client), 1);
}

void open_tls(struct fixture *f, struct tls *t)
{
	*t = (struct tls){.server = make_server(), .context = SSL_CTX_new(TLS_client_method())};
	open_listener(f, 10, t->server);
	dial_tls(f, t);
	until(f, NET_C_ACCEPTED_TLS, 1);
}

void close_tls(struct tls *t)
{
	SSL_free(t->client);
	SSL_CTX_free(t->context);
	crypto_tls_destroy(t->server);
}

void shake_hands(struct fixture *f, struct tls *t)
{
	for (int rc; (rc = SSL_connect(t->client)) != 1; turn_now(f))
		assert_int_equal(SSL_get_error(t->client, rc), SSL_ERROR_WANT_READ);
}

void say_tls(struct fixture *f, struct tls *t, const void *data, size_t len)
{
	for (int rc; (rc = SSL_write(t->client, data, (int)len)) <= 0; turn_now(f))
		assert_int_equal(SSL_get_error(t->client, rc), SSL_ERROR_WANT_WRITE);
}

void hear_tls(struct fixture *f, struct tls *t, void *out, size_t len)
{
	for (size_t at = 0; at < len;) {
		int n = SSL_read(t->client, (uint8_t *)out + at, (int)(len - at));
		if (n > 0) {
			at += (size_t)n;
			continue;
		}
		assert_int_equal(SSL_get_error(t->client, n), SSL_ERROR_WANT_READ);
		turn_now(f);
	}
}
