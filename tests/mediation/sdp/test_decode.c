/* SPDX-License-Identifier: BSD-3-Clause */
/* Descriptions as a whole: what is taken, what is refused and why, and that no length is unsafe. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <cmocka.h>
#include <sallyport/mediation/sdp/attr.h>

#define FRONT "v=0\r\no=- 1 1 IN IP4 192.0.2.1\r\ns=-\r\n"
#define HEAD  FRONT "t=0 0\r\n"

/* From a copy of just that length, so that a sanitizer sees a byte too many. It is leaked into
 * *COPY, for what is decoded points there. */
static enum sdp_refusal decode(const char *text, size_t len, struct sdp *s, char **copy)
{
	*copy = malloc(len ? len : 1);
	assert_non_null(*copy);
	memcpy(*copy, text, len);
	return sdp_decode(*copy, len, s);
}

static enum sdp_refusal verdict(const char *text)
{
	struct sdp s;
	char *copy;
	enum sdp_refusal r = decode(text, strlen(text), &s, &copy);
	free(copy);
	return r;
}

static void assert_text(struct bytes b, const char *text)
{
	assert_int_equal(b.len, strlen(text));
	assert_memory_equal(b.data, text, b.len);
}

/* RFC 8866 §5, the example. */
static const char rfc8866[] = "v=0\r\n"
			      "o=jdoe 3724394400 3724394405 IN IP4 198.51.100.1\r\n"
			      "s=Call to John Smith\r\n"
			      "i=SDP Offer #1\r\n"
			      "u=http://www.jdoe.example.com/home.html\r\n"
			      "e=Jane Doe <jane@jdoe.example.com>\r\n"
			      "p=+1 617 555-6011\r\n"
			      "c=IN IP4 198.51.100.1\r\n"
			      "t=0 0\r\n"
			      "m=audio 49170 RTP/AVP 0\r\n"
			      "m=audio 49180 RTP/AVP 0\r\n"
			      "m=video 51372 RTP/AVP 99\r\n"
			      "c=IN IP6 2001:db8::2\r\n"
			      "a=rtpmap:99 h263-1998/90000\r\n";

static void the_example_of_rfc_8866_is_read(void **state)
{
	struct sdp s;
	struct addr a;
	assert_int_equal(sdp_decode(rfc8866, strlen(rfc8866), &s), SDP_OK);
	assert_text(s.origin.username, "jdoe");
	assert_text(s.origin.id, "3724394400");
	assert_text(s.origin.version, "3724394405");
	assert_text(s.origin.host, "198.51.100.1");
	assert_text(s.name, "Call to John Smith");
	assert_int_equal(s.n_media, 3);
	assert_text(s.media[0].kind, "audio");
	assert_int_equal(s.media[0].port, 49170);
	assert_int_equal(s.media[0].profile, SDP_RTP_AVP);
	assert_int_equal(s.media[0].direction, SDP_SENDRECV);
	assert_true(s.media[1].has_connection);
	assert_int_equal(addr_parse("198.51.100.1", 0, &a), 0);
	assert_true(addr_equal(&s.media[1].connection.addr, &a));
	assert_int_equal(addr_parse("2001:db8::2", 0, &a), 0);
	assert_true(addr_equal(&s.media[2].connection.addr, &a));
	assert_text(s.media[2].lines, "c=IN IP6 2001:db8::2\r\na=rtpmap:99 h263-1998/90000\r\n");
	assert_int_equal(s.media[0].lines.len, 0);
	assert_memory_equal(s.lines.data + s.lines.len, "m=audio 49170", 13);
}

static void lines_may_end_in_lf_and_the_last_in_nothing(void **state)
{
	struct sdp s;
	static const char text[] = "v=0\no=- 1 1 IN IP4 192.0.2.1\ns= \nt=0 0\n"
				   "m=audio 4000 RTP/AVP 8 101\na=sendonly";
	assert_int_equal(sdp_decode(text, strlen(text), &s), SDP_OK);
	assert_int_equal(s.media[0].direction, SDP_SENDONLY);
	assert_text(s.media[0].formats, "8 101");
	assert_int_equal(verdict(HEAD "m=audio 4000 RTP/AVP 8\r\n\r\n"), SDP_OK);
	assert_int_equal(verdict(HEAD "\r\nm=audio 4000 RTP/AVP 8\r\n"), SDP_BAD_LINE);
}

