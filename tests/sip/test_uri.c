/* SPDX-License-Identifier: BSD-3-Clause */
/* URIs: what is one, what its parts are, which two are the same. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>
#include <sallyport/sip.h>

static void expect(struct sip_str s, const char *text)
{
	if (text == NULL) {
		assert_null(s.at);
		return;
	}
	assert_non_null(s.at);
	assert_int_equal(s.len, strlen(text));
	assert_memory_equal(s.at, text, s.len);
}

static struct sip_uri decode(const char *text)
{
	struct sip_uri u;
	print_message("%s\n", text);
	assert_int_equal(sip_uri_decode(sip_str_c(text), &u), 0);
	return u;
}

/* RFC 3261 §19.1.1, §19.1.3; RFC 3966 §3. */
static void uri_is_taken_apart(void **state)
{
	static const struct {
		const char *text;
		enum sip_scheme scheme;
		const char *user, *password, *host;
		enum sip_host_kind kind;
		unsigned port;
		const char *params, *headers;
	} rows[] = {
		{"sip:alice@atlanta.com", SIP_SCHEME_SIP, "alice", NULL, "atlanta.com",
			SIP_HOST_NAME, 0, NULL, NULL},
		{"sip:alice:secretword@atlanta.com;transport=tcp", SIP_SCHEME_SIP, "alice",
			"secretword", "atlanta.com", SIP_HOST_NAME, 0, ";transport=tcp", NULL},
		{"SIPS:alice@atlanta.com?subject=project%20x&priority=urgent", SIP_SCHEME_SIPS,
			"alice", NULL, "atlanta.com", SIP_HOST_NAME, 0, NULL,
			"subject=project%20x&priority=urgent"},
		{"sip:+1-212-555-1212:1234@gateway.com;user=phone", SIP_SCHEME_SIP,
			"+1-212-555-1212", "1234", "gateway.com", SIP_HOST_NAME, 0, ";user=phone",
			NULL},
		{"sip:alice;day=tuesday@atlanta.com", SIP_SCHEME_SIP, "alice;day=tuesday", NULL,
			"atlanta.com", SIP_HOST_NAME, 0, NULL, NULL},
		{"sip:192.0.2.4:5062;lr", SIP_SCHEME_SIP, NULL, NULL, "192.0.2.4", SIP_HOST_IPV4,
			5062, ";lr", NULL},
		{"sip:a:@[2001:db8::1]:5061", SIP_SCHEME_SIP, "a", "", "2001:db8::1", SIP_HOST_IPV6,
			5061, NULL, NULL},
		{"sip:a@3f2a_b.", SIP_SCHEME_SIP, "a", NULL, "3f2a_b.", SIP_HOST_NAME, 0, NULL,
			NULL},
		{"sip:*21#@h?a=&b=%00", SIP_SCHEME_SIP, "*21#", NULL, "h", SIP_HOST_NAME, 0, NULL,
			"a=&b=%00"},
		{"tel:+1(201)555.0123;ext=3", SIP_SCHEME_TEL, "+1(201)555.0123", NULL, NULL,
			SIP_HOST_NAME, 0, ";ext=3", NULL},
		{"tel:*69;phone-context=+1", SIP_SCHEME_TEL, "*69", NULL, NULL, SIP_HOST_NAME, 0,
			";phone-context=+1", NULL},
	};
	for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
		struct sip_uri u = decode(rows[i].text);
		assert_int_equal(u.scheme, rows[i].scheme);
		expect(u.user, rows[i].user);
		expect(u.password, rows[i].password);
		expect(u.host.text, rows[i].host);
		assert_int_equal(u.host.kind, rows[i].kind);
		assert_int_equal(u.port, rows[i].port);
		expect(u.params, rows[i].params);
		expect(u.headers, rows[i].headers);
	}
	struct sip_uri urn = decode("urn:service:sos.fire");
	assert_int_equal(urn.scheme, SIP_SCHEME_OTHER);
	expect(urn.rest, "service:sos.fire");
}

