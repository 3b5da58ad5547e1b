/* SPDX-License-Identifier: BSD-3-Clause */
/* The values of coturn's keys, each into its field. */
#include <errno.h>
#include <stdlib.h>
#include <strings.h>

#include "coturn.h"

/* ---- kinds of values ---- */

static int number(const char *value, uint64_t max, uint64_t *out)
{
	char *end;

	if (value[0] < '0' || value[0] > '9')
		return ERR_MALFORMED;
	errno = 0;
	unsigned long long n = strtoull(value, &end, 10);
	if (*end != '\0' || errno != 0 || n > max)
		return ERR_MALFORMED;
	*out = n;
	return 0;
}

static int port(const char *value, uint16_t *out)
{
	uint64_t n;
	int rc = number(value, UINT16_MAX, &n);

	if (rc == 0)
		*out = (uint16_t)n;
	return rc;
}

/* What has control characters in it is no path and no name. */
static int text(const char *value, char out[COTURN_TEXT_MAX])
{
	size_t len = strlen(value);

	if (len == 0 || len >= COTURN_TEXT_MAX)
		return ERR_MALFORMED;
	for (size_t i = 0; i < len; i++) {
		if ((unsigned char)value[i] < 0x20 || value[i] == 0x7f)
			return ERR_MALFORMED;
	}
	memcpy(out, value, len + 1);
	return 0;
}

static int path(const char *value, char out[COTURN_TEXT_MAX])
{
	return value[0] == '/' ? text(value, out) : ERR_MALFORMED;
}

static int ip(const char *value, struct addr *out)
{
	int rc = addr_parse(value, 0, out);

	return rc == 0 && out->port != 0 ? ERR_MALFORMED : rc;
}

static int add_ip(struct coturn_addresses *a, const char *value)
{
	struct addr one;
	int rc = ip(value, &one);

	if (rc != 0)
		return rc;
	for (size_t i = 0; i < a->n; i++) {
		if (addr_equal(&a->items[i], &one))
			return 0;
	}
	if (a->n == COTURN_ADDRESSES_MAX)
		return ERR_FULL;
	a->items[a->n++] = one;
	return 0;
}

int coturn_flag(const char *value, bool *out)
{
	static const char *const yes[] = {"", "1", "y", "yes", "t", "true", "on"};
	static const char *const no[] = {"0", "n", "no", "f", "false", "off"};

	for (size_t i = 0; i < ARRAY_LEN(yes); i++) {
		if (strcasecmp(value, yes[i]) == 0) {
			*out = true;
			return 0;
		}
	}
	for (size_t i = 0; i < ARRAY_LEN(no); i++) {
		if (strcasecmp(value, no[i]) == 0) {
			*out = false;
			return 0;
		}
	}
	return ERR_MALFORMED;
}

/* ---- addresses and ports ---- */

/* The wildcard is coturn's word for "every address", which is what it does without the key. */
int coturn_take_listen(struct coturn_conf *c, const char *value)
{
	struct addr a;

	if (ip(value, &a) == 0 && addr_is_unspecified(&a))
		return 0;
	return add_ip(&c->listen, value);
}

int coturn_take_relay(struct coturn_conf *c, const char *value)
{
	struct addr a;

	if (ip(value, &a) == 0 && addr_is_unspecified(&a))
		return 0;
	return add_ip(&c->relay, value);
}

int coturn_take_external(struct coturn_conf *c, const char *value)
{
	char public[ADDR_TEXT_LEN];
	struct coturn_external e = {0};
	const char *slash = strchr(value, '/');
	size_t len = slash ? (size_t)(slash - value) : strlen(value);

	if (len == 0 || len >= sizeof(public))
		return ERR_MALFORMED;
	if (c->n_external == COTURN_ADDRESSES_MAX)
		return ERR_FULL;
	memcpy(public, value, len);
	public[len] = '\0';
	int rc = ip(public, &e.advertise);
	if (rc == 0 && slash)
		rc = ip(slash + 1, &e.local);
	if (rc == 0 && slash && e.local.family != e.advertise.family)
		rc = ERR_MALFORMED;
	if (rc == 0)
		c->external[c->n_external++] = e;
	return rc;
}

/* The one with this IP address, made if there is none. */
static int alternate(struct coturn_conf *c, const struct addr *a, struct coturn_alternate **out)
{
	for (size_t i = 0; i < c->n_alternates; i++) {
		*out = &c->alternates[i];
		if (addr_equal_ip(&c->alternates[i].address, a))
			return 0;
	}
	if (c->n_alternates == COTURN_ADDRESSES_MAX)
		return ERR_FULL;
	*out = &c->alternates[c->n_alternates++];
	(*out)->address = *a;
	return 0;
}

int coturn_take_alternate(struct coturn_conf *c, const char *value)
{
	struct coturn_alternate *other;
	struct addr a;
	int rc = addr_parse(value, COTURN_STUN_PORT, &a);

	if (rc == 0)
		rc = alternate(c, &a, &other);
	if (rc == 0)
		other->address.port = a.port;
	return rc;
}

