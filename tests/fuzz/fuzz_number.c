/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * Numbers that a stranger dials, through rules as operators write them and through one that is made
 * to take long; and the Reason that a gateway sends. Whatever comes out may stand in a URI.
 */
#include <stdlib.h>
#include <string.h>
#include <sallyport/mediation/policy.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static const struct policy_rule_text texts[] = {
	{"^\\+1(425|206)(\\d{7})$", "$2"},
	{"^(?:00|011)([1-9]\\d+)(;ext=(\\d+))?$", "+$1$2"},
	{"^(\\d+|\\d\\d|\\D)*#$", "$1"},
	{"(.)(.)(.)(.)(.)(.)(.)(.)(.)(.)", "$9$8$7$6$5$4$3$2$1$0$$"},
	{"^\\+", "$0"},
};

static void must(bool is_true)
{
	if (!is_true)
		abort();
}

static struct policy_rules *compile(void)
{
	struct policy_rules *r = NULL;
	char why[POLICY_WHY_LEN];
	size_t where;
	must(policy_rules_create(texts, ARRAY_LEN(texts), &r, &where, why) == 0);
	return r;
}

static void check(const struct policy_number *n)
{
	must(n->len > 0 && n->len <= POLICY_NUMBER_MAX && n->text[n->len] == '\0');
	must(strlen(n->text) == n->len);
	for (size_t i = 0; i < n->len; i++)
		must(n->text[i] > ' ' && n->text[i] < 127 && !strchr("\"<>@\\", n->text[i]));
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct policy_scratch *s = policy_scratch_create();
	struct policy_rules *r = compile();
	struct policy_numbering t = {.called = r, .calling = r, .removes_plus = size % 2};
	struct policy_numbers n;
	size_t half = size / 2;
	must(s != NULL);
	if (policy_numbers_apply(&t, NULL, s, bytes_of(data, half),
		    bytes_of(data + half, size - half), &n) == 0) {
		check(&n.called);
		must(n.is_anonymous == (size == half));
		if (!n.is_anonymous)
			check(&n.calling);
	}
	int cause = policy_q850(bytes_of(data, size));
	must(cause >= -1 && cause <= 127);
	policy_rules_destroy(r);
	policy_scratch_destroy(s);
	return 0;
}
