/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * stun: the codec of STUN (RFC 8489) and TURN (RFC 8656) messages. Bytes to structs and back; no
 * I/O, no clock, no heap. Everything decoded is a view into the caller's bytes.
 *
 *   0                   1                   2                   3
 *   0 1 2 3 4 5 6 7 8 9 0 1 2 3 4 5 6 7 8 9 0 1 2 3 4 5 6 7 8 9 0 1
 *  |0 0|     message type          |         length of attributes   |
 *  |                     magic cookie 0x2112A442                     |
 *  |                  transaction id, 96 bits                       |
 *  then attributes: type (16), length (16), value, padded to 4
 */
#ifndef SALLYPORT_STUN_H
#define SALLYPORT_STUN_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sallyport/common.h>
#include <sallyport/crypto.h>

#define STUN_HEADER_LEN 20
#define STUN_MAGIC      0x2112A442u
#define STUN_TID_LEN    12
#define STUN_PORT       3478

enum stun_class {
	STUN_REQUEST = 0,
	STUN_INDICATION = 1,
	STUN_SUCCESS = 2,
	STUN_ERROR = 3,
};

enum stun_method {
	STUN_BINDING = 0x001,
	STUN_ALLOCATE = 0x003,
	STUN_REFRESH = 0x004,
	STUN_SEND = 0x006,
	STUN_DATA = 0x007,
	STUN_CREATE_PERMISSION = 0x008,
	STUN_CHANNEL_BIND = 0x009,
	STUN_CONNECT = 0x00a, /* RFC 6062 */
	STUN_CONNECTION_BIND = 0x00b,
	STUN_CONNECTION_ATTEMPT = 0x00c,
};

enum stun_attr_type {
	STUN_MAPPED_ADDRESS = 0x0001,
	STUN_CHANGE_REQUEST = 0x0003, /* RFC 5780 */
	STUN_SOURCE_ADDRESS = 0x0004, /* RFC 3489 */
	STUN_CHANGED_ADDRESS = 0x0005,
	STUN_USERNAME = 0x0006,
	STUN_MESSAGE_INTEGRITY = 0x0008,
	STUN_ERROR_CODE = 0x0009,
	STUN_UNKNOWN_ATTRIBUTES = 0x000a,
	STUN_CHANNEL_NUMBER = 0x000c,
	STUN_LIFETIME = 0x000d,
	STUN_XOR_PEER_ADDRESS = 0x0012,
	STUN_DATA_ATTR = 0x0013,
	STUN_REALM = 0x0014,
	STUN_NONCE = 0x0015,
	STUN_XOR_RELAYED_ADDRESS = 0x0016,
	STUN_REQUESTED_ADDRESS_FAMILY = 0x0017,
	STUN_EVEN_PORT = 0x0018,
	STUN_REQUESTED_TRANSPORT = 0x0019,
	STUN_DONT_FRAGMENT = 0x001a,
	STUN_ACCESS_TOKEN = 0x001b, /* RFC 7635 */
	STUN_MESSAGE_INTEGRITY_SHA256 = 0x001c,
	STUN_PASSWORD_ALGORITHM = 0x001d,
	STUN_USERHASH = 0x001e,
	STUN_XOR_MAPPED_ADDRESS = 0x0020,
	STUN_RESERVATION_TOKEN = 0x0022,
	STUN_PRIORITY = 0x0024, /* RFC 8445 */
	STUN_USE_CANDIDATE = 0x0025,
	STUN_PADDING = 0x0026,       /* RFC 5780 */
	STUN_RESPONSE_PORT = 0x0027, /* RFC 5780 */
	STUN_CONNECTION_ID = 0x002a, /* RFC 6062 */
	STUN_ADDITIONAL_ADDRESS_FAMILY = 0x8000,
	STUN_ADDRESS_ERROR_CODE = 0x8001,
	STUN_PASSWORD_ALGORITHMS = 0x8002,
	STUN_ALTERNATE_DOMAIN = 0x8003,
	STUN_ICMP = 0x8004,
	STUN_SOFTWARE = 0x8022,
	STUN_ALTERNATE_SERVER = 0x8023,
	STUN_FINGERPRINT = 0x8028,
	STUN_ICE_CONTROLLED = 0x8029,
	STUN_ICE_CONTROLLING = 0x802a,
	STUN_RESPONSE_ORIGIN = 0x802b, /* RFC 5780 */
	STUN_OTHER_ADDRESS = 0x802c,
	STUN_THIRD_PARTY_AUTHORIZATION = 0x802e, /* RFC 7635 */
	STUN_MOBILITY_TICKET = 0x8030,           /* RFC 8016 */
	/* The number in drafts of RFC 8656, which coturn's clients have kept. */
	STUN_ADDITIONAL_ADDRESS_FAMILY_DRAFT = 0x8032,
};

