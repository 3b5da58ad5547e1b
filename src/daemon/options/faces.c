/* SPDX-License-Identifier: BSD-3-Clause */
/* The option table of "edge.faces": where clients come in, and with which certificates. */
#include <sallyport/stun.h>

#include "../behavior.h"
#include "rows.h"

#define STUNS_PORT 5349 /* of STUN over TLS and DTLS */

static const char *const proxy_udp_names[] = {"each", "first", NULL};
static const char *const location_names[] = {"internet", "intranet", NULL};

/* A listening address without a port gets that of STUN. */
static const struct conf_option listen_item = {.type = CONF_ADDR, .min = STUN_PORT};
static const struct conf_option tls_item = {.type = CONF_ADDR, .min = STUNS_PORT};

const struct conf_option options_certificate_table[] = {
	{.name = "certificate",
		.type = CONF_PATH,
		AT(options_certificate, certificate),
		.flags = CONF_REQUIRED | CONF_RELOAD,
		.example = "/etc/sallyport/tls/second.pem",
		.text = "Certificate with its chain, in PEM."},
	{.name = "private_key",
		.type = CONF_PATH,
		AT(options_certificate, private_key),
		.flags = CONF_REQUIRED | CONF_RELOAD,
		.example = "/etc/sallyport/tls/second.key",
		.text = "Its private key, in PEM without a pass phrase."},
	{.name = NULL},
};

