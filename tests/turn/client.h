/* SPDX-License-Identifier: BSD-3-Clause */
/* A TURN client on the box's wire: the 401 dance, signed requests, answers taken apart. */
#ifndef TESTS_TURN_CLIENT_H
#define TESTS_TURN_CLIENT_H

#include "fixture.h"

struct client {
	struct fixture *f;
	struct turn_client where;
	struct auth_credential credential;
	char realm[AUTH_REALM_MAX + 1];
	char nonce[AUTH_NONCE_LEN + 1];
	bool is_offered;                        /* PASSWORD-ALGORITHMS was in the challenge */
	enum stun_password_algorithm algorithm; /* 0: says nothing of algorithms, means MD5 */
	enum crypto_hash integrity;
	struct stun_key session; /* of an access token, in place of the password's; len 0: none */
	uint8_t token[256];      /* sent with the next requests */
	size_t token_len;
};

/* On the IPv4 or IPv6 listener, as TEXT is, with an m1 credential good for eight hours. */
void client_init(struct client *c, struct fixture *f, const char *text);
void client_mint(struct client *c, const struct auth_claims *claims, uint64_t expires_s);
struct auth_claims claims_of(const char *subject);

/* ---- requests ---- */

#define REQUEST_MAX 1400
struct request {
	struct stun_writer w;
	uint16_t method;
	uint8_t data[REQUEST_MAX];
	uint8_t tid[STUN_TID_LEN];
};

struct reply {
	bool is_there; /* false: nothing came back */
	struct stun_msg msg;
	unsigned code; /* 0: success */
	bool is_signed;
	uint8_t data[REQUEST_MAX];
};

void request_begin(struct request *r, enum stun_method method);
void request_begin_allocate(struct request *r); /* with REQUESTED-TRANSPORT UDP */
/* What the client signs with. */
struct crypto_hmac_key client_key(const struct client *c);
/* USERNAME, REALM, NONCE, algorithms and integrity, as the client has them. */
void request_sign(struct request *r, const struct client *c);
/* Sends R; asserts that at most one answer comes, to this client, with this id, and that its
 * integrity, if any, is right. */
void request_send(struct request *r, struct client *c, struct reply *out);

/* Learns realm and nonce from a challenge. */
void client_challenge(struct client *c);
/* Signs, sends; after 438 once more with the new nonce. Returns the code. */
unsigned client_ask(struct client *c, struct request *r, struct reply *out);

/* Whole transactions; the code. RELAYED and GRANTED_S may be NULL. */
unsigned client_allocate(struct client *c, struct addr *relayed);
/* With EVEN-PORT and its R bit. */
unsigned client_reserve(struct client *c, struct addr *relayed, uint8_t token[8]);
/* Writes and signs an Allocate with RESERVATION-TOKEN. */
void request_claim(struct request *r, struct client *c, const uint8_t token[8]);
unsigned client_permit(struct client *c, const char *peer);
unsigned client_bind(struct client *c, uint16_t number, const char *peer);
unsigned client_refresh(struct client *c, uint32_t lifetime_s, uint32_t *granted_s);

/* Send indication and ChannelData. */
void client_send(struct client *c, const char *peer, const void *data, size_t len);
void client_channel(struct client *c, uint16_t number, const void *data, size_t len);

/* ---- what came back ---- */

/* The N-th XOR address of TYPE. False when there are fewer. */
bool reply_address(const struct reply *r, uint16_t type, unsigned n, struct addr *out);
uint32_t reply_u32(const struct reply *r, uint16_t type); /* asserts that it is there */
bool reply_has(const struct reply *r, uint16_t type);

/* The next packet on the wire is a Data indication from PEER with this payload, to the client. */
void assert_data(struct client *c, const char *peer, const void *data, size_t len);
/* The same as ChannelData. */
void assert_channel(struct client *c, uint16_t number, const void *data, size_t len);
/* The next packet goes from a relayed address to a peer. */
void assert_to_peer(struct client *c, const struct addr *relayed, const char *peer,
	const void *data, size_t len);
void assert_silence(struct fixture *f);

#endif
