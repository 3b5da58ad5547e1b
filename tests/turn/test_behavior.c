/* SPDX-License-Identifier: BSD-3-Clause */
/* Behaviour discovery, RFC 5780: where answers leave from, where they go, what they say and how
 * long they are. */
#include <stdlib.h>
#include <string.h>

#include "client.h"

#define PLACES TURN_BEHAVIOR_PLACES

/* By address and port, and as a NAT in front of the node shows them. */
static const char *const local[PLACES] = {
	LISTENER4, "203.0.113.1:3479", "203.0.113.2:3478", "203.0.113.2:3479"};
static const char *const advertised[PLACES] = {
	"198.51.100.1:3478", "198.51.100.1:13479", "198.51.100.2:3478", "198.51.100.2:13479"};

struct box {
	struct fixture *f;
	struct turn_behavior behavior;
	struct net_port *ports[PLACES];
	struct client c;
};

static int setup(void **state)
{
	struct box *b = calloc(1, sizeof(*b));
	struct fixture_config c;
	assert_non_null(b);
	fixture_defaults(&c);
	for (size_t i = 0; i < PLACES; i++) {
		b->behavior.local[i] = at(local[i]);
		b->behavior.advertise[i] = at(advertised[i]);
	}
	c.turn.behaviors = &b->behavior;
	c.turn.n_behaviors = 1;
	b->f = fixture_create(&c);
	b->ports[0] = b->f->listener4;
	for (size_t i = 1; i < PLACES; i++)
		b->ports[i] = wire_listen(b->f, local[i]);
	client_init(&b->c, b->f, "192.0.2.7:40001");
	*state = b;
	return 0;
}

static int teardown(void **state)
{
	struct box *b = *state;
	fixture_destroy(b->f);
	free(b);
	return 0;
}

/* What came back; the only packet. NULL: nothing. */
static const struct packet *ask(struct box *b, struct request *r, struct stun_msg *m)
{
	size_t len;
	assert_int_equal(stun_write_end(&r->w, &len), 0);
	wire_from_client(b->f, &b->c.where, r->data, len);
	const struct packet *p = wire_take(b->f);
	assert_int_equal(b->f->n_sent, 0);
	if (!p)
		return NULL;
	assert_int_equal(stun_msg_decode(p->data, p->len, m), 0);
	assert_memory_equal(m->tid, r->tid, STUN_TID_LEN);
	return p;
}

static void assert_address(const struct stun_msg *m, uint16_t type, const char *want)
{
	struct stun_attr a;
	struct addr found, wanted = at(want);
	assert_true(stun_attr_find(m, type, &a));
	assert_int_equal(stun_attr_address(&a, &found), 0);
	assert_true(addr_equal(&found, &wanted));
}

static void assert_mapped(const struct box *b, const struct stun_msg *m)
{
	struct stun_attr a;
	struct addr found;
	assert_true(stun_attr_find(m, STUN_XOR_MAPPED_ADDRESS, &a));
	assert_int_equal(stun_attr_xor_address(m, &a, &found), 0);
	assert_true(addr_equal(&found, &b->c.where.addr));
}

static void assert_code(const struct stun_msg *m, uint16_t want)
{
	struct stun_attr a;
	struct bytes reason;
	uint16_t code;
	assert_int_equal(m->class, STUN_ERROR);
	assert_true(stun_attr_find(m, STUN_ERROR_CODE, &a));
	assert_int_equal(stun_attr_error(&a, &code, &reason), 0);
	assert_int_equal(code, want);
}

/* RFC 5780 §6.1, table 1 */
static void the_answer_leaves_from_where_the_request_says(void **state)
{
	static const uint32_t flags[PLACES] = {0, 2, 4, 6}; /* port, address, both */
	struct box *b = *state;
	for (unsigned place = 0; place < PLACES; place++) {
		for (unsigned change = 0; change < PLACES; change++) {
			struct request r;
			struct stun_msg m;
			b->c.where.port = b->ports[place];
			request_begin(&r, STUN_BINDING);
			stun_write_u32(&r.w, STUN_CHANGE_REQUEST, flags[change]);

			const struct packet *p = ask(b, &r, &m);
			assert_non_null(p);
			assert_ptr_equal(p->port, b->ports[place ^ change]);
			assert_true(addr_equal(&p->to, &b->c.where.addr));
			assert_address(&m, STUN_RESPONSE_ORIGIN, advertised[place ^ change]);
			assert_address(&m, STUN_OTHER_ADDRESS, advertised[place ^ 3]);
			assert_mapped(b, &m);
		}
	}
	assert_int_equal(fixture_count(b->f, TURN_C_BINDING), 16);
	assert_int_equal(fixture_count(b->f, TURN_C_BINDING_CHANGED), 12);
}