static void what_is_no_uri_is_malformed(void **state)
{
	static const char *const texts[] = {"", "alice", "sip:", "sip:@h", "sip:a@", "sip:a@b@c",
		"sip:a@h:", "sip:a@h:0", "sip:a@h:65536", "sip:a@h:5060x", "sip:a@h;", "sip:a@h;;b",
		"sip:a@h;=b", "sip:a@h;b=", "sip:a@h?", "sip:a@h?b", "sip:a@h?=b", "sip:a@h?b=c&",
		"sip:a b@h", "sip:a%2@h", "sip:a%2g@h", "sip:a@h;p=%", "sip:a@-h", "sip:a@.h",
		"sip:1.2.3", "sip:256.1.1.1", "sip:1.2.3.4.5", "sip:01.2.3.4", "sip:[::1",
		"sip:[::g]", "sip:[1.2.3.4]", "sip:[fe80::1%3]", "sip:::1", "sip:a@h :5060",
		"sip:a@h\r\n ", "sip:\xc3\xa9@h", "sip:a@h;p=\"q\"", "sip:<a@h>", "tel:", "tel:+",
		"tel:12x", "tel:1;", "1a:b", "urn:", "ur n:x", "http://x y"};
	struct sip_uri u;
	for (size_t i = 0; i < ARRAY_LEN(texts); i++) {
		print_message("%s\n", texts[i]);
		assert_int_equal(sip_uri_decode(sip_str_c(texts[i]), &u), ERR_MALFORMED);
	}
	assert_int_equal(sip_uri_decode(sip_str_of("sip:a\0@h", 8), &u), ERR_MALFORMED);
}

static void uri_has_a_bound(void **state)
{
	static char text[SIP_URI_MAX + 1] = "sip:";
	struct sip_uri u;
	memset(text + 4, 'a', sizeof(text) - 4);
	assert_int_equal(sip_uri_decode(sip_str_of(text, SIP_URI_MAX), &u), 0);
	assert_int_equal(sip_uri_decode(sip_str_of(text, SIP_URI_MAX + 1), &u), ERR_TOO_LARGE);
}

/* RFC 3261 §19.1.4: its own examples, and a few for what else it says. */
static void equal_uris_are_those_of_the_rfc(void **state)
{
	static const struct {
		const char *a, *b;
		bool is_equal;
	} rows[] = {
		{"sip:%61lice@atlanta.com;transport=TCP", "sip:alice@AtLanTa.CoM;Transport=tcp",
			true},
		{"sip:carol@chicago.com", "sip:carol@chicago.com;newparam=5", true},
		{"sip:carol@chicago.com;security=on", "sip:carol@chicago.com;newparam=5", true},
		{"sip:biloxi.com;transport=tcp;method=REGISTER?to=sip:bob%40biloxi.com",
			"sip:biloxi.com;method=REGISTER;transport=tcp?to=sip:bob%40biloxi.com",
			true},
		{"sip:alice@atlanta.com?subject=project%20x&priority=urgent",
			"sip:alice@atlanta.com?priority=urgent&subject=project%20x", true},
		{"SIP:ALICE@AtLanTa.CoM;Transport=udp", "sip:alice@AtLanTa.CoM;Transport=UDP",
			false},
		{"sip:bob@biloxi.com", "sip:bob@biloxi.com:5060", false},
		{"sip:bob@biloxi.com", "sip:bob@biloxi.com;transport=udp", false},
		{"sip:bob@biloxi.com", "sip:bob@biloxi.com:6000;transport=tcp", false},
		{"sip:carol@chicago.com", "sip:carol@chicago.com?Subject=next%20meeting", false},
		{"sip:bob@phone21.boxesbybob.com", "sip:bob@192.0.2.4", false},
		/* Equality is not transitive: both equal the one without. */
		{"sip:carol@chicago.com;security=on", "sip:carol@chicago.com;security=off", false},
		{"sip:a@h", "sips:a@h", false},
		{"sip:a@h;user=phone", "sip:a@h", false},
		{"sip:a@h;ttl=1", "sip:a@h;maddr=1.2.3.4", false},
		{"sip:a@h;lr", "sip:a@h;lr=on", false},
		{"sip:a:@h", "sip:a@h", false},
		{"sip:a%40b@h", "sip:a%40B@h", false},
		{"sip:a%3bb@h", "sip:a;b@h", false},
		{"sip:h?a=1&a=2", "sip:h?a=2&a=1", true},
		{"sip:h?a=1&a=1", "sip:h?a=1&a=2", false},
		{"sip:h?a=1&a=1", "sip:h?a=1", false},
		{"sip:[2001:DB8::1]", "sip:[2001:db8:0::1]", true},
		{"sip:[2001:db8::1]", "sip:[2001:db8::2]", false},
		{"tel:+1-201-555-0123", "tel:+1(201)5550123", true},
		{"tel:+12015550123", "tel:12015550123", false},
		{"tel:123;phone-context=A.com", "tel:123;Phone-Context=a.COM", true},
		{"tel:123;ext=1", "tel:123", false},
		{"urn:a", "urn:a", true},
		{"urn:a", "urn:A", false},
	};
	for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
		struct sip_uri a = decode(rows[i].a), b = decode(rows[i].b);
		assert_int_equal(sip_uri_equal(&a, &b), rows[i].is_equal);
		assert_int_equal(sip_uri_equal(&b, &a), rows[i].is_equal);
		assert_true(sip_uri_equal(&a, &a));
	}
}

