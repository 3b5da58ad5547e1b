/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * The table of coturn's keys, those of old versions among them, and what becomes of each. A key is
 * converted where TAKE is set and nothing says otherwise; the text is what the report says.
 */
#include "coturn.h"

#define TO(key, function, where)                                                                   \
	{                                                                                          \
		key, coturn_take_##function, COTURN_CONVERTED, where                               \
	}
#define SAME(key, why)                                                                             \
	{                                                                                          \
		key, NULL, COTURN_DEFAULT, why                                                     \
	}
#define DROP(key, what)                                                                            \
	{                                                                                          \
		key, NULL, COTURN_DROPPED, what                                                    \
	}

#define NO_USERS                                                                                   \
	"there are no stored users: clients get credentials from the API, or TURN REST ones made " \
	"with a shared secret (use-auth-secret in coturn)"
#define NO_DATABASE                                                                                \
	"there is no user database; credentials are checked by key alone. Shared secrets kept in " \
	"it: write each to a file and name it in mras.turn_rest_secrets"
#define NO_WEB  "there is no web page to administer; sallyportctl does it"
#define NO_CLI  "sallyportctl takes the place of the telnet command line"
#define OLD_TLS "TLS 1.2 and 1.3 only"
#define DH      "key exchange is by elliptic curves that OpenSSL picks"
#define LOG     "one format: key=value lines with level and folder"
#define NO_STUN_ONLY                                                                               \
	"STUN and TURN stand on one port; without credentials given out nobody can allocate"
#define ALTERNATES                                                                                 \
	"edge.alternates. Clients are sent there when this server drains or is above "             \
	"edge.redirect_above; coturn sends all of them"
#define BATCHES "datagrams are always received and sent in batches"

