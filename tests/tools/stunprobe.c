/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * stunprobe: sends STUN/TURN transactions chosen on the command line and prints what came back, one
 * line of field=value for each, so that a script can ask for exact codes. Steps and fields: USAGE.
 */
#include <ctype.h>
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "turnclient.h"

static const char USAGE[] =
	"usage: stunprobe [options] SERVER[:PORT] STEP...     (\"-\": steps from standard input)\n"
	"options:\n"
	"  -u USER -w PASSWORD   credential; a challenge is followed once\n"
	"  -r REALM -n NONCE     use these without having been challenged\n"
	"  -1                    do not follow a challenge\n"
	"  -L ADDRESS[:PORT]     local address\n"
	"  -t                    TCP\n"
	"  -S                    SHA-256 for key and integrity\n"
	"  -F                    FINGERPRINT on every request\n"
	"  -C                    spoil the integrity of every signed request\n"
	"  -W MS                 wait this long for an answer (default 500, sent 20 times)\n"
	"steps, words behind the name are optional unless in capitals:\n"
	"  binding | allocate | refresh | permission | bind    a request of that method, with\n"
	"      peer=ADDRESS channel=N lifetime=S transport=N family=4|6 additional=4|6\n"
	"      token=HEX even reserve dontfragment unknown=TYPE unsigned tid=HEX\n"
	"  send PEER=ADDRESS text=T size=N dontfragment        a Send indication\n"
	"  data CHANNEL=N text=T size=N                        ChannelData\n"
	"  receive wait=MS                                     the next packet, whatever it is\n"
	"  hex BYTES=HEX quiet                                 raw bytes; quiet: await no answer\n"
	"  junk count=N seed=N                                 broken and random packets\n"
	"  login USER=U PASSWORD=P                             another credential from here on\n"
	"  mark                                                prints \"mark\"\n"
	"fields: class code request reply (bytes of UDP payload) relayed mapped lifetime realm "
	"nonce\n"
	"  integrity=ok|bad|none fingerprint=yes|no unknown token software text peer stray reason "
	"hex\n";

#define WORDS_MAX   16
#define PAYLOAD_MAX 65000
#define HEX_SHOWN   64
#define PORTS_MAX   10

struct probe {
	struct turnclient c;
	bool once;
	unsigned failures; /* steps without an answer */
	char *login[2];    /* owned copies behind c.username and c.password after a login step */
	const struct addr *local; /* not owned; NULL: any */
	bool has_allocated;
	unsigned moves; /* to other ports */
};

/* One step, cut into words in place. */
struct step {
	char *words[WORDS_MAX];
	size_t n;
};

static const char *step_text(const struct step *s, const char *key)
{
	size_t len = strlen(key);

	for (size_t i = 1; i < s->n; i++) {
		if (strncmp(s->words[i], key, len) != 0)
			continue;
		if (s->words[i][len] == '=')
			return s->words[i] + len + 1;
		if (s->words[i][len] == '\0')
			return "";
	}
	return NULL;
}

static bool step_number(const struct step *s, const char *key, unsigned long *out)
{
	const char *text = step_text(s, key);
	char *end;

	if (!text)
		return false;
	*out = strtoul(text, &end, 0);
	if (!*text || *end) {
		fprintf(stderr, "stunprobe: %s=%s is not a number\n", key, text);
		exit(2);
	}
	return true;
}

static bool step_address(const struct step *s, const char *key, struct addr *out)
{
	const char *text = step_text(s, key);

	if (!text)
		return false;
	if (addr_parse(text, 9, out) != 0) {
		fprintf(stderr, "stunprobe: %s=%s is not an address\n", key, text);
		exit(2);
	}
	return true;
}

/* Bytes written; stops at the first thing that is not a pair of hex digits. */
static size_t from_hex(const char *text, uint8_t *out, size_t cap)
{
	size_t n = 0;
	unsigned byte;

	while (n < cap && isxdigit((unsigned char)text[0]) && isxdigit((unsigned char)text[1]) &&
		sscanf(text, "%2x", &byte) == 1) {
		out[n++] = (uint8_t)byte;
		text += 2;
	}
	return n;
}

