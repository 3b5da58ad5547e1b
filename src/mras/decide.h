/* SPDX-License-Identifier: BSD-3-Clause */
/* The decision's parts that the TURN REST form shares with the documents. */
#ifndef MRAS_DECIDE_H
#define MRAS_DECIDE_H

#include <sallyport/mras.h>
#include "relay.h"

struct mras_verdict {
	enum mras_result result;
	const char *detail; /* static */
	unsigned retry_after_s;
};

/* May this caller ask for N credentials now? Counts them when it may. */
struct mras_verdict mras_admit(struct mras_service *s, const struct mras_context *ctx, size_t n);
/* For this identity and these relays? A view of no location becomes one of all the caller's. */
struct mras_verdict mras_permit(const struct mras_config *c, const struct mras_caller *caller,
	const char *identity, struct mras_view *v);
/* The longest lifetime in minutes this caller may give. */
uint32_t mras_duration_max(const struct mras_config *c, const struct mras_caller *caller);
uint32_t mras_duration_default(const struct mras_config *c);
/* What a failed mint means to the one who asked. */
struct mras_verdict mras_mint_verdict(int code);

#endif
