/* SPDX-License-Identifier: BSD-3-Clause */
/* Call detail records: what is in their lines, and what becomes of lines that have no room. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cmocka.h>
#include <jansson.h>

#include "../../../src/daemon/call/records.h"
#include "../../../src/daemon/counters.h"

#define WALL_MS 1799971200250ULL /* 2027-01-15T00:00:00.250Z */

struct fixture {
	char dir[64], path[96], moved[96];
	struct clock clock;
	metrics_cell cells[DAEMON_C_COUNT];
	struct call_records *records;
};

static void make(struct fixture *f, const char *path)
{
	char why[256];

	f->records = call_records_create(path, &f->clock, f->cells);
	assert_non_null(f->records);
	assert_int_equal(call_records_open(f->records, why, sizeof(why)), 0);
}

static int setup(void **state)
{
	struct fixture *f = calloc(1, sizeof(*f));

	assert_non_null(f);
	snprintf(f->dir, sizeof(f->dir), "/tmp/sallyport-test-XXXXXX");
	assert_non_null(mkdtemp(f->dir));
	snprintf(f->path, sizeof(f->path), "%s/calls.jsonl", f->dir);
	snprintf(f->moved, sizeof(f->moved), "%s/calls.jsonl.1", f->dir);
	f->clock.mono_ms = 5000;
	*state = f;
	return 0;
}

static int teardown(void **state)
{
	struct fixture *f = *state;

	call_records_destroy(f->records);
	(void)unlink(f->path);
	(void)unlink(f->moved);
	(void)rmdir(f->dir);
	free(f);
	return 0;
}

static struct call_record *begin(struct fixture *f, const char *id)
{
	return call_records_begin(f->records, WALL_MS, sip_str_c(id), "inside", bytes_str("2001"),
		bytes_str("5550123"));
}

static void try(struct call_record *r, const char *trunk)
{
	struct policy_numbers n = {.called = {"+14255550123", 12}, .calling = {"+14255552001", 12}};

	call_record_tried(r, trunk, &n);
}

/* Line N of the file, which has lines of JSON alone. */
static json_t *line(const char *path, unsigned n)
{
	char text[4096] = "";
	FILE *in = fopen(path, "r");

	assert_non_null(in);
	for (unsigned i = 0; i <= n; i++)
		assert_non_null(fgets(text, sizeof(text), in));
	fclose(in);
	assert_int_equal(text[strlen(text) - 1], '\n');
	json_t *j = json_loads(text, JSON_REJECT_DUPLICATES, NULL);
	assert_non_null(j);
	return j;
}

static void is_text(const json_t *o, const char *name, const char *text)
{
	assert_string_equal(json_string_value(json_object_get(o, name)), text);
}

static void is_number(const json_t *o, const char *name, json_int_t n)
{
	assert_true(json_is_integer(json_object_get(o, name)));
	assert_int_equal(json_integer_value(json_object_get(o, name)), n);
}

static void is_null(const json_t *o, const char *name)
{
	assert_true(json_is_null(json_object_get(o, name)));
}

/* ---- what is in a line ---- */

static void answered_call_says_what_it_was(void **state)
{
	struct fixture *f = *state;
	struct anchor_leg legs[ANCHOR_SIDES] = {
		{.has_agreed = true,
			.has_stats = true,
			.has_srtp = true,
			.suite = SRTP_AES_CM_128_HMAC_SHA1_80,
			.codec = "PCMA",
			.stats = {.rx_packets = 100, .tx_octets = 16000, .rx_lost = 2}},
		{.has_agreed = true,
			.has_stats = true,
			.codec = "PCMU",
			.stats = {.round_trip_ms = 30}},
	};
	struct call_record *r;

	make(f, f->path);
	assert_int_equal(addr_parse("192.0.2.7", 4000, &legs[ANCHOR_CALLEE].remote), 0);
	r = begin(f, "a@b");
	try(r, "gw1");
	call_record_cause(r, 34);
	try(r, "gw2");
	f->clock.mono_ms += 2000;
	call_record_told(r, 200, NULL, sip_str_c("0123"));
	f->clock.mono_ms += 61500;
	call_record_over(r, CALL_END_CALLEE);
	assert_true(call_record_waits(r));
	f->clock.mono_ms += 5000;
	call_record_write(r, legs);

	json_t *o = line(f->path, 0), *side = json_object_get(o, "callee");
	is_text(o, "id", "a@b");
	is_text(o, "callee_id", "0123");
	is_text(o, "start", "2027-01-15T00:00:00.250Z");
	is_text(o, "answer", "2027-01-15T00:00:02.250Z");
	is_text(o, "end", "2027-01-15T00:01:03.750Z");
	is_number(o, "duration_ms", 61500);
	is_text(o, "cause", "callee");
	is_number(o, "status", 200);
	is_null(o, "why");
	is_null(o, "q850"); /* the first attempt's is not the call's */
	is_number(o, "attempts", 2);
	assert_int_equal(json_array_size(json_object_get(o, "tried")), 2);
	is_text(side, "trunk", "gw2");
	is_text(side, "asked", "5550123");
	is_text(side, "sent", "+14255550123");
	side = json_object_get(side, "media");
	is_text(side, "codec", "PCMU");
	is_null(side, "srtp");
	is_text(side, "remote", "192.0.2.7:4000");
	is_number(side, "round_trip_ms", 30);
	side = json_object_get(o, "caller");
	is_text(side, "trunk", "inside");
	is_text(side, "asked", "2001");
	is_text(side, "sent", "+14255552001");
	side = json_object_get(side, "media");
	is_text(side, "srtp", "AES_CM_128_HMAC_SHA1_80");
	is_number(side, "rx_packets", 100);
	is_number(side, "rx_lost", 2);
	is_number(side, "tx_octets", 16000);
	is_null(side, "round_trip_ms");
	json_decref(o);
	assert_int_equal(f->cells[DAEMON_C_CALL_RECORDS], 1);
}

