/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * a=crypto (RFC 4568):
 *
 *   TAG SUITE inline:KEY||SALT[|LIFETIME][|MKI:LENGTH] [SESSION-PARAMETER]...
 */
#include <inttypes.h>
#include <stdio.h>
#include "scan.h"
#include <sallyport/mediation/sdp/attr.h>

static const struct {
	const char *name;
	uint8_t key_len;
} suites[SDP_SUITES] = {
	[SDP_AES_CM_128_HMAC_SHA1_80] = {"AES_CM_128_HMAC_SHA1_80", 30},
	[SDP_AES_CM_128_HMAC_SHA1_32] = {"AES_CM_128_HMAC_SHA1_32", 30},
	[SDP_AES_256_CM_HMAC_SHA1_80] = {"AES_256_CM_HMAC_SHA1_80", 46},
	[SDP_AES_256_CM_HMAC_SHA1_32] = {"AES_256_CM_HMAC_SHA1_32", 46},
	[SDP_AEAD_AES_128_GCM] = {"AEAD_AES_128_GCM", 28},
	[SDP_AEAD_AES_256_GCM] = {"AEAD_AES_256_GCM", 44},
};

const char *sdp_suite_name(enum sdp_suite s)
{
	return suites[s].name;
}

size_t sdp_suite_key_len(enum sdp_suite s)
{
	return suites[s].key_len;
}

static bool read_suite(struct bytes word, enum sdp_suite *out)
{
	for (unsigned i = 0; i < SDP_SUITES; i++) {
		if (scan_is_nocase(word, suites[i].name)) {
			*out = (enum sdp_suite)i;
			return true;
		}
	}
	return false;
}

/* "2^20" or "1048576" */
static bool read_lifetime(struct bytes in, uint64_t *out)
{
	struct bytes two;
	uint64_t v;
	if (scan_until(&in, '^', &two)) {
		if (!scan_is(two, "2") || !scan_number(in, 48, &v))
			return false;
		*out = (uint64_t)1 << v;
		return true;
	}
	if (!scan_number(in, (uint64_t)1 << 48, &v) || v == 0)
		return false;
	*out = v;
	return true;
}

/* "1:4" */
static int read_mki(struct bytes in, struct sdp_crypto *c)
{
	struct bytes value;
	uint64_t v, len;
	if (!scan_until(&in, ':', &value) || !scan_is_digits(value) ||
		!scan_number(in, 128, &len) || len == 0)
		return ERR_MALFORMED;
	if (len > SDP_MKI_MAX || !scan_number(value, UINT64_MAX, &v))
		return ERR_UNSUPPORTED;
	if (len < 8 && v >> (8 * len) != 0)
		return ERR_MALFORMED;
	c->mki = (struct sdp_mki){v, (uint8_t)len};
	return 0;
}

static int read_options(struct bytes in, struct sdp_crypto *c)
{
	struct bytes part, rest = in;
	if (!scan_until(&rest, '|', &part)) {
		part = in;
		rest = bytes_of(in.data + in.len, 0);
	}
	if (!memchr(part.data, ':', part.len)) {
		if (!read_lifetime(part, &c->lifetime))
			return ERR_MALFORMED;
		if (part.len == in.len)
			return 0;
		part = rest;
	} else if (part.len != in.len) {
		return ERR_MALFORMED;
	}
	return read_mki(part, c);
}

static int read_key(struct bytes in, struct sdp_crypto *c)
{
	struct bytes method, key;
	size_t len;
	if (!scan_until(&in, ':', &method))
		return ERR_MALFORMED;
	if (!scan_is_nocase(method, "inline") || memchr(in.data, ';', in.len))
		return ERR_UNSUPPORTED;
	bool has_options = scan_until(&in, '|', &key);
	if (!has_options)
		key = in;
	if (base64_decode((const char *)key.data, key.len, c->key, sizeof(c->key), &len) != 0 ||
		len != suites[c->suite].key_len)
		return ERR_MALFORMED;
	return has_options ? read_options(in, c) : 0;
}

static int read_parameter(struct bytes word, struct sdp_crypto *c)
{
	struct bytes name, value = word;
	bool has_value = scan_until(&value, '=', &name);
	if (!has_value)
		name = word;
	if (scan_is_nocase(name, "UNENCRYPTED_SRTP") || scan_is_nocase(name, "UNENCRYPTED_SRTCP") ||
		scan_is_nocase(name, "UNAUTHENTICATED_SRTP") || scan_is_nocase(name, "FEC_ORDER") ||
		scan_is_nocase(name, "FEC_KEY")) {
		c->is_plain = true;
		return 0;
	}
	if (scan_is_nocase(name, "WSH")) /* a hint about a window that ours is wider than */
		return has_value && scan_is_digits(value) ? 0 : ERR_MALFORMED;
	if (scan_is_nocase(name, "KDR") && has_value && scan_is(value, "0"))
		return 0;
	/* With a "-" in front it may be ignored (RFC 4568 §6.3.7). */
	return word.data[0] == '-' ? 0 : ERR_UNSUPPORTED;
}

int sdp_crypto_decode(struct bytes value, struct sdp_crypto *out)
{
	struct sdp_crypto c = {.tag = 0};
	struct bytes word;
	size_t offset = 0;
	uint64_t tag;
	if (!sdp_word_next(value, &offset, &word) || !scan_number(word, 999999999, &tag) ||
		!sdp_word_next(value, &offset, &word))
		return ERR_MALFORMED;
	c.tag = (uint32_t)tag;
	if (!read_suite(word, &c.suite))
		return ERR_UNSUPPORTED;
	if (!sdp_word_next(value, &offset, &word))
		return ERR_MALFORMED;
	int err = read_key(word, &c);
	while (err == 0 && sdp_word_next(value, &offset, &word))
		err = read_parameter(word, &c);
	if (err == 0)
		*out = c;
	explicit_bzero(&c, sizeof(c));
	return err;
}

/* "|2^31|1:4" */
static void write_options(const struct sdp_crypto *c, char *out, size_t cap)
{
	uint64_t life = c->lifetime;
	int len = 0;

	out[0] = '\0';
	if (life && (life & (life - 1)) == 0)
		len = snprintf(out, cap, "|2^%d", __builtin_ctzll(life));
	else if (life)
		len = snprintf(out, cap, "|%" PRIu64, life);
	if (c->mki.len)
		(void)snprintf(out + len, cap - (size_t)len, "|%" PRIu64 ":%u", c->mki.value,
			(unsigned)c->mki.len);
}

void sdp_write_crypto(struct sdp_writer *w, const struct sdp_crypto *c)
{
	char text[BASE64_LEN(SDP_KEY_MAX) + 1];
	char options[64];
	(void)base64_encode(c->key, suites[c->suite].key_len, text);
	write_options(c, options, sizeof(options));
	sdp_write_line(w, 'a', "crypto:%u %s inline:%s%s", (unsigned)c->tag, suites[c->suite].name,
		text, options);
	explicit_bzero(text, sizeof(text));
}
