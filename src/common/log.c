/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * The log sink. Its state is file-scope on purpose: any thread may log, from any depth. All of it
 * is atomic but for the key of the pseudonyms, which is made once, and each thread's text of the
 * second. Lines are written for each allocation, so they are put together with one pass of printf
 * and leave by one call.
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
#include <sys/socket.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>
#include <sallyport/common/err.h>
#include <sallyport/common/hash.h>

#define LINE_LEN 1024
#define CUT_MARK "..."

/* What has to be done so that writing to the sink cannot block. */
enum sink_kind {
	SINK_ASKED, /* it is asked whether it has room */
	SINK_FILE,  /* nothing */
	SINK_SOCKET /* the call itself says so */
};
/* Both in one word, so that they always fit together: the descriptor times four, plus the kind. */
static atomic_int sink = 2 * 4 + SINK_ASKED;
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
	[LOG_SIP] = "sip",
	[LOG_CALL] = "call",
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
	struct stat st;
	enum sink_kind kind = SINK_ASKED;

	if (fstat(fd, &st) == 0)
		kind = S_ISREG(st.st_mode)    ? SINK_FILE
		       : S_ISSOCK(st.st_mode) ? SINK_SOCKET
					      : SINK_ASKED;
	atomic_store_explicit(&sink, fd * 4 + (int)kind, memory_order_relaxed);
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

static char *text_put(char *to, const char *text)
{
	while (*text != '\0')
		*to++ = *text++;
	return to;
}

/* "2026-11-21T08:00:00", which lines of one second have in common. */
#define SECOND_LEN 19
static const char *second_text(time_t now)
{
	static _Thread_local struct {
		time_t at;
		char text[SECOND_LEN + 1];
	} s;
	struct tm tm;

	if (s.text[0] == '\0' || s.at != now) {
		(void)gmtime_r(&now, &tm);
		(void)strftime(s.text, sizeof(s.text), "%Y-%m-%dT%H:%M:%S", &tm);
		s.at = now;
	}
	return s.text;
}

/* "2026-11-21T08:00:00.123Z info turn ". */
#define HEAD_MAX 64
static size_t head_write(char line[HEAD_MAX], enum log_level level, enum log_area area)
{
	struct timespec now;
	char *p = line;

	(void)clock_gettime(CLOCK_REALTIME, &now);
	unsigned ms = (unsigned)(now.tv_nsec / 1000000);
	p = text_put(p, second_text(now.tv_sec));
	*p++ = '.';
	*p++ = (char)('0' + ms / 100);
	*p++ = (char)('0' + ms / 10 % 10);
	*p++ = (char)('0' + ms % 10);
	p = text_put(p, "Z ");
	p = text_put(p, level_text[level]);
	*p++ = ' ';
	p = text_put(p, area_text[area]);
	*p++ = ' ';
	return (size_t)(p - line);
}

/*
 * A slow reader must not stop a thread that relays media, so a sink that has no room now loses the
 * line. For a pipe "writable" means PIPE_BUF bytes free, which is more than a line.
 */
static ssize_t sink_write(const char *line, size_t len)
{
	int word = atomic_load_explicit(&sink, memory_order_relaxed), kind = word & 3;
	struct pollfd p = {.fd = (word - kind) / 4, .events = POLLOUT};

	if (kind == SINK_SOCKET)
		return send(p.fd, line, len, MSG_DONTWAIT | MSG_NOSIGNAL);
	if (kind == SINK_ASKED && (poll(&p, 1, 0) != 1 || (p.revents & (POLLERR | POLLNVAL)) != 0))
		return -1;
	return write(p.fd, line, len);
}

static void line_send(const char *line, size_t len)
{
	if (sink_write(line, len) != (ssize_t)len)
		(void)atomic_fetch_add_explicit(&dropped, 1, memory_order_relaxed);
}

/* Event and pairs into CAP bytes with the NUL; returns what they would take, or less than 0. */
#define EVENT_MAX 100
__attribute__((format(printf, 4, 0))) static int text_write(
	char *to, size_t cap, const char *event, const char *fmt, va_list args)
{
	size_t len = strnlen(event, EVENT_MAX);

	memcpy(to, event, len);
	int n = vsnprintf(to + len, cap - len, fmt, args);
	if (n == 1) /* only the space of an event without pairs */
		n = 0;
	return n < 0 ? n : n + (int)len;
}

static bool is_plain_text(const char *text, size_t len)
{
	bool is_plain = true;

	for (size_t i = 0; i < len; i++)
		is_plain = is_plain && is_line_char((unsigned char)text[i]);
	return is_plain;
}

/* With what must be escaped, or cut, in TEXT; returns the bytes written to TO. */
static size_t text_escape(char *to, size_t room, const char *text, bool is_cut)
{
	size_t len, text_len = strlen(text);
	size_t taken = escape(to, room, &len, text, text_len, is_line_char);

	if (!is_cut && taken == text_len)
		return len;
	memcpy(to + len, CUT_MARK, sizeof(CUT_MARK) - 1);
	return len + sizeof(CUT_MARK) - 1;
}

void log_write(enum log_level level, enum log_area area, const char *event, const char *fmt, ...)
{
	char text[LINE_LEN], line[HEAD_MAX + LINE_LEN];
	int saved = errno;
	va_list args;

	size_t len = head_write(line, level, area);
	size_t room = LINE_LEN - len - sizeof(CUT_MARK); /* its NUL is the newline's place */
	va_start(args, fmt);
	int n = text_write(text, sizeof(text), event, fmt, args);
	va_end(args);
	bool is_cut = n < 0 || (size_t)n >= sizeof(text);
	if (!is_cut && (size_t)n <= room && is_plain_text(text, (size_t)n)) {
		memcpy(line + len, text, (size_t)n);
		len += (size_t)n;
	} else {
		if (!is_cut)
			text[n] = '\0';
		len += text_escape(line + len, room, text, is_cut);
	}
	line[len++] = '\n';
	line_send(line, len);
	errno = saved;
}
