/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * Handing over. The exchange blocks the main thread, a step at most for STEP_S; the workers go on
 * until the other side has everything else ready, and again if it fails after that.
 */
#include <errno.h>
#include <pwd.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include <event2/event.h>

#include "../process.h"
#include "../upgrade.h"
#include "handover.h"
#include "wire.h"

#define STEP_S 10

struct upgrade {
	struct upgrade_config config;
	int fd;
	struct event *event;
	struct sockaddr_un path;
	bool has_left; /* to another process */
};

/* ---- what is handed over ---- */

struct sender {
	struct upgrade *upgrade;
	int sock;
	uint8_t worker;
	unsigned n_parcels;
};

static int send_socket(int sock, enum upgrade_socket kind, unsigned transport, unsigned worker,
	const struct addr *a, int fd)
{
	uint8_t info[UPGRADE_SOCKET_LEN];
	const int fds[TURN_PARCEL_FDS] = {fd, -1};

	upgrade_socket_write(info, kind, transport, worker, a);
	return upgrade_send(
		sock, UPGRADE_SOCKET, bytes_of(info, sizeof(info)), bytes_of(NULL, 0), fds);
}

static int send_listener(void *arg, size_t k, int fd)
{
	struct sender *s = arg;
	const struct settings_listener *l = &(*s->upgrade->config.settings)->listeners[k];
	int rc = send_socket(s->sock, UPGRADE_LISTENER, l->transport, s->worker, &l->local, fd);

	close(fd);
	return rc;
}

static int send_http(int sock, enum upgrade_socket kind, struct http_server *h)
{
	struct addr a;
	int rc = 0;

	for (size_t i = 0; h && rc == 0; i++) {
		int fd = http_server_copy(h, i, &a);
		if (fd == ERR_NOT_FOUND)
			break;
		rc = fd < 0 ? fd : send_socket(sock, kind, 0, 0, &a, fd);
		if (fd >= 0)
			close(fd);
	}
	return rc;
}

static int send_programs(const struct workers *w, int sock)
{
	struct flow_kernel_hold holds[FLOW_KERNEL_LINKS_MAX];
	size_t n = handover_programs(w, holds, FLOW_KERNEL_LINKS_MAX);
	int rc = 0;

	for (size_t i = 0; i < n && rc == 0; i++) {
		const struct addr a = {.scope = holds[i].ifindex};
		rc = send_socket(sock, UPGRADE_XDP, 0, 0, &a, holds[i].fd);
	}
	return rc;
}

static int send_sockets(struct upgrade *u, int sock)
{
	const struct upgrade_config *c = &u->config;
	struct sender s = {.upgrade = u, .sock = sock};
	const struct addr none = {0};
	unsigned generation;
	int rc = 0;

	for (unsigned i = 0; i < workers_count(c->workers) && rc == 0; i++) {
		s.worker = (uint8_t)i;
		rc = handover_sockets(
			c->workers, i, (*c->settings)->n_listeners, send_listener, &s);
	}
	if (rc == 0)
		rc = send_http(sock, UPGRADE_API, c->api);
	if (rc == 0)
		rc = send_http(sock, UPGRADE_ADMIN, c->admin);
	if (rc == 0)
		rc = send_http(sock, UPGRADE_ADMIN, c->admin_tcp);
	if (rc == 0)
		rc = send_socket(sock, UPGRADE_DOOR, 0, 0, &none, u->fd);
	int map = handover_steered(c->workers, &generation);
	if (rc == 0 && map >= 0)
		rc = send_socket(sock, UPGRADE_STEERED, 0, generation, &none, map);
	if (rc == 0)
		rc = send_programs(c->workers, sock);
	return rc == 0 ? upgrade_send_text(sock, UPGRADE_SOCKETS_END, "") : rc;
}

static int send_offer(struct upgrade *u, int sock)
{
	uint8_t head[2 + CRYPTO_SEAL_KEY_LEN];
	char *text = upgrade_describe(*u->config.settings, workers_count(u->config.workers));

	if (!text)
		return -ENOMEM;
	be16_put(head, UPGRADE_VERSION);
	memcpy(head + 2, handover_ticket_key(u->config.workers), CRYPTO_SEAL_KEY_LEN);
	int rc = upgrade_send(
		sock, UPGRADE_OFFER, bytes_of(head, sizeof(head)), bytes_str(text), NULL);
	crypto_wipe(head, sizeof(head));
	free(text);
	return rc;
}

static int send_parcel(void *arg, const struct turn_parcel *p)
{
	struct sender *s = arg;

	s->n_parcels++;
	return upgrade_send(s->sock, UPGRADE_PARCEL, bytes_of(&s->worker, 1),
		bytes_of(p->data, p->len), p->fds);
}

