/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * The clients' transactions, some at a time: Allocate with its challenge, ChannelBind, and the
 * Refresh that ends it. A transaction id tells the flow and the step, so that an answer finds its
 * request without a table.
 */
#include <errno.h>
#include <poll.h>
#include <stdio.h>
#include <string.h>

#include "load.h"

#define WINDOW         64
#define RETRY_NS       500000000u
#define TRIES          8
#define CHALLENGES_MAX 4
#define REQUEST_MAX    1024
#define REQUESTED_IPV6 2
#define TRANSPORT_UDP  17
#define EMPTY          UINT32_MAX

struct transaction {
	uint32_t flow; /* EMPTY: none */
	unsigned tries, challenges;
	uint64_t sent_ns;
};

struct setup {
	struct load *load;
	enum setup_step step;
	uint32_t n_left;
	unsigned tries;
	uint64_t retry_ns;
	int rc;
	struct transaction open[WINDOW];
};

/* The same for a request that is repeated, another one after a challenge. */
static void write_tid(const struct setup *s, const struct transaction *t, uint8_t tid[STUN_TID_LEN])
{
	memcpy(tid, s->load->tid_prefix, 7);
	tid[7] = (uint8_t)((unsigned)s->step << 4 | t->challenges);
	be32_put(tid + 8, t->flow);
}

static void write_body(const struct setup *s, uint32_t flow, struct stun_writer *w)
{
	const struct load_config *c = &s->load->config;

	if (s->step == SETUP_BIND) {
		struct addr peer = wire_local(&c->wires[DOWN], flow);
		stun_write_channel(w, LOAD_CHANNEL);
		stun_write_xor_address(w, STUN_XOR_PEER_ADDRESS, &peer);
	} else if (s->step == SETUP_RELEASE) {
		stun_write_u32(w, STUN_LIFETIME, 0);
	} else {
		stun_write_transport(w, TRANSPORT_UDP);
		if (c->wires[DOWN].first.family == ADDR_IPV6)
			stun_write_family(w, STUN_REQUESTED_ADDRESS_FAMILY, REQUESTED_IPV6);
	}
}

static void sign(const struct load *l, const char *nonce, struct stun_writer *w)
{
	struct crypto_hmac_key key;

	stun_write_bytes(w, STUN_USERNAME, l->config.username, strlen(l->config.username));
	stun_write_bytes(w, STUN_REALM, l->realm, strlen(l->realm));
	stun_write_bytes(w, STUN_NONCE, nonce, strlen(nonce));
	crypto_hmac_key_init(&key, CRYPTO_SHA1, l->key.bytes, l->key.len);
	stun_write_integrity(w, CRYPTO_SHA1, &key);
}

static void request(struct setup *s, struct transaction *t)
{
	static const enum stun_method METHODS[] = {STUN_ALLOCATE, STUN_CHANNEL_BIND, STUN_REFRESH};
	struct wire *wire = s->load->wires[UP];
	const char *nonce = s->load->flows[t->flow].nonce;
	uint8_t data[REQUEST_MAX], tid[STUN_TID_LEN];
	struct stun_writer w;
	size_t len;

	write_tid(s, t, tid);
	stun_write_begin(&w, data, sizeof(data), STUN_REQUEST, METHODS[s->step], tid);
	write_body(s, t->flow, &w);
	if (nonce[0])
		sign(s->load, nonce, &w);
	t->tries++;
	t->sent_ns = load_now_ns();
	if (stun_write_end(&w, &len) != 0)
		return; /* credentials too long: it times out */
	uint8_t *to = wire_reserve(wire, t->flow, len);
	if (to)
		memcpy(to, data, len);
	wire_flush(wire);
}

static bool copy_text(const struct stun_msg *m, uint16_t type, char *out, size_t cap)
{
	struct stun_attr a;

	if (!stun_attr_find(m, type, &a) || a.len >= cap || memchr(a.value, 0, a.len))
		return false;
	memcpy(out, a.value, a.len);
	out[a.len] = '\0';
	return true;
}

static bool learn(struct load *l, struct flow *f, const struct stun_msg *m)
{
	if (!copy_text(m, STUN_NONCE, f->nonce, sizeof(f->nonce)))
		return false;
	if (l->has_realm)
		return true;
	l->has_realm = copy_text(m, STUN_REALM, l->realm, sizeof(l->realm));
	stun_key_long_term(STUN_PASSWORD_MD5, bytes_str(l->config.username), bytes_str(l->realm),
		bytes_str(l->config.password), &l->key);
	return l->has_realm;
}