enum stun_error {
	STUN_TRY_ALTERNATE = 300,
	STUN_BAD_REQUEST = 400,
	STUN_UNAUTHORIZED = 401,
	STUN_FORBIDDEN = 403,
	STUN_MOBILITY_FORBIDDEN = 405,
	STUN_UNKNOWN_ATTRIBUTE = 420,
	STUN_ALLOCATION_MISMATCH = 437,
	STUN_STALE_NONCE = 438,
	STUN_FAMILY_NOT_SUPPORTED = 440,
	STUN_WRONG_CREDENTIALS = 441,
	STUN_TRANSPORT_NOT_SUPPORTED = 442,
	STUN_FAMILY_MISMATCH = 443,
	STUN_CONNECTION_EXISTS = 446,
	STUN_CONNECTION_TIMEOUT = 447,
	STUN_QUOTA_REACHED = 486,
	STUN_SERVER_ERROR = 500,
	STUN_INSUFFICIENT_CAPACITY = 508,
};

/* The phrase the RFC gives for a code; "" for a code it does not know. */
const char *stun_error_phrase(unsigned code);
const char *stun_method_name(unsigned method); /* "Allocate"; "?" for unknown */
const char *stun_attr_name(unsigned type);

/* A refusal decided by a handler: a value, not an error. CODE 0 means no refusal. */
struct stun_refusal {
	uint16_t code;
	const char *reason; /* static text, or NULL for the standard phrase */
};

/* ---- decoding ---- */

/* First two bits of a datagram tell the kinds on a TURN port apart (RFC 8656 §12, RFC 7983). */
static inline bool stun_is_channel_data(uint8_t first_byte)
{
	return (first_byte & 0xc0) == 0x40;
}
static inline bool stun_is_message(uint8_t first_byte)
{
	return (first_byte & 0xc0) == 0x00;
}

struct stun_attr {
	uint16_t type;
	uint16_t len;         /* without padding */
	const uint8_t *value; /* into the message */
};

/*
 * A decoded message: a view, valid as long as the bytes are.
 *
 * Reachable attributes are those before MESSAGE-INTEGRITY, plus the integrity attributes
 * themselves and FINGERPRINT (RFC 8489 §14.5, §14.6: what follows integrity is ignored, except
 * MESSAGE-INTEGRITY-SHA256 after MESSAGE-INTEGRITY, and FINGERPRINT last). Of a repeated attribute
 * the first counts.
 */
#define STUN_UNKNOWN_MAX 16
struct stun_msg {
	const uint8_t *data;
	size_t len; /* header + attributes; equals the datagram's length */
	enum stun_class class;
	uint16_t method;
	bool is_classic;    /* RFC 3489: no magic cookie; transaction id is 16 bytes at data + 4 */
	const uint8_t *tid; /* 12 bytes */
	size_t body_end;    /* offset behind the last reachable ordinary attribute */
	size_t integrity;   /* offset of MESSAGE-INTEGRITY, 0 when absent */
	size_t integrity_sha256; /* offset of MESSAGE-INTEGRITY-SHA256, 0 when absent */
	size_t fingerprint;      /* offset of FINGERPRINT, 0 when absent; checked by decode */
	/* Comprehension-required types (< 0x8000) that are not in enum stun_attr_type. */
	uint16_t unknown[STUN_UNKNOWN_MAX];
	size_t n_unknown; /* further ones are not listed */
};

/*
 * Decodes one whole message of LEN bytes. ERR_TRUNCATED when LEN is less than the header
 * announces, ERR_MALFORMED for anything else that breaks the format: wrong first bits, length not
 * a multiple of 4, bytes behind the end, an attribute over the end, an integrity or fingerprint of
 * wrong length, a FINGERPRINT that does not match or is not last. Without the magic cookie only a
 * Binding request is accepted (is_classic). Attribute values are not looked at.
 */
int stun_msg_decode(const void *data, size_t len, struct stun_msg *out);

/*
 * The length the header announces, header included; 0 if these 20 bytes are not a STUN header. For
 * streams, where RFC 3489 never ran: without the magic cookie it is none.
 */
size_t stun_msg_peek_len(const uint8_t header[STUN_HEADER_LEN]);

