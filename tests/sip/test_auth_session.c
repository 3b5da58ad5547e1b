/* SPDX-License-Identifier: BSD-3-Clause */
/* A client that is challenged: which challenge it answers, what it keeps, when it gives up. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <cmocka.h>
#include <sallyport/sip.h>

static const struct sip_account account = {"alice", "secret"};

static struct sip_msg message;
static char wire[8192], text[4096];

/* A response with CHALLENGES, whole lines. */
static const struct sip_msg *refused(unsigned status, const char *challenges)
{
	int len = snprintf(wire, sizeof(wire),
		"SIP/2.0 %u No\r\nVia: SIP/2.0/UDP 192.0.2.1;branch=z9hG4bKa\r\n"
		"From: <sip:a@example.com>;tag=a\r\nTo: <sip:a@example.com>;tag=b\r\n"
		"Call-ID: c\r\nCSeq: 1 REGISTER\r\n%sContent-Length: 0\r\n\r\n",
		status, challenges);

	assert_int_equal(sip_msg_decode(wire, (size_t)len, SIP_DATAGRAM, &message), SIP_FINE);
	return &message;
}

/* The lines that the next REGISTER bears. */
static const char *written(struct sip_auth_sessions *s)
{
	struct sip_writer w;

	sip_write_begin(&w, text, sizeof(text) - 1);
	sip_write_auth(
		&w, s, &account, sip_str_c("REGISTER"), sip_str_c("sip:example.com"), SIP_NONE);
	assert_false(w.failed);
	text[w.len] = '\0';
	return text;
}

static struct sip_auth credentials(const char *line)
{
	const char *value = strchr(line, ':') + 2;
	struct sip_auth a;

	assert_int_equal(sip_auth_decode(sip_str_of(value, strcspn(value, "\r")), &a), 0);
	return a;
}

static bool is_right(const struct sip_auth *a)
{
	char secret[SIP_DIGEST_HEX];

	sip_digest_secret(a->algorithm, sip_str_c("alice"), a->realm, sip_str_c("secret"), secret);
	return sip_digest_check(a, secret, sip_str_c("REGISTER"), SIP_NONE);
}

static void nothing_is_written_before_a_challenge(void **state)
{
	struct sip_auth_sessions s = {0};

	assert_string_equal(written(&s), "");
}

static void challenge_is_answered(void **state)
{
	struct sip_auth_sessions s = {0};

	assert_int_equal(sip_auth_take(&s, refused(401, "WWW-Authenticate: Digest realm=\"r\", "
							"nonce=\"n1\", qop=\"auth\", "
							"opaque=\"o\", algorithm=MD5\r\n")),
		0);

	struct sip_auth a = credentials(written(&s));
	assert_true(strncmp(text, "Authorization: ", 15) == 0);
	assert_true(is_right(&a));
	assert_true(sip_str_is(a.nc, "00000001"));
	assert_true(sip_str_is(a.opaque, "o"));
	assert_int_equal(a.qop, SIP_QOP_AUTH);
}

/* RFC 7616 §3.4: the count of a nonce goes up. */
static void next_request_needs_no_challenge(void **state)
{
	struct sip_auth_sessions s = {0};

	(void)sip_auth_take(&s, refused(401, "WWW-Authenticate: Digest realm=\"r\", nonce=\"n1\", "
					     "qop=\"auth\"\r\n"));
	(void)written(&s);

	struct sip_auth a = credentials(written(&s));
	assert_true(is_right(&a));
	assert_true(sip_str_is(a.nc, "00000002"));
}

/* RFC 8760 §2.4: the topmost that the client has. */
static void topmost_known_algorithm_is_taken(void **state)
{
	struct sip_auth_sessions s = {0};

	assert_int_equal(sip_auth_take(&s,
				 refused(401, "WWW-Authenticate: Basic realm=\"r\"\r\n"
					      "WWW-Authenticate: Digest realm=\"r\", nonce=\"n0\", "
					      "qop=\"auth\", algorithm=SHA-512-256\r\n"
					      "WWW-Authenticate: Digest realm=\"r\", nonce=\"n1\", "
					      "qop=\"auth\", algorithm=SHA-256\r\n"
					      "WWW-Authenticate: Digest realm=\"r\", nonce=\"n2\", "
					      "qop=\"auth\", algorithm=MD5\r\n")),
		0);

	struct sip_auth a = credentials(written(&s));
	assert_true(is_right(&a));
	assert_int_equal(a.algorithm, SIP_DIGEST_SHA256);
	assert_true(sip_str_is(a.nonce, "n1"));
}

