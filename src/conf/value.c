/* SPDX-License-Identifier: BSD-3-Clause */
#include <limits.h>
#include <stdio.h>
#include <string.h>
#include <strings.h>
#include <time.h>
#include "suggest.h"
#include "value.h"

enum value_fault {
	VALUE_OK,
	VALUE_MALFORMED,
	VALUE_RANGE,
};

struct value_unit {
	char letter;
	uint64_t factor;
};

static const struct value_unit duration_units[] = {
	{'d', 86400}, {'h', 3600}, {'m', 60}, {'s', 1}, {0, 0}};
static const struct value_unit size_units[] = {
	{'G', 1024 * 1024 * 1024}, {'M', 1024 * 1024}, {'k', 1024}, {'K', 1024}, {0, 0}};
static const struct value_unit rate_units[] = {
	{'G', 1000 * 1000 * 1000}, {'M', 1000 * 1000}, {'k', 1000}, {'K', 1000}, {0, 0}};
static const struct value_unit no_units[] = {{0, 0}};

/* How each type is named and written in messages. */
static const struct {
	size_t size;
	const char *noun, *form;
} kinds[] = {
	[CONF_BOOL] = {sizeof(bool), "a yes or no", "true or false"},
	[CONF_UINT] = {sizeof(uint64_t), "a number", "digits only, such as 42"},
	[CONF_DURATION] = {sizeof(uint64_t), "a duration",
		"a number with s, m, h or d, such as 8h"},
	[CONF_SIZE] = {sizeof(uint64_t), "a size", "a number with k, M or G, such as 64k"},
	[CONF_RATE] = {sizeof(uint64_t), "a bit rate",
		"bits per second with k, M or G, such as 3000k"},
	[CONF_STRING] = {sizeof(const char *), "a text", "text"},
	[CONF_PATH] = {sizeof(const char *), "an absolute file name",
		"one that starts with /, such as /etc/sallyport/key.pem"},
	[CONF_ENUM] = {sizeof(int), "one of the names", "one of the names"},
	[CONF_ADDR] = {sizeof(struct addr), "an address",
		"an IP address with or without port, such as 192.0.2.1:3478 or "
		"\"[2001:db8::1]:3478\""},
	[CONF_PREFIX] = {sizeof(struct prefix), "a network",
		"address/length with no bits set behind the length, such as 10.0.0.0/8"},
	[CONF_PORTS] = {sizeof(struct conf_ports), "a port range",
		"first-last, such as 50000-59999"},
	[CONF_TIME] = {sizeof(uint64_t), "a time", "it as in 2026-01-01T00:00:00Z"},
};

size_t value_size(enum conf_type type)
{
	return (size_t)type < ARRAY_LEN(kinds) ? kinds[type].size : 0;
}

bool value_is_number(enum conf_type type)
{
	return type == CONF_UINT || type == CONF_DURATION || type == CONF_SIZE ||
	       type == CONF_RATE || type == CONF_TIME;
}

static const struct value_unit *units_of(enum conf_type type)
{
	switch (type) {
	case CONF_DURATION:
		return duration_units;
	case CONF_SIZE:
		return size_units;
	case CONF_RATE:
		return rate_units;
	default:
		return no_units;
	}
}

static bool is_digit(char c)
{
	return c >= '0' && c <= '9';
}

/* Digits from *P on; false when there is none or the number does not fit. */
static enum value_fault parse_digits(const char **p, uint64_t *out)
{
	uint64_t v = 0;
	bool is_over = false;

	if (!is_digit(**p))
		return VALUE_MALFORMED;
	for (; is_digit(**p); (*p)++) {
		unsigned digit = (unsigned)(**p - '0');

		is_over = is_over || v > (UINT64_MAX - digit) / 10;
		v = v * 10 + digit;
	}
	*out = v;
	return is_over ? VALUE_RANGE : VALUE_OK;
}

static bool is_in_range(const struct conf_option *row, uint64_t v)
{
	return v >= row->min && (row->max == 0 || v <= row->max);
}

static enum value_fault parse_number(const struct conf_option *row, const char *s, uint64_t *out)
{
	const struct value_unit *u = units_of(row->type);
	uint64_t v;
	enum value_fault fault = parse_digits(&s, &v);

	if (fault == VALUE_MALFORMED)
		return fault;
	if (*s != 0) {
		while (u->letter != 0 && u->letter != *s)
			u++;
		if (u->letter == 0 || s[1] != 0)
			return VALUE_MALFORMED;
		if (v > UINT64_MAX / u->factor)
			return VALUE_RANGE;
		v *= u->factor;
	}
	if (fault != VALUE_OK || !is_in_range(row, v))
		return VALUE_RANGE;
	*out = v;
	return VALUE_OK;
}

static enum value_fault parse_bool(const char *s, bool *out)
{
	static const char *const yes[] = {"true", "yes", "on"}, *const no[] = {
									"false", "no", "off"};