/* Steps through the reachable ordinary attributes. Start with *OFFSET = 0. False at the end. */
bool stun_attr_next(const struct stun_msg *m, size_t *offset, struct stun_attr *out);
/* The first reachable one of TYPE. */
bool stun_attr_find(const struct stun_msg *m, uint16_t type, struct stun_attr *out);

/*
 * Values. Each returns 0, or ERR_MALFORMED when the attribute's length or content breaks its
 * definition. The _xor_ ones undo the XOR with cookie and transaction id. The two that fill a list
 * return ERR_NO_SPACE when it has more than CAP entries.
 */
int stun_attr_flag(const struct stun_attr *a); /* length 0 */
int stun_attr_u8(
	const struct stun_attr *a, uint8_t *out); /* 1 byte, exactly (ICMP-free small values) */
int stun_attr_u32(const struct stun_attr *a,
	uint32_t *out); /* LIFETIME, PRIORITY, CONNECTION-ID, CHANGE-REQUEST */
int stun_attr_u64(const struct stun_attr *a, uint64_t *out); /* ICE-CONTROLLED/-ING */
int stun_attr_address(
	const struct stun_attr *a, struct addr *out); /* MAPPED-ADDRESS family of plain ones */
int stun_attr_xor_address(const struct stun_msg *m, const struct stun_attr *a, struct addr *out);
int stun_attr_channel(
	const struct stun_attr *a, uint16_t *out); /* CHANNEL-NUMBER; range is the caller's */
int stun_attr_transport(
	const struct stun_attr *a, uint8_t *out); /* REQUESTED-TRANSPORT: protocol number */
int stun_attr_family(const struct stun_attr *a,
	uint8_t *out); /* REQUESTED-/ADDITIONAL-ADDRESS-FAMILY: raw 1 or 2, else any */
int stun_attr_even_port(const struct stun_attr *a, bool *reserve_next);
int stun_attr_token(const struct stun_attr *a, uint8_t out[8]); /* RESERVATION-TOKEN */
int stun_attr_error(const struct stun_attr *a, uint16_t *code, struct bytes *reason);
int stun_attr_icmp(const struct stun_attr *a, uint8_t *type, uint8_t *code, uint32_t *data);
/*
 * Valid UTF-8 within the limits of RFC 8489: USERNAME < 509 bytes, REALM and SOFTWARE and NONCE and
 * the rest < 763 bytes and < 128 characters; ALTERNATE-DOMAIN: ASCII, <= 255.
 */
int stun_attr_text(const struct stun_attr *a, struct bytes *out);
int stun_attr_userhash(const struct stun_attr *a, const uint8_t **out32);
int stun_attr_unknown(const struct stun_attr *a, uint16_t *types, size_t cap, size_t *n);
int stun_attr_address_error(
	const struct stun_attr *a, uint8_t *family, uint16_t *code, struct bytes *reason);

/* RFC 8489 §18.5: 1 = MD5, 2 = SHA-256; neither has parameters. */
enum stun_password_algorithm {
	STUN_PASSWORD_MD5 = 1,
	STUN_PASSWORD_SHA256 = 2
};
struct stun_password_entry {
	uint16_t algorithm;
	struct bytes parameters;
};
int stun_attr_password_algorithm(const struct stun_attr *a, struct stun_password_entry *out);
int stun_attr_password_algorithms(
	const struct stun_attr *a, struct stun_password_entry *out, size_t cap, size_t *n);

/* ---- integrity ---- */

/* Key of the long-term mechanism: MD5 or SHA-256 of username ":" realm ":" password (RFC 8489
 * §9.2.2, §18.5.1). */
#define STUN_KEY_MAX 32
struct stun_key {
	uint8_t bytes[STUN_KEY_MAX];
	uint8_t len; /* 16 or 32, or a short-term password's length */
};
void stun_key_long_term(enum stun_password_algorithm alg, struct bytes username, struct bytes realm,
	struct bytes password, struct stun_key *out);
void stun_userhash(struct bytes username, struct bytes realm, uint8_t out[32]);

/*
 * Is the integrity attribute there and right? HASH picks MESSAGE-INTEGRITY (SHA1) or
 * MESSAGE-INTEGRITY-SHA256 (SHA256; truncated to 16..32 bytes in steps of 4 is accepted if the
 * attribute says so). Constant-time comparison. A false is a false: absent or wrong.
 */
bool stun_msg_check_integrity(
	const struct stun_msg *m, enum crypto_hash hash, const struct crypto_hmac_key *key);

