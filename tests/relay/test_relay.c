/* SPDX-License-Identifier: BSD-3-Clause */
/* Workers with real sockets and threads on loopback: what the first byte decides, a relayed packet
 * from end to end, and the messages a worker takes. */
#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <unistd.h>
#include <cmocka.h>
#include <sallyport/relay.h>
#include "../crypto/pki.h"
#include "../tools/turnclient.h"

#define WORKERS     2
#define PATIENCE_MS 10000

struct worker {
	struct fixture *fixture;
	struct loop *loop;
	struct loop_thread *thread;
	struct relay *relay;
	struct addr listener;
	metrics_cell net[NET_C_COUNT], flow[FLOW_C_COUNT], turn[TURN_C_COUNT],
		relay_cells[RELAY_C_COUNT];
};

struct fixture {
	struct auth_snapshot *auth;
	struct turn_snapshot *snapshot;
	struct turn_config config;
	struct turn_relay_address relays[1];
	struct addr listeners[WORKERS];
	struct prefix loopback;
	struct worker w[WORKERS];
	struct turn_server *servers[WORKERS];
	struct loop *loops[WORKERS];
	struct auth_credential credential;
	_Atomic bool is_granted;
	_Atomic unsigned n_asked, n_put;
};

static struct addr at(const char *text)
{
	struct addr a;
	assert_int_equal(addr_parse(text, 0, &a), 0);
	return a;
}

/* On 127.0.0.1 and a port the kernel picks. */
static int make_socket(struct addr *local)
{
	struct sockaddr_storage ss;
	socklen_t len = sizeof(ss);
	int fd;
	*local = at("127.0.0.1");
	assert_int_equal(net_udp_socket(local, false, 0, &fd), 0);
	assert_int_equal(getsockname(fd, (struct sockaddr *)&ss, &len), 0);
	assert_int_equal(addr_from_sockaddr((struct sockaddr *)&ss, len, local), 0);
	return fd;
}

static void make_auth(struct fixture *f)
{
	static const char secret[] = "a secret of more than thirty-two bytes, for tests\n";
	char path[32], why[CRYPTO_WHY_LEN];
	struct auth_claims claims = {.relays = ~UINT64_C(0), .subject = "alice", .jti = "1"};
	struct clock now;
	int fd = memfd_create("secret", MFD_CLOEXEC);
	assert_int_equal(fchmod(fd, 0600), 0);
	assert_int_equal(write(fd, secret, sizeof(secret)), sizeof(secret));
	snprintf(path, sizeof(path), "/proc/self/fd/%d", fd);
	struct auth_config c = {.realm = "example.org",
		.keys = &(struct auth_key_config){.secret_file = path},
		.n_keys = 1,
		.nonce_lifetime_s = 600,
		.clock_skew_s = 30,
		.session_grace_s = 600};
	assert_int_equal(auth_snapshot_create(&c, &f->auth, why), 0);
	close(fd);
	clock_sample(&now);
	assert_int_equal(
		auth_mint_m1(f->auth, now.wall_s, now.wall_s + 3600, &claims, &f->credential), 0);
}

/* Runs on the worker's thread and answers as the daemon would: by a message. */
static int lease_ask(void *arg, const struct turn_lease_ask *ask)
{
	struct worker *w = arg;
	struct relay_lease_answer a = {
		*ask, {.code = w->fixture->is_granted ? 0 : STUN_QUOTA_REACHED}};
	w->fixture->n_asked++;
	return loop_post(w->loop, &relay_lease_msg, w->relay, &a);
}

static void lease_put(void *arg, const struct turn_lease *lease)
{
	struct worker *w = arg;
	w->fixture->n_put++;
}

static const uint8_t ticket_key[CRYPTO_SEAL_KEY_LEN] = "any";

static struct relay_config config_of(struct worker *w, unsigned i)
{
	return (struct relay_config){.loop = w->loop,
		.worker = i,
		.n_workers = WORKERS,
		.snapshot = w->fixture->snapshot,
		.ticket_key = ticket_key,
		.net_cells = w->net,
		.flow_cells = w->flow,
		.turn_cells = w->turn,
		.relay_cells = w->relay_cells,
		.lease_ask = lease_ask,
		.lease_put = lease_put,
		.arg = w};
}

