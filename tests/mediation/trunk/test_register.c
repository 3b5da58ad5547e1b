/* SPDX-License-Identifier: BSD-3-Clause */
/* Registration with a provider: digest, refresh, failures, the end. */
#include "yard.h"

static const struct trunk_registration account = {
	.domain = "example.net", .user = "4711", .account = {"4711", "secret"}, .expires_s = 600};

#define CHALLENGE(nonce)                                                                           \
	"WWW-Authenticate: Digest realm=\"example.net\", nonce=\"" nonce "\", qop=\"auth\"\n"
#define BOUND "Contact: <sip:4711@192.0.2.1:5060>;expires=600\n"

static struct yard *started(void)
{
	struct yard *y = yard_create(1);

	y->config[0].sends_options = false;
	y->config[0].registration = &account;
	yard_start(y);
	return y;
}

static struct yard *registered(void)
{
	struct yard *y = started();
	unsigned n = yard_await(y, 3000);

	yard_answer(y, n, 401, CHALLENGE("n1"));
	yard_answer(y, n + 1, 200, BOUND);
	assert_int_equal(yard_count(y, 0, TRUNK_C_REGISTERED), 1);
	return y;
}

/* Is the Authorization of the I-th message the right one? */
static bool is_right(const struct yard *y, unsigned i, const char *method)
{
	const char *line = strstr(y->sent[i].text, "Authorization: ");
	char secret[SIP_DIGEST_HEX];
	struct sip_auth a;

	assert_non_null(line);
	line += strlen("Authorization: ");
	assert_int_equal(sip_auth_decode(sip_str_of(line, strcspn(line, "\r")), &a), 0);
	sip_digest_secret(a.algorithm, sip_str_c("4711"), a.realm, sip_str_c("secret"), secret);
	return sip_str_is(a.uri, "sip:example.net") &&
	       sip_digest_check(&a, secret, sip_str_c(method), SIP_NONE);
}

/* RFC 3261 §10.2 */
static void register_has_its_fields(void **state)
{
	struct yard *y = started();
	unsigned n = yard_await(y, 3000);

	assert_true(yard_begins(y, n, "REGISTER sip:example.net SIP/2.0\r\n"));
	assert_true(yard_has(y, n, "From: <sip:4711@example.net>;tag="));
	assert_true(yard_has(y, n, "To: <sip:4711@example.net>\r\n"));
	assert_true(yard_has(y, n, "Contact: <sip:4711@192.0.2.1:5060>\r\n"));
	assert_true(yard_has(y, n, "Expires: 600\r\n"));
	assert_true(yard_has(y, n, "CSeq: 1 REGISTER\r\n"));
	assert_false(yard_has(y, n, "Authorization"));
	assert_int_equal(trunks_state(y->trunks, 0), POLICY_TRUNK_DEMOTED);
	assert_int_equal(yard_count(y, 0, TRUNK_C_WHY), TRUNK_UNREGISTERED);
	yard_destroy(y);
}

static void challenge_is_answered_with_the_next_number(void **state)
{
	struct yard *y = started();
	unsigned n = yard_await(y, 3000);

	yard_answer(y, n, 401, CHALLENGE("n1"));
	assert_int_equal(y->n_sent, n + 2);
	assert_true(is_right(y, n + 1, "REGISTER"));
	assert_true(yard_has(y, n + 1, "CSeq: 2 REGISTER\r\n"));
	yard_answer(y, n + 1, 200, BOUND);

	assert_int_equal(trunks_state(y->trunks, 0), POLICY_TRUNK_UP);
	assert_int_equal(yard_count(y, 0, TRUNK_C_REGISTRATIONS_OK), 1);
	assert_null(strstr(y->sent[n + 1].text, "secret"));
	yard_destroy(y);
}

static void refresh_comes_at_half_time_with_credentials(void **state)
{
	struct yard *y = registered();
	uint64_t then = y->clock.mono_ms;

	unsigned n = yard_await(y, 600000);
	assert_in_range(y->sent[n].at_ms - then, 300000, 376000);
	assert_true(is_right(y, n, "REGISTER"));
	assert_non_null(strstr(y->sent[n].text, "nc=00000002"));
	yard_answer(y, n, 200, BOUND);

	assert_int_equal(yard_count(y, 0, TRUNK_C_REGISTRATIONS_OK), 2);
	yard_destroy(y);
}

