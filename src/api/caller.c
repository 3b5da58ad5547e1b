/* SPDX-License-Identifier: BSD-3-Clause */
/* Who asks. */
#include <string.h>
#include <strings.h>
#include "api_priv.h"

static const char *const anybody[] = {"*"};
static const struct mras_caller local_caller = {.name = "local",
	.roles = MRAS_ISSUE | MRAS_ADMIN,
	.identities = anybody,
	.n_identities = ARRAY_LEN(anybody)};

/* The token of "Authorization: Bearer TOKEN" (RFC 6750 §2.1), or NULL. */
static const char *bearer_token(const struct http_request *r)
{
	static const char scheme[] = "Bearer ";
	const char *value = http_request_header(r, "Authorization");
	if (value == NULL || strncasecmp(value, scheme, sizeof(scheme) - 1) != 0)
		return NULL;
	value += sizeof(scheme) - 1;
	value += strspn(value, " ");
	return *value != '\0' ? value : NULL;
}

/* By the query's "tenant". False: there is none of that name. */
static bool find_local_tenant(struct api_call *c, const struct mras_config *config)
{
	char name[64];
	int code = http_request_query(c->r, "tenant", name, sizeof(name));
	if (code == ERR_NOT_FOUND)
		return true;
	for (size_t i = 0; code == 0 && config != NULL && i < config->n_tenants; i++) {
		if (strcmp(config->tenants[i], name) == 0) {
			c->tenant = (unsigned)i + 1;
			return true;
		}
	}
	return false;
}

static void find_caller(struct api_call *c, const struct mras_config *config)
{
	struct ssl_st *tls = http_request_tls(c->r);
	const char *token = c->faces & API_BEARER ? bearer_token(c->r) : NULL;
	struct crypto_peer peer = {0};
	if (c->faces & API_LOCAL) {
		c->caller = find_local_tenant(c, config) ? &local_caller : NULL;
		return;
	}
	if (tls != NULL)
		crypto_tls_peer(tls, &peer);
	c->has_certificate = peer.has_certificate;
	if (config == NULL)
		return;
	c->caller = mras_caller_by_peer(config, &peer);
	/* A token in the clear has been given away: it counts on TLS only. */
	if (c->caller == NULL && token != NULL && tls != NULL)
		c->caller = mras_caller_by_token(config, bytes_str(token));
	c->tenant = c->caller != NULL ? c->caller->tenant : 0;
}

void api_caller_find(struct api_call *c)
{
	find_caller(c, mras_service_config(c->api->mras));
	c->auth = c->tenant < c->api->n_auth ? c->api->auth[c->tenant] : NULL;
}

bool api_require_tenant(struct api_call *c)
{
	if (c->caller != NULL || (c->faces & API_LOCAL) == 0)
		return true;
	api_reply_result(c, MRAS_FORBIDDEN,
		"there is no tenant of this name; \"tenants\" in the configuration has them");
	return false;
}

bool api_require(struct api_call *c, enum mras_role role)
{
	if (!api_require_tenant(c))
		return false;
	if (c->caller == NULL)
		api_reply_result(c, MRAS_FORBIDDEN, "the caller is not known");
	else if ((c->caller->roles & role) == 0)
		api_reply_result(c, MRAS_FORBIDDEN, "the caller has not got the role for this");
	else
		return true;
	return false;
}
