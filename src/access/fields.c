/* SPDX-License-Identifier: BSD-3-Clause */
/* Header fields: those that pass as they are, those that do not, and those that are written anew.
 */
#include <stdio.h>

#include "access_priv.h"

#define MAX_FORWARDS 70
/* How often a request may have come by here: each such Via costs the opening of a token, and a
 * client can write hundreds. */
#define PASSAGES_MAX 8

/* ---- branches ---- */

/*
 * The same for an INVITE, its CANCEL and its ACK, and for nothing else (RFC 3261 §16.11). A sender
 * that does not make branches unique is told apart by what RFC 2543 has.
 */
static uint64_t match_of(const struct access *a, const struct sip_msg *m, uint64_t flow)
{
	struct digest d = {.key = a->config.hash, .sum = flow};
	struct sip_via via;

	if (sip_via_top(m, &via) == 0 && via.has_cookie) {
		access_digest_add(&d, via.branch);
		access_digest_add(&d, via.host.text);
		access_digest_add(&d, sip_str_of(&via.port, sizeof(via.port)));
		return d.sum;
	}
	access_digest_add(&d, m->uri);
	access_digest_add(&d, m->from_tag);
	access_digest_add(&d, m->call_id);
	access_digest_add(&d, sip_str_of(&m->cseq, sizeof(m->cseq)));
	return d.sum;
}

/* A request that comes again with the same of these goes round; if anything of it has changed, it
 * only comes by again (RFC 5393 §4.2). */
static uint64_t loop_of(const struct access *a, const struct sip_msg *m)
{
	struct digest d = {.key = a->config.hash};

	access_digest_add(&d, m->uri);
	access_digest_add(&d, sip_header_value(m, SIP_HEADER_ROUTE));
	access_digest_add(&d, m->from_tag);
	access_digest_add(&d, m->call_id);
	access_digest_add(&d, sip_str_of(&m->cseq, sizeof(m->cseq)));
	return d.sum;
}

int access_branch_for(struct access *a, const struct sip_msg *m, uint64_t flow,
	char out[TOKEN_BRANCH_TEXT_MAX + 1])
{
	const struct token_branch b = {flow, match_of(a, m, flow), loop_of(a, m)};

	return token_branch_seal(a->config.key, &b, out);
}

bool access_is_loop(struct access *a, const struct sip_msg *m)
{
	struct sip_list l = sip_list_of(m, SIP_HEADER_VIA);
	struct token_branch b;
	struct sip_via via;
	unsigned n = 0;
	uint64_t loop = 0;

	while (sip_via_next(&l, &via) == 1) {
		if (!access_is_outside_host(a, via.host.text) &&
			!sip_str_is(via.host.text, a->config.inside.host))
			continue;
		loop = loop ? loop : loop_of(a, m);
		if (++n > PASSAGES_MAX ||
			(token_branch_open(a->config.key, via.branch, &b) == 0 && b.loop == loop))
			return true;
	}
	return false;
}

/* ---- both ways ---- */

const char *access_reason_text(const struct sip_msg *m, char out[128])
{
	if (m->reason.len >= 128 || memchr(m->reason.at, '\0', m->reason.len) != NULL)
		return NULL;
	memcpy(out, m->reason.at, m->reason.len);
	out[m->reason.len] = '\0';
	return out;
}

bool access_makes_route(const struct sip_msg *m)
{
	switch (m->method) {
	case SIP_INVITE:
	case SIP_SUBSCRIBE:
	case SIP_NOTIFY:
	case SIP_REFER:
	case SIP_UPDATE:
		return true;
	default:
		return false;
	}
}

bool access_has_no_subscription(const struct sip_msg *m)
{
	struct sip_word word;

	return sip_word_decode(sip_header_value(m, SIP_HEADER_REFER_SUB), &word) == 0 &&
	       sip_str_is(word.word, "false");
}

enum route_need access_route_need_of(const struct sip_msg *m)
{
	if (m->to_tag.at)
		return ROUTE_NOT_NEEDED;
	if (m->method == SIP_REFER && access_has_no_subscription(m))
		return ROUTE_UNLESS_GRANTED;
	return m->method == SIP_INVITE || m->method == SIP_SUBSCRIBE || m->method == SIP_REFER
		       ? ROUTE_NEEDED
		       : ROUTE_NOT_NEEDED;
}

