/* SPDX-License-Identifier: BSD-3-Clause */
/* SIP by UDP, and what else comes to its port. */
#include "rig.h"

#include <errno.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include <sallyport/stun.h>

#define OPTIONS "OPTIONS sip:bob@example.com SIP/2.0\r\n\r\n"
#define ANSWER  "SIP/2.0 200 OK\r\n\r\n"

static int setup(void **state)
{
	(void)rig_setup(state);
	struct rig *r = *state;
	rig_listen(r, SIP_UDP, NULL);
	rig_listen(r, SIP_UDP, NULL);
	rig_start(r);
	return 0;
}

/* A socket of the peer's, connected to listener I so that it hears nobody else. */
static int peer(struct rig *r, uint32_t i, struct addr *local)
{
	struct addr to = sip_transport_local(r->layer, i), any;
	struct sockaddr_storage ss;
	socklen_t len = addr_to_sockaddr(&to, &ss);
	int fd;

	assert_int_equal(addr_parse("127.0.0.1", 0, &any), 0);
	assert_int_equal(net_udp_socket(&any, false, 0, &fd), 0);
	assert_int_equal(connect(fd, (struct sockaddr *)&ss, len), 0);
	len = sizeof(ss);
	assert_int_equal(getsockname(fd, (struct sockaddr *)&ss, &len), 0);
	assert_int_equal(addr_from_sockaddr((struct sockaddr *)&ss, len, local), 0);
	return fd;
}

static void datagram_is_a_message_and_its_flow_leads_back(void **state)
{
	struct rig *r = *state;
	struct addr local;
	int fd = peer(r, 1, &local);
	r->answer = ANSWER;

	rig_say(fd, OPTIONS);
	rig_until(r, SIP_TRANSPORT_C_RX_UDP, 1);
	rig_hear(r, fd, ANSWER);

	assert_string_equal(r->text, OPTIONS);
	assert_int_equal(r->arrival.transport, SIP_UDP);
	assert_int_equal(r->arrival.listener, 1);
	assert_true(addr_equal(&r->arrival.remote, &local));
	close(fd);
}

static void request_leaves_from_the_listener_it_names(void **state)
{
	struct rig *r = *state;
	struct sip_target to = {.transport = SIP_UDP};
	struct sip_flow flow, any;
	int fd = peer(r, 1, &to.addr);
	to.local = sip_transport_local(r->layer, 1);

	assert_int_equal(sip_transport_request(r->layer, &to, rig_bytes(OPTIONS), 1, &flow), 0);
	rig_hear(r, fd, OPTIONS);
	to.local = (struct addr){0};
	assert_int_equal(sip_transport_request(r->layer, &to, rig_bytes(OPTIONS), 1, &any), 0);

	assert_int_equal(flow.index, 1);
	assert_int_equal(any.index, 0);
	close(fd);
}

/* RFC 3261 §18.1.1 */
static void long_request_wants_another_transport(void **state)
{
	struct rig *r = *state;
	struct sip_target to = {.transport = SIP_UDP};
	struct sip_flow flow;
	char text[1301];
	int fd = peer(r, 0, &to.addr);
	memset(text, 'x', sizeof(text));

	assert_int_equal(sip_transport_request(r->layer, &to, bytes_of(text, 1301), 1, &flow),
		ERR_TOO_LARGE);
	assert_int_equal(sip_transport_request(r->layer, &to, bytes_of(text, 1300), 1, &flow), 0);

	/* A response has no choice, nor has a request to who takes nothing else. */
	assert_int_equal(sip_transport_send(r->layer, flow, &to.addr, bytes_of(text, 1301), 1), 0);
	to.has_udp_alone = true;
	assert_int_equal(sip_transport_request(r->layer, &to, bytes_of(text, 1301), 1, &flow), 0);
	close(fd);
}

static void request_wants_a_listener_of_its_family(void **state)
{
	struct rig *r = *state;
	struct sip_target to = {.transport = SIP_UDP};
	struct sip_flow flow;

	assert_int_equal(addr_parse("2001:db8::1", 5060, &to.addr), 0);
	assert_int_equal(
		sip_transport_request(r->layer, &to, rig_bytes(OPTIONS), 1, &flow), -EADDRNOTAVAIL);
	assert_int_equal(addr_parse("127.0.0.1", 5060, &to.addr), 0);
	assert_int_equal(addr_parse("127.0.0.9", 5060, &to.local), 0);
	assert_int_equal(
		sip_transport_request(r->layer, &to, rig_bytes(OPTIONS), 1, &flow), -EADDRNOTAVAIL);
}

/* RFC 3261 §18.4 */
static void closed_port_is_told(void **state)
{
	struct rig *r = *state;
	struct sip_target to = {.transport = SIP_UDP};
	struct sip_flow flow;
	close(peer(r, 0, &to.addr));

	assert_int_equal(sip_transport_request(r->layer, &to, rig_bytes(OPTIONS), 1, &flow), 0);
	net_flush(r->net);
	rig_until(r, SIP_TRANSPORT_C_ICMP, 1);

	assert_int_equal(r->n_unreachable, 1);
	assert_true(addr_equal(&r->unreachable, &to.addr));
}

