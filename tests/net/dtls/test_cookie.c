/* SPDX-License-Identifier: BSD-3-Clause */
/* The way into a session: cookies, and handshakes on a bad network. */
#include "rig.h"

#include <string.h>

/* The client's first hello with its cookie, on its way; nothing else is. */
static struct datagram hello_with_cookie(struct fixture *f, struct client *c)
{
	client_step(c, NULL);
	server_takes_all(f);
	client_takes_all(f, c);
	assert_int_equal(f->to_server.n, 1);
	return wire_take(&f->to_server);
}

static void nothing_is_kept_before_the_cookie(void **state)
{
	struct fixture *f = *state;
	struct client c;

	client_init(&c, f, 1111);
	client_step(&c, NULL);
	struct datagram hello = wire_take(&f->to_server);
	for (uint16_t port = 1; port <= 50; port++) {
		hello.peer.port = port;
		server_hears(f, &hello);
		struct datagram answer = wire_take(&f->to_client);
		assert_true(answer.len < hello.len);
		assert_int_equal(answer.peer.port, port);
	}

	assert_int_equal(counted(f, NET_C_DTLS_COOKIES), 50);
	assert_int_equal(counted(f, NET_C_CONNECTIONS), 0);
	assert_int_equal(f->wheel.count, 0);
	client_fini(&c);
}

static void a_cookie_is_good_at_its_own_address_only(void **state)
{
	struct fixture *f = *state;
	struct client c;

	client_init(&c, f, 1111);
	struct datagram hello = hello_with_cookie(f, &c), other = hello;
	other.peer.port++;
	server_hears(f, &other);
	other = hello;
	other.peer.ip[15]++;
	server_hears(f, &other);
	assert_int_equal(counted(f, NET_C_ACCEPTED_DTLS), 0);
	assert_int_equal(counted(f, NET_C_DTLS_COOKIES), 3);

	server_hears(f, &hello);
	assert_int_equal(counted(f, NET_C_ACCEPTED_DTLS), 1);
	client_fini(&c);
}

/* Whoever sees a cookie go by cannot use it with a hello of his own. */
static void a_cookie_is_good_for_its_own_hello_only(void **state)
{
	struct fixture *f = *state;
	struct client c;

	client_init(&c, f, 1111);
	struct datagram hello = hello_with_cookie(f, &c);
	hello.data[13 + 12 + 2] ^= 1; /* of the random */
	server_hears(f, &hello);

	assert_int_equal(counted(f, NET_C_ACCEPTED_DTLS), 0);
	client_fini(&c);
}

static void a_cookie_expires(void **state)
{
	struct fixture *f = *state;
	struct client c;

	client_init(&c, f, 1111);
	struct datagram hello = hello_with_cookie(f, &c);
	wait_ms(f, 25 * 1000);
	server_hears(f, &hello);
	assert_int_equal(counted(f, NET_C_ACCEPTED_DTLS), 1);

	wait_ms(f, 45 * 1000); /* the session has ended, unfinished */
	server_hears(f, &hello);
	assert_int_equal(counted(f, NET_C_END_SILENT), 1);
	assert_int_equal(counted(f, NET_C_ACCEPTED_DTLS), 1);
	client_fini(&c);
}

static void a_spoiled_cookie_draws_a_new_one(void **state)
{
	struct fixture *f = *state;
	struct client c;

	client_init(&c, f, 1111);
	struct datagram hello = hello_with_cookie(f, &c), spoiled;
	size_t cookie_len_at = 13 + 12 + 2 + 32 + 1;
	assert_int_equal(hello.data[cookie_len_at], 20);
	for (size_t i = 1; i <= 20; i++) {
		spoiled = hello;
		spoiled.data[cookie_len_at + i] ^= 0x80;
		server_hears(f, &spoiled);
	}

	assert_int_equal(counted(f, NET_C_ACCEPTED_DTLS), 0);
	assert_int_equal(counted(f, NET_C_DTLS_COOKIES), 21);
	client_fini(&c);
}

/* With room for two on the wire of this client, each of its hellos is cut in two or more. */
static void a_hello_in_fragments_gets_in(void **state)
{
	struct fixture *f = *state;
	struct client c;

	client_init(&c, f, 1111);
	assert_int_equal(SSL_set_mtu(c.ssl, 256), 256);
	assert_int_equal(SSL_set_alpn_protos(c.ssl,
				 (const unsigned char *)"\x80" /* 128 bytes of a protocol's name */
							"aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa"
							"aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa"
							"aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa"
							"aa",
				 129),
		0);
	client_step(&c, NULL);
	assert_true(f->to_server.n > 1);
	shake_hands(f, &c);

	assert_int_equal(counted(f, NET_C_ACCEPTED_DTLS), 1);
	client_fini(&c);
}

static void every_cut_of_a_hello_is_survived(void **state)
{
	struct fixture *f = *state;
	struct client c;

	client_init(&c, f, 1111);
	struct datagram hello = hello_with_cookie(f, &c), cut = hello;
	for (cut.len = 1; cut.len < hello.len; cut.len++)
		server_hears(f, &cut);
	assert_int_equal(counted(f, NET_C_DTLS_MALFORMED), hello.len - 1);
	assert_int_equal(f->to_client.n, 0);
	client_fini(&c);
}

