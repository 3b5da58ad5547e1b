/* SPDX-License-Identifier: BSD-3-Clause */
/* Checking a credential against the message it signs. Everything in a query came from a stranger.
 */
#include <string.h>
#include "check.h"
#include "claims.h"
#include "rest.h"
#include "snapshot.h"
#include "token.h"

#define EXP_DIGITS_MAX 20

/* "EXP:NAME". */
struct username {
	uint64_t expires_s;
	struct bytes name;
};

/* Decimal without sign or leading zero, below 2^64. */
static bool parse_expiry(const uint8_t *text, size_t len, uint64_t *out)
{
	if (len == 0 || len > EXP_DIGITS_MAX || (text[0] == '0' && len > 1))
		return false;
	uint64_t v = 0;
	for (size_t i = 0; i < len; i++) {
		if (text[i] < '0' || text[i] > '9')
			return false;
		uint8_t digit = (uint8_t)(text[i] - '0');
		if (v > (UINT64_MAX - digit) / 10)
			return false;
		v = v * 10 + digit;
	}
	*out = v;
	return true;
}

static bool split(struct bytes text, struct username *out)
{
	if (text.len == 0 || text.len >= AUTH_USERNAME_MAX)
		return false;
	const uint8_t *colon = memchr(text.data, ':', text.len);
	if (colon == NULL)
		return false;
	size_t digits = (size_t)(colon - text.data);
	out->name = bytes_of(colon + 1, text.len - digits - 1);
	return parse_expiry(text.data, digits, &out->expires_s);
}

static bool is_expired(const struct auth_snapshot *s, uint64_t expires_s, uint64_t now_s)
{
	return now_s > auth_time_add(expires_s, s->rules.clock_skew_s);
}

/* A running allocation has until the end of the grace, to the second, as at its own Refresh. */
static bool is_too_late(
	const struct auth_snapshot *s, const struct auth_query *q, uint64_t expires_s)
{
	if (!q->is_running)
		return is_expired(s, expires_s, q->now_s);
	return q->now_s > auth_time_add(expires_s, s->rules.session_grace_s);
}

bool auth_key_fits(const struct auth_query *q, struct auth_grant *g)
{
	crypto_hmac_key_init(&g->hmac, q->integrity, g->key.bytes, g->key.len);
	return stun_msg_check_integrity(q->msg, q->integrity, &g->hmac);
}

bool auth_password_fits(const struct auth_snapshot *s, const struct auth_query *q,
	struct bytes password, struct auth_grant *g)
{
	const char *realm = q->realm ? q->realm : s->rules.realm;
	stun_key_long_term(q->algorithm, q->username, bytes_str(realm), password, &g->key);
	return auth_key_fits(q, g);
}

static enum auth_reason check_m1(const struct auth_snapshot *s, const struct auth_query *q,
	const struct username *u, struct auth_grant *g)
{
	const char *kid;
	if (!auth_m1_parse(u->name, &kid, &g->claims))
		return AUTH_BAD_FORM;
	if (is_too_late(s, q, u->expires_s))
		return AUTH_EXPIRED;
	const struct auth_key *k = auth_ring_find(&s->rules.ring, kid, q->now_s);
	if (k == NULL)
		return AUTH_UNKNOWN_KEY;
	char password[AUTH_M1_PASSWORD_LEN + 1];
	auth_m1_password(k, q->username, password);
	bool ok = auth_password_fits(s, q, bytes_of(password, AUTH_M1_PASSWORD_LEN), g);
	crypto_wipe(password, sizeof(password));
	if (!ok)
		return AUTH_BAD_INTEGRITY;
	g->form = AUTH_FORM_M1;
	memcpy(g->kid, k->kid, sizeof(g->kid));
	return AUTH_OK;
}

static enum auth_reason check_rest(const struct auth_snapshot *s, const struct auth_query *q,
	const struct username *u, struct auth_grant *g)
{
	if (!s->rules.turn_rest || u->name.len == 0)
		return AUTH_BAD_FORM;
	if (is_too_late(s, q, u->expires_s))
		return AUTH_EXPIRED;
	if (!auth_rest_find_secret(s, q, g))
		return AUTH_BAD_INTEGRITY;
	g->form = AUTH_FORM_REST;
	auth_rest_claims(u->name, &g->claims);
	return AUTH_OK;
}

static enum auth_reason check_claims(
	const struct auth_snapshot *s, const struct auth_query *q, const struct auth_claims *c)
{
	if (c->locations != 0 && (c->locations & q->location) == 0)
		return AUTH_WRONG_LOCATION;
	if (c->transports != 0 && (c->transports & q->transport) == 0)
		return AUTH_WRONG_TRANSPORT;
	if ((c->relays >> s->rules.node & 1) == 0)
		return AUTH_WRONG_RELAY;
	return AUTH_OK;
}

