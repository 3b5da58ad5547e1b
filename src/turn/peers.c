/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * Who may be sent to. One canonical address, one prefix trie, the longest match decides: the
 * defaults below, what the configuration allows and denies, and the node's own addresses.
 */
#include <assert.h>

#include "turn_priv.h"

enum verdict {
	PEER_UNSET = 0, /* nothing covers it: a public address, allowed */
	PEER_DENY,
	PEER_ALLOW,     /* named in the configuration */
	PEER_OWN_RELAY, /* a relay address of this node: open on the relay ports */
	PEER_OWN_ALLOW, /* the same, and named in the configuration: open on every port */
};

/*
 * Addresses that lead somewhere a stranger must not reach, or nowhere (RFC 6890 and its registry;
 * the documentation prefixes are left out, they are harmless and useful in tests).
 */
static const char *const denied_by_default[] = {
	"0.0.0.0/8",
	"10.0.0.0/8",
	"100.64.0.0/10",
	"127.0.0.0/8",
	"169.254.0.0/16",
	"172.16.0.0/12",
	"192.0.0.0/24",
	"192.168.0.0/16",
	"198.18.0.0/15",
	"224.0.0.0/4",
	"240.0.0.0/4",
	"::/96", /* unspecified, loopback, and the long dead IPv4-compatible addresses */
	"::ffff:0:0:0/96",
	"64:ff9b:1::/48", /* NAT64 of the local network (RFC 8215), which may lead anywhere in it */
	"100::/64",
	"2001:2::/48",
	"5f00::/16",
	"fc00::/7",
	"fe80::/10",
	"fec0::/10",
	"ff00::/8",
};

static int insert_all(struct prefix_set *set, const struct prefix *p, size_t n, enum verdict v)
{
	for (size_t i = 0; i < n; i++) {
		int rc = prefix_set_insert(set, &p[i], (uint8_t)v);
		if (rc != 0)
			return rc;
	}
	return 0;
}

static int insert_host(struct prefix_set *set, const struct addr *a, enum verdict v)
{
	struct prefix p = {.addr = *a, .len_bits = 128};

	p.addr.port = 0;
	p.addr.scope = 0;
	return prefix_set_insert(set, &p, (uint8_t)v);
}

static int insert_defaults(struct prefix_set *set)
{
	for (size_t i = 0; i < ARRAY_LEN(denied_by_default); i++) {
		struct prefix p;
		int rc = prefix_parse(denied_by_default[i], &p);
		assert(rc == 0);
		rc = prefix_set_insert(set, &p, PEER_DENY);
		if (rc != 0)
			return rc;
	}
	return 0;
}

static bool is_named(const struct prefix_set *set, const struct addr *a)
{
	/* An address may come twice, as an interface's and as a listener's. */
	uint8_t v = prefix_set_lookup(set, a);

	return v == PEER_ALLOW || v == PEER_OWN_ALLOW;
}

/* The node's addresses come last: as whole addresses they are the longest match of all. */
static int insert_own(struct prefix_set *set, const struct turn_config *c)
{
	int rc = 0;

	for (size_t i = 0; i < c->peers.n_own && rc == 0; i++) {
		bool named = is_named(set, &c->peers.own[i]);
		rc = insert_host(set, &c->peers.own[i], named ? PEER_OWN_ALLOW : PEER_DENY);
	}
	for (size_t i = 0; i < c->n_relays && rc == 0; i++) {
		const struct addr *both[] = {&c->relays[i].local, &c->relays[i].advertise};
		for (size_t k = 0; k < 2 && rc == 0; k++) {
			bool named = is_named(set, both[k]);
			rc = insert_host(set, both[k], named ? PEER_OWN_ALLOW : PEER_OWN_RELAY);
		}
	}
	return rc;
}

struct prefix_set *turn_peer_rules_create(
	const struct turn_config *c, const struct turn_peer_config *p)
{
	struct prefix_set *set = prefix_set_create();

	if (!set)
		return NULL;
	if (insert_defaults(set) != 0 || insert_all(set, p->allow, p->n_allow, PEER_ALLOW) != 0 ||
		insert_all(set, p->deny, p->n_deny, PEER_DENY) != 0 || insert_own(set, c) != 0) {
		prefix_set_destroy(set);
		return NULL;
	}
	return set;
}

/*
 * The verdict on an address, and on the IPv4 address inside it if it carries one. A carried address
 * must be one that may be reached directly; the node's own are never reached by such a detour.
 */
static enum verdict verdict_of(const struct turn_tenant *t, const struct addr *a)
{
	struct addr inner[2];
	unsigned n = addr_embedded_ipv4(a, inner);

	for (unsigned i = 0; i < n; i++) {
		enum verdict v = prefix_set_lookup(t->peer_rules, &inner[i]);
		if (v != PEER_UNSET && v != PEER_ALLOW)
			return PEER_DENY;
	}
	return prefix_set_lookup(t->peer_rules, a);
}

bool turn_peer_ip_is_allowed(const struct turn_tenant *t, const struct addr *wire)
{
	return verdict_of(t, wire) != PEER_DENY;
}

static bool is_listener(const struct turn_snapshot *s, const struct addr *wire)
{
	for (size_t i = 0; i < s->config.peers.n_listeners; i++) {
		const struct addr *l = &s->config.peers.listeners[i];
		if (l->port == wire->port && addr_equal_ip(l, wire))
			return true;
	}
	return false;
}

bool turn_peer_port_is_allowed(const struct turn_tenant *t, const struct addr *wire)
{
	const struct turn_snapshot *s = t->snapshot;

	if (wire->port == 0 || is_listener(s, wire))
		return false;
	switch (verdict_of(t, wire)) {
	case PEER_UNSET:
	case PEER_ALLOW:
	case PEER_OWN_ALLOW:
		return true;
	case PEER_OWN_RELAY:
		return wire->port >= s->config.first_port && wire->port <= s->config.last_port;
	case PEER_DENY:
		break;
	}
	return false;
}

bool turn_peer_is_allowed(const struct turn_snapshot *s, const struct addr *peer)
{
	struct addr wire = turn_peer_to_wire(s, peer);

	return turn_peer_port_is_allowed(&s->tenants[0], &wire);
}

struct addr turn_peer_to_wire(const struct turn_snapshot *s, const struct addr *peer)
{
	struct addr wire = *peer;

	for (size_t i = 0; i < s->config.n_relays; i++) {
		const struct turn_relay_address *r = &s->config.relays[i];
		if (addr_equal_ip(&r->advertise, peer)) {
			memcpy(wire.ip, r->local.ip, sizeof(wire.ip));
			break;
		}
	}
	return wire;
}

struct addr turn_peer_from_wire(const struct turn_snapshot *s, const struct addr *wire)
{
	struct addr peer = *wire;

	for (size_t i = 0; i < s->config.n_relays; i++) {
		const struct turn_relay_address *r = &s->config.relays[i];
		if (addr_equal_ip(&r->local, wire)) {
			memcpy(peer.ip, r->advertise.ip, sizeof(peer.ip));
			break;
		}
	}
	return peer;
}
