/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * seqprobe: TURN clients that send numbered packets to an echoing peer at a steady rate and say
 * which of them came back, while they move between addresses and transports (RFC 8016) or while the
 * server is replaced under them.
 */
#include <errno.h>
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#include "turnclient.h"

static const char USAGE[] =
	"usage: seqprobe [options] -u USER -w PASSWORD SERVER:PORT PEER:PORT\n"
	"  -n CLIENTS   default 1\n"
	"  -r RATE      packets a second of all clients together, default 1000\n"
	"  -d SECONDS   how long, default 5\n"
	"  -s           Send indications; else channels\n"
	"  -t           begin on TCP\n"
	"  -L ADDRESS   begin there\n"
	"  -m           ask for a ticket\n"
	"  -M WHERE     move there, ADDRESS[/tcp|/udp], \"-\" for any; repeated: at even times\n"
	"  -b           close the old socket before each move\n"
	"  -D MS        with a ticket: refresh on the same socket when nothing has come for so "
	"long\n"
	"prints: \"ready\" when all clients send, and at the end\n"
	"  sent=N received=N lost=N doubled=N gap_ms=N moves=N recovered=N cut=N\n"
	"  gap_ms is the longest time that no packet came, of any client; cut, how many were under "
	"way\n"
	"  when -b closed a socket\n";

#define MOVES_MAX 16
#define CHANNEL   0x4000
#define PAYLOAD   172 /* 20 ms of G.711 and an RTP header */
#define LINGER_MS 1000
#define TICKET    64
#define PORTS     8  /* tried before a 437 is believed */
#define BURST     64 /* packets it may be behind, see pace() */

struct client {
	struct turnclient now;
	struct turnclient old[MOVES_MAX]; /* still read from */
	unsigned n_old;
	uint8_t ticket[TICKET];
	size_t ticket_len;
	uint64_t heard_ms;
	uint32_t n_sent, n_came, n_cut;
};

struct probe {
	const char *user, *password;
	struct addr server, peer, local;
	bool has_local, uses_send, is_tcp, is_mobile, breaks;
	unsigned n_clients, rate, seconds, quiet_ms;
	struct {
		struct addr at;
		bool has_address, is_tcp;
	} moves[MOVES_MAX];
	unsigned n_moves;
	struct client *clients;
	struct pollfd *fds;
	/* What was seen. */
	uint8_t *seen; /* by number: how often */
	uint32_t n_sent, n_max;
	uint64_t n_received, n_doubled, gap_ms, heard_ms;
	unsigned n_moved, n_recovered;
};

static uint64_t now_ms(void)
{
	struct timespec ts;

	clock_gettime(CLOCK_MONOTONIC, &ts);
	return (uint64_t)ts.tv_sec * 1000 + (uint64_t)ts.tv_nsec / 1000000;
}

static void fail(const char *what, int rc, const struct turnclient *c)
{
	fprintf(stderr, "seqprobe: %s: %s code=%u\n", what, rc ? err_text(rc) : "refused",
		c && rc == 0 ? turnclient_code(c) : 0);
	exit(1);
}

/* ---- requests ---- */

static void add_allocate(struct stun_writer *w, void *arg)
{
	const struct probe *p = arg;

	stun_write_transport(w, 17);
	if (p->is_mobile)
		stun_write_bytes(w, STUN_MOBILITY_TICKET, "", 0);
}

static void add_ticket(struct stun_writer *w, void *arg)
{
	const struct client *c = arg;

	stun_write_bytes(w, STUN_MOBILITY_TICKET, c->ticket, c->ticket_len);
}

static void add_peer(struct stun_writer *w, void *arg)
{
	const struct probe *p = arg;

	if (!p->uses_send)
		stun_write_channel(w, CHANNEL);
	stun_write_xor_address(w, STUN_XOR_PEER_ADDRESS, &p->peer);
}

static void add_end(struct stun_writer *w, void *arg)
{
	(void)arg;
	stun_write_u32(w, STUN_LIFETIME, 0);
}

