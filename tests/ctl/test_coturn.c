/* SPDX-License-Identifier: BSD-3-Clause */
/* coturn's configuration: what is read, what is written, and that no key passes without a word. */
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <cmocka.h>

#include "../../src/ctl/coturn.h"

struct conversion {
	struct coturn_conf conf;
	char *yaml, *report;
};

static int setup(void **state)
{
	*state = calloc(1, sizeof(struct conversion));
	return *state ? 0 : -1;
}

static int teardown(void **state)
{
	struct conversion *c = *state;

	coturn_conf_fini(&c->conf);
	free(c->yaml);
	free(c->report);
	free(c);
	return 0;
}

static void convert(struct conversion *c, const char *text)
{
	const struct addr host = addr_ipv4(0xc000020a, 0); /* 192.0.2.10 */
	const struct coturn_target t = {.keys_directory = "/etc/sallyport/keys",
		.host_addresses = &host,
		.n_host_addresses = 1};
	size_t yaml_len, report_len;
	FILE *in = fmemopen((void *)(uintptr_t)text, strlen(text), "r");
	FILE *yaml = open_memstream(&c->yaml, &yaml_len);
	FILE *report = open_memstream(&c->report, &report_len);

	assert_non_null(in);
	assert_non_null(yaml);
	assert_non_null(report);
	assert_int_equal(coturn_convert(in, "turnserver.conf", &t, yaml, report, &c->conf), 0);
	fclose(in);
	fclose(yaml);
	fclose(report);
}

static void has(const char *text, const char *part)
{
	if (!strstr(text, part))
		fail_msg("no \"%s\" in:\n%s", part, text);
}

static void has_not(const char *text, const char *part)
{
	if (strstr(text, part))
		fail_msg("\"%s\" in:\n%s", part, text);
}

/* ---- lines ---- */

static void a_key_stands_before_an_equal_sign_or_a_blank_or_alone(void **state)
{
	struct conversion *c = *state;

	convert(c, "realm=one.example.com\n  min-port  50000  \nmax-port = 50999\nmobility\n");

	has(c->yaml, "realm: \"one.example.com\"");
	has(c->yaml, "ports: 50000-50999");
	has(c->yaml, "mobility: true");
}

static void remarks_quotes_and_dashes_are_taken_off(void **state)
{
	struct conversion *c = *state;

	convert(c, "# a remark\n--realm=\"a b\"   # note\nlog-file='/var/log/turn.log'\n\n   \n");

	has(c->yaml, "realm: \"a b\"\n");
	has(c->yaml, "file: \"/var/log/turn.log\"");
	has(c->report, "2 converted");
}

static void a_sharp_inside_a_secret_is_kept(void **state)
{
	struct conversion *c = *state;

	convert(c, "static-auth-secret=ab#cd\n");

	assert_string_equal(c->conf.secrets[0], "ab#cd");
}

static void a_file_without_a_last_newline_is_read_whole(void **state)
{
	struct conversion *c = *state;

	convert(c, "realm=example.com");

	has(c->yaml, "realm: \"example.com\"");
}

static void an_empty_file_gives_a_whole_configuration(void **state)
{
	struct conversion *c = *state;

	convert(c, "\n");

	has(c->yaml, "listen: [\"192.0.2.10:3478\"]");
	has(c->yaml, "ports: 49152-65535");
	has(c->report, "every address of the host");
}

/* ---- the report ---- */

static void every_key_gets_a_line_with_its_number(void **state)
{
	struct conversion *c = *state;

	convert(c, "fingerprint\nrealm=example.com\nuser=a:b\nfrobnicate=1\nmin-port=$MIN\n");

	has(c->report, "line 1     default     fingerprint");
	has(c->report, "line 2     converted   realm");
	has(c->report, "line 3     dropped     user");
	has(c->report, "line 4     unknown     frobnicate");
	has(c->report, "line 5     unreadable  min-port");
	has(c->report, "1 converted, 1 default, 1 dropped, 1 unreadable, 1 unknown");
}

static void a_secret_is_neither_in_the_report_nor_in_the_yaml(void **state)
{
	struct conversion *c = *state;

	convert(c, "static-auth-secret=north\nuser=bob:hunter2\ncli-password=qwerty\n"
		   "redis-userdb=\"ip=127.0.0.1 password=hunter3\"\n");

	for (const char *const *s =
			(const char *const[]){"north", "hunter2", "qwerty", "hunter3", NULL};
		*s; s++) {
		has_not(c->report, *s);
		has_not(c->yaml, *s);
	}
	has(c->yaml, "turn_rest: true");
	has(c->yaml, "- \"/etc/sallyport/keys/turn-rest-1.secret\"");
}