static size_t step_payload(const struct step *s, uint8_t *out, size_t cap)
{
	const char *text = step_text(s, "text");
	unsigned long size = text ? strlen(text) : 0;

	(void)step_number(s, "size", &size); /* not given: the text's own length */
	if (size > cap)
		size = cap;
	memset(out, 'x', size);
	if (text)
		memcpy(out, text, strlen(text) < size ? strlen(text) : size);
	return size;
}

/* ---- printing ---- */

static void print_text(const char *key, const uint8_t *p, size_t len)
{
	printf(" %s=", key);
	for (size_t i = 0; i < len; i++)
		putchar(p[i] > ' ' && p[i] < 0x7f ? p[i] : '_');
}

static void print_address(const char *key, const struct addr *a)
{
	char text[ADDR_TEXT_LEN];

	printf(" %s=%s", key, addr_format(a, text));
}

static void print_unknown(const struct stun_attr *a)
{
	uint16_t types[STUN_UNKNOWN_MAX];
	size_t n = 0;

	if (stun_attr_unknown(a, types, ARRAY_LEN(types), &n) != 0)
		return;
	printf(" unknown=");
	for (size_t i = 0; i < n; i++)
		printf("%s0x%04x", i ? "," : "", types[i]);
}

static void print_attr(const struct stun_msg *m, const struct stun_attr *a)
{
	struct addr addr;
	uint32_t number;

	switch (a->type) {
	case STUN_REALM:
		print_text("realm", a->value, a->len);
		break;
	case STUN_NONCE:
		print_text("nonce", a->value, a->len);
		break;
	case STUN_SOFTWARE:
		print_text("software", a->value, a->len);
		break;
	case STUN_DATA_ATTR:
		print_text("text", a->value, a->len);
		break;
	case STUN_LIFETIME:
		if (stun_attr_u32(a, &number) == 0)
			printf(" lifetime=%u", number);
		break;
	case STUN_MAPPED_ADDRESS:
		if (stun_attr_address(a, &addr) == 0)
			print_address("plain_mapped", &addr);
		break;
	case STUN_ALTERNATE_SERVER:
		if (stun_attr_address(a, &addr) == 0)
			print_address("alternate", &addr);
		break;
	case STUN_ALTERNATE_DOMAIN:
		print_text("domain", a->value, a->len);
		break;
	case STUN_XOR_MAPPED_ADDRESS:
		if (stun_attr_xor_address(m, a, &addr) == 0)
			print_address("mapped", &addr);
		break;
	case STUN_XOR_RELAYED_ADDRESS:
		if (stun_attr_xor_address(m, a, &addr) == 0)
			print_address(addr.family == ADDR_IPV6 ? "relayed6" : "relayed", &addr);
		break;
	case STUN_XOR_PEER_ADDRESS:
		if (stun_attr_xor_address(m, a, &addr) == 0)
			print_address("peer", &addr);
		break;
	case STUN_UNKNOWN_ATTRIBUTES:
		print_unknown(a);
		break;
	case STUN_RESERVATION_TOKEN:
		printf(" token=");
		for (size_t i = 0; i < a->len; i++)
			printf("%02x", a->value[i]);
		break;
	default:
		break;
	}
}

static const char *integrity_of(struct probe *p)
{
	const struct stun_msg *m = &p->c.msg;
	struct crypto_hmac_key key;
	enum crypto_hash hash = p->c.sha256 ? CRYPTO_SHA256 : CRYPTO_SHA1;

	if (!m->integrity && !m->integrity_sha256)
		return "none";
	if (!p->c.key_ok)
		return "bad";
	crypto_hmac_key_init(&key, hash, p->c.key.bytes, p->c.key.len);
	return stun_msg_check_integrity(m, hash, &key) ? "ok" : "bad";
}