static void make_snapshot(struct fixture *f)
{
	assert_int_equal(prefix_parse("127.0.0.0/8", &f->loopback), 0);
	f->relays[0] = (struct turn_relay_address){at("127.0.0.1"), at("127.0.0.1")};
	f->config = (struct turn_config){.default_lifetime_s = 600,
		.icmp_errors = true,
		.max_lifetime_s = 3600,
		.max_permissions = 8,
		.max_channels = 8,
		.subject_allocations = 4,
		.peers = {.allow = &f->loopback,
			.n_allow = 1,
			.listeners = f->listeners,
			.n_listeners = WORKERS},
		.relays = f->relays,
		.n_relays = 1,
		.first_port = 20000, /* wide: ports that others hold are passed over */
		.last_port = 59999};
	assert_int_equal(turn_snapshot_create(&f->config, f->auth, &f->snapshot), 0);
}

static int setup(void **state)
{
	struct fixture *f = calloc(1, sizeof(*f));
	int fds[WORKERS];
	log_fd_set(-1);
	f->is_granted = true;
	make_auth(f);
	for (unsigned i = 0; i < WORKERS; i++)
		fds[i] = make_socket(&f->listeners[i]);
	make_snapshot(f);
	for (unsigned i = 0; i < WORKERS; i++) {
		struct worker *w = &f->w[i];
		struct relay_listener l = {.fd = fds[i],
			.local = f->listeners[i],
			.location = AUTH_INTERNET,
			.transport = AUTH_UDP};
		w->fixture = f;
		w->loop = loop_create("worker", 64);
		w->listener = f->listeners[i];
		struct relay_config c = config_of(w, i);
		c.listeners = &l;
		c.n_listeners = 1;
		assert_int_equal(relay_create(&c, &w->relay), 0);
		f->servers[i] = relay_turn(w->relay);
		f->loops[i] = w->loop;
	}
	for (unsigned i = 0; i < WORKERS; i++) {
		turn_server_join(f->servers[i], f->servers, f->loops);
		assert_int_equal(loop_thread_start(f->w[i].loop, &f->w[i].thread), 0);
	}
	*state = f;
	return 0;
}

static void join(struct fixture *f)
{
	for (unsigned i = 0; i < WORKERS; i++) {
		struct worker *w = &f->w[i];
		if (!w->thread)
			continue;
		assert_int_equal(loop_post(w->loop, &relay_stop_msg, w->relay, NULL), 0);
		assert_int_equal(loop_thread_join(w->thread), 0);
		w->thread = NULL;
	}
}

static int teardown(void **state)
{
	struct fixture *f = *state;
	join(f);
	for (unsigned i = 0; i < WORKERS; i++) {
		relay_destroy(f->w[i].relay);
		assert_int_equal(metrics_get(f->w[i].turn, TURN_C_ALLOCATIONS), 0);
	}
	for (unsigned i = 0; i < WORKERS; i++)
		loop_destroy(f->w[i].loop);
	turn_snapshot_put(f->snapshot);
	auth_snapshot_put(f->auth);
	free(f);
	return 0;
}

static void pass(void *ctx, void *payload)
{
	int *fd = payload;
	if (write(*fd, "", 1) != 1)
		abort();
}

/* Returns when worker W has done all that was posted to it before. */
static void wait_for(struct worker *w)
{
	static const struct msg_type barrier = {"barrier", sizeof(int), pass, NULL};
	int fds[2];
	char c;
	assert_int_equal(pipe(fds), 0);
	assert_int_equal(loop_post(w->loop, &barrier, NULL, &fds[1]), 0);
	struct pollfd p = {.fd = fds[0], .events = POLLIN};
	assert_int_equal(poll(&p, 1, PATIENCE_MS), 1);
	assert_int_equal(read(fds[0], &c, 1), 1);
	close(fds[0]);
	close(fds[1]);
}

/* ---- the client ---- */

static struct turnclient client_open(struct fixture *f, unsigned worker)
{
	struct turnclient c;
	assert_int_equal(turnclient_open(&c, &f->listeners[worker], NULL, false), 0);
	c.username = f->credential.username;
	c.password = f->credential.password;
	c.wait_ms = PATIENCE_MS / 2;
	return c;
}

