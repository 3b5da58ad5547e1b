/* SPDX-License-Identifier: BSD-3-Clause */
/* Credentials over HTTPS, end to end: who gets in, what is answered, what is logged. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>
#include <jansson.h>
#include <cmocka.h>
#include "rig.h"

#define CREDENTIALS "POST /mras/v1/credentials"
#define JSON        "application/json"
#define BODY        "{\"requestId\":\"r-1\",\"credentials\":[{\"identity\":\"sip:alice@example.com\"}]}"
#define PROBLEM     "Content-Type: application/problem+json\r\n"

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

static const struct rig_answer *ask_json(
	struct rig *rig, enum rig_server s, enum rig_client c, const char *body)
{
	return rig_ask(rig, s, c, CREDENTIALS, JSON, NULL, body);
}

/* The problem document has these members; a NULL is not looked at. */
static void assert_problem(
	const struct rig_answer *a, int status, const char *reason, const char *request_id)
{
	assert_int_equal(a->status, status);
	assert_non_null(strstr(a->text, PROBLEM));
	json_t *p = json_loads(a->body, 0, NULL);
	assert_non_null(p);
	assert_string_equal(json_string_value(json_object_get(p, "reason")), reason);
	assert_int_equal(json_integer_value(json_object_get(p, "status")), status);
	assert_non_null(json_string_value(json_object_get(p, "type")));
	assert_non_null(json_string_value(json_object_get(p, "title")));
	if (request_id != NULL)
		assert_string_equal(json_string_value(json_object_get(p, "requestId")), request_id);
	json_decref(p);
}

/* ---- who gets in ---- */

static void listed_name_is_granted(void **state)
{
	const struct rig_answer *a = ask_json(*state, RIG_MTLS, RIG_FE, BODY);
	assert_int_equal(a->status, 200);
	assert_non_null(strstr(a->text, "Content-Type: application/json\r\n"));
	assert_non_null(strstr(a->text, "Cache-Control: no-store\r\n"));
	json_t *root = json_loads(a->body, 0, NULL);
	const json_t *item = json_array_get(json_object_get(root, "credentials"), 0);
	assert_string_equal(json_string_value(json_object_get(item, "result")), "ok");
	assert_non_null(strstr(json_string_value(json_object_get(item, "username")), ":m1."));
	json_decref(root);
}

static void listed_key_is_granted(void **state)
{
	assert_int_equal(ask_json(*state, RIG_MTLS, RIG_ADMIN_FE, BODY)->status, 200);
}

static void no_certificate_is_refused_in_the_handshake(void **state)
{
	assert_int_equal(ask_json(*state, RIG_MTLS, RIG_NOBODY, BODY)->status, 0);
}

static void certificate_of_another_ca_is_refused_in_the_handshake(void **state)
{
	assert_int_equal(ask_json(*state, RIG_MTLS, RIG_FOREIGN, BODY)->status, 0);
	assert_int_equal(ask_json(*state, RIG_BEARER, RIG_FOREIGN, BODY)->status, 0);
}

static void unlisted_name_of_the_right_ca_is_forbidden(void **state)
{
	assert_problem(ask_json(*state, RIG_MTLS, RIG_UNLISTED, BODY), 403, "forbidden", NULL);
	assert_problem(ask_json(*state, RIG_BEARER, RIG_UNLISTED, BODY), 403, "forbidden", NULL);
}

static void local_socket_may_ask_for_anybody(void **state)
{
	const struct rig_answer *a = ask_json(
		*state, RIG_LOCAL, RIG_NOBODY, "{\"credentials\":[{\"identity\":\"tester\"}]}");
	assert_int_equal(a->status, 200);
	assert_non_null(strstr(a->body, "\"result\":\"ok\""));
}

static void admin_server_has_no_credentials(void **state)
{
	assert_int_equal(ask_json(*state, RIG_ADMIN, RIG_NOBODY, BODY)->status, 404);
}

#define WITH_TOKEN "Authorization: Bearer " RIG_TOKEN