static void open_client(struct probe *p, struct turnclient *t, const struct addr *local, bool tcp)
{
	int rc = turnclient_open(t, &p->server, local, tcp);

	if (rc != 0)
		fail("connect", rc, NULL);
	t->username = p->user;
	t->password = p->password;
	t->wait_ms = 1000;
}

static void ask(
	struct turnclient *t, unsigned method, turnclient_add_fn *add, void *arg, const char *what)
{
	int rc = turnclient_request(t, method, add, arg);

	if (rc != 0 || t->msg.class != STUN_SUCCESS)
		fail(what, rc, t);
}

static void keep_ticket(struct client *c)
{
	struct stun_attr a;

	if (!stun_attr_find(&c->now.msg, STUN_MOBILITY_TICKET, &a) || a.len > TICKET)
		fail("no ticket in the answer", 0, NULL);
	memcpy(c->ticket, a.value, a.len);
	c->ticket_len = a.len;
}

/*
 * A client that ended without deleting its allocation leaves it on its port, which the kernel may
 * give to us: 437 then, and the next port will do.
 */
static void allocate(struct probe *p, struct client *c)
{
	for (unsigned tries = PORTS; tries > 0; tries--) {
		open_client(p, &c->now, p->has_local ? &p->local : NULL, p->is_tcp);
		int rc = turnclient_request(&c->now, STUN_ALLOCATE, add_allocate, p);
		if (rc == 0 && c->now.msg.class == STUN_SUCCESS)
			return;
		if (rc != 0 || turnclient_code(&c->now) != 437 || tries == 1)
			fail("allocate", rc, &c->now);
		turnclient_close(&c->now);
	}
}

static void start_client(struct probe *p, struct client *c)
{
	allocate(p, c);
	if (p->is_mobile)
		keep_ticket(c);
	ask(&c->now, p->uses_send ? STUN_CREATE_PERMISSION : STUN_CHANNEL_BIND, add_peer, p,
		"peer");
}

/* ---- packets ---- */

static void send_one(struct probe *p)
{
	struct client *c = &p->clients[p->n_sent % p->n_clients];
	uint8_t payload[PAYLOAD] = {0}, buf[PAYLOAD + 128];
	size_t len;

	be32_put(payload, p->n_sent);
	if (p->uses_send) {
		struct stun_writer w;
		uint8_t tid[STUN_TID_LEN] = {0};
		be32_put(tid, p->n_sent);
		stun_write_begin(&w, buf, sizeof(buf), STUN_INDICATION, STUN_SEND, tid);
		stun_write_xor_address(&w, STUN_XOR_PEER_ADDRESS, &p->peer);
		stun_write_bytes(&w, STUN_DATA_ATTR, payload, sizeof(payload));
		(void)stun_write_end(&w, &len); /* it fits */
	} else {
		be16_put(buf, CHANNEL);
		be16_put(buf + 2, sizeof(payload));
		memcpy(buf + 4, payload, sizeof(payload));
		len = 4 + sizeof(payload);
	}
	(void)turnclient_send(&c->now, buf, len); /* not sent is lost, and is seen */
	p->n_sent++;
	c->n_sent++;
}

static void heard(struct probe *p, struct client *c, const uint8_t *payload, size_t len)
{
	uint64_t now = now_ms();

	if (len != PAYLOAD || be32_get(payload) >= p->n_sent)
		return;
	uint8_t *seen = &p->seen[be32_get(payload)];
	c->n_came += *seen == 0;
	if ((*seen)++ > 0)
		p->n_doubled++;
	else
		p->n_received++;
	if (p->heard_ms != 0 && now - p->heard_ms > p->gap_ms)
		p->gap_ms = now - p->heard_ms;
	p->heard_ms = c->heard_ms = now;
}

