/* SPDX-License-Identifier: BSD-3-Clause */
/* The section "mediation" as C structs: gateways, trunks to them, and which call leaves by which.
 */
#ifndef DAEMON_OPTIONS_MEDIATION_H
#define DAEMON_OPTIONS_MEDIATION_H

#include <sallyport/conf.h>
#include <sallyport/mediation/policy.h>

#define OPTIONS_TRUNKS_MAX   256
#define OPTIONS_ROUTES_MAX   1024
#define OPTIONS_USAGES_MAX   64
#define OPTIONS_RULES_MAX    64 /* of one list */
#define OPTIONS_GATEWAYS_MAX 256
#define OPTIONS_POOLS_MAX    32
#define OPTIONS_NODES_MAX    64
#define OPTIONS_NAMES_MAX    64 /* that may call from the inside */

enum options_sip_transport {
	OPTIONS_SIP_TLS,
	OPTIONS_SIP_TCP,
	OPTIONS_SIP_UDP,
};

enum options_gateway_kind {
	OPTIONS_PSTN_GATEWAY,
	OPTIONS_IP_PBX,
	OPTIONS_SBC,
};

struct options_gateway {
	const char *name;
	int kind;            /* enum options_gateway_kind */
	const char *host;    /* name or address */
	struct addr address; /* without port; family NONE: as host says */
};

/* Whom one side is shown, and whom it trusts. */
struct options_sip_tls {
	const char *certificate;
	const char *private_key;
	const char *ca;
	const char *crl;
};

struct options_client_tls {
	struct options_sip_tls files; /* first: their rows are those of trunk_tls */
	struct conf_list names;       /* const char *; empty: the front end's host */
};

struct options_next_hop {
	const char *host;
	uint64_t port;       /* 0: as its name says, or 5061 */
	struct addr address; /* as that of a gateway */
	const char *domain;  /* NULL: host */
};

struct options_trunk_listen {
	struct conf_ports tls, tcp, udp; /* first 0: none */
};

struct options_pool {
	const char *name;
	struct conf_list nodes; /* const char * */
	bool colocated;
	uint64_t client_port;
	bool has_client_tls, has_trunk_tls, has_next_hop;
	struct options_client_tls client_tls;
	struct options_sip_tls trunk_tls;
	struct options_next_hop next_hop;
	struct options_trunk_listen trunk_listen;
	const char *primary_address; /* an address, or "auto/PREFIX" */
	const char *pstn_address;    /* NULL: as primary */
	const char *default_trunk;
	struct conf_ports audio_ports;
	int client_srtp; /* as enum policy_srtp */
};

enum options_connection {
	OPTIONS_LAN,
	OPTIONS_MPLS,
	OPTIONS_PRIVATE,
	OPTIONS_INTERNET,
	OPTIONS_VPN,
};

/* OPTIONS that a trunk sends. */
struct options_ping {
	bool send;
	uint64_t interval_s;
	uint64_t fail_after;
};

struct options_registration {
	const char *domain; /* NULL: the gateway's host */
	const char *user;
	const char *auth_user; /* NULL: user */
	const char *password_file;
	uint64_t expires_s;
};

struct options_trunk {
	const char *name;
	bool root;
	const char *mediation; /* "POOL:PORT/TRANSPORT" */
	const char *gateway;   /* "GATEWAY:PORT" */
	const char *site;
	int connection; /* enum options_connection */
	bool enabled;
	uint64_t max_calls; /* 0: no limit of its own */
	bool has_registration;
	struct options_registration registration;
};

struct options_rule {
	const char *match;
	const char *replace;
};

struct options_response {
	uint64_t sip; /* 0: any */
	const char *q850;
	uint64_t to;
};

enum options_codec {
	OPTIONS_PCMA,
	OPTIONS_PCMU,
	OPTIONS_CODECS,
};

/* Written in one section with the rest of the settings. */
struct options_trunk_media {
	bool rtcp_active, rtcp_hold;
	uint64_t rtcp_timeout_s;
	bool rtp_latching;
	bool sdp_attributes;
	struct conf_list codecs; /* int: enum options_codec; best first */
	uint64_t dtmf_pt;
	bool cn;
};

enum options_refer {
	OPTIONS_REFER_NONE,
	OPTIONS_REFER_3PCC,
	OPTIONS_REFER_SEND,
};