static enum auth_reason check_password(
	const struct auth_snapshot *s, const struct auth_query *q, struct auth_grant *g)
{
	struct username u;
	if (!split(q->username, &u))
		return AUTH_BAD_FORM;
	*g = (struct auth_grant){
		.expires_s = u.expires_s,
		.refresh_until_s = auth_time_add(u.expires_s, s->rules.session_grace_s),
	};
	return (auth_m1_is(u.name) ? check_m1 : check_rest)(s, q, &u, g);
}

void auth_grant_wipe(struct auth_grant *g)
{
	crypto_wipe(&g->key, sizeof(g->key));
	crypto_wipe(&g->hmac, sizeof(g->hmac));
}

enum auth_reason auth_check(
	const struct auth_snapshot *s, const struct auth_query *q, struct auth_grant *out)
{
	struct auth_grant g = {0};
	enum auth_reason r = (q->has_token ? auth_token_check : check_password)(s, q, &g);
	if (r == AUTH_OK &&
		auth_grant_is_revoked(s, g.claims.subject, g.claims.jti, g.kid, q->now_s))
		r = AUTH_REVOKED;
	if (r == AUTH_OK) {
		r = check_claims(s, q, &g.claims);
		*out = g;
	}
	auth_grant_wipe(&g);
	return r;
}

bool auth_username_kid(struct bytes username, char kid[AUTH_KID_LEN + 1])
{
	struct username u;
	struct auth_claims claims;
	const char *found;
	if (!split(username, &u) || !auth_m1_parse(u.name, &found, &claims))
		return false;
	memcpy(kid, found, AUTH_KID_LEN);
	kid[AUTH_KID_LEN] = '\0';
	return true;
}

/* The parts of a username into G; a kid that no key of ours has is kept too. */
static bool explain_form(
	const struct auth_snapshot *s, const struct username *u, struct auth_grant *g)
{
	const char *kid;
	if (auth_m1_is(u->name)) {
		g->form = AUTH_FORM_M1;
		if (!auth_m1_parse(u->name, &kid, &g->claims))
			return false;
		memcpy(g->kid, kid, AUTH_KID_LEN);
		return true;
	}
	g->form = AUTH_FORM_REST;
	auth_rest_claims(u->name, &g->claims);
	return s->rules.turn_rest && u->name.len > 0;
}

enum auth_reason auth_explain(const struct auth_snapshot *s, struct bytes username, uint64_t now_s,
	struct auth_grant *out)
{
	struct username u;
	if (!split(username, &u))
		return AUTH_BAD_FORM;
	struct auth_grant g = {
		.expires_s = u.expires_s,
		.refresh_until_s = auth_time_add(u.expires_s, s->rules.session_grace_s),
	};
	if (!explain_form(s, &u, &g))
		return AUTH_BAD_FORM;
	*out = g;
	if (is_expired(s, g.expires_s, now_s))
		return AUTH_EXPIRED;
	if (g.form == AUTH_FORM_M1 && auth_ring_find(&s->rules.ring, g.kid, now_s) == NULL)
		return AUTH_UNKNOWN_KEY;
	if (auth_grant_is_revoked(s, g.claims.subject, g.claims.jti, g.kid, now_s))
		return AUTH_REVOKED;
	return (g.claims.relays >> s->rules.node & 1) == 0 ? AUTH_WRONG_RELAY : AUTH_OK;
}

const char *auth_reason_text(enum auth_reason r)
{
	static const char *const text[AUTH_REASON_COUNT] = {
		[AUTH_OK] = "ok",
		[AUTH_BAD_FORM] = "bad_form",
		[AUTH_EXPIRED] = "expired",
		[AUTH_UNKNOWN_KEY] = "unknown_key",
		[AUTH_BAD_INTEGRITY] = "bad_integrity",
		[AUTH_REVOKED] = "revoked",
		[AUTH_BAD_TOKEN] = "bad_token",
		[AUTH_WRONG_LOCATION] = "wrong_location",
		[AUTH_WRONG_TRANSPORT] = "wrong_transport",
		[AUTH_WRONG_RELAY] = "wrong_relay",
	};
	return r < AUTH_REASON_COUNT ? text[r] : "?";
}

unsigned auth_reason_code(enum auth_reason r)
{
	switch (r) {
	case AUTH_OK:
		return 0;
	case AUTH_WRONG_LOCATION:
	case AUTH_WRONG_TRANSPORT:
	case AUTH_WRONG_RELAY:
		return STUN_FORBIDDEN;
	default:
		return STUN_UNAUTHORIZED;
	}
}
