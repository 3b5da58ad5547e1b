/* SPDX-License-Identifier: BSD-3-Clause */
/* The rig of the DTLS tests. */
#include "rig.h"

#include <stdlib.h>
#include <string.h>
#include <sys/time.h>

static const struct clock before; /* whoever else asks */
static const struct clock *openssl_clock = &before;

/* OpenSSL asks for the time by this name, and finds this one before that of the C library. */
int gettimeofday(struct timeval *restrict tv, void *restrict zone)
{
	(void)zone;
	tv->tv_sec = (time_t)(openssl_clock->mono_ms / 1000);
	tv->tv_usec = (suseconds_t)(openssl_clock->mono_ms % 1000 * 1000);
	return 0;
}

/* ---- the wire ---- */

static void wire_add(struct wire *w, const struct addr *peer, const void *data, size_t len)
{
	assert_true(w->n < WIRE_MAX && len <= sizeof(w->list[0].data));
	struct datagram *d = &w->list[w->n++];
	d->peer = *peer;
	d->len = len;
	memcpy(d->data, data, len);
}

struct datagram wire_take(struct wire *w)
{
	assert_true(w->n > 0);
	struct datagram d = w->list[0];
	memmove(&w->list[0], &w->list[1], --w->n * sizeof(d));
	return d;
}

static void udp_send(struct net_port *p, struct net_buf *b)
{
	struct fixture *f = CONTAINER_OF(p, struct fixture, udp);

	if (b->len > f->longest_to_client)
		f->longest_to_client = b->len;
	if (b->len <= sizeof(f->to_client.list[0].data))
		wire_add(&f->to_client, &b->addr, b->data, b->len);
	net_buf_put(f->net, b);
}

static const struct net_port_ops udp_ops = {udp_send, NULL};

/* ---- the server ---- */

void open_dtls(struct fixture *f, uint32_t max_connections)
{
	struct ssl_ctx_st *tls = pki_server(true);
	struct net_dtls_config c = {.port = &f->udp,
		.tls = tls,
		.wheel = &f->wheel,
		.clock = &f->clock,
		.max_connections = max_connections};

	assert_int_equal(net_dtls_create(f->net, &c, &f->handler, f, &f->dtls), 0);
	crypto_tls_destroy(tls);
}

int rig_setup(void **state)
{
	struct fixture *f = fixture_create();

	openssl_clock = &f->clock;
	f->udp = (struct net_port){.ops = &udp_ops, .id = 1};
	assert_int_equal(addr_parse("198.51.100.1:5349", 0, &f->udp.local), 0);
	f->method = crypto_dtls_method_create();
	assert_non_null(f->method);
	open_dtls(f, 10);
	*state = f;
	return 0;
}

int rig_teardown(void **state)
{
	struct fixture *f = *state;

	net_dtls_destroy(f->dtls);
	openssl_clock = &before;
	crypto_dtls_method_destroy(f->method);
	fixture_destroy(f);
	return 0;
}

void server_hears(struct fixture *f, const struct datagram *d)
{
	struct net_buf *b = net_buf_get(f->net);

	assert_non_null(b);
	memcpy(b->data, d->data, d->len);
	b->len = (uint32_t)d->len;
	b->addr = d->peer;
	net_dtls_receive(f->dtls, b);
}

void server_takes_all(struct fixture *f)
{
	while (f->to_server.n > 0) {
		struct datagram d = wire_take(&f->to_server);
		server_hears(f, &d);
	}
}

/* ---- clients ---- */

static void client_send(struct crypto_dtls_wire *w, struct bytes datagram)
{
	struct client *c = CONTAINER_OF(w, struct client, wire);

	wire_add(&c->f->to_server, &c->addr, datagram.data, datagram.len);
}

void client_init(struct client *c, struct fixture *f, uint16_t port)
{
	SSL_CTX *context = SSL_CTX_new(DTLS_client_method());
	BIO *bio = BIO_new(f->method);

	*c = (struct client){.f = f, .addr = addr_ipv4(0xc0000201, port)};
	c->wire.send = client_send;
	BIO_set_data(bio, &c->wire);
	SSL_CTX_set_options(context, SSL_OP_NO_QUERY_MTU);
	c->ssl = SSL_new(context);
	SSL_set_mtu(c->ssl, 1200);
	SSL_set_bio(c->ssl, bio, bio);
	SSL_set_connect_state(c->ssl);
	SSL_CTX_free(context);
}

void client_fini(struct client *c)
{
	SSL_free(c->ssl);
}

bool client_step(struct client *c, const struct datagram *in)
{
	if (in)
		c->wire.in = bytes_of(in->data, in->len);
	int rc = SSL_do_handshake(c->ssl);
	if (rc == 1)
		return true;
	assert_int_equal(SSL_get_error(c->ssl, rc), SSL_ERROR_WANT_READ);
	return false;
}

void client_takes_all(struct fixture *f, struct client *c)
{
	while (f->to_client.n > 0) {
		struct datagram d = wire_take(&f->to_client);
		(void)client_step(c, &d);
	}
}

void shake_hands(struct fixture *f, struct client *c)
{
	for (int i = 0; !client_step(c, NULL) || f->to_server.n > 0; i++) {
		assert_true(i < 20);
		server_takes_all(f);
		client_takes_all(f, c);
	}
}

void client_says(struct client *c, const void *data, size_t len)
{
	assert_int_equal(SSL_write(c->ssl, data, (int)len), len);
}

size_t client_hears(struct client *c, const struct datagram *in, void *out, size_t cap)
{
	if (in)
		c->wire.in = bytes_of(in->data, in->len);
	int n = SSL_read(c->ssl, out, (int)cap);
	return n > 0 ? (size_t)n : 0;
}
