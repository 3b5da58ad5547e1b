/* SPDX-License-Identifier: BSD-3-Clause */
/* Dialogs found by Call-ID and both tags (RFC 3261 §12). */
#include <sallyport/sip/dialog.h>

/*
 * The remote tag is compared only: it may be absent with a side that knows RFC 2543 alone. A
 * response says both others, so that they may be the same: their hashes must not cancel out.
 */
static uint64_t hash_of(
	const struct sip_dialogs *t, struct sip_str call_id, struct sip_str local_tag)
{
	const uint64_t both[2] = {hash_bytes(&t->key, call_id.at, call_id.len),
		hash_bytes(&t->key, local_tag.at, local_tag.len)};

	return hash_bytes(&t->key, both, sizeof(both));
}

void sip_dialogs_init(struct sip_dialogs *t, struct hash_key key)
{
	hash_table_init(&t->table);
	t->key = key;
}

void sip_dialogs_fini(struct sip_dialogs *t)
{
	hash_table_fini(&t->table);
}

int sip_dialogs_add(struct sip_dialogs *t, struct sip_dialog *d)
{
	int err = hash_table_insert(&t->table, &d->node, hash_of(t, d->call_id, d->local_tag));

	d->is_filed = err == 0;
	return err;
}

void sip_dialogs_remove(struct sip_dialogs *t, struct sip_dialog *d)
{
	if (d->is_filed)
		hash_table_remove(&t->table, &d->node);
	d->is_filed = false;
}

static struct sip_dialog *find(const struct sip_dialogs *t, struct sip_str call_id,
	struct sip_str local_tag, struct sip_str remote_tag)
{
	struct hash_node *n = hash_table_first(&t->table, hash_of(t, call_id, local_tag));

	for (; n; n = hash_table_next(n)) {
		struct sip_dialog *d = CONTAINER_OF(n, struct sip_dialog, node);
		if (sip_str_equal(d->call_id, call_id) && sip_str_equal(d->local_tag, local_tag) &&
			sip_str_equal(d->remote_tag, remote_tag))
			return d;
	}
	return NULL;
}

struct sip_dialog *sip_dialogs_find(const struct sip_dialogs *t, const struct sip_msg *request)
{
	return find(t, request->call_id, request->to_tag, request->from_tag);
}

/* A tag "0" stands for none: that of a side which knows RFC 2543 alone (RFC 3891 §6.1). */
struct sip_dialog *sip_dialogs_find_replaced(
	const struct sip_dialogs *t, const struct sip_replaces *r)
{
	struct sip_dialog *d = find(t, r->call_id, r->to_tag, r->from_tag);

	if (!d && sip_str_is(r->from_tag, "0"))
		d = find(t, r->call_id, r->to_tag, SIP_NONE);
	return d;
}
