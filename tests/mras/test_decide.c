/* SPDX-License-Identifier: BSD-3-Clause */
/* The grant decision and the documents it ends in, with real keys and a clock made of two numbers.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>
#include <jansson.h>
#include <cmocka.h>
#include <sallyport/mras.h>

#define NOW 1799971200

static const char *const identities[] = {"*@example.com", "bot-*"};
static struct addr external[2], internal[1];

struct fixture {
	struct auth_snapshot *auth;
	struct mras_service *service;
	struct mras_caller caller;
	struct mras_relay relays[2];
	struct mras_config config;
	struct clock clock;
	struct mras_context ctx;
	struct mras_reply reply;
};

static struct auth_snapshot *snapshot(uint64_t sign_from, bool has_rest)
{
	char path[] = "mras-secret-XXXXXX", why[CRYPTO_WHY_LEN];
	static const char secret[] = "a secret of at least thirty-two bytes";
	int fd = mkstemp(path);
	struct auth_snapshot *s = NULL;
	assert_true(fd >= 0 && write(fd, secret, sizeof(secret)) == (ssize_t)sizeof(secret));
	const struct auth_key_config key = {.secret_file = path, .sign_from = sign_from};
	const struct auth_config c = {.realm = "edge.example.com",
		.keys = &key,
		.n_keys = 1,
		.turn_rest = has_rest,
		.nonce_lifetime_s = 600};
	assert_int_equal(auth_snapshot_create(&c, &s, why), 0);
	close(fd);
	unlink(path);
	return s;
}

static int set_up(void **state)
{
	struct fixture *f = calloc(1, sizeof(*f));
	assert_int_equal(addr_parse("198.51.100.20", 0, &external[0]), 0);
	assert_int_equal(addr_parse("2001:db8::20", 0, &external[1]), 0);
	assert_int_equal(addr_parse("10.0.0.20", 0, &internal[0]), 0);
	f->relays[0] = (struct mras_relay){.location = AUTH_INTERNET,
		.host_name = "av.example.com",
		.addresses = external,
		.n_addresses = 2,
		.udp_port = 3478,
		.tcp_port = 3478,
		.tls_port = 443};
	f->relays[1] = (struct mras_relay){.location = AUTH_INTRANET,
		.host_name = "av.corp.example",
		.addresses = internal,
		.n_addresses = 1,
		.udp_port = 3478,
		.tcp_port = 0,
		.tls_port = 0};
	f->caller = (struct mras_caller){.name = "fe",
		.roles = MRAS_ISSUE,
		.identities = identities,
		.n_identities = ARRAY_LEN(identities)};
	f->config = (struct mras_config){
		.callers = &f->caller, .n_callers = 1, .relays = f->relays, .n_relays = 2};
	f->auth = snapshot(0, true);
	f->service = mras_service_create();
	f->clock = (struct clock){.mono_ms = 5000000, .wall_s = NOW};
	f->ctx = (struct mras_context){.caller = &f->caller, .auth = f->auth, .clock = &f->clock};
	mras_service_config_set(f->service, &f->config);
	*state = f;
	return 0;
}

static int tear_down(void **state)
{
	struct fixture *f = *state;
	mras_service_destroy(f->service);
	auth_snapshot_put(f->auth);
	free(f);
	return 0;
}

/* Asks with a JSON body; the answer's document, or NULL. F->reply must be finished. */
static json_t *ask(struct fixture *f, const char *body)
{
	mras_answer(f->service, &f->ctx, MRAS_JSON, bytes_str(body), &f->reply);
	assert_int_equal(f->reply.result == MRAS_OK, f->reply.body != NULL);
	return f->reply.body != NULL ? json_loads(f->reply.body, 0, NULL) : NULL;
}

/* The one item asked for by MEMBERS: "granted item" of the answer, a new reference. */
static json_t *ask_item(struct fixture *f, const char *members)
{
	char body[512];
	snprintf(body, sizeof(body), "{\"credentials\":[{%s}]}", members);
	json_t *root = ask(f, body);
	assert_non_null(root);
	json_t *item = json_incref(json_array_get(json_object_get(root, "credentials"), 0));
	json_decref(root);
	mras_reply_fini(&f->reply);
	return item;
}

