/* SPDX-License-Identifier: BSD-3-Clause */
/* Sessions and agreements when memory runs out: the n-th allocation fails, ours or OpenSSL's. */
#include "rig.h"

#include <errno.h>
#include <stdlib.h>
#include <openssl/crypto.h>

static unsigned n_allowed = UINT32_MAX;

void *__real_malloc(size_t size);
void *__wrap_malloc(size_t size);
void *__real_calloc(size_t n, size_t size);
void *__wrap_calloc(size_t n, size_t size);

static bool is_allowed(void)
{
	return n_allowed == UINT32_MAX || (n_allowed > 0 && n_allowed-- > 0);
}

void *__wrap_malloc(size_t size)
{
	return is_allowed() ? __real_malloc(size) : NULL;
}

void *__wrap_calloc(size_t n, size_t size)
{
	return is_allowed() ? __real_calloc(n, size) : NULL;
}

static void *openssl_malloc(size_t size, const char *file, int line)
{
	return is_allowed() ? __real_malloc(size) : NULL;
}

static void *openssl_realloc(void *p, size_t size, const char *file, int line)
{
	return is_allowed() ? realloc(p, size) : NULL;
}

static void openssl_free(void *p, const char *file, int line)
{
	free(p);
}

/* How many allocations are enough, found by allowing one more each time. */
static void session_without_memory_is_refused_whole(void **state)
{
	struct rig *r = *state;
	struct media_open ask = {1, {true, true}, {0, 1}};
	unsigned n = 0;

	for (;; n++) {
		n_allowed = n;
		media_open(r->media, &ask, &r->ready);
		n_allowed = UINT32_MAX;
		if (r->ready.rc == 0)
			break;
		assert_int_equal(r->ready.rc, -ENOMEM);
		assert_int_equal(counted(r, MEDIA_C_SESSIONS), 0);
		assert_int_equal(r->wheel.count, 0);
	}

	/* Itself, and four ports. */
	assert_true(n >= 5);
	assert_int_equal(counted(r, MEDIA_C_REFUSED_MEMORY), n);
	assert_int_equal(counted(r, MEDIA_C_SESSIONS), 1);
}

/* What was agreed before holds, keys and all. */
static void keys_without_memory_leave_the_agreement_as_it_was(void **state)
{
	static const uint8_t samples[160];
	struct rig *r = *state;
	struct peer *c = &r->peers[MEDIA_CLIENT];
	unsigned n = 0;
	int rc;

	open_session(r, true);
	struct media_agreement a = secure(r, MEDIA_CLIENT, SRTP_AEAD_AES_128_GCM, 1);
	struct media_agreement g = usual(r, MEDIA_GATEWAY), other = a;
	agree(r, MEDIA_CLIENT, &a);
	agree(r, MEDIA_GATEWAY, &g);
	memset(other.master_from, 77, sizeof(other.master_from));
	memset(other.master_to, 78, sizeof(other.master_to));
	for (;; n++) {
		n_allowed = n;
		rc = media_agree(r->media, r->ready.id, MEDIA_CLIENT, &other);
		n_allowed = UINT32_MAX;
		if (rc == 0)
			break;
		assert_true(rc == -ENOMEM || rc == ERR_UNSUPPORTED);
		peer_talk(c, 8, samples, sizeof(samples));
		run_until(r, n + 1);
		assert_int_equal(counted(r, MEDIA_C_SRTP + SRTP_OK), n + 1);
	}

	assert_true(n >= 10);
	assert_int_equal(counted(r, MEDIA_C_SRTP + SRTP_AUTH_FAILED), 0);
}

int main(void)
{
	const struct CMUnitTest t[] = {
		cmocka_unit_test_setup_teardown(
			session_without_memory_is_refused_whole, rig_setup, rig_teardown),
		cmocka_unit_test_setup_teardown(
			keys_without_memory_leave_the_agreement_as_it_was, rig_setup, rig_teardown),
	};

	/* Before OpenSSL has anything. */
	if (CRYPTO_set_mem_functions(openssl_malloc, openssl_realloc, openssl_free) != 1)
		return 1;
	return cmocka_run_group_tests(t, NULL, NULL) != 0;
}
