/* SPDX-License-Identifier: BSD-3-Clause */
/* From options to snapshots. What goes wrong is reported at the place in the file that asked for
 * it. */
#include <errno.h>
#include <ifaddrs.h>
#include <stdio.h>
#include <stdlib.h>

#include "revocations.h"
#include "settings.h"

/* ---- memory that lives as long as the settings ---- */

struct block {
	struct list link;
	_Alignas(max_align_t) uint8_t data[];
};

static void *take(struct settings *s, size_t n, size_t size)
{
	struct block *b = calloc(1, sizeof(*b) + (n ? n : 1) * size);

	if (!b)
		return NULL;
	list_append(&s->arena, &b->link);
	return b->data;
}

/* ---- listeners ---- */

static void add_listeners(
	struct settings *s, unsigned face, const struct conf_list *l, enum auth_transport transport)
{
	const struct options_face *f =
		(const struct options_face *)s->options->edge.faces.items + face;
	const struct addr *a = l->items;

	for (size_t k = 0; k < l->n; k++)
		s->listeners[s->n_listeners++] = (struct settings_listener){a[k],
			f->location ? AUTH_INTRANET : AUTH_INTERNET, transport, f->name, face};
}

static int make_listeners(struct settings *s)
{
	const struct options_face *f = s->options->edge.faces.items;
	size_t n = 0;

	for (size_t i = 0; i < s->options->edge.faces.n; i++)
		n += f[i].listen.n + f[i].tcp.n + f[i].tls.n;
	s->listeners = take(s, n, sizeof(*s->listeners));
	if (!s->listeners)
		return -ENOMEM;
	for (unsigned i = 0; i < s->options->edge.faces.n; i++) {
		add_listeners(s, i, &f[i].listen, AUTH_UDP);
		add_listeners(s, i, &f[i].tcp, AUTH_TCP);
		add_listeners(s, i, &f[i].tls, AUTH_TLS);
	}
	return 0;
}

/* The option that WHY speaks of: it begins with the file that is wrong. */
static const void *certificate_field(const struct options_face *f, const char *why)
{
	const struct options_certificate *c = f->certificates.items;

	for (size_t i = 0; i < f->certificates.n; i++) {
		if (strncmp(why, c[i].certificate, strlen(c[i].certificate)) == 0)
			return &c[i].certificate;
		if (strncmp(why, c[i].private_key, strlen(c[i].private_key)) == 0)
			return &c[i].private_key;
	}
	return &f->certificate;
}

static int make_face_tls(struct settings *s, const struct options_face *f, struct ssl_ctx_st **out)
{
	const struct options_certificate *from = f->certificates.items;
	struct crypto_tls_identity more[OPTIONS_CERTIFICATES_MAX];
	char why[CRYPTO_WHY_LEN] = "";
	struct crypto_tls_config c = {
		.certificate = f->certificate,
		.private_key = f->private_key,
		.more = more,
		.n_more = f->certificates.n,
		.has_stun_alpn = true,
	};

	for (size_t i = 0; i < f->certificates.n; i++)
		more[i] = (struct crypto_tls_identity){from[i].certificate, from[i].private_key};
	int rc = crypto_tls_server_create(&c, out, why);
	if (rc != 0)
		conf_fail(s->doc, certificate_field(f, why), "%s", why[0] ? why : err_text(rc));
	return rc;
}

/* Every face's, so that one run shows what is wrong with all of them. */
static int make_faces_tls(struct settings *s)
{
	const struct options_face *f = s->options->edge.faces.items;
	int first = 0;

	for (size_t i = 0; i < s->options->edge.faces.n; i++) {
		int rc = f[i].tls.n ? make_face_tls(s, &f[i], &s->faces_tls.by_face[i]) : 0;
		if (first == 0)
			first = rc;
	}
	return first;
}

/* ---- auth ---- */

/* A shared secret is a line of text: the newline that an editor leaves is not part of it. */
static const char *read_line(struct settings *s, const char *path)
{
	char *text = take(s, 1, 1024);
	FILE *f = fopen(path, "re");
	size_t n = 0;

	if (f && text)
		n = fread(text, 1, 1023, f);
	if (f)
		fclose(f);
	while (n > 0 && (text[n - 1] == '\n' || text[n - 1] == '\r'))
		text[--n] = '\0';
	return n > 0 ? text : NULL;
}

static int read_rest_secrets(struct settings *s, struct auth_config *c)
{
	const struct options_mras *m = &s->options->mras;
	const char *const *path = m->turn_rest_secrets.items;
	const char **text = take(s, m->turn_rest_secrets.n, sizeof(*text));

	if (!text)
		return -ENOMEM;
	for (size_t i = 0; i < m->turn_rest_secrets.n; i++) {
		text[i] = read_line(s, path[i]);
		if (text[i])
			continue;
		conf_fail(s->doc, &path[i],
			"cannot read a secret from %s; it must hold one line of text", path[i]);
		return ERR_CONFIG;
	}
	c->rest_secrets = text;
	c->n_rest_secrets = m->turn_rest_secrets.n;
	return 0;
}

