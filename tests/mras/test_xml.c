/* SPDX-License-Identifier: BSD-3-Clause */
/* The MRAS XML request: the schema, strictly, and what XML could do to a parser. */
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <cmocka.h>
#include <sallyport/mras.h>

#define NS    "http://schemas.microsoft.com/2006/09/sip/mrasp"
#define URIS  "to=\"sip:edge@corp.example;gruu;opaque=srvr:MRAS:aB3dE\" from=\"sip:a@corp.example\""
#define HEAD  "<request xmlns=\"" NS "\" requestID=\"77120\" version=\"2.0\" " URIS ">"
#define TAIL  "</request>"
#define ITEM  "<credentialsRequest credentialsRequestID=\"1\">"
#define CLOSE "</credentialsRequest>"
#define WHO   "<identity>sip:a@corp.example</identity>"

static enum mras_result decode_bytes(struct bytes body, struct mras_request *r)
{
	char detail[MRAS_DETAIL_LEN];
	enum mras_result code = mras_request_decode(MRAS_XML, body, r, detail);
	assert_int_equal(code == MRAS_OK, detail[0] == '\0');
	return code;
}

static enum mras_result judge_bytes(struct bytes body)
{
	struct mras_request r;
	enum mras_result code = decode_bytes(body, &r);
	mras_request_fini(&r);
	return code;
}

static enum mras_result judge(const char *text)
{
	return judge_bytes(bytes_str(text));
}

static void whole_request_is_read(void **state)
{
	struct mras_request r;
	assert_int_equal(
		decode_bytes(
			bytes_str("<?xml version=\"1.0\"?>\n<!-- hello -->\n"
				  "<request xmlns=\"" NS "\" requestID=\"77120\"\n version=\"2.0\" "
				  "route=\"directip\" " URIS ">\n"
				  " <credentialsRequest credentialsRequestID=\"5\">\n"
				  "  <identity>\n sip:alice&amp;bob@corp.example </identity>\n"
				  "  <location>internet</location>\n"
				  "  <duration> 0480 </duration>\n" CLOSE "\n" TAIL "\n"),
			&r),
		MRAS_OK);
	assert_string_equal(r.request_id, "77120");
	assert_string_equal(r.version, "2.0");
	assert_string_equal(r.to, "sip:edge@corp.example;gruu;opaque=srvr:MRAS:aB3dE");
	assert_string_equal(r.from, "sip:a@corp.example");
	assert_true(r.is_all_or_nothing);
	assert_int_equal(r.n_items, 1);
	const struct mras_item *i = &r.items[0];
	assert_string_equal(i->id, "5");
	assert_string_equal(i->identity, "sip:alice&bob@corp.example");
	assert_int_equal(i->location, AUTH_INTERNET);
	assert_int_equal(i->duration_min, 480);
	assert_true(i->is_direct);
	mras_request_fini(&r);
}

static void location_and_duration_are_optional(void **state)
{
	struct mras_request r;
	assert_int_equal(
		decode_bytes(bytes_str(HEAD ITEM WHO CLOSE
				     "<credentialsRequest credentialsRequestID=\"2\">" WHO
				     "<duration>99999999999999999999</duration>" CLOSE TAIL),
			&r),
		MRAS_OK);
	assert_int_equal(r.n_items, 2);
	assert_int_equal(r.items[0].location, 0);
	assert_int_equal(r.items[0].duration_min, 0);
	assert_false(r.items[0].is_direct);
	assert_int_equal(r.items[1].duration_min, MRAS_DURATION_MAX); /* clamped */
	mras_request_fini(&r);
}

