/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * The programs in the kernel, run on frames that this test makes: both directions, all pairs of
 * families, checksums of all kinds, and whatever is to be left to user space. Skipped where the
 * kernel lets us load nothing.
 */
#include <arpa/inet.h>
#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <time.h>
#include <string.h>
#include <bpf/bpf.h>
#include <bpf/libbpf.h>
#include <cmocka.h>
#include <linux/bpf.h>
#include <linux/pkt_cls.h>

#include "../../src/flow/kernel/kernel_priv.h"

#define CHANNEL 0x4001
#define MTU     1500
#define LO      1 /* where the kernel says that test frames come in */
#define OUT     7

enum check {
	RIGHT,
	PARTIAL,
	ABSENT
};

struct fixture {
	struct flow_kernel *kernel;
	struct net_port listener, relay;
	struct flow flow;
	uint8_t in[2048], out[2048];
	size_t in_len, out_len;
};

static struct addr at(const char *text)
{
	struct addr a;
	assert_int_equal(addr_parse(text, 0, &a), 0);
	return a;
}

/* ---- frames ---- */

static uint32_t sum(uint32_t n, const uint8_t *p, size_t len)
{
	for (size_t i = 0; i < len; i++)
		n += (i & 1) ? p[i] : (uint32_t)p[i] << 8;
	return n;
}

static uint16_t fold(uint32_t n)
{
	while (n >> 16)
		n = (n & 0xffff) + (n >> 16);
	return (uint16_t)n;
}

static uint32_t pseudo_sum(const struct addr *src, const struct addr *dst, size_t udp_len)
{
	size_t skip = src->family == ADDR_IPV4 ? 12 : 0;
	uint32_t n = sum(17 + (uint32_t)udp_len, src->ip + skip, 16 - skip);

	return sum(n, dst->ip + skip, 16 - skip);
}

static size_t ip_put(uint8_t *p, const struct addr *src, const struct addr *dst, size_t udp_len)
{
	if (src->family == ADDR_IPV4) {
		memset(p, 0, 20);
		p[0] = 0x45;
		p[1] = 0xb9;
		be16_put(p + 2, (uint16_t)(20 + udp_len));
		be16_put(p + 6, 0x4000);
		p[8] = 63;
		p[9] = 17;
		memcpy(p + 12, src->ip + 12, 4);
		memcpy(p + 16, dst->ip + 12, 4);
		be16_put(p + 10, (uint16_t)~fold(sum(0, p, 20)));
		return 20;
	}
	memset(p, 0, 40);
	be32_put(p, 0x6b912345);
	be16_put(p + 4, (uint16_t)udp_len);
	p[6] = 17;
	p[7] = 63;
	memcpy(p + 8, src->ip, 16);
	memcpy(p + 24, dst->ip, 16);
	return 40;
}

/* Returns where the UDP payload begins. CHANNEL 0: no ChannelData header. */
static size_t frame_put(uint8_t *p, const struct addr *src, const struct addr *dst,
	uint16_t channel, size_t len, enum check check, size_t *frame_len)
{
	size_t udp_len = 8 + len + (channel ? 4 : 0), at = 14;
	uint8_t *udp;

	memset(p, 0, 6); /* the address of LO */
	memset(p + 6, 2, 6);
	be16_put(p + 12, src->family == ADDR_IPV4 ? 0x0800 : 0x86dd);
	at += ip_put(p + at, src, dst, udp_len);
	udp = p + at;
	be16_put(udp, src->port);
	be16_put(udp + 2, dst->port);
	be16_put(udp + 4, (uint16_t)udp_len);
	be16_put(udp + 6, 0);
	at += 8;
	if (channel) {
		be16_put(p + at, channel);
		be16_put(p + at + 2, (uint16_t)len);
		at += 4;
	}
	for (size_t i = 0; i < len; i++)
		p[at + i] = (uint8_t)(0x80 + i * 7);
	uint32_t pseudo = pseudo_sum(src, dst, udp_len);
	if (check == PARTIAL)
		be16_put(udp + 6, fold(pseudo));
	if (check == RIGHT) {
		uint16_t c = (uint16_t)~fold(sum(pseudo, udp, udp_len));
		be16_put(udp + 6, c ? c : 0xffff);
	}
	*frame_len = at + len;
	return at;
}

