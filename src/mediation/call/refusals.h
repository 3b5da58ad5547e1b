/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * Why requests are refused, or come to nothing, by us and not by who was asked: for each row of
 * CALL_C_REFUSED_ its name in counters, log and records, and what the Warning says (RFC 3261
 * §20.43).
 */
#ifndef SALLYPORT_MEDIATION_CALL_REFUSALS_H
#define SALLYPORT_MEDIATION_CALL_REFUSALS_H

#define CALL_REFUSALS(R)                                                                           \
	R(FULL, "full", "no room for more, or for more of yours")                                  \
	R(MEMORY, "memory", "no memory")                                                           \
	R(HOPS, "max_forwards", "Max-Forwards is 0")                                               \
	R(MERGED, "merged", "the same request has come another way")                               \
	R(EXTENSION, "extension", "an extension that is not known here is required")               \
	R(INTERVAL, "interval", "the session interval is too short")                               \
	R(METHOD, "method", "not taken here")                                                      \
	R(ROUTE, "no_route", "no route")                                                           \
	R(NO_DIALOG, "no_dialog", "no such dialog, or out of order")                               \
	R(REFER, "refer", "no such transfer")                                                      \
	R(REPLACES, "replaces", "nothing to replace")                                              \
	R(DRAINING, "draining", "the node takes no new calls")                                     \
	R(TRUNK, "trunk", "the trunk begins no calls")                                             \
	R(ADDRESS, "no_address", "no address of the gateway is known")                             \
	R(LIMIT_CALLER, "caller_limit", "the caller's trunk has as many calls as it may")          \
	R(LIMIT_CALLEE, "callee_limit", "the callee's trunks have as many calls as they may")      \
	R(MEDIA, "media", "no ports for media")                                                    \
	R(DESCRIPTION, "description", "the session description cannot be passed on")               \
	R(SIZE, "too_large", "too large to be passed on")                                          \
	R(TRANSACTIONS, "transactions", "no room for another transaction")                         \
	R(UNREAD, "unread", "the other side does not read what it is sent")                        \
	R(UNREACHABLE, "unreachable", "the other side cannot be reached")                          \
	R(SILENT, "silent", "the other side has not answered")                                     \
	R(NO_PROGRESS, "no_progress", "the gateway has not got on with it in time")                \
	R(RINGING, "no_answer", "nobody has answered")                                             \
	R(ANSWER, "answer", "the answer cannot be used")                                           \
	R(NO_PRACK, "no_prack", "a reliable response was not acknowledged")

#endif
