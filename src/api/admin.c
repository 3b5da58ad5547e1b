/* SPDX-License-Identifier: BSD-3-Clause */
/* Revocations and keys, for callers with the role admin. */
#include <stdlib.h>
#include <string.h>
#include "api_priv.h"

#define REVOCATIONS_MAX 1000 /* in one request */
#define DAY_S           86400
#define UNTIL_MAX_S     ((uint64_t)MRAS_DURATION_MAX * 60 + DAY_S)
/* Behind the expiry of a credential: clocks differ, and every worker shall see the entry. */
#define MARGIN_S 3600
/* Where the token id stands in the claims of an m1 credential, and how long those are. */
#define CLAIMS_JTI 36
#define CLAIMS_LEN 44

/* ---- one entry ---- */

/* "EXP:m1.KID.CLAIMS": the token id and the expiry. */
static int username_parse(const char *s, struct auth_revocation *out)
{
	uint8_t claims[CLAIMS_LEN];
	size_t len, digits = strspn(s, "0123456789");
	const char *kid = s + digits + strlen(":m1.");
	if (digits == 0 || digits > 12 || strncmp(s + digits, ":m1.", 4) != 0)
		return ERR_MALFORMED;
	const char *text = strchr(kid, '.');
	if (text == NULL ||
		base64url_decode(text + 1, strlen(text + 1), claims, sizeof(claims), &len) != 0 ||
		len != sizeof(claims))
		return ERR_MALFORMED;
	out->kind = AUTH_REVOKE_JTI;
	memcpy(out->id, claims + CLAIMS_JTI, AUTH_JTI_LEN);
	out->until_s = strtoull(s, NULL, 10);
	return 0;
}

static int hex_parse(const char *text, size_t n, struct auth_revocation *out)
{
	size_t len;
	int code = hex_decode(text, strlen(text), out->id, n, &len);
	return code == 0 && len == n ? 0 : ERR_MALFORMED;
}

/* The kid is kept as text: checked as hexadecimal, stored in lower case. */
static int kid_parse(const char *text, struct auth_revocation *out)
{
	uint8_t raw[AUTH_KID_LEN / 2];
	char kid[AUTH_KID_LEN + 1];
	size_t len;
	if (hex_decode(text, strlen(text), raw, sizeof(raw), &len) != 0 || len != sizeof(raw))
		return ERR_MALFORMED;
	hex_encode(raw, sizeof(raw), kid);
	memcpy(out->id, kid, AUTH_KID_LEN);
	return 0;
}

static int id_parse(const char *member, const char *text, struct auth_revocation *out)
{
	if (strcmp(member, "username") == 0)
		return username_parse(text, out);
	if (strcmp(member, "jti") == 0) {
		out->kind = AUTH_REVOKE_JTI;
		return hex_parse(text, AUTH_JTI_LEN, out);
	}
	if (strcmp(member, "subject") == 0) {
		out->kind = AUTH_REVOKE_SUBJECT;
		return hex_parse(text, AUTH_SUBJECT_LEN, out);
	}
	out->kind = AUTH_REVOKE_KID;
	return kid_parse(text, out);
}

/* The longest that anything revoked now can still be valid, when the request does not say. */
static uint64_t until_default(
	const struct mras_config *c, const struct auth_revocation *r, uint64_t now_s)
{
	uint64_t minutes =
		c != NULL && c->max_duration_min != 0 ? c->max_duration_min : MRAS_DURATION_DEFAULT;
	if (r->until_s != 0) /* a user name: its own expiry; a session may outlive it */
		return (r->until_s > now_s ? r->until_s : now_s) + MARGIN_S;
	if (r->kind == AUTH_REVOKE_KID)
		return now_s + UNTIL_MAX_S;
	return now_s + minutes * 60 + MARGIN_S;
}

static int until_parse(
	const json_t *o, const struct mras_config *c, uint64_t now_s, struct auth_revocation *out)
{
	const json_t *v = json_object_get(o, "until");
	if (v == NULL)
		out->until_s = until_default(c, out, now_s);
	else if (json_is_integer(v) && json_integer_value(v) > (json_int_t)now_s)
		out->until_s = (uint64_t)json_integer_value(v);
	else
		return ERR_MALFORMED;
	if (out->until_s > now_s + UNTIL_MAX_S)
		out->until_s = now_s + UNTIL_MAX_S;
	return 0;
}

static int entry_parse(
	const json_t *o, const struct mras_config *c, uint64_t now_s, struct auth_revocation *out)
{
	static const char *const members[] = {"jti", "subject", "kid", "username"};
	unsigned n = 0;
	*out = (struct auth_revocation){0};
	for (size_t i = 0; i < ARRAY_LEN(members); i++) {
		const json_t *v = json_object_get(o, members[i]);
		if (v == NULL)
			continue;
		if (!json_is_string(v) || id_parse(members[i], json_string_value(v), out) != 0)
			return ERR_MALFORMED;
		n++;
	}
	return n == 1 ? until_parse(o, c, now_s, out) : ERR_MALFORMED;
}

