/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * sip: the codec of SIP (RFC 3261): bytes to structs and back; no I/O, no clock, no heap. What is
 * decoded is a view into the caller's bytes, good as long as they are.
 *
 *   sip/msg.h        a message: start line, headers, body; where it ends on a stream
 *   sip/uri.h        URIs: parts, comparison, escapes
 *   sip/value.h      what header fields say, decoded when asked for
 *   sip/write.h      writing a message into a buffer
 *   sip/multipart.h  bodies of several parts
 *   sip/digest.h     Digest authentication
 */
#ifndef SALLYPORT_SIP_H
#define SALLYPORT_SIP_H

#include <sallyport/sip/digest.h>
#include <sallyport/sip/msg.h>
#include <sallyport/sip/multipart.h>
#include <sallyport/sip/uri.h>
#include <sallyport/sip/value.h>
#include <sallyport/sip/write.h>

#endif
