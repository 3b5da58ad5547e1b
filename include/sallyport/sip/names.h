/* SPDX-License-Identifier: BSD-3-Clause */
/* The words of SIP that we know: methods, header fields, option tags, transports, phrases. */
#ifndef SALLYPORT_SIP_NAMES_H
#define SALLYPORT_SIP_NAMES_H

#include <sallyport/sip/str.h>

/* Of RFC 3261 and its extensions in the registry of IANA; SERVICE is Microsoft's. */
#define SIP_METHODS(X)                                                                             \
	X(INVITE)                                                                                  \
	X(ACK)                                                                                     \
	X(BYE)                                                                                     \
	X(CANCEL)                                                                                  \
	X(OPTIONS)                                                                                 \
	X(REGISTER)                                                                                \
	X(PRACK)                                                                                   \
	X(UPDATE)                                                                                  \
	X(INFO)                                                                                    \
	X(SUBSCRIBE)                                                                               \
	X(NOTIFY)                                                                                  \
	X(REFER)                                                                                   \
	X(MESSAGE)                                                                                 \
	X(PUBLISH)                                                                                 \
	X(SERVICE)

enum sip_method {
	SIP_METHOD_OTHER = 0,
#define X(name) SIP_##name,
	SIP_METHODS(X)
#undef X
	SIP_METHOD_COUNT,
};