static const char *text_of(const json_t *o, const char *name)
{
	const char *text = json_string_value(json_object_get(o, name));
	return text != NULL ? text : "(none)";
}

static json_int_t number_of(const json_t *o, const char *name)
{
	return json_integer_value(json_object_get(o, name));
}

/* The claims of an m1 user name. */
static void claims_of(const json_t *item, uint8_t claims[44])
{
	size_t len;
	const char *text = strrchr(text_of(item, "username"), '.') + 1;
	assert_int_equal(base64url_decode(text, strlen(text), claims, 44, &len), 0);
	assert_int_equal(len, 44);
}

static void assert_json(const json_t *got, const char *wanted)
{
	json_t *w = json_loads(wanted, 0, NULL);
	assert_non_null(w);
	assert_true(json_equal(got, w));
	json_decref(w);
}

/* The result of asking for one item, which is refused or granted inside an answer. */
static void assert_item(struct fixture *f, const char *members, const char *result)
{
	json_t *item = ask_item(f, members);
	assert_string_equal(text_of(item, "result"), result);
	json_decref(item);
}

#define ALICE "\"identity\":\"sip:alice@example.com\""

/* ---- JSON answers ---- */

static void granted_item_has_all_a_client_needs(void **state)
{
	struct fixture *f = *state;
	json_t *root = ask(f, "{\"requestId\":\"r1\",\"credentials\":[{\"id\":\"7\"," ALICE
			      ",\"location\":\"internet\",\"duration\":480}]}");
	assert_string_equal(text_of(root, "requestId"), "r1");
	assert_string_equal(text_of(root, "serverVersion"), "1.0");
	assert_int_equal(number_of(root, "serverTime"), NOW);
	const json_t *item = json_array_get(json_object_get(root, "credentials"), 0);
	assert_string_equal(text_of(item, "id"), "7");
	assert_string_equal(text_of(item, "result"), "ok");
	assert_string_equal(text_of(item, "realm"), "edge.example.com");
	assert_int_equal(number_of(item, "duration"), 480);
	assert_int_equal(number_of(item, "ttl"), 28800);
	assert_int_equal(number_of(item, "expires"), 1800000000);
	assert_memory_equal(text_of(item, "username"), "1800000000:m1.", 14);
	assert_int_equal(strlen(text_of(item, "password")), 43);
	assert_json(json_object_get(item, "relays"),
		"[{\"location\":\"internet\",\"hostName\":\"av.example.com\","
		"\"addresses\":[\"198.51.100.20\",\"2001:db8::20\"],"
		"\"udpPort\":3478,\"tcpPort\":3478,\"tlsPort\":443}]");
	const json_t *ice = json_array_get(json_object_get(item, "iceServers"), 0);
	assert_int_equal(json_array_size(json_object_get(item, "iceServers")), 1);
	assert_json(json_object_get(ice, "urls"), "[\"turn:av.example.com:3478?transport=udp\","
						  "\"turn:av.example.com:3478?transport=tcp\","
						  "\"turns:av.example.com:443?transport=tcp\"]");
	assert_string_equal(text_of(ice, "username"), text_of(item, "username"));
	assert_string_equal(text_of(ice, "credential"), text_of(item, "password"));
	assert_int_equal(f->reply.granted, 1);
	json_decref(root);
	mras_reply_fini(&f->reply);
}

static void direct_route_gives_addresses_instead_of_the_name(void **state)
{
	struct fixture *f = *state;
	json_t *item = ask_item(f, ALICE ",\"location\":\"internet\",\"route\":\"directip\"");
	const json_t *relay = json_array_get(json_object_get(item, "relays"), 0);
	assert_null(json_object_get(relay, "hostName"));
	const json_t *ice = json_array_get(json_object_get(item, "iceServers"), 0);
	assert_json(json_object_get(ice, "urls"), "[\"turn:198.51.100.20:3478?transport=udp\","
						  "\"turn:198.51.100.20:3478?transport=tcp\","
						  "\"turns:198.51.100.20:443?transport=tcp\","
						  "\"turn:[2001:db8::20]:3478?transport=udp\","
						  "\"turn:[2001:db8::20]:3478?transport=tcp\","
						  "\"turns:[2001:db8::20]:443?transport=tcp\"]");
	json_decref(item);
}

