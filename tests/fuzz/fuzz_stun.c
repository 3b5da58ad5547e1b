/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * Decodes anything, reads every attribute in every way, checks integrity under a fixed key, writes
 * what was read again and compares. Each input runs twice: as it is, and with length, cookie and
 * fingerprint put right, because a mutation that breaks those gets nowhere.
 */
#include <stdlib.h>
#include <string.h>
#include <sallyport/stun.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

/* Not assert: this must also hold where NDEBUG is set. */
static void must(bool is_true)
{
	if (!is_true)
		abort();
}

static void read_numbers(const struct stun_attr *a)
{
	uint8_t byte, token[8];
	uint16_t v16;
	uint32_t v32;
	uint64_t v64;
	bool flag;
	const uint8_t *hash;
	must((stun_attr_flag(a) == 0) == (a->len == 0));
	must((stun_attr_u8(a, &byte) == 0) == (a->len == 1));
	must((stun_attr_u32(a, &v32) == 0) == (a->len == 4));
	must((stun_attr_u64(a, &v64) == 0) == (a->len == 8));
	must((stun_attr_channel(a, &v16) == 0) == (a->len == 4));
	must((stun_attr_transport(a, &byte) == 0) == (a->len == 4));
	must((stun_attr_family(a, &byte) == 0) == (a->len == 4));
	must((stun_attr_even_port(a, &flag) == 0) == (a->len == 1));
	must((stun_attr_token(a, token) == 0) == (a->len == 8));
	must((stun_attr_icmp(a, &byte, &byte, &v32) == 0) == (a->len == 8));
	must((stun_attr_userhash(a, &hash) == 0) == (a->len == 32));
}

/* Every byte of what a decoder points to must be there to be read. */
static void touch(struct bytes b)
{
	volatile uint8_t sum = 0;
	for (size_t i = 0; i < b.len; i++)
		sum = (uint8_t)(sum + b.data[i]);
}

static void read_texts(const struct stun_attr *a)
{
	struct bytes text;
	uint16_t code;
	uint8_t family;
	if (stun_attr_text(a, &text) == 0)
		touch(text);
	if (stun_attr_error(a, &code, &text) == 0) {
		must(code >= 300 && code <= 699);
		touch(text);
		must(stun_attr_address_error(a, &family, &code, &text) == 0);
	}
	(void)stun_attr_name(a->type);
}

static void read_lists(const struct stun_attr *a)
{
	struct stun_password_entry entries[8];
	uint16_t types[8];
	size_t n;
	if (stun_attr_unknown(a, types, ARRAY_LEN(types), &n) == 0)
		must(n <= ARRAY_LEN(types) && 2 * n == a->len);
	if (stun_attr_password_algorithm(a, entries) == 0)
		touch(entries[0].parameters);
	if (stun_attr_password_algorithms(a, entries, ARRAY_LEN(entries), &n) == 0) {
		must(n <= ARRAY_LEN(entries));
		for (size_t i = 0; i < n; i++)
			touch(entries[i].parameters);
	}
}

static void read_addresses(const struct stun_msg *m, const struct stun_attr *a)
{
	uint8_t buf[64];
	struct stun_writer w;
	struct stun_msg again;
	struct stun_attr b;
	struct addr in, out;
	if (stun_attr_address(a, &in) != 0 || stun_attr_xor_address(m, a, &in) != 0)
		return;
	stun_write_answer(&w, buf, sizeof(buf), m, m->class);
	stun_write_xor_address(&w, STUN_XOR_PEER_ADDRESS, &in);
	must(!w.failed && stun_msg_decode(buf, w.len, &again) == 0);
	must(stun_attr_find(&again, STUN_XOR_PEER_ADDRESS, &b));
	must(stun_attr_xor_address(&again, &b, &out) == 0 && addr_equal(&in, &out));
}

