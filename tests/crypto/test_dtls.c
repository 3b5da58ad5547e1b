/* SPDX-License-Identifier: BSD-3-Clause */
/* A DTLS server's connection, datagram by datagram, with a client of OpenSSL's. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <cmocka.h>
#include <openssl/ssl.h>
#include <sallyport/crypto.h>
#include "pki.h"

#define MTU 300

struct end {
	struct crypto_dtls_wire wire;
	size_t n, len[16];
	uint8_t sent[16][20000];
};

struct fixture {
	struct ssl_ctx_st *ctx;
	struct bio_method_st *method;
	SSL *client;
	struct ssl_st *server;
	struct end from_client, from_server;
};

static void keep(struct crypto_dtls_wire *w, struct bytes datagram)
{
	struct end *e = CONTAINER_OF(w, struct end, wire);
	assert_true(e->n < ARRAY_LEN(e->len) && datagram.len <= sizeof(e->sent[0]));
	memcpy(e->sent[e->n], datagram.data, datagram.len);
	e->len[e->n++] = datagram.len;
}

static int setup(void **state)
{
	struct fixture *f = calloc(1, sizeof(*f));
	f->ctx = pki_server(true);
	f->method = crypto_dtls_method_create();
	assert_non_null(f->method);
	f->from_client.wire.send = f->from_server.wire.send = keep;
	SSL_CTX *client = SSL_CTX_new(DTLS_client_method());
	BIO *bio = BIO_new(f->method);
	BIO_set_data(bio, &f->from_client.wire);
	f->client = SSL_new(client);
	SSL_set_options(f->client, SSL_OP_NO_QUERY_MTU);
	SSL_set_mtu(f->client, 1200);
	SSL_set_bio(f->client, bio, bio);
	SSL_set_connect_state(f->client);
	SSL_CTX_free(client);
	*state = f;
	return 0;
}

static int teardown(void **state)
{
	struct fixture *f = *state;
	crypto_tls_conn_destroy(f->server);
	SSL_free(f->client);
	crypto_tls_destroy(f->ctx);
	crypto_dtls_method_destroy(f->method);
	free(f);
	return 0;
}

/* The client's hello with a cookie, which the caller has to have checked, as the server's input. */
static void bring_hello(struct fixture *f)
{
	static const uint8_t verify[] = "\x16\xfe\xff\0\0\0\0\0\0\0\0\0\x13"
					"\3\0\0\7\0\0\0\0\0\0\0\7"
					"\xfe\xff\4ABCD";
	assert_int_equal(SSL_do_handshake(f->client), -1);
	f->from_client.n = 0;
	f->from_client.wire.in = bytes_of(verify, sizeof(verify) - 1);
	assert_int_equal(SSL_do_handshake(f->client), -1);
	assert_int_equal(f->from_client.n, 1);
	f->from_server.wire.in = bytes_of(f->from_client.sent[0], f->from_client.len[0]);
	f->from_client.n = 0;
}

static int create(struct fixture *f)
{
	return crypto_dtls_conn_create(f->ctx, f->method, &f->from_server.wire, MTU, &f->server);
}

static void shake_hands(struct fixture *f)
{
	bring_hello(f);
	assert_int_equal(create(f), 0);
	assert_int_equal(crypto_tls_handshake(f->server), CRYPTO_TLS_WANT_READ);
	for (size_t i = 0; i < f->from_server.n; i++) {
		f->from_client.wire.in = bytes_of(f->from_server.sent[i], f->from_server.len[i]);
		(void)SSL_do_handshake(f->client);
	}
	f->from_server.n = 0;
	for (size_t i = 0; i < f->from_client.n; i++) {
		f->from_server.wire.in = bytes_of(f->from_client.sent[i], f->from_client.len[i]);
		(void)crypto_tls_handshake(f->server);
	}
	f->from_client.n = 0;
	assert_int_equal(crypto_tls_handshake(f->server), CRYPTO_TLS_DONE);
	f->from_client.wire.in = bytes_of(f->from_server.sent[0], f->from_server.len[0]);
	assert_int_equal(SSL_do_handshake(f->client), 1);
	f->from_server.n = 0;
}

static void a_flight_is_cut_to_the_mtu(void **state)
{
	struct fixture *f = *state;
	bring_hello(f);
	assert_int_equal(create(f), 0);
	assert_int_equal(crypto_tls_handshake(f->server), CRYPTO_TLS_WANT_READ);
	assert_true(f->from_server.n > 1);
	for (size_t i = 0; i < f->from_server.n; i++)
		assert_true(f->from_server.len[i] <= MTU);
	assert_int_equal(f->from_server.wire.in.len, 0);
}

