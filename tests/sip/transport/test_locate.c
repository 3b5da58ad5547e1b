/* SPDX-License-Identifier: BSD-3-Clause */
/* From a URI to targets (RFC 3263), with DNS that is the test's. */
#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>
#include <sallyport/sip/transport/locate.h>

#define ANSWERS_MAX 8

/* What the domain name system has, and what it is asked. */
struct zone_row {
	const char *name;
	enum dns_type type;
	int rc;
	struct dns_record records[4];
	size_t n;
};
struct dns_question {
	bool is_open;
	char name[DNS_NAME_LEN];
	enum dns_type type;
	dns_answer_fn fn;
	void *arg;
};

struct fixture {
	struct loop *loop;
	struct clock clock;
	struct wheel wheel;
	metrics_cell cells[SIP_TRANSPORT_C_COUNT];
	struct sip_locator *locator;
	struct zone_row zone[ANSWERS_MAX];
	size_t n_zone;
	struct dns_question questions[64];
	size_t n_questions;
	/* What was found. */
	size_t n_told;
	int rc;
	char text[2048]; /* "UDP 192.0.2.1:5060 " for each target */
	char name[SIP_NAME_LEN];
	struct addr local;
};

static uint32_t no_lot(uint32_t bound)
{
	(void)bound;
	return 0;
}

/* ---- DNS ---- */

static int ask(void *arg, const char *name, enum dns_type type, dns_answer_fn fn, void *fn_arg,
	struct dns_question **out)
{
	struct fixture *f = arg;
	assert_true(f->n_questions < ARRAY_LEN(f->questions));
	struct dns_question *q = &f->questions[f->n_questions++];

	if (strcmp(name, "full.example") == 0 || strcmp(name, "_sip._tcp.busy.example") == 0)
		return ERR_FULL;
	*q = (struct dns_question){.is_open = true, .type = type, .fn = fn, .arg = fn_arg};
	snprintf(q->name, sizeof(q->name), "%s", name);
	*out = q;
	return 0;
}

static void cancel(struct dns_question *q)
{
	assert_true(q->is_open);
	q->is_open = false;
}

static void answer(struct fixture *f, struct dns_question *q)
{
	q->is_open = false;
	for (size_t i = 0; i < f->n_zone; i++) {
		const struct zone_row *r = &f->zone[i];
		if (strcmp(r->name, q->name) == 0 && r->type == q->type) {
			q->fn(q->arg, r->rc, r->records, r->n);
			return;
		}
	}
	q->fn(q->arg, ERR_NOT_FOUND, NULL, 0);
}

static struct dns_record *add(struct fixture *f, const char *name, enum dns_type type)
{
	for (size_t i = 0; i < f->n_zone; i++) {
		struct zone_row *r = &f->zone[i];
		if (strcmp(r->name, name) == 0 && r->type == type)
			return &r->records[r->n++];
	}
	assert_true(f->n_zone < ANSWERS_MAX);
	struct zone_row *r = &f->zone[f->n_zone++];
	*r = (struct zone_row){.name = name, .type = type, .n = 1};
	return &r->records[0];
}

static void has_address(struct fixture *f, const char *name, const char *ip)
{
	struct addr a;

	assert_int_equal(addr_parse(ip, 0, &a), 0);
	add(f, name, a.family == ADDR_IPV4 ? DNS_A : DNS_AAAA)->addr = a;
}

static void has_srv(
	struct fixture *f, const char *name, uint16_t priority, const char *target, uint16_t port)
{
	struct dns_record *r = add(f, name, DNS_SRV);

	r->priority = priority;
	r->port = port;
	strcpy(r->name, target);
}

static void has_naptr(struct fixture *f, const char *name, uint16_t order, uint16_t preference,
	const char *service, const char *replacement)
{
	struct dns_record *r = add(f, name, DNS_NAPTR);

	r->priority = order;
	r->weight = preference;
	strcpy(r->flags, "S");
	strcpy(r->service, service);
	strcpy(r->name, replacement);
}

static void fails(struct fixture *f, const char *name, enum dns_type type, int rc)
{
	(void)add(f, name, type);
	f->zone[f->n_zone - 1].rc = rc;
	f->zone[f->n_zone - 1].n = 0;
}

/* ---- the locator ---- */

static void on_located(void *arg, int rc, const struct sip_target *targets, size_t n)
{
	struct fixture *f = arg;
	size_t at = 0;

	f->n_told++;
	f->rc = rc;
	f->text[0] = '\0';
	assert_true((rc == 0) == (n > 0));
	for (size_t i = 0; i < n; i++) {
		char text[ADDR_TEXT_LEN];
		at += (size_t)snprintf(f->text + at, sizeof(f->text) - at, "%s%s %s",
			i > 0 ? ", " : "", sip_transport_name(targets[i].transport),
			addr_format(&targets[i].addr, text));
		strcpy(f->name, targets[i].name);
		f->local = targets[i].local;
	}
}

