/* SPDX-License-Identifier: BSD-3-Clause */
/* Why requests are refused, in words. */
#include <errno.h>

#include "call_priv.h"
#include "refusals.h"

#define FIRST CALL_C_REFUSED_FULL

static const struct refusal {
	const char *name, *text;
} refusals[] = {
#define ROW(row, name, text) [CALL_C_REFUSED_##row - FIRST] = {name, text},
	CALL_REFUSALS(ROW)
#undef ROW
};
_Static_assert(ARRAY_LEN(refusals) == CALL_C_REFUSED_END - FIRST, "each has its words");

const char *call_refusal_name(unsigned why)
{
	return why >= FIRST && why < CALL_C_REFUSED_END ? refusals[why - FIRST].name : NULL;
}

unsigned refusal_of_failure(const struct call_failure *f)
{
	switch (f->kind) {
	case CALL_FAILED_RESPONSE:
		return 0; /* it says so itself */
	case CALL_FAILED_NO_PROGRESS:
		return CALL_C_REFUSED_NO_PROGRESS;
	case CALL_FAILED_UNREACHABLE:
		return CALL_C_REFUSED_UNREACHABLE;
	case CALL_FAILED_SILENT:
		return CALL_C_REFUSED_SILENT;
	}
	return 0;
}

unsigned refusal_of_error(int err)
{
	switch (err) {
	case ERR_DENIED:
		return CALL_C_REFUSED_DESCRIPTION;
	case ERR_FULL:
		return CALL_C_REFUSED_TRANSACTIONS;
	case ERR_TOO_LARGE:
		return CALL_C_REFUSED_SIZE;
	case -ENOBUFS:
		return CALL_C_REFUSED_UNREAD;
	case -ENOMEM:
		return CALL_C_REFUSED_MEMORY;
	default:
		return CALL_C_REFUSED_UNREACHABLE;
	}
}

unsigned refusal_of_body(int rc)
{
	return rc == ERR_FULL  ? CALL_C_REFUSED_MEDIA
	       : rc == -ENOMEM ? CALL_C_REFUSED_MEMORY
			       : CALL_C_REFUSED_DESCRIPTION;
}

void refusal_write(struct sip_writer *w, unsigned why)
{
	if (!call_refusal_name(why))
		return;
	sip_write_open(w, SIP_HEADER_WARNING);
	sip_write_c(w, "399 " CALL_WARN_AGENT " ");
	sip_write_quoted(w, sip_str_c(refusals[why - FIRST].text));
	sip_write_close(w);
}
