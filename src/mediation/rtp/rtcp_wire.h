/* SPDX-License-Identifier: BSD-3-Clause */
/* Numbers that reading and writing RTCP share. */
#ifndef SALLYPORT_RTP_RTCP_WIRE_H
#define SALLYPORT_RTP_RTCP_WIRE_H

#define RTCP_VERSION      0x80 /* 2, in the two highest bits */
#define RTCP_VERSION_MASK 0xc0
#define RTCP_PADDING_BIT  0x20
#define RTCP_COUNT_MASK   0x1f
#define RTCP_SENDER_LEN   20 /* of a sender report, behind its source */
#define RTCP_REPORT_LEN   24

#endif
