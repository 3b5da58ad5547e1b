/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * Offers and answers of both sides of a call in any order, from callers and from any number of
 * callees, with a worker that answers when the input says so: what comes out is a description, and
 * nothing is left of the call in the end.
 *
 * Byte 0: how either side is secured. Then steps: a byte that says what, one that says of which
 * exchange and callee, and the description up to a NUL.
 */
#include <stdlib.h>
#include <string.h>
#include <sallyport/crypto.h>
#include <sallyport/mediation/anchor.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

#define STEPS_MAX 64

enum step { /* bits of the first byte */
	FROM_CALLEE = 1,
	IS_FINAL = 2,
	IS_ACCEPTED = 4,
	IS_NEW_ATTEMPT = 8,
	WORKER_ANSWERS = 16,
	IS_WITHDRAWN = 32,
	WORKER_REFUSES = 64,
	NOT_SAID = 128, /* of a new attempt: without a description; else an answer once more */
};

struct world {
	struct anchors *anchors;
	metrics_cell cells[ANCHOR_C_COUNT];
	bool is_asked, is_open, refuses;
	struct media_open asked;
	unsigned n_closed;
};

/* Not assert: this must also hold where NDEBUG is set. */
static void must(bool is_true)
{
	if (!is_true)
		abort();
}

static void check(struct bytes text)
{
	struct sdp s;

	must(text.len == 0 || sdp_decode((const char *)text.data, text.len, &s) == SDP_OK);
}

static void on_ready(void *arg, void *owner, uint64_t ticket, int rc, struct bytes sdp)
{
	must(arg == owner && ticket != 0);
	if (rc == 0)
		check(sdp);
}

static void on_lost(void *arg, void *owner, enum anchor_side side, enum anchor_loss why)
{
	(void)side;
	(void)why;
	must(arg == owner);
}

static void on_closed(void *arg, void *owner, const struct anchor_leg legs[ANCHOR_SIDES])
{
	struct world *w = arg;

	(void)legs;
	must(arg == owner);
	w->n_closed++;
}

/* ---- the worker: one session ---- */

static int on_post(void *arg, unsigned worker, const struct msg_type *type, const void *payload)
{
	struct world *w = arg;

	must(worker == 0);
	if (type == &media_open_msg) {
		must(!w->is_asked && !w->is_open);
		memcpy(&w->asked, payload, sizeof(w->asked));
		w->is_asked = true;
	} else if (type == &media_update_msg) {
		struct media_update u;
		memcpy(&u, payload, sizeof(u));
		must(w->is_open && u.agreement);
		type->discard(&u);
	} else {
		must(type == &media_end_msg && w->is_open);
	}
	return 0;
}

static void answer(struct world *w, bool is_refused)
{
	struct media_ready ready = {.call = w->asked.call, .rc = is_refused ? ERR_FULL : 0};

	if (!w->is_asked)
		return;
	w->is_asked = false;
	w->is_open = !is_refused;
	for (unsigned i = 0; i < MEDIA_SIDES && !is_refused; i++) {
		ready.rtp[i] = addr_ipv4(0xc0000201 + i, 40000);
		ready.rtcp[i] = addr_ipv4(0xc0000201 + i, 40001);
	}
	anchor_ready_msg.handler(w->anchors, &ready);
}

static void close_session(struct world *w)
{
	struct media_event e = {.call = w->asked.call, .kind = MEDIA_CLOSED};

	if (w->is_open)
		anchor_event_msg.handler(w->anchors, &e);
	w->is_open = false;
}

/* ---- the call ---- */

static void step(struct world *w, struct anchor *a, const struct anchor_terms *callee,
	const uint8_t head[2], struct bytes text)
{
	struct anchor_message m = {.from = head[0] & FROM_CALLEE ? ANCHOR_CALLEE : ANCHOR_CALLER,
		.exchange = 1 + (head[1] & 7),
		.fork = head[1] >> 3,
		.ticket = 1 + head[1],
		.is_final = head[0] & IS_FINAL,
		.is_accepted = head[0] & IS_ACCEPTED,
		.is_again = (head[0] & NOT_SAID) && !(head[0] & IS_NEW_ATTEMPT),
		.callee = head[0] & IS_NEW_ATTEMPT ? callee : NULL,
		.sdp = text};
	struct bytes out = bytes_of("", 0);

	if (head[0] & WORKER_ANSWERS)
		answer(w, head[0] & WORKER_REFUSES);
	if (head[0] & IS_WITHDRAWN)
		anchor_off(a, m.exchange);
	if ((head[0] & NOT_SAID) && m.callee)
		must(anchor_begin(a, callee) == 0);
	else if (anchor_take(a, &m, &out) == 0)
		check(out);
}

static void call(struct world *w, const struct anchor_terms terms[ANCHOR_SIDES], struct bytes in)
{
	const struct anchor_asker whose = {.place = 1};
	struct anchor *a = anchor_open(w->anchors, w, &whose, &terms[ANCHOR_CALLER]);

	must(a != NULL);
	must(anchor_begin(a, &terms[ANCHOR_CALLEE]) == 0);
	for (unsigned i = 0; i < STEPS_MAX && in.len >= 2; i++) {
		const uint8_t *text = in.data + 2;
		const uint8_t *end = memchr(text, 0, in.len - 2);
		size_t len = end ? (size_t)(end - text) : in.len - 2;
		step(w, a, &terms[ANCHOR_CALLEE], in.data, bytes_of(text, len));
		size_t used = 2 + len + (end ? 1 : 0);
		in = bytes_of(in.data + used, in.len - used);
	}
	anchor_close(a);
	answer(w, false); /* that it had not heard of before: the session ends again */
	close_session(w);
	must(w->n_closed == 1 && metrics_get(w->cells, ANCHOR_C_KEPT) == 0);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	static const struct sdp_abilities usual = {
		.codecs = {{"PCMA", 8000, 1, 8, NULL}, {"PCMU", 8000, 1, 0, NULL},
			{"telephone-event", 8000, 1, 101, "0-16"}, {"CN", 8000, 1, 13, NULL}},
		.n_codecs = 4,
		.ptime_ms = 20,
		.has_rtcp_mux = true,
	};
	const struct media_face faces[2] = {
		{.local = addr_ipv4(0xc0000201, 0)}, {.local = addr_ipv4(0xc0000202, 0)}};
	struct sdp_abilities abilities[ANCHOR_SIDES] = {usual, usual};
	struct anchor_terms terms[ANCHOR_SIDES];
	struct world w = {.n_closed = 0};
	struct wheel wheel;
	struct clock clock = {.mono_ms = 1000};

	if (size < 1)
		return 0;
	for (unsigned i = 0; i < ANCHOR_SIDES; i++) {
		abilities[i].security = (data[0] >> (2 * i) & 3) % 3;
		abilities[i].suites[0] = SDP_AES_CM_128_HMAC_SHA1_80;
		abilities[i].n_suites = 1;
		terms[i] = (struct anchor_terms){.abilities = &abilities[i], .face = (uint8_t)i};
	}
	wheel_init(&wheel, clock.mono_ms, NULL);
	struct anchors_config c = {
		.wheel = &wheel,
		.clock = &clock,
		.cells = w.cells,
		.key = {1, 2},
		.n_workers = 1,
		.faces = faces,
		.n_faces = 2,
		.user = {on_ready, on_lost, on_closed, on_post, &w},
	};
	w.anchors = anchors_create(&c);
	must(w.anchors != NULL);
	call(&w, terms, bytes_of(data + 1, size - 1));
	anchors_destroy(w.anchors);
	return 0;
}
