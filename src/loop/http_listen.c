/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * Listening sockets of the HTTP shell, TCP and Unix, and when they accept. What is accepted is
 * http_conn.c's.
 */
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <unistd.h>
#include <netinet/in.h>
#include <event2/http.h>
#include <event2/listener.h>
#include "http.h"

#define LISTEN_TYPE (SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC)

static int fail(char why[HTTP_WHY_LEN], const char *where, const char *text)
{
	snprintf(why, HTTP_WHY_LEN, "cannot listen on %s: %s", where, text);
	return ERR_CONFIG;
}

/* What to do about the errors people meet. */
static const char *hint_of(int code)
{
	switch (code) {
	case -EADDRINUSE:
		return "; another program holds it: ss -ltnp shows which";
	case -EADDRNOTAVAIL:
		return "; this host has no such address: ip addr shows those it has";
	case -ENOENT:
		return "; make its directory first";
	default:
		return "";
	}
}

static int fail_errno(char why[HTTP_WHY_LEN], const char *where)
{
	int code = -errno;
	snprintf(why, HTTP_WHY_LEN, "cannot listen on %s: %s%s", where, err_text(code),
		hint_of(code));
	return code;
}

static int bind_addr(int fd, const struct addr *a)
{
	const int on = 1;
	struct sockaddr_storage sa;
	socklen_t len = addr_to_sockaddr(a, &sa);
	if (setsockopt(fd, SOL_SOCKET, SO_REUSEADDR, &on, sizeof(on)) < 0)
		return -1;
	if (a->family == ADDR_IPV6 &&
		setsockopt(fd, IPPROTO_IPV6, IPV6_V6ONLY, &on, sizeof(on)) < 0)
		return -1;
	return bind(fd, (const struct sockaddr *)&sa, len);
}

int http_listen_addr(const struct addr *a, int *fd, char why[HTTP_WHY_LEN])
{
	char text[ADDR_TEXT_LEN];
	addr_format(a, text);
	int s = socket(a->family == ADDR_IPV6 ? AF_INET6 : AF_INET, LISTEN_TYPE, 0);
	if (s < 0)
		return fail_errno(why, text);
	if (bind_addr(s, a) < 0 || listen(s, SOMAXCONN) < 0) {
		int code = fail_errno(why, text);
		close(s);
		return code;
	}
	*fd = s;
	return 0;
}

/* A socket file that nobody listens on any more is left over from a process that died. */
static int remove_stale(const struct sockaddr_un *sa, char why[HTTP_WHY_LEN])
{
	struct stat st;
	if (lstat(sa->sun_path, &st) < 0)
		return errno == ENOENT ? 0 : fail_errno(why, sa->sun_path);
	if (!S_ISSOCK(st.st_mode))
		return fail(why, sa->sun_path, "the file exists and is not a socket");
	int probe = socket(AF_UNIX, LISTEN_TYPE, 0);
	if (probe < 0)
		return fail_errno(why, sa->sun_path);
	int r = connect(probe, (const struct sockaddr *)sa, sizeof(*sa));
	int reason = errno;
	close(probe);
	if (r == 0 || reason == EAGAIN)
		return fail(why, sa->sun_path, "another process listens there");
	errno = reason;
	if (reason != ECONNREFUSED)
		return fail_errno(why, sa->sun_path);
	return unlink(sa->sun_path) == 0 || errno == ENOENT ? 0 : fail_errno(why, sa->sun_path);
}

/*
 * Between bind and listen the file exists, but a connect to it is refused: the mode is in place
 * before anybody gets through, and the process's umask stays as it is.
 */
static int bind_unix(struct http_server *s, int fd, const struct sockaddr_un *sa, unsigned mode)
{
	struct stat st;
	if (bind(fd, (const struct sockaddr *)sa, sizeof(*sa)) < 0)
		return -1;
	s->unix_path = strdup(sa->sun_path);
	if (s->unix_path == NULL || lstat(sa->sun_path, &st) < 0)
		return -1;
	s->unix_dev = st.st_dev;
	s->unix_ino = st.st_ino;
	if (chmod(sa->sun_path, mode) < 0)
		return -1;
	return listen(fd, SOMAXCONN);
}

int http_listen_unix(
	struct http_server *s, const char *path, unsigned mode, int *fd, char why[HTTP_WHY_LEN])
{
	struct sockaddr_un sa = {.sun_family = AF_UNIX};
	size_t len = strlen(path);
	if (len == 0 || len >= sizeof(sa.sun_path))
		return fail(why, path, "the name does not fit into a Unix socket address");
	memcpy(sa.sun_path, path, len + 1);
	int code = remove_stale(&sa, why);
	if (code != 0)
		return code;
	int sock = socket(AF_UNIX, LISTEN_TYPE, 0);
	if (sock < 0)
		return fail_errno(why, path);
	if (bind_unix(s, sock, &sa, mode) < 0) {
		code = fail_errno(why, path);
		close(sock);
		return code;
	}
	*fd = sock;
	return 0;
}

int http_listen_unix_inherit(struct http_server *s, const char *path)
{
	struct stat st;
	s->unix_path = strdup(path);
	if (s->unix_path == NULL)
		return -ENOMEM;
	if (lstat(path, &st) == 0) {
		s->unix_dev = st.st_dev;
		s->unix_ino = st.st_ino;
	}
	return 0;
}

void http_listen_unix_remove(struct http_server *s)
{
	struct stat st;
	if (s->unix_path == NULL)
		return;
	/* After dropping privileges we may not be able to; the next start replaces it. */
	if (lstat(s->unix_path, &st) == 0 && st.st_dev == s->unix_dev && st.st_ino == s->unix_ino)
		(void)unlink(s->unix_path);
	free(s->unix_path);
	s->unix_path = NULL;
}

/* Out of descriptors: rest until the server's timer looks again, do not spin. */
static void accept_failed(struct evconnlistener *l, void *arg)
{
	log_error(LOG_API, "accept failed", "fd=%d error=\"%s\"", evconnlistener_get_fd(l),
		err_text(-errno));
	evconnlistener_disable(l);
}

int http_listener_add(struct http_server *s, int fd, size_t slot)
{
	struct evhttp_bound_socket *b = evhttp_accept_socket_with_handle(s->ev, fd);
	if (b == NULL) {
		close(fd);
		return -ENOMEM;
	}
	evconnlistener_set_error_cb(evhttp_bound_socket_get_listener(b), accept_failed);
	s->listeners[slot] = b;
	s->n_listeners = slot + 1;
	return 0;
}

void http_listeners_update(struct http_server *s)
{
	s->is_paused = s->n_conns >= s->max_connections;
	for (size_t i = 0; i < s->n_listeners; i++) {
		struct evconnlistener *l = evhttp_bound_socket_get_listener(s->listeners[i]);
		if (s->is_paused)
			evconnlistener_disable(l);
		else
			evconnlistener_enable(l);
	}
}
