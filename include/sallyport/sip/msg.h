/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * A SIP message as slices of the bytes it came in, and the cutting of a stream into messages.
 *
 *   INVITE sip:bob@example.com SIP/2.0 CRLF        or   SIP/2.0 200 OK CRLF
 *   Name: value CRLF                               a value goes on in a line that begins blank
 *   CRLF
 *   body
 */
#ifndef SALLYPORT_SIP_MSG_H
#define SALLYPORT_SIP_MSG_H

#include <sallyport/sip/names.h>
#include <sallyport/sip/str.h>

#define SIP_PORT     5060
#define SIP_TLS_PORT 5061

/* Bounds of what is decoded. A message keeps to them or is refused. */
#define SIP_MSG_MAX     65535 /* bytes of a message, whatever carries it */
#define SIP_HEAD_MAX    32768 /* of them, start line and header fields */
#define SIP_HEADERS_MAX 128   /* header fields */
#define SIP_HEADER_MAX  8192  /* bytes of a header field, folds counted */
#define SIP_URI_MAX     2048  /* bytes of a Request-URI */

/*
 * Why a message is refused. The first problem found is named; decoding goes on behind it as far as
 * an answer wants it.
 */
enum sip_refusal {
	SIP_FINE = 0,
	SIP_BAD_START_LINE,
	SIP_BAD_URI, /* the Request-URI is none, or has headers */
	SIP_URI_TOO_LONG,
	SIP_BAD_VERSION,
	SIP_BAD_HEADER, /* no colon, no name, a fold of nothing */
	SIP_BAD_BYTE,   /* CR or LF alone, or NUL that no backslash precedes */
	SIP_HEADER_TOO_LONG,
	SIP_TOO_MANY_HEADERS,
	SIP_NO_END, /* no empty line behind the header fields */
	SIP_TOO_LARGE,
	SIP_NO_CONTENT_LENGTH, /* on a stream */
	SIP_BAD_CONTENT_LENGTH,
	SIP_BODY_SHORT, /* than Content-Length says */
	SIP_DUPLICATE,  /* of a header field that may stand once */
	SIP_NO_VIA,
	SIP_BAD_VIA,
	SIP_NO_FROM,
	SIP_BAD_FROM,
	SIP_NO_TO,
	SIP_BAD_TO,
	SIP_NO_CALL_ID,
	SIP_BAD_CALL_ID,
	SIP_NO_CSEQ,
	SIP_BAD_CSEQ,
	SIP_CSEQ_MISMATCH, /* its method is not that of the request */
	SIP_BAD_MAX_FORWARDS,
	SIP_REFUSAL_COUNT,
};
const char *sip_refusal_text(enum sip_refusal r); /* "CSeq names another method"; static */
/* 400, 413, 414 or 505 (RFC 3261 §21.4, §21.5). */
unsigned sip_refusal_status(enum sip_refusal r);

struct sip_header {
	uint8_t id;          /* enum sip_header_id; SIP_HEADER_OTHER for a name not in the table */
	uint8_t next;        /* 1 + index of the next one with this id, 0: none; not for OTHER */
	struct sip_str name; /* as it came, perhaps the compact form */
	/*
	 * Without blanks around it. A fold in it stays: CR, LF and a blank. All decoders of values
	 * take that for the blank it is, writers of values turn it into one, and copying of header
	 * fields keeps it. CR and LF are nowhere else. Who shows or stores a value: sip_str_text.
	 */
	struct sip_str value;
	struct sip_str whole; /* name, colon, value and CRLF: what is copied */
};

/* Plain data of about 7 KiB. Pointers go into the caller's bytes. */
struct sip_msg {
	struct sip_str bytes; /* start line to end of body; bytes behind that are not looked at */
	struct sip_str head;  /* start line to empty line, inclusive */
	struct sip_str body;  /* as Content-Length says */
	bool is_request;
	enum sip_method method; /* of the request; in a response, that of CSeq */
	struct sip_str method_name;
	struct sip_str uri;    /* Request-URI, found good by sip_uri_decode */
	uint16_t status;       /* 100..699 in a response, else 0 */
	struct sip_str reason; /* reason phrase */

