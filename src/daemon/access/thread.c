/* SPDX-License-Identifier: BSD-3-Clause */
/* Making, starting and ending the thread of the SIP door, and what main tells it. */
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

#include <sallyport/crypto.h>

#include "thread.h"

/* More than all that may be on its way here at once, so that an answer for the front end always
 * finds room: requests for credentials, and a few words of main's. */
#define MAILBOX_LEN     256
#define RETRY_AFTER_S   10
#define DNS_TIMEOUT_MS  4000
#define DNS_QUESTIONS   64
#define INSIDE_ACCEPTED 256
#define INSIDE_DIALLED  64
#define INSIDE_PER_PEER 64
#define INSIDE_IDLE_MS  (60 * 60 * 1000)

/* ---- what may change ---- */

static void news_destroy(struct access_news *n)
{
	if (!n)
		return;
	crypto_tls_destroy(n->outside);
	crypto_tls_destroy(n->inside);
	crypto_tls_destroy(n->client);
	free(n->strings);
	free(n);
}

static size_t strings_len(const struct options_access *o)
{
	const char *const *domain = o->domains.items;
	size_t len = o->media_relay ? strlen(o->media_relay) + 1 : 1;

	for (size_t i = 0; i < o->domains.n; i++)
		len += strlen(domain[i]) + 1;
	return len;
}

static const char *keep(char **at, const char *text)
{
	char *out = *at;
	size_t size = strlen(text) + 1;

	memcpy(out, text, size);
	*at += size;
	return out;
}

/* Copies: the document it is from may be gone before the thread has others. NULL: no memory. */
static struct access_news *news_create(const struct settings *s)
{
	const struct options_access *o = &s->options->access;
	const char *const *domain = o->domains.items;
	struct access_news *n = calloc(1, sizeof(*n) + o->domains.n * sizeof(n->domains[0]));
	char *at = n ? malloc(strings_len(o)) : NULL;

	if (!at) {
		free(n);
		return NULL;
	}
	n->strings = at;
	for (size_t i = 0; i < o->domains.n; i++)
		n->domains[i] = keep(&at, domain[i]);
	n->rules = (struct access_rules){.domains = n->domains,
		.n_domains = o->domains.n,
		.stranger_rate = (uint32_t)o->limits.stranger_rate,
		.client_rate = (uint32_t)o->limits.client_rate,
		.media_relay = o->media_relay ? keep(&at, o->media_relay) : NULL,
		.flow_timer_s = (uint32_t)o->flow_timer_s,
		.retry_after_s = RETRY_AFTER_S};
	n->outside = crypto_tls_get(s->access.outside);
	n->inside = crypto_tls_get(s->access.inside);
	n->client = crypto_tls_get(s->access.client);
	return n;
}

/* On the thread. */
static void on_news(void *ctx, void *payload)
{
	struct access_thread *t = ctx;
	struct access_news *n = *(struct access_news **)payload;

	for (uint32_t i = 0; i < t->options->tls.n + t->options->wss.n; i++)
		sip_transport_tls_set(t->outside, i, n->outside);
	for (uint32_t i = 0; i < t->options->inside.listen.n; i++)
		sip_transport_tls_set(t->inside, i, n->inside);
	sip_transport_client_tls_set(t->inside, n->client);
	access_rules_set(t->access, &n->rules);
	news_destroy(t->news);
	t->news = n;
}

static void discard_news(void *payload)
{
	news_destroy(*(struct access_news **)payload);
}

static const struct msg_type news_msg = {
	"access news", sizeof(struct access_news *), on_news, discard_news};

int access_thread_update(struct access_thread *t, const struct settings *s)
{
	struct access_news *n = news_create(s);
	int rc = n ? loop_post(t->loop, &news_msg, t, &n) : -ENOMEM;

	if (rc != 0)
		news_destroy(n);
	return rc;
}

static void on_drain(void *ctx, void *payload)
{
	access_drain_set(((struct access_thread *)ctx)->access, *(bool *)payload);
}

static const struct msg_type drain_msg = {"access drain", sizeof(bool), on_drain, NULL};

int access_thread_drain(struct access_thread *t, bool is_on)
{
	return loop_post(t->loop, &drain_msg, t, &is_on);
}

/* ---- making ---- */

