/* SPDX-License-Identifier: BSD-3-Clause */
#include <errno.h>
#include <fcntl.h>
#include <setjmp.h>
#include <signal.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <unistd.h>
#include <netinet/in.h>
#include <cmocka.h>
#include "rig.h"

#define PATIENCE_S 20

static const char *const fe_names[] = {"fe.example.com"};
static const char *const blue_names[] = {"fe.blue.example.com"};
static const char *const tenants[] = {"blue"};
static const char *const identities[] = {"*@example.com", "alice"};

/* ---- the PKI ---- */

static X509 *certificate(const struct pki_issuer *ca, EVP_PKEY *key, const char *san)
{
	GENERAL_NAMES *names = GENERAL_NAMES_new();
	pki_names_add(names, GEN_DNS, san, strlen(san));
	X509 *cert = pki_issue(
		ca, &(struct pki_request){.name = san, .key = key, .names = names, .serial = 2});
	GENERAL_NAMES_free(names);
	return cert;
}

static SSL_CTX *client_ctx(const struct pki_issuer *ca, EVP_PKEY *key, const char *san)
{
	SSL_CTX *ctx = SSL_CTX_new(TLS_client_method());
	assert_non_null(ctx);
	if (ca == NULL)
		return ctx;
	X509 *cert = certificate(ca, key, san);
	assert_int_equal(SSL_CTX_use_certificate(ctx, cert), 1);
	assert_int_equal(SSL_CTX_use_PrivateKey(ctx, key), 1);
	X509_free(cert);
	return ctx;
}

static void pin_of(EVP_PKEY *key, uint8_t pin[CRYPTO_SHA256_LEN])
{
	uint8_t *der = NULL;
	int len = i2d_PUBKEY(key, &der);
	assert_true(len > 0);
	struct bytes spki = bytes_of(der, (size_t)len);
	crypto_digest(CRYPTO_SHA256, &spki, 1, pin);
	OPENSSL_free(der);
}

static void pki_make(struct rig *rig)
{
	char path[PKI_PATH_LEN];
	EVP_PKEY *key = pki_ec_key(), *admin_key = pki_ec_key();
	pki_dir_create(&rig->dir);
	pki_issuer_init(&rig->ca, "ca");
	pki_issuer_init(&rig->other_ca, "other");
	pki_write_cert(pki_path(&rig->dir, "ca.pem", path), rig->ca.cert);
	X509 *server = certificate(&rig->ca, key, "edge.example.com");
	pki_write_cert(pki_path(&rig->dir, "server.pem", path), server);
	pki_write_pkcs8(pki_path(&rig->dir, "server.key", path), key);
	X509_free(server);
	rig->clients[RIG_NOBODY] = client_ctx(NULL, NULL, NULL);
	rig->clients[RIG_FE] = client_ctx(&rig->ca, key, "fe.example.com");
	rig->clients[RIG_ADMIN_FE] = client_ctx(&rig->ca, admin_key, "whatever.example.com");
	rig->clients[RIG_UNLISTED] = client_ctx(&rig->ca, key, "stranger.example.com");
	rig->clients[RIG_BLUE] = client_ctx(&rig->ca, key, "fe.blue.example.com");
	rig->clients[RIG_FOREIGN] = client_ctx(&rig->other_ca, key, "fe.example.com");
	pin_of(admin_key, rig->admin_pin[0]);
	EVP_PKEY_free(admin_key);
	EVP_PKEY_free(key);
}

static struct ssl_ctx_st *server_ctx(struct rig *rig, bool is_required)
{
	char cert[PKI_PATH_LEN], key[PKI_PATH_LEN], ca[PKI_PATH_LEN], why[CRYPTO_WHY_LEN];
	struct ssl_ctx_st *ctx = NULL;
	const struct crypto_tls_config c = {.certificate = pki_path(&rig->dir, "server.pem", cert),
		.private_key = pki_path(&rig->dir, "server.key", key),
		.client_ca = pki_path(&rig->dir, "ca.pem", ca),
		.client_required = is_required};
	assert_int_equal(crypto_tls_server_create(&c, &ctx, why), 0);
	return ctx;
}

/* ---- the node's side ---- */

static struct auth_snapshot *auth_of(struct rig *rig, const char *secret, const char *realm)
{
	struct auth_snapshot *auth = NULL;
	char path[PKI_PATH_LEN], why[CRYPTO_WHY_LEN];
	pki_write(pki_path(&rig->dir, "secret", path), secret, strlen(secret) + 1, 0600);
	const struct auth_key_config key = {.secret_file = path};
	const struct auth_config c = {.realm = realm,
		.keys = &key,
		.n_keys = 1,
		.turn_rest = true,
		.nonce_lifetime_s = 600};
	assert_int_equal(auth_snapshot_create(&c, &auth, why), 0);
	return auth;
}

