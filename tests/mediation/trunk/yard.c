/* SPDX-License-Identifier: BSD-3-Clause */
#include "yard.h"

static uint32_t middle(uint32_t bound)
{
	return bound / 2;
}

/* ---- DNS ---- */

static int ask(void *arg, const char *name, enum dns_type type, dns_answer_fn fn, void *fn_arg,
	struct dns_question **out)
{
	struct yard *y = arg;

	for (size_t i = 0; i < ARRAY_LEN(y->questions); i++) {
		struct dns_question *q = &y->questions[i];
		if (q->is_open)
			continue;
		*q = (struct dns_question){.is_open = true, .type = type, .fn = fn, .arg = fn_arg};
		snprintf(q->name, sizeof(q->name), "%s", name);
		y->n_questions++;
		*out = q;
		return 0;
	}
	return ERR_FULL;
}

static void cancel(struct dns_question *q)
{
	assert_true(q->is_open);
	q->is_open = false;
}

static void answer_dns(struct yard *y)
{
	for (size_t i = 0; i < ARRAY_LEN(y->questions); i++) {
		struct dns_question *q = &y->questions[i];
		struct dns_record found[16];
		size_t n = 0;
		if (!q->is_open)
			continue;
		q->is_open = false;
		for (size_t k = 0; k < y->n_records; k++) {
			if (y->record_types[k] == q->type)
				found[n++] = y->records[k];
		}
		q->fn(q->arg, y->dns_rc, found, y->dns_rc == 0 ? n : 0);
	}
	(void)loop_deliver(y->loop);
}

static struct dns_record *add(struct yard *y, enum dns_type type, uint32_t ttl_s)
{
	struct dns_record *r = &y->records[y->n_records];

	assert_true(y->n_records < ARRAY_LEN(y->records));
	y->record_types[y->n_records++] = type;
	*r = (struct dns_record){.ttl_s = ttl_s};
	return r;
}

void yard_srv(struct yard *y, uint16_t priority, uint16_t weight, const char *host, uint32_t ttl_s)
{
	struct dns_record *r = add(y, DNS_SRV, ttl_s);

	r->priority = priority;
	r->weight = weight;
	r->port = 5070;
	snprintf(r->name, sizeof(r->name), "%s", host);
}

void yard_address(struct yard *y, const char *ip, uint32_t ttl_s)
{
	assert_int_equal(addr_parse(ip, 0, &add(y, DNS_A, ttl_s)->addr), 0);
}

void yard_no_records(struct yard *y)
{
	y->n_records = 0;
}

/* ---- the wire ---- */

static int on_send(void *arg, struct transaction_hop *to, struct bytes message)
{
	struct yard *y = arg;
	struct yard_sent *s = &y->sent[y->n_sent];

	if (y->send_error)
		return y->send_error;
	for (unsigned i = 0; i < y->n_sent; i++) {
		if (strlen(y->sent[i].text) == message.len &&
			memcmp(y->sent[i].text, message.data, message.len) == 0)
			return 0; /* a repetition */
	}
	assert_true(y->n_sent < YARD_SENT_MAX && message.len < YARD_TEXT_MAX);
	s->at_ms = y->clock.mono_ms;
	s->to = *to;
	memcpy(s->text, message.data, message.len);
	s->text[message.len] = '\0';
	y->n_sent++;
	return 0;
}

static int on_via(void *arg, const struct transaction_hop *to, struct sip_via_own *out)
{
	(void)arg;
	(void)to;
	out->transport = "UDP";
	out->host = (struct sip_host){sip_str_c("192.0.2.1"), SIP_HOST_IPV4};
	out->port = 5060;
	return 0;
}

static void on_request(void *arg, struct server_transaction *s, const struct sip_msg *m)
{
	(void)arg;
	(void)m;
	server_transaction_leave(s);
}

static void on_ack(void *arg, const struct sip_msg *m, const struct transaction_hop *from)
{
	(void)arg;
	(void)m;
	(void)from;
}

static int on_hop(
	void *arg, uint32_t trunk, const struct sip_target *target, struct transaction_hop *out)
{
	(void)arg;
	*out = (struct transaction_hop){.place = trunk + 1,
		.remote = target->addr,
		.is_reliable = target->transport != SIP_UDP};
	return 0;
}

static int on_contact(void *arg, const struct transaction_hop *hop, char *out, size_t cap)
{
	(void)arg;
	(void)hop;
	snprintf(out, cap, "sip:192.0.2.1:5060");
	return 0;
}

void yard_answer(struct yard *y, unsigned i, unsigned status, const char *fields)
{
	static const char *const copied[] = {"Via: ", "From: ", "Call-ID: ", "CSeq: "};
	char text[YARD_TEXT_MAX * 2];
	const struct transaction_hop *from = &y->sent[i].to;
	struct sip_msg m;
	size_t len = (size_t)snprintf(text, sizeof(text), "SIP/2.0 %u X\r\n", status);

	for (size_t k = 0; k < ARRAY_LEN(copied); k++) {
		const char *line = strstr(y->sent[i].text, copied[k]);
		assert_non_null(line);
		len += (size_t)snprintf(
			text + len, sizeof(text) - len, "%.*s\r\n", (int)strcspn(line, "\r"), line);
	}
	len += (size_t)snprintf(
		text + len, sizeof(text) - len, "To: <sip:x@example.com>;tag=t\r\n");
	for (; *fields; fields++) {
		if (*fields == '\n')
			text[len++] = '\r';
		text[len++] = *fields;
	}
	len += (size_t)snprintf(text + len, sizeof(text) - len, "Content-Length: 0\r\n\r\n");
	assert_int_equal(sip_msg_decode(text, len, SIP_DATAGRAM, &m), SIP_FINE);
	transactions_receive(y->transactions, &m, from);
}

