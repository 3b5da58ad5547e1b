/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * The front end's nodes. They are looked for again and again, and asked by OPTIONS whether they
 * live before a request needs one, so that passing a message waits for nothing. While DNS is silent
 * the old answer holds.
 */
#include <errno.h>
#include <stdio.h>

#include <sallyport/crypto.h>

#include "thread.h"

#define TICK_MS           1000
#define LOCATE_MS         30000 /* between two looks; the answers are kept as long as their TTL says */
#define AGAIN_MS          3000  /* ... when nobody was found, and for a node that is down */
#define ASK_MS            20000 /* between two OPTIONS to a node that is up */
#define PATIENCE_MS       10000
#define MAX_LOCATIONS     4
#define LOCATE_TIMEOUT_MS 5000

/* ---- whether a node lives ---- */

static void set_up(struct upstream *u, struct upstream_node *n, bool is_up)
{
	metrics_cell *cells = metrics_set_cells(
		u->thread->config.metrics, &access_counters, u->thread->config.block);
	char a[ADDR_TEXT_LEN];

	n->branch[0] = '\0';
	if (n->is_up == is_up)
		return;
	n->is_up = is_up;
	if (is_up)
		metrics_add(cells, ACCESS_C_NODES, 1);
	else
		metrics_sub(cells, ACCESS_C_NODES, 1);
	if (is_up)
		log_notice(LOG_SIP, "front end up", "node=%s name=%s",
			addr_format(&n->target.addr, a), n->target.name);
	else
		log_warning(LOG_SIP, "front end down", "node=%s name=%s",
			addr_format(&n->target.addr, a), n->target.name);
}

static size_t write_options(struct upstream *u, struct upstream_node *n, char *out, size_t cap)
{
	const struct access_thread *t = u->thread;
	const struct sip_host ours = {.text = sip_str_c(t->inside_host),
		.kind = strchr(t->inside_host, ':') ? SIP_HOST_IPV6 : SIP_HOST_NAME};
	struct sip_via_own via = {.transport = "TLS",
		.host = ours,
		.port = sip_transport_local(t->inside, 0).port,
		.branch = sip_str_c(n->branch)};
	char uri[OPTIONS_HOST_LEN + 8];
	struct sip_writer w;
	const char *tag = n->branch + strlen(SIP_BRANCH_COOKIE);
	bool is_ipv6 = strchr(u->hop.host, ':') != NULL;

	(void)snprintf(uri, sizeof(uri), is_ipv6 ? "sip:[%s]" : "sip:%s", u->hop.host);
	sip_write_begin(&w, out, cap);
	sip_write_request(&w, sip_str_c("OPTIONS"), sip_str_c(uri));
	sip_write_via(&w, &via);
	sip_write_header_number(&w, SIP_HEADER_MAX_FORWARDS, 70);
	sip_write_open(&w, SIP_HEADER_FROM);
	sip_write_c(&w, "<sip:");
	sip_write_host(&w, &ours);
	sip_write_c(&w, ">");
	sip_write_param(&w, "tag", sip_str_c(tag));
	sip_write_close(&w);
	sip_write_open(&w, SIP_HEADER_TO);
	sip_write_c(&w, "<");
	sip_write_c(&w, uri);
	sip_write_c(&w, ">");
	sip_write_close(&w);
	sip_write_header_c(&w, SIP_HEADER_CALL_ID, tag);
	sip_write_cseq(&w, 1, sip_str_c("OPTIONS"));
	sip_write_body(&w, SIP_NONE, SIP_NONE);
	return w.failed ? 0 : w.len;
}

static void ask(struct upstream *u, struct upstream_node *n, uint64_t now_ms)
{
	char message[2048];
	uint32_t random[2];

	crypto_random(random, sizeof(random));
	(void)snprintf(n->branch, sizeof(n->branch), SIP_BRANCH_COOKIE "%08x%08x%08x", u->n_asked++,
		random[0], random[1]);
	n->asked_ms = now_ms;
	size_t len = write_options(u, n, message, sizeof(message));
	if (sip_transport_request(
		    u->thread->inside, &n->target, bytes_of(message, len), 0, &n->flow) != 0)
		set_up(u, n, false);
}

static void look_after(struct upstream *u, struct upstream_node *n, uint64_t now_ms)
{
	bool waits = n->branch[0] != '\0';

	if (waits && now_ms - n->asked_ms >= PATIENCE_MS) {
		set_up(u, n, false);
		sip_transport_close(u->thread->inside, n->flow);
	} else if (!waits && now_ms - n->asked_ms >= (n->is_up ? ASK_MS : AGAIN_MS)) {
		ask(u, n, now_ms);
	}
}

bool upstream_takes(struct upstream *u, const struct sip_arrival *a)
{
	struct sip_msg m;
	struct sip_via via;

	(void)sip_msg_decode(a->message.data, a->message.len, SIP_STREAM, &m);
	if (m.refusal != SIP_FINE || m.is_request || m.method != SIP_OPTIONS ||
		sip_via_top(&m, &via) != 0)
		return false;
	for (size_t i = 0; i < u->n; i++) {
		struct upstream_node *n = &u->nodes[i];
		if (n->branch[0] == '\0' || !sip_str_equal(via.branch, sip_str_c(n->branch)))
			continue;
		if (m.status >= 200) /* 503: it lives, and wants nothing */
			set_up(u, n, m.status != 503);
		return true;
	}
	return false;
}

/* A node that was up may only have ended its connection: it is asked at once on another. */
void upstream_closed(struct upstream *u, struct sip_flow flow)
{
	for (size_t i = 0; i < u->n; i++) {
		struct upstream_node *n = &u->nodes[i];
		bool was_up = n->is_up;
		if (!sip_flow_equal(n->flow, flow) || flow.generation == 0)
			continue;
		set_up(u, n, false);
		if (was_up)
			ask(u, n, loop_clock(u->thread->loop)->mono_ms);
	}
}

