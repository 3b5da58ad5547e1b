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

/* Steps over blanks; true when a fold was among them. */
static bool skip_fold(struct sip_scan *c)
{
	struct sip_scan try = *c;
	sip_scan_blanks(&try);
	if (try.at == c->at || memchr(c->at, '\n', (size_t)(try.at - c->at)) == NULL)
		return false;
	*c = try;
	return true;
}

int sip_str_text(struct sip_str s, bool is_quoted, char *out, size_t cap, size_t *len)
{
	struct sip_scan c = sip_scan_of(s);
	size_t n = 0;
	while (c.at < c.end) {
		char ch = ' ';
		if (!skip_fold(&c)) {
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
