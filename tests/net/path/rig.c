/* SPDX-License-Identifier: BSD-3-Clause */
#include "rig.h"

#include <errno.h>
#include <linux/if_link.h>
#include <linux/neighbour.h>
#include <linux/rtnetlink.h>
#include <stdlib.h>

#define START_MS 1000000

struct addr ip(const char *text)
{
	struct addr a;
	assert_int_equal(addr_parse(text, 0, &a), 0);
	return a;
}

/* ---- the wire ---- */

static void read_asked(const uint8_t *msg, size_t len, struct asked *out)
{
	struct nlmsghdr h;
	memcpy(&h, msg, sizeof(h));
	assert_int_equal(h.nlmsg_len, len);
	assert_true(h.nlmsg_flags & NLM_F_REQUEST);
	*out = (struct asked){.type = h.nlmsg_type, .seq = h.nlmsg_seq};
	if (h.nlmsg_type == RTM_GETLINK)
		return;
	const uint8_t *body = msg + sizeof(h);
	size_t fixed = sizeof(struct rtmsg);
	if (h.nlmsg_type != RTM_GETROUTE) {
		struct ndmsg n;
		fixed = sizeof(n);
		memcpy(&n, body, sizeof(n));
		out->ifindex = (uint32_t)n.ndm_ifindex;
	}
	const uint8_t *a = body + fixed + sizeof(struct rtattr); /* the destination comes first */
	out->dst = body[0] == AF_INET ? addr_ipv4(be32_get(a), 0) : addr_ipv6(a, 0);
}

static int on_send(void *arg, const void *msg, size_t len)
{
	struct path_rig *r = arg;
	if (r->is_deaf)
		return -ENOBUFS;
	assert_true(r->n_asked < ASKED_MAX);
	read_asked(msg, len, &r->asked[r->n_asked++]);
	return 0;
}

static void on_later(void *arg)
{
	((struct path_rig *)arg)->is_later = true;
}

struct path_rig *path_rig_create(uint32_t max)
{
	struct path_rig *r = calloc(1, sizeof(*r));
	assert_non_null(r);
	r->clock.mono_ms = START_MS;
	wheel_init(&r->wheel, START_MS, NULL);
	r->wire = (struct path_wire){on_send, on_later, r};
	r->paths.wire = &r->wire;
	struct net_paths_config c = {
		.wheel = &r->wheel, .clock = &r->clock, .cells = r->cells, .max = max};
	assert_int_equal(path_cache_init(&r->paths, &c), 0);
	return r;
}

void path_rig_destroy(struct path_rig *r)
{
	path_cache_fini(&r->paths);
	assert_int_equal(r->wheel.count, 0);
	assert_int_equal(metrics_get(r->cells, NET_PATH_C_CACHED), 0);
	assert_int_equal(metrics_get(r->cells, NET_PATH_C_READY), 0);
	free(r);
}

void turns(struct path_rig *r)
{
	while (r->is_later) {
		r->is_later = false;
		path_ask_run(&r->paths);
		if (r->is_deaf)
			break;
	}
}

void pass_ms(struct path_rig *r, uint64_t ms)
{
	r->clock.mono_ms += ms;
	wheel_advance(&r->wheel, r->clock.mono_ms);
	turns(r);
}

size_t n_asked(const struct path_rig *r, uint16_t type, const char *dst)
{
	size_t n = 0;
	for (size_t i = 0; i < r->n_asked; i++) {
		struct addr a = dst ? ip(dst) : r->asked[i].dst;
		n += r->asked[i].type == type && addr_equal_ip(&a, &r->asked[i].dst);
	}
	return n;
}

void forget_asked(struct path_rig *r)
{
	r->n_asked = 0;
}

/* ---- what the kernel says ---- */

struct message {
	uint8_t bytes[512];
	size_t len;
};

static void add(struct message *m, const void *data, size_t len)
{
	memcpy(m->bytes + m->len, data, len);
	m->len += NLMSG_ALIGN(len);
}

static void start(struct message *m, uint16_t type, uint32_t seq, const void *body, size_t len)
{
	struct nlmsghdr h = {.nlmsg_type = type, .nlmsg_seq = seq};
	memset(m, 0, sizeof(*m));
	add(m, &h, sizeof(h));
	add(m, body, len);
}

static void add_attr(struct message *m, uint16_t type, const void *value, size_t len)
{
	struct rtattr a = {.rta_len = (unsigned short)(sizeof(a) + len), .rta_type = type};
	add(m, &a, sizeof(a));
	add(m, value, len);
}

static void add_addr(struct message *m, uint16_t type, const struct addr *a)
{
	if (a->family == ADDR_IPV4)
		add_attr(m, type, a->ip + 12, 4);
	else
		add_attr(m, type, a->ip, 16);
}

static uint8_t family(const struct addr *a)
{
	return a->family == ADDR_IPV4 ? AF_INET : AF_INET6;
}

static void deliver(struct path_rig *r, struct message *m, bool is_answer)
{
	uint32_t len = (uint32_t)m->len;
	memcpy(m->bytes, &len, sizeof(len));
	path_receive(&r->paths, bytes_of(m->bytes, m->len), is_answer);
	turns(r);
}

static uint32_t newest(const struct path_rig *r, const struct addr *dst)
{
	for (size_t i = r->n_asked; i > 0; i--) {
		const struct asked *a = &r->asked[i - 1];
		if (a->type == RTM_GETROUTE && addr_equal_ip(&a->dst, dst))
			return a->seq;
	}
	fail_msg("was not asked");
	return 0;
}

