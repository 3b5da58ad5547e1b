/* SPDX-License-Identifier: BSD-3-Clause */
/* The section "mediation": what is refused, and where; what is warned of; and where calls go. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <cmocka.h>

#include "../../../src/daemon/dial_plan.h"

struct root {
	struct options_mediation mediation;
};
static const struct conf_option table[] = {
	{.name = "mediation",
		.type = CONF_SECTION,
		.offset = offsetof(struct root, mediation),
		.children = options_mediation_table,
		.check = options_check_mediation},
	{.name = NULL},
};

#define INSIDE                                                                                     \
	"      client_tls: {certificate: /a, private_key: /b, ca: /c, names: [fe.example.net]}"

static const char good[] =
	"mediation:\n"
	"  gateways:\n"
	"    - {name: gw1, host: gw1.example.net}\n"
	"    - {name: gw2, host: gw2.example.net}\n"
	"    - {name: psap, host: psap.example.org}\n"
	"    - {name: sbc, host: 198.51.100.5}\n"
	"  pools:\n"
	"    - name: med\n"
	"      nodes: [ms1.example.net, ms2.example.net]\n"
	"      colocated: false\n"
	"      primary_address: auto/10.10.0.0/24\n"
	"      pstn_address: 10.99.0.21\n"
	"      trunk_listen: {tls: 5067-5069, tcp: 5068}\n"
	"      trunk_tls: {certificate: /a.pem, private_key: /a.key, ca: /ca.pem}\n"
	"  trunks:\n"
	"    - {name: gw1-root, root: true, mediation: 'med:5067/tls', gateway: 'gw1:5067', site: "
	"hq}\n"
	"    - {name: gw1-b, mediation: 'med:5069/tls', gateway: 'gw1:5069', site: hq}\n"
	"    - {name: gw2-root, root: true, mediation: 'med:5067/tls', gateway: 'gw2:5067'}\n"
	"    - {name: psap-root, root: true, mediation: 'med:5067/tls', gateway: 'psap:5061', "
	"connection: private}\n"
	"    - {name: sbc-root, root: true, mediation: 'med:5068/tcp', gateway: 'sbc:5060', "
	"connection: vpn}\n"
	"  trunk_settings:\n"
	"    - {scope: global, remove_plus: true}\n"
	"    - scope: 'site:hq'\n"
	"      called_rules: [{match: '^\\+1(\\d+)$', replace: '$1'}]\n"
	"      response_map: [{sip: 486, q850: 34, to: 503}]\n"
	"      failover_codes: [408, 480]\n"
	"    - {scope: 'trunk:sbc-root', srtp: none, fast_failover: 0}\n"
	"  usages: [emergency, local, hopoff]\n"
	"  dial_rules:\n"
	"    - {match: '^9?(\\d{7})$', replace: '+1425$1'}\n"
	"  routes:\n"
	"    - {name: na-local, match: '^\\+1(425|206)\\d{7}$', priority: 1, usages: [local], "
	"trunks: [gw1-root, gw1-b], spread: ordered}\n"
	"    - {name: any, match: '^\\+?\\d+$', priority: 9, usages: [hopoff], trunks: [sbc-root], "
	"suppress_caller_id: true, alternate_caller_id: '+14255550100'}\n"
	"    - {name: e911, match: '^\\+911$', usages: [emergency], trunks: [psap-root]}\n";

static struct conf_doc *load(const char *text, int *err)
{
	struct conf_doc *doc = NULL;
	*err = conf_load_text("test", text, strlen(text), table, sizeof(struct root), &doc);
	assert_non_null(doc);
	return doc;
}

static const struct options_mediation *options_of(const struct conf_doc *doc)
{
	return &((const struct root *)conf_root(doc))->mediation;
}

/* TEXT with the first FROM made TO; to be freed. */
static char *replaced(const char *text, const char *from, const char *to)
{
	const char *at = strstr(text, from);
	if (!at)
		fail_msg("no %s", from);
	char *out = malloc(strlen(text) + strlen(to) + 1);
	assert_non_null(out);
	(void)sprintf(out, "%.*s%s%s", (int)(at - text), text, to, at + strlen(from));
	return out;
}

