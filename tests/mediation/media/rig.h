/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * A worker's media over real sockets on loopback, with a peer on each side, under a clock and a
 * wheel of the test's. Nothing waits for the time; an alarm ends a test whose packets do not come.
 */
#ifndef TESTS_MEDIA_RIG_H
#define TESTS_MEDIA_RIG_H

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>
#include "../../../src/mediation/media/media_priv.h"

#define GOT_MAX    700
#define EVENTS_MAX 32
#define PACKET_MAX 512

struct got {
	struct addr from;
	bool is_rtcp; /* came to the port for it */
	uint8_t tos;
	size_t len;
	uint8_t data[PACKET_MAX];
};

/* A peer: its ports, and the keys of its leg when that has some. */
struct peer {
	struct rig *rig;
	struct net_port *rtp, *rtcp;
	struct srtp_session *from, *to; /* what it gets and sends; NULL: in the clear */
	uint16_t sequence;
	uint32_t ssrc, timestamp;
	size_t n_got;
	struct got got[GOT_MAX];
};

struct rig {
	struct loop *loop;
	struct net *net;
	metrics_cell net_cells[NET_C_COUNT], cells[MEDIA_C_COUNT];
	struct clock clock;
	struct wheel wheel;
	struct net_handler handler;
	struct media_config config;
	struct media *media;
	bool is_deaf; /* does not take answers */
	bool is_busy; /* does not take events */
	size_t n_ready;
	struct media_ready ready;
	size_t n_events;
	struct media_event events[EVENTS_MAX];
	size_t n_got, stop_at;
	struct peer peers[MEDIA_SIDES];
};

/* Media with kernel-picked ports and room for so many sessions as the test sets in rig->config
 * before rig_start; rig_setup starts it with 8. */
struct rig *rig_create(void);
void rig_start(struct rig *r);
int rig_setup(void **state);
int rig_teardown(void **state);

uint64_t counted(const struct rig *r, unsigned row);
void open_session(struct rig *r, bool has_rtcp_ports);
void close_session(struct rig *r);

/* What the test agrees on with a side: A-law, noise and events with a client, mu-law and events
 * with a gateway, both directions, supervised, toward the rig's peer, in the clear. */
struct media_agreement usual(const struct rig *r, enum media_side side);
/* The same with SRTP under keys made from SEED, which the peer gets too. */
struct media_agreement secure(struct rig *r, enum media_side side, enum srtp_suite s, uint8_t seed);
void agree(struct rig *r, enum media_side side, const struct media_agreement *a);

/* The next packet of the peer's stream; DATA are its samples. */
size_t peer_packet(struct peer *p, uint8_t type, const void *data, size_t len, uint8_t *out);
/* Bytes from the peer's port for RTP to the leg's. */
void peer_send_bytes(struct peer *p, const void *data, size_t len);
void peer_send_rtcp_bytes(struct peer *p, bool is_muxed, const void *data, size_t len);
/* 20 ms of samples, encrypted where the leg is. */
void peer_talk(struct peer *p, uint8_t type, const void *data, size_t len);
/* Runs until so many packets have come to the peers since the rig began. */
void run_until(struct rig *r, size_t n_got);
/* Serves the sockets that are ready, if any. For what ends without a packet to a peer. */
void event_turn(struct rig *r);
/* So much time passes in steps of 100 ms, and whatever is due happens. */
void pass_ms(struct rig *r, uint64_t ms);

/* The I-th packet that came to P, opened and decoded in place. */
struct rtp_packet opened(struct peer *p, size_t i);

#endif
