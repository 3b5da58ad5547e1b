/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * Keys, certificates and revocation lists made on the spot for tests, in a directory of their own
 * below the current one. Everything here asserts: a test without its fixture has failed.
 */
#ifndef SALLYPORT_TESTS_CRYPTO_PKI_H
#define SALLYPORT_TESTS_CRYPTO_PKI_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/types.h>
#include <openssl/evp.h>
#include <openssl/x509.h>
#include <openssl/x509v3.h>

#define PKI_PATH_LEN 128

struct pki_dir {
	char path[32];
};
void pki_dir_create(struct pki_dir *d);
void pki_dir_remove(struct pki_dir *d); /* and the files in it */
const char *pki_path(const struct pki_dir *d, const char *name, char buf[PKI_PATH_LEN]);

void pki_write(const char *path, const void *data, size_t len, mode_t mode);
void pki_write_pkcs8(const char *path, EVP_PKEY *key);       /* "PRIVATE KEY", mode 0600 */
void pki_write_traditional(const char *path, EVP_PKEY *key); /* "EC PRIVATE KEY" and the like */
void pki_write_cert(const char *path, X509 *cert);
void pki_write_crl(const char *path, X509_CRL *crl);

EVP_PKEY *pki_ec_key_of(int nid, const uint8_t *d, size_t len);
EVP_PKEY *pki_ec_key(void); /* a new one on P-256 */

struct pki_issuer {
	EVP_PKEY *key;
	X509 *cert;
};
void pki_issuer_init(struct pki_issuer *ca, const char *name);
void pki_issuer_fini(struct pki_issuer *ca);

struct pki_request {
	const char *name;
	EVP_PKEY *key;
	const char *eku;      /* "clientAuth"; NULL: without the extension */
	GENERAL_NAMES *names; /* NULL: none */
	bool is_ca;
	bool is_expired;
	long serial;
};
X509 *pki_issue(const struct pki_issuer *ca, const struct pki_request *r);
/* A server's context for TLS or DTLS, with a certificate of its own; leaves no file behind. */
struct ssl_ctx_st *pki_server(bool is_datagram);
X509_CRL *pki_revoke(const struct pki_issuer *ca, long serial);

/* Appends a name of type GEN_DNS, GEN_URI or GEN_EMAIL; TEXT may hold anything. */
void pki_names_add(GENERAL_NAMES *names, int type, const char *text, size_t len);

#endif
