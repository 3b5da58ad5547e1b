/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * Binding requests to a server that answers from other listeners and to other ports: at most one
 * answer, to the address that asked, and with padding no longer than the request. The first byte
 * picks the listener, the rest is attributes.
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "../turn/client.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

#define ATTRS_MAX 2000
#define BARE_MAX  72 /* an answer without padding, its FINGERPRINT included */
#define ERROR_MAX 128

static void require(bool ok, const char *what)
{
	if (ok)
		return;
	fprintf(stderr, "%s\n", what);
	abort();
}

static void look(const struct fixture *f, const struct packet *p, const struct addr *client,
	size_t request_len)
{
	struct stun_msg m;
	bool is_error = p->len > 1 && p->data[0] == 1 && p->data[1] == 0x11;

	require(f->n_sent == 0, "more than one answer");
	require(addr_equal_ip(&p->to, client) && p->to.port != 0, "sent to somebody else");
	require(p->len <= request_len || p->len <= (is_error ? ERROR_MAX : BARE_MAX),
		"longer than the request");
	require(stun_msg_decode(p->data, p->len, &m) == 0 || be32_get(p->data + 4) != STUN_MAGIC,
		"malformed answer");
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	static const char *const places[TURN_BEHAVIOR_PLACES] = {
		LISTENER4, "203.0.113.1:3479", "203.0.113.2:3478", "203.0.113.2:3479"};
	uint8_t request[STUN_HEADER_LEN + ATTRS_MAX] = {0, 1, 0, 0, 0x21, 0x12, 0xa4, 0x42};
	struct net_port *ports[TURN_BEHAVIOR_PLACES];
	struct turn_behavior behavior;
	struct fixture_config config;
	struct client c;

	if (size < 1 || size - 1 > ATTRS_MAX)
		return 0;
	fixture_defaults(&config);
	config.turn.behaviors = &behavior;
	config.turn.n_behaviors = 1;
	for (size_t i = 0; i < ARRAY_LEN(places); i++)
		behavior.local[i] = behavior.advertise[i] = at(places[i]);
	struct fixture *f = fixture_create(&config);
	ports[0] = f->listener4;
	for (size_t i = 1; i < ARRAY_LEN(places); i++)
		ports[i] = wire_listen(f, places[i]);
	client_init(&c, f, "192.0.2.7:40001");
	c.where.port = ports[data[0] % ARRAY_LEN(places)];
	if (data[0] & 4)
		request[4] = 0; /* an RFC 3489 client's */
	memcpy(request + STUN_HEADER_LEN, data + 1, size - 1);
	be16_put(request + 2, (uint16_t)(size - 1));

	wire_from_client(f, &c.where, request, STUN_HEADER_LEN + size - 1);
	const struct packet *p = wire_take(f);
	if (p)
		look(f, p, &c.where.addr, STUN_HEADER_LEN + size - 1);
	fixture_destroy(f);
	return 0;
}