static void add_via(struct message *m, const struct addr *dst, const struct addr *via)
{
	uint8_t v[18];
	uint16_t f = AF_INET6;
	if (via->family == dst->family) {
		add_addr(m, RTA_GATEWAY, via);
		return;
	}
	memcpy(v, &f, 2);
	memcpy(v + 2, via->ip, 16);
	add_attr(m, RTA_VIA, v, sizeof(v));
}

void answer_route(struct path_rig *r, const char *dst, struct said_route said)
{
	struct addr d = ip(dst);
	struct rtmsg h = {
		.rtm_family = family(&d), .rtm_type = said.type ? said.type : RTN_UNICAST};
	struct message m;
	start(&m, RTM_NEWROUTE, newest(r, &d), &h, sizeof(h));
	add_attr(&m, RTA_OIF, &said.oif, 4);
	if (said.via) {
		struct addr via = ip(said.via);
		add_via(&m, &d, &via);
	}
	if (said.mtu) {
		struct {
			struct rtattr a;
			uint32_t mtu;
		} metric = {{8, RTAX_MTU}, said.mtu};
		add_attr(&m, RTA_METRICS, &metric, sizeof(metric));
	}
	if (said.is_encapsulated)
		add_attr(&m, RTA_ENCAP, &said.oif, 4);
	deliver(r, &m, true);
}

static void add_error(struct message *m, uint32_t seq, int error, struct nlmsghdr asked)
{
	struct {
		int32_t error;
		struct nlmsghdr asked;
	} body = {error, asked};
	start(m, NLMSG_ERROR, seq, &body, sizeof(body));
}

void answer_error(struct path_rig *r, const char *dst, int error)
{
	struct addr d = ip(dst);
	struct message m;
	add_error(&m, newest(r, &d), error, (struct nlmsghdr){.nlmsg_type = RTM_GETROUTE});
	deliver(r, &m, true);
}

void tell_route(struct path_rig *r, const char *prefix, uint8_t len)
{
	struct addr p = ip(prefix);
	struct rtmsg h = {.rtm_family = family(&p), .rtm_dst_len = len, .rtm_type = RTN_UNICAST};
	struct message m;
	start(&m, RTM_DELROUTE, 0, &h, sizeof(h));
	if (len > 0)
		add_addr(&m, RTA_DST, &p);
	deliver(r, &m, false);
}

void tell_link(struct path_rig *r, uint32_t ifindex, uint16_t type, uint32_t flags, uint32_t mtu,
	uint8_t mac)
{
	struct ifinfomsg h = {.ifi_type = type, .ifi_index = (int)ifindex, .ifi_flags = flags};
	uint8_t address[6] = {2, 0, 0, 0, 0, mac};
	struct message m;
	start(&m, RTM_NEWLINK, 0, &h, sizeof(h));
	add_attr(&m, IFLA_MTU, &mtu, 4);
	add_attr(&m, IFLA_ADDRESS, address, sizeof(address));
	deliver(r, &m, false);
}

void tell_link_gone(struct path_rig *r, uint32_t ifindex)
{
	struct ifinfomsg h = {.ifi_index = (int)ifindex};
	struct message m;
	start(&m, RTM_DELLINK, 0, &h, sizeof(h));
	deliver(r, &m, false);
}

static struct ndmsg neighbour(uint32_t ifindex, const struct addr *a, uint16_t nud)
{
	return (struct ndmsg){
		.ndm_family = family(a), .ndm_ifindex = (int)ifindex, .ndm_state = nud};
}

void tell_neighbour(
	struct path_rig *r, uint32_t ifindex, const char *text, uint16_t nud, uint8_t mac)
{
	struct addr a = ip(text);
	struct ndmsg h = neighbour(ifindex, &a, nud);
	uint8_t address[6] = {2, 0, 0, 0, 0, mac};
	struct message m;
	start(&m, RTM_NEWNEIGH, 0, &h, sizeof(h));
	add_addr(&m, NDA_DST, &a);
	if (mac != 0)
		add_attr(&m, NDA_LLADDR, address, sizeof(address));
	deliver(r, &m, false);
}

void tell_neighbour_gone(struct path_rig *r, uint32_t ifindex, const char *text)
{
	struct addr a = ip(text);
	struct ndmsg h = neighbour(ifindex, &a, NUD_FAILED);
	struct message m;
	start(&m, RTM_DELNEIGH, 0, &h, sizeof(h));
	add_addr(&m, NDA_DST, &a);
	deliver(r, &m, false);
}

void refuse_neighbour(
	struct path_rig *r, uint16_t type, uint32_t ifindex, const char *text, int error)
{
	struct addr a = ip(text);
	struct ndmsg h = neighbour(ifindex, &a, 0);
	struct message m;
	add_error(&m, 1, error, (struct nlmsghdr){.nlmsg_type = type});
	add(&m, &h, sizeof(h));
	add_addr(&m, NDA_DST, &a);
	deliver(r, &m, true);
}

void tell_done(struct path_rig *r)
{
	int32_t zero = 0;
	struct message m;
	start(&m, NLMSG_DONE, 1, &zero, sizeof(zero));
	deliver(r, &m, true);
}

void tell_address(struct path_rig *r)
{
	uint8_t body[8] = {AF_INET};
	struct message m;
	start(&m, RTM_NEWADDR, 0, body, sizeof(body));
	deliver(r, &m, false);
}
