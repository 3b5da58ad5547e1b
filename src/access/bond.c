/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * What a token was made for. It is shown to one connection, and opens for that, for another of the
 * user who had registered over it, and for one from the same place over which nobody has registered
 * yet; one of a dialog opens within that dialog.
 */
#include "access_priv.h"

void access_digest_add(struct digest *d, struct sip_str s)
{
	uint64_t pair[2] = {d->sum, hash_bytes(&d->key, s.at, s.len)};

	d->sum = hash_bytes(&d->key, pair, sizeof(pair));
}

uint64_t access_dialog_of(const struct access *a, const struct sip_msg *m)
{
	uint64_t h = hash_bytes(&a->config.hash, m->call_id.at, m->call_id.len);

	return h ? h : 1;
}

uint64_t access_transaction_of(const struct access *a, const struct sip_msg *m)
{
	struct digest d = {.key = a->config.hash};

	access_digest_add(&d, m->call_id);
	access_digest_add(&d, m->from_tag);
	access_digest_add(&d, sip_str_of(&m->cseq, sizeof(m->cseq)));
	access_digest_add(&d, sip_str_of(&m->method, sizeof(m->method)));
	return d.sum;
}

uint64_t access_place_of(const struct access *a, const struct addr *remote)
{
	size_t kept = remote->family == ADDR_IPV4 ? 16 : 8;

	return hash_bytes(&a->config.hash, remote->ip, kept);
}

void access_bond_put(uint8_t out[BOND_LEN], const struct flow *f, uint64_t dialog)
{
	be64_put(out, f->id);
	be64_put(out + 8, f->n_owners ? f->owners[0] : 0);
	be64_put(out + 16, f->place);
	be64_put(out + 24, dialog);
}

/* Who has lost his connection may hang up, or say where his media are now, before he has registered
 * anew: from the place where he was that passes. From elsewhere he has to say first who he is. */
int access_bond_check(const uint8_t in[BOND_LEN], const struct flow *f)
{
	uint64_t owner = be64_get(in + 8);
	bool is_his = be64_get(in) == f->id;

	if (!access_flow_is_registered(f))
		is_his |= be64_get(in + 16) == f->place;
	for (unsigned i = 0; i < f->n_owners; i++)
		is_his |= f->owners[i] == owner;
	if (is_his)
		return 0;
	return owner ? ERR_EXPIRED : ERR_DENIED;
}

uint64_t access_bond_dialog(const uint8_t in[BOND_LEN])
{
	return be64_get(in + 24);
}
