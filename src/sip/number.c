/* SPDX-License-Identifier: BSD-3-Clause */
/* Values that are numbers, or numbers with something: CSeq, RAck, Session-Expires, Date. */
#include "scan.h"

int sip_number_decode(struct sip_str value, uint32_t *out)
{
	struct sip_scan c = sip_scan_of(sip_str_trim(value));
	uint64_t n = 0;
	bool is_large = false;
	if (sip_scan_is_end(&c))
		return ERR_MALFORMED;
	for (; c.at < c.end; c.at++) {
		if (!sip_char_is_digit(*c.at))
			return ERR_MALFORMED;
		n = is_large ? n : n * 10 + (uint64_t)(*c.at - '0');
		is_large |= n > UINT32_MAX;
	}
	if (is_large)
		return ERR_TOO_LARGE;
	*out = (uint32_t)n;
	return 0;
}

static bool scan_cseq(struct sip_scan *c, struct sip_cseq *out)
{
	if (!sip_scan_number(c, &out->number) || out->number > INT32_MAX)
		return false;
	const char *from = c->at;
	sip_scan_blanks(c);
	if (c->at == from || !sip_scan_run(c, SIP_CHARS_TOKEN, &out->method_name) ||
		!sip_scan_is_end(c))
		return false;
	out->method = sip_method_find(out->method_name);
	return true;
}

int sip_cseq_decode(struct sip_str value, struct sip_cseq *out)
{
	struct sip_scan c = sip_scan_of(sip_str_trim(value));
	struct sip_cseq cseq;
	if (!scan_cseq(&c, &cseq))
		return ERR_MALFORMED;
	*out = cseq;
	return 0;
}

int sip_rack_decode(struct sip_str value, struct sip_rack *out)
{
	struct sip_scan c = sip_scan_of(sip_str_trim(value));
	struct sip_rack r;
	if (!sip_scan_number(&c, &r.rseq) || r.rseq == 0)
		return ERR_MALFORMED;
	const char *from = c.at;
	sip_scan_blanks(&c);
	if (c.at == from || !scan_cseq(&c, &r.cseq))
		return ERR_MALFORMED;
	*out = r;
	return 0;
}

int sip_session_expires_decode(struct sip_str value, struct sip_session_expires *out)
{
	struct sip_scan c = sip_scan_of(sip_str_trim(value));
	struct sip_session_expires s = {.refresher = SIP_REFRESHER_NONE};
	if (!sip_scan_number(&c, &s.delta_s) || !sip_scan_params(&c, &s.params))
		return ERR_MALFORMED;
	struct sip_str who = sip_param_value(s.params, "refresher");
	if (sip_str_is(who, "uac"))
		s.refresher = SIP_REFRESHER_UAC;
	else if (sip_str_is(who, "uas"))
		s.refresher = SIP_REFRESHER_UAS;
	else if (who.at != NULL)
		return ERR_MALFORMED;
	*out = s;
	return 0;
}

/* "(" text ")", which may have others in it (RFC 3261 §25.1, comment). */
static bool scan_comment(struct sip_scan *c, struct sip_str *out)
{
	struct sip_scan try = *c;
	unsigned depth = 0;
	if (!sip_scan_char(&try, '('))
		return true;
	const char *from = try.at;
	for (depth = 1; try.at < try.end && depth > 0; try.at++) {
		if (*try.at == '\\' && try.end - try.at > 1)
			try.at++;
		else if (*try.at == '(')
			depth++;
		else if (*try.at == ')')
			depth--;
	}
	if (depth > 0)
		return false;
	*out = sip_str_of(from, (size_t)(try.at - from) - 1);
	*c = try;
	return true;
}

int sip_retry_after_decode(struct sip_str value, struct sip_retry_after *out)
{
	struct sip_scan c = sip_scan_of(sip_str_trim(value));
	struct sip_retry_after r = {.duration_s = 0};
	struct sip_str params;
	if (!sip_scan_number(&c, &r.delay_s) || !scan_comment(&c, &r.comment) ||
		!sip_scan_params(&c, &params))
		return ERR_MALFORMED;
	struct sip_str duration = sip_param_value(params, "duration");
	if (duration.at != NULL && sip_number_decode(duration, &r.duration_s) != 0)
		return ERR_MALFORMED;
	*out = r;
	return 0;
}

/* ---- Date ---- */

/* Days since 1970-01-01 of a date of the Gregorian calendar. */
static int64_t days_of(unsigned year, unsigned month, unsigned day)
{
	int64_t y = (int64_t)year - (month <= 2);
	int64_t era_day = (153 * (int64_t)(month + (month > 2 ? -3 : 9)) + 2) / 5 + day - 1;
	return 365 * y + y / 4 - y / 100 + y / 400 + era_day - 719468;
}

static unsigned days_in(unsigned year, unsigned month)
{
	static const uint8_t days[] = {31, 28, 31, 30, 31, 30, 31, 31, 30, 31, 30, 31};
	bool is_leap = (year % 4 == 0 && year % 100 != 0) || year % 400 == 0;
	return month == 2 && is_leap ? 29 : days[month - 1];
}

/* Which word of three letters each, 0 for the first; -1: none. */
static int find_word(const char *words, const char *at)
{
	for (int i = 0; words[3 * i] != 0; i++)
		if (memcmp(words + 3 * i, at, 3) == 0)
			return i;
	return -1;
}

/* N digits; -1: something else. */
static int digits(const char *at, int n)
{
	int v = 0;
	for (int i = 0; i < n; i++) {
		if (!sip_char_is_digit(at[i]))
			return -1;
		v = v * 10 + at[i] - '0';
	}
	return v;
}

int sip_date_decode(struct sip_str value, uint64_t *unix_s)
{
	static const char form[] = "___, __ ___ ____ __:__:__ GMT";
	struct sip_str v = sip_str_trim(value);
	if (v.len != sizeof(form) - 1)
		return ERR_MALFORMED;
	for (uint32_t i = 0; i < v.len; i++)
		if (form[i] != '_' && form[i] != v.at[i])
			return ERR_MALFORMED;
	int weekday = find_word("ThuFriSatSunMonTueWed", v.at);
	int month = find_word("JanFebMarAprMayJunJulAugSepOctNovDec", v.at + 8) + 1;
	int day = digits(v.at + 5, 2), year = digits(v.at + 12, 4);
	int hour = digits(v.at + 17, 2), minute = digits(v.at + 20, 2);
	int second = digits(v.at + 23, 2);
	if (weekday < 0 || month == 0 || year < 1970 || day < 1 || hour < 0 || hour > 23 ||
		minute < 0 || minute > 59 || second < 0 || second > 60 ||
		day > (int)days_in((unsigned)year, (unsigned)month))
		return ERR_MALFORMED;
	int64_t days = days_of((unsigned)year, (unsigned)month, (unsigned)day);
	if (days % 7 != weekday)
		return ERR_MALFORMED;
	*unix_s = (uint64_t)days * 86400 + (uint64_t)(hour * 3600 + minute * 60 + second);
	return 0;
}
