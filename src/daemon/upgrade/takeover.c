/* SPDX-License-Identifier: BSD-3-Clause */
/* Taking over: sockets first, then allocations, then the word that this process runs. */
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <time.h>
#include <unistd.h>

#include "../upgrade.h"
#include "handover.h"
#include "wire.h"

#define STEP_S 10

struct inherited_socket {
	struct upgrade_socket_info info;
	int fd; /* -1: taken */
};

struct http_face {
	struct takeover *takeover;
	enum upgrade_socket kind;
};

struct takeover {
	int sock;
	struct inherited inherited;
	struct inherited_socket *sockets;
	size_t n_sockets;
	struct http_face api, admin;
	uint64_t paused_ns;
	unsigned n_taken, n_lost;
};

/* ---- sockets ---- */

static int take(struct takeover *t, enum upgrade_socket kind, unsigned transport, unsigned worker,
	const struct addr *a)
{
	for (size_t i = 0; i < t->n_sockets; i++) {
		struct inherited_socket *s = &t->sockets[i];
		if (s->fd < 0 || s->info.kind != kind || s->info.transport != transport ||
			s->info.worker != worker || s->info.address.family != a->family ||
			!addr_equal(&s->info.address, a))
			continue;
		int fd = s->fd;
		s->fd = -1;
		return fd;
	}
	return -1;
}

static int take_listener(void *arg, unsigned worker, const struct settings_listener *l)
{
	return take(arg, UPGRADE_LISTENER, l->transport, worker, &l->local);
}

int takeover_http(void *arg, const struct addr *a)
{
	static const struct addr unix_socket;
	struct http_face *f = arg;

	return take(f->takeover, f->kind, 0, 0, a ? a : &unix_socket);
}

void *takeover_http_arg(struct takeover *t, bool is_admin)
{
	return is_admin ? &t->admin : &t->api;
}

int takeover_door(struct takeover *t)
{
	static const struct addr none;

	return take(t, UPGRADE_DOOR, 0, 0, &none);
}

const struct inherited *takeover_inherited(struct takeover *t)
{
	return &t->inherited;
}

static int keep_socket(struct takeover *t, struct upgrade_message *m)
{
	struct inherited_socket s;
	int rc = upgrade_socket_read(m, &s.info);

	if (rc != 0)
		return rc;
	struct inherited_socket *more = reallocarray(t->sockets, t->n_sockets + 1, sizeof(*more));
	if (!more)
		return -ENOMEM;
	s.fd = m->fds[0];
	m->fds[0] = -1;
	if (s.info.kind == UPGRADE_STEERED) {
		t->inherited.steered = s.fd;
		t->inherited.generation = s.info.worker;
	}
	if (s.info.kind == UPGRADE_XDP && t->inherited.n_programs < FLOW_KERNEL_LINKS_MAX)
		t->inherited.programs[t->inherited.n_programs++] =
			(struct flow_kernel_hold){s.info.address.scope, s.fd};
	t->sockets = more;
	t->sockets[t->n_sockets++] = s;
	return 0;
}

/* ---- the exchange ---- */

static int meet(struct takeover *t, const char *admin, char why[256])
{
	struct sockaddr_un path;
	uint8_t version[2];
	int rc = upgrade_path(admin, &path);

	t->sock = rc == 0 ? socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0) : -1;
	if (t->sock < 0 || connect(t->sock, (struct sockaddr *)&path, sizeof(path)) != 0) {
		rc = rc != 0 ? rc : -errno;
		snprintf(why, 256,
			"cannot reach the running daemon at %s: %s; without one, start without "
			"--take-over",
			path.sun_path, err_text(rc));
		return rc;
	}
	rc = upgrade_timeout(t->sock, STEP_S);
	be16_put(version, UPGRADE_VERSION);
	if (rc == 0)
		rc = upgrade_send(t->sock, UPGRADE_HELLO, bytes_of(version, sizeof(version)),
			bytes_of(NULL, 0), NULL);
	if (rc != 0)
		snprintf(why, 256, "cannot speak to the running daemon: %s", err_text(rc));
	return rc;
}

static int check_offer(struct takeover *t, const struct settings *s, unsigned n_workers,
	const struct upgrade_message *m, char why[256])
{
	const size_t head = 2 + CRYPTO_SEAL_KEY_LEN;

	if (m->len < head || be16_get(m->data) != UPGRADE_VERSION) {
		snprintf(why, 256, "the running daemon speaks another version; restart instead");
		return ERR_UNSUPPORTED;
	}
	memcpy(t->inherited.ticket_key, m->data + 2, CRYPTO_SEAL_KEY_LEN);
	char *ours = upgrade_describe(s, n_workers);
	int rc = ours ? 0 : -ENOMEM;
	if (ours && !upgrade_fits(ours, (const char *)m->data + head, why))
		rc = ERR_CONFIG;
	if (ours && s->options->edge.relay.shared_port != 0) {
		snprintf(why, 256, "\"edge.relay.shared_port\" cannot begin with an upgrade");
		rc = ERR_CONFIG;
	}
	free(ours);
	return rc;
}