static struct sip_locator_config config_of(struct fixture *f)
{
	return (struct sip_locator_config){.loop = f->loop,
		.wheel = &f->wheel,
		.clock = &f->clock,
		.cells = f->cells,
		.dns = {ask, cancel, f},
		.has_udp = true,
		.has_tcp = true,
		.has_tls = true,
		.has_ipv4 = true,
		.has_ipv6 = true,
		.timeout_ms = 5000,
		.max = 2,
		.random_below = no_lot};
}

static int setup(void **state)
{
	struct fixture *f = calloc(1, sizeof(*f));

	assert_non_null(f);
	f->loop = loop_create("test", 4);
	assert_non_null(f->loop);
	wheel_init(&f->wheel, 0, NULL);
	struct sip_locator_config c = config_of(f);
	f->locator = sip_locator_create(&c);
	assert_non_null(f->locator);
	*state = f;
	return 0;
}

static int teardown(void **state)
{
	struct fixture *f = *state;

	sip_locator_destroy(f->locator);
	assert_int_equal(f->wheel.count, 0);
	loop_destroy(f->loop);
	free(f);
	return 0;
}

static struct sip_next_hop hop_of(const char *text)
{
	struct sip_next_hop hop;
	struct sip_uri uri;

	assert_int_equal(sip_uri_decode(sip_str_c(text), &uri), 0);
	assert_int_equal(sip_next_hop_of(&uri, &hop), 0);
	return hop;
}

static void start(struct fixture *f, const char *uri)
{
	struct sip_next_hop hop = hop_of(uri);
	size_t n_told = f->n_told;

	assert_int_equal(sip_locate(f->locator, &hop, on_located, f, NULL), 0);
	assert_int_equal(f->n_told, n_told);
}

static void locate(struct fixture *f, const char *uri)
{
	size_t n_told = f->n_told;

	start(f, uri);
	for (size_t i = 0; i < f->n_questions; i++) {
		if (f->questions[i].is_open)
			answer(f, &f->questions[i]);
	}
	(void)loop_deliver(f->loop);
	assert_int_equal(f->n_told, n_told + 1);
}

static void assert_located(struct fixture *f, const char *uri, const char *targets)
{
	locate(f, uri);
	assert_string_equal(f->text, targets);
	assert_int_equal(f->rc, 0);
}

/* ---- what the URI says itself ---- */

/* §4.1, §4.2 */
static void numeric_host_asks_nothing(void **state)
{
	struct fixture *f = *state;

	assert_located(f, "sip:192.0.2.1", "UDP 192.0.2.1:5060");
	assert_located(f, "sip:bob@192.0.2.1:5070;transport=tcp", "TCP 192.0.2.1:5070");
	assert_located(f, "sips:192.0.2.1", "TLS 192.0.2.1:5061");
	assert_string_equal(f->name, "192.0.2.1");
	assert_located(f, "sip:[2001:db8::1]:5080", "UDP [2001:db8::1]:5080");
	assert_located(f, "sip:192.0.2.1;transport=tls", "TLS 192.0.2.1:5061");
	assert_int_equal(f->n_questions, 0);
	assert_int_equal(metrics_get(f->cells, SIP_TRANSPORT_C_LOCATED), 5);
}

static void port_means_addresses_alone(void **state)
{
	struct fixture *f = *state;
	has_address(f, "a.example", "192.0.2.1");
	has_address(f, "a.example", "192.0.2.2");
	has_address(f, "a.example", "2001:db8::1");

	assert_located(f, "sip:a.example:5070",
		"UDP [2001:db8::1]:5070, UDP 192.0.2.1:5070, UDP 192.0.2.2:5070");
	assert_int_equal(f->n_questions, 2);
	assert_string_equal(f->name, "");
}

static void transport_means_its_srv_records(void **state)
{
	struct fixture *f = *state;
	has_srv(f, "_sips._tcp.a.example", 1, "h.example", 443);
	has_address(f, "h.example", "192.0.2.1");

	assert_located(f, "sip:a.example;transport=tls", "TLS 192.0.2.1:443");
	assert_string_equal(f->name, "a.example"); /* §4: not the name that DNS brought */
}

