/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * Requests for credentials that came by SIP (SERVICE). The grant is main's, as for those that come
 * by HTTP: the request travels there whole, and comes back with its answer.
 */
#include <errno.h>
#include <stdlib.h>

#include <sallyport/mras.h>

#include "thread.h"

#define ASKED_MAX 64 /* at once; more get 503 */

/* Its own on either thread. */
struct request {
	struct access_thread *thread;
	struct crypto_peer peer;
	uint64_t flow;
	struct addr remote;
	struct mras_reply reply;       /* on the way back */
	size_t document, document_len; /* where in the bytes */
	size_t len;
	uint8_t bytes[];
};

static void discard(void *payload)
{
	struct request *q = *(struct request **)payload;

	mras_reply_fini(&q->reply);
	free(q);
}

static void on_answer(void *ctx, void *payload)
{
	struct access_thread *t = ctx;
	struct request *q = *(struct request **)payload;
	const struct access_answer a = {.message = bytes_of(q->bytes, q->len),
		.flow = q->flow,
		.remote = q->remote,
		.status = mras_result_status(q->reply.result),
		.retry_after_s = q->reply.retry_after_s,
		.body = bytes_of(q->reply.body, q->reply.body ? q->reply.len : 0)};

	t->n_asked--;
	access_service_answer(t->access, &a);
	discard(payload);
}

static const struct msg_type answer_msg = {
	"service answer", sizeof(struct request *), on_answer, discard};

/* On main. */
static void on_request(void *ctx, void *payload)
{
	struct access_thread *t = ctx;
	struct request *q = *(struct request **)payload;

	api_service(*t->config.api, &q->peer, loop_clock(t->config.main),
		bytes_of(q->bytes + q->document, q->document_len), &q->reply);
	if (loop_post(t->loop, &answer_msg, t, &q) != 0)
		discard(payload); /* its sender asks again; the count of them ends with the thread
				   */
}

static const struct msg_type request_msg = {
	"service request", sizeof(struct request *), on_request, discard};

int service_ask(struct access_thread *t, const struct access_arrival *a, struct bytes document)
{
	struct request *q = t->n_asked < ASKED_MAX ? calloc(1, sizeof(*q) + a->message.len) : NULL;

	if (!q)
		return ERR_FULL;
	*q = (struct request){.thread = t,
		.peer = *a->peer,
		.flow = a->flow,
		.remote = a->remote,
		.document = (size_t)(document.data - a->message.data),
		.document_len = document.len,
		.len = a->message.len};
	memcpy(q->bytes, a->message.data, a->message.len);
	int rc = loop_post(t->config.main, &request_msg, t, &q);
	if (rc != 0)
		free(q);
	else
		t->n_asked++;
	return rc;
}
