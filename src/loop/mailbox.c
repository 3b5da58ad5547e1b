/* SPDX-License-Identifier: BSD-3-Clause */
/* A bounded queue from many threads to one; the eventfd is written only when it was empty. */
#include <assert.h>
#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/eventfd.h>
#include <unistd.h>

#include "loop_priv.h"

struct mail {
	struct mail *next;
	const struct msg_type *type;
	void *ctx;
	_Alignas(max_align_t) uint8_t payload[];
};

int mailbox_init(struct mailbox *m, size_t max)
{
	m->wake_fd = eventfd(0, EFD_NONBLOCK | EFD_CLOEXEC);
	if (m->wake_fd < 0)
		return -errno;
	int rc = pthread_mutex_init(&m->lock, NULL);
	if (rc != 0) {
		close(m->wake_fd);
		m->wake_fd = -1;
		return -rc;
	}
	m->head = NULL;
	m->tail = &m->head;
	m->n = 0;
	m->max = max;
	return 0;
}

static struct mail *take_all(struct mailbox *m)
{
	pthread_mutex_lock(&m->lock);
	struct mail *first = m->head;
	m->head = NULL;
	m->tail = &m->head;
	m->n = 0;
	pthread_mutex_unlock(&m->lock);
	return first;
}

void mailbox_fini(struct mailbox *m)
{
	for (struct mail *e = take_all(m), *next; e; e = next) {
		next = e->next;
		if (e->type->discard)
			e->type->discard(e->payload);
		free(e);
	}
	pthread_mutex_destroy(&m->lock);
	close(m->wake_fd);
}

bool mailbox_drain(struct mailbox *m)
{
	bool is_empty = true;
	uint64_t n;

	/* Empty is fine: a message may have been taken with an earlier wake-up. */
	(void)!read(m->wake_fd, &n, sizeof(n));
	for (struct mail *e = take_all(m), *next; e; e = next) {
		next = e->next;
		e->type->handler(e->ctx, e->payload);
		free(e);
		is_empty = false;
	}
	return !is_empty;
}

int loop_post(struct loop *to, const struct msg_type *type, void *ctx, const void *payload)
{
	struct mailbox *m = &to->mailbox;
	struct mail *e = malloc(sizeof(*e) + type->size);
	uint64_t one = 1;

	assert(type->size <= MSG_MAX);
	if (!e)
		return ERR_FULL;
	*e = (struct mail){NULL, type, ctx};
	if (type->size > 0)
		memcpy(e->payload, payload, type->size);
	pthread_mutex_lock(&m->lock);
	bool has_room = m->n < m->max;
	bool was_empty = m->n == 0;
	if (has_room) {
		*m->tail = e;
		m->tail = &e->next;
		m->n++;
	}
	pthread_mutex_unlock(&m->lock);
	if (!has_room) {
		free(e);
		return ERR_FULL;
	}
	/* It can only fail when the counter is about to overflow, and then the reader is awake. */
	if (was_empty)
		(void)!write(m->wake_fd, &one, sizeof(one));
	return 0;
}
