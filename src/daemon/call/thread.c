/* SPDX-License-Identifier: BSD-3-Clause */
/* Making, starting and ending the thread of calls. */
#include <errno.h>
#include <ifaddrs.h>
#include <stdio.h>
#include <stdlib.h>
#include <strings.h>
#include <sys/socket.h>
#include <unistd.h>

#include <sallyport/crypto.h>
#include <sallyport/net.h>

#include "../counters.h"
#include "../trunk_metrics.h"
#include "media.h"
#include "thread.h"

#define MAILBOX_LEN   4096 /* a turn takes 256 INVITEs of each socket, and workers answer each */
#define MAX_CALLS     5000 /* at once; more get 503 */
#define RETRY_AFTER_S 10
#define EARLY_MAX     20
#define STRANGERS_S   100  /* get 403, each second */
#define LINGER_MS     1000 /* for a BYE to be said again */
/* Each call has a transaction on each side, another for what goes on within it, and those that only
 * absorb repetitions for half a minute. */
#define TRANSACTIONS_PER_CALL 16
#define BYTES_PER_CALL        32768

/* ---- what is listened on ---- */

/* The node's one address in NETWORK. */
static int address_in(const struct prefix *network, struct addr *out)
{
	struct ifaddrs *all;
	int rc = ERR_NOT_FOUND;

	if (getifaddrs(&all) != 0)
		return -errno;
	for (const struct ifaddrs *i = all; i; i = i->ifa_next) {
		struct addr a;
		if (!i->ifa_addr ||
			addr_from_sockaddr(i->ifa_addr, sizeof(struct sockaddr_storage), &a) != 0 ||
			!prefix_contains(network, &a))
			continue;
		if (rc == 0 && !addr_equal_ip(&a, out)) {
			rc = ERR_EXISTS;
			break;
		}
		a.port = 0;
		*out = a;
		rc = 0;
	}
	freeifaddrs(all);
	return rc;
}

/* The address of pool P that TEXT says. */
static int own_address(const struct options_pool *p, const char *text, struct addr *out,
	char why[CALL_THREAD_WHY_LEN])
{
	struct prefix network;
	int rc = options_own_address(text, out, &network);

	if (rc == 0 && out->family == ADDR_NONE)
		rc = address_in(&network, out);
	if (rc != 0)
		(void)snprintf(why, CALL_THREAD_WHY_LEN,
			"pool \"%s\" cannot listen: this host has %s address in %s; ip addr shows "
			"those it has",
			p->name, rc == ERR_EXISTS ? "more than one" : "no", text);
	return rc;
}

/* The place of the listener, made if there is none yet. */
static uint32_t listen_on(struct call_thread *t, enum sip_transport transport,
	const struct addr *local, uint32_t group)
{
	uint32_t i = 0;

	while (i < t->n_listeners && (t->listeners[i].transport != transport ||
					     !addr_equal(&t->listeners[i].local, local)))
		i++;
	if (i == t->n_listeners) {
		t->n_listeners++;
		t->listeners[i].transport = transport;
		t->listeners[i].local = *local;
		t->listeners[i].group = group;
		t->listeners[i].tls = transport == SIP_TLS ? t->tls.pairs[group].accepts : NULL;
		(void)addr_format_ip(local, t->hosts[i].text);
	}
	return i + 1;
}

static enum sip_transport transport_of(enum options_sip_transport t)
{
	return t == OPTIONS_SIP_UDP ? SIP_UDP : t == OPTIONS_SIP_TCP ? SIP_TCP : SIP_TLS;
}

/* This node among those of its pool: the only one, or the one called as the host is. NULL: none. */
static const char *node_name(const struct options_pool *p)
{
	const char *const *nodes = p->nodes.items;
	char host[256] = "";

	if (p->nodes.n == 1)
		return nodes[0];
	(void)gethostname(host, sizeof(host) - 1);
	for (size_t i = 0; i < p->nodes.n; i++) {
		size_t first = strcspn(nodes[i], ".");
		if (strcasecmp(nodes[i], host) == 0 ||
			(strlen(host) == first && strncasecmp(nodes[i], host, first) == 0))
			return nodes[i];
	}
	return NULL;
}

/* What two pools, or both sides of one, call their addresses may be the same one. */
static int refuse_shared(const struct options_trunk *o, const struct options_pool *p,
	const struct addr *local, char why[CALL_THREAD_WHY_LEN])
{
	char a[ADDR_TEXT_LEN];

	(void)snprintf(why, CALL_THREAD_WHY_LEN,
		"trunk \"%s\" of pool \"%s\" cannot listen at %s: a listener with other "
		"certificates is there; change its port",
		o->name, p->name, addr_format(local, a));
	return ERR_CONFIG;
}

