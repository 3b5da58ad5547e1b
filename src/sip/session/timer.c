/* SPDX-License-Identifier: BSD-3-Clause */
/* Session timers: RFC 4028. */
#include <sallyport/sip/session.h>

#define END_EARLY_S 32 /* at most so long before the session expires BYE is sent (§10) */

static uint32_t larger(uint32_t a, uint32_t b)
{
	return a > b ? a : b;
}

static uint32_t smaller(uint32_t a, uint32_t b)
{
	return a < b ? a : b;
}

static uint32_t own_min(const struct sip_session_timer *t)
{
	return larger(t->rules.min_s, SIP_SESSION_MIN_S);
}

/* False: it is not there, or cannot be read. */
static bool read_field(
	const struct sip_msg *m, enum sip_header_id id, struct sip_session_expires *out)
{
	struct sip_str value = sip_header_value(m, id);
	return value.at != NULL && sip_session_expires_decode(value, out) == 0;
}

static bool supports_timer(const struct sip_msg *m, enum sip_header_id id)
{
	struct sip_tokens t;
	return sip_options_of(m, id, &t) == 0 && (t.known & SIP_OPTION_BIT(SIP_OPTION_TIMER)) != 0;
}

static void write_expires(struct sip_writer *w, uint32_t interval_s, enum sip_refresher refresher)
{
	sip_write_open(w, SIP_HEADER_SESSION_EXPIRES);
	sip_write_u32(w, interval_s);
	if (refresher != SIP_REFRESHER_NONE)
		sip_write_param(
			w, "refresher", sip_str_c(refresher == SIP_REFRESHER_UAC ? "uac" : "uas"));
	sip_write_close(w);
}

/* ---- as a client ---- */

void sip_session_write_request(const struct sip_session_timer *t, struct sip_writer *w)
{
	uint32_t min_s = larger(own_min(t), t->min_se_s);
	uint32_t interval_s = t->interval_s != 0 ? t->interval_s : t->rules.interval_s;
	enum sip_refresher refresher = SIP_REFRESHER_NONE;
	if (t->interval_s != 0)
		refresher = t->is_refresher ? SIP_REFRESHER_UAC : SIP_REFRESHER_UAS;
	if (interval_s != 0)
		write_expires(w, larger(interval_s, min_s), refresher);
	if (min_s > SIP_SESSION_MIN_S)
		sip_write_header_number(w, SIP_HEADER_MIN_SE, min_s);
}

void sip_session_confirmed(
	struct sip_session_timer *t, const struct sip_msg *response, uint64_t now_ms)
{
	struct sip_session_expires s;
	t->interval_s = 0;
	if (!read_field(response, SIP_HEADER_SESSION_EXPIRES, &s))
		return;
	/* One that says no refresher is left to us: nobody else may do it. */
	t->is_refresher = s.refresher != SIP_REFRESHER_UAS;
	t->interval_s = larger(s.delta_s, SIP_SESSION_MIN_S);
	t->begun_ms = now_ms;
}

bool sip_session_too_small(struct sip_session_timer *t, const struct sip_msg *response)
{
	struct sip_session_expires s;
	if (!read_field(response, SIP_HEADER_MIN_SE, &s))
		return false;
	uint32_t asked = t->interval_s != 0 ? t->interval_s : t->rules.interval_s;
	/* It has refused what was enough by its own word: it would again. */
	if (s.delta_s <= larger(t->min_se_s, larger(asked, own_min(t))))
		return false;
	t->min_se_s = s.delta_s;
	return true;
}

/* ---- as a server ---- */

bool sip_session_wants_422(const struct sip_session_timer *t, const struct sip_msg *request)
{
	struct sip_session_expires s;
	return read_field(request, SIP_HEADER_SESSION_EXPIRES, &s) && s.delta_s < own_min(t) &&
	       supports_timer(request, SIP_HEADER_SUPPORTED);
}

void sip_session_write_min(const struct sip_session_timer *t, struct sip_writer *w)
{
	sip_write_header_number(w, SIP_HEADER_MIN_SE, larger(own_min(t), t->min_se_s));
}

struct sip_session_asked sip_session_read(const struct sip_msg *request)
{
	struct sip_session_expires asked = {.refresher = SIP_REFRESHER_NONE};
	struct sip_session_expires min = {.delta_s = SIP_SESSION_MIN_S};
	bool is_asked = read_field(request, SIP_HEADER_SESSION_EXPIRES, &asked);
	(void)read_field(request, SIP_HEADER_MIN_SE, &min); /* absent: the least there is */
	return (struct sip_session_asked){
		.interval_s = is_asked ? larger(asked.delta_s, 1) : 0,
		.min_s = min.delta_s,
		.refresher = asked.refresher,
		.can = supports_timer(request, SIP_HEADER_SUPPORTED) ||
		       supports_timer(request, SIP_HEADER_REQUIRE),
	};
}

/*
 * Which interval: what was asked for, or less if we want less and it may be; never more than was
 * asked for, but that too is at least 90 s (§9).
 */
static uint32_t choose_interval(
	const struct sip_session_timer *t, const struct sip_session_asked *asked)
{
	uint32_t least = larger(larger(asked->min_s, own_min(t)), SIP_SESSION_MIN_S);
	if (asked->interval_s == 0)
		return t->rules.interval_s != 0 ? larger(t->rules.interval_s, least) : 0;
	uint32_t wanted = t->rules.interval_s != 0 ? t->rules.interval_s : asked->interval_s;
	return larger(smaller(asked->interval_s, larger(wanted, least)), SIP_SESSION_MIN_S);
}

void sip_session_answer(struct sip_session_timer *t, const struct sip_session_asked *asked,
	uint64_t now_ms, struct sip_writer *w)
{
	t->interval_s = choose_interval(t, asked);
	if (t->interval_s == 0)
		return;
	/* Table 2 of §9; who is not named is the client, if it can. */
	t->is_refresher = !asked->can || asked->refresher == SIP_REFRESHER_UAS;
	t->begun_ms = now_ms;
	write_expires(w, t->interval_s, t->is_refresher ? SIP_REFRESHER_UAS : SIP_REFRESHER_UAC);
	if (asked->can)
		sip_write_options(w, SIP_HEADER_REQUIRE, SIP_OPTION_BIT(SIP_OPTION_TIMER));
}

/* ---- time ---- */

enum sip_session_act sip_session_act(
	const struct sip_session_timer *t, uint64_t now_ms, uint64_t *due_ms)
{
	*due_ms = UINT64_MAX;
	if (t->interval_s == 0)
		return SIP_SESSION_WAIT;
	uint64_t interval_ms = (uint64_t)t->interval_s * 1000;
	uint64_t early_ms = (uint64_t)smaller(END_EARLY_S, t->interval_s / 3) * 1000;
	uint64_t end_ms = t->begun_ms + interval_ms - early_ms;
	uint64_t half_ms = t->begun_ms + interval_ms / 2;
	if (now_ms >= end_ms)
		return SIP_SESSION_END;
	*due_ms = end_ms;
	if (!t->is_refresher)
		return SIP_SESSION_WAIT;
	if (now_ms >= half_ms)
		return SIP_SESSION_REFRESH;
	*due_ms = half_ms;
	return SIP_SESSION_WAIT;
}
