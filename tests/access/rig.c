/* SPDX-License-Identifier: BSD-3-Clause */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "rig.h"

static const char *const domains[] = {"example.net", "example.org"};
static const struct access_face faces[] = {{EDGE, 5061, SIP_TLS}, {EDGE, 443, SIP_WSS}};

static void keep(char *out, struct bytes m)
{
	memcpy(out, m.data, m.len);
	out[m.len] = '\0';
}

static int send_outside(void *arg, uint64_t flow, struct bytes m)
{
	struct rig *r = arg;

	if (r->outside_rc == 0)
		keep(r->outside, m);
	r->outside_flow = flow;
	return r->outside_rc;
}

static int send_inside(void *arg, const struct access_way *way, struct bytes m)
{
	struct rig *r = arg;

	if (r->inside_rc == 0)
		keep(r->inside, m);
	r->inside_way = *way;
	return r->inside_rc;
}

static int service(void *arg, const struct access_arrival *a, struct bytes document)
{
	struct rig *r = arg;

	(void)a;
	assert_true(document.len < sizeof(r->document));
	keep(r->document, document);
	return r->service_rc;
}

static void vouch(void *arg, uint64_t flow)
{
	((struct rig *)arg)->vouched_flow = flow;
}

static void end(void *arg, uint64_t flow)
{
	((struct rig *)arg)->ended_flow = flow;
}

int rig_setup(void **state)
{
	struct rig *r = calloc(1, sizeof(*r));

	r->rules = (struct access_rules){.domains = domains,
		.n_domains = 2,
		.media_relay = "sip:mras@example.net",
		.flow_timer_s = 120,
		.retry_after_s = 10};
	const struct access_config c = {.clock = &r->clock,
		.cells = r->cells,
		.key = {1, 2, 3},
		.hash = {4, 5},
		.carrier = {send_outside, send_inside, service, vouch, end, r},
		.outside = faces,
		.n_outside = 2,
		.inside = {EDGE_INNER, 5061, SIP_TLS},
		.max_flows = 4,
		.rules = &r->rules};
	r->access = access_create(&c);
	r->clock.mono_ms = 1000;
	*state = r;
	return r->access ? 0 : -1;
}

int rig_teardown(void **state)
{
	struct rig *r = *state;

	access_destroy(r->access);
	free(r);
	return 0;
}

static size_t with_crlf(const char *text, char *out)
{
	size_t len = 0;

	for (; *text; text++) {
		if (*text == '\n')
			out[len++] = '\r';
		out[len++] = *text;
	}
	return len;
}

static struct access_arrival arrival(struct rig *r, const char *message, char *bytes)
{
	r->outside[0] = r->inside[0] = r->document[0] = '\0';
	r->outside_flow = 0;
	return (struct access_arrival){.message = bytes_of(bytes, with_crlf(message, bytes))};
}

static void from_client_at(struct rig *r, uint32_t face, uint64_t flow, const char *message)
{
	char bytes[2 * SIP_MSG_MAX];
	struct access_arrival a = arrival(r, message, bytes);

	a.face = face;
	a.flow = flow;
	/* 198.51.100.7, and .8 in the same network */
	a.remote = addr_ipv4(flow == NEIGHBOUR ? 0xc6336408 : 0xc6336407, (uint16_t)flow);
	access_receive_outside(r->access, &a);
}

void from_client(struct rig *r, uint64_t flow, const char *message)
{
	from_client_at(r, 0, flow, message);
}

void from_web_client(struct rig *r, uint64_t flow, const char *message)
{
	from_client_at(r, 1, flow, message);
}

void from_inside(struct rig *r, const char *message)
{
	static const struct crypto_peer peer = {.has_certificate = true};
	char bytes[2 * SIP_MSG_MAX];
	struct access_arrival a = arrival(r, message, bytes);

	a.flow = FRONT_END;
	a.peer = &peer;
	a.remote = addr_ipv4(0x0a0a0005, 5061); /* 10.10.0.5 */
	access_receive_inside(r->access, &a);
}

void assert_has(const char *message, const char *text)
{
	if (!strstr(message, text))
		fail_msg("no \"%s\" in:\n%s", text, message);
}

void assert_has_not(const char *message, const char *text)
{
	if (strstr(message, text))
		fail_msg("\"%s\" in:\n%s", text, message);
}

void header_of(const char *message, const char *name, char out[4096])
{
	struct sip_msg m;
	const struct sip_header *h;

	assert_int_equal(sip_msg_decode(message, strlen(message), SIP_STREAM, &m), SIP_FINE);
	h = sip_header_first(&m, sip_header_find(sip_str_c(name)));
	if (!h || h->value.len >= 4096)
		fail_msg("no %s in:\n%s", name, message);
	memcpy(out, h->value.at, h->value.len);
	out[h->value.len] = '\0';
}

const char *filled(char out[SIP_MSG_MAX], const char *template, const char *a, const char *b)
{
	size_t len = 0;

	for (const char *p = template; *p; p++) {
		const char *with = p[0] == '$' && p[1] == '1'   ? a
				   : p[0] == '$' && p[1] == '2' ? b
								: NULL;
		if (with) {
			len += (size_t)sprintf(out + len, "%s", with);
			p++;
		} else {
			out[len++] = *p;
		}
	}
	out[len] = '\0';
	return out;
}

uint64_t counted(struct rig *r, enum access_counter c)
{
	return metrics_get(r->cells, c);
}
