/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * loop: a thread's event base, its timers and its mailbox; and the HTTP server shell.
 *
 * A loop belongs to one thread. The only function another thread may call is loop_post().
 */
#ifndef SALLYPORT_LOOP_H
#define SALLYPORT_LOOP_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sallyport/common.h>
#include <sallyport/metrics.h>

struct event_base;
struct ssl_ctx_st;

/* ---- timer wheel: pure, driven by the caller's clock; hierarchical, so a timer costs O(1) ---- */

struct wheel_timer;
typedef void (*wheel_fn)(struct wheel_timer *t, void *arg);

/* Lives in its owner. Zeroed memory plus wheel_timer_init is a stopped timer. */
struct wheel_timer {
	struct list link;
	uint64_t at_ms;
	wheel_fn fn;
	uint8_t level; /* the wheel's */
};

#define WHEEL_TICK_MS                                                                              \
	100 /* timers fire on the first tick at or after their time, never before it */
#define WHEEL_BITS   6
#define WHEEL_LEVELS 5

struct wheel {
	uint64_t tick; /* last tick that has fired */
	void *arg;     /* handed to every callback */
	size_t count;
	size_t level_count[WHEEL_LEVELS];
	struct list slots[WHEEL_LEVELS][1 << WHEEL_BITS];
};

void wheel_init(struct wheel *w, uint64_t now_ms, void *arg);
void wheel_timer_init(struct wheel_timer *t, wheel_fn fn);
/* Starts or moves the timer. A time in the past fires on the next tick. */
void wheel_set(struct wheel *w, struct wheel_timer *t, uint64_t at_ms);
void wheel_cancel(struct wheel *w, struct wheel_timer *t);
bool wheel_timer_is_set(const struct wheel_timer *t);
/* Fires what is due, each timer stopped before its callback; callbacks may set and cancel any
 * timer. */
void wheel_advance(struct wheel *w, uint64_t now_ms);

/* ---- loop ---- */

struct loop; /* opaque; created and destroyed by anyone while its thread does not run */

/* MAILBOX_LEN messages may wait at once. NULL when out of memory or descriptors. */
struct loop *loop_create(const char *name, size_t mailbox_len);
void loop_destroy(struct loop *l); /* discards waiting messages */

/* Runs until loop_stop. Returns 0 or a negative code. */
int loop_run(struct loop *l);
void loop_stop(struct loop *l); /* own thread only; from outside post a message that calls it */

struct event_base *loop_base(struct loop *l);
struct wheel *loop_wheel(struct loop *l); /* its callbacks get the loop as ARG */

/* The time of this turn. The pointer is good for the loop's life. */
const struct clock *loop_clock(const struct loop *l);
/*
 * Every callback that libevent makes begins with this: the first of a turn samples the clock, the
 * others find it done. (libevent has no hook between its poll and its callbacks.)
 */
void loop_turn(struct loop *l);

/*
 * N packets have come in this turn. While they come at 32,000 a second and more, and few at a time,
 * the loop pauses between two turns until some more are due, for 0.35 ms at the most, so that a
 * wake-up serves several of them.
 */
void loop_packets(struct loop *l, size_t n);

/*
 * Busy polling: after packets the loop looks for more for BOUND_US without sleeping, if of its last
 * eight waits for packets at least two were no longer than that. Nothing else starts or prolongs
 * it; timers and messages are served meanwhile. While it is set no pauses are made. 0: off. Own
 * thread, or before it runs; by message from others.
 */
void loop_busy_poll(struct loop *l, uint32_t bound_us);
extern const struct msg_type loop_busy_poll_msg; /* the payload is BOUND_US, the context the loop */

enum loop_counter {
	LOOP_C_POLLS_HIT,
	LOOP_C_POLLS_VAIN,
	LOOP_C_POLL_US,
	LOOP_C_COUNT
};
extern const struct metrics_group loop_counters;
/* Where it counts, not owned; before it runs. */
void loop_count_in(struct loop *l, metrics_cell *cells);

/*
 * Runs FN once at the end of the current turn, after all callbacks of it: for flushing what the
 * turn gathered. Embedded in its owner; asking twice in one turn runs it once. Asked for by a
 * deferred call, it runs at the end of the next turn, which then follows without sleeping. It is
 * not an event of low priority, because those starve while sockets keep being ready.
 */
struct loop_deferred {
	struct list link;
	void (*fn)(void *arg);
	void *arg;
};
void loop_deferred_init(struct loop_deferred *d, void (*fn)(void *), void *arg);
void loop_deferred_cancel(struct loop_deferred *d);
void loop_deferred_run(struct loop *l, struct loop_deferred *d);

/* ---- mailbox ---- */

/*
 * A kind of message, declared by the folder that receives it. The payload is copied into the box;
 * what it points to belongs to the receiver once loop_post has returned 0. DISCARD (may be NULL)
 * frees that when a message is dropped undelivered.
 */
