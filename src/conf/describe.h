/* SPDX-License-Identifier: BSD-3-Clause */
/* An option row in words, for the sample file and the manual page alike. */
#ifndef CONF_DESCRIBE_H
#define CONF_DESCRIBE_H

#include <sallyport/conf.h>

#define DESCRIBE_LEN 640

/* "Duration, 1m to 180d. Default: 8h. Needs a restart." Returns BUF. */
const char *describe_facts(const struct conf_option *row, char buf[DESCRIBE_LEN]);

/* What stands behind the colon in the sample file. A secret's default is never shown. */
const char *describe_sample(const struct conf_option *row, char buf[DESCRIBE_LEN]);

#endif