static char *changed(const char *from, const char *to)
{
	return replaced(good, from, to);
}

static unsigned line_of(const char *text, const char *at)
{
	unsigned line = 1;
	for (; text < at; text++)
		line += *text == '\n';
	return line;
}

static void a_good_section_has_no_errors(void **state)
{
	char *inside = changed("name: med\n", "name: med\n" INSIDE "\n");
	int err;
	struct conf_doc *doc = load(inside, &err);
	assert_int_equal(err, 0);
	assert_int_equal(conf_error_count(doc), 0);
	conf_destroy(doc);
	free(inside);
}

/* Changing FROM to TO makes one error, at the line of TO or, if AT is not NULL, of AT. */
struct wrong {
	const char *from, *to, *at, *message;
};

static void assert_wrong(const struct wrong *w)
{
	int err;
	char *text = changed(w->from, w->to);
	struct conf_doc *doc = load(text, &err);
	const char *at = strstr(text, w->at ? w->at : w->to);
	size_t n = 0;
	assert_int_equal(err, ERR_CONFIG);
	assert_non_null(at);
	for (size_t i = 0; i < conf_error_count(doc); i++) {
		const struct conf_error *e = conf_error_at(doc, i);
		if (e->is_warning)
			continue;
		n++;
		if (e->line != line_of(text, at) || e->column == 0 || !strstr(e->text, w->message))
			fail_msg("line %u: %s", line_of(text, at), e->text);
	}
	if (n != 1)
		fail_msg("%zu errors for %s", n, w->to);
	conf_destroy(doc);
	free(text);
}

static void what_trunks_must_not_be_is_refused_where_it_stands(void **state)
{
	static const struct wrong cases[] = {
		{"host: gw2.example.net", "host: 192.0.2.5", "name: gw2-root", "is an address"},
		{"med:5067/tls", "med:5066/tls", NULL,
			"port 5066 is outside of the ports 5067-5069"},
		{"med:5068/tcp", "med:5069/tcp", NULL, "outside of the ports 5068-5068"},
		{"med:5068/tcp", "med:5060/udp", NULL, "has no ports for udp"},
		{"med:5069/tls', gateway: 'gw1:5069'", "med:5067/tls', gateway: 'gw1:5067'",
			"name: gw1-b", "has the same pool, gateway and ports"},
		{"gw2-root, root: true", "gw2-root, root: false", "name: gw2,", "no root trunk"},
		{"name: gw1-b,", "name: gw1-b, root: true,", NULL,
			"root trunk \"gw1-root\" already"},
		{"connection: vpn", "connection: internet", NULL, "on the Internet without TLS"},
		{"med:5067/tls", "med:5067", NULL, "is not POOL:PORT/TRANSPORT"},
		{"med:5067/tls", "med:65603/tls", NULL, "is not POOL:PORT/TRANSPORT"},
		{"med:5067/tls", "me:5067/tls", NULL, "no pool \"me\""},
		{"gw1:5069", "gw1:", "name: gw1-b", "is not GATEWAY:PORT"},
		{"'gw1:5069'", "'gw9:5069'", NULL, "no gateway \"gw9\""},
		{"name: gw2-root", "name: psap-root", "gateway: 'psap", "two trunks are called"},
		{"pstn_address: 10.99.0.21", "client_port: 5069\n" INSIDE, "name: gw1-b",
			"is the \"client_port\" of pool"},
		{"name: gw2-root", "name: gw2/root", NULL, "letters, digits"},
	};
	for (size_t i = 0; i < ARRAY_LEN(cases); i++)
		assert_wrong(&cases[i]);
}

