/* SPDX-License-Identifier: BSD-3-Clause */
/* The request that begins a WebSocket (RFC 6455 §4.2.1, RFC 7118 §4), and its answer. */
#include <stdarg.h>
#include <stdio.h>
#include <string.h>
#include <strings.h>

#include <sallyport/crypto.h>

#include "websocket.h"

#define GUID    "258EAFA5-E914-47DA-95CA-C5AB0DC85B11"
#define KEY_LEN 24 /* base64 of 16 bytes */

/* What of the request matters. */
struct request {
	unsigned n_host, n_key, n_version, n_origin;
	struct bytes key, version, origin;
	bool has_upgrade, has_connection, has_sip, has_body;
};

/* ---- texts ---- */

static bool is_word(struct bytes s, const char *word)
{
	return s.len == strlen(word) && strncasecmp((const char *)s.data, word, s.len) == 0;
}

static struct bytes trim(struct bytes s)
{
	while (s.len > 0 && (s.data[0] == ' ' || s.data[0] == '\t'))
		s = bytes_of(s.data + 1, s.len - 1);
	while (s.len > 0 && (s.data[s.len - 1] == ' ' || s.data[s.len - 1] == '\t'))
		s.len--;
	return s;
}

/* What stands before C, taken off S with it; all of S where C is not in it. */
static struct bytes cut(struct bytes *s, int c)
{
	const uint8_t *end = s->len > 0 ? memchr(s->data, c, s->len) : NULL;
	size_t len = end ? (size_t)(end - s->data) : s->len;
	struct bytes front = bytes_of(s->data, len);

	*s = end ? bytes_of(end + 1, s->len - len - 1) : bytes_of(NULL, 0);
	return front;
}

/* Is WORD one of those between commas? */
static bool lists(struct bytes value, const char *word)
{
	while (value.len > 0) {
		if (is_word(trim(cut(&value, ',')), word))
			return true;
	}
	return false;
}

/* ---- reading ---- */

static void read_header(struct request *r, struct bytes name, struct bytes value)
{
	if (is_word(name, "Host")) {
		r->n_host++;
	} else if (is_word(name, "Upgrade")) {
		r->has_upgrade |= lists(value, "websocket");
	} else if (is_word(name, "Connection")) {
		r->has_connection |= lists(value, "Upgrade");
	} else if (is_word(name, "Sec-WebSocket-Key")) {
		r->n_key++;
		r->key = value;
	} else if (is_word(name, "Sec-WebSocket-Version")) {
		r->n_version++;
		r->version = value;
	} else if (is_word(name, "Sec-WebSocket-Protocol")) {
		r->has_sip |= lists(value, "sip");
	} else if (is_word(name, "Origin")) {
		r->n_origin++;
		r->origin = value;
	} else if (is_word(name, "Content-Length")) {
		r->has_body |= !is_word(value, "0");
	} else if (is_word(name, "Transfer-Encoding")) {
		r->has_body = true;
	}
}

/* One line without its CRLF. False: it ends otherwise, or has a byte in it that no line has. */
static bool next_line(struct bytes *in, struct bytes *line)
{
	*line = cut(in, '\n');
	if (line->len == 0 || line->data[line->len - 1] != '\r')
		return false;
	line->len--;
	for (size_t i = 0; i < line->len; i++) {
		if ((line->data[i] < ' ' && line->data[i] != '\t') || line->data[i] == 0x7f)
			return false;
	}
	return true;
}

/* 0, or the status to refuse it with. */
static unsigned read_request_line(struct bytes line)
{
	struct bytes method = cut(&line, ' '), target = cut(&line, ' ');

	if (target.len == 0 || target.data[0] != '/' || !is_word(line, "HTTP/1.1"))
		return 400;
	return bytes_equal(method, bytes_str("GET")) ? 0 : 405;
}

