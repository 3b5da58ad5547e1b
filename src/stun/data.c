/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * The Data indication (RFC 8656 §11.4) built around a payload that already lies in its buffer, so
 * that the packet path copies nothing:
 *
 *  | header 20 | XOR-PEER-ADDRESS 12 or 24 | DATA 4 | payload | 0 to 3 bytes 0 |
 */
#include "wire.h"

static uint8_t *put_attr_header(uint8_t *p, uint16_t type, size_t len)
{
	be16_put(p, type);
	be16_put(p + 2, (uint16_t)len);
	return p + STUN_ATTR_HEADER_LEN;
}

size_t stun_data_indication_wrap(uint8_t *data, size_t len, const struct addr *peer,
	const uint8_t tid[STUN_TID_LEN], size_t *total)
{
	size_t address_len = peer->family == ADDR_IPV4 ? STUN_IPV4_LEN : STUN_IPV6_LEN;
	size_t front = STUN_HEADER_LEN + 2 * STUN_ATTR_HEADER_LEN + address_len;
	if (len > UINT16_MAX || front - STUN_HEADER_LEN + stun_padded(len) > STUN_BODY_MAX)
		return 0;

	uint8_t *start = data - front;
	be16_put(start, stun_type_join(STUN_INDICATION, STUN_DATA));
	be16_put(start + 2, (uint16_t)(front - STUN_HEADER_LEN + stun_padded(len)));
	be32_put(start + 4, STUN_MAGIC);
	memcpy(start + 8, tid, STUN_TID_LEN);
	uint8_t *p = put_attr_header(start + STUN_HEADER_LEN, STUN_XOR_PEER_ADDRESS, address_len);
	p += stun_address_put(p, peer, start + STUN_XOR_OFFSET);
	put_attr_header(p, STUN_DATA_ATTR, len);
	memset(data + len, 0, stun_padded(len) - len);
	*total = front + stun_padded(len);
	return front;
}
