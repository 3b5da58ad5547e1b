/* SPDX-License-Identifier: BSD-3-Clause */
/* A port reserved on one worker and claimed on another: real mailboxes, and at the end real
 * threads. */
#include "client.h"

#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#define PAIRS 8 /* in the test with threads, each way */

struct node {
	struct fixture *w[2];
	struct client maker, claimer; /* on worker 0, on worker 1 */
	struct addr reserved;
	uint8_t token[8];
};

static struct client new_client(struct fixture *f, unsigned n)
{
	struct client c;
	client_init(&c, f, "192.0.2.1:40000");
	c.where.addr.port = (uint16_t)(40000 + n);
	return c;
}

/* Each worker has N_PORTS ports. The pair is made on worker 0. */
static void make(struct node *n, unsigned n_ports)
{
	struct fixture_config config;
	fixture_defaults(&config);
	config.turn.last_port = (uint16_t)(PORT_MIN + 2 * n_ports - 1);
	fixture_create_joined(&config, n->w, 2);
	n->maker = new_client(n->w[0], 0);
	n->claimer = new_client(n->w[1], 1);
	assert_int_equal(client_reserve(&n->maker, &n->reserved, n->token), 0);
	n->reserved.port++;
}

static void destroy(struct node *n)
{
	for (int i = 0; i < 2; i++)
		fixture_destroy(n->w[i]);
}

/* Sends the claim, which has to wait for the other worker. */
static void send_claim(struct node *n, struct request *r)
{
	struct reply reply;
	request_claim(r, &n->claimer, n->token);
	request_send(r, &n->claimer, &reply);
	assert_false(reply.is_there);
}

/* The answer that has come to the claimer. */
static unsigned take_answer(struct node *n, struct request *r, struct addr *relayed)
{
	const struct packet *p = wire_take(n->w[1]);
	struct stun_msg m;
	struct stun_attr a;
	struct bytes reason;
	uint16_t code = 0;
	assert_non_null(p);
	assert_int_equal(stun_msg_decode(p->data, p->len, &m), 0);
	assert_memory_equal(m.tid, r->tid, STUN_TID_LEN);
	if (m.class == STUN_ERROR) {
		assert_true(stun_attr_find(&m, STUN_ERROR_CODE, &a));
		assert_int_equal(stun_attr_error(&a, &code, &reason), 0);
		return code;
	}
	assert_true(stun_attr_find(&m, STUN_XOR_RELAYED_ADDRESS, &a));
	assert_int_equal(stun_attr_xor_address(&m, &a, relayed), 0);
	return 0;
}

static void token_of_another_worker_gives_its_port(void **state)
{
	struct node n;
	struct request r;
	struct addr relayed, peer = at("198.51.100.7:9");
	make(&n, 4);
	send_claim(&n, &r);
	fixture_deliver(n.w[0]);
	assert_null(wire_find(n.w[0], &n.reserved)); /* the socket is on its way */

	fixture_deliver(n.w[1]);

	assert_int_equal(take_answer(&n, &r, &relayed), 0);
	assert_true(addr_equal(&relayed, &n.reserved));
	assert_non_null(wire_find(n.w[1], &n.reserved));
	/* It relays where it is now. */
	assert_int_equal(client_permit(&n.claimer, "198.51.100.7"), 0);
	client_send(&n.claimer, "198.51.100.7:9", "x", 1);
	assert_to_peer(&n.claimer, &relayed, "198.51.100.7:9", "x", 1);
	wire_from_peer(n.w[1], &relayed, &peer, "y", 1);
	assert_data(&n.claimer, "198.51.100.7:9", "y", 1);
	destroy(&n);
}

