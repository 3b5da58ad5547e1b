/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * The PROXY header in front of a connection that a balancer has made. Not a byte behind it is taken
 * from the socket: what follows may be TLS, which reads for itself.
 */
#include <errno.h>
#include <stdlib.h>
#include <sys/socket.h>

#include "../proxy.h"
#include "stream_priv.h"

_Static_assert(NET_SCRATCH >= NET_PROXY_MAX, "a header must be read whole");

/* All N bytes that wait belong to the header, so they can be taken and kept. */
static bool keep(struct net_conn *c, size_t n)
{
	uint8_t *grown = realloc(c->proxy, c->proxy_len + n);

	if (!grown)
		return false;
	c->proxy = grown;
	ssize_t got = recv(c->fd, grown + c->proxy_len, n, 0);
	if (got < 0)
		return false;
	c->proxy_len += (uint32_t)got;
	return true;
}

/* Takes the rest of H from the socket; what it names is the client. */
static bool adopt(struct net_conn *c, const struct net_proxy_header *h)
{
	size_t rest = h->len - c->proxy_len;

	if (h->transport == NET_PROXY_DATAGRAM ||
		recv(c->fd, c->net->scratch, rest, 0) != (ssize_t)rest)
		return false;
	free(c->proxy);
	c->proxy = NULL;
	if (h->has_client)
		c->peer = h->client;
	net_life_named(&c->life, c->listener->config.tls != NULL);
	return true;
}

bool net_conn_read_proxy(struct net_conn *c)
{
	uint8_t *text = c->net->scratch;
	struct net_proxy_header h;

	if (c->proxy_len > 0)
		memcpy(text, c->proxy, c->proxy_len);
	ssize_t n = recv(c->fd, text + c->proxy_len, NET_PROXY_MAX - c->proxy_len, MSG_PEEK);
	if (n < 0 && (errno == EAGAIN || errno == EINTR))
		return false;
	if (n <= 0) {
		net_conn_end(c, n == 0 ? NET_C_END_CLIENT : NET_C_END_ERROR);
		return false;
	}
	int rc = net_proxy_parse(bytes_of(text, c->proxy_len + (size_t)n), &h);
	if (rc == ERR_TRUNCATED) {
		if (!keep(c, (size_t)n))
			net_conn_end(c, NET_C_END_ERROR);
		return false;
	}
	if (rc != 0 || !adopt(c, &h)) {
		net_conn_end(c, NET_C_END_PROXY);
		return false;
	}
	/* For itself a balancer has as many as it likes. */
	if (!h.has_client || net_life_admit(&c->life, &c->peer, c->listener->config.per_client))
		return true;
	net_conn_end(c, NET_C_REFUSED_CLIENT);
	return false;
}
