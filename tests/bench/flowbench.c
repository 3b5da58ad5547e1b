/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * flowbench: what the flow path costs for each ChannelData message of a client, without sockets:
 * look-up, limits, header off, counters. Prints nanoseconds per message without limits and with
 * each of them. Under "valgrind --tool=callgrind" with a MODE it tells instructions.
 *
 *   tests/bench/flowbench [-n MESSAGES] [MODE]
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#include <sallyport/flow.h>
#include <sallyport/stun.h>

#define PAYLOAD_LEN 172
#define FLOWS       1000

struct bench {
	struct clock clock;
	struct loop *loop;
	struct net *net;
	struct flow_table *table;
	metrics_cell net_cells[NET_C_COUNT], cells[FLOW_C_COUNT];
	struct net_port client_port, relay_port;
	struct net_buf *buf;
	struct flow_bucket *bucket;
	struct flow_account accounts[FLOWS];
	struct flow flows[FLOWS];
};

/* The one buffer is used again and again. */
static void keep(struct net_port *p, struct net_buf *b)
{
	(void)p;
	(void)b;
}
static const struct net_port_ops ops = {.send = keep};

static const char *const modes[] = {
	"off", "allocation_packets", "allocation_rate", "subject_rate", "node_rate", "all"};

/* High enough that nothing is dropped. */
static void limit(struct bench *b, struct flow_account *a, const char *mode)
{
	bool is_all = strcmp(mode, "all") == 0;

	flow_account_init(
		a, is_all || strcmp(mode, "allocation_rate") == 0 ? 30000000 : 0, b->clock.mono_ms);
	if (is_all || strcmp(mode, "allocation_packets") == 0)
		(void)flow_account_packets_set(a, 100000000); /* memory is not what is short here */
	if (is_all || strcmp(mode, "subject_rate") == 0)
		(void)flow_account_bucket_set(a, FLOW_LIMIT_SUBJECT, b->bucket);
	if (is_all || strcmp(mode, "node_rate") == 0)
		flow_table_bucket_set(b->table, b->bucket);
}

static int bench_init(struct bench *b, const char *mode)
{
	b->loop = loop_create("bench", 4);
	b->net = net_create(b->loop, b->net_cells);
	b->clock.mono_ms = 5000;
	b->table = flow_table_create(&b->clock, b->net, b->cells);
	b->bucket = flow_bucket_create(1000000000);
	b->buf = net_buf_get(b->net);
	b->client_port = (struct net_port){.ops = &ops, .id = 1};
	b->relay_port = (struct net_port){.ops = &ops, .id = 2};
	if (!b->table || !b->bucket || !b->buf)
		return -1;
	for (unsigned i = 0; i < FLOWS; i++) {
		struct flow *f = &b->flows[i];
		limit(b, &b->accounts[i], mode);
		*f = (struct flow){.client_port = &b->client_port,
			.relay_port = &b->relay_port,
			.account = &b->accounts[i],
			.client = addr_ipv4(0xc0000201 + i, 40000),
			.peer = addr_ipv4(0xc6336407, (uint16_t)(5000 + i)),
			.channel = 0x4000,
			.is_permitted = true};
		if (flow_insert(b->table, f) != 0)
			return -1;
	}
	return 0;
}

static void bench_fini(struct bench *b)
{
	for (unsigned i = 0; i < FLOWS; i++) {
		flow_remove(b->table, &b->flows[i]);
		flow_account_fini(&b->accounts[i]);
	}
	net_buf_put(b->net, b->buf);
	flow_table_destroy(b->table);
	flow_bucket_destroy(b->bucket);
	net_destroy(b->net);
	loop_destroy(b->loop);
}

/* The clock moves as it does under load: a millisecond for some hundred messages. */
static void run(struct bench *b, unsigned long n)
{
	uint8_t *start = b->buf->data;

	for (unsigned long i = 0; i < n; i++) {
		b->buf->data = start;
		b->buf->len = STUN_CHANNEL_HEADER_LEN + PAYLOAD_LEN;
		memcpy(start, "\x40\x00\x00\xac", STUN_CHANNEL_HEADER_LEN);
		b->buf->addr = b->flows[i % FLOWS].client;
		b->clock.mono_ms += i % 256 == 0;
		flow_from_client(b->table, &b->client_port, b->buf);
	}
	b->buf->data = start;
}

static int measure(const char *mode, unsigned long n)
{
	struct bench *b = calloc(1, sizeof(*b));
	struct timespec from, to;

	if (!b || bench_init(b, mode) != 0) {
		fprintf(stderr, "flowbench: out of memory\n");
		return 1;
	}
	run(b, n / 10);
	clock_gettime(CLOCK_PROCESS_CPUTIME_ID, &from);
	run(b, n);
	clock_gettime(CLOCK_PROCESS_CPUTIME_ID, &to);
	double ns = (double)(to.tv_sec - from.tv_sec) * 1e9 + (double)(to.tv_nsec - from.tv_nsec);
	printf("flow limits=%s messages=%lu ns_each=%.1f passed=%llu\n", mode, n, ns / (double)n,
		(unsigned long long)metrics_get(b->cells, FLOW_C_UP_PACKETS));
	bench_fini(b);
	free(b);
	return 0;
}

int main(int argc, char **argv)
{
	unsigned long n = 10000000;
	int c, rc = 0;

	while ((c = getopt(argc, argv, "n:")) != -1) {
		if (c != 'n') {
			fprintf(stderr, "usage: flowbench [-n MESSAGES] [MODE]\n");
			return 2;
		}
		n = strtoul(optarg, NULL, 10);
	}
	for (size_t i = 0; i < ARRAY_LEN(modes) && rc == 0; i++) {
		if (optind == argc || strcmp(argv[optind], modes[i]) == 0)
			rc = measure(modes[i], n);
	}
	return rc;
}