/* The time a comparison takes is bounded. */
static void uris_with_many_parameters_are_equal_by_their_bytes(void **state)
{
	static char a[1024] = "sip:h", b[1024] = "sip:H";
	for (unsigned i = 0; i < SIP_URI_PARAMS_MAX; i++) {
		strcat(a, ";p=1");
		strcat(b, ";p=1");
	}
	struct sip_uri x = decode(a), y = decode(b);
	assert_true(sip_uri_equal(&x, &y));
	strcat(a, "?h=1");
	strcat(b, "?h=1");
	x = decode(a);
	y = decode(b);
	assert_false(sip_uri_equal(&x, &y));
	assert_true(sip_uri_equal(&x, &x));
}

static void params_are_walked_and_found(void **state)
{
	struct sip_uri u = decode("sip:h;a=1;LR;b[x]=y:z;a=2");
	struct sip_param p;
	uint32_t at = 0;
	assert_true(sip_param_next(u.params, &at, &p));
	expect(p.name, "a");
	expect(p.value, "1");
	assert_true(sip_param_next(u.params, &at, &p));
	expect(p.value, NULL);
	assert_true(sip_param_next(u.params, &at, &p));
	expect(p.name, "b[x]");
	expect(p.value, "y:z");
	assert_true(sip_param_next(u.params, &at, &p));
	assert_false(sip_param_next(u.params, &at, &p));

	assert_true(sip_param_find(u.params, "lr", &p));
	expect(sip_param_value(u.params, "lr"), "");
	expect(sip_param_value(u.params, "A"), "1");
	expect(sip_param_value(u.params, "none"), NULL);
	assert_false(sip_param_find(SIP_NONE, "lr", &p));
}

static void address_of_a_host_is_none_for_a_name(void **state)
{
	struct sip_uri v4 = decode("sip:192.0.2.1"), v6 = decode("sip:[2001:db8::1]");
	struct sip_uri name = decode("sip:h");
	struct addr a;
	char text[ADDR_TEXT_LEN];
	assert_int_equal(sip_host_addr(&v4.host, 5060, &a), 0);
	assert_string_equal(addr_format(&a, text), "192.0.2.1:5060");
	assert_int_equal(sip_host_addr(&v6.host, 5061, &a), 0);
	assert_string_equal(addr_format(&a, text), "[2001:db8::1]:5061");
	assert_int_equal(sip_host_addr(&name.host, 5060, &a), ERR_NOT_FOUND);
}

static void escapes_are_undone_within_the_room(void **state)
{
	char out[4];
	size_t n;
	assert_int_equal(sip_uri_unescape(sip_str_c("%41b%20%00"), out, sizeof(out), &n), 0);
	assert_int_equal(n, 4);
	assert_memory_equal(out, "Ab \0", 4);
	assert_int_equal(sip_uri_unescape(sip_str_c("abcde"), out, sizeof(out), &n), ERR_NO_SPACE);
	assert_int_equal(sip_uri_unescape(sip_str_c("a%4"), out, sizeof(out), &n), ERR_MALFORMED);
	assert_int_equal(sip_uri_unescape(sip_str_c("a%"), out, sizeof(out), &n), ERR_MALFORMED);
}

int main(void)
{
	const struct CMUnitTest t[] = {
		cmocka_unit_test(uri_is_taken_apart),
		cmocka_unit_test(what_is_no_uri_is_malformed),
		cmocka_unit_test(uri_has_a_bound),
		cmocka_unit_test(equal_uris_are_those_of_the_rfc),
		cmocka_unit_test(uris_with_many_parameters_are_equal_by_their_bytes),
		cmocka_unit_test(params_are_walked_and_found),
		cmocka_unit_test(address_of_a_host_is_none_for_a_name),
		cmocka_unit_test(escapes_are_undone_within_the_room),
	};
	return cmocka_run_group_tests(t, NULL, NULL) != 0;
}
