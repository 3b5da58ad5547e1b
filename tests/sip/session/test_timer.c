/* SPDX-License-Identifier: BSD-3-Clause */
/* Session timers, RFC 4028: who asks for what, who refreshes and when it is over. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>
#include "message.h"

#define TIMER "Supported: timer\r\n"

static char buf[256];

static const char *asked_for(const struct sip_session_timer *t)
{
	struct sip_writer w;
	sip_write_begin(&w, buf, sizeof(buf) - 1);
	sip_session_write_request(t, &w);
	assert_false(w.failed);
	buf[w.len] = 0;
	return buf;
}

static const char *answered(struct sip_session_timer *t, const char *fields, uint64_t now_ms)
{
	struct sip_session_asked asked = sip_session_read(request(fields));
	struct sip_writer w;
	sip_write_begin(&w, buf, sizeof(buf) - 1);
	sip_session_answer(t, &asked, now_ms, &w);
	assert_false(w.failed);
	buf[w.len] = 0;
	return buf;
}

static void first_request_asks_without_naming_a_refresher(void **state)
{
	struct sip_session_timer t = {.rules = {1800, 90}};
	assert_string_equal(asked_for(&t), "Session-Expires: 1800\r\n");
	t.rules.min_s = 120;
	assert_string_equal(asked_for(&t), "Session-Expires: 1800\r\nMin-SE: 120\r\n");
	t.rules = (struct sip_session_rules){0, 0};
	assert_string_equal(asked_for(&t), "");
	t.rules = (struct sip_session_rules){60, 0};
	assert_string_equal(asked_for(&t), "Session-Expires: 90\r\n");
}

/* §7.4: with a timer running, the one that refreshes is named from the sender's side. */
static void later_requests_keep_interval_and_refresher(void **state)
{
	struct sip_session_timer t = {.rules = {1800, 90}};
	sip_session_confirmed(&t, response("200", "Session-Expires: 600;refresher=uac\r\n"), 0);
	assert_string_equal(asked_for(&t), "Session-Expires: 600;refresher=uac\r\n");
	sip_session_confirmed(&t, response("200", "Session-Expires: 600;refresher=uas\r\n"), 0);
	assert_string_equal(asked_for(&t), "Session-Expires: 600;refresher=uas\r\n");
}

/* §7.2 */
static void answer_without_session_expires_ends_the_timer(void **state)
{
	struct sip_session_timer t = {.rules = {1800, 90}};
	sip_session_confirmed(&t, response("200", "Session-Expires: 600;refresher=uac\r\n"), 5);
	assert_int_equal(t.interval_s, 600);
	assert_true(t.is_refresher);
	assert_int_equal(t.begun_ms, 5);
	sip_session_confirmed(&t, response("200", ""), 6);
	assert_int_equal(t.interval_s, 0);
	sip_session_confirmed(&t, response("200", "x: 1\r\n"), 6);
	assert_int_equal(t.interval_s, 90);
}

/* §7.3: the next request asks for as much as the 422 wants; a 422 that wants less is the last. */
static void min_se_of_a_422_is_asked_for_and_remembered(void **state)
{
	struct sip_session_timer t = {.rules = {180, 90}};
	assert_true(sip_session_too_small(&t, response("422", "Min-SE: 3600\r\n")));
	assert_string_equal(asked_for(&t), "Session-Expires: 3600\r\nMin-SE: 3600\r\n");
	assert_false(sip_session_too_small(&t, response("422", "Min-SE: 3600\r\n")));
	assert_true(sip_session_too_small(&t, response("422", "Min-SE: 4000\r\n")));
	assert_string_equal(asked_for(&t), "Session-Expires: 4000\r\nMin-SE: 4000\r\n");
	assert_false(sip_session_too_small(&t, response("422", "Min-SE: 90\r\n")));
	assert_false(sip_session_too_small(&t, response("422", "")));
	assert_false(sip_session_too_small(&t, response("422", "Min-SE: x\r\n")));
}

/* §9: only a client that knows of timers can be told. */
static void too_short_an_interval_gets_422(void **state)
{
	struct sip_session_timer t = {.rules = {1800, 300}};
	struct sip_writer w;
	assert_true(sip_session_wants_422(&t, request(TIMER "Session-Expires: 299\r\n")));
	assert_false(sip_session_wants_422(&t, request(TIMER "x: 300\r\n")));
	assert_false(sip_session_wants_422(&t, request("Session-Expires: 299\r\n")));
	assert_false(sip_session_wants_422(&t, request(TIMER)));
	sip_write_begin(&w, buf, sizeof(buf));
	sip_session_write_min(&t, &w);
	assert_int_equal(w.len, strlen("Min-SE: 300\r\n"));
	assert_memory_equal(buf, "Min-SE: 300\r\n", w.len);
}

