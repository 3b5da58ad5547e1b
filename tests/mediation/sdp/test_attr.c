/* SPDX-License-Identifier: BSD-3-Clause */
/* Values of attributes: the examples of their RFCs, and what breaks each definition. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>
#include <cmocka.h>
#include <sallyport/mediation/sdp/attr.h>

#define KEY30 "WVNfX19zZW1jdGwgKCkgewkyMjA7fQp9CnVubGVz" /* RFC 4568 §5.1 */

static struct bytes str(const char *s)
{
	return bytes_str(s);
}

static void assert_text(struct bytes b, const char *text)
{
	assert_int_equal(b.len, strlen(text));
	assert_memory_equal(b.data, text, b.len);
}

static void every_name_is_found_by_itself_alone(void **state)
{
	static const char *const names[] = {"candidate", "connection", "crypto",
		"end-of-candidates", "extmap", "fingerprint", "fmtp", "group", "ice-lite",
		"ice-options", "ice-pwd", "ice-ufrag", "inactive", "label", "maxptime", "mid",
		"ptime", "recvonly", "rtcp", "rtcp-fb", "rtcp-mux", "rtpmap", "sendonly",
		"sendrecv", "setup", "ssrc"};
	char text[64];
	for (size_t i = 0; i < ARRAY_LEN(names); i++) {
		struct sdp_attr a;
		size_t n = strlen(names[i]), offset = 0;
		memcpy(text, "a=", 2);
		memcpy(text + 2, names[i], n);
		assert_true(sdp_attr_next(bytes_of(text, n + 2), &offset, &a));
		assert_int_equal(a.id, SDP_ATTR_CANDIDATE + i);
		assert_text(a.name, names[i]);
		assert_int_equal(a.value.len, 0);
		text[n + 2] = 'x';
		offset = 0;
		assert_true(sdp_attr_next(bytes_of(text, n + 3), &offset, &a));
		assert_int_equal(a.id, SDP_ATTR_OTHER);
	}
}

static void rtpmaps_are_read(void **state)
{
	static const char *const wrong[] = {"", "0", "0 PCMU", "0 PCMU/", "128 PCMU/8000",
		"x PCMU/8000", "0 PCMU/0", "0 PCMU/8000/0", "0 PCMU/8000/256", "0 /8000",
		"0 PC,MU/8000", "0 PCMU/8000/2/3", "0 PCMU/99999999999"};
	struct sdp_rtpmap m;
	assert_int_equal(sdp_rtpmap_decode(str("0 PCMU/8000"), &m), 0);
	assert_int_equal(m.payload, 0);
	assert_text(m.name, "PCMU");
	assert_int_equal(m.clock_hz, 8000);
	assert_int_equal(m.channels, 1);
	assert_int_equal(sdp_rtpmap_decode(str("111 opus/48000/2"), &m), 0);
	assert_int_equal(m.payload, 111);
	assert_int_equal(m.channels, 2);
	assert_int_equal(sdp_rtpmap_decode(str("101  telephone-event/8000 "), &m), 0);
	assert_text(m.name, "telephone-event");
	for (size_t i = 0; i < ARRAY_LEN(wrong); i++)
		assert_int_equal(sdp_rtpmap_decode(str(wrong[i]), &m), ERR_MALFORMED);
}

