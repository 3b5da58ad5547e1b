/* SPDX-License-Identifier: BSD-3-Clause */
/* Digest: the examples of RFC 2617 §3.5 and RFC 7616 §3.9, challenges, credentials and nonces. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>
#include <sallyport/sip.h>

static char buf[2048];

static struct sip_auth decode(const char *value)
{
	struct sip_auth a;
	assert_int_equal(sip_auth_decode(sip_str_c(value), &a), 0);
	return a;
}

static void expect(struct sip_str s, const char *text)
{
	assert_non_null(s.at);
	assert_int_equal(s.len, strlen(text));
	assert_memory_equal(s.at, text, s.len);
}

#define MUFASA(algorithm, response)                                                                \
	"Digest username=\"Mufasa\", realm=\"http-auth@example.org\", uri=\"/dir/index.html\", "   \
	"algorithm=" algorithm ", "                                                                \
	"nonce=\"7ypf/xlj9XXwfDPEoM4URrv/xwf94BcCAzFZH4GiTo0v\", nc=00000001, "                    \
	"cnonce=\"f2/wE4q74E6zIJEtWaHKaf5wv/H5QzzpXusqGemxURZJ\", qop=auth, "                      \
	"response=\"" response "\", opaque=\"FQhe/qaU925kfnzjCev0ciny7QMkPqMAFRtzCUYo5tdS\""

static bool is_right(const char *value, const char *realm, const char *password)
{
	struct sip_auth a = decode(value);
	char secret[SIP_DIGEST_HEX];
	sip_digest_secret(
		a.algorithm, sip_str_c("Mufasa"), sip_str_c(realm), sip_str_c(password), secret);
	return sip_digest_check(&a, secret, sip_str_c("GET"), SIP_NONE);
}

/* RFC 7616 §3.9.1: both algorithms over the same challenge. */
static void examples_of_rfc7616_are_right(void **state)
{
	const char *realm = "http-auth@example.org", *password = "Circle of Life";
	assert_true(is_right(MUFASA("MD5", "8ca523f5e9506fed4657c9700eebdbec"), realm, password));
	assert_true(is_right(MUFASA("SHA-256", "753927fa0e85d155564e2e272a28d1802ca10daf449"
					       "6794697cf8db5856cb6c1"),
		realm, password));
	assert_true(is_right(MUFASA("MD5", "8CA523F5E9506FED4657C9700EEBDBEC"), realm, password));
	assert_false(is_right(MUFASA("MD5", "8ca523f5e9506fed4657c9700eebdbed"), realm, password));
	assert_false(is_right(MUFASA("MD5", "8ca523f5e9506fed4657c9700eebdbe"), realm, password));
	assert_false(is_right(MUFASA("MD5", ""), realm, password));
	assert_false(is_right(MUFASA("MD5", "8ca523f5e9506fed4657c9700eebdbec"), realm, "circle"));
	assert_false(
		is_right(MUFASA("SHA-512", "8ca523f5e9506fed4657c9700eebdbec"), realm, password) ||
		decode(MUFASA("SHA-512", "")).algorithm != SIP_DIGEST_OTHER);
}

/* RFC 2617 §3.5; without qop the computation of RFC 2069, from the same values. */
static void rfc2617_is_right_with_and_without_qop(void **state)
{
	const char *realm = "testrealm@host.com", *password = "Circle Of Life";
	assert_true(is_right("Digest username=\"Mufasa\",realm=\"testrealm@host.com\","
			     "nonce=\"dcd98b7102dd2f0e8b11d0f600bfb0c093\",uri=\"/dir/index.html\","
			     "qop=auth,nc=00000001,cnonce=\"0a4f113b\","
			     "response=\"6629fae49393a05397450978507c4ef1\"",
		realm, password));
	assert_true(is_right("Digest username=\"Mufasa\",realm=\"testrealm@host.com\","
			     "nonce=\"dcd98b7102dd2f0e8b11d0f600bfb0c093\",uri=\"/dir/index.html\","
			     "response=\"670fd8c2df070c60b045671b8b24ff02\"",
		realm, password));
}

