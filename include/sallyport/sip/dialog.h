/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * sip/dialog: dialogs (RFC 3261 §12), early ones too: what both sides of one have agreed on, how a
 * request is found to belong to it, and what a request within it says. No I/O and no time.
 */
#ifndef SALLYPORT_SIP_DIALOG_H
#define SALLYPORT_SIP_DIALOG_H

#include <sallyport/common.h>
#include <sallyport/sip.h>

/* Embedded in its owner; sip_dialog_fini gives its memory back. Zeroed memory is no dialog. */
struct sip_dialog {
	struct hash_node node;
	bool is_filed;
	char *text, *target_text; /* what the rest points into */
	struct sip_str call_id, local_tag, remote_tag;
	struct sip_str local, remote; /* values of From and To when we send, with their tags */
	struct sip_str target;        /* URI of the other side's Contact */
	struct sip_str routes;        /* Route header fields, whole lines */
	struct sip_str strict;        /* URI of a first route without lr; absent: none */
	uint32_t local_cseq, remote_cseq;
	bool has_remote_cseq;
	bool is_call_id_ours; /* it began with a request of ours */
};

/*
 * A dialog that REQUEST of the other side begins, under LOCAL_TAG of ours (§12.1.1). -ENOMEM;
 * ERR_MALFORMED: no Contact of use, a bad Record-Route, or a tag in To.
 */
int sip_dialog_of_request(
	struct sip_dialog *d, const struct sip_msg *request, struct sip_str local_tag);
/* A dialog that RESPONSE to a request of ours begins (§12.1.2). As above; a provisional response
 * may be without Contact, then TARGET, the URI of the request, stands for it. */
int sip_dialog_of_response(
	struct sip_dialog *d, const struct sip_msg *response, struct sip_str target);
void sip_dialog_fini(struct sip_dialog *d); /* is out of its table then */
/* OUT is as D is, in no table. -ENOMEM. */
int sip_dialog_copy(struct sip_dialog *out, const struct sip_dialog *d);

/* A 2xx has come in an early dialog of ours: routes and target are as it says (§13.2.2.4). */
int sip_dialog_confirm(struct sip_dialog *d, const struct sip_msg *response);
/* M refreshes the target, if it has a Contact (§12.2). */
int sip_dialog_refresh(struct sip_dialog *d, const struct sip_msg *m);

/* A request of the other side, neither ACK nor CANCEL, in its order (§12.2.2)? False: answer 500.
 */
bool sip_dialog_take(struct sip_dialog *d, const struct sip_msg *request);

/* ---- requests of ours ---- */

struct sip_str sip_dialog_uri(const struct sip_dialog *d); /* the Request-URI */
/* Where it is sent: the first route or the target. */
struct sip_str sip_dialog_next_hop(const struct sip_dialog *d);
/* Route, Max-Forwards, From, To, Call-ID and CSeq. */
void sip_dialog_write(
	const struct sip_dialog *d, struct sip_writer *w, enum sip_method method, uint32_t cseq);

/* ---- where dialogs are found ---- */

struct sip_dialogs {
	struct hash_table table;
	struct hash_key key;
};
void sip_dialogs_init(struct sip_dialogs *t, struct hash_key key);
void sip_dialogs_fini(struct sip_dialogs *t); /* when all dialogs are out of it */
int sip_dialogs_add(struct sip_dialogs *t, struct sip_dialog *d); /* -ENOMEM */
void sip_dialogs_remove(struct sip_dialogs *t, struct sip_dialog *d);
/* The dialog that REQUEST names by Call-ID and tags; NULL: none. */
struct sip_dialog *sip_dialogs_find(const struct sip_dialogs *t, const struct sip_msg *request);
/* The dialog that a Replaces, Join or Target-Dialog names (RFC 3891 §3); NULL: answer 481. Whether
 * it is early, and whether whoever asks may have it, is for the caller to see. */
struct sip_dialog *sip_dialogs_find_replaced(
	const struct sip_dialogs *t, const struct sip_replaces *r);

#endif
