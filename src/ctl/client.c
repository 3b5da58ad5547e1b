/* SPDX-License-Identifier: BSD-3-Clause */
/* One request to the daemon, over its Unix socket; and why there is no answer. */
#include <errno.h>
#include <grp.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <unistd.h>
#include <curl/curl.h>

#include <sallyport/common.h>

#include "config_file.h"
#include "ctl.h"

#define ANSWER_MAX ((size_t)64 * 1024 * 1024)
#define TIMEOUT_S  15L

/* ---- why it cannot be reached ---- */

/* The name of the group that may open PATH, or that of its folder when PATH cannot be seen. */
static const char *group_of(const char *path, char buf[64])
{
	char folder[256];
	struct stat st;

	snprintf(folder, sizeof(folder), "%s", path);
	char *slash = strrchr(folder, '/');
	if (slash && slash != folder)
		*slash = '\0';
	if (stat(path, &st) != 0 && stat(folder, &st) != 0)
		return "of the daemon";
	const struct group *g = getgrgid(st.st_gid);
	if (g)
		snprintf(buf, 64, "%s", g->gr_name);
	else
		snprintf(buf, 64, "%u", (unsigned)st.st_gid);
	return buf;
}

/* The errno of connecting to PATH; 0 when that works. */
static int try_connect(const char *path)
{
	struct sockaddr_un sa = {.sun_family = AF_UNIX};
	int error = 0;

	if (strlen(path) >= sizeof(sa.sun_path))
		return ENAMETOOLONG;
	memcpy(sa.sun_path, path, strlen(path));
	int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
	if (fd < 0 || connect(fd, (const struct sockaddr *)&sa, sizeof(sa)) != 0)
		error = errno;
	if (fd >= 0)
		close(fd);
	return error;
}

static int say_unreachable(const char *path, CURLcode code)
{
	char group[64];

	switch (try_connect(path)) {
	case ENOENT:
	case ENOTDIR:
		return ctl_fail("there is no socket %s: is sallyportd running (systemctl status "
				"sallyportd)? If it has another \"admin.socket\", name that with "
				"-s, or its configuration with -c",
			path);
	case ECONNREFUSED:
		return ctl_fail("nobody listens on %s: sallyportd has ended; start it (systemctl "
				"start sallyportd), its log says why it did",
			path);
	case EACCES:
	case EPERM:
		return ctl_fail("this user may not open %s: become root, or a member of the group "
				"%s",
			path, group_of(path, group));
	case ENAMETOOLONG:
		return ctl_fail("%s is too long for the name of a socket", path);
	default:
		return ctl_fail("no answer on %s: %s%s", path, curl_easy_strerror(code),
			code == CURLE_OPERATION_TIMEDOUT
				? "; the daemon hangs or is overloaded, look at its log"
				: "; is it the socket of sallyportd?");
	}
}

/* ---- the request ---- */

struct body {
	char *data;
	size_t len;
};

static size_t gather(char *data, size_t one, size_t n, void *arg)
{
	struct body *b = arg;

	(void)one; /* always 1 */
	if (b->len + n > ANSWER_MAX)
		return 0;
	char *grown = realloc(b->data, b->len + n + 1);
	if (!grown)
		return 0;
	memcpy(grown + b->len, data, n);
	b->data = grown;
	b->len += n;
	return n;
}

/* Control characters, those of two bytes too, become '?': a name in an answer may be a stranger's,
 * and a terminal obeys what it is shown. */
static void make_text_printable(json_t *v)
{
	char *text = strdup(json_string_value(v));

	for (unsigned char *p = (unsigned char *)text; p && *p; p++) {
		if (p[0] == 0xc2 && p[1] < 0xa0)
			p[0] = p[1] = '?';
		else if (*p < 0x20 || *p == 0x7f)
			*p = '?';
	}
	(void)json_string_set(v, text ? text : "?");
	free(text);
}

static void make_printable(json_t *v)
{
	const char *key;
	json_t *inner;
	size_t i;

	if (json_is_string(v))
		make_text_printable(v);
	json_array_foreach (v, i, inner)
		make_printable(inner);
	json_object_foreach (v, key, inner)
		make_printable(inner);
}

