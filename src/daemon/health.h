/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * Do other servers answer? Each gets a STUN Binding request over UDP every two seconds; one that
 * has not answered for five is down. Main thread; nothing here waits.
 */
#ifndef DAEMON_HEALTH_H
#define DAEMON_HEALTH_H

#include <sallyport/common.h>
#include <sallyport/loop.h>

struct health;

/* CHANGED is called when a server has come or gone. NULL: out of memory. */
struct health *health_create(struct loop *l, void (*changed)(void *arg), void *arg);
void health_destroy(struct health *h);

/* These N from now on. What is known of an address goes on; a new one is down until it answers.
 * -ENOMEM: as before. */
int health_watch(struct health *h, const struct addr *a, size_t n);
/* Is the I-th of the last health_watch up? */
bool health_is_up(const struct health *h, size_t i);

#endif
