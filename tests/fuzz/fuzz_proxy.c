/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * A header means the same whatever follows it and however it is cut: what begins it is never
 * refused, what is behind it never changes it.
 */
#include <stdlib.h>
#include <string.h>

#include "../../src/net/proxy.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void must(bool is_true)
{
	if (!is_true)
		abort();
}

/* From a copy of just that length, so that a byte read too many is seen. */
static int parse(const uint8_t *data, size_t size, struct net_proxy_header *h)
{
	uint8_t *copy = malloc(size ? size : 1);

	must(copy != NULL);
	if (size > 0)
		memcpy(copy, data, size);
	int rc = net_proxy_parse(bytes_of(copy, size), h);
	free(copy);
	return rc;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct net_proxy_header whole = {0}, h = {0};
	int rc = parse(data, size, &whole);

	if (rc == ERR_TRUNCATED)
		must(size < NET_PROXY_MAX);
	if (rc != 0) {
		must(rc == ERR_TRUNCATED || rc == ERR_MALFORMED || rc == ERR_UNSUPPORTED ||
			rc == ERR_TOO_LARGE);
		return 0;
	}
	must(whole.len <= size && whole.len <= NET_PROXY_MAX);
	must(whole.has_client == (whole.client.family != ADDR_NONE));
	must(parse(data, whole.len, &h) == 0 && h.len == whole.len &&
		h.has_client == whole.has_client && addr_equal(&h.client, &whole.client));
	for (size_t n = 0; n < whole.len; n += 1 + n / 32)
		must(parse(data, n, &h) == ERR_TRUNCATED);
	return 0;
}