static int read_options(struct access_thread *t)
{
	int rc = conf_load_file(t->config.path, options_table, sizeof(struct options), &t->doc);
	char a[ADDR_TEXT_LEN];

	if (rc != 0)
		return rc;
	t->options = &((const struct options *)conf_root(t->doc))->access;
	const struct options_access_inside *i = &t->options->inside;
	const struct addr *listen = i->listen.items;
	(void)snprintf(t->inside_host, sizeof(t->inside_host), "%s",
		i->host ? i->host : addr_format_ip(&listen[0], a));
	return 0;
}

static int make_resolver(struct access_thread *t, char why[ACCESS_THREAD_WHY_LEN])
{
	const struct conf_list *servers = &t->options->inside.dns_servers;
	const struct dns_config c = {.loop = t->loop,
		.servers = servers->items,
		.n_servers = servers->n,
		.resolv_conf = "/etc/resolv.conf",
		.hosts = "/etc/hosts",
		.timeout_ms = DNS_TIMEOUT_MS,
		.max_questions = DNS_QUESTIONS};

	return dns_create(&c, &t->dns, why);
}

static void add_listeners(struct access_thread *t, struct sip_listener_config *out, uint32_t *n,
	const struct conf_list *l, enum sip_transport transport)
{
	const struct addr *a = l->items;

	for (size_t i = 0; i < l->n; i++, (*n)++) {
		out[*n] = (struct sip_listener_config){.transport = transport,
			.local = a[i],
			.tls = t->news->outside,
			.origins = t->options->origins.items,
			.n_origins = t->options->origins.n};
		t->faces[*n] = (struct access_face){t->options->host, a[i].port, transport};
	}
}

static struct sip_transport_config transport_config(struct access_thread *t)
{
	return (struct sip_transport_config){.loop = t->loop,
		.wheel = loop_wheel(t->loop),
		.clock = loop_clock(t->loop),
		.net = t->net,
		.cells = metrics_set_cells(
			t->config.metrics, &sip_transport_counters, t->config.block),
		.limits = sip_transport_limits_default};
}

/* Half of all places are for those who are known, at least. */
static uint32_t strangers_of(const struct options_access_limits *l)
{
	uint64_t half = (l->connections + 1) / 2;

	return (uint32_t)(l->strangers < half ? l->strangers : half);
}

static int make_outside(struct access_thread *t, char why[ACCESS_THREAD_WHY_LEN])
{
	const struct options_access_limits *l = &t->options->limits;
	struct sip_transport_config c = transport_config(t);
	size_t n = t->options->tls.n + t->options->wss.n;
	struct sip_listener_config *listeners = calloc(n, sizeof(*listeners));

	t->faces = calloc(n, sizeof(*t->faces));
	if (!listeners || !t->faces) {
		free(listeners);
		return -ENOMEM;
	}
	add_listeners(t, listeners, &c.n_listeners, &t->options->tls, SIP_TLS);
	add_listeners(t, listeners, &c.n_listeners, &t->options->wss, SIP_WSS);
	c.listeners = listeners;
	c.limits.accepted = (uint32_t)l->connections;
	c.limits.per_client = (uint32_t)l->connections_per_client;
	c.limits.unready = (uint32_t)l->handshakes;
	c.limits.strangers = strangers_of(l);
	c.limits.strangers_per_client = (uint32_t)l->strangers_per_client;
	c.limits.stranger_ms = (uint32_t)l->stranger_time_s * 1000;
	c.limits.stranger_bytes = c.limits.buffer_bytes / 2;
	c.limits.dialled = 0;
	c.limits.message_bytes = (uint32_t)l->message_size;
	c.limits.idle_ms = (uint32_t)l->idle_s * 1000;
	c.user = door_outside(t);
	int rc = sip_transport_create(&c, &t->outside, why);
	free(listeners);
	return rc;
}

static int make_inside(struct access_thread *t, char why[ACCESS_THREAD_WHY_LEN])
{
	const struct conf_list *l = &t->options->inside.listen;
	const struct addr *a = l->items;
	struct sip_transport_config c = transport_config(t);
	struct sip_listener_config *listeners = calloc(l->n, sizeof(*listeners));

	if (!listeners)
		return -ENOMEM;
	for (size_t i = 0; i < l->n; i++)
		listeners[i] = (struct sip_listener_config){
			.transport = SIP_TLS, .local = a[i], .tls = t->news->inside};
	c.listeners = listeners;
	c.n_listeners = (uint32_t)l->n;
	c.client_tls = t->news->client;
	c.limits.accepted = INSIDE_ACCEPTED;
	c.limits.per_client = INSIDE_PER_PEER;
	c.limits.unready = INSIDE_PER_PEER;
	c.limits.dialled = INSIDE_DIALLED;
	c.limits.queue_bytes = 4 * 1024 * 1024; /* all clients share a connection */
	c.limits.client_bytes = c.limits.buffer_bytes;
	c.limits.idle_ms = INSIDE_IDLE_MS;
	c.user = door_inside(t);
	int rc = sip_transport_create(&c, &t->inside, why);
	free(listeners);
	return rc;
}

