/* SPDX-License-Identifier: BSD-3-Clause */
/* The option table of the section "mras", with its rules. */
#include <string.h>

#include <sallyport/mras.h>

#include "rows.h"

static const char *const location_names[] = {"internet", "intranet", NULL};
static const char *const role_names[] = {"issue", "admin", NULL};

/* The port on which a Lync Edge answers the same question. */
#define API_PORT 5062
static const struct conf_option listen_item = {.type = CONF_ADDR, .min = API_PORT};

const struct conf_option options_key_table[] = {
	{.name = "secret_file",
		.type = CONF_PATH,
		AT(options_key, secret_file),
		.flags = CONF_RELOAD,
		.example = "/etc/sallyport/secret",
		.text = "File of at least 32 random bytes, readable to its owner alone: openssl "
			"rand 32 > FILE. The same on every member of the pool. The recommended "
			"kind of key."},
	{.name = "derive_from_key",
		.type = CONF_PATH,
		AT(options_key, derive_from_key),
		.flags = CONF_RELOAD,
		.example = "/etc/sallyport/av.key",
		.text = "Private key (EC, RSA or Ed25519, PEM) to derive the secret from, in place "
			"of a secret file. Beware of ACME clients that make a new key at each "
			"renewal; certbot needs --reuse-key."},
	{.name = "sign_from",
		.type = CONF_TIME,
		AT(options_key, sign_from),
		.flags = CONF_RELOAD,
		.example = "2026-01-01T00:00:00Z",
		.text = "From when on this key signs; the newest whose time has come does. It is "
			"accepted at once, for another member may have switched earlier."},
	{.name = "verify_until",
		.type = CONF_TIME,
		AT(options_key, verify_until),
		.flags = CONF_RELOAD,
		.example = "2027-01-01T00:00:00Z",
		.text = "Until when credentials under this key are accepted. In the past: the key "
			"is revoked."},
	{.name = NULL},
};

static const char *const algorithm_names[] = {"A256GCM", "A128GCM", NULL};

const struct conf_option options_oauth_key_table[] = {
	{.name = "kid",
		.type = CONF_STRING,
		AT(options_oauth_key, kid),
		.flags = CONF_REQUIRED | CONF_RELOAD,
		.min = 1,
		.max = AUTH_TOKEN_KID_MAX,
		.example = "oauth-2026",
		.text = "Name of the key, which clients give as their user name."},
	{.name = "algorithm",
		.type = CONF_ENUM,
		AT(options_oauth_key, algorithm),
		.names = algorithm_names,
		.fallback = "A256GCM",
		.flags = CONF_RELOAD,
		.text = "What tokens are sealed with."},
	{.name = "key",
		.type = CONF_STRING,
		AT(options_oauth_key, key),
		.flags = CONF_RELOAD | CONF_SECRET,
		.text = "The key in base64: 32 bytes for A256GCM, 16 for A128GCM."},
	{.name = "key_file",
		.type = CONF_PATH,
		AT(options_oauth_key, key_file),
		.flags = CONF_RELOAD,
		.example = "/etc/sallyport/oauth-2026.key",
		.text = "File with the key as one line of base64, in place of \"key\"."},
	{.name = "verify_until",
		.type = CONF_TIME,
		AT(options_oauth_key, verify_until),
		.flags = CONF_RELOAD,
		.example = "2027-01-01T00:00:00Z",
		.text = "Until when tokens under this key are accepted."},
	{.name = NULL},
};