static void both_versions_are_read_and_others_are_a_mismatch(void **state)
{
	static const struct {
		const char *version;
		enum mras_result result;
	} cases[] = {{"1.0", MRAS_OK}, {"2.0", MRAS_OK}, {"3.0", MRAS_VERSION_MISMATCH},
		{"2.1", MRAS_VERSION_MISMATCH}, {"0.9", MRAS_VERSION_MISMATCH},
		{"22.0", MRAS_VERSION_MISMATCH}, {"2", MRAS_MALFORMED}, {"2.", MRAS_MALFORMED},
		{".0", MRAS_MALFORMED}, {"2.0.0", MRAS_MALFORMED}, {"two", MRAS_MALFORMED},
		{"", MRAS_MALFORMED}};
	char text[1024];
	for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
		snprintf(text, sizeof(text),
			"<request xmlns=\"" NS "\" requestID=\"1\" version=\"%s\" " URIS
			">" ITEM WHO CLOSE TAIL,
			cases[i].version);
		assert_int_equal(judge(text), cases[i].result);
	}
	/* and what else a newer version has is not looked at */
	assert_int_equal(
		judge("<request xmlns=\"" NS "\" version=\"3.0\" novel=\"1\"><x/></request>"),
		MRAS_VERSION_MISMATCH);
}

static void wrong_attributes_are_refused(void **state)
{
	static const char *const bad[] = {
		"version=\"2.0\" " URIS,
		"requestID=\"1\" " URIS,
		"requestID=\"1\" version=\"2.0\" to=\"sip:a@b\"",
		"requestID=\"1\" version=\"2.0\" from=\"sip:a@b\"",
		"requestID=\"1\" version=\"2.0\" to=\"http://b\" from=\"sip:a@b\"",
		"requestID=\"1\" version=\"2.0\" to=\"\" from=\"sip:a@b\"",
		"requestID=\"\" version=\"2.0\" " URIS,
		"requestID=\"1\" requestID=\"1\" version=\"2.0\" " URIS,
		"requestID=\"1\" version=\"2.0\" route=\"scenic\" " URIS,
		"requestID=\"1\" version=\"2.0\" colour=\"red\" " URIS,
		"requestID=\"a&#10;b\" version=\"2.0\" " URIS,
		"requestID=\"12345678901234567890123456789012345678901234567890123456789012345\" "
		"version=\"2.0\" " URIS,
	};
	char text[1024];
	for (size_t i = 0; i < ARRAY_LEN(bad); i++) {
		snprintf(text, sizeof(text), "<request xmlns=\"" NS "\" %s>" ITEM WHO CLOSE TAIL,
			bad[i]);
		assert_int_equal(judge(text), MRAS_MALFORMED);
	}
	assert_int_equal(judge(HEAD "<credentialsRequest>" WHO CLOSE TAIL), MRAS_MALFORMED);
	assert_int_equal(judge(HEAD ITEM "<identity kind=\"x\">sip:a@b</identity>" CLOSE TAIL),
		MRAS_MALFORMED);
}

static void attributes_of_another_namespace_are_passed_over(void **state)
{
	assert_int_equal(judge("<request xmlns=\"" NS "\" "
			       "xmlns:xsi=\"http://www.w3.org/2001/XMLSchema-instance\" "
			       "xsi:schemaLocation=\"a b\" requestID=\"1\" version=\"1.0\" " URIS
			       ">" ITEM WHO CLOSE TAIL),
		MRAS_OK);
}