/* ---- a client that starts anew (RFC 6347 §4.2.8) ---- */

static void a_restarted_client_gets_a_new_session(void **state)
{
	struct fixture *f = *state;
	struct client old, young;

	client_init(&old, f, 1111);
	client_init(&young, f, 1111);
	shake_hands(f, &old);
	client_says(&old, "hello", 5);
	server_takes_all(f);
	uint32_t id = f->port->id;
	wait_ms(f, 20 * 1000); /* the old one rests by now */
	shake_hands(f, &young);

	assert_int_equal(counted(f, NET_C_END_REPLACED), 1);
	assert_int_equal(f->n_closed, 1);
	assert_int_equal(counted(f, NET_C_CONNECTIONS), 1);
	client_says(&young, "hello again", 11);
	server_takes_all(f);
	assert_int_equal(f->heard_len, 11);
	assert_int_not_equal(f->port->id, id);
	client_fini(&old);
	client_fini(&young);
}

static void a_hello_without_cookie_leaves_the_session_alone(void **state)
{
	struct fixture *f = *state;
	struct client c, spoofed;

	client_init(&c, f, 1111);
	client_init(&spoofed, f, 1111);
	shake_hands(f, &c);
	client_step(&spoofed, NULL);
	server_takes_all(f);
	assert_int_equal(f->to_client.n, 1); /* the cookie, to the true one */
	f->to_client.n = 0;
	client_says(&c, "hello", 5);
	server_takes_all(f);

	assert_int_equal(f->n_messages, 1);
	assert_int_equal(counted(f, NET_C_END_REPLACED), 0);
	client_fini(&c);
	client_fini(&spoofed);
}

static void the_hello_of_the_session_again_changes_nothing(void **state)
{
	struct fixture *f = *state;
	struct client c;

	client_init(&c, f, 1111);
	client_step(&c, NULL);
	struct datagram bare = f->to_server.list[0];
	server_takes_all(f);
	client_takes_all(f, &c);
	struct datagram hello = wire_take(&f->to_server);
	server_hears(f, &hello);
	server_hears(f, &bare);
	server_hears(f, &hello);
	shake_hands(f, &c);
	server_hears(f, &bare);
	server_hears(f, &hello);
	client_says(&c, "hello", 5);
	server_takes_all(f);

	assert_int_equal(f->n_messages, 1);
	assert_int_equal(counted(f, NET_C_ACCEPTED_DTLS), 1);
	assert_int_equal(counted(f, NET_C_DTLS_COOKIES), 1);
	client_fini(&c);
}

/* ---- bad networks ---- */

static void the_handshake_fits_small_datagrams(void **state)
{
	struct fixture *f = *state;
	struct client c;

	client_init(&c, f, 1111);
	shake_hands(f, &c);
	assert_true(f->longest_to_client <= NET_DTLS_MTU);
	client_fini(&c);
}

/* Every datagram of the handshake, either way, once lost: whose turn it is sends again. */
static void each_lost_datagram_is_sent_again(void **state)
{
	struct fixture *f = *state;
	bool was_lost = true;

	for (size_t lost = 0; was_lost; lost++) {
		size_t n = 0;
		struct client c;
		client_init(&c, f, (uint16_t)(1000 + lost));
		was_lost = false;
		for (int i = 0; !client_step(&c, NULL) || f->to_server.n > 0; i++) {
			assert_true(i < 40);
			for (; f->to_server.n > 0; n++) {
				struct datagram d = wire_take(&f->to_server);
				if (n == lost)
					was_lost = true;
				else
					server_hears(f, &d);
			}
			for (; f->to_client.n > 0; n++) {
				struct datagram d = wire_take(&f->to_client);
				if (n == lost)
					was_lost = true;
				else
					(void)client_step(&c, &d);
			}
			wait_ms(f, 500);
			(void)DTLSv1_handle_timeout(c.ssl);
		}
		client_says(&c, "hello", 5);
		server_takes_all(f);
		assert_int_equal(f->n_messages, lost + 1);
		client_fini(&c);
		/* Make room for the next. */
		wait_ms(f, 2 * NET_IDLE_MS);
		f->to_client.n = 0;
	}
	assert_true(f->n_messages > 5);
}

static void doubled_datagrams_do_no_harm(void **state)
{
	struct fixture *f = *state;
	struct client c;

	client_init(&c, f, 1111);
	for (int i = 0; !client_step(&c, NULL) || f->to_server.n > 0; i++) {
		assert_true(i < 20);
		while (f->to_server.n > 0) {
			struct datagram d = wire_take(&f->to_server);
			server_hears(f, &d);
			server_hears(f, &d);
		}
		while (f->to_client.n > 0) {
			struct datagram d = wire_take(&f->to_client);
			(void)client_step(&c, &d);
			(void)client_step(&c, &d);
		}
	}
	client_says(&c, "hello", 5);
	server_takes_all(f);
	assert_int_equal(f->n_messages, 1);
	assert_int_equal(counted(f, NET_C_ACCEPTED_DTLS), 1);
	client_fini(&c);
}