/* RFC 3261 §10.3: what has no time left is no binding, whatever the status. */
static void binding_of_no_time_is_a_failure(void **state)
{
	struct yard *y = started();
	unsigned n = yard_await(y, 3000);

	yard_answer(y, n, 200, "Contact: <sip:4711@192.0.2.1:5060>;expires=0\n");
	assert_int_equal(yard_count(y, 0, TRUNK_C_REGISTERED), 0);
	assert_int_equal(yard_count(y, 0, TRUNK_C_WHY), TRUNK_UNREGISTERED);
	assert_int_equal(yard_count(y, 0, TRUNK_C_REGISTRATIONS_FAILED), 1);
	yard_pass(y, 14000);

	assert_int_equal(y->n_sent, n + 1);
	yard_destroy(y);
}

static void binding_that_is_taken_away_is_none(void **state)
{
	struct yard *y = registered();
	unsigned n = yard_await(y, 600000);

	yard_answer(y, n, 200, "Expires: 0\n");

	assert_int_equal(yard_count(y, 0, TRUNK_C_REGISTERED), 0);
	assert_int_equal(trunks_state(y->trunks, 0), POLICY_TRUNK_DEMOTED);
	yard_pass(y, 14000);
	assert_int_equal(y->n_sent, n + 1);
	yard_destroy(y);
}

static void stale_nonce_is_no_failure(void **state)
{
	struct yard *y = registered();
	unsigned n = yard_await(y, 600000);

	yard_answer(y, n, 401,
		"WWW-Authenticate: Digest realm=\"example.net\", nonce=\"n2\", qop=\"auth\", "
		"stale=true\n");
	assert_true(is_right(y, n + 1, "REGISTER"));
	yard_answer(y, n + 1, 200, BOUND);

	assert_int_equal(yard_count(y, 0, TRUNK_C_REGISTRATIONS_FAILED), 0);
	yard_destroy(y);
}

static void wrong_password_waits(void **state)
{
	struct yard *y = started();
	unsigned n = yard_await(y, 3000);

	yard_answer(y, n, 401, CHALLENGE("n1"));
	yard_answer(y, n + 1, 401, CHALLENGE("n1"));
	assert_int_equal(y->n_sent, n + 2);
	assert_int_equal(yard_count(y, 0, TRUNK_C_REGISTRATIONS_FAILED), 1);
	yard_pass(y, 14000);

	assert_int_equal(y->n_sent, n + 2);
	yard_destroy(y);
}

/* One that asks anew each time must not keep us busy. */
static void challenges_without_end_are_a_failure(void **state)
{
	struct yard *y = started();
	unsigned first = yard_await(y, 3000), n = first;

	for (char nonce = 'a'; n < y->n_sent && nonce < 'z'; nonce++, n++) {
		char challenge[128];
		snprintf(challenge, sizeof(challenge),
			"WWW-Authenticate: Digest realm=\"r\", nonce=\"%c\"\n", nonce);
		yard_answer(y, n, 401, challenge);
	}

	assert_int_equal(y->n_sent - first, 1 + SIP_AUTH_TRIES);
	assert_int_equal(yard_count(y, 0, TRUNK_C_REGISTRATIONS_FAILED), 1);
	yard_destroy(y);
}

/* RFC 3261 §10.2.8 */
static void interval_too_brief_is_made_longer(void **state)
{
	struct yard *y = started();
	unsigned n = yard_await(y, 3000);

	yard_answer(y, n, 423, "Min-Expires: 1800\n");
	assert_true(yard_has(y, n + 1, "Expires: 1800\r\n"));
	yard_answer(y, n + 1, 200, "Contact: <sip:4711@192.0.2.1:5060>\nExpires: 1800\n");
	uint64_t then = y->clock.mono_ms;
	unsigned next = yard_await(y, 1800000);

	assert_in_range(y->sent[next].at_ms - then, 900000, 1126000);
	yard_destroy(y);
}