/* ---- the exchange ---- */

static int prepare(struct upgrade *u, int sock, char why[256])
{
	struct upgrade_message m;
	int rc = upgrade_expect(sock, UPGRADE_HELLO, &m, why);

	if (rc != 0)
		return rc;
	unsigned version = m.len == 2 ? be16_get(m.data) : 0;
	upgrade_message_fini(&m);
	if (version != UPGRADE_VERSION) {
		snprintf(why, 256, "it speaks version %u, the running daemon %u; restart instead",
			version, UPGRADE_VERSION);
		return ERR_UNSUPPORTED;
	}
	if ((*u->config.settings)->options->edge.relay.shared_port != 0) {
		snprintf(why, 256,
			"\"edge.relay.shared_port\" cannot be handed over; restart instead");
		return ERR_UNSUPPORTED;
	}
	rc = send_offer(u, sock);
	if (rc == 0)
		rc = send_sockets(u, sock);
	if (rc != 0) {
		snprintf(why, 256, "cannot hand over the sockets: %s", err_text(rc));
		return rc;
	}
	rc = upgrade_expect(sock, UPGRADE_READY, &m, why);
	if (rc == 0)
		upgrade_message_fini(&m);
	return rc;
}

/* The other side has adopted all ports: what came before that is relayed here, before it begins. */
static int drain(struct upgrade *u, int sock, char why[256])
{
	struct upgrade_message m;
	int rc = upgrade_expect(sock, UPGRADE_TAKEN, &m, why);

	if (rc != 0)
		return rc;
	upgrade_message_fini(&m);
	handover_drain(u->config.workers);
	rc = upgrade_send_text(sock, UPGRADE_DRAINED, "");
	if (rc != 0)
		snprintf(why, 256, "cannot speak to the other process: %s", err_text(rc));
	return rc;
}

/* The workers stand still. */
static int transfer(struct upgrade *u, int sock, uint64_t paused_ns, unsigned *n, char why[256])
{
	struct workers *w = u->config.workers;
	struct sender s = {.upgrade = u, .sock = sock};
	struct upgrade_message m;
	uint8_t end[8];
	int rc = 0;

	for (unsigned i = 0; i < workers_count(w) && rc == 0; i++) {
		s.worker = (uint8_t)i;
		rc = handover_pack(w, i, send_parcel, &s);
	}
	be64_put(end, paused_ns);
	if (rc == 0)
		rc = upgrade_send(
			sock, UPGRADE_END, bytes_of(end, sizeof(end)), bytes_of(NULL, 0), NULL);
	if (rc != 0) {
		snprintf(why, 256, "cannot hand over the allocations: %s", err_text(rc));
		return rc;
	}
	rc = drain(u, sock, why);
	if (rc == 0)
		rc = upgrade_expect(sock, UPGRADE_RUNNING, &m, why);
	if (rc == 0)
		upgrade_message_fini(&m);
	*n = s.n_parcels;
	return rc;
}

static void give_up(struct upgrade *u)
{
	const struct upgrade_config *c = &u->config;
	struct http_server *all[] = {c->api, c->admin, c->admin_tcp};

	handover_leave(c->workers);
	for (size_t i = 0; i < ARRAY_LEN(all); i++) {
		if (all[i])
			http_server_leave(all[i]);
	}
	u->has_left = true;
	(void)event_del(u->event); /* an event that is there can be taken away */
}

static uint64_t now_ns(void)
{
	struct timespec ts;

	clock_gettime(CLOCK_MONOTONIC, &ts);
	return (uint64_t)ts.tv_sec * 1000000000 + (uint64_t)ts.tv_nsec;
}

static void take_back(struct workers *w)
{
	handover_reclaim(w);
	handover_reclaim_programs(w);
}

static void hand_over(struct upgrade *u, int sock, int pid)
{
	char why[256] = "out of memory", text[32];
	unsigned n = 0;
	int rc = prepare(u, sock, why);

	if (rc != 0) {
		log_error(LOG_DAEMON, "upgrade refused", "pid=%d reason=\"%s\"", pid, why);
		(void)upgrade_send_text(sock, UPGRADE_REFUSED, why); /* it may be gone */
		handover_reclaim_programs(u->config.workers);
		return;
	}
	uint64_t paused_ns = now_ns();
	handover_pause(u->config.workers);
	rc = transfer(u, sock, paused_ns, &n, why);
	if (rc == 0)
		give_up(u);
	else
		take_back(u->config.workers);
	int started = workers_start(u->config.workers);
	if (started != 0) /* nothing is left that could be done better here */
		log_error(
			LOG_DAEMON, "cannot start the workers", "error=\"%s\"", err_text(started));
	if (rc != 0) {
		log_error(LOG_DAEMON, "upgrade failed",
			"pid=%d reason=\"%s\" stood_still_ms=%llu hint=\"this process goes on\"",
			pid, why, (unsigned long long)(now_ns() - paused_ns) / 1000000);
		return;
	}
	/* The service manager takes the word of the process it knows. */
	snprintf(text, sizeof(text), "MAINPID=%d", pid);
	process_notify(text);
	(void)upgrade_send_text(sock, UPGRADE_DONE, ""); /* it runs, whether it hears this or not */
	log_notice(LOG_DAEMON, "handed over", "pid=%d allocations=%u", pid, n);
	u->config.done(u->config.arg, pid);
}

