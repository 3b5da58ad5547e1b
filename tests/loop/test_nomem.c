/* SPDX-License-Identifier: BSD-3-Clause */
/* A loop when memory runs out; linked with --wrap, so that the n-th allocation fails. */
#include <errno.h>
#include <setjmp.h>
#include <signal.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include <sallyport/loop.h>

static unsigned n_allowed;

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

static struct loop *create(void)
{
	struct loop *l;

	n_allowed = 1000;
	l = loop_create("test", 4);
	assert_non_null(l);
	return l;
}

static void on_never(void *ctx, void *payload)
{
}

static void discard(void *payload)
{
	abort(); /* a refused message stays the sender's */
}

static void message_without_memory_is_refused(void **state)
{
	static const struct msg_type never = {"never", sizeof(int), on_never, discard};
	struct loop *l = create();
	int v = 1;

	n_allowed = 0;
	assert_int_equal(loop_post(l, &never, NULL, &v), ERR_FULL);
	loop_destroy(l);
}

static void thread_without_memory_does_not_start(void **state)
{
	struct loop *l = create();
	struct loop_thread *t = NULL;

	n_allowed = 0;
	assert_int_equal(loop_thread_start(l, &t), -ENOMEM);
	assert_null(t);
	loop_destroy(l);
}

static void on_signal(int signo, void *arg)
{
}

static void signal_without_memory_is_refused(void **state)
{
	struct loop *l = create();

	n_allowed = 0;
	assert_int_equal(loop_signal_add(l, SIGUSR1, on_signal, NULL), -ENOMEM);
	loop_destroy(l);
}

static void loop_without_memory_is_not_made(void **state)
{
	n_allowed = 0;
	assert_null(loop_create("test", 4));
}

int main(void)
{
	const struct CMUnitTest t[] = {
		cmocka_unit_test(message_without_memory_is_refused),
		cmocka_unit_test(thread_without_memory_does_not_start),
		cmocka_unit_test(signal_without_memory_is_refused),
		cmocka_unit_test(loop_without_memory_is_not_made),
	};
	n_allowed = 1000000; /* cmocka's own */
	return cmocka_run_group_tests(t, NULL, NULL) != 0;
}