/* Is it the datagram SRC to DST with this payload, correct in every field? */
static void assert_frame(const uint8_t *p, size_t n, const struct addr *src, const struct addr *dst,
	uint16_t channel, const uint8_t *payload, size_t len, bool has_check)
{
	bool v4 = src->family == ADDR_IPV4;
	size_t head = 14 + (v4 ? 20u : 40u) + 8 + (channel ? 4 : 0);
	size_t udp_len = 8 + len + (channel ? 4 : 0);
	const uint8_t *ip = p + 14, *udp = ip + (v4 ? 20 : 40);

	assert_int_equal(n, head + len);
	assert_memory_equal(p, "\x0a\x0a\x0a\x0a\x0a\x0a\x0b\x0b\x0b\x0b\x0b\x0b", 12);
	assert_int_equal(be16_get(p + 12), v4 ? 0x0800 : 0x86dd);
	if (v4) {
		assert_int_equal(ip[0], 0x45);
		assert_int_equal(ip[1], 0xb9);
		assert_int_equal(be16_get(ip + 2), 20 + udp_len);
		assert_int_equal(be16_get(ip + 6), 0);
		assert_int_equal(ip[8], 64);
		assert_int_equal(ip[9], 17);
		assert_int_equal(fold(sum(0, ip, 20)), 0xffff);
		assert_memory_equal(ip + 12, src->ip + 12, 4);
		assert_memory_equal(ip + 16, dst->ip + 12, 4);
	} else {
		assert_int_equal(be32_get(ip), 0x6b900000);
		assert_int_equal(be16_get(ip + 4), udp_len);
		assert_int_equal(ip[6], 17);
		assert_int_equal(ip[7], 64);
		assert_memory_equal(ip + 8, src->ip, 16);
		assert_memory_equal(ip + 24, dst->ip, 16);
	}
	assert_int_equal(be16_get(udp), src->port);
	assert_int_equal(be16_get(udp + 2), dst->port);
	assert_int_equal(be16_get(udp + 4), udp_len);
	if (has_check) {
		assert_int_not_equal(be16_get(udp + 6), 0);
		assert_int_equal(fold(sum(pseudo_sum(src, dst, udp_len), udp, udp_len)), 0xffff);
	} else {
		assert_int_equal(be16_get(udp + 6), 0);
	}
	if (channel) {
		assert_int_equal(be16_get(udp + 8), channel);
		assert_int_equal(be16_get(udp + 10), len);
	}
	assert_memory_equal(p + head, payload, len);
}

/* ---- lanes ---- */

static int setup(void **state)
{
	struct flow_kernel_config c = {.n_workers = 1, .max_flows = 8, .max_paths = 8};
	struct fixture *f = calloc(1, sizeof(*f));
	char why[FLOW_KERNEL_WHY_LEN];

	*state = f;
	int rc = flow_kernel_create(&c, &f->kernel, why);
	if (rc != 0) {
		print_message("%s\n", why);
		f->kernel = NULL;
		return rc == -EPERM || rc == -EACCES || rc == -ENOSYS ? 0 : -1;
	}
	return 0;
}

static int teardown(void **state)
{
	struct fixture *f = *state;

	flow_kernel_destroy(f->kernel);
	free(f);
	return 0;
}

static struct kernel_lane *lane_of(struct fixture *f, enum flow_direction d)
{
	return &f->kernel->lanes[2 + d];
}

static struct kernel_key *open_lane(
	struct fixture *f, enum flow_direction d, struct kernel_key *key)
{
	uint32_t n = 2 + d;

	kernel_lane_fill(lane_of(f, d), key, &f->flow, d);
	lane_of(f, d)->path = 3 + d;
	lane_of(f, d)->passed = lane_of(f, d)->done = 5;
	lane_of(f, d)->shut_ns = 0;
	kernel_index_drop(f->kernel, key, n);
	assert_int_equal(kernel_index_put(f->kernel, key, n), 0);
	return key;
}

static void ready(struct fixture *f, uint32_t index, const struct addr *to)
{
	struct kernel_path *path = &f->kernel->paths[index];

	*path = (struct kernel_path){.mtu = MTU, .ifindex = OUT};
	memcpy(path->header, "\x0a\x0a\x0a\x0a\x0a\x0a\x0b\x0b\x0b\x0b\x0b\x0b", 12);
	be16_put(path->header + 12, to->family == ADDR_IPV4 ? 0x0800 : 0x86dd);
}

/* A flow between these two, its gates open, its path ready. */
static void begin(
	void **state, const char *client, const char *listener, const char *relay, const char *peer)
{
	struct fixture *f = *state;
	struct kernel_key key;

	if (!f->kernel)
		skip();
	f->listener.local = at(listener);
	f->relay.local = at(relay);
	f->flow = (struct flow){.client_port = &f->listener,
		.relay_port = &f->relay,
		.client = at(client),
		.peer = at(peer),
		.channel = CHANNEL};
	(void)open_lane(f, FLOW_UP, &key);
	(void)open_lane(f, FLOW_DOWN, &key);
	ready(f, 3 + FLOW_UP, &f->flow.peer);
	ready(f, 3 + FLOW_DOWN, &f->flow.client);
	f->kernel->links[OUT] = (struct kernel_link){OUT, KERNEL_LINK_REDIRECT};
	f->kernel->links[LO] = (struct kernel_link){0};
}

static void begin_v4(void **state)
{
	begin(state, "192.0.2.1:40000", "192.0.2.9:3478", "198.51.100.9:50000",
		"198.51.100.7:5000");
}

