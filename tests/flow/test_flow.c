/* SPDX-License-Identifier: BSD-3-Clause */
/* The flow table, the two rewrites and the rate limit, on ports that keep what they are given. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <cmocka.h>
#include <sallyport/flow.h>

struct fake_port {
	struct net_port port; /* first: a port is cast back */
	struct net_buf *buf;  /* the one sent last, still ours */
	unsigned n_sent;
};

/* Keeps what the messages sent from it were, not the messages. */
struct wire {
	struct net_port port; /* first: a port is cast back */
	struct net *net;
	struct {
		uint16_t port;
		uint8_t first;
	} sent[64];
	size_t n_sent;
};

struct fixture {
	struct wire wire;
	struct clock clock;
	struct loop *loop;
	struct net *net;
	struct flow_table *table;
	metrics_cell net_cells[NET_C_COUNT], cells[FLOW_C_COUNT];
	struct fake_port client_port, other_client_port, relay_port, other_relay_port;
	struct flow_account account;
	struct flow flow;
};

static void fake_send(struct net_port *p, struct net_buf *b)
{
	struct fake_port *f = (struct fake_port *)p;
	assert_null(f->buf); /* the test takes each before the next */
	f->buf = b;
	f->n_sent++;
}

static const struct net_port_ops fake_ops = {.send = fake_send};

static void wire_send(struct net_port *p, struct net_buf *b)
{
	struct wire *w = (struct wire *)p;
	assert_in_range(w->n_sent, 0, ARRAY_LEN(w->sent) - 1);
	w->sent[w->n_sent].port = b->addr.port;
	w->sent[w->n_sent++].first = b->data[0];
	net_buf_put(w->net, b);
}

static const struct net_port_ops wire_ops = {.send = wire_send};

static struct addr at(const char *text)
{
	struct addr a;
	assert_int_equal(addr_parse(text, 0, &a), 0);
	return a;
}

#define CLIENT "192.0.2.1:40000"
#define PEER   "198.51.100.7:5000"

static void flow_make(struct fixture *f, struct flow *flow, const char *client, uint16_t channel,
	const char *peer)
{
	*flow = (struct flow){.client_port = &f->client_port.port,
		.relay_port = &f->relay_port.port,
		.account = &f->account,
		.client = at(client),
		.peer = at(peer),
		.channel = channel,
		.is_permitted = true};
}

static int setup(void **state)
{
	struct fixture *f = calloc(1, sizeof(*f));
	struct fake_port *ports[] = {
		&f->client_port, &f->other_client_port, &f->relay_port, &f->other_relay_port};
	f->clock.mono_ms = 5000;
	f->loop = loop_create("test", 4);
	f->net = net_create(f->loop, f->net_cells);
	f->table = flow_table_create(&f->clock, f->net, f->cells);
	assert_non_null(f->table);
	for (uint32_t i = 0; i < 4; i++) {
		ports[i]->port.ops = &fake_ops;
		ports[i]->port.id = i + 1;
	}
	f->wire.port = (struct net_port){.ops = &wire_ops, .id = 5};
	f->wire.net = f->net;
	flow_account_init(&f->account, 0, f->clock.mono_ms);
	flow_make(f, &f->flow, CLIENT, 0x4000, PEER);
	assert_int_equal(flow_insert(f->table, &f->flow), 0);
	*state = f;
	return 0;
}

static int teardown(void **state)
{
	struct fixture *f = *state;
	flow_remove(f->table, &f->flow);
	flow_table_destroy(f->table);
	net_destroy(f->net);
	loop_destroy(f->loop);
	free(f);
	return 0;
}

static struct net_buf *arrive(struct fixture *f, const char *from, const void *data, size_t len)
{
	struct net_buf *b = net_buf_get(f->net);
	memcpy(b->data, data, len);
	b->len = (uint32_t)len;
	b->addr = at(from);
	b->tos = 0xb8;
	return b;
}

/* What P has sent: this payload to this address. */
static void assert_sent(
	struct fixture *f, struct fake_port *p, const char *to, const void *data, size_t len)
{
	struct addr want = at(to);
	assert_non_null(p->buf);
	assert_true(addr_equal(&p->buf->addr, &want));
	assert_int_equal(p->buf->len, len);
	assert_memory_equal(p->buf->data, data, len);
	assert_int_equal(p->buf->tos, 0xb8);
	assert_int_equal(p->buf->flags, 0);
	net_buf_put(f->net, p->buf);
	p->buf = NULL;
}

