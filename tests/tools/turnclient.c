/* SPDX-License-Identifier: BSD-3-Clause */
/* The client's transaction: build, sign, send, wait. Face: turnclient.h. */
#include <errno.h>
#include <poll.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <time.h>
#include <unistd.h>

#include "turnclient.h"

#define REQUEST_MAX 2048

int turnclient_open(
	struct turnclient *c, const struct addr *server, const struct addr *local, bool is_stream)
{
	struct sockaddr_storage ss;
	socklen_t len = addr_to_sockaddr(server, &ss);

	memset(c, 0, sizeof(*c));
	c->server = *server;
	c->is_stream = is_stream;
	c->tries = 20;
	c->wait_ms = 500;
	c->packet = malloc(TURNCLIENT_PACKET_MAX);
	c->fd = socket(ss.ss_family, (is_stream ? SOCK_STREAM : SOCK_DGRAM) | SOCK_CLOEXEC, 0);
	if (!c->packet || c->fd < 0)
		goto fail;
	if (local) {
		struct sockaddr_storage from;
		socklen_t from_len = addr_to_sockaddr(local, &from);
		if (bind(c->fd, (struct sockaddr *)&from, from_len) != 0)
			goto fail;
	}
	if (connect(c->fd, (struct sockaddr *)&ss, len) == 0)
		return 0;
fail:;
	int rc = errno ? -errno : -ENOMEM;
	turnclient_close(c);
	return rc;
}

void turnclient_close(struct turnclient *c)
{
	if (c->fd >= 0)
		(void)close(c->fd); /* nothing is buffered in it */
	c->fd = -1;
	free(c->packet);
	c->packet = NULL;
}

int turnclient_send(struct turnclient *c, const void *data, size_t len)
{
	const uint8_t *p = data;

	do {
		ssize_t n = send(c->fd, p, len, MSG_NOSIGNAL);
		if (n < 0)
			return -errno;
		p += n;
		len -= (size_t)n;
	} while (len > 0);
	return 0;
}

static uint64_t now_ms(void)
{
	struct timespec ts;

	clock_gettime(CLOCK_MONOTONIC, &ts);
	return (uint64_t)ts.tv_sec * 1000 + (uint64_t)ts.tv_nsec / 1000000;
}

/* Reads at most LEN bytes once something is there. */
static int read_some(struct turnclient *c, uint8_t *to, size_t len, uint64_t deadline, size_t *got)
{
	uint64_t now = now_ms();
	struct pollfd p = {.fd = c->fd, .events = POLLIN};
	int n = poll(&p, 1, now < deadline ? (int)(deadline - now) : 0);

	if (n < 0)
		return -errno;
	if (n == 0)
		return -ETIMEDOUT;
	ssize_t r = recv(c->fd, to, len, 0);
	if (r < 0)
		return -errno;
	if (r == 0 && c->is_stream)
		return -ECONNRESET;
	*got = (size_t)r;
	return 0;
}

/* Bytes that the message starting with these four takes on a stream, padding included. */
static size_t framed_len(const uint8_t first[4])
{
	size_t body = be16_get(first + 2);

	return stun_is_channel_data(first[0]) ? 4 + ((body + 3) & ~(size_t)3)
					      : STUN_HEADER_LEN + body;
}

int turnclient_receive(struct turnclient *c, unsigned wait_ms, size_t *len)
{
	uint64_t deadline = now_ms() + wait_ms;
	size_t have = 0, want = c->is_stream ? 4 : TURNCLIENT_PACKET_MAX;

	do {
		size_t got = 0;
		int rc = read_some(c, c->packet + have, want - have, deadline, &got);
		if (rc != 0)
			return rc;
		have += got;
		if (c->is_stream && have == 4 && want == 4) {
			want = framed_len(c->packet);
			if (want > TURNCLIENT_PACKET_MAX)
				return ERR_TOO_LARGE;
		}
	} while (c->is_stream && have < want);
	*len = have;
	return 0;
}

static void sign_request(struct turnclient *c, struct stun_writer *w)
{
	enum stun_password_algorithm alg = c->sha256 ? STUN_PASSWORD_SHA256 : STUN_PASSWORD_MD5;
	enum crypto_hash hash = c->sha256 ? CRYPTO_SHA256 : CRYPTO_SHA1;
	struct crypto_hmac_key key;

	stun_write_bytes(w, STUN_USERNAME, c->username, strlen(c->username));
	stun_write_bytes(w, STUN_REALM, c->realm, strlen(c->realm));
	stun_write_bytes(w, STUN_NONCE, c->nonce, strlen(c->nonce));
	if (c->sha256) {
		stun_write_bytes(w, STUN_PASSWORD_ALGORITHMS, c->algorithms, c->algorithms_len);
		stun_write_password_algorithm(w, STUN_PASSWORD_SHA256);
	}
	if (!c->key_ok)
		stun_key_long_term(alg, bytes_str(c->username), bytes_str(c->realm),
			bytes_str(c->password), &c->key);
	c->key_ok = true;
	crypto_hmac_key_init(&key, hash, c->key.bytes, c->key.len);
	stun_write_integrity(w, hash, &key);
	if (c->corrupt)
		w->buf[w->len - 1] ^= 1;
}