static void what_is_no_hello_makes_no_connection(void **state)
{
	static const char *const not_hellos[] = {"\x17\xfe\xfd", "nothing of the kind", ""};
	struct fixture *f = *state;
	for (size_t i = 0; i < ARRAY_LEN(not_hellos); i++) {
		f->from_server.wire.in = bytes_str(not_hellos[i]);
		assert_int_equal(create(f), ERR_MALFORMED);
		assert_null(f->server);
	}
	assert_int_equal(f->from_server.n, 0);
}

static void dtls_1_2_is_what_is_spoken(void **state)
{
	struct fixture *f = *state;
	shake_hands(f);
	assert_int_equal(SSL_version(f->client), DTLS1_2_VERSION);
	assert_int_equal(SSL_session_reused(f->client), 0);
	assert_int_equal(SSL_SESSION_is_resumable(SSL_get0_session(f->client)), 0);
}

static void a_write_is_one_datagram_and_a_read_one_record(void **state)
{
	struct fixture *f = *state;
	static uint8_t text[CRYPTO_TLS_RECORD_MAX + 1], heard[CRYPTO_TLS_RECORD_MAX + 1];
	size_t n;
	shake_hands(f);
	assert_int_equal(
		crypto_tls_write(f->server, text, CRYPTO_TLS_RECORD_MAX, &n), CRYPTO_TLS_DONE);
	assert_int_equal(f->from_server.n, 1);
	assert_true(f->from_server.len[0] <= CRYPTO_TLS_RECORD_MAX + CRYPTO_DTLS_OVERHEAD);
	assert_int_equal(crypto_tls_write(f->server, text, sizeof(text), &n), CRYPTO_TLS_FAILED);
	assert_int_equal(f->from_server.n, 1);

	assert_int_equal(SSL_write(f->client, "one", 3), 3);
	assert_int_equal(f->from_client.n, 1);
	f->from_server.wire.in = bytes_of(f->from_client.sent[0], f->from_client.len[0]);
	assert_int_equal(crypto_tls_read(f->server, heard, sizeof(heard), &n), CRYPTO_TLS_DONE);
	assert_int_equal(n, 3);
	assert_int_equal(
		crypto_tls_read(f->server, heard, sizeof(heard), &n), CRYPTO_TLS_WANT_READ);
}

static void it_rests_and_wakes_any_number_of_times(void **state)
{
	struct fixture *f = *state;
	uint8_t heard[64];
	size_t n;
	shake_hands(f);
	for (int i = 0; i < 3; i++) {
		crypto_dtls_rest(f->server);
		crypto_dtls_rest(f->server);
		assert_true(crypto_dtls_wake(f->server));
		assert_true(crypto_dtls_wake(f->server));
		assert_int_equal(crypto_tls_write(f->server, "hello", 5, &n), CRYPTO_TLS_DONE);
		f->from_client.wire.in = bytes_of(f->from_server.sent[i], f->from_server.len[i]);
		assert_int_equal(SSL_read(f->client, heard, sizeof(heard)), 5);
	}
}

static void a_flight_that_is_under_way_has_a_time(void **state)
{
	struct fixture *f = *state;
	uint64_t ms;
	bring_hello(f);
	assert_int_equal(create(f), 0);
	assert_int_equal(crypto_tls_handshake(f->server), CRYPTO_TLS_WANT_READ);
	size_t n = f->from_server.n;
	assert_true(crypto_dtls_resend_in_ms(f->server, &ms));
	assert_true(ms <= 1000);
	if (ms > 100) { /* unless this has taken so long */
		assert_true(crypto_dtls_resend(f->server));
		assert_int_equal(f->from_server.n, n);
	}
}

static void no_time_runs_after_the_handshake(void **state)
{
	struct fixture *f = *state;
	uint64_t ms;
	shake_hands(f);
	assert_false(crypto_dtls_resend_in_ms(f->server, &ms));
}

int main(void)
{
#define T(f) cmocka_unit_test_setup_teardown(f, setup, teardown)
	const struct CMUnitTest t[] = {
		T(a_flight_is_cut_to_the_mtu),
		T(what_is_no_hello_makes_no_connection),
		T(dtls_1_2_is_what_is_spoken),
		T(a_write_is_one_datagram_and_a_read_one_record),
		T(it_rests_and_wakes_any_number_of_times),
		T(a_flight_that_is_under_way_has_a_time),
		T(no_time_runs_after_the_handshake),
	};
#undef T
	if (setenv("OPENSSL_CONF", "/dev/null", 1) != 0)
		return 1;
	return cmocka_run_group_tests(t, NULL, NULL) != 0;
}
