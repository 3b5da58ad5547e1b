/* SPDX-License-Identifier: BSD-3-Clause */
/* What an answer says when it does not say yes. */
#include <assert.h>
#include <sallyport/mras.h>

static const struct {
	const char *phrase, *reason;
	unsigned status;
} results[MRAS_RESULT_COUNT] = {
	[MRAS_OK] = {"OK", "ok", 200},
	[MRAS_MALFORMED] = {"Request Malformed", "requestMalformed", 400},
	[MRAS_VERSION_MISMATCH] = {"Version Mismatch", "versionMismatch", 400},
	[MRAS_FORBIDDEN] = {"Forbidden", "forbidden", 403},
	[MRAS_TOO_LARGE] = {"Request Too Large", "requestTooLarge", 413},
	[MRAS_NOT_SUPPORTED] = {"Not Supported", "notSupported", 501},
	[MRAS_BUSY] = {"Server Busy", "serverBusy", 503},
	[MRAS_TIME_OUT] = {"Time Out", "timeOut", 504},
	[MRAS_INTERNAL] = {"Internal Server Error", "internalServerError", 500},
	[MRAS_OTHER] = {"Other Failure", "otherFailure", 500},
};

const char *mras_result_phrase(enum mras_result r)
{
	assert(r < MRAS_RESULT_COUNT);
	return results[r].phrase;
}

const char *mras_result_reason(enum mras_result r)
{
	assert(r < MRAS_RESULT_COUNT);
	return results[r].reason;
}

unsigned mras_result_status(enum mras_result r)
{
	assert(r < MRAS_RESULT_COUNT);
	return results[r].status;
}
