/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * The two ends of the cookie exchange as bytes (RFC 6347 §4.2):
 *
 *   record     type 1, version 2, epoch 2, sequence number 6, length 2
 *   handshake  type 1, length 3, message_seq 2, fragment_offset 3, fragment_length 3
 *   hello      version 2, random 32, session_id <1>, cookie <1>, ...
 */
#include "hello.h"

#define TYPE_HANDSHAKE       22
#define HANDSHAKE_HEADER_LEN 12
#define CLIENT_HELLO         1
#define HELLO_VERIFY         3
#define VERSION_MAJOR        0xfe
#define VERSION_1_0          0xfeff /* that of a HelloVerifyRequest, whatever comes after it */
#define EPOCH_MAX            1
#define FRONT_LEN            (2 + NET_HELLO_RANDOM_LEN)

static uint32_t be24_get(const uint8_t *p)
{
	return (uint32_t)p[0] << 16 | (uint32_t)p[1] << 8 | p[2];
}

static void be24_put(uint8_t *p, uint32_t v)
{
	p[0] = (uint8_t)(v >> 16);
	be16_put(p + 1, (uint16_t)v);
}

/* Length of the record at the front of IN, header included; 0 when it is not whole, or no DTLS. */
static size_t record_len(struct bytes in)
{
	if (in.len < NET_DTLS_RECORD_HEADER_LEN || in.data[1] != VERSION_MAJOR)
		return 0;
	size_t len = (size_t)NET_DTLS_RECORD_HEADER_LEN + be16_get(in.data + 11);
	return len <= in.len ? len : 0;
}

struct bytes net_dtls_records(struct bytes datagram)
{
	struct bytes rest = datagram;
	size_t len;

	while ((len = record_len(rest)) > 0 && be16_get(rest.data + 3) <= EPOCH_MAX)
		rest = bytes_of(rest.data + len, rest.len - len);
	return bytes_of(datagram.data, datagram.len - rest.len);
}

/* Takes a vector with a length of one byte off the front of IN. */
static bool take_vector(struct bytes *in, struct bytes *out)
{
	if (in->len < 1 || in->len - 1 < in->data[0])
		return false;
	*out = bytes_of(in->data + 1, in->data[0]);
	*in = bytes_of(out->data + out->len, in->len - 1 - out->len);
	return true;
}

/* IN is the body of the message's first fragment. */
static int decode_body(struct bytes in, struct net_hello *out)
{
	struct bytes session_id;

	if (in.len < FRONT_LEN || in.data[0] != VERSION_MAJOR)
		return ERR_MALFORMED;
	out->random = bytes_of(in.data + 2, NET_HELLO_RANDOM_LEN);
	in = bytes_of(in.data + FRONT_LEN, in.len - FRONT_LEN);
	return take_vector(&in, &session_id) && take_vector(&in, &out->cookie) ? 0 : ERR_MALFORMED;
}

int net_hello_decode(struct bytes datagram, struct net_hello *out)
{
	const uint8_t *record = datagram.data, *message = record + NET_DTLS_RECORD_HEADER_LEN;
	size_t len = record_len(datagram);
	struct net_hello h;

	if (len < NET_DTLS_RECORD_HEADER_LEN + HANDSHAKE_HEADER_LEN)
		return len == 0 ? ERR_MALFORMED : ERR_NOT_FOUND;
	if (record[0] != TYPE_HANDSHAKE || be16_get(record + 3) != 0 ||
		message[0] != CLIENT_HELLO || be24_get(message + 6) != 0)
		return ERR_NOT_FOUND;
	size_t fragment_len = be24_get(message + 9);
	if (fragment_len > be24_get(message + 1) ||
		fragment_len > len - NET_DTLS_RECORD_HEADER_LEN - HANDSHAKE_HEADER_LEN)
		return ERR_MALFORMED;
	memcpy(h.record_seq, record + 5, sizeof(h.record_seq));
	h.message_seq = be16_get(message + 4);
	int rc = decode_body(bytes_of(message + HANDSHAKE_HEADER_LEN, fragment_len), &h);
	if (rc == 0)
		*out = h;
	return rc;
}

void net_hello_verify_encode(const struct net_hello *hello, const uint8_t cookie[NET_COOKIE_LEN],
	uint8_t out[NET_HELLO_VERIFY_LEN])
{
	uint8_t *message = out + NET_DTLS_RECORD_HEADER_LEN, *body = message + HANDSHAKE_HEADER_LEN;
	const uint8_t body_len = 3 + NET_COOKIE_LEN;

	memset(out, 0, NET_HELLO_VERIFY_LEN);
	out[0] = TYPE_HANDSHAKE;
	be16_put(out + 1, VERSION_1_0);
	memcpy(out + 5, hello->record_seq, sizeof(hello->record_seq));
	be16_put(out + 11, HANDSHAKE_HEADER_LEN + body_len);
	message[0] = HELLO_VERIFY;
	be24_put(message + 1, body_len);
	be24_put(message + 9, body_len);
	be16_put(body, VERSION_1_0);
	body[2] = NET_COOKIE_LEN;
	memcpy(body + 3, cookie, NET_COOKIE_LEN);
}
