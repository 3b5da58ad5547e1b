/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * Relayed transport addresses: picking an address and a port, binding it, giving it back.
 */
#include <errno.h>
#include <stdlib.h>
#include <unistd.h>

#include <sallyport/crypto.h>

#include "turn_priv.h"

/* Ports that somebody else on the host holds; so many in a row and the range is simply not ours. */
#define BIND_TRIES 16

int turn_relay_open_number(
	struct turn_server *s, size_t pool, uint16_t number, bool is_tcp, struct turn_relay *out)
{
	const struct turn_relay_address *r = &s->snapshot->config.relays[pool];
	struct addr local = r->local;
	struct net_port *port;

	local.port = number;
	int rc = is_tcp ? s->config.tcp->listen(s->config.tcp->arg, &local, &port)
			: s->config.udp->open(s->config.udp->arg, &local, &port);
	if (rc != 0)
		return rc;
	port->owner = NULL;
	*out = (struct turn_relay){
		.port = port, .pool = (uint8_t)pool, .ports_worker = (uint8_t)s->config.worker};
	return 0;
}

struct addr turn_relay_advertised(const struct turn_server *s, const struct turn_relay *r)
{
	struct addr a = s->snapshot->config.relays[r->pool].advertise;

	a.port = r->port->local.port;
	return a;
}

static void put_back(struct turn_server *s, size_t pool, uint16_t number, enum net_ports_want want)
{
	net_ports_put(&s->ports[pool], number);
	if (want == NET_PORT_EVEN_PAIR)
		net_ports_put(&s->ports[pool], (uint16_t)(number + 1));
}

/* One try on one address: take a number, bind it, and its successor if that is to be kept. */
static int try_open(struct turn_server *s, size_t pool, const struct turn_relay_want *want,
	struct turn_relay *out, uint8_t *token)
{
	uint16_t number;
	int rc = net_ports_take(&s->ports[pool], want->ports, &number);

	if (rc != 0)
		return rc;
	rc = turn_relay_open_number(s, pool, number, want->is_tcp, out);
	if (rc != 0) {
		put_back(s, pool, number, want->ports);
		return rc;
	}
	if (want->ports != NET_PORT_EVEN_PAIR)
		return 0;
	rc = turn_reservation_create(s, pool, (uint16_t)(number + 1), token);
	if (rc != 0) {
		net_port_close(out->port);
		out->port = NULL;
		put_back(s, pool, number, want->ports);
	}
	return rc;
}

int turn_relay_open_in(struct turn_server *s, size_t pool, const struct turn_relay_want *want,
	struct turn_relay *out, uint8_t *token)
{
	int rc = ERR_FULL;

	for (int i = 0; i < BIND_TRIES; i++) {
		rc = try_open(s, pool, want, out, token);
		if (rc != -EADDRINUSE)
			break;
	}
	return rc;
}

/* Starts at a random address of the family, so that load spreads, and goes on while one is full. */
int turn_relay_open(struct turn_server *s, enum addr_family family,
	const struct turn_relay_want *want, struct turn_relay *out, uint8_t token[TURN_TOKEN_LEN])
{
	size_t n = s->snapshot->config.n_relays;
	size_t start = n ? crypto_random_draw(&s->random, (uint32_t)n) : 0;
	int rc = ERR_UNSUPPORTED;

	for (size_t i = 0; i < n && !turn_shortage_is_everywhere(rc); i++) {
		size_t pool = (start + i) % n;
		if (s->snapshot->config.relays[pool].local.family != family)
			continue;
		if (s->shared && want->ports == NET_PORT_ANY && !want->is_tcp) {
			turn_shared_attach(s, pool, out);
			return 0;
		}
		rc = turn_relay_open_in(s, pool, want, out, token);
		if (rc == 0)
			return 0;
	}
	if (rc == ERR_UNSUPPORTED)
		return rc;
	turn_shortage_tell(s, rc);
	return ERR_FULL;
}

/* ---- ports of other workers ---- */

struct put_port {
	uint8_t pool;
	uint16_t number;
};

static void on_put_port(void *ctx, void *payload)
{
	struct turn_server *s = ctx;
	const struct put_port *p = payload;

	net_ports_put(&s->ports[p->pool], p->number);
}

static const struct msg_type put_port_msg = {
	"turn_put_port", sizeof(struct put_port), on_put_port, NULL};

void turn_relay_number_put(struct turn_server *s, unsigned worker, uint8_t pool, uint16_t number)
{
	struct put_port p = {pool, number};

	if (worker == s->config.worker) {
		net_ports_put(&s->ports[pool], number);
		return;
	}
	if (s->is_ending)
		return; /* the other worker may be gone by now, and its numbers with it */
	/* A full mailbox costs the other worker one port number until restart: rare, bounded,
	 * harmless. */
	if (loop_post(s->loops[worker], &put_port_msg, s->servers[worker], &p) != 0)
		log_warning(LOG_TURN, "relay port lost", "worker=%u port=%u", worker, number);
}

void turn_relay_leave(struct turn_server *s, struct net_port *p)
{
	int fd = s->config.udp->release(s->config.udp->arg, p);

	if (fd >= 0)
		close(fd);
}

void turn_relay_give_up(struct turn_server *s, bool has_socket, const struct addr *local)
{
	struct net_port *p;

	/* What has no socket is taken until somebody adopts and closes it. */
	if (!has_socket && s->config.udp->adopt(s->config.udp->arg, -1, local, &p) == 0)
		net_port_close(p);
}

void turn_relay_close(struct turn_server *s, struct turn_relay *r)
{
	struct net_port *owned = r->is_shared ? r->own : r->port;

	r->port = r->own = NULL;
	if (!owned)
		return;
	uint16_t number = owned->local.port;
	net_port_close(owned);
	turn_relay_number_put(s, r->ports_worker, r->pool, number);
}
