/* SPDX-License-Identifier: BSD-3-Clause */
/* The TLS contexts of the SIP door: toward clients, and both roles toward the inside. */
#include "settings_priv.h"

static int fail(struct settings *s, const char *const *field, int rc, const char *why)
{
	conf_fail(s->doc, field, "%s", why[0] ? why : err_text(rc));
	return rc;
}

int settings_access_make(struct settings *s)
{
	const struct options_access *o = &s->options->access;
	const struct options_access_inside *i = &o->inside;
	struct settings_access *a = &s->access;
	char why[CRYPTO_WHY_LEN] = "";
	const struct crypto_tls_config outside = {
		.certificate = o->certificate, .private_key = o->private_key};
	const struct crypto_tls_config inside = {.certificate = i->certificate,
		.private_key = i->private_key,
		.client_ca = i->ca,
		.client_crl = i->crl,
		.client_required = true};
	const struct crypto_tls_client_config client = {.certificate = i->certificate,
		.private_key = i->private_key,
		.ca = i->ca,
		.crl = i->crl};

	if (!s->options->has_access)
		return 0;
	int rc = crypto_tls_server_create(&outside, &a->outside, why);
	if (rc != 0)
		return fail(s, &o->certificate, rc, why);
	rc = crypto_tls_server_create(&inside, &a->inside, why);
	if (rc == 0)
		rc = crypto_tls_client_create(&client, &a->client, why);
	return rc == 0 ? 0 : fail(s, &i->certificate, rc, why);
}

void settings_access_fini(struct settings *s)
{
	crypto_tls_destroy(s->access.outside);
	crypto_tls_destroy(s->access.inside);
	crypto_tls_destroy(s->access.client);
}
