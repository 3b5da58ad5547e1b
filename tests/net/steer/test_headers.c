/* SPDX-License-Identifier: BSD-3-Clause */
/* Headers of datagrams that leave past the kernel's UDP, and their checksums. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#include "../../../src/net/steer/checksum.h"
#include "../../../src/net/steer/headers.h"

static struct addr at(const char *text)
{
	struct addr a;
	assert_int_equal(addr_parse(text, 0, &a), 0);
	return a;
}

/* RFC 1071 §4.1 as it is written there, the slow way. */
static uint16_t plain_checksum(const uint8_t *p, size_t len)
{
	uint32_t sum = 0;
	for (size_t i = 0; i + 1 < len; i += 2)
		sum += (uint32_t)p[i] << 8 | p[i + 1];
	if (len % 2)
		sum += (uint32_t)p[len - 1] << 8;
	while (sum >> 16)
		sum = (sum & 0xffff) + (sum >> 16);
	return (uint16_t)~sum;
}

static uint16_t checksum(const uint8_t *p, size_t len)
{
	uint16_t c = net_checksum_fold(net_checksum_add(0, p, len));
	return be16_get((const uint8_t *)&c);
}

static void checksum_of_rfc_1071_example(void **state)
{
	static const uint8_t data[] = {0x00, 0x01, 0xf2, 0x03, 0xf4, 0xf5, 0xf6, 0xf7};
	(void)state;
	assert_int_equal(checksum(data, sizeof(data)), (uint16_t)~0xddf2);
}

static void checksum_is_that_of_the_plain_way_at_every_length_and_start(void **state)
{
	uint8_t data[256];
	(void)state;
	for (size_t i = 0; i < sizeof(data); i++)
		data[i] = (uint8_t)(i * 167 + 13);
	for (size_t from = 0; from < 9; from++) {
		for (size_t len = 0; from + len <= sizeof(data); len++)
			assert_int_equal(
				checksum(data + from, len), plain_checksum(data + from, len));
	}
}

static void checksum_carries_come_round(void **state)
{
	uint8_t data[1500];
	(void)state;
	memset(data, 0xff, sizeof(data));
	for (size_t len = 2; len <= sizeof(data); len++)
		assert_int_equal(checksum(data, len), plain_checksum(data, len));
}

static void checksum_is_the_same_in_parts(void **state)
{
	uint8_t data[101];
	(void)state;
	for (size_t i = 0; i < sizeof(data); i++)
		data[i] = (uint8_t)(251 - i * 3);
	for (size_t cut = 0; cut < sizeof(data); cut += 2) {
		uint64_t sum = net_checksum_add(0, data, cut);
		sum = net_checksum_add(sum, data + cut, sizeof(data) - cut);
		uint16_t c = net_checksum_fold(sum);
		assert_int_equal(be16_get((uint8_t *)&c), plain_checksum(data, sizeof(data)));
	}
}

/* ---- headers ---- */

struct packet {
	uint8_t room[128 + 2048];
	uint8_t *at;
	size_t len;
};

static void write_packet(struct packet *p, const struct net_ip *ip, const void *payload, size_t len)
{
	uint8_t *data = p->room + 128;
	memset(p->room, 0xa5, 128);
	memcpy(data, payload, len);
	uint8_t *udp = net_headers_udp(&ip->from, &ip->to, data, len);
	assert_ptr_equal(udp, data - NET_UDP_HEADER);
	p->at = net_headers_ip(ip, udp, NET_UDP_HEADER + len);
	p->len = net_headers_len(ip) + len;
	assert_ptr_equal(p->at + p->len, data + len);
	assert_int_equal(p->at[-1], 0xa5);
}

/* The expected bytes were put together apart from this code. */
static void ipv4_datagram_is_written_as_rfc_791_has_it(void **state)
{
	static const uint8_t want[] = {0x45, 0x00, 0x00, 0x21, 0x12, 0x34, 0x00, 0x00, 0x40, 0x11,
		0xe4, 0x94, 0xc0, 0x00, 0x02, 0x01, 0xc0, 0x00, 0x02, 0x02, 0xc3, 0x50, 0x0d, 0x96,
		0x00, 0x0d, 0x67, 0x17, 0x68, 0x65, 0x6c, 0x6c, 0x6f};
	struct net_ip ip = {.from = at("192.0.2.1:50000"),
		.to = at("192.0.2.2:3478"),
		.hops = 64,
		.id = 0x1234};
	struct packet p;
	(void)state;
	write_packet(&p, &ip, "hello", 5);
	assert_int_equal(p.len, sizeof(want));
	assert_memory_equal(p.at, want, sizeof(want));
}

