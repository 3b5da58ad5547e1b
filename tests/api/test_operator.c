/* SPDX-License-Identifier: BSD-3-Clause */
/* /admin/v1: status, reload, decode, and questions about allocations. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <jansson.h>
#include <cmocka.h>
#include "rig.h"

#define JSON "application/json"
#define USERNAME                                                                                   \
	"9999999999:m1.387218cb.AQEHAAAIAAAAAAu4__________9bSTGwE6yuT_Bew8AndmNXAQIDBAUGBwg"

static int set_up(void **state)
{
	struct rig *rig = calloc(1, sizeof(*rig));
	rig_start(rig);
	*state = rig;
	return 0;
}

static int tear_down(void **state)
{
	rig_stop(*state);
	free(*state);
	return 0;
}

/* The body of the answer to a request on the operator's socket; a new reference. */
static json_t *ask(struct rig *rig, const char *what, const char *body, int status)
{
	const struct rig_answer *a =
		rig_ask(rig, RIG_LOCAL, RIG_NOBODY, what, body != NULL ? JSON : NULL, NULL, body);
	assert_int_equal(a->status, status);
	json_t *root = json_loads(a->body, 0, NULL);
	assert_non_null(root);
	return root;
}

static const char *text(const json_t *o, const char *member)
{
	const char *s = json_string_value(json_object_get(o, member));
	return s != NULL ? s : "(none)";
}

static void refused(struct rig *rig, const char *what, const char *body, const char *detail)
{
	json_t *root = ask(rig, what, body, 400);
	assert_non_null(strstr(text(root, "detail"), detail));
	json_decref(root);
}

static void status_shows_what_the_daemon_says(void **state)
{
	struct rig *rig = *state;
	json_t *s = ask(rig, "GET /admin/v1/status", NULL, 200);
	const json_t *listener = json_array_get(json_object_get(s, "listeners"), 0);
	const json_t *eth0 = json_array_get(json_object_get(s, "interfaces"), 0);
	const json_t *wg0 = json_array_get(json_object_get(s, "interfaces"), 1);
	const json_t *certificate = json_array_get(json_object_get(s, "certificates"), 0);

	assert_string_equal(text(s, "version"), "1.2.3");
	assert_true(json_is_true(json_object_get(s, "ready")));
	assert_string_equal(text(s, "realm"), "edge.example.com");
	assert_string_equal(text(listener, "face"), "external");
	assert_string_equal(text(listener, "address"), "0.0.0.1:5349");
	assert_int_equal(json_integer_value(json_object_get(certificate, "notAfter")), 1800000000);
	assert_string_equal(text(s, "datapath"), "kernel");
	assert_string_equal(text(eth0, "mode"), "native XDP");
	assert_null(json_object_get(eth0, "whyNotFaster"));
	assert_string_equal(
		json_string_value(json_array_get(json_object_get(eth0, "addresses"), 0)),
		"192.0.2.1");
	assert_null(json_object_get(wg0, "mode"));
	assert_string_equal(text(wg0, "whyNotFaster"), "is no Ethernet interface");
	assert_int_equal(json_array_size(json_object_get(s, "keys")), 1);
	assert_int_equal(json_array_size(json_object_get(s, "counters")), API_COUNTER_COUNT);
	json_decref(s);

	atomic_store(&rig->is_ready, false);
	s = ask(rig, "GET /admin/v1/status", NULL, 200);
	assert_string_equal(text(s, "notReady"), "no listener");
	json_decref(s);
}

static void operator_routes_are_on_the_operators_socket_only(void **state)
{
	static const enum rig_server others[] = {RIG_MTLS, RIG_ADMIN};

	for (size_t i = 0; i < ARRAY_LEN(others); i++) {
		const struct rig_answer *a = rig_ask(
			*state, others[i], RIG_ADMIN_FE, "GET /admin/v1/status", NULL, NULL, NULL);
		assert_int_equal(a->status, 404);
	}
}

static void reload_says_what_is_wrong(void **state)
{
	struct rig *rig = *state;
	json_t *a = ask(rig, "POST /admin/v1/reload", "{}", 200);
	assert_true(json_is_true(json_object_get(a, "reloaded")));
	json_decref(a);

	atomic_store(&rig->is_reload_broken, true);
	a = ask(rig, "POST /admin/v1/reload", "{}", 409);
	assert_false(json_is_true(json_object_get(a, "reloaded")));
	assert_string_equal(json_string_value(json_array_get(json_object_get(a, "messages"), 0)),
		"sallyport.yaml:3:1: wrong");
	json_decref(a);
}

