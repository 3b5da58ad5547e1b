/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * What all authenticated requests share: integrity, nonce and credential on the way in; challenge,
 * refusal and integrity on the way out.
 */
#include <sallyport/crypto.h>

#include "turn_priv.h"

void turn_origin_wipe(struct turn_origin *o)
{
	crypto_wipe(&o->key, sizeof(o->key));
	crypto_wipe(&o->hmac, sizeof(o->hmac));
}

/* ---- answers ---- */

bool turn_answer_begin(struct turn_server *s, const struct turn_origin *o, enum stun_class class,
	struct turn_answer *a)
{
	a->server = s;
	a->origin = o;
	a->buf = net_buf_get(s->config.net);
	if (!a->buf) {
		turn_count(s, TURN_C_NO_BUFFER);
		return false;
	}
	stun_write_begin(&a->w, a->buf->data, TURN_MTU_ANSWER, class, o->method, o->tid);
	return true;
}

void turn_answer_send(struct turn_answer *a)
{
	const char *software = a->server->snapshot->config.software;
	size_t len;

	/* A challenge stays small: it may go to an address that never asked. */
	if (software && a->origin->is_signed)
		stun_write_bytes(&a->w, STUN_SOFTWARE, software, strlen(software));
	if (a->origin->is_signed)
		stun_write_integrity(&a->w, a->origin->integrity, &a->origin->hmac);
	if (a->origin->has_fingerprint)
		stun_write_fingerprint(&a->w);
	if (stun_write_end(&a->w, &len) != 0) {
		net_buf_put(a->server->config.net, a->buf);
		turn_count(a->server, TURN_C_NO_BUFFER);
		return;
	}
	a->buf->len = (uint32_t)len;
	a->buf->addr = a->origin->client.addr;
	net_port_send(a->origin->client.port, a->buf);
}

/* ---- refusals ---- */

static unsigned counter_of(unsigned code)
{
	switch (code) {
	case STUN_BAD_REQUEST:
		return TURN_C_REFUSED_400;
	case STUN_UNAUTHORIZED:
		return TURN_C_REFUSED_401;
	case STUN_FORBIDDEN:
		return TURN_C_REFUSED_403;
	case STUN_MOBILITY_FORBIDDEN:
		return TURN_C_REFUSED_405;
	case STUN_UNKNOWN_ATTRIBUTE:
		return TURN_C_REFUSED_420;
	case STUN_ALLOCATION_MISMATCH:
		return TURN_C_REFUSED_437;
	case STUN_STALE_NONCE:
		return TURN_C_STALE_NONCE;
	case STUN_FAMILY_NOT_SUPPORTED:
		return TURN_C_REFUSED_440;
	case STUN_WRONG_CREDENTIALS:
		return TURN_C_REFUSED_441;
	case STUN_TRANSPORT_NOT_SUPPORTED:
		return TURN_C_REFUSED_442;
	case STUN_FAMILY_MISMATCH:
		return TURN_C_REFUSED_443;
	case STUN_CONNECTION_EXISTS:
		return TURN_C_REFUSED_446;
	case STUN_CONNECTION_TIMEOUT:
		return TURN_C_REFUSED_447;
	case STUN_QUOTA_REACHED:
		return TURN_C_REFUSED_486;
	case STUN_INSUFFICIENT_CAPACITY:
		return TURN_C_REFUSED_508;
	default:
		return TURN_C_REFUSED_500;
	}
}

static void log_limited(struct turn_server *s, enum turn_reply kind, const struct addr *source)
{
	static const enum turn_burst_kind burst[] = {
		[TURN_REPLY_CHALLENGE] = TURN_BURST_CHALLENGES,
		[TURN_REPLY_BINDING] = TURN_BURST_BINDINGS,
	};
	static const char *const option[] = {
		[TURN_REPLY_CHALLENGE] = "challenge_rate",
		[TURN_REPLY_BINDING] = "binding_rate",
	};
	char name[LOG_NAME_LEN];

	if (turn_bursts_prefix(&s->bursts, burst[kind], source))
		log_warning(LOG_TURN, "answers dropped",
			"prefix=%s limit=%s worker=%u hint=\"a flood, or a network of very many "
			"clients: then raise edge.limits.%s\"",
			turn_burst_prefix_name(source, name), option[kind], s->config.worker,
			option[kind]);
}