/* The option that WHY speaks of: it begins with the file of the key that is wrong. */
static const void *key_field(const struct options_mras *m, const char *why)
{
	const struct options_key *k = m->keys.items;

	for (size_t i = 0; i < m->keys.n; i++) {
		const char *const *file =
			k[i].secret_file ? &k[i].secret_file : &k[i].derive_from_key;
		if (strncmp(why, *file, strlen(*file)) == 0)
			return file;
	}
	return &m->keys;
}

static void say_key(struct settings *s, int rc, const char *why)
{
	const char *hint = rc == -ENOENT ? "; make one: (umask 077; openssl rand 32 > FILE)" : "";

	conf_fail(s->doc, key_field(&s->options->mras, why), "%s%s", why[0] ? why : err_text(rc),
		hint);
}

static int make_auth(struct settings *s)
{
	const struct options_mras *m = &s->options->mras;
	const struct options_key *k = m->keys.items;
	struct auth_key_config keys[AUTH_KEYS_MAX];
	struct auth_revocation *revoked = NULL;
	char why[CRYPTO_WHY_LEN] = "";
	struct auth_config c = {
		.realm = s->options->edge.realm,
		.keys = keys,
		.n_keys = m->keys.n,
		.turn_rest = m->turn_rest,
		.nonce_lifetime_s = m->nonce_lifetime_s,
		.clock_skew_s = m->clock_skew_s,
		.session_grace_s = m->session_grace_s,
		.sha256 = s->options->edge.sha256,
		.node = (unsigned)s->options->edge.node,
	};

	for (size_t i = 0; i < m->keys.n; i++)
		keys[i] = (struct auth_key_config){
			k[i].secret_file, k[i].derive_from_key, k[i].sign_from, k[i].verify_until};
	int rc = read_rest_secrets(s, &c);
	if (rc != 0)
		return rc;
	if (m->revocation_file) {
		rc = revocations_load(m->revocation_file, &revoked, &c.n_revocations, why);
		if (rc != 0) {
			conf_fail(s->doc, &m->revocation_file, "%s", why);
			return rc;
		}
		c.revocations = revoked;
	}
	rc = auth_snapshot_create(&c, &s->auth, why);
	free(revoked);
	if (rc != 0)
		say_key(s, rc, why);
	return rc;
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
	struct addr *a = take(s, n, sizeof(*a));
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

static struct addr without_port(struct addr a)
{
	a.port = 0;
	return a;
}

/* The named ones, or else the listening addresses of the first face as the world knows them. */
static int relay_addresses(struct settings *s, struct turn_config *c)
{
	const struct options_relay *r = &s->options->edge.relay;
	const struct options_relay_address *named = r->addresses.items;
	const struct options_face *face = s->options->edge.faces.items;
	size_t n = r->addresses.n ? r->addresses.n : face->listen.n;
	struct turn_relay_address *out = take(s, n, sizeof(*out));

	if (!out)
		return -ENOMEM;
	for (size_t i = 0; i < n; i++) {
		if (r->addresses.n) {
			out[i].local = named[i].address;
			out[i].advertise =
				named[i].advertise.family ? named[i].advertise : named[i].address;
			continue;
		}
		const struct addr *listen = face->listen.items, *advertise = face->advertise.items;
		out[i].local = without_port(listen[i]);
		out[i].advertise = without_port(face->advertise.n == n ? advertise[i] : listen[i]);
	}
	c->relays = out;
	c->n_relays = n;
	return 0;
}

static int fill_turn(struct settings *s, struct turn_config *c)
{
	const struct options_edge *e = &s->options->edge;
	unsigned workers = options_workers(s->options);
	struct addr *own = NULL, *listeners = take(s, s->n_listeners, sizeof(*listeners));
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
		/* A worker cannot see the others' count; the kernel spreads clients evenly. */
		.max_allocations = (uint32_t)((e->limits.allocations + workers - 1) / workers),
		.subject_allocations = (uint32_t)e->limits.subject_allocations,
		.allocation_kbps = (uint32_t)((e->limits.allocation_bps + 999) / 1000),
		.challenge_rate = (uint32_t)e->limits.challenge_rate,
		.binding_rate = (uint32_t)e->limits.binding_rate,
		.strict_channels = e->strict_channels,
		.software = e->software ? PACKAGE_STRING : NULL,
		.peers = {e->peers.allow.items, e->peers.allow.n, e->peers.deny.items,
			e->peers.deny.n, own, n_own, listeners, s->n_listeners},
		.first_port = e->relay.ports.first,
		.last_port = e->relay.ports.last,
		.shared_port = (uint16_t)e->relay.shared_port,
	};
	return relay_addresses(s, c);
}

