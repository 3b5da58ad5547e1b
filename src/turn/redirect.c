/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * 300 Try Alternate (RFC 8489 §10). It is sent to clients that have authenticated only, and signed:
 * docs/decisions has why.
 */
#include <stdlib.h>

#include <sallyport/turn/redirect.h>

#include "turn_priv.h"

void turn_server_redirect(struct turn_server *s, struct turn_redirect *r)
{
	free(s->redirect);
	s->redirect = r;
}

static bool is_secure(const struct turn_client *c)
{
	return c->transport == AUTH_TLS || c->transport == AUTH_DTLS;
}

/* §10: of the client's family; and it must listen for what the client speaks, where it is. */
static bool suits(const struct turn_alternate *a, const struct turn_client *c)
{
	return a->address.family == c->addr.family &&
	       (a->locations == 0 || (a->locations & c->location) != 0) &&
	       (!is_secure(c) || a->tls_port != 0);
}

/* One of those that suit, the same for the same client: its retransmissions get one answer. */
static const struct turn_alternate *choose(const struct turn_server *s, const struct turn_client *c)
{
	const struct turn_redirect *r = s->redirect;
	size_t n = 0;

	for (size_t i = 0; i < r->n_alternates; i++)
		n += suits(&r->alternates[i], c);
	if (n == 0)
		return NULL;
	size_t k = hash_bytes(&s->key, c->addr.ip, sizeof(c->addr.ip)) % n;
	for (size_t i = 0; i < r->n_alternates; i++) {
		if (suits(&r->alternates[i], c) && k-- == 0)
			return &r->alternates[i];
	}
	return NULL;
}

static void answer(struct turn_request *req, const struct turn_alternate *to)
{
	struct turn_server *s = req->server;
	const struct turn_client *c = &req->origin.client;
	struct addr address = to->address;
	struct turn_answer a;

	turn_count(s, TURN_C_REDIRECTED);
	if (!turn_answer_begin(s, &req->origin, STUN_ERROR, &a))
		return;
	if (is_secure(c))
		address.port = to->tls_port;
	stun_write_error(&a.w, STUN_TRY_ALTERNATE, NULL);
	stun_write_address(&a.w, STUN_ALTERNATE_SERVER, &address);
	/* §14.16: the name that the certificate there is checked against. */
	if (is_secure(c) && to->domain[0] != '\0')
		stun_write_bytes(&a.w, STUN_ALTERNATE_DOMAIN, to->domain, strlen(to->domain));
	turn_answer_send(&a);
}

bool turn_request_redirect(struct turn_request *req, const struct turn_wish *w)
{
	const struct turn_server *s = req->server;
	const struct turn_redirect *r = s->redirect;

	/* A reserved port belongs to an allocation that runs here, and no other node has it. */
	if (!r || w->has_token)
		return false;
	if (!r->is_draining && (r->above == 0 || s->by_tuple.count < r->above))
		return false;
	const struct turn_alternate *to = choose(s, &req->origin.client);
	if (to)
		answer(req, to);
	else if (r->is_draining)
		turn_request_refuse(req, turn_refuse(STUN_INSUFFICIENT_CAPACITY));
	return to || r->is_draining;
}