/*
 * The key of the 5-tuple's allocation signed it: its nonce has run out, or it asks for what cannot
 * be had, but it is no stranger.
 */
static bool is_known(struct turn_request *req)
{
	const struct turn_alloc *a = req->alloc;
	struct crypto_hmac_key k;

	if (!a || (!req->msg.integrity && !req->msg.integrity_sha256))
		return false;
	crypto_hmac_key_init(&k, req->origin.integrity, a->key.bytes, a->key.len);
	bool is_right = stun_msg_check_integrity(&req->msg, req->origin.integrity, &k);
	crypto_wipe(&k, sizeof(k));
	return is_right;
}

/* The workers share the rate evenly. A connection's address is nobody else's. */
bool turn_request_may_answer(struct turn_request *req, enum turn_reply kind)
{
	struct turn_server *s = req->server;
	const struct turn_config *c = &s->snapshot->config;
	const struct addr *source = &req->origin.client.addr;
	uint32_t rate = kind == TURN_REPLY_BINDING ? c->binding_rate : c->challenge_rate;

	if (rate == 0 || req->origin.client.transport != AUTH_UDP)
		return true;
	if (turn_replies_pass(s->replies, kind, source,
		    UINT64_C(1000000000) * s->config.n_workers / rate, turn_now_ms(s)))
		return true;
	if (is_known(req))
		return true;
	turn_count(
		s, kind == TURN_REPLY_BINDING ? TURN_C_LIMITED_BINDING : TURN_C_LIMITED_CHALLENGE);
	log_limited(s, kind, source);
	return false;
}

/* RFC 8489 §9.2.5: a challenge names the realm, a fresh nonce and the password algorithms. */
static void write_challenge(
	struct turn_server *s, const struct turn_origin *o, struct stun_writer *w)
{
	static const uint16_t algorithms[] = {STUN_PASSWORD_SHA256, STUN_PASSWORD_MD5};
	const struct auth_snapshot *auth = o->door->auth;
	const char *realm = auth_snapshot_realm(auth);
	char nonce[AUTH_NONCE_LEN + 1];

	auth_nonce_make(auth, &o->client.addr, turn_now_s(s), nonce);
	stun_write_bytes(w, STUN_REALM, realm, strlen(realm));
	stun_write_bytes(w, STUN_NONCE, nonce, AUTH_NONCE_LEN);
	if (auth_snapshot_sha256(auth))
		stun_write_password_algorithms(w, algorithms, ARRAY_LEN(algorithms));
	const char *server = auth_snapshot_token_server(auth);
	if (server)
		stun_write_bytes(w, STUN_THIRD_PARTY_AUTHORIZATION, server, strlen(server));
}

static void answer_refusal(
	struct turn_server *s, const struct turn_origin *o, struct stun_refusal r)
{
	struct turn_answer a;

	if (!turn_answer_begin(s, o, STUN_ERROR, &a))
		return;
	stun_write_error(&a.w, r.code, r.reason);
	if (r.code == STUN_UNAUTHORIZED || r.code == STUN_STALE_NONCE)
		write_challenge(s, o, &a.w);
	turn_answer_send(&a);
}

void turn_origin_refuse(struct turn_server *s, const struct turn_origin *o, struct stun_refusal r)
{
	turn_count(s, counter_of(r.code));
	turn_tenant_count(s, o->tenant, TURN_T_REFUSED, 1);
	answer_refusal(s, o, r);
}