static void pools_settings_and_routes_are_refused_where_they_stand(void **state)
{
	static const struct wrong cases[] = {
		{"colocated: false", "colocated: true", "pstn_address", "have one address"},
		{"[ms1.example.net, ms2.example.net]\n      colocated: false\n"
		 "      primary_address: auto/10.10.0.0/24\n      pstn_address: 10.99.0.21",
			"[a, b, c, d, e, f, g, h, i, j, k, l, m]\n"
			"      primary_address: auto/10.10.0.0/24",
			"nodes:", "at most 12"},
		{"auto/10.10.0.0/24", "auto/10.10.0.1/24", NULL, "neither an address"},
		{"10.99.0.21", "10.99.0.21:5060", NULL, "neither an address"},
		{"trunk_listen:", "default_trunk: gw9\n      trunk_listen:", "default_trunk",
			"no trunk \"gw9\""},
		{"scope: global", "scope: globe", NULL, "is not global"},
		{"'site:hq'", "'site:lon'", NULL, "no trunk has the site"},
		{"'trunk:sbc-root'", "'trunk:sbc'", NULL, "no trunk \"sbc\""},
		{"'trunk:sbc-root'", "global", "{scope: global, srtp", "has settings already"},
		{"(\\d+)$', replace: '$1'", "(\\d+$', replace: '$1'", NULL,
			"cannot be used: missing"},
		{"replace: '$1'", "replace: '$2'", NULL, "no group 2"},
		{"sip: 486", "sip: 200", NULL, "is not a response that refuses"},
		{"q850: 34", "q850: 128", NULL, "not a cause of Q.850"},
		{"usages: [local]", "usages: [locl]", NULL, "no usage \"locl\""},
		{"remove_plus: true", "usages: [loca]", NULL, "no usage \"loca\""},
		{"trunks: [psap-root]", "trunks: [psap]", NULL, "no trunk \"psap\""},
		{"match: '^\\+911$'", "match: '^+911$'", NULL, "cannot be used"},
		{"      trunk_tls: {certificate: /a.pem, private_key: /a.key, ca: /ca.pem}\n", "",
			"mediation: 'med:5067/tls'", "no certificate"},
		{"name: med", "name: med\n      next_hop: {host: 192.0.2.5}", "host: 192",
			"add \"client_tls\""},
		{"name: med",
			"name: med\n      client_tls: {certificate: /a, private_key: /b, ca: /c}",
			"certificate: /a,", "nobody may call"},
		{"host: gw2.example.net", "host: gw2.example.net, address: 192.0.2.1:5060",
			"address: 192", "without a port"},
		{"srtp: none", "srtp: none, usages: [far]", "usages: [far", "no usage \"far\""},
		{"suppress_caller_id: true", "suppress_caller_id: false", NULL,
			"with \"suppress_caller_id: true\" only"},
		{"caller_id: '+14255550100'", "caller_id: '1 2'", NULL, "cannot be a number"},
		{"[emergency, local, hopoff]", "[emergency, local, hopoff, local]", NULL, "twice"},
		{"name: na-local", "name: any", "name: any, match: '^\\+?",
			"two routes are called"},
	};
	for (size_t i = 0; i < ARRAY_LEN(cases); i++)
		assert_wrong(&cases[i]);
}

/* Text of all warnings, one a line. */
static void all_warnings(const char *text, char *out, size_t cap)
{
	int err;
	struct conf_doc *doc = load(text, &err);
	size_t len = 0;
	assert_int_equal(err, 0);
	out[0] = '\0';
	for (size_t i = 0; i < conf_error_count(doc); i++) {
		const struct conf_error *e = conf_error_at(doc, i);
		assert_true(e->is_warning && e->line > 0);
		len += (size_t)snprintf(out + len, cap - len, "%s\n", e->text);
	}
	conf_destroy(doc);
}

/* The same where there is an inside. */
static void warnings(const char *text, char *out, size_t cap)
{
	char *inside = replaced(text, "name: med\n", "name: med\n" INSIDE "\n");
	all_warnings(inside, out, cap);
	free(inside);
}

static void trunks_with_all_usages_are_warned_of_where_there_is_no_inside(void **state)
{
	char *text = changed("srtp: none", "srtp: none, usages: [emergency]"), out[8192];
	all_warnings(text, out, sizeof(out));
	assert_non_null(strstr(out, "trunk \"gw1-root\" names no usages"));
	assert_non_null(strstr(out, "trunk \"gw2-root\" names no usages"));
	assert_null(strstr(out, "trunk \"sbc-root\" names no usages"));
	warnings(text, out, sizeof(out));
	assert_null(strstr(out, "names no usages"));
	free(text);
}

