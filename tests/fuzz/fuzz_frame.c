/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * The framer gives the same messages whether the bytes come at once or in pieces. The first byte
 * says how long the pieces are, the second how long a message may be.
 */
#include <stdlib.h>
#include <string.h>

#include "../../src/net/stream/frame.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

struct run {
	enum net_frame end;
	size_t n_messages, n_bytes;
	uint64_t sum; /* of what the messages say, order included */
};

static void must(bool is_true)
{
	if (!is_true)
		abort();
}

static struct run run(const uint8_t *data, size_t size, size_t piece, size_t limit)
{
	struct net_framer f = {0};
	struct run r = {.end = NET_FRAME_MORE};

	for (size_t at = 0; at < size && r.end == NET_FRAME_MORE; at += piece) {
		struct bytes in = {data + at, size - at < piece ? size - at : piece}, msg;
		while ((r.end = net_framer_next(&f, &in, limit, &msg)) == NET_FRAME_MESSAGE) {
			must(msg.len >= 4 && msg.len % 4 == 0 && msg.len <= limit);
			r.n_messages++;
			r.n_bytes += msg.len;
			for (size_t i = 0; i < msg.len; i++)
				r.sum = r.sum * 31 + msg.data[i];
		}
		must(r.end != NET_FRAME_MORE || in.len == 0);
		must(f.rest_len <= limit);
	}
	net_framer_fini(&f);
	return r;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	if (size < 3)
		return 0;
	size_t piece = 1 + data[0] % 64, limit = 20 + 4 * (size_t)data[1];
	struct run whole = run(data + 2, size - 2, size, limit);
	struct run parts = run(data + 2, size - 2, piece, limit);
	must(whole.end == parts.end && whole.n_messages == parts.n_messages);
	must(whole.n_bytes == parts.n_bytes && whole.sum == parts.sum);
	return 0;
}
