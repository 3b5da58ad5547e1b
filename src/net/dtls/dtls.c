/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * From a datagram to its session. A client proves by a cookie that it gets what is sent to its
 * address before anything is kept of it (RFC 6347 §4.2.1); the cookie is computed again, not
 * remembered. The same proof is asked of a client that starts anew where a session is, and until
 * then the session stays (§4.2.8).
 */
#include <assert.h>
#include <errno.h>
#include <stdlib.h>

#include "dtls_priv.h"

uint64_t net_dtls_hash(const struct net_dtls *d, const void *data, size_t len)
{
	return hash_bytes(&d->hash_key, data, len);
}

static struct net_session *find(const struct net_dtls *d, const struct addr *peer)
{
	struct hash_node *n = hash_table_first(&d->by_peer, net_dtls_hash(d, peer, sizeof(*peer)));

	for (; n; n = hash_table_next(n)) {
		struct net_session *s = CONTAINER_OF(n, struct net_session, by_peer);
		if (addr_equal(&s->peer, peer))
			return s;
	}
	return NULL;
}

/* ---- cookies ---- */

/*
 * Over the address, and over what keeps the cookie from serving anybody else there: the hello's
 * random, which a client repeats with the cookie, and the time.
 */
static void make_cookie(const struct net_dtls *d, const struct addr *peer, struct bytes random,
	uint64_t period, uint8_t out[NET_COOKIE_LEN])
{
	uint8_t mac[CRYPTO_SHA256_LEN];
	struct bytes parts[] = {
		bytes_of(peer, sizeof(*peer)), bytes_of(&period, sizeof(period)), random};

	_Static_assert(NET_COOKIE_LEN <= CRYPTO_SHA256_LEN, "a cookie is the front of a MAC");
	crypto_hmac(&d->cookie_key, parts, ARRAY_LEN(parts), mac);
	memcpy(out, mac, NET_COOKIE_LEN);
}

/* RFC 6347 §4.2.2: the hello with a cookie is a client's second message. */
static bool is_proved(
	const struct net_dtls *d, const struct addr *peer, const struct net_hello *hello)
{
	uint64_t period = d->config.clock->mono_ms / NET_DTLS_COOKIE_MS;
	uint8_t cookie[NET_COOKIE_LEN];

	if (hello->cookie.len != NET_COOKIE_LEN || hello->message_seq != 1)
		return false;
	for (int age = 0; age < 2; age++) {
		make_cookie(d, peer, hello->random, period - (uint64_t)age, cookie);
		if (crypto_equal(cookie, hello->cookie.data, NET_COOKIE_LEN))
			return true;
	}
	return false;
}

/* The answer is shorter than what it answers and goes in the same buffer. */
static void ask_for_proof(struct net_dtls *d, const struct net_hello *hello, struct net_buf *b)
{
	uint8_t cookie[NET_COOKIE_LEN], answer[NET_HELLO_VERIFY_LEN];

	make_cookie(
		d, &b->addr, hello->random, d->config.clock->mono_ms / NET_DTLS_COOKIE_MS, cookie);
	net_hello_verify_encode(hello, cookie, answer);
	assert(b->len > NET_HELLO_VERIFY_LEN);
	memcpy(b->data, answer, sizeof(answer));
	b->len = sizeof(answer);
	b->tos = 0;
	metrics_add(d->net->cells, NET_C_DTLS_COOKIES, 1);
	net_port_send(d->config.port, b);
}

/* ---- receiving ---- */

static void drop(struct net_dtls *d, struct net_buf *b, enum net_counter why)
{
	metrics_add(d->net->cells, why, 1);
	net_buf_put(d->net, b);
}

/* A hello that is not the one S, which may be NULL, began with. */
static void meet(
	struct net_dtls *d, struct net_session *s, const struct net_hello *hello, struct net_buf *b)
{
	if (!is_proved(d, &b->addr, hello)) {
		ask_for_proof(d, hello, b);
		return;
	}
	if (s) {
		s->is_mute = true;
		net_session_end(s, NET_C_END_REPLACED);
	}
	net_session_open(d, hello, b);
}

void net_dtls_receive(struct net_dtls *d, struct net_buf *b)
{
	struct net_session *s = find(d, &b->addr);
	struct net_hello hello;
	int rc = net_hello_decode(bytes_of(b->data, b->len), &hello);

	if (rc == 0 && (!s || s->hello != net_dtls_hash(d, hello.random.data, hello.random.len)))
		meet(d, s, &hello, b);
	else if (s)
		net_session_receive(s, b);
	else
		drop(d, b, rc == ERR_MALFORMED ? NET_C_DTLS_MALFORMED : NET_C_DTLS_NO_SESSION);
}

/* ---- life ---- */

int net_dtls_create(struct net *n, const struct net_dtls_config *c, const struct net_handler *h,
	void *owner, struct net_dtls **out)
{
	struct net_dtls *d = calloc(1, sizeof(*d));
	uint8_t secret[CRYPTO_SHA256_LEN];

	if (!n->scratch)
		n->scratch = malloc(NET_SCRATCH);
	if (!d || !n->scratch)
		goto fail;
	d->method = crypto_dtls_method_create();
	if (!d->method)
		goto fail;
	d->net = n;
	d->config = *c;
	d->config.tls = crypto_tls_get(c->tls);
	d->handler = h;
	d->owner = owner;
	list_init(&d->sessions);
	hash_table_init(&d->by_peer);
	crypto_random(&d->hash_key, sizeof(d->hash_key));
	crypto_random(secret, sizeof(secret));
	crypto_hmac_key_init(&d->cookie_key, CRYPTO_SHA256, secret, sizeof(secret));
	crypto_wipe(secret, sizeof(secret));
	*out = d;
	return 0;
fail:
	free(d);
	return -ENOMEM;
}

void net_dtls_destroy(struct net_dtls *d)
{
	list_for_each_safe (it, &d->sessions)
		net_session_close(CONTAINER_OF(it, struct net_session, link));
	hash_table_fini(&d->by_peer);
	crypto_tls_destroy(d->config.tls);
	crypto_dtls_method_destroy(d->method);
	crypto_wipe(&d->cookie_key, sizeof(d->cookie_key));
	free(d);
}

void net_dtls_tls_set(struct net_dtls *d, struct ssl_ctx_st *tls)
{
	struct ssl_ctx_st *old = d->config.tls;

	d->config.tls = crypto_tls_get(tls);
	crypto_tls_destroy(old);
}