void turn_request_refuse(struct turn_request *req, struct stun_refusal r)
{
	/* Every client's first request comes without credentials: a challenge, not a failure. */
	bool is_first =
		r.code == STUN_UNAUTHORIZED && !req->msg.integrity && !req->msg.integrity_sha256;

	if (!req->origin.is_signed && !turn_request_may_answer(req, TURN_REPLY_CHALLENGE))
		return;
	turn_count(req->server, is_first ? TURN_C_CHALLENGE : counter_of(r.code));
	if (!is_first && r.code != STUN_STALE_NONCE)
		turn_tenant_count(req->server, req->origin.tenant, TURN_T_REFUSED, 1);
	/* It may be nobody's: the bytes that only people read are left out. */
	if (is_first)
		r.reason = "";
	answer_refusal(req->server, &req->origin, r);
}

/* ---- authentication ---- */

/*
 * The attributes of RFC 8489 §9.2.4. With password algorithms on offer a client that names its
 * choice must repeat the offer whole, so that nobody in between can have shortened it.
 */
static struct stun_refusal read_algorithm(
	const struct turn_request *req, bool is_offered, enum stun_password_algorithm *out)
{
	struct stun_attr choice, offer;
	bool has_choice = stun_attr_find(&req->msg, STUN_PASSWORD_ALGORITHM, &choice);
	bool has_offer = stun_attr_find(&req->msg, STUN_PASSWORD_ALGORITHMS, &offer);
	struct stun_password_entry chosen, list[2];
	size_t n;

	*out = STUN_PASSWORD_MD5;
	if (!is_offered || (!has_choice && !has_offer))
		return TURN_GRANTED;
	if (!has_choice || !has_offer || stun_attr_password_algorithm(&choice, &chosen) != 0 ||
		stun_attr_password_algorithms(&offer, list, ARRAY_LEN(list), &n) != 0)
		return turn_refuse(STUN_BAD_REQUEST);
	if (n != 2 || list[0].algorithm != STUN_PASSWORD_SHA256 ||
		list[1].algorithm != STUN_PASSWORD_MD5)
		return turn_refuse(STUN_BAD_REQUEST);
	if (chosen.algorithm != STUN_PASSWORD_SHA256 && chosen.algorithm != STUN_PASSWORD_MD5)
		return turn_refuse(STUN_BAD_REQUEST);
	*out = chosen.algorithm;
	return TURN_GRANTED;
}

/* Tokens count where there are keys to open them with; elsewhere they are not understood. */
static bool takes_tokens(const struct turn_request *req)
{
	return auth_snapshot_token_server(req->origin.door->auth) != NULL;
}

static bool find_token(const struct turn_request *req, struct bytes *out)
{
	struct stun_attr a;

	if (!takes_tokens(req) || !stun_attr_find(&req->msg, STUN_ACCESS_TOKEN, &a))
		return false;
	*out = bytes_of(a.value, a.len);
	return true;
}

/* Is the stored key the one this request claims to be signed with? */
static bool has_stored_key(const struct turn_request *req, enum stun_password_algorithm algorithm)
{
	const struct turn_alloc *a = req->alloc;
	size_t len = algorithm == STUN_PASSWORD_SHA256 ? CRYPTO_SHA256_LEN : CRYPTO_MD5_LEN;
	struct bytes token;

	/* A token's key is one session's; the name beside it says nothing. */
	if (a && a->is_by_token)
		return !find_token(req, &token);
	return a && a->key.len == len &&
	       bytes_equal(req->username, bytes_of(a->username, a->username_len));
}

/* The key that made the allocation: no look-up, no derivation. */
static struct stun_refusal check_stored_key(struct turn_request *req)
{
	struct turn_alloc *a = req->alloc;
	struct turn_origin *o = &req->origin;

	crypto_hmac_key_init(&o->hmac, o->integrity, a->key.bytes, a->key.len);
	if (!stun_msg_check_integrity(&req->msg, o->integrity, &o->hmac))
		return turn_refuse(STUN_UNAUTHORIZED);
	o->key = a->key;
	o->is_signed = true;
	return TURN_GRANTED;
}

