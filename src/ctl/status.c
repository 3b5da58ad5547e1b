/* SPDX-License-Identifier: BSD-3-Clause */
/* "status", "keys" and "reload". */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <sallyport/common.h>

#include "commands.h"
#include "table.h"

#define DAY_S        86400
#define SOON_DAYS    30 /* a certificate that ends sooner is marked */
#define REFUSALS_MAX 10

/* ---- counters ---- */

/* The sum of the rows NAME, of those whose labels contain LABEL when that is not NULL. */
static int64_t sum(const json_t *status, const char *name, const char *label)
{
	const json_t *row;
	int64_t n = 0;
	size_t i;

	json_array_foreach (json_object_get(status, "counters"), i, row) {
		if (strcmp(ctl_text(row, "name"), name) == 0 &&
			(!label || strstr(ctl_text(row, "labels"), label)))
			n += ctl_number(row, "value");
	}
	return n;
}

/* Does a counter of this name count something that was turned away or lost? */
static bool is_refusal(const char *name)
{
	static const char *const words[] = {
		"_refus", "_fail", "_drop", "_ignored", "_errors", "_unknown"};

	for (size_t i = 0; i < ARRAY_LEN(words); i++) {
		if (strstr(name, words[i]))
			return true;
	}
	return false;
}

static int by_value(const void *a, const void *b)
{
	int64_t x = ctl_number(*(json_t *const *)a, "value");
	int64_t y = ctl_number(*(json_t *const *)b, "value");

	return (x < y) - (x > y);
}

static void print_refusals(json_t *status)
{
	static const char *const head[] = {">count", "what", "which"};
	json_t *counters = json_object_get(status, "counters"), *row;
	json_t **rows = calloc(json_array_size(counters) + 1, sizeof(json_t *));
	struct ctl_table t;
	size_t i, n = 0;

	json_array_foreach (counters, i, row) {
		if (rows && ctl_number(row, "value") > 0 && is_refusal(ctl_text(row, "name")))
			rows[n++] = row;
	}
	if (rows)
		qsort(rows, n, sizeof(json_t *), by_value);
	ctl_table_init(&t, head, ARRAY_LEN(head));
	for (i = 0; i < n && i < REFUSALS_MAX; i++) {
		ctl_table_add(&t, "%lld", (long long)ctl_number(rows[i], "value"));
		ctl_table_add(&t, "%s", ctl_text(rows[i], "name"));
		ctl_table_add(&t, "%s", ctl_text(rows[i], "labels"));
	}
	ctl_table_end(&t, "refused and dropped since the start");
	free(rows);
}

/* ---- parts ---- */

static void print_listeners(const json_t *status)
{
	static const char *const head[] = {"face", "location", "transport", "address"};
	const json_t *l;
	struct ctl_table t;
	size_t i;

	ctl_table_init(&t, head, ARRAY_LEN(head));
	json_array_foreach (json_object_get(status, "listeners"), i, l) {
		for (size_t k = 0; k < ARRAY_LEN(head); k++)
			ctl_table_add(&t, "%s", ctl_text(l, head[k]));
	}
	ctl_table_end(&t, "listeners");
}

static void print_interface(struct ctl_table *t, const json_t *i)
{
	const char *name = ctl_text(i, "name"), *mode = ctl_text(i, "mode");
	const char *why = ctl_text(i, "whyNotFaster");
	const json_t *address;
	size_t k;

	json_array_foreach (json_object_get(i, "addresses"), k, address) {
		ctl_table_add(t, "%s", name[0] ? name : "-");
		ctl_table_add(t, "%s", json_string_value(address));
		ctl_table_add(t, "%s%s%s%s", ctl_text(i, "datapath"), mode[0] ? " (" : "", mode,
			mode[0] ? ")" : "");
		ctl_table_add(t, "%s", why[0] ? why : "-");
	}
}

static void print_interfaces(const json_t *status)
{
	static const char *const head[] = {"interface", "address", "packets by", "why not faster"};
	const json_t *i;
	struct ctl_table t;
	size_t k;

	ctl_table_init(&t, head, ARRAY_LEN(head));
	json_array_foreach (json_object_get(status, "interfaces"), k, i)
		print_interface(&t, i);
	ctl_table_end(&t, "interfaces");
}

static const char *key_state(const json_t *k, int64_t now)
{
	int64_t until = ctl_number(k, "verifyUntil");

	if (until != 0 && until <= now)
		return "ended";
	if (ctl_is_true(k, "signing"))
		return "signs";
	return ctl_number(k, "signFrom") > now ? "staged" : "verifies";
}

static void print_keys(const json_t *list, int64_t now, const char *title)
{
	static const char *const head[] = {"kid", "state", "signs from", "accepted until", "left"};
	const json_t *k;
	struct ctl_table t;
	char text[CTL_CELL_LEN];
	size_t i;

	ctl_table_init(&t, head, ARRAY_LEN(head));
	json_array_foreach (list, i, k) {
		int64_t until = ctl_number(k, "verifyUntil");
		ctl_table_add(&t, "%s", ctl_text(k, "kid"));
		ctl_table_add(&t, "%s", key_state(k, now));
		ctl_table_add(&t, "%s", ctl_time(ctl_number(k, "signFrom"), text));
		ctl_table_add(&t, "%s", ctl_time(until, text));
		ctl_table_add(&t, "%s", until ? ctl_duration(until - now, text) : "-");
	}
	ctl_table_end(&t, title);
}