static void refused_call_has_a_line_too(void **state)
{
	struct fixture *f = *state;
	struct call_record *r;

	make(f, f->path);
	r = begin(f, "a@b");
	call_record_told(r, 404, "no_route", SIP_NONE);
	call_record_cause(r, 1);
	call_record_over(r, CALL_END_FAILED);
	call_record_write(r, NULL);

	json_t *o = line(f->path, 0);
	is_null(o, "callee_id");
	is_null(o, "answer");
	is_null(o, "duration_ms");
	is_text(o, "cause", "failed");
	is_number(o, "status", 404);
	is_text(o, "why", "no_route");
	is_number(o, "q850", 1);
	is_number(o, "attempts", 0);
	is_null(json_object_get(o, "callee"), "trunk");
	is_null(json_object_get(o, "callee"), "media");
	json_decref(o);
}

static void figures_that_did_not_come_are_not_zero(void **state)
{
	struct fixture *f = *state;
	const struct anchor_leg legs[ANCHOR_SIDES] = {{.has_agreed = true, .codec = "PCMA"}};
	struct call_record *r;

	make(f, f->path);
	r = begin(f, "a@b");
	call_record_over(r, CALL_END_LOST);
	call_record_write(r, legs);

	json_t *o = line(f->path, 0), *media;
	media = json_object_get(json_object_get(o, "caller"), "media");
	is_text(media, "codec", "PCMA");
	is_null(media, "rx_packets");
	is_null(media, "far_lost");
	is_null(json_object_get(o, "callee"), "media");
	json_decref(o);
}

static void strangers_bytes_stay_within_their_string(void **state)
{
	struct fixture *f = *state;
	char long_id[1000];
	struct call_record *r;

	make(f, f->path);
	memset(long_id, '\xff', sizeof(long_id));
	r = call_records_begin(f->records, WALL_MS, sip_str_of(long_id, sizeof(long_id)), "gw1",
		bytes_str("\"},\n{\"id\":\"\x01"), bytes_str("\xc3\xa9\xe2\x80\xa8"));
	call_record_over(r, CALL_END_FAILED);
	call_record_write(r, NULL);

	json_t *o = line(f->path, 0);
	assert_int_equal(json_string_length(json_object_get(o, "id")), 255 * 3);
	is_text(json_object_get(o, "caller"), "asked", "\"},\n{\"id\":\"\x01");
	is_text(json_object_get(o, "callee"), "asked", "\xc3\xa9\xe2\x80\xa8");
	json_decref(o);
}

static void each_end_has_its_name(void **state)
{
	(void)state;
	for (int i = 0; i < CALL_END_COUNT; i++)
		assert_non_null(call_end_name((enum call_end)i));
}

/* ---- the file ---- */

static void end(struct fixture *f, const char *id)
{
	struct call_record *r = begin(f, id);

	call_record_over(r, CALL_END_CALLER);
	call_record_write(r, NULL);
}

static void full_disk_is_counted_and_holds_up_nothing(void **state)
{
	struct fixture *f = *state;

	make(f, "/dev/full");
	end(f, "one");
	end(f, "two");

	assert_int_equal(f->cells[DAEMON_C_CALL_RECORDS], 0);
	assert_int_equal(f->cells[DAEMON_C_CALL_RECORDS_LOST], 2);
}

