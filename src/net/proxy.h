/* SPDX-License-Identifier: BSD-3-Clause */
/* The header of the PROXY protocol, versions 1 and 2: bytes to a struct. */
#ifndef NET_PROXY_H
#define NET_PROXY_H

#include "net_priv.h"

/* The longest header that is read; its extensions (TLVs) may hold a certificate. */
#define NET_PROXY_MAX 4096

enum net_proxy_transport {
	NET_PROXY_UNTOLD, /* version 1 knows nothing but TCP, and is sent for UDP too */
	NET_PROXY_STREAM,
	NET_PROXY_DATAGRAM,
};

struct net_proxy_header {
	size_t len;      /* what follows is the client's */
	bool has_client; /* false: it speaks for itself, or does not know (LOCAL, UNKNOWN) */
	enum net_proxy_transport transport;
	struct addr client;
};

/*
 * The header that IN begins with. ERR_TRUNCATED: it may become one; ERR_MALFORMED: it never will,
 * or its checksum is wrong; ERR_UNSUPPORTED: of a client on a Unix socket; ERR_TOO_LARGE.
 */
int net_proxy_parse(struct bytes in, struct net_proxy_header *out);

/* Says in the log that BALANCER has sent none, or a wrong one: somebody has configured one of us.
 */
void net_proxy_complain(struct net *n, const struct clock *clock, const struct addr *balancer,
	const char *transport);

#endif
