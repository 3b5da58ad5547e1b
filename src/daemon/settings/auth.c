/* SPDX-License-Identifier: BSD-3-Clause */
/* From options to keys: one snapshot for each tenant. */
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "../revocations.h"
#include "settings_priv.h"

/* A shared secret is a line of text: the newline that an editor leaves is not part of it. */
static const char *read_line(struct settings *s, const char *path)
{
	char *text = settings_take(s, 1, 1024);
	FILE *f = fopen(path, "re");
	size_t n = 0;

	if (f && text)
		n = fread(text, 1, 1023, f);
	if (f)
		fclose(f);
	while (n > 0 && (text[n - 1] == '\n' || text[n - 1] == '\r'))
		text[--n] = '\0';
	return n > 0 ? text : NULL;
}

static int read_rest_secrets(
	struct settings *s, const struct conf_list *files, struct auth_config *c)
{
	const char *const *path = files->items;
	const char **text = settings_take(s, files->n, sizeof(*text));

	if (!text)
		return -ENOMEM;
	for (size_t i = 0; i < files->n; i++) {
		text[i] = read_line(s, path[i]);
		if (text[i])
			continue;
		conf_fail(s->doc, &path[i],
			"cannot read a secret from %s; it must hold one line of text", path[i]);
		return ERR_CONFIG;
	}
	c->rest_secrets = text;
	c->n_rest_secrets = files->n;
	return 0;
}

/* The option that WHY speaks of: it begins with the file of the key that is wrong. */
static const void *key_field(const struct conf_list *keys, const char *why)
{
	const struct options_key *k = keys->items;

	for (size_t i = 0; i < keys->n; i++) {
		const char *const *file =
			k[i].secret_file ? &k[i].secret_file : &k[i].derive_from_key;
		if (strncmp(why, *file, strlen(*file)) == 0)
			return file;
	}
	return keys;
}

static void say_key(struct settings *s, const struct conf_list *keys, int rc, const char *why)
{
	const char *hint = rc == -ENOENT ? "; make one: (umask 077; openssl rand 32 > FILE)" : "";

	conf_fail(s->doc, key_field(keys, why), "%s%s", why[0] ? why : err_text(rc), hint);
}

/* What is wrong is said at the option that has the key. */
static int read_token_key(
	struct settings *s, const struct options_oauth_key *o, struct auth_token_key *out)
{
	const char *text = o->key ? o->key : read_line(s, o->key_file);
	const char *const *field = o->key ? &o->key : &o->key_file;
	uint8_t key[256];
	size_t len = 0;

	*out = (struct auth_token_key){.verify_until = o->verify_until};
	out->algorithm = o->algorithm == 0 ? CRYPTO_AES_256_GCM : CRYPTO_AES_128_GCM;
	/* Its length was checked when the file was loaded. */
	memcpy(out->kid, o->kid, strlen(o->kid) + 1);
	size_t want = crypto_aead_key_len(out->algorithm);
	if (!text || base64_decode(text, strlen(text), key, sizeof(key), &len) != 0)
		conf_fail(s->doc, field, "the key \"%s\" is no base64", o->kid);
	else if (len != want)
		conf_fail(s->doc, field,
			"the key \"%s\" has %zu bytes, its algorithm takes %zu; servers that take "
			"longer ones use their first bytes alone",
			o->kid, len, want);
	else
		memcpy(out->key, key, want);
	crypto_wipe(key, sizeof(key));
	return len == want ? 0 : ERR_CONFIG;
}

static int read_token_keys(
	struct settings *s, const struct conf_list *from, struct auth_token_key *out)
{
	const struct options_oauth_key *o = from->items;

	for (size_t i = 0; i < from->n; i++) {
		int rc = read_token_key(s, &o[i], &out[i]);
		if (rc != 0)
			return rc;
	}
	return 0;
}

static int read_revocations(struct settings *s, const char *const *file, struct auth_config *c,
	struct auth_revocation **out)
{
	char why[CRYPTO_WHY_LEN] = "";

	*out = NULL;
	if (!*file)
		return 0;
	int rc = revocations_load(*file, out, &c->n_revocations, why);
	if (rc != 0)
		conf_fail(s->doc, file, "%s", why);
	c->revocations = *out;
	return rc;
}

int settings_auth_make(
	struct settings *s, const struct settings_auth_source *from, struct auth_snapshot **out)
{
	const struct options_mras *m = &s->options->mras;
	const struct options_key *k = from->keys->items;
	struct auth_key_config keys[AUTH_KEYS_MAX];
	struct auth_token_key token_keys[AUTH_TOKEN_KEYS_MAX];
	struct auth_revocation *revoked;
	char why[CRYPTO_WHY_LEN] = "";
	struct auth_config c = {
		.realm = from->realm,
		.keys = keys,
		.n_keys = from->keys->n,
		.turn_rest = m->turn_rest,
		.nonce_lifetime_s = m->nonce_lifetime_s,
		.clock_skew_s = m->clock_skew_s,
		.session_grace_s = m->session_grace_s,
		.sha256 = s->options->edge.sha256,
		.node = (unsigned)s->options->edge.node,
		.token_keys = token_keys,
		.n_token_keys = from->oauth_keys->n,
		.token_server = from->oauth_server,
	};

	for (size_t i = 0; i < from->keys->n; i++)
		keys[i] = (struct auth_key_config){
			k[i].secret_file, k[i].derive_from_key, k[i].sign_from, k[i].verify_until};
	int rc = read_rest_secrets(s, from->rest_secrets, &c);
	if (rc == 0)
		rc = read_token_keys(s, from->oauth_keys, token_keys);
	if (rc == 0)
		rc = read_revocations(s, from->revocation_file, &c, &revoked);
	if (rc == 0) {
		rc = auth_snapshot_create(&c, out, why);
		free(revoked);
		if (rc != 0)
			say_key(s, from->keys, rc, why);
	}
	crypto_wipe(token_keys, sizeof(token_keys));
	return rc;
}
