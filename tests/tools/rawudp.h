/* SPDX-License-Identifier: BSD-3-Clause */
/* UDP over IPv4 with headers of one's own making: test clients that have many addresses and no
 * socket for each of them. */
#ifndef TESTS_TOOLS_RAWUDP_H
#define TESTS_TOOLS_RAWUDP_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sallyport/common.h>

#define RAWUDP_HEADERS 28 /* IPv4 without options, and UDP */

/* Writes the headers in front of the LEN bytes that stand at IP + RAWUDP_HEADERS, the UDP checksum
 * included; the kernel fills in that of IPv4. SOURCE is in host order. */
void rawudp_wrap(
	uint8_t *ip, size_t len, uint32_t source, uint16_t source_port, const struct addr *to);

/* "198.18.0.0/15": *BASE in host order, *MASK the bits that vary. TEXT is changed. ERR_MALFORMED.
 */
int rawudp_parse_prefix(char *text, uint32_t *base, uint32_t *mask);

/* 10/8, 127/8, 172.16/12, 192.168/16, 198.18/15: nothing that is routed on the Internet. */
bool rawudp_is_test_address(const struct addr *a);

#endif
