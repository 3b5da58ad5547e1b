/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * SIP transports by hand, for the integration scripts:
 *
 *   sipprobe [TLS] locate URI                 prints its targets, in order
 *   sipprobe [TLS] options URI                sends OPTIONS to one after the other, until one
 * answers sipprobe [TLS] serve TRANSPORT ADDRESS... answers what comes with 200, until SIGTERM
 *
 * TLS: -c CERTIFICATE -k KEY -a CA. -r RESOLVER, "127.0.0.1@53"; else /etc/resolv.conf's.
 */
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>
#include <unistd.h>

#include <sallyport/sip/transport/locate.h>

#define LISTENERS_MAX 8
#define TIMEOUT_MS    8000
#define MESSAGE_MAX   2000

struct probe {
	struct loop *loop;
	struct net *net;
	struct dns *dns;
	struct sip_locator *locator;
	struct sip_transport_layer *layer;
	metrics_cell net_cells[NET_C_COUNT], cells[SIP_TRANSPORT_C_COUNT];
	const char *certificate, *key, *ca, *resolver;
	struct sip_listener_config listeners[LISTENERS_MAX];
	uint32_t n_listeners;
	struct sip_target targets[SIP_TARGETS_MAX];
	size_t n_targets, next;
	struct sip_flow flow;
	bool is_locating, is_serving;
	int status; /* of the process */
	struct wheel_timer timer;
};

__attribute__((noreturn)) static void die(const char *what, const char *why)
{
	fprintf(stderr, "sipprobe: %s: %s\n", what, why);
	exit(2);
}

static void end(struct probe *p, int status)
{
	p->status = status;
	loop_stop(p->loop);
}

static void print_target(const char *what, const struct sip_target *t)
{
	char text[ADDR_TEXT_LEN];

	printf("%s %s %s%s%s\n", what, sip_transport_name(t->transport),
		addr_format(&t->addr, text), t->name[0] ? " " : "", t->name);
	(void)fflush(stdout);
}

/* ---- asking ---- */

static size_t write_options(const struct sip_target *t, char *out)
{
	static const char format[] = "OPTIONS sip:probe SIP/2.0\r\n"
				     "Via: SIP/2.0/%s probe.invalid;rport;branch=z9hG4bK%u\r\n"
				     "From: <sip:probe@probe.invalid>;tag=1\r\n"
				     "To: <sip:probe>\r\nCall-ID: %u\r\nCSeq: 1 OPTIONS\r\n"
				     "Max-Forwards: 70\r\nContent-Length: 0\r\n\r\n";
	unsigned id = crypto_random_below(1u << 30);

	return (size_t)snprintf(out, MESSAGE_MAX, format, sip_transport_name(t->transport), id, id);
}

static void try_next(struct probe *p)
{
	char text[MESSAGE_MAX];

	while (p->next < p->n_targets) {
		const struct sip_target *t = &p->targets[p->next++];
		size_t len = write_options(t, text);
		print_target("trying", t);
		int rc = sip_transport_request(p->layer, t, bytes_of(text, len), p->next, &p->flow);
		if (rc == 0)
			return;
		printf("unsent: %s\n", err_text(rc));
	}
	printf("no target left\n");
	end(p, 1);
}

static void on_located(void *arg, int rc, const struct sip_target *targets, size_t n)
{
	struct probe *p = arg;

	if (rc != 0) {
		printf("not located: %s\n", err_text(rc));
		end(p, 1);
		return;
	}
	memcpy(p->targets, targets, n * sizeof(*targets));
	p->n_targets = n;
	for (size_t i = 0; i < n; i++)
		print_target("target", &targets[i]);
	if (p->is_locating)
		end(p, 0);
	else
		try_next(p);
}

/* ---- what is told ---- */

static void print_arrival(const struct sip_arrival *a, const struct sip_msg *m)
{
	char text[ADDR_TEXT_LEN];

	if (m->is_request)
		printf("request %.*s", (int)m->method_name.len, m->method_name.at);
	else
		printf("status %u", m->status);
	printf(" by %s from %s peer", sip_transport_name(a->transport),
		addr_format_ip(&a->remote, text));
	for (size_t i = 0; a->peer && i < a->peer->n_names; i++)
		printf(" %s", a->peer->names[i]);
	printf("\n");
	(void)fflush(stdout);
}

