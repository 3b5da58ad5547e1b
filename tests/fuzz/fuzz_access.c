/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * The door with a message from a stranger, or from the front end. Nothing opens as a token that the
 * door has not sealed, and whatever it sends on is a message that can be read. Where the text $F
 * stands, a token for a connection is put, so that messages get past the first look.
 */
#include <stdlib.h>
#include <string.h>

#include "../../src/access/token.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static const uint8_t key[ACCESS_KEY_LEN] = {1, 2, 3, 4};
static const char *const domains[] = {"example.net"};
static const struct access_face face = {"edge.example.net", 5061, SIP_TLS};

static void must(bool is_true)
{
	if (!is_true)
		abort();
}

struct wire {
	uint8_t bytes[SIP_MSG_MAX];
	size_t len;
};

static int keep(struct wire *w, struct bytes m)
{
	struct sip_msg msg;

	must(m.len <= sizeof(w->bytes));
	memcpy(w->bytes, m.data, m.len);
	w->len = m.len;
	must(sip_msg_decode(m.data, m.len, SIP_STREAM, &msg) != SIP_BODY_SHORT);
	return 0;
}

static int send_outside(void *arg, uint64_t flow, struct bytes m)
{
	(void)flow;
	return keep(arg, m);
}

static int send_inside(void *arg, const struct access_way *way, struct bytes m)
{
	(void)way;
	return keep(arg, m);
}

static int service(void *arg, const struct access_arrival *a, struct bytes document)
{
	(void)arg;
	(void)a;
	(void)document;
	return 0;
}

static void vouch(void *arg, uint64_t flow)
{
	(void)arg;
	(void)flow;
}

/* The message with each $F in it replaced. */
static size_t fill(const uint8_t *data, size_t size, uint8_t *out, size_t cap)
{
	char token[TOKEN_FLOW_TEXT_MAX + 1];
	size_t len = 0;

	must(token_flow_seal(key, 5, token) == 0);
	for (size_t i = 0; i < size; i++) {
		bool is_mark = size - i >= 2 && data[i] == '$' && data[i + 1] == 'F';
		size_t n = is_mark ? strlen(token) : 1;
		if (n > cap - len)
			break;
		memcpy(out + len, is_mark ? (const void *)token : &data[i], n);
		len += n;
		i += is_mark;
	}
	return len;
}

static void never_opens(const uint8_t *data, size_t size)
{
	static uint8_t out[TOKEN_CONTENT_MAX];
	struct sip_str text = sip_str_of(data, size);
	size_t len;

	for (int kind = TOKEN_FLOW; kind <= TOKEN_VIAS; kind++)
		must(token_open(key, (enum token_kind)kind, text, out, &len) != 0);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	static const struct access_rules rules = {
		.domains = domains, .n_domains = 1, .media_relay = "sip:mras@example.net"};
	static const struct crypto_peer peer = {.has_certificate = true};
	static uint8_t message[SIP_MSG_MAX];
	static metrics_cell cells[ACCESS_C_COUNT];
	static struct wire wire;
	const struct clock clock = {1000, 1000};
	struct access_config c = {.clock = &clock,
		.cells = cells,
		.carrier = {send_outside, send_inside, service, vouch, vouch, &wire},
		.outside = &face,
		.n_outside = 1,
		.inside = {"10.10.0.11", 5061, SIP_TLS},
		.max_flows = 4,
		.rules = &rules};
	struct access_arrival a = {.flow = 5, .remote = addr_ipv4(1, 2)};

	log_level_set(LOG_LEVEL_ERROR);
	if (size == 0 || size > SIP_MSG_MAX)
		return 0;
	never_opens(data, size);
	memcpy(c.key, key, sizeof(key));
	struct access *door = access_create(&c);
	must(door != NULL);

	/* A connection that the token leads to. */
	static const char hello[] =
		"OPTIONS sip:edge.example.net SIP/2.0\r\n"
		"Via: SIP/2.0/TLS h;branch=z9hG4bKx\r\nFrom: <sip:a@h>;tag=a\r\n"
		"To: <sip:b@h>\r\nCall-ID: c\r\nCSeq: 1 OPTIONS\r\n"
		"Content-Length: 0\r\n\r\n";
	a.message = bytes_str(hello);
	access_receive_outside(door, &a);
	must(wire.len > 0);

	wire.len = 0;
	a.message = bytes_of(message, fill(data + 1, size - 1, message, sizeof(message)));
	a.peer = data[0] & 1 ? &peer : NULL;
	if (a.peer)
		access_receive_inside(door, &a);
	else
		access_receive_outside(door, &a);
	/* What has come of it goes round: the other side is a mirror. */
	a.message = bytes_of(wire.bytes, wire.len);
	a.peer = a.peer ? NULL : &peer;
	memcpy(message, wire.bytes, wire.len);
	a.message.data = message;
	if (wire.len && a.peer)
		access_receive_inside(door, &a);
	else if (wire.len)
		access_receive_outside(door, &a);
	access_destroy(door);
	return 0;
}