/* In order of length, then of letters: the look-up counts on that, and a test checks it. */
#define SIP_HEADERS(X)                                                                             \
	X(TO, "To")                                                                                \
	X(VIA, "Via")                                                                              \
	X(CSEQ, "CSeq")                                                                            \
	X(DATE, "Date")                                                                            \
	X(FROM, "From")                                                                            \
	X(JOIN, "Join")                                                                            \
	X(PATH, "Path")                                                                            \
	X(RACK, "RAck")                                                                            \
	X(RSEQ, "RSeq")                                                                            \
	X(ALLOW, "Allow")                                                                          \
	X(EVENT, "Event")                                                                          \
	X(ROUTE, "Route")                                                                          \
	X(ACCEPT, "Accept")                                                                        \
	X(MIN_SE, "Min-SE")                                                                        \
	X(REASON, "Reason")                                                                        \
	X(SERVER, "Server")                                                                        \
	X(CALL_ID, "Call-ID")                                                                      \
	X(CONTACT, "Contact")                                                                      \
	X(EXPIRES, "Expires")                                                                      \
	X(PRIVACY, "Privacy")                                                                      \
	X(REQUIRE, "Require")                                                                      \
	X(SUBJECT, "Subject")                                                                      \
	X(WARNING, "Warning")                                                                      \
	X(IDENTITY, "Identity")                                                                    \
	X(PRIORITY, "Priority")                                                                    \
	X(REFER_TO, "Refer-To")                                                                    \
	X(REPLACES, "Replaces")                                                                    \
	X(REPLY_TO, "Reply-To")                                                                    \
	X(SIP_ETAG, "SIP-ETag")                                                                    \
	X(CALL_INFO, "Call-Info")                                                                  \
	X(DIVERSION, "Diversion")                                                                  \
	X(RECV_INFO, "Recv-Info")                                                                  \
	X(REFER_SUB, "Refer-Sub")                                                                  \
	X(SUPPORTED, "Supported")                                                                  \
	X(TIMESTAMP, "Timestamp")                                                                  \
	X(ALERT_INFO, "Alert-Info")                                                                \
	X(CONTENT_ID, "Content-ID")                                                                \
	X(ERROR_INFO, "Error-Info")                                                                \
	X(FLOW_TIMER, "Flow-Timer")                                                                \
	X(SESSION_ID, "Session-ID")                                                                \
	X(USER_AGENT, "User-Agent")                                                                \
	X(ANSWER_MODE, "Answer-Mode")                                                              \
	X(GEOLOCATION, "Geolocation")                                                              \
	X(IN_REPLY_TO, "In-Reply-To")                                                              \
	X(MAX_BREADTH, "Max-Breadth")                                                              \
	X(MIN_EXPIRES, "Min-Expires")                                                              \
	X(REFERRED_BY, "Referred-By")                                                              \
	X(RETRY_AFTER, "Retry-After")                                                              \
	X(UNSUPPORTED, "Unsupported")                                                              \
	X(ALLOW_EVENTS, "Allow-Events")                                                            \
	X(CONTENT_TYPE, "Content-Type")                                                            \
	X(FEATURE_CAPS, "Feature-Caps")                                                            \
	X(HISTORY_INFO, "History-Info")                                                            \
	X(INFO_PACKAGE, "Info-Package")                                                            \
	X(MAX_FORWARDS, "Max-Forwards")                                                            \
	X(MIME_VERSION, "MIME-Version")                                                            \
	X(ORGANIZATION, "Organization")                                                            \
	X(RECORD_ROUTE, "Record-Route")                                                            \
	X(SIP_IF_MATCH, "SIP-If-Match")                                                            \
	X(USER_TO_USER, "User-to-User")                                                            \
	X(AUTHORIZATION, "Authorization")                                                          \
	X(P_EARLY_MEDIA, "P-Early-Media")                                                          \
	X(PROXY_REQUIRE, "Proxy-Require")                                                          \
	X(SERVICE_ROUTE, "Service-Route")                                                          \
	X(TARGET_DIALOG, "Target-Dialog")                                                          \
	X(ACCEPT_CONTACT, "Accept-Contact")                                                        \
	X(CONTENT_LENGTH, "Content-Length")                                                        \
	X(REJECT_CONTACT, "Reject-Contact")                                                        \
	X(ACCEPT_ENCODING, "Accept-Encoding")                                                      \
	X(ACCEPT_LANGUAGE, "Accept-Language")                                                      \
	X(REMOTE_PARTY_ID, "Remote-Party-ID")                                                      \
	X(SECURITY_CLIENT, "Security-Client")                                                      \
	X(SECURITY_SERVER, "Security-Server")                                                      \
	X(SECURITY_VERIFY, "Security-Verify")                                                      \
	X(SESSION_EXPIRES, "Session-Expires")                                                      \
	X(CONTENT_ENCODING, "Content-Encoding")                                                    \
	X(CONTENT_LANGUAGE, "Content-Language")                                                    \
	X(WWW_AUTHENTICATE, "WWW-Authenticate")                                                    \
	X(P_CALLED_PARTY_ID, "P-Called-Party-ID")                                                  \
	X(P_CHARGING_VECTOR, "P-Charging-Vector")                                                  \
	X(RESOURCE_PRIORITY, "Resource-Priority")                                                  \
	X(PROXY_AUTHENTICATE, "Proxy-Authenticate")                                                \
	X(SUBSCRIPTION_STATE, "Subscription-State")                                                \
	X(AUTHENTICATION_INFO, "Authentication-Info")                                              \
	X(CONTENT_DISPOSITION, "Content-Disposition")                                              \
	X(P_ASSERTED_IDENTITY, "P-Asserted-Identity")                                              \
	X(PROXY_AUTHORIZATION, "Proxy-Authorization")                                              \
	X(REQUEST_DISPOSITION, "Request-Disposition")                                              \
	X(P_PREFERRED_IDENTITY, "P-Preferred-Identity")                                            \
	X(P_ACCESS_NETWORK_INFO, "P-Access-Network-Info")

/* Compact forms (RFC 3261 §7.3.3 and the registry of IANA). */
#define SIP_COMPACT_FORMS(X)                                                                       \
	X('a', ACCEPT_CONTACT)                                                                     \
	X('b', REFERRED_BY)                                                                        \
	X('c', CONTENT_TYPE)                                                                       \
	X('d', REFER_SUB)                                                                          \
	X('e', CONTENT_ENCODING)                                                                   \
	X('f', FROM)                                                                               \
	X('i', CALL_ID)                                                                            \
	X('j', REJECT_CONTACT)                                                                     \
	X('k', SUPPORTED)                                                                          \
	X('l', CONTENT_LENGTH)                                                                     \
	X('m', CONTACT)                                                                            \
	X('o', EVENT)                                                                              \
	X('r', REFER_TO)                                                                           \
	X('s', SUBJECT)                                                                            \
	X('t', TO)                                                                                 \
	X('u', ALLOW_EVENTS)                                                                       \
	X('v', VIA)                                                                                \
	X('x', SESSION_EXPIRES)                                                                    \
	X('y', IDENTITY)

