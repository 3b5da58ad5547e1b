/* SPDX-License-Identifier: BSD-3-Clause */
/* A cursor over one value: what is scanned is cut off its front, what does not fit leaves it. */
#ifndef SDP_SCAN_H
#define SDP_SCAN_H

#include <sallyport/mediation/sdp.h>

/* Bytes up to the next space, which is taken too; at least one. A second space is not passed over:
 * SDP has single ones. */
bool scan_word(struct bytes *in, struct bytes *out);
/* Up to a byte C, which is taken too and must be there. May be empty. */
bool scan_until(struct bytes *in, char c, struct bytes *out);
/* All of IN is a decimal number up to MAX. */
bool scan_number(struct bytes in, uint64_t max, uint64_t *out);
/* All of IN are digits, at least one. */
bool scan_is_digits(struct bytes in);
/* A token of RFC 8866, at least one character. */
bool scan_is_token(struct bytes in);
/* The same as a string, without case (words of SDP) or with it. */
bool scan_is(struct bytes in, const char *word);
bool scan_is_nocase(struct bytes in, const char *word);

/* "IN IP4 192.0.2.1", the rest of IN; TTL and count of a multicast address are cut off. */
bool scan_connection(struct bytes in, struct sdp_connection *out);
/* HOST is an address of FAMILY, or of any when that is ADDR_NONE. */
bool scan_addr(struct bytes host, enum addr_family family, struct addr *out);

#endif
