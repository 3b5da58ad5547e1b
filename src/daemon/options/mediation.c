/* SPDX-License-Identifier: BSD-3-Clause */
/* The option table of the section "mediation", of its pools and gateways. */
#include "../options_mediation.h"
#include "rows.h"

static const char *const kind_names[] = {"pstn_gateway", "ip_pbx", "sbc", NULL};
static const char *const srtp_names[] = {"none", "optional", "required", NULL};

static const struct conf_option gateway_table[] = {
	{.name = "name",
		.type = CONF_STRING,
		AT(options_gateway, name),
		.flags = CONF_REQUIRED,
		.min = 1,
		.max = 64,
		.example = "gw1",
		.text = "Name by which trunks name it."},
	{.name = "host",
		.type = CONF_STRING,
		AT(options_gateway, host),
		.flags = CONF_REQUIRED,
		.min = 1,
		.max = 253,
		.example = "gw1.example.net",
		.text = "Host name or address. With TLS it is a name: that of its certificate."},
	{.name = "kind",
		.type = CONF_ENUM,
		AT(options_gateway, kind),
		.names = kind_names,
		.fallback = "pstn_gateway",
		.text = "What it is. A call from a pstn_gateway or a provider's sbc does not go to "
			"one of those again, whatever the usages of its trunk say."},
	{.name = "address",
		.type = CONF_ADDR,
		AT(options_gateway, address),
		.example = "198.51.100.5",
		.text = "Its address, without a port, if its name is not to be looked up."},
	{.name = NULL},
};

#define SIP_TLS_ROWS(whose)                                                                        \
	{.name = "certificate",                                                                    \
		.type = CONF_PATH,                                                                 \
		AT(options_sip_tls, certificate),                                                  \
		.flags = CONF_REQUIRED | CONF_RELOAD,                                              \
		.example = "/etc/sallyport/sip.pem",                                               \
		.text = "Certificate chain, PEM. It is for a server and for a client, as either "  \
			"end may connect. The file is read again when it changes, as are the "     \
			"others here."},                                                           \
		{.name = "private_key",                                                            \
			.type = CONF_PATH,                                                         \
			AT(options_sip_tls, private_key),                                          \
			.flags = CONF_REQUIRED | CONF_RELOAD,                                      \
			.example = "/etc/sallyport/sip.key",                                       \
			.text = "Its private key, PEM."},                                          \
		{.name = "ca",                                                                     \
			.type = CONF_PATH,                                                         \
			AT(options_sip_tls, ca),                                                   \
			.flags = CONF_REQUIRED | CONF_RELOAD,                                      \
			.example = "/etc/sallyport/sip-ca.pem",                                    \
			.text = "Certificates, PEM, one of which has signed that of " whose        \
				". Without such a certificate there is no connection."},           \
	{                                                                                          \
		.name = "crl", .type = CONF_PATH, AT(options_sip_tls, crl), .flags = CONF_RELOAD,  \
		.example = "/etc/sallyport/sip-ca.crl",                                            \
		.text = "Revocation lists of all of these, PEM."                                   \
	}

static const struct conf_option client_tls_table[] = {
	SIP_TLS_ROWS("whoever connects"),
	{.name = "names",
		.type = CONF_LIST,
		.item = CONF_STRING,
		AT(options_client_tls, names),
		.flags = CONF_RELOAD,
		.max = OPTIONS_NAMES_MAX,
		.example = "[fe1.example.net, fe2.example.net]",
		.text = "Host names of those who may connect, as their certificates have them. "
			"Without any, that of \"next_hop\"."},
	{.name = NULL},
};

static const struct conf_option trunk_tls_table[] = {
	SIP_TLS_ROWS("a gateway, whose \"host\" its certificate has"),
	{.name = NULL},
};

static const struct conf_option next_hop_table[] = {
	{.name = "host",
		.type = CONF_STRING,
		AT(options_next_hop, host),
		.flags = CONF_REQUIRED,
		.min = 1,
		.max = 253,
		.example = "fe.example.net",
		.text = "Host name or address, which its certificate has."},
	{.name = "port",
		.type = CONF_UINT,
		AT(options_next_hop, port),
		.max = 65535,
		.fallback = "0",
		.text = "Port for SIP over TLS. 0: as the records of its name say, else 5061."},
	{.name = "address",
		.type = CONF_ADDR,
		AT(options_next_hop, address),
		.example = "10.10.0.5",
		.text = "Its address, without a port, if its name is not to be looked up."},
	{.name = "domain",
		.type = CONF_STRING,
		AT(options_next_hop, domain),
		.flags = CONF_RELOAD,
		.min = 1,
		.max = 253,
		.example = "example.net",
		.text = "SIP domain of its users: calls go to NUMBER@DOMAIN. Without it, the "
			"host."},
	{.name = NULL},
};

