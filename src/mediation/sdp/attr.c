/* SPDX-License-Identifier: BSD-3-Clause */
/* Which attribute a line is; the names stand in the order that a binary search wants. */
#include "attr.h"
#include "line.h"
#include "scan.h"

static const struct {
	const char *name;
	enum sdp_attr_id id;
} names[] = {
	{"candidate", SDP_ATTR_CANDIDATE},
	{"connection", SDP_ATTR_CONNECTION},
	{"crypto", SDP_ATTR_CRYPTO},
	{"end-of-candidates", SDP_ATTR_END_OF_CANDIDATES},
	{"extmap", SDP_ATTR_EXTMAP},
	{"fingerprint", SDP_ATTR_FINGERPRINT},
	{"fmtp", SDP_ATTR_FMTP},
	{"group", SDP_ATTR_GROUP},
	{"ice-lite", SDP_ATTR_ICE_LITE},
	{"ice-options", SDP_ATTR_ICE_OPTIONS},
	{"ice-pwd", SDP_ATTR_ICE_PWD},
	{"ice-ufrag", SDP_ATTR_ICE_UFRAG},
	{"inactive", SDP_ATTR_INACTIVE},
	{"label", SDP_ATTR_LABEL},
	{"maxptime", SDP_ATTR_MAXPTIME},
	{"mid", SDP_ATTR_MID},
	{"ptime", SDP_ATTR_PTIME},
	{"recvonly", SDP_ATTR_RECVONLY},
	{"rtcp", SDP_ATTR_RTCP},
	{"rtcp-fb", SDP_ATTR_RTCP_FB},
	{"rtcp-mux", SDP_ATTR_RTCP_MUX},
	{"rtpmap", SDP_ATTR_RTPMAP},
	{"sendonly", SDP_ATTR_SENDONLY},
	{"sendrecv", SDP_ATTR_SENDRECV},
	{"setup", SDP_ATTR_SETUP},
	{"ssrc", SDP_ATTR_SSRC},
};

static int compare(struct bytes name, const char *known)
{
	size_t len = strlen(known), n = name.len < len ? name.len : len;
	int c = n > 0 ? memcmp(name.data, known, n) : 0;
	if (c != 0)
		return c;
	return (name.len > len) - (name.len < len);
}

static enum sdp_attr_id id_of(struct bytes name)
{
	size_t from = 0, to = ARRAY_LEN(names);
	while (from < to) {
		size_t middle = from + (to - from) / 2;
		int c = compare(name, names[middle].name);
		if (c == 0)
			return names[middle].id;
		if (c < 0)
			to = middle;
		else
			from = middle + 1;
	}
	return SDP_ATTR_OTHER;
}

void sdp_attr_split(struct bytes line, struct sdp_attr *out)
{
	*out = (struct sdp_attr){.value = line};
	if (!scan_until(&out->value, ':', &out->name)) {
		out->name = line;
		out->value.data += line.len;
		out->value.len = 0;
	}
	out->id = id_of(out->name);
}

bool sdp_attr_direction(enum sdp_attr_id id, enum sdp_direction *out)
{
	switch (id) {
	case SDP_ATTR_SENDRECV:
		*out = SDP_SENDRECV;
		return true;
	case SDP_ATTR_SENDONLY:
		*out = SDP_SENDONLY;
		return true;
	case SDP_ATTR_RECVONLY:
		*out = SDP_RECVONLY;
		return true;
	case SDP_ATTR_INACTIVE:
		*out = SDP_INACTIVE;
		return true;
	default:
		return false;
	}
}

bool sdp_attr_next(struct bytes lines, size_t *offset, struct sdp_attr *out)
{
	struct sdp_line l;
	while (sdp_line_next(lines, offset, &l)) {
		if (l.type == 'a') {
			sdp_attr_split(l.value, out);
			return true;
		}
	}
	return false;
}

bool sdp_attr_seek(struct bytes lines, size_t *offset, enum sdp_attr_id id, struct sdp_attr *out)
{
	struct sdp_attr a;
	while (sdp_attr_next(lines, offset, &a)) {
		if (a.id == id) {
			*out = a;
			return true;
		}
	}
	return false;
}

bool sdp_attr_find(struct bytes lines, enum sdp_attr_id id, struct sdp_attr *out)
{
	size_t offset = 0;
	return sdp_attr_seek(lines, &offset, id, out);
}

bool sdp_attr_inherit(
	const struct sdp *s, const struct sdp_media *m, enum sdp_attr_id id, struct sdp_attr *out)
{
	return sdp_attr_find(m->lines, id, out) || sdp_attr_find(s->lines, id, out);
}
