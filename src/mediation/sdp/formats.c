/* SPDX-License-Identifier: BSD-3-Clause */
/* Which formats of an m= line we have too. */
#include "formats.h"
#include "scan.h"

#define PAYLOADS 128

/* What a number means without an rtpmap (RFC 3551 §6): those that gateways leave bare. */
static const struct {
	uint8_t payload;
	const char *name;
	uint32_t clock_hz;
} fixed[] = {
	{0, "PCMU", 8000},
	{3, "GSM", 8000},
	{4, "G723", 8000},
	{8, "PCMA", 8000},
	{9, "G722", 8000},
	{13, "CN", 8000},
	{15, "G728", 8000},
	{18, "G729", 8000},
};

bool sdp_codec_is_aside(const struct sdp_codec *c)
{
	struct bytes name = bytes_str(c->name);
	return scan_is_nocase(name, "telephone-event") || scan_is_nocase(name, "CN");
}

/* One pass over the attributes, for a description may have many of both. */
static void read_maps(const struct sdp_media *m, struct sdp_rtpmap maps[PAYLOADS])
{
	struct sdp_attr a;
	struct sdp_rtpmap map;
	size_t offset = 0;
	for (size_t i = 0; i < ARRAY_LEN(fixed); i++)
		maps[fixed[i].payload] = (struct sdp_rtpmap){.payload = fixed[i].payload,
			.name = bytes_str(fixed[i].name),
			.clock_hz = fixed[i].clock_hz,
			.channels = 1};
	while (sdp_attr_seek(m->lines, &offset, SDP_ATTR_RTPMAP, &a)) {
		if (sdp_rtpmap_decode(a.value, &map) == 0)
			maps[map.payload] = map;
	}
}

static bool find_codec(
	const struct sdp_abilities *abilities, const struct sdp_rtpmap *map, uint8_t *out)
{
	for (unsigned i = 0; i < abilities->n_codecs; i++) {
		const struct sdp_codec *c = &abilities->codecs[i];
		if (map->clock_hz == c->clock_hz && map->channels == c->channels &&
			scan_is_nocase(map->name, c->name)) {
			*out = (uint8_t)i;
			return true;
		}
	}
	return false;
}

unsigned sdp_formats_match(const struct sdp_abilities *abilities, const struct sdp_media *m,
	const uint8_t payloads[SDP_CODECS_MAX], struct sdp_format out[SDP_CODECS_MAX])
{
	struct sdp_rtpmap maps[PAYLOADS] = {{.clock_hz = 0}};
	bool is_taken[SDP_CODECS_MAX] = {false};
	struct bytes word;
	size_t offset = 0;
	uint64_t payload;
	uint8_t codec;
	unsigned n = 0;
	read_maps(m, maps);
	while (sdp_word_next(m->formats, &offset, &word)) {
		if (!scan_number(word, PAYLOADS - 1, &payload) || maps[payload].clock_hz == 0 ||
			!find_codec(abilities, &maps[payload], &codec) || is_taken[codec])
			continue;
		is_taken[codec] = true;
		out[n++] = (struct sdp_format){
			.codec = codec, .receive = payloads[codec], .send = (uint8_t)payload};
	}
	return n;
}
