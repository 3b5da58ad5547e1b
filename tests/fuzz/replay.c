/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * A main for fuzz targets that are built without a fuzzer: runs the target on every file it is
 * given, so that seeds and old crashes are tested in plain "make check".
 *
 *   fuzz_WHAT [FILE | DIRECTORY]...   default: the corpus of WHAT in the source tree
 *
 * Each name is printed before its run: after a crash the last line names the culprit.
 */
#include <dirent.h>
#include <errno.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

/* The bytes of a file in a block of exactly their size, or NULL with errno. */
static uint8_t *read_file(FILE *f, size_t *size)
{
	struct stat st;
	if (fstat(fileno(f), &st) != 0)
		return NULL;
	*size = (size_t)st.st_size;
	uint8_t *data = malloc(*size > 0 ? *size : 1);
	if (data != NULL && fread(data, 1, *size, f) != *size) {
		errno = EIO;
		free(data);
		data = NULL;
	}
	return data;
}

/* False when the file could not be read. */
static bool replay_file(const char *path, size_t *count)
{
	size_t size;
	uint8_t *data = NULL;
	FILE *f = fopen(path, "rb");
	if (f != NULL)
		data = read_file(f, &size);
	if (data == NULL) {
		fprintf(stderr, "%s: %s\n", path, strerror(errno));
	} else {
		printf("%s: %zu bytes\n", path, size);
		fflush(stdout);
		(void)LLVMFuzzerTestOneInput(data, size); /* always 0 */
		(*count)++;
	}
	free(data);
	if (f != NULL)
		fclose(f);
	return data != NULL;
}

static int is_visible(const struct dirent *e)
{
	return e->d_name[0] != '.';
}

static bool replay_directory(const char *path, size_t *count)
{
	struct dirent **entries;
	bool is_good = true;
	int n = scandir(path, &entries, is_visible, alphasort);
	if (n < 0) {
		fprintf(stderr, "%s: %s\n", path, strerror(errno));
		return false;
	}
	for (int i = 0; i < n; i++) {
		char file[4096];
		int len = snprintf(file, sizeof(file), "%s/%s", path, entries[i]->d_name);
		if (len < 0 || (size_t)len >= sizeof(file)) {
			fprintf(stderr, "%s: name too long\n", entries[i]->d_name);
			is_good = false;
		} else {
			is_good = replay_file(file, count) && is_good;
		}
		free(entries[i]);
	}
	free(entries);
	return is_good;
}

static bool replay(const char *path, size_t *count)
{
	struct stat st;
	if (stat(path, &st) == 0 && S_ISDIR(st.st_mode))
		return replay_directory(path, count);
	return replay_file(path, count);
}

/* "some/where/fuzz_stun" replays "$srcdir/tests/fuzz/corpus/stun". */
static bool replay_own_corpus(const char *program, size_t *count)
{
	const char *slash = strrchr(program, '/');
	const char *name = slash != NULL ? slash + 1 : program;
	const char *srcdir = getenv("srcdir");
	char path[4096];
	if (strncmp(name, "fuzz_", 5) != 0) {
		fprintf(stderr, "%s: no fuzz_WHAT; name a directory\n", name);
		return false;
	}
	int len = snprintf(path, sizeof(path), "%s/tests/fuzz/corpus/%s",
		srcdir != NULL ? srcdir : ".", name + 5);
	if (len < 0 || (size_t)len >= sizeof(path)) {
		fprintf(stderr, "%s: name too long\n", name);
		return false;
	}
	return replay(path, count);
}

int main(int argc, char **argv)
{
	size_t count = 0;
	bool is_good = true;
	if (argc < 2)
		is_good = replay_own_corpus(argv[0], &count);
	for (int i = 1; i < argc; i++)
		is_good = replay(argv[i], &count) && is_good;
	printf("%zu inputs replayed\n", count);
	return is_good && count > 0 ? 0 : 1;
}