static void challenge_is_taken_apart(void **state)
{
	struct sip_auth a =
		decode("digest realm=\"a \\\"b\\\"\", nonce=\"n\", stale=TRUE,\r\n "
		       "qop=\"auth, auth-int,new\", algorithm=sha-256, opaque=\"\", x=y");
	assert_true(a.is_digest && a.is_stale);
	expect(a.realm, "a \\\"b\\\"");
	expect(a.opaque, "");
	assert_int_equal(a.qop, SIP_QOP_AUTH | SIP_QOP_AUTH_INT | SIP_QOP_OTHER);
	assert_int_equal(a.algorithm, SIP_DIGEST_SHA256);
	assert_int_equal(decode("Digest realm=\"a\"").algorithm, SIP_DIGEST_MD5);
	assert_int_equal(decode("Digest algorithm=token").algorithm, SIP_DIGEST_OTHER);
	expect(decode("Basic QWxhZGRpbg==").params, "QWxhZGRpbg==");

	static const char *const bad[] = {"", "Digest", "Digest ", "Digest realm",
		"Digest realm=", "Digest realm=\"a", "Digest realm=\"a\",",
		"Digest realm=\"a\" nonce=\"b\"", "Digest nc=1", "Digest nc=0000000g",
		"Digest realm=\"a\",realm=\"b\"", "Digest nonce=a,,x=y",
		"Digest nonce=\"a\r\n b\""};
	for (size_t i = 0; i < ARRAY_LEN(bad); i++)
		assert_int_equal(sip_auth_decode(sip_str_c(bad[i]), &a), ERR_MALFORMED);
	assert_int_equal(sip_auth_info_decode(sip_str_c("nextnonce=\"n\", qop=auth"), &a), 0);
	expect(a.nextnonce, "n");
}

static const char *written(struct sip_writer *w)
{
	assert_false(w->failed);
	buf[w->len] = 0;
	return buf;
}

static void challenge_is_written(void **state)
{
	struct sip_writer w;
	sip_write_begin(&w, buf, sizeof(buf) - 1);
	sip_write_challenge(&w, SIP_HEADER_WWW_AUTHENTICATE, sip_str_c("a\"b"), sip_str_c("n"),
		SIP_DIGEST_SHA256, true);
	assert_string_equal(written(&w), "WWW-Authenticate: Digest realm=\"a\\\"b\", nonce=\"n\", "
					 "algorithm=SHA-256, qop=\"auth\", stale=true\r\n");
}

/* What a client writes for any challenge that we know, a server finds right. */
static void credentials_answer_their_challenge(void **state)
{
	static const char *const challenges[] = {
		"Digest realm=\"r\", nonce=\"n\"",
		"Digest realm=\"r\", nonce=\"n\", qop=\"auth\"",
		"Digest realm=\"r\", nonce=\"n\", qop=\"auth-int\", opaque=\"o \\\"\"",
		"Digest realm=\"r\", nonce=\"n\", qop=\"auth-int,auth\", algorithm=MD5",
		"Digest realm=\"r\", nonce=\"n\", algorithm=MD5-sess",
		"Digest realm=\"r\", nonce=\"n\", algorithm=SHA-256",
		"Digest realm=\"r\", nonce=\"n\", qop=\"auth\", algorithm=SHA-256-sess",
	};
	char secret[SIP_DIGEST_HEX];
	struct sip_str body = sip_str_c("v=0"), method = sip_str_c("INVITE");
	for (size_t i = 0; i < ARRAY_LEN(challenges); i++) {
		struct sip_auth challenge = decode(challenges[i]);
		struct sip_credentials c = {.username = sip_str_c("bob"),
			.secret = secret,
			.cnonce = sip_str_c("0a4f113b"),
			.nc = 0x1f,
			.method = method,
			.uri = sip_str_c("sip:b@h"),
			.body = body};
		struct sip_writer w;
		sip_digest_secret(challenge.algorithm, c.username, challenge.realm,
			sip_str_c("secret"), secret);
		sip_write_begin(&w, buf, sizeof(buf) - 1);
		sip_write_credentials(&w, SIP_HEADER_PROXY_AUTHORIZATION, &challenge, &c);
		print_message("%s", written(&w));

		struct sip_auth a = decode(buf + strlen("Proxy-Authorization: "));
		assert_true(sip_digest_check(&a, secret, method, body));
		assert_false(sip_digest_check(&a, secret, sip_str_c("BYE"), body));
		assert_int_equal(sip_digest_check(&a, secret, method, sip_str_c("v=1")),
			a.qop != SIP_QOP_AUTH_INT);
		if (a.qop != SIP_QOP_NONE)
			expect(a.nc, "0000001f");
		expect(a.username, "bob");
	}
}

