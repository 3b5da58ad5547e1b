/* SPDX-License-Identifier: BSD-3-Clause */
#include <stdio.h>
#include <stdlib.h>

#include <sallyport/crypto.h>

#include "status.h"

#define LISTENERS_MAX    (RELAY_FACES_MAX * 4 * 16) /* faces, transports, addresses of each */
#define CERTIFICATES_MAX 512                        /* further ones are not shown */
#define USED_BY_LEN      48

struct status {
	uint64_t started_s;
	struct api_listener listeners[LISTENERS_MAX];
	struct api_certificate certificates[CERTIFICATES_MAX];
	char used_by[CERTIFICATES_MAX][USED_BY_LEN];
};

struct status *status_create(void)
{
	struct status *s = calloc(1, sizeof(*s));
	struct clock now;

	if (!s)
		return NULL;
	clock_sample(&now);
	s->started_s = now.wall_s;
	return s;
}

void status_destroy(struct status *s)
{
	free(s);
}

static size_t fill_listeners(struct status *s, const struct settings *from)
{
	size_t n = 0;

	for (; n < from->n_listeners && n < LISTENERS_MAX; n++) {
		const struct settings_listener *l = &from->listeners[n];
		s->listeners[n] = (struct api_listener){l->face,
			l->location == AUTH_INTRANET ? "intranet" : "internet",
			auth_transport_name(l->transport), l->local};
	}
	return n;
}

/* The certificates of one face behind the N that are there already; returns how many there are. */
static size_t add_face(struct status *s, size_t n, const struct settings *from, size_t face)
{
	const struct options_face *f =
		(const struct options_face *)from->options->edge.faces.items + face;
	const struct settings_certificates *c = &from->certificates[face];
	const struct ssl_ctx_st *ctx = from->faces_tls.by_face[face];

	if (!ctx)
		ctx = from->faces_tls.dtls_by_face[face]; /* the same files */
	for (size_t i = 0; ctx && i <= c->n && n < CERTIFICATES_MAX; i++, n++) {
		snprintf(s->used_by[n], USED_BY_LEN, "face %s", f->name);
		s->certificates[n] = (struct api_certificate){s->used_by[n],
			i == 0 ? f->certificate : c->more[i - 1]->certificate,
			crypto_tls_not_after(ctx, i)};
	}
	return n;
}

static size_t add_side(struct status *s, size_t n, const char *side, const struct options_pool *p,
	const struct options_sip_tls *files, const struct ssl_ctx_st *ctx)
{
	if (n == CERTIFICATES_MAX)
		return n;
	snprintf(s->used_by[n], USED_BY_LEN, "%s of pool %s", side, p->name);
	s->certificates[n] = (struct api_certificate){
		s->used_by[n], files->certificate, crypto_tls_not_after(ctx, 0)};
	return n + 1;
}

static size_t add_pools(struct status *s, size_t n, const struct settings *from)
{
	const struct options_pool *p = from->options->mediation.pools.items;
	const struct call_tls *tls = &from->call_tls;

	for (uint32_t i = 0; i < from->options->mediation.pools.n; i++) {
		if (p[i].has_client_tls)
			n = add_side(s, n, "inside", &p[i], &p[i].client_tls.files,
				tls->pairs[call_tls_clients(i)].accepts);
		if (p[i].has_trunk_tls)
			n = add_side(s, n, "trunks", &p[i], &p[i].trunk_tls,
				tls->pairs[call_tls_trunks(i)].accepts);
	}
	return n;
}

static size_t fill_certificates(
	struct status *s, const struct settings *from, const struct ssl_ctx_st *api_tls)
{
	const struct options *o = from->options;
	size_t n = 0;

	if (api_tls)
		s->certificates[n++] = (struct api_certificate){
			"mras", o->mras.certificate, crypto_tls_not_after(api_tls, 0)};
	if (o->has_access) {
		s->certificates[n++] = (struct api_certificate){"access", o->access.certificate,
			crypto_tls_not_after(from->access.outside, 0)};
		s->certificates[n++] = (struct api_certificate){"access inside",
			o->access.inside.certificate, crypto_tls_not_after(from->access.inside, 0)};
	}
	for (size_t i = 0; i < o->edge.faces.n; i++)
		n = add_face(s, n, from, i);
	if (o->has_mediation)
		n = add_pools(s, n, from);
	return n;
}

void status_fill(struct status *s, const struct settings *from, const struct ssl_ctx_st *api_tls,
	struct api_status *out)
{
	*out = (struct api_status){
		.version = PACKAGE_VERSION,
		.started_s = s->started_s,
		.listeners = s->listeners,
		.n_listeners = fill_listeners(s, from),
		.certificates = s->certificates,
		.n_certificates = fill_certificates(s, from, api_tls),
	};
}
