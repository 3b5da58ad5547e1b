/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * What comes from elsewhere about an allocation. The first byte says what: a ticket as a client
 * shows it, sealed bytes as one of ours has them, or an allocation on its way. What can be read is
 * taken in by a server, if it fits, and is the same when it is sent on.
 */
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "../../src/turn/travel/mobility.h"
#include "../turn/fixture.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static const uint8_t key[CRYPTO_SEAL_KEY_LEN] = {1};

static void must(bool is_true)
{
	if (!is_true)
		abort();
}

static void read_ticket(struct bytes text)
{
	struct turn_ticket t;
	char again[TURN_TICKET_LEN + 1];

	if (!turn_ticket_read(key, text, &t))
		return;
	must(turn_ticket_write(key, &t, again));
	must(text.len == TURN_TICKET_LEN && memcmp(again, text.data, text.len) == 0);
}

static void seal_ticket(const uint8_t *data, size_t size)
{
	struct turn_ticket t = {0}, got;
	char text[TURN_TICKET_LEN + 1];

	if (size < 8)
		return;
	t.name = be64_get(data) & 0xffffffffff;
	t.worker = data[0];
	t.serial = be16_get(data + 1);
	must(turn_ticket_write(key, &t, text));
	must(turn_ticket_read(key, bytes_str(text), &got));
	must(got.name == t.name && got.worker == t.worker && got.serial == t.serial);
}

/* The lifetimes are those of timers and lose nothing while the clock stands. */
static void take_in(struct fixture *f, struct turn_parcel *p)
{
	struct turn_client where_it_was = {0};
	struct turn_parcel again;
	struct turn_alloc *a;

	if (turn_parcel_unpack(f->server, p, &where_it_was, &a) != 0)
		return;
	must(turn_server_allocations(f->server) == 1);
	must(turn_parcel_pack(a, &again) == 0);
	turn_alloc_leave(a);
	struct turn_state st;
	must(turn_state_read(bytes_of(again.data, again.len), &st) == 0);
	must(turn_parcel_unpack(f->server, &again, &where_it_was, &a) == 0);
	turn_alloc_leave(a);
	turn_parcel_fini(&again);
}

static void read_state(const uint8_t *data, size_t size)
{
	struct fixture_config config;
	struct turn_state st;
	struct turn_parcel p = {.len = size};

	if (turn_state_read(bytes_of(data, size), &st) != 0)
		return;
	fixture_defaults(&config);
	config.n_workers = 4;
	struct fixture *f = fixture_create(&config);
	p.data = malloc(size);
	must(p.data != NULL);
	memcpy(p.data, data, size);
	for (size_t i = 0; i < TURN_RELAYS_MAX; i++)
		p.fds[i] = st.relays[i].is_there ? open("/dev/null", O_RDONLY) : -1;
	take_in(f, &p);
	turn_parcel_fini(&p);
	fixture_destroy(f);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	if (size == 0)
		return 0;
	if (data[0] == 't')
		read_ticket(bytes_of(data + 1, size - 1));
	else if (data[0] == 's')
		seal_ticket(data + 1, size - 1);
	else
		read_state(data, size);
	return 0;
}
