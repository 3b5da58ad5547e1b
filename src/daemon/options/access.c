/* SPDX-License-Identifier: BSD-3-Clause */
/* The option table of the section "access", with its rules. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <sallyport/sip.h>

#include "../options_access.h"
#include "rows.h"

static const struct conf_option tls_item = {.type = CONF_ADDR, .min = SIP_TLS_PORT};
static const struct conf_option wss_item = {.type = CONF_ADDR, .min = 443};

static const struct conf_option inside_table[] = {
	{.name = "listen",
		.type = CONF_LIST,
		.item = CONF_ADDR,
		AT(options_access_inside, listen),
		.children = &tls_item,
		.flags = CONF_REQUIRED,
		.min = 1,
		.max = 4,
		.example = "[10.10.0.11:5061]",
		.text = "Addresses for the front end, port 5061 unless given: SIP over mutual TLS. "
			"Requests for clients come in here, and requests for credentials "
			"(SERVICE)."},
	{.name = "host",
		.type = CONF_STRING,
		AT(options_access_inside, host),
		.min = 1,
		.max = 253,
		.example = "edge1.int.example.net",
		.text = "Name of this node by which the front end finds and checks it: it stands "
			"in "
			"Via, Path and Record-Route toward the inside. Without it the first "
			"address "
			"does, and the certificate must have that."},
	{.name = "certificate",
		.type = CONF_PATH,
		AT(options_access_inside, certificate),
		.flags = CONF_REQUIRED,
		.example = "/etc/sallyport/inside.pem",
		.text = "Certificate chain toward the inside (PEM), for both roles: server and "
			"client. A renewed file is taken by itself."},
	{.name = "private_key",
		.type = CONF_PATH,
		AT(options_access_inside, private_key),
		.flags = CONF_REQUIRED,
		.example = "/etc/sallyport/inside.key",
		.text = "Its private key."},
	{.name = "ca",
		.type = CONF_PATH,
		AT(options_access_inside, ca),
		.flags = CONF_REQUIRED,
		.example = "/etc/sallyport/inside-ca.pem",
		.text = "Authorities of the inside (PEM): the only ones whose certificates count "
			"there."},
	{.name = "crl",
		.type = CONF_PATH,
		AT(options_access_inside, crl),
		.example = "/etc/sallyport/inside-crl.pem",
		.text = "Their revocation lists (PEM)."},
	{.name = "next_hop",
		.type = CONF_STRING,
		AT(options_access_inside, next_hop),
		.flags = CONF_REQUIRED,
		.min = 1,
		.max = 255,
		.example = "fe.int.example.net",
		.text = "The front end, where all requests of clients go: a name that is looked up "
			"with its _sips._tcp records, NAME:PORT without them, or an address. The "
			"certificate of whoever answers must bear the name."},
	{.name = "peers",
		.type = CONF_LIST,
		.item = CONF_STRING,
		AT(options_access_inside, peers),
		.max = 64,
		.example = "[fe1.int.example.net, fe2.int.example.net]",
		.text = "Names in certificates of who else may send to clients and ask for "
			"credentials here, beside the front end's own."},
	{.name = "dns_servers",
		.type = CONF_LIST,
		.item = CONF_STRING,
		AT(options_access_inside, dns_servers),
		.max = 8,
		.example = "[10.10.0.53]",
		.text = "Addresses of resolvers to ask for the front end, with @PORT where that is "
			"not 53. Without any, those of /etc/resolv.conf."},
	{.name = NULL},
};

static const struct conf_option limits_table[] = {
	{.name = "connections",
		.type = CONF_UINT,
		AT(options_access_limits, connections),
		.min = 1,
		.max = 65536,
		.fallback = "8192",
		.text = "Connections of clients at once; more are closed at once."},
	{.name = "connections_per_client",
		.type = CONF_UINT,
		AT(options_access_limits, connections_per_client),
		.min = 1,
		.max = 65536,
		.fallback = "256",
		.text = "Of those, from one IPv4 address or IPv6 network of 64 bits. All clients "
			"behind one NAT count together."},
	{.name = "handshakes",
		.type = CONF_UINT,
		AT(options_access_limits, handshakes),
		.min = 1,
		.max = 65536,
		.fallback = "1024",
		.text = "Of those, still in the handshake of TLS or WebSocket. One more ends the "
			"oldest."},
	{.name = "strangers",
		.type = CONF_UINT,
		AT(options_access_limits, strangers),
		.min = 1,
		.max = 65536,
		.fallback = "2048",
		.text = "Of those, by which nobody has registered yet nor sent another request "
			"that the front end has taken in; half of \"connections\" at most. One "
			"more ends the oldest."},
	{.name = "strangers_per_client",
		.type = CONF_UINT,
		AT(options_access_limits, strangers_per_client),
		.min = 1,
		.max = 65536,
		.fallback = "64",
		.text = "Of those, and of those in a handshake, from one IPv4 address or IPv6 "
			"network of 64 bits; more are closed at once."},
	{.name = "stranger_time",
		.type = CONF_DURATION,
		AT(options_access_limits, stranger_time_s),
		.min = 10,
		.max = 3600,
		.fallback = "60s",
		.text = "A connection is ended when it has been a stranger's for so long, "
			"whatever it sends."},
	{.name = "stranger_rate",
		.type = CONF_UINT,
		AT(options_access_limits, stranger_rate),
		.max = 1000000,
		.fallback = "200",
		.flags = CONF_RELOAD,
		.text = "Requests a second that are passed for all clients of one network (IPv4 "
			"/24, IPv6 /48) that have not registered; more get 503. 0: no limit."},
	{.name = "client_rate",
		.type = CONF_UINT,
		AT(options_access_limits, client_rate),
		.max = 1000000,
		.fallback = "50",
		.flags = CONF_RELOAD,
		.text = "The same for one connection over which somebody has registered."},
	{.name = "message_size",
		.type = CONF_SIZE,
		AT(options_access_limits, message_size),
		.min = 2048,
		.max = SIP_MSG_MAX,
		.fallback = "32k",
		.text = "Longest message of a client, body included; longer ones get 413."},
	{.name = "idle",
		.type = CONF_DURATION,
		AT(options_access_limits, idle_s),
		.min = 30,
		.max = 86400,
		.fallback = "15m",
		.text = "A client's connection without a byte for so long is closed."},
	{.name = NULL},
};

const struct conf_option options_access_table[] = {
	{.name = "host",
		.type = CONF_STRING,
		AT(options_access, host),
		.flags = CONF_REQUIRED,
		.min = 1,
		.max = 253,
		.example = "sip.example.net",
		.text = "Name of this node as clients find it by SRV records. It stands in Via and "
			"Record-Route toward them, so its address records must lead here."},
	{.name = "tls",
		.type = CONF_LIST,
		.item = CONF_ADDR,
		AT(options_access, tls),
		.children = &tls_item,
		.max = 16,
		.example = "[203.0.113.10:5061]",
		.text = "Addresses for SIP over TLS, port 5061 unless given."},
	{.name = "wss",
		.type = CONF_LIST,
		.item = CONF_ADDR,
		AT(options_access, wss),
		.children = &wss_item,
		.max = 16,
		.example = "[203.0.113.10:443]",
		.text = "Addresses for SIP over WebSocket with TLS, port 443 unless given."},
	{.name = "certificate",
		.type = CONF_PATH,
		AT(options_access, certificate),
		.flags = CONF_REQUIRED,
		.example = "/etc/sallyport/sip.pem",
		.text = "Certificate chain for clients (PEM). It bears the SIP domains (RFC 5922) "
			"and the host. A renewed file is taken by itself."},
	{.name = "private_key",
		.type = CONF_PATH,
		AT(options_access, private_key),
		.flags = CONF_REQUIRED,
		.example = "/etc/sallyport/sip.key",
		.text = "Its private key."},
	{.name = "domains",
		.type = CONF_LIST,
		.item = CONF_STRING,
		AT(options_access, domains),
		.flags = CONF_REQUIRED | CONF_RELOAD,
		.min = 1,
		.max = 256,
		.example = "[example.net]",
		.text = "SIP domains that are served. Requests to others get 403."},
	{.name = "origins",
		.type = CONF_LIST,
		.item = CONF_STRING,
		AT(options_access, origins),
		.max = 64,
		.example = "[\"https://phone.example.net\"]",
		.text = "Origins of web pages that may connect by WebSocket. None: any. Who names "
			"no origin is no browser, and let in."},
	{.name = "media_relay",
		.type = CONF_STRING,
		AT(options_access, media_relay),
		.flags = CONF_RELOAD,
		.min = 1,
		.max = 512,
		.example = "sip:mras@example.net",
		.text = "URI of the credential service, told to each client that registers: "
			"Call-Info with purpose=media-relay in the 200. To a SIP URI the client "
			"sends "
			"SERVICE by its front end."},
	{.name = "flow_timer",
		.type = CONF_DURATION,
		AT(options_access, flow_timer_s),
		.max = 3600,
		.fallback = "2m",
		.flags = CONF_RELOAD,
		.text = "How often clients with outbound (RFC 5626) are asked to send something "
			"(Flow-Timer), unless the registrar says so itself. 0: it is not said."},
	{.name = "inside",
		.type = CONF_SECTION,
		AT(options_access, inside),
		.children = inside_table,
		.flags = CONF_REQUIRED,
		.text = "Toward the front end."},
	{.name = "limits",
		.type = CONF_SECTION,
		AT(options_access, limits),
		.children = limits_table,
		.text = "What clients may draw."},
	{.name = NULL},
};

/* ---- rules ---- */

