/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * Cutting a stream into messages (RFC 3261 §18.3, RFC 5626 §3.5.1). What the head says about its
 * body is read with the functions that decode it later, so that both see the same message.
 */
#include "scan.h"

/* Content-Length of a whole head, when there is exactly one and it is a number. */
static bool read_length(struct sip_str head, uint32_t *length)
{
	struct sip_scan c = sip_scan_of(head);
	struct sip_field f;
	struct sip_str line;
	enum sip_refusal r;
	unsigned n = 0;
	if (!sip_line_next(&c, &line, &r))
		return false;
	while (sip_field_next(&c, &f) && f.whole.len > 2) {
		if (f.refusal != SIP_FINE)
			return false;
		if (sip_header_find(f.name) != SIP_HEADER_CONTENT_LENGTH)
			continue;
		int err = sip_number_decode(f.value, length);
		if (err == ERR_TOO_LARGE)
			*length = UINT32_MAX;
		else if (err != 0)
			return false;
		n++;
	}
	return n == 1;
}

/* Looks for the empty line behind what was scanned. */
static enum sip_frame scan_head(struct sip_stream *s, const char *buf, size_t len)
{
	while (s->scanned < len) {
		const char *lf = memchr(buf + s->scanned, '\n', len - s->scanned);
		size_t to = lf != NULL ? (size_t)(lf - buf) + 1 : len;
		if (to > SIP_HEAD_MAX)
			return SIP_FRAME_LONG;
		s->scanned = (uint32_t)to;
		if (lf == NULL)
			break;
		if (to - s->line < 2 || lf[-1] != '\r')
			return SIP_FRAME_BAD;
		bool is_empty = to - s->line == 2;
		s->line = (uint32_t)to;
		if (is_empty) {
			s->head = (uint32_t)to;
			return SIP_FRAME_MESSAGE;
		}
	}
	return SIP_FRAME_MORE;
}

/* The head is whole: how long is the message? */
static enum sip_frame measure(struct sip_stream *s, const char *buf)
{
	uint32_t length, max = s->max != 0 ? s->max : SIP_MSG_MAX;
	if (!read_length(sip_str_of(buf, s->head), &length))
		return SIP_FRAME_BAD;
	if (s->head > max || length > max - s->head)
		return SIP_FRAME_LONG;
	s->total = s->head + length;
	return SIP_FRAME_MESSAGE;
}

static void start_again(struct sip_stream *s, bool after_crlf)
{
	*s = (struct sip_stream){.max = s->max, .after_crlf = after_crlf};
}

/* CRLF in front of a start line. MESSAGE: there is none. */
static enum sip_frame take_crlf(struct sip_stream *s, const char *buf, size_t len)
{
	if (buf[0] != '\r') {
		s->after_crlf = false;
		return sip_char_is(buf[0], SIP_CHARS_TOKEN) ? SIP_FRAME_MESSAGE : SIP_FRAME_BAD;
	}
	if (len < 2)
		return SIP_FRAME_MORE;
	if (buf[1] != '\n')
		return SIP_FRAME_BAD;
	enum sip_frame r = s->after_crlf ? SIP_FRAME_PING : SIP_FRAME_CRLF;
	start_again(s, !s->after_crlf);
	return r;
}

static enum sip_frame frame_message(struct sip_stream *s, const char *buf, size_t len, size_t *n)
{
	enum sip_frame r = SIP_FRAME_MESSAGE;
	if (s->head == 0)
		r = scan_head(s, buf, len);
	if (r == SIP_FRAME_MESSAGE && s->total == 0)
		r = measure(s, buf);
	if (r == SIP_FRAME_BAD || r == SIP_FRAME_LONG)
		*n = s->head;
	if (r != SIP_FRAME_MESSAGE)
		return r;
	*n = s->total;
	if (len < s->total)
		return SIP_FRAME_MORE;
	start_again(s, false);
	return SIP_FRAME_MESSAGE;
}

enum sip_frame sip_stream_frame(struct sip_stream *s, const void *buf, size_t len, size_t *n)
{
	*n = 0;
	if (len == 0)
		return SIP_FRAME_MORE;
	if (s->scanned == 0) {
		enum sip_frame r = take_crlf(s, buf, len);
		if (r == SIP_FRAME_CRLF || r == SIP_FRAME_PING)
			*n = 2;
		if (r != SIP_FRAME_MESSAGE)
			return r;
	}
	return frame_message(s, buf, len, n);
}
