/* SPDX-License-Identifier: BSD-3-Clause */
/* The YAML that says what coturn's configuration said. */
#include "coturn.h"

#define PROMETHEUS     9641
#define FIRST_PORT     49152
#define LAST_PORT      65535
#define LIFETIME_MIN_S 60
#define LIFETIME_MAX_S 86400
#define LIFETIME_S     600
#define BUFFER_MIN     65536

/* ---- pieces ---- */

/* In double quotes, so that nothing in it is YAML. Control characters were refused on the way in.
 */
static void write_text(FILE *out, const char *text)
{
	fputc('"', out);
	for (const char *s = text; *s; s++) {
		if (*s == '"' || *s == '\\')
			fputc('\\', out);
		fputc(*s, out);
	}
	fputc('"', out);
}

static void write_addresses(
	FILE *out, const char *name, const struct coturn_addresses *a, uint16_t port)
{
	char text[ADDR_TEXT_LEN];

	fprintf(out, "      %s: [", name);
	for (size_t i = 0; i < a->n; i++) {
		struct addr one = a->items[i];
		one.port = port;
		fprintf(out, "%s\"%s\"", i ? ", " : "", addr_format(&one, text));
	}
	fprintf(out, "]\n");
}

/* The public name of LOCAL: by its own entry, or the one entry that names no local address. */
static const struct addr *advertised(const struct coturn_conf *c, const struct addr *local)
{
	const struct addr *general = NULL;

	for (size_t i = 0; i < c->n_external; i++) {
		const struct coturn_external *e = &c->external[i];
		if (e->local.family != ADDR_NONE && addr_equal_ip(&e->local, local))
			return &e->advertise;
		if (e->local.family == ADDR_NONE && e->advertise.family == local->family)
			general = &e->advertise;
	}
	return general;
}

static struct coturn_addresses listening(const struct coturn_conf *c, const struct coturn_target *t)
{
	struct coturn_addresses a = c->listen;

	for (size_t i = 0; c->listen.n == 0 && i < t->n_host_addresses; i++) {
		if (a.n < COTURN_ADDRESSES_MAX)
			a.items[a.n++] = t->host_addresses[i];
	}
	return a;
}

/* ---- sections ---- */

static void write_top(FILE *out, const struct coturn_conf *c, const char *source)
{
	fprintf(out, "# Converted from %s. sallyport.yaml(5) explains every option.\n", source);
	if (c->workers > 0)
		fprintf(out, "workers: %u\n", c->workers);
	if (c->user[0]) {
		fprintf(out, "user: ");
		write_text(out, c->user);
		fputc('\n', out);
	}
	if (c->log_file[0]) {
		fprintf(out, "log:\n  file: ");
		write_text(out, c->log_file);
		fputc('\n', out);
	}
}

static void write_advertise(
	FILE *out, const struct coturn_conf *c, const struct coturn_addresses *listen)
{
	struct coturn_addresses a = {.n = 0};
	char text[ADDR_TEXT_LEN];

	if (c->n_external == 0)
		return;
	for (size_t i = 0; i < listen->n; i++) {
		const struct addr *public = advertised(c, &listen->items[i]);
		a.items[a.n++] = public ? *public : listen->items[i];
	}
	fprintf(out, "      advertise: [");
	for (size_t i = 0; i < a.n; i++)
		fprintf(out, "%s\"%s\"", i ? ", " : "", addr_format_ip(&a.items[i], text));
	fprintf(out, "]\n");
}

static void write_tls(FILE *out, const struct coturn_conf *c, const struct coturn_addresses *listen,
	uint16_t tls_port)
{
	if (!c->no_tls)
		write_addresses(out, "tls", listen, tls_port);
	if (!c->no_dtls)
		write_addresses(out, "dtls", listen, tls_port);
	if (c->no_tls && c->no_dtls)
		return;
	fprintf(out, "      certificate: ");
	write_text(out, c->certificate);
	fprintf(out, "\n      private_key: ");
	write_text(out, c->private_key);
	fputc('\n', out);
}

static void write_face(
	FILE *out, const struct coturn_conf *c, const struct coturn_addresses *listen)
{
	uint16_t port = c->port ? c->port : COTURN_STUN_PORT;
	uint16_t tls_port = c->tls_port ? c->tls_port : COTURN_STUNS_PORT;
	bool has_tls = c->certificate[0] && c->private_key[0];

	fprintf(out, "  faces:\n    - name: external\n");
	write_addresses(out, "listen", listen, port);
	if (!c->no_tcp && !(has_tls && !c->no_tls && tls_port == port))
		write_addresses(out, "tcp", listen, port);
	if (has_tls)
		write_tls(out, c, listen, tls_port);
	write_advertise(out, c, listen);
}

static void write_relay(
	FILE *out, const struct coturn_conf *c, const struct coturn_addresses *listen)
{
	const struct coturn_addresses *a = c->relay.n > 0 ? &c->relay : listen;
	char text[ADDR_TEXT_LEN];

	fprintf(out, "  relay:\n    ports: %d-%d\n", c->first_port ? c->first_port : FIRST_PORT,
		c->last_port ? c->last_port : LAST_PORT);
	if (!c->no_tcp_relay)
		fprintf(out, "    tcp: true\n");
	fprintf(out, "    addresses:\n");
	for (size_t i = 0; i < a->n; i++) {
		const struct addr *public = advertised(c, &a->items[i]);
		fprintf(out, "      - address: \"%s\"\n", addr_format_ip(&a->items[i], text));
		if (public)
			fprintf(out, "        advertise: \"%s\"\n", addr_format_ip(public, text));
	}
}

