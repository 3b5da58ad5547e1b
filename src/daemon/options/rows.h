/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * What the option tables share: the place of a row's value, and the limits that "edge" and each
 * tenant have, in fields of the same names of the struct OF.
 */
#ifndef DAEMON_OPTIONS_ROWS_H
#define DAEMON_OPTIONS_ROWS_H

#include "../options.h"

#define AT(type, field) .offset = offsetof(struct type, field)

#define OPTIONS_SUBJECT_ALLOCATIONS(of)                                                            \
	{                                                                                          \
		.name = "subject_allocations", .type = CONF_UINT, AT(of, subject_allocations),     \
		.max = 65535, .fallback = "0", .flags = CONF_RELOAD,                               \
		.text = "Allocations at once for one identity whose credential states no "         \
			"limit of its own; more get 486. 0: no limit."                             \
	}

#define OPTIONS_ALLOCATION_RATE(of)                                                                \
	{                                                                                          \
		.name = "allocation_rate", .type = CONF_RATE, AT(of, allocation_bps),              \
		.max = 10000000000, .fallback = "0", .flags = CONF_RELOAD,                         \
		.text = "Rate of one allocation, each direction, unless its credential "           \
			"states one; what is over is dropped and counted. 0: no limit."            \
	}

#define OPTIONS_SUBJECT_RATE(of)                                                                   \
	{                                                                                          \
		.name = "subject_rate", .type = CONF_RATE, AT(of, subject_bps),                    \
		.max = 1000000000000, .fallback = "0", .flags = CONF_RELOAD,                       \
		.text = "Rate of all allocations of one identity on this node together, "          \
			"each direction. A change reaches the running allocations at "             \
			"once, but for those made while there was no limit. 0: no limit."          \
	}

#define OPTIONS_DEFAULT_LIFETIME(of)                                                               \
	{                                                                                          \
		.name = "default_lifetime", .type = CONF_DURATION, AT(of, default_lifetime_s),     \
		.min = 60, .max = 86400, .fallback = "10m", .flags = CONF_RELOAD,                  \
		.text = "Lifetime of an allocation that asks for none, or for less."               \
	}

#define OPTIONS_MAX_LIFETIME(of)                                                                   \
	{                                                                                          \
		.name = "max_lifetime", .type = CONF_DURATION, AT(of, max_lifetime_s), .min = 60,  \
		.max = 86400, .fallback = "1h", .flags = CONF_RELOAD,                              \
		.text = "Longest lifetime granted at once; clients refresh."                       \
	}

#endif
