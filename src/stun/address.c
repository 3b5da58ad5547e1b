/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * Address attributes, plain and XORed, both ways (RFC 8489 §14.1, §14.2):
 *
 *  |   0   | family |      port      |  address, 4 or 16 bytes
 *
 * The XORed ones hide the address from NATs that rewrite what looks like one: port and address are
 * XORed with the message's own bytes from the cookie on.
 */
#include <assert.h>
#include "wire.h"

static const uint8_t no_pattern[STUN_CLASSIC_ID_LEN];

static void xor_bytes(uint8_t *out, const uint8_t *in, const uint8_t *pattern, size_t n)
{
	for (size_t i = 0; i < n; i++)
		out[i] = in[i] ^ pattern[i];
}

static int address_get(const struct stun_attr *a, const uint8_t *pattern, struct addr *out)
{
	if (a->len < STUN_IPV4_LEN)
		return ERR_MALFORMED;
	uint8_t family = a->value[1];
	uint16_t port = be16_get(a->value + 2) ^ be16_get(pattern);
	uint8_t ip[16];
	if (family == STUN_WIRE_IPV4 && a->len == STUN_IPV4_LEN) {
		xor_bytes(ip, a->value + 4, pattern, 4);
		*out = addr_ipv4(be32_get(ip), port);
		return 0;
	}
	if (family == STUN_WIRE_IPV6 && a->len == STUN_IPV6_LEN) {
		xor_bytes(ip, a->value + 4, pattern, sizeof(ip));
		*out = addr_ipv6(ip, port);
		return 0;
	}
	return ERR_MALFORMED;
}

int stun_attr_address(const struct stun_attr *a, struct addr *out)
{
	return address_get(a, no_pattern, out);
}

int stun_attr_xor_address(const struct stun_msg *m, const struct stun_attr *a, struct addr *out)
{
	return address_get(a, m->data + STUN_XOR_OFFSET, out);
}

size_t stun_address_put(uint8_t *out, const struct addr *a, const uint8_t *pattern)
{
	bool is_ipv4 = a->family == ADDR_IPV4;
	assert(is_ipv4 || a->family == ADDR_IPV6);
	if (pattern == NULL)
		pattern = no_pattern;
	out[0] = 0;
	out[1] = is_ipv4 ? STUN_WIRE_IPV4 : STUN_WIRE_IPV6;
	be16_put(out + 2, a->port ^ be16_get(pattern));
	if (is_ipv4)
		xor_bytes(out + 4, a->ip + 12, pattern, 4);
	else
		xor_bytes(out + 4, a->ip, pattern, 16);
	return is_ipv4 ? STUN_IPV4_LEN : STUN_IPV6_LEN;
}

static void write_address(
	struct stun_writer *w, uint16_t type, const struct addr *a, const uint8_t *pattern)
{
	uint8_t value[STUN_IPV6_LEN];
	size_t len = stun_address_put(value, a, pattern);
	stun_write_bytes(w, type, value, len);
}

void stun_write_address(struct stun_writer *w, uint16_t type, const struct addr *a)
{
	write_address(w, type, a, NULL);
}

void stun_write_xor_address(struct stun_writer *w, uint16_t type, const struct addr *a)
{
	if (!w->failed)
		write_address(w, type, a, w->buf + STUN_XOR_OFFSET);
}
