/* SPDX-License-Identifier: BSD-3-Clause */
/* The key schedule (docs/credentials.md, "Keys") and the ring. */
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>
#include <sys/stat.h>
#include "key.h"

#define SECRET_MIN 32
#define SECRET_MAX 4096
#define SALT       "edge-mras v1"

_Static_assert(SECRET_MAX >= CRYPTO_CANONICAL_MAX, "one buffer takes both kinds of secret");

/* ---- secret files ---- */

static int refuse(char *why, const char *path, const char *text)
{
	snprintf(why, CRYPTO_WHY_LEN, "%s %s", path, text);
	return ERR_BAD_KEY;
}

static int refuse_errno(char *why, const char *path)
{
	int rc = -errno;
	snprintf(why, CRYPTO_WHY_LEN, "%s: %s%s", path, strerror(-rc),
		rc == -EACCES ? "; it must be its owner's alone, and the daemon's user that owner"
			      : "");
	return rc;
}

static int check_secret_file(int fd, const char *path, char *why)
{
	struct stat st;
	if (fstat(fd, &st) < 0)
		return refuse_errno(why, path);
	if (!S_ISREG(st.st_mode))
		return refuse(why, path, "is not a regular file");
	if (st.st_mode & (S_IRWXG | S_IRWXO))
		return refuse(why, path, "is open to others than its owner; use chmod 600");
	return 0;
}

static int read_all(int fd, const char *path, uint8_t *out, size_t cap, size_t *len, char *why)
{
	*len = 0;
	while (*len < cap) {
		ssize_t n = read(fd, out + *len, cap - *len);
		if (n < 0 && errno == EINTR)
			continue;
		if (n < 0)
			return refuse_errno(why, path);
		if (n == 0)
			break;
		*len += (size_t)n;
	}
	return 0;
}

/* OUT holds SECRET_MAX + 1 bytes. Nothing is stripped: a trailing newline is part of the secret. */
static int read_secret(const char *path, uint8_t *out, size_t *len, char *why)
{
	int fd = open(path, O_RDONLY | O_CLOEXEC | O_NONBLOCK);
	if (fd < 0)
		return refuse_errno(why, path);
	int rc = check_secret_file(fd, path, why);
	if (rc == 0)
		rc = read_all(fd, path, out, SECRET_MAX + 1, len, why);
	close(fd);
	if (rc == 0 && *len < SECRET_MIN)
		rc = refuse(why, path,
			"holds less than 32 bytes; write a new one with: openssl rand -hex 32");
	if (rc == 0 && *len > SECRET_MAX)
		rc = refuse(why, path, "holds more than 4096 bytes");
	return rc;
}

/* ---- derivation ---- */

static void derive_hmac_key(const uint8_t prk[32], const char *label, struct crypto_hmac_key *out)
{
	uint8_t key[32];
	crypto_hkdf_expand(prk, label, key, sizeof(key));
	crypto_hmac_key_init(out, CRYPTO_SHA256, key, sizeof(key));
	crypto_wipe(key, sizeof(key));
}

/* The REST form's secret is text, so that it could be handed to a back end as it stands. */
static void derive_rest_key(const uint8_t prk[32], struct crypto_hmac_key *out)
{
	uint8_t key[32];
	char text[BASE64_LEN(sizeof(key)) + 1];
	crypto_hkdf_expand(prk, "turn-rest", key, sizeof(key));
	size_t len = base64_encode(key, sizeof(key), text);
	crypto_hmac_key_init(out, CRYPTO_SHA1, text, len);
	crypto_wipe(text, sizeof(text));
	crypto_wipe(key, sizeof(key));
}

static void derive(const uint8_t *ikm, size_t len, struct auth_key *out)
{
	uint8_t prk[32], kid[AUTH_KID_LEN / 2];
	crypto_hkdf_extract(SALT, strlen(SALT), ikm, len, prk);
	crypto_hkdf_expand(prk, "kid", kid, sizeof(kid));
	hex_encode(kid, sizeof(kid), out->kid);
	derive_hmac_key(prk, "m1 password", &out->password);
	derive_hmac_key(prk, "subject", &out->subject);
	derive_hmac_key(prk, "nonce", &out->nonce);
	derive_rest_key(prk, &out->rest);
	crypto_wipe(prk, sizeof(prk));
}

