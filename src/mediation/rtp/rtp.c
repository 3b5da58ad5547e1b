/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * RTP packets: bytes to structs and back.
 *
 *    0                   1                   2                   3
 *   |V=2|P|X|  CC   |M|     PT      |        sequence number        |
 *   |                           timestamp                           |
 *   |                             SSRC                              |
 *   |                     CSRC, CC of them ...                      |
 */
#include <string.h>
#include <sallyport/mediation/rtp.h>

#define VERSION       0x80 /* 2, in the two highest bits */
#define VERSION_MASK  0xc0
#define PADDING_BIT   0x20
#define EXTENSION_BIT 0x10
#define CSRC_MASK     0x0f
#define MARKER_BIT    0x80

#define EXTENSION_HEADER_LEN 4

enum rtp_kind rtp_kind(const void *data, size_t len)
{
	const uint8_t *p = data;

	if (len < 2)
		return RTP_KIND_OTHER;
	if (p[0] <= 3)
		return RTP_KIND_STUN;
	if (p[0] >= 20 && p[0] <= 63)
		return RTP_KIND_DTLS;
	if ((p[0] & VERSION_MASK) != VERSION)
		return RTP_KIND_OTHER;
	return p[1] >= 192 && p[1] <= 223 ? RTP_KIND_RTCP : RTP_KIND_RTP;
}

/* The extension that begins at *AT; *AT goes behind it. */
static int decode_extension(const uint8_t *data, size_t len, size_t *at, struct rtp_packet *p)
{
	if (len - *at < EXTENSION_HEADER_LEN)
		return ERR_TRUNCATED;
	size_t n = 4u * be16_get(data + *at + 2);
	if (len - *at - EXTENSION_HEADER_LEN < n)
		return ERR_TRUNCATED;
	p->has_extension = true;
	p->profile = be16_get(data + *at);
	p->extension = bytes_of(data + *at + EXTENSION_HEADER_LEN, n);
	*at += EXTENSION_HEADER_LEN + n;
	return 0;
}

int rtp_decode_header(const void *data, size_t len, struct rtp_packet *out)
{
	const uint8_t *b = data;

	if (len < RTP_HEADER_LEN)
		return ERR_TRUNCATED;
	if ((b[0] & VERSION_MASK) != VERSION)
		return ERR_MALFORMED;
	struct rtp_packet p = {
		.has_marker = b[1] & MARKER_BIT,
		.payload_type = b[1] & 0x7f,
		.sequence = be16_get(b + 2),
		.timestamp = be32_get(b + 4),
		.ssrc = be32_get(b + 8),
		.n_csrc = b[0] & CSRC_MASK,
		.csrc = b + RTP_HEADER_LEN,
	};
	size_t at = RTP_HEADER_LEN + 4u * p.n_csrc;
	if (len < at)
		return ERR_TRUNCATED;
	int rc = b[0] & EXTENSION_BIT ? decode_extension(b, len, &at, &p) : 0;
	if (rc != 0)
		return rc;
	p.header_len = at;
	p.payload = bytes_of(b + at, len - at);
	*out = p;
	return 0;
}

int rtp_decode(const void *data, size_t len, struct rtp_packet *out)
{
	struct rtp_packet p;
	const uint8_t *b = data;
	int rc = rtp_decode_header(data, len, &p);

	if (rc != 0)
		return rc;
	if (b[0] & PADDING_BIT) {
		if (p.payload.len == 0)
			return ERR_TRUNCATED;
		p.padding = b[len - 1];
		if (p.padding == 0 || p.padding > p.payload.len)
			return ERR_MALFORMED;
		p.payload.len -= p.padding;
	}
	*out = p;
	return 0;
}

uint32_t rtp_csrc(const struct rtp_packet *p, unsigned i)
{
	return be32_get(p->csrc + 4 * (size_t)i);
}

