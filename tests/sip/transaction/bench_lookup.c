/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * What it costs to find the transaction of a message: a repeated request with N transactions open,
 * its decoding counted and not. It judges nothing; run it by hand on a quiet machine:
 *
 *   tests/sip/transaction/bench_lookup [N]
 */
#include <stdio.h>
#include <stdlib.h>
#include <time.h>

#include <sallyport/sip/transaction.h>

#define ROUNDS 40

static int on_send(void *arg, struct transaction_hop *to, struct bytes message)
{
	(void)arg;
	(void)to;
	(void)message;
	return 0;
}

static int on_via(void *arg, const struct transaction_hop *to, struct sip_via_own *out)
{
	(void)arg;
	(void)to;
	(void)out;
	return ERR_UNSUPPORTED;
}

static void on_request(void *arg, struct server_transaction *s, const struct sip_msg *m)
{
	(void)arg;
	(void)s;
	(void)m;
}

static void on_ack(void *arg, const struct sip_msg *m, const struct transaction_hop *from)
{
	(void)arg;
	(void)m;
	(void)from;
}

static size_t write_request(char *out, size_t cap, unsigned i)
{
	return (size_t)snprintf(out, cap,
		"OPTIONS sip:bob@192.0.2.1 SIP/2.0\r\n"
		"Via: SIP/2.0/UDP 192.0.2.9:5060;branch=z9hG4bK%08x%08x;rport\r\n"
		"From: <sip:alice@example.com>;tag=%08x\r\nTo: <sip:bob@example.com>\r\n"
		"Call-ID: %08x@192.0.2.9\r\nCSeq: %u OPTIONS\r\nMax-Forwards: 70\r\n"
		"Contact: <sip:alice@192.0.2.9>\r\nContent-Length: 0\r\n\r\n",
		i * 2654435761u, i, i, i, i);
}

static double now_ns(void)
{
	struct timespec t;

	(void)clock_gettime(CLOCK_MONOTONIC, &t);
	return (double)t.tv_sec * 1e9 + (double)t.tv_nsec;
}

/* Nanoseconds for each of N messages, given to L or only decoded. */
static double round_of(struct transactions *l, unsigned n)
{
	const struct transaction_hop from = {.flow = 1, .remote = addr_ipv4(0xc0000209, 5060)};
	struct sip_msg m;
	char text[512];
	double ns = 0;

	for (unsigned i = 0; i < n; i++) {
		/* A stride, so that neighbours in memory are not asked for in turn. */
		size_t len = write_request(text, sizeof(text), (unsigned)(i * 7919ull % n));
		double begun = now_ns();
		(void)sip_msg_decode(text, len, SIP_DATAGRAM, &m);
		if (l)
			transactions_receive(l, &m, &from);
		ns += now_ns() - begun;
	}
	return ns / n;
}

static double best_of(struct transactions *l, unsigned n)
{
	double best = round_of(l, n);

	for (unsigned i = 1; i < ROUNDS; i++) {
		double ns = round_of(l, n);
		if (ns < best)
			best = ns;
	}
	return best;
}

int main(int argc, char **argv)
{
	static metrics_cell cells[TRANSACTION_C_COUNT];
	static struct wheel wheel;
	struct clock clock = {.mono_ms = 1000};
	unsigned n = argc > 1 ? (unsigned)atoi(argv[1]) : 10000;
	struct transactions_config c = {
		.wheel = &wheel,
		.clock = &clock,
		.carrier = {on_send, on_via, NULL},
		.user = {on_request, on_ack, NULL},
		.keys = {{1, 2}, {3, 4}},
		.cells = cells,
		.timers = transaction_timers_default,
		.max_server = 4u * n,
		.max_bytes = SIZE_MAX,
	};
	struct transactions *l;

	wheel_init(&wheel, clock.mono_ms, NULL);
	l = transactions_create(&c);
	if (!l || n == 0)
		return 1;
	double first = round_of(l, n);
	double decode = best_of(NULL, n), all = best_of(l, n);
	printf("open=%ju begun_ns=%.0f decode_ns=%.0f decode_and_find_ns=%.0f find_ns=%.0f "
	       "kept_bytes_each=%ju\n",
		(uintmax_t)metrics_get(cells, TRANSACTION_C_SERVER), first, decode, all,
		all - decode, (uintmax_t)metrics_get(cells, TRANSACTION_C_BYTES) / n);
	transactions_destroy(l);
	return 0;
}
