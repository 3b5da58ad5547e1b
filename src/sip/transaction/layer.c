/* SPDX-License-Identifier: BSD-3-Clause */
/* All transactions of a thread: which one a message belongs to, and what client and server share.
 */
#include <errno.h>
#include <stdlib.h>

#include <sallyport/crypto.h>

#include "transaction_priv.h"

const struct transaction_timers transaction_timers_default = {
	.t1_ms = 500, .t2_ms = 4000, .t4_ms = 5000, .d_ms = 32000, .trying_ms = 100};

struct transactions *transactions_create(const struct transactions_config *c)
{
	struct transactions *l = calloc(1, sizeof(*l));

	if (!l)
		return NULL;
	l->config = *c;
	hash_table_init(&l->servers);
	hash_table_init(&l->clients);
	hash_table_init(&l->flows);
	share_table_init(&l->askers, c->keys[0]);
	share_table_init(&l->asked, c->keys[1]);
	l->strangers = rate_table_create(&c->keys[0]);
	if (!l->strangers) {
		transactions_destroy(l);
		return NULL;
	}
	return l;
}

static void free_server(struct hash_node *n, void *arg)
{
	struct server_transaction *s = CONTAINER_OF(n, struct server_transaction, t.node);

	(void)arg;
	transaction_unlink(&s->t, &s->t.layer->servers);
	metrics_sub(s->t.layer->config.cells, TRANSACTION_C_SERVER, 1);
	server_free(s);
}

static void free_client(struct hash_node *n, void *arg)
{
	struct client_transaction *c = CONTAINER_OF(n, struct client_transaction, t.node);

	(void)arg;
	transaction_unlink(&c->t, &c->t.layer->clients);
	metrics_sub(c->t.layer->config.cells, TRANSACTION_C_CLIENT, 1);
	client_free(c);
}

void transactions_destroy(struct transactions *l)
{
	if (!l)
		return;
	hash_table_each(&l->servers, free_server, NULL);
	hash_table_each(&l->clients, free_client, NULL);
	hash_table_fini(&l->servers);
	hash_table_fini(&l->clients);
	hash_table_fini(&l->flows);
	share_table_fini(&l->askers);
	share_table_fini(&l->asked);
	rate_table_destroy(l->strangers);
	crypto_wipe_free(l, sizeof(*l));
}

/* ---- bytes ---- */

void kept_drop(struct transaction *t, struct kept *k)
{
	struct transactions *l = t->layer;

	if (t->share)
		t->share->bytes -= k->len;
	l->bytes -= k->len;
	metrics_sub(l->config.cells, TRANSACTION_C_BYTES, k->len);
	crypto_wipe_free(k->data, k->len); /* a description may have the keys of SRTP */
	*k = (struct kept){NULL, 0};
}

int kept_set(struct transaction *t, struct kept *k, struct sip_str data)
{
	struct transactions *l = t->layer;
	char *copy = malloc(data.len ? data.len : 1);

	if (!copy)
		return -ENOMEM;
	if (data.len)
		memcpy(copy, data.at, data.len);
	kept_drop(t, k);
	*k = (struct kept){copy, data.len};
	t->share->bytes += data.len;
	l->bytes += data.len;
	metrics_add(l->config.cells, TRANSACTION_C_BYTES, data.len);
	return 0;
}

/* ---- what both kinds do ---- */

void transaction_init(
	struct transaction *t, struct transactions *l, wheel_fn repeat, wheel_fn timeout)
{
	t->layer = l;
	wheel_timer_init(&t->repeat, repeat);
	wheel_timer_init(&t->timeout, timeout);
}

void transaction_unlink(struct transaction *t, struct hash_table *table)
{
	hash_table_remove(table, &t->node);
	wheel_cancel(t->layer->config.wheel, &t->repeat);
	wheel_cancel(t->layer->config.wheel, &t->timeout);
}

struct transaction *transaction_find(
	const struct hash_table *table, const struct transaction_key *key)
{
	struct hash_node *n = hash_table_first(table, key->a);

	for (; n; n = hash_table_next(n)) {
		struct transaction *t = CONTAINER_OF(n, struct transaction, node);
		if (t->key.b == key->b)
			return t;
	}
	return NULL;
}

void transaction_repeat_start(struct transaction *t, unsigned interval_ms)
{
	if (t->hop.is_reliable)
		return;
	t->interval_ms = interval_ms;
	wheel_set(t->layer->config.wheel, &t->repeat, now_ms(t->layer) + interval_ms);
}

void transaction_repeat_again(struct transaction *t, unsigned interval_ms)
{
	uint64_t now = now_ms(t->layer), at = t->repeat.at_ms + interval_ms;

	t->interval_ms = interval_ms;
	wheel_set(t->layer->config.wheel, &t->repeat, at > now ? at : now + interval_ms);
}

void transaction_timeout_in(struct transaction *t, unsigned ms)
{
	wheel_set(t->layer->config.wheel, &t->timeout, now_ms(t->layer) + ms);
}

void transaction_absorb(struct transaction *t, enum transaction_state state, unsigned ms)
{
	t->state = state;
	wheel_cancel(t->layer->config.wheel, &t->repeat);
	transaction_timeout_in(t, t->hop.is_reliable ? 0 : ms);
}

int transaction_carry(
	const struct transactions *l, struct transaction_hop *to, struct sip_str message)
{
	return l->config.carrier.send(l->config.carrier.arg, to, sip_str_bytes(message));
}

