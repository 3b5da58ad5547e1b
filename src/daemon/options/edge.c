/* SPDX-License-Identifier: BSD-3-Clause */
/* The option table of the section "edge", with its rules. */
#include <sallyport/api.h>
#include <sallyport/net.h>
#include <sallyport/relay.h>

#include "rows.h"

static const char *const datapath_names[] = {"auto", "socket", "steer", "kernel", NULL};

static const struct conf_option relay_address_table[] = {
	{.name = "address",
		.type = CONF_ADDR,
		AT(options_relay_address, address),
		.flags = CONF_REQUIRED,
		.example = "192.0.2.10",
		.text = "Local address to bind relay ports on."},
	{.name = "advertise",
		.type = CONF_ADDR,
		AT(options_relay_address, advertise),
		.example = "203.0.113.10",
		.text = "Public address of a 1:1 NAT in front of it, which keeps port numbers as "
			"they are."},
	{.name = NULL},
};

static const struct conf_option relay_table[] = {
	{.name = "addresses",
		.type = CONF_LIST,
		.item = CONF_SECTION,
		AT(options_relay, addresses),
		.children = relay_address_table,
		.item_size = sizeof(struct options_relay_address),
		.max = 32,
		.text = "Addresses that clients get relay ports on. Without any: the listening "
			"addresses of the first face."},
	{.name = "ports",
		.type = CONF_PORTS,
		AT(options_relay, ports),
		.fallback = "50000-59999",
		.text = "Range of the relay ports; open it in the firewall for UDP, and for TCP "
			"with \"tcp\" below. The workers share it evenly."},
	{.name = "shared_port",
		.type = CONF_UINT,
		AT(options_relay, shared_port),
		.max = 65535,
		.fallback = "0",
		.text = "Port that all allocations of a worker are relayed through, instead of one "
			"port each; further workers take the next numbers, so that with \"workers: "
			"1\" "
			"this one port is all that a container has to publish. A datagram is told "
			"by "
			"its sender: when two clients meet the same peer, the second sends to it "
			"from a "
			"port of \"ports\". Made for peers that answer where they are spoken to, "
			"such as "
			"conference servers; two clients of one worker cannot reach each other "
			"through "
			"it. A client that asks for an even port gets one of \"ports\". 0: off."},
	{.name = "tcp",
		.type = CONF_BOOL,
		AT(options_relay, tcp),
		.fallback = "false",
		.flags = CONF_RELOAD,
		.text = "Relays TCP as well (RFC 6062): clients on TCP or TLS may have connections "
			"with peers, under the same peer rules and limits. Credentials of the API "
			"say that they permit it as long as this is on; those of the TURN REST "
			"form and access tokens always do. Off, such an Allocate gets 442."},
	{.name = NULL},
};

const struct conf_option options_peers_table[] = {
	{.name = "allow",
		.type = CONF_LIST,
		.item = CONF_PREFIX,
		AT(options_peers, allow),
		.flags = CONF_RELOAD,
		.max = 4096,
		.example = "[10.10.0.0/16]",
		.text = "Networks that clients may send to although they are denied by default: "
			"loopback, link-local, private, shared, unique-local, multicast and "
			"reserved addresses and the node itself. Name the inside networks of your "
			"deployment. A prefix holds addresses of its own family: ::/0 covers no "
			"IPv4."},
	{.name = "deny",
		.type = CONF_LIST,
		.item = CONF_PREFIX,
		AT(options_peers, deny),
		.flags = CONF_RELOAD,
		.max = 4096,
		.example = "[198.51.100.0/24]",
		.text = "Networks that clients must not send to. The longest prefix decides; at "
			"the same length deny wins."},
	{.name = NULL},
};

