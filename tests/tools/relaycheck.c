/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * relaycheck: TURN clients and their peers in one process, which so knows of every datagram what
 * was sent, and says of all that came out of the relay whether it is that, in that order, once, in
 * the right flow, and allowed to pass at all. Steps and fields: USAGE.
 */
#include <errno.h>
#include <inttypes.h>
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#include "relaycheck.h"
#include "wirecheck.h"

static const char USAGE[] =
	"usage: relaycheck [options] -u USER -w PASSWORD SERVER[:PORT] PEER[,PEER...] STEP...\n"
	"       (\"-\" as the only step: steps from standard input)\n"
	"options:\n"
	"  -n CLIENTS   each with a flow to each peer address; default 1\n"
	"  -C SPACE     network namespace of the clients, a path;  -c DEVICE  watch its frames\n"
	"  -P SPACE     that of the peers;  -p DEVICE  watch its frames\n"
	"  -y           the peers are clients too: relayed address to relayed address\n"
	"  -f 4|6       REQUESTED-ADDRESS-FAMILY;  -a 6  ADDITIONAL-ADDRESS-FAMILY\n"
	"  -s           Send and Data indications; else channels\n"
	"  -z           no UDP checksum over IPv4\n"
	"  -o           IP options, or a destination options header\n"
	"  -l           ChannelData padded to four bytes\n"
	"  -t TTL       of what the ends send\n"
	"  -d           no relay: SERVER is the clients' own address, PEER is one; for comparison\n"
	"steps:\n"
	"  sizes from=0 to=1472 step=1 window=8 tos=N  each size both ways on each flow; waits for "
	"it\n"
	"  start rate=N from=12 to=1200 tos=N     datagrams of all flows a second, random sizes\n"
	"      tos=256 is a random DSCP and ECN for each datagram\n"
	"  stop                   no more; waits for what is under way, then as stats\n"
	"  wait ms=N              the traffic goes on\n"
	"  stats                  prints what has happened since the last time\n"
	"  dead [down] | alive    what is sent from now on (by peers) may not pass | may\n"
	"  rebind count=N         deletes so many allocations under load and makes new ones\n"
	"  refresh | bind | end   all allocations, their channels; ended, nothing may pass\n"
	"  allocate               anew, and binds\n"
	"  odd                    ChannelData that is padded, short, over-long, of no channel\n"
	"  spoil                  a changed byte, a swap and a copy, for the counts to tell\n"
	"  flood_up | flood_down ms=N size=N  as fast as it goes; nothing of it is looked at\n"
	"  wire                   what the watched frames were like\n"
	"  mark                   prints \"mark\"\n";

#define WORDS_MAX  12
#define DRAIN_MS   1000
#define GRACE_MS   30 /* longer than anything stays under way in an idle relay */
#define LOSSES_MAX 8  /* windows with losses after which sizes gives up */
#define ANY_TOS    256

struct run {
	struct check check;
	struct wire wires[2]; /* clients' side, peers' side */
	const char *devices[2];
	/* The traffic. */
	bool is_on;
	unsigned rate, from, to, tos;
	uint64_t began_us, n_sent;
	uint64_t seed;
	/* A step's words. */
	char *words[WORDS_MAX];
	unsigned n_words;
	unsigned n_bound; /* by rebind: whose turn it is */
};

static uint64_t now_us(void)
{
	struct timespec ts;

	clock_gettime(CLOCK_MONOTONIC, &ts);
	return (uint64_t)ts.tv_sec * 1000000 + (uint64_t)ts.tv_nsec / 1000;
}

static unsigned number_of(const struct run *r, const char *key, unsigned otherwise)
{
	size_t len = strlen(key);

	for (unsigned i = 1; i < r->n_words; i++) {
		if (strncmp(r->words[i], key, len) == 0 && r->words[i][len] == '=')
			return (unsigned)strtoul(r->words[i] + len + 1, NULL, 0);
	}
	return otherwise;
}

static unsigned random_below(struct run *r, unsigned n)
{
	r->seed = r->seed * UINT64_C(6364136223846793005) + UINT64_C(1442695040888963407);
	return (unsigned)(r->seed >> 33) % n;
}

static uint8_t tos_next(struct run *r)
{
	return (uint8_t)(r->tos == ANY_TOS ? random_below(r, 256) : r->tos);
}

/* ---- traffic ---- */