static const struct conf_option trunk_listen_table[] = {
	{.name = "tls",
		.type = CONF_PORTS,
		AT(options_trunk_listen, tls),
		.fallback = "5067-5079",
		.text = "Ports that trunks may name for SIP over TLS."},
	{.name = "tcp",
		.type = CONF_PORTS,
		AT(options_trunk_listen, tcp),
		.example = "5068",
		.text = "For SIP over TCP, which is not encrypted. Without it no trunk has TCP."},
	{.name = "udp",
		.type = CONF_PORTS,
		AT(options_trunk_listen, udp),
		.example = "5060",
		.text = "For SIP over UDP, which is not encrypted. Without it no trunk has UDP."},
	{.name = NULL},
};

static const struct conf_option pool_table[] = {
	{.name = "name",
		.type = CONF_STRING,
		AT(options_pool, name),
		.flags = CONF_REQUIRED,
		.min = 1,
		.max = 64,
		.example = "med",
		.text = "Name by which trunks name it."},
	{.name = "nodes",
		.type = CONF_LIST,
		.item = CONF_STRING,
		AT(options_pool, nodes),
		.flags = CONF_REQUIRED,
		.min = 1,
		.max = OPTIONS_NODES_MAX,
		.example = "[ms1.example.net, ms2.example.net]",
		.text = "Host names of its nodes; at most 12 with \"colocated\"."},
	{.name = "colocated",
		.type = CONF_BOOL,
		AT(options_pool, colocated),
		.fallback = "true",
		.text = "The nodes are the registrar's hosts too. Then there is one address for "
			"both sides."},
	{.name = "client_port",
		.type = CONF_UINT,
		AT(options_pool, client_port),
		.min = 1,
		.max = 65535,
		.fallback = "5070",
		.text = "Port of the one listener for the inside, SIP over mutual TLS, at the "
			"primary address. No trunk may have it there."},
	{.name = "client_tls",
		.type = CONF_SECTION,
		AT(options_pool, client_tls),
		.children = client_tls_table,
		.flags = CONF_OPTIONAL_SECTION,
		.present_offset = offsetof(struct options_pool, has_client_tls),
		.text = "The side of the inside: whom it is shown there, and who may call. Without "
			"it nobody listens at \"client_port\", and calls are between trunks alone. "
			"One pool may have it."},
	{.name = "trunk_tls",
		.type = CONF_SECTION,
		AT(options_pool, trunk_tls),
		.children = trunk_tls_table,
		.flags = CONF_OPTIONAL_SECTION,
		.present_offset = offsetof(struct options_pool, has_trunk_tls),
		.text = "The same toward gateways. Without it, that of \"client_tls\"."},
	{.name = "next_hop",
		.type = CONF_SECTION,
		AT(options_pool, next_hop),
		.children = next_hop_table,
		.flags = CONF_OPTIONAL_SECTION,
		.present_offset = offsetof(struct options_pool, has_next_hop),
		.text = "The front end inside, which knows the users: it gets the calls that come "
			"over trunks and go to no other trunk."},
	{.name = "trunk_listen",
		.type = CONF_SECTION,
		AT(options_pool, trunk_listen),
		.children = trunk_listen_table,
		.text = "Ports for gateways, at the PSTN address."},
	{.name = "primary_address",
		.type = CONF_STRING,
		AT(options_pool, primary_address),
		.flags = CONF_REQUIRED,
		.min = 1,
		.max = 64,
		.example = "auto/10.10.0.0/24",
		.text = "Address for the inside, or auto/NETWORK: the one that a node has in that "
			"network, so that all nodes may have the same file."},
	{.name = "pstn_address",
		.type = CONF_STRING,
		AT(options_pool, pstn_address),
		.min = 1,
		.max = 64,
		.example = "auto/10.99.0.0/24",
		.text = "Address for gateways, on a second interface. Without it the primary one."},
	{.name = "audio_ports",
		.type = CONF_PORTS,
		AT(options_pool, audio_ports),
		.min = 1024,
		.max = 65535,
		.fallback = "49152-57499",
		.text = "Ports for audio, at both addresses: four for each call where there is "
			"one address, two at each where there are two. Keep them apart from "
			"\"edge.relay.ports\" of the same address."},
	{.name = "client_srtp",
		.type = CONF_ENUM,
		AT(options_pool, client_srtp),
		.flags = CONF_RELOAD,
		.names = srtp_names,
		.fallback = "required",
		.text = "Encryption of media toward the inside."},
	{.name = "default_trunk",
		.type = CONF_STRING,
		AT(options_pool, default_trunk),
		.flags = CONF_RELOAD,
		.min = 1,
		.max = 64,
		.example = "gw1-root",
		.text = "Trunk of this pool that a number goes to for which there is no route."},
	{.name = NULL},
};

