/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * What the files of this folder share.
 *
 *   call ── pairs: one for each callee that has answered or may; of each side a dialog
 *        └─ exchanges: requests on their way from one side to the other
 *
 * A call that is over stays until its exchanges are done, because a late 2xx wants ACK and BYE.
 */
#ifndef SALLYPORT_MEDIATION_CALL_PRIV_H
#define SALLYPORT_MEDIATION_CALL_PRIV_H

#include <sallyport/mediation/call.h>
#include <sallyport/sip/dialog.h>
#include <sallyport/sip/digest.h>
#include <sallyport/sip/session.h>

#define TOKEN_LEN    33 /* 32 hexadecimal digits and NUL: a tag or Call-ID of ours */
#define ATTEMPTS_MAX 16 /* to reach the callee */
#define LATE_MAX     16 /* callees of a call who answer when nobody wants to know any more */
#define CONTACT_MAX  512

/* What either side may require of us, and is told that we can do. */
#define CALL_EXTENSIONS (SIP_OPTION_BIT(SIP_OPTION_TIMER) | SIP_OPTION_BIT(SIP_OPTION_REPLACES))
/* With INVITE, too. */
#define CALL_EXTENSIONS_INVITE (CALL_EXTENSIONS | SIP_OPTION_BIT(SIP_OPTION_REL100))
/* With REFER. */
#define CALL_EXTENSIONS_REFER (CALL_EXTENSIONS | SIP_OPTION_BIT(SIP_OPTION_NOREFERSUB))

struct calls {
	struct calls_config config;
	struct transactions *transactions; /* not owned */
	struct sip_dialogs dialogs;
	struct hash_table callers; /* calls by the caller's Call-ID and tag */
	struct list calls;
	struct share_table open; /* how many, and what they keep, by who has begun them */
	uint64_t n_tokens;       /* made so far */
	char fields[SIP_HEAD_MAX];
	struct sip_reliable reliable; /* of the response that is being written */
};

/* Type, then content. AT is NULL: none. */
struct kept_body {
	char *at;
	size_t type_len, content_len;
};

/* What a PRACK of ours acknowledges (RFC 3262 §7.2). */
struct acknowledged {
	uint32_t rseq; /* 0: nothing */
	uint32_t cseq;
};

struct kept_reply {
	unsigned status;            /* 0: none */
	struct acknowledged theirs; /* what the other side waits for, too */
	char *fields;
	size_t fields_len;
	struct kept_body body;
};

/* One side of a pair. */
struct end {
	struct sip_dialog dialog;
	struct pair *pair; /* not owned */
	enum call_side side;
	struct transaction_hop hop; /* where its last request went */
	bool wants_bye;             /* once it has sent the ACK we wait for */
	struct sip_session_timer session;
	struct wheel_timer refresh;     /* when something is to be done about that */
	bool takes_update, takes_refer; /* by its Allow */
	bool is_astray; /* it has accepted what the other side has not: refresh_restore */
	struct sip_acknowledger acknowledger; /* of its reliable responses */
	struct sip_reliable reliable;         /* of those to it */
	struct kept_reply provisional;        /* the one that it is to acknowledge */
	struct exchange *inviting;            /* not owned; whose that is; NULL: there is none */
	struct wheel_timer repeat;            /* of that */
	bool has_early_answer;                /* in a reliable response that was acknowledged */
	struct kept_body said; /* the last session description that it has accepted of us */
	struct join *join;     /* not owned; that this one goes on by; NULL: it stays */
	bool is_gone;          /* gets no BYE: it has said so, or its dialog is another call's */
};

/*
 * A side of another call that is to go on in this one (join.c). It is asked by a copy of its
 * dialog, which is found in the old call until all sides have accepted.
 */
