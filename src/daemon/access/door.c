/* SPDX-License-Identifier: BSD-3-Clause */
/* What joins the transports of both sides, the door between them, and the front end. */
#include <stdio.h>

#include "thread.h"

#define LOG_BURST 2 /* lines a second about certificates of others */

/* ---- outside ---- */

static void on_client(void *arg, const struct sip_arrival *a)
{
	struct access_thread *t = arg;
	const struct access_arrival from = {.message = a->message,
		.flow = sip_flow_pack(a->flow),
		.remote = a->remote,
		.face = a->listener};

	access_receive_outside(t->access, &from);
}

static void on_client_closed(void *arg, struct sip_flow flow, int why)
{
	(void)why;
	access_flow_closed(((struct access_thread *)arg)->access, sip_flow_pack(flow));
}

/* What a client has not got is a response to it, or a request that its sender asks for again. */
static void on_unsent(void *arg, uint64_t token, struct sip_flow flow, int why)
{
	(void)arg;
	(void)token;
	(void)flow;
	(void)why;
}

struct sip_transport_user door_outside(struct access_thread *t)
{
	return (struct sip_transport_user){
		.arrived = on_client, .failed = on_unsent, .closed = on_client_closed, .arg = t};
}

/* ---- inside ---- */

static void refuse_stranger(struct access_thread *t, const struct sip_arrival *a)
{
	char peer[ADDR_TEXT_LEN], name[LOG_NAME_LEN];
	const char *first = a->peer && a->peer->n_names ? a->peer->names[0] : "";
	uint32_t held;

	if (log_limit_ok(&t->strangers, loop_clock(t->loop)->mono_ms, LOG_BURST, &held))
		log_warning(LOG_SIP, "not the front end",
			"peer=%s name=%s held=%u hint=\"name it in access.inside.peers if it is "
			"to send here\"",
			log_addr(&a->remote, peer), log_name(first, strlen(first), name), held);
	sip_transport_close(t->inside, a->flow);
}

static void on_inside(void *arg, const struct sip_arrival *a)
{
	struct access_thread *t = arg;
	const struct access_arrival from = {.message = a->message,
		.flow = sip_flow_pack(a->flow),
		.remote = a->remote,
		.peer = a->peer};

	if (!a->peer || !upstream_is_peer(&t->upstream, a->peer))
		refuse_stranger(t, a);
	else if (!upstream_takes(&t->upstream, a))
		access_receive_inside(t->access, &from);
}

static void on_inside_closed(void *arg, struct sip_flow flow, int why)
{
	(void)why;
	upstream_closed(&((struct access_thread *)arg)->upstream, flow);
}

struct sip_transport_user door_inside(struct access_thread *t)
{
	return (struct sip_transport_user){
		.arrived = on_inside, .failed = on_unsent, .closed = on_inside_closed, .arg = t};
}

/* ---- the door's carrier ---- */

static int send_outside(void *arg, uint64_t flow, struct bytes message)
{
	struct access_thread *t = arg;

	return sip_transport_send(t->outside, sip_flow_unpack(flow), NULL, message, 0);
}

static int send_inside(void *arg, const struct access_way *way, struct bytes message)
{
	return upstream_send(&((struct access_thread *)arg)->upstream, way, message);
}

static int ask_main(void *arg, const struct access_arrival *a, struct bytes document)
{
	return service_ask(arg, a, document);
}

static void vouch(void *arg, uint64_t flow)
{
	sip_transport_vouch(((struct access_thread *)arg)->outside, sip_flow_unpack(flow));
}

static void end(void *arg, uint64_t flow)
{
	sip_transport_end(((struct access_thread *)arg)->outside, sip_flow_unpack(flow));
}

struct access_carrier door_carrier(struct access_thread *t)
{
	return (struct access_carrier){send_outside, send_inside, ask_main, vouch, end, t};
}
