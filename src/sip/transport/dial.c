/* SPDX-License-Identifier: BSD-3-Clause */
/* Making a connection: what is sent by it meanwhile waits in its queue. */
#include <errno.h>
#include <netinet/in.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "transport_priv.h"

int sip_socket_name(int fd, struct addr *out)
{
	struct sockaddr_storage ss;
	socklen_t len = sizeof(ss);

	if (getsockname(fd, (struct sockaddr *)&ss, &len) != 0)
		return -errno;
	return addr_from_sockaddr((struct sockaddr *)&ss, len, out);
}

/* From an address of ours, on a port that the kernel picks when it knows where to. */
static int bind_address(int fd, const struct addr *local)
{
	struct addr any_port = *local;
	struct sockaddr_storage ss;
	int one = 1;

	if (local->family == ADDR_NONE)
		return 0;
	any_port.port = 0;
	socklen_t len = addr_to_sockaddr(&any_port, &ss);
	if (setsockopt(fd, IPPROTO_IP, IP_BIND_ADDRESS_NO_PORT, &one, sizeof(one)) != 0 ||
		bind(fd, (struct sockaddr *)&ss, len) != 0)
		return -errno;
	return 0;
}

static int connect_to(int fd, const struct sip_target *target)
{
	struct sockaddr_storage ss;
	socklen_t len = addr_to_sockaddr(&target->addr, &ss);
	int rc = bind_address(fd, &target->local);

	if (rc == 0)
		rc = sip_socket_set(fd);
	if (rc == 0 && connect(fd, (struct sockaddr *)&ss, len) != 0 && errno != EINPROGRESS)
		rc = -errno;
	return rc;
}

static int open_socket(struct sip_transport_layer *t, const struct sip_target *target, int *out)
{
	int family = target->addr.family == ADDR_IPV6 ? AF_INET6 : AF_INET;
	int fd = socket(family, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, IPPROTO_TCP);
	int rc = fd < 0 ? -errno : net_descriptor_admit(t->config.net, NET_FOR_CONNECTION, fd);

	if (rc == -EMFILE || rc == -ENFILE)
		sip_count(t, SIP_TRANSPORT_C_REFUSED_DESCRIPTORS);
	if (rc == 0)
		*out = fd;
	return rc;
}

static int dial_socket(struct sip_transport_layer *t, const struct sip_target *target, int *out)
{
	int fd = -1, rc = open_socket(t, target, &fd);

	if (rc != 0)
		return rc;
	rc = connect_to(fd, target);
	if (rc != 0) {
		close(fd);
		return rc;
	}
	*out = fd;
	return 0;
}

static int begin(struct sip_conn *c, const struct sip_target *target)
{
	c->transport = target->transport;
	c->group = target->group;
	if (sip_transport_is_secure(c->transport)) {
		c->dials = crypto_tls_get(target->tls ? target->tls : c->t->config.client_tls);
		c->name = strdup(target->name);
		if (!c->name)
			return -ENOMEM;
	}
	if (sip_known_add(c, &c->known, &target->addr) != 0)
		return -ENOMEM;
	return sip_conn_begin(c, SIP_STAGE_DIALLING) ? 0 : -ENOMEM;
}

int sip_conn_dial(
	struct sip_transport_layer *t, const struct sip_target *target, struct sip_conn **out)
{
	struct net_client *client;
	struct sip_conn *c = NULL;
	int fd = -1;

	if (t->n_dialled >= t->config.limits.dialled) {
		sip_count(t, SIP_TRANSPORT_C_REFUSED_LIMIT);
		return ERR_FULL;
	}
	/* Apart from those he has made: anybody behind his address can make those. */
	int rc = net_client_get(
		&t->dialled_clients, &target->addr, t->config.limits.per_client, &client);
	if (rc == ERR_FULL)
		sip_count(t, SIP_TRANSPORT_C_REFUSED_CLIENT);
	if (rc != 0)
		return rc;
	rc = dial_socket(t, target, &fd);
	if (rc == 0 && !(c = sip_conn_create(t, NULL, fd, &target->addr, client)))
		rc = -ENOMEM;
	if (rc != 0) {
		net_client_put(&t->dialled_clients, client);
		return rc;
	}
	rc = begin(c, target);
	if (rc != 0) {
		sip_conn_drop(c);
		return rc;
	}
	sip_count(t, SIP_TRANSPORT_C_DIALLED);
	*out = c;
	return 0;
}

/* ---- connected ---- */

static bool begin_tls(struct sip_conn *c)
{
	c->tls = crypto_tls_conn_dial(c->dials, c->fd, c->name);
	return c->tls && sip_conn_begin(c, SIP_STAGE_HANDSHAKE) &&
	       event_add(&c->write_event, NULL) == 0; /* we speak first */
}

void sip_conn_dialled(struct sip_conn *c)
{
	int error = 0;
	socklen_t len = sizeof(error);

	if (getsockopt(c->fd, SOL_SOCKET, SO_ERROR, &error, &len) != 0)
		error = errno;
	if (error != 0) {
		sip_conn_end(c, SIP_TRANSPORT_C_END_CONNECT, -error);
		return;
	}
	if (sip_transport_is_secure(c->transport)) {
		if (!begin_tls(c))
			sip_conn_end(c, SIP_TRANSPORT_C_END_HANDSHAKE, -ENOMEM);
		return;
	}
	if (sip_conn_begin(c, SIP_STAGE_OPEN))
		(void)sip_conn_drain(c);
	else
		sip_conn_end(c, SIP_TRANSPORT_C_END_BUFFERS, -ENOMEM);
}
