/* SPDX-License-Identifier: BSD-3-Clause */
/* A worker's sockets under steer: made as root or with capabilities, used without. */
#include <errno.h>
#include <netinet/icmp6.h>
#include <netinet/in.h>
#include <stdio.h>
#include <unistd.h>

#include <linux/filter.h>
#include <linux/icmp.h>
#include <linux/if_ether.h>
#include <linux/if_packet.h>

#include "steer_priv.h"

/* What the kernel may hold of ours: packets on their way to a device; ICMP not read yet. */
#define SEND_BUFFER (4 * 1024 * 1024)
#define ICMP_BUFFER (256 * 1024)

static int set_int(int fd, int level, int name, int value)
{
	return setsockopt(fd, level, name, &value, sizeof(value)) == 0 ? 0 : -errno;
}

static int domain(unsigned family)
{
	return family == STEER_IPV6 ? AF_INET6 : AF_INET;
}

static int make(int dom, int type, int protocol, int *out)
{
	int fd = socket(dom, type | SOCK_NONBLOCK | SOCK_CLOEXEC, protocol);

	if (fd < 0)
		return -errno;
	*out = fd;
	return 0;
}

static socklen_t loopback(unsigned family, struct sockaddr_storage *out)
{
	static const uint8_t ip6[16] = {[15] = 1};
	struct addr a = family == STEER_IPV6 ? addr_ipv6(ip6, 0) : addr_ipv4(INADDR_LOOPBACK, 0);

	return addr_to_sockaddr(&a, out);
}

/*
 * The program can only choose a socket that is bound. On the loopback address nobody outside can
 * reach it but through the program.
 */
static int open_receive(unsigned family, uint32_t rcvbuf_bytes, int *out)
{
	bool v6 = family == STEER_IPV6;
	int level = v6 ? IPPROTO_IPV6 : IPPROTO_IP;
	struct sockaddr_storage ss;
	socklen_t len = loopback(family, &ss);
	int rc = make(domain(family), SOCK_DGRAM, IPPROTO_UDP, out);

	if (rc == 0 && v6)
		rc = set_int(*out, level, IPV6_V6ONLY, 1);
	if (rc == 0 && rcvbuf_bytes > 0)
		rc = set_int(*out, SOL_SOCKET, SO_RCVBUFFORCE, (int)rcvbuf_bytes);
	if (rc == 0)
		rc = set_int(*out, level, v6 ? IPV6_RECVTCLASS : IP_RECVTOS, 1);
	if (rc == 0)
		rc = set_int(*out, level, v6 ? IPV6_RECVORIGDSTADDR : IP_RECVORIGDSTADDR, 1);
	if (rc == 0 && bind(*out, (struct sockaddr *)&ss, len) != 0)
		rc = -errno;
	return rc;
}

static int open_icmp(unsigned family, int *out)
{
	bool v6 = family == STEER_IPV6;
	int rc = make(domain(family), SOCK_RAW, v6 ? IPPROTO_ICMPV6 : IPPROTO_ICMP, out);

	if (rc == 0)
		rc = set_int(*out, SOL_SOCKET, SO_RCVBUF, ICMP_BUFFER);
	if (rc != 0)
		return rc;
	struct icmp_filter v4_errors = {
		~(1u << ICMP_DEST_UNREACH | 1u << ICMP_TIME_EXCEEDED | 1u << ICMP_PARAMETERPROB)};
	struct icmp6_filter v6_errors;
	ICMP6_FILTER_SETBLOCKALL(&v6_errors);
	for (int type = ICMP6_DST_UNREACH; type <= ICMP6_PARAM_PROB; type++)
		ICMP6_FILTER_SETPASS(type, &v6_errors);
	rc = v6 ? setsockopt(*out, IPPROTO_ICMPV6, ICMP6_FILTER, &v6_errors, sizeof(v6_errors))
		: setsockopt(*out, SOL_RAW, ICMP_FILTER, &v4_errors, sizeof(v4_errors));
	return rc == 0 ? 0 : -errno;
}

/*
 * A raw socket of UDP's gets a copy of every UDP packet of the host. Connected to the loopback
 * address it is passed over for all others before a copy is made, and the filter drops the rest.
 * Each packet that is sent says its addresses itself. DF as in udp.c.
 */