/* ---- the door ---- */

static bool is_welcome(int sock, struct ucred *who)
{
	socklen_t len = sizeof(*who);

	if (getsockopt(sock, SOL_SOCKET, SO_PEERCRED, who, &len) != 0)
		return false;
	return who->uid == geteuid() || who->uid == 0;
}

static void on_visitor(evutil_socket_t fd, short what, void *arg)
{
	struct upgrade *u = arg;
	struct ucred who = {0};

	(void)what;
	loop_turn(u->config.loop);
	int sock = accept4((int)fd, NULL, NULL, SOCK_CLOEXEC);
	if (sock < 0)
		return; /* it has gone again */
	if (!is_welcome(sock, &who))
		log_warning(LOG_DAEMON, "upgrade refused", "pid=%d uid=%u reason=\"another user\"",
			who.pid, who.uid);
	else if (upgrade_timeout(sock, STEP_S) == 0)
		hand_over(u, sock, who.pid);
	close(sock);
}

/* A file that nobody listens behind is left over. */
static int bind_door(struct upgrade *u, const char *user)
{
	const struct sockaddr *sa = (const struct sockaddr *)&u->path;
	int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);

	if (fd < 0)
		return -errno;
	/* The operator's socket, which is bound before, has seen to it that we are alone. */
	(void)unlink(u->path.sun_path);
	if (bind(fd, sa, sizeof(u->path)) != 0 || chmod(u->path.sun_path, 0600) != 0 ||
		listen(fd, 1) != 0) {
		int rc = -errno;
		close(fd);
		return rc;
	}
	const struct passwd *p = user ? getpwnam(user) : NULL;
	if (p && chown(u->path.sun_path, p->pw_uid, p->pw_gid) != 0)
		log_warning(LOG_DAEMON, "upgrade socket", "error=\"%s\"", err_text(-errno));
	u->fd = fd;
	return 0;
}

int upgrade_open(const struct upgrade_config *c, int fd, const char *user, struct upgrade **out,
	char why[256])
{
	struct upgrade *u = calloc(1, sizeof(*u));
	int rc = u ? upgrade_path((*c->settings)->options->admin.socket, &u->path) : -ENOMEM;

	if (!u) {
		snprintf(why, 256, "out of memory");
		return rc;
	}
	u->config = *c;
	u->fd = fd;
	if (rc == 0 && fd < 0)
		rc = bind_door(u, user);
	if (rc == 0) {
		u->event =
			event_new(loop_base(c->loop), u->fd, EV_READ | EV_PERSIST, on_visitor, u);
		rc = u->event && event_add(u->event, NULL) == 0 ? 0 : -ENOMEM;
	}
	if (rc != 0) {
		snprintf(why, 256, "cannot listen on %s: %s", u->path.sun_path, err_text(rc));
		upgrade_close(u, fd >= 0);
		return rc;
	}
	*out = u;
	return 0;
}

void upgrade_close(struct upgrade *u, bool is_lent)
{
	if (!u)
		return;
	if (u->event)
		event_free(u->event);
	if (u->fd >= 0) {
		close(u->fd);
		/* After dropping privileges we may not be able to; the next start replaces it. */
		if (!u->has_left && !is_lent)
			(void)unlink(u->path.sun_path);
	}
	free(u);
}

/* ---- starting the other one ---- */

int upgrade_spawn(const char *program, const char *path)
{
	/* Said here, because nobody would hear it from there. */
	if (access(program, X_OK) != 0)
		return -errno;
	pid_t pid = fork();
	if (pid < 0)
		return -errno;
	if (pid == 0) {
		/* A child of a child is nobody's to wait for. */
		if (fork() == 0)
			(void)execl(
				program, program, "--take-over", "-f", "-c", path, (char *)NULL);
		_exit(0);
	}
	(void)waitpid(pid, NULL, 0); /* it ends at once */
	return 0;
}
