/* SPDX-License-Identifier: BSD-3-Clause */
/* What the files of this folder share: the layer, and what client and server have in common. */
#ifndef SALLYPORT_SIP_TRANSACTION_PRIV_H
#define SALLYPORT_SIP_TRANSACTION_PRIV_H

#include <sallyport/sip/transaction.h>

#define BRANCH_LEN 40 /* the magic cookie, 32 hexadecimal digits, NUL */
/* What the words of a key are more than the message they are from: seven lengths, the number of
 * CSeq, and "INVITE" for another method. */
#define WORDS_MORE 64

/*
 * What a message is matched by (RFC 3261 §17.1.3, §17.2.3), as 128 bits of two keyed hashes: of a
 * fixed size whatever a stranger has put into his branch, and nobody outside can make two alike.
 */
struct transaction_key {
	uint64_t a, b;
};

/* Client transactions that want to know when a connection goes. */
struct flow_users {
	struct hash_node node;
	uint64_t flow;
	struct list clients;
};

struct transactions {
	struct transactions_config config;
	struct hash_table servers, clients, flows;
	/* Server transactions by whom they are asked of, client transactions by whom they ask. */
	struct share_table askers, asked;
	size_t bytes;                 /* kept for all of them */
	uint64_t n_branches;          /* made so far */
	struct rate_table *strangers; /* owned; their datagrams */
	struct rate_bucket all_strangers;
	struct log_limit log_refused;
	/* A message being written, or the words of a key. */
	char scratch[SIP_MSG_MAX + WORDS_MORE];
};

enum transaction_state {
	STATE_WAITING, /* Calling and Trying of a client; Trying of a server */
	STATE_PROCEEDING,
	STATE_COMPLETED,
	STATE_CONFIRMED, /* INVITE server */
	STATE_ACCEPTED,  /* INVITE, after a 2xx (RFC 6026) */
	STATE_FAILED,    /* the carrier could not send; ends with the next tick */
};

/* Bytes on the heap that count towards max_bytes. */
struct kept {
	char *data;
	size_t len;
};

struct transaction {
	struct transactions *layer; /* not owned */
	struct hash_node node;
	struct transaction_key key;
	struct transaction_hop hop;
	struct wheel_timer repeat, timeout;
	unsigned interval_ms; /* of repeat */
	enum transaction_state state;
	bool is_invite;
	struct kept sent;    /* the last message we sent, to be sent again */
	struct share *share; /* of ASKERS or ASKED; with what is kept */
};

/* Owned by the layer's table. */
struct client_transaction {
	struct transaction t;
	const struct client_events *events; /* not owned; NULL: nobody hears of it */
	void *arg;
	char branch[BRANCH_LEN];
	struct flow_users *flow; /* NULL: not on a connection */
	struct list by_flow;
	bool is_cancelled;
	bool wants_cancel; /* with the first provisional response */
	struct kept cancel_fields;
	struct kept ack; /* for repetitions of the final response */
};

/* Owned by the layer's table. */
struct server_transaction {
	struct transaction t;
	const struct server_events *events; /* not owned; NULL: nobody hears of it */
	void *arg;
	uint16_t fallback_port; /* where the sender listens, should the connection be gone */
	/* What replies want of the request, as a request; gone with the final one. */
	struct kept head;
};

static inline uint64_t now_ms(const struct transactions *l)
{
	return l->config.clock->mono_ms;
}

static inline void count(struct transactions *l, enum transaction_counter row)
{
	metrics_add(l->config.cells, row, 1);
}

/* How much of MAX there is; the last eighth is not for all. */
static inline size_t transaction_room(size_t max, bool may_all)
{
	return may_all ? max : max - max / 8;
}

/* K of T's: copies DATA, replacing what K held; on failure K is as it was. */
int kept_set(struct transaction *t, struct kept *k, struct sip_str data);
void kept_drop(struct transaction *t, struct kept *k);
static inline struct sip_str kept_str(const struct kept *k)
{
	return sip_str_of(k->data, k->len);
}

