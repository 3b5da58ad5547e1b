/* SPDX-License-Identifier: BSD-3-Clause */
/* The ports of legs: an even one for RTP and the next one for RTCP (RFC 3550 §11). */
#include <assert.h>
#include <errno.h>
#include <sys/socket.h>
#include <unistd.h>
#include "media_priv.h"

#define TRIES 32 /* ports that somebody else holds are passed over */

/* NULL: the kernel picks. */
static struct net_ports *pool_of(struct media *m, unsigned face)
{
	return m->config.faces[face].first == 0 ? NULL : &m->ports[face];
}

int media_ports_init(struct media *m)
{
	const struct media_config *c = &m->config;
	int rc = 0;

	for (unsigned i = 0; rc == 0 && i < c->n_faces; i++) {
		const struct media_face *f = &c->faces[i];
		if (pool_of(m, i))
			rc = net_ports_init(
				&m->ports[i], f->first, f->last, c->worker, c->n_workers);
	}
	if (rc != 0)
		media_ports_fini(m);
	return rc;
}

void media_ports_fini(struct media *m)
{
	for (unsigned i = 0; i < m->config.n_faces; i++)
		net_ports_fini(&m->ports[i]);
}

/* ---- one pair ---- */

/* Which port the kernel has picked. */
static int bound_address(int fd, struct addr *out)
{
	struct sockaddr_storage ss;
	socklen_t len = sizeof(ss);

	if (getsockname(fd, (struct sockaddr *)&ss, &len) != 0)
		return errno > 0 ? -errno : -EBADF;
	return addr_from_sockaddr((struct sockaddr *)&ss, len, out);
}

static int open_at(struct media_leg *l, uint16_t port, struct net_port **out)
{
	struct media *m = l->session->media;
	struct addr local = m->config.faces[l->face].local;
	int fd;

	local.port = port;
	int rc = net_udp_socket(&local, false, 0, &fd);
	if (rc == 0)
		rc = net_descriptor_admit(m->config.net, NET_FOR_RELAY, fd);
	if (rc != 0)
		return rc;
	rc = bound_address(fd, &local);
	if (rc != 0) {
		close(fd);
		return rc;
	}
	return net_udp_open(m->config.net, fd, &local, &m->handler, l, out);
}

static void close_both(struct media_leg *l)
{
	if (l->rtp)
		net_port_close(l->rtp);
	if (l->rtcp)
		net_port_close(l->rtcp);
	l->rtp = l->rtcp = NULL;
}

/* PORT 0: any, which must turn out even. -EADDRINUSE: another may do. */
static int open_both(struct media_leg *l, uint16_t port, bool has_rtcp_port)
{
	int rc = open_at(l, port, &l->rtp);

	if (rc == 0 && l->rtp->local.port % 2 != 0)
		rc = -EADDRINUSE;
	if (rc == 0 && has_rtcp_port)
		rc = open_at(l, (uint16_t)(l->rtp->local.port + 1), &l->rtcp);
	if (rc != 0)
		close_both(l);
	return rc;
}

static void put_back(struct net_ports *pool, uint16_t port, bool is_pair)
{
	net_ports_put(pool, port);
	if (is_pair)
		net_ports_put(pool, (uint16_t)(port + 1));
}

static int open_from(struct net_ports *pool, struct media_leg *l, bool has_rtcp_port)
{
	enum net_ports_want want = has_rtcp_port ? NET_PORT_EVEN_PAIR : NET_PORT_EVEN;
	uint16_t port;
	int rc = net_ports_take(pool, want, &port);

	if (rc != 0)
		return rc;
	rc = open_both(l, port, has_rtcp_port);
	if (rc != 0)
		put_back(pool, port, has_rtcp_port);
	return rc;
}

int media_ports_open(struct media_leg *l, bool has_rtcp_port)
{
	struct net_ports *pool = pool_of(l->session->media, l->face);
	int rc = -EADDRINUSE;

	for (unsigned i = 0; rc == -EADDRINUSE && i < TRIES; i++)
		rc = pool ? open_from(pool, l, has_rtcp_port) : open_both(l, 0, has_rtcp_port);
	return rc == -EADDRINUSE ? ERR_FULL : rc;
}

void media_ports_close(struct media_leg *l)
{
	struct net_ports *pool = pool_of(l->session->media, l->face);

	if (l->rtp && pool)
		put_back(pool, l->rtp->local.port, l->rtcp != NULL);
	close_both(l);
}
