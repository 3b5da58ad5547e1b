/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * What an interface can, by the kernel's own word (generic netlink family "netdev", since 6.3). A
 * veth takes redirected frames only while its other end has GRO or an XDP program; frames that it
 * does not take are lost without a trace, so nothing is guessed.
 */
#include <errno.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include <linux/genetlink.h>
#include <linux/netlink.h>

#include "kernel_priv.h"

/* linux/netdev.h, which older headers lack. */
#define NETDEV_DEV_GET      1
#define NETDEV_IFINDEX      1
#define NETDEV_XDP_FEATURES 3
#define NETDEV_CAN_REDIRECT 4 /* bit: ndo_xdp_xmit */

struct query {
	struct nlmsghdr n;
	struct genlmsghdr g;
	struct nlattr a;
	char value[16];
};

static bool ask(int fd, uint16_t family, uint8_t command, uint16_t type, const void *value,
	uint16_t len, uint8_t *answer, size_t cap, size_t *n)
{
	struct query q = {
		.n = {.nlmsg_type = family, .nlmsg_flags = NLM_F_REQUEST},
		.g = {.cmd = command, .version = 1},
		.a = {.nla_type = type, .nla_len = (uint16_t)(NLA_HDRLEN + len)},
	};

	memcpy(q.value, value, len);
	q.n.nlmsg_len = (uint32_t)(offsetof(struct query, a) + NLA_ALIGN(q.a.nla_len));
	if (send(fd, &q, q.n.nlmsg_len, 0) < 0)
		return false;
	ssize_t got = recv(fd, answer, cap, 0);
	const struct nlmsghdr *h = (const void *)answer;
	if (got < (ssize_t)sizeof(*h) || h->nlmsg_type == NLMSG_ERROR || h->nlmsg_len > (size_t)got)
		return false;
	*n = h->nlmsg_len;
	return true;
}

/* The attribute's value of LEN bytes, behind both headers of ANSWER. */
static bool find(const uint8_t *answer, size_t n, uint16_t type, void *out, size_t len)
{
	size_t at = NLMSG_HDRLEN + GENL_HDRLEN;

	while (at + NLA_HDRLEN <= n) {
		struct nlattr a;
		memcpy(&a, answer + at, sizeof(a));
		if (a.nla_len < NLA_HDRLEN || at + a.nla_len > n)
			return false;
		if ((a.nla_type & NLA_TYPE_MASK) == type && a.nla_len >= NLA_HDRLEN + len) {
			memcpy(out, answer + at + NLA_HDRLEN, len);
			return true;
		}
		at += NLA_ALIGN(a.nla_len);
	}
	return false;
}

static bool features_of(int fd, uint32_t ifindex, uint64_t *out)
{
	_Alignas(struct nlmsghdr) uint8_t answer[8192];
	static const char name[] = "netdev";
	uint16_t family;
	size_t n;

	return ask(fd, GENL_ID_CTRL, CTRL_CMD_GETFAMILY, CTRL_ATTR_FAMILY_NAME, name, sizeof(name),
		       answer, sizeof(answer), &n) &&
	       find(answer, n, CTRL_ATTR_FAMILY_ID, &family, sizeof(family)) &&
	       ask(fd, family, NETDEV_DEV_GET, NETDEV_IFINDEX, &ifindex, sizeof(ifindex), answer,
		       sizeof(answer), &n) &&
	       find(answer, n, NETDEV_XDP_FEATURES, out, sizeof(*out));
}

bool kernel_takes_redirects(uint32_t ifindex)
{
	int fd = socket(AF_NETLINK, SOCK_RAW | SOCK_CLOEXEC, NETLINK_GENERIC);
	uint64_t features = 0;

	if (fd < 0)
		return false;
	bool is_known = features_of(fd, ifindex, &features);
	close(fd);
	return is_known && (features & NETDEV_CAN_REDIRECT) != 0;
}
