/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * sip/transaction: client and server transactions of SIP (RFC 3261 §17 with RFC 6026): matching,
 * retransmissions, time-outs, CANCEL, 100 Trying.
 *
 * It has no sockets: messages are handed in, bytes leave through a function of the carrier's, time
 * is the loop's. All on one thread. Whoever uses transactions (the RFC's transaction user) is told
 * of events by transactions_receive, transactions_flow_failed and the timers of the wheel, and
 * never from within a call of its own.
 */
#ifndef SALLYPORT_SIP_TRANSACTION_H
#define SALLYPORT_SIP_TRANSACTION_H

#include <sallyport/common.h>
#include <sallyport/loop.h>
#include <sallyport/metrics.h>
#include <sallyport/sip.h>

enum transaction_counter {
	TRANSACTION_C_SERVER, /* gauges */
	TRANSACTION_C_CLIENT,
	TRANSACTION_C_BYTES,
	TRANSACTION_C_SERVER_INVITE,
	TRANSACTION_C_SERVER_OTHER,
	TRANSACTION_C_CLIENT_INVITE,
	TRANSACTION_C_CLIENT_OTHER,
	TRANSACTION_C_REPEATED_IN, /* of the other side */
	TRANSACTION_C_REPEATED_OUT,
	TRANSACTION_C_TRYING,
	TRANSACTION_C_CANCELLED,
	TRANSACTION_C_CANCEL_UNMATCHED,
	TRANSACTION_C_REFUSED_FULL,
	TRANSACTION_C_REFUSED_MEMORY,
	TRANSACTION_C_REFUSED_MALFORMED,
	TRANSACTION_C_REFUSED_STRANGER,
	TRANSACTION_C_DROPPED_MALFORMED,
	TRANSACTION_C_DROPPED_RESPONSE, /* matches nothing */
	TRANSACTION_C_DROPPED_STRANGER,
	TRANSACTION_C_TIMEOUT_CLIENT,
	TRANSACTION_C_TIMEOUT_SERVER,
	TRANSACTION_C_UNSENT,
	TRANSACTION_C_COUNT
};
extern const struct metrics_group transaction_counters;

/* ---- the carrier: what moves bytes ---- */

/* Where a message has come from or goes to. Plain data: copied, and given back to the carrier. */
struct transaction_hop {
	uint64_t flow;  /* a socket or connection of the carrier's; 0: any that leads there */
	uint64_t place; /* where there is, if REMOTE does not say enough: the carrier's */
	struct addr remote;
	bool is_reliable; /* TCP, TLS, WebSocket: nothing is sent twice */
};

/* Must not call this folder. */
struct transaction_carrier {
	/* Sends one message; an error says that it cannot arrive. May set the flow it has chosen
	 * where there was none. ERR_NOT_FOUND, -EPIPE: the flow is gone; the layer knows what else
	 * leads there: for a reply that is not where its request came from.
	 */
	int (*send)(void *arg, struct transaction_hop *to, struct bytes message);
	/* Transport and sent-by of our Via; a view, good until the next call. The branch is left.
	 */
	int (*via)(void *arg, const struct transaction_hop *to, struct sip_via_own *out);
	void *arg;
};

/* ---- all transactions of a thread ---- */

struct transactions;
struct server_transaction;
struct client_transaction;

/* RFC 3261 §17, appendix A: what all of its timers are made of. */
struct transaction_timers {
	unsigned t1_ms, t2_ms, t4_ms;
	unsigned d_ms;      /* how long an answered INVITE absorbs its response's repetitions */
	unsigned trying_ms; /* an INVITE the user says nothing to for so long gets 100 Trying */
};
extern const struct transaction_timers transaction_timers_default;

struct transaction_user {
	/* A new request, neither ACK nor CANCEL. S wants a final reply, now or later, and before it
	 * returns server_transaction_take from whoever wants to hear of it. */
	void (*request)(void *arg, struct server_transaction *s, const struct sip_msg *m);
	/* An ACK of a 2xx: it belongs to a dialog, not to a transaction. May be a stranger's. */
	void (*ack)(void *arg, const struct sip_msg *m, const struct transaction_hop *from);
	void *arg;
};

#define TRANSACTION_STRANGER_NETWORKS 10
struct transactions_config {
	struct wheel *wheel;       /* not owned */
	const struct clock *clock; /* not owned */
	struct transaction_carrier carrier;
	struct transaction_user user;
	struct hash_key keys[2]; /* random: branches, tags and matching stand on them */
	metrics_cell *cells;     /* TRANSACTION_C_COUNT of them; not owned */
	struct transaction_timers timers;
	/*
	 * No transaction begins when so many are there, or so many bytes are kept for them (those
	 * of replies, which always find room, may go a little over it). Requests then get 503 and
	 * Retry-After, and nothing is kept. The last eighth is for requests of others within
	 * dialogs and for ours but INVITE, so that calls can end when no more can begin. Of either
	 * number nobody who asks, or is asked, gets all (common/share.h).
	 */
	size_t max_server, max_client, max_bytes;
	unsigned retry_after_s;
	/* Answers to datagrams of strangers of one network (IPv4 /24, IPv6 /48), and of all as many
	 * as TRANSACTION_STRANGER_NETWORKS get; 0: to all. */
	unsigned strangers_per_s;
};

/* NULL when out of memory. */
struct transactions *transactions_create(const struct transactions_config *c);
/* Ends all transactions without a word to anybody. NULL is fine. */
void transactions_destroy(struct transactions *l);

