/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * What has to be read of DTLS before there is a session: record headers, the front of a ClientHello
 * up to its cookie, and the HelloVerifyRequest (RFC 6347 §4.1, §4.2). No I/O, no state.
 */
#ifndef NET_DTLS_HELLO_H
#define NET_DTLS_HELLO_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sallyport/common.h>

#define NET_HELLO_RANDOM_LEN 32
#define NET_COOKIE_LEN       20

struct net_hello {
	uint8_t record_seq[6];
	uint16_t message_seq;
	struct bytes random; /* NET_HELLO_RANDOM_LEN bytes; views into the datagram */
	struct bytes cookie; /* empty in a client's first hello */
};

#define NET_DTLS_RECORD_HEADER_LEN 13

/*
 * Is this the first fragment of a ClientHello that is not encrypted, with its whole cookie?
 * ERR_NOT_FOUND when it is another record, ERR_MALFORMED when it is broken or its cookie is in
 * another fragment.
 */
int net_hello_decode(struct bytes datagram, struct net_hello *out);

/* Always shorter than the hello that it answers, which has at least 61 bytes. */
#define NET_HELLO_VERIFY_LEN (13 + 12 + 3 + NET_COOKIE_LEN)
void net_hello_verify_encode(const struct net_hello *hello, const uint8_t cookie[NET_COOKIE_LEN],
	uint8_t out[NET_HELLO_VERIFY_LEN]);

/*
 * The records at the beginning of DATAGRAM that a session may be given: whole ones, of epoch 0 and
 * 1. Later epochs come of a renegotiation, which there is not, and OpenSSL would keep them.
 */
struct bytes net_dtls_records(struct bytes datagram);

#endif
