/* SPDX-License-Identifier: BSD-3-Clause */
/* The rig of the DTLS tests. */
#include "dtls_rig.h"

#include <stdlib.h>
#include <string.h>
#include <sys/time.h>

#include "../crypto/pki.h"

static uint64_t openssl_now_ms;

/* OpenSSL asks for the time by this name, and finds this one before that of the C library. */
int gettimeofday(struct timeval *restrict tv, void *restrict zone)
{
	(void)zone;
	tv->tv_sec = (time_t)(openssl_now_ms / 1000);
	tv->tv_usec = (suseconds_t)(openssl_now_ms % 1000 * 1000);
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

static void on_packets(void *arg, struct net_port *p, struct net_buf **bufs, size_t n)
{
	struct fixture *f = arg;

	f->port = p;
	for (size_t i = 0; i < n; i++) {
		f->n_messages++;
		f->heard_len = bufs[i]->len;
		memcpy(f->heard, bufs[i]->data, bufs[i]->len);
		if (f->is_echo)
			net_port_send(p, bufs[i]);
		else
			net_buf_put(f->net, bufs[i]);
	}
	if (f->is_closing)
		net_port_close(p);
}

static void on_closed(void *arg, struct net_port *p, const struct addr *peer)
{
	struct fixture *f = arg;
	struct net_buf *b = net_buf_get(f->net);

	assert_int_equal(peer->family, ADDR_IPV4);
	f->port = NULL;
	f->n_closed++;
	net_port_send(p, b); /* nothing comes of it, and nothing is lost */
}

struct ssl_ctx_st *make_server(void)
{
	char cert_path[PKI_PATH_LEN], key_path[PKI_PATH_LEN], why[CRYPTO_WHY_LEN];
	struct ssl_ctx_st *server = NULL;
	struct pki_issuer ca;
	struct pki_dir dir;

	pki_dir_create(&dir);
	pki_issuer_init(&ca, "test CA");
	EVP_PKEY *key = pki_ec_key();
	X509 *cert = pki_issue(&ca, &(struct pki_request){.name = "edge", .key = key, .serial = 2});
	struct crypto_tls_config c = {.certificate = pki_path(&dir, "cert.pem", cert_path),
		.private_key = pki_path(&dir, "key.pem", key_path),
		.has_stun_alpn = true,
		.is_datagram = true};
	pki_write_cert(c.certificate, cert);
	pki_write_pkcs8(c.private_key, key);
	assert_int_equal(crypto_tls_server_create(&c, &server, why), 0);
	X509_free(cert);
	EVP_PKEY_free(key);
	pki_issuer_fini(&ca);
	pki_dir_remove(&dir);
	return server;
}

void open_dtls(struct fixture *f, uint32_t max_connections)
{
	struct ssl_ctx_st *tls = make_server();
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
	struct fixture *f = calloc(1, sizeof(*f));

	assert_non_null(f);
	f->loop = loop_create("test", 16);
	f->net = net_create(f->loop, f->cells);
	assert_non_null(f->net);
	f->clock.mono_ms = 1000000;
	openssl_now_ms = f->clock.mono_ms;
	wheel_init(&f->wheel, f->clock.mono_ms, NULL);
	f->handler = (struct net_handler){.packets = on_packets, .arg = f, .closed = on_closed};
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
	assert_int_equal(metrics_get(f->cells, NET_C_CONNECTIONS), 0);
	assert_int_equal(f->wheel.count, 0);
	/* Every buffer has come back: a worker's are all there. */
	for (size_t i = 0; i < 256; i++)
		assert_non_null(net_buf_get(f->net));
	net_destroy(f->net);
	loop_destroy(f->loop);
	crypto_dtls_method_destroy(f->method);
	free(f);
	return 0;
}

uint64_t counted(struct fixture *f, enum net_counter row)
{
	return metrics_get(f->cells, row);
}

void wait_ms(struct fixture *f, uint64_t ms)
{
	for (uint64_t end = f->clock.mono_ms + ms; f->clock.mono_ms < end;) {
		uint64_t left = end - f->clock.mono_ms;
		f->clock.mono_ms += left < WHEEL_TICK_MS ? left : WHEEL_TICK_MS;
		openssl_now_ms = f->clock.mono_ms;
		wheel_advance(&f->wheel, f->clock.mono_ms);
	}
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
