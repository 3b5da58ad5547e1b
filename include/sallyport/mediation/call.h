/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * mediation/call: the back-to-back user agent. A call has two sides, each a dialog of its own with
 * its own Call-ID, tags, CSeq, Contact and Via; what one side says is said anew to the other.
 *
 * It decides nothing: where a call goes, what is in its bodies and what leads to an address are
 * asked for. It uses transactions for everything on the wire, and the loop's wheel. One thread.
 */
#ifndef SALLYPORT_MEDIATION_CALL_H
#define SALLYPORT_MEDIATION_CALL_H

#include <sallyport/common.h>
#include <sallyport/loop.h>
#include <sallyport/metrics.h>
#include <sallyport/sip.h>
#include <sallyport/sip/digest.h>
#include <sallyport/sip/transaction.h>

enum call_counter {
	CALL_C_OPEN,  /* gauge: begun and not over */
	CALL_C_KEPT,  /* gauge: those and the ones whose transactions have not ended yet */
	CALL_C_BYTES, /* gauge: kept of messages, for all of those */
	CALL_C_STARTED,
	CALL_C_ANSWERED,
	CALL_C_ENDED, /* + enum call_end */
	CALL_C_REFUSED_FULL = CALL_C_ENDED + 10,
	CALL_C_REFUSED_MEMORY,
	CALL_C_REFUSED_HOPS,   /* Max-Forwards */
	CALL_C_REFUSED_MERGED, /* the same request by another way (RFC 3261 §8.2.2.2) */
	CALL_C_REFUSED_EXTENSION,
	CALL_C_REFUSED_INTERVAL, /* of a session timer: too short */
	CALL_C_REFUSED_METHOD,
	CALL_C_REFUSED_ROUTE,
	CALL_C_REFUSED_NO_DIALOG,
	CALL_C_REFUSED_REFER,    /* its target, or another one is under way */
	CALL_C_REFUSED_REPLACES, /* RFC 3891: no such dialog, or not to be replaced */
	CALL_C_REFUSED_DRAINING, /* from here on as the route hook says, or the call itself */
	CALL_C_REFUSED_TRUNK,    /* it begins no calls */
	CALL_C_REFUSED_ADDRESS,  /* none is known of who is to be tried */
	CALL_C_REFUSED_LIMIT_CALLER,
	CALL_C_REFUSED_LIMIT_CALLEE,
	CALL_C_REFUSED_MEDIA, /* the body hook has no room for a session */
	CALL_C_REFUSED_DESCRIPTION,
	CALL_C_REFUSED_SIZE,
	CALL_C_REFUSED_TRANSACTIONS, /* no room for one of ours */
	CALL_C_REFUSED_UNREAD,       /* the carrier has no room for whoever is asked: -ENOBUFS */
	CALL_C_REFUSED_UNREACHABLE,
	CALL_C_REFUSED_SILENT,
	CALL_C_REFUSED_NO_PROGRESS,
	CALL_C_REFUSED_RINGING, /* for too long */
	CALL_C_REFUSED_ANSWER,
	CALL_C_REFUSED_NO_PRACK,
	CALL_C_REFUSED_END,
	CALL_C_NEXT_ROUTE = CALL_C_REFUSED_END, /* a further attempt to reach the callee */
	CALL_C_GLARE,
	CALL_C_STRAY_ACKS, /* of no call */
	CALL_C_REFRESHES,  /* of sessions, by us */
	CALL_C_CHALLENGES_ANSWERED,
	CALL_C_CHALLENGES_UNANSWERED,
	CALL_C_FORKS_ENDED, /* 2xx of a second callee */
	CALL_C_DROPPED_PROVISIONAL,
	CALL_C_REFERS_PASSED, /* to the other side */
	CALL_C_TRANSFERS,     /* begun by us, because of a REFER */
	CALL_C_TRANSFERRED,   /* of those, the ones that have come to something */
	CALL_C_REPLACED,      /* sides, by INVITE with Replaces */
	CALL_C_COUNT
};
extern const struct metrics_group call_counters;

