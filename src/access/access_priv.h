/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * The door as its files share it.
 *
 *   access.c   its life, answers of its own, what clients may send at all
 *   flow.c     connections of clients
 *   inward.c   what clients send: checked, and written for the front end
 *   outward.c  what the front end sends: checked, and written for a client
 *   hide.c     names of the inside as tokens, and back
 *   bond.c     what a token was made for
 *   fields.c   header fields that pass, that do not, and that are written anew
 */
#ifndef ACCESS_PRIV_H
#define ACCESS_PRIV_H

#include "token.h"

/* ---- connections of clients ---- */

#define FLOW_CONTACTS 4
#define FLOW_OWNERS   16 /* accounts of a telephone: 128 bytes of each connection */

struct flow {
	struct hash_node node;
	uint64_t id;
	struct addr remote;
	uint64_t place; /* the network that it comes from, as a hash */
	uint32_t face;
	bool is_vouched; /* the carrier knows that the front end has taken something of it */
	struct rate_bucket bucket, noise;
	uint32_t n_answers; /* responses that may still come of it */
	/* Addresses of record that are registered over it, as hashes; the last gives way. */
	uint64_t owners[FLOW_OWNERS];
	unsigned n_owners;
	/* Hosts that it has registered, as hashes: what a registrar says of them is no secret. */
	uint64_t contacts[FLOW_CONTACTS];
	unsigned n_contacts;
};

struct access {
	struct access_config config;
	const struct access_rules *rules;
	struct hash_table flows; /* owned */
	struct rate_table *rates;
	bool is_draining;
	struct log_limit refusals;
	char token[TOKEN_TEXT_MAX + 1]; /* the one that is being written */
	uint8_t content[TOKEN_CONTENT_MAX + 1];
	char out[SIP_MSG_MAX]; /* the message that is being written */
};

static inline bool access_flow_is_registered(const struct flow *f)
{
	return f->n_owners > 0;
}
struct flow *access_flow_find(struct access *a, uint64_t id); /* NULL: gone */
struct flow *access_flow_make(
	struct access *a, const struct access_arrival *from); /* NULL: no room */
void access_flow_drop(struct access *a, struct flow *f);
void access_flow_contacts_learn(struct access *a, struct flow *f, const struct sip_msg *m);
bool access_flow_has_contact(const struct access *a, const struct flow *f, const struct sip_uri *u);
/* M says 2xx to a REGISTER of its. */
void access_flow_register(struct access *a, struct flow *f, const struct sip_msg *m);
/* M is what the front end says to a request of its: who is taken in is no stranger any more. */
void access_flow_answered(struct access *a, struct flow *f, const struct sip_msg *m);
/* It has sent something that is refused unread or means nothing: too much of that ends it. NULL is
 * fine. */
void access_flow_noise(struct access *a, struct flow *f);
/* A request has been sent to it, which it may answer so often: a Via of ours can be shown again and
 * again, and responses have no rate. Provisional ones and those to an INVITE are repeated. */
#define FLOW_ANSWERS     32
#define FLOW_ANSWERS_MAX 65536
void access_flow_asked(struct flow *f);

/* ---- a message that has come ---- */

struct incoming {
	const struct access_arrival *from;
	const struct sip_msg *m;
	struct flow *flow; /* of the client it comes from; NULL: from inside */
};

#define ACCESS_LOG_BURST 5 /* lines a second about what strangers do wrong */

void access_count(struct access *a, enum access_counter c);
/* Answers a request itself, but for ACK, which has no answer; counts WHY and says so in the log. */
void access_refuse(
	struct access *a, const struct incoming *in, unsigned status, enum access_counter why);
/* 200 to an OPTIONS that is meant for the door. */
void access_answer_options(struct access *a, const struct incoming *in);
/* To whoever the request is from. */
void access_send_back(struct access *a, const struct incoming *in, const struct sip_writer *w);

void access_receive_from_client(struct access *a, const struct incoming *in);
void access_receive_from_inside(struct access *a, const struct incoming *in);

/* ---- bond.c ---- */

/* Numbers and words behind each other with their lengths, hashed. */
struct digest {
	struct hash_key key;
	uint64_t sum;
};
void access_digest_add(struct digest *d, struct sip_str s);

uint64_t access_dialog_of(const struct access *a, const struct sip_msg *m); /* never 0 */
/* The same for a request and its responses. */
uint64_t access_transaction_of(const struct access *a, const struct sip_msg *m);

/* Of an IPv4 address, or the IPv6 /64 it is in. */
uint64_t access_place_of(const struct access *a, const struct addr *remote);

#define BOND_LEN 32
/* DIALOG 0: of none. */
void access_bond_put(uint8_t out[BOND_LEN], const struct flow *f, uint64_t dialog);
/* 0: it is F's. ERR_EXPIRED: it is of a user who may have come back by F, and has not registered
 * over it yet. ERR_DENIED: it is another's. */
int access_bond_check(const uint8_t in[BOND_LEN], const struct flow *f);
uint64_t access_bond_dialog(const uint8_t in[BOND_LEN]);