static const struct addr *end_of(const struct fixture *f, enum flow_direction d, int i)
{
	const struct addr *up[] = {
		&f->flow.client, &f->listener.local, &f->relay.local, &f->flow.peer};

	return up[d == FLOW_UP ? i : 3 - i];
}

static size_t make(struct fixture *f, enum flow_direction d, size_t len, enum check check)
{
	return frame_put(f->in, end_of(f, d, 0), end_of(f, d, 1), d == FLOW_UP ? CHANNEL : 0, len,
		check, &f->in_len);
}

static uint32_t run(struct fixture *f, int program)
{
	LIBBPF_OPTS(bpf_test_run_opts, o, .data_in = f->in, .data_size_in = (uint32_t)f->in_len,
		.data_out = f->out, .data_size_out = sizeof(f->out));

	assert_int_equal(bpf_prog_test_run_opts(program, &o), 0);
	f->out_len = o.data_size_out;
	return o.retval;
}

static void assert_passed(struct fixture *f, enum flow_direction d, bool is_counted)
{
	uint64_t before = lane_of(f, d)->passed;

	assert_int_equal(run(f, f->kernel->xdp_fd), XDP_PASS);
	assert_int_equal(f->out_len, f->in_len);
	assert_memory_equal(f->out, f->in, f->in_len);
	assert_int_equal(lane_of(f, d)->passed, before + is_counted);
	lane_of(f, d)->passed = before;
	assert_int_equal((int)run(f, f->kernel->tc_fd), TC_ACT_UNSPEC);
	assert_int_equal(f->out_len, f->in_len);
	assert_memory_equal(f->out, f->in, f->in_len);
	assert_int_equal(lane_of(f, d)->passed, before + is_counted);
	lane_of(f, d)->passed = before;
	assert_int_equal(lane_of(f, d)->shut_ns != 0, is_counted);
}

static void assert_forwarded(struct fixture *f, int program, enum flow_direction d, size_t len,
	enum check check, uint32_t verdict)
{
	size_t payload = make(f, d, len, check);
	uint64_t packets = lane_of(f, d)->packets, bytes = lane_of(f, d)->bytes;

	assert_int_equal(run(f, program), verdict);
	assert_frame(f->out, f->out_len, end_of(f, d, 2), end_of(f, d, 3),
		d == FLOW_DOWN ? CHANNEL : 0, f->in + payload, len,
		check != ABSENT || end_of(f, d, 3)->family == ADDR_IPV6);
	assert_int_equal(lane_of(f, d)->packets, packets + 1);
	assert_int_equal(lane_of(f, d)->bytes, bytes + len);
	assert_int_equal(lane_of(f, d)->passed, 5);
}

static void every_size(struct fixture *f, enum flow_direction d)
{
	for (size_t len = 0; len <= 1400; len += len < 64 ? 1 : 37) {
		assert_forwarded(f, f->kernel->xdp_fd, d, len, RIGHT, XDP_REDIRECT);
		assert_forwarded(f, f->kernel->xdp_fd, d, len, PARTIAL, XDP_REDIRECT);
		assert_forwarded(f, f->kernel->tc_fd, d, len, RIGHT, TC_ACT_REDIRECT);
		if (end_of(f, d, 0)->family == ADDR_IPV6)
			continue;
		assert_forwarded(f, f->kernel->xdp_fd, d, len, ABSENT, XDP_REDIRECT);
		if (end_of(f, d, 3)->family == ADDR_IPV4)
			assert_forwarded(f, f->kernel->tc_fd, d, len, ABSENT, TC_ACT_REDIRECT);
	}
}

static void ipv4_to_ipv4_at_every_size(void **state)
{
	begin_v4(state);
	every_size(*state, FLOW_UP);
	every_size(*state, FLOW_DOWN);
}

static void ipv6_to_ipv6_at_every_size(void **state)
{
	begin(state, "[2001:db8::1]:40000", "[2001:db8::9]:3478", "[2001:db8:1::9]:50000",
		"[2001:db8:1::7]:5000");
	every_size(*state, FLOW_UP);
	every_size(*state, FLOW_DOWN);
}

static void ipv4_client_with_ipv6_peer_at_every_size(void **state)
{
	begin(state, "192.0.2.1:40000", "192.0.2.9:3478", "[2001:db8:1::9]:50000",
		"[2001:db8:1::7]:5000");
	every_size(*state, FLOW_UP);
	every_size(*state, FLOW_DOWN);
}

static void ipv6_client_with_ipv4_peer_at_every_size(void **state)
{
	begin(state, "[2001:db8::1]:40000", "[2001:db8::9]:3478", "198.51.100.9:50000",
		"198.51.100.7:5000");
	every_size(*state, FLOW_UP);
	every_size(*state, FLOW_DOWN);
}

