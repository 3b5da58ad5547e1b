/* SPDX-License-Identifier: BSD-3-Clause */
/* application/x-www-form-urlencoded, as it stands in a query and in a form's body. */
#include "http.h"

static int hex_digit(uint8_t c)
{
	if (c >= '0' && c <= '9')
		return c - '0';
	c |= 0x20;
	return c >= 'a' && c <= 'f' ? c - 'a' + 10 : -1;
}

/* One decoded character of FIELD from *AT on, or ERR_MALFORMED. NUL has no place in a value. */
static int next_char(struct bytes field, size_t *at)
{
	uint8_t c = field.data[(*at)++];
	if (c == '+')
		return ' ';
	if (c == '%') {
		if (field.len - *at < 2)
			return ERR_MALFORMED;
		int hi = hex_digit(field.data[*at]), lo = hex_digit(field.data[*at + 1]);
		if (hi < 0 || lo < 0)
			return ERR_MALFORMED;
		*at += 2;
		c = (uint8_t)(hi << 4 | lo);
	}
	return c != 0 ? c : ERR_MALFORMED;
}

static bool name_equal(struct bytes field, const char *name)
{
	size_t at = 0;
	while (at < field.len && *name != '\0') {
		if (next_char(field, &at) != (uint8_t)*name++)
			return false;
	}
	return at == field.len && *name == '\0';
}

static int value_decode(struct bytes field, char *out, size_t cap)
{
	size_t at = 0, n = 0;
	while (at < field.len) {
		int c = next_char(field, &at);
		if (c < 0)
			return c;
		if (n + 1 >= cap)
			return ERR_NO_SPACE;
		out[n++] = (char)c;
	}
	if (cap == 0)
		return ERR_NO_SPACE;
	out[n] = '\0';
	return 0;
}

/* Up to the first SEPARATOR; *REST is what follows it. */
static struct bytes split(struct bytes text, uint8_t separator, struct bytes *rest)
{
	const uint8_t *end = text.len > 0 ? memchr(text.data, separator, text.len) : NULL;
	size_t n = end != NULL ? (size_t)(end - text.data) : text.len;
	size_t skip = end != NULL ? n + 1 : n;
	*rest = bytes_of(text.data + skip, text.len - skip);
	return bytes_of(text.data, n);
}

int http_form_value(struct bytes form, const char *name, char *out, size_t cap)
{
	int code = ERR_NOT_FOUND;
	while (form.len > 0) {
		struct bytes value, field = split(form, '&', &form);
		if (!name_equal(split(field, '=', &value), name))
			continue;
		if (code != ERR_NOT_FOUND)
			return ERR_MALFORMED; /* which of the two would count? */
		code = value_decode(value, out, cap);
		if (code != 0)
			return code;
	}
	return code;
}
