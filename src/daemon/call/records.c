/* SPDX-License-Identifier: BSD-3-Clause */
/* Call detail records: what is noted of a call while it lasts, and the JSON that comes of it. */
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include <jansson.h>

#include "records.h"
#include "thread.h"

#define ID_MAX   255   /* bytes of a Call-ID; the rest is left out */
#define LINE_MAX 16384 /* all values at their longest, six bytes for each of theirs */

/* Of a trunk; it may be gone before a call's line is written. They stay, as there are few. */
struct record_name {
	struct list link;
	char text[];
};

struct call_records {
	struct list all;           /* struct call_record */
	struct list names;         /* struct record_name; owned */
	const struct clock *clock; /* not owned */
	size_t n_waiting;
	struct record_file file;
	char line[LINE_MAX];
};

/* Of a number, or of an ID: whatever bytes somebody has sent. */
struct said {
	size_t len;
	char at[ID_MAX];
};

struct record_side {
	const char *trunk; /* of the names; NULL: none was tried */
	struct said asked, sent;
};

struct call_record {
	struct list link;
	struct call_records *records; /* not owned */
	uint64_t wall_ms, begun_ms;   /* the same moment */
	uint64_t answered_ms;         /* 0: not answered */
	uint64_t ended_ms;
	const char *cause; /* NULL: it goes on */
	const char *why;   /* not owned; NULL: the refusal is not ours, or there is none */
	unsigned status;   /* 0: none was told */
	int q850;          /* below 0: none was said */
	bool is_waiting;
	struct said id, callee_id, transfer_of;
	struct record_side caller, callee;
	unsigned n_tried;
	const char *tried[CALL_WAYS_MAX]; /* of the names */
};

const char *call_end_name(enum call_end why)
{
	static const char *const names[CALL_END_COUNT] = {
		[CALL_END_CALLER] = "caller",
		[CALL_END_CALLEE] = "callee",
		[CALL_END_CANCELLED] = "cancelled",
		[CALL_END_FAILED] = "failed",
		[CALL_END_TIMEOUT] = "timeout",
		[CALL_END_LOST] = "lost",
		[CALL_END_EXPIRED] = "expired",
		[CALL_END_MEDIA] = "media",
		[CALL_END_SHUTDOWN] = "shutdown",
		[CALL_END_TRANSFERRED] = "transferred",
	};
	_Static_assert(CALL_END_COUNT == 10, "each end has its name");

	return names[why];
}

/* ---- JSON; without memory a member is left out ---- */

static void put(json_t *object, const char *name, json_t *value)
{
	(void)json_object_set_new(object, name, value); /* NULL too */
}

/* What is not UTF-8 is shown byte by byte. */
static json_t *text(const char *at, size_t len)
{
	char shown[ID_MAX * 3 + 1];
	json_t *j = json_stringn(at, len);
	size_t n = 0;

	for (size_t i = 0; !j && i < len && i < ID_MAX; i++) {
		unsigned char c = (unsigned char)at[i];
		bool is_plain = c > ' ' && c < 0x7f && c != '%';
		n += (size_t)snprintf(shown + n, sizeof(shown) - n, is_plain ? "%c" : "%%%02X", c);
	}
	return j ? j : json_stringn(shown, n);
}

static json_t *said(const struct said *s)
{
	return s->len ? text(s->at, s->len) : json_null();
}

static json_t *name(const char *s)
{
	return s ? json_string(s) : json_null();
}

static json_t *number(uint64_t n)
{
	return json_integer((json_int_t)n);
}

/* RFC 3339, by the clock as it was when the call began. 0: it has not come to that. */
static json_t *moment(const struct call_record *r, uint64_t mono_ms)
{
	uint64_t ms = r->wall_ms + (mono_ms - r->begun_ms);
	time_t seconds = (time_t)(ms / 1000);
	char out[40], whole[24];
	struct tm tm;

	if (mono_ms == 0 || !gmtime_r(&seconds, &tm) ||
		strftime(whole, sizeof(whole), "%Y-%m-%dT%H:%M:%S", &tm) == 0)
		return json_null();
	(void)snprintf(out, sizeof(out), "%s.%03uZ", whole, (unsigned)(ms % 1000));
	return json_string(out);
}

