/* SPDX-License-Identifier: BSD-3-Clause */
/* The codec of struct turn_state. What is inside belongs together is checked by who uses it. */
#include <errno.h>
#include <stdlib.h>

#include <sallyport/crypto.h>

#include "../turn_priv.h"
#include "state.h"

#define MAGIC          0x53505441u /* "SPTA" */
#define HEADER_LEN     6
#define FIELD_LEN      6
#define ADDR_LEN       23
#define CLIENT_LEN     (2 * ADDR_LEN + 3)
#define RELAY_LEN      (1 + 2 * ADDR_LEN + 4 + 2)
#define ACCOUNT_LEN    (4 * 8 + 4 * 4)
#define DROPS_LEN      (2 * 8) /* of a limit */
#define PERMISSION_LEN (ADDR_LEN + 4)
#define CHANNEL_LEN    (ADDR_LEN + 4 + 2)
#define NAME_MAX_LEN   255 /* of a tenant */

enum field {
	FIELD_IDENTITY = 1, /* id, age, credential's end, granted lifetime */
	FIELD_CLIENT,
	FIELD_RELAY, /* each */
	FIELD_SUBJECT,
	FIELD_JTI,
	FIELD_KID,
	FIELD_KEY,
	FIELD_USERNAME,
	FIELD_TID,
	FIELD_LEASE,
	FIELD_TOKEN,
	FIELD_MISSING,
	FIELD_ACCOUNT,
	FIELD_MOBILE,
	FIELD_PERMISSION, /* each */
	FIELD_CHANNEL,    /* each */
	FIELD_TENANT,
	FIELD_DOOR,
	FIELD_DROPS,    /* by each limit, in their order */
	FIELD_BY_TOKEN, /* empty */
	FIELD_OPTIONAL = 0x8000,
};

/* ---- writing ---- */

/* LEN more bytes, or NULL. */
static uint8_t *extend(struct turn_state_writer *w, size_t len)
{
	if (w->rc == 0 && len > TURN_STATE_MAX - w->len)
		w->rc = ERR_TOO_LARGE;
	if (w->rc != 0)
		return NULL;
	if (w->len + len > w->cap) {
		size_t cap = w->cap ? w->cap : 1024;
		while (cap < w->len + len)
			cap *= 2;
		uint8_t *more = realloc(w->data, cap);
		if (!more) {
			w->rc = -ENOMEM;
			return NULL;
		}
		w->data = more;
		w->cap = cap;
	}
	uint8_t *p = w->data + w->len;
	w->len += len;
	return p;
}

static uint8_t *field(struct turn_state_writer *w, enum field type, size_t len)
{
	uint8_t *p = extend(w, FIELD_LEN + len);

	if (!p)
		return NULL;
	be16_put(p, (uint16_t)type);
	be32_put(p + 2, (uint32_t)len);
	return p + FIELD_LEN;
}

static void field_bytes(struct turn_state_writer *w, enum field type, const void *data, size_t len)
{
	uint8_t *p = field(w, type, len);

	if (p && len > 0)
		memcpy(p, data, len);
}

static uint8_t *put_addr(uint8_t *p, const struct addr *a)
{
	*p++ = a->family;
	memcpy(p, a->ip, sizeof(a->ip));
	be32_put(p + 16, a->scope);
	be16_put(p + 20, a->port);
	return p + ADDR_LEN - 1;
}

static void put_relay(struct turn_state_writer *w, uint8_t slot, const struct turn_state_relay *r)
{
	uint8_t *p = field(w, FIELD_RELAY, RELAY_LEN);

	if (!p)
		return;
	*p++ = slot;
	p = put_addr(p, &r->local);
	p = put_addr(p, &r->advertise);
	be32_put(p, r->left_ms);
	p[4] = r->pool;
	p[5] = r->ports_worker;
}

static void put_account(struct turn_state_writer *w, const struct flow_account *a)
{
	uint8_t *p = field(w, FIELD_ACCOUNT, ACCOUNT_LEN);

	if (!p)
		return;
	for (int d = 0; d < 2; d++) {
		be64_put(p + 8 * d, a->packets[d]);
		be64_put(p + 16 + 8 * d, a->bytes[d]);
		be32_put(p + 32 + 4 * d, a->tokens[d]);
	}
	be32_put(p + 40, a->rate_bytes_s);
	be32_put(p + 44, a->thousandths);
}

