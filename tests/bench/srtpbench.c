/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * What SRTP costs: nanoseconds to protect and to open a packet of 172 bytes (20 ms of G.711), with
 * so many sessions in turn, in ours and, where it is installed, in libsrtp2.
 *
 *   srtpbench [PACKETS]     per cell and round, of three rounds; default 60000
 *
 * Prints: implementation, suite, sessions, ns to protect, ns to open: the best of the rounds.
 */
#include <stdio.h>
#include <stdlib.h>
#include <time.h>
#include <sallyport/mediation/rtp.h>
#include <sallyport/mediation/rtp/srtp.h>
#ifdef HAVE_SRTP
#include <srtp2/srtp.h>
#endif

#define CAP    256
#define LEN    172
#define ROUNDS 3

static uint64_t now_ns(void)
{
	struct timespec t;

	(void)clock_gettime(CLOCK_MONOTONIC, &t);
	return (uint64_t)t.tv_sec * 1000000000u + (uint64_t)t.tv_nsec;
}

static void must(bool is_true, const char *what)
{
	if (is_true)
		return;
	fprintf(stderr, "srtpbench: %s\n", what);
	exit(1);
}

/* An implementation: a session for each direction, and their work. */
struct codec {
	const char *name;
	void *(*create)(enum srtp_suite suite, enum srtp_direction d, const uint8_t *master);
	void (*destroy)(void *session);
	bool (*protect)(void *session, uint8_t *data, size_t *len);
	bool (*open)(void *session, uint8_t *data, size_t *len);
};

static void *ours_create(enum srtp_suite suite, enum srtp_direction d, const uint8_t *master)
{
	struct srtp_config c = {suite, d, bytes_of(master, srtp_master_len(suite)), 0};
	struct srtp_session *s = NULL;

	return srtp_session_create(&c, &s) == 0 ? s : NULL;
}

static void ours_destroy(void *session)
{
	srtp_session_destroy(session);
}

static bool ours_protect(void *session, uint8_t *data, size_t *len)
{
	return srtp_session_protect(session, data, len, CAP) == SRTP_OK;
}

static bool ours_open(void *session, uint8_t *data, size_t *len)
{
	return srtp_session_unprotect(session, data, len) == SRTP_OK;
}

static const struct codec ours = {"sallyport", ours_create, ours_destroy, ours_protect, ours_open};

#ifdef HAVE_SRTP
static void *theirs_create(enum srtp_suite suite, enum srtp_direction d, const uint8_t *master)
{
	uint8_t key[SRTP_MASTER_MAX];
	srtp_policy_t p = {
		.ssrc = {.type = d == SRTP_PROTECT ? ssrc_any_outbound : ssrc_any_inbound},
		.key = key,
		.window_size = SRTP_WINDOW,
	};
	srtp_t s = NULL;

	memcpy(key, master, sizeof(key));
	if (suite == SRTP_AES_CM_128_HMAC_SHA1_80) {
		srtp_crypto_policy_set_aes_cm_128_hmac_sha1_80(&p.rtp);
		srtp_crypto_policy_set_aes_cm_128_hmac_sha1_80(&p.rtcp);
	} else {
		srtp_crypto_policy_set_aes_gcm_128_16_auth(&p.rtp);
		srtp_crypto_policy_set_aes_gcm_128_16_auth(&p.rtcp);
	}
	return srtp_create(&s, &p) == srtp_err_status_ok ? s : NULL;
}

static void theirs_destroy(void *session)
{
	(void)srtp_dealloc(session);
}

static bool theirs_protect(void *session, uint8_t *data, size_t *len)
{
	int n = (int)*len;
	bool ok = srtp_protect(session, data, &n) == srtp_err_status_ok;

	*len = (size_t)n;
	return ok;
}

static bool theirs_open(void *session, uint8_t *data, size_t *len)
{
	int n = (int)*len;
	bool ok = srtp_unprotect(session, data, &n) == srtp_err_status_ok;

	*len = (size_t)n;
	return ok;
}

static const struct codec theirs = {
	"libsrtp2", theirs_create, theirs_destroy, theirs_protect, theirs_open};
#endif

