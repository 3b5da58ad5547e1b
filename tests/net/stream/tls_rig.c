/* SPDX-License-Identifier: BSD-3-Clause */
/* The rig of the TLS tests. */
#include "tls_rig.h"

#include <fcntl.h>
#include <sys/socket.h>

#include <sallyport/crypto.h>

void dial_tls(struct fixture *f, struct tls *t)
{
	f->client = dial(f);
	assert_int_equal(fcntl(f->client, F_SETFL, O_NONBLOCK), 0);
	t->client = SSL_new(t->context);
	assert_int_equal(SSL_set_fd(t->client, f->client), 1);
}

void open_tls(struct fixture *f, struct tls *t)
{
	*t = (struct tls){.server = pki_server(false), .context = SSL_CTX_new(TLS_client_method())};
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

void say_records(struct fixture *f, struct tls *t, const void *data, size_t len, size_t n)
{
	BIO *wire = SSL_get_wbio(t->client), *kept = BIO_new(BIO_s_mem());
	char *text;

	assert_int_equal(BIO_up_ref(wire), 1);
	SSL_set0_wbio(t->client, kept);
	for (size_t i = 0; i < n; i++)
		say_tls(f, t, (const uint8_t *)data + i * len, len);
	long size = BIO_get_mem_data(kept, &text);
	for (long at = 0; at < size; turn_now(f)) {
		ssize_t sent = send(f->client, text + at, (size_t)(size - at), MSG_NOSIGNAL);
		at += sent > 0 ? (long)sent : 0;
	}
	SSL_set0_wbio(t->client, wire);
}