static int receive_sockets(struct takeover *t, char why[256])
{
	for (;;) {
		struct upgrade_message m;
		int rc = upgrade_receive(t->sock, &m);
		if (rc == 0 && m.type == UPGRADE_SOCKETS_END) {
			upgrade_message_fini(&m);
			return 0;
		}
		if (rc == 0) {
			rc = m.type == UPGRADE_SOCKET ? keep_socket(t, &m) : ERR_MALFORMED;
			upgrade_message_fini(&m);
		}
		if (rc != 0) {
			snprintf(why, 256, "cannot take the sockets over: %s", err_text(rc));
			return rc;
		}
	}
}

int takeover_begin(
	const struct settings *s, unsigned n_workers, struct takeover **out, char why[256])
{
	struct takeover *t = calloc(1, sizeof(*t));
	struct upgrade_message m;

	if (!t)
		return -ENOMEM;
	t->sock = -1;
	t->inherited.listener = take_listener;
	t->inherited.arg = t;
	t->inherited.steered = -1;
	t->api = (struct http_face){t, UPGRADE_API};
	t->admin = (struct http_face){t, UPGRADE_ADMIN};
	int rc = meet(t, s->options->admin.socket, why);
	if (rc == 0)
		rc = upgrade_expect(t->sock, UPGRADE_OFFER, &m, why);
	if (rc == 0) {
		rc = check_offer(t, s, n_workers, &m, why);
		upgrade_message_fini(&m);
	}
	if (rc == 0)
		rc = receive_sockets(t, why);
	if (rc != 0) {
		takeover_destroy(t);
		return rc;
	}
	*out = t;
	return 0;
}

/* One allocation. What no longer fits this configuration ends; anything else ends the upgrade. */
static int unpack(struct takeover *t, struct workers *w, const struct upgrade_message *m)
{
	struct turn_parcel p = {.fds = {m->fds[0], m->fds[1]}};

	if (m->len < 1 || m->data[0] >= workers_count(w))
		return ERR_MALFORMED;
	p.data = m->data + 1;
	p.len = m->len - 1;
	int rc = handover_unpack(w, m->data[0], &p);
	if (rc == 0)
		t->n_taken++;
	if (rc != ERR_CONFIG && rc != ERR_EXISTS)
		return rc;
	t->n_lost++;
	log_debug(LOG_DAEMON, "allocation not taken over", "error=\"%s\"", err_text(rc));
	return 0;
}

static int receive_all(struct takeover *t, struct workers *w)
{
	for (;;) {
		struct upgrade_message m;
		int rc = upgrade_receive(t->sock, &m);
		if (rc != 0)
			return rc;
		bool is_end = m.type == UPGRADE_END && m.len == 8;
		if (is_end)
			t->paused_ns = be64_get(m.data);
		else
			rc = m.type == UPGRADE_PARCEL ? unpack(t, w, &m) : ERR_MALFORMED;
		upgrade_message_fini(&m);
		if (rc != 0 || is_end)
			return rc;
	}
}

/* It relays what it still has of what we have adopted, so that no packet overtakes another. */
static int begin_after_the_other(struct takeover *t, struct workers *w)
{
	struct upgrade_message m;
	char why[256];

	handover_settle(w);
	int rc = upgrade_send_text(t->sock, UPGRADE_TAKEN, "");
	if (rc == 0)
		rc = upgrade_expect(t->sock, UPGRADE_DRAINED, &m, why);
	if (rc == 0)
		upgrade_message_fini(&m);
	return rc;
}

int takeover_receive(struct takeover *t, struct workers *w, char why[256])
{
	int rc = upgrade_send_text(t->sock, UPGRADE_READY, "");

	if (rc == 0)
		rc = receive_all(t, w);
	if (rc == 0)
		rc = begin_after_the_other(t, w);
	if (rc != 0)
		snprintf(why, 256, "cannot take the allocations over: %s; the old process goes on",
			err_text(rc));
	return rc;
}

int takeover_confirm(struct takeover *t, char why[256])
{
	struct timespec ts;
	struct upgrade_message m;

	clock_gettime(CLOCK_MONOTONIC, &ts);
	uint64_t now_ns = (uint64_t)ts.tv_sec * 1000000000 + (uint64_t)ts.tv_nsec;
	int rc = upgrade_send_text(t->sock, UPGRADE_RUNNING, "");
	if (rc == 0)
		rc = upgrade_expect(t->sock, UPGRADE_DONE, &m, why);
	else
		snprintf(why, 256, "the old process goes on: %s", err_text(rc));
	if (rc != 0)
		return rc;
	upgrade_message_fini(&m);
	log_notice(LOG_DAEMON, "taken over", "allocations=%u ended=%u stood_still_ms=%llu",
		t->n_taken, t->n_lost, (unsigned long long)(now_ns - t->paused_ns) / 1000000);
	takeover_destroy(t);
	return 0;
}

void takeover_destroy(struct takeover *t)
{
	if (!t)
		return;
	for (size_t i = 0; i < t->n_sockets; i++) {
		if (t->sockets[i].fd >= 0)
			close(t->sockets[i].fd);
	}
	free(t->sockets);
	if (t->sock >= 0)
		close(t->sock);
	crypto_wipe(&t->inherited, sizeof(t->inherited));
	free(t);
}
