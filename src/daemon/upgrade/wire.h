/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * What two processes say to each other at an upgrade, over a stream socket. Big-endian:
 *
 *     type (2)  slots (2)  length (4)  payload
 *
 * with up to two descriptors beside the header; SLOTS has a bit for each that is there.
 *
 *     new ── HELLO version ──────────────────────────► old
 *         ◄── OFFER version, ticket key, description ──      or REFUSED and why
 *         ◄── SOCKET what it is, descriptor ─── many
 *         ◄── SOCKETS_END
 *         ── READY ──────────────────────────────────►       its workers stop
 *         ◄── PARCEL worker, allocation, descriptors ─ many
 *         ◄── END when they stopped
 *         ── TAKEN ──────────────────────────────────►       no packet comes to the old any more
 *         ◄── DRAINED ───────────────────────────────        and none waits for it
 *         ── RUNNING ────────────────────────────────►       the point of no return
 *         ◄── DONE
 *
 * Until RUNNING has come the old process has given up nothing and goes on if the stream ends.
 */
#ifndef DAEMON_UPGRADE_WIRE_H
#define DAEMON_UPGRADE_WIRE_H

#include <sallyport/turn/handover.h>

#include "../settings.h"

#define UPGRADE_VERSION 2u

enum upgrade_type {
	UPGRADE_HELLO = 1,
	UPGRADE_OFFER,
	UPGRADE_REFUSED,
	UPGRADE_SOCKET,
	UPGRADE_SOCKETS_END,
	UPGRADE_READY,
	UPGRADE_PARCEL,
	UPGRADE_END,
	UPGRADE_RUNNING,
	UPGRADE_DONE,
	UPGRADE_TAKEN,
	UPGRADE_DRAINED,
};

/* What a socket is for. */
enum upgrade_socket {
	UPGRADE_LISTENER = 1, /* of a worker */
	UPGRADE_API,
	UPGRADE_ADMIN, /* the operator's, TCP, or Unix with an address of family NONE */
	UPGRADE_DOOR,  /* where the next upgrade comes in */
	/* No socket but the map of steered ports; WORKER is the generation of who has it now. */
	UPGRADE_STEERED,
	/* No socket but what holds the XDP program of the interface that the address's scope is. */
	UPGRADE_XDP,
};

struct upgrade_message {
	uint16_t type;
	uint8_t *data; /* malloc'd, with a NUL behind; NULL when empty */
	size_t len;
	int fds[TURN_PARCEL_FDS]; /* owned; -1: none */
};

/* The name of the socket that belongs to the operator's socket ADMIN. ERR_TOO_LARGE. */
struct sockaddr_un;
int upgrade_path(const char *admin, struct sockaddr_un *out);
/* Neither side waits longer than this for the other to go on. -errno. */
int upgrade_timeout(int sock, unsigned seconds);

/* Two parts, one after the other; FDS may be NULL. -errno; -EPIPE raises no signal. */
int upgrade_send(int sock, enum upgrade_type type, struct bytes a, struct bytes b, const int *fds);
int upgrade_send_text(int sock, enum upgrade_type type, const char *text);
/* 0, -errno, ERR_TRUNCATED at the end of the stream, ERR_MALFORMED, ERR_TOO_LARGE. */
int upgrade_receive(int sock, struct upgrade_message *out);
/* The same, and ERR_MALFORMED for another type. What REFUSED says goes to WHY. */
int upgrade_expect(int sock, enum upgrade_type type, struct upgrade_message *out, char why[256]);
void upgrade_message_fini(struct upgrade_message *m);

/* A socket and what it is. */
#define UPGRADE_SOCKET_LEN 26
void upgrade_socket_write(uint8_t out[UPGRADE_SOCKET_LEN], enum upgrade_socket kind,
	unsigned transport, unsigned worker, const struct addr *a);
struct upgrade_socket_info {
	enum upgrade_socket kind;
	unsigned transport, worker;
	struct addr address;
};
int upgrade_socket_read(const struct upgrade_message *m, struct upgrade_socket_info *out);

/* What must be the same in both processes, a line each: "workers=4". Malloc'd; NULL: no memory. */
char *upgrade_describe(const struct settings *s, unsigned n_workers);
/* The first line of THEIRS that OURS has otherwise, in WHY. True: they are the same. */
bool upgrade_fits(const char *ours, const char *theirs, char why[256]);

#endif
