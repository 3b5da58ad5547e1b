/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * Paced traffic both ways, the account of what came of it, and the search for the highest rate.
 * Packet K of a run is due K / rate seconds after its start and belongs to another flow than the
 * one before; the rate does not give way when the relay is slow.
 */
#include <errno.h>
#include <sched.h>
#include <stdio.h>
#include <string.h>
#include <time.h>

#include "load.h"

#define DRAIN_NS       400000000u
#define BATCH_WAIT_NS  50000u /* without sleep: so long may a packet wait for company */
#define BATCH_MIN      16
#define UNDISTURBED_NS 1000
#define LEAD_RATE      20000.0 /* whatever is measured then, but no faster than that */
#define LEAD_SECONDS   1.0     /* at least */
#define SEARCH_STEP    1.03    /* as close as the highest rate is told */
#define SEARCH_MIN     1000.0
#define SEARCH_TRIALS  24

struct run {
	struct load *load;
	double rate;
	uint64_t start_ns, end_ns;
	uint64_t n_due, n_queued; /* packets of both ways, since the start */
	uint64_t now_ns, busy_ns, idle_ns, last_sent_ns;
	uint32_t stride; /* between the flows of two packets */
	unsigned in_batch;
};

/* ---- receiving ---- */

static unsigned size_of(const struct load *l, uint32_t flow, uint32_t number)
{
	unsigned span = l->config.size_max - l->config.size_min + 1;

	return l->config.size_min + (flow * 7 + number) % span;
}

static void received(struct run *r, enum way way, uint32_t flow, const uint8_t *data, size_t len)
{
	struct load *l = r->load;
	struct tally *t = &l->run.tallies[way];
	struct content c;

	if (len < CONTENT_NUMBERED) {
		t->received++; /* all that can be told of so short a packet */
		return;
	}
	if (!content_read(l->pattern, way == UP ? flow : flow | CONTENT_FROM_PEER, data, len, &c) ||
		len != size_of(l, flow, c.number)) {
		t->corrupt++;
		return;
	}
	if (!tally_count(t, &l->flows[flow].streams[way], c.number))
		return;
	if (len >= CONTENT_TIMED)
		histogram_add(&t->latency, load_now_ns() - c.time_ns);
}

static void at_peer(void *arg, uint32_t flow, const uint8_t *data, size_t len)
{
	received(arg, UP, flow, data, len);
}

static void at_client(void *arg, uint32_t flow, const uint8_t *data, size_t len)
{
	struct run *r = arg;
	uint16_t channel = 0;
	size_t payload_len = len;

	if (!r->load->config.is_direct) {
		if (len < STUN_CHANNEL_HEADER_LEN || !stun_is_channel_data(data[0]) ||
			stun_channel_decode(data, len, &channel, &payload_len) != 0 ||
			channel != LOAD_CHANNEL) {
			r->load->run.unexpected++;
			return;
		}
		data += STUN_CHANNEL_HEADER_LEN;
	}
	received(r, DOWN, flow, data, payload_len);
}

static unsigned receive(struct run *r)
{
	return wire_receive(r->load->wires[UP], at_client, r) +
	       wire_receive(r->load->wires[DOWN], at_peer, r);
}

/* ---- sending ---- */

static void send_one(struct run *r, uint64_t k)
{
	struct load *l = r->load;
	enum way way = k & 1 ? DOWN : UP;
	/* The two ways of one flow are half a round apart. */
	uint64_t turn = (k >> 1) + (way == DOWN ? l->config.n_flows / 2 : 0);
	uint32_t flow = (uint32_t)(turn * r->stride % l->config.n_flows);
	struct content c = {.number = l->flows[flow].streams[way].next++,
		.flow = way == UP ? flow : flow | CONTENT_FROM_PEER,
		.time_ns = r->now_ns};
	unsigned len = size_of(l, flow, c.number);
	size_t header = way == UP && !l->config.is_direct ? STUN_CHANNEL_HEADER_LEN : 0;
	uint8_t *to = wire_reserve(l->wires[way], flow, header + len);

	l->run.tallies[way].sent++;
	if (!to)
		return; /* the wire has counted it */
	if (header) {
		be16_put(to, LOAD_CHANNEL);
		be16_put(to + 2, (uint16_t)len);
	}
	content_write(l->pattern, &c, to + header, len);
}