size_t rtp_header_len(const struct rtp_packet *p)
{
	return RTP_HEADER_LEN + 4u * p->n_csrc +
	       (p->has_extension ? EXTENSION_HEADER_LEN + p->extension.len : 0);
}

static bool is_encodable(const struct rtp_packet *p)
{
	return p->payload_type < 128 && p->n_csrc <= RTP_CSRC_MAX &&
	       (!p->has_extension ||
		       (p->extension.len % 4 == 0 && p->extension.len / 4 <= UINT16_MAX));
}

static void encode_header(const struct rtp_packet *p, uint8_t *out)
{
	out[0] = (uint8_t)(VERSION | (p->padding ? PADDING_BIT : 0) |
			   (p->has_extension ? EXTENSION_BIT : 0) | p->n_csrc);
	out[1] = (uint8_t)((p->has_marker ? MARKER_BIT : 0) | p->payload_type);
	be16_put(out + 2, p->sequence);
	be32_put(out + 4, p->timestamp);
	be32_put(out + 8, p->ssrc);
	if (p->n_csrc > 0)
		memcpy(out + RTP_HEADER_LEN, p->csrc, 4u * p->n_csrc);
	if (!p->has_extension)
		return;
	uint8_t *x = out + RTP_HEADER_LEN + 4u * p->n_csrc;
	be16_put(x, p->profile);
	be16_put(x + 2, (uint16_t)(p->extension.len / 4));
	if (p->extension.len > 0)
		memcpy(x + EXTENSION_HEADER_LEN, p->extension.data, p->extension.len);
}

int rtp_encode(const struct rtp_packet *p, uint8_t *out, size_t cap, size_t *len)
{
	size_t header = rtp_header_len(p);

	if (!is_encodable(p))
		return ERR_MALFORMED;
	if (cap < header + p->padding || cap - header - p->padding < p->payload.len)
		return ERR_NO_SPACE;
	uint8_t *payload = out + header;
	/* First of all, for the payload may lie where the header goes. */
	if (p->payload.len > 0 && p->payload.data != payload)
		memmove(payload, p->payload.data, p->payload.len);
	encode_header(p, out);
	if (p->padding > 0) {
		memset(payload + p->payload.len, 0, p->padding);
		payload[p->payload.len + p->padding - 1] = p->padding;
	}
	*len = header + p->payload.len + p->padding;
	return 0;
}

/* ---- elements of a header extension (RFC 8285) ---- */

#define PADDING_ID    0
#define STOP_ID       15 /* of headers of one byte: nothing behind it is looked at */
#define TWO_BYTE      0x1000
#define TWO_BYTE_MASK 0xfff0

/* Header of the element at B, which has N > 0 bytes. False: it does not fit. */
static bool read_element(
	bool has_two, const uint8_t *b, size_t n, size_t *header, uint8_t *id, size_t *len)
{
	*header = has_two ? 2 : 1;
	if (n < *header)
		return false;
	*id = has_two ? b[0] : b[0] >> 4;
	*len = has_two ? b[1] : (b[0] & 0x0f) + 1u;
	return n - *header >= *len;
}

bool rtp_element_next(const struct rtp_packet *p, size_t *offset, struct rtp_element *out)
{
	bool has_two = (p->profile & TWO_BYTE_MASK) == TWO_BYTE;
	size_t header, len;
	uint8_t id;

	if (!p->has_extension || (!has_two && p->profile != RTP_PROFILE_ONE_BYTE))
		return false;
	const uint8_t *b = p->extension.data;
	while (*offset < p->extension.len && b[*offset] == PADDING_ID)
		(*offset)++;
	if (*offset >= p->extension.len ||
		!read_element(has_two, b + *offset, p->extension.len - *offset, &header, &id, &len))
		return false;
	if (!has_two && id == STOP_ID)
		return false;
	*out = (struct rtp_element){id, bytes_of(b + *offset + header, len)};
	*offset += header + len;
	return true;
}