/* What an odd sum folds to must not come out as "no checksum" (RFC 768). */
static void sums_of_all_values_come_out_right(void **state)
{
	struct fixture *f = *state;
	begin_v4(state);

	for (unsigned port = 1; port < 65536; port += 11) {
		struct kernel_key key;
		f->flow.peer.port = (uint16_t)port;
		(void)open_lane(f, FLOW_UP, &key);
		assert_forwarded(f, f->kernel->xdp_fd, FLOW_UP, 2, RIGHT, XDP_REDIRECT);
		assert_forwarded(f, f->kernel->tc_fd, FLOW_UP, 2, RIGHT, TC_ACT_REDIRECT);
	}
}

static void payload_of_a_peer_may_look_like_channel_data(void **state)
{
	struct fixture *f = *state;
	begin_v4(state);

	size_t payload = make(f, FLOW_DOWN, 40, ABSENT);
	be16_put(f->in + payload, 0x4abc);
	assert_int_equal(run(f, f->kernel->xdp_fd), XDP_REDIRECT);

	assert_frame(f->out, f->out_len, end_of(f, FLOW_DOWN, 2), end_of(f, FLOW_DOWN, 3), CHANNEL,
		f->in + payload, 40, false);
}

static void frame_goes_back_out_where_it_came_in(void **state)
{
	struct fixture *f = *state;
	begin_v4(state);
	f->kernel->paths[3 + FLOW_UP].ifindex = LO;
	f->kernel->links[LO] = (struct kernel_link){LO, KERNEL_LINK_REDIRECT};

	assert_forwarded(f, f->kernel->xdp_fd, FLOW_UP, 100, RIGHT, XDP_TX);
}

/* ---- left to user space ---- */

static void stun_of_the_client_is_passed(void **state)
{
	struct fixture *f = *state;
	begin_v4(state);

	size_t payload = make(f, FLOW_UP, 16, ABSENT) - 4;
	be16_put(f->in + payload, 0x0001);

	assert_passed(f, FLOW_UP, false);
}

static void another_channel_client_or_listener_is_passed(void **state)
{
	static const size_t offsets[] = {14 + 15, 14 + 19, 14 + 21, 14 + 23, 14 + 29};
	struct fixture *f = *state;
	begin_v4(state);

	for (size_t i = 0; i < ARRAY_LEN(offsets); i++) {
		(void)make(f, FLOW_UP, 16, ABSENT);
		f->in[offsets[i]] ^= 1;
		if (offsets[i] < 14 + 20) {
			be16_put(f->in + 14 + 10, 0);
			be16_put(f->in + 14 + 10, (uint16_t)~fold(sum(0, f->in + 14, 20)));
		}
		assert_passed(f, FLOW_UP, false);
	}
}

/* RFC 8656 §12.5: over UDP padding may be there, and what is too short is wrong. */
static void channel_length_that_is_not_the_datagram_s_is_passed(void **state)
{
	struct fixture *f = *state;
	begin_v4(state);

	for (int i = -3; i <= 3; i++) {
		size_t payload = make(f, FLOW_UP, 16, ABSENT);
		be16_put(f->in + payload - 2, (uint16_t)(16 + i));
		if (i != 0)
			assert_passed(f, FLOW_UP, true);
	}
}

static void ipv4_that_is_not_plain_is_passed(void **state)
{
	struct fixture *f = *state;
	static const struct {
		size_t at;
		uint8_t value;
	} odd[] = {{14, 0x46}, {14, 0x55}, {14 + 7, 1}, {14 + 8, 0}, {14 + 9, 6}, {14 + 3, 20},
		{12, 0x81}, {0, 0xff}};
	begin_v4(state);

	for (size_t i = 0; i < ARRAY_LEN(odd); i++) {
		(void)make(f, FLOW_DOWN, 16, RIGHT);
		f->in[odd[i].at] = odd[i].value;
		be16_put(f->in + 14 + 10, 0);
		be16_put(f->in + 14 + 10, (uint16_t)~fold(sum(0, f->in + 14, 20)));
		assert_int_equal(run(f, f->kernel->xdp_fd), XDP_PASS);
	}
	(void)make(f, FLOW_DOWN, 16, RIGHT);
	f->in[14 + 10] ^= 1; /* a header that was damaged */
	assert_passed(f, FLOW_DOWN, false);
}

static void ipv6_that_is_not_plain_is_passed(void **state)
{
	struct fixture *f = *state;
	begin(state, "[2001:db8::1]:40000", "[2001:db8::9]:3478", "[2001:db8:1::9]:50000",
		"[2001:db8:1::7]:5000");

	(void)make(f, FLOW_DOWN, 16, RIGHT);
	f->in[14 + 6] = 44; /* a fragment */
	assert_passed(f, FLOW_DOWN, false);
	(void)make(f, FLOW_DOWN, 16, RIGHT);
	f->in[14 + 7] = 0;
	assert_passed(f, FLOW_DOWN, false);
	(void)make(f, FLOW_DOWN, 16, ABSENT); /* RFC 8200 §8.1 */
	assert_passed(f, FLOW_DOWN, false);
}

