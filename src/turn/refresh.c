/* SPDX-License-Identifier: BSD-3-Clause */
/* The Refresh request, RFC 8656 §8.2: longer, or the end of one family or of the whole. */
#include "turn_priv.h"

/* The relay a REQUESTED-ADDRESS-FAMILY names; *OUT is NULL when the request names none. */
static struct stun_refusal read_family(struct turn_request *req, struct turn_relay **out)
{
	struct stun_attr a;
	uint8_t raw;

	*out = NULL;
	if (!stun_attr_find(&req->msg, STUN_REQUESTED_ADDRESS_FAMILY, &a))
		return TURN_GRANTED;
	if (stun_attr_family(&a, &raw) != 0)
		return turn_refuse(STUN_BAD_REQUEST);
	if (raw == 1 || raw == 2)
		*out = turn_alloc_relay(req->alloc, raw == 2 ? ADDR_IPV6 : ADDR_IPV4);
	return *out ? TURN_GRANTED : turn_refuse(STUN_FAMILY_MISMATCH);
}

static void answer(struct turn_request *req, uint32_t lifetime_s)
{
	struct turn_answer out;

	turn_count(req->server, TURN_C_REFRESH_OK);
	if (!turn_answer_begin(req->server, &req->origin, STUN_SUCCESS, &out))
		return;
	stun_write_u32(&out.w, STUN_LIFETIME, lifetime_s);
	if (lifetime_s > 0) /* else it needs none any more */
		turn_mobility_write_ticket(req->alloc, &out.w);
	turn_answer_send(&out);
}

static void end_relay(struct turn_alloc *a, struct turn_relay *only)
{
	bool has_both = a->relays[0].port && a->relays[1].port;

	if (only && has_both) {
		turn_alloc_relay_close(a, only);
		return;
	}
	turn_count(a->server, TURN_C_DELETED);
	turn_alloc_destroy(a, "deleted");
}

struct stun_refusal turn_refresh_read_lifetime(
	const struct turn_request *req, bool *has_wish, uint32_t *wish_s)
{
	struct stun_attr attr;

	*wish_s = 0;
	*has_wish = stun_attr_find(&req->msg, STUN_LIFETIME, &attr);
	if (*has_wish && stun_attr_u32(&attr, wish_s) != 0)
		return turn_refuse(STUN_BAD_REQUEST);
	return TURN_GRANTED;
}

void turn_handle_refresh(struct turn_request *req)
{
	struct turn_alloc *a = req->alloc;
	struct turn_relay *relay;
	bool has_wish;
	uint32_t wish;

	if (turn_request_has_ticket(&req->msg)) {
		turn_handle_move(req);
		return;
	}
	if (!a || a->pending) {
		turn_request_refuse(req, turn_refuse(STUN_ALLOCATION_MISMATCH));
		return;
	}
	struct stun_refusal r = turn_refresh_read_lifetime(req, &has_wish, &wish);
	if (r.code == 0)
		r = read_family(req, &relay);
	if (r.code != 0) {
		turn_request_refuse(req, r);
		return;
	}
	if (has_wish && wish == 0) {
		answer(req, 0);
		end_relay(a, relay);
		return;
	}
	/* The credential has an end of its own; a call that has run past it may only be wound up.
	 */
	if (turn_now_s(req->server) > a->refresh_until_s) {
		turn_request_refuse(req, turn_refuse(STUN_UNAUTHORIZED));
		return;
	}
	uint32_t lifetime = turn_lifetime(a, has_wish, wish);
	turn_alloc_lifetime_set(a, relay, lifetime);
	answer(req, lifetime);
}
