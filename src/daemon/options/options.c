/* SPDX-License-Identifier: BSD-3-Clause */
/* The top of the option tables: the process itself, its log, its operator's socket. */
#include <sched.h>
#include <stdlib.h>

#include "rows.h"

static const char *const level_names[] = {"error", "warning", "notice", "info", "debug", NULL};

static const struct conf_option log_table[] = {
	{.name = "level",
		.type = CONF_ENUM,
		AT(options_log, level),
		.names = level_names,
		.fallback = "info",
		.flags = CONF_RELOAD,
		.text = "How much is logged. info is one line for each allocation and credential, "
			"debug one for each message."},
	{.name = "file",
		.type = CONF_PATH,
		AT(options_log, file),
		.flags = CONF_RELOAD | CONF_OUTPUT,
		.example = "/var/log/sallyport/sallyport.log",
		.text = "Where the log goes; without it, to standard error, where a service "
			"manager takes it. The file is opened anew at SIGHUP, so that it can be "
			"rotated."},
	{.name = "privacy",
		.type = CONF_BOOL,
		AT(options_log, privacy),
		.fallback = "false",
		.flags = CONF_RELOAD,
		.text = "Writes a pseudonym in place of every client address and identity. It is "
			"the same for one run of the daemon, so lines can still be joined."},
	{.name = NULL},
};

static const struct conf_option admin_table[] = {
	{.name = "socket",
		.type = CONF_PATH,
		AT(options_admin, socket),
		.fallback = "/run/sallyport/admin.sock",
		.flags = CONF_OUTPUT,
		.text = "Unix socket of the operator: health, metrics, status. Its directory must "
			"exist; who may connect is a matter of its file mode, 0660."},
	{.name = "listen",
		.type = CONF_LIST,
		.item = CONF_ADDR,
		AT(options_admin, listen),
		.min = 0,
		.max = 8,
		.example = "[127.0.0.1:9641]",
		.text = "Addresses on which /metrics, /healthz and /readyz are served over plain "
			"HTTP too, for a monitoring system. Each needs its port."},
	{.name = NULL},
};

static bool workers_number(const char *text, unsigned *out)
{
	char *end;
	unsigned long n = strtoul(text, &end, 10);

	if (text[0] < '1' || text[0] > '9' || *end != '\0' || n > OPTIONS_WORKERS_MAX)
		return false;
	*out = (unsigned)n;
	return true;
}

unsigned options_workers(const struct options *o)
{
	unsigned n;
	cpu_set_t cpus;

	if (workers_number(o->workers, &n))
		return n;
	if (sched_getaffinity(0, sizeof(cpus), &cpus) != 0)
		return 1;
	n = (unsigned)CPU_COUNT(&cpus);
	return n > OPTIONS_WORKERS_MAX ? OPTIONS_WORKERS_MAX : n;
}

static void check_admin_listen(struct conf_doc *doc, const struct options *o)
{
	const struct addr *a = o->admin.listen.items;

	for (size_t i = 0; i < o->admin.listen.n; i++) {
		if (a[i].port == 0)
			conf_fail(doc, &a[i],
				"an address of \"admin.listen\" needs its port, such as "
				"127.0.0.1:9641");
	}
}

/* Is A what TEXT says of a pool's address, or in the network that it says? */
static bool is_said(const char *text, const struct addr *a)
{
	struct addr own;
	struct prefix network;

	if (!text || options_own_address(text, &own, &network) != 0)
		return false;
	return own.family == ADDR_NONE ? prefix_contains(&network, a) : addr_equal_ip(&own, a);
}

static void check_audio_at(
	struct conf_doc *doc, const struct options_pool *p, const struct addr *relay)
{
	char text[ADDR_TEXT_LEN];

	if (is_said(p->primary_address, relay) || is_said(p->pstn_address, relay))
		conf_warn(doc, &p->audio_ports,
			"\"audio_ports\" %u-%u and \"edge.relay.ports\" overlap at %s, so that "
			"calls "
			"have no media with whoever is relayed from there; move one of them",
			(unsigned)p->audio_ports.first, (unsigned)p->audio_ports.last,
			addr_format_ip(relay, text));
}

/* Calls send nothing to ports for audio of this node, so that they do not go round. */
static void check_audio_ports(struct conf_doc *doc, const struct options *o)
{
	const struct options_relay *r = &o->edge.relay;
	const struct options_relay_address *named = r->addresses.items;
	const struct options_face *face = o->edge.faces.items;
	const struct options_pool *p = o->mediation.pools.items;
	const struct addr *listen = o->edge.faces.n ? face->listen.items : NULL;

	for (size_t i = 0; i < o->mediation.pools.n; i++) {
		if (p[i].audio_ports.last < r->ports.first ||
			r->ports.last < p[i].audio_ports.first)
			continue;
		for (size_t k = 0; k < r->addresses.n; k++)
			check_audio_at(doc, &p[i], &named[k].address);
		for (size_t k = 0; listen && r->addresses.n == 0 && k < face->listen.n; k++)
			check_audio_at(doc, &p[i], &listen[k]);
	}
}

