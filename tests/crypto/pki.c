/* SPDX-License-Identifier: BSD-3-Clause */
#include <assert.h>
#include <dirent.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>
#include <sys/stat.h>
#include <openssl/ec.h>
#include <openssl/pem.h>
#include <sallyport/crypto.h>

#include "pki.h"

void pki_dir_create(struct pki_dir *d)
{
	strcpy(d->path, "pki.XXXXXX");
	assert(mkdtemp(d->path) != NULL);
}

void pki_dir_remove(struct pki_dir *d)
{
	DIR *dir = opendir(d->path);
	assert(dir != NULL);
	for (struct dirent *e = readdir(dir); e != NULL; e = readdir(dir))
		if (e->d_name[0] != '.')
			assert(unlinkat(dirfd(dir), e->d_name, 0) == 0);
	closedir(dir);
	assert(rmdir(d->path) == 0);
}

const char *pki_path(const struct pki_dir *d, const char *name, char buf[PKI_PATH_LEN])
{
	int n = snprintf(buf, PKI_PATH_LEN, "%s/%s", d->path, name);
	assert(n > 0 && n < PKI_PATH_LEN);
	return buf;
}

void pki_write(const char *path, const void *data, size_t len, mode_t mode)
{
	FILE *f = fopen(path, "w");
	assert(f != NULL);
	assert(fwrite(data, 1, len, f) == len);
	assert(fclose(f) == 0);
	assert(chmod(path, mode) == 0);
}

/* What OpenSSL wrote into memory goes to PATH. */
static void flush(const char *path, BIO *bio)
{
	char *data = NULL;
	long len = BIO_get_mem_data(bio, &data);
	assert(len > 0);
	pki_write(path, data, (size_t)len, 0600);
	BIO_free(bio);
}

void pki_write_pkcs8(const char *path, EVP_PKEY *key)
{
	BIO *bio = BIO_new(BIO_s_mem());
	assert(PEM_write_bio_PKCS8PrivateKey(bio, key, NULL, NULL, 0, NULL, NULL) == 1);
	flush(path, bio);
}

void pki_write_traditional(const char *path, EVP_PKEY *key)
{
	BIO *bio = BIO_new(BIO_s_mem());
	assert(PEM_write_bio_PrivateKey_traditional(bio, key, NULL, NULL, 0, NULL, NULL) == 1);
	flush(path, bio);
}

void pki_write_cert(const char *path, X509 *cert)
{
	BIO *bio = BIO_new(BIO_s_mem());
	assert(PEM_write_bio_X509(bio, cert) == 1);
	flush(path, bio);
}

void pki_write_crl(const char *path, X509_CRL *crl)
{
	BIO *bio = BIO_new(BIO_s_mem());
	assert(PEM_write_bio_X509_CRL(bio, crl) == 1);
	flush(path, bio);
}

EVP_PKEY *pki_ec_key_of(int nid, const uint8_t *d, size_t len)
{
	EC_KEY *ec = EC_KEY_new_by_curve_name(nid);
	assert(ec != NULL);
	BIGNUM *n = BN_bin2bn(d, (int)len, NULL);
	const EC_GROUP *group = EC_KEY_get0_group(ec);
	EC_POINT *q = EC_POINT_new(group);
	assert(EC_POINT_mul(group, q, n, NULL, NULL, NULL) == 1);
	assert(EC_KEY_set_private_key(ec, n) == 1);
	assert(EC_KEY_set_public_key(ec, q) == 1);
	EC_POINT_free(q);
	BN_free(n);
	EVP_PKEY *key = EVP_PKEY_new();
	assert(EVP_PKEY_assign_EC_KEY(key, ec) == 1);
	return key;
}

EVP_PKEY *pki_ec_key(void)
{
	EVP_PKEY *key = EVP_EC_gen("P-256");
	assert(key != NULL);
	return key;
}

static void set_extension(X509 *cert, int nid, const char *value)
{
	X509V3_CTX ctx;
	X509V3_set_ctx(&ctx, cert, cert, NULL, NULL, 0);
	X509_EXTENSION *e = X509V3_EXT_conf_nid(NULL, &ctx, nid, value);
	assert(e != NULL && X509_add_ext(cert, e, -1) == 1);
	X509_EXTENSION_free(e);
}

