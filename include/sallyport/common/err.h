/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * Error codes. A fallible function returns 0 or a negative code: a negated errno, or one of these.
 * A protocol refusal (401, 437, ...) is a value, not an error.
 */
#ifndef SALLYPORT_COMMON_ERR_H
#define SALLYPORT_COMMON_ERR_H

enum err {
	ERR_NONE = 0,
	ERR_TRUNCATED = -1000,   /* input ends before the thing it announces */
	ERR_MALFORMED = -1001,   /* input breaks its format */
	ERR_TOO_LARGE = -1002,   /* over a stated limit */
	ERR_NO_SPACE = -1003,    /* the output buffer is too small */
	ERR_UNSUPPORTED = -1004, /* well-formed, but not something we do */
	ERR_NOT_FOUND = -1005,
	ERR_EXISTS = -1006,
	ERR_FULL = -1007,    /* a bounded queue, table or pool has no room */
	ERR_EXPIRED = -1008, /* was valid, is no more */
	ERR_DENIED = -1009,  /* a rule forbids it */
	ERR_BAD_KEY = -1010, /* key material that cannot be used */
	ERR_TLS = -1011,     /* OpenSSL refused; the log line has its reason */
	ERR_CONFIG = -1012,  /* the configuration is wrong; the error list says where */
};

/* Text for a code of either kind; never NULL, static or thread-local storage, no newline. */
const char *err_text(int code);

#endif
