/* SPDX-License-Identifier: BSD-3-Clause */
/* Contexts for the tests of SIP over TLS. */
#include "tls.h"

#include <arpa/inet.h>
#include <string.h>

void pki_init(struct pki *p)
{
	pki_dir_create(&p->dir);
	pki_issuer_init(&p->ca, "test CA");
	pki_issuer_init(&p->stranger, "other CA");
	pki_path(&p->dir, "ca.pem", p->ca_path);
	pki_write_cert(p->ca_path, p->ca.cert);
}

void pki_fini(struct pki *p)
{
	pki_issuer_fini(&p->ca);
	pki_issuer_fini(&p->stranger);
	pki_dir_remove(&p->dir);
}

static void add_ip(GENERAL_NAMES *names, const char *text)
{
	GENERAL_NAME *name = GENERAL_NAME_new();
	struct in_addr ip;

	assert_non_null(name);
	assert_int_equal(inet_pton(AF_INET, text, &ip), 1);
	name->type = GEN_IPADD;
	name->d.iPAddress = ASN1_OCTET_STRING_new();
	assert_int_equal(ASN1_OCTET_STRING_set(name->d.iPAddress, (uint8_t *)&ip, sizeof(ip)), 1);
	assert_true(sk_GENERAL_NAME_push(names, name) > 0);
}

/* Certificate and key into files, which are read once and written over by the next. */
static void write_party(struct pki *p, const struct party *who, char certificate[PKI_PATH_LEN],
	char private_key[PKI_PATH_LEN])
{
	GENERAL_NAMES *names = GENERAL_NAMES_new();
	EVP_PKEY *key = pki_ec_key();

	if (who->dns)
		pki_names_add(names, GEN_DNS, who->dns, strlen(who->dns));
	if (who->uri)
		pki_names_add(names, GEN_URI, who->uri, strlen(who->uri));
	if (who->ip)
		add_ip(names, who->ip);
	X509 *cert = pki_issue(who->is_stranger ? &p->stranger : &p->ca,
		&(struct pki_request){.name = "nobody",
			.key = key,
			.names = sk_GENERAL_NAME_num(names) > 0 ? names : NULL,
			.is_expired = who->is_expired,
			.serial = 7});
	pki_write_cert(pki_path(&p->dir, "cert.pem", certificate), cert);
	pki_write_pkcs8(pki_path(&p->dir, "key.pem", private_key), key);
	GENERAL_NAMES_free(names);
	X509_free(cert);
	EVP_PKEY_free(key);
}

struct ssl_ctx_st *pki_listener(struct pki *p, const struct party *who, bool is_mutual)
{
	char certificate[PKI_PATH_LEN], private_key[PKI_PATH_LEN], why[CRYPTO_WHY_LEN];
	struct crypto_tls_config c = {.certificate = certificate,
		.private_key = private_key,
		.client_ca = is_mutual ? p->ca_path : NULL,
		.client_required = is_mutual};
	struct ssl_ctx_st *ctx;

	write_party(p, who, certificate, private_key);
	assert_int_equal(crypto_tls_server_create(&c, &ctx, why), 0);
	return ctx;
}

struct ssl_ctx_st *pki_dialler(struct pki *p, const struct party *who)
{
	char certificate[PKI_PATH_LEN], private_key[PKI_PATH_LEN], why[CRYPTO_WHY_LEN];
	struct crypto_tls_client_config c = {.certificate = who->has_none ? NULL : certificate,
		.private_key = who->has_none ? NULL : private_key,
		.ca = p->ca_path};
	struct ssl_ctx_st *ctx;

	write_party(p, who, certificate, private_key);
	assert_int_equal(crypto_tls_client_create(&c, &ctx, why), 0);
	return ctx;
}
