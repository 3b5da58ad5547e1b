/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * Whether the addresses of gateways live: asked by OPTIONS (RFC 3261 §11), and taught by calls. So
 * many misses in a row take one down; what answers anything but 408 and 503 is up again. Neither
 * lasts less than HOLD_MS, so that a gateway at its limit does not go up and down with each call.
 */
#include <errno.h>

#include "trunk_priv.h"

#define HOLD_MS      3000
#define WAIT_MS      10000 /* for an answer */
#define RETRY_MS     60000 /* a trunk that is not asked gets another chance */
#define FIRST_MS     5000  /* in which all are asked for the first time */
#define AVOID_MOST_S 3600  /* a Retry-After of more counts as this */

/* ---- what is known ---- */

static void log_target(const struct target *t, const char *event)
{
	char address[ADDR_TEXT_LEN];

	log_notice(LOG_SIP, event, "trunk=%s address=%s", t->trunk->config.name,
		addr_format(&t->at.addr, address));
}

static void schedule(struct target *t)
{
	struct trunk *k = t->trunk;
	uint64_t now = trunk_now(k);
	uint64_t wait_ms = RETRY_MS;

	if (k->is_retired || !k->config.is_enabled)
		return;
	if (t->avoid_until_ms > now)
		wait_ms = t->avoid_until_ms - now;
	else if (k->config.sends_options)
		wait_ms = trunk_jitter(k, (uint64_t)k->config.interval_s * 1000);
	trunk_timer(k, &t->timer, wait_ms);
}

void health_alive(struct target *t)
{
	bool was_down = t->is_down;

	if (was_down && trunk_now(t->trunk) - t->since_ms < HOLD_MS)
		return;
	t->misses = 0;
	t->is_down = false;
	if (was_down)
		log_target(t, "gateway address answers");
	trunk_settle(t->trunk);
}

void health_missed(struct target *t, uint32_t avoid_s)
{
	struct trunk *k = t->trunk;
	uint32_t s = avoid_s < AVOID_MOST_S ? avoid_s : AVOID_MOST_S;

	if (avoid_s > 0) {
		t->avoid_until_ms = trunk_now(k) + (uint64_t)s * 1000;
		if (!t->options)
			schedule(t);
	}
	if (t->misses < k->config.fail_after)
		t->misses++;
	if (t->misses >= k->config.fail_after && !t->is_down) {
		t->is_down = true;
		t->since_ms = trunk_now(k);
		log_target(t, "gateway address is silent");
		if (!t->options && avoid_s == 0 && !k->config.sends_options)
			schedule(t);
	}
	trunk_settle(k);
}

/* ---- asking ---- */

static void over(struct target *t)
{
	if (t->options)
		client_transaction_leave(t->options);
	t->options = NULL;
	schedule(t);
}

static void on_failed(struct target *t, uint32_t avoid_s)
{
	over(t);
	trunk_count(t->trunk, TRUNK_C_PINGS_FAILED);
	health_missed(t, avoid_s);
}

static uint32_t retry_after(const struct sip_msg *m)
{
	struct sip_retry_after r;

	return sip_retry_after_decode(sip_header_value(m, SIP_HEADER_RETRY_AFTER), &r) == 0
		       ? r.delay_s
		       : 0;
}

static void on_response(void *arg, struct client_transaction *c, const struct sip_msg *m)
{
	struct target *t = arg;

	(void)c;
	if (m->status < 200)
		return;
	if (m->status == 408 || m->status == 503) {
		on_failed(t, m->status == 503 ? retry_after(m) : 0);
		return;
	}
	over(t);
	trunk_count(t->trunk, TRUNK_C_PINGS_OK);
	health_alive(t);
}

static void on_ended(void *arg, struct client_transaction *c, enum transaction_end why)
{
	struct target *t = arg;

	(void)c;
	(void)why; /* without an answer, or it would have been left */
	t->options = NULL;
	on_failed(t, 0);
}

static const struct client_events events = {on_response, on_ended};

