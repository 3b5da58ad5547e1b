/* SPDX-License-Identifier: BSD-3-Clause */
/* TLS server contexts: what they refuse to be made of, whom they let in, what they tell of a peer.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <cmocka.h>
#include <openssl/err.h>
#include <openssl/ssl.h>
#include <sallyport/crypto.h>
#include "pki.h"

enum {
	CERT,
	KEY,
	CA,
	CRL,
	GARBAGE,
	MISSING,
	N_FILES
};

struct fixture {
	struct pki_dir dir;
	char file[N_FILES][PKI_PATH_LEN];
	struct pki_issuer ca;
	EVP_PKEY *client_key;
	struct crypto_tls_config config;
	char why[CRYPTO_WHY_LEN];
	struct crypto_peer peer;
	bool is_resumable; /* could the client of the last connection come back with its session? */
};

#define REVOKED_SERIAL 66

static int setup(void **state)
{
	static const char *const names[N_FILES] = {
		"cert.pem", "key.pem", "ca.pem", "crl.pem", "garbage.pem", "missing.pem"};
	struct fixture *f = calloc(1, sizeof(*f));
	if (f == NULL)
		return -1;
	*state = f;
	pki_dir_create(&f->dir);
	for (int i = 0; i < N_FILES; i++)
		pki_path(&f->dir, names[i], f->file[i]);
	pki_issuer_init(&f->ca, "test CA");
	pki_write_cert(f->file[CA], f->ca.cert);
	f->client_key = pki_ec_key();

	EVP_PKEY *key = pki_ec_key();
	X509 *cert =
		pki_issue(&f->ca, &(struct pki_request){.name = "edge", .key = key, .serial = 2});
	pki_write_cert(f->file[CERT], cert);
	pki_write_pkcs8(f->file[KEY], key);
	X509_free(cert);
	EVP_PKEY_free(key);
	X509_CRL *crl = pki_revoke(&f->ca, REVOKED_SERIAL);
	pki_write_crl(f->file[CRL], crl);
	X509_CRL_free(crl);
	pki_write(f->file[GARBAGE], "no PEM here\n", 12, 0600);
	f->config = (struct crypto_tls_config){.certificate = f->file[CERT],
		.private_key = f->file[KEY],
		.client_ca = f->file[CA],
		.client_required = true};
	return 0;
}

static int teardown(void **state)
{
	struct fixture *f = *state;
	pki_issuer_fini(&f->ca);
	EVP_PKEY_free(f->client_key);
	pki_dir_remove(&f->dir);
	free(f);
	return 0;
}

/* ---- making contexts ---- */

static void assert_refused(struct fixture *f, const char *file)
{
	struct ssl_ctx_st *ctx = NULL;
	assert_int_equal(crypto_tls_server_create(&f->config, &ctx, f->why), ERR_TLS);
	assert_null(ctx);
	assert_non_null(strstr(f->why, file));
	assert_null(strchr(f->why, '\n'));
	assert_int_equal(ERR_peek_error(), 0);
	assert_int_equal(crypto_tls_server_create(&f->config, &ctx, NULL), ERR_TLS);
}

static void every_file_must_hold_what_it_is_named_for(void **state)
{
	struct fixture *f = *state;
	const struct crypto_tls_config good = f->config;
	static const int wrong[] = {GARBAGE, MISSING};
	for (size_t i = 0; i < ARRAY_LEN(wrong); i++) {
		const char *file = f->file[wrong[i]];
		f->config = good;
		f->config.certificate = file;
		assert_refused(f, file);
		f->config = good;
		f->config.private_key = file;
		assert_refused(f, file);
		f->config = good;
		f->config.client_ca = file;
		assert_refused(f, file);
		f->config = good;
		f->config.client_crl = file;
		assert_refused(f, file);
	}
}

