/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * Which interfaces run the programs. XDP and tcx links end with the process that holds them. On
 * kernels before 6.6 TC has filters only, which stay: the programs look whether the daemon is
 * alive, and a new one takes the place of what an old one has left.
 */
#include <errno.h>
#include <ifaddrs.h>
#include <stdio.h>
#include <stdlib.h>
#include <time.h>
#include <unistd.h>

#include <bpf/bpf.h>
#include <bpf/libbpf.h>
#include <linux/if_link.h>
#include <net/if.h>

#include "kernel_priv.h"

/* Newer than some kernel headers. */
#define TCX_INGRESS 46

#define ALIVE_NS        UINT64_C(10000000000) /* a busy main thread is not a dead one */
#define FILTER_HANDLE   0x5a11
#define FILTER_PRIORITY 0xc000

/* ---- one interface ---- */

/* On a veth, taking the program away and attaching another one loses what waits in its ring. */
static int inherit_xdp(struct flow_kernel *k, uint32_t ifindex)
{
	for (size_t i = 0; i < k->n_inherited; i++) {
		struct flow_kernel_hold *h = &k->inherited[i];
		int fd = h->fd;
		if (h->ifindex != ifindex || fd < 0)
			continue;
		h->fd = -1;
		if (bpf_link_update(fd, k->xdp_fd, NULL) == 0)
			return fd;
		close(fd);
	}
	return -ENOENT;
}

static int attach_xdp(struct flow_kernel *k, uint32_t ifindex)
{
	LIBBPF_OPTS(bpf_link_create_opts, opts, .flags = XDP_FLAGS_DRV_MODE);
	int fd = inherit_xdp(k, ifindex);

	return fd >= 0 ? fd : bpf_link_create(k->xdp_fd, (int)ifindex, BPF_XDP, &opts);
}

static int attach_filter(struct flow_kernel *k, struct kernel_port *p)
{
	LIBBPF_OPTS(bpf_tc_hook, hook, .ifindex = (int)p->shown.ifindex,
		.attach_point = BPF_TC_INGRESS);
	LIBBPF_OPTS(bpf_tc_opts, opts, .handle = FILTER_HANDLE, .priority = FILTER_PRIORITY,
		.prog_fd = k->tc_fd, .flags = BPF_TC_F_REPLACE);
	int rc = bpf_tc_hook_create(&hook);

	if (rc != 0 && rc != -EEXIST)
		return rc;
	k->wants_heartbeat = true;
	rc = bpf_tc_attach(&hook, &opts);
	p->has_filter = rc == 0;
	return rc;
}

static void detach_filter(const struct kernel_port *p)
{
	LIBBPF_OPTS(bpf_tc_hook, hook, .ifindex = (int)p->shown.ifindex,
		.attach_point = BPF_TC_INGRESS);
	LIBBPF_OPTS(bpf_tc_opts, opts, .handle = FILTER_HANDLE, .priority = FILTER_PRIORITY);

	(void)bpf_tc_detach(&hook, &opts); /* the interface may be gone */
}

static int attach_tc(struct flow_kernel *k, struct kernel_port *p)
{
	p->tc_fd = bpf_link_create(
		k->tc_fd, (int)p->shown.ifindex, (enum bpf_attach_type)TCX_INGRESS, NULL);
	return p->tc_fd >= 0 ? 0 : attach_filter(k, p);
}

static void close_link(int *fd)
{
	if (*fd >= 0)
		close(*fd);
	*fd = -1;
}

static void attach(struct flow_kernel *k, struct kernel_port *p)
{
	int rc = k->no_xdp ? -ENOTSUP : 0;

	p->shown.why[0] = '\0';
	if (!p->shown.has_tc)
		p->shown.has_tc = attach_tc(k, p) == 0;
	if (!p->shown.has_xdp && rc == 0) {
		p->xdp_fd = attach_xdp(k, p->shown.ifindex);
		rc = p->xdp_fd >= 0 ? 0 : p->xdp_fd;
		p->shown.has_xdp = rc == 0;
	}
	if (k->no_xdp)
		snprintf(p->shown.why, sizeof(p->shown.why), "XDP is not wanted");
	else if (rc == -EBUSY)
		snprintf(p->shown.why, sizeof(p->shown.why), "another XDP program is there");
	else if (rc != 0)
		snprintf(p->shown.why, sizeof(p->shown.why), "no native XDP: %s", err_text(rc));
}

static void detach(struct kernel_port *p)
{
	close_link(&p->xdp_fd);
	close_link(&p->tc_fd);
	if (p->has_filter)
		detach_filter(p);
	p->has_filter = p->shown.has_xdp = p->shown.has_tc = false;
}

/* ---- all of them ---- */

static bool is_local(const struct flow_kernel *k, const struct addr *a)
{
	for (size_t i = 0; i < k->n_locals; i++) {
		if (addr_equal_ip(&k->locals[i], a))
			return true;
	}
	return false;
}

