/* SPDX-License-Identifier: BSD-3-Clause */
/* sallyportd: the command line. */
#include <getopt.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

#include "control.h"
#include "process.h"

#define DEFAULT_PATH SYSCONFDIR "/sallyport/sallyport.yaml"

#define TAKE_OVER 256 /* behind every letter */

enum mode {
	RUN,
	CHECK,
	ROUTE,
	VERSION,
	SAMPLE,
	MDOC
};

static void usage(FILE *out)
{
	fprintf(out,
		"usage: sallyportd [-f] [-c FILE]   run (-f: in the foreground)\n"
		"       sallyportd --take-over [-f] [-c FILE]   the same, from the one that runs\n"
		"       sallyportd -t [-c FILE]     check the configuration and what it names\n"
		"       sallyportd -r [CALLER:]NUMBER [-c FILE]   say where a call would go\n"
		"       sallyportd -s               print a sample configuration\n"
		"       sallyportd -V               print the version\n"
		"FILE is " DEFAULT_PATH " unless given. See sallyportd(8), sallyport.yaml(5).\n");
}

static void say(void *arg, bool is_warning, const char *line)
{
	(void)arg;
	fprintf(stderr, "%s: %s\n", is_warning ? "warning" : "error", line);
}

static int check(const char *path)
{
	struct settings *s;

	if (settings_load(path, NULL, say, NULL, &s) != 0)
		return 1;
	settings_destroy(s);
	printf("%s is right\n", path);
	return 0;
}

static int route(const char *path, const char *what)
{
	struct settings *s;

	if (settings_load(path, NULL, say, NULL, &s) != 0)
		return 1;
	if (!s->dial_plan)
		say(NULL, false,
			"the configuration has no section \"mediation\", so there are no calls to "
			"ask about");
	int rc = s->dial_plan ? dial_plan_show(s->dial_plan, what, stdout) : ERR_NOT_FOUND;
	settings_destroy(s);
	return rc == 0 ? 0 : 1;
}

static int run(const char *path, bool is_foreground, bool takes_over)
{
	struct settings *s;
	struct control *c;
	char why[256];

	if (settings_load(path, NULL, say, NULL, &s) != 0)
		return 1;
	if (!is_foreground && !s->options->log.file) {
		say(NULL, false,
			"in the background the log needs \"log.file\"; set it, or run with -f");
		settings_destroy(s);
		return 1;
	}
	if (!is_foreground && process_background() != 0) {
		say(NULL, false, "cannot fork into the background; run with -f");
		settings_destroy(s);
		return 1;
	}
	(void)signal(SIGPIPE, SIG_IGN);
	(void)process_raise_files();
	if (control_create(path, s, takes_over, &c, why) != 0) {
		say(NULL, false, why);
		return 1;
	}
	int rc = control_run(c);
	control_destroy(c);
	return rc == 0 ? 0 : 1;
}

int main(int argc, char **argv)
{
	const char *path = DEFAULT_PATH, *what = NULL;
	enum mode mode = RUN;
	static const struct option long_options[] = {
		{"take-over", no_argument, NULL, TAKE_OVER}, {NULL, 0, NULL, 0}};
	bool is_foreground = false, takes_over = false;
	int o;

	while ((o = getopt_long(argc, argv, "c:fhmr:stV", long_options, NULL)) != -1) {
		switch (o) {
		case 'c':
			path = optarg;
			break;
		case 'f':
			is_foreground = true;
			break;
		case TAKE_OVER:
			takes_over = true;
			break;
		case 't':
			mode = CHECK;
			break;
		case 'r':
			mode = ROUTE;
			what = optarg;
			break;
		case 's':
			mode = SAMPLE;
			break;
		case 'm': /* for the build: the options as mdoc items */
			mode = MDOC;
			break;
		case 'V':
			mode = VERSION;
			break;
		case 'h':
			usage(stdout);
			return 0;
		default:
			usage(stderr);
			return 2;
		}
	}
	if (optind != argc) {
		usage(stderr);
		return 2;
	}
	switch (mode) {
	case CHECK:
		return check(path);
	case ROUTE:
		return route(path, what);
	case SAMPLE:
		conf_print_sample(options_table, stdout);
		return 0;
	case MDOC:
		conf_print_mdoc(options_table, stdout);
		return 0;
	case VERSION:
		printf("%s\n", PACKAGE_STRING);
		return 0;
	case RUN:
		break;
	}
	return run(path, is_foreground, takes_over);
}
