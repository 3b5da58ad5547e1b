/* SPDX-License-Identifier: BSD-3-Clause */
/* Transactions under a clock that the test moves and over a wire that it reads and writes. */
#ifndef TEST_SIP_TRANSACTION_BOX_H
#define TEST_SIP_TRANSACTION_BOX_H

#include <setjmp.h>
#include <signal.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include <sallyport/sip/transaction.h>

#define BOX_SENT_MAX  256
#define BOX_TEXT_MAX  36864
#define BOX_USERS_MAX 64
#define BOX_STRANGERS 4 /* are answered each second */

struct box_sent {
	uint64_t at_ms;
	struct transaction_hop to;
	size_t len;
	char text[BOX_TEXT_MAX];
};

struct box {
	struct clock clock;
	struct wheel wheel;
	metrics_cell cells[TRANSACTION_C_COUNT];
	struct transactions *l;
	struct transaction_hop peer; /* where messages come from and go to */
	int send_error;              /* what the carrier says */
	uint64_t dead_flow;          /* a flow it cannot send on */

	unsigned n_sent;
	struct box_sent sent[BOX_SENT_MAX];

	/* What the user was told. */
	unsigned n_requests, n_acks, n_cancelled, n_responses, n_ended;
	struct server_transaction *server; /* the newest */
	unsigned last_status;
	enum transaction_end end;
	unsigned reply_when_cancelled;
	bool is_in_call; /* within a call of the user's */
};

/* Over TCP where IS_RELIABLE; the clock stands at 1,000,000. */
struct box *box_create(bool is_reliable);
/* With room for MAX transactions of each kind. */
struct box *box_create_small(bool is_reliable, size_t max);
struct box *box_create_bounded(bool is_reliable, size_t max, size_t max_bytes);
void box_destroy(struct box *b);

/* Moves the clock in steps of 20 ms. */
void box_pass(struct box *b, unsigned ms);
/* TEXT comes from the peer; every LF in it is made CR LF. */
void box_put(struct box *b, const char *text);
void box_putf(struct box *b, const char *format, ...) __attribute__((format(printf, 2, 3)));

unsigned box_status(const struct box *b, unsigned i); /* of the I-th message; 0: a request */
/* Is LINE a whole line of the I-th message? */
bool box_has(const struct box *b, unsigned i, const char *line);
/* The I-th message's branch; good until the next call. */
const char *box_branch(const struct box *b, unsigned i);
uint64_t box_count(const struct box *b, enum transaction_counter row);

int box_reply(struct box *b, unsigned status);
extern const struct client_events box_events;
/* A request with From tag "a", Call-ID "call", CSeq 1. */
int box_start(struct box *b, enum sip_method method, struct client_transaction **out);

#endif
