/* SPDX-License-Identifier: BSD-3-Clause */
/* Several certificates on one context: which one a client gets by the name it asks for. */
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
#include <openssl/x509v3.h>
#include <sallyport/crypto.h>
#include "pki.h"

#define N_CERTS 5

struct fixture {
	struct pki_dir dir;
	struct pki_issuer ca;
	char path[N_CERTS][2][PKI_PATH_LEN];
	struct crypto_tls_identity list[N_CERTS];
	struct crypto_tls_config config;
	char why[CRYPTO_WHY_LEN];
	char asked[256]; /* what the server says the client asked for */
	char common_name[64];
};

/* A certificate with common name CN for NAMES, separated by blanks, as the I-th. */
static void make(struct fixture *f, size_t i, const char *cn, EVP_PKEY *key, const char *names)
{
	char file[32], rest[256];
	GENERAL_NAMES *list = GENERAL_NAMES_new();
	snprintf(rest, sizeof(rest), "%s", names);
	for (char *n = strtok(rest, " "); n != NULL; n = strtok(NULL, " "))
		pki_names_add(list, GEN_DNS, n, strlen(n));
	X509 *cert = pki_issue(&f->ca, &(struct pki_request){.name = cn,
					       .key = key,
					       .serial = (long)i + 2,
					       .names = names[0] != '\0' ? list : NULL});
	snprintf(file, sizeof(file), "%zu.pem", i);
	pki_write_cert(pki_path(&f->dir, file, f->path[i][0]), cert);
	snprintf(file, sizeof(file), "%zu.key", i);
	pki_write_pkcs8(pki_path(&f->dir, file, f->path[i][1]), key);
	f->list[i] = (struct crypto_tls_identity){f->path[i][0], f->path[i][1]};
	GENERAL_NAMES_free(list);
	X509_free(cert);
	EVP_PKEY_free(key);
}

static int setup(void **state)
{
	struct fixture *f = calloc(1, sizeof(*f));
	if (f == NULL)
		return -1;
	*state = f;
	pki_dir_create(&f->dir);
	pki_issuer_init(&f->ca, "test CA");
	make(f, 0, "first", pki_ec_key(), "av.example.com");
	make(f, 1, "star", pki_ec_key(), "*.example.com *.example.net");
	make(f, 2, "exact", pki_ec_key(), "other.example.org b.example.com");
	make(f, 3, "rsa", EVP_RSA_gen(2048), "b.example.com av.example.com");
	make(f, 4, "later", pki_ec_key(), "b.example.com");
	f->config = (struct crypto_tls_config){.certificate = f->list[0].certificate,
		.private_key = f->list[0].private_key,
		.more = f->list + 1,
		.n_more = N_CERTS - 1};
	return 0;
}

static int teardown(void **state)
{
	struct fixture *f = *state;
	pki_issuer_fini(&f->ca);
	pki_dir_remove(&f->dir);
	free(f);
	return 0;
}

static bool shake(SSL *server, SSL *client)
{
	for (int i = 0; i < 10; i++) {
		int c = SSL_do_handshake(client), s = SSL_do_handshake(server);
		if (c == 1 && s == 1)
			return true;
	}
	ERR_clear_error();
	return false;
}

static void read_common_name(SSL *client, char *out, size_t cap)
{
	X509 *cert = SSL_get1_peer_certificate(client);
	assert_non_null(cert);
	assert_true(X509_NAME_get_text_by_NID(
			    X509_get_subject_name(cert), NID_commonName, out, (int)cap) > 0);
	X509_free(cert);
}

/* Who the server says it is to a client that asks for NAME (NULL: for none). SIGALGS and VERSION
 * limit the client when set. */
