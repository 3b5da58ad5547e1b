/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * Who is at the other end: the gateway of a trunk, or the inside. By UDP and TCP a gateway is known
 * by its address, over TLS whoever it is by the name in his certificate.
 */
#include "plan.h"

const struct options_trunk *call_trunk_options(const struct call_thread *t, uint32_t number)
{
	const struct options_trunk *o = t->plan->options->trunks.items;
	uint32_t place = number < t->n_trunks ? t->plan->places[number] : 0;

	return place ? &o[place - 1] : NULL;
}

const struct options_trunk_settings *call_trunk_settings(
	const struct call_thread *t, uint32_t number)
{
	const struct options_trunk *o = call_trunk_options(t, number);

	return o ? options_trunk_settings_of(t->plan->options, o) : NULL;
}

uint32_t call_trunk_number(const struct call_thread *t, const struct options_trunk *o)
{
	const struct options_trunk *first = t->plan->options->trunks.items;

	return t->plan->numbers[o - first];
}

/* Of those who connect to the listener for the inside. */
static bool is_inside(const struct call_thread *t, const struct crypto_peer *peer)
{
	const struct options_pool *p = options_client_pool(t->plan->options);
	const char *const *names = p->client_tls.names.items;

	if (p->client_tls.names.n == 0)
		return sip_peer_is(peer, p->next_hop.host);
	for (size_t i = 0; i < p->client_tls.names.n; i++) {
		if (sip_peer_is(peer, names[i]))
			return true;
	}
	return false;
}

static bool is_on_listener(const struct call_trunk *k, uint32_t listener)
{
	return k->place == listener + 1;
}

/* Its place is that of the listener, or of that whose address we have dialled from. */
static bool is_at_place(
	const struct call_thread *t, const struct call_trunk *k, const struct sip_arrival *a)
{
	if (k->place == 0 || k->transport != a->transport)
		return false;
	if (a->listener != SIP_NO_LISTENER)
		return is_on_listener(k, a->listener);
	return addr_equal_ip(&t->listeners[k->place - 1].local, &a->local);
}

static bool is_from(
	const struct call_thread *t, uint32_t i, const struct sip_arrival *a, bool is_within)
{
	const struct call_trunk *k = &t->trunks[i];
	enum trunk_match least = is_within ? TRUNK_FORMER : TRUNK_SAME_HOST;

	if (!is_at_place(t, k, a))
		return false;
	if (k->transport != SIP_TLS)
		return trunks_match(t->running, i, &a->remote) >= least;
	if (!a->peer)
		return false;
	if (i == call_front(t) && a->listener != SIP_NO_LISTENER)
		return is_inside(t, a->peer);
	return k->name && sip_peer_is(a->peer, k->name);
}

static bool is_enabled(const struct call_thread *t, uint32_t i)
{
	const struct options_trunk *o = call_trunk_options(t, i);

	return i == call_front(t) || (o && o->enabled);
}

/* Of several trunks with the same gateway: one that is enabled, best the one that has its account
 * there under USER, or else the port of the peer. */
uint64_t call_peers_place(const struct call_thread *t, const struct sip_arrival *a,
	struct sip_str user, bool is_within)
{
	uint32_t found = CALL_NOBODY;
	int best = -1;

	for (uint32_t n = 0; n <= t->n_used; n++) {
		uint32_t i = n < t->n_used ? n : call_front(t);
		if (!is_from(t, i, a, is_within))
			continue;
		int fits = (is_enabled(t, i) ? 4 : 0) +
			   (trunks_is_account(t->running, i, user) ? 2 : 0) +
			   (trunks_match(t->running, i, &a->remote) == TRUNK_SAME_PORT ? 1 : 0);
		if (fits <= best)
			continue;
		best = fits;
		found = i;
	}
	if (found != CALL_NOBODY)
		return call_place(found, t->trunks[found].place);
	return a->listener == SIP_NO_LISTENER ? 0 : a->listener + UINT64_C(1);
}

/* By TLS the certificate says who it is. By datagram a stranger hears 403; for other connections
 * there is room for gateways alone. */
bool call_peers_admits(void *arg, uint32_t listener, const struct addr *remote)
{
	const struct call_thread *t = arg;

	if (t->listeners[listener].transport == SIP_TLS)
		return true;
	for (uint32_t i = 0; i < t->n_used; i++) {
		if (is_on_listener(&t->trunks[i], listener) &&
			trunks_match(t->running, i, remote) != TRUNK_ELSEWHERE)
			return true;
	}
	return false;
}

bool call_peers_trusts(
	void *arg, uint32_t listener, const struct addr *remote, const struct crypto_peer *peer)
{
	const struct call_thread *t = arg;

	(void)remote;
	if (listener + 1 == t->client_place)
		return is_inside(t, peer);
	for (uint32_t i = 0; i < t->n_used; i++) {
		const struct call_trunk *k = &t->trunks[i];
		if (is_on_listener(k, listener) && k->name && sip_peer_is(peer, k->name))
			return true;
	}
	return false;
}
