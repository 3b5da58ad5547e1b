/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * A coturn configuration on its way to ours: read line by line into struct coturn_conf, written as
 * YAML, with a report that has one line for every key that stood in the file.
 *
 *   coturn.c         lines, and the whole of a conversion
 *   coturn_keys.c    the table of coturn's keys       coturn_take.c    reading their values
 *   coturn_peers.c   address ranges to prefixes       coturn_write.c   the YAML
 */
#ifndef CTL_COTURN_H
#define CTL_COTURN_H

#include <stdbool.h>
#include <stdio.h>
#include <sallyport/common.h>

#define COTURN_ADDRESSES_MAX 16
#define COTURN_STUN_PORT     3478 /* its default ports, and ours */
#define COTURN_STUNS_PORT    5349
#define COTURN_SECRETS_MAX   16
#define COTURN_TEXT_MAX      512
#define COTURN_WHY_LEN       256
#define COTURN_PREFIXES_MAX  4096

struct coturn_prefixes {
	struct prefix *items; /* owned */
	size_t n, cap;
};

struct coturn_addresses {
	struct addr items[COTURN_ADDRESSES_MAX];
	size_t n;
};

/* external-ip=PUBLIC/PRIVATE; PRIVATE's family is NONE when it is not given. */
struct coturn_external {
	struct addr advertise, local;
};

/* Another server; a port is 0 where it is not reached that way. */
struct coturn_alternate {
	struct addr address; /* with its port for UDP and TCP */
	uint16_t tls_port;
};

/* What coturn was told. Numbers are 0 and texts empty where the file says nothing. */
struct coturn_conf {
	struct coturn_addresses listen, relay;
	struct coturn_external external[COTURN_ADDRESSES_MAX];
	size_t n_external;
	struct coturn_alternate alternates[COTURN_ADDRESSES_MAX];
	size_t n_alternates;
	uint16_t port, tls_port;
	uint16_t first_port, last_port;
	uint32_t workers;
	char realm[COTURN_TEXT_MAX];
	char certificate[COTURN_TEXT_MAX];
	char private_key[COTURN_TEXT_MAX];
	char log_file[COTURN_TEXT_MAX];
	char user[COTURN_TEXT_MAX];
	char secrets[COTURN_SECRETS_MAX][COTURN_TEXT_MAX];
	size_t n_secrets;
	struct coturn_prefixes allowed, denied;
	bool no_tcp, no_tls, no_dtls, no_tcp_relay;
	bool is_loopback_open, has_mobility, has_software, is_strict, is_verbose;
	bool has_users;
	bool has_prometheus;
	uint16_t prometheus_port;
	struct addr prometheus; /* family NONE: coturn's default, every address */
	uint64_t nonce_lifetime_s, max_lifetime_s;
	uint64_t max_bps, capacity_bps; /* bytes per second, as coturn counts */
	uint64_t user_quota, total_quota;
	uint64_t socket_buffer;
};

/* What became of a key. */
enum coturn_outcome {
	COTURN_CONVERTED,
	COTURN_DEFAULT, /* it is so anyway; nothing to write */
	COTURN_DROPPED, /* there is no such thing; the text says what to do */
	COTURN_UNKNOWN, /* coturn does not know it either */
	COTURN_BAD,     /* the value cannot be read */
	COTURN_OUTCOMES,
};

/* A key of coturn's. */
struct coturn_key {
	const char *name;
	/* Puts VALUE ("" when there is none) into C. 0, or ERR_MALFORMED, ERR_FULL, -ENOMEM. NULL:
	 * nothing is taken. */
	int (*take)(struct coturn_conf *c, const char *value);
	enum coturn_outcome outcome; /* when it is taken without an error */
	const char *text;            /* for the report: where it went, or what to do */
};

/* NULL for a key that no version of coturn has. Single letters of the command line count. */
const struct coturn_key *coturn_key_find(const char *name);

/* coturn's booleans: nothing, 1, yes, true, on; 0, no, false, off. ERR_MALFORMED. */
int coturn_flag(const char *value, bool *out);

