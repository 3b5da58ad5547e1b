/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * A stream cut into messages must be cut the same way whatever pieces it comes in, and where the
 * cutter sees the end of a message its decoder must see it too. The first byte says how long pieces
 * are.
 */
#include <stdlib.h>
#include <string.h>
#include <sallyport/sip.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

#define FRAMES_MAX 4096
#define MAX        4000 /* bytes of a message */

/* Not assert: this must also hold where NDEBUG is set. */
static void must(bool is_true)
{
	if (!is_true)
		abort();
}

struct frames {
	size_t n;
	struct {
		enum sip_frame kind;
		size_t at, len;
	} at[FRAMES_MAX];
};

static bool take(
	struct frames *f, struct sip_stream *s, const uint8_t *data, size_t size, size_t *at)
{
	size_t n;
	enum sip_frame r = sip_stream_frame(s, data + *at, size - *at, &n);
	must(s->scanned <= size - *at || r == SIP_FRAME_MESSAGE);
	if (r == SIP_FRAME_MORE || f->n == FRAMES_MAX)
		return false;
	must(n <= size - *at && (n > 0 || r == SIP_FRAME_BAD || r == SIP_FRAME_LONG));
	f->at[f->n].kind = r;
	f->at[f->n].at = *at;
	f->at[f->n++].len = n;
	*at += n;
	return r != SIP_FRAME_BAD && r != SIP_FRAME_LONG;
}

static bool has_ended(const struct frames *f)
{
	return f->n > 0 &&
	       (f->at[f->n - 1].kind == SIP_FRAME_BAD || f->at[f->n - 1].kind == SIP_FRAME_LONG);
}

/* SIZE bytes that come STEP at a time. */
static void cut(struct frames *f, const uint8_t *data, size_t size, size_t step)
{
	struct sip_stream s = {.max = MAX};
	size_t at = 0, have = 0;
	f->n = 0;
	while (have < size && !has_ended(f)) {
		have = size - have < step ? size : have + step;
		while (take(f, &s, data, have, &at))
			continue;
	}
}

static void check(enum sip_frame kind, const uint8_t *data, size_t len)
{
	static struct sip_msg m;
	if (len == 0)
		return;
	enum sip_refusal r = sip_msg_decode(data, len, SIP_STREAM, &m);
	switch (kind) {
	case SIP_FRAME_MESSAGE:
		must(r != SIP_NO_CONTENT_LENGTH && r != SIP_BODY_SHORT && r != SIP_NO_END);
		must(r != SIP_BAD_CONTENT_LENGTH);
		if (r == SIP_FINE)
			must(m.bytes.len == len);
		break;
	case SIP_FRAME_BAD:
	case SIP_FRAME_LONG:
		must(r != SIP_FINE);
		break;
	default:
		must(len == 2 && data[0] == '\r' && data[1] == '\n');
	}
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	static struct frames whole, pieces;
	if (size < 2)
		return 0;
	size_t step = (size_t)data[0] % 61 + 1;
	data++;
	size--;
	cut(&whole, data, size, size);
	cut(&pieces, data, size, step);
	must(whole.n == pieces.n);
	for (size_t i = 0; i < whole.n; i++) {
		bool is_same = whole.at[i].kind == pieces.at[i].kind &&
			       whole.at[i].at == pieces.at[i].at &&
			       whole.at[i].len == pieces.at[i].len;
		must(is_same);
		check(whole.at[i].kind, data + whole.at[i].at, whole.at[i].len);
	}
	return 0;
}