static const struct conf_option client_table[] = {
	{.name = "name",
		.type = CONF_STRING,
		AT(options_client, name),
		.flags = CONF_REQUIRED | CONF_RELOAD,
		.min = 1,
		.max = 64,
		.example = "front-end",
		.text = "Name of the caller, for the log and the rate limit."},
	{.name = "tenant",
		.type = CONF_STRING,
		AT(options_client, tenant),
		.flags = CONF_RELOAD,
		.example = "acme",
		.text = "Tenant whose credentials it asks for, whose keys it sees and revokes. "
			"Without one, the default tenant's."},
	{.name = "san",
		.type = CONF_LIST,
		.item = CONF_STRING,
		AT(options_client, san),
		.flags = CONF_RELOAD,
		.max = 64,
		.example = "[fe.example.com]",
		.text = "Names of its certificate that identify it: DNS or URI subject alternative "
			"names."},
	{.name = "pins",
		.type = CONF_LIST,
		.item = CONF_STRING,
		AT(options_client, pins),
		.flags = CONF_RELOAD,
		.max = 64,
		.text = "SHA-256 of its certificate's public key (SPKI), hexadecimal or base64, in "
			"place of names."},
	{.name = "tokens",
		.type = CONF_LIST,
		.item = CONF_STRING,
		AT(options_client, tokens),
		.flags = CONF_RELOAD | CONF_SECRET,
		.max = 64,
		.text = "SHA-256 of bearer tokens that identify it without a certificate; counts "
			"only with bearer_tokens on."},
	{.name = "roles",
		.type = CONF_LIST,
		.item = CONF_ENUM,
		AT(options_client, roles),
		.names = role_names,
		.flags = CONF_RELOAD,
		.max = 2,
		.fallback = "[issue]",
		.text = "issue may ask for credentials, admin may revoke them and list keys."},
	{.name = "identities",
		.type = CONF_LIST,
		.item = CONF_STRING,
		AT(options_client, identities),
		.flags = CONF_RELOAD,
		.max = 256,
		.example = "[\"*@example.com\"]",
		.text = "Identities it may ask for; * stands for any run of characters without @, "
			"alone for anybody."},
	{.name = "locations",
		.type = CONF_LIST,
		.item = CONF_ENUM,
		AT(options_client, locations),
		.names = location_names,
		.flags = CONF_RELOAD,
		.max = 2,
		.text = "Locations it may ask for; both unless listed."},
	{.name = "max_duration",
		.type = CONF_DURATION,
		AT(options_client, max_duration_s),
		.max = 15552000,
		.fallback = "0",
		.flags = CONF_RELOAD,
		.text = "Longest duration it is granted, where shorter than that of the section. "
			"0: that of the section."},
	{.name = "rate",
		.type = CONF_UINT,
		AT(options_client, rate),
		.max = 100000,
		.fallback = "200",
		.flags = CONF_RELOAD,
		.text = "Credentials it may ask for in a second. 0: no limit."},
	{.name = NULL},
};

/* ---- rules across fields ---- */

void options_check_keys(struct conf_doc *doc, const struct conf_list *keys)
{
	const struct options_key *k = keys->items;

	for (size_t i = 0; i < keys->n; i++) {
		if (!k[i].secret_file == !k[i].derive_from_key)
			conf_fail(doc, &k[i].secret_file,
				"a key needs exactly one of \"secret_file\" and "
				"\"derive_from_key\"");
		if (k[i].verify_until != 0 && k[i].verify_until < k[i].sign_from)
			conf_fail(doc, &k[i].verify_until,
				"this key would end before it begins; \"verify_until\" must be "
				"after \"sign_from\"");
	}
}

void options_check_oauth_keys(struct conf_doc *doc, const struct conf_list *keys)
{
	const struct options_oauth_key *k = keys->items;

	for (size_t i = 0; i < keys->n; i++) {
		if (!k[i].key == !k[i].key_file)
			conf_fail(doc, &k[i].kid,
				"a key of tokens needs exactly one of \"key\" and \"key_file\"");
		for (size_t j = 0; j < i; j++) {
			if (k[i].kid && k[j].kid && strcmp(k[i].kid, k[j].kid) == 0)
				conf_fail(doc, &k[i].kid,
					"two keys of tokens are called \"%s\"; rename one",
					k[i].kid);
		}
	}
}

static void check_hashes(struct conf_doc *doc, const struct conf_list *l, const char *what)
{
	const char *const *text = l->items;
	uint8_t hash[CRYPTO_SHA256_LEN];

	for (size_t i = 0; i < l->n; i++) {
		if (mras_hash_parse(text[i], hash) != 0)
			conf_fail(doc, &text[i],
				"this %s is not a SHA-256: write 64 hexadecimal digits or base64",
				what);
	}
}

