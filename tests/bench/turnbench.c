/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * turnbench: measures a running TURN server from the client's side with real allocations: resident
 * memory for each idle one (here), and paced two-way voice (voice.c). Any TURN server will do.
 */
#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <unistd.h>

#include "turnbench.h"

static const char USAGE[] =
	"usage: turnbench memory -u USER -w PASSWORD -p PID [-n 5000] [-k 64] [-c] SERVER[:PORT]\n"
	"       turnbench voice -u USER -w PASSWORD -P PEER_ADDRESS [-p PID] [-n 100] [-d 10] [-i "
	"20]\n"
	"                 SERVER[:PORT]\n"
	"memory: opens -k allocations to fill the server's pools, then -n more, and prints the "
	"growth\n"
	"  of its resident memory over the latter (-c: each with a channel)\n"
	"voice: -n calls, 172 bytes every -i ms both ways through a channel, for -d seconds\n";

static void add_allocate(struct stun_writer *w, void *arg)
{
	stun_write_transport(w, 17);
}

static void add_channel(struct stun_writer *w, void *arg)
{
	stun_write_channel(w, BENCH_CHANNEL);
	stun_write_xor_address(w, STUN_XOR_PEER_ADDRESS, arg);
}

static void add_release(struct stun_writer *w, void *arg)
{
	stun_write_u32(w, STUN_LIFETIME, 0);
}

static int complain(const char *what, const struct turnclient *c, int rc)
{
	if (rc == 0)
		fprintf(stderr, "turnbench: %s refused with %u\n", what, turnclient_code(c));
	else
		fprintf(stderr, "turnbench: %s: %s\n", what, err_text(rc));
	return rc == 0 ? ERR_DENIED : rc;
}

/* A 437 says that the server still knows this port from a client before us: RFC 8656 §7.4 has us
 * take another. */
static int open_allocation(const struct bench *b, struct turnclient *c)
{
	for (unsigned i = 0; i < 10; i++) {
		int rc = turnclient_open(c, &b->server, NULL, false);
		if (rc != 0)
			return complain("socket", c, rc);
		c->username = b->username;
		c->password = b->password;
		rc = turnclient_request(c, STUN_ALLOCATE, add_allocate, NULL);
		if (rc == 0 && c->msg.class == STUN_SUCCESS)
			return 0;
		if (rc != 0 || turnclient_code(c) != STUN_ALLOCATION_MISMATCH)
			return complain("Allocate", c, rc);
		turnclient_close(c);
	}
	return -EADDRINUSE;
}

int bench_allocate(const struct bench *b, struct turnclient *c, struct addr *relayed,
	const struct addr *channel_peer)
{
	int rc = open_allocation(b, c);

	if (rc == 0 && relayed && !turnclient_address(c, STUN_XOR_RELAYED_ADDRESS, relayed))
		rc = complain("the relayed address", c, ERR_MALFORMED);
	if (rc == 0 && channel_peer) {
		struct addr peer = *channel_peer;
		rc = turnclient_request(c, STUN_CHANNEL_BIND, add_channel, &peer);
		if (rc != 0 || c->msg.class != STUN_SUCCESS)
			rc = complain("ChannelBind", c, rc);
	}
	return rc;
}

void bench_release(struct turnclient *c)
{
	if (!c->packet)
		return;
	(void)turnclient_request(c, STUN_REFRESH, add_release, NULL); /* else it times out */
	turnclient_close(c);
}

uint64_t bench_cpu_us(const struct bench *b)
{
	char path[64];
	unsigned long user = 0, system = 0;

	snprintf(path, sizeof(path), "/proc/%d/stat", b->pid);
	FILE *f = b->pid > 0 ? fopen(path, "re") : NULL;
	if (!f)
		return 0;
	if (fscanf(f, "%*d (%*[^)]) %*c %*d %*d %*d %*d %*d %*u %*u %*u %*u %*u %lu %lu", &user,
		    &system) != 2)
		user = system = 0;
	fclose(f);
	return (uint64_t)(user + system) * 1000000u / (uint64_t)sysconf(_SC_CLK_TCK);
}

/* ---- memory ---- */

struct resident {
	unsigned long rss_kb, private_kb;
};

