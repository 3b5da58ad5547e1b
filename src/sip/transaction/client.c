/* SPDX-License-Identifier: BSD-3-Clause */
/* Client transactions (RFC 3261 §17.1; RFC 6026 §7.2 for what follows a 2xx). */
#include <errno.h>
#include <stdlib.h>

#include "transaction_priv.h"

void client_free(struct client_transaction *c)
{
	struct transactions *l = c->t.layer;

	flow_users_leave(c);
	kept_drop(&c->t, &c->t.sent);
	kept_drop(&c->t, &c->cancel_fields);
	kept_drop(&c->t, &c->ack);
	share_give(&l->asked, c->t.share);
	free(c);
}

static void end(struct client_transaction *c, enum transaction_end why)
{
	struct transactions *l = c->t.layer;

	transaction_unlink(&c->t, &l->clients);
	flow_users_leave(c);
	metrics_sub(l->config.cells, TRANSACTION_C_CLIENT, 1);
	if (why == TRANSACTION_TIMEOUT)
		count(l, TRANSACTION_C_TIMEOUT_CLIENT);
	if (why == TRANSACTION_UNSENT)
		count(l, TRANSACTION_C_UNSENT);
	if (c->events)
		c->events->ended(c->arg, c, why);
	client_free(c);
}

/* The flow is gone, or the carrier could not send. What has its answer does not mind. */
void client_fail(struct client_transaction *c)
{
	if (c->t.state == STATE_WAITING || c->t.state == STATE_PROCEEDING)
		end(c, TRANSACTION_UNSENT);
}

static void on_timeout(struct wheel_timer *timer, void *arg)
{
	struct client_transaction *c = CONTAINER_OF(timer, struct client_transaction, t.timeout);
	bool is_answered = c->t.state == STATE_COMPLETED || c->t.state == STATE_ACCEPTED;

	(void)arg;
	end(c, is_answered ? TRANSACTION_DONE : TRANSACTION_TIMEOUT);
}

/* Timers A and E. */
static void on_repeat(struct wheel_timer *timer, void *arg)
{
	struct client_transaction *c = CONTAINER_OF(timer, struct client_transaction, t.repeat);
	struct transactions *l = c->t.layer;
	unsigned next = c->t.interval_ms * 2, t2_ms = l->config.timers.t2_ms;

	(void)arg;
	if (transaction_send(&c->t) != 0) {
		client_fail(c);
		return;
	}
	count(l, TRANSACTION_C_REPEATED_OUT);
	if (!c->t.is_invite && (next > t2_ms || c->t.state == STATE_PROCEEDING))
		next = t2_ms;
	transaction_repeat_again(&c->t, next);
}

/* ---- starting ---- */

/* Into the table, and out. On failure all is as it was but for C, which is the caller's. */
static int launch(struct client_transaction *c)
{
	struct transactions *l = c->t.layer;
	int err = hash_table_insert(&l->clients, &c->t.node, c->t.key.a);

	if (err)
		return err;
	err = transaction_carry_request(l, &c->t.hop, kept_str(&c->t.sent));
	if (err) {
		count(l, TRANSACTION_C_UNSENT);
		hash_table_remove(&l->clients, &c->t.node);
		return err;
	}
	flow_users_join(c);
	transaction_repeat_start(&c->t, l->config.timers.t1_ms);
	transaction_timeout_in(&c->t, 64 * l->config.timers.t1_ms);
	metrics_add(l->config.cells, TRANSACTION_C_CLIENT, 1);
	count(l, c->t.is_invite ? TRANSACTION_C_CLIENT_INVITE : TRANSACTION_C_CLIENT_OTHER);
	return 0;
}

static struct client_transaction *make(
	struct transactions *l, enum sip_method method, const struct transaction_hop *to)
{
	struct client_transaction *c = calloc(1, sizeof(*c));

	if (!c)
		return NULL;
	transaction_init(&c->t, l, on_repeat, on_timeout);
	list_init(&c->by_flow);
	c->t.hop = *to;
	c->t.is_invite = method == SIP_INVITE;
	c->t.share = share_take(&l->asked, &to->remote, to->place);
	if (!c->t.share) {
		free(c);
		return NULL;
	}
	return c;
}

/* C has its branch. MESSAGE is what it sends. */
static int start(struct client_transaction *c, struct sip_str method_name, struct sip_str message)
{
	int err = kept_set(&c->t, &c->t.sent, message);

	key_of_branch(c->t.layer, sip_str_c(c->branch), method_name, &c->t.key);
	if (err == 0)
		err = launch(c);
	if (err)
		client_free(c);
	return err;
}

/* ACK and CANCEL are made of the INVITE as it was sent. */
static bool can_be_followed(struct sip_str message)
{
	struct sip_msg m;

	return sip_msg_decode(message.at, message.len, SIP_DATAGRAM, &m) == SIP_FINE;
}

/* The last eighth is kept for what ends calls. */
static bool has_room(
	const struct transactions *l, const struct transaction_hop *to, enum sip_method method)
{
	bool may_all = method != SIP_INVITE;
	size_t n = transaction_room(l->config.max_client, may_all);
	size_t bytes = transaction_room(l->config.max_bytes, may_all);

	if (may_all)
		return l->clients.count < n && l->bytes < bytes;
	return share_is_free(&l->asked, &to->remote, to->place, n) &&
	       share_has_bytes(&l->asked, &to->remote, to->place, l->bytes, bytes);
}

int client_transaction_start(struct transactions *l, const struct transaction_request *r,
	const struct transaction_hop *to, const struct client_events *events, void *arg,
	struct client_transaction **out)
{
	struct client_transaction *c;
	struct sip_str message;
	int err;

