/* SPDX-License-Identifier: BSD-3-Clause */
/* Flows: the sockets at both ends, their requests, and one datagram at a time in and out. */
#include <errno.h>
#include <fcntl.h>
#include <netinet/in.h>
#include <sched.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/socket.h>
#include <unistd.h>

#include "relaycheck.h"

#define CHANNEL    0x4000
#define RCVBUF     (4 << 20)
#define PACKET_MAX 65536
#define PER_ROUND  64 /* datagrams of one socket in a row */

static void die(const char *what, int rc)
{
	fprintf(stderr, "relaycheck: %s: %s\n", what, err_text(rc));
	exit(1);
}

void check_enter(const char *space)
{
	static int home = -1;

	if (home < 0)
		home = open("/proc/self/ns/net", O_RDONLY | O_CLOEXEC);
	int fd = space ? open(space, O_RDONLY | O_CLOEXEC) : home;
	if (fd < 0 || setns(fd, CLONE_NEWNET) != 0)
		die(space ? space : "namespace", -errno);
	if (space)
		close(fd);
}

/* ---- sockets ---- */

static void set_options(int fd, uint8_t family)
{
	int on = 1, bytes = RCVBUF;
	bool v6 = family == ADDR_IPV6;

	/* Smaller than this it may lose what the relay did not; the counts would tell. */
	(void)setsockopt(fd, SOL_SOCKET, SO_RCVBUFFORCE, &bytes, sizeof(bytes));
	if (setsockopt(fd, v6 ? IPPROTO_IPV6 : IPPROTO_IP, v6 ? IPV6_RECVTCLASS : IP_RECVTOS, &on,
		    sizeof(on)) != 0)
		die("socket option", -errno);
}

/* What makes an end's datagrams unusual; not for requests, of which the answers are awaited. */
static void set_odd(const struct check *c, int fd, uint8_t family)
{
	static const uint8_t NOP[4] = {1, 1, 1, 0};
	static const uint8_t PAD[8] = {0, 0, 1, 4, 0, 0, 0, 0};
	bool v6 = family == ADDR_IPV6;
	int on = 1, rc = 0;

	if (c->has_no_checksum && !v6)
		rc |= setsockopt(fd, SOL_SOCKET, SO_NO_CHECK, &on, sizeof(on));
	if (c->has_options && v6)
		rc |= setsockopt(fd, IPPROTO_IPV6, IPV6_DSTOPTS, PAD, sizeof(PAD));
	else if (c->has_options)
		rc |= setsockopt(fd, IPPROTO_IP, IP_OPTIONS, NOP, sizeof(NOP));
	if (c->ttl > 0)
		rc |= setsockopt(fd, v6 ? IPPROTO_IPV6 : IPPROTO_IP,
			v6 ? IPV6_UNICAST_HOPS : IP_TTL, &c->ttl, sizeof(c->ttl));
	if (rc != 0)
		die("socket option", -errno);
}

static void watch(struct check *c, int fd, uint32_t index)
{
	struct epoll_event e = {.events = EPOLLIN, .data.u32 = index};

	if (epoll_ctl(c->epoll, EPOLL_CTL_ADD, fd, &e) != 0)
		die("epoll", -errno);
}

static void take_stray(void *arg, const uint8_t *data, size_t len);

static void open_client(struct check *c, struct client *k, const char *space)
{
	k->check = c;
	check_enter(space);
	int rc = turnclient_open(&k->turn, &c->server, NULL, false);
	check_enter(NULL);
	if (rc != 0)
		die("connect", rc);
	set_options(k->turn.fd, c->server.family);
	k->turn.username = c->user;
	k->turn.password = c->password;
	k->turn.stray = take_stray;
	k->turn.stray_arg = k;
}

static void open_peer(struct check *c, struct flow *f, const struct addr *at)
{
	struct sockaddr_storage ss;
	socklen_t len = addr_to_sockaddr(at, &ss);

	check_enter(c->peer_space);
	f->fd = socket(ss.ss_family, SOCK_DGRAM | SOCK_CLOEXEC, 0);
	if (f->fd < 0 || bind(f->fd, (struct sockaddr *)&ss, len) != 0)
		die("peer's socket", -errno);
	check_enter(NULL);
	len = sizeof(ss);
	if (getsockname(f->fd, (struct sockaddr *)&ss, &len) != 0)
		die("peer's socket", -errno);
	(void)addr_from_sockaddr((struct sockaddr *)&ss, len, &f->peer); /* the kernel's own */
	set_options(f->fd, at->family);
	set_odd(c, f->fd, at->family);
}