static void send_due(struct run *r)
{
	struct check *c = &r->check;
	uint64_t due = (now_us() - r->began_us) * r->rate / 1000000;

	for (int burst = 64; burst > 0 && r->n_sent < due; burst--, r->n_sent++) {
		struct flow *f = &c->flows[r->n_sent / 2 % c->n_flows];
		unsigned size = r->from + random_below(r, r->to - r->from + 1);
		flow_send(f, r->n_sent & 1 ? LANE_DOWN : LANE_UP, size, tos_next(r));
	}
	if (r->n_sent + r->rate < due) /* held up for more than a second: not all at once */
		r->n_sent = due;
}

static void tick(struct run *r, int wait_ms)
{
	if (r->is_on)
		send_due(r);
	(void)flow_poll(&r->check, r->is_on && wait_ms > 1 ? 1 : wait_ms);
	for (int i = 0; i < 2; i++) {
		if (r->devices[i])
			wire_read(&r->wires[i]);
	}
}

static void run_ms(struct run *r, unsigned ms)
{
	uint64_t end = now_us() + ms * UINT64_C(1000), now;

	while ((now = now_us()) < end)
		tick(r, (int)((end - now) / 1000) + 1);
}

static uint32_t missing(const struct check *c)
{
	return (uint32_t)(c->counts[0].sent + c->counts[1].sent - c->counts[0].got -
			  c->counts[1].got);
}

static void stats(struct run *r)
{
	struct lane_counts *up = &r->check.counts[LANE_UP], *down = &r->check.counts[LANE_DOWN];
	uint64_t bad = up->late + down->late + up->doubled + down->doubled + up->wrong +
		       down->wrong + up->misplaced + down->misplaced + up->stale + down->stale +
		       up->tos + down->tos;

	printf("stats sent_up=%" PRIu64 " got_up=%" PRIu64 " sent_down=%" PRIu64
	       " got_down=%" PRIu64 " lost=%d bad=%" PRIu64 " late=%" PRIu64 " doubled=%" PRIu64
	       " wrong=%" PRIu64 " misplaced=%" PRIu64 " stale=%" PRIu64 " tos=%" PRIu64
	       " dead=%" PRIu64 " refused=%" PRIu64 "\n",
		up->sent, up->got, down->sent, down->got, (int)missing(&r->check), bad,
		up->late + down->late, up->doubled + down->doubled, up->wrong + down->wrong,
		up->misplaced + down->misplaced, up->stale + down->stale, up->tos + down->tos,
		up->dead + down->dead, up->refused + down->refused);
	memset(r->check.counts, 0, sizeof(r->check.counts));
}

/* Sends nothing, until what was sent has come: a busy host has it in some queue for long. */
static void drain(struct run *r)
{
	r->is_on = false;
	for (uint64_t end = now_us() + DRAIN_MS * 1000; now_us() < end && missing(&r->check) > 0;)
		tick(r, 10);
}

static void stop(struct run *r)
{
	drain(r);
	run_ms(r, GRACE_MS); /* for what comes too much */
	stats(r);
}

static void start(struct run *r)
{
	r->rate = number_of(r, "rate", 1000);
	r->from = number_of(r, "from", LANE_MARKED);
	r->to = number_of(r, "to", 1200);
	r->tos = number_of(r, "tos", 0);
	r->began_us = now_us();
	r->n_sent = 0;
	r->is_on = r->from <= r->to && r->to <= LANE_SIZE_MAX;
	printf("start\n");
}

/* ---- sizes ---- */

static void print_lost(struct run *r, const uint32_t *first)
{
	for (unsigned i = 0; i < 2 * r->check.n_flows; i++) {
		const struct lane *l = &r->check.flows[i / 2].lanes[i & 1];
		uint32_t n = lane_missing(l, first[i]);
		if (n > 0)
			printf("lost flow=%u way=%s count=%u size=%d\n", i / 2,
				i & 1 ? "down" : "up", n, lane_missing_size(l, first[i]));
	}
}

/* WINDOW sizes from SIZE on; true when all of it has come. */
static bool send_window(struct run *r, unsigned size, unsigned to, unsigned step, unsigned window)
{
	struct check *c = &r->check;
	uint32_t *first = calloc((size_t)2 * c->n_flows, sizeof(*first)), before = missing(c);

	if (!first)
		abort();
	for (unsigned i = 0; i < 2 * c->n_flows; i++)
		first[i] = c->flows[i / 2].lanes[i & 1].sent;
	for (; window > 0 && size <= to; window--, size += step) {
		for (unsigned i = 0; i < 2 * c->n_flows; i++)
			flow_send(&c->flows[i / 2], i & 1, size, tos_next(r));
	}
	for (uint64_t end = now_us() + DRAIN_MS * 1000; now_us() < end && missing(c) > before;)
		tick(r, 10);
	bool all = missing(c) == before;
	if (!all)
		print_lost(r, first);
	free(first);
	return all;
}

