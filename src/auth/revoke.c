/* SPDX-License-Identifier: BSD-3-Clause */
/* Revocations: sorting, finding. Where they come from and who else is told is not decided here. */
#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include "revoke.h"

static size_t id_len(enum auth_revocation_kind kind)
{
	switch (kind) {
	case AUTH_REVOKE_JTI:
		return AUTH_JTI_LEN;
	case AUTH_REVOKE_SUBJECT:
		return AUTH_SUBJECT_LEN;
	case AUTH_REVOKE_KID:
		return AUTH_KID_LEN;
	}
	return 0;
}

static int compare(const void *va, const void *vb)
{
	const struct auth_revocation *a = va, *b = vb;
	if (a->kind != b->kind)
		return a->kind < b->kind ? -1 : 1;
	return memcmp(a->id, b->id, id_len(a->kind));
}

/* Keeps one of each run of equal entries in the sorted list. */
static void merge(struct auth_revocations *r)
{
	size_t kept = 0;
	for (size_t i = 1; i < r->n; i++) {
		struct auth_revocation *last = &r->list[kept];
		if (compare(last, &r->list[i]) != 0)
			r->list[++kept] = r->list[i];
		else if (last->until_s < r->list[i].until_s)
			last->until_s = r->list[i].until_s;
	}
	r->n = kept + 1;
}

int auth_revocations_init(struct auth_revocations *out, const struct auth_revocation *r, size_t n)
{
	*out = (struct auth_revocations){0};
	if (n == 0)
		return 0;
	out->list = calloc(n, sizeof(*r));
	if (out->list == NULL)
		return -ENOMEM;
	out->n = n;
	for (size_t i = 0; i < n; i++) {
		out->list[i].kind = r[i].kind;
		out->list[i].until_s = r[i].until_s;
		memcpy(out->list[i].id, r[i].id, id_len(r[i].kind));
	}
	qsort(out->list, n, sizeof(*r), compare);
	merge(out);
	return 0;
}

void auth_revocations_fini(struct auth_revocations *r)
{
	free(r->list);
	*r = (struct auth_revocations){0};
}

bool auth_revocations_has(const struct auth_revocations *r, enum auth_revocation_kind kind,
	const void *id, uint64_t now_s)
{
	if (r->n == 0)
		return false;
	struct auth_revocation wanted = {.kind = kind};
	memcpy(wanted.id, id, id_len(kind));
	const struct auth_revocation *found =
		bsearch(&wanted, r->list, r->n, sizeof(wanted), compare);
	return found != NULL && now_s <= found->until_s;
}
