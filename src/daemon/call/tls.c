/* SPDX-License-Identifier: BSD-3-Clause */
/* The TLS contexts of the call thread: made on the main thread, taken over by message. */
#include <sallyport/crypto.h>

#include "thread.h"

static void say(struct conf_doc *doc, const struct options_sip_tls *o, const char *why, int rc)
{
	const void *field = &o->certificate;

	if (strncmp(why, o->private_key, strlen(o->private_key)) == 0)
		field = &o->private_key;
	else if (strncmp(why, o->ca, strlen(o->ca)) == 0)
		field = &o->ca;
	else if (o->crl && strncmp(why, o->crl, strlen(o->crl)) == 0)
		field = &o->crl;
	conf_fail(doc, field, "%s", why[0] ? why : err_text(rc));
}

static int make_pair(
	struct conf_doc *doc, const struct options_sip_tls *o, struct call_tls_pair *out)
{
	const struct crypto_tls_config accepts = {
		.certificate = o->certificate,
		.private_key = o->private_key,
		.client_ca = o->ca,
		.client_crl = o->crl,
		.client_required = true,
	};
	const struct crypto_tls_client_config dials = {
		.certificate = o->certificate,
		.private_key = o->private_key,
		.ca = o->ca,
		.crl = o->crl,
	};
	char why[CRYPTO_WHY_LEN] = "";
	int rc = crypto_tls_server_create(&accepts, &out->accepts, why);

	if (rc == 0)
		rc = crypto_tls_client_create(&dials, &out->dials, why);
	if (rc != 0)
		say(doc, o, why, rc);
	return rc;
}

int call_tls_make(struct conf_doc *doc, const struct options_mediation *m, struct call_tls *out)
{
	const struct options_pool *p = m->pools.items;
	int first = 0;

	for (uint32_t i = 0; i < m->pools.n; i++) {
		const struct options_sip_tls *trunks = options_trunk_tls(&p[i]);
		int rc = 0;
		if (p[i].has_client_tls)
			rc = make_pair(
				doc, &p[i].client_tls.files, &out->pairs[call_tls_clients(i)]);
		/* What is wrong with the same files has been said. */
		if (rc == 0 && trunks)
			rc = make_pair(doc, trunks, &out->pairs[call_tls_trunks(i)]);
		first = first ? first : rc;
	}
	return first;
}

static void put(struct call_tls_pair *p)
{
	crypto_tls_destroy(p->accepts);
	crypto_tls_destroy(p->dials);
	*p = (struct call_tls_pair){NULL, NULL};
}

void call_tls_fini(struct call_tls *t)
{
	for (uint32_t i = 0; i < CALL_TLS_GROUPS; i++)
		put(&t->pairs[i]);
}

void call_tls_get(const struct call_tls *from, struct call_tls *out)
{
	for (uint32_t i = 0; i < CALL_TLS_GROUPS; i++) {
		out->pairs[i].accepts = crypto_tls_get(from->pairs[i].accepts);
		out->pairs[i].dials = crypto_tls_get(from->pairs[i].dials);
	}
}

/* ---- new ones for the thread that runs ---- */

struct new_pair {
	uint32_t group;
	struct call_tls_pair pair;
};

static void on_pair(void *ctx, void *payload)
{
	struct call_thread *t = ctx;
	struct new_pair *n = payload;

	put(&t->tls.pairs[n->group]);
	t->tls.pairs[n->group] = n->pair;
	for (uint32_t i = 0; i < t->n_listeners; i++) {
		const struct sip_listener_config *l = &t->listeners[i];
		if (l->transport == SIP_TLS && l->group == n->group)
			sip_transport_tls_set(t->transport, i, n->pair.accepts);
	}
}

static void discard_pair(void *payload)
{
	put(&((struct new_pair *)payload)->pair);
}

static const struct msg_type pair_msg = {
	"call_tls", sizeof(struct new_pair), on_pair, discard_pair};

void call_thread_tls(struct call_thread *t, const struct call_tls *tls)
{
	for (uint32_t i = 0; i < CALL_TLS_GROUPS; i++) {
		struct new_pair n = {i, {crypto_tls_get(tls->pairs[i].accepts),
						crypto_tls_get(tls->pairs[i].dials)}};
		if (!n.pair.accepts)
			continue;
		if (loop_post(t->loop, &pair_msg, t, &n) == 0)
			continue;
		put(&n.pair);
		log_error(LOG_DAEMON, "certificates of calls not taken",
			"error=\"the thread of calls does not keep up\" hint=\"send SIGHUP\"");
	}
}
