/* SPDX-License-Identifier: BSD-3-Clause */
/* The rows that the tool looks at; names, types and defaults as in the daemon's tables. */
#include <errno.h>
#include <stdio.h>
#include <unistd.h>

#include "config_file.h"

#define CONFIG_PATH    SYSCONFDIR "/sallyport/sallyport.yaml"
#define DEFAULT_SOCKET "/run/sallyport/admin.sock"
#define STUN_PORT      3478
#define STUNS_PORT     5349

#define AT(type, field) .offset = offsetof(struct type, field)
#define REST                                                                                       \
	{                                                                                          \
		.name = NULL, .flags = CONF_OPEN                                                   \
	}

static const struct conf_option stun_item = {.type = CONF_ADDR, .min = STUN_PORT};
static const struct conf_option stuns_item = {.type = CONF_ADDR, .min = STUNS_PORT};

#define ADDRESSES(n, item_row)                                                                     \
	{                                                                                          \
		.name = #n, .type = CONF_LIST, .item = CONF_ADDR, AT(ctl_face, n),                 \
		.children = &(item_row)                                                            \
	}

static const char *const location_names[] = {"internet", "intranet", NULL};

static const struct conf_option face_rows[] = {
	{.name = "name", .type = CONF_STRING, AT(ctl_face, name)},
	{.name = "location",
		.type = CONF_ENUM,
		AT(ctl_face, location),
		.names = location_names,
		.fallback = "internet"},
	{.name = "host", .type = CONF_STRING, AT(ctl_face, host)},
	ADDRESSES(listen, stun_item),
	ADDRESSES(tcp, stun_item),
	ADDRESSES(tls, stuns_item),
	ADDRESSES(dtls, stuns_item),
	ADDRESSES(advertise, stun_item),
	REST,
};

static const struct conf_option edge_rows[] = {
	{.name = "realm", .type = CONF_STRING, AT(ctl_config, realm)},
	{.name = "faces",
		.type = CONF_LIST,
		.item = CONF_SECTION,
		AT(ctl_config, faces),
		.children = face_rows,
		.item_size = sizeof(struct ctl_face)},
	REST,
};

static const struct conf_option admin_rows[] = {
	{.name = "socket", .type = CONF_PATH, AT(ctl_config, socket), .fallback = DEFAULT_SOCKET},
	REST,
};

/* The sections lie in one struct: their rows count from its start. */
static const struct conf_option rows[] = {
	{.name = "edge", .type = CONF_SECTION, .children = edge_rows},
	{.name = "admin", .type = CONF_SECTION, .children = admin_rows},
	REST,
};

int ctl_config_load(const struct ctl *c, struct conf_doc **doc, const struct ctl_config **out)
{
	const char *path = c->config ? c->config : CONFIG_PATH;
	int rc = conf_load_file(path, rows, sizeof(struct ctl_config), doc);

	if (rc == -ENOMEM)
		return ctl_fail("out of memory");
	if (rc != 0) {
		conf_errors_print(*doc, stderr);
		conf_destroy(*doc);
		return ctl_fail(
			"the configuration cannot be used; another one is named with -c, and "
			"sallyportd -t -c FILE checks all of it");
	}
	*out = conf_root(*doc);
	return CTL_OK;
}

int ctl_socket(const struct ctl *c, char out[CTL_PATH_LEN])
{
	const struct ctl_config *config = NULL;
	struct conf_doc *doc = NULL;

	if (c->socket) {
		snprintf(out, CTL_PATH_LEN, "%s", c->socket);
		return CTL_OK;
	}
	/* An operator may be in the socket's group and have no right to the configuration. */
	if (!c->config && access(CONFIG_PATH, R_OK) != 0) {
		snprintf(out, CTL_PATH_LEN, "%s", DEFAULT_SOCKET);
		return CTL_OK;
	}
	int status = ctl_config_load(c, &doc, &config);
	if (status != CTL_OK || !config)
		return status;
	snprintf(out, CTL_PATH_LEN, "%s", config->socket);
	conf_destroy(doc);
	return CTL_OK;
}
