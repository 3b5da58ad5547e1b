/* SPDX-License-Identifier: BSD-3-Clause */
/* Server transactions (RFC 3261 §17.2; RFC 6026 §7.1 for what follows a 2xx). */
#include <errno.h>
#include <stdlib.h>

#include "transaction_priv.h"

#define REFUSALS_PER_S 5 /* in the log */

static bool is_open(const struct server_transaction *s)
{
	return s->t.state == STATE_WAITING || s->t.state == STATE_PROCEEDING;
}

void server_free(struct server_transaction *s)
{
	struct transactions *l = s->t.layer;

	kept_drop(&s->t, &s->t.sent);
	kept_drop(&s->t, &s->head);
	share_give(&l->askers, s->t.share);
	free(s);
}

static void end(struct server_transaction *s, enum transaction_end why)
{
	struct transactions *l = s->t.layer;

	transaction_unlink(&s->t, &l->servers);
	metrics_sub(l->config.cells, TRANSACTION_C_SERVER, 1);
	if (why == TRANSACTION_TIMEOUT)
		count(l, TRANSACTION_C_TIMEOUT_SERVER);
	if (why == TRANSACTION_UNSENT)
		count(l, TRANSACTION_C_UNSENT);
	if (s->events)
		s->events->ended(s->arg, s, why);
	server_free(s);
}

/* If the connection of the request is gone, a new one to where its sender listens will do
 * (RFC 3261 §18.2.2). */
static int send_reply(const struct server_transaction *s, struct sip_str message)
{
	struct transactions *l = s->t.layer;
	struct transaction_hop to = s->t.hop;
	int err = transaction_carry(l, &to, message);

	if (err == 0 || !to.is_reliable)
		return err;
	to.flow = 0;
	to.remote.port = s->fallback_port;
	return transaction_carry(l, &to, message);
}

/* The user is not told from within his own call: the timer does it. */
static void fail_soon(struct server_transaction *s)
{
	s->t.state = STATE_FAILED;
	wheel_cancel(s->t.layer->config.wheel, &s->t.repeat);
	transaction_timeout_in(&s->t, 0);
}

static void send_or_fail(struct server_transaction *s)
{
	if (send_reply(s, kept_str(&s->t.sent)) != 0)
		fail_soon(s);
}

static void send_trying(struct server_transaction *s)
{
	struct transaction_reply trying = {.status = 100};
	struct sip_str message;

	if (compose_reply(s, &trying, &message) != 0)
		return;
	(void)send_reply(s, message); /* as good as lost: the INVITE comes again */
	count(s->t.layer, TRANSACTION_C_TRYING);
}

static void on_timeout(struct wheel_timer *timer, void *arg)
{
	struct server_transaction *s = CONTAINER_OF(timer, struct server_transaction, t.timeout);

	(void)arg;
	if (s->t.state == STATE_FAILED)
		end(s, TRANSACTION_UNSENT);
	else if (is_open(s) || (s->t.is_invite && s->t.state == STATE_COMPLETED))
		end(s, TRANSACTION_TIMEOUT);
	else
		end(s, TRANSACTION_DONE);
}

/* The time for 100 Trying, or timer G. */
static void on_repeat(struct wheel_timer *timer, void *arg)
{
	struct server_transaction *s = CONTAINER_OF(timer, struct server_transaction, t.repeat);
	unsigned next = s->t.interval_ms * 2, t2_ms = s->t.layer->config.timers.t2_ms;

	(void)arg;
	if (s->t.state == STATE_WAITING) {
		send_trying(s);
	} else if (send_reply(s, kept_str(&s->t.sent)) != 0) {
		end(s, TRANSACTION_UNSENT);
	} else {
		count(s->t.layer, TRANSACTION_C_REPEATED_OUT);
		transaction_repeat_again(&s->t, next < t2_ms ? next : t2_ms);
	}
}

