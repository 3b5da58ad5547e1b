/* SPDX-License-Identifier: BSD-3-Clause */
/* "allocations", "allocations show" and "allocations kill". */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <sallyport/common.h>

#include "commands.h"
#include "table.h"

struct filters {
	const char *client, *subject, *relay, *peer, *face, *limit, *after;
};

/* ---- questions ---- */

static bool make_url(char url[CTL_URL_MAX], const struct filters *f)
{
	snprintf(url, CTL_URL_MAX, "/admin/v1/allocations");
	return ctl_url_add(url, "client", f->client) && ctl_url_add(url, "subject", f->subject) &&
	       ctl_url_add(url, "relay", f->relay) && ctl_url_add(url, "peer", f->peer) &&
	       ctl_url_add(url, "face", f->face) && ctl_url_add(url, "limit", f->limit) &&
	       ctl_url_add(url, "after", f->after);
}

/* ---- what people see ---- */

static int64_t traffic(const json_t *allocation, const char *direction, const char *what)
{
	return ctl_number(json_object_get(allocation, direction), what);
}

static const char *first_relay(const json_t *allocation)
{
	const char *text =
		json_string_value(json_array_get(json_object_get(allocation, "relays"), 0));

	return text ? text : "-";
}

static void print_list(const json_t *list)
{
	static const char *const head[] = {"id", "client", "over", "face", "relay", ">age", ">left",
		">peers", ">up", ">down", "subject"};
	const json_t *a;
	struct ctl_table t;
	char text[CTL_CELL_LEN];
	size_t i;

	ctl_table_init(&t, head, ARRAY_LEN(head));
	json_array_foreach (list, i, a) {
		ctl_table_add(&t, "%s", ctl_text(a, "id"));
		ctl_table_add(&t, "%s", ctl_text(a, "client"));
		ctl_table_add(&t, "%s", ctl_text(a, "transport"));
		ctl_table_add(&t, "%s", ctl_text(a, "face"));
		ctl_table_add(&t, "%s", first_relay(a));
		ctl_table_add(&t, "%s", ctl_duration(ctl_number(a, "age"), text));
		ctl_table_add(&t, "%s", ctl_duration(ctl_number(a, "expiresIn"), text));
		ctl_table_add(&t, "%lld", (long long)ctl_number(a, "permissions"));
		ctl_table_add(&t, "%s", ctl_bytes((double)traffic(a, "toPeers", "bytes"), text));
		ctl_table_add(&t, "%s", ctl_bytes((double)traffic(a, "toClient", "bytes"), text));
		ctl_table_add(&t, "%s", ctl_text(a, "subject"));
	}
	ctl_table_end(&t, NULL);
}

static void say_silent(const json_t *root)
{
	const json_t *worker;
	size_t i;

	json_array_foreach (json_object_get(root, "silentWorkers"), i, worker)
		ctl_fail("worker %lld did not answer in time; its allocations are missing here",
			(long long)json_integer_value(worker));
}

int ctl_allocations(struct ctl *c, int argc, char **argv)
{
	struct filters f = {0};
	const struct ctl_option table[] = {{.name = "client", .value = &f.client},
		{.name = "subject", .value = &f.subject}, {.name = "relay", .value = &f.relay},
		{.name = "peer", .value = &f.peer}, {.name = "face", .value = &f.face},
		{.name = "limit", .value = &f.limit}, {.name = "after", .value = &f.after},
		{.name = NULL}};
	char url[CTL_URL_MAX];
	json_t *root;

	if (ctl_options(c, argc, argv, table, 0, 0) < 0)
		return CTL_USAGE;
	if (!make_url(url, &f))
		return ctl_usage(c, "the filters are too long");
	int status = ctl_fetch(c, url, NULL, &root);
	if (status != CTL_OK)
		return status;
	if (c->is_json)
		return ctl_print_json(root);
	const json_t *list = json_object_get(root, "allocations");
	const char *next = ctl_text(root, "next");
	print_list(list);
	say_silent(root);
	if (next[0])
		printf("%zu of %lld; the next page: --after %s\n", json_array_size(list),
			(long long)ctl_number(root, "matched"), next);
	else
		printf("%zu allocation%s\n", json_array_size(list),
			json_array_size(list) == 1 ? "" : "s");
	json_decref(root);
	return CTL_OK;
}

/* ---- show ---- */

static void print_peers(const json_t *allocation)
{
	static const char *const head[] = {"peer", "channel", ">left"};
	const json_t *p;
	struct ctl_table t;
	char text[CTL_CELL_LEN];
	size_t i;

	ctl_table_init(&t, head, ARRAY_LEN(head));
	json_array_foreach (json_object_get(allocation, "peers"), i, p) {
		int64_t channel = ctl_number(p, "channel");
		const char *peer = ctl_text(p, "peer");
		/* A permission is for all ports: its ":0" says nothing. */
		int len = (int)strlen(peer) - (channel == 0 ? 2 : 0);
		ctl_table_add(&t, "%.*s", len, peer);
		if (channel)
			ctl_table_add(&t, "0x%04llx", (unsigned long long)channel);
		else
			ctl_table_add(&t, "permission");
		ctl_table_add(&t, "%s", ctl_duration(ctl_number(p, "expiresIn"), text));
	}
	ctl_table_end(&t, "peers");
}