/* coturn_take.c */
int coturn_take_listen(struct coturn_conf *c, const char *value);
int coturn_take_relay(struct coturn_conf *c, const char *value);
int coturn_take_external(struct coturn_conf *c, const char *value);
int coturn_take_alternate(struct coturn_conf *c, const char *value);
int coturn_take_tls_alternate(struct coturn_conf *c, const char *value);
int coturn_take_port(struct coturn_conf *c, const char *value);
int coturn_take_tls_port(struct coturn_conf *c, const char *value);
int coturn_take_first_port(struct coturn_conf *c, const char *value);
int coturn_take_last_port(struct coturn_conf *c, const char *value);
int coturn_take_workers(struct coturn_conf *c, const char *value);
int coturn_take_realm(struct coturn_conf *c, const char *value);
int coturn_take_certificate(struct coturn_conf *c, const char *value);
int coturn_take_private_key(struct coturn_conf *c, const char *value);
int coturn_take_log_file(struct coturn_conf *c, const char *value);
int coturn_take_user(struct coturn_conf *c, const char *value);
int coturn_take_secret(struct coturn_conf *c, const char *value);
int coturn_take_account(struct coturn_conf *c, const char *value);
int coturn_take_prometheus(struct coturn_conf *c, const char *value);
int coturn_take_prometheus_port(struct coturn_conf *c, const char *value);
int coturn_take_prometheus_address(struct coturn_conf *c, const char *value);
int coturn_take_nonce(struct coturn_conf *c, const char *value);
int coturn_take_lifetime(struct coturn_conf *c, const char *value);
int coturn_take_max_bps(struct coturn_conf *c, const char *value);
int coturn_take_capacity(struct coturn_conf *c, const char *value);
int coturn_take_user_quota(struct coturn_conf *c, const char *value);
int coturn_take_total_quota(struct coturn_conf *c, const char *value);
int coturn_take_buffer(struct coturn_conf *c, const char *value);
int coturn_take_no_tcp(struct coturn_conf *c, const char *value);
int coturn_take_no_tls(struct coturn_conf *c, const char *value);
int coturn_take_no_dtls(struct coturn_conf *c, const char *value);
int coturn_take_no_tcp_relay(struct coturn_conf *c, const char *value);
int coturn_take_loopback(struct coturn_conf *c, const char *value);
int coturn_take_mobility(struct coturn_conf *c, const char *value);
int coturn_take_software(struct coturn_conf *c, const char *value);
int coturn_take_verbose(struct coturn_conf *c, const char *value);

/* coturn_peers.c: "ADDRESS" or "FIRST-LAST". */
int coturn_take_allowed(struct coturn_conf *c, const char *value);
int coturn_take_denied(struct coturn_conf *c, const char *value);
/* The prefixes that together hold FIRST..LAST and nothing else. ERR_MALFORMED for an empty range or
 * two families, ERR_FULL, -ENOMEM. */
int coturn_range_add(struct coturn_prefixes *p, const struct addr *first, const struct addr *last);
/* In coturn an allowed range wins over any denied one; here the longest prefix does. So denied
 * prefixes inside an allowed one go. Returns how many went. */
size_t coturn_peers_settle(struct coturn_conf *c);

/* Where a conversion's files will be. */
struct coturn_target {
	bool has_key_files;                /* they are made along with the YAML */
	const char *keys_directory;        /* of the key files that the YAML names */
	const struct addr *host_addresses; /* of this host: coturn listens on all by default */
	size_t n_host_addresses;
};

/* coturn_write.c */
void coturn_write_yaml(
	const struct coturn_conf *c, const struct coturn_target *t, const char *source, FILE *out);

/*
 * Reads IN, which is called NAME, and writes the YAML to YAML and the report to REPORT. *C is
 * filled for the caller, who ends it with coturn_conf_fini. 0, or -errno of a read or write,
 * -ENOMEM.
 */
int coturn_convert(FILE *in, const char *name, const struct coturn_target *t, FILE *yaml,
	FILE *report, struct coturn_conf *c);
void coturn_conf_fini(struct coturn_conf *c);

#endif
