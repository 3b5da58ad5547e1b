/* SPDX-License-Identifier: BSD-3-Clause */
#include <errno.h>
#include <stdlib.h>

#include "inspect.h"

#define PATIENCE_MS 2000
#define WAITING_MAX 16 /* questions at once: each may gather a page from every worker */

struct inspect {
	struct loop *loop;       /* not owned */
	struct workers *workers; /* not owned */
	struct list waiting;     /* struct asked */
	unsigned n_waiting;
	uint64_t next_id;
};

/* A question on its way. Owned by the list. */
struct asked {
	struct list link;
	struct inspect *inspect; /* not owned */
	uint64_t id;
	uint32_t limit;
	unsigned n_workers, n_left;
	struct wheel_timer timer;
	api_allocations_fn fn;
	void *fn_arg;
	struct turn_page *pages[]; /* by worker; owned; NULL: no answer */
};

/* To a worker, which owns QUESTION then; and back with PAGE, which main owns then. */
struct question {
	struct inspect *from; /* an address for the answer, never looked into */
	struct loop *main;
	uint64_t id;
	unsigned worker;
	struct turn_question *question;
	struct turn_page *page;
};

/* ---- the answer to whoever asked ---- */

static int by_id(const void *a, const void *b)
{
	const struct turn_alloc_info *x = a, *y = b;

	return (x->id > y->id) - (x->id < y->id);
}

/* The infos of all pages in one array; NULL when out of memory. */
static struct turn_alloc_info *merge(const struct asked *a, size_t *n_out)
{
	size_t n = 0;

	for (unsigned w = 0; w < a->n_workers; w++)
		n += a->pages[w] ? a->pages[w]->n_infos : 0;
	struct turn_alloc_info *all = calloc(n + 1, sizeof(*all));
	n = 0;
	for (unsigned w = 0; all && w < a->n_workers; w++) {
		const struct turn_page *p = a->pages[w];
		if (p && p->n_infos > 0)
			memcpy(all + n, p->infos, p->n_infos * sizeof(*all));
		n += p ? p->n_infos : 0;
	}
	if (all)
		qsort(all, n, sizeof(*all), by_id);
	*n_out = n < a->limit ? n : a->limit;
	return all;
}

static void finish(struct asked *a)
{
	struct api_allocations out = {0};
	unsigned silent[OPTIONS_WORKERS_MAX];

	list_remove(&a->link);
	a->inspect->n_waiting--;
	wheel_cancel(loop_wheel(a->inspect->loop), &a->timer);
	for (unsigned w = 0; w < a->n_workers; w++) {
		const struct turn_page *p = a->pages[w];
		if (!p) {
			silent[out.n_silent++] = w;
			continue;
		}
		out.n_matched += p->n_matched;
		if (p->n_peers > 0) {
			out.peers = p->peers;
			out.n_peers = p->n_peers;
		}
	}
	struct turn_alloc_info *all = merge(a, &out.n_infos);
	out.infos = all;
	out.silent = silent;
	a->fn(a->fn_arg, all ? &out : NULL);
	free(all);
	for (unsigned w = 0; w < a->n_workers; w++)
		free(a->pages[w]);
	free(a);
}

static void time_is_up(struct wheel_timer *t, void *arg)
{
	(void)arg;
	finish(CONTAINER_OF(t, struct asked, timer));
}

/* ---- messages ---- */

static void discard(void *payload)
{
	struct question *q = payload;

	free(q->question);
	free(q->page);
}

static void on_answer(void *ctx, void *payload)
{
	struct inspect *i = ctx;
	struct question *q = payload;

	list_for_each (it, &i->waiting) {
		struct asked *a = CONTAINER_OF(it, struct asked, link);
		if (a->id != q->id)
			continue;
		a->pages[q->worker] = q->page;
		if (--a->n_left == 0)
			finish(a);
		return;
	}
	discard(q); /* it came too late */
}

static const struct msg_type answer_msg = {
	"inspect_answer", sizeof(struct question), on_answer, discard};

/* On the worker's thread. A full mailbox of main's means no answer, which the time-out says. */
static void on_question(void *ctx, void *payload)
{
	struct question q = *(struct question *)payload;

	q.page = turn_server_inspect(relay_turn(ctx), q.question);
	free(q.question);
	q.question = NULL;
	if (q.page && loop_post(q.main, &answer_msg, q.from, &q) != 0)
		free(q.page);
}

static const struct msg_type question_msg = {
	"inspect_question", sizeof(struct question), on_question, discard};

/* ---- asking ---- */

static void ask_worker(struct asked *a, unsigned worker, const struct turn_question *q)
{
	struct question m = {a->inspect, a->inspect->loop, a->id, worker, malloc(sizeof(*q)), NULL};

	if (!m.question)
		return;
	*m.question = *q;
	if (workers_post(a->inspect->workers, worker, &question_msg, &m) != 0)
		free(m.question);
}

int inspect_ask(
	struct inspect *i, const struct turn_question *q, api_allocations_fn fn, void *fn_arg)
{
	unsigned n = workers_count(i->workers);

	if (!workers_relay(i->workers)) {
		fn(fn_arg, &(struct api_allocations){0});
		return 0;
	}
	if (i->n_waiting == WAITING_MAX)
		return ERR_FULL;
	struct asked *a = calloc(1, sizeof(*a) + n * sizeof(struct turn_page *));
	if (!a)
		return -ENOMEM;
	a->inspect = i;
	a->id = ++i->next_id;
	a->limit = q->limit;
	a->n_workers = a->n_left = n;
	a->fn = fn;
	a->fn_arg = fn_arg;
	wheel_timer_init(&a->timer, time_is_up);
	wheel_set(loop_wheel(i->loop), &a->timer, loop_clock(i->loop)->mono_ms + PATIENCE_MS);
	list_append(&i->waiting, &a->link);
	i->n_waiting++;
	for (unsigned w = 0; w < n; w++)
		ask_worker(a, w, q);
	return 0;
}

struct inspect *inspect_create(struct loop *loop, struct workers *w)
{
	struct inspect *i = calloc(1, sizeof(*i));

	if (!i)
		return NULL;
	i->loop = loop;
	i->workers = w;
	list_init(&i->waiting);
	return i;
}

void inspect_destroy(struct inspect *i)
{
	if (!i)
		return;
	list_for_each_safe (it, &i->waiting)
		finish(CONTAINER_OF(it, struct asked, link));
	free(i);
}