static void ipv4_family_leaves_ipv6_out_and_says_so_in_the_claims(void **state)
{
	struct fixture *f = *state;
	uint8_t claims[44];
	json_t *item = ask_item(
		f, ALICE ",\"location\":\"internet\",\"route\":\"directip\",\"family\":\"ipv4\"");
	const json_t *relay = json_array_get(json_object_get(item, "relays"), 0);
	assert_json(json_object_get(relay, "addresses"), "[\"198.51.100.20\"]");
	claims_of(item, claims);
	assert_int_equal(claims[3], AUTH_NO_IPV6);
	json_decref(item);
}

static void relay_without_a_name_is_given_by_address(void **state)
{
	struct fixture *f = *state;
	f->relays[1].host_name = NULL;
	json_t *item = ask_item(f, ALICE ",\"location\":\"intranet\"");
	const json_t *ice = json_array_get(json_object_get(item, "iceServers"), 0);
	assert_json(json_object_get(ice, "urls"), "[\"turn:10.0.0.20:3478?transport=udp\"]");
	assert_json(json_object_get(item, "relays"),
		"[{\"location\":\"intranet\",\"addresses\":[\"10.0.0.20\"],\"udpPort\":3478}]");
	json_decref(item);
}

static void location_selects_relays_and_the_claim(void **state)
{
	struct fixture *f = *state;
	uint8_t claims[44];
	json_t *item = ask_item(f, ALICE);
	assert_int_equal(json_array_size(json_object_get(item, "relays")), 2);
	claims_of(item, claims);
	assert_int_equal(claims[0], 1);
	assert_int_equal(claims[1], 0); /* any */
	json_decref(item);
	item = ask_item(f, ALICE ",\"location\":\"intranet\"");
	assert_int_equal(json_array_size(json_object_get(item, "relays")), 1);
	claims_of(item, claims);
	assert_int_equal(claims[1], AUTH_INTRANET);
	json_decref(item);
}

static void caller_of_one_location_gives_no_other(void **state)
{
	struct fixture *f = *state;
	uint8_t claims[44];
	f->caller.locations = AUTH_INTERNET;
	json_t *item = ask_item(f, ALICE); /* absent: all that the caller may, not all there is */
	assert_int_equal(json_array_size(json_object_get(item, "relays")), 1);
	claims_of(item, claims);
	assert_int_equal(claims[1], AUTH_INTERNET);
	json_decref(item);
	assert_item(f, ALICE ",\"location\":\"intranet\"", "forbidden");
}

/* "turns" over UDP is what a client reads as DTLS. Few do, so it stands behind the others. */
static void dtls_comes_last(void **state)
{
	struct fixture *f = *state;
	f->relays[0].tcp_port = 0;
	f->relays[0].dtls_port = 5349;
	json_t *item = ask_item(f, ALICE ",\"location\":\"internet\"");
	const json_t *relay = json_array_get(json_object_get(item, "relays"), 0);
	assert_int_equal(number_of(relay, "dtlsPort"), 5349);
	const json_t *ice = json_array_get(json_object_get(item, "iceServers"), 0);
	assert_json(json_object_get(ice, "urls"), "[\"turn:av.example.com:3478?transport=udp\","
						  "\"turns:av.example.com:443?transport=tcp\","
						  "\"turns:av.example.com:5349?transport=udp\"]");
	json_decref(item);
}

