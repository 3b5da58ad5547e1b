/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * The log: one event, one line, key=value.
 *
 *   log_info(LOG_TURN, "allocation granted", "id=%u lifetime_s=%u", id, lifetime);
 *   2026-11-21T08:00:00.123Z info turn allocation granted id=7 lifetime_s=600
 *
 * error: someone must act; warning: act soon; notice: life cycle of the daemon; info: one per
 * allocation or request; debug: one per message. No secret at any level. Any thread may log; a
 * line is written by one write(2), so lines never mix. A line that the sink refuses (a full disk
 * or a full pipe) is dropped and counted: the log never blocks. Bytes outside printable ASCII are
 * written as \xNN and a line longer than 1 KiB is cut, so a stranger's bytes cannot forge a line.
 * The process should ignore SIGPIPE.
 */
#ifndef SALLYPORT_COMMON_LOG_H
#define SALLYPORT_COMMON_LOG_H

#include <stdbool.h>
#include <stdint.h>
#include <sallyport/common/addr.h>

enum log_level {
	LOG_LEVEL_ERROR,
	LOG_LEVEL_WARNING,
	LOG_LEVEL_NOTICE,
	LOG_LEVEL_INFO,
	LOG_LEVEL_DEBUG
};

enum log_area {
	LOG_DAEMON,
	LOG_CONF,
	LOG_NET,
	LOG_TURN,
	LOG_AUTH,
	LOG_MRAS,
	LOG_API,
	LOG_TLS,
	LOG_SIP,
	LOG_CALL,
	LOG_AREA_COUNT,
};

void log_level_set(enum log_level level);
enum log_level log_level_get(void);
int log_level_parse(const char *name, enum log_level *out); /* "info"; ERR_NOT_FOUND */

/* With the switch on, log_addr() and log_name() write a keyed pseudonym: the same one for the same
 * address, whatever its port, or name, for as long as the process runs. */
void log_privacy_set(bool on);

/* Lines go to FD, which stays the caller's and what it is. Default: 2. */
void log_fd_set(int fd);

/* Lines the sink refused since start. */
uint64_t log_dropped_count(void);

/*
 * For arguments: the address or name as the privacy switch allows. Both return BUF. A name comes
 * out as one word that needs no quotes (space, quote, backslash and "=" escaped too), cut if long.
 */
const char *log_addr(const struct addr *a, char buf[ADDR_TEXT_LEN]);
#define LOG_NAME_LEN 72
const char *log_name(const void *name, size_t len, char buf[LOG_NAME_LEN]);

/*
 * At most BURST lines in a second for what a stranger can trigger; one limiter per place, kept by
 * the caller (a field of its thread's state). Returns true when the line may be written and puts
 * the number held back since the last one into *HELD.
 */
struct log_limit {
	uint64_t second;
	uint32_t used;
	uint32_t held;
};
bool log_limit_ok(struct log_limit *l, uint64_t mono_ms, uint32_t burst, uint32_t *held);

/* Behind the macros below; FMT starts with a space. An event may come without pairs. */
void log_write(enum log_level level, enum log_area area, const char *event, const char *fmt, ...)
	__attribute__((format(printf, 4, 5)));

#define log_at(level, area, event, ...)                                                            \
	do {                                                                                       \
		if ((level) <= log_level_get())                                                    \
			log_write((level), (area), (event), " " __VA_ARGS__);                      \
	} while (0)

#define log_error(area, ...)   log_at(LOG_LEVEL_ERROR, area, __VA_ARGS__)
#define log_warning(area, ...) log_at(LOG_LEVEL_WARNING, area, __VA_ARGS__)
#define log_notice(area, ...)  log_at(LOG_LEVEL_NOTICE, area, __VA_ARGS__)
#define log_info(area, ...)    log_at(LOG_LEVEL_INFO, area, __VA_ARGS__)
#define log_debug(area, ...)   log_at(LOG_LEVEL_DEBUG, area, __VA_ARGS__)

#endif
