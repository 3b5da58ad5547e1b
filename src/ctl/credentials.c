/* SPDX-License-Identifier: BSD-3-Clause */
/* "credentials issue", "credentials decode" and "credentials revoke". */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <sallyport/common.h>

#include "commands.h"
#include "table.h"

/* ---- issue ---- */

static void print_credential(const json_t *cr)
{
	const json_t *url;
	char text[CTL_CELL_LEN];
	size_t i;

	printf("username  %s\n", ctl_text(cr, "username"));
	printf("password  %s\n", ctl_text(cr, "password"));
	printf("realm     %s\n", ctl_text(cr, "realm"));
	printf("expires   %s\n", ctl_time(ctl_number(cr, "expires"), text));
	const json_t *servers = json_array_get(json_object_get(cr, "iceServers"), 0);
	json_array_foreach (json_object_get(servers, "urls"), i, url)
		printf("%-10s%s\n", i == 0 ? "server" : "", json_string_value(url));
}

/* The whole minutes in "30", "30m", "8h" or "7d"; 0: it is none. */
static long minutes(const char *text)
{
	char *end;
	long n = strtol(text, &end, 10);
	long unit = strcmp(end, "h") == 0 ? 60 : strcmp(end, "d") == 0 ? 60 * 24 : 1;

	if (n <= 0 || n > 1000000 || (unit == 1 && strcmp(end, "m") != 0 && *end != '\0'))
		return 0;
	return n * unit;
}

int ctl_credentials_issue(struct ctl *c, int argc, char **argv)
{
	const char *location = NULL, *duration = NULL;
	const struct ctl_option table[] = {{.name = "location", .value = &location},
		{.name = "duration", .value = &duration}, {.name = NULL}};
	json_t *root;

	if (ctl_options(c, argc, argv, table, 1, 1) < 0)
		return CTL_USAGE;
	if (duration && minutes(duration) == 0)
		return ctl_usage(c, "--duration is like 30m, 8h or 7d");
	json_t *item = json_pack("{s:s, s:s*}", "identity", argv[0], "location", location);
	if (item && duration)
		(void)json_object_set_new(item, "duration", json_integer(minutes(duration)));
	json_t *body = json_pack("{s:[o]}", "credentials", item);
	int status = ctl_fetch(c, "/mras/v1/credentials", body, &root);
	if (status != CTL_OK)
		return status;
	const json_t *cr = json_array_get(json_object_get(root, "credentials"), 0);
	bool is_granted = strcmp(ctl_text(cr, "result"), "ok") == 0;
	if (c->is_json) {
		status = ctl_print_json(root);
		return is_granted ? status : CTL_FAILED;
	}
	if (is_granted)
		print_credential(cr);
	else
		status = ctl_fail(
			"refused: %s (%s)", ctl_text(cr, "detail"), ctl_text(cr, "result"));
	json_decref(root);
	return status;
}

/* ---- decode ---- */

static const struct {
	const char *reason, *meaning;
} meanings[] = {
	{"ok", "a password for it is accepted now"},
	{"bad_form", "not a username that this node gives out or takes; one begins with a time "
		     "and a colon, as in 1800000000:m1.KID.CLAIMS"},
	{"expired", "its time is over; running allocations may still be refreshed"},
	{"unknown_key", "no key of this node, or one whose time is over: sallyportctl keys"},
	{"revoked", "it, its subject or its key is revoked"},
	{"wrong_relay", "it is for other members of the pool"},
};

static void print_names(const json_t *claims, const char *member, const char *label)
{
	const json_t *list = json_object_get(claims, member), *name;
	size_t i;

	printf("%s", label);
	json_array_foreach (list, i, name)
		printf("%s%s", i ? ", " : "", json_string_value(name));
	puts(json_array_size(list) == 0 ? "any" : "");
}

static void print_claims(const json_t *root, const json_t *claims)
{
	char text[CTL_CELL_LEN], left[CTL_CELL_LEN];
	int64_t expires = ctl_number(root, "expires");

	printf("form        %s\n", ctl_text(claims, "form"));
	printf("expires     %s (%s)\n", ctl_time(expires, text),
		ctl_duration(expires - ctl_number(root, "now"), left));
	printf("refreshable until %s\n", ctl_time(ctl_number(root, "refreshUntil"), text));
	printf("subject     %s\n", ctl_text(claims, "subject"));
	if (strcmp(ctl_text(claims, "form"), "m1") != 0)
		return;
	printf("jti         %s\n", ctl_text(claims, "jti"));
	printf("kid         %s\n", ctl_text(claims, "kid"));
	print_names(claims, "locations", "locations   ");
	print_names(claims, "transports", "transports  ");
	if (json_array_size(json_object_get(claims, "flags")) > 0)
		print_names(claims, "flags", "flags       ");
	printf("members     %s\n", ctl_text(claims, "relays"));
	if (ctl_number(claims, "allocations") > 0)
		printf("allocations %lld\n", (long long)ctl_number(claims, "allocations"));
	if (ctl_number(claims, "kbps") > 0)
		printf("rate        %lld kbit/s\n", (long long)ctl_number(claims, "kbps"));
}

int ctl_credentials_decode(struct ctl *c, int argc, char **argv)
{
	json_t *root;

	if (ctl_options(c, argc, argv, NULL, 1, 1) < 0)
		return CTL_USAGE;
	json_t *body = json_pack("{s:s}", "username", argv[0]);
	if (!body)
		return ctl_usage(c, "the username is not UTF-8");
	int status = ctl_fetch(c, "/admin/v1/decode", body, &root);
	if (status != CTL_OK)
		return status;
	int verdict = ctl_is_true(root, "accepted") ? CTL_OK : CTL_FAILED;
	if (c->is_json) {
		status = ctl_print_json(root);
		return status == CTL_OK ? verdict : status;
	}
	const char *reason = ctl_text(root, "reason");
	const char *meaning = "";
	for (size_t i = 0; i < ARRAY_LEN(meanings); i++) {
		if (strcmp(meanings[i].reason, reason) == 0)
			meaning = meanings[i].meaning;
	}
	printf("%s: %s\n", verdict == CTL_OK ? "accepted" : reason, meaning);
	const json_t *claims = json_object_get(root, "claims");
	if (claims)
		print_claims(root, claims);
	json_decref(root);
	return verdict;
}

/* ---- revoke ---- */

int ctl_credentials_revoke(struct ctl *c, int argc, char **argv)
{
	const char *jti = NULL, *subject = NULL, *kid = NULL;
	const struct ctl_option table[] = {{.name = "jti", .value = &jti},
		{.name = "subject", .value = &subject}, {.name = "kid", .value = &kid},
		{.name = NULL}};
	json_t *root;
	int n = ctl_options(c, argc, argv, table, 0, 1);

	if (n < 0)
		return CTL_USAGE;
	if (n + !!jti + !!subject + !!kid != 1)
		return ctl_usage(
			c, "say one thing to revoke: a USERNAME, --jti, --subject or --kid");
	json_t *body = json_pack("{s:[{s:s*, s:s*, s:s*, s:s*}]}", "revocations", "username",
		n ? argv[0] : NULL, "jti", jti, "subject", subject, "kid", kid);
	int status = ctl_fetch(c, "/mras/v1/revocations", body, &root);
	if (status != CTL_OK)
		return status;
	if (c->is_json)
		return ctl_print_json(root);
	json_decref(root);
	puts("revoked; what it had running has ended");
	return CTL_OK;
}