static int make_door(struct access_thread *t)
{
	struct access_config c = {.clock = loop_clock(t->loop),
		.cells = metrics_set_cells(t->config.metrics, &access_counters, t->config.block),
		.carrier = door_carrier(t),
		.outside = t->faces,
		.n_outside = t->options->tls.n + t->options->wss.n,
		.inside = {t->inside_host, sip_transport_local(t->inside, 0).port, SIP_TLS},
		.max_flows = t->options->limits.connections,
		.rules = &t->news->rules};

	crypto_random(c.key, sizeof(c.key));
	crypto_random(&c.hash, sizeof(c.hash));
	t->access = access_create(&c);
	crypto_wipe(c.key, sizeof(c.key));
	return t->access ? upstream_init(&t->upstream, t) : -ENOMEM;
}

static int make_all(struct access_thread *t, char why[ACCESS_THREAD_WHY_LEN])
{
	t->loop = loop_create("access", MAILBOX_LEN);
	t->news = news_create(t->config.settings);
	if (!t->loop || !t->news)
		return -ENOMEM;
	t->net = net_create(
		t->loop, metrics_set_cells(t->config.metrics, &net_counters, t->config.block));
	if (!t->net)
		return -ENOMEM;
	int rc = read_options(t);
	if (rc == 0)
		rc = make_resolver(t, why);
	if (rc == 0)
		rc = make_outside(t, why);
	if (rc == 0)
		rc = make_inside(t, why);
	return rc == 0 ? make_door(t) : rc;
}

int access_thread_create(const struct access_thread_config *c, struct access_thread **out,
	char why[ACCESS_THREAD_WHY_LEN])
{
	struct access_thread *t = calloc(1, sizeof(*t));

	(void)snprintf(why, ACCESS_THREAD_WHY_LEN, "cannot make the thread of the SIP door");
	if (!t)
		return -ENOMEM;
	t->config = *c;
	int rc = make_all(t, why);
	if (rc != 0) {
		access_thread_destroy(t);
		return rc;
	}
	*out = t;
	return 0;
}

/* ---- life ---- */

static void on_begin(void *ctx, void *payload)
{
	(void)payload;
	upstream_begin(&((struct access_thread *)ctx)->upstream);
}

static const struct msg_type begin_msg = {"begin", 0, on_begin, NULL};

int access_thread_start(struct access_thread *t)
{
	int rc = loop_post(t->loop, &begin_msg, t, NULL);

	return rc == 0 ? loop_thread_start(t->loop, &t->thread) : rc;
}

void access_thread_log(const struct access_thread *t)
{
	char a[ADDR_TEXT_LEN];

	for (uint32_t i = 0; i < t->options->tls.n + t->options->wss.n; i++) {
		struct addr local = sip_transport_local(t->outside, i);
		log_notice(LOG_DAEMON, "listening", "access=outside address=%s transport=%s",
			addr_format(&local, a), sip_transport_name(t->faces[i].transport));
	}
	for (uint32_t i = 0; i < t->options->inside.listen.n; i++) {
		struct addr local = sip_transport_local(t->inside, i);
		log_notice(LOG_DAEMON, "listening", "access=inside address=%s transport=TLS",
			addr_format(&local, a));
	}
}

static void on_stop(void *ctx, void *payload)
{
	(void)payload;
	loop_stop(((struct access_thread *)ctx)->loop);
}

static const struct msg_type stop_msg = {"stop", 0, on_stop, NULL};

static void stop(struct access_thread *t)
{
	if (!t->thread)
		return;
	while (loop_post(t->loop, &stop_msg, t, NULL) != 0)
		usleep(1000);
	(void)loop_thread_join(t->thread);
	t->thread = NULL;
}

void access_thread_destroy(struct access_thread *t)
{
	if (!t)
		return;
	stop(t);
	upstream_fini(&t->upstream);
	access_destroy(t->access);
	sip_transport_destroy(t->outside);
	sip_transport_destroy(t->inside);
	dns_destroy(t->dns);
	net_destroy(t->net);
	if (t->loop)
		loop_destroy(t->loop);
	news_destroy(t->news);
	free(t->faces);
	if (t->doc)
		conf_destroy(t->doc);
	free(t);
}
