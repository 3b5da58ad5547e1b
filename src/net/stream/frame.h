/* SPDX-License-Identifier: BSD-3-Clause */
/* Cuts the bytes of a connection into messages (RFC 8656 §2.1, §12.5). No I/O, no clock. */
#ifndef NET_FRAME_H
#define NET_FRAME_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sallyport/common.h>

/* The longest message: a STUN header and the largest length that is a multiple of four. */
#define NET_FRAME_MAX (20 + 65532)

enum net_frame {
	NET_FRAME_MORE,      /* all input is taken; the next message is not whole yet */
	NET_FRAME_MESSAGE,   /* one message, ChannelData with its padding */
	NET_FRAME_HTTP,      /* a web client has lost its way */
	NET_FRAME_BAD,       /* neither STUN nor ChannelData, or longer than allowed */
	NET_FRAME_NO_MEMORY, /* the rest cannot be kept */
};

/* All zero is a new connection's. Nothing is allocated while no message is in parts. */
struct net_framer {
	uint8_t *rest;     /* the beginning of a message; owned */
	uint32_t rest_len; /* bytes of it that are there */
	bool is_given;     /* REST was handed out as a message and goes at the next call */
	bool has_message;  /* a STUN message has come, so ChannelData may */
};

/*
 * The next message of IN, which moves on past what is taken. MSG is good until the next call or
 * until IN's bytes go. LIMIT is the longest message that may be announced. After anything but
 * MORE and MESSAGE the connection is at its end.
 */
enum net_frame net_framer_next(
	struct net_framer *f, struct bytes *in, size_t limit, struct bytes *msg);
void net_framer_fini(struct net_framer *f);

#endif