	if (!has_room(l, to, r->method))
		return ERR_FULL;
	c = make(l, r->method, to);
	if (!c)
		return -ENOMEM;
	branch_make(l, ++l->n_branches, BRANCH_OF_TRANSACTION, c->branch);
	c->events = events;
	c->arg = arg;
	err = compose_request(l, r, to, c->branch, &message);
	if (err == 0 && c->t.is_invite && !can_be_followed(message))
		err = ERR_TOO_LARGE;
	if (err) {
		client_free(c);
		return err;
	}
	err = start(c, request_method_name(r), message);
	if (err == 0)
		*out = c;
	return err;
}

/* ---- cancelling ---- */

static int send_cancel(struct client_transaction *c)
{
	struct transactions *l = c->t.layer;
	struct client_transaction *cancel;
	struct sip_str message;
	int err = ERR_FULL;

	c->wants_cancel = false;
	transaction_timeout_in(&c->t, 64 * l->config.timers.t1_ms);
	if (l->clients.count >= l->config.max_client)
		return err;
	err = compose_cancel(c, kept_str(&c->cancel_fields), &message);
	if (err)
		return err;
	cancel = make(l, SIP_CANCEL, &c->t.hop);
	if (!cancel)
		return -ENOMEM;
	memcpy(cancel->branch, c->branch, sizeof(cancel->branch));
	return start(cancel, sip_str_c("CANCEL"), message);
}

int client_transaction_cancel(struct client_transaction *c, struct sip_str fields)
{
	bool is_open = c->t.state == STATE_WAITING || c->t.state == STATE_PROCEEDING;
	int err;

	if (!c->t.is_invite || !is_open || c->is_cancelled)
		return 0;
	err = kept_set(&c->t, &c->cancel_fields, fields);
	c->is_cancelled = true;
	if (c->t.state == STATE_PROCEEDING)
		return send_cancel(c);
	c->wants_cancel = true;
	return err;
}

/* ---- responses ---- */

static void deliver(struct client_transaction *c, const struct sip_msg *m)
{
	if (c->events)
		c->events->response(c->arg, c, m);
}

static void on_provisional(struct client_transaction *c, const struct sip_msg *m)
{
	struct wheel *w = c->t.layer->config.wheel;

	if (c->t.state == STATE_WAITING && c->t.is_invite) {
		wheel_cancel(w, &c->t.repeat);
		wheel_cancel(w, &c->t.timeout);
	}
	c->t.state = STATE_PROCEEDING;
	if (c->wants_cancel)
		(void)send_cancel(c); /* the timeout it has started ends C in any case */
	deliver(c, m);
}

/* An ACK that cannot be made or sent now is made when the response is repeated. */
static void acknowledge(struct client_transaction *c, const struct sip_msg *m)
{
	struct transactions *l = c->t.layer;
	struct sip_str message;

	if (!c->ack.data && compose_ack(c, m, &message) == 0)
		(void)kept_set(&c->t, &c->ack, message);
	if (c->ack.data)
		(void)transaction_carry_request(l, &c->t.hop, kept_str(&c->ack));
}

static void on_invite_final(struct client_transaction *c, const struct sip_msg *m)
{
	struct transactions *l = c->t.layer;

	if (m->status < 300) {
		c->t.state = STATE_ACCEPTED;
		wheel_cancel(l->config.wheel, &c->t.repeat);
		transaction_timeout_in(&c->t, 64 * l->config.timers.t1_ms); /* timer M */
	} else {
		acknowledge(c, m);
		transaction_absorb(&c->t, STATE_COMPLETED, l->config.timers.d_ms);
	}
	kept_drop(&c->t, &c->cancel_fields);
	deliver(c, m);
}

static void on_repeated(struct client_transaction *c, const struct sip_msg *m)
{
	count(c->t.layer, TRANSACTION_C_REPEATED_IN);
	if (c->t.state == STATE_ACCEPTED && m->status >= 200 && m->status < 300)
		deliver(c, m);
	else if (c->t.state == STATE_COMPLETED && c->t.is_invite && m->status >= 300)
		acknowledge(c, m);
}

void client_receive(struct client_transaction *c, const struct sip_msg *m)
{
	struct transactions *l = c->t.layer;

	if (c->t.state != STATE_WAITING && c->t.state != STATE_PROCEEDING) {
		on_repeated(c, m);
	} else if (m->status < 200) {
		on_provisional(c, m);
	} else if (c->t.is_invite) {
		on_invite_final(c, m);
	} else {
		transaction_absorb(&c->t, STATE_COMPLETED, l->config.timers.t4_ms);
		deliver(c, m);
	}
}

void client_transaction_leave(struct client_transaction *c)
{
	c->events = NULL;
}

const struct transaction_hop *client_transaction_hop(const struct client_transaction *c)
{
	return &c->t.hop;
}

/* Our own request line: two spaces, and none in the URI. */
struct sip_str client_transaction_uri(const struct client_transaction *c)
{
	const char *end = c->t.sent.data + c->t.sent.len;
	const char *from = memchr(c->t.sent.data, ' ', c->t.sent.len);

	from++;
	return sip_str_of(
		from, (size_t)((const char *)memchr(from, ' ', (size_t)(end - from)) - from));
}

int transactions_send_ack(struct transactions *l, const struct transaction_request *r,
	struct transaction_hop *to, uint64_t call)
{
	char branch[BRANCH_LEN];
	struct sip_str message;
	int err;

	branch_make(l, call, BRANCH_OF_CALL, branch);
	err = compose_request(l, r, to, branch, &message);
	return err ? err : transaction_carry_request(l, to, message);
}
