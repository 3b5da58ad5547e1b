/* SPDX-License-Identifier: BSD-3-Clause */
/* Loopback sockets for the tests of net. */
#include "loopback.h"

#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

static void stop_when_done(struct fixture *f)
{
	if (f->n_seen + f->n_errors >= f->stop_at)
		loop_stop(f->loop);
}

static void on_packets(void *arg, struct net_port *p, struct net_buf **bufs, size_t n)
{
	struct fixture *f = arg;
	struct net_port *doomed = f->close_on_packet;
	f->close_on_packet = NULL;
	for (size_t i = 0; i < n; i++) {
		struct net_buf *b = bufs[i];
		if (f->n_seen < SEEN_MAX)
			f->seen[f->n_seen++] = (struct seen){
				p, b->addr, b->len, b->len >= 4 ? be32_get(b->data) : 0, b->tos};
		net_buf_put(f->net, b);
		if (i == 0 && doomed)
			net_port_close(doomed); /* in the middle of a batch */
	}
	stop_when_done(f);
}

static void on_icmp(void *arg, struct net_port *p, const struct net_icmp *e)
{
	struct fixture *f = arg;
	struct net_port *doomed = f->close_on_error;
	if (f->n_errors < 8)
		f->errors[f->n_errors++] = *e;
	f->close_on_error = NULL;
	if (doomed)
		net_port_close(doomed);
	stop_when_done(f);
}

int loopback_setup(void **state)
{
	struct fixture *f = calloc(1, sizeof(*f));
	assert_non_null(f);
	f->loop = loop_create("test", 16);
	f->net = net_create(f->loop, f->cells);
	assert_non_null(f->net);
	f->handler = (struct net_handler){.packets = on_packets, .icmp = on_icmp, .arg = f};
	*state = f;
	return 0;
}

int loopback_teardown(void **state)
{
	struct fixture *f = *state;
	net_destroy(f->net);
	loop_destroy(f->loop);
	free(f);
	return 0;
}

int make_socket(const char *ip, struct addr *local)
{
	struct sockaddr_storage ss;
	socklen_t len = sizeof(ss);
	int fd;
	assert_int_equal(addr_parse(ip, 0, local), 0);
	assert_int_equal(net_udp_socket(local, false, 0, &fd), 0);
	assert_int_equal(getsockname(fd, (struct sockaddr *)&ss, &len), 0);
	assert_int_equal(addr_from_sockaddr((struct sockaddr *)&ss, len, local), 0);
	return fd;
}

size_t loopback_ips(const char *out[2])
{
	struct addr v6;
	int fd;
	out[0] = "127.0.0.1";
	out[1] = "::1";
	assert_int_equal(addr_parse("::1", 0, &v6), 0);
	if (net_udp_socket(&v6, false, 0, &fd) != 0) {
		print_message("no ::1 here: IPv6 is left out\n");
		return 1;
	}
	close(fd);
	return 2;
}

struct net_port *open_port(struct fixture *f, const char *ip)
{
	struct addr local;
	struct net_port *p;
	int fd = make_socket(ip, &local);
	assert_int_equal(net_udp_open(f->net, fd, &local, &f->handler, f, &p), 0);
	assert_true(addr_equal(&p->local, &local));
	assert_ptr_equal(p->owner, f);
	return p;
}

struct addr closed_port(const char *ip)
{
	struct addr local;
	close(make_socket(ip, &local));
	return local;
}

struct net_buf *buffer(struct fixture *f, const struct addr *to, uint32_t number, size_t len)
{
	struct net_buf *b = net_buf_get(f->net);
	assert_non_null(b);
	assert_int_equal(b->len, 0);
	memset(b->data, 0, len);
	if (len >= 4)
		be32_put(b->data, number);
	b->len = (uint32_t)len;
	b->addr = *to;
	return b;
}

void send_number(struct net_port *p, const struct addr *to, uint32_t number)
{
	net_port_send(p, buffer(p->owner, to, number, 4));
}

void run_some(struct fixture *f)
{
	alarm(30);
	assert_int_equal(loop_run(f->loop), 0);
	alarm(0);
}

void run_until(struct fixture *f, size_t n)
{
	f->stop_at = n;
	if (f->n_seen + f->n_errors < n)
		run_some(f);
	assert_int_equal(f->n_seen + f->n_errors, n);
}

uint64_t counted(struct fixture *f, enum net_counter row)
{
	return metrics_get(f->cells, row);
}
