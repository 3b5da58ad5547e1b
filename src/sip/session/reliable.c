/* SPDX-License-Identifier: BSD-3-Clause */
/* Reliable provisional responses and their acknowledgement: RFC 3262. */
#include <sallyport/sip/session.h>

/* ---- sent by us ---- */

bool sip_reliable_send(struct sip_reliable *r, uint32_t cseq, uint32_t first, uint64_t now_ms)
{
	if (r->is_waiting)
		return false;
	/* §3: the first is chosen at random from 1 to 2^31 - 1, each next one is one more. */
	r->rseq = r->rseq == 0 ? first % INT32_MAX + 1 : r->rseq + 1;
	r->cseq = cseq;
	r->is_waiting = true;
	r->sent_ms = now_ms;
	r->interval_ms = SIP_RELIABLE_T1_MS;
	r->again_ms = now_ms + r->interval_ms;
	return true;
}

bool sip_reliable_take(struct sip_reliable *r, const struct sip_msg *prack)
{
	struct sip_rack rack;
	struct sip_str value = sip_header_value(prack, SIP_HEADER_RACK);
	if (!r->is_waiting || value.at == NULL || sip_rack_decode(value, &rack) != 0)
		return false;
	if (rack.rseq != r->rseq || rack.cseq.number != r->cseq || rack.cseq.method != SIP_INVITE)
		return false;
	r->is_waiting = false;
	return true;
}

enum sip_reliable_act sip_reliable_act(struct sip_reliable *r, uint64_t now_ms, uint64_t *due_ms)
{
	uint64_t end_ms = r->sent_ms + 64 * SIP_RELIABLE_T1_MS;
	*due_ms = UINT64_MAX;
	if (!r->is_waiting)
		return SIP_RELIABLE_WAIT;
	if (now_ms >= end_ms) {
		r->is_waiting = false;
		return SIP_RELIABLE_GIVE_UP;
	}
	enum sip_reliable_act act = SIP_RELIABLE_WAIT;
	if (now_ms >= r->again_ms) {
		r->interval_ms *= 2;
		r->again_ms = now_ms + r->interval_ms;
		act = SIP_RELIABLE_REPEAT;
	}
	*due_ms = r->again_ms < end_ms ? r->again_ms : end_ms;
	return act;
}

/* ---- sent by the other side ---- */

static bool is_reliable(const struct sip_msg *m)
{
	struct sip_tokens t;
	return m->status > 100 && m->status < 200 &&
	       sip_options_of(m, SIP_HEADER_REQUIRE, &t) == 0 &&
	       (t.known & SIP_OPTION_BIT(SIP_OPTION_REL100)) != 0;
}

enum sip_prack sip_acknowledger_take(struct sip_acknowledger *a, const struct sip_msg *response)
{
	uint32_t rseq;
	struct sip_str value = sip_header_value(response, SIP_HEADER_RSEQ);
	if (!is_reliable(response))
		return SIP_PRACK_NONE;
	if (value.at == NULL || sip_number_decode(value, &rseq) != 0 || rseq == 0)
		return SIP_PRACK_BAD;
	if (a->rseq != 0 && rseq <= a->rseq)
		return SIP_PRACK_REPEATED;
	if (a->rseq != 0 && rseq != a->rseq + 1)
		return SIP_PRACK_GAP;
	a->rseq = rseq;
	return SIP_PRACK_SEND;
}

void sip_write_rack(struct sip_writer *w, const struct sip_msg *response)
{
	uint32_t rseq = 0;
	if (sip_number_decode(sip_header_value(response, SIP_HEADER_RSEQ), &rseq) != 0)
		w->failed = true;
	sip_write_open(w, SIP_HEADER_RACK);
	sip_write_u32(w, rseq);
	sip_write_c(w, " ");
	sip_write_u32(w, response->cseq);
	sip_write_c(w, " ");
	sip_write_str(w, response->method_name);
	sip_write_close(w);
}