static int make_trunk(struct call_thread *t, const struct options_trunk *o, struct call_trunk *k,
	char why[CALL_THREAD_WHY_LEN])
{
	struct options_trunk_end ours, theirs;
	struct addr local;

	if (options_trunk_mediation(o, &ours) != 0 || options_trunk_gateway(o, &theirs) != 0)
		return ERR_CONFIG;
	const struct options_gateway *g = options_gateway_find(t->options, theirs.name);
	const struct options_pool *p = options_pool_find(t->options, ours.name);
	if (!g || !p)
		return ERR_CONFIG;
	k->transport = transport_of(ours.transport);
	int rc =
		own_address(p, p->pstn_address ? p->pstn_address : p->primary_address, &local, why);
	if (rc != 0)
		return rc;
	local.port = ours.port;
	k->group = call_tls_trunks(
		(uint32_t)(p - (const struct options_pool *)t->options->pools.items));
	k->place = listen_on(t, k->transport, &local, k->group);
	if (k->transport == SIP_TLS && t->listeners[k->place - 1].group != k->group)
		return refuse_shared(o, p, &local, why);
	if (k->transport == SIP_TLS) {
		k->name = g->host;
		t->hosts[k->place - 1].name = node_name(p);
	}
	return 0;
}

/* The one listener for the inside, and the front end behind it. */
static int make_front(struct call_thread *t, struct call_trunk *k, char why[CALL_THREAD_WHY_LEN])
{
	const struct options_pool *p = options_client_pool(t->options);
	struct addr local;

	if (!p)
		return 0;
	int rc = own_address(p, p->primary_address, &local, why);
	if (rc != 0)
		return rc;
	local.port = (uint16_t)p->client_port;
	k->transport = SIP_TLS;
	k->group = call_tls_clients(
		(uint32_t)(p - (const struct options_pool *)t->options->pools.items));
	k->place = t->client_place = listen_on(t, SIP_TLS, &local, k->group);
	if (!p->has_next_hop)
		return 0;
	k->name = p->next_hop.host;
	return 0;
}

static int make_trunks(struct call_thread *t, char why[CALL_THREAD_WHY_LEN])
{
	const struct options_trunk *o = t->options->trunks.items;
	uint32_t n = (uint32_t)t->options->trunks.n;
	int rc;

	t->n_trunks = n;
	t->trunks = calloc(n + 1, sizeof(*t->trunks));
	t->listeners = calloc(n + 1, sizeof(*t->listeners));
	t->hosts = calloc(n + 1, sizeof(*t->hosts));
	if (!t->trunks || !t->listeners || !t->hosts)
		return -ENOMEM;
	rc = make_front(t, &t->trunks[call_front(t)], why);
	for (uint32_t i = 0; i < n && rc == 0; i++)
		rc = make_trunk(t, &o[i], &t->trunks[i], why);
	return rc;
}

static int make_plan(struct call_thread *t, const char *path)
{
	int rc = conf_load_file(path, options_table, sizeof(struct options), &t->doc);

	if (rc != 0)
		return rc;
	t->options = &((const struct options *)conf_root(t->doc))->mediation;
	rc = dial_plan_create(t->options, &t->plan);
	if (rc != 0)
		return rc;
	t->state = dial_state_create(t->plan);
	if (!t->state)
		return -ENOMEM;
	if (!t->options->records.file)
		return 0;
	t->records = call_records_create(t->options->records.file, loop_clock(t->loop), t->cells);
	return t->records ? 0 : -ENOMEM;
}

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

int call_thread_create(const char *path, const struct call_tls *tls, struct workers *workers,
	struct metrics_set *metrics, unsigned block, struct call_thread **out,
	char why[CALL_THREAD_WHY_LEN])
{
	struct call_thread *t = calloc(1, sizeof(*t));
	int rc = -ENOMEM;

	(void)snprintf(why, CALL_THREAD_WHY_LEN, "cannot make the thread of calls");
	if (!t)
		return rc;
	call_tls_get(tls, &t->tls);
	t->cells = metrics_set_cells(metrics, &daemon_counters, block);
	t->loop = loop_create("call", MAILBOX_LEN);
	if (t->loop)
		t->net = net_create(t->loop, metrics_set_cells(metrics, &net_counters, block));
	if (t->net)
		rc = make_plan(t, path);
	if (rc == 0)
		rc = make_trunks(t, why);
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

static void log_clear(const struct call_thread *t)
{
	const struct options_trunk *o = t->options->trunks.items;

	for (uint32_t i = 0; i < t->n_trunks; i++) {
		enum options_clear clear = options_trunk_clear(t->options, &o[i]);
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
	log_clear(t);
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
	dial_state_destroy(t->state);
	dial_plan_destroy(t->plan);
	if (t->doc)
		conf_destroy(t->doc);
	free(t);
}
