/* SPDX-License-Identifier: BSD-3-Clause */
/* Rules on numbers, in order, and what a trunk makes of the two numbers of a call. */
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include "pattern.h"

struct rule {
	struct policy_pattern *pattern;
	char *replace;
};

struct policy_rules {
	size_t n;
	struct rule rules[];
};

static bool may_stand(unsigned char c)
{
	return c > ' ' && c < 127 && !strchr("\"<>@\\", c);
}

/* Only groups that the pattern has, and only characters that a number may have. */
static int check_replace(const struct rule *r, char why[POLICY_WHY_LEN])
{
	unsigned n_groups = policy_pattern_groups(r->pattern);
	for (const char *p = r->replace; *p; p++) {
		if (!may_stand((unsigned char)*p)) {
			(void)snprintf(why, POLICY_WHY_LEN, "byte 0x%02x cannot stand in a number",
				(unsigned)(unsigned char)*p);
			return ERR_MALFORMED;
		}
		if (*p != '$')
			continue;
		p++;
		if (*p != '$' && (*p < '0' || *p > '9')) {
			(void)snprintf(why, POLICY_WHY_LEN,
				"behind $ stands the number of a group, or another $");
			return ERR_MALFORMED;
		}
		if (*p != '$' && (unsigned)(*p - '0') > n_groups) {
			(void)snprintf(why, POLICY_WHY_LEN, "the pattern has no group %c", *p);
			return ERR_MALFORMED;
		}
	}
	return 0;
}

static int compile(const struct policy_rule_text *text, struct rule *out, char why[POLICY_WHY_LEN])
{
	int err = policy_pattern_create(text->match, &out->pattern, why);
	if (err != 0)
		return err;
	out->replace = strdup(text->replace);
	if (!out->replace) {
		(void)snprintf(why, POLICY_WHY_LEN, "%s", err_text(-ENOMEM));
		return -ENOMEM;
	}
	return check_replace(out, why);
}

int policy_rules_create(const struct policy_rule_text *texts, size_t n, struct policy_rules **out,
	size_t *where, char why[POLICY_WHY_LEN])
{
	struct policy_rules *r = calloc(1, sizeof(*r) + n * sizeof(r->rules[0]));
	*where = 0;
	if (!r) {
		(void)snprintf(why, POLICY_WHY_LEN, "%s", err_text(-ENOMEM));
		return -ENOMEM;
	}
	r->n = n;
	for (size_t i = 0; i < n; i++) {
		int err = compile(&texts[i], &r->rules[i], why);
		if (err != 0) {
			*where = i;
			policy_rules_destroy(r);
			return err;
		}
	}
	*out = r;
	return 0;
}

void policy_rules_destroy(struct policy_rules *r)
{
	if (!r)
		return;
	for (size_t i = 0; i < r->n; i++) {
		policy_pattern_destroy(r->rules[i].pattern);
		free(r->rules[i].replace);
	}
	free(r);
}

static bool append(struct policy_number *out, const void *at, size_t len)
{
	if (len > POLICY_NUMBER_MAX - out->len)
		return false;
	if (len > 0)
		memcpy(out->text + out->len, at, len);
	out->len += len;
	out->text[out->len] = '\0';
	return true;
}

static bool expand(const struct rule *r, struct bytes number,
	const struct policy_group groups[POLICY_GROUPS_MAX], struct policy_number *out)
{
	bool has_room = append(out, number.data, groups[0].from);
	for (const char *p = r->replace; *p && has_room; p++) {
		if (*p == '$' && *++p != '$') {
			const struct policy_group *g = &groups[*p - '0'];
			has_room = append(out, number.data + g->from, g->to - g->from);
		} else {
			has_room = append(out, p, 1);
		}
	}
	return has_room && append(out, number.data + groups[0].to, number.len - groups[0].to);
}

static int check_number(const struct policy_number *n)
{
	for (size_t i = 0; i < n->len; i++) {
		if (!may_stand((unsigned char)n->text[i]))
			return ERR_MALFORMED;
	}
	return n->len > 0 ? 0 : ERR_MALFORMED;
}

int policy_rules_apply(const struct policy_rules *r, struct policy_scratch *s, struct bytes number,
	struct policy_number *out)
{
	struct policy_group groups[POLICY_GROUPS_MAX];
	struct policy_number n = {.len = 0};
	bool is_done = false;
	if (number.len > POLICY_NUMBER_MAX)
		return ERR_TOO_LARGE;
	for (size_t i = 0; r && i < r->n && !is_done; i++) {
		is_done = policy_pattern_match(r->rules[i].pattern, s, number, groups);
		if (is_done && !expand(&r->rules[i], number, groups, &n))
			return ERR_TOO_LARGE;
	}
	if (!is_done)
		(void)append(&n, number.data, number.len); /* as long as it may be */
	int err = check_number(&n);
	if (err == 0)
		*out = n;
	return err;
}

static void remove_plus(struct policy_number *n)
{
	if (n->len > 1 && n->text[0] == '+') {
		memmove(n->text, n->text + 1, n->len);
		n->len--;
	}
}

int policy_numbers_apply(const struct policy_numbering *t, const struct policy_caller_id *id,
	struct policy_scratch *s, struct bytes called, struct bytes calling,
	struct policy_numbers *out)
{
	struct policy_numbers n = {.is_anonymous = false};
	int err = policy_rules_apply(t->called, s, called, &n.called);
	if (err != 0)
		return err;
	if (id && id->is_suppressed)
		calling = bytes_str(id->alternate ? id->alternate : "");
	n.is_anonymous = calling.len == 0;
	if (!n.is_anonymous)
		err = policy_rules_apply(t->calling, s, calling, &n.calling);
	if (err != 0)
		return err;
	if (t->removes_plus) {
		remove_plus(&n.called);
		remove_plus(&n.calling);
	}
	*out = n;
	return 0;
}
