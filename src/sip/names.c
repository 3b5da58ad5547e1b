/* SPDX-License-Identifier: BSD-3-Clause */
/* The words we know, each in one table; found without a search over all of them. */
#include "scan.h"

struct word {
	const char *text;
	uint8_t len;
};
#define WORD(text)                                                                                 \
	{                                                                                          \
		text, sizeof(text) - 1                                                             \
	}

static const struct word methods[SIP_METHOD_COUNT] = {WORD(""),
#define X(name) WORD(#name),
	SIP_METHODS(X)
#undef X
};

static const struct word headers[SIP_HEADER_COUNT] = {WORD(""),
#define X(id, text) WORD(text),
	SIP_HEADERS(X)
#undef X
};

/* The first header field of each length; of one that no name has, 0. */
#define LENGTH_MAX 21
static const uint8_t first_of_length[LENGTH_MAX + 1] = {
	[2] = SIP_HEADER_TO,
	[3] = SIP_HEADER_VIA,
	[4] = SIP_HEADER_CSEQ,
	[5] = SIP_HEADER_ALLOW,
	[6] = SIP_HEADER_ACCEPT,
	[7] = SIP_HEADER_CALL_ID,
	[8] = SIP_HEADER_IDENTITY,
	[9] = SIP_HEADER_CALL_INFO,
	[10] = SIP_HEADER_ALERT_INFO,
	[11] = SIP_HEADER_ANSWER_MODE,
	[12] = SIP_HEADER_ALLOW_EVENTS,
	[13] = SIP_HEADER_AUTHORIZATION,
	[14] = SIP_HEADER_ACCEPT_CONTACT,
	[15] = SIP_HEADER_ACCEPT_ENCODING,
	[16] = SIP_HEADER_CONTENT_ENCODING,
	[17] = SIP_HEADER_P_CALLED_PARTY_ID,
	[18] = SIP_HEADER_PROXY_AUTHENTICATE,
	[19] = SIP_HEADER_AUTHENTICATION_INFO,
	[20] = SIP_HEADER_P_PREFERRED_IDENTITY,
	[21] = SIP_HEADER_P_ACCESS_NETWORK_INFO,
};

static const struct word options[SIP_OPTION_COUNT] = {
#define X(id, text) WORD(text),
	SIP_OPTIONS_KNOWN(X)
#undef X
};
_Static_assert(SIP_OPTION_COUNT <= 64 && SIP_METHOD_COUNT <= 64, "sets are 64 bits");

static const struct word transports[SIP_TRANSPORT_COUNT] = {
	WORD(""),
	[SIP_UDP] = WORD("UDP"),
	[SIP_TCP] = WORD("TCP"),
	[SIP_TLS] = WORD("TLS"),
	[SIP_WS] = WORD("WS"),
	[SIP_WSS] = WORD("WSS"),
	[SIP_SCTP] = WORD("SCTP"),
	[SIP_TLS_SCTP] = WORD("TLS-SCTP"),
};

static bool word_is(const struct word *w, struct sip_str s)
{
	return sip_str_equal_nocase(sip_str_of(w->text, w->len), s);
}

enum sip_method sip_method_find(struct sip_str name)
{
	for (unsigned i = 1; i < SIP_METHOD_COUNT; i++)
		if (name.len == methods[i].len && memcmp(name.at, methods[i].text, name.len) == 0)
			return (enum sip_method)i;
	return SIP_METHOD_OTHER;
}

static enum sip_header_id find_compact(char c)
{
	switch (sip_char_lower(c)) {
#define X(letter, id)                                                                              \
	case letter:                                                                               \
		return SIP_HEADER_##id;
		SIP_COMPACT_FORMS(X)
#undef X
	default:
		return SIP_HEADER_OTHER;
	}
}

enum sip_header_id sip_header_find(struct sip_str name)
{
	if (name.len == 1)
		return find_compact(name.at[0]);
	if (name.len > LENGTH_MAX || first_of_length[name.len] == 0)
		return SIP_HEADER_OTHER;
	char letter = sip_char_lower(name.at[0]);
	for (unsigned i = first_of_length[name.len];
		i < SIP_HEADER_COUNT && headers[i].len == name.len; i++)
		if (sip_char_lower(headers[i].text[0]) == letter && word_is(&headers[i], name))
			return (enum sip_header_id)i;
	return SIP_HEADER_OTHER;
}

bool sip_option_find(struct sip_str tag, enum sip_option *out)
{
	for (unsigned i = 0; i < SIP_OPTION_COUNT; i++) {
		if (!word_is(&options[i], tag))
			continue;
		*out = (enum sip_option)i;
		return true;
	}
	return false;
}

enum sip_transport sip_transport_find(struct sip_str name)
{
	for (unsigned i = 1; i < SIP_TRANSPORT_COUNT; i++)
		if (word_is(&transports[i], name))
			return (enum sip_transport)i;
	return SIP_TRANSPORT_OTHER;
}

const char *sip_method_name(enum sip_method m)
{
	return methods[m].text;
}

const char *sip_header_name(enum sip_header_id id)
{
	return headers[id].text;
}

const char *sip_option_name(enum sip_option o)
{
	return options[o].text;
}

const char *sip_transport_name(enum sip_transport t)
{
	return transports[t].text;
}
