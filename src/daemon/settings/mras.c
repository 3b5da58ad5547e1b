/* SPDX-License-Identifier: BSD-3-Clause */
/* From options to the credential API: who may ask for what, which relays it names, its TLS. */
#include <errno.h>

#include "settings_priv.h"

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
		if (!settings_is_repeated(l, i))
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

int settings_mras_make(struct settings *s)
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

int settings_mras_tls_make(struct settings *s)
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