/* ---- requests ---- */

/* The last eighth is kept for requests within dialogs. */
static bool has_room(
	const struct transactions *l, const struct transaction_hop *from, bool is_within)
{
	return share_is_free(&l->askers, &from->remote, from->place,
		       transaction_room(l->config.max_server, is_within)) &&
	       share_has_bytes(&l->askers, &from->remote, from->place, l->bytes,
		       transaction_room(l->config.max_bytes, is_within));
}

/* What replies are made of may be over a bound when it says where the request has come from. */
static int make_head(struct transactions *l, const struct sip_msg *m,
	const struct transaction_hop *from, struct sip_str *out)
{
	struct sip_msg head;
	int err = compose_head(l, m, from, out);

	if (err || out->len <= SIP_HEADER_MAX)
		return err;
	return sip_msg_decode(out->at, out->len, SIP_DATAGRAM, &head) == SIP_FINE ? 0
										  : ERR_TOO_LARGE;
}

/* HEAD is what replies want of M. NULL: no memory. */
static struct server_transaction *make(struct transactions *l, const struct transaction_key *key,
	const struct sip_msg *m, const struct transaction_hop *from, struct sip_str head)
{
	struct server_transaction *s = calloc(1, sizeof(*s));

	if (!s)
		return NULL;
	transaction_init(&s->t, l, on_repeat, on_timeout);
	s->t.key = *key;
	s->t.is_invite = m->method == SIP_INVITE;
	reply_hop(m, from, &s->t.hop, &s->fallback_port);
	s->t.share = share_take(&l->askers, &from->remote, from->place);
	if (!s->t.share || kept_set(&s->t, &s->head, head) != 0 ||
		hash_table_insert(&l->servers, &s->t.node, key->a) != 0) {
		server_free(s);
		return NULL;
	}
	return s;
}

static const struct refusal {
	enum transaction_counter row;
	unsigned status;
	const char *name, *text;
} full = {TRANSACTION_C_REFUSED_FULL, 503, "full", "no room for more transactions, or of yours"},
  memory = {TRANSACTION_C_REFUSED_MEMORY, 503, "memory", "no memory"},
  too_large = {TRANSACTION_C_REFUSED_MALFORMED, 513, "too_large", "too much for a response"};

static void refuse(struct transactions *l, const struct sip_msg *m,
	const struct transaction_hop *from, const struct transaction_key *key,
	const struct refusal *why)
{
	char a[ADDR_TEXT_LEN];
	uint32_t held;

	count(l, why->row);
	if (log_limit_ok(&l->log_refused, now_ms(l), REFUSALS_PER_S, &held))
		log_info(LOG_SIP, "request refused", "from=%s status=%u why=%s held=%u",
			log_addr(&from->remote, a), why->status, why->name, held);
	answer(l, m, from, why->status, key, why->text);
}

void server_open(struct transactions *l, const struct transaction_key *key, const struct sip_msg *m,
	const struct transaction_hop *from)
{
	struct server_transaction *s;
	struct sip_str head;

	if (!has_room(l, from, m->to_tag.at != NULL)) {
		refuse(l, m, from, key, &full);
		return;
	}
	if (make_head(l, m, from, &head) != 0) {
		refuse(l, m, from, key, &too_large);
		return;
	}
	s = make(l, key, m, from, head);
	if (!s) {
		refuse(l, m, from, key, &memory);
		return;
	}
	metrics_add(l->config.cells, TRANSACTION_C_SERVER, 1);
	if (s->t.is_invite) {
		count(l, TRANSACTION_C_SERVER_INVITE);
		wheel_set(l->config.wheel, &s->t.repeat, now_ms(l) + l->config.timers.trying_ms);
	} else {
		count(l, TRANSACTION_C_SERVER_OTHER);
		transaction_timeout_in(&s->t, 64 * l->config.timers.t1_ms);
	}
	l->config.user.request(l->config.user.arg, s, m);
}

