/* SPDX-License-Identifier: BSD-3-Clause */
/* The option table of "edge.alternates": servers that take this node's new clients. */
#include <stdlib.h>

#include <sallyport/stun.h>
#include <sallyport/turn/redirect.h>

#include "rows.h"

static const char *const location_names[] = {"internet", "intranet", NULL};

const struct conf_option options_alternates_table[] = {
	{.name = "address",
		.type = CONF_ADDR,
		AT(options_alternate, address),
		.min = STUN_PORT,
		.flags = CONF_REQUIRED,
		.example = "192.0.2.11",
		.text = "Address of the other server, port 3478 unless given, for UDP and TCP. It "
			"is asked over UDP whether it lives. Name one of each family that clients "
			"have."},
	{.name = "tls_port",
		.type = CONF_UINT,
		AT(options_alternate, tls_port),
		.max = 65535,
		.fallback = "0",
		.text = "Its port for TLS and DTLS. 0: clients on TLS are not sent there."},
	{.name = "domain",
		.type = CONF_STRING,
		AT(options_alternate, domain),
		.min = 1,
		.max = TURN_DOMAIN_MAX,
		.example = "av2.example.com",
		.text = "Name in its certificate, told to clients on TLS and DTLS "
			"(ALTERNATE-DOMAIN)."},
	{.name = "location",
		.type = CONF_ENUM,
		AT(options_alternate, location),
		.names = location_names,
		.fallback = "internet",
		.text = "Whose clients are sent there."},
	{.name = NULL},
};

static void check_domains(struct conf_doc *doc, const struct options_edge *e)
{
	const struct options_alternate *a = e->alternates.items;

	for (size_t i = 0; i < e->alternates.n; i++) {
		for (const char *p = a[i].domain; p && *p; p++) {
			if (*p > ' ' && *p < 0x7f)
				continue;
			conf_fail(doc, &a[i].domain,
				"a domain name has ASCII letters, digits, dots and dashes; write "
				"an international one in its \"xn--\" form");
			break;
		}
	}
}

void options_alternates_check(struct conf_doc *doc, const struct options_edge *e)
{
	char *end;
	const char *text = e->redirect_above;
	unsigned long long n = strtoull(text, &end, 10);
	bool is_percent = *end == '%' && end[1] == '\0';

	check_domains(doc, e);
	if (*text < '0' || *text > '9' || (*end != '\0' && !is_percent) ||
		n > (is_percent ? 100 : 1000000))
		conf_fail(doc, &e->redirect_above,
			"\"%s\" is neither a number of allocations nor a percentage; write 5000 or "
			"80%%",
			text);
	else if (is_percent && n > 0 && e->limits.allocations == 0)
		conf_fail(doc, &e->redirect_above,
			"a percentage needs \"limits.allocations\" to be one of; set that, or "
			"write a number");
	else if (n > 0 && e->alternates.n == 0)
		conf_warn(doc, &e->redirect_above,
			"nobody can be sent elsewhere; name servers in \"alternates\"");
}
