/* SPDX-License-Identifier: BSD-3-Clause */
/* What a client keeps of a challenge, and the credentials it makes of that. */
#include <string.h>

#include <sallyport/sip/digest.h>

static bool is_answerable(const struct sip_auth *a)
{
	bool has_qop = a->qop == SIP_QOP_NONE || (a->qop & (SIP_QOP_AUTH | SIP_QOP_AUTH_INT)) != 0;

	return a->is_digest && a->algorithm != SIP_DIGEST_OTHER && has_qop && a->realm.at &&
	       a->nonce.at && a->realm.len < sizeof(((struct sip_auth_session *)0)->realm) &&
	       a->nonce.len < sizeof(((struct sip_auth_session *)0)->nonce) &&
	       a->opaque.len < sizeof(((struct sip_auth_session *)0)->opaque);
}

static void copy(struct sip_str s, char *out)
{
	if (s.at)
		memcpy(out, s.at, s.len);
	out[s.len] = '\0';
}

static void keep(struct sip_auth_session *s, const struct sip_auth *a)
{
	uint8_t random[16];

	*s = (struct sip_auth_session){.algorithm = a->algorithm,
		.qop = a->qop,
		.has_algorithm = a->algorithm_name.at != NULL,
		.has_opaque = a->opaque.at != NULL};
	copy(a->realm, s->realm);
	copy(a->nonce, s->nonce);
	copy(a->opaque, s->opaque);
	crypto_random(random, sizeof(random));
	hex_encode(random, sizeof(random), s->cnonce);
}

int sip_auth_take(struct sip_auth_sessions *s, const struct sip_msg *m)
{
	bool is_proxy = m->status == 407;
	struct sip_auth_session *session = is_proxy ? &s->proxy : &s->server;
	const struct sip_header *h = sip_header_first(
		m, is_proxy ? SIP_HEADER_PROXY_AUTHENTICATE : SIP_HEADER_WWW_AUTHENTICATE);
	struct sip_auth a;

	for (; h; h = sip_header_next(m, h)) {
		if (sip_auth_decode(h->value, &a) != 0 || !is_answerable(&a))
			continue;
		if (session->nc > 0 && !a.is_stale &&
			sip_str_equal(a.nonce, sip_str_c(session->nonce)))
			return ERR_DENIED;
		keep(session, &a);
		return 0;
	}
	return ERR_UNSUPPORTED;
}

static void write_one(struct sip_writer *w, enum sip_header_id id, struct sip_auth_session *s,
	const struct sip_account *account, const struct sip_credentials *request)
{
	struct sip_auth challenge = {.is_digest = true,
		.algorithm = s->algorithm,
		.qop = s->qop,
		.realm = sip_str_c(s->realm),
		.nonce = sip_str_c(s->nonce),
		.opaque = s->has_opaque ? sip_str_c(s->opaque) : SIP_NONE,
		.algorithm_name =
			s->has_algorithm ? sip_str_c("") : SIP_NONE}; /* its own is said */
	struct sip_credentials c = *request;
	char secret[SIP_DIGEST_HEX];

	if (s->algorithm == SIP_DIGEST_OTHER)
		return;
	s->nc++;
	sip_digest_secret(
		s->algorithm, c.username, challenge.realm, sip_str_c(account->password), secret);
	c.secret = secret;
	c.cnonce = sip_str_c(s->cnonce);
	c.nc = s->nc;
	sip_write_credentials(w, id, &challenge, &c);
	crypto_wipe(secret, sizeof(secret));
}

void sip_write_auth(struct sip_writer *w, struct sip_auth_sessions *s, const struct sip_account *a,
	struct sip_str method, struct sip_str uri, struct sip_str body)
{
	const struct sip_credentials request = {
		.username = sip_str_c(a->username), .method = method, .uri = uri, .body = body};

	write_one(w, SIP_HEADER_AUTHORIZATION, &s->server, a, &request);
	write_one(w, SIP_HEADER_PROXY_AUTHORIZATION, &s->proxy, a, &request);
}
