/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * The certificates of a server context, and the choice among them by the name in the client's hello
 * (RFC 6066 §3). A name that no certificate bears is not an error: the client sees the first one
 * and decides for itself.
 */
#include <errno.h>
#include <stdatomic.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>
#include <time.h>
#include <openssl/err.h>
#include <openssl/ssl.h>
#include <openssl/x509v3.h>
#include "identity.h"

struct identity {
	X509 *certificate;
	EVP_PKEY *key;
	STACK_OF(X509) * chain; /* may be NULL */
	GENERAL_NAMES *names;   /* NULL: none; only dNSNames are looked at */
};

/* Owned by the context, by way of its ex_data. */
struct identities {
	size_t n;
	struct identity list[];
};

/* ---- the choice ---- */

/* NULL for what is no host name; with a NUL in it, it would read as another, shorter one. */
static const char *dns_name(const GENERAL_NAME *name)
{
	if (name->type != GEN_DNS)
		return NULL;
	const char *text = (const char *)ASN1_STRING_get0_data(name->d.dNSName);
	size_t len = (size_t)ASN1_STRING_length(name->d.dNSName);
	return len > 0 && strlen(text) == len ? text : NULL;
}

enum crypto_name_match crypto_name_match(const char *pattern, const char *name)
{
	if (strcasecmp(pattern, name) == 0)
		return CRYPTO_NAME_EXACT;
	/* RFC 6125 §6.4.3: the star is the whole leftmost label and stands for exactly one. */
	const char *rest = strchr(name, '.');
	if (pattern[0] == '*' && rest != NULL && rest != name && strcasecmp(pattern + 1, rest) == 0)
		return CRYPTO_NAME_WILDCARD;
	return CRYPTO_NAME_NONE;
}

static enum crypto_name_match match(const struct identity *id, const char *name)
{
	enum crypto_name_match best = CRYPTO_NAME_NONE;
	for (int i = 0; i < sk_GENERAL_NAME_num(id->names); i++) {
		const char *pattern = dns_name(sk_GENERAL_NAME_value(id->names, i));
		enum crypto_name_match m = pattern ? crypto_name_match(pattern, name) : best;
		if (m > best)
			best = m;
	}
	return best;
}

static enum crypto_name_match best_match(const struct identities *ids, const char *name)
{
	enum crypto_name_match best = CRYPTO_NAME_NONE;
	for (size_t i = 0; i < ids->n; i++) {
		enum crypto_name_match m = match(&ids->list[i], name);
		if (m > best)
			best = m;
	}
	return best;
}

/* The name that stands for the first certificate and for those of other key types beside it. */
static const char *first_name(const struct identities *ids)
{
	const GENERAL_NAMES *names = ids->list[0].names;
	for (int i = 0; i < sk_GENERAL_NAME_num(names); i++) {
		const char *name = dns_name(sk_GENERAL_NAME_value(names, i));
		if (name != NULL)
			return name;
	}
	return NULL;
}

static bool use(SSL *ssl, const struct identity *id)
{
	return SSL_use_cert_and_key(ssl, id->certificate, id->key, id->chain, 1) == 1;
}

/*
 * All that bear NAME equally well are put in; of these OpenSSL takes the one whose key suits the
 * client. There is one place for each type of key, so the first listed goes in last.
 */
static bool use_all(SSL *ssl, const struct identities *ids, const char *name)
{
	enum crypto_name_match best = name != NULL ? best_match(ids, name) : CRYPTO_NAME_NONE;
	SSL_certs_clear(ssl);
	if (best == CRYPTO_NAME_NONE)
		return use(ssl, &ids->list[0]);
	for (size_t i = ids->n; i-- > 0;) {
		if (match(&ids->list[i], name) == best && !use(ssl, &ids->list[i]))
			return false;
	}
	return true;
}

static int on_name(SSL *ssl, int *alert, void *arg)
{
	const struct identities *ids = arg;
	const char *name = SSL_get_servername(ssl, TLSEXT_NAMETYPE_host_name);
	bool is_ours = name != NULL && best_match(ids, name) != CRYPTO_NAME_NONE;
	if (!use_all(ssl, ids, is_ours ? name : first_name(ids))) {
		*alert = SSL_AD_INTERNAL_ERROR;
		return SSL_TLSEXT_ERR_ALERT_FATAL;
	}
	return is_ours ? SSL_TLSEXT_ERR_OK : SSL_TLSEXT_ERR_NOACK;
}

/* ---- loading ---- */

static void identities_free(struct identities *ids)
{
	for (size_t i = 0; i < ids->n; i++) {
		X509_free(ids->list[i].certificate);
		EVP_PKEY_free(ids->list[i].key);
		sk_X509_pop_free(ids->list[i].chain, X509_free);
		GENERAL_NAMES_free(ids->list[i].names);
	}
	free(ids);
}