struct msg_type {
	const char *name;
	size_t size; /* of the payload; at most MSG_MAX */
	void (*handler)(void *ctx, void *payload);
	void (*discard)(void *payload);
};
#define MSG_MAX 256

/* Any thread. CTX is handed to the handler. 0, or ERR_FULL: the message was not taken. */
int loop_post(struct loop *to, const struct msg_type *type, void *ctx, const void *payload);

/* Delivers what waits for L, whose thread does not run. False: nothing did. */
bool loop_deliver(struct loop *l);

/* ---- threads ---- */

struct loop_thread; /* opaque */

/* Starts a thread that runs the loop, under its name (cut to 15 bytes), all signals blocked. */
int loop_thread_start(struct loop *l, struct loop_thread **out);
int loop_thread_join(struct loop_thread *t); /* frees T; returns what loop_run returned */

/* ---- signals (main thread) ---- */
typedef void (*loop_signal_fn)(int signo, void *arg);
int loop_signal_add(
	struct loop *l, int signo, loop_signal_fn fn, void *arg); /* until loop_destroy */

/* ---- HTTP server shell ---- */

struct http_server;  /* opaque */
struct http_request; /* opaque; valid from the handler until it has been replied to */

struct http_config {
	const char *name;          /* for the log: "mras", "admin" */
	struct ssl_ctx_st *tls;    /* not owned, swapped by http_server_tls_set; NULL: plain HTTP */
	const struct addr *listen; /* N_LISTEN addresses, or: */
	size_t n_listen;
	const char
		*unix_path; /* a Unix socket; made with mode UNIX_MODE, a stale one is replaced */
	unsigned unix_mode;
	/* Asked for each address, and with NULL for the Unix socket, before it is bound: a
	 * descriptor that listens there already, which is taken, or -1. NULL: none does. */
	int (*inherit)(void *arg, const struct addr *a);
	void *inherit_arg;
	size_t max_header_bytes;  /* of a request line and headers; more: 400 and closed */
	size_t max_body_bytes;    /* more: 413 and closed */
	unsigned max_connections; /* further ones wait in the backlog */
	unsigned idle_timeout_s;  /* without a byte, TLS handshake included */
	/* For a whole request, from its first byte, or from the accept when it is the connection's
	 * first, handshake included; and again for its answer: ends slow senders and readers. */
	unsigned request_timeout_s;
};

typedef void (*http_handler)(struct http_request *r, void *arg);

/* Binds and listens at once; the loop serves it. WHY gets a sentence naming the address. */
#define HTTP_WHY_LEN 256
int http_server_create(struct loop *l, const struct http_config *c, struct http_server **out,
	char why[HTTP_WHY_LEN]);
/* A second descriptor of the I-th listening socket (the Unix one is the last), or ERR_NOT_FOUND
 * behind the last one; -errno. ADDRESS has family NONE for the Unix socket. */
int http_server_copy(struct http_server *s, size_t i, struct addr *address);
/* Accepts no more and leaves its Unix socket to whoever listens there now. */
void http_server_leave(struct http_server *s);
/* NULL is fine; not from a handler. A request that waits for its reply may still be given one. */
void http_server_destroy(struct http_server *s);
/* New connections use TLS from now on; running ones keep theirs. CTX's previous value is returned.
 */
struct ssl_ctx_st *http_server_tls_set(struct http_server *s, struct ssl_ctx_st *tls);
/* The port really bound, for listeners on port 0. */
uint16_t http_server_port(const struct http_server *s, size_t index);

/* Exact path, no pattern. A path that is known with another method answers 405, any other path 404.
 */
enum http_method {
	HTTP_GET = 1,
	HTTP_POST = 2,
	HTTP_DELETE = 4
};
int http_server_route(struct http_server *s, enum http_method method, const char *path,
	http_handler fn, void *arg);

/* Views into the request; NULL or empty when absent. */
enum http_method http_request_method(const struct http_request *r);
const char *http_request_path(const struct http_request *r);
const char *http_request_header(const struct http_request *r, const char *name);
struct bytes http_request_body(struct http_request *r);
/* The decoded value of a query parameter into OUT; ERR_NOT_FOUND, ERR_NO_SPACE, ERR_MALFORMED (also
 * for a name that stands there twice). The same for a form's body. */
int http_request_query(const struct http_request *r, const char *name, char *out, size_t cap);
int http_form_value(struct bytes form, const char *name, char *out, size_t cap);
struct ssl_st *http_request_tls(const struct http_request *r); /* NULL on plain connections */
const struct addr *http_request_client(
	const struct http_request *r); /* family NONE on Unix sockets */
const struct clock *http_request_clock(const struct http_request *r);

/* Ends the request, in the handler or later. Body is copied. Headers set before are sent with it.
 */
void http_reply_header(struct http_request *r, const char *name, const char *value);
void http_reply(
	struct http_request *r, int status, const char *content_type, const void *body, size_t len);

#endif