static void print_message(struct probe *p, const char *name, size_t request_len, size_t reply_len)
{
	static const char *const CLASSES[] = {"request", "indication", "success", "error"};
	const struct stun_msg *m = &p->c.msg;
	struct stun_attr a;
	size_t offset = 0;

	printf("%s class=%s code=%u request=%zu reply=%zu", name, CLASSES[m->class],
		turnclient_code(&p->c), request_len, reply_len);
	while (stun_attr_next(m, &offset, &a))
		print_attr(m, &a);
	printf(" integrity=%s fingerprint=%s stray=%u", integrity_of(p),
		m->fingerprint ? "yes" : "no", p->c.n_stray);
	if (stun_attr_find(m, STUN_ERROR_CODE, &a) && a.len > 4)
		print_text("reason", a.value + 4, a.len - 4);
	putchar('\n');
}

static void print_failure(struct probe *p, const char *name, size_t request_len, int rc)
{
	p->failures++;
	printf("%s class=none request=%zu reply=0 error=%s\n", name, request_len,
		rc == -ETIMEDOUT ? "timeout" : err_text(rc));
}

/* ---- requests ---- */

static uint8_t raw_family(unsigned long family)
{
	return family == 4 ? 1 : family == 6 ? 2 : (uint8_t)family;
}

static void add_attributes(struct stun_writer *w, void *arg)
{
	const struct step *s = arg;
	unsigned long n;
	struct addr a;
	uint8_t token[8];

	if (step_number(s, "transport", &n))
		stun_write_transport(w, (uint8_t)n);
	else if (strcmp(s->words[0], "allocate") == 0)
		stun_write_transport(w, 17);
	if (step_number(s, "lifetime", &n))
		stun_write_u32(w, STUN_LIFETIME, (uint32_t)n);
	if (step_number(s, "family", &n))
		stun_write_family(w, STUN_REQUESTED_ADDRESS_FAMILY, raw_family(n));
	if (step_number(s, "additional", &n))
		stun_write_family(w, STUN_ADDITIONAL_ADDRESS_FAMILY, raw_family(n));
	if (step_text(s, "even") || step_text(s, "reserve"))
		stun_write_even_port(w, step_text(s, "reserve") != NULL);
	if (step_text(s, "token") && from_hex(step_text(s, "token"), token, 8) == 8)
		stun_write_bytes(w, STUN_RESERVATION_TOKEN, token, 8);
	if (step_text(s, "dontfragment"))
		stun_write_flag(w, STUN_DONT_FRAGMENT);
	if (step_number(s, "channel", &n))
		stun_write_channel(w, (uint16_t)n);
	if (step_address(s, "peer", &a))
		stun_write_xor_address(w, STUN_XOR_PEER_ADDRESS, &a);
	if (step_number(s, "unknown", &n))
		stun_write_u32(w, (uint16_t)n, 0);
}

/* RFC 8656 §7.4: a port the server knows from a client before us is a 437; then we take another. */
static bool take_other_port(struct probe *p)
{
	struct turnclient other;
	int fd = p->c.fd;

	p->has_allocated |= p->c.msg.class == STUN_SUCCESS;
	if (p->c.is_stream || p->has_allocated || (p->local && p->local->port != 0) ||
		turnclient_code(&p->c) != STUN_ALLOCATION_MISMATCH || p->moves == PORTS_MAX ||
		turnclient_open(&other, &p->c.server, p->local, false) != 0)
		return false;
	p->moves++;
	p->c.fd = other.fd;
	other.fd = fd;
	turnclient_close(&other);
	return true;
}