static void token_counts_only_where_it_is_switched_on(void **state)
{
	struct rig *rig = *state;
	const struct rig_answer *a =
		rig_ask(rig, RIG_BEARER, RIG_NOBODY, CREDENTIALS, JSON, WITH_TOKEN, BODY);
	assert_int_equal(a->status, 200);
	a = rig_ask(rig, RIG_MTLS, RIG_UNLISTED, CREDENTIALS, JSON, WITH_TOKEN, BODY);
	assert_problem(a, 403, "forbidden", NULL);
}

static void missing_or_wrong_token_is_401(void **state)
{
	struct rig *rig = *state;
	static const char *const headers[] = {NULL, "Authorization: Bearer wrong",
		"Authorization: Bearer", "Authorization: Basic " RIG_TOKEN,
		"Authorization: " RIG_TOKEN};
	for (size_t i = 0; i < ARRAY_LEN(headers); i++) {
		const struct rig_answer *a =
			rig_ask(rig, RIG_BEARER, RIG_NOBODY, CREDENTIALS, JSON, headers[i], BODY);
		assert_problem(a, 401, "unauthorized", NULL);
		assert_non_null(strstr(a->text, "WWW-Authenticate: Bearer\r\n"));
	}
}

/* ---- failures of a request ---- */

static void malformed_request_is_a_problem_with_its_id(void **state)
{
	assert_problem(ask_json(*state, RIG_MTLS, RIG_FE, "{\"requestId\":\"r-2\"}"), 400,
		"requestMalformed", "r-2");
	assert_problem(ask_json(*state, RIG_MTLS, RIG_FE, "{"), 400, "requestMalformed", NULL);
	assert_problem(ask_json(*state, RIG_MTLS, RIG_FE, ""), 400, "requestMalformed", NULL);
}

static void other_types_are_415(void **state)
{
	struct rig *rig = *state;
	static const char *const types[] = {
		NULL, "text/json", "application/jsonx", "application/xml", ""};
	for (size_t i = 0; i < ARRAY_LEN(types); i++)
		assert_problem(rig_ask(rig, RIG_MTLS, RIG_FE, CREDENTIALS, types[i], NULL, BODY),
			415, "unsupportedMediaType", NULL);
	assert_int_equal(rig_ask(rig, RIG_MTLS, RIG_FE, CREDENTIALS,
				 "Application/JSON ; charset=utf-8", NULL, BODY)
				 ->status,
		200);
}

static void large_body_is_413(void **state)
{
	char *body = malloc(MRAS_BODY_MAX + 2);
	memset(body, ' ', MRAS_BODY_MAX + 1);
	body[MRAS_BODY_MAX + 1] = '\0';
	assert_problem(ask_json(*state, RIG_MTLS, RIG_FE, body), 413, "requestTooLarge", NULL);
	free(body);
	body = malloc(1 << 20);
	memset(body, ' ', (1 << 20) - 1); /* over the server's own limit */
	body[(1 << 20) - 1] = '\0';
	assert_int_equal(ask_json(*state, RIG_MTLS, RIG_FE, body)->status, 413);
	free(body);
}

static void used_up_rate_is_503_with_retry_after(void **state)
{
	struct rig *rig = *state;
	static const char body[] =
		"{\"requestId\":\"r-3\",\"credentials\":[{\"identity\":\"alice\"},"
		"{\"identity\":\"alice\"},{\"identity\":\"alice\"},{\"identity\":\"alice\"},"
		"{\"identity\":\"alice\"},{\"identity\":\"alice\"},{\"identity\":\"alice\"},"
		"{\"identity\":\"alice\"},{\"identity\":\"alice\"},{\"identity\":\"alice\"}]}";
	assert_int_equal(
		rig_ask(rig, RIG_BEARER, RIG_NOBODY, CREDENTIALS, JSON, WITH_TOKEN, body)->status,
		200);
	const struct rig_answer *a =
		rig_ask(rig, RIG_BEARER, RIG_NOBODY, CREDENTIALS, JSON, WITH_TOKEN, body);
	assert_problem(a, 503, "serverBusy", "r-3");
	const char *retry = strstr(a->text, "\r\nRetry-After: ");
	assert_non_null(retry);
	assert_in_range(atoi(retry + strlen("\r\nRetry-After: ")), 1, 10);
}

