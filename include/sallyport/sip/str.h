/* SPDX-License-Identifier: BSD-3-Clause */
/* A borrowed run of text inside a message. Not NUL-terminated. */
#ifndef SALLYPORT_SIP_STR_H
#define SALLYPORT_SIP_STR_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>
#include <sallyport/common.h>

/* at == NULL: absent. len == 0 alone: there, and empty. */
struct sip_str {
	const char *at;
	uint32_t len;
};

#define SIP_NONE ((struct sip_str){NULL, 0})

static inline struct sip_str sip_str_of(const void *at, size_t len)
{
	return (struct sip_str){(const char *)at, (uint32_t)len};
}
static inline struct sip_str sip_str_c(const char *s)
{
	return (struct sip_str){s, (uint32_t)strlen(s)};
}
static inline struct bytes sip_str_bytes(struct sip_str s)
{
	return bytes_of(s.at, s.len);
}
static inline bool sip_str_equal(struct sip_str a, struct sip_str b)
{
	return a.len == b.len && (a.len == 0 || memcmp(a.at, b.at, a.len) == 0);
}

/* Letters of ASCII compare without case, all else as bytes. */
bool sip_str_equal_nocase(struct sip_str a, struct sip_str b);
bool sip_str_is(struct sip_str a, const char *word); /* without case */

/*
 * Text for people or for keys: every run of blanks with a fold in it (RFC 3261 §7.3.1) becomes one
 * space; where IS_QUOTED, a backslash goes and what it protects stays. Writes at most CAP bytes and
 * their number to *LEN, or ERR_NO_SPACE.
 */
int sip_str_text(struct sip_str s, bool is_quoted, char *out, size_t cap, size_t *len);

#endif