enum join_state {
	JOIN_NONE,     /* or joined: the copy is the dialog */
	JOIN_WANTED,   /* it is to be asked, or asked again when an INVITE has met another one */
	JOIN_ASKED,    /* until the final answer, even when the call is over */
	JOIN_ACCEPTED, /* and waits for the other side */
};
struct join {
	enum join_state state;
	struct call *call; /* not owned; whose it is part of */
	struct end *old;   /* not owned; in the other call */
	struct end *copy;  /* not owned; of CALL; NULL: never asked */
	struct wheel_timer again;
	unsigned n_tries;
};

/* The REFER that is under way in a call (RFC 3515). */
enum refer_state {
	REFER_NONE,
	REFER_PASSED, /* to the other side, until so much has come of it */
	REFER_ACTED,  /* a call that is to take that side on is under way */
};
struct refer {
	enum refer_state state;
	enum call_side by;
	uint32_t cseq;     /* what its subscription is known by, but for the first */
	unsigned n;        /* those that were taken so far */
	bool is_silent;    /* it wants no NOTIFY, or does not know of any */
	unsigned status;   /* that it was told last */
	unsigned n_told;   /* times that it was */
	uint64_t until_ms; /* after that, nothing is heard of one that was passed */
	struct call *call; /* not owned; of one that is acted on */
};

/* Owned by the call. */
struct pair {
	struct list link;
	struct call *call;   /* not owned */
	struct end ends[2];  /* one that is late has no caller's */
	uint64_t attempt;    /* ack_number of the exchange that its responses are to */
	uint64_t ack_number; /* of the ACK when it is given up */
	bool is_dropped;     /* its early dialog has been ended; others may answer */
	bool is_given_up;    /* ACK and BYE have been sent: somebody else has the call */
};

/* A request of ours as it is sent again: URI (outside of dialogs), fields, type, content. */
struct kept_request {
	size_t uri_len, fields_len, type_len, content_len;
	unsigned n_repeated;
	char bytes[];
};

/*
 * A request on its way: the half that came in, the half that went out. Those of the call's INVITE
 * are two exchanges, because there may be several attempts: each names the other as its peer.
 * A request that is our own has no half that came in, and is its own peer. Owned by the call until
 * both halves have ended.
 */
struct exchange {
	struct list link;
	struct call *call;     /* not owned */
	struct pair *pair;     /* not owned; NULL: not within a dialog, or not yet */
	struct exchange *peer; /* not owned; itself within dialogs; NULL: an attempt not answered */
	enum sip_method method;
	enum call_side from;
	struct server_transaction *server; /* NULL: none, or ended */
	struct client_transaction *client; /* NULL: none, or ended */
	uint32_t server_cseq, client_cseq;
	struct transaction_hop hop;       /* where the client half went */
	struct kept_request *kept;        /* until it is answered; NULL: it is not sent again */
	struct sip_session_timer session; /* of an attempt, until it has a pair */
	struct sip_session_asked asked;   /* by what came in */
	/* What came in is an INVITE: has it an offer, does it require or support that provisional
	 * responses are acknowledged? */
	bool has_offer, wants_reliable, takes_reliable;
	struct acknowledged acknowledges; /* by what goes out: a PRACK */
	uint64_t answers;     /* the PRACK answers what was offered in this exchange; 0: none */
	char *credentials;    /* of an INVITE, for its ACK; NULL: none */
	bool is_ours;         /* nobody has asked for it */
	bool is_virtual;      /* the caller's INVITE that nobody has sent: transfer.c hears of it */
	bool is_joining;      /* asks a side of another call to go on in this one */
	struct join *joining; /* not owned; that one; NULL: it asks no more */
	unsigned why;         /* of a refusal of ours: CALL_C_REFUSED_...; 0: it is not ours */
	bool is_replied;      /* finally, by us */
	bool is_answered;     /* finally, to us */
	/* Of an INVITE with 2xx: the ACK that the server half waits for, the ACK that is due. */
	bool wants_ack, owes_ack;
	struct wheel_timer repeat;
	unsigned interval_ms;
	uint64_t ack_number;
	struct kept_body ack_body; /* for repetitions */
	struct list waiting;       /* messages, in their order */
};

