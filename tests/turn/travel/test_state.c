/* SPDX-License-Identifier: BSD-3-Clause */
/* An allocation as bytes: what is written is read, and nothing else. */
#include "../../../src/turn/travel/state.h"
#include "../fixture.h"

#include <stdlib.h>
#include <string.h>

#define HEADER_LEN 6
#define FIELD_LEN  6

static const struct turn_state_permission permissions[] = {
	{.left_ms = 300000}, {.left_ms = 1}, {.left_ms = 0}};
static const struct turn_state_channel channels[] = {
	{.left_ms = 600000, .number = 0x4000}, {.left_ms = 77, .number = 0x7fff}};

static struct turn_state example(void)
{
	struct turn_state st = {
		.id = UINT64_C(0x0003000000000017),
		.age_ms = 123456789012,
		.refresh_until_s = START_WALL_S + 3600,
		.client = at("192.0.2.1:40000"),
		.listener = at(LISTENER4),
		.location = AUTH_INTERNET,
		.transport = AUTH_UDP,
		.relays = {{true, at(RELAY4 ":50001"), at("198.51.100.77:50001"), 599000, 0, 3},
			{true, at("[" RELAY6 "]:50003"), at("[" RELAY6 "]:50003"), 1000, 1, 0}},
		.subject = "subject",
		.jti = "jti",
		.kid = "k1",
		.has_node_lease = true,
		.has_tenant_lease = true,
		.has_subject_lease = true,
		.has_token = true,
		.is_by_token = true,
		.is_mobile = true,
		.key = {.bytes = "0123456789abcdef", .len = 16},
		.tid = "transaction",
		.token = "token-8",
		.missing_family = 2,
		.missing_code = 508,
		.granted_s = 600,
		.account = {.packets = {1, 2},
			.bytes = {3, UINT64_MAX},
			.rate_bytes_s = 125000,
			.tokens = {65536, 17},
			.thousandths = 999},
		.drops = {[FLOW_LIMIT_RATE] = {4, 4800}, [FLOW_LIMIT_NODE] = {UINT64_MAX, 1}},
		.first_ticket = 65530,
		.last_ticket = 4,
		.move_tid = "the refresh",
		.username = bytes_str("1800003600:m1.k1.claims"),
		.tenant = bytes_str("acme"),
		.door = bytes_str("default"),
	};
	return st;
}

static struct turn_state_writer written(const struct turn_state *st)
{
	struct turn_state_writer w = {0};
	turn_state_write(&w, st);
	for (size_t i = 0; i < ARRAY_LEN(channels); i++) {
		struct turn_state_channel c = channels[i];
		c.peer = at("[2001:db8:2::7]:5000");
		turn_state_write_channel(&w, &c);
	}
	for (size_t i = 0; i < ARRAY_LEN(permissions); i++) {
		struct turn_state_permission p = permissions[i];
		p.peer = at("198.51.100.7");
		turn_state_write_permission(&w, &p);
	}
	assert_int_equal(turn_state_write_end(&w), 0);
	return w;
}

static int read_bytes(const uint8_t *data, size_t len)
{
	struct turn_state st;
	/* A block of its own, so that a byte read behind it is seen by a sanitizer. */
	uint8_t *copy = malloc(len ? len : 1);
	assert_non_null(copy);
	memcpy(copy, data, len);
	int rc = turn_state_read(bytes_of(copy, len), &st);
	free(copy);
	return rc;
}

static void what_is_written_is_read(void **state)
{
	struct turn_state st = example(), got;
	struct turn_state_writer w = written(&st);
	struct turn_state_permission p;
	struct turn_state_channel c;
	size_t offset = 0, n = 0;

	assert_int_equal(turn_state_read(bytes_of(w.data, w.len), &got), 0);

	assert_true(bytes_equal(got.username, st.username));
	for (; turn_state_next_permission(&got, &offset, &p); n++)
		assert_int_equal(p.left_ms, permissions[n].left_ms);
	assert_int_equal(n, ARRAY_LEN(permissions));
	offset = n = 0;
	for (; turn_state_next_channel(&got, &offset, &c); n++) {
		assert_int_equal(c.left_ms, channels[n].left_ms);
		assert_int_equal(c.number, channels[n].number);
		assert_int_equal(c.peer.family, ADDR_IPV6);
	}
	assert_int_equal(n, ARRAY_LEN(channels));
	/* Written again it is the same to the last byte. */
	struct turn_state_writer again = written(&got);
	assert_int_equal(again.len, w.len);
	assert_memory_equal(again.data, w.data, w.len);
	free(again.data);
	free(w.data);
}

static void what_is_optional_may_be_absent(void **state)
{
	struct turn_state st = example(), got;
	struct turn_state_writer w = {0};
	st.has_node_lease = st.has_tenant_lease = st.has_subject_lease = false;
	st.has_token = st.is_by_token = st.is_mobile = false;
	st.missing_family = 0;
	st.relays[1].is_there = false;
	turn_state_write(&w, &st);
	assert_int_equal(turn_state_write_end(&w), 0);
	assert_int_equal(turn_state_read(bytes_of(w.data, w.len), &got), 0);
	assert_false(got.has_node_lease || got.has_tenant_lease || got.has_subject_lease);
	assert_false(got.has_token || got.is_by_token || got.is_mobile || got.missing_family);
	assert_true(got.relays[0].is_there && !got.relays[1].is_there);
	free(w.data);
}

