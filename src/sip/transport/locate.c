/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * Locating SIP servers (RFC 3263 §4) in up to three steps, each of which asks all its questions at
 * once: NAPTR says by which transports, SRV at which hosts and ports, A and AAAA at which
 * addresses. What the URI says itself leaves steps out.
 */
#include <assert.h>
#include <errno.h>
#include <stdlib.h>

#include "locate_priv.h"

static void next_step(struct sip_location *at);

/* ---- questions ---- */

/* An error is kept in AT, and the others go on. */
static int ask(struct sip_location *at, const char *name, enum dns_type type, uint32_t index,
	dns_answer_fn fn)
{
	const struct sip_locator_dns *dns = &at->locator->config.dns;

	assert(at->n_questions < LOCATE_QUESTIONS_MAX);
	struct locate_question *q = &at->questions[at->n_questions++];
	*q = (struct locate_question){.at = at, .index = index};
	int rc = dns->ask(dns->arg, name, type, fn, q, &q->dns);
	if (rc == 0)
		at->n_waiting++;
	else
		at->rc = rc;
	return rc;
}

/* Q has its answer. */
static struct sip_location *answered(
	struct locate_question *q, int rc, const struct dns_record *records, size_t n)
{
	struct sip_location *at = q->at;

	q->dns = NULL;
	at->n_waiting--;
	if (rc != 0)
		at->rc = rc;
	else if (n > 0 && records[0].ttl_s < at->ttl_s)
		at->ttl_s = records[0].ttl_s;
	return at;
}

static void ask_no_more(struct sip_location *at)
{
	for (size_t i = 0; i < at->n_questions; i++) {
		if (at->questions[i].dns)
			at->locator->config.dns.cancel(at->questions[i].dns);
	}
	at->n_questions = at->n_waiting = 0;
}

static void go_on(struct sip_location *at)
{
	if (at->n_waiting > 0)
		return;
	at->n_questions = 0;
	next_step(at);
}

/* ---- answers ---- */

static void on_naptr(void *arg, int rc, const struct dns_record *records, size_t n)
{
	struct sip_location *at = answered(arg, rc, records, n);

	if (rc == 0)
		locate_take_naptr(at, records, n);
	go_on(at);
}

static void on_srv(void *arg, int rc, const struct dns_record *records, size_t n)
{
	struct locate_question *q = arg;
	struct sip_location *at = answered(q, rc, records, n);
	struct locate_service *s = &at->services[q->index];

	s->rc = rc;
	if (rc == 0 && n > 0) {
		s->records = malloc(n * sizeof(*records));
		if (!s->records)
			s->rc = at->rc = -ENOMEM;
	}
	if (s->records) {
		memcpy(s->records, records, n * sizeof(*records));
		s->n = n;
	}
	go_on(at);
}

/* What cannot be asked for is not known to be missing. */
static void ask_srv(struct sip_location *at)
{
	for (size_t i = 0; i < at->n_services; i++) {
		struct locate_service *s = &at->services[i];
		s->rc = ask(at, s->name, DNS_SRV, (uint32_t)i, on_srv);
	}
}

static void on_address(void *arg, int rc, const struct dns_record *records, size_t n)
{
	struct locate_question *q = arg;
	struct sip_location *at = answered(q, rc, records, n);

	if (rc == 0)
		locate_take_addresses(&at->hosts[q->index], records, n);
	go_on(at);
}

static bool wants(const struct sip_location *at, enum addr_family family)
{
	const struct sip_locator_config *c = &at->locator->config;
	uint8_t ours = at->hop.local.family;

	if (ours != ADDR_NONE && ours != family)
		return false;
	return family == ADDR_IPV6 ? c->has_ipv6 : c->has_ipv4;
}

static void ask_addresses(struct sip_location *at)
{
	for (uint32_t i = 0; i < at->n_hosts; i++) {
		if (wants(at, ADDR_IPV6))
			(void)ask(at, at->hosts[i].name, DNS_AAAA, i, on_address);
		if (wants(at, ADDR_IPV4))
			(void)ask(at, at->hosts[i].name, DNS_A, i, on_address);
	}
}

/* ---- steps ---- */

static void finish(struct sip_location *at)
{
	struct sip_locator *l = at->locator;

	at->step = STEP_DONE;
	ask_no_more(at);
	wheel_cancel(l->config.wheel, &at->timer);
	list_remove(&at->link);
	list_append(&l->done, &at->link);
	loop_deferred_run(l->config.loop, &l->tell);
}

/* All questions of the step that ends are answered. A question may fail at once, so that a step has
 * none that waits. */
static void next_step(struct sip_location *at)
{
	do {
		switch (at->step) {
		case STEP_NAPTR:
			at->step = STEP_SRV;
			/* §4.1: no NAPTR; then by any transport we have, the safest first. */
			if (at->n_services == 0) {
				locate_add_service(at, SIP_TLS);
				locate_add_service(at, SIP_TCP);
				locate_add_service(at, SIP_UDP);
			}
			ask_srv(at);
			break;
		case STEP_SRV:
			locate_take_services(at);
			at->step = STEP_ADDRESS;
			ask_addresses(at);
			break;
		case STEP_ADDRESS:
		case STEP_DONE:
		default:
			locate_take_hosts(at);
			finish(at);
			return;
		}
	} while (at->n_waiting == 0);
}

