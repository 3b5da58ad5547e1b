/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * The thread of the SIP door, as its files share it.
 *
 *   thread.c    its life, and what main tells it
 *   door.c      joins the transports, the door and the front end
 *   upstream.c  the front end's nodes: where they are, which of them answer
 *   service.c   requests for credentials, which main decides
 */
#ifndef DAEMON_ACCESS_PRIV_H
#define DAEMON_ACCESS_PRIV_H

#include <sallyport/access.h>
#include <sallyport/loop/dns.h>
#include <sallyport/net.h>
#include <sallyport/sip/transport.h>
#include <sallyport/sip/transport/locate.h>

#include "../access_thread.h"

/* ---- the front end ---- */

#define UPSTREAM_BRANCH_LEN 40

struct upstream_node {
	struct sip_target target;
	bool is_up;
	struct sip_flow flow;             /* that the last OPTIONS went by */
	uint64_t asked_ms, heard_ms;      /* last OPTIONS, last answer; 0: never */
	char branch[UPSTREAM_BRANCH_LEN]; /* of an OPTIONS without answer; "": none */
};

struct upstream {
	struct access_thread *thread; /* not owned */
	struct sip_locator *locator;
	struct sip_location *location; /* NULL: nobody is looked for */
	struct sip_next_hop hop;
	struct upstream_node nodes[SIP_TARGETS_MAX];
	size_t n;
	uint64_t located_ms; /* 0: never */
	bool is_located;     /* the last time */
	struct wheel_timer tick;
	uint32_t n_asked;
	bool is_lost; /* ... and the log has been told */
};

int upstream_init(struct upstream *u, struct access_thread *t);
void upstream_begin(struct upstream *u); /* on the thread */
void upstream_fini(struct upstream *u);
/* Is this message from inside an answer to an OPTIONS of ours? */
bool upstream_takes(struct upstream *u, const struct sip_arrival *a);
void upstream_closed(struct upstream *u, struct sip_flow flow);
/* As struct access_carrier's send_inside. */
int upstream_send(struct upstream *u, const struct access_way *way, struct bytes message);
/* May whoever has this certificate speak for the front end? */
bool upstream_is_peer(const struct upstream *u, const struct crypto_peer *peer);

/* ---- the thread ---- */

/* What may change, made on main. */
struct access_news {
	struct access_rules rules;
	struct ssl_ctx_st *outside, *inside, *client; /* counted */
	char *strings;                                /* of the rules */
	const char *domains[];
};

struct access_thread {
	struct access_thread_config config;
	struct conf_doc *doc; /* its own: what is bound stays while the process lives */
	const struct options_access *options; /* in DOC */
	struct loop *loop;
	struct loop_thread *thread; /* NULL: does not run */
	struct net *net;
	struct dns *dns;
	struct access_news *news; /* in force */
	struct access_face *faces;
	char inside_host[OPTIONS_HOST_LEN];
	struct sip_transport_layer *outside, *inside; /* apart, so that strangers take no place */
	struct upstream upstream;
	struct access *access;
	unsigned n_asked; /* requests for credentials that main has not answered */
	struct log_limit strangers;
};

/* ---- door.c ---- */

struct sip_transport_user door_outside(struct access_thread *t);
struct sip_transport_user door_inside(struct access_thread *t);
struct access_carrier door_carrier(struct access_thread *t);

/* ---- service.c ---- */

int service_ask(struct access_thread *t, const struct access_arrival *a, struct bytes document);

#endif