static void maddr_is_where_and_the_host_is_who(void **state)
{
	struct fixture *f = *state;

	assert_located(f, "sips:a.example;maddr=192.0.2.9", "TLS 192.0.2.9:5061");
	assert_string_equal(f->name, "a.example");
}

static void what_cannot_be_sent_to_is_refused(void **state)
{
	struct sip_next_hop hop;
	struct sip_uri uri;
	static const char *const bad[] = {"tel:+123", "sip:a.example;transport=sctp",
		"sips:a.example;transport=udp", "sip:a.example;transport=ws"};

	(void)state;
	for (size_t i = 0; i < ARRAY_LEN(bad); i++) {
		assert_int_equal(sip_uri_decode(sip_str_c(bad[i]), &uri), 0);
		assert_int_equal(sip_next_hop_of(&uri, &hop), ERR_UNSUPPORTED);
	}
}

/* ---- records ---- */

/* §4.1 and its example */
static void naptr_says_which_transports_in_which_order(void **state)
{
	struct fixture *f = *state;
	has_naptr(f, "a.example", 50, 60, "SIP+D2U", "_u.a.example");
	has_naptr(f, "a.example", 50, 50, "SIPS+D2T", "_t.a.example");
	has_naptr(f, "a.example", 90, 10, "SIP+D2T", "_late.a.example");
	has_naptr(f, "a.example", 10, 10, "SIP+D2S", "_sctp.a.example");
	has_srv(f, "_u.a.example", 1, "h.example", 5060);
	has_srv(f, "_t.a.example", 1, "h.example", 5061);
	has_address(f, "h.example", "192.0.2.1");

	assert_located(f, "sip:a.example", "TLS 192.0.2.1:5061, UDP 192.0.2.1:5060");
}

static void sips_takes_tls_alone(void **state)
{
	struct fixture *f = *state;
	has_naptr(f, "a.example", 1, 1, "SIP+D2T", "_sip._tcp.a.example");
	has_naptr(f, "a.example", 2, 1, "SIPS+D2T", "_sips._tcp.a.example");
	has_srv(f, "_sip._tcp.a.example", 1, "h.example", 5060);
	has_srv(f, "_sips._tcp.a.example", 1, "h.example", 5061);
	has_address(f, "h.example", "192.0.2.1");

	assert_located(f, "sips:a.example", "TLS 192.0.2.1:5061");
}

static void without_naptr_every_transport_is_asked_for(void **state)
{
	struct fixture *f = *state;
	has_srv(f, "_sip._udp.a.example", 1, "h.example", 5060);
	has_srv(f, "_sip._tcp.a.example", 2, "h.example", 5062);
	has_srv(f, "_sip._tcp.a.example", 1, "h.example", 5061);
	has_address(f, "h.example", "192.0.2.1");

	assert_located(
		f, "sip:a.example", "TCP 192.0.2.1:5061, TCP 192.0.2.1:5062, UDP 192.0.2.1:5060");
}

/* §4.2 */
static void without_srv_the_host_itself_is_asked_for(void **state)
{
	struct fixture *f = *state;
	has_address(f, "a.example", "192.0.2.1");

	assert_located(f, "sip:a.example", "UDP 192.0.2.1:5060");
	assert_located(f, "sips:a.example", "TLS 192.0.2.1:5061");
	assert_located(f, "sip:a.example;transport=tcp", "TCP 192.0.2.1:5060");
}

/* RFC 2782 */
static void root_as_target_says_there_is_no_service(void **state)
{
	struct fixture *f = *state;
	has_srv(f, "_sip._tcp.a.example", 0, "", 0);
	has_address(f, "a.example", "192.0.2.1");

	locate(f, "sip:a.example;transport=tcp");

	assert_int_equal(f->rc, ERR_NOT_FOUND);
}

static void name_that_is_not_there_is_not_found(void **state)
{
	struct fixture *f = *state;

	locate(f, "sip:a.example");

	assert_int_equal(f->rc, ERR_NOT_FOUND);
	assert_int_equal(metrics_get(f->cells, SIP_TRANSPORT_C_NOT_LOCATED), 1);
}

/* What the resolver cannot say is not taken for "there is none". */
static void failing_srv_does_not_lead_to_the_host(void **state)
{
	struct fixture *f = *state;
	fails(f, "_sip._tcp.a.example", DNS_SRV, -EIO);
	has_address(f, "a.example", "192.0.2.1");

	locate(f, "sip:a.example;transport=tcp");

	assert_int_equal(f->rc, -EIO);
}