static int perform(
	CURL *h, const char *socket, const char *url, const char *text, struct ctl_answer *out)
{
	struct body body = {0};
	struct curl_slist *headers = curl_slist_append(NULL, "Content-Type: application/json");

	curl_easy_setopt(h, CURLOPT_UNIX_SOCKET_PATH, socket);
	curl_easy_setopt(h, CURLOPT_URL, url);
	curl_easy_setopt(h, CURLOPT_TIMEOUT, TIMEOUT_S);
	curl_easy_setopt(h, CURLOPT_NOSIGNAL, 1L);
	curl_easy_setopt(h, CURLOPT_PROXY, "");
	curl_easy_setopt(h, CURLOPT_WRITEFUNCTION, gather);
	curl_easy_setopt(h, CURLOPT_WRITEDATA, &body);
	if (text) {
		curl_easy_setopt(h, CURLOPT_HTTPHEADER, headers);
		curl_easy_setopt(h, CURLOPT_POSTFIELDSIZE, (long)strlen(text));
		curl_easy_setopt(h, CURLOPT_POSTFIELDS, text);
	}
	CURLcode code = curl_easy_perform(h);
	if (code == CURLE_OK) {
		curl_easy_getinfo(h, CURLINFO_RESPONSE_CODE, &out->status);
		out->root = body.len > 0 ? json_loadb(body.data, body.len, 0, NULL) : NULL;
	}
	free(body.data);
	curl_slist_free_all(headers);
	return code == CURLE_OK ? CTL_OK : say_unreachable(socket, code);
}

bool ctl_url_add(char url[CTL_URL_MAX], const char *name, const char *value)
{
	size_t len = strlen(url);
	char *text = value ? curl_easy_escape(NULL, value, 0) : NULL;
	int n = 0;

	if (value && text)
		n = snprintf(url + len, CTL_URL_MAX - len, "%c%s=%s", strchr(url, '?') ? '&' : '?',
			name, text);
	curl_free(text);
	return !value || (text && (size_t)n < CTL_URL_MAX - len);
}

int ctl_ask(struct ctl *c, const char *path, json_t *body, struct ctl_answer *out)
{
	char *text = body ? json_dumps(body, JSON_COMPACT) : NULL;
	char url[CTL_URL_MAX], socket[CTL_PATH_LEN];
	CURL *h = NULL;
	int status = ctl_socket(c, socket);

	*out = (struct ctl_answer){0};
	if (status == CTL_OK) {
		snprintf(url, sizeof(url), "http://localhost%s", path);
		h = curl_easy_init();
		status = h && (text || !body) && ctl_url_add(url, "tenant", c->tenant)
				 ? perform(h, socket, url, text, out)
				 : ctl_fail("out of memory");
	}
	if (!c->is_json)
		make_printable(out->root);
	curl_easy_cleanup(h);
	json_decref(body);
	free(text);
	return status;
}

/* ---- answers ---- */

int ctl_refused(const struct ctl_answer *a)
{
	const char *title = ctl_text(a->root, "title"), *detail = ctl_text(a->root, "detail");

	if (a->status == 404 && detail[0] == '\0')
		return ctl_fail("the daemon does not know this request: it is older than "
				"sallyportctl, or the socket is another program's");
	if (title[0] == '\0')
		return ctl_fail("the daemon answered %ld; its log says more", a->status);
	return ctl_fail("%s%s%s", title, detail[0] ? ": " : "", detail);
}

int ctl_fetch(struct ctl *c, const char *path, json_t *body, json_t **out)
{
	struct ctl_answer a;
	int status = ctl_ask(c, path, body, &a);

	if (status != CTL_OK)
		return status;
	if (a.status == 200 && a.root) {
		*out = a.root;
		return CTL_OK;
	}
	status = ctl_refused(&a);
	json_decref(a.root);
	return status;
}

int ctl_print_json(json_t *root)
{
	bool is_good = root && json_dumpf(root, stdout, JSON_INDENT(2)) == 0;

	json_decref(root);
	putchar('\n');
	return is_good ? CTL_OK : ctl_fail("the answer could not be printed");
}

const char *ctl_text(const json_t *o, const char *member)
{
	const char *s = json_string_value(json_object_get(o, member));

	return s ? s : "";
}

int64_t ctl_number(const json_t *o, const char *member)
{
	return json_integer_value(json_object_get(o, member));
}

bool ctl_is_true(const json_t *o, const char *member)
{
	return json_is_true(json_object_get(o, member));
}
