/* SPDX-License-Identifier: BSD-3-Clause */
/* A pool key with published values, snapshots made of it, and requests signed with a password. */
#ifndef SALLYPORT_TESTS_AUTH_FIXTURE_H
#define SALLYPORT_TESTS_AUTH_FIXTURE_H

#include <sallyport/auth.h>
#include "../crypto/pki.h"

/* The vectors of docs/credentials.md. */
#define VECTOR_REALM  "edge.example.com"
#define VECTOR_EXP    1800000000u
#define VECTOR_KID    "387218cb"
#define VECTOR_CLAIMS "AQEHAAAIAAAAAAu4__________9bSTGwE6yuT_Bew8AndmNXAQIDBAUGBwg"
#define VECTOR_USER   "1800000000:m1." VECTOR_KID "." VECTOR_CLAIMS
#define VECTOR_PASS   "Kdd9DzQ9Usa7vBmmi_aC0_bDGDOwH_IsqZWvgyjrEi8"
extern const uint8_t vector_d[32];

/* Some time when the vector is valid. */
#define NOW (VECTOR_EXP - 3600u)

struct fixture {
	struct pki_dir dir;
	char path[PKI_PATH_LEN];        /* the vector's private key */
	char secret[2][PKI_PATH_LEN];   /* secret files of 32 bytes each */
	struct auth_key_config keys[3]; /* [0] from the vector's key, [1] and [2] from the files */
	const char *rest_secrets[2];    /* "first" and "second" */
	struct auth_config config;      /* keys[0] alone */
	struct auth_snapshot *snapshot; /* of config; remade by fixture_reload */
	char why[CRYPTO_WHY_LEN];
	struct auth_query query; /* of the last request; tests may change it */
	struct auth_grant grant; /* 0xff until a check writes it */
	struct stun_msg msg;
	uint8_t buf[1024];
};

int fixture_setup(void **state);
int fixture_teardown(void **state);

/* Makes f->snapshot from f->config again. */
void fixture_reload(struct fixture *f);
/* Expects f->config to be refused with RC and a sentence that contains WORD. */
void fixture_refuse(struct fixture *f, int rc, const char *word);

/* The vector's claims. */
struct auth_claims fixture_claims(const struct fixture *f);

/* Signs an Allocate with USERNAME and PASSWORD in f->query's manner and points f->query at it. */
void fixture_sign(struct fixture *f, const void *username, size_t len, const char *password);
/* Signs, then checks at NOW_S. */
enum auth_reason fixture_check(
	struct fixture *f, const char *username, const char *password, uint64_t now_s);

#endif
