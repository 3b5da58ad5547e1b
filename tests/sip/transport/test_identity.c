/* SPDX-License-Identifier: BSD-3-Clause */
/* Whom a certificate names: RFC 5922 §7. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>

#include <cmocka.h>
#include <sallyport/sip/transport.h>

static struct crypto_peer peer_of(const char *first, const char *second)
{
	struct crypto_peer p = {.has_certificate = true};

	if (first)
		snprintf(p.names[p.n_names++], CRYPTO_PEER_NAME_LEN, "%s", first);
	if (second)
		snprintf(p.names[p.n_names++], CRYPTO_PEER_NAME_LEN, "%s", second);
	return p;
}

static bool is(const char *first, const char *second, const char *name)
{
	struct crypto_peer p = peer_of(first, second);

	return sip_peer_is(&p, name);
}

/* §7.1 */
static void dns_name_counts_where_no_sip_uri_stands(void **state)
{
	assert_true(is("a.example", NULL, "a.example"));
	assert_true(is("b.example", "a.example", "A.Example"));
	assert_true(is("https://b.example", "a.example", "a.example"));
	assert_false(is("a.example", "sip:b.example", "a.example"));
	assert_false(is("a.example", NULL, "b.example"));
	assert_false(is("a.example", NULL, "example"));
}

static void sip_uri_counts_when_it_is_a_domain_alone(void **state)
{
	assert_true(is("sip:a.example", NULL, "a.example"));
	assert_true(is("b.example", "SIP:A.example", "a.example"));
	assert_true(is("sips:a.example", NULL, "a.example"));
	assert_false(is("sip:bob@a.example", NULL, "a.example"));
	assert_false(is("sip:a.example;transport=tls", NULL, "a.example"));
	assert_false(is("sip:bob@a.example", "a.example", "a.example"));
}

/* §7.2: no form of wildcard. */
static void wildcard_names_nobody(void **state)
{
	assert_false(is("*.example", NULL, "a.example"));
	assert_false(is("sip:*.example", NULL, "a.example"));
}

static void address_is_looked_for_among_addresses(void **state)
{
	struct crypto_peer p = peer_of("192.0.2.1", "sip:192.0.2.1");

	assert_false(sip_peer_is(&p, "192.0.2.1"));
	assert_int_equal(addr_parse("192.0.2.1", 0, &p.addresses[p.n_addresses++]), 0);
	assert_int_equal(addr_parse("2001:db8::1", 0, &p.addresses[p.n_addresses++]), 0);
	assert_true(sip_peer_is(&p, "192.0.2.1"));
	assert_true(sip_peer_is(&p, "2001:db8:0::1"));
	assert_false(sip_peer_is(&p, "192.0.2.2"));
}

static void nobody_is_named_without_a_certificate(void **state)
{
	struct crypto_peer p = peer_of("a.example", NULL);

	assert_false(sip_peer_is(&p, ""));
	p.has_certificate = false;
	assert_false(sip_peer_is(&p, "a.example"));
}

int main(void)
{
	const struct CMUnitTest t[] = {
		cmocka_unit_test(dns_name_counts_where_no_sip_uri_stands),
		cmocka_unit_test(sip_uri_counts_when_it_is_a_domain_alone),
		cmocka_unit_test(wildcard_names_nobody),
		cmocka_unit_test(address_is_looked_for_among_addresses),
		cmocka_unit_test(nobody_is_named_without_a_certificate),
	};
	return cmocka_run_group_tests(t, NULL, NULL) != 0;
}