static bool is_answer(struct turnclient *c, size_t len, const uint8_t tid[STUN_TID_LEN])
{
	return len >= STUN_HEADER_LEN && stun_is_message(c->packet[0]) &&
	       stun_msg_decode(c->packet, len, &c->msg) == 0 &&
	       (c->msg.class == STUN_SUCCESS || c->msg.class == STUN_ERROR) &&
	       memcmp(c->msg.tid, tid, STUN_TID_LEN) == 0;
}

static int await_answer(struct turnclient *c, const uint8_t tid[STUN_TID_LEN], unsigned wait_ms)
{
	uint64_t deadline = now_ms() + wait_ms;

	for (;;) {
		uint64_t now = now_ms();
		size_t len = 0;
		int rc = turnclient_receive(
			c, now < deadline ? (unsigned)(deadline - now) : 0, &len);
		if (rc != 0)
			return rc;
		if (is_answer(c, len, tid)) {
			c->reply_len = len;
			return 0;
		}
		c->n_stray++;
		if (c->stray)
			c->stray(c->stray_arg, c->packet, len);
	}
}

int turnclient_try(
	struct turnclient *c, unsigned method, turnclient_add_fn *add, void *arg, bool sign)
{
	uint8_t buf[REQUEST_MAX];
	struct stun_writer w;

	if (!c->has_tid)
		crypto_random(c->tid, sizeof(c->tid));
	c->has_tid = false;
	stun_write_begin(&w, buf, sizeof(buf), STUN_REQUEST, method, c->tid);
	if (add)
		add(&w, arg);
	if (sign && c->username && c->nonce[0])
		sign_request(c, &w);
	if (c->fingerprint)
		stun_write_fingerprint(&w);
	int rc = stun_write_end(&w, &c->request_len);
	if (rc != 0)
		return rc;
	unsigned times = c->is_stream ? 1 : c->tries;
	for (unsigned i = 0; i < times; i++) {
		rc = turnclient_send(c, buf, c->request_len);
		if (rc == 0)
			rc = await_answer(c, c->tid, c->wait_ms * (c->tries / times));
		if (rc != -ETIMEDOUT)
			return rc;
	}
	return rc;
}

unsigned turnclient_code(const struct turnclient *c)
{
	struct stun_attr a;
	struct bytes reason;
	uint16_t code = 0;

	if (c->msg.class == STUN_ERROR && stun_attr_find(&c->msg, STUN_ERROR_CODE, &a))
		(void)stun_attr_error(&a, &code, &reason); /* a bad one leaves 0 */
	return code;
}

static bool copy_text(const struct stun_msg *m, uint16_t type, char out[TURNCLIENT_TEXT_MAX])
{
	struct stun_attr a;

	if (!stun_attr_find(m, type, &a) || a.len >= TURNCLIENT_TEXT_MAX)
		return false;
	memcpy(out, a.value, a.len);
	out[a.len] = '\0';
	return true;
}

bool turnclient_learn(struct turnclient *c)
{
	unsigned code = turnclient_code(c);
	struct stun_attr a;

	if (code != STUN_UNAUTHORIZED && code != STUN_STALE_NONCE)
		return false;
	if (!copy_text(&c->msg, STUN_NONCE, c->nonce))
		return false;
	(void)copy_text(&c->msg, STUN_REALM, c->realm); /* a 438 may leave it out */
	c->key_ok = false;
	if (stun_attr_find(&c->msg, STUN_PASSWORD_ALGORITHMS, &a) &&
		a.len <= sizeof(c->algorithms)) {
		memcpy(c->algorithms, a.value, a.len);
		c->algorithms_len = a.len;
	}
	return true;
}

int turnclient_request(struct turnclient *c, unsigned method, turnclient_add_fn *add, void *arg)
{
	int rc = turnclient_try(c, method, add, arg, true);

	if (rc == 0 && c->username && turnclient_learn(c))
		rc = turnclient_try(c, method, add, arg, true);
	return rc;
}

bool turnclient_address(const struct turnclient *c, uint16_t type, struct addr *out)
{
	struct stun_attr a;

	if (!stun_attr_find(&c->msg, type, &a))
		return false;
	if (type == STUN_XOR_MAPPED_ADDRESS || type == STUN_XOR_RELAYED_ADDRESS ||
		type == STUN_XOR_PEER_ADDRESS)
		return stun_attr_xor_address(&c->msg, &a, out) == 0;
	return stun_attr_address(&a, out) == 0;
}
