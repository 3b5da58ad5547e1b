/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * A stranger's message begins a dialog, or says something about the session in one; what we then
 * send in that dialog must be a good message that says what the dialog knows.
 */
#include <stdlib.h>
#include <string.h>
#include <sallyport/sip/dialog.h>
#include <sallyport/sip/session.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

#define ROOM (4 * SIP_MSG_MAX)

/* Not assert: this must also hold where NDEBUG is set. */
static void must(bool is_true)
{
	if (!is_true)
		abort();
}

/* A message that took room from the bounds of a decoder. */
static bool is_bound(enum sip_refusal r)
{
	return r == SIP_TOO_LARGE || r == SIP_TOO_MANY_HEADERS || r == SIP_HEADER_TOO_LONG;
}

static void begin_request(struct sip_writer *w, char *out, struct sip_str uri)
{
	const struct sip_via_own via = {.transport = "TLS",
		.host = {sip_str_c("h"), SIP_HOST_NAME},
		.branch = sip_str_c("z9hG4bKa")};
	sip_write_begin(w, out, ROOM);
	sip_write_request(w, sip_str_c("BYE"), uri);
	sip_write_via(w, &via);
}

static void send_in(const struct sip_dialog *d, char *out)
{
	static struct sip_msg m;
	struct sip_writer w;
	struct sip_uri hop;
	begin_request(&w, out, sip_dialog_uri(d));
	sip_dialog_write(d, &w, SIP_BYE, 9);
	sip_write_body(&w, SIP_NONE, SIP_NONE);
	must(!w.failed);
	enum sip_refusal r = sip_msg_decode(out, w.len, SIP_STREAM, &m);
	if (is_bound(r))
		return;
	must(r == SIP_FINE);
	must(sip_uri_decode(sip_dialog_next_hop(d), &hop) == 0);
	must(sip_str_equal(m.from_tag, d->local_tag) && sip_str_equal(m.to_tag, d->remote_tag));
	must(sip_str_equal(m.call_id, d->call_id) && m.cseq == 9);
}

static void find_again(struct sip_dialog *d)
{
	struct sip_dialogs t;
	const struct sip_replaces r = {
		.call_id = d->call_id, .to_tag = d->local_tag, .from_tag = d->remote_tag};
	sip_dialogs_init(&t, (struct hash_key){1, 2});
	must(sip_dialogs_add(&t, d) == 0);
	must(sip_dialogs_find_replaced(&t, &r) == d);
	sip_dialogs_remove(&t, d);
	must(sip_dialogs_find_replaced(&t, &r) == NULL);
	sip_dialogs_fini(&t);
}

static void run_dialog(const struct sip_msg *m, char *out)
{
	struct sip_dialog d;
	int err = m->is_request ? sip_dialog_of_request(&d, m, sip_str_c("ours"))
				: sip_dialog_of_response(&d, m, sip_str_c("sip:t@h"));
	if (err != 0)
		return;
	send_in(&d, out);
	find_again(&d);
	if (m->is_request)
		must(!sip_dialog_take(&d, m));
	else if (sip_dialog_confirm(&d, m) == 0)
		send_in(&d, out);
	if (sip_dialog_refresh(&d, m) == 0)
		send_in(&d, out);
	sip_dialog_fini(&d);
}

static void run_timer(const struct sip_msg *m, struct sip_writer *w)
{
	struct sip_session_timer t = {.rules = {1800, 120}};
	uint64_t due;
	if (m->is_request) {
		if (sip_session_wants_422(&t, m))
			sip_session_write_min(&t, w);
		{
			const struct sip_session_asked asked = sip_session_read(m);
			sip_session_answer(&t, &asked, 1000, w);
		}
	} else {
		if (sip_session_too_small(&t, m))
			must(!sip_session_too_small(&t, m));
		sip_session_confirmed(&t, m, 1000);
	}
	must(t.interval_s == 0 || t.interval_s >= SIP_SESSION_MIN_S);
	sip_session_write_request(&t, w);
	must(sip_session_act(&t, 1000, &due) == SIP_SESSION_WAIT && due > 1000);
	must(t.interval_s == 0 || sip_session_act(&t, UINT64_MAX, &due) == SIP_SESSION_END);
}

static void run_session(const struct sip_msg *m, char *out)
{
	static struct sip_msg again;
	struct sip_acknowledger a = {0};
	struct sip_reliable r = {0};
	struct sip_writer w;
	begin_request(&w, out, sip_str_c("sip:b@h"));
	run_timer(m, &w);
	if (!m->is_request && sip_acknowledger_take(&a, m) == SIP_PRACK_SEND) {
		sip_write_rack(&w, m);
		must(sip_acknowledger_take(&a, m) == SIP_PRACK_REPEATED);
	}
	must(sip_reliable_send(&r, m->cseq, 1, 0));
	(void)sip_reliable_take(&r, m);
	sip_write_body(&w, SIP_NONE, SIP_NONE);
	/* From, To, Call-ID and CSeq are not there; all else is good. */
	must(!w.failed && sip_msg_decode(out, w.len, SIP_STREAM, &again) == SIP_NO_FROM);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	static struct sip_msg m;
	static char out[ROOM];
	if (size > SIP_MSG_MAX || sip_msg_decode(data, size, SIP_DATAGRAM, &m) != SIP_FINE)
		return 0;
	run_dialog(&m, out);
	run_session(&m, out);
	return 0;
}
