/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * Attributes that carry text: names, and the error codes with their reason phrase. Text is UTF-8
 * with a limit in bytes and one in characters (RFC 8489 §14.3, §14.8 to §14.10, §14.14, §14.16).
 */
#include "wire.h"

#define USERNAME_BYTES 508
#define DOMAIN_BYTES   255
#define TEXT_BYTES     762 /* 127 characters of up to six bytes, as RFC 2279 had them */
#define TEXT_CHARS     127

static bool is_text(struct bytes s, size_t max_bytes, size_t max_chars)
{
	if (s.len > max_bytes)
		return false;
	size_t chars = utf8_ascii(s.data, s.len);
	for (size_t i = chars; i < s.len; chars++) {
		size_t n = utf8_sequence(s.data + i, s.len - i);
		if (n == 0)
			return false;
		i += n;
	}
	return chars <= max_chars;
}

static bool is_ascii(struct bytes s)
{
	for (size_t i = 0; i < s.len; i++)
		if (s.data[i] >= 0x80)
			return false;
	return true;
}

int stun_attr_text(const struct stun_attr *a, struct bytes *out)
{
	struct bytes s = bytes_of(a->value, a->len);
	bool is_good;
	if (a->type == STUN_USERNAME)
		is_good = is_text(s, USERNAME_BYTES, USERNAME_BYTES);
	else if (a->type == STUN_ALTERNATE_DOMAIN)
		is_good = s.len <= DOMAIN_BYTES && is_ascii(s);
	else
		is_good = is_text(s, TEXT_BYTES, TEXT_CHARS);
	if (!is_good)
		return ERR_MALFORMED;
	*out = s;
	return 0;
}

/*
 *  |   two bytes, reserved or family   | 5 bits |class|  number  |  reason phrase ...
 */
static int error_get(const struct stun_attr *a, uint16_t *code, struct bytes *reason)
{
	if (a->len < 4)
		return ERR_MALFORMED;
	unsigned class = a->value[2] & 7;
	unsigned number = a->value[3];
	struct bytes text = bytes_of(a->value + 4, a->len - 4u);
	if (class < 3 || class > 6 || number > 99 || !is_text(text, TEXT_BYTES, TEXT_CHARS))
		return ERR_MALFORMED;
	*code = (uint16_t)(class * 100 + number);
	*reason = text;
	return 0;
}

int stun_attr_error(const struct stun_attr *a, uint16_t *code, struct bytes *reason)
{
	return error_get(a, code, reason);
}

int stun_attr_address_error(
	const struct stun_attr *a, uint8_t *family, uint16_t *code, struct bytes *reason)
{
	int err = error_get(a, code, reason);
	if (err == 0)
		*family = a->value[0];
	return err;
}
