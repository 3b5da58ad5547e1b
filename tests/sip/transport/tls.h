/* SPDX-License-Identifier: BSD-3-Clause */
/* Contexts for the tests of SIP over TLS, with certificates made on the spot. */
#ifndef TESTS_SIP_TRANSPORT_TLS_H
#define TESTS_SIP_TRANSPORT_TLS_H

#include "../../crypto/pki.h"
#include "rig.h"

struct pki {
	struct pki_dir dir;
	struct pki_issuer ca, stranger;
	char ca_path[PKI_PATH_LEN];
};
void pki_init(struct pki *p);
void pki_fini(struct pki *p);

/* What a party's certificate says. All zero: "nobody", from the CA that all trust. */
struct party {
	const char *dns, *uri, *ip;
	bool is_stranger; /* issued by a CA that nobody trusts */
	bool is_expired;
	bool has_none; /* a client without a certificate */
};
/* A listener's, which wants a client's certificate where IS_MUTUAL; the caller's. */
struct ssl_ctx_st *pki_listener(struct pki *p, const struct party *who, bool is_mutual);
/* For dialling; the caller's. */
struct ssl_ctx_st *pki_dialler(struct pki *p, const struct party *who);

#endif
