/* SPDX-License-Identifier: BSD-3-Clause */
/* A connection over WebSocket (RFC 7118): one SIP message is one message of frames. */
#include <errno.h>
#include <stdlib.h>

#include "transport_priv.h"
#include "websocket.h"

/* ---- sending ---- */

int sip_conn_frame(struct bytes m, struct bytes *out)
{
	uint8_t *frame = malloc(WS_HEADER_MAX + m.len);

	if (!frame)
		return -ENOMEM;
	/* RFC 7118 §5: either kind is good; text that is none would end the connection. */
	size_t len = ws_header_write(frame, utf8_is_text(m) ? WS_TEXT : WS_BINARY, m.len);
	memcpy(frame + len, m.data, m.len);
	*out = bytes_of(frame, len + m.len);
	return 0;
}

/* False: C ends. */
static bool send_control(struct sip_conn *c, enum ws_opcode op, struct bytes payload)
{
	uint8_t frame[WS_HEADER_MAX + 125];
	size_t len = ws_header_write(frame, op, payload.len);

	if (payload.len > 0)
		memcpy(frame + len, payload.data, payload.len);
	int rc = sip_conn_send_raw(c, bytes_of(frame, len + payload.len));
	/* A peer that reads nothing gets no pong. */
	return rc == 0 || rc == ERR_FULL;
}

static void close_with(
	struct sip_conn *c, uint16_t code, enum sip_transport_counter counter, int why)
{
	uint8_t payload[2];

	be16_put(payload, code);
	if (send_control(c, WS_OP_CLOSE, bytes_of(payload, sizeof(payload))))
		sip_conn_end_sent(c, counter, why);
}

/* ---- reading ---- */

static void end_without_buffers(struct sip_conn *c)
{
	sip_conn_end(c, SIP_TRANSPORT_C_END_BUFFERS, ERR_FULL);
}

/* Some clients send the blank lines of RFC 5626 as a message. */
static bool is_blank(struct bytes m)
{
	for (size_t i = 0; i < m.len; i++) {
		if (m.data[i] != '\r' && m.data[i] != '\n')
			return false;
	}
	return m.len <= 4;
}

/* False: C is gone, or ends. */
static bool take_message(struct sip_conn *c, struct bytes m, bool is_text)
{
	if (is_text && !utf8_is_text(m)) {
		close_with(c, WS_NOT_UTF8, SIP_TRANSPORT_C_END_MALFORMED, ERR_MALFORMED);
		return false;
	}
	if (!is_blank(m)) {
		c->noise_ms = 0;
		return sip_conn_deliver(c, m, false);
	}
	sip_count(c->t, SIP_TRANSPORT_C_PINGS);
	if (!sip_crowd_ping(c))
		return false;
	int rc = m.len == 4 ? sip_conn_send(c, bytes_of("\r\n", 2), 0) : 0;
	return rc == 0 || rc == ERR_FULL;
}

/* The message is out of C while it is handed up: whoever gets it may close C. */
static bool end_message(struct sip_conn *c, const struct ws_read *read)
{
	struct sip_rest message = c->rest;

	c->partial_ms = 0;
	if (message.len == 0)
		return take_message(c, read->data, read->is_text);
	c->rest = (struct sip_rest){0};
	bool is_kept = sip_rest_put(c, &message, read->data);
	sip_rest_uncount(c, &message);
	bool is_there =
		is_kept && take_message(c, bytes_of(message.data, message.len), read->is_text);
	crypto_wipe_free(message.data, message.cap);
	if (!is_kept)
		end_without_buffers(c);
	return is_there;
}

static bool take_data(struct sip_conn *c, const struct ws_read *read, bool is_end)
{
	/* A frame says how long it will be: nobody waits for what is too long. */
	if (c->rest.len + read->data.len + read->left > c->t->config.limits.message_bytes) {
		close_with(c, WS_TOO_BIG, SIP_TRANSPORT_C_END_TOO_LARGE, ERR_TOO_LARGE);
		return false;
	}
	if (is_end)
		return end_message(c, read);
	if (sip_rest_put(c, &c->rest, read->data))
		return true;
	end_without_buffers(c);
	return false;
}

