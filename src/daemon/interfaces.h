/* SPDX-License-Identifier: BSD-3-Clause */
/* Which interfaces of the host have the addresses of the listeners and of relaying. Main thread. */
#ifndef DAEMON_INTERFACES_H
#define DAEMON_INTERFACES_H

#include <net/if.h>
#include <sallyport/common.h>

#define INTERFACES_MAX           64 /* further ones are not shown */
#define INTERFACES_ADDRESSES_MAX 32 /* of one, likewise */

struct interface {
	char name[IF_NAMESIZE]; /* empty: of the addresses that no interface has now */
	uint32_t ifindex;
	bool is_up, is_ethernet, is_loopback;
	struct addr addresses[INTERFACES_ADDRESSES_MAX]; /* of ours; ports are 0 */
	size_t n_addresses;
};

struct interfaces {
	struct interface all[INTERFACES_MAX];
	size_t n;
};

/* Those that have any of ADDRESSES, whose ports are not looked at. -errno: OUT is as it was. */
int interfaces_find(const struct addr *addresses, size_t n, struct interfaces *out);
/* Says in the log what NOW has that BEFORE had not, and the other way round. */
void interfaces_compare(const struct interfaces *before, const struct interfaces *now);

#endif