	/* What every transaction and dialog wants, found good by the decoder. */
	struct sip_str call_id;
	struct sip_str from_tag, to_tag; /* absent where there is none */
	uint32_t cseq;
	int max_forwards; /* -1: not there */

	enum sip_refusal refusal;
	uint16_t n_headers;
	uint8_t first[SIP_HEADER_COUNT]; /* 1 + index of the first with that id, 0: none */
	struct sip_header headers[SIP_HEADERS_MAX];
};

enum sip_carrier {
	SIP_DATAGRAM, /* a body without Content-Length goes to the end; more bytes are cut off */
	SIP_STREAM,   /* one message as sip_stream_frame cut it; Content-Length is mandatory */
};

/*
 * Decodes one message: grammar of start line and header fields, bounds, Content-Length, and the
 * header fields that each message must have: Via (the first), From, To, Call-ID, CSeq; Max-Forwards
 * if it is there; that none of these nor Content-Type stands twice. Values of others are not looked
 * at. Header fields stand in OUT in their order.
 *
 * Returns out->refusal. When that is not SIP_FINE, OUT has what could be decoded all the same, so
 * that a request may be answered: see sip_msg_is_answerable. Copying OUT is fine while the bytes
 * stay.
 */
enum sip_refusal sip_msg_decode(
	const void *data, size_t len, enum sip_carrier carrier, struct sip_msg *out);

/*
 * May and can this be answered? A request other than ACK whose first Via can be read. What else a
 * refused request lacks is not in its answer either (RFC 4475 §3.3.1).
 */
bool sip_msg_is_answerable(const struct sip_msg *m);

/* The first header field with ID, the next one with the id of H; NULL: none. Not for OTHER. */
const struct sip_header *sip_header_first(const struct sip_msg *m, enum sip_header_id id);
const struct sip_header *sip_header_next(const struct sip_msg *m, const struct sip_header *h);
/* Value of the first with ID; absent: SIP_NONE. */
struct sip_str sip_header_value(const struct sip_msg *m, enum sip_header_id id);
/* The first with that NAME, for those without an id; without case; NULL: none. */
const struct sip_header *sip_header_named(const struct sip_msg *m, const char *name);

/* ---- streams ---- */

/* Where the cutting of a connection's bytes stands. All zero at the start. */
struct sip_stream {
	uint32_t max;     /* bytes of a message that are taken; 0: SIP_MSG_MAX */
	uint32_t scanned; /* bytes of the message at the front that were looked at */
	uint32_t line;    /* where the line begins that is not at its end */
	uint32_t total;   /* length of that message, known when its head is there; else 0 */
	uint32_t head;    /* of it, the head */
	bool after_crlf;
};

enum sip_frame {
	SIP_FRAME_MORE,    /* nothing whole yet */
	SIP_FRAME_MESSAGE, /* N bytes are a message for sip_msg_decode */
	SIP_FRAME_CRLF,    /* 2 bytes: a pong (RFC 5626 §3.5.1), or the first half of a ping */
	SIP_FRAME_PING,    /* 2 bytes: the other half. It is answered with CRLF */
	SIP_FRAME_BAD,     /* not SIP: answer the first N bytes if N is not 0, and close */
	SIP_FRAME_LONG,    /* longer than taken: as before */
};

/*
 * What stands at the front of the LEN bytes that came and were not taken away. After MESSAGE, CRLF
 * and PING the caller takes *N bytes away before it asks again; after MORE it asks with the same
 * bytes and more of them behind. No byte is searched twice. With MESSAGE and MORE, *N is 0 or, once
 * the head is there, the length of the message. With BAD and LONG it is that of a head that
 * sip_msg_decode takes as SIP_STREAM and refuses, or 0.
 */
enum sip_frame sip_stream_frame(struct sip_stream *s, const void *buf, size_t len, size_t *n);

#endif
