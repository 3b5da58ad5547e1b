/* SPDX-License-Identifier: BSD-3-Clause */
#include "interfaces.h"

#include <errno.h>
#include <ifaddrs.h>
#include <linux/if_packet.h>
#include <net/if_arp.h>
#include <netinet/in.h>
#include <string.h>

static struct interface *find(struct interfaces *s, const char *name)
{
	for (size_t i = 0; i < s->n; i++) {
		if (strcmp(s->all[i].name, name) == 0)
			return &s->all[i];
	}
	return NULL;
}

static struct interface *find_or_add(struct interfaces *s, const char *name)
{
	struct interface *i = find(s, name);

	if (i || s->n == INTERFACES_MAX)
		return i;
	i = &s->all[s->n++];
	*i = (struct interface){.ifindex = if_nametoindex(name)};
	memcpy(i->name, name, strnlen(name, sizeof(i->name) - 1));
	return i;
}

static void add_address(struct interfaces *s, const char *name, const struct addr *a)
{
	struct interface *i = find_or_add(s, name);

	if (!i || i->n_addresses == INTERFACES_ADDRESSES_MAX)
		return;
	i->addresses[i->n_addresses] = *a;
	i->addresses[i->n_addresses++].port = 0;
}

static socklen_t length_of(const struct sockaddr *sa)
{
	return sa->sa_family == AF_INET    ? sizeof(struct sockaddr_in)
	       : sa->sa_family == AF_INET6 ? sizeof(struct sockaddr_in6)
					   : 0;
}

/* The name of the interface that has A; "": none has. */
static const char *owner_of(const struct ifaddrs *all, const struct addr *a)
{
	for (const struct ifaddrs *i = all; i; i = i->ifa_next) {
		struct addr has;
		if (i->ifa_addr &&
			addr_from_sockaddr(i->ifa_addr, length_of(i->ifa_addr), &has) == 0 &&
			memcmp(has.ip, a->ip, sizeof(has.ip)) == 0 &&
			(a->scope == 0 || has.scope == a->scope))
			return i->ifa_name;
	}
	return "";
}

/* Each interface has an entry of the family AF_PACKET besides those of its addresses. */
static void describe(struct interfaces *s, const struct ifaddrs *all)
{
	for (const struct ifaddrs *i = all; i; i = i->ifa_next) {
		struct interface *to = find(s, i->ifa_name);
		struct sockaddr_ll link;
		if (!to || !i->ifa_addr || i->ifa_addr->sa_family != AF_PACKET)
			continue;
		memcpy(&link, i->ifa_addr, sizeof(link));
		to->is_up = (i->ifa_flags & IFF_UP) && (i->ifa_flags & IFF_RUNNING);
		to->is_loopback = (i->ifa_flags & IFF_LOOPBACK) != 0;
		to->is_ethernet = link.sll_hatype == ARPHRD_ETHER;
	}
}

static bool is_repeated(const struct addr *addresses, size_t i)
{
	for (size_t k = 0; k < i; k++) {
		if (addr_equal_ip(&addresses[k], &addresses[i]))
			return true;
	}
	return false;
}

int interfaces_find(const struct addr *addresses, size_t n, struct interfaces *out)
{
	struct ifaddrs *all;

	if (getifaddrs(&all) != 0)
		return -errno;
	out->n = 0;
	for (size_t i = 0; i < n; i++) {
		const char *name = owner_of(all, &addresses[i]);
		if (!is_repeated(addresses, i))
			add_address(out, name, &addresses[i]);
	}
	describe(out, all);
	freeifaddrs(all);
	return 0;
}

/* ---- what has changed ---- */

static const struct interface *with(const struct interfaces *s, const struct addr *a)
{
	for (size_t i = 0; i < s->n; i++) {
		for (size_t k = 0; k < s->all[i].n_addresses; k++) {
			if (addr_equal_ip(&s->all[i].addresses[k], a))
				return &s->all[i];
		}
	}
	return NULL;
}

static void say(const struct interface *is, const struct interface *was, const struct addr *a)
{
	char text[ADDR_TEXT_LEN];

	addr_format_ip(a, text);
	if (is->name[0] == '\0')
		log_warning(LOG_DAEMON, "address is on no interface", "address=%s was_on=%s", text,
			was && was->name[0] ? was->name : "none");
	else if (!is->is_up)
		log_warning(
			LOG_DAEMON, "interface is down", "address=%s interface=%s", text, is->name);
	else
		log_notice(
			LOG_DAEMON, "interface is up", "address=%s interface=%s", text, is->name);
}

void interfaces_compare(const struct interfaces *before, const struct interfaces *now)
{
	for (size_t i = 0; i < now->n; i++) {
		const struct interface *is = &now->all[i];
		for (size_t k = 0; k < is->n_addresses; k++) {
			const struct interface *was = with(before, &is->addresses[k]);
			if (!was || was->is_up != is->is_up || strcmp(was->name, is->name) != 0)
				say(is, was, &is->addresses[k]);
		}
	}
}
