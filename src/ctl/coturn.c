/* SPDX-License-Identifier: BSD-3-Clause */
/* A conversion from its first line to the end of the report. */
#include <ctype.h>
#include <errno.h>
#include <stdlib.h>

#include "coturn.h"

struct line {
	unsigned number;
	char *key, *value; /* into the line; VALUE is "" when there is none */
};

/* ---- lines ---- */

static char *skip_blanks(char *s)
{
	while (isspace((unsigned char)*s))
		s++;
	return s;
}

static void cut_blanks(char *s)
{
	size_t len = strlen(s);

	while (len > 0 && isspace((unsigned char)s[len - 1]))
		s[--len] = '\0';
}

/* A remark behind a value, which coturn would take as part of it; a secret may hold the sign. */
static void cut_remark(char *value)
{
	for (char *s = value; *s; s++) {
		if (*s == '#' && s > value && isspace((unsigned char)s[-1])) {
			*s = '\0';
			break;
		}
	}
	cut_blanks(value);
}

static char *unquote(char *value)
{
	size_t len = strlen(value);

	if (len >= 2 && (value[0] == '"' || value[0] == '\'') && value[len - 1] == value[0]) {
		value[len - 1] = '\0';
		return value + 1;
	}
	return value;
}

/* "key=value", "key value", "key"; with the dashes of a command line too. False: nothing is on it.
 */
static bool split(char *text, struct line *out)
{
	char *s = skip_blanks(text);

	while (*s == '-')
		s++;
	cut_blanks(s);
	if (*s == '\0' || *s == '#')
		return false;
	size_t len = strcspn(s, "= \t");
	char *value = s + len;
	value += strspn(value, " \t");
	if (*value == '=')
		value++;
	value = skip_blanks(value);
	s[len] = '\0';
	cut_remark(value);
	out->key = s;
	out->value = unquote(value);
	return true;
}

/* ---- the report ---- */

static const char *const outcome_names[COTURN_OUTCOMES] = {
	[COTURN_CONVERTED] = "converted",
	[COTURN_DEFAULT] = "default",
	[COTURN_DROPPED] = "dropped",
	[COTURN_UNKNOWN] = "unknown",
	[COTURN_BAD] = "unreadable",
};

struct report {
	FILE *out;
	const char *name; /* of the file read */
	unsigned counts[COTURN_OUTCOMES];
};

static void say(struct report *r, const struct line *l, enum coturn_outcome o, const char *text)
{
	char place[32];

	snprintf(place, sizeof(place), "line %u", l->number);
	fprintf(r->out, "%-10s %-11s %-28s %s\n", place, outcome_names[o], l->key, text);
	r->counts[o]++;
}

/* The value is not repeated: it may be a secret. */
static const char *why_of(int rc)
{
	if (rc == ERR_FULL)
		return "there are too many of these; write the rest by hand";
	return "the value cannot be read (a variable, a host name or a typing error?); write it by "
	       "hand";
}

static int take_line(struct coturn_conf *c, struct report *r, const struct line *l)
{
	const struct coturn_key *k = coturn_key_find(l->key);

	if (!k) {
		say(r, l, COTURN_UNKNOWN, "no version of coturn has this key");
		return 0;
	}
	int rc = k->take ? k->take(c, l->value) : 0;
	if (rc == -ENOMEM)
		return rc;
	if (rc != 0)
		say(r, l, COTURN_BAD, why_of(rc));
	else
		say(r, l, k->outcome, k->text);
	return 0;
}

static void say_defaults(FILE *out, const struct coturn_conf *c, const struct coturn_target *t)
{
	fprintf(out, "\nWhat the file leaves open:\n");
	if (c->listen.n == 0)
		fprintf(out,
			"  listening-ip          every address of the host: the %zu of this one "
			"are "
			"written; compare them\n",
			t->n_host_addresses);
	if (c->port == 0)
		fprintf(out, "  listening-port        3478\n");
	if (c->certificate[0] && c->tls_port == 0)
		fprintf(out, "  tls-listening-port    5349\n");
	if (c->first_port == 0 || c->last_port == 0)
		fprintf(out, "  min-port, max-port    49152-65535\n");
	if (!c->realm[0])
		fprintf(out, "  realm                 none was given: the one in edge.realm is an "
			     "example\n");
	if (!c->certificate[0])
		fprintf(out, "  cert                  none was given: no TLS and no DTLS\n");
	fprintf(out, "  mras.clients          nobody may ask for credentials yet; shared secrets "
		     "count as before\n");
}