static void check_clients(struct conf_doc *doc, const struct options_mras *m)
{
	const struct options_client *c = m->clients.items;

	for (size_t i = 0; i < m->clients.n; i++) {
		if (c[i].san.n + c[i].pins.n + c[i].tokens.n == 0)
			conf_fail(doc, &c[i].name,
				"client \"%s\" can never be recognised; give it \"san\" or "
				"\"pins\"",
				c[i].name);
		if (c[i].tokens.n > 0 && !m->bearer_tokens)
			conf_warn(doc, &c[i].tokens,
				"the tokens of client \"%s\" have no effect while "
				"\"bearer_tokens\" is off",
				c[i].name);
		check_hashes(doc, &c[i].pins, "pin");
		check_hashes(doc, &c[i].tokens, "token");
		for (size_t k = 0; k < i; k++) {
			if (c[i].name && c[k].name && strcmp(c[i].name, c[k].name) == 0)
				conf_fail(doc, &c[i].name,
					"two clients are called \"%s\"; rename one", c[i].name);
		}
	}
}

static void check_listen(struct conf_doc *doc, const struct options_mras *m)
{
	if (m->listen.n == 0)
		return;
	if (!m->certificate || !m->private_key)
		conf_fail(doc, &m->listen,
			"the API needs \"certificate\" and \"private_key\"; or leave \"listen\" "
			"out to run without it");
	if (!m->client_ca && !m->bearer_tokens)
		conf_fail(doc, &m->listen,
			"the API needs \"client_ca\", the authority of the callers' certificates");
	if (m->clients.n == 0)
		conf_warn(doc, &m->listen, "nobody may use the API: \"clients\" is empty");
}

static void check_mras(struct conf_doc *doc, void *section)
{
	const struct options_mras *m = section;

	options_check_keys(doc, &m->keys);
	options_check_oauth_keys(doc, &m->oauth_keys);
	check_clients(doc, m);
	check_listen(doc, m);
	if (m->max_duration_s < m->default_duration_s)
		conf_fail(doc, &m->max_duration_s,
			"\"max_duration\" is shorter than \"default_duration\"; raise one or lower "
			"the other");
}