static void receive(struct probe *p, struct client *c, struct turnclient *t)
{
	struct stun_msg m;
	struct stun_attr a;
	uint16_t channel;
	size_t len, n;

	if (turnclient_receive(t, 0, &len) != 0)
		return;
	if (stun_is_channel_data(t->packet[0])) {
		if (stun_channel_decode(t->packet, len, &channel, &n) == 0)
			heard(p, c, t->packet + 4, n);
	} else if (stun_msg_decode(t->packet, len, &m) == 0 && m.method == STUN_DATA &&
		   stun_attr_find(&m, STUN_DATA_ATTR, &a)) {
		heard(p, c, a.value, a.len);
	}
}

/* Whatever there is, within WAIT. */
static void listen_ms(struct probe *p, int wait_ms)
{
	size_t n = 0;

	for (unsigned i = 0; i < p->n_clients; i++) {
		struct client *c = &p->clients[i];
		p->fds[n++] = (struct pollfd){c->now.fd, POLLIN, 0};
		for (unsigned k = 0; k < c->n_old; k++)
			p->fds[n++] = (struct pollfd){c->old[k].fd, POLLIN, 0};
	}
	if (poll(p->fds, n, wait_ms) <= 0)
		return;
	n = 0;
	for (unsigned i = 0; i < p->n_clients; i++) {
		struct client *c = &p->clients[i];
		if (p->fds[n++].revents)
			receive(p, c, &c->now);
		for (unsigned k = 0; k < c->n_old; k++) {
			if (p->fds[n++].revents)
				receive(p, c, &c->old[k]);
		}
	}
}

/* ---- moving ---- */

static void move(struct probe *p, struct client *c, unsigned i)
{
	struct turnclient old = c->now;

	if (p->breaks) {
		turnclient_close(&old);
		c->n_cut = c->n_sent - c->n_came;
	}
	open_client(
		p, &c->now, p->moves[i].has_address ? &p->moves[i].at : NULL, p->moves[i].is_tcp);
	ask(&c->now, STUN_REFRESH, add_ticket, c, "move");
	keep_ticket(c);
	if (!p->breaks)
		c->old[c->n_old++] = old;
	c->heard_ms = now_ms();
	p->n_moved++;
}

/* The path has gone: most likely the mapping of a NAT has changed. */
static void recover(struct probe *p, struct client *c)
{
	if (turnclient_request(&c->now, STUN_REFRESH, add_ticket, c) == 0 &&
		c->now.msg.class == STUN_SUCCESS) {
		keep_ticket(c);
		p->n_recovered++;
	}
	c->heard_ms = now_ms();
}

static void look_after(struct probe *p, uint64_t start, uint64_t now)
{
	if (p->n_moved < p->n_moves * p->n_clients &&
		now >= start + (p->n_moved / p->n_clients + 1) * 1000ull * p->seconds /
					(p->n_moves + 1)) {
		unsigned which = p->n_moved / p->n_clients;
		for (unsigned i = 0; i < p->n_clients; i++)
			move(p, &p->clients[i], which);
	}
	for (unsigned i = 0; p->quiet_ms > 0 && i < p->n_clients; i++) {
		struct client *c = &p->clients[i];
		if (c->heard_ms != 0 && now - c->heard_ms > p->quiet_ms)
			recover(p, c);
	}
}

/*
 * How many packets are due NOW. After a pause, of the host or of a request that waited for its
 * answer, what is over BURST is not made up for, since a burst would overflow somebody's socket:
 * the schedule begins that much later.
 */
static uint64_t pace(const struct probe *p, uint64_t *start, uint64_t now)
{
	uint64_t due = (now - *start) * p->rate / 1000;

	if (due > p->n_sent + BURST && p->n_sent < p->n_max) {
		*start += (due - p->n_sent - BURST) * 1000 / p->rate;
		due = p->n_sent + BURST;
	}
	return due;
}

static void run(struct probe *p)
{
	uint64_t start = now_ms(), now;

	while ((now = now_ms()) < start + 1000ull * p->seconds) {
		uint64_t due = pace(p, &start, now);
		for (unsigned i = 0; i < 32 && p->n_sent < due && p->n_sent < p->n_max; i++)
			send_one(p);
		listen_ms(p, p->n_sent < due ? 0 : 1);
		look_after(p, start, now);
	}
	for (uint64_t end = now_ms() + LINGER_MS; now_ms() < end && p->n_received < p->n_sent;)
		listen_ms(p, 10);
}