static void log_refused(struct turn_request *req, enum auth_reason why)
{
	struct turn_server *s = req->server;
	char prefix[LOG_NAME_LEN], name[LOG_NAME_LEN];

	if (turn_bursts_prefix(&s->bursts, TURN_BURST_CREDENTIALS, &req->origin.client.addr))
		log_info(LOG_AUTH, "credential refused", "reason=%s prefix=%s username=%s",
			auth_reason_text(why),
			turn_burst_prefix_name(&req->origin.client.addr, prefix),
			log_name(req->username.data, req->username.len, name));
}

static struct stun_refusal check_credential(
	struct turn_request *req, enum stun_password_algorithm algorithm)
{
	struct turn_server *s = req->server;
	struct auth_query q = {
		.msg = &req->msg,
		.integrity = req->origin.integrity,
		.algorithm = algorithm,
		.username = req->username,
		.realm = auth_snapshot_realm(req->origin.door->auth),
		.location = req->origin.client.location,
		.transport = req->origin.client.transport,
		.is_running = turn_request_has_ticket(&req->msg) ||
			      req->msg.method == STUN_CONNECTION_BIND,
		.now_s = turn_now_s(s),
	};

	q.has_token = find_token(req, &q.token);
	req->tenant = turn_tenant_of(req->origin.door, req->username);
	req->origin.tenant = req->tenant->id;
	enum auth_reason why = auth_check(req->tenant->auth, &q, &req->grant);
	unsigned code = auth_reason_code(why);

	if (why != AUTH_OK) {
		turn_count(s, TURN_C_AUTH_FAILURE + (unsigned)why - 1);
		log_refused(req, why);
	}
	if (why != AUTH_OK && code != STUN_FORBIDDEN)
		return turn_refuse(code);
	/* The password was right. A refusal is signed as well: clients throw others away. */
	req->origin.key = req->grant.key;
	req->origin.hmac = req->grant.hmac;
	req->origin.is_signed = true;
	return turn_refuse(code);
}

/*
 * RFC 8656 §5: who has authenticated under another name has no say on a living allocation. Behind
 * tokens there are no names: who has one and the 5-tuple goes on with its key, for as long as it
 * lasts (RFC 7635 §9).
 */
static struct stun_refusal check_owner(const struct turn_request *req)
{
	struct turn_alloc *a = req->alloc;
	bool is_by_token = req->grant.form == AUTH_FORM_TOKEN;

	if (!a || req->msg.method == STUN_ALLOCATE)
		return TURN_GRANTED;
	if (a->is_by_token && is_by_token) {
		a->key = req->grant.key;
		a->refresh_until_s = req->grant.refresh_until_s;
		return TURN_GRANTED;
	}
	if (!a->is_by_token && !is_by_token &&
		bytes_equal(req->username, bytes_of(a->username, a->username_len)))
		return TURN_GRANTED;
	return turn_refuse(STUN_WRONG_CREDENTIALS);
}

/* TURN does not allow a truncated HMAC-SHA-256 (RFC 8489 §14.6 leaves that to the usage). */
static bool is_whole(const struct turn_request *req)
{
	struct stun_attr mac;

	return !stun_attr_find(&req->msg, STUN_MESSAGE_INTEGRITY_SHA256, &mac) ||
	       mac.len == CRYPTO_SHA256_LEN;
}

struct stun_refusal turn_request_authenticate(struct turn_request *req)
{
	const struct auth_snapshot *auth = req->origin.door->auth;
	struct stun_attr username, realm, nonce;
	struct bytes text;
	enum stun_password_algorithm algorithm;
	uint32_t features = 0;

