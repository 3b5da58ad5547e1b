/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * Call detail records: what is known of a call, from its INVITE until its media session has said
 * what it has carried; then it is a line of JSON in a file (docs/mediation.md has its fields).
 * Thread of calls. There are as many as calls that are open, and RECORDS_WAITING_MAX more.
 */
#ifndef DAEMON_CALL_RECORDS_H
#define DAEMON_CALL_RECORDS_H

#include <sallyport/common.h>
#include <sallyport/mediation/anchor.h>
#include <sallyport/mediation/call.h>
#include <sallyport/mediation/policy.h>
#include <sallyport/metrics.h>

#define RECORDS_WAITING_MAX 5000

const char *call_end_name(enum call_end why); /* "caller" */

/* ---- records.c ---- */

struct call_records; /* opaque */
struct call_record;  /* opaque; its records own it. NULL, which is without effect: there is none */

/* NULL when out of memory. PATH and CLOCK are not owned; CELLS are of daemon_counters. */
struct call_records *call_records_create(
	const char *path, const struct clock *clock, metrics_cell *cells);
/* As the user that writes them. NULL is fine. */
int call_records_open(struct call_records *l, char *why, size_t cap);
/* Those that are not written yet are, as far as they go. NULL is fine. */
void call_records_destroy(struct call_records *l);

/* A call begins, at WALL_MS of Unix time, of whoever TRUNK names. NULL: L is NULL, or there is no
 * memory, which counts as lost. */
struct call_record *call_records_begin(struct call_records *l, uint64_t wall_ms, struct sip_str id,
	const char *trunk, struct bytes calling, struct bytes called);
/* It begins because of a REFER in the call ID. */
void call_record_transfers(struct call_record *r, struct sip_str id);
/* Its callee's side is what was OLD's, of the caller's side if IS_CALLER. */
void call_record_joined(struct call_record *r, const struct call_record *old, bool is_caller);
/* It is tried on TRUNK, with these numbers; without a calling one it is the caller's. */
void call_record_tried(struct call_record *r, const char *trunk, const struct policy_numbers *sent);
/* The caller has been told STATUS, WHY if that is a refusal of ours (of static lifetime), else
 * NULL; CALLEE_ID is the other side's. */
void call_record_told(
	struct call_record *r, unsigned status, const char *why, struct sip_str callee_id);
/* Why it ends (Q.850), as the last one says who knows; below 0: nobody has said. */
void call_record_cause(struct call_record *r, int q850);
void call_record_over(struct call_record *r, enum call_end why);
/* False: too many wait for their media. */
bool call_record_waits(struct call_record *r);
/* It is over: written, and gone. LEGS NULL: nothing is known of its media. */
void call_record_write(struct call_record *r, const struct anchor_leg *legs);

/* ---- record_file.c ---- */

struct record_file {
	const char *path;    /* not owned */
	int fd;              /* below 0: not open */
	uint64_t n_lost;     /* since the last one that was written */
	metrics_cell *cells; /* of daemon_counters; not owned */
};

void record_file_init(struct record_file *f, const char *path, metrics_cell *cells);
void record_file_fini(struct record_file *f);
/* 0, or -errno: it is as it was. */
int record_file_open(struct record_file *f);
/* Writes a line to whatever file has the name now, or counts it as lost. */
void record_file_write(struct record_file *f, const char *line, size_t len);
/* There is no line: RC says why. */
void record_file_lose(struct record_file *f, int rc);

#endif
