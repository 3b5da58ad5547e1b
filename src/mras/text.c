/* SPDX-License-Identifier: BSD-3-Clause */
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sallyport/crypto.h>
#include "text.h"

#define FIRST_CAP 1024

static void text_drop(struct text *t)
{
	if (t->data != NULL)
		crypto_wipe(t->data, t->cap);
	free(t->data);
	t->data = NULL;
	t->len = t->cap = 0;
}

/* Room for N more characters and the NUL. */
static bool reserve(struct text *t, size_t n)
{
	if (t->is_failed || t->cap - t->len > n)
		return !t->is_failed;
	size_t cap = t->cap != 0 ? t->cap : FIRST_CAP;
	while (cap - t->len <= n)
		cap *= 2;
	char *grown = malloc(cap);
	size_t len = t->len;
	if (grown != NULL && len > 0)
		memcpy(grown, t->data, len);
	text_drop(t);
	t->is_failed = grown == NULL;
	if (t->is_failed)
		return false;
	t->data = grown;
	t->len = len;
	t->cap = cap;
	return true;
}

static void add_bytes(struct text *t, const char *s, size_t n)
{
	if (!reserve(t, n))
		return;
	memcpy(t->data + t->len, s, n);
	t->len += n;
	t->data[t->len] = '\0';
}

void text_add(struct text *t, const char *s)
{
	add_bytes(t, s, strlen(s));
}

static const char *entity(char c)
{
	switch (c) {
	case '&':
		return "&amp;";
	case '<':
		return "&lt;";
	case '>':
		return "&gt;";
	case '"':
		return "&quot;";
	default:
		return NULL;
	}
}

void text_add_xml(struct text *t, const char *s)
{
	for (size_t n = strcspn(s, "&<>\"");; n = strcspn(s, "&<>\"")) {
		add_bytes(t, s, n);
		if (s[n] == '\0')
			return;
		text_add(t, entity(s[n]));
		s += n + 1;
	}
}

void text_add_uint(struct text *t, unsigned long n)
{
	char digits[24];
	snprintf(digits, sizeof(digits), "%lu", n);
	text_add(t, digits);
}

int text_take(struct text *t, char **out, size_t *len)
{
	if (t->is_failed || !reserve(t, 0))
		return -ENOMEM;
	t->data[t->len] = '\0';
	*out = t->data;
	*len = t->len;
	*t = (struct text){0};
	return 0;
}