static void auth_make(struct rig *rig)
{
	rig->auth[0] = auth_of(rig, "a secret of at least thirty-two bytes", "edge.example.com");
	rig->auth[1] = auth_of(rig, "blue: a secret of thirty-two bytes", "blue.example.com");
}

static void config_make(struct rig *rig)
{
	struct bytes token = bytes_str(RIG_TOKEN);
	crypto_digest(CRYPTO_SHA256, &token, 1, rig->token[0]);
	rig->callers[0] = (struct mras_caller){.name = "fe",
		.names = fe_names,
		.n_names = 1,
		.roles = MRAS_ISSUE,
		.identities = identities,
		.n_identities = ARRAY_LEN(identities)};
	rig->callers[1] = rig->callers[0];
	rig->callers[1].name = "admin";
	rig->callers[1].n_names = 0;
	rig->callers[1].pins = rig->admin_pin;
	rig->callers[1].n_pins = 1;
	rig->callers[1].roles = MRAS_ISSUE | MRAS_ADMIN;
	rig->callers[2] = rig->callers[0];
	rig->callers[2].name = "shop";
	rig->callers[2].n_names = 0;
	rig->callers[2].tokens = rig->token;
	rig->callers[2].n_tokens = 1;
	rig->callers[2].rate_per_s = 1;
	rig->callers[3] = rig->callers[1];
	rig->callers[3].name = "blue admin";
	rig->callers[3].n_pins = 0;
	rig->callers[3].names = blue_names;
	rig->callers[3].n_names = 1;
	rig->callers[3].tenant = 1;
	rig->address = addr_ipv4(0xc6336414, 0);
	rig->relay = (struct mras_relay){.location = AUTH_INTERNET,
		.host_name = "av.example.com",
		.addresses = &rig->address,
		.n_addresses = 1,
		.udp_port = 3478,
		.tcp_port = 3478,
		.tls_port = 443};
	rig->config = (struct mras_config){.tenants = tenants,
		.n_tenants = ARRAY_LEN(tenants),
		.callers = rig->callers,
		.n_callers = ARRAY_LEN(rig->callers),
		.relays = &rig->relay,
		.n_relays = 1};
}

static bool on_is_ready(void *arg, const char **why)
{
	struct rig *rig = arg;
	*why = "no listener";
	return atomic_load(&rig->is_ready);
}

/* As the daemon does it: a snapshot with the old ones and the new ones. */
static int on_revoke(void *arg, unsigned tenant, const struct auth_revocation *list, size_t n)
{
	struct rig *rig = arg;
	struct auth_revocation all[64];
	size_t total = 0;
	struct auth_snapshot *next = NULL;
	if (atomic_load(&rig->is_revoking_broken) || n > ARRAY_LEN(all))
		return -ENOSPC;
	while (total < ARRAY_LEN(all) - n &&
		auth_snapshot_revocation(rig->auth[tenant], total, &all[total]))
		total++;
	memcpy(all + total, list, n * sizeof(*list));
	int code = auth_snapshot_with_revocations(rig->auth[tenant], all, total + n, &next);
	if (code != 0)
		return code;
	auth_snapshot_put(rig->auth[tenant]);
	rig->auth[tenant] = next;
	return api_auth_set(rig->api, rig->auth, RIG_TENANTS);
}

/* ---- the operator's side ---- */

static void on_status(void *arg, struct api_status *out)
{
	static const struct api_certificate certificate = {"mras", "/etc/mras.pem", 1800000000};
	static const struct addr address = {
		.ip = {[10] = 0xff, 0xff, 192, 0, 2, 1}, .family = ADDR_IPV4};
	static const struct api_interface interfaces[] = {
		{"eth0", "kernel", "native XDP", NULL, &address, 1},
		{"wg0", "socket", NULL, "is no Ethernet interface", NULL, 0},
	};
	struct rig *rig = arg;
	rig->listener = (struct api_listener){"external", "internet", "tls", addr_ipv4(1, 5349)};
	*out = (struct api_status){.version = "1.2.3",
		.started_s = 1700000000,
		.n_workers = 3,
		.listeners = &rig->listener,
		.n_listeners = 1,
		.certificates = &certificate,
		.n_certificates = 1,
		.datapath = "kernel",
		.interfaces = interfaces,
		.n_interfaces = ARRAY_LEN(interfaces)};
}

static int on_reload(void *arg, api_say_fn say, void *say_arg)
{
	struct rig *rig = arg;
	if (!atomic_load(&rig->is_reload_broken))
		return 0;
	say(say_arg, "sallyport.yaml:3:1: wrong");
	return ERR_CONFIG;
}