/* The word for a row CALL_C_REFUSED_...; NULL: it is none of them. */
const char *call_refusal_name(unsigned why);

enum call_side {
	CALL_CALLER,
	CALL_CALLEE,
};

enum call_end {
	CALL_END_CALLER, /* BYE */
	CALL_END_CALLEE,
	CALL_END_CANCELLED,   /* before an answer, by the caller */
	CALL_END_FAILED,      /* not answered: refused, or nobody there; or no session came of it */
	CALL_END_TIMEOUT,     /* ringing, or an ACK that did not come */
	CALL_END_LOST,        /* a side does not know the dialog any more, or cannot be reached */
	CALL_END_EXPIRED,     /* the session was not refreshed (RFC 4028) */
	CALL_END_MEDIA,       /* by call_hang_up */
	CALL_END_SHUTDOWN,    /* by calls_hang_up */
	CALL_END_TRANSFERRED, /* one side of it goes on in another call */
	CALL_END_COUNT
};

struct calls;
struct call;

/* What holds with whoever is at the other end of a side. */
struct call_peer {
	/* Answers its challenges; NULL: there is none. Outlives the call. */
	const struct sip_account *account;
	/* The interval of a session timer that we ask for; 0: for none, but what the other side
	 * asks for is kept (RFC 4028). */
	uint32_t session_s;
	/* It may tell the network, and be told, what P-Early-Media (RFC 5009) and Resource-Priority
	 * (RFC 4412) say. They pass where both sides may. */
	bool is_trusted;
	bool may_refer;  /* REFER of its is taken, and said to be in Allow */
	bool gets_refer; /* it may be passed one, and NOTIFY of its is taken then */
};

/* A REFER (RFC 3515) within a call. */
struct call_referral {
	const struct call *call;
	const struct transaction_hop *by, *other; /* who asks, and who is to be transferred */
	struct sip_str target;                    /* a URI of sip, sips or tel, without headers */
	struct sip_str referrer; /* that of Referred-By, or else of who has sent it; or absent */
	bool is_attended;        /* it names a dialog that is to be replaced (RFC 3891) */
	bool takes_refer;        /* the other side does, by its Allow */
};
struct call_referred { /* as it is passed on; with a NUL each */
	char to[SIP_URI_MAX];
	char by[SIP_URI_MAX]; /* empty: nobody is named */
};
#define CALL_REFER_PASS 1
#define CALL_TARGET_MAX 400 /* bytes of a Refer-To; longer ones are refused */

/* Where an attempt to reach the callee goes. */
struct call_route {
	struct transaction_hop hop;
	char uri[SIP_URI_MAX]; /* the Request-URI, and the To */
	char routes[1024];     /* value of Route; empty: none */
	char host[256];        /* of our From, IPv6 in brackets: how the callee's side knows us */
	char calling[132];     /* user of our From; empty: the caller's */
	bool is_anonymous;     /* From says nothing about who calls, nor do others that pass */
	bool passes_identity;  /* P-Asserted-Identity */
	bool passes_history;   /* History-Info and Diversion */
	uint32_t trunk;        /* the user's own name for it */
	/* The attempt is given up when it hears nothing but 100 for so long; 0: it has as long as
	 * SIP allows. */
	unsigned progress_ms;
	unsigned why; /* of a refusal: a row CALL_C_REFUSED_...; 0: there is no route */
};

/* How an attempt has failed, and what that means. */
enum call_failure_kind {
	CALL_FAILED_RESPONSE,    /* a final one, 300 and above */
	CALL_FAILED_NO_PROGRESS, /* nothing but 100 in the time for it */
	CALL_FAILED_UNREACHABLE, /* it could not be sent */
	CALL_FAILED_SILENT,      /* no answer at all */
};
struct call_failure {
	enum call_failure_kind kind;
	const struct sip_msg *response; /* NULL: none */
};
struct call_verdict {
	bool tries_next; /* unless the caller has heard of a callee already */
	unsigned status; /* for the caller, if there is no next one */
};

