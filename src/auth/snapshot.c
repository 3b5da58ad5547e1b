/* SPDX-License-Identifier: BSD-3-Clause */
/* Snapshots: keys, options and revocations as one immutable, counted thing. */
#include <assert.h>
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include "snapshot.h"

#define NODE_MAX 63

static bool realm_is_plain(const char *realm)
{
	for (const char *p = realm; *p != '\0'; p++)
		if ((unsigned char)*p < ' ' || *p == 0x7f || *p == '"' || *p == '\\')
			return false;
	return true;
}

static int set_realm(struct auth_rules *rules, const struct auth_config *c, char *why)
{
	size_t len = c->realm ? strlen(c->realm) : 0;
	/* Some clients strip quotes from a realm before they hash it. */
	if (len == 0 || len > AUTH_REALM_MAX || !realm_is_plain(c->realm)) {
		snprintf(why, CRYPTO_WHY_LEN,
			"the realm must have 1 to %d bytes, no quotes, backslashes or control "
			"characters",
			AUTH_REALM_MAX);
		return ERR_CONFIG;
	}
	memcpy(rules->realm, c->realm, len + 1);
	return 0;
}

static int set_rest_secrets(struct auth_rules *rules, const struct auth_config *c, char *why)
{
	if (c->n_rest_secrets > AUTH_REST_SECRETS_MAX) {
		snprintf(why, CRYPTO_WHY_LEN, "there may be %d TURN REST secrets, not %zu",
			AUTH_REST_SECRETS_MAX, c->n_rest_secrets);
		return ERR_CONFIG;
	}
	for (size_t i = 0; i < c->n_rest_secrets; i++) {
		const char *secret = c->rest_secrets[i];
		if (secret[0] == '\0') {
			snprintf(why, CRYPTO_WHY_LEN, "TURN REST secret %zu is empty", i + 1);
			return ERR_CONFIG;
		}
		crypto_hmac_key_init(&rules->rest_secrets[i], CRYPTO_SHA1, secret, strlen(secret));
	}
	rules->n_rest_secrets = c->n_rest_secrets;
	return 0;
}

static bool has_token_kid(const struct auth_rules *rules, const char *kid)
{
	for (size_t i = 0; i < rules->n_token_keys; i++)
		if (strcmp(rules->token_keys[i].kid, kid) == 0)
			return true;
	return false;
}

static int set_token_keys(struct auth_rules *rules, const struct auth_config *c, char *why)
{
	const char *server = c->token_server ? c->token_server : c->realm;
	if (c->n_token_keys > AUTH_TOKEN_KEYS_MAX || strlen(server) > AUTH_TOKEN_SERVER_MAX) {
		snprintf(why, CRYPTO_WHY_LEN, "too many keys of tokens, or too long a server name");
		return ERR_CONFIG;
	}
	memcpy(rules->token_server, server, strlen(server) + 1);
	for (size_t i = 0; i < c->n_token_keys; i++) {
		const char *kid = c->token_keys[i].kid;
		if (kid[0] == '\0' || has_token_kid(rules, kid)) {
			snprintf(why, CRYPTO_WHY_LEN,
				"the kid \"%s\" of a token's key is empty or there twice", kid);
			return ERR_CONFIG;
		}
		rules->token_keys[rules->n_token_keys++] = c->token_keys[i];
	}
	return 0;
}

static int set_rules(struct auth_rules *rules, const struct auth_config *c, char *why)
{
	rules->turn_rest = c->turn_rest;
	rules->sha256 = c->sha256;
	rules->nonce_lifetime_s = c->nonce_lifetime_s;
	rules->clock_skew_s = c->clock_skew_s;
	rules->session_grace_s = c->session_grace_s;
	rules->node = c->node;
	if (c->node > NODE_MAX) {
		snprintf(why, CRYPTO_WHY_LEN, "the number of this node must be 0 to %d, not %u",
			NODE_MAX, c->node);
		return ERR_CONFIG;
	}
	int rc = set_realm(rules, c, why);
	if (rc == 0)
		rc = set_rest_secrets(rules, c, why);
	if (rc == 0)
		rc = set_token_keys(rules, c, why);
	if (rc == 0)
		rc = auth_ring_load(&rules->ring, c->keys, c->n_keys, why);
	return rc;
}

