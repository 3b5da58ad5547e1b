/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * Registration of a trunk with its provider (RFC 3261 §10.2). It is refreshed when half of its time
 * is over. A failure tries the provider's next address; when all have failed it waits, longer each
 * time (RFC 5626 §4.5). Whether it may call is for the provider to say, not for this.
 */
#include "trunk_priv.h"

#define SPREAD_MS   2000 /* in which all trunks begin */
#define EARLY_MS    1000 /* until there is an address */
#define BASE_MS     30000
#define MOST_MS     1800000
#define LEAST_S     10 /* a shorter time that we are given counts as this */
#define EXPIRES_MAX 86400

static void on_response(void *arg, struct client_transaction *c, const struct sip_msg *m);
static void on_ended(void *arg, struct client_transaction *c, enum transaction_end why);
static const struct client_events events = {on_response, on_ended};

static struct trunk *trunk_of(struct registration *r)
{
	return CONTAINER_OF(r, struct trunk, registration);
}

/* ---- sending ---- */

static void write_identity(
	struct sip_writer *w, const struct trunk *k, enum sip_header_id id, const char *tag)
{
	const struct trunk_registration *config = k->config.registration;

	sip_write_open(w, id);
	sip_write_c(w, "<sip:");
	sip_write_user(w, sip_str_c(config->user));
	sip_write_c(w, "@");
	sip_write_c(w, config->domain);
	sip_write_c(w, ">");
	if (tag)
		sip_write_param(w, "tag", sip_str_c(tag));
	sip_write_close(w);
}

static void write_fields(struct sip_writer *w, struct trunk *k, const char *contact)
{
	struct registration *r = &k->registration;

	sip_write_header_number(w, SIP_HEADER_MAX_FORWARDS, 70);
	write_identity(w, k, SIP_HEADER_FROM, r->tag);
	write_identity(w, k, SIP_HEADER_TO, NULL);
	sip_write_header_c(w, SIP_HEADER_CALL_ID, r->call_id);
	sip_write_cseq(w, ++r->cseq, sip_str_c("REGISTER"));
	sip_write_open(w, SIP_HEADER_CONTACT);
	sip_write_c(w, "<");
	sip_write_c(w, contact);
	sip_write_c(w, ">");
	sip_write_close(w);
	sip_write_header_number(w, SIP_HEADER_EXPIRES, r->is_leaving ? 0 : r->expires_s);
	sip_write_options(w, SIP_HEADER_SUPPORTED, SIP_OPTION_BIT(SIP_OPTION_PATH));
}

/* To R's hop. */
static int send_register(struct trunk *k)
{
	struct registration *r = &k->registration;
	struct trunks *all = k->all;
	struct transaction_request request = {.method = SIP_REGISTER};
	char contact[CONTACT_MAX], uri[SIP_NAME_LEN + 8];
	struct sip_writer w;
	int rc = request_contact(k, &r->hop, k->config.registration->user, contact);

	if (rc != 0)
		return rc;
	sip_write_begin(&w, uri, sizeof(uri));
	sip_write_c(&w, "sip:");
	sip_write_c(&w, k->config.registration->domain);
	if (w.failed)
		return ERR_TOO_LARGE;
	request.uri = sip_str_of(w.buf, w.len);
	sip_write_begin(&w, all->fields, sizeof(all->fields));
	write_fields(&w, k, contact);
	sip_write_auth(&w, &r->sessions, &k->config.registration->account, sip_str_c("REGISTER"),
		request.uri, SIP_NONE);
	if (w.failed)
		return ERR_TOO_LARGE;
	request.fields = sip_str_of(w.buf, w.len);
	return client_transaction_start(
		all->transactions, &request, &r->hop, &events, r, &r->client);
}

/* ---- what comes of it ---- */

/* A word that is not said again while it stays the same. */
static void say_failed(struct trunk *k, unsigned status, uint64_t wait_ms)
{
	struct registration *r = &k->registration;
	unsigned code = status ? status : 1;

	if (r->last_status == code)
		return;
	r->last_status = code;
	if (status)
		log_warning(LOG_SIP, "trunk not registered", "trunk=%s status=%u again_in_s=%u",
			k->config.name, status, (unsigned)(wait_ms / 1000));
	else
		log_warning(LOG_SIP, "trunk not registered", "trunk=%s status=none again_in_s=%u",
			k->config.name, (unsigned)(wait_ms / 1000));
}

static void left(struct trunk *k)
{
	k->registration.is_leaving = false;
	if (k->all->is_stopping)
		trunks_left(k->all);
}

/* RFC 5626 §4.5: between half and all of a time that doubles with each failure. */
static uint64_t back_off(const struct trunk *k)
{
	uint64_t ms = BASE_MS;

	for (unsigned i = 1; i < k->registration.n_failures && ms < MOST_MS; i++)
		ms *= 2;
	if (ms > MOST_MS)
		ms = MOST_MS;
	return ms / 2 + k->all->config.random_below((uint32_t)(ms / 2));
}