static void say_differences(FILE *out, const struct coturn_conf *c, size_t n_settled)
{
	fprintf(out,
		"\nWhat is different here:\n"
		"  - Private, shared and link-local networks are denied as peers; coturn allows "
		"them. Name the inside\n"
		"    networks that clients must reach in edge.peers.allow.\n"
		"  - TCP and TLS have ports of their own; coturn takes both on either port.\n");
	if (n_settled > 0)
		fprintf(out,
			"  - In coturn an allowed range wins over a denied one; here the longest "
			"prefix does. %zu denied\n"
			"    prefixes inside allowed ones were left out, which means the same.\n",
			n_settled);
	if (c->tls_port != 0 && c->tls_port == (c->port ? c->port : 3478))
		fprintf(out,
			"  - listening-port and tls-listening-port are one: it went to TLS, and "
			"there is no plain TCP.\n");
	if (c->has_users)
		fprintf(out, "  - Users with passwords were dropped. Until their programs ask for "
			     "credentials, keep coturn beside\n"
			     "    Sallyport for them.\n");
}

static void say_key_files(
	FILE *out, const struct coturn_conf *c, const char *name, const struct coturn_target *t)
{
	if (t->has_key_files) {
		fprintf(out,
			"  1. %s has the pool's key, made for this configuration: put it on every\n"
			"     member of the pool. The shared secrets stand beside it.\n",
			t->keys_directory);
		return;
	}
	fprintf(out,
		"  1. make the pool's key, once for all its members:\n"
		"       (umask 077; openssl rand 32 > %s/pool.key)\n",
		t->keys_directory);
	for (size_t i = 0; i < c->n_secrets; i++)
		fprintf(out,
			"     and the file of shared secret %zu:\n"
			"       (umask 077; sed -n 's/^ *static-auth-secret *= *//p' %s | sed -n "
			"%zup "
			"> %s/turn-rest-%zu.secret)\n",
			i + 1, name, i + 1, t->keys_directory, i + 1);
}

static void say_next(
	FILE *out, const struct coturn_conf *c, const char *name, const struct coturn_target *t)
{
	fprintf(out, "\nNext:\n");
	say_key_files(out, c, name, t);
	fprintf(out, "  2. sallyportd -t -c sallyport.yaml   says what is still missing\n"
		     "  3. sallyportd -f -c sallyport.yaml\n");
}

static void end_report(struct report *r, const struct coturn_conf *c, const struct coturn_target *t,
	size_t n_settled)
{
	say_defaults(r->out, c, t);
	say_differences(r->out, c, n_settled);
	say_next(r->out, c, r->name, t);
	fprintf(r->out, "\n%u converted, %u default, %u dropped, %u unreadable, %u unknown\n",
		r->counts[COTURN_CONVERTED], r->counts[COTURN_DEFAULT], r->counts[COTURN_DROPPED],
		r->counts[COTURN_BAD], r->counts[COTURN_UNKNOWN]);
}

/* ---- the whole ---- */

static int read_all(FILE *in, struct coturn_conf *c, struct report *r)
{
	struct line l = {0};
	char *text = NULL;
	size_t cap = 0;
	int rc = 0;

	errno = 0;
	while (rc == 0 && getline(&text, &cap, in) >= 0) {
		l.number++;
		if (split(text, &l))
			rc = take_line(c, r, &l);
	}
	if (rc == 0 && ferror(in))
		rc = errno ? -errno : -EIO;
	free(text);
	return rc;
}

int coturn_convert(FILE *in, const char *name, const struct coturn_target *t, FILE *yaml,
	FILE *report, struct coturn_conf *c)
{
	struct report r = {.out = report, .name = name};

	*c = (struct coturn_conf){0};
	fprintf(report, "What became of %s\n\n", name);
	int rc = read_all(in, c, &r);
	if (rc != 0)
		return rc;
	size_t n_settled = coturn_peers_settle(c);
	coturn_write_yaml(c, t, name, yaml);
	end_report(&r, c, t, n_settled);
	if (fflush(yaml) != 0 || fflush(report) != 0 || ferror(yaml) || ferror(report))
		return errno ? -errno : -EIO;
	return 0;
}

void coturn_conf_fini(struct coturn_conf *c)
{
	free(c->allowed.items);
	free(c->denied.items);
	/* Nothing reads them any more, and they are secrets. */
	explicit_bzero(c->secrets, sizeof(c->secrets));
	c->allowed = c->denied = (struct coturn_prefixes){0};
}