static uint64_t counted(struct fixture *f, enum flow_counter row)
{
	return metrics_get(f->cells, row);
}

/* ---- look-up ---- */

static void flow_is_found_by_port_client_and_number(void **state)
{
	struct fixture *f = *state;
	struct addr client = at(CLIENT), other_port = at("192.0.2.1:40001"),
		    other_ip = at("192.0.2.2:40000");
	struct net_port *p = &f->client_port.port;
	assert_ptr_equal(flow_find_up(f->table, p, &client, 0x4000), &f->flow);
	assert_null(flow_find_up(f->table, p, &client, 0x4001));
	assert_null(flow_find_up(f->table, p, &other_port, 0x4000));
	assert_null(flow_find_up(f->table, p, &other_ip, 0x4000));
	assert_null(flow_find_up(f->table, &f->other_client_port.port, &client, 0x4000));
}

static void flow_is_found_by_relay_port_and_peer(void **state)
{
	struct fixture *f = *state;
	struct addr peer = at(PEER), other_port = at("198.51.100.7:5001"),
		    other_ip = at("198.51.100.8:5000");
	struct net_port *p = &f->relay_port.port;
	assert_ptr_equal(flow_find_down(f->table, p, &peer), &f->flow);
	assert_null(flow_find_down(f->table, p, &other_port));
	assert_null(flow_find_down(f->table, p, &other_ip));
	assert_null(flow_find_down(f->table, &f->other_relay_port.port, &peer));
}

/* A link-local address means another host on every link. */
static void scope_is_part_of_an_address(void **state)
{
	struct fixture *f = *state;
	struct addr peer = at("[fe80::1]:5000");
	struct flow one;
	flow_make(f, &one, "192.0.2.1:40000", 0x4001, "[fe80::1]:5000");
	one.peer.scope = 2;
	assert_int_equal(flow_insert(f->table, &one), 0);
	assert_null(flow_find_down(f->table, &f->relay_port.port, &peer));
	peer.scope = 2;
	assert_ptr_equal(flow_find_down(f->table, &f->relay_port.port, &peer), &one);
	flow_remove(f->table, &one);
}

/* All that may be equal is equal, but for what tells them apart. */
static void flows_that_share_a_field_do_not_mix(void **state)
{
	struct fixture *f = *state;
	struct flow other[4];
	flow_make(f, &other[0], "192.0.2.2:40000", 0x4000, PEER); /* number and peer */
	other[0].relay_port = &f->other_relay_port.port;
	flow_make(f, &other[1], CLIENT, 0x4001, "198.51.100.7:5001"); /* client, peer's address */
	flow_make(f, &other[2], CLIENT, 0x4000, PEER);                /* all but the ports */
	other[2].client_port = &f->other_client_port.port;
	other[2].relay_port = &f->other_relay_port.port;
	other[2].peer.port = 5002;
	flow_make(f, &other[3], "192.0.2.1:40001", 0x4000, "198.51.100.9:5000");
	for (int i = 0; i < 4; i++)
		assert_int_equal(flow_insert(f->table, &other[i]), 0);
	for (int i = 0; i < 4; i++) {
		struct flow *x = &other[i];
		assert_ptr_equal(flow_find_up(f->table, x->client_port, &x->client, x->channel), x);
		assert_ptr_equal(flow_find_down(f->table, x->relay_port, &x->peer), x);
	}
	for (int i = 0; i < 4; i++) {
		struct flow *x = &other[i];
		flow_remove(f->table, x);
		assert_null(flow_find_up(f->table, x->client_port, &x->client, x->channel));
		assert_null(flow_find_down(f->table, x->relay_port, &x->peer));
	}
	flow_is_found_by_port_client_and_number(state);
}

static void thousands_of_flows_are_each_found(void **state)
{
	enum {
		N = 3000
	};
	struct fixture *f = *state;
	struct flow *all = calloc(N, sizeof(*all));
	for (uint32_t i = 0; i < N; i++) {
		flow_make(f, &all[i], CLIENT, (uint16_t)(0x4001 + i), PEER);
		all[i].peer.port = (uint16_t)(6000 + i);
		assert_int_equal(flow_insert(f->table, &all[i]), 0);
	}
	for (uint32_t i = 0; i < N; i += 2)
		flow_remove(f->table, &all[i]);
	for (uint32_t i = 0; i < N; i++) {
		struct flow *want = i % 2 ? &all[i] : NULL;
		assert_ptr_equal(
			flow_find_up(f->table, all[i].client_port, &all[i].client, all[i].channel),
			want);
		assert_ptr_equal(flow_find_down(f->table, all[i].relay_port, &all[i].peer), want);
		if (want)
			flow_remove(f->table, want);
	}
	free(all);
}