	if (req->msg.integrity == 0 && req->msg.integrity_sha256 == 0)
		return turn_refuse(STUN_UNAUTHORIZED);
	req->origin.integrity = req->msg.integrity_sha256 ? CRYPTO_SHA256 : CRYPTO_SHA1;
	if (!stun_attr_find(&req->msg, STUN_NONCE, &nonce) ||
		!stun_attr_find(&req->msg, STUN_REALM, &realm) || !is_whole(req))
		return turn_refuse(STUN_BAD_REQUEST);
	if (!stun_attr_find(&req->msg, STUN_USERNAME, &username)) {
		/* A user hash cannot be turned back into a name by a server that keeps no list of
		 * users. */
		struct stun_attr hash;
		return turn_refuse(stun_attr_find(&req->msg, STUN_USERHASH, &hash)
					   ? STUN_UNAUTHORIZED
					   : STUN_BAD_REQUEST);
	}
	if (stun_attr_text(&username, &req->username) != 0)
		return turn_refuse(STUN_BAD_REQUEST);
	/* Another server's nonce may be any bytes; here it is a stale one. */
	if (stun_attr_text(&nonce, &text) != 0)
		return turn_refuse(STUN_STALE_NONCE);
	bool is_offered = stun_nonce_cookie_read(text, &features) &&
			  (features & STUN_FEATURE_PASSWORD_ALGORITHMS);
	struct stun_refusal r = read_algorithm(req, is_offered, &algorithm);
	if (r.code != 0)
		return r;
	if (!auth_nonce_check(auth, &req->origin.client.addr, turn_now_s(req->server), text))
		return turn_refuse(STUN_STALE_NONCE);
	if (stun_attr_text(&realm, &text) != 0 ||
		!bytes_equal(text, bytes_str(auth_snapshot_realm(auth))))
		return turn_refuse(STUN_UNAUTHORIZED);
	if (has_stored_key(req, algorithm))
		return check_stored_key(req);
	r = check_credential(req, algorithm);
	return r.code != 0 ? r : check_owner(req);
}

/* ---- comprehension ---- */

/*
 * Comprehension-required attributes that the served methods define, in whatever message: those that
 * have no place in a request are ignored there (RFC 8489 §6.3).
 */
static bool is_understood(const struct turn_request *req, uint16_t type)
{
	switch (type) {
	case STUN_MAPPED_ADDRESS:
	case STUN_XOR_MAPPED_ADDRESS:
	case STUN_XOR_RELAYED_ADDRESS:
	case STUN_ERROR_CODE:
	case STUN_UNKNOWN_ATTRIBUTES:
	case STUN_DATA_ATTR:
	case STUN_USERNAME:
	case STUN_REALM:
	case STUN_NONCE:
	case STUN_USERHASH:
	case STUN_PASSWORD_ALGORITHM:
	case STUN_MESSAGE_INTEGRITY:
	case STUN_MESSAGE_INTEGRITY_SHA256:
	case STUN_CHANNEL_NUMBER:
	case STUN_LIFETIME:
	case STUN_XOR_PEER_ADDRESS:
	case STUN_REQUESTED_ADDRESS_FAMILY:
	case STUN_EVEN_PORT:
	case STUN_REQUESTED_TRANSPORT:
	case STUN_DONT_FRAGMENT:
	case STUN_RESERVATION_TOKEN:
	case STUN_CONNECTION_ID:
		return true;
	case STUN_ACCESS_TOKEN:
		return takes_tokens(req);
	case STUN_CHANGE_REQUEST:
	case STUN_RESPONSE_PORT:
	case STUN_PADDING:
		return turn_binding_takes_wishes(req);
	default:
		return type >= 0x8000;
	}
}

bool turn_request_is_understood(
	const struct turn_request *req, uint16_t *types, size_t cap, size_t *n_types)
{
	struct stun_attr a;
	size_t offset = 0;
	size_t n = 0;

	while (n < cap && stun_attr_next(&req->msg, &offset, &a)) {
		if (!is_understood(req, a.type))
			types[n++] = a.type;
	}
	*n_types = n;
	return n == 0;
}