/*
 * A body that is on its way to the other side. An offer and its answers have the same EXCHANGE: an
 * INVITE, its responses, its ACK. Each attempt to reach a callee is one of its own; a refusal may
 * have none, which is 0.
 */
struct call_body {
	struct call *call;
	enum call_side from;
	const struct sip_msg *msg;
	uint64_t exchange;
	uint64_t fork; /* whose it is of several callees; 0: none has rung yet */
	/* Of an INVITE that begins a call, and NULL of all others: where it goes, whence it came,
	 * and whose call it is, as its share is: of whoever has sent the INVITE, or the REFER. */
	const struct call_route *route;
	const struct transaction_hop *caller, *rights;
	uint64_t ticket; /* for call_body_ready */
	/* What is said again, because of the session's timer or because an INVITE has come to
	 * nothing that the side may have accepted. MSG is a request of ours: CONTENT is what that
	 * side has of us, and goes on as the newest that it hears (RFC 3264 §8). MSG is its answer:
	 * nothing goes on of it, whatever the hook says. */
	bool is_again;
	/* Nobody has offered: what goes on is an offer of our own. */
	bool is_ours;
	/* The side that it is for was WHOSE of this call, and goes on with the same session. NULL:
	 * of none. */
	const struct call *goes_on;
	enum call_side whose;
	/* What goes on, as it came: may be changed to a view that is good until the next call.
	 * Asked about without content too are an INVITE that begins a call and the 2xx of one. */
	struct sip_str type, content;
};
#define CALL_BODY_LATER 1

struct call_user {
	/*
	 * Where does INVITE go? 0, or the status that refuses it. ATTEMPT counts from 0; a further
	 * one is asked for when the last has failed in a way that another route may mend, and 0
	 * routes left is any status. OUT is zeroed. *OWN is NULL at first and the user's to set;
	 * when the call is gone, FORGET gets what it holds then.
	 */
	unsigned (*route)(void *arg, void **own, const struct sip_msg *invite,
		const struct transaction_hop *from, unsigned attempt, struct call_route *out);
	/* A REFER: 0: this node places the call and joins the other side to it; CALL_REFER_PASS: it
	 * goes to the other side, as OUT, which was zeroed, has it; else the status that refuses
	 * it. NULL: 405. */
	unsigned (*refer)(void *arg, const struct call_referral *r, struct call_referred *out);
	/* A call begins because of a REFER in OLD: INVITE, of our own making, says who calls, who
	 * is at FROM, and who is called. May set *OWN, which is NULL, for the route hook: that
	 * hears as FROM who has sent the REFER, whose rights count. NULL: nobody asks. */
	void (*transfer)(void *arg, void **own, const struct call *old,
		const struct sip_msg *invite, const struct transaction_hop *from);
	/* SIDE of C is what SIDE_BEFORE was of OLD, which ends next. NULL: nobody asks. */
	void (*joined)(void *arg, struct call *c, enum call_side side, struct call *old,
		enum call_side side_before);
	/* What holds with whoever is at HOP: where a call comes from, or an attempt goes. OUT is
	 * zeroed. NULL: it stays so. */
	void (*peer)(void *arg, const struct transaction_hop *hop, struct call_peer *out);
	void (*forget)(void *arg, void *own); /* NULL: there is nothing to forget */
	/* An attempt has been heard of: a provisional response over 100, or an answer. NULL: nobody
	 * asks. */
	void (*reached)(void *arg, void *own, unsigned attempt);
	/* An attempt has failed. *V has what that means by itself: the next route after 408, 503,
	 * 504 and when there was no response. NULL: so it is. */
	void (*judge)(void *arg, void *own, unsigned attempt, const struct call_failure *f,
		struct call_verdict *v);
	/* The URI of our Contact for messages that go to HOP, with a NUL. */
	int (*contact)(void *arg, const struct transaction_hop *hop, char *out, size_t cap);
	/* A request within a dialog goes to URI; HOP is where the last one went, and is changed to
	 * where this one does. NULL: it stays. */
	void (*next_hop)(void *arg, struct sip_str uri, struct transaction_hop *hop);
	/*
	 * What goes on of a body? NULL: bodies pass untouched. An error keeps the message back: a
	 * request gets 488, and a 2xx becomes one. Other responses go on without their bodies, and
	 * so does an ACK, which ends the call. CALL_BODY_LATER: the message waits until
	 * call_body_ready says what goes on. Must not call this folder.
	 */
	int (*body)(void *arg, struct call_body *b);
	/* What was offered within a call has been refused, or withdrawn, or was never answered.
	 * Told of exchanges without a body too, and of those that have their answer. NULL: nobody
	 * asks. */
	void (*off)(void *arg, struct call *c, uint64_t exchange);
	/* OPTIONS outside of calls: 200, or 503 for whoever should send none. NULL: 200. */
	unsigned (*options)(void *arg, const struct transaction_hop *from);
	/* The caller's INVITE has been answered finally; a transfer's, which nobody has sent, has
	 * come to nothing, as the referrer hears. WHY: that is a refusal of ours, a row
	 * CALL_C_REFUSED_..., which a caller reads in a Warning; else 0. NULL: nobody asks. */
	void (*told)(void *arg, struct call *c, unsigned status, unsigned why);
	/* A request of whoever is BY has been refused with STATUS and has made no call, or nothing
	 * within one. NULL: nobody asks. */
	void (*refused)(void *arg, const struct transaction_hop *by, unsigned status, unsigned why);
	/* M, a BYE or CANCEL, ends the call. NULL: nobody asks. */
	void (*parted)(void *arg, struct call *c, const struct sip_msg *m);
	/* The call is over. NULL: nobody asks. */
	void (*ended)(void *arg, struct call *c, enum call_end why);
	void *arg;
};