static json_t *figure(const struct anchor_leg *g, uint64_t n)
{
	return g->has_stats ? number(n) : json_null();
}

static json_t *media(const struct anchor_leg *g)
{
	const struct media_leg_stats *s = &g->stats;
	char a[ADDR_TEXT_LEN];
	json_t *o = json_object();

	put(o, "codec", name(g->codec));
	put(o, "srtp", name(g->has_srtp ? srtp_suite_name(g->suite) : NULL));
	put(o, "remote", json_string(addr_format(&g->remote, a)));
	put(o, "rx_packets", figure(g, s->rx_packets));
	put(o, "rx_octets", figure(g, s->rx_octets));
	put(o, "rx_lost", figure(g, s->rx_lost));
	put(o, "rx_jitter_us", figure(g, s->rx_jitter_us));
	put(o, "tx_packets", figure(g, s->tx_packets));
	put(o, "tx_octets", figure(g, s->tx_octets));
	put(o, "far_lost", figure(g, s->far_lost));
	put(o, "round_trip_ms", s->round_trip_ms ? number(s->round_trip_ms) : json_null());
	return o;
}

static json_t *side(const struct record_side *s, const struct anchor_leg *leg)
{
	json_t *o = json_object();

	put(o, "trunk", name(s->trunk));
	put(o, "asked", said(&s->asked));
	put(o, "sent", said(&s->sent));
	put(o, "media", leg && leg->has_agreed ? media(leg) : json_null());
	return o;
}

static json_t *compose(const struct call_record *r, const struct anchor_leg *legs)
{
	json_t *o = json_object(), *tried = json_array();

	for (unsigned i = 0; i < r->n_tried; i++)
		(void)json_array_append_new(tried, name(r->tried[i])); /* as above */
	put(o, "id", said(&r->id));
	put(o, "callee_id", said(&r->callee_id));
	put(o, "transfer_of", said(&r->transfer_of));
	put(o, "start", moment(r, r->begun_ms));
	put(o, "answer", moment(r, r->answered_ms));
	put(o, "end", moment(r, r->ended_ms));
	put(o, "duration_ms", r->answered_ms ? number(r->ended_ms - r->answered_ms) : json_null());
	put(o, "cause", name(r->cause));
	put(o, "status", r->status ? number(r->status) : json_null());
	put(o, "why", name(r->why));
	put(o, "q850", r->q850 >= 0 ? number((uint64_t)r->q850) : json_null());
	put(o, "attempts", number(r->n_tried));
	put(o, "tried", tried);
	put(o, "caller", side(&r->caller, legs ? &legs[ANCHOR_CALLER] : NULL));
	put(o, "callee", side(&r->callee, legs ? &legs[ANCHOR_CALLEE] : NULL));
	return o;
}

/* ---- a call ---- */

static void keep(struct said *s, const void *at, size_t len)
{
	s->len = len < sizeof(s->at) ? len : sizeof(s->at);
	if (s->len)
		memcpy(s->at, at, s->len);
}

/* NULL: no memory. */
static const char *keep_name(struct call_records *l, const char *text)
{
	size_t len = strlen(text);

	list_for_each (it, &l->names) {
		const struct record_name *old = CONTAINER_OF(it, struct record_name, link);
		if (strcmp(old->text, text) == 0)
			return old->text;
	}
	struct record_name *new = malloc(sizeof(*new) + len + 1);
	if (!new)
		return NULL;
	memcpy(new->text, text, len + 1);
	list_append(&l->names, &new->link);
	return new->text;
}

struct call_record *call_records_begin(struct call_records *l, uint64_t wall_ms, struct sip_str id,
	const char *trunk, struct bytes calling, struct bytes called)
{
	struct call_record *r = l ? calloc(1, sizeof(*r)) : NULL;

	if (!r) {
		if (l)
			record_file_lose(&l->file, -ENOMEM);
		return NULL;
	}
	r->records = l;
	r->wall_ms = wall_ms;
	r->begun_ms = l->clock->mono_ms;
	r->q850 = -1;
	r->caller.trunk = keep_name(l, trunk);
	keep(&r->id, id.at, id.len);
	keep(&r->caller.asked, calling.data, calling.len);
	keep(&r->callee.asked, called.data, called.len);
	list_append(&l->all, &r->link);
	return r;
}

