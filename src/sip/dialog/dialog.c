/* SPDX-License-Identifier: BSD-3-Clause */
/* What a dialog consists of, and how a message changes it. */
#include <errno.h>
#include <stdlib.h>

#include <sallyport/sip/dialog.h>

#define TEXT_MAX   (2 * SIP_HEAD_MAX) /* a head, with a header field name for each route */
#define ROUTES_MAX SIP_HEADERS_MAX

/* ---- routes ---- */

struct routes {
	struct sip_str elements[ROUTES_MAX];
	unsigned n;
};

static int collect_routes(const struct sip_msg *m, struct routes *out)
{
	struct sip_list l = sip_list_of(m, SIP_HEADER_RECORD_ROUTE);
	struct sip_name_addr a;
	struct sip_str element;
	int more;

	out->n = 0;
	while ((more = sip_list_next(&l, &element)) == 1) {
		if (out->n == ROUTES_MAX || sip_name_addr_decode(element, &a) != 0)
			return ERR_MALFORMED;
		out->elements[out->n++] = element;
	}
	return more;
}

/* The I-th route as we go along them: those of a response come in reverse (§12.1.2). */
static struct sip_str route_at(const struct routes *r, unsigned i, bool is_reversed)
{
	return r->elements[is_reversed ? r->n - 1 - i : i];
}

/* A Request-URI has no headers (RFC 3261 §19.1.1), whatever a Contact or a route has. */
static struct sip_str without_headers(struct sip_str uri)
{
	struct sip_uri u;

	if (sip_uri_decode(uri, &u) == 0 && u.headers.at)
		uri.len = (uint32_t)(u.headers.at - 1 - uri.at);
	return uri;
}

/* The URI of a first route that does not know loose routing (§12.2.1.1). */
static struct sip_str strict_uri(const struct routes *r, bool is_reversed)
{
	struct sip_name_addr a;
	struct sip_param lr;
	struct sip_uri u;

	if (r->n == 0 || sip_name_addr_decode(route_at(r, 0, is_reversed), &a) != 0 ||
		sip_uri_decode(a.uri, &u) != 0 || sip_param_find(u.params, "lr", &lr))
		return SIP_NONE;
	return without_headers(a.uri);
}

/* ---- text ---- */

/* What has been written since FROM, as a slice. */
static struct sip_str since(const struct sip_writer *w, size_t from)
{
	return sip_str_of(w->buf + from, w->len - from);
}

static struct sip_str put(struct sip_writer *w, struct sip_str s)
{
	size_t from = w->len;

	sip_write_str(w, s);
	return since(w, from);
}

static struct sip_str put_routes(
	struct sip_writer *w, const struct routes *r, unsigned first, bool is_reversed)
{
	size_t from = w->len;

	for (unsigned i = first; i < r->n; i++)
		sip_write_header(w, SIP_HEADER_ROUTE, route_at(r, i, is_reversed));
	return since(w, from);
}

static struct sip_str moved(struct sip_str s, const char *from, char *to)
{
	return s.at ? sip_str_of(to + (s.at - from), s.len) : s;
}

/* D's slices point into the writer's buffer; they get one of their own, of the right size. */
static int settle(struct sip_dialog *d, const struct sip_writer *w)
{
	struct sip_str *all[] = {&d->call_id, &d->local_tag, &d->remote_tag, &d->local, &d->remote,
		&d->routes, &d->strict};
	char *text;

	if (w->failed)
		return ERR_TOO_LARGE;
	text = malloc(w->len ? w->len : 1);
	if (!text)
		return -ENOMEM;
	memcpy(text, w->buf, w->len);
	for (size_t i = 0; i < ARRAY_LEN(all); i++)
		*all[i] = moved(*all[i], w->buf, text);
	free(d->text);
	d->text = text;
	return 0;
}

static int set_target(struct sip_dialog *d, struct sip_str uri)
{
	char *text = malloc(uri.len ? uri.len : 1);

	if (!text)
		return -ENOMEM;
	memcpy(text, uri.at, uri.len);
	free(d->target_text);
	d->target_text = text;
	d->target = sip_str_of(text, uri.len);
	return 0;
}

/* 0: there is a Contact, and URI is its first. */
static int contact_of(const struct sip_msg *m, struct sip_str *uri)
{
	struct sip_list l = sip_list_of(m, SIP_HEADER_CONTACT);
	struct sip_name_addr a;
	int more = sip_name_addr_next(&l, &a);

	if (more == 0)
		return ERR_NOT_FOUND;
	if (more < 0 || a.is_star)
		return ERR_MALFORMED;
	*uri = without_headers(a.uri);
	return 0;
}

/* ---- beginnings ---- */

static void write_routes(
	struct sip_dialog *d, struct sip_writer *w, const struct routes *r, bool is_reversed)
{
	d->strict = strict_uri(r, is_reversed);
	if (d->strict.at)
		d->strict = put(w, d->strict);
	d->routes = put_routes(w, r, d->strict.at ? 1 : 0, is_reversed);
}

static int begin(struct sip_dialog *d, const struct sip_msg *m, struct sip_str target,
	struct sip_str local_tag)
{
	char buf[TEXT_MAX];
	struct sip_writer w;
	struct routes r;
	size_t from;
	int err = collect_routes(m, &r);

