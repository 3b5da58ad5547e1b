/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * Which connection a request takes. One that we have dialled is known by where it goes; one that
 * the peer has opened only where its Via says so and its certificate proves it (RFC 5923).
 */
#include <strings.h>

#include "transport_priv.h"

static uint64_t hash_of(const struct sip_transport_layer *t, const struct addr *remote)
{
	return hash_bytes(&t->key, remote, sizeof(*remote));
}

int sip_known_add(struct sip_conn *c, struct sip_known_as *k, const struct addr *remote)
{
	struct sip_transport_layer *t = c->t;

	sip_known_remove(k);
	k->remote = *remote;
	int rc = hash_table_insert(&t->by_remote, &k->node, hash_of(t, remote));
	k->is_set = rc == 0;
	return rc;
}

void sip_known_remove(struct sip_known_as *k)
{
	if (k->is_set)
		hash_table_remove(&k->conn->t->by_remote, &k->node);
	k->is_set = false;
}

static bool is_from(const struct sip_conn *c, const struct addr *local)
{
	return local->family == ADDR_NONE || addr_equal_ip(&c->local, local);
}

/* While it is dialled there is only the name that it was dialled under. */
static bool is_named(const struct sip_conn *c, const char *name)
{
	if (!sip_transport_is_secure(c->transport))
		return true;
	if (c->name && strcasecmp(c->name, name) == 0)
		return true;
	return c->peer && sip_peer_is(c->peer, name);
}

static bool suits(const struct sip_known_as *k, const struct sip_target *target)
{
	const struct sip_conn *c = k->conn;

	return addr_equal(&k->remote, &target->addr) && c->transport == target->transport &&
	       c->group == target->group && !c->is_broken && !c->is_last &&
	       is_from(c, &target->local) && is_named(c, target->name);
}

struct sip_conn *sip_known_find(struct sip_transport_layer *t, const struct sip_target *target)
{
	uint64_t h = hash_of(t, &target->addr);

	for (struct hash_node *n = hash_table_first(&t->by_remote, h); n; n = hash_table_next(n)) {
		const struct sip_known_as *k = CONTAINER_OF(n, struct sip_known_as, node);
		if (suits(k, target))
			return k->conn;
	}
	return NULL;
}

int sip_transport_alias(struct sip_transport_layer *t, struct sip_flow flow, uint16_t port)
{
	struct sip_conn *c = sip_flow_conn(t, flow);

	if (!c)
		return ERR_NOT_FOUND;
	if (c->transport != SIP_TLS || !c->peer)
		return ERR_DENIED;
	struct addr remote = c->remote;
	remote.port = port;
	return sip_known_add(c, &c->alias, &remote);
}
