/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * common: what every folder stands on. No I/O beyond the log sink, no threads, no outside library.
 */
#ifndef SALLYPORT_COMMON_H
#define SALLYPORT_COMMON_H

#include <sallyport/common/addr.h>
#include <sallyport/common/base64.h>
#include <sallyport/common/bytes.h>
#include <sallyport/common/clock.h>
#include <sallyport/common/err.h>
#include <sallyport/common/hash.h>
#include <sallyport/common/list.h>
#include <sallyport/common/log.h>
#include <sallyport/common/prefix.h>
#include <sallyport/common/rate.h>
#include <sallyport/common/share.h>
#include <sallyport/common/utf8.h>

#define ARRAY_LEN(a) (sizeof(a) / sizeof((a)[0]))

/* The struct that embeds MEMBER at PTR. */
#define CONTAINER_OF(ptr, type, member) ((type *)(void *)((char *)(ptr)-offsetof(type, member)))

#endif
