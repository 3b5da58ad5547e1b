/* SPDX-License-Identifier: BSD-3-Clause */
/* Taking datagrams from the kernel, as sockets of their own and steered ports do it alike. */
#ifndef NET_RX_H
#define NET_RX_H

#include <sallyport/net.h>

struct net_rx; /* a worker's prepared batch: headers, vectors, control space */

struct net_rx *net_rx_create(void);
void net_rx_destroy(struct net_rx *rx);

/*
 * One call on FD for at most WANT datagrams, 1 to NET_BATCH. How many came, each of which is to be
 * taken before the next call; 0 when there is no buffer for any; -1 with errno.
 */
int net_rx_call(struct net *n, int fd, unsigned want);
/*
 * Datagram I of the call. Where it was sent to goes into *TO if the socket tells it, which else is
 * left alone; NULL: not asked. NULL for a datagram that cannot be relayed.
 */
struct net_buf *net_rx_take(struct net *n, unsigned i, struct addr *to);
/* The call brought RECEIVED, of which these are GOOD. */
void net_rx_count(struct net *n, unsigned received, struct net_buf *const *bufs, unsigned good);

#endif
