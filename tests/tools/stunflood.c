/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * stunflood: sends unauthenticated requests to a STUN port, or hellos to a DTLS port, from spoofed
 * IPv4 addresses and ports, through a raw socket. For use inside a network namespace made for the
 * test, and nowhere else: it refuses a destination that is neither private nor loopback.
 */
#include <errno.h>
#include <netinet/in.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <time.h>
#include <unistd.h>

#include <sallyport/common.h>
#include <sallyport/crypto.h>
#include <sallyport/stun.h>

#include "rawudp.h"

static const char USAGE[] =
	"usage: stunflood [-b | -d] [-n COUNT] [-r PACKETS_PER_S] [-s SOURCE_PREFIX] "
	"SERVER[:PORT]\n"
	"  -b  Binding instead of Allocate\n"
	"  -d  ClientHello of DTLS: bare, with a forged cookie, cut off, in fragments by turns\n"
	"  -n  how many (default 100000)        -r  pace (default 0: as fast as it goes)\n"
	"  -s  spoofed addresses (default 198.18.0.0/15), ports 1024-65535 at random\n"
	"prints: sent=N seconds=S rate=PACKETS_PER_S request=BYTES\n";

#define BATCH      64
#define PACKET_MAX 128

struct flood {
	struct addr server;
	uint32_t source_base, source_mask; /* host order; mask: the bits that vary */
	uint64_t count, rate;
	unsigned method;
	bool is_dtls;
	size_t batch_bytes; /* of a batch's requests, without headers */
	uint64_t random;
	int fd;
};

struct packet {
	uint8_t bytes[PACKET_MAX];
	size_t len;
	size_t random_at; /* 12 bytes that differ from packet to packet */
};

/* splitmix64: fast, and good enough for addresses and transaction ids of a test. */
static uint64_t next_random(uint64_t *state)
{
	uint64_t z = (*state += 0x9e3779b97f4a7c15u);

	z = (z ^ (z >> 30)) * 0xbf58476d1ce4e5b9u;
	z = (z ^ (z >> 27)) * 0x94d049bb133111ebu;
	return z ^ (z >> 31);
}

static void write_request(const struct flood *f, struct packet *p)
{
	static const uint8_t TID[STUN_TID_LEN] = {0};
	struct stun_writer w;
	size_t len = 0;

	stun_write_begin(&w, p->bytes + RAWUDP_HEADERS, PACKET_MAX - RAWUDP_HEADERS, STUN_REQUEST,
		f->method, TID);
	if (f->method == STUN_ALLOCATE)
		stun_write_transport(&w, IPPROTO_UDP);
	(void)stun_write_end(&w, &len); /* it fits */
	p->len = RAWUDP_HEADERS + len;
	p->random_at = RAWUDP_HEADERS + 8;
}

/* Record, handshake and hello headers, random, no session; a cookie or none; a suite, no
 * compression (RFC 6347 §4.2). */
static void write_hello(struct packet *p, unsigned kind)
{
	enum {
		BARE,
		COOKIE,
		CUT,
		FRAGMENT
	};
	uint8_t *record = p->bytes + RAWUDP_HEADERS, *message = record + 13, *hello = message + 12;
	uint8_t cookie_len = kind % 4 == COOKIE ? 20 : 0;
	size_t hello_len = 2 + 32 + 1 + 1 + cookie_len + 4 + 2;
	size_t sent_len = kind % 4 == FRAGMENT ? 20 : hello_len;

	memcpy(record, "\x16\xfe\xff", 3);
	be16_put(record + 11, (uint16_t)(12 + sent_len));
	message[0] = 1;
	message[3] = (uint8_t)hello_len;
	message[5] = cookie_len ? 1 : 0; /* message_seq */
	message[11] = (uint8_t)sent_len;
	memcpy(hello, "\xfe\xfd", 2);
	hello[35] = cookie_len;
	memcpy(hello + 36 + cookie_len, "\0\2\xc0\x2b\1\0", 6);
	p->len = RAWUDP_HEADERS + 13 + 12 + sent_len - (kind % 4 == CUT ? 10 : 0);
	p->random_at = RAWUDP_HEADERS + 13 + 12 + 2;
}

/* What the packet carries, all but what differs from packet to packet. */
static void packet_init(const struct flood *f, struct packet *p, unsigned kind)
{
	memset(p, 0, sizeof(*p));
	if (f->is_dtls)
		write_hello(p, kind);
	else
		write_request(f, p);
}

