/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * sip/session: what the two sides of a dialog agree on beside the dialog itself, as plain state:
 * session timers (RFC 4028), reliable provisional responses (RFC 3262), and who gives way when both
 * sides want to change the session at once (RFC 3261 §14, RFC 3311). No I/O, no heap; time is a
 * number that the caller hands in and answers are what to do and when. "Other side" is whoever sent
 * the message.
 */
#ifndef SALLYPORT_SIP_SESSION_H
#define SALLYPORT_SIP_SESSION_H

#include <sallyport/common.h>
#include <sallyport/sip.h>

/* ---- session timers ---- */

#define SIP_SESSION_MIN_S 90 /* no interval is shorter (RFC 4028 §4) */

struct sip_session_rules {
	uint32_t
		interval_s; /* what we ask for; 0: we ask for none, and keep one we are asked for */
	uint32_t min_s;     /* shortest we take; below SIP_SESSION_MIN_S: that */
};

/* Of one dialog. All zero but rules: none runs. */
struct sip_session_timer {
	struct sip_session_rules rules;
	uint32_t interval_s; /* agreed; 0: the session does not expire */
	bool is_refresher;   /* we are */
	uint32_t min_se_s;   /* the largest Min-SE that a 422 has told us in this dialog */
	uint64_t begun_ms;   /* when the last refresh was agreed */
};

/*
 * Session-Expires and Min-SE of an INVITE or UPDATE of ours (§7.1, §7.4). Supported: timer is the
 * caller's to write.
 */
void sip_session_write_request(const struct sip_session_timer *t, struct sip_writer *w);
/* A 2xx to it has come (§7.2): takes what it says, or that there is no timer. */
void sip_session_confirmed(
	struct sip_session_timer *t, const struct sip_msg *response, uint64_t now_ms);
/* A 422 has come (§7.3). True: the same request may be sent again, and then asks for enough. */
bool sip_session_too_small(struct sip_session_timer *t, const struct sip_msg *response);

/* The other side's INVITE or UPDATE. True: it is refused with 422 and Min-SE, §9. */
bool sip_session_wants_422(const struct sip_session_timer *t, const struct sip_msg *request);
void sip_session_write_min(const struct sip_session_timer *t, struct sip_writer *w);
/* What such a request says of timers, for when it is answered. */
struct sip_session_asked {
	uint32_t interval_s; /* 0: nothing */
	uint32_t min_s;
	enum sip_refresher refresher;
	bool can; /* it supports timers */
};
struct sip_session_asked sip_session_read(const struct sip_msg *request);
/* What its 2xx says: Session-Expires, and Require: timer where it must stand, or nothing. The timer
 * runs as written from NOW_MS. */
void sip_session_answer(struct sip_session_timer *t, const struct sip_session_asked *asked,
	uint64_t now_ms, struct sip_writer *w);

enum sip_session_act {
	SIP_SESSION_WAIT,
	SIP_SESSION_REFRESH, /* half of it is over and we are the refresher (§10) */
	SIP_SESSION_END,     /* send BYE: the refresh has not come, or was not answered */
};
/* What to do at NOW_MS; *DUE_MS: when to ask again, UINT64_MAX: never. After REFRESH: with the
 * outcome of the request, or when the session ends. */
enum sip_session_act sip_session_act(
	const struct sip_session_timer *t, uint64_t now_ms, uint64_t *due_ms);

/* ---- reliable provisional responses, the side that sends them (RFC 3262 §3) ---- */

#define SIP_RELIABLE_T1_MS 500

/* One of an INVITE's; one at a time. All zero at the start. */
struct sip_reliable {
	uint32_t rseq; /* of the last one; 0: none was sent */
	uint32_t cseq; /* of the INVITE */
	bool is_waiting;
	uint64_t sent_ms;
	uint64_t again_ms; /* when it is repeated */
	uint32_t interval_ms;
};
/*
 * The next one is sent at NOW_MS, CSEQ is the INVITE's; false: the last one is not acknowledged, so
 * it must wait. FIRST is random; of use for the first one only. The caller writes Require: 100rel
 * and RSeq: out->rseq.
 */
bool sip_reliable_send(struct sip_reliable *r, uint32_t cseq, uint32_t first, uint64_t now_ms);
/* A PRACK has come. True: it acknowledges the one that waits, answer 200. False: answer 481. */
bool sip_reliable_take(struct sip_reliable *r, const struct sip_msg *prack);
enum sip_reliable_act {
	SIP_RELIABLE_WAIT,
	SIP_RELIABLE_REPEAT,  /* send it again; the next time is later by twice the interval */
	SIP_RELIABLE_GIVE_UP, /* 64 T1 are over: refuse the INVITE with a 5xx */
};
enum sip_reliable_act sip_reliable_act(struct sip_reliable *r, uint64_t now_ms, uint64_t *due_ms);

/* ---- ... the side that gets them (§4) ---- */

/* Of one dialog, an early one, of an INVITE of ours. All zero at the start. */
struct sip_acknowledger {
	uint32_t rseq; /* of the last one that was taken; 0: none */
};
enum sip_prack {
	SIP_PRACK_NONE,     /* not a reliable one: use it as ever */
	SIP_PRACK_SEND,     /* use it and send PRACK */
	SIP_PRACK_REPEATED, /* seen before, its PRACK is under way: drop it */
	SIP_PRACK_GAP,      /* one before it is missing: drop it, it will come again (§4) */
	SIP_PRACK_BAD,      /* no RSeq, or none of use: drop it */
};
enum sip_prack sip_acknowledger_take(struct sip_acknowledger *a, const struct sip_msg *response);
/* RAck of the PRACK for RESPONSE. */
void sip_write_rack(struct sip_writer *w, const struct sip_msg *response);

/* ---- glare ---- */

/* What is under way in a dialog. */
struct sip_glare {
	bool has_invite_out, has_invite_in; /* without final response */
	bool has_offer_out, has_offer_in;   /* without answer */
};
/*
 * May this INVITE or UPDATE of the other side be worked on? 0: yes; 491, or 500 with Retry-After of
 * 0 to 10 s, chosen at random (RFC 3261 §14.2, RFC 3311 §5.2). HAS_OFFER: it brings an offer.
 */
unsigned sip_glare_refusal(const struct sip_glare *g, enum sip_method method, bool has_offer);
/* May we send one? */
bool sip_glare_may_send(const struct sip_glare *g, enum sip_method method, bool has_offer);
/* How long to wait after a 491 (RFC 3261 §14.1): whoever made the Call-ID waits longer. RANDOM: any
 * number. */
unsigned sip_glare_wait_ms(bool is_call_id_ours, uint32_t random);

#endif