static void fail(struct setup *s, uint32_t flow, const char *what, unsigned code)
{
	static const char *const NAMES[] = {"Allocate", "ChannelBind", "Refresh"};

	if (s->rc == 0)
		fprintf(stderr, "turnload: %s of client %u %s%.0u\n", NAMES[s->step], flow, what,
			code);
	s->rc = code ? ERR_DENIED : -ETIMEDOUT;
}

static unsigned code_of(const struct stun_msg *m)
{
	struct stun_attr a;
	struct bytes reason;
	uint16_t code = 0;

	if (stun_attr_find(m, STUN_ERROR_CODE, &a))
		(void)stun_attr_error(&a, &code, &reason); /* a bad one leaves 0 */
	return code;
}

static void done(struct setup *s, struct transaction *t)
{
	t->flow = EMPTY;
	s->n_left--;
}

static void refused(struct setup *s, struct transaction *t, const struct stun_msg *m)
{
	unsigned code = code_of(m);
	struct flow *f = &s->load->flows[t->flow];

	if ((code == STUN_UNAUTHORIZED || code == STUN_STALE_NONCE) &&
		t->challenges++ < CHALLENGES_MAX && (!f->nonce[0] || code == STUN_STALE_NONCE) &&
		learn(s->load, f, m)) {
		t->tries = 0;
		request(s, t);
		return;
	}
	fail(s, t->flow, "refused with ", code ? code : STUN_SERVER_ERROR);
	done(s, t);
}

static void accepted(struct setup *s, struct transaction *t, const struct stun_msg *m)
{
	struct flow *f = &s->load->flows[t->flow];
	struct stun_attr a;

	if (s->step == SETUP_ALLOCATE && (!stun_attr_find(m, STUN_XOR_RELAYED_ADDRESS, &a) ||
						 stun_attr_xor_address(m, &a, &f->relayed) != 0))
		fail(s, t->flow, "answered without a relayed address", 0);
	done(s, t);
}

static struct transaction *find(struct setup *s, uint32_t flow)
{
	for (unsigned i = 0; i < WINDOW; i++) {
		if (s->open[i].flow == flow)
			return &s->open[i];
	}
	return NULL;
}

static void answer(void *arg, uint32_t flow, const uint8_t *data, size_t len)
{
	struct setup *s = arg;
	struct transaction *t = find(s, flow);
	uint8_t tid[STUN_TID_LEN];
	struct stun_msg m;

	if (!t || len < STUN_HEADER_LEN || !stun_is_message(data[0]) ||
		stun_msg_decode(data, len, &m) != 0)
		return;
	write_tid(s, t, tid);
	if (memcmp(m.tid, tid, sizeof(tid)) != 0)
		return;
	if (m.class == STUN_ERROR)
		refused(s, t, &m);
	else if (m.class == STUN_SUCCESS)
		accepted(s, t, &m);
}

/* Starts what there is room for, and repeats what has had no answer for long. */
static void start_and_repeat(struct setup *s, uint32_t *next, uint32_t last)
{
	uint64_t now = load_now_ns();

	for (unsigned i = 0; i < WINDOW; i++) {
		struct transaction *t = &s->open[i];
		if (t->flow == EMPTY && *next < last && s->rc == 0) {
			*t = (struct transaction){.flow = (*next)++};
			request(s, t);
		} else if (t->flow != EMPTY && now - t->sent_ns > s->retry_ns) {
			if (t->tries < s->tries)
				request(s, t);
			else
				fail(s, t->flow, "not answered", 0);
		}
	}
}

int setup_step_all(struct load *l, enum setup_step step, uint32_t first, uint32_t last)
{
	bool is_stream =
		l->config.wires[UP].kind == WIRE_TCP || l->config.wires[UP].kind == WIRE_TLS;
	struct setup s = {.load = l, .step = step, .n_left = last - first};
	struct pollfd p = {.fd = l->wires[UP]->wait_fd, .events = POLLIN};

	s.tries = is_stream ? 1 : TRIES;
	s.retry_ns = is_stream ? TRIES * (uint64_t)RETRY_NS : RETRY_NS;
	for (unsigned i = 0; i < WINDOW; i++)
		s.open[i].flow = EMPTY;
	while (s.n_left > 0 && s.rc == 0) {
		start_and_repeat(&s, &first, last);
		if (wire_receive(l->wires[UP], answer, &s) == 0)
			(void)poll(&p, 1, 100); /* an error shows as no answer */
	}
	return s.rc;
}