static void location_without_relay_is_not_supported(void **state)
{
	struct fixture *f = *state;
	f->config.n_relays = 1;
	assert_item(f, ALICE ",\"location\":\"intranet\"", "notSupported");
	f->relays[0].n_addresses = 0;
	assert_item(f, ALICE ",\"route\":\"directip\"", "notSupported");
	assert_item(f, ALICE, "ok");
	f->relays[0].udp_port = f->relays[0].tcp_port = f->relays[0].tls_port = 0;
	assert_item(f, ALICE, "notSupported");
}

static void duration_is_clamped_and_never_refused(void **state)
{
	struct fixture *f = *state;
	static const struct {
		uint32_t config_default, config_max, caller_max;
		const char *asked;
		int granted;
	} cases[] = {
		{0, 0, 0, "", 480},
		{0, 0, 0, ",\"duration\":1", 1},
		{0, 0, 0, ",\"duration\":100000", 480},
		{60, 600, 0, "", 60},
		{60, 600, 0, ",\"duration\":599", 599},
		{60, 600, 0, ",\"duration\":601", 600},
		{60, 600, 10, "", 10},
		{60, 600, 900, ",\"duration\":700", 600},
		{0, UINT32_MAX, 0, ",\"duration\":999999999", MRAS_DURATION_MAX},
	};
	for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
		char members[128];
		f->config.default_duration_min = cases[i].config_default;
		f->config.max_duration_min = cases[i].config_max;
		f->caller.max_duration_min = cases[i].caller_max;
		snprintf(members, sizeof(members), ALICE "%s", cases[i].asked);
		json_t *item = ask_item(f, members);
		assert_int_equal(number_of(item, "duration"), cases[i].granted);
		assert_int_equal(number_of(item, "expires"), NOW + 60 * (uint64_t)cases[i].granted);
		json_decref(item);
	}
}

static void limits_go_into_the_claims_and_are_capped(void **state)
{
	struct fixture *f = *state;
	uint8_t claims[44];
	json_t *item = ask_item(f, ALICE);
	claims_of(item, claims);
	assert_int_equal(be16_get(claims + 4), 0); /* left to the relay */
	assert_int_equal(be32_get(claims + 8), 0);
	json_decref(item);

	f->config.default_allocations = 4;
	f->config.max_allocations = 8;
	f->config.max_kbps = 2000;
	f->config.tcp_relay = true;
	item = ask_item(f, ALICE);
	claims_of(item, claims);
	assert_int_equal(be16_get(claims + 4), 4);
	assert_int_equal(be32_get(claims + 8), 2000);
	assert_int_equal(claims[3], AUTH_TCP_RELAY);
	json_decref(item);

	item = ask_item(f, ALICE ",\"limits\":{\"allocations\":6,\"kbps\":9000}");
	claims_of(item, claims);
	assert_int_equal(be16_get(claims + 4), 6);
	assert_int_equal(be32_get(claims + 8), 2000);
	assert_int_equal(be64_get(claims + 12), UINT64_MAX); /* any pool member */
	json_decref(item);
}

static void subject_is_one_per_identity_and_token_id_one_per_credential(void **state)
{
	struct fixture *f = *state;
	uint8_t a[44], b[44], c[44];
	json_t *x = ask_item(f, ALICE), *y = ask_item(f, ALICE),
	       *z = ask_item(f, "\"identity\":\"sip:bob@example.com\"");
	claims_of(x, a);
	claims_of(y, b);
	claims_of(z, c);
	assert_memory_equal(a + 20, b + 20, AUTH_SUBJECT_LEN);
	assert_memory_not_equal(a + 20, c + 20, AUTH_SUBJECT_LEN);
	assert_memory_not_equal(a + 36, b + 36, AUTH_JTI_LEN);
	json_decref(x);
	json_decref(y);
	json_decref(z);
}

/* ---- refusals ---- */