static void run_request(struct probe *p, const struct step *s, unsigned method)
{
	bool sign = method != STUN_BINDING && !step_text(s, "unsigned");
	int rc;

	if (step_text(s, "tid"))
		p->c.has_tid = from_hex(step_text(s, "tid"), p->c.tid, STUN_TID_LEN) > 0;
	for (int attempt = 0; attempt < 2; attempt++) {
		p->c.n_stray = 0;
		rc = turnclient_try(&p->c, method, add_attributes, (void *)(uintptr_t)s, sign);
		if (rc != 0) {
			print_failure(p, s->words[0], p->c.request_len, rc);
			return;
		}
		if (method == STUN_ALLOCATE && take_other_port(p)) {
			attempt = -1;
			continue;
		}
		print_message(p, s->words[0], p->c.request_len, p->c.reply_len);
		if (p->once || !sign || !p->c.username || !turnclient_learn(&p->c))
			return;
	}
}

static void run_send(struct probe *p, const struct step *s)
{
	uint8_t *buf = malloc(PAYLOAD_MAX + 128), *payload = malloc(PAYLOAD_MAX);
	uint8_t tid[STUN_TID_LEN];
	struct stun_writer w;
	struct addr peer;
	size_t len = 0;

	if (!buf || !payload)
		abort();
	crypto_random(tid, sizeof(tid));
	stun_write_begin(&w, buf, PAYLOAD_MAX + 128, STUN_INDICATION, STUN_SEND, tid);
	if (step_address(s, "peer", &peer))
		stun_write_xor_address(&w, STUN_XOR_PEER_ADDRESS, &peer);
	if (step_text(s, "dontfragment"))
		stun_write_flag(&w, STUN_DONT_FRAGMENT);
	stun_write_bytes(&w, STUN_DATA_ATTR, payload, step_payload(s, payload, PAYLOAD_MAX));
	int rc = stun_write_end(&w, &len);
	if (rc == 0)
		rc = turnclient_send(&p->c, buf, len);
	if (rc != 0)
		print_failure(p, "send", len, rc);
	free(payload);
	free(buf);
}

static void run_data(struct probe *p, const struct step *s)
{
	uint8_t *buf = calloc(1, PAYLOAD_MAX + 8);
	unsigned long channel = STUN_CHANNEL_MIN;

	if (!buf)
		abort();
	(void)step_number(s, "channel", &channel); /* the first channel by default */
	size_t len = step_payload(s, buf + STUN_CHANNEL_HEADER_LEN, PAYLOAD_MAX);
	be16_put(buf, (uint16_t)channel);
	be16_put(buf + 2, (uint16_t)len);
	if (p->c.is_stream)
		len = (len + 3) & ~(size_t)3;
	int rc = turnclient_send(&p->c, buf, len + STUN_CHANNEL_HEADER_LEN);
	if (rc != 0)
		print_failure(p, "data", len, rc);
	free(buf);
}

static void print_packet(struct probe *p, const char *name, size_t request_len, size_t len)
{
	const uint8_t *data = p->c.packet;
	uint16_t channel;
	size_t payload_len;

	if (len > 0 && stun_is_channel_data(data[0]) &&
		stun_channel_decode(data, len, &channel, &payload_len) == 0) {
		printf("%s class=channel channel=0x%04x reply=%zu size=%zu", name, channel, len,
			payload_len);
		print_text("text", data + STUN_CHANNEL_HEADER_LEN, payload_len);
		putchar('\n');
	} else if (stun_msg_decode(data, len, &p->c.msg) == 0) {
		print_message(p, name, request_len, len);
	} else {
		printf("%s class=other request=%zu reply=%zu hex=", name, request_len, len);
		for (size_t i = 0; i < len && i < HEX_SHOWN; i++)
			printf("%02x", data[i]);
		putchar('\n');
	}
}

static void run_receive(struct probe *p, const char *name, unsigned wait_ms, size_t request_len)
{
	size_t len = 0;
	int rc = turnclient_receive(&p->c, wait_ms, &len);

	p->c.n_stray = 0;
	if (rc != 0)
		print_failure(p, name, request_len, rc);
	else
		print_packet(p, name, request_len, len);
}

