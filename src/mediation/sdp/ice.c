/* SPDX-License-Identifier: BSD-3-Clause */
/* Values of the attributes of ICE (RFC 8839) and of DTLS (RFC 8122, RFC 4145). */
#include "scan.h"
#include <sallyport/mediation/sdp/attr.h>

int sdp_fingerprint_decode(struct bytes value, struct sdp_fingerprint *out)
{
	struct sdp_fingerprint f = {.digest_len = 0};
	size_t offset = 0;
	struct bytes hex, more;
	if (!sdp_word_next(value, &offset, &f.hash) || !scan_is_token(f.hash) ||
		!sdp_word_next(value, &offset, &hex) || sdp_word_next(value, &offset, &more) ||
		(hex.len + 1) % 3 != 0 || (hex.len + 1) / 3 > sizeof(f.digest))
		return ERR_MALFORMED;
	for (size_t i = 0; i < hex.len; i += 3) {
		size_t n;
		if ((i + 2 < hex.len && hex.data[i + 2] != ':') ||
			hex_decode((const char *)hex.data + i, 2, &f.digest[f.digest_len], 1, &n) !=
				0)
			return ERR_MALFORMED;
		f.digest_len++;
	}
	*out = f;
	return 0;
}

int sdp_setup_decode(struct bytes value, enum sdp_setup *out)
{
	static const char *const names[] = {[SDP_SETUP_ACTIVE] = "active",
		[SDP_SETUP_PASSIVE] = "passive",
		[SDP_SETUP_ACTPASS] = "actpass",
		[SDP_SETUP_HOLDCONN] = "holdconn"};
	for (unsigned i = 0; i < ARRAY_LEN(names); i++) {
		if (scan_is_nocase(value, names[i])) {
			*out = (enum sdp_setup)i;
			return 0;
		}
	}
	return ERR_MALFORMED;
}

int sdp_connection_is_new(struct bytes value, bool *out)
{
	bool is_new = scan_is_nocase(value, "new");
	if (!is_new && !scan_is_nocase(value, "existing"))
		return ERR_MALFORMED;
	*out = is_new;
	return 0;
}

static bool is_ice_text(struct bytes in, size_t min, size_t max)
{
	for (size_t i = 0; i < in.len; i++) {
		uint8_t c = in.data[i];
		if (!((c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') ||
			    c == '+' || c == '/'))
			return false;
	}
	return in.len >= min && in.len <= max;
}

int sdp_ice_ufrag_decode(struct bytes value, struct bytes *out)
{
	if (!is_ice_text(value, 4, 256))
		return ERR_MALFORMED;
	*out = value;
	return 0;
}

int sdp_ice_pwd_decode(struct bytes value, struct bytes *out)
{
	if (!is_ice_text(value, 22, 256))
		return ERR_MALFORMED;
	*out = value;
	return 0;
}

static enum sdp_candidate_type type_of(struct bytes word)
{
	static const char *const names[] = {[SDP_CANDIDATE_HOST] = "host",
		[SDP_CANDIDATE_SRFLX] = "srflx",
		[SDP_CANDIDATE_PRFLX] = "prflx",
		[SDP_CANDIDATE_RELAY] = "relay"};
	for (unsigned i = 0; i < ARRAY_LEN(names); i++) {
		if (scan_is_nocase(word, names[i]))
			return (enum sdp_candidate_type)i;
	}
	return SDP_CANDIDATE_OTHER;
}

static bool next_number(struct bytes in, size_t *offset, uint64_t max, uint64_t *out)
{
	struct bytes word;
	return sdp_word_next(in, offset, &word) && scan_number(word, max, out);
}

/* foundation, component, transport, priority, address, port */
static bool read_front(struct bytes in, size_t *offset, struct sdp_candidate *c)
{
	uint64_t component, priority, port;
	if (!sdp_word_next(in, offset, &c->foundation) || !is_ice_text(c->foundation, 1, 32) ||
		!next_number(in, offset, 256, &component) || component == 0 ||
		!sdp_word_next(in, offset, &c->transport) || !scan_is_token(c->transport) ||
		!next_number(in, offset, UINT32_MAX, &priority) ||
		!sdp_word_next(in, offset, &c->host) || !next_number(in, offset, 65535, &port))
		return false;
	c->component = (uint16_t)component;
	c->priority = (uint32_t)priority;
	c->port = (uint16_t)port;
	if (scan_addr(c->host, ADDR_NONE, &c->addr))
		c->addr.port = c->port;
	return true;
}

/* "raddr ADDRESS rport PORT", when it follows; a name in it says nothing of use. */
static bool read_related(struct bytes in, size_t *offset, struct sdp_candidate *c)
{
	struct bytes word, host;
	size_t at = *offset;
	uint64_t port;
	if (!sdp_word_next(in, &at, &word) || !scan_is_nocase(word, "raddr"))
		return true;
	if (!sdp_word_next(in, &at, &host) || !sdp_word_next(in, &at, &word) ||
		!scan_is_nocase(word, "rport") || !next_number(in, &at, 65535, &port))
		return false;
	if (scan_addr(host, ADDR_NONE, &c->related))
		c->related.port = (uint16_t)port;
	*offset = at;
	return true;
}

int sdp_candidate_decode(struct bytes value, struct sdp_candidate *out)
{
	struct sdp_candidate c = {.addr = {.family = ADDR_NONE}, .related = {.family = ADDR_NONE}};
	struct bytes word;
	size_t offset = 0;
	if (!read_front(value, &offset, &c) || !sdp_word_next(value, &offset, &word) ||
		!scan_is_nocase(word, "typ") || !sdp_word_next(value, &offset, &c.type_name) ||
		!read_related(value, &offset, &c))
		return ERR_MALFORMED;
	c.type = type_of(c.type_name);
	while (offset < value.len && value.data[offset] == ' ')
		offset++;
	c.extensions = bytes_of(value.data + offset, value.len - offset);
	*out = c;
	return 0;
}