static void absurd_interval_is_not_asked_for(void **state)
{
	struct yard *y = started();
	unsigned n = yard_await(y, 3000);

	yard_answer(y, n, 423, "Min-Expires: 4000000000\n");

	assert_int_equal(y->n_sent, n + 1);
	yard_destroy(y);
}

/* Other Contacts of the account are there too, each with its own time. */
static void our_own_contact_counts(void **state)
{
	struct yard *y = started();
	unsigned n = yard_await(y, 3000);

	yard_answer(y, n, 200,
		"Contact: <sip:4711@198.51.100.1>;expires=30, "
		"<sip:4711@192.0.2.1:5060>;expires=400\n");
	uint64_t then = y->clock.mono_ms;
	unsigned next = yard_await(y, 400000);

	assert_in_range(y->sent[next].at_ms - then, 200000, 251000);
	yard_destroy(y);
}

/* RFC 5626 §4.5: longer each time, never all at once, never never. */
static void failures_wait_longer_each_time(void **state)
{
	struct yard *y = started();
	uint64_t waits[10];
	unsigned n = yard_await(y, 3000);

	for (unsigned i = 0; i < ARRAY_LEN(waits); i++) {
		uint64_t then = y->clock.mono_ms;
		yard_answer(y, n, 500, "");
		n = yard_await(y, 2000000);
		waits[i] = y->sent[n].at_ms - then;
	}

	assert_in_range(waits[0], 15000, 30100);
	assert_in_range(waits[1], 30000, 60100);
	assert_in_range(waits[2], 60000, 120100);
	assert_in_range(waits[9], 900000, 1800100);
	yard_destroy(y);
}

static void retry_after_is_kept(void **state)
{
	struct yard *y = started();
	unsigned n = yard_await(y, 3000);

	yard_answer(y, n, 503, "Retry-After: 300\n");
	uint64_t then = y->clock.mono_ms;
	unsigned next = yard_await(y, 400000);

	assert_in_range(y->sent[next].at_ms - then, 300000, 300200);
	yard_destroy(y);
}

static void next_address_is_tried_at_once(void **state)
{
	struct yard *y = yard_create(1);
	y->config[0].sends_options = false;
	y->config[0].registration = &account;
	yard_host(y, 0, "sip.example.net", 5060);
	yard_address(y, "192.0.2.20", 3000);
	yard_address(y, "192.0.2.21", 3000);
	yard_start(y);

	unsigned n = yard_await(y, 5000);
	yard_answer(y, n, 500, "");
	unsigned next = yard_await(y, 1000);

	assert_false(addr_equal(&y->sent[n].to.remote, &y->sent[next].to.remote));
	yard_answer(y, next, 200, BOUND);
	assert_int_equal(yard_count(y, 0, TRUNK_C_REGISTRATIONS_FAILED), 0);
	yard_destroy(y);
}

static void registration_lapses_when_refreshes_fail(void **state)
{
	struct yard *y = registered();

	for (unsigned i = 0; i < 3; i++)
		yard_answer(y, yard_await(y, 600000), 500, "");
	yard_pass(y, 600000);

	assert_int_equal(yard_count(y, 0, TRUNK_C_REGISTERED), 0);
	assert_int_equal(trunks_state(y->trunks, 0), POLICY_TRUNK_DEMOTED);
	yard_destroy(y);
}

/* RFC 3608 §6.1 */
static void service_route_is_kept(void **state)
{
	struct yard *y = started();
	unsigned n = yard_await(y, 3000);

	yard_answer(y, n, 200,
		BOUND "Service-Route: <sip:a.example.net;lr>\n"
		      "Service-Route: <sip:b.example.net;lr>\n");

	struct sip_str route = trunks_service_route(y->trunks, 0);
	assert_true(sip_str_is(route, "<sip:a.example.net;lr>, <sip:b.example.net;lr>"));
	yard_destroy(y);
}