static void put_drops(struct turn_state_writer *w, const struct turn_state *st)
{
	uint8_t *p =
		turn_state_has_drops(st) ? field(w, FIELD_DROPS, FLOW_LIMITS * DROPS_LEN) : NULL;

	for (size_t l = 0; p && l < FLOW_LIMITS; l++, p += DROPS_LEN) {
		be64_put(p, st->drops[l].packets);
		be64_put(p + 8, st->drops[l].bytes);
	}
}

static void put_identity(struct turn_state_writer *w, const struct turn_state *st)
{
	uint8_t *p = field(w, FIELD_IDENTITY, 28);

	if (!p)
		return;
	be64_put(p, st->id);
	be64_put(p + 8, st->age_ms);
	be64_put(p + 16, st->refresh_until_s);
	be32_put(p + 24, st->granted_s);
}

static void put_client(struct turn_state_writer *w, const struct turn_state *st)
{
	uint8_t *p = field(w, FIELD_CLIENT, CLIENT_LEN);

	if (!p)
		return;
	p = put_addr(p, &st->client);
	p = put_addr(p, &st->listener);
	p[0] = st->location;
	p[1] = st->transport;
	p[2] = st->is_direct;
}

static void put_mobile(struct turn_state_writer *w, const struct turn_state *st)
{
	uint8_t *p = st->is_mobile ? field(w, FIELD_MOBILE, 4 + STUN_TID_LEN) : NULL;

	if (!p)
		return;
	be16_put(p, st->first_ticket);
	be16_put(p + 2, st->last_ticket);
	memcpy(p + 4, st->move_tid, STUN_TID_LEN);
}

static void put_lease(struct turn_state_writer *w, const struct turn_state *st)
{
	uint8_t *p = field(w, FIELD_LEASE, 3);

	if (!p)
		return;
	p[0] = st->has_tenant_lease;
	p[1] = st->has_subject_lease;
	p[2] = st->has_node_lease;
}

static void put_missing(struct turn_state_writer *w, const struct turn_state *st)
{
	uint8_t *p = st->missing_family ? field(w, FIELD_MISSING, 3) : NULL;

	if (!p)
		return;
	p[0] = st->missing_family;
	be16_put(p + 1, st->missing_code);
}

void turn_state_write(struct turn_state_writer *w, const struct turn_state *st)
{
	uint8_t *p = extend(w, HEADER_LEN);

	if (!p)
		return;
	be32_put(p, MAGIC);
	be16_put(p + 4, TURN_STATE_VERSION);
	put_identity(w, st);
	put_client(w, st);
	for (unsigned i = 0; i < TURN_STATE_RELAYS; i++) {
		if (st->relays[i].is_there)
			put_relay(w, (uint8_t)i, &st->relays[i]);
	}
	field_bytes(w, FIELD_SUBJECT, st->subject, sizeof(st->subject));
	field_bytes(w, FIELD_JTI, st->jti, sizeof(st->jti));
	field_bytes(w, FIELD_KID, st->kid, strlen(st->kid));
	field_bytes(w, FIELD_KEY, st->key.bytes, st->key.len);
	field_bytes(w, FIELD_USERNAME, st->username.data, st->username.len);
	field_bytes(w, FIELD_TID, st->tid, sizeof(st->tid));
	field_bytes(w, FIELD_TENANT, st->tenant.data, st->tenant.len);
	field_bytes(w, FIELD_DOOR, st->door.data, st->door.len);
	if (st->is_by_token)
		field_bytes(w, FIELD_BY_TOKEN, NULL, 0);
	if (st->has_node_lease || st->has_tenant_lease || st->has_subject_lease)
		put_lease(w, st);
	if (st->has_token)
		field_bytes(w, FIELD_TOKEN, st->token, sizeof(st->token));
	put_missing(w, st);
	put_drops(w, st);
	put_account(w, &st->account);
	put_mobile(w, st);
}

void turn_state_write_permission(struct turn_state_writer *w, const struct turn_state_permission *e)
{
	uint8_t *p = field(w, FIELD_PERMISSION, PERMISSION_LEN);

	if (p)
		be32_put(put_addr(p, &e->peer), e->left_ms);
}

