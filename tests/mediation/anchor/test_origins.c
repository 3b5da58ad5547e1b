/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * What a side is told over its dialog has one o= line, whose version grows and never goes back
 * (RFC 3264 §8), in whichever calls that dialog goes on. Workers answer at once here.
 */
#include <setjmp.h>
#include <signal.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include <sallyport/mediation/anchor.h>

#define ASKED_MAX 16
#define FORK      5

struct told {
	unsigned long long id, version;
	char rest[2048]; /* behind the o= line */
};

struct world {
	struct wheel wheel;
	struct clock clock;
	struct anchors *anchors;
	metrics_cell cells[ANCHOR_C_COUNT];
	struct media_open asked[ASKED_MAX];
	unsigned n_asked, n_answered, n_closed;
	uint64_t exchange;
	struct anchor_terms terms[ANCHOR_SIDES];
	struct told told[ANCHOR_SIDES]; /* of the dialogs of the first call */
	char out[4096];
};

static const struct sdp_abilities laws = {
	.codecs = {{"PCMA", 8000, 1, 8, NULL}, {"PCMU", 8000, 1, 0, NULL}}, .n_codecs = 2};
static const struct sdp_abilities one_law = {.codecs = {{"PCMA", 8000, 1, 8, NULL}}, .n_codecs = 1};
static const struct media_face faces[ANCHOR_SIDES] = {
	{.local = {.family = ADDR_IPV4, .ip = {[10] = 0xff, 0xff, 192, 0, 2, 1}}},
	{.local = {.family = ADDR_IPV4, .ip = {[10] = 0xff, 0xff, 192, 0, 2, 2}}},
};

#define PEER "v=0\r\no=x 1 1 IN IP4 198.51.100.9\r\ns=x\r\nc=IN IP4 198.51.100.9\r\nt=0 0\r\n"
static const char talk[] = PEER "m=audio 40000 RTP/AVP 8\r\n";
static const char hold[] = PEER "m=audio 40000 RTP/AVP 8\r\na=sendonly\r\n";

/* ---- the rig ---- */

static void keep(struct world *w, struct bytes sdp)
{
	assert_true(sdp.len < sizeof(w->out));
	memcpy(w->out, sdp.data, sdp.len);
	w->out[sdp.len] = '\0';
}

static void on_ready(void *arg, void *owner, uint64_t ticket, int rc, struct bytes sdp)
{
	(void)owner;
	(void)ticket;
	assert_int_equal(rc, 0);
	keep(arg, sdp);
}

static void on_lost(void *arg, void *owner, enum anchor_side side, enum anchor_loss why)
{
	(void)arg;
	(void)owner;
	fail_msg("lost: side %u, why %u", side, why);
}

static void on_closed(void *arg, void *owner, const struct anchor_leg legs[ANCHOR_SIDES])
{
	struct world *w = arg;

	(void)owner;
	(void)legs;
	w->n_closed++;
}

static int on_post(void *arg, unsigned worker, const struct msg_type *type, const void *payload)
{
	struct world *w = arg;

	(void)worker;
	if (type == &media_open_msg) {
		assert_true(w->n_asked < ASKED_MAX);
		memcpy(&w->asked[w->n_asked++], payload, sizeof(w->asked[0]));
	} else if (type == &media_update_msg) {
		struct media_update u;
		memcpy(&u, payload, sizeof(u));
		type->discard(&u);
	}
	return 0;
}

static void answer_rooms(struct world *w)
{
	while (w->n_answered < w->n_asked) {
		uint16_t port = (uint16_t)(50000 + 4 * w->n_answered);
		struct media_ready m = {.call = w->asked[w->n_answered++].call};
		for (unsigned i = 0; i < ANCHOR_SIDES; i++) {
			m.rtp[i] = m.rtcp[i] = faces[i].local;
			m.rtp[i].port = (uint16_t)(port + 2 * i);
			m.rtcp[i].port = (uint16_t)(port + 2 * i + 1);
		}
		anchor_ready_msg.handler(w->anchors, &m);
	}
}