static void flush(struct run *r)
{
	wire_flush(r->load->wires[UP]);
	wire_flush(r->load->wires[DOWN]);
	r->last_sent_ns = r->now_ns;
}

/* One batch of what is due; without sleep only once it is worth a system call. */
static unsigned send_due(struct run *r)
{
	uint64_t passed = (r->now_ns < r->end_ns ? r->now_ns : r->end_ns) - r->start_ns;

	r->n_due = (uint64_t)((double)passed * r->rate / 1e9);
	uint64_t n = r->n_due - r->n_queued;
	if (n == 0 || (r->load->config.tick_us == 0 && n < BATCH_MIN &&
			      r->now_ns - r->last_sent_ns < BATCH_WAIT_NS))
		return 0;
	if (n > WIRE_BATCH)
		n = WIRE_BATCH;
	for (uint64_t i = 0; i < n; i++)
		send_one(r, r->n_queued++);
	flush(r);
	return (unsigned)n;
}

/* ---- a run ---- */

/* Idle is what passes between two looks at the clock that nothing came between. That sees
 * interrupts, which a kernel without time accounting for them charges to whoever they interrupt;
 * and the core never halts, which costs a virtual machine more than relaying a packet does. */
static void soak(struct run *r, uint64_t until_ns)
{
	uint64_t last_ns = load_now_ns();

	while (last_ns < until_ns) {
		uint64_t now_ns = load_now_ns();
		if (now_ns - last_ns < UNDISTURBED_NS)
			r->idle_ns += now_ns - last_ns;
		last_ns = now_ns;
	}
}

static void rest(struct run *r)
{
	uint64_t wake_ns = r->now_ns + r->load->config.tick_us * (uint64_t)1000;
	struct timespec ts = {(time_t)(wake_ns / 1000000000u), (long)(wake_ns % 1000000000u)};

	if (r->load->config.is_soaking)
		soak(r, wake_ns);
	else
		(void)clock_nanosleep(
			CLOCK_MONOTONIC, TIMER_ABSTIME, &ts, NULL); /* early is fine */
}

/* While it soaks, everything else that wants the core goes first. */
static void give_way(const struct load *l, int policy)
{
	struct sched_param priority = {0};

	if (l->config.is_soaking && sched_setscheduler(0, policy, &priority) != 0)
		perror("turnload: sched_setscheduler"); /* the figures are still about right */
}

static bool is_all_there(const struct load *l)
{
	for (enum way w = UP; w < WAYS; w++) {
		const struct tally *t = &l->run.tallies[w];
		if (t->received < t->sent)
			return false;
	}
	return true;
}

/* A packet that is due when sending ends and has not left yet is not offered any more: then the
 * generator was the bottleneck, and run_is_valid says so. */
static void drive(struct run *r)
{
	uint64_t quiet_since = 0;

	for (;;) {
		r->now_ns = load_now_ns();
		unsigned n = send_due(r);
		unsigned n_received = receive(r);
		uint64_t done_ns = load_now_ns();
		if (n + n_received > 0)
			r->busy_ns += done_ns - r->now_ns;
		if (r->now_ns >= r->end_ns) {
			if (n_received > 0 || quiet_since == 0)
				quiet_since = done_ns;
			if (is_all_there(r->load) || done_ns - quiet_since > DRAIN_NS)
				return;
		}
		if (r->load->config.tick_us > 0 && n < WIRE_BATCH)
			rest(r);
	}
}

static uint32_t gcd(uint32_t a, uint32_t b)
{
	while (b != 0) {
		uint32_t rest = a % b;
		a = b;
		b = rest;
	}
	return a;
}

/* Far apart, and every flow has its turn. */
static uint32_t stride_of(uint32_t n)
{
	uint32_t stride = (uint32_t)(n * 0.618) | 1;

	while (gcd(stride, n) != 1)
		stride += 2;
	return stride;
}

static void counts_since(struct wire_counts *now, const struct wire_counts *before)
{
	now->send_errors -= before->send_errors;
	now->lost_here -= before->lost_here;
	now->bad_checksum -= before->bad_checksum;
	now->misdirected -= before->misdirected;
	now->fragments -= before->fragments;
}