static void file_that_is_not_there_is_said_to_be_missing(void **state)
{
	struct fixture *f = *state;
	const struct crypto_tls_config good = f->config;
	const char **fields[] = {&f->config.certificate, &f->config.private_key,
		&f->config.client_ca, &f->config.client_crl};

	for (size_t i = 0; i < ARRAY_LEN(fields); i++) {
		f->config = good;
		*fields[i] = f->file[MISSING];
		assert_refused(f, f->file[MISSING]);
		assert_non_null(strstr(f->why, "No such file or directory"));
	}
}

static void key_of_another_certificate_is_refused(void **state)
{
	struct fixture *f = *state;
	pki_write_pkcs8(f->file[KEY], f->client_key);
	assert_refused(f, f->file[KEY]);
	assert_non_null(strstr(f->why, "belongs to the certificate"));
}

static void context_knows_when_its_certificate_ends(void **state)
{
	struct fixture *f = *state;
	struct ssl_ctx_st *ctx = NULL;
	uint64_t now_s = (uint64_t)time(NULL);

	assert_int_equal(crypto_tls_server_create(&f->config, &ctx, NULL), 0);
	uint64_t end_s = crypto_tls_not_after(ctx, 0);
	crypto_tls_destroy(ctx);

	assert_in_range(end_s, now_s + 86400 - 60, now_s + 86400); /* pki_issue gives a day */
}

static void weak_certificate_is_refused(void **state)
{
	struct fixture *f = *state;
	EVP_PKEY *key = EVP_RSA_gen(1024);
	X509 *cert =
		pki_issue(&f->ca, &(struct pki_request){.name = "edge", .key = key, .serial = 3});
	pki_write_cert(f->file[CERT], cert);
	pki_write_pkcs8(f->file[KEY], key);
	X509_free(cert);
	EVP_PKEY_free(key);
	assert_refused(f, f->file[CERT]);
}

static void checking_clients_needs_a_client_ca(void **state)
{
	struct fixture *f = *state;
	struct ssl_ctx_st *ctx = NULL;
	f->config.client_ca = NULL;
	assert_int_equal(crypto_tls_server_create(&f->config, &ctx, f->why), ERR_CONFIG);
	f->config.client_required = false;
	f->config.client_crl = f->file[CRL];
	assert_int_equal(crypto_tls_server_create(&f->config, &ctx, f->why), ERR_CONFIG);
	assert_null(ctx);
}

/* ---- handshakes in memory ---- */

static SSL_CTX *client_context(struct fixture *f, X509 *cert)
{
	SSL_CTX *ctx = SSL_CTX_new(TLS_client_method());
	if (cert != NULL) {
		assert_int_equal(SSL_CTX_use_certificate(ctx, cert), 1);
		assert_int_equal(SSL_CTX_use_PrivateKey(ctx, f->client_key), 1);
	}
	return ctx;
}

/* Runs both ends until the server is done; false when it refused. */
static bool shake(SSL *server, SSL *client)
{
	for (int i = 0; i < 10; i++) {
		(void)SSL_do_handshake(client); /* the server's verdict is what counts */
		int rc = SSL_do_handshake(server);
		if (rc == 1)
			return true;
		if (SSL_get_error(server, rc) != SSL_ERROR_WANT_READ)
			break;
	}
	ERR_clear_error();
	return false;
}

/* Lets CLIENT in or not; what the server knows of it goes to f->peer. */
static bool connect_with(struct fixture *f, SSL_CTX *client_ctx)
{
	struct ssl_ctx_st *ctx = NULL;
	assert_int_equal(crypto_tls_server_create(&f->config, &ctx, f->why), 0);
	SSL *server = SSL_new(ctx), *client = SSL_new(client_ctx);
	BIO *a, *b;
	assert_int_equal(BIO_new_bio_pair(&a, 0, &b, 0), 1);
	SSL_set_bio(server, a, a);
	SSL_set_bio(client, b, b);
	SSL_set_accept_state(server);
	SSL_set_connect_state(client);

	bool ok = shake(server, client);
	memset(&f->peer, 0xff, sizeof(f->peer));
	f->is_resumable = false;
	if (ok) {
		char byte;
		crypto_tls_peer(server, &f->peer);
		(void)SSL_read(client, &byte, 1); /* takes the last flight in; there is no data */
		f->is_resumable = SSL_SESSION_is_resumable(SSL_get_session(client));
	}
	SSL_free(server);
	SSL_free(client);
	SSL_CTX_free(client_ctx);
	crypto_tls_destroy(ctx);
	return ok;
}

