/* SPDX-License-Identifier: BSD-3-Clause */
/* The table of commands. */
#include "commands.h"

const struct ctl_command ctl_commands[] = {
	{"status", "", "how the daemon is", ctl_status},
	{"allocations",
		"[--client ADDRESS] [--subject SUBJECT] [--relay ADDRESS] [--peer ADDRESS]\n"
		"           [--face NAME] [--limit N] [--after ID]",
		"list allocations", ctl_allocations},
	{"allocations show", "ID", "one allocation: peers, channels, traffic, credential",
		ctl_allocations_show},
	{"allocations kill", "ID | --subject SUBJECT | --client ADDRESS", "end allocations",
		ctl_allocations_kill},
	{"credentials issue", "[--location internet|intranet] [--duration 8h] IDENTITY",
		"make a credential", ctl_credentials_issue},
	{"credentials decode", "USERNAME", "what a username says, and whether it counts now",
		ctl_credentials_decode},
	{"credentials revoke", "USERNAME | --jti HEX | --subject HEX | --kid KID",
		"revoke credentials and end what they run", ctl_credentials_revoke},
	{"keys", "", "the pool's keys: which one signs, which ones count", ctl_keys},
	{"reload", "", "read the configuration, keys and certificates again", ctl_reload},
	{"drain", "[--to HOST[:PORT]]... [--tls-port PORT] [--exit] | --off | --show",
		"send new clients elsewhere, let the running ones finish", ctl_drain},
	{"dns", "[--domain DOMAIN]", "the DNS records to publish, from the configuration", ctl_dns},
	{"import-coturn", "FILE [--output DIRECTORY]",
		"turn a turnserver.conf into a configuration, with a report", ctl_import_coturn},
	{NULL, NULL, NULL, NULL},
};