/* A frame that has come in pieces has come whole; a message around it has not. */
static void end_control(struct sip_conn *c)
{
	if (!ws_is_within(c->ws))
		c->partial_ms = 0;
}

/* False: C is gone, or ends. */
static bool take_event(struct sip_conn *c, enum ws_event what, const struct ws_read *read)
{
	switch (what) {
	case WS_DATA:
	case WS_MESSAGE:
		return take_data(c, read, what == WS_MESSAGE);
	case WS_PING:
		sip_count(c->t, SIP_TRANSPORT_C_PINGS);
		end_control(c);
		return sip_crowd_ping(c) && send_control(c, WS_OP_PONG, read->data);
	case WS_PONG:
		end_control(c);
		return sip_crowd_ping(c);
	case WS_CLOSE:
		close_with(c, read->code, SIP_TRANSPORT_C_END_PEER, 0);
		return false;
	case WS_NO_MEMORY:
		end_without_buffers(c);
		return false;
	case WS_BAD:
	case WS_MORE:
	default:
		close_with(c, read->code, SIP_TRANSPORT_C_END_MALFORMED, ERR_MALFORMED);
		return false;
	}
}

void sip_conn_read_frames(struct sip_conn *c, struct bytes in)
{
	enum ws_event what;
	struct ws_read read;

	ws_give(c->ws, in);
	while ((what = ws_next(c->ws, &read)) != WS_MORE) {
		if (!take_event(c, what, &read))
			return;
	}
	if (ws_is_within(c->ws) && c->partial_ms == 0)
		c->partial_ms = sip_now(c->t);
	sip_conn_arm(c);
}

/* ---- the beginning ---- */

static void begin_frames(struct sip_conn *c, const struct ws_reply *reply, struct bytes left)
{
	c->ws = ws_create();
	if (!c->ws) {
		end_without_buffers(c);
		return;
	}
	/* Its first message is awaited as that of any client. */
	if (!sip_conn_open(c))
		return;
	if (sip_conn_send_raw(c, bytes_of(reply->text, reply->len)) == 0)
		sip_conn_read_frames(c, left);
	else
		sip_conn_break(c, SIP_TRANSPORT_C_END_BUFFERS, ERR_FULL);
}

static void refuse(struct sip_conn *c, const struct ws_reply *reply)
{
	if (!sip_conn_open(c))
		return;
	if (sip_conn_send_raw(c, bytes_of(reply->text, reply->len)) == 0)
		sip_conn_end_sent(c, SIP_TRANSPORT_C_END_UPGRADE, ERR_DENIED);
	else /* it must not be read on, for it would be as TCP */
		sip_conn_break(c, SIP_TRANSPORT_C_END_UPGRADE, ERR_DENIED);
}

void sip_conn_upgrade(struct sip_conn *c, struct bytes in)
{
	const struct sip_listener *l = &c->t->listeners[c->listener];
	struct sip_rest request = c->rest;
	struct ws_reply reply;
	size_t used;

	c->rest = (struct sip_rest){0};
	if (!sip_rest_put(c, &request, in)) {
		sip_rest_free(c, &request);
		end_without_buffers(c);
		return;
	}
	in = bytes_of(request.data, request.len);
	sip_rest_uncount(c, &request);
	switch (ws_upgrade_read(in, l->origins, l->n_origins, &reply, &used)) {
	case WS_UPGRADE_MORE:
		c->rest = request;
		if (!sip_rest_count(c, &c->rest))
			end_without_buffers(c);
		return;
	case WS_UPGRADE_DONE:
		begin_frames(c, &reply, bytes_of(in.data + used, in.len - used));
		break;
	case WS_UPGRADE_REFUSED:
	default:
		refuse(c, &reply);
		break;
	}
	crypto_wipe_free(request.data, request.cap);
}