static void print_certificates(const json_t *status, int64_t now)
{
	static const char *const head[] = {"used by", ">days left", "ends", "file"};
	const json_t *c;
	struct ctl_table t;
	char text[CTL_CELL_LEN];
	size_t i;

	ctl_table_init(&t, head, ARRAY_LEN(head));
	json_array_foreach (json_object_get(status, "certificates"), i, c) {
		int64_t left = ctl_number(c, "notAfter") - now;
		ctl_table_add(&t, "%s", ctl_text(c, "usedBy"));
		ctl_table_add(&t, "%lld%s", (long long)(left / DAY_S),
			left <= 0                  ? " ENDED"
			: left < SOON_DAYS * DAY_S ? " soon"
						   : "");
		ctl_table_add(&t, "%s", ctl_time(ctl_number(c, "notAfter"), text));
		ctl_table_add(&t, "%s", ctl_text(c, "file"));
	}
	ctl_table_end(&t, "certificates");
}

static void print_summary(const json_t *s, int64_t now)
{
	char up[CTL_CELL_LEN];
	bool is_ready = ctl_is_true(s, "ready");

	const char *realm = ctl_text(s, "realm");

	printf("sallyportd %s, up %s, %lld workers%s%s\n", ctl_text(s, "version"),
		ctl_duration(now - ctl_number(s, "started"), up),
		(long long)ctl_number(s, "workers"), realm[0] ? ", realm " : "", realm);
	printf("%s%s%s\n", is_ready ? "ready" : "NOT READY: ", ctl_text(s, "notReady"), "");
	printf("allocations  %lld\n", (long long)sum(s, "sallyport_turn_allocations", NULL));
	printf("connections  %lld\n", (long long)sum(s, "sallyport_net_connections", NULL));
	printf("relayed      %lld packets to peers, %lld to clients\n",
		(long long)sum(s, "sallyport_relay_packets_total", "to_peer"),
		(long long)sum(s, "sallyport_relay_packets_total", "to_client"));
	if (json_array_size(json_object_get(s, "trunks")) > 0)
		printf("calls        %lld\n", (long long)sum(s, "sallyport_calls_open", NULL));
	printf("packets      %lld in, %lld out\n",
		(long long)sum(s, "sallyport_net_packets_total", "\"in\""),
		(long long)sum(s, "sallyport_net_packets_total", "\"out\""));
}

static void print_trunk(struct ctl_table *t, const json_t *k)
{
	const json_t *registered = json_object_get(k, "registered");

	ctl_table_add(t, "%s", ctl_text(k, "name"));
	ctl_table_add(t, "%s", ctl_text(k, "gateway"));
	ctl_table_add(t, "%s", ctl_text(k, "state"));
	ctl_table_add(t, "%lld", (long long)ctl_number(k, "calls"));
	ctl_table_add(t, "%lld of %lld up", (long long)ctl_number(k, "addressesUp"),
		(long long)ctl_number(k, "addresses"));
	ctl_table_add(t, "%s", !registered ? "-" : json_is_true(registered) ? "yes" : "no");
}

static void print_trunks(const json_t *status)
{
	static const char *const head[] = {
		"trunk", "gateway", "state", "calls", "addresses", "registered"};
	const json_t *k, *front = json_object_get(status, "frontEnd");
	struct ctl_table t;
	size_t i;

	if (json_array_size(json_object_get(status, "trunks")) == 0)
		return;
	ctl_table_init(&t, head, ARRAY_LEN(head));
	json_array_foreach (json_object_get(status, "trunks"), i, k)
		print_trunk(&t, k);
	if (front)
		print_trunk(&t, front);
	ctl_table_end(&t, "trunks");
}

/* ---- commands ---- */

int ctl_status(struct ctl *c, int argc, char **argv)
{
	json_t *root;

	if (ctl_options(c, argc, argv, NULL, 0, 0) < 0)
		return CTL_USAGE;
	int status = ctl_fetch(c, "/admin/v1/status", NULL, &root);
	if (status != CTL_OK)
		return status;
	if (c->is_json)
		return ctl_print_json(root);
	int64_t now = ctl_number(root, "now");
	print_summary(root, now);
	ctl_print_drain(json_object_get(root, "drain"));
	print_listeners(root);
	print_interfaces(root);
	print_trunks(root);
	print_keys(json_object_get(root, "keys"), now, "keys");
	print_certificates(root, now);
	print_refusals(root);
	json_decref(root);
	return CTL_OK;
}

int ctl_keys(struct ctl *c, int argc, char **argv)
{
	json_t *root;

	if (ctl_options(c, argc, argv, NULL, 0, 0) < 0)
		return CTL_USAGE;
	int status = ctl_fetch(c, "/mras/v1/keys", NULL, &root);
	if (status != CTL_OK)
		return status;
	if (c->is_json)
		return ctl_print_json(root);
	struct clock now;
	clock_sample(&now);
	print_keys(json_object_get(root, "keys"), (int64_t)now.wall_s, NULL);
	json_decref(root);
	return CTL_OK;
}

int ctl_reload(struct ctl *c, int argc, char **argv)
{
	struct ctl_answer a;
	const json_t *line;
	size_t i;

	if (ctl_options(c, argc, argv, NULL, 0, 0) < 0)
		return CTL_USAGE;
	int status = ctl_ask(c, "/admin/v1/reload", json_object(), &a);
	if (status != CTL_OK)
		return status;
	if (a.status != 200 && a.status != 409) {
		status = ctl_refused(&a);
		json_decref(a.root);
		return status;
	}
	if (c->is_json) {
		status = ctl_print_json(a.root);
		return a.status == 200 ? status : CTL_FAILED;
	}
	json_array_foreach (json_object_get(a.root, "messages"), i, line)
		fprintf(stderr, "%s\n", json_string_value(line));
	json_decref(a.root);
	if (a.status != 200)
		return ctl_fail(
			"reload refused: the old configuration stays in force; mend what is "
			"named above and reload again");
	puts("reloaded");
	return CTL_OK;
}
