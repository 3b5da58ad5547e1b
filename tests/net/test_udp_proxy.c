/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * Datagrams of load balancers on loopback: 127.0.0.2 is one, every other address is a client. The
 * clock is a number; an alarm ends a test whose datagrams do not come.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include <cmocka.h>
#include <event2/event.h>
#include <sallyport/net.h>

#define BALANCER "127.0.0.2"
#define HELLO    "\0\1\0\0hello"

#define V2        "\r\n\r\n\0\r\nQUIT\n\x21\x12\0\x0c"
#define V2_STREAM "\r\n\r\n\0\r\nQUIT\n\x21\x11\0\x0c"
#define V2_LOCAL  "\r\n\r\n\0\r\nQUIT\n\x20\0\0\0"
#define ALICE     V2 "\xc0\x00\x02\x07\xcb\x00\x71\x01\x9c\x40\x0d\x96" /* 192.0.2.7:40000 */
#define BOB       V2 "\xc0\x00\x02\x08\xcb\x00\x71\x01\x9c\x41\x0d\x96" /* 192.0.2.8:40001 */
#define CAROL     "PROXY TCP6 2001:db8::9 2001:db8::1 40002 3478\r\n"

struct fixture {
	struct loop *loop;
	struct net *net;
	metrics_cell cells[NET_C_COUNT];
	struct clock clock;
	struct wheel wheel;
	struct net_handler handler;
	struct prefix_set *balancers;
	uint32_t per_client; /* 0: no limit */
	struct net_proxy *proxy;
	struct addr local;
	size_t n_heard, n_closed;
	/* The last datagram, and the last session that ended. */
	struct net_port *port;
	struct addr from, gone;
	uint32_t len;
	int fds[8];
	size_t n_fds;
};

/* Echoes, so that a test sees where answers go. */
static void on_packets(void *arg, struct net_port *p, struct net_buf **bufs, size_t n)
{
	struct fixture *f = arg;
	assert_ptr_equal(p->owner, f);
	for (size_t i = 0; i < n; i++) {
		f->n_heard++;
		f->port = p;
		f->from = bufs[i]->addr;
		f->len = bufs[i]->len;
		net_port_send(p, bufs[i]);
	}
}

static void on_closed(void *arg, struct net_port *p, const struct addr *peer)
{
	struct fixture *f = arg;
	assert_ptr_equal(p->owner, f);
	f->n_closed++;
	f->gone = *peer;
}

static void open_proxy(struct fixture *f, bool is_first_only, uint32_t max_connections)
{
	struct net_proxy_config c = {.balancers = f->balancers,
		.is_first_only = is_first_only,
		.wheel = &f->wheel,
		.clock = &f->clock,
		.max_connections = max_connections,
		.per_client = f->per_client};
	struct sockaddr_storage ss;
	socklen_t len = sizeof(ss);
	assert_int_equal(addr_parse("127.0.0.1", 0, &c.local), 0);
	assert_int_equal(net_udp_socket(&c.local, false, 0, &c.fd), 0);
	assert_int_equal(getsockname(c.fd, (struct sockaddr *)&ss, &len), 0);
	assert_int_equal(addr_from_sockaddr((struct sockaddr *)&ss, len, &c.local), 0);
	f->local = c.local;
	assert_int_equal(net_proxy_open(f->net, &c, &f->handler, f, &f->proxy), 0);
	assert_true(addr_equal(&net_proxy_port(f->proxy)->local, &f->local));
}

static int setup(void **state)
{
	struct fixture *f = calloc(1, sizeof(*f));
	struct prefix p;
	assert_non_null(f);
	f->loop = loop_create("test", 16);
	f->net = net_create(f->loop, f->cells);
	assert_non_null(f->net);
	f->clock.mono_ms = 1000000;
	wheel_init(&f->wheel, f->clock.mono_ms, NULL);
	f->handler = (struct net_handler){.packets = on_packets, .arg = f, .closed = on_closed};
	f->balancers = prefix_set_create();
	assert_int_equal(prefix_parse(BALANCER, &p), 0);
	assert_int_equal(prefix_set_insert(f->balancers, &p, 1), 0);
	log_fd_set(-1);
	alarm(60);
	*state = f;
	return 0;
}

