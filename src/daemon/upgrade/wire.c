/* SPDX-License-Identifier: BSD-3-Clause */
/* Messages of an upgrade: blocking, with a time limit, each side checking what it reads. */
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/time.h>
#include <sys/un.h>
#include <unistd.h>

#include "wire.h"

#define HEADER_LEN  8
#define MESSAGE_MAX (TURN_PARCEL_MAX + 2)
#define SUFFIX      ".upgrade"

int upgrade_path(const char *admin, struct sockaddr_un *out)
{
	*out = (struct sockaddr_un){.sun_family = AF_UNIX};
	int n = snprintf(out->sun_path, sizeof(out->sun_path), "%s" SUFFIX, admin);

	return n > 0 && (size_t)n < sizeof(out->sun_path) ? 0 : ERR_TOO_LARGE;
}

int upgrade_timeout(int sock, unsigned seconds)
{
	struct timeval t = {.tv_sec = seconds};

	if (setsockopt(sock, SOL_SOCKET, SO_RCVTIMEO, &t, sizeof(t)) != 0 ||
		setsockopt(sock, SOL_SOCKET, SO_SNDTIMEO, &t, sizeof(t)) != 0)
		return -errno;
	return 0;
}

/* ---- sending ---- */

union control {
	struct cmsghdr align;
	uint8_t bytes[CMSG_SPACE(sizeof(int) * TURN_PARCEL_FDS)];
};

/* Attaches those that are there; returns the bits of their places. */
static unsigned attach(struct msghdr *h, union control *control, const int *fds)
{
	int list[TURN_PARCEL_FDS];
	unsigned slots = 0;
	size_t n = 0;

	for (unsigned i = 0; fds && i < TURN_PARCEL_FDS; i++) {
		if (fds[i] < 0)
			continue;
		slots |= 1u << i;
		list[n++] = fds[i];
	}
	if (n == 0)
		return 0;
	memset(control, 0, sizeof(*control));
	h->msg_control = control;
	h->msg_controllen = CMSG_SPACE(sizeof(int) * n);
	struct cmsghdr *c = CMSG_FIRSTHDR(h);
	c->cmsg_level = SOL_SOCKET;
	c->cmsg_type = SCM_RIGHTS;
	c->cmsg_len = CMSG_LEN(sizeof(int) * n);
	memcpy(CMSG_DATA(c), list, sizeof(int) * n);
	return slots;
}

/* Takes N bytes off the front. */
static void advance(struct msghdr *h, size_t n)
{
	while (h->msg_iovlen > 0 && n >= h->msg_iov->iov_len) {
		n -= h->msg_iov->iov_len;
		h->msg_iov++;
		h->msg_iovlen--;
	}
	if (h->msg_iovlen > 0) {
		h->msg_iov->iov_base = (uint8_t *)h->msg_iov->iov_base + n;
		h->msg_iov->iov_len -= n;
	}
}

int upgrade_send(int sock, enum upgrade_type type, struct bytes a, struct bytes b, const int *fds)
{
	uint8_t header[HEADER_LEN];
	struct iovec iov[3] = {{header, sizeof(header)}, {(void *)(uintptr_t)a.data, a.len},
		{(void *)(uintptr_t)b.data, b.len}};
	struct msghdr h = {.msg_iov = iov, .msg_iovlen = 3};
	union control control;

	be16_put(header, (uint16_t)type);
	be16_put(header + 2, (uint16_t)attach(&h, &control, fds));
	be32_put(header + 4, (uint32_t)(a.len + b.len));
	while (h.msg_iovlen > 0) {
		ssize_t n = sendmsg(sock, &h, MSG_NOSIGNAL);
		if (n < 0 && errno == EINTR)
			continue;
		if (n < 0)
			return errno == EAGAIN ? -ETIMEDOUT : -errno;
		h.msg_control = NULL; /* they have gone with the first byte */
		h.msg_controllen = 0;
		advance(&h, (size_t)n);
	}
	return 0;
}

int upgrade_send_text(int sock, enum upgrade_type type, const char *text)
{
	return upgrade_send(sock, type, bytes_str(text), bytes_of(NULL, 0), NULL);
}

/* ---- receiving ---- */

/* Descriptors that came, in their places; more than there are places are closed. */
static void detach(struct msghdr *h, unsigned slots, int fds[TURN_PARCEL_FDS])
{
	for (struct cmsghdr *c = CMSG_FIRSTHDR(h); c; c = CMSG_NXTHDR(h, c)) {
		if (c->cmsg_level != SOL_SOCKET || c->cmsg_type != SCM_RIGHTS)
			continue;
		size_t n = (c->cmsg_len - CMSG_LEN(0)) / sizeof(int);
		for (size_t i = 0; i < n; i++) {
			int fd;
			unsigned slot = 0;
			memcpy(&fd, CMSG_DATA(c) + i * sizeof(fd), sizeof(fd));
			while (slot < TURN_PARCEL_FDS && (!(slots >> slot & 1) || fds[slot] >= 0))
				slot++;
			if (slot < TURN_PARCEL_FDS)
				fds[slot] = fd;
			else
				close(fd);
		}
	}
}