static int setup(void **state)
{
	struct world *w = calloc(1, sizeof(*w));

	assert_non_null(w);
	wheel_init(&w->wheel, 0, NULL);
	for (unsigned i = 0; i < ANCHOR_SIDES; i++)
		w->terms[i] = (struct anchor_terms){.abilities = &laws, .face = (uint8_t)i};
	const struct anchors_config c = {
		.wheel = &w->wheel,
		.clock = &w->clock,
		.cells = w->cells,
		.key = {1, 2},
		.n_workers = 1,
		.faces = faces,
		.n_faces = ANCHOR_SIDES,
		.user = {on_ready, on_lost, on_closed, on_post, w},
	};
	w->anchors = anchors_create(&c);
	assert_non_null(w->anchors);
	*state = w;
	return 0;
}

static void anchor_end(struct world *w, struct anchor *a)
{
	unsigned n = w->n_closed;

	anchor_close(a);
	for (unsigned i = 0; i < w->n_answered && w->n_closed == n; i++) {
		struct media_event e = {.call = w->asked[i].call, .kind = MEDIA_CLOSED};
		anchor_event_msg.handler(w->anchors, &e);
	}
	assert_int_equal(w->n_closed, n + 1);
}

static int teardown(void **state)
{
	struct world *w = *state;

	anchors_destroy(w->anchors);
	free(w);
	return 0;
}

static struct anchor *anchor_new(struct world *w)
{
	const struct anchor_asker whose = {.place = 1};
	struct anchor *a = anchor_open(w->anchors, w, &whose, &w->terms[ANCHOR_CALLER]);

	assert_non_null(a);
	return a;
}

/* ---- what is said ---- */

static int say(struct world *w, struct anchor *a, struct anchor_message m, const char *text)
{
	struct bytes sdp = bytes_of("", 0);

	m.sdp = bytes_str(text);
	m.is_final = true;
	int rc = anchor_take(a, &m, &sdp);
	keep(w, sdp);
	answer_rooms(w);
	return rc == ANCHOR_LATER ? 0 : rc;
}

static void read_told(const struct world *w, struct told *out)
{
	const char *line = strstr(w->out, "o=- "), *rest = line ? strchr(line, '\n') : NULL;

	assert_non_null(rest);
	assert_int_equal(sscanf(line, "o=- %llu %llu ", &out->id, &out->version), 2);
	(void)snprintf(out->rest, sizeof(out->rest), "%s", rest);
}

/* SIDE has heard the next one. */
static void heard_next(struct world *w, enum anchor_side side)
{
	struct told before = w->told[side];

	read_told(w, &w->told[side]);
	assert_true(w->told[side].id == before.id);
	assert_true(w->told[side].version == before.version + 1);
	assert_string_not_equal(w->told[side].rest, before.rest);
}

static struct anchor *call(struct world *w)
{
	struct anchor *a = anchor_new(w);
	struct anchor_message m = {.from = ANCHOR_CALLER,
		.exchange = ++w->exchange,
		.callee = &w->terms[ANCHOR_CALLEE]};

	assert_int_equal(say(w, a, m, talk), 0);
	read_told(w, &w->told[ANCHOR_CALLEE]);
	m = (struct anchor_message){
		.from = ANCHOR_CALLEE, .exchange = w->exchange, .fork = FORK, .is_accepted = true};
	assert_int_equal(say(w, a, m, talk), 0);
	read_told(w, &w->told[ANCHOR_CALLER]);
	return a;
}

static enum anchor_side across(enum anchor_side s)
{
	return s == ANCHOR_CALLER ? ANCHOR_CALLEE : ANCHOR_CALLER;
}

static void offer_within(struct world *w, struct anchor *a, enum anchor_side to, const char *text)
{
	const struct anchor_message m = {
		.from = across(to), .exchange = ++w->exchange, .fork = FORK};

	assert_int_equal(say(w, a, m, text), 0);
	heard_next(w, to);
}

/* By a call of A's own, so that there is somebody whom the caller can be joined to. */
static void reach_target(struct world *w, struct anchor *a)
{
	struct anchor_message m = {.from = ANCHOR_CALLER,
		.exchange = ++w->exchange,
		.is_ours = true,
		.callee = &w->terms[ANCHOR_CALLEE]};

	assert_int_equal(say(w, a, m, ""), 0);
	m = (struct anchor_message){
		.from = ANCHOR_CALLEE, .exchange = w->exchange, .fork = FORK, .is_accepted = true};
	assert_int_equal(say(w, a, m, talk), 0);
}