static const char *ask(struct fixture *f, const char *name, const char *sigalgs, int version)
{
	struct ssl_ctx_st *ctx = NULL;
	char host[256] = "", list[256] = ""; /* OpenSSL's macros want them writable */
	BIO *a, *b;
	if (name != NULL)
		strcpy(host, name);
	if (sigalgs != NULL)
		strcpy(list, sigalgs);
	assert_int_equal(crypto_tls_server_create(&f->config, &ctx, f->why), 0);
	SSL_CTX *client_ctx = SSL_CTX_new(TLS_client_method());
	SSL *server = SSL_new(ctx), *client = SSL_new(client_ctx);
	if (name != NULL)
		assert_int_equal(SSL_set_tlsext_host_name(client, host), 1);
	if (sigalgs != NULL)
		assert_int_equal(SSL_set1_sigalgs_list(client, list), 1);
	if (version != 0)
		assert_int_equal(SSL_set_max_proto_version(client, version), 1);
	assert_int_equal(BIO_new_bio_pair(&a, 0, &b, 0), 1);
	SSL_set_bio(server, a, a);
	SSL_set_bio(client, b, b);
	SSL_set_accept_state(server);
	SSL_set_connect_state(client);

	/* The connection outlives the daemon's count of its context, as after a reload. */
	crypto_tls_destroy(ctx);
	assert_true(shake(server, client));
	read_common_name(client, f->common_name, sizeof(f->common_name));
	const char *asked = crypto_tls_name(server);
	snprintf(f->asked, sizeof(f->asked), "%s", asked != NULL ? asked : "(none)");
	SSL_free(server);
	SSL_free(client);
	SSL_CTX_free(client_ctx);
	return f->common_name;
}

static void name_chooses_the_certificate_that_bears_it(void **state)
{
	struct fixture *f = *state;
	assert_string_equal(ask(f, "other.example.org", NULL, 0), "exact");
	assert_string_equal(f->asked, "other.example.org");
	assert_string_equal(ask(f, "other.example.org", NULL, TLS1_2_VERSION), "exact");
	assert_string_equal(f->asked, "other.example.org");
}

static void name_is_matched_without_case(void **state)
{
	struct fixture *f = *state;
	assert_string_equal(ask(f, "OTHER.example.ORG", NULL, TLS1_2_VERSION), "exact");
}

/* RFC 6125 §6.4.3 */
static void wildcard_stands_for_one_label(void **state)
{
	struct fixture *f = *state;
	assert_string_equal(ask(f, "any.example.com", NULL, 0), "star");
	assert_string_equal(ask(f, "any.example.net", NULL, 0), "star");
	assert_string_equal(ask(f, "two.labels.example.com", "ECDSA+SHA256", 0), "first");
	assert_string_equal(ask(f, "example.com", "ECDSA+SHA256", 0), "first");
}

static void whole_name_wins_over_a_wildcard_listed_before(void **state)
{
	struct fixture *f = *state;
	assert_string_equal(ask(f, "b.example.com", "ECDSA+SHA256", 0), "exact");
}

static void unknown_name_and_none_get_the_first(void **state)
{
	struct fixture *f = *state;
	assert_string_equal(ask(f, "nobody.example.org", "ECDSA+SHA256", 0), "first");
	assert_string_equal(f->asked, "nobody.example.org");
	assert_string_equal(ask(f, NULL, "ECDSA+SHA256", 0), "first");
	assert_string_equal(f->asked, "(none)");
}

static void type_of_key_suits_the_client(void **state)
{
	struct fixture *f = *state;
	assert_string_equal(ask(f, "b.example.com", "RSA-PSS+SHA256:RSA+SHA256", 0), "rsa");
	assert_string_equal(ask(f, "b.example.com", "ECDSA+SHA256", 0), "exact");
	assert_string_equal(
		ask(f, "b.example.com", "RSA-PSS+SHA256:RSA+SHA256", TLS1_2_VERSION), "rsa");
	/* The first has one of another type beside it. */
	assert_string_equal(ask(f, NULL, "RSA-PSS+SHA256:RSA+SHA256", 0), "rsa");
}

static void first_without_names_stands_alone(void **state)
{
	struct fixture *f = *state;
	make(f, 0, "nameless", pki_ec_key(), "");
	assert_string_equal(ask(f, NULL, NULL, 0), "nameless");
	assert_string_equal(ask(f, "other.example.org", NULL, 0), "exact");
}

static void name_with_a_nul_in_it_is_none(void **state)
{
	struct fixture *f = *state;
	static const char evil[] = "c.example.org\0.attacker.example";
	GENERAL_NAMES *list = GENERAL_NAMES_new();
	EVP_PKEY *key = pki_ec_key();
	pki_names_add(list, GEN_DNS, evil, sizeof(evil) - 1);
	X509 *cert = pki_issue(&f->ca,
		&(struct pki_request){.name = "evil", .key = key, .serial = 9, .names = list});
	pki_write_cert(f->path[4][0], cert);
	pki_write_pkcs8(f->path[4][1], key);
	assert_string_equal(ask(f, "c.example.org", "ECDSA+SHA256", 0), "first");
	GENERAL_NAMES_free(list);
	X509_free(cert);
	EVP_PKEY_free(key);
}