/* A message has come. M and what it points to are only read, and not after the return. */
void transactions_receive(
	struct transactions *l, const struct sip_msg *m, const struct transaction_hop *from);
/*
 * The same from somebody whom nobody here knows: a request gets 403, once, and nothing is kept of
 * it, so that whoever forges a sender's address gains nothing; datagrams beyond STRANGERS_PER_S are
 * dropped. Responses are taken as ever.
 */
void transactions_receive_stranger(
	struct transactions *l, const struct sip_msg *m, const struct transaction_hop *from);
/* The connection is gone: what waits for an answer on it ends, TRANSACTION_UNSENT. */
void transactions_flow_failed(struct transactions *l, uint64_t flow);

/* ---- what both kinds have in common ---- */

/* Why a transaction has ended. */
enum transaction_end {
	TRANSACTION_DONE,    /* as it should, its time to absorb repetitions included */
	TRANSACTION_TIMEOUT, /* no final response, or no ACK */
	TRANSACTION_UNSENT,  /* the carrier could not send */
};

/* ---- server transactions ---- */

/*
 * A server transaction is valid until ENDED has returned, which comes once, or until it is left.
 */
struct server_events {
	/* It was an INVITE without final reply. If none is given now, it gets 487. */
	void (*cancelled)(void *arg, struct server_transaction *s, const struct sip_msg *cancel);
	void (*ended)(void *arg, struct server_transaction *s, enum transaction_end why);
};

/* Who hears of S. EVENTS must outlive it. */
void server_transaction_take(
	struct server_transaction *s, const struct server_events *events, void *arg);
/* Nobody hears of S any more, and it must not be used. Without a final reply it gets 500. */
void server_transaction_leave(struct server_transaction *s);

struct transaction_reply {
	unsigned status;
	const char *reason;    /* NULL: what the RFC recommends */
	struct sip_str to_tag; /* absent: the transaction's own; unused where the request has one */
	struct sip_str fields; /* more header fields, whole lines with CRLF, or absent */
	struct sip_str content_type, content; /* the body, or absent */
};

/*
 * Replies: any number of provisional replies, then one final one. Via, From, To, Call-ID, CSeq,
 * Content-Length and, where a dialog may begin, Record-Route are added. -EALREADY after the final
 * one; -ENOMEM, ERR_TOO_LARGE: nothing was sent, try another. If the carrier cannot send, the
 * transaction ends soon, and 0 is returned.
 */
int server_transaction_reply(struct server_transaction *s, const struct transaction_reply *r);
/* Sends the 2xx of an INVITE again: repeating it until ACK is the user's (RFC 3261 §13.3.1.4). */
void server_transaction_repeat(struct server_transaction *s);

#define TRANSACTION_TAG_LEN 17 /* 16 hexadecimal digits and NUL */
/* The tag that replies get; good as the local tag of a dialog. */
void server_transaction_tag(const struct server_transaction *s, char out[TRANSACTION_TAG_LEN]);
const struct transaction_hop *server_transaction_hop(const struct server_transaction *s);

/* ---- client transactions ---- */

/* A client transaction is valid until ENDED has returned, which comes once, or until it is left. */
struct client_events {
	/* All responses but repetitions of a final one other than 2xx to INVITE. Of those, each
	 * copy comes here, because each wants an ACK, and there may be several of different
	 * dialogs. */
	void (*response)(void *arg, struct client_transaction *c, const struct sip_msg *m);
	/* With a final response before: TRANSACTION_DONE. */
	void (*ended)(void *arg, struct client_transaction *c, enum transaction_end why);
};

struct transaction_request {
	enum sip_method method;
	struct sip_str method_name; /* for SIP_METHOD_OTHER */
	struct sip_str uri;
	struct sip_str fields; /* all but our Via and those of the body, whole lines with CRLF */
	struct sip_str content_type, content; /* the body, or absent */
};

/*
 * Sends R and waits. A failure is of this request alone, and no event follows it: ERR_FULL,
 * -ENOMEM, ERR_TOO_LARGE, or the carrier's. An INVITE over the bounds of sip_msg_decode is too
 * large: nobody could cancel it. EVENTS must outlive the transaction.
 */
int client_transaction_start(struct transactions *l, const struct transaction_request *r,
	const struct transaction_hop *to, const struct client_events *events, void *arg,
	struct client_transaction **out);
/*
 * Cancels an INVITE: at once, or with the first provisional response (RFC 3261 §9.1). FIELDS (may
 * be empty) go with it. The final response still comes, 487 or another one; if none does within
 * 64 T1, the transaction ends, TRANSACTION_TIMEOUT. Without effect after the final response.
 */
int client_transaction_cancel(struct client_transaction *c, struct sip_str fields);
/* Nobody hears of C any more, and it must not be used. It is not cancelled by that. */
void client_transaction_leave(struct client_transaction *c);
const struct transaction_hop *client_transaction_hop(const struct client_transaction *c);
/* Its Request-URI; a view. */
struct sip_str client_transaction_uri(const struct client_transaction *c);

/*
 * Sends the ACK of a 2xx. It is no transaction; the same CALL, a number of the user's, gives it
 * the same branch, so that repetitions are the same message.
 */
int transactions_send_ack(struct transactions *l, const struct transaction_request *r,
	struct transaction_hop *to, uint64_t call);

#endif
