/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * Reading a value from left to right. A fold is a blank here: the decoder of messages has seen to
 * it that CR and LF stand in a value only as that. Functions that return bool leave the place where
 * it is when they return false.
 */
#ifndef SIP_SCAN_H
#define SIP_SCAN_H

#include <sallyport/sip.h>

enum sip_chars {
	SIP_CHARS_TOKEN = 1,
	SIP_CHARS_WORD = 2, /* Call-ID */
	SIP_CHARS_USER = 4, /* and "#", which the grammar wants escaped and dialled numbers have */
	SIP_CHARS_PASSWORD = 8,
	SIP_CHARS_PARAM = 16,  /* of a URI */
	SIP_CHARS_HEADER = 32, /* of a URI */
	SIP_CHARS_URI = 64,    /* any part of one, "%" included */
	/* Unquoted value of a parameter: more than a token or a host, because what tags and others
	 * have in them is nobody's business but their maker's. Nothing that separates values. */
	SIP_CHARS_VALUE = 128,
};
extern const uint8_t sip_char_class[256];

static inline bool sip_char_is(char c, unsigned chars)
{
	return (sip_char_class[(uint8_t)c] & chars) != 0;
}
static inline bool sip_char_is_blank(char c)
{
	return c == ' ' || c == '\t' || c == '\r' || c == '\n';
}
static inline bool sip_char_is_digit(char c)
{
	return c >= '0' && c <= '9';
}
static inline char sip_char_lower(char c)
{
	return c >= 'A' && c <= 'Z' ? (char)(c | 0x20) : c;
}
int sip_hex_digit(char c); /* -1: none */

struct sip_scan {
	const char *at, *end;
};

static inline struct sip_scan sip_scan_of(struct sip_str s)
{
	return (struct sip_scan){s.at, s.len > 0 ? s.at + s.len : s.at};
}
static inline struct sip_str sip_scan_since(const struct sip_scan *c, const char *from)
{
	return sip_str_of(from, (size_t)(c->at - from));
}
static inline void sip_scan_blanks(struct sip_scan *c)
{
	while (c->at < c->end && sip_char_is_blank(*c->at))
		c->at++;
}
static inline bool sip_scan_is_end(struct sip_scan *c)
{
	return c->at == c->end;
}
/* Blanks with a fold among them: each CRLF has a blank behind it. */
bool sip_scan_fold(struct sip_scan *c);
/* CH with any blanks around it. */
bool sip_scan_char(struct sip_scan *c, char ch);
/* One or more of CHARS. */
bool sip_scan_run(struct sip_scan *c, unsigned chars, struct sip_str *out);
/* The inside of a quoted string. */
bool sip_scan_quoted(struct sip_scan *c, struct sip_str *inside);
bool sip_scan_number(struct sip_scan *c, uint32_t *out);
/* One parameter, without the ";" before it: name, and value or quoted value. */
bool sip_scan_param(struct sip_scan *c, unsigned name_chars, struct sip_param *out);
/* ";name=value" up to the end; absent when there is none. False: something else is there too. */
bool sip_scan_params(struct sip_scan *c, struct sip_str *out);
/* host [":" port], blanks around the colon. */
bool sip_scan_host_port(struct sip_scan *c, struct sip_host *host, uint16_t *port);

struct sip_str sip_str_trim(struct sip_str s);

/* ---- lines of a head: msg.c and stream.c must agree on them ---- */

struct sip_field {
	struct sip_str whole; /* with CRLF; of 2 bytes: the end of the head */
	struct sip_str name, value;
	enum sip_refusal refusal; /* then there may be neither name nor value */
};
/* The next header field; false when no CRLF ends it. */
bool sip_field_next(struct sip_scan *c, struct sip_field *out);
/* The next line and what is wrong with its bytes. False: no LF. */
bool sip_line_next(struct sip_scan *c, struct sip_str *line, enum sip_refusal *refusal);

#endif
