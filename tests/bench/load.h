/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * load: what the parts of turnload share. One thread drives two wires, one for all clients and one
 * for all peers. A flow is one allocation with one channel to one peer address of its own.
 */
#ifndef TESTS_BENCH_LOAD_H
#define TESTS_BENCH_LOAD_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sallyport/common.h>
#include <sallyport/stun.h>

#include "content.h"
#include "tally.h"
#include "wire.h"

#define LOAD_CHANNEL   0x4000
#define LOAD_NONCE_MAX 128
#define LOAD_TEXT_MAX  128

enum way {
	UP,   /* client to peer */
	DOWN, /* peer to client */
	WAYS,
};

struct load_config {
	struct addr server;
	const char *username, *password;
	struct wire_config wires[WAYS]; /* the senders of each way: clients, peers */
	uint32_t n_flows;
	uint32_t n_warm_up; /* allocations before the first reading of the server's memory */
	bool is_direct;     /* no relay: the peers' addresses are what clients send to */
	unsigned size_min, size_max;
	double rate; /* packets a second, both ways together */
	double seconds;
	uint32_t n_lead;     /* packets of each flow and way before what is measured */
	unsigned tick_us;    /* sleep that long between two looks; 0: never sleep */
	int pid;             /* the server's, or 0 */
	int core;            /* whose busy time is told, or -1 */
	int softirq_pid;     /* its ksoftirqd, or 0 */
	bool is_soaking;     /* take all that is left of the core, and tell how much that was */
	double loss_percent; /* search: the most that a rate may lose */
	bool is_search, is_json;
	const char *label;
};

struct flow {
	struct stream streams[WAYS];
	struct addr relayed;
	char nonce[LOAD_NONCE_MAX];
};

struct cpu_reading {
	uint64_t time_ns;
	uint64_t server_ns, self_ns;
	uint64_t softirq_ns; /* of the core's thread for interrupts that are put off */
	uint64_t core_busy_ns, core_steal_ns;
	uint64_t rss_kb;
};

struct setup_result {
	double seconds;
	double server_us_each, core_us_each, self_us_each;
	double rss_bytes_each;
	uint64_t rss_full_kb;
};

struct run_result {
	double rate, seconds;
	struct tally tallies[WAYS];
	struct wire_counts wires[WAYS];
	uint64_t unexpected; /* messages to clients that are not ChannelData */
	double busy_percent; /* of the generator's time, spent sending and receiving */
	double wall_s;       /* between the two readings */
	double server_us, core_us, steal_us, self_us;
};

struct load {
	struct load_config config;
	struct wire *wires[WAYS];
	struct flow *flows;
	struct stun_key key;
	char realm[LOAD_TEXT_MAX];
	bool has_realm;
	uint8_t tid_prefix[7];
	struct setup_result setup;
	struct run_result run;
	bool is_generator_limit; /* what ended the search */
	uint8_t pattern[CONTENT_PATTERN_LEN];
};

uint64_t load_now_ns(void);

/* ---- setup.c ---- */

enum setup_step {
	SETUP_ALLOCATE,
	SETUP_BIND,
	SETUP_RELEASE,
};
/* One transaction for each flow from FIRST to before LAST, some at a time. A line on stderr says
 * what failed: ERR_DENIED when it was refused, -ETIMEDOUT. */
int setup_step_all(struct load *l, enum setup_step step, uint32_t first, uint32_t last);

/* ---- traffic.c ---- */

/* Traffic that is not measured, if the configuration wants it: relays learn from it. */
void traffic_lead(struct load *l);
/* Sends at RATE for SECONDS, waits for the last ones, and fills l->run. */
void traffic_run(struct load *l, double rate, double seconds);
double run_loss_percent(const struct run_result *r);
/* Did the generator offer what it was told to, and take all that came? */
bool run_is_valid(const struct run_result *r);
/* The highest rate that loses no more than it may; l->run is its run. */
void traffic_search(struct load *l);

/* ---- reading.c ---- */

int cpu_softirq_pid(int core);
void cpu_read(const struct load_config *c, struct cpu_reading *out);

/* ---- report.c ---- */

void report_print(const struct load *l);

#endif
