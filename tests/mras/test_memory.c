/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * Every request again with 0, 1, 2 ... allocations allowed: a refusal, and nothing lost. Linked
 * with --wrap, so it is our own memory that runs out, not that of the libraries.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>
#include <cmocka.h>
#include <sallyport/mras.h>

#define ATTEMPTS_MAX 1000

void *__real_malloc(size_t n);
void *__real_calloc(size_t n, size_t size);
char *__real_strdup(const char *s);
void *__wrap_malloc(size_t n);
void *__wrap_calloc(size_t n, size_t size);
char *__wrap_strdup(const char *s);

static size_t left = SIZE_MAX;

static bool may_allocate(void)
{
	if (left == 0)
		return false;
	left -= left != SIZE_MAX;
	return true;
}

void *__wrap_malloc(size_t n)
{
	return may_allocate() ? __real_malloc(n) : NULL;
}

void *__wrap_calloc(size_t n, size_t size)
{
	return may_allocate() ? __real_calloc(n, size) : NULL;
}

char *__wrap_strdup(const char *s)
{
	return may_allocate() ? __real_strdup(s) : NULL;
}

static const char *const anybody[] = {"*"};
static const struct mras_caller caller = {.name = "fe",
	.roles = MRAS_ISSUE,
	.identities = anybody,
	.n_identities = 1,
	.rate_per_s = 1000000};
static const struct addr address = {.ip = {[10] = 0xff, 0xff, 192, 0, 2, 1}, .family = ADDR_IPV4};
static const struct mras_relay relay = {.location = AUTH_INTERNET,
	.host_name = "av.example.com",
	.addresses = &address,
	.n_addresses = 1,
	.udp_port = 3478,
	.tcp_port = 3478,
	.tls_port = 443};
static const struct mras_config config = {
	.callers = &caller, .n_callers = 1, .relays = &relay, .n_relays = 1};
static const struct clock now = {.mono_ms = 1000, .wall_s = 1799971200};

static struct auth_snapshot *snapshot(void)
{
	char path[] = "mras-secret-XXXXXX", why[CRYPTO_WHY_LEN];
	static const char secret[] = "a secret of at least thirty-two bytes";
	int fd = mkstemp(path);
	struct auth_snapshot *s = NULL;
	assert_true(fd >= 0 && write(fd, secret, sizeof(secret)) == (ssize_t)sizeof(secret));
	const struct auth_key_config key = {.secret_file = path};
	const struct auth_config c = {.realm = "edge.example.com",
		.keys = &key,
		.n_keys = 1,
		.turn_rest = true,
		.nonce_lifetime_s = 600};
	assert_int_equal(auth_snapshot_create(&c, &s, why), 0);
	close(fd);
	unlink(path);
	return s;
}

typedef void (*ask_fn)(
	struct mras_service *s, const struct mras_context *ctx, struct mras_reply *out);

static void ask_json(struct mras_service *s, const struct mras_context *ctx, struct mras_reply *out)
{
	mras_answer(s, ctx, MRAS_JSON,
		bytes_str("{\"requestId\":\"1\",\"credentials\":[{\"identity\":\"a\"},"
			  "{\"id\":\"2\",\"identity\":\"b\"}]}"),
		out);
}

static void ask_xml(struct mras_service *s, const struct mras_context *ctx, struct mras_reply *out)
{
	mras_answer(s, ctx, MRAS_XML,
		bytes_str("<request xmlns=\"http://schemas.microsoft.com/2006/09/sip/mrasp\" "
			  "requestID=\"77\" version=\"2.0\" route=\"directip\" to=\"sip:e@x\" "
			  "from=\"sip:a@x\"><credentialsRequest credentialsRequestID=\"1\">"
			  "<identity>sip:a@x</identity></credentialsRequest></request>"),
		out);
}

static void ask_rest(struct mras_service *s, const struct mras_context *ctx, struct mras_reply *out)
{
	const struct mras_rest_request r = {"alice", 0, 0};
	mras_answer_rest(s, ctx, &r, out);
}

/* One try with ALLOWED allocations; true when they were enough. */
static bool is_enough(ask_fn ask, const struct auth_snapshot *auth, size_t allowed)
{
	const struct mras_context ctx = {.caller = &caller, .auth = auth, .clock = &now};
	struct mras_reply reply;
	struct mras_service *s = mras_service_create();
	mras_service_config_set(s, &config);
	left = allowed;
	ask(s, &ctx, &reply);
	left = SIZE_MAX;
	bool is_ok = reply.result == MRAS_OK;
	if (!is_ok) {
		/* a bucket that cannot be made is answered like one that is empty */
		assert_true(reply.result == MRAS_INTERNAL || reply.result == MRAS_BUSY);
		assert_int_equal(reply.granted, 0);
	} else {
		assert_non_null(reply.body);
	}
	mras_reply_fini(&reply);
	mras_service_destroy(s);
	return is_ok;
}

static void rerun(ask_fn ask)
{
	struct auth_snapshot *auth = snapshot();
	size_t n = 0;
	while (n < ATTEMPTS_MAX && !is_enough(ask, auth, n))
		n++;
	assert_in_range(n, 1, ATTEMPTS_MAX - 1);
	auth_snapshot_put(auth);
}

static void json_request_survives_every_failed_allocation(void **state)
{
	rerun(ask_json);
}

static void xml_request_survives_every_failed_allocation(void **state)
{
	rerun(ask_xml);
}

static void rest_request_survives_every_failed_allocation(void **state)
{
	rerun(ask_rest);
}

int main(void)
{
	const struct CMUnitTest t[] = {
		cmocka_unit_test(json_request_survives_every_failed_allocation),
		cmocka_unit_test(xml_request_survives_every_failed_allocation),
		cmocka_unit_test(rest_request_survives_every_failed_allocation),
	};
	log_level_set(LOG_LEVEL_WARNING);
	return cmocka_run_group_tests(t, NULL, NULL) != 0;
}