static void sizes(struct run *r)
{
	unsigned from = number_of(r, "from", 0), to = number_of(r, "to", 1472);
	unsigned step = number_of(r, "step", 1), window = number_of(r, "window", 8), losses = 0;

	r->tos = number_of(r, "tos", 0);
	for (unsigned s = from; s <= to && losses < LOSSES_MAX; s += step * window)
		losses += !send_window(r, s, to, step, window);
	run_ms(r, GRACE_MS);
	stats(r);
}

/* ---- allocations ---- */

static void dead_set(struct client *k, bool is_dead)
{
	for (unsigned i = 0; i < k->n_flows; i++)
		k->flows[i]->lanes[0].is_dead = k->flows[i]->lanes[1].is_dead = is_dead;
}

static void dead_set_all(struct run *r, bool is_dead)
{
	bool is_down_only = r->n_words > 1 && strcmp(r->words[1], "down") == 0;

	for (unsigned i = 0; i < r->check.n_flows; i++) {
		struct lane *lanes = r->check.flows[i].lanes;
		lanes[LANE_DOWN].is_dead = is_dead;
		if (!is_down_only)
			lanes[LANE_UP].is_dead = is_dead;
	}
	printf("%s\n", r->words[0]);
}

/*
 * Deletes a client's allocation while the others are under load, sends to it what may not pass, and
 * makes another one. What is under way to it at that moment is let through before.
 */
static bool rebind(struct run *r, struct client *k)
{
	bool was_on = r->is_on;

	drain(r);
	if (!client_end(k))
		return false;
	dead_set(k, true);
	r->is_on = was_on;
	for (int i = 0; i < 5; i++) {
		for (unsigned f = 0; f < k->n_flows; f++) {
			flow_send(k->flows[f], LANE_UP, 100, 0);
			flow_send(k->flows[f], LANE_DOWN, 100, 0);
		}
		run_ms(r, 3);
	}
	if (!client_allocate(k))
		return false;
	dead_set(k, false);
	return true;
}

static void rebind_some(struct run *r)
{
	unsigned n = number_of(r, "count", 1), done = 0;

	while (done < n && rebind(r, &r->check.clients[r->n_bound++ % r->check.n_clients]))
		done++;
	printf("rebind done=%u of=%u\n", done, n);
}

static void each(struct run *r, bool (*fn)(struct client *), const char *name)
{
	unsigned n = 0;

	for (unsigned i = 0; i < r->check.n_clients; i++)
		n += fn(&r->check.clients[i]);
	printf("%s done=%u of=%u\n", name, n, r->check.n_clients);
}

static void end_all(struct run *r)
{
	bool was_on = r->is_on;

	drain(r);
	each(r, client_end, "end");
	for (unsigned i = 0; i < r->check.n_clients; i++)
		dead_set(&r->check.clients[i], true);
	r->is_on = was_on;
}

/* ---- odd and spoilt ones ---- */

/* BYTES of ChannelData on channel CHANNEL whose header says LEN, of which the peer is to get LEN,
 * or nothing. */
static void odd(
	struct run *r, const char *name, uint16_t channel, size_t len, size_t bytes, bool passes)
{
	struct flow *f = &r->check.flows[0];
	struct lane *l = &f->lanes[LANE_UP];
	struct lane_counts *n = &r->check.counts[LANE_UP], before = *n;
	uint8_t buf[2048] = {0};

	l->is_dead = !passes;
	lane_make(l, 0, buf + 4, len, n);
	be16_put(buf, channel);
	be16_put(buf + 2, (uint16_t)len);
	flow_send_raw(f->client, buf, bytes, 0);
	l->is_dead = false;
	run_ms(r, GRACE_MS);
	bool ok = n->got - before.got == passes && n->wrong == before.wrong &&
		  n->stale == before.stale;
	printf(" %s=%s", name, ok ? "ok" : "bad");
}

