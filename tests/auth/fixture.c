/* SPDX-License-Identifier: BSD-3-Clause */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <cmocka.h>
#include <openssl/obj_mac.h>
#include "fixture.h"

/* SHA-256("edge test key") mod (n - 1) + 1. */
const uint8_t vector_d[32] = {0x16, 0xea, 0x1a, 0x9d, 0x28, 0xac, 0xd1, 0xc2, 0x09, 0x65, 0xa8,
	0x2f, 0xff, 0xe6, 0xd5, 0x70, 0x00, 0x9c, 0x5c, 0x35, 0x25, 0x33, 0xe0, 0xa7, 0x6f, 0x84,
	0x82, 0x91, 0x96, 0x0e, 0x4c, 0x9b};

int fixture_setup(void **state)
{
	struct fixture *f = calloc(1, sizeof(*f));
	if (f == NULL)
		return -1;
	*state = f;
	pki_dir_create(&f->dir);
	pki_path(&f->dir, "key.pem", f->path);
	pki_path(&f->dir, "secret-1", f->secret[0]);
	pki_path(&f->dir, "secret-2", f->secret[1]);
	pki_write(f->secret[0], "0123456789abcdef0123456789abcdef", 32, 0600);
	pki_write(f->secret[1], "fedcba9876543210fedcba9876543210", 32, 0600);
	EVP_PKEY *key = pki_ec_key_of(NID_X9_62_prime256v1, vector_d, sizeof(vector_d));
	pki_write_pkcs8(f->path, key);
	EVP_PKEY_free(key);

	f->keys[0].derive_from_key = f->path;
	f->keys[1].secret_file = f->secret[0];
	f->keys[2].secret_file = f->secret[1];
	f->rest_secrets[0] = "first";
	f->rest_secrets[1] = "second";
	f->config = (struct auth_config){
		.realm = VECTOR_REALM,
		.keys = f->keys,
		.n_keys = 1,
		.turn_rest = true,
		.rest_secrets = f->rest_secrets,
		.n_rest_secrets = ARRAY_LEN(f->rest_secrets),
		.nonce_lifetime_s = 600,
		.clock_skew_s = 30,
		.session_grace_s = 86400,
	};
	f->query = (struct auth_query){
		.integrity = CRYPTO_SHA1,
		.algorithm = STUN_PASSWORD_MD5,
		.location = AUTH_INTERNET,
		.transport = AUTH_UDP,
	};
	fixture_reload(f);
	return 0;
}

int fixture_teardown(void **state)
{
	struct fixture *f = *state;
	auth_snapshot_put(f->snapshot);
	pki_dir_remove(&f->dir);
	free(f);
	return 0;
}

void fixture_reload(struct fixture *f)
{
	auth_snapshot_put(f->snapshot);
	f->snapshot = NULL;
	assert_int_equal(auth_snapshot_create(&f->config, &f->snapshot, f->why), 0);
	assert_string_equal(f->why, "");
}

void fixture_refuse(struct fixture *f, int rc, const char *word)
{
	struct auth_snapshot *s = NULL;
	assert_int_equal(auth_snapshot_create(&f->config, &s, f->why), rc);
	assert_null(s);
	assert_non_null(strstr(f->why, word));
	assert_null(strchr(f->why, '\n'));
	assert_int_equal(auth_snapshot_create(&f->config, &s, NULL), rc);
}

struct auth_claims fixture_claims(const struct fixture *f)
{
	struct auth_claims c = {.locations = AUTH_INTERNET,
		.transports = AUTH_UDP | AUTH_TCP | AUTH_TLS,
		.max_allocations = 8,
		.kbps = 3000,
		.relays = UINT64_MAX,
		.jti = {1, 2, 3, 4, 5, 6, 7, 8}};
	assert_int_equal(
		auth_subject(f->snapshot, NOW, bytes_str("sip:alice@example.com"), c.subject), 0);
	return c;
}

void fixture_sign(struct fixture *f, const void *username, size_t len, const char *password)
{
	static const uint8_t tid[STUN_TID_LEN] = "transaction";
	struct stun_writer w;
	struct stun_key key;
	struct crypto_hmac_key hmac;
	size_t total;
	stun_key_long_term(f->query.algorithm, bytes_of(username, len), bytes_str(f->config.realm),
		bytes_str(password), &key);
	crypto_hmac_key_init(&hmac, f->query.integrity, key.bytes, key.len);
	stun_write_begin(&w, f->buf, sizeof(f->buf), STUN_REQUEST, STUN_ALLOCATE, tid);
	stun_write_transport(&w, 17);
	stun_write_bytes(&w, STUN_USERNAME, username, len);
	stun_write_bytes(&w, STUN_REALM, f->config.realm, strlen(f->config.realm));
	stun_write_integrity(&w, f->query.integrity, &hmac);
	assert_int_equal(stun_write_end(&w, &total), 0);
	assert_int_equal(stun_msg_decode(f->buf, total, &f->msg), 0);
	f->query.msg = &f->msg;
	f->query.username = bytes_of(username, len);
}

enum auth_reason fixture_check(
	struct fixture *f, const char *username, const char *password, uint64_t now_s)
{
	fixture_sign(f, username, strlen(username), password);
	f->query.now_s = now_s;
	memset(&f->grant, 0xff, sizeof(f->grant));
	return auth_check(f->snapshot, &f->query, &f->grant);
}
