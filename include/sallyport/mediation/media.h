/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * mediation/media: the media of calls on one worker. A session has two legs, one toward the client
 * and one toward the gateway, each with ports of its own; what comes in on one leaves as a stream
 * of ours on the other. A session is opened, agreed on and closed by message, and says what happens
 * to it through the functions it was given. ICE and DTLS-SRTP are not here yet: their packets are
 * counted and dropped.
 */
#ifndef SALLYPORT_MEDIATION_MEDIA_H
#define SALLYPORT_MEDIATION_MEDIA_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sallyport/common.h>
#include <sallyport/loop.h>
#include <sallyport/mediation/rtp/origin.h>
#include <sallyport/mediation/rtp/srtp.h>
#include <sallyport/metrics.h>
#include <sallyport/net.h>

enum media_counter {
	MEDIA_C_SESSIONS, /* gauge */
	MEDIA_C_OPENED,
	MEDIA_C_REFUSED_LIMIT,
	MEDIA_C_REFUSED_PORTS,
	MEDIA_C_REFUSED_DESCRIPTORS,
	MEDIA_C_REFUSED_MEMORY,
	MEDIA_C_RX_RTP,
	MEDIA_C_TX_RTP,
	MEDIA_C_RX_RTCP,
	MEDIA_C_TX_RTCP,
	MEDIA_C_NOT_AGREED,   /* nothing has been agreed with that side, or it shall not send now */
	MEDIA_C_SOURCE,       /* from an address that is neither named nor latched */
	MEDIA_C_UNKNOWN_TYPE, /* a payload type that was not agreed; latches nothing */
	MEDIA_C_LOOP,         /* a stream of ours has come back */
	MEDIA_C_RATE,         /* over MEDIA_PACKETS_S */
	MEDIA_C_MALFORMED,
	MEDIA_C_STUN,
	MEDIA_C_DTLS,
	MEDIA_C_OTHER,  /* by its first byte none of these, or RTP at the port for RTCP */
	MEDIA_C_NO_WAY, /* the other side may get nothing now, or has not said where */
	MEDIA_C_NO_BUFFER,
	MEDIA_C_SILENT, /* times that a leg has fallen silent */
	MEDIA_C_EVENTS_LOST,
	MEDIA_C_ORIGIN,                                    /* + enum rtp_origin_count */
	MEDIA_C_SRTP = MEDIA_C_ORIGIN + RTP_ORIGIN_COUNTS, /* + enum srtp_result */
	MEDIA_C_COUNT = MEDIA_C_SRTP + SRTP_RESULTS,
};
extern const struct metrics_group media_counters;

enum media_side {
	MEDIA_CLIENT,
	MEDIA_GATEWAY,
	MEDIA_SIDES,
};

/* A session. Never used again for another. */
struct media_id {
	uint32_t index, generation;
	unsigned worker; /* whose it is: others count alike */
};

/* ---- what happens ---- */

/* The answer to media_open. */
struct media_ready {
	uint64_t call; /* as it was given */
	struct media_id id;
	/* 0; ERR_FULL: sessions or ports are used up; -ENOMEM, -errno. Nothing below is set then.
	 */
	int rc;
	struct addr rtp[MEDIA_SIDES], rtcp[MEDIA_SIDES]; /* the same without a port for RTCP */
};

/* Of one leg, for the record of a call. */
struct media_leg_stats {
	uint64_t rx_packets, rx_octets, rx_lost;
	uint64_t tx_packets, tx_octets;
	uint32_t rx_jitter_us;
	uint32_t round_trip_ms; /* 0: the peer's reports have not said */
	uint32_t far_lost;      /* of what we sent, by the peer's last report */
	uint32_t refused;       /* by SRTP */
};

enum media_event_kind {
	MEDIA_SILENT,  /* nothing good has come for as long as was agreed */
	MEDIA_HEARD,   /* something has, after that */
	MEDIA_LATCHED, /* REMOTE is where the leg sends now */
	MEDIA_REFUSED, /* the agreement could not be put into force: RC; the one before holds */
	MEDIA_KEY_SPENT,
	MEDIA_CLOSED, /* the session is gone; STATS */
};
struct media_event {
	uint64_t call;
	struct media_id id;
	enum media_event_kind kind;
	enum media_side side;
	int rc;
	struct addr remote;
	struct media_leg_stats stats[MEDIA_SIDES];
};

/* ---- a worker's media ---- */

/* Where ports of legs are. */
struct media_face {
	struct addr local;    /* port 0 */
	uint16_t first, last; /* of all workers; 0, 0: the kernel picks */
	uint8_t dscp;         /* of what leaves: 46 for audio */
};

