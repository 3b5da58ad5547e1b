/* SPDX-License-Identifier: BSD-3-Clause */
/* Dialogs: RFC 3261 §12. */
#include <setjmp.h>
#include <signal.h>
#include <stdarg.h>
#include <stdlib.h>

#include <cmocka.h>

#include <sallyport/sip/dialog.h>

#define TO_US "To: <sip:us@x>\r\n"
#define COMMON                                                                                     \
	"Via: SIP/2.0/UDP 192.0.2.9;branch=z9hG4bKx\r\nFrom: \"A\" <sip:a@x>;tag=theirs\r\n"       \
	"Call-ID: c1\r\nCSeq: 7 INVITE\r\nContent-Length: 0\r\n"

static struct sip_msg decoded(const char *text)
{
	struct sip_msg m;

	assert_int_equal(sip_msg_decode(text, strlen(text), SIP_DATAGRAM, &m), SIP_FINE);
	return m;
}

static const char invite[] =
	"INVITE sip:us@x SIP/2.0\r\n" COMMON TO_US
	"Record-Route: <sip:p1;lr>, <sip:p2;lr>\r\nContact: <sip:a@192.0.2.9:5070>\r\n\r\n";

/* A response to a request of ours: From is us. */
#define RESPONSE(status, more)                                                                     \
	"SIP/2.0 " status " x\r\n" COMMON "To: <sip:b@x>;tag=b\r\n" more "\r\n"

static void assert_str(struct sip_str s, const char *text)
{
	assert_int_equal(s.len, strlen(text));
	assert_memory_equal(s.at, text, s.len);
}

static void assert_says(const struct sip_dialog *d, const char *want)
{
	char buf[2048];
	struct sip_writer w;

	sip_write_begin(&w, buf, sizeof(buf) - 1);
	sip_dialog_write(d, &w, SIP_BYE, 3);
	assert_false(w.failed);
	buf[w.len] = 0;
	assert_string_equal(buf, want);
}

/* §12.1.1: routes as they come, our tag in From. */
static void dialog_of_a_request_follows_its_record(void **state)
{
	struct sip_msg m = decoded(invite);
	struct sip_dialog d;

	assert_int_equal(sip_dialog_of_request(&d, &m, sip_str_c("ours")), 0);

	assert_str(sip_dialog_uri(&d), "sip:a@192.0.2.9:5070");
	assert_str(sip_dialog_next_hop(&d), "sip:p1;lr");
	assert_says(&d, "Route: <sip:p1;lr>\r\nRoute: <sip:p2;lr>\r\nMax-Forwards: 70\r\n"
			"From: <sip:us@x>;tag=ours\r\nTo: \"A\" <sip:a@x>;tag=theirs\r\n"
			"Call-ID: c1\r\nCSeq: 3 BYE\r\n");
	sip_dialog_fini(&d);
}

/* §12.1.2: routes in reverse. */
static void dialog_of_a_response_goes_the_record_back(void **state)
{
	struct sip_msg m = decoded(RESPONSE("200", "Record-Route: <sip:p2;lr>\r\nRecord-Route: "
						   "<sip:p1;lr>\r\nContact: <sip:b@h>\r\n"));
	struct sip_dialog d;

	assert_int_equal(sip_dialog_of_response(&d, &m, SIP_NONE), 0);

	assert_int_equal(d.local_cseq, 7);
	assert_str(sip_dialog_uri(&d), "sip:b@h");
	assert_says(&d, "Route: <sip:p1;lr>\r\nRoute: <sip:p2;lr>\r\nMax-Forwards: 70\r\n"
			"From: \"A\" <sip:a@x>;tag=theirs\r\nTo: <sip:b@x>;tag=b\r\n"
			"Call-ID: c1\r\nCSeq: 3 BYE\r\n");
	sip_dialog_fini(&d);
}

/* §12.2.1.1. */
static void strict_router_gets_the_request_uri(void **state)
{
	struct sip_msg m = decoded(RESPONSE("200",
		"Record-Route: <sip:p2;lr>\r\nRecord-Route: <sip:p1>\r\nContact: <sip:b@h>\r\n"));
	struct sip_dialog d;

	assert_int_equal(sip_dialog_of_response(&d, &m, SIP_NONE), 0);

	assert_str(sip_dialog_uri(&d), "sip:p1");
	assert_str(sip_dialog_next_hop(&d), "sip:p1");
	assert_says(&d, "Route: <sip:p2;lr>\r\nRoute: <sip:b@h>\r\nMax-Forwards: 70\r\n"
			"From: \"A\" <sip:a@x>;tag=theirs\r\nTo: <sip:b@x>;tag=b\r\n"
			"Call-ID: c1\r\nCSeq: 3 BYE\r\n");
	sip_dialog_fini(&d);
}

