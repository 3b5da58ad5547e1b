/* SPDX-License-Identifier: BSD-3-Clause */
/* Ports that the kernel may give to others, because it does not know that they are in use. */
#include <stdio.h>
#include <stdlib.h>

#include "steer_priv.h"

bool net_steer_is_reserved(const char *list, unsigned port)
{
	while (*list) {
		char *end;
		unsigned long first = strtoul(list, &end, 10), last = first;

		if (end == list)
			return false;
		if (*end == '-')
			last = strtoul(end + 1, &end, 10);
		if (port >= first && port <= last)
			return true;
		list = *end == ',' ? end + 1 : end;
	}
	return false;
}

static bool read_line(const char *path, char *line, size_t len)
{
	FILE *f = fopen(path, "re");
	bool is_read = f && fgets(line, (int)len, f);

	if (f)
		fclose(f);
	return is_read;
}

bool net_steering_range_is_exposed(uint16_t first, uint16_t last)
{
	char range[64], reserved[4096] = "";
	unsigned low, high;

	if (!read_line("/proc/sys/net/ipv4/ip_local_port_range", range, sizeof(range)) ||
		sscanf(range, "%u %u", &low, &high) != 2)
		return false;
	(void)read_line("/proc/sys/net/ipv4/ip_local_reserved_ports", reserved, sizeof(reserved));
	for (unsigned port = first; port <= last; port++) {
		if (port >= low && port <= high && !net_steer_is_reserved(reserved, port))
			return true;
	}
	return false;
}
