/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * Prefixes, the set of them, and the IPv4 addresses that IPv6 spellings carry.
 *
 * The set is a path-compressed binary trie: a node stands for a whole prefix, its children differ
 * in the first bit behind it, so a look-up touches one node per prefix that branches. Nodes are 32
 * bytes in one growing array and refer to each other by index; index 0 means "no node".
 */
#include <sallyport/common/prefix.h>

#include <assert.h>
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sallyport/common/bytes.h>
#include <sallyport/common/err.h>

#define MAPPED_BITS 96 /* IPv4 prefixes start behind ::ffff: */

struct bits {
	uint64_t hi, lo;
};

struct node {
	struct bits key; /* zero behind len_bits */
	uint32_t child[2];
	uint8_t len_bits;
	uint8_t verdict; /* 0: only a branch */
};

struct prefix_set {
	struct node *nodes;
	uint32_t n_nodes, cap;
	uint32_t root[2]; /* IPv4 and IPv6 apart: "::/0" says nothing about IPv4 */
};

static struct bits bits_of(const uint8_t ip[16])
{
	return (struct bits){be64_get(ip), be64_get(ip + 8)};
}

static struct bits bits_mask(unsigned len_bits)
{
	struct bits m = {UINT64_MAX, UINT64_MAX};

	if (len_bits < 64)
		m.hi = len_bits == 0 ? 0 : UINT64_MAX << (64 - len_bits);
	if (len_bits < 128)
		m.lo = len_bits <= 64 ? 0 : UINT64_MAX << (128 - len_bits);
	return m;
}

static bool bits_match(struct bits a, struct bits b, unsigned len_bits)
{
	struct bits m = bits_mask(len_bits);

	return (((a.hi ^ b.hi) & m.hi) | ((a.lo ^ b.lo) & m.lo)) == 0;
}

static unsigned bits_at(struct bits b, unsigned index)
{
	return (unsigned)((index < 64 ? b.hi >> (63 - index) : b.lo >> (127 - index)) & 1);
}

/* How many leading bits A and B share. */
static unsigned bits_common(struct bits a, struct bits b)
{
	if (a.hi != b.hi)
		return (unsigned)__builtin_clzll(a.hi ^ b.hi);
	if (a.lo != b.lo)
		return 64 + (unsigned)__builtin_clzll(a.lo ^ b.lo);
	return 128;
}

static int length_parse(const char *text, unsigned max, unsigned *out)
{
	unsigned v = 0;

	if (text[0] == '\0' || strlen(text) > 3 || (text[0] == '0' && text[1] != '\0'))
		return ERR_MALFORMED;
	for (; *text != '\0'; text++) {
		if (*text < '0' || *text > '9')
			return ERR_MALFORMED;
		v = v * 10 + (unsigned)(*text - '0');
	}
	if (v > max)
		return ERR_MALFORMED;
	*out = v;
	return 0;
}

int prefix_parse(const char *text, struct prefix *out)
{
	const char *slash = strchr(text, '/');
	size_t ip_len = slash != NULL ? (size_t)(slash - text) : strlen(text);
	char ip[ADDR_TEXT_LEN];
	struct addr a;
	struct bits b, m;
	const char *colon;
	unsigned len_bits;

	if (ip_len >= sizeof(ip))
		return ERR_MALFORMED;
	memcpy(ip, text, ip_len);
	ip[ip_len] = '\0';
	colon = strchr(ip, ':');
	/* A port, brackets or a scope have no place here; no IPv6 address has a single colon. */
	if (strpbrk(ip, "[]%") != NULL || (colon != NULL && colon == strrchr(ip, ':')) ||
		addr_parse(ip, 0, &a) != 0)
		return ERR_MALFORMED;
	len_bits = colon == NULL ? 32 : 128;
	if (slash != NULL && length_parse(slash + 1, len_bits, &len_bits) != 0)
		return ERR_MALFORMED;
	if (colon == NULL)
		len_bits += MAPPED_BITS;
	b = bits_of(a.ip);
	m = bits_mask(len_bits);
	if ((b.hi & ~m.hi) != 0 || (b.lo & ~m.lo) != 0)
		return ERR_MALFORMED;
	*out = (struct prefix){.addr = a, .len_bits = (uint8_t)len_bits};
	return 0;
}

const char *prefix_format(const struct prefix *p, char buf[ADDR_TEXT_LEN])
{
	unsigned len_bits = p->len_bits;
	size_t len;

	if (p->addr.family == ADDR_IPV4)
		len_bits -= MAPPED_BITS;
	len = strlen(addr_format_ip(&p->addr, buf));
	(void)snprintf(buf + len, ADDR_TEXT_LEN - len, "/%u", len_bits);
	return buf;
}

