/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * What an ICMP error quotes is never read beyond its end, and means the same whatever follows the
 * ports. The first byte says which family; an IPv4 message gets a right checksum, or hardly any
 * would be looked at.
 */
#include <stdlib.h>
#include <string.h>

#include "../../src/net/steer/checksum.h"
#include "../../src/net/steer/headers.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void must(bool is_true)
{
	if (!is_true)
		abort();
}

static void seal(uint8_t *p, size_t size)
{
	size_t header = size > 0 ? (p[0] & 15u) * 4 : 0;

	if (size < header + 4)
		return;
	memset(p + header + 2, 0, 2);
	uint16_t c = net_checksum_fold(net_checksum_add(0, p + header, size - header));
	memcpy(p + header + 2, &c, 2);
}

/* From a copy of just that length. */
static bool read_one(bool v6, const uint8_t *data, size_t size, struct net_quoted *q)
{
	uint8_t *copy = malloc(size ? size : 1);

	must(copy != NULL);
	if (size > 0)
		memcpy(copy, data, size);
	if (!v6)
		seal(copy, size);
	bool is_read = v6 ? net_quoted_read6(bytes_of(copy, size), q)
			  : net_quoted_read4(bytes_of(copy, size), q);
	free(copy);
	return is_read;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct net_quoted whole, q;

	if (size < 1 || size > 2048)
		return 0;
	bool v6 = data[0] & 1;
	if (!read_one(v6, data + 1, size - 1, &whole))
		return 0;
	must(whole.from.family == whole.to.family);
	for (size_t n = 0; n < size - 1; n++) {
		if (read_one(v6, data + 1, n, &q))
			must(addr_equal(&q.from, &whole.from) && addr_equal(&q.to, &whole.to) &&
				q.type == whole.type && q.info == whole.info);
	}
	return 0;
}
