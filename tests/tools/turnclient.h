/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * turnclient: a small blocking STUN/TURN client for test programs. One socket, one transaction at
 * a time, every answer left for the caller to look at. It prints nothing and keeps no timers.
 */
#ifndef TESTS_TOOLS_TURNCLIENT_H
#define TESTS_TOOLS_TURNCLIENT_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sallyport/common.h>
#include <sallyport/stun.h>

#define TURNCLIENT_PACKET_MAX 65536
#define TURNCLIENT_TEXT_MAX   764

struct turnclient {
	int fd;
	bool is_stream; /* TCP; else UDP */
	struct addr server;
	unsigned tries;   /* transmissions of one request over UDP */
	unsigned wait_ms; /* for an answer, after each of them; over a stream as long as all of them
			   */

	/* Long-term credentials; used once a nonce is known. */
	const char *username; /* NULL: none */
	const char *password;
	bool sha256;      /* SHA-256 for key and integrity instead of MD5 and SHA-1 */
	bool fingerprint; /* end every request with FINGERPRINT */
	bool has_tid;     /* the next transaction has id TID instead of a random one */
	uint8_t tid[STUN_TID_LEN];
	bool corrupt; /* flip a bit of the integrity attribute */
	char realm[TURNCLIENT_TEXT_MAX];
	char nonce[TURNCLIENT_TEXT_MAX];
	struct stun_key key; /* valid while KEY_OK */
	bool key_ok;
	uint8_t algorithms[64]; /* PASSWORD-ALGORITHMS as the server sent it */
	size_t algorithms_len;

	/* The last transaction. */
	uint8_t *packet;     /* the answer, owned, TURNCLIENT_PACKET_MAX */
	struct stun_msg msg; /* view into PACKET */
	size_t request_len;
	size_t reply_len;
	unsigned n_stray; /* packets that were not the answer waited for */
	/* Is given each of those, if it is set. */
	void (*stray)(void *arg, const uint8_t *data, size_t len);
	void *stray_arg;
};

/* Connects to SERVER from LOCAL (NULL: any). Credentials and the like are set in C afterwards. */
int turnclient_open(
	struct turnclient *c, const struct addr *server, const struct addr *local, bool is_stream);
void turnclient_close(struct turnclient *c);

typedef void turnclient_add_fn(struct stun_writer *w, void *arg);

/*
 * One transaction: builds a request of METHOD with the attributes that ADD writes, signs it when
 * SIGN and a nonce is known, sends it, waits for the answer. 0 with c->msg, or -ETIMEDOUT, -errno.
 */
int turnclient_try(
	struct turnclient *c, unsigned method, turnclient_add_fn *add, void *arg, bool sign);
/* After a 401 or 438: takes over realm and nonce. False when the answer is something else. */
bool turnclient_learn(struct turnclient *c);
/* turnclient_try, and once more with what a challenge taught. */
int turnclient_request(struct turnclient *c, unsigned method, turnclient_add_fn *add, void *arg);

/* The answer's error code; 0 for success. */
unsigned turnclient_code(const struct turnclient *c);
/* An address attribute of the answer, XORed ones by themselves. False when it is not there. */
bool turnclient_address(const struct turnclient *c, uint16_t type, struct addr *out);

int turnclient_send(struct turnclient *c, const void *data, size_t len);
/* The next packet (a datagram, or one message of the stream) into c->packet. */
int turnclient_receive(struct turnclient *c, unsigned wait_ms, size_t *len);

#endif