/* HEAD ends with an empty line. */
static unsigned read_head(struct bytes head, struct request *r)
{
	struct bytes line;

	if (!next_line(&head, &line))
		return 400;
	unsigned status = read_request_line(line);
	while (status == 0 && next_line(&head, &line)) {
		if (line.len == 0)
			return 0;
		struct bytes name = cut(&line, ':');
		if (name.len == 0 || trim(name).len != name.len || line.data == NULL)
			return 400; /* a folded line among others */
		read_header(r, name, trim(line));
	}
	return status != 0 ? status : 400;
}

/* ---- deciding ---- */

static bool is_key(struct bytes key)
{
	uint8_t raw[18];
	size_t len;

	return key.len == KEY_LEN &&
	       base64_decode((const char *)key.data, key.len, raw, sizeof(raw), &len) == 0 &&
	       len == 16;
}

static bool is_welcome(const struct request *r, const char *const *origins, size_t n)
{
	if (n == 0 || r->n_origin == 0)
		return true;
	for (size_t i = 0; i < n; i++) {
		if (is_word(r->origin, origins[i]))
			return true;
	}
	return false;
}

static unsigned decide(const struct request *r, const char *const *origins, size_t n_origins)
{
	if (r->n_host != 1 || r->n_origin > 1 || r->has_body || !r->has_connection)
		return 400;
	if (!r->has_upgrade || r->n_version != 1 || !is_word(r->version, "13"))
		return 426;
	if (r->n_key != 1 || !is_key(r->key) || !r->has_sip)
		return 400;
	return is_welcome(r, origins, n_origins) ? 101 : 403;
}

/* ---- answering ---- */

static void say(struct ws_reply *reply, const char *format, ...)
	__attribute__((format(printf, 2, 3)));
static void say(struct ws_reply *reply, const char *format, ...)
{
	va_list args;

	va_start(args, format);
	reply->len = (size_t)vsnprintf(reply->text, sizeof(reply->text), format, args);
	va_end(args);
}

/* §4.2.2 */
static void accept_key(struct ws_reply *reply, struct bytes key)
{
	const struct bytes parts[] = {key, bytes_str(GUID)};
	uint8_t digest[CRYPTO_SHA1_LEN];
	char text[BASE64_LEN(CRYPTO_SHA1_LEN) + 1];

	crypto_digest(CRYPTO_SHA1, parts, ARRAY_LEN(parts), digest);
	(void)base64_encode(digest, sizeof(digest), text);
	say(reply,
		"HTTP/1.1 101 Switching Protocols\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n"
		"Sec-WebSocket-Accept: %s\r\nSec-WebSocket-Protocol: sip\r\n\r\n",
		text);
}

static const char *phrase(unsigned status)
{
	switch (status) {
	case 403:
		return "Forbidden";
	case 405:
		return "Method Not Allowed";
	case 426:
		return "Upgrade Required";
	case 431:
		return "Request Header Fields Too Large";
	default:
		return "Bad Request";
	}
}

static const char *more_headers(unsigned status)
{
	if (status == 405)
		return "Allow: GET\r\n";
	/* RFC 9110 §15.5.22, RFC 6455 §4.2.2 */
	return status == 426 ? "Upgrade: websocket\r\nSec-WebSocket-Version: 13\r\n" : "";
}

enum ws_upgrade ws_upgrade_read(struct bytes in, const char *const *origins, size_t n_origins,
	struct ws_reply *reply, size_t *used)
{
	const uint8_t *end = memmem(in.data, in.len, "\r\n\r\n", 4);
	size_t len = end ? (size_t)(end - in.data) + 4 : in.len;
	struct request r = {0};
	unsigned status = 431;

	if (!end && len < WS_REQUEST_MAX)
		return WS_UPGRADE_MORE;
	if (len <= WS_REQUEST_MAX && end)
		status = read_head(bytes_of(in.data, len), &r);
	if (status == 0)
		status = decide(&r, origins, n_origins);
	reply->status = status;
	*used = len;
	if (status == 101) {
		accept_key(reply, r.key);
		return WS_UPGRADE_DONE;
	}
	say(reply, "HTTP/1.1 %u %s\r\n%sContent-Length: 0\r\nConnection: close\r\n\r\n", status,
		phrase(status), more_headers(status));
	return WS_UPGRADE_REFUSED;
}