/* The number belongs to the worker that had it, and goes home. */
static void port_number_goes_home_when_the_allocation_ends(void **state)
{
	struct node n;
	struct request r;
	struct addr relayed;
	make(&n, 2);
	send_claim(&n, &r);
	fixture_deliver(n.w[0]);
	fixture_deliver(n.w[1]);
	assert_int_equal(take_answer(&n, &r, &relayed), 0);
	assert_int_equal(client_refresh(&n.maker, 0, NULL), 0);
	struct client other = new_client(n.w[0], 2);
	assert_int_equal(client_reserve(&other, &relayed, n.token), STUN_INSUFFICIENT_CAPACITY);

	assert_int_equal(client_refresh(&n.claimer, 0, NULL), 0);
	fixture_deliver(n.w[0]);

	assert_int_equal(client_reserve(&other, &relayed, n.token), 0);
	destroy(&n);
}

static void unknown_token_of_another_worker_is_508(void **state)
{
	struct node n;
	struct request r;
	struct addr relayed;
	make(&n, 4);
	n.token[5] ^= 1;
	send_claim(&n, &r);
	fixture_deliver(n.w[0]);
	fixture_deliver(n.w[1]);
	assert_int_equal(take_answer(&n, &r, &relayed), STUN_INSUFFICIENT_CAPACITY);
	assert_int_equal(turn_server_allocations(n.w[1]->server), 0);
	assert_non_null(wire_find(n.w[0], &n.reserved));
	destroy(&n);
}

static void token_of_no_worker_is_508(void **state)
{
	struct node n;
	struct request r;
	struct reply reply;
	make(&n, 4);
	n.token[0] = 2;
	request_claim(&r, &n.claimer, n.token);
	request_send(&r, &n.claimer, &reply);
	assert_int_equal(reply.code, STUN_INSUFFICIENT_CAPACITY);
	destroy(&n);
}

/* RFC 8656 §5: idempotent while it waits, too; the tuple is taken but nothing is allocated yet */
static void waiting_allocation_holds_its_tuple_and_serves_nothing(void **state)
{
	struct node n;
	struct request r, again;
	struct reply reply;
	struct addr relayed;
	make(&n, 4);
	send_claim(&n, &r);
	request_send(&r, &n.claimer, &reply);
	assert_false(reply.is_there);
	assert_int_equal(client_allocate(&n.claimer, NULL), STUN_ALLOCATION_MISMATCH);
	assert_int_equal(client_refresh(&n.claimer, 0, NULL), STUN_ALLOCATION_MISMATCH);
	assert_int_equal(client_permit(&n.claimer, "198.51.100.7"), STUN_ALLOCATION_MISMATCH);
	assert_int_equal(
		client_bind(&n.claimer, 0x4000, "198.51.100.7:9"), STUN_ALLOCATION_MISMATCH);
	client_send(&n.claimer, "198.51.100.7:9", "x", 1);
	assert_silence(n.w[1]);

	fixture_deliver(n.w[0]);
	fixture_deliver(n.w[1]);

	assert_int_equal(take_answer(&n, &r, &relayed), 0);
	again = r;
	again.w.buf = again.data;
	request_send(&again, &n.claimer, &reply);
	assert_int_equal(reply.code, 0);
	assert_true(addr_equal(&relayed, &n.reserved));
	destroy(&n);
}

static void answer_that_comes_too_late_is_undone(void **state)
{
	struct node n;
	struct request r;
	struct addr relayed;
	make(&n, 2);
	send_claim(&n, &r);
	fixture_pass_ms(n.w[1], 4900);
	assert_silence(n.w[1]);
	fixture_pass_ms(n.w[1], 100);
	assert_int_equal(take_answer(&n, &r, &relayed), STUN_INSUFFICIENT_CAPACITY);
	assert_int_equal(turn_server_allocations(n.w[1]->server), 0);

	fixture_deliver(n.w[0]);
	fixture_deliver(n.w[1]);
	fixture_deliver(n.w[0]);

	assert_null(wire_find(n.w[1], &n.reserved));
	assert_int_equal(client_refresh(&n.maker, 0, NULL), 0);
	assert_int_equal(client_reserve(&n.maker, &relayed, n.token), 0);
	destroy(&n);
}