static void small_values_are_read(void **state)
{
	struct sdp_fmtp f;
	uint16_t ms;
	struct sdp_rtcp_fb fb;
	struct sdp_ssrc ssrc;
	struct sdp_group g;
	struct bytes token;
	assert_int_equal(sdp_fmtp_decode(str("101 0-15,66,70"), &f), 0);
	assert_text(f.format, "101");
	assert_text(f.parameters, "0-15,66,70");
	assert_int_equal(sdp_fmtp_decode(str("101"), &f), ERR_MALFORMED);
	assert_int_equal(sdp_ptime_decode(str("20"), &ms), 0);
	assert_int_equal(ms, 20);
	assert_int_equal(sdp_ptime_decode(str("22.5"), &ms), 0);
	assert_int_equal(ms, 22);
	assert_int_equal(sdp_ptime_decode(str("0"), &ms), ERR_MALFORMED);
	assert_int_equal(sdp_ptime_decode(str("65536"), &ms), ERR_MALFORMED);
	assert_int_equal(sdp_ptime_decode(str("20ms"), &ms), ERR_MALFORMED);
	assert_int_equal(sdp_rtcp_fb_decode(str("* nack pli"), &fb), 0);
	assert_true(fb.is_for_all);
	assert_text(fb.feedback, "nack pli");
	assert_int_equal(sdp_rtcp_fb_decode(str("96 transport-cc"), &fb), 0);
	assert_int_equal(fb.payload, 96);
	assert_int_equal(sdp_rtcp_fb_decode(str("96"), &fb), ERR_MALFORMED);
	assert_int_equal(sdp_ssrc_decode(str("314159 cname:user@example.com"), &ssrc), 0);
	assert_int_equal(ssrc.ssrc, 314159);
	assert_text(ssrc.name, "cname");
	assert_text(ssrc.value, "user@example.com");
	assert_int_equal(sdp_ssrc_decode(str("4294967296 cname:a"), &ssrc), ERR_MALFORMED);
	assert_int_equal(sdp_ssrc_decode(str("1"), &ssrc), ERR_MALFORMED);
	assert_int_equal(sdp_group_decode(str("BUNDLE a b"), &g), 0);
	assert_text(g.semantics, "BUNDLE");
	assert_text(g.mids, "a b");
	assert_int_equal(sdp_group_decode(str(""), &g), ERR_MALFORMED);
	assert_int_equal(sdp_token_decode(str("main"), &token), 0);
	assert_int_equal(sdp_token_decode(str("a b"), &token), ERR_MALFORMED);
}

/* RFC 3605 §2.1. */
static void rtcp_has_a_port_and_maybe_an_address(void **state)
{
	struct sdp_rtcp r;
	struct addr a;
	assert_int_equal(sdp_rtcp_decode(str("53020"), &r), 0);
	assert_int_equal(r.port, 53020);
	assert_false(r.has_connection);
	assert_int_equal(sdp_rtcp_decode(str("53020 IN IP4 126.16.64.4"), &r), 0);
	assert_true(r.has_connection);
	assert_int_equal(addr_parse("126.16.64.4", 0, &a), 0);
	assert_true(addr_equal(&r.connection.addr, &a));
	assert_int_equal(sdp_rtcp_decode(str("53020 IN IP6 2001:2345::1"), &r), 0);
	assert_int_equal(sdp_rtcp_decode(str("65536"), &r), ERR_MALFORMED);
	assert_int_equal(sdp_rtcp_decode(str("1 IN IP4"), &r), ERR_MALFORMED);
	assert_int_equal(sdp_rtcp_decode(str(""), &r), ERR_MALFORMED);
}

/* RFC 8285 §5. */
static void extmaps_are_read(void **state)
{
	static const char *const wrong[] = {
		"", "1", "0 u", "256 u", "4095 u", "4352 u", "1/both u", "x u"};
	struct sdp_extmap e;
	assert_int_equal(
		sdp_extmap_decode(str("3/sendonly urn:example:x short attributes"), &e), 0);
	assert_int_equal(e.id, 3);
	assert_int_equal(e.direction, SDP_SENDONLY);
	assert_text(e.uri, "urn:example:x");
	assert_text(e.attributes, "short attributes");
	assert_int_equal(sdp_extmap_decode(str("4351 urn:example:x"), &e), 0);
	assert_int_equal(e.direction, SDP_SENDRECV);
	for (size_t i = 0; i < ARRAY_LEN(wrong); i++)
		assert_int_equal(sdp_extmap_decode(str(wrong[i]), &e), ERR_MALFORMED);
}

