/* SPDX-License-Identifier: BSD-3-Clause */
/* What a peer's verified certificate says: its alternative names and the hash of its public key. */
#include <string.h>
#include <openssl/crypto.h>
#include <openssl/ssl.h>
#include <openssl/x509v3.h>
#include <sallyport/crypto.h>

/*
 * Only printable ASCII without spaces: what a dNSName and a URI consist of. A name with a NUL in
 * it would read as another, shorter name further on; it counts as no name at all.
 */
static bool is_plain_name(const uint8_t *text, size_t len)
{
	for (size_t i = 0; i < len; i++)
		if (text[i] <= ' ' || text[i] > '~')
			return false;
	return len > 0 && len < CRYPTO_PEER_NAME_LEN;
}

static void add_address(struct crypto_peer *out, const ASN1_OCTET_STRING *ip)
{
	const uint8_t *data = ASN1_STRING_get0_data(ip);
	int len = ASN1_STRING_length(ip);
	if (out->n_addresses == CRYPTO_PEER_ADDRESSES || (len != 4 && len != 16))
		return;
	out->addresses[out->n_addresses++] =
		len == 4 ? addr_ipv4(be32_get(data), 0) : addr_ipv6(data, 0);
}

static void add_name(struct crypto_peer *out, const GENERAL_NAME *name)
{
	const ASN1_IA5STRING *text;
	if (name->type == GEN_IPADD) {
		add_address(out, name->d.iPAddress);
		return;
	}
	if (name->type == GEN_DNS)
		text = name->d.dNSName;
	else if (name->type == GEN_URI)
		text = name->d.uniformResourceIdentifier;
	else
		return;
	const uint8_t *data = ASN1_STRING_get0_data(text);
	size_t len = (size_t)ASN1_STRING_length(text);
	if (out->n_names == CRYPTO_PEER_NAMES || !is_plain_name(data, len))
		return;
	memcpy(out->names[out->n_names++], data, len); /* the NUL is there */
}

static void add_names(struct crypto_peer *out, const X509 *cert)
{
	GENERAL_NAMES *names = X509_get_ext_d2i(cert, NID_subject_alt_name, NULL, NULL);
	for (int i = 0; i < sk_GENERAL_NAME_num(names); i++)
		add_name(out, sk_GENERAL_NAME_value(names, i));
	GENERAL_NAMES_free(names);
}

static bool hash_public_key(const X509 *cert, uint8_t out[32])
{
	uint8_t *der = NULL;
	int len = i2d_X509_PUBKEY(X509_get_X509_PUBKEY(cert), &der);
	if (len <= 0)
		return false;
	crypto_digest(CRYPTO_SHA256, &(struct bytes){der, (size_t)len}, 1, out);
	OPENSSL_free(der);
	return true;
}

void crypto_tls_peer(struct ssl_st *ssl, struct crypto_peer *out)
{
	memset(out, 0, sizeof(*out));
	X509 *cert = SSL_get1_peer_certificate(ssl);
	if (cert == NULL)
		return;
	if (SSL_get_verify_result(ssl) == X509_V_OK && hash_public_key(cert, out->spki_sha256)) {
		out->has_certificate = true;
		add_names(out, cert);
	}
	X509_free(cert);
}
