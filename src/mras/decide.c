/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * The grant decision: may this caller have these credentials, for how long and with what limits.
 * First everything is decided, then it is minted, so that all or nothing mints nothing in vain.
 */
#include <stdlib.h>
#include "decide.h"
#include "service.h"

#define LOCATIONS_ALL (AUTH_INTERNET | AUTH_INTRANET)

static struct mras_verdict verdict(enum mras_result r, const char *detail)
{
	return (struct mras_verdict){r, detail, 0};
}

/* ---- shared with TURN REST ---- */

struct mras_verdict mras_admit(struct mras_service *s, const struct mras_context *ctx, size_t n)
{
	if (ctx->caller == NULL)
		return verdict(MRAS_FORBIDDEN, "the caller is not known");
	if ((ctx->caller->roles & MRAS_ISSUE) == 0)
		return verdict(MRAS_FORBIDDEN, "the caller may not ask for credentials");
	if (ctx->auth == NULL || s->config == NULL)
		return verdict(MRAS_NOT_SUPPORTED, "this node has no keys");
	unsigned wait_s = mras_rate_take(s, ctx->caller, ctx->clock, n);
	if (wait_s > 0)
		return (struct mras_verdict){MRAS_BUSY, "the caller's rate is used up", wait_s};
	return verdict(MRAS_OK, NULL);
}

static bool identity_ok(const struct mras_caller *caller, const char *identity)
{
	for (size_t i = 0; i < caller->n_identities; i++) {
		if (mras_identity_matches(caller->identities[i], identity))
			return true;
	}
	return false;
}

static bool has_relay(const struct mras_config *c, const struct mras_view *v)
{
	for (size_t i = 0; i < c->n_relays; i++) {
		if (mras_relay_is_offered(&c->relays[i], v))
			return true;
	}
	return false;
}

struct mras_verdict mras_permit(const struct mras_config *c, const struct mras_caller *caller,
	const char *identity, struct mras_view *v)
{
	uint8_t mine = caller->locations != 0 ? caller->locations : LOCATIONS_ALL;
	if (!identity_ok(caller, identity))
		return verdict(MRAS_FORBIDDEN, "the caller may not ask for this identity");
	if (v->locations != 0 && (v->locations & mine) == 0)
		return verdict(MRAS_FORBIDDEN, "the caller may not ask for this location");
	if (v->locations == 0)
		v->locations = mine;
	if (!has_relay(c, v))
		return verdict(MRAS_NOT_SUPPORTED, "there is no relay of this kind");
	return verdict(MRAS_OK, NULL);
}

static uint32_t smaller(uint32_t a, uint32_t b)
{
	return a < b ? a : b;
}

uint32_t mras_duration_max(const struct mras_config *c, const struct mras_caller *caller)
{
	uint32_t max = c->max_duration_min != 0 ? c->max_duration_min : MRAS_DURATION_DEFAULT;
	if (caller->max_duration_min != 0)
		max = smaller(max, caller->max_duration_min);
	return smaller(max, MRAS_DURATION_MAX);
}

uint32_t mras_duration_default(const struct mras_config *c)
{
	return c->default_duration_min != 0 ? c->default_duration_min : MRAS_DURATION_DEFAULT;
}

struct mras_verdict mras_mint_verdict(int code)
{
	switch (code) {
	case 0:
		return verdict(MRAS_OK, NULL);
	case ERR_NOT_FOUND:
		return verdict(MRAS_NOT_SUPPORTED, "no key signs yet");
	case ERR_UNSUPPORTED:
		return verdict(MRAS_NOT_SUPPORTED, "this form of credentials is off");
	case ERR_TOO_LARGE:
	case ERR_MALFORMED:
		return verdict(MRAS_MALFORMED, "the name is too long, or looks like a credential");
	default:
		return verdict(MRAS_INTERNAL, "minting failed");
	}
}

/* ---- documents ---- */

static uint32_t limit(uint32_t asked, uint32_t fallback, uint32_t max)
{
	uint32_t n = asked != 0 ? asked : fallback;
	/* 0 leaves it to the relay, which may allow more than the maximum here. */
	return max != 0 && (n == 0 || n > max) ? max : n;
}

static void claims_fill(struct auth_claims *claims, const struct mras_config *c,
	const struct mras_item *item, const struct mras_grant *g)
{
	*claims = (struct auth_claims){.relays = UINT64_MAX};
	claims->locations = g->locations == LOCATIONS_ALL ? 0 : g->locations;
	claims->flags = (uint8_t)((item->is_ipv4_only ? AUTH_NO_IPV6 : 0) |
				  (c->tcp_relay ? AUTH_TCP_RELAY : 0));
	claims->max_allocations =
		(uint16_t)limit(item->allocations, c->default_allocations, c->max_allocations);
	claims->kbps = limit(item->kbps, c->default_kbps, c->max_kbps);
	crypto_random(claims->jti, sizeof(claims->jti));
}