struct options_trunk_settings {
	const char *scope;
	int srtp; /* index: 0 none, 1 optional, 2 required, as enum policy_srtp */
	uint64_t fast_failover_s;
	bool session_timer;
	int refer; /* enum options_refer */
	bool accept_refer;
	struct conf_list failover_codes; /* uint64_t */
	struct conf_list response_map;   /* struct options_response */
	struct options_ping options;
	struct options_trunk_media media;
	bool remove_plus;
	struct conf_list called_rules;  /* struct options_rule */
	struct conf_list calling_rules; /* struct options_rule */
	struct conf_list usages;        /* const char *: in the order they are tried */
};

struct options_route {
	const char *name;
	const char *match;
	uint64_t priority;
	struct conf_list usages; /* const char * */
	struct conf_list trunks; /* const char * */
	int spread;              /* enum policy_spread */
	bool suppress_caller_id;
	const char *alternate_caller_id;
};

struct options_records {
	const char *file; /* NULL: none are written */
};

struct options_mediation {
	struct conf_list gateways;       /* struct options_gateway */
	struct conf_list pools;          /* struct options_pool */
	struct conf_list trunks;         /* struct options_trunk */
	struct conf_list trunk_settings; /* struct options_trunk_settings */
	struct conf_list usages;         /* const char *: in the order they are tried */
	struct conf_list routes;         /* struct options_route */
	struct conf_list dial_rules;     /* struct options_rule */
	struct options_records records;
	struct conf_list dns_servers; /* const char *; empty: those of the system */
};

extern const struct conf_option options_mediation_table[];
extern const struct conf_option options_trunk_table[];
extern const struct conf_option options_trunk_settings_table[];
extern const struct conf_option options_route_table[];
extern const struct conf_option options_rule_table[];
extern const struct conf_option options_ping_table[];
extern const struct conf_option options_registration_table[];

void options_check_registration(struct conf_doc *doc, const struct options_trunk *t);
/* The check of the section as a whole. */
void options_check_mediation(struct conf_doc *doc, void *section);
/* That of which calls may go from trunk to trunk: a part of it. */
void options_check_inter_trunk(struct conf_doc *doc, const struct options_mediation *m);
/* Warns of what narrower sets of "trunk_settings" take back. */
void options_check_scopes(struct conf_doc *doc, const struct options_mediation *m);
bool options_has_usage(const struct options_mediation *m, const char *name);

/*
 * What a trunk's ends are made of; slices of its options. ERR_MALFORMED. After the check both are
 * right and the names are of a pool and a gateway.
 */
struct options_trunk_end {
	struct bytes name;
	uint16_t port;                        /* 0 at the gateway: as its SRV records say */
	enum options_sip_transport transport; /* of the pool's end */
};
int options_trunk_mediation(const struct options_trunk *t, struct options_trunk_end *out);
int options_trunk_gateway(const struct options_trunk *t, struct options_trunk_end *out);
const char *options_sip_transport_name(enum options_sip_transport t); /* "tls" */

const struct options_gateway *options_gateway_find(
	const struct options_mediation *m, struct bytes name);
const struct options_pool *options_pool_find(const struct options_mediation *m, struct bytes name);
const struct options_trunk *options_trunk_find(const struct options_mediation *m, const char *name);
/* The set that counts for T; NULL when the file has none for it. */
const struct options_trunk_settings *options_trunk_settings_of(
	const struct options_mediation *m, const struct options_trunk *t);

/* The pool that has the client side; NULL: none. */
const struct options_pool *options_client_pool(const struct options_mediation *m);
/* What P shows and trusts on the side of its trunks; NULL: nothing. */
const struct options_sip_tls *options_trunk_tls(const struct options_pool *p);
/* The address that HOST is, or that stands beside it; family NONE: there is a name alone. */
struct addr options_host_address(const char *host, const struct addr *address);
/* Does it lead to the public telephone network? */
bool options_gateway_is_pstn(const struct options_gateway *g);

/* What of a trunk others could listen to, by what its options say of its network. */
enum options_clear {
	OPTIONS_CLEAR_NOTHING,
	OPTIONS_CLEAR_MEDIA,
	OPTIONS_CLEAR_ALL,
};
enum options_clear options_trunk_clear(
	const struct options_mediation *m, const struct options_trunk *t);

/* "any" is -1, else 0..127. ERR_MALFORMED. */
int options_q850(const char *text, int16_t *out);
/* "192.0.2.1" or "auto/192.0.2.0/24": the one address of the node in that network. ERR_MALFORMED.
 */
int options_own_address(const char *text, struct addr *address, struct prefix *network);

#endif
