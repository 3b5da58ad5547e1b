/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * What carries relayed packets: sockets, steered relay ports, or programs in the kernel. Chosen
 * once at start, while there may be privileges; then shown, and kept up with the host's interfaces.
 */
#ifndef DAEMON_DATAPATH_H
#define DAEMON_DATAPATH_H

#include <sallyport/api.h>
#include <sallyport/loop.h>

#include "settings.h"

enum datapath_kind { /* in the order of the option's names */
	DATAPATH_AUTO,
	DATAPATH_SOCKET,
	DATAPATH_STEER,
	DATAPATH_KERNEL,
};

#define DATAPATH_WHY_LEN 256

struct datapath; /* main thread, but for what it hands to workers */
struct inherited;
struct net_steering;
struct flow_kernel;

/*
 * Makes what "edge.datapath" asks for, or the best that can be had if that is "auto". WHY gets a
 * sentence when what is asked for cannot be had. INHERITED may be NULL.
 */
int datapath_create(struct loop *main, const struct settings *s, const struct inherited *inherited,
	unsigned n_workers, struct datapath **out, char why[DATAPATH_WHY_LEN]);
/* After the workers. NULL is fine. */
void datapath_destroy(struct datapath *d);

/* For the workers; NULL: they do without. */
struct net_steering *datapath_steering(const struct datapath *d);
struct flow_kernel *datapath_kernel(const struct datapath *d);

/* The capabilities that it goes on to need, as bits; see docs/decisions/0025. */
uint64_t datapath_capabilities(const struct datapath *d);

/* Into OUT what carries packets on which interface; borrowed until the next call. */
void datapath_show(struct datapath *d, struct api_status *out);

#endif