/* A message that waits for its body. Owned by the exchange that it is of. */
struct waiting {
	struct list link;
	void (*go_on)(struct exchange *x, const struct waiting *w, const struct call_body *b);
	uint64_t ticket;
	unsigned status;          /* of a reply */
	struct pair *pair;        /* not owned; of a reply */
	struct call_route *route; /* of an attempt; owned */
	bool is_ready;
	int rc;
	char *answer; /* what TYPE and CONTENT point into */
	struct sip_str type, content;
	size_t len;
	char bytes[];
};

/* Owned by the list of all calls. */
struct call {
	struct list link;
	struct hash_node by_caller;
	struct calls *calls; /* not owned */
	char *caller;        /* Call-ID and From tag of the caller's */
	uint32_t call_id_len, caller_tag_len;
	char *invite; /* as it came, until it is answered or the call is over */
	size_t invite_len;
	struct exchange *incoming; /* not owned */
	struct exchange *attempt;  /* not owned; the newest; NULL: given up */
	struct pair *pair;         /* not owned; the one that was answered */
	struct list pairs, exchanges;
	struct share *share; /* of the open ones; NULL when it is over */
	size_t bytes;        /* that it keeps of messages */
	struct wheel_timer timer;
	unsigned progress_ms; /* for the newest attempt */
	unsigned n_attempts, n_early, n_late, n_exchanges;
	bool is_ringing, is_over;
	bool lacks_room; /* of ours, for its newest attempt: the caller may try again */
	bool is_held;    /* somebody goes through its exchanges: none is freed */
	bool passes_identity, passes_history, is_anonymous;
	char callee_id[TOKEN_LEN];           /* Call-ID of the newest attempt */
	char local_tag[TRANSACTION_TAG_LEN]; /* towards the caller, of the first pair */
	const char *reason;                  /* why we end it; not owned, NULL: not by us */
	struct transaction_hop from;         /* where its caller's side is */
	struct transaction_hop rights;       /* whose call it is: where else it comes from */
	struct refer refer;
	struct call *referred_by; /* not owned; whose REFER has begun it; NULL: none, or gone */
	struct join joins[2];     /* by side */
	unsigned outcome;         /* what the referrer is told, if it fails; 0: not known */
	void *media;
	void *own; /* of whoever says the route */
	struct call_peer peers[2];
	uint64_t callee;                   /* ack_number of the attempt that the callee's is of */
	struct sip_auth_sessions *auth[2]; /* with them; NULL: we were not challenged */
};

static inline void count(struct calls *l, unsigned row)
{
	metrics_add(l->config.cells, row, 1);
}

static inline struct end *end_across(struct pair *p, enum call_side side)
{
	return &p->ends[side == CALL_CALLER ? CALL_CALLEE : CALL_CALLER];
}

/* ---- invite.c: calls that begin ---- */

void invite_open(struct calls *l, struct server_transaction *s, const struct sip_msg *m);
/* May whoever is at FROM have one more? */
bool invite_has_room(const struct calls *l, const struct transaction_hop *from);
/* A call that M begins, whose caller is at FROM; it is of whoever is at RIGHTS, as its share is. S
 * is NULL: nobody has sent M. NULL: no memory. */
struct call *invite_call(struct calls *l, struct server_transaction *s, const struct sip_msg *m,
	const struct transaction_hop *from, const struct transaction_hop *rights);
/* M requires what we have not for it, and has been answered. */
bool invite_asks_for_extensions(
	struct calls *l, struct server_transaction *s, const struct sip_msg *m);
void invite_response(struct exchange *x, const struct sip_msg *m);
void invite_attempt_ended(struct exchange *x, enum transaction_end why);
void invite_timer(struct wheel_timer *t, void *arg);
/* The caller is refused, M (may be NULL) says why, and the call is over. */
void invite_fail(struct call *c, unsigned status, const struct sip_msg *m);
/* Nobody has answered yet, and X may. */
static inline bool invite_waits_for(const struct call *c, const struct exchange *x)
{
	return c->attempt == x && !c->is_over && !c->pair;
}