int transaction_carry_request(
	const struct transactions *l, struct transaction_hop *to, struct sip_str message)
{
	int err = transaction_carry(l, to, message);

	if ((err != ERR_NOT_FOUND && err != -EPIPE) || !to->is_reliable || to->flow == 0)
		return err;
	to->flow = 0;
	return transaction_carry(l, to, message);
}

int transaction_send(struct transaction *t)
{
	return transaction_carry(t->layer, &t->hop, kept_str(&t->sent));
}

/* ---- what has come ---- */

static struct server_transaction *find_server(
	const struct transactions *l, const struct transaction_key *key)
{
	struct transaction *t = transaction_find(&l->servers, key);

	return t ? CONTAINER_OF(t, struct server_transaction, t) : NULL;
}

static void receive_request(
	struct transactions *l, const struct sip_msg *m, const struct transaction_hop *from)
{
	struct transaction_key key;
	struct server_transaction *s;

	key_of_request(l, m, &key);
	s = find_server(l, &key);
	if (m->method == SIP_ACK) {
		if (s)
			server_ack(s, m, from);
		else
			l->config.user.ack(l->config.user.arg, m, from);
	} else if (m->method == SIP_CANCEL) {
		if (s) {
			server_cancel(s, m, from);
		} else {
			count(l, TRANSACTION_C_CANCEL_UNMATCHED);
			answer(l, m, from, 481, &key, NULL);
		}
	} else if (s) {
		server_repeated(s);
	} else {
		server_open(l, &key, m, from);
	}
}

static bool has_one_via(const struct sip_msg *m)
{
	struct sip_list vias = sip_list_of(m, SIP_HEADER_VIA);
	struct sip_str via;

	return sip_list_next(&vias, &via) == 1 && sip_list_next(&vias, &via) == 0;
}

/* Where none is said it is the transport's own (RFC 3261 §18.2.2). */
static uint16_t sent_by_port(const struct sip_via *via)
{
	if (via->port)
		return via->port;
	return via->transport == SIP_TLS || via->transport == SIP_WSS ? SIP_TLS_PORT : SIP_PORT;
}

/*
 * RFC 3261 §8.1.3.3, §18.1.2: the Via is ours, and there is no other. From where it comes is not
 * asked: it need not be the address that was asked (§18.2.2), and nobody else can know the branch.
 * But what was asked over a connection nobody answers by datagram.
 */
static bool is_answer_to(const struct transaction *t, const struct sip_msg *m,
	const struct sip_via *via, const struct transaction_hop *from)
{
	const struct transaction_carrier *c = &t->layer->config.carrier;
	struct sip_via_own own = {.port = 0};

	return from->is_reliable == t->hop.is_reliable && has_one_via(m) &&
	       c->via(c->arg, &t->hop, &own) == 0 && sip_host_equal(&via->host, &own.host) &&
	       sent_by_port(via) == own.port;
}

static void receive_response(
	struct transactions *l, const struct sip_msg *m, const struct transaction_hop *from)
{
	struct transaction_key key;
	struct transaction *t = NULL;
	struct sip_via via;

	if (sip_via_top(m, &via) == 0) {
		key_of_branch(l, via.branch, m->method_name, &key);
		t = transaction_find(&l->clients, &key);
	}
	if (t && is_answer_to(t, m, &via, from))
		client_receive(CONTAINER_OF(t, struct client_transaction, t), m);
	else
		count(l, TRANSACTION_C_DROPPED_RESPONSE);
}

void transactions_receive(
	struct transactions *l, const struct sip_msg *m, const struct transaction_hop *from)
{
	struct transaction_key key;

	if (m->refusal == SIP_FINE && m->is_request) {
		receive_request(l, m, from);
	} else if (m->refusal == SIP_FINE) {
		receive_response(l, m, from);
	} else if (sip_msg_is_answerable(m)) {
		count(l, TRANSACTION_C_REFUSED_MALFORMED);
		key_of_request(l, m, &key);
		answer(l, m, from, sip_refusal_status(m->refusal), &key, NULL);
	} else {
		count(l, TRANSACTION_C_DROPPED_MALFORMED);
	}
}

/* The sender's address may be forged, and nobody is owed an answer here. By network, so that
 * whoever floods us in the name of one silences us for no other; and of all, so that whoever names
 * many has us send them no flood. */
static bool may_answer_stranger(struct transactions *l, const struct transaction_hop *from)
{
	unsigned per_s = l->config.strangers_per_s;

	if (from->is_reliable)
		return true;
	return rate_take(rate_table_bucket(l->strangers, &from->remote), per_s, now_ms(l)) &&
	       rate_take(&l->all_strangers, per_s * TRANSACTION_STRANGER_NETWORKS, now_ms(l));
}

void transactions_receive_stranger(
	struct transactions *l, const struct sip_msg *m, const struct transaction_hop *from)
{
	struct transaction_key key;

	if (m->refusal == SIP_FINE && !m->is_request) {
		receive_response(l, m, from);
		return;
	}
	if (!may_answer_stranger(l, from)) {
		count(l, TRANSACTION_C_DROPPED_STRANGER);
		return;
	}
	count(l, TRANSACTION_C_REFUSED_STRANGER);
	if (!sip_msg_is_answerable(m))
		return;
	key_of_request(l, m, &key);
	answer(l, m, from, 403, &key, NULL);
}