static void keys_of_old_and_new_versions_are_known(void **state)
{
	static const char *const names[] = {"no-tlsv1", "no-loopback-peers", "no-cli", "dh2066",
		"ne", "prod", "userdb-user-secret-query", "multiplex-peer", "stateless-nonce",
		"udp-gso", "rfc5780", "unauthorized-ratelimit-rps", "X", "q"};

	(void)state;
	for (size_t i = 0; i < ARRAY_LEN(names); i++)
		assert_non_null(coturn_key_find(names[i]));
	assert_null(coturn_key_find("TURNSERVER_ENABLED"));
}

static void what_is_off_is_not_converted_as_on(void **state)
{
	struct conversion *c = *state;

	convert(c, "mobility=0\nno-tcp=false\nno-tcp-relay=off\nallow-loopback-peers=no\n");

	has_not(c->yaml, "mobility");
	has(c->yaml, "tcp: [\"192.0.2.10:3478\"]");
	has(c->yaml, "    tcp: true");
	has_not(c->yaml, "127.0.0.0/8");
}

/* ---- addresses ---- */

static void an_external_address_is_advertised_for_its_local_one(void **state)
{
	struct conversion *c = *state;

	convert(c, "listening-ip=10.0.0.1\nlistening-ip=10.0.0.2\n"
		   "external-ip=203.0.113.2/10.0.0.2\nexternal-ip=203.0.113.1/10.0.0.1\n");

	has(c->yaml, "advertise: [\"203.0.113.1\", \"203.0.113.2\"]");
	has(c->yaml, "- address: \"10.0.0.1\"\n        advertise: \"203.0.113.1\"");
}

static void an_external_address_alone_is_for_its_family(void **state)
{
	struct conversion *c = *state;

	convert(c, "listening-ip=10.0.0.1\nlistening-ip=2001:db8::1\nexternal-ip=203.0.113.1\n");

	has(c->yaml, "advertise: [\"203.0.113.1\", \"2001:db8::1\"]");
}

static void an_external_host_name_or_variable_is_unreadable(void **state)
{
	struct conversion *c = *state;

	convert(c, "external-ip=$TURN_EXTERNAL_IP\nexternal-ip=turn.example.com\nexternal-ip=\n"
		   "external-ip=203.0.113.1/2001:db8::1\n");

	has(c->report, "4 unreadable");
	has_not(c->yaml, "advertise");
}

static void the_wildcard_means_every_address_of_the_host(void **state)
{
	struct conversion *c = *state;

	convert(c, "listening-ip=0.0.0.0\nlistening-ip=::\n");

	has(c->yaml, "listen: [\"192.0.2.10:3478\"]");
}

static void tls_needs_certificate_and_key(void **state)
{
	struct conversion *c = *state;

	convert(c, "cert=/etc/turn/cert.pem\ntls-listening-port=443\n");

	has_not(c->yaml, "tls:");
}

static void one_port_for_both_goes_to_tls(void **state)
{
	struct conversion *c = *state;

	convert(c, "listening-port=443\ntls-listening-port=443\ncert=/c.pem\npkey=/k.pem\n");

	has(c->yaml, "tls: [\"192.0.2.10:443\"]");
	has_not(c->yaml, "tcp: [");
	has(c->report, "there is no plain TCP");
}

static void more_addresses_than_fit_are_said(void **state)
{
	struct conversion *c = *state;
	char text[COTURN_ADDRESSES_MAX * 32 + 64];
	size_t n = 0;

	for (int i = 0; i <= COTURN_ADDRESSES_MAX; i++)
		n += (size_t)snprintf(text + n, sizeof(text) - n, "relay-ip=192.0.2.%d\n", i + 1);
	convert(c, text);

	has(c->report, "there are too many of these");
	assert_int_equal(c->conf.relay.n, COTURN_ADDRESSES_MAX);
}

static void alternates_of_one_address_are_one(void **state)
{
	struct conversion *c = *state;

	convert(c, "alternate-server=192.0.2.20\ntls-alternate-server=192.0.2.20:443\n"
		   "alternate-server=[2001:db8::20]:3479\ntls-alternate-server=turn.example.com\n");

	has(c->yaml, "  alternates:\n    - address: \"192.0.2.20:3478\"\n      tls_port: 443\n"
		     "    - address: \"[2001:db8::20]:3479\"\n");
	has(c->report, "3 converted");
	has(c->report, "1 unreadable");
}

/* ---- peers ---- */