/* For SIDE, which is to go on there. */
static struct anchor *call_for(struct world *w, enum anchor_side side)
{
	struct anchor *a = anchor_new(w);

	if (side == ANCHOR_CALLER)
		reach_target(w, a);
	return a;
}

/* SIDE of OLD is asked to go on in A, by an offer of ours. */
static void send_ask(
	struct world *w, struct anchor *a, const struct anchor *old, enum anchor_side side)
{
	const struct anchor_message m = {.from = across(side),
		.exchange = ++w->exchange,
		.fork = FORK,
		.is_ours = true,
		.goes_on = old,
		.whose = side,
		.callee = side == ANCHOR_CALLEE ? &w->terms[side] : NULL};

	assert_int_equal(say(w, a, m, ""), 0);
}

static void ask(struct world *w, struct anchor *a, const struct anchor *old, enum anchor_side side)
{
	send_ask(w, a, old, side);
	heard_next(w, side);
}

static void agree(struct world *w, struct anchor *a, enum anchor_side side)
{
	const struct anchor_message m = {.from = side,
		.exchange = w->exchange,
		.fork = FORK,
		.is_accepted = side == ANCHOR_CALLEE};

	assert_int_equal(say(w, a, m, talk), 0);
}

/* What SIDE had, which was GOOD, as the newest, and again as it is. */
static void say_again(
	struct world *w, struct anchor *a, enum anchor_side side, const struct told *good)
{
	struct anchor_message m = {
		.from = across(side), .exchange = ++w->exchange, .fork = FORK, .says_again = true};
	char text[4096], first[4096];

	(void)snprintf(text, sizeof(text), "v=0\r\no=- %llu %llu IN IP4 192.0.2.%u\r%s", good->id,
		good->version, side + 1u, good->rest);
	assert_int_equal(say(w, a, m, text), 0);
	heard_next(w, side);
	assert_string_equal(w->told[side].rest, good->rest);
	(void)snprintf(first, sizeof(first), "%s", w->out);
	m.exchange = ++w->exchange;
	assert_int_equal(say(w, a, m, first), 0);
	assert_string_equal(w->out, first);
	m = (struct anchor_message){
		.from = side, .exchange = w->exchange, .fork = FORK, .is_again = true};
	assert_int_equal(say(w, a, m, talk), 0);
}

/* ---- the rules ---- */

static void who_refuses_to_go_on_hears_newer_offers_later(void **state)
{
	struct world *w = *state;

	for (enum anchor_side side = ANCHOR_CALLER; side <= ANCHOR_CALLEE; side++) {
		struct anchor *old = call(w), *new = call_for(w, side);
		struct told first;
		ask(w, new, old, side);
		anchor_off(new, w->exchange);
		first = w->told[side];
		send_ask(w, new, old, side); /* the first one has met another INVITE */
		read_told(w, &w->told[side]);
		if (strcmp(w->told[side].rest, first.rest) == 0)
			assert_true(w->told[side].version == first.version);
		else
			assert_true(w->told[side].version == first.version + 1);
		anchor_off(new, w->exchange);
		anchor_end(w, new);
		offer_within(w, old, side, hold);
		anchor_end(w, old);
	}
}

/* The other side has refused, or has gone, or was not there in time. */
static void who_has_accepted_in_vain_hears_the_old_as_the_newest(void **state)
{
	struct world *w = *state;

	for (enum anchor_side side = ANCHOR_CALLER; side <= ANCHOR_CALLEE; side++) {
		struct anchor *old = call(w), *new = call_for(w, side);
		struct told good = w->told[side];
		ask(w, new, old, side);
		agree(w, new, side);
		anchor_end(w, new);
		say_again(w, old, side, &good);
		offer_within(w, old, side, hold);
		anchor_end(w, old);
	}
}

