/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * turnload: real TURN clients and their peers in one process, by the thousand, to load a relay with
 * paced packets both ways and tell what became of each: lost, late, out of order, changed. Any TURN
 * server will do. Options here; the parts: load.h.
 */
#include <getopt.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <unistd.h>

#include "load.h"

#define SETTLE_US 5000 /* a thread's time is only counted once it rests */

static const char USAGE[] =
	"usage: turnload [OPTION]... SERVER[:PORT]\n"
	"       turnload --direct [OPTION]...\n"
	"  --user NAME --password TEXT   long-term credentials\n"
	"  --clients N          allocations, each with a channel to a peer of its own (100)\n"
	"  --from ADDRESS:PORT  of the first client; the port counts up, then the address\n"
	"  --peer ADDRESS:PORT  of the first peer, likewise; IPv6 asks for IPv6 relays\n"
	"  --per-address N      clients, and peers, on one address (1000)\n"
	"  --transport udp|tcp|tls       of the clients (udp)\n"
	"  --from-space PATH, --peer-space PATH   network namespaces they live in\n"
	"  --from-link IF,MAC, --peer-link IF,MAC  send and take whole frames there, with MAC as "
	"the\n"
	"                       next hop, instead of a socket for each; the namespace drops UDP\n"
	"                       at ingress\n"
	"  --checksum partial|complete   of such frames (partial, as the kernel's own)\n"
	"  --size N | A-B       bytes of payload, or all sizes between (172); at most 1472\n"
	"  --rate N             packets a second, both ways together (5000)\n"
	"  --flow-rate N        the same as packets a second for each flow and way\n"
	"  --seconds N          of traffic (5), at most 240; 0: allocations only\n"
	"  --lead N             packets of each flow and way before what is measured (0)\n"
	"  --tick N             sleep N us between looks; 0 never sleeps, for a core of its own "
	"(0)\n"
	"  --search             the highest rate, from --rate on, that loses at most\n"
	"  --loss N             percent (0.1)\n"
	"  --direct             without a relay: clients send to the peers' addresses, and back\n"
	"  --pid N              the server's process: its memory and processor time\n"
	"  --core N             tell how busy this core was\n"
	"  --soak               instead of sleeping take what nobody else wants of the core, and\n"
	"                       tell by that how busy it was\n"
	"  --warm-up N          allocations before the first reading of memory (64)\n"
	"  --json               one line of JSON;  --label TEXT goes into it\n";

enum option_id {
	O_USER = 1,
	O_PASSWORD,
	O_CLIENTS,
	O_FROM,
	O_PEER,
	O_PER_ADDRESS,
	O_TRANSPORT,
	O_FROM_SPACE,
	O_PEER_SPACE,
	O_FROM_LINK,
	O_PEER_LINK,
	O_CHECKSUM,
	O_SIZE,
	O_RATE,
	O_FLOW_RATE,
	O_SECONDS,
	O_LEAD,
	O_TICK,
	O_SEARCH,
	O_LOSS,
	O_DIRECT,
	O_PID,
	O_CORE,
	O_SOAK,
	O_WARM_UP,
	O_JSON,
	O_LABEL,
};

static const struct option OPTIONS[] = {
	{"user", required_argument, NULL, O_USER},
	{"password", required_argument, NULL, O_PASSWORD},
	{"clients", required_argument, NULL, O_CLIENTS},
	{"from", required_argument, NULL, O_FROM},
	{"peer", required_argument, NULL, O_PEER},
	{"per-address", required_argument, NULL, O_PER_ADDRESS},
	{"transport", required_argument, NULL, O_TRANSPORT},
	{"from-space", required_argument, NULL, O_FROM_SPACE},
	{"peer-space", required_argument, NULL, O_PEER_SPACE},
	{"from-link", required_argument, NULL, O_FROM_LINK},
	{"peer-link", required_argument, NULL, O_PEER_LINK},
	{"checksum", required_argument, NULL, O_CHECKSUM},
	{"size", required_argument, NULL, O_SIZE},
	{"rate", required_argument, NULL, O_RATE},
	{"flow-rate", required_argument, NULL, O_FLOW_RATE},
	{"seconds", required_argument, NULL, O_SECONDS},
	{"lead", required_argument, NULL, O_LEAD},
	{"tick", required_argument, NULL, O_TICK},
	{"search", no_argument, NULL, O_SEARCH},
	{"loss", required_argument, NULL, O_LOSS},
	{"direct", no_argument, NULL, O_DIRECT},
	{"pid", required_argument, NULL, O_PID},
	{"core", required_argument, NULL, O_CORE},
	{"soak", no_argument, NULL, O_SOAK},
	{"warm-up", required_argument, NULL, O_WARM_UP},
	{"json", no_argument, NULL, O_JSON},
	{"label", required_argument, NULL, O_LABEL},
	{NULL, 0, NULL, 0},
};