/* ---- attempt.c ---- */

/* Tries routes until an INVITE is on its way. 0, or what the caller is to be told: STATUS, where
 * there is no further route. */
unsigned attempt_next(struct call *c, const struct sip_msg *invite, unsigned status);
/* The time for what is awaited of the newest attempt. */
void attempt_timer(struct call *c, unsigned ms);

/* ---- refusal.c: why something is refused, as a row CALL_C_REFUSED_... ---- */

#define CALL_WARN_AGENT "sallyport" /* RFC 3261 §20.43: a pseudonym does */

unsigned refusal_of_failure(const struct call_failure *f); /* 0: a response says it */
unsigned refusal_of_error(int err);
unsigned refusal_of_body(int rc);                       /* by the hook for bodies */
void refusal_write(struct sip_writer *w, unsigned why); /* a Warning; 0: none */

/* ---- failure.c ---- */

/* What it means that C's newest attempt has failed so. */
struct call_verdict failure_judge(struct call *c, const struct call_failure *f);
void attempt_reached(struct call *c); /* the newest */

/* ---- relay.c: requests within dialogs ---- */

void relay_open(struct end *e, struct server_transaction *s, const struct sip_msg *m);
/* M, a PRACK of E's, goes on: it acknowledges what the other side has said, and has the answer to
 * what was offered in the exchange ANSWERS, or (0) an offer or nothing. */
void relay_prack(struct end *e, struct server_transaction *s, const struct sip_msg *m,
	struct acknowledged what, uint64_t answers);
void relay_response(struct exchange *x, const struct sip_msg *m);
void relay_client_ended(struct exchange *x, enum transaction_end why);

/* An INVITE that is not done, its ACK included; NULL: none. */
const struct exchange *relay_open_invite(const struct call *c);
/* ... or an UPDATE of either side that has no answer: RFC 3264 §4 forbids an offer of ours. */
bool relay_has_open_offer(const struct call *c);
void options_reply(struct calls *l, struct server_transaction *s, unsigned status);

/* ---- refer.c: REFER that comes, and what is said of its outcome ---- */

void refer_take(struct end *e, struct server_transaction *s, const struct sip_msg *m);
/* M, a final response, has come to one that was passed. */
void refer_passed(struct call *c, const struct sip_msg *m);
/* A NOTIFY has come of it. */
void refer_heard(struct end *e, struct server_transaction *s, const struct sip_msg *m);
/* The referrer hears of it: STATUS, below 200 for one that goes on. */
void refer_notify(struct call *c, unsigned status);

/* ---- replaces.c: INVITE and REFER that name a dialog to be replaced (RFC 3891) ---- */

/* The side that VALUE names to whoever is at BY. 0, or the status that refuses it, and no side. */
unsigned replaces_find(
	struct calls *l, struct sip_str value, const struct transaction_hop *by, struct end **out);
/* The call that VALUE names by its caller's early dialog, and whoever is at BY: NULL: none. */
struct call *replaces_find_ringing(
	struct calls *l, struct sip_str value, const struct transaction_hop *by);
/* M, an INVITE outside of dialogs, names one: it is answered. */
void replaces_open(struct calls *l, struct server_transaction *s, const struct sip_msg *m);

/* ---- transfer.c: calls that nobody has sent an INVITE for ---- */

/* What a REFER asks for: URI has no headers. REPLACES is absent where it names no dialog; of ours
 * are INSTEAD, which has a call, and RINGS, which waits for its callee and whose target URI is. */
struct transfer_target {
	struct sip_str uri, replaces;
	struct end *instead;
	struct call *rings;
};
/* The other side of E is to be joined to TO, because of M, a REFER: to whoever the URI leads to, in
 * place of the call that rings, or to the other side of the dialog that is replaced. 0, or the
 * status that says why there is no such call. */