void turn_state_write_channel(struct turn_state_writer *w, const struct turn_state_channel *e)
{
	uint8_t *p = field(w, FIELD_CHANNEL, CHANNEL_LEN);

	if (!p)
		return;
	p = put_addr(p, &e->peer);
	be32_put(p, e->left_ms);
	be16_put(p + 4, e->number);
}

int turn_state_write_end(struct turn_state_writer *w)
{
	return w->rc;
}

/* ---- reading ---- */

/* There is one spelling of each address, and hash tables rely on that. */
static bool get_addr(const uint8_t *p, struct addr *out)
{
	static const uint8_t mapped[12] = {[10] = 0xff, [11] = 0xff};
	bool is_mapped = memcmp(p + 1, mapped, sizeof(mapped)) == 0;

	*out = (struct addr){.scope = be32_get(p + 17), .port = be16_get(p + 21), .family = p[0]};
	memcpy(out->ip, p + 1, sizeof(out->ip));
	return is_mapped ? out->family == ADDR_IPV4 && out->scope == 0 : out->family == ADDR_IPV6;
}

static bool get_identity(const uint8_t *p, size_t len, struct turn_state *st)
{
	(void)len;
	st->id = be64_get(p);
	st->age_ms = be64_get(p + 8);
	st->refresh_until_s = be64_get(p + 16);
	st->granted_s = be32_get(p + 24);
	return true;
}

static bool get_client(const uint8_t *p, size_t len, struct turn_state *st)
{
	(void)len;
	st->location = p[2 * ADDR_LEN];
	st->transport = p[2 * ADDR_LEN + 1];
	st->is_direct = p[2 * ADDR_LEN + 2];
	/* One bit each. */
	return get_addr(p, &st->client) && get_addr(p + ADDR_LEN, &st->listener) && st->location &&
	       !(st->location & (st->location - 1)) && st->transport &&
	       !(st->transport & (st->transport - 1)) && p[2 * ADDR_LEN + 2] <= 1;
}

static bool get_relay(const uint8_t *p, size_t len, struct turn_state *st)
{
	struct turn_state_relay *r = &st->relays[p[0] & 1];

	(void)len;
	if (p[0] >= TURN_STATE_RELAYS || r->is_there)
		return false;
	r->is_there = true;
	r->left_ms = be32_get(p + 1 + 2 * ADDR_LEN);
	r->pool = p[RELAY_LEN - 2];
	r->ports_worker = p[RELAY_LEN - 1];
	return get_addr(p + 1, &r->local) && get_addr(p + 1 + ADDR_LEN, &r->advertise) &&
	       (r->local.family == ADDR_IPV6) == p[0] && r->advertise.family == r->local.family;
}

static bool get_subject(const uint8_t *p, size_t len, struct turn_state *st)
{
	memcpy(st->subject, p, len);
	return true;
}

static bool get_jti(const uint8_t *p, size_t len, struct turn_state *st)
{
	memcpy(st->jti, p, len);
	return true;
}

static bool get_kid(const uint8_t *p, size_t len, struct turn_state *st)
{
	memcpy(st->kid, p, len);
	return memchr(p, 0, len) == NULL;
}

static bool get_key(const uint8_t *p, size_t len, struct turn_state *st)
{
	memcpy(st->key.bytes, p, len);
	st->key.len = (uint8_t)len;
	return true;
}

static bool get_username(const uint8_t *p, size_t len, struct turn_state *st)
{
	st->username = bytes_of(p, len);
	return true;
}

static bool get_tid(const uint8_t *p, size_t len, struct turn_state *st)
{
	memcpy(st->tid, p, len);
	return true;
}

static bool get_lease(const uint8_t *p, size_t len, struct turn_state *st)
{
	uint8_t node = len > 2 ? p[2] : 0;

	st->has_tenant_lease = p[0];
	st->has_subject_lease = p[1];
	st->has_node_lease = node;
	return p[0] <= 1 && p[1] <= 1 && node <= 1 && p[0] + p[1] + node > 0;
}

static bool get_tenant(const uint8_t *p, size_t len, struct turn_state *st)
{
	st->tenant = bytes_of(p, len);
	return true;
}

static bool get_door(const uint8_t *p, size_t len, struct turn_state *st)
{
	st->door = bytes_of(p, len);
	return true;
}