static void refused_item_does_not_touch_the_others(void **state)
{
	struct fixture *f = *state;
	json_t *root = ask(f, "{\"credentials\":[{\"identity\":\"sip:m@evil.org\"},{" ALICE
			      "},{\"identity\":\"bot-1\"}]}");
	const json_t *list = json_object_get(root, "credentials");
	assert_string_equal(text_of(json_array_get(list, 0), "id"), "1");
	assert_string_equal(text_of(json_array_get(list, 0), "result"), "forbidden");
	assert_null(json_object_get(json_array_get(list, 0), "username"));
	assert_string_not_equal(text_of(json_array_get(list, 0), "detail"), "(none)");
	assert_string_equal(text_of(json_array_get(list, 1), "result"), "ok");
	assert_string_equal(text_of(json_array_get(list, 2), "result"), "ok");
	assert_int_equal(f->reply.granted, 2);
	assert_int_equal(f->reply.refused, 1);
	json_decref(root);
	mras_reply_fini(&f->reply);
}

static void assert_refused(struct fixture *f, enum mras_result result)
{
	assert_null(ask(f, "{\"requestId\":\"r1\",\"credentials\":[{" ALICE "}]}"));
	assert_int_equal(f->reply.result, result);
	assert_string_not_equal(f->reply.detail, "");
	mras_reply_fini(&f->reply);
}

static void caller_without_the_role_is_forbidden(void **state)
{
	struct fixture *f = *state;
	f->caller.roles = MRAS_ADMIN;
	assert_refused(f, MRAS_FORBIDDEN);
	f->ctx.caller = NULL;
	assert_refused(f, MRAS_FORBIDDEN);
}

static void caller_without_identities_asks_for_nobody(void **state)
{
	struct fixture *f = *state;
	f->caller.n_identities = 0;
	assert_item(f, ALICE, "forbidden");
}

static void node_without_a_signing_key_does_not_support_it(void **state)
{
	struct fixture *f = *state;
	f->ctx.auth = NULL;
	assert_refused(f, MRAS_NOT_SUPPORTED);
	struct auth_snapshot *future = snapshot(NOW + 1, true);
	f->ctx.auth = future;
	assert_item(f, ALICE, "notSupported");
	auth_snapshot_put(future);
}

static void malformed_request_keeps_its_id_and_says_why(void **state)
{
	struct fixture *f = *state;
	assert_null(ask(f, "{\"requestId\":\"r9\",\"credentials\":[{" ALICE "},7]}"));
	assert_int_equal(f->reply.result, MRAS_MALFORMED);
	assert_string_equal(f->reply.request_id, "r9");
	assert_int_equal(f->reply.refused, 0); /* none of it was decided */
	assert_string_not_equal(f->reply.detail, "");
	mras_reply_fini(&f->reply);
}

/* ---- rate ---- */

static bool is_busy(struct fixture *f, unsigned *retry_after_s)
{
	json_t *root = ask(f, "{\"credentials\":[{" ALICE "}]}");
	enum mras_result r = f->reply.result;
	*retry_after_s = f->reply.retry_after_s;
	json_decref(root);
	mras_reply_fini(&f->reply);
	return r == MRAS_BUSY;
}

static void rate_lets_so_many_through_in_a_second(void **state)
{
	struct fixture *f = *state;
	unsigned wait;
	f->caller.rate_per_s = 2;
	assert_false(is_busy(f, &wait));
	assert_false(is_busy(f, &wait));
	assert_true(is_busy(f, &wait));
	assert_int_equal(wait, 1);
	f->clock.mono_ms += 499;
	assert_true(is_busy(f, &wait));
	f->clock.mono_ms += 1;
	assert_false(is_busy(f, &wait));
	f->clock.mono_ms += 3600000; /* no more than a second's worth is saved up */
	assert_false(is_busy(f, &wait));
	assert_false(is_busy(f, &wait));
	assert_true(is_busy(f, &wait));
}

static void batch_is_let_through_and_waited_out(void **state)
{
	struct fixture *f = *state;
	unsigned wait;
	char body[8192] = "{\"credentials\":[{" ALICE "}";
	for (int i = 1; i < 100; i++)
		strcat(body, ",{" ALICE "}");
	strcat(body, "]}");
	f->caller.rate_per_s = 10;
	json_decref(ask(f, body));
	assert_int_equal(f->reply.granted, 100);
	mras_reply_fini(&f->reply);
	assert_true(is_busy(f, &wait));
	assert_int_equal(wait, 10); /* 90 owed and one wanted, at ten a second */
	f->clock.mono_ms += 9100;
	assert_false(is_busy(f, &wait));
}