void server_repeated(struct server_transaction *s)
{
	count(s->t.layer, TRANSACTION_C_REPEATED_IN);
	if (s->t.state == STATE_WAITING && s->t.is_invite)
		send_trying(s);
	else if (s->t.state == STATE_PROCEEDING || s->t.state == STATE_COMPLETED)
		(void)send_reply(s, kept_str(&s->t.sent)); /* it will be asked for again */
}

void server_ack(
	struct server_transaction *s, const struct sip_msg *m, const struct transaction_hop *from)
{
	struct transactions *l = s->t.layer;

	if (s->t.state == STATE_ACCEPTED)
		l->config.user.ack(l->config.user.arg, m, from);
	else if (s->t.state == STATE_COMPLETED)
		transaction_absorb(&s->t, STATE_CONFIRMED, l->config.timers.t4_ms);
}

/*
 * The CANCEL is answered from what it cancels, with the same tag, and needs no transaction of its
 * own: a repetition gets the same answer.
 */
void server_cancel(
	struct server_transaction *s, const struct sip_msg *m, const struct transaction_hop *from)
{
	static const struct transaction_reply terminated = {.status = 487};

	answer(s->t.layer, m, from, 200, &s->t.key, NULL);
	if (!is_open(s))
		return;
	count(s->t.layer, TRANSACTION_C_CANCELLED);
	if (s->events && s->events->cancelled)
		s->events->cancelled(s->arg, s, m);
	if (is_open(s))
		(void)server_transaction_reply(s, &terminated);
}

/* ---- replies ---- */

static void enter_final(struct server_transaction *s, unsigned status)
{
	struct transactions *l = s->t.layer;
	unsigned t1_ms = l->config.timers.t1_ms;

	wheel_cancel(l->config.wheel, &s->t.repeat);
	if (!s->t.is_invite) {
		transaction_absorb(&s->t, STATE_COMPLETED, 64 * t1_ms); /* timer J */
	} else {
		s->t.state = status < 300 ? STATE_ACCEPTED : STATE_COMPLETED;
		transaction_timeout_in(&s->t, 64 * t1_ms); /* timers L and H */
		if (s->t.state == STATE_COMPLETED)
			transaction_repeat_start(&s->t, t1_ms);
	}
	kept_drop(&s->t, &s->head);
}

int server_transaction_reply(struct server_transaction *s, const struct transaction_reply *r)
{
	struct transactions *l = s->t.layer;
	struct sip_str message;
	int err;

	if (!is_open(s))
		return -EALREADY;
	err = compose_reply(s, r, &message);
	if (err == 0)
		err = kept_set(&s->t, &s->t.sent, message);
	if (err)
		return err;
	if (r->status >= 200) {
		enter_final(s, r->status);
	} else {
		wheel_cancel(l->config.wheel, &s->t.repeat);
		s->t.state = STATE_PROCEEDING;
	}
	send_or_fail(s);
	return 0;
}

void server_transaction_repeat(struct server_transaction *s)
{
	if (s->t.state != STATE_ACCEPTED)
		return;
	count(s->t.layer, TRANSACTION_C_REPEATED_OUT);
	send_or_fail(s);
}

void server_transaction_take(
	struct server_transaction *s, const struct server_events *events, void *arg)
{
	s->events = events;
	s->arg = arg;
}

void server_transaction_leave(struct server_transaction *s)
{
	static const struct transaction_reply failed = {.status = 500};

	s->events = NULL;
	if (is_open(s) && server_transaction_reply(s, &failed) != 0)
		fail_soon(s);
}

void server_transaction_tag(const struct server_transaction *s, char out[TRANSACTION_TAG_LEN])
{
	tag_make(s->t.layer, &s->t.key, out);
}

const struct transaction_hop *server_transaction_hop(const struct server_transaction *s)
{
	return &s->t.hop;
}