/* ---- requests ---- */

static void add_allocate(struct stun_writer *w, void *arg)
{
	const struct check *c = arg;

	stun_write_transport(w, 17);
	if (c->family)
		stun_write_family(w, STUN_REQUESTED_ADDRESS_FAMILY, c->family == 6 ? 2 : 1);
	if (c->additional)
		stun_write_family(w, STUN_ADDITIONAL_ADDRESS_FAMILY, c->additional == 6 ? 2 : 1);
}

static void add_peer(struct stun_writer *w, void *arg)
{
	const struct flow *f = arg;
	struct client *far = f->far;

	if (!f->check->uses_send)
		stun_write_channel(w, (uint16_t)(CHANNEL + f->index));
	stun_write_xor_address(w, STUN_XOR_PEER_ADDRESS,
		far ? &far->relayed[far->relayed[0].port == 0] : &f->peer);
}

static void add_near(struct stun_writer *w, void *arg)
{
	const struct flow *f = arg;

	if (!f->check->uses_send)
		stun_write_channel(w, CHANNEL);
	stun_write_xor_address(
		w, STUN_XOR_PEER_ADDRESS, &f->client->relayed[f->client->relayed[0].port == 0]);
}

static void add_end(struct stun_writer *w, void *arg)
{
	(void)arg;
	stun_write_u32(w, STUN_LIFETIME, 0);
}

static bool is_stale_port(const struct client *k, int rc)
{
	return rc == 0 && k->turn.msg.class == STUN_ERROR && !k->is_watched &&
	       turnclient_code(&k->turn) == STUN_ALLOCATION_MISMATCH;
}

static bool ask(struct client *k, unsigned method, turnclient_add_fn *add, void *arg)
{
	int rc = turnclient_request(&k->turn, method, add, arg);

	/* The server knows this port from a client before us: RFC 8656 §7.4 has us take another. */
	for (int i = 0; i < 10 && method == STUN_ALLOCATE && is_stale_port(k, rc); i++) {
		turnclient_close(&k->turn);
		open_client(k->check, k, k->is_far ? k->check->peer_space : k->check->client_space);
		rc = turnclient_request(&k->turn, method, add, arg);
	}
	if (rc == 0 && k->turn.msg.class == STUN_SUCCESS)
		return true;
	fprintf(stderr, "relaycheck: request 0x%x: %s code=%u\n", method,
		rc != 0 ? err_text(rc) : "refused", rc == 0 ? turnclient_code(&k->turn) : 0);
	return false;
}

static bool allocate(struct client *k)
{
	size_t offset = 0;
	struct stun_attr a;
	struct addr at;

	if (!ask(k, STUN_ALLOCATE, add_allocate, k->check))
		return false;
	memset(k->relayed, 0, sizeof(k->relayed));
	while (stun_attr_next(&k->turn.msg, &offset, &a)) {
		if (a.type == STUN_XOR_RELAYED_ADDRESS &&
			stun_attr_xor_address(&k->turn.msg, &a, &at) == 0)
			k->relayed[at.family == ADDR_IPV6] = at;
	}
	return true;
}

static bool bind_all(struct client *k)
{
	unsigned method = k->check->uses_send ? STUN_CREATE_PERMISSION : STUN_CHANNEL_BIND;

	for (unsigned i = 0; i < k->n_flows; i++) {
		if (!ask(k, method, k->is_far ? add_near : add_peer, k->flows[i]))
			return false;
	}
	return true;
}

static bool end(struct client *k)
{
	return ask(k, STUN_REFRESH, add_end, NULL);
}

static bool refresh(struct client *k)
{
	return ask(k, STUN_REFRESH, NULL, NULL);
}

/* The client, and with it the one that stands where its peer does. */
static bool both(struct client *k, bool (*fn)(struct client *))
{
	struct client *far = k->flows[0]->far;

	return k->check->is_direct || (fn(k) && (!far || fn(far)));
}

bool client_allocate(struct client *k)
{
	return both(k, allocate) && both(k, bind_all);
}

bool client_bind(struct client *k)
{
	return both(k, bind_all);
}

bool client_end(struct client *k)
{
	return both(k, end);
}

bool client_refresh(struct client *k)
{
	return both(k, refresh);
}

/* ---- all of them ---- */