static void rate_goes_on_over_a_new_configuration(void **state)
{
	struct fixture *f = *state;
	unsigned wait;
	f->caller.rate_per_s = 1;
	assert_false(is_busy(f, &wait));
	struct mras_config renewed = f->config;
	mras_service_config_set(f->service, &renewed);
	assert_true(is_busy(f, &wait));
	struct mras_config empty = {.relays = f->relays, .n_relays = 2};
	mras_service_config_set(f->service, &empty); /* forgets a caller that is gone */
	mras_service_config_set(f->service, &renewed);
	assert_false(is_busy(f, &wait));
}

/* ---- XML answers ---- */

#define NS "http://schemas.microsoft.com/2006/09/sip/mrasp"
#define HEAD                                                                                       \
	"<request xmlns=\"" NS "\" requestID=\"7&amp;1\" version=\"1.0\" to=\"sip:e@x\" "          \
	"from=\"sip:a@x\" route=\"%s\">"
#define ITEM                                                                                       \
	"<credentialsRequest credentialsRequestID=\"5\"><identity>%s</identity>"                   \
	"</credentialsRequest></request>"

static const char *ask_xml(struct fixture *f, const char *route, const char *identity)
{
	char body[1024];
	snprintf(body, sizeof(body), HEAD ITEM, route, identity);
	mras_answer(f->service, &f->ctx, MRAS_XML, bytes_str(body), &f->reply);
	assert_non_null(f->reply.body);
	assert_int_equal(f->reply.len, strlen(f->reply.body));
	return f->reply.body;
}

static void xml_answer_follows_the_schema(void **state)
{
	struct fixture *f = *state;
	char username[AUTH_USERNAME_MAX], password[AUTH_PASSWORD_MAX];
	const char *xml = ask_xml(f, "loadbalanced", "sip:alice@example.com");
	assert_int_equal(f->reply.result, MRAS_OK);
	static const char head[] =
		"<?xml version=\"1.0\"?>\n<response xmlns=\"" NS "\" requestID=\"7&amp;1\" "
		"version=\"1.0\" serverVersion=\"2.0\" to=\"sip:e@x\" from=\"sip:a@x\" "
		"reasonPhrase=\"OK\"><credentialsResponse credentialsRequestID=\"5\">"
		"<credentials><username>";
	assert_memory_equal(xml, head, sizeof(head) - 1);
	assert_int_equal(
		sscanf(xml + sizeof(head) - 1, "%255[^<]</username><password>%63[^<]</password>",
			username, password),
		2);
	assert_memory_equal(username, "1800000000:m1.", 14); /* the text credential, literally */
	assert_non_null(strstr(xml,
		"<duration>480</duration></credentials><mediaRelayList>"
		"<mediaRelay><location>internet</location><hostName>av.example.com</hostName>"
		"<udpPort>3478</udpPort><tcpPort>3478</tcpPort></mediaRelay>"
		"<mediaRelay><location>intranet</location><hostName>av.corp.example</hostName>"
		"<udpPort>3478</udpPort></mediaRelay></mediaRelayList></credentialsResponse>"
		"</response>\n"));
	mras_reply_fini(&f->reply);
}

static void xml_direct_route_has_one_relay_per_address(void **state)
{
	struct fixture *f = *state;
	const char *xml = ask_xml(f, "directip", "sip:alice@example.com");
	assert_non_null(strstr(xml, "<directIPAddress>198.51.100.20</directIPAddress>"));
	assert_non_null(strstr(xml, "<directIPAddress>2001:db8::20</directIPAddress>"));
	assert_non_null(strstr(xml, "<directIPAddress>10.0.0.20</directIPAddress>"));
	assert_null(strstr(xml, "hostName"));
	mras_reply_fini(&f->reply);
}