static const struct conf_option records_table[] = {
	{.name = "file",
		.type = CONF_PATH,
		AT(options_records, file),
		.flags = CONF_OUTPUT,
		.example = "/var/log/sallyport/calls.jsonl",
		.text = "Where a line of JSON is written for each call that is over. The daemon's "
			"\"user\" must be able to write there. A file that was moved away is made "
			"anew, so that it can be rotated without a signal."},
	{.name = NULL},
};

const struct conf_option options_mediation_table[] = {
	{.name = "gateways",
		.type = CONF_LIST,
		.item = CONF_SECTION,
		AT(options_mediation, gateways),
		.children = gateway_table,
		.item_size = sizeof(struct options_gateway),
		.flags = CONF_REQUIRED | CONF_RELOAD,
		.min = 1,
		.max = OPTIONS_GATEWAYS_MAX,
		.text = "PSTN gateways, IP-PBXs, and session border controllers of providers."},
	{.name = "pools",
		.type = CONF_LIST,
		.item = CONF_SECTION,
		AT(options_mediation, pools),
		.children = pool_table,
		.item_size = sizeof(struct options_pool),
		.flags = CONF_REQUIRED,
		.min = 1,
		.max = OPTIONS_POOLS_MAX,
		.text = "Sets of nodes that do the same work."},
	{.name = "trunks",
		.type = CONF_LIST,
		.item = CONF_SECTION,
		AT(options_mediation, trunks),
		.children = options_trunk_table,
		.item_size = sizeof(struct options_trunk),
		.flags = CONF_REQUIRED | CONF_RELOAD,
		.min = 1,
		.max = OPTIONS_TRUNKS_MAX,
		.text = "Ways between a pool and a gateway: a pair of ports."},
	{.name = "trunk_settings",
		.type = CONF_LIST,
		.item = CONF_SECTION,
		AT(options_mediation, trunk_settings),
		.flags = CONF_RELOAD,
		.children = options_trunk_settings_table,
		.item_size = sizeof(struct options_trunk_settings),
		.max = OPTIONS_TRUNKS_MAX,
		.text = "What holds for trunks. For each the set with the most specific scope "
			"counts, whole: nothing is taken from a wider one. Without any, the "
			"defaults hold."},
	{.name = "usages",
		.type = CONF_LIST,
		.item = CONF_STRING,
		AT(options_mediation, usages),
		.flags = CONF_REQUIRED | CONF_RELOAD,
		.min = 1,
		.max = OPTIONS_USAGES_MAX,
		.example = "[local, long_distance]",
		.text = "What calls are for. All routes of the first are tried before those of "
			"the second."},
	{.name = "routes",
		.type = CONF_LIST,
		.item = CONF_SECTION,
		AT(options_mediation, routes),
		.flags = CONF_RELOAD,
		.children = options_route_table,
		.item_size = sizeof(struct options_route),
		.max = OPTIONS_ROUTES_MAX,
		.text = "Which numbers leave by which trunks."},
	{.name = "dial_rules",
		.type = CONF_LIST,
		.item = CONF_SECTION,
		AT(options_mediation, dial_rules),
		.flags = CONF_RELOAD,
		.children = options_rule_table,
		.item_size = sizeof(struct options_rule),
		.max = OPTIONS_RULES_MAX,
		.text = "Rules that make what somebody dials a number as routes have it, such as "
			"+14255550123. The first that matches counts."},
	{.name = "records",
		.type = CONF_SECTION,
		AT(options_mediation, records),
		.children = records_table,
		.text = "Call detail records. Without a file none are written."},
	{.name = "dns_servers",
		.type = CONF_LIST,
		.item = CONF_STRING,
		AT(options_mediation, dns_servers),
		.max = 8,
		.example = "[10.10.0.53]",
		.text = "Addresses of resolvers to ask for gateways, with @PORT where that is not "
			"53. Without any, those of /etc/resolv.conf."},
	{.name = NULL},
};
