/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * The Internet checksum (RFC 1071) over what user space sends or receives whole. Sums are kept in
 * the host's byte order and folded at the end, which that checksum allows.
 */
#ifndef NET_CHECKSUM_H
#define NET_CHECKSUM_H

#include <stddef.h>
#include <stdint.h>

/* SUM and the LEN bytes at P, of which all but the last run have an even length. Begins with 0. */
uint64_t net_checksum_add(uint64_t sum, const void *p, size_t len);
/* The checksum of what was added, to be stored by memcpy. */
uint16_t net_checksum_fold(uint64_t sum);

#endif