/* gw1 is of the site hq, sbc has a set of its own, gw2 has the global one. */
static void options_that_a_narrower_set_takes_back_are_warned_of(void **state)
{
	static const struct {
		const char *to;
		const char *named, *not_named;
	} cases[] = {
		{"global, options: {send: false}", "do not hold for trunk \"sbc-root\"", "gw2"},
		{"global, options: {send: false}", "do not hold for trunk \"gw1-root\"", "gw2"},
		{"global, options: {interval: 10s}", "OPTIONS are sent to its gateway", "gw2"},
		{"global, options: {send: true}", NULL, "do not hold"},
		{"global, options: {}", NULL, "do not hold"},
	};
	char out[4096];

	for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
		char *text = changed("global, remove_plus: true", cases[i].to);
		warnings(text, out, sizeof(out));
		if ((cases[i].named && !strstr(out, cases[i].named)) ||
			strstr(out, cases[i].not_named))
			fail_msg("%s: %s", cases[i].to, out);
		char *said = replaced(text, "'trunk:sbc-root', srtp: none",
			"'trunk:sbc-root', srtp: none, options: {send: true}");
		warnings(said, out, sizeof(out));
		assert_null(strstr(out, "do not hold for trunk \"sbc-root\""));
		free(said);
		free(text);
	}
}

static void clear_trunks_are_warned_of_unless_their_network_is_protected(void **state)
{
	static const struct {
		const char *from, *to, *message;
	} cases[] = {
		{"connection: vpn", "connection: lan",
			"signalling and media of trunk \"sbc-root\" are clear"},
		{"connection: vpn", "connection: mpls", ""},
		{"connection: vpn", "connection: private", ""},
		{"global, remove_plus: true", "global, srtp: optional",
			"media of trunk \"gw2-root\" may be clear"},
		{"global, remove_plus: true", "global, srtp: none",
			"media of trunk \"gw2-root\" are clear"},
	};
	for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
		char *text = changed(cases[i].from, cases[i].to), out[2048];
		warnings(text, out, sizeof(out));
		if (cases[i].message[0] ? !strstr(out, cases[i].message) : out[0] != '\0')
			fail_msg("%s: %s", cases[i].to, out);
		free(text);
	}
}

static void a_way_from_the_telephone_network_back_to_it_is_warned_of(void **state)
{
	char *text = changed("remove_plus: true", "usages: [local]"), out[4096];
	warnings(text, out, sizeof(out));
	assert_non_null(strstr(out, "over trunk \"gw2-root\" may go back there over \"gw1-root\""));
	assert_non_null(strstr(out, "by route \"na-local\""));
	free(text);
}

static void calls_between_the_telephone_network_and_a_pbx_are_fine(void **state)
{
	char *text = changed("gw1.example.net}", "gw1.example.net, kind: ip_pbx}"), out[4096];
	char *both = replaced(text, "srtp: none", "usages: [local]");
	warnings(both, out, sizeof(out));
	assert_string_equal(out, "");
	free(both);
	/* From the PBX anywhere. */
	both = replaced(text, "failover_codes", "usages: [hopoff]\n      failover_codes");
	warnings(both, out, sizeof(out));
	assert_string_equal(out, "");
	free(both);
	free(text);
}

static void an_internet_trunk_has_tls_and_required_srtp(void **state)
{
	char *text = changed("'gw2:5067'}", "'gw2:5067', connection: internet}"), out[2048];
	warnings(text, out, sizeof(out));
	assert_string_equal(out, "");
	free(text);
	text = changed("global, remove_plus: true", "global, srtp: optional");
	char *at = strstr(text, "'gw2:5067'}");
	assert_non_null(at);
	char *both = malloc(strlen(text) + 64);
	assert_non_null(both);
	(void)sprintf(both, "%.*s, connection: internet%s", (int)(at - text + 10), text, at + 10);
	int err;
	struct conf_doc *doc = load(both, &err);
	assert_int_equal(err, ERR_CONFIG);
	bool is_said = false;
	for (size_t i = 0; i < conf_error_count(doc); i++)
		is_said = is_said || strstr(conf_error_at(doc, i)->text, "without required SRTP");
	assert_true(is_said);
	conf_destroy(doc);
	free(both);
	free(text);
}