static void an_offer_that_was_accepted_too_late_is_taken_back(void **state)
{
	struct world *w = *state;

	for (enum anchor_side side = ANCHOR_CALLER; side <= ANCHOR_CALLEE; side++) {
		struct anchor *a = call(w);
		struct told good = w->told[side];
		offer_within(w, a, side, hold);
		anchor_off(a, w->exchange);
		say_again(w, a, side, &good);
		anchor_end(w, a);
	}
}

static void who_goes_on_hears_newer_offers_where_he_is(void **state)
{
	struct world *w = *state;
	struct anchor *first = call(w);
	struct told b = w->told[ANCHOR_CALLEE];
	struct anchor *second = call(w), *new = anchor_new(w);

	ask(w, new, second, ANCHOR_CALLEE);
	agree(w, new, ANCHOR_CALLEE);
	anchor_end(w, second);
	offer_within(w, new, ANCHOR_CALLEE, hold);
	agree(w, new, ANCHOR_CALLEE);

	struct anchor *third = anchor_new(w); /* and once more, while the first call is as it was */
	ask(w, third, new, ANCHOR_CALLEE);
	agree(w, third, ANCHOR_CALLEE);
	anchor_end(w, new);
	offer_within(w, third, ANCHOR_CALLEE, hold);
	w->told[ANCHOR_CALLEE] = b;
	offer_within(w, first, ANCHOR_CALLEE, hold);
	anchor_end(w, first);
	anchor_end(w, third);
}

/* Other rules are for new calls. */
static void who_goes_on_can_do_what_he_could(void **state)
{
	struct world *w = *state;
	struct anchor *old = call(w), *new;

	w->terms[ANCHOR_CALLER].abilities = w->terms[ANCHOR_CALLEE].abilities = &one_law;
	new = call_for(w, ANCHOR_CALLER);
	ask(w, new, old, ANCHOR_CALLER);
	assert_non_null(strstr(w->out, "RTP/AVP 8 0\r\n"));
	anchor_end(w, old);
	anchor_end(w, new);
}

/* They are dialogs of their own. */
static void each_fork_counts_for_itself(void **state)
{
	struct world *w = *state;
	struct anchor *a = anchor_new(w);
	struct bytes sdp;
	struct anchor_message m = {.from = ANCHOR_CALLER,
		.exchange = 1,
		.callee = &w->terms[ANCHOR_CALLEE],
		.is_final = true};

	assert_int_equal(say(w, a, m, talk), 0);
	read_told(w, &w->told[ANCHOR_CALLEE]);
	m.callee = NULL;
	for (uint64_t fork = 6; fork < 9; fork++) {
		m = (struct anchor_message){
			.from = ANCHOR_CALLEE, .exchange = 1, .fork = fork, .sdp = bytes_str(talk)};
		assert_int_equal(anchor_take(a, &m, &sdp), 0);
	}
	anchor_off(a, 1);
	for (uint64_t fork = 6; fork < 9; fork++) {
		struct told told;
		m = (struct anchor_message){.from = ANCHOR_CALLER,
			.exchange = fork,
			.fork = fork,
			.is_final = true,
			.sdp = bytes_str(hold)};
		assert_int_equal(anchor_take(a, &m, &sdp), 0);
		keep(w, sdp);
		read_told(w, &told);
		assert_true(told.id == w->told[ANCHOR_CALLEE].id);
		assert_int_equal(told.version, w->told[ANCHOR_CALLEE].version + 1);
		anchor_off(a, fork);
	}
	anchor_end(w, a);
}

int main(void)
{
	const struct CMUnitTest t[] = {
		cmocka_unit_test_setup_teardown(
			who_refuses_to_go_on_hears_newer_offers_later, setup, teardown),
		cmocka_unit_test_setup_teardown(
			who_has_accepted_in_vain_hears_the_old_as_the_newest, setup, teardown),
		cmocka_unit_test_setup_teardown(
			an_offer_that_was_accepted_too_late_is_taken_back, setup, teardown),
		cmocka_unit_test_setup_teardown(
			who_goes_on_hears_newer_offers_where_he_is, setup, teardown),
		cmocka_unit_test_setup_teardown(who_goes_on_can_do_what_he_could, setup, teardown),
		cmocka_unit_test_setup_teardown(each_fork_counts_for_itself, setup, teardown),
	};

	return cmocka_run_group_tests(t, NULL, NULL) != 0;
}
