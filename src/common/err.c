/* SPDX-License-Identifier: BSD-3-Clause */
/* Error codes and their texts. */
#include <string.h>

#include <sallyport/common.h>

static const char *own_text(int code)
{
	switch ((enum err)code) {
	case ERR_NONE:
		return "no error";
	case ERR_TRUNCATED:
		return "truncated";
	case ERR_MALFORMED:
		return "malformed";
	case ERR_TOO_LARGE:
		return "too large";
	case ERR_NO_SPACE:
		return "no room in the output";
	case ERR_UNSUPPORTED:
		return "not supported";
	case ERR_NOT_FOUND:
		return "not found";
	case ERR_EXISTS:
		return "exists already";
	case ERR_FULL:
		return "full";
	case ERR_EXPIRED:
		return "expired";
	case ERR_DENIED:
		return "denied by a rule";
	case ERR_BAD_KEY:
		return "unusable key";
	case ERR_TLS:
		return "TLS error";
	case ERR_CONFIG:
		return "wrong configuration";
	}
	return NULL;
}

const char *err_text(int code)
{
	const char *text = own_text(code);

	if (text)
		return text;
	text = code < 0 && code > ERR_TRUNCATED ? strerrordesc_np(-code) : NULL;
	return text ? text : "unknown error";
}
