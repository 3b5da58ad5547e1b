/* SPDX-License-Identifier: BSD-3-Clause */
#include <stdarg.h>
#include <stddef.h>
#include <setjmp.h>
#include <stdint.h>
#include <string.h>
#include <cmocka.h>

#include "content.h"

static const struct content sample = {
	.number = 77, .flow = 5 | CONTENT_FROM_PEER, .time_ns = 1234567890123};

static void what_was_written_is_read_at_every_size(void **state)
{
	uint8_t pattern[CONTENT_PATTERN_LEN], data[CONTENT_MAX];
	struct content c;
	content_pattern(pattern);

	for (size_t len = CONTENT_NUMBERED; len <= CONTENT_MAX; len++) {
		content_write(pattern, &sample, data, len);

		assert_true(content_read(pattern, sample.flow, data, len, &c));
		assert_int_equal(c.number, sample.number);
		assert_true(c.time_ns == (len >= CONTENT_TIMED ? sample.time_ns : 0));
	}
}

static void any_wrong_bit_is_seen(void **state)
{
	uint8_t pattern[CONTENT_PATTERN_LEN], data[172];
	struct content c;
	content_pattern(pattern);
	content_write(pattern, &sample, data, sizeof(data));

	for (size_t bit = 0; bit < sizeof(data) * 8; bit++) {
		data[bit / 8] ^= (uint8_t)(1u << bit % 8);
		assert_false(content_read(pattern, sample.flow, data, sizeof(data), &c));
		data[bit / 8] ^= (uint8_t)(1u << bit % 8);
	}
}

static void bytes_that_moved_are_seen(void **state)
{
	uint8_t pattern[CONTENT_PATTERN_LEN], data[200];
	struct content c;
	content_pattern(pattern);
	content_write(pattern, &sample, data, sizeof(data));

	memmove(data + CONTENT_HEADER_LEN, data + CONTENT_HEADER_LEN + 4, 150);

	assert_false(content_read(pattern, sample.flow, data, 170, &c));
}

static void a_packet_of_another_flow_is_seen(void **state)
{
	uint8_t pattern[CONTENT_PATTERN_LEN], data[172];
	struct content c;
	content_pattern(pattern);
	content_write(pattern, &sample, data, sizeof(data));

	assert_false(content_read(pattern, 5, data, sizeof(data), &c));
	assert_false(content_read(pattern, 6 | CONTENT_FROM_PEER, data, sizeof(data), &c));
	assert_false(content_read(pattern, 5, data, 8, &c));
}

int main(void)
{
	static const struct CMUnitTest t[] = {
		cmocka_unit_test(what_was_written_is_read_at_every_size),
		cmocka_unit_test(any_wrong_bit_is_seen),
		cmocka_unit_test(bytes_that_moved_are_seen),
		cmocka_unit_test(a_packet_of_another_flow_is_seen),
	};

	return cmocka_run_group_tests(t, NULL, NULL) != 0;
}