/* All of LEN bytes; descriptors come with the first. */
static int read_all(int sock, uint8_t *to, size_t len, struct msghdr *h)
{
	struct msghdr part = *h;
	size_t have = 0;

	while (have < len) {
		struct iovec iov = {to + have, len - have};
		part.msg_iov = &iov;
		part.msg_iovlen = 1;
		ssize_t n = recvmsg(sock, &part, MSG_CMSG_CLOEXEC | MSG_WAITALL);
		if (n < 0 && errno == EINTR)
			continue;
		if (n < 0)
			return errno == EAGAIN ? -ETIMEDOUT : -errno;
		if (n == 0)
			return ERR_TRUNCATED;
		if (have == 0) {
			h->msg_controllen = part.msg_controllen;
			h->msg_flags = part.msg_flags;
		}
		part.msg_control = NULL;
		part.msg_controllen = 0;
		have += (size_t)n;
	}
	return 0;
}

static int read_payload(int sock, struct upgrade_message *m)
{
	struct msghdr none = {0};

	if (m->len > MESSAGE_MAX)
		return ERR_TOO_LARGE;
	m->data = malloc(m->len + 1);
	if (!m->data)
		return -ENOMEM;
	m->data[m->len] = '\0';
	return read_all(sock, m->data, m->len, &none);
}

int upgrade_receive(int sock, struct upgrade_message *out)
{
	struct upgrade_message m = {.fds = {-1, -1}};
	uint8_t header[HEADER_LEN];
	union control control;
	struct msghdr h = {.msg_control = &control, .msg_controllen = sizeof(control)};
	int rc = read_all(sock, header, sizeof(header), &h);

	if (rc == 0) {
		m.type = be16_get(header);
		m.len = be32_get(header + 4);
		detach(&h, be16_get(header + 2), m.fds);
		rc = read_payload(sock, &m);
	}
	if (rc != 0)
		upgrade_message_fini(&m);
	else
		*out = m;
	return rc;
}

void upgrade_message_fini(struct upgrade_message *m)
{
	for (size_t i = 0; i < TURN_PARCEL_FDS; i++) {
		if (m->fds[i] >= 0)
			close(m->fds[i]);
		m->fds[i] = -1;
	}
	if (m->data)
		crypto_wipe(m->data, m->len); /* keys are among it */
	free(m->data);
	m->data = NULL;
}

int upgrade_expect(int sock, enum upgrade_type type, struct upgrade_message *out, char why[256])
{
	int rc = upgrade_receive(sock, out);

	if (rc != 0) {
		snprintf(why, 256, "the other process has gone, or does not go on: %s",
			err_text(rc));
		return rc;
	}
	if (out->type == type)
		return 0;
	if (out->type == UPGRADE_REFUSED)
		snprintf(why, 256, "%.255s", (const char *)out->data);
	else
		snprintf(why, 256, "the other process speaks another language (message %u)",
			out->type);
	upgrade_message_fini(out);
	return ERR_MALFORMED;
}

/* ---- sockets ---- */

void upgrade_socket_write(uint8_t out[UPGRADE_SOCKET_LEN], enum upgrade_socket kind,
	unsigned transport, unsigned worker, const struct addr *a)
{
	out[0] = (uint8_t)kind;
	out[1] = (uint8_t)transport;
	out[2] = (uint8_t)worker;
	out[3] = a->family;
	memcpy(out + 4, a->ip, sizeof(a->ip));
	be32_put(out + 20, a->scope);
	be16_put(out + 24, a->port);
}

int upgrade_socket_read(const struct upgrade_message *m, struct upgrade_socket_info *out)
{
	if (m->len != UPGRADE_SOCKET_LEN || m->fds[0] < 0)
		return ERR_MALFORMED;
	*out = (struct upgrade_socket_info){.kind = (enum upgrade_socket)m->data[0],
		.transport = m->data[1],
		.worker = m->data[2],
		.address = {.family = m->data[3],
			.scope = be32_get(m->data + 20),
			.port = be16_get(m->data + 24)}};
	memcpy(out->address.ip, m->data + 4, sizeof(out->address.ip));
	return 0;
}

/* ---- what must be the same ---- */

char *upgrade_describe(const struct settings *s, unsigned n_workers)
{
	const struct options_edge *e = &s->options->edge;
	const struct options_relay_address *r = e->relay.addresses.items;
	char *text = NULL, a[ADDR_TEXT_LEN];
	size_t len;
	FILE *f = open_memstream(&text, &len);

	if (!f)
		return NULL;
	fprintf(f, "workers=%u\n", n_workers);
	fprintf(f, "edge.relay.ports=%u-%u\n", e->relay.ports.first, e->relay.ports.last);
	for (size_t i = 0; i < e->relay.addresses.n; i++)
		fprintf(f, "edge.relay.addresses=%s\n", addr_format_ip(&r[i].address, a));
	for (size_t i = 0; i < s->n_listeners; i++) {
		const struct settings_listener *l = &s->listeners[i];
		if (l->transport == AUTH_UDP)
			fprintf(f, "edge.faces.listen=%s\n", addr_format(&l->local, a));
	}
	if (fclose(f) == 0)
		return text;
	free(text);
	return NULL;
}

static size_t line_len(const char *text)
{
	return strcspn(text, "\n");
}

bool upgrade_fits(const char *ours, const char *theirs, char why[256])
{
	for (;;) {
		size_t n = line_len(ours), m = line_len(theirs);
		if (n != m || memcmp(ours, theirs, n) != 0) {
			snprintf(why, 256,
				"the running daemon has \"%.*s\", the configuration \"%.*s\"; an "
				"upgrade cannot change that, restart for it",
				(int)(m < 80 ? m : 80), theirs, (int)(n < 80 ? n : 80), ours);
			return false;
		}
		if (ours[n] == '\0' && theirs[n] == '\0')
			return true;
		ours += n + (ours[n] != '\0');
		theirs += n + (theirs[n] != '\0');
	}
}
