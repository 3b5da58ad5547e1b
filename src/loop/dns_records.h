/* SPDX-License-Identifier: BSD-3-Clause */
/* What an answer of the domain name system says (RFC 1035 §4). No I/O. */
#ifndef LOOP_DNS_RECORDS_H
#define LOOP_DNS_RECORDS_H

#include <sallyport/loop/dns.h>

/* Writes at most DNS_RECORDS_MAX records of TYPE from PACKET's answer section, whoever's they are:
 * those of its aliases are among them. ERR_MALFORMED. */
int dns_records_read(
	struct bytes packet, enum dns_type type, struct dns_record *out, size_t *n_out);

#endif