/* Of a datagram in fragments user space gets one datagram, so one of them is counted. */
static void first_fragment_of_ipv4_is_counted(void **state)
{
	struct fixture *f = *state;
	begin_v4(state);

	(void)make(f, FLOW_UP, 16, RIGHT);
	be16_put(f->in + 14 + 6, 0x2000);
	be16_put(f->in + 14 + 20 + 4, 2000); /* what UDP says of the whole */
	be16_put(f->in + 14 + 10, 0);
	be16_put(f->in + 14 + 10, (uint16_t)~fold(sum(0, f->in + 14, 20)));
	assert_passed(f, FLOW_UP, true);
	lane_of(f, FLOW_UP)->shut_ns = 0;
	be16_put(f->in + 14 + 6, 0x2010);
	be16_put(f->in + 14 + 10, 0);
	be16_put(f->in + 14 + 10, (uint16_t)~fold(sum(0, f->in + 14, 20)));
	assert_passed(f, FLOW_UP, false);
}

static void first_fragment_of_ipv6_is_counted(void **state)
{
	struct fixture *f = *state;
	begin(state, "[2001:db8::1]:40000", "[2001:db8::9]:3478", "[2001:db8:1::9]:50000",
		"[2001:db8:1::7]:5000");
	uint8_t *fragment = f->in + 14 + 40;

	(void)make(f, FLOW_UP, 16, RIGHT);
	memmove(fragment + 8, fragment, f->in_len - 14 - 40);
	f->in_len += 8;
	be16_put(f->in + 14 + 4, (uint16_t)(f->in_len - 14 - 40));
	f->in[14 + 6] = 44;
	memset(fragment, 0, 8);
	fragment[0] = 17;
	fragment[3] = 1; /* more come */
	assert_passed(f, FLOW_UP, true);
	lane_of(f, FLOW_UP)->shut_ns = 0;
	fragment[3] = 9;
	assert_passed(f, FLOW_UP, false);
	fragment[3] = 1;
	fragment[0] = 6;
	assert_passed(f, FLOW_UP, false);
}

static void what_grows_over_the_mtu_is_passed(void **state)
{
	struct fixture *f = *state;
	begin_v4(state);

	assert_forwarded(f, f->kernel->xdp_fd, FLOW_DOWN, MTU - 32, RIGHT, XDP_REDIRECT);
	assert_forwarded(f, f->kernel->tc_fd, FLOW_DOWN, MTU - 32, RIGHT, TC_ACT_REDIRECT);
	(void)make(f, FLOW_DOWN, MTU - 31, RIGHT);
	assert_passed(f, FLOW_DOWN, true);
	f->kernel->paths[3 + FLOW_UP].mtu = 1280;
	(void)make(f, FLOW_UP, 1280 - 27, RIGHT);
	assert_passed(f, FLOW_UP, true);
}

static void without_a_path_it_is_passed(void **state)
{
	struct fixture *f = *state;
	begin_v4(state);
	f->kernel->paths[3 + FLOW_UP].mtu = 0;

	(void)make(f, FLOW_UP, 16, RIGHT);
	assert_passed(f, FLOW_UP, true);
}

static void shut_gate_passes_and_counts(void **state)
{
	struct fixture *f = *state;
	begin_v4(state);

	(void)make(f, FLOW_UP, 16, RIGHT);
	lane_of(f, FLOW_UP)->done = 4;
	assert_passed(f, FLOW_UP, true);
	lane_of(f, FLOW_UP)->done = UINT64_MAX;
	assert_passed(f, FLOW_UP, true);
}

static uint64_t now_ns(void)
{
	struct timespec t;

	assert_int_equal(clock_gettime(CLOCK_MONOTONIC, &t), 0);
	return (uint64_t)t.tv_sec * 1000000000 + (uint64_t)t.tv_nsec;
}

/* What was sent a moment ago may still be behind what would be forwarded now. */
static void gate_opens_in_a_calm_moment(void **state)
{
	struct fixture *f = *state;
	uint64_t then;
	uint32_t verdict;
	begin_v4(state);
	struct kernel_lane *lane = lane_of(f, FLOW_UP);
	(void)make(f, FLOW_UP, 16, RIGHT);

	do {
		then = now_ns();
		lane->passed_ns = lane->shut_ns = then;
		lane->passed = 5;
		verdict = run(f, f->kernel->xdp_fd);
	} while (now_ns() - then >= KERNEL_CALM_NS); /* we were held up: it says nothing */
	assert_int_equal(verdict, XDP_PASS);

	lane->passed = 5;
	lane->passed_ns = lane->shut_ns = now_ns() - KERNEL_CALM_NS;
	assert_forwarded(f, f->kernel->xdp_fd, FLOW_UP, 16, RIGHT, XDP_REDIRECT);
	assert_true(lane->shut_ns == 0);
}