bool yard_begins(const struct yard *y, unsigned i, const char *text)
{
	assert_true(i < y->n_sent);
	return strncmp(y->sent[i].text, text, strlen(text)) == 0;
}

bool yard_has(const struct yard *y, unsigned i, const char *line)
{
	char whole[512];

	assert_true(i < y->n_sent);
	(void)snprintf(whole, sizeof(whole), "\r\n%s", line);
	return strstr(y->sent[i].text, whole) != NULL;
}

/* ---- the yard ---- */

static void make_locator(struct yard *y)
{
	const struct sip_locator_config c = {.loop = y->loop,
		.wheel = &y->wheel,
		.clock = &y->clock,
		.cells = y->locator_cells,
		.dns = {ask, cancel, y},
		.has_udp = true,
		.has_tcp = true,
		.has_tls = true,
		.has_ipv4 = true,
		.timeout_ms = 5000,
		.max = 64,
		.random_below = middle};

	y->locator = sip_locator_create(&c);
	assert_non_null(y->locator);
}

static void make_transactions(struct yard *y)
{
	const struct transactions_config c = {.wheel = &y->wheel,
		.clock = &y->clock,
		.carrier = {on_send, on_via, y},
		.user = {on_request, on_ack, y},
		.keys = {{1, 2}, {3, 4}},
		.cells = y->transaction_cells,
		.timers = transaction_timers_default,
		.max_server = 1000,
		.max_client = 1000,
		.max_bytes = 1000 * 4096};

	y->transactions = transactions_create(&c);
	assert_non_null(y->transactions);
}

void yard_host(struct yard *y, uint32_t i, const char *host, uint16_t port)
{
	struct sip_next_hop *g = &y->config[i].gateway;

	snprintf(g->host, sizeof(g->host), "%s", host);
	snprintf(g->domain, sizeof(g->domain), "%s", host);
	g->port = port;
}

struct yard *yard_create(uint32_t n)
{
	struct yard *y = calloc(1, sizeof(*y));

	assert_non_null(y);
	assert_true(n <= YARD_TRUNKS_MAX);
	log_level_set(LOG_LEVEL_ERROR);
	y->clock.mono_ms = 1000000;
	y->loop = loop_create("test", 4);
	assert_non_null(y->loop);
	wheel_init(&y->wheel, y->clock.mono_ms, NULL);
	make_locator(y);
	make_transactions(y);
	y->n = n;
	y->random_below = middle;
	for (uint32_t i = 0; i < n; i++) {
		y->config[i] = (struct trunk_config){.name = "gw",
			.is_enabled = true,
			.sends_options = true,
			.interval_s = 60,
			.fail_after = 3,
			.gateway = {.transport = SIP_UDP, .local = addr_ipv4(0xc0000201, 5060)}};
		yard_host(y, i, "192.0.2.9", 5060);
	}
	return y;
}

void yard_start(struct yard *y)
{
	const struct trunks_config c = {.wheel = &y->wheel,
		.clock = &y->clock,
		.locator = y->locator,
		.user = {on_hop, on_contact, NULL, y},
		.trunks = y->config,
		.n_trunks = y->n,
		.cells = y->cells,
		.random_below = y->random_below};

	y->trunks = trunks_create(&c);
	assert_non_null(y->trunks);
	trunks_start(y->trunks, y->transactions);
}

void yard_destroy(struct yard *y)
{
	trunks_destroy(y->trunks);
	transactions_destroy(y->transactions);
	sip_locator_destroy(y->locator);
	assert_int_equal(y->wheel.count, 0);
	loop_destroy(y->loop);
	free(y);
}

void yard_pass(struct yard *y, unsigned ms)
{
	for (unsigned i = 0; i < ms; i += 100) {
		y->clock.mono_ms += 100;
		wheel_advance(&y->wheel, y->clock.mono_ms);
		answer_dns(y); /* a step for each kind of question */
		answer_dns(y);
	}
}

unsigned yard_await(struct yard *y, unsigned ms)
{
	unsigned n = y->n_sent;

	for (unsigned i = 0; i < ms && y->n_sent == n; i += 100)
		yard_pass(y, 100);
	assert_true(y->n_sent > n);
	return n;
}

uint64_t yard_count(const struct yard *y, uint32_t trunk, enum trunk_counter row)
{
	return metrics_get(y->cells + (size_t)trunk * TRUNK_C_COUNT, row);
}

const char *yard_targets(struct yard *y)
{
	static char text[SIP_TARGETS_MAX * ADDR_TEXT_LEN];
	const struct sip_target *out[SIP_TARGETS_MAX];
	char address[ADDR_TEXT_LEN];
	size_t n_up, n = trunks_targets(y->trunks, 0, out, &n_up), len = 0;

	text[0] = '\0';
	for (size_t i = 0; i < n; i++)
		len += (size_t)snprintf(text + len, sizeof(text) - len, "%s%s", i > 0 ? " " : "",
			addr_format(&out[i]->addr, address));
	return text;
}