void traffic_run(struct load *l, double rate, double seconds)
{
	struct run r = {.load = l, .rate = rate, .stride = stride_of(l->config.n_flows)};
	struct wire_counts before[WAYS] = {l->wires[UP]->counts, l->wires[DOWN]->counts};
	struct cpu_reading from, to;

	memset(&l->run, 0, sizeof(l->run));
	for (uint32_t i = 0; i < l->config.n_flows; i++) {
		for (enum way w = UP; w < WAYS; w++) {
			stream_start(&l->flows[i].streams[w]);
		}
	}
	cpu_read(&l->config, &from);
	r.start_ns = r.last_sent_ns = load_now_ns();
	r.end_ns = r.start_ns + (uint64_t)(seconds * 1e9);
	give_way(l, SCHED_IDLE);
	drive(&r);
	give_way(l, SCHED_OTHER);
	cpu_read(&l->config, &to);

	l->run.rate = rate;
	l->run.seconds = seconds;
	l->run.wall_s = (double)(to.time_ns - from.time_ns) / 1e9;
	l->run.busy_percent = (double)r.busy_ns * 100 / (double)(to.time_ns - from.time_ns);
	l->run.self_us = (double)(to.self_ns - from.self_ns) / 1000;
	l->run.server_us = (double)(to.server_ns - from.server_ns) / 1000;
	l->run.core_us = (double)(int64_t)(to.core_busy_ns - from.core_busy_ns) / 1000;
	if (l->config.is_soaking) {
		l->run.self_us -= (double)r.idle_ns / 1000;
		/* Interrupts are charged to one of these; what else the host does is not. */
		l->run.core_us = l->run.self_us + l->run.server_us +
				 (double)(to.softirq_ns - from.softirq_ns) / 1000;
	}
	l->run.steal_us = (double)(to.core_steal_ns - from.core_steal_ns) / 1000;
	for (enum way w = UP; w < WAYS; w++) {
		l->run.wires[w] = l->wires[w]->counts;
		counts_since(&l->run.wires[w], &before[w]);
		l->run.tallies[w].sent -= l->run.wires[w].send_errors;
	}
}

void traffic_lead(struct load *l)
{
	double rate = l->config.rate < LEAD_RATE ? l->config.rate : LEAD_RATE;
	double seconds = l->config.n_lead * (double)l->config.n_flows * WAYS / rate;

	if (l->config.n_lead > 0)
		traffic_run(l, rate, seconds > LEAD_SECONDS ? seconds : LEAD_SECONDS);
}

double run_loss_percent(const struct run_result *r)
{
	uint64_t sent = r->tallies[UP].sent + r->tallies[DOWN].sent;
	uint64_t received = r->tallies[UP].received + r->tallies[DOWN].received;

	return sent && received < sent ? (double)(sent - received) * 100 / (double)sent : 0;
}

bool run_is_valid(const struct run_result *r)
{
	uint64_t sent = r->tallies[UP].sent + r->tallies[DOWN].sent;

	return (double)sent >= r->rate * r->seconds * 0.98 - 2 && r->wires[UP].lost_here == 0 &&
	       r->wires[DOWN].lost_here == 0;
}

/* ---- the search ---- */

static bool holds(struct load *l, double rate, struct run_result *best)
{
	traffic_run(l, rate, l->config.seconds);
	bool is_good = run_is_valid(&l->run) && run_loss_percent(&l->run) <= l->config.loss_percent;
	fprintf(stderr, "# %.0f packets/s: %.3f %% lost, generator %.0f %% busy%s\n", rate,
		run_loss_percent(&l->run), l->run.busy_percent,
		run_is_valid(&l->run) ? "" : ", which was too slow");
	if (is_good)
		*best = l->run;
	return is_good;
}

/* A rate fails when it fails twice: once may be a hiccup of the host. */
static bool trial(struct load *l, double rate, struct run_result *best)
{
	if (holds(l, rate, best) || holds(l, rate, best))
		return true;
	l->is_generator_limit = !run_is_valid(&l->run);
	return false;
}

/* Up by halves until it fails, down until it holds, then between the two. */
void traffic_search(struct load *l)
{
	struct run_result best = {0};
	double good = 0, bad = 0, rate = l->config.rate;

	for (int i = 0; i < SEARCH_TRIALS; i++) {
		if (trial(l, rate, &best))
			good = rate;
		else
			bad = rate;
		if (bad == 0)
			rate = good * 1.5;
		else if (good == 0)
			rate = bad / 2;
		else
			rate = (good + bad) / 2;
		if ((good > 0 && bad > 0 && bad / good < SEARCH_STEP) || rate < SEARCH_MIN)
			break;
	}
	l->run = best;
}
