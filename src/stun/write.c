/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * Writing a message into the caller's buffer. Addresses are in address.c, integrity and fingerprint
 * in integrity.c; the Data indication around bytes already in place is in data.c.
 */
#include <assert.h>
#include "wire.h"

static void set_length(struct stun_writer *w)
{
	be16_put(w->buf + 2, (uint16_t)(w->len - STUN_HEADER_LEN));
}

static void begin(struct stun_writer *w, void *buf, size_t cap, uint16_t type,
	const uint8_t cookie_and_tid[STUN_CLASSIC_ID_LEN])
{
	*w = (struct stun_writer){.buf = buf, .cap = cap};
	if (cap < STUN_HEADER_LEN) {
		w->failed = true;
		return;
	}
	be16_put(w->buf, type);
	memcpy(w->buf + 4, cookie_and_tid, STUN_CLASSIC_ID_LEN);
	w->len = STUN_HEADER_LEN;
	set_length(w);
}

void stun_write_begin(struct stun_writer *w, void *buf, size_t cap, enum stun_class class,
	unsigned method, const uint8_t tid[STUN_TID_LEN])
{
	uint8_t id[STUN_CLASSIC_ID_LEN];
	assert(method <= 0xfff);
	be32_put(id, STUN_MAGIC);
	memcpy(id + 4, tid, STUN_TID_LEN);
	begin(w, buf, cap, stun_type_join(class, method), id);
}

void stun_write_answer(struct stun_writer *w, void *buf, size_t cap, const struct stun_msg *m,
	enum stun_class class)
{
	/* A copy, because the answer may be written over the request. */
	uint8_t id[STUN_CLASSIC_ID_LEN];
	memcpy(id, m->data + 4, sizeof(id));
	begin(w, buf, cap, stun_type_join(class, m->method), id);
}

uint8_t *stun_write_reserve(struct stun_writer *w, uint16_t type, size_t len)
{
	if (w->failed)
		return NULL;
	/* Two limits: the buffer, and what the length field can say. */
	size_t room = STUN_HEADER_LEN + STUN_BODY_MAX;
	if (w->cap < room)
		room = w->cap;
	if (len > UINT16_MAX || room - w->len < STUN_ATTR_HEADER_LEN + stun_padded(len)) {
		w->failed = true;
		return NULL;
	}
	uint8_t *p = w->buf + w->len;
	be16_put(p, type);
	be16_put(p + 2, (uint16_t)len);
	memset(p + STUN_ATTR_HEADER_LEN + len, 0, stun_padded(len) - len);
	w->len += STUN_ATTR_HEADER_LEN + stun_padded(len);
	set_length(w);
	return p + STUN_ATTR_HEADER_LEN;
}

void stun_write_bytes(struct stun_writer *w, uint16_t type, const void *value, size_t len)
{
	uint8_t *p = stun_write_reserve(w, type, len);
	if (p != NULL && len > 0)
		memcpy(p, value, len);
}

void stun_write_flag(struct stun_writer *w, uint16_t type)
{
	(void)stun_write_reserve(w, type, 0);
}

void stun_write_u32(struct stun_writer *w, uint16_t type, uint32_t v)
{
	uint8_t *p = stun_write_reserve(w, type, 4);
	if (p != NULL)
		be32_put(p, v);
}

void stun_write_u64(struct stun_writer *w, uint16_t type, uint64_t v)
{
	uint8_t *p = stun_write_reserve(w, type, 8);
	if (p != NULL)
		be64_put(p, v);
}

void stun_write_channel(struct stun_writer *w, uint16_t channel)
{
	stun_write_u32(w, STUN_CHANNEL_NUMBER, (uint32_t)channel << 16);
}

void stun_write_transport(struct stun_writer *w, uint8_t protocol)
{
	stun_write_u32(w, STUN_REQUESTED_TRANSPORT, (uint32_t)protocol << 24);
}

void stun_write_family(struct stun_writer *w, uint16_t type, uint8_t family)
{
	stun_write_u32(w, type, (uint32_t)family << 24);
}

void stun_write_even_port(struct stun_writer *w, bool reserve_next)
{
	uint8_t *p = stun_write_reserve(w, STUN_EVEN_PORT, 1);
	if (p != NULL)
		p[0] = reserve_next ? 0x80 : 0;
}

static void write_error(
	struct stun_writer *w, uint16_t type, uint8_t family, unsigned code, const char *reason)
{
	assert(code >= 300 && code <= 699);
	if (reason == NULL)
		reason = stun_error_phrase(code);
	size_t len = strlen(reason);
	assert(len < 128); /* RFC 8489 §14.8 says characters; our phrases are ASCII */
	uint8_t *p = stun_write_reserve(w, type, 4 + len);
	if (p == NULL)
		return;
	p[0] = family;
	p[1] = 0;
	p[2] = (uint8_t)(code / 100);
	p[3] = (uint8_t)(code % 100);
	memcpy(p + 4, reason, len);
}

void stun_write_error(struct stun_writer *w, unsigned code, const char *reason)
{
	write_error(w, STUN_ERROR_CODE, 0, code, reason);
}

void stun_write_address_error(
	struct stun_writer *w, uint8_t family, unsigned code, const char *reason)
{
	write_error(w, STUN_ADDRESS_ERROR_CODE, family, code, reason);
}

void stun_write_unknown(struct stun_writer *w, const uint16_t *types, size_t n)
{
	uint8_t *p = stun_write_reserve(w, STUN_UNKNOWN_ATTRIBUTES, 2 * n);
	for (size_t i = 0; p != NULL && i < n; i++)
		be16_put(p + 2 * i, types[i]);
}

void stun_write_icmp(struct stun_writer *w, uint8_t type, uint8_t code, uint32_t data)
{
	uint8_t *p = stun_write_reserve(w, STUN_ICMP, 8);
	if (p == NULL)
		return;
	be16_put(p, 0);
	p[2] = type;
	p[3] = code;
	be32_put(p + 4, data);
}

void stun_write_password_algorithm(struct stun_writer *w, uint16_t algorithm)
{
	stun_write_u32(w, STUN_PASSWORD_ALGORITHM, (uint32_t)algorithm << 16);
}

void stun_write_password_algorithms(struct stun_writer *w, const uint16_t *algorithms, size_t n)
{
	uint8_t *p = stun_write_reserve(w, STUN_PASSWORD_ALGORITHMS, 4 * n);
	for (size_t i = 0; p != NULL && i < n; i++)
		be32_put(p + 4 * i, (uint32_t)algorithms[i] << 16);
}

int stun_write_end(struct stun_writer *w, size_t *len)
{
	if (w->failed)
		return ERR_NO_SPACE;
	*len = w->len;
	return 0;
}
