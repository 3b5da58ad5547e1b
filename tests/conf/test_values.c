/* SPDX-License-Identifier: BSD-3-Clause */
/* What each type takes, how it is stored, and where its range ends. */
#include "load.h"

static void every_type_is_stored_as_its_c_type(void **state)
{
	struct conf_doc *doc = load_good("node: edge1\n"
					 "log_level: debug\n"
					 "privacy: off\n"
					 "admin: \"[2001:db8::1]:99\"\n"
					 "inside: 10.1.0.0/16\n"
					 "pid_file: /run/made.pid\n"
					 "not_before: 2026-01-01T00:00:00Z\n"
					 "weights: [1, 100]\n"
					 "words:\n  - one\n  - \"two: 2\"\n"
					 "levels: [info, error]\n");
	const struct made_root *r = root_of(doc);
	char text[ADDR_TEXT_LEN];

	assert_string_equal(r->node, "edge1");
	assert_int_equal(r->log_level, 4);
	assert_false(r->privacy);
	assert_string_equal(addr_format(&r->admin, text), "[2001:db8::1]:99");
	assert_string_equal(prefix_format(&r->inside, text), "10.1.0.0/16");
	assert_string_equal(r->pid_file, "/run/made.pid");
	assert_int_equal(r->not_before_s, 1767225600);
	assert_int_equal(r->weights.n, 2);
	assert_int_equal(((const uint64_t *)r->weights.items)[1], 100);
	assert_int_equal(r->words.n, 2);
	assert_string_equal(((const char *const *)r->words.items)[1], "two: 2");
	assert_int_equal(r->levels.n, 2);
	assert_int_equal(((const int *)r->levels.items)[0], 3);
	conf_destroy(doc);
}

static void sections_and_their_lists_are_structs(void **state)
{
	struct conf_doc *doc = load_good("node: n\n"
					 "edge:\n"
					 "  realm: example.org\n"
					 "  lifetime: 10m\n"
					 "  ports: 2000-2999\n"
					 "  deny: [10.0.0.0/8]\n"
					 "  shared_secret: 0123456789\n"
					 "  faces:\n"
					 "  - name: a\n"
					 "    listen: [192.0.2.1, 192.0.2.1:443]\n"
					 "    transport: tls\n"
					 "  - name: b\n"
					 "    listen: 192.0.2.2\n"
					 "    max_bps: 0\n"
					 "  limits:\n"
					 "    buffer: 64k\n");
	const struct made_edge *e = &root_of(doc)->edge;
	const struct made_face *face = e->faces.items;
	const struct addr *listen = face[0].listen.items;

	assert_true(e->is_present);
	assert_int_equal(e->lifetime_s, 600);
	assert_int_equal(e->ports.first, 2000);
	assert_int_equal(e->ports.last, 2999);
	assert_string_equal(e->shared_secret, "0123456789");
	assert_int_equal(e->faces.n, 2);
	assert_string_equal(face[0].name, "a");
	assert_int_equal(face[0].listen.n, 2);
	assert_int_equal(listen[0].port, 3478); /* the item row's default */
	assert_int_equal(listen[1].port, 443);
	assert_int_equal(face[0].transport, 2);
	assert_int_equal(face[0].max_bps, 3000000);
	assert_int_equal(face[1].listen.n, 1);
	assert_int_equal(face[1].max_bps, 0);
	assert_int_equal(e->limits.buffer_bytes, 65536);
	assert_int_equal(e->limits.per_user, 10);
	conf_destroy(doc);
}

static void what_is_not_written_has_its_default(void **state)
{
	struct conf_doc *doc = load_good("node: n\n");
	const struct made_root *r = root_of(doc);
	char text[ADDR_TEXT_LEN];

	assert_int_equal(r->log_level, 2);
	assert_true(r->privacy);
	assert_int_equal(r->admin.family, ADDR_NONE);
	assert_null(r->pid_file);
	assert_int_equal(r->weights.n, 0);
	assert_int_equal(r->levels.n, 1);
	assert_string_equal(r->log.target, "stderr: plain");
	assert_false(r->edge.is_present);
	assert_int_equal(r->edge.lifetime_s, 8 * 3600);
	assert_int_equal(r->edge.deny.n, 2);
	assert_string_equal(
		prefix_format(&((const struct prefix *)r->edge.deny.items)[1], text), "fc00::/7");
	assert_int_equal(r->edge.limits.buffer_bytes, 4 * 1024 * 1024);
	conf_destroy(doc);
}

static void a_section_with_nothing_in_it_is_there(void **state)
{
	struct conf_doc *doc = load_good("node: n\nlog:\n");

	assert_string_equal(root_of(doc)->log.target, "stderr: plain");
	conf_destroy(doc);
}