static bool connect_as(struct fixture *f, const struct pki_issuer *ca, struct pki_request r)
{
	r.name = "caller";
	r.key = f->client_key;
	X509 *cert = pki_issue(ca, &r);
	bool ok = connect_with(f, client_context(f, cert));
	X509_free(cert);
	return ok;
}

static void client_of_the_ca_gets_in_and_is_known_by_its_key(void **state)
{
	struct fixture *f = *state;
	assert_true(connect_as(f, &f->ca, (struct pki_request){.serial = 5, .eku = "clientAuth"}));

	uint8_t *der = NULL, want[CRYPTO_SHA256_LEN];
	int len = i2d_PUBKEY(f->client_key, &der);
	crypto_digest(CRYPTO_SHA256, &(struct bytes){der, (size_t)len}, 1, want);
	OPENSSL_free(der);
	assert_true(f->peer.has_certificate);
	assert_memory_equal(f->peer.spki_sha256, want, sizeof(want));
	assert_int_equal(f->peer.n_names, 0);
}

static void client_without_extended_key_usage_gets_in(void **state)
{
	struct fixture *f = *state;
	assert_true(connect_as(f, &f->ca, (struct pki_request){.serial = 5}));
}

static void certificate_for_servers_only_is_refused(void **state)
{
	struct fixture *f = *state;
	assert_false(connect_as(f, &f->ca, (struct pki_request){.serial = 5, .eku = "serverAuth"}));
}

static void expired_certificate_is_refused(void **state)
{
	struct fixture *f = *state;
	assert_false(connect_as(f, &f->ca, (struct pki_request){.serial = 5, .is_expired = true}));
}

static void client_of_another_ca_is_refused(void **state)
{
	struct fixture *f = *state;
	struct pki_issuer other;
	pki_issuer_init(&other, "test CA"); /* the same name, another key */
	assert_false(connect_as(f, &other, (struct pki_request){.serial = 5}));
	pki_issuer_fini(&other);
}

static void revoked_client_is_refused_and_its_sibling_not(void **state)
{
	struct fixture *f = *state;
	f->config.client_crl = f->file[CRL];
	assert_false(connect_as(f, &f->ca, (struct pki_request){.serial = REVOKED_SERIAL}));
	assert_true(connect_as(f, &f->ca, (struct pki_request){.serial = REVOKED_SERIAL + 1}));
}

static void client_without_certificate_is_refused_where_one_is_required(void **state)
{
	struct fixture *f = *state;
	assert_false(connect_with(f, client_context(f, NULL)));
}

static void client_without_certificate_is_nobody_where_none_is_required(void **state)
{
	struct fixture *f = *state;
	f->config.client_required = false;
	assert_true(connect_with(f, client_context(f, NULL)));
	assert_false(f->peer.has_certificate);
	assert_int_equal(f->peer.n_names, 0);
	/* A certificate that is shown all the same must be good. */
	assert_false(connect_as(f, &f->ca, (struct pki_request){.serial = 5, .is_expired = true}));
	assert_true(connect_as(f, &f->ca, (struct pki_request){.serial = 5}));
	assert_true(f->peer.has_certificate);
}