static void keep_alive_is_no_message(void **state)
{
	struct rig *r = *state;
	struct addr local;
	int fd = peer(r, 0, &local);

	rig_say(fd, "\r\n\r\n");
	rig_until(r, SIP_TRANSPORT_C_PINGS, 1);
	assert_int_equal(send(fd, "\0", 1, 0), 1);
	rig_until(r, SIP_TRANSPORT_C_PINGS, 2);
	assert_int_equal(send(fd, "", 0, 0), 0);
	rig_until(r, SIP_TRANSPORT_C_PINGS, 3);

	assert_int_equal(r->n_arrived, 0);
	assert_true(rig_is_quiet(r, fd));
	close(fd);
}

/* ---- STUN ---- */

static void ask(int fd, enum stun_class class, uint16_t attribute)
{
	static const uint8_t tid[STUN_TID_LEN] = "transaction";
	struct stun_writer w;
	uint8_t text[64];
	size_t len;

	stun_write_begin(&w, text, sizeof(text), class, STUN_BINDING, tid);
	if (attribute != 0)
		stun_write_u32(&w, attribute, 1);
	assert_int_equal(stun_write_end(&w, &len), 0);
	assert_int_equal(send(fd, text, len, 0), len);
}

static void hear_stun(struct rig *r, int fd, uint8_t text[256], struct stun_msg *m)
{
	ssize_t len;

	while ((len = recv(fd, text, 256, MSG_DONTWAIT)) < 0)
		rig_turn_now(r);
	assert_int_equal(stun_msg_decode(text, (size_t)len, m), 0);
}

/* RFC 5626 §4.4.2 */
static void binding_request_is_answered(void **state)
{
	struct rig *r = *state;
	struct addr local, mapped;
	struct stun_attr a;
	struct stun_msg m;
	uint8_t text[256];
	int fd = peer(r, 0, &local);

	ask(fd, STUN_REQUEST, 0);
	hear_stun(r, fd, text, &m);

	assert_int_equal(m.class, STUN_SUCCESS);
	assert_true(stun_attr_find(&m, STUN_XOR_MAPPED_ADDRESS, &a));
	assert_int_equal(stun_attr_xor_address(&m, &a, &mapped), 0);
	assert_true(addr_equal(&mapped, &local));
	assert_int_equal(r->n_arrived, 0);
	close(fd);
}

static void binding_request_of_a_stranger_is_dropped(void **state)
{
	struct rig *r = *state;
	struct addr local;
	r->admits_nobody = true;
	int fd = peer(r, 0, &local);

	ask(fd, STUN_REQUEST, 0);
	rig_until(r, SIP_TRANSPORT_C_DROPPED_UDP, 1);

	assert_true(rig_is_quiet(r, fd));
	close(fd);
}

/* RFC 8489 §6.3.1 */
static void unknown_attribute_is_refused(void **state)
{
	struct rig *r = *state;
	struct stun_attr a;
	struct stun_msg m;
	struct addr local;
	uint8_t text[256];
	uint16_t code;
	int fd = peer(r, 0, &local);

	ask(fd, STUN_REQUEST, 0x7777);
	hear_stun(r, fd, text, &m);

	assert_int_equal(m.class, STUN_ERROR);
	assert_true(stun_attr_find(&m, STUN_ERROR_CODE, &a));
	assert_int_equal(stun_attr_error(&a, &code, &(struct bytes){0}), 0);
	assert_int_equal(code, STUN_UNKNOWN_ATTRIBUTE);
	close(fd);
}

static void other_stun_is_dropped(void **state)
{
	struct rig *r = *state;
	struct addr local;
	int fd = peer(r, 0, &local);

	ask(fd, STUN_INDICATION, 0);
	rig_until(r, SIP_TRANSPORT_C_DROPPED_UDP, 1);
	assert_int_equal(send(fd, "\0\1garbage", 9, 0), 9);
	rig_until(r, SIP_TRANSPORT_C_DROPPED_UDP, 2);

	assert_true(rig_is_quiet(r, fd));
	assert_int_equal(r->n_arrived, 0);
	close(fd);
}

int main(void)
{
	const struct CMUnitTest t[] = {
#define TEST(f) cmocka_unit_test_setup_teardown(f, setup, rig_teardown)
		TEST(datagram_is_a_message_and_its_flow_leads_back),
		TEST(request_leaves_from_the_listener_it_names),
		TEST(long_request_wants_another_transport),
		TEST(request_wants_a_listener_of_its_family),
		TEST(closed_port_is_told),
		TEST(keep_alive_is_no_message),
		TEST(binding_request_is_answered),
		TEST(binding_request_of_a_stranger_is_dropped),
		TEST(unknown_attribute_is_refused),
		TEST(other_stun_is_dropped),
	};
	return cmocka_run_group_tests(t, NULL, NULL) != 0;
}