static void each_break_of_the_format_has_its_refusal(void **state)
{
	static const struct {
		const char *text;
		enum sdp_refusal refusal;
	} cases[] = {
		{"", SDP_MISSING},
		{"v=0\r\n", SDP_MISSING},
		{FRONT, SDP_MISSING},
		{"v=0\r\no=- 1 1 IN IP4 192.0.2.1\r\nt=0 0\r\n", SDP_MISSING},
		{FRONT "m=audio 1 RTP/AVP 0\r\nt=0 0\r\n", SDP_MISSING},
		{"v=1\r\n", SDP_BAD_VERSION},
		{"o=- 1 1 IN IP4 192.0.2.1\r\nv=0\r\n", SDP_BAD_ORDER},
		{"v=0\r\ns=-\r\no=- 1 1 IN IP4 192.0.2.1\r\n", SDP_BAD_ORDER},
		{HEAD "v=0\r\n", SDP_BAD_ORDER},
		{HEAD "o=- 1 1 IN IP4 192.0.2.1\r\n", SDP_BAD_ORDER},
		{HEAD "s=again\r\n", SDP_BAD_ORDER},
		{HEAD "m=audio 1 RTP/AVP 0\r\ns=late\r\n", SDP_BAD_LINE},
		{HEAD "q=1\r\n", SDP_BAD_LINE},
		{HEAD "V=0\r\n", SDP_BAD_LINE},
		{HEAD "audio\r\n", SDP_BAD_LINE},
		{HEAD "a\r\n", SDP_BAD_LINE},
		{HEAD "a=x\ry\r\n", SDP_BAD_BYTE},
		{"v=0\r\no=- 1 IN IP4 192.0.2.1\r\n", SDP_BAD_ORIGIN},
		{"v=0\r\no=- a 1 IN IP4 192.0.2.1\r\n", SDP_BAD_ORIGIN},
		{"v=0\r\no=- 1 1 IN IP7 192.0.2.1\r\n", SDP_BAD_ORIGIN},
		{"v=0\r\no=- 1 1 IN IP4\r\n", SDP_BAD_ORIGIN},
		{"v=0\r\no=- 1 1 IN IP4 h more\r\n", SDP_BAD_ORIGIN},
		{HEAD "c=IN IP4\r\n", SDP_BAD_CONNECTION},
		{HEAD "c=IN IP4 2001:db8::1\r\n", SDP_BAD_CONNECTION},
		{HEAD "c=IN IP6 192.0.2.1\r\n", SDP_BAD_CONNECTION},
		{HEAD "c=IN IP6 192.0.2.1:5\r\n", SDP_BAD_CONNECTION},
		{HEAD "c=ATM IP4 192.0.2.1\r\n", SDP_BAD_CONNECTION},
		{HEAD "c=IN IP4 233.252.0.1/300\r\n", SDP_BAD_CONNECTION},
		{HEAD "c=IN IP4 233.252.0.1/127/3/4\r\n", SDP_BAD_CONNECTION},
		{HEAD "b=AS\r\n", SDP_BAD_BANDWIDTH},
		{HEAD "b=AS:many\r\n", SDP_BAD_BANDWIDTH},
		{FRONT "t=0\r\n", SDP_BAD_TIME},
		{FRONT "t=0 x\r\n", SDP_BAD_TIME},
		{HEAD "m=audio\r\n", SDP_BAD_MEDIA},
		{HEAD "m=audio 1\r\n", SDP_BAD_MEDIA},
		{HEAD "m=audio 1 RTP/AVP\r\n", SDP_BAD_MEDIA},
		{HEAD "m=audio 65536 RTP/AVP 0\r\n", SDP_BAD_MEDIA},
		{HEAD "m=audio -1 RTP/AVP 0\r\n", SDP_BAD_MEDIA},
		{HEAD "m=audio 1/0 RTP/AVP 0\r\n", SDP_BAD_MEDIA},
		{HEAD "m=audio 1 RTP//AVP 0\r\n", SDP_BAD_MEDIA},
		{HEAD "m= 1 RTP/AVP 0\r\n", SDP_BAD_MEDIA},
		{HEAD "a=\r\n", SDP_BAD_ATTRIBUTE},
		{HEAD "a=:1\r\n", SDP_BAD_ATTRIBUTE},
		{HEAD "a=two words:1\r\n", SDP_BAD_ATTRIBUTE},
	};
	for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
		enum sdp_refusal r = verdict(cases[i].text);
		if (r != cases[i].refusal)
			fail_msg("%s: %s", cases[i].text, sdp_refusal_text(r));
	}
	struct sdp s;
	assert_int_equal(sdp_decode("v=0\0\r\n", 6, &s), SDP_BAD_BYTE);
}

