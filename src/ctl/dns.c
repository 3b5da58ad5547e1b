/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * "dns": the records that let clients find the faces, from the configuration alone: addresses of
 * the host names, SRV records (RFC 8489 §8, RFC 8656 §17.1, RFC 7350 §5) and the NAPTR records of
 * RFC 5928.
 */
#include <stdio.h>
#include <string.h>

#include <sallyport/common.h>

#include "commands.h"
#include "config_file.h"

#define NAME_MAX_LEN 320

/* Where records go: a zone file for people, or an array. */
struct zone {
	json_t *list; /* NULL: standard output */
};

static void put(struct zone *z, const char *name, const char *type, const char *data)
{
	if (z->list)
		(void)json_array_append_new(z->list,
			json_pack("{s:s, s:s, s:s}", "name", name, "type", type, "data", data));
	else
		printf("%-36s IN %-5s %s\n", name, type, data);
}

/* ---- one face ---- */

/* A service of STUN or TURN over one transport. */
struct service {
	const char *label;              /* "_turn._udp" */
	const char *naptr;              /* "turn.udp"; NULL: STUN has no NAPTR records */
	const struct conf_list *listen; /* struct addr */
};

static void put_addresses(struct zone *z, const struct ctl_face *f)
{
	const struct conf_list *l = f->advertise.n ? &f->advertise : &f->listen;
	const struct addr *a = l->items;
	char name[NAME_MAX_LEN], text[ADDR_TEXT_LEN];

	snprintf(name, sizeof(name), "%s.", f->host);
	for (size_t i = 0; i < l->n; i++)
		put(z, name, a[i].family == ADDR_IPV6 ? "AAAA" : "A", addr_format_ip(&a[i], text));
}

/* One for each port, not for each address: those are behind the host name. */
static void put_srv(
	struct zone *z, const struct ctl_face *f, const char *domain, const struct service *s)
{
	const struct addr *a = s->listen->items;
	char name[NAME_MAX_LEN], data[NAME_MAX_LEN];

	snprintf(name, sizeof(name), "%s.%s.", s->label, domain);
	for (size_t i = 0; i < s->listen->n; i++) {
		bool is_new = true;
		for (size_t k = 0; k < i && is_new; k++)
			is_new = a[k].port != a[i].port;
		snprintf(data, sizeof(data), "0 0 %u %s.", a[i].port, f->host);
		if (is_new)
			put(z, name, "SRV", data);
	}
}

/* What clients shall try first has the lowest order. */
static void put_naptr(struct zone *z, const char *domain, const struct service *s, unsigned order)
{
	char name[NAME_MAX_LEN], data[2 * NAME_MAX_LEN];

	snprintf(name, sizeof(name), "%s.", domain);
	snprintf(data, sizeof(data), "%u 10 \"s\" \"RELAY:%s\" \"\" %s.%s.", order, s->naptr,
		s->label, domain);
	put(z, name, "NAPTR", data);
}

static void put_face(struct zone *z, const struct ctl_face *f, const char *domain)
{
	const struct service services[] = {
		{"_stun._udp", NULL, &f->listen},
		{"_stun._tcp", NULL, &f->tcp},
		{"_stuns._tcp", NULL, &f->tls},
		{"_stuns._udp", NULL, &f->dtls},
		{"_turn._udp", "turn.udp", &f->listen},
		{"_turns._udp", "turn.dtls", &f->dtls},
		{"_turn._tcp", "turn.tcp", &f->tcp},
		{"_turns._tcp", "turn.tls", &f->tls},
	};
	unsigned order = 0;

	put_addresses(z, f);
	for (size_t i = 0; i < ARRAY_LEN(services); i++)
		put_srv(z, f, domain, &services[i]);
	for (size_t i = 0; i < ARRAY_LEN(services); i++) {
		if (services[i].naptr && services[i].listen->n > 0)
			put_naptr(z, domain, &services[i], order += 10);
	}
}

/* The domain that holds HOST, unless one is named: av.example.com is of example.com. */
static const char *domain_of(const char *named, const char *host)
{
	const char *dot = strchr(host, '.');

	if (named)
		return named;
	return dot && strchr(dot + 1, '.') ? dot + 1 : host;
}

static void put_all(struct zone *z, const struct ctl_config *config, const char *domain)
{
	const struct ctl_face *f = config->faces.items;

	for (size_t i = 0; i < config->faces.n; i++) {
		if (!z->list)
			printf("%s; face %s, for clients on the %s\n", i ? "\n" : "",
				f[i].name ? f[i].name : "?", f[i].location ? "inside" : "Internet");
		if (f[i].host)
			put_face(z, &f[i], domain_of(domain, f[i].host));
		else if (!z->list)
			puts("; has no \"host\": without a name there is nothing to publish");
	}
}

int ctl_dns(struct ctl *c, int argc, char **argv)
{
	const char *domain = NULL;
	const struct ctl_option table[] = {{.name = "domain", .value = &domain}, {.name = NULL}};
	const struct ctl_config *config;
	struct conf_doc *doc;
	struct zone z = {NULL};

	if (ctl_options(c, argc, argv, table, 0, 0) < 0)
		return CTL_USAGE;
	int status = ctl_config_load(c, &doc, &config);
	if (status != CTL_OK)
		return status;
	if (c->is_json)
		z.list = json_array();
	put_all(&z, config, domain);
	conf_destroy(doc);
	return c->is_json ? ctl_print_json(json_pack("{s:o}", "records", z.list)) : CTL_OK;
}
