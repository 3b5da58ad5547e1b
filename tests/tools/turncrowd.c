/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * turncrowd: very many TURN clients in one process, without a socket for each: requests leave
 * through a raw socket from made-up IPv4 addresses, answers are read off the wire. It goes through
 * phases, each with all clients and so many requests under way at once, and prints what each cost
 * the server. For use inside a network namespace made for the test: the server routes the prefix
 * to this host, which does not have its addresses and does not forward.
 */
#include <errno.h>
#include <inttypes.h>
#include <linux/if_ether.h>
#include <linux/if_packet.h>
#include <netinet/in.h>
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <time.h>
#include <unistd.h>

#include <sallyport/common.h>
#include <sallyport/crypto.h>
#include <sallyport/stun.h>

#include "cputime.h"
#include "rawudp.h"

static const char USAGE[] =
	"usage: turncrowd -u USER -w PASSWORD [-n COUNT] [-j UNDER_WAY] [-s PREFIX] [-f PORT] [-p "
	"PID]\n"
	"                 [-l LIFETIME] [-P PEER[:PORT]] [-b] [-k] [-e] SERVER[:PORT]\n"
	"  -n  clients (default 1000)          -j  requests under way at once (default 32)\n"
	"  -s  their addresses (default 198.18.0.0/15), in turn in each /24 of it\n"
	"  -f  and their ports, from here on (default 1024)\n"
	"  -p  the server's process, whose processor time is read\n"
	"  -P  each has a permission and a channel for this peer\n"
	"  -b  the password is wrong: a second 401 is what is expected, and the last phase\n"
	"  -k  when all stand it prints \"ready\" and waits for SIGTERM before it gives them back\n"
	"  -e  and does not give them back: they end when their lifetime does\n"
	"prints for each phase: PHASE n=N granted=N refused=N(CODE) lost=N seconds=S rate=N "
	"cpu_us_each=US\n";

#define BATCH        64
#define PACKET_MAX   1024
#define NONCE_MAX    96
#define NETWORKS     512 /* the /24s of 198.18.0.0/15; a smaller prefix uses those it has */
#define RETRY_MS     500
#define TRIES        6
#define CHANNEL      0x4000
#define RECEIVE_ROOM (64 << 20)

enum phase {
	CHALLENGE,
	ALLOCATE,
	PERMIT,
	BIND,
	RELEASE,
};
static const char *const phase_names[] = {"challenge", "allocate", "permit", "bind", "release"};
static const uint16_t phase_methods[] = {
	STUN_ALLOCATE, STUN_ALLOCATE, STUN_CREATE_PERMISSION, STUN_CHANNEL_BIND, STUN_REFRESH};

struct client {
	char nonce[NONCE_MAX];
	uint8_t nonce_len;
	bool is_done; /* in this phase */
	bool has_allocation;
};

/* A request under way. */
struct slot {
	uint32_t client;
	bool is_used;
	unsigned tries;
	uint64_t sent_ms;
};

struct crowd {
	struct addr server, peer;
	struct bytes username, password;
	char realm[128];
	uint32_t base, mask;
	uint32_t n, n_slots;
	uint32_t first_port;
	uint32_t lifetime_s;
	int pid;
	bool has_peer, is_wrong, is_kept, is_left;
	struct client *clients;
	struct slot *slots;
	struct stun_key key;
	struct crypto_hmac_key hmac;
	uint32_t run; /* in every transaction id */
	int raw, wire;

	enum phase phase;
	uint32_t next, n_open; /* clients begun, requests under way */
	uint32_t granted, refused, lost;
	unsigned code; /* of the last refusal */
	/* What leaves with the next call. */
	unsigned n_out;
	uint8_t out[BATCH][PACKET_MAX];
	size_t out_len[BATCH];
};

static uint64_t now_ms(void)
{
	struct timespec t;

	clock_gettime(CLOCK_MONOTONIC, &t);
	return (uint64_t)t.tv_sec * 1000 + (uint64_t)t.tv_nsec / 1000000;
}

/* ---- who a client is ---- */

static uint32_t networks(const struct crowd *c)
{
	uint32_t have = (c->mask >> 8) + 1;

	return have < NETWORKS ? have : NETWORKS;
}

static uint32_t source_of(const struct crowd *c, uint32_t i, uint16_t *port)
{
	*port = (uint16_t)(c->first_port + i / networks(c));
	return c->base | (((i % networks(c)) << 8 | 1) & c->mask);
}

/* ---- requests ---- */

