/* SPDX-License-Identifier: BSD-3-Clause */
/* TLS connections: a client of OpenSSL's, turn by turn with the server on one thread. */
#include "tls_rig.h"

#include <fcntl.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <sallyport/crypto.h>

static void messages_go_both_ways(void **state)
{
	static const char text[] = BINDING CHANNEL;
	struct fixture *f = *state;
	char heard[sizeof(text) - 1];
	struct tls t;

	open_tls(f, &t);
	f->is_echo = true;
	shake_hands(f, &t);
	say_tls(f, &t, text, 25);
	say_tls(f, &t, text + 25, sizeof(text) - 1 - 25);

	hear_tls(f, &t, heard, sizeof(heard));
	assert_memory_equal(heard, text, sizeof(heard));
	close_tls(&t);
}

/* The header goes first, and the handshake's first bytes come with it in one piece. */
static void a_balancers_header_comes_before_the_handshake(void **state)
{
	static const char header[] = "PROXY TCP4 192.0.2.7 203.0.113.1 40000 5349\r\n";
	struct fixture *f = *state;
	struct tls t = {.server = pki_server(false), .context = SSL_CTX_new(TLS_client_method())};
	char heard[20], client[ADDR_TEXT_LEN];
	uint8_t first[8192];

	expect_proxies(f);
	f->is_echo = true;
	open_listener(f, 10, t.server);
	f->client = dial(f);
	assert_int_equal(fcntl(f->client, F_SETFL, O_NONBLOCK), 0);
	t.client = SSL_new(t.context);
	SSL_set_bio(t.client, BIO_new_socket(f->client, BIO_NOCLOSE), BIO_new(BIO_s_mem()));
	assert_int_equal(SSL_get_error(t.client, SSL_connect(t.client)), SSL_ERROR_WANT_READ);
	memcpy(first, header, sizeof(header) - 1);
	int n = BIO_read(SSL_get_wbio(t.client), first + sizeof(header) - 1, 4096);
	assert_true(n > 0);
	say(f, first, sizeof(header) - 1 + (size_t)n);
	SSL_set0_wbio(t.client, BIO_new_socket(f->client, BIO_NOCLOSE));
	shake_hands(f, &t);
	say_tls(f, &t, BINDING, 20);

	hear_tls(f, &t, heard, sizeof(heard));
	assert_memory_equal(heard, BINDING, 20);
	assert_string_equal(addr_format(&f->from, client), "192.0.2.7:40000");
	close_tls(&t);
}

/* Much more than a record and than the kernel takes at once: writes are cut and repeated. */
static void what_the_kernel_does_not_take_at_once_arrives_in_order(void **state)
{
	static uint8_t text[3000][20], heard[3000][20];
	struct fixture *f = *state;
	struct tls t;

	open_tls(f, &t);
	f->is_echo = true;
	shake_hands(f, &t);
	for (uint32_t i = 0; i < 3000; i++) {
		memcpy(text[i], BINDING, 20);
		be32_put(text[i] + 16, i);
	}
	for (size_t i = 0; i < 3000; i += 500)
		say_tls(f, &t, text[i], 500 * 20);

	hear_tls(f, &t, heard, sizeof(heard));
	assert_memory_equal(heard, text, sizeof(heard));
	close_tls(&t);
}

/* What TLS has read ahead is shown by no poll; there is no other packet to wake it. */
static void records_that_come_together_are_all_read(void **state)
{
	static uint8_t text[300][1000];
	struct fixture *f = *state;
	struct tls t;

	open_tls(f, &t);
	shake_hands(f, &t);
	say_tls(f, &t, BINDING, 20);
	until(f, NET_C_RX_MESSAGES, 1);
	for (uint32_t i = 0; i < 300; i++) {
		memcpy(text[i], BINDING, 20);
		be16_put(text[i] + 2, sizeof(text[i]) - 20);
	}
	for (size_t n = 1; n <= 300; n += n < 20 ? 1 : 70) {
		uint64_t before = counted(f, NET_C_RX_MESSAGES);
		say_records(f, &t, text, sizeof(text[0]), n);
		until(f, NET_C_RX_MESSAGES, before + n);
	}
	close_tls(&t);
}

/* The part of a record that has come waits for the rest, and costs nothing meanwhile. */
static void part_of_a_record_waits_for_the_rest(void **state)
{
	struct fixture *f = *state;
	struct tls t;
	char *text;

	open_tls(f, &t);
	shake_hands(f, &t);
	BIO *kept = BIO_new(BIO_s_mem());
	SSL_set0_wbio(t.client, kept);
	say_tls(f, &t, BINDING, 20);
	say_tls(f, &t, BINDING, 20);
	long size = BIO_get_mem_data(kept, &text);
	for (long at = 0; at < size; at++) {
		say(f, (const uint8_t *)text + at, 1);
		turn(f);
		turn_now(f);
	}
	assert_int_equal(counted(f, NET_C_RX_MESSAGES), 2);
	close_tls(&t);
}