/* §13.2.2.4. */
static void final_response_sets_routes_and_target_anew(void **state)
{
	struct sip_msg early = decoded(RESPONSE("180", "Record-Route: <sip:p1;lr>\r\n"));
	struct sip_msg final =
		decoded(RESPONSE("200", "Record-Route: <sip:p9;lr>\r\nContact: <sip:b@h2>\r\n"));
	struct sip_dialog d;

	assert_int_equal(sip_dialog_of_response(&d, &early, sip_str_c("sip:b@x")), 0);
	assert_str(sip_dialog_uri(&d), "sip:b@x");
	assert_int_equal(sip_dialog_confirm(&d, &final), 0);

	assert_str(sip_dialog_uri(&d), "sip:b@h2");
	assert_str(sip_dialog_next_hop(&d), "sip:p9;lr");
	assert_str(d.remote_tag, "b");
	sip_dialog_fini(&d);
}

static void final_response_without_contact_begins_nothing(void **state)
{
	struct sip_msg m = decoded(RESPONSE("200", ""));
	struct sip_dialog d;

	assert_int_equal(sip_dialog_of_response(&d, &m, sip_str_c("sip:b@x")), ERR_MALFORMED);
}

static void target_is_refreshed_by_a_contact(void **state)
{
	struct sip_msg m = decoded(invite);
	struct sip_msg bare = decoded("INVITE sip:us@x SIP/2.0\r\n" COMMON TO_US "\r\n");
	struct sip_dialog d;

	assert_int_equal(sip_dialog_of_request(&d, &m, sip_str_c("ours")), 0);
	assert_int_equal(sip_dialog_refresh(&d, &bare), 0);
	assert_str(sip_dialog_uri(&d), "sip:a@192.0.2.9:5070");
	m = decoded("INVITE sip:us@x SIP/2.0\r\n" COMMON TO_US "Contact: <sip:new@h>\r\n\r\n");
	assert_int_equal(sip_dialog_refresh(&d, &m), 0);

	assert_str(sip_dialog_uri(&d), "sip:new@h");
	sip_dialog_fini(&d);
}

/* §12.2.2. */
static void requests_come_in_order(void **state)
{
	struct sip_msg m = decoded(invite);
	struct sip_dialog d;

	assert_int_equal(sip_dialog_of_request(&d, &m, sip_str_c("ours")), 0);
	assert_false(sip_dialog_take(&d, &m));
	m.cseq = 6;
	assert_false(sip_dialog_take(&d, &m));
	m.cseq = 9;
	assert_true(sip_dialog_take(&d, &m));

	assert_false(sip_dialog_take(&d, &m));
	sip_dialog_fini(&d);
}

static void dialog_is_found_by_call_id_and_both_tags(void **state)
{
	static const char found[] = "BYE sip:us@x SIP/2.0\r\n"
				    "Via: SIP/2.0/UDP h;branch=z9hG4bKy\r\n"
				    "From: <sip:a@x>;tag=theirs\r\nTo: <sip:us@x>;tag=ours\r\n"
				    "Call-ID: c1\r\nCSeq: 8 BYE\r\nContent-Length: 0\r\n\r\n";
	struct sip_msg m = decoded(invite), bye = decoded(found);
	struct sip_dialogs t;
	struct sip_dialog d;

	sip_dialogs_init(&t, (struct hash_key){1, 2});
	assert_int_equal(sip_dialog_of_request(&d, &m, sip_str_c("ours")), 0);
	assert_int_equal(sip_dialogs_add(&t, &d), 0);
	assert_ptr_equal(sip_dialogs_find(&t, &bye), &d);
	bye.from_tag = sip_str_c("other");
	assert_null(sip_dialogs_find(&t, &bye));
	bye = decoded(found);
	bye.to_tag = sip_str_c("other");
	assert_null(sip_dialogs_find(&t, &bye));
	bye = decoded(found);
	bye.call_id = sip_str_c("other");
	assert_null(sip_dialogs_find(&t, &bye));

	sip_dialogs_remove(&t, &d);
	bye = decoded(found);
	assert_null(sip_dialogs_find(&t, &bye));
	sip_dialogs_fini(&t);
	sip_dialog_fini(&d);
}