/* ---- the plan ---- */

struct rig {
	struct conf_doc *doc;
	struct dial_plan *plan;
	struct dial_state *state;
	const char *down; /* name of a trunk */
	const char *from; /* name of a trunk; NULL: the inside */
	struct dial_answer answer;
};

static void open_rig(struct rig *r, const char *text)
{
	int err;
	memset(r, 0, sizeof(*r));
	r->doc = load(text, &err);
	assert_int_equal(err, 0);
	assert_int_equal(dial_plan_create(options_of(r->doc), &r->plan), 0);
	r->state = dial_state_create(r->plan);
	assert_non_null(r->state);
}

static void close_rig(struct rig *r)
{
	dial_state_destroy(r->state);
	dial_plan_destroy(r->plan);
	conf_destroy(r->doc);
}

static enum policy_trunk_state health(void *arg, const struct dial_trunk *t)
{
	const struct rig *r = arg;
	return r->down && strcmp(t->options->name, r->down) == 0 ? POLICY_TRUNK_DEMOTED
								 : POLICY_TRUNK_UP;
}

static const struct dial_trunk *trunk_called(const struct rig *r, const char *name)
{
	const struct root *root = conf_root(r->doc);
	const struct options_trunk *first = root->mediation.trunks.items;

	return dial_plan_trunk(
		r->plan, (size_t)(options_trunk_find(&root->mediation, name) - first));
}

static void call(struct rig *r, const char *called, const char *calling)
{
	const struct dial_question q = {.from = r->from ? trunk_called(r, r->from) : NULL,
		.called = bytes_str(called),
		.calling = bytes_str(calling),
		.health = health,
		.arg = r};

	dial_plan_ask(r->plan, r->state, &q, &r->answer);
}

static void assert_attempt(
	const struct rig *r, size_t i, const char *trunk, const char *called, const char *calling)
{
	assert_true(i < r->answer.n);
	assert_string_equal(r->answer.attempts[i].trunk->options->name, trunk);
	assert_string_equal(r->answer.attempts[i].numbers.called.text, called);
	assert_string_equal(r->answer.attempts[i].numbers.calling.text, calling);
}

static void a_call_goes_by_usages_routes_and_the_rules_of_each_trunk(void **state)
{
	struct rig r;
	open_rig(&r, good);
	call(&r, "95550123", "+14255550111");
	assert_string_equal(r.answer.number.text, "+14255550123");
	assert_int_equal(r.answer.n, 3);
	assert_attempt(&r, 0, "gw1-root", "4255550123", "+14255550111");
	assert_attempt(&r, 1, "gw1-b", "4255550123", "+14255550111");
	/* Its own set counts whole: no plus is removed there. */
	assert_attempt(&r, 2, "sbc-root", "+14255550123", "+14255550100");
	assert_string_equal(r.answer.attempts[2].route->name, "any");
	call(&r, "+911", "");
	assert_attempt(&r, 0, "psap-root", "911", "");
	assert_true(r.answer.attempts[0].numbers.is_anonymous);
	call(&r, "operator", "");
	assert_int_equal(r.answer.n, 0);
	call(&r, "a b", "");
	assert_int_equal(r.answer.n, 0);
	r.down = "gw1-root";
	call(&r, "+14255550123", "1");
	assert_attempt(&r, 0, "gw1-b", "4255550123", "1");
	assert_attempt(&r, 2, "gw1-root", "4255550123", "1");
	close_rig(&r);
}

