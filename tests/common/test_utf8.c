/* SPDX-License-Identifier: BSD-3-Clause */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>
#include <cmocka.h>

#include <sallyport/common/utf8.h>

#define LONGEST 40

/* Wherever in a word it stands, and whatever is behind it. */
static void ascii_ends_at_the_first_other_byte(void **state)
{
	uint8_t text[LONGEST];

	(void)state;
	for (size_t len = 0; len <= LONGEST; len++) {
		memset(text, 0x7f, sizeof(text));
		assert_int_equal(utf8_ascii(text, len), len);
		for (size_t other = 0; other < len; other++) {
			text[other] = 0x80;
			assert_int_equal(utf8_ascii(text, len), other);
			text[other] = 0x7f;
		}
	}
}

/* RFC 3629 §3: what begins as ASCII is looked at to its end. */
static void text_is_checked_behind_its_ascii(void **state)
{
	(void)state;
	for (size_t ascii = 0; ascii < LONGEST; ascii++) {
		uint8_t good[LONGEST + 2], bad[LONGEST + 2];
		memset(good, 'a', sizeof(good));
		memcpy(good + ascii, "\xc3\xbc", 2);
		memcpy(bad, good, sizeof(bad));
		bad[ascii + 1] = 'a';
		assert_true(utf8_is_text(bytes_of(good, sizeof(good))));
		assert_false(utf8_is_text(bytes_of(good, ascii + 1)));
		assert_false(utf8_is_text(bytes_of(bad, sizeof(bad))));
	}
}

int main(void)
{
	const struct CMUnitTest t[] = {
		cmocka_unit_test(ascii_ends_at_the_first_other_byte),
		cmocka_unit_test(text_is_checked_behind_its_ascii),
	};

	return cmocka_run_group_tests(t, NULL, NULL) != 0;
}
