/* SPDX-License-Identifier: BSD-3-Clause */
/* What passes of descriptions, kept until the other side has been told. */
#include <stdlib.h>
#include <string.h>

#include "anchor_priv.h"

void anchor_passed_forget(struct anchor_passed **p)
{
	free(*p);
	*p = NULL;
}

static size_t read_lines(struct anchors *l, struct sdp_writer *w, struct bytes lines)
{
	size_t before = w->len;

	if (!sdp_pass(w, lines))
		anchor_count(l, ANCHOR_C_PASSED_CUT);
	return w->len - before;
}

void anchor_passed_take(
	struct anchors *l, struct anchor_passed **p, const struct sdp *remote, unsigned slot)
{
	struct sdp_writer w;

	anchor_passed_forget(p);
	sdp_write_begin(&w, l->passing, sizeof(l->passing));
	size_t session_len = read_lines(l, &w, remote->lines);
	size_t media_len = read_lines(l, &w, remote->media[slot].lines);
	if (w.len == 0)
		return;
	*p = malloc(sizeof(**p) + w.len);
	if (!*p) {
		anchor_count(l, ANCHOR_C_PASSED_CUT);
		return;
	}
	**p = (struct anchor_passed){session_len, media_len};
	memcpy((*p)->lines, l->passing, w.len);
}

struct sdp_passing anchor_passing(const struct anchor *a, const struct anchor_passed *p)
{
	struct sdp_passing none = {.session = bytes_of("", 0), .media = bytes_of("", 0)};

	if (!p || !a->legs[ANCHOR_CALLER].terms.is_passing ||
		!a->legs[ANCHOR_CALLEE].terms.is_passing)
		return none;
	return (struct sdp_passing){.session = bytes_of(p->lines, p->session_len),
		.media = bytes_of(p->lines + p->session_len, p->media_len)};
}
