/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * The MRAS XML request. The schema is three levels deep, so a state per level is the whole
 * grammar: anything else, a document type first of all, stops the parser where it stands.
 *
 * Attributes of another namespace (xsi:schemaLocation) are passed over, as XML Schema has it;
 * unknown elements and unqualified attributes are errors.
 */
#include <expat.h>
#include <stdlib.h>
#include <string.h>
#include "request.h"
#include "xml.h"

#define NS_SEPARATOR ' ' /* cannot be in a namespace name */
#define DURATION_MAX 32  /* characters */

enum level {
	LEVEL_DOCUMENT,
	LEVEL_REQUEST,
	LEVEL_ITEM,
	LEVEL_FIELD
};

/* Children of an item in the order the schema wants them. */
enum field {
	FIELD_NONE,
	FIELD_IDENTITY,
	FIELD_LOCATION,
	FIELD_DURATION
};

struct reader {
	XML_Parser parser;
	struct mras_request *out;
	struct mras_refusal *f;
	enum level level;
	enum field field; /* the last one of this item, open at LEVEL_FIELD */
	bool is_direct;
	char *text; /* of the open field; MRAS_BODY_MAX + 1 */
	size_t len;
};

static void stop(struct reader *r, enum mras_result why, const char *text)
{
	mras_refuse(r->f, why, "line %lu: %s", XML_GetCurrentLineNumber(r->parser), text);
	(void)XML_StopParser(r->parser, XML_FALSE); /* fails only when it has stopped already */
}

static void malformed(struct reader *r, const char *text)
{
	stop(r, MRAS_MALFORMED, text);
}

/* The name without our namespace, or NULL when it is in another one or in none. */
static const char *local_name(const char *name)
{
	const size_t len = sizeof(MRAS_XML_NS) - 1;
	return strncmp(name, MRAS_XML_NS, len) == 0 && name[len] == NS_SEPARATOR ? name + len + 1
										 : NULL;
}

/* ---- attributes ---- */

struct attribute {
	const char *name;
	char **out;
};

static bool attribute_take(struct reader *r, const struct attribute *a, const char *value)
{
	if (value[0] == '\0' || !mras_text_is_fit(value, MRAS_BODY_MAX)) {
		malformed(r, "an attribute is empty");
		return false;
	}
	*a->out = strdup(value);
	if (*a->out == NULL)
		stop(r, MRAS_INTERNAL, "out of memory");
	return *a->out != NULL;
}

/* Every KNOWN one must be there, but for the route. */
static bool attributes_read(
	struct reader *r, const char **atts, const struct attribute *known, size_t n_known)
{
	for (; atts[0] != NULL; atts += 2) {
		size_t i = 0;
		while (i < n_known && strcmp(atts[0], known[i].name) != 0)
			i++;
		if (i < n_known && !attribute_take(r, &known[i], atts[1]))
			return false;
		if (i == n_known && strchr(atts[0], NS_SEPARATOR) == NULL) {
			malformed(r, "an attribute is not known");
			return false;
		}
	}
	for (size_t i = 0; i < n_known; i++) {
		if (*known[i].out == NULL && strcmp(known[i].name, "route") != 0) {
			malformed(r, "an attribute is missing");
			return false;
		}
	}
	return true;
}

static const char *attribute_find(const char **atts, const char *name)
{
	for (; atts[0] != NULL; atts += 2) {
		if (strcmp(atts[0], name) == 0)
			return atts[1];
	}
	return NULL;
}

/* ---- versions, numbers ---- */

static size_t digits(const char *s)
{
	return strspn(s, "0123456789");
}

/* Comes first: what else is in a document of another version is not ours to judge. */
static bool version_ok(struct reader *r, const char *version)
{
	if (version == NULL) {
		malformed(r, "the version is missing");
		return false;
	}
	if (strcmp(version, "1.0") == 0 || strcmp(version, "2.0") == 0)
		return true;
	size_t n = digits(version);
	if (n > 0 && version[n] == '.' && digits(version + n + 1) > 0 &&
		version[n + 1 + digits(version + n + 1)] == '\0')
		stop(r, MRAS_VERSION_MISMATCH, "the versions 1.0 and 2.0 are supported");
	else
		malformed(r, "the version is not MAJOR.MINOR");
	return false;
}

static bool uri_ok(const char *uri)
{
	return strncmp(uri, "sip:", 4) == 0 || strncmp(uri, "sips:", 5) == 0;
}

/* xs:positiveInteger; what is above the longest duration becomes that. */
static uint32_t duration_parse(const char *s)
{
	uint32_t n = 0;
	s += *s == '+';
	if (*s == '\0' || s[digits(s)] != '\0')
		return 0;
	for (; *s != '\0'; s++) {
		n = n * 10 + (uint32_t)(*s - '0');
		if (n > MRAS_DURATION_MAX)
			n = MRAS_DURATION_MAX;
	}
	return n;
}

/* ---- elements ---- */

static void request_start(struct reader *r, const char *name, const char **atts)
{
	char *route = NULL;
	struct mras_request *out = r->out;
	const struct attribute known[] = {{"requestID", &out->request_id},
		{"version", &out->version}, {"to", &out->to}, {"from", &out->from},
		{"route", &route}};
	if (strcmp(name, "request") != 0) {
		malformed(r, "the document is not a request");
		return;
	}
	if (version_ok(r, attribute_find(atts, "version")) &&
		attributes_read(r, atts, known, sizeof(known) / sizeof(known[0]))) {
		r->is_direct = route != NULL && strcmp(route, "directip") == 0;
		if (route != NULL && !r->is_direct && strcmp(route, "loadbalanced") != 0)
			malformed(r, "the route is neither loadbalanced nor directip");
		else if (!uri_ok(out->to) || !uri_ok(out->from))
			malformed(r, "to or from is not a SIP URI");
		else if (!mras_text_is_fit(out->request_id, MRAS_ID_MAX))
			malformed(r, "the requestID is too long");
	}
	free(route);
}