static void other_method_is_405(void **state)
{
	const struct rig_answer *a =
		rig_ask(*state, RIG_MTLS, RIG_FE, "GET /mras/v1/credentials", NULL, NULL, NULL);
	assert_int_equal(a->status, 405);
	assert_non_null(strstr(a->text, "Allow: POST\r\n"));
}

/* ---- XML ---- */

#define XML_BODY(identity)                                                                         \
	"<request xmlns=\"http://schemas.microsoft.com/2006/09/sip/mrasp\" requestID=\"77\" "      \
	"version=\"2.0\" to=\"sip:e@x\" from=\"sip:a@x\"><credentialsRequest "                     \
	"credentialsRequestID=\"1\"><identity>" identity "</identity></credentialsRequest>"        \
	"</request>"

static const struct rig_answer *ask_xml(struct rig *rig, enum rig_client c, const char *body)
{
	return rig_ask(rig, RIG_MTLS, c, CREDENTIALS, MRAS_XML_TYPE, NULL, body);
}

static void xml_is_answered_in_xml_whatever_the_result(void **state)
{
	static const struct {
		enum rig_client client;
		const char *body;
		int status;
		const char *phrase;
	} cases[] = {
		{RIG_FE, XML_BODY("sip:alice@example.com"), 200, "reasonPhrase=\"OK\""},
		{RIG_FE, XML_BODY("sip:m@evil.org"), 403, "reasonPhrase=\"Forbidden\""},
		{RIG_UNLISTED, XML_BODY("sip:alice@example.com"), 403,
			"reasonPhrase=\"Forbidden\""},
		{RIG_FE, "<request/>", 400, "reasonPhrase=\"Request Malformed\""},
		{RIG_FE, "<!DOCTYPE x [<!ENTITY a \"b\">]><request/>", 400,
			"reasonPhrase=\"Request Malformed\""},
	};
	for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
		const struct rig_answer *a = ask_xml(*state, cases[i].client, cases[i].body);
		assert_int_equal(a->status, cases[i].status);
		assert_non_null(strstr(a->text, "Content-Type: " MRAS_XML_TYPE "\r\n"));
		assert_non_null(strstr(a->text, "Cache-Control: no-store\r\n"));
		assert_non_null(strstr(a->body, cases[i].phrase));
	}
}

/* ---- TURN REST ---- */

static void turn_rest_is_answered_to_get_and_post(void **state)
{
	struct rig *rig = *state;
	const struct rig_answer *a = rig_ask(rig, RIG_MTLS, RIG_FE,
		"GET /mras/v1/turn?service=turn&username=alice&ttl=600", NULL, NULL, NULL);
	assert_int_equal(a->status, 200);
	assert_non_null(strstr(a->body, ":alice\""));
	assert_non_null(strstr(a->body, "\"ttl\":600"));
	assert_non_null(strstr(a->body, "turn:av.example.com:3478?transport=udp"));
	assert_non_null(strstr(a->text, "Cache-Control: no-store\r\n"));
	a = rig_ask(rig, RIG_MTLS, RIG_FE, "POST /mras/v1/turn",
		"application/x-www-form-urlencoded", NULL,
		"service=turn&username=bob%40example.com&location=internet&key=ignored");
	assert_int_equal(a->status, 200);
	assert_non_null(strstr(a->body, ":bob@example.com\""));
	a = rig_ask(rig, RIG_MTLS, RIG_FE, "POST /mras/v1/turn?service=turn&username=alice", NULL,
		NULL, NULL);
	assert_int_equal(a->status, 200);
}