static void odd_all(struct run *r)
{
	printf("odd");
	odd(r, "plain", 0x4000, 101, 105, true);
	odd(r, "padded", 0x4000, 101, 108, true);
	odd(r, "empty", 0x4000, 0, 4, true);
	odd(r, "empty_padded", 0x4000, 0, 8, true);
	odd(r, "trailing", 0x4000, 100, 204, true);
	odd(r, "trailing_1", 0x4000, 160, 165, true);
	odd(r, "overlong_1", 0x4000, 101, 104, false);
	odd(r, "overlong", 0x4000, 1000, 104, false);
	odd(r, "header_alone", 0x4000, 101, 4, false);
	odd(r, "short_header", 0x4000, 101, 3, false);
	odd(r, "one_byte", 0x4000, 101, 1, false);
	odd(r, "unbound", 0x4f00, 101, 105, false);
	odd(r, "reserved", 0x5000, 101, 105, false);
	printf("\n");
}

/* Copies of what a flow sends, spoilt, so that what tells it is seen to tell it. */
static void spoil(struct run *r)
{
	struct flow *f = &r->check.flows[0];
	struct lane *l = &f->lanes[LANE_UP];
	struct lane_counts *n = &r->check.counts[LANE_UP];
	uint8_t bufs[3][104];

	for (unsigned i = 0; i < 3; i++) {
		lane_make(l, 0, bufs[i] + 4, 100, n);
		be16_put(bufs[i], 0x4000);
		be16_put(bufs[i] + 2, 100);
	}
	bufs[0][60] ^= 1;
	flow_send_raw(f->client, bufs[0], sizeof(bufs[0]), 0);
	flow_send_raw(f->client, bufs[2], sizeof(bufs[2]), 0);
	flow_send_raw(f->client, bufs[1], sizeof(bufs[1]), 0x20);
	flow_send_raw(f->client, bufs[1], sizeof(bufs[1]), 0);
	run_ms(r, GRACE_MS);
	l->is_dead = true;
	flow_send(f, LANE_UP, 100, 0);
	l->is_dead = false;
	/* The byte that says of which flow it is. */
	lane_make(l, 0, bufs[0] + 4, 100, n);
	bufs[0][7]++;
	flow_send_raw(f->client, bufs[0], sizeof(bufs[0]), 0);
	stop(r);
}

/* As fast as it goes, from one end, over all flows; nothing is read meanwhile. */
static void flood(struct run *r, enum lane_way way)
{
	uint64_t begin = now_us(), end = begin + number_of(r, "ms", 1000) * UINT64_C(1000), n = 0;
	size_t size = number_of(r, "size", 172);

	for (unsigned i = 0; now_us() < end && size <= LANE_SIZE_MAX; i++)
		n += flow_flood(&r->check.flows[i % r->check.n_flows], way, size);
	printf("flood sent=%" PRIu64 " rate=%" PRIu64 "\n", n, n * 1000000 / (now_us() - begin));
}

/* ---- steps ---- */

static void wires(struct run *r)
{
	for (int i = 0; i < 2; i++) {
		if (r->devices[i])
			wire_print(&r->wires[i], i ? "peers" : "clients");
	}
}

static void step(struct run *r, char *text)
{
	r->n_words = 0;
	for (char *w = strtok(text, " \n"); w && r->n_words < WORDS_MAX; w = strtok(NULL, " \n"))
		r->words[r->n_words++] = w;
	const char *name = r->n_words > 0 ? r->words[0] : "";
	if (strcmp(name, "sizes") == 0)
		sizes(r);
	else if (strcmp(name, "start") == 0)
		start(r);
	else if (strcmp(name, "stop") == 0)
		stop(r);
	else if (strcmp(name, "wait") == 0)
		run_ms(r, number_of(r, "ms", 100));
	else if (strcmp(name, "stats") == 0)
		stats(r);
	else if (strcmp(name, "dead") == 0 || strcmp(name, "alive") == 0)
		dead_set_all(r, name[0] == 'd');
	else if (strcmp(name, "rebind") == 0)
		rebind_some(r);
	else if (strcmp(name, "refresh") == 0)
		each(r, client_refresh, name);
	else if (strcmp(name, "bind") == 0)
		each(r, client_bind, name);
	else if (strcmp(name, "end") == 0)
		end_all(r);
	else if (strcmp(name, "allocate") == 0)
		each(r, client_allocate, name);
	else if (strcmp(name, "odd") == 0)
		odd_all(r);
	else if (strcmp(name, "spoil") == 0)
		spoil(r);
	else if (strncmp(name, "flood_", 6) == 0)
		flood(r, name[6] == 'u' ? LANE_UP : LANE_DOWN);
	else if (strcmp(name, "wire") == 0)
		wires(r);
	else if (strcmp(name, "mark") == 0)
		printf("mark\n");
	else
		printf("no such step: %s\n", name);
	fflush(stdout);
}