static struct auth_snapshot *new_snapshot(void)
{
	struct auth_snapshot *s = calloc(1, sizeof(*s));
	if (s != NULL)
		atomic_init(&s->count, 1);
	return s;
}

int auth_snapshot_create(
	const struct auth_config *c, struct auth_snapshot **out, char why[CRYPTO_WHY_LEN])
{
	char unread[CRYPTO_WHY_LEN];
	if (why == NULL)
		why = unread;
	snprintf(why, CRYPTO_WHY_LEN, "%s", strerror(ENOMEM)); /* what is left to go wrong */
	struct auth_snapshot *s = new_snapshot();
	if (s == NULL)
		return -ENOMEM;
	int rc = auth_revocations_init(&s->revocations, c->revocations, c->n_revocations);
	if (rc == 0)
		rc = set_rules(&s->rules, c, why);
	if (rc < 0) {
		auth_snapshot_put(s);
		return rc;
	}
	why[0] = '\0';
	*out = s;
	return 0;
}

int auth_snapshot_with_revocations(const struct auth_snapshot *from,
	const struct auth_revocation *r, size_t n, struct auth_snapshot **out)
{
	struct auth_snapshot *s = new_snapshot();
	if (s == NULL)
		return -ENOMEM;
	int rc = auth_revocations_init(&s->revocations, r, n);
	if (rc < 0) {
		auth_snapshot_put(s);
		return rc;
	}
	s->rules = from->rules;
	*out = s;
	return 0;
}

struct auth_snapshot *auth_snapshot_get(struct auth_snapshot *s)
{
	unsigned before = atomic_fetch_add_explicit(&s->count, 1, memory_order_relaxed);
	assert(before > 0);
	return s;
}

void auth_snapshot_put(struct auth_snapshot *s)
{
	/* Release: our reads end before the count drops. Acquire: the last one sees all ended. */
	if (s == NULL || atomic_fetch_sub_explicit(&s->count, 1, memory_order_acq_rel) > 1)
		return;
	auth_revocations_fini(&s->revocations);
	crypto_wipe(s, sizeof(*s));
	free(s);
}

const char *auth_snapshot_realm(const struct auth_snapshot *s)
{
	return s->rules.realm;
}

bool auth_snapshot_sha256(const struct auth_snapshot *s)
{
	return s->rules.sha256;
}

const char *auth_snapshot_token_server(const struct auth_snapshot *s)
{
	return s->rules.n_token_keys > 0 ? s->rules.token_server : NULL;
}

bool auth_snapshot_key(
	const struct auth_snapshot *s, size_t i, uint64_t now_s, struct auth_key_info *out)
{
	const struct auth_ring *ring = &s->rules.ring;
	if (i >= ring->n_keys)
		return false;
	const struct auth_key *k = &ring->keys[i];
	*out = (struct auth_key_info){
		.sign_from = k->sign_from,
		.verify_until = k->verify_until,
		.is_signing = k == auth_ring_signing(ring, now_s),
	};
	memcpy(out->kid, k->kid, sizeof(out->kid));
	return true;
}

bool auth_snapshot_revocation(const struct auth_snapshot *s, size_t i, struct auth_revocation *out)
{
	if (i >= s->revocations.n)
		return false;
	*out = s->revocations.list[i];
	return true;
}

/* A credential counts for the clock skew after its expiry, so a revocation does too. */
bool auth_grant_is_revoked(const struct auth_snapshot *s, const uint8_t subject[AUTH_SUBJECT_LEN],
	const uint8_t jti[AUTH_JTI_LEN], const char *kid, uint64_t now_s)
{
	static const uint8_t no_jti[AUTH_JTI_LEN];
	const struct auth_revocations *r = &s->revocations;
	uint64_t skew_s = s->rules.clock_skew_s;
	uint64_t at_s = now_s > skew_s ? now_s - skew_s : 0;
	if (auth_revocations_has(r, AUTH_REVOKE_SUBJECT, subject, at_s))
		return true;
	if (memcmp(jti, no_jti, sizeof(no_jti)) != 0 &&
		auth_revocations_has(r, AUTH_REVOKE_JTI, jti, at_s))
		return true;
	return kid[0] != '\0' && auth_revocations_has(r, AUTH_REVOKE_KID, kid, at_s);
}