/* It ends at a field's end or not at all; what is needed stands before the lists. */
static void shorter_is_refused(void **state)
{
	struct turn_state st = example();
	struct turn_state_writer w = {0};
	turn_state_write(&w, &st);
	for (size_t len = 0; len < w.len; len++) {
		/* The last field, of the tickets, may be absent. */
		if (len != w.len - FIELD_LEN - 4 - STUN_TID_LEN)
			assert_int_not_equal(read_bytes(w.data, len), 0);
	}
	free(w.data);
}

static void other_version_is_unsupported(void **state)
{
	struct turn_state st = example();
	struct turn_state_writer w = written(&st);
	w.data[5]++;
	assert_int_equal(read_bytes(w.data, w.len), ERR_UNSUPPORTED);
	w.data[5]--;
	w.data[0] ^= 1;
	assert_int_equal(read_bytes(w.data, w.len), ERR_MALFORMED);
	free(w.data);
}

static size_t append(struct turn_state_writer *w, uint16_t type, uint32_t len)
{
	uint8_t *p = realloc(w->data, w->len + FIELD_LEN + len);
	assert_non_null(p);
	w->data = p;
	be16_put(p + w->len, type);
	be32_put(p + w->len + 2, len);
	memset(p + w->len + FIELD_LEN, 0, len);
	return w->len + FIELD_LEN + len;
}

/* So a later version can say more to an earlier one. */
static void unknown_field_is_skipped_if_it_may_be(void **state)
{
	struct turn_state st = example();
	struct turn_state_writer w = written(&st);
	size_t len = append(&w, 0x8001, 5);
	assert_int_equal(read_bytes(w.data, len), 0);
	len = append(&w, 0x7001, 5);
	assert_int_equal(read_bytes(w.data, len), ERR_UNSUPPORTED);
	len = append(&w, 0, 0);
	assert_int_equal(read_bytes(w.data, len), ERR_UNSUPPORTED);
	free(w.data);
}

/* Each field of the example: left out, doubled, one shorter, one longer. */
static void every_field_is_checked(void **state)
{
	struct turn_state st = example();
	struct turn_state_writer w = {0};
	turn_state_write(&w, &st);
	for (size_t at = HEADER_LEN; at < w.len;) {
		size_t len = be32_get(w.data + at + 2), whole = FIELD_LEN + len;
		unsigned type = be16_get(w.data + at);
		bool may_be_absent = type == 10 || type == 11 || type == 12 || type == 14 ||
				     type == 19 || type == 20;
		bool is_relay = type == 3, has_free_length = type == 6 || type == 7 || type == 8 ||
							     type == 17 || type == 18;
		uint8_t *other = malloc(w.len + whole + 1);
		assert_non_null(other);

		memcpy(other, w.data, at);
		memcpy(other + at, w.data + at + whole, w.len - at - whole);
		if (!is_relay)
			assert_int_equal(read_bytes(other, w.len - whole) == 0, may_be_absent);

		memcpy(other, w.data, w.len);
		memcpy(other + w.len, w.data + at, whole);
		assert_int_equal(read_bytes(other, w.len + whole), ERR_MALFORMED);

		be32_put(other + at + 2, (uint32_t)len + 1);
		memmove(other + at + whole + 1, other + at + whole, w.len - at - whole);
		other[at + whole] = 'x';
		if (!has_free_length)
			assert_int_equal(read_bytes(other, w.len + 1), ERR_MALFORMED);
		free(other);
		at += whole;
	}
	free(w.data);
}

static void values_out_of_range_are_malformed(void **state)
{
	struct turn_state_permission late = {at("198.51.100.7"), 300001};
	struct turn_state_channel bad[] = {{at("198.51.100.7:1"), 600001, 0x4000},
		{at("198.51.100.7:1"), 1, 0x3fff}, {at("198.51.100.7:1"), 1, 0x8000},
		{{.family = ADDR_IPV4}, 1, 0x4000}, {{.family = ADDR_NONE}, 1, 0x4000}};
	struct turn_state st = example();
	struct turn_state_writer w = written(&st);
	turn_state_write_permission(&w, &late);
	assert_int_equal(read_bytes(w.data, w.len), ERR_MALFORMED);
	free(w.data);
	for (size_t i = 0; i < ARRAY_LEN(bad); i++) {
		w = written(&st);
		turn_state_write_channel(&w, &bad[i]);
		assert_int_equal(read_bytes(w.data, w.len), ERR_MALFORMED);
		free(w.data);
	}
	st.relays[0].local = at("[2001:db8::1]:1"); /* in the place of IPv4 */
	w = written(&st);
	assert_int_equal(read_bytes(w.data, w.len), ERR_MALFORMED);
	free(w.data);
}

static void too_much_is_refused_by_the_writer(void **state)
{
	struct turn_state st = example();
	struct turn_state_permission p = {at("198.51.100.7"), 1};
	struct turn_state_writer w = {0};
	turn_state_write(&w, &st);
	for (size_t i = 0; i < TURN_STATE_MAX / 20; i++)
		turn_state_write_permission(&w, &p);
	assert_int_equal(turn_state_write_end(&w), ERR_TOO_LARGE);
	assert_true(w.len <= TURN_STATE_MAX);
	free(w.data);
}

#define T(f) cmocka_unit_test(f)

int main(void)
{
	const struct CMUnitTest t[] = {
		T(what_is_written_is_read),
		T(what_is_optional_may_be_absent),
		T(shorter_is_refused),
		T(other_version_is_unsupported),
		T(unknown_field_is_skipped_if_it_may_be),
		T(every_field_is_checked),
		T(values_out_of_range_are_malformed),
		T(too_much_is_refused_by_the_writer),
	};
	return cmocka_run_group_tests(t, NULL, NULL) != 0;
}