bool prefix_contains(const struct prefix *p, const struct addr *a)
{
	return p->addr.family == a->family &&
	       bits_match(bits_of(p->addr.ip), bits_of(a->ip), p->len_bits);
}

struct prefix_set *prefix_set_create(void)
{
	return calloc(1, sizeof(struct prefix_set));
}

void prefix_set_destroy(struct prefix_set *s)
{
	if (s == NULL)
		return;
	free(s->nodes);
	free(s);
}

/* Room for N more nodes, so that an insert cannot fail half-way. */
static int set_reserve(struct prefix_set *s, uint32_t n)
{
	uint32_t cap = s->cap == 0 ? 16 : s->cap * 2;
	struct node *nodes;

	if (s->nodes != NULL && s->cap - s->n_nodes >= n)
		return 0;
	if (cap <= s->cap)
		return -ENOMEM;
	nodes = realloc(s->nodes, cap * sizeof(*nodes));
	if (nodes == NULL)
		return -ENOMEM;
	memset(nodes + s->n_nodes, 0, (cap - s->n_nodes) * sizeof(*nodes));
	s->nodes = nodes;
	s->cap = cap;
	if (s->n_nodes == 0)
		s->n_nodes = 1;
	return 0;
}

static uint32_t node_add(struct prefix_set *s, struct bits key, unsigned len_bits, uint8_t verdict)
{
	struct bits m = bits_mask(len_bits);

	assert(s->n_nodes < s->cap);
	s->nodes[s->n_nodes] = (struct node){
		.key = {key.hi & m.hi, key.lo & m.lo},
		.len_bits = (uint8_t)len_bits,
		.verdict = verdict,
	};
	return s->n_nodes++;
}

int prefix_set_insert(struct prefix_set *s, const struct prefix *p, uint8_t verdict)
{
	struct bits key = bits_of(p->addr.ip);
	uint32_t *link = &s->root[p->addr.family == ADDR_IPV6];
	unsigned common = 0;
	uint32_t old, new;

	assert(verdict != 0);
	if (set_reserve(s, 2) != 0)
		return -ENOMEM;
	for (; *link != 0; link = &s->nodes[*link].child[bits_at(key, common)]) {
		const struct node *n = &s->nodes[*link];

		common = bits_common(key, n->key);
		if (common > p->len_bits)
			common = p->len_bits;
		if (common > n->len_bits)
			common = n->len_bits;
		if (common < n->len_bits || common == p->len_bits)
			break;
	}
	old = *link;
	if (old != 0 && s->nodes[old].len_bits == p->len_bits && common == p->len_bits) {
		s->nodes[old].verdict = verdict;
		return 0;
	}
	/* Here P hangs below the last node that holds it, and takes OLD, or a branch, below it. */
	new = node_add(s, key, p->len_bits, verdict);
	if (old != 0 && common == p->len_bits) {
		s->nodes[new].child[bits_at(s->nodes[old].key, common)] = old;
	} else if (old != 0) {
		uint32_t branch = node_add(s, key, common, 0);

		s->nodes[branch].child[bits_at(key, common)] = new;
		s->nodes[branch].child[!bits_at(key, common)] = old;
		new = branch;
	}
	*link = new;
	return 0;
}

uint8_t prefix_set_lookup(const struct prefix_set *s, const struct addr *a)
{
	struct bits key = bits_of(a->ip);
	uint32_t i = s->root[a->family == ADDR_IPV6];
	uint8_t best = 0;

	while (i != 0) {
		const struct node *n = &s->nodes[i];

		if (!bits_match(key, n->key, n->len_bits))
			break;
		if (n->verdict != 0)
			best = n->verdict;
		if (n->len_bits == 128)
			break;
		i = n->child[bits_at(key, n->len_bits)];
	}
	return best;
}

unsigned addr_embedded_ipv4(const struct addr *a, struct addr out[2])
{
	static const uint8_t nat64[12] = {0x00, 0x64, 0xff, 0x9b};
	static const uint8_t teredo[4] = {0x20, 0x01, 0x00, 0x00};

	if (a->family != ADDR_IPV6)
		return 0;
	if (memcmp(a->ip, nat64, sizeof(nat64)) == 0) { /* RFC 6052 §2.1 */
		out[0] = addr_ipv4(be32_get(a->ip + 12), 0);
		return 1;
	}
	if (a->ip[0] == 0x20 && a->ip[1] == 0x02) { /* RFC 3056 §2 */
		out[0] = addr_ipv4(be32_get(a->ip + 2), 0);
		return 1;
	}
	if (memcmp(a->ip, teredo, sizeof(teredo)) == 0) { /* RFC 4380 §4: client is inverted */
		out[0] = addr_ipv4(be32_get(a->ip + 4), 0);
		out[1] = addr_ipv4(~be32_get(a->ip + 12), 0);
		return 2;
	}
	return 0;
}