static void a_range_becomes_the_fewest_prefixes(void **state)
{
	struct conversion *c = *state;

	convert(c, "denied-peer-ip=10.0.0.1-10.0.0.6\ndenied-peer-ip=192.168.0.0-192.168.255.255\n"
		   "denied-peer-ip=198.51.100.7\ndenied-peer-ip=2001:db8::-2001:db8::ffff\n");

	has(c->yaml, "    deny:\n"
		     "      - \"10.0.0.1/32\"\n      - \"10.0.0.2/31\"\n      - \"10.0.0.4/31\"\n"
		     "      - \"10.0.0.6/32\"\n      - \"192.168.0.0/16\"\n"
		     "      - \"198.51.100.7/32\"\n      - \"2001:db8::/112\"\n");
}

static void the_whole_of_a_family_is_one_prefix(void **state)
{
	struct conversion *c = *state;

	convert(c, "denied-peer-ip=0.0.0.0-255.255.255.255\n"
		   "denied-peer-ip=::-ffff:ffff:ffff:ffff:ffff:ffff:ffff:ffff\n");

	has(c->yaml, "- \"0.0.0.0/0\"\n      - \"::/0\"\n");
}

static void a_range_backwards_or_of_two_families_is_unreadable(void **state)
{
	struct conversion *c = *state;

	convert(c, "denied-peer-ip=10.0.0.2-10.0.0.1\ndenied-peer-ip=10.0.0.1-2001:db8::1\n"
		   "allowed-peer-ip=10.0.0.0/8\nallowed-peer-ip=10.0.0.1:80\nallowed-peer-ip=-\n");

	has(c->report, "1 converted");
	has(c->report, "4 unreadable");
}

/* In coturn what is allowed is allowed, whatever is denied. */
static void a_denied_range_inside_an_allowed_one_goes(void **state)
{
	struct conversion *c = *state;

	convert(c,
		"denied-peer-ip=10.1.0.0-10.1.255.255\ndenied-peer-ip=172.16.0.0-172.31.255.255\n"
		"allowed-peer-ip=10.0.0.0-10.255.255.255\nallowed-peer-ip=172.16.5.5\n");

	has(c->yaml, "    allow:\n      - \"10.0.0.0/8\"\n      - \"172.16.5.5/32\"\n"
		     "    deny:\n      - \"172.16.0.0/12\"\n");
	has(c->report, "1 denied");
}

/* ---- numbers ---- */

static void rates_in_bytes_become_bits(void **state)
{
	struct conversion *c = *state;

	convert(c, "max-bps=64000\nbps-capacity=1000000\n");

	has(c->yaml, "allocation_rate: 512000\n");
	has(c->yaml, "node_rate: 8000000\n");
}

static void a_lifetime_below_the_default_lowers_the_default_too(void **state)
{
	struct conversion *c = *state;

	convert(c, "max-allocate-lifetime=300\nstale-nonce\n");

	has(c->yaml, "max_lifetime: 300s\n    default_lifetime: 300s\n");
	has_not(c->yaml, "nonce_lifetime");
}

static void a_text_cannot_break_out_of_its_quotes(void **state)
{
	struct conversion *c = *state;

	convert(c, "realm=a\"b\\c: {x}\n");

	has(c->yaml, "realm: \"a\\\"b\\\\c: {x}\"\n");
}

#define T(name) cmocka_unit_test_setup_teardown(name, setup, teardown)

int main(void)
{
	const struct CMUnitTest tests[] = {
		T(a_key_stands_before_an_equal_sign_or_a_blank_or_alone),
		T(remarks_quotes_and_dashes_are_taken_off),
		T(a_sharp_inside_a_secret_is_kept),
		T(a_file_without_a_last_newline_is_read_whole),
		T(an_empty_file_gives_a_whole_configuration),
		T(every_key_gets_a_line_with_its_number),
		T(a_secret_is_neither_in_the_report_nor_in_the_yaml),
		T(keys_of_old_and_new_versions_are_known),
		T(what_is_off_is_not_converted_as_on),
		T(an_external_address_is_advertised_for_its_local_one),
		T(an_external_address_alone_is_for_its_family),
		T(an_external_host_name_or_variable_is_unreadable),
		T(the_wildcard_means_every_address_of_the_host),
		T(tls_needs_certificate_and_key),
		T(one_port_for_both_goes_to_tls),
		T(more_addresses_than_fit_are_said),
		T(alternates_of_one_address_are_one),
		T(a_range_becomes_the_fewest_prefixes),
		T(the_whole_of_a_family_is_one_prefix),
		T(a_range_backwards_or_of_two_families_is_unreadable),
		T(a_denied_range_inside_an_allowed_one_goes),
		T(rates_in_bytes_become_bits),
		T(a_lifetime_below_the_default_lowers_the_default_too),
		T(a_text_cannot_break_out_of_its_quotes),
	};

	return cmocka_run_group_tests(tests, NULL, NULL) != 0;
}