static const struct coturn_key keys[] = {
	/* listeners */
	TO("listening-ip", listen, "edge.faces[0].listen, tcp, tls, dtls"),
	TO("L", listen, "edge.faces[0].listen, tcp, tls, dtls"),
	TO("listening-port", port, "the port in edge.faces[0].listen and tcp"),
	TO("p", port, "the port in edge.faces[0].listen and tcp"),
	TO("tls-listening-port", tls_port, "the port in edge.faces[0].tls and dtls"),
	DROP("alt-listening-port",
		"RFC 5780 wants two addresses: see edge.behavior_discovery in sallyport.yaml(5)"),
	DROP("alt-tls-listening-port", "RFC 5780 is served over UDP"),
	DROP("aux-server", "add the address to the lists of a face, or a face of its own"),
	DROP("listening-device", "name the interface's addresses in edge.faces[0].listen"),
	DROP("d", "name the interface's addresses in edge.faces[0].listen"),
	DROP("tcp-proxy-port",
		"the PROXY protocol is taken on the usual ports from the balancers named in "
		"edge.faces[].proxy_protocol"),
	SAME("udp-self-balance", "the kernel spreads clients over the workers"),
	TO("no-tcp", no_tcp, "edge.faces[0] without tcp"),
	TO("no-tls", no_tls, "edge.faces[0] without tls"),
	TO("no-dtls", no_dtls, "edge.faces[0] without dtls"),
	SAME("dtls", "DTLS is served where there is a certificate"),
	DROP("no-udp", "a face listens on UDP in any case; close the port in the firewall"),
	DROP("secure-stun", "Binding requests need no credentials"),
	SAME("respond-http-unsupported", "HTTP at a TURN port is answered shortly and closed"),
	DROP("acme-redirect", "let the ACME client listen on port 80 itself"),
	DROP("server-relay", "peers on every port are served"),

	/* relays */
	TO("relay-ip", relay, "edge.relay.addresses[].address"),
	TO("E", relay, "edge.relay.addresses[].address"),
	TO("external-ip", external, "advertise, of the face and of edge.relay.addresses[]"),
	TO("X", external, "advertise, of the face and of edge.relay.addresses[]"),
	TO("min-port", first_port, "edge.relay.ports"),
	TO("max-port", last_port, "edge.relay.ports"),
	DROP("relay-device", "name the interface's addresses in edge.relay.addresses"),
	DROP("i", "name the interface's addresses in edge.relay.addresses"),
	TO("relay-threads", workers, "workers"),
	TO("m", workers, "workers"),
	SAME("cpus", "one worker for each core the process may use"),
	TO("sock-buf-size", buffer, "edge.receive_buffer"),
	DROP("no-udp-relay", "UDP is always relayed"),
	TO("no-tcp-relay", no_tcp_relay, "edge.relay.tcp"),
	DROP("keep-address-family", "a client asks for IPv6 by REQUESTED-ADDRESS-FAMILY"),
	DROP("K", "a client asks for IPv6 by REQUESTED-ADDRESS-FAMILY"),
	DROP("allocation-default-address-family",
		"IPv4 unless the client asks for IPv6, as RFC 8656 has it"),
	DROP("A", "IPv4 unless the client asks for IPv6, as RFC 8656 has it"),
	TO("mobility", mobility, "edge.mobility"),
	DROP("multiplex-peer", "each allocation has a port of its own"),
	DROP("multiplex-peer-port", "each allocation has a port of its own"),
	DROP("multiplex-peer-max-peers", "edge.limits.permissions bounds the peers"),

	/* peers */
	{"allowed-peer-ip", coturn_take_allowed, COTURN_CONVERTED, "edge.peers.allow"},
	{"denied-peer-ip", coturn_take_denied, COTURN_CONVERTED, "edge.peers.deny"},
	TO("allow-loopback-peers", loopback,
		"edge.peers.allow: 127.0.0.0/8, ::1. Anything that listens on this host alone is "
		"open to clients then; better remove it"),
	SAME("no-loopback-peers", "loopback is denied unless it is named in edge.peers.allow"),
	SAME("no-multicast-peers", "multicast is denied unless it is named in edge.peers.allow"),

	/* credentials */
	SAME("use-auth-secret", "mras.turn_rest is on"),
	TO("static-auth-secret", secret, "mras.turn_rest_secrets, in a file of its own"),
	SAME("lt-cred-mech", "long-term credentials are the only mechanism"),
	SAME("a", "long-term credentials are the only mechanism"),
	{"user", coturn_take_account, COTURN_DROPPED, NO_USERS},
	{"u", coturn_take_account, COTURN_DROPPED, NO_USERS},
	DROP("no-auth", "there is no open relay: every allocation needs a credential"),
	DROP("z", "there is no open relay: every allocation needs a credential"),
	DROP("userdb", NO_DATABASE),
	DROP("b", NO_DATABASE),
	DROP("db", NO_DATABASE),
	DROP("psql-userdb", NO_DATABASE),
	DROP("sql-userdb", NO_DATABASE),
	DROP("e", NO_DATABASE),
	DROP("mysql-userdb", NO_DATABASE),
	DROP("M", NO_DATABASE),
	DROP("mongo-userdb", NO_DATABASE),
	DROP("J", NO_DATABASE),
	DROP("redis-userdb", NO_DATABASE),
	DROP("N", NO_DATABASE),
	DROP("userdb-user-secret-query", NO_DATABASE),
	DROP("secret-key-file", NO_DATABASE),
	DROP("redis-statsdb", "metrics are at /metrics in the form of Prometheus"),
	DROP("O", "metrics are at /metrics in the form of Prometheus"),
	TO("realm", realm, "edge.realm"),
	TO("r", realm, "edge.realm"),
	DROP("server-name", "mras.oauth_server_name, if access tokens are used"),
	DROP("oauth", "access tokens (RFC 7635): write the keys of the table oauth_key into "
		      "mras.oauth_keys"),
	DROP("rest-api-separator", "the separator is the colon"),
	DROP("C", "the separator is the colon"),
	DROP("check-origin-consistency", "ORIGIN is not looked at"),
	TO("stale-nonce", nonce, "mras.nonce_lifetime"),
	SAME("stateless-nonce", "nonces store nothing"),
	SAME("stateless-nonce-secret", "nonces are made with the pool's key"),
	DROP("no-auth-pings", "there is no database to ping"),
	DROP("no-dynamic-ip-list", "peer rules are in the configuration; reload it"),
	DROP("no-dynamic-realms", "realms are in the configuration; reload it"),

	/* limits */
	TO("user-quota", user_quota, "edge.limits.subject_allocations"),
	TO("q", user_quota, "edge.limits.subject_allocations"),
	TO("total-quota", total_quota, "edge.limits.allocations"),
	TO("Q", total_quota, "edge.limits.allocations"),
	TO("max-bps", max_bps, "edge.limits.allocation_rate, in bits: coturn counts bytes"),
	TO("s", max_bps, "edge.limits.allocation_rate, in bits: coturn counts bytes"),
	TO("bps-capacity", capacity, "edge.limits.node_rate, in bits: coturn counts bytes"),
	TO("B", capacity, "edge.limits.node_rate, in bits: coturn counts bytes"),
	TO("max-allocate-lifetime", lifetime, "edge.limits.max_lifetime"),
	SAME("max-allocate-timeout", "an unfinished connection ends after ten seconds"),
	DROP("channel-lifetime", "ten minutes, as RFC 8656 has it"),
	DROP("permission-lifetime", "five minutes, as RFC 8656 has it"),
	DROP("unauthorized-ratelimit", "edge.limits.challenge_rate"),
	DROP("unauthorized-ratelimit-rps", "edge.limits.challenge_rate"),
	SAME("drop-invalid-packets", "what is no message is dropped and counted"),
	SAME("drop-invalid-packets-log", "a counter tells, not the log"),
	SAME("udp-recvmmsg", BATCHES),
	SAME("udp-recvmmsg-log", BATCHES),
	SAME("udp-sendmmsg-log", BATCHES),
	SAME("udp-gso", BATCHES),

	/* TLS */
	TO("cert", certificate, "edge.faces[0].certificate"),
	TO("pkey", private_key, "edge.faces[0].private_key"),
	DROP("pkey-pwd", "the key must be without a pass phrase: openssl pkey -in OLD -out NEW"),
	DROP("cipher-list", "OpenSSL's choice for TLS 1.2 and 1.3"),
	DROP("CA-file", "clients of the relay show no certificates"),
	DROP("raw-public-keys", "certificates only"),
	DROP("ec-curve-name", DH),
	DROP("dh-file", DH),
	DROP("dh566", DH),
	DROP("dh1066", DH),
	DROP("dh2066", DH),
	SAME("no-sslv3", OLD_TLS),
	SAME("no-tlsv1", OLD_TLS),
	SAME("no-tlsv1_1", OLD_TLS),
	DROP("no-tlsv1_2", "TLS 1.2 stays on; many clients have nothing newer"),
	DROP("tlsv1", OLD_TLS),
	DROP("tlsv1_1", OLD_TLS),

	/* dialects */
	SAME("fingerprint", "an answer carries FINGERPRINT when its request did"),
	SAME("f", "an answer carries FINGERPRINT when its request did"),
	SAME("no-software-attribute", "off unless edge.software is set"),
	SAME("prod", "off unless edge.software is set"),
	TO("software-attribute", software, "edge.software"),
	DROP("include-reason-string", "answers carry the phrase of the RFC"),
	DROP("stun-only", NO_STUN_ONLY),
	DROP("S", NO_STUN_ONLY),
	DROP("no-stun", NO_STUN_ONLY),
	SAME("no-rfc5780", "off unless edge.behavior_discovery is set"),
	DROP("rfc5780", "set edge.behavior_discovery; it wants two addresses"),
	SAME("response-origin-only-with-rfc5780", "it is so"),
	SAME("no-stun-backward-compatibility", "RFC 3489 clients get what they understand"),
	SAME("stun-backward-compatibility", "RFC 3489 clients get what they understand"),
	SAME("rfc3489-compatibility", "RFC 3489 clients get what they understand"),
	SAME("rfc5766-channel-numbers", "on unless edge.strict_channels is set"),
	SAME("ne", "there is one network engine"),

	/* other servers */
	TO("alternate-server", alternate, ALTERNATES),
	TO("udp-alternate-server", alternate, ALTERNATES),
	TO("tcp-alternate-server", alternate, ALTERNATES),
	TO("tls-alternate-server", tls_alternate, ALTERNATES),
	DROP("drain-min-allocations", "sallyportctl drain ends the daemon when none is left"),

	/* the process */
	SAME("daemon", "a service manager runs it; without -f it goes into the background"),
	SAME("o", "a service manager runs it; without -f it goes into the background"),
	DROP("pidfile", "the service manager knows the process"),
	TO("proc-user", user, "user"),
	DROP("proc-group", "the user's own group"),
	TO("log-file", log_file, "log.file"),
	TO("l", log_file, "log.file"),
	SAME("syslog", "standard error goes to the journal; set no log.file"),
	DROP("syslog-facility", "standard error goes to the journal"),
	SAME("no-stdout-log", "the log goes to one place"),
	DROP("simple-log", "rotate log.file and send SIGHUP"),
	DROP("log-min-level", "log.level"),
	SAME("new-log-timestamp", LOG),
	DROP("new-log-timestamp-format", LOG),
	DROP("log-binding", "log.level: debug"),
	TO("verbose", verbose, "log.level: info, which has a line for each allocation"),
	TO("v", verbose, "log.level: info, which has a line for each allocation"),
	DROP("Verbose", "log.level: debug"),
	DROP("V", "log.level: debug"),

	/* looking in */
	TO("prometheus", prometheus, "admin.listen"),
	TO("prometheus-port", prometheus_port, "admin.listen"),
	TO("prometheus-address", prometheus_address, "admin.listen"),
	DROP("prometheus-path", "the path is /metrics"),
	DROP("prometheus-username-labels", "counters carry no user names"),
	DROP("prometheus-tls", "admin.listen is plain HTTP; keep it on an inside address"),
	DROP("prometheus-cert", "admin.listen is plain HTTP"),
	DROP("prometheus-key", "admin.listen is plain HTTP"),
	SAME("no-cli", NO_CLI),
	DROP("cli", NO_CLI),
	DROP("cli-ip", NO_CLI),
	DROP("cli-port", NO_CLI),
	DROP("cli-password", NO_CLI),
	DROP("cli-max-output-sessions", NO_CLI),
	DROP("web-admin", NO_WEB),
	DROP("web-admin-ip", NO_WEB),
	DROP("web-admin-port", NO_WEB),
	DROP("web-admin-listen-on-workers", NO_WEB),
	DROP("version", "a word of the command line"),
};

const struct coturn_key *coturn_key_find(const char *name)
{
	for (size_t i = 0; i < ARRAY_LEN(keys); i++) {
		if (strcmp(keys[i].name, name) == 0)
			return &keys[i];
	}
	return NULL;
}