static void open_flow(struct check *c, struct client *k, unsigned index)
{
	struct flow *f = &c->flows[c->n_flows];

	f->check = c;
	f->client = k;
	f->index = index;
	f->fd = -1;
	for (unsigned way = 0; way < 2; way++) {
		f->lanes[way].flow = (uint16_t)c->n_flows;
		f->lanes[way].way = (uint8_t)way;
	}
	k->flows[k->n_flows++] = f;
	if (c->is_paired) {
		f->far = &c->fars[c->n_flows];
		f->far->is_far = true;
		f->far->flows[f->far->n_flows++] = f;
		open_client(c, f->far, c->peer_space);
	} else {
		open_peer(c, f, &c->peers[index]);
		watch(c, f->fd, c->n_flows);
	}
	c->n_flows++;
}

/* A client with its peer, and nothing between them that we made. */
static void open_direct(struct check *c, struct client *k)
{
	struct flow *f = &c->flows[c->n_flows];
	struct sockaddr_storage ss;
	socklen_t len = sizeof(ss);
	struct addr own;

	k->check = c;
	open_flow(c, k, 0);
	check_enter(c->client_space);
	int rc = turnclient_open(&k->turn, &f->peer, &c->server, false);
	check_enter(NULL);
	if (rc != 0)
		die("connect", rc);
	if (getsockname(k->turn.fd, (struct sockaddr *)&ss, &len) != 0)
		die("client's socket", -errno);
	(void)addr_from_sockaddr((struct sockaddr *)&ss, len, &own); /* the kernel's own */
	k->relayed[own.family == ADDR_IPV6] = own;
	set_options(k->turn.fd, own.family);
	set_odd(c, k->turn.fd, own.family);
	watch(c, k->turn.fd, 0x10000 + (uint32_t)(k - c->clients));
	k->is_watched = true;
}

void flow_open_all(struct check *c)
{
	unsigned per_client = c->is_paired ? 1 : c->n_peers;
	unsigned n_flows = c->n_clients * per_client;

	c->clients = calloc(c->n_clients, sizeof(*c->clients));
	c->fars = calloc(n_flows, sizeof(*c->fars));
	c->flows = calloc(n_flows, sizeof(*c->flows));
	c->epoll = epoll_create1(EPOLL_CLOEXEC);
	if (!c->clients || !c->fars || !c->flows || c->epoll < 0)
		die("memory", -ENOMEM);
	for (unsigned i = 0; i < c->n_clients; i++) {
		struct client *k = &c->clients[i];
		if (c->is_direct) {
			open_direct(c, k);
			continue;
		}
		open_client(c, k, c->client_space);
		for (unsigned p = 0; p < per_client; p++)
			open_flow(c, k, p);
		struct client *far = k->flows[0]->far;
		if (!client_allocate(k))
			exit(1);
		set_odd(c, k->turn.fd, c->server.family);
		watch(c, k->turn.fd, 0x10000 + i);
		k->is_watched = true;
		if (far) {
			far->is_watched = true;
			set_odd(c, far->turn.fd, c->server.family);
			watch(c, far->turn.fd, 0x20000 + k->flows[0]->lanes[0].flow);
		}
	}
}

void flow_close_all(struct check *c)
{
	bool has_server = !c->is_direct;

	/* They may be gone already, and the server too. */
	for (unsigned i = 0; i < c->n_clients && has_server; i++)
		has_server =
			turnclient_request(&c->clients[i].turn, STUN_REFRESH, add_end, NULL) == 0;
	for (unsigned i = 0; c->is_paired && i < c->n_flows && has_server; i++)
		has_server = turnclient_request(&c->fars[i].turn, STUN_REFRESH, add_end, NULL) == 0;
	for (unsigned i = 0; i < c->n_clients; i++)
		turnclient_close(&c->clients[i].turn);
	for (unsigned i = 0; i < c->n_flows; i++) {
		if (c->flows[i].fd >= 0)
			close(c->flows[i].fd);
		if (c->is_paired)
			turnclient_close(&c->fars[i].turn);
	}
	close(c->epoll);
	free(c->clients);
	free(c->fars);
	free(c->flows);
}

/* ---- out ---- */