static void path_that_has_just_come_is_given_time(void **state)
{
	struct fixture *f = *state;
	struct kernel_path *path = &f->kernel->paths[3 + FLOW_UP];
	uint32_t verdict;
	begin_v4(state);
	struct kernel_lane *lane = lane_of(f, FLOW_UP);
	(void)make(f, FLOW_UP, 16, RIGHT);

	do {
		path->since_ns = now_ns();
		lane->passed_ns = lane->shut_ns = path->since_ns - 2 * KERNEL_CALM_NS;
		lane->passed = 5;
		verdict = run(f, f->kernel->xdp_fd);
	} while (now_ns() - path->since_ns >= KERNEL_CALM_NS);
	assert_int_equal(verdict, XDP_PASS);

	lane->passed = 5;
	path->since_ns = now_ns() - KERNEL_CALM_NS;
	lane->passed_ns = lane->shut_ns = path->since_ns;
	assert_forwarded(f, f->kernel->xdp_fd, FLOW_UP, 16, RIGHT, XDP_REDIRECT);
}

/* Whoever never pauses is not kept up for ever. */
static void gate_opens_without_a_calm_moment_at_last(void **state)
{
	struct fixture *f = *state;
	begin_v4(state);
	struct kernel_lane *lane = lane_of(f, FLOW_UP);

	lane->passed_ns = now_ns();
	lane->shut_ns = lane->passed_ns - KERNEL_CALM_AT_ALL_NS;
	assert_forwarded(f, f->kernel->xdp_fd, FLOW_UP, 16, RIGHT, XDP_REDIRECT);
}

/* ---- limits ---- */

/* RATE units a second, of which so many as pass in a second may pass at once. */
static struct kernel_account *limit(struct fixture *f, enum flow_limit l, uint64_t rate)
{
	struct kernel_account *a = &f->kernel->accounts[1];

	memset(a, 0, sizeof(*a));
	a->own[l].rate = rate;
	a->own[l].depth_ns = 1000000000;
	lane_of(f, FLOW_UP)->account = lane_of(f, FLOW_DOWN)->account = 1;
	return a;
}

/* How many of N datagrams are forwarded; the others are dropped. */
static unsigned forwarded(
	struct fixture *f, int program, enum flow_direction d, unsigned n, size_t len)
{
	bool is_xdp = program == f->kernel->xdp_fd;
	unsigned passed = 0;

	for (unsigned i = 0; i < n; i++) {
		(void)make(f, d, len, RIGHT);
		uint32_t verdict = run(f, program);
		if (verdict == (is_xdp ? XDP_REDIRECT : TC_ACT_REDIRECT))
			passed++;
		else
			assert_int_equal(verdict, is_xdp ? XDP_DROP : TC_ACT_SHOT);
	}
	assert_int_equal(lane_of(f, d)->passed, 5);
	return passed;
}

/* In both programs, each way for itself; what takes time lets more pass, so there is a margin. */
static void own_rate_is_kept_and_refusals_are_counted(void **state)
{
	struct fixture *f = *state;
	begin_v4(state);
	const int programs[] = {f->kernel->xdp_fd, f->kernel->tc_fd};

	for (int i = 0; i < 2; i++) {
		struct kernel_account *a = limit(f, FLOW_LIMIT_RATE, 10000);
		uint64_t bytes = lane_of(f, FLOW_UP)->bytes, then = now_ns();
		unsigned up = forwarded(f, programs[i], FLOW_UP, 100, 1000);
		assert_true(up >= 10 && up <= 10 + (now_ns() - then) / 100000000 + 1);
		assert_int_equal(lane_of(f, FLOW_UP)->bytes, bytes + up * 1000);
		assert_int_equal(a->refused[FLOW_LIMIT_RATE].packets, 100 - up);
		assert_int_equal(a->refused[FLOW_LIMIT_RATE].bytes, (100 - up) * 1000);
		assert_int_equal(forwarded(f, programs[i], FLOW_DOWN, 10, 1000), 10);
	}
}

static void own_packets_are_kept_whatever_their_size(void **state)
{
	struct fixture *f = *state;
	begin_v4(state);
	struct kernel_account *a = limit(f, FLOW_LIMIT_PACKETS, 20);

	uint64_t then = now_ns();
	unsigned n = forwarded(f, f->kernel->xdp_fd, FLOW_DOWN, 50, 0);
	n += forwarded(f, f->kernel->xdp_fd, FLOW_DOWN, 50, 1400);
	assert_true(n >= 20 && n <= 20 + (now_ns() - then) / 50000000 + 1);
	assert_int_equal(a->refused[FLOW_LIMIT_PACKETS].packets, 100 - n);
}