struct attrs {
	bool reserve;
	const uint8_t *token;
	uint16_t channel;
	const struct addr *peer;
	uint32_t lifetime_s;
};

static void add_allocate(struct stun_writer *w, void *arg)
{
	const struct attrs *a = arg;
	stun_write_transport(w, 17);
	if (a->reserve)
		stun_write_even_port(w, true);
	if (a->token)
		stun_write_bytes(w, STUN_RESERVATION_TOKEN, a->token, 8);
}

static void add_bind(struct stun_writer *w, void *arg)
{
	const struct attrs *a = arg;
	stun_write_channel(w, a->channel);
	stun_write_xor_address(w, STUN_XOR_PEER_ADDRESS, a->peer);
}

static void add_lifetime(struct stun_writer *w, void *arg)
{
	const struct attrs *a = arg;
	stun_write_u32(w, STUN_LIFETIME, a->lifetime_s);
}

static unsigned allocate(struct turnclient *c, struct attrs a, struct addr *relayed)
{
	assert_int_equal(turnclient_request(c, STUN_ALLOCATE, add_allocate, &a), 0);
	if (turnclient_code(c) == 0)
		assert_true(turnclient_address(c, STUN_XOR_RELAYED_ADDRESS, relayed));
	return turnclient_code(c);
}

static unsigned bind_channel(struct turnclient *c, uint16_t channel, const struct addr *peer)
{
	struct attrs a = {.channel = channel, .peer = peer};
	assert_int_equal(turnclient_request(c, STUN_CHANNEL_BIND, add_bind, &a), 0);
	return turnclient_code(c);
}

static unsigned refresh(struct turnclient *c, uint32_t lifetime_s)
{
	struct attrs a = {.lifetime_s = lifetime_s};
	assert_int_equal(turnclient_request(c, STUN_REFRESH, add_lifetime, &a), 0);
	return turnclient_code(c);
}

static void send_channel(struct turnclient *c, uint16_t channel, const char *text)
{
	uint8_t message[64];
	be16_put(message, channel);
	be16_put(message + 2, (uint16_t)strlen(text));
	memcpy(message + 4, text, strlen(text));
	assert_int_equal(turnclient_send(c, message, 4 + strlen(text)), 0);
}

/* A datagram at FD: its sender, its text. */
static struct addr receive(int fd, char *text, size_t cap)
{
	struct sockaddr_storage ss;
	socklen_t len = sizeof(ss);
	struct addr from;
	struct pollfd p = {.fd = fd, .events = POLLIN};
	assert_int_equal(poll(&p, 1, PATIENCE_MS), 1);
	ssize_t n = recvfrom(fd, text, cap - 1, 0, (struct sockaddr *)&ss, &len);
	assert_true(n >= 0);
	text[n] = '\0';
	assert_int_equal(addr_from_sockaddr((struct sockaddr *)&ss, len, &from), 0);
	return from;
}

static void send_to(int fd, const struct addr *to, const char *text)
{
	struct sockaddr_storage ss;
	socklen_t len = addr_to_sockaddr(to, &ss);
	assert_int_equal(
		sendto(fd, text, strlen(text), 0, (struct sockaddr *)&ss, len), strlen(text));
}

/* Binds a channel to a peer of our own and sends a packet round. */
static void assert_relays(struct turnclient *c, const struct addr *relayed)
{
	struct addr peer;
	char text[64];
	size_t len;
	int fd = make_socket(&peer);
	assert_int_equal(bind_channel(c, 0x4000, &peer), 0);
	send_channel(c, 0x4000, "there");
	struct addr from = receive(fd, text, sizeof(text));
	assert_string_equal(text, "there");
	assert_true(addr_equal(&from, relayed));
	send_to(fd, relayed, "and back");
	assert_int_equal(turnclient_receive(c, PATIENCE_MS, &len), 0);
	assert_int_equal(len, 12);
	assert_memory_equal(c->packet,
		"\x40\0\0\x08"
		"and back",
		12);
	close(fd);
}

/* ---- packets ---- */

