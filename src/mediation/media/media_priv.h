/* SPDX-License-Identifier: BSD-3-Clause */
/* What the files of media share: a worker's sessions, their legs, their ports. */
#ifndef SALLYPORT_MEDIA_PRIV_H
#define SALLYPORT_MEDIA_PRIV_H

#include <sallyport/mediation/media.h>
#include <sallyport/mediation/rtp/latch.h>
#include <sallyport/mediation/rtp/report.h>

#define MEDIA_CLOCK_HZ 8000

struct media_session;

/* One side of a session. */
struct media_leg {
	struct media_session *session; /* not owned */
	enum media_side side;
	uint8_t face;                /* index in the configuration */
	struct net_port *rtp, *rtcp; /* owned; RTCP NULL: it has no port of its own */
	bool is_agreed;
	struct media_agreement agreement; /* wiped with the leg */
	struct srtp_session *from, *to;   /* owned; NULL: in the clear */
	struct rtp_latch latch, rtcp_latch;
	struct rtp_origin out; /* what the peer gets: of the other leg's packets */
	uint16_t sequence;     /* the highest that has left */
	uint16_t shift;        /* from OUT's numbers to those that leave */
	bool is_behind;        /* some of OUT's have not left */
	struct rtp_reception in;
	struct rtp_reporter reporter;
	uint64_t report_ms; /* when the next one is due */
	uint64_t heard_ms;
	uint64_t second; /* that PACKETS came in */
	uint32_t packets;
	bool is_silent;
	bool is_spent;                      /* the owner knows that a key is used up */
	uint64_t tx_packets, tx_octets;     /* that have left */
	uint64_t past_packets, past_octets; /* of these, in streams of ours that are over */
	unsigned keyed;   /* bits of enum srtp_suite: something may have left under its key */
	uint32_t refused; /* by SRTP */
	uint64_t told[RTP_ORIGIN_COUNTS]; /* of out.counts, what the counters have */
};

struct media_session {
	struct media *media; /* not owned */
	struct media_id id;
	uint64_t call;
	struct wheel_timer timer;
	struct media_leg legs[MEDIA_SIDES];
};

/* An entry of the table: a session, or a link in the list of free ones. */
struct media_slot {
	struct media_session *session; /* owned; NULL: free */
	uint32_t generation, next_free;
};

struct media {
	struct media_config config;
	struct net_handler handler;
	struct net_ports ports[MEDIA_FACES_MAX]; /* of faces with a range */
	struct media_slot *slots;                /* owned; max_sessions */
	uint32_t first_free;                     /* max_sessions: none */
};

static inline uint64_t media_now_ms(const struct media *m)
{
	return m->config.clock->mono_ms;
}

static inline void media_count(const struct media *m, unsigned row, uint64_t n)
{
	metrics_add(m->config.cells, row, n);
}

/* Is it an address that somebody can have? A group or everybody on the link is nobody. */
static inline bool media_is_named(const struct addr *a)
{
	bool is_group = a->family == ADDR_IPV4 ? a->ip[12] >= 224 : a->ip[0] == 0xff;

	return a->family != ADDR_NONE && a->port != 0 && !is_group && !addr_is_unspecified(a);
}

static inline struct media_leg *media_other_leg(struct media_leg *l)
{
	return &l->session->legs[l->side == MEDIA_CLIENT ? MEDIA_GATEWAY : MEDIA_CLIENT];
}

/* ---- sessions ---- */

/* NULL: there is no such session any more. */
struct media_session *media_session_find(struct media *m, struct media_id id);
/* 0 and the session, or as media_ready says. */
int media_session_open(struct media *m, const struct media_open *ask, struct media_session **out);
/* It is gone when this returns; its peers are told good-bye. */
void media_session_close(struct media_session *s);
/* The timer goes off when the next thing is due, which may be sooner than it was. */
void media_session_schedule(struct media_session *s);
/* False: it could not be passed on, which is counted. */
bool media_tell(struct media_leg *l, enum media_event_kind kind, int rc);

/* ---- ports ---- */

int media_ports_init(struct media *m);
void media_ports_fini(struct media *m);
/* Opens an even port, and the next one if the leg shall have it. ERR_FULL, -ENOMEM, -errno. */
int media_ports_open(struct media_leg *l, bool has_rtcp_port);
void media_ports_close(struct media_leg *l);

/* ---- legs ---- */

void media_leg_init(
	struct media_leg *l, struct media_session *s, enum media_side side, uint8_t face);
void media_leg_fini(struct media_leg *l); /* ports are closed before */
/* A is copied. 0; ERR_BAD_KEY, -ENOMEM, ERR_UNSUPPORTED: nothing has changed. */
int media_leg_agree(struct media_leg *l, const struct media_agreement *a);
void media_leg_stats(const struct media_leg *l, struct media_leg_stats *out);

/* ---- packets ---- */

/* Of net, at any port of any leg. */
void media_on_packets(void *arg, struct net_port *p, struct net_buf **bufs, size_t n);
/* Of rtp_origin; ARG is the leg that P leaves on. */
void media_leg_send(void *arg, const struct rtp_packet *p);
void media_leg_report(struct media_leg *l, bool is_end);

#endif