static void keys_are_read_with_lifetime_and_mki(void **state)
{
	struct sdp_crypto c;
	assert_int_equal(
		sdp_crypto_decode(str("1 AES_CM_128_HMAC_SHA1_80 inline:" KEY30 "|2^20|1:4"), &c),
		0);
	assert_int_equal(c.tag, 1);
	assert_int_equal(c.suite, SDP_AES_CM_128_HMAC_SHA1_80);
	assert_int_equal(c.lifetime, 1 << 20);
	assert_int_equal(c.mki.len, 4);
	assert_int_equal(c.mki.value, 1);
	assert_memory_equal(c.key, "YS___semctl () {\t220;}\n}\nunles", 30);
	assert_int_equal(
		sdp_crypto_decode(str("2 aes_cm_128_hmac_sha1_32 INLINE:" KEY30 "|1048576"), &c),
		0);
	assert_int_equal(c.suite, SDP_AES_CM_128_HMAC_SHA1_32);
	assert_int_equal(c.lifetime, 1048576);
	assert_int_equal(c.mki.len, 0);
	assert_int_equal(
		sdp_crypto_decode(str("3 AES_CM_128_HMAC_SHA1_80 inline:" KEY30 "|255:1"), &c), 0);
	assert_int_equal(c.lifetime, 0);
	assert_int_equal(c.mki.value, 255);
	assert_int_equal(
		sdp_crypto_decode(
			str("4 AES_CM_128_HMAC_SHA1_80 inline:" KEY30 " KDR=0 WSH=64 -X=1"), &c),
		0);
	assert_false(c.is_plain);
	assert_int_equal(
		sdp_crypto_decode(
			str("4 AES_CM_128_HMAC_SHA1_80 inline:" KEY30 " UNENCRYPTED_SRTCP"), &c),
		0);
	assert_true(c.is_plain);
}

static void keys_of_other_lengths_and_spellings_are_refused(void **state)
{
	static const struct {
		const char *value;
		int err;
	} cases[] = {
		{"", ERR_MALFORMED},
		{"x AES_CM_128_HMAC_SHA1_80 inline:" KEY30, ERR_MALFORMED},
		{"1234567890 AES_CM_128_HMAC_SHA1_80 inline:" KEY30, ERR_MALFORMED},
		{"1 AES_CM_128_HMAC_SHA1_80", ERR_MALFORMED},
		{"1 F8_128_HMAC_SHA1_80 inline:" KEY30, ERR_UNSUPPORTED},
		{"1 AES_CM_128_HMAC_SHA1_80 mikey:" KEY30, ERR_UNSUPPORTED},
		{"1 AES_CM_128_HMAC_SHA1_80 inline" KEY30, ERR_MALFORMED},
		{"1 AES_CM_128_HMAC_SHA1_80 inline:", ERR_MALFORMED},
		{"1 AES_CM_128_HMAC_SHA1_80 inline:" KEY30 "AAAA", ERR_MALFORMED},
		{"1 AES_CM_128_HMAC_SHA1_80 inline:WVNfX19z", ERR_MALFORMED},
		{"1 AES_CM_128_HMAC_SHA1_80 inline:" KEY30 "=", ERR_MALFORMED},
		{"1 AEAD_AES_256_GCM inline:" KEY30, ERR_MALFORMED},
		{"1 AES_CM_128_HMAC_SHA1_80 inline:" KEY30 "|", ERR_MALFORMED},
		{"1 AES_CM_128_HMAC_SHA1_80 inline:" KEY30 "|0", ERR_MALFORMED},
		{"1 AES_CM_128_HMAC_SHA1_80 inline:" KEY30 "|2^49", ERR_MALFORMED},
		{"1 AES_CM_128_HMAC_SHA1_80 inline:" KEY30 "|3^2", ERR_MALFORMED},
		{"1 AES_CM_128_HMAC_SHA1_80 inline:" KEY30 "|2^20|", ERR_MALFORMED},
		{"1 AES_CM_128_HMAC_SHA1_80 inline:" KEY30 "|1:4|2^20", ERR_MALFORMED},
		{"1 AES_CM_128_HMAC_SHA1_80 inline:" KEY30 "|256:1", ERR_MALFORMED},
		{"1 AES_CM_128_HMAC_SHA1_80 inline:" KEY30 "|1:0", ERR_MALFORMED},
		{"1 AES_CM_128_HMAC_SHA1_80 inline:" KEY30 "|1:129", ERR_MALFORMED},
		{"1 AES_CM_128_HMAC_SHA1_80 inline:" KEY30 "|1:9", ERR_UNSUPPORTED},
		{"1 AES_CM_128_HMAC_SHA1_80 inline:" KEY30 "|2^20|1:4;inline:" KEY30 "|2^20|2:4",
			ERR_UNSUPPORTED},
		{"1 AES_CM_128_HMAC_SHA1_80 inline:" KEY30 " KDR=1", ERR_UNSUPPORTED},
		{"1 AES_CM_128_HMAC_SHA1_80 inline:" KEY30 " X=1", ERR_UNSUPPORTED},
		{"1 AES_CM_128_HMAC_SHA1_80 inline:" KEY30 " WSH=x", ERR_MALFORMED},
	};
	struct sdp_crypto c;
	for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
		if (sdp_crypto_decode(str(cases[i].value), &c) != cases[i].err)
			fail_msg("%s", cases[i].value);
	}
}

