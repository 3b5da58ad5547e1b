/* SPDX-License-Identifier: BSD-3-Clause */
/* What two processes say to each other at an upgrade: over a pair of sockets, whole and broken. */
#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <unistd.h>
#include <cmocka.h>

#include "../../../src/daemon/upgrade/wire.h"

struct pair {
	int a, b;
};

static struct pair connect_pair(void)
{
	int fds[2];
	assert_int_equal(socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, fds), 0);
	return (struct pair){fds[0], fds[1]};
}

static void close_pair(struct pair p)
{
	if (p.a >= 0)
		close(p.a);
	close(p.b);
}

static uint64_t file_of(int fd)
{
	struct stat st;
	assert_int_equal(fstat(fd, &st), 0);
	return st.st_ino;
}

static void message_arrives_with_its_parts_and_descriptors(void **state)
{
	struct pair p = connect_pair();
	struct upgrade_message m;
	int pipe_fds[2], fds[TURN_PARCEL_FDS] = {-1, -1};
	assert_int_equal(pipe(pipe_fds), 0);
	fds[1] = pipe_fds[0]; /* the second place alone */
	assert_int_equal(
		upgrade_send(p.a, UPGRADE_PARCEL, bytes_str("one"), bytes_str("two"), fds), 0);
	assert_int_equal(upgrade_send_text(p.a, UPGRADE_END, ""), 0);

	assert_int_equal(upgrade_receive(p.b, &m), 0);

	assert_int_equal(m.type, UPGRADE_PARCEL);
	assert_int_equal(m.len, 6);
	assert_string_equal((char *)m.data, "onetwo");
	assert_int_equal(m.fds[0], -1);
	assert_int_equal(file_of(m.fds[1]), file_of(pipe_fds[0]));
	upgrade_message_fini(&m);
	assert_int_equal(upgrade_receive(p.b, &m), 0);
	assert_int_equal(m.type, UPGRADE_END);
	assert_int_equal(m.len, 0);
	assert_true(m.fds[0] == -1 && m.fds[1] == -1);
	upgrade_message_fini(&m);
	close(pipe_fds[0]);
	close(pipe_fds[1]);
	close_pair(p);
}

/* Each length, the other end closed behind it. */
static void message_that_breaks_off_is_truncated(void **state)
{
	const uint8_t whole[] = {0, UPGRADE_END, 0, 0, 0, 0, 0, 3, 'a', 'b', 'c'};
	for (size_t len = 0; len <= sizeof(whole); len++) {
		struct pair p = connect_pair();
		struct upgrade_message m;
		assert_int_equal(send(p.a, whole, len, 0), len);
		close(p.a);
		p.a = -1;
		int rc = upgrade_receive(p.b, &m);
		assert_int_equal(rc, len == sizeof(whole) ? 0 : ERR_TRUNCATED);
		if (rc == 0)
			upgrade_message_fini(&m);
		close_pair(p);
	}
}

static void message_that_is_too_long_is_refused(void **state)
{
	const uint8_t header[] = {0, UPGRADE_PARCEL, 0, 0, 0x7f, 0xff, 0xff, 0xff};
	struct pair p = connect_pair();
	struct upgrade_message m;
	assert_int_equal(send(p.a, header, sizeof(header), 0), sizeof(header));
	assert_int_equal(upgrade_receive(p.b, &m), ERR_TOO_LARGE);
	close_pair(p);
}

static void sending_to_nobody_is_an_error_and_no_signal(void **state)
{
	struct pair p = connect_pair();
	close(p.a);
	p.a = -1;
	assert_int_equal(upgrade_send_text(p.b, UPGRADE_READY, ""), -EPIPE);
	close_pair(p);
}