/* ---- command line ---- */

/* "veth0,02:00:00:00:00:01"; keeps what stands before the comma. */
static bool parse_link(char *text, struct wire_config *w)
{
	char *comma = strchr(text, ',');
	unsigned v[6];

	if (!comma || sscanf(comma + 1, "%x:%x:%x:%x:%x:%x", &v[0], &v[1], &v[2], &v[3], &v[4],
			      &v[5]) != 6)
		return false;
	*comma = '\0';
	for (int i = 0; i < 6; i++)
		w->next_hop[i] = (uint8_t)v[i];
	w->interface = text;
	w->kind = WIRE_PACKET;
	return true;
}

static bool parse_transport(const char *text, struct wire_config *w)
{
	if (strcmp(text, "udp") == 0)
		return true;
	w->kind = strcmp(text, "tls") == 0 ? WIRE_TLS : WIRE_TCP;
	return w->kind == WIRE_TLS || strcmp(text, "tcp") == 0;
}

static bool parse_size(const char *text, struct load_config *c)
{
	int n = sscanf(text, "%u-%u", &c->size_min, &c->size_max);

	if (n == 1)
		c->size_max = c->size_min;
	return n >= 1 && c->size_min <= c->size_max && c->size_max <= CONTENT_MAX;
}

static bool parse_number(const char *text, double min, double max, double *out)
{
	char *end;

	*out = strtod(text, &end);
	return end != text && *end == '\0' && *out >= min && *out <= max;
}

static bool parse_wire(int o, char *text, struct load_config *c)
{
	struct wire_config *up = &c->wires[UP], *down = &c->wires[DOWN];

	switch (o) {
	case O_FROM:
		return addr_parse(text, 10000, &up->first) == 0;
	case O_PEER:
		return addr_parse(text, 10000, &down->first) == 0;
	case O_TRANSPORT:
		return parse_transport(text, up);
	case O_FROM_SPACE:
		up->space = text;
		return true;
	case O_PEER_SPACE:
		down->space = text;
		return true;
	case O_FROM_LINK:
		return parse_link(text, up);
	case O_PEER_LINK:
		return parse_link(text, down);
	case O_CHECKSUM:
		up->has_partial_checksum = down->has_partial_checksum =
			strcmp(text, "partial") == 0;
		return up->has_partial_checksum || strcmp(text, "complete") == 0;
	default:
		return false;
	}
}

static bool parse_count(int o, const char *text, struct load_config *c, double *flow_rate)
{
	double v;

	switch (o) {
	case O_RATE:
		return parse_number(text, 1, 1e8, &c->rate);
	case O_FLOW_RATE:
		return parse_number(text, 0.001, 1e6, flow_rate);
	case O_SECONDS:
		return parse_number(text, 0, 240, &c->seconds); /* permissions last 300 */
	case O_LOSS:
		return parse_number(text, 0, 100, &c->loss_percent);
	default:
		break;
	}
	if (!parse_number(text, 0, o == O_CORE ? 4095 : o == O_PID ? 4194304 : 1000000, &v))
		return false;
	switch (o) {
	case O_CLIENTS:
		c->n_flows = (uint32_t)v;
		return v >= 1;
	case O_PER_ADDRESS:
		c->wires[UP].per_address = c->wires[DOWN].per_address = (uint32_t)v;
		return v >= 1;
	case O_LEAD:
		c->n_lead = (uint32_t)v;
		return true;
	case O_TICK:
		c->tick_us = (unsigned)v;
		return true;
	case O_PID:
		c->pid = (int)v;
		return true;
	case O_CORE:
		c->core = (int)v;
		return true;
	case O_WARM_UP:
		c->n_warm_up = (uint32_t)v;
		return true;
	default:
		return false;
	}
}