static void what_is_odd_but_harmless_is_taken(void **state)
{
	static const char *const texts[] = {
		HEAD,
		HEAD "k=clear:x\r\ni=info\r\nz=0 0\r\nr=1 1 0\r\nb=X-YZ:128\r\n",
		/* Gateways put the session's lines where they like. */
		"v=0\r\no=- 0 0 IN IP4 0.0.0.0\r\nc=IN IP4 0.0.0.0\r\na=x\r\nt=0 0\r\ns=\r\n",
		HEAD "c=IN IP4 gw.example.net\r\nm=audio 1/2 RTP/AVP 0\r\n",
		HEAD "c=IN IP4 233.252.0.1/127/3\r\nc=IN IP6 ff15::101/3\r\n",
		HEAD "m=audio 1 RTP/AVP 0 \r\n",
		HEAD
		"m=image 5000 udptl t38\r\nm=application 9 UDP/DTLS/SCTP webrtc-datachannel\r\n",
		HEAD "m=audio 1 RTP/AVP 0\r\na=rtpmap:nonsense\r\na=unheard-of:\xc3\xa4\r\n",
	};
	for (size_t i = 0; i < ARRAY_LEN(texts); i++) {
		enum sdp_refusal r = verdict(texts[i]);
		if (r != SDP_OK)
			fail_msg("%s: %s", texts[i], sdp_refusal_text(r));
	}
}

static void a_name_in_a_connection_is_no_address(void **state)
{
	struct sdp s;
	static const char text[] = HEAD "c=IN IP4 gw.example.net\r\nm=audio 1 RTP/AVP 0\r\n";
	assert_int_equal(sdp_decode(text, strlen(text), &s), SDP_OK);
	assert_text(s.media[0].connection.host, "gw.example.net");
	assert_int_equal(s.media[0].connection.addr.family, ADDR_NONE);
}

static void directions_are_inherited_and_the_first_counts(void **state)
{
	struct sdp s;
	static const char text[] = HEAD "a=recvonly\r\na=sendonly\r\n"
					"m=audio 1 RTP/AVP 0\r\n"
					"m=audio 2 RTP/AVP 0\r\na=inactive\r\na=sendrecv\r\n"
					"m=audio 3 RTP/AVP 0\r\n";
	assert_int_equal(sdp_decode(text, strlen(text), &s), SDP_OK);
	assert_int_equal(s.media[0].direction, SDP_RECVONLY);
	assert_int_equal(s.media[1].direction, SDP_INACTIVE);
	assert_int_equal(s.media[2].direction, SDP_RECVONLY);
	assert_int_equal(sdp_direction_reverse(SDP_SENDONLY), SDP_RECVONLY);
	assert_int_equal(sdp_direction_reverse(SDP_RECVONLY), SDP_SENDONLY);
	assert_int_equal(sdp_direction_reverse(SDP_SENDRECV), SDP_SENDRECV);
	assert_int_equal(sdp_direction_reverse(SDP_INACTIVE), SDP_INACTIVE);
}

static void profiles_are_known_in_any_case(void **state)
{
	static const struct {
		const char *proto;
		enum sdp_profile profile;
	} cases[] = {
		{"RTP/AVP", SDP_RTP_AVP},
		{"rtp/avp", SDP_RTP_AVP},
		{"RTP/AVPF", SDP_RTP_AVPF},
		{"RTP/SAVP", SDP_RTP_SAVP},
		{"RTP/SAVPF", SDP_RTP_SAVPF},
		{"UDP/TLS/RTP/SAVP", SDP_DTLS_RTP_SAVP},
		{"UDP/TLS/RTP/SAVPF", SDP_DTLS_RTP_SAVPF},
		{"TCP/RTP/AVP", SDP_PROFILE_OTHER},
		{"udptl", SDP_PROFILE_OTHER},
	};
	for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
		char text[256];
		struct sdp s;
		int n = snprintf(text, sizeof(text), HEAD "m=audio 1 %s 0\r\n", cases[i].proto);
		assert_int_equal(sdp_decode(text, (size_t)n, &s), SDP_OK);
		assert_int_equal(s.media[0].profile, cases[i].profile);
	}
}

/* Every prefix is refused or is a description of its own; none is read past its end. */
static void no_truncation_is_unsafe(void **state)
{
	for (size_t len = 0; len <= strlen(rfc8866); len++) {
		struct sdp s;
		char *copy;
		if (decode(rfc8866, len, &s, &copy) == SDP_OK) {
			struct sdp_attr a;
			size_t offset = 0;
			assert_true(len > strlen("v=0\r\no=jdoe 3724394400 3724394405 IN IP4 1"));
			while (s.n_media > 0 &&
				sdp_attr_next(s.media[s.n_media - 1].lines, &offset, &a))
				assert_true(a.name.data + a.name.len <= (uint8_t *)copy + len);
		}
		free(copy);
	}
}

/* HEAD, then LINE until COUNT lines of it are there. */
static char *repeat(const char *head, const char *line, size_t count, size_t *len)
{
	size_t n = strlen(line);
	char *text = malloc(strlen(head) + count * n + 1);
	assert_non_null(text);
	*len = strlen(head);
	memcpy(text, head, *len + 1);
	for (size_t i = 0; i < count; i++, *len += n)
		memcpy(text + *len, line, n + 1);
	return text;
}

