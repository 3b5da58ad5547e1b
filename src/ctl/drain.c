/* SPDX-License-Identifier: BSD-3-Clause */
/* "drain": sends a node's new clients elsewhere. Names are resolved here: the daemon never waits.
 */
#include <netdb.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>

#include <sallyport/common.h>

#include "commands.h"
#include "table.h"

#define STUN_PORT 3478

/* ---- alternates ---- */

static void add(json_t *list, const struct addr *a, const char *domain, long tls_port)
{
	char text[ADDR_TEXT_LEN];

	(void)json_array_append_new(
		list, json_pack("{s:s, s:s*, s:I}", "address", addr_format(a, text), "domain",
			      domain, "tlsPort", (json_int_t)tls_port));
}

/* NAME or NAME:PORT, every address it has. */
static int add_name(json_t *list, const char *text, long tls_port)
{
	const struct addrinfo hints = {.ai_family = AF_UNSPEC, .ai_socktype = SOCK_DGRAM};
	struct addrinfo *found = NULL;
	char name[256];
	const char *colon = strchr(text, ':');
	long port = colon ? strtol(colon + 1, NULL, 10) : STUN_PORT;

	snprintf(
		name, sizeof(name), "%.*s", (int)(colon ? colon - text : (long)strlen(text)), text);
	if (port <= 0 || port > UINT16_MAX)
		return ctl_fail("%s has no port behind the colon", text);
	int rc = getaddrinfo(name, NULL, &hints, &found);
	if (rc != 0)
		return ctl_fail(
			"%s: %s; name the alternate by its address", name, gai_strerror(rc));
	for (const struct addrinfo *i = found; i; i = i->ai_next) {
		struct addr a;
		if (addr_from_sockaddr(i->ai_addr, i->ai_addrlen, &a) != 0)
			continue;
		a.port = (uint16_t)port;
		add(list, &a, name, tls_port);
	}
	freeaddrinfo(found);
	return CTL_OK;
}

static int add_all(json_t *list, const struct ctl_list *to, long tls_port)
{
	int status = CTL_OK;

	for (size_t i = 0; i < to->n && status == CTL_OK; i++) {
		struct addr a;
		if (addr_parse(to->items[i], STUN_PORT, &a) == 0)
			add(list, &a, NULL, tls_port);
		else
			status = add_name(list, to->items[i], tls_port);
	}
	return status;
}

/* ---- what people see ---- */

void ctl_print_drain(const json_t *d)
{
	static const char *const head[] = {"alternate", "state", "location", ">tls port", "domain"};
	const json_t *a;
	struct ctl_table t;
	size_t i, n_up = 0;

	ctl_table_init(&t, head, ARRAY_LEN(head));
	json_array_foreach (json_object_get(d, "alternates"), i, a) {
		bool is_up = ctl_is_true(a, "up");
		int64_t tls_port = ctl_number(a, "tlsPort");
		n_up += is_up;
		ctl_table_add(&t, "%s", ctl_text(a, "address"));
		ctl_table_add(&t, "%s", is_up ? "up" : "down");
		ctl_table_add(&t, "%s", ctl_text(a, "location"));
		ctl_table_add(&t, tls_port ? "%lld" : "-", (long long)tls_port);
		ctl_table_add(&t, "%s", ctl_text(a, "domain"));
	}
	if (ctl_is_true(d, "draining"))
		printf("draining%s: %lld allocations left, new clients %s\n",
			ctl_is_true(d, "exit") ? ", ends with the last one" : "",
			(long long)ctl_number(d, "allocations"),
			n_up > 0 ? "are sent to the alternates" : "get 508");
	else if (ctl_number(d, "redirectAbove") > 0)
		printf("not draining; above %lld allocations new clients are sent on\n",
			(long long)ctl_number(d, "redirectAbove"));
	else
		puts("not draining");
	if (ctl_is_true(d, "draining") && ctl_number(d, "calls") > 0)
		printf("%lld calls left, new ones get 503\n", (long long)ctl_number(d, "calls"));
	ctl_table_end(&t, "alternates");
}

/* ---- the command ---- */

struct words {
	struct ctl_list to;
	const char *tls_port;
	bool is_off, exits, is_question;
};

static int read_words(struct ctl *c, int argc, char **argv, struct words *w)
{
	const struct ctl_option table[] = {{.name = "to", .list = &w->to},
		{.name = "tls-port", .value = &w->tls_port}, {.name = "off", .flag = &w->is_off},
		{.name = "exit", .flag = &w->exits}, {.name = "show", .flag = &w->is_question},
		{.name = NULL}};

	if (ctl_options(c, argc, argv, table, 0, 0) < 0)
		return CTL_USAGE;
	if ((w->is_off || w->is_question) && (w->exits || w->to.n > 0 || w->tls_port))
		return ctl_usage(c, "--off and --show stand alone");
	if (w->is_off && w->is_question)
		return ctl_usage(c, "--off and --show stand alone");
	if (w->tls_port && w->to.n == 0)
		return ctl_usage(c, "--tls-port is the port of the alternates in --to");
	return CTL_OK;
}

static int make_order(const struct ctl *c, const struct words *w, json_t **out)
{
	char *end = NULL;
	long tls_port = w->tls_port ? strtol(w->tls_port, &end, 10) : 0;
	json_t *to = json_array();

	if (w->tls_port && (*end != '\0' || tls_port <= 0 || tls_port > UINT16_MAX)) {
		json_decref(to);
		return ctl_usage(c, "\"%s\" is not a port", w->tls_port);
	}
	int status = add_all(to, &w->to, tls_port);
	if (status != CTL_OK) {
		json_decref(to);
		return status;
	}
	*out = json_pack("{s:b, s:b, s:o}", "on", !w->is_off, "exit", w->exits, "to", to);
	return CTL_OK;
}

int ctl_drain(struct ctl *c, int argc, char **argv)
{
	struct words w = {0};
	json_t *order = NULL, *root;
	int status = read_words(c, argc, argv, &w);

	if (status == CTL_OK && !w.is_question)
		status = make_order(c, &w, &order);
	if (status == CTL_OK)
		status = ctl_fetch(c, "/admin/v1/drain", order, &root);
	if (status != CTL_OK)
		return status;
	if (c->is_json)
		return ctl_print_json(root);
	ctl_print_drain(root);
	json_decref(root);
	return CTL_OK;
}