static void structure_other_than_the_schema_is_refused(void **state)
{
	static const char *const bad[] = {
		"",
		"x",
		"<request/>",
		"<response xmlns=\"" NS "\"/>",
		"<request xmlns=\"urn:other\" requestID=\"1\" version=\"2.0\" " URIS
		">" ITEM WHO CLOSE TAIL,
		HEAD TAIL,
		HEAD ITEM WHO CLOSE,
		HEAD ITEM WHO CLOSE TAIL "<request/>",
		HEAD ITEM WHO CLOSE TAIL "x",
		HEAD ITEM CLOSE TAIL,
		HEAD "<other/>" TAIL,
		HEAD "text" ITEM WHO CLOSE TAIL,
		HEAD ITEM "text" WHO CLOSE TAIL,
		HEAD ITEM WHO WHO CLOSE TAIL,
		HEAD ITEM "<location>internet</location>" WHO CLOSE TAIL,
		HEAD ITEM "<location>internet</location>" CLOSE TAIL,
		HEAD ITEM WHO "<duration>1</duration><location>internet</location>" CLOSE TAIL,
		HEAD ITEM WHO "<duration>1</duration><duration>1</duration>" CLOSE TAIL,
		HEAD ITEM WHO "<other>1</other>" CLOSE TAIL,
		HEAD ITEM "<identity><b>sip:a@b</b></identity>" CLOSE TAIL,
		HEAD ITEM "<identity> </identity>" CLOSE TAIL,
		HEAD ITEM "<identity>a&#7;b</identity>" CLOSE TAIL,
		HEAD ITEM "<identity>a&#9;b</identity>" CLOSE TAIL,
		HEAD ITEM "<identity>\xff</identity>" CLOSE TAIL,
		HEAD ITEM "<identity>&nbsp;</identity>" CLOSE TAIL,
		HEAD ITEM WHO "<location>moon</location>" CLOSE TAIL,
		HEAD ITEM WHO "<location/>" CLOSE TAIL,
		HEAD ITEM WHO "<duration>0</duration>" CLOSE TAIL,
		HEAD ITEM WHO "<duration>-1</duration>" CLOSE TAIL,
		HEAD ITEM WHO "<duration>1.5</duration>" CLOSE TAIL,
		HEAD ITEM WHO "<duration>0x10</duration>" CLOSE TAIL,
		HEAD ITEM WHO "<duration/>" CLOSE TAIL,
		HEAD ITEM WHO "<identity>" CLOSE TAIL,
	};
	for (size_t i = 0; i < ARRAY_LEN(bad); i++)
		assert_int_equal(judge(bad[i]), MRAS_MALFORMED);
}

static void entities_cannot_be_declared(void **state)
{
	/* were it expanded, ten levels of ten would be 10^10 characters */
	assert_int_equal(judge("<?xml version=\"1.0\"?><!DOCTYPE request ["
			       "<!ENTITY a \"aaaaaaaaaa\">"
			       "<!ENTITY b \"&a;&a;&a;&a;&a;&a;&a;&a;&a;&a;\">"
			       "<!ENTITY c \"&b;&b;&b;&b;&b;&b;&b;&b;&b;&b;\">"
			       "<!ENTITY d \"&c;&c;&c;&c;&c;&c;&c;&c;&c;&c;\">"
			       "<!ENTITY e \"&d;&d;&d;&d;&d;&d;&d;&d;&d;&d;\">"
			       "<!ENTITY f \"&e;&e;&e;&e;&e;&e;&e;&e;&e;&e;\">]>" HEAD ITEM
			       "<identity>&f;</identity>" CLOSE TAIL),
		MRAS_MALFORMED);
	assert_int_equal(
		judge("<!DOCTYPE request [<!ENTITY x SYSTEM \"file:///etc/passwd\">]>" HEAD ITEM
		      "<identity>&x;</identity>" CLOSE TAIL),
		MRAS_MALFORMED);
	assert_int_equal(judge("<!DOCTYPE request SYSTEM \"http://127.0.0.1:1/x.dtd\">" HEAD ITEM
					 WHO CLOSE TAIL),
		MRAS_MALFORMED);
	assert_int_equal(judge("<!DOCTYPE request>" HEAD ITEM WHO CLOSE TAIL), MRAS_MALFORMED);
}

static void other_encodings_are_refused(void **state)
{
	static const char utf16[] = "\xff\xfe<\0r\0e\0q\0u\0e\0s\0t\0/\0>\0";
	assert_int_equal(judge_bytes(bytes_of(utf16, sizeof(utf16) - 1)), MRAS_MALFORMED);
	/* the declaration does not count: the byte is not UTF-8 */
	assert_int_equal(judge("<?xml version=\"1.0\" encoding=\"ISO-8859-1\"?>" HEAD ITEM
			       "<identity>\xe4</identity>" CLOSE TAIL),
		MRAS_MALFORMED);
}

