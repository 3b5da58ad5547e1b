/* SPDX-License-Identifier: BSD-3-Clause */
/* What both targets hold true of a decoded request, and an answer that grants all of it. */
#ifndef SALLYPORT_TESTS_FUZZ_MRAS_H
#define SALLYPORT_TESTS_FUZZ_MRAS_H

#include <stdlib.h>
#include <string.h>
#include <sallyport/mras.h>

static inline void must(bool is_true)
{
	if (!is_true)
		abort();
}

static inline void check_item(const struct mras_item *i)
{
	must(i->id != NULL && strlen(i->id) <= (size_t)MRAS_ID_MAX * 4);
	must(i->identity != NULL && i->identity[0] != '\0');
	must(i->location == 0 || i->location == AUTH_INTERNET || i->location == AUTH_INTRANET);
	must(i->duration_min <= MRAS_DURATION_MAX);
	(void)mras_identity_matches("*a*@*.example.com", i->identity);
}

static inline void check_request(
	const struct mras_request *r, enum mras_result result, const char *detail)
{
	must((result == MRAS_OK) == (detail[0] == '\0'));
	must(memchr(detail, '\0', MRAS_DETAIL_LEN) != NULL);
	must(r->n_items <= MRAS_ITEMS_MAX);
	if (result != MRAS_OK)
		return;
	must(r->n_items >= 1);
	for (size_t i = 0; i < r->n_items; i++)
		check_item(&r->items[i]);
}

/* The answer to R; malloc'd. */
static inline char *answer(
	enum mras_format f, const struct mras_request *r, enum mras_result result, size_t *len)
{
	static const struct addr address = {
		.ip = {[10] = 0xff, 0xff, 192, 0, 2, 1}, .family = ADDR_IPV4};
	static const struct mras_relay relay = {.location = AUTH_INTERNET,
		.host_name = "av.example.com",
		.addresses = &address,
		.n_addresses = 1,
		.udp_port = 3478,
		.tcp_port = 3478,
		.tls_port = 443};
	static const struct mras_config config = {.relays = &relay, .n_relays = 1};
	struct mras_response response = {.result = result, .realm = "edge.example.com"};
	char *text = NULL;
	if (result == MRAS_OK) {
		response.n_grants = r->n_items;
		response.grants = calloc(r->n_items, sizeof(*response.grants));
		must(response.grants != NULL);
		for (size_t i = 0; i < r->n_items; i++)
			response.grants[i].locations = AUTH_INTERNET;
	}
	must(mras_response_encode(f, &config, r, &response, &text, len) == 0);
	must(strlen(text) == *len);
	mras_response_fini(&response);
	return text;
}

#endif
