/* SPDX-License-Identifier: BSD-3-Clause */
/* The request that both document forms are read into. */
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include "request.h"

enum mras_result mras_refuse(struct mras_refusal *f, enum mras_result r, const char *fmt, ...)
{
	if (f->result != MRAS_OK)
		return f->result;
	va_list ap;
	va_start(ap, fmt);
	vsnprintf(f->detail, MRAS_DETAIL_LEN, fmt, ap);
	va_end(ap);
	f->result = r;
	return r;
}

bool mras_text_is_fit(const char *text, size_t max)
{
	size_t n = 0;
	for (const unsigned char *p = (const unsigned char *)text; *p != '\0'; p++) {
		if (*p < 0x20 || *p == 0x7f)
			return false;
		n += (*p & 0xc0) != 0x80; /* a first byte */
	}
	return n <= max;
}

uint8_t mras_location_parse(const char *name)
{
	if (strcmp(name, "internet") == 0)
		return AUTH_INTERNET;
	return strcmp(name, "intranet") == 0 ? AUTH_INTRANET : 0;
}

struct mras_item *mras_request_grow(struct mras_request *r, struct mras_refusal *f)
{
	if (r->n_items == MRAS_ITEMS_MAX) {
		mras_refuse(f, MRAS_TOO_LARGE, "more than %d credentials are asked for",
			MRAS_ITEMS_MAX);
		return NULL;
	}
	if (r->items == NULL)
		r->items = calloc(MRAS_ITEMS_MAX, sizeof(*r->items));
	if (r->items == NULL) {
		mras_refuse(f, MRAS_INTERNAL, "out of memory");
		return NULL;
	}
	return &r->items[r->n_items++];
}

enum mras_result mras_request_decode(enum mras_format format, struct bytes body,
	struct mras_request *out, char detail[MRAS_DETAIL_LEN])
{
	struct mras_refusal f = {MRAS_OK, detail};
	*out = (struct mras_request){0};
	detail[0] = '\0';
	if (body.len > MRAS_BODY_MAX)
		return mras_refuse(
			&f, MRAS_TOO_LARGE, "the body is larger than %d bytes", MRAS_BODY_MAX);
	return format == MRAS_JSON ? mras_json_decode(body, out, &f)
				   : mras_xml_decode(body, out, &f);
}

void mras_request_fini(struct mras_request *r)
{
	for (size_t i = 0; i < r->n_items; i++) {
		free(r->items[i].id);
		free(r->items[i].identity);
	}
	free(r->items);
	free(r->request_id);
	free(r->version);
	free(r->to);
	free(r->from);
	*r = (struct mras_request){0};
}
