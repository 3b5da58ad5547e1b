/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * The message as a whole: header, the walk over its attributes, which of them count. Values of
 * attributes are in attr.c and address.c, integrity in integrity.c, writing in write.c.
 */
#include "wire.h"

/*
 * The class hides in two bits of the message type (RFC 8489 §5):
 *
 *   M11 M10 M9 M8 M7 C1 M6 M5 M4 C0 M3 M2 M1 M0
 */
static void type_split(uint16_t type, enum stun_class *class, uint16_t *method)
{
	*class = (enum stun_class)((type >> 7 & 2) | (type >> 4 & 1));
	*method = (uint16_t)((type & 0x000f) | (type >> 1 & 0x0070) | (type >> 2 & 0x0f80));
}

uint16_t stun_type_join(enum stun_class class, unsigned method)
{
	unsigned c = class;
	return (uint16_t)((method & 0x000f) | (method & 0x0070) << 1 | (method & 0x0f80) << 2 |
			  (c & 1) << 4 | (c & 2) << 7);
}

size_t stun_msg_peek_len(const uint8_t header[STUN_HEADER_LEN])
{
	size_t body = be16_get(header + 2);
	if (!stun_is_message(header[0]) || body % 4 != 0 || be32_get(header + 4) != STUN_MAGIC)
		return 0;
	return STUN_HEADER_LEN + body;
}

static int header_decode(const uint8_t *data, size_t len, struct stun_msg *m)
{
	if (len < STUN_HEADER_LEN)
		return ERR_TRUNCATED;
	uint16_t type = be16_get(data);
	size_t body = be16_get(data + 2);
	bool is_classic = be32_get(data + 4) != STUN_MAGIC;
	if (!stun_is_message(data[0]) || body % 4 != 0)
		return ERR_MALFORMED;
	/* RFC 3489 had no cookie. Its Binding is the one method that lives on (RFC 8489 §11). */
	if (is_classic && type != stun_type_join(STUN_REQUEST, STUN_BINDING))
		return ERR_MALFORMED;
	if (len - STUN_HEADER_LEN < body)
		return ERR_TRUNCATED;
	if (len - STUN_HEADER_LEN > body)
		return ERR_MALFORMED;
	*m = (struct stun_msg){
		.data = data,
		.len = len,
		.is_classic = is_classic,
		.tid = data + STUN_HEADER_LEN - STUN_TID_LEN,
		.body_end = len,
	};
	type_split(type, &m->class, &m->method);
	return 0;
}

static void note_unknown(struct stun_msg *m, uint16_t type)
{
	if (type >= 0x8000 || stun_attr_is_known(type) || m->n_unknown == STUN_UNKNOWN_MAX)
		return;
	for (size_t i = 0; i < m->n_unknown; i++)
		if (m->unknown[i] == type)
			return;
	m->unknown[m->n_unknown++] = type;
}

/* Behind MESSAGE-INTEGRITY only the SHA-256 one counts, behind that none (RFC 8489 §14.6). */
static int note_integrity(struct stun_msg *m, const struct stun_attr *a, size_t offset)
{
	if (m->integrity_sha256 != 0 || (a->type == STUN_MESSAGE_INTEGRITY && m->integrity != 0))
		return 0;
	if (a->type == STUN_MESSAGE_INTEGRITY) {
		if (a->len != STUN_MI_LEN)
			return ERR_MALFORMED;
		m->integrity = offset;
	} else {
		if (a->len < STUN_MI_SHA256_MIN || a->len > STUN_MI_SHA256_LEN || a->len % 4 != 0)
			return ERR_MALFORMED;
		m->integrity_sha256 = offset;
	}
	return 0;
}

static int note_fingerprint(struct stun_msg *m, const struct stun_attr *a, size_t offset)
{
	if (a->len != STUN_FINGERPRINT_LEN)
		return ERR_MALFORMED;
	if (offset + STUN_ATTR_HEADER_LEN + STUN_FINGERPRINT_LEN != m->len)
		return ERR_MALFORMED;
	if (be32_get(a->value) != stun_fingerprint(m->data, offset))
		return ERR_MALFORMED;
	m->fingerprint = offset;
	return 0;
}

/* Every attribute is looked at, reachable or not, so that the framing is known to be whole. */
static int attrs_decode(struct stun_msg *m)
{
	size_t offset = STUN_HEADER_LEN;
	while (offset < m->len) {
		struct stun_attr a;
		int err = 0;
		/* Header length and offset are multiples of 4: a header always fits. */
		size_t next = stun_attr_at(m->data, offset, &a);
		if (next > m->len)
			return ERR_MALFORMED;
		if (a.type == STUN_FINGERPRINT)
			err = note_fingerprint(m, &a, offset);
		else if (a.type == STUN_MESSAGE_INTEGRITY ||
			 a.type == STUN_MESSAGE_INTEGRITY_SHA256)
			err = note_integrity(m, &a, offset);
		else if (m->body_end == m->len)
			note_unknown(m, a.type);
		if (err != 0)
			return err;
		if (m->body_end == m->len && (m->integrity | m->integrity_sha256 | m->fingerprint))
			m->body_end = offset;
		offset = next;
	}
	return 0;
}

int stun_msg_decode(const void *data, size_t len, struct stun_msg *out)
{
	struct stun_msg m;
	int err = header_decode(data, len, &m);
	if (err == 0)
		err = attrs_decode(&m);
	if (err == 0)
		*out = m;
	return err;
}

bool stun_attr_next(const struct stun_msg *m, size_t *offset, struct stun_attr *out)
{
	size_t at = *offset == 0 ? STUN_HEADER_LEN : *offset;
	if (at >= m->body_end)
		return false;
	*offset = stun_attr_at(m->data, at, out);
	return true;
}

static bool find_at(const struct stun_msg *m, size_t offset, struct stun_attr *out)
{
	if (offset == 0)
		return false;
	(void)stun_attr_at(m->data, offset, out);
	return true;
}

bool stun_attr_find(const struct stun_msg *m, uint16_t type, struct stun_attr *out)
{
	if (type == STUN_MESSAGE_INTEGRITY)
		return find_at(m, m->integrity, out);
	if (type == STUN_MESSAGE_INTEGRITY_SHA256)
		return find_at(m, m->integrity_sha256, out);
	if (type == STUN_FINGERPRINT)
		return find_at(m, m->fingerprint, out);

	size_t offset = 0;
	struct stun_attr a;
	while (stun_attr_next(m, &offset, &a)) {
		if (a.type == type) {
			*out = a;
			return true;
		}
	}
	return false;
}
