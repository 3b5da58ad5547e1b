/* SPDX-License-Identifier: BSD-3-Clause */
#include "datapath.h"

#include <errno.h>
#include <linux/capability.h>
#include <stdio.h>
#include <stdlib.h>

#include <sallyport/flow/kernel.h>
#include <sallyport/net/steer.h>

#include "interfaces.h"
#include "workers.h"

#define LOOK_MS 2000 /* at the host's interfaces */

/* Channels in the kernel at once: two for each allocation that is allowed, within these. */
#define FLOWS_DEFAULT 65536
#define FLOWS_MAX     1048576

struct datapath {
	struct loop *loop;       /* not owned */
	enum datapath_kind kind; /* "auto": there is none, as nothing is relayed */
	struct addr *locals;     /* of listeners and relaying */
	size_t n_locals;
	struct net_steering *steering; /* NULL: relay ports are sockets */
	struct flow_kernel *kernel;    /* NULL: every packet comes to user space */
	/* Why not, if it is so. */
	char steer_why[DATAPATH_WHY_LEN], kernel_why[DATAPATH_WHY_LEN];
	struct interfaces now, before;
	struct api_interface shown[INTERFACES_MAX];
	struct wheel_timer look;
};

static const char *const names[] = {
	[DATAPATH_AUTO] = "auto",
	[DATAPATH_SOCKET] = "socket",
	[DATAPATH_STEER] = "steer",
	[DATAPATH_KERNEL] = "kernel",
};

struct net_steering *datapath_steering(const struct datapath *d)
{
	return d->steering;
}

struct flow_kernel *datapath_kernel(const struct datapath *d)
{
	return d->kernel;
}

uint64_t datapath_capabilities(const struct datapath *d)
{
	uint64_t bits = 0;

	if (d->steering || d->kernel)
		bits = UINT64_C(1) << CAP_NET_ADMIN | UINT64_C(1) << CAP_NET_RAW |
		       UINT64_C(1) << CAP_BPF;
	/* The verifier trusts programs less without it, and refuses these. */
	if (d->kernel)
		bits |= UINT64_C(1) << CAP_PERFMON;
	return bits;
}

/* ---- what there is ---- */

/* The kernel gives a port that it thinks is free to any program that asks for one. */
static void warn_exposed(const struct turn_config *c)
{
	if (net_steering_range_is_exposed(c->first_port, c->last_port))
		log_warning(LOG_DAEMON, "relay ports are not reserved",
			"ports=%u-%u hint=\"sysctl net.ipv4.ip_local_reserved_ports=%u-%u\"",
			c->first_port, c->last_port, c->first_port, c->last_port);
}

static int open_steering(struct datapath *d, const struct settings *s,
	const struct inherited *inherited, unsigned n_workers)
{
	const struct turn_config *t = turn_snapshot_config(s->turn);
	struct addr *addresses = calloc(t->n_relays + 1, sizeof(*addresses));
	struct net_steering_config c = {.addresses = addresses,
		.n_addresses = t->n_relays,
		.n_workers = n_workers,
		.rcvbuf_bytes = (uint32_t)s->options->edge.receive_buffer,
		.map = inherited ? inherited->steered : -1,
		.generation = inherited ? (uint8_t)(inherited->generation + 1) : 0};

	if (!addresses)
		return -ENOMEM;
	for (size_t i = 0; i < t->n_relays; i++)
		addresses[i] = t->relays[i].local;
	int rc = net_steering_create(&c, &d->steering, d->steer_why);
	free(addresses);
	if (rc == 0)
		warn_exposed(t);
	return rc;
}

static int open_kernel(struct datapath *d, const struct settings *s,
	const struct inherited *inherited, unsigned n_workers)
{
	uint64_t allocations = s->options->edge.limits.allocations;
	struct flow_kernel_config c = {
		.n_workers = n_workers,
		.max_flows = FLOWS_DEFAULT,
		.max_paths = NET_PATHS_DEFAULT,
		.locals = d->locals,
		.n_locals = d->n_locals,
		.inherited = inherited ? inherited->programs : NULL,
		.n_inherited = inherited ? inherited->n_programs : 0,
	};

	if (allocations > FLOWS_DEFAULT / 2)
		c.max_flows = allocations > FLOWS_MAX / 2 ? FLOWS_MAX : 2 * (uint32_t)allocations;
	return flow_kernel_create(&c, &d->kernel, d->kernel_why);
}

/* ---- choosing ---- */

static void refuse(enum datapath_kind kind, const char *reason, char why[DATAPATH_WHY_LEN])
{
	snprintf(why, DATAPATH_WHY_LEN, "no data path \"%s\": %.200s", names[kind], reason);
}

static void not_wanted(char why[DATAPATH_WHY_LEN], enum datapath_kind want)
{
	snprintf(why, DATAPATH_WHY_LEN, "\"edge.datapath\" is \"%s\"", names[want]);
}

static int choose(struct datapath *d, const struct settings *s, const struct inherited *inherited,
	unsigned n, char why[DATAPATH_WHY_LEN])
{
	enum datapath_kind want = (enum datapath_kind)s->options->edge.datapath;
	int rc;

	not_wanted(d->kernel_why, want);
	not_wanted(d->steer_why, want);
	d->kind = DATAPATH_SOCKET;
	if (want == DATAPATH_SOCKET)
		return 0;
	rc = open_steering(d, s, inherited, n);
	if (rc == 0)
		d->kind = DATAPATH_STEER;
	else if (want == DATAPATH_STEER)
		refuse(want, d->steer_why, why);
	if (want == DATAPATH_STEER)
		return rc;
	rc = open_kernel(d, s, inherited, n);
	if (rc == 0)
		d->kind = DATAPATH_KERNEL;
	else if (want == DATAPATH_KERNEL)
		refuse(want, d->kernel_why, why);
	return want == DATAPATH_KERNEL ? rc : 0;
}