const struct conf_option options_face_table[] = {
	{.name = "name",
		.type = CONF_STRING,
		AT(options_face, name),
		.flags = CONF_REQUIRED,
		.min = 1,
		.max = 32,
		.example = "external",
		.text = "Name of the face, for the log."},
	{.name = "location",
		.type = CONF_ENUM,
		AT(options_face, location),
		.names = location_names,
		.fallback = "internet",
		.text = "Which clients reach this face. A credential issued for the other location "
			"is refused here."},
	{.name = "listen",
		.type = CONF_LIST,
		.item = CONF_ADDR,
		AT(options_face, listen),
		.flags = CONF_REQUIRED,
		.min = 1,
		.max = 16,
		.example = "[192.0.2.10, \"2001:db8::10\"]",
		.children = &listen_item,
		.text = "Addresses to listen on, port 3478 unless given. Each is bound as written: "
			"no wildcard, so that answers leave from the address they were asked on."},
	{.name = "tcp",
		.type = CONF_LIST,
		.item = CONF_ADDR,
		AT(options_face, tcp),
		.max = 16,
		.example = "[192.0.2.10, \"2001:db8::10\"]",
		.children = &listen_item,
		.text = "Addresses to take TCP connections on, port 3478 unless given, for "
			"clients whose network lets no UDP out. The API hands out the port of "
			"the first. Without any there is no TCP."},
	{.name = "tls",
		.type = CONF_LIST,
		.item = CONF_ADDR,
		AT(options_face, tls),
		.max = 16,
		.example = "[192.0.2.10, \"2001:db8::10\"]",
		.children = &tls_item,
		.text = "Addresses to take TLS connections on, port 5349 unless given; 443 gets "
			"through most firewalls. The API hands out the port of the first. Without "
			"any there is no TLS."},
	{.name = "dtls",
		.type = CONF_LIST,
		.item = CONF_ADDR,
		AT(options_face, dtls),
		.max = 16,
		.example = "[192.0.2.10, \"2001:db8::10\"]",
		.children = &tls_item,
		.text = "Addresses to take DTLS 1.2 on, over UDP, port 5349 unless given. One that "
			"is in \"listen\" too serves both from one socket; what load balancers of "
			"\"proxy_protocol\" bring there is not DTLS. The API hands out the port of "
			"the first. Without any there is no DTLS."},
	{.name = "certificate",
		.type = CONF_PATH,
		AT(options_face, certificate),
		.flags = CONF_RELOAD,
		.example = "/etc/sallyport/tls/edge.pem",
		.text = "Certificate for \"tls\" and \"dtls\", with its chain, in PEM. It should "
			"bear the "
			"name in \"host\". A new one is taken by itself, for new "
			"connections."},
	{.name = "private_key",
		.type = CONF_PATH,
		AT(options_face, private_key),
		.flags = CONF_RELOAD,
		.example = "/etc/sallyport/tls/edge.key",
		.text = "Private key of the certificate, in PEM without a pass phrase."},
	{.name = "certificates",
		.type = CONF_LIST,
		.item = CONF_SECTION,
		AT(options_face, certificates),
		.children = options_certificate_table,
		.item_size = sizeof(struct options_certificate),
		.flags = CONF_RELOAD,
		.max = OPTIONS_CERTIFICATES_MAX,
		.text = "Further certificates, for other host names or with another type of key. "
			"A client gets one with the name it asks for (SNI) among its DNS subject "
			"alternative names, a wildcard of one label included; the one above when "
			"there is none."},
	{.name = "proxy_protocol",
		.type = CONF_LIST,
		.item = CONF_PREFIX,
		AT(options_face, proxy_protocol),
		.max = 64,
		.example = "[192.0.2.250, \"2001:db8::/120\"]",
		.text = "Load balancers that begin each connection on TCP and TLS, and datagrams "
			"on "
			"UDP, with a header of the PROXY protocol, version 1 or 2. The client is "
			"the one that the header names. From these addresses nothing is taken "
			"without it, and with it nothing from any other: so name no address that "
			"clients can send from. What a client sends through such a balancer on "
			"UDP counts as a connection for \"max_connections\"."},
	{.name = "proxy_protocol_udp",
		.type = CONF_ENUM,
		AT(options_face, proxy_protocol_udp),
		.names = proxy_udp_names,
		.fallback = "each",
		.text = "Which datagrams of a balancer have the header: each, or only the first of "
			"a session, as nginx sends it. A session is a port of the balancer and "
			"ends after a minute without datagrams and without an allocation; with "
			"\"first\" the balancer must not use the port for another client before."},
	{.name = "behavior_discovery",
		.type = CONF_BOOL,
		AT(options_face, behavior_discovery),
		.fallback = "false",
		.flags = CONF_RELOAD,
		.text = "Lets clients on UDP find out how the NAT in front of them maps and "
			"filters "
			"(RFC 5780, and RFC 3489 for old ones). \"listen\" names two addresses "
			"with the same two ports each: four entries for a family. Answers to "
			"Binding requests then name the other address and port, and leave from "
			"there for who asks."},
	{.name = "advertise",
		.type = CONF_LIST,
		.item = CONF_ADDR,
		AT(options_face, advertise),
		.flags = CONF_RELOAD,
		.max = 16,
		.example = "[203.0.113.10]",
		.text = "What clients are told in place of the listening addresses when those "
			"stand behind a 1:1 NAT."},
	{.name = "host",
		.type = CONF_STRING,
		AT(options_face, host),
		.flags = CONF_RELOAD,
		.min = 1,
		.max = 253,
		.example = "av.example.com",
		.text = "Host name by which clients reach this face; the API hands it out. Without "
			"it they get the addresses."},
	{.name = "tenant",
		.type = CONF_STRING,
		AT(options_face, tenant),
		.example = "acme",
		.text = "Tenant whose clients alone this face serves. Without one it serves the "
			"default tenant, those whose \"hosts\" a client asks for by TLS, and those "
			"with \"by_key\"."},
	{.name = NULL},
};

/* ---- rules across fields ---- */

static void check_addresses(struct conf_doc *doc, const struct conf_list *l)
{
	const struct addr *a = l->items;

	for (size_t i = 0; i < l->n; i++) {
		if (addr_is_unspecified(&a[i]))
			conf_fail(doc, &a[i],
				"a wildcard cannot be listened on; name the addresses of the "
				"interface");
		for (size_t k = 0; k < i; k++) {
			if (addr_equal(&a[i], &a[k]))
				conf_fail(doc, &a[i], "this address is listed twice; remove one");
		}
	}
}

