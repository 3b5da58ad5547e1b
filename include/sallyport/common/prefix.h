/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * A set of address prefixes with a verdict each: the longest match decides. A binary trie over
 * the 128-bit canonical form; built once, then read by any thread. A prefix holds addresses of its
 * own family only: "::/0" says nothing about 192.0.2.1. Scopes and ports are not looked at.
 */
#ifndef SALLYPORT_COMMON_PREFIX_H
#define SALLYPORT_COMMON_PREFIX_H

#include <sallyport/common/addr.h>

struct prefix {
	struct addr addr; /* port 0; bits behind the prefix are zero */
	uint8_t len_bits; /* 0..128 in the canonical form: 10.0.0.0/8 has 104 */
};

/* "10.0.0.0/8", "2001:db8::/32", or a bare address. ERR_MALFORMED, also for set host bits. */
int prefix_parse(const char *text, struct prefix *out);
const char *prefix_format(const struct prefix *p, char buf[ADDR_TEXT_LEN]);
bool prefix_contains(const struct prefix *p, const struct addr *a);

struct prefix_set; /* opaque; one owner */

struct prefix_set *prefix_set_create(void); /* NULL when out of memory */
void prefix_set_destroy(struct prefix_set *s);

/* A later insert of the same prefix replaces its verdict. VERDICT is 1..255. -ENOMEM. */
int prefix_set_insert(struct prefix_set *s, const struct prefix *p, uint8_t verdict);

/* Verdict of the longest prefix that holds A, or 0 when none does. Reads only. */
uint8_t prefix_set_lookup(const struct prefix_set *s, const struct addr *a);

/*
 * The IPv4 address that A carries inside an IPv6 spelling: NAT64 (64:ff9b::/96), 6to4 (2002::/16)
 * and Teredo (2001::/32, which carries two: the server and the client). IPv4-mapped addresses are
 * already IPv4 here. Writes at most 2 addresses and returns how many.
 */
unsigned addr_embedded_ipv4(const struct addr *a, struct addr out[2]);

#endif