static bool is_host_name(const char *text)
{
	static const char characters[] =
		"abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789.-";

	return text[0] != '\0' && text[strspn(text, characters)] == '\0';
}

static bool is_host(const char *text)
{
	struct addr a;

	return is_host_name(text) || (addr_parse(text, 0, &a) == 0 && a.port == 0);
}

int options_next_hop(
	const struct options_access_inside *i, char host[OPTIONS_HOST_LEN], uint16_t *port)
{
	const char *colon = strrchr(i->next_hop, ':');
	struct addr a;
	char *end;

	*port = 0;
	if (addr_parse(i->next_hop, 0, &a) == 0) {
		char text[ADDR_TEXT_LEN];
		*port = a.port;
		(void)snprintf(host, OPTIONS_HOST_LEN, "%s", addr_format_ip(&a, text));
		return 0;
	}
	size_t len = colon ? (size_t)(colon - i->next_hop) : strlen(i->next_hop);
	if (len >= OPTIONS_HOST_LEN)
		return ERR_MALFORMED;
	memcpy(host, i->next_hop, len);
	host[len] = '\0';
	unsigned long n = colon ? strtoul(colon + 1, &end, 10) : 0;
	if (colon && (colon[1] < '1' || colon[1] > '9' || *end != '\0' || n > UINT16_MAX))
		return ERR_MALFORMED;
	*port = (uint16_t)n;
	return is_host_name(host) ? 0 : ERR_MALFORMED;
}

