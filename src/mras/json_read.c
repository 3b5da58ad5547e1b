/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * The JSON request. A member that is not known is passed over, so that a newer caller may talk to
 * an older node; a known one with a wrong value, and any name given twice, is an error.
 */
#include <jansson.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include "request.h"

/* An optional string member of at most MAX characters. *OUT stays NULL when there is none. */
static int read_text(
	const json_t *o, const char *name, size_t max, char **out, struct mras_refusal *f)
{
	const json_t *v = json_object_get(o, name);
	if (v == NULL)
		return 0;
	if (!json_is_string(v) || !mras_text_is_fit(json_string_value(v), max))
		return (int)mras_refuse(f, MRAS_MALFORMED,
			"\"%s\" is not a text of at most %zu characters without controls", name,
			max);
	*out = strdup(json_string_value(v));
	return *out != NULL ? 0 : (int)mras_refuse(f, MRAS_INTERNAL, "out of memory");
}

/* The index in NAMES of an optional member; *OUT stays when there is none. */
static int read_choice(const json_t *o, const char *name, const char *const names[2], unsigned *out,
	struct mras_refusal *f)
{
	const json_t *v = json_object_get(o, name);
	if (v == NULL)
		return 0;
	const char *text = json_string_value(v);
	for (unsigned i = 0; i < 2; i++) {
		if (text != NULL && strcmp(text, names[i]) == 0) {
			*out = i;
			return 0;
		}
	}
	return (int)mras_refuse(
		f, MRAS_MALFORMED, "\"%s\" is neither \"%s\" nor \"%s\"", name, names[0], names[1]);
}

/* An optional whole number from 1 on; what is above MAX becomes MAX. */
static int read_count(
	const json_t *o, const char *name, uint32_t max, uint32_t *out, struct mras_refusal *f)
{
	const json_t *v = json_object_get(o, name);
	if (v == NULL)
		return 0;
	if (!json_is_integer(v) || json_integer_value(v) < 1)
		return (int)mras_refuse(
			f, MRAS_MALFORMED, "\"%s\" is not a whole number from 1 on", name);
	json_int_t n = json_integer_value(v);
	*out = n > max ? max : (uint32_t)n;
	return 0;
}

static int read_limits(const json_t *o, struct mras_item *item, struct mras_refusal *f)
{
	const json_t *limits = json_object_get(o, "limits");
	uint32_t allocations = 0;
	if (limits == NULL)
		return 0;
	if (!json_is_object(limits))
		return (int)mras_refuse(f, MRAS_MALFORMED, "\"limits\" is not an object");
	if (read_count(limits, "allocations", UINT16_MAX, &allocations, f) != 0)
		return -1;
	item->allocations = (uint16_t)allocations;
	return read_count(limits, "kbps", UINT32_MAX, &item->kbps, f);
}

static int read_id(const json_t *o, size_t number, struct mras_item *item, struct mras_refusal *f)
{
	char text[24];
	if (read_text(o, "id", MRAS_ID_MAX, &item->id, f) != 0)
		return -1;
	if (item->id != NULL)
		return 0;
	snprintf(text, sizeof(text), "%zu", number);
	item->id = strdup(text);
	return item->id != NULL ? 0 : (int)mras_refuse(f, MRAS_INTERNAL, "out of memory");
}

static int read_item(const json_t *o, size_t number, struct mras_item *item, struct mras_refusal *f)
{
	static const char *const locations[] = {"internet", "intranet"};
	static const char *const routes[] = {"loadbalanced", "directip"};
	static const char *const families[] = {"any", "ipv4"};
	unsigned location = 2, route = 0, family = 0;
	if (!json_is_object(o))
		return (int)mras_refuse(
			f, MRAS_MALFORMED, "item %zu of \"credentials\" is not an object", number);
	if (read_id(o, number, item, f) != 0 ||
		read_text(o, "identity", MRAS_IDENT_MAX, &item->identity, f) != 0 ||
		read_choice(o, "location", locations, &location, f) != 0 ||
		read_count(o, "duration", MRAS_DURATION_MAX, &item->duration_min, f) != 0 ||
		read_choice(o, "route", routes, &route, f) != 0 ||
		read_choice(o, "family", families, &family, f) != 0 || read_limits(o, item, f) != 0)
		return -1;
	if (item->identity == NULL || item->identity[0] == '\0')
		return (int)mras_refuse(f, MRAS_MALFORMED, "item %zu has no identity", number);
	item->location = location < 2 ? mras_location_parse(locations[location]) : 0;
	item->is_direct = route == 1;
	item->is_ipv4_only = family == 1;
	return 0;
}

static void read_root(const json_t *root, struct mras_request *out, struct mras_refusal *f)
{
	if (read_text(root, "requestId", MRAS_ID_MAX, &out->request_id, f) != 0)
		return;
	const json_t *list = json_object_get(root, "credentials");
	if (!json_is_array(list) || json_array_size(list) == 0) {
		mras_refuse(f, MRAS_MALFORMED, "\"credentials\" is not a list with an item");
		return;
	}
	for (size_t i = 0; i < json_array_size(list); i++) {
		struct mras_item *item = mras_request_grow(out, f);
		if (item == NULL || read_item(json_array_get(list, i), i + 1, item, f) != 0)
			return;
	}
}

enum mras_result mras_json_decode(
	struct bytes body, struct mras_request *out, struct mras_refusal *f)
{
	json_error_t e;
	json_t *root = json_loadb((const char *)body.data, body.len, JSON_REJECT_DUPLICATES, &e);
	if (root == NULL)
		return mras_refuse(
			f, MRAS_MALFORMED, "line %d, column %d: %.100s", e.line, e.column, e.text);
	if (json_is_object(root))
		read_root(root, out, f);
	else
		mras_refuse(f, MRAS_MALFORMED, "the document is not an object");
	json_decref(root);
	return f->result;
}