static void flush_out(struct crowd *c)
{
	struct sockaddr_storage to;
	socklen_t to_len = addr_to_sockaddr(&c->server, &to);
	struct mmsghdr msgs[BATCH];
	struct iovec iov[BATCH];

	memset(msgs, 0, sizeof(msgs));
	for (unsigned i = 0; i < c->n_out; i++) {
		iov[i] = (struct iovec){c->out[i], c->out_len[i]};
		msgs[i].msg_hdr = (struct msghdr){.msg_name = &to,
			.msg_namelen = to_len,
			.msg_iov = &iov[i],
			.msg_iovlen = 1};
	}
	/* What does not get out is sent again in time. */
	if (c->n_out > 0 && sendmmsg(c->raw, msgs, c->n_out, 0) < 0 && errno != ENOBUFS)
		perror("turncrowd: sendmmsg");
	c->n_out = 0;
}

static void sign(const struct crowd *c, const struct client *k, struct stun_writer *w)
{
	stun_write_bytes(w, STUN_USERNAME, c->username.data, c->username.len);
	stun_write_bytes(w, STUN_REALM, c->realm, strlen(c->realm));
	stun_write_bytes(w, STUN_NONCE, k->nonce, k->nonce_len);
	stun_write_integrity(w, CRYPTO_SHA1, &c->hmac);
}

static void send_request(struct crowd *c, uint32_t slot)
{
	uint32_t i = c->slots[slot].client;
	uint8_t tid[STUN_TID_LEN];
	struct stun_writer w;
	uint16_t port;
	size_t len = 0;

	if (c->n_out == BATCH)
		flush_out(c);
	uint8_t *ip = c->out[c->n_out];
	be32_put(tid, i);
	be32_put(tid + 4, slot << 4 | c->phase);
	be32_put(tid + 8, c->run);
	stun_write_begin(&w, ip + RAWUDP_HEADERS, PACKET_MAX - RAWUDP_HEADERS, STUN_REQUEST,
		phase_methods[c->phase], tid);
	if (phase_methods[c->phase] == STUN_ALLOCATE)
		stun_write_transport(&w, IPPROTO_UDP);
	if (c->phase == ALLOCATE && c->lifetime_s > 0)
		stun_write_u32(&w, STUN_LIFETIME, c->lifetime_s);
	if (c->phase == RELEASE)
		stun_write_u32(&w, STUN_LIFETIME, 0);
	if (c->phase == BIND)
		stun_write_channel(&w, CHANNEL);
	if (c->phase == BIND || c->phase == PERMIT)
		stun_write_xor_address(&w, STUN_XOR_PEER_ADDRESS, &c->peer);
	if (c->phase != CHALLENGE)
		sign(c, &c->clients[i], &w);
	if (stun_write_end(&w, &len) != 0)
		return; /* a username that does not fit: every request is lost */
	uint32_t source = source_of(c, i, &port);
	rawudp_wrap(ip, len, source, port, &c->server);
	c->out_len[c->n_out++] = RAWUDP_HEADERS + len;
	c->slots[slot].sent_ms = now_ms();
	c->slots[slot].tries++;
}

/* ---- answers ---- */

static void learn(struct crowd *c, struct client *k, const struct stun_msg *m)
{
	struct stun_attr a;

	if (stun_attr_find(m, STUN_NONCE, &a) && a.len <= NONCE_MAX) {
		memcpy(k->nonce, a.value, a.len);
		k->nonce_len = (uint8_t)a.len;
	}
	if (c->realm[0] == '\0' && stun_attr_find(m, STUN_REALM, &a) && a.len < sizeof(c->realm)) {
		memcpy(c->realm, a.value, a.len);
		stun_key_long_term(
			STUN_PASSWORD_MD5, c->username, bytes_str(c->realm), c->password, &c->key);
		crypto_hmac_key_init(&c->hmac, CRYPTO_SHA1, c->key.bytes, c->key.len);
	}
}

static unsigned code_of(const struct stun_msg *m)
{
	struct stun_attr a;
	struct bytes reason;
	uint16_t code = 0;

	if (stun_attr_find(m, STUN_ERROR_CODE, &a))
		(void)stun_attr_error(&a, &code, &reason); /* a bad one leaves 0 */
	return code;
}