static int on_allocations(void *arg, const struct turn_question *q, api_allocations_fn fn, void *a)
{
	struct rig *rig = arg;
	static const unsigned silent[] = {2};
	const struct turn_alloc_info info = {.id = 0x10000000002a,
		.client = addr_ipv4(0xc0000201, 40000),
		.listener = rig->listener.address,
		.transport = AUTH_TLS,
		.relays = {addr_ipv4(0xcb007101, 50000)},
		.age_s = 7,
		.is_tcp = true,
		.n_connections = 3};
	const struct turn_peer_info peers[] = {
		{.peer = addr_ipv4(0xc0000202, 5000), .channel = 0x4000, .expires_in_s = 9},
		{.peer = addr_ipv4(0xc0000202, 5001), .is_connection = true}};
	rig->question = *q;
	if (atomic_load(&rig->is_asking_broken))
		return ERR_FULL;
	fn(a, &(const struct api_allocations){.n_matched = 2,
		      .infos = &info,
		      .n_infos = q->filter.id == 1 ? 0 : 1,
		      .peers = peers,
		      .n_peers = q->has_peers ? ARRAY_LEN(peers) : 0,
		      .silent = silent,
		      .n_silent = 1});
	return 0;
}

static void on_drain_show(void *arg, struct api_drain *out)
{
	struct rig *rig = arg;
	*out = (struct api_drain){.is_on = rig->order.is_on,
		.exits = rig->order.exits,
		.n_allocations = 5,
		.alternates = rig->order.alternates,
		.n_alternates = rig->order.n_alternates,
		.is_up = {true}};
}

static int on_drain(void *arg, const struct api_drain_order *o)
{
	struct rig *rig = arg;
	rig->order = *o;
	return 0;
}

static const struct api_operator admin = {.drain_show = on_drain_show,
	.drain = on_drain,
	.status = on_status,
	.reload = on_reload,
	.allocations = on_allocations};

static void api_make(struct rig *rig)
{
	static const struct metrics_group *const groups[] = {&api_counters};
	rig->metrics = metrics_set_create(groups, 1, 1);
	assert_non_null(rig->metrics);
	const struct api_config c = {.metrics = rig->metrics,
		.cells = metrics_set_cells(rig->metrics, &api_counters, 0),
		.is_ready = on_is_ready,
		.revoke = on_revoke,
		.admin = &admin,
		.arg = rig};
	rig->api = api_create(&c);
	assert_non_null(rig->api);
	api_mras_set(rig->api, &rig->config);
	assert_int_equal(api_auth_set(rig->api, rig->auth, RIG_TENANTS), 0);
}

static void servers_make(struct rig *rig)
{
	static const unsigned faces[RIG_SERVERS] = {
		[RIG_MTLS] = API_CREDENTIALS,
		[RIG_BEARER] = API_CREDENTIALS | API_BEARER,
		[RIG_ADMIN] = API_METRICS,
		[RIG_LOCAL] = API_CREDENTIALS | API_METRICS | API_LOCAL | API_OPERATOR,
	};
	const struct addr loopback = addr_ipv4(INADDR_LOOPBACK, 0);
	char why[HTTP_WHY_LEN];
	rig->tls[RIG_MTLS] = server_ctx(rig, true);
	rig->tls[RIG_BEARER] = server_ctx(rig, false);
	for (unsigned i = 0; i < RIG_SERVERS; i++) {
		const struct http_config c = {.name = "test",
			.tls = rig->tls[i],
			.listen = &loopback,
			.n_listen = 1,
			.max_header_bytes = 8192,
			.max_body_bytes = RIG_BODY_MAX,
			.max_connections = 16,
			.idle_timeout_s = PATIENCE_S,
			.request_timeout_s = PATIENCE_S};
		assert_int_equal(http_server_create(rig->loop, &c, &rig->servers[i], why), 0);
		rig->ports[i] = http_server_port(rig->servers[i], 0);
		assert_int_equal(api_attach(rig->api, rig->servers[i], faces[i]), 0);
	}
}

static void do_stop(void *loop, void *payload)
{
	loop_stop(loop);
}

void rig_start(struct rig *rig)
{
	memset(rig, 0, sizeof(*rig));
	signal(SIGPIPE, SIG_IGN); /* of the client's SSL_write */
	atomic_store(&rig->is_ready, true);
	pki_make(rig);
	auth_make(rig);
	config_make(rig);
	pki_path(&rig->dir, "log", rig->log_path);
	rig->log_fd = open(rig->log_path, O_RDWR | O_CREAT | O_APPEND | O_CLOEXEC, 0600);
	log_fd_set(rig->log_fd);
	rig->loop = loop_create("api", 4);
	assert_non_null(rig->loop);
	api_make(rig);
	servers_make(rig);
	assert_int_equal(loop_thread_start(rig->loop, &rig->thread), 0);
}

