/* SPDX-License-Identifier: BSD-3-Clause */
/* A loop as the files of this folder share it. */
#ifndef LOOP_PRIV_H
#define LOOP_PRIV_H

#include <pthread.h>

#include <sallyport/loop.h>

struct loop_signal;

/* The only part of a loop that other threads touch. */
struct mailbox {
	pthread_mutex_t lock;
	struct mail *head, **tail; /* under LOCK */
	size_t n;                  /* under LOCK */
	size_t max;
	int wake_fd; /* eventfd */
};

struct loop {
	const char *name; /* copied */
	struct event_base *base;
	struct clock clock;
	bool is_sampled; /* this turn's clock is */
	bool is_stopping;
	struct wheel wheel;
	struct event *tick; /* pending while the wheel holds timers */
	struct list deferred;
	struct mailbox mailbox;
	struct event *mail_event;
	struct loop_signal *signals; /* owned */
};

int mailbox_init(struct mailbox *m, size_t max);
void mailbox_fini(struct mailbox *m);
/* Delivers what was there when it was called; false: nothing. */
bool mailbox_drain(struct mailbox *m);

#endif
