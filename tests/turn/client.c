/* SPDX-License-Identifier: BSD-3-Clause */
/* The client side of a TURN transaction, over the codec. */
#include "client.h"

#include <string.h>
#include <sallyport/crypto.h>

/* ---- who ---- */

struct auth_claims claims_of(const char *subject)
{
	struct auth_claims claims = {.relays = ~UINT64_C(0)};
	size_t len = strlen(subject);
	memcpy(claims.subject, subject, len < AUTH_SUBJECT_LEN ? len : AUTH_SUBJECT_LEN);
	memcpy(claims.jti, "jti-0001", AUTH_JTI_LEN);
	return claims;
}

void client_mint(struct client *c, const struct auth_claims *claims, uint64_t expires_s)
{
	uint64_t now = c->f->clock.wall_s;
	assert_int_equal(auth_mint_m1(c->f->auth, now, expires_s, claims, &c->credential), 0);
}

void client_init(struct client *c, struct fixture *f, const char *text)
{
	struct auth_claims claims = claims_of("alice");
	*c = (struct client){.f = f, .integrity = CRYPTO_SHA1};
	c->where.addr = at(text);
	c->where.port = c->where.addr.family == ADDR_IPV6 ? f->listener6 : f->listener4;
	c->where.location = AUTH_INTERNET;
	c->where.transport = AUTH_UDP;
	client_mint(c, &claims, f->clock.wall_s + 8 * 3600);
}

/* ---- requests ---- */

void request_begin(struct request *r, enum stun_method method)
{
	crypto_random(r->tid, sizeof(r->tid));
	r->method = method;
	stun_write_begin(&r->w, r->data, sizeof(r->data), STUN_REQUEST, method, r->tid);
}

void request_begin_allocate(struct request *r)
{
	request_begin(r, STUN_ALLOCATE);
	stun_write_transport(&r->w, 17);
}

struct crypto_hmac_key client_key(const struct client *c)
{
	struct stun_key key;
	struct crypto_hmac_key hmac;
	if (c->session.len > 0) {
		crypto_hmac_key_init(&hmac, c->integrity, c->session.bytes, c->session.len);
		return hmac;
	}
	stun_key_long_term(c->algorithm ? c->algorithm : STUN_PASSWORD_MD5,
		bytes_str(c->credential.username), bytes_str(c->realm),
		bytes_str(c->credential.password), &key);
	crypto_hmac_key_init(&hmac, c->integrity, key.bytes, key.len);
	return hmac;
}

void request_sign(struct request *r, const struct client *c)
{
	static const uint16_t offered[] = {STUN_PASSWORD_SHA256, STUN_PASSWORD_MD5};
	struct crypto_hmac_key hmac = client_key(c);

	stun_write_bytes(
		&r->w, STUN_USERNAME, c->credential.username, strlen(c->credential.username));
	stun_write_bytes(&r->w, STUN_REALM, c->realm, strlen(c->realm));
	stun_write_bytes(&r->w, STUN_NONCE, c->nonce, strlen(c->nonce));
	if (c->token_len > 0)
		stun_write_bytes(&r->w, STUN_ACCESS_TOKEN, c->token, c->token_len);
	if (c->algorithm) {
		stun_write_password_algorithms(&r->w, offered, ARRAY_LEN(offered));
		stun_write_password_algorithm(&r->w, c->algorithm);
	}
	stun_write_integrity(&r->w, c->integrity, &hmac);
}

static void check_integrity(const struct client *c, struct reply *out)
{
	struct crypto_hmac_key hmac = client_key(c);
	out->is_signed = out->msg.integrity != 0 || out->msg.integrity_sha256 != 0;
	if (out->is_signed)
		assert_true(stun_msg_check_integrity(&out->msg, c->integrity, &hmac));
}