/* Each of these belongs to an edge; the others may be alone. */
static void check_sections(struct conf_doc *doc, const struct options *o)
{
	if (!o->has_edge && !o->has_access && !o->has_mediation)
		conf_fail(doc, NULL,
			"the file asks for nothing; write \"edge\", \"access\" or \"mediation\"");
	if (o->has_edge && !o->has_mras)
		conf_fail(doc, &o->edge,
			"\"edge\" needs \"mras\", whose keys its clients' credentials are made "
			"from");
	if (o->has_mras && !o->has_edge)
		conf_fail(doc, &o->mras,
			"credentials are for a relay, and the file has no \"edge\"; write it, or "
			"leave \"mras\" out");
	if (o->tenants.n > 0 && !o->has_edge)
		conf_fail(doc, &o->tenants,
			"tenants are of an \"edge\", which the file has not; write it, or leave "
			"them out");
}

static void check_top(struct conf_doc *doc, void *section)
{
	const struct options *o = section;
	unsigned n;

	if (strcmp(o->workers, "auto") != 0 && !workers_number(o->workers, &n))
		conf_fail(doc, &o->workers,
			"\"%s\" is not a number of workers; write auto, or 1 to %d", o->workers,
			OPTIONS_WORKERS_MAX);
	check_sections(doc, o);
	check_admin_listen(doc, o);
	options_check_tenants(doc, o);
	if (o->has_edge)
		check_audio_ports(doc, o);
}

const struct conf_option options_table[] = {
	{.name = "workers",
		.type = CONF_STRING,
		AT(options, workers),
		.fallback = "auto",
		.check = check_top,
		.text = "Worker threads, each with its own sockets and allocations. auto is one "
			"for each core this process may use."},
	{.name = "user",
		.type = CONF_STRING,
		AT(options, user),
		.example = "sallyport",
		.text = "User to become after the sockets are bound, when started as root. The key "
			"files must stay readable to it, or a reload cannot read them again."},
	{.name = "log",
		.type = CONF_SECTION,
		AT(options, log),
		.children = log_table,
		.text = "The log."},
	{.name = "edge",
		.type = CONF_SECTION,
		AT(options, edge),
		.children = options_edge_table,
		.flags = CONF_OPTIONAL_SECTION | CONF_SAMPLE,
		.present_offset = offsetof(struct options, has_edge),
		.text = "The STUN and TURN relay. It needs \"mras\". A node without it has "
			"\"mediation\" or \"access\" alone."},
	{.name = "mras",
		.type = CONF_SECTION,
		AT(options, mras),
		.children = options_mras_table,
		.flags = CONF_OPTIONAL_SECTION | CONF_SAMPLE,
		.present_offset = offsetof(struct options, has_mras),
		.text = "Credentials: the keys they are made from, and the API that gives them "
			"out."},
	{.name = "tenants",
		.type = CONF_LIST,
		.item = CONF_SECTION,
		AT(options, tenants),
		.children = options_tenant_table,
		.item_size = sizeof(struct options_tenant),
		.max = OPTIONS_TENANTS_MAX,
		.flags = CONF_RELOAD,
		.text = "Tenants beside the default one, which the sections \"edge\" and \"mras\" "
			"describe. A client belongs to the tenant its face names, else to the one "
			"with the host name it asks for by TLS, else to the one with its "
			"credential's key. A tenant that is taken out loses its allocations."},
	{.name = "access",
		.type = CONF_SECTION,
		AT(options, access),
		.children = options_access_table,
		.flags = CONF_OPTIONAL_SECTION,
		.present_offset = offsetof(struct options, has_access),
		.check = options_check_access,
		.text = "The SIP door: clients outside find this node by SRV records, speak to it "
			"over TLS or WebSocket, and reach their front end inside through it. With "
			"it a new version is had by a restart, not by an upgrade."},
	{.name = "mediation",
		.type = CONF_SECTION,
		AT(options, mediation),
		.children = options_mediation_table,
		.flags = CONF_OPTIONAL_SECTION,
		.present_offset = offsetof(struct options, has_mediation),
		.check = options_check_mediation,
		.text = "Calls between the inside, which speaks SIP over mutual TLS, and gateways "
			"or trunks over TLS, TCP or UDP: which number leaves by which. Media "
			"pass through the workers of this node. "
			"With it a new version is had by a restart, not by an upgrade."},
	{.name = "admin",
		.type = CONF_SECTION,
		AT(options, admin),
		.children = admin_table,
		.text = "Where the operator looks in."},
	{.name = NULL},
};
