/* SPDX-License-Identifier: BSD-3-Clause */
/* Which relays an answer names, and how. */
#ifndef MRAS_RELAY_H
#define MRAS_RELAY_H

#include <sallyport/mras.h>

/* What the one who asked wants to see of the relays. */
struct mras_view {
	uint8_t locations; /* enum auth_location bits */
	bool is_direct, is_ipv4_only;
	unsigned tenant;
};

/* Is there anything of R to show? */
bool mras_relay_is_offered(const struct mras_relay *r, const struct mras_view *v);
/* By its host name; else by its addresses. */
bool mras_relay_is_named(const struct mras_relay *r, const struct mras_view *v);
/* The next address from *I on, which is moved behind it; NULL at the end. */
const struct addr *mras_relay_next_address(
	const struct mras_relay *r, const struct mras_view *v, size_t *i);

/* Calls FN with every URL (RFC 7065) of R; the first failure ends it and is returned. */
typedef int (*mras_url_fn)(const char *url, void *arg);
int mras_relay_each_url(
	const struct mras_relay *r, const struct mras_view *v, mras_url_fn fn, void *arg);

#endif