void request_send(struct request *r, struct client *c, struct reply *out)
{
	struct stun_attr error;
	struct bytes reason;
	uint16_t code = 0;
	size_t len;

	assert_int_equal(stun_write_end(&r->w, &len), 0);
	wire_from_client(c->f, &c->where, r->data, len);
	memset(out, 0, sizeof(*out));
	const struct packet *p = wire_take(c->f);
	if (!p)
		return;
	assert_int_equal(c->f->n_sent, 0);
	assert_ptr_equal(p->port, c->where.port);
	assert_true(addr_equal(&p->to, &c->where.addr));
	assert_true(p->len <= sizeof(out->data));
	memcpy(out->data, p->data, p->len);
	assert_int_equal(stun_msg_decode(out->data, p->len, &out->msg), 0);
	assert_int_equal(out->msg.method, r->method);
	assert_memory_equal(out->msg.tid, r->tid, STUN_TID_LEN);
	out->is_there = true;
	if (out->msg.class == STUN_ERROR) {
		assert_true(stun_attr_find(&out->msg, STUN_ERROR_CODE, &error));
		assert_int_equal(stun_attr_error(&error, &code, &reason), 0);
	} else {
		assert_int_equal(out->msg.class, STUN_SUCCESS);
	}
	out->code = code;
	check_integrity(c, out);
}

static void copy_text(const struct reply *r, uint16_t type, char *out, size_t cap)
{
	struct stun_attr a;
	assert_true(stun_attr_find(&r->msg, type, &a));
	assert_true(a.len < cap);
	memcpy(out, a.value, a.len);
	out[a.len] = '\0';
}

static void learn(struct client *c, const struct reply *r)
{
	copy_text(r, STUN_REALM, c->realm, sizeof(c->realm));
	copy_text(r, STUN_NONCE, c->nonce, sizeof(c->nonce));
	c->is_offered = reply_has(r, STUN_PASSWORD_ALGORITHMS);
}

void client_challenge(struct client *c)
{
	struct request r;
	struct reply reply;
	request_begin_allocate(&r);
	request_send(&r, c, &reply);
	assert_true(reply.is_there);
	assert_int_equal(reply.code, STUN_UNAUTHORIZED);
	learn(c, &reply);
}

unsigned client_ask(struct client *c, struct request *r, struct reply *out)
{
	struct request unsigned_one = *r;

	if (c->nonce[0] == '\0')
		client_challenge(c);
	request_sign(r, c);
	request_send(r, c, out);
	if (out->is_there && out->code == STUN_STALE_NONCE) {
		learn(c, out);
		*r = unsigned_one;
		r->w.buf = r->data;
		request_sign(r, c);
		request_send(r, c, out);
	}
	assert_true(out->is_there);
	return out->code;
}

unsigned client_allocate(struct client *c, struct addr *relayed)
{
	struct request r;
	struct reply reply;
	request_begin_allocate(&r);
	unsigned code = client_ask(c, &r, &reply);
	if (code == 0 && relayed)
		assert_true(reply_address(&reply, STUN_XOR_RELAYED_ADDRESS, 0, relayed));
	return code;
}

unsigned client_reserve(struct client *c, struct addr *relayed, uint8_t token[8])
{
	struct request r;
	struct reply reply;
	struct stun_attr a;
	request_begin_allocate(&r);
	stun_write_even_port(&r.w, true);
	unsigned code = client_ask(c, &r, &reply);
	if (code != 0)
		return code;
	assert_true(reply_address(&reply, STUN_XOR_RELAYED_ADDRESS, 0, relayed));
	assert_true(stun_attr_find(&reply.msg, STUN_RESERVATION_TOKEN, &a));
	assert_int_equal(a.len, 8);
	memcpy(token, a.value, 8);
	return 0;
}

void request_claim(struct request *r, struct client *c, const uint8_t token[8])
{
	if (c->nonce[0] == '\0')
		client_challenge(c);
	request_begin_allocate(r);
	stun_write_bytes(&r->w, STUN_RESERVATION_TOKEN, token, 8);
	request_sign(r, c);
}

unsigned client_permit(struct client *c, const char *peer)
{
	struct request r;
	struct reply reply;
	struct addr a = at(peer);
	request_begin(&r, STUN_CREATE_PERMISSION);
	stun_write_xor_address(&r.w, STUN_XOR_PEER_ADDRESS, &a);
	return client_ask(c, &r, &reply);
}

unsigned client_bind(struct client *c, uint16_t number, const char *peer)
{
	struct request r;
	struct reply reply;
	struct addr a = at(peer);
	request_begin(&r, STUN_CHANNEL_BIND);
	stun_write_channel(&r.w, number);
	stun_write_xor_address(&r.w, STUN_XOR_PEER_ADDRESS, &a);
	return client_ask(c, &r, &reply);
}