static void run_hex(struct probe *p, const struct step *s)
{
	uint8_t buf[2048];
	const char *text = step_text(s, "bytes");
	size_t len = text ? from_hex(text, buf, sizeof(buf)) : 0;
	int rc = turnclient_send(&p->c, buf, len);

	if (rc != 0)
		print_failure(p, "hex", len, rc);
	else if (!step_text(s, "quiet"))
		run_receive(p, "hex", p->c.wait_ms, len);
}

/* ---- junk: an Allocate with bytes changed or cut off, and wholly random packets ---- */

static uint32_t junk_next(uint32_t *state)
{
	*state ^= *state << 13;
	*state ^= *state >> 17;
	*state ^= *state << 5;
	return *state;
}

static size_t junk_packet(uint32_t *state, uint8_t buf[600])
{
	static const uint8_t TID[STUN_TID_LEN] = {1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12};
	struct stun_writer w;
	size_t len = 0;

	if (junk_next(state) % 3 == 0) {
		len = junk_next(state) % 600;
		for (size_t i = 0; i < len; i++)
			buf[i] = (uint8_t)junk_next(state);
		return len;
	}
	stun_write_begin(&w, buf, 600, STUN_REQUEST, STUN_ALLOCATE, TID);
	stun_write_transport(&w, 17);
	stun_write_bytes(&w, STUN_USERNAME, "1800000000:m1.387218cb.AQEHAAAI", 31);
	stun_write_u32(&w, STUN_LIFETIME, 600);
	(void)stun_write_end(&w, &len); /* 600 bytes are ample */
	for (uint32_t n = junk_next(state) % 4; n > 0; n--)
		buf[junk_next(state) % len] = (uint8_t)junk_next(state);
	return junk_next(state) % 2 ? len : junk_next(state) % (len + 1);
}

static void run_junk(struct probe *p, const struct step *s)
{
	unsigned long count = 1000, seed = 1;
	size_t answers = 0, len = 0;
	uint8_t buf[600];

	(void)step_number(s, "count", &count); /* defaults above */
	(void)step_number(s, "seed", &seed);
	uint32_t state = (uint32_t)seed | 1;
	for (unsigned long i = 0; i < count; i++) {
		(void)turnclient_send(&p->c, buf, junk_packet(&state, buf)); /* may be refused */
		while (turnclient_receive(&p->c, 0, &len) == 0)
			answers++;
	}
	printf("junk sent=%lu answers=%zu\n", count, answers);
}

/* ---- steps ---- */

static void run_login(struct probe *p, const struct step *s)
{
	const char *user = step_text(s, "user"), *password = step_text(s, "password");

	for (size_t i = 0; i < 2; i++)
		free(p->login[i]);
	p->login[0] = strdup(user ? user : "");
	p->login[1] = strdup(password ? password : "");
	if (!p->login[0] || !p->login[1])
		abort();
	p->c.username = p->login[0];
	p->c.password = p->login[1];
	p->c.key_ok = false;
}

static int run_step(struct probe *p, char *text)
{
	static const struct {
		const char *name;
		unsigned method;
	} REQUESTS[] = {
		{"binding", STUN_BINDING},
		{"allocate", STUN_ALLOCATE},
		{"refresh", STUN_REFRESH},
		{"permission", STUN_CREATE_PERMISSION},
		{"bind", STUN_CHANNEL_BIND},
	};
	struct step s = {.n = 0};
	char *rest;

	for (char *w = strtok_r(text, " \t\n", &rest); w && s.n < WORDS_MAX;
		w = strtok_r(NULL, " \t\n", &rest))
		s.words[s.n++] = w;
	if (s.n == 0)
		return 0;
	for (size_t i = 0; i < ARRAY_LEN(REQUESTS); i++) {
		if (strcmp(s.words[0], REQUESTS[i].name) == 0) {
			run_request(p, &s, REQUESTS[i].method);
			return 0;
		}
	}
	unsigned long wait = p->c.wait_ms;
	(void)step_number(&s, "wait", &wait); /* as for requests by default */
	if (strcmp(s.words[0], "send") == 0)
		run_send(p, &s);
	else if (strcmp(s.words[0], "data") == 0)
		run_data(p, &s);
	else if (strcmp(s.words[0], "receive") == 0)
		run_receive(p, "receive", (unsigned)wait, 0);
	else if (strcmp(s.words[0], "hex") == 0)
		run_hex(p, &s);
	else if (strcmp(s.words[0], "junk") == 0)
		run_junk(p, &s);
	else if (strcmp(s.words[0], "login") == 0)
		run_login(p, &s);
	else if (strcmp(s.words[0], "mark") == 0)
		puts("mark");
	else
		return ERR_NOT_FOUND;
	return 0;
}

