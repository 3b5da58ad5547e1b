/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * What sallyportctl reads of a daemon's configuration. All else in the file is passed over, so that
 * the tool and the daemon need not be of one version.
 */
#ifndef CTL_CONFIG_H
#define CTL_CONFIG_H

#include <sallyport/conf.h>

#include "ctl.h"

struct ctl_face {
	const char *name;
	int location;               /* 0: internet, 1: intranet */
	const char *host;           /* NULL: none */
	struct conf_list listen;    /* struct addr */
	struct conf_list tcp;       /* struct addr */
	struct conf_list tls;       /* struct addr */
	struct conf_list dtls;      /* struct addr */
	struct conf_list advertise; /* struct addr */
};

struct ctl_config {
	const char *socket;
	const char *realm;
	struct conf_list faces; /* struct ctl_face */
};

/* The file of -c, or the usual one. Says what is wrong with it. conf_destroy(*DOC) in the end. */
int ctl_config_load(const struct ctl *c, struct conf_doc **doc, const struct ctl_config **out);

/* The socket of -s, or else of the configuration, or else the usual one. */
#define CTL_PATH_LEN 256
int ctl_socket(const struct ctl *c, char out[CTL_PATH_LEN]);

#endif
