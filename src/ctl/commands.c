/* SPDX-License-Identifier: BSD-3-Clause */
/* The table of commands. */
#include "commands.h"

const struct ctl_command ctl_commands[] = {
	{"status", "", "how the daemon is", ctl_status},
	{"keys", "", "the pool's keys: which one signs, which ones count", ctl_keys},
	{"reload", "", "read the configuration, keys and certificates again", ctl_reload},
	{NULL, NULL, NULL, NULL},
};
