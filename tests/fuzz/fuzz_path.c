/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * net/path with any bytes in place of the kernel's messages. The first byte of each says whether it
 * answers, the second its length; in between what is due is asked and time passes.
 */
#include <assert.h>
#include <stdlib.h>
#include <string.h>

#include "../../src/net/path/path_priv.h"

#define N_REMOTES 4

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t len);

static int on_send(void *arg, const void *msg, size_t len)
{
	(void)arg;
	(void)msg;
	return len <= PATH_MSG_MAX ? 0 : -1;
}

static void on_later(void *arg)
{
	(void)arg;
}

static void changed(struct net_path_hold *h)
{
	assert(h->path);
	assert(net_path_is_ready(h->path) == (h->path->ifindex != 0));
}

static void feed(struct net_paths *ps, struct clock *clock, const uint8_t *data, size_t len)
{
	while (len >= 2) {
		size_t n = (size_t)data[1] * 4 < len - 2 ? (size_t)data[1] * 4 : len - 2;
		uint8_t *copy = malloc(n + 1); /* so that a byte too far is seen */
		assert(copy);
		memcpy(copy, data + 2, n);
		path_receive(ps, bytes_of(copy, n), data[0] & 1);
		free(copy);
		path_ask_run(ps);
		clock->mono_ms += data[0];
		wheel_advance(ps->wheel, clock->mono_ms);
		data += 2 + n;
		len -= 2 + n;
	}
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t len)
{
	static metrics_cell cells[NET_PATH_C_COUNT];
	static const char *const remotes[N_REMOTES] = {
		"192.0.2.2", "198.51.100.7", "203.0.113.9", "2001:db8:5::1"};
	struct net_path_hold holds[N_REMOTES];
	struct path_wire wire = {on_send, on_later, NULL};
	struct net_paths ps = {.wire = &wire};
	struct clock clock = {.mono_ms = 1000};
	struct wheel wheel;

	wheel_init(&wheel, clock.mono_ms, NULL);
	struct net_paths_config c = {
		.wheel = &wheel, .clock = &clock, .cells = cells, .max = NET_PATHS_MIN};
	if (path_cache_init(&ps, &c) != 0)
		return 0;
	memset(holds, 0, sizeof(holds));
	for (size_t i = 0; i < N_REMOTES; i++) {
		struct addr local, remote;
		(void)addr_parse(i < 3 ? "192.0.2.1" : "2001:db8::1", 0, &local);
		(void)addr_parse(remotes[i], 0, &remote);
		assert(net_path_take(&ps, &holds[i], &local, &remote, changed) == 0);
	}
	path_ask_run(&ps);
	feed(&ps, &clock, data, len);
	for (size_t i = 0; i < N_REMOTES; i++)
		net_path_release(&ps, &holds[i]);
	path_cache_fini(&ps);
	assert(wheel.count == 0);
	return 0;
}