enum sip_header_id {
	SIP_HEADER_OTHER = 0,
#define X(id, text) SIP_HEADER_##id,
	SIP_HEADERS(X)
#undef X
	SIP_HEADER_COUNT,
};

#define SIP_OPTIONS_KNOWN(X)                                                                       \
	X(REL100, "100rel")                                                                        \
	X(ANSWERMODE, "answermode")                                                                \
	X(EARLY_SESSION, "early-session")                                                          \
	X(EVENTLIST, "eventlist")                                                                  \
	X(EXPLICITSUB, "explicitsub")                                                              \
	X(FROM_CHANGE, "from-change")                                                              \
	X(GEOLOCATION_HTTP, "geolocation-http")                                                    \
	X(GEOLOCATION_SIP, "geolocation-sip")                                                      \
	X(GIN, "gin")                                                                              \
	X(GRUU, "gruu")                                                                            \
	X(HISTINFO, "histinfo")                                                                    \
	X(ICE, "ice")                                                                              \
	X(JOIN, "join")                                                                            \
	X(MULTIPLE_REFER, "multiple-refer")                                                        \
	X(NOREFERSUB, "norefersub")                                                                \
	X(NOSUB, "nosub")                                                                          \
	X(OUTBOUND, "outbound")                                                                    \
	X(PATH, "path")                                                                            \
	X(POLICY, "policy")                                                                        \
	X(PRECONDITION, "precondition")                                                            \
	X(PREF, "pref")                                                                            \
	X(PRIVACY, "privacy")                                                                      \
	X(RECIPIENT_LIST_INVITE, "recipient-list-invite")                                          \
	X(RECORD_AWARE, "record-aware")                                                            \
	X(REPLACES, "replaces")                                                                    \
	X(RESOURCE_PRIORITY, "resource-priority")                                                  \
	X(SDP_ANAT, "sdp-anat")                                                                    \
	X(SEC_AGREE, "sec-agree")                                                                  \
	X(SIPREC, "siprec")                                                                        \
	X(TDIALOG, "tdialog")                                                                      \
	X(TIMER, "timer")                                                                          \
	X(TRICKLE_ICE, "trickle-ice")                                                              \
	X(UUI, "uui")

enum sip_option {
#define X(id, text) SIP_OPTION_##id,
	SIP_OPTIONS_KNOWN(X)
#undef X
	SIP_OPTION_COUNT,
};
/* For sets of them: struct sip_tokens. */
#define SIP_OPTION_BIT(o) (UINT64_C(1) << (o))
#define SIP_METHOD_BIT(m) (UINT64_C(1) << (m))

enum sip_transport {
	SIP_TRANSPORT_OTHER = 0,
	SIP_UDP,
	SIP_TCP,
	SIP_TLS,
	SIP_WS,
	SIP_WSS,
	SIP_SCTP,
	SIP_TLS_SCTP,
	SIP_TRANSPORT_COUNT,
};

/* Method names compare with case (RFC 3261 §7.1), all others without. */
enum sip_method sip_method_find(struct sip_str name);
enum sip_header_id sip_header_find(struct sip_str name); /* long or compact */
bool sip_option_find(struct sip_str tag, enum sip_option *out);
enum sip_transport sip_transport_find(struct sip_str name); /* "udp", "TLS-SCTP" */

/* As they are written; "" for OTHER. */
const char *sip_method_name(enum sip_method m);
const char *sip_header_name(enum sip_header_id id);
const char *sip_option_name(enum sip_option o);
const char *sip_transport_name(enum sip_transport t); /* "UDP", as in Via */

/* The phrase the RFC gives for a status code; for one it does not know, that of its class. */
const char *sip_reason_phrase(unsigned status);

#endif