static void answer(struct probe *p, const struct sip_arrival *a, const struct sip_msg *m)
{
	char text[MESSAGE_MAX];
	struct sip_writer w;
	struct sip_target to = {.addr = a->remote};
	struct sip_via via;
	unsigned status = m->refusal == SIP_FINE ? 200 : sip_refusal_status(m->refusal);

	sip_write_begin(&w, text, sizeof(text));
	sip_write_response(&w, m, status, NULL, sip_str_c("probe"), &a->remote);
	sip_write_body(&w, SIP_NONE, SIP_NONE);
	if (sip_via_top(m, &via) == 0)
		(void)sip_response_target(&via, &a->remote, &to);
	int rc = w.failed ? ERR_NO_SPACE
			  : sip_transport_send(
				    p->layer, a->flow, &to.addr, bytes_of(text, w.len), 0);
	if (rc != 0)
		printf("no answer: %s\n", err_text(rc));
}

static void on_arrived(void *arg, const struct sip_arrival *a)
{
	struct probe *p = arg;
	enum sip_carrier carrier =
		a->transport == SIP_TCP || a->transport == SIP_TLS ? SIP_STREAM : SIP_DATAGRAM;
	static struct sip_msg m;

	(void)sip_msg_decode(a->message.data, a->message.len, carrier, &m);
	print_arrival(a, &m);
	if (p->is_serving && sip_msg_is_answerable(&m))
		answer(p, a, &m);
	else if (!p->is_serving && !m.is_request)
		end(p, m.status == 200 ? 0 : 1);
}

static void on_failed(void *arg, uint64_t token, struct sip_flow flow, int why)
{
	(void)arg;
	(void)flow;
	printf("failed %u: %s\n", (unsigned)token, err_text(why));
}

static void on_closed(void *arg, struct sip_flow flow, int why)
{
	struct probe *p = arg;

	printf("closed: %s\n", err_text(why));
	(void)fflush(stdout);
	if (!p->is_serving && sip_flow_equal(flow, p->flow))
		try_next(p);
}

static void on_unreachable(void *arg, struct sip_flow flow, const struct addr *peer)
{
	struct probe *p = arg;

	(void)flow;
	printf("unreachable\n");
	if (!p->is_serving && addr_equal(peer, &p->targets[p->next - 1].addr))
		try_next(p);
}

static void on_time_out(struct wheel_timer *t, void *arg)
{
	struct probe *p = CONTAINER_OF(t, struct probe, timer);

	(void)arg;
	printf("nothing came\n");
	end(p, 1);
}

/* ---- setting up ---- */

static struct ssl_ctx_st *server_tls(const struct probe *p)
{
	struct crypto_tls_config c = {.certificate = p->certificate,
		.private_key = p->key,
		.client_ca = p->ca,
		.client_required = p->ca != NULL};
	struct ssl_ctx_st *tls;
	char why[CRYPTO_WHY_LEN];

	if (!p->certificate || crypto_tls_server_create(&c, &tls, why) != 0)
		die("TLS", p->certificate ? why : "it wants -c and -k");
	return tls;
}

static struct ssl_ctx_st *client_tls(const struct probe *p)
{
	struct crypto_tls_client_config c = {
		.certificate = p->certificate, .private_key = p->key, .ca = p->ca};
	struct ssl_ctx_st *tls;
	char why[CRYPTO_WHY_LEN];

	if (!p->ca)
		return NULL;
	if (crypto_tls_client_create(&c, &tls, why) != 0)
		die("TLS", why);
	return tls;
}

static void listen_on(struct probe *p, enum sip_transport transport, const char *address)
{
	struct sip_listener_config *l = &p->listeners[p->n_listeners++];

	if (p->n_listeners > LISTENERS_MAX ||
		addr_parse(address, sip_transport_port(transport), &l->local) != 0)
		die(address, "not an address");
	l->transport = transport;
	l->tls = sip_transport_is_secure(transport) ? server_tls(p) : NULL;
}

static void open_layer(struct probe *p)
{
	struct sip_transport_config c = {.loop = p->loop,
		.wheel = loop_wheel(p->loop),
		.clock = loop_clock(p->loop),
		.net = p->net,
		.cells = p->cells,
		.listeners = p->listeners,
		.n_listeners = p->n_listeners,
		.client_tls = client_tls(p),
		.limits = sip_transport_limits_default,
		.user = {on_arrived, on_failed, on_closed, on_unreachable, NULL, NULL, p}};
	char why[SIP_TRANSPORT_WHY_LEN], text[ADDR_TEXT_LEN];

	if (sip_transport_create(&c, &p->layer, why) != 0)
		die("listening", why);
	crypto_tls_destroy(c.client_tls);
	for (uint32_t i = 0; i < p->n_listeners; i++) {
		struct addr a = sip_transport_local(p->layer, i);
		crypto_tls_destroy(p->listeners[i].tls);
		printf("listening %s %s\n", sip_transport_name(p->listeners[i].transport),
			addr_format(&a, text));
	}
	(void)fflush(stdout);
}