/* ---- POST /mras/v1/revocations ---- */

/* False when this node has no keys; the request has been answered then. */
static bool require_auth(struct api_call *c)
{
	if (c->auth == NULL)
		api_reply_result(c, MRAS_NOT_SUPPORTED, "this node has no keys");
	return c->auth != NULL;
}

static void revoke(struct api_call *c, const struct auth_revocation *list, size_t n)
{
	int code = c->api->config.revoke(c->api->config.arg, c->tenant, list, n);
	if (code != 0) {
		log_error(LOG_API, "revocations were not taken", "error=\"%s\"", err_text(code));
		api_reply_result(c, MRAS_INTERNAL, "the revocations could not be taken");
		return;
	}
	metrics_add(c->api->config.cells, API_REVOKED, n);
	api_reply_json(c, 200, json_pack("{s:I}", "accepted", (json_int_t)n));
}

static void revoke_parsed(struct api_call *c, const json_t *list)
{
	const struct mras_config *config = mras_service_config(c->api->mras);
	uint64_t now_s = http_request_clock(c->r)->wall_s;
	size_t n = json_array_size(list);
	if (n == 0 || n > REVOCATIONS_MAX) {
		api_reply_result(c, n == 0 ? MRAS_MALFORMED : MRAS_TOO_LARGE,
			"\"revocations\" is not a list of 1 to 1000 entries");
		return;
	}
	struct auth_revocation *entries = calloc(n, sizeof(*entries));
	size_t good = 0;
	while (entries != NULL && good < n &&
		entry_parse(json_array_get(list, good), config, now_s, &entries[good]) == 0)
		good++;
	if (entries == NULL)
		api_reply_result(c, MRAS_INTERNAL, "out of memory");
	else if (good < n)
		api_reply_result(c, MRAS_MALFORMED,
			"an entry has not exactly one of jti, subject, kid and username in the "
			"right form, or an \"until\" that has passed");
	else
		revoke(c, entries, n);
	free(entries);
}

void api_on_revoke(struct http_request *r, void *arg)
{
	struct api_call c;
	api_call_init(&c, arg, r);
	if (!api_require(&c, MRAS_ADMIN) || !require_auth(&c))
		return;
	json_t *root = api_body_json(&c);
	if (root == NULL)
		return;
	revoke_parsed(&c, json_object_get(root, "revocations"));
	json_decref(root);
}

/* ---- GET ---- */

static json_t *revocation_json(const struct auth_revocation *r)
{
	char hex[2 * AUTH_SUBJECT_LEN + 1];
	json_int_t until = (json_int_t)r->until_s;
	if (r->kind == AUTH_REVOKE_KID)
		return json_pack(
			"{s:s#, s:I}", "kid", (const char *)r->id, AUTH_KID_LEN, "until", until);
	bool is_jti = r->kind == AUTH_REVOKE_JTI;
	hex_encode(r->id, is_jti ? AUTH_JTI_LEN : AUTH_SUBJECT_LEN, hex);
	return json_pack("{s:s, s:I}", is_jti ? "jti" : "subject", hex, "until", until);
}

void api_on_revocations(struct http_request *r, void *arg)
{
	struct api_call c;
	struct auth_revocation entry;
	api_call_init(&c, arg, r);
	if (!api_require(&c, MRAS_ADMIN) || !require_auth(&c))
		return;
	json_t *list = json_array();
	for (size_t i = 0; auth_snapshot_revocation(c.auth, i, &entry); i++) {
		if (entry.until_s > http_request_clock(r)->wall_s)
			(void)json_array_append_new(list, revocation_json(&entry));
	}
	api_reply_json(&c, 200, json_pack("{s:o}", "revocations", list));
}

static json_t *key_json(const struct auth_key_info *k)
{
	return json_pack("{s:s, s:b, s:I, s:I}", "kid", k->kid, "signing", k->is_signing,
		"signFrom", (json_int_t)k->sign_from, "verifyUntil", (json_int_t)k->verify_until);
}

json_t *api_keys_json(const struct auth_snapshot *auth, uint64_t now_s)
{
	struct auth_key_info key;
	json_t *list = json_array();
	for (size_t i = 0; auth != NULL && auth_snapshot_key(auth, i, now_s, &key); i++)
		(void)json_array_append_new(list, key_json(&key));
	return list;
}

void api_on_keys(struct http_request *r, void *arg)
{
	struct api_call c;
	api_call_init(&c, arg, r);
	if (!api_require(&c, MRAS_ADMIN) || !require_auth(&c))
		return;
	api_reply_json(&c, 200,
		json_pack("{s:s, s:o}", "realm", auth_snapshot_realm(c.auth), "keys",
			api_keys_json(c.auth, http_request_clock(r)->wall_s)));
}
