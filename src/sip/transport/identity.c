/* SPDX-License-Identifier: BSD-3-Clause */
/* Whose certificate it is, as RFC 5922 §7.1 and §7.2 read it. */
#include <string.h>
#include <strings.h>

#include "transport_priv.h"

/*
 * The host of a SIP URI that names a domain: "sip:example.com", without user, port or parameters.
 * NULL: no SIP URI. A URI that says more names somebody else, and so gives "".
 */
static const char *sip_domain(const char *name)
{
	const char *host;

	if (strncasecmp(name, "sip:", 4) == 0)
		host = name + 4;
	else if (strncasecmp(name, "sips:", 5) == 0)
		host = name + 5;
	else
		return NULL;
	return strpbrk(host, "@;?:") ? "" : host;
}

static bool is_dns_name(const char *name)
{
	return strchr(name, ':') == NULL;
}

static bool has_address(const struct crypto_peer *peer, const struct addr *a)
{
	for (size_t i = 0; i < peer->n_addresses; i++) {
		if (addr_equal_ip(&peer->addresses[i], a))
			return true;
	}
	return false;
}

bool sip_peer_is(const struct crypto_peer *peer, const char *name)
{
	struct addr numeric;
	bool has_sip = false, has_dns = false;

	if (!peer->has_certificate || name[0] == '\0')
		return false;
	if (addr_parse(name, 0, &numeric) == 0)
		return has_address(peer, &numeric);
	for (size_t i = 0; i < peer->n_names; i++) {
		const char *domain = sip_domain(peer->names[i]);
		if (domain && strcasecmp(domain, name) == 0)
			return true;
		has_sip |= domain != NULL;
		has_dns |= is_dns_name(peer->names[i]) && strcasecmp(peer->names[i], name) == 0;
	}
	return has_dns && !has_sip;
}