static const struct conf_option limits_table[] = {
	{.name = "allocations",
		.type = CONF_UINT,
		AT(options_limits, allocations),
		.max = 1000000,
		.fallback = "0",
		.flags = CONF_RELOAD,
		.text = "Allocations on this node at once; more get 508. 0: as many as there are "
			"relay ports and file descriptors."},
	OPTIONS_SUBJECT_ALLOCATIONS(options_limits),
	OPTIONS_ALLOCATION_RATE(options_limits),
	{.name = "allocation_packets",
		.type = CONF_UINT,
		AT(options_limits, allocation_packets),
		.max = 10000000,
		.fallback = "0",
		.flags = CONF_RELOAD,
		.text = "Packets a second of one allocation, each direction; what is over is "
			"dropped and counted. 0: no limit."},
	OPTIONS_SUBJECT_RATE(options_limits),
	{.name = "node_rate",
		.type = CONF_RATE,
		AT(options_limits, node_bps),
		.max = 1000000000000,
		.fallback = "0",
		.flags = CONF_RELOAD,
		.text = "Rate of all allocations of this node together, each direction. "
			"0: no limit."},
	{.name = "challenge_rate",
		.type = CONF_UINT,
		AT(options_limits, challenge_rate),
		.max = 1000000,
		.fallback = "1000",
		.flags = CONF_RELOAD,
		.text = "Answers a second over UDP to requests without a right credential, for "
			"each "
			"network they seem to come from (IPv4 /24, IPv6 /48); what is over is "
			"dropped and counted. Whoever has a right credential and nonce is never "
			"limited. The workers share it evenly. 0: no limit."},
	{.name = "binding_rate",
		.type = CONF_UINT,
		AT(options_limits, binding_rate),
		.max = 1000000,
		.fallback = "2000",
		.flags = CONF_RELOAD,
		.text = "Binding answers a second over UDP for each such network. 0: no limit."},
	{.name = "permissions",
		.type = CONF_UINT,
		AT(options_limits, permissions),
		.min = 1,
		.max = 4096,
		.fallback = "128",
		.flags = CONF_RELOAD,
		.text = "Permissions an allocation may hold at once; more get 508."},
	{.name = "channels",
		.type = CONF_UINT,
		AT(options_limits, channels),
		.min = 1,
		.max = 16384,
		.fallback = "128",
		.flags = CONF_RELOAD,
		.text = "Channels an allocation may hold at once; more get 508."},
	{.name = "peer_connections",
		.type = CONF_UINT,
		AT(options_limits, peer_connections),
		.min = 1,
		.max = 4096,
		.fallback = "32",
		.flags = CONF_RELOAD,
		.text = "TCP connections with peers an allocation may have at once, those that "
			"wait "
			"for the client included; more get 508, and peers that come are closed."},
	OPTIONS_DEFAULT_LIFETIME(options_limits),
	OPTIONS_MAX_LIFETIME(options_limits),
	{.name = "max_connections",
		.type = CONF_UINT,
		AT(options_limits, max_connections),
		.min = 1,
		.max = 1000000,
		.fallback = "10000",
		.text = "TCP and TLS connections and DTLS sessions of clients on this node at "
			"once; further ones are closed, or get no answer."},
	{.name = "connections_per_client",
		.type = CONF_UINT,
		AT(options_limits, connections_per_client),
		.max = 1000000,
		.fallback = "1000",
		.text = "Connections of one client at once on each worker; further ones are "
			"closed. "
			"A client is an IPv4 address, behind which there may be a whole office, or "
			"an IPv6 network of 64 bits. 0: no limit."},
	{.name = "connection_buffer",
		.type = CONF_SIZE,
		AT(options_limits, connection_buffer),
		.min = NET_BUFFER_MIN,
		.max = 16777216,
		.fallback = "256k",
		.text = "What is kept for one connection that reads too slowly, beside as much in "
			"the kernel; what is over is dropped and counted."},
	{.name = NULL},
};

/* ---- rules across fields ---- */

/* How many workers there will be is not known here: the highest number there can be is kept free.
 */