static void say(const struct datapath *d)
{
	if (d->kernel && d->steering)
		log_notice(LOG_DAEMON, "data path", "kind=%s", names[d->kind]);
	else if (d->kernel || d->kind == DATAPATH_SOCKET)
		log_notice(LOG_DAEMON, "data path", "kind=%s no_steer=\"%s\"%s%s%s", names[d->kind],
			d->steer_why, d->kernel ? "" : " no_kernel=\"",
			d->kernel ? "" : d->kernel_why, d->kernel ? "" : "\"");
	else
		log_notice(LOG_DAEMON, "data path", "kind=%s no_kernel=\"%s\"", names[d->kind],
			d->kernel_why);
}

/* ---- making ---- */

static int take_locals(struct datapath *d, const struct settings *s)
{
	const struct options_relay *relay = &s->options->edge.relay;
	const struct options_relay_address *ra = relay->addresses.items;

	d->locals = calloc(s->n_listeners + relay->addresses.n + 1, sizeof(*d->locals));
	if (!d->locals)
		return -ENOMEM;
	for (size_t i = 0; i < s->n_listeners; i++)
		d->locals[d->n_locals++] = s->listeners[i].local;
	for (size_t i = 0; i < relay->addresses.n; i++)
		d->locals[d->n_locals++] = ra[i].address;
	return 0;
}

/* False: what is known stays as it is. */
static bool find_interfaces(struct datapath *d)
{
	return interfaces_find(d->locals, d->n_locals, &d->now) == 0;
}

static void on_look(struct wheel_timer *t, void *arg)
{
	struct datapath *d = CONTAINER_OF(t, struct datapath, look);

	(void)arg;
	if (find_interfaces(d)) {
		interfaces_compare(&d->before, &d->now);
		d->before = d->now;
	}
	if (d->kernel)
		flow_kernel_tend(d->kernel);
	wheel_set(loop_wheel(d->loop), t, loop_clock(d->loop)->mono_ms + LOOK_MS);
}

int datapath_create(struct loop *main, const struct settings *s, const struct inherited *inherited,
	unsigned n_workers, struct datapath **out, char why[DATAPATH_WHY_LEN])
{
	struct datapath *d = calloc(1, sizeof(*d));

	snprintf(why, DATAPATH_WHY_LEN, "out of memory");
	if (!d)
		return -ENOMEM;
	d->loop = main;
	wheel_timer_init(&d->look, on_look);
	if (!s->options->has_edge) { /* nothing is relayed */
		*out = d;
		return 0;
	}
	int rc = take_locals(d, s);
	if (rc == 0)
		rc = choose(d, s, inherited, n_workers, why);
	if (rc != 0) {
		datapath_destroy(d);
		return rc;
	}
	say(d);
	if (find_interfaces(d))
		d->before = d->now; /* what listens has said where */
	wheel_set(loop_wheel(main), &d->look, loop_clock(main)->mono_ms + LOOK_MS);
	*out = d;
	return 0;
}

void datapath_destroy(struct datapath *d)
{
	if (!d)
		return;
	wheel_cancel(loop_wheel(d->loop), &d->look);
	flow_kernel_destroy(d->kernel);
	net_steering_destroy(d->steering);
	free(d->locals);
	free(d);
}

/* ---- showing ---- */

/* Frames can be written for Ethernet only; what leaves elsewhere goes by sockets. */
static bool takes_frames(const struct interface *i)
{
	return i->is_ethernet && !i->is_loopback;
}

static void show_kernel(
	const struct datapath *d, const struct interface *i, struct api_interface *out)
{
	const struct flow_kernel_link *l =
		d->kernel ? flow_kernel_link(d->kernel, i->ifindex) : NULL;

	if (!l || !(l->has_xdp || l->has_tc))
		return;
	out->datapath = names[DATAPATH_KERNEL];
	out->mode = l->has_xdp ? "native XDP" : "TC";
	out->why = l->why[0] != '\0' ? l->why : NULL;
}

static void show_one(const struct datapath *d, const struct interface *i, struct api_interface *out)
{
	*out = (struct api_interface){.name = i->name,
		.datapath = names[d->steering ? DATAPATH_STEER : DATAPATH_SOCKET],
		.why = d->steering ? d->kernel_why : d->steer_why,
		.addresses = i->addresses,
		.n_addresses = i->n_addresses};
	if (d->steering && !takes_frames(i)) {
		out->mode = "raw sockets";
		out->why = "is no Ethernet interface";
	}
	show_kernel(d, i, out);
	if (i->name[0] == '\0')
		out->why = "no interface has the address";
	else if (!i->is_up)
		out->why = "interface is down";
}

void datapath_show(struct datapath *d, struct api_status *out)
{
	if (d->kind == DATAPATH_AUTO)
		return;
	(void)find_interfaces(d);
	for (size_t i = 0; i < d->now.n; i++)
		show_one(d, &d->now.all[i], &d->shown[i]);
	out->datapath = names[d->kind];
	out->interfaces = d->shown;
	out->n_interfaces = d->now.n;
}
