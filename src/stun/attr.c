/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * Values of attributes, from the wire; addresses are in address.c, text in text.c. The bits a
 * definition reserves are ignored, a wrong length is not. Writing is in write.c.
 */
#include "wire.h"

int stun_attr_flag(const struct stun_attr *a)
{
	return a->len == 0 ? 0 : ERR_MALFORMED;
}

int stun_attr_u8(const struct stun_attr *a, uint8_t *out)
{
	if (a->len != 1)
		return ERR_MALFORMED;
	*out = a->value[0];
	return 0;
}

int stun_attr_u32(const struct stun_attr *a, uint32_t *out)
{
	if (a->len != 4)
		return ERR_MALFORMED;
	*out = be32_get(a->value);
	return 0;
}

int stun_attr_u64(const struct stun_attr *a, uint64_t *out)
{
	if (a->len != 8)
		return ERR_MALFORMED;
	*out = be64_get(a->value);
	return 0;
}

int stun_attr_channel(const struct stun_attr *a, uint16_t *out)
{
	if (a->len != 4)
		return ERR_MALFORMED;
	*out = be16_get(a->value);
	return 0;
}

int stun_attr_transport(const struct stun_attr *a, uint8_t *out)
{
	if (a->len != 4)
		return ERR_MALFORMED;
	*out = a->value[0];
	return 0;
}

int stun_attr_family(const struct stun_attr *a, uint8_t *out)
{
	if (a->len != 4)
		return ERR_MALFORMED;
	*out = a->value[0];
	return 0;
}

int stun_attr_even_port(const struct stun_attr *a, bool *reserve_next)
{
	if (a->len != 1)
		return ERR_MALFORMED;
	*reserve_next = (a->value[0] & 0x80) != 0;
	return 0;
}

int stun_attr_token(const struct stun_attr *a, uint8_t out[8])
{
	if (a->len != 8)
		return ERR_MALFORMED;
	memcpy(out, a->value, 8);
	return 0;
}

/*
 * RFC 8656 §18.13: two reserved bytes, type, code, four bytes of data. The figure there draws the
 * border of type and code one bit to the left; ICMP's own fields are whole bytes, and so are these.
 */
int stun_attr_icmp(const struct stun_attr *a, uint8_t *type, uint8_t *code, uint32_t *data)
{
	if (a->len != 8)
		return ERR_MALFORMED;
	*type = a->value[2];
	*code = a->value[3];
	*data = be32_get(a->value + 4);
	return 0;
}

int stun_attr_userhash(const struct stun_attr *a, const uint8_t **out32)
{
	if (a->len != CRYPTO_SHA256_LEN)
		return ERR_MALFORMED;
	*out32 = a->value;
	return 0;
}

int stun_attr_unknown(const struct stun_attr *a, uint16_t *types, size_t cap, size_t *n)
{
	if (a->len % 2 != 0)
		return ERR_MALFORMED;
	if (a->len / 2u > cap)
		return ERR_NO_SPACE;
	for (size_t i = 0; i < a->len / 2u; i++)
		types[i] = be16_get(a->value + 2 * i);
	*n = a->len / 2u;
	return 0;
}

/*
 * One entry of the PASSWORD-ALGORITHM attributes (RFC 8489 §14.11): number, length of the
 * parameters, parameters padded to 4. The padding of the last may be counted in the attribute's
 * length or not: the text allows both readings. Returns the bytes used, 0 when malformed.
 */
static size_t password_entry(const uint8_t *p, size_t left, struct stun_password_entry *out)
{
	if (left < 4)
		return 0;
	size_t len = be16_get(p + 2);
	if (len > left - 4)
		return 0;
	out->algorithm = be16_get(p);
	out->parameters = bytes_of(p + 4, len);
	size_t used = 4 + stun_padded(len);
	return used < left ? used : left;
}

int stun_attr_password_algorithm(const struct stun_attr *a, struct stun_password_entry *out)
{
	struct stun_password_entry entry;
	size_t used = password_entry(a->value, a->len, &entry);
	if (used == 0 || used != a->len)
		return ERR_MALFORMED;
	*out = entry;
	return 0;
}

int stun_attr_password_algorithms(
	const struct stun_attr *a, struct stun_password_entry *out, size_t cap, size_t *n)
{
	size_t count = 0;
	for (size_t at = 0; at < a->len; count++) {
		struct stun_password_entry entry;
		size_t used = password_entry(a->value + at, a->len - at, &entry);
		if (used == 0)
			return ERR_MALFORMED;
		if (count == cap)
			return ERR_NO_SPACE;
		out[count] = entry;
		at += used;
	}
	*n = count;
	return 0;
}
