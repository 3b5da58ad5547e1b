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

/* ---- listeners ---- */

static bool has_address(const struct conf_list *l, const struct addr *a)
{
	const struct addr *list = l->items;

	for (size_t i = 0; i < l->n; i++) {
		if (addr_equal(&list[i], a))
			return true;
	}
	return false;
}

static void add_listeners(
	struct settings *s, unsigned face, const struct conf_list *l, enum auth_transport transport)
{
	const struct options_face *f =
		(const struct options_face *)s->options->edge.faces.items + face;
	const struct addr *a = l->items;

	unsigned number = settings_tenant_number(s, f->tenant);
	uint32_t tenant = number ? s->tenants[number - 1].id : TURN_TENANT_DEFAULT;

	for (size_t k = 0; k < l->n; k++)
		s->listeners[s->n_listeners++] = (struct settings_listener){.local = a[k],
			.location = f->location ? AUTH_INTRANET : AUTH_INTERNET,
			.transport = transport,
			.tenant = tenant,
			.face = f->name,
			.face_index = face,
			.shares_socket = transport == AUTH_DTLS && has_address(&f->listen, &a[k])};
}

static int make_listeners(struct settings *s)
{
	const struct options_face *f = s->options->edge.faces.items;
	size_t n = 0;

	for (size_t i = 0; i < s->options->edge.faces.n; i++)
		n += f[i].listen.n + f[i].tcp.n + f[i].tls.n + f[i].dtls.n;
	s->listeners = settings_take(s, n, sizeof(*s->listeners));
	if (!s->listeners)
		return -ENOMEM;
	for (unsigned i = 0; i < s->options->edge.faces.n; i++) {
		add_listeners(s, i, &f[i].listen, AUTH_UDP);
		add_listeners(s, i, &f[i].tcp, AUTH_TCP);
		add_listeners(s, i, &f[i].tls, AUTH_TLS);
		add_listeners(s, i, &f[i].dtls, AUTH_DTLS);
	}
	return 0;
}

/* The option that WHY speaks of: it begins with the file that is wrong. */
static const void *certificate_field(const struct options_face *f,
	const struct options_certificate **more, size_t n, const char *why)
{
	for (size_t i = 0; i < n; i++) {
		if (strncmp(why, more[i]->certificate, strlen(more[i]->certificate)) == 0)
			return &more[i]->certificate;
		if (strncmp(why, more[i]->private_key, strlen(more[i]->private_key)) == 0)
			return &more[i]->private_key;
	}
	return &f->certificate;
}

static int make_face_tls(
	struct settings *s, const struct options_face *f, bool is_datagram, struct ssl_ctx_st **out)
{
	const struct options_certificate **from;
	size_t n;
	char why[CRYPTO_WHY_LEN] = "";
	int rc = settings_tenants_certificates(s, f, &from, &n);
	struct crypto_tls_identity *more = rc == 0 ? settings_take(s, n, sizeof(*more)) : NULL;

	if (!more)
		return -ENOMEM;
	s->certificates[f - (const struct options_face *)s->options->edge.faces.items] =
		(struct settings_certificates){from, n};
	for (size_t i = 0; i < n; i++)
		more[i] = (struct crypto_tls_identity){from[i]->certificate, from[i]->private_key};
	struct crypto_tls_config c = {
		.certificate = f->certificate,
		.private_key = f->private_key,
		.more = more,
		.n_more = n,
		.has_stun_alpn = true,
		.is_datagram = is_datagram,
	};
	rc = crypto_tls_server_create(&c, out, why);
	if (rc != 0)
		conf_fail(s->doc, certificate_field(f, from, n, why), "%s",
			why[0] ? why : err_text(rc));
	return rc;
}