/* Header and attributes written again are the same bytes but for the padding. */
static void write_again(const struct stun_msg *m, uint8_t *buf, size_t cap)
{
	struct stun_writer w;
	struct stun_attr a;
	size_t offset = 0;
	stun_write_answer(&w, buf, cap, m, m->class);
	must(memcmp(buf, m->data, 2) == 0 && memcmp(buf + 4, m->data + 4, 16) == 0);
	while (stun_attr_next(m, &offset, &a)) {
		size_t at = w.len;
		stun_write_bytes(&w, a.type, a.value, a.len);
		must(!w.failed && w.len == offset);
		must(memcmp(buf + at, a.value - 4, 4u + a.len) == 0);
	}
	must(w.len == m->body_end);
}

static void protect_again(
	const struct stun_msg *m, const struct crypto_hmac_key key[2], uint8_t *buf, size_t cap)
{
	struct stun_writer w = {.buf = buf, .cap = cap, .len = m->body_end};
	struct stun_msg again;
	stun_write_integrity(&w, CRYPTO_SHA1, &key[0]);
	stun_write_integrity(&w, CRYPTO_SHA256, &key[1]);
	stun_write_fingerprint(&w);
	if (w.failed)
		return; /* it filled the length field */
	must(stun_msg_decode(buf, w.len, &again) == 0);
	must(again.body_end == m->body_end && again.fingerprint != 0);
	must(again.n_unknown == m->n_unknown);
	must(stun_msg_check_integrity(&again, CRYPTO_SHA1, &key[0]) != m->is_classic);
	must(stun_msg_check_integrity(&again, CRYPTO_SHA256, &key[1]) != m->is_classic);
}

static void run_message(const uint8_t *data, size_t size)
{
	struct stun_msg m;
	struct stun_attr a, first;
	struct crypto_hmac_key key[2];
	size_t offset = 0;
	if (stun_msg_decode(data, size, &m) != 0)
		return;
	must(m.len == size && m.body_end >= STUN_HEADER_LEN && m.body_end <= size);
	must(stun_msg_peek_len(data) == (m.is_classic ? 0 : size));
	must(m.n_unknown <= STUN_UNKNOWN_MAX);

	while (stun_attr_next(&m, &offset, &a)) {
		must(offset <= m.body_end && a.value + a.len <= data + size);
		must(stun_attr_find(&m, a.type, &first) && first.value <= a.value);
		read_numbers(&a);
		read_texts(&a);
		read_lists(&a);
		read_addresses(&m, &a);
	}

	crypto_hmac_key_init(&key[0], CRYPTO_SHA1, "fuzz", 4);
	crypto_hmac_key_init(&key[1], CRYPTO_SHA256, "fuzz", 4);
	(void)stun_msg_check_integrity(&m, CRYPTO_SHA1, &key[0]);
	(void)stun_msg_check_integrity(&m, CRYPTO_SHA256, &key[1]);

	size_t cap = m.len + 128;
	uint8_t *buf = malloc(cap);
	if (buf != NULL) {
		write_again(&m, buf, cap);
		protect_again(&m, key, buf, cap);
	}
	free(buf);
}

static void run_repaired(const uint8_t *data, size_t size)
{
	if (size < STUN_HEADER_LEN || size > STUN_HEADER_LEN + 0xfffc)
		return;
	size -= size % 4;
	uint8_t *copy = malloc(size);
	if (copy == NULL)
		return;
	memcpy(copy, data, size);
	copy[0] &= 0x3f;
	be16_put(copy + 2, (uint16_t)(size - STUN_HEADER_LEN));
	be32_put(copy + 4, STUN_MAGIC);
	if (size >= STUN_HEADER_LEN + 8 && be16_get(copy + size - 8) == STUN_FINGERPRINT) {
		struct stun_writer w = {.buf = copy, .cap = size, .len = size - 8};
		stun_write_fingerprint(&w);
	}
	run_message(copy, size);
	free(copy);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	uint32_t features;
	uint16_t channel;
	size_t n;
	if (stun_channel_decode(data, size, &channel, &n) == 0)
		touch(bytes_of(data + STUN_CHANNEL_HEADER_LEN, n));
	if (stun_nonce_cookie_read(bytes_of(data, size), &features)) {
		char text[STUN_NONCE_COOKIE_LEN];
		stun_nonce_cookie_write(features, text);
		must(memcmp(text, data, sizeof(text)) == 0);
	}
	run_message(data, size);
	run_repaired(data, size);
	return 0;
}