static void without_client_ca_no_certificate_is_asked_for(void **state)
{
	struct fixture *f = *state;
	f->config.client_ca = NULL;
	f->config.client_required = false;
	assert_true(connect_as(f, &f->ca, (struct pki_request){.serial = 5}));
	assert_false(f->peer.has_certificate);
}

/* An issuing CA may be named without its root. */
static void intermediate_alone_is_an_anchor(void **state)
{
	struct fixture *f = *state;
	struct pki_issuer middle = {.key = pki_ec_key()};
	middle.cert = pki_issue(&f->ca,
		&(struct pki_request){
			.name = "issuing CA", .key = middle.key, .is_ca = true, .serial = 9});
	pki_write_cert(f->file[CA], middle.cert);
	assert_true(connect_as(f, &middle, (struct pki_request){.serial = 5}));
	assert_false(connect_as(f, &f->ca, (struct pki_request){.serial = 5}));
	pki_issuer_fini(&middle);
}

static void protocols_before_tls_1_2_are_refused(void **state)
{
	struct fixture *f = *state;
	f->config.client_ca = NULL;
	f->config.client_required = false;
	SSL_CTX *old = client_context(f, NULL);
	SSL_CTX_set_security_level(old, 0);
	SSL_CTX_set_min_proto_version(old, TLS1_VERSION);
	SSL_CTX_set_max_proto_version(old, TLS1_1_VERSION);
	assert_false(connect_with(f, old));

	SSL_CTX *v12 = client_context(f, NULL);
	SSL_CTX_set_max_proto_version(v12, TLS1_2_VERSION);
	assert_true(connect_with(f, v12));
}

static void suites_without_forward_secrecy_or_aead_are_refused(void **state)
{
	struct fixture *f = *state;
	f->config.client_ca = NULL;
	f->config.client_required = false;
	SSL_CTX *cbc = client_context(f, NULL);
	SSL_CTX_set_max_proto_version(cbc, TLS1_2_VERSION);
	assert_int_equal(
		SSL_CTX_set_cipher_list(cbc, "ECDHE-ECDSA-AES256-SHA:AES128-GCM-SHA256"), 1);
	assert_false(connect_with(f, cbc));
}

static void large_finite_field_groups_are_refused(void **state)
{
	struct fixture *f = *state;
	f->config.client_ca = NULL;
	f->config.client_required = false;
	int groups[] = {NID_ffdhe8192};
	SSL_CTX *finite = client_context(f, NULL);
	assert_int_equal(SSL_CTX_set1_groups(finite, groups, 1), 1);
	assert_false(connect_with(f, finite));
}

/* A resumed session would keep a caller whose certificate was revoked since. */
static void no_session_can_be_resumed(void **state)
{
	struct fixture *f = *state;
	static const int versions[] = {TLS1_2_VERSION, TLS1_3_VERSION};
	f->config.client_ca = NULL;
	f->config.client_required = false;
	for (size_t i = 0; i < ARRAY_LEN(versions); i++) {
		SSL_CTX *client = client_context(f, NULL);
		SSL_CTX_set_min_proto_version(client, versions[i]);
		SSL_CTX_set_max_proto_version(client, versions[i]);
		assert_true(connect_with(f, client));
		assert_false(f->is_resumable);
	}
}

/* ---- names ---- */

static void names_of_the_two_kinds_are_copied_in_order(void **state)
{
	struct fixture *f = *state;
	GENERAL_NAMES *names = GENERAL_NAMES_new();
	pki_names_add(names, GEN_DNS, "FE1.example.com", 15);
	pki_names_add(names, GEN_EMAIL, "fe@example.com", 14);
	pki_names_add(names, GEN_URI, "sip:pool.example.com", 20);
	assert_true(connect_as(f, &f->ca, (struct pki_request){.serial = 5, .names = names}));
	GENERAL_NAMES_free(names);

	assert_int_equal(f->peer.n_names, 2);
	assert_string_equal(f->peer.names[0], "FE1.example.com");
	assert_string_equal(f->peer.names[1], "sip:pool.example.com");
}

