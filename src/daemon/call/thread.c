/* SPDX-License-Identifier: BSD-3-Clause */
/* Making, starting and ending the thread of calls. */
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

#include <sallyport/crypto.h>
#include <sallyport/net.h>

#include "../counters.h"
#include "../trunk_metrics.h"
#include "plan.h"

#define MAILBOX_LEN   4096 /* a turn takes 256 INVITEs of each socket, and workers answer each */
#define MAX_CALLS     5000 /* at once; more get 503 */
#define RETRY_AFTER_S 10
#define EARLY_MAX     20
#define STRANGERS_S   100  /* of one network get 403, each second */
#define LINGER_MS     1000 /* for a BYE to be said again */
/* Each call has a transaction on each side, another for what goes on within it, and those that only
 * absorb repetitions for half a minute. */
#define TRANSACTIONS_PER_CALL 16
#define BYTES_PER_CALL        32768
/* Of a connection that carries the calls of a whole gateway: what 200 calls a second say in the
 * time after which a peer that does not read is given up. */
#define QUEUE_BYTES (4 * 1024 * 1024)

/* ---- making ---- */

static int make_transport(
	struct call_thread *t, struct metrics_set *m, unsigned block, char why[CALL_THREAD_WHY_LEN])
{
	struct sip_transport_config c = {
		.loop = t->loop,
		.wheel = loop_wheel(t->loop),
		.clock = loop_clock(t->loop),
		.net = t->net,
		.cells = metrics_set_cells(m, &sip_transport_counters, block),
		.listeners = t->listeners,
		.n_listeners = t->n_listeners,
		.limits = sip_transport_limits_default,
		.user = call_ways_transport(t),
	};

	c.limits.queue_bytes = QUEUE_BYTES;
	return sip_transport_create(&c, &t->transport, why);
}

static int make_calls(struct call_thread *t, struct metrics_set *m, unsigned block)
{
	const size_t n = MAX_CALLS;
	struct calls_config c = {
		.wheel = loop_wheel(t->loop),
		.clock = loop_clock(t->loop),
		.user = call_ways_calls(t),
		.cells = metrics_set_cells(m, &call_counters, block),
		.timers = call_timers_default,
		.max_calls = n,
		.max_bytes = n * BYTES_PER_CALL,
		.max_early = EARLY_MAX,
		.retry_after_s = RETRY_AFTER_S,
	};
	struct transactions_config x = {
		.wheel = loop_wheel(t->loop),
		.clock = loop_clock(t->loop),
		.carrier = call_ways_carrier(t),
		.cells = metrics_set_cells(m, &transaction_counters, block),
		.timers = transaction_timers_default,
		.max_server = n * TRANSACTIONS_PER_CALL,
		.max_client = n * TRANSACTIONS_PER_CALL,
		.max_bytes = n * BYTES_PER_CALL,
		.retry_after_s = RETRY_AFTER_S,
		.strangers_per_s = STRANGERS_S,
	};

	call_media_hook(t, &c.user);
	crypto_random(&c.key, sizeof(c.key));
	crypto_random(x.keys, sizeof(x.keys));
	t->calls = calls_create(&c);
	if (!t->calls)
		return -ENOMEM;
	x.user = calls_transaction_user(t->calls);
	t->transactions = transactions_create(&x);
	if (!t->transactions)
		return -ENOMEM;
	calls_set_transactions(t->calls, t->transactions);
	return 0;
}

/* What is there before anything is: numbers, the first plan, and what that listens on. */
static int make_plan(struct call_thread *t, struct metrics_set *m, struct call_plan **out,
	char why[CALL_THREAD_WHY_LEN])
{
	struct call_choice c;
	size_t n = t->first->trunks.n;

	t->n_trunks = CALL_TRUNKS_MAX;
	t->numbers = call_numbers_create(m);
	t->trunks = calloc(t->n_trunks + 1, sizeof(*t->trunks));
	t->listeners = calloc(n + 1, sizeof(*t->listeners));
	t->hosts = calloc(n + 1, sizeof(*t->hosts));
	t->faces = calloc(1, sizeof(*t->faces));
	if (!t->numbers || !t->trunks || !t->listeners || !t->hosts || !t->faces)
		return -ENOMEM;
	int rc = call_numbers_choose(t->numbers, t->first, &c);
	if (rc == 0)
		rc = call_plan_make(t, t->doc, c.numbers, out, why);
	if (rc == 0)
		call_numbers_keep(t->numbers, &c);
	call_choice_fini(&c);
	return rc;
}

static int make_records(struct call_thread *t)
{
	const char *file = t->first->records.file;

	if (!file)
		return 0;
	t->records = call_records_create(file, loop_clock(t->loop), t->cells);
	return t->records ? 0 : -ENOMEM;
}

static int make_all(struct call_thread *t, struct workers *workers, struct metrics_set *metrics,
	unsigned block, char why[CALL_THREAD_WHY_LEN])
{
	struct call_plan *p = NULL;
	int rc = make_plan(t, metrics, &p, why);

	if (rc == 0)
		rc = make_records(t);
	if (rc == 0)
		rc = call_media_create(t, workers, metrics, block, why);
	if (rc == 0)
		rc = make_calls(t, metrics, block);
	if (rc == 0)
		rc = make_transport(t, metrics, block, why);
	if (rc == 0)
		rc = call_gateways_create(t, metrics_set_cells(metrics, &trunk_counters, block),
			metrics_set_cells(metrics, &sip_transport_counters, block), why);
	if (rc != 0) {
		call_plan_put(p);
		return rc;
	}
	call_plan_take(t, p);
	trunks_start(t->running, t->transactions);
	return 0;
}

