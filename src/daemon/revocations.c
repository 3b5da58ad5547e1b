/* SPDX-License-Identifier: BSD-3-Clause */
/* Reading and replacing the revocation file. */
#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "revocations.h"

static const char *const kind_names[] = {
	[AUTH_REVOKE_JTI] = "jti",
	[AUTH_REVOKE_SUBJECT] = "subject",
	[AUTH_REVOKE_KID] = "kid",
};

static bool parse_id(struct auth_revocation *r, const char *id)
{
	static const size_t bytes[] = {
		[AUTH_REVOKE_JTI] = AUTH_JTI_LEN, [AUTH_REVOKE_SUBJECT] = AUTH_SUBJECT_LEN};
	size_t n = strlen(id), got;

	if (r->kind == AUTH_REVOKE_KID) {
		if (n != AUTH_KID_LEN)
			return false;
		memcpy(r->id, id, n);
		return true;
	}
	return hex_decode(id, n, r->id, sizeof(r->id), &got) == 0 && got == bytes[r->kind];
}

static bool parse_line(const char *line, struct auth_revocation *out)
{
	char kind[16], id[64], rest;
	struct auth_revocation r = {0};

	if (sscanf(line, "%15s %63s %" SCNu64 " %c", kind, id, &r.until_s, &rest) != 3)
		return false;
	for (size_t i = 0; i < ARRAY_LEN(kind_names); i++) {
		if (strcmp(kind, kind_names[i]) != 0)
			continue;
		r.kind = (enum auth_revocation_kind)i;
		if (!parse_id(&r, id))
			return false;
		*out = r;
		return true;
	}
	return false;
}

static int read_lines(FILE *f, const char *path, struct auth_revocation *list, size_t *n,
	char why[CRYPTO_WHY_LEN])
{
	char line[256];

	for (unsigned number = 1; fgets(line, sizeof(line), f); number++) {
		if (line[0] == '#' || line[strspn(line, " \t\r\n")] == '\0')
			continue;
		if (*n == REVOCATIONS_MAX) {
			snprintf(why, CRYPTO_WHY_LEN,
				"%s holds more than %d revocations; revoke a key instead", path,
				REVOCATIONS_MAX);
			return ERR_TOO_LARGE;
		}
		if (!parse_line(line, &list[*n])) {
			snprintf(why, CRYPTO_WHY_LEN,
				"%s, line %u is not a revocation; write jti, subject or kid, the "
				"id, and the end in Unix seconds",
				path, number);
			return ERR_MALFORMED;
		}
		++*n;
	}
	return 0;
}

int revocations_load(
	const char *path, struct auth_revocation **list, size_t *n, char why[CRYPTO_WHY_LEN])
{
	FILE *f = fopen(path, "re");

	*n = 0;
	*list = NULL;
	if (!f && errno == ENOENT)
		return 0;
	if (!f) {
		int error = errno;
		snprintf(why, CRYPTO_WHY_LEN, "cannot read %s: %s", path, err_text(-error));
		return -error;
	}
	*list = calloc(REVOCATIONS_MAX, sizeof(**list));
	int rc = *list ? read_lines(f, path, *list, n, why) : -ENOMEM;
	fclose(f);
	if (rc != 0) {
		free(*list);
		*list = NULL;
	}
	return rc;
}

static void write_line(FILE *f, const struct auth_revocation *r)
{
	char id[AUTH_SUBJECT_LEN * 2 + 1];

	if (r->kind == AUTH_REVOKE_KID) {
		memcpy(id, r->id, AUTH_KID_LEN);
		id[AUTH_KID_LEN] = '\0';
	} else {
		hex_encode(r->id, r->kind == AUTH_REVOKE_JTI ? AUTH_JTI_LEN : AUTH_SUBJECT_LEN, id);
	}
	fprintf(f, "%s %s %" PRIu64 "\n", kind_names[r->kind], id, r->until_s);
}

int revocations_save(const char *path, const struct auth_revocation *list, size_t n)
{
	char aside[4096];
	int rc = 0;

	if (snprintf(aside, sizeof(aside), "%s.new", path) >= (int)sizeof(aside))
		return -ENAMETOOLONG;
	FILE *f = fopen(aside, "we");
	if (!f)
		return -errno;
	for (size_t i = 0; i < n; i++)
		write_line(f, &list[i]);
	if (fflush(f) != 0 || fsync(fileno(f)) != 0)
		rc = -errno;
	if (fclose(f) != 0 && rc == 0)
		rc = -errno;
	if (rc == 0 && rename(aside, path) != 0)
		rc = -errno;
	if (rc != 0)
		(void)unlink(aside); /* the old file stands; a leftover would do no harm */
	return rc;
}
