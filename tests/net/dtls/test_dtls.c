/* SPDX-License-Identifier: BSD-3-Clause */
/* DTLS sessions and their messages, after a handshake in which nothing goes wrong. */
#include "rig.h"

#include <string.h>

static void hear_and_check(struct fixture *f, struct client *c, const void *text, size_t len)
{
	static uint8_t heard[20000];
	struct datagram d = wire_take(&f->to_client);

	assert_int_equal(client_hears(c, &d, heard, sizeof(heard)), len);
	assert_memory_equal(heard, text, len);
}

static void a_message_is_a_record_both_ways(void **state)
{
	struct fixture *f = *state;
	struct client c;

	client_init(&c, f, 1111);
	shake_hands(f, &c);
	f->is_echo = true;
	/* 9 bytes of ChannelData: on a stream they would be padded to 12 (RFC 8656 §12.5). */
	client_says(&c, "\x40\x01\x00\x05hello", 9);
	assert_int_equal(f->to_server.n, 1);
	server_takes_all(f);

	assert_int_equal(f->n_messages, 1);
	assert_int_equal(f->heard_len, 9);
	hear_and_check(f, &c, "\x40\x01\x00\x05hello", 9);
	assert_int_equal(counted(f, NET_C_ACCEPTED_DTLS), 1);
	assert_int_equal(counted(f, NET_C_CONNECTIONS), 1);
	assert_true(addr_equal(&f->port->local, &f->udp.local));
	client_fini(&c);
}

static void records_that_share_a_datagram_are_messages_of_their_own(void **state)
{
	struct fixture *f = *state;
	struct client c;

	client_init(&c, f, 1111);
	shake_hands(f, &c);
	client_says(&c, "one", 3);
	client_says(&c, "three", 5);
	struct datagram d = wire_take(&f->to_server), second = wire_take(&f->to_server);
	memcpy(d.data + d.len, second.data, second.len);
	d.len += second.len;
	server_hears(f, &d);

	assert_int_equal(f->n_messages, 2);
	assert_int_equal(f->heard_len, 5);
	client_fini(&c);
}

/* RFC 7350 §4.6: they are lost as they would be on UDP. */
static void lost_and_doubled_messages_are_lost_and_not_doubled(void **state)
{
	struct fixture *f = *state;
	struct client c;

	client_init(&c, f, 1111);
	shake_hands(f, &c);
	for (int i = 0; i < 3; i++)
		client_says(&c, "message", 7);
	struct datagram first = wire_take(&f->to_server), third;
	(void)wire_take(&f->to_server);
	third = wire_take(&f->to_server);
	server_hears(f, &third);
	server_hears(f, &first);
	server_hears(f, &third);

	assert_int_equal(f->n_messages, 2);
	assert_int_equal(counted(f, NET_C_CONNECTIONS), 1);
	client_fini(&c);
}

static void the_longest_record_passes_and_a_longer_message_is_dropped(void **state)
{
	struct fixture *f = *state;
	struct client c;

	client_init(&c, f, 1111);
	shake_hands(f, &c);
	client_says(&c, "hello", 5);
	server_takes_all(f);
	for (uint32_t len = CRYPTO_TLS_RECORD_MAX; len <= CRYPTO_TLS_RECORD_MAX + 1; len++) {
		struct net_buf *b = net_buf_get(f->net);
		memset(b->data, 0, len);
		b->len = len;
		net_port_send(f->port, b);
	}

	assert_true(f->longest_to_client > CRYPTO_TLS_RECORD_MAX);
	assert_true(f->longest_to_client <= CRYPTO_TLS_RECORD_MAX + CRYPTO_DTLS_OVERHEAD);
	assert_int_equal(counted(f, NET_C_TX_TOO_BIG), 1);
	client_fini(&c);
}

static void clients_are_told_apart_by_their_addresses(void **state)
{
	struct fixture *f = *state;
	struct client c[3];

	for (uint16_t i = 0; i < 3; i++) {
		client_init(&c[i], f, (uint16_t)(1111 + i));
		shake_hands(f, &c[i]);
	}
	f->is_echo = true;
	for (size_t i = 0; i < 3; i++)
		client_says(&c[i], &"abc"[i], 1);
	server_takes_all(f);

	for (size_t i = 0; i < 3; i++) {
		assert_int_equal(f->to_client.list[0].peer.port, 1111 + i);
		hear_and_check(f, &c[i], &"abc"[i], 1);
		client_fini(&c[i]);
	}
	assert_int_equal(counted(f, NET_C_CONNECTIONS), 3);
}

