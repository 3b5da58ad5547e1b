/* SPDX-License-Identifier: BSD-3-Clause */
/* From options to snapshots. What goes wrong is reported at the place in the file that asked for
 * it. */
#include <errno.h>
#include <ifaddrs.h>
#include <stdio.h>
#include <stdlib.h>

#include "../behavior.h"
#include "../call_thread.h"
#include "settings_priv.h"

/* ---- memory that lives as long as the settings ---- */

struct block {
	struct list link;
	_Alignas(max_align_t) uint8_t data[];
};

void *settings_take(struct settings *s, size_t n, size_t size)
{
	struct block *b = calloc(1, sizeof(*b) + (n ? n : 1) * size);

	if (!b)
		return NULL;
	list_append(&s->arena, &b->link);
	return b->data;
}

/* ---- turn ---- */

/* Every address of the node, so that none of them is a peer by accident. */
static int own_addresses(struct settings *s, struct addr **out, size_t *n_out)
{
	struct ifaddrs *first;
	size_t n = s->n_listeners;

	if (getifaddrs(&first) != 0)
		return -errno;
	for (struct ifaddrs *i = first; i; i = i->ifa_next)
		n++;
	struct addr *a = settings_take(s, n, sizeof(*a));
	n = 0;
	for (struct ifaddrs *i = first; a && i; i = i->ifa_next) {
		/* Length by family: getifaddrs does not tell it. */
		if (i->ifa_addr && addr_from_sockaddr(i->ifa_addr, sizeof(struct sockaddr_storage),
					   &a[n]) == 0)
			n++;
	}
	freeifaddrs(first);
	if (!a)
		return -ENOMEM;
	for (size_t i = 0; i < s->n_listeners; i++)
		a[n++] = s->listeners[i].local;
	*out = a;
	*n_out = n;
	return 0;
}

bool settings_is_repeated(const struct conf_list *l, size_t i)
{
	const struct addr *a = l->items;

	for (size_t k = 0; k < i; k++) {
		if (addr_equal_ip(&a[k], &a[i]))
			return true;
	}
	return false;
}

static struct addr without_port(struct addr a)
{
	a.port = 0;
	return a;
}

/* One that is listened on with two ports is one all the same. */
static size_t listening_addresses(const struct options_face *f, struct turn_relay_address *out)
{
	const struct addr *listen = f->listen.items, *advertise = f->advertise.items;
	size_t n = 0;

	for (size_t i = 0; i < f->listen.n; i++) {
		if (settings_is_repeated(&f->listen, i))
			continue;
		out[n].local = without_port(listen[i]);
		out[n++].advertise =
			without_port(f->advertise.n == f->listen.n ? advertise[i] : listen[i]);
	}
	return n;
}

/* The named ones, or else the listening addresses of the first face as the world knows them. */
static int relay_addresses(struct settings *s, struct turn_config *c)
{
	const struct options_relay *r = &s->options->edge.relay;
	const struct options_relay_address *named = r->addresses.items;
	const struct options_face *face = s->options->edge.faces.items;
	struct turn_relay_address *out =
		settings_take(s, r->addresses.n + face->listen.n, sizeof(*out));

	if (!out)
		return -ENOMEM;
	for (size_t i = 0; i < r->addresses.n; i++) {
		out[i].local = named[i].address;
		out[i].advertise =
			named[i].advertise.family ? named[i].advertise : named[i].address;
	}
	c->relays = out;
	c->n_relays = r->addresses.n ? r->addresses.n : listening_addresses(face, out);
	return 0;
}

