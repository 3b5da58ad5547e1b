/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * Bodies of several parts (RFC 2046 §5.1, RFC 5621) as slices of the message's body. Nothing is
 * decoded in a part: what is handed on is byte by byte what came.
 *
 *   --boundary CRLF  header fields CRLF  CRLF  bytes  CRLF--boundary ... CRLF--boundary--
 */
#ifndef SALLYPORT_SIP_MULTIPART_H
#define SALLYPORT_SIP_MULTIPART_H

#include <sallyport/sip/value.h>

#define SIP_MULTIPART_DEPTH 4  /* parts within parts that sip_body_find looks into */
#define SIP_MULTIPART_PARTS 32 /* parts of one body; more are malformed */

struct sip_part {
	struct sip_str whole;        /* header fields and bytes, without the boundaries */
	struct sip_str head;         /* header fields with the empty line; may be empty */
	struct sip_str body;         /* the bytes */
	struct sip_str content_type; /* values; absent: none, which means text/plain */
	struct sip_str content_id;   /* with its angle brackets */
	struct sip_str disposition;  /* Content-Disposition */
};

struct sip_multipart {
	struct sip_str boundary;
	struct sip_str rest; /* of the body, behind the last boundary line read */
	unsigned n_parts;
	bool is_at_end;
};

/* ERR_UNSUPPORTED when CONTENT_TYPE is not multipart, ERR_MALFORMED when it has no boundary of 1 to
 * 70 characters or BODY has no line with it. */
int sip_multipart_begin(
	struct sip_str content_type, struct sip_str body, struct sip_multipart *out);
/* 1 and the next part; 0 behind the last; ERR_MALFORMED when a boundary line is missing. */
int sip_multipart_next(struct sip_multipart *w, struct sip_part *out);

/*
 * The first part of the type, wherever it is nested; the whole body if that is of the type. A
 * message with a body and without Content-Type is of no type. ERR_NOT_FOUND, ERR_MALFORMED.
 */
int sip_body_find(
	const struct sip_msg *m, const char *type, const char *subtype, struct sip_part *out);

#endif