static enum sdp_refusal repeated(const char *head, const char *line, size_t count)
{
	struct sdp s;
	size_t len;
	char *text = repeat(head, line, count, &len);
	enum sdp_refusal r = sdp_decode(text, len, &s);
	free(text);
	return r;
}

static void bounds_hold_to_the_last_one(void **state)
{
	static const char media[] = "m=audio 1 RTP/AVP 0\r\n";
	assert_int_equal(repeated(HEAD, media, SDP_MEDIA_MAX), SDP_OK);
	assert_int_equal(repeated(HEAD, media, SDP_MEDIA_MAX + 1), SDP_TOO_MANY_MEDIA);
	assert_int_equal(repeated(HEAD, media, 1000), SDP_TOO_MANY_MEDIA);
	assert_int_equal(repeated(HEAD, "a=x\r\n", SDP_LINES_MAX - 4), SDP_OK);
	assert_int_equal(repeated(HEAD, "a=x\r\n", SDP_LINES_MAX - 3), SDP_TOO_MANY_LINES);
	assert_int_equal(repeated(HEAD "m=audio 1 RTP/AVP", " 0", SDP_FORMATS_MAX), SDP_OK);
	assert_int_equal(repeated(HEAD "m=audio 1 RTP/AVP", " 0", SDP_FORMATS_MAX + 1),
		SDP_TOO_MANY_FORMATS);
	/* One line that fills it all. */
	size_t fill = SDP_LEN_MAX - strlen(HEAD "a=") - 2;
	for (unsigned more = 0; more < 2; more++) {
		struct sdp s;
		size_t len;
		char *text = repeat(HEAD "a=", "x", fill + more + 2, &len);
		memcpy(text + len - 2, "\r\n", 2);
		assert_int_equal(len, SDP_LEN_MAX + more);
		assert_int_equal(sdp_decode(text, len, &s), more ? SDP_TOO_LONG : SDP_OK);
		free(text);
	}
}

static void sections_and_lines_are_walked(void **state)
{
	struct sdp s;
	struct sdp_line l;
	struct sdp_attr a;
	size_t offset = 0;
	static const char text[] = HEAD
		"a=group:BUNDLE 0\r\nm=audio 1 RTP/AVP 0\r\nb=AS:64\r\na=mid:0\r\na=rtcp-mux\r\n"
		"m=video 2 RTP/AVP 31\r\na=mid:1\r\n";
	assert_int_equal(sdp_decode(text, strlen(text), &s), SDP_OK);
	assert_true(sdp_line_next(s.media[0].lines, &offset, &l));
	assert_int_equal(l.type, 'b');
	assert_text(l.value, "AS:64");
	offset = 0;
	assert_true(sdp_attr_next(s.media[0].lines, &offset, &a));
	assert_int_equal(a.id, SDP_ATTR_MID);
	assert_true(sdp_attr_next(s.media[0].lines, &offset, &a));
	assert_int_equal(a.id, SDP_ATTR_RTCP_MUX);
	assert_int_equal(a.value.len, 0);
	assert_false(sdp_attr_next(s.media[0].lines, &offset, &a));
	assert_true(sdp_attr_find(s.media[1].lines, SDP_ATTR_MID, &a));
	assert_text(a.value, "1");
	assert_false(sdp_attr_find(s.media[1].lines, SDP_ATTR_GROUP, &a));
	assert_true(sdp_attr_inherit(&s, &s.media[1], SDP_ATTR_GROUP, &a));
	assert_text(a.value, "BUNDLE 0");
}

static void every_refusal_has_a_text(void **state)
{
	for (unsigned r = 0; r < SDP_REFUSALS; r++)
		assert_non_null(sdp_refusal_text((enum sdp_refusal)r));
	assert_string_equal(sdp_refusal_text(SDP_REFUSALS), "unknown");
}

int main(void)
{
	static const struct CMUnitTest t[] = {
		cmocka_unit_test(the_example_of_rfc_8866_is_read),
		cmocka_unit_test(lines_may_end_in_lf_and_the_last_in_nothing),
		cmocka_unit_test(each_break_of_the_format_has_its_refusal),
		cmocka_unit_test(what_is_odd_but_harmless_is_taken),
		cmocka_unit_test(a_name_in_a_connection_is_no_address),
		cmocka_unit_test(directions_are_inherited_and_the_first_counts),
		cmocka_unit_test(profiles_are_known_in_any_case),
		cmocka_unit_test(no_truncation_is_unsafe),
		cmocka_unit_test(bounds_hold_to_the_last_one),
		cmocka_unit_test(sections_and_lines_are_walked),
		cmocka_unit_test(every_refusal_has_a_text),
	};
	return cmocka_run_group_tests(t, NULL, NULL) != 0;
}