static void write_prefixes(FILE *out, const char *name, const struct coturn_prefixes *p)
{
	char text[ADDR_TEXT_LEN];

	if (p->n == 0)
		return;
	fprintf(out, "    %s:\n", name);
	for (size_t i = 0; i < p->n; i++)
		fprintf(out, "      - \"%s\"\n", prefix_format(&p->items[i], text));
}

static void write_peers(FILE *out, const struct coturn_conf *c)
{
	if (c->allowed.n == 0 && c->denied.n == 0 && !c->is_loopback_open)
		return;
	fprintf(out, "  peers:\n");
	write_prefixes(out, "allow", &c->allowed);
	if (c->is_loopback_open) {
		fprintf(out, "%s      - \"127.0.0.0/8\"\n      - \"::1/128\"\n",
			c->allowed.n == 0 ? "    allow:\n" : "");
	}
	write_prefixes(out, "deny", &c->denied);
}

static uint64_t clamp(uint64_t n, uint64_t min, uint64_t max)
{
	return n < min ? min : n > max ? max : n;
}

static void write_limits(FILE *out, const struct coturn_conf *c)
{
	if (!c->total_quota && !c->user_quota && !c->max_bps && !c->capacity_bps &&
		!c->max_lifetime_s)
		return;
	fprintf(out, "  limits:\n");
	if (c->total_quota)
		fprintf(out, "    allocations: %llu\n",
			(unsigned long long)clamp(c->total_quota, 1, 1000000));
	if (c->user_quota)
		fprintf(out, "    subject_allocations: %llu\n",
			(unsigned long long)clamp(c->user_quota, 1, 65535));
	if (c->max_bps)
		fprintf(out, "    allocation_rate: %llu\n",
			(unsigned long long)clamp(c->max_bps * 8, 1, 10000000000));
	if (c->capacity_bps)
		fprintf(out, "    node_rate: %llu\n", (unsigned long long)c->capacity_bps * 8);
	if (c->max_lifetime_s) {
		uint64_t max = clamp(c->max_lifetime_s, LIFETIME_MIN_S, LIFETIME_MAX_S);
		fprintf(out, "    max_lifetime: %llus\n", (unsigned long long)max);
		if (max < LIFETIME_S)
			fprintf(out, "    default_lifetime: %llus\n", (unsigned long long)max);
	}
}

static void write_alternates(FILE *out, const struct coturn_conf *c)
{
	char text[ADDR_TEXT_LEN];

	if (c->n_alternates > 0)
		fprintf(out, "  alternates:\n");
	for (size_t i = 0; i < c->n_alternates; i++) {
		const struct coturn_alternate *a = &c->alternates[i];
		fprintf(out, "    - address: \"%s\"\n", addr_format(&a->address, text));
		if (a->tls_port != 0)
			fprintf(out, "      tls_port: %u\n", a->tls_port);
	}
}

static void write_edge(FILE *out, const struct coturn_conf *c, const struct coturn_target *t)
{
	struct coturn_addresses listen = listening(c, t);

	fprintf(out, "edge:\n  realm: ");
	write_text(out, c->realm[0] ? c->realm : "turn.example.com");
	fputc('\n', out);
	write_face(out, c, &listen);
	write_relay(out, c, &listen);
	write_peers(out, c);
	write_limits(out, c);
	write_alternates(out, c);
	if (c->has_mobility)
		fprintf(out, "  mobility: true\n");
	if (c->has_software)
		fprintf(out, "  software: true\n");
	if (c->socket_buffer)
		fprintf(out, "  receive_buffer: %llu\n",
			(unsigned long long)clamp(c->socket_buffer, BUFFER_MIN, 1073741824));
}

static void write_mras(FILE *out, const struct coturn_conf *c, const struct coturn_target *t)
{
	char path[COTURN_TEXT_MAX];

	fprintf(out, "mras:\n  keys:\n    - secret_file: ");
	snprintf(path, sizeof(path), "%s/pool.key", t->keys_directory);
	write_text(out, path);
	fputc('\n', out);
	if (c->n_secrets > 0) {
		fprintf(out, "  turn_rest: true\n  turn_rest_secrets:\n");
		for (size_t i = 0; i < c->n_secrets; i++) {
			snprintf(path, sizeof(path), "%s/turn-rest-%zu.secret", t->keys_directory,
				i + 1);
			fprintf(out, "    - ");
			write_text(out, path);
			fputc('\n', out);
		}
	}
	if (c->nonce_lifetime_s)
		fprintf(out, "  nonce_lifetime: %llus\n",
			(unsigned long long)clamp(c->nonce_lifetime_s, 60, 86400));
}

static void write_admin(FILE *out, const struct coturn_conf *c)
{
	struct addr a = c->prometheus;
	char text[ADDR_TEXT_LEN];

	if (!c->has_prometheus)
		return;
	if (a.family == ADDR_NONE)
		a = addr_ipv4(0x7f000001, 0);
	a.port = c->prometheus_port ? c->prometheus_port : PROMETHEUS;
	fprintf(out, "admin:\n  listen: [\"%s\"]\n", addr_format(&a, text));
}

void coturn_write_yaml(
	const struct coturn_conf *c, const struct coturn_target *t, const char *source, FILE *out)
{
	write_top(out, c, source);
	write_edge(out, c, t);
	write_mras(out, c, t);
	write_admin(out, c);
}