	for (size_t i = 0; i < ARRAY_LEN(yes); i++) {
		if (strcasecmp(s, yes[i]) == 0 || strcasecmp(s, no[i]) == 0) {
			*out = strcasecmp(s, yes[i]) == 0;
			return VALUE_OK;
		}
	}
	return VALUE_MALFORMED;
}

static enum value_fault parse_ports(
	const struct conf_option *row, const char *s, struct conf_ports *out)
{
	uint64_t first, last;

	if (parse_digits(&s, &first) != VALUE_OK)
		return VALUE_MALFORMED;
	last = first;
	if (*s == '-') {
		s++;
		if (parse_digits(&s, &last) != VALUE_OK)
			return VALUE_MALFORMED;
	}
	if (*s != 0 || first > last || first == 0 || last > UINT16_MAX)
		return VALUE_MALFORMED;
	if (!is_in_range(row, first) || !is_in_range(row, last))
		return VALUE_RANGE;
	*out = (struct conf_ports){(uint16_t)first, (uint16_t)last};
	return VALUE_OK;
}

/* N digits at *P, then the character END (0: anything may follow). */
static bool take_field(const char **p, unsigned n, char end, unsigned *out)
{
	unsigned v = 0;

	for (; n > 0; n--, (*p)++) {
		if (!is_digit(**p))
			return false;
		v = v * 10 + (unsigned)(**p - '0');
	}
	if (end != 0 && *(*p)++ != end)
		return false;
	*out = v;
	return true;
}

static unsigned days_in_month(unsigned year, unsigned month)
{
	static const unsigned char days[] = {31, 28, 31, 30, 31, 30, 31, 31, 30, 31, 30, 31};
	bool is_leap = (year % 4 == 0 && year % 100 != 0) || year % 400 == 0;

	return days[month - 1] + (month == 2 && is_leap);
}

/* "Z", "+02:00" or "-05:30" to the end of S: seconds east of Greenwich. */
static bool parse_zone(const char *s, int64_t *out)
{
	unsigned hour, minute;
	char sign = *s++;

	if (sign == 'Z' || sign == 'z') {
		*out = 0;
		return *s == 0;
	}
	if ((sign != '+' && sign != '-') || !take_field(&s, 2, ':', &hour) ||
		!take_field(&s, 2, 0, &minute) || *s != 0 || hour > 23 || minute > 59)
		return false;
	*out = (int64_t)(hour * 3600 + minute * 60) * (sign == '-' ? -1 : 1);
	return true;
}

/* RFC 3339 §5.6. Fractions are dropped; a leap second is the second after it (§5.7, Unix time). */
static enum value_fault parse_time(const struct conf_option *row, const char *s, uint64_t *out)
{
	unsigned year, month, day, hour, minute, second;
	struct tm tm = {0};
	int64_t zone, t;

	if (!take_field(&s, 4, '-', &year) || !take_field(&s, 2, '-', &month) ||
		!take_field(&s, 2, 0, &day) || (*s != 'T' && *s != 't' && *s != ' '))
		return VALUE_MALFORMED;
	s++;
	if (!take_field(&s, 2, ':', &hour) || !take_field(&s, 2, ':', &minute) ||
		!take_field(&s, 2, 0, &second))
		return VALUE_MALFORMED;
	if (*s == '.' && is_digit(s[1]))
		for (s++; is_digit(*s);)
			s++;
	if (!parse_zone(s, &zone) || year == 0 || month < 1 || month > 12 || day < 1 ||
		day > days_in_month(year, month) || hour > 23 || minute > 59 || second > 60)
		return VALUE_MALFORMED;
	tm.tm_year = (int)year - 1900;
	tm.tm_mon = (int)month - 1;
	tm.tm_mday = (int)day;
	tm.tm_hour = (int)hour;
	tm.tm_min = (int)minute;
	tm.tm_sec = (int)second;
	t = (int64_t)timegm(&tm) - zone;
	if (t < 0 || !is_in_range(row, (uint64_t)t))
		return VALUE_RANGE;
	*out = (uint64_t)t;
	return VALUE_OK;
}

static enum value_fault parse_text(
	struct conf_doc *doc, const struct conf_option *row, const char *s, const char **out)
{
	size_t len = strlen(s);
	const char *copy;

	if (row->type == CONF_PATH && (*s != '/' || len >= PATH_MAX))
		return VALUE_MALFORMED;
	if (!is_in_range(row, len))
		return VALUE_RANGE;
	copy = arena_copy(&doc->arena, s, len);
	if (copy == NULL)
		return VALUE_OK; /* the arena remembers, the whole load fails */
	*out = copy;
	return VALUE_OK;
}

static enum value_fault parse_enum(const struct conf_option *row, const char *s, int *out)
{
	for (int i = 0; row->names[i] != NULL; i++) {
		if (strcmp(row->names[i], s) == 0) {
			*out = i;
			return VALUE_OK;
		}
	}
	return VALUE_MALFORMED;
}