static void a_trunk_has_what_its_most_specific_set_says(void **state)
{
	struct rig r;
	open_rig(&r, good);
	call(&r, "+14255550123", "1");
	const struct dial_trunk *gw1 = r.answer.attempts[0].trunk,
				*sbc = r.answer.attempts[2].trunk;
	assert_int_equal(gw1->srtp, POLICY_SRTP_REQUIRED);
	assert_int_equal(gw1->fast_failover_s, 10);
	assert_int_equal(gw1->failover.n_codes, 2);
	assert_int_equal(gw1->failover.codes[1], 480);
	assert_int_equal(gw1->failover.n_map, 1);
	assert_int_equal(gw1->failover.map[0].q850, 34);
	assert_int_equal(gw1->transport, OPTIONS_SIP_TLS);
	assert_int_equal(gw1->local_port, 5067);
	assert_string_equal(gw1->gateway->host, "gw1.example.net");
	assert_int_equal(sbc->srtp, POLICY_SRTP_NONE);
	assert_int_equal(sbc->fast_failover_s, 0);
	assert_int_equal(sbc->failover.n_codes, 3);
	assert_int_equal(sbc->remote_port, 5060);
	close_rig(&r);
}

static void without_settings_the_defaults_hold(void **state)
{
	const char *from = strstr(good, "  trunk_settings:"), *to = strstr(good, "  usages:");
	char text[sizeof(good)];
	struct rig r;
	(void)snprintf(text, sizeof(text), "%.*s%s", (int)(from - good), good, to);
	open_rig(&r, text);
	call(&r, "+14255550123", "1");
	assert_attempt(&r, 0, "gw1-root", "+14255550123", "1");
	assert_int_equal(r.answer.attempts[0].trunk->srtp, POLICY_SRTP_REQUIRED);
	assert_int_equal(r.answer.attempts[0].trunk->failover.n_codes, 3);
	assert_int_equal(r.answer.attempts[2].trunk->srtp, POLICY_SRTP_NONE);
	close_rig(&r);
}

static void a_number_without_a_route_goes_by_the_default_trunk(void **state)
{
	char *text = changed("trunk_listen:", "default_trunk: gw2-root\n      trunk_listen:");
	struct rig r;
	open_rig(&r, text);
	call(&r, "operator", "1");
	assert_int_equal(r.answer.n, 1);
	assert_attempt(&r, 0, "gw2-root", "operator", "1");
	assert_null(r.answer.attempts[0].route);
	close_rig(&r);
	free(text);
}

static void a_trunk_that_is_not_enabled_takes_nothing(void **state)
{
	char *text = changed("name: gw1-root,", "name: gw1-root, enabled: false,");
	struct rig r;
	open_rig(&r, text);
	call(&r, "+14255550123", "1");
	assert_int_equal(r.answer.n, 2);
	assert_attempt(&r, 0, "gw1-b", "4255550123", "1");
	close_rig(&r);
	free(text);
}

/* ---- calls that come over a trunk ---- */

static void without_an_inside_a_trunk_has_all_usages(void **state)
{
	struct rig r;
	open_rig(&r, good);
	r.from = "sbc-root";
	call(&r, "+14255550123", "1");
	assert_int_equal(r.answer.n, 3);
	assert_false(r.answer.is_loop);
	close_rig(&r);
}

static void with_an_inside_a_trunk_has_those_it_names(void **state)
{
	char *text = changed("name: med", "name: med\n      default_trunk: gw1-root\n" INSIDE);
	struct rig r;
	open_rig(&r, text);
	r.from = "sbc-root";
	call(&r, "+14255550123", "1");
	assert_int_equal(r.answer.n, 0);
	assert_false(r.answer.is_loop);
	assert_string_equal(r.answer.number.text, "+14255550123");
	r.from = NULL;
	call(&r, "+14255550123", "1");
	assert_int_equal(r.answer.n, 3);
	close_rig(&r);
	free(text);
}

static void a_call_leaves_by_the_usages_of_the_trunk_it_came_over(void **state)
{
	char *text = changed("host: 198.51.100.5", "host: 198.51.100.5, kind: ip_pbx");
	char *more = replaced(text, "srtp: none,", "srtp: none, usages: [local],");
	struct rig r;
	open_rig(&r, more);
	r.from = "sbc-root";
	call(&r, "+14255550123", "1");
	assert_int_equal(r.answer.n, 2); /* and not by "any", which is for another usage */
	assert_attempt(&r, 0, "gw1-root", "4255550123", "1");
	close_rig(&r);
	free(text);
	free(more);
}

