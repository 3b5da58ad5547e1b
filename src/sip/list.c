/* SPDX-License-Identifier: BSD-3-Clause */
/* Lists: elements between commas and over several header fields; option tags and methods. */
#include "scan.h"

/* To the comma that ends an element: not one in quotes, nor one in angle brackets. */
static bool skip_element(struct sip_scan *c)
{
	struct sip_str inside;
	while (c->at < c->end && *c->at != ',') {
		if (*c->at == '"') {
			if (!sip_scan_quoted(c, &inside))
				return false;
		} else if (*c->at == '<') {
			c->at = memchr(c->at, '>', (size_t)(c->end - c->at));
			if (c->at == NULL)
				return false;
		} else {
			c->at++;
		}
	}
	return true;
}

int sip_value_next(struct sip_str value, uint32_t *at, struct sip_str *element)
{
	struct sip_scan c = sip_scan_of(value);
	if (*at > value.len || (*at == 0 && sip_str_trim(value).len == 0))
		return 0;
	const char *from = c.at += *at;
	if (!skip_element(&c))
		return ERR_MALFORMED;
	*element = sip_str_trim(sip_scan_since(&c, from));
	if (element->len == 0)
		return ERR_MALFORMED;
	/* One past the end says that no comma follows. */
	*at = (uint32_t)(c.at - value.at) + 1;
	return 1;
}

struct sip_list sip_list_of(const struct sip_msg *m, enum sip_header_id id)
{
	return (struct sip_list){.msg = m, .header = sip_header_first(m, id)};
}

int sip_list_next(struct sip_list *l, struct sip_str *element)
{
	while (l->header != NULL) {
		int r = sip_value_next(l->header->value, &l->at, element);
		if (r != 0)
			return r;
		l->header = sip_header_next(l->msg, l->header);
		l->at = 0;
	}
	return 0;
}

static void add_unknown(struct sip_tokens *t, struct sip_str word)
{
	if (t->n_unknown < SIP_UNKNOWN_MAX)
		t->unknown[t->n_unknown++] = word;
}

static void add_option(struct sip_tokens *t, struct sip_str word)
{
	enum sip_option o;
	if (sip_option_find(word, &o))
		t->known |= SIP_OPTION_BIT(o);
	else
		add_unknown(t, word);
}

static void add_method(struct sip_tokens *t, struct sip_str word)
{
	enum sip_method m = sip_method_find(word);
	if (m != SIP_METHOD_OTHER)
		t->known |= SIP_METHOD_BIT(m);
	else
		add_unknown(t, word);
}

static int read_tokens(const struct sip_msg *m, enum sip_header_id id,
	void (*add)(struct sip_tokens *, struct sip_str), struct sip_tokens *out)
{
	struct sip_list l = sip_list_of(m, id);
	struct sip_tokens t = {.is_present = l.header != NULL};
	struct sip_str element, word;
	int r;
	while ((r = sip_list_next(&l, &element)) == 1) {
		struct sip_scan c = sip_scan_of(element);
		if (!sip_scan_run(&c, SIP_CHARS_TOKEN, &word) || !sip_scan_is_end(&c))
			return ERR_MALFORMED;
		add(&t, word);
	}
	if (r == 0)
		*out = t;
	return r;
}

int sip_options_of(const struct sip_msg *m, enum sip_header_id id, struct sip_tokens *out)
{
	return read_tokens(m, id, add_option, out);
}

int sip_methods_of(const struct sip_msg *m, enum sip_header_id id, struct sip_tokens *out)
{
	return read_tokens(m, id, add_method, out);
}
