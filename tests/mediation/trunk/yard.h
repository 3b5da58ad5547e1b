/* SPDX-License-Identifier: BSD-3-Clause */
/* Trunks under a clock that the test moves, DNS that it answers and a wire that it reads. */
#ifndef TEST_MEDIATION_TRUNK_YARD_H
#define TEST_MEDIATION_TRUNK_YARD_H

#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>
#include <sallyport/mediation/trunk.h>

#define YARD_TRUNKS_MAX 300
#define YARD_SENT_MAX   2048
#define YARD_TEXT_MAX   2048

struct dns_question {
	bool is_open;
	char name[DNS_NAME_LEN];
	enum dns_type type;
	dns_answer_fn fn;
	void *arg;
};

struct yard_sent {
	uint64_t at_ms;
	struct transaction_hop to;
	char text[YARD_TEXT_MAX];
};

struct yard {
	struct loop *loop;
	struct clock clock;
	struct wheel wheel;
	metrics_cell locator_cells[SIP_TRANSPORT_C_COUNT];
	metrics_cell transaction_cells[TRANSACTION_C_COUNT];
	metrics_cell cells[YARD_TRUNKS_MAX * TRUNK_C_COUNT];
	struct sip_locator *locator;
	struct transactions *transactions;
	struct trunks *trunks;
	struct trunk_config config[YARD_TRUNKS_MAX];
	uint32_t n;

	struct dns_question questions[64];
	size_t n_questions;
	int dns_rc;                    /* what is answered, or: */
	struct dns_record records[16]; /* those of the type that was asked for */
	enum dns_type record_types[16];
	size_t n_records;

	int send_error;  /* of the wire */
	unsigned n_sent; /* without repetitions */
	struct yard_sent sent[YARD_SENT_MAX];
	unsigned n_stopped;
	uint32_t (*random_below)(uint32_t bound); /* of the trunks; half of the bound at first */
};

/* N trunks over UDP to 192.0.2.9:5060, with OPTIONS every 60 s, down after 3. Change CONFIG, then
 * start. */
struct yard *yard_create(uint32_t n);
void yard_start(struct yard *y);
void yard_destroy(struct yard *y);

/* The gateway of trunk I is HOST, a name or an address; PORT 0: none. */
void yard_host(struct yard *y, uint32_t i, const char *host, uint16_t port);

/* Moves the clock in steps of 100 ms; whatever is looked up is answered. */
void yard_pass(struct yard *y, unsigned ms);
/* Within that time, the next request is sent; returns its number. */
unsigned yard_await(struct yard *y, unsigned ms);

void yard_srv(struct yard *y, uint16_t priority, uint16_t weight, const char *host, uint32_t ttl_s);
void yard_address(struct yard *y, const char *ip, uint32_t ttl_s);
void yard_no_records(struct yard *y);

/* The answer to the I-th message; FIELDS are whole lines, with LF. */
void yard_answer(struct yard *y, unsigned i, unsigned status, const char *fields);
/* Does the I-th message begin so; has it a line that begins so? */
bool yard_begins(const struct yard *y, unsigned i, const char *text);
bool yard_has(const struct yard *y, unsigned i, const char *line);

uint64_t yard_count(const struct yard *y, uint32_t trunk, enum trunk_counter row);
/* "192.0.2.9:5060 192.0.2.10:5060": the targets of a call over trunk 0; good until the next. */
const char *yard_targets(struct yard *y);

#endif
