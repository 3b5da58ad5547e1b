/* SPDX-License-Identifier: BSD-3-Clause */
/* A body in, a document out: what a carriage calls. */
#include <assert.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include "decide.h"
#include "json.h"
#include "request.h"
#include "xml.h"

#define TTL_MIN_S 60

int mras_response_encode(enum mras_format f, const struct mras_config *c,
	const struct mras_request *req, const struct mras_response *r, char **out, size_t *len)
{
	if (f == MRAS_XML)
		return mras_xml_encode(c, req, r, out, len);
	assert(r->result == MRAS_OK);
	return mras_json_encode(c, req, r, out, len);
}

static void reply_refuse(struct mras_reply *out, enum mras_result r, const char *detail)
{
	out->result = r;
	snprintf(out->detail, sizeof(out->detail), "%s", detail);
}

static void reply_count(
	struct mras_reply *out, const struct mras_request *req, const struct mras_response *r)
{
	for (size_t i = 0; i < r->n_grants; i++)
		out->granted += r->grants[i].result == MRAS_OK;
	out->refused = (unsigned)req->n_items - out->granted;
}

static void reply_encode(struct mras_reply *out, enum mras_format f, const struct mras_config *c,
	const struct mras_request *req, const struct mras_response *r)
{
	if (f == MRAS_JSON && r->result != MRAS_OK)
		return;
	if (mras_response_encode(f, c, req, r, &out->body, &out->len) != 0) {
		reply_refuse(out, MRAS_INTERNAL, "out of memory");
		out->granted = 0;
	}
}

void mras_answer(struct mras_service *s, const struct mras_context *ctx, enum mras_format f,
	struct bytes body, struct mras_reply *out)
{
	struct mras_request req = {0};
	struct mras_response r = {0};
	*out = (struct mras_reply){0};
	if (ctx->caller != NULL) /* else nothing of it is worth a look; mras_decide says no */
		r.result = mras_request_decode(f, body, &req, out->detail);
	if (r.result == MRAS_OK) {
		mras_decide(s, ctx, &req, &r);
		reply_count(out, &req, &r);
	}
	if (r.detail != NULL)
		reply_refuse(out, r.result, r.detail);
	out->result = r.result;
	out->retry_after_s = r.retry_after_s;
	reply_encode(out, f, mras_service_config(s), &req, &r);
	out->request_id = req.request_id;
	req.request_id = NULL; /* it is the reply's now */
	mras_response_fini(&r);
	mras_request_fini(&req);
}

/* ---- TURN REST ---- */

static uint64_t rest_ttl(
	const struct mras_config *c, const struct mras_caller *caller, uint64_t asked_s)
{
	uint64_t max = (uint64_t)mras_duration_max(c, caller) * 60;
	uint64_t ttl = asked_s != 0 ? asked_s : (uint64_t)mras_duration_default(c) * 60;
	if (ttl < TTL_MIN_S)
		ttl = TTL_MIN_S;
	return ttl < max ? ttl : max;
}

/* JSON has to carry it. */
static bool is_utf8(const char *text)
{
	json_t *s = json_string(text);
	json_decref(s);
	return s != NULL;
}

static struct mras_verdict rest_permit(struct mras_service *s, const struct mras_context *ctx,
	const struct mras_rest_request *req, struct mras_view *v)
{
	if (req->name[0] == '\0' || !mras_text_is_fit(req->name, MRAS_IDENT_MAX) ||
		!is_utf8(req->name))
		return (struct mras_verdict){MRAS_MALFORMED,
			"the username is missing, not UTF-8, or has control characters", 0};
	struct mras_verdict verdict = mras_admit(s, ctx, 1);
	if (verdict.result == MRAS_OK)
		verdict = mras_permit(mras_service_config(s), ctx->caller, req->name, v);
	return verdict;
}

static int rest_encode(const struct mras_config *c, const struct mras_view *v,
	const struct auth_credential *cred, uint64_t ttl, struct mras_reply *out)
{
	return mras_json_take(
		json_pack("{s:s, s:s, s:I, s:o}", "username", cred->username, "password",
			cred->password, "ttl", (json_int_t)ttl, "uris", mras_json_urls(c, v)),
		&out->body, &out->len);
}

void mras_answer_rest(struct mras_service *s, const struct mras_context *ctx,
	const struct mras_rest_request *req, struct mras_reply *out)
{
	struct mras_view view = {.locations = req->location, .tenant = ctx->tenant};
	struct auth_credential cred;
	uint64_t now_s = ctx->clock->wall_s, ttl = 0;
	*out = (struct mras_reply){0};
	struct mras_verdict v = rest_permit(s, ctx, req, &view);
	if (v.result == MRAS_OK) {
		ttl = rest_ttl(mras_service_config(s), ctx->caller, req->ttl_s);
		v = mras_mint_verdict(
			auth_mint_rest(ctx->auth, now_s, now_s + ttl, bytes_str(req->name), &cred));
	}
	if (v.result == MRAS_OK && rest_encode(mras_service_config(s), &view, &cred, ttl, out) != 0)
		v = (struct mras_verdict){MRAS_INTERNAL, "out of memory", 0};
	if (v.result == MRAS_OK) {
		out->granted = 1;
		log_info(LOG_MRAS, "credential issued", "caller=%s form=rest kid=%s ttl_s=%llu",
			ctx->caller->name, cred.kid, (unsigned long long)ttl);
	} else {
		reply_refuse(out, v.result, v.detail);
		out->refused = 1;
	}
	out->retry_after_s = v.retry_after_s;
	crypto_wipe(&cred, sizeof(cred));
}

void mras_reply_fini(struct mras_reply *r)
{
	if (r->body != NULL)
		crypto_wipe(r->body, r->len);
	free(r->body);
	free(r->request_id);
	*r = (struct mras_reply){0};
}