static int read_resident(int pid, struct resident *out)
{
	char path[64], line[256];
	unsigned long kb;

	memset(out, 0, sizeof(*out));
	snprintf(path, sizeof(path), "/proc/%d/smaps_rollup", pid);
	FILE *f = fopen(path, "re");
	if (!f)
		return -errno;
	while (fgets(line, sizeof(line), f)) {
		if (sscanf(line, "Rss: %lu kB", &kb) == 1)
			out->rss_kb = kb;
		else if (sscanf(line, "Private_Clean: %lu kB", &kb) == 1 ||
			 sscanf(line, "Private_Dirty: %lu kB", &kb) == 1)
			out->private_kb += kb;
	}
	fclose(f);
	return 0;
}

static int open_many(const struct bench *b, struct turnclient *clients, unsigned n)
{
	const struct addr *channel = b->with_channel ? &b->peer : NULL;

	for (unsigned i = 0; i < n; i++) {
		int rc = bench_allocate(b, &clients[i], NULL, channel);
		if (rc != 0) {
			fprintf(stderr, "turnbench: gave up at allocation %u\n", i + 1);
			return rc;
		}
	}
	return 0;
}

int bench_memory(const struct bench *b)
{
	struct resident fresh, warm, full;
	struct turnclient *clients = calloc(b->warm_up + b->n, sizeof(*clients));

	if (!clients)
		return -ENOMEM;
	int rc = read_resident(b->pid, &fresh);
	if (rc == 0)
		rc = open_many(b, clients, b->warm_up);
	if (rc == 0)
		rc = read_resident(b->pid, &warm);
	uint64_t cpu = bench_cpu_us(b);
	if (rc == 0)
		rc = open_many(b, clients + b->warm_up, b->n);
	cpu = bench_cpu_us(b) - cpu;
	if (rc == 0)
		rc = read_resident(b->pid, &full);
	if (rc == 0)
		printf("memory allocations=%u bytes_each=%ld private_bytes_each=%ld "
		       "cpu_us_each=%" PRIu64 " fresh_kb=%lu warm_kb=%lu full_kb=%lu\n",
			b->n, ((long)full.rss_kb - (long)warm.rss_kb) * 1024 / (long)b->n,
			((long)full.private_kb - (long)warm.private_kb) * 1024 / (long)b->n,
			cpu / b->n, fresh.rss_kb, warm.rss_kb, full.rss_kb);
	for (unsigned i = 0; i < b->warm_up + b->n; i++)
		bench_release(&clients[i]);
	free(clients);
	return rc;
}

/* ---- command line ---- */

/* Every allocation is a socket here and one in the server. */
static void raise_fd_limit(void)
{
	struct rlimit r;

	if (getrlimit(RLIMIT_NOFILE, &r) == 0) {
		r.rlim_cur = r.rlim_max;
		(void)setrlimit(RLIMIT_NOFILE, &r); /* a lower limit shows as EMFILE */
	}
}

static int parse(int argc, char **argv, struct bench *b)
{
	int c;

	while ((c = getopt(argc, argv, "u:w:p:n:k:cP:d:i:")) != -1) {
		unsigned number = optarg ? (unsigned)strtoul(optarg, NULL, 10) : 0;
		switch (c) {
		case 'u':
			b->username = optarg;
			break;
		case 'w':
			b->password = optarg;
			break;
		case 'p':
			b->pid = (int)number;
			break;
		case 'n':
			b->n = number;
			break;
		case 'k':
			b->warm_up = number;
			break;
		case 'c':
			b->with_channel = true;
			break;
		case 'P':
			if (addr_parse(optarg, 9, &b->peer) != 0)
				return ERR_MALFORMED;
			break;
		case 'd':
			b->seconds = number;
			break;
		case 'i':
			b->interval_ms = number;
			break;
		default:
			return ERR_MALFORMED;
		}
	}
	if (argc - optind != 1 || !b->username || !b->password || b->n == 0 || b->interval_ms == 0)
		return ERR_MALFORMED;
	return addr_parse(argv[optind], STUN_PORT, &b->server);
}

int main(int argc, char **argv)
{
	bool is_voice = argc > 1 && strcmp(argv[1], "voice") == 0;
	struct bench b = {
		.n = is_voice ? 100 : 5000, .warm_up = 64, .seconds = 10, .interval_ms = 20};

	b.peer = addr_ipv4(0xc6336401, 9); /* 198.51.100.1: only named, never sent to */
	if (argc < 2 || (!is_voice && strcmp(argv[1], "memory") != 0) ||
		parse(argc - 1, argv + 1, &b) != 0) {
		fputs(USAGE, stderr);
		return 2;
	}
	raise_fd_limit();
	int rc = is_voice ? bench_voice(&b) : bench_memory(&b);
	if (rc != 0)
		fprintf(stderr, "turnbench: %s\n", err_text(rc));
	return rc != 0;
}
