/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * Which lines pass from one side to the other. Attributes that are not known pass, unless they name
 * an address or a key: nobody but the two ends of a stream has a use for those.
 */
#include <strings.h>
#include <sallyport/mediation/sdp/pass.h>
#include "attr.h"
#include "scan.h"

/* Names in any case; with a "*" all that begin so. */
static const char *const stays[] = {
	/* Formats, whose numbers and parameters are ours on either side; direction. */
	"rtpmap", "fmtp", "ptime", "maxptime", "mptime", "maxmptime", "imageattr", "framesize",
	"sendrecv", "sendonly", "recvonly", "inactive",
	/* Where packets go, how they get there, and what a link has to spare. */
	"candidate*", "x-candidate*", "remote-candidate*", "end-of-candidates", "ice-*", "rtcp",
	"rtcp-*", "setup", "connection", "direction", "alt", "altc", "source-filter", "sctp*",
	"max-message-size", "nortpproxy", "visited-realm", "secondary-realm", "omr-*", "curr",
	"des", "conf", "x-bypass*",
	/* Keys, and how they are agreed on. */
	"crypto*", "key-mgmt", "fingerprint", "tls-id", "dtls-id", "zrtp-hash", "identity",
	"encryption", "3ge2ae",
	/* Sources, their clocks and header extensions, which are not carried on. */
	"ssrc*", "x-ssrc*", "msid*", "extmap*", "rid", "simulcast", "ts-refclk", "mediaclk",
	/* Names of lines: the other side has other ones. */
	"mid", "group", "label", "bundle-only",
	/* What else could be agreed on, by protocols that are not ours. */
	"sqn", "cdsc", "cpar", "x-sqn", "x-cap", "x-cpar", "csup", "creq", "acap", "tcap", "rmcap",
	"omcap", "mfcap", "mscap", "ccap", "icap", "bcap", "lcfg", "pcfg", "acfg", "sescap",
	/* Who has written it: we have. */
	"tool"};

static bool is_named(struct bytes name, const char *pattern)
{
	size_t len = strlen(pattern);
	bool is_front = pattern[len - 1] == '*';
	if (is_front)
		len--;
	return (is_front ? name.len >= len : name.len == len) &&
	       strncasecmp((const char *)name.data, pattern, len) == 0;
}

static bool is_staying(struct bytes name)
{
	for (size_t i = 0; i < ARRAY_LEN(stays); i++) {
		if (is_named(name, stays[i]))
			return true;
	}
	return false;
}

static bool is_of_ipv4(uint8_t c)
{
	return (c >= '0' && c <= '9') || c == '.';
}

static bool is_of_ipv6(uint8_t c)
{
	return is_of_ipv4(c) || (c >= 'a' && c <= 'f') || (c >= 'A' && c <= 'F') || c == ':';
}

/* WORD may begin with a ":" that stands behind a name, and end as a sentence does. */
static bool is_address(struct bytes word, enum addr_family family)
{
	struct addr a;
	while (word.len > 0 && (word.data[word.len - 1] == '.' || word.data[word.len - 1] == ':') &&
		!scan_addr(word, family, &a))
		word.len--;
	if (scan_addr(word, family, &a))
		return true;
	return word.len > 0 && (word.data[0] == ':' || word.data[0] == '.') &&
	       scan_addr(bytes_of(word.data + 1, word.len - 1), family, &a);
}

/* In whatever stands around it: "relay=192.0.2.7:5004", "via:[2001:db8::1]/64". */
static bool has_address_of(struct bytes value, enum addr_family family, bool (*is_of)(uint8_t c))
{
	for (size_t i = 0; i < value.len; i++) {
		size_t from = i;
		while (i < value.len && is_of(value.data[i]))
			i++;
		if (is_address(bytes_of(value.data + from, i - from), family))
			return true;
	}
	return false;
}

static bool has_address(struct bytes value)
{
	return has_address_of(value, ADDR_IPV4, is_of_ipv4) ||
	       has_address_of(value, ADDR_IPV6, is_of_ipv6);
}

/* "inline:" as of SDES, wherever it stands. */
static bool has_key(struct bytes value)
{
	static const char mark[] = "inline:";
	size_t len = sizeof(mark) - 1;
	for (size_t i = 0; i + len <= value.len; i++) {
		if (strncasecmp((const char *)value.data + i, mark, len) == 0)
			return true;
	}
	return false;
}

/* RTCP is between each side and us, and without it nobody would see a side fall silent. Less than
 * G.711 takes was meant for a codec that does not pass either. */
static bool may_bandwidth_pass(struct bytes value)
{
	static const struct {
		const char *type;
		uint64_t min;
	} rows[] = {{"AS", 64}, {"CT", 64}, {"TIAS", 64000}};
	struct bytes type;
	uint64_t n;
	if (!scan_until(&value, ':', &type) || scan_is_nocase(type, "RS") ||
		scan_is_nocase(type, "RR"))
		return false;
	for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
		if (scan_is_nocase(type, rows[i].type))
			return scan_number(value, UINT64_MAX, &n) && n >= rows[i].min;
	}
	return true;
}

bool sdp_may_pass(const struct sdp_line *line)
{
	struct sdp_attr a;
	if (line->type == 'b')
		return may_bandwidth_pass(line->value);
	if (line->type != 'a')
		return false;
	sdp_attr_split(line->value, &a);
	return !is_staying(a.name) && !has_address(a.value) && !has_key(a.value);
}

bool sdp_pass(struct sdp_writer *w, struct bytes lines)
{
	struct sdp_line l;
	size_t offset = 0;
	while (sdp_line_next(lines, &offset, &l)) {
		if (!sdp_may_pass(&l))
			continue;
		if (w->cap - w->len < l.value.len + 4)
			return false;
		sdp_write_copy(w, &l);
	}
	return true;
}
