/* SPDX-License-Identifier: BSD-3-Clause */
/* Is it UTF-8? */
#include <string.h>

#include <sallyport/common/utf8.h>

size_t utf8_sequence(const uint8_t *p, size_t left)
{
	uint8_t low = 0x80;
	uint8_t high = 0xbf;
	size_t n;
	if (p[0] < 0x80)
		return 1;
	if (p[0] >= 0xc2 && p[0] <= 0xdf)
		n = 2;
	else if (p[0] >= 0xe0 && p[0] <= 0xef)
		n = 3;
	else if (p[0] >= 0xf0 && p[0] <= 0xf4)
		n = 4;
	else
		return 0;
	if (p[0] == 0xe0)
		low = 0xa0;
	else if (p[0] == 0xed)
		high = 0x9f;
	else if (p[0] == 0xf0)
		low = 0x90;
	else if (p[0] == 0xf4)
		high = 0x8f;
	if (left < n || p[1] < low || p[1] > high)
		return 0;
	for (size_t i = 2; i < n; i++)
		if ((p[i] & 0xc0) != 0x80)
			return 0;
	return n;
}

size_t utf8_ascii(const uint8_t *p, size_t left)
{
	size_t i = 0;
	uint64_t eight;

	for (; left - i >= sizeof(eight); i += sizeof(eight)) {
		memcpy(&eight, p + i, sizeof(eight));
		if (eight & UINT64_C(0x8080808080808080))
			break;
	}
	while (i < left && p[i] < 0x80)
		i++;
	return i;
}

bool utf8_is_text(struct bytes s)
{
	for (size_t i = utf8_ascii(s.data, s.len), n; i < s.len; i += n) {
		n = utf8_sequence(s.data + i, s.len - i);
		if (n == 0)
			return false;
	}
	return true;
}
