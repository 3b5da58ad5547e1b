/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * Questions to the domain name system. libunbound does the asking on our event base; it may answer
 * while it is being asked, and should not be asked while it answers, so that all answers are handed
 * out at the end of the turn. What they say is read in dns_records.c.
 */
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>

#include <unbound.h>
#include <unbound-event.h>

#include "dns_records.h"
#include "loop_priv.h"

/* Of the cache; SIP asks for few names. */
#define CACHE_BYTES    "4m"
#define RCODE_NXDOMAIN 3
#define CLASS_IN       1
#define LABEL_MAX      63
#define TEXT_MAX       253 /* 255 bytes with the length of the first label and the root */

struct dns {
	struct loop *loop; /* not owned */
	struct ub_ctx *ub;
	uint32_t timeout_ms, max_questions, n_questions;
	struct list questions; /* all of them */
	struct list ready;     /* of them, those with an answer; by their other link */
	struct loop_deferred hand_out;
};

/*
 * libunbound holds it until its callback: one that is cancelled or late stays until then, and
 * counts.
 */
struct dns_question {
	struct dns *dns; /* not owned */
	struct list link, ready;
	enum dns_type type;
	dns_answer_fn fn; /* NULL: nobody waits any more */
	void *arg;
	bool is_answered; /* libunbound is done with it */
	int rc;
	size_t n_records;
	struct dns_record *records; /* owned; DNS_RECORDS_MAX of them, or NULL */
	struct wheel_timer timer;
};

/* ---- answers ---- */

static void forget(struct dns_question *q)
{
	wheel_cancel(loop_wheel(q->dns->loop), &q->timer);
	list_remove(&q->link);
	list_remove(&q->ready);
	q->dns->n_questions--;
	free(q->records);
	free(q);
}

static void tell(struct dns_question *q, int rc, const struct dns_record *records, size_t n)
{
	dns_answer_fn fn = q->fn;

	q->fn = NULL;
	wheel_cancel(loop_wheel(q->dns->loop), &q->timer);
	if (fn)
		fn(q->arg, rc, records, n);
}

static void hand_out(void *arg)
{
	struct dns *d = arg;
	struct list head;

	list_take(&d->ready, &head);
	while (!list_is_empty(&head)) {
		struct dns_question *q = CONTAINER_OF(head.next, struct dns_question, ready);
		list_remove(&q->ready);
		tell(q, q->rc, q->records, q->n_records);
		forget(q);
	}
}

static int read_answer(struct dns_question *q, int rcode, struct bytes packet)
{
	/* That of the call is of its failures, that of the header of the answer. */
	if (rcode == 0 && packet.len > 3)
		rcode = packet.data[3] & 15;
	if (rcode == RCODE_NXDOMAIN)
		return ERR_NOT_FOUND;
	if (rcode != 0)
		return -EIO;
	if (!q->fn)
		return 0;
	q->records = calloc(DNS_RECORDS_MAX, sizeof(*q->records));
	if (!q->records)
		return -ENOMEM;
	return dns_records_read(packet, q->type, q->records, &q->n_records);
}

static void on_answer(
	void *arg, int rcode, void *packet, int len, int sec, char *why_bogus, int was_ratelimited)
{
	struct dns_question *q = arg;
	struct dns *d = q->dns;

	(void)sec; /* we have no trust anchor: DNSSEC is the resolver's */
	(void)why_bogus;
	(void)was_ratelimited;
	loop_turn(d->loop);
	q->is_answered = true;
	q->rc = read_answer(q, rcode, bytes_of(packet, len > 0 ? (size_t)len : 0));
	list_append(&d->ready, &q->ready);
	loop_deferred_run(d->loop, &d->hand_out);
}

static void on_time_out(struct wheel_timer *t, void *arg)
{
	struct dns_question *q = CONTAINER_OF(t, struct dns_question, timer);

	(void)arg;
	tell(q, -ETIMEDOUT, NULL, 0);
}

/* ---- questions ---- */

/* Underscores are those of RFC 2782. What libunbound would take for an escape is none here. */
static bool is_of_label(char c)
{
	return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') ||
	       c == '-' || c == '_';
}

/* RFC 1035 §2.3.4. libunbound would say the same of labels and lengths, but keeps whatever it has
 * refused until the context goes. */
static bool is_host_name(const char *name)
{
	size_t len = strlen(name), label = 0;

	if (len > 0 && name[len - 1] == '.')
		len--;
	for (size_t i = 0; i < len; i++) {
		if (name[i] == '.' && label > 0)
			label = 0;
		else if (!is_of_label(name[i]) || ++label > LABEL_MAX)
			return false;
	}
	return label > 0 && len <= TEXT_MAX;
}