/* RFC 8122 §5. */
static void fingerprints_are_bytes(void **state)
{
	struct sdp_fingerprint f;
	assert_int_equal(sdp_fingerprint_decode(
				 str("sha-1 4A:AD:B9:B1:3F:82:18:3B:54:02:12:DF:3E:5D:49:6B:19:E5:"
				     "7C:AB"),
				 &f),
		0);
	assert_text(f.hash, "sha-1");
	assert_int_equal(f.digest_len, 20);
	assert_int_equal(f.digest[0], 0x4a);
	assert_int_equal(f.digest[19], 0xab);
	static const char *const wrong[] = {
		"", "sha-1", "sha-1 4", "sha-1 4A:", "sha-1 4A-AD", "sha-1 4G", "sha-1 4A:AD x"};
	for (size_t i = 0; i < ARRAY_LEN(wrong); i++)
		assert_int_equal(sdp_fingerprint_decode(str(wrong[i]), &f), ERR_MALFORMED);
	char longest[9 + 65 * 3] = "sha-512 ";
	for (size_t i = 0; i < 65; i++)
		memcpy(longest + 8 + i * 3, "AB:", 3);
	assert_int_equal(sdp_fingerprint_decode(bytes_of(longest, 8 + 64 * 3 - 1), &f), 0);
	assert_int_equal(f.digest_len, 64);
	assert_int_equal(
		sdp_fingerprint_decode(bytes_of(longest, 8 + 65 * 3 - 1), &f), ERR_MALFORMED);
}

static void roles_of_dtls_are_read(void **state)
{
	enum sdp_setup setup;
	bool is_new;
	assert_int_equal(sdp_setup_decode(str("actpass"), &setup), 0);
	assert_int_equal(setup, SDP_SETUP_ACTPASS);
	assert_int_equal(sdp_setup_decode(str("passive"), &setup), 0);
	assert_int_equal(setup, SDP_SETUP_PASSIVE);
	assert_int_equal(sdp_setup_decode(str("maybe"), &setup), ERR_MALFORMED);
	assert_int_equal(sdp_connection_is_new(str("existing"), &is_new), 0);
	assert_false(is_new);
	assert_int_equal(sdp_connection_is_new(str("old"), &is_new), ERR_MALFORMED);
}

