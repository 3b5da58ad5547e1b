/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * Offers and answers (RFC 3264) of one leg with one audio stream, as pure state: descriptions in,
 * descriptions and what was agreed out. When they travel, and glare, are SIP's.
 *
 * A session is plain data. Copy it by assignment for each early dialog of a forked INVITE, and give
 * it an origin of its own, which is as that of the first is: every one then takes the answer that
 * came on it.
 *
 * Audio over RTP or SRTP with SDES keys is agreed on; every other m= line gets port 0 in its place.
 * ICE and DTLS are not offered and not answered, which RFC 8839 and RFC 5763 allow.
 */
#ifndef SALLYPORT_MEDIATION_SDP_SESSION_H
#define SALLYPORT_MEDIATION_SDP_SESSION_H

#include <sallyport/mediation/sdp/attr.h>
#include <sallyport/mediation/sdp/pass.h>

#define SDP_CODECS_MAX 16
#define SDP_SLOTS_MAX  16 /* m= lines of an exchange */

/* What the media of this side can do. "telephone-event" and "CN" are no audio on their own: an
 * exchange that has nothing else in common is refused. */
struct sdp_codec {
	const char *name; /* "PCMA" */
	uint32_t clock_hz;
	uint8_t channels;
	uint8_t payload;  /* the number we like: static, or 96..127 */
	const char *fmtp; /* or NULL */
};

enum sdp_security {
	SDP_SRTP_NONE,     /* RTP only */
	SDP_SRTP_OPTIONAL, /* both are offered, SRTP is preferred */
	SDP_SRTP_REQUIRED,
};
const char *sdp_security_name(enum sdp_security s); /* "optional" */

struct sdp_abilities {
	struct sdp_codec codecs[SDP_CODECS_MAX]; /* best first */
	unsigned n_codecs;
	enum sdp_suite suites[SDP_SUITES]; /* best first; needed unless SDP_SRTP_NONE */
	unsigned n_suites;
	enum sdp_security security;
	uint16_t ptime_ms; /* what we like to get; 0: said by nobody, which means 20 */
	uint16_t maxptime_ms;
	bool has_rtcp_mux; /* offered, and taken when offered (RFC 5761) */
};

/*
 * The o= line of whatever one side is told within one dialog. The version grows with each
 * description that is another one than the last, and no refusal takes it back (RFC 3264 §8). So it
 * is one for all sessions that speak in that dialog, and a copy for none.
 */
struct sdp_origin_own {
	uint64_t id; /* random, below 2^62 */
	uint64_t version;
	uint64_t written; /* digest of the last description behind its o= line; 0: none */
};

struct sdp_session_config {
	const struct sdp_abilities *abilities; /* must outlive the session */
	struct sdp_origin_own *origin;         /* not owned; {ID} at first */
	struct addr rtp;                       /* as the other side shall send to it */
	uint16_t rtcp_port;                    /* 0: the next port */
	/* A random master key and salt for each suite, of which those used are told to the peer. */
	uint8_t keys[SDP_SUITES][SDP_KEY_MAX];
};

/* One codec as both sides call it. */
struct sdp_format {
	uint8_t codec;   /* index in abilities */
	uint8_t receive; /* payload type of what we get */
	uint8_t send;    /* and of what we send */
};

/* What an exchange has come to. */
struct sdp_agreed {
	unsigned slot; /* which m= line */
	enum sdp_profile profile;
	struct addr remote_rtp;
	struct addr remote_rtcp; /* ADDR_NONE when there is no port for it */
	/* Ours: SDP_RECVONLY while the other side holds the call. A remote address of 0.0.0.0 or ::
	 * takes SDP_SENDONLY away (RFC 3264 §8.4). */
	enum sdp_direction direction;
	struct sdp_format formats[SDP_CODECS_MAX]; /* best first, as the answer has them */
	unsigned n_formats;
	uint16_t ptime_ms;    /* of what we send; 20 when nothing was said */
	uint16_t maxptime_ms; /* 0: no limit */
	bool has_rtcp_mux;
	bool has_srtp;
	uint32_t crypto_tag;
	enum sdp_suite suite;
	uint8_t remote_key[SDP_KEY_MAX];
	uint64_t remote_lifetime; /* packets; 0: what the suite allows */
	/* Of what they send, and of what we send (RFC 4568 §6.1). */
	struct sdp_mki remote_mki, local_mki;
};