static void proxy_and_server_are_answered_together(void **state)
{
	struct sip_auth_sessions s = {0};

	(void)sip_auth_take(&s, refused(407, "Proxy-Authenticate: Digest realm=\"p\", "
					     "nonce=\"n1\"\r\n"));
	assert_true(strncmp(written(&s), "Proxy-Authorization: ", 21) == 0);
	(void)sip_auth_take(&s, refused(401, "WWW-Authenticate: Digest realm=\"r\", "
					     "nonce=\"n2\"\r\n"));

	struct sip_auth a = credentials(written(&s));
	assert_true(is_right(&a));
	assert_int_equal(a.qop, SIP_QOP_NONE);
	const char *second = strstr(text, "Proxy-Authorization: ");
	assert_non_null(second);
	a = credentials(second);
	assert_true(is_right(&a));
}

static void same_nonce_again_denies(void **state)
{
	struct sip_auth_sessions s = {0};
	const char *challenge =
		"WWW-Authenticate: Digest realm=\"r\", nonce=\"n1\", qop=\"auth\"\r\n";

	(void)sip_auth_take(&s, refused(401, challenge));
	assert_int_equal(sip_auth_take(&s, refused(401, challenge)), 0); /* not answered yet */
	(void)written(&s);
	assert_int_equal(sip_auth_take(&s, refused(401, challenge)), ERR_DENIED);
}

/* RFC 7616 §3.3: the nonce is old, the password right. */
static void stale_nonce_is_replaced(void **state)
{
	struct sip_auth_sessions s = {0};

	(void)sip_auth_take(&s, refused(401, "WWW-Authenticate: Digest realm=\"r\", nonce=\"n1\", "
					     "qop=\"auth\"\r\n"));
	(void)written(&s);
	assert_int_equal(sip_auth_take(&s, refused(401, "WWW-Authenticate: Digest realm=\"r\", "
							"nonce=\"n2\", qop=\"auth\", "
							"stale=true\r\n")),
		0);

	struct sip_auth a = credentials(written(&s));
	assert_true(is_right(&a));
	assert_true(sip_str_is(a.nonce, "n2"));
	assert_true(sip_str_is(a.nc, "00000001"));
}

static void what_cannot_be_answered_is_not_kept(void **state)
{
	struct sip_auth_sessions s = {0};
	char challenge[2048], nonce[600];

	memset(nonce, 'n', sizeof(nonce) - 1);
	nonce[sizeof(nonce) - 1] = '\0';
	(void)snprintf(challenge, sizeof(challenge),
		"WWW-Authenticate: Digest realm=\"r\", nonce=\"%s\"\r\n", nonce);
	assert_int_equal(sip_auth_take(&s, refused(401, challenge)), ERR_UNSUPPORTED);
	assert_int_equal(sip_auth_take(&s, refused(401, "")), ERR_UNSUPPORTED);
	assert_int_equal(
		sip_auth_take(&s, refused(401, "WWW-Authenticate: Digest nonce=\"n\"\r\n")),
		ERR_UNSUPPORTED);
	assert_int_equal(sip_auth_take(&s, refused(401, "WWW-Authenticate: Digest realm=\"r\", "
							"nonce=\"n\", qop=\"new\"\r\n")),
		ERR_UNSUPPORTED);
	assert_int_equal(sip_auth_take(&s, refused(407, "WWW-Authenticate: Digest realm=\"r\", "
							"nonce=\"n\"\r\n")),
		ERR_UNSUPPORTED);
	assert_string_equal(written(&s), "");
}

int main(void)
{
	const struct CMUnitTest t[] = {
		cmocka_unit_test(nothing_is_written_before_a_challenge),
		cmocka_unit_test(challenge_is_answered),
		cmocka_unit_test(next_request_needs_no_challenge),
		cmocka_unit_test(topmost_known_algorithm_is_taken),
		cmocka_unit_test(proxy_and_server_are_answered_together),
		cmocka_unit_test(same_nonce_again_denies),
		cmocka_unit_test(stale_nonce_is_replaced),
		cmocka_unit_test(what_cannot_be_answered_is_not_kept),
	};
	return cmocka_run_group_tests(t, NULL, NULL) != 0;
}