static int open_raw(unsigned family, int *out)
{
	struct sock_filter nothing[] = {BPF_STMT(BPF_RET | BPF_K, 0)};
	struct sock_fprog program = {1, nothing};
	bool v6 = family == STEER_IPV6;
	struct sockaddr_storage ss;
	socklen_t len = loopback(family, &ss);
	int rc = make(domain(family), SOCK_RAW, IPPROTO_UDP, out);

	if (rc == 0 &&
		setsockopt(*out, SOL_SOCKET, SO_ATTACH_FILTER, &program, sizeof(program)) != 0)
		rc = -errno;
	if (rc == 0)
		rc = set_int(*out, SOL_SOCKET, SO_SNDBUFFORCE, SEND_BUFFER);
	if (rc == 0)
		rc = set_int(*out, v6 ? IPPROTO_IPV6 : IPPROTO_IP,
			v6 ? IPV6_MTU_DISCOVER : IP_MTU_DISCOVER,
			v6 ? IPV6_PMTUDISC_DONT : IP_PMTUDISC_DONT);
	if (rc == 0 && connect(*out, (struct sockaddr *)&ss, len) != 0)
		rc = -errno;
	return rc;
}

/* Of protocol 0: it receives nothing. Past the queueing discipline, see docs/decisions. */
static int open_frames(int *out)
{
	int rc = make(AF_PACKET, SOCK_RAW, 0, out);

	if (rc == 0)
		rc = set_int(*out, SOL_SOCKET, SO_SNDBUFFORCE, SEND_BUFFER);
	if (rc == 0)
		rc = set_int(*out, SOL_PACKET, PACKET_QDISC_BYPASS, 1);
	return rc;
}

static int open_family(
	struct net_steer_sockets *s, unsigned family, uint32_t rcvbuf_bytes, const char **what)
{
	*what = "the receiving socket";
	int rc = open_receive(family, rcvbuf_bytes, &s->receive[family]);

	if (rc == 0) {
		*what = "the ICMP socket";
		rc = open_icmp(family, &s->icmp[family]);
	}
	if (rc == 0) {
		*what = "the raw socket";
		rc = open_raw(family, &s->raw[family]);
	}
	return rc;
}

/* A host without IPv6, in the kernel or on the loopback interface, has no client or peer there. */
static bool is_missing(unsigned family, int rc)
{
	return family == STEER_IPV6 &&
	       (rc == -EAFNOSUPPORT || rc == -EADDRNOTAVAIL || rc == -ENETUNREACH);
}

static void close_family(struct net_steer_sockets *s, unsigned family)
{
	int *all[] = {&s->receive[family], &s->icmp[family], &s->raw[family]};

	for (size_t i = 0; i < ARRAY_LEN(all); i++) {
		if (*all[i] >= 0)
			close(*all[i]);
		*all[i] = -1;
	}
}

int net_steer_sockets_open(struct net_steer_sockets *s, uint32_t rcvbuf_bytes, char why[256])
{
	const char *what = "the packet socket";
	int rc = open_frames(&s->frames);

	for (unsigned f = 0; f < STEER_FAMILIES && rc == 0; f++) {
		rc = open_family(s, f, rcvbuf_bytes, &what);
		if (!is_missing(f, rc))
			continue;
		close_family(s, f);
		rc = 0;
	}
	if (rc == -EPERM || rc == -EACCES)
		snprintf(why, 256,
			"%s needs CAP_NET_RAW and CAP_NET_ADMIN; start as root or grant them",
			what);
	else if (rc == -EADDRINUSE) /* of a socket that asks for any port */
		snprintf(why, 256,
			"cannot make %s: no port is left that the kernel may pick; have "
			"net.ipv4.ip_local_port_range reach beyond "
			"net.ipv4.ip_local_reserved_ports",
			what);
	else if (rc != 0)
		snprintf(why, 256, "cannot make %s: %s", what, err_text(rc));
	return rc;
}

void net_steer_sockets_close(struct net_steer_sockets *s)
{
	for (unsigned f = 0; f < STEER_FAMILIES; f++)
		close_family(s, f);
	if (s->frames >= 0)
		close(s->frames);
	s->frames = -1;
}

uint8_t net_steer_hops(int sock, unsigned family)
{
	bool v6 = family == STEER_IPV6;
	int hops = 0;
	socklen_t len = sizeof(hops);

	if (getsockopt(sock, v6 ? IPPROTO_IPV6 : IPPROTO_IP, v6 ? IPV6_UNICAST_HOPS : IP_TTL, &hops,
		    &len) != 0 ||
		hops < 1 || hops > 255)
		return 64;
	return (uint8_t)hops;
}