/* STATUS 0: no answer. One that is about the account is the same at every address. */
static void failed(struct trunk *k, unsigned status, uint32_t retry_after_s)
{
	struct registration *r = &k->registration;
	bool is_final = status == 401 || status == 403 || status == 404 || status == 407;
	uint64_t wait_ms;

	r->n_tries = 0;
	if (r->is_leaving) {
		left(k);
		return;
	}
	if (!is_final && ++r->n_targets < k->n_targets) {
		trunk_timer(k, &r->timer, 0);
		return;
	}
	trunk_count(k, TRUNK_C_REGISTRATIONS_FAILED);
	r->n_targets = 0;
	r->n_failures++;
	wait_ms = back_off(k);
	if (retry_after_s > wait_ms / 1000)
		wait_ms = (uint64_t)retry_after_s * 1000;
	if (wait_ms > MOST_MS)
		wait_ms = MOST_MS;
	trunk_timer(k, &r->timer, wait_ms);
	say_failed(k, status, wait_ms);
	trunk_settle(k);
}

static void begin(struct trunk *k)
{
	const struct sip_target *targets[SIP_TARGETS_MAX];
	struct registration *r = &k->registration;
	const struct trunks_user *u = &k->all->config.user;
	size_t n_up, n = trunks_targets(k->all, trunk_index(k), targets, &n_up);
	int rc;

	if (n == 0) {
		trunk_timer(k, &r->timer, EARLY_MS);
		return;
	}
	r->hop = (struct transaction_hop){.flow = 0};
	rc = u->hop(u->arg, trunk_index(k), targets[r->n_targets % n], &r->hop);
	if (rc == 0)
		rc = send_register(k);
	if (rc != 0)
		failed(k, 0, 0);
}

static void on_timer(struct wheel_timer *timer, void *arg)
{
	(void)arg;
	begin(trunk_of(CONTAINER_OF(timer, struct registration, timer)));
}

static void on_lapse(struct wheel_timer *timer, void *arg)
{
	struct registration *r = CONTAINER_OF(timer, struct registration, lapse);

	(void)arg;
	r->is_registered = false;
	trunk_settle(trunk_of(r));
}

/* ---- answers ---- */

static uint32_t number(struct sip_str value, uint32_t fallback)
{
	uint32_t n;

	return value.at && sip_number_decode(value, &n) == 0 ? n : fallback;
}

/* How long our binding holds: as the provider says of it, of all, or as we have asked. */
static uint32_t granted(const struct trunk *k, const struct sip_msg *m)
{
	const struct registration *r = &k->registration;
	struct sip_list list = sip_list_of(m, SIP_HEADER_CONTACT);
	uint32_t all_s = number(sip_header_value(m, SIP_HEADER_EXPIRES), r->expires_s);
	char contact[CONTACT_MAX];
	struct sip_name_addr at;
	struct sip_uri ours, theirs;

	if (request_contact(k, &r->hop, k->config.registration->user, contact) != 0 ||
		sip_uri_decode(sip_str_c(contact), &ours) != 0)
		return all_s;
	while (sip_name_addr_next(&list, &at) == 1) {
		if (!at.is_star && sip_uri_decode(at.uri, &theirs) == 0 &&
			sip_uri_equal(&ours, &theirs))
			return number(sip_param_value(at.params, "expires"), all_s);
	}
	return all_s;
}

static bool is_loose(const struct sip_name_addr *at)
{
	struct sip_param lr;
	struct sip_uri u;

	return !at->is_star && sip_uri_decode(at->uri, &u) == 0 && u.scheme != SIP_SCHEME_OTHER &&
	       sip_param_find(u.params, "lr", &lr);
}

/* RFC 3608 §6.1: a value of Route, as it stands in one or several header fields. All of it or
 * nothing: a strict router (RFC 3261 §12.2.1.1) is none that a request could begin with. */
static void take_service_route(struct registration *r, const struct sip_msg *m)
{
	struct sip_list list = sip_list_of(m, SIP_HEADER_SERVICE_ROUTE);
	struct sip_name_addr at;
	struct sip_writer w;
	int rc;

	sip_write_begin(&w, r->service_route, sizeof(r->service_route) - 1);
	while ((rc = sip_name_addr_next(&list, &at)) == 1) {
		if (!is_loose(&at))
			w.failed = true;
		if (w.len > 0)
			sip_write_c(&w, ", ");
		sip_write_name_addr(&w, &at);
	}
	w.buf[w.failed || rc < 0 ? 0 : w.len] = '\0';
}