void access_write_via(
	struct sip_writer *w, const struct access_face *f, const char *branch, struct sip_str more)
{
	const struct sip_via_own via = {
		.transport = sip_transport_name(f->transport),
		.host = {.text = sip_str_c(f->host),
			.kind = strchr(f->host, ':') ? SIP_HOST_IPV6 : SIP_HOST_NAME},
		.port = f->port,
		.branch = sip_str_c(branch),
		.more = more,
	};

	sip_write_via(w, &via);
}

void access_write_max_forwards(struct sip_writer *w, const struct sip_msg *m)
{
	sip_write_header_number(w, SIP_HEADER_MAX_FORWARDS,
		m->max_forwards < 0 ? MAX_FORWARDS : (uint32_t)m->max_forwards - 1);
}

static bool is_among(const char *const *names, size_t n, struct sip_str name)
{
	for (size_t i = 0; i < n; i++) {
		if (sip_str_is(name, names[i]))
			return true;
	}
	return false;
}

/* What the caller writes itself, or at the end of the message. */
static const enum sip_header_id written[] = {SIP_HEADER_VIA, SIP_HEADER_ROUTE,
	SIP_HEADER_RECORD_ROUTE, SIP_HEADER_MAX_FORWARDS, SIP_HEADER_PATH, SIP_HEADER_SERVICE_ROUTE,
	SIP_HEADER_CONTENT_TYPE, SIP_HEADER_CONTENT_LENGTH, SIP_HEADER_REFER_TO};

static struct sip_header_set set_of(const enum sip_header_id *more, size_t n)
{
	struct sip_header_set s = {{0}};

	for (size_t i = 0; i < ARRAY_LEN(written); i++)
		sip_header_set_add(&s, written[i]);
	for (size_t i = 0; i < n; i++)
		sip_header_set_add(&s, more[i]);
	return s;
}

/* The header fields without SET and NAMES, and the body. */
static void write_rest(struct sip_writer *w, const struct sip_msg *m,
	const struct sip_header_set *set, const char *const *names, size_t n_names)
{
	for (uint16_t i = 0; i < m->n_headers; i++) {
		const struct sip_header *h = &m->headers[i];
		if (h->id == SIP_HEADER_OTHER ? is_among(names, n_names, h->name)
					      : sip_header_set_has(set, h->id))
			continue;
		sip_write_copy(w, h);
	}
	sip_write_body(w, sip_header_value(m, SIP_HEADER_CONTENT_TYPE), m->body);
}

/* ---- inward ---- */

/* What only a network says to itself (RFC 3325, RFC 7315, RFC 5502): from a client it would be
 * believed inside. */
static const enum sip_header_id claims[] = {SIP_HEADER_P_ASSERTED_IDENTITY,
	SIP_HEADER_P_CALLED_PARTY_ID, SIP_HEADER_P_CHARGING_VECTOR, SIP_HEADER_REMOTE_PARTY_ID};
static const char *const claim_names[] = {"P-Asserted-Service", "P-Associated-URI",
	"P-Charging-Function-Addresses", "P-Profile-Key", "P-Served-User", "P-User-Database",
	"P-Visited-Network-ID"};

enum direction {
	INWARD,
	OUTWARD
};

static void write_refer_to(struct access *a, struct sip_writer *w, const struct sip_msg *m,
	const struct flow *f, enum direction direction)
{
	const struct sip_header *h = sip_header_first(m, SIP_HEADER_REFER_TO);
	char text[URI_TEXT_MAX];
	struct sip_name_addr n;
	struct sip_str shown;
	struct sip_uri u;
	uint64_t dialog;

	if (!h)
		return;
	if (sip_name_addr_decode(h->value, &n) != 0 || sip_uri_decode(n.uri, &u) != 0) {
		sip_write_copy(w, h);
		return;
	}
	/* It stays what it is if it is none of ours. */
	if (direction == INWARD && access_show_uri(a, f, &u, text, &shown, &dialog) == 0)
		n.uri = shown;
	if (direction == OUTWARD && (u.scheme == SIP_SCHEME_SIP || u.scheme == SIP_SCHEME_SIPS) &&
		!access_is_served_uri(a, &u) && access_hide_uri(a, f, 0, &u, text, &n.uri) != 0)
		w->failed = true;
	sip_write_open(w, SIP_HEADER_REFER_TO);
	sip_write_name_addr(w, &n);
	sip_write_close(w);
}

void access_write_inward_rest(
	struct access *a, struct sip_writer *w, const struct sip_msg *m, const struct flow *f)
{
	const struct sip_header_set set = set_of(claims, ARRAY_LEN(claims));

