/* SPDX-License-Identifier: BSD-3-Clause */
/* The section "access" as C structs: the SIP door for clients outside. */
#ifndef DAEMON_OPTIONS_ACCESS_H
#define DAEMON_OPTIONS_ACCESS_H

#include <sallyport/conf.h>

struct options_access_inside {
	struct conf_list listen; /* struct addr */
	const char *host;        /* NULL: the first address */
	const char *certificate;
	const char *private_key;
	const char *ca;
	const char *crl;              /* NULL: none */
	const char *next_hop;         /* "NAME", "NAME:PORT" */
	struct conf_list peers;       /* const char *: names in certificates */
	struct conf_list dns_servers; /* const char *: none: those of the host */
};

struct options_access_limits {
	uint64_t connections;
	uint64_t connections_per_client;
	uint64_t handshakes;
	uint64_t strangers;
	uint64_t strangers_per_client;
	uint64_t stranger_time_s;
	uint64_t stranger_rate;
	uint64_t client_rate;
	uint64_t message_size;
	uint64_t idle_s;
};

struct options_access {
	const char *host;
	struct conf_list tls; /* struct addr */
	struct conf_list wss; /* struct addr */
	const char *certificate;
	const char *private_key;
	struct conf_list domains; /* const char * */
	struct conf_list origins; /* const char * */
	const char *media_relay;  /* NULL: none */
	uint64_t flow_timer_s;
	struct options_access_inside inside;
	struct options_access_limits limits;
};

extern const struct conf_option options_access_table[];

/* The check of the section as a whole. */
void options_check_access(struct conf_doc *doc, void *section);

/* The host and port (0: none) of "next_hop". ERR_MALFORMED; after the check it is right. */
#define OPTIONS_HOST_LEN 256
int options_next_hop(
	const struct options_access_inside *i, char host[OPTIONS_HOST_LEN], uint16_t *port);

#endif