static int fill_turn(struct settings *s, struct turn_config *c)
{
	const struct options_edge *e = &s->options->edge;
	struct addr *own = NULL, *listeners = settings_take(s, s->n_listeners, sizeof(*listeners));
	size_t n_own = 0;

	if (!listeners)
		return -ENOMEM;
	for (size_t i = 0; i < s->n_listeners; i++)
		listeners[i] = s->listeners[i].local;
	int rc = own_addresses(s, &own, &n_own);
	if (rc != 0)
		return rc;
	*c = (struct turn_config){
		.default_lifetime_s = e->limits.default_lifetime_s,
		.max_lifetime_s = e->limits.max_lifetime_s,
		.max_permissions = (uint32_t)e->limits.permissions,
		.max_channels = (uint32_t)e->limits.channels,
		.max_allocations = (uint32_t)e->limits.allocations,
		.subject_allocations = (uint32_t)e->limits.subject_allocations,
		.allocation_kbps = settings_kbps(e->limits.allocation_bps),
		.allocation_packets = (uint32_t)e->limits.allocation_packets,
		.subject_kbps = settings_kbps(e->limits.subject_bps),
		.node_kbps = settings_kbps(e->limits.node_bps),
		.challenge_rate = (uint32_t)e->limits.challenge_rate,
		.binding_rate = (uint32_t)e->limits.binding_rate,
		.max_connections = (uint32_t)e->limits.peer_connections,
		.tcp_relay = e->relay.tcp,
		.strict_channels = e->strict_channels,
		.mobility = e->mobility,
		.icmp_errors = e->icmp_errors,
		.software = e->software ? PACKAGE_STRING : NULL,
		.peers = {e->peers.allow.items, e->peers.allow.n, e->peers.deny.items,
			e->peers.deny.n, own, n_own, listeners, s->n_listeners},
		.first_port = e->relay.ports.first,
		.last_port = e->relay.ports.last,
		.shared_port = (uint16_t)e->relay.shared_port,
	};
	struct turn_behavior *behaviors = settings_take(s, 2 * e->faces.n, sizeof(*behaviors));
	if (!behaviors)
		return -ENOMEM;
	c->behaviors = behaviors;
	c->n_behaviors = behavior_all(e, behaviors);
	rc = settings_tenants_turn(s, c);
	return rc == 0 ? relay_addresses(s, c) : rc;
}

static int make_turn(struct settings *s, struct turn_snapshot **out)
{
	struct turn_config c;
	int rc = fill_turn(s, &c);

	return rc == 0 ? turn_snapshot_create(&c, s->auth, out) : rc;
}

/* ---- all of it ---- */

static int make_auth(struct settings *s)
{
	const struct options_mras *m = &s->options->mras;
	const struct settings_auth_source from = {
		.realm = s->options->edge.realm,
		.keys = &m->keys,
		.rest_secrets = &m->turn_rest_secrets,
		.oauth_keys = &m->oauth_keys,
		.oauth_server = m->oauth_server_name,
		.revocation_file = &m->revocation_file,
	};

	return settings_auth_make(s, &from, &s->auth);
}

static int make_call_tls(struct settings *s)
{
	if (!s->options->has_mediation)
		return 0;
	int rc = call_passwords_check(s->doc, &s->options->mediation);
	int tls_rc = call_tls_make(s->doc, &s->options->mediation, &s->call_tls);
	return rc ? rc : tls_rc;
}

/* Of the sections "edge", "mras" and "tenants". */
static int build_edge(struct settings *s, const struct settings *old)
{
	int rc = make_auth(s);

	if (rc == 0)
		rc = settings_tenants_make(s, old);
	if (rc == 0)
		rc = settings_listeners_make(s);
	if (rc == 0)
		rc = settings_mras_make(s);
	return rc == 0 ? make_turn(s, &s->turn) : rc;
}

/* Goes on after a failure where it can, so that one run shows every error. */
static int build(struct settings *s, const struct settings *old)
{
	int tls_rc = settings_mras_tls_make(s), faces_rc = settings_faces_tls_make(s);
	int access_rc = settings_access_make(s), call_rc = make_call_tls(s);
	int rc = s->options->has_edge ? build_edge(s, old) : 0;

	tls_rc = tls_rc ? tls_rc : faces_rc ? faces_rc : access_rc ? access_rc : call_rc;
	if (rc == 0 && s->options->has_mediation)
		rc = dial_plan_create(&s->options->mediation, &s->dial_plan);
	return rc != 0 ? rc : tls_rc;
}

