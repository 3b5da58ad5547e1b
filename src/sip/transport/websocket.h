/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * WebSocket as a server speaks it (RFC 6455, with the subprotocol of RFC 7118): the request that
 * begins it, and frames to messages. No I/O; who owns it sends what it is given to send.
 */
#ifndef SIP_TRANSPORT_WEBSOCKET_H
#define SIP_TRANSPORT_WEBSOCKET_H

#include <sallyport/common.h>

/* ---- the request (RFC 6455 §4.2) ---- */

#define WS_REQUEST_MAX 8192 /* request line and headers; a browser's cookies are among them */
#define WS_REPLY_MAX   512

enum ws_upgrade {
	WS_UPGRADE_MORE,    /* it is not all there; at most WS_REQUEST_MAX of it ever are */
	WS_UPGRADE_DONE,    /* REPLY is the 101; frames follow behind USED bytes */
	WS_UPGRADE_REFUSED, /* REPLY says why; nothing follows */
};

struct ws_reply {
	char text[WS_REPLY_MAX];
	size_t len;
	unsigned status; /* 101, 400, 403, 405, 426, 431 */
};

/* ORIGINS as in struct sip_listener_config. */
enum ws_upgrade ws_upgrade_read(struct bytes in, const char *const *origins, size_t n_origins,
	struct ws_reply *reply, size_t *used);

/* ---- frames (RFC 6455 §5) ---- */

struct ws; /* what one connection's reading needs, 4.3 KiB */

enum ws_event {
	WS_MORE,    /* all that was given is read */
	WS_DATA,    /* DATA belongs to the message that is begun */
	WS_MESSAGE, /* ... and it ends with DATA */
	WS_PING,    /* DATA is to be sent back in a pong */
	WS_PONG,
	WS_CLOSE, /* the peer closes; CODE is to be sent back, if it is not 0 */
	WS_BAD,   /* it breaks the protocol; CODE says how (§7.4.1) */
	WS_NO_MEMORY,
};

struct ws_read {
	struct bytes data; /* a view, until the next call */
	bool is_text;      /* of WS_DATA and WS_MESSAGE */
	uint64_t left;     /* of WS_DATA: bytes of its frame that are still to come */
	uint16_t code;
};

struct ws *ws_create(void);    /* NULL: out of memory */
void ws_destroy(struct ws *w); /* NULL is fine */
/* Bytes that have come; they are used up by ws_next, which is called until it says WS_MORE. */
void ws_give(struct ws *w, struct bytes in);
enum ws_event ws_next(struct ws *w, struct ws_read *out);
/* Has a message begun that has not ended? */
bool ws_is_within(const struct ws *w);

enum ws_opcode {
	WS_TEXT = 1,
	WS_BINARY = 2,
	WS_OP_CLOSE = 8,
	WS_OP_PING = 9,
	WS_OP_PONG = 10,
};
#define WS_NORMAL      1000
#define WS_PROTOCOL    1002
#define WS_UNSUPPORTED 1003
#define WS_NOT_UTF8    1007
#define WS_TOO_BIG     1009

/* The header of a server's frame of LEN bytes, alone its message. Its length is returned. */
#define WS_HEADER_MAX 10
size_t ws_header_write(uint8_t out[WS_HEADER_MAX], enum ws_opcode op, size_t len);

#endif