static void a_forged_record_is_nothing(void **state)
{
	struct fixture *f = *state;
	struct client c;

	client_init(&c, f, 1111);
	shake_hands(f, &c);
	client_says(&c, "hello", 5);
	struct datagram d = wire_take(&f->to_server), forged = d;
	for (size_t i = 0; i < d.len; i++) {
		forged.data[i] ^= 0x55;
		server_hears(f, &forged);
		forged.data[i] ^= 0x55;
	}
	/* An alert that is not encrypted: close_notify, and a fatal one. */
	forged.len = 15;
	memcpy(forged.data, "\x15\xfe\xfd\0\0\0\0\0\0\1\0\0\2\1\0", 15);
	server_hears(f, &forged);
	forged.data[13] = 2;
	server_hears(f, &forged);
	assert_int_equal(f->n_messages, 0);

	server_hears(f, &d);
	assert_int_equal(f->n_messages, 1);
	client_fini(&c);
}

static void a_close_notify_ends_the_session(void **state)
{
	struct fixture *f = *state;
	struct client c;

	client_init(&c, f, 1111);
	shake_hands(f, &c);
	assert_int_equal(SSL_shutdown(c.ssl), 0);
	server_takes_all(f);

	assert_int_equal(counted(f, NET_C_END_CLIENT), 1);
	assert_int_equal(f->n_closed, 1);
	assert_true(addr_equal(&f->gone, &c.addr));
	assert_int_equal(counted(f, NET_C_CONNECTIONS), 0);
	client_fini(&c);
}

static void a_closed_port_says_good_bye(void **state)
{
	struct fixture *f = *state;
	struct client c;
	uint8_t heard[8];

	client_init(&c, f, 1111);
	shake_hands(f, &c);
	f->is_closing = true;
	client_says(&c, "one", 3);
	client_says(&c, "two", 3);
	server_takes_all(f);

	assert_int_equal(f->n_messages, 1);
	assert_int_equal(f->n_closed, 0);
	struct datagram d = wire_take(&f->to_client);
	assert_int_equal(client_hears(&c, &d, heard, sizeof(heard)), 0);
	assert_int_equal(SSL_get_shutdown(c.ssl), SSL_RECEIVED_SHUTDOWN);
	assert_int_equal(counted(f, NET_C_DTLS_NO_SESSION), 1);
	client_fini(&c);
}

static void a_session_ends_when_it_is_silent_or_idle(void **state)
{
	struct fixture *f = *state;
	struct client c, silent;

	client_init(&c, f, 1111);
	client_init(&silent, f, 2222);
	shake_hands(f, &c);
	shake_hands(f, &silent);
	client_says(&c, "hello", 5);
	server_takes_all(f);
	wait_ms(f, NET_FIRST_MESSAGE_MS + 200);
	assert_int_equal(counted(f, NET_C_END_SILENT), 1);
	assert_int_equal(f->to_client.list[0].peer.port, 2222);

	wait_ms(f, NET_IDLE_MS - NET_FIRST_MESSAGE_MS - 1000);
	assert_int_equal(counted(f, NET_C_CONNECTIONS), 1);
	wait_ms(f, 1000);
	assert_int_equal(counted(f, NET_C_END_IDLE), 1);
	client_fini(&c);
	client_fini(&silent);
}

static void what_an_allocation_holds_is_not_idle(void **state)
{
	struct fixture *f = *state;
	struct client c;

	client_init(&c, f, 1111);
	shake_hands(f, &c);
	client_says(&c, "hello", 5);
	server_takes_all(f);
	f->port->n_holds++;
	wait_ms(f, 5 * NET_IDLE_MS);
	assert_int_equal(counted(f, NET_C_CONNECTIONS), 1);
	f->port->n_holds--;
	wait_ms(f, 2 * NET_IDLE_MS);
	assert_int_equal(counted(f, NET_C_END_IDLE), 1);
	client_fini(&c);
}

/* It gives its buffers back and takes new ones for whichever way the next message goes. */
static void a_session_that_rests_wakes_up(void **state)
{
	struct fixture *f = *state;
	struct client c;

	client_init(&c, f, 1111);
	shake_hands(f, &c);
	client_says(&c, "hello", 5);
	server_takes_all(f);
	wait_ms(f, 20 * 1000);
	f->is_echo = true;
	client_says(&c, "again", 5);
	server_takes_all(f);
	hear_and_check(f, &c, "again", 5);

	wait_ms(f, 20 * 1000);
	struct net_buf *b = net_buf_get(f->net);
	memcpy(b->data, "ours", 4);
	b->len = 4;
	net_port_send(f->port, b);
	hear_and_check(f, &c, "ours", 4);

	wait_ms(f, 20 * 1000);
	assert_int_equal(SSL_shutdown(c.ssl), 0);
	server_takes_all(f);
	assert_int_equal(counted(f, NET_C_END_CLIENT), 1);
	client_fini(&c);
}

