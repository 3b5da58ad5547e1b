/* SPDX-License-Identifier: BSD-3-Clause */
/* Threads that run a loop. Signals are the main thread's business: all are blocked here. */
#include <errno.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>

#include "loop_priv.h"
#include "slice.h"

struct loop_thread {
	pthread_t id;
	struct loop *loop; /* not owned */
	int rc;
};

static void *run(void *arg)
{
	struct loop_thread *t = arg;
	char name[16]; /* the kernel's limit, pthread_setname_np(3) */

	/* Names are for people with ps and gdb; a refused one is no reason to stop. */
	(void)snprintf(name, sizeof(name), "%.15s", t->loop->name);
	(void)pthread_setname_np(pthread_self(), name);
	loop_slice_shorten();
	t->rc = loop_run(t->loop);
	return NULL;
}

int loop_thread_start(struct loop *l, struct loop_thread **out)
{
	struct loop_thread *t = calloc(1, sizeof(*t));
	sigset_t all, old;

	if (!t)
		return -ENOMEM;
	t->loop = l;
	sigfillset(&all);
	pthread_sigmask(SIG_SETMASK, &all, &old);
	int rc = pthread_create(&t->id, NULL, run, t);
	pthread_sigmask(SIG_SETMASK, &old, NULL);
	if (rc != 0) {
		free(t);
		return -rc;
	}
	*out = t;
	return 0;
}

int loop_thread_join(struct loop_thread *t)
{
	pthread_join(t->id, NULL);
	int rc = t->rc;
	free(t);
	return rc;
}
