/* SPDX-License-Identifier: BSD-3-Clause */
/* What an attempt that failed means for the call and for the trunk. */
#include <strings.h>
#include <sallyport/mediation/policy.h>

#define SERVICE_UNAVAILABLE 503

static unsigned map_code(const struct policy_failover *f, unsigned code, int q850)
{
	for (size_t i = 0; i < f->n_map; i++) {
		const struct policy_response_map *m = &f->map[i];
		if ((m->sip == 0 || m->sip == code) && (m->q850 == -1 || m->q850 == q850))
			return m->becomes;
	}
	return code;
}

static bool has_code(const struct policy_failover *f, unsigned code)
{
	for (size_t i = 0; i < f->n_codes; i++) {
		if (f->codes[i] == code)
			return true;
	}
	return false;
}

void policy_failure_judge(const struct policy_failover *f, const struct policy_failure *what,
	struct policy_verdict *out)
{
	if (what->kind != POLICY_RESPONSE) {
		*out = (struct policy_verdict){
			.tries_next = true, .is_miss = true, .code = SERVICE_UNAVAILABLE};
		return;
	}
	unsigned code = map_code(f, what->code, what->q850);
	/* Health is about what the peer said itself: a line that is taken maps to 503, but it
	 * lives. */
	bool is_miss = what->code == SERVICE_UNAVAILABLE;
	*out = (struct policy_verdict){.tries_next = has_code(f, code),
		.is_miss = is_miss,
		.code = code,
		.avoid_s = is_miss ? what->retry_after_s : 0};
}

/* ---- Reason (RFC 3326): "SIP ;cause=503, Q.850 ;cause=34 ;text=\"no circuit\"" ---- */

/* Up to a C outside of quotes. */
static struct bytes cut(struct bytes *in, char c)
{
	bool is_quoted = false;
	size_t n = 0;
	while (n < in->len && (is_quoted || in->data[n] != (uint8_t)c)) {
		if (is_quoted && in->data[n] == '\\' && n + 1 < in->len)
			n++;
		else if (in->data[n] == '"')
			is_quoted = !is_quoted;
		n++;
	}
	struct bytes front = bytes_of(in->data, n);
	size_t taken = n + (n < in->len);
	in->data += taken;
	in->len -= taken;
	return front;
}

static struct bytes trim(struct bytes b)
{
	while (b.len > 0 && (b.data[0] == ' ' || b.data[0] == '\t')) {
		b.data++;
		b.len--;
	}
	while (b.len > 0 && (b.data[b.len - 1] == ' ' || b.data[b.len - 1] == '\t'))
		b.len--;
	return b;
}

static bool is_word(struct bytes b, const char *word)
{
	b = trim(b);
	return b.len == strlen(word) && strncasecmp((const char *)b.data, word, b.len) == 0;
}

/* 0..127; the standard has no others. */
static int read_cause(struct bytes b)
{
	int v = 0;
	b = trim(b);
	for (size_t i = 0; i < b.len; i++) {
		if (b.data[i] < '0' || b.data[i] > '9' || i == 3)
			return -1;
		v = v * 10 + (b.data[i] - '0');
	}
	return b.len > 0 && v <= 127 ? v : -1;
}

int policy_q850(struct bytes reason)
{
	while (reason.len > 0) {
		struct bytes value = cut(&reason, ',');
		if (!is_word(cut(&value, ';'), "Q.850"))
			continue;
		while (value.len > 0) {
			struct bytes parameter = cut(&value, ';');
			if (is_word(cut(&parameter, '='), "cause"))
				return read_cause(parameter);
		}
	}
	return -1;
}
