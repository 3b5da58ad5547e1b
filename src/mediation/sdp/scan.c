/* SPDX-License-Identifier: BSD-3-Clause */
#include <strings.h>
#include "scan.h"

static struct bytes cut(struct bytes *in, size_t n, size_t separator)
{
	struct bytes front = bytes_of(in->data, n);
	in->data += n + separator;
	in->len -= n + separator;
	return front;
}

bool scan_word(struct bytes *in, struct bytes *out)
{
	size_t n = 0;
	while (n < in->len && in->data[n] != ' ')
		n++;
	if (n == 0)
		return false;
	*out = cut(in, n, n < in->len);
	return true;
}

bool scan_until(struct bytes *in, char c, struct bytes *out)
{
	const uint8_t *at = in->len > 0 ? memchr(in->data, c, in->len) : NULL;
	if (!at)
		return false;
	*out = cut(in, (size_t)(at - in->data), 1);
	return true;
}

bool scan_number(struct bytes in, uint64_t max, uint64_t *out)
{
	uint64_t v = 0;
	if (!scan_is_digits(in))
		return false;
	for (size_t i = 0; i < in.len; i++) {
		unsigned digit = in.data[i] - '0';
		if (v > (max - digit) / 10 || digit > max)
			return false;
		v = v * 10 + digit;
	}
	*out = v;
	return true;
}

bool scan_is_digits(struct bytes in)
{
	for (size_t i = 0; i < in.len; i++) {
		if (in.data[i] < '0' || in.data[i] > '9')
			return false;
	}
	return in.len > 0;
}

bool scan_is_token(struct bytes in)
{
	for (size_t i = 0; i < in.len; i++) {
		if (in.data[i] <= ' ' || in.data[i] > '~' ||
			strchr("\"(),/:;<=>?@[\\]", in.data[i]))
			return false;
	}
	return in.len > 0;
}

bool scan_is(struct bytes in, const char *word)
{
	return bytes_equal(in, bytes_str(word));
}

bool scan_is_nocase(struct bytes in, const char *word)
{
	return in.len == strlen(word) && strncasecmp((const char *)in.data, word, in.len) == 0;
}

bool scan_addr(struct bytes host, enum addr_family family, struct addr *out)
{
	char text[ADDR_TEXT_LEN];
	struct addr a;
	/* What addr_parse would take as port or scope has no place here. */
	if (host.len == 0 || host.len >= sizeof(text) || memchr(host.data, '[', host.len) ||
		memchr(host.data, '%', host.len))
		return false;
	memcpy(text, host.data, host.len);
	text[host.len] = '\0';
	bool is_v6 = text[strcspn(text, ":.")] == ':'; /* "192.0.2.1:5" is not */
	if (family != ADDR_NONE && is_v6 != (family == ADDR_IPV6))
		return false;
	if ((!is_v6 && text[strspn(text, "0123456789.")] != '\0') || addr_parse(text, 0, &a) != 0)
		return false;
	*out = a;
	return true;
}

/* "233.252.0.1/127/3" of IPv4: TTL, then count; "ff15::101/3" of IPv6 (RFC 8866 §5.7). */
static bool split_host(struct bytes in, bool is_v4, struct bytes *host)
{
	struct bytes ttl;
	uint64_t number;
	if (!scan_until(&in, '/', host)) {
		*host = in;
		return in.len > 0;
	}
	if (is_v4 && !scan_until(&in, '/', &ttl))
		return host->len > 0 && scan_number(in, 255, &number);
	return host->len > 0 && (!is_v4 || scan_number(ttl, 255, &number)) &&
	       scan_number(in, 65535, &number);
}

bool scan_connection(struct bytes in, struct sdp_connection *out)
{
	struct bytes net, type, host;
	struct sdp_connection c = {.addr = {.family = ADDR_NONE}};
	if (!scan_word(&in, &net) || !scan_is_nocase(net, "IN") || !scan_word(&in, &type) ||
		!scan_word(&in, &host) || in.len > 0)
		return false;
	bool is_v4 = scan_is_nocase(type, "IP4");
	if ((!is_v4 && !scan_is_nocase(type, "IP6")) || !split_host(host, is_v4, &c.host))
		return false;
	if (!scan_addr(c.host, is_v4 ? ADDR_IPV4 : ADDR_IPV6, &c.addr)) {
		/* A name then; an address of the other family is none. */
		if (memchr(c.host.data, ':', c.host.len) || scan_addr(c.host, ADDR_NONE, &c.addr))
			return false;
		c.addr = (struct addr){.family = ADDR_NONE};
	}
	*out = c;
	return true;
}