static void host_that_cannot_be_asked_for_leaves_the_others(void **state)
{
	struct fixture *f = *state;
	has_srv(f, "_sip._udp.a.example", 1, "full.example", 5060);
	has_srv(f, "_sip._udp.a.example", 2, "h.example", 5060);
	has_address(f, "h.example", "192.0.2.1");
	assert_located(f, "sip:a.example;transport=udp", "UDP 192.0.2.1:5060");

	locate(f, "sip:full.example:5060");
	assert_int_equal(f->rc, ERR_FULL);
}

static void service_that_cannot_be_asked_for_is_not_passed_by(void **state)
{
	struct fixture *f = *state;
	has_address(f, "busy.example", "192.0.2.1");

	locate(f, "sip:busy.example;transport=tcp");

	assert_int_equal(f->rc, ERR_FULL);
}

/* ---- bounds ---- */

static void address_of_ours_decides_on_the_family(void **state)
{
	struct fixture *f = *state;
	struct sip_next_hop hop = hop_of("sip:a.example:5060");
	has_address(f, "a.example", "192.0.2.1");
	has_address(f, "a.example", "2001:db8::1");
	assert_int_equal(addr_parse("198.51.100.1", 5060, &hop.local), 0);

	assert_int_equal(sip_locate(f->locator, &hop, on_located, f, NULL), 0);
	assert_int_equal(f->n_questions, 1);
	answer(f, &f->questions[0]);
	(void)loop_deliver(f->loop);

	assert_string_equal(f->text, "UDP 192.0.2.1:5060");
	assert_true(addr_equal(&f->local, &hop.local));
}

static void time_is_up_for_all_questions_together(void **state)
{
	struct fixture *f = *state;
	start(f, "sip:a.example");

	f->clock.mono_ms = 5200;
	wheel_advance(&f->wheel, f->clock.mono_ms);
	(void)loop_deliver(f->loop);

	assert_int_equal(f->rc, -ETIMEDOUT);
	assert_false(f->questions[0].is_open);
}

static void addresses_that_came_in_time_are_taken(void **state)
{
	struct fixture *f = *state;
	has_address(f, "a.example", "192.0.2.1");
	start(f, "sip:a.example:5060");
	assert_int_equal(f->questions[1].type, DNS_A);
	answer(f, &f->questions[1]);

	f->clock.mono_ms = 5200;
	wheel_advance(&f->wheel, f->clock.mono_ms);
	(void)loop_deliver(f->loop);

	assert_string_equal(f->text, "UDP 192.0.2.1:5060");
}

static void lookups_at_once_are_so_many_and_can_be_cancelled(void **state)
{
	struct fixture *f = *state;
	struct sip_next_hop hop = hop_of("sip:a.example"), numeric = hop_of("sip:192.0.2.1");
	struct sip_location *a, *b;

	assert_int_equal(sip_locate(f->locator, &hop, on_located, f, &a), 0);
	assert_int_equal(sip_locate(f->locator, &numeric, on_located, f, &b), 0);
	assert_int_equal(sip_locate(f->locator, &hop, on_located, f, NULL), ERR_FULL);
	sip_locate_cancel(a);
	sip_locate_cancel(b);
	(void)loop_deliver(f->loop);

	assert_int_equal(f->n_told, 0);
	assert_false(f->questions[0].is_open);
	start(f, "sip:a.example"); /* goes with the locator */
}

static void targets_are_so_many_at_most(void **state)
{
	struct fixture *f = *state;
	struct dns_record many[DNS_RECORDS_MAX] = {0};
	for (int i = 0; i < DNS_RECORDS_MAX; i++) {
		many[i].port = 5060;
		snprintf(many[i].name, DNS_NAME_LEN, "h%d.example", i);
		many[i].addr = addr_ipv4(0xc0000200 + (uint32_t)i, 0);
	}
	start(f, "sip:a.example;transport=udp");

	for (size_t i = 0; i < f->n_questions; i++) {
		struct dns_question *q = &f->questions[i];
		q->is_open = false;
		q->fn(q->arg, 0, many, q->type == DNS_AAAA ? 0 : DNS_RECORDS_MAX);
	}
	(void)loop_deliver(f->loop);

	size_t n = 1;
	for (const char *at = f->text; (at = strchr(at, ',')) != NULL; at++)
		n++;
	assert_int_equal(n, SIP_TARGETS_MAX);
	assert_int_equal(f->n_questions, 1 + 2 * 12);
}

/* ---- the order of SRV (RFC 2782) ---- */

static uint32_t lots[8], bounds[8];
static size_t n_lots;

static uint32_t next_lot(uint32_t bound)
{
	bounds[n_lots] = bound;
	return lots[n_lots++];
}

