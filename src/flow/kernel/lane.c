/* SPDX-License-Identifier: BSD-3-Clause */
/* What a program is told of one direction of a flow, with the sums that its rewrite adds. */
#include <endian.h>

#include "kernel_priv.h"

/* Two ends of a datagram, as they stand on the wire. */
struct ends {
	const struct addr *from, *to;
};

static uint16_t fold(uint64_t sum)
{
	while (sum >> 16)
		sum = (sum & 0xffff) + (sum >> 16);
	return (uint16_t)sum;
}

static uint64_t sum_ip(const struct addr *a)
{
	uint32_t w[4];
	uint64_t sum = 0;

	memcpy(w, a->ip, sizeof(w));
	for (int i = a->family == ADDR_IPV4 ? 3 : 0; i < 4; i++)
		sum += w[i];
	return sum;
}

void kernel_lane_fill(struct kernel_lane *lane, struct kernel_key *key, const struct flow *flow,
	enum flow_direction d)
{
	const struct ends outside = {&flow->client, &flow->client_port->local};
	const struct ends inside = {&flow->relay_port->local, &flow->peer};
	bool is_up = d == FLOW_UP;
	const struct ends in = is_up ? outside : (struct ends){inside.to, inside.from};
	const struct ends out = is_up ? inside : (struct ends){outside.to, outside.from};
	uint16_t channel = htobe16(flow->channel);

	*key = (struct kernel_key){.sport = htobe16(in.from->port),
		.dport = htobe16(in.to->port),
		.channel = is_up ? channel : 0};
	memcpy(key->src, in.from->ip, sizeof(key->src));
	memcpy(key->dst, in.to->ip, sizeof(key->dst));
	memcpy(lane->src, out.from->ip, sizeof(lane->src));
	memcpy(lane->dst, out.to->ip, sizeof(lane->dst));
	lane->sport = htobe16(out.from->port);
	lane->dport = htobe16(out.to->port);
	lane->channel = channel;
	lane->from = key->sport;
	lane->flags = (is_up ? KERNEL_UP : 0) | (out.to->family == ADDR_IPV6 ? KERNEL_IPV6 : 0);
	lane->pseudo = fold((uint64_t)fold(sum_ip(out.from) + sum_ip(out.to)) +
			    (uint16_t)~fold(sum_ip(in.from) + sum_ip(in.to)));
	lane->rest = fold((uint64_t)lane->sport + lane->dport + (uint16_t)~key->sport +
			  (uint16_t)~key->dport + (is_up ? (uint16_t)~channel : channel));
	lane->account = 0;
	lane->packets = lane->bytes = 0;
	lane->refused = lane->refused_bytes = 0;
}
