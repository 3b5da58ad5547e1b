/* SPDX-License-Identifier: BSD-3-Clause */
/* TLS contexts. Their certificates are in identity.c, what a peer's says in peer.c. */
#include <errno.h>
#include <stdio.h>
#include <string.h>
#include <openssl/err.h>
#include <openssl/ssl.h>
#include <openssl/x509v3.h>
#include <sallyport/crypto.h>
#include "dtls.h"
#include "identity.h"
#include "pem.h"

/* TLS 1.2: forward secrecy and AEAD only. The suites of TLS 1.3 are all of that kind. */
#define TLS12_CIPHERS "ECDHE+AESGCM:ECDHE+CHACHA20:!aNULL"
/* No RSA below 2048 bits, no SHA-1 signatures. */
#define SECURITY_LEVEL 2
#define CHAIN_DEPTH    8
#define OPTIONS                                                                                    \
	(SSL_OP_NO_RENEGOTIATION | SSL_OP_NO_COMPRESSION | SSL_OP_NO_TICKET |                      \
		SSL_OP_CIPHER_SERVER_PREFERENCE)

/* What the system says of a file is first in the queue; what OpenSSL makes of it helps nobody. */
int tls_refuse(char *why, const char *path, const char *what)
{
	unsigned long first = ERR_peek_error();
	const char *reason = ERR_reason_error_string(ERR_peek_last_error());

	if (ERR_SYSTEM_ERROR(first))
		snprintf(why, CRYPTO_WHY_LEN, "%s: cannot be read (%s); %s", path,
			strerror(ERR_GET_REASON(first)),
			ERR_GET_REASON(first) == ENOENT ? "put it there, or name another file"
							: "let the daemon's user read it");
	else
		snprintf(why, CRYPTO_WHY_LEN, "%s: %s (%s)", path, what,
			reason ? reason : "no reason given");
	ERR_clear_error();
	return ERR_TLS;
}

static int set_protocol(SSL_CTX *ctx, bool is_datagram, char *why)
{
	SSL_CTX_set_options(ctx, OPTIONS);
	SSL_CTX_set_security_level(ctx, SECURITY_LEVEL);
	SSL_CTX_set_default_passwd_cb(ctx, pem_no_pass_phrase);
	/* A resumed session would outlive a change of the client CA or the CRL. */
	SSL_CTX_set_session_cache_mode(ctx, SSL_SESS_CACHE_OFF);
	/* Idle connections give their buffers back; the chain is what the file says, no more. */
	SSL_CTX_set_mode(ctx, SSL_MODE_RELEASE_BUFFERS | SSL_MODE_NO_AUTO_CHAIN);
	/* No finite-field groups: a client could make us compute with 8192 bits. */
	int groups[] = {NID_X25519, NID_X9_62_prime256v1, NID_secp384r1};
	if (SSL_CTX_set_num_tickets(ctx, 0) != 1 ||
		SSL_CTX_set_min_proto_version(
			ctx, is_datagram ? DTLS1_2_VERSION : TLS1_2_VERSION) != 1 ||
		SSL_CTX_set_cipher_list(ctx, TLS12_CIPHERS) != 1 ||
		SSL_CTX_set1_groups(ctx, groups, ARRAY_LEN(groups)) != 1)
		return tls_refuse(why, "TLS", "OpenSSL does not know our protocol settings");
	return 0;
}

static int set_crl(SSL_CTX *ctx, const char *path, char *why)
{
	X509_STORE *store = SSL_CTX_get_cert_store(ctx);
	X509_LOOKUP *lookup = X509_STORE_add_lookup(store, X509_LOOKUP_file());
	if (lookup == NULL || X509_load_crl_file(lookup, path, X509_FILETYPE_PEM) < 1)
		return tls_refuse(why, path, "no revocation list in PEM can be read from it");
	/* A caller whose issuer has no current list here is refused. */
	if (X509_STORE_set_flags(store, X509_V_FLAG_CRL_CHECK) != 1)
		return tls_refuse(why, path, "revocation cannot be switched on");
	return 0;
}

/* The context's store is empty so far: the system's CAs are never asked. */
static int set_client_ca(SSL_CTX *ctx, const struct crypto_tls_config *c, char *why)
{
	if (SSL_CTX_load_verify_file(ctx, c->client_ca) != 1)
		return tls_refuse(
			why, c->client_ca, "no CA certificate in PEM can be read from it");
	STACK_OF(X509_NAME) *names = SSL_load_client_CA_file(c->client_ca);
	if (names == NULL)
		return tls_refuse(why, c->client_ca, "its CA names cannot be read");
	SSL_CTX_set_client_CA_list(ctx, names);
	/* Whoever is named in the file is an anchor, also an intermediate without its root. */
	if (X509_STORE_set_flags(SSL_CTX_get_cert_store(ctx), X509_V_FLAG_PARTIAL_CHAIN) != 1 ||
		SSL_CTX_set_purpose(ctx, X509_PURPOSE_SSL_CLIENT) != 1)
		return tls_refuse(why, c->client_ca, "verification cannot be set up");
	SSL_CTX_set_verify_depth(ctx, CHAIN_DEPTH);
	int mode = SSL_VERIFY_PEER;
	if (c->client_required)
		mode |= SSL_VERIFY_FAIL_IF_NO_PEER_CERT;
	SSL_CTX_set_verify(ctx, mode, NULL);
	return c->client_crl ? set_crl(ctx, c->client_crl, why) : 0;
}