static void judge(struct crowd *c, uint32_t i, const struct stun_msg *m)
{
	struct client *k = &c->clients[i];
	unsigned code = m->class == STUN_SUCCESS ? 0 : code_of(m);

	k->is_done = true;
	if (c->phase == CHALLENGE && code == STUN_UNAUTHORIZED) {
		learn(c, k, m);
		code = 0;
	}
	if (code != 0) {
		c->refused++;
		c->code = code;
		return;
	}
	c->granted++;
	if (c->phase == ALLOCATE)
		k->has_allocation = true;
}

/* An IPv4 packet off the wire: ours if its transaction id is that of a request under way. */
static void take(struct crowd *c, const uint8_t *ip, size_t len)
{
	struct stun_msg m;

	if (len < RAWUDP_HEADERS || ip[0] != 0x45 || ip[9] != IPPROTO_UDP ||
		memcmp(ip + 12, c->server.ip + 12, 4) != 0)
		return;
	size_t udp_len = be16_get(ip + 24);
	if (udp_len < 8 || udp_len > len - 20 ||
		stun_msg_decode(ip + RAWUDP_HEADERS, udp_len - 8, &m) != 0)
		return;
	uint32_t i = be32_get(m.tid), slot = be32_get(m.tid + 4) >> 4;
	if (be32_get(m.tid + 8) != c->run || (be32_get(m.tid + 4) & 15) != c->phase ||
		slot >= c->n_slots || !c->slots[slot].is_used || c->slots[slot].client != i)
		return;
	c->slots[slot].is_used = false;
	c->n_open--;
	judge(c, i, &m);
}

static bool receive(struct crowd *c)
{
	static uint8_t packets[BATCH][2048];
	struct mmsghdr msgs[BATCH];
	struct iovec iov[BATCH];

	memset(msgs, 0, sizeof(msgs));
	for (unsigned i = 0; i < BATCH; i++) {
		iov[i] = (struct iovec){packets[i], sizeof(packets[i])};
		msgs[i].msg_hdr = (struct msghdr){.msg_iov = &iov[i], .msg_iovlen = 1};
	}
	int n = recvmmsg(c->wire, msgs, BATCH, MSG_DONTWAIT, NULL);
	for (int i = 0; i < n; i++)
		take(c, packets[i], msgs[i].msg_len);
	return n > 0;
}

/* ---- phases ---- */

static bool takes_part(const struct crowd *c, uint32_t i)
{
	return c->phase <= ALLOCATE || c->clients[i].has_allocation;
}

static void fill_slots(struct crowd *c)
{
	for (uint32_t s = 0; s < c->n_slots && c->next < c->n; s++) {
		if (c->slots[s].is_used)
			continue;
		while (c->next < c->n && !takes_part(c, c->next))
			c->next++;
		if (c->next == c->n)
			return;
		c->slots[s] = (struct slot){.client = c->next++, .is_used = true};
		c->n_open++;
		send_request(c, s);
	}
}

static void try_again(struct crowd *c)
{
	uint64_t now = now_ms();

	for (uint32_t s = 0; s < c->n_slots; s++) {
		struct slot *slot = &c->slots[s];
		if (!slot->is_used || now - slot->sent_ms < RETRY_MS)
			continue;
		if (slot->tries < TRIES) {
			send_request(c, s);
			continue;
		}
		slot->is_used = false;
		c->n_open--;
		c->lost++;
	}
}

static void report(const struct crowd *c, uint64_t ms, uint64_t cpu_ns)
{
	uint32_t n = c->granted + c->refused + c->lost;
	double seconds = (double)ms / 1000;

	printf("%s n=%u granted=%u refused=%u(%u) lost=%u seconds=%.2f rate=%.0f "
	       "cpu_us_each=%.1f\n",
		phase_names[c->phase], n, c->granted, c->refused, c->code, c->lost, seconds,
		ms ? n / seconds : 0.0, n ? (double)cpu_ns / 1000 / n : 0.0);
	fflush(stdout);
}

static void run_phase(struct crowd *c, enum phase phase)
{
	uint64_t start = now_ms(), tried = start, cpu = cputime_ns(c->pid);

	c->phase = phase;
	c->next = c->granted = c->refused = c->lost = c->code = 0;
	memset(c->slots, 0, c->n_slots * sizeof(*c->slots));
	do {
		struct pollfd p = {.fd = c->wire, .events = POLLIN};

		fill_slots(c);
		flush_out(c);
		if (poll(&p, 1, 100) > 0)
			while (receive(c))
				;
		if (now_ms() - tried > RETRY_MS / 4) {
			try_again(c);
			tried = now_ms();
		}
	} while (c->next < c->n || c->n_open > 0);
	report(c, now_ms() - start, cputime_ns(c->pid) - cpu);
}

