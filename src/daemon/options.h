/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * The configuration file as C structs: what the option tables in options/ fill. Plain data that
 * lives in its conf_doc. A user reads the same in sallyport.yaml(5), printed from the tables.
 */
#ifndef DAEMON_OPTIONS_H
#define DAEMON_OPTIONS_H

#include <sallyport/conf.h>

#include "options_access.h"
#include "options_mediation.h"

struct options_log {
	int level; /* enum log_level */
	const char *file;
	bool privacy;
};

#define OPTIONS_CERTIFICATES_MAX 64
struct options_certificate {
	const char *certificate;
	const char *private_key;
};

struct options_face {
	const char *name;
	int location;                    /* index: 0 internet, 1 intranet */
	struct conf_list listen;         /* struct addr */
	struct conf_list tcp;            /* struct addr */
	struct conf_list tls;            /* struct addr */
	struct conf_list dtls;           /* struct addr */
	struct conf_list proxy_protocol; /* struct prefix */
	bool behavior_discovery;
	int proxy_protocol_udp; /* index: 0 each, 1 first */
	const char *certificate;
	const char *private_key;
	struct conf_list certificates; /* struct options_certificate: further ones */
	struct conf_list advertise;    /* struct addr; empty: as listen */
	const char *host;
	const char *tenant; /* NULL: whoever the server name or the key chooses */
};

struct options_relay_address {
	struct addr address;
	struct addr advertise; /* family NONE: as address */
};

struct options_relay {
	struct conf_list addresses; /* struct options_relay_address */
	struct conf_ports ports;
	uint64_t shared_port; /* 0: none */
	bool tcp;
};

struct options_peers {
	struct conf_list allow; /* struct prefix */
	struct conf_list deny;
};

struct options_limits {
	uint64_t allocations;
	uint64_t subject_allocations;
	uint64_t allocation_bps;
	uint64_t allocation_packets;
	uint64_t subject_bps;
	uint64_t node_bps;
	uint64_t challenge_rate;
	uint64_t binding_rate;
	uint64_t permissions;
	uint64_t channels;
	uint64_t peer_connections;
	uint64_t default_lifetime_s;
	uint64_t max_lifetime_s;
	uint64_t max_connections;
	uint64_t connections_per_client;
	uint64_t connection_buffer;
};

struct options_alternate {
	struct addr address;
	uint64_t tls_port;
	const char *domain;
	int location; /* index: 0 internet, 1 intranet */
};

struct options_edge {
	const char *realm;
	uint64_t node;
	struct conf_list faces; /* struct options_face */
	struct options_relay relay;
	struct options_peers peers;
	struct options_limits limits;
	bool strict_channels;
	bool mobility;
	bool icmp_errors;
	bool sha256;
	bool software;
	uint64_t receive_buffer;
	int datapath;                /* enum datapath_kind */
	uint64_t busy_poll;          /* us */
	struct conf_list alternates; /* struct options_alternate */
	const char *redirect_above;
};

struct options_key {
	const char *secret_file;
	const char *derive_from_key;
	uint64_t sign_from;
	uint64_t verify_until;
};

struct options_oauth_key {
	const char *kid;
	int algorithm; /* index: 0 A256GCM, 1 A128GCM */
	const char *key;
	const char *key_file;
	uint64_t verify_until;
};

struct options_client {
	const char *name;
	const char *tenant;          /* NULL: the default one */
	struct conf_list san;        /* const char * */
	struct conf_list pins;       /* const char * */
	struct conf_list tokens;     /* const char * */
	struct conf_list roles;      /* int: index of issue, admin */
	struct conf_list identities; /* const char * */
	struct conf_list locations;  /* int: index of internet, intranet */
	uint64_t max_duration_s;
	uint64_t rate;
};

struct options_mras {
	struct conf_list listen; /* struct addr */
	const char *certificate;
	const char *private_key;
	const char *client_ca;
	const char *client_crl;
	struct conf_list keys;    /* struct options_key */
	struct conf_list clients; /* struct options_client */
	uint64_t default_duration_s;
	uint64_t max_duration_s;
	uint64_t session_grace_s;
	uint64_t clock_skew_s;
	uint64_t nonce_lifetime_s;
	bool turn_rest;
	struct conf_list turn_rest_secrets; /* const char *: files */
	struct conf_list oauth_keys;        /* struct options_oauth_key */
	const char *oauth_server_name;
	bool bearer_tokens;
	const char *revocation_file;
	uint64_t max_connections;
};

struct options_admin {
	const char *socket;
	struct conf_list listen; /* struct addr */
};

#define OPTIONS_TENANTS_MAX 256
struct options_tenant_limits {
	uint64_t allocations;
	uint64_t subject_allocations;
	uint64_t allocation_bps;
	uint64_t subject_bps;
	uint64_t tenant_bps;
	uint64_t default_lifetime_s;
	uint64_t max_lifetime_s;
};

struct options_tenant {
	const char *name;
	const char *realm;
	struct conf_list hosts; /* const char * */
	bool by_key;
	struct conf_list keys;              /* struct options_key */
	struct conf_list turn_rest_secrets; /* const char *: files */
	struct conf_list oauth_keys;        /* struct options_oauth_key */
	const char *oauth_server_name;
	const char *revocation_file;
	struct conf_list certificates; /* struct options_certificate */
	struct options_tenant_limits limits;
	struct options_peers peers;
};

struct options {
	const char *workers; /* "auto" or a number */
	const char *user;
	struct options_log log;
	bool has_edge; /* and "mras": neither is without the other */
	struct options_edge edge;
	bool has_mras;
	struct options_mras mras;
	struct conf_list tenants; /* struct options_tenant */
	bool has_access;
	struct options_access access;
	bool has_mediation;
	struct options_mediation mediation;
	struct options_admin admin;
};

extern const struct conf_option options_table[];
extern const struct conf_option options_edge_table[];
extern const struct conf_option options_mras_table[];
extern const struct conf_option options_tenant_table[];
/* Parts that the tenants' table has too. */
extern const struct conf_option options_key_table[];
extern const struct conf_option options_peers_table[];
extern const struct conf_option options_certificate_table[];
void options_check_lifetimes(
	struct conf_doc *doc, const uint64_t *default_s, const uint64_t *max_s);
void options_check_keys(struct conf_doc *doc, const struct conf_list *keys);
extern const struct conf_option options_oauth_key_table[];
void options_check_oauth_keys(struct conf_doc *doc, const struct conf_list *keys);
void options_check_tenants(struct conf_doc *doc, const struct options *o);

/* faces.c */
extern const struct conf_option options_face_table[];
void options_check_faces(struct conf_doc *doc, const struct options_edge *e);

/* alternates.c */
extern const struct conf_option options_alternates_table[];
void options_alternates_check(struct conf_doc *doc, const struct options_edge *e);

#define OPTIONS_WORKERS_MAX 128
/* "auto": the cores this process may run on. Checked when loaded, so it cannot fail. */
unsigned options_workers(const struct options *o);

#endif