void call_record_transfers(struct call_record *r, struct sip_str id)
{
	if (r)
		keep(&r->transfer_of, id.at, id.len);
}

void call_record_joined(struct call_record *r, const struct call_record *old, bool is_caller)
{
	if (r && old)
		r->callee = is_caller ? old->caller : old->callee;
}

void call_record_tried(struct call_record *r, const char *trunk, const struct policy_numbers *sent)
{
	if (!r || r->n_tried == CALL_WAYS_MAX)
		return;
	r->callee.trunk = keep_name(r->records, trunk);
	r->tried[r->n_tried++] = r->callee.trunk;
	r->q850 = -1;
	keep(&r->callee.sent, sent->called.text, sent->called.len);
	if (sent->is_anonymous)
		r->caller.sent.len = 0;
	else if (sent->calling.len)
		keep(&r->caller.sent, sent->calling.text, sent->calling.len);
	else
		r->caller.sent = r->caller.asked;
}

void call_record_told(
	struct call_record *r, unsigned status, const char *why, struct sip_str callee_id)
{
	if (!r)
		return;
	r->status = status;
	r->why = why;
	if (status < 300)
		r->answered_ms = r->records->clock->mono_ms;
	keep(&r->callee_id, callee_id.at, callee_id.len);
}

void call_record_cause(struct call_record *r, int q850)
{
	if (r && q850 >= 0)
		r->q850 = q850;
}

void call_record_over(struct call_record *r, enum call_end why)
{
	if (!r)
		return;
	r->cause = call_end_name(why);
	r->ended_ms = r->records->clock->mono_ms;
}

bool call_record_waits(struct call_record *r)
{
	if (!r || r->records->n_waiting == RECORDS_WAITING_MAX)
		return false;
	r->is_waiting = true;
	r->records->n_waiting++;
	return true;
}

/* The line is written from the text of JSON, which has no bytes but printable ASCII. */
static void write_line(struct call_records *l, json_t *o)
{
	size_t len =
		o ? json_dumpb(o, l->line, sizeof(l->line) - 1, JSON_COMPACT | JSON_ENSURE_ASCII)
		  : 0;

	json_decref(o);
	if (len == 0 || len >= sizeof(l->line)) {
		record_file_lose(&l->file, -ENOMEM);
		return;
	}
	l->line[len++] = '\n';
	record_file_write(&l->file, l->line, len);
}

void call_record_write(struct call_record *r, const struct anchor_leg *legs)
{
	if (!r)
		return;
	write_line(r->records, compose(r, legs));
	r->records->n_waiting -= r->is_waiting ? 1 : 0;
	list_remove(&r->link);
	free(r);
}

/* ---- all ---- */

struct call_records *call_records_create(
	const char *path, const struct clock *clock, metrics_cell *cells)
{
	struct call_records *l = calloc(1, sizeof(*l));

	if (!l)
		return NULL;
	list_init(&l->all);
	list_init(&l->names);
	l->clock = clock;
	record_file_init(&l->file, path, cells);
	return l;
}

int call_records_open(struct call_records *l, char *why, size_t cap)
{
	int rc = l ? record_file_open(&l->file) : 0;

	if (rc != 0)
		(void)snprintf(why, cap,
			"cannot write call records to %s: %s; the daemon's user must be able to "
			"write there: chown that file or its folder",
			l->file.path, err_text(rc));
	return rc;
}

void call_records_destroy(struct call_records *l)
{
	if (!l)
		return;
	list_for_each_safe (it, &l->all) {
		struct call_record *r = CONTAINER_OF(it, struct call_record, link);
		if (!r->cause)
			call_record_over(r, CALL_END_SHUTDOWN);
		call_record_write(r, NULL);
	}
	list_for_each_safe (it, &l->names)
		free(CONTAINER_OF(it, struct record_name, link));
	record_file_fini(&l->file);
	free(l);
}
