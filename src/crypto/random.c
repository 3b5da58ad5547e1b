/* SPDX-License-Identifier: BSD-3-Clause */
/* Random numbers, and comparing and erasing what must stay secret. */
#include <assert.h>
#include <errno.h>
#include <stdlib.h>
#include <unistd.h>
#include <sys/random.h>
#include <openssl/crypto.h>
#include <sallyport/crypto.h>

/* The kernel's generator, not OpenSSL's: no heap, no state to survive a fork, and less than half
 * the time for the 8 to 16 bytes that are wanted here. */
void crypto_random(void *out, size_t len)
{
	uint8_t *p = out;
	while (len > 0) {
		ssize_t n = getrandom(p, len, 0);
		if (n < 0 && errno == EINTR)
			continue;
		if (n <= 0) {
			static const char text[] = "sallyport: no random numbers; ending\n";
			ssize_t written = write(STDERR_FILENO, text, sizeof(text) - 1);
			(void)written; /* nobody is left to be told */
			abort();
		}
		p += n;
		len -= (size_t)n;
	}
}

static uint32_t take(struct crypto_random_stock *s)
{
	if (s->n_left == 0) {
		crypto_random(s->numbers, sizeof(s->numbers));
		s->n_left = CRYPTO_RANDOM_STOCK;
	}
	uint32_t *number = &s->numbers[--s->n_left];
	uint32_t v = *number;
	*number = 0;
	return v;
}

/* S: where to take from, or NULL. Values below 2^32 mod BOUND would make the low remainders
 * likelier. */
static uint32_t below(struct crypto_random_stock *s, uint32_t bound)
{
	assert(bound > 0);
	if (bound == 1)
		return 0;
	const uint32_t reject = -bound % bound;
	uint32_t v;
	do {
		if (s)
			v = take(s);
		else
			crypto_random(&v, sizeof(v));
	} while (v < reject);
	return v % bound;
}

uint32_t crypto_random_below(uint32_t bound)
{
	return below(NULL, bound);
}

uint32_t crypto_random_draw(struct crypto_random_stock *s, uint32_t bound)
{
	return below(s, bound);
}

bool crypto_equal(const void *a, const void *b, size_t len)
{
	return CRYPTO_memcmp(a, b, len) == 0;
}

void crypto_wipe(void *p, size_t len)
{
	OPENSSL_cleanse(p, len);
}

void crypto_wipe_free(void *p, size_t len)
{
	if (!p)
		return;
	crypto_wipe(p, len);
	free(p);
}
