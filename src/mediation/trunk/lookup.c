/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * Looking up a trunk's gateway, again and again ahead of calls. What was found stays until
 * something else is: a domain name system that is silent takes nobody's gateway away.
 */
#include "trunk_priv.h"

#define SPREAD_MS      1000 /* in which all trunks begin */
#define AGAIN_MS       1000 /* an address for which there was no memory */
#define LEAST_MS       10000
#define MOST_MS        300000
#define FAILED_MS      5000 /* and twice as long after each failure, up to: */
#define FAILED_MOST_MS 60000

static void on_located(void *arg, int rc, const struct sip_target *targets, size_t n);

static bool has_address(const struct trunk *k, struct addr *out)
{
	*out = k->config.address;
	return out->family != ADDR_NONE || addr_parse(k->config.gateway.host, 0, out) == 0;
}

static void take_address(struct trunk *k, const struct addr *address);

static void ask(struct wheel_timer *timer, void *arg)
{
	struct trunk *k = CONTAINER_OF(timer, struct trunk, lookup);
	struct addr address;

	(void)arg;
	if (has_address(k, &address)) {
		take_address(k, &address);
		lookup_start(k);
		trunk_settle(k);
		return;
	}
	int rc =
		sip_locate(k->all->config.locator, &k->config.gateway, on_located, k, &k->location);
	if (rc != 0)
		on_located(k, rc, NULL, 0);
}

/* ---- what was found ---- */

static struct target *find_same(const struct list *in, const struct sip_target *at)
{
	list_for_each (it, in) {
		struct target *t = CONTAINER_OF(it, struct target, link);
		if (t->at.transport == at->transport && addr_equal(&t->at.addr, &at->addr))
			return t;
	}
	return NULL;
}

/* Those that are still there keep what is known of them. Without memory for a new one it is left
 * out until the next time. */
static void take(struct trunk *k, const struct sip_target *targets, size_t n)
{
	size_t n_before = k->n_targets, n_new = 0;
	struct list old;

	list_take(&k->targets, &old);
	k->n_targets = 0;
	for (size_t i = 0; i < n; i++) {
		if (find_same(&k->targets, &targets[i]))
			continue; /* two names of one address: the first counts */
		struct target *t = find_same(&old, &targets[i]);
		bool is_new = t == NULL;
		if (t)
			list_remove(&t->link);
		else
			t = target_open(k, &targets[i]);
		if (!t)
			continue;
		list_append(&k->targets, &t->link);
		t->at = targets[i];
		t->at.has_udp_alone = targets[i].transport == SIP_UDP;
		k->n_targets++;
		n_new += is_new;
		if (is_new && k->all->transactions)
			health_start(t);
	}
	size_t n_gone = n_before + n_new - k->n_targets;
	list_for_each_safe (it, &old) {
		struct target *t = CONTAINER_OF(it, struct target, link);
		target_remember(t);
		target_close(t);
	}
	if (n_new + n_gone > 0)
		log_info(LOG_SIP, "trunk addresses", "trunk=%s new=%zu gone=%zu all=%zu",
			k->config.name, n_new, n_gone, k->n_targets);
}

static uint64_t failed(struct trunk *k, int rc)
{
	uint64_t wait_ms = FAILED_MS;

	trunk_count(k, TRUNK_C_LOOKUPS_FAILED);
	if (k->n_lookups_failed++ == 0)
		log_warning(LOG_SIP, "trunk not looked up",
			"trunk=%s host=%s error=\"%s\" kept=%zu", k->config.name,
			k->config.gateway.host, err_text(rc), k->n_targets);
	for (unsigned i = 1; i < k->n_lookups_failed && wait_ms < FAILED_MOST_MS; i++)
		wait_ms *= 2;
	return wait_ms < FAILED_MOST_MS ? wait_ms : FAILED_MOST_MS;
}

static uint64_t found(struct trunk *k, const struct sip_target *targets, size_t n)
{
	uint64_t ttl_ms = (uint64_t)targets[0].ttl_s * 1000;

	if (k->n_lookups_failed > 0)
		log_notice(LOG_SIP, "trunk looked up again", "trunk=%s host=%s", k->config.name,
			k->config.gateway.host);
	k->n_lookups_failed = 0;
	take(k, targets, n);
	if (ttl_ms < LEAST_MS)
		return LEAST_MS;
	return ttl_ms < MOST_MS ? ttl_ms : MOST_MS;
}

static void on_located(void *arg, int rc, const struct sip_target *targets, size_t n)
{
	struct trunk *k = arg;

	k->location = NULL;
	uint64_t wait_ms = n > 0 ? found(k, targets, n) : failed(k, rc);
	trunk_timer(k, &k->lookup, trunk_jitter(k, wait_ms));
	trunk_settle(k);
}

/* ---- life ---- */

/* Nothing is asked for it. */
static void take_address(struct trunk *k, const struct addr *address)
{
	const struct sip_next_hop *g = &k->config.gateway;
	struct sip_target target = {.transport = g->transport,
		.addr = *address,
		.local = g->local,
		.ttl_s = UINT32_MAX};

	target.addr.port = g->port ? g->port : sip_transport_port(g->transport);
	if (g->transport == SIP_TLS)
		memcpy(target.name, g->domain, sizeof(target.name));
	take(k, &target, 1);
}

void lookup_init(struct trunk *k)
{
	struct addr address;

	list_init(&k->targets);
	wheel_timer_init(&k->lookup, ask);
	if (has_address(k, &address))
		take_address(k, &address);
}

void lookup_start(struct trunk *k)
{
	struct addr address;

	if (has_address(k, &address)) {
		if (k->n_targets == 0)
			trunk_timer(k, &k->lookup, AGAIN_MS);
	} else if (k->all->config.locator) {
		trunk_timer(k, &k->lookup, k->all->config.random_below(SPREAD_MS));
	}
}

void lookup_stop(struct trunk *k)
{
	wheel_cancel(k->all->config.wheel, &k->lookup);
	if (k->location)
		sip_locate_cancel(k->location);
	k->location = NULL;
}
