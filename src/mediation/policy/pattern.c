/* SPDX-License-Identifier: BSD-3-Clause */
/* The only user of PCRE2. */
#define PCRE2_CODE_UNIT_WIDTH 8
#include <errno.h>
#include <pcre2.h>
#include <stdio.h>
#include <stdlib.h>
#include "pattern.h"

/*
 * Steps, nesting and memory of one match. A pattern for numbers takes some hundred steps, and one
 * level or more for each digit that a repeated group takes. An unlucky one takes more steps than
 * there are atoms, and a stranger who knows it could dial the number for that.
 */
#define STEPS_MAX    10000
#define DEPTH_MAX    2000
#define HEAP_MAX_KIB 1024

struct policy_pattern {
	pcre2_code *code;
	uint32_t n_groups;
};

struct policy_scratch {
	pcre2_match_data *data;
	pcre2_match_context *limits;
	uint64_t n_costly;
};

struct policy_scratch *policy_scratch_create(void)
{
	struct policy_scratch *s = calloc(1, sizeof(*s));
	if (!s)
		return NULL;
	s->data = pcre2_match_data_create(POLICY_GROUPS_MAX, NULL);
	s->limits = pcre2_match_context_create(NULL);
	if (!s->data || !s->limits) {
		policy_scratch_destroy(s);
		return NULL;
	}
	pcre2_set_match_limit(s->limits, STEPS_MAX);
	pcre2_set_depth_limit(s->limits, DEPTH_MAX);
	pcre2_set_heap_limit(s->limits, HEAP_MAX_KIB);
	return s;
}

void policy_scratch_destroy(struct policy_scratch *s)
{
	if (!s)
		return;
	pcre2_match_data_free(s->data);
	pcre2_match_context_free(s->limits);
	free(s);
}

uint64_t policy_scratch_costly(const struct policy_scratch *s)
{
	return s->n_costly;
}

static int compile(const char *text, pcre2_code **out, char why[POLICY_WHY_LEN])
{
	/* Numbers are bytes, \C and UTF-8 have no use, and "$" is the end and not one before LF. */
	const uint32_t flags = PCRE2_NEVER_UTF | PCRE2_NEVER_BACKSLASH_C | PCRE2_DOLLAR_ENDONLY;
	int error;
	size_t at;
	if (strlen(text) > POLICY_PATTERN_MAX) {
		(void)snprintf(why, POLICY_WHY_LEN, "longer than %d bytes", POLICY_PATTERN_MAX);
		return ERR_MALFORMED;
	}
	*out = pcre2_compile((PCRE2_SPTR)text, PCRE2_ZERO_TERMINATED, flags, &error, &at, NULL);
	if (*out)
		return 0;
	unsigned char message[120];
	if (pcre2_get_error_message(error, message, sizeof(message)) < 0)
		message[0] = '\0';
	(void)snprintf(why, POLICY_WHY_LEN, "%s, at character %zu", (char *)message, at + 1);
	return error == PCRE2_ERROR_NOMEMORY ? -ENOMEM : ERR_MALFORMED;
}

int policy_pattern_create(const char *text, struct policy_pattern **out, char why[POLICY_WHY_LEN])
{
	pcre2_code *code;
	int err = compile(text, &code, why);
	if (err != 0)
		return err;
	struct policy_pattern *p = calloc(1, sizeof(*p));
	if (!p) {
		pcre2_code_free(code);
		(void)snprintf(why, POLICY_WHY_LEN, "%s", err_text(-ENOMEM));
		return -ENOMEM;
	}
	p->code = code;
	(void)pcre2_pattern_info(code, PCRE2_INFO_CAPTURECOUNT, &p->n_groups);
	*out = p;
	return 0;
}

void policy_pattern_destroy(struct policy_pattern *p)
{
	if (!p)
		return;
	pcre2_code_free(p->code);
	free(p);
}

unsigned policy_pattern_groups(const struct policy_pattern *p)
{
	return p->n_groups;
}

bool policy_pattern_match(const struct policy_pattern *p, struct policy_scratch *s,
	struct bytes number, struct policy_group groups[POLICY_GROUPS_MAX])
{
	if (number.len > POLICY_NUMBER_MAX)
		return false;
	int n = pcre2_match(p->code, number.len ? number.data : (PCRE2_SPTR) "", number.len, 0, 0,
		s->data, s->limits);
	if (n < 0) {
		s->n_costly += n != PCRE2_ERROR_NOMATCH;
		return false;
	}
	const PCRE2_SIZE *at = pcre2_get_ovector_pointer(s->data);
	/* 0: the pattern has more groups than we ask for. */
	unsigned n_set = n > 0 ? (unsigned)n : POLICY_GROUPS_MAX;
	for (unsigned i = 0; i < POLICY_GROUPS_MAX; i++) {
		groups[i] = (struct policy_group){0, 0};
		if (i < n_set && at[2 * i] != PCRE2_UNSET && at[2 * i] <= at[2 * i + 1])
			groups[i] = (struct policy_group){at[2 * i], at[2 * i + 1]};
	}
	return true;
}

bool policy_pattern_matches(
	const struct policy_pattern *p, struct policy_scratch *s, struct bytes number)
{
	struct policy_group groups[POLICY_GROUPS_MAX];
	return policy_pattern_match(p, s, number, groups);
}