struct cell {
	const struct codec *codec;
	enum srtp_suite suite;
	size_t n_sessions;
	void **tx, **rx;
};

static void cell_open(struct cell *c)
{
	uint8_t master[SRTP_MASTER_MAX] = {0};

	c->tx = calloc(c->n_sessions, sizeof(*c->tx));
	c->rx = calloc(c->n_sessions, sizeof(*c->rx));
	must(c->tx && c->rx, "out of memory");
	for (size_t i = 0; i < c->n_sessions; i++) {
		be32_put(master, (uint32_t)i + 1);
		c->tx[i] = c->codec->create(c->suite, SRTP_PROTECT, master);
		c->rx[i] = c->codec->create(c->suite, SRTP_UNPROTECT, master);
		must(c->tx[i] && c->rx[i], "no session");
	}
}

static void cell_close(struct cell *c)
{
	for (size_t i = 0; i < c->n_sessions; i++) {
		c->codec->destroy(c->tx[i]);
		c->codec->destroy(c->rx[i]);
	}
	free(c->tx);
	free(c->rx);
}

/* One packet of each session in turn: first all are protected, then all opened. */
static void cell_turn(struct cell *c, uint16_t sequence, uint64_t ns[2])
{
	static uint8_t data[4096][CAP];
	static size_t len[4096];

	must(c->n_sessions <= 4096, "too many sessions");
	for (size_t i = 0; i < c->n_sessions; i++) {
		struct rtp_packet p = {.payload_type = 8,
			.sequence = sequence,
			.timestamp = 160u * sequence,
			.ssrc = (uint32_t)i + 1,
			.payload = bytes_of(data[i] + RTP_HEADER_LEN, LEN - RTP_HEADER_LEN)};
		must(rtp_encode(&p, data[i], CAP, &len[i]) == 0, "no packet");
	}
	uint64_t at = now_ns();
	for (size_t i = 0; i < c->n_sessions; i++)
		must(c->codec->protect(c->tx[i], data[i], &len[i]), "not protected");
	uint64_t then = now_ns();
	for (size_t i = 0; i < c->n_sessions; i++)
		must(c->codec->open(c->rx[i], data[i], &len[i]) && len[i] == LEN, "not opened");
	ns[0] += then - at;
	ns[1] += now_ns() - then;
}

static void cell_run(const struct codec *codec, enum srtp_suite suite, size_t n_sessions, size_t n)
{
	struct cell c = {codec, suite, n_sessions, NULL, NULL};
	size_t turns = n / n_sessions > 0 ? n / n_sessions : 1;
	double best[2] = {1e18, 1e18};
	uint16_t sequence = 0;

	cell_open(&c);
	for (unsigned round = 0; round < ROUNDS; round++) {
		uint64_t ns[2] = {0, 0};
		for (size_t i = 0; i < turns; i++)
			cell_turn(&c, sequence++, ns);
		for (unsigned k = 0; k < 2; k++) {
			double each = (double)ns[k] / (double)(turns * n_sessions);
			best[k] = each < best[k] ? each : best[k];
		}
	}
	cell_close(&c);
	printf("%-10s %-24s %5zu %9.0f %9.0f\n", codec->name, srtp_suite_name(suite), n_sessions,
		best[0], best[1]);
	fflush(stdout);
}

int main(int argc, char **argv)
{
	static const enum srtp_suite suites[] = {
		SRTP_AES_CM_128_HMAC_SHA1_80, SRTP_AEAD_AES_128_GCM};
	static const size_t sessions[] = {1, 500, 2000};
	size_t n = argc > 1 ? strtoul(argv[1], NULL, 10) : 60000;

#ifdef HAVE_SRTP
	must(srtp_init() == srtp_err_status_ok, "libsrtp2 does not start");
#endif
	for (size_t s = 0; s < ARRAY_LEN(suites); s++) {
		for (size_t i = 0; i < ARRAY_LEN(sessions); i++) {
			cell_run(&ours, suites[s], sessions[i], n);
#ifdef HAVE_SRTP
			cell_run(&theirs, suites[s], sessions[i], n);
#endif
		}
	}
	return 0;
}