/* RFC 8839 §5.1, and what browsers and RFC 6544 add. */
static void candidates_are_read(void **state)
{
	struct sdp_candidate c;
	assert_int_equal(
		sdp_candidate_decode(str("2 1 UDP 1694498815 192.0.2.3 45664 typ srflx raddr "
					 "203.0.113.141 rport 8998"),
			&c),
		0);
	assert_text(c.foundation, "2");
	assert_int_equal(c.component, 1);
	assert_text(c.transport, "UDP");
	assert_int_equal(c.priority, 1694498815);
	assert_int_equal(c.type, SDP_CANDIDATE_SRFLX);
	assert_int_equal(c.addr.family, ADDR_IPV4);
	assert_int_equal(c.addr.port, 45664);
	assert_int_equal(c.related.port, 8998);
	assert_int_equal(c.extensions.len, 0);
	assert_int_equal(sdp_candidate_decode(str("1467250027 1 udp 2122260223 0a1b.local 46243 "
						  "typ host generation 0 network-id 1"),
				 &c),
		0);
	assert_text(c.host, "0a1b.local");
	assert_int_equal(c.addr.family, ADDR_NONE);
	assert_text(c.extensions, "generation 0 network-id 1");
	assert_int_equal(
		sdp_candidate_decode(
			str("1 2 TCP 2105458942 2001:db8::9 9 typ host tcptype active"), &c),
		0);
	assert_int_equal(c.addr.family, ADDR_IPV6);
	assert_text(c.extensions, "tcptype active");
	assert_int_equal(sdp_candidate_decode(str("1 1 UDP 1 192.0.2.1 1 typ other"), &c), 0);
	assert_int_equal(c.type, SDP_CANDIDATE_OTHER);
}

static void broken_candidates_are_refused(void **state)
{
	static const char *const wrong[] = {"", "1", "1 0 UDP 1 192.0.2.1 1 typ host",
		"1 257 UDP 1 192.0.2.1 1 typ host", "1 1 UDP 4294967296 192.0.2.1 1 typ host",
		"1 1 UDP 1 192.0.2.1 65536 typ host", "1 1 UDP 1 192.0.2.1 1 host",
		"1 1 UDP 1 192.0.2.1 1 typ", "1 1 UDP 1 192.0.2.1 1 typ srflx raddr 192.0.2.2",
		"a_b 1 UDP 1 192.0.2.1 1 typ host",
		"123456789012345678901234567890123 1 UDP 1 192.0.2.1 1 typ host"};
	struct sdp_candidate c;
	for (size_t i = 0; i < ARRAY_LEN(wrong); i++)
		assert_int_equal(sdp_candidate_decode(str(wrong[i]), &c), ERR_MALFORMED);
}

static void ice_names_and_passwords_have_their_lengths(void **state)
{
	char text[257];
	struct bytes b;
	memset(text, 'a', sizeof(text));
	for (size_t len = 0; len <= sizeof(text); len++) {
		int ufrag = sdp_ice_ufrag_decode(bytes_of(text, len), &b);
		int pwd = sdp_ice_pwd_decode(bytes_of(text, len), &b);
		assert_int_equal(ufrag, len >= 4 && len <= 256 ? 0 : ERR_MALFORMED);
		assert_int_equal(pwd, len >= 22 && len <= 256 ? 0 : ERR_MALFORMED);
	}
	assert_int_equal(sdp_ice_ufrag_decode(str("8hhY+/"), &b), 0);
	assert_int_equal(sdp_ice_ufrag_decode(str("8hhY:"), &b), ERR_MALFORMED);
}

int main(void)
{
	static const struct CMUnitTest t[] = {
		cmocka_unit_test(every_name_is_found_by_itself_alone),
		cmocka_unit_test(rtpmaps_are_read),
		cmocka_unit_test(small_values_are_read),
		cmocka_unit_test(rtcp_has_a_port_and_maybe_an_address),
		cmocka_unit_test(extmaps_are_read),
		cmocka_unit_test(keys_are_read_with_lifetime_and_mki),
		cmocka_unit_test(keys_of_other_lengths_and_spellings_are_refused),
		cmocka_unit_test(fingerprints_are_bytes),
		cmocka_unit_test(roles_of_dtls_are_read),
		cmocka_unit_test(candidates_are_read),
		cmocka_unit_test(broken_candidates_are_refused),
		cmocka_unit_test(ice_names_and_passwords_have_their_lengths),
	};
	return cmocka_run_group_tests(t, NULL, NULL) != 0;
}
