/* SPDX-License-Identifier: BSD-3-Clause */
/* Questions to the domain name system, answered by a name server of the test's on loopback. */
#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include <cmocka.h>
#include <event2/event.h>
#include <sallyport/loop/dns.h>
#include <unbound.h>
#include <unbound-event.h>

#include "../../src/loop/loop_priv.h"
#include "dns_wire.h"

struct fixture {
	struct loop *loop;
	struct dns *dns;
	int server;
	struct event *event;
	size_t n_asked;
	bool is_silent;
	/* What the last answer was. */
	size_t n_answers, stop_at;
	int rc;
	size_t n;
	struct dns_record records[DNS_RECORDS_MAX];
	bool is_asking; /* dns_ask runs */
};

/* ---- the name server ---- */

static void answer(struct dns_wire *w, uint16_t id, const char *name, unsigned type)
{
	bool is_known = strcmp(name, "host.example") == 0;
	bool is_service = strcmp(name, "_sip._udp.example") == 0;

	dns_wire_begin(w, id, is_known || is_service ? 0 : 3, name, type);
	if (is_known && type == DNS_A)
		dns_wire_a(w, NULL, "192.0.2.1");
	if (is_service && type == DNS_SRV)
		dns_wire_srv(w, NULL, 1, 2, 5060, "host.example");
}

static void on_query(evutil_socket_t fd, short what, void *arg)
{
	struct fixture *f = arg;
	struct sockaddr_storage from;
	socklen_t from_len = sizeof(from);
	uint8_t query[512];
	char name[DNS_NAME_LEN];
	struct dns_wire w;
	ssize_t len = recvfrom(fd, query, sizeof(query), 0, (struct sockaddr *)&from, &from_len);

	(void)what;
	assert_true(len > 0);
	f->n_asked++;
	if (f->is_silent)
		return;
	unsigned type = dns_wire_question(query, (size_t)len, name);
	answer(&w, be16_get(query), name, type);
	assert_int_equal(sendto(fd, w.data, w.len, 0, (struct sockaddr *)&from, from_len), w.len);
}

static uint16_t open_server(struct fixture *f)
{
	struct sockaddr_storage ss;
	struct addr local = addr_ipv4(0x7f000001, 0);
	socklen_t len = addr_to_sockaddr(&local, &ss);

	f->server = socket(AF_INET, SOCK_DGRAM | SOCK_CLOEXEC, 0);
	assert_true(f->server >= 0);
	assert_int_equal(bind(f->server, (struct sockaddr *)&ss, len), 0);
	assert_int_equal(getsockname(f->server, (struct sockaddr *)&ss, &len), 0);
	assert_int_equal(addr_from_sockaddr((struct sockaddr *)&ss, len, &local), 0);
	f->event = event_new(loop_base(f->loop), f->server, EV_READ | EV_PERSIST, on_query, f);
	assert_int_equal(event_add(f->event, NULL), 0);
	return local.port;
}

static int setup(void **state)
{
	struct fixture *f = calloc(1, sizeof(*f));
	char text[32], why[DNS_WHY_LEN];
	const char *servers[] = {text};

	assert_non_null(f);
	f->loop = loop_create("test", 16);
	assert_non_null(f->loop);
	snprintf(text, sizeof(text), "127.0.0.1@%u", open_server(f));
	struct dns_config c = {.loop = f->loop,
		.servers = servers,
		.n_servers = 1,
		.timeout_ms = 30000,
		.max_questions = 4};
	assert_int_equal(dns_create(&c, &f->dns, why), 0);
	alarm(60);
	*state = f;
	return 0;
}

static int teardown(void **state)
{
	struct fixture *f = *state;

	dns_destroy(f->dns);
	alarm(0);
	event_free(f->event);
	close(f->server);
	loop_destroy(f->loop);
	free(f);
	return 0;
}

/* ---- libunbound ---- */

static size_t n_given; /* to it */

int __real_ub_resolve_event(struct ub_ctx *ctx, const char *name, int type, int class, void *arg,
	ub_event_callback_type fn, int *id);
