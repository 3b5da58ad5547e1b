/* SPDX-License-Identifier: BSD-3-Clause */
/* A growing text that may hold passwords: what it outgrows is wiped. A failure sticks. */
#ifndef MRAS_TEXT_H
#define MRAS_TEXT_H

#include <stdbool.h>
#include <stddef.h>

struct text {
	char *data;
	size_t len, cap;
	bool is_failed; /* out of memory */
};

void text_add(struct text *t, const char *s);
void text_add_xml(struct text *t, const char *s); /* escaped for content and attribute values */
void text_add_uint(struct text *t, unsigned long n);
/* Hands the text over, or frees it and returns -ENOMEM. */
int text_take(struct text *t, char **out, size_t *len);

#endif
