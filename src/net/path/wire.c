/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * A message is a header, a struct of its kind and attributes, all in host byte order but for
 * addresses, each padded to four bytes.
 *
 *   nlmsghdr | rtmsg, ndmsg, ifinfomsg ... | rtattr value | rtattr value ...
 */
#include "wire.h"

#include <assert.h>
#include <linux/if_link.h>
#include <linux/ipv6.h>
#include <linux/neighbour.h>
#include <linux/netlink.h>
#include <linux/rtnetlink.h>
#include <netinet/in.h>
#include <time.h>
#include <unistd.h>

#define MAC_LEN 6

/* ---- reading ---- */

/* Cuts the first attribute off IN; a broken one ends the list. */
static bool next_attr(struct bytes *in, uint16_t *type, struct bytes *value)
{
	struct rtattr a;

	if (in->len < sizeof(a))
		return false;
	memcpy(&a, in->data, sizeof(a));
	if (a.rta_len < sizeof(a) || a.rta_len > in->len)
		return false;
	size_t whole = RTA_ALIGN((size_t)a.rta_len);
	*type = a.rta_type & NLA_TYPE_MASK;
	*value = bytes_of(in->data + sizeof(a), a.rta_len - sizeof(a));
	if (whole > in->len)
		whole = in->len;
	*in = bytes_of(in->data + whole, in->len - whole);
	return true;
}

static uint32_t get_u32(struct bytes v)
{
	uint32_t n = 0;

	if (v.len >= sizeof(n))
		memcpy(&n, v.data, sizeof(n));
	return n;
}

/* Family NONE when V is no address of FAMILY. */
static struct addr get_addr(int family, struct bytes v)
{
	if (family == AF_INET && v.len == 4)
		return addr_ipv4(be32_get(v.data), 0);
	if (family == AF_INET6 && v.len == 16)
		return addr_ipv6(v.data, 0);
	return (struct addr){.family = ADDR_NONE};
}

static struct addr any_of(int family)
{
	static const uint8_t zero[16];

	return get_addr(family, bytes_of(zero, family == AF_INET ? 4 : 16));
}

/* The header struct of a message off the front of BODY. */
static bool take(struct bytes *body, void *out, size_t len)
{
	if (body->len < len)
		return false;
	memcpy(out, body->data, len);
	size_t whole = NLMSG_ALIGN(len);
	if (whole > body->len)
		whole = body->len;
	*body = bytes_of(body->data + whole, body->len - whole);
	return true;
}

static bool get_mac(struct bytes v, uint8_t mac[MAC_LEN])
{
	if (v.len != MAC_LEN)
		return false;
	memcpy(mac, v.data, MAC_LEN);
	return true;
}

/* IPv6 has an MTU of its own for each interface, which a router may lower. */
static uint32_t get_mtu6(struct bytes inet6)
{
	struct bytes v;
	uint16_t type;

	while (next_attr(&inet6, &type, &v)) {
		size_t at = DEVCONF_MTU6 * sizeof(uint32_t);
		if (type == IFLA_INET6_CONF && v.len >= at + sizeof(uint32_t))
			return get_u32(bytes_of(v.data + at, v.len - at));
	}
	return 0;
}

static uint32_t get_af_spec(struct bytes spec)
{
	struct bytes v;
	uint16_t type;

	while (next_attr(&spec, &type, &v)) {
		if (type == AF_INET6)
			return get_mtu6(v);
	}
	return 0;
}

static bool read_link(struct bytes body, struct path_msg_link *out)
{
	struct ifinfomsg h;
	struct bytes v;
	uint16_t type;

	*out = (struct path_msg_link){0};
	if (!take(&body, &h, sizeof(h)) || (h.ifi_family != AF_UNSPEC && h.ifi_family != AF_INET6))
		return false;
	out->ifindex = (uint32_t)h.ifi_index;
	out->flags = h.ifi_flags;
	out->type = h.ifi_type;
	while (next_attr(&body, &type, &v)) {
		if (type == IFLA_ADDRESS)
			out->has_mac = get_mac(v, out->mac);
		else if (type == IFLA_MTU)
			out->mtu = get_u32(v);
		else if (type == IFLA_AF_SPEC)
			out->mtu6 = get_af_spec(v);
		else if (type == IFLA_PROTINFO && h.ifi_family == AF_INET6)
			out->mtu6 = get_mtu6(v);
	}
	return true;
}

static uint32_t get_metric_mtu(struct bytes metrics)
{
	struct bytes v;
	uint16_t type;

	while (next_attr(&metrics, &type, &v)) {
		if (type == RTAX_MTU)
			return get_u32(v);
	}
	return 0;
}