int __wrap_ub_resolve_event(struct ub_ctx *ctx, const char *name, int type, int class, void *arg,
	ub_event_callback_type fn, int *id);
int __wrap_ub_resolve_event(struct ub_ctx *ctx, const char *name, int type, int class, void *arg,
	ub_event_callback_type fn, int *id)
{
	n_given++;
	return __real_ub_resolve_event(ctx, name, type, class, arg, fn, id);
}

/* ---- who asks ---- */

static void on_answer(void *arg, int rc, const struct dns_record *records, size_t n)
{
	struct fixture *f = arg;

	assert_false(f->is_asking);
	f->rc = rc;
	f->n = n;
	if (n > 0)
		memcpy(f->records, records, n * sizeof(*records));
	if (++f->n_answers == f->stop_at)
		loop_stop(f->loop);
}

static int ask(struct fixture *f, const char *name, enum dns_type type, struct dns_question **q)
{
	f->is_asking = true;
	int rc = dns_ask(f->dns, name, type, on_answer, f, q);
	f->is_asking = false;
	return rc;
}

static void run_until(struct fixture *f, size_t n)
{
	f->stop_at = n;
	assert_int_equal(loop_run(f->loop), 0);
	assert_int_equal(f->n_answers, n);
}

static void ask_and_hear(struct fixture *f, const char *name, enum dns_type type)
{
	assert_int_equal(ask(f, name, type, NULL), 0);
	run_until(f, f->n_answers + 1);
}

/* ---- tests ---- */

static void answer_has_the_records(void **state)
{
	struct fixture *f = *state;
	struct addr a = addr_ipv4(0xc0000201, 0);

	ask_and_hear(f, "host.example", DNS_A);
	assert_int_equal(f->rc, 0);
	assert_int_equal(f->n, 1);
	assert_true(addr_equal(&f->records[0].addr, &a));

	ask_and_hear(f, "_sip._udp.example", DNS_SRV);
	assert_int_equal(f->n, 1);
	assert_int_equal(f->records[0].port, 5060);
	assert_string_equal(f->records[0].name, "host.example");
}

static void missing_name_and_missing_records_are_told_apart(void **state)
{
	struct fixture *f = *state;

	ask_and_hear(f, "nobody.example", DNS_A);
	assert_int_equal(f->rc, ERR_NOT_FOUND);

	ask_and_hear(f, "host.example", DNS_SRV);
	assert_int_equal(f->rc, 0);
	assert_int_equal(f->n, 0);
}

static void answer_is_kept_for_its_time(void **state)
{
	struct fixture *f = *state;
	ask_and_hear(f, "host.example", DNS_A);
	size_t n_asked = f->n_asked;

	ask_and_hear(f, "host.example", DNS_A);

	assert_int_equal(f->n, 1);
	assert_int_equal(f->n_asked, n_asked);
}

static void cancelled_question_is_not_answered(void **state)
{
	struct fixture *f = *state;
	struct dns_question *q;

	assert_int_equal(ask(f, "nobody.example", DNS_A, &q), 0);
	assert_int_equal(ask(f, "host.example", DNS_A, NULL), 0);
	dns_cancel(q);
	run_until(f, 1);
	ask_and_hear(f, "host.example", DNS_AAAA);

	assert_int_equal(f->n_answers, 2);
	assert_int_equal(f->rc, 0);
}

static void silent_server_is_told_of_in_time(void **state)
{
	struct fixture *f = *state;
	struct dns *hasty;
	char text[32], why[DNS_WHY_LEN];
	const char *servers[] = {text};
	struct sockaddr_storage ss;
	socklen_t len = sizeof(ss);
	struct addr local;
	assert_int_equal(getsockname(f->server, (struct sockaddr *)&ss, &len), 0);
	assert_int_equal(addr_from_sockaddr((struct sockaddr *)&ss, len, &local), 0);
	snprintf(text, sizeof(text), "127.0.0.1@%u", local.port);
	struct dns_config c = {.loop = f->loop,
		.servers = servers,
		.n_servers = 1,
		.timeout_ms = 1,
		.max_questions = 1};
	assert_int_equal(dns_create(&c, &hasty, why), 0);
	f->is_silent = true;

	assert_int_equal(dns_ask(hasty, "host.example", DNS_A, on_answer, f, NULL), 0);
	run_until(f, 1);

	assert_int_equal(f->rc, -ETIMEDOUT);
	/* libunbound goes on asking, so it counts. */
	assert_int_equal(dns_ask(hasty, "a.example", DNS_A, on_answer, f, NULL), ERR_FULL);
	dns_destroy(hasty);
}

