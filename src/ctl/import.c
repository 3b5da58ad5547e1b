/* SPDX-License-Identifier: BSD-3-Clause */
/* import-coturn: where a conversion is read from and what files it leaves. */
#include <errno.h>
#include <fcntl.h>
#include <ifaddrs.h>
#include <stdlib.h>
#include <sys/random.h>
#include <sys/stat.h>
#include <unistd.h>

#include "commands.h"
#include "coturn.h"

#define KEYS_DIRECTORY "/etc/sallyport/keys"
#define POOL_KEY_LEN   32

/* ---- this host ---- */

static bool is_usable(const struct addr *a)
{
	bool is_loopback =
		a->family == ADDR_IPV4
			? a->ip[12] == 127
			: addr_equal_ip(a, &(struct addr){.ip = {[15] = 1}, .family = ADDR_IPV6});
	bool is_link_local =
		a->family == ADDR_IPV6 && a->ip[0] == 0xfe && (a->ip[1] & 0xc0) == 0x80;

	return !is_loopback && !is_link_local;
}

static size_t host_addresses(struct addr *out, size_t cap)
{
	struct ifaddrs *first;
	size_t n = 0;

	if (getifaddrs(&first) != 0)
		return 0;
	for (struct ifaddrs *i = first; i && n < cap; i = i->ifa_next) {
		if (i->ifa_addr &&
			addr_from_sockaddr(i->ifa_addr, sizeof(struct sockaddr_storage), &out[n]) ==
				0 &&
			is_usable(&out[n]))
			n++;
	}
	freeifaddrs(first);
	return n;
}

/* ---- files ---- */

/* A file that is there already is somebody's: it is not touched. */
static FILE *create(const char *directory, const char *name, mode_t mode, int *why)
{
	char path[COTURN_TEXT_MAX];

	if ((size_t)snprintf(path, sizeof(path), "%s/%s", directory, name) >= sizeof(path)) {
		*why = -ENAMETOOLONG;
		return NULL;
	}
	int fd = open(path, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC | O_NOFOLLOW, mode);
	FILE *f = fd >= 0 ? fdopen(fd, "w") : NULL;
	if (!f) {
		*why = -errno;
		(void)ctl_fail("cannot make %s: %s", path, err_text(*why));
		if (fd >= 0)
			close(fd);
	}
	return f;
}

static int finish(FILE *f)
{
	bool is_written = !ferror(f);

	return fclose(f) == 0 && is_written ? 0 : ctl_fail("a file could not be written whole");
}

static int write_bytes(const char *directory, const char *name, const void *data, size_t len)
{
	int why;
	FILE *f = create(directory, name, 0600, &why);

	if (!f)
		return CTL_FAILED;
	(void)fwrite(data, 1, len, f); /* an error shows at the end */
	return finish(f);
}

static int write_keys(const char *directory, const struct coturn_conf *c)
{
	uint8_t key[POOL_KEY_LEN];
	char name[48];

	if (getrandom(key, sizeof(key), 0) != (ssize_t)sizeof(key))
		return ctl_fail("the kernel gives no random numbers");
	int rc = write_bytes(directory, "pool.key", key, sizeof(key));
	explicit_bzero(key, sizeof(key));
	for (size_t i = 0; i < c->n_secrets && rc == CTL_OK; i++) {
		snprintf(name, sizeof(name), "turn-rest-%zu.secret", i + 1);
		rc = write_bytes(directory, name, c->secrets[i], strlen(c->secrets[i]));
	}
	return rc;
}

/* ---- the two ways ---- */

static int convert(FILE *in, const char *name, const char *keys, FILE *yaml, FILE *report,
	struct coturn_conf *c)
{
	struct addr host[COTURN_ADDRESSES_MAX];
	struct coturn_target t = {
		.keys_directory = keys, .has_key_files = yaml != stdout, .host_addresses = host};

	t.n_host_addresses = host_addresses(host, ARRAY_LEN(host));
	int rc = coturn_convert(in, name, &t, yaml, report, c);
	return rc == 0 ? CTL_OK : ctl_fail("%s: %s", name, err_text(rc));
}

/* To standard output, the report to standard error. */
static int to_output(FILE *in, const char *name)
{
	struct coturn_conf c;
	int rc = convert(in, name, KEYS_DIRECTORY, stdout, stderr, &c);

	coturn_conf_fini(&c);
	return rc;
}

static int to_files(FILE *in, const char *name, const char *directory, const char *keys)
{
	struct coturn_conf c = {0};
	int why, rc = CTL_FAILED;
	FILE *report = NULL, *yaml = create(directory, "sallyport.yaml", 0640, &why);

	if (yaml)
		report = create(directory, "report.txt", 0640, &why);
	if (report)
		rc = convert(in, name, keys, yaml, report, &c);
	if (yaml && finish(yaml) != 0)
		rc = CTL_FAILED;
	if (report && finish(report) != 0)
		rc = CTL_FAILED;
	if (rc == CTL_OK)
		rc = write_keys(keys, &c);
	coturn_conf_fini(&c);
	return rc;
}

/* The YAML names its key files by absolute names. */
static int to_directory(FILE *in, const char *name, const char *directory)
{
	char keys[COTURN_TEXT_MAX];
	char *absolute;

	if (mkdir(directory, 0750) != 0 && errno != EEXIST)
		return ctl_fail("cannot make %s: %s", directory, err_text(-errno));
	absolute = realpath(directory, NULL);
	if (!absolute)
		return ctl_fail("%s: %s", directory, err_text(-errno));
	int rc = CTL_FAILED;
	if ((size_t)snprintf(keys, sizeof(keys), "%s/keys", absolute) >= sizeof(keys))
		rc = ctl_fail("%s: the name is too long", absolute);
	else if (mkdir(keys, 0700) != 0 && errno != EEXIST)
		rc = ctl_fail("cannot make %s: %s", keys, err_text(-errno));
	else
		rc = to_files(in, name, absolute, keys);
	if (rc == CTL_OK)
		printf("%s/report.txt has a line for every key; then: sallyportd -t -c "
		       "%s/sallyport.yaml\n",
			absolute, absolute);
	free(absolute);
	return rc;
}

int ctl_import_coturn(struct ctl *c, int argc, char **argv)
{
	const char *directory = NULL;
	const struct ctl_option options[] = {
		{.name = "output", .value = &directory}, {.name = NULL}};

	if (ctl_options(c, argc, argv, options, 1, 1) < 0)
		return CTL_USAGE;
	FILE *in = fopen(argv[0], "re");
	if (!in)
		return ctl_fail("cannot read %s: %s", argv[0], err_text(-errno));
	int rc = directory ? to_directory(in, argv[0], directory) : to_output(in, argv[0]);
	fclose(in);
	return rc;
}
