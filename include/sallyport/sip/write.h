/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * Writing a message into the caller's buffer. A failure sticks and shows at the end, so calls need
 * no checks in between: no room, or a value that would break the message. Nothing that is handed in
 * as a value can begin another header field: a fold becomes a space, and any other CR, LF or NUL
 * fails.
 */
#ifndef SALLYPORT_SIP_WRITE_H
#define SALLYPORT_SIP_WRITE_H

#include <sallyport/sip/msg.h>
#include <sallyport/sip/uri.h>
#include <sallyport/sip/value.h>

struct sip_writer {
	char *buf;
	size_t cap;
	size_t len;
	bool failed;
};

void sip_write_begin(struct sip_writer *w, void *buf, size_t cap);
/* METHOD is a token, URI has no blank: else it fails. */
void sip_write_request(struct sip_writer *w, struct sip_str method, struct sip_str uri);
/* REASON NULL: the standard phrase. */
void sip_write_status(struct sip_writer *w, unsigned status, const char *reason);

/* ---- whole header fields ---- */

void sip_write_header(struct sip_writer *w, enum sip_header_id id, struct sip_str value);
void sip_write_header_c(struct sip_writer *w, enum sip_header_id id, const char *value);
void sip_write_header_named(struct sip_writer *w, struct sip_str name, struct sip_str value);
void sip_write_header_number(struct sip_writer *w, enum sip_header_id id, uint32_t value);
void sip_write_cseq(struct sip_writer *w, uint32_t number, struct sip_str method);
/* Known bits and then MORE, all of it one header field; none at all when there are none. */
void sip_write_options(struct sip_writer *w, enum sip_header_id id, uint64_t options);
void sip_write_methods(struct sip_writer *w, enum sip_header_id id, uint64_t methods);

/* As they came, byte by byte: one; all with ID; all but those in the set LEFT_OUT. */
struct sip_header_set {
	uint64_t bits[(SIP_HEADER_COUNT + 63) / 64];
};
static inline void sip_header_set_add(struct sip_header_set *s, enum sip_header_id id)
{
	s->bits[id / 64] |= UINT64_C(1) << (id % 64);
}
static inline bool sip_header_set_has(const struct sip_header_set *s, enum sip_header_id id)
{
	return (s->bits[id / 64] >> (id % 64) & 1) != 0;
}
void sip_write_copy(struct sip_writer *w, const struct sip_header *h);
void sip_write_copy_all(struct sip_writer *w, const struct sip_msg *m, enum sip_header_id id);
void sip_write_copy_except(
	struct sip_writer *w, const struct sip_msg *m, const struct sip_header_set *left_out);

/* ---- Via ---- */

/* A Via of our own. HOST without brackets; PORT 0: none; BRANCH whole, with its cookie. */
struct sip_via_own {
	const char *transport; /* "TLS" */
	struct sip_host host;
	uint16_t port;
	struct sip_str branch;
	bool has_rport;      /* asks for it */
	struct sip_str more; /* ";keep", or absent */
};
void sip_write_via(struct sip_writer *w, const struct sip_via_own *v);
/*
 * All Via of M. The first one gets received= and the value of rport= from SOURCE, as RFC 3261
 * §18.2.1 and RFC 3581 §4 have it; what it said there before goes. SOURCE NULL: as they came.
 */
void sip_write_vias(struct sip_writer *w, const struct sip_msg *m, const struct addr *source);

/* ---- a header field from pieces: open, any of these, close ---- */

void sip_write_open(struct sip_writer *w, enum sip_header_id id); /* "Name: " */
void sip_write_open_named(struct sip_writer *w, struct sip_str name);
void sip_write_str(struct sip_writer *w, struct sip_str s);
void sip_write_c(struct sip_writer *w, const char *s);
void sip_write_u32(struct sip_writer *w, uint32_t n);
void sip_write_quoted(struct sip_writer *w, struct sip_str text); /* quotes and escapes it */
/* ";name=value". The value is quoted when it is no token nor host; absent: ";name". */
void sip_write_param(struct sip_writer *w, const char *name, struct sip_str value);
/* Text as a user of a URI, with "%" escapes where the grammar wants them. */
void sip_write_user(struct sip_writer *w, struct sip_str text);
void sip_write_host(struct sip_writer *w, const struct sip_host *h); /* IPv6 in brackets */
/* From the parts, not from whole. */
void sip_write_uri(struct sip_writer *w, const struct sip_uri *u);
/* Always with brackets, so that parameters are whose they are (RFC 3261 §20.10). */
void sip_write_name_addr(struct sip_writer *w, const struct sip_name_addr *n);
void sip_write_close(struct sip_writer *w); /* CRLF */

/* ---- ends ---- */

/* Content-Type (unless absent), Content-Length, empty line, body: the end of every message. */
void sip_write_body(struct sip_writer *w, struct sip_str content_type, struct sip_str body);

/*
 * The beginning of an answer to M (RFC 3261 §8.2.6.2): status line, Via (as sip_write_vias), From,
 * To, Call-ID, CSeq; Record-Route where a dialog may come of it (101..299); Timestamp in a 100. To
 * gets TO_TAG unless it has a tag, or it cannot be read, or STATUS is 100, or TO_TAG is absent.
 * Further header fields and sip_write_body follow. M is one that is answerable, else it fails.
 */
void sip_write_response(struct sip_writer *w, const struct sip_msg *m, unsigned status,
	const char *reason, struct sip_str to_tag, const struct addr *source);

#endif
