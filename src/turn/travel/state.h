/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * An allocation on its way: as bytes, from one worker to another or from one process to the next.
 *
 *     magic (4)  version (2)  { type (2)  length (4)  value }...
 *
 * All numbers are big-endian. A reader skips a type it does not know when its upper bit is set and
 * refuses the whole otherwise, as STUN does with attributes; so a field can be added either way.
 * Relay sockets travel beside the bytes, in the order of the relays. No process is assumed: ages
 * and lifetimes are spans, not points in time.
 */
#ifndef TURN_STATE_H
#define TURN_STATE_H

#include <sallyport/turn/handover.h>

#define TURN_STATE_VERSION 1
/* Room for as many permissions and channels as the configuration can allow. */
#define TURN_STATE_MAX TURN_PARCEL_MAX

enum {
	TURN_STATE_RELAYS = 2 /* IPv4, IPv6 */
};

struct turn_state_relay {
	bool is_there;
	struct addr local, advertise;
	uint32_t left_ms;
	uint8_t pool, ports_worker;
};

struct turn_state {
	uint64_t id;
	uint64_t age_ms;
	uint64_t refresh_until_s; /* wall clock */
	struct addr client, listener;
	uint8_t location, transport;
	bool is_direct; /* on the listener itself, not on a connection or session of its own */
	struct turn_state_relay relays[TURN_STATE_RELAYS];
	uint8_t subject[AUTH_SUBJECT_LEN];
	uint8_t jti[AUTH_JTI_LEN];
	char kid[AUTH_KID_LEN + 1];
	bool has_node_lease, has_tenant_lease, has_subject_lease;
	bool has_token, is_mobile;
	bool is_by_token; /* made by an access token, RFC 7635 */
	struct stun_key key;
	uint8_t tid[STUN_TID_LEN];
	uint8_t token[8];
	uint8_t missing_family;
	uint16_t missing_code;
	uint32_t granted_s;
	struct flow_account account; /* its counts, and what is left of its own rate */
	struct flow_drops drops[FLOW_LIMITS];
	uint16_t first_ticket, last_ticket;
	uint8_t move_tid[STUN_TID_LEN];
	struct bytes username, tenant, door; /* the last two by their names */
	struct bytes fields; /* all of them, for the two lists; writing does not look at it */
};

static inline bool turn_state_has_drops(const struct turn_state *st)
{
	for (size_t l = 0; l < FLOW_LIMITS; l++) {
		if (st->drops[l].packets != 0)
			return true;
	}
	return false;
}

struct turn_state_permission {
	struct addr peer;
	uint32_t left_ms;
};
struct turn_state_channel {
	struct addr peer;
	uint32_t left_ms;
	uint16_t number;
};

/* ---- writing: grows as needed; what goes wrong sticks and shows at the end ---- */

struct turn_state_writer {
	uint8_t *data; /* malloc'd; the caller frees it */
	size_t len, cap;
	int rc;
};

/* All of ST but permissions and channels, which follow. */
void turn_state_write(struct turn_state_writer *w, const struct turn_state *st);
void turn_state_write_permission(
	struct turn_state_writer *w, const struct turn_state_permission *p);
void turn_state_write_channel(struct turn_state_writer *w, const struct turn_state_channel *c);
/* 0, -ENOMEM, ERR_TOO_LARGE. */
int turn_state_write_end(struct turn_state_writer *w);

/* ---- reading ---- */

/*
 * Every field is checked for itself; OUT views DATA. ERR_UNSUPPORTED for another version or a field
 * that must be known and is not; ERR_MALFORMED, ERR_TRUNCATED, ERR_TOO_LARGE.
 */
int turn_state_read(struct bytes data, struct turn_state *out);
/* The first one at or behind *OFFSET, which is moved past it; 0 to begin. False: no more. */
bool turn_state_next_permission(
	const struct turn_state *st, size_t *offset, struct turn_state_permission *out);
bool turn_state_next_channel(
	const struct turn_state *st, size_t *offset, struct turn_state_channel *out);

#endif