/* RFC 7983 §7: 0..3 STUN, 64..79 channels here up to 127 (RFC 5766), the others dropped */
static void first_byte_decides(void **state)
{
	static const uint8_t other[] = {0x80, 0xbf, 0xc0, 0xff};
	struct fixture *f = *state;
	struct turnclient c = client_open(f, 0);
	for (size_t i = 0; i < sizeof(other); i++) {
		uint8_t junk[20] = {other[i]};
		assert_int_equal(turnclient_send(&c, junk, sizeof(junk)), 0);
	}
	assert_int_equal(send(c.fd, "", 0, 0), 0);
	assert_int_equal(turnclient_send(&c, "\x14 like DTLS", 11), 0);
	send_channel(&c, 0x7fff, "to nobody");
	assert_int_equal(turnclient_try(&c, STUN_BINDING, NULL, NULL, false), 0);
	assert_int_equal(turnclient_code(&c), 0);
	assert_int_equal(metrics_get(f->w[0].relay_cells, RELAY_C_NOT_TURN), sizeof(other) + 1);
	assert_int_equal(metrics_get(f->w[0].turn, TURN_C_MALFORMED), 1);
	assert_int_equal(metrics_get(f->w[0].flow, FLOW_C_NO_CHANNEL), 1);
	assert_int_equal(c.n_stray, 0);
	turnclient_close(&c);
}

/* ---- DTLS ---- */

/* A worker with three listeners: UDP, DTLS on the same socket, DTLS alone at DTLS_ONLY. */
static void start_dtls(struct worker *w, struct addr *dtls_only)
{
	struct relay_listener l[3] = {{.transport = AUTH_UDP, .location = AUTH_INTERNET},
		{.transport = AUTH_DTLS, .location = AUTH_INTERNET, .fd = -1},
		{.transport = AUTH_DTLS, .location = AUTH_INTERNET}};
	struct relay_config c = config_of(w, 0);
	l[0].fd = make_socket(&l[0].local);
	l[1].local = w->listener = l[0].local;
	l[2].fd = make_socket(&l[2].local);
	*dtls_only = l[2].local;
	l[1].tls = l[2].tls = pki_server(true);
	c.listeners = l;
	c.n_listeners = 3;
	c.n_workers = 1;
	assert_int_equal(relay_create(&c, &w->relay), 0);
	crypto_tls_destroy(l[1].tls);
	assert_int_equal(loop_thread_start(w->loop, &w->thread), 0);
}

static void stop_dtls(struct worker *w)
{
	assert_int_equal(loop_post(w->loop, &relay_stop_msg, w->relay, NULL), 0);
	assert_int_equal(loop_thread_join(w->thread), 0);
	relay_destroy(w->relay);
	loop_destroy(w->loop);
}

/* What comes back for LEN bytes at TO: its first byte. */
static int ask(int fd, const struct addr *to, const void *data, size_t len)
{
	struct sockaddr_storage ss;
	socklen_t ss_len = addr_to_sockaddr(to, &ss);
	char text[256];
	assert_int_equal(sendto(fd, data, len, 0, (struct sockaddr *)&ss, ss_len), len);
	receive(fd, text, sizeof(text));
	return text[0];
}

/* RFC 7983 §7: 20..63 is DTLS where there is a listener for it */
static void dtls_has_bytes_of_its_own(void **state)
{
	static const char hello[] = "\x16\xfe\xff\0\0\0\0\0\0\0\0\0\x36"
				    "\1\0\0\x2a\0\0\0\0\0\0\0\x2a"
				    "\xfe\xfd"
				    "0123456789abcdefghijklmnopqrstuv"
				    "\0\0\0\2\xc0\x2b\1\0";
	static const char binding[] = "\0\1\0\0\x21\x12\xa4\x42"
				      "abcdefghijkl";
	struct worker w = {.fixture = *state, .loop = loop_create("dtls", 64)};
	struct addr own, dtls_only;
	start_dtls(&w, &dtls_only);
	int fd = make_socket(&own);

	assert_int_equal(ask(fd, &w.listener, hello, sizeof(hello) - 1), 22);
	assert_int_equal(ask(fd, &w.listener, binding, sizeof(binding) - 1), 1);
	send_to(fd, &dtls_only, "\1 like STUN");
	assert_int_equal(ask(fd, &dtls_only, hello, sizeof(hello) - 1), 22);

	assert_int_equal(metrics_get(w.net, NET_C_DTLS_COOKIES), 2);
	assert_int_equal(metrics_get(w.relay_cells, RELAY_C_NOT_TURN), 1);
	assert_int_equal(metrics_get(w.turn, TURN_C_BINDING), 1);
	close(fd);
	stop_dtls(&w);
}