static void packet_vary(struct flood *f, struct packet *p)
{
	uint64_t r = next_random(&f->random);

	be64_put(p->bytes + p->random_at, next_random(&f->random));
	be32_put(p->bytes + p->random_at + 8, (uint32_t)(r >> 16));
	rawudp_wrap(p->bytes, p->len - RAWUDP_HEADERS,
		f->source_base | ((uint32_t)r & f->source_mask),
		(uint16_t)(1024 + (r >> 32) % 64512), &f->server);
}

static double seconds_since(const struct timespec *start)
{
	struct timespec now;

	clock_gettime(CLOCK_MONOTONIC, &now);
	return (double)(now.tv_sec - start->tv_sec) + (double)(now.tv_nsec - start->tv_nsec) / 1e9;
}

static void keep_pace(const struct flood *f, uint64_t sent, const struct timespec *start)
{
	if (f->rate == 0)
		return;
	double ahead = (double)sent / (double)f->rate - seconds_since(start);
	if (ahead > 0)
		usleep((useconds_t)(ahead * 1e6));
}

static int flood_run(struct flood *f, const struct timespec *start)
{
	struct sockaddr_storage to;
	socklen_t to_len = addr_to_sockaddr(&f->server, &to);
	struct packet packets[BATCH];
	struct mmsghdr msgs[BATCH];
	struct iovec iov[BATCH];

	memset(msgs, 0, sizeof(msgs));
	for (size_t i = 0; i < BATCH; i++) {
		packet_init(f, &packets[i], (unsigned)i);
		f->batch_bytes += packets[i].len - RAWUDP_HEADERS;
		iov[i] = (struct iovec){packets[i].bytes, packets[i].len};
		msgs[i].msg_hdr = (struct msghdr){.msg_name = &to,
			.msg_namelen = to_len,
			.msg_iov = &iov[i],
			.msg_iovlen = 1};
	}
	for (uint64_t sent = 0; sent < f->count;) {
		unsigned n = f->count - sent < BATCH ? (unsigned)(f->count - sent) : BATCH;
		for (unsigned i = 0; i < n; i++)
			packet_vary(f, &packets[i]);
		int rc = sendmmsg(f->fd, msgs, n, 0);
		if (rc < 0 && errno != ENOBUFS && errno != EAGAIN)
			return -errno;
		sent += rc > 0 ? (unsigned)rc : 0;
		keep_pace(f, sent, start);
	}
	return 0;
}

static int parse(int argc, char **argv, struct flood *f)
{
	int c, rc = 0;

	while ((c = getopt(argc, argv, "bdn:r:s:")) != -1) {
		if (c == 'b')
			f->method = STUN_BINDING;
		else if (c == 'd')
			f->is_dtls = true;
		else if (c == 'n')
			f->count = strtoull(optarg, NULL, 10);
		else if (c == 'r')
			f->rate = strtoull(optarg, NULL, 10);
		else if (c == 's')
			rc = rawudp_parse_prefix(optarg, &f->source_base, &f->source_mask);
		else
			rc = ERR_MALFORMED;
		if (rc != 0)
			return rc;
	}
	if (argc - optind != 1 || addr_parse(argv[optind], STUN_PORT, &f->server) != 0)
		return ERR_MALFORMED;
	return rawudp_is_test_address(&f->server) ? 0 : ERR_DENIED;
}

int main(int argc, char **argv)
{
	struct flood f = {
		.count = 100000,
		.method = STUN_ALLOCATE,
		.source_base = 0xc6120000,
		.source_mask = 0x1ffff,
		.fd = -1,
	};
	struct timespec start;
	int rc = parse(argc, argv, &f);

	if (rc != 0) {
		fprintf(stderr, "stunflood: %s\n%s", err_text(rc), USAGE);
		return 2;
	}
	crypto_random(&f.random, sizeof(f.random));
	f.fd = socket(AF_INET, SOCK_RAW | SOCK_CLOEXEC, IPPROTO_RAW); /* implies IP_HDRINCL */
	if (f.fd < 0) {
		perror("stunflood: raw socket");
		return 1;
	}
	clock_gettime(CLOCK_MONOTONIC, &start);
	rc = flood_run(&f, &start);
	double seconds = seconds_since(&start);
	(void)close(f.fd); /* nothing is buffered in it */
	if (rc != 0) {
		fprintf(stderr, "stunflood: %s\n", err_text(rc));
		return 1;
	}
	printf("sent=%llu seconds=%.2f rate=%.0f request=%zu\n", (unsigned long long)f.count,
		seconds, (double)f.count / seconds, f.batch_bytes / BATCH);
	return 0;
}
