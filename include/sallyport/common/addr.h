/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * One canonical form for IPv4 and IPv6 transport addresses: 128 bits, IPv4 as ::ffff:a.b.c.d, so
 * that one comparison, one hash and one prefix trie serve both families.
 */
#ifndef SALLYPORT_COMMON_ADDR_H
#define SALLYPORT_COMMON_ADDR_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/socket.h>

enum addr_family {
	ADDR_NONE = 0,
	ADDR_IPV4 = 4,
	ADDR_IPV6 = 6,
};

struct addr {
	uint8_t ip[16]; /* network order; IPv4 in the last four bytes behind ::ffff: */
	uint32_t scope; /* interface index of an IPv6 link-local address, else 0 */
	uint16_t port;  /* host order */
	uint8_t family; /* enum addr_family */
	uint8_t pad;    /* always 0, so that a struct addr may be compared and hashed as bytes */
};

/* "[2001:db8::1]:65535" with scope, and its NUL. */
#define ADDR_TEXT_LEN 72

/* addr_ipv6 of an IPv4-mapped address is the IPv4 one. */
struct addr addr_ipv4(uint32_t ip_host_order, uint16_t port);
struct addr addr_ipv6(const uint8_t ip[16], uint16_t port);

/*
 * From and to the kernel's form. An IPv4-mapped AF_INET6 address becomes IPv4: there is one
 * spelling. ERR_UNSUPPORTED for other families and for a LEN too short for its own.
 * addr_to_sockaddr writes the family the address has and returns the length, 0 for ADDR_NONE.
 */
int addr_from_sockaddr(const struct sockaddr *sa, socklen_t len, struct addr *out);
socklen_t addr_to_sockaddr(const struct addr *a, struct sockaddr_storage *out);

/*
 * "192.0.2.1", "192.0.2.1:3478", "2001:db8::1", "[2001:db8::1]:3478". Without a port the port is
 * DEFAULT_PORT. A link-local address may carry "%3", the interface index. Names are not resolved.
 * ERR_MALFORMED if it is anything else.
 */
int addr_parse(const char *text, uint16_t default_port, struct addr *out);

/* With port ("192.0.2.1:3478", "[2001:db8::1]:3478") and without. Both return BUF. */
const char *addr_format(const struct addr *a, char buf[ADDR_TEXT_LEN]);
const char *addr_format_ip(const struct addr *a, char buf[ADDR_TEXT_LEN]);

bool addr_equal(const struct addr *a, const struct addr *b);    /* address, scope and port */
bool addr_equal_ip(const struct addr *a, const struct addr *b); /* port left out */
bool addr_is_unspecified(const struct addr *a);

#endif