static bool parse_option(int o, char *text, struct load_config *c, double *flow_rate)
{
	switch (o) {
	case O_USER:
		c->username = text;
		return true;
	case O_PASSWORD:
		c->password = text;
		return true;
	case O_LABEL:
		c->label = text;
		return strpbrk(text, "\"\\\n") == NULL;
	case O_SIZE:
		return parse_size(text, c);
	case O_SEARCH:
		return c->is_search = true;
	case O_SOAK:
		return c->is_soaking = true;
	case O_DIRECT:
		return c->is_direct = true;
	case O_JSON:
		return c->is_json = true;
	case O_FROM:
	case O_PEER:
	case O_TRANSPORT:
	case O_FROM_SPACE:
	case O_PEER_SPACE:
	case O_FROM_LINK:
	case O_PEER_LINK:
	case O_CHECKSUM:
		return parse_wire(o, text, c);
	default:
		return o >= O_USER && o <= O_LABEL && parse_count(o, text, c, flow_rate);
	}
}

/* What fits into a frame of 1,514 bytes; a packet socket cannot fragment. */
static bool fits(const struct load_config *c, const struct wire_config *w, unsigned more)
{
	unsigned headers = w->first.family == ADDR_IPV6 ? 48 : 28;

	return w->kind != WIRE_PACKET || c->size_max + more + headers <= 1500;
}

static const char *wrong_with(const struct load_config *c)
{
	uint32_t ports = c->wires[UP].per_address;

	if (!c->is_direct && (!c->username || !c->password))
		return "a relay wants --user and --password";
	if (c->is_direct && (c->wires[UP].kind == WIRE_TCP || c->wires[UP].kind == WIRE_TLS))
		return "--direct is for UDP";
	if (c->is_soaking && c->tick_us == 0)
		return "--soak wants a --tick";
	if (c->wires[UP].first.port + ports > 65536 || c->wires[DOWN].first.port + ports > 65536)
		return "--per-address wants more ports than there are from the first on";
	if (!fits(c, &c->wires[UP], c->is_direct ? 0 : STUN_CHANNEL_HEADER_LEN) ||
		!fits(c, &c->wires[DOWN], 0))
		return "with frames such a --size is over the MTU";
	return NULL;
}

static bool parse(int argc, char **argv, struct load_config *c)
{
	double flow_rate = 0;
	int o;

	while ((o = getopt_long(argc, argv, "", OPTIONS, NULL)) != -1) {
		if (!parse_option(o, optarg, c, &flow_rate))
			return false;
	}
	if (argc - optind != (c->is_direct ? 0 : 1) ||
		(!c->is_direct && addr_parse(argv[optind], STUN_PORT, &c->server) != 0))
		return false;
	for (enum way w = UP; w < WAYS; w++)
		c->wires[w].n_flows = c->n_flows;
	if (c->core >= 0)
		c->softirq_pid = cpu_softirq_pid(c->core);
	if (flow_rate > 0)
		c->rate = flow_rate * WAYS * c->n_flows;
	if (c->n_warm_up >= c->n_flows)
		c->n_warm_up = c->n_flows / 2;
	return true;
}

/* ---- the phases of a run ---- */

static int complain(const char *what, int rc)
{
	if (rc != 0)
		fprintf(stderr, "turnload: %s: %s\n", what, err_text(rc));
	return rc;
}

static int open_wires(struct load *l)
{
	const struct load_config *c = &l->config;
	int rc = complain("clients", wire_create(&c->wires[UP], &l->wires[UP]));

	if (rc == 0)
		rc = complain("peers", wire_create(&c->wires[DOWN], &l->wires[DOWN]));
	for (uint32_t i = 0; i < c->n_flows && rc == 0; i++) {
		struct addr to = c->is_direct ? wire_local(&c->wires[DOWN], i) : c->server;
		rc = complain("connecting", wire_target(l->wires[UP], i, &to));
	}
	return rc;
}