static struct kernel_port *port_of(struct flow_kernel *k, uint32_t ifindex)
{
	for (size_t i = 0; i < k->n_ports; i++) {
		if (k->ports[i].shown.ifindex == ifindex)
			return &k->ports[i];
	}
	if (k->n_ports == FLOW_KERNEL_LINKS_MAX)
		return NULL;
	struct kernel_port *p = &k->ports[k->n_ports++];
	*p = (struct kernel_port){.shown.ifindex = ifindex, .xdp_fd = -1, .tc_fd = -1, .told = -1};
	return p;
}

static void see_interfaces(struct flow_kernel *k)
{
	struct ifaddrs *all;

	if (getifaddrs(&all) != 0)
		return;
	for (struct ifaddrs *i = all; i; i = i->ifa_next) {
		struct addr a;
		if (!i->ifa_addr || (i->ifa_flags & IFF_LOOPBACK) || !(i->ifa_flags & IFF_UP) ||
			addr_from_sockaddr(i->ifa_addr, sizeof(struct sockaddr_storage), &a) != 0 ||
			!is_local(k, &a))
			continue;
		uint32_t ifindex = if_nametoindex(i->ifa_name);
		struct kernel_port *p = ifindex != 0 ? port_of(k, ifindex) : NULL;
		if (p)
			p->is_seen = true;
	}
	freeifaddrs(all);
}

static void forget(struct flow_kernel *k, size_t i)
{
	detach(&k->ports[i]);
	k->links[k->ports[i].shown.ifindex % KERNEL_LINKS] = (struct kernel_link){0};
	k->ports[i] = k->ports[--k->n_ports];
}

static void say(struct kernel_port *p)
{
	char name[IF_NAMESIZE];
	int now = p->shown.has_xdp | p->shown.has_tc << 1 | p->shown.takes_redirects << 2;

	if (p->told == now)
		return;
	p->told = now;
	log_notice(LOG_NET, "packets are forwarded in the kernel",
		"interface=%s xdp=%s tc=%s redirects=%s why=\"%s\"",
		if_indextoname(p->shown.ifindex, name) ? name : "?",
		p->shown.has_xdp ? "yes" : "no", p->shown.has_tc ? "yes" : "no",
		p->shown.takes_redirects ? "yes" : "no", p->shown.why);
}

static void tell_programs(struct flow_kernel *k, const struct kernel_port *p)
{
	struct kernel_link *l = &k->links[p->shown.ifindex % KERNEL_LINKS];
	uint32_t flags = (p->shown.has_xdp ? KERNEL_LINK_XDP : 0) |
			 (p->shown.takes_redirects ? KERNEL_LINK_REDIRECT : 0);

	l->ifindex = p->shown.ifindex;
	__atomic_store_n(&l->flags, flags, __ATOMIC_RELAXED);
}

static void beat(struct flow_kernel *k)
{
	struct timespec now;

	if (!k->wants_heartbeat)
		return;
	(void)clock_gettime(CLOCK_MONOTONIC, &now);
	__atomic_store_n(&k->control->alive_until_ns,
		(uint64_t)now.tv_sec * 1000000000 + (uint64_t)now.tv_nsec + ALIVE_NS,
		__ATOMIC_RELAXED);
}

void flow_kernel_tend(struct flow_kernel *k)
{
	for (size_t i = 0; i < k->n_ports; i++)
		k->ports[i].is_seen = false;
	see_interfaces(k);
	for (size_t i = k->n_ports; i-- > 0;) {
		struct kernel_port *p = &k->ports[i];
		if (!p->is_seen) {
			forget(k, i);
			continue;
		}
		if (!p->shown.has_tc || (!p->shown.has_xdp && !k->no_xdp))
			attach(k, p);
		p->shown.takes_redirects = !k->no_xdp && kernel_takes_redirects(p->shown.ifindex);
		tell_programs(k, p);
		say(p);
	}
	beat(k);
}

void kernel_detach_all(struct flow_kernel *k)
{
	for (size_t i = 0; i < k->n_inherited; i++)
		close_link(&k->inherited[i].fd);
	while (k->n_ports > 0)
		forget(k, k->n_ports - 1);
}

const struct flow_kernel_link *flow_kernel_link(const struct flow_kernel *k, uint32_t ifindex)
{
	for (size_t i = 0; i < k->n_ports; i++) {
		if (k->ports[i].shown.ifindex == ifindex)
			return &k->ports[i].shown;
	}
	return NULL;
}

size_t flow_kernel_holds(const struct flow_kernel *k, struct flow_kernel_hold *out, size_t cap)
{
	size_t n = 0;

	for (size_t i = 0; i < k->n_ports && n < cap; i++) {
		if (k->ports[i].xdp_fd >= 0)
			out[n++] = (struct flow_kernel_hold){
				k->ports[i].shown.ifindex, k->ports[i].xdp_fd};
	}
	return n;
}

void flow_kernel_reclaim(struct flow_kernel *k)
{
	for (size_t i = 0; i < k->n_ports; i++) {
		if (k->ports[i].xdp_fd >= 0)
			(void)bpf_link_update(k->ports[i].xdp_fd, k->xdp_fd, NULL);
	}
}
