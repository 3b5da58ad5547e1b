/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * Looking at the allocations of one worker, and ending some, for an operator. Everything is copied
 * out, in pages of bounded size. On the worker's thread; the cost is one walk over its allocations,
 * some 60 ns each.
 */
#ifndef SALLYPORT_TURN_INSPECT_H
#define SALLYPORT_TURN_INSPECT_H

#include <sallyport/turn.h>

/* An address, or all of a prefix; with a port, or any. */
struct turn_address_filter {
	bool is_set;
	struct prefix prefix;
	uint16_t port; /* 0: any */
};

struct turn_listener_filter {
	struct addr local;
	enum auth_transport transport;
};

/* All of what is set must hold. */
#define TURN_FILTER_LISTENERS 64
struct turn_filter {
	uint64_t id; /* 0: any */
	bool has_subject;
	uint8_t subject[AUTH_SUBJECT_LEN];
	struct turn_address_filter client;
	struct turn_address_filter relay; /* an advertised or a local address of it */
	struct turn_address_filter peer;  /* one with a permission; with a port: with a channel */
	bool has_listeners;               /* it came in on one of these */
	size_t n_listeners;
	struct turn_listener_filter listeners[TURN_FILTER_LISTENERS];
};

#define TURN_PAGE_MAX 1000
#define TURN_PEERS_MAX                                                                             \
	1000 /* permissions, and as many channels or connections, of one allocation */

struct turn_question {
	struct turn_filter filter;
	uint64_t after; /* ids above this one only */
	uint32_t limit; /* at most TURN_PAGE_MAX; the lowest ids are given */
	/* With the peers of the first one found, for a question about one allocation. */
	bool has_peers;
	bool ends_them; /* all that match end, not only those of the page */
};

struct turn_alloc_info {
	uint64_t id;
	struct addr client, listener;
	enum auth_location location;
	enum auth_transport transport;
	struct addr relays[2]; /* as advertised; family NONE: none */
	uint64_t age_s;
	uint64_t expires_in_s;         /* the last of its relays, unless refreshed */
	uint64_t refresh_until;        /* Unix seconds: the credential's end, with grace */
	uint64_t packets[2], bytes[2]; /* by enum flow_direction */
	uint64_t rate_bytes_s;         /* limit; 0: none */
	struct flow_drops drops[FLOW_LIMITS];
	uint32_t n_permissions, n_channels;
	uint32_t n_connections; /* with peers, of a TCP allocation */
	bool is_tcp;
	uint8_t subject[AUTH_SUBJECT_LEN];
	uint8_t jti[AUTH_JTI_LEN];
	char kid[AUTH_KID_LEN + 1];
	char username[AUTH_USERNAME_MAX];
};

struct turn_peer_info {
	struct addr peer;
	uint16_t channel; /* 0: a permission, or: */
	bool is_connection;
	uint64_t expires_in_s;
};

/* The answer; free() it. */
struct turn_page {
	uint64_t n_matched; /* ids above AFTER, also those beyond the page */
	size_t n_infos;
	struct turn_alloc_info *infos; /* in this block, by id */
	size_t n_peers;
	struct turn_peer_info *peers; /* in this block */
};

/* NULL: out of memory, and nothing was ended. */
struct turn_page *turn_server_inspect(struct turn_server *s, const struct turn_question *q);

#endif
