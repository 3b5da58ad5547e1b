/* SPDX-License-Identifier: BSD-3-Clause */
/* A made-up option table that holds every type and flag, for the tests and the fuzz target. */
#ifndef TESTS_CONF_ALL_TYPES_H
#define TESTS_CONF_ALL_TYPES_H

#include <sallyport/conf.h>

struct made_face {
	const char *name;
	struct conf_list listen; /* struct addr */
	int transport;
	uint64_t max_bps;
};

struct made_edge {
	bool is_present;
	const char *realm;
	uint64_t lifetime_s, session_grace_s;
	struct conf_ports ports;
	struct conf_list deny;  /* struct prefix */
	struct conf_list faces; /* struct made_face */
	const char *shared_secret;
	struct made_limits {
		uint64_t per_user, total;
		uint64_t buffer_bytes;
	} limits;
};

struct made_root {
	const char *node;
	int log_level;
	bool privacy;
	struct addr admin;
	struct prefix inside;
	const char *pid_file;
	uint64_t not_before_s;
	struct conf_list weights; /* uint64_t */
	struct conf_list words;   /* const char * */
	struct conf_list levels;  /* int */
	struct made_edge edge;
	struct made_log {
		const char *target;
	} log;
};

static const char *const made_levels[] = {"error", "warning", "notice", "info", "debug", NULL};
static const char *const made_transports[] = {"udp", "tcp", "tls", NULL};

static inline void made_check_lifetime(struct conf_doc *doc, void *section)
{
	struct made_edge *edge = section;

	if (edge->session_grace_s > edge->lifetime_s)
		conf_fail(doc, &edge->session_grace_s,
			"\"session_grace\" is longer than \"lifetime\"; make it shorter");
	if (edge->deny.n == 0)
		conf_warn(doc, &edge->deny, "nothing is denied; name the inside networks");
}

static inline void made_check_face(struct conf_doc *doc, void *section)
{
	struct made_face *face = section;
	const struct addr *listen = face->listen.items;

	for (size_t i = 0; i < face->listen.n; i++)
		if (listen[i].port == 1)
			conf_fail(doc, &listen[i], "port 1 is taken; choose another");
}

static inline void made_check_node(struct conf_doc *doc, void *section)
{
	struct made_root *root = section;

	if (root->node[0] == '-')
		conf_fail(doc, &root->node, "a node does not start with a dash; rename it");
}

static const struct conf_option made_weight_item[] = {
	{.name = "weight", .type = CONF_UINT, .min = 1, .max = 100, .unit = "points"},
	{.name = NULL},
};

static const struct conf_option made_listen_item[] = {
	{.name = "listen", .type = CONF_ADDR, .min = 3478},
	{.name = NULL},
};

static const struct conf_option made_face_rows[] = {
	{.name = "name",
		.type = CONF_STRING,
		.offset = offsetof(struct made_face, name),
		.min = 1,
		.max = 15,
		.flags = CONF_REQUIRED,
		.example = "external",
		.text = "Name of the face, for logs and counters."},
	{.name = "listen",
		.type = CONF_LIST,
		.item = CONF_ADDR,
		.offset = offsetof(struct made_face, listen),
		.min = 1,
		.max = 4,
		.children = made_listen_item,
		.flags = CONF_REQUIRED,
		.example = "[192.0.2.1, \"[2001:db8::1]:3478\"]",
		.text = "Addresses to listen on."},
	{.name = "transport",
		.type = CONF_ENUM,
		.offset = offsetof(struct made_face, transport),
		.names = made_transports,
		.text = "What clients speak to this face."},
	{.name = "max_bps",
		.type = CONF_RATE,
		.offset = offsetof(struct made_face, max_bps),
		.max = 10000000000,
		.fallback = "3000k",
		.flags = CONF_RELOAD,
		.text = "Most that one allocation may carry; 0 is no limit."},
	{.name = NULL},
};

static const struct conf_option made_limit_rows[] = {
	{.name = "per_user",
		.type = CONF_UINT,
		.offset = offsetof(struct made_limits, per_user),
		.min = 1,
		.max = 1000,
		.fallback = "10",
		.unit = "allocations",
		.flags = CONF_RELOAD,
		.text = "Allocations of one user at a time."},
	{.name = "total",
		.type = CONF_UINT,
		.offset = offsetof(struct made_limits, total),
		.min = 16,
		.fallback = "100000",
		.text = "Allocations of all users."},
	{.name = "buffer",
		.type = CONF_SIZE,
		.offset = offsetof(struct made_limits, buffer_bytes),
		.min = 4096,
		.max = 1024 * 1024 * 1024,
		.fallback = "4M",
		.text = "Receive buffer of a socket."},
	{.name = NULL},
};