static void ipv6_datagram_is_written_as_rfc_8200_has_it(void **state)
{
	static const uint8_t want[] = {0x60, 0x00, 0x00, 0x00, 0x00, 0x0d, 0x11, 0x40, 0x20, 0x01,
		0x0d, 0xb8, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0x01, 0x20, 0x01, 0x0d, 0xb8, 0, 0, 0,
		0, 0, 0, 0, 0, 0, 0, 0, 0x02, 0xc3, 0x50, 0x0d, 0x96, 0x00, 0x0d, 0x8f, 0xa6, 0x68,
		0x65, 0x6c, 0x6c, 0x6f};
	struct net_ip ip = {
		.from = at("[2001:db8::1]:50000"), .to = at("[2001:db8::2]:3478"), .hops = 64};
	struct packet p;
	(void)state;
	write_packet(&p, &ip, "hello", 5);
	assert_int_equal(p.len, sizeof(want));
	assert_memory_equal(p.at, want, sizeof(want));
}

static void checksums_verify_at_every_length(void **state)
{
	static const char *const pairs[][2] = {{"192.0.2.1:50000", "198.51.100.7:9"},
		{"[2001:db8::1]:50000", "[2001:db8:ffff::9]:65535"}};
	uint8_t payload[1500], pseudo[40 + 1508];
	(void)state;
	for (size_t i = 0; i < sizeof(payload); i++)
		payload[i] = (uint8_t)(i * 31);
	for (size_t k = 0; k < ARRAY_LEN(pairs); k++) {
		struct net_ip ip = {.from = at(pairs[k][0]), .to = at(pairs[k][1]), .hops = 64};
		size_t skip = ip.to.family == ADDR_IPV6 ? 0 : 12, n = 16 - skip;
		for (size_t len = 0; len <= sizeof(payload); len += len < 70 ? 1 : 131) {
			struct packet p;
			write_packet(&p, &ip, payload, len);
			size_t udp_len = NET_UDP_HEADER + len;
			memcpy(pseudo, ip.from.ip + skip, n);
			memcpy(pseudo + n, ip.to.ip + skip, n);
			be32_put(pseudo + 2 * n, (uint32_t)udp_len);
			be32_put(pseudo + 2 * n + 4, 17);
			memcpy(pseudo + 2 * n + 8, p.at + p.len - udp_len, udp_len);
			assert_int_equal(plain_checksum(pseudo, 2 * n + 8 + udp_len), 0);
			if (ip.to.family == ADDR_IPV4)
				assert_int_equal(plain_checksum(p.at, NET_IPV4_HEADER), 0);
		}
	}
}

/* RFC 768: an all-zero checksum would say that there is none; RFC 8200 §8.1 forbids it. */
static void checksum_of_zero_is_sent_as_ones(void **state)
{
	static const char *const pairs[][2] = {{"192.0.2.1:50000", "192.0.2.2:3478"},
		{"[2001:db8::1]:50000", "[2001:db8::2]:3478"}};
	(void)state;
	for (size_t k = 0; k < ARRAY_LEN(pairs); k++) {
		struct net_ip ip = {.from = at(pairs[k][0]), .to = at(pairs[k][1]), .hops = 64};
		uint8_t payload[2] = {0, 0};
		struct packet p;
		write_packet(&p, &ip, payload, 2);
		/* What is missing to all ones, put into the payload, makes the sum come out 0. */
		memcpy(payload, p.at + p.len - 4, 2);
		write_packet(&p, &ip, payload, 2);
		assert_int_equal(be16_get(p.at + p.len - 4), 0xffff);
	}
}

static void tos_hops_and_dont_fragment_are_said(void **state)
{
	struct net_ip ip = {.from = at("192.0.2.1:1"),
		.to = at("192.0.2.2:2"),
		.tos = 0xb9,
		.hops = 17,
		.dont_fragment = true};
	struct packet p;
	(void)state;
	write_packet(&p, &ip, "x", 1);
	assert_int_equal(p.at[1], 0xb9);
	assert_int_equal(be16_get(p.at + 6), 0x4000);
	assert_int_equal(p.at[8], 17);
	ip.from = at("[2001:db8::1]:1");
	ip.to = at("[2001:db8::2]:2");
	write_packet(&p, &ip, "x", 1);
	assert_int_equal(be32_get(p.at), 0x6b900000);
	assert_int_equal(p.at[7], 17);
}

int main(void)
{
	const struct CMUnitTest t[] = {
		cmocka_unit_test(checksum_of_rfc_1071_example),
		cmocka_unit_test(checksum_is_that_of_the_plain_way_at_every_length_and_start),
		cmocka_unit_test(checksum_carries_come_round),
		cmocka_unit_test(checksum_is_the_same_in_parts),
		cmocka_unit_test(ipv4_datagram_is_written_as_rfc_791_has_it),
		cmocka_unit_test(ipv6_datagram_is_written_as_rfc_8200_has_it),
		cmocka_unit_test(checksums_verify_at_every_length),
		cmocka_unit_test(checksum_of_zero_is_sent_as_ones),
		cmocka_unit_test(tos_hops_and_dont_fragment_are_said),
	};
	return cmocka_run_group_tests(t, NULL, NULL) != 0;
}
