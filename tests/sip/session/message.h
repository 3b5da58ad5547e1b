/* SPDX-License-Identifier: BSD-3-Clause */
/* Messages for the tests: what must stand in each, and the header fields of interest. */
#ifndef TEST_SIP_SESSION_MESSAGE_H
#define TEST_SIP_SESSION_MESSAGE_H

#include <stdio.h>
#include <sallyport/sip/session.h>

#define COMMON(cseq)                                                                               \
	"Via: SIP/2.0/UDP h;branch=z9hG4bKa\r\nFrom: <sip:a@h>;tag=1\r\n"                          \
	"To: <sip:b@h>;tag=2\r\nCall-ID: c\r\nCSeq: " cseq "\r\n"

/* Good until the next call. */
static inline const struct sip_msg *decode(const char *start, const char *common, const char *more)
{
	static char text[2048];
	static struct sip_msg m;
	int n = snprintf(text, sizeof(text), "%s\r\n%s%s\r\n", start, common, more);
	assert_true(n > 0 && (size_t)n < sizeof(text));
	assert_int_equal(sip_msg_decode(text, (size_t)n, SIP_DATAGRAM, &m), SIP_FINE);
	return &m;
}

static inline const struct sip_msg *request(const char *more)
{
	return decode("INVITE sip:b@h SIP/2.0", COMMON("7 INVITE"), more);
}

static inline const struct sip_msg *response(const char *status, const char *more)
{
	char start[64];
	snprintf(start, sizeof(start), "SIP/2.0 %s x", status);
	return decode(start, COMMON("7 INVITE"), more);
}

#endif
