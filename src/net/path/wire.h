/* SPDX-License-Identifier: BSD-3-Clause */
/* The rtnetlink messages of net/path: structs to bytes and back, no I/O (RFC 3549, rtnetlink(7)).
 */
#ifndef NET_PATH_WIRE_H
#define NET_PATH_WIRE_H

#include <sallyport/common.h>

enum path_msg_kind {
	PATH_MSG_OTHER,
	PATH_MSG_LINK,
	PATH_MSG_LINK_GONE,
	PATH_MSG_ROUTE, /* an answer or a change, also of a route that is gone */
	PATH_MSG_NEIGHBOUR,
	PATH_MSG_NEIGHBOUR_GONE,
	PATH_MSG_ADDRESS, /* of this host: come or gone */
	PATH_MSG_RULE,    /* of policy routing, or a next hop object */
	PATH_MSG_ERROR,
	PATH_MSG_DONE,
};

struct path_msg_link {
	uint32_t ifindex, flags; /* IFF_* */
	uint16_t type;           /* ARPHRD_* */
	uint32_t mtu, mtu6;      /* 0: not said */
	bool has_mac;
	uint8_t mac[6];
};

struct path_msg_route {
	uint8_t type;     /* RTN_* */
	struct addr dst;  /* family NONE: of another family than IP */
	uint8_t len_bits; /* of DST in the canonical form */
	uint32_t oif;     /* 0: not said */
	struct addr via;  /* family NONE: on the link itself */
	uint32_t mtu;     /* 0: that of the link */
	uint32_t expires_ms;
	bool is_encapsulated;
};

struct path_msg_neighbour {
	uint32_t ifindex;
	struct addr addr; /* family NONE: of another family than IP */
	uint16_t nud;     /* NUD_* */
	bool has_mac;
	uint8_t mac[6];
};

struct path_msg {
	enum path_msg_kind kind;
	uint16_t type; /* RTM_*; of an error: that of what was asked */
	uint32_t seq;
	int error; /* of PATH_MSG_ERROR: a negated errno, or 0 */
	union {
		struct path_msg_link link;
		struct path_msg_route route;
		/* Of an error: what was asked. */
		struct path_msg_neighbour neighbour;
	};
};

/* Cuts the first message off IN. ERR_NOT_FOUND: IN is empty; ERR_MALFORMED: nothing in IN can be
 * read any more. */
int path_msg_next(struct bytes *in, struct path_msg *out);

/* Longest request. */
#define PATH_MSG_MAX 128

/* All return the length. LOCAL may be unspecified. */
size_t path_msg_ask_route(uint8_t buf[PATH_MSG_MAX], uint32_t seq, const struct addr *local,
	const struct addr *remote);
size_t path_msg_ask_neighbour(
	uint8_t buf[PATH_MSG_MAX], uint32_t seq, uint32_t ifindex, const struct addr *a);
/* The kernel is to behave as if a packet had just gone to a neighbour that it knows. Needs
 * CAP_NET_ADMIN. */
size_t path_msg_use_neighbour(
	uint8_t buf[PATH_MSG_MAX], uint32_t seq, uint32_t ifindex, const struct addr *a);
size_t path_msg_dump_links(uint8_t buf[PATH_MSG_MAX], uint32_t seq);

#endif
