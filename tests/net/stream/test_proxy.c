/* SPDX-License-Identifier: BSD-3-Clause */
/* Connections that a balancer has made for a client: who the client is, what ends them. */
#include "rig.h"

#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#define SIGNATURE "\r\n\r\n\0\r\nQUIT\n"
#define V1        "PROXY TCP4 192.0.2.7 203.0.113.1 40000 3478\r\n"
#define V2        SIGNATURE "\x21\x11\0\x0c\xc0\x00\x02\x07\xcb\x00\x71\x01\x9c\x40\x0d\x96"
#define V2_UDP    SIGNATURE "\x21\x12\0\x0c\xc0\x00\x02\x07\xcb\x00\x71\x01\x9c\x40\x0d\x96"
#define LOCAL     SIGNATURE "\x20\0\0\0"
#define CLIENT    "192.0.2.7:40000"

static void assert_address(const struct addr *a, const char *want)
{
	char text[ADDR_TEXT_LEN];
	assert_string_equal(addr_format(a, text), want);
}

static void connect_one(struct fixture *f)
{
	f->is_echo = true;
	open_listener(f, 10, NULL);
	f->client = dial(f);
	until(f, NET_C_ACCEPTED_TCP, 1);
}

static void balance_one(struct fixture *f)
{
	expect_proxies(f);
	connect_one(f);
}

/* It is answered on the connection, as any client is. */
static void assert_echo(struct fixture *f)
{
	char heard[20];
	hear(f, heard, sizeof(heard));
	assert_memory_equal(heard, BINDING, sizeof(heard));
}

static void the_client_is_the_one_in_the_header(void **state)
{
	struct fixture *f = *state;
	balance_one(f);
	SAY(f, V1 BINDING);
	assert_echo(f);
	assert_address(&f->from, CLIENT);

	shutdown(f->client, SHUT_WR);
	until(f, NET_C_END_CLIENT, 1);
	assert_address(&f->gone, CLIENT);
}

static void a_header_may_arrive_byte_by_byte(void **state)
{
	static const char text[] = V2 BINDING;
	struct fixture *f = *state;
	balance_one(f);
	for (size_t i = 0; i < sizeof(text) - 1; i++) {
		assert_int_equal(f->n_messages, 0);
		say(f, text + i, 1);
		turn(f);
	}
	assert_echo(f);
	assert_address(&f->from, CLIENT);
}

static void a_header_cut_anywhere_is_read(void **state)
{
	static const char text[] = V1 BINDING;
	struct fixture *f = *state;
	expect_proxies(f);
	f->is_echo = true;
	open_listener(f, 10, NULL);
	for (size_t cut = 1; cut < sizeof(V1) + 5; cut += 3) {
		f->client = dial(f);
		say(f, text, cut);
		turn_now(f);
		turn_now(f);
		say(f, text + cut, sizeof(text) - 1 - cut);
		assert_echo(f);
		assert_address(&f->from, CLIENT);
		f->from = (struct addr){0};
		close(f->client);
	}
	f->client = -1;
}

/* What a health check sends, and a balancer that does not know its client. */
static void without_a_client_the_connection_stands_for_itself(void **state)
{
	static const struct {
		const char *text;
		size_t len;
	} cases[] = {
		{LOCAL BINDING, sizeof(LOCAL BINDING) - 1},
		{"PROXY UNKNOWN\r\n" BINDING, sizeof("PROXY UNKNOWN\r\n" BINDING) - 1},
	};
	struct fixture *f = *state;
	expect_proxies(f);
	f->is_echo = true;
	open_listener(f, 10, NULL);
	for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
		struct sockaddr_storage ss;
		socklen_t len = sizeof(ss);
		struct addr mine;
		f->client = dial(f);
		assert_int_equal(getsockname(f->client, (struct sockaddr *)&ss, &len), 0);
		assert_int_equal(addr_from_sockaddr((struct sockaddr *)&ss, len, &mine), 0);

		say(f, cases[i].text, cases[i].len);
		assert_echo(f);
		assert_true(addr_equal(&f->from, &mine));
		close(f->client);
	}
	f->client = -1;
}

static void two_clients_of_a_balancer_have_ports_of_their_own(void **state)
{
	struct fixture *f = *state;
	balance_one(f);
	SAY(f, V1 BINDING);
	assert_echo(f);
	uint32_t first = f->port->id;
	int other = f->client;

	/* The same client address again, as two networks behind two balancers may have it. */
	f->client = dial(f);
	SAY(f, V1 BINDING);
	assert_echo(f);
	assert_int_not_equal(f->port->id, first);
	close(other);
}