/* RFC 3261 §12.2.1.1: one that rewrites the Request-URI is none to begin with. */
static void service_route_with_a_strict_router_is_none(void **state)
{
	struct yard *y = started();
	unsigned n = yard_await(y, 3000);

	yard_answer(
		y, n, 200, BOUND "Service-Route: <sip:a.example.net;lr>, <sip:b.example.net>\n");

	assert_int_equal(yard_count(y, 0, TRUNK_C_REGISTERED), 1);
	assert_null(trunks_service_route(y->trunks, 0).at);
	yard_destroy(y);
}

static void service_route_ends_with_the_registration(void **state)
{
	struct yard *y = started();
	unsigned n = yard_await(y, 3000);

	yard_answer(y, n, 200, BOUND "Service-Route: <sip:a.example.net;lr>\n");
	n = yard_await(y, 600000);
	assert_non_null(trunks_service_route(y->trunks, 0).at);
	yard_answer(y, n, 200, "Expires: 0\n");

	assert_null(trunks_service_route(y->trunks, 0).at);
	yard_destroy(y);
}

static void on_stopped(void *arg)
{
	((struct yard *)arg)->n_stopped++;
}

/* RFC 3261 §10.2.2 */
static void end_takes_the_registration_back(void **state)
{
	struct yard *y = registered();
	unsigned n = y->n_sent;

	assert_true(trunks_stop(y->trunks, on_stopped, y));
	assert_int_equal(y->n_sent, n + 1);
	assert_true(yard_has(y, n, "Expires: 0\r\n"));
	assert_true(is_right(y, n, "REGISTER"));
	yard_answer(y, n, 200, "");
	assert_int_equal(y->n_stopped, 0);
	yard_pass(y, 200);

	assert_int_equal(y->n_stopped, 1);
	assert_int_equal(trunks_state(y->trunks, 0), POLICY_TRUNK_OFF);
	yard_destroy(y);
}

static void end_does_not_wait_for_ever(void **state)
{
	struct yard *y = registered();

	assert_true(trunks_stop(y->trunks, on_stopped, y));
	yard_pass(y, 1900);
	assert_int_equal(y->n_stopped, 0);
	yard_pass(y, 300);

	assert_int_equal(y->n_stopped, 1);
	yard_destroy(y);
}

static void end_without_registration_is_at_once(void **state)
{
	struct yard *y = started();

	assert_false(trunks_stop(y->trunks, on_stopped, y));
	yard_pass(y, 5000);

	assert_int_equal(y->n_stopped, 0);
	assert_int_equal(y->n_sent, 0);
	yard_destroy(y);
}

int main(void)
{
	const struct CMUnitTest t[] = {
		cmocka_unit_test(register_has_its_fields),
		cmocka_unit_test(challenge_is_answered_with_the_next_number),
		cmocka_unit_test(refresh_comes_at_half_time_with_credentials),
		cmocka_unit_test(binding_of_no_time_is_a_failure),
		cmocka_unit_test(binding_that_is_taken_away_is_none),
		cmocka_unit_test(stale_nonce_is_no_failure),
		cmocka_unit_test(wrong_password_waits),
		cmocka_unit_test(challenges_without_end_are_a_failure),
		cmocka_unit_test(interval_too_brief_is_made_longer),
		cmocka_unit_test(absurd_interval_is_not_asked_for),
		cmocka_unit_test(our_own_contact_counts),
		cmocka_unit_test(failures_wait_longer_each_time),
		cmocka_unit_test(retry_after_is_kept),
		cmocka_unit_test(next_address_is_tried_at_once),
		cmocka_unit_test(registration_lapses_when_refreshes_fail),
		cmocka_unit_test(service_route_is_kept),
		cmocka_unit_test(service_route_with_a_strict_router_is_none),
		cmocka_unit_test(service_route_ends_with_the_registration),
		cmocka_unit_test(end_takes_the_registration_back),
		cmocka_unit_test(end_does_not_wait_for_ever),
		cmocka_unit_test(end_without_registration_is_at_once),
	};
	return cmocka_run_group_tests(t, NULL, NULL) != 0;
}