static const struct conf_option made_edge_rows[] = {
	{.name = "realm",
		.type = CONF_STRING,
		.offset = offsetof(struct made_edge, realm),
		.min = 1,
		.max = 127,
		.flags = CONF_REQUIRED,
		.example = "example.org",
		.text = "The domain your TURN credentials are for. Clients see it in challenges, "
			"and "
			"a credential of one realm is worth nothing in another."},
	{.name = "lifetime",
		.type = CONF_DURATION,
		.offset = offsetof(struct made_edge, lifetime_s),
		.min = 60,
		.max = 180 * 86400,
		.fallback = "8h",
		.flags = CONF_RELOAD,
		.text = "How long a credential is good for."},
	{.name = "session_grace",
		.type = CONF_DURATION,
		.offset = offsetof(struct made_edge, session_grace_s),
		.max = 86400,
		.fallback = "0",
		.flags = CONF_RELOAD,
		.text = "How long a running allocation may outlive its credential."},
	{.name = "ports",
		.type = CONF_PORTS,
		.offset = offsetof(struct made_edge, ports),
		.min = 1024,
		.max = 65535,
		.fallback = "50000-59999",
		.text = "Ports of relayed addresses."},
	{.name = "deny",
		.type = CONF_LIST,
		.item = CONF_PREFIX,
		.offset = offsetof(struct made_edge, deny),
		.max = 8,
		.fallback = "[10.0.0.0/8, \"fc00::/7\"]",
		.flags = CONF_RELOAD,
		.text = "Peers that no client may reach."},
	{.name = "faces",
		.type = CONF_LIST,
		.item = CONF_SECTION,
		.offset = offsetof(struct made_edge, faces),
		.item_size = sizeof(struct made_face),
		.min = 1,
		.max = 3,
		.children = made_face_rows,
		.flags = CONF_REQUIRED,
		.check = made_check_face,
		.text = "Where clients come in."},
	{.name = "shared_secret",
		.type = CONF_STRING,
		.offset = offsetof(struct made_edge, shared_secret),
		.min = 8,
		.max = 64,
		.flags = CONF_SECRET,
		.fallback = "never-shown-default",
		.example = "change-me-please",
		.text = "Key of TURN-REST credentials."},
	{.name = "limits",
		.type = CONF_SECTION,
		.offset = offsetof(struct made_edge, limits),
		.children = made_limit_rows,
		.text = "How much is too much."},
	{.name = NULL},
};

static const struct conf_option made_log_rows[] = {
	{.name = "target",
		.type = CONF_STRING,
		.offset = offsetof(struct made_log, target),
		.fallback = "\"stderr: plain\"",
		.text = "Where lines go."},
	{.name = NULL},
};

static const struct conf_option made_rows[] = {
	{.name = "node",
		.type = CONF_STRING,
		.offset = offsetof(struct made_root, node),
		.min = 1,
		.max = 63,
		.flags = CONF_REQUIRED,
		.example = "edge1",
		.check = made_check_node,
		.text = "The name of this node in its pool."},
	{.name = "log_level",
		.type = CONF_ENUM,
		.offset = offsetof(struct made_root, log_level),
		.names = made_levels,
		.fallback = "notice",
		.flags = CONF_RELOAD,
		.text = "How much is logged."},
	{.name = "privacy",
		.type = CONF_BOOL,
		.offset = offsetof(struct made_root, privacy),
		.fallback = "yes",
		.text = "Log pseudonyms for names and addresses."},
	{.name = "admin",
		.type = CONF_ADDR,
		.offset = offsetof(struct made_root, admin),
		.min = 5080,
		.example = "127.0.0.1",
		.text = "Address of the admin listener."},
	{.name = "inside",
		.type = CONF_PREFIX,
		.offset = offsetof(struct made_root, inside),
		.example = "10.1.0.0/16",
		.text = "The network behind this node."},
	{.name = "pid_file",
		.type = CONF_PATH,
		.offset = offsetof(struct made_root, pid_file),
		.example = "/run/made/made.pid",
		.text = "File that holds the process id."},
	{.name = "not_before",
		.type = CONF_TIME,
		.offset = offsetof(struct made_root, not_before_s),
		.min = 946684800, /* 2000-01-01 */
		.flags = CONF_RELOAD,
		.example = "2026-01-01T00:00:00Z",
		.text = "Refuse credentials issued before this time."},
	{.name = "weights",
		.type = CONF_LIST,
		.item = CONF_UINT,
		.offset = offsetof(struct made_root, weights),
		.max = 3,
		.children = made_weight_item,
		.example = "[1, 2]",
		.text = "Shares of the load."},
	{.name = "words",
		.type = CONF_LIST,
		.item = CONF_STRING,
		.offset = offsetof(struct made_root, words),
		.text = "Words."},
	{.name = "levels",
		.type = CONF_LIST,
		.item = CONF_ENUM,
		.names = made_levels,
		.offset = offsetof(struct made_root, levels),
		.fallback = "error",
		.text = "Levels."},
	{.name = "edge",
		.type = CONF_SECTION,
		.offset = offsetof(struct made_root, edge),
		.children = made_edge_rows,
		.flags = CONF_OPTIONAL_SECTION,
		.present_offset = offsetof(struct made_root, edge.is_present),
		.check = made_check_lifetime,
		.text = "The relay."},
	{.name = "log",
		.type = CONF_SECTION,
		.offset = offsetof(struct made_root, log),
		.children = made_log_rows,
		.text = "Logging."},
	{.name = NULL},
};

#endif