unsigned transfer_begin(struct end *e, const struct transfer_target *to, const struct sip_msg *m);
/* As exchange_reply, X being virtual. */
void transfer_reply(struct exchange *x, unsigned status, const struct sip_msg *m, struct pair *p);
/* C, which may be of a REFER, is over: the one with the REFER is what it was. */
void transfer_over(struct call *c);

/* ---- join.c: sides of other calls that go on in one ---- */

void join_init(struct call *c);
void join_fini(struct call *c);
/* C is to have OLD, of another call, as its SIDE. */
void join_want(struct call *c, enum call_side side, struct end *old);
/* SIDE of C is not its own yet; either is not. */
bool join_is_wanted(const struct call *c, enum call_side side);
bool join_is_awaited(const struct call *c);
/* E has an INVITE of another call to answer, or has done so: nothing is offered to it here. */
bool join_holds(const struct end *e);
/* E has said BYE, but the other side is to go on elsewhere: that one stays until it does. */
bool join_outlives(struct end *e);
/* E's CSeq has grown: the copy and the dialog that it is of count together. */
void join_count(const struct end *e);
void join_unlink(struct end *e); /* E goes */
/* The callee's side, because of INVITE: now or when it is free. 0, or a status. */
unsigned join_ask_callee(struct call *c, const struct sip_msg *invite);
/* It has refused, for F. C may be gone on return. */
void join_refused(struct call *c, const struct call_failure *f);
/* The caller's side, when the callee's has accepted. C may be gone on return. */
void join_ask_caller(struct call *c);
/* The final answer to X, which asks the caller's side, or (NULL) none. */
void join_response(struct exchange *x, const struct sip_msg *m);
/* X, if it asks either side, has its final answer: STATUS, or (0) none. */
void join_heard(struct exchange *x, unsigned status);
/* C is over: those that it wanted stay where they are, unless nobody else is there. */
void join_forget(struct call *c);
/* C is over: calls that wanted a side of it come to nothing. */
void join_lose(struct call *c);

void join_part(struct join *j); /* its side is asked for no more, or joined */
/* Nothing comes of C, for STATUS. C may be gone on return. */
void join_fail(struct call *c, unsigned status);

/* ---- joined.c ---- */

/* All sides have accepted. C may be gone on return. */
void join_finish(struct call *c);

/* ---- exchange.c ---- */

extern const struct server_events exchange_server_events;
extern const struct client_events exchange_client_events;

struct exchange *exchange_open(struct call *c, enum sip_method method, enum call_side from);
void exchange_free(struct exchange *x);
bool exchange_is_done(const struct exchange *x);
/* Says what M (may be NULL) says to whoever sent the request, at once or when its body is ready.
 * STATUS is what he is told, P (may be NULL) which callee says so to the call's INVITE. Behind a
 * final one X may be done and, where M is a 2xx that cannot be said, the call gone. */
void exchange_reply(struct exchange *x, unsigned status, const struct sip_msg *m, struct pair *p);
/* X, an INVITE within a call, comes to nothing for whoever has sent it, who is told STATUS. */
void exchange_give_up(struct exchange *x, unsigned status);
/* X, if it is an INVITE within a call, waits for an answer as long as one may ring. */
void exchange_await(struct exchange *x);
/* The server half's 2xx is out: it is repeated until ACK. */
void exchange_accepted(struct exchange *x);
void exchange_ack_came(struct exchange *x, const struct sip_msg *m);

/* ---- pair.c ---- */

/* The pair of the callee that RESPONSE is from, made if need be and MAY_MAKE; or NULL. One that is
 * made when the call is not waiting for ATTEMPT is late: no request finds it, and few are kept. */
struct pair *pair_of(
	struct call *c, struct exchange *attempt, const struct sip_msg *response, bool may_make);
/* One for an attempt in a dialog that there is, which is left to be set. NULL: no memory. */
struct pair *pair_for(struct call *c, struct exchange *attempt);
void pair_free(struct pair *p);
void pair_unfile(struct pair *p); /* no request finds it any more */