static void check_shared_port(struct conf_doc *doc, const struct options_relay *r)
{
	if (r->shared_port < 1024 || r->shared_port > 65535 - OPTIONS_WORKERS_MAX)
		conf_fail(doc, &r->shared_port,
			"\"shared_port\" must be from 1024 to %d: each worker takes one more",
			65535 - OPTIONS_WORKERS_MAX);
	else if (r->shared_port + OPTIONS_WORKERS_MAX > r->ports.first &&
		 r->shared_port <= r->ports.last)
		conf_fail(doc, &r->shared_port,
			"\"shared_port\" and the %d numbers behind it must lie outside of "
			"\"ports\"",
			OPTIONS_WORKERS_MAX);
}

static void check_relay(struct conf_doc *doc, const struct options_edge *e)
{
	const struct options_relay_address *r = e->relay.addresses.items;

	for (size_t i = 0; i < e->relay.addresses.n; i++) {
		if (r[i].address.port != 0 || r[i].advertise.port != 0)
			conf_fail(doc, &r[i].address,
				"a relay address has no port of its own; the range is "
				"\"edge.relay.ports\"");
		if (addr_is_unspecified(&r[i].address))
			conf_fail(doc, &r[i].address,
				"a wildcard cannot be a relay address; name the address");
		if (r[i].advertise.family != ADDR_NONE &&
			r[i].advertise.family != r[i].address.family)
			conf_fail(doc, &r[i].advertise,
				"\"advertise\" must be of the same family as \"address\"");
	}
	if (e->relay.shared_port != 0)
		check_shared_port(doc, &e->relay);
	if (e->relay.ports.first < 1024)
		conf_fail(doc, &e->relay.ports,
			"relay ports below 1024 are not ours; start at 1024 or above");
}

void options_check_lifetimes(struct conf_doc *doc, const uint64_t *default_s, const uint64_t *max_s)
{
	if (*max_s < *default_s)
		conf_fail(doc, max_s,
			"\"max_lifetime\" is shorter than \"default_lifetime\"; raise one or lower "
			"the other");
}

static void check_edge(struct conf_doc *doc, void *section)
{
	const struct options_edge *e = section;

	options_check_faces(doc, e);
	check_relay(doc, e);
	options_alternates_check(doc, e);
	options_check_lifetimes(doc, &e->limits.default_lifetime_s, &e->limits.max_lifetime_s);
}