static void booleans_have_six_spellings(void **state)
{
	static const char *const yes[] = {"true", "yes", "on", "True", "YES"};
	static const char *const no[] = {"false", "no", "off", "False", "OFF"};

	for (size_t i = 0; i < ARRAY_LEN(yes); i++) {
		char text[64];
		struct conf_doc *a, *b;

		snprintf(text, sizeof(text), "node: n\nprivacy: %s\n", yes[i]);
		a = load_good(text);
		snprintf(text, sizeof(text), "node: n\nprivacy: '%s'\n", no[i]);
		b = load_good(text);
		assert_true(root_of(a)->privacy);
		assert_false(root_of(b)->privacy);
		conf_destroy(a);
		conf_destroy(b);
	}
}

/* The value of edge.OPTION, or of edge.limits.OPTION, given as VALUE; UINT64_MAX when refused. */
static uint64_t number_of(const char *option, const char *value, size_t offset)
{
	char text[256];
	struct conf_doc *doc;
	bool in_limits = offset >= offsetof(struct made_edge, limits);
	uint64_t v = UINT64_MAX;
	int rc;

	snprintf(text, sizeof(text), GOOD_EDGE "  %s%s: %s%s\n", in_limits ? "limits: {" : "",
		option, value, in_limits ? "}" : "");
	doc = load_bytes(text, strlen(text), &rc);
	if (rc == 0)
		memcpy(&v, (const char *)&root_of(doc)->edge + offset, sizeof(v));
	conf_destroy(doc);
	return v;
}

static uint64_t lifetime_of(const char *value)
{
	return number_of("lifetime", value, offsetof(struct made_edge, lifetime_s));
}

static void durations_take_s_m_h_d_and_keep_their_range(void **state)
{
	assert_int_equal(lifetime_of("60"), 60);
	assert_int_equal(lifetime_of("60s"), 60);
	assert_int_equal(lifetime_of("59s"), UINT64_MAX);
	assert_int_equal(lifetime_of("1m"), 60);
	assert_int_equal(lifetime_of("8h"), 28800);
	assert_int_equal(lifetime_of("180d"), 15552000);
	assert_int_equal(lifetime_of("15552001"), UINT64_MAX);
	assert_int_equal(lifetime_of("8 h"), UINT64_MAX);
	assert_int_equal(lifetime_of("8H"), UINT64_MAX);
	assert_int_equal(lifetime_of("8hs"), UINT64_MAX);
	assert_int_equal(lifetime_of("h"), UINT64_MAX);
	assert_int_equal(lifetime_of("-60"), UINT64_MAX);
	assert_int_equal(lifetime_of("+60"), UINT64_MAX);
	assert_int_equal(lifetime_of("213503982334602d"), UINT64_MAX); /* over 64 bits */
}

static void numbers_are_whole_and_fit_64_bits(void **state)
{
	size_t offset = offsetof(struct made_edge, limits.total);

	assert_int_equal(number_of("total", "16", offset), 16);
	assert_int_equal(number_of("total", "15", offset), UINT64_MAX);
	assert_int_equal(number_of("total", "0020", offset), 20);
	assert_int_equal(
		number_of("total", "18446744073709551614", offset), UINT64_C(18446744073709551614));
	assert_int_equal(number_of("total", "18446744073709551616", offset), UINT64_MAX);
	assert_int_equal(number_of("total", "99999999999999999999999", offset), UINT64_MAX);
	assert_int_equal(number_of("total", "0x20", offset), UINT64_MAX);
	assert_int_equal(number_of("total", "20.0", offset), UINT64_MAX);
	assert_int_equal(number_of("total", "20k", offset), UINT64_MAX);
}

static void sizes_count_in_1024(void **state)
{
	size_t offset = offsetof(struct made_edge, limits.buffer_bytes);

	assert_int_equal(number_of("buffer", "4096", offset), 4096);
	assert_int_equal(number_of("buffer", "4095", offset), UINT64_MAX);
	assert_int_equal(number_of("buffer", "64k", offset), 65536);
	assert_int_equal(number_of("buffer", "4M", offset), 4194304);
	assert_int_equal(number_of("buffer", "1G", offset), 1073741824);
	assert_int_equal(number_of("buffer", "2G", offset), UINT64_MAX);
	assert_int_equal(number_of("buffer", "4m", offset), UINT64_MAX);
}

static uint64_t rate_of(const char *value)
{
	char text[256];
	struct conf_doc *doc;
	uint64_t v = UINT64_MAX;
	int rc;

	snprintf(text, sizeof(text),
		"node: n\nedge: {realm: r, faces: [{name: a, listen: 192.0.2.1, max_bps: %s}]}\n",
		value);
	doc = load_bytes(text, strlen(text), &rc);
	if (rc == 0)
		v = ((const struct made_face *)root_of(doc)->edge.faces.items)->max_bps;
	conf_destroy(doc);
	return v;
}

static void rates_count_in_1000(void **state)
{
	assert_int_equal(rate_of("0"), 0);
	assert_int_equal(rate_of("3000k"), 3000000);
	assert_int_equal(rate_of("10M"), 10000000);
	assert_int_equal(rate_of("10G"), UINT64_C(10000000000));
	assert_int_equal(rate_of("11G"), UINT64_MAX);
	assert_int_equal(rate_of("3Mbit"), UINT64_MAX);
}

