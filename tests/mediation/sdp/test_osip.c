/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * The parser of GNU oSIP beside our decoder: both read the same from descriptions as clients and
 * gateways write them, and from our own offers and answers. Without oSIP's library this is skipped.
 */
#include <stdio.h>

#ifndef HAVE_OSIP
int main(void)
{
	puts("SKIP: built without libosip2");
	return 77;
}
#else
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <sys/types.h>
#include <cmocka.h>
#include <osipparser2/osip_parser.h>
/* Two of its structs are called as two of ours. */
#define sdp_connection osip_sdp_connection
#define sdp_media      osip_sdp_media
#include <osipparser2/sdp_message.h>
#undef sdp_connection
#undef sdp_media
#include <sallyport/mediation/sdp/session.h>

static const char *const seeds[] = {"rfc8866", "softphone_srtp_ice", "browser", "proxy_relayed",
	"gateway", "gateway_fax", "hold_old", "optional_srtp"};

/* oSIP has NULL for what is empty. */
static void assert_same(struct bytes ours, const char *theirs, const char *what)
{
	size_t n = theirs ? strlen(theirs) : 0;
	if (ours.len != n || (n > 0 && memcmp(ours.data, theirs, n) != 0))
		fail_msg("%s: we read \"%.*s\", oSIP \"%s\"", what, (int)ours.len,
			(const char *)ours.data, theirs ? theirs : "");
}

static void compare_attributes(struct bytes lines, sdp_message_t *theirs, int medium)
{
	struct sdp_attr a;
	size_t offset = 0;
	int n = 0;
	for (; sdp_attr_next(lines, &offset, &a); n++) {
		const sdp_attribute_t *b = sdp_message_attribute_get(theirs, medium, n);
		assert_non_null(b);
		assert_same(a.name, b->a_att_field, "name of an attribute");
		assert_same(a.value, b->a_att_value, "value of an attribute");
	}
	assert_null(sdp_message_attribute_get(theirs, medium, n));
}

static void compare_formats(struct bytes formats, sdp_message_t *theirs, int medium)
{
	struct bytes format;
	size_t offset = 0;
	int n = 0;
	for (; sdp_word_next(formats, &offset, &format); n++)
		assert_same(format, sdp_message_m_payload_get(theirs, medium, n), "a format");
	assert_null(sdp_message_m_payload_get(theirs, medium, n));
}

static void compare_media(const struct sdp *s, sdp_message_t *theirs, int i)
{
	const struct sdp_media *m = &s->media[i];
	const char *port = sdp_message_m_port_get(theirs, i);
	const char *host = sdp_message_c_addr_get(theirs, i, 0);
	assert_same(m->kind, sdp_message_m_media_get(theirs, i), "media");
	assert_same(m->proto, sdp_message_m_proto_get(theirs, i), "protocol");
	assert_non_null(port);
	assert_int_equal(m->port, atoi(port));
	/* A connection of the session's is the medium's to us. */
	if (!host)
		host = sdp_message_c_addr_get(theirs, -1, 0);
	assert_same(m->connection.host, host, "connection");
	compare_formats(m->formats, theirs, i);
	compare_attributes(m->lines, theirs, i);
}

/* TEXT is one that we take. */
static void compare(const char *text, size_t len)
{
	struct sdp s;
	sdp_message_t *theirs;
	assert_int_equal(sdp_decode(text, len, &s), SDP_OK);
	assert_int_equal(sdp_message_init(&theirs), 0);
	assert_int_equal(sdp_message_parse(theirs, text), 0);
	assert_same(s.origin.username, sdp_message_o_username_get(theirs), "user name");
	assert_same(s.origin.id, sdp_message_o_sess_id_get(theirs), "session");
	assert_same(s.origin.version, sdp_message_o_sess_version_get(theirs), "version");
	assert_same(s.origin.host, sdp_message_o_addr_get(theirs), "origin");
	assert_same(s.name, sdp_message_s_name_get(theirs), "name");
	compare_attributes(s.lines, theirs, -1);
	for (size_t i = 0; i < s.n_media; i++)
		compare_media(&s, theirs, (int)i);
	assert_true(sdp_message_endof_media(theirs, (int)s.n_media));
	sdp_message_free(theirs);
}

/* With a NUL behind it; to be freed. */
static char *read_seed(const char *name, size_t *len)
{
	char path[512];
	const char *top = getenv("srcdir");
	(void)snprintf(path, sizeof(path), "%s/tests/fuzz/corpus/sdp/%s", top ? top : ".", name);
	FILE *f = fopen(path, "rb");
	char *text = calloc(1, 8192);
	assert_non_null(f);
	assert_non_null(text);
	*len = fread(text, 1, 8191, f);
	assert_int_equal(fclose(f), 0);
	return text;
}

static void both_read_the_same_from_what_others_write(void **state)
{
	for (size_t i = 0; i < ARRAY_LEN(seeds); i++) {
		size_t len;
		char *text = read_seed(seeds[i], &len);
		compare(text, len);
		free(text);
	}
}

static void session_init(struct sdp_session *s, struct sdp_abilities *abilities,
	struct sdp_origin_own *origin, enum sdp_security security)
{
	struct sdp_session_config c = {.abilities = abilities, .origin = origin};
	*origin = (struct sdp_origin_own){.id = 7};
	*abilities = (struct sdp_abilities){
		.codecs = {{"PCMA", 8000, 1, 8, NULL}, {"PCMU", 8000, 1, 0, NULL},
			{"opus", 48000, 2, 96, "useinbandfec=1"},
			{"telephone-event", 8000, 1, 101, "0-16"}},
		.n_codecs = 4,
		.suites = {SDP_AEAD_AES_256_GCM, SDP_AES_CM_128_HMAC_SHA1_80},
		.n_suites = 2,
		.security = security,
		.ptime_ms = 20,
		.maxptime_ms = 60,
		.has_rtcp_mux = true,
	};
	assert_int_equal(addr_parse("192.0.2.1:4000", 0, &c.rtp), 0);
	sdp_session_init(s, &c);
}

static void both_read_the_same_from_what_we_write(void **state)
{
	unsigned n_answers = 0;
	for (unsigned i = 0; i < 3 * ARRAY_LEN(seeds); i++) {
		struct sdp_abilities abilities;
		struct sdp_origin_own origin;
		struct sdp_session s;
		struct sdp_writer w;
		struct sdp offer;
		char out[4096] = "";
		size_t len;
		char *text = read_seed(seeds[i / 3], &len);
		session_init(&s, &abilities, &origin, (enum sdp_security)(i % 3));
		assert_int_equal(sdp_decode(text, len, &offer), SDP_OK);
		sdp_write_begin(&w, out, sizeof(out) - 1);
		if (sdp_offer_take(&s, &offer) == SDP_OK) {
			assert_int_equal(sdp_answer_write(&s, &w, NULL), SDP_OK);
			n_answers++;
		} else {
			assert_int_equal(sdp_offer_write(&s, &w, NULL), SDP_OK);
		}
		out[w.len] = '\0';
		compare(out, w.len);
		free(text);
	}
	/* The others were refused: DTLS, IPv6, no audio, or SRTP where there is none. */
	assert_in_range(n_answers, 8, 3 * ARRAY_LEN(seeds) - 8);
}

int main(void)
{
	static const struct CMUnitTest t[] = {
		cmocka_unit_test(both_read_the_same_from_what_others_write),
		cmocka_unit_test(both_read_the_same_from_what_we_write),
	};
	return cmocka_run_group_tests(t, NULL, NULL) != 0;
}
#endif
