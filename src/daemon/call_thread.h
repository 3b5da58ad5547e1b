/* SPDX-License-Identifier: BSD-3-Clause */
/* The thread of calls: SIP transports, transactions and the B2BUA, as "mediation" has them. */
#ifndef DAEMON_CALL_THREAD_H
#define DAEMON_CALL_THREAD_H

#include <sallyport/metrics.h>

#include "call_tls.h"
#include "options.h"
#include "workers.h"

#define CALL_THREAD_WHY_LEN 256

struct call_thread; /* main thread */

/*
 * Makes it by "mediation" in DOC, which has passed its checks, and binds what its trunks listen on;
 * nothing runs yet, the WORKERS neither, which get its media. WHY gets a sentence on failure.
 * METRICS has a block BLOCK for it. Takes counts of DOC and of what is in TLS.
 */
int call_thread_create(struct conf_doc *doc, const struct call_tls *tls, struct workers *workers,
	struct metrics_set *metrics, unsigned block, struct call_thread **out,
	char why[CALL_THREAD_WHY_LEN]);
/* As the user that it shall run as. WHY as above, or untouched. */
int call_thread_start(struct call_thread *t, char why[CALL_THREAD_WHY_LEN]);
/*
 * New calls go by "mediation" in DOC, which has passed its checks; those that run go on as they
 * began. Trunks with the same ends keep what is known of them, those that are no more there end
 * with their calls. On failure all is as it was, and WHY has a sentence.
 */
int call_thread_reload(struct call_thread *t, struct conf_doc *doc, char why[CALL_THREAD_WHY_LEN]);
/* The numbers of the trunks in the newest options, as struct call_trunk has them: for counters. */
const uint32_t *call_thread_numbers(const struct call_thread *t);
/* Reads the passwords of registrations; says at their places in DOC what is wrong with them. */
int call_passwords_check(struct conf_doc *doc, const struct options_mediation *m);
/* New connections have these from now on; running ones keep theirs. */
void call_thread_tls(struct call_thread *t, const struct call_tls *tls);
/* From now on new calls get 503, and OPTIONS too; those that run go on. ERR_FULL: not told. */
int call_thread_drain(struct call_thread *t, bool is_on);
void call_thread_log(const struct call_thread *t); /* a line for each listener */
/* Joins it if it runs; both sides of each call get BYE, which takes a second. NULL is fine. */
void call_thread_stop(struct call_thread *t);
/* The same, and frees it; when no worker runs, for their media speak to it. NULL is fine. */
void call_thread_destroy(struct call_thread *t);

#endif
