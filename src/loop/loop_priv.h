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

/* Packets a millisecond from which on they are let gather. */
#define GATHER_RATE_MS 32
/* A turn with so many had no need of it. */
#define GATHER_PLENTY 64
/* How long. The kernel adds its timer slack (50 us unless told otherwise, prctl(2)). */
#define GATHER_NS 50000

/* Packets in an ordinary turn from which on a pause would bring nothing. */
#define GATHER_ENOUGH 4
/* So many windows, of a millisecond, until that is looked at again. */
#define GATHER_WINDOWS 15

struct gather {
	uint64_t begun_ms;                /* of the window */
	size_t n_window, n_turns, n_turn; /* packets of it; turns that had some; of this one */
	unsigned n_left;                  /* windows that IS_ON is good for; 0: it is off */
	bool is_on;
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
	struct gather gather;
};

void gather_add(struct gather *g, size_t n);
/* At the end of each turn: is the loop to wait for GATHER_NS before it polls? */
bool gather_wants_pause(struct gather *g, uint64_t now_ms);

int mailbox_init(struct mailbox *m, size_t max);
void mailbox_fini(struct mailbox *m);
/* Delivers what was there when it was called; false: nothing. */
bool mailbox_drain(struct mailbox *m);

#endif
