/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * A TURN server in a box: one worker's server on a clock that the test moves, and on a wire whose
 * ports record what is sent instead of sending it. Nothing here opens a socket.
 */
#ifndef TESTS_TURN_FIXTURE_H
#define TESTS_TURN_FIXTURE_H

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>
#include <sallyport/turn.h>

#define WIRE_MAX       128 /* packets a test may leave untaken */
#define WIRE_PORTS_MAX 512
#define LEASES_MAX     16
#define FIXTURES_MAX   4
#define START_WALL_S   1800000000u

/* A connection with a peer, as the fake wire has it. */
struct fake_pipe {
	struct turn_connection *owner;
	struct addr local, peer; /* of one that was dialled */
	int fd;                  /* of one that was accepted */
	bool is_open, is_joined;
};
#define PIPES_MAX 64

/* A packet the server has sent. */
struct packet {
	struct net_port *port; /* where it left; only to compare, it may be closed since */
	struct addr from, to;
	uint8_t tos, flags;
	size_t len;
	uint8_t data[NET_HEADROOM + NET_DATAGRAM_MAX + NET_TAILROOM];
};

struct fixture_config {
	struct turn_config turn;
	struct auth_config auth; /* keys are filled in */
	unsigned worker, n_workers;
	bool has_leases;
	struct flow_bucket *node_bucket; /* the test's */
	/* What TURN points to; RELAYS may be pointed into. */
	struct turn_relay_address relays[2];
	struct addr listeners[3], own[4];
};

struct fixture {
	struct clock clock;
	uint64_t wall_ms;
	struct wheel wheel;
	struct loop *loop; /* for its mailbox; runs only where a test runs it */
	struct net *net;
	struct flow_table *flows;
	struct auth_snapshot *auth;
	struct fixture_config config; /* a copy, pointing into itself */
	struct turn_snapshot *snapshot;
	struct turn_server *server;
	struct turn_server *servers[FIXTURES_MAX];
	struct loop *loops[FIXTURES_MAX];
	metrics_cell tenants[TURN_T_COUNT * TURN_TENANT_CELLS_MAX];
	metrics_cell turn[TURN_C_COUNT], flow[FLOW_C_COUNT], cells[NET_C_COUNT];
	size_t n_bufs; /* of the net, all free */

	/* The wire. */
	struct net_port *listener4, *listener6, *inside4;
	struct net_port *ports[WIRE_PORTS_MAX]; /* open, listeners included */
	size_t n_ports;
	size_t n_further; /* of them, opened by wire_listen */
	uint32_t next_port_id;
	struct net_buf *sent[WIRE_MAX]; /* oldest first */
	struct {
		struct net_port *port;
		struct addr local;
	} sent_by[WIRE_MAX];
	size_t n_sent;
	struct packet last;
	uint8_t tos; /* of what arrives */

	void (*on_sent)(struct fixture *f); /* NULL, or told of every packet */
	int done_fd;                        /* for its use */

	/* relay_open: FAIL_SKIP calls work, the next FAIL_N fail with FAIL_CODE. */
	int fail_code;
	unsigned fail_skip, fail_n;
	unsigned n_opened; /* calls so far */
	bool fail_adopt, fail_copy;
	bool has_sockets; /* behind relay ports, which travel with their descriptors */

	/* TCP towards peers. */
	struct turn_tcp_wire tcp;
	struct turn_udp_wire udp;
	struct fake_pipe *pipes[PIPES_MAX]; /* oldest first */
	size_t n_pipes;
	int dial_code;  /* what dialling answers */
	bool fail_take; /* and taking */
	size_t n_adopted;
	struct turn_client mover; /* as whom a moved connection arrives */

	/* Leases as the daemon would count them. */
	struct turn_lease_ask asked[LEASES_MAX];
	size_t n_asked, n_put;
	int ask_code;
	bool is_at_once; /* trying decides, with TRY_CODE; else all leases are asked for */
	uint16_t try_code;
	size_t n_tried;
};