static void questions_at_once_are_so_many(void **state)
{
	struct fixture *f = *state;
	char name[32];

	for (int i = 0; i < 4; i++) {
		snprintf(name, sizeof(name), "n%d.example", i);
		assert_int_equal(ask(f, name, DNS_A, NULL), 0);
	}
	assert_int_equal(ask(f, "host.example", DNS_A, NULL), ERR_FULL);
	run_until(f, 4);
	assert_int_equal(ask(f, "host.example", DNS_A, NULL), 0);
	run_until(f, 5);
}

static void what_is_no_host_name_is_not_asked(void **state)
{
	struct fixture *f = *state;
	static const char *const bad[] = {"", ".", "a b", "a\\046b", "a/b", "a..b", ".a", "a..",
		"\xc3\xa4.example",
		"012345678901234567890123456789012345678901234567890123456789abcd.example"};
	char name[DNS_NAME_LEN];

	n_given = 0;
	for (size_t i = 0; i < ARRAY_LEN(bad); i++)
		assert_int_equal(ask(f, bad[i], DNS_A, NULL), ERR_MALFORMED);
	for (size_t i = 0; i < 254; i++)
		name[i] = i % 2 ? '.' : 'a';
	name[253] = 'a';
	name[254] = '\0'; /* "a.a.a...aa", 254 bytes */
	assert_int_equal(ask(f, name, DNS_A, NULL), ERR_MALFORMED);
	assert_int_equal(n_given, 0);

	name[253] = '\0';
	name[252] = 'a';
	assert_int_equal(ask(f, name, DNS_A, NULL), 0);
	assert_int_equal(n_given, 1);
}

static void question_under_way_goes_with_the_resolver(void **state)
{
	struct fixture *f = *state;

	assert_int_equal(ask(f, "host.example", DNS_A, NULL), 0);
	dns_destroy(f->dns);
	f->dns = NULL;

	/* Nor does the loop know of it any more. */
	assert_true(list_is_empty(&f->loop->deferred));
	(void)loop_deliver(f->loop);
	assert_int_equal(f->n_answers, 0);
}

static void file_or_address_that_is_no_good_is_named(void **state)
{
	struct fixture *f = *state;
	char why[DNS_WHY_LEN];
	const char *servers[] = {"localhost"};
	struct dns *d = NULL;
	struct dns_config c = {.loop = f->loop, .resolv_conf = "/nonexistent/resolv.conf"};

	assert_int_equal(dns_create(&c, &d, why), ERR_CONFIG);
	assert_non_null(strstr(why, "/nonexistent/resolv.conf"));
	c = (struct dns_config){.loop = f->loop, .servers = servers, .n_servers = 1};
	assert_int_equal(dns_create(&c, &d, why), ERR_CONFIG);
	assert_non_null(strstr(why, "localhost"));
	assert_null(d);
}

int main(void)
{
	const struct CMUnitTest t[] = {
#define TEST(f) cmocka_unit_test_setup_teardown(f, setup, teardown)
		TEST(answer_has_the_records),
		TEST(missing_name_and_missing_records_are_told_apart),
		TEST(answer_is_kept_for_its_time),
		TEST(cancelled_question_is_not_answered),
		TEST(silent_server_is_told_of_in_time),
		TEST(questions_at_once_are_so_many),
		TEST(what_is_no_host_name_is_not_asked),
		TEST(question_under_way_goes_with_the_resolver),
		TEST(file_or_address_that_is_no_good_is_named),
	};
	return cmocka_run_group_tests(t, NULL, NULL) != 0;
}
