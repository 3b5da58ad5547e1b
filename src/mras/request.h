/* SPDX-License-Identifier: BSD-3-Clause */
/* What the two readers share: building a struct mras_request, and what a text in it may be. */
#ifndef MRAS_REQUEST_H
#define MRAS_REQUEST_H

#include <sallyport/mras.h>

/* How a reader fails: a code and, in the caller's buffer, one sentence. */
struct mras_refusal {
	enum mras_result result;
	char *detail; /* MRAS_DETAIL_LEN */
};
/* Keeps the first refusal; returns its result. */
enum mras_result mras_refuse(struct mras_refusal *f, enum mras_result r, const char *fmt, ...)
	__attribute__((format(printf, 3, 4)));

/* UTF-8 of at most MAX characters, none of them a control. TEXT is valid UTF-8. */
bool mras_text_is_fit(const char *text, size_t max);
/* NAME of a location to its enum auth_location; 0 when it is none. */
uint8_t mras_location_parse(const char *name);
/* Room for one more item, zeroed. NULL: refused. */
struct mras_item *mras_request_grow(struct mras_request *r, struct mras_refusal *f);

enum mras_result mras_json_decode(
	struct bytes body, struct mras_request *out, struct mras_refusal *f);
enum mras_result mras_xml_decode(
	struct bytes body, struct mras_request *out, struct mras_refusal *f);

#endif
