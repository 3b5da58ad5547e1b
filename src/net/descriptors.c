/* SPDX-License-Identifier: BSD-3-Clause */
/* Who may have the last descriptors. */
#include <errno.h>
#include <limits.h>
#include <sys/resource.h>
#include <unistd.h>

#include "net_priv.h"

/* Kept from relay ports: one in eight, within bounds. A quarter of those is kept from connections
 * as well: an API with its connections, the operator and a reload get along with it. */
#define KEPT_SHARE 8
#define KEPT_MIN   16
#define KEPT_MAX   1024

void net_descriptors_init(struct net *n)
{
	struct rlimit r;

	n->descriptor_end[NET_FOR_RELAY] = n->descriptor_end[NET_FOR_CONNECTION] = INT_MAX;
	if (getrlimit(RLIMIT_NOFILE, &r) != 0 || r.rlim_cur >= INT_MAX)
		return;
	int limit = (int)r.rlim_cur;
	int kept = limit / KEPT_SHARE;
	kept = kept < KEPT_MIN ? KEPT_MIN : kept > KEPT_MAX ? KEPT_MAX : kept;
	n->descriptor_end[NET_FOR_RELAY] = limit - kept;
	n->descriptor_end[NET_FOR_CONNECTION] = limit - kept / 4;
}

int net_descriptor_end(const struct net *n, enum net_descriptor_use use)
{
	return n->descriptor_end[use];
}

int net_descriptor_admit(const struct net *n, enum net_descriptor_use use, int fd)
{
	if (fd < n->descriptor_end[use])
		return 0;
	close(fd);
	return -EMFILE;
}