/* ---- where they are ---- */

static struct upstream_node *find(struct upstream_node *list, size_t n, const struct sip_target *at)
{
	for (size_t i = 0; i < n; i++) {
		if (addr_equal(&list[i].target.addr, &at->addr) &&
			strcmp(list[i].target.name, at->name) == 0)
			return &list[i];
	}
	return NULL;
}

/* Those that are still there keep what is known of them. */
static void take_targets(struct upstream *u, const struct sip_target *targets, size_t n)
{
	struct upstream_node old[SIP_TARGETS_MAX];
	size_t n_old = u->n;

	memcpy(old, u->nodes, sizeof(old));
	for (size_t i = 0; i < n_old; i++) {
		bool is_gone = true;
		for (size_t k = 0; k < n && is_gone; k++)
			is_gone = find(&u->nodes[i], 1, &targets[k]) == NULL;
		if (is_gone)
			set_up(u, &u->nodes[i], false);
	}
	u->n = 0;
	for (size_t k = 0; k < n; k++) {
		const struct upstream_node *was = find(old, n_old, &targets[k]);
		if (find(u->nodes, u->n, &targets[k]))
			continue;
		u->nodes[u->n++] = was ? *was : (struct upstream_node){.target = targets[k]};
	}
}

static void on_located(void *arg, int rc, const struct sip_target *targets, size_t n)
{
	struct upstream *u = arg;

	u->location = NULL;
	u->is_located = rc == 0;
	if (rc == 0)
		take_targets(u, targets, n);
	else if (!u->is_lost)
		log_warning(LOG_SIP, "front end not found",
			"next_hop=%s error=\"%s\" hint=\"its records in DNS; until then the old "
			"answer holds\"",
			u->hop.host, err_text(rc));
	u->is_lost = rc != 0;
}

static void locate(struct upstream *u, uint64_t now_ms)
{
	if (u->location ||
		(u->located_ms && now_ms - u->located_ms < (u->is_located ? LOCATE_MS : AGAIN_MS)))
		return;
	u->located_ms = now_ms;
	if (sip_locate(u->locator, &u->hop, on_located, u, &u->location) != 0)
		u->location = NULL;
}

static void on_tick(struct wheel_timer *timer, void *arg)
{
	struct upstream *u = CONTAINER_OF(timer, struct upstream, tick);
	uint64_t now_ms = loop_clock(u->thread->loop)->mono_ms;

	(void)arg;
	locate(u, now_ms);
	for (size_t i = 0; i < u->n; i++)
		look_after(u, &u->nodes[i], now_ms);
	wheel_set(loop_wheel(u->thread->loop), &u->tick, now_ms + TICK_MS);
}

/* ---- sending ---- */

static int send_to(struct upstream *u, struct upstream_node *n, struct bytes message)
{
	struct sip_flow flow;

	return sip_transport_request(u->thread->inside, &n->target, message, 0, &flow);
}

int upstream_send(struct upstream *u, const struct access_way *way, struct bytes message)
{
	int rc = -EHOSTUNREACH;

	if (way->flow && sip_transport_send(u->thread->inside, sip_flow_unpack(way->flow), NULL,
				 message, 0) == 0)
		return 0;
	for (size_t i = 0; i < u->n && rc != 0 && way->peer.family != ADDR_NONE; i++) {
		if (u->nodes[i].is_up && addr_equal_ip(&u->nodes[i].target.addr, &way->peer))
			rc = send_to(u, &u->nodes[i], message);
	}
	for (size_t i = 0; i < u->n && rc != 0; i++) {
		if (u->nodes[i].is_up)
			rc = send_to(u, &u->nodes[i], message);
	}
	return rc;
}

bool upstream_is_peer(const struct upstream *u, const struct crypto_peer *peer)
{
	const struct conf_list *l = &u->thread->options->inside.peers;
	const char *const *names = l->items;

	if (sip_peer_is(peer, u->hop.domain))
		return true;
	for (size_t i = 0; i < l->n; i++) {
		if (sip_peer_is(peer, names[i]))
			return true;
	}
	return false;
}

/* ---- life ---- */

int upstream_init(struct upstream *u, struct access_thread *t)
{
	struct sip_locator_config c = {.loop = t->loop,
		.wheel = loop_wheel(t->loop),
		.clock = loop_clock(t->loop),
		.cells = metrics_set_cells(
			t->config.metrics, &sip_transport_counters, t->config.block),
		.dns = sip_locator_dns_of(t->dns),
		.has_tls = true,
		.has_ipv4 = true,
		.has_ipv6 = true,
		.timeout_ms = LOCATE_TIMEOUT_MS,
		.max = MAX_LOCATIONS,
		.random_below = crypto_random_below};

	*u = (struct upstream){.thread = t};
	wheel_timer_init(&u->tick, on_tick);
	u->hop.is_sips = true;
	u->hop.transport = SIP_TLS;
	int rc = options_next_hop(&t->options->inside, u->hop.host, &u->hop.port);
	if (rc != 0)
		return rc;
	(void)snprintf(u->hop.domain, sizeof(u->hop.domain), "%s", u->hop.host);
	u->locator = sip_locator_create(&c);
	return u->locator ? 0 : -ENOMEM;
}

void upstream_begin(struct upstream *u)
{
	on_tick(&u->tick, NULL);
}

void upstream_fini(struct upstream *u)
{
	if (!u->thread)
		return;
	if (u->location)
		sip_locate_cancel(u->location);
	wheel_cancel(loop_wheel(u->thread->loop), &u->tick);
	sip_locator_destroy(u->locator);
}
