/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * wirecheck: looks at what arrives on one interface, frame by frame, and counts UDP datagrams whose
 * lengths or checksums are not what IP and UDP ask for. It knows nothing of what they carry.
 */
#ifndef TESTS_TOOLS_WIRECHECK_H
#define TESTS_TOOLS_WIRECHECK_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct wire {
	int fd;
	uint64_t frames;    /* with a whole UDP header */
	uint64_t complete;  /* of these: with a checksum, which was computed here again */
	uint64_t partial;   /* with the sum of the pseudo-header, as a local sender leaves it */
	uint64_t zero;      /* without a checksum, over IPv4 */
	uint64_t fragments; /* not looked into: the receiving kernel checks the whole */
	uint64_t options;   /* with IP options or extension headers */
	uint64_t bad_ip;    /* header checksum or length */
	uint64_t bad_udp;   /* checksum */
	uint64_t bad_partial;
	uint64_t bad_length;
	uint64_t bad_zero; /* no checksum over IPv6 (RFC 8200 §8.1) */
	uint64_t df;
	uint8_t ttl_min, ttl_max;
};

/* Listens on DEVICE of the calling thread's network namespace. 0 or -errno. */
int wire_open(struct wire *w, const char *device);
void wire_close(struct wire *w);
/* Reads all that is there. */
void wire_read(struct wire *w);
/* One line with all fields, then counts from zero again. Frames that the kernel had no room for,
 * and so were not looked at, are "missed". */
void wire_print(struct wire *w, const char *name);

#endif
