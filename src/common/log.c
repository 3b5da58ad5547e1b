/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * The log sink. Its state is file-scope on purpose: any thread may log, from any depth. All of it
 * is atomic but for the key of the pseudonyms, which is made once.
 */
#include <sallyport/common/log.h>

#include <errno.h>
#include <poll.h>
#include <pthread.h>
#include <stdarg.h>
#include <stdatomic.h>
#include <stdio.h>
#include <string.h>
#include <sys/random.h>
#include <time.h>
#include <unistd.h>
#include <sallyport/common/err.h>
#include <sallyport/common/hash.h>

#define LINE_LEN 1024
#define CUT_MARK "..."

static atomic_int sink_fd = 2;
static atomic_int level_max = LOG_LEVEL_INFO;
static atomic_bool is_private;
static atomic_uint_fast64_t dropped;

static pthread_once_t key_once = PTHREAD_ONCE_INIT;
static struct hash_key key;
static bool has_key;

static const char *const level_text[] = {
	[LOG_LEVEL_ERROR] = "error",
	[LOG_LEVEL_WARNING] = "warning",
	[LOG_LEVEL_NOTICE] = "notice",
	[LOG_LEVEL_INFO] = "info",
	[LOG_LEVEL_DEBUG] = "debug",
};

static const char *const area_text[LOG_AREA_COUNT] = {
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
	atomic_store_explicit(&level_max, (int)level, memory_order_relaxed);
}

enum log_level log_level_get(void)
{
	return (enum log_level)atomic_load_explicit(&level_max, memory_order_relaxed);
}

int log_level_parse(const char *name, enum log_level *out)
{
	for (unsigned i = 0; i < sizeof(level_text) / sizeof(level_text[0]); i++) {
		if (strcmp(name, level_text[i]) == 0) {
			*out = (enum log_level)i;
			return 0;
		}
	}
	return ERR_NOT_FOUND;
}

void log_privacy_set(bool on)
{
	atomic_store_explicit(&is_private, on, memory_order_relaxed);
}

void log_fd_set(int fd)
{
	atomic_store_explicit(&sink_fd, fd, memory_order_relaxed);
}

uint64_t log_dropped_count(void)
{
	return atomic_load_explicit(&dropped, memory_order_relaxed);
}

static void log_key_make(void)
{
	has_key = getrandom(&key, sizeof(key), 0) == (ssize_t)sizeof(key);
}

/* Without random bytes a pseudonym could be guessed, so there is none then. */
static const char *pseudonym_write(const void *data, size_t len, char *out, size_t cap)
{
	(void)pthread_once(&key_once, log_key_make);
	if (has_key)
		(void)snprintf(
			out, cap, "~%016llx", (unsigned long long)hash_bytes(&key, data, len));
	else
		(void)snprintf(out, cap, "hidden");
	return out;
}

const char *log_addr(const struct addr *a, char buf[ADDR_TEXT_LEN])
{
	if (!atomic_load_explicit(&is_private, memory_order_relaxed))
		return addr_format(a, buf);
	/* The port stays out: all of one client's lines get one name. */
	return pseudonym_write(a->ip, sizeof(a->ip), buf, ADDR_TEXT_LEN);
}

/* What may stand in a value that is not quoted: a stranger's name cannot end it or open another. */
static bool is_value_char(unsigned char c)
{
	return c > 0x20 && c < 0x7f && c != '"' && c != '\\' && c != '=';
}

/* Copies BYTES, "\xNN" for what IS_PLAIN refuses; whole characters only. Returns bytes taken. */
static size_t escape(char *out, size_t cap, size_t *out_len, const char *bytes, size_t n,
	bool (*is_plain)(unsigned char))
{
	static const char digits[] = "0123456789abcdef";
	size_t i, o = 0;

	for (i = 0; i < n; i++) {
		unsigned char c = (unsigned char)bytes[i];

		if (o + (is_plain(c) ? 1 : 4) > cap)
			break;
		if (is_plain(c)) {
			out[o++] = (char)c;
			continue;
		}
		out[o++] = '\\';
		out[o++] = 'x';
		out[o++] = digits[c >> 4];
		out[o++] = digits[c & 15];
	}
	*out_len = o;
	return i;
}

const char *log_name(const void *name, size_t len, char buf[LOG_NAME_LEN])
{
	size_t out_len;

	if (atomic_load_explicit(&is_private, memory_order_relaxed))
		return pseudonym_write(name, len, buf, LOG_NAME_LEN);
	if (escape(buf, LOG_NAME_LEN - sizeof(CUT_MARK), &out_len, name, len, is_value_char) < len)
		memcpy(buf + out_len, CUT_MARK, sizeof(CUT_MARK));
	else
		buf[out_len] = '\0';
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
		if (l->held < UINT32_MAX)
			l->held++;
		return false;
	}
	l->used++;
	*held = l->held;
	l->held = 0;
	return true;
}

static bool is_line_char(unsigned char c)
{
	return c >= 0x20 && c < 0x7f;
}

/* "2026-11-21T08:00:00.123Z info turn ", which always fits. */
static size_t head_write(char *line, size_t cap, enum log_level level, enum log_area area)
{
	struct timespec now;
	struct tm tm;
	size_t len;

	(void)clock_gettime(CLOCK_REALTIME, &now);
	(void)gmtime_r(&now.tv_sec, &tm);
	len = strftime(line, cap, "%Y-%m-%dT%H:%M:%S", &tm);
	return len + (size_t)snprintf(line + len, cap - len, ".%03uZ %s %s ",
			     (unsigned)(now.tv_nsec / 1000000), level_text[level], area_text[area]);
}

/*
 * A slow reader must not stop a thread that relays media, so a sink that has no room now loses the
 * line. For a pipe "writable" means PIPE_BUF bytes free, which is more than a line.
 */
static void line_send(const char *line, size_t len)
{
	struct pollfd p = {
		.fd = atomic_load_explicit(&sink_fd, memory_order_relaxed), .events = POLLOUT};
	ssize_t n = -1;

	if (poll(&p, 1, 0) == 1 && (p.revents & (POLLERR | POLLNVAL)) == 0)
		n = write(p.fd, line, len);
	if (n != (ssize_t)len)
		(void)atomic_fetch_add_explicit(&dropped, 1, memory_order_relaxed);
}

void log_write(enum log_level level, enum log_area area, const char *event, const char *fmt, ...)
{
	char text[LINE_LEN], line[LINE_LEN];
	size_t len, text_len, body_len, room, taken;
	va_list args;
	int n, saved = errno;
	bool is_cut;

	len = head_write(line, sizeof(line), level, area);
	n = snprintf(text, sizeof(text), "%.100s", event);
	text_len = n < 0 ? 0 : (size_t)n;
	va_start(args, fmt);
	n = vsnprintf(text + text_len, sizeof(text) - text_len, fmt, args);
	va_end(args);
	is_cut = n < 0 || text_len + (size_t)n >= sizeof(text);
	text_len = strlen(text);
	if (!is_cut && n == 1) /* only the space of an event without pairs */
		text_len--;
	room = sizeof(line) - len - sizeof(CUT_MARK); /* the mark's NUL is the newline's place */
	taken = escape(line + len, room, &body_len, text, text_len, is_line_char);
	len += body_len;
	if (is_cut || taken < text_len) {
		memcpy(line + len, CUT_MARK, sizeof(CUT_MARK) - 1);
		len += sizeof(CUT_MARK) - 1;
	}
	line[len++] = '\n';
	line_send(line, len);
	errno = saved;
}
