/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * The log sink, shared by all threads: level, descriptor and switches are atomics, a line is built
 * on the stack and goes out in one write. The only mutable state of this file is what the log is.
 */
#include <errno.h>
#include <pthread.h>
#include <stdarg.h>
#include <stdatomic.h>
#include <stdio.h>
#include <string.h>
#include <sys/random.h>
#include <time.h>
#include <unistd.h>

#include <sallyport/common.h>

#define LINE_MAX_BYTES 1024

static _Atomic int level_now = LOG_LEVEL_INFO;
static _Atomic int sink_fd = 2;
static atomic_bool privacy;
static _Atomic uint64_t dropped;
static pthread_once_t pseudonym_once = PTHREAD_ONCE_INIT;
static struct hash_key pseudonym_key;

static const char *const level_names[] = {"error", "warning", "notice", "info", "debug"};
static const char *const area_names[LOG_AREA_COUNT] = {
	[LOG_DAEMON] = "daemon",
	[LOG_CONF] = "conf",
	[LOG_NET] = "net",
	[LOG_TURN] = "turn",
	[LOG_AUTH] = "auth",
	[LOG_MRAS] = "mras",
	[LOG_API] = "api",
	[LOG_TLS] = "tls",
};

void log_level_set(enum log_level level)
{
	atomic_store_explicit(&level_now, (int)level, memory_order_relaxed);
}

enum log_level log_level_get(void)
{
	return (enum log_level)atomic_load_explicit(&level_now, memory_order_relaxed);
}

int log_level_parse(const char *name, enum log_level *out)
{
	for (size_t i = 0; i < ARRAY_LEN(level_names); i++) {
		if (strcmp(name, level_names[i]) == 0) {
			*out = (enum log_level)i;
			return 0;
		}
	}
	return ERR_NOT_FOUND;
}

void log_privacy_set(bool on)
{
	atomic_store_explicit(&privacy, on, memory_order_relaxed);
}

void log_fd_set(int fd)
{
	atomic_store_explicit(&sink_fd, fd, memory_order_relaxed);
}

uint64_t log_dropped_count(void)
{
	return atomic_load_explicit(&dropped, memory_order_relaxed);
}

static void make_pseudonym_key(void)
{
	/* Without random bytes the pseudonyms would be guessable, not the log unusable. */
	if (getrandom(&pseudonym_key, sizeof(pseudonym_key), 0) != (ssize_t)sizeof(pseudonym_key))
		pseudonym_key.k0 = (uint64_t)time(NULL);
}

static const char *pseudonym(const void *data, size_t len, char *buf, size_t cap)
{
	(void)pthread_once(&pseudonym_once, make_pseudonym_key);
	snprintf(buf, cap, "~%016llx", (unsigned long long)hash_bytes(&pseudonym_key, data, len));
	return buf;
}

const char *log_addr(const struct addr *a, char buf[ADDR_TEXT_LEN])
{
	if (!atomic_load_explicit(&privacy, memory_order_relaxed))
		return addr_format(a, buf);
	/* The port stays out: all of one client's lines get one name. */
	return pseudonym(a->ip, sizeof(a->ip), buf, ADDR_TEXT_LEN);
}

const char *log_name(const void *name, size_t len, char buf[LOG_NAME_LEN])
{
	if (atomic_load_explicit(&privacy, memory_order_relaxed))
		return pseudonym(name, len, buf, LOG_NAME_LEN);
	snprintf(buf, LOG_NAME_LEN, "%.*s", len < LOG_NAME_LEN ? (int)len : LOG_NAME_LEN - 1,
		(const char *)name);
	return buf;
}

bool log_limit_ok(struct log_limit *l, uint64_t mono_ms, uint32_t burst, uint32_t *held)
{
	uint64_t second = mono_ms / 1000;

	if (second != l->second) {
		l->second = second;
		l->used = 0;
	}
	if (l->used >= burst) {
		l->held++;
		return false;
	}
	l->used++;
	*held = l->held;
	l->held = 0;
	return true;
}

/* A line is one line whatever a stranger puts into a name: control bytes become '?'. */
static void make_printable(char *text, size_t len)
{
	for (size_t i = 0; i < len; i++) {
		if ((unsigned char)text[i] < 0x20 || text[i] == 0x7f)
			text[i] = '?';
	}
}

static size_t put_head(
	char *line, size_t cap, enum log_level level, enum log_area area, const char *event)
{
	struct timespec now;
	struct tm tm;
	char stamp[32];

	(void)clock_gettime(CLOCK_REALTIME, &now);
	gmtime_r(&now.tv_sec, &tm);
	strftime(stamp, sizeof(stamp), "%Y-%m-%dT%H:%M:%S", &tm);
	int n = snprintf(line, cap, "%s.%03ldZ %s %s %s", stamp, now.tv_nsec / 1000000,
		level_names[level], area_names[area], event);
	return n < 0 ? 0 : (size_t)n < cap ? (size_t)n : cap - 1;
}

void log_write(enum log_level level, enum log_area area, const char *event, const char *fmt, ...)
{
	char line[LINE_MAX_BYTES];
	size_t cap = sizeof(line) - 1; /* room for the newline */
	size_t n = put_head(line, cap, level, area, event);
	int saved = errno;
	va_list ap;

	if (fmt[0] != '\0' && n + 2 < cap) {
		line[n++] = ' ';
		va_start(ap, fmt);
		int m = vsnprintf(line + n, cap - n, fmt, ap);
		va_end(ap);
		if (m > 0)
			n += (size_t)m < cap - n ? (size_t)m : cap - n - 1;
	}
	make_printable(line, n);
	line[n++] = '\n';
	if (write(atomic_load_explicit(&sink_fd, memory_order_relaxed), line, n) != (ssize_t)n)
		atomic_fetch_add_explicit(&dropped, 1, memory_order_relaxed);
	errno = saved;
}
