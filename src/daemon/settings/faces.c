/* SPDX-License-Identifier: BSD-3-Clause */
/* From options to listeners, and to the TLS contexts of the faces. */
#include <errno.h>
#include <string.h>

#include "settings_priv.h"

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

int settings_listeners_make(struct settings *s)
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

int settings_faces_tls_make(struct settings *s)
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
