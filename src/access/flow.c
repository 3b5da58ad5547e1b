/* SPDX-License-Identifier: BSD-3-Clause */
/* Connections of clients: the few words that the door keeps of each. */
#include <stdlib.h>

#include "access_priv.h"

/* A connection may send so much that is refused or means nothing, and then this often; more ends
 * it: every message costs us the reading. */
#define NOISE_MAX      64
#define NOISE_EVERY_MS 1000

/* ---- life ---- */

static uint64_t flow_hash(const struct access *a, uint64_t id)
{
	return hash_bytes(&a->config.hash, &id, sizeof(id));
}

struct flow *access_flow_find(struct access *a, uint64_t id)
{
	struct hash_node *n = hash_table_first(&a->flows, flow_hash(a, id));

	for (; n; n = hash_table_next(n)) {
		struct flow *f = CONTAINER_OF(n, struct flow, node);
		if (f->id == id)
			return f;
	}
	return NULL;
}

struct flow *access_flow_make(struct access *a, const struct access_arrival *from)
{
	struct flow *f =
		a->flows.count < a->config.max_flows ? calloc(1, sizeof(struct flow)) : NULL;

	if (!f)
		return NULL;
	f->id = from->flow;
	f->remote = from->remote;
	f->place = access_place_of(a, &from->remote);
	f->face = from->face;
	if (hash_table_insert(&a->flows, &f->node, flow_hash(a, f->id)) != 0) {
		free(f);
		return NULL;
	}
	metrics_add(a->config.cells, ACCESS_C_FLOWS, 1);
	return f;
}

void access_flow_drop(struct access *a, struct flow *f)
{
	if (access_flow_is_registered(f))
		metrics_sub(a->config.cells, ACCESS_C_REGISTERED, 1);
	metrics_sub(a->config.cells, ACCESS_C_FLOWS, 1);
	hash_table_remove(&a->flows, &f->node);
	free(f);
}

void access_flow_closed(struct access *a, uint64_t flow)
{
	struct flow *f = access_flow_find(a, flow);

	if (f)
		access_flow_drop(a, f);
}

/* ---- who has registered ---- */

/* The address of record as the client has written it, which he does in the same way every time. */
static uint64_t owner_of(const struct access *a, const struct sip_msg *m)
{
	struct sip_name_addr to;
	uint64_t h = 0;

	if (sip_name_addr_decode(sip_header_value(m, SIP_HEADER_TO), &to) == 0)
		h = hash_bytes(&a->config.hash, to.uri.at, to.uri.len);
	return h ? h : 1;
}

/* Its place among the owners; n_owners: it has none. */
static unsigned owner_place(const struct flow *f, uint64_t owner)
{
	unsigned i = 0;

	while (i < f->n_owners && f->owners[i] != owner)
		i++;
	return i;
}

static void owner_add(struct flow *f, uint64_t owner)
{
	if (owner_place(f, owner) < f->n_owners)
		return;
	if (f->n_owners < FLOW_OWNERS)
		f->n_owners++;
	f->owners[f->n_owners - 1] = owner;
}

static void owner_remove(struct flow *f, uint64_t owner)
{
	unsigned i = owner_place(f, owner);

	if (i < f->n_owners)
		f->owners[i] = f->owners[--f->n_owners];
}

void access_flow_register(struct access *a, struct flow *f, const struct sip_msg *m)
{
	bool was_registered = access_flow_is_registered(f);
	char peer[ADDR_TEXT_LEN];

	if (sip_header_first(m, SIP_HEADER_CONTACT))
		owner_add(f, owner_of(a, m));
	else
		owner_remove(f, owner_of(a, m));
	if (access_flow_is_registered(f) == was_registered)
		return;
	if (was_registered) {
		metrics_sub(a->config.cells, ACCESS_C_REGISTERED, 1);
		return;
	}
	metrics_add(a->config.cells, ACCESS_C_REGISTERED, 1);
	log_info(LOG_SIP, "client registered", "peer=%s transport=%s", log_addr(&f->remote, peer),
		sip_transport_name(a->config.outside[f->face].transport));
}

/* ---- what it has registered ---- */

static uint64_t contact_hash(const struct access *a, const struct sip_uri *u)
{
	char host[256 + 2];
	uint32_t len = u->host.text.len < 256 ? u->host.text.len : 256;

	for (uint32_t i = 0; i < len; i++) {
		char c = u->host.text.at[i];
		host[i] = (char)(c >= 'A' && c <= 'Z' ? c | 0x20 : c);
	}
	memcpy(host + len, &u->port, sizeof(u->port));
	return hash_bytes(&a->config.hash, host, len + sizeof(u->port));
}

bool access_flow_has_contact(const struct access *a, const struct flow *f, const struct sip_uri *u)
{
	uint64_t h = contact_hash(a, u);

	for (unsigned i = 0; i < f->n_contacts && i < FLOW_CONTACTS; i++) {
		if (f->contacts[i] == h)
			return true;
	}
	return false;
}

void access_flow_contacts_learn(struct access *a, struct flow *f, const struct sip_msg *m)
{
	struct sip_list l = sip_list_of(m, SIP_HEADER_CONTACT);
	struct sip_name_addr n;
	struct sip_uri u;

	while (sip_name_addr_next(&l, &n) == 1) {
		if (n.is_star || sip_uri_decode(n.uri, &u) != 0 ||
			access_flow_has_contact(a, f, &u))
			continue;
		f->contacts[f->n_contacts % FLOW_CONTACTS] = contact_hash(a, &u);
		f->n_contacts =
			f->n_contacts < 2 * FLOW_CONTACTS - 1 ? f->n_contacts + 1 : FLOW_CONTACTS;
	}
}

/* ---- what it may ---- */

void access_flow_asked(struct flow *f)
{
	if (f->n_answers < FLOW_ANSWERS_MAX)
		f->n_answers += FLOW_ANSWERS;
}

/* Anybody may ask for options; and a request that is cancelled counts itself. */
void access_flow_answered(struct access *a, struct flow *f, const struct sip_msg *m)
{
	bool is_taken = m->status > 100 && m->status < 300 && m->method != SIP_OPTIONS &&
			m->method != SIP_CANCEL;

	if (!is_taken || f->is_vouched)
		return;
	f->is_vouched = true;
	a->config.carrier.vouch(a->config.carrier.arg, f->id);
}

void access_flow_noise(struct access *a, struct flow *f)
{
	if (!f || rate_take_slow(&f->noise, NOISE_EVERY_MS, NOISE_MAX, a->config.clock->mono_ms))
		return;
	access_count(a, ACCESS_C_ENDED);
	a->config.carrier.end(a->config.carrier.arg, f->id);
}
