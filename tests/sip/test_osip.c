/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * The parser of GNU oSIP beside our decoder, over the torture messages and the seeds of the fuzz
 * target: do both take a message, and do they read the same from it? Where they differ the table
 * says who is right and why. Without oSIP's library this is skipped.
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
#include <sallyport/sip.h>

enum { /* what differs */
	IN_TAKEN = 1,
	IN_URI = 2,
	IN_COUNTS = 4,
	IN_CALL_ID = 8,
	IN_BODY = 16,
	IN_ADDRESS = 32,
};

static const struct {
	const char *path;
	unsigned differs;
	const char *why;
} files[] = {
#define TORTURE(name, ...)                                                                         \
	{                                                                                          \
		"tests/sip/torture/" name ".dat", __VA_ARGS__                                      \
	}
#define SEED(name, ...)                                                                            \
	{                                                                                          \
		"tests/fuzz/corpus/sip/" name, __VA_ARGS__                                         \
	}
	TORTURE("badaspec", 0, ""),
	TORTURE("badbranch", 0, ""),
	TORTURE("baddate", 0, ""),
	TORTURE("baddn", 0, ""),
	TORTURE("badinv01", 0, ""),
	TORTURE("badvers", IN_TAKEN, "they leave the version to whoever asks"),
	TORTURE("bcast", 0, ""),
	TORTURE("bext01", 0, ""),
	TORTURE("bigcode", IN_TAKEN, "a status of ten digits is none to us (RFC 4475 §3.1.2.19)"),
	TORTURE("clerr", 0, ""),
	TORTURE("cparam01", 0, ""),
	TORTURE("cparam02", 0, ""),
	TORTURE("dblreq", 0, ""),
	TORTURE("esc01", 0, ""),
	TORTURE("esc02", 0, ""),
	TORTURE("escnull", IN_ADDRESS, "%00 ends their strings"),
	TORTURE("escruri", IN_TAKEN, "a Request-URI has no headers (RFC 4475 §3.1.2.11)"),
	TORTURE("insuf", IN_TAKEN, "From, To and Call-ID are missing (RFC 4475 §3.3.1)"),
	TORTURE("intmeth", IN_TAKEN, "a NUL behind a backslash is good (RFC 4475 §3.1.1.2)"),
	TORTURE("inv2543", 0, ""),
	TORTURE("invut", 0, ""),
	TORTURE("longreq", 0, ""),
	TORTURE("ltgtruri", 0, ""),
	TORTURE("lwsdisp", 0, ""),
	TORTURE("lwsruri", 0, ""),
	TORTURE("lwsstart", 0, ""),
	TORTURE("mcl01", 0, ""),
	TORTURE("mismatch01", IN_TAKEN, "CSeq names another method (RFC 4475 §3.1.2.17)"),
	TORTURE("mismatch02", IN_TAKEN, "CSeq names another method (RFC 4475 §3.1.2.18)"),
	TORTURE("mpart01", 0, ""),
	TORTURE("multi01", 0, ""),
	TORTURE("ncl", IN_TAKEN, "Content-Length is negative (RFC 4475 §3.1.2.3)"),
	TORTURE("noreason", 0, ""),
	TORTURE("novelsc", IN_TAKEN, "a scheme may have a dot in it (RFC 4475 §3.3.3)"),
	TORTURE("quotbal", 0, ""),
	TORTURE("regaut01", 0, ""),
	TORTURE("regbadct", 0, ""),
	TORTURE("regescrt", 0, ""),
	TORTURE("scalar02", IN_TAKEN, "CSeq is over 2^31 (RFC 4475 §3.1.2.4)"),
	TORTURE("scalarlg", IN_TAKEN, "CSeq is over 2^31 (RFC 4475 §3.1.2.5)"),
	TORTURE("sdp01", 0, ""),
	TORTURE("semiuri", 0, ""),
	TORTURE("transports", 0, ""),
	TORTURE("trws", 0, ""),
	TORTURE("unkscm", 0, ""),
	TORTURE("unksm2", 0, ""),
	TORTURE("unreason", 0, ""),
	TORTURE("wsinv", 0, ""),
	TORTURE("zeromf", 0, ""),
	SEED("401", 0, ""),
	SEED("auth", 0, ""),
	SEED("folded", 0, ""),
	SEED("invite", 0, ""),
	SEED("nested", IN_TAKEN,
		"a boundary may be quoted and have a blank in it (RFC 2046 §5.1.1)"),
	SEED("prack", 0, ""),
};

static struct sip_msg m;
static osip_message_t *theirs;

static bool is_text(struct sip_str s, const char *text)
{
	return text == NULL ? s.len == 0 : s.len == strlen(text) && memcmp(s.at, text, s.len) == 0;
}

/* They undo escapes when they read. */
static bool is_unescaped(struct sip_str s, const char *text)
{
	char plain[512];
	size_t n;
	if (text == NULL)
		return s.len == 0;
	return sip_uri_unescape(s, plain, sizeof(plain), &n) == 0 &&
	       is_text(sip_str_of(plain, n), text);
}