static void user_space_and_program_draw_from_one_bucket(void **state)
{
	struct fixture *f = *state;
	begin_v4(state);
	struct flow_bucket_pool *pool = flow_kernel_buckets(f->kernel);
	struct flow_bucket *node = flow_bucket_create_in(pool, 0);
	struct flow_bucket *subject = flow_bucket_create_in(pool, 8); /* 65,536 bytes */
	struct kernel_account *a = limit(f, FLOW_LIMIT_RATE, 0);
	a->shared[0] = flow_bucket_index(subject);

	uint64_t now_ms = now_ns() / 1000000;
	assert_int_equal(flow_bucket_draw(subject, FLOW_UP, 60000, now_ms), 60000);
	assert_int_equal(forwarded(f, f->kernel->xdp_fd, FLOW_UP, 5, 1000), 5);
	assert_int_equal(flow_bucket_draw(subject, FLOW_UP, 20000, now_ms), 0);
	/* A thousand bytes take a second to come. */
	assert_true(forwarded(f, f->kernel->tc_fd, FLOW_UP, 5, 1400) <= 1);
	assert_true(a->refused[FLOW_LIMIT_SUBJECT].packets >= 4);
	assert_int_equal(forwarded(f, f->kernel->xdp_fd, FLOW_DOWN, 5, 1000), 5);

	/* The node's holds for lanes without an account too, and at once. */
	flow_bucket_rate_set(node, 8);
	lane_of(f, FLOW_UP)->account = 0;
	now_ms = now_ns() / 1000000;
	assert_int_equal(flow_bucket_draw(node, FLOW_UP, 65500, now_ms), 65500);
	assert_true(forwarded(f, f->kernel->xdp_fd, FLOW_UP, 5, 1400) <= 1);
	assert_true(lane_of(f, FLOW_UP)->refused >= 4);
	assert_true(lane_of(f, FLOW_UP)->refused_bytes >= 4 * 1400);
	flow_bucket_rate_set(node, 0);
	assert_int_equal(forwarded(f, f->kernel->xdp_fd, FLOW_UP, 50, 1400), 50);
	flow_bucket_rate_set(node, 8);
	((struct kernel_bucket *)f->kernel->buckets)[FLOW_BUCKET_NODE].meter.full_ns[FLOW_UP] =
		(uint64_t)-1000000; /* taken back after it was set */
	assert_int_equal(forwarded(f, f->kernel->xdp_fd, FLOW_UP, 40, 1400), 40);
	assert_int_equal(flow_bucket_draw(node, FLOW_UP, 65500, now_ns() / 1000000), 0);
	flow_bucket_destroy(subject);
	flow_bucket_destroy(node);
}

static void refused_packet_is_charged_to_nobody(void **state)
{
	struct fixture *f = *state;
	begin_v4(state);
	struct flow_bucket_pool *pool = flow_kernel_buckets(f->kernel);
	struct flow_bucket *node = flow_bucket_create_in(pool, 8);
	struct kernel_account *a = limit(f, FLOW_LIMIT_RATE, 1000000);
	a->own[FLOW_LIMIT_RATE].full_ns[FLOW_UP] = UINT64_MAX / 2 - 1000000000;
	a->own[FLOW_LIMIT_RATE].depth_ns = UINT64_MAX / 2;
	a->own[FLOW_LIMIT_PACKETS] = a->own[FLOW_LIMIT_RATE];

	assert_int_equal(flow_bucket_draw(node, FLOW_UP, 65500, now_ns() / 1000000), 65500);
	uint64_t full_ns = a->own[FLOW_LIMIT_RATE].full_ns[FLOW_UP];
	uint64_t packets = lane_of(f, FLOW_UP)->packets;
	assert_int_equal(forwarded(f, f->kernel->xdp_fd, FLOW_UP, 1, 1400), 0);
	assert_int_equal(forwarded(f, f->kernel->tc_fd, FLOW_UP, 1, 1400), 0);
	assert_int_equal(lane_of(f, FLOW_UP)->packets, packets);
	assert_int_equal(lane_of(f, FLOW_UP)->refused, 2);
	assert_int_equal(a->own[FLOW_LIMIT_RATE].full_ns[FLOW_UP], full_ns);
	assert_int_equal(a->own[FLOW_LIMIT_PACKETS].full_ns[FLOW_UP], full_ns);
	flow_bucket_destroy(node);
}

static void daemon_that_is_dead_forwards_nothing(void **state)
{
	struct fixture *f = *state;
	begin_v4(state);

	f->kernel->control->alive_until_ns = 1;
	(void)make(f, FLOW_UP, 16, RIGHT);
	assert_passed(f, FLOW_UP, false);
	f->kernel->control->alive_until_ns = UINT64_MAX;
	assert_forwarded(f, f->kernel->xdp_fd, FLOW_UP, 16, RIGHT, XDP_REDIRECT);
	f->kernel->control->alive_until_ns = 0;
}

static void lane_that_is_gone_forwards_nothing(void **state)
{
	struct fixture *f = *state;
	struct kernel_key key;
	begin_v4(state);

	(void)open_lane(f, FLOW_UP, &key);
	kernel_index_drop(f->kernel, &key, 2 + FLOW_UP);
	(void)make(f, FLOW_UP, 16, RIGHT);

	assert_passed(f, FLOW_UP, false);
}