/* ---- the command line ---- */

static void parse_move(struct probe *p, char *text)
{
	char *slash = strchr(text, '/');

	if (p->n_moves == MOVES_MAX)
		fail("too many moves", ERR_TOO_LARGE, NULL);
	if (slash) {
		*slash = '\0';
		p->moves[p->n_moves].is_tcp = strcmp(slash + 1, "tcp") == 0;
	}
	p->moves[p->n_moves].has_address = strcmp(text, "-") != 0;
	if (p->moves[p->n_moves].has_address && addr_parse(text, 0, &p->moves[p->n_moves].at) != 0)
		fail(text, ERR_MALFORMED, NULL);
	p->n_moves++;
	p->is_mobile = true;
}

static void parse(struct probe *p, int argc, char **argv)
{
	int o;

	while ((o = getopt(argc, argv, "n:r:d:stL:mM:bD:u:w:")) != -1) {
		switch (o) {
		case 'n':
			p->n_clients = (unsigned)atoi(optarg);
			break;
		case 'r':
			p->rate = (unsigned)atoi(optarg);
			break;
		case 'd':
			p->seconds = (unsigned)atoi(optarg);
			break;
		case 's':
			p->uses_send = true;
			break;
		case 't':
			p->is_tcp = true;
			break;
		case 'L':
			p->has_local = addr_parse(optarg, 0, &p->local) == 0;
			break;
		case 'm':
			p->is_mobile = true;
			break;
		case 'M':
			parse_move(p, optarg);
			break;
		case 'b':
			p->breaks = true;
			break;
		case 'D':
			p->quiet_ms = (unsigned)atoi(optarg);
			break;
		case 'u':
			p->user = optarg;
			break;
		case 'w':
			p->password = optarg;
			break;
		default:
			goto usage;
		}
	}
	if (argc - optind == 2 && p->user && p->password && p->n_clients > 0 && p->rate > 0 &&
		addr_parse(argv[optind], 3478, &p->server) == 0 &&
		addr_parse(argv[optind + 1], 3480, &p->peer) == 0)
		return;
usage:
	fputs(USAGE, stderr);
	exit(2);
}

int main(int argc, char **argv)
{
	struct probe p = {.n_clients = 1, .rate = 1000, .seconds = 5};

	(void)signal(SIGPIPE, SIG_IGN);
	parse(&p, argc, argv);
	p.n_max = p.rate * p.seconds;
	p.clients = calloc(p.n_clients, sizeof(*p.clients));
	p.fds = calloc((size_t)p.n_clients * (MOVES_MAX + 1), sizeof(*p.fds));
	p.seen = calloc(p.n_max, 1);
	if (!p.clients || !p.fds || !p.seen)
		fail("memory", -ENOMEM, NULL);
	for (unsigned i = 0; i < p.n_clients; i++)
		start_client(&p, &p.clients[i]);
	printf("ready\n");
	fflush(stdout);
	run(&p);
	unsigned cut = 0;
	for (unsigned i = 0; i < p.n_clients; i++)
		cut += p.clients[i].n_cut;
	printf("sent=%u received=%llu lost=%llu doubled=%llu gap_ms=%llu moves=%u recovered=%u "
	       "cut=%u\n",
		p.n_sent, (unsigned long long)p.n_received,
		(unsigned long long)(p.n_sent - p.n_received), (unsigned long long)p.n_doubled,
		(unsigned long long)p.gap_ms, p.n_moved, p.n_recovered, cut);
	for (unsigned i = 0; i < p.n_clients; i++) {
		/* Best effort: the next probe may get the same port. */
		(void)turnclient_request(&p.clients[i].now, STUN_REFRESH, add_end, NULL);
		turnclient_close(&p.clients[i].now);
		for (unsigned k = 0; k < p.clients[i].n_old; k++)
			turnclient_close(&p.clients[i].old[k]);
	}
	free(p.clients);
	free(p.fds);
	free(p.seen);
	return 0;
}