static void check_hosts(struct conf_doc *doc, const struct options_access *o)
{
	const char *const *domain = o->domains.items;
	const struct addr *listen = o->inside.listen.items;
	char host[OPTIONS_HOST_LEN];
	uint16_t port;

	if (!is_host_name(o->host))
		conf_fail(doc, &o->host, "\"%s\" is no host name", o->host);
	if (o->inside.host && !is_host(o->inside.host))
		conf_fail(doc, &o->inside.host, "\"%s\" is neither a host name nor an address",
			o->inside.host);
	for (size_t i = 0; i < o->domains.n; i++) {
		if (!is_host_name(domain[i]))
			conf_fail(doc, &domain[i], "\"%s\" is no domain", domain[i]);
	}
	/* It would stand in Path, and nobody would be reached. */
	if (!o->inside.host && o->inside.listen.n > 0 && addr_is_unspecified(listen))
		conf_fail(doc, listen,
			"the front end cannot send to all addresses; name one of them in "
			"\"host\"");
	if (options_next_hop(&o->inside, host, &port) != 0)
		conf_fail(doc, &o->inside.next_hop,
			"\"%s\" is no front end; write NAME, NAME:PORT or an address",
			o->inside.next_hop);
}

static void check_media_relay(struct conf_doc *doc, const struct options_access *o)
{
	struct sip_uri u;

	if (!o->media_relay)
		return;
	/* It goes between angle brackets. */
	if (sip_uri_decode(sip_str_c(o->media_relay), &u) != 0 ||
		strpbrk(o->media_relay, "<> \"") != NULL)
		conf_fail(doc, &o->media_relay, "\"%s\" is no URI, such as sip:mras@example.net",
			o->media_relay);
}

void options_check_access(struct conf_doc *doc, void *section)
{
	const struct options_access *o = section;

	if (o->tls.n + o->wss.n == 0)
		conf_fail(doc, &o->tls,
			"nobody can come in; name addresses in \"tls\" or in \"wss\"");
	check_hosts(doc, o);
	check_media_relay(doc, o);
	if (o->flow_timer_s >= o->limits.idle_s)
		conf_fail(doc, &o->flow_timer_s,
			"clients are asked to speak each %llu s, and closed after %llu s; give "
			"\"limits.idle\" more",
			(unsigned long long)o->flow_timer_s, (unsigned long long)o->limits.idle_s);
}