static void send_datagram(struct lane_counts *n, int fd, const struct addr *to, const uint8_t *data,
	size_t len, uint8_t tos)
{
	struct sockaddr_storage ss;
	_Alignas(struct cmsghdr) uint8_t control[CMSG_SPACE(sizeof(int))];
	struct iovec iov = {(void *)(uintptr_t)data, len};
	struct msghdr h = {.msg_iov = &iov,
		.msg_iovlen = 1,
		.msg_control = control,
		.msg_controllen = sizeof(control)};
	int domain = AF_INET, value = tos;
	socklen_t domain_len = sizeof(domain);

	(void)getsockopt(fd, SOL_SOCKET, SO_DOMAIN, &domain, &domain_len); /* it is a socket */
	if (to) {
		h.msg_namelen = addr_to_sockaddr(to, &ss);
		h.msg_name = &ss;
	}
	struct cmsghdr *c = CMSG_FIRSTHDR(&h);
	c->cmsg_level = domain == AF_INET6 ? IPPROTO_IPV6 : IPPROTO_IP;
	c->cmsg_type = domain == AF_INET6 ? IPV6_TCLASS : IP_TOS;
	c->cmsg_len = CMSG_LEN(sizeof(value));
	memcpy(CMSG_DATA(c), &value, sizeof(value));
	if (tos == 0)
		h.msg_controllen = 0;
	/* An ICMP error that came before is told once, in place of sending. */
	if (sendmsg(fd, &h, 0) < 0 && sendmsg(fd, &h, 0) < 0)
		n->refused++;
}

void flow_send_raw(struct client *k, const uint8_t *data, size_t len, uint8_t tos)
{
	send_datagram(&k->check->counts[k->is_far], k->turn.fd, NULL, data, len, tos);
}

/* From a client: framed, if there is a relay. */
static void send_framed(struct client *k, struct flow *f, const struct addr *peer,
	const uint8_t *payload, size_t len, uint8_t tos)
{
	uint8_t buf[LANE_SIZE_MAX + 128] = {0};

	if (k->check->is_direct) {
		flow_send_raw(k, payload, len, tos);
		return;
	}
	if (k->check->uses_send) {
		struct stun_writer w;
		uint8_t tid[STUN_TID_LEN] = {0};
		stun_write_begin(&w, buf, sizeof(buf), STUN_INDICATION, STUN_SEND, tid);
		stun_write_xor_address(&w, STUN_XOR_PEER_ADDRESS, peer);
		stun_write_bytes(&w, STUN_DATA_ATTR, payload, len);
		(void)stun_write_end(&w, &len); /* it fits */
	} else {
		be16_put(buf, (uint16_t)(CHANNEL + (k->is_far ? 0 : f->index)));
		be16_put(buf + 2, (uint16_t)len);
		memcpy(buf + 4, payload, len);
		len = 4 + (k->check->is_padded ? (len + 3) & ~(size_t)3 : len);
	}
	flow_send_raw(k, buf, len, tos);
}

void flow_send(struct flow *f, enum lane_way way, size_t len, uint8_t tos)
{
	struct lane_counts *n = &f->check->counts[way];
	const struct addr *relayed = f->client->relayed;
	uint8_t payload[LANE_SIZE_MAX];

	lane_make(&f->lanes[way], tos, payload, len, n);
	if (way == LANE_UP)
		send_framed(f->client, f,
			f->far ? &f->far->relayed[f->far->relayed[0].port == 0] : &f->peer, payload,
			len, tos);
	else if (f->far)
		send_framed(f->far, f, &relayed[relayed[0].port == 0], payload, len, tos);
	else
		send_datagram(n, f->fd, &relayed[f->peer.family == ADDR_IPV6], payload, len, tos);
}

unsigned flow_flood(struct flow *f, enum lane_way way, size_t len)
{
	uint8_t data[LANE_SIZE_MAX] = {0};
	struct sockaddr_storage to;
	struct iovec iov = {data, len};
	struct mmsghdr msgs[PER_ROUND];
	struct msghdr h = {.msg_iov = &iov, .msg_iovlen = 1};

	be32_put(data, 0xffffffff); /* neither a STUN message nor ChannelData nor one of ours */
	if (way == LANE_UP) {
		be16_put(data, (uint16_t)(CHANNEL + f->index));
		be16_put(data + 2, (uint16_t)(len - 4));
	} else {
		h.msg_namelen =
			addr_to_sockaddr(&f->client->relayed[f->peer.family == ADDR_IPV6], &to);
		h.msg_name = &to;
	}
	for (unsigned i = 0; i < PER_ROUND; i++)
		msgs[i] = (struct mmsghdr){.msg_hdr = h};
	int n = sendmmsg(
		way == LANE_UP ? f->client->turn.fd : f->fd, msgs, PER_ROUND, MSG_DONTWAIT);
	return n > 0 ? (unsigned)n : 0;
}

/* ---- in ---- */

static struct flow *flow_of(struct client *k, const struct addr *peer)
{
	for (unsigned i = 0; i < k->n_flows; i++) {
		if (k->is_far || k->flows[i]->far || addr_equal(&k->flows[i]->peer, peer))
			return k->flows[i];
	}
	return NULL;
}