/* "fe.example.com\0.evil.example" was once read as its front by those who took it for a string. */
static void names_that_would_mislead_are_left_out(void **state)
{
	struct fixture *f = *state;
	char longest[CRYPTO_PEER_NAME_LEN + 1];
	memset(longest, 'a', sizeof(longest));
	GENERAL_NAMES *names = GENERAL_NAMES_new();
	pki_names_add(names, GEN_DNS, "fe.example.com\0.evil.example", 28);
	pki_names_add(names, GEN_DNS, "fe.example.com\0", 15);
	pki_names_add(names, GEN_DNS, "fe\xc3\xa9.example.com", 16);
	pki_names_add(names, GEN_URI, "sip:a b", 7);
	pki_names_add(names, GEN_URI, "sip:a\n", 6);
	pki_names_add(names, GEN_DNS, "", 0);
	pki_names_add(names, GEN_DNS, longest, CRYPTO_PEER_NAME_LEN);
	pki_names_add(names, GEN_DNS, longest, CRYPTO_PEER_NAME_LEN - 1);
	assert_true(connect_as(f, &f->ca, (struct pki_request){.serial = 5, .names = names}));
	GENERAL_NAMES_free(names);

	assert_int_equal(f->peer.n_names, 1);
	assert_int_equal(strlen(f->peer.names[0]), CRYPTO_PEER_NAME_LEN - 1);
}

static void names_beyond_the_table_are_left_out(void **state)
{
	struct fixture *f = *state;
	GENERAL_NAMES *names = GENERAL_NAMES_new();
	for (int i = 0; i < CRYPTO_PEER_NAMES + 3; i++) {
		char text[16];
		int len = snprintf(text, sizeof(text), "n%d.example", i);
		pki_names_add(names, GEN_DNS, text, (size_t)len);
	}
	assert_true(connect_as(f, &f->ca, (struct pki_request){.serial = 5, .names = names}));
	GENERAL_NAMES_free(names);

	assert_int_equal(f->peer.n_names, CRYPTO_PEER_NAMES);
	assert_string_equal(f->peer.names[CRYPTO_PEER_NAMES - 1], "n15.example");
}

int main(void)
{
#define T(f) cmocka_unit_test_setup_teardown(f, setup, teardown)
	const struct CMUnitTest t[] = {
		T(every_file_must_hold_what_it_is_named_for),
		T(file_that_is_not_there_is_said_to_be_missing),
		T(key_of_another_certificate_is_refused),
		T(context_knows_when_its_certificate_ends),
		T(weak_certificate_is_refused),
		T(checking_clients_needs_a_client_ca),
		T(client_of_the_ca_gets_in_and_is_known_by_its_key),
		T(client_without_extended_key_usage_gets_in),
		T(certificate_for_servers_only_is_refused),
		T(expired_certificate_is_refused),
		T(client_of_another_ca_is_refused),
		T(revoked_client_is_refused_and_its_sibling_not),
		T(client_without_certificate_is_refused_where_one_is_required),
		T(client_without_certificate_is_nobody_where_none_is_required),
		T(without_client_ca_no_certificate_is_asked_for),
		T(intermediate_alone_is_an_anchor),
		T(protocols_before_tls_1_2_are_refused),
		T(suites_without_forward_secrecy_or_aead_are_refused),
		T(large_finite_field_groups_are_refused),
		T(no_session_can_be_resumed),
		T(names_of_the_two_kinds_are_copied_in_order),
		T(names_that_would_mislead_are_left_out),
		T(names_beyond_the_table_are_left_out),
	};
#undef T
	/* The rules are ours, not those of the system's openssl.cnf. */
	if (setenv("OPENSSL_CONF", "/dev/null", 1) != 0)
		return 1;
	return cmocka_run_group_tests(t, NULL, NULL) != 0;
}
