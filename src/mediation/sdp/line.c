/* SPDX-License-Identifier: BSD-3-Clause */
/* Lines, and words in them. */
#include "line.h"

bool sdp_line_cut(struct bytes text, size_t *offset, struct bytes *out)
{
	if (*offset >= text.len)
		return false;
	const uint8_t *start = text.data + *offset;
	size_t rest = text.len - *offset;
	const uint8_t *lf = memchr(start, '\n', rest);
	size_t n = lf ? (size_t)(lf - start) : rest;
	*offset += n + (lf != NULL);
	/* Without the LF the CR belongs to a line end that was cut off. */
	if (n > 0 && start[n - 1] == '\r')
		n--;
	*out = bytes_of(start, n);
	return true;
}

bool sdp_line_next(struct bytes lines, size_t *offset, struct sdp_line *out)
{
	struct bytes line;
	while (sdp_line_cut(lines, offset, &line)) {
		if (line.len < 2 || line.data[1] != '=')
			continue; /* not from sdp_decode, which refuses them */
		*out = (struct sdp_line){
			.type = (char)line.data[0], .value = bytes_of(line.data + 2, line.len - 2)};
		return true;
	}
	return false;
}

bool sdp_word_next(struct bytes text, size_t *offset, struct bytes *out)
{
	size_t from = *offset;
	while (from < text.len && text.data[from] == ' ')
		from++;
	size_t to = from;
	while (to < text.len && text.data[to] != ' ')
		to++;
	*offset = to;
	if (from == to)
		return false;
	*out = bytes_of(text.data + from, to - from);
	return true;
}