unsigned client_refresh(struct client *c, uint32_t lifetime_s, uint32_t *granted_s)
{
	struct request r;
	struct reply reply;
	request_begin(&r, STUN_REFRESH);
	stun_write_u32(&r.w, STUN_LIFETIME, lifetime_s);
	unsigned code = client_ask(c, &r, &reply);
	if (code == 0 && granted_s)
		*granted_s = reply_u32(&reply, STUN_LIFETIME);
	return code;
}

void client_send(struct client *c, const char *peer, const void *data, size_t len)
{
	struct request r;
	struct addr a = at(peer);
	size_t total;
	crypto_random(r.tid, sizeof(r.tid));
	stun_write_begin(&r.w, r.data, sizeof(r.data), STUN_INDICATION, STUN_SEND, r.tid);
	stun_write_xor_address(&r.w, STUN_XOR_PEER_ADDRESS, &a);
	stun_write_bytes(&r.w, STUN_DATA_ATTR, data, len);
	assert_int_equal(stun_write_end(&r.w, &total), 0);
	wire_from_client(c->f, &c->where, r.data, total);
}

void client_channel(struct client *c, uint16_t number, const void *data, size_t len)
{
	uint8_t message[REQUEST_MAX];
	assert_true(len <= sizeof(message) - STUN_CHANNEL_HEADER_LEN);
	be16_put(message, number);
	be16_put(message + 2, (uint16_t)len);
	if (len > 0)
		memcpy(message + STUN_CHANNEL_HEADER_LEN, data, len);
	wire_from_client(c->f, &c->where, message, len + STUN_CHANNEL_HEADER_LEN);
}

/* ---- what came back ---- */

bool reply_address(const struct reply *r, uint16_t type, unsigned n, struct addr *out)
{
	struct stun_attr a;
	size_t offset = 0;
	while (stun_attr_next(&r->msg, &offset, &a)) {
		if (a.type != type || n-- > 0)
			continue;
		assert_int_equal(stun_attr_xor_address(&r->msg, &a, out), 0);
		return true;
	}
	return false;
}

uint32_t reply_u32(const struct reply *r, uint16_t type)
{
	struct stun_attr a;
	uint32_t v;
	assert_true(stun_attr_find(&r->msg, type, &a));
	assert_int_equal(stun_attr_u32(&a, &v), 0);
	return v;
}

bool reply_has(const struct reply *r, uint16_t type)
{
	struct stun_attr a;
	return stun_attr_find(&r->msg, type, &a);
}

static const struct packet *take_for(struct client *c)
{
	const struct packet *p = wire_take(c->f);
	assert_non_null(p);
	assert_ptr_equal(p->port, c->where.port);
	assert_true(addr_equal(&p->to, &c->where.addr));
	return p;
}

void assert_data(struct client *c, const char *peer, const void *data, size_t len)
{
	const struct packet *p = take_for(c);
	struct addr want = at(peer), got;
	struct stun_attr a;
	struct stun_msg m;

	assert_int_equal(stun_msg_decode(p->data, p->len, &m), 0);
	assert_int_equal(m.class, STUN_INDICATION);
	assert_int_equal(m.method, STUN_DATA);
	assert_true(stun_attr_find(&m, STUN_XOR_PEER_ADDRESS, &a));
	assert_int_equal(stun_attr_xor_address(&m, &a, &got), 0);
	assert_true(addr_equal(&got, &want));
	assert_true(stun_attr_find(&m, STUN_DATA_ATTR, &a));
	assert_int_equal(a.len, len);
	if (len > 0)
		assert_memory_equal(a.value, data, len);
}

void assert_channel(struct client *c, uint16_t number, const void *data, size_t len)
{
	const struct packet *p = take_for(c);
	assert_int_equal(p->len, len + STUN_CHANNEL_HEADER_LEN);
	assert_int_equal(be16_get(p->data), number);
	assert_int_equal(be16_get(p->data + 2), len);
	if (len > 0)
		assert_memory_equal(p->data + STUN_CHANNEL_HEADER_LEN, data, len);
}

void assert_to_peer(struct client *c, const struct addr *relayed, const char *peer,
	const void *data, size_t len)
{
	const struct packet *p = wire_take(c->f);
	struct addr want = at(peer);
	assert_non_null(p);
	assert_true(addr_equal(&p->from, relayed));
	assert_true(addr_equal(&p->to, &want));
	assert_int_equal(p->len, len);
	if (len > 0)
		assert_memory_equal(p->data, data, len);
}

void assert_silence(struct fixture *f)
{
	assert_int_equal(f->n_sent, 0);
}
