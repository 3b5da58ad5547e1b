/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * stunflood: sends unauthenticated requests to a STUN port, or hellos to a DTLS port, from spoofed
 * IPv4 addresses and ports, through a raw socket. For use inside a network namespace made for the
 * test, and nowhere else: it refuses a destination that is neither private nor loopback.
 */
#include <errno.h>
#include <netinet/in.h>
#include <netinet/ip.h>
#include <netinet/udp.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <time.h>
#include <unistd.h>

#include <sallyport/common.h>
#include <sallyport/crypto.h>
#include <sallyport/stun.h>

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

static uint32_t sum16(const uint8_t *p, size_t len, uint32_t sum)
{
	for (; len > 1; p += 2, len -= 2)
		sum += be16_get(p);
	return len ? sum + ((uint32_t)p[0] << 8) : sum;
}

static uint16_t udp_checksum(const uint8_t *ip, size_t udp_len)
{
	uint32_t sum = sum16(ip + 12, 8, IPPROTO_UDP + (uint32_t)udp_len);

	sum = sum16(ip + 20, udp_len, sum);
	while (sum >> 16)
		sum = (sum & 0xffff) + (sum >> 16);
	return sum == 0xffff ? 0xffff : (uint16_t)~sum;
}

static void write_request(const struct flood *f, struct packet *p)
{
	static const uint8_t TID[STUN_TID_LEN] = {0};
	struct stun_writer w;
	size_t len = 0;

	stun_write_begin(&w, p->bytes + 28, PACKET_MAX - 28, STUN_REQUEST, f->method, TID);
	if (f->method == STUN_ALLOCATE)
		stun_write_transport(&w, IPPROTO_UDP);
	(void)stun_write_end(&w, &len); /* 28 bytes fit */
	p->len = 28 + len;
	p->random_at = 28 + 8;
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
	uint8_t *record = p->bytes + 28, *message = record + 13, *hello = message + 12;
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
	p->len = 28 + 13 + 12 + sent_len - (kind % 4 == CUT ? 10 : 0);
	p->random_at = 28 + 13 + 12 + 2;
}

/* IPv4 header, UDP header and what they carry, all but what differs from packet to packet. */
static void packet_init(const struct flood *f, struct packet *p, unsigned kind)
{
	uint8_t *ip = p->bytes, *udp = p->bytes + 20;

	memset(p, 0, sizeof(*p));
	if (f->is_dtls)
		write_hello(p, kind);
	else
		write_request(f, p);
	ip[0] = 0x45;
	be16_put(ip + 2, (uint16_t)p->len);
	ip[8] = 64;
	ip[9] = IPPROTO_UDP; /* the kernel fills in the header checksum */
	memcpy(ip + 16, f->server.ip + 12, 4);
	be16_put(udp + 2, f->server.port);
	be16_put(udp + 4, (uint16_t)(p->len - 20));
}

static void packet_vary(struct flood *f, struct packet *p)
{
	uint8_t *ip = p->bytes, *udp = p->bytes + 20;
	uint64_t r = next_random(&f->random);

	be32_put(ip + 12, f->source_base | ((uint32_t)r & f->source_mask));
	be16_put(udp, (uint16_t)(1024 + (r >> 32) % 64512));
	be64_put(p->bytes + p->random_at, next_random(&f->random));
	be32_put(p->bytes + p->random_at + 8, (uint32_t)(r >> 16));
	be16_put(udp + 6, 0);
	be16_put(udp + 6, udp_checksum(ip, p->len - 20));
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
		f->batch_bytes += packets[i].len - 28;
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

/* 10/8, 127/8, 172.16/12, 192.168/16, 198.18/15: nothing that is routed on the Internet. */
static bool is_test_destination(uint32_t ip)
{
	return ip >> 24 == 10 || ip >> 24 == 127 || ip >> 20 == 0xac1 || ip >> 16 == 0xc0a8 ||
	       ip >> 17 == 0xc612 >> 1;
}

static int parse_source(struct flood *f, char *text)
{
	char *slash = strchr(text, '/');
	unsigned long bits = slash ? strtoul(slash + 1, NULL, 10) : 32;
	struct addr a;

	if (slash)
		*slash = '\0';
	if (addr_parse(text, 0, &a) != 0 || a.family != ADDR_IPV4 || bits < 1 || bits > 32)
		return ERR_MALFORMED;
	f->source_mask = bits == 32 ? 0 : 0xffffffffu >> bits;
	f->source_base = be32_get(a.ip + 12) & ~f->source_mask;
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
			rc = parse_source(f, optarg);
		else
			rc = ERR_MALFORMED;
		if (rc != 0)
			return rc;
	}
	if (argc - optind != 1 || addr_parse(argv[optind], STUN_PORT, &f->server) != 0 ||
		f->server.family != ADDR_IPV4)
		return ERR_MALFORMED;
	return is_test_destination(be32_get(f->server.ip + 12)) ? 0 : ERR_DENIED;
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