static void do_nothing(void *ctx, void *payload)
{
}

static void fill_mailbox(struct fixture *f)
{
	static const struct msg_type nothing = {"nothing", 0, do_nothing, NULL};
	while (loop_post(f->loop, &nothing, NULL, NULL) == 0)
		continue;
}

static void full_mailbox_of_the_owner_is_508(void **state)
{
	struct node n;
	struct request r;
	struct reply reply;
	make(&n, 4);
	fill_mailbox(n.w[0]);
	request_claim(&r, &n.claimer, n.token);
	request_send(&r, &n.claimer, &reply);
	assert_int_equal(reply.code, STUN_INSUFFICIENT_CAPACITY);
	assert_non_null(wire_find(n.w[0], &n.reserved)); /* still to be had */
	destroy(&n);
}

static unsigned open_descriptors(void)
{
	unsigned n = 0;
	for (int fd = 0; fd < 1024; fd++)
		n += fcntl(fd, F_GETFD) >= 0;
	return n;
}

/* The number is free again, the socket closed. */
static void full_mailbox_of_the_asker_costs_nothing_for_good(void **state)
{
	unsigned before = open_descriptors();
	struct node n;
	struct request r;
	struct addr relayed;
	make(&n, 2);
	send_claim(&n, &r);
	fill_mailbox(n.w[1]);
	fixture_deliver(n.w[0]);
	fixture_deliver(n.w[1]);
	fixture_pass_s(n.w[1], 5);
	assert_int_equal(take_answer(&n, &r, &relayed), STUN_INSUFFICIENT_CAPACITY);
	assert_int_equal(client_refresh(&n.maker, 0, NULL), 0);
	assert_int_equal(client_reserve(&n.maker, &relayed, n.token), 0);
	destroy(&n);
	assert_int_equal(open_descriptors(), before);
}

/* A worker that cannot take the socket up gives the number back. */
static void socket_that_cannot_be_adopted_costs_nothing_for_good(void **state)
{
	struct node n;
	struct request r;
	struct addr relayed;
	make(&n, 2);
	send_claim(&n, &r);
	fixture_deliver(n.w[0]);
	n.w[1]->fail_adopt = true;
	fixture_deliver(n.w[1]);
	assert_int_equal(take_answer(&n, &r, &relayed), STUN_INSUFFICIENT_CAPACITY);

	fixture_deliver(n.w[0]);

	assert_int_equal(client_refresh(&n.maker, 0, NULL), 0);
	assert_int_equal(client_reserve(&n.maker, &relayed, n.token), 0);
	destroy(&n);
}

/* A worker's end touches nobody: the others may be gone with their loops. */
static void worker_that_ends_last_does_not_call_home(void **state)
{
	struct node n;
	struct request r;
	struct addr relayed;
	make(&n, 4);
	send_claim(&n, &r);
	fixture_deliver(n.w[0]);
	fixture_deliver(n.w[1]);
	assert_int_equal(take_answer(&n, &r, &relayed), 0);
	fixture_destroy(n.w[0]);
	fixture_destroy(n.w[1]);
}

/* ---- threads ---- */

static void stop(void *ctx, void *payload)
{
	loop_stop(ctx);
}

/* On the worker's own thread: all its claims have been answered. */
static void tell_when_all_are_there(struct fixture *f)
{
	if (f->n_sent == PAIRS && write(f->done_fd, "", 1) != 1)
		abort();
}

struct datagram {
	struct turn_client from;
	struct request *r;
	size_t len;
};

static void inject(void *ctx, void *payload)
{
	struct datagram *d = payload;
	wire_from_client(ctx, &d->from, d->r->data, d->len);
}

static const struct msg_type inject_msg = {"inject", sizeof(struct datagram), inject, NULL};
static const struct msg_type stop_msg = {"stop", 0, stop, NULL};

