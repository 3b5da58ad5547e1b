/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * Usernames and nonces from strangers. The first byte picks what the rest is: 'n' a nonce, else a
 * username. For a username the harness knows the key and signs with the right password, so that
 * what only the password guards is reached too; and whatever passes must be the one spelling that
 * minting gives.
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <sallyport/auth.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

#define REALM     "edge.example.com"
#define NOW       UINT64_C(1799996400)
#define SECRET    "0123456789abcdef0123456789abcdef"
#define REST      "static-auth-secret"
#define INPUT_MAX 600 /* longer than any username that passes */

static void require(bool ok, const char *what)
{
	if (ok)
		return;
	fprintf(stderr, "%s\n", what);
	abort();
}

/* A snapshot reads its secret from a file; this one is in memory. */
static struct auth_snapshot *make_snapshot(void)
{
	char path[64], why[CRYPTO_WHY_LEN];
	int fd = memfd_create("secret", MFD_CLOEXEC);
	require(fd >= 0 && fchmod(fd, 0600) == 0, "no file in memory");
	require(write(fd, SECRET, strlen(SECRET)) == (ssize_t)strlen(SECRET), "no secret");
	snprintf(path, sizeof(path), "/proc/self/fd/%d", fd);

	const struct auth_key_config key = {.secret_file = path};
	const char *const rest_secrets[] = {REST};
	const struct auth_config config = {
		.realm = REALM,
		.keys = &key,
		.n_keys = 1,
		.turn_rest = true,
		.rest_secrets = rest_secrets,
		.n_rest_secrets = ARRAY_LEN(rest_secrets),
		.nonce_lifetime_s = 600,
		.clock_skew_s = 30,
		.session_grace_s = 86400,
	};
	struct auth_snapshot *s = NULL;
	require(auth_snapshot_create(&config, &s, why) == 0, why);
	close(fd);
	return s;
}

/* The password that belongs to any bytes, by the definition of the two forms. */
static void make_password(struct bytes username, bool is_rest, char out[64])
{
	uint8_t prk[32], key[32], mac[CRYPTO_HASH_MAX];
	struct crypto_hmac_key k;
	if (is_rest) {
		crypto_hmac_key_init(&k, CRYPTO_SHA1, REST, strlen(REST));
		crypto_hmac(&k, &username, 1, mac);
		base64_encode(mac, CRYPTO_SHA1_LEN, out);
		return;
	}
	crypto_hkdf_extract("edge-mras v1", 12, SECRET, strlen(SECRET), prk);
	crypto_hkdf_expand(prk, "m1 password", key, sizeof(key));
	crypto_hmac_key_init(&k, CRYPTO_SHA256, key, sizeof(key));
	const struct bytes parts[] = {bytes_of("m1", 3), username};
	crypto_hmac(&k, parts, ARRAY_LEN(parts), mac);
	base64url_encode(mac, CRYPTO_SHA256_LEN, out);
}

static enum auth_reason check(const struct auth_snapshot *s, struct bytes username,
	const char *password, struct auth_grant *grant)
{
	static const uint8_t tid[STUN_TID_LEN];
	uint8_t buf[1024];
	size_t len;
	struct stun_writer w;
	struct stun_msg msg;
	struct stun_key key;
	struct crypto_hmac_key hmac;
	stun_key_long_term(
		STUN_PASSWORD_MD5, username, bytes_str(REALM), bytes_str(password), &key);
	crypto_hmac_key_init(&hmac, CRYPTO_SHA1, key.bytes, key.len);
	stun_write_begin(&w, buf, sizeof(buf), STUN_REQUEST, STUN_ALLOCATE, tid);
	stun_write_integrity(&w, CRYPTO_SHA1, &hmac);
	require(stun_write_end(&w, &len) == 0, "a message too small");
	require(stun_msg_decode(buf, len, &msg) == 0, "a message of ours that does not decode");
	const struct auth_query q = {
		.msg = &msg,
		.integrity = CRYPTO_SHA1,
		.algorithm = STUN_PASSWORD_MD5,
		.username = username,
		.location = AUTH_INTERNET,
		.transport = AUTH_UDP,
		.now_s = NOW,
	};
	return auth_check(s, &q, grant);
}

static void require_same_spelling(
	const struct auth_snapshot *s, struct bytes username, const struct auth_grant *g)
{
	struct auth_credential c;
	require(auth_mint_m1(s, NOW, g->expires_s, &g->claims, &c) == 0,
		"passed, but cannot be minted");
	require(bytes_equal(bytes_str(c.username), username), "a second spelling passed");
}

static void fuzz_username(const struct auth_snapshot *s, struct bytes username)
{
	char password[64];
	struct auth_grant grant;
	for (int is_rest = 0; is_rest < 2; is_rest++) {
		make_password(username, is_rest != 0, password);
		enum auth_reason r = check(s, username, password, &grant);
		require(r < AUTH_REASON_COUNT, "no such reason");
		if (r != AUTH_OK)
			continue;
		require(grant.expires_s >= NOW - 30, "an expired credential passed");
		require((grant.form == AUTH_FORM_REST) == (is_rest != 0), "the wrong form passed");
		if (!is_rest)
			require_same_spelling(s, username, &grant);
	}
	require(check(s, username, "wrong", &grant) != AUTH_OK, "a wrong password passed");
}

/* 'n', then an IPv4 address's last byte, then the nonce. */
static void fuzz_nonce(const struct auth_snapshot *s, const uint8_t *data, size_t size)
{
	if (size == 0)
		return;
	struct addr client = addr_ipv4(0xc0000200u | data[0], 3478);
	char made[AUTH_NONCE_LEN + 1];
	auth_nonce_make(s, &client, NOW, made);
	require(auth_nonce_check(s, &client, NOW, bytes_str(made)), "our own nonce failed");
	/* The key is no secret here, but a MAC of 96 bits is not found by chance. */
	struct bytes nonce = bytes_of(data + 1, size - 1);
	if (auth_nonce_check(s, &client, NOW, nonce))
		require(nonce.len == AUTH_NONCE_LEN, "a nonce of another length passed");
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	static struct auth_snapshot *s; /* lives as long as the process */
	if (s == NULL)
		s = make_snapshot();
	if (size == 0 || size > INPUT_MAX)
		return 0;
	if (data[0] == 'n')
		fuzz_nonce(s, data + 1, size - 1);
	else
		fuzz_username(s, bytes_of(data + 1, size - 1));
	return 0;
}