static bool get_by_token(const uint8_t *p, size_t len, struct turn_state *st)
{
	(void)p;
	(void)len;
	st->is_by_token = true;
	return true;
}

static bool get_token(const uint8_t *p, size_t len, struct turn_state *st)
{
	memcpy(st->token, p, len);
	st->has_token = true;
	return true;
}

static bool get_missing(const uint8_t *p, size_t len, struct turn_state *st)
{
	(void)len;
	st->missing_family = p[0];
	st->missing_code = be16_get(p + 1);
	return (p[0] == 1 || p[0] == 2) && st->missing_code >= 300 && st->missing_code < 700;
}

static bool get_account(const uint8_t *p, size_t len, struct turn_state *st)
{
	struct flow_account *a = &st->account;

	(void)len;
	for (int d = 0; d < 2; d++) {
		a->packets[d] = be64_get(p + 8 * d);
		a->bytes[d] = be64_get(p + 16 + 8 * d);
		a->tokens[d] = be32_get(p + 32 + 4 * d);
	}
	a->rate_bytes_s = be32_get(p + 40);
	a->thousandths = be32_get(p + 44);
	return a->thousandths < 1000;
}

static bool get_drops(const uint8_t *p, size_t len, struct turn_state *st)
{
	for (size_t l = 0; l < len / DROPS_LEN; l++, p += DROPS_LEN)
		st->drops[l] = (struct flow_drops){be64_get(p), be64_get(p + 8)};
	return len % DROPS_LEN == 0;
}

static bool get_mobile(const uint8_t *p, size_t len, struct turn_state *st)
{
	(void)len;
	st->is_mobile = true;
	st->first_ticket = be16_get(p);
	st->last_ticket = be16_get(p + 2);
	memcpy(st->move_tid, p + 4, STUN_TID_LEN);
	return true;
}

/* The two lists are only judged here and read when they are wanted. */
static bool get_permission(const uint8_t *p, size_t len, struct turn_state *st)
{
	struct addr peer;

	(void)len;
	(void)st;
	return get_addr(p, &peer) && be32_get(p + ADDR_LEN) <= TURN_PERMISSION_MS;
}

static bool get_channel(const uint8_t *p, size_t len, struct turn_state *st)
{
	uint16_t number = be16_get(p + ADDR_LEN + 4);
	struct addr peer;

	(void)len;
	(void)st;
	return get_addr(p, &peer) && be32_get(p + ADDR_LEN) <= TURN_CHANNEL_MS &&
	       number >= STUN_CHANNEL_MIN && number <= STUN_CHANNEL_MAX;
}

static const struct {
	size_t min, max;
	bool is_needed, is_many;
	bool (*get)(const uint8_t *p, size_t len, struct turn_state *st);
} fields[] = {
	[FIELD_IDENTITY] = {28, 28, true, false, get_identity},
	[FIELD_CLIENT] = {CLIENT_LEN, CLIENT_LEN, true, false, get_client},
	[FIELD_RELAY] = {RELAY_LEN, RELAY_LEN, true, true, get_relay},
	[FIELD_SUBJECT] = {AUTH_SUBJECT_LEN, AUTH_SUBJECT_LEN, true, false, get_subject},
	[FIELD_JTI] = {AUTH_JTI_LEN, AUTH_JTI_LEN, true, false, get_jti},
	[FIELD_KID] = {0, AUTH_KID_LEN, true, false, get_kid},
	[FIELD_KEY] = {1, STUN_KEY_MAX, true, false, get_key},
	[FIELD_USERNAME] = {1, TURN_USERNAME_MAX, true, false, get_username},
	[FIELD_TID] = {STUN_TID_LEN, STUN_TID_LEN, true, false, get_tid},
	[FIELD_LEASE] = {2, 3, false, false, get_lease},
	[FIELD_TOKEN] = {TURN_TOKEN_LEN, TURN_TOKEN_LEN, false, false, get_token},
	[FIELD_MISSING] = {3, 3, false, false, get_missing},
	[FIELD_ACCOUNT] = {ACCOUNT_LEN, ACCOUNT_LEN, true, false, get_account},
	[FIELD_DROPS] = {DROPS_LEN, FLOW_LIMITS *DROPS_LEN, false, false, get_drops},
	[FIELD_MOBILE] = {4 + STUN_TID_LEN, 4 + STUN_TID_LEN, false, false, get_mobile},
	[FIELD_PERMISSION] = {PERMISSION_LEN, PERMISSION_LEN, false, true, get_permission},
	[FIELD_CHANNEL] = {CHANNEL_LEN, CHANNEL_LEN, false, true, get_channel},
	[FIELD_TENANT] = {1, NAME_MAX_LEN, true, false, get_tenant},
	[FIELD_DOOR] = {1, NAME_MAX_LEN, true, false, get_door},
	[FIELD_BY_TOKEN] = {0, 0, false, false, get_by_token},
};
_Static_assert(ARRAY_LEN(fields) <= 64, "read_all keeps what it has seen in 64 bits");

