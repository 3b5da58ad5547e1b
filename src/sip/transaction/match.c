/* SPDX-License-Identifier: BSD-3-Clause */
/* Which transaction a message belongs to, the branches that we make for that, and our tags. */
#include <stdio.h>

#include "transaction_priv.h"

/* Each with its length, so that no two lists of words read the same. They are slices of one
 * message, each taken once, so that they always fit: also of one that is refused, with a head over
 * all bounds. */
struct words {
	char *at;
	size_t len;
};

static void add(struct words *w, struct sip_str s)
{
	memcpy(w->at + w->len, &s.len, sizeof(s.len));
	w->len += sizeof(s.len);
	if (s.len)
		memcpy(w->at + w->len, s.at, s.len);
	w->len += s.len;
}

static struct transaction_key key_of(const struct transactions *l, const struct words *w)
{
	return (struct transaction_key){hash_bytes(&l->config.keys[0], w->at, w->len),
		hash_bytes(&l->config.keys[1], w->at, w->len)};
}

/* ACK and CANCEL are looked for as the INVITE that they belong to. */
static struct sip_str method_to_match(const struct sip_msg *m)
{
	if (m->method == SIP_ACK || m->method == SIP_CANCEL)
		return sip_str_c("INVITE");
	return m->method_name;
}

/*
 * The To tag is looked at for requests other than INVITE only: an INVITE's ACK bears the tag of our
 * response, and that of a re-INVITE is told apart by its CSeq.
 */
static void add_rfc2543(struct words *w, const struct sip_msg *m)
{
	struct sip_list vias = sip_list_of(m, SIP_HEADER_VIA);
	struct sip_str via = SIP_NONE;

	(void)sip_list_next(&vias, &via); /* good, says the decoder */
	add(w, via);
	add(w, m->uri);
	add(w, m->from_tag);
	add(w, m->call_id);
	add(w, sip_str_of(&m->cseq, sizeof(m->cseq)));
	if (!sip_str_equal(method_to_match(m), sip_str_c("INVITE")))
		add(w, m->to_tag);
}

void key_of_request(struct transactions *l, const struct sip_msg *m, struct transaction_key *out)
{
	struct words w = {l->scratch, 0};
	struct sip_via via;

	add(&w, method_to_match(m));
	if (sip_via_top(m, &via) == 0 && via.has_cookie) {
		add(&w, via.branch);
		add(&w, via.host.text);
		add(&w, sip_str_of(&via.port, sizeof(via.port)));
	} else {
		add_rfc2543(&w, m);
	}
	*out = key_of(l, &w);
}

void key_of_branch(struct transactions *l, struct sip_str branch, struct sip_str method,
	struct transaction_key *out)
{
	struct words w = {l->scratch, 0};

	add(&w, method);
	add(&w, branch);
	*out = key_of(l, &w);
}

/* A keyed hash of a number that is used once: nobody outside can guess the next one. */
void branch_make(
	const struct transactions *l, uint64_t number, enum branch_of of, char out[BRANCH_LEN])
{
	uint64_t text[2] = {number, of};

	(void)snprintf(out, BRANCH_LEN, SIP_BRANCH_COOKIE "%016jx%016jx",
		(uintmax_t)hash_bytes(&l->config.keys[0], text, sizeof(text)),
		(uintmax_t)hash_bytes(&l->config.keys[1], text, sizeof(text)));
}

/* The same for every copy of a request, also where none of it is kept. */
void tag_make(const struct transactions *l, const struct transaction_key *key,
	char out[TRANSACTION_TAG_LEN])
{
	(void)snprintf(out, TRANSACTION_TAG_LEN, "%016jx",
		(uintmax_t)hash_bytes(&l->config.keys[1], key, sizeof(*key)));
}
