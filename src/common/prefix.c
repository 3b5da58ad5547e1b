/* SPDX-License-Identifier: BSD-3-Clause */
/* Prefixes and the trie that finds the longest: nodes in one array, so a walk stays close. */
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <sallyport/common.h>

static bool bit_of(const uint8_t ip[16], unsigned i)
{
	return ip[i / 8] >> (7 - i % 8) & 1;
}

static int parse_len(const char *text, unsigned max, unsigned *out)
{
	unsigned n = 0;
	size_t i = 0;

	for (; text[i] >= '0' && text[i] <= '9' && i < 3; i++)
		n = n * 10 + (unsigned)(text[i] - '0');
	if (i == 0 || text[i] != '\0' || n > max || (i > 1 && text[0] == '0'))
		return ERR_MALFORMED;
	*out = n;
	return 0;
}

int prefix_parse(const char *text, struct prefix *out)
{
	const char *slash = strchr(text, '/');
	size_t len = slash ? (size_t)(slash - text) : strlen(text);
	char ip[64];
	struct prefix p = {.len_bits = 128};
	unsigned bits;

	if (len >= sizeof(ip) || memchr(text, '[', len))
		return ERR_MALFORMED;
	memcpy(ip, text, len);
	ip[len] = '\0';
	if (addr_parse(ip, 0, &p.addr) != 0 || p.addr.port != 0)
		return ERR_MALFORMED;
	/* "1.2.3.4:0" has a port as well, though an empty one. */
	if (p.addr.family == ADDR_IPV4 && strchr(ip, ':') && strchr(ip, ':') == strrchr(ip, ':'))
		return ERR_MALFORMED;
	/* An IPv4-mapped spelling counts its bits in the IPv6 form. */
	bool is_short = p.addr.family == ADDR_IPV4 && !strchr(ip, ':');
	if (slash) {
		if (parse_len(slash + 1, is_short ? 32 : 128, &bits) != 0)
			return ERR_MALFORMED;
		p.len_bits = (uint8_t)(is_short ? bits + 96 : bits);
	}
	for (unsigned i = p.len_bits; i < 128; i++) {
		if (bit_of(p.addr.ip, i))
			return ERR_MALFORMED;
	}
	*out = p;
	return 0;
}

const char *prefix_format(const struct prefix *p, char buf[ADDR_TEXT_LEN])
{
	char ip[ADDR_TEXT_LEN];
	bool v4 = p->addr.family == ADDR_IPV4 && p->len_bits >= 96;

	addr_format_ip(&p->addr, ip);
	snprintf(buf, ADDR_TEXT_LEN, "%.60s/%u", ip, v4 ? p->len_bits - 96u : p->len_bits);
	return buf;
}

bool prefix_contains(const struct prefix *p, const struct addr *a)
{
	unsigned whole = p->len_bits / 8, rest = p->len_bits % 8;

	if (memcmp(p->addr.ip, a->ip, whole) != 0)
		return false;
	return rest == 0 || (p->addr.ip[whole] ^ a->ip[whole]) >> (8 - rest) == 0;
}

struct node {
	uint32_t child[2]; /* 0: none; the root is never a child */
	uint8_t verdict;   /* 0: no prefix ends here */
};

struct prefix_set {
	struct node *nodes;
	uint32_t n, cap;
};

struct prefix_set *prefix_set_create(void)
{
	struct prefix_set *s = calloc(1, sizeof(*s));

	if (!s)
		return NULL;
	s->cap = 256;
	s->nodes = calloc(s->cap, sizeof(*s->nodes));
	if (!s->nodes) {
		free(s);
		return NULL;
	}
	s->n = 1;
	return s;
}

void prefix_set_destroy(struct prefix_set *s)
{
	if (!s)
		return;
	free(s->nodes);
	free(s);
}

/* Room for a whole path at once, so that an insert that fails has changed nothing. */
static int reserve(struct prefix_set *s, uint32_t more)
{
	if (s->n + more <= s->cap)
		return 0;
	uint32_t cap = s->cap * 2 + more;
	struct node *nodes = reallocarray(s->nodes, cap, sizeof(*nodes));
	if (!nodes)
		return -ENOMEM;
	s->nodes = nodes;
	s->cap = cap;
	return 0;
}

int prefix_set_insert(struct prefix_set *s, const struct prefix *p, uint8_t verdict)
{
	int rc = reserve(s, 128);
	uint32_t at = 0;

	if (rc != 0)
		return rc;
	for (unsigned i = 0; i < p->len_bits; i++) {
		uint32_t *child = &s->nodes[at].child[bit_of(p->addr.ip, i)];
		if (*child == 0) {
			s->nodes[s->n] = (struct node){{0, 0}, 0};
			*child = s->n++;
		}
		at = *child;
	}
	s->nodes[at].verdict = verdict;
	return 0;
}

uint8_t prefix_set_lookup(const struct prefix_set *s, const struct addr *a)
{
	uint8_t best = s->nodes[0].verdict;
	uint32_t at = 0;

	for (unsigned i = 0; i < 128; i++) {
		at = s->nodes[at].child[bit_of(a->ip, i)];
		if (at == 0)
			break;
		if (s->nodes[at].verdict != 0)
			best = s->nodes[at].verdict;
	}
	return best;
}