static void a_plain_request_hears_of_the_other_address(void **state)
{
	struct box *b = *state;
	struct request r;
	struct stun_msg m;
	request_begin(&r, STUN_BINDING);
	stun_write_fingerprint(&r.w);

	const struct packet *p = ask(b, &r, &m);
	assert_ptr_equal(p->port, b->ports[0]);
	assert_address(&m, STUN_RESPONSE_ORIGIN, advertised[0]);
	assert_address(&m, STUN_OTHER_ADDRESS, advertised[3]);
	assert_int_not_equal(m.fingerprint, 0);
}

/* RFC 3489 §11.2: no XOR, a 16-byte id, the three addresses by their old names. */
static void a_classic_client_is_served_too(void **state)
{
	struct box *b = *state;
	struct request r = {.data = {0x00, 0x01, 0x00, 0x08}};
	static const uint8_t addresses[] = {
		0x00, 0x01, 0x00, 0x08, 0x00, 0x01, 0x9c, 0x41, 192, 0, 2, 7,    /* MAPPED */
		0x00, 0x04, 0x00, 0x08, 0x00, 0x01, 0x34, 0xa7, 198, 51, 100, 2, /* SOURCE */
		0x00, 0x05, 0x00, 0x08, 0x00, 0x01, 0x34, 0xa7, 198, 51, 100, 2, /* CHANGED */
	};
	memset(r.data + 4, 0xa5, 16);
	memcpy(r.data + 20, "\0\3\0\4\0\0\0\6", 8);

	wire_from_client(b->f, &b->c.where, r.data, 28);
	const struct packet *p = wire_take(b->f);
	assert_non_null(p);
	assert_ptr_equal(p->port, b->ports[3]);
	assert_memory_equal(p->data + 4, r.data + 4, 16);
	assert_int_equal(p->len, 20 + sizeof(addresses));
	assert_memory_equal(p->data + 20, addresses, sizeof(addresses));
}

/* RFC 5780 §7.5: to that port, and never to another address. */
static void the_answer_goes_to_the_port_the_request_names(void **state)
{
	static const uint8_t value[] = {0x9c, 0x42, 0, 0};
	struct box *b = *state;
	for (size_t len = 2; len <= 4; len += 2) {
		struct request r;
		struct stun_msg m;
		request_begin(&r, STUN_BINDING);
		stun_write_bytes(&r.w, STUN_RESPONSE_PORT, value, len);
		stun_write_u32(&r.w, STUN_CHANGE_REQUEST, 2);

		const struct packet *p = ask(b, &r, &m);
		struct addr want = at("192.0.2.7:40002");
		assert_true(addr_equal(&p->to, &want));
		assert_ptr_equal(p->port, b->ports[1]);
		assert_mapped(b, &m);
	}
	assert_int_equal(fixture_count(b->f, TURN_C_BINDING_CHANGED), 2);
}

static void an_answer_with_padding_is_no_longer_than_its_request(void **state)
{
	static const uint8_t zeros[1200];
	struct box *b = *state;
	for (size_t len = 0; len < sizeof(zeros); len += 1 + len / 7) {
		for (int has_fingerprint = 0; has_fingerprint < 2; has_fingerprint++) {
			struct request r;
			struct stun_msg m;
			struct stun_attr a;
			request_begin(&r, STUN_BINDING);
			stun_write_bytes(&r.w, STUN_PADDING, zeros, len);
			if (has_fingerprint)
				stun_write_fingerprint(&r.w);

			const struct packet *p = ask(b, &r, &m);
			/* Three addresses take 36 bytes, whatever the padding. */
			size_t least = 20 + 36 + (has_fingerprint ? 8 : 0);
			assert_true(p->len <= r.w.len || p->len == least);
			if (r.w.len >= least + 8) {
				assert_true(stun_attr_find(&m, STUN_PADDING, &a));
				assert_true(r.w.len - p->len < 4);
			}
			assert_int_equal(m.class, STUN_SUCCESS);
		}
	}
}

/* RFC 5780 §6.1: padding to another port would be somebody else's fragments. */
static void padding_to_another_port_is_refused(void **state)
{
	struct box *b = *state;
	struct request r;
	struct stun_msg m;
	request_begin(&r, STUN_BINDING);
	stun_write_bytes(&r.w, STUN_PADDING, "12345678", 8);
	stun_write_bytes(&r.w, STUN_RESPONSE_PORT, "\x9c\x42\0\0", 4);

	const struct packet *p = ask(b, &r, &m);
	assert_code(&m, STUN_BAD_REQUEST);
	assert_true(addr_equal(&p->to, &b->c.where.addr));
	assert_ptr_equal(p->port, b->ports[0]);
	assert_int_equal(fixture_count(b->f, TURN_C_REFUSED_400), 1);
}

