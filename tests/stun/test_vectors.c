/* SPDX-License-Identifier: BSD-3-Clause */
/* The codec against the published messages: each says what its RFC says it says. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <cmocka.h>
#include <sallyport/stun.h>
#include "vectors.h"

static void decode(enum vector_id id, struct stun_msg *m)
{
	assert_int_equal(stun_msg_decode(vectors[id].message.data, vectors[id].message.len, m), 0);
}

static void assert_text(const struct stun_msg *m, uint16_t type, const char *want)
{
	struct stun_attr a;
	struct bytes text;
	assert_true(stun_attr_find(m, type, &a));
	assert_int_equal(stun_attr_text(&a, &text), 0);
	assert_int_equal(text.len, strlen(want));
	assert_memory_equal(text.data, want, text.len);
}

static void assert_mapped(const struct stun_msg *m, const char *want)
{
	struct stun_attr a;
	struct addr addr;
	char text[ADDR_TEXT_LEN];
	assert_true(stun_attr_find(m, STUN_XOR_MAPPED_ADDRESS, &a));
	assert_int_equal(stun_attr_xor_address(m, &a, &addr), 0);
	assert_string_equal(addr_format(&addr, text), want);
}

/* RFC 5769 §2.1 */
static void sample_request_is_read(void **state)
{
	struct stun_msg m;
	struct stun_attr a;
	uint32_t priority;
	uint64_t tie_breaker;
	decode(VECTOR_REQUEST, &m);

	assert_int_equal(m.class, STUN_REQUEST);
	assert_int_equal(m.method, STUN_BINDING);
	assert_false(m.is_classic);
	assert_memory_equal(m.tid, "\xb7\xe7\xa7\x01\xbc\x34\xd6\x86\xfa\x87\xdf\xae", 12);
	assert_text(&m, STUN_SOFTWARE, "STUN test client");
	assert_text(&m, STUN_USERNAME, "evtj:h6vY");
	assert_true(stun_attr_find(&m, STUN_PRIORITY, &a));
	assert_int_equal(stun_attr_u32(&a, &priority), 0);
	assert_int_equal(priority, 0x6e0001ff);
	assert_true(stun_attr_find(&m, STUN_ICE_CONTROLLED, &a));
	assert_int_equal(stun_attr_u64(&a, &tie_breaker), 0);
	assert_true(tie_breaker == 0x932ff9b151263b36u);
	assert_int_equal(m.n_unknown, 0);
}

/* RFC 5769 §2.2, §2.3 */
static void sample_responses_are_read(void **state)
{
	struct stun_msg m;
	decode(VECTOR_RESPONSE_IPV4, &m);
	assert_int_equal(m.class, STUN_SUCCESS);
	assert_text(&m, STUN_SOFTWARE, "test vector");
	assert_mapped(&m, "192.0.2.1:32853");

	decode(VECTOR_RESPONSE_IPV6, &m);
	assert_int_equal(m.class, STUN_SUCCESS);
	assert_text(&m, STUN_SOFTWARE, "test vector");
	assert_mapped(&m, "[2001:db8:1234:5678:11:2233:4455:6677]:32853");
}

/* RFC 5769 §2.4 */
static void long_term_request_is_read(void **state)
{
	struct stun_msg m;
	decode(VECTOR_LONG_TERM, &m);
	assert_text(&m, STUN_USERNAME, VECTOR_USERNAME);
	assert_text(&m, STUN_NONCE, VECTOR_NONCE);
	assert_text(&m, STUN_REALM, VECTOR_REALM);
	assert_int_equal(m.fingerprint, 0);
}

/* RFC 8489 §B.1 */
static void sha256_request_is_read(void **state)
{
	struct stun_msg m;
	struct stun_attr a;
	struct stun_password_entry entry;
	const uint8_t *hash;
	uint8_t want[32];
	decode(VECTOR_SHA256, &m);

	assert_true(stun_attr_find(&m, STUN_USERHASH, &a));
	assert_int_equal(stun_attr_userhash(&a, &hash), 0);
	stun_userhash(bytes_str(VECTOR_USERNAME), bytes_str(VECTOR_REALM), want);
	assert_memory_equal(hash, want, sizeof(want));
	assert_text(&m, STUN_NONCE, "obMatJos2AAAC" VECTOR_NONCE);
	assert_text(&m, STUN_REALM, VECTOR_REALM);
	assert_true(stun_attr_find(&m, STUN_PASSWORD_ALGORITHM, &a));
	assert_int_equal(stun_attr_password_algorithm(&a, &entry), 0);
	assert_int_equal(entry.algorithm, STUN_PASSWORD_SHA256);
	assert_int_equal(entry.parameters.len, 0);
	assert_int_equal(m.integrity, 0);
}