/* RFC 3261 §10.3: a binding that has no time left is none. */
static void on_refused_time(struct trunk *k, const struct sip_msg *m)
{
	struct registration *r = &k->registration;

	wheel_cancel(k->all->config.wheel, &r->lapse);
	r->is_registered = false;
	failed(k, m->status, 0);
}

static void on_accepted(struct trunk *k, const struct sip_msg *m)
{
	struct registration *r = &k->registration;
	uint32_t s = granted(k, m);

	if (r->is_leaving) {
		left(k);
		return;
	}
	if (s == 0) {
		on_refused_time(k, m);
		return;
	}
	s = s < LEAST_S ? LEAST_S : s > EXPIRES_MAX ? EXPIRES_MAX : s;
	take_service_route(r, m);
	trunk_count(k, TRUNK_C_REGISTRATIONS_OK);
	if (!r->is_registered || r->last_status)
		log_notice(LOG_SIP, "trunk registered", "trunk=%s expires_s=%u", k->config.name,
			(unsigned)s);
	r->last_status = r->n_tries = r->n_targets = r->n_failures = 0;
	r->is_registered = true;
	trunk_timer(k, &r->lapse, (uint64_t)s * 1000);
	trunk_timer(k, &r->timer, (uint64_t)s * 500 + k->all->config.random_below(s * 125));
	trunk_settle(k);
}

/* The same request again, as the answer wants it. False: it would be no better. */
static bool try_again(struct trunk *k, const struct sip_msg *m)
{
	struct registration *r = &k->registration;
	uint32_t least_s;

	if (++r->n_tries > SIP_AUTH_TRIES)
		return false;
	if (m->status == 401 || m->status == 407)
		return sip_auth_take(&r->sessions, m) == 0 && send_register(k) == 0;
	least_s = number(sip_header_value(m, SIP_HEADER_MIN_EXPIRES), 0);
	if (m->status != 423 || least_s <= r->expires_s || least_s > EXPIRES_MAX)
		return false;
	r->expires_s = least_s;
	return send_register(k) == 0;
}

static void on_response(void *arg, struct client_transaction *c, const struct sip_msg *m)
{
	struct registration *r = arg;
	struct trunk *k = trunk_of(r);
	struct sip_retry_after retry;

	if (m->status < 200)
		return;
	client_transaction_leave(c);
	r->client = NULL;
	if (m->status < 300) {
		on_accepted(k, m);
		return;
	}
	if (try_again(k, m))
		return;
	if (sip_retry_after_decode(sip_header_value(m, SIP_HEADER_RETRY_AFTER), &retry) != 0)
		retry.delay_s = 0;
	failed(k, m->status, retry.delay_s);
}

static void on_ended(void *arg, struct client_transaction *c, enum transaction_end why)
{
	struct registration *r = arg;

	(void)c;
	(void)why; /* without an answer, or it would have been left */
	r->client = NULL;
	failed(trunk_of(r), 0, 0);
}

/* ---- life ---- */

void register_init(struct trunk *k)
{
	struct registration *r = &k->registration;

	wheel_timer_init(&r->timer, on_timer);
	wheel_timer_init(&r->lapse, on_lapse);
	if (!k->config.registration)
		return;
	r->expires_s = k->config.registration->expires_s;
	trunk_token(r->call_id);
	trunk_token(r->tag);
}

void register_start(struct trunk *k)
{
	register_abandon(k);
	k->registration.is_leaving = false;
	if (k->config.registration)
		trunk_timer(k, &k->registration.timer, k->all->config.random_below(SPREAD_MS));
}

/* What is registered is renewed in its time. */
void register_changed(struct trunk *k)
{
	struct registration *r = &k->registration;

	if (!k->config.registration)
		return;
	r->expires_s = k->config.registration->expires_s;
	r->n_failures = r->last_status = 0;
	if (!r->is_registered && !r->client)
		trunk_timer(k, &r->timer, k->all->config.random_below(SPREAD_MS));
}

bool register_stop(struct trunk *k)
{
	struct registration *r = &k->registration;
	/* Of a REGISTER that is under way the provider may know already: this one is behind it. */
	bool may_be_known = r->is_registered || r->client;
	struct transaction_hop hop = r->hop;

	register_abandon(k);
	if (!may_be_known)
		return false;
	r->hop = hop; /* where we are known */
	r->is_registered = false;
	r->is_leaving = true;
	r->n_tries = 0;
	if (send_register(k) == 0)
		return true;
	r->is_leaving = false;
	return false;
}

void register_abandon(struct trunk *k)
{
	struct registration *r = &k->registration;

	wheel_cancel(k->all->config.wheel, &r->timer);
	wheel_cancel(k->all->config.wheel, &r->lapse);
	if (r->client)
		client_transaction_leave(r->client);
	r->client = NULL;
}
