/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * How many messages the SIP decoder reads in a second on one core: alone, and with what a proxy or
 * a user agent asks of each; and how many answers are written. Beside oSIP's parser where that is.
 *
 *   sipbench [SECONDS]      for each figure; default 2
 */
#include <stdio.h>
#include <stdlib.h>
#include <time.h>
#include <sallyport/sip.h>
#ifdef HAVE_OSIP
#include <sys/types.h>
#include <osipparser2/osip_parser.h>
#endif

static const char invite[] =
	"INVITE sip:+15551230002@gw1.example.com:5061;transport=tls;user=phone SIP/2.0\r\n"
	"Via: SIP/2.0/TLS 192.0.2.10:5061;branch=z9hG4bK2d4790.1;rport\r\n"
	"Via: SIP/2.0/TLS 198.51.100.7:49152;branch=z9hG4bKnashds8;received=203.0.113.9;alias\r\n"
	"Record-Route: <sip:192.0.2.10:5061;transport=tls;lr>\r\n"
	"Max-Forwards: 69\r\n"
	"From: \"Alice Example\" <sip:alice@example.com>;tag=1928301774\r\n"
	"To: <sip:+15551230002@example.com;user=phone>\r\n"
	"Call-ID: a84b4c76e66710b8a1f0c3@198.51.100.7\r\n"
	"CSeq: 314159 INVITE\r\n"
	"Contact: <sip:alice@198.51.100.7:49152;transport=tls>;+sip.instance=\"<urn:uuid:0>\"\r\n"
	"Allow: INVITE, ACK, CANCEL, BYE, OPTIONS, PRACK, UPDATE, REFER, NOTIFY\r\n"
	"Supported: 100rel, timer, replaces, outbound\r\n"
	"Session-Expires: 1800;refresher=uac\r\n"
	"User-Agent: softphone/1.0\r\n"
	"Content-Type: application/sdp\r\n"
	"Content-Length: 135\r\n"
	"\r\n"
	"v=0\r\no=- 1 1 IN IP4 198.51.100.7\r\ns=-\r\nc=IN IP4 198.51.100.7\r\nt=0 0\r\n"
	"m=audio 49170 RTP/AVP 8 0 101\r\na=rtpmap:101 telephone-event/8000\r\n";

static struct sip_msg m;

static bool decode(void)
{
	return sip_msg_decode(invite, sizeof(invite) - 1, SIP_STREAM, &m) == SIP_FINE;
}

static bool decode_and_ask(void)
{
	struct sip_via via;
	struct sip_uri uri;
	struct sip_name_addr a;
	struct sip_tokens t;
	struct sip_session_expires s;
	struct sip_part part;
	struct sip_list contacts = sip_list_of(&m, SIP_HEADER_CONTACT);
	return decode() && sip_via_top(&m, &via) == 0 && sip_uri_decode(m.uri, &uri) == 0 &&
	       sip_name_addr_next(&contacts, &a) >= 0 &&
	       sip_options_of(&m, SIP_HEADER_SUPPORTED, &t) == 0 &&
	       sip_methods_of(&m, SIP_HEADER_ALLOW, &t) == 0 &&
	       sip_session_expires_decode(sip_header_value(&m, SIP_HEADER_SESSION_EXPIRES), &s) ==
		       0 &&
	       sip_body_find(&m, "application", "sdp", &part) == 0;
}

static bool answer(void)
{
	static char out[4096];
	struct addr source = addr_ipv4(0xc6336407, 49152);
	struct sip_writer w;
	sip_write_begin(&w, out, sizeof(out));
	sip_write_response(&w, &m, 180, NULL, sip_str_c("8a1f0c3"), &source);
	sip_write_body(&w, SIP_NONE, SIP_NONE);
	return !w.failed;
}

#ifdef HAVE_OSIP
static bool parse_with_osip(void)
{
	osip_message_t *o;
	if (osip_message_init(&o) != 0)
		return false;
	bool is_good = osip_message_parse(o, invite, sizeof(invite) - 1) == 0;
	osip_message_free(o);
	return is_good;
}
#endif

static double now(void)
{
	struct timespec t;
	clock_gettime(CLOCK_MONOTONIC, &t);
	return (double)t.tv_sec + (double)t.tv_nsec / 1e9;
}

static void measure(const char *what, bool (*step)(void), double seconds)
{
	double from = now(), until = from + seconds, at;
	unsigned long n = 0;
	do {
		for (int i = 0; i < 1000; i++)
			if (!step()) {
				printf("%s failed\n", what);
				exit(1);
			}
		n += 1000;
		at = now();
	} while (at < until);
	printf("%-24s %9.0f /s\n", what, (double)n / (at - from));
}

int main(int argc, char **argv)
{
	double seconds = argc > 1 ? atof(argv[1]) : 2;
	printf("one INVITE of %zu bytes\n", sizeof(invite) - 1);
	measure("decode", decode, seconds);
	measure("decode and ask", decode_and_ask, seconds);
	measure("write an answer", answer, seconds);
#ifdef HAVE_OSIP
	if (parser_init() == 0)
		measure("oSIP's parser", parse_with_osip, seconds);
#endif
	return 0;
}
