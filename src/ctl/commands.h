/* SPDX-License-Identifier: BSD-3-Clause */
/* The functions behind the rows of the table of commands. */
#ifndef CTL_COMMANDS_H
#define CTL_COMMANDS_H

#include "ctl.h"

int ctl_allocations(struct ctl *c, int argc, char **argv);
int ctl_allocations_kill(struct ctl *c, int argc, char **argv);
int ctl_allocations_show(struct ctl *c, int argc, char **argv);
int ctl_credentials_decode(struct ctl *c, int argc, char **argv);
int ctl_credentials_issue(struct ctl *c, int argc, char **argv);
int ctl_credentials_revoke(struct ctl *c, int argc, char **argv);
int ctl_status(struct ctl *c, int argc, char **argv);
int ctl_dns(struct ctl *c, int argc, char **argv);
int ctl_drain(struct ctl *c, int argc, char **argv);
int ctl_keys(struct ctl *c, int argc, char **argv);
int ctl_reload(struct ctl *c, int argc, char **argv);
int ctl_import_coturn(struct ctl *c, int argc, char **argv);

/* The answer of /admin/v1/drain, which is also a part of the status. */
void ctl_print_drain(const json_t *d);

#endif