static int run_stdin(struct probe *p)
{
	char *line = NULL;
	size_t cap = 0;
	int rc = 0;

	while (rc == 0 && getline(&line, &cap, stdin) > 0)
		rc = run_step(p, line);
	free(line);
	return rc;
}

struct options {
	const char *user, *password, *realm, *nonce;
	struct addr local;
	bool has_local, once, stream, sha256, fingerprint, corrupt;
	unsigned wait_ms;
};

static int parse_options(int argc, char **argv, struct options *o)
{
	int c;

	while ((c = getopt(argc, argv, "u:w:r:n:1L:tSFCW:")) != -1) {
		switch (c) {
		case 'u':
			o->user = optarg;
			break;
		case 'w':
			o->password = optarg;
			break;
		case 'r':
			o->realm = optarg;
			break;
		case 'n':
			o->nonce = optarg;
			break;
		case '1':
			o->once = true;
			break;
		case 'L':
			o->has_local = addr_parse(optarg, 0, &o->local) == 0;
			break;
		case 't':
			o->stream = true;
			break;
		case 'S':
			o->sha256 = true;
			break;
		case 'F':
			o->fingerprint = true;
			break;
		case 'C':
			o->corrupt = true;
			break;
		case 'W':
			o->wait_ms = (unsigned)strtoul(optarg, NULL, 10);
			break;
		default:
			return ERR_MALFORMED;
		}
	}
	return argc - optind >= 2 ? 0 : ERR_MALFORMED;
}

static int open_probe(struct probe *p, const struct options *o, const char *where)
{
	struct addr server;

	if (addr_parse(where, STUN_PORT, &server) != 0)
		return ERR_MALFORMED;
	int rc = turnclient_open(&p->c, &server, o->has_local ? &o->local : NULL, o->stream);
	if (rc != 0)
		return rc;
	p->once = o->once;
	p->local = o->has_local ? &o->local : NULL;
	p->c.username = o->user;
	p->c.password = o->password ? o->password : "";
	p->c.sha256 = o->sha256;
	p->c.fingerprint = o->fingerprint;
	p->c.corrupt = o->corrupt;
	p->c.wait_ms = o->wait_ms;
	snprintf(p->c.realm, sizeof(p->c.realm), "%s", o->realm ? o->realm : "");
	snprintf(p->c.nonce, sizeof(p->c.nonce), "%s", o->nonce ? o->nonce : "");
	return 0;
}

int main(int argc, char **argv)
{
	struct options o = {.wait_ms = 500};
	struct probe p = {.failures = 0};

	setvbuf(stdout, NULL, _IOLBF, 0);
	if (parse_options(argc, argv, &o) != 0) {
		fputs(USAGE, stderr);
		return 2;
	}
	int rc = open_probe(&p, &o, argv[optind]);
	if (rc != 0) {
		printf("open class=none error=%s\n", err_text(rc));
		return 1;
	}
	for (int i = optind + 1; i < argc && rc == 0; i++)
		rc = strcmp(argv[i], "-") == 0 ? run_stdin(&p) : run_step(&p, argv[i]);
	if (rc != 0)
		fputs(USAGE, stderr);
	turnclient_close(&p.c);
	free(p.login[0]);
	free(p.login[1]);
	return rc != 0 ? 2 : p.failures > 0;
}
