/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * relaycheck's parts: lanes (what was sent one way of a flow, and what came), and flows (the TURN
 * clients and the peers at both ends). Both ends are in one process, so every byte can be compared.
 */
#ifndef TESTS_TOOLS_RELAYCHECK_H
#define TESTS_TOOLS_RELAYCHECK_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "turnclient.h"

/* ---- lanes ---- */

#define LANE_RING     4096 /* datagrams that are remembered */
#define LANE_SIZE_MAX 9216 /* bytes of payload */
#define LANE_MARKED   12   /* from this size on a payload says which one it is */

enum lane_way {
	LANE_UP,
	LANE_DOWN
}; /* to the peer, to the client */

struct lane {
	uint16_t flow; /* both in each payload */
	uint8_t way;
	uint8_t is_dead;          /* what is sent from now on must not arrive */
	uint32_t sent, wanted;    /* numbers: the next to send, the next in order */
	uint16_t size[LANE_RING]; /* by number */
	uint8_t tos[LANE_RING];
	uint8_t state[LANE_RING];
};

/* What has happened, of all lanes of one way. */
struct lane_counts {
	uint64_t sent, got;
	uint64_t dead; /* sent although nothing may pass */
	uint64_t late; /* after one that was sent later */
	uint64_t doubled;
	uint64_t wrong;     /* not what was sent */
	uint64_t misplaced; /* came out of another flow */
	uint64_t stale;     /* passed although nothing may */
	uint64_t tos;       /* with another DSCP or ECN */
	uint64_t refused;   /* by our own kernel; not sent */
};

/* The next payload of L, LEN bytes, into OUT. */
void lane_make(struct lane *l, uint8_t tos, uint8_t *out, size_t len, struct lane_counts *n);
/* One payload that has come out of L. TOS below 0: not known. */
void lane_take(struct lane *l, const uint8_t *data, size_t len, int tos, struct lane_counts *n);
/* How many of the numbers from FIRST on have not come. */
uint32_t lane_missing(const struct lane *l, uint32_t first);
/* The size of the first of them. */
int lane_missing_size(const struct lane *l, uint32_t first);

/* ---- flows ---- */

#define FLOW_PEERS_MAX 4

struct client {
	struct check *check;
	struct turnclient turn;
	struct addr relayed[2]; /* by family: IPv4, IPv6; of a direct one its own */
	struct flow *flows[FLOW_PEERS_MAX];
	unsigned n_flows;
	bool is_far;     /* it stands where a peer does */
	bool is_watched; /* its socket is in the epoll set */
};

struct flow {
	struct check *check;
	struct client *client;
	unsigned index;     /* of it in the client; its channel is 0x4000 and this */
	struct client *far; /* instead of a socket */
	int fd;
	struct addr peer;
	struct lane lanes[2];
};

struct check {
	const char *user, *password;
	const char *client_space, *peer_space; /* NULL: where it was started */
	struct addr server, peers[FLOW_PEERS_MAX];
	unsigned n_peers, n_clients;
	uint8_t family, additional; /* 4 or 6; 0: not asked for */
	bool uses_send, is_paired, has_no_checksum, has_options, is_padded;
	bool is_direct; /* without a relay; SERVER is the clients' own address */
	int ttl;
	struct client *clients, *fars;
	struct flow *flows;
	unsigned n_flows;
	int epoll;
	struct lane_counts counts[2];
};

/* Enters a namespace by its path, for the sockets that are made next; NULL: back. */
void check_enter(const char *space);

/* Everything there is to open; ends the program when it cannot. */
void flow_open_all(struct check *c);
/* Ends all allocations with Refresh, so that ports and quota are free. */
void flow_close_all(struct check *c);
/* One datagram each. */
void flow_send(struct flow *f, enum lane_way way, size_t len, uint8_t tos);
/* The client's bytes as they are, LEN of them at its socket. */
void flow_send_raw(struct client *k, const uint8_t *data, size_t len, uint8_t tos);
/* As many as one call takes, of LEN bytes, which nobody compares; how many. Not for pairs. */
unsigned flow_flood(struct flow *f, enum lane_way way, size_t len);
/* Reads what there is at both ends, at most WAIT_MS; false when nothing came. */
bool flow_poll(struct check *c, int wait_ms);

/*
 * The client's allocation: asked for as the options say, with a channel (or permission) for each
 * peer; the same bound again; ended; refreshed. When the peer is a client too, that one's as well.
 * False when the server did not agree.
 */
bool client_allocate(struct client *k);
bool client_bind(struct client *k);
bool client_end(struct client *k);
bool client_refresh(struct client *k);

#endif
