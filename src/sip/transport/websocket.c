/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * Frames of a WebSocket client (RFC 6455 §5). wslay takes them apart and unmasks them; which frames
 * may follow each other and what they may hold is seen to here.
 */
#include <stdlib.h>

#include <wslay/wslay.h>

#include "websocket.h"

#define CONTROL_MAX 125 /* §5.5 */

struct ws {
	wslay_frame_context_ptr frames; /* owned */
	struct bytes in;                /* not read yet */
	bool is_in_frame;
	uint64_t got;    /* of the frame's payload */
	uint8_t message; /* WS_TEXT or WS_BINARY: one has begun; else 0 */
	uint8_t control[CONTROL_MAX];
};

/* ---- bytes in and out of wslay ---- */

static ssize_t on_read(uint8_t *buf, size_t len, int flags, void *arg)
{
	struct ws *w = arg;

	(void)flags;
	if (w->in.len == 0)
		return -1; /* wslay takes it for "later" */
	if (len > w->in.len)
		len = w->in.len;
	memcpy(buf, w->in.data, len);
	w->in = bytes_of(w->in.data + len, w->in.len - len);
	return (ssize_t)len;
}

struct ws *ws_create(void)
{
	static const struct wslay_frame_callbacks callbacks = {.recv_callback = on_read};
	struct ws *w = calloc(1, sizeof(*w));

	if (w && wslay_frame_context_init(&w->frames, &callbacks, w) != 0) {
		free(w);
		return NULL;
	}
	return w;
}

void ws_destroy(struct ws *w)
{
	if (!w)
		return;
	wslay_frame_context_free(w->frames);
	free(w);
}

void ws_give(struct ws *w, struct bytes in)
{
	w->in = in;
}

bool ws_is_within(const struct ws *w)
{
	return w->is_in_frame || w->message != 0;
}

/* ---- frames ---- */

static enum ws_event bad(struct ws_read *out, uint16_t code)
{
	out->code = code;
	return WS_BAD;
}

/* May this frame stand here? 0, or a code. */
static uint16_t check(const struct ws *w, const struct wslay_frame_iocb *f)
{
	/* §5.1: a client masks; §5.2: no extension has been agreed on. */
	if (!f->mask || f->rsv != 0)
		return WS_PROTOCOL;
	switch (f->opcode) {
	case WSLAY_CONTINUATION_FRAME:
		return w->message != 0 ? 0 : WS_PROTOCOL;
	case WSLAY_TEXT_FRAME:
	case WSLAY_BINARY_FRAME:
		return w->message == 0 ? 0 : WS_PROTOCOL;
	case WSLAY_CONNECTION_CLOSE:
	case WSLAY_PING:
	case WSLAY_PONG:
		return f->fin && f->payload_length <= CONTROL_MAX ? 0 : WS_PROTOCOL;
	default:
		return WS_PROTOCOL;
	}
}

/* §7.4: codes that may be sent. */
static bool is_code(unsigned code)
{
	return (code >= 1000 && code <= 1014 && code != 1004 && code != 1005 && code != 1006) ||
	       (code >= 3000 && code <= 4999);
}

/* §5.5.1: nothing, or a code and a reason. */
static enum ws_event read_close(struct bytes payload, struct ws_read *out)
{
	out->code = WS_NORMAL;
	if (payload.len == 0)
		return WS_CLOSE;
	if (payload.len == 1 || !is_code(be16_get(payload.data)))
		return bad(out, WS_PROTOCOL);
	if (!utf8_is_text(bytes_of(payload.data + 2, payload.len - 2)))
		return bad(out, WS_NOT_UTF8);
	out->code = be16_get(payload.data);
	return WS_CLOSE;
}

/* Control frames come whole. MORE: there is more of it. */
static enum ws_event read_control(
	struct ws *w, const struct wslay_frame_iocb *f, bool is_end, struct ws_read *out)
{
	if (f->data_length > 0)
		memcpy(w->control + w->got - f->data_length, f->data, f->data_length);
	if (!is_end)
		return WS_MORE;
	out->data = bytes_of(w->control, (size_t)f->payload_length);
	if (f->opcode == WSLAY_CONNECTION_CLOSE)
		return read_close(out->data, out);
	return f->opcode == WSLAY_PING ? WS_PING : WS_PONG;
}

static enum ws_event read_data(
	struct ws *w, const struct wslay_frame_iocb *f, bool is_end, struct ws_read *out)
{
	if (f->opcode != WSLAY_CONTINUATION_FRAME)
		w->message = f->opcode;
	out->data = bytes_of(f->data, f->data_length);
	out->is_text = w->message == WS_TEXT;
	out->left = f->payload_length - w->got;
	if (!is_end || !f->fin)
		return WS_DATA;
	w->message = 0;
	return WS_MESSAGE;
}

static enum ws_event take(struct ws *w, const struct wslay_frame_iocb *f, struct ws_read *out)
{
	uint16_t code = w->is_in_frame ? 0 : check(w, f);

	if (code != 0)
		return bad(out, code);
	w->got += f->data_length;
	bool is_end = w->got == f->payload_length;
	enum ws_event what = wslay_is_ctrl_frame(f->opcode) ? read_control(w, f, is_end, out)
							    : read_data(w, f, is_end, out);
	w->is_in_frame = !is_end;
	if (is_end)
		w->got = 0;
	return what;
}

enum ws_event ws_next(struct ws *w, struct ws_read *out)
{
	enum ws_event what;

	do {
		struct wslay_frame_iocb f = {0};
		ssize_t rc = wslay_frame_recv(w->frames, &f);
		*out = (struct ws_read){0};
		if (rc == WSLAY_ERR_WANT_READ)
			return WS_MORE;
		if (rc == WSLAY_ERR_NOMEM)
			return WS_NO_MEMORY;
		if (rc < 0)
			return bad(out, WS_PROTOCOL);
		what = take(w, &f, out);
	} while (what == WS_MORE);
	return what;
}

size_t ws_header_write(uint8_t out[WS_HEADER_MAX], enum ws_opcode op, size_t len)
{
	out[0] = (uint8_t)(0x80 | op);
	if (len <= CONTROL_MAX) {
		out[1] = (uint8_t)len;
		return 2;
	}
	if (len <= UINT16_MAX) {
		out[1] = 126;
		be16_put(out + 2, (uint16_t)len);
		return 4;
	}
	out[1] = 127;
	be64_put(out + 2, len);
	return 10;
}