static void say_all(const struct settings *s, settings_say_fn say, void *arg)
{
	for (size_t i = 0; i < conf_error_count(s->doc); i++) {
		const struct conf_error *e = conf_error_at(s->doc, i);
		say(arg, e->is_warning, e->text);
	}
}

int settings_load(const char *path, const struct settings *old, settings_say_fn say, void *arg,
	struct settings **out)
{
	struct settings *s = calloc(1, sizeof(*s));
	int rc = -ENOMEM;

	if (!s) {
		say(arg, false, "out of memory");
		return rc;
	}
	list_init(&s->arena);
	rc = conf_load_file(path, options_table, sizeof(struct options), &s->doc);
	if (s->doc && rc == 0) {
		s->options = conf_root(s->doc);
		rc = build(s, old);
	}
	if (s->doc)
		say_all(s, say, arg);
	if (rc == 0) {
		*out = s;
		return 0;
	}
	if (!s->doc || conf_error_count(s->doc) == 0)
		say(arg, false, err_text(rc));
	settings_destroy(s);
	return rc;
}

int settings_reread(struct settings *old, settings_say_fn say, void *arg, struct settings **out)
{
	struct settings *s = calloc(1, sizeof(*s));

	if (!s) {
		say(arg, false, "out of memory");
		return -ENOMEM;
	}
	list_init(&s->arena);
	conf_errors_clear(old->doc);
	s->doc = old->doc;
	s->options = old->options;
	int rc = build(s, old);
	say_all(s, say, arg);
	if (rc == 0) {
		old->doc = NULL;
		*out = s;
		return 0;
	}
	if (conf_error_count(s->doc) == 0)
		say(arg, false, err_text(rc));
	s->doc = NULL; /* it stays OLD's */
	settings_destroy(s);
	return rc;
}

void settings_destroy(struct settings *s)
{
	if (!s)
		return;
	dial_plan_destroy(s->dial_plan);
	call_tls_fini(&s->call_tls);
	turn_snapshot_put(s->turn);
	settings_tenants_fini(s);
	auth_snapshot_put(s->auth);
	crypto_tls_destroy(s->tls);
	settings_access_fini(s);
	for (size_t i = 0; i < RELAY_FACES_MAX; i++) {
		crypto_tls_destroy(s->faces_tls.by_face[i]);
		crypto_tls_destroy(s->faces_tls.dtls_by_face[i]);
	}
	list_for_each_safe (it, &s->arena) {
		list_remove(it);
		free(CONTAINER_OF(it, struct block, link));
	}
	conf_destroy(s->doc);
	free(s);
}

static struct auth_snapshot **auth_place(struct settings *s, unsigned tenant)
{
	return tenant == 0 ? &s->auth : &s->tenants[tenant - 1].auth;
}

struct auth_snapshot *settings_auth(const struct settings *s, unsigned tenant)
{
	return tenant == 0 ? s->auth : s->tenants[tenant - 1].auth;
}

const char *settings_revocation_file(const struct settings *s, unsigned tenant)
{
	return tenant == 0 ? s->options->mras.revocation_file
			   : s->tenants[tenant - 1].options->revocation_file;
}

int settings_revoke(
	struct settings *s, unsigned tenant, const struct auth_revocation *list, size_t n)
{
	struct auth_snapshot **place = auth_place(s, tenant), *old = *place;
	struct turn_snapshot *turn;
	int rc = auth_snapshot_with_revocations(old, list, n, place);

	if (rc != 0)
		return rc;
	rc = make_turn(s, &turn);
	if (rc != 0) {
		auth_snapshot_put(*place);
		*place = old;
		return rc;
	}
	auth_snapshot_put(old);
	turn_snapshot_put(s->turn);
	s->turn = turn;
	return 0;
}