/* An m= line as it must come back in every later description (RFC 3264 §8). */
struct sdp_slot {
	char kind[24];
	char proto[32];
	char format[32]; /* the first one */
	bool is_live;    /* audio with a port of ours */
};

enum sdp_state {
	SDP_STABLE,
	SDP_OFFERED, /* ours is under way */
	SDP_ASKED,   /* theirs is to be answered */
};

struct sdp_session {
	struct sdp_session_config config;
	enum sdp_direction
		direction; /* what we want, sendrecv at first; the caller may change it */
	enum sdp_state state;
	bool has_agreed;
	struct sdp_agreed agreed;
	/* The rest is the session's own. */
	bool was_answered_here;
	struct sdp_agreed pending;
	struct sdp_agreed before; /* our offer went out */
	bool had_agreed;
	struct sdp_slot slots[SDP_SLOTS_MAX], pending_slots[SDP_SLOTS_MAX];
	unsigned n_slots, n_pending_slots;
	uint8_t payloads[SDP_CODECS_MAX]; /* the number each codec has in this session */
};

void sdp_session_init(struct sdp_session *s, const struct sdp_session_config *c);
/* Wipes it, for it has keys; so is every copy of it to be. */
void sdp_session_fini(struct sdp_session *s);
/* Where we receive has changed: said with the next offer or answer. */
void sdp_session_move(struct sdp_session *s, const struct addr *rtp, uint16_t rtcp_port);

/*
 * Our offer: the first one, or a later one, which keeps the m= lines, the payload types and the
 * profile of what was agreed. PASSING, which may be NULL, is what the other side's has for it; its
 * lines of media stand at each m= line of ours. SDP_WRONG_STATE while any exchange is under way.
 */
enum sdp_refusal sdp_offer_write(
	struct sdp_session *s, struct sdp_writer *w, const struct sdp_passing *passing);
/*
 * The answer to it. Not final (a provisional response that was not sent reliably): counts until the
 * next one. On a refusal the exchange is still under way: sdp_exchange_cancel.
 */
enum sdp_refusal sdp_answer_take(struct sdp_session *s, const struct sdp *remote, bool is_final);
/*
 * TEXT, a description of ours that holds on the other side, once more: as it is, if it is the last
 * that was written, else as the newest. SDP_WRONG_STATE while an exchange is under way.
 */
enum sdp_refusal sdp_offer_again(
	const struct sdp_session *s, struct sdp_writer *w, struct bytes text);
/*
 * The answer to that: where the other side receives and its key may be new. Direction and suite
 * stay. On a refusal nothing has changed.
 */
enum sdp_refusal sdp_answer_again(struct sdp_session *s, const struct sdp *remote);
/* The answer that counted until the next one was the last. Without effect if there was none. */
void sdp_answer_confirm(struct sdp_session *s);

/* Their offer. On a refusal (488) all is as it was before. */
enum sdp_refusal sdp_offer_take(struct sdp_session *s, const struct sdp *remote);
/* What their offer, while it is to be answered, comes to if we take all of it. */
const struct sdp_agreed *sdp_session_asked(const struct sdp_session *s);
/*
 * Our answer; from here on S->agreed has what it says. Again for the same offer, as an early answer
 * is repeated in the 200, it writes the same bytes, unless direction, address or PASSING were
 * changed.
 */
enum sdp_refusal sdp_answer_write(
	struct sdp_session *s, struct sdp_writer *w, const struct sdp_passing *passing);

/* What the exchange under way wanted will not be: back to what was agreed before. */
void sdp_exchange_cancel(struct sdp_session *s);

/* The audio codec to send with: the first of the agreed ones that is audio. */
const struct sdp_format *sdp_agreed_audio(
	const struct sdp_abilities *abilities, const struct sdp_agreed *a);
/* The agreed format of that name with that clock, or NULL: "telephone-event", "CN". */
const struct sdp_format *sdp_agreed_find(const struct sdp_abilities *abilities,
	const struct sdp_agreed *a, const char *name, uint32_t clock_hz);

#endif