static void a_call_does_not_return_to_the_telephone_network(void **state)
{
	char *text = changed("srtp: none,", "srtp: none, usages: [local],");
	struct rig r;
	open_rig(&r, text);
	r.from = "sbc-root";
	call(&r, "+14255550123", "1");
	assert_int_equal(r.answer.n, 0);
	assert_true(r.answer.is_loop);
	close_rig(&r);
	free(text);
}

static void a_plan_is_shown_for_people(void **state)
{
	struct rig r;
	char *shown = NULL;
	size_t len = 0;
	open_rig(&r, good);
	FILE *out = open_memstream(&shown, &len);
	assert_non_null(out);
	assert_int_equal(dial_plan_show(r.plan, "+14255550111:5550123", out), 0);
	assert_int_equal(dial_plan_show(r.plan, "operator", out), ERR_NOT_FOUND);
	assert_int_equal(fclose(out), 0);
	assert_string_equal(shown,
		"the number is +14255550123\n"
		"  1. route na-local, trunk gw1-root: from 10.99.0.21 port 5067 "
		"to gw1.example.net:5067 over tls, SRTP\n"
		"     calls 4255550123 as +14255550111\n"
		"     next one after 10 s without progress and on 408 480\n"
		"     486 with cause 34 counts as 503\n"
		"  2. route na-local, trunk gw1-b: from 10.99.0.21 port 5069 to "
		"gw1.example.net:5069 over tls, SRTP\n"
		"     calls 4255550123 as +14255550111\n"
		"     next one after 10 s without progress and on 408 480\n"
		"     486 with cause 34 counts as 503\n"
		"  3. route any, trunk sbc-root: from 10.99.0.21 port 5068 to "
		"198.51.100.5:5060 over tcp, RTP\n"
		"     calls +14255550123 as +14255550100\n"
		"the number is operator\n"
		"there is no route for it: the \"match\" of none fits, and no pool has a "
		"\"default_trunk\"\n");
	free(shown);
	close_rig(&r);
}

int main(void)
{
	static const struct CMUnitTest t[] = {
		cmocka_unit_test(a_good_section_has_no_errors),
		cmocka_unit_test(what_trunks_must_not_be_is_refused_where_it_stands),
		cmocka_unit_test(pools_settings_and_routes_are_refused_where_they_stand),
		cmocka_unit_test(trunks_with_all_usages_are_warned_of_where_there_is_no_inside),
		cmocka_unit_test(options_that_a_narrower_set_takes_back_are_warned_of),
		cmocka_unit_test(clear_trunks_are_warned_of_unless_their_network_is_protected),
		cmocka_unit_test(a_way_from_the_telephone_network_back_to_it_is_warned_of),
		cmocka_unit_test(calls_between_the_telephone_network_and_a_pbx_are_fine),
		cmocka_unit_test(an_internet_trunk_has_tls_and_required_srtp),
		cmocka_unit_test(a_call_goes_by_usages_routes_and_the_rules_of_each_trunk),
		cmocka_unit_test(a_trunk_has_what_its_most_specific_set_says),
		cmocka_unit_test(without_settings_the_defaults_hold),
		cmocka_unit_test(a_number_without_a_route_goes_by_the_default_trunk),
		cmocka_unit_test(a_trunk_that_is_not_enabled_takes_nothing),
		cmocka_unit_test(a_plan_is_shown_for_people),
		cmocka_unit_test(without_an_inside_a_trunk_has_all_usages),
		cmocka_unit_test(with_an_inside_a_trunk_has_those_it_names),
		cmocka_unit_test(a_call_leaves_by_the_usages_of_the_trunk_it_came_over),
		cmocka_unit_test(a_call_does_not_return_to_the_telephone_network),
	};
	return cmocka_run_group_tests(t, NULL, NULL) != 0;
}
