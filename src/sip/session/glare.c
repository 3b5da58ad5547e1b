/* SPDX-License-Identifier: BSD-3-Clause */
/* Both sides want to change the session at once: RFC 3261 §14, RFC 3311 §5. */
#include <sallyport/sip/session.h>

unsigned sip_glare_refusal(const struct sip_glare *g, enum sip_method method, bool has_offer)
{
	if (method == SIP_INVITE) {
		if (g->has_invite_in)
			return 500;
		return g->has_invite_out || g->has_offer_out ? 491 : g->has_offer_in ? 500 : 0;
	}
	if (!has_offer)
		return 0;
	return g->has_offer_out ? 491 : g->has_offer_in ? 500 : 0;
}

bool sip_glare_may_send(const struct sip_glare *g, enum sip_method method, bool has_offer)
{
	if (method == SIP_INVITE && (g->has_invite_out || g->has_invite_in))
		return false;
	/* An INVITE without offer asks for one. */
	return (method != SIP_INVITE && !has_offer) || (!g->has_offer_out && !g->has_offer_in);
}

unsigned sip_glare_wait_ms(bool is_call_id_ours, uint32_t random)
{
	/* 2.1 to 4 s or 0 to 2 s, in steps of 10 ms. */
	return is_call_id_ours ? 2100 + random % 191 * 10 : random % 201 * 10;
}