/* ---- refresh.c: sessions that expire, each side by itself ---- */

void refresh_init(struct end *e);
void refresh_fini(struct end *e);
/* M, an INVITE or UPDATE within E or (NULL) outside of dialogs, asks for too short an interval, and
 * has been refused. */
bool refresh_is_refused(
	struct calls *l, struct end *e, struct server_transaction *s, const struct sip_msg *m);
/* What X's client half says of its session's timer. */
void refresh_write_request(const struct exchange *x, struct sip_writer *w);
/* ... and its server half's 2xx, which begins the time. */
void refresh_write_reply(struct exchange *x, struct sip_writer *w);
/* A 2xx has come to X's client half. */
void refresh_accepted(struct exchange *x, const struct sip_msg *m);
/* M is a 422, and the same request may be sent with a longer interval. */
bool refresh_may_ask_again(struct exchange *x, const struct sip_msg *m);
/* What E has accepted last is offered to it again. */
void refresh_say_again(struct end *e);
/* A refresh of ours was refused: it is tried again, as long as the session lasts. */
void refresh_refused(struct exchange *x, unsigned status);
/* An INVITE was accepted on one side and has come to nothing on the other: what held before is said
 * again, so that both have the same session. */
void refresh_restore(struct exchange *x);
/* An UPDATE that does nothing else has come. */
void refresh_take(struct end *e, struct server_transaction *s, const struct sip_msg *m);
/* What M says about who has sent it. */
void refresh_look(struct end *e, const struct sip_msg *m);

/* ---- reliable.c: provisional responses that are acknowledged (RFC 3262) ---- */

void reliable_init(struct end *e);
void reliable_stop(struct pair *p);
void reliable_stop_all(struct call *c, const struct pair *but);
/* X has its final response, or is gone. */
void reliable_stop_of(const struct exchange *x);
/* What INVITE, which X is, says of them. */
void reliable_read(struct exchange *x, const struct sip_msg *invite);
/* Does X's client half, an INVITE with an offer or without, say that we can do that? */
bool reliable_is_offered(const struct exchange *x, bool has_offer);
/* Is M, a provisional response of P's to X, to be passed on? Whoever does so acknowledges it, or
 * leaves that to the other side. */
bool reliable_is_taken(const struct exchange *x, struct pair *p, const struct sip_msg *m);
/* M, which may be a reliable one, is not passed on as such: we acknowledge it. */
void reliable_prack(const struct exchange *x, struct pair *p, const struct sip_msg *m);
void reliable_prack_for(struct end *e, struct acknowledged what);
/* A response of P's to X has to wait until the last one is acknowledged. */
bool reliable_waits(
	const struct exchange *x, unsigned status, const struct pair *p, size_t body_len);
/* M, a response of P's to X, is made a reliable one if it is to be: R with the fields W. */
bool reliable_write(struct exchange *x, struct sip_writer *w, const struct transaction_reply *r,
	const struct pair *p, const struct sip_msg *m);
/* ... and is on its way. */
void reliable_sent(struct exchange *x, const struct transaction_reply *r, struct pair *p,
	const struct sip_msg *m);
/* X, an INVITE, comes to nothing by what was or was not said in PRACK. */
void reliable_give_up(struct exchange *x, unsigned status, enum call_end why);
/* A PRACK has come. */
void reliable_acknowledged(struct end *e, struct server_transaction *s, const struct sip_msg *m);

/* ---- request.c ---- */

/* R, within the dialog of X's other side or, where X has no pair, to X's hop. The fields of the
 * dialog and those that are said anew each time are added. */
int request_send(struct exchange *x, struct transaction_request *r);
/* M, a final response, is one that the same request may overcome, and that is on its way: with
 * credentials, or a longer interval. */