/* ---- layer.c ---- */

void transaction_init(
	struct transaction *t, struct transactions *l, wheel_fn repeat, wheel_fn timeout);
/* Out of its table, timers stopped. */
void transaction_unlink(struct transaction *t, struct hash_table *table);
struct transaction *transaction_find(
	const struct hash_table *table, const struct transaction_key *key);
/* Starts repeating after INTERVAL_MS; nothing on a reliable hop. */
void transaction_repeat_start(struct transaction *t, unsigned interval_ms);
/* From the timer's callback: the next one, counted from when this one was due, unless so much time
 * was lost that the next is due as well: who was not let run does not say everything at once. */
void transaction_repeat_again(struct transaction *t, unsigned interval_ms);
void transaction_timeout_in(struct transaction *t, unsigned ms);
/* A new state in which repetitions are absorbed for MS, or none on a reliable hop. */
void transaction_absorb(struct transaction *t, enum transaction_state state, unsigned ms);

int transaction_carry(
	const struct transactions *l, struct transaction_hop *to, struct sip_str message);
/* A request of ours: where its connection is gone, any other that leads there will do. */
int transaction_carry_request(
	const struct transactions *l, struct transaction_hop *to, struct sip_str message);
int transaction_send(struct transaction *t); /* what it has kept */

/* ---- client.c, server.c ---- */

void client_receive(struct client_transaction *c, const struct sip_msg *m);
void client_fail(struct client_transaction *c); /* it can hear no answer any more */
void client_free(struct client_transaction *c);
void server_open(struct transactions *l, const struct transaction_key *key, const struct sip_msg *m,
	const struct transaction_hop *from);
void server_repeated(struct server_transaction *s);
void server_ack(
	struct server_transaction *s, const struct sip_msg *m, const struct transaction_hop *from);
void server_cancel(
	struct server_transaction *s, const struct sip_msg *m, const struct transaction_hop *from);
void server_free(struct server_transaction *s);

/* ---- flows.c ---- */

void flow_users_join(struct client_transaction *c);
void flow_users_leave(struct client_transaction *c);

/* ---- match.c ---- */

void key_of_request(struct transactions *l, const struct sip_msg *m, struct transaction_key *out);
void key_of_branch(struct transactions *l, struct sip_str branch, struct sip_str method,
	struct transaction_key *out);
enum branch_of {
	BRANCH_OF_TRANSACTION,
	BRANCH_OF_CALL, /* an ACK of a 2xx */
};
void branch_make(
	const struct transactions *l, uint64_t number, enum branch_of of, char out[BRANCH_LEN]);
void tag_make(const struct transactions *l, const struct transaction_key *key,
	char out[TRANSACTION_TAG_LEN]);

/* ---- compose.c: 0 or an error; OUT is in the scratch space ---- */

struct sip_str request_method_name(const struct transaction_request *r);
int compose_request(struct transactions *l, const struct transaction_request *r,
	const struct transaction_hop *to, const char *branch, struct sip_str *out);
int compose_ack(struct client_transaction *c, const struct sip_msg *response, struct sip_str *out);
int compose_cancel(struct client_transaction *c, struct sip_str fields, struct sip_str *out);
int compose_head(struct transactions *l, const struct sip_msg *m,
	const struct transaction_hop *from, struct sip_str *out);
int compose_reply(
	struct server_transaction *s, const struct transaction_reply *r, struct sip_str *out);
/* Where the responses to M go, and the port at which its sender listens. */
void reply_hop(const struct sip_msg *m, const struct transaction_hop *from,
	struct transaction_hop *to, uint16_t *port);
/* Answers M at once, with nothing kept. KEY gives the tag, WHY (may be NULL) is for its Warning. */
void answer(struct transactions *l, const struct sip_msg *m, const struct transaction_hop *from,
	unsigned status, const struct transaction_key *key, const char *why);

#endif
