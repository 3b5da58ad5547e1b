/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * DTLS sessions as the files of this folder share them.
 *
 *   dtls.c      from a datagram to its session; the cookie
 *   session.c   a session: handshake, messages both ways, end
 *   hello.c     what is read and written before there is one
 */
#ifndef NET_DTLS_H
#define NET_DTLS_H

#include <sallyport/crypto.h>

#include "hello.h"
#include "../life.h"

/* What a client may send before its handshake is done, and OpenSSL might keep. */
#define NET_DTLS_HANDSHAKE_DATAGRAMS 24
/* A session that carries nothing for so long gives its buffers back. */
#define NET_DTLS_REST_MS (5 * 1000)
/* A cookie is good for one of these and the rest of another. */
#define NET_DTLS_COOKIE_MS (30 * 1000)

struct net_dtls {
	struct net *net; /* not owned */
	struct net_dtls_config config;
	const struct net_handler *handler;
	void *owner;
	struct bio_method_st *method; /* owned */
	struct hash_key hash_key;
	struct hash_table by_peer;
	struct list sessions;
	struct crypto_hmac_key cookie_key;
};

/* A session. Owned by its struct net_dtls; ends by net_session_end, or by closing its port. */
struct net_session {
	struct net_port port;  /* first: a port is cast back */
	struct net_dtls *dtls; /* not owned */
	struct hash_node by_peer;
	struct list link;
	struct addr peer;
	struct net_life life;
	struct crypto_dtls_wire wire;
	struct ssl_st *tls;       /* owned */
	uint64_t hello;           /* hash of the random of the hello it began with */
	struct net_buf *out;      /* the message being sent: its buffer takes the record */
	uint8_t n_datagrams;      /* that the handshake has taken */
	bool is_resting;          /* without buffers, see crypto_dtls_rest */
	bool is_mute;             /* whoever is at that address does not know this session */
	bool is_ended;            /* nothing is taken any more */
	uint64_t used_ms;         /* when something last went either way */
	struct wheel_timer timer; /* handshake: the flight goes again; then: time to rest */
};

/* The hello in B has proved where it comes from. Takes B; counts a refusal. */
void net_session_open(struct net_dtls *d, const struct net_hello *hello, struct net_buf *b);
/* Takes B, a datagram of this client. S may be gone after it. */
void net_session_receive(struct net_session *s, struct net_buf *b);
/* WHY is a counter. Tells the handler; S is gone after it. */
void net_session_end(struct net_session *s, enum net_counter why);
/* Without a word to the handler. */
void net_session_close(struct net_session *s);

uint64_t net_dtls_hash(const struct net_dtls *d, const void *data, size_t len);

#endif