bool request_is_repeated(struct exchange *x, const struct sip_msg *m);
/* It was accepted, and whoever has asked for it knows: what it has said of the session holds. */
void request_holds(struct exchange *x);
/* For a request that nobody asks us for. NULL: out of memory. */
struct exchange *request_of_ours(struct end *e, enum sip_method method);
void end_bye(struct end *e);
/* Sends the ACK that the client half owes, without body if none has come; or sends it again. */
void exchange_send_ack(struct exchange *x);
/* ACK and BYE for a callee who has answered too late. */
void pair_give_up(struct pair *p, struct exchange *attempt);

/* ---- over.c ---- */

/* The end of a call, whatever ends it. QUIET, if not negative, is the side that needs no BYE. The
 * call may be gone on return. */
void call_over(struct call *c, enum call_end why, int quiet);
/* Frees what of the call is done, and the call if it is over and nothing of it is left. */
void call_settle(struct call *c);
/* M, which ends it, has come. */
void call_parted(struct call *c, const struct sip_msg *m);
void call_free(struct call *c);

/* ---- fields.c ---- */

void fields_begin(struct calls *l, struct sip_writer *w);
struct sip_str fields_done(const struct sip_writer *w); /* absent when it has failed */
/* Why we end C; absent: not by us. */
struct sip_str fields_reason(const struct call *c);
/* The header fields of M, which is FROM one side's, that are for the other. */
void fields_pass(
	struct sip_writer *w, const struct sip_msg *m, const struct call *c, enum call_side from);
void fields_contact(struct calls *l, struct sip_writer *w, const struct transaction_hop *hop);
/* For whoever is at HOP. */
void fields_allow(struct calls *l, struct sip_writer *w, const struct transaction_hop *hop);
unsigned status_pass(unsigned status);

/* ---- kept.c ---- */

/* NULL: no memory. */
void *kept_alloc(struct call *c, size_t size);
void kept_free(struct call *c, void *at); /* NULL is fine */
/* C is none of the open ones any more; what it keeps is not whoever's has begun it. */
void kept_leave(struct call *c);

/* ---- bodies.c ---- */

/* In place of what B held. */
int body_keep(struct call *c, struct kept_body *b, struct sip_str type, struct sip_str content);
struct sip_str body_type(const struct kept_body *b);
struct sip_str body_content(const struct kept_body *b);

/* The exchange that X's bodies are of, as the hook for them knows it. */
uint64_t body_number(const struct exchange *x);
/* B's message, which belongs to X, as the other side gets it: TYPE and CONTENT are set. 0, an
 * error or CALL_BODY_LATER. */
/* B may say already that it is our own offer, and what goes on. */
int body_ask(struct exchange *x, enum call_side from, const struct pair *p,
	const struct call_route *route, struct call_body *b);
/* Are bodies of X descriptions of a session? What INFO and NOTIFY have is something else. */
bool body_describes(const struct exchange *x);
/* M is the answer to a session that we have said again. */
void body_again(struct exchange *x, const struct sip_msg *m);
/* B's message waits, behind those of X that do, with what RC says of it. HOW's GO_ON, and what that
 * wants. -ENOMEM: it does not, and HOW's route is the caller's still. */
int body_wait(struct exchange *x, const struct call_body *b, int rc, const struct waiting *how);
/* So much of X waits that a message that may be lost is not to wait too. */
bool body_is_full(const struct exchange *x);
/* Does any message of the call wait? */
bool body_is_awaited(const struct call *c);
/* What of X need not wait goes on. X, and the call, may be gone on return. */
void body_go_on(struct exchange *x);
/* Nothing of X waits any more. */
void body_forget(struct exchange *x);
/* X has come to nothing. */
void body_is_off(struct exchange *x);

/* ---- calls.c ---- */

/* Whoever is at HOP is the other end of SIDE from now on. */
void call_meet(struct call *c, enum call_side side, const struct transaction_hop *hop);

void token_make(struct calls *l, char out[TOKEN_LEN]);
void refuse(struct calls *l, struct server_transaction *s, unsigned status, unsigned counter);

#endif