struct call_timers {
	unsigned ring_ms; /* a call that is not answered for so long is given up */
};
extern const struct call_timers call_timers_default;

struct calls_config {
	struct wheel *wheel;       /* not owned */
	const struct clock *clock; /* not owned */
	struct call_user user;
	struct hash_key key; /* random */
	metrics_cell *cells; /* CALL_C_COUNT of them; not owned */
	struct call_timers timers;
	size_t max_calls;   /* open ones; an INVITE over it, or over a share of it, gets 503 */
	size_t max_bytes;   /* the same of what is kept of messages; calls that are there go on */
	unsigned max_early; /* early dialogs that a caller is shown (RFC 3261 §13.2.2.4) */
	unsigned retry_after_s;
};

struct calls *calls_create(const struct calls_config *c); /* NULL when out of memory */
/* T's user is calls_transaction_user of L, so T is made after L. Not owned. */
void calls_set_transactions(struct calls *l, struct transactions *t);
/* After its transactions. Nobody is told. NULL is fine. */
void calls_destroy(struct calls *l);

/* What the transactions of L are made with. */
struct transaction_user calls_transaction_user(struct calls *l);

/*
 * The message that waits by that ticket goes on, with RC, TYPE and CONTENT as if the hook had said
 * so at once. Without effect where it waits no more: it was cancelled, or somebody is gone. Not
 * from within a hook, and not after ENDED. The call may be gone on return.
 */
void call_body_ready(
	struct call *c, uint64_t ticket, int rc, struct sip_str type, struct sip_str content);

/* Ends the call on both sides, with a header field "Reason: REASON" (RFC 3326), which must outlive
 * it. Without effect on one that is over; not from within a hook. The call may be gone on return.
 */
void call_hang_up(struct call *c, const char *reason);
/* The same for all that are open; returns how many they were. */
size_t calls_hang_up(struct calls *l, const char *reason);

/* For bodies and records. The caller's Call-ID: what all of a call is known by in the log. */
struct sip_str call_id(const struct call *c);
struct sip_str call_callee_id(const struct call *c); /* of the newest attempt; empty: none yet */
void *call_own(const struct call *c);                /* what the route hook has set */
void *call_media(const struct call *c); /* whoever has the body hook keeps his own here */
void call_media_set(struct call *c, void *media);

#endif