/* ---- the rewrites ---- */

static void channel_data_leaves_without_its_header(void **state)
{
	struct fixture *f = *state;
	flow_from_client(
		f->table, &f->client_port.port, arrive(f, CLIENT, "\x40\x00\x00\x05hello", 9));
	assert_sent(f, &f->relay_port, PEER, "hello", 5);
	assert_int_equal(counted(f, FLOW_C_UP_PACKETS), 1);
	assert_int_equal(counted(f, FLOW_C_UP_BYTES), 5);
	assert_int_equal(f->account.packets[FLOW_UP], 1);
	assert_int_equal(f->account.bytes[FLOW_UP], 5);
	assert_int_equal(f->account.packets[FLOW_DOWN], 0);
}

/* RFC 8656 §12.5: without padding */
static void datagram_of_a_peer_gets_a_header(void **state)
{
	struct fixture *f = *state;
	assert_true(flow_from_peer(f->table, &f->relay_port.port, arrive(f, PEER, "hello", 5)));
	assert_sent(f, &f->client_port, CLIENT, "\x40\x00\x00\x05hello", 9);
	assert_int_equal(counted(f, FLOW_C_DOWN_PACKETS), 1);
	assert_int_equal(counted(f, FLOW_C_DOWN_BYTES), 5);
	assert_int_equal(f->account.packets[FLOW_DOWN], 1);
	assert_int_equal(f->account.bytes[FLOW_DOWN], 5);
}

static void datagram_without_a_flow_stays_the_callers(void **state)
{
	struct fixture *f = *state;
	struct net_buf *b = arrive(f, "198.51.100.7:5001", "hello", 5);
	assert_false(flow_from_peer(f->table, &f->relay_port.port, b));
	assert_int_equal(b->len, 5);
	assert_memory_equal(b->data, "hello", 5);
	net_buf_put(f->net, b);
	assert_int_equal(f->client_port.n_sent, 0);
}

/* §12.6: every length from nothing to more than is claimed */
static void lengths_are_checked(void **state)
{
	static const uint8_t message[12] = {0x40, 0, 0, 3, 'a', 'b', 'c', 'x', 'y', 'z'};
	struct fixture *f = *state;
	for (size_t len = 0; len <= sizeof(message); len++) {
		flow_from_client(f->table, &f->client_port.port, arrive(f, CLIENT, message, len));
		if (len < 7)
			assert_int_equal(counted(f, FLOW_C_BAD_LENGTH), len + 1);
		else
			assert_sent(f, &f->relay_port, PEER, "abc", 3);
	}
	assert_int_equal(f->relay_port.n_sent, sizeof(message) - 6);
}

static void unbound_number_is_dropped(void **state)
{
	struct fixture *f = *state;
	flow_from_client(f->table, &f->client_port.port, arrive(f, CLIENT, "\x40\x01\x00\x01x", 5));
	assert_int_equal(counted(f, FLOW_C_NO_CHANNEL), 1);
	assert_int_equal(f->relay_port.n_sent, 0);
}

static void flow_without_permission_passes_upwards_only(void **state)
{
	struct fixture *f = *state;
	f->flow.is_permitted = false;
	assert_true(flow_from_peer(f->table, &f->relay_port.port, arrive(f, PEER, "x", 1)));
	assert_int_equal(counted(f, FLOW_C_NO_PERMISSION), 1);
	assert_int_equal(f->client_port.n_sent, 0);
	assert_int_equal(counted(f, FLOW_C_DOWN_PACKETS), 0);
	flow_from_client(f->table, &f->client_port.port, arrive(f, CLIENT, "\x40\x00\x00\x01x", 5));
	assert_sent(f, &f->relay_port, PEER, "x", 1);
}

