/* SPDX-License-Identifier: BSD-3-Clause */
/* Which connections of clients are vouched for, and which are ended. */
#include "rig.h"

#define REQUEST(method)                                                                            \
	method " sip:example.net SIP/2.0\n"                                                        \
	       "Via: SIP/2.0/TLS 192.168.1.2:40000;branch=z9hG4bKone\n"                            \
	       "Max-Forwards: 70\n"                                                                \
	       "From: <sip:alice@example.net>;tag=a\n"                                             \
	       "To: <sip:alice@example.net>\n"                                                     \
	       "Call-ID: c1\n"                                                                     \
	       "CSeq: 1 " method "\n"                                                              \
	       "Content-Length: 0\n\n"
#define ANSWER(status, method)                                                                     \
	"SIP/2.0 " status "\n"                                                                     \
	"Via: $1\n"                                                                                \
	"Via: SIP/2.0/TLS 192.168.1.2:40000;branch=z9hG4bKone\n"                                   \
	"From: <sip:alice@example.net>;tag=a\n"                                                    \
	"To: <sip:alice@example.net>;tag=b\n"                                                      \
	"Call-ID: c1\n"                                                                            \
	"CSeq: 1 " method "\n"                                                                     \
	"Content-Length: 0\n\n"

static uint64_t vouched_by(struct rig *r, const char *request, const char *answer)
{
	char text[SIP_MSG_MAX], via[4096];

	r->vouched_flow = 0;
	from_client(r, CLIENT, request);
	header_of(r->inside, "Via", via);
	from_inside(r, filled(text, answer, via, ""));
	assert_int_equal(r->outside_flow, CLIENT);
	return r->vouched_flow;
}

static void who_is_refused_or_only_asks_stays_a_stranger(void **state)
{
	struct rig *r = *state;

	assert_int_equal(vouched_by(r, REQUEST("REGISTER"), ANSWER("401 No", "REGISTER")), 0);
	assert_int_equal(vouched_by(r, REQUEST("OPTIONS"), ANSWER("200 OK", "OPTIONS")), 0);
	assert_int_equal(vouched_by(r, REQUEST("INVITE"), ANSWER("100 Trying", "INVITE")), 0);
	assert_int_equal(vouched_by(r, REQUEST("INVITE"), ANSWER("302 Moved", "INVITE")), 0);
}

static void who_is_taken_in_is_vouched_for_once(void **state)
{
	struct rig *r = *state;

	assert_int_equal(vouched_by(r, REQUEST("INVITE"), ANSWER("180 Ringing", "INVITE")), CLIENT);
	assert_int_equal(vouched_by(r, REQUEST("REGISTER"), ANSWER("200 OK", "REGISTER")), 0);
}

static void who_registers_is_vouched_for(void **state)
{
	struct rig *r = *state;

	assert_int_equal(vouched_by(r, REQUEST("REGISTER"), ANSWER("200 OK", "REGISTER")), CLIENT);
}

static void requests_above_the_rate_end_the_connection(void **state)
{
	struct rig *r = *state;

	r->rules.stranger_rate = 5;
	for (unsigned i = 0; i < 5 + 64; i++)
		from_client(r, CLIENT, REQUEST("REGISTER"));
	assert_has(r->outside, "SIP/2.0 503 ");
	assert_int_equal(r->ended_flow, 0);
	from_client(r, CLIENT, REQUEST("REGISTER"));

	assert_has(r->outside, "SIP/2.0 503 ");
	assert_int_equal(r->ended_flow, CLIENT);
	assert_int_equal(counted(r, ACCESS_C_ENDED), 1);
}

/* A neighbour takes the rate of the network; who asks slowly is refused and stays. */
static void who_asks_slowly_is_only_refused(void **state)
{
	struct rig *r = *state;

	r->rules.stranger_rate = 1;
	for (unsigned i = 0; i < 200; i++) {
		for (unsigned k = 0; k < 8; k++)
			from_client(r, NEIGHBOUR, REQUEST("REGISTER"));
		from_client(r, CLIENT, REQUEST("REGISTER"));
		assert_has(r->outside, "SIP/2.0 503 ");
		r->clock.mono_ms += 1000;
		assert_int_not_equal(r->ended_flow, CLIENT);
	}
}

static void what_means_nothing_ends_the_connection(void **state)
{
	struct rig *r = *state;

	for (unsigned i = 0; i < 64; i++)
		from_client(r, CLIENT, "REGISTER sip:example.net SIP/2.0\nContent-Length: 0\n\n");
	assert_int_equal(r->ended_flow, 0);
	from_client(r, CLIENT, "REGISTER sip:example.net SIP/2.0\nContent-Length: 0\n\n");
	assert_int_equal(r->ended_flow, CLIENT);
}

static void answers_that_nobody_has_asked_for_end_the_connection(void **state)
{
	struct rig *r = *state;
	char text[SIP_MSG_MAX];

	filled(text, ANSWER("200 OK", "INVITE"), "SIP/2.0/TLS " EDGE ":5061;branch=z9hG4bKx", "");
	for (unsigned i = 0; i < 65; i++)
		from_client(r, CLIENT, text);
	assert_int_equal(r->ended_flow, CLIENT);
	assert_int_equal(counted(r, ACCESS_C_DROPPED_RESPONSE), 65);
}

#define UNIT(name) cmocka_unit_test_setup_teardown(name, rig_setup, rig_teardown)

int main(void)
{
	const struct CMUnitTest t[] = {
		UNIT(who_is_refused_or_only_asks_stays_a_stranger),
		UNIT(who_is_taken_in_is_vouched_for_once),
		UNIT(who_registers_is_vouched_for),
		UNIT(requests_above_the_rate_end_the_connection),
		UNIT(who_asks_slowly_is_only_refused),
		UNIT(what_means_nothing_ends_the_connection),
		UNIT(answers_that_nobody_has_asked_for_end_the_connection),
	};
	return cmocka_run_group_tests(t, NULL, NULL) != 0;
}