/* NOW a second later than BEFORE; NULL: it has ended in between. */
static void print_traffic(const json_t *before, const json_t *now)
{
	static const char *const names[2][2] = {{"toPeers", "to peers"}, {"toClient", "to client"}};
	int64_t age = ctl_number(before, "age");
	char total[CTL_CELL_LEN], mean[CTL_CELL_LEN], rate[CTL_CELL_LEN] = "-";

	for (size_t i = 0; i < ARRAY_LEN(names); i++) {
		int64_t bytes = traffic(before, names[i][0], "bytes");
		if (now)
			ctl_rate((double)(traffic(now, names[i][0], "bytes") - bytes), rate);
		printf("%-14s%lld packets, %s; now %s, %s on average\n", names[i][1],
			(long long)traffic(before, names[i][0], "packets"),
			ctl_bytes((double)bytes, total), rate,
			ctl_rate((double)bytes / (double)(age > 0 ? age : 1), mean));
	}
}

/* What an administrator with a bad call looks for. */
static void print_drops(const json_t *a)
{
	char text[CTL_CELL_LEN];
	const char *limit;
	json_t *d;

	json_object_foreach (json_object_get(a, "dropped"), limit, d)
		printf("dropped       %lld packets, %s, by %s\n",
			(long long)ctl_number(d, "packets"),
			ctl_bytes((double)ctl_number(d, "bytes"), text), limit);
}

static void print_allocation(const json_t *a, const json_t *later)
{
	const json_t *relay;
	char text[CTL_CELL_LEN], left[CTL_CELL_LEN];
	size_t i;

	printf("allocation    %s\n", ctl_text(a, "id"));
	printf("client        %s over %s on %s, face %s (%s)\n", ctl_text(a, "client"),
		ctl_text(a, "transport"), ctl_text(a, "listener"), ctl_text(a, "face"),
		ctl_text(a, "location"));
	json_array_foreach (json_object_get(a, "relays"), i, relay)
		printf("relay         %s\n", json_string_value(relay));
	printf("age           %s, ends in %s unless refreshed\n",
		ctl_duration(ctl_number(a, "age"), text),
		ctl_duration(ctl_number(a, "expiresIn"), left));
	printf("credential    %s\n", ctl_text(a, "username"));
	printf("              subject %s, jti %s, kid %s\n", ctl_text(a, "subject"),
		ctl_text(a, "jti"), ctl_text(a, "kid"));
	printf("              may be refreshed until %s\n",
		ctl_time(ctl_number(a, "refreshUntil"), text));
	print_traffic(a, later);
	if (ctl_number(a, "rateLimit") > 0)
		printf("limit         %s\n",
			ctl_rate((double)ctl_number(a, "rateLimit") / 8, text));
	print_drops(a);
	print_peers(a);
}

int ctl_allocations_show(struct ctl *c, int argc, char **argv)
{
	struct ctl_answer later = {0};
	char url[CTL_URL_MAX] = "/admin/v1/allocation";
	json_t *root;

	if (ctl_options(c, argc, argv, NULL, 1, 1) < 0)
		return CTL_USAGE;
	if (!ctl_url_add(url, "id", argv[0]))
		return ctl_usage(c, "the id is too long");
	int status = ctl_fetch(c, url, NULL, &root);
	if (status != CTL_OK)
		return status;
	if (c->is_json)
		return ctl_print_json(root);
	sleep(1); /* two looks make a rate */
	(void)ctl_ask(c, url, NULL, &later);
	print_allocation(root, later.status == 200 ? later.root : NULL);
	json_decref(later.root);
	json_decref(root);
	return CTL_OK;
}

/* ---- kill ---- */

int ctl_allocations_kill(struct ctl *c, int argc, char **argv)
{
	const char *client = NULL, *subject = NULL;
	const struct ctl_option table[] = {{.name = "client", .value = &client},
		{.name = "subject", .value = &subject}, {.name = NULL}};
	json_t *root;
	int n = ctl_options(c, argc, argv, table, 0, 1);

	if (n < 0)
		return CTL_USAGE;
	if (n + !!client + !!subject == 0)
		return ctl_usage(c, "say which: an ID, --client or --subject");
	json_t *body = json_pack("{s:s*, s:s*, s:s*}", "id", n ? argv[0] : NULL, "client", client,
		"subject", subject);
	int status = ctl_fetch(c, "/admin/v1/kill", body, &root);
	if (status != CTL_OK)
		return status;
	int64_t n_killed = ctl_number(root, "killed");
	if (c->is_json) {
		status = ctl_print_json(root);
		return n_killed > 0 ? status : CTL_FAILED;
	}
	say_silent(root);
	json_decref(root);
	if (n_killed == 0)
		return ctl_fail("no allocation matches; sallyportctl allocations lists them");
	printf("%lld ended; their clients may come back: sallyportctl credentials revoke keeps "
	       "them out\n",
		(long long)n_killed);
	return CTL_OK;
}