static bool is_good_ports(const char *value, unsigned first, unsigned last)
{
	char text[256];
	struct conf_doc *doc;
	bool is_good;
	int rc;

	snprintf(text, sizeof(text), GOOD_EDGE "  ports: %s\n", value);
	doc = load_bytes(text, strlen(text), &rc);
	is_good = rc == 0 && root_of(doc)->edge.ports.first == first &&
		  root_of(doc)->edge.ports.last == last;
	conf_destroy(doc);
	return is_good;
}

static void port_ranges_go_upward_and_stay_in_range(void **state)
{
	assert_true(is_good_ports("1024-65535", 1024, 65535));
	assert_true(is_good_ports("2000", 2000, 2000));
	assert_false(is_good_ports("1023-2000", 1023, 2000));
	assert_false(is_good_ports("2000-65536", 2000, 0));
	assert_false(is_good_ports("3000-2000", 3000, 2000));
	assert_false(is_good_ports("2000-", 2000, 0));
	assert_false(is_good_ports("2000-3000-4000", 2000, 3000));
	assert_false(is_good_ports("2000:3000", 2000, 3000));
}

static uint64_t time_of(const char *value)
{
	char text[128];
	struct conf_doc *doc;
	uint64_t v = UINT64_MAX;
	int rc;

	snprintf(text, sizeof(text), "node: n\nnot_before: %s\n", value);
	doc = load_bytes(text, strlen(text), &rc);
	if (rc == 0)
		v = root_of(doc)->not_before_s;
	conf_destroy(doc);
	return v;
}

/* RFC 3339 §5.6 to §5.8. */
static void times_are_rfc_3339(void **state)
{
	assert_int_equal(time_of("2000-01-01T00:00:00Z"), 946684800);
	assert_int_equal(time_of("1999-12-31T23:59:59Z"), UINT64_MAX); /* the row's minimum */
	assert_int_equal(time_of("2024-02-29T12:00:00Z"), 1709208000);
	assert_int_equal(time_of("2023-02-29T12:00:00Z"), UINT64_MAX);
	assert_int_equal(time_of("2100-02-29T12:00:00Z"), UINT64_MAX);
	assert_int_equal(time_of("2026-01-01T02:00:00+02:00"), 1767225600);
	assert_int_equal(time_of("2025-12-31T18:30:00-05:30"), 1767225600);
	assert_int_equal(time_of("2026-01-01t00:00:00.999z"), 1767225600);
	assert_int_equal(time_of("2016-12-31T23:59:60Z"), 1483228800); /* a leap second */
	assert_int_equal(time_of("2026-01-01T24:00:00Z"), UINT64_MAX);
	assert_int_equal(time_of("2026-01-01T00:60:00Z"), UINT64_MAX);
	assert_int_equal(time_of("2026-13-01T00:00:00Z"), UINT64_MAX);
	assert_int_equal(time_of("2026-01-01T00:00:00"), UINT64_MAX);
	assert_int_equal(time_of("2026-01-01T00:00:00.Z"), UINT64_MAX);
	assert_int_equal(time_of("2026-01-01T00:00:00+0200"), UINT64_MAX);
	assert_int_equal(time_of("2026-01-01T00:00:00Zulu"), UINT64_MAX);
	assert_int_equal(time_of("2026-01-01"), UINT64_MAX);
	assert_int_equal(time_of("1767225600"), UINT64_MAX);
	assert_int_equal(time_of("9999-12-31T23:59:59Z"), UINT64_C(253402300799));
}

static void strings_keep_their_length(void **state)
{
	char text[256];
	struct conf_doc *doc;

	snprintf(text, sizeof(text), "node: %063d\n", 1);
	doc = load_good(text);
	assert_int_equal(strlen(root_of(doc)->node), 63);
	conf_destroy(doc);
	EXPECT("node: \"\"\n", "1:7: \"\" has the wrong length; write 1 to 63 bytes");
	EXPECT("node: "
	       "1234567890123456789012345678901234567890123456789012345678901234\n",
		"1:7: \"1234567890123456789012345678901234567890123456789012345678...\" has the "
		"wrong length; write 1 to 63 bytes");
}

int main(void)
{
	const struct CMUnitTest t[] = {
		cmocka_unit_test(every_type_is_stored_as_its_c_type),
		cmocka_unit_test(sections_and_their_lists_are_structs),
		cmocka_unit_test(what_is_not_written_has_its_default),
		cmocka_unit_test(a_section_with_nothing_in_it_is_there),
		cmocka_unit_test(booleans_have_six_spellings),
		cmocka_unit_test(durations_take_s_m_h_d_and_keep_their_range),
		cmocka_unit_test(numbers_are_whole_and_fit_64_bits),
		cmocka_unit_test(sizes_count_in_1024),
		cmocka_unit_test(rates_count_in_1000),
		cmocka_unit_test(port_ranges_go_upward_and_stay_in_range),
		cmocka_unit_test(times_are_rfc_3339),
		cmocka_unit_test(strings_keep_their_length),
	};

	return cmocka_run_group_tests(t, NULL, NULL) != 0;
}
