/* SPDX-License-Identifier: BSD-3-Clause */
/* Relay ports for UDP: a socket each, or steered. */
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

static int adopt_socket(
	struct relay_ports *ps, int fd, const struct addr *local, struct net_port **out)
{
	int rc = net_udp_open(ps->net, fd, local, &ps->handler, NULL, out);

	if (rc == 0 && ps->steer)
		net_steer_listener(ps->steer, *out);
	return rc;
}

static int open_port(void *arg, const struct addr *local, struct net_port **out)
{
	struct relay_ports *ps = arg;
	int fd;

	if (ps->steer)
		return net_steer_open(ps->steer, local, out);
	int rc = net_udp_socket(local, false, 0, &fd);
	if (rc == 0)
		rc = net_descriptor_admit(ps->net, NET_FOR_RELAY, fd);
	return rc == 0 ? adopt_socket(ps, fd, local, out) : rc;
}

static int adopt_port(void *arg, int fd, const struct addr *local, struct net_port **out)
{
	struct relay_ports *ps = arg;

	if (fd >= 0)
		return adopt_socket(ps, fd, local, out);
	return ps->steer ? net_steer_adopt(ps->steer, local, out) : open_port(arg, local, out);
}

static int release_port(void *arg, struct net_port *p)
{
	(void)arg;
	if (!net_steer_is_port(p))
		return net_udp_detach(p);
	net_steer_release(p);
	return -1;
}

static int copy_port(void *arg, struct net_port *p, int *fd)
{
	int copy = -1;

	(void)arg;
	if (!net_steer_is_port(p)) {
		copy = net_udp_copy(p);
		if (copy < 0)
			return copy;
	}
	*fd = copy;
	return 0;
}

static void for_stream(void *arg, struct net_port *p)
{
	(void)arg;
	if (!net_steer_is_port(p))
		net_udp_apart(p);
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
		.for_stream = for_stream,
		.arg = p,
	};
}

int relay_ports_steer(struct relay_ports *p, const struct relay_config *c, struct net_paths *paths)
{
	struct net_steer_config s = {.net = p->net,
		.steering = c->steering,
		.worker = c->worker,
		.paths = paths,
		.handler = &p->handler};

	return c->steering ? net_steer_create(&s, &p->steer) : 0;
}

void relay_ports_fini(struct relay_ports *p)
{
	net_steer_destroy(p->steer);
}
