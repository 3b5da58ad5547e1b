/* SPDX-License-Identifier: BSD-3-Clause */
/* A connection that no port holds: taken out of one, wrapped up, made one again elsewhere. */
#include <errno.h>
#include <stdlib.h>
#include <unistd.h>

#include "stream_priv.h"

void net_parcel_drop(struct net_parcel *p)
{
	crypto_tls_conn_destroy(p->tls);
	net_ring_fini(&p->out);
	free(p->in);
	if (p->fd >= 0)
		close(p->fd);
	*p = (struct net_parcel){.fd = -1};
}

int net_conn_detach(struct net_port *port, struct bytes again, struct net_parcel *out)
{
	struct net_conn *c = (struct net_conn *)port;
	struct bytes rest = c->net->serving == port ? c->net->unread
						    : bytes_of(c->framer.rest, c->framer.rest_len);
	size_t len = again.len + rest.len;
	uint8_t *in = len > 0 ? malloc(len) : NULL;

	if (len > 0 && !in)
		return -ENOMEM;
	if (in && again.len > 0)
		memcpy(in, again.data, again.len);
	if (in && rest.len > 0)
		memcpy(in + again.len, rest.data, rest.len);
	net_conn_take_out(c);
	*out = (struct net_parcel){.fd = c->fd,
		.tls = c->tls,
		.peer = c->peer,
		.out = c->out,
		.in = in,
		.in_len = (uint32_t)len};
	net_framer_fini(&c->framer);
	free(c);
	return 0;
}

void net_listener_adopt(struct net_listener *l, struct net_parcel *p)
{
	struct net_conn *c = net_conn_adopt(l, p);

	if (c && c->out.len > 0)
		net_conn_drain(c);
	if (c)
		net_conn_read_on(c);
	if (c && p->in_len > 0)
		(void)net_conn_hand_up(c, bytes_of(p->in, p->in_len));
	net_parcel_drop(p);
}
