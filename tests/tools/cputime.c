/* SPDX-License-Identifier: BSD-3-Clause */
/* Processor time from the scheduler's own count, thread by thread. Face: cputime.h. */
#include <dirent.h>
#include <inttypes.h>
#include <stdio.h>

#include "cputime.h"

static uint64_t thread_ns(int pid, const char *thread)
{
	char path[320];
	uint64_t ns = 0;

	snprintf(path, sizeof(path), "/proc/%d/task/%s/schedstat", pid, thread);
	FILE *f = fopen(path, "re");
	if (!f)
		return 0;
	if (fscanf(f, "%" SCNu64, &ns) != 1)
		ns = 0;
	fclose(f);
	return ns;
}

uint64_t cputime_ns(int pid)
{
	char path[64];
	uint64_t sum = 0;

	snprintf(path, sizeof(path), "/proc/%d/task", pid);
	DIR *d = pid > 0 ? opendir(path) : NULL;
	if (!d)
		return 0;
	for (const struct dirent *e = readdir(d); e; e = readdir(d)) {
		if (e->d_name[0] != '.')
			sum += thread_ns(pid, e->d_name);
	}
	closedir(d);
	return sum;
}