/* ---- hide.c ---- */

#define URI_TEXT_MAX SIP_URI_MAX

bool access_is_served(const struct access *a, struct sip_str host);
/* In a served domain, with nothing in it that overrules the domain. */
bool access_is_served_uri(const struct access *a, const struct sip_uri *u);
bool access_is_outside_host(const struct access *a, struct sip_str host);

/* "sip:TOKEN@host:port;transport=tls" and MORE. */
void access_write_face_uri(
	struct sip_writer *w, const struct access_face *f, struct sip_str token, const char *more);
/* The header field ID with one URI of F's that has TOKEN and "lr". */
void access_write_face_route(struct sip_writer *w, enum sip_header_id id,
	const struct access_face *f, struct sip_str token, const char *more);
/* The header field ID with our URI of the inside that leads to FLOW. */
int access_write_flow_route(struct access *a, struct sip_writer *w, enum sip_header_id id,
	uint64_t flow, const char *more);

/* A URI of the inside as one for F, into OUT; headers in it stay. DIALOG 0: of none.
 * ERR_TOO_LARGE. */
int access_hide_uri(struct access *a, const struct flow *f, uint64_t dialog,
	const struct sip_uri *u, char out[URI_TEXT_MAX], struct sip_str *hidden);
/* The way back, into OUT. ERR_NOT_FOUND: it is none that hide_uri has made for F. ERR_EXPIRED: as
 * access_bond_check says; OUT, SHOWN and DIALOG are good then, too. */
int access_show_uri(struct access *a, const struct flow *f, const struct sip_uri *u,
	char out[URI_TEXT_MAX], struct sip_str *shown, uint64_t *dialog);

/* The elements of Route or Record-Route. */
#define ROUTES_MAX 32
struct routes {
	struct sip_str at[ROUTES_MAX];
	size_t n;
};
int access_routes_of(const struct sip_msg *m, enum sip_header_id id, struct routes *out);
/* Is it a URI of ours, on that side? OUT is its URI then. Outside, the domains lead here too. */
bool access_route_is_outside(const struct access *a, struct sip_str element, struct sip_uri *out);
bool access_route_is_inside(const struct access *a, struct sip_str element, struct sip_uri *out);
/* What a token of routes holds beside the text. */
struct route_seal {
	const struct flow *flow; /* for whom */
	uint64_t dialog;         /* 0: of none */
	struct addr peer;        /* the node of the front end that they came from */
};
/* Into a->token: the first N, in the order of Route. 0: no elements. */
int access_routes_seal(struct access *a, const struct routes *r, size_t n, bool is_reversed,
	const struct route_seal *seal, struct sip_str *token);
/* The text is in a->content, good until the next token is opened. ERR_DENIED: not made for
 * seal->flow. ERR_EXPIRED: as access_bond_check says; SEAL and TEXT are good then, too. */
int access_routes_open(
	struct access *a, struct sip_str token, struct route_seal *seal, struct sip_str *text);

/* Must an answer to a request have our route? */
enum route_need {
	ROUTE_NOT_NEEDED,
	ROUTE_NEEDED,
	/* It has asked for no subscription, and an answer that grants this begins no dialog
	 * (RFC 4488 §4). */
	ROUTE_UNLESS_GRANTED
};
/* Into a->token: all Via of the request IN, for F, and what its answer must have. */
int access_vias_seal(
	struct access *a, const struct incoming *in, const struct flow *f, struct sip_str *token);
/* Of the response IN, as routes_open; that of another request is denied as well. */
struct vias {
	struct access_way way;
	enum route_need route_need;
	struct sip_str text;
};
int access_vias_open(
	struct access *a, struct sip_str token, const struct incoming *in, struct vias *out);

/* ---- fields.c ---- */

#define VIAS_PARAM "sallyport" /* of our Via toward clients: a token of the Via behind it */

/* The reason phrase of a response; NULL: that of the RFC. */
const char *access_reason_text(const struct sip_msg *m, char out[128]);

int access_branch_for(struct access *a, const struct sip_msg *m, uint64_t flow,
	char out[TOKEN_BRANCH_TEXT_MAX + 1]);
bool access_is_loop(struct access *a, const struct sip_msg *m);

/* Does a request with that method make a route (RFC 3261 §16.6)? */
bool access_makes_route(const struct sip_msg *m);
/* ... and does it begin a dialog, whose routes are those of its answer (RFC 3261 §12.1)? */
enum route_need access_route_need_of(const struct sip_msg *m);
/* "Refer-Sub: false", as a REFER asks for and its answer grants. */
bool access_has_no_subscription(const struct sip_msg *m);
void access_write_via(
	struct sip_writer *w, const struct access_face *f, const char *branch, struct sip_str more);
void access_write_max_forwards(struct sip_writer *w, const struct sip_msg *m);
/* Header fields that pass as they are, then the body. */
void access_write_inward_rest(
	struct access *a, struct sip_writer *w, const struct sip_msg *m, const struct flow *f);
void access_write_outward_rest(
	struct access *a, struct sip_writer *w, const struct sip_msg *m, const struct flow *f);

#endif