static int check_config(const struct auth_key_config *c, char *why)
{
	const char *text = NULL;
	if ((c->secret_file == NULL) == (c->derive_from_key == NULL))
		text = "a key needs either a secret file or a private key to derive it from";
	else if (c->verify_until != 0 && c->verify_until <= c->sign_from)
		text = "a key would end to verify before it begins to sign";
	if (text == NULL)
		return 0;
	snprintf(why, CRYPTO_WHY_LEN, "%s", text);
	return ERR_CONFIG;
}

static int load_key(const struct auth_key_config *c, struct auth_key *out, char *why)
{
	int rc = check_config(c, why);
	if (rc < 0)
		return rc;
	uint8_t ikm[SECRET_MAX + 1];
	size_t len = 0;
	if (c->secret_file)
		rc = read_secret(c->secret_file, ikm, &len, why);
	else
		rc = crypto_key_canonical(c->derive_from_key, ikm, sizeof(ikm), &len, why);
	if (rc == 0) {
		derive(ikm, len, out);
		out->sign_from = c->sign_from;
		out->verify_until = c->verify_until;
	}
	crypto_wipe(ikm, sizeof(ikm));
	return rc;
}

/* ---- the ring ---- */

/* Puts K behind all keys that are as new or newer. */
static void insert(struct auth_ring *r, const struct auth_key *k)
{
	size_t i = r->n_keys++;
	for (; i > 0 && r->keys[i - 1].sign_from < k->sign_from; i--)
		r->keys[i] = r->keys[i - 1];
	r->keys[i] = *k;
}

static bool has_kid(const struct auth_ring *r, const char *kid)
{
	for (size_t i = 0; i < r->n_keys; i++)
		if (strcmp(r->keys[i].kid, kid) == 0)
			return true;
	return false;
}

int auth_ring_load(struct auth_ring *r, const struct auth_key_config *c, size_t n, char *why)
{
	r->n_keys = 0;
	if (n == 0 || n > AUTH_KEYS_MAX) {
		snprintf(why, CRYPTO_WHY_LEN, "there must be 1 to %d keys, not %zu", AUTH_KEYS_MAX,
			n);
		return ERR_CONFIG;
	}
	struct auth_key k;
	int rc = 0;
	for (size_t i = 0; i < n && rc == 0; i++) {
		rc = load_key(&c[i], &k, why);
		if (rc < 0)
			break;
		if (has_kid(r, k.kid)) {
			snprintf(why, CRYPTO_WHY_LEN,
				"%s gives key %s, which another entry gives too",
				c[i].secret_file ? c[i].secret_file : c[i].derive_from_key, k.kid);
			rc = ERR_EXISTS;
			break;
		}
		insert(r, &k);
	}
	crypto_wipe(&k, sizeof(k));
	return rc;
}

/* A key whose time to sign is still to come verifies already: another member's clock may be ahead.
 */
bool auth_key_verifies(const struct auth_key *k, uint64_t now_s)
{
	return k->verify_until == 0 || now_s < k->verify_until;
}

const struct auth_key *auth_ring_signing(const struct auth_ring *r, uint64_t now_s)
{
	for (size_t i = 0; i < r->n_keys; i++) {
		const struct auth_key *k = &r->keys[i];
		if (k->sign_from <= now_s && auth_key_verifies(k, now_s))
			return k;
	}
	return NULL;
}

const struct auth_key *auth_ring_find(
	const struct auth_ring *r, const char kid[AUTH_KID_LEN], uint64_t now_s)
{
	for (size_t i = 0; i < r->n_keys; i++) {
		const struct auth_key *k = &r->keys[i];
		if (memcmp(k->kid, kid, AUTH_KID_LEN) == 0)
			return auth_key_verifies(k, now_s) ? k : NULL;
	}
	return NULL;
}