/* The field at *OFFSET, whole; false at the end, or when what is left is no field. */
static bool next_field(struct bytes all, size_t *offset, uint16_t *type, struct bytes *value)
{
	size_t left = all.len - *offset;

	if (left < FIELD_LEN)
		return false;
	const uint8_t *p = all.data + *offset;
	size_t len = be32_get(p + 2);
	if (len > left - FIELD_LEN)
		return false;
	*type = be16_get(p);
	*value = bytes_of(p + FIELD_LEN, len);
	*offset += FIELD_LEN + len;
	return true;
}

static int read_field(uint16_t type, struct bytes v, uint64_t *seen, struct turn_state *st)
{
	if (type >= FIELD_OPTIONAL)
		return 0;
	if (type >= ARRAY_LEN(fields) || !fields[type].get)
		return ERR_UNSUPPORTED;
	if (v.len < fields[type].min || v.len > fields[type].max ||
		(*seen >> type & 1 && !fields[type].is_many))
		return ERR_MALFORMED;
	*seen |= (uint64_t)1 << type;
	return fields[type].get(v.data, v.len, st) ? 0 : ERR_MALFORMED;
}

static int read_all(struct turn_state *st)
{
	uint64_t seen = 0;
	size_t offset = 0;
	uint16_t type;
	struct bytes value;

	while (next_field(st->fields, &offset, &type, &value)) {
		int rc = read_field(type, value, &seen, st);
		if (rc != 0)
			return rc;
	}
	if (offset != st->fields.len)
		return ERR_TRUNCATED;
	for (size_t i = 0; i < ARRAY_LEN(fields); i++) {
		if (fields[i].is_needed && !(seen >> i & 1))
			return ERR_MALFORMED;
	}
	return 0;
}

int turn_state_read(struct bytes data, struct turn_state *out)
{
	struct turn_state st = {0};

	if (data.len > TURN_STATE_MAX)
		return ERR_TOO_LARGE;
	if (data.len < HEADER_LEN)
		return ERR_TRUNCATED;
	if (be32_get(data.data) != MAGIC)
		return ERR_MALFORMED;
	if (be16_get(data.data + 4) != TURN_STATE_VERSION)
		return ERR_UNSUPPORTED;
	st.fields = bytes_of(data.data + HEADER_LEN, data.len - HEADER_LEN);
	int rc = read_all(&st);
	if (rc == 0)
		*out = st;
	crypto_wipe(&st.key, sizeof(st.key));
	return rc;
}

static const uint8_t *next_of(const struct turn_state *st, size_t *offset, enum field wanted)
{
	uint16_t type;
	struct bytes value;

	while (next_field(st->fields, offset, &type, &value)) {
		if (type == wanted)
			return value.data;
	}
	return NULL;
}

bool turn_state_next_permission(
	const struct turn_state *st, size_t *offset, struct turn_state_permission *out)
{
	const uint8_t *p = next_of(st, offset, FIELD_PERMISSION);

	if (!p)
		return false;
	out->left_ms = be32_get(p + ADDR_LEN);
	return get_addr(p, &out->peer);
}

bool turn_state_next_channel(
	const struct turn_state *st, size_t *offset, struct turn_state_channel *out)
{
	const uint8_t *p = next_of(st, offset, FIELD_CHANNEL);

	if (!p)
		return false;
	out->left_ms = be32_get(p + ADDR_LEN);
	out->number = be16_get(p + ADDR_LEN + 4);
	return get_addr(p, &out->peer);
}
