/* SPDX-License-Identifier: BSD-3-Clause */
/* What OPTIONS and REGISTER of our own are made of. */
#include <string.h>

#include "trunk_priv.h"

void trunk_token(char out[TRUNK_TOKEN_LEN])
{
	uint8_t random[16];

	crypto_random(random, sizeof(random));
	hex_encode(random, sizeof(random), out);
}

void request_uri(struct sip_writer *w, const struct trunk *k, struct sip_str user)
{
	const struct sip_next_hop *g = &k->config.gateway;
	struct sip_host host = {.text = sip_str_c(g->domain)};
	struct addr numeric;

	if (addr_parse(g->domain, 0, &numeric) == 0)
		host.kind = numeric.family == ADDR_IPV6 ? SIP_HOST_IPV6 : SIP_HOST_IPV4;
	sip_write_c(w, "sip:");
	if (user.at) {
		sip_write_user(w, user);
		sip_write_c(w, "@");
	}
	sip_write_host(w, &host);
	if (g->port != 0) {
		sip_write_c(w, ":");
		sip_write_u32(w, g->port);
	}
	if (g->transport == SIP_TCP)
		sip_write_c(w, ";transport=tcp");
	else if (g->transport == SIP_TLS)
		sip_write_c(w, ";transport=tls");
}

void trunks_write_uri(
	const struct trunks *t, uint32_t trunk, struct sip_writer *w, struct sip_str user)
{
	request_uri(w, t->at[trunk], user);
}

int request_contact(
	const struct trunk *k, const struct transaction_hop *hop, const char *user, char *out)
{
	const struct trunks_user *u = &k->all->config.user;
	char bare[CONTACT_MAX];
	struct sip_uri uri;
	struct sip_writer w;
	int rc = u->contact(u->arg, hop, bare, sizeof(bare));

	if (rc == 0)
		rc = sip_uri_decode(sip_str_c(bare), &uri);
	if (rc != 0)
		return rc;
	sip_write_begin(&w, out, CONTACT_MAX - 1);
	sip_write_str(&w, uri.scheme_name);
	sip_write_c(&w, ":");
	if (user) {
		sip_write_user(&w, sip_str_c(user));
		sip_write_c(&w, "@");
	}
	sip_write_host(&w, &uri.host);
	if (uri.port != 0) {
		sip_write_c(&w, ":");
		sip_write_u32(&w, uri.port);
	}
	if (uri.params.at)
		sip_write_str(&w, uri.params);
	if (w.failed)
		return ERR_NO_SPACE;
	out[w.len] = '\0';
	return 0;
}
