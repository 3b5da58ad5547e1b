/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * mediation/sdp: the codec of session descriptions (RFC 8866), bytes to structs and back: no I/O,
 * no clock, no heap. What is decoded points into the caller's bytes. Values of attributes are in
 * sdp/attr.h, offers and answers in sdp/session.h.
 */
#ifndef SALLYPORT_MEDIATION_SDP_H
#define SALLYPORT_MEDIATION_SDP_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sallyport/common.h>

#define SDP_LEN_MAX     65536
#define SDP_LINES_MAX   4096
#define SDP_MEDIA_MAX   32
#define SDP_FORMATS_MAX 128 /* of one m= line */

/* Why a description, an offer or an answer is not taken. A value, not an error. */
enum sdp_refusal {
	SDP_OK,
	/* What breaks the format, or our bounds. */
	SDP_TOO_LONG,
	SDP_TOO_MANY_LINES,
	SDP_TOO_MANY_MEDIA,
	SDP_TOO_MANY_FORMATS,
	SDP_BAD_BYTE, /* NUL, or a CR that ends no line */
	SDP_BAD_LINE, /* not "x=", or an x that RFC 8866 does not have there */
	SDP_BAD_ORDER,
	SDP_BAD_VERSION,
	SDP_BAD_ORIGIN,
	SDP_BAD_CONNECTION,
	SDP_BAD_BANDWIDTH,
	SDP_BAD_TIME,
	SDP_BAD_MEDIA,
	SDP_BAD_ATTRIBUTE, /* one without a name */
	SDP_MISSING,       /* ends before v=, o=, s= and t= were there */
	/* What an exchange cannot agree on (sdp/session.h). */
	SDP_NO_AUDIO,        /* no m=audio, or none with a port */
	SDP_NO_PROFILE,      /* RTP where SRTP is required, the reverse, or neither */
	SDP_NO_CODEC,        /* none in common */
	SDP_NO_KEY,          /* SRTP without a crypto line that we can take */
	SDP_NO_ADDRESS,      /* none, a name, or the other family */
	SDP_ANSWER_MISMATCH, /* an answer that does not fit the offer */
	SDP_WRONG_STATE,     /* an offer under way already, or none to answer */
	SDP_NO_ROOM,         /* the writer's buffer is too small */
	SDP_REFUSALS,
};
const char *sdp_refusal_text(enum sdp_refusal r);

/* ---- decoding ---- */

/* As bits, so that they can be narrowed: from the view of whoever wrote the description. */
enum sdp_direction {
	SDP_INACTIVE = 0,
	SDP_SENDONLY = 1,
	SDP_RECVONLY = 2,
	SDP_SENDRECV = 3,
};
/* The same stream from the other end. */
static inline enum sdp_direction sdp_direction_reverse(enum sdp_direction d)
{
	return (enum sdp_direction)(((d & SDP_SENDONLY) << 1) | ((d & SDP_RECVONLY) >> 1));
}
/* "sendrecv" */
const char *sdp_direction_name(enum sdp_direction d);

/* The protocols of m= lines that carry RTP; their letters in any case. */
enum sdp_profile {
	SDP_PROFILE_OTHER,
	SDP_RTP_AVP,
	SDP_RTP_AVPF,      /* RFC 4585 */
	SDP_RTP_SAVP,      /* RFC 3711 */
	SDP_RTP_SAVPF,     /* RFC 5124 */
	SDP_DTLS_RTP_SAVP, /* "UDP/TLS/RTP/SAVP", RFC 5764 */
	SDP_DTLS_RTP_SAVPF,
};

struct sdp_origin {
	struct bytes username, id, version; /* the latter two are digits */
	struct bytes host;
};

struct sdp_connection {
	struct bytes host; /* as written, without TTL and count */
	struct addr addr;  /* port 0; ADDR_NONE when it is a name */
};

struct sdp_media {
	struct bytes kind; /* "audio" */
	struct bytes proto;
	enum sdp_profile profile;
	uint16_t port, n_ports; /* "49170/2": 49170 and 2 */
	struct bytes formats;   /* words between single spaces: sdp_word_next */
	bool has_connection;    /* its own, or the session's */
	struct sdp_connection connection;
	enum sdp_direction direction; /* its own, or the session's, or both ways */
	struct bytes lines;           /* between its m= line and the next */
};

/* A decoded description: a view, valid as long as the bytes are. */
struct sdp {
	struct bytes lines; /* those before the first m= */
	struct sdp_origin origin;
	struct bytes name; /* s= */
	bool has_connection;
	struct sdp_connection connection;
	size_t n_media;
	struct sdp_media media[SDP_MEDIA_MAX];
};

/*
 * Decodes a whole description. Lines may end in CRLF or LF, the last one in nothing. v=0 comes
 * first, o= second, s= and t= before the first m=; the others of RFC 8866 may stand in any order
 * within their section, for not all who send them keep to it. Values of attributes are not looked
 * at: what is wrong in one that nobody acts on does no harm. OUT is written on success only.
 */
enum sdp_refusal sdp_decode(const void *text, size_t len, struct sdp *out);

/* A line, whatever its type, as it stands there. */
struct sdp_line {
	char type;
	struct bytes value;
};
/* Steps through the lines of a section that sdp_decode has found good. *OFFSET begins at 0. */
bool sdp_line_next(struct bytes lines, size_t *offset, struct sdp_line *out);

/* Steps through words between spaces. *OFFSET begins at 0. */
bool sdp_word_next(struct bytes text, size_t *offset, struct bytes *out);

/* ---- writing ---- */

/*
 * Writes lines into the caller's buffer. An overflow sticks and shows at the end, and so does a
 * CR, LF or NUL in a value: nothing that is passed on can begin a line of its own. (A slice printed
 * with %.*s ends at a NUL, and what sdp_decode took has none.)
 */
struct sdp_writer {
	char *buf;
	size_t cap;
	size_t len;
	bool has_failed;
};

void sdp_write_begin(struct sdp_writer *w, char *buf, size_t cap);
void sdp_write_line(struct sdp_writer *w, char type, const char *fmt, ...)
	__attribute__((format(printf, 3, 4)));
/* A line of somebody else's, byte for byte. */
void sdp_write_copy(struct sdp_writer *w, const struct sdp_line *line);
/* All lines of a section. */
void sdp_write_lines(struct sdp_writer *w, struct bytes lines);
/* o=- and s=-: nothing is told about who we are. */
void sdp_write_origin(
	struct sdp_writer *w, uint64_t id, uint64_t version, const struct addr *address);
/* c=; the port is left out. */
void sdp_write_connection(struct sdp_writer *w, const struct addr *address);
/* ERR_NO_SPACE when anything has failed; LEN of what was written otherwise. */
int sdp_write_end(const struct sdp_writer *w, size_t *len);

#endif