static void check_tls(struct conf_doc *doc, const struct options_face *f)
{
	const struct addr *tcp = f->tcp.items, *tls = f->tls.items;

	for (size_t i = 0; i < f->tls.n; i++) {
		for (size_t k = 0; k < f->tcp.n; k++) {
			if (addr_equal(&tls[i], &tcp[k]))
				conf_fail(doc, &tls[i],
					"\"tcp\" has this address too; give one of them another "
					"port");
		}
	}
	const struct conf_list *user = f->tls.n > 0 ? &f->tls : &f->dtls;
	if (user->n > 0 && !f->certificate)
		conf_fail(doc, user,
			"\"%s\" needs a certificate; name it in \"certificate\" and its key in "
			"\"private_key\"",
			user == &f->tls ? "tls" : "dtls");
	else if (f->certificate && !f->private_key)
		conf_fail(doc, &f->certificate,
			"the certificate needs its key; name it in \"private_key\"");
	else if (f->private_key && !f->certificate)
		conf_fail(doc, &f->private_key,
			"the key needs its certificate; name it in \"certificate\"");
	else if (f->certificates.n > 0 && !f->certificate)
		conf_fail(doc, &f->certificates,
			"which certificate do clients get that ask for no name? Name it in "
			"\"certificate\" and its key in \"private_key\"");
	else if (f->certificate && user->n == 0)
		conf_warn(doc, &f->certificate,
			"nothing uses this certificate; name addresses in \"tls\" or \"dtls\", "
			"or remove it");
}

/* Nothing is said against one's own networks: they can be as large as they like. */
static void check_balancers(struct conf_doc *doc, const struct conf_list *l)
{
	const struct prefix *p = l->items;

	for (size_t i = 0; i < l->n; i++) {
		if (p[i].len_bits == (p[i].addr.family == ADDR_IPV4 ? 96 : 0))
			conf_fail(doc, &p[i],
				"everybody could claim any address; name the addresses of the "
				"balancers");
	}
}

static bool has_address(const struct conf_list *l, const struct addr *a)
{
	const struct addr *list = l->items;

	for (size_t i = 0; i < l->n; i++) {
		if (addr_equal(&list[i], a))
			return true;
	}
	return false;
}

/* L is of one face; A and B are what another has by the same protocol. */
static void check_apart(struct conf_doc *doc, const struct conf_list *l, const struct conf_list *a,
	const struct conf_list *b, const struct options_face *other)
{
	const struct addr *mine = l->items;

	for (size_t i = 0; i < l->n; i++) {
		if (has_address(a, &mine[i]) || has_address(b, &mine[i]))
			conf_fail(doc, &mine[i],
				"face \"%s\" listens on this address and port; give one of them "
				"another",
				other->name ? other->name : "");
	}
}

/* Two faces on one address and port: whose would a client be? */
static void check_two_faces(
	struct conf_doc *doc, const struct options_face *f, const struct options_face *other)
{
	check_apart(doc, &f->listen, &other->listen, &other->dtls, other);
	check_apart(doc, &f->dtls, &other->listen, &other->dtls, other);
	check_apart(doc, &f->tcp, &other->tcp, &other->tls, other);
	check_apart(doc, &f->tls, &other->tcp, &other->tls, other);
}

void options_check_faces(struct conf_doc *doc, const struct options_edge *e)
{
	const struct options_face *f = e->faces.items;

	for (size_t i = 0; i < e->faces.n; i++) {
		check_addresses(doc, &f[i].listen);
		check_addresses(doc, &f[i].tcp);
		check_addresses(doc, &f[i].tls);
		check_addresses(doc, &f[i].dtls);
		check_tls(doc, &f[i]);
		check_balancers(doc, &f[i].proxy_protocol);
		behavior_check(doc, &f[i]);
		for (size_t k = 0; k < i; k++) {
			check_two_faces(doc, &f[i], &f[k]);
			if (f[i].name && f[k].name && strcmp(f[i].name, f[k].name) == 0)
				conf_fail(doc, &f[i].name,
					"two faces are called \"%s\"; rename one", f[i].name);
		}
	}
}
