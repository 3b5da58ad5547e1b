/* SPDX-License-Identifier: BSD-3-Clause */
/* What the thread of calls listens on: found by what the trunks of its first plan need, and then as
 * it is while the process lives. */
#include <errno.h>
#include <ifaddrs.h>
#include <stdio.h>
#include <stdlib.h>
#include <strings.h>
#include <sys/socket.h>
#include <unistd.h>

#include "plan.h"

/* The node's one address in NETWORK. */
static int address_in(const struct prefix *network, struct addr *out)
{
	struct ifaddrs *all;
	int rc = ERR_NOT_FOUND;

	if (getifaddrs(&all) != 0)
		return -errno;
	for (const struct ifaddrs *i = all; i; i = i->ifa_next) {
		struct addr a;
		if (!i->ifa_addr ||
			addr_from_sockaddr(i->ifa_addr, sizeof(struct sockaddr_storage), &a) != 0 ||
			!prefix_contains(network, &a))
			continue;
		if (rc == 0 && !addr_equal_ip(&a, out)) {
			rc = ERR_EXISTS;
			break;
		}
		a.port = 0;
		*out = a;
		rc = 0;
	}
	freeifaddrs(all);
	return rc;
}

/* The address of pool P that TEXT says. */
static int own_address(const struct options_pool *p, const char *text, struct addr *out,
	char why[CALL_THREAD_WHY_LEN])
{
	struct prefix network;
	int rc = options_own_address(text, out, &network);

	if (rc == 0 && out->family == ADDR_NONE)
		rc = address_in(&network, out);
	if (rc != 0)
		(void)snprintf(why, CALL_THREAD_WHY_LEN,
			"pool \"%s\" cannot listen: this host has %s address in %s; ip addr shows "
			"those it has",
			p->name, rc == ERR_EXISTS ? "more than one" : "no", text);
	return rc;
}

/* 0: there is none. */
static uint32_t find(
	const struct call_thread *t, enum sip_transport transport, const struct addr *local)
{
	for (uint32_t i = 0; i < t->n_listeners; i++) {
		if (t->listeners[i].transport == transport &&
			addr_equal(&t->listeners[i].local, local))
			return i + 1;
	}
	return 0;
}

/* Before anything runs. */
static void add(struct call_thread *t, enum sip_transport transport, const struct addr *local,
	uint32_t group)
{
	uint32_t i = t->n_listeners++;

	t->listeners[i].transport = transport;
	t->listeners[i].local = *local;
	t->listeners[i].group = group;
	t->listeners[i].tls = transport == SIP_TLS ? t->tls.pairs[group].accepts : NULL;
	(void)addr_format_ip(local, t->hosts[i].text);
}

static enum sip_transport transport_of(enum options_sip_transport t)
{
	return t == OPTIONS_SIP_UDP ? SIP_UDP : t == OPTIONS_SIP_TCP ? SIP_TCP : SIP_TLS;
}

/* This node among those of its pool: the only one, or the one called as the host is. NULL: none. */
static const char *node_name(const struct options_pool *p)
{
	const char *const *nodes = p->nodes.items;
	char host[256] = "";

	if (p->nodes.n == 1)
		return nodes[0];
	(void)gethostname(host, sizeof(host) - 1);
	for (size_t i = 0; i < p->nodes.n; i++) {
		size_t first = strcspn(nodes[i], ".");
		if (strcasecmp(nodes[i], host) == 0 ||
			(strlen(host) == first && strncasecmp(nodes[i], host, first) == 0))
			return nodes[i];
	}
	return NULL;
}

/* What two pools, or both sides of one, call their addresses may be the same one. */
static int refuse_shared(const struct options_trunk *o, const struct options_pool *p,
	const struct addr *local, char why[CALL_THREAD_WHY_LEN])
{
	char a[ADDR_TEXT_LEN];

	(void)snprintf(why, CALL_THREAD_WHY_LEN,
		"trunk \"%s\" of pool \"%s\" cannot listen at %s: a listener with other "
		"certificates is there; change its port",
		o->name, p->name, addr_format(local, a));
	return ERR_CONFIG;
}

static int refuse_new(const struct options_trunk *o, const struct addr *local,
	enum options_sip_transport transport, char why[CALL_THREAD_WHY_LEN])
{
	char a[ADDR_TEXT_LEN];

	(void)snprintf(why, CALL_THREAD_WHY_LEN,
		"trunk \"%s\" wants a listener at %s over %s, and a running daemon opens none; "
		"restart it for that, or use a port that another trunk has",
		o->name, addr_format(local, a), options_sip_transport_name(transport));
	return ERR_CONFIG;
}

int call_listeners_trunk(struct call_thread *t, const struct options_mediation *m,
	const struct options_trunk *o, struct call_trunk *k, char why[CALL_THREAD_WHY_LEN])
{
	const struct options_pool *pools = m->pools.items;
	struct options_trunk_end ours;
	struct addr local;

	if (options_trunk_mediation(o, &ours) != 0)
		return ERR_CONFIG;
	const struct options_pool *p = options_pool_find(m, ours.name);
	if (!p)
		return ERR_CONFIG;
	k->transport = transport_of(ours.transport);
	k->group = call_tls_trunks((uint32_t)(p - pools));
	int rc =
		own_address(p, p->pstn_address ? p->pstn_address : p->primary_address, &local, why);
	if (rc != 0)
		return rc;
	local.port = ours.port;
	k->place = find(t, k->transport, &local);
	if (k->place == 0 && t->transport)
		return refuse_new(o, &local, ours.transport, why);
	if (k->place == 0) {
		add(t, k->transport, &local, k->group);
		k->place = t->n_listeners;
	}
	if (k->transport == SIP_TLS && t->listeners[k->place - 1].group != k->group)
		return refuse_shared(o, p, &local, why);
	if (k->transport == SIP_TLS && !t->transport)
		t->hosts[k->place - 1].name = node_name(p);
	return 0;
}

int call_listeners_front(struct call_thread *t, const struct options_mediation *m,
	struct call_trunk *k, char why[CALL_THREAD_WHY_LEN])
{
	const struct options_pool *p = options_client_pool(m);
	struct addr local;

	if (!p)
		return 0;
	int rc = own_address(p, p->primary_address, &local, why);
	if (rc != 0)
		return rc;
	local.port = (uint16_t)p->client_port;
	k->transport = SIP_TLS;
	k->group = call_tls_clients((uint32_t)(p - (const struct options_pool *)m->pools.items));
	if (!t->transport) {
		add(t, SIP_TLS, &local, k->group);
		t->client_place = t->n_listeners;
	}
	k->place = t->client_place;
	return 0;
}