static void item_start(struct reader *r, const char *name, const char **atts)
{
	if (strcmp(name, "credentialsRequest") != 0) {
		malformed(r, "an element is not a credentialsRequest");
		return;
	}
	struct mras_item *item = mras_request_grow(r->out, r->f);
	if (item == NULL) {
		(void)XML_StopParser(r->parser, XML_FALSE);
		return;
	}
	const struct attribute known[] = {{"credentialsRequestID", &item->id}};
	item->is_direct = r->is_direct;
	r->field = FIELD_NONE;
	if (attributes_read(r, atts, known, 1) && !mras_text_is_fit(item->id, MRAS_ID_MAX))
		malformed(r, "a credentialsRequestID is too long");
}

static void field_start(struct reader *r, const char *name, const char **atts)
{
	static const char *const names[] = {"", "identity", "location", "duration"};
	enum field field = FIELD_DURATION;
	while (field > FIELD_NONE && strcmp(name, names[field]) != 0)
		field--;
	if (field <= r->field || (r->field == FIELD_NONE && field != FIELD_IDENTITY)) {
		malformed(r,
			"an element is unknown, or out of the order identity, location, duration");
		return;
	}
	r->field = field;
	r->len = 0;
	(void)attributes_read(r, atts, NULL, 0);
}

static void on_start(void *arg, const char *full_name, const char **atts)
{
	struct reader *r = arg;
	const char *name = local_name(full_name);
	if (r->f->result != MRAS_OK)
		return; /* expat may deliver one more event behind a stop */
	if (name == NULL)
		malformed(r, "an element is of another namespace");
	else if (r->level == LEVEL_DOCUMENT)
		request_start(r, name, atts);
	else if (r->level == LEVEL_REQUEST)
		item_start(r, name, atts);
	else if (r->level == LEVEL_ITEM)
		field_start(r, name, atts);
	else
		malformed(r, "an element is nested too deeply");
	if (r->level < LEVEL_FIELD)
		r->level++;
}

static bool is_space(char c)
{
	return c == ' ' || c == '\t' || c == '\n' || c == '\r';
}

/* The text of the open field without the white space around it. */
static char *field_text(struct reader *r)
{
	char *start = r->text, *end = r->text + r->len;
	while (start < end && is_space(*start))
		start++;
	while (end > start && is_space(end[-1]))
		end--;
	*end = '\0';
	return start;
}

static void field_end(struct reader *r)
{
	struct mras_item *item = &r->out->items[r->out->n_items - 1];
	const char *text = field_text(r);
	if (r->field == FIELD_IDENTITY) {
		if (*text == '\0' || !mras_text_is_fit(text, MRAS_IDENT_MAX))
			malformed(r, "an identity is empty, too long or has control characters");
		else if ((item->identity = strdup(text)) == NULL)
			stop(r, MRAS_INTERNAL, "out of memory");
	} else if (r->field == FIELD_LOCATION) {
		item->location = mras_location_parse(text);
		if (item->location == 0)
			malformed(r, "a location is neither internet nor intranet");
	} else {
		item->duration_min = duration_parse(text);
		if (item->duration_min == 0)
			malformed(r, "a duration is not a whole number from 1 on");
	}
}

static void on_end(void *arg, const char *name)
{
	struct reader *r = arg;
	if (r->f->result != MRAS_OK)
		return;
	if (r->level == LEVEL_FIELD)
		field_end(r);
	else if (r->level == LEVEL_ITEM && r->field == FIELD_NONE)
		malformed(r, "an identity is missing");
	else if (r->level == LEVEL_REQUEST && r->out->n_items == 0)
		malformed(r, "there is no credentialsRequest");
	r->level--;
}

static void on_text(void *arg, const char *text, int len)
{
	struct reader *r = arg;
	size_t n = (size_t)len;
	if (r->f->result != MRAS_OK)
		return;
	if (r->level == LEVEL_FIELD && n <= MRAS_BODY_MAX - r->len) {
		memcpy(r->text + r->len, text, n);
		r->len += n;
		return;
	}
	while (n > 0 && r->level != LEVEL_FIELD && is_space(text[n - 1]))
		n--;
	if (n > 0)
		malformed(r, "there is text where none belongs");
}

/* Without declarations there are no entities to expand and no external ones to fetch. */
static void on_doctype(
	void *arg, const char *name, const char *system_id, const char *public_id, int has_subset)
{
	malformed(arg, "a document type is not accepted");
}

enum mras_result mras_xml_decode(
	struct bytes body, struct mras_request *out, struct mras_refusal *f)
{
	struct reader r = {.out = out, .f = f};
	r.text = malloc(MRAS_BODY_MAX + 1);
	r.parser = XML_ParserCreateNS("UTF-8", NS_SEPARATOR); /* whatever the document declares */
	if (r.text == NULL || r.parser == NULL) {
		mras_refuse(f, MRAS_INTERNAL, "out of memory");
		goto out;
	}
	out->is_all_or_nothing = true;
	XML_SetUserData(r.parser, &r);
	XML_SetElementHandler(r.parser, on_start, on_end);
	XML_SetCharacterDataHandler(r.parser, on_text);
	XML_SetStartDoctypeDeclHandler(r.parser, on_doctype);
	if (XML_Parse(r.parser, (const char *)body.data, (int)body.len, 1) != XML_STATUS_OK)
		malformed(&r, XML_ErrorString(XML_GetErrorCode(r.parser)));
out:
	if (r.parser != NULL)
		XML_ParserFree(r.parser);
	free(r.text);
	return f->result;
}
