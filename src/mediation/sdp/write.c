/* SPDX-License-Identifier: BSD-3-Clause */
#include <inttypes.h>
#include <stdarg.h>
#include <stdio.h>
#include <sallyport/mediation/sdp.h>

void sdp_write_begin(struct sdp_writer *w, char *buf, size_t cap)
{
	*w = (struct sdp_writer){.buf = buf, .cap = cap};
}

static bool may_stand(struct bytes value)
{
	for (size_t i = 0; i < value.len; i++) {
		if (value.data[i] == '\r' || value.data[i] == '\n' || value.data[i] == '\0')
			return false;
	}
	return true;
}

/* Behind the type and the "=", N bytes of value are in place or W has failed. */
static void end_line(struct sdp_writer *w, char type, size_t n)
{
	char *line = w->buf + w->len;
	if (!may_stand(bytes_of(line + 2, n))) {
		w->has_failed = true;
		return;
	}
	line[0] = type;
	line[1] = '=';
	line[2 + n] = '\r';
	line[3 + n] = '\n';
	w->len += n + 4;
}

void sdp_write_line(struct sdp_writer *w, char type, const char *fmt, ...)
{
	va_list ap;
	size_t room = w->cap - w->len;
	if (w->has_failed || room < 4) {
		w->has_failed = true;
		return;
	}
	va_start(ap, fmt);
	int n = vsnprintf(w->buf + w->len + 2, room - 2, fmt, ap);
	va_end(ap);
	/* Two more for the end of the line, one of which the NUL has already. */
	if (n < 0 || (size_t)n + 4 > room)
		w->has_failed = true;
	else
		end_line(w, type, (size_t)n);
}

void sdp_write_copy(struct sdp_writer *w, const struct sdp_line *line)
{
	size_t n = line->value.len;
	if (w->has_failed || w->cap - w->len < 4 || n > w->cap - w->len - 4) {
		w->has_failed = true;
		return;
	}
	if (n > 0)
		memcpy(w->buf + w->len + 2, line->value.data, n);
	end_line(w, line->type, n);
}

void sdp_write_lines(struct sdp_writer *w, struct bytes lines)
{
	struct sdp_line l;
	size_t offset = 0;
	while (sdp_line_next(lines, &offset, &l))
		sdp_write_copy(w, &l);
}

/* "IN IP4 192.0.2.1"; a scope means nothing to somebody else. */
static const char *format_connection(const struct addr *a, char buf[ADDR_TEXT_LEN + 8])
{
	char text[ADDR_TEXT_LEN];
	struct addr bare = *a;
	bare.scope = 0;
	(void)snprintf(buf, ADDR_TEXT_LEN + 8, "IN %s %s", a->family == ADDR_IPV6 ? "IP6" : "IP4",
		addr_format_ip(&bare, text));
	return buf;
}

void sdp_write_origin(
	struct sdp_writer *w, uint64_t id, uint64_t version, const struct addr *address)
{
	char text[ADDR_TEXT_LEN + 8];
	sdp_write_line(w, 'o', "- %" PRIu64 " %" PRIu64 " %s", id, version,
		format_connection(address, text));
}

void sdp_write_connection(struct sdp_writer *w, const struct addr *address)
{
	char text[ADDR_TEXT_LEN + 8];
	sdp_write_line(w, 'c', "%s", format_connection(address, text));
}

int sdp_write_end(const struct sdp_writer *w, size_t *len)
{
	if (w->has_failed)
		return ERR_NO_SPACE;
	*len = w->len;
	return 0;
}
