/* SPDX-License-Identifier: BSD-3-Clause */
/* Texts: the phrases of status codes (RFC 3261 §21 and the registry), and of refusals. */
#include "scan.h"

static const struct {
	uint16_t status;
	const char *phrase;
} phrases[] = {
	{100, "Trying"},
	{180, "Ringing"},
	{181, "Call Is Being Forwarded"},
	{182, "Queued"},
	{183, "Session Progress"},
	{199, "Early Dialog Terminated"},
	{200, "OK"},
	{202, "Accepted"},
	{204, "No Notification"},
	{300, "Multiple Choices"},
	{301, "Moved Permanently"},
	{302, "Moved Temporarily"},
	{305, "Use Proxy"},
	{380, "Alternative Service"},
	{400, "Bad Request"},
	{401, "Unauthorized"},
	{402, "Payment Required"},
	{403, "Forbidden"},
	{404, "Not Found"},
	{405, "Method Not Allowed"},
	{406, "Not Acceptable"},
	{407, "Proxy Authentication Required"},
	{408, "Request Timeout"},
	{410, "Gone"},
	{412, "Conditional Request Failed"},
	{413, "Request Entity Too Large"},
	{414, "Request-URI Too Long"},
	{415, "Unsupported Media Type"},
	{416, "Unsupported URI Scheme"},
	{420, "Bad Extension"},
	{421, "Extension Required"},
	{422, "Session Interval Too Small"},
	{423, "Interval Too Brief"},
	{430, "Flow Failed"},
	{433, "Anonymity Disallowed"},
	{439, "First Hop Lacks Outbound Support"},
	{440, "Max-Breadth Exceeded"},
	{469, "Bad Info Package"},
	{480, "Temporarily Unavailable"},
	{481, "Call/Transaction Does Not Exist"},
	{482, "Loop Detected"},
	{483, "Too Many Hops"},
	{484, "Address Incomplete"},
	{485, "Ambiguous"},
	{486, "Busy Here"},
	{487, "Request Terminated"},
	{488, "Not Acceptable Here"},
	{489, "Bad Event"},
	{491, "Request Pending"},
	{493, "Undecipherable"},
	{494, "Security Agreement Required"},
	{500, "Server Internal Error"},
	{501, "Not Implemented"},
	{502, "Bad Gateway"},
	{503, "Service Unavailable"},
	{504, "Server Time-out"},
	{505, "Version Not Supported"},
	{513, "Message Too Large"},
	{555, "Push Notification Service Not Supported"},
	{580, "Precondition Failure"},
	{600, "Busy Everywhere"},
	{603, "Decline"},
	{604, "Does Not Exist Anywhere"},
	{606, "Not Acceptable"},
	{607, "Unwanted"},
	{608, "Rejected"},
};

static const char *const classes[] = {
	"Unknown", "Progress", "Success", "Redirection", "Client Error", "Server Error", "Failure"};

const char *sip_reason_phrase(unsigned status)
{
	for (size_t i = 0; i < ARRAY_LEN(phrases); i++)
		if (phrases[i].status == status)
			return phrases[i].phrase;
	return classes[status / 100 < ARRAY_LEN(classes) ? status / 100 : 0];
}

static const struct {
	uint16_t status;
	const char *text;
} refusals[SIP_REFUSAL_COUNT] = {
	[SIP_FINE] = {400, "nothing is wrong"},
	[SIP_BAD_START_LINE] = {400, "the start line is neither of a request nor of a response"},
	[SIP_BAD_URI] = {400, "the Request-URI is none"},
	[SIP_URI_TOO_LONG] = {414, "the Request-URI is too long"},
	[SIP_BAD_VERSION] = {505, "the version is not SIP/2.0"},
	[SIP_BAD_HEADER] = {400, "a line is no header field"},
	[SIP_BAD_BYTE] = {400, "CR, LF or NUL stands where it may not"},
	[SIP_HEADER_TOO_LONG] = {400, "a header field is too long"},
	[SIP_TOO_MANY_HEADERS] = {400, "there are too many header fields"},
	[SIP_NO_END] = {400, "no empty line ends the header fields"},
	[SIP_TOO_LARGE] = {413, "the message is too large"},
	[SIP_NO_CONTENT_LENGTH] = {400, "Content-Length is missing"},
	[SIP_BAD_CONTENT_LENGTH] = {400, "Content-Length is no number"},
	[SIP_BODY_SHORT] = {400, "the body is shorter than Content-Length"},
	[SIP_DUPLICATE] = {400, "a header field stands twice that may stand once"},
	[SIP_NO_VIA] = {400, "Via is missing"},
	[SIP_BAD_VIA] = {400, "Via cannot be read"},
	[SIP_NO_FROM] = {400, "From is missing"},
	[SIP_BAD_FROM] = {400, "From cannot be read"},
	[SIP_NO_TO] = {400, "To is missing"},
	[SIP_BAD_TO] = {400, "To cannot be read"},
	[SIP_NO_CALL_ID] = {400, "Call-ID is missing"},
	[SIP_BAD_CALL_ID] = {400, "Call-ID cannot be read"},
	[SIP_NO_CSEQ] = {400, "CSeq is missing"},
	[SIP_BAD_CSEQ] = {400, "CSeq cannot be read"},
	[SIP_CSEQ_MISMATCH] = {400, "CSeq names another method"},
	[SIP_BAD_MAX_FORWARDS] = {400, "Max-Forwards is no number up to 255"},
};

const char *sip_refusal_text(enum sip_refusal r)
{
	return refusals[r].text;
}

unsigned sip_refusal_status(enum sip_refusal r)
{
	return refusals[r].status;
}