void rig_stop(struct rig *rig)
{
	static const struct msg_type stop_msg = {"stop", 1, do_stop, NULL};
	char nothing = 0;
	assert_int_equal(loop_post(rig->loop, &stop_msg, rig->loop, &nothing), 0);
	assert_int_equal(loop_thread_join(rig->thread), 0);
	for (unsigned i = 0; i < RIG_SERVERS; i++) {
		http_server_destroy(rig->servers[i]);
		crypto_tls_destroy(rig->tls[i]);
	}
	api_destroy(rig->api);
	for (size_t i = 0; i < RIG_TENANTS; i++)
		auth_snapshot_put(rig->auth[i]);
	metrics_set_destroy(rig->metrics);
	loop_destroy(rig->loop);
	for (unsigned i = 0; i < RIG_CLIENTS; i++)
		SSL_CTX_free(rig->clients[i]);
	log_fd_set(2);
	close(rig->log_fd);
	pki_issuer_fini(&rig->ca);
	pki_issuer_fini(&rig->other_ca);
	pki_dir_remove(&rig->dir);
}

/* ---- the client ---- */

static int connect_to(uint16_t port)
{
	const struct timeval patience = {.tv_sec = PATIENCE_S};
	const struct sockaddr_in sa = {.sin_family = AF_INET,
		.sin_port = htons(port),
		.sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
	int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
	assert_true(fd >= 0);
	setsockopt(fd, SOL_SOCKET, SO_RCVTIMEO, &patience, sizeof(patience));
	setsockopt(fd, SOL_SOCKET, SO_SNDTIMEO, &patience, sizeof(patience));
	assert_int_equal(connect(fd, (const struct sockaddr *)&sa, sizeof(sa)), 0);
	return fd;
}

static void exchange_plain(int fd, const char *request, size_t len, struct rig_answer *a)
{
	size_t have = 0;
	ssize_t n;
	assert_int_equal(send(fd, request, len, MSG_NOSIGNAL), (ssize_t)len);
	while (have < sizeof(a->text) - 1 &&
		(n = recv(fd, a->text + have, sizeof(a->text) - 1 - have, 0)) > 0)
		have += (size_t)n;
}

static void exchange_tls(
	int fd, SSL_CTX *ctx, const char *request, size_t len, struct rig_answer *a)
{
	SSL *ssl = SSL_new(ctx);
	size_t have = 0;
	int n;
	SSL_set_fd(ssl, fd);
	if (SSL_connect(ssl) == 1 && SSL_write(ssl, request, (int)len) == (int)len) {
		while (have < sizeof(a->text) - 1 &&
			(n = SSL_read(ssl, a->text + have, (int)(sizeof(a->text) - 1 - have))) > 0)
			have += (size_t)n;
	}
	SSL_free(ssl);
}

static char *request_make(
	const char *method_and_path, const char *type, const char *header, const char *body)
{
	size_t body_len = body != NULL ? strlen(body) : 0;
	char *text = malloc(2048 + body_len);
	int n = snprintf(
		text, 2048, "%s HTTP/1.1\r\nHost: edge\r\nConnection: close\r\n", method_and_path);
	if (type != NULL)
		n += snprintf(text + n, 2048 - (size_t)n, "Content-Type: %s\r\n", type);
	if (header != NULL)
		n += snprintf(text + n, 2048 - (size_t)n, "%s\r\n", header);
	if (body != NULL)
		n += snprintf(text + n, 2048 - (size_t)n, "Content-Length: %zu\r\n", body_len);
	n += snprintf(text + n, 2048 - (size_t)n, "\r\n");
	memcpy(text + n, body != NULL ? body : "", body_len + 1);
	return text;
}

const struct rig_answer *rig_ask(struct rig *rig, enum rig_server server, enum rig_client client,
	const char *method_and_path, const char *type, const char *header, const char *body)
{
	static struct rig_answer a;
	memset(&a, 0, sizeof(a));
	char *request = request_make(method_and_path, type, header, body);
	int fd = connect_to(rig->ports[server]);
	if (rig->tls[server] != NULL)
		exchange_tls(fd, rig->clients[client], request, strlen(request), &a);
	else
		exchange_plain(fd, request, strlen(request), &a);
	close(fd);
	free(request);
	char *end = strstr(a.text, "\r\n\r\n");
	if (end != NULL) {
		a.status = atoi(a.text + strlen("HTTP/1.1 "));
		a.body = end + 4;
	}
	return &a;
}

char *rig_log(struct rig *rig)
{
	struct stat st;
	assert_int_equal(fstat(rig->log_fd, &st), 0);
	char *text = calloc(1, (size_t)st.st_size + 1);
	assert_int_equal(pread(rig->log_fd, text, (size_t)st.st_size, 0), st.st_size);
	return text;
}