#define MEDIA_FACES_MAX 16
#define MEDIA_SILENT_MS 30000 /* where the agreement says nothing else */
/* Of RTP a second on a leg; one of more than RTP_FRAME_MAX bytes counts for several. Audio of 10 ms
 * is 100. */
#define MEDIA_PACKETS_S     500
#define MEDIA_PACKET_MS_MIN 5 /* who asks for less asks for a flood */
#define MEDIA_SESSIONS_MAX  65536

struct media_config {
	const struct clock *clock; /* the worker's, like the next two; not owned */
	struct wheel *wheel;
	struct net *net;
	metrics_cell *cells; /* of media_counters */
	unsigned worker, n_workers;
	uint32_t max_sessions; /* of this worker; at most MEDIA_SESSIONS_MAX */
	/* Of each address and port there is one face at most. */
	struct media_face faces[MEDIA_FACES_MAX];
	unsigned n_faces;
	/* On the worker's thread; to be passed on by message. False: it could not be. Of an answer
	 * to media_open that means that the session is closed again; other events are counted as
	 * lost, and MEDIA_SILENT and MEDIA_KEY_SPENT told again while they hold. */
	bool (*ready)(void *arg, const struct media_ready *r);
	bool (*event)(void *arg, const struct media_event *e);
	void *arg;
};

struct media; /* opaque; one per worker */

/* -ENOMEM, ERR_FULL (a face has fewer ports than workers). */
int media_create(const struct media_config *c, struct media **out);
/* Closes what is open; nobody is told. Before the worker's net goes. */
void media_destroy(struct media *m);

/* ---- asked for on the worker's own thread ---- */

struct media_open {
	uint64_t call; /* the asker's; handed back */
	/* Without: RTCP goes over the port of RTP (RFC 5761), which the peer must have agreed to.
	 */
	bool has_rtcp_port[MEDIA_SIDES];
	uint8_t face[MEDIA_SIDES]; /* index in the configuration; one that is not there: -EINVAL */
};
void media_open(struct media *m, const struct media_open *ask, struct media_ready *answer);

/* What is agreed with one side. */
struct media_agreement {
	struct addr rtp,
		rtcp; /* the peer's; RTCP unset: RTP's with the next port, or RTP's with mux */
	bool is_mux;
	bool is_latching;
	bool may_send, may_receive; /* the peer; neither, or an unspecified address: on hold */
	/* Is it told when the peer falls silent, while media may flow in a direction, and while
	 * none may? Off for peers that send no RTCP. */
	bool is_supervised, is_supervised_on_hold;
	uint32_t silent_ms; /* how long it may be silent; 0: MEDIA_SILENT_MS */
	/* Who it is: a number of the asker's. Another one, as one of several callees, finds a
	 * stream of another source under SRTP, though our key is the same: it counts its rounds
	 * from 0. */
	uint64_t peer;
	struct rtp_formats from, to; /* in what the peer sends, and in what it gets */
	/* Of G.711 toward it, MEDIA_PACKET_MS_MIN to RTP_PACKET_MS_MAX; 0: as it comes. */
	uint8_t packet_ms;
	bool is_srtp;
	enum srtp_suite suite;
	uint8_t master_from[SRTP_MASTER_MAX], master_to[SRTP_MASTER_MAX];
	uint64_t lifetime; /* of either key; 0: as the suite has it */
	struct srtp_mki mki_from, mki_to;
};
/* A is copied, and wiped with the session. Keys that stay the same keep their state, others begin
 * anew. A suite of ours that comes back, perhaps with its key, finds a stream of another source, so
 * that suites must not share a key. ERR_NOT_FOUND: no such session any more. ERR_UNSUPPORTED (what
 * is in it is not possible, or OpenSSL lacks a cipher), -ENOMEM: what was agreed before holds. */
int media_agree(
	struct media *m, struct media_id id, enum media_side side, const struct media_agreement *a);

/* Of both legs, until now or until the end. ERR_NOT_FOUND. */
int media_stats(struct media *m, struct media_id id, struct media_leg_stats out[MEDIA_SIDES]);
int media_close(struct media *m, struct media_id id, struct media_leg_stats out[MEDIA_SIDES]);

/* ---- the same by message, with the worker's struct media as context ---- */

extern const struct msg_type media_open_msg; /* struct media_open; answered by READY */

/* The agreement is malloc'd and goes with the message; it is wiped after use. An id that is no more
 * is passed over; what media_agree fails with is told as MEDIA_REFUSED. */
struct media_update {
	struct media_id id;
	enum media_side side;
	struct media_agreement *agreement;
};
extern const struct msg_type media_update_msg;

struct media_end {
	struct media_id id;
};
extern const struct msg_type media_end_msg; /* answered by MEDIA_CLOSED */

#endif
