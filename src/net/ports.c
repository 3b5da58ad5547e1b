/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * The relay ports of one address and one worker: a bitmap and a random place to start looking.
 * Whether the host has given a port to somebody else is found out by binding it, elsewhere.
 */
#include <assert.h>
#include <errno.h>
#include <stdlib.h>

#include <sallyport/crypto.h>
#include <sallyport/net.h>

static bool is_used(const struct net_ports *p, uint32_t i)
{
	return p->used[i / 64] >> (i % 64) & 1;
}

static void mark(struct net_ports *p, uint32_t i)
{
	assert(!is_used(p, i));
	p->used[i / 64] |= (uint64_t)1 << (i % 64);
	p->n_used++;
}

int net_ports_init(
	struct net_ports *p, uint16_t first, uint16_t last, unsigned share, unsigned n_shares)
{
	assert(first <= last && share < n_shares);
	/* Even start and even length, so that no pair of EVEN-PORT straddles two workers. */
	uint32_t start = (uint32_t)first + (first & 1);
	uint32_t pairs = last > start ? ((uint32_t)last - start + 1) / 2 : 0;
	uint32_t from = (uint32_t)((uint64_t)pairs * share / n_shares);
	uint32_t to = (uint32_t)((uint64_t)pairs * (share + 1) / n_shares);

	if (from == to)
		return ERR_FULL;
	p->first = (uint16_t)(start + 2 * from);
	p->count = 2 * (to - from);
	p->n_used = 0;
	p->random.n_left = 0;
	p->used = calloc((p->count + 63) / 64, sizeof(*p->used));
	return p->used ? 0 : -ENOMEM;
}

void net_ports_fini(struct net_ports *p)
{
	free(p->used);
	p->used = NULL;
	p->count = 0;
}

static bool fits(const struct net_ports *p, uint32_t i, enum net_ports_want want)
{
	if (is_used(p, i))
		return false;
	if (want == NET_PORT_ANY)
		return true;
	/* FIRST is even, so an even index is an even port and i + 1 exists. */
	return i % 2 == 0 && (want == NET_PORT_EVEN || !is_used(p, i + 1));
}

int net_ports_take(struct net_ports *p, enum net_ports_want want, uint16_t *port)
{
	if (p->n_used == p->count)
		return ERR_FULL;
	uint32_t start = crypto_random_draw(&p->random, p->count);
	for (uint32_t n = 0; n < p->count; n++) {
		uint32_t i = start + n < p->count ? start + n : start + n - p->count;
		if (!fits(p, i, want))
			continue;
		mark(p, i);
		if (want == NET_PORT_EVEN_PAIR)
			mark(p, i + 1);
		*port = (uint16_t)(p->first + i);
		return 0;
	}
	return ERR_FULL;
}

int net_ports_claim(struct net_ports *p, uint16_t port)
{
	if (!net_ports_has(p, port))
		return ERR_CONFIG;
	uint32_t i = (uint32_t)port - p->first;
	if (is_used(p, i))
		return ERR_EXISTS;
	mark(p, i);
	return 0;
}

void net_ports_put(struct net_ports *p, uint16_t port)
{
	assert(net_ports_has(p, port));
	uint32_t i = (uint32_t)port - p->first;
	assert(is_used(p, i));
	p->used[i / 64] &= ~((uint64_t)1 << (i % 64));
	p->n_used--;
}

bool net_ports_has(const struct net_ports *p, uint16_t port)
{
	return port >= p->first && (uint32_t)port - p->first < p->count;
}
