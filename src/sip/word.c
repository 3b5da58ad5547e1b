/* SPDX-License-Identifier: BSD-3-Clause */
/* Values that begin with a word: media types, events, Replaces, Warning. */
#include "scan.h"

int sip_media_type_decode(struct sip_str value, struct sip_media_type *out)
{
	struct sip_scan c = sip_scan_of(sip_str_trim(value));
	struct sip_media_type t;
	if (!sip_scan_run(&c, SIP_CHARS_TOKEN, &t.type) || !sip_scan_char(&c, '/') ||
		!sip_scan_run(&c, SIP_CHARS_TOKEN, &t.subtype) || !sip_scan_params(&c, &t.params))
		return ERR_MALFORMED;
	*out = t;
	return 0;
}

bool sip_media_type_is(const struct sip_media_type *t, const char *type, const char *subtype)
{
	return sip_str_is(t->type, type) && sip_str_is(t->subtype, subtype);
}

int sip_word_decode(struct sip_str value, struct sip_word *out)
{
	struct sip_scan c = sip_scan_of(sip_str_trim(value));
	struct sip_word w;
	if (!sip_scan_run(&c, SIP_CHARS_TOKEN, &w.word) || !sip_scan_params(&c, &w.params))
		return ERR_MALFORMED;
	*out = w;
	return 0;
}

int sip_replaces_decode(struct sip_str value, struct sip_replaces *out)
{
	struct sip_scan c = sip_scan_of(sip_str_trim(value));
	struct sip_replaces r = {.is_early_only = false};
	struct sip_param p;
	if (!sip_scan_run(&c, SIP_CHARS_WORD | SIP_CHARS_VALUE, &r.call_id) ||
		!sip_scan_params(&c, &r.params))
		return ERR_MALFORMED;
	r.to_tag = sip_param_value(r.params, "to-tag");
	r.from_tag = sip_param_value(r.params, "from-tag");
	if (r.to_tag.at == NULL && r.from_tag.at == NULL) {
		r.to_tag = sip_param_value(r.params, "remote-tag");
		r.from_tag = sip_param_value(r.params, "local-tag");
	}
	if (r.to_tag.len == 0 || r.from_tag.len == 0)
		return ERR_MALFORMED;
	r.is_early_only = sip_param_find(r.params, "early-only", &p);
	*out = r;
	return 0;
}

int sip_warning_decode(struct sip_str element, struct sip_warning *out)
{
	struct sip_scan c = sip_scan_of(sip_str_trim(element));
	struct sip_warning w;
	uint32_t code;
	if (!sip_scan_number(&c, &code) || code < 100 || code > 999 || c.at == c.end ||
		*c.at++ != ' ')
		return ERR_MALFORMED;
	if (!sip_scan_run(&c, SIP_CHARS_VALUE, &w.agent))
		return ERR_MALFORMED;
	sip_scan_blanks(&c);
	if (!sip_scan_quoted(&c, &w.text) || !sip_scan_is_end(&c))
		return ERR_MALFORMED;
	w.code = code;
	*out = w;
	return 0;
}