static int teardown(void **state)
{
	struct fixture *f = *state;
	alarm(0);
	for (size_t i = 0; i < f->n_fds; i++)
		close(f->fds[i]);
	net_proxy_close(f->proxy);
	assert_int_equal(metrics_get(f->cells, NET_C_CONNECTIONS), 0);
	assert_int_equal(f->wheel.count, 0);
	prefix_set_destroy(f->balancers);
	net_destroy(f->net);
	loop_destroy(f->loop);
	free(f);
	return 0;
}

static uint64_t counted(struct fixture *f, enum net_counter row)
{
	return metrics_get(f->cells, row);
}

/* A socket on IP, connected to the listener: it hears answers from there only. */
static int dial(struct fixture *f, const char *ip)
{
	struct sockaddr_storage ss;
	struct addr local;
	int fd = socket(AF_INET, SOCK_DGRAM | SOCK_CLOEXEC, 0);
	assert_true(fd >= 0 && f->n_fds < ARRAY_LEN(f->fds));
	f->fds[f->n_fds++] = fd;
	assert_int_equal(addr_parse(ip, 0, &local), 0);
	socklen_t len = addr_to_sockaddr(&local, &ss);
	assert_int_equal(bind(fd, (struct sockaddr *)&ss, len), 0);
	len = addr_to_sockaddr(&f->local, &ss);
	assert_int_equal(connect(fd, (struct sockaddr *)&ss, len), 0);
	return fd;
}

/* Sends and lets the server receive it. */
static void say(struct fixture *f, int fd, const void *data, size_t len)
{
	uint64_t before = counted(f, NET_C_RX_PACKETS);
	assert_int_equal(send(fd, data, len, 0), len);
	while (counted(f, NET_C_RX_PACKETS) == before)
		assert_true(event_base_loop(loop_base(f->loop), EVLOOP_ONCE) >= 0);
	net_flush(f->net);
}
#define SAY(f, fd, text) say(f, fd, text, sizeof(text) - 1)

static void assert_heard(int fd, const void *data, size_t len)
{
	uint8_t bytes[256];
	assert_int_equal(recv(fd, bytes, sizeof(bytes), 0), len);
	assert_memory_equal(bytes, data, len);
}

static void assert_from(struct fixture *f, const char *want)
{
	char text[ADDR_TEXT_LEN];
	assert_string_equal(addr_format(&f->from, text), want);
	assert_int_equal(f->len, sizeof(HELLO) - 1);
}

static void wait_ms(struct fixture *f, uint64_t ms)
{
	f->clock.mono_ms += ms;
	wheel_advance(&f->wheel, f->clock.mono_ms);
}

static void the_client_is_the_one_in_the_header(void **state)
{
	struct fixture *f = *state;
	open_proxy(f, false, 10);
	int lb = dial(f, BALANCER);

	SAY(f, lb, ALICE HELLO);
	assert_from(f, "192.0.2.7:40000");
	struct net_port *p = f->port;
	assert_heard(lb, HELLO, sizeof(HELLO) - 1);
	SAY(f, lb, ALICE HELLO);
	assert_ptr_equal(f->port, p);
	assert_int_equal(counted(f, NET_C_ACCEPTED_UDP), 1);
	assert_int_equal(f->n_closed, 0);
}

static void each_port_of_a_balancer_is_a_session(void **state)
{
	struct fixture *f = *state;
	open_proxy(f, false, 10);
	int one = dial(f, BALANCER), two = dial(f, BALANCER);

	SAY(f, one, ALICE HELLO);
	uint32_t first = f->port->id;
	SAY(f, two, ALICE HELLO); /* the same client by another way: another 5-tuple */
	assert_int_not_equal(f->port->id, first);
	assert_heard(one, HELLO, sizeof(HELLO) - 1);
	assert_heard(two, HELLO, sizeof(HELLO) - 1);
	SAY(f, two, CAROL HELLO);
	assert_from(f, "[2001:db8::9]:40002");
	assert_heard(two, HELLO, sizeof(HELLO) - 1);
}

