/* SPDX-License-Identifier: BSD-3-Clause */
/* The option tables of what a trunk does without a call: OPTIONS, and registration. */
#include <string.h>

#include "../options_mediation.h"
#include "rows.h"

const struct conf_option options_ping_table[] = {
	{.name = "send",
		.type = CONF_BOOL,
		AT(options_ping, send),
		.fallback = "true",
		.text = "Asks each address of the gateway. Off, calls alone teach whether it "
			"lives."},
	{.name = "interval",
		.type = CONF_DURATION,
		AT(options_ping, interval_s),
		.min = 1,
		.max = 3600,
		.fallback = "60s",
		.text = "Time between two of them, to each address."},
	{.name = "fail_after",
		.type = CONF_UINT,
		AT(options_ping, fail_after),
		.min = 1,
		.max = 100,
		.fallback = "3",
		.text = "An address that has not answered so often in a row is down, and tried "
			"last. 408 and 503 count as no answer, and so do calls that it does not "
			"answer."},
	{.name = NULL},
};

const struct conf_option options_registration_table[] = {
	{.name = "domain",
		.type = CONF_STRING,
		AT(options_registration, domain),
		.min = 1,
		.max = 253,
		.example = "sip.example.com",
		.text = "Domain of the account. Without it, the gateway's host."},
	{.name = "user",
		.type = CONF_STRING,
		AT(options_registration, user),
		.flags = CONF_REQUIRED,
		.min = 1,
		.max = 64,
		.example = "\"4711\"",
		.text = "The account is sip:USER@DOMAIN. Calls that come for it go to the number "
			"in their To, all others to that in their Request-URI."},
	{.name = "auth_user",
		.type = CONF_STRING,
		AT(options_registration, auth_user),
		.min = 1,
		.max = 64,
		.example = "\"4711\"",
		.text = "Name for the provider's challenge. Without it, \"user\"."},
	{.name = "password_file",
		.type = CONF_PATH,
		AT(options_registration, password_file),
		.flags = CONF_REQUIRED | CONF_RELOAD,
		.example = "/etc/sallyport/provider.password",
		.text = "File with the password in its first line, readable by its owner alone. It "
			"is read again when it changes."},
	{.name = "expires",
		.type = CONF_DURATION,
		AT(options_registration, expires_s),
		.min = 60,
		.max = 86400,
		.fallback = "1h",
		.text = "Time that is asked for; it is renewed when half of what was granted is "
			"over."},
	{.name = NULL},
};

/* Nothing that would want an escape within quotes. */
static bool is_plain(const char *text)
{
	return !text || text[strcspn(text, "\"\\ <>@;\t")] == '\0';
}

void options_check_registration(struct conf_doc *doc, const struct options_trunk *t)
{
	const struct options_registration *r = &t->registration;

	if (!t->has_registration)
		return;
	if (!is_plain(r->user))
		conf_fail(doc, &r->user, "\"%s\" cannot be the user of a SIP URI", r->user);
	if (!is_plain(r->auth_user))
		conf_fail(doc, &r->auth_user,
			"the name has no quotes, backslashes, blanks and none of <>@;");
	if (!is_plain(r->domain))
		conf_fail(doc, &r->domain, "\"%s\" is not a domain", r->domain);
}
