/* SPDX-License-Identifier: BSD-3-Clause */
/* Behaviour discovery in the configuration: which of a face's listeners stand in for each other. */
#include "behavior.h"

static struct addr advertised(const struct options_face *f, size_t i)
{
	const struct addr *listen = f->listen.items, *advertise = f->advertise.items;
	struct addr a = f->advertise.n > 0 ? advertise[i] : listen[i];

	if (a.port == 0)
		a.port = listen[i].port;
	return a;
}

bool behavior_find(const struct options_face *f, enum addr_family family, struct turn_behavior *out)
{
	const struct addr *listen = f->listen.items, *first = NULL, *other = NULL;
	unsigned seen = 0, n = 0;

	for (size_t i = 0; i < f->listen.n; i++) {
		const struct addr *a = &listen[i];
		unsigned place = 0;
		if (a->family != family)
			continue;
		if (!first)
			first = a;
		if (!addr_equal_ip(a, first))
			place |= TURN_BEHAVIOR_ADDRESS;
		if (a->port != first->port)
			place |= TURN_BEHAVIOR_PORT;
		if (place == (TURN_BEHAVIOR_ADDRESS | TURN_BEHAVIOR_PORT))
			other = a;
		out->local[place] = *a;
		out->advertise[place] = advertised(f, i);
		seen |= 1u << place;
		n++;
	}
	/* Each of the four places once, and a second address and port that agree. */
	return n == TURN_BEHAVIOR_PLACES && seen == 15 &&
	       addr_equal_ip(other, &out->local[TURN_BEHAVIOR_ADDRESS]) &&
	       other->port == out->local[TURN_BEHAVIOR_PORT].port;
}

size_t behavior_all(const struct options_edge *e, struct turn_behavior *out)
{
	static const enum addr_family families[] = {ADDR_IPV4, ADDR_IPV6};
	const struct options_face *f = e->faces.items;
	size_t n = 0;

	for (size_t i = 0; i < e->faces.n; i++) {
		for (size_t k = 0; k < ARRAY_LEN(families) && f[i].behavior_discovery; k++)
			n += behavior_find(&f[i], families[k], &out[n]);
	}
	return n;
}

void behavior_check(struct conf_doc *doc, const struct options_face *f)
{
	struct turn_behavior b;

	if (!f->behavior_discovery)
		return;
	if (f->proxy_protocol.n > 0)
		conf_fail(doc, &f->behavior_discovery,
			"what a client behind a balancer would learn is the balancer's behaviour; "
			"use a face without \"proxy_protocol\"");
	else if (f->advertise.n > 0 && f->advertise.n != f->listen.n)
		conf_fail(doc, &f->advertise,
			"behaviour discovery tells clients all addresses; name one here for each "
			"of \"listen\", in that order");
	else if (!behavior_find(f, ADDR_IPV4, &b) && !behavior_find(f, ADDR_IPV6, &b))
		conf_fail(doc, &f->behavior_discovery,
			"behaviour discovery needs two addresses of a family with the same two "
			"ports each in \"listen\", four entries");
}