static void what_is_over_the_limit_gets_no_answer(void **state)
{
	struct fixture *f = *state;
	struct client c, d;

	net_dtls_destroy(f->dtls);
	open_dtls(f, 1);
	client_init(&c, f, 1111);
	client_init(&d, f, 2222);
	shake_hands(f, &c);
	client_step(&d, NULL);
	server_takes_all(f);
	client_takes_all(f, &d); /* that was the cookie */
	server_takes_all(f);
	assert_int_equal(f->to_client.n, 0);
	assert_int_equal(counted(f, NET_C_REFUSED_LIMIT), 1);

	/* Its next try finds the place that the other has left. */
	SSL_shutdown(c.ssl);
	server_takes_all(f);
	f->to_client.n = 0;
	wait_ms(f, 1000);
	assert_int_equal(DTLSv1_handle_timeout(d.ssl), 1);
	shake_hands(f, &d);
	assert_int_equal(counted(f, NET_C_ACCEPTED_DTLS), 2);
	client_fini(&c);
	client_fini(&d);
}

/* RFC 7443 */
static void alpn_is_answered_where_it_is_ours(void **state)
{
	static const struct {
		const char *offer, *answer;
	} cases[] = {{"\x09stun.turn", "stun.turn"},
		{"\x02h2\x12stun.nat-discovery", "stun.nat-discovery"}, {"\x02h2", ""}};
	struct fixture *f = *state;

	for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
		const unsigned char *chosen;
		struct client c;
		unsigned len;
		client_init(&c, f, (uint16_t)(1111 + i));
		assert_int_equal(SSL_set_alpn_protos(c.ssl, (const unsigned char *)cases[i].offer,
					 (unsigned)strlen(cases[i].offer)),
			0);
		shake_hands(f, &c);
		SSL_get0_alpn_selected(c.ssl, &chosen, &len);
		assert_int_equal(len, strlen(cases[i].answer));
		assert_memory_equal(chosen, cases[i].answer, len);
		client_fini(&c);
	}
}

static void a_new_context_is_for_new_sessions(void **state)
{
	struct fixture *f = *state;
	struct client old, young;

	client_init(&old, f, 1111);
	shake_hands(f, &old);
	struct ssl_ctx_st *newer = pki_server(true);
	net_dtls_tls_set(f->dtls, newer);
	crypto_tls_destroy(newer);
	client_init(&young, f, 2222);
	shake_hands(f, &young);

	X509 *first = SSL_get1_peer_certificate(old.ssl);
	X509 *second = SSL_get1_peer_certificate(young.ssl);
	assert_int_not_equal(X509_cmp(first, second), 0);
	X509_free(first);
	X509_free(second);
	client_says(&old, "hello", 5);
	server_takes_all(f);
	assert_int_equal(f->n_messages, 1);
	client_fini(&old);
	client_fini(&young);
}

static void no_client_can_renegotiate(void **state)
{
	struct fixture *f = *state;
	uint8_t heard[64];
	struct client c;

	client_init(&c, f, 1111);
	shake_hands(f, &c);
	client_says(&c, "hello", 5);
	server_takes_all(f);
	assert_int_equal(SSL_renegotiate(c.ssl), 1);
	(void)SSL_do_handshake(c.ssl);
	assert_true(f->to_server.n > 0);
	server_takes_all(f);
	struct datagram d = wire_take(&f->to_client); /* an alert: no_renegotiation */
	(void)client_hears(&c, &d, heard, sizeof(heard));

	assert_int_equal(f->to_client.n, 0);
	assert_int_equal(counted(f, NET_C_ACCEPTED_DTLS), 1);
	assert_int_equal(counted(f, NET_C_DTLS_COOKIES), 1);
	client_fini(&c);
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, rig_setup, rig_teardown)

int main(void)
{
	const struct CMUnitTest t[] = {
		TEST(a_message_is_a_record_both_ways),
		TEST(records_that_share_a_datagram_are_messages_of_their_own),
		TEST(lost_and_doubled_messages_are_lost_and_not_doubled),
		TEST(the_longest_record_passes_and_a_longer_message_is_dropped),
		TEST(clients_are_told_apart_by_their_addresses),
		TEST(a_forged_record_is_nothing),
		TEST(a_close_notify_ends_the_session),
		TEST(a_closed_port_says_good_bye),
		TEST(a_session_ends_when_it_is_silent_or_idle),
		TEST(what_an_allocation_holds_is_not_idle),
		TEST(a_session_that_rests_wakes_up),
		TEST(what_is_over_the_limit_gets_no_answer),
		TEST(alpn_is_answered_where_it_is_ours),
		TEST(a_new_context_is_for_new_sessions),
		TEST(no_client_can_renegotiate),
	};
	return cmocka_run_group_tests(t, NULL, NULL) != 0;
}
