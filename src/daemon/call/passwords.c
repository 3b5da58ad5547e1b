/* SPDX-License-Identifier: BSD-3-Clause */
/* The files with the passwords of registrations. */
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <sys/stat.h>
#include <unistd.h>

#include <sallyport/crypto.h>

#include "plan.h"

static int refuse(char *why, const char *path, const char *text)
{
	(void)snprintf(why, CALL_THREAD_WHY_LEN, "%s: %s", path, text);
	return ERR_CONFIG;
}

static int read_first_line(int fd, const char *path, char *out, char *why)
{
	struct stat st;

	if (fstat(fd, &st) != 0 || !S_ISREG(st.st_mode))
		return refuse(why, path, "is not a regular file");
	if (st.st_mode & (S_IRWXG | S_IRWXO))
		return refuse(why, path, "is open to others than its owner; use chmod 600");
	ssize_t n = read(fd, out, CALL_PASSWORD_MAX + 1);
	if (n < 0)
		return refuse(why, path, strerror(errno));
	size_t len = 0;
	while (len < (size_t)n && out[len] != '\n' && out[len] != '\r' && out[len] != '\0')
		len++;
	if (len == 0 || len > CALL_PASSWORD_MAX)
		return refuse(why, path, "has no password of 1 to 128 bytes in its first line");
	memset(out + len, 0, CALL_PASSWORD_MAX + 1 - len);
	return 0;
}

int call_password_read(const char *path, char out[CALL_PASSWORD_MAX + 1], char *why)
{
	int fd = open(path, O_RDONLY | O_CLOEXEC | O_NONBLOCK);

	if (fd < 0)
		return refuse(why, path, strerror(errno));
	int rc = read_first_line(fd, path, out, why);
	close(fd);
	return rc;
}

int call_passwords_check(struct conf_doc *doc, const struct options_mediation *m)
{
	const struct options_trunk *t = m->trunks.items;
	char password[CALL_PASSWORD_MAX + 1], why[CALL_THREAD_WHY_LEN];
	int first = 0;

	for (size_t i = 0; i < m->trunks.n; i++) {
		const struct options_registration *r = &t[i].registration;
		int rc = t[i].has_registration ? call_password_read(r->password_file, password, why)
					       : 0;
		if (rc != 0)
			conf_fail(doc, &r->password_file, "%s", why);
		first = first ? first : rc;
	}
	crypto_wipe(password, sizeof(password));
	return first;
}
