/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * Readings: processor time of the server, of a core and of ourselves, and the server's memory. A
 * core is busy when it is neither idle nor taken away by the hypervisor: kernels without time
 * accounting for interrupts charge those to whoever they interrupt, so the time of a process alone
 * says little.
 */
#include <dirent.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#include "load.h"

uint64_t load_now_ns(void)
{
	struct timespec ts;

	clock_gettime(CLOCK_MONOTONIC, &ts);
	return (uint64_t)ts.tv_sec * 1000000000u + (uint64_t)ts.tv_nsec;
}

/* Of all threads, up to this moment: what files of /proc say is as old as the last time slice. */
static uint64_t process_ns(int pid)
{
	clockid_t clock;
	struct timespec ts;

	if (clock_getcpuclockid(pid, &clock) != 0 || clock_gettime(clock, &ts) != 0)
		return 0;
	return (uint64_t)ts.tv_sec * 1000000000u + (uint64_t)ts.tv_nsec;
}

/* 0: there is none, or it cannot be seen. */
int cpu_softirq_pid(int core)
{
	char path[300], name[32], want[32];
	DIR *dir = opendir("/proc");
	struct dirent *entry;
	int pid = 0;

	snprintf(want, sizeof(want), "ksoftirqd/%d", core);
	while (pid == 0 && dir && (entry = readdir(dir))) {
		snprintf(path, sizeof(path), "/proc/%.20s/comm", entry->d_name);
		FILE *f = entry->d_name[0] >= '1' && entry->d_name[0] <= '9' ? fopen(path, "re")
									     : NULL;
		if (f && fscanf(f, "%31s", name) == 1 && strcmp(name, want) == 0)
			pid = atoi(entry->d_name);
		if (f)
			fclose(f);
	}
	if (dir)
		closedir(dir);
	return pid;
}

static void read_core(int core, uint64_t *idle_ns, uint64_t *steal_ns)
{
	uint64_t v[8] = {0};
	char line[512], name[16];
	FILE *f = fopen("/proc/stat", "re");

	snprintf(name, sizeof(name), "cpu%d ", core);
	while (f && fgets(line, sizeof(line), f)) {
		if (strncmp(line, name, strlen(name)) == 0)
			(void)sscanf(line + strlen(name), /* what is missing stays 0 */
				"%" SCNu64 " %" SCNu64 " %" SCNu64 " %" SCNu64 " %" SCNu64
				" %" SCNu64 " %" SCNu64 " %" SCNu64,
				&v[0], &v[1], &v[2], &v[3], &v[4], &v[5], &v[6], &v[7]);
	}
	if (f)
		fclose(f);
	/* user nice system idle iowait irq softirq steal; guest time is within user */
	uint64_t tick_ns = 1000000000u / (uint64_t)sysconf(_SC_CLK_TCK);
	*idle_ns = (v[3] + v[4]) * tick_ns;
	*steal_ns = v[7] * tick_ns;
}

static uint64_t rss_kb(int pid)
{
	char path[64], line[256];
	uint64_t kb = 0;

	snprintf(path, sizeof(path), "/proc/%d/smaps_rollup", pid);
	FILE *f = fopen(path, "re");
	while (f && fgets(line, sizeof(line), f) && sscanf(line, "Rss: %" SCNu64 " kB", &kb) != 1)
		;
	if (f)
		fclose(f);
	return kb;
}

static uint64_t own_ns(void)
{
	struct timespec ts;

	clock_gettime(CLOCK_THREAD_CPUTIME_ID, &ts);
	return (uint64_t)ts.tv_sec * 1000000000u + (uint64_t)ts.tv_nsec;
}

void cpu_read(const struct load_config *c, struct cpu_reading *out)
{
	uint64_t idle_ns;

	memset(out, 0, sizeof(*out));
	if (c->pid > 0) {
		out->server_ns = process_ns(c->pid);
		out->rss_kb = rss_kb(c->pid);
	}
	if (c->softirq_pid > 0)
		out->softirq_ns = process_ns(c->softirq_pid);
	out->self_ns = own_ns();
	out->time_ns = load_now_ns();
	if (c->core >= 0) {
		read_core(c->core, &idle_ns, &out->core_steal_ns);
		out->core_busy_ns = out->time_ns - idle_ns - out->core_steal_ns;
	}
}