/* §4.1, §4.2: what the URI says itself is not asked for. */
static void begin(struct sip_location *at)
{
	enum sip_transport t = locate_default_transport(at);
	uint16_t port = at->hop.port != 0 ? at->hop.port : sip_transport_port(t);
	bool is_said = at->hop.port != 0 || at->hop.transport != SIP_TRANSPORT_OTHER;
	struct addr numeric;
	bool is_numeric = addr_parse(at->hop.host, 0, &numeric) == 0;

	if ((is_said || is_numeric) && !locate_can_send_by(at, t)) {
		at->rc = ERR_UNSUPPORTED;
		finish(at);
	} else if (is_numeric) {
		if (wants(at, numeric.family))
			(void)locate_add_target(at, t, &numeric, port);
		finish(at);
	} else if (at->hop.port != 0) {
		at->step = STEP_ADDRESS;
		(void)locate_add_host(at, t, at->hop.host, port);
		ask_addresses(at);
		go_on(at);
	} else if (is_said) {
		at->step = STEP_SRV;
		locate_add_service(at, t);
		ask_srv(at);
		go_on(at);
	} else {
		(void)ask(at, at->hop.host, DNS_NAPTR, 0, on_naptr);
		go_on(at);
	}
}

static void on_time_out(struct wheel_timer *t, void *arg)
{
	struct sip_location *at = CONTAINER_OF(t, struct sip_location, timer);

	(void)arg;
	at->rc = -ETIMEDOUT;
	if (at->step == STEP_ADDRESS)
		locate_take_hosts(at); /* some may be better than none */
	finish(at);
}

/* ---- life ---- */

static void forget(struct sip_location *at)
{
	ask_no_more(at);
	wheel_cancel(at->locator->config.wheel, &at->timer);
	list_remove(&at->link);
	at->locator->n--;
	for (size_t i = 0; i < at->n_services; i++)
		free(at->services[i].records);
	free(at);
}

static void tell(void *arg)
{
	struct sip_locator *l = arg;
	struct list head;

	list_take(&l->done, &head);
	while (!list_is_empty(&head)) {
		struct sip_location *at = CONTAINER_OF(head.next, struct sip_location, link);
		int rc = at->n_targets > 0 ? 0 : at->rc != 0 ? at->rc : ERR_NOT_FOUND;
		metrics_add(l->config.cells,
			rc == 0 ? SIP_TRANSPORT_C_LOCATED : SIP_TRANSPORT_C_NOT_LOCATED, 1);
		list_remove(&at->link);
		at->fn(at->arg, rc, at->targets, at->n_targets);
		forget(at);
	}
}

struct sip_locator *sip_locator_create(const struct sip_locator_config *c)
{
	struct sip_locator *l = calloc(1, sizeof(*l));

	if (!l)
		return NULL;
	l->config = *c;
	list_init(&l->under_way);
	list_init(&l->done);
	loop_deferred_init(&l->tell, tell, l);
	return l;
}

void sip_locator_destroy(struct sip_locator *l)
{
	if (!l)
		return;
	loop_deferred_cancel(&l->tell);
	list_for_each_safe (it, &l->under_way)
		forget(CONTAINER_OF(it, struct sip_location, link));
	list_for_each_safe (it2, &l->done)
		forget(CONTAINER_OF(it2, struct sip_location, link));
	free(l);
}

int sip_locate(struct sip_locator *l, const struct sip_next_hop *hop, sip_located_fn fn, void *arg,
	struct sip_location **out)
{
	if (l->n >= l->config.max)
		return ERR_FULL;
	struct sip_location *at = calloc(1, sizeof(*at));
	if (!at)
		return -ENOMEM;
	at->locator = l;
	at->hop = *hop;
	at->ttl_s = UINT32_MAX;
	at->fn = fn;
	at->arg = arg;
	l->n++;
	list_append(&l->under_way, &at->link);
	wheel_timer_init(&at->timer, on_time_out);
	wheel_set(l->config.wheel, &at->timer, l->config.clock->mono_ms + l->config.timeout_ms);
	begin(at);
	if (out)
		*out = at;
	return 0;
}

void sip_locate_cancel(struct sip_location *at)
{
	forget(at);
}

/* ---- DNS ---- */

static int ask_dns(void *arg, const char *name, enum dns_type type, dns_answer_fn fn, void *fn_arg,
	struct dns_question **out)
{
	return dns_ask(arg, name, type, fn, fn_arg, out);
}

struct sip_locator_dns sip_locator_dns_of(struct dns *d)
{
	return (struct sip_locator_dns){ask_dns, dns_cancel, d};
}