static X509 *build(const struct pki_request *r, X509_NAME *issuer_name, EVP_PKEY *issuer_key)
{
	X509 *cert = X509_new();
	assert(X509_set_version(cert, X509_VERSION_3) == 1);
	assert(ASN1_INTEGER_set(X509_get_serialNumber(cert), r->serial) == 1);
	X509_NAME *name = X509_get_subject_name(cert);
	assert(X509_NAME_add_entry_by_txt(
		       name, "CN", MBSTRING_ASC, (const uint8_t *)r->name, -1, -1, 0) == 1);
	assert(X509_set_issuer_name(cert, issuer_name ? issuer_name : name) == 1);
	X509_gmtime_adj(X509_getm_notBefore(cert), -7200);
	X509_gmtime_adj(X509_getm_notAfter(cert), r->is_expired ? -3600 : 86400);
	assert(X509_set_pubkey(cert, r->key) == 1);
	set_extension(cert, NID_basic_constraints, r->is_ca ? "critical,CA:TRUE" : "CA:FALSE");
	if (r->eku)
		set_extension(cert, NID_ext_key_usage, r->eku);
	if (r->names)
		assert(X509_add1_ext_i2d(cert, NID_subject_alt_name, r->names, 0, 0) == 1);
	assert(X509_sign(cert, issuer_key, EVP_sha256()) > 0);
	return cert;
}

void pki_issuer_init(struct pki_issuer *ca, const char *name)
{
	ca->key = pki_ec_key();
	struct pki_request r = {.name = name, .key = ca->key, .is_ca = true, .serial = 1};
	ca->cert = build(&r, NULL, ca->key);
}

void pki_issuer_fini(struct pki_issuer *ca)
{
	X509_free(ca->cert);
	EVP_PKEY_free(ca->key);
}

X509 *pki_issue(const struct pki_issuer *ca, const struct pki_request *r)
{
	return build(r, X509_get_subject_name(ca->cert), ca->key);
}

struct ssl_ctx_st *pki_server(bool is_datagram)
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
		.has_stun_alpn = true,
		.is_datagram = is_datagram};
	pki_write_cert(c.certificate, cert);
	pki_write_pkcs8(c.private_key, key);
	assert(crypto_tls_server_create(&c, &server, why) == 0);
	X509_free(cert);
	EVP_PKEY_free(key);
	pki_issuer_fini(&ca);
	pki_dir_remove(&dir);
	return server;
}

X509_CRL *pki_revoke(const struct pki_issuer *ca, long serial)
{
	X509_CRL *crl = X509_CRL_new();
	assert(X509_CRL_set_version(crl, X509_CRL_VERSION_2) == 1);
	assert(X509_CRL_set_issuer_name(crl, X509_get_subject_name(ca->cert)) == 1);
	ASN1_TIME *t = X509_gmtime_adj(NULL, -3600);
	assert(X509_CRL_set1_lastUpdate(crl, t) == 1);
	X509_REVOKED *entry = X509_REVOKED_new();
	ASN1_INTEGER *n = ASN1_INTEGER_new();
	assert(ASN1_INTEGER_set(n, serial) == 1);
	assert(X509_REVOKED_set_serialNumber(entry, n) == 1);
	assert(X509_REVOKED_set_revocationDate(entry, t) == 1);
	assert(X509_CRL_add0_revoked(crl, entry) == 1);
	X509_gmtime_adj(t, 86400);
	assert(X509_CRL_set1_nextUpdate(crl, t) == 1);
	ASN1_INTEGER_free(n);
	ASN1_TIME_free(t);
	assert(X509_CRL_sign(crl, ca->key, EVP_sha256()) > 0);
	return crl;
}

void pki_names_add(GENERAL_NAMES *names, int type, const char *text, size_t len)
{
	ASN1_IA5STRING *s = ASN1_IA5STRING_new();
	assert(ASN1_STRING_set(s, text, (int)len) == 1);
	GENERAL_NAME *name = GENERAL_NAME_new();
	GENERAL_NAME_set0_value(name, type, s);
	assert(sk_GENERAL_NAME_push(names, name) > 0);
}