static void a_slow_reader_loses_whole_messages(void **state)
{
	struct fixture *f = *state;
	uint8_t heard[1200];
	struct tls t;

	open_tls(f, &t);
	shake_hands(f, &t);
	say_tls(f, &t, BINDING, 20);
	until(f, NET_C_RX_MESSAGES, 1);
	for (uint32_t i = 1; i <= 2000; i++) {
		struct net_buf *b = net_buf_get(f->net);
		assert_non_null(b);
		memset(b->data, 0, sizeof(heard));
		be32_put(b->data + 8, i);
		b->len = sizeof(heard);
		net_port_send(f->port, b);
	}
	net_flush(f->net);
	uint64_t kept = counted(f, NET_C_TX_MESSAGES);
	assert_int_equal(kept + counted(f, NET_C_STREAM_FULL), 2000);
	assert_true(kept < 2000);

	for (uint32_t i = 0, last = 0; i < kept; i++) {
		hear_tls(f, &t, heard, sizeof(heard));
		assert_true(be32_get(heard + 8) > last);
		last = be32_get(heard + 8);
	}
	close_tls(&t);
}

/* RFC 7443 */
static void alpn_is_answered_where_it_is_ours(void **state)
{
	static const struct {
		const char *offer, *answer;
	} cases[] = {{"\x09stun.turn", "stun.turn"},
		{"\x02h2\x12stun.nat-discovery", "stun.nat-discovery"}, {"\x02h2", ""}};
	struct fixture *f = *state;
	struct tls t;

	open_tls(f, &t);
	for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
		const unsigned char *chosen;
		unsigned len;
		if (i > 0) {
			SSL_free(t.client);
			close(f->client);
			dial_tls(f, &t);
		}
		assert_int_equal(
			SSL_set_alpn_protos(t.client, (const unsigned char *)cases[i].offer,
				(unsigned)strlen(cases[i].offer)),
			0);
		shake_hands(f, &t);
		SSL_get0_alpn_selected(t.client, &chosen, &len);
		assert_int_equal(len, strlen(cases[i].answer));
		assert_memory_equal(chosen, cases[i].answer, len);
	}
	close_tls(&t);
}

static void a_handshake_that_stops_ends_in_time(void **state)
{
	struct fixture *f = *state;
	struct tls t;

	open_tls(f, &t);
	assert_int_equal(SSL_connect(t.client), -1);
	turn(f);
	wait_ms(f, NET_HANDSHAKE_MS + 200);

	assert_int_equal(counted(f, NET_C_END_SILENT), 1);
	close_tls(&t);
}

static void the_first_message_has_a_time_of_its_own(void **state)
{
	struct fixture *f = *state;
	struct tls t;

	open_tls(f, &t);
	wait_ms(f, NET_HANDSHAKE_MS - 500);
	shake_hands(f, &t);
	turn_now(f);
	wait_ms(f, NET_FIRST_MESSAGE_MS - 500);
	assert_int_equal(counted(f, NET_C_CONNECTIONS), 1);

	wait_ms(f, 1000);
	assert_int_equal(counted(f, NET_C_END_SILENT), 1);
	close_tls(&t);
}

static void what_is_no_tls_ends_the_connection(void **state)
{
	struct fixture *f = *state;
	struct tls t;

	open_tls(f, &t);
	SAY(f, BINDING);
	until(f, NET_C_END_HANDSHAKE, 1);

	assert_int_equal(f->n_messages, 0);
	assert_int_equal(f->n_closed, 1);
	close_tls(&t);
}

static void a_close_notify_ends_the_connection(void **state)
{
	struct fixture *f = *state;
	struct tls t;

	open_tls(f, &t);
	shake_hands(f, &t);
	assert_int_equal(SSL_shutdown(t.client), 0);
	until(f, NET_C_END_CLIENT, 1);
	close_tls(&t);
}

static void a_new_context_is_for_new_connections(void **state)
{
	static const char text[] = BINDING;
	struct fixture *f = *state;
	char heard[20];
	struct tls t;

	open_tls(f, &t);
	f->is_echo = true;
	shake_hands(f, &t);
	X509 *first = SSL_get1_peer_certificate(t.client);
	struct ssl_ctx_st *newer = pki_server(false);
	net_listener_tls_set(f->listener, newer);
	crypto_tls_destroy(newer);
	say_tls(f, &t, text, 20);
	hear_tls(f, &t, heard, 20);

	SSL *old = t.client;
	int old_fd = f->client;
	dial_tls(f, &t);
	shake_hands(f, &t);
	X509 *second = SSL_get1_peer_certificate(t.client);
	assert_int_not_equal(X509_cmp(first, second), 0);
	X509_free(first);
	X509_free(second);
	SSL_free(old);
	close(old_fd);
	close_tls(&t);
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, rig_setup, rig_teardown)

int main(void)
{
	const struct CMUnitTest t[] = {
		TEST(messages_go_both_ways),
		TEST(a_balancers_header_comes_before_the_handshake),
		TEST(what_the_kernel_does_not_take_at_once_arrives_in_order),
		TEST(records_that_come_together_are_all_read),
		TEST(part_of_a_record_waits_for_the_rest),
		TEST(a_slow_reader_loses_whole_messages),
		TEST(alpn_is_answered_where_it_is_ours),
		TEST(a_handshake_that_stops_ends_in_time),
		TEST(the_first_message_has_a_time_of_its_own),
		TEST(what_is_no_tls_ends_the_connection),
		TEST(a_close_notify_ends_the_connection),
		TEST(a_new_context_is_for_new_connections),
	};
	(void)signal(
		SIGPIPE, SIG_IGN); /* as the daemon does: OpenSSL writes without MSG_NOSIGNAL */
	return cmocka_run_group_tests(t, NULL, NULL) != 0;
}