static void srv_goes_by_priority_and_then_by_weighted_lot(void **state)
{
	struct dns_record r[] = {
		{.priority = 2, .weight = 5, .port = 6},
		{.priority = 1, .weight = 10, .port = 1},
		{.priority = 1, .weight = 30, .port = 2},
		{.priority = 1, .weight = 0, .port = 3},
		{.priority = 1, .weight = 60, .port = 4},
		{.priority = 0, .weight = 0, .port = 5},
	};

	(void)state;
	n_lots = 0;
	memcpy(lots, (uint32_t[]){41, 0, 11}, 3 * sizeof(lots[0]));
	sip_srv_order(r, ARRAY_LEN(r), next_lot);

	/* Of 3 (0), 1 (10), 2 (40), 4 (100): 41 draws 4; 0 draws 3; 11 of 1 (10), 2 (40) draws 2.
	 */
	static const uint16_t order[] = {5, 4, 3, 2, 1, 6};
	for (size_t i = 0; i < ARRAY_LEN(order); i++)
		assert_int_equal(r[i].port, order[i]);
	assert_int_equal(n_lots, 3);
	assert_int_equal(bounds[0], 101);
	assert_int_equal(bounds[1], 41);
	assert_int_equal(bounds[2], 41);
}

/* ---- responses (RFC 3261 §18.2.2, RFC 3581 §4) ---- */

static void assert_answered_at(const char *via, const char *where)
{
	struct addr source = addr_ipv4(0xc0000205, 33333);
	struct sip_target target;
	struct sip_via v;
	char text[ADDR_TEXT_LEN];

	assert_int_equal(sip_via_decode(sip_str_c(via), &v), 0);
	assert_int_equal(sip_response_target(&v, &source, &target), 0);
	assert_string_equal(addr_format(&target.addr, text), where);
}

static void response_goes_to_where_the_request_came_from(void **state)
{
	(void)state;
	assert_answered_at("SIP/2.0/UDP a.example;branch=z9hG4bK1", "192.0.2.5:5060");
	assert_answered_at("SIP/2.0/UDP a.example:5070;branch=z9hG4bK1", "192.0.2.5:5070");
	assert_answered_at("SIP/2.0/UDP a.example:5070;rport;branch=z9hG4bK1", "192.0.2.5:33333");
	assert_answered_at(
		"SIP/2.0/UDP a.example;maddr=198.51.100.1;branch=z9hG4bK1", "192.0.2.5:5060");
	assert_answered_at("SIP/2.0/TCP a.example:5070;rport;branch=z9hG4bK1", "192.0.2.5:5070");
	assert_answered_at("SIP/2.0/TLS a.example;branch=z9hG4bK1", "192.0.2.5:5061");
}

static void websocket_is_never_dialled(void **state)
{
	struct addr source = addr_ipv4(0xc0000205, 33333);
	struct sip_target target;
	struct sip_via v;

	(void)state;
	assert_int_equal(sip_via_decode(sip_str_c("SIP/2.0/WSS x.invalid;branch=z9hG4bK1"), &v), 0);
	assert_int_equal(sip_response_target(&v, &source, &target), ERR_UNSUPPORTED);
}

int main(void)
{
	const struct CMUnitTest t[] = {
#define TEST(f) cmocka_unit_test_setup_teardown(f, setup, teardown)
		TEST(numeric_host_asks_nothing),
		TEST(port_means_addresses_alone),
		TEST(transport_means_its_srv_records),
		TEST(maddr_is_where_and_the_host_is_who),
		cmocka_unit_test(what_cannot_be_sent_to_is_refused),
		TEST(naptr_says_which_transports_in_which_order),
		TEST(sips_takes_tls_alone),
		TEST(without_naptr_every_transport_is_asked_for),
		TEST(without_srv_the_host_itself_is_asked_for),
		TEST(root_as_target_says_there_is_no_service),
		TEST(name_that_is_not_there_is_not_found),
		TEST(failing_srv_does_not_lead_to_the_host),
		TEST(host_that_cannot_be_asked_for_leaves_the_others),
		TEST(service_that_cannot_be_asked_for_is_not_passed_by),
		TEST(address_of_ours_decides_on_the_family),
		TEST(time_is_up_for_all_questions_together),
		TEST(addresses_that_came_in_time_are_taken),
		TEST(lookups_at_once_are_so_many_and_can_be_cancelled),
		TEST(targets_are_so_many_at_most),
		cmocka_unit_test(srv_goes_by_priority_and_then_by_weighted_lot),
		cmocka_unit_test(response_goes_to_where_the_request_came_from),
		cmocka_unit_test(websocket_is_never_dialled),
	};
	return cmocka_run_group_tests(t, NULL, NULL) != 0;
}