static void malformed_wishes_are_refused(void **state)
{
	static const struct {
		uint16_t type;
		size_t len;
		const char *value;
	} cases[] = {
		{STUN_CHANGE_REQUEST, 0, ""},
		{STUN_CHANGE_REQUEST, 3, "\0\0\6"},
		{STUN_CHANGE_REQUEST, 8, "\0\0\0\6\0\0\0\6"},
		{STUN_RESPONSE_PORT, 0, ""},
		{STUN_RESPONSE_PORT, 1, "\x9c"},
		{STUN_RESPONSE_PORT, 3, "\x9c\x42"},
		{STUN_RESPONSE_PORT, 4, "\0\0\x9c\x42"},
	};
	struct box *b = *state;
	for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
		struct request r;
		struct stun_msg m;
		request_begin(&r, STUN_BINDING);
		stun_write_bytes(&r.w, cases[i].type, cases[i].value, cases[i].len);
		assert_non_null(ask(b, &r, &m));
		assert_code(&m, STUN_BAD_REQUEST);
	}
}

static void assert_not_served(struct box *b)
{
	static const uint16_t types[] = {STUN_CHANGE_REQUEST, STUN_RESPONSE_PORT, STUN_PADDING};
	struct request r;
	struct stun_msg m;
	struct stun_attr a;
	for (size_t i = 0; i < ARRAY_LEN(types); i++) {
		request_begin(&r, STUN_BINDING);
		stun_write_bytes(&r.w, types[i], "\x9c\x42\0\0", 4);
		const struct packet *p = ask(b, &r, &m);
		assert_ptr_equal(p->port, b->c.where.port);
		assert_code(&m, STUN_UNKNOWN_ATTRIBUTE);
	}
	request_begin(&r, STUN_BINDING);
	assert_non_null(ask(b, &r, &m));
	assert_false(stun_attr_find(&m, STUN_OTHER_ADDRESS, &a));
	assert_false(stun_attr_find(&m, STUN_RESPONSE_ORIGIN, &a));
}

/* RFC 5780 §6.1 */
static void other_listeners_do_not_know_these_attributes(void **state)
{
	struct box *b = *state;
	b->c.where.port = b->f->inside4;
	assert_not_served(b);
	client_init(&b->c, b->f, "[2001:db8::7]:40001");
	assert_not_served(b);
}

/* A connection, or a balancer's session, at the address of a listener: the other listeners could
 * not reach its client. */
static void a_port_that_is_not_the_listener_itself_does_not_either(void **state)
{
	struct box *b = *state;
	struct request r;
	struct stun_msg m;
	struct stun_attr a;
	request_begin(&r, STUN_BINDING);
	assert_non_null(ask(b, &r, &m));
	assert_true(stun_attr_find(&m, STUN_OTHER_ADDRESS, &a));

	b->c.where.port = wire_listen(b->f, "203.0.113.1:5349");
	b->c.where.port->local = at(LISTENER4); /* the listener stands before it in the search */
	assert_not_served(b);
}

static void other_requests_do_not_know_them(void **state)
{
	struct box *b = *state;
	struct request r;
	struct reply reply;
	client_challenge(&b->c);
	request_begin_allocate(&r);
	stun_write_u32(&r.w, STUN_CHANGE_REQUEST, 6);
	assert_int_equal(client_ask(&b->c, &r, &reply), STUN_UNKNOWN_ATTRIBUTE);
	assert_int_equal(client_allocate(&b->c, NULL), 0);
}

#define T(name) cmocka_unit_test_setup_teardown(name, setup, teardown)

int main(void)
{
	const struct CMUnitTest t[] = {
		T(the_answer_leaves_from_where_the_request_says),
		T(a_plain_request_hears_of_the_other_address),
		T(a_classic_client_is_served_too),
		T(the_answer_goes_to_the_port_the_request_names),
		T(an_answer_with_padding_is_no_longer_than_its_request),
		T(padding_to_another_port_is_refused),
		T(malformed_wishes_are_refused),
		T(other_listeners_do_not_know_these_attributes),
		T(a_port_that_is_not_the_listener_itself_does_not_either),
		T(other_requests_do_not_know_them),
	};
	return cmocka_run_group_tests(t, NULL, NULL) != 0;
}