const struct conf_option options_mras_table[] = {
	{.name = "listen",
		.type = CONF_LIST,
		.item = CONF_ADDR,
		AT(options_mras, listen),
		.max = 16,
		.example = "[10.0.0.10]",
		.check = check_mras,
		.children = &listen_item,
		.text = "Addresses of the credential API (HTTPS), port 5062 unless given: the "
			"inside, never the Internet. Without any there is no API, and the node "
			"only checks what other members issue."},
	{.name = "certificate",
		.type = CONF_PATH,
		AT(options_mras, certificate),
		.flags = CONF_RELOAD,
		.example = "/etc/sallyport/api.crt",
		.text = "Certificate chain of the API (PEM)."},
	{.name = "private_key",
		.type = CONF_PATH,
		AT(options_mras, private_key),
		.flags = CONF_RELOAD,
		.example = "/etc/sallyport/api.key",
		.text = "Its private key (PEM)."},
	{.name = "client_ca",
		.type = CONF_PATH,
		AT(options_mras, client_ca),
		.flags = CONF_RELOAD,
		.example = "/etc/sallyport/callers-ca.crt",
		.text = "Authorities that callers' certificates must come from (PEM). The system's "
			"are not trusted."},
	{.name = "client_crl",
		.type = CONF_PATH,
		AT(options_mras, client_crl),
		.flags = CONF_RELOAD,
		.example = "/etc/sallyport/callers.crl",
		.text = "Revocation list of those authorities (PEM)."},
	{.name = "keys",
		.type = CONF_LIST,
		.item = CONF_SECTION,
		AT(options_mras, keys),
		.children = options_key_table,
		.item_size = sizeof(struct options_key),
		.min = 1,
		.max = AUTH_KEYS_MAX,
		.flags = CONF_REQUIRED | CONF_RELOAD,
		.text = "Keys that credentials are made from and checked with, the same on every "
			"member of the pool."},
	{.name = "clients",
		.type = CONF_LIST,
		.item = CONF_SECTION,
		AT(options_mras, clients),
		.children = client_table,
		.item_size = sizeof(struct options_client),
		.max = 1024,
		.flags = CONF_RELOAD,
		.text = "Who may use the API, and for what."},
	{.name = "default_duration",
		.type = CONF_DURATION,
		AT(options_mras, default_duration_s),
		.min = 60,
		.max = 15552000,
		.fallback = "8h",
		.flags = CONF_RELOAD,
		.text = "Validity of a credential when the caller asks for none."},
	{.name = "max_duration",
		.type = CONF_DURATION,
		AT(options_mras, max_duration_s),
		.min = 60,
		.max = 15552000,
		.fallback = "8h",
		.flags = CONF_RELOAD,
		.text = "Longest validity granted; longer wishes are shortened to it, not "
			"refused."},
	{.name = "session_grace",
		.type = CONF_DURATION,
		AT(options_mras, session_grace_s),
		.max = 15552000,
		.fallback = "24h",
		.flags = CONF_RELOAD,
		.text = "How long past its credential's end a running allocation may be kept "
			"alive, so that calls do not break. 0: not at all."},
	{.name = "clock_skew",
		.type = CONF_DURATION,
		AT(options_mras, clock_skew_s),
		.max = 3600,
		.fallback = "30s",
		.flags = CONF_RELOAD,
		.text = "How far the clocks of pool members may differ: an end this far in the "
			"past still counts."},
	{.name = "nonce_lifetime",
		.type = CONF_DURATION,
		AT(options_mras, nonce_lifetime_s),
		.min = 60,
		.max = 86400,
		.fallback = "10m",
		.flags = CONF_RELOAD,
		.text = "After this long a client is told to come back with a fresh nonce."},
	{.name = "turn_rest",
		.type = CONF_BOOL,
		AT(options_mras, turn_rest),
		.fallback = "true",
		.flags = CONF_RELOAD,
		.text = "Accepts and issues credentials of the TURN REST form (EXPIRY:NAME) too, "
			"as web back ends make them."},
	{.name = "turn_rest_secrets",
		.type = CONF_LIST,
		.item = CONF_PATH,
		AT(options_mras, turn_rest_secrets),
		.max = 16,
		.flags = CONF_RELOAD,
		.example = "[/etc/sallyport/static-auth-secret]",
		.text = "Files with shared secrets of existing back ends (coturn's "
			"static-auth-secret), one line each, accepted beside the one derived from "
			"the key."},
	{.name = "oauth_keys",
		.type = CONF_LIST,
		.item = CONF_SECTION,
		AT(options_mras, oauth_keys),
		.children = options_oauth_key_table,
		.item_size = sizeof(struct options_oauth_key),
		.max = AUTH_TOKEN_KEYS_MAX,
		.flags = CONF_RELOAD,
		.text = "Keys shared with an authorization server that gives clients access tokens "
			"(RFC 7635). Their tokens are accepted beside the other credentials. "
			"Without any, no client is told of tokens."},
	{.name = "oauth_server_name",
		.type = CONF_STRING,
		AT(options_mras, oauth_server_name),
		.flags = CONF_RELOAD,
		.min = 1,
		.max = AUTH_TOKEN_SERVER_MAX,
		.example = "av.example.com",
		.text = "Name of this server that clients are told to ask for a token with, and "
			"that "
			"tokens are sealed for. Without it, the realm."},
	{.name = "bearer_tokens",
		.type = CONF_BOOL,
		AT(options_mras, bearer_tokens),
		.fallback = "false",
		.text = "Lets callers without certificate in with a bearer token. Off, the TLS "
			"handshake refuses them."},
	{.name = "revocation_file",
		.type = CONF_PATH,
		AT(options_mras, revocation_file),
		.flags = CONF_RELOAD,
		.example = "/var/lib/sallyport/revocations",
		.text = "Where revocations are kept over a restart; read again at every reload. "
			"Without it they last until the daemon ends. Members do not tell each "
			"other: revoke on each, or share the file."},
	{.name = "max_connections",
		.type = CONF_UINT,
		AT(options_mras, max_connections),
		.min = 1,
		.max = 65536,
		.fallback = "256",
		.text = "Connections to the API at once; further ones wait."},
	{.name = NULL},
};
