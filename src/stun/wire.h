/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * What the files of the codec share: sizes of the wire, the attribute header, the CRC.
 */
#ifndef STUN_WIRE_H
#define STUN_WIRE_H

#include <sallyport/stun.h>

#define STUN_ATTR_HEADER_LEN 4
#define STUN_CLASSIC_ID_LEN  16     /* magic cookie and transaction id, or RFC 3489's longer id */
#define STUN_BODY_MAX        0xfffc /* the greatest multiple of 4 the length field can say */

/* The XOR pattern of addresses is the header from the cookie on. */
#define STUN_XOR_OFFSET 4

/* Address families on the wire. */
#define STUN_WIRE_IPV4 0x01
#define STUN_WIRE_IPV6 0x02
#define STUN_IPV4_LEN  8 /* value: one byte 0, family, port, address */
#define STUN_IPV6_LEN  20

#define STUN_MI_LEN            CRYPTO_SHA1_LEN
#define STUN_MI_SHA256_MIN     16
#define STUN_MI_SHA256_LEN     CRYPTO_SHA256_LEN
#define STUN_FINGERPRINT_LEN   4
#define STUN_FINGERPRINT_MAGIC 0x5354554eu

static inline size_t stun_padded(size_t len)
{
	return (len + 3) & ~(size_t)3;
}

/* The attribute at OFFSET, where decode has found a whole one. Returns the offset of the next. */
static inline size_t stun_attr_at(const uint8_t *data, size_t offset, struct stun_attr *out)
{
	out->type = be16_get(data + offset);
	out->len = be16_get(data + offset + 2);
	out->value = data + offset + STUN_ATTR_HEADER_LEN;
	return offset + STUN_ATTR_HEADER_LEN + stun_padded(out->len);
}

/* Does the enum of the face list TYPE? */
bool stun_attr_is_known(unsigned type);

/* The 16 bits that method and class make up. */
uint16_t stun_type_join(enum stun_class class, unsigned method);

/* CRC-32 of ITU V.42, the one of Ethernet and zip. LEN is a multiple of 4, as all offsets here. */
uint32_t stun_crc32(const uint8_t *data, size_t len);

/* The value FINGERPRINT must have behind these LEN bytes. */
static inline uint32_t stun_fingerprint(const uint8_t *data, size_t len)
{
	return stun_crc32(data, len) ^ STUN_FINGERPRINT_MAGIC;
}

/*
 * Writes the value of an address attribute, XORed with PATTERN (16 bytes) unless that is NULL.
 * Returns its length, 8 or 20; OUT has room for 20.
 */
size_t stun_address_put(uint8_t *out, const struct addr *a, const uint8_t *pattern);

/*
 * Appends an attribute's header and padding, sets the message's length, and returns where LEN bytes
 * of value go; NULL when the writer has failed or fails by this.
 */
uint8_t *stun_write_reserve(struct stun_writer *w, uint16_t type, size_t len);

#endif
