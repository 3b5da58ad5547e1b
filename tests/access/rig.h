/* SPDX-License-Identifier: BSD-3-Clause */
/* A door between a client and a front end that are buffers, and a clock that tests write. */
#ifndef TESTS_ACCESS_RIG_H
#define TESTS_ACCESS_RIG_H

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <sallyport/access.h>

#define CLIENT     UINT64_C(0x100000002) /* connections */
#define NEIGHBOUR  UINT64_C(0x100000003)
#define RETURNED   UINT64_C(0x100000004) /* from the address of CLIENT */
#define FRONT_END  UINT64_C(0x700000001)
#define EDGE       "edge.example.net" /* how the door is called outside, */
#define EDGE_INNER "10.10.0.11"       /* and inside */

struct rig {
	struct access *access;
	struct access_rules rules;
	struct clock clock;
	metrics_cell cells[ACCESS_C_COUNT];
	int inside_rc, outside_rc, service_rc;                  /* what the carrier says */
	char outside[SIP_MSG_MAX + 1], inside[SIP_MSG_MAX + 1]; /* the last message; "" none */
	uint64_t outside_flow;
	struct access_way inside_way;
	uint64_t vouched_flow, ended_flow; /* the last; 0: none */
	char document[256];
};

int rig_setup(void **state);
int rig_teardown(void **state);

/* A message with CRLF in place of LF; a body is behind the first empty line. Both forget first what
 * was sent before. */
void from_client(struct rig *r, uint64_t flow, const char *message);
void from_web_client(struct rig *r, uint64_t flow, const char *message);
void from_inside(struct rig *r, const char *message);

void assert_has(const char *message, const char *text);
void assert_has_not(const char *message, const char *text);
/* The value of the first header field with that name in MESSAGE, into OUT. */
void header_of(const char *message, const char *name, char out[4096]);
/* TEMPLATE with each "$1" replaced by A and "$2" by B. */
const char *filled(char out[SIP_MSG_MAX], const char *template, const char *a, const char *b);
uint64_t counted(struct rig *r, enum access_counter c);

#endif