static int make_turn(struct settings *s, struct auth_snapshot *auth, struct turn_snapshot **out)
{
	struct turn_config c;
	int rc = fill_turn(s, &c);

	return rc == 0 ? turn_snapshot_create(&c, auth, out) : rc;
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
	uint8_t(*out)[CRYPTO_SHA256_LEN] = take(s, l->n, sizeof(*out));

	for (size_t i = 0; out && i < l->n; i++)
		(void)mras_hash_parse(text[i], out[i]); /* checked when the file was loaded */
	return (const uint8_t(*)[CRYPTO_SHA256_LEN])out;
}

static int make_callers(struct settings *s)
{
	const struct options_mras *m = &s->options->mras;
	const struct options_client *o = m->clients.items;
	struct mras_caller *c = take(s, m->clients.n, sizeof(*c));

	if (!c)
		return -ENOMEM;
	for (size_t i = 0; i < m->clients.n; i++) {
		const int *role = o[i].roles.items;
		c[i] = (struct mras_caller){
			.name = o[i].name,
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

static int make_relays(struct settings *s)
{
	const struct options_edge *e = &s->options->edge;
	const struct options_face *f = e->faces.items;
	struct mras_relay *r = take(s, e->faces.n, sizeof(*r));

	if (!r)
		return -ENOMEM;
	for (size_t i = 0; i < e->faces.n; i++) {
		const struct conf_list *l = f[i].advertise.n ? &f[i].advertise : &f[i].listen;
		const struct addr *listen = f[i].listen.items, *tcp = f[i].tcp.items,
				  *tls = f[i].tls.items;
		r[i] = (struct mras_relay){
			.location = f[i].location ? AUTH_INTRANET : AUTH_INTERNET,
			.host_name = f[i].host,
			.addresses = l->items,
			.n_addresses = l->n,
			.udp_port = listen[0].port,
			.tcp_port = f[i].tcp.n ? tcp[0].port : 0,
			.tls_port = f[i].tls.n ? tls[0].port : 0,
		};
	}
	s->mras.relays = r;
	s->mras.n_relays = e->faces.n;
	return 0;
}

static int make_mras(struct settings *s)
{
	const struct options_mras *m = &s->options->mras;
	int rc = make_callers(s);

	s->mras.default_duration_min = (uint32_t)(m->default_duration_s / 60);
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

/* Goes on after a failure where it can, so that one run shows every error. */
static int build(struct settings *s)
{
	int rc = make_listeners(s);

	if (rc == 0)
		rc = make_mras(s);
	if (rc != 0)
		return rc;
	int tls_rc = make_tls(s), faces_rc = make_faces_tls(s);
	if (tls_rc == 0)
		tls_rc = faces_rc;
	rc = make_auth(s);
	if (rc == 0)
		rc = make_turn(s, s->auth, &s->turn);
	return rc != 0 ? rc : tls_rc;
}

static void say_all(const struct settings *s, settings_say_fn say, void *arg)
{
	for (size_t i = 0; i < conf_error_count(s->doc); i++) {
		const struct conf_error *e = conf_error_at(s->doc, i);
		say(arg, e->is_warning, e->text);
	}
}

int settings_load(const char *path, settings_say_fn say, void *arg, struct settings **out)
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
		rc = build(s);
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

void settings_destroy(struct settings *s)
{
	if (!s)
		return;
	turn_snapshot_put(s->turn);
	auth_snapshot_put(s->auth);
	crypto_tls_destroy(s->tls);
	for (size_t i = 0; i < RELAY_FACES_MAX; i++)
		crypto_tls_destroy(s->faces_tls.by_face[i]);
	list_for_each_safe (it, &s->arena) {
		list_remove(it);
		free(CONTAINER_OF(it, struct block, link));
	}
	conf_destroy(s->doc);
	free(s);
}

int settings_revoke(struct settings *s, const struct auth_revocation *list, size_t n)
{
	struct auth_snapshot *auth;
	struct turn_snapshot *turn;
	int rc = auth_snapshot_with_revocations(s->auth, list, n, &auth);

	if (rc != 0)
		return rc;
	rc = make_turn(s, auth, &turn);
	if (rc != 0) {
		auth_snapshot_put(auth);
		return rc;
	}
	auth_snapshot_put(s->auth);
	turn_snapshot_put(s->turn);
	s->auth = auth;
	s->turn = turn;
	return 0;
}
