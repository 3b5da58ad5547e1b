/* SPDX-License-Identifier: BSD-3-Clause */
/* What those share whom nobody has vouched for, and what they cannot take from others. */
#include "rig.h"

#include <string.h>
#include <unistd.h>

#define OPTIONS "OPTIONS sip:bob@example.com SIP/2.0\r\nContent-Length: 0\r\n\r\n"
#define BURST   32 /* are accepted at once */

static int setup(void **state)
{
	(void)rig_setup(state);
	struct rig *r = *state;
	rig_listen(r, SIP_TCP, NULL);
	r->config.limits.strangers = 8;
	r->config.limits.strangers_per_client = 8;
	r->config.limits.stranger_ms = 60000;
	r->config.limits.stranger_bytes = r->config.limits.buffer_bytes;
	return 0;
}

/* A connection that has sent a message, which is the last that has arrived. */
static int stranger(struct rig *r)
{
	uint64_t n = rig_counted(r, SIP_TRANSPORT_C_RX_TCP);
	int fd = rig_connect(r, 0);

	rig_say(fd, OPTIONS);
	rig_until(r, SIP_TRANSPORT_C_RX_TCP, n + 1);
	return fd;
}

static int friend(struct rig *r)
{
	int fd = stranger(r);

	sip_transport_vouch(r->layer, r->arrival.flow);
	return fd;
}

static void begin_message(struct rig *r, int fd)
{
	uint64_t n = rig_counted(r, SIP_TRANSPORT_C_BUFFERED);
	uint64_t ended = rig_counted(r, SIP_TRANSPORT_C_END_BUFFERS);

	rig_say(fd, "OPTIONS");
	while (rig_counted(r, SIP_TRANSPORT_C_BUFFERED) == n &&
		rig_counted(r, SIP_TRANSPORT_C_END_BUFFERS) == ended)
		rig_turn(r);
}

/* ---- places ---- */

static void of_too_many_the_oldest_ends(void **state)
{
	struct rig *r = *state;
	r->config.limits.strangers = 2;
	rig_start(r);

	int a = stranger(r), b = stranger(r), c = stranger(r);
	rig_hear_end(r, a);

	assert_int_equal(rig_counted(r, SIP_TRANSPORT_C_END_CROWDED), 1);
	assert_int_equal(r->n_closed, 1);
	assert_true(rig_is_quiet(r, b));
	assert_true(rig_is_quiet(r, c));
	close(a);
	close(b);
	close(c);
}

static void who_is_vouched_for_keeps_his_place(void **state)
{
	struct rig *r = *state;
	r->config.limits.strangers = 1;
	rig_start(r);

	int a = friend(r), b = stranger(r), c = stranger(r);
	rig_hear_end(r, b);

	assert_true(rig_is_quiet(r, a));
	rig_say(a, OPTIONS);
	rig_until(r, SIP_TRANSPORT_C_RX_TCP, 4);
	close(a);
	close(b);
	close(c);
}

static void strangers_of_a_client_are_so_many(void **state)
{
	struct rig *r = *state;
	r->config.limits.strangers_per_client = 1;
	rig_start(r);

	int a = stranger(r), b = rig_connect(r, 0);
	rig_hear_end(r, b);
	assert_int_equal(rig_counted(r, SIP_TRANSPORT_C_REFUSED_CLIENT), 1);
	sip_transport_vouch(r->layer, r->arrival.flow);
	int c = stranger(r);

	assert_int_equal(rig_counted(r, SIP_TRANSPORT_C_CONNECTIONS), 2);
	close(a);
	close(b);
	close(c);
}

/* Those who give way are there until the turn ends, so as many more as come in one are. */
static void one_listener_takes_no_places_of_another(void **state)
{
	struct rig *r = *state;
	int fds[2 * BURST];
	rig_listen(r, SIP_TCP, NULL);
	r->config.limits.accepted = 1;
	r->config.limits.dialled = 0;
	r->config.limits.strangers_per_client = r->config.limits.per_client = 2 * BURST;
	rig_start(r);

	for (unsigned i = 0; i < 2 * BURST; i++)
		fds[i] = rig_connect(r, i % 2);
	rig_until(r, SIP_TRANSPORT_C_END_CROWDED, 2 * BURST - 1);

	assert_int_equal(rig_counted(r, SIP_TRANSPORT_C_REFUSED_LIMIT), 0);
	for (unsigned i = 0; i < 2 * BURST; i++)
		close(fds[i]);
}

static void when_all_places_are_taken_a_stranger_gives_way(void **state)
{
	struct rig *r = *state;
	r->config.limits.accepted = 2;
	rig_start(r);

	int a = friend(r), b = stranger(r), c = friend(r);
	rig_hear_end(r, b);
	int d = rig_connect(r, 0);
	rig_hear_end(r, d);

	assert_int_equal(rig_counted(r, SIP_TRANSPORT_C_END_CROWDED), 1);
	assert_int_equal(rig_counted(r, SIP_TRANSPORT_C_REFUSED_LIMIT), 1);
	assert_true(rig_is_quiet(r, a));
	assert_true(rig_is_quiet(r, c));
	close(a);
	close(b);
	close(c);
	close(d);
}