	write_refer_to(a, w, m, f, INWARD);
	write_rest(w, m, &set, claim_names, ARRAY_LEN(claim_names));
}

/* ---- outward ---- */

static const enum sip_header_id secrets[] = {SIP_HEADER_SERVER, SIP_HEADER_USER_AGENT,
	SIP_HEADER_WARNING, SIP_HEADER_CONTACT, SIP_HEADER_P_CHARGING_VECTOR,
	SIP_HEADER_P_ASSERTED_IDENTITY, SIP_HEADER_REMOTE_PARTY_ID};
static const char *const secret_names[] = {"P-Charging-Function-Addresses", "P-Served-User",
	"P-User-Database", "P-Visited-Network-ID"};

/* Who asks for privacy is not named beyond the network (RFC 3325 §7). */
static bool wants_privacy(const struct sip_msg *m)
{
	struct sip_list l = sip_list_of(m, SIP_HEADER_PRIVACY);
	struct sip_str value;

	while (sip_list_next(&l, &value) == 1) {
		if (!sip_str_is(value, "none"))
			return true;
	}
	return false;
}

static bool stays(const struct access *a, const struct sip_msg *m, const struct flow *f,
	const struct sip_uri *u)
{
	if (u->scheme != SIP_SCHEME_SIP && u->scheme != SIP_SCHEME_SIPS)
		return true;
	if (access_is_served_uri(a, u))
		return true;
	return m->method == SIP_REGISTER && access_flow_has_contact(a, f, u);
}

/* Contacts that are for requests of their own (RFC 3261 §8.1.3.4); the others are of a dialog. */
static bool names_targets(const struct sip_msg *m)
{
	return m->method == SIP_REGISTER || (!m->is_request && m->status >= 300);
}

static void write_contacts(
	struct access *a, struct sip_writer *w, const struct sip_msg *m, const struct flow *f)
{
	uint64_t dialog = names_targets(m) ? 0 : access_dialog_of(a, m);
	struct sip_list l = sip_list_of(m, SIP_HEADER_CONTACT);
	char text[URI_TEXT_MAX];
	struct sip_name_addr n;
	struct sip_uri u;

	while (sip_name_addr_next(&l, &n) == 1) {
		sip_write_open(w, SIP_HEADER_CONTACT);
		if (n.is_star) {
			sip_write_c(w, "*");
			sip_write_close(w);
			continue;
		}
		if (sip_uri_decode(n.uri, &u) != 0 ||
			(!stays(a, m, f, &u) &&
				access_hide_uri(a, f, dialog, &u, text, &n.uri) != 0))
			w->failed = true;
		sip_write_name_addr(w, &n);
		sip_write_close(w);
	}
}

/* Registered codes that speak of sessions and bandwidth, in our name; the rest is of hosts inside
 * (RFC 3261 §20.43). */
static void write_warnings(struct access *a, struct sip_writer *w, const struct sip_msg *m,
	const struct access_face *face)
{
	struct sip_list l = sip_list_of(m, SIP_HEADER_WARNING);
	struct sip_warning warning;
	struct sip_str element;

	(void)a;
	while (sip_list_next(&l, &element) == 1) {
		if (sip_warning_decode(element, &warning) != 0 || warning.code < 300 ||
			warning.code > 380)
			continue;
		sip_write_open(w, SIP_HEADER_WARNING);
		sip_write_u32(w, warning.code);
		sip_write_c(w, " ");
		sip_write_c(w, face->host);
		sip_write_c(w, " ");
		sip_write_quoted(w, sip_str_c("see the code"));
		sip_write_close(w);
	}
}

static void write_identity(struct sip_writer *w, const struct sip_msg *m)
{
	if (wants_privacy(m))
		return;
	sip_write_copy_all(w, m, SIP_HEADER_P_ASSERTED_IDENTITY);
	sip_write_copy_all(w, m, SIP_HEADER_REMOTE_PARTY_ID);
}

void access_write_outward_rest(
	struct access *a, struct sip_writer *w, const struct sip_msg *m, const struct flow *f)
{
	const struct sip_header_set set = set_of(secrets, ARRAY_LEN(secrets));
	const struct access_face *face = &a->config.outside[f->face];

	write_contacts(a, w, m, f);
	write_warnings(a, w, m, face);
	write_refer_to(a, w, m, f, OUTWARD);
	write_identity(w, m);
	write_rest(w, m, &set, secret_names, ARRAY_LEN(secret_names));
}