static void a_wrong_header_ends_the_connection(void **state)
{
	static const struct {
		const char *text;
		size_t len;
	} cases[] = {
		{BINDING, 20}, /* none */
		{"PROXY TCP4 192.0.2.7\r\n", 22},
		{V2_UDP BINDING, sizeof(V2_UDP BINDING) - 1}, /* no datagrams come here */
		{SIGNATURE "\x21\x31\0\x00", 16},
		{SIGNATURE "\x21\x11\xff\xff", 16},
	};
	struct fixture *f = *state;
	expect_proxies(f);
	open_listener(f, 10, NULL);
	for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
		f->client = dial(f);
		say(f, cases[i].text, cases[i].len);
		until(f, NET_C_END_PROXY, i + 1);
		assert_ended(f);
		close(f->client);
	}
	f->client = -1;
	assert_int_equal(f->n_messages, 0);
}

static void a_late_header_ends_the_connection(void **state)
{
	struct fixture *f = *state;
	balance_one(f);
	say(f, V1, 10);
	turn(f);
	wait_ms(f, NET_HANDSHAKE_MS - 200);
	assert_int_equal(counted(f, NET_C_CONNECTIONS), 1);

	wait_ms(f, 400);
	assert_int_equal(counted(f, NET_C_END_PROXY), 1);
}

static void a_connection_that_ends_in_its_header_is_the_clients_doing(void **state)
{
	struct fixture *f = *state;
	balance_one(f);
	say(f, V2, 20);
	turn(f);
	shutdown(f->client, SHUT_WR);
	until(f, NET_C_END_CLIENT, 1);
	assert_int_equal(counted(f, NET_C_END_PROXY), 0);
}

static void silence_behind_a_header_ends_the_connection(void **state)
{
	struct fixture *f = *state;
	balance_one(f);
	SAY(f, V1);
	turn(f);
	wait_ms(f, NET_FIRST_MESSAGE_MS + 200);
	assert_int_equal(counted(f, NET_C_END_SILENT), 1);
}

/* Of IPv6 clients the network counts: there is no end of addresses in it. */
static void the_limit_is_the_named_clients_not_the_balancers(void **state)
{
#define V6(last) "PROXY TCP6 2001:db8:0:1::" last " 2001:db8::1 40000 3478\r\n" BINDING
	static const char *const texts[] = {V6("1"), V6("2"), V6("3")};
	struct fixture *f = *state;
	int fds[ARRAY_LEN(texts)];
	f->per_client = 2;
	expect_proxies(f);
	open_listener(f, 10, NULL);

	for (size_t i = 0; i < ARRAY_LEN(texts); i++) {
		fds[i] = f->client = dial(f);
		say(f, texts[i], sizeof(V6("1")) - 1);
		until(f, i < 2 ? NET_C_RX_MESSAGES : NET_C_REFUSED_CLIENT, i < 2 ? i + 1 : 1);
	}
	assert_ended(f);
	f->client = dial(f);
	SAY(f, V1 BINDING);
	until(f, NET_C_RX_MESSAGES, 3);
	for (size_t i = 0; i < ARRAY_LEN(fds); i++)
		close(fds[i]);
	until(f, NET_C_END_CLIENT, 2);
#undef V6
}

/* Whoever could send a header unasked could be anybody. */
static void a_header_from_anybody_else_is_a_bad_message(void **state)
{
	static const struct {
		const char *text;
		size_t len;
	} cases[] = {{V1 BINDING, sizeof(V1 BINDING) - 1}, {V2 BINDING, sizeof(V2 BINDING) - 1}};
	struct fixture *f = *state;
	open_listener(f, 10, NULL);
	for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
		f->client = dial(f);
		say(f, cases[i].text, cases[i].len);
		until(f, NET_C_END_PROTOCOL, i + 1);
		close(f->client);
	}
	f->client = -1;
	assert_int_equal(f->n_messages, 0);
}

static void a_second_header_is_a_bad_message(void **state)
{
	struct fixture *f = *state;
	balance_one(f);
	SAY(f, V1 V1);
	until(f, NET_C_END_PROTOCOL, 1);
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, rig_setup, rig_teardown)

int main(void)
{
	const struct CMUnitTest t[] = {
		TEST(the_client_is_the_one_in_the_header),
		TEST(a_header_may_arrive_byte_by_byte),
		TEST(a_header_cut_anywhere_is_read),
		TEST(without_a_client_the_connection_stands_for_itself),
		TEST(two_clients_of_a_balancer_have_ports_of_their_own),
		TEST(a_wrong_header_ends_the_connection),
		TEST(a_late_header_ends_the_connection),
		TEST(a_connection_that_ends_in_its_header_is_the_clients_doing),
		TEST(silence_behind_a_header_ends_the_connection),
		TEST(the_limit_is_the_named_clients_not_the_balancers),
		TEST(a_header_from_anybody_else_is_a_bad_message),
		TEST(a_second_header_is_a_bad_message),
	};
	return cmocka_run_group_tests(t, NULL, NULL) != 0;
}