static void wait_for_end(void)
{
	sigset_t ends;
	int signo;

	sigemptyset(&ends);
	sigaddset(&ends, SIGTERM);
	sigaddset(&ends, SIGINT);
	puts("ready");
	fflush(stdout);
	(void)sigwait(&ends, &signo); /* either will do */
}

static void run(struct crowd *c)
{
	run_phase(c, CHALLENGE);
	run_phase(c, ALLOCATE);
	if (c->is_wrong)
		return;
	if (c->has_peer) {
		run_phase(c, PERMIT);
		run_phase(c, BIND);
	}
	if (c->is_kept)
		wait_for_end();
	if (!c->is_left)
		run_phase(c, RELEASE);
}

/* ---- command line ---- */

static int open_sockets(struct crowd *c)
{
	int room = RECEIVE_ROOM;

	c->raw = socket(AF_INET, SOCK_RAW | SOCK_CLOEXEC, IPPROTO_RAW); /* implies IP_HDRINCL */
	c->wire = socket(AF_PACKET, SOCK_DGRAM | SOCK_CLOEXEC, htons(ETH_P_IP));
	if (c->raw < 0 || c->wire < 0)
		return -errno;
	return setsockopt(c->wire, SOL_SOCKET, SO_RCVBUFFORCE, &room, sizeof(room)) == 0 ? 0
											 : -errno;
}

static int parse_one(struct crowd *c, int option, char *text)
{
	uint32_t number = text ? (uint32_t)strtoul(text, NULL, 10) : 0;

	switch (option) {
	case 'u':
		c->username = bytes_str(text);
		return 0;
	case 'w':
		c->password = bytes_str(text);
		return 0;
	case 'n':
		c->n = number;
		return 0;
	case 'j':
		c->n_slots = number;
		return 0;
	case 's':
		return rawudp_parse_prefix(text, &c->base, &c->mask);
	case 'f':
		c->first_port = number;
		return 0;
	case 'p':
		c->pid = (int)number;
		return 0;
	case 'l':
		c->lifetime_s = number;
		return 0;
	case 'P':
		c->has_peer = true;
		return addr_parse(text, 9, &c->peer);
	case 'b':
		c->is_wrong = true;
		return 0;
	case 'e':
		c->is_left = true;
		return 0;
	case 'k':
		c->is_kept = true;
		return 0;
	default:
		return ERR_MALFORMED;
	}
}

static int parse(int argc, char **argv, struct crowd *c)
{
	int option;

	while ((option = getopt(argc, argv, "u:w:n:j:s:f:p:l:P:bke")) != -1) {
		if (parse_one(c, option, optarg) != 0)
			return ERR_MALFORMED;
	}
	if (argc - optind != 1 || !c->username.data || !c->password.data || c->n == 0 ||
		c->n_slots == 0 || c->n_slots > 1 << 20 ||
		c->first_port + c->n / networks(c) > UINT16_MAX ||
		addr_parse(argv[optind], STUN_PORT, &c->server) != 0)
		return ERR_MALFORMED;
	return rawudp_is_test_address(&c->server) ? 0 : ERR_DENIED;
}

/* Blocked, so that one that comes early waits for sigwait. */
static void block_signals(void)
{
	sigset_t ends;

	sigemptyset(&ends);
	sigaddset(&ends, SIGTERM);
	(void)sigprocmask(SIG_BLOCK, &ends, NULL);
}

int main(int argc, char **argv)
{
	struct crowd *c = calloc(1, sizeof(*c));

	if (!c)
		return 1;
	*c = (struct crowd){
		.n = 1000, .n_slots = 32, .first_port = 1024, .base = 0xc6120000, .mask = 0x1ffff};
	int rc = parse(argc, argv, c);
	if (rc != 0) {
		fprintf(stderr, "turncrowd: %s\n%s", err_text(rc), USAGE);
		free(c);
		return 2;
	}
	crypto_random(&c->run, sizeof(c->run));
	c->clients = calloc(c->n, sizeof(*c->clients));
	c->slots = calloc(c->n_slots, sizeof(*c->slots));
	rc = c->clients && c->slots ? open_sockets(c) : -ENOMEM;
	if (c->is_kept)
		block_signals();
	if (rc == 0)
		run(c);
	else
		fprintf(stderr, "turncrowd: %s\n", err_text(rc));
	free(c->clients);
	free(c->slots);
	free(c);
	return rc != 0;
}