/* Of a route that ICMP has made: in the kernel's clock ticks, negative when it is over. */
static uint32_t get_expiry_ms(struct bytes v)
{
	struct rta_cacheinfo info;
	long ticks_s = sysconf(_SC_CLK_TCK);

	if (v.len < sizeof(info) || ticks_s <= 0)
		return 0;
	memcpy(&info, v.data, sizeof(info));
	if (info.rta_expires <= 0)
		return 0;
	uint64_t ms = (uint64_t)info.rta_expires * 1000 / (uint64_t)ticks_s;
	return ms > UINT32_MAX ? UINT32_MAX : (uint32_t)ms;
}

static struct addr get_via(struct bytes v)
{
	struct rtvia h;

	if (v.len < sizeof(h))
		return (struct addr){.family = ADDR_NONE};
	memcpy(&h, v.data, sizeof(h));
	return get_addr(h.rtvia_family, bytes_of(v.data + sizeof(h), v.len - sizeof(h)));
}

static void read_route_attr(int family, uint16_t type, struct bytes v, struct path_msg_route *out)
{
	switch (type) {
	case RTA_DST:
		out->dst = get_addr(family, v);
		break;
	case RTA_OIF:
		out->oif = get_u32(v);
		break;
	case RTA_GATEWAY:
		out->via = get_addr(family, v);
		break;
	case RTA_VIA:
		out->via = get_via(v);
		break;
	case RTA_METRICS:
		out->mtu = get_metric_mtu(v);
		break;
	case RTA_CACHEINFO:
		out->expires_ms = get_expiry_ms(v);
		break;
	case RTA_ENCAP:
	case RTA_NEWDST: /* MPLS */
		out->is_encapsulated = true;
		break;
	default:
		break;
	}
}

static bool read_route(struct bytes body, struct path_msg_route *out)
{
	struct rtmsg h;
	struct bytes v;
	uint16_t type;

	*out = (struct path_msg_route){0};
	if (!take(&body, &h, sizeof(h)))
		return false;
	out->type = h.rtm_type;
	out->dst = any_of(h.rtm_family);
	out->len_bits = h.rtm_family == AF_INET ? (uint8_t)(h.rtm_dst_len + 96) : h.rtm_dst_len;
	while (next_attr(&body, &type, &v))
		read_route_attr(h.rtm_family, type, v, out);
	return true;
}

static bool read_neighbour(struct bytes body, struct path_msg_neighbour *out)
{
	struct ndmsg h;
	struct bytes v;
	uint16_t type;

	*out = (struct path_msg_neighbour){0};
	if (!take(&body, &h, sizeof(h)) || (h.ndm_flags & NTF_PROXY))
		return false;
	out->ifindex = (uint32_t)h.ndm_ifindex;
	out->nud = h.ndm_state;
	while (next_attr(&body, &type, &v)) {
		if (type == NDA_DST)
			out->addr = get_addr(h.ndm_family, v);
		else if (type == NDA_LLADDR)
			out->has_mac = get_mac(v, out->mac);
	}
	return true;
}

/* An error repeats what was asked. */
static bool read_error(struct bytes body, struct path_msg *out)
{
	struct nlmsghdr asked;
	int32_t error;

	out->kind = PATH_MSG_ERROR;
	out->neighbour = (struct path_msg_neighbour){0};
	if (!take(&body, &error, sizeof(error)) || !take(&body, &asked, sizeof(asked)))
		return false;
	out->error = error;
	out->type = asked.nlmsg_type;
	if (out->type == RTM_GETNEIGH || out->type == RTM_NEWNEIGH)
		(void)read_neighbour(body, &out->neighbour); /* family NONE if it is cut off */
	return true;
}

static bool read_body(struct bytes body, struct path_msg *out)
{
	switch (out->type) {
	case NLMSG_ERROR:
		return read_error(body, out);
	case NLMSG_DONE:
		out->kind = PATH_MSG_DONE;
		return true;
	case RTM_NEWLINK:
	case RTM_DELLINK:
		out->kind = out->type == RTM_NEWLINK ? PATH_MSG_LINK : PATH_MSG_LINK_GONE;
		return read_link(body, &out->link);
	case RTM_NEWROUTE:
	case RTM_DELROUTE:
		out->kind = PATH_MSG_ROUTE;
		return read_route(body, &out->route);
	case RTM_NEWNEIGH:
	case RTM_DELNEIGH:
		out->kind =
			out->type == RTM_NEWNEIGH ? PATH_MSG_NEIGHBOUR : PATH_MSG_NEIGHBOUR_GONE;
		return read_neighbour(body, &out->neighbour);
	case RTM_NEWADDR:
	case RTM_DELADDR:
		out->kind = PATH_MSG_ADDRESS;
		return true;
	case RTM_NEWRULE:
	case RTM_DELRULE:
	case RTM_NEWNEXTHOP:
	case RTM_DELNEXTHOP:
		out->kind = PATH_MSG_RULE;
		return true;
	default:
		return false;
	}
}