static void refusal_is_told_in_its_words(void **state)
{
	struct pair p = connect_pair();
	struct upgrade_message m;
	char why[256];
	assert_int_equal(upgrade_send_text(p.a, UPGRADE_REFUSED, "not today"), 0);
	assert_int_equal(upgrade_expect(p.b, UPGRADE_OFFER, &m, why), ERR_MALFORMED);
	assert_string_equal(why, "not today");
	assert_int_equal(upgrade_send_text(p.a, UPGRADE_DONE, ""), 0);
	assert_int_equal(upgrade_expect(p.b, UPGRADE_OFFER, &m, why), ERR_MALFORMED);
	assert_non_null(strstr(why, "message 10"));
	assert_int_equal(upgrade_send_text(p.a, UPGRADE_OFFER, "x"), 0);
	assert_int_equal(upgrade_expect(p.b, UPGRADE_OFFER, &m, why), 0);
	upgrade_message_fini(&m);
	close_pair(p);
}

static void socket_says_what_it_is(void **state)
{
	uint8_t info[UPGRADE_SOCKET_LEN];
	struct upgrade_socket_info got;
	struct addr a;
	struct upgrade_message m = {.type = UPGRADE_SOCKET, .data = info, .len = sizeof(info)};
	assert_int_equal(addr_parse("[2001:db8::1]:3478", 0, &a), 0);
	upgrade_socket_write(info, UPGRADE_LISTENER, AUTH_UDP, 127, &a);
	assert_int_equal(upgrade_socket_read(&m, &got), 0); /* with a descriptor: 0 */
	assert_int_equal(got.kind, UPGRADE_LISTENER);
	assert_int_equal(got.transport, AUTH_UDP);
	assert_int_equal(got.worker, 127);
	assert_true(addr_equal(&got.address, &a) && got.address.family == ADDR_IPV6);
	m.len--;
	assert_int_equal(upgrade_socket_read(&m, &got), ERR_MALFORMED);
	m.len++;
	m.fds[0] = -1;
	assert_int_equal(upgrade_socket_read(&m, &got), ERR_MALFORMED);
}

static void description_tells_the_first_line_that_differs(void **state)
{
	char why[256] = "";
	assert_true(upgrade_fits("a=1\nb=2\n", "a=1\nb=2\n", why));
	assert_true(upgrade_fits("", "", why));
	assert_false(upgrade_fits("a=1\nb=3\n", "a=1\nb=2\n", why));
	assert_non_null(strstr(why, "has \"b=2\", the configuration \"b=3\""));
	assert_false(upgrade_fits("a=1\n", "a=1\nb=2\n", why));
	assert_false(upgrade_fits("a=1\nb=2\n", "a=1\n", why));
	assert_false(upgrade_fits("a=1", "a=12", why));
	assert_false(upgrade_fits("", "a=1", why));
}

static void door_stands_beside_the_operators_socket(void **state)
{
	struct sockaddr_un sa;
	char name[200];
	assert_int_equal(upgrade_path("/run/sallyport/admin.sock", &sa), 0);
	assert_string_equal(sa.sun_path, "/run/sallyport/admin.sock.upgrade");
	memset(name, 'x', sizeof(name));
	for (size_t len = sizeof(sa.sun_path) - 16; len < sizeof(sa.sun_path) + 4; len++) {
		name[len] = '\0';
		assert_int_equal(upgrade_path(name, &sa) == 0,
			len + sizeof(".upgrade") <= sizeof(sa.sun_path));
		name[len] = 'x';
	}
}

#define T(f) cmocka_unit_test(f)

int main(void)
{
	const struct CMUnitTest t[] = {
		T(message_arrives_with_its_parts_and_descriptors),
		T(message_that_breaks_off_is_truncated),
		T(message_that_is_too_long_is_refused),
		T(sending_to_nobody_is_an_error_and_no_signal),
		T(refusal_is_told_in_its_words),
		T(socket_says_what_it_is),
		T(description_tells_the_first_line_that_differs),
		T(door_stands_beside_the_operators_socket),
	};
	return cmocka_run_group_tests(t, NULL, NULL) != 0;
}