static void another_client_on_the_port_ends_the_session(void **state)
{
	struct fixture *f = *state;
	open_proxy(f, false, 10);
	int lb = dial(f, BALANCER);
	SAY(f, lb, ALICE HELLO);
	f->port->n_holds++; /* its allocation does not keep the newcomer out */

	SAY(f, lb, BOB HELLO);
	assert_from(f, "192.0.2.8:40001");
	assert_int_equal(f->n_closed, 1);
	char text[ADDR_TEXT_LEN];
	assert_string_equal(addr_format(&f->gone, text), "192.0.2.7:40000");
	assert_int_equal(counted(f, NET_C_END_REPLACED), 1);
	assert_int_equal(counted(f, NET_C_CONNECTIONS), 1);
}

static void without_a_right_header_a_balancers_datagram_is_dropped(void **state)
{
	struct fixture *f = *state;
	open_proxy(f, false, 10);
	int lb = dial(f, BALANCER);

	SAY(f, lb, HELLO);
	SAY(f, lb, "");
	SAY(f, lb, "PROXY TCP4 ");
	SAY(f, lb, V2_STREAM "\xc0\x00\x02\x07\xcb\x00\x71\x01\x9c\x40\x0d\x96" HELLO);
	assert_int_equal(counted(f, NET_C_PROXY_DROPPED), 4);
	SAY(f, lb, ALICE HELLO);
	SAY(f, lb, HELLO); /* in each, the configuration says */
	assert_int_equal(counted(f, NET_C_PROXY_DROPPED), 5);
	assert_int_equal(f->n_heard, 1);
}

static void a_balancer_may_speak_for_itself(void **state)
{
	struct fixture *f = *state;
	open_proxy(f, false, 10);
	int lb = dial(f, BALANCER);

	SAY(f, lb, V2_LOCAL HELLO);
	assert_ptr_equal(f->port, net_proxy_port(f->proxy));
	assert_heard(lb, HELLO, sizeof(HELLO) - 1);
	assert_int_equal(counted(f, NET_C_CONNECTIONS), 0);
}

static void who_is_no_balancer_needs_no_header_and_has_none(void **state)
{
	struct fixture *f = *state;
	open_proxy(f, false, 10);
	int client = dial(f, "127.0.0.3");

	SAY(f, client, HELLO);
	assert_ptr_equal(f->port, net_proxy_port(f->proxy));
	assert_heard(client, HELLO, sizeof(HELLO) - 1);
	SAY(f, client, ALICE HELLO); /* no message of ours, so those above drop it */
	assert_int_equal(f->len, sizeof(ALICE HELLO) - 1);
	assert_ptr_equal(f->port, net_proxy_port(f->proxy));
	assert_int_equal(counted(f, NET_C_CONNECTIONS), 0);
}

static void a_session_may_have_one_header_for_all(void **state)
{
	struct fixture *f = *state;
	open_proxy(f, true, 10);
	int lb = dial(f, BALANCER);

	SAY(f, lb, HELLO);
	assert_int_equal(counted(f, NET_C_PROXY_DROPPED), 1);
	SAY(f, lb, CAROL HELLO);
	assert_from(f, "[2001:db8::9]:40002");
	SAY(f, lb, HELLO);
	assert_from(f, "[2001:db8::9]:40002");
	assert_int_equal(f->n_heard, 2);
}

/* The second datagram is the client's: if it could begin with a header, it could be anybody. */
static void with_one_header_a_client_cannot_send_another(void **state)
{
	struct fixture *f = *state;
	open_proxy(f, true, 10);
	int lb = dial(f, BALANCER);
	SAY(f, lb, ALICE HELLO);

	SAY(f, lb, BOB HELLO);
	char text[ADDR_TEXT_LEN];
	assert_string_equal(addr_format(&f->from, text), "192.0.2.7:40000");
	assert_int_equal(f->len, sizeof(BOB HELLO) - 1);
	assert_int_equal(f->n_closed, 0);
}

static void a_header_alone_begins_a_session(void **state)
{
	struct fixture *f = *state;
	open_proxy(f, true, 10);
	int lb = dial(f, BALANCER);

	SAY(f, lb, ALICE);
	assert_int_equal(f->n_heard, 0);
	SAY(f, lb, HELLO);
	assert_from(f, "192.0.2.7:40000");
}