static void on_context_free(
	void *ctx, void *ids, CRYPTO_EX_DATA *data, int index, long argl, void *argp)
{
	if (ids != NULL)
		identities_free(ids);
}

/* Where a context keeps them: a number that OpenSSL gives out, asked for once in the process. */
static int context_index(void)
{
	static atomic_int known = -1;
	int index = atomic_load(&known);
	if (index >= 0)
		return index;
	int made = SSL_CTX_get_ex_new_index(0, NULL, NULL, NULL, on_context_free);
	return atomic_compare_exchange_strong(&known, &index, made) ? made : index;
}

/* Into the context, whose checks (the security level, the key being the certificate's) are ours. */
static int load(SSL_CTX *ctx, const char *certificate, const char *private_key, char *why)
{
	if (SSL_CTX_use_certificate_chain_file(ctx, certificate) != 1)
		return tls_refuse(
			why, certificate, "no certificate chain in PEM can be read from it");
	if (SSL_CTX_use_PrivateKey_file(ctx, private_key, SSL_FILETYPE_PEM) != 1)
		return tls_refuse(why, private_key,
			"no private key in PEM that opens without a pass phrase and belongs to the "
			"certificate");
	return 0;
}

/* What was loaded last. False: out of memory. */
static bool keep(SSL_CTX *ctx, struct identity *out)
{
	STACK_OF(X509) *chain = NULL;
	out->certificate = SSL_CTX_get0_certificate(ctx);
	out->key = SSL_CTX_get0_privatekey(ctx);
	if (X509_up_ref(out->certificate) != 1 || EVP_PKEY_up_ref(out->key) != 1)
		return false;
	out->names = X509_get_ext_d2i(out->certificate, NID_subject_alt_name, NULL, NULL);
	if (SSL_CTX_get0_chain_certs(ctx, &chain) != 1 || chain == NULL)
		return true;
	out->chain = X509_chain_up_ref(chain);
	return out->chain != NULL;
}

static int load_one(
	SSL_CTX *ctx, const struct crypto_tls_identity *from, struct identity *out, char *why)
{
	int rc = load(ctx, from->certificate, from->private_key, why);
	if (rc != 0)
		return rc;
	return keep(ctx, out) ? 0 : -ENOMEM;
}

/* The first one last: it is what the context itself is left with. */
static int load_all(
	SSL_CTX *ctx, const struct crypto_tls_config *c, struct identities *ids, char *why)
{
	const struct crypto_tls_identity first = {c->certificate, c->private_key};
	int rc = 0;
	for (size_t i = c->n_more; i > 0 && rc == 0; i--)
		rc = load_one(ctx, &c->more[i - 1], &ids->list[i], why);
	return rc == 0 ? load_one(ctx, &first, &ids->list[0], why) : rc;
}

int tls_identities_set(SSL_CTX *ctx, const struct crypto_tls_config *c, char *why)
{
	if (c->n_more == 0)
		return load(ctx, c->certificate, c->private_key, why);
	size_t n = 1 + c->n_more;
	struct identities *ids = calloc(1, sizeof(*ids) + n * sizeof(ids->list[0]));
	if (ids == NULL || context_index() < 0 ||
		SSL_CTX_set_ex_data(ctx, context_index(), ids) != 1) {
		free(ids);
		return tls_refuse(why, c->certificate, "out of memory");
	}
	ids->n = n;
	int rc = load_all(ctx, c, ids, why);
	if (rc == 0) {
		SSL_CTX_set_tlsext_servername_callback(ctx, on_name);
		SSL_CTX_set_tlsext_servername_arg(ctx, ids);
	}
	return rc;
}

static const X509 *certificate_at(const SSL_CTX *ctx, size_t i)
{
	const struct identities *ids =
		context_index() < 0 ? NULL : SSL_CTX_get_ex_data(ctx, context_index());
	if (ids != NULL)
		return i < ids->n ? ids->list[i].certificate : NULL;
	return i == 0 ? SSL_CTX_get0_certificate(ctx) : NULL;
}

uint64_t crypto_tls_not_after(const struct ssl_ctx_st *ctx, size_t i)
{
	const X509 *x = certificate_at(ctx, i);
	struct tm end;
	if (x == NULL || ASN1_TIME_to_tm(X509_get0_notAfter(x), &end) != 1)
		return 0;
	time_t t = timegm(&end);
	return t > 0 ? (uint64_t)t : 0;
}

const char *crypto_tls_name(const struct ssl_st *ssl)
{
	return SSL_get_servername(ssl, TLSEXT_NAMETYPE_host_name);
}