static void turn_rest_with_wrong_parameters_is_400(void **state)
{
	struct rig *rig = *state;
	static const char *const queries[] = {"", "?service=stun&username=alice", "?username=alice",
		"?service=turn", "?service=turn&username=", "?service=turn&username=alice&ttl=0",
		"?service=turn&username=alice&ttl=-1", "?service=turn&username=alice&ttl=1x",
		"?service=turn&username=alice&ttl=99999999999999999999",
		"?service=turn&username=alice&username=bob", "?service=turn&username=%00",
		"?service=turn&username=alice&location=moon"};
	for (size_t i = 0; i < ARRAY_LEN(queries); i++) {
		char line[160];
		snprintf(line, sizeof(line), "GET /mras/v1/turn%s", queries[i]);
		assert_problem(rig_ask(rig, RIG_MTLS, RIG_FE, line, NULL, NULL, NULL), 400,
			"requestMalformed", NULL);
	}
	assert_problem(rig_ask(rig, RIG_MTLS, RIG_FE, "POST /mras/v1/turn", JSON, NULL, "{}"), 415,
		"unsupportedMediaType", NULL);
	assert_problem(rig_ask(rig, RIG_MTLS, RIG_FE,
			       "GET /mras/v1/turn?service=turn&username=mallory", NULL, NULL, NULL),
		403, "forbidden", NULL);
	assert_problem(rig_ask(rig, RIG_MTLS, RIG_UNLISTED, "GET /mras/v1/turn", NULL, NULL, NULL),
		403, "forbidden", NULL);
}

/* ---- the log ---- */

static void log_joins_request_and_credential_and_has_no_password(void **state)
{
	struct rig *rig = *state;
	char username[AUTH_USERNAME_MAX], password[AUTH_PASSWORD_MAX];
	const struct rig_answer *a = ask_json(rig, RIG_MTLS, RIG_FE,
		"{\"requestId\":\"r 1\\\" x=y\",\"credentials\":[{\"identity\":\"alice\"}]}");
	json_t *root = json_loads(a->body, 0, NULL);
	const json_t *item = json_array_get(json_object_get(root, "credentials"), 0);
	snprintf(username, sizeof(username), "%s",
		json_string_value(json_object_get(item, "username")));
	snprintf(password, sizeof(password), "%s",
		json_string_value(json_object_get(item, "password")));
	json_decref(root);
	(void)rig_ask(rig, RIG_BEARER, RIG_NOBODY, CREDENTIALS, JSON, WITH_TOKEN, BODY);

	char *text = rig_log(rig);
	assert_non_null(strstr(text, "credential issued caller=fe subject="));
	assert_non_null(strstr(text, " jti="));
	assert_non_null(strstr(text, " kid="));
	assert_non_null(strstr(text, "request method=POST path=/mras/v1/credentials status=200 "
				     "caller=fe client=127.0.0.1:"));
	assert_non_null(strstr(text, " id=r_1__x_y granted=1 refused=0"));
	assert_null(strstr(text, password));
	assert_null(strstr(text, RIG_TOKEN));
	assert_null(strstr(text, "alice"));
	free(text);
}

#define WITH_RIG(fn) cmocka_unit_test_setup_teardown(fn, set_up, tear_down)

int main(void)
{
	const struct CMUnitTest t[] = {
		WITH_RIG(listed_name_is_granted),
		WITH_RIG(listed_key_is_granted),
		WITH_RIG(no_certificate_is_refused_in_the_handshake),
		WITH_RIG(certificate_of_another_ca_is_refused_in_the_handshake),
		WITH_RIG(unlisted_name_of_the_right_ca_is_forbidden),
		WITH_RIG(local_socket_may_ask_for_anybody),
		WITH_RIG(admin_server_has_no_credentials),
		WITH_RIG(token_counts_only_where_it_is_switched_on),
		WITH_RIG(missing_or_wrong_token_is_401),
		WITH_RIG(malformed_request_is_a_problem_with_its_id),
		WITH_RIG(other_types_are_415),
		WITH_RIG(large_body_is_413),
		WITH_RIG(used_up_rate_is_503_with_retry_after),
		WITH_RIG(other_method_is_405),
		WITH_RIG(xml_is_answered_in_xml_whatever_the_result),
		WITH_RIG(turn_rest_is_answered_to_get_and_post),
		WITH_RIG(turn_rest_with_wrong_parameters_is_400),
		WITH_RIG(log_joins_request_and_credential_and_has_no_password),
	};
	return cmocka_run_group_tests(t, NULL, NULL) != 0;
}
