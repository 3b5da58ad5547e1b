/* SPDX-License-Identifier: BSD-3-Clause */
/* base64, base64url and hexadecimal; decoding accepts one spelling only. */
#include <stdbool.h>

#include <sallyport/common.h>

static const char std_alphabet[] =
	"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
static const char url_alphabet[] =
	"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_";

static size_t encode(const uint8_t *p, size_t n, const char *alphabet, bool pad, char *out)
{
	size_t o = 0;

	for (size_t i = 0; i < n; i += 3) {
		size_t left = n - i;
		uint32_t v = (uint32_t)p[i] << 16;
		v |= left > 1 ? (uint32_t)p[i + 1] << 8 : 0;
		v |= left > 2 ? p[i + 2] : 0;
		out[o++] = alphabet[v >> 18];
		out[o++] = alphabet[v >> 12 & 63];
		if (left > 1)
			out[o++] = alphabet[v >> 6 & 63];
		if (left > 2)
			out[o++] = alphabet[v & 63];
	}
	while (pad && o % 4 != 0)
		out[o++] = '=';
	out[o] = '\0';
	return o;
}

size_t base64_encode(const void *data, size_t n, char *out)
{
	return encode(data, n, std_alphabet, true, out);
}

size_t base64url_encode(const void *data, size_t n, char *out)
{
	return encode(data, n, url_alphabet, false, out);
}

/* Of the 62 characters that both alphabets have; -1: none of them. */
static const int8_t values[128] = {
	/* clang-format off */
	-1, -1, -1, -1, -1, -1, -1, -1, -1, -1, -1, -1, -1, -1, -1, -1,
	-1, -1, -1, -1, -1, -1, -1, -1, -1, -1, -1, -1, -1, -1, -1, -1,
	-1, -1, -1, -1, -1, -1, -1, -1, -1, -1, -1, -1, -1, -1, -1, -1,
	52, 53, 54, 55, 56, 57, 58, 59, 60, 61, -1, -1, -1, -1, -1, -1,
	-1, 0, 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12, 13, 14,
	15, 16, 17, 18, 19, 20, 21, 22, 23, 24, 25, -1, -1, -1, -1, -1,
	-1, 26, 27, 28, 29, 30, 31, 32, 33, 34, 35, 36, 37, 38, 39, 40,
	41, 42, 43, 44, 45, 46, 47, 48, 49, 50, 51, -1, -1, -1, -1, -1,
	/* clang-format on */
};

static int value_of(char c, char c62, char c63)
{
	uint8_t u = (uint8_t)c;

	if (u < sizeof(values) && values[u] >= 0)
		return values[u];
	if (c == c62)
		return 62;
	return c == c63 ? 63 : -1;
}

/* N characters without padding. The bits behind the last byte must be zero. */
static int decode(
	const char *text, size_t n, char c62, char c63, uint8_t *out, size_t cap, size_t *len)
{
	uint32_t acc = 0;
	unsigned bits = 0;
	size_t o = 0;

	if (n % 4 == 1)
		return ERR_MALFORMED;
	for (size_t i = 0; i < n; i++) {
		int v = value_of(text[i], c62, c63);
		if (v < 0)
			return ERR_MALFORMED;
		acc = (acc << 6 | (uint32_t)v) & 0xffffff;
		bits += 6;
		if (bits < 8)
			continue;
		bits -= 8;
		if (o == cap)
			return ERR_NO_SPACE;
		out[o++] = (uint8_t)(acc >> bits);
	}
	if (acc & ((1u << bits) - 1))
		return ERR_MALFORMED;
	*len = o;
	return 0;
}

int base64_decode(const char *text, size_t n, void *out, size_t cap, size_t *len)
{
	if (n % 4 != 0)
		return ERR_MALFORMED;
	for (int i = 0; i < 2 && n > 0 && text[n - 1] == '='; i++)
		n--;
	return decode(text, n, '+', '/', out, cap, len);
}

int base64url_decode(const char *text, size_t n, void *out, size_t cap, size_t *len)
{
	return decode(text, n, '-', '_', out, cap, len);
}

void hex_encode(const void *data, size_t n, char *out)
{
	static const char digits[] = "0123456789abcdef";
	const uint8_t *p = data;

	for (size_t i = 0; i < n; i++) {
		out[2 * i] = digits[p[i] >> 4];
		out[2 * i + 1] = digits[p[i] & 15];
	}
	out[2 * n] = '\0';
}

static int nibble(char c)
{
	if (c >= '0' && c <= '9')
		return c - '0';
	if (c >= 'a' && c <= 'f')
		return c - 'a' + 10;
	return c >= 'A' && c <= 'F' ? c - 'A' + 10 : -1;
}

int hex_decode(const char *text, size_t n, void *out, size_t cap, size_t *len)
{
	uint8_t *p = out;

	if (n % 2 != 0)
		return ERR_MALFORMED;
	if (n / 2 > cap)
		return ERR_NO_SPACE;
	for (size_t i = 0; i < n / 2; i++) {
		int hi = nibble(text[2 * i]), lo = nibble(text[2 * i + 1]);
		if (hi < 0 || lo < 0)
			return ERR_MALFORMED;
		p[i] = (uint8_t)(hi << 4 | lo);
	}
	*len = n / 2;
	return 0;
}