/* Dropped buffers go back: far more are dropped than there are. */
static void no_drop_loses_a_buffer(void **state)
{
	struct fixture *f = *state;
	f->flow.is_permitted = false;
	flow_account_init(&f->account, 8, f->clock.mono_ms);
	f->account.tokens[FLOW_UP] = 0;
	for (int i = 0; i < 2000; i++) {
		static const char *const bad[] = {"\x40\x00\xff\xffx", "\x40\x07\x00\x01x"};
		flow_from_client(f->table, &f->client_port.port, arrive(f, CLIENT, bad[i % 2], 5));
		flow_from_client(
			f->table, &f->client_port.port, arrive(f, CLIENT, "\x40\x00\x00\x01x", 5));
		assert_true(flow_from_peer(f->table, &f->relay_port.port, arrive(f, PEER, "x", 1)));
	}
	assert_int_equal(counted(f, FLOW_C_OVER_RATE), 2000);
	f->flow.is_permitted = true;
	f->account.tokens[FLOW_DOWN] = 0;
	for (int i = 0; i < 2000; i++)
		assert_true(flow_from_peer(f->table, &f->relay_port.port, arrive(f, PEER, "x", 1)));
	assert_int_equal(counted(f, FLOW_C_OVER_RATE), 4000);
	assert_int_equal(f->client_port.n_sent, 0);
}

/* ---- the rate ---- */

static void no_rate_is_no_limit(void **state)
{
	struct fixture *f = *state;
	for (int i = 0; i < 1000; i++)
		assert_true(flow_pass(f->table, &f->account, FLOW_UP, 65535));
	assert_int_equal(f->account.bytes[FLOW_UP], 65535000);
}

/* A quarter of a second, and never less than the longest datagram */
static void bucket_begins_full(void **state)
{
	static const struct {
		uint32_t kbps, tokens;
	} cases[] = {{1, 65536}, {2097, 65536}, {2098, 65562}, {8000, 250000},
		{UINT32_MAX, UINT32_MAX / 4}};
	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		struct flow_account a;
		flow_account_init(&a, cases[i].kbps, 77);
		assert_int_equal(a.tokens[FLOW_UP], cases[i].tokens);
		assert_int_equal(a.tokens[FLOW_DOWN], cases[i].tokens);
		assert_int_equal(a.filled_ms, 77);
	}
}

static void what_passes_is_taken_from_its_direction(void **state)
{
	struct fixture *f = *state;
	struct flow_account *a = &f->account;
	flow_account_init(a, 8, f->clock.mono_ms);
	assert_true(flow_pass(f->table, a, FLOW_UP, 65536));
	assert_true(flow_pass(f->table, a, FLOW_UP, 0));
	assert_false(flow_pass(f->table, a, FLOW_UP, 1));
	assert_true(flow_pass(f->table, a, FLOW_DOWN, 65536));
	assert_false(flow_pass(f->table, a, FLOW_DOWN, 1));
	assert_int_equal(a->packets[FLOW_UP], 2);
	assert_int_equal(a->bytes[FLOW_UP], 65536);
	assert_int_equal(counted(f, FLOW_C_OVER_RATE), 2);
	assert_int_equal(counted(f, FLOW_C_UP_PACKETS), 2);
}

static void time_fills_the_bucket_and_no_more(void **state)
{
	struct fixture *f = *state;
	struct flow_account *a = &f->account;
	flow_account_init(a, 8, f->clock.mono_ms); /* 1 byte a millisecond */
	assert_true(flow_pass(f->table, a, FLOW_UP, 65536));
	f->clock.mono_ms += 10;
	assert_false(flow_pass(f->table, a, FLOW_UP, 11));
	assert_true(flow_pass(f->table, a, FLOW_UP, 10));
	f->clock.mono_ms += 1000 * 1000;
	assert_false(flow_pass(f->table, a, FLOW_UP, 65537));
	assert_true(flow_pass(f->table, a, FLOW_UP, 65536));
}

/* Whatever the clock's steps, no part of a byte is lost or won. */
static void rate_holds_for_every_step_of_the_clock(void **state)
{
	static const uint32_t kbps[] = {1, 3, 12, 100, 1001};
	for (size_t i = 0; i < sizeof(kbps) / sizeof(kbps[0]); i++) {
		for (uint64_t step = 1; step <= 7; step += 3) {
			struct fixture *f = *state;
			struct flow_account *a = &f->account;
			uint64_t begun = f->clock.mono_ms, passed = 0;
			flow_account_init(a, kbps[i], begun);
			a->tokens[FLOW_UP] = 0;
			while (f->clock.mono_ms - begun < 8400) {
				f->clock.mono_ms += step;
				while (flow_pass(f->table, a, FLOW_UP, 1))
					passed++;
			}
			assert_int_equal(passed, 8400 * kbps[i] / 8);
		}
	}
}