static void write_fields(struct sip_writer *w, const struct trunk *k, const char *contact)
{
	char token[TRUNK_TOKEN_LEN];

	sip_write_header_number(w, SIP_HEADER_MAX_FORWARDS, 70);
	sip_write_open(w, SIP_HEADER_FROM);
	sip_write_c(w, "<");
	sip_write_c(w, contact);
	sip_write_c(w, ">");
	trunk_token(token);
	sip_write_param(w, "tag", sip_str_c(token));
	sip_write_close(w);
	sip_write_open(w, SIP_HEADER_TO);
	sip_write_c(w, "<");
	request_uri(w, k, SIP_NONE);
	sip_write_c(w, ">");
	sip_write_close(w);
	trunk_token(token);
	sip_write_header_c(w, SIP_HEADER_CALL_ID, token);
	sip_write_cseq(w, 1, sip_str_c("OPTIONS"));
	sip_write_open(w, SIP_HEADER_CONTACT);
	sip_write_c(w, "<");
	sip_write_c(w, contact);
	sip_write_c(w, ">");
	sip_write_close(w);
	sip_write_header_c(w, SIP_HEADER_ACCEPT, "application/sdp");
}

static int send_options(struct target *t)
{
	struct trunk *k = t->trunk;
	struct trunks *all = k->all;
	struct transaction_request r = {.method = SIP_OPTIONS};
	struct transaction_hop hop = {.flow = 0};
	char contact[CONTACT_MAX], uri[SIP_URI_MAX];
	struct sip_writer w;
	int rc = all->config.user.hop(all->config.user.arg, trunk_index(k), &t->at, &hop);

	if (rc == 0)
		rc = request_contact(k, &hop, NULL, contact);
	if (rc != 0)
		return rc;
	sip_write_begin(&w, uri, sizeof(uri));
	request_uri(&w, k, SIP_NONE);
	if (w.failed)
		return ERR_TOO_LARGE;
	r.uri = sip_str_of(w.buf, w.len);
	sip_write_begin(&w, all->fields, sizeof(all->fields));
	write_fields(&w, k, contact);
	if (w.failed)
		return ERR_TOO_LARGE;
	r.fields = sip_str_of(w.buf, w.len);
	return client_transaction_start(all->transactions, &r, &hop, &events, t, &t->options);
}

static void ping(struct target *t)
{
	struct trunk *k = t->trunk;
	uint64_t interval_ms = (uint64_t)k->config.interval_s * 1000;
	int rc = send_options(t);

	if (rc == 0)
		trunk_timer(k, &t->timer, interval_ms < WAIT_MS ? interval_ms : WAIT_MS);
	else if (rc == ERR_FULL || rc == -ENOMEM)
		schedule(t); /* that is our trouble */
	else
		on_failed(t, 0);
}

static void on_timer(struct wheel_timer *timer, void *arg)
{
	struct target *t = CONTAINER_OF(timer, struct target, timer);
	struct trunk *k = t->trunk;

	(void)arg;
	if (t->options) {
		on_failed(t, 0);
	} else if (k->config.sends_options) {
		ping(t);
	} else if (t->is_down) {
		t->misses = k->config.fail_after - 1; /* one more, and it is down again */
		t->is_down = false;
		trunk_settle(k);
	} else {
		trunk_settle(k);
	}
}

/* ---- life ---- */

void health_init(struct target *t)
{
	wheel_timer_init(&t->timer, on_timer);
}

void health_start(struct target *t)
{
	struct trunk *k = t->trunk;
	uint64_t interval_ms = (uint64_t)k->config.interval_s * 1000;
	uint64_t spread_ms = interval_ms < FIRST_MS ? interval_ms : FIRST_MS;

	if (!k->config.sends_options && t->is_down)
		schedule(t); /* it was so before the trunk was taken out or disabled */
	else if (k->config.sends_options && k->config.is_enabled)
		trunk_timer(k, &t->timer, k->all->config.random_below((uint32_t)spread_ms));
}

void health_changed(struct target *t)
{
	if (t->options)
		return; /* its end sees to what comes next */
	wheel_cancel(t->trunk->all->config.wheel, &t->timer);
	if (t->trunk->config.sends_options)
		health_start(t);
	else if (t->is_down)
		schedule(t);
}

void health_stop(struct target *t)
{
	wheel_cancel(t->trunk->all->config.wheel, &t->timer);
	if (t->options)
		client_transaction_leave(t->options);
	t->options = NULL;
}

void health_ask(struct target *t)
{
	if (!t->is_down || t->options || t->trunk->is_retired ||
		t->avoid_until_ms > trunk_now(t->trunk) ||
		trunk_now(t->trunk) - t->since_ms < HOLD_MS)
		return;
	if (!t->trunk->config.sends_options)
		health_alive(t);
	else if (t->timer.at_ms > trunk_now(t->trunk) + HOLD_MS)
		trunk_timer(t->trunk, &t->timer, HOLD_MS); /* however often it sends */
}