/* Every face's, so that one run shows what is wrong with all of them. */
static int make_faces_tls(struct settings *s)
{
	const struct options_face *f = s->options->edge.faces.items;
	int first = 0;

	for (size_t i = 0; i < s->options->edge.faces.n; i++) {
		int rc = f[i].tls.n ? make_face_tls(s, &f[i], false, &s->faces_tls.by_face[i]) : 0;
		/* What is wrong with the files has been said once. */
		if (rc == 0 && f[i].dtls.n)
			rc = make_face_tls(s, &f[i], true, &s->faces_tls.dtls_by_face[i]);
		if (first == 0)
			first = rc;
	}
	return first;
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

/* Does the address at I, with whatever port, stand before it too? */
static bool is_repeated(const struct conf_list *l, size_t i)
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
		if (is_repeated(&f->listen, i))
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

/* ---- mras ---- */

static uint8_t location_bits(const struct conf_list *l)
{
	const int *index = l->items;
	uint8_t bits = 0;

	for (size_t i = 0; i < l->n; i++)
		bits |= index[i] ? AUTH_INTRANET : AUTH_INTERNET;
	return bits;
}

static const uint8_t (*hashes(struct settings *s, const struct conf_list *l))[CRYPTO_SHA256_LEN]
{
	const char *const *text = l->items;
	uint8_t(*out)[CRYPTO_SHA256_LEN] = settings_take(s, l->n, sizeof(*out));

	for (size_t i = 0; out && i < l->n; i++)
		(void)mras_hash_parse(text[i], out[i]); /* checked when the file was loaded */
	return (const uint8_t(*)[CRYPTO_SHA256_LEN])out;
}

static int make_callers(struct settings *s)
{
	const struct options_mras *m = &s->options->mras;
	const struct options_client *o = m->clients.items;
	struct mras_caller *c = settings_take(s, m->clients.n, sizeof(*c));

	if (!c)
		return -ENOMEM;
	for (size_t i = 0; i < m->clients.n; i++) {
		const int *role = o[i].roles.items;
		c[i] = (struct mras_caller){
			.name = o[i].name,
			.tenant = settings_tenant_number(s, o[i].tenant),
			.names = o[i].san.items,
			.n_names = o[i].san.n,
			.pins = hashes(s, &o[i].pins),
			.n_pins = o[i].pins.n,
			.tokens = hashes(s, &o[i].tokens),
			.n_tokens = o[i].tokens.n,
			.identities = o[i].identities.items,
			.n_identities = o[i].identities.n,
			.locations = location_bits(&o[i].locations),
			.max_duration_min = (uint32_t)(o[i].max_duration_s / 60),
			.rate_per_s = (uint32_t)o[i].rate,
		};
		if (!c[i].pins || !c[i].tokens)
			return -ENOMEM;
		for (size_t k = 0; k < o[i].roles.n; k++)
			c[i].roles |= role[k] ? MRAS_ADMIN : MRAS_ISSUE;
	}
	s->mras.callers = c;
	s->mras.n_callers = m->clients.n;
	return 0;
}

/* Those of L, each once. NULL: no memory. */
static const struct addr *without_repeats(
	struct settings *s, const struct conf_list *l, size_t *n_out)
{
	struct addr *out = settings_take(s, l->n, sizeof(*out));
	const struct addr *a = l->items;

	*n_out = 0;
	for (size_t i = 0; out && i < l->n; i++) {
		if (!is_repeated(l, i))
			out[(*n_out)++] = a[i];
	}
	return out;
}

static int make_relays(struct settings *s)
{
	const struct options_edge *e = &s->options->edge;
	const struct options_face *f = e->faces.items;
	struct mras_relay *r = settings_take(s, e->faces.n * (1 + s->n_tenants), sizeof(*r));
	size_t n = 0;

	if (!r)
		return -ENOMEM;
	for (size_t i = 0; i < e->faces.n; i++) {
		const struct conf_list *l = f[i].advertise.n ? &f[i].advertise : &f[i].listen;
		const struct addr *listen = f[i].listen.items, *tcp = f[i].tcp.items,
				  *tls = f[i].tls.items, *dtls = f[i].dtls.items;
		size_t n_addresses;
		const struct addr *addresses = without_repeats(s, l, &n_addresses);
		if (!addresses)
			return -ENOMEM;
		struct mras_relay one = {
			.location = f[i].location ? AUTH_INTRANET : AUTH_INTERNET,
			.host_name = f[i].host,
			.addresses = addresses,
			.n_addresses = n_addresses,
			.udp_port = listen[0].port,
			.tcp_port = f[i].tcp.n ? tcp[0].port : 0,
			.tls_port = f[i].tls.n ? tls[0].port : 0,
			.dtls_port = f[i].dtls.n ? dtls[0].port : 0,
		};
		n += settings_tenants_relays(s, &f[i], &one, r + n);
	}
	s->mras.relays = r;
	s->mras.n_relays = n;
	return 0;
}

static int make_mras(struct settings *s)
{
	const struct options_mras *m = &s->options->mras;
	int rc = make_callers(s);

	const char **names = settings_take(s, s->n_tenants, sizeof(*names));

	if (!names)
		return -ENOMEM;
	for (size_t i = 0; i < s->n_tenants; i++)
		names[i] = s->tenants[i].options->name;
	s->mras.tenants = names;
	s->mras.n_tenants = s->n_tenants;
	s->mras.default_duration_min = (uint32_t)(m->default_duration_s / 60);
	s->mras.tcp_relay = s->options->edge.relay.tcp;
	s->mras.max_duration_min = (uint32_t)(m->max_duration_s / 60);
	return rc == 0 ? make_relays(s) : rc;
}

static int make_tls(struct settings *s)
{
	const struct options_mras *m = &s->options->mras;
	char why[CRYPTO_WHY_LEN] = "";
	struct crypto_tls_config c = {
		.certificate = m->certificate,
		.private_key = m->private_key,
		.client_ca = m->client_ca,
		.client_crl = m->client_crl,
		.client_required = !m->bearer_tokens,
	};

	if (m->listen.n == 0)
		return 0;
	int rc = crypto_tls_server_create(&c, &s->tls, why);
	if (rc != 0)
		conf_fail(s->doc, &m->certificate, "%s", why[0] ? why : err_text(rc));
	return rc;
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
		rc = make_listeners(s);
	if (rc == 0)
		rc = make_mras(s);
	return rc == 0 ? make_turn(s, &s->turn) : rc;
}

/* Goes on after a failure where it can, so that one run shows every error. */
static int build(struct settings *s, const struct settings *old)
{
	int tls_rc = make_tls(s), faces_rc = make_faces_tls(s);
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