/* §9, table 2 and the rules for the interval. */
static void answer_is_what_the_table_says(void **state)
{
	static const struct {
		uint32_t wanted, min;
		const char *fields, *answer;
		bool is_refresher;
	} rows[] = {
		{1800, 90, TIMER, "Session-Expires: 1800;refresher=uac\r\nRequire: timer\r\n",
			false},
		{1800, 90, "", "Session-Expires: 1800;refresher=uas\r\n", true},
		{0, 90, TIMER, "", false},
		{0, 90, TIMER "x: 500;refresher=uas\r\n",
			"Session-Expires: 500;refresher=uas\r\nRequire: timer\r\n", true},
		{0, 90, TIMER "x: 500;refresher=uac\r\n",
			"Session-Expires: 500;refresher=uac\r\nRequire: timer\r\n", false},
		{1800, 90, TIMER "x: 500\r\n",
			"Session-Expires: 500;refresher=uac\r\nRequire: timer\r\n", false},
		{200, 90, TIMER "x: 500\r\n",
			"Session-Expires: 200;refresher=uac\r\nRequire: timer\r\n", false},
		{200, 90, TIMER "x: 500\r\nMin-SE: 400\r\n",
			"Session-Expires: 400;refresher=uac\r\nRequire: timer\r\n", false},
		/* Asked for by a proxy: it may be short, and the client cannot refresh. */
		{1800, 300, "x: 100\r\n", "Session-Expires: 100;refresher=uas\r\n", true},
		{1800, 90, "x: 10\r\n", "Session-Expires: 90;refresher=uas\r\n", true},
	};
	for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
		struct sip_session_timer t = {.rules = {rows[i].wanted, rows[i].min}};
		assert_string_equal(answered(&t, rows[i].fields, 1), rows[i].answer);
		if (t.interval_s != 0)
			assert_int_equal(t.is_refresher, rows[i].is_refresher);
	}
}

/* §10 */
static void refresher_refreshes_at_half_and_ends_before_the_end(void **state)
{
	struct sip_session_timer t = {.interval_s = 1800, .is_refresher = true, .begun_ms = 1000};
	uint64_t due;
	assert_int_equal(sip_session_act(&t, 1000, &due), SIP_SESSION_WAIT);
	assert_int_equal(due, 901000);
	assert_int_equal(sip_session_act(&t, 900999, &due), SIP_SESSION_WAIT);
	assert_int_equal(sip_session_act(&t, 901000, &due), SIP_SESSION_REFRESH);
	assert_int_equal(due, 1769000);
	assert_int_equal(sip_session_act(&t, 1769000, &due), SIP_SESSION_END);
	assert_int_equal(due, UINT64_MAX);
}

static void other_side_waits_for_the_refresh(void **state)
{
	struct sip_session_timer t = {.interval_s = 90, .begun_ms = 0};
	uint64_t due;
	assert_int_equal(sip_session_act(&t, 45000, &due), SIP_SESSION_WAIT);
	assert_int_equal(due, 60000); /* a third before, which is less than 32 s */
	assert_int_equal(sip_session_act(&t, 59999, &due), SIP_SESSION_WAIT);
	assert_int_equal(sip_session_act(&t, 60000, &due), SIP_SESSION_END);
}

static void no_timer_is_never_due(void **state)
{
	struct sip_session_timer t = {.interval_s = 0};
	uint64_t due;
	assert_int_equal(sip_session_act(&t, UINT64_MAX, &due), SIP_SESSION_WAIT);
	assert_int_equal(due, UINT64_MAX);
}

int main(void)
{
	const struct CMUnitTest t[] = {
		cmocka_unit_test(first_request_asks_without_naming_a_refresher),
		cmocka_unit_test(later_requests_keep_interval_and_refresher),
		cmocka_unit_test(answer_without_session_expires_ends_the_timer),
		cmocka_unit_test(min_se_of_a_422_is_asked_for_and_remembered),
		cmocka_unit_test(too_short_an_interval_gets_422),
		cmocka_unit_test(answer_is_what_the_table_says),
		cmocka_unit_test(refresher_refreshes_at_half_and_ends_before_the_end),
		cmocka_unit_test(other_side_waits_for_the_refresh),
		cmocka_unit_test(no_timer_is_never_due),
	};
	return cmocka_run_group_tests(t, NULL, NULL) != 0;
}