const struct conf_option options_edge_table[] = {
	{.name = "realm",
		.type = CONF_STRING,
		AT(options_edge, realm),
		.flags = CONF_REQUIRED | CONF_RELOAD,
		.min = 1,
		.max = 127,
		.example = "edge.example.com",
		.check = check_edge,
		.text = "Realm of the credentials: the same on every member of a pool. A domain "
			"name of yours is usual."},
	{.name = "node",
		.type = CONF_UINT,
		AT(options_edge, node),
		.max = 63,
		.fallback = "0",
		.flags = CONF_RELOAD,
		.text = "Number of this member in its pool, for credentials that name the members "
			"they are good for."},
	{.name = "faces",
		.type = CONF_LIST,
		.item = CONF_SECTION,
		AT(options_edge, faces),
		.children = options_face_table,
		.item_size = sizeof(struct options_face),
		.min = 1,
		.max = RELAY_FACES_MAX,
		.flags = CONF_REQUIRED,
		.text = "The faces of the node: usually one toward the Internet and one toward the "
			"inside."},
	{.name = "relay",
		.type = CONF_SECTION,
		AT(options_edge, relay),
		.children = relay_table,
		.text = "Relayed addresses."},
	{.name = "peers",
		.type = CONF_SECTION,
		AT(options_edge, peers),
		.children = options_peers_table,
		.text = "Where clients may send to through the relay."},
	{.name = "limits",
		.type = CONF_SECTION,
		AT(options_edge, limits),
		.children = limits_table,
		.text = "Limits."},
	{.name = "strict_channels",
		.type = CONF_BOOL,
		AT(options_edge, strict_channels),
		.fallback = "false",
		.flags = CONF_RELOAD,
		.text = "Takes only the channel numbers of RFC 8656, 0x4000 to 0x4FFF. Off, those "
			"of RFC 5766 up to 0x7FFF too, which many clients use."},
	{.name = "mobility",
		.type = CONF_BOOL,
		AT(options_edge, mobility),
		.fallback = "true",
		.flags = CONF_RELOAD,
		.text = "Clients that ask for it may keep their allocation when their address or "
			"transport changes (RFC 8016). Off, they are told so (405)."},
	{.name = "icmp_errors",
		.type = CONF_BOOL,
		AT(options_edge, icmp_errors),
		.fallback = "false",
		.flags = CONF_RELOAD,
		.text = "Tells a client when a peer could not be reached, in Data indications with "
			"an ICMP attribute (RFC 8656, section 11.5). Clients that do not know them "
			"may stop reading: those on the Go library Pion do."},
	{.name = "sha256",
		.type = CONF_BOOL,
		AT(options_edge, sha256),
		.fallback = "true",
		.flags = CONF_RELOAD,
		.text = "Offers SHA-256 for the credentials' key beside MD5 (RFC 8489); clients "
			"that do not know it ignore the offer."},
	{.name = "software",
		.type = CONF_BOOL,
		AT(options_edge, software),
		.fallback = "false",
		.flags = CONF_RELOAD,
		.text = "Names this program and its version in answers to authenticated clients."},
	{.name = "receive_buffer",
		.type = CONF_SIZE,
		AT(options_edge, receive_buffer),
		.min = 65536,
		.max = 1073741824,
		.fallback = "4M",
		.text = "Kernel receive buffer of each listening socket: what a burst may fill "
			"before packets are lost. Without the right to pass net.core.rmem_max, the "
			"kernel gives what that allows."},
	{.name = "datapath",
		.type = CONF_ENUM,
		AT(options_edge, datapath),
		.names = datapath_names,
		.fallback = "auto",
		.text = "What carries relayed packets: \"socket\", which needs nothing and is "
			"seen by every firewall; \"steer\", without a socket for each relay port; "
			"\"kernel\", where most packets never leave it (XDP, TC). The faster ones "
			"need capabilities and pass by netfilter, see docs/operating.md. \"auto\" "
			"takes the best that can be had and says in the log why not a better one."},
	{.name = "busy_poll",
		.type = CONF_UINT,
		AT(options_edge, busy_poll),
		.max = 20000,
		.unit = "microseconds",
		.fallback = "0",
		.example = "250",
		.flags = CONF_RELOAD,
		.text = "So long a worker that has had packets looks for more before it sleeps, as "
			"long as more have lately come in that time. It spares them the wait until "
			"a sleeping core is awake, and keeps the worker's core busy while calls "
			"run: for cores that have nothing else to do, see docs/operating.md. 0: it "
			"sleeps at once."},
	{.name = "alternates",
		.type = CONF_LIST,
		.item = CONF_SECTION,
		AT(options_edge, alternates),
		.children = options_alternates_table,
		.item_size = sizeof(struct options_alternate),
		.max = API_ALTERNATES_MAX,
		.flags = CONF_RELOAD,
		.text = "Servers that new clients are sent to while this node drains (see "
			"sallyportctl(8)) or has more than \"redirect_above\" to do: those that "
			"answer. They must take this node's credentials."},
	{.name = "redirect_above",
		.type = CONF_STRING,
		AT(options_edge, redirect_above),
		.fallback = "0",
		.example = "80%",
		.flags = CONF_RELOAD,
		.text = "From this many allocations on, a number or a percentage of "
			"\"limits.allocations\", new clients are sent to an alternate that "
			"answers; without one they are served here. 0: never. An alternate should "
			"not send them on: clients follow one redirect."},
	{.name = NULL},
};