static void moved_file_is_made_anew(void **state)
{
	struct fixture *f = *state;

	make(f, f->path);
	end(f, "one");
	assert_int_equal(rename(f->path, f->moved), 0);
	end(f, "two");

	json_t *old = line(f->moved, 0), *new = line(f->path, 0);
	is_text(old, "id", "one");
	is_text(new, "id", "two");
	json_decref(old);
	json_decref(new);
}

static void what_could_not_be_opened_is_tried_again(void **state)
{
	struct fixture *f = *state;

	make(f, f->path);
	assert_int_equal(unlink(f->path), 0);
	assert_int_equal(mkdir(f->path, 0700), 0);
	end(f, "one");
	assert_int_equal(f->cells[DAEMON_C_CALL_RECORDS_LOST], 1);
	assert_int_equal(rmdir(f->path), 0);
	end(f, "two");

	json_t *o = line(f->path, 0);
	is_text(o, "id", "two");
	json_decref(o);
	assert_int_equal(f->cells[DAEMON_C_CALL_RECORDS], 1);
}

static void pipe_without_a_reader_is_not_waited_for(void **state)
{
	struct fixture *f = *state;
	char why[256] = "";

	f->records = call_records_create(f->path, &f->clock, f->cells);
	assert_int_equal(mkfifo(f->path, 0600), 0);
	assert_int_not_equal(call_records_open(f->records, why, sizeof(why)), 0);
	assert_non_null(strstr(why, f->path));
}

static void calls_that_go_on_at_the_end_are_written(void **state)
{
	struct fixture *f = *state;
	struct call_record *r;

	make(f, f->path);
	(void)begin(f, "one");
	r = begin(f, "two");
	call_record_told(r, 200, NULL, sip_str_c("x"));
	call_record_over(r, CALL_END_CALLER);
	assert_true(call_record_waits(r));
	call_records_destroy(f->records);
	f->records = NULL;

	json_t *first = line(f->path, 0), *second = line(f->path, 1);
	is_text(first, "cause", "shutdown");
	is_text(second, "cause", "caller");
	json_decref(first);
	json_decref(second);
}

static void few_wait_for_their_media(void **state)
{
	struct fixture *f = *state;
	struct call_record *r = NULL;

	make(f, "/dev/null");
	for (int i = 0; i < RECORDS_WAITING_MAX; i++) {
		r = begin(f, "a");
		assert_true(call_record_waits(r));
	}
	assert_false(call_record_waits(begin(f, "b")));
	call_record_over(r, CALL_END_CALLER);
	call_record_write(r, NULL);
	assert_true(call_record_waits(begin(f, "c")));
}

static void trunks_may_be_gone_before_the_line_is_written(void **state)
{
	struct fixture *f = *state;
	char name[] = "gw1";
	struct call_record *r;

	make(f, f->path);
	r = call_records_begin(f->records, WALL_MS, sip_str_c("a@b"), name, bytes_str("2001"),
		bytes_str("5550123"));
	try(r, name);
	memset(name, '?', sizeof(name) - 1);
	call_record_over(r, CALL_END_CALLEE);
	call_record_write(r, NULL);

	json_t *o = line(f->path, 0);
	is_text(json_object_get(o, "caller"), "trunk", "gw1");
	is_text(json_object_get(o, "callee"), "trunk", "gw1");
	assert_string_equal(
		json_string_value(json_array_get(json_object_get(o, "tried"), 0)), "gw1");
	json_decref(o);
}

#define CASE(name) cmocka_unit_test_setup_teardown(name, setup, teardown)

int main(void)
{
	const struct CMUnitTest t[] = {
		CASE(answered_call_says_what_it_was),
		CASE(refused_call_has_a_line_too),
		CASE(figures_that_did_not_come_are_not_zero),
		CASE(strangers_bytes_stay_within_their_string),
		CASE(each_end_has_its_name),
		CASE(full_disk_is_counted_and_holds_up_nothing),
		CASE(moved_file_is_made_anew),
		CASE(what_could_not_be_opened_is_tried_again),
		CASE(pipe_without_a_reader_is_not_waited_for),
		CASE(calls_that_go_on_at_the_end_are_written),
		CASE(few_wait_for_their_media),
		CASE(trunks_may_be_gone_before_the_line_is_written),
	};

	return cmocka_run_group_tests(t, NULL, NULL) != 0;
}