static void packet_goes_from_client_to_peer_and_back(void **state)
{
	struct turnclient c = client_open(*state, 0);
	struct addr relayed;
	assert_int_equal(allocate(&c, (struct attrs){0}, &relayed), 0);
	assert_relays(&c, &relayed);
	turnclient_close(&c);
}

/* The permission of a channel's peer is for all its ports. */
static void packet_without_a_channel_comes_in_an_indication(void **state)
{
	struct turnclient c = client_open(*state, 0);
	struct addr relayed, peer, other, told;
	struct stun_attr a;
	size_t len;
	int fd = make_socket(&peer), other_fd = make_socket(&other);
	assert_int_equal(allocate(&c, (struct attrs){0}, &relayed), 0);
	assert_int_equal(bind_channel(&c, 0x4000, &peer), 0);
	send_to(other_fd, &relayed, "psst");
	assert_int_equal(turnclient_receive(&c, PATIENCE_MS, &len), 0);
	assert_int_equal(stun_msg_decode(c.packet, len, &c.msg), 0);
	assert_int_equal(c.msg.method, STUN_DATA);
	assert_true(turnclient_address(&c, STUN_XOR_PEER_ADDRESS, &told));
	assert_true(addr_equal(&told, &other));
	assert_true(stun_attr_find(&c.msg, STUN_DATA_ATTR, &a));
	assert_int_equal(a.len, 4);
	assert_memory_equal(a.value, "psst", 4);
	close(fd);
	close(other_fd);
	turnclient_close(&c);
}

/* RFC 8656 §11.5, with the kernel's own ICMP */
static void unreachable_peer_is_told_to_the_client(void **state)
{
	struct turnclient c = client_open(*state, 0);
	struct addr relayed, peer, told;
	struct stun_attr a;
	uint8_t type, code;
	uint32_t info;
	size_t len;
	close(make_socket(&peer));
	assert_int_equal(allocate(&c, (struct attrs){0}, &relayed), 0);
	assert_int_equal(bind_channel(&c, 0x4000, &peer), 0);
	send_channel(&c, 0x4000, "anybody?");
	assert_int_equal(turnclient_receive(&c, PATIENCE_MS, &len), 0);
	assert_int_equal(stun_msg_decode(c.packet, len, &c.msg), 0);
	assert_int_equal(c.msg.method, STUN_DATA);
	assert_true(turnclient_address(&c, STUN_XOR_PEER_ADDRESS, &told));
	assert_true(addr_equal(&told, &peer));
	assert_true(stun_attr_find(&c.msg, STUN_ICMP, &a));
	assert_int_equal(stun_attr_icmp(&a, &type, &code, &info), 0);
	assert_int_equal(type, 3);
	assert_int_equal(code, 3);
	turnclient_close(&c);
}

static void reserved_port_is_handed_to_the_other_worker(void **state)
{
	struct turnclient c = client_open(*state, 0), d = client_open(*state, 1);
	struct addr first, second;
	struct stun_attr a;
	uint8_t token[8];
	assert_int_equal(allocate(&c, (struct attrs){.reserve = true}, &first), 0);
	assert_true(stun_attr_find(&c.msg, STUN_RESERVATION_TOKEN, &a));
	memcpy(token, a.value, sizeof(token));
	assert_int_equal(allocate(&d, (struct attrs){.token = token}, &second), 0);
	assert_int_equal(second.port, first.port + 1);
	assert_relays(&c, &first);
	assert_relays(&d, &second);
	assert_int_equal(refresh(&d, 0), 0);
	turnclient_close(&c);
	turnclient_close(&d);
}

/* ---- messages ---- */