/* PREFIX, N times PART, SUFFIX; malloc'd. */
static char *repeated(const char *prefix, size_t n, const char *part, const char *suffix)
{
	size_t len = strlen(part);
	char *text = malloc(strlen(prefix) + n * len + strlen(suffix) + 1), *end = text;
	end = stpcpy(end, prefix);
	for (size_t i = 0; i < n; i++, end += len)
		memcpy(end, part, len);
	stpcpy(end, suffix);
	return text;
}

static enum mras_result judge_repeated(
	const char *prefix, size_t n, const char *part, const char *suffix)
{
	char *text = repeated(prefix, n, part, suffix);
	enum mras_result r = judge(text);
	free(text);
	return r;
}

static void hundred_items_are_the_most(void **state)
{
	assert_int_equal(judge_repeated(HEAD, 100, ITEM WHO CLOSE, TAIL), MRAS_OK);
	assert_int_equal(judge_repeated(HEAD, 101, ITEM WHO CLOSE, TAIL), MRAS_TOO_LARGE);
}

static void deep_nesting_is_refused(void **state)
{
	assert_int_equal(judge_repeated("", 28000, "<request>", ""), MRAS_MALFORMED);
	assert_int_equal(judge_repeated(HEAD ITEM, 10000, "<identity>", ""), MRAS_MALFORMED);
}

static void large_bodies_are_refused(void **state)
{
	assert_int_equal(judge_repeated(HEAD, 1 << 20, " ", ITEM WHO CLOSE TAIL), MRAS_TOO_LARGE);
	assert_int_equal(judge_repeated(HEAD, 200000, " ", ITEM WHO CLOSE TAIL), MRAS_OK);
	assert_int_equal(
		judge_repeated(HEAD ITEM "<identity>", 65536, "a", "</identity>" CLOSE TAIL),
		MRAS_OK);
	assert_int_equal(
		judge_repeated(HEAD ITEM "<identity>", 65537, "a", "</identity>" CLOSE TAIL),
		MRAS_MALFORMED);
}

static void every_truncation_is_malformed(void **state)
{
	static const char text[] = "<?xml version=\"1.0\"?>" HEAD ITEM WHO
				   "<location>internet</location><duration>5</duration>" CLOSE TAIL;
	for (size_t n = 0; n < sizeof(text) - 1; n++)
		assert_int_equal(judge_bytes(bytes_of(text, n)), MRAS_MALFORMED);
	assert_int_equal(judge(text), MRAS_OK);
}

static void what_was_understood_survives_an_error(void **state)
{
	struct mras_request r;
	assert_int_equal(decode_bytes(bytes_str(HEAD ITEM "<x/>" CLOSE TAIL), &r), MRAS_MALFORMED);
	assert_string_equal(r.request_id, "77120");
	assert_string_equal(r.from, "sip:a@corp.example");
	mras_request_fini(&r);
}

int main(void)
{
	const struct CMUnitTest t[] = {
		cmocka_unit_test(whole_request_is_read),
		cmocka_unit_test(location_and_duration_are_optional),
		cmocka_unit_test(both_versions_are_read_and_others_are_a_mismatch),
		cmocka_unit_test(wrong_attributes_are_refused),
		cmocka_unit_test(attributes_of_another_namespace_are_passed_over),
		cmocka_unit_test(structure_other_than_the_schema_is_refused),
		cmocka_unit_test(entities_cannot_be_declared),
		cmocka_unit_test(other_encodings_are_refused),
		cmocka_unit_test(hundred_items_are_the_most),
		cmocka_unit_test(deep_nesting_is_refused),
		cmocka_unit_test(large_bodies_are_refused),
		cmocka_unit_test(every_truncation_is_malformed),
		cmocka_unit_test(what_was_understood_survives_an_error),
	};
	return cmocka_run_group_tests(t, NULL, NULL) != 0;
}
