/* SPDX-License-Identifier: BSD-3-Clause */
#include <stdio.h>
#include "relay.h"

#define HOST_LEN 264 /* a DNS name, or an address in brackets */

const struct addr *mras_relay_next_address(
	const struct mras_relay *r, const struct mras_view *v, size_t *i)
{
	while (*i < r->n_addresses) {
		const struct addr *a = &r->addresses[(*i)++];
		if (!v->is_ipv4_only || a->family == ADDR_IPV4)
			return a;
	}
	return NULL;
}

bool mras_relay_is_named(const struct mras_relay *r, const struct mras_view *v)
{
	return r->host_name != NULL && !v->is_direct;
}

bool mras_relay_is_offered(const struct mras_relay *r, const struct mras_view *v)
{
	size_t i = 0;
	if (r->tenant != v->tenant || (r->location & v->locations) == 0)
		return false;
	if (r->udp_port == 0 && r->tcp_port == 0 && r->tls_port == 0 && r->dtls_port == 0)
		return false;
	return mras_relay_is_named(r, v) || mras_relay_next_address(r, v, &i) != NULL;
}

static int host_urls(const struct mras_relay *r, const char *host, mras_url_fn fn, void *arg)
{
	const struct {
		const char *scheme, *transport;
		uint16_t port;
	} ways[] = {{"turn", "udp", r->udp_port}, {"turn", "tcp", r->tcp_port},
		{"turns", "tcp", r->tls_port}, {"turns", "udp", r->dtls_port}};
	for (size_t i = 0; i < ARRAY_LEN(ways); i++) {
		char url[HOST_LEN + 40];
		if (ways[i].port == 0)
			continue;
		snprintf(url, sizeof(url), "%s:%s:%u?transport=%s", ways[i].scheme, host,
			ways[i].port, ways[i].transport);
		int code = fn(url, arg);
		if (code != 0)
			return code;
	}
	return 0;
}

int mras_relay_each_url(
	const struct mras_relay *r, const struct mras_view *v, mras_url_fn fn, void *arg)
{
	const struct addr *a;
	if (mras_relay_is_named(r, v))
		return host_urls(r, r->host_name, fn, arg);
	for (size_t i = 0; (a = mras_relay_next_address(r, v, &i)) != NULL;) {
		char text[ADDR_TEXT_LEN], host[HOST_LEN];
		addr_format_ip(a, text);
		snprintf(host, sizeof(host), a->family == ADDR_IPV6 ? "[%s]" : "%s", text);
		int code = host_urls(r, host, fn, arg);
		if (code != 0)
			return code;
	}
	return 0;
}