static void xml_failure_is_a_document_with_the_phrase(void **state)
{
	struct fixture *f = *state;
	assert_non_null(strstr(ask_xml(f, "loadbalanced", "sip:m@evil.org"),
		"from=\"sip:a@x\" reasonPhrase=\"Forbidden\"></response>"));
	assert_int_equal(f->reply.result, MRAS_FORBIDDEN);
	mras_reply_fini(&f->reply);
	assert_non_null(strstr(ask_xml(f, "scenic", "sip:alice@example.com"),
		"reasonPhrase=\"Request Malformed\"></response>"));
	assert_int_equal(f->reply.result, MRAS_MALFORMED);
	mras_reply_fini(&f->reply);
	f->ctx.caller = NULL;
	assert_non_null(strstr(ask_xml(f, "loadbalanced", "sip:alice@example.com"),
		"serverVersion=\"2.0\" reasonPhrase=\"Forbidden\"></response>"));
	mras_reply_fini(&f->reply);
}

static void xml_is_all_or_nothing(void **state)
{
	struct fixture *f = *state;
	static const char body[] =
		"<request xmlns=\"" NS "\" requestID=\"1\" version=\"2.0\" to=\"sip:e@x\" "
		"from=\"sip:a@x\"><credentialsRequest credentialsRequestID=\"1\"><identity>"
		"sip:alice@example.com</identity></credentialsRequest><credentialsRequest "
		"credentialsRequestID=\"2\"><identity>sip:m@evil.org</identity>"
		"</credentialsRequest></request>";
	mras_answer(f->service, &f->ctx, MRAS_XML, bytes_str(body), &f->reply);
	assert_int_equal(f->reply.result, MRAS_FORBIDDEN);
	assert_int_equal(f->reply.granted, 0);
	assert_null(strstr(f->reply.body, "username"));
	mras_reply_fini(&f->reply);
}

/* ---- TURN REST ---- */

static enum mras_result ask_rest(
	struct fixture *f, const char *name, uint64_t ttl_s, uint8_t location)
{
	const struct mras_rest_request r = {name, ttl_s, location};
	mras_answer_rest(f->service, &f->ctx, &r, &f->reply);
	assert_int_equal(f->reply.result == MRAS_OK, f->reply.body != NULL);
	return f->reply.result;
}

static void rest_answer_has_the_four_members(void **state)
{
	struct fixture *f = *state;
	assert_int_equal(ask_rest(f, "bot-alice", 28800, AUTH_INTERNET), MRAS_OK);
	json_t *root = json_loads(f->reply.body, 0, NULL);
	assert_int_equal(json_object_size(root), 4);
	assert_string_equal(text_of(root, "username"), "1800000000:bot-alice");
	assert_int_equal(strlen(text_of(root, "password")), 28); /* base64 of SHA-1 */
	assert_int_equal(number_of(root, "ttl"), 28800);
	assert_json(json_object_get(root, "uris"), "[\"turn:av.example.com:3478?transport=udp\","
						   "\"turn:av.example.com:3478?transport=tcp\","
						   "\"turns:av.example.com:443?transport=tcp\"]");
	json_decref(root);
	mras_reply_fini(&f->reply);
}

static void rest_lifetime_is_clamped(void **state)
{
	struct fixture *f = *state;
	static const struct {
		uint64_t asked;
		const char *user;
	} cases[] = {{0, "1800000000:bot-a"}, {1, "1799971260:bot-a"},
		{UINT64_MAX, "1800000000:bot-a"}, {120, "1799971320:bot-a"}};
	for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
		assert_int_equal(ask_rest(f, "bot-a", cases[i].asked, 0), MRAS_OK);
		assert_non_null(strstr(f->reply.body, cases[i].user));
		mras_reply_fini(&f->reply);
	}
}