static void decode_shows_claims_and_verdict(void **state)
{
	json_t *a = ask(*state, "POST /admin/v1/decode", "{\"username\":\"" USERNAME "\"}", 200);
	const json_t *claims = json_object_get(a, "claims");

	assert_false(json_is_true(json_object_get(a, "accepted")));
	assert_string_equal(text(a, "reason"), "unknown_key");
	assert_string_equal(text(claims, "kid"), "387218cb");
	assert_string_equal(text(claims, "jti"), "0102030405060708");
	assert_string_equal(text(claims, "subject"), "5b4931b013acae4ff05ec3c027766357");
	assert_int_equal(json_integer_value(json_object_get(claims, "kbps")), 3000);
	assert_string_equal(
		json_string_value(json_array_get(json_object_get(claims, "locations"), 0)),
		"internet");
	json_decref(a);
	refused(*state, "POST /admin/v1/decode", "{}", "no \"username\"");
	refused(*state, "POST /admin/v1/decode", "[", "not JSON");
}

static void allocations_come_with_what_is_missing(void **state)
{
	json_t *a = ask(*state, "GET /admin/v1/allocations", NULL, 200);
	const json_t *first = json_array_get(json_object_get(a, "allocations"), 0);

	assert_string_equal(text(first, "id"), "10000000002a");
	assert_string_equal(text(first, "client"), "192.0.2.1:40000");
	assert_string_equal(text(first, "transport"), "tls");
	assert_string_equal(text(a, "next"), "10000000002a"); /* two match, one is here */
	assert_int_equal(
		json_integer_value(json_array_get(json_object_get(a, "silentWorkers"), 0)), 2);
	json_decref(a);
}

static void filters_reach_the_workers(void **state)
{
	struct rig *rig = *state;
	const struct turn_filter *f = &rig->question.filter;
	struct addr client = addr_ipv4(0xc00002ff, 0), peer = addr_ipv4(0xc6336407, 0);

	json_decref(ask(rig, "GET /admin/v1/status", NULL, 200)); /* names the listener */
	json_decref(ask(rig,
		"GET /admin/v1/allocations?client=192.0.2.0%2F24&peer=198.51.100.7:5000"
		"&subject=5B4931b013acae4ff05ec3c027766357&face=external&limit=17&after=ff",
		NULL, 200));

	assert_true(prefix_contains(&f->client.prefix, &client));
	assert_int_equal(f->client.port, 0);
	assert_true(prefix_contains(&f->peer.prefix, &peer));
	assert_int_equal(f->peer.port, 5000);
	assert_true(f->has_subject && f->subject[0] == 0x5b && f->subject[15] == 0x57);
	assert_int_equal(f->n_listeners, 1);
	assert_int_equal(f->listeners[0].transport, AUTH_TLS);
	assert_int_equal(rig->question.limit, 17);
	assert_int_equal(rig->question.after, 255);
	assert_false(rig->question.ends_them);
}

static void malformed_filters_are_refused(void **state)
{
	static const char *const queries[][2] = {{"client=moon", "an address"},
		{"client=192.0.2.1/24", "an address"}, {"face=moon", "no face"},
		{"id=0", "the id 0"}, {"id=-1", "hexadecimal"}, {"id=1g", "hexadecimal"},
		{"id=11111111111111111", "hexadecimal"}, {"limit=0", "limit"},
		{"limit=1001", "limit"}, {"limit=+5", "limit"}, {"after=x", "hexadecimal"},
		{"peer=%zz", "encoded"}};
	char what[128];

	for (size_t i = 0; i < ARRAY_LEN(queries); i++) {
		snprintf(what, sizeof(what), "GET /admin/v1/allocations?%s", queries[i][0]);
		refused(*state, what, NULL, queries[i][1]);
	}
}

static void one_allocation_comes_with_its_peers(void **state)
{
	json_t *a = ask(*state, "GET /admin/v1/allocation?id=2a", NULL, 200);
	const json_t *peer = json_array_get(json_object_get(a, "peers"), 0);

	assert_string_equal(text(peer, "peer"), "192.0.2.2:5000");
	assert_int_equal(json_integer_value(json_object_get(peer, "channel")), 0x4000);
	assert_null(json_object_get(peer, "connection"));
	assert_int_equal(json_integer_value(json_object_get(a, "connections")), 3);
	peer = json_array_get(json_object_get(a, "peers"), 1);
	assert_true(json_is_true(json_object_get(peer, "connection")));
	json_decref(a);
	json_decref(ask(*state, "GET /admin/v1/allocation?id=1", NULL, 404));
	refused(*state, "GET /admin/v1/allocation", NULL, "hexadecimal");
}

