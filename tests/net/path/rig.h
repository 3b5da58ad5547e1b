/* SPDX-License-Identifier: BSD-3-Clause */
/* net/path over a wire of the test's own: what it asks is recorded, what the kernel says is written
 * here. */
#ifndef TESTS_NET_PATH_RIG_H
#define TESTS_NET_PATH_RIG_H

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include "../../../src/net/path/path_priv.h"

#define ASKED_MAX 512

struct asked {
	uint16_t type; /* RTM_* */
	uint32_t seq;
	uint32_t ifindex; /* of a neighbour */
	struct addr dst;
};

struct path_rig {
	struct net_paths paths;
	struct path_wire wire;
	struct wheel wheel;
	struct clock clock;
	metrics_cell cells[NET_PATH_C_COUNT];
	struct asked asked[ASKED_MAX];
	size_t n_asked;
	bool is_later, is_deaf; /* deaf: the wire takes nothing */
	unsigned n_changed;     /* calls of count_change */
};

struct path_rig *path_rig_create(uint32_t max);
void path_rig_destroy(struct path_rig *r);
struct addr ip(const char *text);

/* Ends turns until nothing more is to be asked. */
void turns(struct path_rig *r);
void pass_ms(struct path_rig *r, uint64_t ms);
/* How many questions of TYPE about DST (NULL: any) were asked since the last forget_asked. */
size_t n_asked(const struct path_rig *r, uint16_t type, const char *dst);
void forget_asked(struct path_rig *r);

/* ---- what the kernel says ---- */
struct said_route {
	uint8_t type; /* RTN_*; 0: unicast */
	uint32_t oif;
	const char *via; /* NULL: none */
	uint32_t mtu;
	bool is_encapsulated;
};
/* The answer to the newest question about DST. */
void answer_route(struct path_rig *r, const char *dst, struct said_route said);
void answer_error(struct path_rig *r, const char *dst, int error);
/* A notification: the route to PREFIX/LEN is another one. */
void tell_route(struct path_rig *r, const char *prefix, uint8_t len);
void tell_link(struct path_rig *r, uint32_t ifindex, uint16_t type, uint32_t flags, uint32_t mtu,
	uint8_t mac);
void tell_link_gone(struct path_rig *r, uint32_t ifindex);
void tell_neighbour(struct path_rig *r, uint32_t ifindex, const char *a, uint16_t nud, uint8_t mac);
void tell_neighbour_gone(struct path_rig *r, uint32_t ifindex, const char *a);
/* The kernel refuses what was asked of a neighbour. */
void refuse_neighbour(
	struct path_rig *r, uint16_t type, uint32_t ifindex, const char *a, int error);
void tell_done(struct path_rig *r);
void tell_address(struct path_rig *r);

#endif