/* As above, with the roles changed. */
static int set_server_ca(SSL_CTX *ctx, const struct crypto_tls_client_config *c, char *why)
{
	if (SSL_CTX_load_verify_file(ctx, c->ca) != 1)
		return tls_refuse(why, c->ca, "no CA certificate in PEM can be read from it");
	if (X509_STORE_set_flags(SSL_CTX_get_cert_store(ctx), X509_V_FLAG_PARTIAL_CHAIN) != 1 ||
		SSL_CTX_set_purpose(ctx, X509_PURPOSE_SSL_SERVER) != 1)
		return tls_refuse(why, c->ca, "verification cannot be set up");
	SSL_CTX_set_verify_depth(ctx, CHAIN_DEPTH);
	SSL_CTX_set_verify(ctx, SSL_VERIFY_PEER, NULL);
	return c->crl ? set_crl(ctx, c->crl, why) : 0;
}

int crypto_tls_client_create(
	const struct crypto_tls_client_config *c, struct ssl_ctx_st **out, char why[CRYPTO_WHY_LEN])
{
	char unread[CRYPTO_WHY_LEN];
	const struct crypto_tls_config own = {
		.certificate = c->certificate, .private_key = c->private_key};
	if (why == NULL)
		why = unread;
	ERR_clear_error();
	SSL_CTX *ctx = SSL_CTX_new(TLS_client_method());
	if (ctx == NULL)
		return tls_refuse(why, "TLS", "no context can be made");
	int rc = set_protocol(ctx, false, why);
	if (rc == 0 && c->certificate)
		rc = tls_identities_set(ctx, &own, why);
	if (rc == 0)
		rc = set_server_ca(ctx, c, why);
	if (rc < 0)
		SSL_CTX_free(ctx);
	else
		*out = ctx;
	return rc;
}

static int choose_alpn(SSL *ssl, const unsigned char **out, unsigned char *out_len,
	const unsigned char *in, unsigned in_len, void *arg)
{
	static const unsigned char ours[] = "\x09stun.turn\x12stun.nat-discovery";
	unsigned char *chosen;

	(void)ssl;
	(void)arg;
	if (SSL_select_next_proto(&chosen, out_len, ours, sizeof(ours) - 1, in, in_len) !=
		OPENSSL_NPN_NEGOTIATED)
		return SSL_TLSEXT_ERR_NOACK;
	*out = chosen;
	return SSL_TLSEXT_ERR_OK;
}

int crypto_tls_server_create(
	const struct crypto_tls_config *c, struct ssl_ctx_st **out, char why[CRYPTO_WHY_LEN])
{
	char unread[CRYPTO_WHY_LEN];
	if (why == NULL)
		why = unread;
	if (c->client_ca == NULL && (c->client_required || c->client_crl)) {
		snprintf(why, CRYPTO_WHY_LEN,
			"client certificates are to be checked, but no client CA is named");
		return ERR_CONFIG;
	}
	ERR_clear_error();
	SSL_CTX *ctx = SSL_CTX_new(c->is_datagram ? DTLS_server_method() : TLS_server_method());
	if (ctx == NULL)
		return tls_refuse(why, "TLS", "no context can be made");
	int rc = set_protocol(ctx, c->is_datagram, why);
	if (rc == 0)
		rc = tls_identities_set(ctx, c, why);
	if (rc == 0 && c->client_ca)
		rc = set_client_ca(ctx, c, why);
	if (rc == 0 && c->is_datagram)
		dtls_context_set(ctx);
	if (rc == 0 && c->has_stun_alpn)
		SSL_CTX_set_alpn_select_cb(ctx, choose_alpn, NULL);
	if (rc < 0)
		SSL_CTX_free(ctx);
	else
		*out = ctx;
	return rc;
}

struct ssl_ctx_st *crypto_tls_get(struct ssl_ctx_st *ctx)
{
	if (ctx)
		(void)SSL_CTX_up_ref(ctx); /* it only fails on a count that was freed before */
	return ctx;
}

void crypto_tls_destroy(struct ssl_ctx_st *ctx)
{
	SSL_CTX_free(ctx);
}