int coturn_take_tls_alternate(struct coturn_conf *c, const char *value)
{
	struct coturn_alternate *other;
	struct addr a;
	int rc = addr_parse(value, COTURN_STUNS_PORT, &a);

	if (rc != 0)
		return rc;
	uint16_t tls_port = a.port;
	a.port = COTURN_STUN_PORT; /* unless another key says it */
	rc = alternate(c, &a, &other);
	if (rc == 0)
		other->tls_port = tls_port;
	return rc;
}

int coturn_take_port(struct coturn_conf *c, const char *value)
{
	return port(value, &c->port);
}

int coturn_take_tls_port(struct coturn_conf *c, const char *value)
{
	return port(value, &c->tls_port);
}

int coturn_take_first_port(struct coturn_conf *c, const char *value)
{
	return port(value, &c->first_port);
}

int coturn_take_last_port(struct coturn_conf *c, const char *value)
{
	return port(value, &c->last_port);
}

/* ---- texts ---- */

int coturn_take_realm(struct coturn_conf *c, const char *value)
{
	return strlen(value) > 127 ? ERR_MALFORMED : text(value, c->realm);
}

int coturn_take_certificate(struct coturn_conf *c, const char *value)
{
	return path(value, c->certificate);
}

int coturn_take_private_key(struct coturn_conf *c, const char *value)
{
	return path(value, c->private_key);
}

int coturn_take_log_file(struct coturn_conf *c, const char *value)
{
	if (strcmp(value, "stdout") == 0 || strcmp(value, "-") == 0 || strcmp(value, "syslog") == 0)
		return 0;
	return path(value, c->log_file);
}

int coturn_take_user(struct coturn_conf *c, const char *value)
{
	return text(value, c->user);
}

int coturn_take_secret(struct coturn_conf *c, const char *value)
{
	if (c->n_secrets == COTURN_SECRETS_MAX)
		return ERR_FULL;
	int rc = text(value, c->secrets[c->n_secrets]);
	if (rc == 0)
		c->n_secrets++;
	return rc;
}

int coturn_take_account(struct coturn_conf *c, const char *value)
{
	(void)value;
	c->has_users = true;
	return 0;
}

/* ---- numbers ---- */

int coturn_take_workers(struct coturn_conf *c, const char *value)
{
	uint64_t n;
	int rc = number(value, 128, &n);

	if (rc == 0)
		c->workers = (uint32_t)n;
	return rc;
}

/* Without a number it means 600, as the key's absence does. */
int coturn_take_nonce(struct coturn_conf *c, const char *value)
{
	return value[0] ? number(value, UINT32_MAX, &c->nonce_lifetime_s) : 0;
}

int coturn_take_lifetime(struct coturn_conf *c, const char *value)
{
	return value[0] ? number(value, UINT32_MAX, &c->max_lifetime_s) : 0;
}

int coturn_take_max_bps(struct coturn_conf *c, const char *value)
{
	return number(value, UINT32_MAX, &c->max_bps);
}

int coturn_take_capacity(struct coturn_conf *c, const char *value)
{
	return number(value, UINT64_MAX / 8, &c->capacity_bps);
}

int coturn_take_user_quota(struct coturn_conf *c, const char *value)
{
	return number(value, UINT32_MAX, &c->user_quota);
}

int coturn_take_total_quota(struct coturn_conf *c, const char *value)
{
	return number(value, UINT32_MAX, &c->total_quota);
}

int coturn_take_buffer(struct coturn_conf *c, const char *value)
{
	return number(value, UINT32_MAX, &c->socket_buffer);
}

/* ---- switches ---- */

int coturn_take_no_tcp(struct coturn_conf *c, const char *value)
{
	return coturn_flag(value, &c->no_tcp);
}

int coturn_take_no_tls(struct coturn_conf *c, const char *value)
{
	return coturn_flag(value, &c->no_tls);
}

int coturn_take_no_dtls(struct coturn_conf *c, const char *value)
{
	return coturn_flag(value, &c->no_dtls);
}

int coturn_take_no_tcp_relay(struct coturn_conf *c, const char *value)
{
	return coturn_flag(value, &c->no_tcp_relay);
}

int coturn_take_loopback(struct coturn_conf *c, const char *value)
{
	return coturn_flag(value, &c->is_loopback_open);
}

int coturn_take_mobility(struct coturn_conf *c, const char *value)
{
	return coturn_flag(value, &c->has_mobility);
}

int coturn_take_software(struct coturn_conf *c, const char *value)
{
	return coturn_flag(value, &c->has_software);
}

int coturn_take_verbose(struct coturn_conf *c, const char *value)
{
	return coturn_flag(value, &c->is_verbose);
}

/* ---- Prometheus ---- */

int coturn_take_prometheus(struct coturn_conf *c, const char *value)
{
	return coturn_flag(value, &c->has_prometheus);
}

int coturn_take_prometheus_port(struct coturn_conf *c, const char *value)
{
	return port(value, &c->prometheus_port);
}

int coturn_take_prometheus_address(struct coturn_conf *c, const char *value)
{
	struct addr a;
	int rc = ip(value, &a);

	if (rc == 0 && !addr_is_unspecified(&a))
		c->prometheus = a;
	return rc;
}