static enum value_fault parse(
	struct conf_doc *doc, const struct conf_option *row, const char *s, void *out)
{
	switch (row->type) {
	case CONF_BOOL:
		return parse_bool(s, out);
	case CONF_UINT:
	case CONF_DURATION:
	case CONF_SIZE:
	case CONF_RATE:
		return parse_number(row, s, out);
	case CONF_STRING:
	case CONF_PATH:
		return parse_text(doc, row, s, out);
	case CONF_ENUM:
		return parse_enum(row, s, out);
	case CONF_ADDR:
		return addr_parse(s, (uint16_t)row->min, out) == 0 ? VALUE_OK : VALUE_MALFORMED;
	case CONF_PREFIX:
		return prefix_parse(s, out) == 0 ? VALUE_OK : VALUE_MALFORMED;
	case CONF_PORTS:
		return parse_ports(row, s, out);
	case CONF_TIME:
		return parse_time(row, s, out);
	default:
		return VALUE_MALFORMED;
	}
}

const char *value_format_names(const char *const *names, char *buf, size_t cap)
{
	size_t used = 0;

	buf[0] = 0;
	for (size_t i = 0; names[i] != NULL && used < cap; i++)
		used += (size_t)snprintf(
			buf + used, cap - used, "%s%s", i > 0 ? ", " : "", names[i]);
	return buf;
}

static void report_enum(struct conf_doc *doc, const struct conf_option *row, const char *text,
	const char *quoted, struct conf_pos pos)
{
	char names[120], near[96] = "write one of them";
	unsigned best = UINT_MAX;

	for (size_t i = 0; row->names[i] != NULL; i++)
		if (!(row->flags & CONF_SECRET) && suggest_is_better(text, row->names[i], &best))
			snprintf(near, sizeof(near), "did you mean \"%s\"?", row->names[i]);
	doc_report(doc, pos, "%s is not one of %s; %s", quoted,
		value_format_names(row->names, names, sizeof(names)), near);
}

static void report_range(struct conf_doc *doc, const struct conf_option *row, const char *quoted,
	struct conf_pos pos)
{
	char range[VALUE_RANGE_LEN];
	bool is_text = row->type == CONF_STRING || row->type == CONF_PATH;

	value_format_range(row, range);
	if (range[0] == 0)
		doc_report(doc, pos, "%s is too large for any use; write a smaller one", quoted);
	else if (is_text)
		doc_report(doc, pos, "%s has the wrong length; write %s bytes", quoted, range);
	else
		doc_report(doc, pos, "%s is out of range; write %s%s%s", quoted, range,
			row->unit != NULL ? " " : "", row->unit != NULL ? row->unit : "");
}

bool value_parse(struct conf_doc *doc, const struct conf_option *row, const struct tree_node *node,
	struct conf_pos pos, void *out)
{
	enum value_fault fault = parse(doc, row, node->text, out);
	char buf[CONF_QUOTE_LEN];
	const char *quoted = "the value";

	if (fault == VALUE_OK)
		return true;
	if (!(row->flags & CONF_SECRET))
		quoted = doc_quote(node->text, buf);
	if (fault == VALUE_RANGE)
		report_range(doc, row, quoted, pos);
	else if (row->type == CONF_ENUM)
		report_enum(doc, row, node->text, quoted, pos);
	else
		doc_report(doc, pos, "%s is not %s; write %s", quoted, kinds[row->type].noun,
			kinds[row->type].form);
	return false;
}

const char *value_format_number(enum conf_type type, uint64_t v, char buf[VALUE_TEXT_LEN])
{
	const struct value_unit *u = units_of(type);
	struct tm tm;
	time_t t = (time_t)v;

	if (type == CONF_TIME && gmtime_r(&t, &tm) != NULL &&
		strftime(buf, VALUE_TEXT_LEN, "%Y-%m-%dT%H:%M:%SZ", &tm) > 0)
		return buf;
	while (u->letter != 0 && (v == 0 || v % u->factor != 0))
		u++;
	if (u->letter != 0)
		snprintf(buf, VALUE_TEXT_LEN, "%llu%c", (unsigned long long)(v / u->factor),
			u->letter);
	else
		snprintf(buf, VALUE_TEXT_LEN, "%llu", (unsigned long long)v);
	return buf;
}

const char *value_format_range(const struct conf_option *row, char buf[VALUE_RANGE_LEN])
{
	char min[VALUE_TEXT_LEN], max[VALUE_TEXT_LEN];

	buf[0] = 0;
	if (row->type == CONF_ADDR) /* there MIN is the port that may be left out */
		return buf;
	value_format_number(row->type, row->min, min);
	value_format_number(row->type, row->max, max);
	if (row->max != 0 && row->min == row->max)
		snprintf(buf, VALUE_RANGE_LEN, "exactly %s", max);
	else if (row->max != 0 && (row->min != 0 || value_is_number(row->type)))
		snprintf(buf, VALUE_RANGE_LEN, "%s to %s", min, max);
	else if (row->max != 0)
		snprintf(buf, VALUE_RANGE_LEN, "at most %s", max);
	else if (row->min != 0)
		snprintf(buf, VALUE_RANGE_LEN, "%s or more", min);
	return buf;
}
