/* SPDX-License-Identifier: BSD-3-Clause */
/* Comparing and showing slices. */
#include "scan.h"

bool sip_str_equal_nocase(struct sip_str a, struct sip_str b)
{
	if (a.len != b.len)
		return false;
	for (uint32_t i = 0; i < a.len; i++)
		if (a.at[i] != b.at[i] && sip_char_lower(a.at[i]) != sip_char_lower(b.at[i]))
			return false;
	return true;
}

bool sip_str_is(struct sip_str a, const char *word)
{
	return sip_str_equal_nocase(a, sip_str_c(word));
}

bool sip_scan_fold(struct sip_scan *c)
{
	const char *p = c->at;
	bool has_fold = false;
	while (p < c->end && sip_char_is_blank(*p)) {
		if (*p == '\r') {
			if (c->end - p < 3 || p[1] != '\n' || (p[2] != ' ' && p[2] != '\t'))
				return false;
			has_fold = true;
			p += 2;
		} else if (*p == '\n') {
			return false;
		}
		p++;
	}
	if (has_fold)
		c->at = p;
	return has_fold;
}

int sip_str_text(struct sip_str s, bool is_quoted, char *out, size_t cap, size_t *len)
{
	struct sip_scan c = sip_scan_of(s);
	size_t n = 0;
	while (c.at < c.end) {
		char ch = ' ';
		if (!sip_scan_fold(&c)) {
			if (is_quoted && *c.at == '\\' && c.at + 1 < c.end)
				c.at++;
			ch = *c.at++;
		}
		if (n == cap)
			return ERR_NO_SPACE;
		out[n++] = ch;
	}
	*len = n;
	return 0;
}