static void relays_of_other_tenants_are_not_told(void **state)
{
	struct fixture *f = *state;
	f->relays[1].location = AUTH_INTERNET;
	f->relays[1].tenant = 2;
	f->ctx.tenant = 2;
	json_t *item = ask_item(f, "\"identity\":\"sip:alice@example.com\"");
	const json_t *relays = json_object_get(item, "relays");
	assert_int_equal(json_array_size(relays), 1);
	assert_string_equal(text_of(json_array_get(relays, 0), "hostName"), "av.corp.example");
	json_decref(item);

	assert_int_equal(ask_rest(f, "bot-a", 0, 0), MRAS_OK);
	assert_non_null(strstr(f->reply.body, "av.corp.example"));
	assert_null(strstr(f->reply.body, "av.example.com"));
	mras_reply_fini(&f->reply);

	f->ctx.tenant = 3;
	assert_int_equal(ask_rest(f, "bot-a", 0, 0), MRAS_NOT_SUPPORTED);
	mras_reply_fini(&f->reply);
}

static void rest_refusals_are_those_of_the_documents(void **state)
{
	struct fixture *f = *state;
	static const struct {
		const char *name;
		enum mras_result result;
	} cases[] = {{"alice", MRAS_FORBIDDEN}, {"", MRAS_MALFORMED}, {"bot-\n", MRAS_MALFORMED},
		{"bot-\xff", MRAS_MALFORMED}};
	for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
		assert_int_equal(ask_rest(f, cases[i].name, 0, 0), cases[i].result);
		mras_reply_fini(&f->reply);
	}
	struct auth_snapshot *off = snapshot(0, false);
	f->ctx.auth = off;
	assert_int_equal(ask_rest(f, "bot-a", 0, 0), MRAS_NOT_SUPPORTED);
	mras_reply_fini(&f->reply);
	auth_snapshot_put(off);
}

#define WITH_FIXTURE(fn) cmocka_unit_test_setup_teardown(fn, set_up, tear_down)

int main(void)
{
	const struct CMUnitTest t[] = {
		WITH_FIXTURE(granted_item_has_all_a_client_needs),
		WITH_FIXTURE(direct_route_gives_addresses_instead_of_the_name),
		WITH_FIXTURE(dtls_comes_last),
		WITH_FIXTURE(ipv4_family_leaves_ipv6_out_and_says_so_in_the_claims),
		WITH_FIXTURE(relay_without_a_name_is_given_by_address),
		WITH_FIXTURE(location_selects_relays_and_the_claim),
		WITH_FIXTURE(caller_of_one_location_gives_no_other),
		WITH_FIXTURE(location_without_relay_is_not_supported),
		WITH_FIXTURE(duration_is_clamped_and_never_refused),
		WITH_FIXTURE(limits_go_into_the_claims_and_are_capped),
		WITH_FIXTURE(subject_is_one_per_identity_and_token_id_one_per_credential),
		WITH_FIXTURE(refused_item_does_not_touch_the_others),
		WITH_FIXTURE(caller_without_the_role_is_forbidden),
		WITH_FIXTURE(caller_without_identities_asks_for_nobody),
		WITH_FIXTURE(node_without_a_signing_key_does_not_support_it),
		WITH_FIXTURE(malformed_request_keeps_its_id_and_says_why),
		WITH_FIXTURE(rate_lets_so_many_through_in_a_second),
		WITH_FIXTURE(batch_is_let_through_and_waited_out),
		WITH_FIXTURE(rate_goes_on_over_a_new_configuration),
		WITH_FIXTURE(xml_answer_follows_the_schema),
		WITH_FIXTURE(xml_direct_route_has_one_relay_per_address),
		WITH_FIXTURE(xml_failure_is_a_document_with_the_phrase),
		WITH_FIXTURE(xml_is_all_or_nothing),
		WITH_FIXTURE(rest_answer_has_the_four_members),
		WITH_FIXTURE(rest_lifetime_is_clamped),
		WITH_FIXTURE(relays_of_other_tenants_are_not_told),
		WITH_FIXTURE(rest_refusals_are_those_of_the_documents),
	};
	log_level_set(LOG_LEVEL_WARNING);
	return cmocka_run_group_tests(t, NULL, NULL) != 0;
}