static void take_framed(struct client *k, const uint8_t *data, size_t len, int tos)
{
	enum lane_way way = k->is_far ? LANE_UP : LANE_DOWN;
	struct lane_counts *n = &k->check->counts[way];
	struct flow *f = NULL;
	struct stun_msg m;
	struct stun_attr a;
	struct addr peer;
	uint16_t channel;
	size_t payload_len;

	if (k->check->is_direct) {
		lane_take(&k->flows[0]->lanes[way], data, len, tos, n);
		return;
	}
	if (stun_is_channel_data(data[0])) {
		/* Without padding, over UDP: exactly as long as it says. */
		if (stun_channel_decode(data, len, &channel, &payload_len) == 0 &&
			payload_len == len - 4 && channel - CHANNEL < (int)k->n_flows)
			f = k->flows[channel - CHANNEL];
		data += 4;
	} else if (stun_msg_decode(data, len, &m) == 0) {
		if (m.method != STUN_DATA)
			return; /* an answer that came twice */
		if (stun_attr_find(&m, STUN_XOR_PEER_ADDRESS, &a) &&
			stun_attr_xor_address(&m, &a, &peer) == 0 &&
			stun_attr_find(&m, STUN_DATA_ATTR, &a)) {
			f = flow_of(k, &peer);
			data = a.value;
			payload_len = a.len;
		}
	}
	if (f)
		lane_take(&f->lanes[way], data, payload_len, tos, n);
	else
		n->wrong++;
}

static void take_stray(void *arg, const uint8_t *data, size_t len)
{
	if (len > 0)
		take_framed(arg, data, len, -1);
}

static int tos_of(struct msghdr *h)
{
	for (struct cmsghdr *c = CMSG_FIRSTHDR(h); c; c = CMSG_NXTHDR(h, c)) {
		if (c->cmsg_level == IPPROTO_IP && c->cmsg_type == IP_TOS)
			return *CMSG_DATA(c);
		if (c->cmsg_level == IPPROTO_IPV6 && c->cmsg_type == IPV6_TCLASS) {
			int tclass;
			memcpy(&tclass, CMSG_DATA(c), sizeof(tclass));
			return tclass;
		}
	}
	return 0;
}

/* Of a peer's socket: from the relayed address alone. */
static void take_plain(
	struct flow *f, const struct msghdr *h, const uint8_t *data, size_t len, int tos)
{
	struct lane_counts *n = &f->check->counts[LANE_UP];
	struct addr from;

	if (addr_from_sockaddr(h->msg_name, h->msg_namelen, &from) != 0 ||
		!addr_equal(&from, &f->client->relayed[from.family == ADDR_IPV6])) {
		if (f->lanes[LANE_UP].is_dead)
			n->stale++;
		else
			n->misplaced++;
		return;
	}
	lane_take(&f->lanes[LANE_UP], data, len, tos, n);
}

static bool read_one(struct check *c, int fd, struct client *k, struct flow *f)
{
	static uint8_t data[PACKET_MAX];
	struct sockaddr_storage from;
	_Alignas(struct cmsghdr) uint8_t control[CMSG_SPACE(sizeof(int))];
	struct iovec iov = {data, sizeof(data)};
	struct msghdr h = {.msg_name = &from,
		.msg_namelen = sizeof(from),
		.msg_iov = &iov,
		.msg_iovlen = 1,
		.msg_control = control,
		.msg_controllen = sizeof(control)};
	ssize_t n = recvmsg(fd, &h, MSG_DONTWAIT);

	if (n < 0)
		return errno != EAGAIN;
	if (f)
		take_plain(f, &h, data, (size_t)n, tos_of(&h));
	else if (n > 0)
		take_framed(k, data, (size_t)n, tos_of(&h));
	else
		c->counts[k->is_far ? LANE_UP : LANE_DOWN].wrong++;
	return true;
}

bool flow_poll(struct check *c, int wait_ms)
{
	struct epoll_event events[64];
	int n = epoll_wait(c->epoll, events, 64, wait_ms);

	for (int i = 0; i < n; i++) {
		uint32_t kind = events[i].data.u32 >> 16, index = events[i].data.u32 & 0xffff;
		struct flow *f = kind == 0 ? &c->flows[index] : NULL;
		struct client *k = kind == 0   ? NULL
				   : kind == 1 ? &c->clients[index]
					       : &c->fars[index];
		int fd = f ? f->fd : k->turn.fd;
		for (int more = PER_ROUND; more > 0 && read_one(c, fd, k, f); more--)
			;
	}
	return n > 0;
}