static void what_cannot_be_answered_fails(void **state)
{
	static const char *const challenges[] = {"Basic x", "Digest realm=\"r\"",
		"Digest nonce=\"n\"", "Digest realm=\"r\", nonce=\"n\", algorithm=SHA-512-256",
		"Digest realm=\"r\", nonce=\"n\", qop=\"new\""};
	struct sip_credentials c = {.username = sip_str_c("bob"),
		.secret = "s",
		.cnonce = sip_str_c("c"),
		.nc = 1,
		.method = sip_str_c("INVITE"),
		.uri = sip_str_c("sip:b@h")};
	for (size_t i = 0; i < ARRAY_LEN(challenges); i++) {
		struct sip_auth challenge = decode(challenges[i]);
		struct sip_writer w;
		sip_write_begin(&w, buf, sizeof(buf));
		sip_write_credentials(&w, SIP_HEADER_AUTHORIZATION, &challenge, &c);
		assert_true(w.failed);
	}
}

static struct crypto_hmac_key key;

static enum sip_nonce check(const char *nonce, uint64_t now_s, const char *bound)
{
	return sip_nonce_check(&key, now_s, 60, bytes_str(bound), sip_str_c(nonce));
}

static void nonce_is_fresh_then_stale(void **state)
{
	char nonce[SIP_NONCE_LEN + 1], other[SIP_NONCE_LEN + 1];
	crypto_hmac_key_init(&key, CRYPTO_SHA256, "k", 1);
	sip_nonce_make(&key, 1000, 7, bytes_str("a"), nonce);
	assert_int_equal(strlen(nonce), SIP_NONCE_LEN);
	assert_int_equal(check(nonce, 1000, "a"), SIP_NONCE_FRESH);
	assert_int_equal(check(nonce, 999, "a"), SIP_NONCE_FRESH);
	assert_int_equal(check(nonce, 1060, "a"), SIP_NONCE_FRESH);
	assert_int_equal(check(nonce, 1061, "a"), SIP_NONCE_STALE);
	assert_int_equal(check(nonce, 900, "a"), SIP_NONCE_STALE);
	sip_nonce_make(&key, 1000, 8, bytes_str("a"), other);
	assert_string_not_equal(nonce, other);
}

static void forged_nonce_is_neither(void **state)
{
	char nonce[SIP_NONCE_LEN + 2], copy[SIP_NONCE_LEN + 2];
	crypto_hmac_key_init(&key, CRYPTO_SHA256, "k", 1);
	sip_nonce_make(&key, 1000, 7, bytes_str("a"), nonce);
	assert_int_equal(check(nonce, 1000, "b"), SIP_NONCE_FORGED);
	assert_int_equal(check("", 1000, "a"), SIP_NONCE_FORGED);
	for (size_t i = 0; i < SIP_NONCE_LEN; i++) {
		memcpy(copy, nonce, sizeof(copy));
		copy[i] = copy[i] == 'A' ? 'B' : 'A';
		assert_int_equal(check(copy, 1000, "a"), SIP_NONCE_FORGED);
		copy[i] = 0;
		assert_int_equal(check(copy, 1000, "a"), SIP_NONCE_FORGED);
	}
	memcpy(copy, nonce, SIP_NONCE_LEN);
	strcpy(copy + SIP_NONCE_LEN, "A");
	assert_int_equal(check(copy, 1000, "a"), SIP_NONCE_FORGED);
	crypto_hmac_key_init(&key, CRYPTO_SHA256, "l", 1);
	assert_int_equal(check(nonce, 1000, "a"), SIP_NONCE_FORGED);
}

int main(void)
{
	const struct CMUnitTest t[] = {
		cmocka_unit_test(examples_of_rfc7616_are_right),
		cmocka_unit_test(rfc2617_is_right_with_and_without_qop),
		cmocka_unit_test(challenge_is_taken_apart),
		cmocka_unit_test(challenge_is_written),
		cmocka_unit_test(credentials_answer_their_challenge),
		cmocka_unit_test(what_cannot_be_answered_fails),
		cmocka_unit_test(nonce_is_fresh_then_stale),
		cmocka_unit_test(forged_nonce_is_neither),
	};
	return cmocka_run_group_tests(t, NULL, NULL) != 0;
}
