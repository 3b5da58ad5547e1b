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
/* Until about so many are there, but not longer than this. The kernel adds its timer slack (50 us
 * unless told otherwise, prctl(2)). */
#define GATHER_AIM    24
#define GATHER_MAX_NS 300000
/* A turn with so many had no need of it. */
#define GATHER_PLENTY 64

struct gather {
	uint64_t begun_ms;       /* of the window, a millisecond */
	size_t n_window, n_turn; /* packets of it, and of this turn */
	uint32_t pause_ns;       /* by the rate of the last window */
};

/* Of the last eight waits so many must have been worth it for the next one to be polled through. */
#define BUSY_POLL_WORTH 2
/* What waking a thread takes on a virtual machine. */
#define BUSY_POLL_WAKE_NS 60000
/* A look takes a microsecond; one that took this had to wait for the core: another thread had it,
 * or, on a virtual machine, none of its threads. */
#define BUSY_POLL_TAKEN_NS 100000
/* Whoever else wants the core has it for so many times what the loop was kept waiting, while it
 * waits. */
#define BUSY_POLL_RESTS 10

struct busy_poll {
	uint64_t bound_ns;   /* 0: off */
	metrics_cell *cells; /* of loop_counters; not owned */
	/* Times that the core was taken from this thread for another one. */
	uint64_t (*n_preempted)(void);
	uint64_t n_known;   /* the last number it gave */
	uint64_t served_ns; /* when all packets of the last turn that had some were served */
	uint64_t looked_ns; /* when the last turn ended */
	uint64_t rests_ns;  /* does not poll before that */
	uint64_t spent_ns;  /* in this wait, and less than 1 us from before */
	uint8_t waits;      /* the newest in the lowest bit; 1: short enough */
	bool has_packets;   /* this turn */
	bool has_polled;    /* in this wait */
	bool is_on;         /* looks without sleeping */
};

/* A tick that comes so late finds a thread that was not let run, and more to read than one turn
 * does. So long at most it reads before it looks at the time. */
#define LATE_MS     500
#define CATCH_UP_MS 250

struct loop {
	const char *name; /* copied */
	struct event_base *base;
	struct clock clock;
	bool is_sampled; /* this turn's clock is */
	bool is_stopping;
	struct wheel wheel;
	struct event *tick; /* pending while the wheel holds timers */
	uint64_t ticked_ms; /* the last one, or when it was set */
	bool is_behind;     /* the tick came late, and timers wait until all is read */
	struct list deferred;
	struct mailbox mailbox;
	struct event *mail_event;
	struct loop_signal *signals; /* owned */
	struct gather gather;
	struct busy_poll busy_poll;
	uint64_t begun_ns;                /* this turn; only with busy polling */
	metrics_cell cells[LOOP_C_COUNT]; /* of nobody who has given others */
};

void gather_add(struct gather *g, size_t n);
/* At the end of each turn: how long the loop is to wait before it polls. */
uint32_t gather_pause(struct gather *g, uint64_t now_ms);

/* After a turn that began at BEGUN_NS, at NOW_NS: is the next one not to sleep? */
bool busy_poll_turn(struct busy_poll *p, uint64_t begun_ns, uint64_t now_ns);

int mailbox_init(struct mailbox *m, size_t max);
void mailbox_fini(struct mailbox *m);
/* Delivers what was there when it was called; false: nothing. */
bool mailbox_drain(struct mailbox *m);

#endif