/* Addresses of the node: listeners on .1, one relay address per family. */
#define LISTENER4 "203.0.113.1:3478"
#define LISTENER6 "[2001:db8:1::1]:3478"
#define INSIDE4   "203.0.113.3:3478"
#define RELAY4    "203.0.113.10"
#define RELAY6    "2001:db8:1::10"
#define PORT_MIN  50000
#define PORT_MAX  50099

void fixture_defaults(struct fixture_config *c);
struct fixture *fixture_create(const struct fixture_config *c);
/* The same on defaults, as a cmocka set-up; *STATE is the fixture. */
int fixture_setup(void **state);
/* Ends the server and asserts that ports, buffers, timers and counters are back. */
void fixture_destroy(struct fixture *f);
/* N workers of one node, joined. */
void fixture_create_joined(
	const struct fixture_config *c, struct fixture **out, unsigned n_workers);
/* Relay ports of fixtures made from now on have no sockets. */
void fixture_without_sockets(void);
/* Delivers the messages that wait for F's worker. */
void fixture_deliver(struct fixture *f);
int fixture_teardown(void **state);

/* Keys like C's, from another SECRET of at least 32 bytes; the caller puts them. */
struct auth_snapshot *fixture_auth(const struct auth_config *c, const char *secret);

/* Answers a lease that was asked: granted without buckets, or 486. */
void fixture_answer(struct fixture *f, const struct turn_lease_ask *ask, bool is_granted);

/* A snapshot like C on F's keys; the caller puts it. */
struct turn_snapshot *fixture_snapshot(struct fixture *f, const struct turn_config *c);

/* F's configuration with one revocation takes effect. */
void fixture_revoke(struct fixture *f, const struct auth_revocation *r);

/* Takes all free buffers but LEFT out of use, and gives them back. */
struct net_buf *fixture_hold(struct fixture *f, size_t left);
void fixture_release(struct fixture *f, struct net_buf *held);

/* Time passes, timers fire. */
void fixture_pass_ms(struct fixture *f, uint64_t ms);
static inline void fixture_pass_s(struct fixture *f, uint64_t s)
{
	fixture_pass_ms(f, s * 1000);
}
static inline uint64_t fixture_count(struct fixture *f, unsigned row)
{
	return metrics_get(f->turn, row);
}
static inline uint64_t fixture_flow_count(struct fixture *f, unsigned row)
{
	return metrics_get(f->flow, row);
}

/* "1.2.3.4:5", "[::1]:5", with or without port. */
struct addr at(const char *text);

/* Datagrams arrive, sorted as a worker sorts them. */
void wire_from_client(struct fixture *f, const struct turn_client *c, const void *data, size_t len);
/* At a relayed address; asserts that its port is open. */
void wire_from_peer(struct fixture *f, const struct addr *relayed, const struct addr *peer,
	const void *data, size_t len);
/* A further listener; it closes with the fixture. */
struct net_port *wire_listen(struct fixture *f, const char *text);
struct net_port *wire_find(struct fixture *f, const struct addr *local); /* NULL: not open */

bool wire_listens(struct fixture *f, const struct addr *local); /* for TCP */
/* Connections come to a relayed address; asserts that it listens. */
void wire_peer_connects(struct fixture *f, const struct addr *relayed, const struct addr *peer);
/* What was dialled is connected, or not; a pipe ends. Of the newest one, or of the I-th. */
void wire_opened(struct fixture *f, int rc);
void wire_ended(struct fixture *f);
void wire_opened_at(struct fixture *f, size_t i, int rc);
void wire_ended_at(struct fixture *f, size_t i);

/* The oldest packet sent and not taken yet, or NULL; good until the next call. */
const struct packet *wire_take(struct fixture *f);
void wire_clear(struct fixture *f);

#endif
