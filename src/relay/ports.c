/* SPDX-License-Identifier: BSD-3-Clause */
/* Relay ports for UDP: a socket each. */
#include "ports.h"

/* ---- from peers ---- */

static void on_peer_packets(void *arg, struct net_port *p, struct net_buf **bufs, size_t n)
{
	struct relay_ports *ps = arg;

	for (size_t i = 0; i < n; i++) {
		if (!flow_from_peer(ps->flows, p, bufs[i]))
			turn_from_peer(relay_turn(ps->relay), p, bufs[i]);
	}
}

static void on_icmp(void *arg, struct net_port *p, const struct net_icmp *e)
{
	struct relay_ports *ps = arg;

	turn_icmp(relay_turn(ps->relay), p, e);
}

/* ---- from the TURN server ---- */

static int adopt_port(void *arg, int fd, const struct addr *local, struct net_port **out)
{
	struct relay_ports *ps = arg;

	return net_udp_open(ps->net, fd, local, &ps->handler, NULL, out);
}

static int open_port(void *arg, const struct addr *local, struct net_port **out)
{
	struct relay_ports *ps = arg;
	int fd;
	int rc = net_udp_socket(local, false, 0, &fd);

	if (rc == 0)
		rc = net_descriptor_admit(ps->net, NET_FOR_RELAY, fd);
	return rc == 0 ? adopt_port(arg, fd, local, out) : rc;
}

static int release_port(void *arg, struct net_port *p)
{
	(void)arg;
	return net_udp_detach(p);
}

static int copy_port(void *arg, struct net_port *p)
{
	(void)arg;
	return net_udp_copy(p);
}

void relay_ports_init(
	struct relay_ports *p, struct relay *r, struct net *net, struct flow_table *flows)
{
	p->relay = r;
	p->net = net;
	p->flows = flows;
	p->handler = (struct net_handler){.packets = on_peer_packets, .icmp = on_icmp, .arg = p};
	p->wire = (struct turn_udp_wire){
		.open = open_port,
		.release = release_port,
		.adopt = adopt_port,
		.copy = copy_port,
		.arg = p,
	};
}
