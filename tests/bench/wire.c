/* SPDX-License-Identifier: BSD-3-Clause */
/* What all wires share: the addresses of flows, and the way into a namespace. Face: wire.h. */
#include <errno.h>
#include <fcntl.h>
#include <sched.h>
#include <stdio.h>
#include <unistd.h>

#include "wire.h"

int wire_create(const struct wire_config *config, struct wire **out)
{
	switch (config->kind) {
	case WIRE_PACKET:
		return wire_packet_create(config, out);
	case WIRE_TCP:
	case WIRE_TLS:
		return wire_stream_create(config, out);
	default:
		return wire_socket_create(config, out);
	}
}

void wire_destroy(struct wire *w)
{
	if (w)
		w->ops->destroy(w);
}

struct addr wire_local(const struct wire_config *c, uint32_t flow)
{
	struct addr a = c->first;

	be32_put(a.ip + 12, be32_get(a.ip + 12) + flow / c->per_address);
	a.port = (uint16_t)(a.port + flow % c->per_address);
	return a;
}

bool wire_flow(const struct wire_config *c, const struct addr *local, uint32_t *flow)
{
	uint32_t n = be32_get(local->ip + 12) - be32_get(c->first.ip + 12);
	uint32_t port = (uint32_t)local->port - c->first.port;

	if (n > c->n_flows / c->per_address || port >= c->per_address ||
		memcmp(local->ip, c->first.ip, 12) != 0)
		return false;
	*flow = n * c->per_address + port;
	return *flow < c->n_flows;
}

int wire_enter(const struct wire_config *config, int *home)
{
	*home = -1;
	if (!config->space)
		return 0;
	*home = open("/proc/self/ns/net", O_RDONLY | O_CLOEXEC);
	int fd = *home < 0 ? -1 : open(config->space, O_RDONLY | O_CLOEXEC);
	int rc = fd < 0 || setns(fd, CLONE_NEWNET) != 0 ? -errno : 0;
	if (fd >= 0)
		(void)close(fd); /* only opened to enter */
	if (rc != 0 && *home >= 0)
		(void)close(*home); /* nothing to come back from */
	return rc;
}

void wire_leave(int home)
{
	if (home < 0)
		return;
	if (setns(home, CLONE_NEWNET) != 0)
		perror("turnload: setns"); /* sockets stay where they were opened all the same */
	(void)close(home);                 /* only opened to come back */
}