/* The index says which lane it may be, no more: each end of what comes must be the flow's. */
static void lane_of_another_flow_forwards_nothing(void **state)
{
	struct fixture *f = *state;
	begin_v4(state);
	struct kernel_lane *up = lane_of(f, FLOW_UP), *down = lane_of(f, FLOW_DOWN);
	uint16_t *shorts[] = {&down->dport, &down->sport, &up->channel};
	uint32_t *words[] = {&down->dst[0], &down->dst[3], &down->src[2], &down->src[3]};

	(void)make(f, FLOW_UP, 16, RIGHT);
	for (size_t i = 0; i < ARRAY_LEN(shorts); i++) {
		*shorts[i] ^= 0x100;
		assert_passed(f, FLOW_UP, false);
		*shorts[i] ^= 0x100;
	}
	for (size_t i = 0; i < ARRAY_LEN(words); i++) {
		*words[i] ^= 1;
		assert_passed(f, FLOW_UP, false);
		*words[i] ^= 1;
	}
	assert_forwarded(f, f->kernel->xdp_fd, FLOW_UP, 16, RIGHT, XDP_REDIRECT);
}

/* XDP cannot send there: TC does, and what XDP sends TC leaves alone. */
static void interface_without_redirects_is_served_by_tc(void **state)
{
	struct fixture *f = *state;
	begin_v4(state);
	f->kernel->links[LO] = (struct kernel_link){LO, KERNEL_LINK_XDP};

	(void)make(f, FLOW_UP, 16, RIGHT);
	assert_int_equal((int)run(f, f->kernel->tc_fd), TC_ACT_UNSPEC);
	f->kernel->links[OUT].flags = 0;
	assert_int_equal(run(f, f->kernel->xdp_fd), XDP_PASS);
	assert_int_equal(lane_of(f, FLOW_UP)->passed, 5);

	assert_forwarded(f, f->kernel->tc_fd, FLOW_UP, 16, RIGHT, TC_ACT_REDIRECT);
}

static void every_truncation_is_passed(void **state)
{
	struct fixture *f = *state;
	begin_v4(state);

	(void)make(f, FLOW_UP, 64, RIGHT);
	size_t whole = f->in_len;
	for (f->in_len = 14; f->in_len < whole; f->in_len++) {
		assert_int_equal(run(f, f->kernel->xdp_fd), XDP_PASS);
		assert_memory_equal(f->out, f->in, f->in_len);
	}
}

int main(void)
{
	const struct CMUnitTest t[] = {
		cmocka_unit_test(ipv4_to_ipv4_at_every_size),
		cmocka_unit_test(ipv6_to_ipv6_at_every_size),
		cmocka_unit_test(ipv4_client_with_ipv6_peer_at_every_size),
		cmocka_unit_test(ipv6_client_with_ipv4_peer_at_every_size),
		cmocka_unit_test(sums_of_all_values_come_out_right),
		cmocka_unit_test(payload_of_a_peer_may_look_like_channel_data),
		cmocka_unit_test(frame_goes_back_out_where_it_came_in),
		cmocka_unit_test(stun_of_the_client_is_passed),
		cmocka_unit_test(another_channel_client_or_listener_is_passed),
		cmocka_unit_test(channel_length_that_is_not_the_datagram_s_is_passed),
		cmocka_unit_test(ipv4_that_is_not_plain_is_passed),
		cmocka_unit_test(ipv6_that_is_not_plain_is_passed),
		cmocka_unit_test(first_fragment_of_ipv4_is_counted),
		cmocka_unit_test(first_fragment_of_ipv6_is_counted),
		cmocka_unit_test(what_grows_over_the_mtu_is_passed),
		cmocka_unit_test(without_a_path_it_is_passed),
		cmocka_unit_test(shut_gate_passes_and_counts),
		cmocka_unit_test(gate_opens_in_a_calm_moment),
		cmocka_unit_test(path_that_has_just_come_is_given_time),
		cmocka_unit_test(gate_opens_without_a_calm_moment_at_last),
		cmocka_unit_test(own_rate_is_kept_and_refusals_are_counted),
		cmocka_unit_test(own_packets_are_kept_whatever_their_size),
		cmocka_unit_test(user_space_and_program_draw_from_one_bucket),
		cmocka_unit_test(refused_packet_is_charged_to_nobody),
		cmocka_unit_test(daemon_that_is_dead_forwards_nothing),
		cmocka_unit_test(lane_that_is_gone_forwards_nothing),
		cmocka_unit_test(lane_of_another_flow_forwards_nothing),
		cmocka_unit_test(interface_without_redirects_is_served_by_tc),
		cmocka_unit_test(every_truncation_is_passed),
	};

	return cmocka_run_group_tests(t, setup, teardown) != 0;
}