/* Of messages that come together each finds its own flow, and the order stays. */
static void messages_that_come_together_are_relayed_one_by_one(void **state)
{
	struct fixture *f = *state;
	enum {
		N = 40
	};
	struct flow flows[N];
	struct net_buf *bufs[2 * N];
	for (uint16_t i = 0; i < N; i++) {
		flow_make(f, &flows[i], CLIENT, (uint16_t)(0x4001 + i), PEER);
		flows[i].peer.port = (uint16_t)(6000 + i);
		flows[i].relay_port = &f->wire.port;
		assert_int_equal(flow_insert(f->table, &flows[i]), 0);
	}
	for (uint16_t i = 0; i < N; i++) {
		uint8_t good[] = {0, 0, 0, 1, (uint8_t)i}, bad[] = {0x40, 0, 0, 9};
		be16_put(good, (uint16_t)(0x4001 + i));
		bufs[2 * i] = arrive(f, CLIENT, good, sizeof(good));
		bufs[2 * i + 1] = arrive(f, CLIENT, bad, sizeof(bad));
	}

	flow_from_clients(f->table, &f->client_port.port, bufs, 2 * N);

	assert_int_equal(f->wire.n_sent, N);
	assert_int_equal(metrics_get(f->cells, FLOW_C_BAD_LENGTH), N);
	for (uint16_t i = 0; i < N; i++) {
		assert_int_equal(f->wire.sent[i].port, 6000 + i);
		assert_int_equal(f->wire.sent[i].first, i);
		flow_remove(f->table, &flows[i]);
	}
}

/* What a relay port keeps of its last flow goes with the flow. */
static void a_removed_flow_is_forgotten_by_its_relay_port(void **state)
{
	struct fixture *f = *state;
	struct flow other;
	struct net_buf *b = arrive(f, PEER, "one", 3);
	flow_make(f, &other, CLIENT, 0x4001, "198.51.100.8:5000");
	assert_int_equal(flow_insert(f->table, &other), 0);
	assert_true(flow_from_peer(f->table, &f->relay_port.port, b));
	assert_sent(f, &f->client_port, CLIENT, "\x40\0\0\3one", 7);

	b = arrive(f, "198.51.100.8:5000", "two", 3);
	assert_true(flow_from_peer(f->table, &f->relay_port.port, b));
	assert_sent(f, &f->client_port, CLIENT, "\x40\1\0\3two", 7);
	flow_remove(f->table, &other);

	b = arrive(f, "198.51.100.8:5000", "gone", 4);
	assert_false(flow_from_peer(f->table, &f->relay_port.port, b));
	net_buf_put(f->net, b);
	b = arrive(f, PEER, "three", 5);
	assert_true(flow_from_peer(f->table, &f->relay_port.port, b));
	assert_sent(f, &f->client_port, CLIENT, "\x40\0\0\5three", 9);
}

int main(void)
{
	const struct CMUnitTest t[] = {
#define T(name) cmocka_unit_test_setup_teardown(name, setup, teardown)
		T(flow_is_found_by_port_client_and_number),
		T(flow_is_found_by_relay_port_and_peer),
		T(scope_is_part_of_an_address),
		T(flows_that_share_a_field_do_not_mix),
		T(thousands_of_flows_are_each_found),
		T(channel_data_leaves_without_its_header),
		T(datagram_of_a_peer_gets_a_header),
		T(datagram_without_a_flow_stays_the_callers),
		T(lengths_are_checked),
		T(unbound_number_is_dropped),
		T(flow_without_permission_passes_upwards_only),
		T(messages_that_come_together_are_relayed_one_by_one),
		T(a_removed_flow_is_forgotten_by_its_relay_port),
		T(no_drop_loses_a_buffer),
		T(no_rate_is_no_limit),
		cmocka_unit_test(bucket_begins_full),
		T(what_passes_is_taken_from_its_direction),
		T(time_fills_the_bucket_and_no_more),
		T(rate_holds_for_every_step_of_the_clock),
	};
	return cmocka_run_group_tests(t, NULL, NULL) != 0;
}
