/* SPDX-License-Identifier: BSD-3-Clause */
/* coturn's ranges of peer addresses as prefixes. */
#include <errno.h>
#include <stdlib.h>

#include "coturn.h"

/* ---- 128 bits ---- */

struct wide {
	uint64_t high, low;
};

static struct wide wide_of(const struct addr *a)
{
	return (struct wide){be64_get(a->ip), be64_get(a->ip + 8)};
}

static bool is_above(struct wide a, struct wide b)
{
	return a.high != b.high ? a.high > b.high : a.low > b.low;
}

/* The lowest N bits set. */
static struct wide ones(unsigned n)
{
	struct wide w = {0, 0};

	if (n >= 64) {
		w.low = UINT64_MAX;
		w.high = n == 128 ? UINT64_MAX : ((uint64_t)1 << (n - 64)) - 1;
	} else {
		w.low = ((uint64_t)1 << n) - 1;
	}
	return w;
}

static struct wide or (struct wide a, struct wide b)
{
	return (struct wide){a.high | b.high, a.low | b.low};
}

static bool overlaps(struct wide a, struct wide mask)
{
	return (a.high & mask.high) != 0 || (a.low & mask.low) != 0;
}

/* False when A was the last address there is. */
static bool step(struct wide *a)
{
	a->low++;
	if (a->low == 0)
		a->high++;
	return a->low != 0 || a->high != 0;
}

/* ---- ranges ---- */

static int add(struct coturn_prefixes *p, struct wide first, unsigned host_bits)
{
	uint8_t ip[16];

	if (p->n == COTURN_PREFIXES_MAX)
		return ERR_FULL;
	if (p->n == p->cap) {
		size_t cap = p->cap ? p->cap * 2 : 16;
		struct prefix *more = realloc(p->items, cap * sizeof(*more));
		if (!more)
			return -ENOMEM;
		p->items = more;
		p->cap = cap;
	}
	be64_put(ip, first.high);
	be64_put(ip + 8, first.low);
	p->items[p->n++] = (struct prefix){addr_ipv6(ip, 0), (uint8_t)(128 - host_bits)};
	return 0;
}

/* Largest block that begins at FIRST and does not pass LAST. */
static unsigned block_bits(struct wide first, struct wide last, unsigned max_bits)
{
	unsigned n = 0;

	while (n < max_bits && !overlaps(first, ones(n + 1)) &&
		!is_above(or (first, ones(n + 1)), last))
		n++;
	return n;
}

int coturn_range_add(struct coturn_prefixes *p, const struct addr *first, const struct addr *last)
{
	struct wide at = wide_of(first), end = wide_of(last);
	unsigned max_bits = first->family == ADDR_IPV4 ? 32 : 128;

	if (first->family != last->family || is_above(at, end))
		return ERR_MALFORMED;
	for (;;) {
		unsigned n = block_bits(at, end, max_bits);
		int rc = add(p, at, n);
		if (rc != 0)
			return rc;
		at = or (at, ones(n));
		if (!step(&at) || is_above(at, end))
			return 0;
	}
}

/* coturn has no ADDRESS/LENGTH, but people write it: it is taken when it can be meant one way only.
 */
static int take_range(struct coturn_prefixes *p, const char *value)
{
	char text[2 * ADDR_TEXT_LEN];
	struct addr first, last;
	struct prefix prefix;
	char *dash;

	if (strlen(value) >= sizeof(text))
		return ERR_MALFORMED;
	memcpy(text, value, strlen(value) + 1);
	dash = strchr(text, '-');
	if (!dash && strchr(text, '/')) {
		int rc = prefix_parse(text, &prefix);
		return rc == 0 ? add(p, wide_of(&prefix.addr), 128u - prefix.len_bits) : rc;
	}
	if (dash)
		*dash = '\0';
	if (addr_parse(text, 0, &first) != 0 || addr_parse(dash ? dash + 1 : text, 0, &last) != 0 ||
		first.port != 0 || last.port != 0)
		return ERR_MALFORMED;
	return coturn_range_add(p, &first, &last);
}

int coturn_take_allowed(struct coturn_conf *c, const char *value)
{
	return take_range(&c->allowed, value);
}

int coturn_take_denied(struct coturn_conf *c, const char *value)
{
	return take_range(&c->denied, value);
}

static bool is_inside(const struct prefix *p, const struct coturn_prefixes *set)
{
	for (size_t i = 0; i < set->n; i++) {
		if (set->items[i].len_bits <= p->len_bits &&
			set->items[i].addr.family == p->addr.family &&
			prefix_contains(&set->items[i], &p->addr))
			return true;
	}
	return false;
}

size_t coturn_peers_settle(struct coturn_conf *c)
{
	size_t kept = 0, n = c->denied.n;

	for (size_t i = 0; i < n; i++) {
		if (!is_inside(&c->denied.items[i], &c->allowed))
			c->denied.items[kept++] = c->denied.items[i];
	}
	c->denied.n = kept;
	return n - kept;
}