static int allocate(struct load *l)
{
	const struct load_config *c = &l->config;
	struct cpu_reading from, to;
	uint32_t n = c->n_flows - c->n_warm_up;

	crypto_random(l->tid_prefix, sizeof(l->tid_prefix));
	int rc = setup_step_all(l, SETUP_ALLOCATE, 0, c->n_warm_up);
	cpu_read(c, &from);
	if (rc == 0)
		rc = setup_step_all(l, SETUP_ALLOCATE, c->n_warm_up, c->n_flows);
	cpu_read(c, &to);
	l->setup = (struct setup_result){.seconds = (double)(to.time_ns - from.time_ns) / 1e9,
		.server_us_each = (double)(to.server_ns - from.server_ns) / 1000 / n,
		.core_us_each = (double)(int64_t)(to.core_busy_ns - from.core_busy_ns) / 1000 / n,
		.self_us_each = (double)(to.self_ns - from.self_ns) / 1000 / n,
		.rss_bytes_each = ((double)to.rss_kb - (double)from.rss_kb) * 1024 / n,
		.rss_full_kb = to.rss_kb};
	if (rc == 0 && c->seconds > 0)
		rc = setup_step_all(l, SETUP_BIND, 0, c->n_flows);
	return rc;
}

/* The peers send to the relayed addresses, or without a relay to the clients. */
static int aim_peers(struct load *l)
{
	int rc = 0;

	for (uint32_t i = 0; i < l->config.n_flows && rc == 0; i++) {
		struct addr to = l->config.is_direct ? wire_local(&l->config.wires[UP], i)
						     : l->flows[i].relayed;
		rc = complain("peers", wire_target(l->wires[DOWN], i, &to));
	}
	return rc;
}

static int run(struct load *l)
{
	const struct load_config *c = &l->config;
	int rc = open_wires(l);

	if (rc == 0 && !c->is_direct)
		rc = allocate(l);
	if (rc == 0)
		rc = aim_peers(l);
	if (rc != 0)
		return rc;
	if (c->is_search || c->seconds > 0)
		traffic_lead(l);
	if (c->is_search)
		traffic_search(l);
	else if (c->seconds > 0)
		traffic_run(l, c->rate, c->seconds);
	report_print(l);
	return c->is_direct ? 0 : setup_step_all(l, SETUP_RELEASE, 0, c->n_flows);
}

/* Two sockets for each flow, unless whole frames are sent. */
static void raise_fd_limit(void)
{
	struct rlimit r;

	if (getrlimit(RLIMIT_NOFILE, &r) == 0) {
		r.rlim_cur = r.rlim_max;
		(void)setrlimit(RLIMIT_NOFILE, &r); /* a lower limit shows as EMFILE */
	}
}

int main(int argc, char **argv)
{
	struct load *l = calloc(1, sizeof(*l));
	const char *wrong = NULL;

	if (!l)
		return 1;
	l->config = (struct load_config){.n_flows = 100,
		.n_warm_up = 64,
		.size_min = 172,
		.size_max = 172,
		.rate = 5000,
		.seconds = 5,
		.core = -1,
		.loss_percent = 0.1};
	for (enum way w = UP; w < WAYS; w++) {
		l->config.wires[w].first =
			addr_ipv4(0xc6120001 + 0x10000 * w, 10000); /* 198.18/15 */
		l->config.wires[w].per_address = 1000;
		l->config.wires[w].has_partial_checksum = true;
	}
	if (!parse(argc, argv, &l->config) || (wrong = wrong_with(&l->config))) {
		fprintf(stderr, wrong ? "turnload: %s\n" : "%s", wrong ? wrong : USAGE);
		free(l);
		return 2;
	}
	raise_fd_limit();
	(void)prctl(PR_SET_TIMERSLACK, 1); /* else ticks come 50 us late */
	content_pattern(l->pattern);
	l->flows = calloc(l->config.n_flows, sizeof(*l->flows));
	int rc = l->flows ? run(l) : 1;
	for (enum way w = UP; w < WAYS; w++)
		wire_destroy(l->wires[w]);
	free(l->flows);
	free(l);
	return rc != 0;
}
