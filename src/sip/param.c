/* SPDX-License-Identifier: BSD-3-Clause */
/* Parameters of header fields and URIs, headers of URIs: one after the other. */
#include "scan.h"

bool sip_param_next(struct sip_str params, uint32_t *at, struct sip_param *out)
{
	struct sip_scan c = sip_scan_of(params);
	if (*at >= params.len)
		return false;
	c.at += *at;
	/* A name may have more in it than a token: that of a URI has (RFC 3261 §25.1, pname). */
	if (!sip_scan_char(&c, ';') ||
		!sip_scan_param(&c, SIP_CHARS_TOKEN | SIP_CHARS_PARAM, out)) {
		*at = params.len;
		return false;
	}
	*at = (uint32_t)(c.at - params.at);
	return true;
}

bool sip_param_find(struct sip_str params, const char *name, struct sip_param *out)
{
	struct sip_param p;
	uint32_t at = 0;
	while (sip_param_next(params, &at, &p)) {
		if (!sip_str_is(p.name, name))
			continue;
		*out = p;
		return true;
	}
	return false;
}

struct sip_str sip_param_value(struct sip_str params, const char *name)
{
	struct sip_param p;
	if (!sip_param_find(params, name, &p))
		return SIP_NONE;
	return p.value.at != NULL ? p.value : sip_str_of(p.name.at + p.name.len, 0);
}

bool sip_uri_header_next(struct sip_str headers, uint32_t *at, struct sip_param *out)
{
	if (*at >= headers.len)
		return false;
	struct sip_str one = sip_str_of(headers.at + *at, headers.len - *at);
	const char *end = memchr(one.at, '&', one.len);
	if (end != NULL)
		one.len = (uint32_t)(end - one.at);
	*at += one.len + 1;
	const char *equal = memchr(one.at, '=', one.len);
	*out = (struct sip_param){.name = one};
	if (equal != NULL) {
		out->name.len = (uint32_t)(equal - one.at);
		out->value = sip_str_of(equal + 1, one.len - out->name.len - 1);
	}
	return true;
}
