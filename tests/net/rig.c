/* SPDX-License-Identifier: BSD-3-Clause */
/* What the rigs of connections and of DTLS sessions have in common. */
#include "rig.h"

#include <stdlib.h>
#include <string.h>
#include <unistd.h>

static void on_packets(void *arg, struct net_port *p, struct net_buf **bufs, size_t n)
{
	struct fixture *f = arg;

	f->port = p;
	for (size_t i = 0; i < n; i++) {
		f->n_messages++;
		f->from = bufs[i]->addr;
		f->heard_len = bufs[i]->len;
		assert_true(f->heard_len <= sizeof(f->heard));
		memcpy(f->heard, bufs[i]->data, f->heard_len);
		if (f->is_echo)
			net_port_send(p, bufs[i]);
		else
			net_buf_put(f->net, bufs[i]);
	}
	if (f->is_closing)
		net_port_close(p);
}

static void on_closed(void *arg, struct net_port *p, const struct addr *peer)
{
	struct fixture *f = arg;
	struct net_buf *b = net_buf_get(f->net);

	f->gone = *peer;
	f->port = NULL;
	f->n_closed++;
	net_port_send(p, b); /* nothing comes of it, and nothing is lost */
}

struct fixture *fixture_create(void)
{
	struct fixture *f = calloc(1, sizeof(*f));

	assert_non_null(f);
	f->loop = loop_create("test", 16);
	f->net = net_create(f->loop, f->cells);
	assert_non_null(f->net);
	f->clock.mono_ms = 1000000;
	wheel_init(&f->wheel, f->clock.mono_ms, NULL);
	f->handler = (struct net_handler){.packets = on_packets, .arg = f, .closed = on_closed};
	log_fd_set(-1);
	alarm(60);
	return f;
}

void fixture_destroy(struct fixture *f)
{
	alarm(0);
	assert_int_equal(metrics_get(f->cells, NET_C_CONNECTIONS), 0);
	assert_int_equal(f->wheel.count, 0);
	/* Every buffer has come back: a worker's are all there. */
	for (size_t i = 0; i < 256; i++)
		assert_non_null(net_buf_get(f->net));
	net_destroy(f->net);
	loop_destroy(f->loop);
	free(f);
}

uint64_t counted(struct fixture *f, enum net_counter row)
{
	return metrics_get(f->cells, row);
}

void wait_ms(struct fixture *f, uint64_t ms)
{
	for (uint64_t end = f->clock.mono_ms + ms; f->clock.mono_ms < end;) {
		uint64_t left = end - f->clock.mono_ms;
		f->clock.mono_ms += left < WHEEL_TICK_MS ? left : WHEEL_TICK_MS;
		wheel_advance(&f->wheel, f->clock.mono_ms);
	}
}
