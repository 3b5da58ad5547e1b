/* SPDX-License-Identifier: BSD-3-Clause */
/* What the answers mean: NAPTR to services, SRV to hosts, addresses to targets (RFC 3263 §4). */
#include <stdio.h>
#include <string.h>
#include <strings.h>

#include "locate_priv.h"

/* ---- transports ---- */

bool locate_can_send_by(const struct sip_location *at, enum sip_transport t)
{
	const struct sip_locator_config *c = &at->locator->config;

	if (at->hop.is_sips && t != SIP_TLS)
		return false;
	return (t == SIP_UDP && c->has_udp) || (t == SIP_TCP && c->has_tcp) ||
	       (t == SIP_TLS && c->has_tls);
}

enum sip_transport locate_default_transport(const struct sip_location *at)
{
	if (at->hop.transport != SIP_TRANSPORT_OTHER)
		return at->hop.transport;
	return at->hop.is_sips ? SIP_TLS : SIP_UDP;
}

static void add_service(
	struct sip_location *at, enum sip_transport t, const char *prefix, const char *name)
{
	if (at->n_services == LOCATE_SERVICES_MAX)
		return;
	struct locate_service *s = &at->services[at->n_services];
	int len = snprintf(s->name, sizeof(s->name), "%s%s", prefix, name);
	if (len < 0 || (size_t)len >= sizeof(s->name))
		return; /* no name can be so long, so nobody has it */
	s->transport = t;
	at->n_services++;
}

void locate_add_service(struct sip_location *at, enum sip_transport t)
{
	static const char *const prefix[] = {
		[SIP_UDP] = "_sip._udp.", [SIP_TCP] = "_sip._tcp.", [SIP_TLS] = "_sips._tcp."};

	if (locate_can_send_by(at, t))
		add_service(at, t, prefix[t], at->hop.host);
}

/* ---- NAPTR ---- */

static enum sip_transport transport_of(const struct dns_record *r)
{
	if (strcasecmp(r->flags, "s") != 0 || r->has_regexp || r->name[0] == '\0')
		return SIP_TRANSPORT_OTHER;
	if (strcasecmp(r->service, "SIP+D2U") == 0)
		return SIP_UDP;
	if (strcasecmp(r->service, "SIP+D2T") == 0)
		return SIP_TCP;
	if (strcasecmp(r->service, "SIPS+D2T") == 0)
		return SIP_TLS;
	return SIP_TRANSPORT_OTHER;
}

/*
 * The one behind LAST by order, then by preference, then as they came, of those that can be used;
 * N: there is none.
 */
static size_t next_naptr(
	const struct sip_location *at, const struct dns_record *records, size_t n, uint64_t *last)
{
	uint64_t best = UINT64_MAX;
	size_t found = n;

	for (size_t i = 0; i < n; i++) {
		uint64_t rank = (uint64_t)records[i].priority << 32 |
				(uint64_t)records[i].weight << 16 | (i + 1);
		if (rank > *last && rank < best &&
			locate_can_send_by(at, transport_of(&records[i]))) {
			best = rank;
			found = i;
		}
	}
	*last = best;
	return found;
}

/* RFC 3403 §4.1: beyond the lowest order nothing is looked at. */
void locate_take_naptr(struct sip_location *at, const struct dns_record *records, size_t n)
{
	uint64_t last = 0;
	size_t first = next_naptr(at, records, n, &last);

	for (size_t i = first; i < n && records[i].priority == records[first].priority;
		i = next_naptr(at, records, n, &last))
		add_service(at, transport_of(&records[i]), "", records[i].name);
}

/* ---- SRV ---- */

struct locate_host *locate_add_host(
	struct sip_location *at, enum sip_transport t, const char *name, uint16_t port)
{
	size_t len = strlen(name);

	if (at->n_hosts == LOCATE_HOSTS_MAX || len >= DNS_NAME_LEN)
		return NULL;
	struct locate_host *h = &at->hosts[at->n_hosts++];
	h->transport = t;
	h->port = port;
	memcpy(h->name, name, len + 1);
	return h;
}

static void take_srv(struct sip_location *at, struct locate_service *s)
{
	sip_srv_order(s->records, s->n, at->locator->config.random_below);
	for (size_t i = 0; i < s->n; i++) {
		const struct dns_record *r = &s->records[i];
		/* RFC 2782: the root for a target says that there is no such service. */
		struct locate_host *h =
			r->name[0] != '\0' && r->port != 0
				? locate_add_host(at, s->transport, r->name, r->port)
				: NULL;
		if (h) {
			h->priority = r->priority;
			h->weight = r->weight;
		}
	}
}

void locate_take_services(struct sip_location *at)
{
	enum sip_transport t = locate_default_transport(at);
	bool has_records = false, is_known = at->n_services == 0;

	for (size_t i = 0; i < at->n_services; i++) {
		struct locate_service *s = &at->services[i];
		has_records |= s->n > 0;
		is_known |= s->rc == 0 || s->rc == ERR_NOT_FOUND;
		take_srv(at, s);
	}
	if (has_records || !is_known)
		return;
	if (locate_can_send_by(at, t))
		(void)locate_add_host(at, t, at->hop.host, sip_transport_port(t));
	else
		at->rc = ERR_UNSUPPORTED;
}

/* ---- addresses ---- */

void locate_take_addresses(struct locate_host *h, const struct dns_record *records, size_t n)
{
	for (size_t i = 0; i < n; i++) {
		const struct addr *a = &records[i].addr;
		if (a->family == ADDR_IPV6 && h->n_ipv6 < LOCATE_ADDRESSES_MAX)
			h->ipv6[h->n_ipv6++] = *a;
		if (a->family == ADDR_IPV4 && h->n_ipv4 < LOCATE_ADDRESSES_MAX)
			h->ipv4[h->n_ipv4++] = *a;
	}
}

struct sip_target *locate_add_target(
	struct sip_location *at, enum sip_transport t, const struct addr *a, uint16_t port)
{
	if (at->n_targets == SIP_TARGETS_MAX)
		return NULL;
	struct sip_target *target = &at->targets[at->n_targets++];
	target->transport = t;
	target->addr = *a;
	target->addr.port = port;
	target->local = at->hop.local;
	if (t == SIP_TLS)
		memcpy(target->name, at->hop.domain, sizeof(target->name));
	target->ttl_s = UINT32_MAX;
	return target;
}

static void add_address(struct sip_location *at, size_t host, const struct addr *a)
{
	const struct locate_host *h = &at->hosts[host];
	struct sip_target *target = locate_add_target(at, h->transport, a, h->port);

	if (!target)
		return;
	target->priority = h->priority;
	target->weight = h->weight;
	target->host = (uint16_t)host;
	target->ttl_s = at->ttl_s;
}

void locate_take_hosts(struct sip_location *at)
{
	for (size_t i = 0; i < at->n_hosts; i++) {
		const struct locate_host *h = &at->hosts[i];
		for (size_t k = 0; k < h->n_ipv6; k++)
			add_address(at, i, &h->ipv6[k]);
		for (size_t k = 0; k < h->n_ipv4; k++)
			add_address(at, i, &h->ipv4[k]);
	}
}
