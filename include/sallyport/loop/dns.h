/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * loop/dns: questions to the domain name system on a thread's loop, by libunbound. Answers are kept
 * as long as their TTL says. Nothing blocks, no thread is started, no file is read but those named
 * here, at the start.
 */
#ifndef SALLYPORT_LOOP_DNS_H
#define SALLYPORT_LOOP_DNS_H

#include <sallyport/loop.h>

enum dns_type {
	DNS_A = 1,
	DNS_AAAA = 28,
	DNS_SRV = 33,   /* RFC 2782 */
	DNS_NAPTR = 35, /* RFC 3403 */
};

#define DNS_NAME_LEN    256 /* text with its NUL; without the dot of the root */
#define DNS_RECORDS_MAX 16  /* of an answer; what comes behind is left out */

struct dns_record {
	uint16_t priority; /* SRV; of NAPTR its order */
	uint16_t weight;   /* SRV; of NAPTR its preference */
	uint16_t port;     /* SRV */
	/* SRV: the target; "" is the root, which says that there is no such service. NAPTR: the
	 * replacement. */
	char name[DNS_NAME_LEN];
	/* NAPTR; of longer ones nothing. */
	char flags[8], service[32];
	bool has_regexp;
	struct addr addr; /* A and AAAA; port 0 */
	uint32_t ttl_s;   /* of the whole answer: the least in it, its aliases included */
};

struct dns_config {
	struct loop *loop;
	/* N_SERVERS addresses of resolvers, "192.0.2.1" or "127.0.0.1@5353"; none: those of
	 * RESOLV_CONF, "/etc/resolv.conf". */
	const char *const *servers;
	size_t n_servers;
	const char *resolv_conf;
	const char *hosts;      /* "/etc/hosts"; NULL: none */
	uint32_t timeout_ms;    /* of a question; the answer may still come into the cache */
	uint32_t max_questions; /* at once */
};

struct dns;          /* opaque; of one thread */
struct dns_question; /* opaque; until its answer or dns_cancel */

/* WHY gets a sentence. ERR_CONFIG, -ENOMEM. */
#define DNS_WHY_LEN 256
int dns_create(const struct dns_config *c, struct dns **out, char why[DNS_WHY_LEN]);
/* Nobody is told. Not from an answer; NULL is fine. */
void dns_destroy(struct dns *d);

/*
 * RC 0: the N records of the type asked for, aliases followed; none: the name has others. Else
 * ERR_NOT_FOUND: there is no such name; -ETIMEDOUT; -EIO: the resolver cannot say. RECORDS is a
 * view. May ask the next question.
 */
typedef void (*dns_answer_fn)(void *arg, int rc, const struct dns_record *records, size_t n);

/*
 * Asks for NAME, a host name that is complete as it stands. FN is called once, after this has
 * returned. *OUT may be NULL for who never cancels. ERR_MALFORMED: no host name; ERR_FULL; -ENOMEM;
 * -EIO: there are no sockets to ask by.
 */
int dns_ask(struct dns *d, const char *name, enum dns_type type, dns_answer_fn fn, void *arg,
	struct dns_question **out);
void dns_cancel(struct dns_question *q); /* FN is not called */

#endif
