/* SPDX-License-Identifier: BSD-3-Clause */
#include <stdio.h>
#include <stdlib.h>

#include <sallyport/crypto.h>

#include "status.h"

#define LISTENERS_MAX    (RELAY_FACES_MAX * 4 * 16) /* faces, transports, addresses of each */
#define CERTIFICATES_MAX (RELAY_FACES_MAX + 1)
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

const char *status_transport(enum auth_transport t)
{
	switch (t) {
	case AUTH_UDP:
		return "udp";
	case AUTH_TCP:
		return "tcp";
	case AUTH_TLS:
		return "tls";
	case AUTH_DTLS:
		return "dtls";
	}
	return "?";
}

static size_t fill_listeners(struct status *s, const struct settings *from)
{
	size_t n = 0;

	for (; n < from->n_listeners && n < LISTENERS_MAX; n++) {
		const struct settings_listener *l = &from->listeners[n];
		s->listeners[n] = (struct api_listener){l->face,
			l->location == AUTH_INTRANET ? "intranet" : "internet",
			status_transport(l->transport), l->local};
	}
	return n;
}

static size_t fill_certificates(
	struct status *s, const struct settings *from, const struct ssl_ctx_st *api_tls)
{
	const struct options *o = from->options;
	const struct options_face *f = o->edge.faces.items;
	size_t n = 0;

	if (api_tls)
		s->certificates[n++] = (struct api_certificate){
			"mras", o->mras.certificate, crypto_tls_not_after(api_tls)};
	for (size_t i = 0; i < o->edge.faces.n; i++) {
		const struct ssl_ctx_st *ctx = from->faces_tls.by_face[i];
		if (!ctx)
			ctx = from->faces_tls.dtls_by_face[i]; /* the same certificate */
		if (!ctx)
			continue;
		snprintf(s->used_by[n], USED_BY_LEN, "face %s", f[i].name);
		s->certificates[n] = (struct api_certificate){
			s->used_by[n], f[i].certificate, crypto_tls_not_after(ctx)};
		n++;
	}
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