	if (err)
		return err;
	sip_write_begin(&w, buf, sizeof(buf));
	d->call_id = put(&w, m->call_id);
	if (m->is_request) {
		d->remote = put(&w, sip_header_value(m, SIP_HEADER_FROM));
		from = w.len;
		sip_write_str(&w, sip_header_value(m, SIP_HEADER_TO));
		sip_write_param(&w, "tag", local_tag);
		d->local = since(&w, from);
		d->local_tag = put(&w, local_tag);
		d->remote_tag = put(&w, m->from_tag);
	} else {
		d->local = put(&w, sip_header_value(m, SIP_HEADER_FROM));
		d->remote = put(&w, sip_header_value(m, SIP_HEADER_TO));
		d->local_tag = put(&w, m->from_tag);
		d->remote_tag = put(&w, m->to_tag);
	}
	write_routes(d, &w, &r, !m->is_request);
	err = set_target(d, target);
	if (err == 0)
		err = settle(d, &w);
	if (err)
		sip_dialog_fini(d);
	return err;
}

int sip_dialog_of_request(
	struct sip_dialog *d, const struct sip_msg *request, struct sip_str local_tag)
{
	struct sip_str target;

	*d = (struct sip_dialog){
		.remote_cseq = request->cseq, .has_remote_cseq = true, .local_cseq = 0};
	/* One with a tag in To belongs to a dialog that we do not know. */
	if (request->to_tag.at || contact_of(request, &target) != 0)
		return ERR_MALFORMED;
	return begin(d, request, target, local_tag);
}

int sip_dialog_of_response(
	struct sip_dialog *d, const struct sip_msg *response, struct sip_str target)
{
	int err;

	*d = (struct sip_dialog){.local_cseq = response->cseq, .is_call_id_ours = true};
	err = contact_of(response, &target);
	if (err == ERR_MALFORMED || (err && response->status >= 200))
		return ERR_MALFORMED;
	return begin(d, response, target, SIP_NONE);
}

void sip_dialog_fini(struct sip_dialog *d)
{
	free(d->text);
	free(d->target_text);
	*d = (struct sip_dialog){.is_filed = false};
}

int sip_dialog_copy(struct sip_dialog *out, const struct sip_dialog *d)
{
	struct sip_dialog copy = *d;
	struct sip_str *all[] = {&copy.call_id, &copy.local_tag, &copy.remote_tag, &copy.local,
		&copy.remote, &copy.routes, &copy.strict};
	size_t len = 1;
	char *at;

	for (size_t i = 0; i < ARRAY_LEN(all); i++)
		len += all[i]->len;
	copy.text = at = malloc(len);
	copy.target_text = NULL;
	if (!at || set_target(&copy, d->target) != 0) {
		free(at);
		return -ENOMEM;
	}
	for (size_t i = 0; i < ARRAY_LEN(all); i++) {
		if (!all[i]->at)
			continue;
		memcpy(at, all[i]->at, all[i]->len);
		all[i]->at = at;
		at += all[i]->len;
	}
	copy.is_filed = false;
	*out = copy;
	return 0;
}

/* ---- changes ---- */

int sip_dialog_refresh(struct sip_dialog *d, const struct sip_msg *m)
{
	struct sip_str uri;
	int err = contact_of(m, &uri);

	if (err == ERR_NOT_FOUND)
		return 0;
	return err ? err : set_target(d, uri);
}

int sip_dialog_confirm(struct sip_dialog *d, const struct sip_msg *response)
{
	char buf[TEXT_MAX];
	struct sip_dialog next = *d;
	struct sip_writer w;
	struct routes r;
	int err = collect_routes(response, &r);

	if (err)
		return err;
	sip_write_begin(&w, buf, sizeof(buf));
	next.call_id = put(&w, d->call_id);
	next.local_tag = put(&w, d->local_tag);
	next.remote_tag = put(&w, d->remote_tag);
	next.local = put(&w, d->local);
	next.remote = put(&w, d->remote);
	write_routes(&next, &w, &r, true);
	err = settle(&next, &w);
	if (err)
		return err;
	*d = next;
	return sip_dialog_refresh(d, response);
}

bool sip_dialog_take(struct sip_dialog *d, const struct sip_msg *request)
{
	if (d->has_remote_cseq && request->cseq <= d->remote_cseq)
		return false;
	d->remote_cseq = request->cseq;
	d->has_remote_cseq = true;
	return true;
}

/* ---- requests of ours ---- */

struct sip_str sip_dialog_uri(const struct sip_dialog *d)
{
	return d->strict.at ? d->strict : d->target;
}

struct sip_str sip_dialog_next_hop(const struct sip_dialog *d)
{
	struct sip_name_addr a;
	struct sip_str first = d->routes;
	uint32_t at = 0;

	if (d->strict.at || d->routes.len == 0)
		return sip_dialog_uri(d);
	first.at += strlen("Route: ");
	first.len -= (uint32_t)strlen("Route: ");
	first.len = (uint32_t)((const char *)memchr(first.at, '\r', first.len) - first.at);
	if (sip_value_next(first, &at, &first) != 1 || sip_name_addr_decode(first, &a) != 0)
		return d->target;
	return a.uri;
}

void sip_dialog_write(
	const struct sip_dialog *d, struct sip_writer *w, enum sip_method method, uint32_t cseq)
{
	if (d->routes.len > w->cap - w->len)
		w->failed = true;
	if (!w->failed && d->routes.len) {
		memcpy(w->buf + w->len, d->routes.at, d->routes.len);
		w->len += d->routes.len;
	}
	if (d->strict.at) {
		const struct sip_name_addr target = {.uri = d->target, .has_brackets = true};
		sip_write_open(w, SIP_HEADER_ROUTE);
		sip_write_name_addr(w, &target);
		sip_write_close(w);
	}
	sip_write_header_number(w, SIP_HEADER_MAX_FORWARDS, 70);
	sip_write_header(w, SIP_HEADER_FROM, d->local);
	sip_write_header(w, SIP_HEADER_TO, d->remote);
	sip_write_header(w, SIP_HEADER_CALL_ID, d->call_id);
	sip_write_cseq(w, cseq, sip_str_c(sip_method_name(method)));
}