/* Steps from standard input, traffic meanwhile. */
static void run_input(struct run *r)
{
	char line[512];
	size_t len = 0;

	for (;;) {
		struct pollfd fds[2] = {{0, POLLIN, 0}, {r->check.epoll, POLLIN, 0}};
		(void)poll(fds, 2, r->is_on ? 1 : 20); /* a signal is as good as its end */
		tick(r, 0);
		if (!(fds[0].revents & (POLLIN | POLLHUP)))
			continue;
		ssize_t n = read(0, line + len, sizeof(line) - 1 - len);
		if (n <= 0)
			return;
		len += (size_t)n;
		line[len] = '\0';
		for (char *end; (end = strchr(line, '\n'));) {
			char text[sizeof(line)];
			*end = '\0';
			strcpy(text, line);
			len -= (size_t)(end + 1 - line);
			memmove(line, end + 1, len + 1);
			step(r, text);
		}
		if (len == sizeof(line) - 1)
			len = 0; /* no step is so long */
	}
}

/* ---- the command line ---- */

static bool parse_option(struct run *r, int o)
{
	struct check *c = &r->check;

	switch (o) {
	case 'n':
		c->n_clients = (unsigned)atoi(optarg);
		break;
	case 'C':
		c->client_space = optarg;
		break;
	case 'P':
		c->peer_space = optarg;
		break;
	case 'c':
	case 'p':
		r->devices[o == 'p'] = optarg;
		break;
	case 'y':
		c->is_paired = true;
		break;
	case 'f':
		c->family = (uint8_t)atoi(optarg);
		break;
	case 'a':
		c->additional = (uint8_t)atoi(optarg);
		break;
	case 's':
		c->uses_send = true;
		break;
	case 'd':
		c->is_direct = true;
		break;
	case 'z':
		c->has_no_checksum = true;
		break;
	case 'o':
		c->has_options = true;
		break;
	case 'l':
		c->is_padded = true;
		break;
	case 't':
		c->ttl = atoi(optarg);
		break;
	case 'u':
		c->user = optarg;
		break;
	case 'w':
		c->password = optarg;
		break;
	default:
		return false;
	}
	return true;
}

static bool parse_peers(struct check *c, char *text)
{
	for (char *w = strtok(text, ","); w; w = strtok(NULL, ",")) {
		if (c->n_peers == FLOW_PEERS_MAX || addr_parse(w, 0, &c->peers[c->n_peers++]) != 0)
			return false;
	}
	return c->n_peers > 0;
}

static void parse(struct run *r, int argc, char **argv)
{
	struct check *c = &r->check;
	int o;

	while ((o = getopt(argc, argv, "n:C:P:c:p:yf:a:szoldt:u:w:")) != -1) {
		if (!parse_option(r, o))
			goto usage;
	}
	if (argc - optind >= 3 && (c->is_direct || (c->user && c->password)) && c->n_clients > 0 &&
		addr_parse(argv[optind], c->is_direct ? 0 : 3478, &c->server) == 0 &&
		parse_peers(c, argv[optind + 1]) && !(c->is_direct && c->n_peers > 1))
		return;
usage:
	fputs(USAGE, stderr);
	exit(2);
}

static void open_wire(struct run *r, int i, const char *space)
{
	if (!r->devices[i])
		return;
	check_enter(space);
	int rc = wire_open(&r->wires[i], r->devices[i]);
	check_enter(NULL);
	if (rc != 0) {
		fprintf(stderr, "relaycheck: %s: %s\n", r->devices[i], err_text(rc));
		exit(1);
	}
}

int main(int argc, char **argv)
{
	static struct run r = {.check = {.n_clients = 1}};

	(void)signal(SIGPIPE, SIG_IGN);
	setvbuf(stdout, NULL, _IOLBF, 0);
	r.seed = now_us();
	parse(&r, argc, argv);
	open_wire(&r, 0, r.check.client_space);
	open_wire(&r, 1, r.check.peer_space);
	flow_open_all(&r.check);
	printf("open flows=%u\n", r.check.n_flows);
	argv += optind + 2;
	if (strcmp(*argv, "-") == 0)
		run_input(&r);
	else
		for (; *argv; argv++)
			step(&r, *argv);
	flow_close_all(&r.check);
	for (int i = 0; i < 2; i++) {
		if (r.devices[i])
			wire_close(&r.wires[i]);
	}
	return 0;
}