static void snapshot_message_takes_effect(void **state)
{
	struct fixture *f = *state;
	struct turnclient c = client_open(f, 0);
	struct auth_revocation revoked = {
		.kind = AUTH_REVOKE_SUBJECT, .id = "alice", .until_s = UINT64_MAX};
	struct auth_snapshot *auth;
	struct turn_snapshot *s;
	struct addr relayed;
	assert_int_equal(allocate(&c, (struct attrs){0}, &relayed), 0);
	assert_int_equal(auth_snapshot_with_revocations(f->auth, &revoked, 1, &auth), 0);
	assert_int_equal(turn_snapshot_create(&f->config, auth, &s), 0);
	auth_snapshot_put(auth);

	assert_int_equal(loop_post(f->w[0].loop, &relay_snapshot_msg, f->w[0].relay, &s), 0);
	wait_for(&f->w[0]);

	assert_int_equal(metrics_get(f->w[0].turn, TURN_C_REVOKED), 1);
	assert_int_equal(allocate(&c, (struct attrs){0}, &relayed), STUN_UNAUTHORIZED);
	assert_int_equal(f->n_put, 1);
	turnclient_close(&c);
}

/* What waits in the mailbox of a worker that never runs again is freed with it; ASan looks. */
static void undelivered_snapshot_is_put(void **state)
{
	struct fixture *f = *state;
	join(f);
	struct turn_snapshot *s = turn_snapshot_get(f->snapshot);
	assert_int_equal(loop_post(f->w[0].loop, &relay_snapshot_msg, f->w[0].relay, &s), 0);
}

static void lease_message_answers_the_request_that_waits(void **state)
{
	struct fixture *f = *state;
	struct turnclient c = client_open(f, 0);
	struct addr relayed;
	f->is_granted = false;
	assert_int_equal(allocate(&c, (struct attrs){0}, &relayed), STUN_QUOTA_REACHED);
	f->is_granted = true;
	assert_int_equal(allocate(&c, (struct attrs){0}, &relayed), 0);
	assert_int_equal(f->n_asked, 2);
	assert_int_equal(f->n_put, 0);
	assert_int_equal(refresh(&c, 0), 0);
	wait_for(&f->w[0]);
	assert_int_equal(f->n_put, 1);
	turnclient_close(&c);
}

/* ---- making ---- */

static bool is_open(int fd)
{
	return fcntl(fd, F_GETFD) >= 0;
}

/* The descriptors are taken also when it fails, at whichever listener that is. */
static void failed_making_closes_every_listener(void **state)
{
	struct fixture *f = *state;
	for (unsigned bad = 0; bad < 4; bad++) {
		struct relay_listener l[3];
		struct relay *r = NULL;
		struct worker w = {.fixture = f, .loop = f->w[0].loop};
		struct relay_config c = config_of(&w, 0);
		for (unsigned i = 0; i < 3; i++) {
			l[i] = (struct relay_listener){.local = at("127.0.0.1"),
				.location = AUTH_INTERNET,
				.transport = AUTH_UDP};
			l[i].fd = i == bad ? memfd_create("no socket", MFD_CLOEXEC)
					   : make_socket(&l[i].local);
		}
		c.listeners = l;
		c.n_listeners = 3;
		if (bad == 3) { /* no port of the range for the last of so many workers */
			c.worker = 0;
			c.n_workers = 40000;
		}
		join(f); /* the loop is nobody's now */
		assert_int_equal(relay_create(&c, &r), bad == 3 ? ERR_FULL : -ENOTSOCK);
		for (unsigned i = 0; i < 3; i++)
			assert_false(is_open(l[i].fd));
	}
}

int main(void)
{
	const struct CMUnitTest t[] = {
#define T(name) cmocka_unit_test_setup_teardown(name, setup, teardown)
		T(first_byte_decides),
		T(dtls_has_bytes_of_its_own),
		T(packet_goes_from_client_to_peer_and_back),
		T(packet_without_a_channel_comes_in_an_indication),
		T(unreachable_peer_is_told_to_the_client),
		T(reserved_port_is_handed_to_the_other_worker),
		T(snapshot_message_takes_effect),
		T(undelivered_snapshot_is_put),
		T(lease_message_answers_the_request_that_waits),
		T(failed_making_closes_every_listener),
	};
	return cmocka_run_group_tests(t, NULL, NULL) != 0;
}