/* The client's last flight comes as a record for each datagram, the last one first. */
static void a_flight_in_reverse_order_arrives(void **state)
{
	struct fixture *f = *state;
	struct client c;
	struct datagram parts[8];
	size_t n = 0;

	client_init(&c, f, 1111);
	struct datagram hello = hello_with_cookie(f, &c);
	server_hears(f, &hello);
	client_takes_all(f, &c);
	assert_int_equal(f->to_server.n, 1);
	struct datagram flight = wire_take(&f->to_server);
	for (size_t at = 0; at < flight.len; n++) {
		parts[n] = flight;
		parts[n].len = 13u + be16_get(flight.data + at + 11);
		memcpy(parts[n].data, flight.data + at, parts[n].len);
		at += parts[n].len;
	}
	assert_int_equal(n, 3);
	while (n > 0)
		server_hears(f, &parts[--n]);
	for (int i = 0; i < 3 && !SSL_is_init_finished(c.ssl); i++) {
		client_takes_all(f, &c);
		wait_ms(f, 1100); /* what OpenSSL has not kept comes again */
		(void)DTLSv1_handle_timeout(c.ssl);
		server_takes_all(f);
	}
	client_takes_all(f, &c);

	client_says(&c, "hello", 5);
	server_takes_all(f);
	assert_int_equal(f->n_messages, 1);
	client_fini(&c);
}

static void the_flight_goes_again_while_nothing_comes(void **state)
{
	struct fixture *f = *state;
	struct client c;

	client_init(&c, f, 1111);
	struct datagram hello = hello_with_cookie(f, &c);
	server_hears(f, &hello);
	size_t flight = f->to_client.n;
	assert_true(flight > 0);
	wait_ms(f, 900);
	assert_int_equal(f->to_client.n, flight);
	wait_ms(f, 200);
	size_t again = f->to_client.n - flight; /* a datagram for each message, now */
	assert_true(again > 0);
	wait_ms(f, 1800); /* the second pause is twice as long (RFC 6347 §4.2.4.1) */
	assert_int_equal(f->to_client.n, flight + again);
	wait_ms(f, 200);
	assert_int_equal(f->to_client.n, flight + 2 * again);

	wait_ms(f, NET_HANDSHAKE_MS);
	assert_int_equal(counted(f, NET_C_END_SILENT), 1);
	client_fini(&c);
}

/* More than any handshake takes, and OpenSSL would keep it all. */
static void a_handshake_takes_so_many_datagrams_and_no_more(void **state)
{
	struct fixture *f = *state;
	struct client c;

	client_init(&c, f, 1111);
	struct datagram hello = hello_with_cookie(f, &c), early = {.peer = c.addr, .len = 13 + 64};
	server_hears(f, &hello);
	memcpy(early.data, "\x16\xfe\xfd\0\1\0\0\0\0\0\0\0\x40", 13); /* of the next epoch */
	for (uint8_t i = 0; i < 200; i++) {
		early.data[10] = i;
		server_hears(f, &early);
	}

	assert_int_equal(counted(f, NET_C_END_HANDSHAKE), 1);
	assert_true(counted(f, NET_C_DTLS_NO_SESSION) >= 170);
	client_fini(&c);
}

static void dtls_1_0_is_refused(void **state)
{
	struct fixture *f = *state;
	struct client c;

	client_init(&c, f, 1111);
	SSL_set_security_level(c.ssl, 0);
	assert_int_equal(SSL_set_min_proto_version(c.ssl, DTLS1_VERSION), 1);
	assert_int_equal(SSL_set_max_proto_version(c.ssl, DTLS1_VERSION), 1);
	struct datagram hello = hello_with_cookie(f, &c);
	server_hears(f, &hello);
	assert_int_equal(counted(f, NET_C_END_HANDSHAKE), 1);
	client_fini(&c);
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, rig_setup, rig_teardown)

int main(void)
{
	const struct CMUnitTest t[] = {
		TEST(nothing_is_kept_before_the_cookie),
		TEST(a_cookie_is_good_at_its_own_address_only),
		TEST(a_cookie_is_good_for_its_own_hello_only),
		TEST(a_cookie_expires),
		TEST(a_spoiled_cookie_draws_a_new_one),
		TEST(a_hello_in_fragments_gets_in),
		TEST(every_cut_of_a_hello_is_survived),
		TEST(a_restarted_client_gets_a_new_session),
		TEST(a_hello_without_cookie_leaves_the_session_alone),
		TEST(the_hello_of_the_session_again_changes_nothing),
		TEST(the_handshake_fits_small_datagrams),
		TEST(each_lost_datagram_is_sent_again),
		TEST(doubled_datagrams_do_no_harm),
		TEST(a_flight_in_reverse_order_arrives),
		TEST(the_flight_goes_again_while_nothing_comes),
		TEST(a_handshake_takes_so_many_datagrams_and_no_more),
		TEST(dtls_1_0_is_refused),
	};
	return cmocka_run_group_tests(t, NULL, NULL) != 0;
}
