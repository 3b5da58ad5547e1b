/* SPDX-License-Identifier: BSD-3-Clause */
/* Descriptions may have the keys of SRTP: no memory is freed with what they say. */
#include <malloc.h>

#include "world.h"

static const char *const secrets[] = {"offer 0", "inline:", "answer again", "early"};
static unsigned n_freed, n_left;

void __real_free(void *p);
void __wrap_free(void *p);

void __wrap_free(void *p)
{
	n_freed += p != NULL;
	for (size_t i = 0; p && i < ARRAY_LEN(secrets); i++)
		n_left += memmem(p, malloc_usable_size(p), secrets[i], strlen(secrets[i])) != NULL;
	__real_free(p);
}

static void talk(struct world *w, struct leg *a)
{
	world_pass(w, 3000);
	assert_true(a->is_up);
	leg_request(a, SIP_INVITE, "inline:KEY");
	world_pass(w, 1000);
	leg_request(a, SIP_UPDATE, "inline:KEY2");
	world_pass(w, 1000);
	leg_hang_up(a);
	world_settle(w);
	world_destroy(w);
	assert_true(n_freed > 100);
	assert_int_equal(n_left, 0);
}

static void nothing_that_a_description_says_is_left(void **state)
{
	struct world *w = world_create();
	struct plan plan = {.ring_ms = 100,
		.answer_ms = 1000,
		.is_reliable = true,
		.sends_prack = true,
		.prack_body = "inline:EARLY",
		.fields = "Supported: 100rel\r\n"};

	talk(w, party_dial(w, &plan));
}

static void nor_of_messages_that_wait(void **state)
{
	struct world *w = world_create();
	struct plan plan = {.ring_ms = 100, .answer_ms = 1000};
	struct leg *a;

	w->is_late = true;
	a = party_dial(w, &plan);
	world_pass(w, 500);
	w->is_late = false;
	world_ready(w, 0, 0, "inline:ANEW");
	talk(w, a);
}

int main(void)
{
	const struct CMUnitTest t[] = {
		cmocka_unit_test(nothing_that_a_description_says_is_left),
		cmocka_unit_test(nor_of_messages_that_wait),
	};
	return cmocka_run_group_tests(t, NULL, NULL) != 0;
}
