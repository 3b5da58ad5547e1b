/* SPDX-License-Identifier: BSD-3-Clause */
/* Transactions when memory runs out; linked with --wrap, so that the n-th allocation fails. */
#include <errno.h>
#include <stdio.h>

#include "box.h"

static unsigned n_allowed = 1000000;

void *__real_malloc(size_t size);
void *__wrap_malloc(size_t size);
void *__real_calloc(size_t n, size_t size);
void *__wrap_calloc(size_t n, size_t size);

void *__wrap_malloc(size_t size)
{
	return n_allowed == 0 ? NULL : (n_allowed--, __real_malloc(size));
}

void *__wrap_calloc(size_t n, size_t size)
{
	return n_allowed == 0 ? NULL : (n_allowed--, __real_calloc(n, size));
}

static void put_options(struct box *b, unsigned i)
{
	box_putf(b,
		"OPTIONS sip:x SIP/2.0\nVia: SIP/2.0/UDP 192.0.2.9;branch=z9hG4bKn%u\n"
		"From: <sip:a@x>;tag=a\nTo: <sip:b@x>\nCall-ID: c%u\nCSeq: 1 OPTIONS\n"
		"Max-Forwards: 70\nContent-Length: 0\n\n",
		i, i);
}

static void request_without_memory_is_refused_and_the_next_one_served(void **state)
{
	struct box *b = box_create(false);
	unsigned n;

	for (n = 0; b->n_requests == 0; n++) {
		n_allowed = n;
		put_options(b, n);
		n_allowed = 1000000;
		if (b->n_requests == 0)
			assert_int_equal(box_status(b, b->n_sent - 1), 503);
	}

	assert_true(n > 2);
	assert_int_equal(box_count(b, TRANSACTION_C_REFUSED_MEMORY), n - 1);
	assert_int_equal(box_count(b, TRANSACTION_C_SERVER), 1);
	box_destroy(b);
}

static void start_without_memory_sends_nothing_that_is_forgotten(void **state)
{
	struct box *b = box_create(true);
	struct client_transaction *c;
	int err = -ENOMEM;

	for (unsigned n = 0; err != 0; n++) {
		n_allowed = n;
		err = box_start(b, SIP_INVITE, &c);
		n_allowed = 1000000;
		if (err == 0)
			break;
		assert_int_equal(err, -ENOMEM);
		assert_int_equal(b->n_sent, 0);
	}

	/* The flow's table was what memory failed for last: the time-out still ends it. */
	box_pass(b, 32000);
	assert_int_equal(b->n_ended, 1);
	assert_int_equal(b->end, TRANSACTION_TIMEOUT);
	box_destroy(b);
}

static void reply_without_memory_can_be_given_later(void **state)
{
	struct box *b = box_create(false);

	put_options(b, 1);
	n_allowed = 0;
	assert_int_equal(box_reply(b, 200), -ENOMEM);
	n_allowed = 1000000;

	assert_int_equal(b->n_sent, 0);
	assert_int_equal(box_reply(b, 200), 0);
	assert_int_equal(b->n_sent, 1);
	box_destroy(b);
}

static void cancel_without_memory_still_ends_the_invite(void **state)
{
	for (unsigned n = 0; n < 4; n++) {
		struct box *b = box_create(false);
		struct client_transaction *c;

		assert_int_equal(box_start(b, SIP_INVITE, &c), 0);
		box_putf(b,
			"SIP/2.0 180 x\nVia: SIP/2.0/UDP 192.0.2.1:5060;branch=%s\n"
			"From: <sip:a@x>;tag=a\nTo: <sip:b@x>;tag=b\nCall-ID: call\n"
			"CSeq: 1 INVITE\nContent-Length: 0\n\n",
			box_branch(b, 0));
		n_allowed = n;
		(void)client_transaction_cancel(c, SIP_NONE);
		n_allowed = 1000000;
		box_pass(b, 32000);

		assert_int_equal(b->n_ended, 1);
		assert_int_equal(b->end, TRANSACTION_TIMEOUT);
		assert_int_equal(box_count(b, TRANSACTION_C_CLIENT), 0);
		box_destroy(b);
	}
}

int main(void)
{
	const struct CMUnitTest t[] = {
		cmocka_unit_test(request_without_memory_is_refused_and_the_next_one_served),
		cmocka_unit_test(start_without_memory_sends_nothing_that_is_forgotten),
		cmocka_unit_test(reply_without_memory_can_be_given_later),
		cmocka_unit_test(cancel_without_memory_still_ends_the_invite),
	};

	return cmocka_run_group_tests(t, NULL, NULL) != 0;
}