int path_msg_next(struct bytes *in, struct path_msg *out)
{
	struct nlmsghdr h;

	if (in->len == 0)
		return ERR_NOT_FOUND;
	if (in->len < sizeof(h))
		return ERR_MALFORMED;
	memcpy(&h, in->data, sizeof(h));
	if (h.nlmsg_len < sizeof(h) || h.nlmsg_len > in->len)
		return ERR_MALFORMED;
	size_t whole = NLMSG_ALIGN((size_t)h.nlmsg_len);
	struct bytes body = bytes_of(in->data + sizeof(h), h.nlmsg_len - sizeof(h));
	if (whole > in->len)
		whole = in->len;
	*in = bytes_of(in->data + whole, in->len - whole);
	*out = (struct path_msg){.type = h.nlmsg_type, .seq = h.nlmsg_seq};
	if (!read_body(body, out))
		out->kind = PATH_MSG_OTHER;
	return 0;
}

/* ---- writing ---- */

struct request {
	uint8_t *buf;
	size_t len;
};

static void put(struct request *r, const void *data, size_t len)
{
	size_t whole = NLMSG_ALIGN(len);

	assert(r->len + whole <= PATH_MSG_MAX);
	memcpy(r->buf + r->len, data, len);
	memset(r->buf + r->len + len, 0, whole - len);
	r->len += whole;
}

static void put_attr(struct request *r, uint16_t type, const void *value, size_t len)
{
	struct rtattr a = {.rta_len = (unsigned short)(sizeof(a) + len), .rta_type = type};

	put(r, &a, sizeof(a));
	put(r, value, len);
}

static int family_of(const struct addr *a)
{
	return a->family == ADDR_IPV4 ? AF_INET : AF_INET6;
}

static size_t ip_len(const struct addr *a)
{
	return a->family == ADDR_IPV4 ? 4 : 16;
}

static void put_addr(struct request *r, uint16_t type, const struct addr *a)
{
	put_attr(r, type, a->ip + 16 - ip_len(a), ip_len(a));
}

static void begin(struct request *r, uint8_t *buf, uint16_t type, uint16_t flags, uint32_t seq)
{
	struct nlmsghdr h = {.nlmsg_type = type,
		.nlmsg_flags = (uint16_t)(NLM_F_REQUEST | flags),
		.nlmsg_seq = seq};

	*r = (struct request){buf, 0};
	put(r, &h, sizeof(h));
}

static size_t finish(struct request *r)
{
	uint32_t len = (uint32_t)r->len;

	memcpy(r->buf + offsetof(struct nlmsghdr, nlmsg_len), &len, sizeof(len));
	return r->len;
}

size_t path_msg_ask_route(uint8_t buf[PATH_MSG_MAX], uint32_t seq, const struct addr *local,
	const struct addr *remote)
{
	uint8_t bits = (uint8_t)(ip_len(remote) * 8), udp = IPPROTO_UDP;
	bool has_src = local->family == remote->family && !addr_is_unspecified(local);
	struct rtmsg m = {.rtm_family = (uint8_t)family_of(remote),
		.rtm_dst_len = bits,
		.rtm_src_len = has_src ? bits : 0};
	struct request r;

	begin(&r, buf, RTM_GETROUTE, 0, seq);
	put(&r, &m, sizeof(m));
	put_addr(&r, RTA_DST, remote);
	if (has_src)
		put_addr(&r, RTA_SRC, local);
	if (remote->scope != 0)
		put_attr(&r, RTA_OIF, &remote->scope, sizeof(remote->scope));
	put_attr(&r, RTA_IP_PROTO, &udp, sizeof(udp));
	return finish(&r);
}

static size_t neighbour(uint8_t *buf, uint16_t type, uint8_t ntf, uint32_t seq, uint32_t ifindex,
	const struct addr *a)
{
	struct ndmsg m = {
		.ndm_family = (uint8_t)family_of(a), .ndm_ifindex = (int)ifindex, .ndm_flags = ntf};
	struct request r;

	begin(&r, buf, type, 0, seq);
	put(&r, &m, sizeof(m));
	put_addr(&r, NDA_DST, a);
	return finish(&r);
}

size_t path_msg_ask_neighbour(
	uint8_t buf[PATH_MSG_MAX], uint32_t seq, uint32_t ifindex, const struct addr *a)
{
	return neighbour(buf, RTM_GETNEIGH, 0, seq, ifindex, a);
}

size_t path_msg_use_neighbour(
	uint8_t buf[PATH_MSG_MAX], uint32_t seq, uint32_t ifindex, const struct addr *a)
{
	return neighbour(buf, RTM_NEWNEIGH, NTF_USE, seq, ifindex, a);
}

size_t path_msg_dump_links(uint8_t buf[PATH_MSG_MAX], uint32_t seq)
{
	struct ifinfomsg m = {.ifi_family = AF_UNSPEC};
	struct request r;

	begin(&r, buf, RTM_GETLINK, NLM_F_DUMP, seq);
	put(&r, &m, sizeof(m));
	return finish(&r);
}