static void one_certificate_needs_no_choice_and_tells_the_name_too(void **state)
{
	struct fixture *f = *state;
	f->config.n_more = 0;
	assert_string_equal(ask(f, "other.example.org", NULL, 0), "first");
	assert_string_equal(f->asked, "other.example.org");
	assert_string_equal(ask(f, "other.example.org", NULL, TLS1_2_VERSION), "first");
	assert_string_equal(f->asked, "other.example.org");
}

static void context_knows_when_each_certificate_ends(void **state)
{
	struct fixture *f = *state;
	struct ssl_ctx_st *ctx = NULL;
	EVP_PKEY *key = pki_ec_key();
	X509 *cert = pki_issue(
		&f->ca, &(struct pki_request){
				.name = "ended", .key = key, .serial = 9, .is_expired = true});
	pki_write_cert(f->path[0][0], cert);
	pki_write_pkcs8(f->path[0][1], key);
	assert_int_equal(crypto_tls_server_create(&f->config, &ctx, f->why), 0);
	assert_true(crypto_tls_not_after(ctx, 0) < (uint64_t)time(NULL));
	assert_true(f->config.n_more > 0);
	for (size_t i = 1; i <= f->config.n_more; i++)
		assert_true(crypto_tls_not_after(ctx, i) > (uint64_t)time(NULL));
	assert_int_equal(crypto_tls_not_after(ctx, f->config.n_more + 1), 0);
	crypto_tls_destroy(ctx);
	X509_free(cert);
	EVP_PKEY_free(key);
}

static void every_further_one_must_be_whole(void **state)
{
	struct fixture *f = *state;
	struct ssl_ctx_st *ctx = NULL;
	f->list[4].private_key = f->list[1].private_key;
	assert_int_equal(crypto_tls_server_create(&f->config, &ctx, f->why), ERR_TLS);
	assert_non_null(strstr(f->why, f->list[1].private_key));
	f->list[4].certificate = "missing.pem";
	assert_int_equal(crypto_tls_server_create(&f->config, &ctx, f->why), ERR_TLS);
	assert_non_null(strstr(f->why, "missing.pem"));
	assert_null(ctx);
	assert_int_equal(ERR_peek_error(), 0);
}

static void match_tells_how(void **state)
{
	assert_int_equal(crypto_name_match("a.example", "A.EXAMPLE"), CRYPTO_NAME_EXACT);
	assert_int_equal(crypto_name_match("*.example", "a.example"), CRYPTO_NAME_WILDCARD);
	assert_int_equal(crypto_name_match("*.example", "*.example"), CRYPTO_NAME_EXACT);
	assert_int_equal(crypto_name_match("*.example", ".example"), CRYPTO_NAME_NONE);
	assert_int_equal(crypto_name_match("*.example", "example"), CRYPTO_NAME_NONE);
	assert_int_equal(crypto_name_match("a*.example", "ab.example"), CRYPTO_NAME_NONE);
	assert_int_equal(crypto_name_match("*", "a"), CRYPTO_NAME_NONE);
	assert_int_equal(crypto_name_match("", "a"), CRYPTO_NAME_NONE);
	assert_int_equal(crypto_name_match("*", "a."), CRYPTO_NAME_NONE);
	assert_int_equal(crypto_name_match("a", ""), CRYPTO_NAME_NONE);
}

#define TEST(fn) cmocka_unit_test_setup_teardown(fn, setup, teardown)

int main(void)
{
	const struct CMUnitTest t[] = {
		TEST(name_chooses_the_certificate_that_bears_it),
		TEST(name_is_matched_without_case),
		TEST(wildcard_stands_for_one_label),
		TEST(whole_name_wins_over_a_wildcard_listed_before),
		TEST(unknown_name_and_none_get_the_first),
		TEST(type_of_key_suits_the_client),
		TEST(first_without_names_stands_alone),
		TEST(name_with_a_nul_in_it_is_none),
		TEST(one_certificate_needs_no_choice_and_tells_the_name_too),
		TEST(context_knows_when_each_certificate_ends),
		TEST(every_further_one_must_be_whole),
		cmocka_unit_test(match_tells_how),
	};
	return cmocka_run_group_tests(t, NULL, NULL) != 0;
}