/* ---- nonce cookie, RFC 8489 §9.2: "obMatJos2" and 24 feature bits in 4 base64 characters ---- */
#define STUN_NONCE_COOKIE_LEN            13
#define STUN_FEATURE_PASSWORD_ALGORITHMS 0x800000u /* bit 0, the leftmost */
#define STUN_FEATURE_USERNAME_ANONYMITY  0x400000u
void stun_nonce_cookie_write(uint32_t features, char out[STUN_NONCE_COOKIE_LEN]);
/* False when NONCE does not begin with a cookie. */
bool stun_nonce_cookie_read(struct bytes nonce, uint32_t *features);

/* ---- encoding ---- */

/*
 * Writes a message into the caller's buffer. An overflow sticks and shows at the end, so calls
 * need no checks in between. The length field is right after every call, so that integrity and
 * fingerprint can be appended at any point.
 */
struct stun_writer {
	uint8_t *buf;
	size_t cap;
	size_t len;
	bool failed;
};

void stun_write_begin(struct stun_writer *w, void *buf, size_t cap, enum stun_class class,
	unsigned method, const uint8_t tid[STUN_TID_LEN]);
/* Header of an answer: method and transaction id of M, classic ids included. */
void stun_write_answer(struct stun_writer *w, void *buf, size_t cap, const struct stun_msg *m,
	enum stun_class class);
void stun_write_bytes(struct stun_writer *w, uint16_t type, const void *value, size_t len);
void stun_write_flag(struct stun_writer *w, uint16_t type);
void stun_write_u32(struct stun_writer *w, uint16_t type, uint32_t v);
void stun_write_u64(struct stun_writer *w, uint16_t type, uint64_t v);
void stun_write_address(struct stun_writer *w, uint16_t type, const struct addr *a);
void stun_write_xor_address(struct stun_writer *w, uint16_t type, const struct addr *a);
void stun_write_channel(struct stun_writer *w, uint16_t channel);
void stun_write_transport(struct stun_writer *w, uint8_t protocol);
void stun_write_family(struct stun_writer *w, uint16_t type, uint8_t family); /* raw 1 or 2 */
void stun_write_even_port(struct stun_writer *w, bool reserve_next);
void stun_write_error(
	struct stun_writer *w, unsigned code, const char *reason); /* NULL: standard phrase */
void stun_write_address_error(
	struct stun_writer *w, uint8_t family, unsigned code, const char *reason);
void stun_write_unknown(struct stun_writer *w, const uint16_t *types, size_t n);
void stun_write_icmp(struct stun_writer *w, uint8_t type, uint8_t code, uint32_t data);
void stun_write_password_algorithm(struct stun_writer *w, uint16_t algorithm);
void stun_write_password_algorithms(struct stun_writer *w, const uint16_t *algorithms, size_t n);
void stun_write_integrity(
	struct stun_writer *w, enum crypto_hash hash, const struct crypto_hmac_key *key);
void stun_write_fingerprint(struct stun_writer *w);
/* Bytes written, or ERR_NO_SPACE. */
int stun_write_end(struct stun_writer *w, size_t *len);

/*
 * A Data indication is built around its payload in place: writes header, XOR-PEER-ADDRESS and the
 * DATA header into the STUN_DATA_PREFIX_* bytes before DATA and the padding behind it. So the
 * buffer needs that headroom and 3 bytes of tailroom. Returns the bytes written in front; *TOTAL is
 * the whole message. 0, and nothing written, when a payload is too long for the length field: that
 * is over 65504 bytes from an IPv6 peer, 65516 from an IPv4 one.
 */
#define STUN_DATA_PREFIX_MAX 48
size_t stun_data_indication_wrap(uint8_t *data, size_t len, const struct addr *peer,
	const uint8_t tid[STUN_TID_LEN], size_t *total);

/* ---- ChannelData, RFC 8656 §12.4 ---- */
#define STUN_CHANNEL_HEADER_LEN 4
#define STUN_CHANNEL_MIN        0x4000
#define STUN_CHANNEL_MAX        0x7fff /* RFC 5766; RFC 8656 ends at 0x4fff */
#define STUN_CHANNEL_MAX_STRICT 0x4fff

/* 0 and the payload, or ERR_TRUNCATED when the datagram is shorter than it says. Bytes behind the
 * payload are padding. */
static inline int stun_channel_decode(
	const uint8_t *data, size_t len, uint16_t *channel, size_t *payload_len)
{
	if (len < STUN_CHANNEL_HEADER_LEN)
		return ERR_TRUNCATED;
	size_t n = be16_get(data + 2);
	if (n > len - STUN_CHANNEL_HEADER_LEN)
		return ERR_TRUNCATED;
	*channel = be16_get(data);
	*payload_len = n;
	return 0;
}

#endif
