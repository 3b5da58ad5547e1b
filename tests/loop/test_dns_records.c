/* SPDX-License-Identifier: BSD-3-Clause */
/* What is read from answers of the domain name system. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "../../src/loop/dns_records.h"
#include "dns_wire.h"

static struct dns_record records[DNS_RECORDS_MAX];

static int read_all(const struct dns_wire *w, enum dns_type type, size_t *n)
{
	return dns_records_read(bytes_of(w->data, w->len), type, records, n);
}

static void addresses_of_an_alias_are_its_targets(void **state)
{
	struct dns_wire w;
	struct addr a, b;
	size_t n;
	assert_int_equal(addr_parse("192.0.2.1", 0, &a), 0);
	assert_int_equal(addr_parse("192.0.2.2", 0, &b), 0);
	dns_wire_begin(&w, 1, 0, "www.example", DNS_A);
	dns_wire_cname(&w, NULL, "host.example");
	dns_wire_a(&w, "host.example", "192.0.2.1");
	dns_wire_a(&w, "host.example", "192.0.2.2");
	dns_wire_a(&w, "host.example", "2001:db8::1");

	assert_int_equal(read_all(&w, DNS_A, &n), 0);
	assert_int_equal(n, 2);
	assert_true(addr_equal(&records[0].addr, &a));
	assert_true(addr_equal(&records[1].addr, &b));
	assert_int_equal(records[0].ttl_s, 300);

	assert_int_equal(read_all(&w, DNS_AAAA, &n), 0);
	assert_int_equal(n, 1);
	assert_int_equal(records[0].addr.family, ADDR_IPV6);
}

/* RFC 2782 */
static void srv_record_has_four_parts(void **state)
{
	struct dns_wire w;
	size_t n;
	dns_wire_begin(&w, 1, 0, "_sip._udp.example", DNS_SRV);
	dns_wire_srv(&w, NULL, 10, 20, 5070, "proxy.example");
	dns_wire_srv(&w, NULL, 0, 0, 0, "");

	assert_int_equal(read_all(&w, DNS_SRV, &n), 0);

	assert_int_equal(n, 2);
	assert_int_equal(records[0].priority, 10);
	assert_int_equal(records[0].weight, 20);
	assert_int_equal(records[0].port, 5070);
	assert_string_equal(records[0].name, "proxy.example");
	assert_string_equal(records[1].name, "");
}

/* RFC 3403 §4.1 */
static void naptr_record_has_six_parts(void **state)
{
	struct dns_wire w;
	size_t n;
	dns_wire_begin(&w, 1, 0, "example", DNS_NAPTR);
	dns_wire_naptr(&w, NULL, 50, 60, "s", "SIPS+D2T", "", "_sips._tcp.example");
	dns_wire_naptr(&w, NULL, 90, 50, "toolongflags", "E2U+sip-and-a-very-long-service-field",
		"!^.*$!sip:a@b!", "");

	assert_int_equal(read_all(&w, DNS_NAPTR, &n), 0);

	assert_int_equal(n, 2);
	assert_int_equal(records[0].priority, 50);
	assert_int_equal(records[0].weight, 60);
	assert_string_equal(records[0].flags, "s");
	assert_string_equal(records[0].service, "SIPS+D2T");
	assert_false(records[0].has_regexp);
	assert_string_equal(records[0].name, "_sips._tcp.example");
	assert_string_equal(records[1].flags, "");
	assert_string_equal(records[1].service, "");
	assert_true(records[1].has_regexp);
}

static void records_behind_the_sixteenth_are_left_out(void **state)
{
	struct dns_wire w;
	size_t n;
	dns_wire_begin(&w, 1, 0, "host.example", DNS_A);
	for (int i = 0; i < DNS_RECORDS_MAX + 3; i++)
		dns_wire_a(&w, NULL, "192.0.2.1");

	assert_int_equal(read_all(&w, DNS_A, &n), 0);

	assert_int_equal(n, DNS_RECORDS_MAX);
}

/* In a buffer of its own length, so that a sanitizer sees every byte too far. */
static int read_copy(const struct dns_wire *w, size_t len, enum dns_type type)
{
	uint8_t *copy = malloc(len > 0 ? len : 1);
	size_t n;

	assert_non_null(copy);
	memcpy(copy, w->data, len);
	int rc = dns_records_read(bytes_of(copy, len), type, records, &n);
	free(copy);
	return rc;
}

/* The alias holds for less than its address: so does the answer (RFC 1034 §3.6.2). */
static void answer_holds_for_its_least_time(void **state)
{
	struct dns_wire w;
	size_t n;
	dns_wire_begin(&w, 1, 0, "www.example", DNS_A);
	dns_wire_cname(&w, NULL, "host.example");
	size_t alias_len = w.len;
	dns_wire_a(&w, "host.example", "192.0.2.1");
	/* Behind the alias: a name of 14 bytes, type, class, and the time. */
	assert_int_equal(be16_get(w.data + alias_len + 14 + 6), 300);
	be16_put(w.data + alias_len + 14 + 6, 301);

	assert_int_equal(read_all(&w, DNS_A, &n), 0);
	assert_int_equal(n, 1);
	assert_int_equal(records[0].ttl_s, 300);
}

static void truncated_answer_is_malformed(void **state)
{
	struct dns_wire w;
	dns_wire_begin(&w, 1, 0, "example", DNS_NAPTR);
	dns_wire_naptr(&w, NULL, 50, 60, "s", "SIPS+D2T", "", "_sips._tcp.example");

	for (size_t len = 0; len < w.len; len++)
		assert_int_equal(read_copy(&w, len, DNS_NAPTR), ERR_MALFORMED);
	assert_int_equal(read_copy(&w, w.len, DNS_NAPTR), 0);
}

/* The record's own length is wrong, whatever stands behind it. */
static void record_of_wrong_length_is_malformed(void **state)
{
	static const struct {
		enum dns_type type;
		size_t bad;
	} rows[] = {{DNS_A, 3}, {DNS_AAAA, 4}, {DNS_SRV, 6}, {DNS_NAPTR, 7}};

	for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
		struct dns_wire w;
		dns_wire_begin(&w, 1, 0, "example", rows[i].type);
		dns_wire_a(&w, NULL, "192.0.2.1");
		size_t record = w.len - 16;
		be16_put(w.data + record + 2, (uint16_t)rows[i].type);
		be16_put(w.data + record + 10, (uint16_t)rows[i].bad);
		memset(w.data + w.len, 1, 16);
		w.len = record + 12 + rows[i].bad;
		assert_int_equal(read_copy(&w, w.len, rows[i].type), ERR_MALFORMED);
	}
}

int main(void)
{
	const struct CMUnitTest t[] = {
		cmocka_unit_test(addresses_of_an_alias_are_its_targets),
		cmocka_unit_test(srv_record_has_four_parts),
		cmocka_unit_test(naptr_record_has_six_parts),
		cmocka_unit_test(records_behind_the_sixteenth_are_left_out),
		cmocka_unit_test(answer_holds_for_its_least_time),
		cmocka_unit_test(truncated_answer_is_malformed),
		cmocka_unit_test(record_of_wrong_length_is_malformed),
	};
	return cmocka_run_group_tests(t, NULL, NULL) != 0;
}
