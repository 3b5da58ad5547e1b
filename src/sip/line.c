/* SPDX-License-Identifier: BSD-3-Clause */
/* A head cut into lines and header fields: where each ends and whether its bytes may stand there.
 */
#include "scan.h"

/* CR stands before LF and nowhere else, NUL behind a backslash only (RFC 3261 §25.1, quoted-pair).
 */
static bool has_bad_byte(const char *at, size_t len)
{
	const char *nul = at, *end = at + len;
	if (memchr(at, '\r', len) != NULL)
		return true;
	while ((nul = memchr(nul, 0, (size_t)(end - nul))) != NULL) {
		if (nul == at || nul[-1] != '\\')
			return true;
		nul++;
	}
	return false;
}

bool sip_line_next(struct sip_scan *c, struct sip_str *line, enum sip_refusal *refusal)
{
	if (sip_scan_is_end(c))
		return false;
	const char *lf = memchr(c->at, '\n', (size_t)(c->end - c->at));
	if (lf == NULL)
		return false;
	size_t len = (size_t)(lf - c->at);
	if (len == 0 || lf[-1] != '\r') {
		*refusal = SIP_BAD_BYTE;
	} else {
		len--;
		*refusal = has_bad_byte(c->at, len) ? SIP_BAD_BYTE : SIP_FINE;
	}
	*line = sip_str_of(c->at, len);
	c->at = lf + 1;
	return true;
}

/* Name, blanks, colon, value (HCOLON). */
static bool split(struct sip_field *f)
{
	struct sip_scan c = sip_scan_of(f->whole);
	if (!sip_scan_run(&c, SIP_CHARS_TOKEN, &f->name))
		return false;
	while (c.at < c.end && (*c.at == ' ' || *c.at == '\t'))
		c.at++;
	if (c.at == c.end || *c.at != ':')
		return false;
	c.at++;
	f->value = sip_str_trim(sip_str_of(c.at, (size_t)(c.end - c.at)));
	return true;
}

bool sip_field_next(struct sip_scan *c, struct sip_field *out)
{
	const char *from = c->at;
	struct sip_str line;
	enum sip_refusal refusal, more = SIP_FINE;
	if (!sip_line_next(c, &line, &refusal))
		return false;
	bool is_end = refusal == SIP_FINE && line.len == 0;
	while (!is_end && c->at < c->end && (*c->at == ' ' || *c->at == '\t')) {
		if (!sip_line_next(c, &line, &more))
			return false;
		if (refusal == SIP_FINE)
			refusal = more;
	}
	*out = (struct sip_field){.whole = sip_scan_since(c, from), .refusal = refusal};
	if (is_end || refusal != SIP_FINE)
		return true;
	if (out->whole.len > SIP_HEADER_MAX)
		out->refusal = SIP_HEADER_TOO_LONG;
	else if (!split(out))
		out->refusal = SIP_BAD_HEADER;
	return true;
}