/* ---- time ---- */

static void a_stranger_goes_whatever_he_sends(void **state)
{
	struct rig *r = *state;
	rig_start(r);
	int a = stranger(r), b = friend(r);

	for (int i = 0; i < 5; i++) {
		rig_wait(r, 10000);
		rig_say(a, "\r\n\r\n");
		rig_say(b, "\r\n\r\n");
		rig_hear(r, a, "\r\n");
		rig_hear(r, b, "\r\n");
	}
	rig_wait(r, 10400);
	rig_hear_end(r, a);

	assert_int_equal(rig_counted(r, SIP_TRANSPORT_C_END_STRANGER), 1);
	assert_true(rig_is_quiet(r, b));
	close(a);
	close(b);
}

/* ---- buffers ---- */

static void strangers_leave_room_for_others(void **state)
{
	struct rig *r = *state;
	r->config.limits.buffer_bytes = 4096;
	r->config.limits.stranger_bytes = 2048;
	rig_start(r);
	int a = stranger(r), b = stranger(r), c = stranger(r), d = friend(r);

	begin_message(r, a);
	begin_message(r, b);
	begin_message(r, c);
	rig_hear_end(r, c);
	begin_message(r, d);

	assert_int_equal(rig_counted(r, SIP_TRANSPORT_C_END_BUFFERS), 1);
	assert_int_equal(rig_counted(r, SIP_TRANSPORT_C_BUFFERED), 3072);
	close(a);
	close(b);
	close(c);
	close(d);
}

static void what_a_stranger_holds_is_his_own_when_he_is_none_any_more(void **state)
{
	struct rig *r = *state;
	r->config.limits.stranger_bytes = 1024;
	rig_start(r);
	int a = stranger(r);
	struct sip_flow flow = r->arrival.flow;
	int b = stranger(r);

	begin_message(r, a);
	sip_transport_vouch(r->layer, flow);
	begin_message(r, b);
	close(a);
	rig_until(r, SIP_TRANSPORT_C_END_PEER, 1);

	assert_int_equal(rig_counted(r, SIP_TRANSPORT_C_END_BUFFERS), 0);
	assert_int_equal(rig_counted(r, SIP_TRANSPORT_C_BUFFERED), 1024);
	close(b);
}

static void a_client_has_so_much_at_most(void **state)
{
	struct rig *r = *state;
	r->config.limits.client_bytes = 1024;
	rig_start(r);
	int a = friend(r), b = friend(r);

	begin_message(r, a);
	begin_message(r, b);
	rig_hear_end(r, b);

	assert_int_equal(rig_counted(r, SIP_TRANSPORT_C_END_BUFFERS), 1);
	close(a);
	close(b);
}

/* ---- pings ---- */

static void pings_without_end_end_the_connection(void **state)
{
	struct rig *r = *state;
	rig_start(r);
	int a = friend(r), b = friend(r);

	for (int i = 0; i < 100; i++) {
		rig_say(a, "\r\n\r\n");
		rig_wait(r, 1000);
		rig_hear(r, a, "\r\n");
	}
	for (int i = 0; i < 65; i++)
		rig_say(b, "\r\n\r\n");
	rig_hear_end(r, b);

	assert_int_equal(rig_counted(r, SIP_TRANSPORT_C_END_FLOOD), 1);
	close(a);
	close(b);
}

/* ---- ends ---- */

static void what_was_sent_before_the_end_arrives(void **state)
{
	struct rig *r = *state;
	rig_start(r);
	int a = stranger(r);

	(void)sip_transport_send(r->layer, r->arrival.flow, NULL, rig_bytes("bye"), 0);
	sip_transport_end(r->layer, r->arrival.flow);
	sip_transport_end(r->layer, r->arrival.flow);
	rig_hear(r, a, "bye");
	rig_hear_end(r, a);

	assert_int_equal(rig_counted(r, SIP_TRANSPORT_C_END_OWN), 1);
	assert_int_equal(r->n_closed, 1);
	close(a);
}

int main(void)
{
	const struct CMUnitTest t[] = {
#define TEST(f) cmocka_unit_test_setup_teardown(f, setup, rig_teardown)
		TEST(of_too_many_the_oldest_ends),
		TEST(who_is_vouched_for_keeps_his_place),
		TEST(strangers_of_a_client_are_so_many),
		TEST(one_listener_takes_no_places_of_another),
		TEST(when_all_places_are_taken_a_stranger_gives_way),
		TEST(a_stranger_goes_whatever_he_sends),
		TEST(strangers_leave_room_for_others),
		TEST(what_a_stranger_holds_is_his_own_when_he_is_none_any_more),
		TEST(a_client_has_so_much_at_most),
		TEST(pings_without_end_end_the_connection),
		TEST(what_was_sent_before_the_end_arrives),
	};
	return cmocka_run_group_tests(t, NULL, NULL) != 0;
}