int dns_ask(struct dns *d, const char *name, enum dns_type type, dns_answer_fn fn, void *arg,
	struct dns_question **out)
{
	if (!is_host_name(name))
		return ERR_MALFORMED;
	if (d->n_questions >= d->max_questions)
		return ERR_FULL;
	struct dns_question *q = calloc(1, sizeof(*q));
	if (!q)
		return -ENOMEM;
	*q = (struct dns_question){.dns = d, .type = type, .fn = fn, .arg = arg};
	wheel_timer_init(&q->timer, on_time_out);
	list_append(&d->questions, &q->link);
	list_init(&q->ready);
	d->n_questions++;
	int rc = ub_resolve_event(d->ub, name, (int)type, CLASS_IN, q, on_answer, NULL);
	if (rc != 0) {
		forget(q);
		return rc == UB_NOMEM ? -ENOMEM : rc == UB_SYNTAX ? ERR_MALFORMED : -EIO;
	}
	wheel_set(loop_wheel(d->loop), &q->timer, loop_clock(d->loop)->mono_ms + d->timeout_ms);
	if (out)
		*out = q;
	return 0;
}

void dns_cancel(struct dns_question *q)
{
	wheel_cancel(loop_wheel(q->dns->loop), &q->timer);
	q->fn = NULL;
}

/* ---- the context ---- */

/* Without a file there is one thread's worth of everything, and no log but errors on none. */
static int set_options(struct ub_ctx *ub)
{
	static const struct {
		const char *name, *value;
	} options[] = {
		{"module-config:", "iterator"},
		{"msg-cache-size:", CACHE_BYTES},
		{"rrset-cache-size:", CACHE_BYTES},
		{"do-not-query-localhost:", "no"}, /* a resolver of this host is as good as any */
		{"use-syslog:", "no"},
		{"cache-max-negative-ttl:", "60"},
		{"outgoing-range:", "256"},
		{"num-queries-per-thread:", "256"},
	};
	int rc = 0;

	for (size_t i = 0; i < ARRAY_LEN(options) && rc == 0; i++)
		rc = ub_ctx_set_option(ub, options[i].name, options[i].value);
	return rc;
}

static int set_servers(struct ub_ctx *ub, const struct dns_config *c, char *why)
{
	const char *file = c->resolv_conf ? c->resolv_conf : "/etc/resolv.conf";

	for (size_t i = 0; i < c->n_servers; i++) {
		int rc = ub_ctx_set_fwd(ub, c->servers[i]);
		if (rc == 0)
			continue;
		snprintf(why, DNS_WHY_LEN, "%s is not the address of a resolver: %s", c->servers[i],
			ub_strerror(rc));
		return ERR_CONFIG;
	}
	int rc = c->n_servers == 0 ? ub_ctx_resolvconf(ub, file) : 0;
	if (rc == 0) {
		file = c->hosts;
		rc = file ? ub_ctx_hosts(ub, file) : 0;
	}
	if (rc == 0)
		return 0;
	snprintf(why, DNS_WHY_LEN, "%s: %s", file, ub_strerror(rc));
	return ERR_CONFIG;
}

/* libunbound would answer for "test." itself (RFC 6761 §6.2). Whether there are such names is for
 * the resolver to say that was named to us. This is the last setting: it starts the context. */
static int open_zones(struct ub_ctx *ub, char *why)
{
	int rc = ub_ctx_zone_add(ub, "test.", "transparent");

	if (rc == 0)
		return 0;
	snprintf(why, DNS_WHY_LEN, "DNS cannot be set up: %s", ub_strerror(rc));
	return ERR_CONFIG;
}

static int start(struct dns *d, const struct dns_config *c, char *why)
{
	d->ub = ub_ctx_create_event(loop_base(c->loop));
	if (!d->ub || set_options(d->ub) != 0) {
		snprintf(why, DNS_WHY_LEN, "libunbound cannot be set up on our event loop");
		return ERR_CONFIG;
	}
	int rc = set_servers(d->ub, c, why);
	return rc == 0 ? open_zones(d->ub, why) : rc;
}

int dns_create(const struct dns_config *c, struct dns **out, char why[DNS_WHY_LEN])
{
	struct dns *d = calloc(1, sizeof(*d));

	if (!d) {
		snprintf(why, DNS_WHY_LEN, "out of memory");
		return -ENOMEM;
	}
	d->loop = c->loop;
	d->timeout_ms = c->timeout_ms;
	d->max_questions = c->max_questions;
	list_init(&d->questions);
	list_init(&d->ready);
	loop_deferred_init(&d->hand_out, hand_out, d);
	int rc = start(d, c, why);
	if (rc == 0)
		*out = d;
	else
		dns_destroy(d);
	return rc;
}

void dns_destroy(struct dns *d)
{
	if (!d)
		return;
	if (d->ub)
		ub_ctx_delete(d->ub); /* answers all that is under way, by SERVFAIL */
	loop_deferred_cancel(&d->hand_out);
	list_for_each_safe (it, &d->questions)
		forget(CONTAINER_OF(it, struct dns_question, link));
	free(d);
}