static void log_issued(const struct mras_context *ctx, const struct auth_claims *claims,
	const struct mras_grant *g)
{
	char subject[2 * AUTH_SUBJECT_LEN + 1], jti[2 * AUTH_JTI_LEN + 1];
	hex_encode(claims->subject, AUTH_SUBJECT_LEN, subject);
	hex_encode(claims->jti, AUTH_JTI_LEN, jti);
	log_info(LOG_MRAS, "credential issued",
		"caller=%s subject=%s jti=%s kid=%s locations=%u duration_min=%u",
		ctx->caller->name, subject, jti, g->credential.kid, g->locations, g->duration_min);
}

static void mint(const struct mras_context *ctx, const struct mras_config *c,
	const struct mras_item *item, struct mras_grant *g)
{
	struct auth_claims claims;
	uint64_t now_s = ctx->clock->wall_s;
	claims_fill(&claims, c, item, g);
	int code = auth_subject(ctx->auth, now_s, bytes_str(item->identity), claims.subject);
	if (code == 0)
		code = auth_mint_m1(ctx->auth, now_s, now_s + (uint64_t)g->duration_min * 60,
			&claims, &g->credential);
	struct mras_verdict v = mras_mint_verdict(code);
	g->result = v.result;
	g->detail = v.detail;
	if (code == 0)
		log_issued(ctx, &claims, g);
}

static void check(const struct mras_config *c, const struct mras_context *ctx,
	const struct mras_item *item, struct mras_grant *g)
{
	uint32_t wanted = item->duration_min != 0 ? item->duration_min : mras_duration_default(c);
	struct mras_view view = {item->location, item->is_direct, item->is_ipv4_only, ctx->tenant};
	struct mras_verdict v = mras_permit(c, ctx->caller, item->identity, &view);
	g->result = v.result;
	g->detail = v.detail;
	g->tenant = view.tenant;
	g->locations = view.locations;
	g->duration_min = smaller(wanted, mras_duration_max(c, ctx->caller));
	if (v.result != MRAS_OK)
		log_info(LOG_MRAS, "credential refused", "caller=%s reason=\"%s\"",
			ctx->caller->name, v.detail);
}

/* The first refused item, or NULL. */
static const struct mras_grant *first_refused(const struct mras_response *r)
{
	for (size_t i = 0; i < r->n_grants; i++) {
		if (r->grants[i].result != MRAS_OK)
			return &r->grants[i];
	}
	return NULL;
}

static void refuse_all(struct mras_response *out, enum mras_result r, const char *detail)
{
	mras_response_fini(out);
	out->result = r;
	out->detail = detail;
}

static void decide_items(struct mras_service *s, const struct mras_context *ctx,
	const struct mras_request *req, struct mras_response *out)
{
	for (size_t i = 0; i < req->n_items; i++)
		check(s->config, ctx, &req->items[i], &out->grants[i]);
	const struct mras_grant *refused = req->is_all_or_nothing ? first_refused(out) : NULL;
	if (refused == NULL) {
		for (size_t i = 0; i < req->n_items; i++) {
			if (out->grants[i].result == MRAS_OK)
				mint(ctx, s->config, &req->items[i], &out->grants[i]);
		}
		refused = req->is_all_or_nothing ? first_refused(out) : NULL;
	}
	if (refused != NULL)
		refuse_all(out, refused->result, refused->detail);
}

void mras_decide(struct mras_service *s, const struct mras_context *ctx,
	const struct mras_request *req, struct mras_response *out)
{
	struct mras_verdict v = mras_admit(s, ctx, req->n_items);
	*out = (struct mras_response){.result = v.result,
		.detail = v.detail,
		.retry_after_s = v.retry_after_s,
		.time_s = ctx->clock->wall_s};
	if (v.result != MRAS_OK)
		return;
	out->realm = auth_snapshot_realm(ctx->auth);
	out->grants = calloc(req->n_items, sizeof(*out->grants));
	if (out->grants == NULL) {
		refuse_all(out, MRAS_INTERNAL, "out of memory");
		return;
	}
	out->n_grants = req->n_items;
	decide_items(s, ctx, req, out);
}

void mras_response_fini(struct mras_response *r)
{
	if (r->grants != NULL)
		crypto_wipe(r->grants, r->n_grants * sizeof(*r->grants));
	free(r->grants);
	r->grants = NULL;
	r->n_grants = 0;
}
