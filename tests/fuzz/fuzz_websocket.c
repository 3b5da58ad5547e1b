/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * The beginning of a WebSocket and its frames: the same comes of them whether the bytes come at
 * once or in pieces. The first byte says how long the pieces are.
 */
#include <stdlib.h>

#include "../../src/sip/transport/websocket.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void must(bool is_true)
{
	if (!is_true)
		abort();
}

/* What came of the frames: every byte of messages, where they end, and how it all ended. */
struct run {
	uint64_t sum;
	size_t n_messages;
	uint16_t code;
	enum ws_event end;
};

static void add(struct run *r, const struct ws_read *read, enum ws_event what)
{
	for (size_t i = 0; i < read->data.len; i++)
		r->sum = r->sum * 31 + read->data.data[i];
	/* Where WS_DATA is cut is not the frames' doing. */
	if (what != WS_DATA)
		r->sum = r->sum * 31 + what;
}

static struct run run(const uint8_t *data, size_t size, size_t piece)
{
	struct run r = {.end = WS_MORE};
	struct ws *w = ws_create();
	struct ws_read read;

	must(w != NULL);
	for (size_t at = 0; at < size && r.end == WS_MORE; at += piece) {
		ws_give(w, bytes_of(data + at, size - at < piece ? size - at : piece));
		enum ws_event what;
		while ((what = ws_next(w, &read)) != WS_MORE) {
			if (what == WS_CLOSE || what == WS_BAD || what == WS_NO_MEMORY)
				break;
			must(what == WS_DATA || what == WS_MESSAGE || read.data.len <= 125);
			r.n_messages += what == WS_MESSAGE;
			add(&r, &read, what);
		}
		r.end = what;
		r.code = what == WS_MORE ? 0 : read.code;
	}
	ws_destroy(w);
	return r;
}

static void read_request(const uint8_t *data, size_t size)
{
	static const char *const origins[] = {"https://a.example"};
	struct ws_reply reply;
	size_t used = 0;
	enum ws_upgrade what = ws_upgrade_read(bytes_of(data, size), origins, 1, &reply, &used);

	must(what != WS_UPGRADE_MORE || size < WS_REQUEST_MAX);
	must(what == WS_UPGRADE_MORE || (reply.len < WS_REPLY_MAX && used <= size));
	must((what == WS_UPGRADE_DONE) == (what != WS_UPGRADE_MORE && reply.status == 101));
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	if (size == 0)
		return 0;
	read_request(data + 1, size - 1);
	struct run whole = run(data + 1, size - 1, size);
	struct run cut = run(data + 1, size - 1, data[0] % 16 + 1u);
	must(whole.n_messages == cut.n_messages && whole.end == cut.end);
	must(whole.code == cut.code && whole.sum == cut.sum);
	return 0;
}
