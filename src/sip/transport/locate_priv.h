/* SPDX-License-Identifier: BSD-3-Clause */
/* Looking for targets, as the two files of it share it: locate.c has the steps and their questions,
 * locate_records.c what the answers mean. */
#ifndef SIP_TRANSPORT_LOCATE_PRIV_H
#define SIP_TRANSPORT_LOCATE_PRIV_H

#include <sallyport/sip/transport/locate.h>

#define LOCATE_SERVICES_MAX  3  /* one for each transport */
#define LOCATE_HOSTS_MAX     12 /* that SRV names; what comes behind is left out */
#define LOCATE_ADDRESSES_MAX 8  /* of a host, of each family */
#define LOCATE_QUESTIONS_MAX (2 * LOCATE_HOSTS_MAX)

/* What SRV is asked for. */
struct locate_service {
	enum sip_transport transport;
	char name[DNS_NAME_LEN];
	int rc;
	size_t n;
	struct dns_record *records; /* owned */
};

struct locate_host {
	enum sip_transport transport;
	uint16_t port, priority, weight;
	char name[DNS_NAME_LEN];
	size_t n_ipv6, n_ipv4;
	struct addr ipv6[LOCATE_ADDRESSES_MAX], ipv4[LOCATE_ADDRESSES_MAX];
};

struct locate_question {
	struct sip_location *at;  /* not owned */
	struct dns_question *dns; /* NULL: none, or answered */
	uint32_t index;           /* of service or host */
};

enum locate_step {
	STEP_NAPTR,
	STEP_SRV,
	STEP_ADDRESS,
	STEP_DONE,
};

struct sip_location {
	struct sip_locator *locator; /* not owned */
	struct list link;
	struct sip_next_hop hop;
	sip_located_fn fn;
	void *arg;
	enum locate_step step;
	int rc;         /* the last thing that went wrong */
	uint32_t ttl_s; /* the least of what was answered */
	size_t n_services, n_hosts, n_questions, n_waiting, n_targets;
	struct locate_service services[LOCATE_SERVICES_MAX];
	struct locate_host hosts[LOCATE_HOSTS_MAX];
	struct locate_question questions[LOCATE_QUESTIONS_MAX];
	struct sip_target targets[SIP_TARGETS_MAX];
	struct wheel_timer timer;
};

struct sip_locator {
	struct sip_locator_config config;
	struct list under_way, done;
	uint32_t n;
	struct loop_deferred tell;
};

/* May a request to this hop go by T, and can we send by it? */
bool locate_can_send_by(const struct sip_location *at, enum sip_transport t);
/* RFC 3263 §4.1: of who says neither transport nor has records of it. */
enum sip_transport locate_default_transport(const struct sip_location *at);

/* SRV is to be asked for T; nothing if we cannot send by it. */
void locate_add_service(struct sip_location *at, enum sip_transport t);
/* Addresses are to be asked for. NULL: there is no more room. */
struct locate_host *locate_add_host(
	struct sip_location *at, enum sip_transport t, const char *name, uint16_t port);
struct sip_target *locate_add_target(
	struct sip_location *at, enum sip_transport t, const struct addr *a, uint16_t port);

/* The services that NAPTR names. */
void locate_take_naptr(struct sip_location *at, const struct dns_record *records, size_t n);
/* The hosts that SRV names; where there is no such record, the host itself (§4.2). */
void locate_take_services(struct sip_location *at);
/* The addresses of one host; targets of the addresses of all. */
void locate_take_addresses(struct locate_host *h, const struct dns_record *records, size_t n);
void locate_take_hosts(struct sip_location *at);

#endif