static bool is_same_uri(struct sip_str text, const osip_uri_t *u)
{
	struct sip_uri mine;
	char port[8] = "";
	if (sip_uri_decode(text, &mine) != 0)
		return false;
	if (mine.scheme != SIP_SCHEME_SIP && mine.scheme != SIP_SCHEME_SIPS)
		return u->string != NULL;
	snprintf(port, sizeof(port), "%u", mine.port);
	bool is_port = u->port == NULL ? mine.port == 0 : strcmp(port, u->port) == 0;
	return is_port && sip_str_is(mine.scheme_name, u->scheme) &&
	       is_unescaped(mine.user, u->username) && is_unescaped(mine.password, u->password) &&
	       is_text(mine.host.text, u->host);
}

static int count(enum sip_header_id id)
{
	struct sip_list l = sip_list_of(&m, id);
	struct sip_str e;
	int n = 0;
	while (sip_list_next(&l, &e) == 1)
		n++;
	return n;
}

static int count_fields(enum sip_header_id id)
{
	const struct sip_header *h = sip_header_first(&m, id);
	int n = 0;
	for (; h != NULL; h = sip_header_next(&m, h))
		n++;
	return n;
}

static bool is_same_address(enum sip_header_id id, const osip_from_t *f)
{
	struct sip_name_addr a;
	return sip_name_addr_decode(sip_header_value(&m, id), &a) == 0 &&
	       is_same_uri(a.uri, f->url);
}

static bool is_same_call_id(void)
{
	char text[512];
	snprintf(text, sizeof(text), "%s%s%s", theirs->call_id->number,
		theirs->call_id->host != NULL ? "@" : "",
		theirs->call_id->host != NULL ? theirs->call_id->host : "");
	return is_text(m.call_id, text);
}

/* They take a multipart apart at once. */
static bool is_same_body(void)
{
	int n = osip_list_size(&theirs->bodies);
	if (n != 1)
		return n > 1 || m.body.len == 0;
	const osip_body_t *b = osip_list_get(&theirs->bodies, 0);
	return b->length == m.body.len && memcmp(b->body, m.body.at, b->length) == 0;
}

/* What must agree wherever both take a message: no exception is known. */
static void compare_start(void)
{
	assert_int_equal(m.is_request, MSG_IS_REQUEST(theirs));
	if (m.is_request)
		assert_true(is_text(m.method_name, theirs->sip_method));
	else
		assert_int_equal(m.status, theirs->status_code);
	assert_int_equal(m.cseq, strtoul(theirs->cseq->number, NULL, 10));
	assert_true(is_text(m.method_name, theirs->cseq->method));
}

static unsigned compare(void)
{
	unsigned differs = 0;
	compare_start();
	if (m.is_request && !is_same_uri(m.uri, theirs->req_uri))
		differs |= IN_URI;
	if (!is_same_address(SIP_HEADER_FROM, theirs->from) ||
		!is_same_address(SIP_HEADER_TO, theirs->to))
		differs |= IN_ADDRESS;
	if (count(SIP_HEADER_VIA) != osip_list_size(&theirs->vias) ||
		count(SIP_HEADER_CONTACT) != osip_list_size(&theirs->contacts) ||
		count(SIP_HEADER_ROUTE) != osip_list_size(&theirs->routes) ||
		count(SIP_HEADER_RECORD_ROUTE) != osip_list_size(&theirs->record_routes) ||
		count_fields(SIP_HEADER_AUTHORIZATION) != osip_list_size(&theirs->authorizations) ||
		count_fields(SIP_HEADER_WWW_AUTHENTICATE) !=
			osip_list_size(&theirs->www_authenticates))
		differs |= IN_COUNTS;
	if (!is_same_call_id())
		differs |= IN_CALL_ID;
	if (!is_same_body())
		differs |= IN_BODY;
	return differs;
}

static size_t load(const char *path, char *bytes, size_t cap)
{
	const char *srcdir = getenv("srcdir");
	char full[4096];
	snprintf(full, sizeof(full), "%s/%s", srcdir != NULL ? srcdir : ".", path);
	FILE *f = fopen(full, "rb");
	assert_non_null(f);
	size_t n = fread(bytes, 1, cap, f);
	fclose(f);
	assert_true(n > 0 && n < cap);
	return n;
}

static void both_parsers_read_the_same(void **state)
{
	static char bytes[8192];
	unsigned wrong = 0;
	assert_int_equal(parser_init(), 0);
	for (size_t i = 0; i < ARRAY_LEN(files); i++) {
		size_t n = load(files[i].path, bytes, sizeof(bytes) - 1);
		bytes[n] = 0;
		bool mine = sip_msg_decode(bytes, n, SIP_DATAGRAM, &m) == SIP_FINE;
		assert_int_equal(osip_message_init(&theirs), 0);
		bool other = osip_message_parse(theirs, bytes, n) == 0;
		unsigned differs = mine != other ? IN_TAKEN : mine ? compare() : 0;
		print_message("%s: ours %s, theirs %s, differs %#x\n", files[i].path,
			mine ? "takes" : sip_refusal_text(m.refusal), other ? "takes" : "refuses",
			differs);
		if (differs != 0)
			print_message("    %s\n", files[i].why);
		wrong += differs != files[i].differs;
		osip_message_free(theirs);
	}
	assert_int_equal(wrong, 0);
}

int main(void)
{
	const struct CMUnitTest t[] = {
		cmocka_unit_test(both_parsers_read_the_same),
	};
	return cmocka_run_group_tests(t, NULL, NULL) != 0;
}
#endif