static void integrity_of_every_vector_is_right(void **state)
{
	for (size_t i = 0; i < N_VECTORS; i++) {
		struct stun_msg m;
		struct crypto_hmac_key key;
		decode(i, &m);
		vector_key(&vectors[i], &key);
		assert_true(stun_msg_check_integrity(&m, vectors[i].hash, &key));
		assert_int_equal(m.fingerprint != 0, vectors[i].has_fingerprint);
	}
}

/* What the RFC's author wrote, written again: padding is the one thing that may differ. */
static void long_term_request_is_written_byte_for_byte(void **state)
{
	const struct vector *v = &vectors[VECTOR_LONG_TERM];
	struct crypto_hmac_key key;
	struct stun_writer w;
	uint8_t buf[256];
	size_t len;
	vector_key(v, &key);

	stun_write_begin(&w, buf, sizeof(buf), STUN_REQUEST, STUN_BINDING, v->message.data + 8);
	stun_write_bytes(&w, STUN_USERNAME, VECTOR_USERNAME, strlen(VECTOR_USERNAME));
	stun_write_bytes(&w, STUN_NONCE, VECTOR_NONCE, strlen(VECTOR_NONCE));
	stun_write_bytes(&w, STUN_REALM, VECTOR_REALM, strlen(VECTOR_REALM));
	stun_write_integrity(&w, CRYPTO_SHA1, &key);

	assert_int_equal(stun_write_end(&w, &len), 0);
	assert_int_equal(len, v->message.len);
	assert_memory_equal(buf, v->message.data, len);
}

static void sha256_request_is_written_byte_for_byte(void **state)
{
	const struct vector *v = &vectors[VECTOR_SHA256];
	struct crypto_hmac_key key;
	struct stun_writer w;
	uint8_t buf[256], hash[32];
	size_t len;
	vector_key(v, &key);
	stun_userhash(bytes_str(VECTOR_USERNAME), bytes_str(VECTOR_REALM), hash);

	stun_write_begin(&w, buf, sizeof(buf), STUN_REQUEST, STUN_BINDING, v->message.data + 8);
	stun_write_bytes(&w, STUN_USERHASH, hash, sizeof(hash));
	stun_write_bytes(&w, STUN_NONCE, "obMatJos2AAAC" VECTOR_NONCE, 13 + strlen(VECTOR_NONCE));
	stun_write_bytes(&w, STUN_REALM, VECTOR_REALM, strlen(VECTOR_REALM));
	stun_write_password_algorithm(&w, STUN_PASSWORD_SHA256);
	stun_write_integrity(&w, CRYPTO_SHA256, &key);

	assert_int_equal(stun_write_end(&w, &len), 0);
	assert_int_equal(len, v->message.len);
	assert_memory_equal(buf, v->message.data, len);
}

static void ipv6_address_is_written_byte_for_byte(void **state)
{
	const struct vector *v = &vectors[VECTOR_RESPONSE_IPV6];
	struct addr addr;
	struct stun_writer w;
	uint8_t buf[64];
	assert_int_equal(addr_parse("[2001:db8:1234:5678:11:2233:4455:6677]:32853", 0, &addr), 0);

	stun_write_begin(&w, buf, sizeof(buf), STUN_SUCCESS, STUN_BINDING, v->message.data + 8);
	stun_write_xor_address(&w, STUN_XOR_MAPPED_ADDRESS, &addr);

	assert_int_equal(w.len, 20 + 24);
	assert_memory_equal(buf + 20, v->message.data + 20 + 16, 24);
}

int main(void)
{
	const struct CMUnitTest t[] = {
		cmocka_unit_test(sample_request_is_read),
		cmocka_unit_test(sample_responses_are_read),
		cmocka_unit_test(long_term_request_is_read),
		cmocka_unit_test(sha256_request_is_read),
		cmocka_unit_test(integrity_of_every_vector_is_right),
		cmocka_unit_test(long_term_request_is_written_byte_for_byte),
		cmocka_unit_test(sha256_request_is_written_byte_for_byte),
		cmocka_unit_test(ipv6_address_is_written_byte_for_byte),
	};
	return cmocka_run_group_tests(t, NULL, NULL) != 0;
}