static void an_idle_session_ends_unless_it_is_held(void **state)
{
	struct fixture *f = *state;
	open_proxy(f, false, 10);
	int one = dial(f, BALANCER), two = dial(f, BALANCER);
	SAY(f, one, ALICE HELLO);
	SAY(f, two, BOB HELLO);
	struct net_port *held = f->port;
	held->n_holds++;

	wait_ms(f, NET_IDLE_MS - 10000);
	assert_int_equal(counted(f, NET_C_CONNECTIONS), 2);
	wait_ms(f, 10200);
	assert_int_equal(counted(f, NET_C_CONNECTIONS), 1);
	assert_int_equal(counted(f, NET_C_END_IDLE), 1);
	assert_int_equal(f->n_closed, 1);
	held->n_holds--;
	wait_ms(f, 2 * NET_IDLE_MS);
	assert_int_equal(counted(f, NET_C_CONNECTIONS), 0);
}

static void with_no_room_the_oldest_that_is_not_held_goes(void **state)
{
	struct fixture *f = *state;
	open_proxy(f, false, 2);
	int one = dial(f, BALANCER), two = dial(f, BALANCER), three = dial(f, BALANCER);
	SAY(f, one, ALICE HELLO);
	struct net_port *held = f->port;
	held->n_holds++;
	SAY(f, two, BOB HELLO);

	SAY(f, three, CAROL HELLO);
	assert_from(f, "[2001:db8::9]:40002");
	assert_int_equal(counted(f, NET_C_END_REPLACED), 1);
	char text[ADDR_TEXT_LEN];
	assert_string_equal(addr_format(&f->gone, text), "192.0.2.8:40001");
	f->port->n_holds++;
	SAY(f, two, BOB HELLO);
	assert_int_equal(counted(f, NET_C_REFUSED_LIMIT), 1);
	assert_int_equal(f->n_heard, 3);
	SAY(f, one, ALICE HELLO);
	assert_ptr_equal(f->port, held);
	f->port->n_holds--;
}

static void a_client_has_so_many_sessions_and_others_theirs(void **state)
{
	struct fixture *f = *state;
	f->per_client = 1;
	open_proxy(f, false, 2);
	int one = dial(f, BALANCER), two = dial(f, BALANCER);
	SAY(f, one, ALICE HELLO);

	SAY(f, two, ALICE HELLO);
	assert_int_equal(counted(f, NET_C_REFUSED_CLIENT), 1);
	assert_int_equal(f->n_heard, 1);
	SAY(f, two, BOB HELLO);
	assert_from(f, "192.0.2.8:40001");
	SAY(f, one, BOB HELLO); /* his one session is on the other port */
	assert_int_equal(counted(f, NET_C_REFUSED_CLIENT), 2);
	assert_int_equal(counted(f, NET_C_CONNECTIONS), 1);
	SAY(f, one, ALICE HELLO);
	assert_int_equal(f->n_heard, 3);
}

static void a_session_may_be_closed_from_above(void **state)
{
	struct fixture *f = *state;
	open_proxy(f, false, 10);
	int lb = dial(f, BALANCER);
	SAY(f, lb, ALICE HELLO);

	net_port_close(f->port);
	assert_int_equal(counted(f, NET_C_CONNECTIONS), 0);
	assert_int_equal(f->n_closed, 0);
	SAY(f, lb, ALICE HELLO);
	assert_int_equal(counted(f, NET_C_ACCEPTED_UDP), 2);
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, setup, teardown)

int main(void)
{
	const struct CMUnitTest t[] = {
		TEST(the_client_is_the_one_in_the_header),
		TEST(each_port_of_a_balancer_is_a_session),
		TEST(another_client_on_the_port_ends_the_session),
		TEST(without_a_right_header_a_balancers_datagram_is_dropped),
		TEST(a_balancer_may_speak_for_itself),
		TEST(who_is_no_balancer_needs_no_header_and_has_none),
		TEST(a_session_may_have_one_header_for_all),
		TEST(with_one_header_a_client_cannot_send_another),
		TEST(a_header_alone_begins_a_session),
		TEST(an_idle_session_ends_unless_it_is_held),
		TEST(with_no_room_the_oldest_that_is_not_held_goes),
		TEST(a_client_has_so_many_sessions_and_others_theirs),
		TEST(a_session_may_be_closed_from_above),
	};
	return cmocka_run_group_tests(t, NULL, NULL) != 0;
}