int call_thread_create(struct conf_doc *doc, const struct call_tls *tls, struct workers *workers,
	struct metrics_set *metrics, unsigned block, struct call_thread **out,
	char why[CALL_THREAD_WHY_LEN])
{
	struct call_thread *t = calloc(1, sizeof(*t));
	int rc = -ENOMEM;

	(void)snprintf(why, CALL_THREAD_WHY_LEN, "cannot make the thread of calls");
	if (!t)
		return rc;
	t->doc = conf_get(doc);
	t->first = &((const struct options *)conf_root(doc))->mediation;
	call_tls_get(tls, &t->tls);
	t->cells = metrics_set_cells(metrics, &daemon_counters, block);
	t->loop = loop_create("call", MAILBOX_LEN);
	if (t->loop)
		t->net = net_create(t->loop, metrics_set_cells(metrics, &net_counters, block));
	if (t->net)
		rc = make_all(t, workers, metrics, block, why);
	if (rc != 0) {
		call_thread_destroy(t);
		return rc;
	}
	*out = t;
	return 0;
}

int call_thread_start(struct call_thread *t, char why[CALL_THREAD_WHY_LEN])
{
	int rc = call_records_open(t->records, why, CALL_THREAD_WHY_LEN);

	return rc ? rc : loop_thread_start(t->loop, &t->thread);
}

static void log_clear(const struct options_mediation *m)
{
	const struct options_trunk *o = m->trunks.items;

	for (size_t i = 0; i < m->trunks.n; i++) {
		enum options_clear clear = options_trunk_clear(m, &o[i]);
		if (clear != OPTIONS_CLEAR_NOTHING)
			log_warning(LOG_DAEMON, "trunk is clear",
				"trunk=%s clear=%s hint=\"protect its network and say so with "
				"connection, or use TLS and SRTP\"",
				o[i].name, clear == OPTIONS_CLEAR_ALL ? "all" : "media");
	}
}

void call_thread_log(const struct call_thread *t)
{
	char a[ADDR_TEXT_LEN];

	for (uint32_t i = 0; i < t->n_listeners; i++) {
		struct addr local = sip_transport_local(t->transport, i);
		log_notice(LOG_DAEMON, "listening", "mediation=%s address=%s transport=%s",
			i + 1 == t->client_place ? "clients" : "trunks", addr_format(&local, a),
			sip_transport_name(t->listeners[i].transport));
	}
	log_clear(t->first);
	log_notice(LOG_DAEMON, "calls do not survive an upgrade",
		"hint=\"with mediation, a new version is had by a restart\"");
}

static void on_drain(void *ctx, void *payload)
{
	((struct call_thread *)ctx)->is_draining = *(bool *)payload;
}

static const struct msg_type drain_msg = {"call drain", sizeof(bool), on_drain, NULL};

int call_thread_drain(struct call_thread *t, bool is_on)
{
	return loop_post(t->loop, &drain_msg, t, &is_on);
}

static void on_quiet(void *arg)
{
	struct call_thread *t = arg;

	if (--t->n_stopping == 0)
		loop_stop(t->loop);
}

static void on_lingered(struct wheel_timer *timer, void *arg)
{
	(void)arg;
	on_quiet(CONTAINER_OF(timer, struct call_thread, linger));
}

/* Both sides of each call hear that it ends, and providers that have us registered that we go. */
static void on_stop(void *ctx, void *payload)
{
	struct call_thread *t = ctx;
	size_t n;

	(void)payload;
	t->is_draining = true;
	n = calls_hang_up(t->calls, "SIP ;cause=503 ;text=\"Shutdown\"");
	if (n > 0)
		log_notice(LOG_CALL, "calls ended", "why=shutdown calls=%zu", n);
	t->n_stopping = trunks_stop(t->running, on_quiet, t) ? 2 : 1;
	wheel_timer_init(&t->linger, on_lingered);
	wheel_set(loop_wheel(t->loop), &t->linger,
		loop_clock(t->loop)->mono_ms + (n > 0 ? LINGER_MS : 0));
}

static const struct msg_type stop_msg = {"stop", 0, on_stop, NULL};

void call_thread_stop(struct call_thread *t)
{
	if (!t || !t->thread)
		return;
	while (loop_post(t->loop, &stop_msg, t, NULL) != 0)
		usleep(1000);
	(void)loop_thread_join(t->thread);
	t->thread = NULL;
}

void call_thread_destroy(struct call_thread *t)
{
	if (!t)
		return;
	call_thread_stop(t);
	call_gateways_destroy(t);
	transactions_destroy(t->transactions);
	calls_destroy(t->calls);
	call_media_destroy(t->media);
	call_records_destroy(t->records);
	sip_transport_destroy(t->transport);
	net_destroy(t->net);
	if (t->loop)
		loop_destroy(t->loop);
	call_tls_fini(&t->tls);
	free(t->listeners);
	free(t->hosts);
	free(t->trunks);
	free(t->faces);
	call_numbers_destroy(t->numbers);
	call_plan_put(t->plan);
	conf_destroy(t->doc);
	free(t);
}