/* The other side may choose both. */
static void call_id_that_is_the_tag_too_is_filed_as_any_other(void **state)
{
	struct sip_msg m = decoded(invite);
	struct sip_dialogs t;
	struct sip_dialog d;

	sip_dialogs_init(&t, (struct hash_key){1, 2});
	assert_int_equal(sip_dialog_of_request(&d, &m, sip_str_c("c1")), 0);
	assert_int_equal(sip_dialogs_add(&t, &d), 0);

	assert_null(hash_table_first(&t.table, 0));
	sip_dialogs_remove(&t, &d);
	sip_dialogs_fini(&t);
	sip_dialog_fini(&d);
}

/* RFC 3261 §19.1.1: what a Request-URI must not have is not taken over from a Contact. */
static void headers_of_a_contact_are_left_out(void **state)
{
	struct sip_msg m = decoded("INVITE sip:us@x SIP/2.0\r\n" COMMON TO_US
				   "Contact: <sip:a@192.0.2.9;ob?Route=b>\r\n\r\n");
	struct sip_dialog d;

	assert_int_equal(sip_dialog_of_request(&d, &m, sip_str_c("ours")), 0);
	assert_str(sip_dialog_uri(&d), "sip:a@192.0.2.9;ob");
	sip_dialog_fini(&d);
}

/* A request within a dialog that we do not know. */
static void request_with_a_tag_in_to_begins_nothing(void **state)
{
	struct sip_msg m = decoded("INVITE sip:us@x SIP/2.0\r\n" COMMON
				   "To: <sip:us@x>;tag=1\r\nContact: <sip:a@192.0.2.9>\r\n\r\n");
	struct sip_dialog d;

	assert_int_equal(sip_dialog_of_request(&d, &m, sip_str_c("ours")), ERR_MALFORMED);
}

/* RFC 3891 §3, §6.1: the tags are from the side of whom it is sent to. */
static void replaced_dialog_is_found_by_what_names_it(void **state)
{
	static const struct {
		const char *replaces;
		bool is_found;
	} rows[] = {
		{"c1;to-tag=ours;from-tag=theirs", true},
		{"c1;from-tag=theirs;to-tag=ours;early-only", true},
		{"c1;to-tag=theirs;from-tag=ours", false},
		{"c1;to-tag=ours;from-tag=0", false},
		{"c2;to-tag=ours;from-tag=theirs", false},
	};
	struct sip_msg m = decoded(invite);
	struct sip_dialogs t;
	struct sip_dialog d, old;
	struct sip_replaces r;
	sip_dialogs_init(&t, (struct hash_key){1, 2});
	assert_int_equal(sip_dialog_of_request(&d, &m, sip_str_c("ours")), 0);
	m.from_tag = SIP_NONE;
	assert_int_equal(sip_dialog_of_request(&old, &m, sip_str_c("older")), 0);
	assert_int_equal(sip_dialogs_add(&t, &d), 0);
	assert_int_equal(sip_dialogs_add(&t, &old), 0);

	for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
		assert_int_equal(sip_replaces_decode(sip_str_c(rows[i].replaces), &r), 0);
		assert_ptr_equal(sip_dialogs_find_replaced(&t, &r), rows[i].is_found ? &d : NULL);
	}
	assert_int_equal(sip_replaces_decode(sip_str_c("c1;to-tag=older;from-tag=0"), &r), 0);
	assert_ptr_equal(sip_dialogs_find_replaced(&t, &r), &old);

	sip_dialogs_remove(&t, &d);
	sip_dialogs_remove(&t, &old);
	sip_dialogs_fini(&t);
	sip_dialog_fini(&d);
	sip_dialog_fini(&old);
}

int main(void)
{
	const struct CMUnitTest t[] = {
		cmocka_unit_test(dialog_of_a_request_follows_its_record),
		cmocka_unit_test(dialog_of_a_response_goes_the_record_back),
		cmocka_unit_test(strict_router_gets_the_request_uri),
		cmocka_unit_test(final_response_sets_routes_and_target_anew),
		cmocka_unit_test(final_response_without_contact_begins_nothing),
		cmocka_unit_test(target_is_refreshed_by_a_contact),
		cmocka_unit_test(requests_come_in_order),
		cmocka_unit_test(dialog_is_found_by_call_id_and_both_tags),
		cmocka_unit_test(call_id_that_is_the_tag_too_is_filed_as_any_other),
		cmocka_unit_test(headers_of_a_contact_are_left_out),
		cmocka_unit_test(request_with_a_tag_in_to_begins_nothing),
		cmocka_unit_test(replaced_dialog_is_found_by_what_names_it),
	};

	return cmocka_run_group_tests(t, NULL, NULL) != 0;
}