static void killing_needs_a_choice(void **state)
{
	struct rig *rig = *state;

	refused(rig, "POST /admin/v1/kill", "{}", "nothing says");
	refused(rig, "POST /admin/v1/kill", "[]", "nothing says");
	refused(rig, "POST /admin/v1/kill", "{\"all\":true}", "something else");
	refused(rig, "POST /admin/v1/kill", "{\"id\":7}", "something else");
	json_t *a = ask(rig, "POST /admin/v1/kill", "{\"client\":\"192.0.2.1\"}", 200);
	assert_int_equal(json_integer_value(json_object_get(a, "killed")), 2);
	assert_true(rig->question.ends_them);
	json_decref(a);
}

static void workers_that_cannot_be_asked_are_a_503(void **state)
{
	struct rig *rig = *state;

	atomic_store(&rig->is_asking_broken, true);
	json_decref(ask(rig, "GET /admin/v1/allocations", NULL, 503));
}

static void drain_takes_alternates_and_shows_them(void **state)
{
	struct rig *rig = *state;
	json_t *a = ask(rig, "POST /admin/v1/drain",
		"{\"on\":true,\"exit\":true,\"to\":[{\"address\":\"192.0.2.9\",\"tlsPort\":443,"
		"\"domain\":\"av2.example.com\",\"location\":\"intranet\"},"
		"{\"address\":\"[2001:db8::9]:3479\"}]}",
		200);
	const json_t *first = json_array_get(json_object_get(a, "alternates"), 0);

	assert_true(json_is_true(json_object_get(a, "draining")));
	assert_string_equal(text(first, "address"), "192.0.2.9:3478");
	assert_string_equal(text(first, "domain"), "av2.example.com");
	assert_true(json_is_true(json_object_get(first, "up")));
	json_decref(a);
	assert_true(rig->order.is_on && rig->order.exits);
	assert_int_equal(rig->order.n_alternates, 2);
	assert_int_equal(rig->order.alternates[0].tls_port, 443);
	assert_int_equal(rig->order.alternates[0].locations, AUTH_INTRANET);
	assert_int_equal(rig->order.alternates[1].address.port, 3479);
	assert_int_equal(rig->order.alternates[1].locations, 0);
	a = ask(rig, "GET /admin/v1/drain", NULL, 200);
	assert_int_equal(json_integer_value(json_object_get(a, "allocations")), 5);
	json_decref(a);
}

static void malformed_drain_orders_change_nothing(void **state)
{
	static const char *const bodies[] = {"{}", "[]", "{\"on\":1}", "{\"on\":true,\"exit\":1}",
		"{\"on\":true,\"to\":{}}", "{\"on\":true,\"to\":[{}]}", "{\"on\":true,\"to\":[1]}",
		"{\"on\":true,\"to\":[{\"address\":\"moon\"}]}",
		"{\"on\":true,\"to\":[{\"address\":\"0.0.0.0\"}]}",
		"{\"on\":true,\"to\":[{\"address\":\"192.0.2.9:0\"}]}",
		"{\"on\":true,\"to\":[{\"address\":\"192.0.2.9\",\"tlsPort\":65536}]}",
		"{\"on\":true,\"to\":[{\"address\":\"192.0.2.9\",\"domain\":\"a b\"}]}",
		"{\"on\":true,\"to\":[{\"address\":\"192.0.2.9\",\"location\":\"moon\"}]}"};
	struct rig *rig = *state;
	char many[1024] = "{\"on\":true,\"to\":[{}";

	for (size_t i = 0; i < ARRAY_LEN(bodies); i++)
		json_decref(ask(rig, "POST /admin/v1/drain", bodies[i], 400));
	for (unsigned i = 0; i < API_ALTERNATES_MAX; i++)
		strcat(many, ",{}");
	strcat(many, "]}");
	refused(rig, "POST /admin/v1/drain", many, "more than 16");
	assert_false(rig->order.is_on);
}

#define WITH_RIG(fn) cmocka_unit_test_setup_teardown(fn, set_up, tear_down)

int main(void)
{
	const struct CMUnitTest t[] = {
		WITH_RIG(status_shows_what_the_daemon_says),
		WITH_RIG(operator_routes_are_on_the_operators_socket_only),
		WITH_RIG(reload_says_what_is_wrong),
		WITH_RIG(decode_shows_claims_and_verdict),
		WITH_RIG(allocations_come_with_what_is_missing),
		WITH_RIG(filters_reach_the_workers),
		WITH_RIG(malformed_filters_are_refused),
		WITH_RIG(one_allocation_comes_with_its_peers),
		WITH_RIG(killing_needs_a_choice),
		WITH_RIG(drain_takes_alternates_and_shows_them),
		WITH_RIG(malformed_drain_orders_change_nothing),
		WITH_RIG(workers_that_cannot_be_asked_are_a_503),
	};
	return cmocka_run_group_tests(t, NULL, NULL) != 0;
}