/* Makes a pair on FROM and sends the claim to it to TO, which has not begun to run. */
static struct addr post_claim(
	struct fixture *from, struct fixture *to, unsigned k, struct request *r)
{
	struct client maker = new_client(from, k), claimer = new_client(to, 100 + k);
	struct datagram d = {claimer.where, r, 0};
	struct addr reserved;
	uint8_t token[8];
	assert_int_equal(client_reserve(&maker, &reserved, token), 0);
	request_claim(r, &claimer, token);
	assert_int_equal(stun_write_end(&r->w, &d.len), 0);
	assert_int_equal(loop_post(to->loop, &inject_msg, to, &d), 0);
	reserved.port++;
	return reserved;
}

/* Both workers claim from each other at once, each on its own thread. */
static void workers_hand_over_while_they_run(void **state)
{
	struct fixture_config config;
	struct fixture *w[2];
	struct loop_thread *thread[2];
	struct request claims[2][PAIRS];
	struct addr reserved[2][PAIRS];
	int done[2];
	char c;
	fixture_defaults(&config);
	fixture_create_joined(&config, w, 2);
	assert_int_equal(pipe(done), 0);
	for (unsigned i = 0; i < 2; i++) {
		for (unsigned k = 0; k < PAIRS; k++)
			reserved[i][k] = post_claim(w[!i], w[i], k, &claims[i][k]);
	}
	for (unsigned i = 0; i < 2; i++) {
		w[i]->on_sent = tell_when_all_are_there;
		w[i]->done_fd = done[1];
	}

	alarm(60); /* a claim that is lost ends the test */
	for (unsigned i = 0; i < 2; i++)
		assert_int_equal(loop_thread_start(w[i]->loop, &thread[i]), 0);
	for (unsigned i = 0; i < 2; i++)
		assert_int_equal(read(done[0], &c, 1), 1);
	for (unsigned i = 0; i < 2; i++)
		assert_int_equal(loop_post(w[i]->loop, &stop_msg, w[i]->loop, NULL), 0);
	for (unsigned i = 0; i < 2; i++)
		assert_int_equal(loop_thread_join(thread[i]), 0);
	alarm(0);

	for (unsigned i = 0; i < 2; i++) {
		for (unsigned k = 0; k < PAIRS; k++)
			assert_non_null(wire_find(w[i], &reserved[i][k]));
		assert_int_equal(turn_server_allocations(w[i]->server), 2 * PAIRS);
		w[i]->on_sent = NULL;
	}
	for (unsigned i = 0; i < 2; i++)
		fixture_destroy(w[i]);
	close(done[0]);
	close(done[1]);
}

int main(void)
{
	const struct CMUnitTest t[] = {
		cmocka_unit_test(token_of_another_worker_gives_its_port),
		cmocka_unit_test(port_number_goes_home_when_the_allocation_ends),
		cmocka_unit_test(unknown_token_of_another_worker_is_508),
		cmocka_unit_test(token_of_no_worker_is_508),
		cmocka_unit_test(waiting_allocation_holds_its_tuple_and_serves_nothing),
		cmocka_unit_test(answer_that_comes_too_late_is_undone),
		cmocka_unit_test(full_mailbox_of_the_owner_is_508),
		cmocka_unit_test(full_mailbox_of_the_asker_costs_nothing_for_good),
		cmocka_unit_test(socket_that_cannot_be_adopted_costs_nothing_for_good),
		cmocka_unit_test(worker_that_ends_last_does_not_call_home),
		cmocka_unit_test(workers_hand_over_while_they_run),
	};
	int n_failed = cmocka_run_group_tests_name("sockets", t, NULL, NULL);
	fixture_without_sockets();
	n_failed += cmocka_run_group_tests_name("no sockets", t, NULL, NULL);
	return n_failed != 0;
}
