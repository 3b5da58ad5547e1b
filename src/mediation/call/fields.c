/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * What passes from one side to the other. It is a list: header fields that say something between
 * the people and their devices. Those of the dialog, of the path and of either side's network do
 * not pass, unknown ones neither.
 */
#include "call_priv.h"

static const uint8_t passing[] = {
	SIP_HEADER_ACCEPT,
	SIP_HEADER_ACCEPT_ENCODING,
	SIP_HEADER_ACCEPT_LANGUAGE,
	SIP_HEADER_ALERT_INFO,
	SIP_HEADER_ANSWER_MODE,
	SIP_HEADER_CALL_INFO,
	SIP_HEADER_CONTENT_DISPOSITION,
	SIP_HEADER_CONTENT_ENCODING,
	SIP_HEADER_CONTENT_ID,
	SIP_HEADER_CONTENT_LANGUAGE,
	SIP_HEADER_DATE,
	SIP_HEADER_ERROR_INFO,
	SIP_HEADER_EXPIRES,
	SIP_HEADER_GEOLOCATION,
	SIP_HEADER_IN_REPLY_TO,
	SIP_HEADER_INFO_PACKAGE,
	SIP_HEADER_MIME_VERSION,
	SIP_HEADER_ORGANIZATION,
	SIP_HEADER_P_EARLY_MEDIA,
	SIP_HEADER_PRIORITY,
	SIP_HEADER_PRIVACY,
	SIP_HEADER_REASON,
	SIP_HEADER_RECV_INFO,
	SIP_HEADER_REFERRED_BY,
	SIP_HEADER_RESOURCE_PRIORITY,
	SIP_HEADER_RETRY_AFTER,
	SIP_HEADER_SESSION_ID,
	SIP_HEADER_SUBJECT,
	SIP_HEADER_USER_TO_USER,
	SIP_HEADER_WARNING,
};

/* Those that say who calls (RFC 3323 §5.3), which are held back where the route hides that. */
static bool tells_who(enum sip_header_id id)
{
	return id == SIP_HEADER_CALL_INFO || id == SIP_HEADER_GEOLOCATION ||
	       id == SIP_HEADER_IN_REPLY_TO || id == SIP_HEADER_ORGANIZATION ||
	       id == SIP_HEADER_REFERRED_BY || id == SIP_HEADER_SUBJECT;
}

/* Those that are orders to a network: only whoever belongs to it gives and gets them. */
static bool wants_trust(enum sip_header_id id)
{
	return id == SIP_HEADER_P_EARLY_MEDIA || id == SIP_HEADER_RESOURCE_PRIORITY;
}

#define ALLOWED                                                                                    \
	(SIP_METHOD_BIT(SIP_INVITE) | SIP_METHOD_BIT(SIP_ACK) | SIP_METHOD_BIT(SIP_CANCEL) |       \
		SIP_METHOD_BIT(SIP_BYE) | SIP_METHOD_BIT(SIP_OPTIONS) |                            \
		SIP_METHOD_BIT(SIP_UPDATE) | SIP_METHOD_BIT(SIP_INFO) | SIP_METHOD_BIT(SIP_PRACK))

void fields_begin(struct calls *l, struct sip_writer *w)
{
	sip_write_begin(w, l->fields, sizeof(l->fields));
}

struct sip_str fields_done(const struct sip_writer *w)
{
	return w->failed ? SIP_NONE : sip_str_of(w->buf, w->len);
}

struct sip_str fields_reason(const struct call *c)
{
	struct sip_writer w;

	if (!c->reason)
		return SIP_NONE;
	fields_begin(c->calls, &w);
	sip_write_header_c(&w, SIP_HEADER_REASON, c->reason);
	return fields_done(&w);
}

void fields_pass(
	struct sip_writer *w, const struct sip_msg *m, const struct call *c, enum call_side from)
{
	bool is_hidden = from == CALL_CALLER && c->is_anonymous;
	bool is_trusted = c->peers[CALL_CALLER].is_trusted && c->peers[CALL_CALLEE].is_trusted;

	for (size_t i = 0; i < ARRAY_LEN(passing); i++) {
		if (m->method == SIP_REFER && passing[i] == SIP_HEADER_REFERRED_BY)
			continue; /* its numbers are the other side's: refer.c */
		if ((!is_hidden || !tells_who(passing[i])) &&
			(is_trusted || !wants_trust(passing[i])))
			sip_write_copy_all(w, m, passing[i]);
	}
	if (c->passes_identity)
		sip_write_copy_all(w, m, SIP_HEADER_P_ASSERTED_IDENTITY);
	if (c->passes_history) {
		sip_write_copy_all(w, m, SIP_HEADER_HISTORY_INFO);
		sip_write_copy_all(w, m, SIP_HEADER_DIVERSION);
	}
}

void fields_contact(struct calls *l, struct sip_writer *w, const struct transaction_hop *hop)
{
	char uri[CONTACT_MAX];
	struct sip_name_addr contact = {.has_brackets = true};

	if (l->config.user.contact(l->config.user.arg, hop, uri, sizeof(uri)) != 0) {
		w->failed = true;
		return;
	}
	contact.uri = sip_str_c(uri);
	sip_write_open(w, SIP_HEADER_CONTACT);
	sip_write_name_addr(w, &contact);
	sip_write_close(w);
}

void fields_allow(struct calls *l, struct sip_writer *w, const struct transaction_hop *hop)
{
	const struct call_user *u = &l->config.user;
	struct call_peer peer = {.account = NULL};
	uint64_t methods = ALLOWED;

	if (u->peer)
		u->peer(u->arg, hop, &peer);
	if (peer.may_refer)
		methods |= SIP_METHOD_BIT(SIP_REFER);
	if (peer.gets_refer)
		methods |= SIP_METHOD_BIT(SIP_NOTIFY);
	sip_write_methods(w, SIP_HEADER_ALLOW, methods);
}

/* What concerns our own side of the dialog with the callee says nothing to the caller: we answer no
 * challenge of his, and follow no redirection. */
unsigned status_pass(unsigned status)
{
	if (status == 401 || status == 407)
		return 403;
	return status >= 300 && status < 400 ? 480 : status;
}
