/* SPDX-License-Identifier: BSD-3-Clause */
/* Which lines of one side's description the other side gets. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>
#include <cmocka.h>
#include <sallyport/mediation/sdp/session.h>

static bool may_pass(char type, const char *value)
{
	struct sdp_line l = {type, bytes_str(value)};
	return sdp_may_pass(&l);
}

static void unknown_attributes_pass(void **state)
{
	static const char *const values[] = {"X-vendor:mode=3;level=7", "x-flag",
		"silenceSupp:off - - - -", "content:main", "lang:de", "hlang-send:en",
		"charset:ISO-8859-1", "maxprate:50.0", "T38FaxVersion:0", "x-time:12:30",
		"x-ratio:1.5", "x-mac:00:11:22:33:44:55", "icecream:yes", "toolbox:1", "rtcpx:1",
		"middle:2"};
	for (size_t i = 0; i < ARRAY_LEN(values); i++) {
		if (!may_pass('a', values[i]))
			fail_msg("%s", values[i]);
	}
}

static void what_speaks_of_one_stream_stays(void **state)
{
	static const char *const values[] = {/* formats and direction */
		"rtpmap:96 opus/48000/2", "fmtp:96 useinbandfec=1", "ptime:20", "maxptime:40",
		"sendonly", "inactive",
		/* transport */
		"candidate:1 1 UDP 1 x.local 4000 typ host", "end-of-candidates", "ice-ufrag:abcd",
		"ice-pwd:0123456789012345678901", "ice-options:trickle", "ice-lite",
		"remote-candidates:1 x 4000", "rtcp:4001", "rtcp-mux", "rtcp-fb:96 nack",
		"rtcp-rsize", "rtcp-xr:voip-metrics", "setup:actpass", "connection:new",
		"des:qos mandatory local sendrecv", "nortpproxy:yes", "omr-m-cksum:1",
		/* keys */
		"crypto:1 AES_CM_128_HMAC_SHA1_80 inline:x", "cryptoscale:1 client x",
		"fingerprint:sha-256 AA:BB", "key-mgmt:mikey AAAA", "tls-id:abc",
		"zrtp-hash:1.10 f", "encryption:optional", "identity:eyJ",
		/* sources, extensions */
		"ssrc:1 cname:a", "ssrc-group:FID 1 2", "msid:a b", "msid-semantic: WMS *",
		"extmap:1 urn:x", "extmap-allow-mixed", "x-ssrc-range:1-2",
		/* lines, other agreements, who */
		"mid:0", "group:BUNDLE 0", "label:1", "cdsc: 1 audio RTP/AVP 18", "pcfg:1 t=1",
		"tool:phone 1.0", "x-bypassid:0f"};
	for (size_t i = 0; i < ARRAY_LEN(values); i++) {
		if (may_pass('a', values[i]))
			fail_msg("%s", values[i]);
	}
}

static void names_stay_in_any_case(void **state)
{
	assert_false(may_pass('a', "Crypto:1 x"));
	assert_false(may_pass('a', "ICE-Ufrag:abcd"));
	assert_false(may_pass('a', "X-Cap: 1 image udptl t38"));
}

static void attributes_with_an_address_stay(void **state)
{
	assert_false(may_pass('a', "X-relay:192.0.2.7"));
	assert_false(may_pass('a', "X-relay:udp 192.0.2.7:5004"));
	assert_false(may_pass('a', "X-relay:[2001:db8::1]:5004"));
	assert_false(may_pass('a', "X-relay:host=fe80::1%eth0;port=1"));
	assert_false(may_pass('a', "X-relay:host:192.0.2.7"));
	assert_false(may_pass('a', "X-relay:via192.0.2.7,udp"));
	assert_false(may_pass('a', "X-relay:at 192.0.2.7."));
	assert_false(may_pass('a', "X-relay:host:2001:db8::1"));
	assert_false(may_pass('a', "X-relay:now at 2001:db8::1: ask"));
	assert_true(may_pass('a', "X-version:1.2.3"));
	assert_true(may_pass('a', "X-bad:300.1.2.3"));
}

static void attributes_with_a_key_stay(void **state)
{
	assert_false(may_pass('a', "X-srtp:1 INLINE:WVNfX19zZW1jdGwgKCkgew"));
	assert_true(may_pass('a', "X-srtp:inline"));
}

static void bandwidth_passes_but_not_of_rtcp(void **state)
{
	assert_true(may_pass('b', "AS:80"));
	assert_true(may_pass('b', "TIAS:64000"));
	assert_true(may_pass('b', "CT:64"));
	assert_true(may_pass('b', "X-own:1"));
	assert_false(may_pass('b', "RS:0"));
	assert_false(may_pass('b', "RR:0"));
}

static void bandwidth_that_no_law_fits_in_stays(void **state)
{
	assert_false(may_pass('b', "AS:32"));
	assert_false(may_pass('b', "TIAS:24000"));
	assert_false(may_pass('b', "AS:99999999999999999999999"));
}

static void other_lines_stay(void **state)
{
	for (const char *type = "ciksuepvotrzm"; *type; type++)
		assert_false(may_pass(*type, "x"));
}

static void lines_pass_in_their_order(void **state)
{
	char out[256];
	struct sdp_writer w;
	sdp_write_begin(&w, out, sizeof(out));
	assert_true(
		sdp_pass(&w, bytes_str("a=x-b:2\nb=AS:80\r\na=ptime:20\r\na=x-a\r\na=x-b:1\r\n")));
	assert_int_equal(w.len, strlen("a=x-b:2\r\nb=AS:80\r\na=x-a\r\na=x-b:1\r\n"));
	assert_memory_equal(out, "a=x-b:2\r\nb=AS:80\r\na=x-a\r\na=x-b:1\r\n", w.len);
}

static void lines_without_room_are_left_out_whole(void **state)
{
	char out[16];
	struct sdp_writer w;
	sdp_write_begin(&w, out, sizeof(out));
	assert_false(sdp_pass(&w, bytes_str("a=x-abc\r\na=x-too-long\r\na=x\r\n")));
	assert_false(w.has_failed);
	assert_int_equal(w.len, 9);
	assert_memory_equal(out, "a=x-abc\r\n", 9);
}

int main(void)
{
	const struct CMUnitTest t[] = {
		cmocka_unit_test(unknown_attributes_pass),
		cmocka_unit_test(what_speaks_of_one_stream_stays),
		cmocka_unit_test(names_stay_in_any_case),
		cmocka_unit_test(attributes_with_an_address_stay),
		cmocka_unit_test(attributes_with_a_key_stay),
		cmocka_unit_test(bandwidth_passes_but_not_of_rtcp),
		cmocka_unit_test(bandwidth_that_no_law_fits_in_stays),
		cmocka_unit_test(other_lines_stay),
		cmocka_unit_test(lines_pass_in_their_order),
		cmocka_unit_test(lines_without_room_are_left_out_whole),
	};
	return cmocka_run_group_tests(t, NULL, NULL) != 0;
}