static void open_locator(struct probe *p)
{
	const struct dns_config d = {.loop = p->loop,
		.servers = &p->resolver,
		.n_servers = p->resolver ? 1 : 0,
		.timeout_ms = TIMEOUT_MS,
		.max_questions = 64};
	char why[DNS_WHY_LEN];

	if (dns_create(&d, &p->dns, why) != 0)
		die("DNS", why);
	const struct sip_locator_config c = {.loop = p->loop,
		.wheel = loop_wheel(p->loop),
		.clock = loop_clock(p->loop),
		.cells = p->cells,
		.dns = sip_locator_dns_of(p->dns),
		.has_udp = true,
		.has_tcp = true,
		.has_tls = p->ca != NULL,
		.has_ipv4 = true,
		.has_ipv6 = true,
		.timeout_ms = TIMEOUT_MS / 2,
		.max = 1,
		.random_below = crypto_random_below};
	p->locator = sip_locator_create(&c);
	if (!p->locator)
		die("locator", "out of memory");
}

static void ask(struct probe *p, const char *text)
{
	struct sip_next_hop hop;
	struct sip_uri uri;

	if (sip_uri_decode(sip_str_c(text), &uri) != 0 || sip_next_hop_of(&uri, &hop) != 0)
		die(text, "not a URI that we can send to");
	listen_on(p, SIP_UDP, "0.0.0.0:0");
	listen_on(p, SIP_UDP, "[::]:0");
	open_layer(p);
	open_locator(p);
	wheel_timer_init(&p->timer, on_time_out);
	wheel_set(loop_wheel(p->loop), &p->timer, loop_clock(p->loop)->mono_ms + TIMEOUT_MS);
	if (sip_locate(p->locator, &hop, on_located, p, NULL) != 0)
		die(text, "cannot be looked up");
}

static void on_signal(int signo, void *arg)
{
	(void)signo;
	end(arg, 0);
}

static void serve(struct probe *p, const char *transport, char **addresses, int n)
{
	enum sip_transport t = sip_transport_find(sip_str_c(transport));

	p->is_serving = true;
	for (int i = 0; i < n; i++)
		listen_on(p, t, addresses[i]);
	open_layer(p);
	if (loop_signal_add(p->loop, SIGTERM, on_signal, p) != 0)
		die("signals", "out of memory");
}

static void read_options(struct probe *p, int argc, char **argv)
{
	for (int o; (o = getopt(argc, argv, "c:k:a:r:")) != -1;) {
		const char **at = o == 'c'   ? &p->certificate
				  : o == 'k' ? &p->key
				  : o == 'a' ? &p->ca
					     : &p->resolver;
		if (o == '?')
			exit(2);
		*at = optarg;
	}
}

int main(int argc, char **argv)
{
	static struct probe p;

	(void)signal(SIGPIPE, SIG_IGN);
	read_options(&p, argc, argv);
	argv += optind;
	argc -= optind;
	p.loop = loop_create("probe", 4);
	p.net = p.loop ? net_create(p.loop, p.net_cells) : NULL;
	if (!p.net)
		die("start", "out of memory");
	if (argc == 2 && strcmp(argv[0], "locate") == 0) {
		p.is_locating = true;
		ask(&p, argv[1]);
	} else if (argc == 2 && strcmp(argv[0], "options") == 0) {
		ask(&p, argv[1]);
	} else if (argc >= 3 && strcmp(argv[0], "serve") == 0) {
		serve(&p, argv[1], argv + 2, argc - 2);
	} else {
		die("usage", "locate URI | options URI | serve TRANSPORT ADDRESS...");
	}
	int rc = loop_run(p.loop);
	sip_locator_destroy(p.locator);
	dns_destroy(p.dns);
	sip_transport_destroy(p.layer);
	if (p.timer.fn)
		wheel_cancel(loop_wheel(p.loop), &p.timer);
	net_destroy(p.net);
	loop_destroy(p.loop);
	return rc == 0 ? p.status : 2;
}
